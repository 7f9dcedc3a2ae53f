// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The asking half of handclasp/hist.h: merging, quantiles and the bounds of slots. Recording, and
// the layout of the slots, is in hist_inline.h.

#include "base/hist_inline.h"

HC_STATIC_ASSERT(HC_HIST_SLOTS ==
			 (HC_HIST_BUCKETS - 1) * (HC_HIST_SUB_COUNT / 2) + HC_HIST_SUB_COUNT,
		 "the last slot of the last bucket is the last slot");

void hc_hist_reset(struct hc_hist *h)
{
	memset(h, 0, sizeof *h);
	h->min_ns = UINT64_MAX;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

void hc_hist_add(struct hc_hist *h, uint64_t value_ns)
{
	hc_hist_record(h, value_ns);
}

HC_COLD void hc_hist_add_overflow(struct hc_hist *h, uint64_t value_ns)
{
	h->overflow++;
	h->count++;
	h->sum_ns = add_saturated(h->sum_ns, value_ns);
	h->min_ns = value_ns < h->min_ns ? value_ns : h->min_ns;
	h->max_ns = value_ns > h->max_ns ? value_ns : h->max_ns;
}

void hc_hist_merge(struct hc_hist *into, const struct hc_hist *from)
{
	into->count += from->count;
	into->overflow += from->overflow;
	into->sum_ns = add_saturated(into->sum_ns, from->sum_ns);
	into->min_ns = from->min_ns < into->min_ns ? from->min_ns : into->min_ns;
	into->max_ns = from->max_ns > into->max_ns ? from->max_ns : into->max_ns;
	for (unsigned i = 0; i < HC_HIST_SLOTS; i++)
		into->slot[i] += from->slot[i];
}

// The rank, from 1, of quantile q of `count` values: the smallest number of values that is at least
// the part q of all. A product that only rounding carried past a whole number does not count as
// past it.
static uint64_t quantile_rank(double q, uint64_t count)
{
	double exact = q * (double)count;
	uint64_t rank;

	exact -= exact * 0x1p-50;
	rank = (uint64_t)exact;
	if ((double)rank < exact)
		rank++;
	if (rank == 0)
		rank = 1;
	return rank < count ? rank : count;
}

uint64_t hc_hist_quantile_ns(const struct hc_hist *h, double q)
{
	uint64_t below = 0;
	uint64_t rank;

	HC_ASSERT(q > 0);
	HC_ASSERT(q <= 1);
	if (h->count == 0)
		return 0;
	rank = quantile_rank(q, h->count);
	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		below += h->slot[i];
		if (below >= rank) {
			uint64_t high = hc_hist_slot_high_ns(i);

			return high < h->max_ns ? high : h->max_ns;
		}
	}
	return h->max_ns; // Among those that overflowed.
}

double hc_hist_mean_ns(const struct hc_hist *h)
{
	return h->count ? (double)h->sum_ns / (double)h->count : 0;
}

static unsigned slot_bucket(unsigned i)
{
	HC_ASSERT(i < HC_HIST_SLOTS);
	return i < HC_HIST_SUB_COUNT ? 0 : i / (HC_HIST_SUB_COUNT / 2) - 1;
}

uint64_t hc_hist_slot_low_ns(unsigned i)
{
	unsigned bucket = slot_bucket(i);
	uint64_t sub = i - bucket * (HC_HIST_SUB_COUNT / 2);

	return sub << (HC_HIST_UNIT_SHIFT + bucket);
}

uint64_t hc_hist_slot_high_ns(unsigned i)
{
	return hc_hist_slot_low_ns(i) + (1ull << (HC_HIST_UNIT_SHIFT + slot_bucket(i))) - 1;
}
