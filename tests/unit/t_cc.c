// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Congestion control by repeated and partial ACKs, and CUBIC's arithmetic against the formulas of
// RFC 9438 in floating point. Rates are in tests/sim/rate.c.

#include "tcp/cc.h"
#include "tcp/output.h"

#include "base/rng.h"

#include "fx_tcp.h"

#include <math.h>

#define MSS 1400u

// So many whole segments in flight, and more queued.
static struct fx_conn sender(unsigned segments)
{
	return fx_sender(segments, MSS);
}

static uint32_t ack(struct fx_conn *x, hc_seq to, struct hc_tcp_env *env)
{
	struct hc_seg seg = fx_seg(x, HC_TCP_ACK);

	seg.ack = to;
	seg.wnd = (uint16_t)(x->t.snd_wnd >> x->c.snd_wscale);
	return fx_what(hc_tcp_input(&x->t, &x->c, &seg, env));
}

static bool next(struct fx_conn *x, const struct hc_tcp_env *env, struct hc_send_plan *plan)
{
	bool arm_persist;

	return hc_tcp_output_next(&x->t, &x->c, env, plan, &arm_persist);
}

static unsigned send_all(struct fx_conn *x, const struct hc_tcp_env *env)
{
	struct hc_send_plan plan;
	unsigned n = 0;

	while (next(x, env, &plan))
		n++;
	return n;
}

static void enter(struct fx_conn *x, struct hc_tcp_env *env)
{
	for (unsigned i = 0; i < HC_DUP_ACKS; i++)
		(void)ack(x, x->t.snd_una, env);
	CU_ASSERT(hc_cc_is_recovering(&x->c));
}

static void two_repeated_acks_let_one_new_segment_go_each(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = sender(10);
	hc_seq nxt = x.t.snd_nxt;
	struct hc_send_plan plan;

	CU_ASSERT(!next(&x, &env, &plan));
	for (unsigned i = 0; i < 2; i++) {
		UNIT_EQ(ack(&x, x.t.snd_una, &env), HC_DO_OUTPUT);
		CU_ASSERT_FATAL(next(&x, &env, &plan));
		UNIT_EQ(plan.seq, nxt + i * MSS);
		UNIT_EQ(plan.is_rtx, false);
		CU_ASSERT(!next(&x, &env, &plan));
	}
	UNIT_EQ(x.c.cwnd, 10 * MSS); // RFC 5681 3.2, step 1: not changed.
}

static void third_repeated_ack_sends_the_first_segment_again(void)
{
	static const struct {
		uint8_t kind;
		uint32_t ssthresh;
	} by[] = {{HC_CONGESTION_NEWRENO, 5 * MSS}, {HC_CONGESTION_CUBIC, 7 * MSS}};

	for (unsigned i = 0; i < HC_ARRAY_LEN(by); i++) {
		struct hc_tcp_env env = fx_env();
		struct fx_conn x = sender(10);
		struct hc_send_plan plan;

		env.congestion = by[i].kind;
		for (unsigned n = 0; n < 2; n++) {
			(void)ack(&x, x.t.snd_una, &env);
			UNIT_EQ(send_all(&x, &env), 1);
		}
		UNIT_EQ(ack(&x, x.t.snd_una, &env), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
		// What limited transmit sent is not counted in.
		UNIT_EQ(x.c.ssthresh, by[i].ssthresh);
		UNIT_EQ(x.c.cwnd, by[i].ssthresh + 3 * MSS);
		CU_ASSERT_FATAL(next(&x, &env, &plan));
		UNIT_EQ(plan.seq, x.t.snd_una);
		UNIT_EQ(plan.len, MSS);
		UNIT_EQ(plan.is_rtx, true);
		CU_ASSERT(!next(&x, &env, &plan));
		UNIT_EQ(fx_ctr[HC_CTR_rtx_fast], 1);
		UNIT_EQ(fx_ctr[HC_CTR_fast_recoveries], 1);
		CU_ASSERT(x.t.flags & HC_TCB_RTX);
		UNIT_EQ(ack(&x, x.t.snd_una, &env), HC_DO_OUTPUT);
		UNIT_EQ(x.c.cwnd, by[i].ssthresh + 4 * MSS);
	}
}

static void acks_that_say_something_else_are_no_repeats(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = sender(10);

	for (unsigned i = 0; i < 12; i++) {
		struct hc_seg seg = fx_seg(&x, HC_TCP_ACK);

		seg.ack = x.t.snd_una;
		seg.wnd = (uint16_t)((x.t.snd_wnd >> x.c.snd_wscale) - (i & 1)); // A new window.
		if (!(i & 1))
			seg.wnd = (uint16_t)(seg.wnd - 1 - i);
		(void)hc_tcp_input(&x.t, &x.c, &seg, &env);
	}
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	// Answers to keep-alive probes, of a peer who would tell of a gap by SACK (RFC 6675 2).
	x = sender(10);
	x.t.flags |= HC_TCB_SACK;
	for (unsigned i = 0; i < 5; i++)
		(void)ack(&x, x.t.snd_una, &env);
	UNIT_EQ(fx_ctr[HC_CTR_fast_recoveries], 0);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	x = sender(10);
	x.t.snd_una = x.t.snd_nxt; // Nothing is in flight.
	for (unsigned i = 0; i < 4; i++)
		UNIT_EQ(ack(&x, x.t.snd_una, &env), 0);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
}

static void partial_ack_sends_the_next_hole(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = sender(10);
	hc_seq una = x.t.snd_una;
	struct hc_send_plan plan;
	uint32_t cwnd;

	enter(&x, &env);
	CU_ASSERT_FATAL(next(&x, &env, &plan));
	cwnd = x.c.cwnd;
	CU_ASSERT(ack(&x, una + 4 * MSS, &env) & HC_DO_OUTPUT);
	UNIT_EQ(x.c.cwnd, cwnd - 3 * MSS); // RFC 6582 3.2, step 3.
	CU_ASSERT_FATAL(next(&x, &env, &plan));
	UNIT_EQ(plan.seq, una + 4 * MSS);
	UNIT_EQ(plan.is_rtx, true);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	UNIT_EQ(fx_ctr[HC_CTR_rtx_fast], 2);
}

static void full_ack_ends_recovery_at_ssthresh(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = sender(10);
	hc_seq recover = x.t.snd_nxt;

	enter(&x, &env);
	for (unsigned i = 0; i < 6; i++)
		(void)ack(&x, x.t.snd_una, &env);
	UNIT_EQ(send_all(&x, &env), 1 + 4); // The hole, and ssthresh + 9 less the 10 in flight.
	(void)ack(&x, recover, &env);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	CU_ASSERT(!(x.t.flags & HC_TCB_RTX));
	UNIT_EQ(x.c.cwnd, 5 * MSS); // min(ssthresh, FlightSize + SMSS).
	UNIT_EQ(x.c.srtt_us, 2000); // What was sent twice is no sample.
}

static void timeout_in_recovery_goes_back_and_is_not_entered_again(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = sender(10);
	hc_seq nxt = x.t.snd_nxt;
	struct hc_send_plan plan;

	enter(&x, &env);
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	UNIT_EQ(fx_ctr[HC_CTR_rtx_timeouts], 1);
	UNIT_EQ(x.c.cwnd, MSS);
	UNIT_EQ(x.c.ssthresh, 5 * MSS);
	CU_ASSERT_FATAL(next(&x, &env, &plan));
	UNIT_EQ(plan.seq, x.t.snd_una);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	// RFC 6582 3.2, step 1: repeats of what the timeout sends again are no new loss.
	x.t.flags &= (uint16_t)~HC_TCB_RECOVERING;
	for (unsigned i = 0; i < 5; i++)
		(void)ack(&x, x.t.snd_una, &env);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	(void)ack(&x, nxt, &env);
	(void)send_all(&x, &env);
	(void)ack(&x, nxt + MSS, &env);
	(void)send_all(&x, &env);
	enter(&x, &env);
}

static void fin_is_sent_again_with_the_last_hole(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = sender(5);
	struct hc_send_plan plan;

	x.c.snd_end = x.t.snd_nxt;
	fx_close_called(&x);
	CU_ASSERT_FATAL(next(&x, &env, &plan) || true);
	x.t.snd_nxt = x.c.snd_end + 1;
	x.t.flags |= HC_TCB_FIN_SENT;
	(void)ack(&x, x.c.snd_end - 100, &env);
	enter(&x, &env);
	CU_ASSERT_FATAL(next(&x, &env, &plan));
	UNIT_EQ(plan.seq, x.c.snd_end - 100);
	UNIT_EQ(plan.len, 100);
	UNIT_EQ(plan.flags, HC_TCP_ACK | HC_TCP_PSH | HC_TCP_FIN);
}

static void window_that_is_not_used_does_not_grow(void)
{
	struct hc_tcp_env env = fx_env();

	for (unsigned kind = 0; kind < HC_CONGESTION_COUNT; kind++) {
		struct fx_conn x = sender(10);

		env.congestion = (uint8_t)kind;
		x.c.cwnd = 40 * MSS;
		x.c.ssthresh = MSS;
		for (unsigned i = 0; i < 100; i++)
			hc_cc_avoid(&x.c, &env, 10 * MSS, 10 * MSS);
		UNIT_EQ(x.c.cwnd, 40 * MSS);
	}
}

static void cube_root_is_rounded_down(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t x = hc_rng_u64(&r) >> hc_rng_below(&r, 64);
		uint64_t root = hc_cube_root(x);

		UNIT_EXPECT(root * root * root <= x);
		UNIT_EXPECT(root == 2642245 || (root + 1) * (root + 1) * (root + 1) > x);
	}
	UNIT_EQ(hc_cube_root(0), 0);
	UNIT_EQ(hc_cube_root(27), 3);
	UNIT_EQ(hc_cube_root(26), 2);
	UNIT_EQ(hc_cube_root(UINT64_MAX), 2642245);
}

static void cubic_grows_as_its_formula_says(void)
{
	struct hc_tcp_env env = fx_env();
	const double rtt_ms = 100;
	struct fx_conn x = sender(1000);
	double k_s = cbrt(300 / 0.4);

	for (int64_t ms = -9000; ms < 9000; ms += 123)
		UNIT_EXPECT(fabs((double)hc_cubic_offset(ms, MSS) -
				 0.4 * pow((double)ms / 1000, 3) * MSS) < 2);
	env.congestion = HC_CONGESTION_CUBIC;
	x.c.srtt_us = (uint32_t)rtt_ms * 1000;
	x.c.rto_ms = 1000;
	hc_cc_on_loss(&x.c, &env, 1000 * MSS);
	UNIT_EQ(x.c.ssthresh, 700 * MSS);
	x.c.cwnd = x.c.ssthresh;
	for (unsigned ms = 0; ms < 18000; ms += 100) {
		double t = ms / 1000.0 + rtt_ms / 1000;
		double want = 1000 + 0.4 * pow(t - k_s, 3);

		hc_cc_avoid(&x.c, &env, x.c.cwnd, x.c.cwnd);
		env.now_ms += 100;
		UNIT_EXPECT(fabs(x.c.cwnd / (double)MSS - want) < 0.02 * want);
	}
	// RFC 9438 4.7: a second loss before W_max is reached again makes room.
	x.c.cwnd = 900 * MSS;
	x.c.cc.w_max = 1000 * MSS;
	hc_cc_on_loss(&x.c, &env, 900 * MSS);
	UNIT_EQ(x.c.cc.w_max, 765 * MSS);
}

UNIT_SUITE(cc, UNIT_TEST(two_repeated_acks_let_one_new_segment_go_each),
	   UNIT_TEST(third_repeated_ack_sends_the_first_segment_again),
	   UNIT_TEST(acks_that_say_something_else_are_no_repeats),
	   UNIT_TEST(partial_ack_sends_the_next_hole),
	   UNIT_TEST(full_ack_ends_recovery_at_ssthresh),
	   UNIT_TEST(timeout_in_recovery_goes_back_and_is_not_entered_again),
	   UNIT_TEST(fin_is_sent_again_with_the_last_hole),
	   UNIT_TEST(window_that_is_not_used_does_not_grow), UNIT_TEST(cube_root_is_rounded_down),
	   UNIT_TEST(cubic_grows_as_its_formula_says));
