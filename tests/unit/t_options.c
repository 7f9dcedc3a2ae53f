// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// TCP options: each kind well formed and malformed, lengths that lie, the layouts that real stacks
// send, options that only a SYN may carry, and a second, plainer parser that has to agree on
// anything.

#include "base/rng.h"
#include "wire/parse.h"

#include "frames.h"
#include "runner.h"

#define FRAME_OPT_OFF 54u // Where options stand in a frame without IP options.

struct answer {
	bool is_ok;
	struct hc_seg seg;
};

// RFC 7413 4.1.1.
static bool is_cookie(unsigned olen)
{
	return olen == 2 || (olen >= 6 && olen <= 18 && olen % 2 == 0);
}

// The options are parsed where memory ends.
static struct answer parse(const uint8_t *opt, uint32_t len, bool is_syn)
{
	struct answer a;

	memset(&a, 0xa5, sizeof a);
	a.seg.payload_off = (uint16_t)(FRAME_OPT_OFF + len);
	a.is_ok = hc_parse_tcp_options(frame_at_edge(opt, len), len, is_syn, &a.seg);
	return a;
}

#define PARSE(is_syn, ...)                                                                         \
	parse((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), is_syn)

static void check_nothing_found(const struct answer *a)
{
	UNIT_EQ(a->seg.opts, 0);
	UNIT_EQ(a->seg.tsval, 0);
	UNIT_EQ(a->seg.tsecr, 0);
	UNIT_EQ(a->seg.mss, 0);
	UNIT_EQ(a->seg.wscale, 0);
}

// RFC 9293 3.2, as plain as can be: one byte at a time.
static struct answer parse_plainly(const uint8_t *opt, uint32_t len, bool is_syn)
{
	struct answer a = {.is_ok = true};
	uint32_t i = 0;

	while (i < len) {
		uint32_t kind = opt[i];
		uint32_t olen;

		if (kind == 0)
			return a;
		if (kind == 1) {
			i++;
			continue;
		}
		a.is_ok = false;
		if (i + 1 >= len)
			return a;
		olen = opt[i + 1];
		if (olen < 2 || i + olen > len)
			return a;
		if ((kind == 2 && olen != 4) || (kind == 3 && olen != 3) ||
		    (kind == 4 && olen != 2) || (kind == 8 && olen != 10) ||
		    (kind == 5 && olen != 10 && olen != 18 && olen != 26 && olen != 34))
			return a;
		a.is_ok = true;
		if (kind == 2 && is_syn && frame_get16(opt + i + 2) != 0) {
			a.seg.opts |= HC_OPT_MSS;
			a.seg.mss = (uint16_t)frame_get16(opt + i + 2);
		} else if (kind == 3 && is_syn) {
			a.seg.opts |= HC_OPT_WSCALE;
			a.seg.wscale = opt[i + 2];
		} else if (kind == 4 && is_syn) {
			a.seg.opts |= HC_OPT_SACK_PERMITTED;
		} else if (kind == 5 && !is_syn && !(a.seg.opts & HC_OPT_SACK)) {
			a.seg.opts |= HC_OPT_SACK;
			a.seg.sack_off = (uint8_t)(FRAME_OPT_OFF + i);
		} else if (kind == 34 && is_syn && is_cookie(olen) &&
			   !(a.seg.opts & HC_OPT_FASTOPEN)) {
			a.seg.opts |= HC_OPT_FASTOPEN;
			a.seg.fastopen_off = (uint8_t)(FRAME_OPT_OFF + i);
		} else if (kind == 8) {
			a.seg.opts |= HC_OPT_TIMESTAMPS;
			a.seg.tsval = frame_get32(opt + i + 2);
			a.seg.tsecr = frame_get32(opt + i + 6);
		}
		i += olen;
	}
	return a;
}

static bool answers_agree(const struct answer *a, const struct answer *b)
{
	return a->is_ok == b->is_ok && a->seg.opts == b->seg.opts && a->seg.mss == b->seg.mss &&
	       a->seg.wscale == b->seg.wscale && a->seg.tsval == b->seg.tsval &&
	       a->seg.tsecr == b->seg.tsecr &&
	       (!(a->seg.opts & (HC_OPT_SACK | HC_OPT_FASTOPEN)) ||
		a->seg.sack_off == b->seg.sack_off);
}

static void none_at_all_is_well_formed(void)
{
	struct answer a = parse(NULL, 0, true);

	CU_ASSERT(a.is_ok);
	check_nothing_found(&a);
}

static void each_option_is_read(void)
{
	struct answer a = PARSE(true, 2, 4, 0x05, 0xb4);

	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_MSS);
	UNIT_EQ(a.seg.mss, 1460);
	a = PARSE(true, 3, 3, 7);
	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_WSCALE);
	UNIT_EQ(a.seg.wscale, 7);
	a = PARSE(true, 4, 2);
	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_SACK_PERMITTED);
	a = PARSE(false, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8);
	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_TIMESTAMPS);
	UNIT_EQ(a.seg.tsval, 0x01020304);
	UNIT_EQ(a.seg.tsecr, 0x05060708);
}

static void check_syn(const struct answer *a, uint8_t opts)
{
	CU_ASSERT(a->is_ok);
	UNIT_EQ(a->seg.opts, opts);
	UNIT_EQ(a->seg.mss, 1460);
	UNIT_EQ(a->seg.wscale, opts & HC_OPT_WSCALE ? 7 : 0);
	UNIT_EQ(a->seg.tsval, opts & HC_OPT_TIMESTAMPS ? 0x0a0b0c0d : 0);
	UNIT_EQ(a->seg.tsecr, 0);
}

static void syns_of_real_stacks_are_read(void)
{
	const uint8_t all = HC_OPT_MSS | HC_OPT_WSCALE | HC_OPT_SACK_PERMITTED | HC_OPT_TIMESTAMPS;
	struct answer a;

	// Linux.
	a = PARSE(true, 2, 4, 5, 0xb4, 4, 2, 8, 10, 10, 11, 12, 13, 0, 0, 0, 0, 1, 3, 3, 7);
	check_syn(&a, all);
	// FreeBSD.
	a = PARSE(true, 2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 10, 11, 12, 13, 0, 0, 0, 0);
	check_syn(&a, all);
	// macOS.
	a = PARSE(true, 2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 8, 10, 10, 11, 12, 13, 0, 0, 0, 0, 4, 2, 0,
		  0);
	check_syn(&a, all);
	// Windows: no timestamps.
	a = PARSE(true, 2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2);
	check_syn(&a, HC_OPT_MSS | HC_OPT_WSCALE | HC_OPT_SACK_PERMITTED);
	// Ours.
	a = PARSE(true, 2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 8, 10, 10, 11, 12, 13, 0, 0, 0, 0);
	check_syn(&a, HC_OPT_MSS | HC_OPT_WSCALE | HC_OPT_TIMESTAMPS);
	a = PARSE(true, 2, 4, 5, 0xb4);
	check_syn(&a, HC_OPT_MSS);
}

static void options_of_a_syn_mean_nothing_elsewhere(void)
{
	struct answer a = PARSE(false, 2, 4, 5, 0xb4, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);

	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_TIMESTAMPS);
	UNIT_EQ(a.seg.mss, 0);
	UNIT_EQ(a.seg.wscale, 0);
	UNIT_EQ(a.seg.tsval, 1);
	UNIT_EQ(a.seg.tsecr, 2);
}

// Kind 0 ends the list: what follows is padding, whatever it looks like.
static void nothing_is_read_behind_the_end_of_the_list(void)
{
	struct answer a = PARSE(true, 0, 2, 4, 5, 0xb4, 2, 1);

	CU_ASSERT(a.is_ok);
	check_nothing_found(&a);
	a = PARSE(true, 2, 4, 5, 0xb4, 0, 3, 3, 7);
	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_MSS);
}

// RFC 9293 MUST-6.
static void unknown_options_are_skipped_by_their_length(void)
{
	for (unsigned kind = 0; kind < 256; kind++) {
		uint8_t opt[40] = {0};

		if (kind <= HC_TCPOPT_SACK || kind == 8 || kind == 34)
			continue;
		for (uint8_t len = 2; len <= 36; len++) {
			struct answer a;

			memset(opt, 0, sizeof opt);
			opt[0] = (uint8_t)kind;
			opt[1] = len;
			memcpy(opt + len, (const uint8_t[]){2, 4, 5, 0xb4}, 4);
			a = parse(opt, len + 4u, true);
			UNIT_EXPECT(a.is_ok);
			UNIT_EXPECT(a.seg.opts == HC_OPT_MSS && a.seg.mss == 1460);
		}
	}
}

// Every kind with every length in every room: an option is taken only if its length is the right
// one and all of it is there. RFC 9293 MUST-7 names length 0.
static void lengths_that_lie_end_the_walk(void)
{
	static const uint8_t right[9] = {[2] = 4, [3] = 3, [4] = 2, [8] = 10};

	for (unsigned kind = 2; kind < 256; kind++) {
		for (unsigned len = 0; len < 256; len++) {
			for (uint32_t room = 1; room <= 40; room += room < 12 ? 1 : 7) {
				uint8_t opt[40];
				bool fits = room >= 2 && len >= 2 && len <= room;
				struct answer a;

				memset(opt, HC_TCPOPT_NOP, sizeof opt);
				opt[0] = (uint8_t)kind;
				if (room >= 2)
					opt[1] = (uint8_t)len;
				if (kind <= 4 || kind == 8)
					fits = fits && len == right[kind];
				if (kind == HC_TCPOPT_SACK)
					fits = fits && len >= 10 && len % 8 == 2;
				a = parse(opt, room, true);
				UNIT_EXPECT(a.is_ok == fits);
				UNIT_EXPECT((a.seg.opts != 0) ==
					    (fits && (kind <= 4 || kind == 8 ||
						      (kind == 34 && is_cookie(len)))));
			}
		}
	}
}

static void what_came_before_a_malformed_option_stands(void)
{
	struct answer a = PARSE(true, 2, 4, 5, 0xb4, 3, 0, 7, 1, 4, 2);

	CU_ASSERT(!a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_MSS);
	UNIT_EQ(a.seg.mss, 1460);
	a = PARSE(true, 2, 4, 5, 0xb4, 3, 3);
	CU_ASSERT(!a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_MSS);
	a = PARSE(false, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 8, 9);
	CU_ASSERT(!a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_TIMESTAMPS);
	UNIT_EQ(a.seg.tsval, 1);
}

static void last_of_two_stands(void)
{
	struct answer a = PARSE(true, 2, 4, 5, 0xb4, 2, 4, 2, 0x18, 3, 3, 7, 3, 3, 2);

	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.mss, 0x218);
	UNIT_EQ(a.seg.wscale, 2);
}

static void mss_of_zero_is_as_if_absent(void)
{
	struct answer a = PARSE(true, 2, 4, 0, 0, 1, 3, 3, 7);

	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.opts, HC_OPT_WSCALE);
	UNIT_EQ(a.seg.mss, 0);
}

// RFC 7323 2.3 lets the receiver limit it; the parser says what was sent.
static void window_scale_is_not_limited_here(void)
{
	struct answer a = PARSE(true, 3, 3, 255);

	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.wscale, 255);
}

static void forty_bytes_are_read_to_the_end(void)
{
	uint8_t opt[40];
	struct answer a;

	memset(opt, HC_TCPOPT_NOP, sizeof opt);
	a = parse(opt, sizeof opt, true);
	CU_ASSERT(a.is_ok);
	check_nothing_found(&a);
	memcpy(opt + 36, (const uint8_t[]){2, 4, 1, 2}, 4);
	a = parse(opt, sizeof opt, true);
	CU_ASSERT(a.is_ok);
	UNIT_EQ(a.seg.mss, 0x0102);
	memset(opt, HC_TCPOPT_NOP, sizeof opt);
	opt[39] = HC_TCPOPT_MSS;
	a = parse(opt, sizeof opt, true);
	CU_ASSERT(!a.is_ok);
	check_nothing_found(&a);
}

// Every real layout, cut at every byte.
static void cut_layouts_agree_with_the_plain_parser(void)
{
	static const uint8_t linux_syn[] = {2,  4,  5, 0xb4, 4, 2, 8, 10, 10, 11,
					    12, 13, 0, 0,    0, 0, 1, 3,  3,  7};
	static const uint8_t macos_syn[] = {2,  4,  5,  0xb4, 1, 3, 3, 7, 1, 1, 8, 10,
					    10, 11, 12, 13,   0, 0, 0, 0, 4, 2, 0, 0};

	for (unsigned is_syn = 0; is_syn < 2; is_syn++) {
		for (uint32_t len = 0; len <= sizeof linux_syn; len++) {
			struct answer a = parse(linux_syn, len, is_syn);
			struct answer b = parse_plainly(linux_syn, len, is_syn);

			CU_ASSERT(answers_agree(&a, &b));
		}
		for (uint32_t len = 0; len <= sizeof macos_syn; len++) {
			struct answer a = parse(macos_syn, len, is_syn);
			struct answer b = parse_plainly(macos_syn, len, is_syn);

			CU_ASSERT(answers_agree(&a, &b));
		}
	}
}

// Puts together what options are made of, in any order and with faults.
static uint32_t random_options(struct hc_rng *r, uint8_t *opt)
{
	static const uint8_t pieces[][13] = {
		{1, 1},
		{1, 0},
		{4, 2, 4, 5, 0xb4},
		{3, 3, 3, 7},
		{2, 4, 2},
		{4, 1, 3, 3, 9},
		{4, 1, 1, 4, 2},
		{4, 2, 4, 0, 0},
		{2, 5, 2},
		{5, 254, 5, 1, 2},
		{2, 1, 1},
		{10, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8},
		{12, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8},
		{12, 4, 2, 8, 10, 8, 7, 6, 5, 4, 3, 2, 1},
	};
	uint32_t len = 0;

	while (len < 40 && hc_rng_below(r, 8) != 0) {
		const uint8_t *piece = pieces[hc_rng_below(r, HC_ARRAY_LEN(pieces))];

		for (unsigned i = 1; i <= piece[0] && len < 40; i++)
			opt[len++] = piece[i];
	}
	while (len != 0 && hc_rng_below(r, 4) == 0)
		opt[hc_rng_below(r, len)] = (uint8_t)hc_rng_below(r, hc_rng_below(r, 2) ? 12 : 256);
	return len;
}

static void random_options_agree_with_the_plain_parser(void)
{
	unsigned ok_count = 0;
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 1000000; i++) {
		uint8_t opt[40];
		uint32_t len = random_options(&r, opt);
		bool is_syn = hc_rng_below(&r, 2);
		struct answer a = parse(opt, len, is_syn);
		struct answer b = parse_plainly(opt, len, is_syn);

		UNIT_EXPECT(answers_agree(&a, &b));
		ok_count += a.is_ok;
	}
	CU_ASSERT(ok_count > 200000 && ok_count < 900000);
}

// RFC 7413 4.1.1: of a length that cannot be, or without SYN, the option means nothing.
static void a_cookie_is_read_where_it_stands(void)
{
	uint8_t frame[FRAME_OPT_OFF + 40] = {0};
	uint8_t *opt = frame + FRAME_OPT_OFF;

	for (unsigned olen = 2; olen <= 38; olen++) {
		struct hc_seg seg = {.payload_off = FRAME_OPT_OFF + 40};
		const uint8_t *cookie = NULL;
		uint32_t len;

		memset(opt, HC_TCPOPT_NOP, 40);
		opt[1] = HC_TCPOPT_FASTOPEN;
		opt[2] = (uint8_t)olen;
		CU_ASSERT(hc_parse_tcp_options(opt, 40, true, &seg));
		UNIT_EQ(seg.opts, is_cookie(olen) ? HC_OPT_FASTOPEN : 0);
		len = hc_parse_fastopen(frame, &seg, &cookie);
		UNIT_EQ(len, is_cookie(olen) ? olen - 2 : 0);
		if (len)
			UNIT_EQ(cookie - opt, 3);
		CU_ASSERT(hc_parse_tcp_options(opt, 40, false, &seg));
		UNIT_EQ(seg.opts, 0);
	}
}

UNIT_SUITE(options, UNIT_TEST(a_cookie_is_read_where_it_stands),
	   UNIT_TEST(none_at_all_is_well_formed), UNIT_TEST(each_option_is_read),
	   UNIT_TEST(syns_of_real_stacks_are_read),
	   UNIT_TEST(options_of_a_syn_mean_nothing_elsewhere),
	   UNIT_TEST(nothing_is_read_behind_the_end_of_the_list),
	   UNIT_TEST(unknown_options_are_skipped_by_their_length),
	   UNIT_TEST(lengths_that_lie_end_the_walk),
	   UNIT_TEST(what_came_before_a_malformed_option_stands), UNIT_TEST(last_of_two_stands),
	   UNIT_TEST(mss_of_zero_is_as_if_absent), UNIT_TEST(window_scale_is_not_limited_here),
	   UNIT_TEST(forty_bytes_are_read_to_the_end),
	   UNIT_TEST(cut_layouts_agree_with_the_plain_parser),
	   UNIT_TEST(random_options_agree_with_the_plain_parser));
