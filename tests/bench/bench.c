// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The program of the micro-benchmarks, and the harness behind bench.h.
//
//     bench_micro                     everything (a few minutes, and up to 700 MB)
//     bench_micro table/1M timer      what begins with these words
//     bench_micro --count parse       with instructions per operation beside the nanoseconds
//     bench_micro --windows 31        more windows a case; --window-ms 20: longer ones
//     bench_micro --no-huge           on ordinary pages even where hugepages are free
//
// --count runs the program a second time, under callgrind, with collection switched on only inside
// the measured brackets; each case's total is dumped to a file, which is read back at once. The
// figures of a release build are meant for comparison of two builds by one compiler.

#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#define WINDOWS_MAX      101u
#define CASES_MAX        16u
#define FILTERS_MAX      32u
#define COUNTED_MAX      512u
#define NAME_SIZE        64u
#define COUNTED_OPS      20000u // Operations of a window under callgrind.
#define MEMORY_MB        900u   // Ordinary pages: all is taken at the start.
#define MEMORY_MB_COUNT  160u
#define HUGEPAGES_NEEDED 400u // Of 2 MB.

struct options {
	const char *filter[FILTERS_MAX];
	unsigned filter_count;
	unsigned windows;
	unsigned window_ms;
	bool is_no_huge;
	bool is_count;
	const char *count_file; // In the run under callgrind: where its dumps go.
};

static struct options opt = {.windows = 31, .window_ms = 2};

// Instructions per operation, as the run under callgrind found them.
static struct {
	char name[NAME_SIZE];
	double instructions;
} counted[COUNTED_MAX];
static unsigned counted_count;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "bench_micro: %s\n", what);
	exit(1);
}

bool bench_is_counting(void)
{
	return opt.count_file != NULL;
}

// A filter asks for what begins with it, and for the way there.
bool bench_wants(const char *prefix)
{
	for (unsigned i = 0; i < opt.filter_count; i++) {
		size_t a = strlen(prefix);
		size_t b = strlen(opt.filter[i]);

		if (strncmp(prefix, opt.filter[i], a < b ? a : b) == 0)
			return true;
	}
	return opt.filter_count == 0;
}

static bool is_named(const char *name)
{
	for (unsigned i = 0; i < opt.filter_count; i++)
		if (strncmp(name, opt.filter[i], strlen(opt.filter[i])) == 0)
			return true;
	return opt.filter_count == 0;
}

void *bench_alloc(uint64_t bytes)
{
	void *memory = rte_zmalloc(NULL, bytes, 64);

	if (!memory)
		die("out of memory: free some hugepages, or try --no-huge");
	return memory;
}

void bench_free(void *memory)
{
	rte_free(memory);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double window_ns_per_op(const struct bench_case *c, uint64_t ops_wanted)
{
	struct bench_window win = {.ops_wanted = ops_wanted};

	c->run(c->ctx, &win);
	if (win.ops == 0)
		die("a case did nothing");
	return (double)win.cycles * 1e9 / (double)rte_get_tsc_hz() / (double)win.ops;
}

// How many operations fill a window; warms up as well.
static uint64_t ops_of_window(const struct bench_case *c)
{
	uint64_t ops = 1000;
	double ns;

	for (unsigned i = 0; i < 3; i++) {
		ns = window_ns_per_op(c, ops);
		ops = (uint64_t)(opt.window_ms * 1e6 / (ns > 0.1 ? ns : 0.1));
		ops = ops ? ops : 1;
	}
	return ops;
}

// Callgrind writes the n-th dump to FILE.n; its line "totals: " has the instructions.
static double dumped_total(unsigned n)
{
	char path[4200];
	char line[4200];
	double total = -1;
	FILE *f;

	snprintf(path, sizeof path, "%s.%u", opt.count_file, n);
	f = fopen(path, "r");
	if (!f)
		die("callgrind left no dump");
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "totals: %lf", &total) == 1)
			break;
	fclose(f);
	unlink(path);
	return total;
}

// One window under callgrind.
static void count_case(const char *prefix, const struct bench_case *c)
{
	static unsigned dumps;
	struct bench_window win = {.ops_wanted = COUNTED_OPS};

	// Once without looking: the first time through, symbols are still to be resolved.
	c->run(c->ctx, &win);
	win = (struct bench_window){.ops_wanted = COUNTED_OPS};
	CALLGRIND_ZERO_STATS;
	c->run(c->ctx, &win);
	CALLGRIND_DUMP_STATS;
	printf("%s/%s %.2f\n", prefix, c->name, dumped_total(++dumps) / (double)win.ops);
	fflush(stdout);
}

static void print_case(const char *prefix, const char *case_name, double *ns, unsigned windows)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof name, "%s/%s", prefix, case_name);
	qsort(ns, windows, sizeof *ns, compare_double);
	printf("%-44s %9.2f %9.2f", name, ns[0], ns[windows / 2]);
	for (unsigned i = 0; i < counted_count; i++)
		if (strcmp(counted[i].name, name) == 0)
			printf(" %9.1f", counted[i].instructions);
	printf("\n");
	fflush(stdout);
}

void bench_turns(const char *prefix, struct bench_case *cases, unsigned count)
{
	static double ns[CASES_MAX][WINDOWS_MAX];
	uint64_t ops[CASES_MAX];

	if (count > CASES_MAX)
		die("too many cases in one call");
	for (unsigned i = 0; i < count; i++) {
		char name[NAME_SIZE];

		snprintf(name, sizeof name, "%s/%s", prefix, cases[i].name);
		cases[i].is_skipped = !is_named(name);
		if (bench_is_counting() && !cases[i].is_skipped)
			count_case(prefix, &cases[i]);
	}
	if (bench_is_counting())
		return;
	for (unsigned i = 0; i < count; i++)
		if (!cases[i].is_skipped)
			ops[i] = ops_of_window(&cases[i]);
	for (unsigned k = 0; k < opt.windows; k++)
		for (unsigned i = 0; i < count; i++)
			if (!cases[i].is_skipped)
				ns[i][k] = window_ns_per_op(&cases[i], ops[i]);
	for (unsigned i = 0; i < count; i++)
		if (!cases[i].is_skipped)
			print_case(prefix, cases[i].name, ns[i], opt.windows);
}

static unsigned free_hugepages(void)
{
	unsigned n = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (f && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

static unsigned last_cpu(void)
{
	unsigned last = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		for (unsigned i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &set))
				last = i;
	return last;
}

// In-memory files with hugepages; without them DPDK 22.11 refuses --in-memory, and takes all it
// will ever have at the start. The thread stays on one CPU.
static bool eal_start(void)
{
	bool is_huge =
		!opt.is_no_huge && !bench_is_counting() && free_hugepages() >= HUGEPAGES_NEEDED;
	const char *pages = is_huge ? "--in-memory" : "--no-huge";
	// EAL wants strings it may change, and reorders their pointers.
	char text[][32] = {
		"bench_micro", "",   "--no-pci", "--no-telemetry", "--log-level=error", "",
		"--no-shconf", "-m", ""};
	int count = is_huge ? 6 : (int)RTE_DIM(text);
	char *argv[RTE_DIM(text)];

	snprintf(text[1], sizeof text[1], "--lcores=0@%u", last_cpu());
	snprintf(text[5], sizeof text[5], "%s", pages);
	snprintf(text[8], sizeof text[8], "%u", bench_is_counting() ? MEMORY_MB_COUNT : MEMORY_MB);
	for (int i = 0; i < count; i++)
		argv[i] = text[i];
	if (rte_eal_init(count, argv) < 0)
		die("EAL did not start; its words stand above");
	return is_huge;
}

static void read_counts(FILE *in)
{
	while (counted_count < COUNTED_MAX && fscanf(in, "%63s %lf", counted[counted_count].name,
						     &counted[counted_count].instructions) == 2)
		counted_count++;
}

// Runs this program under callgrind and takes in what it prints.
static void count_instructions(void)
{
	char dir[] = "/tmp/bench_micro.XXXXXX";
	char file[48], out[96], command[8192];
	char self[2048];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	size_t end;
	FILE *in;

	if (len < 0 || !mkdtemp(dir))
		die(strerror(errno));
	self[len] = '\0';
	snprintf(file, sizeof file, "%s/callgrind.out", dir);
	snprintf(out, sizeof out, "--callgrind-out-file=%s", file);
	end = (size_t)snprintf(command, sizeof command,
			       "valgrind --tool=callgrind --quiet --collect-atstart=no %s '%s' "
			       "--count-file %s",
			       out, self, file);
	for (unsigned i = 0; i < opt.filter_count && end < sizeof command; i++)
		end += (size_t)snprintf(command + end, sizeof command - end, " '%s'",
					opt.filter[i]);
	if (end >= sizeof command)
		die("too many words");
	in = popen(command, "r");
	if (!in)
		die(strerror(errno));
	read_counts(in);
	if (pclose(in) != 0 || counted_count == 0)
		die("callgrind did not get through; it needs valgrind, and a build that valgrind "
		    "understands: -Dmarch=x86-64-v3");
	unlink(file);
	rmdir(dir);
}

static unsigned number(const char *text, unsigned lo, unsigned hi)
{
	char *end;
	unsigned long v = text ? strtoul(text, &end, 10) : 0;

	if (!text || *end || v < lo || v > hi)
		die("--windows takes 1 to 101, --window-ms 1 to 1000");
	return (unsigned)v;
}

static void parse_options(char **argv)
{
	for (char **a = argv + 1; *a; a++) {
		if (strcmp(*a, "--count") == 0)
			opt.is_count = true;
		else if (strcmp(*a, "--count-file") == 0 && a[1])
			opt.count_file = *++a;
		else if (strcmp(*a, "--no-huge") == 0)
			opt.is_no_huge = true;
		else if (strcmp(*a, "--windows") == 0)
			opt.windows = number(a[1], 1, WINDOWS_MAX), a += a[1] != NULL;
		else if (strcmp(*a, "--window-ms") == 0)
			opt.window_ms = number(a[1], 1, 1000), a += a[1] != NULL;
		else if (**a == '-' || opt.filter_count == FILTERS_MAX)
			die("usage: bench_micro [--count] [--windows N] [--window-ms N] "
			    "[--no-huge] [PREFIX ...]");
		else
			opt.filter[opt.filter_count++] = *a;
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	parse_options(argv);
	if (opt.is_count && !HC_WITH_CALLGRIND)
		die("built without <valgrind/callgrind.h>; install valgrind and configure anew");
	if (opt.is_count)
		count_instructions();
	if (!bench_is_counting()) {
		bool is_huge = eal_start();

		printf("# handclasp %s, compiler %s, %s, TSC %.0f MHz, %u windows of %u ms in "
		       "turn\n",
		       HC_VERSION, __VERSION__, is_huge ? "hugepages" : "ordinary pages",
		       (double)rte_get_tsc_hz() / 1e6, opt.windows, opt.window_ms);
		printf("# %-42s %9s %9s%s\n", "ns per operation", "fastest", "median",
		       opt.is_count ? "  instrs." : "");
	} else {
		eal_start();
	}
	bench_parse();
	bench_table();
	bench_timer();
	bench_input();
	bench_wire();
	rte_eal_cleanup();
	return 0;
}
