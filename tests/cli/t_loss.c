// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// When an iteration passes: each criterion at its edge, and what is said when it does not.

#include "loss.h"

#include <math.h>
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
				     .connections = 1000000,
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

// RFC 9411 7.2.3: failed ones are of the transactions, RSTs of the connections.
static void rfc_9411_counts_resets_by_connection(void)
{
	struct loss_numbers n = fine();

	n.connections = n.attempted / 4;
	n.failed = 9;
	n.resets = 2;
	CU_ASSERT(judge("9411", &n));
	n.resets = 3;
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

static void connections_at_once_are_compared_by_tenths(void)
{
	const double steady[] = {0, 100, NAN, 100, 100, 109.9}, growing[] = {0, 100, 200, 300};
	const double unknown[] = {50, NAN, NAN};
	struct loss_numbers n = fine();

	loss_set_open(&n, steady, 6);
	CU_ASSERT_DOUBLE_EQUAL(n.open_mean, (3 * 100 + 109.9) / 4, 1e-9);
	CU_ASSERT_EQUAL(n.open_farthest, 109.9);
	CU_ASSERT(judge("9411", &n));
	loss_set_open(&n, growing, 4);
	CU_ASSERT_EQUAL(n.open_mean, 200);
	CU_ASSERT(n.open_farthest == 100 || n.open_farthest == 300);
	CU_ASSERT_FALSE(judge("9411", &n));
	CU_ASSERT(judge("none", &n));
	loss_set_open(&n, unknown, 3);
	CU_ASSERT(judge("9411", &n));
	loss_set_open(&n, steady, 1);
	CU_ASSERT(judge("9411", &n));
}

static void rfc_9411_allows_a_tenth_of_those_at_once(void)
{
	struct loss_numbers n = fine();

	n.open_mean = 1000;
	n.open_farthest = 1099.9;
	CU_ASSERT(judge("9411", &n));
	n.open_farthest = 1100;
	CU_ASSERT_FALSE(judge("9411", &n));
	n.open_farthest = 900;
	CU_ASSERT_FALSE(judge("9411", &n));
	n.open_slack = 100; // What opens within --grace.
	CU_ASSERT(judge("9411", &n));
	n.open_farthest = 899;
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

// What a device queues comes in the end, and at its own rate.
static void what_came_too_slowly_does_not_pass(void)
{
	struct loss_numbers n = fine();

	n.slack_per_s = 5;
	n.achieved_per_s = 995;
	CU_ASSERT(judge("none", &n));
	n.achieved_per_s = 994.9;
	CU_ASSERT_FALSE(judge("none", &n));
	n.slack_per_s = 0; // It is not about a rate.
	CU_ASSERT(judge("none", &n));
}

static void what_may_be_lost_may_be_missing_from_the_rate(void)
{
	struct loss_numbers n = fine();

	n.slack_per_s = 5;
	n.completed = 900000;
	n.achieved_per_s = 895.1;
	CU_ASSERT(judge("10%", &n));
	n.achieved_per_s = 894;
	CU_ASSERT_FALSE(judge("10%", &n));
}

static void a_rate_is_that_of_the_first_to_the_last(void)
{
	CU_ASSERT_DOUBLE_EQUAL(loss_rate(1001, 1000000000, 5), 1000, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(loss_rate(2, 500000000, 5), 2, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(loss_rate(1, 500000000, 5), 5, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(loss_rate(7, 0, 5), 5, 1e-9);
}

static void more_than_was_attempted_is_not_lost(void)
{
	struct loss_numbers n = fine();

	n.completed = n.attempted + 1;
	CU_ASSERT(judge("none", &n));
	CU_ASSERT(judge("1%", &n));
	n.slack_per_s = 1;
	n.achieved_per_s = 1000;
	CU_ASSERT(loss_is_explained(&n, 1));
}

// 10 ms at 1000/s are 10 connections.
static void a_pause_explains_what_was_due_in_it(void)
{
	struct loss_numbers n = fine();

	n.completed = n.attempted - 10;
	CU_ASSERT(loss_is_explained(&n, 10000000));
	n.completed--;
	CU_ASSERT_FALSE(loss_is_explained(&n, 10000000));
	n.unstarted = 1; // Not due then, and the tester's all the same.
	CU_ASSERT(loss_is_explained(&n, 10000000));
	n.completed = n.attempted;
	n.achieved_per_s = 999.991;
	CU_ASSERT(loss_is_explained(&n, 10000000));
	n.achieved_per_s = 999.98;
	CU_ASSERT_FALSE(loss_is_explained(&n, 10000000));
	CU_ASSERT_FALSE(loss_is_explained(&n, 0));
}

static void a_pause_explains_no_connection_that_was_not_held(void)
{
	struct loss_numbers n = fine();

	n.held_asked = n.attempted;
	n.completed -= 3;
	CU_ASSERT_FALSE(loss_is_explained(&n, 1000000000));
	n.unstarted = 2;
	CU_ASSERT_FALSE(loss_is_explained(&n, 1000000000));
	n.unstarted = 3;
	CU_ASSERT(loss_is_explained(&n, 1000000000));
}

UNIT_SUITE(loss, UNIT_TEST(criteria_are_read_and_written),
	   UNIT_TEST(with_none_every_single_one_counts),
	   UNIT_TEST(a_share_may_be_lost_and_not_one_more),
	   UNIT_TEST(rfc_9411_allows_less_than_one_of_100000),
	   UNIT_TEST(rfc_9411_counts_resets_by_connection),
	   UNIT_TEST(rfc_9411_allows_the_rate_5_percent),
	   UNIT_TEST(rfc_9411_allows_a_tenth_of_held_connections),
	   UNIT_TEST(connections_at_once_are_compared_by_tenths),
	   UNIT_TEST(rfc_9411_allows_a_tenth_of_those_at_once),
	   UNIT_TEST(nothing_attempted_passes_no_criterion),
	   UNIT_TEST(the_commonest_cause_is_named), UNIT_TEST(what_came_too_slowly_does_not_pass),
	   UNIT_TEST(what_may_be_lost_may_be_missing_from_the_rate),
	   UNIT_TEST(a_rate_is_that_of_the_first_to_the_last),
	   UNIT_TEST(more_than_was_attempted_is_not_lost),
	   UNIT_TEST(a_pause_explains_what_was_due_in_it),
	   UNIT_TEST(a_pause_explains_no_connection_that_was_not_held));
