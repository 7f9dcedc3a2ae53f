// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See frames.h.

#include "frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void frame_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void frame_put32(uint8_t *p, uint32_t v)
{
	frame_put16(p, v >> 16);
	frame_put16(p + 2, v);
}

uint32_t frame_get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

uint32_t frame_get32(const uint8_t *p)
{
	return frame_get16(p) << 16 | frame_get16(p + 2);
}

uint32_t frame_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint32_t frame_pseudo_sum(uint32_t src, uint32_t dst, uint8_t proto, uint32_t l4_len)
{
	uint8_t pseudo[12] = {0};

	frame_put32(pseudo, src);
	frame_put32(pseudo + 4, dst);
	pseudo[9] = proto;
	frame_put16(pseudo + 10, l4_len);
	return frame_sum(0, pseudo, sizeof pseudo);
}

void frame_fix_ip_csum(uint8_t *frame, uint32_t len)
{
	uint8_t *ip = frame + FRAME_IP;
	uint32_t hdr_len;

	if (len < FRAME_L4)
		return;
	hdr_len = (ip[0] & 0xfu) * 4;
	if (hdr_len < 20 || hdr_len > len - FRAME_IP)
		return;
	frame_put16(ip + 10, 0);
	frame_put16(ip + 10, ~frame_sum(0, ip, hdr_len));
}

void frame_fix_l4_csum(uint8_t *frame, uint32_t len)
{
	uint8_t *ip = frame + FRAME_IP;
	uint32_t hdr_len, total_len, l4_len, sum = 0, at;

	if (len < FRAME_L4)
		return;
	hdr_len = (ip[0] & 0xfu) * 4;
	total_len = frame_get16(ip + 2);
	if (hdr_len < 20 || total_len < hdr_len || total_len > len - FRAME_IP)
		return;
	l4_len = total_len - hdr_len;
	at = ip[9] == 6 ? 16 : 2;
	if (l4_len < at + 2)
		return;
	if (ip[9] == 6)
		sum = frame_pseudo_sum(frame_get32(ip + 12), frame_get32(ip + 16), 6, l4_len);
	frame_put16(ip + hdr_len + at, 0);
	frame_put16(ip + hdr_len + at, ~frame_sum(sum, ip + hdr_len, l4_len));
}

struct frame_tcp frame_tcp_default(void)
{
	return (struct frame_tcp){
		.dst_mac = {2, 0, 0, 0, 0, 1},
		.src_mac = {2, 0, 0, 0, 0, 2},
		.ttl = 64,
		.id = 0x1234,
		.frag = 0x4000,
		.src = 0x0a000002,
		.dst = 0x0a000001,
		.sport = 40000,
		.dport = 80,
		.seq = 0x01020304,
		.ack = 0x05060708,
		.flags = 0x10,
		.wnd = 0xfedc,
	};
}

static void write_eth(uint8_t *frame, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
	memcpy(frame, dst, 6);
	memcpy(frame + 6, src, 6);
	frame_put16(frame + 12, type);
}

static void copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	if (len != 0)
		memcpy(to, from, len);
}

uint32_t frame_write_tcp(uint8_t *frame, const struct frame_tcp *f)
{
	uint8_t *ip = frame + FRAME_IP;
	uint8_t *tcp = ip + 20 + f->ip_opt_len;
	uint32_t hdr_len = 20 + f->opt_len;
	uint32_t total_len = 20 + f->ip_opt_len + hdr_len + f->payload_len;

	write_eth(frame, f->dst_mac, f->src_mac, 0x0800);
	ip[0] = (uint8_t)(4u << 4 | (20 + f->ip_opt_len) / 4);
	ip[1] = f->tos;
	frame_put16(ip + 2, total_len);
	frame_put16(ip + 4, f->id);
	frame_put16(ip + 6, f->frag);
	ip[8] = f->ttl;
	ip[9] = 6;
	frame_put32(ip + 12, f->src);
	frame_put32(ip + 16, f->dst);
	copy(ip + 20, f->ip_opt, f->ip_opt_len);

	frame_put16(tcp, f->sport);
	frame_put16(tcp + 2, f->dport);
	frame_put32(tcp + 4, f->seq);
	frame_put32(tcp + 8, f->ack);
	tcp[12] = (uint8_t)(hdr_len / 4 << 4);
	tcp[13] = f->flags;
	frame_put16(tcp + 14, f->wnd);
	frame_put16(tcp + 18, f->urp);
	copy(tcp + 20, f->opt, f->opt_len);
	copy(tcp + hdr_len, f->payload, f->payload_len);
	frame_fix_ip_csum(frame, FRAME_IP + total_len);
	frame_fix_l4_csum(frame, FRAME_IP + total_len);
	return FRAME_IP + total_len;
}

uint32_t frame_write_echo(uint8_t *frame, uint16_t id, uint16_t seq, const uint8_t *data,
			  uint32_t data_len)
{
	const struct frame_tcp f = frame_tcp_default();
	uint32_t len = FRAME_L4 + 8 + data_len;
	uint8_t *icmp = frame + FRAME_L4;

	frame_write_tcp(frame, &f);
	frame_put16(frame + FRAME_IP + 2, len - FRAME_IP);
	frame[FRAME_IP + 9] = 1;
	icmp[0] = 8;
	icmp[1] = 0;
	frame_put16(icmp + 4, id);
	frame_put16(icmp + 6, seq);
	copy(icmp + 8, data, data_len);
	frame_fix_ip_csum(frame, len);
	frame_fix_l4_csum(frame, len);
	return len;
}

uint32_t frame_write_arp(uint8_t *frame)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct frame_tcp f = frame_tcp_default();
	uint8_t *arp = frame + 14;

	write_eth(frame, broadcast, f.src_mac, 0x0806);
	frame_put16(arp, 1);
	frame_put16(arp + 2, 0x0800);
	arp[4] = 6;
	arp[5] = 4;
	frame_put16(arp + 6, 1);
	memcpy(arp + 8, f.src_mac, 6);
	frame_put32(arp + 14, f.src);
	memset(arp + 18, 0, 6);
	frame_put32(arp + 24, f.dst);
	return 42;
}

uint8_t *frame_at_edge(const uint8_t *bytes, uint32_t len)
{
	static uint8_t *edge;

	if (!edge) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		uint8_t *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED || mprotect(map + page, page, PROT_NONE) != 0) {
			perror("frame_at_edge");
			abort();
		}
		edge = map + page;
	}
	if (len != 0)
		memcpy(edge - len, bytes, len);
	return edge - len;
}
