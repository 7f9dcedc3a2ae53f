// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What a worker's counters say about its connections, as seen from the side that opened them or the
// side that accepted them.

#include <handclasp/handclasp.h>

enum side {
	SIDE_CLIENT,
	SIDE_SERVER,
};

// The life of connections, in the words of the result.
struct view {
	uint64_t opened;
	uint64_t established;
	uint64_t closed; // FIN both ways.
	uint64_t failed; // Never established.
	uint64_t reset;  // Established, and ended other than by FIN.
	uint64_t live;   // Established and not ended.
	uint64_t opening;
	uint64_t retransmitted;
};

void view_of(const struct hc_snapshot *s, enum side side, struct view *out);

// Adds all numbers of `from`.
void snapshot_add(struct hc_snapshot *into, const struct hc_snapshot *from);

// into = later - earlier, for counters; what is live is taken from `later`.
void snapshot_subtract(struct hc_snapshot *into, const struct hc_snapshot *later,
		       const struct hc_snapshot *earlier);

// The sum of all counters of a kind.
uint64_t counters_of_kind(const struct hc_snapshot *s, enum hc_counter_kind kind);
