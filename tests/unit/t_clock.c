// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The clock's arithmetic, on made-up counters, and that it agrees with the system's.

#include "io/clock.h"

#include "runner.h"

#include <time.h>

#define NS_IN_S 1000000000ull
#define YEAR_S  (365ull * 24 * 3600)

// A clock set from a counter of `hz`, measured over `ns`.
static struct hc_clock fx_clock(uint64_t hz, uint64_t ns)
{
	struct hc_clock c;
	struct hc_clock_sample from = {.tsc = 12345, .raw_ns = 777};
	struct hc_clock_sample to = {.tsc = from.tsc +
					    (uint64_t)((unsigned __int128)hz * ns / NS_IN_S),
				     .raw_ns = from.raw_ns + ns};

	hc_clock_set(&c, from, to);
	return c;
}

static void counts_become_nanoseconds(void)
{
	static const uint64_t hz[] = {25000000,   1000000000, 1992000000,
				      2450000000, 2500000000, 5800000000};

	for (unsigned i = 0; i < HC_ARRAY_LEN(hz); i++) {
		struct hc_clock c = fx_clock(hz[i], 200000000);
		uint64_t ns = hc_clock_ns(&c, c.base_tsc + hz[i]);

		UNIT_EQ(c.tsc_hz, hz[i]);
		UNIT_EQ(hc_clock_ns(&c, c.base_tsc), 0);
		// A second is a second within one part in 10^8.
		CU_ASSERT(ns >= NS_IN_S - 10 && ns <= NS_IN_S + 10);
	}
}

static void a_year_does_not_overflow(void)
{
	struct hc_clock c = fx_clock(2500000000u, 20000000);
	uint64_t ns = hc_clock_ns(&c, c.base_tsc + 2500000000u * YEAR_S);

	CU_ASSERT(ns / NS_IN_S >= YEAR_S - 1 && ns / NS_IN_S <= YEAR_S + 1);
}

static void time_never_goes_back_from_count_to_count(void)
{
	struct hc_clock c = fx_clock(2450000000u, 20000000);
	uint64_t before = 0;

	for (uint64_t tsc = c.base_tsc; tsc < c.base_tsc + 100000; tsc++) {
		uint64_t now = hc_clock_ns(&c, tsc);

		UNIT_EXPECT(now >= before && now - before <= 1);
		before = now;
	}
}

static void the_counter_may_wrap(void)
{
	struct hc_clock c = fx_clock(1000000000, 20000000);

	c.base_tsc = UINT64_MAX - 10;
	UNIT_EQ(hc_clock_ns(&c, UINT64_MAX), 10);
	UNIT_EQ(hc_clock_ns(&c, 9), 20);
}

static void drift_is_what_the_counter_ran_ahead(void)
{
	struct hc_clock c = fx_clock(2000000000, 200000000);
	struct hc_clock_sample now = {.tsc = c.base_tsc, .raw_ns = c.base_raw_ns};

	CU_ASSERT_DOUBLE_EQUAL(hc_clock_drift_ppm(&c, now), 0, 1e-9);
	// Ten seconds later, exactly; then 100 us fast, then 1 ms slow.
	now.tsc += 20000000000ull;
	now.raw_ns += 10 * NS_IN_S;
	CU_ASSERT_DOUBLE_EQUAL(hc_clock_drift_ppm(&c, now), 0, 0.01);
	now.tsc += 200000;
	CU_ASSERT_DOUBLE_EQUAL(hc_clock_drift_ppm(&c, now), 10, 0.01);
	now.tsc -= 2200000;
	CU_ASSERT_DOUBLE_EQUAL(hc_clock_drift_ppm(&c, now), -100, 0.01);
	CU_ASSERT(hc_clock_resolution_ns(&c) > 0);
}

static void calibration_agrees_with_the_system(void)
{
	struct hc_clock_sample begin = hc_clock_sample();
	struct hc_clock_sample end;
	struct hc_clock c;
	uint64_t ours, theirs, error;

	hc_clock_calibrate(&c, begin);
	ours = hc_clock_now_ns(&c);
	begin = hc_clock_sample();
	do {
		end = hc_clock_sample();
	} while (end.raw_ns - begin.raw_ns < 5000000);
	ours = hc_clock_ns(&c, end.tsc) - hc_clock_ns(&c, begin.tsc);
	theirs = end.raw_ns - begin.raw_ns;
	error = ours > theirs ? ours - theirs : theirs - ours;
	// One part in 1000: far more than the calibration's error, far less than a wrong unit.
	CU_ASSERT(error < theirs / 1000);
}

UNIT_SUITE(clock, UNIT_TEST(counts_become_nanoseconds), UNIT_TEST(a_year_does_not_overflow),
	   UNIT_TEST(time_never_goes_back_from_count_to_count), UNIT_TEST(the_counter_may_wrap),
	   UNIT_TEST(drift_is_what_the_counter_ran_ahead),
	   UNIT_TEST(calibration_agrees_with_the_system));
