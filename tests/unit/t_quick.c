// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The prediction of set-up and tear-down against the whole of hc_tcp_input(), and the FIN that
// leaves alone against hc_tcp_output_next(): on random TCBs that a connection can come to and
// random segments close to what each waits for, the short way either changes nothing and says so,
// or does exactly what the long way does. A run prints nothing; unit_seed() repeats it.

#include "tcp/quick.h"

#include "base/rng.h"
#include "tcp/syn.h"
#include "tcp/tw.h"

#include "fx_tcp.h"

#define PAIRS 1500000u

static struct hc_rng rng;

static bool one_in(uint32_t n)
{
	return hc_rng_below(&rng, n) == 0;
}

// Mostly 0, sometimes a little to either side, seldom anything.
static uint32_t nudge(void)
{
	uint32_t dice = hc_rng_below(&rng, 16);

	if (dice == 0)
		return (uint32_t)hc_rng_u64(&rng);
	if (dice == 1)
		return 1;
	return dice == 2 ? UINT32_MAX : 0;
}

static struct hc_tcp_env random_env(void)
{
	struct hc_tcp_env env = fx_env();

	env.fin_wait2_ms = one_in(4) ? 0 : 60000;
	env.has_timestamps = !one_in(4);
	env.has_window_scale = !one_in(4);
	env.has_sack = !one_in(4);
	env.has_ecn = one_in(2);
	env.switches = one_in(2) ? HC_SWITCH_NODELAY : 0;
	env.rcv_buf_bytes = one_in(4) ? 1000 : FX_RCV_BUF;
	env.delayed_ack_ms = one_in(2) ? 40 : 0;
	env.stamp += hc_rng_below(&rng, 1u << 30);
	env.rto_init_ms = one_in(4) ? 5000 : 1000;
	return env;
}

// Data: some in flight and some not yet sent, so that the FIN waits behind it.
static void add_data(struct fx_conn *x)
{
	uint32_t in_flight = hc_rng_below(&rng, 3) * 1000;
	bool has_fin = x->t.flags & HC_TCB_FIN_SENT;

	fx_queued(x, in_flight + (has_fin ? 0 : hc_rng_below(&rng, 3) * 500));
	if (x->t.state == HC_SYN_SENT || x->t.state == HC_SYN_RCVD || !in_flight)
		return;
	x->t.snd_nxt += in_flight;
	x->t.flags |= HC_TCB_TIMING;
	x->c.timed_seq = x->t.snd_nxt;
}

// A loss: what is in flight was sent again, or is being.
static void add_loss(struct fx_conn *x)
{
	x->c.retries = (uint8_t)(1 + hc_rng_below(&rng, 3));
	x->c.rto_ms <<= x->c.retries;
	if (one_in(3)) {
		x->t.flags |= HC_TCB_SOFT_ERROR;
		return;
	}
	x->t.flags |= HC_TCB_RTX;
	if (one_in(2) && x->t.snd_una != x->t.snd_nxt && x->t.state > HC_SYN_RCVD) {
		x->t.flags |= HC_TCB_RECOVERING;
		x->c.rtx_nxt = x->t.snd_una;
	}
}

static struct fx_conn random_conn(void)
{
	static struct fx_conn (*const fixtures[])(const struct fx_story *) = {
		fx_syn_sent,   fx_syn_sent,   fx_syn_rcvd,   fx_established, fx_established,
		fx_fin_wait_1, fx_fin_wait_2, fx_close_wait, fx_closing,     fx_last_ack,
	};
	struct fx_story s = {.iss = fx_bases[hc_rng_below(&rng, 3)] - hc_rng_below(&rng, 4),
			     .irs = fx_bases[hc_rng_below(&rng, 3)] - hc_rng_below(&rng, 4),
			     .has_ts = one_in(2)};
	struct fx_conn x;

	if (one_in(2))
		s.flags |= HC_TCB_ACTIVE;
	if (one_in(3))
		s.flags |= HC_TCB_PIGGYBACK;
	if (one_in(3))
		s.flags |= HC_TCB_MERGE_CLOSE;
	x = fixtures[hc_rng_below(&rng, HC_ARRAY_LEN(fixtures))](&s);
	if ((x.t.state == HC_ESTABLISHED || x.t.state == HC_CLOSE_WAIT) && one_in(4))
		fx_close_called(&x);
	if (x.t.state == HC_SYN_SENT && one_in(16))
		x.t.flags |= HC_TCB_FIN_QUEUED;
	if (x.t.flags & HC_TCB_FIN_QUEUED && one_in(2))
		x.t.flags |= HC_TCB_NO_RECEIVE;
	if (one_in(4) && !(x.t.flags & HC_TCB_FIN_SENT))
		add_data(&x);
	if (one_in(8))
		add_loss(&x);
	if (one_in(16) && x.t.state > HC_SYN_RCVD) {
		x.t.flags |= HC_TCB_PROBING;
		x.t.snd_wnd = 0;
	}
	if (one_in(16) && x.t.state > HC_SYN_RCVD) {
		x.t.flags |= HC_TCB_DATA;
		x.c.receiving |= HC_RECEIVING_HOLDS;
	}
	if (one_in(16) && x.t.state > HC_SYN_SENT)
		x.t.rcv_edge = x.t.rcv_nxt + hc_rng_below(&rng, 3);
	if (one_in(4) && x.t.state > HC_SYN_RCVD)
		x.c.switches = HC_SWITCH_ECN;
	if (x.t.state > HC_SYN_RCVD && x.t.flags & HC_TCB_DATA && one_in(8) &&
	    !(x.t.flags & HC_TCB_FIN_SENT))
		x.c.switches |= HC_SWITCH_SYN_OWED;
	if (x.c.switches && x.t.flags & HC_TCB_DATA)
		x.c.switches |= (uint16_t)(hc_rng_below(&rng, 8) * HC_SWITCH_ECN_ECHO);
	if (one_in(8))
		x.t.flags |= HC_TCB_ACK_OWED | HC_TCB_PENDING;
	if (one_in(8))
		x.c.receiving |= HC_RECEIVING_ACK_MAY_WAIT;
	if (one_in(8) && x.t.state > HC_SYN_SENT) {
		x.t.snd_wnd = one_in(2) ? 0 : x.c.snd_wnd_max;
		x.c.snd_wl1 += nudge();
		// What was acknowledged then is acknowledged now: SND.WL2 =< SND.UNA.
		x.c.snd_wl2 = x.t.snd_una - hc_rng_below(&rng, 3);
	}
	return x;
}

static struct hc_seg random_seg(const struct fx_conn *x)
{
	static const uint16_t mss[] = {1, 536, 1460, 65535};
	struct hc_seg seg = fx_seg(x, HC_TCP_ACK);

	if (x->t.state == HC_SYN_SENT) {
		seg.flags |= HC_TCP_SYN;
		seg.seq = (uint32_t)hc_rng_u64(&rng);
		seg.opts = (uint8_t)(hc_rng_u64(&rng) & 0x0f);
		seg.mss = mss[hc_rng_below(&rng, HC_ARRAY_LEN(mss))];
		seg.wscale = (uint8_t)hc_rng_below(&rng, 16);
		seg.tsval = (uint32_t)hc_rng_u64(&rng);
	} else if (one_in(16)) {
		seg.opts ^= HC_OPT_TIMESTAMPS;
	}
	if (one_in(2))
		seg.flags |= HC_TCP_FIN;
	if (one_in(4))
		seg.flags ^= (uint8_t)(1u << hc_rng_below(&rng, 8));
	seg.seq += nudge();
	seg.ack += nudge();
	seg.tsval += nudge();
	if (one_in(2))
		seg.wnd = (uint16_t)(one_in(4) ? 0 : hc_rng_u64(&rng));
	if (one_in(4))
		seg.payload_len = (uint16_t)(1 + hc_rng_below(&rng, one_in(2) ? 2 : 1400));
	return seg;
}

// What of a TCB lives on in TIME-WAIT.
static struct hc_tw_mini mini_of(struct fx_conn *x, const struct hc_tcp_env *env)
{
	struct hc_tw_mini m;

	hc_tw_open(&m, &x->t, 12345, hc_tcp_advertise(&x->t, &x->c, env));
	return m;
}

static bool lives_on_alike(struct fx_conn *quick, struct fx_conn *whole, uint32_t what,
			   const struct hc_tcp_env *env)
{
	if (what & HC_DO_FREE)
		return true;
	if (what & HC_DO_TIME_WAIT) {
		struct hc_tw_mini a = mini_of(quick, env);
		struct hc_tw_mini b = mini_of(whole, env);

		return memcmp(&a, &b, sizeof a) == 0;
	}
	return FX_SAME(*quick, *whole);
}

static bool has_counted(void)
{
	for (unsigned i = 0; i < HC_CTR_COUNT; i++)
		if (fx_ctr[i])
			return true;
	return false;
}

typedef bool (*predict_fn)(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			   const struct hc_tcp_env *env, uint32_t *what);

static bool predict_plain(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			  const struct hc_tcp_env *env, uint32_t *what)
{
	return hc_tcp_input_quick(t, c, seg, env, what);
}

static bool predict_data(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			 const struct hc_tcp_env *env, uint32_t *what)
{
	return hc_tcp_input_quick_data(t, c, seg, env, t->state, what);
}

// @return whether the prediction took the segment.
static bool compare_input(predict_fn predict)
{
	struct hc_tcp_env env = random_env();
	const struct fx_conn before = random_conn();
	const struct hc_seg seg = random_seg(&before);
	struct fx_conn quick = before;
	struct fx_conn whole = before;
	struct hc_seg seg_whole = seg;
	uint32_t what = 0;
	hc_verdict v;

	if (!predict(&quick.t, &quick.c, &seg, &env, &what)) {
		UNIT_EXPECT(memcmp(&quick, &before, sizeof quick) == 0);
		return false;
	}
	v = hc_tcp_input(&whole.t, &whole.c, &seg_whole, &env);
	if (v != what || !lives_on_alike(&quick, &whole, what, &env)) {
		UNIT_EQ(what, v);
		UNIT_EQ(before.t.state, 0); // Shows where.
		UNIT_EQ(before.t.flags, 0);
		UNIT_EQ(seg.flags, 0);
	}
	UNIT_EXPECT(!has_counted());
	return true;
}

static void compare_inputs(predict_fn predict)
{
	unsigned failures_before = CU_get_number_of_failures();
	unsigned taken = 0;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < PAIRS && CU_get_number_of_failures() < failures_before + 20; i++)
		taken += compare_input(predict);
	// The pairs are near what is predicted, or the test would say nothing.
	CU_ASSERT(taken > PAIRS / 20);
}

static void prediction_does_what_the_whole_input_does(void)
{
	compare_inputs(predict_plain);
}

static void prediction_of_data_does_what_the_whole_input_does(void)
{
	compare_inputs(predict_data);
}

// The SYN of a peer, and what its final ACK may look like.
static struct hc_syn_mini random_mini(const struct hc_tcp_env *env, struct hc_seg *ack)
{
	struct fx_story s = {.iss = 1, .irs = (uint32_t)hc_rng_u64(&rng), .has_ts = one_in(2)};
	struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
	struct hc_syn_mini m = {0};

	hc_syn_open(&m, &syn, env, false, 0);
	if (one_in(8))
		m.flags |= HC_SYN_ECN;
	if (one_in(8))
		m.flags |= HC_SYN_RTX;
	*ack = syn;
	ack->flags = HC_TCP_ACK;
	ack->opts = s.has_ts ? HC_OPT_TIMESTAMPS : 0;
	ack->seq = m.irs + 1;
	ack->ack = m.iss + 1;
	ack->wnd = (uint16_t)(one_in(4) ? 0 : hc_rng_u64(&rng));
	ack->payload_len = (uint16_t)hc_rng_below(&rng, one_in(2) ? 3 : 1400);
	ack->tsval += nudge();
	if (one_in(2))
		ack->flags |= HC_TCP_PSH;
	if (one_in(4))
		ack->flags ^= (uint8_t)(1u << hc_rng_below(&rng, 8));
	return m;
}

static void text_of_the_final_ack_is_taken_as_the_whole_input_takes_it(void)
{
	unsigned taken = 0;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < PAIRS / 4; i++) {
		struct hc_tcp_env env = random_env();
		struct hc_seg seg;
		struct hc_syn_mini m = random_mini(&env, &seg);
		struct fx_conn quick = {0}, whole;
		uint32_t what = 0;

		if (!hc_syn_input_quick(&m, &seg))
			continue;
		quick.t.flags = one_in(2) ? HC_TCB_PIGGYBACK : 0;
		hc_syn_promote(&m, &seg, &env, &quick.t, &quick.c);
		if (one_in(8)) // As a listener with a smaller buffer has it.
			quick.t.rcv_edge = quick.t.rcv_nxt + hc_rng_below(&rng, 3);
		if (one_in(8)) // Or one with options of its own.
			quick.t.flags |= HC_TCB_DATA;
		whole = quick;
		if (!hc_tcp_input_quick_first(&quick.t, &quick.c, &seg, &env, &what)) {
			UNIT_EXPECT(memcmp(&quick, &whole, sizeof quick) == 0);
			continue;
		}
		UNIT_EXPECT(!(whole.t.flags & HC_TCB_DATA));
		taken++;
		UNIT_EXPECT(hc_tcp_input(&whole.t, &whole.c, &seg, &env) == what);
		if (fx_first_difference(&quick, &whole))
			FX_SAME(quick, whole);
	}
	CU_ASSERT(taken > PAIRS / 20);
}

// Each of the five segments is predicted: a prediction that always said "look closer" would agree
// with everything.
static void segments_of_an_orderly_life_are_predicted(void)
{
	static const struct {
		struct fx_conn (*fixture)(const struct fx_story *);
		uint8_t flags;
		uint32_t what;
	} life[] = {
		{fx_syn_sent, HC_TCP_SYN | HC_TCP_ACK, HC_DO_OPENED | HC_DO_TIMER_OFF | HC_DO_ACK},
		{fx_established, HC_TCP_FIN | HC_TCP_ACK, HC_DO_PEER_CLOSED | HC_DO_ACK},
		{fx_fin_wait_1, HC_TCP_ACK, HC_DO_FIN_ACKED | HC_DO_TIMER_OFF},
		{fx_fin_wait_2, HC_TCP_FIN | HC_TCP_ACK,
		 HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF},
		{fx_last_ack, HC_TCP_ACK,
		 HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_FREE | HC_DO_TIMER_OFF},
	};

	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(life); i++) {
		struct fx_story s = {.iss = 1, .irs = 2, .has_ts = i & 1};
		struct fx_conn x = life[i / 2].fixture(&s);
		struct hc_seg seg =
			i < 2 ? fx_syn(&s, life[0].flags) : fx_seg(&x, life[i / 2].flags);
		struct hc_tcp_env env = fx_env();
		uint32_t what = 0;

		CU_ASSERT(hc_tcp_input_quick(&x.t, &x.c, &seg, &env, &what));
		UNIT_EQ(what, life[i / 2].what);
	}
}

static void fin_alone_leaves_as_output_next_would_send_it(void)
{
	unsigned owing = 0;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < PAIRS / 4; i++) {
		struct hc_tcp_env env = random_env();
		struct fx_conn quick = random_conn();
		struct fx_conn whole = quick;
		struct hc_send_plan plan;
		bool arm_persist;

		if (!hc_tcp_owes_only_fin(&quick.t, &quick.c))
			continue;
		owing++;
		hc_tcp_output_fin(&quick.t, &quick.c, &env);
		UNIT_EXPECT(hc_tcp_output_next(&whole.t, &whole.c, &env, &plan, &arm_persist));
		UNIT_EXPECT(plan.seq == quick.t.snd_nxt - 1 && plan.len == 0 && !plan.is_rtx);
		UNIT_EXPECT(plan.flags == (HC_TCP_FIN | HC_TCP_ACK) && !arm_persist);
		if (fx_first_difference(&quick, &whole))
			FX_SAME(quick, whole);
		UNIT_EXPECT(!hc_tcp_owes_only_fin(&quick.t, &quick.c));
		UNIT_EXPECT(!hc_tcp_output_next(&whole.t, &whole.c, &env, &plan, &arm_persist));
	}
	CU_ASSERT(owing > PAIRS / 400);
}

static void one_segment_leaves_as_output_next_would_send_it(void)
{
	unsigned owing = 0;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < PAIRS / 4; i++) {
		struct hc_tcp_env env = random_env();
		struct fx_conn quick = random_conn();
		struct fx_conn whole;
		struct hc_send_plan plan, plan_whole;
		bool arm_persist;

		if (one_in(4) && !(quick.t.flags & (HC_TCB_FIN_SENT | HC_TCB_DATA)))
			fx_queued(&quick, 1 + hc_rng_below(&rng, 2000));
		whole = quick;
		if (!hc_tcp_owes_one_segment(&quick.t, &quick.c))
			continue;
		owing++;
		hc_tcp_output_one_segment(&quick.t, &quick.c, &env, &plan);
		UNIT_EXPECT(
			hc_tcp_output_next(&whole.t, &whole.c, &env, &plan_whole, &arm_persist));
		UNIT_EXPECT(plan.seq == plan_whole.seq && plan.len == plan_whole.len);
		UNIT_EXPECT(plan.flags == plan_whole.flags && plan.is_rtx == plan_whole.is_rtx);
		if (fx_first_difference(&quick, &whole))
			FX_SAME(quick, whole);
		UNIT_EXPECT(
			!hc_tcp_output_next(&whole.t, &whole.c, &env, &plan_whole, &arm_persist));
		UNIT_EXPECT(!arm_persist);
	}
	CU_ASSERT(owing > PAIRS / 400);
}

static void calls_do_what_the_whole_calls_do(void)
{
	unsigned closed = 0, queued = 0;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < PAIRS / 4; i++) {
		struct hc_tcp_env env = random_env();
		uint32_t len = 1 + hc_rng_below(&rng, 2000), flags;
		struct fx_conn quick = random_conn();
		struct fx_conn whole = quick;

		if (hc_tcp_may_queue_quick(&quick.t, &quick.c)) {
			queued++;
			hc_tcp_queue_all(&quick.c, len);
			quick.t.flags |= HC_TCB_DATA;
			UNIT_EXPECT(hc_tcp_queue(&whole.t, &whole.c, len, len) == len);
			UNIT_EXPECT(hc_cc_is_live(&quick.c));
			if (fx_first_difference(&quick, &whole))
				FX_SAME(quick, whole);
		}
		if (hc_tcp_close_quick(&quick.t, &flags)) {
			closed++;
			quick.t.flags = (uint16_t)(quick.t.flags | flags);
			UNIT_EXPECT(hc_tcp_close(&whole.t, false, &env) == HC_DO_OUTPUT);
		}
		if (fx_first_difference(&quick, &whole))
			FX_SAME(quick, whole);
	}
	CU_ASSERT(closed > PAIRS / 400);
	CU_ASSERT(queued > PAIRS / 400);
}

// Behind a timeout the next ACK is looked at, however plain: were its mark kept, it would be ahead
// again two gibibytes later, and repeated ACKs be taken for what the timeout sent.
static void timeout_is_forgotten_before_sequence_numbers_come_round(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_tcp_env env = fx_env();
	struct hc_seg seg;
	uint32_t what;

	fx_queued(&x, 1000);
	fx_in_flight(&x, 1000);
	(void)hc_tcp_timeout(&x.t, &x.c, &env);
	x.t.flags &= (uint16_t)~HC_TCB_RECOVERING; // It is sent again.
	seg = fx_seg(&x, HC_TCP_ACK);
	(void)hc_tcp_input(&x.t, &x.c, &seg, &env);
	UNIT_EQ(x.t.snd_una, x.t.snd_nxt);
	for (unsigned i = 0; i < 2100; i++) {
		x.c.snd_end += 1u << 20;
		x.t.snd_nxt = x.c.snd_end;
		seg = fx_seg(&x, HC_TCP_ACK);
		if (!hc_tcp_input_quick_data(&x.t, &x.c, &seg, &env, x.t.state, &what))
			(void)hc_tcp_input(&x.t, &x.c, &seg, &env);
		UNIT_EXPECT(x.t.snd_una == x.t.snd_nxt);
	}
	x.c.snd_end += 10000;
	x.t.snd_nxt = x.c.snd_end;
	for (unsigned i = 0; i < 3; i++) {
		seg = fx_seg(&x, HC_TCP_ACK);
		seg.ack = x.t.snd_una;
		(void)hc_tcp_input(&x.t, &x.c, &seg, &env);
	}
	UNIT_EQ(fx_ctr[HC_CTR_fast_recoveries], 1);
}

UNIT_SUITE(quick, UNIT_TEST(segments_of_an_orderly_life_are_predicted),
	   UNIT_TEST(prediction_does_what_the_whole_input_does),
	   UNIT_TEST(prediction_of_data_does_what_the_whole_input_does),
	   UNIT_TEST(text_of_the_final_ack_is_taken_as_the_whole_input_takes_it),
	   UNIT_TEST(fin_alone_leaves_as_output_next_would_send_it),
	   UNIT_TEST(one_segment_leaves_as_output_next_would_send_it),
	   UNIT_TEST(calls_do_what_the_whole_calls_do),
	   UNIT_TEST(timeout_is_forgotten_before_sequence_numbers_come_round));
