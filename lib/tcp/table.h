// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The flow table: from a keyed hash to references of the objects that may own the segment. One
// 64-byte line is a bucket of 10 tags and 10 references; a full bucket spills to the ones after it,
// and counts in `overflow` how many entries passed over it, so that a miss ends at the first line
// nobody passed. The key is not in the table but at the start of every object: the caller compares
// it there, on the line it is about to use anyway.
//
// A burst goes through in three loops, so that no cache miss is waited for:
//
//     home[i] = hc_table_home(t, hash[i]), and prefetch it;
//     ref[i] = hc_table_hint(t, home[i], &hash[i]), and prefetch the object it names;
//     compare the key in the object; if it differs (or the flow moved since), walk:
//
//     struct hc_table_cursor at;
//     hc_ref ref = hc_table_first(t, hash, &at);
//     while (ref != HC_REF_NONE && !key_is_at(ref))
//             ref = hc_table_next(t, &at);
//
// How far an entry may live from home only matters where a table is crowded over many buckets by
// chance. Filled at random until the first refusal, the worst of 20 tables of 2^18 buckets came to
// a load of 0.79 with 32 buckets of reach, 0.84 with 64, 0.89 with 128 and 0.92 with 256; sized by
// hc_table_buckets_for() a table refuses nothing.
//
// The low bits of the hash choose the home bucket, the top 16 are the tag. Up to 2^16 buckets the
// two are independent, and a full bucket names a wrong candidate once in 6 500 look-ups; every
// doubling from there on doubles that.
//
// One writer, no locks. Memory is the caller's. Insertion does not look for an equal key: find
// first. A cursor is good until the table is next changed.

#include "base/hash.h"

#if !defined(HC_NO_SIMD) && defined(__SSE2__)
#include <emmintrin.h>
#endif
#if !defined(HC_NO_SIMD) && defined(__AVX2__)
#include <immintrin.h>
#endif

// A reference names an object: two bits of kind, 30 of index.
typedef uint32_t hc_ref;

enum hc_ref_kind {
	HC_REF_TCB = 0,
	HC_REF_SYN = 1,
	HC_REF_TW = 2,
	HC_REF_OTHER = 3,
};

#define HC_REF_IDX_MASK 0x3fffffffu
#define HC_REF_NONE     UINT32_MAX // Kind OTHER, never inserted.

HC_ALWAYS_INLINE hc_ref hc_ref_make(enum hc_ref_kind kind, uint32_t idx)
{
	return (uint32_t)kind << 30 | idx;
}

HC_ALWAYS_INLINE enum hc_ref_kind hc_ref_kind(hc_ref ref)
{
	return (enum hc_ref_kind)(ref >> 30);
}

HC_ALWAYS_INLINE bool hc_ref_is_tcb(hc_ref ref)
{
	return ref <= HC_REF_IDX_MASK;
}

HC_ALWAYS_INLINE uint32_t hc_ref_idx(hc_ref ref)
{
	return ref & HC_REF_IDX_MASK;
}

#define HC_BUCKET_SLOTS     10u
#define HC_TABLE_PROBES_MAX 256u // Buckets an insertion looks at.

struct hc_bucket {
	/*  0 */ uint16_t tag[HC_BUCKET_SLOTS]; // 0: free.
	// Entries that wanted this bucket, or passed it, and live further on.
	/* 20 */ uint16_t overflow;
	/* 22 */ uint16_t spare;
	/* 24 */ hc_ref ref[HC_BUCKET_SLOTS];
} HC_ALIGN_LINE;
HC_STATIC_ASSERT(sizeof(struct hc_bucket) == 64, "a bucket is one cache line");
HC_STATIC_ASSERT(offsetof(struct hc_bucket, tag) == 0, "a vector load finds the tags");
HC_STATIC_ASSERT(offsetof(struct hc_bucket, overflow) == 20, "overflow stands behind the tags");
HC_STATIC_ASSERT(offsetof(struct hc_bucket, ref) == 24, "references fill the line");
// Who lives behind a bucket that it wanted or passed lives in one of the next HC_TABLE_PROBES_MAX -
// 1, so the count is always exact and never saturates.
HC_STATIC_ASSERT((HC_TABLE_PROBES_MAX - 1) * HC_BUCKET_SLOTS < UINT16_MAX, "overflow fits");

struct hc_table {
	struct hc_bucket *bucket;
	uint32_t bucket_mask;
	uint32_t hops_max; // How far from home an entry may live, in buckets.
	uint32_t count;    // Entries.
};

// A walk over the candidates of one hash. The caller's; lives in registers.
struct hc_table_cursor {
	uint32_t bucket_idx; // Bucket of the last candidate.
	uint32_t slot;       // Its slot.
	uint32_t hops;       // Its distance from home, in buckets.
	uint32_t lanes;      // Slots of this bucket still to be named: bit 2 * i is slot i.
	uint16_t tag;
};

// Buckets (a power of two) for `cap` entries, up to 2^30, at a load of at most about 0.8;
// sizeof(struct hc_bucket) bytes each.
uint32_t hc_table_buckets_for(uint32_t cap);

// Makes an empty table. `memory` holds `buckets` (a power of two) buckets, aligned to a line.
void hc_table_init(struct hc_table *t, void *memory, uint32_t buckets);

// Whether the table is consistent: every entry carries the tag of its hash, lives within reach of
// its home, and the overflow counts and `count` are what the entries say. hash_of(ctx, ref) is the
// hash an entry was inserted with. O(buckets), for audits and tests.
bool hc_table_check(const struct hc_table *t, uint32_t (*hash_of)(const void *ctx, hc_ref ref),
		    const void *ctx);

// What hc_table_insert(), hc_table_remove() and hc_table_replace() do when the home bucket alone
// does not decide. Called by them alone.
HC_MUST_USE bool hc_table_insert_far(struct hc_table *t, uint32_t hash, hc_ref ref);
void hc_table_remove_far(struct hc_table *t, uint32_t hash, hc_ref ref);
void hc_table_replace_far(struct hc_table *t, uint32_t hash, hc_ref old_ref, hc_ref new_ref);

// The tag of a hash; 0 stands for a free slot, so 0 becomes 1.
HC_ALWAYS_INLINE uint16_t hc_table_tag(uint32_t hash)
{
	return (uint16_t)hc_max_u32(hash >> 16, 1);
}

// The slots whose tag is `tag`: bit 2 * i for slot i.
HC_ALWAYS_INLINE uint32_t hc_bucket_lanes_scalar(const struct hc_bucket *b, uint16_t tag)
{
	uint32_t lanes = 0;

	for (unsigned i = 0; i < HC_BUCKET_SLOTS; i++)
		lanes |= (uint32_t)(b->tag[i] == tag) << (2 * i);
	return lanes;
}

HC_ALWAYS_INLINE uint32_t hc_bucket_lanes(const struct hc_bucket *b, uint16_t tag)
{
#if !defined(HC_NO_SIMD) && defined(__SSE2__)
	// Two loads of 16 bytes. One of 32 (AVX2) is no faster and costs a vzeroupper at every way
	// out. Of each lane's two equal bits one is kept; lanes from the 11th on are no tags.
	const __m128i *line = (const __m128i *)b;
	__m128i wanted = _mm_set1_epi16((short)tag);
	__m128i low = _mm_cmpeq_epi16(_mm_load_si128(line), wanted);
	__m128i high = _mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted);

	return ((uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16) &
	       0x55555u;
#else
	return hc_bucket_lanes_scalar(b, tag);
#endif
}

// The bucket where a walk begins.
HC_ALWAYS_INLINE const struct hc_bucket *hc_table_home(const struct hc_table *t, uint32_t hash)
{
	return &t->bucket[hash & t->bucket_mask];
}

// Brings it into the cache.
HC_ALWAYS_INLINE void hc_table_prefetch(const struct hc_table *t, uint32_t hash)
{
	hc_prefetch(hc_table_home(t, hash));
}

// The next candidate of a walk that hc_table_first() began, or HC_REF_NONE at its end. O(1): at
// most HC_TABLE_PROBES_MAX lines.
HC_ALWAYS_INLINE hc_ref hc_table_next(const struct hc_table *t, struct hc_table_cursor *at)
{
	while (at->lanes == 0) {
		if (HC_LIKELY(t->bucket[at->bucket_idx].overflow == 0) || at->hops == t->hops_max)
			return HC_REF_NONE;
		at->hops++;
		at->bucket_idx = (at->bucket_idx + 1) & t->bucket_mask;
		at->lanes = hc_bucket_lanes(&t->bucket[at->bucket_idx], at->tag);
	}
	at->slot = (uint32_t)__builtin_ctz(at->lanes) / 2;
	at->lanes &= at->lanes - 1;
	return t->bucket[at->bucket_idx].ref[at->slot];
}

// The first candidate: an object whose key may be the one behind this hash. HC_REF_NONE: there is
// none.
HC_ALWAYS_INLINE hc_ref hc_table_first(const struct hc_table *t, uint32_t hash,
				       struct hc_table_cursor *at)
{
	at->bucket_idx = hash & t->bucket_mask;
	at->hops = 0;
	at->tag = hc_table_tag(hash);
	at->lanes = hc_bucket_lanes(&t->bucket[at->bucket_idx], at->tag);
	return hc_table_next(t, at);
}

// What is likely to be the first candidate, from the home bucket alone unless that is full: for who
// asks the candidate's key and looks again. A hash without a tag may name what is none.
HC_ALWAYS_INLINE hc_ref hc_table_hint(const struct hc_table *t, const struct hc_bucket *home,
				      const uint32_t *hash)
{
	struct hc_table_cursor at;
	uint32_t lanes;

#if !defined(HC_NO_SIMD) && defined(__AVX2__)
	__m256i wanted = _mm256_set1_epi16((short)hc_load16((const uint8_t *)hash + 2));

	lanes = (uint32_t)_mm256_movemask_epi8(
			_mm256_cmpeq_epi16(_mm256_load_si256((const __m256i *)home), wanted)) &
		0xfffffu;
#else
	lanes = hc_bucket_lanes(home, hc_table_tag(*hash));
#endif
	if (HC_LIKELY(lanes))
		return home->ref[(uint32_t)__builtin_ctz(lanes) / 2];
	return HC_LIKELY(home->overflow == 0) ? HC_REF_NONE : hc_table_first(t, *hash, &at);
}

// Adds an entry. false: no free slot within HC_TABLE_PROBES_MAX buckets, a refusal the caller
// counts; nothing changed.
HC_ALWAYS_INLINE HC_MUST_USE bool hc_table_insert(struct hc_table *t, uint32_t hash, hc_ref ref)
{
	struct hc_bucket *b = &t->bucket[hash & t->bucket_mask];
	uint32_t lanes = hc_bucket_lanes(b, 0);
	uint32_t slot;

	HC_ASSERT(ref != HC_REF_NONE);
	if (HC_UNLIKELY(lanes == 0))
		return hc_table_insert_far(t, hash, ref);
	slot = (uint32_t)__builtin_ctz(lanes) / 2;
	b->tag[slot] = hc_table_tag(hash);
	b->ref[slot] = ref;
	t->count++;
	return true;
}

// Takes the entry (hash, ref) out; it must be there.
HC_ALWAYS_INLINE void hc_table_remove(struct hc_table *t, uint32_t hash, hc_ref ref)
{
	struct hc_bucket *b = &t->bucket[hash & t->bucket_mask];
	uint32_t lanes = hc_bucket_lanes(b, hc_table_tag(hash));

	if (HC_LIKELY(lanes != 0)) {
		uint32_t slot = (uint32_t)__builtin_ctz(lanes) / 2;

		if (HC_LIKELY(b->ref[slot] == ref)) {
			HC_ASSERT(t->count > 0);
			b->tag[slot] = 0;
			b->ref[slot] = 0;
			t->count--;
			return;
		}
	}
	hc_table_remove_far(t, hash, ref);
}

// The entry (hash, old_ref), which must be there, names new_ref from now on: a SYN mini became a
// TCB, a TCB a TIME-WAIT mini. It stays where it is.
HC_ALWAYS_INLINE void hc_table_replace(struct hc_table *t, uint32_t hash, hc_ref old_ref,
				       hc_ref new_ref)
{
	struct hc_bucket *b = &t->bucket[hash & t->bucket_mask];
	uint32_t lanes = hc_bucket_lanes(b, hc_table_tag(hash));

	HC_ASSERT(new_ref != HC_REF_NONE);
	if (HC_LIKELY(lanes != 0)) {
		uint32_t slot = (uint32_t)__builtin_ctz(lanes) / 2;

		if (HC_LIKELY(b->ref[slot] == old_ref)) {
			b->ref[slot] = new_ref;
			return;
		}
	}
	hc_table_replace_far(t, hash, old_ref, new_ref);
}
