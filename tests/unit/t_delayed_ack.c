// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Delayed acknowledgments (RFC 9293 3.8.6.3, RFC 5681 4.2): what waits, for how long, for what it
// does not, and that nobody who waits for an ACK is kept waiting. In virtual time, to the
// millisecond.

#include "fx_stack.h"

#include <errno.h>
#include <string.h>

#define DELAY 100u

static void with_delay(struct hc_stack_config *cfg)
{
	cfg->delayed_ack_ms = DELAY;
	cfg->has_timestamps = true;
	cfg->rcv_buf_bytes = 8000;
}

static hc_conn accept_delaying(struct fx_peer *p, unsigned flags)
{
	const struct fx_options o = {.set_cfg = with_delay};

	*p = fx_peer_new();
	fx_open(&o);
	(void)fx_listen(flags);
	return fx_accept(p);
}

// A segment of text, for which one event comes and nothing else.
static void text_waits(struct fx_peer *p, uint32_t len)
{
	fx_peer_put(p, FRAME_ACK, len);
	fx_step();
	(void)fx_expect_event(HC_EV_DATA);
	fx_expect_silence();
}

static void the_ack_of_one_segment_waits_for_its_time(void)
{
	struct fx_peer p;

	(void)accept_delaying(&p, 0);
	for (unsigned i = 1; i <= 3; i++) {
		text_waits(&p, 1000);
		UNIT_EQ(fx_ctr(HC_CTR_acks_delayed), i);
		fx_wait_ms(DELAY - 1);
		fx_expect_silence();
		fx_wait_ms(1);
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
		fx_expect_silence();
		fx_wait_ms(5000);
		fx_expect_silence();
	}
	fx_shut();
}

// RFC 5681 4.2: within one burst or not.
static void every_second_segment_is_acknowledged_at_once(void)
{
	for (unsigned flags = 0; flags <= HC_CONN_PIGGYBACK; flags += HC_CONN_PIGGYBACK) {
		struct fx_peer p;

		(void)accept_delaying(&p, flags);
		for (unsigned i = 0; i < 3; i++) {
			text_waits(&p, 500);
			fx_wait_ms(DELAY / 2);
			fx_peer_put(&p, FRAME_ACK, 500);
			fx_step();
			UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
			(void)fx_expect_event(HC_EV_DATA);
			fx_expect_silence();
		}
		fx_peer_put(&p, FRAME_ACK, 500);
		fx_peer_put(&p, FRAME_ACK, 500);
		fx_step();
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
		fx_forget();
		fx_wait_ms(5000);
		fx_expect_silence();
		UNIT_EQ(fx_ctr(HC_CTR_acks_delayed), 3);
		fx_shut();
	}
}

// An ACK that went at once, for a gap, took the one that waited with it: the next segment is a
// first one again.
static void an_ack_that_went_early_lets_the_next_wait(void)
{
	struct fx_peer p;
	uint32_t behind;

	(void)accept_delaying(&p, 0);
	text_waits(&p, 500);
	behind = p.seq;
	p.seq += 500;
	fx_peer_put(&p, FRAME_ACK, 500);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, behind);
	p.seq = behind;
	fx_peer_put(&p, FRAME_ACK, 500);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, behind + 1000);
	(void)fx_expect_event(HC_EV_DATA);
	p.seq = behind + 1000;
	text_waits(&p, 500);
	fx_wait_ms(DELAY - 1);
	fx_expect_silence();
	fx_wait_ms(1);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_forget();
	fx_shut();
}

static void of_five_segments_in_a_burst_the_last_waits(void)
{
	struct fx_peer p;

	(void)accept_delaying(&p, 0);
	for (unsigned i = 0; i < 5; i++)
		fx_peer_put(&p, FRAME_ACK, 300);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq - 900);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq - 300);
	CU_ASSERT_PTR_NULL(fx_next_tcp());
	fx_forget();
	fx_wait_ms(DELAY);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_shut();
}

// The timer is the retransmission's from then on.
static void the_ack_rides_on_data(void)
{
	for (unsigned later = 0; later < 2; later++) {
		struct fx_peer p;
		hc_conn conn = accept_delaying(&p, 0);
		const struct frame_view *v;

		if (later) {
			text_waits(&p, 10);
			UNIT_EQ(hc_send(fx.worker, conn, "answer", 6, 0), 6);
			fx_step();
		} else { // The application answers within the step.
			struct hc_event ev[16];

			fx_peer_put(&p, FRAME_ACK, 10);
			UNIT_EQ(hc_step(fx.worker, fx.now_ns, ev, 16), 1);
			UNIT_EQ(hc_send(fx.worker, conn, "answer", 6, 0), 6);
			hc_flush(fx.worker);
			fx_step();
		}
		v = fx_expect_tcp(FRAME_PSH | FRAME_ACK);
		UNIT_EQ(v->ack, p.seq);
		UNIT_EQ(v->payload_len, 6);
		fx_expect_silence();
		UNIT_EQ(fx_ctr(HC_CTR_acks_delayed), later);
		fx_wait_ms(fx.cfg.rto_min_ms + 1); // Not acknowledged: it comes again.
		UNIT_EQ(fx_expect_tcp(FRAME_PSH | FRAME_ACK)->payload_len, 6);
		UNIT_EQ(fx_ctr(HC_CTR_rtx_data), 1);
		fx_expect_silence();
		fx_shut();
	}
}

// One timer a connection: while data of ours is in flight nothing waits.
static void nothing_waits_while_the_timer_is_taken(void)
{
	struct fx_peer p;
	hc_conn conn = accept_delaying(&p, 0);

	UNIT_EQ(hc_send(fx.worker, conn, "first", 5, 0), 5);
	fx_step();
	(void)fx_expect_tcp(FRAME_PSH | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	UNIT_EQ(fx_ctr(HC_CTR_acks_delayed), 0);
	fx_forget();
	fx_shut();
}

// What cannot be sent into a closed window needs the timer for its probes.
static void a_closed_window_takes_the_timer(void)
{
	struct fx_peer p;
	hc_conn conn = accept_delaying(&p, 0);

	p.wnd = 0;
	text_waits(&p, 10);
	UNIT_EQ(hc_send(fx.worker, conn, "stuck", 5, 0), 5);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_wait_ms(2000);
	CU_ASSERT(fx_ctr(HC_CTR_persist_probes) > 0);
	fx_forget();
	fx_shut();
}

// A close never waits: not for the ACK of a FIN, nor for that of the text before one.
static void nobody_waits_with_a_close(void)
{
	struct fx_peer p;
	hc_conn conn;

	(void)accept_delaying(&p, 0);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 10);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_forget();
	fx_shut();

	(void)accept_delaying(&p, 0);
	text_waits(&p, 10);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_forget();
	fx_wait_ms(5000);
	fx_expect_silence();
	fx_shut();

	// Ours takes the ACK along, and text behind it is answered at once.
	conn = accept_delaying(&p, 0);
	text_waits(&p, 10);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_FIN | FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	UNIT_EQ(fx_ctr(HC_CTR_acks_delayed), 1);
	fx_forget();
	fx_shut();
}

static void a_handshake_is_completed_at_once(void)
{
	const struct fx_options o = {.set_cfg = with_delay};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	(void)fx_connect(&p, 0); // Which looks for its ACK.
	UNIT_EQ(fx_ctr(HC_CTR_acks_delayed), 0);
	fx_shut();

	// Also where it may ride on a request, and the peer's greeting is there already.
	p = fx_peer_new();
	fx_open(&o);
	(void)fx_connect(&p, HC_CONN_PIGGYBACK);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_forget();
	fx_shut();
}

static void what_is_out_of_order_is_answered_at_once(void)
{
	struct fx_peer p;

	(void)accept_delaying(&p, HC_CONN_PIGGYBACK);
	p.seq += 100;
	fx_peer_put(&p, FRAME_ACK, 100);
	p.seq -= 200;
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK, 50);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_forget();
	fx_peer_put(&p, FRAME_ACK, 50);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq + 100);
	UNIT_EQ(fx_ctr(HC_CTR_acks_delayed), 0);
	fx_forget();
	fx_shut();
}

static void a_window_that_opens_is_told_at_once(void)
{
	struct fx_peer p;
	hc_conn conn = accept_delaying(&p, 0);
	uint8_t buf[8000];

	for (unsigned i = 0; i < 8; i++)
		fx_peer_put(&p, FRAME_ACK, 500);
	fx_step();
	fx_forget();
	text_waits(&p, 500);
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, sizeof buf), 4500);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 8000);
	fx_expect_silence();
	fx_wait_ms(5000);
	fx_expect_silence();
	fx_shut();
}

// RFC 7323 4.3: the ACK of two segments echoes the first, so that the peer's RTT has the wait in
// it.
static void the_first_timestamp_is_echoed(void)
{
	const struct fx_options o = {.set_cfg = with_delay};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	p.has_ts = true;
	p.tsval = 1000;
	(void)fx_listen(0);
	(void)fx_accept(&p);
	p.tsval = 2000;
	text_waits(&p, 100);
	p.tsval = 3000;
	fx_peer_put(&p, FRAME_ACK, 100);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->tsecr, 2000);
	fx_forget();
	text_waits(&p, 100);
	fx_wait_ms(DELAY);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->tsecr, 3000);
	fx_expect_silence();
	fx_shut();
}

// Connections that end while an ACK waits leave nothing behind.
static void an_end_takes_the_wait_with_it(void)
{
	for (unsigned how = 0; how < 3; how++) {
		struct fx_peer p;
		hc_conn conn = accept_delaying(&p, 0);

		text_waits(&p, 10);
		if (how == 0)
			fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
		else if (how == 1)
			UNIT_EQ(hc_abort(fx.worker, conn), 0);
		else
			UNIT_EQ(hc_close(fx.worker, conn), 0); // Unread: RST.
		fx_step();
		fx_forget();
		for (uint32_t i = 0; i < fx.worker->cfg.conn_cap; i++)
			UNIT_EXPECT(!hc_timer_is_armed(&fx.worker->tcb_timers, i));
		fx_wait_ms(5000);
		fx_expect_silence();
		fx_shut();
	}
}

// RFC 9293 MUST-40.
static void no_more_than_half_a_second_can_be_asked_for(void)
{
	struct fx_peer p;
	struct hc_worker *w = NULL;
	const char *why;

	(void)accept_delaying(&p, 0);
	fx.cfg.delayed_ack_ms = 501;
	UNIT_EQ(hc_worker_create(fx.port[0], 0, &fx.cfg, &w, &why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "delayed_ack_ms"));
	fx.cfg.delayed_ack_ms = 500;
	UNIT_EQ(hc_worker_create(fx.port[0], 0, &fx.cfg, &w, &why), 0);
	hc_worker_destroy(w);
	fx_shut();
}

// One timer for both: setting keep-alive up, or down again, does not forget the ACK that waits, and
// after it keep-alive has its turn.
static void an_ack_waits_beside_keepalive(void)
{
	for (unsigned is_stopped = 0; is_stopped < 2; is_stopped++) {
		struct fx_peer p;
		hc_conn conn = accept_delaying(&p, 0);

		text_waits(&p, 500);
		UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_KEEPALIVE, 1), 0);
		UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_KEEPALIVE_IDLE_MS, 1000), 0);
		if (is_stopped)
			UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_KEEPALIVE, 0), 0);
		fx_wait_ms(DELAY);
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
		fx_expect_silence();
		fx_wait_ms(1000);
		if (!is_stopped)
			UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack - 1);
		fx_expect_silence();
		fx_shut();
	}
}

// The ACK of a segment waits; what it is due by comes while there are no buffers: it goes as soon
// as there are.
static void goes_with_the_next_buffer(bool is_by_time)
{
	static struct rte_mbuf *held[1024];
	struct fx_peer p;
	unsigned n;

	(void)accept_delaying(&p, 0);
	text_waits(&p, 500);
	n = fx_hold_buffers(held, HC_ARRAY_LEN(held), 0);
	if (is_by_time) {
		fx_wait_ms(DELAY);
		fx_expect_silence();
	} else {
		text_waits(&p, 500);
	}
	CU_ASSERT(fx_ctr(HC_CTR_tx_no_buffer) > 0);
	rte_pktmbuf_free_bulk(held, n);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_shut();
}

static void an_ack_that_found_no_buffer_goes_with_the_next(void)
{
	goes_with_the_next_buffer(true);
}

// By a second segment: the ACK of both has no timer any more.
static void an_ack_of_two_that_found_no_buffer_goes_with_the_next(void)
{
	goes_with_the_next_buffer(false);
}

UNIT_SUITE(delayed_ack, UNIT_TEST(no_more_than_half_a_second_can_be_asked_for),
	   UNIT_TEST(the_ack_of_one_segment_waits_for_its_time),
	   UNIT_TEST(every_second_segment_is_acknowledged_at_once),
	   UNIT_TEST(an_ack_that_went_early_lets_the_next_wait),
	   UNIT_TEST(of_five_segments_in_a_burst_the_last_waits), UNIT_TEST(the_ack_rides_on_data),
	   UNIT_TEST(nothing_waits_while_the_timer_is_taken),
	   UNIT_TEST(a_closed_window_takes_the_timer), UNIT_TEST(nobody_waits_with_a_close),
	   UNIT_TEST(a_handshake_is_completed_at_once),
	   UNIT_TEST(what_is_out_of_order_is_answered_at_once),
	   UNIT_TEST(a_window_that_opens_is_told_at_once), UNIT_TEST(the_first_timestamp_is_echoed),
	   UNIT_TEST(an_end_takes_the_wait_with_it), UNIT_TEST(an_ack_waits_beside_keepalive),
	   UNIT_TEST(an_ack_that_found_no_buffer_goes_with_the_next),
	   UNIT_TEST(an_ack_of_two_that_found_no_buffer_goes_with_the_next));
