// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The seeded generator: splitmix64's own values, so that a seed printed anywhere means the same
// everywhere, and the bounds of hc_rng_below().

#include "base/rng.h"

#include "runner.h"

static void values_are_those_of_splitmix64(void)
{
	static const uint64_t expected[] = {
		6457827717110365317u, 3203168211198807973u,  9817491932198370423u,
		4593380528125082431u, 16408922859458223821u,
	};
	struct hc_rng r;

	hc_rng_seed(&r, 1234567);
	for (unsigned i = 0; i < HC_ARRAY_LEN(expected); i++)
		UNIT_EQ(hc_rng_u64(&r), expected[i]);
}

static void same_seed_gives_the_same_values_again(void)
{
	struct hc_rng a, b;

	hc_rng_seed(&a, unit_seed());
	hc_rng_seed(&b, unit_seed());
	for (unsigned i = 0; i < 1000; i++)
		UNIT_EQ(hc_rng_u64(&a), hc_rng_u64(&b));
}

static void below_stays_below(void)
{
	static const uint32_t bounds[] = {1, 2, 3, 7, 1000, 65535, 0x80000000, UINT32_MAX};
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned k = 0; k < HC_ARRAY_LEN(bounds); k++)
		for (unsigned i = 0; i < 20000; i++)
			UNIT_EXPECT(hc_rng_below(&r, bounds[k]) < bounds[k]);
}

// 60 000 throws of a die: 10 000 of each, standard deviation 91.
static void below_is_even(void)
{
	unsigned seen[6] = {0};
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 60000; i++)
		seen[hc_rng_below(&r, 6)]++;
	for (unsigned i = 0; i < 6; i++)
		CU_ASSERT(seen[i] > 10000 - 6 * 91 && seen[i] < 10000 + 6 * 91);
}

UNIT_SUITE(rng, UNIT_TEST(values_are_those_of_splitmix64),
	   UNIT_TEST(same_seed_gives_the_same_values_again), UNIT_TEST(below_stays_below),
	   UNIT_TEST(below_is_even));
