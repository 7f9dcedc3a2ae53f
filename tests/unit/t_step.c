// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The hazards of looking a whole burst up before any of it is run: segments whose flow is added,
// moved or freed by one before them.

#include "fx_stack.h"

#include <errno.h>

// A connection whose peer closed first and whose last ACK is awaited.
static hc_conn accept_to_last_ack(struct fx_peer *p)
{
	hc_conn conn = fx_accept(p);

	fx_peer_put(p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_PEER_CLOSED);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(p, FRAME_FIN | FRAME_ACK);
	return conn;
}

static void two_segments_of_a_flow_are_taken_in_their_order(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_peer_put(&p, FRAME_ACK | FRAME_PSH, 20);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq - 20);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.readable_bytes, 30);
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 0);
	fx_shut();
}

static void a_syn_and_its_retransmission_open_one_connection(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *first;

	fx_open(NULL);
	(void)fx_listen(0);
	fx_peer_put(&p, FRAME_SYN, 0);
	p.seq--;
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	first = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(fx_expect_tcp(FRAME_SYN | FRAME_ACK)->seq, first->seq);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_synack), 1);
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 1);
	UNIT_EQ(hc_pool_used(&fx.worker->syn_pool), 1);
	fx_shut();
}

static void data_and_fin_behind_the_final_ack_reach_the_new_connection(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	fx_open_half(&p);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_ACK, 5);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 0);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 2);
	UNIT_EQ(fx_ctr(HC_CTR_conn_established_passive), 1);
	fx_shut();
}

static void data_and_fin_on_the_final_ack_are_taken_with_it(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	fx_open_half(&p);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 7);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_shut();
}

static void a_segment_behind_the_one_that_began_time_wait_meets_the_mini(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	p.seq--;
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tw_restarted), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_closed), 1);
	fx_wait_ms(fx.cfg.time_wait_ms + 1);
	UNIT_EQ(fx_ctr(HC_CTR_tw_expired), 1);
	fx_shut();
}

static void a_segment_behind_the_one_that_freed_its_flow_meets_nobody(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = accept_to_last_ack(&p);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	// The listener answers for the port now.
	UNIT_EQ(fx_expect_tcp(FRAME_RST)->seq, p.ack);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_listen_bad), 1);
	fx_shut();
}

static void a_segment_behind_an_rst_meets_nobody(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	(void)fx_connect(&p, 0);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_step();
	fx_expect_reason(HC_EV_RESET, HC_REASON_RESET);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_stray_rst), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_reset_in), 1);
	fx_shut();
}

static void one_conn(struct hc_stack_config *cfg)
{
	cfg->conn_cap = 1;
}

static void a_block_reused_within_a_burst_is_the_new_connections_alone(void)
{
	const struct fx_options o = {.set_cfg = one_conn};
	struct fx_peer old = fx_peer_new();
	struct fx_peer young = fx_peer_new();
	struct hc_conn_info info;
	hc_conn old_conn, young_conn;

	fx_open(&o);
	(void)fx_listen(0);
	old_conn = accept_to_last_ack(&old);
	young.port++;
	fx_open_half(&young);
	// The old one ends, the young one takes its block, and the old one's peer speaks again.
	fx_peer_put(&old, FRAME_ACK, 0);
	fx_peer_put(&young, FRAME_ACK, 0);
	fx_peer_put(&old, FRAME_ACK, 3);
	fx_peer_put(&young, FRAME_ACK, 4);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), old_conn);
	young_conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(young_conn >> 16, old_conn >> 16);
	CU_ASSERT(young_conn != old_conn);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), young_conn);
	UNIT_EQ(fx_expect_tcp(FRAME_RST)->dport, old.port);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->dport, young.port);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 2);
	UNIT_EQ(hc_conn_info(fx.worker, young_conn, &info), 0);
	UNIT_EQ(info.readable_bytes, 4);
	UNIT_EQ(hc_conn_info(fx.worker, old_conn, &info), -ESTALE);
	fx_shut();
}

static void a_syn_behind_the_end_of_its_tuple_opens_it_anew(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	(void)fx_listen(0);
	(void)accept_to_last_ack(&p);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_CLOSED);
	UNIT_EQ(fx_expect_tcp(FRAME_SYN | FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 2);
	fx_shut();
}

// The clock of the first step may read anything: the machine may be up for months.
static void the_clock_begins_anywhere(void)
{
	static const uint64_t days[] = {0, 24, 25, 40, 60, 5000};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PORT};
	struct hc_event event[16];
	uint32_t cookie = 7;

	fx_open(NULL);
	for (unsigned i = 0; i < HC_ARRAY_LEN(days); i++) {
		uint64_t first_ns = days[i] * 86400000 * FX_MS + 123456;
		struct hc_worker *w;
		const char *why;

		CU_ASSERT_FATAL(hc_worker_create(fx.port[0], 0, &fx.cfg, &w, &why) == 0);
		UNIT_EQ(hc_connect(w, &args, &cookie, NULL, 1), 1);
		UNIT_EQ(hc_step(w, first_ns, event, HC_ARRAY_LEN(event)), 0);
		UNIT_EQ(hc_step(w, first_ns + 900 * FX_MS, event, HC_ARRAY_LEN(event)), 0);
		UNIT_EQ(w->ctr[HC_CTR_rtx_syn], 0);
		UNIT_EQ(hc_step(w, first_ns + 1100 * FX_MS, event, HC_ARRAY_LEN(event)), 0);
		UNIT_EQ(w->ctr[HC_CTR_rtx_syn], 1);
		hc_worker_destroy(w);
	}
	fx_shut();
}

// Nothing is armed for weeks, and then a SYN and a connect() come.
static void a_worker_may_rest_for_weeks(void)
{
	static const uint64_t days[] = {24, 25, 40, 49, 60};

	for (unsigned i = 0; i < HC_ARRAY_LEN(days); i++) {
		struct fx_peer p = fx_peer_new();
		struct fx_peer q = fx_peer_new();

		fx_open(NULL);
		(void)fx_listen(0);
		fx_close(&p, fx_accept(&p));
		fx_forget();
		fx.now_ns += days[i] * 86400000 * FX_MS;
		fx_step();
		fx_put_arp(1, FX_PEER, FX_LOCAL, fx.peer_mac);
		fx_step();
		fx_forget();
		q.port++;
		(void)fx_accept(&q);
		q = fx_peer_new();
		(void)fx_connect(&q, 0);
		fx_step();
		fx_forget();
		fx_shut();
	}
}

UNIT_SUITE(step, UNIT_TEST(a_worker_may_rest_for_weeks), UNIT_TEST(the_clock_begins_anywhere),
	   UNIT_TEST(two_segments_of_a_flow_are_taken_in_their_order),
	   UNIT_TEST(a_syn_and_its_retransmission_open_one_connection),
	   UNIT_TEST(data_and_fin_behind_the_final_ack_reach_the_new_connection),
	   UNIT_TEST(data_and_fin_on_the_final_ack_are_taken_with_it),
	   UNIT_TEST(a_segment_behind_the_one_that_began_time_wait_meets_the_mini),
	   UNIT_TEST(a_segment_behind_the_one_that_freed_its_flow_meets_nobody),
	   UNIT_TEST(a_segment_behind_an_rst_meets_nobody),
	   UNIT_TEST(a_block_reused_within_a_burst_is_the_new_connections_alone),
	   UNIT_TEST(a_syn_behind_the_end_of_its_tuple_opens_it_anew));
