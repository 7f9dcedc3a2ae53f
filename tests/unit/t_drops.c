// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Frames and segments that are dropped, each by its name, with the answer that it deserves and no
// other. What the parser drops is only taken for a walk through the pipeline here; all its ways are
// in the suites of the parser.

#include "fx_stack.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum fix {
	FIX_NOTHING,
	FIX_IP = 1,
	FIX_L4 = 2,
};

// One change to a SYN for the listener: `len` bytes at `at` become `value`.
struct change {
	uint8_t at, len;
	uint32_t value;
	unsigned fix;
	enum hc_counter drop;
};

static uint32_t write_syn(uint8_t *frame)
{
	struct fx_peer p = fx_peer_new();
	struct frame_tcp f = fx_peer_frame(&p, FRAME_SYN, 0);

	return frame_write_tcp(frame, &f);
}

static void put_changed(const struct change *c)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = write_syn(frame);

	memcpy(frame, fx.port[0]->mac, 6);
	for (unsigned i = 0; i < c->len; i++)
		frame[c->at + i] = (uint8_t)(c->value >> 8 * (c->len - 1u - i));
	if (c->fix & FIX_IP)
		frame_fix_ip_csum(frame, len);
	if (c->fix & FIX_L4)
		frame_fix_l4_csum(frame, len);
	fx_put(frame, len);
	fx_step();
}

static void a_bad_frame_is_dropped_by_name_and_silently(void)
{
	static const struct change bad[] = {
		{0, 1, 0x06, 0, HC_CTR_eth_not_for_us},
		{6, 1, 0x01, 0, HC_CTR_eth_bad_source},
		{12, 2, 0x86dd, 0, HC_CTR_eth_unknown_type},
		{14, 1, 0x65, FIX_IP, HC_CTR_ip_bad_version},
		{14, 1, 0x44, FIX_NOTHING, HC_CTR_ip_bad_ihl},
		{16, 2, 19, FIX_IP, HC_CTR_ip_bad_length},
		{24, 2, 0x1234, FIX_NOTHING, HC_CTR_ip_bad_csum},
		{26, 4, 0x7f000001, FIX_IP | FIX_L4, HC_CTR_ip_bad_source},
		{30, 4, 0x0a000077, FIX_IP | FIX_L4, HC_CTR_ip_not_for_us},
		{12, 2, 0x8100, 0, HC_CTR_eth_vlan},
		{23, 1, 17, FIX_IP, HC_CTR_ip_unknown_proto},
		{16, 2, 39, FIX_IP, HC_CTR_tcp_truncated},
		{46, 1, 0x40, FIX_L4, HC_CTR_tcp_bad_offset},
		{50, 2, 0x1234, FIX_NOTHING, HC_CTR_tcp_bad_csum},
		{34, 2, 0, FIX_L4, HC_CTR_tcp_bad_port},
		{30, 4, 0x0a0000ff, FIX_IP | FIX_L4, HC_CTR_tcp_not_unicast},
	};
	uint8_t frame[FRAME_MAX];

	fx_open(NULL);
	(void)fx_listen(0);
	for (unsigned i = 0; i < HC_ARRAY_LEN(bad); i++) {
		put_changed(&bad[i]);
		UNIT_EQ(fx_ctr(bad[i].drop), 1);
	}
	(void)write_syn(frame);
	memcpy(frame, fx.port[0]->mac, 6);
	fx_put(frame, 13);
	fx_put(frame, 33);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_eth_truncated), 1);
	UNIT_EQ(fx_ctr(HC_CTR_ip_truncated), 1);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 0);
	fx_shut();
}

static void bad_icmp_is_dropped_by_name(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 1, 1, NULL, 0);

	fx_open(NULL);
	memset(frame, 0, 6);
	frame[FRAME_L4 + 2] ^= 1;
	fx_put(frame, len);
	frame_put16(frame + FRAME_IP + 2, 27);
	frame_fix_ip_csum(frame, len);
	fx_put(frame, len);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_icmp_bad_csum), 1);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_truncated), 1);
	fx_expect_silence();
	fx_shut();
}

static void what_is_odd_but_allowed_is_noted_and_taken(void)
{
	static const uint8_t ip_opt[4] = {1, 1, 1, 0};
	static const uint8_t tcp_opt[4] = {2, 0, 0, 0};
	struct fx_peer p = fx_peer_new();
	struct frame_tcp f;

	fx_open(NULL);
	(void)fx_listen(0);
	f = fx_peer_frame(&p, FRAME_SYN, 0);
	f.ttl = 0;
	f.ip_opt = ip_opt;
	f.ip_opt_len = sizeof ip_opt;
	f.opt = tcp_opt;
	f.opt_len = sizeof tcp_opt;
	fx_peer_put_raw(&f);
	fx_step();
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	UNIT_EQ(fx_ctr(HC_CTR_ip_ttl_zero), 1);
	UNIT_EQ(fx_ctr(HC_CTR_ip_options), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_bad_option), 1);
	fx_shut();
}

// A frame in a chain of buffers: `tail` bytes are in the second.
static void put_chained(const uint8_t *frame, uint32_t len, uint32_t tail, uint32_t filler)
{
	struct rte_mbuf *a = rte_pktmbuf_alloc(fx.port[1]->pool[0]);
	struct rte_mbuf *b = rte_pktmbuf_alloc(fx.port[1]->pool[0]);

	CU_ASSERT_FATAL(a && b);
	memcpy(rte_pktmbuf_append(a, (uint16_t)(len - tail + filler)), frame, len - tail);
	memcpy(rte_pktmbuf_append(b, (uint16_t)(tail + filler)), frame + len - tail, tail);
	UNIT_EQ(rte_pktmbuf_chain(a, b), 0);
	UNIT_EQ(rte_eth_tx_burst(fx.port[1]->port_id, 0, &a, 1), 1);
	fx_step();
}

static void a_frame_in_pieces_is_joined_if_it_can_be(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	fx_open(NULL);
	(void)fx_listen(0);
	len = write_syn(frame);
	memcpy(frame, fx.port[0]->mac, 6);
	put_chained(frame, len, 10, 0);
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	put_chained(frame, len, 10, 1200); // More than a buffer holds.
	UNIT_EQ(fx_ctr(HC_CTR_eth_segments), 1);
	fx_expect_silence();
	fx_shut();
}

static hc_conn established(struct fx_peer *p)
{
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(p);
	fx_forget();
	return conn;
}

// Puts one segment that is off by so much, and expects one ACK of where we stand, or silence.
static void put_off(const struct fx_peer *p, unsigned flags, uint32_t seq_off, uint32_t ack_off,
		    bool is_answered)
{
	struct frame_tcp f = fx_peer_frame(p, flags, 0);

	f.seq += seq_off;
	f.ack += ack_off;
	fx_peer_put_raw(&f);
	fx_step();
	if (is_answered) {
		const struct frame_view *v = fx_expect_tcp(FRAME_ACK);

		UNIT_EQ(v->ack, p->seq);
		UNIT_EQ(v->seq, p->ack);
	}
	fx_expect_silence();
}

static void a_segment_that_does_not_fit_is_told_where_we_stand(void)
{
	struct fx_peer p = fx_peer_new();

	(void)established(&p);
	put_off(&p, FRAME_ACK, 0x10000000, 0, true);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_out_of_window), 1);
	put_off(&p, FRAME_RST | FRAME_ACK, 0x10000000, 0, false);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_rst_out_of_window), 1);
	put_off(&p, FRAME_RST | FRAME_ACK, 1, 0, true);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_rst_challenged), 1);
	put_off(&p, FRAME_SYN, 0, 0, true);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_challenged), 1);
	put_off(&p, FRAME_ACK, 0, 1, true);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_ack_unsent), 1);
	put_off(&p, FRAME_ACK, 0, 0u - 0x10000000, true);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_ack_too_old), 1);
	put_off(&p, FRAME_PSH, 0, 0, false);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_no_ack), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tx_challenge_ack), 3);
	fx_shut();
}

static void answers_to_what_does_not_fit_are_limited(void)
{
	struct fx_peer p = fx_peer_new();

	(void)established(&p);
	for (unsigned i = 0; i < HC_CHALLENGES_PER_EPOCH; i++)
		put_off(&p, FRAME_RST | FRAME_ACK, 1, 0, true);
	put_off(&p, FRAME_RST | FRAME_ACK, 1, 0, false);
	put_off(&p, FRAME_ACK, 0x10000000, 0, false);
	UNIT_EQ(fx_ctr(HC_CTR_tx_challenge_limited), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tx_ack_limited), 1);
	fx_wait_ms(128);
	put_off(&p, FRAME_RST | FRAME_ACK, 1, 0, true);
	fx_shut();
}

static void timestamps(struct hc_stack_config *cfg)
{
	cfg->has_timestamps = true;
}

// A peer with timestamps, whose connection is established.
static struct fx_peer open_with_timestamps(void)
{
	const struct fx_options o = {.set_cfg = timestamps};
	struct fx_peer p = fx_peer_new();

	p.has_ts = true;
	p.tsval = 5000;
	fx_open(&o);
	(void)fx_listen(0);
	(void)fx_accept(&p);
	return p;
}

static void an_old_timestamp_or_none_is_not_taken(void)
{
	struct fx_peer p = open_with_timestamps();

	p.tsval--;
	put_off(&p, FRAME_ACK, 0, 0, true);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_paws), 1);
	p.has_ts = false;
	put_off(&p, FRAME_ACK, 0, 0, false);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_no_timestamp), 1);
	fx_shut();
}

// RFC 7323 5.5.
static void a_timestamp_is_good_again_after_24_days(void)
{
	struct fx_peer p = open_with_timestamps();

	for (unsigned i = 0; i < 9; i++) {
		fx.now_ns += (1ull << 28) * 1000000;
		fx_step();
	}
	fx_forget();
	p.tsval--;
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_paws), 0);
	fx_expect_event(HC_EV_DATA);
	fx_forget();
	fx_shut();
}

UNIT_SUITE(drops, UNIT_TEST(a_timestamp_is_good_again_after_24_days),
	   UNIT_TEST(a_bad_frame_is_dropped_by_name_and_silently),
	   UNIT_TEST(bad_icmp_is_dropped_by_name),
	   UNIT_TEST(what_is_odd_but_allowed_is_noted_and_taken),
	   UNIT_TEST(a_frame_in_pieces_is_joined_if_it_can_be),
	   UNIT_TEST(a_segment_that_does_not_fit_is_told_where_we_stand),
	   UNIT_TEST(answers_to_what_does_not_fit_are_limited),
	   UNIT_TEST(an_old_timestamp_or_none_is_not_taken));
