// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Options of a connection: what is refused, and what each does to a connection on the wire.

#include "fx_stack.h"

#include <errno.h>

static void with_nagle(struct hc_stack_config *cfg)
{
	cfg->has_nodelay = false;
}

static uint32_t option(hc_conn conn, enum hc_conn_option which)
{
	uint32_t value = 0xdeadbeef;

	UNIT_EQ(hc_conn_get(fx.worker, conn, which, &value), 0);
	return value;
}

static void options_are_checked(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t value;
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 1); // As the worker's configuration says.
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 0), 0);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 2), -EINVAL);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_COUNT, 1), -EINVAL);
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_COUNT, &value), -EINVAL);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 1), -ESTALE);
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_NODELAY, &value), -ESTALE);
	UNIT_EQ(fx_ctr(HC_CTR_stale_handles), 1);
	fx_forget();
	fx_shut();
}

static void nodelay_lets_go_what_nagle_held_back(void)
{
	const struct fx_options o = {.set_cfg = with_nagle};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 0);
	for (unsigned i = 0; i < 3; i++) {
		UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
		fx_step();
	}
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 3);
	fx_expect_silence();
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 1), 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 6);
	UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 3);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_event(HC_EV_SENT);
	fx_expect_silence();
	fx_shut();
}

// RFC 9293 3.8.6.2.1: into a small window not before the override timeout.
static void silly_window_is_waited_out(void)
{
	static const uint8_t data[1000];
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	p.wnd = 800;
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, data, sizeof data, HC_SEND_STATIC), sizeof data);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 536);
	fx_expect_silence(); // 264 bytes of window are less than half of it.
	p.wnd = 264;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	fx_wait_ms(100);
	fx_expect_silence();
	fx_wait_ms(150);
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 264);
	p.wnd = 800;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 200);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_event(HC_EV_SENT);
	fx_expect_silence();
	fx_shut();
}

static void set(hc_conn conn, enum hc_conn_option which, uint32_t value)
{
	UNIT_EQ(hc_conn_set(fx.worker, conn, which, value), 0);
	UNIT_EQ(option(conn, which), value);
}

// A keep-alive probe has to be out by now.
static void expect_probe(const struct fx_peer *p)
{
	const struct frame_view *v = fx_expect_tcp(FRAME_ACK);

	UNIT_EQ(v->seq, p->ack - 1);
	UNIT_EQ(v->ack, p->seq);
	UNIT_EQ(v->payload_len, 0);
}

// A connection that is probed after five idle seconds.
static hc_conn connect_kept(struct fx_peer *p)
{
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(p, 0);
	set(conn, HC_OPTION_KEEPALIVE_IDLE_MS, 5000);
	set(conn, HC_OPTION_KEEPALIVE, 1);
	return conn;
}

static void keepalive_is_off_and_patient_unless_asked(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(option(conn, HC_OPTION_KEEPALIVE), 0);
	UNIT_EQ(option(conn, HC_OPTION_KEEPALIVE_IDLE_MS), 7200000);
	UNIT_EQ(option(conn, HC_OPTION_KEEPALIVE_INTERVAL_MS), 75000);
	UNIT_EQ(option(conn, HC_OPTION_KEEPALIVE_COUNT), 9);
	UNIT_EQ(option(conn, HC_OPTION_USER_TIMEOUT_MS), 0);
	fx_wait_ms(20000000);
	fx_expect_silence();
	set(conn, HC_OPTION_KEEPALIVE, 1);
	fx_wait_ms(7199000);
	fx_expect_silence();
	fx_wait_ms(1500);
	expect_probe(&p);
	set(conn, HC_OPTION_KEEPALIVE, 0);
	fx_wait_ms(20000000);
	fx_expect_silence();
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_KEEPALIVE, 2), -EINVAL);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_KEEPALIVE_IDLE_MS, 0), -EINVAL);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_KEEPALIVE_COUNT, 65536), -EINVAL);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_USER_TIMEOUT_MS, (1u << 30) + 1), -EINVAL);
	fx_shut();
}

static void keepalive_probes_who_is_silent_and_gives_up_who_stays_so(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	set(conn, HC_OPTION_KEEPALIVE_IDLE_MS, 10000);
	set(conn, HC_OPTION_KEEPALIVE_INTERVAL_MS, 1000);
	set(conn, HC_OPTION_KEEPALIVE_COUNT, 3);
	set(conn, HC_OPTION_KEEPALIVE, 1);
	fx_wait_ms(9900);
	fx_expect_silence();
	fx_wait_ms(200);
	expect_probe(&p);
	fx_peer_put(&p, FRAME_ACK, 0); // It is there.
	fx_step();
	fx_wait_ms(9900);
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK | FRAME_PSH, 5); // What comes by itself counts as well.
	fx_step();
	fx_forget();
	fx_wait_ms(9700);
	fx_expect_silence();
	fx_wait_ms(400);
	expect_probe(&p);
	fx_wait_ms(1000);
	expect_probe(&p);
	fx_wait_ms(1000);
	expect_probe(&p);
	fx_wait_ms(800);
	fx_expect_silence();
	fx_wait_ms(200);
	fx_expect_reason(HC_EV_RESET, HC_REASON_TIMED_OUT);
	UNIT_EQ(fx_ctr(HC_CTR_keepalive_probes), 4);
	fx_expect_silence();
	fx_shut();
}

static void keepalive_makes_way_for_retransmission(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	conn = connect_kept(&p);
	UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 3);
	fx_wait_ms(300);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 3);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	fx_wait_ms(4900);
	fx_expect_silence();
	fx_wait_ms(200);
	expect_probe(&p);
	// Our FIN has the timer to itself, and half closed it goes on.
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_wait_ms(500);
	(void)fx_expect_tcp(FRAME_FIN | FRAME_ACK);
	fx_forget();
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_wait_ms(4900);
	fx_expect_silence();
	fx_wait_ms(200);
	expect_probe(&p);
	fx_shut();
}

static void everybody_has_keepalive(struct hc_stack_config *cfg)
{
	cfg->has_keepalive = true;
	cfg->liveness_cap = 0;
}

static void keepalive_may_be_everybodys(void)
{
	const struct fx_options o = {.set_cfg = everybody_has_keepalive};

	for (unsigned i = 0; i < 2; i++) {
		struct fx_peer p = fx_peer_new();
		hc_conn conn;

		fx_open(&o);
		(void)fx_listen(0);
		conn = i ? fx_connect(&p, 0) : fx_accept(&p);
		UNIT_EQ(option(conn, HC_OPTION_KEEPALIVE), 1);
		fx_wait_ms(7199000);
		fx_expect_silence();
		fx_wait_ms(1500);
		expect_probe(&p);
		fx_shut();
	}
}

static void one_liveness(struct hc_stack_config *cfg)
{
	cfg->liveness_cap = 1;
}

static void records_run_out(void)
{
	const struct fx_options o = {.set_cfg = one_liveness};
	struct fx_peer p = fx_peer_new();
	struct fx_peer q = fx_peer_new();
	hc_conn conn[2];

	fx_open(&o);
	conn[0] = fx_connect(&p, 0);
	conn[1] = fx_connect(&q, 0);
	set(conn[0], HC_OPTION_USER_TIMEOUT_MS, 1000);
	UNIT_EQ(hc_conn_set(fx.worker, conn[1], HC_OPTION_KEEPALIVE, 1), -ENOMEM);
	UNIT_EQ(hc_conn_set(fx.worker, conn[1], HC_OPTION_KEEPALIVE_COUNT, 1), -ENOMEM);
	UNIT_EQ(fx_ctr(HC_CTR_keepalive_no_memory), 2);
	UNIT_EQ(hc_abort(fx.worker, conn[0]), 0);
	set(conn[1], HC_OPTION_KEEPALIVE, 1);
	fx_forget();
	fx_shut();
}

static void two_retransmissions(struct hc_stack_config *cfg)
{
	cfg->data_retries = 2;
}

static void user_timeout_takes_the_place_of_r2(void)
{
	const struct fx_options o = {.set_cfg = two_retransmissions};

	for (unsigned i = 0; i < 2; i++) {
		uint32_t timeout_ms = i ? 500 : 20000; // R2 alone would be 200 + 400 + 800.
		struct fx_peer p = fx_peer_new();
		hc_conn conn;

		fx_open(&o);
		conn = fx_connect(&p, 0);
		set(conn, HC_OPTION_USER_TIMEOUT_MS, timeout_ms);
		UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
		fx_step();
		fx_wait_ms(timeout_ms - 20);
		UNIT_EQ(fx.event_count, fx.event_taken);
		fx_wait_ms(40);
		fx_expect_reason(HC_EV_RESET, HC_REASON_TIMED_OUT);
		fx_forget();
		fx_shut();
	}
}

static void three_to_r1(struct hc_stack_config *cfg)
{
	cfg->r1_retries = 3;
}

static void r1_tells_the_application_and_doubts_the_next_hop(void)
{
	const struct fx_options o = {.set_cfg = three_to_r1};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = 9};
	const uint32_t cookie = 1;
	struct fx_peer p = fx_peer_new();
	const struct hc_event *ev;
	uint64_t asked;
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	asked = fx_ctr(HC_CTR_arp_requests_sent);
	UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
	fx_step();
	fx_wait_ms(700); // Sent again after 200 and 600 ms.
	UNIT_EQ(fx.event_count, fx.event_taken);
	UNIT_EQ(fx_ctr(HC_CTR_arp_requests_sent), asked);
	fx_wait_ms(800);
	ev = fx_next_event();
	CU_ASSERT_FATAL(ev != NULL);
	UNIT_EQ(ev->type, HC_EV_STALLED);
	UNIT_EQ(ev->reason, HC_REASON_TIMED_OUT);
	UNIT_EQ(ev->info, 3);
	UNIT_EQ(ev->conn, conn);
	CU_ASSERT(fx_ctr(HC_CTR_arp_requests_sent) > asked);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_data), 3);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_forget();
	// The same for a SYN (MUST-22).
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_wait_ms(8000);
	UNIT_EQ(fx_expect_event(HC_EV_STALLED), conn);
	fx_forget();
	fx_shut();
}

// RFC 9293 SHLD-17: data behind a right edge that moved left is no reason to give up.
static void window_that_closed_on_data_in_flight_is_no_timeout(void)
{
	const struct fx_options o = {.set_cfg = two_retransmissions};
	struct fx_peer p = fx_peer_new();
	unsigned probes = 0;
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, "abcdef", 6, 0), 6);
	fx_step();
	p.ack = fx_expect_tcp(FRAME_ACK | FRAME_PSH)->seq; // Not taken: the window closed.
	p.wnd = 0;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	for (unsigned i = 0; i < 1000 && probes < 8; i++) {
		fx_wait_ms(100);
		if (!fx_next_tcp())
			continue;
		probes++;
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
	}
	UNIT_EQ(probes, 8);
	p.wnd = 1000;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 6);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	fx_shut();
}

// RFC 9293 3.8.6.1, MUST-35: as long as probes are answered the connection stays, whatever the user
// timeout.
static void user_timeout_does_not_count_answered_probes(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	p.wnd = 0;
	conn = fx_connect(&p, 0);
	set(conn, HC_OPTION_USER_TIMEOUT_MS, 5000);
	UNIT_EQ(hc_send(fx.worker, conn, "abcdef", 6, 0), 6);
	fx_step();
	for (unsigned i = 0; i < 1000; i++) {
		fx_wait_ms(100);
		if (!fx_next_tcp())
			continue;
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		fx_forget();
	}
	CU_ASSERT(fx_ctr(HC_CTR_persist_probes) > 6);
	UNIT_EQ(fx_ctr(HC_CTR_conn_timed_out), 0);
	// Those that are not answered count.
	fx_wait_ms(130000);
	UNIT_EQ(fx_ctr(HC_CTR_conn_timed_out), 1);
	fx_forget();
	fx_shut();
}

// Our FIN is acknowledged: there is nothing that a window probe could bring.
static void keepalive_of_a_half_closed_connection_probes_no_window(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	conn = connect_kept(&p);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	p.wnd = 0;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_wait_ms(5100);
	expect_probe(&p);
	fx_expect_silence();
	fx_shut();
}

static void no_limit_of_fin_wait_2(struct hc_stack_config *cfg)
{
	cfg->fin_wait2_ms = 0;
}

static void keepalive_ends_no_wait_that_is_for_ever(void)
{
	const struct fx_options o = {.set_cfg = no_limit_of_fin_wait_2};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	set(conn, HC_OPTION_KEEPALIVE_IDLE_MS, 5000);
	set(conn, HC_OPTION_KEEPALIVE, 1);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_wait_ms(20000);
	fx_expect_silence();
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	fx_forget();
	fx_shut();
}

static void cork_waits_for_a_whole_segment(void)
{
	static uint8_t text[700];
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0); // Of 536 bytes a segment.
	UNIT_EQ(option(conn, HC_OPTION_CORK), 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_CORK, 2), -EINVAL);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_CORK, 1), 0);
	UNIT_EQ(option(conn, HC_OPTION_CORK), 1);
	UNIT_EQ(hc_send(fx.worker, conn, text, 100, 0), 100);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(hc_send(fx.worker, conn, text, 700, 0), 700);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 536);
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	// Uncorked, the rest goes.
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_CORK, 0), 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 264);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_SENT);
	// The FIN takes along what waits.
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_CORK, 1), 0);
	UNIT_EQ(hc_send(fx.worker, conn, text, 10, 0), 10);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH | FRAME_FIN)->payload_len, 10);
	fx_forget();
	fx_shut();
}

// RFC 9293 3.8.6.2.1: the override timeout.
// Who is sent to all the time waits no longer for the override timeout.
static void segments_of_the_peer_put_nothing_off(void)
{
	static const uint8_t data[1000];

	for (unsigned is_corked = 0; is_corked < 2; is_corked++) {
		struct fx_peer p = fx_peer_new();
		unsigned waited_ms = 0;
		hc_conn conn;

		fx_open(NULL);
		p.wnd = 800;
		conn = fx_connect(&p, 0);
		if (is_corked) {
			UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_CORK, 1), 0);
			UNIT_EQ(hc_send(fx.worker, conn, data, 10, HC_SEND_STATIC), 10);
			fx_step();
		} else {
			UNIT_EQ(hc_send(fx.worker, conn, data, sizeof data, HC_SEND_STATIC),
				sizeof data);
			fx_step();
			UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 536);
			p.wnd = 264;
			fx_peer_put(&p, FRAME_ACK, 0);
			fx_step();
		}
		fx_expect_silence();
		for (; waited_ms < 1000 && fx_ctr(HC_CTR_data_bytes_sent) % 536 == 0;
		     waited_ms += 10) {
			fx_wait_ms(10);
			fx_peer_put(&p, FRAME_ACK, 1);
			fx_step();
		}
		CU_ASSERT(waited_ms >= fx.cfg.rto_min_ms - 10);
		CU_ASSERT(waited_ms <= fx.cfg.rto_min_ms + 20);
		UNIT_EQ(fx_ctr(HC_CTR_data_bytes_sent), is_corked ? 10 : 536 + 264);
		fx_forget();
		(void)hc_abort(fx.worker, conn);
		fx_shut();
	}
}

// What leaves before the override timeout is timed from then on (RFC 6298 5.1).
static void what_was_held_back_has_a_timer_of_its_own(void)
{
	static const uint8_t data[1000];
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_CORK, 1), 0);
	UNIT_EQ(hc_send(fx.worker, conn, data, 10, HC_SEND_STATIC), 10);
	fx_step();
	fx_wait_ms(fx.cfg.rto_min_ms - 10);
	fx_expect_silence();
	UNIT_EQ(hc_send(fx.worker, conn, data, 600, HC_SEND_STATIC), 600);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 536);
	fx_wait_ms(fx.cfg.rto_min_ms - 20);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	fx_wait_ms(40);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 1);
	fx_forget();
	(void)hc_abort(fx.worker, conn);
	fx_shut();
}

static void cork_comes_off_in_time(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_CORK, 1), 0);
	for (unsigned i = 0; i < 2; i++) {
		UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
		fx_step();
		fx_wait_ms(fx.cfg.rto_min_ms - 20);
		fx_expect_silence();
		fx_wait_ms(40);
		UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 3);
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		(void)fx_expect_event(HC_EV_SENT);
	}
	fx_shut();
}

UNIT_SUITE(option, UNIT_TEST(user_timeout_does_not_count_answered_probes),
	   UNIT_TEST(keepalive_of_a_half_closed_connection_probes_no_window),
	   UNIT_TEST(keepalive_ends_no_wait_that_is_for_ever), UNIT_TEST(options_are_checked),
	   UNIT_TEST(cork_waits_for_a_whole_segment), UNIT_TEST(cork_comes_off_in_time),
	   UNIT_TEST(segments_of_the_peer_put_nothing_off),
	   UNIT_TEST(what_was_held_back_has_a_timer_of_its_own),
	   UNIT_TEST(nodelay_lets_go_what_nagle_held_back), UNIT_TEST(silly_window_is_waited_out),
	   UNIT_TEST(keepalive_is_off_and_patient_unless_asked),
	   UNIT_TEST(keepalive_probes_who_is_silent_and_gives_up_who_stays_so),
	   UNIT_TEST(keepalive_makes_way_for_retransmission),
	   UNIT_TEST(keepalive_may_be_everybodys), UNIT_TEST(records_run_out),
	   UNIT_TEST(user_timeout_takes_the_place_of_r2),
	   UNIT_TEST(r1_tells_the_application_and_doubts_the_next_hop),
	   UNIT_TEST(window_that_closed_on_data_in_flight_is_no_timeout));
