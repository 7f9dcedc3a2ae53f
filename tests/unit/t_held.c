// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The arithmetic of what is held out of order, against a map with a cell for each sequence number:
// random pieces, at three places of the sequence space, long enough that each range is joined,
// grown at either end and refused. A run prints nothing; unit_seed() repeats it.

#include "tcp/held.h"

#include "base/rng.h"

#include "runner.h"

#include <string.h>

#define SPAN 200u // Cells of the map.

static const hc_seq bases[3] = {0, 0xffffffa0u, 0x7fffff90u};
static struct hc_rng rng;

// The map, and the order in which it says that ranges last grew.
struct oracle {
	hc_seq base;
	bool is_held[SPAN];
	unsigned grown_at[SPAN]; // When the range of this cell last grew.
};

static unsigned ranges_of(const struct oracle *o)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SPAN; i++)
		count += o->is_held[i] && (i == 0 || !o->is_held[i - 1]);
	return count;
}

// The ranges are those of the map, disjoint and apart, the most recent first.
static void check(const struct hc_held *h, const struct oracle *o)
{
	unsigned last = UINT32_MAX;
	unsigned cells = 0;

	UNIT_EXPECT(h->count == ranges_of(o));
	for (unsigned i = 0; i < h->count; i++) {
		const struct hc_seq_range *r = &h->range[h->recent[i]];
		uint32_t lo = r->lo - o->base;
		uint32_t hi = r->hi - o->base;

		UNIT_EXPECT(lo < hi && hi <= SPAN);
		if (lo >= hi || hi > SPAN)
			return;
		UNIT_EXPECT(lo == 0 || !o->is_held[lo - 1]);
		UNIT_EXPECT(hi == SPAN || !o->is_held[hi]);
		for (uint32_t j = lo; j < hi; j++)
			UNIT_EXPECT(o->is_held[j] && o->grown_at[j] == o->grown_at[lo]);
		UNIT_EXPECT(o->grown_at[lo] < last);
		last = o->grown_at[lo];
		cells += hi - lo;
	}
	for (unsigned i = 0; i < SPAN; i++)
		cells -= o->is_held[i];
	UNIT_EXPECT(cells == 0);
}

// The range around a cell grew, or was asked for, now.
static void grow(struct oracle *o, uint32_t cell, unsigned now)
{
	uint32_t lo = cell, hi = cell;

	// Both ends first: gcc 12 at -O1 does not run a loop over what lies between, if it also
	// looks for the end.
	while (lo > 0 && o->is_held[lo - 1])
		lo--;
	while (hi < SPAN && o->is_held[hi])
		hi++;
	for (uint32_t i = lo; i < hi; i++)
		o->grown_at[i] = now;
}

// Adds lo to before hi, piece by piece, to both.
static void add(struct hc_held *h, struct oracle *o, uint32_t lo, uint32_t hi, unsigned *now)
{
	struct hc_held_piece p;
	uint32_t at = lo;

	while (hc_held_next_piece(h, o->base + at, o->base + hi, &p)) {
		uint32_t from = p.at.lo - o->base;
		uint32_t to = p.at.hi - o->base;
		bool is_full = h->count == HC_HELD_MAX && p.left == HC_HELD_NONE &&
			       p.right == HC_HELD_NONE;
		uint8_t slot;

		// Everything before it is held, nothing of it is, and its ends are as told.
		for (uint32_t i = at; i < from; i++)
			UNIT_EXPECT(o->is_held[i]);
		for (uint32_t i = from; i < to; i++)
			UNIT_EXPECT(!o->is_held[i]);
		UNIT_EXPECT(to == hi || o->is_held[to]);
		UNIT_EXPECT((p.left != HC_HELD_NONE) == (from > 0 && o->is_held[from - 1]));
		UNIT_EXPECT((p.right != HC_HELD_NONE) == (to < SPAN && o->is_held[to]));
		slot = hc_held_take(h, &p);
		UNIT_EXPECT((slot == HC_HELD_NONE) == is_full);
		if (!is_full) {
			memset(o->is_held + from, true, to - from);
			grow(o, from, ++*now);
		}
		at = to;
	}
	for (uint32_t i = at; i < hi; i++)
		UNIT_EXPECT(o->is_held[i]);
	check(h, o);
}

// Asks what of lo to before hi is held.
static void find(struct hc_held *h, struct oracle *o, uint32_t lo, uint32_t hi, unsigned *now)
{
	struct hc_seq_range dup;
	uint32_t first = lo;
	uint32_t end;

	while (first < hi && !o->is_held[first])
		first++;
	for (end = first; end < hi && o->is_held[end];)
		end++;
	if (!hc_held_find(h, o->base + lo, o->base + hi, &dup)) {
		UNIT_EXPECT(first == hi);
		return;
	}
	UNIT_EXPECT(dup.lo == o->base + first && dup.hi == o->base + end);
	grow(o, first, ++*now);
	check(h, o);
}

// RCV.NXT moves on to a cell.
static void advance(struct hc_held *h, struct oracle *o, uint32_t cell)
{
	uint8_t slot;

	while ((slot = hc_held_due(h, o->base + cell)) != HC_HELD_NONE) {
		uint32_t lo = h->range[slot].lo - o->base;
		uint32_t hi = h->range[slot].hi - o->base;

		UNIT_EXPECT(lo <= cell);
		memset(o->is_held + lo, false, hi - lo);
		if (hi > cell)
			cell = hi;
		hc_held_drop(h, slot);
	}
	check(h, o);
	UNIT_EXPECT(cell >= SPAN || !o->is_held[cell]);
}

static void a_life(hc_seq base, unsigned steps)
{
	struct oracle o = {.base = base};
	struct hc_held h;
	unsigned now = 0;

	hc_held_init(&h);
	for (unsigned i = 0; i < steps; i++) {
		uint32_t lo = hc_rng_below(&rng, SPAN);
		uint32_t len = 1 + hc_rng_below(&rng, hc_rng_below(&rng, 8) ? 6 : 60);
		uint32_t hi = lo + len < SPAN ? lo + len : SPAN;

		switch (hc_rng_below(&rng, 16)) {
		case 0:
			advance(&h, &o, hc_rng_below(&rng, SPAN));
			break;
		case 1:
		case 2:
			find(&h, &o, lo, hi, &now);
			break;
		default:
			add(&h, &o, lo, hi, &now);
		}
	}
}

static void ranges_are_those_of_a_map(void)
{
	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < 3000; i++)
		a_life(bases[i % 3], 100);
}

static void the_thirteenth_gap_is_refused(void)
{
	struct hc_held_piece p;
	struct hc_held h;

	hc_held_init(&h);
	for (unsigned i = 0; i <= HC_HELD_MAX; i++) {
		CU_ASSERT(hc_held_next_piece(&h, 10 * i, 10 * i + 1, &p));
		UNIT_EQ(hc_held_take(&h, &p), i < HC_HELD_MAX ? i : HC_HELD_NONE);
	}
	UNIT_EQ(h.count, HC_HELD_MAX);
	// What fills a gap finds room, and makes some.
	CU_ASSERT(hc_held_next_piece(&h, 1, 10, &p));
	UNIT_EQ(hc_held_take(&h, &p), 0);
	UNIT_EQ(h.count, HC_HELD_MAX - 1);
	CU_ASSERT(hc_held_next_piece(&h, 500, 501, &p));
	UNIT_EQ(hc_held_take(&h, &p), 1);
}

static void the_first_fin_stands(void)
{
	struct hc_held_piece p;
	struct hc_held h;

	hc_held_init(&h);
	CU_ASSERT(hc_held_next_piece(&h, 100, 110, &p));
	UNIT_EQ(hc_held_take(&h, &p), 0);
	CU_ASSERT(!hc_held_take_fin(&h, 109));
	CU_ASSERT(!h.has_fin);
	CU_ASSERT(hc_held_take_fin(&h, 110));
	CU_ASSERT(hc_held_take_fin(&h, 110));
	CU_ASSERT(!hc_held_take_fin(&h, 111));
	UNIT_EQ(h.fin, 110);
	// No text behind it.
	UNIT_EQ(hc_held_text_end(&h, 110), 110);
	UNIT_EQ(hc_held_text_end(&h, 120), 110);
	UNIT_EQ(hc_held_text_end(&h, 105), 105);
	CU_ASSERT(!hc_held_fin_is_due(&h, 109));
	CU_ASSERT(hc_held_fin_is_due(&h, 110));
	// Text in its turn wins.
	CU_ASSERT(!hc_held_fin_is_due(&h, 111));
	CU_ASSERT(!h.has_fin);
}

// RFC 2018 4, RFC 2883 4: what came twice, then the range that grew last, then those before it.
static void blocks_tell_the_most_recent_first(void)
{
	const struct hc_seq_range dup = {.lo = 5, .hi = 6};
	struct hc_seq_range blocks[4];
	struct hc_held_piece p;
	struct hc_held h;

	hc_held_init(&h);
	UNIT_EQ(hc_held_blocks(&h, NULL, blocks, 4), 0);
	UNIT_EQ(hc_held_blocks(NULL, &dup, blocks, 4), 1);
	UNIT_EQ(blocks[0].lo, 5);
	for (unsigned i = 1; i <= 5; i++) {
		CU_ASSERT(hc_held_next_piece(&h, 100 * i, 100 * i + 10, &p));
		UNIT_EQ(hc_held_take(&h, &p), i - 1);
	}
	CU_ASSERT(hc_held_next_piece(&h, 210, 220, &p)); // The second grows.
	UNIT_EQ(hc_held_take(&h, &p), 1);
	UNIT_EQ(hc_held_blocks(&h, NULL, blocks, 4), 4);
	UNIT_EQ(blocks[0].lo, 200);
	UNIT_EQ(blocks[0].hi, 220);
	UNIT_EQ(blocks[1].lo, 500);
	UNIT_EQ(blocks[2].lo, 400);
	UNIT_EQ(blocks[3].lo, 300);
	UNIT_EQ(hc_held_blocks(&h, &dup, blocks, 3), 3);
	UNIT_EQ(blocks[0].lo, 5);
	UNIT_EQ(blocks[1].lo, 200);
	UNIT_EQ(blocks[2].lo, 500);
}

UNIT_SUITE(held, UNIT_TEST(blocks_tell_the_most_recent_first), UNIT_TEST(ranges_are_those_of_a_map),
	   UNIT_TEST(the_thirteenth_gap_is_refused), UNIT_TEST(the_first_fin_stands));
