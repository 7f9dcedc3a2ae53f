// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The Internet checksum (RFC 1071) with a 64-bit accumulator: 32-bit words are added without
// looking at carries (2^32 of them fit), and folded once at the end. Sums are in memory order, so
// nothing is swapped on either kind of machine.

#include "base/base.h"

// Adds `len` bytes (any length below 2^16, any alignment) to a running sum. An odd last byte counts
// as if a 0 followed.
HC_ALWAYS_INLINE uint64_t hc_csum_add(uint64_t sum, const uint8_t *p, uint32_t len)
{
	while (len >= 16) {
		uint64_t a = hc_load64(p);
		uint64_t b = hc_load64(p + 8);

		sum += (a & 0xffffffffu) + (a >> 32) + (b & 0xffffffffu) + (b >> 32);
		p += 16;
		len -= 16;
	}
	if (len & 8) {
		uint64_t a = hc_load64(p);

		sum += (a & 0xffffffffu) + (a >> 32);
		p += 8;
	}
	if (len & 4) {
		sum += hc_load32(p);
		p += 4;
	}
	if (len & 2) {
		sum += hc_load16(p);
		p += 2;
	}
	if (len & 1) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		sum += *p;
#else
		sum += (uint16_t)(*p << 8);
#endif
	}
	return sum;
}

// Folds a running sum to 16 bits. 0xffff and 0 both stand for zero.
HC_ALWAYS_INLINE uint16_t hc_csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffu) + (sum >> 16);
	sum = (sum & 0xffffu) + (sum >> 16);
	return (uint16_t)sum;
}

// The pseudo header of TCP (RFC 9293 3.1): addresses, protocol and TCP length.
HC_ALWAYS_INLINE uint64_t hc_csum_pseudo(hc_be32 src_be, hc_be32 dst_be, uint8_t proto,
					 uint16_t l4_len)
{
	return (uint64_t)(HC_FORCE uint32_t)src_be + (HC_FORCE uint32_t)dst_be +
	       (HC_FORCE uint16_t)hc_to_be16(proto) + (HC_FORCE uint16_t)hc_to_be16(l4_len);
}

// The finished checksum of a message whose own checksum field was 0 or left out of the sum, in wire
// order.
HC_ALWAYS_INLINE uint16_t hc_csum_finish(uint64_t sum)
{
	return (uint16_t)~hc_csum_fold(sum);
}

// Whether a sum over a message including its checksum field is right.
HC_ALWAYS_INLINE bool hc_csum_ok(uint64_t sum)
{
	return hc_csum_fold(sum) == 0xffff;
}
