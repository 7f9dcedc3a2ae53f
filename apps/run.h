// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// One run, from plan to result: runtime, ports, workers, loops, the wait with a line a second, the
// end. The sub-commands differ in what the plan says; the run is the same. A process starts once
// and can then be measured any number of times, with a plan each.

#include "config.h"
#include "loop.h"
#include "plan.h"
#include "result.h"

struct run {
	struct config *cfg;
	struct plan *plan;
	struct hc_runtime *runtime;
	bool has_lines;                       // One on the terminal, every second.
	struct hc_port *ports[2 * CORES_MAX]; // Bench: client and server of pair i at 2i, 2i + 1.
	struct hc_port_losses losses_before[2 * CORES_MAX]; // At the beginning of this turn.
	unsigned port_count;
	struct hc_worker *workers[2 * CORES_MAX];
	unsigned worker_count;
	struct client clients[CORES_MAX];
	struct server servers[CORES_MAX];
	struct loop loops[2 * CORES_MAX];
	unsigned loop_count;
	uint64_t start_ns;
	FILE *csv; // Where intervals go as they end; NULL: nowhere.
	struct result result;
};

// Starts what a process has once: for as many lcores and as much memory as this plan says, which no
// later one may exceed. `r` is zeroed memory of the caller's. Returns an exit code.
int run_start(struct run *r, struct config *cfg, struct plan *plan);

// Runs and fills r->result, which the caller frees before the next turn. Returns an exit code:
// EXIT_MEASURED when there is a result, whatever it is worth.
int run_once(struct run *r, struct config *cfg, struct plan *plan);

// Ends what was started, also if starting failed. What ports have kept is a fault of the last turn.
void run_stop(struct run *r);

// Whether a signal has asked for the end.
bool run_is_interrupted(void);

// All three, with a line a second.
int run_execute(struct run *r, struct config *cfg, struct plan *plan);

// The exit code that a result is worth; complains if it is not worth anything.
int run_verdict(const struct run *r);
