// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Sequence arithmetic: the order of two values that are less than 2^31 apart, wherever the circle
// is cut, and windows that wrap (RFC 9293 3.4).

#include "base/rng.h"
#include "base/seq.h"

#include "runner.h"

// Where wrapping shows: both ends of the circle and its sign bit.
static const hc_seq edges[] = {0,          1,          2,          0x7ffffffe, 0x7fffffff,
			       0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};

static void order_holds_wherever_the_circle_is_cut(void)
{
	static const uint32_t ahead[] = {1, 2, 1000, 65535, 0x7ffffffe, 0x7fffffff};

	for (unsigned i = 0; i < HC_ARRAY_LEN(edges); i++) {
		for (unsigned k = 0; k < HC_ARRAY_LEN(ahead); k++) {
			hc_seq a = edges[i];
			hc_seq b = a + ahead[k];

			CU_ASSERT(hc_seq_lt(a, b) && hc_seq_le(a, b));
			CU_ASSERT(!hc_seq_gt(a, b) && !hc_seq_ge(a, b));
			CU_ASSERT(hc_seq_gt(b, a) && hc_seq_ge(b, a));
			CU_ASSERT(!hc_seq_lt(b, a) && !hc_seq_le(b, a));
			UNIT_EQ(hc_seq_diff(b, a), ahead[k]);
		}
	}
}

static void equal_values_are_neither_before_nor_after(void)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(edges); i++) {
		hc_seq a = edges[i];

		CU_ASSERT(hc_seq_le(a, a) && hc_seq_ge(a, a));
		CU_ASSERT(!hc_seq_lt(a, a) && !hc_seq_gt(a, a));
		UNIT_EQ(hc_seq_diff(a, a), 0);
	}
}

static void window_holds_its_first_and_last_and_no_more(void)
{
	static const uint32_t sizes[] = {1, 2, 1000, 65535, 0x40000000, 0x7fffffff, 0xfffffffe};

	for (unsigned i = 0; i < HC_ARRAY_LEN(edges); i++) {
		for (unsigned k = 0; k < HC_ARRAY_LEN(sizes); k++) {
			hc_seq low = edges[i];
			uint32_t size = sizes[k];

			CU_ASSERT(hc_seq_in(low, low, size));
			CU_ASSERT(hc_seq_in(low + size - 1, low, size));
			CU_ASSERT(!hc_seq_in(low + size, low, size));
			CU_ASSERT(!hc_seq_in(low - 1, low, size));
		}
	}
}

static void empty_window_holds_nothing(void)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(edges); i++) {
		CU_ASSERT(!hc_seq_in(edges[i], edges[i], 0));
		CU_ASSERT(!hc_seq_in(edges[i] + 1, edges[i], 0));
		CU_ASSERT(!hc_seq_in(edges[i] - 1, edges[i], 0));
	}
}

// The model is 64-bit arithmetic on a number line on which nothing wraps.
static void random_values_agree_with_a_number_line(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t a = (hc_rng_u64(&r) >> 2) + (1ull << 32);
		uint32_t off = hc_rng_below(&r, 0x80000000u);
		uint32_t size = (uint32_t)hc_rng_u64(&r) >> hc_rng_below(&r, 31);
		uint64_t b = hc_rng_u64(&r) & 1 ? a + off : a - off;

		UNIT_EXPECT(hc_seq_lt((hc_seq)a, (hc_seq)b) == (a < b));
		UNIT_EXPECT(hc_seq_le((hc_seq)a, (hc_seq)b) == (a <= b));
		UNIT_EXPECT(hc_seq_gt((hc_seq)a, (hc_seq)b) == (a > b));
		UNIT_EXPECT(hc_seq_ge((hc_seq)a, (hc_seq)b) == (a >= b));
		// A window of up to half the circle sees the same.
		size >>= 1;
		UNIT_EXPECT(hc_seq_in((hc_seq)b, (hc_seq)a, size) == (b >= a && b - a < size));
	}
}

UNIT_SUITE(seq, UNIT_TEST(order_holds_wherever_the_circle_is_cut),
	   UNIT_TEST(equal_values_are_neither_before_nor_after),
	   UNIT_TEST(window_holds_its_first_and_last_and_no_more),
	   UNIT_TEST(empty_window_holds_nothing),
	   UNIT_TEST(random_values_agree_with_a_number_line));
