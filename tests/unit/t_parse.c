// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The frame parser and good frames: what it reads out of them, what it only notes, and which
// addresses it takes them from and to (RFC 1122 3.2.1.3, 3.3.6).

#include <string.h>

#include "wire/parse_inline.h"

#include "parse_check.h"
#include "runner.h"

static void segment_without_options_is_read(void)
{
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	for (unsigned flags = 0; flags < 256; flags++) {
		f.flags = (uint8_t)flags;
		a = parse_tcp(&f);
		parse_check_default(&a);
		UNIT_EQ(a.seg.flags, flags);
		UNIT_EQ(a.seg.opts, 0);
		UNIT_EQ(a.seg.payload_off, 54);
		UNIT_EQ(a.seg.payload_len, 0);
		UNIT_EQ(a.out.l3_off, 14);
		UNIT_EQ(a.out.l4_off, 34);
		UNIT_EQ(a.out.l4_len, 20);
	}
}

static void segment_with_timestamps_is_read(void)
{
	static const uint8_t ts[12] = {1, 1, 8, 10, 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe};
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	f.opt = ts;
	f.opt_len = sizeof ts;
	a = parse_tcp(&f);
	parse_check_default(&a);
	UNIT_EQ(a.seg.opts, HC_OPT_TIMESTAMPS);
	UNIT_EQ(a.seg.tsval, 0xdeadbeef);
	UNIT_EQ(a.seg.tsecr, 0xcafebabe);
	UNIT_EQ(a.seg.payload_off, 66);
	UNIT_EQ(a.seg.payload_len, 0);
	UNIT_EQ(a.out.l4_len, 32);
}

static void syn_with_options_is_read(void)
{
	static const uint8_t opt[] = {2, 4, 5, 0xb4, 1, 3, 3, 9};
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	f.flags = HC_TCP_SYN;
	f.opt = opt;
	f.opt_len = sizeof opt;
	a = parse_tcp(&f);
	parse_check_default(&a);
	UNIT_EQ(a.seg.opts, HC_OPT_MSS | HC_OPT_WSCALE);
	UNIT_EQ(a.seg.mss, 1460);
	UNIT_EQ(a.seg.wscale, 9);
	UNIT_EQ(a.seg.payload_off, 62);
}

// The short cut is worth its place only if the segments that set-up and tear-down are made of take
// it.
static void common_segments_take_the_short_cut(void)
{
	static const uint8_t opt[20] = {2, 4,  5, 0xb4, 1, 3, 3, 7, 1, 1,
					8, 10, 0, 0,    0, 1, 0, 0, 0, 2};
	static const struct {
		uint8_t flags;
		uint32_t opt_len;
	} v[] = {{HC_TCP_ACK, 0},  {HC_TCP_FIN | HC_TCP_ACK, 12}, {HC_TCP_ACK, 12}, {HC_TCP_RST, 0},
		 {HC_TCP_SYN, 20}, {HC_TCP_SYN | HC_TCP_ACK, 20}};
	struct hc_parse_env env = parse_env_default();
	struct frame_tcp f = frame_tcp_default();

	hc_parse_env_seal(&env);
	f.tos = 0xff;
	for (unsigned i = 0; i < HC_ARRAY_LEN(v); i++) {
		uint32_t hdr_len = 20 + v[i].opt_len;
		uint8_t frame[FRAME_MAX];
		struct hc_seg seg;

		f.flags = v[i].flags;
		f.opt_len = v[i].opt_len;
		f.opt = opt + sizeof opt - f.opt_len;
		frame_write_tcp(frame, &f);
		CU_ASSERT(hc_parse_plain_tcp(&env, frame, hdr_len, hdr_len, 0, &seg));
	}
}

// The forms that parse_wide.h knows.
static const struct wide_form {
	uint8_t flags;
	uint32_t opt_len;
	uint8_t opt[20];
	uint32_t payload_len;
} wide_forms[] = {
	{HC_TCP_ACK, 12, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 0},
	{HC_TCP_FIN | HC_TCP_ACK, 12, {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, 0},
	{HC_TCP_PSH | HC_TCP_ACK, 12, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 8},
	{HC_TCP_PSH | HC_TCP_ACK, 12, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 77},
	{HC_TCP_ACK, 12, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, 1448},
	{HC_TCP_SYN, 20, {2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, 0},
	{HC_TCP_SYN | HC_TCP_ACK,
	 20,
	 {2, 4, 0, 1, 1, 3, 3, 0, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2},
	 0},
	{HC_TCP_ACK, 0, {0}, 0},
	{HC_TCP_SYN, 0, {0}, 0},
	{HC_TCP_PSH | HC_TCP_ACK, 0, {0}, 7},
	{HC_TCP_ACK, 0, {0}, 1460},
};

static uint32_t write_wide_form(uint8_t *frame, const struct wide_form *form)
{
	static uint8_t payload[1460];
	struct frame_tcp f = frame_tcp_default();

	for (unsigned i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7 + 1);
	f.flags = form->flags;
	f.opt = form->opt;
	f.opt_len = form->opt_len;
	f.payload = payload;
	f.payload_len = form->payload_len;
	return frame_write_tcp(frame, &f);
}

static void usual_forms_are_parsed_wide(void)
{
#if HC_HAS_PARSE_WIDE
	struct hc_parse_env env = parse_env_default();

	hc_parse_env_seal(&env);
	for (unsigned i = 0; i < HC_ARRAY_LEN(wide_forms); i++) {
		uint8_t frame[FRAME_MAX] = {0};
		uint32_t len = write_wide_form(frame, &wide_forms[i]);
		struct hc_seg seg;

		CU_ASSERT(hc_wide_parse(&env, frame, len, 0, &seg));
		if (wide_forms[i].payload_len == 0) // Padded.
			CU_ASSERT(hc_wide_parse(&env, frame, hc_max_u32(len, 60), 0, &seg));
	}
#endif
}

// Whatever the value of whichever byte of the headers, with right checksums where that byte is
// none: parse() compares all ways to parse with each other.
static void each_byte_of_the_usual_forms_counts(void)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(wide_forms); i++) {
		uint8_t frame[FRAME_MAX];
		uint32_t len = write_wide_form(frame, &wide_forms[i]);
		uint32_t hdr_end = FRAME_TCP_OPT + wide_forms[i].opt_len;

		UNIT_EQ(parse(frame, len).kind, HC_FRAME_TCP);
		for (uint32_t at = 0; at < hdr_end; at++) {
			for (unsigned value = 0; value < 256; value++) {
				uint8_t changed[FRAME_MAX];

				memcpy(changed, frame, len);
				changed[at] = (uint8_t)value;
				(void)parse(changed, len);
				frame_fix_ip_csum(changed, len);
				frame_fix_l4_csum(changed, len);
				(void)parse(changed, len);
			}
		}
	}
}

static void payload_of_every_length_is_found(void)
{
	static const uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
	uint8_t payload[1460];
	struct frame_tcp f = frame_tcp_default();

	for (unsigned i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7);
	f.payload = payload;
	for (f.payload_len = 0; f.payload_len <= 1448;
	     f.payload_len += f.payload_len < 100 ? 1 : 61) {
		for (f.opt_len = 0; f.opt_len <= 12; f.opt_len += 12) {
			struct parse_answer a;

			f.opt = ts;
			a = parse_tcp(&f);
			parse_check_default(&a);
			UNIT_EQ(a.seg.payload_off, 54 + f.opt_len);
			UNIT_EQ(a.seg.payload_len, f.payload_len);
		}
	}
}

static void malformed_option_is_noted_and_the_segment_taken(void)
{
	static const uint8_t opt[] = {1, 1, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2};
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	f.opt = opt;
	f.opt_len = sizeof opt;
	a = parse_tcp(&f);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
	UNIT_EQ(a.out.notes, HC_NOTE_BAD_TCP_OPTION);
	UNIT_EQ(a.seg.opts, 0);
	UNIT_EQ(a.seg.payload_off, 66);
}

// RFC 1122 3.2.1.7.
static void ttl_of_zero_is_noted_and_the_segment_taken(void)
{
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	f.ttl = 0;
	a = parse_tcp(&f);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
	UNIT_EQ(a.out.notes, HC_NOTE_TTL_ZERO);
	f.ttl = 1;
	a = parse_tcp(&f);
	parse_check_default(&a);
}

static void ip_options_are_noted_and_skipped(void)
{
	uint8_t opt[40];
	struct frame_tcp f = frame_tcp_default();

	memset(opt, 1, sizeof opt);
	f.ip_opt = opt;
	for (f.ip_opt_len = 4; f.ip_opt_len <= sizeof opt; f.ip_opt_len += 4) {
		struct parse_answer a = parse_tcp(&f);

		UNIT_EQ(a.kind, HC_FRAME_TCP);
		UNIT_EQ(a.out.notes, HC_NOTE_IP_OPTIONS);
		UNIT_EQ(a.out.l4_off, 34 + f.ip_opt_len);
		UNIT_EQ(a.out.l4_len, 20);
		UNIT_EQ(a.seg.payload_off, 54 + f.ip_opt_len);
		UNIT_EQ(a.seg.seq, 0x01020304);
	}
}

// TOS, identification, DF and the reserved flag say nothing to us; neither does the urgent pointer.
static void fields_that_mean_nothing_here_are_not_looked_at(void)
{
	static const uint16_t frags[] = {0, 0x4000, 0x8000, 0xc000};
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	for (unsigned i = 0; i < HC_ARRAY_LEN(frags); i++) {
		f.frag = frags[i];
		f.tos = (uint8_t)(i * 85);
		f.id = (uint16_t)(i * 21845);
		f.urp = (uint16_t)(i * 1000);
		a = parse_tcp(&f);
		parse_check_default(&a);
	}
}

// The low half of the offset's byte is reserved (RFC 9293 3.1: ignored by receivers).
static void reserved_bits_of_tcp_are_ignored(void)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, &f);

	for (unsigned bits = 0; bits < 16; bits++) {
		struct parse_answer a;

		frame[FRAME_L4 + 12] = (uint8_t)(0x50 | bits);
		frame_fix_l4_csum(frame, len);
		a = parse(frame, len);
		parse_check_default(&a);
		UNIT_EQ(a.seg.flags, 0x10);
	}
}

static void padding_is_cut_off(void)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	struct parse_answer a;

	for (f.payload_len = 0; f.payload_len < 4; f.payload_len++) {
		uint32_t len;

		f.payload = (const uint8_t *)"abc";
		len = frame_write_tcp(frame, &f);
		for (uint32_t padded = len; padded < 80; padded++) {
			memset(frame + len, 0xee, padded - len);
			a = parse(frame, padded);
			parse_check_default(&a);
			UNIT_EQ(a.seg.payload_len, f.payload_len);
			UNIT_EQ(a.out.l4_len, 20 + f.payload_len);
		}
	}
}

static void echo_request_is_told_apart(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 7, 1, (const uint8_t *)"abcde", 5);
	struct parse_answer a = parse(frame, len);

	UNIT_EQ(a.kind, HC_FRAME_ICMP);
	UNIT_EQ(a.out.l3_off, 14);
	UNIT_EQ(a.out.l4_off, 34);
	UNIT_EQ(a.out.l4_len, 13);
	UNIT_EQ(a.out.is_broadcast, false);
	memset(frame + len, 0, 60 - len);
	a = parse(frame, 60);
	UNIT_EQ(a.kind, HC_FRAME_ICMP);
	UNIT_EQ(a.out.l4_len, 13);
}

static void arp_is_told_apart(void)
{
	uint8_t frame[FRAME_MAX];
	struct parse_answer a = parse(frame, frame_write_arp(frame));

	UNIT_EQ(a.kind, HC_FRAME_ARP);
	UNIT_EQ(a.out.l3_off, 14);
	UNIT_EQ(a.out.is_broadcast, true);
	memcpy(frame, (const uint8_t[]){2, 0, 0, 0, 0, 1}, 6);
	a = parse(frame, 42);
	UNIT_EQ(a.kind, HC_FRAME_ARP);
	UNIT_EQ(a.out.is_broadcast, false);
}

/* ------------------------------------------------------------------------------------------------
 * who may send, and to whom */

static void source_that_cannot_be_a_host_is_dropped(void)
{
	static const struct {
		uint32_t addr;
		bool is_bad;
	} v[] = {
		{0x00000000, true},  // This host.
		{0x00ffffff, true},  // Net 0.
		{0x01000000, false}, // The first net.
		{0x7effffff, false}, // Below loopback.
		{0x7f000000, true},  // Loopback, first,
		{0x7f000001, true},  // best known,
		{0x7fffffff, true},  // and last.
		{0x80000000, false}, // Above loopback.
		{0xdfffffff, false}, // Below multicast.
		{0xe0000000, true},  // Multicast, first
		{0xefffffff, true},  // and last.
		{0xf0000000, true},  // Reserved.
		{0xffffffff, true},  // Limited broadcast.
		{0x0a0000fe, false}, // A neighbour.
		{0x0a0000ff, true},  // Directed broadcast.
		{0x0a000100, false}, // Another network.
		{0x0a000001, true},  // Our own: LAND.
		{0x0a000000, false}, // Below ours.
		{0x0a00ffff, false}, // Below the clients' prefix.
		{0x0a010000, true},  // Its first
		{0x0a01ffff, true},  // and its last address.
		{0x0a020000, false}, // Above it.
	};
	struct frame_tcp f = frame_tcp_default();

	for (unsigned i = 0; i < HC_ARRAY_LEN(v); i++) {
		struct parse_answer a;

		f.src = v[i].addr;
		a = parse_tcp(&f);
		if (v[i].is_bad)
			parse_check_drop(&a, HC_CTR_ip_bad_source);
		else
			UNIT_EQ(a.kind, HC_FRAME_TCP);
	}
}

static void destination_is_ours_broadcast_or_not_for_us(void)
{
	static const struct {
		uint32_t addr;
		enum { OURS, BROADCAST, OTHER } is;
	} v[] = {
		{0x0a000001, OURS},      {0x0a010000, OURS},      {0x0a01ffff, OURS},
		{0x0a0000ff, BROADCAST}, {0xffffffff, BROADCAST}, {0x0a000002, OTHER},
		{0x0a000000, OTHER},     {0x0a00ffff, OTHER},     {0x0a020000, OTHER},
		{0x00000000, OTHER},     {0x7f000001, OTHER},     {0xe0000001, OTHER},
		{0xf0000000, OTHER},     {0xfffffffe, OTHER},
	};
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];

	for (unsigned i = 0; i < HC_ARRAY_LEN(v); i++) {
		struct parse_answer a;
		uint32_t len;

		f.dst = v[i].addr;
		a = parse_tcp(&f);
		if (v[i].is == OURS)
			UNIT_EQ(a.kind, HC_FRAME_TCP);
		else
			parse_check_drop(&a, v[i].is == BROADCAST ? HC_CTR_tcp_not_unicast
								  : HC_CTR_ip_not_for_us);
		len = frame_write_echo(frame, 1, 1, NULL, 0);
		frame_put32(frame + FRAME_IP + 16, v[i].addr);
		frame_fix_ip_csum(frame, len);
		a = parse(frame, len);
		if (v[i].is == OTHER) {
			parse_check_drop(&a, HC_CTR_ip_not_for_us);
			continue;
		}
		UNIT_EQ(a.kind, HC_FRAME_ICMP);
		UNIT_EQ(a.out.is_broadcast, v[i].is == BROADCAST);
	}
}

static void host_without_clients_or_broadcast_knows_only_its_address(void)
{
	struct hc_parse_env env = parse_env_default();
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	struct parse_answer a;

	env.broadcast_be = hc_to_be32(0);
	env.clients_be = env.local_be;
	env.clients_mask_be = hc_to_be32(0xffffffff);
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_default(&a);
	f.src = 0x0a010005;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
	f.dst = 0x0a010001;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_drop(&a, HC_CTR_ip_not_for_us);
	f.dst = 0x0a0000ff;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_drop(&a, HC_CTR_ip_not_for_us);
	f.dst = 0;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_drop(&a, HC_CTR_ip_not_for_us);
	f.dst = 0x0a000001;
	f.src = 0x0a000001;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_drop(&a, HC_CTR_ip_bad_source);
}

// A broadcast address stays one although it lies within the clients' prefix.
static void broadcast_within_the_clients_prefix_is_broadcast(void)
{
	struct hc_parse_env env = parse_env_default();
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	struct parse_answer a;

	env.clients_be = hc_to_be32(0x0a000000);
	env.clients_mask_be = hc_to_be32(0xffffff00);
	f.src = 0x0b000001;
	f.dst = 0x0a0000ff;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_drop(&a, HC_CTR_tcp_not_unicast);
	f.dst = 0x0a0000fe;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
}

// RFC 1122 3.3.6: a unicast packet has no business in a broadcast frame.
static void unicast_packet_in_a_broadcast_frame_is_told(void)
{
	uint8_t frame[FRAME_MAX];
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	memset(f.dst_mac, 0xff, 6);
	a = parse_tcp(&f);
	parse_check_drop(&a, HC_CTR_tcp_not_unicast);
	frame_write_echo(frame, 1, 1, NULL, 0);
	memset(frame, 0xff, 6);
	a = parse(frame, 42);
	UNIT_EQ(a.kind, HC_FRAME_ICMP);
	UNIT_EQ(a.out.is_broadcast, true);
}

static void mac_of_another_is_dropped_bit_by_bit(void)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, &f);

	for (unsigned bit = 0; bit < 48; bit++) {
		struct parse_answer a;

		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
		a = parse(frame, len);
		parse_check_drop(&a, HC_CTR_eth_not_for_us);
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	// All ones but for one bit is not broadcast.
	for (unsigned bit = 0; bit < 48; bit++) {
		struct parse_answer a;

		memset(frame, 0xff, 6);
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
		a = parse(frame, len);
		parse_check_drop(&a, HC_CTR_eth_not_for_us);
	}
}

static void promiscuous_host_takes_frames_for_others(void)
{
	struct hc_parse_env env = parse_env_default();
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	struct parse_answer a;

	env.is_promiscuous = true;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_default(&a);
	f.dst_mac[5] = 99;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_default(&a);
	f.dst_mac[0] = 1;
	a = parse_env(&env, frame, frame_write_tcp(frame, &f), 0);
	parse_check_drop(&a, HC_CTR_tcp_not_unicast);
}

static void source_mac_must_be_a_hosts(void)
{
	struct frame_tcp f = frame_tcp_default();
	struct parse_answer a;

	// Every other address than ours will do, ours with one bit different too.
	for (unsigned bit = 0; bit < 48; bit++) {
		memcpy(f.src_mac, f.dst_mac, 6);
		f.src_mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
		a = parse_tcp(&f);
		if (bit == 0)
			parse_check_drop(&a, HC_CTR_eth_bad_source);
		else
			parse_check_default(&a);
	}
	memset(f.src_mac, 0xff, 6);
	a = parse_tcp(&f);
	parse_check_drop(&a, HC_CTR_eth_bad_source);
	memcpy(f.src_mac, f.dst_mac, 6);
	a = parse_tcp(&f);
	parse_check_drop(&a, HC_CTR_eth_bad_source);
}

static void vlan_tagged_and_foreign_types_are_dropped(void)
{
	struct frame_tcp f = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, &f);

	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		struct parse_answer a;

		if (type == 0x0800 || type == 0x0806)
			continue;
		frame_put16(frame + 12, type);
		a = parse(frame, len);
		UNIT_EXPECT(a.kind == HC_FRAME_DROP &&
			    a.out.drop == (type == 0x8100 || type == 0x88a8
						   ? HC_CTR_eth_vlan
						   : HC_CTR_eth_unknown_type));
	}
}

// A segment with `opt` behind its header. @return how many SACK blocks are read.
static unsigned read_sack(const uint8_t *opt, uint32_t len, struct hc_seq_range blocks[4])
{
	static const uint8_t no_payload[1];
	struct frame_tcp f = frame_tcp_default();
	struct hc_parse_env env = parse_env_default();
	uint8_t frame[FRAME_MAX];
	struct parse_answer a;
	uint32_t frame_len;

	f.opt = opt;
	f.opt_len = len;
	f.payload = no_payload;
	f.payload_len = 1;
	frame_len = frame_write_tcp(frame, &f);
	a = parse_env(&env, frame, frame_len, 0);
	UNIT_EQ(a.kind, HC_FRAME_TCP);
	return hc_parse_sack(frame, &a.seg, blocks);
}

static void sack_blocks_are_read_as_they_stand(void)
{
	const uint8_t none[4] = {1, 1, 1, 1};
	const uint8_t one[12] = {1, 1, 5, 10, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xfe};
	struct hc_seq_range b[4];
	uint8_t four[36] = {5, 34};
	uint8_t two_options[20] = {5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0, 0, 0, 3, 0, 0, 0, 4};

	UNIT_EQ(read_sack(none, sizeof none, b), 0);
	UNIT_EQ(read_sack(one, sizeof one, b), 1);
	UNIT_EQ(b[0].lo, 9);
	UNIT_EQ(b[0].hi, 0xfffffffe);
	for (unsigned i = 0; i < 8; i++)
		frame_put32(four + 2 + 4 * i, 1000 + i);
	UNIT_EQ(read_sack(four, sizeof four, b), 4);
	for (unsigned i = 0; i < 4; i++) {
		UNIT_EQ(b[i].lo, 1000 + 2 * i);
		UNIT_EQ(b[i].hi, 1001 + 2 * i);
	}
	// The first of two options, and none of a malformed one.
	UNIT_EQ(read_sack(two_options, sizeof two_options, b), 1);
	UNIT_EQ(b[0].lo, 1);
	four[1] = 33;
	UNIT_EQ(read_sack(four, sizeof four, b), 0);
}

UNIT_SUITE(parse, UNIT_TEST(segment_without_options_is_read),
	   UNIT_TEST(segment_with_timestamps_is_read), UNIT_TEST(syn_with_options_is_read),
	   UNIT_TEST(common_segments_take_the_short_cut), UNIT_TEST(usual_forms_are_parsed_wide),
	   UNIT_TEST(each_byte_of_the_usual_forms_counts),
	   UNIT_TEST(payload_of_every_length_is_found),
	   UNIT_TEST(malformed_option_is_noted_and_the_segment_taken),
	   UNIT_TEST(ttl_of_zero_is_noted_and_the_segment_taken),
	   UNIT_TEST(ip_options_are_noted_and_skipped),
	   UNIT_TEST(fields_that_mean_nothing_here_are_not_looked_at),
	   UNIT_TEST(reserved_bits_of_tcp_are_ignored), UNIT_TEST(padding_is_cut_off),
	   UNIT_TEST(echo_request_is_told_apart), UNIT_TEST(arp_is_told_apart),
	   UNIT_TEST(source_that_cannot_be_a_host_is_dropped),
	   UNIT_TEST(destination_is_ours_broadcast_or_not_for_us),
	   UNIT_TEST(host_without_clients_or_broadcast_knows_only_its_address),
	   UNIT_TEST(broadcast_within_the_clients_prefix_is_broadcast),
	   UNIT_TEST(unicast_packet_in_a_broadcast_frame_is_told),
	   UNIT_TEST(mac_of_another_is_dropped_bit_by_bit),
	   UNIT_TEST(promiscuous_host_takes_frames_for_others),
	   UNIT_TEST(source_mac_must_be_a_hosts),
	   UNIT_TEST(vlan_tagged_and_foreign_types_are_dropped),
	   UNIT_TEST(sack_blocks_are_read_as_they_stand));
