// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The builders. TCP frames are compared, byte for byte and over random values, with frames written
// byte by byte by the tests' own writer, and parsed back to what went in; then the checksums left
// to a port, ARP, echo replies, and answers written over the frame they answer.

#include <string.h>

#include "base/rng.h"
#include "wire/build.h"

#include "parse_check.h"
#include "runner.h"

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t nothing[1];

// A segment to be sent and the key it names.
struct sent {
	struct hc_tx_seg seg;
	struct hc_flow_key key;
};

// What 10.0.0.2 sends to 10.0.0.1, so that the default host of parse_check.h is its receiver.
static struct sent sent_default(void)
{
	return (struct sent){
		.key.local_be = hc_to_be32(0x0a000002),
		.key.remote_be = hc_to_be32(0x0a000001),
		.key.lport_be = hc_to_be16(40000),
		.key.rport_be = hc_to_be16(80),
		.seg.seq = 0x01020304,
		.seg.ack = 0x05060708,
		.seg.wnd = 0xfedc,
		.seg.flags = HC_TCP_ACK,
		.seg.ip_id = 0x1234,
	};
}

static struct hc_l2_template template_default(void)
{
	struct hc_l2_template t;

	hc_l2_template_init(&t, our_mac, peer_mac);
	return t;
}

// With checksums in software both builders write the same.
static uint32_t build_tcp(uint8_t *frame, const struct hc_l2_template *t, const struct sent *s,
			  enum hc_build_offload offload)
{
	uint8_t other[HC_ETH_LEN + HC_IP4_LEN + HC_TCP_LEN_MAX];
	struct hc_tx_seg seg = s->seg;
	uint32_t len;

	seg.key = &s->key;
	len = hc_build_tcp(frame, t, &seg, offload);
	if (offload == HC_BUILD_CSUM_SOFT) {
		UNIT_EXPECT(hc_build_tcp_soft(other, t, &seg) == len);
		UNIT_EXPECT(memcmp(other, frame, len) == 0);
	}
	return len;
}

static struct sent random_sent(struct hc_rng *r)
{
	static const uint8_t kinds[] = {HC_TCP_SYN, HC_TCP_SYN | HC_TCP_ACK, HC_TCP_ACK,
					HC_TCP_FIN | HC_TCP_ACK, HC_TCP_RST};
	struct sent s = sent_default();
	uint64_t bits = hc_rng_u64(r);

	s.key.local_be = hc_to_be32(0x0b000000 | (bits & 0xffffff));
	s.key.remote_be = hc_to_be32(0x0a010000 | (bits >> 24 & 0xffff));
	s.key.lport_be = hc_to_be16((uint16_t)(bits >> 40 | 1));
	s.key.rport_be = hc_to_be16((uint16_t)(hc_rng_u64(r) | 1));
	s.seg.seq = (uint32_t)hc_rng_u64(r);
	s.seg.ack = (uint32_t)hc_rng_u64(r);
	s.seg.wnd = (uint16_t)hc_rng_u64(r);
	s.seg.flags =
		hc_rng_below(r, 4) ? kinds[hc_rng_below(r, sizeof kinds)] : (uint8_t)hc_rng_u64(r);
	s.seg.has_ts = hc_rng_below(r, 2);
	s.seg.has_wscale = hc_rng_below(r, 2);
	s.seg.has_sack = hc_rng_below(r, 2);
	s.seg.wscale = (uint8_t)hc_rng_below(r, 15);
	s.seg.mss = hc_rng_below(r, 3) ? (uint16_t)hc_rng_u64(r) : 0;
	s.seg.tsval = (uint32_t)hc_rng_u64(r);
	s.seg.tsecr = (uint32_t)hc_rng_u64(r);
	s.seg.ip_id = (uint16_t)hc_rng_u64(r);
	s.seg.payload_len = hc_rng_below(r, 2) ? 0 : (uint16_t)hc_rng_below(r, 1461);
	return s;
}

// The options of *s as the tests' writer wants them. @return their length.
static uint32_t write_options(uint8_t *opt, const struct sent *s)
{
	uint32_t len = 0;

	if (s->seg.flags & HC_TCP_SYN) {
		if (s->seg.mss != 0) {
			opt[0] = 2;
			opt[1] = 4;
			frame_put16(opt + 2, s->seg.mss);
			len += 4;
		}
		if (s->seg.has_wscale) {
			memcpy(opt + len, (const uint8_t[]){1, 3, 3, s->seg.wscale}, 4);
			len += 4;
		}
		if (s->seg.has_sack && !s->seg.has_ts) {
			memcpy(opt + len, (const uint8_t[]){1, 1, 4, 2}, 4);
			len += 4;
		}
	}
	if (s->seg.has_ts) {
		memcpy(opt + len, (const uint8_t[]){1, 1, 8, 10}, 4);
		if (s->seg.flags & HC_TCP_SYN && s->seg.has_sack)
			memcpy(opt + len, (const uint8_t[]){4, 2}, 2);
		frame_put32(opt + len + 4, s->seg.tsval);
		frame_put32(opt + len + 8, s->seg.tsecr);
		len += 12;
	}
	return len;
}

static uint32_t write_expected(uint8_t *frame, const struct sent *s, const uint8_t *payload)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t opt[40];

	memcpy(f.dst_mac, our_mac, 6);
	memcpy(f.src_mac, peer_mac, 6);
	f.id = s->seg.ip_id;
	f.src = hc_from_be32(s->key.local_be);
	f.dst = hc_from_be32(s->key.remote_be);
	f.sport = hc_from_be16(s->key.lport_be);
	f.dport = hc_from_be16(s->key.rport_be);
	f.seq = s->seg.seq;
	f.ack = s->seg.flags & HC_TCP_ACK ? s->seg.ack : 0;
	f.flags = s->seg.flags;
	f.wnd = s->seg.wnd;
	f.opt_len = write_options(opt, s);
	f.opt = opt;
	f.payload = payload;
	f.payload_len = s->seg.payload_len;
	return frame_write_tcp(frame, &f);
}

// Builds *s around a payload at `payload`. @return the length of the frame.
static uint32_t build(uint8_t *frame, struct sent *s, const uint8_t *payload)
{
	const struct hc_l2_template t = template_default();
	uint32_t hdr_len = HC_ETH_LEN + HC_IP4_LEN + hc_build_tcp_hdr_len(&s->seg);

	memset(frame, 0xa5, FRAME_MAX);
	if (s->seg.payload_len != 0)
		memcpy(frame + hdr_len, payload, s->seg.payload_len);
	s->seg.payload_sum = hc_csum_add(0, payload, s->seg.payload_len);
	UNIT_EQ(build_tcp(frame, &t, s, HC_BUILD_CSUM_SOFT), hdr_len);
	return hdr_len + s->seg.payload_len;
}

static void template_begins_every_frame_to_a_neighbour(void)
{
	static const uint8_t expected[16] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0};
	const struct hc_l2_template t = template_default();

	UNIT_EQ_BYTES(t.bytes, expected, sizeof expected);
}

static void random_segments_are_written_to_the_byte(void)
{
	uint8_t payload[1460];
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)hc_rng_u64(&r);
	for (unsigned i = 0; i < 50000; i++) {
		uint8_t frame[FRAME_MAX], expected[FRAME_MAX];
		struct sent s = random_sent(&r);
		uint32_t len = build(frame, &s, payload);

		UNIT_EXPECT(len == write_expected(expected, &s, payload));
		UNIT_EXPECT(memcmp(frame, expected, len) == 0);
		UNIT_EXPECT(frame[len] == 0xa5 && frame[len + 1] == 0xa5);
	}
}

static bool says_what_was_sent(const struct parse_answer *a, const struct sent *sent)
{
	const struct hc_tx_seg *s = &sent->seg;
	const struct hc_flow_key *key = &sent->key;
	const struct hc_seg *seg = &a->seg;
	bool is_syn = s->flags & HC_TCP_SYN;

	return seg->key.local_be == key->remote_be && seg->key.remote_be == key->local_be &&
	       seg->key.lport_be == key->rport_be && seg->key.rport_be == key->lport_be &&
	       seg->seq == s->seq && seg->ack == (s->flags & HC_TCP_ACK ? s->ack : 0) &&
	       seg->wnd == s->wnd && seg->flags == s->flags && seg->payload_len == s->payload_len &&
	       a->out.notes == 0 && seg->mss == (is_syn ? s->mss : 0) &&
	       seg->wscale == (is_syn && s->has_wscale ? s->wscale : 0) &&
	       ((seg->opts & HC_OPT_WSCALE) != 0) == (is_syn && s->has_wscale) &&
	       ((seg->opts & HC_OPT_SACK_PERMITTED) != 0) == (is_syn && s->has_sack) &&
	       ((seg->opts & HC_OPT_MSS) != 0) == (is_syn && s->mss != 0) &&
	       ((seg->opts & HC_OPT_TIMESTAMPS) != 0) == s->has_ts &&
	       seg->tsval == (s->has_ts ? s->tsval : 0) && seg->tsecr == (s->has_ts ? s->tsecr : 0);
}

static void random_segments_are_parsed_back(void)
{
	static const uint8_t payload[1460] = {1, 2, 3, 0xff};
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 50000; i++) {
		uint8_t frame[FRAME_MAX];
		struct sent s = random_sent(&r);
		uint32_t len = build(frame, &s, payload);
		struct parse_answer a = parse(frame, len);

		UNIT_EXPECT(a.kind == HC_FRAME_TCP && says_what_was_sent(&a, &s));
	}
}

static void sack_blocks_are_written_to_the_byte_and_parsed_back(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 2000; i++) {
		static const uint8_t payload[100] = {1, 2, 3};
		uint8_t frame[FRAME_MAX], expected[FRAME_MAX], opt[40];
		const struct hc_l2_template t = template_default();
		struct hc_seq_range blocks[HC_SACK_BLOCKS_MAX], back[HC_SACK_BLOCKS_MAX];
		struct frame_tcp f = frame_tcp_default();
		struct sent s = sent_default();
		unsigned count = 1 + i % HC_SACK_BLOCKS_MAX;
		uint32_t hdr_len, len;
		struct parse_answer a;

		s.seg.has_ts = i & 8 && count < HC_SACK_BLOCKS_MAX;
		s.seg.tsval = 0x11223344;
		s.seg.payload_len = i & 16 ? sizeof payload : 0;
		for (unsigned j = 0; j < count; j++) {
			blocks[j].lo = (uint32_t)hc_rng_u64(&r);
			blocks[j].hi = (uint32_t)hc_rng_u64(&r);
		}
		memset(frame, 0xa5, sizeof frame);
		hdr_len = HC_ETH_LEN + HC_IP4_LEN + hc_build_tcp_hdr_len(&s.seg);
		s.seg.sack_len = hc_build_sack(frame + hdr_len, blocks, count, &s.seg.payload_sum);
		UNIT_EXPECT(s.seg.sack_len == 4 + 8 * count);
		hdr_len += s.seg.sack_len;
		memcpy(frame + hdr_len, payload, s.seg.payload_len);
		s.seg.payload_sum += hc_csum_add(0, payload, s.seg.payload_len);
		s.seg.key = &s.key;
		UNIT_EXPECT(hc_build_tcp_soft(frame, &t, &s.seg) == hdr_len);
		len = hdr_len + s.seg.payload_len;

		memcpy(f.dst_mac, our_mac, 6);
		memcpy(f.src_mac, peer_mac, 6);
		f.id = s.seg.ip_id;
		f.seq = s.seg.seq;
		f.ack = s.seg.ack;
		f.wnd = s.seg.wnd;
		f.opt_len = write_options(opt, &s);
		memcpy(opt + f.opt_len, (const uint8_t[]){1, 1, 5, (uint8_t)(2 + 8 * count)}, 4);
		for (unsigned j = 0; j < count; j++) {
			frame_put32(opt + f.opt_len + 4 + 8 * j, blocks[j].lo);
			frame_put32(opt + f.opt_len + 8 + 8 * j, blocks[j].hi);
		}
		f.opt_len += 4 + 8 * count;
		f.opt = opt;
		f.payload = payload;
		f.payload_len = s.seg.payload_len;
		UNIT_EXPECT(frame_write_tcp(expected, &f) == len);
		UNIT_EXPECT(memcmp(frame, expected, len) == 0);
		UNIT_EXPECT(frame[len] == 0xa5);

		a = parse(frame, len);
		UNIT_EXPECT(a.kind == HC_FRAME_TCP && a.seg.payload_len == s.seg.payload_len);
		UNIT_EXPECT(hc_parse_sack(frame, &a.seg, back) == count);
		UNIT_EXPECT(memcmp(back, blocks, count * sizeof blocks[0]) == 0);
	}
}

// All ones and all zeroes, where one's complement has its corners, in all that is summed.
static void corners_of_the_sum_are_written_to_the_byte(void)
{
	static const uint32_t words[] = {0, 1, 0xffff, 0x10000, 0xffff0000, 0xfffffffe, UINT32_MAX};
	enum { WORDS = HC_ARRAY_LEN(words), ROUNDS = WORDS * WORDS * WORDS * WORDS * 4 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t frame[FRAME_MAX], expected[FRAME_MAX];
		struct sent s = sent_default();
		uint32_t len;

		s.key.local_be = hc_to_be32(words[i % WORDS]);
		s.key.remote_be = hc_to_be32(words[i / WORDS % WORDS]);
		s.seg.seq = words[i / WORDS / WORDS % WORDS];
		s.seg.ack = words[i / WORDS / WORDS / WORDS % WORDS];
		s.seg.tsval = s.seg.ack;
		s.seg.tsecr = s.seg.seq;
		s.seg.wnd = (uint16_t)s.seg.ack;
		s.seg.ip_id = (uint16_t)s.seg.seq;
		s.seg.has_ts = i & 1;
		s.seg.flags = i & 2 ? HC_TCP_SYN | HC_TCP_ACK : HC_TCP_ACK;
		s.seg.mss = UINT16_MAX;
		len = build(frame, &s, nothing);
		UNIT_EXPECT(len == write_expected(expected, &s, nothing));
		UNIT_EXPECT(memcmp(frame, expected, len) == 0);
	}
}

// TCP has no special 0: a sum whose complement is 0 is sent as 0 (RFC 9293 3.1), and 0xffff is
// never sent.
static void checksum_of_zero_is_sent_as_zero(void)
{
	uint8_t frame[FRAME_MAX];
	struct sent s = sent_default();
	uint32_t len = build(frame, &s, nothing);
	uint32_t wnd = s.seg.wnd + frame_get16(frame + FRAME_L4 + 16);
	unsigned zeroes = 0;

	s.seg.wnd = (uint16_t)((wnd & 0xffff) + (wnd >> 16));
	len = build(frame, &s, nothing);
	UNIT_EQ(frame_get16(frame + FRAME_L4 + 16), 0);
	UNIT_EQ(parse(frame, len).kind, HC_FRAME_TCP);
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		s.seg.ip_id = (uint16_t)id;
		s.seg.wnd = (uint16_t)id;
		build(frame, &s, nothing);
		zeroes += frame_get16(frame + FRAME_IP + 10) == 0;
		UNIT_EXPECT(frame_get16(frame + FRAME_IP + 10) != 0xffff);
		UNIT_EXPECT(frame_get16(frame + FRAME_L4 + 16) != 0xffff);
	}
	CU_ASSERT(zeroes > 0);
}

// SYNs by their form, of several connections each.
static void syns_by_a_form_are_those_built_singly(void)
{
	struct hc_l2_template t = template_default();
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 4000; i++) {
		struct sent s = random_sent(&r);
		struct hc_syn_form form;

		s.seg.flags = HC_TCP_SYN;
		s.seg.payload_len = 0;
		s.seg.key = &s.key;
		hc_build_syn_form(&form, &t, &s.seg);
		for (unsigned k = 0; k < 8; k++) {
			uint8_t wants[HC_SYN_FORM_BYTES], got[HC_SYN_FORM_BYTES];
			struct sent other = random_sent(&r);

			s.key.local_be = other.key.local_be;
			s.key.lport_be = other.key.lport_be;
			s.seg.seq = k ? other.seg.seq : 0;
			UNIT_EXPECT(form.len == build_tcp(wants, &t, &s, HC_BUILD_CSUM_SOFT));
			hc_build_syn(got, &form, &s.key, s.seg.seq);
			UNIT_EXPECT(memcmp(got, wants, form.len) == 0);
		}
	}
}

static void header_length_is_that_of_the_options(void)
{
	struct sent s = sent_default();

	UNIT_EQ(hc_build_tcp_hdr_len(&s.seg), 20);
	s.seg.has_ts = true;
	UNIT_EQ(hc_build_tcp_hdr_len(&s.seg), 32);
	s.seg.mss = 1460;
	s.seg.has_wscale = true;
	UNIT_EQ(hc_build_tcp_hdr_len(&s.seg), 32);
	s.seg.flags = HC_TCP_SYN;
	UNIT_EQ(hc_build_tcp_hdr_len(&s.seg), 40);
	s.seg.has_ts = false;
	UNIT_EQ(hc_build_tcp_hdr_len(&s.seg), 28);
	s.seg.has_wscale = false;
	UNIT_EQ(hc_build_tcp_hdr_len(&s.seg), 24);
	s.seg.mss = 0;
	UNIT_EQ(hc_build_tcp_hdr_len(&s.seg), 20);
}

// What ethdev asks for: IPv4's checksum 0, TCP's the sum of the pseudo header, not complemented;
// all else as ever.
static void checksums_left_to_the_port_are_prepared(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 20000; i++) {
		const struct hc_l2_template t = template_default();
		uint8_t frame[FRAME_MAX], expected[FRAME_MAX];
		struct sent s = random_sent(&r);
		uint32_t hdr_len, len, sum;

		memset(frame, 0, sizeof frame);
		hdr_len = build_tcp(frame, &t, &s, HC_BUILD_CSUM_PORT);
		len = write_expected(expected, &s, frame + hdr_len);
		sum = frame_pseudo_sum(frame_get32(frame + FRAME_IP + 12),
				       frame_get32(frame + FRAME_IP + 16), 6, len - FRAME_L4);
		UNIT_EXPECT(frame_get16(frame + FRAME_IP + 10) == 0);
		UNIT_EXPECT(frame_get16(frame + FRAME_L4 + 16) == sum);
		// And the port, having done its part:
		frame_fix_ip_csum(frame, len);
		frame_put16(frame + FRAME_L4 + 16, ~frame_sum(0, frame + FRAME_L4, len - FRAME_L4));
		UNIT_EXPECT(memcmp(frame, expected, len) == 0);
	}
}

static void type_of_service_of_the_template_is_kept(void)
{
	struct hc_l2_template t = template_default();
	struct sent s = sent_default();
	uint8_t frame[FRAME_MAX];
	struct parse_answer a;
	uint32_t len;

	t.bytes[15] = 0xb8;
	len = build_tcp(frame, &t, &s, HC_BUILD_CSUM_SOFT);
	UNIT_EQ(frame[FRAME_IP + 1], 0xb8);
	a = parse(frame, len);
	parse_check_default(&a);
}

#if HC_WITH_ASSERT
static void build_too_long(void *arg)
{
	static uint8_t frame[FRAME_MAX];
	const struct hc_l2_template t = template_default();

	build_tcp(frame, &t, arg, HC_BUILD_CSUM_PORT);
}
#endif

static void packet_too_long_to_tell_aborts(void)
{
#if HC_WITH_ASSERT
	struct sent s = sent_default();

	s.seg.payload_len = UINT16_MAX - 40;
	CU_ASSERT(!unit_aborts(build_too_long, &s));
	s.seg.payload_len++;
	CU_ASSERT(unit_aborts(build_too_long, &s));
#endif
}

static void arp_is_written_to_the_byte(void)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t nobody[6];
	uint8_t frame[FRAME_MAX], expected[FRAME_MAX];

	memset(frame, 0xa5, sizeof frame);
	UNIT_EQ(hc_build_arp(frame, HC_ARP_REQUEST, broadcast, peer_mac, hc_to_be32(0x0a000002),
			     nobody, hc_to_be32(0x0a000001)),
		frame_write_arp(expected));
	UNIT_EQ_BYTES(frame, expected, 42);
	UNIT_EQ(frame[42], 0xa5);
	UNIT_EQ(parse(frame, 42).kind, HC_FRAME_ARP);
}

// The answer's addresses are read out of the question it is written over.
static void arp_reply_can_be_written_over_its_request(void)
{
	static const uint8_t expected[42] = {2,  0, 0, 0, 0, 2, 2, 0, 0, 0, 0,  1, 8, 6,
					     0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 1,
					     10, 0, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2};
	uint8_t frame[FRAME_MAX];

	frame_write_arp(frame);
	hc_build_arp(frame, HC_ARP_REPLY, frame + 6, our_mac, hc_load_be32(frame + 14 + 24),
		     frame + 14 + 8, hc_load_be32(frame + 14 + 14));
	UNIT_EQ_BYTES(frame, expected, sizeof expected);
}

static uint32_t reply_in_place(uint8_t *frame, uint32_t len)
{
	struct parse_answer a = parse(frame, len);

	UNIT_EQ(a.kind, HC_FRAME_ICMP);
	return hc_build_echo_reply(frame, a.out.l3_off, a.out.l4_off, a.out.l4_len, frame + 6,
				   our_mac);
}

static void check_reply(const uint8_t *frame, uint32_t len, const uint8_t *data, uint32_t data_len)
{
	UNIT_EQ(len, FRAME_L4 + 8 + data_len);
	UNIT_EQ_BYTES(frame, peer_mac, 6);
	UNIT_EQ_BYTES(frame + 6, our_mac, 6);
	UNIT_EQ(frame[FRAME_IP], 0x45);
	UNIT_EQ(frame_get16(frame + FRAME_IP + 2), len - FRAME_IP);
	UNIT_EQ(frame[FRAME_IP + 8], 64);
	UNIT_EQ(frame_get32(frame + FRAME_IP + 12), 0x0a000001);
	UNIT_EQ(frame_get32(frame + FRAME_IP + 16), 0x0a000002);
	UNIT_EQ(frame_sum(0, frame + FRAME_IP, 20), 0xffff);
	UNIT_EQ(frame[FRAME_L4], 0);
	UNIT_EQ(frame[FRAME_L4 + 1], 0);
	UNIT_EQ(frame_sum(0, frame + FRAME_L4, len - FRAME_L4), 0xffff);
	UNIT_EQ_BYTES(frame + FRAME_L4 + 8, data, data_len);
}

static void echo_reply_returns_what_came(void)
{
	uint8_t data[1472];

	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 31 + 7);
	for (uint32_t n = 0; n <= sizeof data; n += n < 64 ? 1 : 64) {
		uint8_t frame[FRAME_MAX];
		uint32_t len = frame_write_echo(frame, 0xabcd, 0x1234, data, n);

		frame[FRAME_IP + 8] = 3;
		frame_fix_ip_csum(frame, len);
		len = reply_in_place(frame, len);
		check_reply(frame, len, data, n);
		UNIT_EQ(frame_get16(frame + FRAME_L4 + 4), 0xabcd);
		UNIT_EQ(frame_get16(frame + FRAME_L4 + 6), 0x1234);
	}
}

// A reply that is all zeroes but for its checksum, where an update by difference ends at the wrong
// zero.
static void echo_reply_of_zeroes_has_a_right_checksum(void)
{
	static const uint8_t zeroes[64];
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 0, 0, zeroes, sizeof zeroes);

	len = reply_in_place(frame, len);
	check_reply(frame, len, zeroes, sizeof zeroes);
	UNIT_EQ(frame_get16(frame + FRAME_L4 + 2), 0xffff);
}

// An echo has no codes but 0; a request with another is answered all the same.
static void echo_reply_has_code_zero(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 1, 2, (const uint8_t *)"abc", 3);

	frame[FRAME_L4 + 1] = 5;
	frame_fix_l4_csum(frame, len);
	check_reply(frame, reply_in_place(frame, len), (const uint8_t *)"abc", 3);
}

static void echo_reply_leaves_padding_behind(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 1, 2, (const uint8_t *)"abc", 3);

	memset(frame + len, 0xee, 60 - len);
	check_reply(frame, reply_in_place(frame, 60), (const uint8_t *)"abc", 3);
}

static void echo_reply_leaves_ip_options_behind(void)
{
	for (uint32_t opt_len = 4; opt_len <= 40; opt_len += 4) {
		uint8_t frame[FRAME_MAX];
		uint32_t len = frame_write_echo(frame, 1, 2, (const uint8_t *)"abcdefgh", 8);

		memmove(frame + FRAME_L4 + opt_len, frame + FRAME_L4, len - FRAME_L4);
		memset(frame + FRAME_L4, 1, opt_len);
		len += opt_len;
		frame[FRAME_IP] = (uint8_t)(0x45 + opt_len / 4);
		frame_put16(frame + FRAME_IP + 2, len - FRAME_IP);
		frame_fix_ip_csum(frame, len);
		check_reply(frame, reply_in_place(frame, len), (const uint8_t *)"abcdefgh", 8);
	}
}

UNIT_SUITE(build, UNIT_TEST(template_begins_every_frame_to_a_neighbour),
	   UNIT_TEST(random_segments_are_written_to_the_byte),
	   UNIT_TEST(random_segments_are_parsed_back),
	   UNIT_TEST(sack_blocks_are_written_to_the_byte_and_parsed_back),
	   UNIT_TEST(corners_of_the_sum_are_written_to_the_byte),
	   UNIT_TEST(checksum_of_zero_is_sent_as_zero),
	   UNIT_TEST(syns_by_a_form_are_those_built_singly),
	   UNIT_TEST(header_length_is_that_of_the_options),
	   UNIT_TEST(checksums_left_to_the_port_are_prepared),
	   UNIT_TEST(type_of_service_of_the_template_is_kept),
	   UNIT_TEST(packet_too_long_to_tell_aborts), UNIT_TEST(arp_is_written_to_the_byte),
	   UNIT_TEST(arp_reply_can_be_written_over_its_request),
	   UNIT_TEST(echo_reply_returns_what_came),
	   UNIT_TEST(echo_reply_of_zeroes_has_a_right_checksum),
	   UNIT_TEST(echo_reply_has_code_zero), UNIT_TEST(echo_reply_leaves_padding_behind),
	   UNIT_TEST(echo_reply_leaves_ip_options_behind));
