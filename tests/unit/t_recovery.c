// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Recovery by SACK (RFC 6675): what is sent, when, and against which window; and how many round
// trips several losses in one window take, with SACK and without.

#include "fx_tcp.h"

#include "tcp/recovery.h"

#include <limits.h>

#define MSS 1000u

// An ACK of `ack` with up to two SACK blocks, in segments behind ISS + 1.
static uint32_t sack_with_window(struct fx_conn *x, struct hc_tcp_env *env, uint32_t wnd,
				 unsigned ack, unsigned lo, unsigned hi)
{
	struct hc_seg seg = fx_seg(x, HC_TCP_ACK);
	hc_seq first = x->c.iss + 1;

	seg.ack = first + ack * MSS;
	seg.wnd = (uint16_t)(wnd >> x->c.snd_wscale);
	env->sack_count = 0;
	if (hi > lo) {
		seg.opts |= HC_OPT_SACK;
		env->sack[env->sack_count++] =
			(struct hc_seq_range){first + lo * MSS, first + hi * MSS};
	}
	return fx_what(hc_tcp_input(&x->t, &x->c, &seg, env));
}

static uint32_t sack(struct fx_conn *x, struct hc_tcp_env *env, unsigned ack, unsigned lo,
		     unsigned hi)
{
	return sack_with_window(x, env, x->t.snd_wnd, ack, lo, hi);
}

// The segment sent next, in segments behind ISS + 1; UINT_MAX: none.
static unsigned next(struct fx_conn *x, struct hc_tcp_env *env)
{
	struct hc_send_plan plan;
	bool arm_persist;

	if (!hc_tcp_output_next(&x->t, &x->c, env, &plan, &arm_persist))
		return UINT_MAX;
	UNIT_EQ(plan.len, MSS);
	return (plan.seq - x->c.iss - 1) / MSS;
}

static void third_sack_enters_and_pipe_governs(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	// With the first the timer is RACK's.
	UNIT_EQ(sack(&x, &env, 0, 1, 2), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	CU_ASSERT(x.c.switches & HC_SWITCH_BOARD);
	UNIT_EQ(next(&x, &env), 10); // Limited transmit (RFC 3042).
	UNIT_EQ(next(&x, &env), UINT_MAX);
	UNIT_EQ(sack(&x, &env, 0, 1, 3), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	UNIT_EQ(next(&x, &env), 11);
	UNIT_EQ(next(&x, &env), UINT_MAX);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	UNIT_EQ(sack(&x, &env, 0, 1, 4), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	UNIT_EQ(x.c.ssthresh, 5 * MSS); // Of 10, without the two of limited transmit.
	UNIT_EQ(x.c.cwnd, 5 * MSS);
	UNIT_EQ(next(&x, &env), 0); // Whatever pipe is.
	UNIT_EQ(next(&x, &env), UINT_MAX);
	// Pipe: 12 - 3 SACKed - 1 lost + 1 sent again = 9.
	for (unsigned i = 5; i <= 8; i++) {
		UNIT_EQ(sack(&x, &env, 0, 1, i), HC_DO_OUTPUT);
		UNIT_EQ(next(&x, &env), UINT_MAX);
	}
	for (unsigned i = 9; i <= 12; i++) { // Now one new segment for each that left.
		UNIT_EQ(sack(&x, &env, 0, 1, i), HC_DO_OUTPUT);
		UNIT_EQ(next(&x, &env), 12 + i - 9);
		UNIT_EQ(next(&x, &env), UINT_MAX);
	}
	UNIT_EQ(fx_ctr[HC_CTR_rtx_fast], 1);
	UNIT_EQ(fx_ctr[HC_CTR_fast_recoveries], 1);
	(void)sack(&x, &env, 12, 0, 0);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	UNIT_EQ(x.c.cwnd, 5 * MSS);
	CU_ASSERT(x.c.switches & HC_SWITCH_BOARD); // For reports of duplicates.
	(void)sack(&x, &env, 16, 0, 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD)); // Nothing is noted any more.
	UNIT_EQ(fx_boards.pool.free_count, 1);
}

static void one_sack_of_much_is_enough(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	// More than two segments above: IsLost() at once (RFC 6675 5, step 2).
	UNIT_EQ(sack(&x, &env, 0, 1, 4), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	UNIT_EQ(next(&x, &env), 0);
}

static void repeated_acks_without_news_count_for_nothing(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	for (unsigned i = 0; i < 8; i++)
		(void)sack(&x, &env, 0, 1, 2);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	UNIT_EQ(x.c.cc.dup_acks, 1);
}

static void what_is_sacked_is_skipped_after_a_timeout(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);
	struct hc_board *b;

	(void)sack(&x, &env, 0, 5, 6);
	UNIT_EQ(x.c.retries, 0);
	b = &fx_boards.board[x.c.cc.board];
	b->rack.is_waiting = false; // What is lost was sent again, say, and lost again.
	fx_pass_us(&env, 200000);
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	UNIT_EQ(x.c.retries, 1);
	// RFC 2018 8: the peer may have dropped it since.
	UNIT_EQ(b->sacked_bytes, 0);
	UNIT_EQ(next(&x, &env), 0);
	UNIT_EQ(next(&x, &env), UINT_MAX);
	(void)sack(&x, &env, 1, 2, 9); // It says again what it has.
	UNIT_EQ(next(&x, &env), 1);
	UNIT_EQ(next(&x, &env), 9);
	UNIT_EQ(next(&x, &env), UINT_MAX); // cwnd is two segments.
	CU_ASSERT(!(x.t.flags & HC_TCB_RECOVERING));
	(void)sack(&x, &env, 10, 0, 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
}

static void without_a_scoreboard_it_is_newreno(void)
{
	struct hc_tcp_env env = fx_sack_env(0);
	struct fx_conn x = fx_sack_sender(10, MSS);

	for (unsigned i = 2; i <= 4; i++)
		(void)sack(&x, &env, 0, 1, i);
	UNIT_EQ(fx_ctr[HC_CTR_sack_no_memory], 3);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	UNIT_EQ(x.c.cwnd, 8 * MSS); // ssthresh and three.
	UNIT_EQ(next(&x, &env), 0);
}

static void sack_that_was_not_agreed_upon_is_no_sack(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	x.t.flags &= (uint16_t)~HC_TCB_SACK;
	(void)sack(&x, &env, 0, 1, 4);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	UNIT_EQ(fx_boards.pool.free_count, 1);
}

static void lies_take_no_scoreboard(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	(void)sack(&x, &env, 0, 9, 11); // Behind SND.NXT.
	(void)sack(&x, &env, 0, 0, 3);  // SND.UNA itself.
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
	(void)sack(&x, &env, 0, 2, 3);
	(void)sack(&x, &env, 0, 9, 11);
	UNIT_EQ(fx_ctr[HC_CTR_sack_bad_block], 1);
	UNIT_EQ(fx_boards.board[x.c.cc.board].sacked_bytes, MSS);
}

// After 4 GiB the queue may end where it began: that is no connection that sent nothing.
static void four_gibibytes_are_not_none(void)
{
	struct hc_tcp_env env = fx_sack_env(2);
	struct fx_conn x = fx_sack_sender(10, MSS);
	uint32_t mine;

	CU_ASSERT(hc_pool_get(&fx_boards.pool) != HC_IDX_NONE); // Another connection's.
	(void)sack(&x, &env, 0, 1, 4);
	CU_ASSERT(x.c.switches & HC_SWITCH_BOARD);
	mine = x.c.cc.board;
	x.c.iss = x.c.snd_end + 50 * MSS - 1; // All that was sent before.
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 50 * MSS, 1u << 30), 50 * MSS);
	CU_ASSERT(hc_cc_is_live(&x.c));
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, MSS, 1u << 30), MSS);
	CU_ASSERT(x.c.cc.is_recovering);
	UNIT_EQ(x.c.cc.board, mine);
}

static void last_resort_is_one_segment_at_the_end(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	x.c.snd_end = x.t.snd_nxt; // No more data.
	(void)sack(&x, &env, 0, 1, 4);
	UNIT_EQ(next(&x, &env), 0);
	UNIT_EQ(next(&x, &env), UINT_MAX);
	(void)sack(&x, &env, 0, 1, 8); // Pipe: 0 sent again, and 8 and 9.
	UNIT_EQ(next(&x, &env), 9);    // RFC 6675 4, NextSeg() rule 4.
	UNIT_EQ(fx_ctr[HC_CTR_rtx_rescue], 1);
	UNIT_EQ(next(&x, &env), UINT_MAX); // Once.
	(void)sack(&x, &env, 8, 0, 0);
	UNIT_EQ(next(&x, &env), UINT_MAX);
}

static void fin_is_repaired_like_data(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(4, MSS);
	hc_seq end = x.t.snd_nxt;
	struct hc_send_plan plan;
	bool arm_persist;

	x.c.snd_end = end;
	fx_close_called(&x);
	x.t.snd_nxt = end + 1;
	x.t.flags |= HC_TCB_FIN_SENT;
	(void)sack(&x, &env, 0, 1, 4);
	UNIT_EQ(next(&x, &env), 0);
	(void)sack(&x, &env, 4, 0, 0);
	UNIT_EQ(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)), HC_DO_OUTPUT | HC_DO_TIMER_RTX);
	CU_ASSERT_FATAL(hc_tcp_output_next(&x.t, &x.c, &env, &plan, &arm_persist));
	UNIT_EQ(plan.seq, end);
	UNIT_EQ(plan.len, 0);
	UNIT_EQ(plan.flags, HC_TCP_ACK | HC_TCP_FIN);
}

// Into a window that closed and opens again all goes again: what the scoreboard said of the copies
// that went before does not count.
static void reopened_window_takes_all_again(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(6, MSS);
	uint32_t wnd = x.t.snd_wnd;

	x.c.snd_end = x.t.snd_nxt;
	(void)sack(&x, &env, 0, 1, 4);
	UNIT_EQ(next(&x, &env), 0);
	x.t.snd_wnd = 0;
	(void)sack(&x, &env, 0, 1, 4);
	CU_ASSERT(fx_what(hc_tcp_timeout(&x.t, &x.c, &env)) & HC_DO_PROBE);
	(void)sack_with_window(&x, &env, wnd, 0, 1, 4);
	CU_ASSERT(x.t.flags & HC_TCB_RECOVERING);
	x.c.cwnd = 20 * MSS;
	UNIT_EQ(next(&x, &env), 0);
	UNIT_EQ(next(&x, &env), 4);
	UNIT_EQ(next(&x, &env), 5);
	CU_ASSERT(!(x.t.flags & HC_TCB_RECOVERING));
}

// The peer's report that `at` came twice, with an ACK of `ack`.
static void dsack(struct fx_conn *x, struct hc_tcp_env *env, unsigned ack, unsigned at)
{
	(void)sack(x, env, ack, at, at + 1);
}

static void reordering_taken_for_loss_is_undone(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);
	uint32_t ssthresh = x.c.ssthresh;

	(void)sack(&x, &env, 0, 1, 4);
	UNIT_EQ(next(&x, &env), 0);
	UNIT_EQ(x.c.cwnd, 5 * MSS);
	fx_pass_us(&env, 100);
	(void)sack(&x, &env, 4, 0, 0); // It was late, not lost ...
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	fx_pass_us(&env, 1900);
	dsack(&x, &env, 4, 0); // ... and came twice.
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	UNIT_EQ(x.c.cwnd, 10 * MSS);
	UNIT_EQ(x.c.ssthresh, ssthresh);
	UNIT_EQ(fx_ctr[HC_CTR_recoveries_undone], 1);
	UNIT_EQ(next(&x, &env), 10);
}

// Also when the recovery is over by then: the scoreboard waits for it.
static void recovery_is_undone_after_its_end(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	(void)sack(&x, &env, 0, 1, 8);
	UNIT_EQ(next(&x, &env), 0);
	UNIT_EQ(next(&x, &env), 10);
	(void)sack(&x, &env, 10, 0, 0);
	CU_ASSERT(!hc_cc_is_recovering(&x.c));
	CU_ASSERT(x.c.cwnd < 10 * MSS);
	CU_ASSERT(x.c.switches & HC_SWITCH_BOARD);
	dsack(&x, &env, 10, 0);
	CU_ASSERT(x.c.cwnd >= 10 * MSS);
	UNIT_EQ(fx_ctr[HC_CTR_recoveries_undone], 1);
	while (next(&x, &env) != UINT_MAX)
		;
	(void)sack(&x, &env, 12, 0, 0);
	(void)sack(&x, &env, 20, 0, 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD));
}

// One of two was lost indeed; and a loss of which nothing more is heard stays one.
static void loss_is_not_undone(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	(void)sack(&x, &env, 0, 2, 8);
	UNIT_EQ(next(&x, &env), 0);
	UNIT_EQ(next(&x, &env), 1);
	dsack(&x, &env, 1, 0);
	CU_ASSERT(hc_cc_is_recovering(&x.c));
	UNIT_EQ(x.c.cwnd, 5 * MSS);
	while (next(&x, &env) != UINT_MAX)
		;
	(void)sack(&x, &env, 10, 0, 0);
	CU_ASSERT(x.c.switches & HC_SWITCH_BOARD);
	while (next(&x, &env) != UINT_MAX)
		;
	(void)sack(&x, &env, 12, 0, 0);
	CU_ASSERT(!(x.c.switches & HC_SWITCH_BOARD)); // A round trip is enough.
	UNIT_EQ(fx_ctr[HC_CTR_recoveries_undone], 0);
	UNIT_EQ(x.c.ssthresh, 5 * MSS);
}

static void nothing_lost_is_sent_past_a_window_that_shrank(void)
{
	struct hc_tcp_env env = fx_sack_env(1);
	struct fx_conn x = fx_sack_sender(10, MSS);

	(void)sack(&x, &env, 0, 6, 10);
	x.t.snd_wnd = 2 * MSS;
	x.c.cwnd = 20 * MSS;
	UNIT_EQ(next(&x, &env), 0);
	UNIT_EQ(next(&x, &env), 1);
	UNIT_EQ(next(&x, &env), UINT_MAX);
}

// A window of 40 segments of which each of `lost` is lost once, to a receiver that keeps the rest:
// how many round trips it takes until all is acknowledged.
static unsigned rounds_to_repair(bool has_sack, const bool lost[40])
{
	struct hc_tcp_env env = fx_sack_env(has_sack);
	struct fx_conn x = fx_sack_sender(40, MSS);
	bool has[400] = {false};
	unsigned flight[400];
	unsigned flight_count = 0;
	unsigned rcv_nxt = 0;
	unsigned rounds = 0;

	x.t.flags = (uint16_t)(has_sack ? x.t.flags : x.t.flags & ~HC_TCB_SACK);
	for (unsigned i = 0; i < 40; i++)
		if (!lost[i])
			flight[flight_count++] = i;
	while (rcv_nxt < 40) {
		unsigned again[400];
		unsigned count = 0;

		CU_ASSERT_FATAL(++rounds < 60 && flight_count != 0);
		fx_pass_us(&env, 2000);
		for (unsigned i = 0; i < flight_count; i++) {
			unsigned lo = flight[i];
			unsigned hi = flight[i];
			unsigned seq;

			has[lo] = true;
			while (has[rcv_nxt])
				rcv_nxt++;
			while (lo > rcv_nxt && has[lo - 1])
				lo--;
			while (has[hi])
				hi++;
			(void)sack(&x, &env, rcv_nxt, has_sack && lo > rcv_nxt ? lo : 0,
				   has_sack && lo > rcv_nxt ? hi : 0);
			while ((seq = next(&x, &env)) != UINT_MAX) {
				CU_ASSERT_FATAL(seq < 400 && count < 400);
				again[count++] = seq;
			}
		}
		memcpy(flight, again, sizeof again);
		flight_count = count;
	}
	return rounds;
}

static void sack_repairs_in_one_round_trip_what_takes_newreno_many(void)
{
	bool lost[40] = {false};

	for (unsigned n = 1; n <= 6; n++) {
		lost[5 * n - 5] = true;
		// One round trip brings the news, one the repair.
		UNIT_EQ(rounds_to_repair(true, lost), 2);
		UNIT_EQ(rounds_to_repair(false, lost), 1 + n);
	}
}

UNIT_SUITE(recovery, UNIT_TEST(third_sack_enters_and_pipe_governs),
	   UNIT_TEST(one_sack_of_much_is_enough),
	   UNIT_TEST(repeated_acks_without_news_count_for_nothing),
	   UNIT_TEST(what_is_sacked_is_skipped_after_a_timeout),
	   UNIT_TEST(without_a_scoreboard_it_is_newreno),
	   UNIT_TEST(sack_that_was_not_agreed_upon_is_no_sack), UNIT_TEST(lies_take_no_scoreboard),
	   UNIT_TEST(four_gibibytes_are_not_none), UNIT_TEST(last_resort_is_one_segment_at_the_end),
	   UNIT_TEST(fin_is_repaired_like_data), UNIT_TEST(reopened_window_takes_all_again),
	   UNIT_TEST(reordering_taken_for_loss_is_undone),
	   UNIT_TEST(recovery_is_undone_after_its_end), UNIT_TEST(loss_is_not_undone),
	   UNIT_TEST(nothing_lost_is_sent_past_a_window_that_shrank),
	   UNIT_TEST(sack_repairs_in_one_round_trip_what_takes_newreno_many));
