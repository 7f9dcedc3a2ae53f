// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a peer may rely on, asked of a whole worker: promises whose breaking no test of a single
// layer sees. The first two were found by planted faults that nothing caught (scripts/faults.sh),
// the others by rows of tests/rfc9293.md that no test showed.

#include "fx_stack.h"

#include "runner.h"

#include "stack/worker.h"

// RFC 9293 3.4.2: TIME-WAIT lasts 2 MSL, not less and not more.
static void time_wait_lasts_as_long_as_it_was_set_to(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	fx_close(&p, fx_connect(&p, 0));
	fx_wait_ms(fx.cfg.time_wait_ms - 1);
	UNIT_EQ(fx_ctr(HC_CTR_tw_expired), 0);
	UNIT_EQ(fx.worker->tuples.used_count, 1);
	fx_wait_ms(2);
	UNIT_EQ(fx_ctr(HC_CTR_tw_expired), 1);
	UNIT_EQ(fx.worker->tuples.used_count, 0);
	fx_shut();
}

static void all_options(struct hc_stack_config *cfg)
{
	cfg->has_timestamps = true;
	cfg->has_window_scale = true;
}

// RFC 7323 1.3, 2.2, 3.2: a SYN,ACK has the options that the SYN had, and no others.
static void syn_ack_answers_the_options_of_the_syn(void)
{
	static const uint8_t wscale[] = {3, 3, 7, 1};
	const struct fx_options o = {.set_cfg = all_options};

	for (unsigned i = 0; i < 4; i++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;

		fx_open(&o);
		(void)fx_listen(0);
		p.has_ts = i & 1;
		p.tsval = 0x12345678;
		p.opt = wscale;
		p.opt_len = i & 2 ? sizeof wscale : 0;
		fx_peer_put(&p, FRAME_SYN, 0);
		fx_step();
		v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
		CU_ASSERT(v->has_mss);
		UNIT_EQ(v->has_ts, i & 1);
		UNIT_EQ(v->tsecr, i & 1 ? p.tsval : 0);
		UNIT_EQ(v->has_wscale, i >> 1);
		fx_shut();
	}
}

// RFC 9293 SHLD-29, SHLD-30: the first probe of a closed window after an RTO, each next one after
// twice the time.
static void probes_of_a_closed_window_come_further_and_further_apart(void)
{
	static const uint8_t text[100];
	struct fx_peer p = fx_peer_new();
	const struct fx_out *out;
	uint64_t last_ns;
	uint64_t gap_ns = 0;
	unsigned count = 0;
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	p.wnd = 0;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(hc_send(fx.worker, conn, text, sizeof text, HC_SEND_STATIC), sizeof text);
	fx_step();
	fx_expect_silence();
	last_ns = fx.now_ns;
	fx_wait_ms(31 * fx.cfg.rto_min_ms + 100);
	for (; (out = fx_next()) != NULL; count++) {
		uint64_t waited_ns = out->at_ns - last_ns;
		uint64_t due_ns = count ? 2 * gap_ns : fx.cfg.rto_min_ms * FX_MS;

		UNIT_EQ(out->view.payload_len, 1);
		CU_ASSERT(waited_ns + 2 * FX_MS >= due_ns && waited_ns <= due_ns + 4 * FX_MS);
		gap_ns = waited_ns;
		last_ns = out->at_ns;
	}
	UNIT_EQ(count, 5);
	fx_shut();
}

static void default_retries(struct hc_stack_config *cfg)
{
	struct hc_stack_config usual;

	hc_stack_config_default(&usual);
	cfg->syn_retries = usual.syn_retries;
	cfg->data_retries = usual.data_retries;
	cfg->rto_init_ms = usual.rto_init_ms;
	cfg->rto_min_ms = usual.rto_min_ms;
	cfg->rto_max_ms = usual.rto_max_ms;
}

// RFC 9293 MUST-23: without options a SYN is not given up before three minutes are over.
static void an_opening_is_tried_for_three_minutes(void)
{
	const struct fx_options o = {.set_cfg = default_retries};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PORT};
	const struct hc_event *ev;
	const uint32_t cookie = 1;
	hc_conn conn;

	fx_open(&o);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_wait_ms(180000);
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_wait_ms(60000);
	ev = fx_next_event();
	CU_ASSERT_PTR_NOT_NULL_FATAL(ev);
	UNIT_EQ(ev->type, HC_EV_FAILED);
	fx_forget();
	fx_shut();
}

// RFC 9293 SHLD-11: without options data is sent again for 100 s at least.
static void data_is_tried_for_a_hundred_seconds(void)
{
	static const uint8_t text[100];
	const struct fx_options o = {.set_cfg = default_retries};
	struct fx_peer p = fx_peer_new();
	const struct hc_event *ev;
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, text, sizeof text, HC_SEND_STATIC), sizeof text);
	fx_step();
	fx_wait_ms(100000);
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_wait_ms(900000);
	ev = fx_next_event();
	CU_ASSERT_PTR_NOT_NULL_FATAL(ev);
	UNIT_EQ(ev->type, HC_EV_RESET);
	fx_forget();
	fx_shut();
}

static void far_and_urgent(struct hc_stack_config *cfg)
{
	cfg->ttl = 3;
	cfg->dscp = 46;
	cfg->has_ecn = true;
}

// RFC 9293 MUST-48, MUST-49: on every segment, those that wait for a neighbour's address with them;
// frame_check() compares. The two bits beside the code point are ECN's.
static void segments_carry_the_ttl_and_the_code_point_they_are_told_to(void)
{
	const struct fx_options o = {.set_cfg = far_and_urgent, .is_stranger = true};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	const uint32_t cookie = 1;
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	fx_put_arp(2, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_step();
	p.local_port = fx_peer_take(&p, FRAME_SYN | FRAME_ECE | FRAME_CWR)->sport;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->tos, 46 << 2);
	UNIT_EQ(hc_send(fx.worker, conn, "x", 1, HC_SEND_STATIC), 1);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->tos, 46 << 2 | 2);
	p.local_port++; // Nobody: an RST.
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_RST)->tos, 46 << 2);
	fx_forget();
	fx_shut();
}

static uint64_t started_ns;

static void begun_then(struct hc_stack_config *cfg)
{
	cfg->has_timestamps = true;
	cfg->clock_base_ns = started_ns;
}

// RFC 6528 3, RFC 6191 2: what a peer in TIME-WAIT remembers of the run before is older than what
// it is told now, with the same seed as well.
static void a_second_run_goes_on_where_the_first_ended(void)
{
	const struct fx_options o = {.set_cfg = begun_then};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	const uint32_t cookie = 1;
	struct frame_view syn[2];

	for (unsigned i = 0; i < 2; i++) {
		started_ns = 1700000000ull * 1000000000u + i * 4096 * FX_MS;
		fx_open(&o);
		UNIT_EQ(hc_connect(fx.worker, &args, &cookie, NULL, 1), 1);
		fx_step();
		syn[i] = *fx_expect_tcp(FRAME_SYN);
		fx_shut();
	}
	UNIT_EQ(syn[1].sport, syn[0].sport);
	UNIT_EQ(syn[1].seq - syn[0].seq, 4096 * FX_MS >> 12);
	UNIT_EQ(syn[1].tsval - syn[0].tsval, 4096);
}

// RFC 9293 MUST-67: so much text comes in one segment over Ethernet, and is taken.
static void mss_is_what_can_be_received(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	const uint32_t cookie = 1;

	fx_open(NULL);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, NULL, 1), 1);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN);
	UNIT_EQ(v->mss, 1500 - 20 - 20);
	p.local_addr = v->src;
	p.local_port = v->sport;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_ACK, v->mss);
	fx_step();
	(void)fx_expect_event(HC_EV_OPENED);
	UNIT_EQ(fx_expect_event(HC_EV_DATA) != HC_CONN_NONE, true);
	fx_forget();
	fx_shut();
}

UNIT_SUITE(promises, UNIT_TEST(a_second_run_goes_on_where_the_first_ended),
	   UNIT_TEST(segments_carry_the_ttl_and_the_code_point_they_are_told_to),
	   UNIT_TEST(time_wait_lasts_as_long_as_it_was_set_to),
	   UNIT_TEST(syn_ack_answers_the_options_of_the_syn),
	   UNIT_TEST(probes_of_a_closed_window_come_further_and_further_apart),
	   UNIT_TEST(an_opening_is_tried_for_three_minutes),
	   UNIT_TEST(data_is_tried_for_a_hundred_seconds), UNIT_TEST(mss_is_what_can_be_received));
