// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See fx_tcp.h for the story.

#include "fx_tcp.h"

#include <stddef.h>

const struct fx_story fx_plain = {.iss = 1000, .irs = 50000};
const struct hc_flow_key fx_key = {
	.local_be = (HC_FORCE hc_be32)0x0100000a,
	.remote_be = (HC_FORCE hc_be32)0x0200000a,
	.lport_be = (HC_FORCE hc_be16)0x5000,
	.rport_be = (HC_FORCE hc_be16)0x409c,
};
const hc_seq fx_bases[3] = {0, 0xfffffff0u, 0x80000000u};
uint64_t fx_ctr[HC_CTR_COUNT];

struct hc_tcp_env fx_env(void)
{
	struct hc_tcp_env env = {
		.now_ns = (uint64_t)FX_STAMP << HC_STAMP_SHIFT,
		.now_ms = 320,
		.stamp = FX_STAMP,
		.ts_now = 777320,
		.rto_init_ms = 1000,
		.rto_min_ms = 200,
		.rto_max_ms = 60000,
		.fin_wait2_ms = 60000,
		.rcv_buf_bytes = FX_RCV_BUF,
		.mss = FX_MSS,
		.rcv_step = FX_MSS,
		.rcv_wscale = 1,
		.syn_retries = 6,
		.synack_retries = 5,
		.data_retries = 15,
		.congestion = HC_CONGESTION_NEWRENO,
		.has_timestamps = true,
		.has_window_scale = true,
		.has_sack = true,
		.ctr = fx_ctr,
		.secret = {.k = {1, 2, 3, 4}},
	};

	memset(fx_ctr, 0, sizeof fx_ctr);
	return env;
}

struct hc_boards fx_boards;

struct hc_tcp_env fx_sack_env(unsigned count)
{
	static struct hc_board board[2];
	static uint64_t memory[HC_POOL_SMALL_WORDS];
	struct hc_tcp_env env = fx_env();

	HC_ASSERT(count <= HC_ARRAY_LEN(board));
	fx_boards.board = board;
	hc_pool_init(&fx_boards.pool, memory, count);
	env.boards = &fx_boards;
	env.congestion = HC_CONGESTION_NEWRENO;
	return env;
}

void fx_pass_us(struct hc_tcp_env *env, uint64_t us)
{
	uint64_t now_ns = env->now_ns + us * 1000;

	hc_tcp_env_set_ms(env, now_ns, (uint32_t)(now_ns / 1000000), 0);
}

struct fx_conn fx_syn_sent(const struct fx_story *s)
{
	struct fx_conn x;

	memset(&x, 0, sizeof x);
	x.t.key = fx_key;
	x.t.flags = s->flags;
	x.t.gen = 7;
	x.t.snd_una = s->iss;
	x.t.snd_nxt = s->iss + 1;
	x.t.timed_at = FX_STAMP - FX_RTT_STAMP;
	x.t.cookie = 0xc00c1e;
	x.t.state = HC_SYN_SENT;
	x.t.neigh = 3;
	x.c.iss = s->iss;
	x.c.snd_end = s->iss + 1;
	x.c.rtx_nxt = s->iss;
	x.c.timed_seq = s->iss + 1;
	x.c.cwnd = HC_MSS_DEFAULT;
	x.c.ssthresh = UINT32_MAX;
	x.c.rto_ms = 1000;
	x.c.mss = HC_MSS_DEFAULT;
	return x;
}

struct fx_conn fx_syn_rcvd(const struct fx_story *s)
{
	struct fx_conn x = fx_syn_sent(s);

	x.t.state = HC_SYN_RCVD;
	x.t.rcv_nxt = s->irs + 1;
	x.t.rcv_edge = x.t.rcv_nxt + 65535; // Of a SYN: not scaled.
	x.t.snd_wnd = FX_WND;
	x.c.snd_wnd_max = FX_WND;
	x.c.irs = s->irs;
	x.c.snd_wl1 = s->irs;
	x.c.snd_wl2 = 0;
	x.c.snd_wscale = FX_WSCALE;
	x.c.rcv_wscale = 1;
	x.c.mss = (uint16_t)(FX_PEER_MSS - (s->has_ts ? 12 : 0));
	x.c.cwnd = 10u * x.c.mss; // RFC 6928: min(10 MSS, max(2 MSS, 14600)).
	if (s->has_ts) {
		x.t.flags |= HC_TCB_TS;
		x.t.ts_recent = FX_TS_PEER;
	}
	return x;
}

struct fx_conn fx_established(const struct fx_story *s)
{
	struct fx_conn x = fx_syn_rcvd(s);

	x.t.state = HC_ESTABLISHED;
	x.t.snd_una = s->iss + 1;
	x.c.snd_wl2 = s->iss + 1;
	x.c.srtt_us = 2000; // RFC 6298 2.2, of FX_RTT_STAMP.
	x.c.rttvar_us = 1000;
	x.c.rto_ms = 200; // 2000 + 4 * 1000 us is below the least.
	return x;
}

struct fx_conn fx_fin_wait_1(const struct fx_story *s)
{
	struct fx_conn x = fx_established(s);

	fx_close_called(&x);
	x.t.flags |= HC_TCB_FIN_SENT | HC_TCB_TIMING;
	x.t.snd_nxt++;
	x.c.timed_seq = x.t.snd_nxt;
	return x;
}

struct fx_conn fx_fin_wait_2(const struct fx_story *s)
{
	struct fx_conn x = fx_fin_wait_1(s);

	x.t.state = HC_FIN_WAIT_2;
	x.t.flags &= (uint16_t)~HC_TCB_TIMING;
	x.t.snd_una++;
	x.c.snd_wl1 = s->irs + 1;
	x.c.snd_wl2 = x.t.snd_una;
	x.t.snd_wnd = FX_WND << FX_WSCALE;
	x.c.snd_wnd_max = x.t.snd_wnd;
	return x;
}

// The peer's FIN is next in order.
static void take_fin(struct fx_conn *x)
{
	x->t.rcv_nxt++;
	if (x->t.rcv_nxt - x->t.rcv_edge == 1)
		x->t.rcv_edge++;
}

struct fx_conn fx_close_wait(const struct fx_story *s)
{
	struct fx_conn x = fx_established(s);

	x.t.state = HC_CLOSE_WAIT;
	take_fin(&x);
	x.c.snd_wl1 = s->irs + 1;
	x.t.snd_wnd = FX_WND << FX_WSCALE;
	x.c.snd_wnd_max = x.t.snd_wnd;
	return x;
}

struct fx_conn fx_closing(const struct fx_story *s)
{
	struct fx_conn x = fx_fin_wait_1(s);

	x.t.state = HC_CLOSING;
	take_fin(&x);
	x.c.snd_wl1 = s->irs + 1;
	x.t.snd_wnd = FX_WND << FX_WSCALE;
	x.c.snd_wnd_max = x.t.snd_wnd;
	return x;
}

struct fx_conn fx_last_ack(const struct fx_story *s)
{
	struct fx_conn x = fx_close_wait(s);

	fx_close_called(&x);
	x.t.flags |= HC_TCB_FIN_SENT | HC_TCB_TIMING;
	x.t.snd_nxt++;
	x.c.timed_seq = x.t.snd_nxt;
	return x;
}

struct fx_conn fx_time_wait(const struct fx_story *s)
{
	struct fx_conn x = fx_fin_wait_2(s);

	x.t.state = HC_TIME_WAIT;
	take_fin(&x);
	return x;
}

void fx_close_called(struct fx_conn *x)
{
	x->t.flags |= HC_TCB_FIN_QUEUED;
	x->t.state = x->t.state == HC_CLOSE_WAIT ? HC_LAST_ACK : HC_FIN_WAIT_1;
}

void fx_queued(struct fx_conn *x, uint32_t bytes)
{
	x->c.snd_end += bytes;
	x->t.flags |= HC_TCB_DATA;
}

void fx_in_flight(struct fx_conn *x, uint32_t bytes)
{
	x->t.snd_nxt += bytes;
	x->t.flags |= HC_TCB_TIMING;
	x->t.timed_at = FX_STAMP - FX_RTT_STAMP;
	x->c.timed_seq = x->t.snd_nxt;
}

void fx_zero_window(struct fx_conn *x)
{
	x->t.rcv_edge = x->t.rcv_nxt;
	x->t.flags |= HC_TCB_DATA;
	x->c.rcv_used = FX_RCV_BUF;
}

void fx_saw(struct fx_conn *x, const struct hc_seg *seg)
{
	x->t.snd_wnd = (uint32_t)seg->wnd << x->c.snd_wscale;
	if (x->t.snd_wnd > x->c.snd_wnd_max)
		x->c.snd_wnd_max = x->t.snd_wnd;
	x->c.snd_wl1 = seg->seq;
	x->c.snd_wl2 = seg->ack;
	if (x->t.flags & HC_TCB_TS)
		x->t.ts_recent = seg->tsval;
}

struct hc_seg fx_seg(const struct fx_conn *x, uint8_t flags)
{
	struct hc_seg seg;

	memset(&seg, 0, sizeof seg);
	seg.key = fx_key;
	seg.wnd = FX_WND;
	seg.flags = flags;
	seg.seq = x->t.rcv_nxt;
	seg.ack = x->t.snd_nxt;
	seg.payload_off = 54;
	if (x->t.flags & HC_TCB_TS) {
		seg.opts = HC_OPT_TIMESTAMPS;
		seg.tsval = x->t.ts_recent;
		seg.tsecr = 777000;
	}
	return seg;
}

struct hc_seg fx_syn(const struct fx_story *s, uint8_t flags)
{
	struct hc_seg seg;

	memset(&seg, 0, sizeof seg);
	seg.key = fx_key;
	seg.wnd = FX_WND;
	seg.flags = flags;
	seg.seq = s->irs;
	seg.ack = flags & HC_TCP_ACK ? s->iss + 1 : 0;
	seg.payload_off = 54;
	seg.opts = HC_OPT_MSS | HC_OPT_WSCALE;
	seg.mss = FX_PEER_MSS;
	seg.wscale = FX_WSCALE;
	if (s->has_ts) {
		seg.opts |= HC_OPT_TIMESTAMPS;
		seg.tsval = FX_TS_PEER;
	}
	return seg;
}

hc_verdict fx_input(struct fx_conn *x, struct hc_seg *seg)
{
	struct hc_tcp_env env = fx_env();

	return hc_tcp_input(&x->t, &x->c, seg, &env);
}

uint32_t fx_what(hc_verdict v)
{
	return (uint32_t)v;
}

// clang-format off
#define HOT(f)  {#f, offsetof(struct fx_conn, t.f), sizeof(((struct fx_conn *)0)->t.f)}
#define COLD(f) {#f, offsetof(struct fx_conn, c.f), sizeof(((struct fx_conn *)0)->c.f)}
static const struct {
	const char *name;
	size_t off;
	size_t size;
} fields[] = {
	HOT(state), HOT(flags), HOT(snd_una), HOT(snd_nxt), HOT(rcv_nxt), HOT(rcv_edge), HOT(snd_wnd),
	HOT(ts_recent), HOT(timed_at), HOT(key), HOT(gen), HOT(cookie), HOT(neigh), HOT(timer_bytes),
	COLD(iss), COLD(irs), COLD(snd_wl1), COLD(snd_wl2), COLD(snd_end), COLD(rtx_nxt), COLD(timed_seq),
	COLD(cwnd), COLD(ssthresh), COLD(srtt_us), COLD(rttvar_us), COLD(rto_ms), COLD(rcv_used),
	COLD(snd_wnd_max), COLD(mss), COLD(snd_wscale), COLD(rcv_wscale), COLD(retries), COLD(receiving),
	COLD(switches),
};
// clang-format on

const char *fx_first_difference(const struct fx_conn *a, const struct fx_conn *b)
{
	if (memcmp(a, b, sizeof *a) == 0)
		return NULL;
	for (size_t i = 0; i < HC_ARRAY_LEN(fields); i++)
		if (memcmp((const uint8_t *)a + fields[i].off, (const uint8_t *)b + fields[i].off,
			   fields[i].size) != 0)
			return fields[i].name;
	return "padding";
}

static uint64_t field_value(const struct fx_conn *x, const char *name)
{
	uint64_t v = 0;

	for (size_t i = 0; i < HC_ARRAY_LEN(fields); i++)
		if (strcmp(fields[i].name, name) == 0)
			memcpy(&v, (const uint8_t *)x + fields[i].off,
			       fields[i].size < sizeof v ? fields[i].size : sizeof v);
	return v;
}

bool fx_check_same(const struct fx_conn *actual, const struct fx_conn *expected, const char *file,
		   unsigned line)
{
	const char *name = fx_first_difference(actual, expected);

	if (!name)
		return unit_check_eq(0, 0, "TCBs are the same", file, line);
	unit_check_eq(field_value(actual, name), field_value(expected, name), name, file, line);
	return false;
}

struct fx_conn fx_sender(unsigned segments, uint16_t mss)
{
	struct fx_conn x = fx_established(&fx_plain);

	x.c.mss = mss;
	x.c.cwnd = (uint32_t)segments * mss;
	x.c.ssthresh = x.c.cwnd;
	x.t.snd_wnd = 1u << 20;
	x.c.snd_wnd_max = 1u << 20;
	x.c.snd_wscale = 5;
	fx_queued(&x, 1000u * mss);
	fx_in_flight(&x, (uint32_t)segments * mss);
	return x;
}

struct fx_conn fx_sack_sender(unsigned segments, uint16_t mss)
{
	struct fx_conn x = fx_sender(segments, mss);

	x.t.flags |= HC_TCB_SACK;
	return x;
}
