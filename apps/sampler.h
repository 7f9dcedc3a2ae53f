// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Reads running workers from outside, without stopping them, and tells what happened since it read
// them last: the lines of the report.

#include "loop.h"
#include "result.h"

struct sample {
	struct hc_snapshot snapshot; // As read last.
	struct hc_hist *connect;     // The same; NULL: not of interest, or no memory.
	uint32_t latency_epoch;
};

struct sampler {
	const struct loop *loops;
	unsigned loop_count;
	enum side side;
	uint64_t start_ns;
	struct sample samples[2 * CORES_MAX];
	struct hc_hist *now, *delta;
};

void sampler_init(struct sampler *s, const struct loop *loops, unsigned loop_count, enum side side,
		  uint64_t start_ns);
void sampler_fini(struct sampler *s);

// What happened since the last call, or since the start.
void sampler_take(struct sampler *s, uint64_t now_ns, struct interval *out);
