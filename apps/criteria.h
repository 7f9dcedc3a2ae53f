// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What a run must not cross to pass (--fail-if): a measure, a comparison and a limit with its unit,
// such as "p99_connect>500us". Reading them is here; verdict.c holds them against a result.

#include <stdbool.h>
#include <stdint.h>

#include "latency.h"

#define CRITERIA_MAX       16u
#define CRITERION_TEXT_MAX 64u

// How a measure is told, and what its limit may look like.
enum measure_unit {
	MEASURE_TIME,  // Microseconds; limits such as 500us, 2ms.
	MEASURE_RATE,  // A second; limits such as 1M.
	MEASURE_COUNT, // Limits such as 0, 1k, or a share such as 0.001%.
};

enum measure {
	MEASURE_OPENED_RATE = LATENCY_KINDS, // What is less is a time: enum latency.
	MEASURE_ESTABLISHED_RATE,
	MEASURE_CLOSED_RATE,
	MEASURE_FAILED,        // Share: of those opened.
	MEASURE_RESET,         // Of those established.
	MEASURE_MISSED,        // Of those due.
	MEASURE_RETRANSMITTED, // Of frames sent.
	MEASURE_BAD_RESPONSES, // Of responses.
	MEASURE_KINDS
};

enum comparison {
	FAILS_ABOVE, // >
	FAILS_BELOW, // <
	FAILS_FROM,  // >=
	FAILS_UP_TO, // <=
};

#define QUANTILE_MIN  0.0
#define QUANTILE_MAX  1.0
#define QUANTILE_MEAN -1.0

struct criterion {
	char text[CRITERION_TEXT_MAX]; // As given, without spaces.
	unsigned measure;              // enum measure or enum latency.
	enum comparison comparison;
	double quantile; // Of times; 0: the least, 1: the most, QUANTILE_MEAN.
	bool is_share;   // Of counts: the limit is in per cent.
	double limit;    // In microseconds, a second, per cent, or as counted.
};

struct criteria {
	struct criterion item[CRITERIA_MAX];
	unsigned count;
};

enum measure_unit measure_unit(unsigned measure);

// Reads one. @return false when it is not understood; nothing is said then.
bool criterion_parse(const char *text, struct criterion *out);

// Whether a value is on the wrong side.
bool criterion_is_crossed(const struct criterion *c, double value);
