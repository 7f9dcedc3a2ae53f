// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// RACK (RFC 8985 6), step by step: a sender with an RTT of 2 ms, whose scoreboard knows of each
// segment when it was sent. Segments are numbered from ISS + 1, times are microseconds.

#include "fx_tcp.h"

#include "tcp/rack.h"
#include "tcp/recovery.h"

#include <limits.h>

#define MSS 1000u
#define RTT 2000u // SRTT and RACK.min_RTT.

static struct hc_tcp_env env;
static struct fx_conn x;

// `segments` in flight, and no end of data behind. cwnd is wide open: what is tested is what counts
// as lost, not when there is room for it.
static void begin(unsigned segments)
{
	env = fx_sack_env(1);
	x = fx_sack_sender(segments, MSS);
	fx_pass_us(&env, 1000000);
}

static uint32_t ack_with(unsigned ack, unsigned n, const unsigned (*block)[2], uint32_t tsecr)
{
	struct hc_seg seg = fx_seg(&x, HC_TCP_ACK);
	hc_seq first = x.c.iss + 1;

	seg.ack = first + ack * MSS;
	seg.wnd = (uint16_t)(x.t.snd_wnd >> x.c.snd_wscale);
	env.sack_count = n;
	seg.opts |= n ? HC_OPT_SACK : 0;
	seg.tsecr = tsecr;
	for (unsigned i = 0; i < n; i++)
		env.sack[i] =
			(struct hc_seq_range){first + block[i][0] * MSS, first + block[i][1] * MSS};
	return fx_what(hc_tcp_input(&x.t, &x.c, &seg, &env));
}

// An ACK with one SACK block, or none if that is empty.
static uint32_t sack(unsigned ack, unsigned lo, unsigned hi)
{
	const unsigned block[][2] = {{lo, hi}};

	return ack_with(ack, lo != hi, block, 0);
}

// The segment sent next; UINT_MAX: none.
static unsigned next(void)
{
	struct hc_send_plan plan;
	bool arm_persist;

	if (!hc_tcp_output_next(&x.t, &x.c, &env, &plan, &arm_persist))
		return UINT_MAX;
	return (plan.seq - x.c.iss - 1) / MSS;
}

static struct hc_board *mine(void)
{
	CU_ASSERT_FATAL(x.c.switches & HC_SWITCH_BOARD);
	return &fx_boards.board[x.c.cc.board];
}

// Milliseconds the timer has to run, as the stack asks.
static uint32_t delay_ms(void)
{
	return hc_recovery_delay_ms(&x.t, &x.c, &env);
}

// The connection has seen this or that before.
static void with_reordering_seen(void)
{
	x.c.cc.has_reordered = true;
}

/* ------------------------------------------------------------------ 6.2, steps 1 to 3 */

static void least_rtt_forgets(void)
{
	begin(10);
	x.c.cc.min_rtt_us = 0;
	hc_rack_rtt(&x.c, &env, 3000);
	UNIT_EQ(x.c.cc.min_rtt_us, 3000);
	hc_rack_rtt(&x.c, &env, 2000);
	UNIT_EQ(x.c.cc.min_rtt_us, 2000);
	hc_rack_rtt(&x.c, &env, 2000 + 256);
	UNIT_EQ(x.c.cc.min_rtt_us, 2001);
	for (unsigned i = 0; i < 1000; i++) // A longer path.
		hc_rack_rtt(&x.c, &env, 50000);
	CU_ASSERT(x.c.cc.min_rtt_us > 48000 && x.c.cc.min_rtt_us <= 50000);
	hc_rack_rtt(&x.c, &env, 0); // Faster than the clock.
	UNIT_EQ(x.c.cc.min_rtt_us, 1);
}

static void least_rtt_is_measured_while_more_is_in_flight(void)
{
	begin(4);
	x.t.flags |= HC_TCB_TIMING;
	x.t.timed_at = env.stamp - 1500 * 1000 / 64;
	x.c.timed_seq = x.t.snd_una + MSS;
	(void)sack(1, 0, 0);
	UNIT_EQ(x.c.cc.min_rtt_us, 1499); // In stamps of 64 ns.
	(void)sack(2, 3, 4);
	UNIT_EQ(mine()->rack.min_rtt_us, 1499);
	(void)sack(4, 0, 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
	UNIT_EQ(x.c.cc.min_rtt_us, 1499); // Kept behind the scoreboard.
}

// RACK.segment is what was sent last, not what stands highest.
static void newest_delivered_is_what_was_sent_last(void)
{
	begin(10);
	(void)sack(0, 1, 4); // Lost: 0.
	UNIT_EQ(next(), 0);
	fx_pass_us(&env, 500);
	(void)sack(0, 1, 6);
	UNIT_EQ(mine()->rack.end_seq, x.t.snd_una + 6 * MSS);
	fx_pass_us(&env, RTT - 500);
	// Segment 0, sent again 2 ms ago.
	(void)sack(6, 7, 8);
	UNIT_EQ(mine()->rack.end_seq, x.t.snd_una - 5 * MSS);
	CU_ASSERT(mine()->rack.is_segment_rtx);
	UNIT_EQ(mine()->rack.rtt_us, hc_rack_now(&env) - mine()->rack.xmit_us);
	CU_ASSERT(mine()->rack.rtt_us >= hc_rack_units(RTT) - 1);
}

// 6.2 step 2, the second check: too soon to be the answer to the second sending.
static void ack_sooner_than_min_rtt_is_of_the_first_sending(void)
{
	begin(10);
	(void)sack(0, 1, 4);
	UNIT_EQ(next(), 0);
	fx_pass_us(&env, RTT / 2);
	(void)sack(1, 2, 4);
	CU_ASSERT(!mine()->rack.is_segment_rtx);
	UNIT_EQ(mine()->rack.end_seq, x.c.iss + 1 + 4 * MSS);
	CU_ASSERT(!x.c.cc.has_reordered); // It was sent again: which one came is not known.
}

// The first check: the echo is of the first sending.
static void echo_tells_the_first_sending_from_the_second(void)
{
	const unsigned block[][2] = {{2, 4}};

	for (unsigned is_second = 0; is_second < 2; is_second++) {
		uint32_t first_ts;

		begin(10);
		x.t.flags |= HC_TCB_TS;
		first_ts = env.ts_now;
		fx_pass_us(&env, 20000);
		(void)ack_with(0, 1, (const unsigned[][2]){{1, 4}}, first_ts);
		UNIT_EQ(next(), 0);
		fx_pass_us(&env, 20000);
		(void)ack_with(1, 1, block, is_second ? env.ts_now - 20 : first_ts);
		UNIT_EQ(mine()->rack.is_segment_rtx, is_second);
	}
}

static void delivery_out_of_order_is_seen(void)
{
	begin(10);
	(void)sack(0, 2, 3);
	CU_ASSERT(!x.c.cc.has_reordered);
	(void)sack(0, 1, 3); // 1, never sent again, came behind 2.
	CU_ASSERT(x.c.cc.has_reordered);
	UNIT_EQ(fx_ctr[HC_CTR_rack_reordering], 1);
	(void)sack(3, 0, 0);
	UNIT_EQ(fx_ctr[HC_CTR_rack_reordering], 1); // Once a connection.

	begin(10);
	(void)sack(0, 1, 2);
	(void)sack(2, 0, 0); // 0 came behind 1, acknowledged.
	CU_ASSERT(x.c.cc.has_reordered);
}

// What ACKs that were lost would have told in order is not reordering.
static void one_ack_with_several_blocks_is_in_order(void)
{
	begin(10);
	(void)ack_with(0, 3, (const unsigned[][2]){{7, 8}, {5, 6}, {3, 4}}, 0);
	CU_ASSERT(!x.c.cc.has_reordered);
	UNIT_EQ(mine()->fack, x.t.snd_una + 8 * MSS);
}

// What was in flight before the first SACK was sent over the last round trip, or in one go.
static void times_before_the_first_sack_are_spread(void)
{
	begin(16);
	x.c.cc.sent_ms = env.now_ms - 1; // Half an RTT ago.
	(void)sack(0, 2, 3);
	for (unsigned i = 0; i < mine()->run_count; i++) {
		const struct hc_run *r = &mine()->run[i];
		uint32_t age = hc_rack_now(&env) - r->sent_us;
		uint32_t up_to = (r->end - x.t.snd_una) * RTT / 2 / (16 * MSS);

		CU_ASSERT(age <= hc_rack_units(RTT) && age >= hc_rack_units(RTT - up_to) - 1);
	}
	CU_ASSERT(mine()->run_count >= 6);
	begin(16);
	x.c.cc.sent_ms = env.now_ms - 2;
	(void)sack(0, 2, 3);
	UNIT_EQ(mine()->run_count, 3);
	begin(1);
	x.c.srtt_us = 0; // Nothing was measured: since the SYN was sent.
	x.t.flags |= HC_TCB_TIMING;
	x.t.timed_at = env.stamp - 5000 * 1000 / 64;
	x.c.cwnd = 2 * MSS;
	UNIT_EQ(next(), 1);
	x.c.cc.sent_ms = 0;
	(void)sack(0, 1, 2);
	UNIT_EQ(mine()->rack.rtt_us, hc_rack_units(5000));
}

/* ------------------------------------------------------------------ 6.2, steps 4 and 5 */

// Fewer SACKs than DupThresh: a quarter of min_RTT, by the timer.
static void reordering_window_passes_and_recovery_begins(void)
{
	begin(4);
	x.c.snd_end = x.t.snd_nxt; // Nothing new to send: no third SACK will come.
	UNIT_EQ(sack(0, 1, 2), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	CU_ASSERT(mine()->rack.is_waiting);
	UNIT_EQ(delay_ms(), 2); // 0.5 ms, rounded up, and a tick.
	fx_pass_us(&env, RTT / 4 - 5);
	(void)sack(0, 0, 0);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	fx_pass_us(&env, 10);
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	UNIT_EQ(x.c.retries, 0); // No retransmission timeout.
	UNIT_EQ(fx_ctr[HC_CTR_rtx_timeouts], 0);
	UNIT_EQ(fx_ctr[HC_CTR_rack_timeouts], 1);
	UNIT_EQ(next(), 0); // And not 2 and 3, which were sent behind 1.
	CU_ASSERT(!mine()->rack.is_waiting);
	UNIT_EQ(delay_ms(), x.c.rto_ms);
}

// The peer takes its window back meanwhile: it is probed at RTOs, not once a millisecond.
static void closed_window_is_not_probed_by_the_reordering_timer(void)
{
	begin(4);
	x.c.snd_end = x.t.snd_nxt;
	(void)sack(0, 1, 2);
	CU_ASSERT(mine()->rack.is_waiting);
	x.t.snd_wnd = 0;
	UNIT_EQ(delay_ms(), x.c.rto_ms);
	fx_pass_us(&env, 10000);
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_PROBE | HC_DO_TIMER_RTX);
	UNIT_EQ(delay_ms(), x.c.rto_ms);
	CU_ASSERT(x.c.rto_ms > 2);
}

// Within the window: the missing one comes, and nothing is sent again.
static void reordering_within_the_window_costs_nothing(void)
{
	begin(4);
	(void)sack(0, 1, 2);
	fx_pass_us(&env, RTT / 8);
	CU_ASSERT(sack(2, 0, 0) & HC_DO_TIMER_RTX);
	fx_pass_us(&env, RTT);
	CU_ASSERT(x.c.cc.has_reordered);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	UNIT_EQ(fx_ctr[HC_CTR_rtx_fast], 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
}

static void without_reordering_dup_thresh_needs_no_wait(void)
{
	begin(10);
	(void)sack(0, 3, 4);
	(void)sack(0, 3, 5);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	(void)sack(0, 3, 6);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	x.c.cwnd = 100 * MSS;
	UNIT_EQ(next(), 0);
	UNIT_EQ(next(), 1);
	UNIT_EQ(next(), 2); // All that was sent before: reo_wnd is 0 in recovery.
}

static void with_reordering_seen_dup_thresh_says_nothing(void)
{
	begin(20);
	with_reordering_seen();
	for (unsigned i = 3; i < 12; i++)
		(void)sack(0, 2, i);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	fx_pass_us(&env, RTT / 4 + 5);
	(void)hc_tcp_timeout(&x.t, &x.c, &env);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	UNIT_EQ(next(), 0);
	x.c.cwnd = 100 * MSS;
	UNIT_EQ(next(), 1);
	UNIT_EQ(next(), 20); // And none of those sent behind 11.
}

// What a recovery sent again is lost again: known when what was sent behind it arrives.
static void lost_retransmission_is_seen_without_a_timeout(void)
{
	begin(10);
	(void)sack(0, 1, 4);
	UNIT_EQ(next(), 0); // Lost again.
	fx_pass_us(&env, 100);
	(void)sack(0, 1, 8); // Room for two that were never sent.
	UNIT_EQ(next(), 10);
	UNIT_EQ(next(), 11);
	UNIT_EQ(next(), UINT_MAX);
	fx_pass_us(&env, RTT);
	UNIT_EQ(mine()->run[0].flags, HC_RUN_LOST | HC_RUN_RTX | HC_RUN_EVER);
	(void)sack(0, 1, 12);
	UNIT_EQ(fx_ctr[HC_CTR_rack_lost_again], 1);
	UNIT_EQ(fx_ctr[HC_CTR_fast_recoveries], 1); // One congestion event.
	UNIT_EQ(next(), 0);
	fx_pass_us(&env, RTT);
	(void)sack(12, 0, 0);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	UNIT_EQ(fx_ctr[HC_CTR_rtx_timeouts], 0);
}

// Sent again and new in one step: the clock does not tell which went first, and is not asked.
static void one_step_proves_no_order(void)
{
	begin(10);
	(void)sack(0, 1, 8);
	UNIT_EQ(next(), 0);
	UNIT_EQ(next(), 10);
	fx_pass_us(&env, RTT);
	(void)sack(0, 1, 11);
	UNIT_EQ(fx_ctr[HC_CTR_rack_lost_again], 0);
}

/* ------------------------------------------------------------- 6.2, step 4: D-SACK */

// Every round trip with a D-SACK makes the window larger by min_RTT / 4, up to SRTT.
static void dsack_makes_the_window_larger_once_a_round_trip(void)
{
	const unsigned twice[][2] = {{0, 1}, {5, 6}};

	begin(20);
	(void)sack(2, 0, 0);
	(void)ack_with(2, 2, twice, 0);
	(void)ack_with(2, 2, twice, 0);
	UNIT_EQ(fx_ctr[HC_CTR_dsack_received], 2);
	UNIT_EQ(x.c.cc.reo_mult, 1);
	UNIT_EQ(x.c.cc.reo_persist, HC_REO_PERSIST);
	with_reordering_seen();
	(void)ack_with(2, 1, (const unsigned[][2]){{6, 8}}, 0);
	// 2 * min_RTT / 4 from when it was sent, which is taken to be an RTT before the SACK.
	UNIT_EQ(mine()->rack.wait_end_us - hc_rack_now(&env), hc_rack_units(RTT / 2));
	(void)ack_with(8, 2, (const unsigned[][2]){{1, 2}, {12, 13}}, 0); // Not yet 20.
	UNIT_EQ(x.c.cc.reo_mult, 1);
	x.c.cc.reo_mult = 100;
	(void)sack(8, 12, 14);
	UNIT_EQ(mine()->rack.wait_end_us - hc_rack_now(&env), hc_rack_units(RTT)); // SRTT.
}

static void dsack_with_nothing_in_flight_counts_as_well(void)
{
	begin(4);
	(void)sack(4, 0, 0);
	(void)ack_with(4, 1, (const unsigned[][2]){{3, 4}}, 0);
	UNIT_EQ(x.c.cc.reo_mult, 1);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
	UNIT_EQ(fx_boards.pool.free_count, 1);
}

static void dsack_round_keeps_the_scoreboard_and_ends(void)
{
	begin(4);
	(void)sack(1, 0, 0);
	(void)ack_with(1, 1, (const unsigned[][2]){{0, 1}}, 0);
	CU_ASSERT(x.c.switches & HC_SWITCH_BOARD);
	UNIT_EQ(next(), 4);
	(void)sack(4, 0, 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
	(void)ack_with(4, 1, (const unsigned[][2]){{0, 1}}, 0);
	UNIT_EQ(x.c.cc.reo_mult, 2);
}

static void sixteen_recoveries_without_dsack_reset_the_window(void)
{
	begin(10);
	x.c.cc.reo_mult = 3;
	x.c.cc.reo_persist = HC_REO_PERSIST;
	for (unsigned i = 0; i < HC_REO_PERSIST; i++) {
		UNIT_EQ(x.c.cc.reo_mult, 3);
		x.c.cc.is_recovering = true;
		x.c.cc.recover = x.t.snd_nxt;
		hc_cc_recovery_ack(&x.t, &x.c, 0); // Partial: goes on.
		UNIT_EQ(x.c.cc.reo_persist, HC_REO_PERSIST - i);
		x.c.cc.recover = x.t.snd_una;
		hc_cc_recovery_ack(&x.t, &x.c, 0);
	}
	UNIT_EQ(x.c.cc.reo_mult, 0);
}

/* --------------------------------------------------------------------------- 6.3 */

static void timeout_marks_the_first_and_what_is_old_enough(void)
{
	begin(4);
	x.c.cwnd = 20 * MSS;
	(void)sack(0, 2, 3);
	mine()->rack.is_waiting = false; // The timer is late, for the sake of the case.
	fx_pass_us(&env, 200000);
	UNIT_EQ(next(), 4); // Sent just before the timeout.
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	UNIT_EQ(fx_ctr[HC_CTR_rtx_timeouts], 1);
	x.c.cwnd = 20 * MSS;
	for (unsigned i = 0; i < 4; i++) // With 2: its SACK is not believed any more.
		UNIT_EQ(next(), i);
	UNIT_EQ(next(), 5); // And not 4, of which nothing is known yet.
	fx_pass_us(&env, RTT);
	(void)sack(4, 5, 6); // Sent behind it, and here: it is lost as well.
	UNIT_EQ(next(), 4);
	UNIT_EQ(fx_ctr[HC_CTR_fast_recoveries], 0); // Still what the timeout is about.
}

// The first is lost however young it is: its timer says so.
static void timeout_always_sends_the_first(void)
{
	begin(4);
	(void)sack(0, 2, 3);
	mine()->rack.is_waiting = false;
	mine()->rack.rtt_us = hc_rack_units(1000000); // All of it is young.
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	x.c.cwnd = 20 * MSS;
	UNIT_EQ(next(), 0);
	UNIT_EQ(next(), 4);
}

// A timeout forgets what was SACKed (RFC 2018 8). That it is acknowledged behind what was sent
// later is no reordering, whether as the holes before it are filled or as it is SACKed anew.
static void what_a_timeout_forgets_is_not_reordered(void)
{
	for (unsigned has_blocks = 0; has_blocks < 2; has_blocks++) {
		begin(8);
		(void)ack_with(0, 2, (const unsigned[][2]){{3, 4}, {1, 2}}, 0);
		(void)ack_with(0, 3, (const unsigned[][2]){{5, 6}, {3, 4}, {1, 2}}, 0);
		mine()->rack.is_waiting = false;
		fx_pass_us(&env, 200000);
		(void)hc_tcp_timeout(&x.t, &x.c, &env);
		UNIT_EQ(next(), 0);
		fx_pass_us(&env, RTT);
		if (has_blocks)
			(void)ack_with(2, 1, (const unsigned[][2]){{5, 6}}, 0);
		else
			(void)ack_with(2, 0, NULL, 0);
		UNIT_EQ(next(), 2);
		fx_pass_us(&env, RTT);
		if (has_blocks)
			(void)ack_with(2, 2, (const unsigned[][2]){{3, 4}, {5, 6}}, 0);
		(void)ack_with(4, 0, NULL, 0);
		CU_ASSERT(!x.c.cc.has_reordered);
		UNIT_EQ(fx_ctr[HC_CTR_rack_reordering], 0);
	}
}

// The same of what a peer said to have and then waited for (RFC 2018 8).
static void what_a_peer_gave_up_is_not_reordered(void)
{
	begin(8);
	(void)ack_with(0, 2, (const unsigned[][2]){{5, 6}, {1, 3}}, 0);
	UNIT_EQ(next(), 0);
	fx_pass_us(&env, RTT);
	(void)ack_with(1, 0, NULL, 0);
	UNIT_EQ(fx_ctr[HC_CTR_sack_reneged], 1);
	(void)ack_with(3, 0, NULL, 0);
	CU_ASSERT(!x.c.cc.has_reordered);
}

UNIT_SUITE(rack, UNIT_TEST(least_rtt_forgets),
	   UNIT_TEST(least_rtt_is_measured_while_more_is_in_flight),
	   UNIT_TEST(newest_delivered_is_what_was_sent_last),
	   UNIT_TEST(ack_sooner_than_min_rtt_is_of_the_first_sending),
	   UNIT_TEST(echo_tells_the_first_sending_from_the_second),
	   UNIT_TEST(delivery_out_of_order_is_seen),
	   UNIT_TEST(one_ack_with_several_blocks_is_in_order),
	   UNIT_TEST(times_before_the_first_sack_are_spread),
	   UNIT_TEST(reordering_window_passes_and_recovery_begins),
	   UNIT_TEST(closed_window_is_not_probed_by_the_reordering_timer),
	   UNIT_TEST(reordering_within_the_window_costs_nothing),
	   UNIT_TEST(without_reordering_dup_thresh_needs_no_wait),
	   UNIT_TEST(with_reordering_seen_dup_thresh_says_nothing),
	   UNIT_TEST(lost_retransmission_is_seen_without_a_timeout),
	   UNIT_TEST(one_step_proves_no_order),
	   UNIT_TEST(dsack_makes_the_window_larger_once_a_round_trip),
	   UNIT_TEST(dsack_with_nothing_in_flight_counts_as_well),
	   UNIT_TEST(dsack_round_keeps_the_scoreboard_and_ends),
	   UNIT_TEST(sixteen_recoveries_without_dsack_reset_the_window),
	   UNIT_TEST(timeout_marks_the_first_and_what_is_old_enough),
	   UNIT_TEST(timeout_always_sends_the_first),
	   UNIT_TEST(what_a_timeout_forgets_is_not_reordered),
	   UNIT_TEST(what_a_peer_gave_up_is_not_reordered));
