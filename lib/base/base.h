// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What every file needs: assertions, branch hints, prefetch, unaligned loads and byte order. No
// state.

#include "base/fault.h"

#include <stdint.h>
#include <string.h>

#include <handclasp/types.h>

#define HC_STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)
#define HC_LIKELY(x)                __builtin_expect(!!(x), 1)
#define HC_UNLIKELY(x)              __builtin_expect(!!(x), 0)
#define HC_NOINLINE                 __attribute__((noinline))
#define HC_COLD                     __attribute__((cold, noinline))
#define HC_UNUSED                   __attribute__((unused))
#define HC_CACHE_LINE               64u
#define HC_ALIGN_LINE               __attribute__((aligned(64)))
#define HC_ARRAY_LEN(a)             (sizeof(a) / sizeof((a)[0]))
#define HC_IDX_NONE                 UINT32_MAX

// Under sanitizers, where speed is no matter, the compiler may decide: with every check in every
// copy one file takes it half a minute.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HC_ALWAYS_INLINE static inline
#endif
#endif
#ifndef HC_ALWAYS_INLINE
#define HC_ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

// On in every build unless -Dassert=false, which exists so that the cost can be measured.
#if HC_WITH_ASSERT
#define HC_ASSERT(x)                                                                               \
	do {                                                                                       \
		if (HC_UNLIKELY(!(x)))                                                             \
			hc_assert_failed(#x, __FILE__, __LINE__);                                  \
	} while (0)
#else
#define HC_ASSERT(x) ((void)sizeof(!(x)))
#endif

__attribute__((noreturn, cold)) void hc_assert_failed(const char *what, const char *file, int line);

HC_ALWAYS_INLINE void hc_prefetch(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

HC_ALWAYS_INLINE void hc_prefetch_w(const void *p)
{
	__builtin_prefetch(p, 1, 3);
}

// Loads and stores that know no alignment. memcpy of a constant size is one instruction.
HC_ALWAYS_INLINE uint16_t hc_load16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

HC_ALWAYS_INLINE uint32_t hc_load32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

HC_ALWAYS_INLINE uint64_t hc_load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

HC_ALWAYS_INLINE void hc_store16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof v);
}

HC_ALWAYS_INLINE void hc_store32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

HC_ALWAYS_INLINE void hc_store64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof v);
}

#if defined(__CHECKER__)
#define HC_FORCE __attribute__((force))
#else
#define HC_FORCE
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HC_SWAP16(v) __builtin_bswap16(v)
#define HC_SWAP32(v) __builtin_bswap32(v)
#define HC_SWAP64(v) __builtin_bswap64(v)
#else
#define HC_SWAP16(v) (v)
#define HC_SWAP32(v) (v)
#define HC_SWAP64(v) (v)
#endif

HC_ALWAYS_INLINE uint16_t hc_from_be16(hc_be16 v)
{
	return HC_SWAP16((HC_FORCE uint16_t)v);
}

HC_ALWAYS_INLINE uint32_t hc_from_be32(hc_be32 v)
{
	return HC_SWAP32((HC_FORCE uint32_t)v);
}

HC_ALWAYS_INLINE hc_be16 hc_to_be16(uint16_t v)
{
	return (HC_FORCE hc_be16)HC_SWAP16(v);
}

HC_ALWAYS_INLINE hc_be32 hc_to_be32(uint32_t v)
{
	return (HC_FORCE hc_be32)HC_SWAP32(v);
}

HC_ALWAYS_INLINE hc_be16 hc_load_be16(const void *p)
{
	return (HC_FORCE hc_be16)hc_load16(p);
}

HC_ALWAYS_INLINE hc_be32 hc_load_be32(const void *p)
{
	return (HC_FORCE hc_be32)hc_load32(p);
}

HC_ALWAYS_INLINE void hc_store_be16(void *p, hc_be16 v)
{
	hc_store16(p, (HC_FORCE uint16_t)v);
}

HC_ALWAYS_INLINE void hc_store_be32(void *p, hc_be32 v)
{
	hc_store32(p, (HC_FORCE uint32_t)v);
}

HC_ALWAYS_INLINE uint32_t hc_min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

HC_ALWAYS_INLINE uint32_t hc_max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}
