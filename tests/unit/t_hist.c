// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The histogram: its slots tile the range without gap or overlap and are as fine as promised;
// quantiles against the same values sorted; merging, overflow, and the empty histogram.

#include <math.h>
#include <stdlib.h>

#include "base/hist_inline.h"
#include "base/rng.h"

#include "runner.h"

static struct hc_hist hist, part;

static void slots_tile_the_range(void)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		UNIT_EXPECT(hc_hist_slot_low_ns(i) == next);
		UNIT_EXPECT(hc_hist_slot_high_ns(i) >= next);
		next = hc_hist_slot_high_ns(i) + 1;
	}
	UNIT_EQ(next, HC_HIST_MAX_NS + 1);
}

static void first_and_last_value_of_each_slot_fall_into_it(void)
{
	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		UNIT_EXPECT(hc_hist_slot_of(hc_hist_slot_low_ns(i)) == i);
		UNIT_EXPECT(hc_hist_slot_of(hc_hist_slot_high_ns(i)) == i);
	}
}

// 64 ns below 131 us, then always below a thousandth of the value.
static void slots_are_as_fine_as_promised(void)
{
	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		uint64_t low = hc_hist_slot_low_ns(i);
		uint64_t width = hc_hist_slot_high_ns(i) - low + 1;

		if (low < (uint64_t)HC_HIST_SUB_COUNT << HC_HIST_UNIT_SHIFT)
			UNIT_EXPECT(width == 1u << HC_HIST_UNIT_SHIFT);
		else
			UNIT_EXPECT(width * 1000 < low);
	}
}

static void empty_histogram_says_zero(void)
{
	hc_hist_reset(&hist);
	UNIT_EQ(hist.count, 0);
	UNIT_EQ(hist.min_ns, UINT64_MAX);
	UNIT_EQ(hist.max_ns, 0);
	UNIT_EQ(hc_hist_quantile_ns(&hist, 0.5), 0);
	UNIT_EQ(hc_hist_quantile_ns(&hist, 1), 0);
	CU_ASSERT(hc_hist_mean_ns(&hist) == 0);
}

static void one_value_is_every_quantile(void)
{
	static const uint64_t values[] = {0, 1, 63, 64, 131071, 131072, 1000000007, HC_HIST_MAX_NS};

	for (unsigned i = 0; i < HC_ARRAY_LEN(values); i++) {
		hc_hist_reset(&hist);
		hc_hist_add(&hist, values[i]);
		UNIT_EQ(hc_hist_quantile_ns(&hist, 1e-9), values[i]);
		UNIT_EQ(hc_hist_quantile_ns(&hist, 0.5), values[i]);
		UNIT_EQ(hc_hist_quantile_ns(&hist, 1), values[i]);
		UNIT_EQ(hist.min_ns, values[i]);
		UNIT_EQ(hist.max_ns, values[i]);
		CU_ASSERT(hc_hist_mean_ns(&hist) == (double)values[i]);
	}
}

// A hundred values, one per slot: quantile q is the value number ceil(100 q), and a product like
// 0.07 * 100 that rounding lifts above a whole number is not one too far.
static void quantile_takes_the_value_of_its_rank(void)
{
	hc_hist_reset(&hist);
	for (uint64_t i = 1; i <= 100; i++)
		hc_hist_add(&hist, i * 64);
	CU_ASSERT(0.07 * 100 > 7);
	for (unsigned i = 1; i <= 100; i++) {
		UNIT_EQ(hc_hist_slot_of(hc_hist_quantile_ns(&hist, i / 100.0)), i);
		UNIT_EQ(hc_hist_slot_of(hc_hist_quantile_ns(&hist, i / 100.0 - 0.001)), i);
	}
	UNIT_EQ(hc_hist_slot_of(hc_hist_quantile_ns(&hist, 1e-9)), 1);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

// From nanoseconds to minutes, as many in every power of two.
static uint64_t random_time(struct hc_rng *r)
{
	return hc_rng_u64(r) >> (24 + hc_rng_below(r, 36));
}

static void quantiles_agree_with_sorted_values(void)
{
	enum { VALUES = 200000 };
	static const double quantiles[] = {1e-9, 0.001, 0.01,  0.1,    0.25,    0.5, 0.75,
					   0.9,  0.99,  0.999, 0.9999, 0.99999, 1};
	uint64_t *v = malloc(VALUES * sizeof *v);
	double sum = 0;
	struct hc_rng r;

	CU_ASSERT_FATAL(v != NULL);
	hc_rng_seed(&r, unit_seed());
	hc_hist_reset(&hist);
	for (unsigned i = 0; i < VALUES; i++) {
		v[i] = random_time(&r);
		sum += (double)v[i];
		hc_hist_add(&hist, v[i]);
	}
	qsort(v, VALUES, sizeof *v, by_value);
	UNIT_EQ(hist.count, VALUES);
	UNIT_EQ(hist.overflow, 0);
	UNIT_EQ(hist.min_ns, v[0]);
	UNIT_EQ(hist.max_ns, v[VALUES - 1]);
	CU_ASSERT(fabs(hc_hist_mean_ns(&hist) - sum / VALUES) < sum / VALUES * 1e-9);
	for (unsigned i = 0; i < HC_ARRAY_LEN(quantiles); i++) {
		unsigned rank = (unsigned)ceil(quantiles[i] * VALUES - 1e-6);
		uint64_t exact = v[rank ? rank - 1 : 0];
		uint64_t got = hc_hist_quantile_ns(&hist, quantiles[i]);
		double error = (double)got - (double)exact;

		// Never below the true value, and less than a slot above it.
		CU_ASSERT(error >= 0);
		CU_ASSERT(error < 64 || error < 0.001 * (double)exact);
	}
	free(v);
}

static void quantiles_never_fall(void)
{
	uint64_t last = 0;
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	hc_hist_reset(&hist);
	for (unsigned i = 0; i < 1000; i++)
		hc_hist_add(&hist, random_time(&r));
	for (unsigned i = 1; i <= 1000; i++) {
		uint64_t v = hc_hist_quantile_ns(&hist, i / 1000.0);

		CU_ASSERT(v >= last);
		last = v;
	}
	UNIT_EQ(last, hist.max_ns);
}

static void inline_recording_is_the_same(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	hc_hist_reset(&hist);
	hc_hist_reset(&part);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t v = hc_rng_u64(&r) >> hc_rng_below(&r, 64);

		hc_hist_add(&hist, v);
		hc_hist_record(&part, v);
	}
	UNIT_EQ_BYTES(&hist, &part, sizeof hist);
}

static void recording_in_units_is_the_same(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	hc_hist_reset(&hist);
	hc_hist_reset(&part);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t units = (uint32_t)hc_rng_u64(&r) >> hc_rng_below(&r, 32);

		units = i == 0 ? 0 : i == 1 ? UINT32_MAX : units;
		for (unsigned k = 0; k <= i % 3; k++)
			hc_hist_add(&hist, (uint64_t)units << HC_HIST_UNIT_SHIFT);
		hc_hist_record_units(&part, units, i % 3 + 1);
	}
	UNIT_EQ(part.overflow, 0);
	UNIT_EQ_BYTES(&hist, &part, sizeof hist);
}

static void merge_is_as_if_recorded_in_one(void)
{
	static struct hc_hist whole;
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	hc_hist_reset(&hist);
	hc_hist_reset(&part);
	hc_hist_reset(&whole);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t v = hc_rng_u64(&r) >> (20 + hc_rng_below(&r, 44));

		hc_hist_add(i % 3 ? &hist : &part, v);
		hc_hist_add(&whole, v);
	}
	CU_ASSERT(whole.overflow != 0);
	hc_hist_merge(&hist, &part);
	UNIT_EQ_BYTES(&hist, &whole, sizeof hist);
}

static void merging_an_empty_one_changes_nothing(void)
{
	static struct hc_hist before;

	hc_hist_reset(&hist);
	hc_hist_reset(&part);
	hc_hist_add(&hist, 12345);
	before = hist;
	hc_hist_merge(&hist, &part);
	UNIT_EQ_BYTES(&hist, &before, sizeof hist);
	hc_hist_merge(&part, &before);
	UNIT_EQ_BYTES(&part, &before, sizeof part);
}

static void values_beyond_the_top_are_counted_apart(void)
{
	hc_hist_reset(&hist);
	hc_hist_add(&hist, 1000);
	hc_hist_add(&hist, HC_HIST_MAX_NS);
	UNIT_EQ(hist.overflow, 0);
	UNIT_EQ(hist.slot[HC_HIST_SLOTS - 1], 1);
	hc_hist_add(&hist, HC_HIST_MAX_NS + 1);
	hc_hist_add(&hist, HC_HIST_MAX_NS * 4);
	UNIT_EQ(hist.overflow, 2);
	UNIT_EQ(hist.count, 4);
	UNIT_EQ(hist.max_ns, HC_HIST_MAX_NS * 4);
	UNIT_EQ(hist.sum_ns, 1000 + HC_HIST_MAX_NS + HC_HIST_MAX_NS + 1 + HC_HIST_MAX_NS * 4);
	UNIT_EQ(hc_hist_quantile_ns(&hist, 0.5), HC_HIST_MAX_NS);
	UNIT_EQ(hc_hist_quantile_ns(&hist, 0.75), HC_HIST_MAX_NS * 4);
	UNIT_EQ(hc_hist_quantile_ns(&hist, 1), HC_HIST_MAX_NS * 4);
}

static void sum_stays_at_its_top(void)
{
	hc_hist_reset(&hist);
	hc_hist_reset(&part);
	hc_hist_add(&hist, UINT64_MAX);
	hc_hist_add(&hist, UINT64_MAX - 5);
	UNIT_EQ(hist.sum_ns, UINT64_MAX);
	UNIT_EQ(hist.min_ns, UINT64_MAX - 5);
	hc_hist_add(&part, UINT64_MAX);
	hc_hist_merge(&hist, &part);
	UNIT_EQ(hist.sum_ns, UINT64_MAX);
	UNIT_EQ(hist.count, 3);
}

#if HC_WITH_ASSERT
static void ask_quantile(void *arg)
{
	(void)hc_hist_quantile_ns(&hist, *(const double *)arg);
}

static void ask_slot(void *arg)
{
	(void)hc_hist_slot_low_ns(*(const unsigned *)arg);
}
#endif

static void questions_without_an_answer_abort(void)
{
#if HC_WITH_ASSERT
	double quantiles[] = {0, -0.5, 1.001, NAN};
	unsigned slot = HC_HIST_SLOTS;

	hc_hist_reset(&hist);
	hc_hist_add(&hist, 1);
	for (unsigned i = 0; i < HC_ARRAY_LEN(quantiles); i++)
		CU_ASSERT(unit_aborts(ask_quantile, &quantiles[i]));
	CU_ASSERT(unit_aborts(ask_slot, &slot));
#endif
}

UNIT_SUITE(hist, UNIT_TEST(slots_tile_the_range),
	   UNIT_TEST(first_and_last_value_of_each_slot_fall_into_it),
	   UNIT_TEST(slots_are_as_fine_as_promised), UNIT_TEST(empty_histogram_says_zero),
	   UNIT_TEST(one_value_is_every_quantile), UNIT_TEST(quantile_takes_the_value_of_its_rank),
	   UNIT_TEST(quantiles_agree_with_sorted_values), UNIT_TEST(quantiles_never_fall),
	   UNIT_TEST(inline_recording_is_the_same), UNIT_TEST(recording_in_units_is_the_same),
	   UNIT_TEST(merge_is_as_if_recorded_in_one),
	   UNIT_TEST(merging_an_empty_one_changes_nothing),
	   UNIT_TEST(values_beyond_the_top_are_counted_apart), UNIT_TEST(sum_stays_at_its_top),
	   UNIT_TEST(questions_without_an_answer_abort));
