// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A token bucket: lets so many things a second happen, by whatever clock it is shown. It keeps what
// was not used for as long as it is deep: in any time T no more than the rate allows in T and that
// depth. What polices, which refuses what is beyond the rate, is deep enough for a peer that does
// not come evenly; what shapes, where things wait for their turn, need not keep more than passes
// between two looks. It begins with next to nothing, so that from its beginning on it is the rate
// alone. It counts in billionths of a token, so a ns is worth as many of them as tokens come in a
// second, and nothing is rounded.
//
// Who is not run for a while (the machine had other things to do) is shown a clock that jumps. All
// that came in the meantime may then be used, for as long as the jump was: the limit is one of the
// thing that stands behind it, which would not have stood still.

#include "app.h"

#define BUCKET_POLICE_NS (10 * NS_PER_MS)
#define BUCKET_SHAPE_NS  NS_PER_MS
#define BUCKET_LEAST     4u // Tokens that it can hold, however few come, and begins with.
#define BUCKET_JUMP_NS   NS_PER_S
#define BUCKET_UNLIMITED UINT32_MAX
#define BUCKET_PER_S_MAX 1000000000u

struct bucket {
	uint64_t per_s; // 0: no limit.
	uint64_t depth_ns;
	uint64_t have; // Billionths.
	uint64_t at_ns;
	uint64_t jump_ns; // What is left of the last jump.
};

static inline uint64_t bucket_most(const struct bucket *b)
{
	return max_u64((b->depth_ns + b->jump_ns) * b->per_s, BUCKET_LEAST * NS_PER_S);
}

// At most BUCKET_PER_S_MAX. Its time begins when it is first shown a clock.
static inline void bucket_init(struct bucket *b, uint64_t per_s, uint64_t depth_ns)
{
	*b = (struct bucket){.per_s = per_s, .depth_ns = depth_ns, .have = BUCKET_LEAST * NS_PER_S};
}

// How many may happen now; BUCKET_UNLIMITED: any number.
static inline uint32_t bucket_fill(struct bucket *b, uint64_t now_ns)
{
	uint64_t gone_ns = b->at_ns ? min_u64(now_ns - b->at_ns, BUCKET_JUMP_NS) : 0;

	if (b->per_s == 0)
		return BUCKET_UNLIMITED;
	b->at_ns = now_ns;
	b->jump_ns = max_u64(b->jump_ns - min_u64(b->jump_ns, gone_ns), gone_ns);
	b->have = min_u64(b->have + gone_ns * b->per_s, bucket_most(b));
	return (uint32_t)min_u64(b->have / NS_PER_S, BUCKET_UNLIMITED - 1);
}

// So many of them did.
static inline void bucket_take(struct bucket *b, uint32_t n)
{
	if (b->per_s > 0)
		b->have -= min_u64(b->have, n * NS_PER_S);
}
