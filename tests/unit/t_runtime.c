// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Starting, workers on their lcores, and what a start refuses before and after EAL.

#include <handclasp/runtime.h>

#include "fx_runtime.h"
#include "runner.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/base.h"

static void start_refuses(struct hc_runtime_config cfg, int expected)
{
	struct hc_runtime *rt = NULL;
	char why[HC_WHY_SIZE] = "";

	UNIT_EQ(hc_runtime_start(&cfg, &rt, why), expected);
	CU_ASSERT_PTR_NULL(rt);
	CU_ASSERT(strlen(why) > 20 && why[strlen(why) - 1] == '.');
}

static void impossible_configurations_are_refused_before_eal(void)
{
	const char *const bad[] = {"ring", "tap:"};
	const char *many[17];

	for (unsigned i = 0; i < HC_ARRAY_LEN(many); i++)
		many[i] = "ring";
	start_refuses((struct hc_runtime_config){.worker_count = 0}, -EINVAL);
	start_refuses((struct hc_runtime_config){.worker_count = 65}, -EINVAL);
	start_refuses((struct hc_runtime_config){.worker_count = 1,
						 .devices = many,
						 .device_count = HC_ARRAY_LEN(many)},
		      -EINVAL);
	start_refuses((struct hc_runtime_config){.worker_count = 1,
						 .devices = bad,
						 .device_count = HC_ARRAY_LEN(bad)},
		      -EINVAL);
}

static void a_second_start_is_refused(void)
{
	(void)fx_runtime();
	start_refuses(
		(struct hc_runtime_config){.worker_count = 1, .is_quiet = true, .no_huge = true},
		-EIO);
}

static int give_back(void *arg)
{
	return *(const int *)arg;
}

static void workers_run_and_return(void)
{
	struct hc_runtime *rt = fx_runtime();
	int value[2] = {7, -3};

	for (unsigned i = 0; i < 2; i++)
		UNIT_EQ(hc_runtime_launch(rt, i, give_back, &value[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		UNIT_EQ(hc_runtime_join(rt, i), value[i]);
	UNIT_EQ(hc_runtime_launch(rt, 2, give_back, &value[0]), -EINVAL);
}

static int run_until_told(void *arg)
{
	while (!atomic_load((atomic_bool *)arg))
		(void)sched_yield();
	return 0;
}

static void a_running_worker_is_busy(void)
{
	struct hc_runtime *rt = fx_runtime();
	atomic_bool is_told = false;

	UNIT_EQ(hc_runtime_launch(rt, 1, run_until_told, &is_told), 0);
	CU_ASSERT(hc_runtime_is_running(rt, 1));
	CU_ASSERT(!hc_runtime_is_running(rt, 0));
	UNIT_EQ(hc_runtime_launch(rt, 1, run_until_told, &is_told), -EBUSY);
	atomic_store(&is_told, true);
	UNIT_EQ(hc_runtime_join(rt, 1), 0);
	CU_ASSERT(!hc_runtime_is_running(rt, 1));
}

// The one CPU this thread may run on, -1 if there are more.
static int only_cpu(void *arg)
{
	cpu_set_t set;

	(void)arg;
	if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) != 1)
		return -1;
	return sched_getcpu();
}

static void workers_are_pinned_and_the_main_thread_is_not(void)
{
	struct hc_runtime *rt = fx_runtime();
	static struct hc_environment env;
	cpu_set_t set;

	hc_environment(rt, &env);
	UNIT_EQ(env.lcore_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		UNIT_EQ(hc_runtime_launch(rt, i, only_cpu, NULL), 0);
		UNIT_EQ(hc_runtime_join(rt, i), env.lcores[i]);
	}
	UNIT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
	UNIT_EQ(CPU_COUNT(&set), env.cpu_count);
}

static void the_clock_runs_forward(void)
{
	struct hc_runtime *rt = fx_runtime();
	uint64_t before = hc_runtime_now_ns(rt);

	for (unsigned i = 0; i < 100000; i++) {
		uint64_t now = hc_runtime_now_ns(rt);

		UNIT_EXPECT(now >= before);
		before = now;
	}
}

UNIT_SUITE(runtime, UNIT_TEST(impossible_configurations_are_refused_before_eal),
	   UNIT_TEST(a_second_start_is_refused), UNIT_TEST(workers_run_and_return),
	   UNIT_TEST(a_running_worker_is_busy),
	   UNIT_TEST(workers_are_pinned_and_the_main_thread_is_not),
	   UNIT_TEST(the_clock_runs_forward));
