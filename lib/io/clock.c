// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Calibration of the clock in clock.h. hc_runtime_start() takes the first sample before EAL starts
// and the second after, about 170 ms later.

#include <time.h>

#include "io/clock.h"

#define SAMPLE_TRIES     16u
#define RESOLUTION_TRIES 1000u
#define NS_IN_S          1000000000u

static uint64_t raw_ns(void)
{
	struct timespec ts;
	int err = clock_gettime(CLOCK_MONOTONIC_RAW, &ts);

	HC_ASSERT(err == 0);
	return (uint64_t)ts.tv_sec * NS_IN_S + (uint64_t)ts.tv_nsec;
}

struct hc_clock_sample hc_clock_sample(void)
{
	struct hc_clock_sample best = {0, 0};
	uint64_t gap_min = UINT64_MAX;

	// An interrupt, or the host taking the processor away, falls between the readings of some
	// tries; the one with the smallest gap is the one without.
	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = rte_rdtsc();
		uint64_t ns = raw_ns();
		uint64_t gap = rte_rdtsc() - before;

		if (gap >= gap_min)
			continue;
		gap_min = gap;
		best = (struct hc_clock_sample){.tsc = before + gap / 2, .raw_ns = ns};
	}
	return best;
}

void hc_clock_set(struct hc_clock *c, struct hc_clock_sample from, struct hc_clock_sample to)
{
	uint64_t counts = to.tsc - from.tsc;
	uint64_t ns = to.raw_ns - from.raw_ns;

	HC_ASSERT(counts > 0);
	HC_ASSERT(ns > 0);
	c->base_tsc = to.tsc;
	c->base_raw_ns = to.raw_ns;
	c->mult = (uint64_t)(((unsigned __int128)ns << HC_CLOCK_SHIFT) / counts);
	c->tsc_hz = (uint64_t)((unsigned __int128)counts * NS_IN_S / ns);
	HC_ASSERT(c->mult > 0);
}

double hc_clock_drift_ppm(const struct hc_clock *c, struct hc_clock_sample now)
{
	uint64_t ours_ns = hc_clock_ns(c, now.tsc);
	uint64_t theirs_ns = now.raw_ns - c->base_raw_ns;

	if (theirs_ns == 0)
		return 0;
	return (double)(int64_t)(ours_ns - theirs_ns) * 1e6 / (double)theirs_ns;
}

double hc_clock_resolution_ns(const struct hc_clock *c)
{
	uint64_t best = UINT64_MAX;
	uint64_t before = rte_rdtsc();

	for (unsigned i = 0; i < RESOLUTION_TRIES || best == UINT64_MAX; i++) {
		uint64_t now = rte_rdtsc();

		if (now != before && now - before < best)
			best = now - before;
		before = now;
	}
	return (double)best * NS_IN_S / (double)c->tsc_hz;
}

void hc_clock_calibrate(struct hc_clock *c, struct hc_clock_sample from)
{
	uint64_t elapsed_ns = raw_ns() - from.raw_ns;

	while (elapsed_ns < HC_CLOCK_CALIBRATION_NS) {
		struct timespec rest = {.tv_nsec = (long)(HC_CLOCK_CALIBRATION_NS - elapsed_ns)};

		(void)nanosleep(&rest, NULL);
		elapsed_ns = raw_ns() - from.raw_ns;
	}
	hc_clock_set(c, from, hc_clock_sample());
}
