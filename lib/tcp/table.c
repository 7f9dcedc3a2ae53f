// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The cold side of the flow table: its size, the way past a full home bucket, and the audit. What
// runs per segment is inline in the header.

#include "tcp/table.h"

uint32_t hc_table_buckets_for(uint32_t cap)
{
	uint32_t buckets = 1;

	HC_ASSERT(cap <= HC_REF_IDX_MASK + 1);
	// Eight of ten slots taken at most: beyond that spilling grows fast.
	while ((uint64_t)buckets * 8 < cap)
		buckets *= 2;
	return buckets;
}

void hc_table_init(struct hc_table *t, void *memory, uint32_t buckets)
{
	HC_ASSERT(buckets > 0);
	HC_ASSERT((buckets & (buckets - 1)) == 0);
	HC_ASSERT((uintptr_t)memory % HC_CACHE_LINE == 0);
	memset(memory, 0, (size_t)buckets * sizeof(struct hc_bucket));
	t->bucket = memory;
	t->bucket_mask = buckets - 1;
	// A small table is walked round once, not more.
	t->hops_max = hc_min_u32(HC_TABLE_PROBES_MAX, buckets) - 1;
	t->count = 0;
}

bool hc_table_insert_far(struct hc_table *t, uint32_t hash, hc_ref ref)
{
	uint32_t lanes = 0;
	uint32_t hops = 0;
	uint32_t slot;
	struct hc_bucket *b;

	while (lanes == 0) {
		if (hops == t->hops_max)
			return false;
		hops++;
		b = &t->bucket[(hash + hops) & t->bucket_mask];
		lanes = hc_bucket_lanes(b, 0);
	}
	for (uint32_t i = 0; i < hops; i++)
		t->bucket[(hash + i) & t->bucket_mask].overflow += !HC_FAULT(overflow_not_counted);
	slot = (uint32_t)__builtin_ctz(lanes) / 2;
	b->tag[slot] = hc_table_tag(hash);
	b->ref[slot] = ref;
	t->count++;
	return true;
}

// Sets *at to the entry (hash, ref), which must be there.
static void entry_seek(const struct hc_table *t, uint32_t hash, hc_ref ref,
		       struct hc_table_cursor *at)
{
	hc_ref found = hc_table_first(t, hash, at);

	HC_ASSERT(ref != HC_REF_NONE);
	while (found != ref && found != HC_REF_NONE)
		found = hc_table_next(t, at);
	HC_ASSERT(found == ref);
}

void hc_table_remove_far(struct hc_table *t, uint32_t hash, hc_ref ref)
{
	struct hc_table_cursor at;

	entry_seek(t, hash, ref, &at);
	HC_ASSERT(t->count > 0);
	for (uint32_t i = 0; i < at.hops; i++) {
		struct hc_bucket *b = &t->bucket[(hash + i) & t->bucket_mask];

		HC_ASSERT(b->overflow > 0);
		b->overflow--;
	}
	t->bucket[at.bucket_idx].tag[at.slot] = 0;
	t->bucket[at.bucket_idx].ref[at.slot] = 0;
	t->count--;
}

void hc_table_replace_far(struct hc_table *t, uint32_t hash, hc_ref old_ref, hc_ref new_ref)
{
	struct hc_table_cursor at;

	entry_seek(t, hash, old_ref, &at);
	t->bucket[at.bucket_idx].ref[at.slot] = new_ref;
}

// Adds the entries of bucket `at` to `passed`, a ring of counts of the last HC_TABLE_PROBES_MAX
// buckets. @return the entries, or UINT32_MAX when one is where it cannot be.
static uint32_t bucket_count(const struct hc_table *t, uint64_t at,
			     uint32_t (*hash_of)(const void *ctx, hc_ref ref), const void *ctx,
			     uint32_t passed[HC_TABLE_PROBES_MAX])
{
	const struct hc_bucket *b = &t->bucket[at & t->bucket_mask];
	uint32_t count = 0;

	for (unsigned slot = 0; slot < HC_BUCKET_SLOTS; slot++) {
		uint32_t hash, hops;

		if (b->tag[slot] == 0)
			continue;
		if (b->ref[slot] == HC_REF_NONE)
			return UINT32_MAX;
		hash = hash_of(ctx, b->ref[slot]);
		hops = ((uint32_t)at - hash) & t->bucket_mask;
		if (b->tag[slot] != hc_table_tag(hash) || hops > t->hops_max)
			return UINT32_MAX;
		for (uint32_t i = 1; i <= hops; i++)
			passed[(at - i) % HC_TABLE_PROBES_MAX]++;
		count++;
	}
	return count;
}

// Goes over all buckets in order and then over the first few again: when bucket b + hops_max has
// been counted, everyone who can have passed b has.
bool hc_table_check(const struct hc_table *t, uint32_t (*hash_of)(const void *ctx, hc_ref ref),
		    const void *ctx)
{
	uint32_t passed[HC_TABLE_PROBES_MAX] = {0};
	uint64_t buckets = (uint64_t)t->bucket_mask + 1;
	uint64_t count = 0;

	// Starts one turn up, so that `at - i` stays positive.
	for (uint64_t at = buckets; at < 2 * buckets + t->hops_max; at++) {
		uint64_t done = at - t->hops_max;
		uint32_t *slot = &passed[done % HC_TABLE_PROBES_MAX];
		uint32_t n = bucket_count(t, at, hash_of, ctx, passed);

		if (n == UINT32_MAX)
			return false;
		if (at < 2 * buckets)
			count += n;
		// Before the first bucket only part of those who passed are known.
		if (done >= buckets && t->bucket[done & t->bucket_mask].overflow != *slot)
			return false;
		*slot = 0;
	}
	return count == t->count;
}
