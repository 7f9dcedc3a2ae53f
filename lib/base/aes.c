// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The key schedule of AES-128 (FIPS 197 5.2).

#include "base/aes.h"

#if HC_HAS_AES

// The four words of a round key from those of the one before: each is the sum of all before it in
// its key, and of a word that the processor makes of the last one.
__attribute__((target("aes"))) static __m128i next_key(__m128i key, __m128i assist)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

// The instruction takes the round's constant as part of itself.
#define ROUND(i, rcon)                                                                             \
	do {                                                                                       \
		key = next_key(key, _mm_aeskeygenassist_si128(key, rcon));                         \
		_mm_storeu_si128((__m128i *)(void *)a->round_key[i], key);                         \
	} while (0)

__attribute__((target("aes"))) static void expand(struct hc_aes *a, const uint8_t *first)
{
	__m128i key = _mm_loadu_si128((const __m128i *)(const void *)first);

	_mm_storeu_si128((__m128i *)(void *)a->round_key[0], key);
	ROUND(1, 0x01);
	ROUND(2, 0x02);
	ROUND(3, 0x04);
	ROUND(4, 0x08);
	ROUND(5, 0x10);
	ROUND(6, 0x20);
	ROUND(7, 0x40);
	ROUND(8, 0x80);
	ROUND(9, 0x1b);
	ROUND(10, 0x36);
}

bool hc_aes_init(struct hc_aes *a, const uint8_t key[HC_AES_BYTES])
{
	memset(a, 0, sizeof *a);
	a->is_usable = __builtin_cpu_supports("aes");
	if (a->is_usable)
		expand(a, key);
	return a->is_usable;
}

#else

bool hc_aes_init(struct hc_aes *a, const uint8_t key[HC_AES_BYTES])
{
	(void)key;
	memset(a, 0, sizeof *a);
	return false;
}

#endif
