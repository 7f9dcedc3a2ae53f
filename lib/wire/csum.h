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

// From so many bytes on hc_csum_add_long() is worth its call.
#define HC_CSUM_LONG_BYTES 512u

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

// Whether a sum over a message including its checksum field is right, when it cannot be 0: an IPv4
// header's has its version in it, TCP's the protocol. Of this remainder the compilers make a
// multiplication and a comparison, which is less than folding.
HC_ALWAYS_INLINE bool hc_csum_some_ok(uint64_t sum)
{
	return sum % 0xffff == 0;
}

// The same of any sum.
HC_ALWAYS_INLINE bool hc_csum_ok(uint64_t sum)
{
	return hc_csum_some_ok(sum) && sum != 0;
}

// Wide sums, for headers of a known length: whole 64-bit words, with the carry brought round to bit
// 0, which costs one instruction per eight bytes (RFC 1071 2 (C)). They fold like any other sum,
// but must not be added to by +. The compilers make three instructions of each carry, so x86-64
// gets the chain written out.
HC_ALWAYS_INLINE uint64_t hc_csum_wide1(uint64_t sum, uint64_t a)
{
	sum += a;
	return sum + (sum < a);
}

HC_ALWAYS_INLINE uint64_t hc_csum_wide2(uint64_t sum, uint64_t a, uint64_t b)
{
#if defined(__x86_64__) && !defined(HC_NO_SIMD)
	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq $0, %0" : "+&r"(sum) : "r"(a), "r"(b) : "cc");
	return sum;
#else
	return hc_csum_wide1(hc_csum_wide1(sum, a), b);
#endif
}

HC_ALWAYS_INLINE uint64_t hc_csum_wide3(uint64_t sum, uint64_t a, uint64_t b, uint64_t c)
{
#if defined(__x86_64__) && !defined(HC_NO_SIMD)
	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq %3, %0\n\tadcq $0, %0"
		: "+&r"(sum)
		: "r"(a), "r"(b), "r"(c)
		: "cc");
	return sum;
#else
	return hc_csum_wide1(hc_csum_wide2(sum, a, b), c);
#endif
}

HC_ALWAYS_INLINE uint64_t hc_csum_wide5(uint64_t sum, uint64_t a, uint64_t b, uint64_t c,
					uint64_t d, uint64_t e)
{
#if defined(__x86_64__) && !defined(HC_NO_SIMD)
	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq %3, %0\n\tadcq %4, %0\n\tadcq %5, %0\n\t"
		"adcq $0, %0"
		: "+&r"(sum)
		: "r"(a), "r"(b), "r"(c), "r"(d), "r"(e)
		: "cc");
	return sum;
#else
	return hc_csum_wide2(hc_csum_wide3(sum, a, b, c), d, e);
#endif
}

// The 20 bytes of an IPv4 or TCP header, added to a wide sum.
HC_ALWAYS_INLINE uint64_t hc_csum_wide20(uint64_t sum, const uint8_t *p)
{
	return hc_csum_wide3(sum, hc_load64(p), hc_load64(p + 8), hc_load32(p + 16));
}

// Eight bytes each at p to p + 24, added to a wide sum where they lie.
HC_ALWAYS_INLINE uint64_t hc_csum_wide32(uint64_t sum, const uint8_t *p)
{
#if defined(__x86_64__) && !defined(HC_NO_SIMD)
	typedef struct {
		uint8_t bytes[32];
	} block;

	__asm__("addq (%1), %0\n\tadcq 8(%1), %0\n\tadcq 16(%1), %0\n\tadcq 24(%1), %0\n\t"
		"adcq $0, %0"
		: "+&r"(sum)
		: "r"(p), "m"(*(const block *)(const void *)p)
		: "cc");
	return sum;
#else
	sum = hc_csum_wide2(sum, hc_load64(p), hc_load64(p + 8));
	return hc_csum_wide2(sum, hc_load64(p + 16), hc_load64(p + 24));
#endif
}

// The first 12 bytes of an IPv4 header, added to a wide sum: of the addresses behind them.
HC_ALWAYS_INLINE uint64_t hc_csum_wide12(uint64_t sum, const uint8_t *p)
{
#if defined(__x86_64__) && !defined(HC_NO_SIMD)
	uint64_t last = hc_load32(p + 8);

	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq $0, %0"
		: "+&r"(sum)
		: "m"(*(const uint8_t(*)[8])(const void *)p), "r"(last)
		: "cc");
	return sum;
#else
	return hc_csum_wide2(sum, hc_load64(p), hc_load32(p + 8));
#endif
}

// A word and the 20 bytes of a TCP header, added to a wide sum.
HC_ALWAYS_INLINE uint64_t hc_csum_wide_word20(uint64_t sum, uint64_t word, const uint8_t *p)
{
#if defined(__x86_64__) && !defined(HC_NO_SIMD)
	uint64_t last = hc_load32(p + 16);

	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq %3, %0\n\tadcq %4, %0\n\tadcq $0, %0"
		: "+&r"(sum)
		: "r"(word), "m"(*(const uint8_t(*)[8])(const void *)p),
		  "m"(*(const uint8_t(*)[8])(const void *)(p + 8)), "r"(last)
		: "cc");
	return sum;
#else
	return hc_csum_wide2(hc_csum_wide2(sum, word, hc_load32(p + 16)), hc_load64(p),
			     hc_load64(p + 8));
#endif
}

// A word and the 32 bytes of a TCP header with timestamps, added to a wide sum.
HC_ALWAYS_INLINE uint64_t hc_csum_wide_word32(uint64_t sum, uint64_t word, const uint8_t *p)
{
#if defined(__x86_64__) && !defined(HC_NO_SIMD)
	typedef struct {
		uint8_t bytes[32];
	} block;

	__asm__("addq %1, %0\n\tadcq (%2), %0\n\tadcq 8(%2), %0\n\tadcq 16(%2), %0\n\t"
		"adcq 24(%2), %0\n\tadcq $0, %0"
		: "+&r"(sum)
		: "r"(word), "r"(p), "m"(*(const block *)(const void *)p)
		: "cc");
	return sum;
#else
	return hc_csum_wide32(hc_csum_wide1(sum, word), p);
#endif
}

// The last 1 to 7 bytes before `end` as a word that nothing follows. Eight bytes are read there.
HC_ALWAYS_INLINE uint64_t hc_csum_last(const uint8_t *end, uint32_t len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return hc_load64(end - 8) >> (64 - 8 * len);
#else
	return hc_load64(end - 8) << (64 - 8 * len);
#endif
}

// `len` bytes, added to a wide sum: payloads of some hundred bytes. An odd last byte counts as if a
// 0 followed.
HC_ALWAYS_INLINE uint64_t hc_csum_wide_bytes(uint64_t sum, const uint8_t *p, uint32_t len)
{
	if (HC_UNLIKELY(len < 8))
		return hc_csum_wide1(sum, hc_csum_add(0, p, len));
	for (; len >= 32; p += 32, len -= 32)
		sum = hc_csum_wide32(sum, p);
	if (len & 16) {
		sum = hc_csum_wide2(sum, hc_load64(p), hc_load64(p + 8));
		p += 16;
	}
	if (len & 8) {
		sum = hc_csum_wide1(sum, hc_load64(p));
		p += 8;
	}
	len &= 7;
	return len ? hc_csum_wide1(sum, hc_csum_last(p + len, len)) : sum;
}

// The same of bytes that are copied to `to`, which must not overlap them.
HC_ALWAYS_INLINE uint64_t hc_csum_wide_copy(uint64_t sum, uint8_t *to, const uint8_t *p,
					    uint32_t len)
{
	if (HC_UNLIKELY(len < 8)) {
		for (uint32_t i = 0; i < len; i++)
			to[i] = p[i];
		return hc_csum_wide1(sum, hc_csum_add(0, p, len));
	}
	for (const uint8_t *end = p + (len & ~31u); p != end; p += 32, to += 32) {
		memcpy(to, p, 32);
		sum = hc_csum_wide32(sum, p);
	}
	if (len & 16) {
		memcpy(to, p, 16);
		sum = hc_csum_wide2(sum, hc_load64(p), hc_load64(p + 8));
		p += 16;
		to += 16;
	}
	if (len & 8) {
		memcpy(to, p, 8);
		sum = hc_csum_wide1(sum, hc_load64(p));
		p += 8;
		to += 8;
	}
	len &= 7;
	if (len == 0)
		return sum;
	// Some of these were copied before, as the same.
	memcpy(to + len - 8, p + len - 8, 8);
	if (HC_FAULT(last_bytes_not_in_the_sum))
		return sum;
	return hc_csum_wide1(sum, hc_csum_last(p + len, len));
}

// Protocol and length of the pseudo header, as a word to add beside the addresses.
HC_ALWAYS_INLINE uint32_t hc_csum_pseudo_word(uint8_t proto, uint32_t l4_len)
{
	return (HC_FORCE uint32_t)hc_to_be32((uint32_t)proto << 16 | l4_len);
}
