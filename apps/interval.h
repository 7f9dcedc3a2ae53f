// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What happened in one interval of a run: the one structure that the line on the terminal, the row
// of the CSV file and the result file are printed from. Every field but those of the terminal alone
// is named here, so that files have the same names and the same digits.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "latency.h"

#define INTERVAL_PHASE_SIZE 24u

// Of the times recorded in the interval; NaN when there were none.
struct interval_times {
	double p50_us, p99_us, max_us;
};

// Counts are of the interval, live is at its end.
struct interval {
	char phase[INTERVAL_PHASE_SIZE]; // "sustain"; or "ramp>sustain" when it went over.
	double from_s, t_s;              // Since the start of the run.
	uint64_t opened, established, closed, failed, reset;
	uint64_t missed;
	uint64_t live; // Control blocks in use.
	uint64_t retransmitted;
	uint64_t responses, bad_responses;
	double opened_per_s, established_per_s, closed_per_s;
	struct interval_times times[LATENCY_KINDS];
};

enum interval_kind {
	INTERVAL_TEXT,
	INTERVAL_COUNT,
	INTERVAL_REAL, // NaN: not measured.
};

struct interval_value {
	enum interval_kind kind;
	const char *text;
	uint64_t count;
	double real;
};

// Calls fn for every value by its name, in the order of columns.
void interval_each(const struct interval *i,
		   void (*fn)(void *ctx, const char *name, const struct interval_value *v),
		   void *ctx);

// The rows of a CSV file (RFC 4180, lines end with LF). Numbers have the digits of the result file;
// what was not measured is empty. @return false when it could not be written.
bool interval_write_heading(FILE *csv);
bool interval_write_row(FILE *csv, const struct interval *i);
