// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Reads running workers from outside, without stopping them, and tells what happened since it read
// them last. Nothing is locked, reset or asked for: a worker copies its counters out about once a
// millisecond whether anybody reads them or not, and everything else is read word by word, relaxed,
// where it stands. All it costs a worker is that the lines it writes to next are fetched back.

#include "interval.h"
#include "loop.h"
#include "result.h"

// What was read last of one loop.
struct sample {
	struct hc_snapshot snapshot;
	uint64_t missed, responses, bad_responses;
	uint32_t phase; // enum client_phase.
	uint32_t latency_epoch;
	// Slots of its histograms; NULL: it has none, or no memory.
	uint64_t *slots[LATENCY_KINDS][LATENCY_SOURCES_MAX];
};

struct sampler {
	const struct config *cfg;
	const struct loop *loops;
	unsigned loop_count;
	enum side side;
	uint64_t start_ns;
	uint64_t last_ns;
	struct sample samples[2 * CORES_MAX];
	struct hc_hist *grown; // What one kind of time has grown by, in all loops.
};

void sampler_init(struct sampler *s, const struct config *cfg, const struct loop *loops,
		  unsigned loop_count, uint64_t start_ns);
void sampler_fini(struct sampler *s);

// What happened since the last call, or since the start.
void sampler_take(struct sampler *s, uint64_t now_ns, struct interval *out);
