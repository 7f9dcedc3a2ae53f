// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Runs functions on worker lcores. A thin cover over EAL's launch: worker i is the i-th lcore that
// eal.c mapped, and all calls come from the main thread.

#include <errno.h>

#include <rte_launch.h>

#include "io/runtime.h"

int hc_runtime_launch(struct hc_runtime *rt, unsigned i, int (*fn)(void *arg), void *arg)
{
	if (i >= rt->worker_count)
		return -EINVAL;
	return rte_eal_remote_launch(fn, arg, rt->lcore[i]) == 0 ? 0 : -EBUSY;
}

int hc_runtime_join(struct hc_runtime *rt, unsigned i)
{
	HC_ASSERT(i < rt->worker_count);
	return rte_eal_wait_lcore(rt->lcore[i]);
}

bool hc_runtime_is_running(const struct hc_runtime *rt, unsigned i)
{
	HC_ASSERT(i < rt->worker_count);
	return rte_eal_get_lcore_state(rt->lcore[i]) == RUNNING;
}
