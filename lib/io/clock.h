// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The clock of workers: nanoseconds since the start, from the processor's counter. The counter's
// frequency is measured against CLOCK_MONOTONIC_RAW over the time that EAL takes to start, so it
// costs no waiting, and reading the clock is a subtraction, a multiplication and a shift: no
// division and no system call. Relies on a counter that neither stops nor changes its pace and that
// agrees between cores; lib/ctl warns where the processor does not promise that.

#include <rte_cycles.h>

#include "base/base.h"

#define HC_CLOCK_SHIFT          32u
#define HC_CLOCK_CALIBRATION_NS 20000000u // Shortest time to measure over: about 3 ppm.

struct hc_clock {
	uint64_t base_tsc; // The counter at time 0.
	uint64_t mult;     // Nanoseconds per count, times 2^HC_CLOCK_SHIFT.
	uint64_t tsc_hz;
	uint64_t base_raw_ns; // CLOCK_MONOTONIC_RAW at time 0.
};

// The counter and the system's clock at the same moment.
struct hc_clock_sample {
	uint64_t tsc;
	uint64_t raw_ns;
};

// Nanoseconds from `base_tsc` to `tsc`. The product has up to 128 bits, so it does not overflow.
HC_ALWAYS_INLINE uint64_t hc_clock_ns(const struct hc_clock *c, uint64_t tsc)
{
	return (uint64_t)((unsigned __int128)(tsc - c->base_tsc) * c->mult >> HC_CLOCK_SHIFT);
}

HC_ALWAYS_INLINE uint64_t hc_clock_now_ns(const struct hc_clock *c)
{
	return hc_clock_ns(c, rte_rdtsc());
}

// Reads both clocks, with the shortest gap of a few tries between the two readings.
struct hc_clock_sample hc_clock_sample(void);

// Sets the clock from two samples, `to` later than `from`. Time 0 is at `to`.
void hc_clock_set(struct hc_clock *c, struct hc_clock_sample from, struct hc_clock_sample to);

// How much faster than CLOCK_MONOTONIC_RAW the clock has run up to `now`, in parts per million: the
// error of the calibration, and what the counter has drifted since. 0 at time 0.
double hc_clock_drift_ppm(const struct hc_clock *c, struct hc_clock_sample now);

// The shortest time between two readings that differ.
double hc_clock_resolution_ns(const struct hc_clock *c);

// Waits until `from` is HC_CLOCK_CALIBRATION_NS ago, if it is not yet, and sets the clock.
void hc_clock_calibrate(struct hc_clock *c, struct hc_clock_sample from);
