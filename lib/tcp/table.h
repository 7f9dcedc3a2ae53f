// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The flow table: from a keyed hash to references of the objects that may own the segment. One
// 64-byte line is a bucket of 10 tags and 10 references; a full bucket spills to the ones after it,
// and counts in `overflow` how many entries passed over it, so that a miss ends at the first line
// nobody passed. The key is not in the table but at the start of every object: the caller compares
// it there, on the line it is about to use anyway.
//
// One writer, no locks. Memory is the caller's. Insertion does not look for an equal key: find
// first.

#include "base/hash.h"

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

HC_ALWAYS_INLINE uint32_t hc_ref_idx(hc_ref ref)
{
	return ref & HC_REF_IDX_MASK;
}

#define HC_BUCKET_SLOTS     10u
#define HC_TABLE_PROBES_MAX 32u // Buckets an entry may be away from home.

struct hc_bucket {
	/*  0 */ uint16_t tag[HC_BUCKET_SLOTS]; // 0: free.
	/* 20 */ uint16_t
		overflow; // Entries that wanted this bucket, or passed it, and live further on.
	/* 22 */ uint16_t spare;
	/* 24 */ hc_ref ref[HC_BUCKET_SLOTS];
} HC_ALIGN_LINE;
HC_STATIC_ASSERT(sizeof(struct hc_bucket) == 64, "a bucket is one cache line");

struct hc_table {
	struct hc_bucket *bucket;
	uint32_t bucket_mask;
	uint32_t count; // Entries.
};

// Buckets (a power of two) for `cap` entries at a load of at most about 0.8; sizeof(struct
// hc_bucket) bytes each.
uint32_t hc_table_buckets_for(uint32_t cap);

// `memory` holds `buckets` (a power of two) buckets, aligned to a line.
void hc_table_init(struct hc_table *t, void *memory, uint32_t buckets);
