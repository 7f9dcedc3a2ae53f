// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a TCB sends and when: segments cut to MSS and window, the FIN behind the data, the
// application's closing calls, retransmission with back-off until R2, and the probes of a closed
// window. An active open is followed from hc_tcp_open() on in t_input.c.

#include "tcp/output.h"

#include "fx_tcp.h"

#define CAP 65536u

// One more segment, or none.
static bool next(struct fx_conn *x, struct hc_send_plan *plan)
{
	struct hc_tcp_env env = fx_env();
	bool arm_persist;

	return hc_tcp_output_next(&x->t, &x->c, &env, plan, &arm_persist);
}

static bool wants_persist(struct fx_conn *x)
{
	struct hc_tcp_env env = fx_env();
	struct hc_send_plan plan;
	bool arm_persist;

	return !hc_tcp_output_next(&x->t, &x->c, &env, &plan, &arm_persist) && arm_persist;
}

static hc_verdict timeout(struct fx_conn *x)
{
	struct hc_tcp_env env = fx_env();

	return hc_tcp_timeout(&x->t, &x->c, &env);
}

#define CHECK_PLAN(x, seq_, len_, flags_, is_rtx_)                                                 \
	do {                                                                                       \
		struct hc_send_plan fx_plan;                                                       \
                                                                                                   \
		CU_ASSERT_FATAL(next((x), &fx_plan));                                              \
		UNIT_EQ(fx_plan.seq, (seq_));                                                      \
		UNIT_EQ(fx_plan.len, (len_));                                                      \
		UNIT_EQ(fx_plan.flags, (flags_));                                                  \
		UNIT_EQ(fx_plan.is_rtx, (is_rtx_));                                                \
	} while (0)

#define CHECK_SILENT(x)                                                                            \
	do {                                                                                       \
		struct hc_send_plan fx_plan;                                                       \
                                                                                                   \
		CU_ASSERT(!next((x), &fx_plan));                                                   \
	} while (0)

#define ACK HC_TCP_ACK
#define PSH HC_TCP_PSH
#define FIN HC_TCP_FIN

// With a peer whose window is wide open.
static struct fx_conn wide_open(void)
{
	struct fx_conn x = fx_established(&fx_plain);

	x.t.snd_wnd = 1u << 20;
	x.c.snd_wnd_max = 1u << 20;
	x.c.switches = HC_SWITCH_NODELAY; // Nagle's algorithm has tests of its own.
	return x;
}

static struct hc_seg ack_of(const struct fx_conn *x, hc_seq ack)
{
	struct hc_seg seg = fx_seg(x, ACK);

	seg.ack = ack;
	return seg;
}

static void open_makes_a_tcb_in_syn_sent(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_story s = {.iss = hc_tcp_isn(&env, &fx_key), .flags = HC_TCB_ACTIVE};
	struct fx_conn expected = fx_syn_sent(&s);
	struct fx_conn x;

	memset(&x, 0xa5, sizeof x);
	memset(&x.t.timer, 0, sizeof x.t.timer);
	x.t.key = fx_key;
	x.t.flags = HC_TCB_ACTIVE;
	x.t.gen = 7;
	x.t.cookie = 0xc00c1e;
	x.t.neigh = 3;
	hc_tcp_open(&x.t, &x.c, &env);
	expected.t.timed_at = FX_STAMP;
	FX_SAME(x, expected);
}

static void data_is_cut_to_mss_and_the_last_piece_is_pushed(void)
{
	struct fx_conn x = wide_open();
	hc_seq from = x.t.snd_nxt;

	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 3000, CAP), 3000);
	CHECK_PLAN(&x, from, 1400, ACK, false);
	CHECK_PLAN(&x, from + 1400, 1400, ACK, false);
	CHECK_PLAN(&x, from + 2800, 200, ACK | PSH, false);
	CHECK_SILENT(&x);
	UNIT_EQ(x.t.snd_nxt, from + 3000);
	UNIT_EQ(x.t.snd_una, from);
	UNIT_EQ(x.c.timed_seq, from + 1400); // One segment is timed at a time.
}

static void queue_takes_what_its_buffer_holds(void)
{
	struct fx_conn x = wide_open();

	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 0, CAP), 0);
	UNIT_EQ(x.t.flags & HC_TCB_DATA, 0);
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 900, 1000), 900);
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 900, 1000), 100);
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 900, 1000), 0);
	x.t.snd_una += 500; // Acknowledged bytes make room.
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 900, 1000), 500);
	x = fx_syn_sent(&fx_plain); // The SYN takes none.
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 2000, 1000), 1000);
	CHECK_SILENT(&x);
	fx_close_called(&x);
	UNIT_EQ(hc_tcp_queue(&x.t, &x.c, 1, CAP), 0);
}

static void fin_rides_on_the_last_data(void)
{
	struct fx_conn x = wide_open();
	hc_seq from = x.t.snd_nxt;

	fx_queued(&x, 1500);
	UNIT_EQ(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT);
	CHECK_PLAN(&x, from, 1400, ACK, false);
	CHECK_PLAN(&x, from + 1400, 100, ACK | PSH | FIN, false);
	CHECK_SILENT(&x);
	UNIT_EQ(x.t.snd_nxt, from + 1501);
	CU_ASSERT(x.t.flags & HC_TCB_FIN_SENT);
	UNIT_EQ(x.c.timed_seq, x.t.snd_nxt); // The FIN is timed always.
}

static void fin_alone_goes_when_there_is_no_data(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct fx_conn expected = fx_fin_wait_1(&fx_plain);

	UNIT_EQ(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT);
	CHECK_PLAN(&x, fx_plain.iss + 1, 0, ACK | FIN, false);
	CHECK_SILENT(&x);
	expected.t.timed_at = FX_STAMP;
	FX_SAME(x, expected);
}

static void nothing_is_sent_past_the_window(void)
{
	struct fx_conn x = wide_open();
	hc_seq from = x.t.snd_nxt;

	x.t.snd_wnd = 2000;
	x.c.snd_wnd_max = 2000;
	fx_queued(&x, 3000);
	fx_close_called(&x);
	CHECK_PLAN(&x, from, 1400, ACK, false);
	CHECK_SILENT(&x); // 600 bytes: less than a segment and than half of the window.
	x.t.snd_wnd = 2600;
	CHECK_PLAN(&x, from + 1400, 1200, ACK, false); // More than half: it goes.
	CHECK_SILENT(&x);
	x.t.snd_wnd = 3000;
	CHECK_PLAN(&x, from + 2600, 400, ACK | PSH | FIN, false);
}

static void small_piece_goes_when_it_is_all_there_is(void)
{
	struct fx_conn x = wide_open();

	fx_queued(&x, 10);
	CHECK_PLAN(&x, x.t.snd_una, 10, ACK | PSH, false);
	fx_queued(&x, 10);
	CHECK_PLAN(&x, x.t.snd_una + 10, 10, ACK | PSH, false);
}

// RFC 9293 3.8.6.2.1: less than a segment and than half of the largest window waits for the
// override timeout, even when nothing is in flight.
static void small_window_is_used_after_the_override_timeout(void)
{
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;
	struct hc_seg seg;

	x.t.snd_wnd = 10;
	fx_queued(&x, 5000);
	CU_ASSERT(wants_persist(&x));
	x.t.flags |= HC_TCB_PROBING; // As the flush does when it arms the timer.
	UNIT_EQ(fx_what(timeout(&x)), HC_DO_OUTPUT);
	CHECK_PLAN(&x, una, 10, ACK, false);
	CHECK_SILENT(&x);
	UNIT_EQ(fx_ctr[HC_CTR_persist_probes], 0);
	// The next one waits again, and a window worth using ends the wait.
	seg = ack_of(&x, una + 10);
	seg.wnd = 0;
	(void)fx_input(&x, &seg);
	x.t.snd_wnd = 20;
	CU_ASSERT(wants_persist(&x));
	x.t.flags |= HC_TCB_PROBING;
	seg.wnd = 2000 >> x.c.snd_wscale;
	UNIT_EQ(fx_what(fx_input(&x, &seg)), HC_DO_OUTPUT);
	CHECK_PLAN(&x, una + 10, 1400, ACK, false);
	UNIT_EQ(x.t.flags & HC_TCB_PROBING, 0);
}

// Smaller segments, of a path that turned out narrow, fit at once: then nothing is waited out any
// more, and the ACK is no news of a window that opened.
static void override_ends_when_something_is_sent(void)
{
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;
	struct hc_seg seg;

	x.t.snd_wnd = 1000;
	fx_queued(&x, 5000);
	CU_ASSERT(wants_persist(&x));
	x.t.flags |= HC_TCB_PROBING;
	x.c.mss = 400;
	CHECK_PLAN(&x, una, 400, ACK, false);
	CHECK_PLAN(&x, una + 400, 400, ACK, false);
	UNIT_EQ(x.t.flags & HC_TCB_PROBING, 0);
	seg = ack_of(&x, una + 400);
	(void)fx_input(&x, &seg);
	UNIT_EQ(x.t.flags & HC_TCB_RECOVERING, 0);
}

// The override timeout went off, and meanwhile one segment takes all there is: the permission for a
// small piece is spent.
static void one_segment_spends_the_override(void)
{
	struct fx_conn x = wide_open();
	struct hc_tcp_env env = fx_env();
	struct hc_send_plan plan;

	fx_queued(&x, 1000);
	x.c.cc.is_overdue = true;
	CU_ASSERT(hc_tcp_owes_one_segment(&x.t, &x.c));
	hc_tcp_output_one_segment(&x.t, &x.c, &env, &plan);
	UNIT_EQ(plan.len, 1000);
	CU_ASSERT(!x.c.cc.is_overdue);
}

// A window of half the largest ever, or with all there is in it, is used at once.
static void small_window_that_is_half_of_all_is_used_at_once(void)
{
	struct fx_conn x = wide_open();

	x.c.snd_wnd_max = 20;
	x.t.snd_wnd = 10;
	fx_queued(&x, 1000);
	CHECK_PLAN(&x, x.t.snd_una, 10, ACK, false);
	x = wide_open();
	x.t.snd_wnd = 10;
	fx_queued(&x, 10);
	CHECK_PLAN(&x, x.t.snd_una, 10, ACK | PSH, false);
}

static void nagle_lets_one_small_piece_be_out_at_a_time(void)
{
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;
	struct hc_seg seg;

	x.c.switches = 0;
	fx_queued(&x, 10);
	CHECK_PLAN(&x, una, 10, ACK | PSH, false); // Nothing is in flight.
	fx_queued(&x, 10);
	CHECK_SILENT(&x);
	fx_queued(&x, 1400);
	CHECK_PLAN(&x, una + 10, 1400, ACK, false); // A whole segment goes.
	CHECK_SILENT(&x);
	seg = ack_of(&x, una + 10);
	(void)fx_input(&x, &seg);
	CHECK_SILENT(&x);
	seg = ack_of(&x, una + 1410);
	CU_ASSERT(fx_what(fx_input(&x, &seg)) & HC_DO_OUTPUT);
	CHECK_PLAN(&x, una + 1410, 10, ACK | PSH, false);
}

static void nagle_does_not_hold_a_fin_back(void)
{
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;

	x.c.switches = 0;
	fx_queued(&x, 10);
	CHECK_PLAN(&x, una, 10, ACK | PSH, false);
	fx_queued(&x, 10);
	CHECK_SILENT(&x);
	fx_close_called(&x);
	CHECK_PLAN(&x, una + 10, 10, ACK | PSH | FIN, false);
}

// RFC 5681 4.1.
static void window_begins_again_after_a_pause(void)
{
	struct hc_tcp_env env = fx_env();

	for (unsigned i = 0; i < 2; i++) {
		struct fx_conn x = wide_open();
		uint32_t want = i ? 14000 : 100 * 1400;
		struct hc_send_plan plan;
		uint32_t sent = 0;
		bool arm_persist;

		x.c.cwnd = 100 * 1400;
		x.c.cc.sent_ms = env.now_ms - x.c.rto_ms - i;
		fx_queued(&x, 200 * 1400);
		CU_ASSERT(!hc_tcp_owes_one_segment(&x.t, &x.c));
		while (hc_tcp_output_next(&x.t, &x.c, &env, &plan, &arm_persist))
			sent += plan.len;
		UNIT_EQ(sent, want);
		UNIT_EQ(x.c.cc.sent_ms, env.now_ms);
		// The same for a request of one segment, before more.
		x = wide_open();
		x.c.cwnd = 100 * 1400;
		x.c.cc.sent_ms = env.now_ms - x.c.rto_ms - i;
		fx_queued(&x, 100);
		CU_ASSERT(hc_tcp_owes_one_segment(&x.t, &x.c));
		hc_tcp_output_one_segment(&x.t, &x.c, &env, &plan);
		UNIT_EQ(x.c.cwnd, want);
	}
}

static void initial_window_is_that_of_rfc_6928(void)
{
	UNIT_EQ(hc_tcp_initial_cwnd(1460), 14600);
	UNIT_EQ(hc_tcp_initial_cwnd(536), 5360);
	UNIT_EQ(hc_tcp_initial_cwnd(8960), 17920);
	{
		struct fx_conn x = wide_open();

		fx_queued(&x, 60000);
		for (unsigned i = 0; i < 10; i++)
			CHECK_PLAN(&x, x.t.snd_una + 1400 * i, 1400, ACK, false);
		CHECK_SILENT(&x);
	}
}

static void slow_start_adds_a_segment_an_ack_and_then_one_a_window(void)
{
	struct fx_conn x = wide_open();
	struct hc_seg seg;

	fx_queued(&x, 60000);
	fx_in_flight(&x, 14000);
	seg = ack_of(&x, x.t.snd_una + 1400);
	fx_input(&x, &seg);
	UNIT_EQ(x.c.cwnd, 14000 + 1400);
	seg = ack_of(&x, x.t.snd_una + 4200); // RFC 5681 3.1: at most a segment an ACK.
	fx_input(&x, &seg);
	UNIT_EQ(x.c.cwnd, 14000 + 2800);
	seg = ack_of(&x, x.t.snd_una + 10);
	fx_input(&x, &seg);
	UNIT_EQ(x.c.cwnd, 14000 + 2810);
	x.c.ssthresh = 14000;
	fx_in_flight(&x, 33620);
	for (unsigned i = 0; i < 12; i++) {
		seg = ack_of(&x, x.t.snd_una + 1400);
		fx_input(&x, &seg);
		UNIT_EQ(x.c.cwnd, 16810); // 16800 bytes are less than a window.
	}
	seg = ack_of(&x, x.t.snd_una + 10);
	fx_input(&x, &seg);
	UNIT_EQ(x.c.cwnd, 16810 + 1400);
}

static void timeout_begins_again_from_snd_una_with_one_segment(void)
{
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;
	struct hc_seg seg;

	fx_queued(&x, 5600);
	fx_in_flight(&x, 5600);
	FX_VERDICT(timeout(&x), HC_DO_OUTPUT | HC_DO_TIMER_RTX, 0, 0);
	UNIT_EQ(x.c.ssthresh, 2800); // RFC 5681 3.1, eq. 4.
	UNIT_EQ(x.c.cwnd, 1400);
	UNIT_EQ(x.c.rto_ms, 400);
	UNIT_EQ(x.t.snd_nxt, una + 5600); // Never goes back.
	CHECK_PLAN(&x, una, 1400, ACK, true);
	CHECK_SILENT(&x);
	seg = ack_of(&x, una + 1400);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACKED | HC_DO_OUTPUT | HC_DO_TIMER_RTX, 0, 0);
	UNIT_EQ(x.c.retries, 0);
	CHECK_PLAN(&x, una + 1400, 1400, ACK, true);
	CHECK_PLAN(&x, una + 2800, 1400, ACK, true);
	CHECK_SILENT(&x);
	// The rest was not lost: the cursor jumps, and recovery ends.
	seg = ack_of(&x, una + 5600);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACKED | HC_DO_SENT | HC_DO_OUTPUT | HC_DO_TIMER_OFF, 0,
		   0);
	UNIT_EQ(x.t.flags & (HC_TCB_RTX | HC_TCB_RECOVERING), 0);
	CHECK_SILENT(&x);
}

static void cursor_never_stays_behind_snd_una(void)
{
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;
	struct hc_seg seg;

	fx_queued(&x, 5600);
	fx_in_flight(&x, 5600);
	timeout(&x);
	seg = ack_of(&x, una + 4200); // Before anything was sent again.
	fx_input(&x, &seg);
	CHECK_PLAN(&x, una + 4200, 1400, ACK | PSH, true);
	UNIT_EQ(x.t.flags & HC_TCB_RECOVERING, 0);
	CHECK_SILENT(&x);
}

static void recovery_runs_on_into_what_was_never_sent(void)
{
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;

	fx_queued(&x, 1000);
	fx_in_flight(&x, 1000);
	timeout(&x);
	fx_queued(&x, 100);
	fx_close_called(&x);
	CHECK_PLAN(&x, una, 1100, ACK | PSH | FIN, true);
	UNIT_EQ(x.t.snd_nxt, una + 1101);
	CU_ASSERT(x.t.flags & HC_TCB_FIN_SENT);
	UNIT_EQ(x.t.flags & HC_TCB_RECOVERING, 0);
	CHECK_SILENT(&x);
}

static void retransmission_goes_into_a_window_that_shrank(void)
{
	struct fx_conn x = wide_open();

	fx_queued(&x, 1000);
	fx_in_flight(&x, 1000);
	x.t.snd_wnd = 100; // RFC 9293 MUST-34: be robust against it.
	timeout(&x);
	CHECK_PLAN(&x, x.t.snd_una, 100, ACK, true);
	CHECK_SILENT(&x);
}

static void fin_is_sent_again_alone(void)
{
	struct fx_conn x = fx_fin_wait_1(&fx_plain);

	timeout(&x);
	CHECK_PLAN(&x, fx_plain.iss + 1, 0, ACK | FIN, true);
	CHECK_SILENT(&x);
}

static void rto_doubles_until_r2_and_then_the_connection_ends(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = fx_fin_wait_1(&fx_plain);
	uint32_t rto_ms = 200;

	for (unsigned i = 0; i < env.data_retries; i++) {
		FX_VERDICT(timeout(&x), HC_DO_OUTPUT | HC_DO_TIMER_RTX, 0, 0);
		rto_ms = 2 * rto_ms < 60000 ? 2 * rto_ms : 60000;
		UNIT_EQ(x.c.rto_ms, rto_ms);
		CHECK_PLAN(&x, fx_plain.iss + 1, 0, ACK | FIN, true);
	}
	FX_VERDICT(timeout(&x), HC_DO_RESET | HC_DO_FREE, 0, HC_REASON_TIMED_OUT);
}

static void syn_is_given_up_after_its_own_r2(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = fx_syn_sent(&fx_plain);

	for (unsigned i = 0; i < env.syn_retries; i++)
		FX_VERDICT(timeout(&x), HC_DO_SYN | HC_DO_TIMER_RTX, 0, 0);
	FX_VERDICT(timeout(&x), HC_DO_FAILED | HC_DO_FREE, 0, HC_REASON_TIMED_OUT);
	x.t.flags |= HC_TCB_SOFT_ERROR;
	FX_VERDICT(timeout(&x), HC_DO_FAILED | HC_DO_FREE, 0, HC_REASON_UNREACHABLE);
	x = fx_syn_rcvd(&fx_plain);
	FX_VERDICT(timeout(&x), HC_DO_SYNACK | HC_DO_TIMER_RTX, 0, 0);
}

static void what_was_sent_twice_is_no_sample(void) // Karn; RFC 6298 3.
{
	struct fx_conn x = wide_open();
	struct hc_seg seg;

	fx_queued(&x, 2000);
	fx_in_flight(&x, 1000);
	timeout(&x);
	CHECK_PLAN(&x, x.t.snd_una, 1400, ACK, true);
	seg = ack_of(&x, x.t.snd_nxt);
	fx_input(&x, &seg);
	UNIT_EQ(x.c.srtt_us, 2000); // As before.
	UNIT_EQ(x.c.rto_ms, 400);   // Backed off until a sample says otherwise (5.5).
	CHECK_PLAN(&x, x.t.snd_una, 600, ACK | PSH, false);
	seg = ack_of(&x, x.t.snd_nxt);
	fx_input(&x, &seg);
	CU_ASSERT(x.c.srtt_us < 2000); // That one counts: it came at once.
	UNIT_EQ(x.c.rto_ms, 200);
}

// Also when something new was timed in between, the ACK of what was sent again is progress.
static void progress_ends_retries_whatever_was_sent_since(void)
{
	for (unsigned has_fin = 0; has_fin < 2; has_fin++) {
		struct fx_conn x = wide_open();
		struct hc_seg seg;
		hc_seq resent_end;

		x.c.switches |= HC_SWITCH_NODELAY;
		fx_queued(&x, 1000);
		fx_in_flight(&x, 1000);
		resent_end = x.t.snd_nxt;
		timeout(&x);
		CHECK_PLAN(&x, x.t.snd_una, 1000, ACK | PSH, true);
		UNIT_EQ(x.c.retries, 1);
		x.t.flags &= (uint16_t)~HC_TCB_TIMING; // Nothing was.
		if (has_fin) {
			fx_close_called(&x);
			CHECK_PLAN(&x, resent_end, 0, ACK | FIN, false);
		} else {
			fx_queued(&x, 100);
			CHECK_PLAN(&x, resent_end, 100, ACK | PSH, false);
		}
		seg = ack_of(&x, resent_end);
		fx_input(&x, &seg);
		UNIT_EQ(x.c.retries, 0);
	}
}

static void timeout_with_nothing_in_flight_does_nothing(void)
{
	struct fx_conn x = fx_established(&fx_plain);
	struct fx_conn before = x;

	FX_VERDICT(timeout(&x), HC_DO_TIMER_OFF, 0, 0);
	FX_SAME(x, before);
}

static void fin_wait_2_times_out(void)
{
	struct fx_conn x = fx_fin_wait_2(&fx_plain);

	FX_VERDICT(timeout(&x), HC_DO_RESET | HC_DO_FREE, 0, HC_REASON_TIMED_OUT);
}

static void closed_window_is_probed_with_a_byte(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;
	struct hc_send_plan plan;
	struct hc_seg seg;

	x.t.snd_wnd = 0;
	CU_ASSERT(!wants_persist(&x)); // Nothing to send.
	fx_queued(&x, 100);
	CU_ASSERT(wants_persist(&x));
	FX_VERDICT(timeout(&x), HC_DO_PROBE | HC_DO_TIMER_RTX, 0, 0);
	UNIT_EQ(fx_ctr[HC_CTR_persist_probes], 1);
	hc_tcp_output_probe(&x.t, &x.c, &env, &plan);
	UNIT_EQ(plan.seq, una);
	UNIT_EQ(plan.len, 1);
	UNIT_EQ(plan.flags, ACK | PSH);
	UNIT_EQ(plan.is_rtx, false);
	UNIT_EQ(x.t.snd_nxt, una + 1);
	// Answered, still closed: the peer lives, and the count begins anew.
	seg = ack_of(&x, una);
	seg.wnd = 0;
	FX_VERDICT(fx_input(&x, &seg), 0, 0, 0);
	UNIT_EQ(x.c.retries, 0);
	CU_ASSERT(x.t.flags & HC_TCB_PROBING);
	FX_VERDICT(timeout(&x), HC_DO_PROBE | HC_DO_TIMER_RTX, 0, 0);
	hc_tcp_output_probe(&x.t, &x.c, &env, &plan);
	UNIT_EQ(plan.is_rtx, true);
	// Open: all of it, from the byte that was not taken.
	seg.wnd = 100;
	FX_VERDICT(fx_input(&x, &seg), HC_DO_OUTPUT | HC_DO_TIMER_RTX, 0, 0);
	CHECK_PLAN(&x, una, 100, ACK | PSH, true);
	UNIT_EQ(x.t.flags & HC_TCB_PROBING, 0);
}

static void probe_that_was_taken_opens_the_window_as_well(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = wide_open();
	hc_seq una = x.t.snd_una;
	struct hc_send_plan plan;
	struct hc_seg seg;

	x.t.snd_wnd = 0;
	fx_queued(&x, 100);
	timeout(&x);
	hc_tcp_output_probe(&x.t, &x.c, &env, &plan);
	seg = ack_of(&x, una + 1);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_ACKED | HC_DO_OUTPUT | HC_DO_TIMER_OFF, 0, 0);
	CHECK_PLAN(&x, una + 1, 99, ACK | PSH, false);
}

static void fin_can_be_the_probe(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = wide_open();
	struct hc_send_plan plan;

	x.t.snd_wnd = 0;
	x.t.timed_at = 1; // Of data that was acknowledged long ago.
	UNIT_EQ(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT);
	CU_ASSERT(wants_persist(&x));
	CU_ASSERT(!hc_tcp_owes_only_fin(&x.t, &x.c));
	FX_VERDICT(timeout(&x), HC_DO_PROBE | HC_DO_TIMER_RTX, 0, 0);
	hc_tcp_output_probe(&x.t, &x.c, &env, &plan);
	UNIT_EQ(plan.len, 0);
	UNIT_EQ(plan.flags, ACK | FIN);
	CU_ASSERT(x.t.flags & HC_TCB_FIN_SENT);
	UNIT_EQ(x.t.timed_at, env.stamp);
	env.stamp += 5;
	hc_tcp_output_probe(&x.t, &x.c, &env, &plan);
	UNIT_EQ(x.t.timed_at, env.stamp - 5);
	env.stamp -= 5;
}

static void probes_that_nobody_answers_end_at_r2(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = wide_open();

	x.t.snd_wnd = 0;
	fx_queued(&x, 100);
	for (unsigned i = 0; i < env.data_retries; i++)
		FX_VERDICT(timeout(&x), HC_DO_PROBE | HC_DO_TIMER_RTX, 0, 0);
	FX_VERDICT(timeout(&x), HC_DO_RESET | HC_DO_FREE, 0, HC_REASON_TIMED_OUT);
}

// The window closed over data in flight: the probe sends its first byte again.
static void probe_of_data_in_flight_spoils_its_sample(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = wide_open();
	struct hc_send_plan plan;
	struct hc_seg seg;

	fx_queued(&x, 1000);
	fx_in_flight(&x, 1000);
	x.t.snd_wnd = 0;
	FX_VERDICT(timeout(&x), HC_DO_PROBE | HC_DO_TIMER_RTX, 0, 0);
	hc_tcp_output_probe(&x.t, &x.c, &env, &plan);
	UNIT_EQ(plan.is_rtx, true);
	x.t.timed_at = FX_STAMP; // A sample would show.
	seg = ack_of(&x, x.t.snd_nxt);
	fx_input(&x, &seg);
	UNIT_EQ(x.c.srtt_us, 2000);
}

static void shutdown_by_state(void)
{
	struct fx_conn x = fx_syn_sent(&fx_plain);

	FX_VERDICT(hc_tcp_shutdown(&x.t), HC_DO_FAILED | HC_DO_FREE, 0, HC_REASON_ABORTED);
	x = fx_syn_rcvd(&fx_plain); // Waits for ESTABLISHED.
	FX_VERDICT(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT, 0, 0);
	UNIT_EQ(x.t.state, HC_SYN_RCVD);
	CHECK_SILENT(&x);
	x = fx_established(&fx_plain);
	FX_VERDICT(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT, 0, 0);
	UNIT_EQ(x.t.state, HC_FIN_WAIT_1);
	FX_VERDICT(hc_tcp_shutdown(&x.t), 0, 0, 0); // Once.
	x = fx_close_wait(&fx_plain);
	FX_VERDICT(hc_tcp_shutdown(&x.t), HC_DO_OUTPUT, 0, 0);
	UNIT_EQ(x.t.state, HC_LAST_ACK);
	x = fx_closing(&fx_plain);
	FX_VERDICT(hc_tcp_shutdown(&x.t), 0, 0, 0);
}

static void close_by_state(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = fx_established(&fx_plain);

	FX_VERDICT(hc_tcp_close(&x.t, false, &env), HC_DO_OUTPUT, 0, 0);
	CU_ASSERT(x.t.flags & HC_TCB_NO_RECEIVE);
	FX_VERDICT(hc_tcp_close(&x.t, false, &env), 0, 0, 0); // Once.
	x = fx_established(&fx_plain);                        // RFC 9293 3.6.1: data lies unread.
	FX_VERDICT(hc_tcp_close(&x.t, true, &env), HC_DO_RST | HC_DO_RESET | HC_DO_FREE, 0,
		   HC_REASON_ABORTED);
	x = fx_fin_wait_2(&fx_plain); // Half closed before: it does not wait for ever.
	FX_VERDICT(hc_tcp_close(&x.t, false, &env), HC_DO_TIMER_FW2, 0, 0);
	env.fin_wait2_ms = 0;
	x = fx_fin_wait_2(&fx_plain);
	CU_ASSERT(!(hc_tcp_close(&x.t, false, &env) & HC_DO_TIMER_FW2));
}

static void abort_tells_the_peer_in_synchronized_states(void)
{
	struct fx_conn x = fx_syn_sent(&fx_plain);
	static struct fx_conn (*const told[])(const struct fx_story *) = {
		fx_syn_rcvd,   fx_established, fx_fin_wait_1, fx_fin_wait_2,
		fx_close_wait, fx_closing,     fx_last_ack,
	};

	CU_ASSERT(!hc_tcp_abort_sends_rst(&x.t));
	for (unsigned i = 0; i < HC_ARRAY_LEN(told); i++) {
		x = told[i](&fx_plain);
		CU_ASSERT(hc_tcp_abort_sends_rst(&x.t));
	}
}

static void window_is_advertised_in_steps_worth_telling(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x = fx_established(&fx_plain);
	hc_seq edge = x.t.rcv_edge;

	UNIT_EQ(hc_tcp_advertise(&x.t, &x.c, &env), 65536 >> 1);
	UNIT_EQ(x.t.rcv_edge, edge + 1);
	x.t.flags |= HC_TCB_DATA;
	x.t.rcv_nxt += 65536;
	x.c.rcv_used = 65536;
	UNIT_EQ(hc_tcp_advertise(&x.t, &x.c, &env), 0);
	x.c.rcv_used -= FX_MSS - 1; // RFC 9293 3.8.6.2.2: not worth it.
	UNIT_EQ(hc_tcp_advertise(&x.t, &x.c, &env), 0);
	x.c.rcv_used -= 1;
	UNIT_EQ(hc_tcp_advertise(&x.t, &x.c, &env), FX_MSS >> 1);
	x.c.rcv_used -= 2; // Asked to, it tells of less.
	env.rcv_step = 2;
	UNIT_EQ(hc_tcp_advertise(&x.t, &x.c, &env), (FX_MSS + 2) >> 1);
	edge = x.t.rcv_edge; // Never moves left.
	x.c.rcv_used = 65536;
	UNIT_EQ(hc_tcp_advertise(&x.t, &x.c, &env), (FX_MSS + 2) >> 1);
	UNIT_EQ(x.t.rcv_edge, edge);
}

// RFC 9293 MUST-1: the highest bit of the field is a bit like the others, scaled or not.
static void window_is_unsigned(void)
{
	static const uint16_t wnd[] = {0x7fff, 0x8000, 0xffff};

	for (unsigned i = 0; i < HC_ARRAY_LEN(wnd); i++) {
		for (unsigned scale = 0; scale <= HC_WSCALE_MAX; scale += HC_WSCALE_MAX) {
			struct fx_conn x = wide_open();
			struct hc_seg seg = ack_of(&x, x.t.snd_nxt);

			x.c.snd_wscale = (uint8_t)scale;
			seg.wnd = wnd[i];
			fx_input(&x, &seg);
			UNIT_EQ(x.t.snd_wnd, (uint32_t)wnd[i] << scale);
			fx_queued(&x, 1000);
			CHECK_PLAN(&x, x.t.snd_una, 1000, ACK | PSH, false);
		}
	}
}

UNIT_SUITE(output, UNIT_TEST(open_makes_a_tcb_in_syn_sent),
	   UNIT_TEST(data_is_cut_to_mss_and_the_last_piece_is_pushed),
	   UNIT_TEST(queue_takes_what_its_buffer_holds), UNIT_TEST(fin_rides_on_the_last_data),
	   UNIT_TEST(fin_alone_goes_when_there_is_no_data),
	   UNIT_TEST(nothing_is_sent_past_the_window),
	   UNIT_TEST(small_piece_goes_when_it_is_all_there_is),
	   UNIT_TEST(small_window_is_used_after_the_override_timeout),
	   UNIT_TEST(override_ends_when_something_is_sent),
	   UNIT_TEST(one_segment_spends_the_override),
	   UNIT_TEST(small_window_that_is_half_of_all_is_used_at_once),
	   UNIT_TEST(nagle_lets_one_small_piece_be_out_at_a_time),
	   UNIT_TEST(nagle_does_not_hold_a_fin_back), UNIT_TEST(window_begins_again_after_a_pause),
	   UNIT_TEST(initial_window_is_that_of_rfc_6928),
	   UNIT_TEST(slow_start_adds_a_segment_an_ack_and_then_one_a_window),
	   UNIT_TEST(timeout_begins_again_from_snd_una_with_one_segment),
	   UNIT_TEST(cursor_never_stays_behind_snd_una),
	   UNIT_TEST(recovery_runs_on_into_what_was_never_sent),
	   UNIT_TEST(retransmission_goes_into_a_window_that_shrank),
	   UNIT_TEST(fin_is_sent_again_alone),
	   UNIT_TEST(rto_doubles_until_r2_and_then_the_connection_ends),
	   UNIT_TEST(syn_is_given_up_after_its_own_r2), UNIT_TEST(what_was_sent_twice_is_no_sample),
	   UNIT_TEST(progress_ends_retries_whatever_was_sent_since),
	   UNIT_TEST(timeout_with_nothing_in_flight_does_nothing), UNIT_TEST(fin_wait_2_times_out),
	   UNIT_TEST(closed_window_is_probed_with_a_byte),
	   UNIT_TEST(probe_that_was_taken_opens_the_window_as_well),
	   UNIT_TEST(fin_can_be_the_probe), UNIT_TEST(probes_that_nobody_answers_end_at_r2),
	   UNIT_TEST(probe_of_data_in_flight_spoils_its_sample), UNIT_TEST(shutdown_by_state),
	   UNIT_TEST(close_by_state), UNIT_TEST(abort_tells_the_peer_in_synchronized_states),
	   UNIT_TEST(window_is_advertised_in_steps_worth_telling), UNIT_TEST(window_is_unsigned));
