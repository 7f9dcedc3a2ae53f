// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What runs on one lcore: a client, a server, or one of each in turn ("pair"). The loop also takes
// the marks: coherent copies of all numbers at the beginning and end of the measured part, on the
// thread that makes them.

#include <handclasp/handclasp.h>

#include "client.h"
#include "server.h"

// All numbers of one loop at one time.
struct mark {
	uint64_t t_ns;
	uint64_t cpu_ns; // Of the loop's thread: less than t_ns when others had its CPU.
	struct hc_snapshot client;
	struct hc_snapshot server;
	uint64_t client_ns, server_ns; // Spent in the turns of each end.
	uint64_t client_stage[HC_STAGE_COUNT];
	uint64_t server_stage[HC_STAGE_COUNT];
};

struct loop {
	const struct hc_runtime *runtime;
	struct client *client;     // NULL: none here.
	struct server *server;     // NULL: none here.
	const struct loop *leader; // Whose phases a server on a core of its own follows; NULL: own.
	const int *stop;
	uint64_t duration_ns; // Of a server alone; 0: until stopped.
	uint64_t drain_ns;
	bool yields;          // Fewer CPUs than busy threads: give way when there is nothing to do.
	unsigned *done_count; // Loops whose work is done, of all loops together.
	unsigned loop_count;  // All loops.
	void (*on_end)(void);

	uint32_t phase;         // enum client_phase; read by followers and by the main thread.
	uint32_t latency_epoch; // How often latencies were forgotten; read by the main thread.
	uint64_t started_ns;
	uint64_t client_ns, server_ns; // Spent in the turns of each end, of a pair.
	uint64_t phase_until_ns;
	uint64_t last_use_ns; // Of a server alone: the last time a connection came or went.
	uint64_t last_use_count;
	uint64_t use_cpu_ns, use_cpu_at_ns; // The same: CPU time up to some use, and when that was.
	bool is_used;                       // The same: there was a first one.
	struct mark from, to; // Of the measured part; from the start if there is none.
};

// The body of an lcore; arg is a struct loop.
int loop_main(void *arg);

// One turn of both ends.
void loop_turn(struct loop *l);

// Copies all numbers now. Loop's thread, or any once it has ended.
void loop_mark(struct loop *l, struct mark *m);

static inline enum client_phase loop_phase(const struct loop *l)
{
	return (enum client_phase)__atomic_load_n(&l->phase, __ATOMIC_RELAXED);
}
