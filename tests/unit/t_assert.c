// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// A broken invariant ends the process, a kept one costs nothing, and the condition is evaluated
// once.

#include "base/base.h"

#include "runner.h"

static void fail(void *arg)
{
	(void)arg;
	hc_assert_failed("the sky is up", __FILE__, __LINE__);
}

static void assert_that(void *arg)
{
	const bool *holds = arg;

	HC_ASSERT(*holds);
}

static void failed_assertion_aborts(void)
{
	bool holds = false;

	CU_ASSERT(unit_aborts(fail, NULL));
	UNIT_EQ(unit_aborts(assert_that, &holds), HC_WITH_ASSERT);
}

static void kept_assertion_goes_on(void)
{
	bool holds = true;

	CU_ASSERT(!unit_aborts(assert_that, &holds));
}

static void condition_is_evaluated_once_or_not_at_all(void)
{
	unsigned times = 0;

	HC_ASSERT(++times > 0);
	UNIT_EQ(times, HC_WITH_ASSERT);
}

UNIT_SUITE(assert, UNIT_TEST(failed_assertion_aborts), UNIT_TEST(kept_assertion_goes_on),
	   UNIT_TEST(condition_is_evaluated_once_or_not_at_all));
