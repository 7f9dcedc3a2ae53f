// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// When an iteration passes: each criterion at its edge, and what is said when it does not.

#include "loss.h"

#include <string.h>

#include "unit/runner.h"

static struct loss_criterion criterion(const char *text)
{
	struct loss_criterion c;

	CU_ASSERT_FATAL(loss_parse(text, &c));
	return c;
}

// All right, at 1000 a second.
static struct loss_numbers fine(void)
{
	return (struct loss_numbers){.attempted = 1000000,
				     .completed = 1000000,
				     .asked_per_s = 1000,
				     .achieved_per_s = 1000};
}

static bool judge(const char *text, const struct loss_numbers *n)
{
	struct loss_criterion c = criterion(text);
	char why[160];
	bool passes = loss_judge(&c, n, why, sizeof why);

	CU_ASSERT_EQUAL(passes, why[0] == '\0');
	return passes;
}

static void criteria_are_read_and_written(void)
{
	static const char *const right[] = {"none", "9411", "0.5%", "0.001%", "99%"};
	static const char *const wrong[] = {"",    "0",   "0%",    "100%", "5",
					    "-1%", "all", "94111", "%",    "1%%"};
	struct loss_criterion c;
	char text[32];

	for (unsigned i = 0; i < sizeof right / sizeof *right; i++) {
		c = criterion(right[i]);
		loss_text(&c, text, sizeof text);
		CU_ASSERT_STRING_EQUAL(text, right[i]);
	}
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CU_ASSERT_FALSE(loss_parse(wrong[i], &c));
}

static void with_none_every_single_one_counts(void)
{
	struct loss_numbers n = fine();

	CU_ASSERT(judge("none", &n));
	n.completed--;
	n.failed = 1;
	CU_ASSERT_FALSE(judge("none", &n));
}

static void a_share_may_be_lost_and_not_one_more(void)
{
	struct loss_numbers n = fine();

	n.completed = 995000;
	CU_ASSERT(judge("0.5%", &n));
	n.completed--;
	CU_ASSERT_FALSE(judge("0.5%", &n));
}

static void rfc_9411_allows_less_than_one_of_100000(void)
{
	struct loss_numbers n = fine();

	n.failed = 9;
	CU_ASSERT(judge("9411", &n));
	n.wrong = 1;
	CU_ASSERT_FALSE(judge("9411", &n));
	n = fine();
	n.resets = 9;
	CU_ASSERT(judge("9411", &n));
	n.resets = 10;
	CU_ASSERT_FALSE(judge("9411", &n));
}

static void rfc_9411_allows_the_rate_5_percent(void)
{
	struct loss_numbers n = fine();

	n.achieved_per_s = 950.1;
	CU_ASSERT(judge("9411", &n));
	n.achieved_per_s = 950;
	CU_ASSERT_FALSE(judge("9411", &n));
	n.achieved_per_s = 1050;
	CU_ASSERT_FALSE(judge("9411", &n));
}

static void rfc_9411_allows_a_tenth_of_held_connections(void)
{
	struct loss_numbers n = fine();

	n.held_asked = 1000;
	n.held_least = 900;
	CU_ASSERT(judge("9411", &n));
	n.held_least = 899;
	CU_ASSERT_FALSE(judge("9411", &n));
}

static void nothing_attempted_passes_no_criterion(void)
{
	struct loss_numbers n = {0};

	CU_ASSERT_FALSE(judge("none", &n));
	CU_ASSERT_FALSE(judge("9411", &n));
	CU_ASSERT_FALSE(judge("50%", &n));
}

static void the_commonest_cause_is_named(void)
{
	struct loss_criterion c = criterion("none");
	struct loss_numbers n = fine();
	char why[160];

	n.completed -= 12;
	n.failed = 3;
	n.late = 9;
	CU_ASSERT_FALSE(loss_judge(&c, &n, why, sizeof why));
	CU_ASSERT_STRING_EQUAL(why, "12 of 1000000 not completed: 9 late");
}

UNIT_SUITE(loss, UNIT_TEST(criteria_are_read_and_written),
	   UNIT_TEST(with_none_every_single_one_counts),
	   UNIT_TEST(a_share_may_be_lost_and_not_one_more),
	   UNIT_TEST(rfc_9411_allows_less_than_one_of_100000),
	   UNIT_TEST(rfc_9411_allows_the_rate_5_percent),
	   UNIT_TEST(rfc_9411_allows_a_tenth_of_held_connections),
	   UNIT_TEST(nothing_attempted_passes_no_criterion),
	   UNIT_TEST(the_commonest_cause_is_named));
