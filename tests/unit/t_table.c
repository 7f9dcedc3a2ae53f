// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The flow table against a model: an array that knows for each object whether it is in the table
// and under which hash. Built twice, with vector instructions and with HC_NO_SIMD.

#include "base/rng.h"
#include "tcp/table.h"

#include "runner.h"

#include <stdlib.h>

#define OBJECTS_MAX 65536u

// Object i is in the table, with reference ref[i] and hash[i], when is_in[i].
struct model {
	struct hc_table t;
	uint32_t hash[OBJECTS_MAX];
	hc_ref ref[OBJECTS_MAX];
	bool is_in[OBJECTS_MAX];
	uint32_t buckets;
};

static struct model m;

static uint32_t model_hash_of(const void *ctx, hc_ref ref)
{
	const struct model *model = ctx;

	return model->hash[hc_ref_idx(ref) % OBJECTS_MAX];
}

static void model_open(uint32_t buckets)
{
	void *memory = aligned_alloc(HC_CACHE_LINE, buckets * sizeof(struct hc_bucket));

	CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
	memset(&m, 0, sizeof m);
	// What was there before must not matter.
	memset(memory, 0xa5, buckets * sizeof(struct hc_bucket));
	hc_table_init(&m.t, memory, buckets);
	m.buckets = buckets;
}

static void model_shut(void)
{
	free(m.t.bucket);
	m.t.bucket = NULL;
}

// How often the walk of object i's hash names its reference.
static unsigned candidate_count(uint32_t i)
{
	struct hc_table_cursor at;
	unsigned count = 0;
	unsigned named = 0;

	hc_table_prefetch(&m.t, m.hash[i]);
	if (m.hash[i] >> 16)
		UNIT_EXPECT(hc_table_hint(&m.t, hc_table_home(&m.t, m.hash[i]), &m.hash[i]) ==
			    hc_table_first(&m.t, m.hash[i], &at));
	for (hc_ref ref = hc_table_first(&m.t, m.hash[i], &at); ref != HC_REF_NONE;
	     ref = hc_table_next(&m.t, &at)) {
		uint32_t other = hc_ref_idx(ref);

		// A candidate is a live entry of the same tag whose home is near.
		UNIT_EXPECT(other < OBJECTS_MAX && m.is_in[other] && m.ref[other] == ref);
		UNIT_EXPECT(hc_table_tag(m.hash[other]) == hc_table_tag(m.hash[i]));
		count += ref == m.ref[i];
		UNIT_EXPECT(++named <= HC_TABLE_PROBES_MAX * HC_BUCKET_SLOTS);
	}
	return count;
}

static bool model_insert(uint32_t i, uint32_t hash)
{
	m.hash[i] = hash;
	m.ref[i] = hc_ref_make(HC_REF_TCB, i);
	m.is_in[i] = hc_table_insert(&m.t, hash, m.ref[i]);
	return m.is_in[i];
}

static void model_remove(uint32_t i)
{
	hc_table_remove(&m.t, m.hash[i], m.ref[i]);
	m.is_in[i] = false;
}

// Every object is found once if it is in, and never if it is not.
static void expect_all_found(uint32_t objects)
{
	for (uint32_t i = 0; i < objects; i++)
		UNIT_EXPECT(candidate_count(i) == m.is_in[i]);
}

static uint32_t bucket_of(uint32_t i)
{
	for (uint32_t b = 0; b < m.buckets; b++)
		for (unsigned slot = 0; slot < HC_BUCKET_SLOTS; slot++)
			if (m.t.bucket[b].tag[slot] && m.t.bucket[b].ref[slot] == m.ref[i])
				return b;
	return UINT32_MAX;
}

// Counts who passed each bucket from nothing but where everyone lives.
static void expect_overflow_exact(void)
{
	static uint32_t passed[1024];
	uint32_t count = 0;

	CU_ASSERT_FATAL(m.buckets <= HC_ARRAY_LEN(passed));
	memset(passed, 0, sizeof passed);
	for (uint32_t lives = 0; lives < m.buckets; lives++) {
		for (unsigned slot = 0; slot < HC_BUCKET_SLOTS; slot++) {
			hc_ref ref = m.t.bucket[lives].ref[slot];
			uint32_t b = m.hash[hc_ref_idx(ref) % OBJECTS_MAX] & (m.buckets - 1);

			if (m.t.bucket[lives].tag[slot] == 0)
				continue;
			for (; b != lives; b = (b + 1) & (m.buckets - 1))
				passed[b]++;
			count++;
		}
	}
	UNIT_EQ(count, m.t.count);
	for (uint32_t b = 0; b < m.buckets; b++)
		UNIT_EXPECT(m.t.bucket[b].overflow == passed[b]);
}

static bool is_all_zero(const void *p, size_t n)
{
	const uint8_t *bytes = p;

	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

static void expect_empty_and_clean(void)
{
	UNIT_EQ(m.t.count, 0);
	CU_ASSERT(is_all_zero(m.t.bucket, m.buckets * sizeof(struct hc_bucket)));
	CU_ASSERT(hc_table_check(&m.t, model_hash_of, &m));
}

static void references_carry_kind_and_index(void)
{
	static const enum hc_ref_kind kinds[] = {HC_REF_TCB, HC_REF_SYN, HC_REF_TW, HC_REF_OTHER};
	static const uint32_t idxs[] = {0, 1, 12345, HC_REF_IDX_MASK};

	for (unsigned k = 0; k < HC_ARRAY_LEN(kinds); k++) {
		for (unsigned i = 0; i < HC_ARRAY_LEN(idxs); i++) {
			hc_ref ref = hc_ref_make(kinds[k], idxs[i]);

			UNIT_EQ(hc_ref_kind(ref), kinds[k]);
			UNIT_EQ(hc_ref_idx(ref), idxs[i]);
		}
	}
	UNIT_EQ(hc_ref_make(HC_REF_OTHER, HC_REF_IDX_MASK), HC_REF_NONE);
}

static void size_keeps_the_load_at_four_fifths(void)
{
	static const uint32_t caps[] = {0,      1,      7,        8,        9,
					10,     1000,   65536,    1u << 20, 4u << 20,
					524288, 524289, 10485760, 1u << 29, HC_REF_IDX_MASK};

	for (unsigned i = 0; i < HC_ARRAY_LEN(caps); i++) {
		uint64_t buckets = hc_table_buckets_for(caps[i]);

		UNIT_EXPECT(buckets > 0 && (buckets & (buckets - 1)) == 0);
		UNIT_EXPECT(buckets * HC_BUCKET_SLOTS * 8 >= (uint64_t)caps[i] * 10);
		UNIT_EXPECT(buckets == 1 || buckets / 2 * 8 < caps[i]);
	}
	UNIT_EQ(hc_table_buckets_for(1u << 20), 131072);
}

// The compiled-in compare sees what the plain one sees, whatever the rest of the line holds.
static void vector_compare_equals_plain_compare(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < 200000; i++) {
		struct hc_bucket b;
		uint16_t *words = (uint16_t *)(void *)&b;
		uint32_t lanes;

		// Few values, so that most lines have several hits and hits outside the tags.
		for (unsigned k = 0; k < sizeof b / sizeof *words; k++)
			words[k] = (uint16_t)(hc_rng_below(&r, 4) * 0x5555);
		lanes = hc_bucket_lanes(&b, 0x5555);
		UNIT_EXPECT(lanes == hc_bucket_lanes_scalar(&b, 0x5555));
		UNIT_EXPECT((lanes & ~0x55555u) == 0);
		for (unsigned k = 0; k < HC_BUCKET_SLOTS; k++)
			UNIT_EXPECT((lanes >> 2 * k & 1) == (b.tag[k] == 0x5555));
		UNIT_EXPECT(hc_bucket_lanes(&b, 0) == hc_bucket_lanes_scalar(&b, 0));
		UNIT_EXPECT(hc_bucket_lanes(&b, 0xffff) == hc_bucket_lanes_scalar(&b, 0xffff));
	}
}

static void hash_whose_tag_would_be_free_is_found(void)
{
	model_open(4);
	UNIT_EQ(hc_table_tag(0x00001234), 1);
	UNIT_EQ(hc_table_tag(0x00011234), 1);
	UNIT_EQ(hc_table_tag(0xffff0000), 0xffff);
	CU_ASSERT(candidate_count(0) == 0);
	CU_ASSERT(model_insert(0, 0x00000002));
	CU_ASSERT(model_insert(1, 0x00010002));
	CU_ASSERT(model_insert(2, 0));
	expect_all_found(3);
	model_remove(0);
	expect_all_found(3);
	model_remove(2);
	model_remove(1);
	expect_empty_and_clean();
	model_shut();
}

// Entries that all call one bucket home fill the reach of a probe and not one slot more, also where
// the reach goes round the end of the table.
static void one_home_fills_its_reach_exactly(void)
{
	static const uint32_t homes[] = {0, 5, 300, 511};
	const uint32_t fit = HC_TABLE_PROBES_MAX * HC_BUCKET_SLOTS;

	for (unsigned h = 0; h < HC_ARRAY_LEN(homes); h++) {
		model_open(512);
		for (uint32_t i = 0; i < fit; i++)
			CU_ASSERT_FATAL(model_insert(i, (i * 7919) << 16 | homes[h]));
		CU_ASSERT(!model_insert(fit, homes[h]));
		UNIT_EQ(m.t.count, fit);
		UNIT_EQ(m.t.bucket[homes[h]].overflow, fit - HC_BUCKET_SLOTS);
		UNIT_EQ(m.t.bucket[(homes[h] + HC_TABLE_PROBES_MAX - 1) & 511].overflow, 0);
		expect_overflow_exact();
		expect_all_found(fit + 1);
		CU_ASSERT(hc_table_check(&m.t, model_hash_of, &m));
		// From the middle outwards, so that holes lie before entries further on.
		for (uint32_t k = 0; k < fit; k++) {
			model_remove((fit / 2 + (k % 2 ? fit - (k + 1) / 2 : k / 2)) % fit);
			if (k % 400 == 0)
				expect_all_found(fit + 1);
		}
		expect_empty_and_clean();
		model_shut();
	}
}

static void refusal_changes_nothing(void)
{
	static const uint32_t sizes[] = {1, 2, 8, 64, 256, 512, 1024};
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned s = 0; s < HC_ARRAY_LEN(sizes); s++) {
		size_t bytes = sizes[s] * sizeof(struct hc_bucket);
		struct hc_bucket *copy = malloc(bytes);
		uint32_t n = 0;

		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		model_open(sizes[s]);
		do
			memcpy(copy, m.t.bucket, bytes);
		while (model_insert(n, (uint32_t)hc_rng_u64(&r)) && ++n);
		UNIT_EQ(m.t.count, n);
		UNIT_EQ_BYTES(m.t.bucket, copy, bytes);
		// A table no larger than a probe's reach is refused only when it is full.
		if (sizes[s] <= HC_TABLE_PROBES_MAX)
			UNIT_EQ(n, sizes[s] * HC_BUCKET_SLOTS);
		expect_all_found(n + 1);
		expect_overflow_exact();
		CU_ASSERT(hc_table_check(&m.t, model_hash_of, &m));
		for (uint32_t i = 0; i < n; i++)
			model_remove(i);
		expect_empty_and_clean();
		model_shut();
		free(copy);
	}
}

// Loads beyond 0.9 belong to refusal_changes_nothing.
static void every_load_finds_all_and_leaves_no_residue(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned percent = 50; percent <= 90; percent += 5) {
		const uint32_t buckets = 4096;
		uint32_t n = buckets * HC_BUCKET_SLOTS * percent / 100;

		model_open(buckets);
		for (uint32_t i = 0; i < n; i++)
			CU_ASSERT_FATAL(model_insert(i, (uint32_t)hc_rng_u64(&r)));
		for (uint32_t i = n; i < n + 4096; i++)
			m.hash[i] = (uint32_t)hc_rng_u64(&r), m.ref[i] = HC_REF_NONE;
		expect_all_found(n + 4096);
		CU_ASSERT(hc_table_check(&m.t, model_hash_of, &m));
		for (uint32_t i = 0; i < n; i += 2)
			model_remove(i);
		expect_all_found(n);
		CU_ASSERT(hc_table_check(&m.t, model_hash_of, &m));
		for (uint32_t i = 1; i < n; i += 2)
			model_remove(i);
		expect_empty_and_clean();
		model_shut();
	}
}

static void replaced_reference_stays_in_its_place(void)
{
	const uint32_t n = 25;

	model_open(4);
	// One home, one tag, three buckets: the first candidate is hardly ever the right one.
	for (uint32_t i = 0; i < n; i++)
		CU_ASSERT_FATAL(model_insert(i, 0x77770003));
	for (uint32_t i = 0; i < n; i++) {
		static const enum hc_ref_kind life[] = {HC_REF_SYN, HC_REF_TCB, HC_REF_TW};
		uint32_t before = bucket_of(i);

		for (unsigned k = 0; k < HC_ARRAY_LEN(life); k++) {
			hc_ref ref = hc_ref_make(life[k], i);

			hc_table_replace(&m.t, m.hash[i], m.ref[i], ref);
			m.ref[i] = ref;
			UNIT_EQ(bucket_of(i), before);
			expect_all_found(n);
		}
	}
	UNIT_EQ(m.t.count, n);
	expect_overflow_exact();
	CU_ASSERT(hc_table_check(&m.t, model_hash_of, &m));
	for (uint32_t i = 0; i < n; i++)
		model_remove(i);
	expect_empty_and_clean();
	model_shut();
}

// A hash from a few homes and a few tags, so that entries crowd and tags lie.
static uint32_t crowded_hash(struct hc_rng *r, uint32_t homes)
{
	return hc_rng_below(r, 5) << 16 | hc_rng_below(r, homes);
}

static void random_step(struct hc_rng *r, uint32_t objects, uint32_t homes)
{
	uint32_t i = hc_rng_below(r, objects);
	uint32_t what = hc_rng_below(r, 8);

	if (!m.is_in[i]) {
		bool is_full = m.t.count == m.buckets * HC_BUCKET_SLOTS;
		bool is_taken = model_insert(i, crowded_hash(r, homes));

		if (is_full)
			UNIT_EXPECT(!is_taken);
		if (m.buckets <= HC_TABLE_PROBES_MAX && !is_full)
			UNIT_EXPECT(is_taken);
	} else if (what < 4) {
		model_remove(i);
	} else if (what == 4) {
		hc_ref ref = hc_ref_make((enum hc_ref_kind)hc_rng_below(r, 3), i);

		hc_table_replace(&m.t, m.hash[i], m.ref[i], ref);
		m.ref[i] = ref;
	}
	UNIT_EXPECT(candidate_count(i) == m.is_in[i]);
}

static void random_operations_agree_with_the_model(void)
{
	static const struct {
		uint32_t buckets, objects, homes, steps;
	} runs[] = {
		{1, 14, 1, 100000},          {8, 90, 8, 300000},   {16, 170, 3, 300000},
		{64, 700, 64, 300000},       {64, 700, 5, 200000}, {512, 5200, 512, 300000},
		{4096, 40000, 4096, 200000},
	};
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned k = 0; k < HC_ARRAY_LEN(runs); k++) {
		model_open(runs[k].buckets);
		for (uint32_t i = 0; i < runs[k].steps; i++) {
			random_step(&r, runs[k].objects, runs[k].homes);
			if (i % 20000 == 0)
				UNIT_EXPECT(hc_table_check(&m.t, model_hash_of, &m));
		}
		if (runs[k].buckets <= 512)
			expect_overflow_exact();
		expect_all_found(runs[k].objects);
		for (uint32_t i = 0; i < runs[k].objects; i++)
			if (m.is_in[i])
				model_remove(i);
		expect_empty_and_clean();
		model_shut();
	}
}

static void check_sees_each_kind_of_damage(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	model_open(64);
	for (uint32_t i = 0; i < 600; i++)
		CU_ASSERT_FATAL(model_insert(i, (uint32_t)hc_rng_u64(&r)));
	CU_ASSERT(hc_table_check(&m.t, model_hash_of, &m));
	for (uint32_t b = 0; b < 64; b++) {
		m.t.bucket[b].overflow++;
		UNIT_EXPECT(!hc_table_check(&m.t, model_hash_of, &m));
		m.t.bucket[b].overflow--;
	}
	m.t.count++;
	CU_ASSERT(!hc_table_check(&m.t, model_hash_of, &m));
	m.t.count--;
	m.t.bucket[7].tag[3] ^= 0x8000;
	CU_ASSERT(!hc_table_check(&m.t, model_hash_of, &m));
	m.t.bucket[7].tag[3] ^= 0x8000;
	m.hash[hc_ref_idx(m.t.bucket[9].ref[0])] ^= 32; // Half the table away.
	CU_ASSERT(!hc_table_check(&m.t, model_hash_of, &m));
	m.hash[hc_ref_idx(m.t.bucket[9].ref[0])] ^= 32;
	m.t.bucket[1].ref[1] = HC_REF_NONE;
	CU_ASSERT(!hc_table_check(&m.t, model_hash_of, &m));
	model_shut();
}

#if HC_WITH_ASSERT
static void remove_wrong(void *arg)
{
	(void)arg;
	hc_table_remove(&m.t, m.hash[0], hc_ref_make(HC_REF_TW, 0));
}

static void replace_wrong(void *arg)
{
	(void)arg;
	hc_table_replace(&m.t, m.hash[0] ^ 0x10000, m.ref[0], m.ref[0]);
}

static void insert_none(void *arg)
{
	(void)arg;
	if (hc_table_insert(&m.t, 1, HC_REF_NONE))
		_Exit(1);
}
#endif

static void what_is_not_there_cannot_be_removed_or_replaced(void)
{
#if HC_WITH_ASSERT
	model_open(4);
	CU_ASSERT(model_insert(0, 0x12345678));
	CU_ASSERT(model_insert(1, 0x12345678));
	CU_ASSERT(unit_aborts(remove_wrong, NULL));
	CU_ASSERT(unit_aborts(replace_wrong, NULL));
	CU_ASSERT(unit_aborts(insert_none, NULL));
	model_shut();
#endif
}

UNIT_SUITE(table, UNIT_TEST(references_carry_kind_and_index),
	   UNIT_TEST(size_keeps_the_load_at_four_fifths),
	   UNIT_TEST(vector_compare_equals_plain_compare),
	   UNIT_TEST(hash_whose_tag_would_be_free_is_found),
	   UNIT_TEST(one_home_fills_its_reach_exactly), UNIT_TEST(refusal_changes_nothing),
	   UNIT_TEST(every_load_finds_all_and_leaves_no_residue),
	   UNIT_TEST(replaced_reference_stays_in_its_place),
	   UNIT_TEST(random_operations_agree_with_the_model),
	   UNIT_TEST(check_sees_each_kind_of_damage),
	   UNIT_TEST(what_is_not_there_cannot_be_removed_or_replaced));
