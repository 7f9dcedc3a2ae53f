// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What segments do to a connection, behaviour by behaviour: openings and closings as whole
// conversations, then the rules for RST, SYN, ACK, timestamps, windows, text and FIN one at a time.
// t_states.c has the same by table.

#include "fx_tcp.h"

#define ACK HC_TCP_ACK
#define FIN HC_TCP_FIN
#define RST HC_TCP_RST
#define SYN HC_TCP_SYN

// Sends the FIN that the application's shutdown() queued.
static void send_fin(struct fx_conn *x)
{
	struct hc_tcp_env env = fx_env();
	struct hc_send_plan plan;
	bool arm_persist;

	CU_ASSERT(hc_tcp_output_next(&x->t, &x->c, &env, &plan, &arm_persist));
	UNIT_EQ(plan.flags & FIN, FIN);
	x->t.timed_at = FX_STAMP - FX_RTT_STAMP; // As the fixtures have it.
}

static void active_open_comes_to_established(void)
{
	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(fx_bases); i++) {
		struct fx_story s = {.iss = fx_bases[i / 2] - 1, .irs = 5, .has_ts = i & 1};
		struct fx_conn x = fx_syn_sent(&s);
		struct fx_conn expected = fx_established(&s);
		struct hc_seg seg = fx_syn(&s, SYN | ACK);

		FX_VERDICT(fx_input(&x, &seg), HC_DO_OPENED | HC_DO_ACK | HC_DO_TIMER_OFF, 0, 0);
		FX_SAME(x, expected);
	}
}

static void active_open_may_let_its_ack_ride_on_the_request(void)
{
	struct fx_conn x = fx_syn_sent(&fx_plain);
	struct hc_seg seg = fx_syn(&fx_plain, SYN | ACK);

	x.t.flags |= HC_TCB_PIGGYBACK;
	fx_queued(&x, 100); // Before ESTABLISHED.
	FX_VERDICT(fx_input(&x, &seg),
		   HC_DO_OPENED | HC_DO_ACK_DEFER | HC_DO_OUTPUT | HC_DO_TIMER_OFF, 0, 0);
}

static void active_open_takes_the_options_of_the_synack(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = fx_syn_sent(&fx_plain);
	struct hc_seg seg = fx_syn(&fx_plain, SYN | ACK);

	seg.wscale = 15; // RFC 7323 2.3: counts as 14.
	fx_input(&x, &seg);
	UNIT_EQ(x.c.snd_wscale, 14);
	UNIT_EQ(x.t.snd_wnd, FX_WND); // RFC 7323 2.2: of a SYN, never scaled.
	seg.opts = 0;
	x = fx_syn_sent(&fx_plain);
	fx_input(&x, &seg);
	UNIT_EQ(x.c.mss, 536);
	UNIT_EQ(x.c.snd_wscale, 0);
	UNIT_EQ(x.c.rcv_wscale, 0);
	seg = fx_syn(&fx_plain, SYN | ACK);
	seg.opts |= HC_OPT_TIMESTAMPS; // Not offered: an answer to nothing.
	env.has_timestamps = false;
	env.has_window_scale = false;
	x = fx_syn_sent(&fx_plain);
	hc_tcp_input(&x.t, &x.c, &seg, &env);
	UNIT_EQ(x.t.flags & HC_TCB_TS, 0);
	UNIT_EQ(x.c.snd_wscale, 0);
}

// RFC 2018 2: SACK is used when both SYNs permit it.
static void active_open_uses_sack_when_both_permit_it(void)
{
	for (unsigned i = 0; i < 4; i++) {
		struct hc_tcp_env env = fx_env();
		struct fx_conn x = fx_syn_sent(&fx_plain);
		struct hc_seg seg = fx_syn(&fx_plain, SYN | ACK);

		env.has_sack = i & 1;
		seg.opts |= i & 2 ? HC_OPT_SACK_PERMITTED : 0;
		hc_tcp_input(&x.t, &x.c, &seg, &env);
		UNIT_EQ(x.t.state, HC_ESTABLISHED);
		UNIT_EQ((x.t.flags & HC_TCB_SACK) != 0, i == 3);
	}
}

static void repeated_syn_gives_no_sample_and_an_rto_of_3_s(void) // RFC 6298 5.7.
{
	struct fx_conn x = fx_syn_sent(&fx_plain);
	struct hc_seg seg = fx_syn(&fx_plain, SYN | ACK);

	x.t.flags |= HC_TCB_RTX;
	x.c.retries = 1;
	fx_input(&x, &seg);
	UNIT_EQ(x.c.srtt_us, 0);
	UNIT_EQ(x.c.rto_ms, 3000);
	UNIT_EQ(x.c.retries, 0);
	UNIT_EQ(x.c.cwnd, 10 * FX_PEER_MSS);
	UNIT_EQ(x.t.flags, 0);
	x = fx_syn_sent(&fx_plain);
	x.t.flags |= HC_TCB_RTX;
	x.c.retries = 2; // RFC 5681 3.1, RFC 6928 2: lost twice, one segment.
	fx_input(&x, &seg);
	UNIT_EQ(x.c.cwnd, FX_PEER_MSS);
}

// RFC 9293 figure 8: both SYNs cross, then both SYN,ACKs.
static void simultaneous_open_comes_to_established(void)
{
	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(fx_bases); i++) {
		struct fx_story s = {.iss = fx_bases[i / 2] - 1, .irs = 5, .has_ts = i & 1};
		struct fx_conn x = fx_syn_sent(&s);
		struct fx_conn expected = fx_syn_rcvd(&s);
		struct hc_seg seg = fx_syn(&s, SYN);

		FX_VERDICT(fx_input(&x, &seg), HC_DO_SYNACK | HC_DO_TIMER_RTX, 0, 0);
		FX_SAME(x, expected);

		seg = fx_syn(&s, SYN | ACK);
		FX_VERDICT(fx_input(&x, &seg), HC_DO_OPENED | HC_DO_TIMER_OFF, 0, 0);
		expected = fx_established(&s);
		seg = fx_syn(&s, ACK);
		seg.seq++;
		seg.wnd >>= FX_WSCALE; // RFC 7323 2.2: it was told beside a SYN, not scaled.
		fx_saw(&expected, &seg);
		FX_SAME(x, expected);
		UNIT_EQ(x.t.snd_wnd, FX_WND);
	}
}

static void simultaneous_open_ends_by_plain_ack_as_well(void)
{
	struct fx_conn x = fx_syn_rcvd(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	FX_VERDICT(fx_input(&x, &seg), HC_DO_OPENED | HC_DO_TIMER_OFF, 0, 0);
	UNIT_EQ(x.t.state, HC_ESTABLISHED);
	UNIT_EQ(x.c.snd_wnd_max, FX_WND << FX_WSCALE);
	x = fx_syn_rcvd(&fx_plain);
	fx_close_called(&x); // Closed in between: the FIN goes at once.
	x.t.state = HC_SYN_RCVD;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_OPENED | HC_DO_OUTPUT | HC_DO_TIMER_OFF, 0, 0);
	UNIT_EQ(x.t.state, HC_FIN_WAIT_1);
	send_fin(&x);
}

static void refused_open_fails(void)
{
	struct fx_conn x = fx_syn_sent(&fx_plain);
	struct hc_seg seg = fx_syn(&fx_plain, RST | ACK);

	FX_VERDICT(fx_input(&x, &seg), HC_DO_FAILED | HC_DO_FREE, 0, HC_REASON_REFUSED);
	seg.flags = RST; // Anyone could send that.
	FX_VERDICT(fx_input(&x, &seg), 0, HC_CTR_tcp_syn_sent_bad, 0);
	x = fx_syn_rcvd(&fx_plain);
	seg = fx_seg(&x, RST);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_FAILED | HC_DO_FREE, 0, HC_REASON_REFUSED);
}

static void old_ack_of_another_connection_is_reset_in_syn_sent(void)
{
	struct fx_conn x = fx_syn_sent(&fx_plain);
	struct fx_conn before = x;
	struct hc_seg seg = fx_syn(&fx_plain, SYN | ACK);

	seg.ack += 300;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_RST_REPLY, HC_CTR_tcp_syn_sent_bad, 0);
	FX_SAME(x, before);
}

static void four_way_close_by_us(void)
{
	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(fx_bases); i++) {
		struct fx_story s = {
			.iss = fx_bases[i / 2] - 2, .irs = fx_bases[i / 2] - 2, .has_ts = i & 1};
		struct fx_conn x = fx_established(&s);
		struct fx_conn expected = fx_fin_wait_1(&s);
		struct hc_seg seg;

		UNIT_EQ(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT);
		send_fin(&x);
		FX_SAME(x, expected);

		seg = fx_seg(&x, ACK);
		FX_VERDICT(fx_input(&x, &seg), HC_DO_FIN_ACKED | HC_DO_TIMER_OFF, 0, 0);
		expected = fx_fin_wait_2(&s);
		FX_SAME(x, expected);

		seg = fx_seg(&x, FIN | ACK);
		FX_VERDICT(fx_input(&x, &seg),
			   HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF, 0, 0);
		expected = fx_time_wait(&s);
		FX_SAME(x, expected);
	}
}

static void four_way_close_by_the_peer(void)
{
	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(fx_bases); i++) {
		struct fx_story s = {
			.iss = fx_bases[i / 2] - 2, .irs = fx_bases[i / 2] - 2, .has_ts = i & 1};
		struct fx_conn x = fx_established(&s);
		struct fx_conn expected = fx_close_wait(&s);
		struct hc_seg seg = fx_seg(&x, FIN | ACK);

		FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK | HC_DO_PEER_CLOSED, 0, 0);
		FX_SAME(x, expected);
		UNIT_EQ(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT);
		send_fin(&x);
		expected = fx_last_ack(&s);
		FX_SAME(x, expected);
		seg = fx_seg(&x, ACK);
		FX_VERDICT(fx_input(&x, &seg),
			   HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_FREE | HC_DO_TIMER_OFF, 0, 0);
	}
}

static void three_segment_close(void) // The peer's FIN carries the ACK of ours.
{
	struct fx_conn x = fx_fin_wait_1(&fx_plain);
	struct fx_conn expected = fx_time_wait(&fx_plain);
	struct hc_seg seg = fx_seg(&x, FIN | ACK);

	FX_VERDICT(fx_input(&x, &seg),
		   HC_DO_FIN_ACKED | HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF,
		   0, 0);
	FX_SAME(x, expected);
}

static void merged_close_lets_the_ack_of_the_fin_wait(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, FIN | ACK);

	x.t.flags |= HC_TCB_MERGE_CLOSE;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK_DEFER | HC_DO_PEER_CLOSED, 0, 0);
}

static void simultaneous_close_goes_through_closing(void)
{
	struct fx_conn x = fx_fin_wait_1(&fx_plain);
	struct fx_conn expected = fx_closing(&fx_plain);
	struct hc_seg seg = fx_seg(&x, FIN | ACK);

	seg.ack = x.t.snd_una;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK | HC_DO_PEER_CLOSED, 0, 0);
	FX_SAME(x, expected);
	seg = fx_seg(&x, ACK);
	FX_VERDICT(fx_input(&x, &seg),
		   HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF, 0, 0);
	expected = fx_time_wait(&fx_plain);
	expected.c.snd_wl1 = seg.seq;
	FX_SAME(x, expected);
}

static void data_is_delivered_after_our_fin(void) // Half close.
{
	struct fx_conn x = fx_fin_wait_2(&fx_plain);
	hc_seq from = x.t.rcv_nxt;
	struct hc_seg seg;

	for (unsigned i = 0; i < 3; i++) {
		seg = fx_seg(&x, ACK);
		seg.payload_len = 1000;
		FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_ACK, 0, 0);
	}
	UNIT_EQ(x.t.rcv_nxt, from + 3000);
	UNIT_EQ(x.c.rcv_used, 3000);
	seg = fx_seg(&x, FIN | ACK);
	seg.payload_len = 10;
	FX_VERDICT(fx_input(&x, &seg),
		   HC_DO_DELIVER | HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF, 0,
		   0);
}

static void close_wait_lasts_and_data_still_leaves(void)
{
	struct fx_conn x = fx_close_wait(&fx_plain);
	struct hc_tcp_env env = fx_env();
	struct hc_send_plan plan;
	bool arm_persist;
	struct hc_seg seg;

	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 100, 1000), 100);
	CU_ASSERT(hc_tcp_output_next(&x.t, &x.c, &env, &plan, &arm_persist));
	UNIT_EQ(plan.len, 100);
	seg = fx_seg(&x, ACK);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACKED | HC_DO_SENT | HC_DO_OUTPUT | HC_DO_TIMER_OFF, 0,
		   0);
	UNIT_EQ(x.t.state, HC_CLOSE_WAIT);
	seg.seq--; // The peer's FIN again.
	seg.flags |= FIN;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_out_of_window, 0);
	UNIT_EQ(x.t.state, HC_CLOSE_WAIT);
}

static void closed_connection_does_not_wait_in_fin_wait_2_for_ever(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = fx_fin_wait_1(&fx_plain);
	struct fx_conn before;
	struct hc_seg seg = fx_seg(&x, ACK);

	x.t.flags |= HC_TCB_NO_RECEIVE;
	before = x;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_FIN_ACKED | HC_DO_TIMER_FW2, 0, 0);
	env.fin_wait2_ms = 0;
	FX_VERDICT(hc_tcp_input(&before.t, &before.c, &seg, &env),
		   HC_DO_FIN_ACKED | HC_DO_TIMER_OFF, 0, 0);
}

static void data_after_close_is_answered_with_rst(void) // RFC 9293 SHLD-3.
{
	struct fx_conn x = fx_fin_wait_2(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	x.t.flags |= HC_TCB_NO_RECEIVE;
	seg.payload_len = 1;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_RST | HC_DO_RESET | HC_DO_FREE,
		   HC_CTR_tcp_data_after_close, HC_REASON_ABORTED);
}

static void rst_is_believed_only_at_rcv_nxt(void) // RFC 5961 3.2.
{
	struct fx_conn x = fx_established(&fx_plain);
	struct fx_conn before = x;
	struct hc_seg seg = fx_seg(&x, RST);

	seg.seq = x.t.rcv_nxt + 1;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_rst_challenged, 0);
	seg.seq = x.t.rcv_edge - 1;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_rst_challenged, 0);
	UNIT_EQ(fx_ctr[HC_CTR_tx_challenge_ack], 1);
	seg.seq = x.t.rcv_edge;
	FX_VERDICT(fx_input(&x, &seg), 0, HC_CTR_tcp_rst_out_of_window, 0);
	seg.seq = x.t.rcv_nxt - 1;
	FX_VERDICT(fx_input(&x, &seg), 0, HC_CTR_tcp_rst_out_of_window, 0);
	FX_SAME(x, before);
	seg.seq = x.t.rcv_nxt;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_RESET | HC_DO_FREE, 0, HC_REASON_RESET);
}

static void rst_needs_no_timestamp_and_no_window(void)
{
	struct fx_story s = {.iss = 1, .irs = 2, .has_ts = true};
	struct fx_conn x = fx_established(&s);
	struct hc_seg seg = fx_seg(&x, RST);

	seg.opts = 0;
	fx_zero_window(&x);
	seg.payload_len = 20; // SHLD-2: text that says why.
	FX_VERDICT(fx_input(&x, &seg), HC_DO_RESET | HC_DO_FREE, 0, HC_REASON_RESET);
}

static void syn_is_challenged_wherever_it_lies(void) // RFC 5961 4.2.
{
	struct fx_conn x = fx_established(&fx_plain);
	struct fx_conn before = x;
	struct hc_seg seg = fx_seg(&x, SYN);

	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_syn_challenged, 0);
	seg.seq = 12345678;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_out_of_window, 0);
	FX_SAME(x, before);
}

static void ack_of_what_was_never_sent_is_answered(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct fx_conn before = x;
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.ack++;
	seg.payload_len = 5; // Not taken either.
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_ack_unsent, 0);
	FX_SAME(x, before);
}

static void ack_older_than_a_window_is_challenged(void) // RFC 5961 5.2.
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.ack = x.t.snd_una - x.c.snd_wnd_max;
	seg.payload_len = 5; // Old, but not too old: the text counts.
	FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_ACK, 0, 0);
	seg = fx_seg(&x, ACK);
	seg.ack = x.t.snd_una - x.c.snd_wnd_max - 1;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_ack_too_old, 0);
}

static void segment_without_ack_is_dropped(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, FIN);

	FX_VERDICT(fx_input(&x, &seg), 0, HC_CTR_tcp_no_ack, 0);
}

static void old_timestamp_is_not_acceptable(void) // RFC 7323 5.3.
{
	struct fx_story s = {.iss = 1, .irs = 2, .has_ts = true};
	struct fx_conn x = fx_established(&s);
	struct fx_conn before = x;
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.payload_len = 5;
	seg.tsval--;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_paws, 0);
	seg.opts = 0;
	FX_VERDICT(fx_input(&x, &seg), 0, HC_CTR_tcp_no_timestamp, 0);
	FX_SAME(x, before);
}

// RFC 7323 5.2: timestamps are compared modulo 2^32, across the wrap and the sign bit.
static void timestamps_may_wrap(void)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(fx_bases); i++) {
		struct fx_story s = {.iss = 1, .irs = 2, .has_ts = true};
		struct fx_conn x = fx_established(&s);
		struct hc_seg seg = fx_seg(&x, ACK);

		x.t.ts_recent = fx_bases[i] - 1;
		seg.tsval = fx_bases[i] - 2;
		FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_paws, 0);
		seg.tsval = fx_bases[i] + 1;
		UNIT_EQ(hc_verdict_drop_of(fx_input(&x, &seg)), 0);
		UNIT_EQ(x.t.ts_recent, fx_bases[i] + 1);
		seg.tsval = fx_bases[i];
		FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK, HC_CTR_tcp_paws, 0);
		UNIT_EQ(x.t.ts_recent, fx_bases[i] + 1);
	}
}

static void ts_recent_moves_up_to_rcv_nxt_and_never_back(void) // RFC 7323 4.3.
{
	struct fx_story s = {.iss = 1, .irs = 2, .has_ts = true};
	struct fx_conn x = fx_established(&s);
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.tsval = FX_TS_PEER + 5;
	fx_input(&x, &seg);
	UNIT_EQ(x.t.ts_recent, FX_TS_PEER + 5);
	seg.tsval = FX_TS_PEER + 9;
	seg.seq++; // Behind a gap.
	fx_input(&x, &seg);
	UNIT_EQ(x.t.ts_recent, FX_TS_PEER + 5);
	x.t.ts_recent = 0xfffffff0u; // Compared on the circle.
	seg = fx_seg(&x, ACK);
	seg.tsval = 3;
	FX_VERDICT(fx_input(&x, &seg), 0, 0, 0);
	UNIT_EQ(x.t.ts_recent, 3);
}

static void an_ack_that_waits_echoes_the_first_timestamp(void) // RFC 7323 4.3, Last.ACK.sent.
{
	struct fx_story s = {.iss = 1, .irs = 2, .has_ts = true};
	struct fx_conn x = fx_established(&s);
	struct hc_seg seg;

	x.t.flags |= HC_TCB_PIGGYBACK;
	for (unsigned i = 0; i < 3; i++) {
		seg = fx_seg(&x, ACK);
		seg.payload_len = 10;
		seg.tsval = FX_TS_PEER + 5 + i;
		FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_ACK_DEFER, 0, 0);
		x.t.flags |= HC_TCB_ACK_OWED; // As the stack does, until the flush.
		UNIT_EQ(x.t.ts_recent, FX_TS_PEER + 5);
	}
	x.t.flags &= (uint16_t)~HC_TCB_ACK_OWED;
	seg = fx_seg(&x, ACK);
	seg.tsval = FX_TS_PEER + 9;
	(void)fx_input(&x, &seg);
	UNIT_EQ(x.t.ts_recent, FX_TS_PEER + 9);
}

static void timestamps_not_negotiated_do_not_count(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.opts = HC_OPT_TIMESTAMPS;
	seg.tsval = 77;
	FX_VERDICT(fx_input(&x, &seg), 0, 0, 0);
	UNIT_EQ(x.t.ts_recent, 0);
}

static void closed_window_takes_acks_and_fin_but_no_text(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	hc_seq nxt;
	struct hc_seg seg;

	fx_queued(&x, 100);
	fx_in_flight(&x, 100);
	x.t.rcv_edge = x.t.rcv_nxt;
	nxt = x.t.rcv_nxt;
	seg = fx_seg(&x, ACK | FIN);
	seg.payload_len = 1; // A probe: its ACK counts, its byte does not, nor what is behind.
	FX_VERDICT(fx_input(&x, &seg),
		   HC_DO_ACK | HC_DO_ACKED | HC_DO_SENT | HC_DO_OUTPUT | HC_DO_TIMER_OFF, 0, 0);
	UNIT_EQ(x.t.snd_una, x.t.snd_nxt);
	UNIT_EQ(x.t.rcv_nxt, nxt);
	seg = fx_seg(&x, ACK | FIN);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK | HC_DO_PEER_CLOSED, 0, 0);
	UNIT_EQ(x.t.rcv_nxt, nxt + 1);
	UNIT_EQ(x.t.rcv_edge, nxt + 1); // The edge does not fall behind.
}

// Closed before the simultaneous open is over, and the ACK of our SYN comes with text.
static void text_with_the_ack_of_a_closed_syn_opens_and_resets(void)
{
	struct fx_conn x = fx_syn_rcvd(&fx_plain);
	struct hc_tcp_env env = fx_env();
	struct hc_seg seg = fx_seg(&x, ACK);

	(void)hc_tcp_close(&x.t, false, &env);
	seg.payload_len = 1;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_OPENED | HC_DO_RST | HC_DO_RESET | HC_DO_FREE,
		   HC_CTR_tcp_data_after_close, HC_REASON_ABORTED);
}

static void window_is_not_taken_from_older_segments(void) // SND.WL1, SND.WL2.
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.wnd = 10;
	fx_input(&x, &seg);
	UNIT_EQ(x.t.snd_wnd, 10u << FX_WSCALE);
	UNIT_EQ(x.c.snd_wl1, seg.seq);
	UNIT_EQ(x.c.snd_wl2, seg.ack);
	seg.wnd = 20; // The same again may say more ...
	fx_input(&x, &seg);
	UNIT_EQ(x.t.snd_wnd, 20u << FX_WSCALE);
	x.c.snd_wl1 = seg.seq + 1; // ... but not when something later has spoken.
	seg.wnd = 30;
	fx_input(&x, &seg);
	UNIT_EQ(x.t.snd_wnd, 20u << FX_WSCALE);
	x.c.snd_wl1 = seg.seq;
	x.c.snd_wl2 = seg.ack;
	seg.ack--;
	fx_input(&x, &seg);
	UNIT_EQ(x.t.snd_wnd, 20u << FX_WSCALE);
	UNIT_EQ(x.c.snd_wnd_max, FX_WND); // Of the SYN, larger than all since.
}

// The peer sends old text again, and with it a larger ACK than ever: its window is the latest.
static void a_larger_ack_brings_its_window_with_old_text(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	hc_seq edge;
	struct hc_seg seg;

	fx_queued(&x, 3000);
	fx_in_flight(&x, 3000);
	seg = fx_seg(&x, ACK);
	seg.ack = x.t.snd_una;
	seg.wnd = 4000 >> FX_WSCALE;
	fx_input(&x, &seg);
	edge = x.t.snd_una + (4000u >> FX_WSCALE << FX_WSCALE);
	x.c.snd_wl1 = seg.seq + 2000; // Text from behind a gap has spoken.
	seg = fx_seg(&x, ACK);
	seg.ack = x.t.snd_una + 1000;
	seg.wnd = 3000 >> FX_WSCALE; // The same edge.
	fx_input(&x, &seg);
	CU_ASSERT(hc_seq_le(x.t.snd_una + x.t.snd_wnd, edge));
	UNIT_EQ(x.c.snd_wl2, seg.ack);
}

static void window_that_opens_asks_for_output(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	x.t.snd_wnd = 0;
	fx_queued(&x, 10);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_OUTPUT, 0, 0);
	x = fx_established(&fx_plain);
	x.t.snd_wnd = 0;
	fx_close_called(&x);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_OUTPUT, 0, 0);
}

static void text_that_came_before_is_cut_off_in_front(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.seq -= 30;
	seg.payload_len = 100;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_ACK, 0, 0);
	UNIT_EQ(seg.payload_off, 54 + 30);
	UNIT_EQ(seg.payload_len, 70);
	UNIT_EQ(x.t.rcv_nxt, fx_plain.irs + 1 + 70);
}

static void text_behind_the_window_is_cut_off_with_its_fin(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK | FIN);

	x.t.rcv_edge = x.t.rcv_nxt + 60;
	seg.payload_len = 100;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_ACK, 0, 0);
	UNIT_EQ(seg.payload_len, 60);
	UNIT_EQ(x.t.rcv_nxt, x.t.rcv_edge);
	UNIT_EQ(x.t.state, HC_ESTABLISHED);
}

static void fin_right_behind_a_full_window_is_taken(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK | FIN);

	x.t.rcv_edge = x.t.rcv_nxt + 100;
	seg.payload_len = 100;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_ACK | HC_DO_PEER_CLOSED, 0, 0);
	UNIT_EQ(x.t.rcv_nxt, fx_plain.irs + 1 + 101);
	UNIT_EQ(x.t.rcv_edge, x.t.rcv_nxt);
}

static void segment_behind_a_gap_is_held_and_its_ack_counts(void)
{
	struct fx_conn x = fx_fin_wait_1(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK | FIN);

	seg.seq += 10;
	seg.payload_len = 5;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK | HC_DO_HOLD | HC_DO_FIN_ACKED | HC_DO_TIMER_OFF,
		   0, 0);
	UNIT_EQ(x.t.state, HC_FIN_WAIT_2);
	UNIT_EQ(x.t.rcv_nxt, fx_plain.irs + 1);
	UNIT_EQ(seg.payload_len, 5);
	CU_ASSERT(seg.flags & FIN);
}

static void segment_behind_a_gap_is_cut_at_the_window(void)
{
	struct fx_conn x = fx_established(&fx_plain);

	for (uint16_t over = 0; over < 3; over++) {
		struct hc_seg seg = fx_seg(&x, ACK | FIN);

		seg.seq = x.t.rcv_edge - 100;
		seg.payload_len = (uint16_t)(100 + over);
		FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK | HC_DO_HOLD, 0, 0);
		UNIT_EQ(seg.payload_len, 100);
		UNIT_EQ((seg.flags & FIN) != 0, over == 0);
	}
}

static void segment_behind_a_gap_is_not_held_for_nobody(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	fx_close_called(&x);
	x.t.flags |= HC_TCB_NO_RECEIVE;
	seg.seq += 10;
	seg.payload_len = 5;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACK | HC_DO_OUTPUT, HC_CTR_tcp_out_of_order, 0);
}

// RFC 5681 4.2: at once, even where ACKs may wait for what the application sends.
static void held_text_in_its_turn_is_acknowledged_at_once(void)
{
	static const struct {
		bool has_fin;
		uint8_t state;
		uint32_t what;
	} cases[] = {
		{false, HC_ESTABLISHED, HC_DO_DELIVER | HC_DO_ACK},
		{true, HC_CLOSE_WAIT, HC_DO_DELIVER | HC_DO_ACK | HC_DO_PEER_CLOSED},
	};

	for (unsigned i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct fx_conn x = fx_established(&fx_plain);
		struct fx_conn expected;

		x.t.flags |= HC_TCB_PIGGYBACK | HC_TCB_DATA;
		expected = x;
		expected.t.state = cases[i].state;
		expected.t.rcv_nxt += 700 + cases[i].has_fin;
		expected.c.rcv_used += 700;
		UNIT_EQ(hc_tcp_input_held(&x.t, &x.c, 700, cases[i].has_fin,
					  HC_DO_DELIVER | HC_DO_ACK_DEFER),
			cases[i].what);
		FX_SAME(x, expected);
	}
}

// A FIN that was held ends FIN-WAIT-2 as any other does.
static void held_fin_in_its_turn_leads_to_time_wait(void)
{
	struct fx_conn x = fx_fin_wait_2(&fx_plain);

	UNIT_EQ(hc_tcp_input_held(&x.t, &x.c, 10, true,
				  HC_DO_DELIVER | HC_DO_ACK | HC_DO_TIMER_FW2),
		HC_DO_DELIVER | HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF);
	UNIT_EQ(x.t.state, HC_TIME_WAIT);
	UNIT_EQ(x.t.rcv_nxt, fx_plain.irs + 12);
}

static void one_ack_speaks_for_text_and_fin(void)
{
	static const struct {
		uint16_t flags;
		uint32_t ack;
	} cases[] = {
		{0, HC_DO_ACK},
		{HC_TCB_PIGGYBACK, HC_DO_ACK},
		{HC_TCB_MERGE_CLOSE, HC_DO_ACK},
		{HC_TCB_PIGGYBACK | HC_TCB_MERGE_CLOSE, HC_DO_ACK_DEFER},
	};

	for (unsigned i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct fx_conn x = fx_established(&fx_plain);
		struct hc_seg seg = fx_seg(&x, ACK | FIN);

		x.t.flags |= cases[i].flags;
		seg.payload_len = 10;
		FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_PEER_CLOSED | cases[i].ack, 0,
			   0);
	}
}

static void repeated_data_is_acknowledged_without_limit(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	seg.seq -= 100;
	seg.payload_len = 100;
	for (unsigned i = 0; i < 2 * HC_CHALLENGES_PER_EPOCH; i++)
		FX_VERDICT(hc_tcp_input(&x.t, &x.c, &seg, &env), HC_DO_ACK,
			   HC_CTR_tcp_out_of_window, 0);
	seg.payload_len = 0; // A keep-alive, or an attack: limited.
	for (unsigned i = 0; i < 2 * HC_CHALLENGES_PER_EPOCH; i++)
		hc_tcp_input(&x.t, &x.c, &seg, &env);
	UNIT_EQ(fx_ctr[HC_CTR_tx_ack_limited], HC_CHALLENGES_PER_EPOCH);
}

static void progress_takes_back_a_soft_error(void)
{
	struct fx_conn x = fx_fin_wait_1(&fx_plain);
	struct hc_seg seg = fx_seg(&x, ACK);

	x.t.flags |= HC_TCB_SOFT_ERROR | HC_TCB_RTX;
	x.c.retries = 3;
	fx_input(&x, &seg);
	UNIT_EQ(x.t.flags & (HC_TCB_SOFT_ERROR | HC_TCB_RTX), 0);
	UNIT_EQ(x.c.retries, 0);
}

static void timed_segment_gives_a_sample_when_it_is_acknowledged(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct hc_seg seg;

	fx_queued(&x, 200);
	fx_in_flight(&x, 100);
	x.t.snd_nxt += 100;
	x.t.timed_at = FX_STAMP - 10 * FX_RTT_STAMP;
	seg = fx_seg(&x, ACK);
	seg.ack = x.c.timed_seq - 1; // Not yet.
	fx_input(&x, &seg);
	UNIT_EQ(x.c.srtt_us, 2000);
	seg.ack++;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACKED | HC_DO_OUTPUT | HC_DO_TIMER_RTX, 0, 0);
	UNIT_EQ(x.c.srtt_us, 2000 * 7 / 8 + 20000 / 8);
	UNIT_EQ(x.t.flags & HC_TCB_TIMING, 0);
}

// Who guesses the window but not the acknowledgment must not set TS.Recent, or PAWS would drop all
// that the peer sends from then on.
static void a_forged_timestamp_does_not_shut_the_peer_out(void)
{
	static const struct {
		uint8_t flags;
		int32_t ack_off;
	} forged[] = {
		{ACK, 1000}, {FIN | ACK, 1000}, {ACK, -0x40000000},
		{SYN, 0},    {SYN | ACK, 0},    {0, 0},
	};
	struct fx_story s = {.iss = 1000, .irs = 50000, .has_ts = true};

	for (unsigned i = 0; i < HC_ARRAY_LEN(forged); i++) {
		struct fx_conn x = fx_established(&s);
		struct hc_seg seg = fx_seg(&x, forged[i].flags);
		uint32_t tsval = seg.tsval;

		seg.ack += (uint32_t)forged[i].ack_off;
		seg.tsval += 1u << 30;
		CU_ASSERT(hc_verdict_drop_of(fx_input(&x, &seg)) != 0);
		seg = fx_seg(&x, ACK);
		seg.tsval = tsval;
		seg.payload_len = 10;
		CU_ASSERT(fx_what(fx_input(&x, &seg)) & HC_DO_DELIVER);
	}
}

UNIT_SUITE(input, UNIT_TEST(a_forged_timestamp_does_not_shut_the_peer_out),
	   UNIT_TEST(active_open_comes_to_established),
	   UNIT_TEST(active_open_may_let_its_ack_ride_on_the_request),
	   UNIT_TEST(active_open_takes_the_options_of_the_synack),
	   UNIT_TEST(active_open_uses_sack_when_both_permit_it),
	   UNIT_TEST(repeated_syn_gives_no_sample_and_an_rto_of_3_s),
	   UNIT_TEST(simultaneous_open_comes_to_established),
	   UNIT_TEST(simultaneous_open_ends_by_plain_ack_as_well), UNIT_TEST(refused_open_fails),
	   UNIT_TEST(old_ack_of_another_connection_is_reset_in_syn_sent),
	   UNIT_TEST(four_way_close_by_us), UNIT_TEST(four_way_close_by_the_peer),
	   UNIT_TEST(three_segment_close), UNIT_TEST(merged_close_lets_the_ack_of_the_fin_wait),
	   UNIT_TEST(simultaneous_close_goes_through_closing),
	   UNIT_TEST(data_is_delivered_after_our_fin),
	   UNIT_TEST(close_wait_lasts_and_data_still_leaves),
	   UNIT_TEST(closed_connection_does_not_wait_in_fin_wait_2_for_ever),
	   UNIT_TEST(data_after_close_is_answered_with_rst),
	   UNIT_TEST(rst_is_believed_only_at_rcv_nxt),
	   UNIT_TEST(rst_needs_no_timestamp_and_no_window),
	   UNIT_TEST(syn_is_challenged_wherever_it_lies),
	   UNIT_TEST(ack_of_what_was_never_sent_is_answered),
	   UNIT_TEST(ack_older_than_a_window_is_challenged),
	   UNIT_TEST(segment_without_ack_is_dropped), UNIT_TEST(old_timestamp_is_not_acceptable),
	   UNIT_TEST(timestamps_may_wrap), UNIT_TEST(ts_recent_moves_up_to_rcv_nxt_and_never_back),
	   UNIT_TEST(timestamps_not_negotiated_do_not_count),
	   UNIT_TEST(an_ack_that_waits_echoes_the_first_timestamp),
	   UNIT_TEST(closed_window_takes_acks_and_fin_but_no_text),
	   UNIT_TEST(text_with_the_ack_of_a_closed_syn_opens_and_resets),
	   UNIT_TEST(window_is_not_taken_from_older_segments),
	   UNIT_TEST(a_larger_ack_brings_its_window_with_old_text),
	   UNIT_TEST(window_that_opens_asks_for_output),
	   UNIT_TEST(text_that_came_before_is_cut_off_in_front),
	   UNIT_TEST(text_behind_the_window_is_cut_off_with_its_fin),
	   UNIT_TEST(fin_right_behind_a_full_window_is_taken),
	   UNIT_TEST(segment_behind_a_gap_is_held_and_its_ack_counts),
	   UNIT_TEST(segment_behind_a_gap_is_cut_at_the_window),
	   UNIT_TEST(segment_behind_a_gap_is_not_held_for_nobody),
	   UNIT_TEST(held_text_in_its_turn_is_acknowledged_at_once),
	   UNIT_TEST(held_fin_in_its_turn_leads_to_time_wait),
	   UNIT_TEST(one_ack_speaks_for_text_and_fin),
	   UNIT_TEST(repeated_data_is_acknowledged_without_limit),
	   UNIT_TEST(progress_takes_back_a_soft_error),
	   UNIT_TEST(timed_segment_gives_a_sample_when_it_is_acknowledged));
