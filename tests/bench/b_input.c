// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Segment input by state: what the core costs for the segment that each state waits for. A case
// puts a burst of objects into the state, gives each its segment, and begins again; putting them
// there is in every figure, and is the case `restore`. The fixtures are made by the core itself,
// from a connection that is opened, closed and opened from both sides at once.

#include "bench.h"

#include "tcp/input.h"
#include "tcp/output.h"
#include "tcp/syn.h"
#include "tcp/tw.h"

#include <rte_common.h>

#define BURST      32u
#define PEER_ISS   7000u
#define PAYLOAD    100u
#define SEGMENT_MS 1u // Between two segments of a fixture.

// A connection and the segment that comes next.
struct conn {
	struct hc_tcb tcb;
	struct hc_tcb_cold cold;
	struct hc_seg seg;
};

struct fixture {
	struct conn from;
	struct hc_syn_mini syn;
	struct hc_tw_mini tw;
	uint8_t after; // State the segment leads to.
	struct hc_tcp_env *env;
};

static struct conn work[BURST];
static struct hc_syn_mini work_syn[BURST];
static struct hc_tw_mini work_tw[BURST];
static uint64_t ctr[HC_CTR_COUNT];

static void run_restore(void *ctx, struct bench_window *win)
{
	struct fixture *x = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			work[i] = x->from;
			BENCH_KEEP(&work[i]);
		}
	}
	bench_end(win, ops);
}

static void run_tcb(void *ctx, struct bench_window *win)
{
	struct fixture *x = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			hc_verdict v;

			work[i] = x->from;
			v = hc_tcp_input(&work[i].tcb, &work[i].cold, &work[i].seg, x->env);
			BENCH_KEEP(v);
		}
	}
	bench_end(win, ops);
	HC_ASSERT(work[0].tcb.state == x->after);
}

static void run_closed(void *ctx, struct bench_window *win)
{
	struct fixture *x = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			hc_verdict v;

			work[i] = x->from;
			v = hc_tcp_input_closed(&work[i].seg);
			BENCH_KEEP(v);
		}
	}
	bench_end(win, ops);
}

static void run_listen(void *ctx, struct bench_window *win)
{
	struct fixture *x = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			hc_verdict v;

			work[i] = x->from;
			v = hc_syn_check(&work[i].seg);
			HC_ASSERT(v == 0);
			hc_syn_open(&work_syn[i], &work[i].seg, x->env, false, 0);
		}
	}
	bench_end(win, ops);
}

static void run_syn_mini(void *ctx, struct bench_window *win)
{
	struct fixture *x = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			hc_verdict v;

			work[i] = x->from;
			work_syn[i] = x->syn;
			v = hc_syn_input(&work_syn[i], &work[i].seg, x->env);
			HC_ASSERT(v == HC_DO_PROMOTE);
			hc_syn_promote(&work_syn[i], &work[i].seg, x->env, &work[i].tcb,
				       &work[i].cold);
		}
	}
	bench_end(win, ops);
	HC_ASSERT(work[0].tcb.state == x->after);
}

static void run_time_wait(void *ctx, struct bench_window *win)
{
	struct fixture *x = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			hc_verdict v;

			work[i] = x->from;
			work_tw[i] = x->tw;
			v = hc_tw_input(&work_tw[i], &work[i].seg, true, x->env);
			HC_ASSERT(v & HC_DO_TW_RESTART);
		}
	}
	bench_end(win, ops);
}

// The segment with which the peer answers what the connection has sent so far.
static struct hc_seg peer_seg(const struct conn *c, uint8_t flags, uint16_t payload_len)
{
	return (struct hc_seg){
		.key = c->tcb.key,
		.wnd = 0xffff,
		.flags = flags,
		.opts = (uint8_t)(c->tcb.flags & HC_TCB_TS ? HC_OPT_TIMESTAMPS : 0),
		.seq = flags & HC_TCP_SYN ? PEER_ISS : c->tcb.rcv_nxt,
		.ack = c->tcb.snd_nxt,
		.tsval = c->tcb.ts_recent + SEGMENT_MS,
		.payload_len = payload_len,
	};
}

static void syn_options(struct hc_seg *seg, const struct hc_tcp_env *env)
{
	seg->opts = HC_OPT_MSS | HC_OPT_WSCALE;
	if (env->has_timestamps)
		seg->opts |= HC_OPT_TIMESTAMPS;
	seg->mss = 1460;
	seg->wscale = 7;
}

// Runs the next segment and sets the one after it.
static struct conn step(struct conn c, struct hc_tcp_env *env, uint8_t flags)
{
	hc_verdict v = hc_tcp_input(&c.tcb, &c.cold, &c.seg, env);

	HC_ASSERT(hc_verdict_drop_of(v) == 0);
	c.seg = peer_seg(&c, flags, 0);
	return c;
}

// The application closes, and our FIN leaves. Sets the peer's next segment.
static struct conn close_and_send(struct conn c, struct hc_tcp_env *env, uint8_t flags)
{
	struct hc_send_plan plan;
	bool arm_persist;
	bool is_sent;

	hc_tcp_close(&c.tcb, false, env);
	is_sent = hc_tcp_output_next(&c.tcb, &c.cold, env, &plan, &arm_persist);
	HC_ASSERT(is_sent);
	HC_ASSERT(plan.flags & HC_TCP_FIN);
	c.seg = peer_seg(&c, flags, 0);
	return c;
}

static struct conn conn_open(struct hc_tcp_env *env, uint8_t flags)
{
	struct conn c = {.tcb.key = {.local_be = hc_to_be32(0x0a000001),
				     .remote_be = hc_to_be32(0xc0a80001),
				     .lport_be = hc_to_be16(40000),
				     .rport_be = hc_to_be16(80)}};

	hc_tcp_open(&c.tcb, &c.cold, env);
	c.seg = peer_seg(&c, flags, 0);
	syn_options(&c.seg, env);
	return c;
}

static struct hc_tcp_env env_default(bool has_timestamps)
{
	struct hc_tcp_env env = {
		.rto_init_ms = 1000,
		.rto_min_ms = 200,
		.rto_max_ms = 60000,
		.fin_wait2_ms = 60000,
		.rcv_buf_bytes = 65535,
		.mss = 1460,
		.syn_retries = 6,
		.synack_retries = 5,
		.data_retries = 15,
		.has_timestamps = has_timestamps,
		.has_window_scale = true,
		.ctr = ctr,
	};

	hc_hash_secret_init(&env.secret, 1);
	hc_tcp_env_set_ms(&env, 1000000000, 1000, 0);
	return env;
}

static void bench_states(const char *prefix, bool has_timestamps)
{
	struct hc_tcp_env env = env_default(has_timestamps);
	struct conn opening = conn_open(&env, HC_TCP_SYN | HC_TCP_ACK);
	struct conn crossing = step(conn_open(&env, HC_TCP_SYN), &env, HC_TCP_ACK);
	struct conn open = step(opening, &env, HC_TCP_ACK);
	struct conn open_data = open;
	struct conn open_fin = open;
	struct conn fin_wait_1 = close_and_send(open, &env, HC_TCP_ACK);
	struct conn fin_wait_1_fin = close_and_send(open, &env, HC_TCP_ACK | HC_TCP_FIN);
	struct conn fin_wait_2 = step(fin_wait_1, &env, HC_TCP_ACK | HC_TCP_FIN);
	struct conn closing = fin_wait_1_fin;
	struct conn close_wait, last_ack, listening, acked;
	struct hc_syn_mini syn = {0};
	struct hc_tw_mini tw = {0};

	open_data.seg = peer_seg(&open, HC_TCP_ACK | HC_TCP_PSH, PAYLOAD);
	open_fin.seg = peer_seg(&open, HC_TCP_ACK | HC_TCP_FIN, 0);
	close_wait = step(open_fin, &env, HC_TCP_ACK);
	last_ack = close_and_send(close_wait, &env, HC_TCP_ACK);
	// Both FINs cross: the peer's does not acknowledge ours, its next segment does.
	closing.seg.ack = closing.tcb.snd_una;
	closing = step(closing, &env, HC_TCP_ACK);
	// The passive side: the peer's SYN, and its ACK of our SYN,ACK.
	listening = conn_open(&env, HC_TCP_SYN);
	listening.seg.ack = 0;
	hc_syn_open(&syn, &listening.seg, &env, false, 0);
	acked = open;
	acked.seg = peer_seg(&open, HC_TCP_ACK, 0);
	acked.seg.seq = syn.irs + 1;
	acked.seg.ack = syn.iss + 1;
	// The peer's FIN again, because our last ACK was lost.
	hc_tw_open(&tw, &fin_wait_2.tcb, 0, 0xffff);
	tw.rcv_nxt++;

	struct fixture x[] = {
		{.from = open, .env = &env},
		{.from = open, .env = &env},
		{.from = listening, .env = &env},
		{.from = opening, .after = HC_ESTABLISHED, .env = &env},
		{.from = acked, .syn = syn, .after = HC_ESTABLISHED, .env = &env},
		{.from = crossing, .after = HC_ESTABLISHED, .env = &env},
		{.from = open, .after = HC_ESTABLISHED, .env = &env},
		{.from = open_data, .after = HC_ESTABLISHED, .env = &env},
		{.from = open_fin, .after = HC_CLOSE_WAIT, .env = &env},
		{.from = fin_wait_1, .after = HC_FIN_WAIT_2, .env = &env},
		{.from = fin_wait_1_fin, .after = HC_TIME_WAIT, .env = &env},
		{.from = fin_wait_2, .after = HC_TIME_WAIT, .env = &env},
		{.from = close_wait, .after = HC_CLOSE_WAIT, .env = &env},
		{.from = closing, .after = HC_CLOSING, .env = &env},
		{.from = last_ack, .after = HC_LAST_ACK, .env = &env},
		{.from = fin_wait_2, .tw = tw, .env = &env},
	};
	struct bench_case cases[] = {
		{.name = "restore", .run = run_restore},
		{.name = "closed+ack", .run = run_closed},
		{.name = "listen+syn", .run = run_listen},
		{.name = "syn_sent+syn_ack", .run = run_tcb},
		{.name = "syn_mini+ack", .run = run_syn_mini},
		{.name = "syn_rcvd+ack", .run = run_tcb},
		{.name = "established+ack", .run = run_tcb},
		{.name = "established+data", .run = run_tcb},
		{.name = "established+fin", .run = run_tcb},
		{.name = "fin_wait_1+ack", .run = run_tcb},
		{.name = "fin_wait_1+fin_ack", .run = run_tcb},
		{.name = "fin_wait_2+fin", .run = run_tcb},
		{.name = "close_wait+ack", .run = run_tcb},
		{.name = "closing+ack", .run = run_tcb},
		{.name = "last_ack+ack", .run = run_tcb},
		{.name = "time_wait+fin", .run = run_time_wait},
	};

	HC_STATIC_ASSERT(RTE_DIM(x) == RTE_DIM(cases), "a fixture for each case");
	for (unsigned i = 0; i < RTE_DIM(cases); i++)
		cases[i].ctx = &x[i];
	bench_turns(prefix, cases, RTE_DIM(cases));
}

void bench_input(void)
{
	if (bench_wants("input"))
		bench_states("input", false);
	if (bench_wants("input_ts"))
		bench_states("input_ts", true);
}
