// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What every file of the program needs: exit codes, complaints, and the few macros an application
// cannot take from the library, whose public headers carry none.

#include <stdbool.h>
#include <stdint.h>

#define LIKELY(x)    __builtin_expect(!!(x), 1)
#define UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define NOINLINE     __attribute__((noinline))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

// What the program tells its caller.
enum exit_code {
	EXIT_MEASURED = 0,
	EXIT_RUN_FAILED = 1,  // No connection completed, or the ledger does not balance.
	EXIT_USAGE = 2,       // Bad command line or configuration.
	EXIT_ENVIRONMENT = 3, // EAL, memory, port, file.
	EXIT_CROSSED = 99,    // Measured, and on the wrong side of a --fail-if.
	EXIT_INTERRUPTED = 130,
};

// Words that one thread writes and others read while it runs. Plain moves on every machine we know.
static inline void relaxed_store(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static inline uint64_t relaxed_load(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

// How long so many take at a rate.
static inline uint64_t time_ns_of(uint64_t count, double per_s)
{
	return (uint64_t)((double)count / per_s * (double)NS_PER_S);
}

// One sentence on stderr, begun with the program's name and, if set, the sub-command's.
__attribute__((format(printf, 1, 2))) void complain(const char *fmt, ...);

// From now on complaints name this sub-command.
void complain_as(const char *command);
