// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Reading and writing frames: the parser over a burst of received frames, each in a buffer of its
// own, both checksums verified or trusted; the writer over a burst of buffers, both checksums
// written or left to the port. Buffers are in the cache, as they are when the port has just touched
// them.

#include "bench.h"

#include "wire/build.h"
#include "wire/parse_inline.h"

#include <stdio.h>

#include <rte_common.h>

#define BURST       32u
#define FRAME_SIZE  2048u
#define PAYLOAD_MAX 1448u

struct frames {
	uint8_t *memory; // BURST frames of FRAME_SIZE bytes.
	uint32_t len;
	unsigned trust;
	enum hc_build_offload offload;
	struct hc_parse_env env;
	struct hc_l2_template l2;
	struct hc_flow_key key;
	struct hc_tx_seg seg; // Of that key.
};

static uint8_t *frame_of(const struct frames *f, unsigned i)
{
	return f->memory + i * FRAME_SIZE;
}

static void run_parse(void *ctx, struct bench_window *win)
{
	struct frames *f = ctx;
	struct hc_seg seg[BURST];
	uint64_t ops = 0;
	uint64_t good = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++)
			good += hc_parse_plain(&f->env, frame_of(f, i), f->len, f->trust, &seg[i]);
		BENCH_KEEP(seg);
	}
	bench_end(win, ops);
	HC_ASSERT(good == ops);
}

static void run_build(void *ctx, struct bench_window *win)
{
	struct frames *f = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			f->seg.seq += i;
			hc_build_tcp(frame_of(f, i), &f->l2, &f->seg, f->offload);
		}
		BENCH_KEEP(f->memory);
	}
	bench_end(win, ops);
}

// What the client says to the server: `flags`, with timestamps or without, and `payload_len` bytes.
static void frames_open(struct frames *f, uint8_t flags, bool has_ts, uint16_t payload_len)
{
	static const uint8_t client_mac[6] = {2, 0, 0, 0, 0, 2};
	static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 1};
	static uint8_t payload[PAYLOAD_MAX];

	*f = (struct frames){
		.memory = bench_alloc(BURST * FRAME_SIZE),
		.env = {.local_be = hc_to_be32(0xc0a80001),
			.clients_be = hc_to_be32(0xc0a80001),
			.clients_mask_be = hc_to_be32(0xffffffff)},
		.key = {.local_be = hc_to_be32(0x0a000001),
			.remote_be = hc_to_be32(0xc0a80001),
			.lport_be = hc_to_be16(40000),
			.rport_be = hc_to_be16(80)},
		.seg = {.key = &f->key,
			.seq = 1,
			.ack = 2,
			.wnd = 0xffff,
			.flags = flags,
			.has_ts = has_ts,
			.has_wscale = true,
			.wscale = 7,
			.mss = 1460,
			.payload_len = payload_len},
	};
	memcpy(f->env.mac, server_mac, sizeof server_mac);
	hc_parse_env_seal(&f->env);
	hc_l2_template_init(&f->l2, server_mac, client_mac);
	for (unsigned i = 0; i < payload_len; i++)
		payload[i] = (uint8_t)(i * 7);
	f->seg.payload_sum = hc_csum_add(0, payload, payload_len);
	for (unsigned i = 0; i < BURST; i++) {
		uint32_t hdr_len;

		f->key.lport_be = hc_to_be16((uint16_t)(40000 + i));
		hdr_len = hc_build_tcp(frame_of(f, i), &f->l2, &f->seg, HC_BUILD_CSUM_SOFT);
		memcpy(frame_of(f, i) + hdr_len, payload, payload_len);
		f->len = hc_max_u32(hdr_len + payload_len, HC_ETH_MIN_FRAME);
	}
}

static void bench_frames(const char *name, uint8_t flags, bool has_ts, uint16_t payload_len)
{
	struct frames soft, port;
	struct bench_case parse[] = {
		{.name = "verified", .run = run_parse, .ctx = &soft},
		{.name = "trusted", .run = run_parse, .ctx = &port},
	};
	struct bench_case build[] = {
		{.name = "software_csum", .run = run_build, .ctx = &soft},
		{.name = "port_csum", .run = run_build, .ctx = &port},
	};
	char parse_prefix[48], build_prefix[48];

	frames_open(&soft, flags, has_ts, payload_len);
	frames_open(&port, flags, has_ts, payload_len);
	port.trust = HC_TRUST_IP_CSUM | HC_TRUST_L4_CSUM;
	port.offload = HC_BUILD_CSUM_PORT;
	snprintf(parse_prefix, sizeof parse_prefix, "parse/%s", name);
	snprintf(build_prefix, sizeof build_prefix, "build/%s", name);
	bench_turns(parse_prefix, parse, RTE_DIM(parse));
	// The payload's sum is taken where the payload is copied, so its length is no matter.
	if (payload_len == 0)
		bench_turns(build_prefix, build, RTE_DIM(build));
	bench_free(soft.memory);
	bench_free(port.memory);
}

void bench_parse(void)
{
	bench_frames("syn", HC_TCP_SYN, false, 0);
	bench_frames("syn_ts", HC_TCP_SYN, true, 0);
	bench_frames("ack", HC_TCP_ACK, false, 0);
	bench_frames("ack_ts", HC_TCP_ACK, true, 0);
	bench_frames("data_100", HC_TCP_ACK | HC_TCP_PSH, true, 100);
	bench_frames("data_1448", HC_TCP_ACK | HC_TCP_PSH, true, PAYLOAD_MAX);
}
