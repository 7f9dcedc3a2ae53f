// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// RFC 3511 5.5, Denial Of Service Handling: the search for the highest connection rate twice, first
// without (the baseline) and then under a SYN attack. What the other tests have not.

#include "test.h"

struct json_t;

// Whether this test is that.
bool test_flood_is(const struct config *cfg);

// The attack's options. @return false after a complaint.
bool test_flood_finish(struct config *cfg);

// The search under the attack, from what was found without: nobody gets faster by being attacked.
void test_flood_narrow(const struct test *t, struct search_config *sc);

// The attack's part of a row, which does not pass if the attack was not what was asked for.
void test_flood_judge(const struct test *t, const struct result *r, struct test_row *row);

// Of what was found, once there is a baseline. Returns an exit code.
int test_flood_verdict(const struct test *t);

void test_flood_report_begin(const struct test *t);
void test_flood_report_value(const struct test *t);
void test_flood_report_result(const struct test *t);

// Put what RFC 3511 5.5.2 and 5.5.5 want into the parts of the file.
void test_flood_set_up_json(const struct test *t, struct json_t *setup);
void test_flood_result_json(const struct test *t, struct json_t *result);
void test_flood_row_json(const struct test *t, const struct test_row *row, struct json_t *out);
