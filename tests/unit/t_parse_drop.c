// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The frame parser and bad frames: each of its drop counters has a frame that moves it, each length
// lies in both directions, each header is cut at each byte, and each bit of what the checksums
// cover is flipped.

#include <string.h>

#include "parse_check.h"
#include "runner.h"

// A default segment with timestamps, spoilt in one place.
struct spoilt {
	uint8_t frame[FRAME_MAX];
	uint32_t len;
};

static void fix(struct spoilt *s)
{
	frame_fix_ip_csum(s->frame, s->len);
	frame_fix_l4_csum(s->frame, s->len);
}

static void spoil_eth_truncated(struct spoilt *s)
{
	s->len = 13;
}

static void spoil_eth_not_for_us(struct spoilt *s)
{
	s->frame[5]++;
}

static void spoil_eth_bad_source(struct spoilt *s)
{
	s->frame[6] |= 1;
}

static void spoil_eth_unknown_type(struct spoilt *s)
{
	frame_put16(s->frame + 12, 0x86dd);
}

static void spoil_arp_malformed(struct spoilt *s)
{
	s->len = frame_write_arp(s->frame) - 1;
}

static void spoil_ip_truncated(struct spoilt *s)
{
	s->len = 33;
}

static void spoil_ip_bad_version(struct spoilt *s)
{
	s->frame[FRAME_IP] = 0x65;
	fix(s);
}

static void spoil_ip_bad_ihl(struct spoilt *s)
{
	s->frame[FRAME_IP] = 0x44;
}

static void spoil_ip_bad_length(struct spoilt *s)
{
	frame_put16(s->frame + FRAME_IP + 2, s->len - FRAME_IP + 1);
	fix(s);
}

static void spoil_ip_bad_csum(struct spoilt *s)
{
	s->frame[FRAME_IP + 10]++;
}

static void spoil_ip_bad_source(struct spoilt *s)
{
	frame_put32(s->frame + FRAME_IP + 12, 0x7f000001);
	fix(s);
}

static void spoil_ip_not_for_us(struct spoilt *s)
{
	frame_put32(s->frame + FRAME_IP + 16, 0x0a000003);
	fix(s);
}

static void spoil_eth_vlan(struct spoilt *s)
{
	frame_put16(s->frame + 12, 0x8100);
}

static void spoil_ip_fragment_bad(struct spoilt *s)
{
	frame_put16(s->frame + FRAME_IP + 2, 20 + 21);
	frame_put16(s->frame + FRAME_IP + 6, 0x2000);
	fix(s);
}

static void spoil_ip_fragment_tiny(struct spoilt *s)
{
	frame_put16(s->frame + FRAME_IP + 2, 20 + 16);
	frame_put16(s->frame + FRAME_IP + 6, 0x2000);
	fix(s);
}

static void spoil_ip_unknown_proto(struct spoilt *s)
{
	s->frame[FRAME_IP + 9] = 17;
	fix(s);
}

static void spoil_icmp_truncated(struct spoilt *s)
{
	s->frame[FRAME_IP + 9] = 1;
	frame_put16(s->frame + FRAME_IP + 2, 27);
	fix(s);
}

static void spoil_icmp_bad_csum(struct spoilt *s)
{
	s->len = frame_write_echo(s->frame, 1, 1, NULL, 0);
	s->frame[FRAME_L4 + 3]++;
}

static void spoil_tcp_truncated(struct spoilt *s)
{
	frame_put16(s->frame + FRAME_IP + 2, 39);
	fix(s);
}

static void spoil_tcp_bad_offset(struct spoilt *s)
{
	s->frame[FRAME_L4 + 12] = 0x40;
	fix(s);
}

static void spoil_tcp_bad_csum(struct spoilt *s)
{
	s->frame[FRAME_L4 + 16]++;
}

static void spoil_tcp_bad_port(struct spoilt *s)
{
	frame_put16(s->frame + FRAME_L4, 0);
	fix(s);
}

static void spoil_tcp_not_unicast(struct spoilt *s)
{
	frame_put32(s->frame + FRAME_IP + 16, 0x0a0000ff);
	fix(s);
}

#define DROP(name)                                                                                 \
	{                                                                                          \
		.drop = HC_CTR_##name, .spoil = spoil_##name                                       \
	}

static const struct {
	enum hc_counter drop;
	void (*spoil)(struct spoilt *s);
} drops[] = {
	DROP(eth_truncated),  DROP(eth_not_for_us),  DROP(eth_bad_source),   DROP(eth_unknown_type),
	DROP(arp_malformed),  DROP(ip_truncated),    DROP(ip_bad_version),   DROP(ip_bad_ihl),
	DROP(ip_bad_length),  DROP(ip_bad_csum),     DROP(ip_bad_source),    DROP(ip_not_for_us),
	DROP(eth_vlan),       DROP(ip_fragment_bad), DROP(ip_fragment_tiny), DROP(ip_unknown_proto),
	DROP(icmp_truncated), DROP(icmp_bad_csum),   DROP(tcp_truncated),    DROP(tcp_bad_offset),
	DROP(tcp_bad_csum),   DROP(tcp_bad_port),    DROP(tcp_not_unicast),
};

static bool has_a_frame(enum hc_counter ctr)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(drops); i++)
		if (drops[i].drop == ctr)
			return true;
	return false;
}

static void each_drop_counter_has_a_frame_that_moves_it(void)
{
	static const uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
	struct frame_tcp f = frame_tcp_default();

	f.opt = ts;
	f.opt_len = sizeof ts;
	for (unsigned i = 0; i < HC_ARRAY_LEN(drops); i++) {
		struct spoilt s;
		struct parse_answer a;

		s.len = frame_write_tcp(s.frame, &f);
		a = parse(s.frame, s.len);
		parse_check_default(&a);
		drops[i].spoil(&s);
		a = parse(s.frame, s.len);
		parse_check_drop(&a, drops[i].drop);
		UNIT_EQ(hc_counter_table[drops[i].drop].kind, HC_COUNTER_DROP);
	}
	for (unsigned ctr = 0; ctr < HC_CTR_COUNT; ctr++)
		if (parse_check_is_parsers(ctr) && !has_a_frame(ctr))
			CU_FAIL("a drop counter of the parser has no frame that moves it");
}

/* ------------------------------------------------------------------------------------------------
 * lengths that lie */

static void frame_cut_at_each_byte_is_dropped_for_that_length(void)
{
	static const uint8_t opt[] = {2, 4, 5, 0xb4, 1, 3, 3, 9};
	static const uint8_t ip_opt[8] = {1, 1, 1, 1, 1, 1, 1, 0};
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];

	f.flags = HC_TCP_SYN;
	f.opt = opt;
	f.opt_len = sizeof opt;
	f.ip_opt = ip_opt;
	f.payload = (const uint8_t *)"0123456789";
	f.payload_len = 10;
	for (f.ip_opt_len = 0; f.ip_opt_len <= 8; f.ip_opt_len += 4) {
		uint32_t full = frame_write_tcp(frame, &f);

		for (uint32_t len = 0; len < full; len++) {
			struct parse_answer a = parse(frame, len);

			if (len < 14)
				parse_check_drop(&a, HC_CTR_eth_truncated);
			else if (len < 34)
				parse_check_drop(&a, HC_CTR_ip_truncated);
			else if (len < 34 + f.ip_opt_len)
				parse_check_drop(&a, HC_CTR_ip_bad_ihl);
			else
				parse_check_drop(&a, HC_CTR_ip_bad_length);
		}
		UNIT_EQ(parse(frame, full).kind, HC_FRAME_TCP);
	}
	frame_write_arp(frame);
	for (uint32_t len = 0; len < 42; len++) {
		struct parse_answer a = parse(frame, len);

		parse_check_drop(&a, len < 14 ? HC_CTR_eth_truncated : HC_CTR_arp_malformed);
	}
}

// The frame is whole, but the IP header says less than it holds, down to nothing, or more.
static void total_length_lies_both_ways(void)
{
	static const uint8_t opt[] = {2, 4, 5, 0xb4, 1, 3, 3, 9};
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	f.opt = opt;
	f.opt_len = sizeof opt;
	f.payload = (const uint8_t *)"0123456789";
	f.payload_len = 10;
	len = frame_write_tcp(frame, &f);
	for (uint32_t total = 0; total <= UINT16_MAX; total++) {
		struct parse_answer a;

		frame_put16(frame + FRAME_IP + 2, total);
		frame_fix_ip_csum(frame, len);
		frame_fix_l4_csum(frame, len);
		a = parse(frame, len);
		if (total < 20 || total > len - FRAME_IP) {
			UNIT_EXPECT(a.kind == HC_FRAME_DROP && a.out.drop == HC_CTR_ip_bad_length);
		} else if (total < 40) {
			parse_check_drop(&a, HC_CTR_tcp_truncated);
		} else if (total < 48) {
			parse_check_drop(&a, HC_CTR_tcp_bad_offset);
		} else {
			UNIT_EQ(a.kind, HC_FRAME_TCP);
			UNIT_EQ(a.seg.payload_len, total - 48);
		}
	}
}

static void icmp_cut_by_the_total_length_is_dropped(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 1, 1, (const uint8_t *)"abcd", 4);

	for (uint32_t total = 20; total <= 32; total++) {
		struct parse_answer a;

		frame_put16(frame + FRAME_IP + 2, total);
		frame_fix_ip_csum(frame, len);
		frame_fix_l4_csum(frame, len);
		a = parse(frame, len);
		if (total < 28)
			parse_check_drop(&a, HC_CTR_icmp_truncated);
		else
			UNIT_EQ(a.kind, HC_FRAME_ICMP);
	}
}

static void version_and_header_length_lie_both_ways(void)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, &f);

	for (unsigned byte = 0; byte < 256; byte++) {
		uint32_t hdr_len = (byte & 15) * 4;
		struct parse_answer a;

		frame_write_tcp(frame, &f);
		frame[FRAME_IP] = (uint8_t)byte;
		frame_fix_ip_csum(frame, len);
		a = parse(frame, len);
		if (byte >> 4 != 4)
			parse_check_drop(&a, HC_CTR_ip_bad_version);
		else if (hdr_len < 20 || hdr_len > len - FRAME_IP)
			parse_check_drop(&a, HC_CTR_ip_bad_ihl);
		else if (hdr_len == 20)
			parse_check_default(&a);
		else // Of TCP's 20 bytes some are taken for IP options.
			parse_check_drop(&a, HC_CTR_tcp_truncated);
	}
}

static void tcp_offset_lies_both_ways(void)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];

	f.payload = (const uint8_t *)"\1\1\1\1\1\1\1\1\1\1";
	for (f.payload_len = 0; f.payload_len <= 10; f.payload_len++) {
		uint32_t len = frame_write_tcp(frame, &f);

		for (uint32_t offset = 0; offset < 16; offset++) {
			struct parse_answer a;

			frame[FRAME_L4 + 12] = (uint8_t)(offset << 4);
			frame_fix_l4_csum(frame, len);
			a = parse(frame, len);
			if (offset < 5 || offset * 4 > 20 + f.payload_len)
				parse_check_drop(&a, HC_CTR_tcp_bad_offset);
			else
				UNIT_EQ(a.seg.payload_len, 20 + f.payload_len - offset * 4);
		}
	}
}

static void a_fragment_is_told_from_a_whole_datagram(void)
{
	static const uint8_t payload[12];
	struct frame_tcp f = frame_tcp_default();

	// 32 bytes behind the IP header, or 33: whole units of 8 or not.
	f.payload = payload;
	f.payload_len = 12;

	for (uint32_t frag = 0; frag <= UINT16_MAX; frag += frag < 64 ? 1 : 61) {
		struct parse_answer a;

		f.frag = (uint16_t)frag;
		a = parse_tcp(&f);
		if ((frag & 0x3fff) == 0) {
			UNIT_EQ(a.kind, HC_FRAME_TCP);
		} else if ((frag & 0x1fff) == 1) {
			parse_check_drop(&a, HC_CTR_ip_fragment_tiny);
		} else if ((frag & 0x1fff) * 8 + 32 > 65515) {
			parse_check_drop(&a, HC_CTR_ip_fragment_bad);
		} else {
			UNIT_EQ(a.kind, HC_FRAME_FRAGMENT);
			UNIT_EQ(a.out.l3_off, FRAME_IP);
			UNIT_EQ(a.out.l4_off, FRAME_L4);
			UNIT_EQ(a.out.l4_len, 32);
		}
	}
}

static void port_zero_is_dropped_on_either_side(void)
{
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	f.dport = 0;
	a = parse_tcp(&f);
	parse_check_drop(&a, HC_CTR_tcp_bad_port);
	f = frame_tcp_default();
	f.sport = 0;
	a = parse_tcp(&f);
	parse_check_drop(&a, HC_CTR_tcp_bad_port);
	f.sport = 0x100;
	f.dport = 0x1;
	a = parse_tcp(&f);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
}

/* ------------------------------------------------------------------------------------------------
 * checksums */

static void flip_each_bit(const struct frame_tcp *f)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, f);

	for (uint32_t bit = 8 * FRAME_IP; bit < 8 * len; bit++) {
		struct parse_answer a;

		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
		a = parse(frame, len);
		UNIT_EXPECT(a.kind == HC_FRAME_DROP);
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

// Whichever bit of the packet is flipped, the packet is not taken.
static void each_flipped_bit_is_found(void)
{
	static const uint8_t ts[12] = {1, 1, 8, 10, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff};
	uint8_t payload[101];
	struct frame_tcp f = frame_tcp_default();

	memset(payload, 0xff, sizeof payload);
	f.payload = payload;
	f.opt = ts;
	for (f.opt_len = 0; f.opt_len <= 12; f.opt_len += 12) {
		for (f.payload_len = 0; f.payload_len <= 4; f.payload_len++)
			flip_each_bit(&f);
		f.payload_len = sizeof payload;
		flip_each_bit(&f);
	}
}

// Every wrong value in each byte behind the offset, so that nothing but the sum can find it.
static void each_wrong_byte_is_a_bad_checksum(void)
{
	static const uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	f.opt = ts;
	f.opt_len = sizeof ts;
	f.payload = (const uint8_t *)"abcdefg";
	f.payload_len = 7;
	len = frame_write_tcp(frame, &f);
	for (uint32_t at = FRAME_L4 + 4; at < len; at++) {
		uint8_t right = frame[at];

		for (unsigned value = 0; value < 256; value++) {
			struct parse_answer a;

			if (value == right || at == FRAME_L4 + 12)
				continue;
			frame[at] = (uint8_t)value;
			a = parse(frame, len);
			UNIT_EXPECT(a.kind == HC_FRAME_DROP && a.out.drop == HC_CTR_tcp_bad_csum);
		}
		frame[at] = right;
	}
}

static void verified_checksums_are_not_looked_at(void)
{
	const struct hc_parse_env env = parse_env_default();
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, &f);
	struct parse_answer a;

	frame[FRAME_IP + 10]++;
	a = parse_env(&env, frame, len, HC_TRUST_L4_CSUM);
	parse_check_drop(&a, HC_CTR_ip_bad_csum);
	a = parse_env(&env, frame, len, HC_TRUST_IP_CSUM);
	parse_check_default(&a);
	frame[FRAME_L4 + 16]++;
	a = parse_env(&env, frame, len, HC_TRUST_IP_CSUM);
	parse_check_drop(&a, HC_CTR_tcp_bad_csum);
	a = parse_env(&env, frame, len, HC_TRUST_IP_CSUM | HC_TRUST_L4_CSUM);
	parse_check_default(&a);
	len = frame_write_echo(frame, 1, 1, NULL, 0);
	frame[FRAME_L4 + 2]++;
	a = parse_env(&env, frame, len, HC_TRUST_IP_CSUM | HC_TRUST_L4_CSUM);
	parse_check_drop(&a, HC_CTR_icmp_bad_csum);
}

// A segment whose right checksum is 0 (which TCP, unlike UDP, sends as it is). Its other zero,
// 0xffff, is not the right one by RFC 1071, which never makes it; it verifies all the same, as in
// every implementation.
static void checksum_of_zero_is_right_where_it_is(void)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, &f);
	uint32_t wnd = frame_get16(frame + FRAME_L4 + 14) + frame_get16(frame + FRAME_L4 + 16);
	struct parse_answer a;

	frame_put16(frame + FRAME_L4 + 14, (wnd & 0xffff) + (wnd >> 16));
	frame_fix_l4_csum(frame, len);
	UNIT_EQ(frame_get16(frame + FRAME_L4 + 16), 0);
	a = parse(frame, len);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
	frame_put16(frame + FRAME_L4 + 16, 0xffff);
	a = parse(frame, len);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
	frame_put16(frame + FRAME_L4 + 16, 1);
	a = parse(frame, len);
	parse_check_drop(&a, HC_CTR_tcp_bad_csum);
}

UNIT_SUITE(parse_drop, UNIT_TEST(each_drop_counter_has_a_frame_that_moves_it),
	   UNIT_TEST(frame_cut_at_each_byte_is_dropped_for_that_length),
	   UNIT_TEST(total_length_lies_both_ways),
	   UNIT_TEST(icmp_cut_by_the_total_length_is_dropped),
	   UNIT_TEST(version_and_header_length_lie_both_ways), UNIT_TEST(tcp_offset_lies_both_ways),
	   UNIT_TEST(a_fragment_is_told_from_a_whole_datagram),
	   UNIT_TEST(port_zero_is_dropped_on_either_side), UNIT_TEST(each_flipped_bit_is_found),
	   UNIT_TEST(each_wrong_byte_is_a_bad_checksum),
	   UNIT_TEST(verified_checksums_are_not_looked_at),
	   UNIT_TEST(checksum_of_zero_is_right_where_it_is));
