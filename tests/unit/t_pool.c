// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The pool of indices: every index once, last out first in, refusal when empty, and an abort for
// what only a bug can do.

#include "base/pool.h"
#include "base/rng.h"

#include "runner.h"

#define CAP 64u

static void full_pool_gives_every_index_from_the_lowest_up(void)
{
	uint32_t memory[CAP];
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
	uint32_t memory[2];
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
	struct hc_pool p;

	hc_pool_init(&p, NULL, 0);
	UNIT_EQ(hc_pool_get(&p), HC_IDX_NONE);
	UNIT_EQ(hc_pool_used(&p), 0);
}

static void last_put_is_first_got(void)
{
	uint32_t memory[CAP];
	struct hc_pool p;

	hc_pool_init(&p, memory, CAP);
	for (uint32_t i = 0; i < 10; i++)
		UNIT_EQ(hc_pool_get(&p), i);
	hc_pool_put(&p, 3);
	hc_pool_put(&p, 7);
	UNIT_EQ(hc_pool_get(&p), 7);
	UNIT_EQ(hc_pool_get(&p), 3);
	UNIT_EQ(hc_pool_get(&p), 10);
}

// An index is never out twice and never lost, whatever the order of gets and puts.
static void random_use_keeps_every_index_exactly_once(void)
{
	uint32_t memory[CAP], out[CAP];
	bool is_out[CAP] = {false};
	uint32_t out_count = 0;
	struct hc_pool p;
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	hc_pool_init(&p, memory, CAP);
	for (unsigned i = 0; i < 100000; i++) {
		if (hc_rng_below(&r, 2)) {
			uint32_t idx = hc_pool_get(&p);

			UNIT_EXPECT((idx == HC_IDX_NONE) == (out_count == CAP));
			if (idx == HC_IDX_NONE)
				continue;
			UNIT_EXPECT(idx < CAP && !is_out[idx]);
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
static void put_into_full(void *arg)
{
	hc_pool_put(arg, 0);
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
	uint32_t memory[CAP];
	struct hc_pool p;

	hc_pool_init(&p, memory, CAP);
	CU_ASSERT(unit_aborts(put_into_full, &p));
	CU_ASSERT(unit_aborts(put_beyond_end, &p));
#endif
}

UNIT_SUITE(pool, UNIT_TEST(full_pool_gives_every_index_from_the_lowest_up),
	   UNIT_TEST(empty_pool_refuses_until_something_comes_back),
	   UNIT_TEST(pool_of_nothing_always_refuses), UNIT_TEST(last_put_is_first_got),
	   UNIT_TEST(random_use_keeps_every_index_exactly_once),
	   UNIT_TEST(put_that_only_a_bug_can_do_aborts));
