// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Fragments through the pipeline: segments and echo requests in pieces, in any order, for this
// worker and others; what is refused, forgotten or has no room; and replies that leave in pieces.

#include "fx_stack.h"

#include <string.h>

#define FRAME_BIG 70000u

// Cuts the datagram of a frame into pieces of `step` bytes of payload. Piece `i` as a frame; its
// checksums are right. @return its length, 0 when there is no such piece.
static uint32_t piece(uint8_t *out, const uint8_t *frame, uint32_t len, uint32_t step, unsigned i)
{
	uint32_t hdr = FRAME_IP + (frame[FRAME_IP] & 15u) * 4;
	uint32_t offset = i * step;
	uint32_t here = len - hdr - offset;

	if (offset >= len - hdr)
		return 0;
	here = here < step ? here : step;
	memcpy(out, frame, hdr);
	memcpy(out + hdr, frame + hdr + offset, here);
	frame_put16(out + FRAME_IP + 2, hdr - FRAME_IP + here);
	frame_put16(out + FRAME_IP + 6, offset / 8 | (offset + here < len - hdr ? 0x2000 : 0));
	frame_fix_ip_csum(out, hdr + here);
	return hdr + here;
}

static void put_piece(const uint8_t *frame, uint32_t len, uint32_t step, unsigned i)
{
	uint8_t out[FRAME_MAX];
	uint32_t out_len = piece(out, frame, len, step, i);

	CU_ASSERT_FATAL(out_len > 0);
	fx_put(out, out_len);
}

static void put_in_pieces(const uint8_t *frame, uint32_t len, uint32_t step, bool is_backwards)
{
	unsigned count = (len - FRAME_L4 + step - 1) / step;

	for (unsigned i = 0; i < count; i++)
		put_piece(frame, len, step, is_backwards ? count - 1 - i : i);
}

static uint32_t write_segment(uint8_t *frame, const struct fx_peer *p, unsigned flags, uint32_t len)
{
	struct frame_tcp f = fx_peer_frame(p, flags, len);

	f.id = 77;
	return frame_write_tcp(frame, &f);
}

static void small(struct hc_stack_config *cfg)
{
	cfg->reasm_cap = 2;
	cfg->reasm_bytes = 4000;
	cfg->reasm_ms = 1000;
}

static const struct fx_options small_options = {.set_cfg = small};

// A listener, and a SYN for it with so many bytes. @return the length of its frame.
static uint32_t open_with_syn(const struct fx_options *o, uint8_t *frame, uint32_t bytes)
{
	struct fx_peer p = fx_peer_new();

	fx_open(o);
	(void)fx_listen(0);
	return write_segment(frame, &p, FRAME_SYN, bytes);
}

static void a_segment_in_pieces_is_taken_in_any_order(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t frame[FRAME_MAX];
	uint8_t got[1000];
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t len = write_segment(frame, &p, FRAME_ACK, sizeof got);

		put_in_pieces(frame, len, i < 2 ? 104 : 512, i & 1);
		fx_step();
		p.seq += sizeof got;
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
		UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
		UNIT_EQ(hc_recv_copy(fx.worker, conn, got, sizeof got), sizeof got);
		for (uint32_t k = 0; k < sizeof got; k++)
			UNIT_EXPECT(got[k] == fx_byte(p.seq - (uint32_t)sizeof got + k));
		fx_expect_silence();
	}
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), 4);
	UNIT_EQ(fx_ctr(HC_CTR_rx_fragment), 10 + 10 + 2 + 2);
	UNIT_EQ(fx_ctr(HC_CTR_data_bytes_received), 4000);
	fx_shut();
}

static void a_syn_with_ip_options_in_pieces_opens(void)
{
	static const uint8_t ip_opt[8] = {1, 1, 1, 1, 1, 1, 1, 0};
	struct fx_peer p = fx_peer_new();
	struct frame_tcp f;
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	fx_open(NULL);
	(void)fx_listen(0);
	f = fx_peer_frame(&p, FRAME_SYN, 20);
	f.ip_opt = ip_opt;
	f.ip_opt_len = sizeof ip_opt;
	len = frame_write_tcp(frame, &f);
	put_piece(frame, len, 24, 1);
	put_piece(frame, len, 24, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_SYN | FRAME_ACK)->ack, p.seq + 1);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), 1);
	fx_shut();
}

static void a_wrong_checksum_of_the_whole_is_dropped(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = open_with_syn(NULL, frame, 100);

	frame[len - 1] ^= 1;
	put_in_pieces(frame, len, 64, false);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_bad_csum), 1);
	fx_shut();
}

static void an_overlap_refuses_the_datagram_until_its_time_is_up(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = open_with_syn(&small_options, frame, 300);

	put_piece(frame, len, 64, 0);
	put_piece(frame, len, 64, 2);
	put_piece(frame, len, 96, 1); // Half of it is there.
	put_piece(frame, len, 64, 1);
	put_piece(frame, len, 64, 3);
	put_piece(frame, len, 64, 4);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment_overlap), 4);
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), 0);
	fx_wait_ms(1001);
	UNIT_EQ(fx_ctr(HC_CTR_ip_reasm_expired), 1);
	put_in_pieces(frame, len, 64, true);
	fx_step();
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	fx_shut();
}

static void a_duplicate_does_no_harm(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = open_with_syn(NULL, frame, 100);

	put_piece(frame, len, 64, 0);
	put_piece(frame, len, 64, 0);
	put_piece(frame, len, 64, 1);
	fx_step();
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment_duplicate), 1);
	fx_shut();
}

static void what_is_not_whole_in_time_is_forgotten(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = open_with_syn(&small_options, frame, 100);

	put_piece(frame, len, 64, 0);
	fx_step();
	fx_wait_ms(1001);
	UNIT_EQ(fx_ctr(HC_CTR_ip_reasm_expired), 1);
	put_piece(frame, len, 64, 1);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx.worker->reasm.live_count, 1);
	fx_shut();
}

static void the_oldest_makes_room(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = open_with_syn(&small_options, frame, 100);

	for (unsigned i = 0; i < 3; i++) {
		frame_put16(frame + FRAME_IP + 4, 100 + i);
		put_piece(frame, len, 64, 0);
		fx_step();
		fx_wait_ms(10);
	}
	UNIT_EQ(fx_ctr(HC_CTR_ip_reasm_evicted), 1);
	// The second is still there.
	frame_put16(frame + FRAME_IP + 4, 101);
	put_piece(frame, len, 64, 1);
	fx_step();
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	UNIT_EQ(fx_ctr(HC_CTR_ip_reasm_evicted), 1);
	fx_shut();
}

// An echo request of `data_len` bytes, as large as it may be.
static uint32_t write_big_echo(uint8_t *frame, uint32_t data_len)
{
	uint32_t len = frame_write_echo(frame, 9, 9, NULL, 0);

	memset(frame, 0, 6);
	for (uint32_t i = 0; i < data_len; i++)
		frame[len + i] = (uint8_t)(i * 3 + (i >> 8));
	frame_put16(frame + FRAME_IP + 2, 28 + data_len);
	frame_put16(frame + FRAME_L4 + 2, 0);
	frame_put16(frame + FRAME_L4 + 2, ~frame_sum(0, frame + FRAME_L4, 8 + data_len) & 0xffff);
	return len + data_len;
}

// The fragments that came out, put together. They have to be in order.
static uint32_t take_reply(uint8_t *whole, unsigned *count)
{
	const struct fx_out *o;
	uint32_t at = 0;

	*count = 0;
	while ((o = fx_next()) != NULL) {
		uint32_t frag = frame_get16(o->bytes + FRAME_IP + 6);

		UNIT_EXPECT(o->len <= 14 + 1500u);
		UNIT_EQ((frag & 0x1fff) * 8, at);
		memcpy(whole + at, o->bytes + FRAME_L4, o->len - FRAME_L4);
		at += o->len - FRAME_L4;
		(*count)++;
		UNIT_EQ((frag & 0x2000) == 0, fx.out_taken == fx.out_count);
	}
	return at;
}

static void a_big_echo_request_is_answered_in_pieces(void)
{
	static const uint32_t size[] = {1472, 1473, 2952, 2953, 4000, 65507};
	static uint8_t frame[FRAME_BIG], whole[FRAME_BIG];

	fx_open(NULL);
	for (unsigned i = 0; i < HC_ARRAY_LEN(size); i++) {
		uint32_t len = write_big_echo(frame, size[i]);
		unsigned count;

		frame_put16(frame + FRAME_IP + 4, 500 + i);
		put_in_pieces(frame, len, 1480, i & 1);
		for (unsigned k = 0; k < 4; k++)
			fx_step();
		UNIT_EQ(take_reply(whole, &count), 8 + size[i]);
		UNIT_EQ(count, (8 + size[i] + 1479) / 1480);
		UNIT_EQ(whole[0], 0);
		UNIT_EXPECT(memcmp(whole + 4, frame + FRAME_L4 + 4, 4 + size[i]) == 0);
		UNIT_EQ(frame_sum(0, whole, 8 + size[i]), 0xffff);
		fx_forget();
	}
	// The first was none.
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), HC_ARRAY_LEN(size) - 1);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_echo_replies), HC_ARRAY_LEN(size));
	UNIT_EQ(fx_ctr(HC_CTR_tx_fragments), 2 + 2 + 3 + 3 + 45);
	fx_shut();
}

static void a_small_echo_request_in_pieces_is_answered_in_one(void)
{
	static uint8_t frame[FRAME_BIG];
	const struct fx_out *o;
	uint32_t len;

	fx_open(NULL);
	len = write_big_echo(frame, 500);
	put_in_pieces(frame, len, 128, false);
	fx_step();
	o = fx_next();
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	UNIT_EQ(o->len, len);
	UNIT_EQ(frame_get16(o->bytes + FRAME_IP + 6), 0x4000);
	UNIT_EQ(fx_ctr(HC_CTR_tx_fragments), 0);
	fx_expect_silence();
	fx_shut();
}

static void what_is_larger_than_kept_is_refused(void)
{
	static uint8_t frame[FRAME_BIG];
	uint32_t len;

	// Above reasm_bytes.
	fx_open(&small_options);
	len = write_big_echo(frame, 4100);
	put_in_pieces(frame, len, 1480, false);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment_limit), 1);
	fx_shut();
	// A whole segment, and a whole error message, larger than a buffer.
	fx_open(NULL);
	len = write_big_echo(frame, 4000);
	frame[FRAME_L4] = 3;
	frame_put16(frame + FRAME_L4 + 2, 0);
	frame_put16(frame + FRAME_L4 + 2, ~frame_sum(0, frame + FRAME_L4, len - FRAME_L4) & 0xffff);
	put_in_pieces(frame, len, 1480, false);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), 1);
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment_limit), 1);
	fx_shut();
	// The largest payload, behind a header with options: more than a total length can say.
	fx_open(NULL);
	len = write_big_echo(frame, 65507);
	for (unsigned i = 0; i < 45; i++) {
		uint8_t out[FRAME_MAX + 4];
		uint32_t out_len = piece(out, frame, len, 1480, i);

		if (i == 0) {
			memmove(out + FRAME_L4 + 4, out + FRAME_L4, out_len - FRAME_L4);
			memset(out + FRAME_L4, 1, 4);
			out[FRAME_IP] = 0x46;
			out_len += 4;
			frame_put16(out + FRAME_IP + 2, out_len - FRAME_IP);
			frame_fix_ip_csum(out, out_len);
		}
		fx_put(out, out_len);
	}
	fx_step();
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), 1);
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment_limit), 1);
	fx_shut();
}

static void none(struct hc_stack_config *cfg)
{
	cfg->reasm_cap = 0;
}

static void fragments_nobody_wants_are_counted(void)
{
	const struct fx_options o = {.set_cfg = none};
	static uint8_t frame[FRAME_BIG];
	uint32_t len;

	fx_open(&o);
	len = write_big_echo(frame, 100);
	put_in_pieces(frame, len, 64, false);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment), 2);
	fx_shut();
	fx_open(NULL);
	frame_put32(frame + FRAME_IP + 16, 0x0a0000ff);
	put_in_pieces(frame, len, 64, false);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment), 2);
	fx_expect_silence();
	fx_shut();
}

static void what_no_datagram_has_is_dropped_by_the_parser(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t frame[FRAME_MAX];
	uint8_t out[FRAME_MAX];
	uint32_t len, out_len;

	fx_open(NULL);
	(void)fx_listen(0);
	len = write_segment(frame, &p, FRAME_SYN, 100);
	put_piece(frame, len, 16, 0);
	put_piece(frame, len, 8, 1);
	UNIT_EQ(piece(out, frame, len, 20, 0), FRAME_L4 + 20);
	fx_put(out, FRAME_L4 + 20);
	out_len = piece(out, frame, len, 64, 1);
	frame_put16(out + FRAME_IP + 6, 0x1fff);
	frame_fix_ip_csum(out, out_len);
	fx_put(out, out_len);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment_tiny), 2);
	UNIT_EQ(fx_ctr(HC_CTR_ip_fragment_bad), 2);
	fx_shut();
}

static void fragments_find_the_worker_of_their_flow(void)
{
	const struct fx_options o = {.queue_count = 2};
	uint8_t frame[FRAME_MAX];
	unsigned count = 0;

	fx_open(&o);
	(void)fx_listen(0);
	for (unsigned i = 0; i < 8; i++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;
		uint32_t len;
		uint8_t out[FRAME_MAX];

		p.port = (uint16_t)(FX_PEER_PORT + i);
		len = write_segment(frame, &p, FRAME_SYN, 100);
		memcpy(frame, fx.port[0]->mac, 6);
		frame_put16(frame + FRAME_IP + 4, 1000 + 77 * i);
		fx_put_queue(i & 1, out, piece(out, frame, len, 64, 0));
		fx_put_queue(~i & 1, out, piece(out, frame, len, 64, 1));
		for (unsigned k = 0; k < 4; k++)
			fx_step();
		while ((v = fx_next_tcp()) != NULL)
			count += v->flags == (FRAME_SYN | FRAME_ACK) && v->dport == p.port;
		fx_forget();
	}
	UNIT_EQ(count, 8);
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), 8);
	CU_ASSERT(fx.w[0]->ctr[HC_CTR_rx_reassembled] > 0);
	CU_ASSERT(fx.w[1]->ctr[HC_CTR_rx_reassembled] > 0);
	UNIT_EQ(fx_ctr(HC_CTR_rx_redirected), fx_ctr(HC_CTR_rx_from_workers) - 1); // One ARP.
	fx_shut();
}

UNIT_SUITE(fragment, UNIT_TEST(a_segment_in_pieces_is_taken_in_any_order),
	   UNIT_TEST(a_syn_with_ip_options_in_pieces_opens),
	   UNIT_TEST(a_wrong_checksum_of_the_whole_is_dropped),
	   UNIT_TEST(an_overlap_refuses_the_datagram_until_its_time_is_up),
	   UNIT_TEST(a_duplicate_does_no_harm), UNIT_TEST(what_is_not_whole_in_time_is_forgotten),
	   UNIT_TEST(the_oldest_makes_room), UNIT_TEST(a_big_echo_request_is_answered_in_pieces),
	   UNIT_TEST(a_small_echo_request_in_pieces_is_answered_in_one),
	   UNIT_TEST(what_is_larger_than_kept_is_refused),
	   UNIT_TEST(fragments_nobody_wants_are_counted),
	   UNIT_TEST(what_no_datagram_has_is_dropped_by_the_parser),
	   UNIT_TEST(fragments_find_the_worker_of_their_flow));
