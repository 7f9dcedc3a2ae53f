// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Many runs of the simulation.
//
//     sim                    the default number of seeds, from 1 on
//     sim -n 100000          so many
//     sim -c 1000000         as many as it takes for so many connections
//     sim -f 5000000         from this seed on
//     sim -s 4711            this seed, with a capture
//     sim -d DIR             captures of failed runs go there, not to the working directory
//     sim -h                 the same in more words
//
// A run that fails prints its seed, what went wrong and the command that plays it again, and is
// played once more with a capture, sim-SEED.pcapng. The last lines are the tally. The exit status
// is 0 when all passed, 1 when one failed, 2 for a bad argument.

#include "sim.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEDS_DEFAULT 4000u
#define FAILURES_MAX  20u // Enough to see what is wrong.

static volatile uint64_t seed_now;

// An assertion that fails ends the program: it says in which run.
static void on_fatal(int sig)
{
	char text[64];
	int n = snprintf(text, sizeof text, "sim: signal %d in seed %" PRIu64 "\n", sig, seed_now);

	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

struct options {
	const char *program;
	uint64_t first;
	uint64_t count;
	uint64_t connections; // 0: however many come of `count` seeds.
	const char *dir;
	bool is_single;
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: sim [-n SEEDS | -c CONNECTIONS] [-f FIRST] [-d DIR]\n"
		"       sim -s SEED [-d DIR]\n"
		"\n"
		"Two stacks on a bad wire in virtual time, one run a seed; README.md, Tests, says "
		"what is judged.\n"
		"\n");
	fprintf(to,
		"  -n SEEDS        how many (%u)\n"
		"  -c CONNECTIONS  as many seeds as it takes for so many connections\n"
		"  -f FIRST        the first seed (1)\n"
		"  -s SEED         this one alone, with a capture, sim-SEED.pcapng\n"
		"  -d DIR          where captures go; without -s, those of runs that fail (.)\n"
		"  -h, --help      this\n"
		"\n"
		"Numbers are decimal, or hexadecimal with 0x. The exit status is 0 when all "
		"passed, "
		"1 when one failed, 2 for a bad argument.\n",
		SEEDS_DEFAULT);
}

// A whole number from `least` on. @return whether the argument of an option is one.
static bool number_read(int opt, const char *text, uint64_t least, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10); // 010 is ten.
	if (isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && *out >= least)
		return true;
	fprintf(stderr, "sim: -%c %s: give a whole number from %" PRIu64 " on\n", opt, text, least);
	return false;
}

static bool option_read(int opt, struct options *o)
{
	switch (opt) {
	case 'c':
		o->count = UINT64_MAX;
		return number_read(opt, optarg, 1, &o->connections);
	case 'f':
		return number_read(opt, optarg, 0, &o->first);
	case 'n':
		return number_read(opt, optarg, 1, &o->count);
	case 's':
		o->is_single = true;
		return number_read(opt, optarg, 0, &o->first);
	case 'd':
		o->dir = optarg;
		return true;
	case 'h':
		usage(stdout);
		exit(0);
	case ':':
		fprintf(stderr, "sim: -%c needs something behind it; -h says what\n", optopt);
		return false;
	default:
		fprintf(stderr, "sim: there is no such option; -h says what there is\n");
		return false;
	}
}

static bool options_read(int argc, char **argv, struct options *o)
{
	static const struct option words[] = {{"help", no_argument, NULL, 'h'}, {0}};
	unsigned counts = 0, firsts = 0; // Options that say how many, and from where on.
	int opt;

	*o = (struct options){.program = argv[0], .first = 1, .count = SEEDS_DEFAULT, .dir = "."};
	opterr = 0; // Its words are ours.
	while ((opt = getopt_long(argc, argv, ":c:f:n:s:d:h", words, NULL)) != -1) {
		if (!option_read(opt, o))
			return false;
		counts += opt == 'c' || opt == 'n' || opt == 's';
		firsts += opt == 'f' || opt == 's';
	}
	if (optind < argc) {
		fprintf(stderr, "sim: %s is no option; -h says what there is\n", argv[optind]);
		return false;
	}
	if (counts > 1 || firsts > 1) {
		fprintf(stderr,
			"sim: -n or -c say how many from -f on, and -s is one alone: give one "
			"of them, once\n");
		return false;
	}
	if (o->is_single)
		o->count = 1;
	return true;
}

static bool run_seed(struct sim_world *s, const struct options *o, uint64_t seed)
{
	char path[512];
	char why[sizeof s->why];
	bool is_good;

	(void)snprintf(path, sizeof path, "%s/sim-%" PRIu64 ".pcapng", o->dir, seed);
	seed_now = seed;
	is_good = sim_world_run(s, seed, o->is_single ? path : NULL);
	if (is_good)
		return true;
	memcpy(why, s->why, sizeof why);
	if (!o->is_single)
		(void)sim_world_run(s, seed, path);
	printf("seed %" PRIu64 ": %s (%s; again: %s -s %" PRIu64 ")\n", seed, why, path, o->program,
	       seed);
	if (strcmp(why, s->why) != 0)
		printf("seed %" PRIu64 ": played again it says: %s\n", seed, s->why);
	return false;
}

static int run_all(struct sim_world *s, const struct options *o)
{
	uint64_t passed = 0;
	uint64_t failed = 0;
	uint64_t steps = 0;

	for (uint64_t i = 0; i < o->count && failed < FAILURES_MAX; i++) {
		if (o->connections && s->connections >= o->connections)
			break;
		if (run_seed(s, o, o->first + i))
			passed++;
		else
			failed++;
		steps += s->steps;
	}
	printf("seeds from %" PRIu64 ": %" PRIu64 " connections, %" PRIu64
	       " bytes received, %" PRIu64 " frames judged, %" PRIu64 " steps\n",
	       o->first, s->connections, s->bytes, s->frames, steps);
	printf("%" PRIu64 " partitions, %" PRIu64 " narrow paths, %" PRIu64 " stalls, %" PRIu64
	       " jumps of the clock, %" PRIu64 " times without buffers, %" PRIu64
	       " marked packets, %" PRIu64 " options set, %" PRIu64
	       " connections opened by the data of a SYN\n",
	       s->spells[SIM_SPELL_PARTITION], s->spells[SIM_SPELL_NARROW],
	       s->spells[SIM_SPELL_STALL], s->spells[SIM_SPELL_JUMP], s->spells[SIM_SPELL_BUFFERS],
	       s->marked, s->whims, s->fast_opens);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
	return failed != 0;
}

int main(int argc, char **argv)
{
	const char *const devices[] = {"ring"};
	const struct hc_runtime_config cfg = {.worker_count = 1,
					      .devices = devices,
					      .device_count = 1,
					      .memory_bytes = 256u << 20,
					      .is_quiet = true,
					      .no_huge = true};
	static struct sim_world world;
	struct hc_runtime *rt;
	struct options o;
	char why[HC_WHY_SIZE];
	int status = 1;

	if (!options_read(argc, argv, &o))
		return 2;
	if (hc_runtime_start(&cfg, &rt, why) != 0) {
		fprintf(stderr, "sim: %s\n", why);
		return 1;
	}
	(void)signal(SIGABRT, on_fatal);
	(void)signal(SIGSEGV, on_fatal);
	if (sim_world_open(&world, rt, why))
		status = run_all(&world, &o);
	else
		fprintf(stderr, "sim: %s\n", why);
	sim_world_close(&world);
	hc_runtime_stop(rt);
	return status;
}
