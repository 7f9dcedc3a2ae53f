// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// One run, from plan to result: runtime, ports, workers, loops, the wait with a line a second, the
// end. The three sub-commands differ in what the plan says; the run is the same.

#include "config.h"
#include "loop.h"
#include "plan.h"
#include "result.h"

struct run {
	struct config *cfg;
	struct plan *plan;
	struct hc_runtime *runtime;
	struct hc_port *ports[2 * CORES_MAX]; // Bench: client and server of pair i at 2i, 2i + 1.
	unsigned port_count;
	struct hc_worker *workers[2 * CORES_MAX];
	unsigned worker_count;
	struct client clients[CORES_MAX];
	struct server servers[CORES_MAX];
	struct loop loops[2 * CORES_MAX];
	unsigned loop_count;
	uint64_t start_ns;
	struct result result;
};

// Runs, with a line a second, and fills r->result. `r` is zeroed memory of the caller's. Returns an
// exit code: EXIT_MEASURED when there is a result, whatever it is worth.
int run_execute(struct run *r, struct config *cfg, struct plan *plan);

// The exit code that a result is worth; complains if it is not worth anything.
int run_verdict(const struct run *r);
