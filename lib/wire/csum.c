// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The Internet checksum of payloads. The sum is the same whatever the order of its words (RFC 1071
// 2 A), so the loop is one the compiler can spread over vector lanes: 32-bit loads added to 64-bit
// lanes, without carries between them.

#include "wire/csum.h"

// Below this the loop in hc_csum_add() is over before the vector loop has begun.
#define LONG_MIN_BYTES 64u

uint64_t hc_csum_add_long(uint64_t sum, const uint8_t *p, uint32_t len)
{
	uint32_t words = len / 4;

	if (len < LONG_MIN_BYTES)
		return hc_csum_add(sum, p, len);
	for (uint32_t i = 0; i < words; i++)
		sum += hc_load32(p + 4 * (size_t)i);
	return hc_csum_add(sum, p + 4 * (size_t)words, len % 4);
}
