// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The search for the highest value that passes (RFC 3511 asks for "an iterative search algorithm"):
// a state machine that says which value to try next and is told what came of it. No clock, no I/O,
// no heap.
//
// Halving narrows the gap between the highest value that passed and the lowest that failed down to
// the granularity. Then the value found is tried again until it has passed `repeat` times. If it
// fails once, there is no sharp limit: the search goes down, to values that passed before and then
// further and further, until one passes every time; what is told is the interval between that and
// the lowest that ever failed.

#include <stdbool.h>
#include <stdint.h>

#define SEARCH_PASSED_MAX 64u // Halving 64 bits cannot pass more often.

struct search_config {
	uint64_t min, max;    // 1 <= min <= max.
	uint64_t initial;     // Tried first; 0: halfway.
	uint64_t granularity; // >= 1.
	unsigned repeat;      // How often the value found has to pass in all, >= 1.
};

enum search_state {
	SEARCH_NARROWING,
	SEARCH_CONFIRMING,
	SEARCH_FOUND,     // `passed` passes, and `failed` does not.
	SEARCH_AT_MAX,    // The highest value to be tried passes: the limit is not below it.
	SEARCH_BELOW_MIN, // Not even the lowest passes (every time).
	SEARCH_FLAKY,     // `passed` passes every time; from `failed` on it happens that one fails.
};

struct search {
	struct search_config cfg;
	enum search_state state;
	uint64_t value;  // To be tried now.
	uint64_t passed; // 0: none yet.
	uint64_t failed; // UINT64_MAX: none yet.
	unsigned passes; // Of `value`, while confirming.
	bool is_flaky;
	uint64_t step;                         // Downwards, once it is flaky.
	uint64_t passed_at[SEARCH_PASSED_MAX]; // Ascending.
	unsigned passed_count;
};

void search_init(struct search *s, const struct search_config *cfg);

// The value to try, while the search is not over.
static inline bool search_is_over(const struct search *s)
{
	return s->state > SEARCH_CONFIRMING;
}

// Whether a value is within 10 % of what `self` found to be the limit, or beyond it. If the highest
// value tried passed there, it found none.
bool search_is_near(const struct search *self, uint64_t value);

// What came of trying s->value.
void search_tell(struct search *s, bool passes);
