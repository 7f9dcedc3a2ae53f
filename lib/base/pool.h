// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A set of free indices: the allocator of every fixed array. One bit an index, and the lowest one
// of a word is given out first, the lowest word with any when that word is empty. So the working
// set stays small and in order: objects that were taken one after the other lie one behind the
// other, whatever the order in which they come back, and the processor sees the next one coming.
// A stack loses that order with time. The memory is the caller's; get() of an empty pool is a
// refusal, put() of what is free a bug.

#include "base/base.h"

struct hc_pool {
	uint64_t *free;    // Bit i of word j: whether index 64 * j + i is free.
	uint64_t *some;    // Bit j: word j of `free` may have a bit. 0: it has none.
	uint64_t *more;    // The same of the words of `some`.
	uint32_t at;       // The word that indices come from.
	uint32_t more_len; // Words of `more`.
	uint32_t free_count;
	uint32_t cap;
};

#define HC_POOL_SMALL_WORDS 3u // Words of memory for up to 64 indices.

// Bytes of memory for `cap` indices.
uint64_t hc_pool_bytes(uint32_t cap);

// Fills the pool with 0..cap-1. `memory` holds hc_pool_bytes(cap), aligned for uint64_t.
void hc_pool_init(struct hc_pool *p, void *memory, uint32_t cap);

// The parts of get() and put() that come once for 64 at best. Called by them alone.
bool hc_pool_seek(struct hc_pool *p);
void hc_pool_mark(struct hc_pool *p, uint32_t word);

// O(1) as a rule; where free indices are far between, one word in 2^18 indices is looked at.
HC_ALWAYS_INLINE uint32_t hc_pool_get(struct hc_pool *p)
{
	uint64_t word = p->free[p->at];

	if (HC_UNLIKELY(word == 0)) {
		if (!hc_pool_seek(p))
			return HC_IDX_NONE;
		word = p->free[p->at];
	}
	p->free[p->at] = word & (word - 1);
	p->free_count--;
	return p->at * 64 + (uint32_t)__builtin_ctzll(word);
}

HC_ALWAYS_INLINE void hc_pool_put(struct hc_pool *p, uint32_t idx)
{
	uint64_t *word = &p->free[idx / 64];
	uint64_t bit = UINT64_C(1) << idx % 64;

	HC_ASSERT(idx < p->cap);
	HC_ASSERT(!(*word & bit));
	if (HC_UNLIKELY(*word == 0))
		hc_pool_mark(p, idx / 64);
	*word |= bit;
	p->free_count++;
}

HC_ALWAYS_INLINE uint32_t hc_pool_used(const struct hc_pool *p)
{
	return p->cap - p->free_count;
}
