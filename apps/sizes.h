// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Sizes of requests and responses: one, or several with the shares in which they come.

#include <stdint.h>

#include "draw.h"

#define SIZES_MAX      8u
#define SIZE_SHARE_MAX 1000000000u

struct size_share {
	uint64_t bytes;
	uint64_t weight;
};

struct size_mix {
	struct size_share item[SIZES_MAX];
	unsigned count;  // 0: one size, which stands elsewhere.
	uint64_t weight; // Of all.
};

// How many there are to tell apart.
static inline unsigned sizes_count(const struct size_mix *s)
{
	return s->count ? s->count : 1;
}

// One of them, in the shares they have.
static inline unsigned sizes_draw(const struct size_mix *s, uint64_t *random)
{
	uint64_t left = s->count > 1 ? (uint64_t)(draw_unit(random) * (double)s->weight) : 0;
	unsigned i = 0;

	while (i + 1 < s->count && left >= s->item[i].weight)
		left -= s->item[i++].weight;
	return i;
}
