// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A small seeded generator (splitmix64) for tests, the impairment wire and jitter. Not for secrets.

#include "base/base.h"

struct hc_rng {
	uint64_t state;
};

HC_ALWAYS_INLINE void hc_rng_seed(struct hc_rng *r, uint64_t seed)
{
	r->state = seed;
}

HC_ALWAYS_INLINE uint64_t hc_rng_u64(struct hc_rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

// Uniform in [0, n), n > 0; the bias of the multiplication is below n / 2^32.
HC_ALWAYS_INLINE uint32_t hc_rng_below(struct hc_rng *r, uint32_t n)
{
	return (uint32_t)((hc_rng_u64(r) >> 32) * n >> 32);
}
