// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The pool of indices: every index once, the lowest first, refusal when empty, and an abort for
// what only a bug can do.

#include <string.h>

#include "base/pool.h"
#include "base/rng.h"

#include "runner.h"

#define CAP 64u

// Of a pool with two words on top, whose last words are not full.
#define LARGE_CAP   (64u * 64u * 64u + 64u * 7u + 5u)
#define LARGE_WORDS 4200u

static void full_pool_gives_every_index_from_the_lowest_up(void)
{
	uint64_t memory[HC_POOL_SMALL_WORDS];
	struct hc_pool p;

	hc_pool_init(&p, memory, CAP);
	UNIT_EQ(hc_pool_used(&p), 0);
	for (uint32_t i = 0; i < CAP; i++) {
		UNIT_EQ(hc_pool_get(&p), i);
		UNIT_EQ(hc_pool_used(&p), i + 1);
	}
}

static void empty_pool_refuses_until_something_comes_back(void)
{
	uint64_t memory[HC_POOL_SMALL_WORDS];
	struct hc_pool p;

	hc_pool_init(&p, memory, 2);
	UNIT_EQ(hc_pool_get(&p), 0);
	UNIT_EQ(hc_pool_get(&p), 1);
	UNIT_EQ(hc_pool_get(&p), HC_IDX_NONE);
	UNIT_EQ(hc_pool_get(&p), HC_IDX_NONE);
	UNIT_EQ(hc_pool_used(&p), 2);
	hc_pool_put(&p, 1);
	UNIT_EQ(hc_pool_get(&p), 1);
	UNIT_EQ(hc_pool_get(&p), HC_IDX_NONE);
}

static void pool_of_nothing_always_refuses(void)
{
	uint64_t memory[HC_POOL_SMALL_WORDS];
	struct hc_pool p;

	UNIT_EQ(hc_pool_bytes(0), sizeof memory);
	hc_pool_init(&p, memory, 0);
	UNIT_EQ(hc_pool_get(&p), HC_IDX_NONE);
	UNIT_EQ(hc_pool_used(&p), 0);
}

static void lowest_free_index_of_a_word_comes_first(void)
{
	uint64_t memory[HC_POOL_SMALL_WORDS];
	struct hc_pool p;

	hc_pool_init(&p, memory, CAP);
	for (uint32_t i = 0; i < 10; i++)
		UNIT_EQ(hc_pool_get(&p), i);
	hc_pool_put(&p, 7);
	hc_pool_put(&p, 3);
	UNIT_EQ(hc_pool_get(&p), 3);
	UNIT_EQ(hc_pool_get(&p), 7);
	UNIT_EQ(hc_pool_get(&p), 10);
}

static void large_pool(struct hc_pool *p)
{
	static uint64_t memory[LARGE_WORDS];

	UNIT_EXPECT(hc_pool_bytes(LARGE_CAP) <= sizeof memory);
	memset(memory, 0xff, sizeof memory);
	hc_pool_init(p, memory, LARGE_CAP);
}

// Two dozen words are used up and come back in an order that is none; word by word they go out in
// theirs.
static void what_comes_back_in_any_order_goes_out_in_order(void)
{
	enum { taken = 24 * 64, step = 601 };
	struct hc_pool p;

	large_pool(&p);
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < taken; i += 64) {
			uint32_t first = hc_pool_get(&p);

			UNIT_EQ(first % 64, 0);
			for (uint32_t k = 1; k < 64; k++)
				UNIT_EQ(hc_pool_get(&p), first + k);
		}
		for (uint32_t i = 0; i < taken; i++)
			hc_pool_put(&p, i * step % taken);
	}
}

// The word that is being taken from is used up before a lower one is looked for.
static void lower_word_waits_until_this_one_is_empty(void)
{
	struct hc_pool p;

	large_pool(&p);
	for (uint32_t i = 0; i < 64 + 60; i++)
		UNIT_EQ(hc_pool_get(&p), i);
	hc_pool_put(&p, 5);
	for (uint32_t i = 64 + 60; i < 128; i++)
		UNIT_EQ(hc_pool_get(&p), i);
	UNIT_EQ(hc_pool_get(&p), 5);
	UNIT_EQ(hc_pool_get(&p), 128);
}

// The lowest and the highest of a pool that is else empty are found again.
static void single_free_index_is_found_wherever_it_is(void)
{
	struct hc_pool p;

	large_pool(&p);
	for (uint32_t i = 0; i < LARGE_CAP; i++)
		UNIT_EQ(hc_pool_get(&p), i);
	UNIT_EQ(hc_pool_get(&p), HC_IDX_NONE);
	for (uint32_t i = 0; i < LARGE_CAP; i += 631) {
		hc_pool_put(&p, i);
		UNIT_EQ(hc_pool_get(&p), i);
		UNIT_EQ(hc_pool_get(&p), HC_IDX_NONE);
		hc_pool_put(&p, LARGE_CAP - 1 - i);
		UNIT_EQ(hc_pool_get(&p), LARGE_CAP - 1 - i);
	}
	UNIT_EQ(hc_pool_used(&p), LARGE_CAP);
}

// An index is never out twice and never lost, whatever the order of gets and puts: gets and puts by
// turns have the upper hand, so that the pool is empty and full again and again.
static void random_use_keeps_every_index_exactly_once(void)
{
	static uint32_t out[LARGE_CAP];
	static bool is_out[LARGE_CAP];
	uint32_t out_count = 0;
	bool is_emptying = false;
	struct hc_pool p;
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	memset(is_out, 0, sizeof is_out);
	large_pool(&p);
	for (unsigned i = 0; i < 1000000; i++) {
		if (out_count == 0 || out_count == LARGE_CAP)
			is_emptying = out_count != 0;
		if (hc_rng_below(&r, 8) == 0 ? is_emptying : !is_emptying) {
			uint32_t idx = hc_pool_get(&p);

			UNIT_EXPECT((idx == HC_IDX_NONE) == (out_count == LARGE_CAP));
			if (idx == HC_IDX_NONE)
				continue;
			UNIT_EXPECT(idx < LARGE_CAP && !is_out[idx]);
			is_out[idx] = true;
			out[out_count++] = idx;
		} else if (out_count != 0) {
			uint32_t at = hc_rng_below(&r, out_count);

			is_out[out[at]] = false;
			hc_pool_put(&p, out[at]);
			out[at] = out[--out_count];
		}
		UNIT_EXPECT(hc_pool_used(&p) == out_count);
	}
}

#if HC_WITH_ASSERT
static void put_what_is_free(void *arg)
{
	(void)hc_pool_get(arg);
	hc_pool_put(arg, 1);
}

static void put_beyond_end(void *arg)
{
	struct hc_pool *p = arg;

	(void)hc_pool_get(p);
	hc_pool_put(p, p->cap);
}
#endif

static void put_that_only_a_bug_can_do_aborts(void)
{
#if HC_WITH_ASSERT
	uint64_t memory[HC_POOL_SMALL_WORDS];
	struct hc_pool p;

	hc_pool_init(&p, memory, CAP);
	CU_ASSERT(unit_aborts(put_what_is_free, &p));
	CU_ASSERT(unit_aborts(put_beyond_end, &p));
#endif
}

UNIT_SUITE(pool, UNIT_TEST(full_pool_gives_every_index_from_the_lowest_up),
	   UNIT_TEST(empty_pool_refuses_until_something_comes_back),
	   UNIT_TEST(pool_of_nothing_always_refuses),
	   UNIT_TEST(lowest_free_index_of_a_word_comes_first),
	   UNIT_TEST(what_comes_back_in_any_order_goes_out_in_order),
	   UNIT_TEST(lower_word_waits_until_this_one_is_empty),
	   UNIT_TEST(single_free_index_is_found_wherever_it_is),
	   UNIT_TEST(random_use_keeps_every_index_exactly_once),
	   UNIT_TEST(put_that_only_a_bug_can_do_aborts));
