// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// AES-128 (FIPS 197) of single blocks by the processor's own instructions: as a pseudo-random
// function it costs a third of what SipHash does. Where there are none, nothing stands in for it.

#include "base/base.h"

#if defined(__x86_64__) && !defined(HC_NO_SIMD)
#define HC_HAS_AES 1
#else
#define HC_HAS_AES 0
#endif

#define HC_AES_BYTES  16u
#define HC_AES_ROUNDS 10u

struct hc_aes {
	uint8_t round_key[HC_AES_ROUNDS + 1][HC_AES_BYTES];
	bool is_usable; // Else the processor cannot do it.
};

// Expands a key. @return a->is_usable.
bool hc_aes_init(struct hc_aes *a, const uint8_t key[HC_AES_BYTES]);

#if HC_HAS_AES
#include <immintrin.h>

// One block of a usable key.
__attribute__((target("aes"))) static inline __m128i hc_aes_encrypt(const struct hc_aes *a,
								    __m128i block)
{
	const __m128i *key = (const __m128i *)(const void *)a->round_key;

	block = _mm_xor_si128(block, _mm_loadu_si128(key));
	for (unsigned i = 1; i < HC_AES_ROUNDS; i++)
		block = _mm_aesenc_si128(block, _mm_loadu_si128(key + i));
	return _mm_aesenclast_si128(block, _mm_loadu_si128(key + HC_AES_ROUNDS));
}
#endif
