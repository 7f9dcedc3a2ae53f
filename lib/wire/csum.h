// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The Internet checksum (RFC 1071) with a 64-bit accumulator: 32-bit words are added without
// looking at carries (2^32 of them fit), and folded once at the end. Sums are in memory order, so
// nothing is swapped on either kind of machine.

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

// The same, out of line and faster for hundreds of bytes: payloads.
uint64_t hc_csum_add_long(uint64_t sum, const uint8_t *p, uint32_t len);

// Folds a running sum to 16 bits with end-around carries. 0xffff and 0 both stand for zero, and
// only a sum of 0 folds to 0. Adding a word to itself with its halves exchanged leaves the sum of
// the halves, carry included, in the upper one.
HC_ALWAYS_INLINE uint16_t hc_csum_fold(uint64_t sum)
{
	uint32_t half;

	sum += sum << 32 | sum >> 32;
	half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
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

// Wide sums, for headers of a known length: whole 64-bit words, with the carry brought round to bit
// 0, which makes one instruction of eight bytes. They fold like any other, but must not be added to
// by +. Sum and carry of a chain; the carry into the first addition is 0.
HC_ALWAYS_INLINE unsigned char hc_csum_carry(unsigned char carry, uint64_t *sum, uint64_t word)
{
#if defined(__x86_64__)
	unsigned long long next;

	carry = _addcarry_u64(carry, *sum, word, &next);
	*sum = next;
	return carry;
#else
	uint64_t next = *sum + word;
	unsigned char out = next < word;

	*sum = next + carry;
	return out | (*sum < next);
#endif
}

// Adds one word to a wide sum.
HC_ALWAYS_INLINE uint64_t hc_csum_wide_add(uint64_t sum, uint64_t word)
{
	unsigned char carry = hc_csum_carry(0, &sum, word);

	hc_csum_carry(carry, &sum, 0);
	return sum;
}

// Adds two words to a wide sum.
HC_ALWAYS_INLINE uint64_t hc_csum_wide_add2(uint64_t sum, uint64_t a, uint64_t b)
{
	unsigned char carry = hc_csum_carry(0, &sum, a);

	carry = hc_csum_carry(carry, &sum, b);
	hc_csum_carry(carry, &sum, 0);
	return sum;
}

// Adds the 20 bytes of an IPv4 or TCP header to a wide sum.
HC_ALWAYS_INLINE uint64_t hc_csum_wide_add20(uint64_t sum, const uint8_t *p)
{
	unsigned char carry = hc_csum_carry(0, &sum, hc_load64(p));

	carry = hc_csum_carry(carry, &sum, hc_load64(p + 8));
	carry = hc_csum_carry(carry, &sum, hc_load32(p + 16));
	hc_csum_carry(carry, &sum, 0);
	return sum;
}

// The pseudo header as a wide sum, of both addresses as they lie one after the other in memory.
HC_ALWAYS_INLINE uint64_t hc_csum_pseudo_wide(uint64_t addrs, uint8_t proto, uint16_t l4_len)
{
	return hc_csum_wide_add(addrs,
				(HC_FORCE uint32_t)hc_to_be32((uint32_t)proto << 16 | l4_len));
}
