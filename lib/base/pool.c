// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Which word of a pool to take from next. Two levels above the indices say which words may have a
// free one; a bit that is out of date is taken back when it is met.

#include "base/pool.h"

static uint32_t words(uint32_t bits)
{
	return bits / 64 + (bits % 64 != 0);
}

// An empty pool has a word all the same, which get() looks at.
static uint32_t first_words(uint32_t cap)
{
	return cap ? words(cap) : 1;
}

uint64_t hc_pool_bytes(uint32_t cap)
{
	uint32_t free = first_words(cap);
	uint32_t some = words(free);

	return ((uint64_t)free + some + words(some)) * sizeof(uint64_t);
}

static void set_first(uint64_t *word, uint32_t bits)
{
	for (; bits >= 64; bits -= 64)
		*word++ = UINT64_MAX;
	if (bits)
		*word = (UINT64_C(1) << bits) - 1;
}

void hc_pool_init(struct hc_pool *p, void *memory, uint32_t cap)
{
	uint32_t free = first_words(cap);
	uint32_t some = words(free);

	p->free = memory;
	p->some = p->free + free;
	p->more = p->some + some;
	p->more_len = words(some);
	p->at = 0;
	p->free_count = cap;
	p->cap = cap;
	*p->free = 0;
	set_first(p->free, cap);
	set_first(p->some, free);
	set_first(p->more, some);
}

bool hc_pool_seek(struct hc_pool *p)
{
	for (uint32_t i = 0; p->free_count && i < p->more_len; i++) {
		for (; p->more[i]; p->more[i] &= p->more[i] - 1) {
			uint32_t j = i * 64 + (uint32_t)__builtin_ctzll(p->more[i]);

			for (; p->some[j]; p->some[j] &= p->some[j] - 1) {
				p->at = j * 64 + (uint32_t)__builtin_ctzll(p->some[j]);
				if (p->free[p->at])
					return true;
			}
		}
	}
	HC_ASSERT(p->free_count == 0);
	return false;
}

void hc_pool_mark(struct hc_pool *p, uint32_t word)
{
	p->some[word / 64] |= UINT64_C(1) << word % 64;
	p->more[word / 64 / 64] |= UINT64_C(1) << word / 64 % 64;
}
