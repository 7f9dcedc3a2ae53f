// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The recording half of handclasp/hist.h, for loops that record a time per connection: a count of
// leading zeroes, a shift, and one increment of a slot beside the running totals, which share one
// cache line.
//
// Layout, HdrHistogram's: in units of 64 ns, values below 2 048 have a slot each (bucket 0). Bucket
// b > 0 holds the values of 2^(10 + b) to 2^(11 + b) - 1 units in 1 024 slots of 2^b units, the
// upper half of its 2 048 sub-buckets; the lower half is what the buckets before it cover. Slot =
// b * 1 024 + (units >> b).

#include <handclasp/hist.h>

#include "base/base.h"

HC_STATIC_ASSERT(offsetof(struct hc_hist, slot) <= HC_CACHE_LINE, "the totals share a cache line");

// -Dlatency=false: nothing is recorded, to see what recording costs.
#ifdef HC_NO_LATENCY
#define HC_WITH_LATENCY 0
#else
#define HC_WITH_LATENCY 1
#endif

// The slot of a time in units of the histogram.
HC_ALWAYS_INLINE unsigned hc_hist_slot_of_units(uint64_t units)
{
	unsigned top_bit = 63u - (unsigned)__builtin_clzll(units | (HC_HIST_SUB_COUNT - 1));
	unsigned bucket = top_bit - (HC_HIST_SUB_BITS - 1);

	return bucket * (HC_HIST_SUB_COUNT / 2) + (unsigned)(units >> bucket);
}

// The slot of a value up to HC_HIST_MAX_NS.
HC_ALWAYS_INLINE unsigned hc_hist_slot_of(uint64_t value_ns)
{
	return hc_hist_slot_of_units(value_ns >> HC_HIST_UNIT_SHIFT);
}

// Records a value above HC_HIST_MAX_NS. The sum stays at its top instead of wrapping.
void hc_hist_add_overflow(struct hc_hist *h, uint64_t value_ns);

// The totals, of n of the same value. New extremes are rare.
HC_ALWAYS_INLINE void hc_hist_count(struct hc_hist *h, uint64_t value_ns, uint64_t n)
{
	h->count += n;
	h->sum_ns += n * value_ns;
	if (HC_UNLIKELY(value_ns < h->min_ns))
		h->min_ns = value_ns;
	if (HC_UNLIKELY(value_ns > h->max_ns))
		h->max_ns = value_ns;
}

// hc_hist_add(), inline.
HC_ALWAYS_INLINE void hc_hist_record(struct hc_hist *h, uint64_t value_ns)
{
	if (!HC_WITH_LATENCY)
		return;
	if (HC_UNLIKELY(value_ns > HC_HIST_MAX_NS)) {
		hc_hist_add_overflow(h, value_ns);
		return;
	}
	h->slot[hc_hist_slot_of(value_ns)]++;
	hc_hist_count(h, value_ns, 1);
}

// The same of n times in units of the histogram, none of which is beyond its top.
HC_ALWAYS_INLINE void hc_hist_record_units(struct hc_hist *h, uint32_t units, uint32_t n)
{
	HC_STATIC_ASSERT((uint64_t)UINT32_MAX << HC_HIST_UNIT_SHIFT <= HC_HIST_MAX_NS, "it fits");
	h->slot[hc_hist_slot_of_units(units)] += n;
	hc_hist_count(h, (uint64_t)units << HC_HIST_UNIT_SHIFT, n);
}
