// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Two keyed functions of a connection's addresses and ports.
//
// hc_hash_key() places flows in the table: fast (two multiplications), keyed and non-linear, so
// that tuples which collide under one key do not collide under another (CRC32 and Toeplitz cannot
// give that). hc_hash_isn() is the pseudo-random function behind initial sequence numbers (RFC 6528
// 3), of which every connection takes one at each end: AES-128, or SipHash-1-3 on a processor that
// has no AES. hc_siphash() is SipHash-2-4, for secrets made from secrets.

#include "base/aes.h"
#include "base/base.h"

// The 12 bytes every flow object starts with, as they stand on the wire. "local" is this host.
struct hc_flow_key {
	hc_be32 local_be;
	hc_be32 remote_be;
	hc_be16 lport_be;
	hc_be16 rport_be;
};
HC_STATIC_ASSERT(sizeof(struct hc_flow_key) == 12, "a flow key is 12 bytes");

struct hc_hash_secret {
	uint64_t k[4]; // k[0], k[1]: table hash; k[2], k[3]: SipHash key.
	struct hc_aes isn;
};

HC_ALWAYS_INLINE uint64_t hc_hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

HC_ALWAYS_INLINE uint32_t hc_hash_key(const struct hc_hash_secret *s, const struct hc_flow_key *key)
{
	uint64_t addrs = hc_load64(key);
	uint64_t ports = hc_load32((const uint8_t *)key + 8);
	uint64_t h = hc_hash_fold(addrs ^ s->k[0], ports ^ s->k[1]);

	return (uint32_t)hc_hash_fold(h ^ s->k[1], s->k[0]);
}

// Writes a key by two stores, as wide as the loads that the functions here read it with: a
// processor hands a store on to a load only if it is of the whole of it.
HC_ALWAYS_INLINE void hc_flow_key_write(struct hc_flow_key *to, const struct hc_flow_key *from)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t addrs = (uint64_t)(HC_FORCE uint32_t)from->remote_be << 32 |
			 (HC_FORCE uint32_t)from->local_be;
	uint32_t ports = (uint32_t)(HC_FORCE uint16_t)from->rport_be << 16 |
			 (HC_FORCE uint16_t)from->lport_be;

	hc_store64(to, addrs);
	hc_store32((uint8_t *)to + 8, ports);
#else
	*to = *from;
#endif
}

HC_ALWAYS_INLINE bool hc_flow_key_equal(const struct hc_flow_key *a, const struct hc_flow_key *b)
{
	return ((hc_load64(a) ^ hc_load64(b)) | (uint64_t)(hc_load32((const uint8_t *)a + 8) ^
							   hc_load32((const uint8_t *)b + 8))) == 0;
}

// Expands one 64-bit seed into a secret. The same seed gives the same secret.
void hc_hash_secret_init(struct hc_hash_secret *s, uint64_t seed);

// SipHash-2-4 of two words under key k[2], k[3].
uint64_t hc_siphash(const struct hc_hash_secret *s, uint64_t m0, uint64_t m1);

// SipHash-1-3 of twelve bytes, as many as a flow's key has, under the same key.
uint64_t hc_siphash13(const struct hc_hash_secret *s, uint64_t m0, uint32_t m1);

// The part of a flow's initial sequence numbers that only who has the secret can tell.
uint32_t hc_hash_isn(const struct hc_hash_secret *s, const struct hc_flow_key *key);
