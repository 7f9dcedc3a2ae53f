// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See host.h.

#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "io/sim.h"
#include "stack/port.h"
#include "wire/build.h"

// Scripts send packets larger than a link would carry, as hosts see them that merge segments.
#define PORT_MTU  9000u
#define BUFFERS   2047u
#define RING_DESC 1024u
#define NS        1000ull // Of a microsecond.
// A timer's slot of the wheel may make it due a little early: then time goes on in steps of this.
#define EARLY_US 100

struct host {
	struct hc_sim_port sp;
	struct hc_worker *w;
	struct hc_sockets *sockets;
	struct hc_stack_config cfg;
	int64_t now_us;
	unsigned out_head;
	unsigned out_count;
	struct host_packet out[HOST_OUT_MAX];
};

static const uint8_t next_hop_mac[6] = {2, 0, 0, 0, 0, 1};

// EAL starts once in a process, and there may be a host after a host.
static struct hc_runtime *runtime_get(void)
{
	static struct hc_runtime *runtime;
	static const char *const devices[] = {"ring"};
	// A tool may lock all memory, so no more than is needed.
	static const char *const eal_args[] = {"-m", "64"};
	const struct hc_runtime_config cfg = {
		.worker_count = 1,
		.devices = devices,
		.device_count = 1,
		.eal_args = eal_args,
		.eal_arg_count = 2,
		.is_quiet = true,
		.no_huge = true,
	};
	char why[HC_WHY_SIZE];

	if (!runtime && hc_runtime_start(&cfg, &runtime, why) != 0) {
		fprintf(stderr, "handclasp: %s\n", why);
		runtime = NULL;
	}
	return runtime;
}

static bool open_all(struct host *h)
{
	const struct hc_port_config port = {.device = "ring",
					    .queue_count = 1,
					    .mtu = PORT_MTU,
					    .buffer_count = BUFFERS,
					    .ring_desc = RING_DESC};
	const struct hc_sockets_config sockets = {.socket_cap = HOST_SOCKETS, .kept_cap = 4096};
	struct hc_runtime *rt = runtime_get();
	char sentence[HC_WHY_SIZE] = "the runtime does not start";
	const char *why = sentence;

	if (!rt || hc_sim_port_open(rt, &port, &h->sp, sentence) != 0 ||
	    hc_worker_create(h->sp.port, 0, &h->cfg, &h->w, &why) != 0 ||
	    hc_sockets_create(h->w, &sockets, &h->sockets) != 0) {
		fprintf(stderr, "handclasp: %s\n", why ? why : "no memory");
		return false;
	}
	return true;
}

struct host *host_open(const struct hc_stack_config *cfg, int64_t now_us)
{
	struct host *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->cfg = *cfg;
	h->now_us = now_us;
	if (!open_all(h)) {
		(void)host_shut(h);
		return NULL;
	}
	host_settle(h);
	return h;
}

bool host_shut(struct host *h)
{
	struct hc_port_info info = {0};
	char why[256] = "";
	bool balances = true;

	hc_sockets_destroy(h->sockets);
	if (h->w) {
		(void)hc_abort_all(h->w);
		hc_flush(h->w);
		balances = hc_worker_audit(h->w, why, sizeof why);
		if (!balances)
			fprintf(stderr, "handclasp: the books do not balance: %s\n", why);
		hc_worker_destroy(h->w);
	}
	if (h->sp.port) {
		hc_port_stop(h->sp.port);
		hc_port_info(h->sp.port, &info);
		if (info.buffers_out != 0)
			fprintf(stderr, "handclasp: %u buffers leaked\n", info.buffers_out);
		hc_port_close(h->sp.port);
	}
	free(h);
	return balances && info.buffers_out == 0;
}

struct hc_sockets *host_sockets(struct host *h)
{
	return h->sockets;
}

struct hc_worker *host_worker(struct host *h)
{
	return h->w;
}

// A frame of ours towards the stack. @return false when there is no room.
static bool put_frame(struct host *h, uint16_t type, const void *packet, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(h->sp.port->pool[0]);
	uint8_t *frame;

	frame = m && len <= UINT16_MAX - HC_ETH_LEN
			? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(HC_ETH_LEN + len))
			: NULL;
	if (!frame) {
		rte_pktmbuf_free(m);
		return false;
	}
	memcpy(frame + HC_ETH_DST, h->sp.port->mac, 6);
	memcpy(frame + HC_ETH_SRC, next_hop_mac, 6);
	hc_store_be16(frame + HC_ETH_TYPE, hc_to_be16(type));
	memcpy(frame + HC_ETH_LEN, packet, len);
	if (rte_ring_enqueue(h->sp.to_port, m) != 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	return true;
}

// Whoever the stack asks for is the next hop, but for the host itself: probes of its own address
// are nobody's to answer.
static bool answer_arp(struct host *h, const uint8_t *arp)
{
	hc_be32 asked_be = hc_load_be32(arp + HC_ARP_TPA);
	hc_be32 local_be = hc_to_be32(h->cfg.local_addr);
	uint8_t answer[HC_ETH_LEN + HC_ARP_LEN];

	if (hc_from_be16(hc_load_be16(arp + HC_ARP_OP)) != HC_ARP_REQUEST || asked_be == local_be)
		return false;
	(void)hc_build_arp(answer, HC_ARP_REPLY, h->sp.port->mac, next_hop_mac, asked_be,
			   h->sp.port->mac, local_be);
	return put_frame(h, HC_ETHERTYPE_ARP, answer + HC_ETH_LEN, HC_ARP_LEN);
}

static void keep_packet(struct host *h, const uint8_t *packet, uint32_t len)
{
	struct host_packet *p = &h->out[(h->out_head + h->out_count) % HOST_OUT_MAX];

	if (h->out_count == HOST_OUT_MAX || len > HOST_PACKET_MAX) {
		fprintf(stderr, "handclasp: a packet of %u bytes is lost: %u wait\n", len,
			h->out_count);
		return;
	}
	h->out_count++;
	p->at_us = h->now_us;
	p->len = len;
	memcpy(p->bytes, packet, len);
}

// Takes what the stack has sent. @return whether it has got an answer.
static bool take_frames(struct host *h)
{
	bool is_answered = false;
	struct rte_mbuf *m;

	while (rte_ring_dequeue(h->sp.from_port, (void **)&m) == 0) {
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
		uint16_t type = hc_from_be16(hc_load_be16(frame + HC_ETH_TYPE));

		if (type == HC_ETHERTYPE_ARP)
			is_answered |= answer_arp(h, frame + HC_ETH_LEN);
		else
			keep_packet(h, frame + HC_ETH_LEN, m->data_len - HC_ETH_LEN);
		rte_pktmbuf_free(m);
	}
	return is_answered;
}

void host_settle(struct host *h)
{
	do {
		hc_sockets_step(h->sockets, (uint64_t)h->now_us * NS);
	} while (take_frames(h) || rte_ring_count(h->sp.to_port) != 0);
}

int64_t host_advance(struct host *h, int64_t until_us)
{
	uint64_t due_ns = hc_next_due_ns(h->w);
	uint64_t until_ns = (uint64_t)until_us * NS;
	int64_t next_us = until_us;

	if (due_ns < until_ns) {
		next_us = (int64_t)((due_ns + NS - 1) / NS);
		if (next_us <= h->now_us)
			next_us = h->now_us + EARLY_US;
	}
	if (next_us > until_us)
		next_us = until_us;
	if (next_us > h->now_us)
		h->now_us = next_us;
	host_settle(h);
	return h->now_us;
}

bool host_put(struct host *h, const void *packet, size_t len)
{
	bool is_put = put_frame(h, HC_ETHERTYPE_IP4, packet, len);

	host_settle(h);
	return is_put;
}

const struct host_packet *host_take(struct host *h)
{
	const struct host_packet *p = &h->out[h->out_head];

	if (h->out_count == 0)
		return NULL;
	h->out_head = (h->out_head + 1) % HOST_OUT_MAX;
	h->out_count--;
	return p;
}

bool host_has_packet(const struct host *h)
{
	return h->out_count != 0;
}
