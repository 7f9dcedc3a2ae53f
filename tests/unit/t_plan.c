// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The arithmetic of tuples and TIME-WAIT, with the numbers people meet.

#include <handclasp/runtime.h>

#include "runner.h"

#include <math.h>

static struct hc_plan plan_of(uint64_t addrs, uint32_t ports, uint32_t time_wait_ms, double rate)
{
	struct hc_plan plan;

	hc_plan_tuples(addrs, ports, time_wait_ms, rate, &plan);
	return plan;
}

static bool is_about(double a, double b)
{
	return fabs(a - b) <= fabs(b) * 1e-9;
}

static void one_address_at_a_million_a_second_is_not_sustainable(void)
{
	struct hc_plan plan = plan_of(1, 64512, 60000, 1e6);

	UNIT_EQ(plan.tuples, 64512);
	CU_ASSERT(is_about(plan.reuse_s, 0.064512));
	CU_ASSERT(is_about(plan.sustained_per_s, 1075.2));
	CU_ASSERT(!plan.is_sustainable);
}

static void a_prefix_of_addresses_sustains_what_it_divides(void)
{
	struct hc_plan plan = plan_of(65536, 50000, 1000, 3e6);

	UNIT_EQ(plan.tuples, 65536ull * 50000);
	CU_ASSERT(is_about(plan.sustained_per_s, 65536.0 * 50000));
	CU_ASSERT(plan.is_sustainable);
}

static void the_highest_sustained_rate_is_sustainable(void)
{
	struct hc_plan plan = plan_of(10, 1000, 2000, 5000);

	CU_ASSERT(is_about(plan.sustained_per_s, 5000));
	CU_ASSERT(plan.is_sustainable);
	CU_ASSERT(!plan_of(10, 1000, 2000, 5001).is_sustainable);
}

static void no_time_wait_sustains_everything(void)
{
	struct hc_plan plan = plan_of(1, 1, 0, 1e9);

	CU_ASSERT(isinf(plan.sustained_per_s));
	CU_ASSERT(plan.is_sustainable);
	CU_ASSERT(is_about(plan.reuse_s, 1e-9));
}

static void no_rate_reuses_nothing(void)
{
	struct hc_plan plan = plan_of(1, 64512, 60000, 0);

	CU_ASSERT(isinf(plan.reuse_s));
	CU_ASSERT(plan.is_sustainable);
}

static void no_tuples_sustain_nothing(void)
{
	CU_ASSERT(!plan_of(0, 64512, 60000, 1).is_sustainable);
	CU_ASSERT(!plan_of(1, 0, 0, 1).is_sustainable);
	UNIT_EQ(plan_of(0, 0, 0, 1).tuples, 0);
}

static void too_many_tuples_are_capped(void)
{
	UNIT_EQ(plan_of(UINT64_MAX, 2, 1, 1).tuples, UINT64_MAX);
	UNIT_EQ(plan_of(UINT64_MAX, 1, 1, 1).tuples, UINT64_MAX);
}

UNIT_SUITE(plan, UNIT_TEST(one_address_at_a_million_a_second_is_not_sustainable),
	   UNIT_TEST(a_prefix_of_addresses_sustains_what_it_divides),
	   UNIT_TEST(the_highest_sustained_rate_is_sustainable),
	   UNIT_TEST(no_time_wait_sustains_everything), UNIT_TEST(no_rate_reuses_nothing),
	   UNIT_TEST(no_tuples_sustain_nothing), UNIT_TEST(too_many_tuples_are_capped));
