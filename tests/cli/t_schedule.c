// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The open loop's schedule on a clock of its own: what is due when, in flat stages and ramps, and
// that random arrivals are what they are called.

#include "schedule.h"

#include <math.h>
#include <stdlib.h>

#include "unit/runner.h"

#define S 1000000000ull

static struct schedule schedule;

static void given(const struct stage_list *list, double share)
{
	schedule_make(&schedule, list, share);
}

static void a_flat_rate_is_due_evenly(void)
{
	struct stage_list list = {.stage = {{10 * S, 1000, 1000}}, .count = 1};
	struct arrivals a;

	given(&list, 1);
	arrivals_init(&a, &schedule, false, 0, 0, 1, 0);
	for (unsigned i = 1; i <= 10000; i++) {
		CU_ASSERT(llabs((long long)a.next_ns - (long long)i * 1000000) <= 1);
		arrivals_pass(&a);
	}
	CU_ASSERT(a.next_ns == UINT64_MAX);
}

static void members_take_turns(void)
{
	struct stage_list list = {.stage = {{1 * S, 3000, 3000}}, .count = 1};
	struct arrivals a[3];

	given(&list, 1.0 / 3);
	for (unsigned i = 0; i < 3; i++)
		arrivals_init(&a[i], &schedule, false, 0, i, 3, 0);
	for (unsigned n = 0; n < 3000; n++) {
		CU_ASSERT(llabs((long long)a[n % 3].next_ns - (long long)((n + 1) * S / 3000)) <=
			  1);
		arrivals_pass(&a[n % 3]);
	}
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT(a[i].next_ns == UINT64_MAX);
}

// Up, on, down, and a stage in which nothing is due.
static const struct stage_list hill = {
	.stage = {{2 * S, 0, 500},
		  {3 * S, 500, 500},
		  {1 * S, 500, 100},
		  {1 * S, 0, 0},
		  {1 * S, 10, 0}},
	.count = 5,
};

static void ramps_are_integrated(void)
{
	given(&hill, 1);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 0), 0, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 1e9), 125, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 2e9), 500, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 4e9), 1500, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 5.5e9), 2000 + 225 - 25, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 6e9), 2300, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 7e9), 2300, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 8e9), 2305, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, 9e9), 2305, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(schedule.mass, 2305, 1e-6);
}

static void arrivals_come_when_the_schedule_says(void)
{
	struct arrivals a;
	uint64_t last = 0;
	unsigned n;

	given(&hill, 1);
	arrivals_init(&a, &schedule, false, 0, 0, 1, 0);
	for (n = 1; a.next_ns != UINT64_MAX; n++) {
		CU_ASSERT(a.next_ns >= last);
		// Rounded down to a ns; the last of all stands where the rate is 0.
		CU_ASSERT_DOUBLE_EQUAL(schedule_mass(&schedule, (double)a.next_ns), n, 1e-4);
		last = a.next_ns;
		arrivals_pass(&a);
	}
	CU_ASSERT(n - 1 == 2305 || n - 1 == 2304); // The last stands on the edge.
}

static void a_limit_ends_the_arrivals(void)
{
	struct stage_list list = {.stage = {{UINT64_MAX, 50, 50}}, .count = 1};
	struct arrivals a;
	unsigned n = 0;

	given(&list, 1);
	for (arrivals_init(&a, &schedule, false, 0, 0, 1, 7); a.next_ns != UINT64_MAX; n++)
		arrivals_pass(&a);
	CU_ASSERT_EQUAL(n, 7);
	arrivals_init(&a, NULL, false, 0, 0, 1, 7);
	CU_ASSERT(a.next_ns == UINT64_MAX);
	list.stage[0] = (struct stage){UINT64_MAX, 0, 0};
	given(&list, 1);
	arrivals_init(&a, &schedule, false, 0, 0, 1, 0);
	CU_ASSERT(a.next_ns == UINT64_MAX);
}

static void what_is_passed_at_once_is_what_is_passed_one_by_one(void)
{
	static const uint64_t stops[] = {0,         1,          1234567, S,    2 * S,
					 2 * S + 1, 5500000000, 7 * S,   9 * S};

	for (unsigned is_poisson = 0; is_poisson < 2; is_poisson++) {
		struct arrivals a, b;

		given(&hill, 1);
		arrivals_init(&a, &schedule, is_poisson, 5, 0, 1, 2000);
		arrivals_init(&b, &schedule, is_poisson, 5, 0, 1, 2000);
		for (unsigned i = 0; i < sizeof stops / sizeof *stops; i++) {
			uint64_t n = 0;

			while (a.next_ns <= stops[i]) {
				arrivals_pass(&a);
				n++;
			}
			CU_ASSERT_EQUAL(arrivals_pass_until(&b, stops[i]), n);
			CU_ASSERT_EQUAL(a.next_ns, b.next_ns);
		}
	}
}

static void a_backlog_of_billions_is_passed_at_once(void)
{
	struct stage_list list = {.stage = {{100 * S, 1e9, 1e9}}, .count = 1};
	struct arrivals a;

	given(&list, 1);
	arrivals_init(&a, &schedule, false, 0, 0, 1, 0);
	CU_ASSERT_EQUAL(arrivals_pass_until(&a, 50 * S), 50 * S);
	CU_ASSERT_EQUAL(a.next_ns, 50 * S + 1);
	CU_ASSERT_EQUAL(arrivals_pass_until(&a, 200 * S), 50 * S);
	CU_ASSERT(a.next_ns == UINT64_MAX);
	arrivals_init(&a, &schedule, false, 0, 0, 1, 3000000);
	CU_ASSERT_EQUAL(arrivals_pass_until(&a, 50 * S), 3000000);
	CU_ASSERT(a.next_ns == UINT64_MAX);
}

// Kolmogorov and Smirnov: the largest distance between the distribution of n arrivals and the one
// they should have, times sqrt(n). Above 1.95 in one of a thousand honest cases.
#define KS_LIMIT 1.95
#define KS_COUNT 100000u

static double *ks_sample;

static int ks_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

// Of values that should be uniform in 0..1.
static double ks_distance(double *x, unsigned n)
{
	double most = 0;

	qsort(x, n, sizeof *x, ks_order);
	for (unsigned i = 0; i < n; i++) {
		most = fmax(most, fabs(x[i] - (double)i / n));
		most = fmax(most, fabs(x[i] - (double)(i + 1) / n));
	}
	return most * sqrt(n);
}

// Both tests of a Poisson process: gaps between arrivals are exponential, and arrivals are spread
// over the run as the rate is. On constant arrivals both must fail, or they say nothing.
static void ks(bool is_poisson, const struct stage_list *list, double *gaps, double *places)
{
	struct arrivals a;
	double before = 0, mass;
	unsigned n = 0;

	given(list, 1);
	arrivals_init(&a, &schedule, is_poisson, 20261125, 0, 1, 0);
	for (; n < KS_COUNT && a.next_ns != UINT64_MAX; n++) {
		mass = schedule_mass(&schedule, (double)a.next_ns);
		ks_sample[n] = 1 - exp(before - mass);
		before = mass;
		arrivals_pass(&a);
	}
	CU_ASSERT_FATAL(n > KS_COUNT / 2);
	*gaps = ks_distance(ks_sample, n);
	arrivals_init(&a, &schedule, is_poisson, 20261126, 0, 1, 0);
	for (n = 0; n < KS_COUNT && a.next_ns != UINT64_MAX; n++) {
		ks_sample[n] = schedule_mass(&schedule, (double)a.next_ns) / schedule.mass;
		arrivals_pass(&a);
	}
	*places = ks_distance(ks_sample, n);
}

static void poisson_arrivals_pass_kolmogorov_smirnov(void)
{
	struct stage_list flat = {.stage = {{10 * S, 8000, 8000}}, .count = 1};
	struct stage_list ramps = {.stage = {{5 * S, 0, 12000}, {5 * S, 12000, 4000}}, .count = 2};
	double gaps, places;

	ks_sample = calloc(KS_COUNT, sizeof *ks_sample);
	CU_ASSERT_FATAL(ks_sample != NULL);
	ks(true, &flat, &gaps, &places);
	CU_ASSERT(gaps < KS_LIMIT);
	CU_ASSERT(places < KS_LIMIT);
	ks(true, &ramps, &gaps, &places);
	CU_ASSERT(gaps < KS_LIMIT);
	CU_ASSERT(places < KS_LIMIT);
	ks(false, &flat, &gaps, &places);
	CU_ASSERT(gaps > 10 * KS_LIMIT);
	free(ks_sample);
}

static void the_number_of_poisson_arrivals_varies_as_it_should(void)
{
	struct stage_list list = {.stage = {{1 * S, 400, 400}}, .count = 1};
	double sum = 0, squares = 0;

	given(&list, 1);
	for (unsigned run = 0; run < 1000; run++) {
		struct arrivals a;
		double n;

		arrivals_init(&a, &schedule, true, 1000 * run, 0, 1, 0);
		n = (double)arrivals_pass_until(&a, 1 * S);
		sum += n;
		squares += n * n;
	}
	CU_ASSERT_DOUBLE_EQUAL(sum / 1000, 400, 4);                                    // 6 sigma.
	CU_ASSERT_DOUBLE_EQUAL(squares / 1000 - sum * sum / 1e6, 400, 6 * 400 / 22.0); // 6 sigma.
}

static void the_measured_part_is_from_the_first_flat_stage_to_the_last(void)
{
	struct stage_list list = hill;
	uint64_t from, to;

	stages_sustain(&list, &from, &to);
	CU_ASSERT_EQUAL(from, 2 * S);
	CU_ASSERT_EQUAL(to, 7 * S);
	CU_ASSERT_EQUAL(stages_length_ns(&list), 8 * S);
	CU_ASSERT_DOUBLE_EQUAL(stages_peak_per_s(&list), 500, 0);
	list = (struct stage_list){.stage = {{2 * S, 0, 500}, {1 * S, 500, 0}}, .count = 2};
	stages_sustain(&list, &from, &to);
	CU_ASSERT_EQUAL(from, 0);
	CU_ASSERT_EQUAL(to, 3 * S);
	list = (struct stage_list){.stage = {{2 * S, 0, 500}, {UINT64_MAX, 500, 500}}, .count = 2};
	stages_sustain(&list, &from, &to);
	CU_ASSERT_EQUAL(from, 2 * S);
	CU_ASSERT(to == UINT64_MAX);
	CU_ASSERT(stages_length_ns(&list) == UINT64_MAX);
}

UNIT_SUITE(schedule, UNIT_TEST(a_flat_rate_is_due_evenly), UNIT_TEST(members_take_turns),
	   UNIT_TEST(ramps_are_integrated), UNIT_TEST(arrivals_come_when_the_schedule_says),
	   UNIT_TEST(a_limit_ends_the_arrivals),
	   UNIT_TEST(what_is_passed_at_once_is_what_is_passed_one_by_one),
	   UNIT_TEST(a_backlog_of_billions_is_passed_at_once),
	   UNIT_TEST(poisson_arrivals_pass_kolmogorov_smirnov),
	   UNIT_TEST(the_number_of_poisson_arrivals_varies_as_it_should),
	   UNIT_TEST(the_measured_part_is_from_the_first_flat_stage_to_the_last));
