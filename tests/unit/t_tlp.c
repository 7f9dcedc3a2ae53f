// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Tail loss probes (RFC 8985 7): when the timer is a probe's and how long it runs, what is sent,
// and what its answer means. Segments are numbered from ISS + 1.

#include "fx_tcp.h"

#include "tcp/tlp.h"

#define MSS 1000u

static struct hc_tcp_env env;
static struct fx_conn x;

// `segments` in flight, with an SRTT of 20 ms, and `more` bytes behind that cwnd has no room for.
static void begin(unsigned segments, uint32_t more)
{
	env = fx_sack_env(1);
	x = fx_sack_sender(segments, MSS);
	x.c.srtt_us = 20000;
	x.c.snd_end = x.t.snd_nxt + more;
	fx_pass_us(&env, 1000 * 1000);
}

static uint32_t delay_ms(void)
{
	return hc_recovery_delay_ms(&x.t, &x.c, &env);
}

// The probe; false: the timeout did something else, or no probe could go.
static bool probe(struct hc_send_plan *plan)
{
	hc_verdict v = hc_tcp_timeout(&x.t, &x.c, &env);

	if (!(v & HC_DO_TAIL_PROBE))
		return false;
	// RFC 8985 7.3: whether a probe goes or not, the RTO is armed.
	UNIT_EQ(fx_what(v), HC_DO_TAIL_PROBE | HC_DO_TIMER_RTX);
	UNIT_EQ(x.c.retries, 0);
	return hc_tlp_plan(&x.t, &x.c, &env, plan);
}

static uint32_t ack_with(unsigned ack, unsigned lo, unsigned hi)
{
	struct hc_seg seg = fx_seg(&x, HC_TCP_ACK);
	hc_seq first = x.c.iss + 1;

	seg.ack = first + ack * MSS;
	seg.wnd = (uint16_t)(x.t.snd_wnd >> x.c.snd_wscale);
	env.sack_count = lo != hi;
	seg.opts |= lo != hi ? HC_OPT_SACK : 0;
	env.sack[0] = (struct hc_seq_range){first + lo * MSS, first + hi * MSS};
	return fx_what(hc_tcp_input(&x.t, &x.c, &seg, &env));
}

static bool next(struct hc_send_plan *plan)
{
	bool arm_persist;

	return hc_tcp_output_next(&x.t, &x.c, &env, plan, &arm_persist);
}

/* ---------------------------------------------------------------------------------- 7.2 */

static void pto_is_two_round_trips(void)
{
	begin(4, 0);
	x.c.rto_ms = 400;
	x.c.srtt_us = 40000;
	UNIT_EQ(delay_ms(), 81);
	x.c.srtt_us = 40001;
	UNIT_EQ(delay_ms(), 82);
	x.c.srtt_us = 10; // Less than a tick: the floor.
	UNIT_EQ(delay_ms(), env.rto_min_ms / 4);
	x.c.rto_ms = 7;
	UNIT_EQ(delay_ms(), 7);
}

// One segment's ACK may be delayed; the RTO bounds that.
static void pto_of_one_segment_is_the_rto(void)
{
	begin(1, 0);
	UNIT_EQ(x.c.rto_ms, env.rto_min_ms);
	UNIT_EQ(delay_ms(), x.c.rto_ms);
	CU_ASSERT(hc_tlp_may(&x.t, &x.c, &env));
	x.c.rto_ms = 900;
	x.c.srtt_us = 40000;
	UNIT_EQ(delay_ms(), 81 + env.rto_min_ms);
}

static void pto_without_rtt_is_one_second(void)
{
	begin(4, 0);
	x.c.srtt_us = 0;
	x.c.rto_ms = 3000;
	UNIT_EQ(delay_ms(), 1000);
	x.c.rto_ms = 700;
	UNIT_EQ(delay_ms(), 700);
}

static void pto_is_never_behind_the_rto(void)
{
	begin(4, 0);
	x.c.srtt_us = 5000000;
	x.c.rto_ms = 6000;
	UNIT_EQ(delay_ms(), 6000);
	x.c.srtt_us = UINT32_MAX; // Nothing wraps.
	UNIT_EQ(delay_ms(), 6000);
}

static void timer_is_no_probes_when_other_means_work(void)
{
	begin(4, 0);
	CU_ASSERT(hc_tlp_may(&x.t, &x.c, &env));
	x.t.flags &= (uint16_t)~HC_TCB_SACK;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	UNIT_EQ(delay_ms(), x.c.rto_ms);
	begin(4, 0);
	(void)ack_with(0, 1, 2); // Something is SACKed: RACK's timer.
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	begin(4, 0);
	x.c.cc.is_recovering = true;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	begin(4, 0);
	x.t.flags |= HC_TCB_RECOVERING;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	begin(4, 0);
	x.c.retries = 1;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	begin(4, 0);
	x.c.switches |= HC_SWITCH_TIMED_OUT; // After a timeout.
	x.c.cc.recover = x.t.snd_nxt;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	begin(4, 0);
	x.t.snd_wnd = 0;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	begin(4, 0);
	x.t.snd_una = x.t.snd_nxt;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
}

// A FIN that no data came before is a matter of the handshake, and of its timer alone.
static void fin_without_data_has_no_probe(void)
{
	begin(1, 0);
	x = fx_fin_wait_1(&fx_plain);
	x.t.flags |= HC_TCB_SACK;
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
}

static void window_that_closes_ends_the_wait_for_a_probe(void)
{
	struct hc_seg seg;

	begin(4, 0);
	seg = fx_seg(&x, HC_TCP_ACK);
	seg.ack = x.t.snd_una;
	seg.wnd = 0;
	CU_ASSERT(fx_what(hc_tcp_input(&x.t, &x.c, &seg, &env)) & HC_DO_TIMER_RTX);
	UNIT_EQ(delay_ms(), x.c.rto_ms);
}

/* ---------------------------------------------------------------------------------- 7.3 */

static void probe_is_new_data_if_there_is_some(void)
{
	struct hc_send_plan plan;
	hc_seq nxt;

	begin(4, 2500);
	CU_ASSERT(!next(&plan)); // cwnd is full: the probe goes beyond.
	nxt = x.t.snd_nxt;
	CU_ASSERT_FATAL(probe(&plan));
	UNIT_EQ(plan.seq, nxt);
	UNIT_EQ(plan.len, MSS);
	UNIT_EQ(plan.flags, HC_TCP_ACK);
	CU_ASSERT(!plan.is_rtx);
	UNIT_EQ(x.t.snd_nxt, nxt + MSS);
	UNIT_EQ(x.c.cc.tlp_end, nxt + MSS);
	CU_ASSERT(!(x.t.flags & HC_TCB_RTX));
	UNIT_EQ(fx_ctr[HC_CTR_tlp_probes], 1);
	UNIT_EQ(delay_ms(), x.c.rto_ms); // Not another probe.
}

static void last_piece_goes_with_psh_and_fin(void)
{
	struct hc_send_plan plan;

	begin(4, 300);
	fx_close_called(&x);
	CU_ASSERT_FATAL(probe(&plan));
	UNIT_EQ(plan.len, 300);
	UNIT_EQ(plan.flags, HC_TCP_ACK | HC_TCP_PSH | HC_TCP_FIN);
	CU_ASSERT(x.t.flags & HC_TCB_FIN_SENT);
}

static void probe_without_new_data_is_the_last_segment(void)
{
	struct hc_send_plan plan;

	begin(4, 0);
	CU_ASSERT_FATAL(probe(&plan));
	UNIT_EQ(plan.seq, x.t.snd_nxt - MSS);
	UNIT_EQ(plan.len, MSS);
	UNIT_EQ(plan.flags, HC_TCP_ACK | HC_TCP_PSH);
	CU_ASSERT(plan.is_rtx);
	CU_ASSERT(x.t.flags & HC_TCB_RTX); // Karn.
	CU_ASSERT(x.c.cc.is_probe_rtx);
	UNIT_EQ(x.c.cc.tlp_end, x.t.snd_nxt);
	UNIT_EQ(x.c.cwnd, 4 * MSS);
	UNIT_EQ(fx_ctr[HC_CTR_rtx_timeouts], 0);
	// A short one is taken for what it was.
	begin(3, 0);
	x.t.snd_nxt += 250;
	x.c.snd_end += 250;
	CU_ASSERT_FATAL(probe(&plan));
	UNIT_EQ(plan.seq, x.t.snd_nxt - 250);
	UNIT_EQ(plan.len, 250);
}

static void last_segment_may_be_a_fin(void)
{
	struct hc_send_plan plan;

	begin(2, 0);
	fx_close_called(&x);
	x.t.snd_nxt++;
	x.t.flags |= HC_TCB_FIN_SENT;
	CU_ASSERT_FATAL(probe(&plan));
	UNIT_EQ(plan.seq, x.t.snd_nxt - 1 - MSS);
	UNIT_EQ(plan.flags, HC_TCP_ACK | HC_TCP_PSH | HC_TCP_FIN);
	begin(2, 0);
	fx_close_called(&x);
	x.t.snd_una = x.t.snd_nxt++;
	x.t.flags |= HC_TCB_FIN_SENT;
	CU_ASSERT_FATAL(probe(&plan));
	UNIT_EQ(plan.seq, x.t.snd_una);
	UNIT_EQ(plan.len, 0);
	UNIT_EQ(plan.flags, HC_TCP_ACK | HC_TCP_FIN);
}

// Not beyond the peer's window: then the last segment, and no probe if even that lies behind it.
static void probe_stays_within_the_window(void)
{
	struct hc_send_plan plan;

	begin(4, 5000);
	x.t.snd_wnd = 4 * MSS + MSS / 2;
	CU_ASSERT_FATAL(probe(&plan));
	CU_ASSERT(plan.is_rtx);
	UNIT_EQ(plan.seq, x.t.snd_nxt - MSS);
	begin(4, 5000);
	x.t.snd_wnd = 3 * MSS;
	CU_ASSERT(!probe(&plan));
	UNIT_EQ(fx_ctr[HC_CTR_tlp_probes], 0);
	UNIT_EQ(delay_ms(), x.c.rto_ms);
	fx_pass_us(&env, 1000 * x.c.rto_ms);
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	UNIT_EQ(x.c.retries, 1);
}

// RFC 8985 7.3, conditions 1 and 2: one probe at a time, and an RTT between two.
static void next_probe_waits_for_an_rtt(void)
{
	struct hc_send_plan plan;

	begin(4, 0);
	CU_ASSERT_FATAL(probe(&plan));
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	(void)ack_with(4, 3, 4); // Both arrived (a D-SACK): the probe is done with.
	CU_ASSERT(!x.c.cc.has_probe);
	CU_ASSERT(x.c.switches & HC_SWITCH_TLP); // But nothing was measured.
	x.c.snd_end += 2 * MSS;
	CU_ASSERT_FATAL(next(&plan) && next(&plan));
	CU_ASSERT(!hc_tlp_may(&x.t, &x.c, &env));
	fx_pass_us(&env, 1000 * 20);
	(void)ack_with(5, 0, 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_TLP));
	CU_ASSERT(hc_tlp_may(&x.t, &x.c, &env));
}

/* ---------------------------------------------------------------------------------- 7.4 */

// RFC 8985 7.4.1: the probe's SACK shows the tail to be lost, and RACK has it sent again after a
// quarter of an RTT: sooner than any timeout.
static void lost_tail_is_repaired_without_a_timeout(void)
{
	struct hc_send_plan plan;
	uint32_t after_ms;

	begin(10, 0);
	x.c.cc.sent_ms = env.now_ms;
	fx_pass_us(&env, 1000 * 20);
	(void)ack_with(7, 0, 0); // 7, 8 and 9 are lost.
	after_ms = delay_ms();
	UNIT_EQ(after_ms, env.rto_min_ms / 4);
	fx_pass_us(&env, 1000 * after_ms);
	CU_ASSERT_FATAL(probe(&plan));
	UNIT_EQ(plan.seq, x.c.iss + 1 + 9 * MSS);
	fx_pass_us(&env, 1000 * 20);
	(void)ack_with(7, 9, 10);
	after_ms += 20 + delay_ms();
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	fx_pass_us(&env, 1000 * delay_ms());
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	CU_ASSERT_FATAL(next(&plan));
	UNIT_EQ(plan.seq, x.c.iss + 1 + 7 * MSS);
	CU_ASSERT_FATAL(next(&plan));
	UNIT_EQ(plan.seq, x.c.iss + 1 + 8 * MSS);
	UNIT_EQ(fx_ctr[HC_CTR_rtx_timeouts], 0);
	UNIT_EQ(x.c.ssthresh, 2 * MSS); // The floor: of the 3 in flight.
	CU_ASSERT(after_ms < x.c.rto_ms);
}

// 7.4.2: nothing but the last was lost. The next ACK beyond tells, and the window pays.
static void loss_that_the_probe_repaired_costs_the_window(void)
{
	struct hc_send_plan plan;

	begin(10, 0);
	CU_ASSERT_FATAL(probe(&plan));
	(void)ack_with(10, 0, 0);
	CU_ASSERT(x.c.cc.has_probe); // It may still turn out to have been for nothing.
	x.c.cwnd = 10 * MSS;
	x.c.snd_end += MSS;
	CU_ASSERT_FATAL(next(&plan));
	(void)ack_with(11, 0, 0);
	CU_ASSERT(!x.c.cc.has_probe);
	UNIT_EQ(fx_ctr[HC_CTR_tlp_repairs], 1);
	UNIT_EQ(x.c.ssthresh, 5 * MSS);
	UNIT_EQ(x.c.cwnd, 5 * MSS);
}

// Case 1 and case 2: both copies arrived.
static void probe_for_nothing_costs_nothing(void)
{
	for (unsigned has_dsack = 0; has_dsack < 2; has_dsack++) {
		struct hc_send_plan plan;

		begin(10, 0);
		CU_ASSERT_FATAL(probe(&plan));
		(void)ack_with(10, 0, 0);
		CU_ASSERT(x.c.cc.has_probe);
		(void)ack_with(10, has_dsack ? 9 : 0, has_dsack ? 10 : 0);
		CU_ASSERT(!x.c.cc.has_probe);
		x.c.snd_end += MSS;
		CU_ASSERT_FATAL(next(&plan));
		(void)ack_with(11, 0, 0);
		UNIT_EQ(fx_ctr[HC_CTR_tlp_repairs], 0);
		CU_ASSERT(x.c.cwnd >= 10 * MSS);
	}
}

// A D-SACK of something else says nothing about the probe.
static void other_duplicate_is_not_the_probes(void)
{
	struct hc_send_plan plan;

	begin(10, 0);
	CU_ASSERT_FATAL(probe(&plan));
	(void)ack_with(10, 3, 4);
	CU_ASSERT(x.c.cc.has_probe);
}

static void probe_of_new_data_is_done_with_its_ack(void)
{
	struct hc_send_plan plan;

	begin(4, 5000);
	CU_ASSERT_FATAL(probe(&plan));
	(void)ack_with(4, 0, 0); // Not the probe yet.
	CU_ASSERT(x.c.cc.has_probe);
	(void)ack_with(5, 0, 0);
	CU_ASSERT(!x.c.cc.has_probe);
	UNIT_EQ(fx_ctr[HC_CTR_tlp_repairs], 0);
}

// 7.1: a recovery, of either kind, has nothing to do with a probe before it.
static void recovery_forgets_the_probe(void)
{
	struct hc_send_plan plan;

	begin(10, 0);
	CU_ASSERT_FATAL(probe(&plan));
	(void)ack_with(0, 1, 5);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	CU_ASSERT(!x.c.cc.has_probe);
	begin(10, 0);
	CU_ASSERT_FATAL(probe(&plan));
	fx_pass_us(&env, 1000 * x.c.rto_ms);
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	CU_ASSERT(!x.c.cc.has_probe);
	UNIT_EQ(fx_ctr[HC_CTR_rtx_timeouts], 1);
	UNIT_EQ(x.c.cwnd, MSS);
}

UNIT_SUITE(tlp, UNIT_TEST(pto_is_two_round_trips), UNIT_TEST(pto_of_one_segment_is_the_rto),
	   UNIT_TEST(pto_without_rtt_is_one_second), UNIT_TEST(pto_is_never_behind_the_rto),
	   UNIT_TEST(timer_is_no_probes_when_other_means_work),
	   UNIT_TEST(fin_without_data_has_no_probe),
	   UNIT_TEST(window_that_closes_ends_the_wait_for_a_probe),
	   UNIT_TEST(probe_is_new_data_if_there_is_some),
	   UNIT_TEST(last_piece_goes_with_psh_and_fin),
	   UNIT_TEST(probe_without_new_data_is_the_last_segment),
	   UNIT_TEST(last_segment_may_be_a_fin), UNIT_TEST(probe_stays_within_the_window),
	   UNIT_TEST(next_probe_waits_for_an_rtt),
	   UNIT_TEST(lost_tail_is_repaired_without_a_timeout),
	   UNIT_TEST(loss_that_the_probe_repaired_costs_the_window),
	   UNIT_TEST(probe_for_nothing_costs_nothing), UNIT_TEST(other_duplicate_is_not_the_probes),
	   UNIT_TEST(probe_of_new_data_is_done_with_its_ack),
	   UNIT_TEST(recovery_forgets_the_probe));
