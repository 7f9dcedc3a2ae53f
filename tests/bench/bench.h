// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The harness of the micro-benchmarks. A file b_x.c has one function that makes what it measures,
// lists its cases and hands them to bench_turns(). The cases of one call are compared with each
// other, so their windows are run in turn (A B C A B C ...): a noisy minute of a shared machine
// then hits all of them. Of each case the fastest window and the median one are printed, in
// nanoseconds per operation: the fastest is what the code costs, the distance to the median how
// quiet the machine was.
//
// Under callgrind (bench_micro --count, see bench.c) each case runs one window and its instructions
// are counted instead.

#include <stdbool.h>
#include <stdint.h>

#include <rte_cycles.h>

#if HC_WITH_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT ((void)0)
#define CALLGRIND_ZERO_STATS     ((void)0)
#define CALLGRIND_DUMP_STATS     ((void)0)
#endif

// One window of one case. The case runs about ops_wanted operations, and brackets what is to be
// measured by bench_begin() and bench_end(), as often as it likes.
struct bench_window {
	uint64_t ops_wanted;
	uint64_t ops;
	uint64_t cycles;
	uint64_t begun;
};

static inline __attribute__((always_inline)) void bench_begin(struct bench_window *win)
{
	CALLGRIND_TOGGLE_COLLECT;
	win->begun = rte_rdtsc_precise();
}

static inline __attribute__((always_inline)) void bench_end(struct bench_window *win, uint64_t ops)
{
	win->cycles += rte_rdtsc_precise() - win->begun;
	win->ops += ops;
	CALLGRIND_TOGGLE_COLLECT;
}

// Keeps a value, and what it was computed from, from being optimised away.
#define BENCH_KEEP(value) __asm__ volatile("" : : "r,m"(value) : "memory")

struct bench_case {
	const char *name;
	void (*run)(void *ctx, struct bench_window *win);
	void *ctx;
	bool is_skipped; // By the command line: bench_turns() fills it in.
};

// Whether the command line asks for any case whose name begins with `prefix`: ask before making
// something large.
bool bench_wants(const char *prefix);

// Whether instructions are counted: everything is slow, and size does not matter.
bool bench_is_counting(void);

// Measures the cases in turn and prints a line for each. Names are "<prefix>/<case>".
void bench_turns(const char *prefix, struct bench_case *cases, unsigned count);

// Zeroed memory from EAL (hugepages where there are some), aligned to a line; ends the program when
// there is none. bench_free() gives it back.
void *bench_alloc(uint64_t bytes);
void bench_free(void *memory);

void bench_parse(void);
void bench_table(void);
void bench_timer(void);
void bench_input(void);
void bench_wire(void);
