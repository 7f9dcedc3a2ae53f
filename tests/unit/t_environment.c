// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a result says about its machine, as far as it can be known of any machine.

#include <handclasp/runtime.h>

#include "fx_runtime.h"
#include "runner.h"

#include <string.h>

#include <rte_version.h>

#include "base/base.h"
#include "io/runtime.h"

static struct hc_environment env;

static bool has_warning(const char *part)
{
	for (unsigned i = 0; i < env.warning_count; i++)
		if (strstr(env.warnings[i], part))
			return true;
	return false;
}

static void the_machine_is_named(void)
{
	hc_environment(fx_runtime(), &env);
	CU_ASSERT(strlen(env.cpu) > 2);
	CU_ASSERT(strncmp(env.kernel, "Linux ", 6) == 0);
	CU_ASSERT_STRING_EQUAL(env.dpdk, rte_version());
	CU_ASSERT(env.cpu_count >= 1);
	UNIT_EQ(env.lcore_count, 2);
	CU_ASSERT(env.tsc_hz > 1000000);
	CU_ASSERT(env.clock_resolution_ns > 0);
	CU_ASSERT(env.clock_resolution_ns < 1000000);
}

static void a_clock_that_drifts_is_warned_of(void)
{
	struct hc_runtime *rt = fx_runtime();
	struct hc_clock right = rt->clock;
	double before;

	// Two seconds ago it stood at 0, and is a thousandth too fast or right since.
	rt->clock.base_tsc -= 2 * right.tsc_hz;
	rt->clock.base_raw_ns -= 2000000000;
	hc_environment(rt, &env);
	before = env.tsc_drift_ppm;
	rt->clock.mult += right.mult / 1000;
	hc_environment(rt, &env);
	CU_ASSERT(has_warning("ppm off CLOCK_MONOTONIC_RAW"));
	CU_ASSERT_DOUBLE_EQUAL(env.tsc_drift_ppm, before + 1000, 50);
	rt->clock = right;
}

static void ordinary_memory_is_warned_of(void)
{
	hc_environment(fx_runtime(), &env);
	CU_ASSERT(!env.hugepages);
	CU_ASSERT(has_warning("ugepages"));
}

static void warnings_are_sentences_within_bounds(void)
{
	hc_environment(fx_runtime(), &env);
	CU_ASSERT(env.warning_count <= HC_WARNINGS_MAX);
	for (unsigned i = 0; i < env.warning_count; i++) {
		size_t len = strnlen(env.warnings[i], sizeof env.warnings[i]);

		CU_ASSERT(len > 10 && len < sizeof env.warnings[i] - 1);
		UNIT_EQ(env.warnings[i][len - 1], '.');
	}
}

static void workers_on_every_cpu_are_warned_of(void)
{
	hc_environment(fx_runtime(), &env);
	if (env.cpu_count == 1)
		CU_ASSERT(has_warning("workers share"));
	if (env.cpu_count == 2)
		CU_ASSERT(has_warning("Workers have all"));
	if (env.cpu_count > 2)
		CU_ASSERT(!has_warning("orkers have all") && !has_warning("workers share"));
}

static void the_round_trip_between_cores_is_measured(void)
{
	struct hc_runtime *rt = fx_runtime();
	uint64_t before_ns;

	before_ns = hc_runtime_now_ns(rt);
	hc_runtime_measure(rt);
	hc_environment(rt, &env);
	if (env.cpu_count < 2) {
		CU_ASSERT(env.core_to_core_ns == 0);
		return;
	}
	CU_ASSERT(hc_runtime_now_ns(rt) - before_ns >= 20000000);
	// Light goes 15 cm and back in 1 ns. (No upper bound: on a busy machine the two threads may
	// take turns on their CPUs.)
	CU_ASSERT(env.core_to_core_ns > 1);
}

UNIT_SUITE(environment, UNIT_TEST(the_machine_is_named), UNIT_TEST(ordinary_memory_is_warned_of),
	   UNIT_TEST(a_clock_that_drifts_is_warned_of),
	   UNIT_TEST(warnings_are_sentences_within_bounds),
	   UNIT_TEST(workers_on_every_cpu_are_warned_of),
	   UNIT_TEST(the_round_trip_between_cores_is_measured));
