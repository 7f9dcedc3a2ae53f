// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The throughput of one sender against what theory gives, in virtual time: the pure core sends
// without end over a path of a fixed round trip that loses every N-th new segment, to a receiver
// that keeps what is out of order and acknowledges every segment. That is the model in which the
// formulas hold: RFC 5681's window oscillates to sqrt(3 / (2 p)) on average, RFC 9438 5.1 gives
// CUBIC's (equation 6), and its 4.3 the former as the least. Once with a receiver that acknowledges
// selectively (RFC 2018), once with one that does not. A line a case; the exit status is 1
// when one is farther off than 15 %, or when a loss needed the retransmission timer.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcp/input.h"
#include "tcp/output.h"
#include "tcp/tlp.h"

#define MSS        1400u
#define MS         1000000ull
#define ACKS       65536u // On the way, and out of order.
#define WARM_UP_NS (100000 * MS)
#define END_NS     (500000 * MS)
#define OFF_MAX    0.15
#define BLOCKS     3u // In an ACK, as with timestamps.

struct path {
	struct hc_tcb t;
	struct hc_tcb_cold c;
	struct hc_tcp_env env;
	uint64_t ctr[HC_CTR_COUNT];
	uint64_t now_ns, rtt_ns, timer_ns;
	uint32_t lose_every, new_count;
	hc_seq first, rcv_nxt;
	uint64_t received;
	bool has[ACKS];
	bool has_sack;
	unsigned recent_count;
	hc_seq recent[BLOCKS]; // Somewhere in the blocks told last.
	struct hc_boards boards;
	struct hc_board board;
	uint64_t board_memory[HC_POOL_SMALL_WORDS];
	struct {
		uint64_t at_ns;
		hc_seq ack;
		unsigned block_count;
		struct hc_seq_range block[BLOCKS];
	} way[ACKS];
	uint32_t head, tail;
};

static void arm(struct path *p)
{
	p->timer_ns = p->now_ns + hc_recovery_delay_ms(&p->t, &p->c, &p->env) * MS;
}

static bool *segment(struct path *p, hc_seq seq)
{
	return &p->has[(seq - p->first) / MSS % ACKS];
}

// RFC 2018 4: the block with what just came, then those told last.
static unsigned sack(struct path *p, hc_seq came, struct hc_seq_range block[BLOCKS])
{
	hc_seq recent[BLOCKS + 1] = {came};
	unsigned count = 0;

	memcpy(recent + 1, p->recent, sizeof p->recent);
	for (unsigned i = 0; i <= p->recent_count && count < BLOCKS; i++) {
		struct hc_seq_range r = {.lo = recent[i], .hi = recent[i]};
		bool is_known = hc_seq_lt(r.lo, p->rcv_nxt) || !*segment(p, r.lo);

		for (unsigned k = 0; k < count; k++)
			is_known |= hc_seq_ge(r.lo, block[k].lo) && hc_seq_lt(r.lo, block[k].hi);
		if (is_known)
			continue;
		while (*segment(p, r.lo - MSS))
			r.lo -= MSS;
		while (*segment(p, r.hi))
			r.hi += MSS;
		p->recent[count] = r.lo;
		block[count++] = r;
	}
	p->recent_count = count;
	return count;
}

// Fixed delays keep the order, so what the receiver will say is known at once.
static void receive(struct path *p, const struct hc_send_plan *plan)
{
	if (!plan->is_rtx && ++p->new_count % p->lose_every == 0)
		return;
	*segment(p, plan->seq) = hc_seq_ge(plan->seq, p->rcv_nxt);
	while (*segment(p, p->rcv_nxt)) {
		*segment(p, p->rcv_nxt) = false;
		p->rcv_nxt += MSS;
		p->received++;
	}
	p->way[p->tail % ACKS].at_ns = p->now_ns + p->rtt_ns;
	p->way[p->tail % ACKS].ack = p->rcv_nxt;
	p->way[p->tail % ACKS].block_count =
		p->has_sack ? sack(p, plan->seq, p->way[p->tail % ACKS].block) : 0;
	p->tail++;
}

static void carry_out(struct path *p, hc_verdict v)
{
	if (v & HC_DO_TIMER_OFF)
		p->timer_ns = UINT64_MAX;
	if (v & HC_DO_TAIL_PROBE) {
		struct hc_send_plan plan;

		if (hc_tlp_plan(&p->t, &p->c, &p->env, &plan))
			receive(p, &plan);
	}
	if (v & HC_DO_TIMER_RTX)
		arm(p);
}

static void output(struct path *p)
{
	struct hc_send_plan plan;
	bool arm_persist;

	// Whole segments, always: the formulas count in them.
	(void)hc_tcp_queue(&p->t, &p->c, 4096 * MSS, 1u << 28);
	while (hc_tcp_output_next(&p->t, &p->c, &p->env, &plan, &arm_persist)) {
		receive(p, &plan);
		if (p->timer_ns == UINT64_MAX)
			arm(p);
	}
}

static void step(struct path *p)
{
	bool is_ack = p->head != p->tail && p->way[p->head % ACKS].at_ns <= p->timer_ns;

	p->now_ns = is_ack ? p->way[p->head % ACKS].at_ns : p->timer_ns;
	hc_tcp_env_set_ms(&p->env, p->now_ns, (uint32_t)(p->now_ns / MS), 0);
	if (is_ack) {
		struct hc_seg seg = {.flags = HC_TCP_ACK,
				     .seq = p->t.rcv_nxt,
				     .ack = p->way[p->head % ACKS].ack,
				     .wnd = 0x7fff};

		p->env.sack_count = p->way[p->head % ACKS].block_count;
		memcpy(p->env.sack, p->way[p->head++ % ACKS].block, sizeof p->way[0].block);
		seg.opts = p->env.sack_count ? HC_OPT_SACK : 0;
		carry_out(p, hc_tcp_input(&p->t, &p->c, &seg, &p->env));
	} else {
		carry_out(p, hc_tcp_timeout(&p->t, &p->c, &p->env));
	}
	output(p);
}

static void open_path(struct path *p, bool has_sack, enum hc_congestion kind, unsigned rtt_ms,
		      uint32_t lose_every)
{
	memset(p, 0, sizeof *p);
	p->has_sack = has_sack;
	p->rtt_ns = rtt_ms * MS;
	p->timer_ns = UINT64_MAX;
	p->lose_every = lose_every;
	p->env = (struct hc_tcp_env){.rto_init_ms = 1000,
				     .rto_min_ms = 200,
				     .rto_max_ms = 60000,
				     .rcv_buf_bytes = 65535,
				     .mss = MSS,
				     .data_retries = 15,
				     .congestion = (uint8_t)kind,
				     .ctr = p->ctr};
	p->boards.board = &p->board;
	hc_pool_init(&p->boards.pool, p->board_memory, 1);
	p->env.boards = &p->boards;
	p->t.flags = has_sack ? HC_TCB_SACK : 0;
	p->t.state = HC_ESTABLISHED;
	p->first = p->rcv_nxt = p->t.snd_una = p->t.snd_nxt = 1;
	p->t.rcv_edge = p->t.rcv_nxt + 65535;
	p->c.snd_end = 1;
	p->c.mss = MSS;
	p->c.cwnd = hc_tcp_initial_cwnd(MSS);
	p->c.ssthresh = UINT32_MAX;
	p->c.rto_ms = 1000;
	p->c.snd_wscale = 14;
	p->t.snd_wnd = p->c.snd_wnd_max = 0x7fffu << 14;
	output(p);
}

static double theory(enum hc_congestion kind, double rtt_s, double loss)
{
	double reno = sqrt(1.5 / loss);
	double cubic = pow(0.4 * 3.7 / (4 * 0.3), 0.25) * pow(rtt_s / loss, 0.75);

	return kind == HC_CONGESTION_CUBIC && cubic > reno ? cubic : reno;
}

static bool run(struct path *p, bool has_sack, enum hc_congestion kind, unsigned rtt_ms,
		uint32_t lose_every)
{
	static const char *const name[] = {"cubic", "newreno"};
	double want = theory(kind, rtt_ms / 1000.0, 1.0 / lose_every);
	uint64_t before;
	double got;
	bool is_good;

	open_path(p, has_sack, kind, rtt_ms, lose_every);
	while (p->now_ns < WARM_UP_NS)
		step(p);
	before = p->received;
	while (p->now_ns < END_NS)
		step(p);
	got = (double)(p->received - before) * (double)p->rtt_ns / (double)(END_NS - WARM_UP_NS);
	is_good = fabs(got - want) <= OFF_MAX * want && p->ctr[HC_CTR_rtx_timeouts] == 0 &&
		  p->ctr[HC_CTR_rtx_fast] != 0;
	printf("%-8s %s %4u ms 1/%-6u window %7.1f, theory %7.1f (%+.1f %%), %llu fast, %llu "
	       "timeouts%s\n",
	       name[kind], has_sack ? "SACK" : "    ", rtt_ms, lose_every, got, want,
	       100 * (got - want) / want, (unsigned long long)p->ctr[HC_CTR_rtx_fast],
	       (unsigned long long)p->ctr[HC_CTR_rtx_timeouts], is_good ? "" : "  BAD");
	return is_good;
}

int main(void)
{
	static const unsigned rtt_ms[] = {20, 100, 200};
	static const uint32_t lose_every[] = {100, 1000, 10000};
	struct path *p = malloc(sizeof *p);
	bool is_good = true;

	if (!p)
		return 1;
	for (unsigned kind = 0; kind < 2 * HC_CONGESTION_COUNT; kind++)
		for (unsigned r = 0; r < HC_ARRAY_LEN(rtt_ms); r++)
			for (unsigned l = 0; l < HC_ARRAY_LEN(lose_every); l++)
				is_good &= run(p, kind & 1, (enum hc_congestion)(kind / 2),
					       rtt_ms[r], lose_every[l]);
	free(p);
	return !is_good;
}
