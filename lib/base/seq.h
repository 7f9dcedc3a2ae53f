// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Arithmetic modulo 2^32 on sequence numbers, timestamps and tick clocks (RFC 9293 3.4, RFC
// 7323 5.2). Of two values less than 2^31 apart, hc_seq_lt() says which comes first; further apart
// the answer has no meaning.

#include "base/base.h"

typedef uint32_t hc_seq;

HC_ALWAYS_INLINE int32_t hc_seq_diff(hc_seq a, hc_seq b)
{
	return (int32_t)(a - b);
}

HC_ALWAYS_INLINE bool hc_seq_lt(hc_seq a, hc_seq b)
{
	return hc_seq_diff(a, b) < 0;
}

HC_ALWAYS_INLINE bool hc_seq_le(hc_seq a, hc_seq b)
{
	return hc_seq_diff(a, b) <= 0;
}

HC_ALWAYS_INLINE bool hc_seq_gt(hc_seq a, hc_seq b)
{
	return hc_seq_diff(a, b) > 0;
}

HC_ALWAYS_INLINE bool hc_seq_ge(hc_seq a, hc_seq b)
{
	return hc_seq_diff(a, b) >= 0;
}

// low <= x < low + size, with size up to 2^32 - 1.
HC_ALWAYS_INLINE bool hc_seq_in(hc_seq x, hc_seq low, uint32_t size)
{
	return x - low < size;
}
