// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Reads the command line by the table. `--name value` and `--name=value` are the same; the last of
// several wins; what stands after `--` is EAL's. A file of --config is read first, wherever it is
// named, so that the command line wins.

#include "options.h"

#include <string.h>

#include "config_file.h"
#include "test.h"

static const struct option *find(const char *name, size_t len)
{
	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];

		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

// The option that shares the longest beginning with what was written, if it is not far off.
static const struct option *find_near(const struct config *cfg, const char *name, size_t len)
{
	const struct option *best = NULL;
	size_t best_len = 2;

	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		size_t same = 0;

		while (same < len && o->name[same] == name[same])
			same++;
		if ((o->commands & cfg->command) && same > best_len) {
			best = o;
			best_len = same;
		}
	}
	return best;
}

static void complain_unknown(const struct config *cfg, const char *arg, size_t name_len)
{
	const struct option *near = find_near(cfg, arg + 2, name_len);

	if (near)
		complain("there is no option %.*s; --%s may be meant, and --help lists them all",
			 (int)name_len + 2, arg, near->name);
	else
		complain("there is no option %.*s; --help lists them all", (int)name_len + 2, arg);
}

static const struct option *look_up(const struct config *cfg, const char *arg, size_t name_len)
{
	const struct option *o = find(arg + 2, name_len);

	if (!o) {
		complain_unknown(cfg, arg, name_len);
		return NULL;
	}
	if (!(o->commands & cfg->command)) {
		complain("--%s is not an option of %s; --help lists those that are", o->name,
			 cfg->command_name);
		return NULL;
	}
	return o;
}

static bool set_value(struct config *cfg, const struct option *o, const char *text)
{
	enum option_fault fault;
	char what[64];

	fault = option_set(cfg, o, text);
	snprintf(what, sizeof what, "--%s", o->name);
	option_complain(o, fault, what, text);
	return fault == OPTION_FINE;
}

// Reads the option at argv[i]. Returns how many words it took, 0 when it was wrong.
static int parse_one(struct config *cfg, int argc, char *const *argv, int i)
{
	const char *arg = strcmp(argv[i], "-c") == 0 ? "--config" : argv[i];
	const char *equals = strchr(arg, '=');
	size_t name_len = (equals ? (size_t)(equals - arg) : strlen(arg)) - 2;
	const struct option *o = look_up(cfg, arg, name_len);

	if (!o)
		return 0;
	if (o->kind == OPTION_FLAG) {
		if (equals) {
			complain("--%s takes no value: write it alone", o->name);
			return 0;
		}
		*(bool *)((char *)cfg + o->offset) = true;
		return 1;
	}
	if (equals)
		return set_value(cfg, o, equals + 1) ? 1 : 0;
	// No value begins with two dashes but one that is written behind an =.
	if (i + 1 >= argc || strncmp(argv[i + 1], "--", 2) == 0) {
		complain("--%s needs a value: --%s %s", o->name, o->name, o->arg);
		return 0;
	}
	return set_value(cfg, o, argv[i + 1]) ? 2 : 0;
}

static enum options_verdict parse_all(struct config *cfg, int argc, char *const *argv)
{
	for (int i = 0; i < argc;) {
		int taken;

		if (strcmp(argv[i], "--") == 0) {
			cfg->eal_args = (const char *const *)&argv[i + 1];
			cfg->eal_arg_count = (unsigned)(argc - i - 1);
			return OPTIONS_RUN;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			options_help(cfg, stdout);
			return OPTIONS_HELP;
		}
		if (strncmp(argv[i], "--", 2) != 0 && strcmp(argv[i], "-c") != 0) {
			complain("'%s' is not an option: options begin with --, and --help lists "
				 "them",
				 argv[i]);
			return OPTIONS_BAD;
		}
		taken = parse_one(cfg, argc, argv, i);
		if (taken == 0)
			return OPTIONS_BAD;
		i += taken;
	}
	return OPTIONS_RUN;
}

enum options_verdict options_parse(struct config *cfg, int argc, char *const *argv)
{
	enum options_verdict verdict = parse_all(cfg, argc, argv);
	const char *path = cfg->config;
	bool has_stages = cfg->stages.count > 0;
	bool has_criteria = cfg->fail_if.count > 0;
	enum test_kind kind;

	if (verdict != OPTIONS_RUN || !path)
		return verdict;
	kind = (enum test_kind)cfg->test.kind;
	config_init(cfg, cfg->command, cfg->command_name);
	if (cfg->command == COMMAND_TEST)
		config_init_test(cfg, kind);
	if (!config_file_read(cfg, path))
		return OPTIONS_BAD;
	// Instead of the file's, not behind them.
	if (has_stages)
		cfg->stages.count = 0;
	if (has_criteria)
		cfg->fail_if.count = 0;
	// It is what --hold-live came to, and follows it.
	if (cfg->hold_live > 0 && cfg->concurrency == cfg->hold_live)
		cfg->concurrency = 0;
	return parse_all(cfg, argc, argv);
}

static void help_option(const struct option *o, FILE *to)
{
	char left[64];

	if (o->kind == OPTION_WORD) {
		int used = snprintf(left, sizeof left, "--%s ", o->name);

		for (unsigned i = 0; o->words[i] && used < (int)sizeof left; i++)
			used += snprintf(left + used, sizeof left - (size_t)used, "%s%s",
					 i ? "|" : "", o->words[i]);
	} else {
		snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
	}
	if (strlen(left) > 24)
		fprintf(to, "  %s\n  %-24s  %s\n", left, "", o->help);
	else
		fprintf(to, "  %-24s  %s\n", left, o->help);
}

void options_help(const struct config *cfg, FILE *to)
{
	bool is_test = cfg->command == COMMAND_TEST;

	fprintf(to, "usage: handclasp %s%s%s [options] [-- EAL arguments]\n", cfg->command_name,
		is_test ? " " : "", is_test ? test_infos[cfg->test.kind].name : "");
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		const char *title = option_group_titles[group];

		for (unsigned i = 0; i < option_count; i++) {
			if (option_table[i].group != group ||
			    !(option_table[i].commands & cfg->command))
				continue;
			if (title) // A group has none before it has an option.
				fprintf(to, "\n%s\n", title);
			title = NULL;
			help_option(&option_table[i], to);
		}
	}
	fprintf(to, "\nCounts take k, M and G (thousands), sizes take k, M and G (1024), times "
		    "take ns, us, ms, s, min and h.\n");
}
