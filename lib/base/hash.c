// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// SipHash-2-4 (Aumasson and Bernstein, 2012) for messages of exactly 16 bytes, its faster form
// SipHash-1-3 for those of 12, the function of sequence numbers, and the secret they are all keyed
// with. A message is two words; in memory it would be their bytes, little-endian.

#include "base/hash.h"

HC_ALWAYS_INLINE uint64_t rotl(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

HC_ALWAYS_INLINE void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

HC_ALWAYS_INLINE void sip_word(uint64_t v[4], uint64_t m, unsigned rounds)
{
	v[3] ^= m;
	for (unsigned i = 0; i < rounds; i++)
		sip_round(v);
	v[0] ^= m;
}

// SipHash-c-d, with both constants, of the words m[0] to m[n - 1], the last of which ends with the
// length.
HC_ALWAYS_INLINE uint64_t sip_hash(unsigned c, unsigned d, uint64_t k0, uint64_t k1,
				   const uint64_t *m, unsigned n)
{
	// "somepseudorandomlygeneratedbytes".
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575ull,
		k1 ^ 0x646f72616e646f6dull,
		k0 ^ 0x6c7967656e657261ull,
		k1 ^ 0x7465646279746573ull,
	};

	for (unsigned i = 0; i < n; i++)
		sip_word(v, m[i], c);
	v[2] ^= 0xff;
	for (unsigned i = 0; i < d; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t sip_hash24(uint64_t k0, uint64_t k1, uint64_t m0, uint64_t m1)
{
	const uint64_t m[3] = {m0, m1, 16ull << 56};

	return sip_hash(2, 4, k0, k1, m, 3);
}

uint64_t hc_siphash(const struct hc_hash_secret *s, uint64_t m0, uint64_t m1)
{
	return sip_hash24(s->k[2], s->k[3], m0, m1);
}

uint64_t hc_siphash13(const struct hc_hash_secret *s, uint64_t m0, uint32_t m1)
{
	const uint64_t m[2] = {m0, 12ull << 56 | m1};

	return sip_hash(1, 3, s->k[2], s->k[3], m, 2);
}

#if HC_HAS_AES
__attribute__((target("aes"))) static uint32_t aes_isn(const struct hc_aes *a,
						       const struct hc_flow_key *key)
{
	__m128i block =
		_mm_set_epi64x(hc_load32((const uint8_t *)key + 8), (int64_t)hc_load64(key));

	return (uint32_t)_mm_cvtsi128_si32(hc_aes_encrypt(a, block));
}
#endif

uint32_t hc_hash_isn(const struct hc_hash_secret *s, const struct hc_flow_key *key)
{
#if HC_HAS_AES
	if (HC_LIKELY(s->isn.is_usable))
		return aes_isn(&s->isn, key);
#endif
	return (uint32_t)hc_siphash13(s, hc_load64(key), hc_load32((const uint8_t *)key + 8));
}

// The words come out of SipHash under the seed, and not out of a cheap generator, so that whoever
// works out the table's keys from collisions has learnt nothing about the key of the sequence
// numbers.
void hc_hash_secret_init(struct hc_hash_secret *s, uint64_t seed)
{
	const unsigned n = HC_ARRAY_LEN(s->k);
	uint64_t aes_key[2];

	for (unsigned i = 0; i < n; i++)
		s->k[i] = sip_hash24(seed, ~seed, i, 0);
	s->k[0] |= 1; // A multiplier: an even one would lose a bit.
	for (unsigned i = 0; i < HC_ARRAY_LEN(aes_key); i++)
		aes_key[i] = sip_hash24(seed, ~seed, n + i, 0);
	(void)hc_aes_init(&s->isn, (const uint8_t *)aes_key);
}
