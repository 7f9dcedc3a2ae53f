// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The Internet checksum: RFC 1071's own example, every length and alignment against a sum byte by
// byte, folding against arithmetic modulo 0xffff, and the two zeroes.

#include "base/rng.h"
#include "wire/csum.h"

#include "frames.h"
#include "runner.h"

// A folded sum in host order, with the two zeroes made one.
static uint32_t folded(uint64_t sum)
{
	return hc_from_be16((HC_FORCE hc_be16)hc_csum_fold(sum)) % 0xffffu;
}

static void fill(struct hc_rng *r, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)hc_rng_u64(r);
}

static void example_of_rfc_1071_sums_to_ddf2(void)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	UNIT_EQ(folded(hc_csum_add(0, bytes, sizeof bytes)), 0xddf2);
	UNIT_EQ(folded(hc_csum_add_long(0, bytes, sizeof bytes)), 0xddf2);
	UNIT_EQ(frame_sum(0, bytes, sizeof bytes), 0xddf2);
}

static void every_length_and_alignment_sums_like_byte_by_byte(void)
{
	static uint8_t bytes[1600];
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned align = 0; align < 16; align++) {
		fill(&r, bytes, sizeof bytes);
		for (uint32_t len = 0; len < 300; len++) {
			uint32_t expected = frame_sum(0, bytes + align, len) % 0xffff;

			UNIT_EXPECT(folded(hc_csum_add(0, bytes + align, len)) == expected);
			UNIT_EXPECT(folded(hc_csum_add_long(0, bytes + align, len)) == expected);
		}
		for (uint32_t len = 1440; len < 1480; len++) {
			uint32_t expected = frame_sum(0, bytes + align, len) % 0xffff;

			UNIT_EXPECT(folded(hc_csum_add(0, bytes + align, len)) == expected);
			UNIT_EXPECT(folded(hc_csum_add_long(0, bytes + align, len)) == expected);
		}
	}
}

static void nothing_is_read_beyond_the_last_byte(void)
{
	static const uint8_t bytes[200];

	for (uint32_t len = 0; len <= sizeof bytes; len++) {
		const uint8_t *p = frame_at_edge(bytes, len);

		UNIT_EXPECT(hc_csum_add(0, p, len) == 0);
		UNIT_EXPECT(hc_csum_add_long(0, p, len) == 0);
	}
}

static void longest_packet_of_ones_does_not_overflow(void)
{
	static uint8_t bytes[65535];

	memset(bytes, 0xff, sizeof bytes);
	UNIT_EQ(folded(hc_csum_add(0, bytes, sizeof bytes)),
		frame_sum(0, bytes, sizeof bytes) % 0xffff);
	UNIT_EQ(folded(hc_csum_add_long(0, bytes, sizeof bytes)),
		frame_sum(0, bytes, sizeof bytes) % 0xffff);
}

static void pieces_of_even_length_sum_like_the_whole(void)
{
	uint8_t bytes[512];
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	fill(&r, bytes, sizeof bytes);
	for (uint32_t cut = 0; cut <= sizeof bytes; cut += 2) {
		uint64_t sum = hc_csum_add(0, bytes, cut);

		UNIT_EQ(folded(hc_csum_add(sum, bytes + cut, (uint32_t)sizeof bytes - cut)),
			frame_sum(0, bytes, sizeof bytes) % 0xffff);
		sum = hc_csum_add_long(0, bytes + cut, (uint32_t)sizeof bytes - cut);
		UNIT_EQ(folded(hc_csum_add(sum, bytes, cut)),
			frame_sum(0, bytes, sizeof bytes) % 0xffff);
	}
}

// Folding keeps the value modulo 0xffff, gives 0 for 0 alone, and 0xffff for its other multiples.
static void fold_is_the_remainder_and_only_zero_folds_to_zero(void)
{
	static const uint64_t edges[] = {
		0,
		1,
		0xfffe,
		0xffff,
		0x10000,
		0x1fffe,
		0xfffffffe,
		0xffffffff,
		0x100000000,
		0x1ffffffff,
		0xffffffffffff,
		1ull << 63,
		UINT64_MAX,
		UINT64_MAX - 1,
		UINT64_MAX - 0xffff,
	};
	struct hc_rng r;

	for (unsigned i = 0; i < HC_ARRAY_LEN(edges); i++) {
		UNIT_EQ(hc_csum_fold(edges[i]) % 0xffffu, edges[i] % 0xffff);
		UNIT_EQ(hc_csum_fold(edges[i]) == 0, edges[i] == 0);
		UNIT_EQ(hc_csum_ok(edges[i]), hc_csum_fold(edges[i]) == 0xffff);
		UNIT_EQ(hc_csum_some_ok(edges[i]), hc_csum_fold(edges[i]) % 0xffffu == 0);
	}
	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t sum = hc_rng_u64(&r) >> hc_rng_below(&r, 64);

		if (i % 4 == 0)
			sum -= sum % 0xffff;
		UNIT_EXPECT(hc_csum_fold(sum) % 0xffffu == sum % 0xffff);
		UNIT_EXPECT((hc_csum_fold(sum) == 0) == (sum == 0));
		UNIT_EXPECT(hc_csum_ok(sum) == (hc_csum_fold(sum) == 0xffff));
		UNIT_EXPECT(hc_csum_some_ok(sum) == (hc_csum_fold(sum) % 0xffffu == 0));
	}
}

static void wide_sums_fold_like_narrow_ones(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t word[4];
		uint8_t bytes[40];
		uint64_t wide = 0;

		// All ones in a row make carries out of carries.
		for (unsigned k = 0; k < HC_ARRAY_LEN(word); k++)
			word[k] = hc_rng_below(&r, 4) ? hc_rng_u64(&r) : UINT64_MAX;
		memcpy(bytes, word, 20);
		memcpy(bytes + 20, word, 20);
		for (unsigned k = 0; k < HC_ARRAY_LEN(word); k++)
			wide = hc_csum_wide1(wide, word[k]);
		UNIT_EXPECT(folded(wide) ==
			    folded(hc_csum_add(0, (const uint8_t *)word, sizeof word)));
		UNIT_EXPECT(folded(hc_csum_wide2(word[0], word[1], word[2])) ==
			    folded(hc_csum_add(0, (const uint8_t *)word, 24)));
		UNIT_EXPECT(folded(hc_csum_wide5(word[0], word[1], word[2], word[3], word[0],
						 word[1])) ==
			    folded(hc_csum_add(hc_csum_add(0, (const uint8_t *)word, 32),
					       (const uint8_t *)word, 16)));
		wide = hc_csum_wide20(word[3], bytes);
		UNIT_EXPECT(folded(wide) == folded(hc_csum_add(hc_csum_add(0, bytes, 20),
							       (const uint8_t *)&word[3], 8)));
	}
	UNIT_EQ(hc_csum_wide1(UINT64_MAX, 1), 1);
	UNIT_EQ(hc_csum_wide1(UINT64_MAX, UINT64_MAX), UINT64_MAX);
}

// Whether `len` bytes at p are copied, and nothing beside them, and sum up on the way and where
// they lie, both added to a sum that is there.
static bool copies_and_sums(const uint8_t *p, uint32_t len, uint64_t before)
{
	static uint8_t to[400];
	uint64_t expected = folded(hc_csum_wide1(before, hc_csum_add(0, p, len)));

	memset(to, 0xa5, sizeof to);
	return folded(hc_csum_wide_copy(before, to + 1, p, len)) == expected &&
	       folded(hc_csum_wide_bytes(before, p, len)) == expected &&
	       memcmp(to + 1, p, len) == 0 && to[0] == 0xa5 && to[1 + len] == 0xa5;
}

static void bytes_are_copied_and_summed_at_once(void)
{
	static uint8_t bytes[400];
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 16; i++) {
		fill(&r, bytes, sizeof bytes);
		if (i == 0)
			memset(bytes, 0xff, sizeof bytes);
		for (uint32_t len = 0; len < 380; len++) {
			const uint8_t *p = frame_at_edge(bytes + i, len);

			UNIT_EXPECT(copies_and_sums(p, len, hc_rng_u64(&r)));
			UNIT_EXPECT(copies_and_sums(p, len, UINT64_MAX));
		}
	}
}

static void pseudo_header_sums_like_its_picture(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 10000; i++) {
		uint32_t src = (uint32_t)hc_rng_u64(&r);
		uint32_t dst = (uint32_t)hc_rng_u64(&r);
		uint16_t len = (uint16_t)hc_rng_u64(&r);
		uint8_t proto = (uint8_t)hc_rng_u64(&r);
		uint32_t expected = frame_pseudo_sum(src, dst, proto, len) % 0xffff;
		uint8_t bytes[8];

		UNIT_EXPECT(folded(hc_csum_pseudo(hc_to_be32(src), hc_to_be32(dst), proto, len)) ==
			    expected);
		frame_put32(bytes, src);
		frame_put32(bytes + 4, dst);
		UNIT_EXPECT(folded(hc_csum_wide1(hc_load64(bytes),
						 hc_csum_pseudo_word(proto, len))) == expected);
	}
}

// What hc_csum_finish() puts in makes hc_csum_ok() true, and any other value makes it false.
static void finished_checksum_is_the_only_right_one(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned round = 0; round < 4; round++) {
		uint8_t bytes[20];
		uint16_t right;

		fill(&r, bytes, sizeof bytes);
		hc_store16(bytes + 10, 0);
		right = hc_csum_finish(hc_csum_add(0, bytes, sizeof bytes));
		for (uint32_t csum = 0; csum <= UINT16_MAX; csum++) {
			// 0 and 0xffff are the same number, but only one of them is ever sent.
			if (csum % 0xffff == right % 0xffffu && csum != right)
				continue;
			hc_store16(bytes + 10, (uint16_t)csum);
			UNIT_EXPECT(hc_csum_ok(hc_csum_add(0, bytes, sizeof bytes)) ==
				    (csum == right));
		}
	}
}

UNIT_SUITE(csum, UNIT_TEST(example_of_rfc_1071_sums_to_ddf2),
	   UNIT_TEST(every_length_and_alignment_sums_like_byte_by_byte),
	   UNIT_TEST(nothing_is_read_beyond_the_last_byte),
	   UNIT_TEST(longest_packet_of_ones_does_not_overflow),
	   UNIT_TEST(pieces_of_even_length_sum_like_the_whole),
	   UNIT_TEST(fold_is_the_remainder_and_only_zero_folds_to_zero),
	   UNIT_TEST(wide_sums_fold_like_narrow_ones),
	   UNIT_TEST(bytes_are_copied_and_summed_at_once),
	   UNIT_TEST(pseudo_header_sums_like_its_picture),
	   UNIT_TEST(finished_checksum_is_the_only_right_one));
