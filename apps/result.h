// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Everything a run has found out, once. The lines, the summary and the JSON file all print from
// here, so they cannot disagree.

#include <handclasp/handclasp.h>

#include "client.h"
#include "config.h"
#include "interval.h"
#include "latency.h"
#include "plan.h"
#include "server_limits.h"
#include "stats.h"

#define RESULT_PORTS_MAX (2u * CORES_MAX)
#define FAULTS_MAX       8u
#define FAULT_SIZE       256u

// What clients count of their own accord.
struct client_totals {
	uint64_t aborted;                         // By plan.
	uint64_t closes_waited, closes_unlimited; // --close-rate.
	uint64_t missed; // Open loop: refused by the stack, or due and never tried.
	uint64_t missed_by[MISS_COUNT];
	uint64_t live_asked, live_established;
	struct target_tally target[TARGETS_MAX];
	uint64_t alive_least, alive_most; // --hold-live: in the measured part.
	uint64_t outcome[OUTCOME_COUNT];
	uint64_t body_bytes;
	bool has_http; // Some answered by HTTP, the last one by this version of it.
	uint8_t http_minor;
	uint64_t failed_by[HC_REASON_COUNT];
	uint64_t reset_by[HC_REASON_COUNT];
	double fill_s;
	// Of a test.
	uint64_t late_opened, late_answered, late_closed;
	uint64_t validated;
	struct span opened_span, answered_span, closed_span; // Of all clients together.
	uint64_t gap_ns_max;  // The longest for which a client did not turn.
	double alive[TENTHS]; // Connections established in each tenth, on average; NaN: not known.
};

struct server_totals {
	uint64_t accepted;
	uint64_t aborted;
	uint64_t requests, bad_requests;
	uint64_t body_bytes;
	uint64_t reset_by[HC_REASON_COUNT];
	struct limit_counts limits;
	uint64_t closes_waited, closes_unlimited;
};

// A run has three: until its load is reached, the measured one, and from there to the end.
enum result_section { SECTION_RAMP, SECTION_SUSTAIN, SECTION_DRAIN, SECTION_COUNT };

extern const char *const section_names[SECTION_COUNT];

// What happened in one, in all loops. Rates are sums of the loops' own.
struct section {
	double from_s, to_s;
	uint64_t opened, established, closed, failed, reset;
	double opened_per_s, established_per_s, closed_per_s;
};

struct result {
	const struct config *cfg;
	const struct plan *plan;
	enum side side; // Whose view the totals are.
	bool is_interrupted;
	double elapsed_s;

	struct hc_environment env;
	struct hc_port_info ports[RESULT_PORTS_MAX];
	struct hc_port_losses losses; // Of all ports.
	unsigned port_count;

	struct hc_snapshot client, server; // All workers of a side, at the end.
	struct view view;                  // Of `side`.
	struct view server_view;
	struct client_totals clients;
	struct server_totals servers;
	uint64_t retransmitted; // Both sides.
	uint64_t rx_packets, tx_packets;

	// The measured part.
	double steady_from_s, steady_to_s;
	struct section sections[SECTION_COUNT];
	double ns_per_connection;     // 0: nothing was closed. Of cores, whoever used them.
	double cpu_ns_per_connection; // The same, of CPU time that the loops got.
	double client_ns_per_connection, server_ns_per_connection; // Of pairs; 0: not told apart.
	double packets_per_connection;
	double client_stage_ns[HC_STAGE_COUNT], server_stage_ns[HC_STAGE_COUNT];
	struct hc_footprint footprint;
	struct hc_hist latency[LATENCY_KINDS];

	struct interval *intervals;
	unsigned interval_count, interval_cap;

	char faults[FAULTS_MAX][FAULT_SIZE]; // Where the books do not balance.
	unsigned fault_count;
};

// The measured part: its rates are the result's.
static inline const struct section *result_sustain(const struct result *r)
{
	return &r->sections[SECTION_SUSTAIN];
}

// Connections that did all they were meant to do.
uint64_t result_completed(const struct result *r);

// Whether a load came to nothing because the next hop never answered ARP: *hop is its address.
bool result_silent_hop(const struct result *r, uint32_t *hop);

// Sentences worth saying first: retransmissions, TIME-WAIT skipped, drops. Returns how many were
// written.
#define REMARKS_MAX 24u
unsigned result_remarks(const struct result *r, char remarks[REMARKS_MAX][FAULT_SIZE]);

// Adds an interval; the array grows on the main thread only. @return false when memory is short.
bool result_add_interval(struct result *r, const struct interval *i);

void result_free(struct result *r);

// ---------------------------------------------------------------------------------------------
// result_json.c

// Writes the result as JSON. @return false after a complaint.
bool result_write_json(const struct result *r, FILE *to);

// Writes a document, and `lines`, which may be NULL, as "histograms" with each member in a line of
// its own. Takes both over. @return false after a complaint that names `path`.
bool result_write_document(struct json_t *out, struct json_t *lines, const char *path, FILE *to);

// The parts that a test's file has too. The caller owns them.
struct json_t *result_environment_json(const struct result *r);
struct json_t *result_verdict_json(const struct result *r);
struct json_t *result_targets_json(const struct result *r); // Null: there is one.
struct json_t *result_latency_json(const struct result *r);
struct json_t *result_histograms_json(const struct result *r);

// Writes what a dry run has found out: configuration and plan. @return false after a complaint.
bool plan_write_json(const struct config *cfg, const struct plan *plan, FILE *to);
