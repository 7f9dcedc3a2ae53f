// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The keyed hashes: SipHash against published and OpenSSL's values; the table hash for what the
// flow table and its defence need of it: every bit of a key moves every bit of the hash, real
// tuples spread evenly in the bits that pick buckets and in those that make tags, and tuples that
// collide under one secret are strangers under another.

#include "base/hash.h"
#include "base/rng.h"

#include <stdlib.h>

#include "runner.h"

static struct hc_flow_key key_of(uint32_t local, uint32_t remote, uint16_t lport, uint16_t rport)
{
	return (struct hc_flow_key){
		.local_be = hc_to_be32(local),
		.remote_be = hc_to_be32(remote),
		.lport_be = hc_to_be16(lport),
		.rport_be = hc_to_be16(rport),
	};
}

// The clients of a benchmark: consecutive addresses, consecutive ports, one server.
static struct hc_flow_key nth_key(uint32_t i)
{
	return key_of(0x0a000001, 0x0a010000 + i / 1024, 80, (uint16_t)(1024 + i % 1024));
}

// Key 00..0f and message 00..0f (00..0b for 1-3) are the vectors of the reference implementation
// (2-4) and of Rust's library (1-3); the others are OpenSSL's: openssl mac -macopt hexkey:KEY
// -macopt size:8
// [-macopt c-rounds:1 -macopt d-rounds:3] SIPHASH.
static void siphash_gives_the_published_values(void)
{
	static const struct {
		uint64_t k0, k1, m0, m1, hash24, hash13;
	} v[] = {
		{0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x0706050403020100, 0x0f0e0d0c0b0a0908,
		 0x3f2acc7f57c29bdb, 0x78a384b157b4d9a2},
		{0x0706050403020100, 0x0f0e0d0c0b0a0908, 0, 0, 0x98a0d3c0ef557701,
		 0x05e4aec04656a4fb},
		{0, 0, 0, 0, 0x32caecc280172976, 0x21ce683a865794df},
		{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x1a27dd859ed29a2e,
		 0xb0f871e0c440bc42},
		{0x78695a4b3c2d1e0f, 0xf0e1d2c3b4a59687, 0x73616c63646e6168, 0x7361687069732d70,
		 0x4706771c8aa5fca3, 0xa84d9c8d83738e8d},
	};

	for (unsigned i = 0; i < HC_ARRAY_LEN(v); i++) {
		const struct hc_hash_secret s = {.k = {0, 0, v[i].k0, v[i].k1}};

		UNIT_EQ(hc_siphash(&s, v[i].m0, v[i].m1), v[i].hash24);
		UNIT_EQ(hc_siphash13(&s, v[i].m0, (uint32_t)v[i].m1), v[i].hash13);
	}
}

#if HC_HAS_AES
__attribute__((target("aes")))
#endif
static void
encrypt(const struct hc_aes *a, const uint8_t *from, uint8_t *to)
{
#if HC_HAS_AES
	__m128i block = _mm_loadu_si128((const __m128i *)(const void *)from);

	_mm_storeu_si128((__m128i *)(void *)to, hc_aes_encrypt(a, block));
#else
	CU_FAIL("a key is usable without AES");
	(void)a;
	memcpy(to, from, HC_AES_BYTES);
#endif
}

// FIPS 197, appendices B and C.1.
static void aes_gives_the_published_values(void)
{
	static const struct {
		uint8_t key[HC_AES_BYTES], plain[HC_AES_BYTES], cipher[HC_AES_BYTES];
	} v[] = {
		{{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09,
		  0xcf, 0x4f, 0x3c},
		 {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0,
		  0x37, 0x07, 0x34},
		 {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19,
		  0x6a, 0x0b, 0x32}},
		{{0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
		  0x0d, 0x0e, 0x0f},
		 {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
		  0xdd, 0xee, 0xff},
		 {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70,
		  0xb4, 0xc5, 0x5a}},
	};
	struct hc_aes a;

	for (unsigned i = 0; i < HC_ARRAY_LEN(v); i++) {
		uint8_t out[HC_AES_BYTES];

		if (!hc_aes_init(&a, v[i].key))
			return; // Not on this processor.
		encrypt(&a, v[i].plain, out);
		UNIT_EQ_BYTES(out, v[i].cipher, sizeof out);
	}
}

// Without AES it is SipHash; with it something else. Each bit of the key moves about half of the
// bits of either.
static void isn_hash_depends_on_each_bit_of_the_key(void)
{
	struct hc_flow_key key = nth_key(7);
	struct hc_hash_secret s, without;

	hc_hash_secret_init(&s, unit_seed());
	without = s;
	without.isn.is_usable = false;
	UNIT_EQ(hc_hash_isn(&without, &key),
		(uint32_t)hc_siphash13(&s, hc_load64(&key), hc_load32((const uint8_t *)&key + 8)));
	CU_ASSERT((hc_hash_isn(&s, &key) != hc_hash_isn(&without, &key)) == s.isn.is_usable);
	for (unsigned way = 0; way < 2; way++) {
		const struct hc_hash_secret *by = way ? &without : &s;
		unsigned flips = 0;

		for (unsigned bit = 0; bit < 8 * sizeof key; bit++) {
			struct hc_flow_key other = key;

			((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1u << bit % 8);
			CU_ASSERT(hc_hash_isn(by, &other) != hc_hash_isn(by, &key));
			flips += (unsigned)__builtin_popcount(hc_hash_isn(by, &other) ^
							      hc_hash_isn(by, &key));
		}
		// A binomial of 96 times 32 halves: within six standard deviations.
		CU_ASSERT(flips > 1536 - 6 * 28 && flips < 1536 + 6 * 28);
	}
}

static void siphash_depends_on_each_word_and_its_place(void)
{
	const struct hc_hash_secret s = {.k = {1, 2, 3, 4}};
	const struct hc_hash_secret table_keys_differ = {.k = {5, 6, 3, 4}};
	const struct hc_hash_secret k2_differs = {.k = {1, 2, 7, 4}};
	const struct hc_hash_secret k3_differs = {.k = {1, 2, 3, 8}};
	uint64_t hash = hc_siphash(&s, 10, 20);

	UNIT_EQ(hc_siphash(&table_keys_differ, 10, 20), hash);
	CU_ASSERT(hc_siphash(&k2_differs, 10, 20) != hash);
	CU_ASSERT(hc_siphash(&k3_differs, 10, 20) != hash);
	CU_ASSERT(hc_siphash(&s, 20, 10) != hash);
	CU_ASSERT(hc_siphash(&s, 11, 20) != hash);
	CU_ASSERT(hc_siphash(&s, 10, 21) != hash);
}

static void secret_is_the_same_for_the_same_seed_alone(void)
{
	struct hc_hash_secret a, b;

	hc_hash_secret_init(&a, 42);
	hc_hash_secret_init(&b, 42);
	UNIT_EQ_BYTES(&a, &b, sizeof a);
	for (unsigned i = 0; i < HC_ARRAY_LEN(a.k); i++)
		for (unsigned j = i + 1; j < HC_ARRAY_LEN(a.k); j++)
			CU_ASSERT(a.k[i] != a.k[j]);
	for (unsigned bit = 0; bit < 64; bit++) {
		hc_hash_secret_init(&b, 42 ^ 1ull << bit);
		for (unsigned i = 0; i < HC_ARRAY_LEN(a.k); i++)
			CU_ASSERT(a.k[i] != b.k[i]);
	}
}

static void equal_keys_are_those_with_equal_bytes(void)
{
	const struct hc_flow_key a = key_of(0x0a000001, 0x0a000002, 80, 40000);

	for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
		struct hc_flow_key b = a;

		CU_ASSERT(hc_flow_key_equal(&a, &b));
		((uint8_t *)&b)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CU_ASSERT(!hc_flow_key_equal(&a, &b));
		CU_ASSERT(!hc_flow_key_equal(&b, &a));
	}
}

// Flips each bit of random keys, under a new secret each time, and counts how often each bit of the
// hash flips with it: half of the time, within six standard deviations.
static void each_bit_of_a_key_moves_each_bit_of_the_hash(void)
{
	enum { ROUNDS = 2048, BITS = 8 * sizeof(struct hc_flow_key) };
	static uint32_t flips[BITS][32];
	const double deviation = 6 * 22.6; // Of a binomial of 2048 halves: sqrt(2048 / 4).
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct hc_hash_secret s;
		struct hc_flow_key key = nth_key((uint32_t)hc_rng_u64(&r) % 60000000);
		uint32_t hash;

		hc_hash_secret_init(&s, hc_rng_u64(&r));
		hash = hc_hash_key(&s, &key);
		for (unsigned bit = 0; bit < BITS; bit++) {
			struct hc_flow_key other = key;
			uint32_t diff;

			((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1u << bit % 8);
			diff = hc_hash_key(&s, &other) ^ hash;
			for (unsigned i = 0; i < 32; i++)
				flips[bit][i] += diff >> i & 1;
		}
	}
	for (unsigned bit = 0; bit < BITS; bit++) {
		for (unsigned i = 0; i < 32; i++) {
			double off = (double)flips[bit][i] - ROUNDS / 2.0;

			UNIT_EXPECT(off < deviation && off > -deviation);
		}
	}
}

// Chi-square of 2^20 consecutive tuples in 4096 boxes of 12 of the 32 bits: mean 4095, standard
// deviation 90.5.
static double chi_square(const struct hc_hash_secret *s, unsigned shift)
{
	enum { KEYS = 1 << 20, BOXES = 4096 };
	static uint32_t box[BOXES];
	const double expected = (double)KEYS / BOXES;
	double chi = 0;

	memset(box, 0, sizeof box);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct hc_flow_key key = nth_key(i);

		box[hc_hash_key(s, &key) >> shift & (BOXES - 1)]++;
	}
	for (unsigned i = 0; i < BOXES; i++)
		chi += ((double)box[i] - expected) * ((double)box[i] - expected) / expected;
	return chi;
}

static void consecutive_tuples_spread_like_random_ones(void)
{
	struct hc_hash_secret s;

	hc_hash_secret_init(&s, unit_seed());
	for (unsigned shift = 0; shift <= 20; shift += 4) {
		double chi = chi_square(&s, shift);

		CU_ASSERT(chi < 4095 + 6 * 90.5);
		CU_ASSERT(chi > 4095 - 6 * 90.5);
	}
}

struct hashed {
	uint32_t hash;
	uint32_t idx;
};

static int by_hash(const void *a, const void *b)
{
	uint32_t x = ((const struct hashed *)a)->hash;
	uint32_t y = ((const struct hashed *)b)->hash;

	return (x > y) - (x < y);
}

// Of 2^17 tuples about 512 pairs share 24 bits by chance. Under another secret each of them has the
// same chance again that any pair has, 2^-24. With CRC32 or Toeplitz all would collide again.
static void tuples_that_collide_are_strangers_under_another_secret(void)
{
	enum { KEYS = 1 << 17 };
	struct hashed *h = malloc(KEYS * sizeof *h);
	struct hc_hash_secret s, other;
	unsigned pairs = 0, again = 0;

	CU_ASSERT_FATAL(h != NULL);
	hc_hash_secret_init(&s, unit_seed());
	hc_hash_secret_init(&other, unit_seed() + 1);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct hc_flow_key key = nth_key(i);

		h[i] = (struct hashed){.hash = hc_hash_key(&s, &key) >> 8, .idx = i};
	}
	qsort(h, KEYS, sizeof *h, by_hash);
	for (uint32_t i = 1; i < KEYS; i++) {
		struct hc_flow_key a = nth_key(h[i - 1].idx);
		struct hc_flow_key b = nth_key(h[i].idx);

		if (h[i - 1].hash != h[i].hash)
			continue;
		pairs++;
		again += hc_hash_key(&other, &a) >> 8 == hc_hash_key(&other, &b) >> 8;
	}
	CU_ASSERT(pairs > 400 && pairs < 620);
	UNIT_EQ(again, 0);
	free(h);
}

// In a linear hash the difference of two keys alone decides the difference of their hashes.
static void hash_is_not_linear(void)
{
	struct hc_hash_secret s;
	struct hc_rng r;
	unsigned same = 0;

	hc_rng_seed(&r, unit_seed());
	hc_hash_secret_init(&s, unit_seed());
	for (unsigned i = 0; i < 10000; i++) {
		uint32_t remote = (uint32_t)hc_rng_u64(&r);
		uint32_t diff = 1u << hc_rng_below(&r, 32);
		struct hc_flow_key a = key_of(1, remote, 80, 1024);
		struct hc_flow_key b = key_of(1, remote ^ diff, 80, 1024);
		struct hc_flow_key c = key_of(1, remote, 80, 1025);
		struct hc_flow_key d = key_of(1, remote ^ diff, 80, 1025);

		same += (hc_hash_key(&s, &a) ^ hc_hash_key(&s, &b)) ==
			(hc_hash_key(&s, &c) ^ hc_hash_key(&s, &d));
	}
	UNIT_EQ(same, 0);
}

// Whichever way a key is written, the same twelve bytes stand there.
static void key_written_by_words_is_the_key(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 1000; i++) {
		struct hc_flow_key key, written;

		for (unsigned k = 0; k < sizeof key; k++)
			((uint8_t *)&key)[k] = (uint8_t)hc_rng_below(&r, 256);
		memset(&written, 0xaa, sizeof written);
		hc_flow_key_write(&written, &key);
		UNIT_EXPECT(memcmp(&written, &key, sizeof key) == 0);
	}
}

UNIT_SUITE(hash, UNIT_TEST(key_written_by_words_is_the_key),
	   UNIT_TEST(siphash_gives_the_published_values), UNIT_TEST(aes_gives_the_published_values),
	   UNIT_TEST(isn_hash_depends_on_each_bit_of_the_key),
	   UNIT_TEST(siphash_depends_on_each_word_and_its_place),
	   UNIT_TEST(secret_is_the_same_for_the_same_seed_alone),
	   UNIT_TEST(equal_keys_are_those_with_equal_bytes),
	   UNIT_TEST(each_bit_of_a_key_moves_each_bit_of_the_hash),
	   UNIT_TEST(consecutive_tuples_spread_like_random_ones),
	   UNIT_TEST(tuples_that_collide_are_strangers_under_another_secret),
	   UNIT_TEST(hash_is_not_linear));
