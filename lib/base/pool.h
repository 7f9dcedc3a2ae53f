// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A stack of free indices: the allocator of every fixed array. Last out, first in, so that the
// working set stays small. The memory is the caller's; get() of an empty pool is a refusal, put()
// of a full one is a bug.

#include "base/base.h"

struct hc_pool {
	uint32_t *free_idx; // cap entries; the first free_count are free indices.
	uint32_t free_count;
	uint32_t cap;
};

// Fills the pool with 0..cap-1, the lowest on top. `memory` holds cap uint32_t.
static inline void hc_pool_init(struct hc_pool *p, uint32_t *memory, uint32_t cap)
{
	p->free_idx = memory;
	p->free_count = cap;
	p->cap = cap;
	for (uint32_t i = 0; i < cap; i++)
		memory[i] = cap - 1 - i;
}

HC_ALWAYS_INLINE uint32_t hc_pool_get(struct hc_pool *p)
{
	if (HC_UNLIKELY(p->free_count == 0))
		return HC_IDX_NONE;
	return p->free_idx[--p->free_count];
}

HC_ALWAYS_INLINE void hc_pool_put(struct hc_pool *p, uint32_t idx)
{
	HC_ASSERT(p->free_count < p->cap);
	HC_ASSERT(idx < p->cap);
	p->free_idx[p->free_count++] = idx;
}

HC_ALWAYS_INLINE uint32_t hc_pool_used(const struct hc_pool *p)
{
	return p->cap - p->free_count;
}
