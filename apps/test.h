// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The tests of RFC 3511: the same run again and again, each time with another value of what is
// searched for, each judged by a criterion, until the highest that passes is known.
//
// test.c goes through the iterations; test_turn.c says what one of them is as a configuration of
// bench or load; test_judge.c turns its result into a row; test_report.c and test_json.c tell.
// test_flood.c has what one of the tests has beyond that.

#include "outputs.h"
#include "run.h"
#include "search.h"

// A test's name and units.
struct test_info {
	const char *name;
	const char *section; // Of RFC 3511.
	const char *title;   // Of what is found, or the beginning: a rate completes it.
	const char *rate;    // What completes it in the list of the tests.
	const char *key;     // The same in the result file.
	const char *unit;
	const char *times_title; // Of the times it measures.
	const char *times_key;
	uint64_t min, max, granularity; // When not given.
	uint64_t sustain_ns;
	bool is_gathered; // All connections are opened before they are tried.
};

extern const struct test_info test_infos[TEST_KINDS];

// A set of times, as RFC 3511 wants it.
struct test_times {
	uint64_t count;
	double min_us, max_us, average_us, aggregate_us;
};

// What an iteration is for.
enum test_part {
	PART_SEARCH,
	PART_SELF_CHECK, // The tester against itself.
	PART_BASELINE,   // syn-flood: without the attack.
};

// The SYN attack beside an iteration.
struct test_attack {
	uint64_t sent, missed, answers;
	uint64_t received; // By a server of ours.
};

// One iteration.
struct test_row {
	uint64_t value;
	uint64_t seed;
	enum test_part part;
	bool is_confirming;
	bool is_disturbed; // Failed while the tester itself was away: tried again, not counted.
	bool passes;
	char why[160];
	double attempt_per_s; // Connections a second.
	struct loss_numbers numbers;
	uint64_t established, closed;
	uint64_t objects_requested, objects_returned;
	uint64_t retransmitted;
	double gap_ms; // The longest for which the tester did not turn.
	double elapsed_s;
	struct test_times times;         // What the test is about.
	struct test_times connect_times; // SYN to SYN-ACK, at the client.
	struct test_attack attack;
};

struct test {
	const struct config *cfg; // As given; what follows are copies of it.
	const struct test_info *info;
	struct run *run;
	struct config turn_cfg; // Of the iteration at hand.
	struct plan plan;
	uint64_t random;   // Where the iterations' seeds come from.
	bool is_cut_short; // Interrupted, or the tester could not go on.
	struct search search;
	struct search self_check; // Of the tester against itself, if that is asked for.
	struct search baseline;   // Without the attack, of syn-flood.
	struct test_row *rows;
	unsigned row_count, row_cap;
	unsigned best; // The row the times are from: the last that passed at the value found.
	bool has_best;
	unsigned best_baseline;
	bool has_baseline;
	struct config best_cfg; // And what it was run with.
	struct plan best_plan;
	struct result result; // The same, or without it the baseline's.
};

// Fills in what depends on the kind of test, and refuses what does not go together, with a
// complaint.
bool test_finish(struct config *cfg);

// Runs all iterations, prints, and writes the file if one is asked for. Returns an exit code.
int test_execute(const struct config *cfg, const struct outputs *out);

// Shows the plan of the largest iteration. Returns an exit code.
int test_show_plan(const struct config *cfg, const struct outputs *out);

// Whether both ends are in this process.
bool test_is_ring(const struct config *cfg);

// How many are due in so long at such a rate, one at least.
uint64_t test_count(uint64_t per_s, uint64_t ns);

// The configuration of one iteration. @return false after a complaint.
bool test_turn(const struct config *cfg, uint64_t value, enum test_part part, struct config *out);

// The row of the result at hand.
void test_judge(const struct test *t, const struct result *r, struct test_row *row);

// The times a test is about, and a histogram of them as RFC 3511 wants it.
enum latency test_latency(enum test_kind kind);
struct test_times test_times_of(const struct hc_hist *h);

// RFC 3511 5.10: whether times were taken at the throughput level; otherwise they are delay.
static inline bool test_is_at_throughput(const struct test *t)
{
	return t->search.state == SEARCH_FOUND;
}

// What the iteration was run with that the result is of.
const struct config *test_best_cfg(const struct test *t);

// As asked for, or as the server has it.
uint64_t test_object_bytes(const struct test *t);

// Whether a value passed every time; and whether there is something to report: that, or of
// syn-flood at least the baseline.
bool test_is_found(const struct test *t);
bool test_has_value(const struct test *t);

// How the tester's own limit compares, in words; false: nothing to say.
bool test_is_tester_near(const struct test *t);

void test_report_begin(const struct test *t);
void test_report_row(const struct test *t, const struct test_row *row);
void test_report_times(const char *title, const struct test_times *x);
void test_report_result(const struct test *t);

// What a search has found, with the times of a row, which may be NULL.
void test_value_json(const struct test *t, const struct search *s, const struct test_row *row,
		     struct json_t *out);

// @return false after a complaint.
bool test_write_json(const struct test *t, FILE *to);
