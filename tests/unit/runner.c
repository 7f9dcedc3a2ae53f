// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// main() of every unit test program: sorts the registered suites, hands the wanted ones to CUnit's
// basic runner, and turns its tally into an exit status. See runner.h for the arguments.

#include "runner.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/Basic.h>

static struct unit_suite *suites; // Sorted by name.

void unit_register(struct unit_suite *suite)
{
	struct unit_suite **at = &suites;

	while (*at && strcmp((*at)->name, suite->name) < 0)
		at = &(*at)->next;
	suite->next = *at;
	*at = suite;
}

static void fail(const char *what, const char *file, unsigned line)
{
	CU_assertImplementation(CU_FALSE, line, what, file, "", CU_FALSE);
}

bool unit_check_eq(uint64_t actual, uint64_t expected, const char *what, const char *file,
		   unsigned line)
{
	char text[512];

	if (actual == expected)
		return CU_assertImplementation(CU_TRUE, line, what, file, "", CU_FALSE);
	snprintf(text, sizeof text,
		 "%s: 0x%" PRIx64 " (%" PRIu64 "), not 0x%" PRIx64 " (%" PRIu64 ")", what, actual,
		 actual, expected, expected);
	fail(text, file, line);
	return false;
}

bool unit_check_bytes(const void *actual, const void *expected, size_t n, const char *what,
		      const char *file, unsigned line)
{
	const uint8_t *a = actual;
	const uint8_t *e = expected;
	char text[512];

	for (size_t i = 0; i < n; i++) {
		if (a[i] == e[i])
			continue;
		snprintf(text, sizeof text, "%s: byte %zu of %zu is 0x%02x, not 0x%02x", what, i, n,
			 a[i], e[i]);
		fail(text, file, line);
		return false;
	}
	return CU_assertImplementation(CU_TRUE, line, what, file, "", CU_FALSE);
}

uint64_t unit_seed(void)
{
	const char *text = getenv("HC_SEED");

	return text ? strtoull(text, NULL, 0) : 1;
}

bool unit_aborts(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		fn(arg);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

// What ends the program leaves no tally: it says in which test.
static void on_fatal(int sig)
{
	const CU_Suite *suite = CU_get_current_suite();
	const CU_Test *test = CU_get_current_test();
	char text[256];
	int n = snprintf(text, sizeof text, "Suite %s, Test %s had a failure: signal %d\n",
			 suite ? suite->pName : "-", test ? test->pName : "-", sig);

	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void watch_signals(void)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGTERM};

	// A sanitizer that is there already says more.
	for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		void (*before)(int) = signal(signals[i], on_fatal);

		if (before != SIG_DFL)
			signal(signals[i], before);
	}
}

static int list(void)
{
	for (const struct unit_suite *s = suites; s; s = s->next)
		for (const struct unit_test *t = s->tests; t->name; t++)
			printf("%s/%s\n", s->name, t->name);
	return 0;
}

// Whether an argument names a test: its suite, or SUITE/TEST.
static bool names(const char *arg, const struct unit_suite *s, const struct unit_test *t)
{
	size_t len = strlen(s->name);

	if (strncmp(arg, s->name, len) != 0)
		return false;
	return arg[len] == '\0' || (arg[len] == '/' && strcmp(arg + len + 1, t->name) == 0);
}

static bool is_wanted(const struct unit_suite *s, const struct unit_test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (names(argv[i], s, t))
			return true;
	return argc < 2;
}

static bool is_known(const char *arg)
{
	for (const struct unit_suite *s = suites; s; s = s->next)
		for (const struct unit_test *t = s->tests; t->name; t++)
			if (names(arg, s, t))
				return true;
	return false;
}

static bool add_suite(const struct unit_suite *s, int argc, char **argv)
{
	CU_pSuite suite = NULL;

	for (const struct unit_test *t = s->tests; t->name; t++) {
		if (!is_wanted(s, t, argc, argv))
			continue;
		if (!suite)
			suite = CU_add_suite(s->name, NULL, NULL);
		if (!suite || !CU_add_test(suite, t->name, t->run))
			return false;
	}
	return true;
}

static bool run(int argc, char **argv)
{
	for (const struct unit_suite *s = suites; s; s = s->next)
		if (!add_suite(s, argc, argv))
			return false;
	CU_basic_set_mode(CU_BRM_NORMAL);
	return CU_basic_run_tests() == CUE_SUCCESS;
}

int main(int argc, char **argv)
{
	bool has_passed;

	if (argc == 2 && strcmp(argv[1], "-l") == 0)
		return list();
	for (int i = 1; i < argc; i++) {
		if (is_known(argv[i]))
			continue;
		fprintf(stderr, "%s: no %s is called %s; -l lists them\n", argv[0],
			strchr(argv[i], '/') ? "test" : "suite", argv[i]);
		return 2;
	}
	if (CU_initialize_registry() != CUE_SUCCESS) {
		fprintf(stderr, "%s: %s\n", argv[0], CU_get_error_msg());
		return 1;
	}
	watch_signals();
	has_passed = run(argc, argv) && CU_get_number_of_tests_run() > 0 &&
		     CU_get_number_of_failure_records() == 0;
	if (CU_get_error() != CUE_SUCCESS)
		fprintf(stderr, "%s: %s\n", argv[0], CU_get_error_msg());
	CU_cleanup_registry();
	return has_passed ? 0 : 1;
}
