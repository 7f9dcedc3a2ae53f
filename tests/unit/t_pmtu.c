// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Path MTU discovery: what a router says of a packet of ours lowers the segments of its connection
// and sends the lost ones again, within limits; ten minutes later they are as before. And routers
// that say nothing.

#include "fx_stack.h"

#include <string.h>

#define BIG 8000u

static uint8_t big[BIG];

// Fragmentation needed, quoting the beginning of the IP packet that v's payload lies in.
static void put_too_big(const uint8_t *ip, unsigned mtu)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 0, (uint16_t)mtu, ip, 28);

	memset(frame, 0, 6);
	frame[FRAME_L4] = 3;
	frame[FRAME_L4 + 1] = 4;
	frame_fix_l4_csum(frame, len);
	fx_put(frame, len);
	fx_step();
}

// A connection with `len` bytes in flight; *ip is the first packet of them.
static hc_conn sending(struct fx_peer *p, uint32_t len, uint8_t ip[28])
{
	const struct fx_out *o;
	hc_conn conn;

	*p = fx_peer_new();
	p->opt = (const uint8_t[]){2, 4, 5, 180}; // MSS 1460.
	p->opt_len = 4;
	conn = fx_connect(p, 0);
	p->opt_len = 0;
	UNIT_EQ(hc_send(fx.worker, conn, big, len, HC_SEND_STATIC), len);
	fx_step();
	o = fx_next();
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	memcpy(ip, o->bytes + FRAME_IP, 28);
	UNIT_EQ(o->view.payload_len, 1460);
	fx_forget();
	return conn;
}

// What comes out are segments of at most `mss` bytes from p->ack on, and one of them is as large.
static void expect_segments(const struct fx_peer *p, uint32_t mss)
{
	const struct frame_view *v = fx_next_tcp();
	uint32_t most = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->seq, p->ack);
	for (; v; v = fx_next_tcp())
		most = v->payload_len > most ? v->payload_len : most;
	UNIT_EQ(most, mss);
	fx_forget();
}

static void what_the_router_says_is_taken_and_the_lost_sent_again(void)
{
	static const unsigned want[][2] = {
		{1400, 1360}, {1006, 966}, {0, 1452}, {100, 512}, {1, 512}};

	for (unsigned i = 0; i < HC_ARRAY_LEN(want); i++) {
		struct fx_peer p;
		uint8_t ip[28];

		fx_open(NULL);
		(void)sending(&p, BIG, ip);
		put_too_big(ip, want[i][0]);
		expect_segments(&p, want[i][1]);
		UNIT_EQ(fx_ctr(HC_CTR_pmtu_lowered), 1);
		UNIT_EQ(fx_ctr(HC_CTR_rx_icmp), 1);
		// The same again is of the same flight.
		put_too_big(ip, want[i][0]);
		fx_expect_silence();
		UNIT_EQ(fx_ctr(HC_CTR_pmtu_lowered), 1);
		fx_shut();
	}
}

static void what_cannot_be_is_ignored(void)
{
	struct fx_peer p;
	uint8_t ip[28];

	fx_open(NULL);
	(void)sending(&p, BIG, ip);
	put_too_big(ip, 1500); // It would have fit.
	put_too_big(ip, 9000);
	frame_put16(ip + 2, 400); // Small enough for anything.
	put_too_big(ip, 296);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_bad_mtu), 3);
	frame_put16(ip + 2, 1500);
	frame_put32(ip + 24, p.ack - 1); // Not in flight.
	put_too_big(ip, 1000);
	frame_put32(ip + 24, p.ack + BIG);
	put_too_big(ip, 1000);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_no_connection), 2);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_lowered), 0);
	fx_expect_silence();
	fx_shut();
}

static void acknowledge(struct fx_peer *p, uint32_t len)
{
	p->ack += len;
	fx_peer_put(p, FRAME_ACK, 0);
	fx_step();
	fx_forget();
}

static void ten_minutes_later_segments_are_as_before(void)
{
	struct fx_peer p, q;
	uint8_t ip[28];
	hc_conn conn, other;

	fx_open(NULL);
	conn = sending(&p, BIG, ip);
	put_too_big(ip, 1006);
	expect_segments(&p, 966);
	acknowledge(&p, BIG);
	// Another connection to there knows it too.
	q = fx_peer_new();
	q.port = p.port;
	q.opt = (const uint8_t[]){2, 4, 5, 180};
	q.opt_len = 4;
	other = fx_connect(&q, 0);
	q.opt_len = 0;
	UNIT_EQ(hc_send(fx.worker, other, big, BIG, HC_SEND_STATIC), BIG);
	fx_step();
	expect_segments(&q, 966);
	acknowledge(&q, BIG);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_lowered), 2);

	fx_wait_ms(599000);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_raised), 0);
	fx_wait_ms(1100);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_raised), 2);
	UNIT_EQ(hc_send(fx.worker, conn, big, BIG, HC_SEND_STATIC), BIG);
	fx_step();
	expect_segments(&p, 1460);
	fx_shut();
}

// With a path of 1006 bytes already known.
static void open_knowing(struct fx_peer *p, uint8_t *ip)
{
	fx_open(NULL);
	(void)sending(p, BIG, ip);
	put_too_big(ip, 1006);
	fx_forget();
}

// One whose listener has a buffer of its own is given all it has before its first text comes.
static void a_listeners_connection_gets_its_segments_back(void)
{
	const struct hc_listen_args args = {.port = FX_PORT, .backlog = 4, .rcv_buf_bytes = 4000};
	struct fx_peer p, q = fx_peer_new();
	uint8_t ip[28];
	hc_conn conn;

	open_knowing(&p, ip);
	acknowledge(&p, BIG);
	while (fx_next_event())
		continue;
	CU_ASSERT(hc_listen(fx.worker, &args) >= 0);
	q.port = 40001;
	q.opt = (const uint8_t[]){2, 4, 5, 180};
	q.opt_len = 4;
	fx_peer_put(&q, FRAME_SYN, 0);
	fx_step();
	(void)fx_peer_take(&q, FRAME_SYN | FRAME_ACK);
	q.opt_len = 0;
	fx_peer_put(&q, FRAME_ACK, 100);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_lowered), 2);
	fx_forget();
	fx_wait_ms(601000);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_raised), 2);
	UNIT_EQ(hc_send(fx.worker, conn, big, BIG, HC_SEND_STATIC), BIG);
	fx_step();
	expect_segments(&q, 1460);
	fx_shut();
}

static void the_table_of_destinations_is_bounded(void)
{
	struct fx_peer p;
	uint8_t ip[28];

	open_knowing(&p, ip);
	// Others, as if learnt later; one more than there is room for gives ours its segments back.
	for (uint32_t i = 1; i < HC_PMTU_CAP; i++) {
		fx.worker->pmtus.entry[i] = fx.worker->pmtus.entry[0];
		fx.worker->pmtus.entry[i].addr_be = hc_to_be32(0x0a000100 + i);
		fx.worker->pmtus.entry[i].due_ms++;
	}
	fx.worker->pmtus.count = HC_PMTU_CAP;
	fx.worker->pmtus.entry[0].addr_be = hc_to_be32(0x0a0000fe);
	put_too_big(ip, 800);
	UNIT_EQ(fx.worker->pmtus.count, HC_PMTU_CAP);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_lowered), 2);
	fx_forget();
	fx_wait_ms(1);
	fx_forget();
	fx_shut();
}

static void a_router_that_says_nothing_is_noticed(void)
{
	struct fx_peer p;
	uint8_t ip[28];

	fx_open(NULL);
	(void)sending(&p, BIG, ip);
	for (unsigned i = 0; i < 600 && fx_ctr(HC_CTR_pmtu_black_hole) < 1; i++) {
		fx_forget();
		fx_wait_ms(100);
	}
	expect_segments(&p, 966);
	for (unsigned i = 0; i < 600 && fx_ctr(HC_CTR_pmtu_black_hole) < 2; i++) {
		fx_forget();
		fx_wait_ms(100);
	}
	expect_segments(&p, 512);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_lowered), 2);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_black_hole), 2);
	fx_shut();
}

static void with_sack(struct hc_stack_config *cfg)
{
	cfg->has_sack = true;
}

// RACK's timer runs because something behind has come, as large as what is missing.
static void reordering_timer_is_no_black_hole(void)
{
	const struct fx_options o = {.set_cfg = with_sack};
	struct fx_peer p = fx_peer_new();
	uint8_t sack[12] = {1, 1, 5, 10};
	hc_conn conn;

	fx_open(&o);
	p.opt = (const uint8_t[]){2, 4, 5, 180, 4, 2, 1, 1};
	p.opt_len = 8;
	conn = fx_connect(&p, 0);
	p.opt_len = 0;
	for (unsigned i = 0; i < 2; i++) {
		UNIT_EQ(hc_send(fx.worker, conn, big, BIG, HC_SEND_STATIC), BIG);
		fx_step();
		fx.now_ns += 20 * FX_MS;
		if (i == 0)
			acknowledge(&p, BIG);
	}
	fx_forget();
	frame_put32(sack + 4, p.ack + 1460);
	frame_put32(sack + 8, p.ack + 2920);
	p.opt = sack;
	p.opt_len = sizeof sack;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx.worker->block[hc_handle_idx(fx.worker, conn)].cold.retries =
		2; // As if there had been timeouts.
	fx_wait_ms(10);
	UNIT_EQ(fx_ctr(HC_CTR_rack_timeouts), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	UNIT_EQ(fx_ctr(HC_CTR_pmtu_black_hole), 0);
	fx_forget();
	fx_shut();
}

static void with_fast_open(struct hc_stack_config *cfg)
{
	cfg->has_fast_open = true;
}

// connect() with data. @return the IP packet of the SYN.
static const uint8_t *connect_with(struct fx_peer *p, unsigned flags, uint32_t len)
{
	const struct hc_connect_args args = {
		.remote_addr = FX_PEER,
		.remote_port = FX_PEER_PORT,
		.flags = (uint16_t)flags,
		.data = big,
		.data_bytes = len,
	};
	const uint32_t cookie = 5;
	const struct frame_view *v;

	*p = fx_peer_new();
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, NULL, 1), 1);
	fx_step();
	v = fx_expect_tcp(FRAME_SYN);
	p->ack = v->seq + 1;
	p->local_addr = v->src;
	p->local_port = v->sport;
	return fx.out[fx.out_count - 1].bytes + FRAME_IP;
}

static void answer_syn(struct fx_peer *p)
{
	p->opt = (const uint8_t[]){2, 4, 5, 180};
	p->opt_len = 4;
	fx_peer_put(p, FRAME_SYN | FRAME_ACK, 0);
	p->opt_len = 0;
	fx_forget();
	fx_step();
}

// The largest segment of those that come out.
static uint32_t largest(void)
{
	const struct frame_view *v;
	uint32_t most = 0;

	while ((v = fx_next_tcp()))
		most = v->payload_len > most ? v->payload_len : most;
	fx_forget();
	return most;
}

// RFC 1191 while opening: a SYN that carries data may be too large for a link, and told so.
static void a_syn_with_data_that_is_too_large_goes_without(void)
{
	const struct fx_options o = {.set_cfg = with_fast_open};
	static const uint8_t cookie[8] = {1};
	const struct frame_view *v;
	struct fx_peer p;
	uint8_t ip[28];

	fx_open(&o);
	hc_fastopen_learn(&fx.worker->fastopen, hc_to_be32(FX_PEER), fx.worker->env.now_ms, 1460,
			  cookie, sizeof cookie);
	memcpy(ip, connect_with(&p, HC_CONN_FAST_OPEN, 1400), sizeof ip);
	UNIT_EQ(frame_get16(ip + 2), 20 + 20 + 4 + 12 + 1400);
	put_too_big(ip, 1006);
	v = fx_expect_tcp(FRAME_SYN);
	UNIT_EQ(v->payload_len, 0);
	UNIT_EQ(fx_ctr(HC_CTR_rx_icmp), 1);
	put_too_big(ip, 1006);
	fx_expect_silence();                                  // Once is enough.
	CU_ASSERT(hc_fast_open_is_known(fx.worker, FX_PEER)); // It is not the server's fault.
	answer_syn(&p);
	UNIT_EQ(largest(), 966);
	fx_shut();
}

static void what_is_queued_before_the_handshake_knows_the_path(void)
{
	struct fx_peer p;
	uint8_t ip[28];

	open_knowing(&p, ip);
	(void)connect_with(&p, 0, 4000);
	answer_syn(&p);
	UNIT_EQ(largest(), 966);
	fx_shut();
}

UNIT_SUITE(pmtu, UNIT_TEST(what_the_router_says_is_taken_and_the_lost_sent_again),
	   UNIT_TEST(what_cannot_be_is_ignored),
	   UNIT_TEST(ten_minutes_later_segments_are_as_before),
	   UNIT_TEST(a_listeners_connection_gets_its_segments_back),
	   UNIT_TEST(the_table_of_destinations_is_bounded),
	   UNIT_TEST(a_router_that_says_nothing_is_noticed),
	   UNIT_TEST(reordering_timer_is_no_black_hole),
	   UNIT_TEST(a_syn_with_data_that_is_too_large_goes_without),
	   UNIT_TEST(what_is_queued_before_the_handshake_knows_the_path));
