// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See fx_tool.h.

#include "fx_tool.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/tcp.h>

#define ETH_LEN    14u
#define PACKET_MAX 9216u

struct packet_tool tool;

static uint8_t taken[ETH_LEN + PACKET_MAX]; // The packet taken last, with room for a MAC header.
static uint32_t taken_len;
static long long taken_us;
static uint16_t next_port = TOOL_PEER_PORT;

const char *tool_path(void)
{
	return HC_PLUGIN;
}

void tool_open(const char *flags)
{
	void (*init)(const char *, struct packet_tool *);
	void *handle = dlopen(tool_path(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	init = (void (*)(const char *, struct packet_tool *))(uintptr_t)dlsym(
		handle, "packetdrill_interface_init");
	CU_ASSERT_PTR_NOT_NULL_FATAL(init);
	memset(&tool, 0, sizeof tool);
	init(flags, &tool);
}

void tool_shut(void)
{
	tool.free(tool.userdata);
}

int64_t tool_now_us(void)
{
	struct timeval tv;

	UNIT_EQ(tool.gettimeofday(tool.userdata, &tv, NULL), 0);
	return tv.tv_sec * INT64_C(1000000) + tv.tv_usec;
}

struct tool_peer tool_peer_new(uint32_t irs)
{
	next_port = (uint16_t)(next_port == UINT16_MAX ? TOOL_PEER_PORT : next_port + 1);
	return (struct tool_peer){
		.port = next_port, .local_port = TOOL_PORT, .irs = irs, .seq = irs};
}

void tool_put(const struct tool_peer *p, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	static const uint8_t payload[2000];
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t frame_len;

	f.src = TOOL_REMOTE;
	f.dst = TOOL_LOCAL;
	f.sport = p->port;
	f.dport = p->local_port;
	f.seq = seq;
	f.ack = flags & FRAME_ACK ? ack : 0;
	f.flags = (uint8_t)flags;
	f.wnd = 60000;
	if (flags & FRAME_SYN) {
		f.opt = p->opt;
		f.opt_len = p->opt_len;
	}
	f.payload = payload;
	f.payload_len = len;
	frame_len = frame_write_tcp(frame, &f);
	UNIT_EQ(tool.netdev_send(tool.userdata, frame + ETH_LEN, frame_len - ETH_LEN), 0);
}

static bool receive(void)
{
	static const uint8_t mac[ETH_LEN] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	size_t len = PACKET_MAX;

	UNIT_EQ(tool.netdev_receive(tool.userdata, taken + ETH_LEN, &len, &taken_us), 0);
	memcpy(taken, mac, sizeof mac);
	taken_len = (uint32_t)len;
	return len != 0;
}

const struct frame_view *tool_take(struct tool_peer *p, int64_t within_us)
{
	static struct frame_view v;
	int64_t until_us = tool_now_us() + within_us;

	// Time goes on to the next packet, which may leave too late: then it is forgotten, like the
	// retransmission it is, and silence it was.
	while (receive()) {
		const char *bad = frame_check(taken, ETH_LEN + taken_len, FRAME_CSUM_FULL, &v);

		if (bad)
			CU_FAIL(bad);
		if (v.kind != FRAME_KIND_TCP || v.dport != p->port)
			continue;
		if (taken_us > until_us)
			return NULL;
		if (v.flags & FRAME_SYN) {
			p->iss = v.seq;
			p->local_port = v.sport;
		}
		p->ack = v.seq + v.payload_len + ((v.flags & (FRAME_SYN | FRAME_FIN)) != 0);
		if (v.flags & FRAME_ACK)
			p->edge = v.ack + v.wnd;
		return &v;
	}
	return NULL;
}

const uint8_t *tool_options(uint32_t *len)
{
	const uint8_t *tcp = taken + ETH_LEN + 20;

	*len = (tcp[12] >> 4) * 4u - 20;
	return tcp + 20;
}

int64_t tool_left_us(void)
{
	return taken_us;
}

int tool_listen(void)
{
	const struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_port = htons(TOOL_PORT),
		.sin_addr.s_addr = htonl(TOOL_LOCAL),
	};
	int fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
	const int on = 1;

	CU_ASSERT(fd >= 0);
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	UNIT_EQ(tool.bind(tool.userdata, fd, (const struct sockaddr *)&local, sizeof local), 0);
	UNIT_EQ(tool.listen(tool.userdata, fd, 64), 0);
	return fd;
}

int tool_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	UNIT_EQ(tool.getsockopt(tool.userdata, fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}
