// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// handclasp: options, plan, run, report, exit code. Everything that can be found wrong is found
// before DPDK is started.

#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "options.h"
#include "outputs.h"
#include "report.h"
#include "run.h"
#include "test.h"

static const struct {
	const char *name;
	enum command command;
	const char *help;
} commands[] = {
	{"bench", COMMAND_BENCH, "open and close connections between two ends in this process"},
	{"load", COMMAND_LOAD, "open and close connections to a target, through a port"},
	{"serve", COMMAND_SERVE, "accept and answer connections that come from a port"},
	{"test", COMMAND_TEST, "find a limit, as RFC 3511 says: handclasp test --help lists what"},
};

static void usage(FILE *to)
{
	fprintf(to, "usage: handclasp COMMAND [options] [-- EAL arguments]\n\n"
		    "Measures how fast TCP connections open and close.\n\n");
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\nhandclasp COMMAND --help lists the options of each.\n"
		    "Exit codes: 0 measured, 1 the run failed, 2 bad command line, 3 environment, "
		    "99 a --fail-if was crossed, 130 interrupted.\n");
}

static int find_command(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

// ---------------------------------------------------------------------------------------------
// one command

static int run_and_report(struct config *cfg, struct plan *plan, const struct outputs *out)
{
	struct run *r = calloc(1, sizeof *r);
	int code;

	if (!r) {
		complain("no memory to begin with: free some");
		return EXIT_ENVIRONMENT;
	}
	r->csv = out->csv;
	code = run_execute(r, cfg, plan);
	if (code == EXIT_MEASURED) {
		if (config_is_talking(cfg))
			report_summary(&r->result);
		code = run_verdict(r);
		if (!outputs_write(out, &r->result) || (out->csv && !r->csv))
			code = EXIT_ENVIRONMENT; // Something was not written, and complained about.
	}
	result_free(&r->result);
	free(r);
	return code;
}

static int show_plan(const struct config *cfg, const struct plan *plan, const struct outputs *out)
{
	if (!out->json)
		return EXIT_MEASURED;
	outputs_empty_json(out, cfg);
	return plan_write_json(cfg, plan, out->json) ? EXIT_MEASURED : EXIT_ENVIRONMENT;
}

static int run_plan(struct config *cfg, struct plan *plan)
{
	struct outputs out;
	int code = EXIT_USAGE;

	if (config_is_talking(cfg))
		report_plan(cfg, plan);
	if (outputs_open(&out, cfg))
		code = cfg->is_dry_run ? show_plan(cfg, plan, &out)
				       : run_and_report(cfg, plan, &out);
	outputs_close(&out);
	return code;
}

static int run_test(const struct config *cfg)
{
	struct outputs out;
	int code = EXIT_USAGE;

	if (outputs_open(&out, cfg))
		code = cfg->is_dry_run ? test_show_plan(cfg, &out) : test_execute(cfg, &out);
	outputs_close(&out);
	return code;
}

static void test_usage(FILE *to)
{
	fprintf(to, "usage: handclasp test WHAT --port ring|DEV [options] [-- EAL arguments]\n\n"
		    "Searches for the highest value that passes. WHAT is\n\n");
	for (unsigned i = 0; i < TEST_KINDS; i++)
		fprintf(to, "  %-20s %s%s (RFC 3511 %s)\n", test_infos[i].name, test_infos[i].title,
			test_infos[i].rate ? test_infos[i].rate : "", test_infos[i].section);
	fprintf(to, "\nhandclasp test WHAT --help lists the options.\n");
}

// Which test the first word names. @return TEST_KINDS after a complaint.
static unsigned find_test(int argc, char *const *argv)
{
	unsigned kind = 0;

	if (argc == 0) {
		test_usage(stderr);
		return TEST_KINDS;
	}
	while (kind < TEST_KINDS && strcmp(test_infos[kind].name, argv[0]) != 0)
		kind++;
	if (kind == TEST_KINDS)
		complain("there is no test %s: handclasp test --help lists them", argv[0]);
	return kind;
}

static int run_command(unsigned which, int argc, char *const *argv)
{
	static struct config cfg;
	static struct plan plan;
	int code = EXIT_USAGE;

	complain_as(commands[which].name);
	config_init(&cfg, commands[which].command, commands[which].name);
	if (cfg.command == COMMAND_TEST) {
		unsigned kind;

		if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
			test_usage(stdout);
			return EXIT_MEASURED;
		}
		kind = find_test(argc, argv);
		if (kind == TEST_KINDS)
			return EXIT_USAGE;
		config_init_test(&cfg, (enum test_kind)kind);
		argc--;
		argv++;
	}
	switch (options_parse(&cfg, argc, argv)) {
	case OPTIONS_HELP:
		return EXIT_MEASURED;
	case OPTIONS_BAD:
		break;
	case OPTIONS_RUN:
		if (cfg.command == COMMAND_TEST)
			code = test_finish(&cfg) ? run_test(&cfg) : EXIT_USAGE;
		else if (config_finish(&cfg) && plan_make(&plan, &cfg))
			code = run_plan(&cfg, &plan);
		plan_free(&plan);
		break;
	}
	config_file_free(&cfg);
	return code;
}

int main(int argc, char **argv)
{
	int which;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return EXIT_MEASURED;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("handclasp %s\n", HC_VERSION);
		return EXIT_MEASURED;
	}
	which = find_command(argv[1]);
	if (which < 0) {
		complain("there is no command %s: it is bench, load, serve or test", argv[1]);
		return EXIT_USAGE;
	}
	return run_command((unsigned)which, argc - 2, argv + 2);
}
