// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The holes of a fragmented datagram: pieces in every order, duplicates, overlaps of every kind,
// ends that contradict each other, and random fragments held against a map of bytes.

#include "runner.h"

#include "base/rng.h"
#include "wire/holes.h"

#include <string.h>

#define CAP 4096u

static uint8_t area[CAP + HC_HOLES_SLACK];
static uint8_t whole[CAP];
static struct hc_holes holes;

static void begin(void)
{
	for (unsigned i = 0; i < CAP; i++)
		whole[i] = (uint8_t)(i * 13 + (i >> 8));
	memset(area, 0xee, sizeof area);
	hc_holes_init(&holes, area, CAP);
}

static enum hc_holes_answer put(uint32_t offset, uint32_t len, bool is_last)
{
	return hc_holes_fill(&holes, offset, whole + offset, len, is_last);
}

static void expect_whole(uint32_t len)
{
	UNIT_EQ(holes.len, len);
	UNIT_EQ(holes.count, 0);
	UNIT_EXPECT(memcmp(area, whole, len) == 0);
}

static void four_pieces_in_every_order_make_a_whole(void)
{
	static const uint32_t at[4] = {0, 8, 24, 1000};
	static const uint32_t len[4] = {8, 16, 976, 5};

	for (unsigned order = 0; order < 256; order++) {
		unsigned seen = 0;

		for (unsigned i = 0; i < 4; i++)
			seen |= 1u << (order >> 2 * i & 3);
		if (seen != 15)
			continue;
		begin();
		for (unsigned i = 0; i < 4; i++) {
			unsigned k = order >> 2 * i & 3;

			UNIT_EQ(put(at[k], len[k], k == 3),
				i == 3 ? HC_HOLES_COMPLETE : HC_HOLES_TAKEN);
		}
		expect_whole(1005);
	}
}

static void a_duplicate_changes_nothing(void)
{
	uint8_t other[16] = {0};

	begin();
	UNIT_EQ(put(16, 16, false), HC_HOLES_TAKEN);
	UNIT_EQ(put(16, 16, false), HC_HOLES_DUPLICATE);
	UNIT_EQ(hc_holes_fill(&holes, 16, other, 16, false), HC_HOLES_OVERLAP);
	UNIT_EQ(put(64, 3, true), HC_HOLES_TAKEN);
	UNIT_EQ(put(64, 3, true), HC_HOLES_DUPLICATE);
	UNIT_EQ(put(0, 16, false), HC_HOLES_TAKEN);
	UNIT_EQ(put(32, 32, false), HC_HOLES_COMPLETE);
	expect_whole(67);
}

static void every_overlap_is_told(void)
{
	// Against [64, 128), with more to come.
	static const uint32_t bad[][2] = {{56, 16}, {0, 72},  {120, 16},
					  {0, 256}, {64, 72}, {56, 72}};

	for (unsigned i = 0; i < HC_ARRAY_LEN(bad); i++) {
		begin();
		UNIT_EQ(put(64, 64, false), HC_HOLES_TAKEN);
		UNIT_EQ(put(bad[i][0], bad[i][1], false), HC_HOLES_OVERLAP);
		UNIT_EQ(put(bad[i][0], bad[i][1], true), HC_HOLES_OVERLAP);
		// And that has changed nothing.
		UNIT_EQ(put(0, 64, false), HC_HOLES_TAKEN);
		UNIT_EQ(put(128, 8, true), HC_HOLES_COMPLETE);
		expect_whole(136);
	}
}

static void an_end_that_contradicts_is_an_overlap(void)
{
	begin();
	UNIT_EQ(put(64, 8, false), HC_HOLES_TAKEN);
	UNIT_EQ(put(8, 8, true), HC_HOLES_OVERLAP);  // Something came from behind this end.
	UNIT_EQ(put(64, 8, true), HC_HOLES_OVERLAP); // It was said that more follows.
	UNIT_EQ(put(80, 4, true), HC_HOLES_TAKEN);
	UNIT_EQ(put(80, 8, true), HC_HOLES_OVERLAP);
	UNIT_EQ(put(80, 2, true), HC_HOLES_OVERLAP);
	UNIT_EQ(put(88, 8, false), HC_HOLES_OVERLAP);
	UNIT_EQ(put(88, 8, true), HC_HOLES_OVERLAP);
	UNIT_EQ(put(72, 8, true), HC_HOLES_OVERLAP);
	UNIT_EQ(put(72, 8, false), HC_HOLES_TAKEN);
	UNIT_EQ(put(0, 64, false), HC_HOLES_COMPLETE);
	expect_whole(84);
}

static void the_capacity_is_kept(void)
{
	begin();
	UNIT_EQ(put(CAP - 8, 8, false), HC_HOLES_TAKEN); // The last hole begins at the very end.
	UNIT_EQ(hc_holes_fill(&holes, CAP, whole, 1, true), HC_HOLES_LIMIT);
	UNIT_EQ(hc_holes_fill(&holes, CAP - 8, whole, 16, false), HC_HOLES_LIMIT);
	begin();
	UNIT_EQ(put(CAP - 8, 8, true), HC_HOLES_TAKEN);
	UNIT_EQ(put(0, CAP - 8, false), HC_HOLES_COMPLETE);
	expect_whole(CAP);
}

static void the_number_of_holes_is_bounded(void)
{
	begin();
	for (uint32_t i = 1; i < HC_HOLES_MAX; i++)
		UNIT_EQ(put(16 * i, 8, false), HC_HOLES_TAKEN);
	UNIT_EQ(holes.count, HC_HOLES_MAX);
	UNIT_EQ(put(16 * HC_HOLES_MAX, 8, false), HC_HOLES_LIMIT);
	// What makes no more of them still goes.
	UNIT_EQ(put(16 * HC_HOLES_MAX - 8, 8, false), HC_HOLES_TAKEN);
	UNIT_EQ(put(0, 16, false), HC_HOLES_TAKEN);
	UNIT_EQ(holes.count, HC_HOLES_MAX - 1);
}

// What a map of bytes says of a fragment.
static enum hc_holes_answer plainly(const bool *has, uint32_t *end, uint32_t offset, uint32_t len,
				    bool is_last)
{
	uint32_t top = 0;
	uint32_t here = 0;

	for (uint32_t i = 0; i < CAP; i++)
		top = has[i] ? i + 1 : top;
	for (uint32_t i = offset; i < offset + len; i++)
		here += has[i];
	if (here == len && (is_last ? *end == offset + len : *end == 0 || offset + len < *end))
		return HC_HOLES_DUPLICATE;
	if (here || (is_last && (*end || offset + len < top)) || (*end && offset + len > *end) ||
	    (*end && !is_last && offset + len == *end))
		return HC_HOLES_OVERLAP;
	return HC_HOLES_TAKEN;
}

static void random_fragments_agree_with_a_map_of_bytes(void)
{
	uint64_t tally[HC_HOLES_LIMIT + 1] = {0};
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t units = 1 + hc_rng_below(&r, 24);
		bool has[CAP] = {false};
		uint32_t end = 0;

		begin();
		for (unsigned i = 0; i < 60; i++) {
			uint32_t offset = 8 * hc_rng_below(&r, units);
			bool is_last = hc_rng_below(&r, 4) == 0;
			uint32_t len = 8 * (1 + hc_rng_below(&r, 3)) - (is_last ? round % 8 : 0);
			enum hc_holes_answer want = plainly(has, &end, offset, len, is_last);
			enum hc_holes_answer got = put(offset, len, is_last);

			if (want == HC_HOLES_TAKEN) {
				memset(has + offset, true, len);
				end = is_last ? offset + len : end;
				if (end && memchr(has, false, end) == NULL)
					want = HC_HOLES_COMPLETE;
			}
			UNIT_EXPECT(got == want);
			tally[got]++;
			if (got == HC_HOLES_COMPLETE) {
				expect_whole(end);
				break;
			}
		}
	}
	for (unsigned i = 0; i < HC_HOLES_LIMIT; i++)
		CU_ASSERT(tally[i] > 1000);
}

UNIT_SUITE(holes, UNIT_TEST(four_pieces_in_every_order_make_a_whole),
	   UNIT_TEST(a_duplicate_changes_nothing), UNIT_TEST(every_overlap_is_told),
	   UNIT_TEST(an_end_that_contradicts_is_an_overlap), UNIT_TEST(the_capacity_is_kept),
	   UNIT_TEST(the_number_of_holes_is_bounded),
	   UNIT_TEST(random_fragments_agree_with_a_map_of_bytes));
