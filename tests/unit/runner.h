// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The shared runner of the unit tests. A file t_x.c defines its test functions and ends with
//
//     UNIT_SUITE(x, UNIT_TEST(what_it_does), UNIT_TEST(what_else_it_does));
//
// which registers the suite before main() starts; runner.c holds main(). A program of several t_*.c
// files runs their suites in the order of their names. Tests need no EAL, no hugepages, no root and
// no clock, and take every random number from unit_seed().
//
//     unit_wire              all suites
//     unit_wire parse csum   these suites
//     unit_wire parse/runt   this test of that suite; more of either may follow
//     unit_wire -l           the names of the suites and their tests
//
// The exit status is 0 when every assertion held, 1 when one failed, 2 for a bad argument.

#include <stdbool.h>
#include <stdint.h>

#include <CUnit/CUnit.h>

struct unit_test {
	const char *name;
	void (*run)(void);
};

struct unit_suite {
	const char *name;
	const struct unit_test *tests; // Ends with a NULL name.
	struct unit_suite *next;       // The runner's own.
};

void unit_register(struct unit_suite *suite);

#define UNIT_TEST(fn)                                                                              \
	{                                                                                          \
		.name = #fn, .run = fn                                                             \
	}

#define UNIT_SUITE(suite, ...)                                                                     \
	static const struct unit_test unit_tests_##suite[] = {__VA_ARGS__, {.name = NULL}};        \
	__attribute__((constructor)) static void unit_register_##suite(void)                       \
	{                                                                                          \
		static struct unit_suite self = {.name = #suite, .tests = unit_tests_##suite};     \
                                                                                                   \
		unit_register(&self);                                                              \
	}                                                                                          \
	UNIT_SEMICOLON(suite)
#define UNIT_SEMICOLON(suite) struct unit_semicolon_##suite

// Integers are equal; the failure shows both values. CUnit's own CU_ASSERT_EQUAL does not.
#define UNIT_EQ(actual, expected)                                                                  \
	unit_check_eq((uint64_t)(actual), (uint64_t)(expected), #actual " == " #expected,          \
		      __FILE__, __LINE__)

// The first n bytes are equal; the failure shows the first that differs.
#define UNIT_EQ_BYTES(actual, expected, n)                                                         \
	unit_check_bytes((actual), (expected), (n), #actual " == " #expected, __FILE__, __LINE__)

// For what is checked millions of times: costs nothing while it holds.
#define UNIT_EXPECT(cond)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			CU_FAIL(#cond);                                                            \
	} while (0)

bool unit_check_eq(uint64_t actual, uint64_t expected, const char *what, const char *file,
		   unsigned line);
bool unit_check_bytes(const void *actual, const void *expected, size_t n, const char *what,
		      const char *file, unsigned line);

// The seed of every random test: 1, or HC_SEED of the environment.
uint64_t unit_seed(void);

// Whether fn(arg) ends the process by abort(): runs it in a child whose stderr is closed.
bool unit_aborts(void (*fn)(void *arg), void *arg);
