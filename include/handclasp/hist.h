// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/**
 * @file
 * Log-linear histogram of times in nanoseconds, in HdrHistogram's bucket layout: unit magnitude 6
 * (the smallest value told apart is 64 ns), 3 significant digits (2 048 sub-buckets), up to
 * HC_HIST_MAX_NS. Recording is O(1) and touches one counter; values beyond the top go to `overflow`
 * and are never lost silently. One writer; merge by addition.
 */

#include <handclasp/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HC_HIST_UNIT_SHIFT 6u
#define HC_HIST_SUB_BITS   11u /* 2 048 sub-buckets: 3 significant digits. */
#define HC_HIST_SUB_COUNT  (1u << HC_HIST_SUB_BITS)
#define HC_HIST_BUCKETS    24u /* 64 ns << (24 - 1 + 11): about 1 100 s. */
#define HC_HIST_SLOTS      ((HC_HIST_BUCKETS + 1u) * (HC_HIST_SUB_COUNT / 2u))
#define HC_HIST_MAX_NS                                                                             \
	((1ull << (HC_HIST_UNIT_SHIFT + HC_HIST_SUB_BITS + HC_HIST_BUCKETS - 1u)) - 1u)

struct hc_hist {
	uint64_t count;    /**< Values recorded, overflow included. */
	uint64_t overflow; /**< Values above HC_HIST_MAX_NS. */
	uint64_t sum_ns;
	uint64_t min_ns; /**< UINT64_MAX while empty. */
	uint64_t max_ns;
	uint64_t slot[HC_HIST_SLOTS];
};

/** Empties the histogram. */
void hc_hist_reset(struct hc_hist *h);

/** Records one value. */
void hc_hist_add(struct hc_hist *h, uint64_t value_ns);

/** Adds all of `from` to `into`. */
void hc_hist_merge(struct hc_hist *into, const struct hc_hist *from);

/** The value at quantile q (0 < q <= 1), as the highest value equivalent to its slot, capped by the
 * maximum; 0 when empty. */
uint64_t hc_hist_quantile_ns(const struct hc_hist *h, double q);

/** The mean, 0 when empty. */
double hc_hist_mean_ns(const struct hc_hist *h);

/** The lowest value that falls into slot i, and the highest. */
uint64_t hc_hist_slot_low_ns(unsigned i);
uint64_t hc_hist_slot_high_ns(unsigned i);

#ifdef __cplusplus
}
#endif
