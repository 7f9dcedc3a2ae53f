// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What a configuration comes to: how many workers, with which addresses and limits, how much
// memory, and the arithmetic of tuples and TIME-WAIT that says beforehand whether the load can be
// sustained. No EAL is needed for any of it.

#include "client.h"
#include "config.h"

#define PLAN_NOTES_MAX 8u
#define PLAN_NOTE_SIZE 256u

#define BENCH_SERVER_PORT 80u
#define BENCH_LIVE_PORT   81u

struct plan {
	unsigned worker_count; // Clients (bench, load) or servers (serve).
	unsigned lcore_count;

	// Of worker i; bench has both.
	struct hc_stack_config client[CORES_MAX];
	struct hc_stack_config server[CORES_MAX];
	struct client_plan load[CORES_MAX];
	struct schedule schedule; // Of each client; unused in a closed loop.
	struct schedule acts;     // The same, of a test: of turns, once all are open.
	struct listen_list listen;

	struct hc_port_config port;
	uint64_t memory_bytes; // Of workers and buffers.

	uint64_t addresses; // Source addresses that can be used, of all clients.
	uint64_t tuples;    // Of all clients.
	uint64_t held;      // Of them, in use all the time: the others come and go.
	double rate_per_s;  // The rate asked for, or the highest expected.
	struct hc_plan arithmetic;

	char line[PLAN_NOTE_SIZE]; // The arithmetic in words.
	char notes[PLAN_NOTES_MAX][PLAN_NOTE_SIZE];
	unsigned note_count;
	char warnings[PLAN_NOTES_MAX][PLAN_NOTE_SIZE];
	unsigned warning_count;

	uint8_t *request; // What clients send, or what their requests are filled with.
	uint32_t request_bytes;
	struct request_text *texts; // Unless it is always the same.
	char *text_bytes;
};

// Fills *p, and in *cfg what was left to the plan. @return false after a complaint.
bool plan_make(struct plan *p, struct config *cfg);
void plan_free(struct plan *p);

// Draws the seed unless there is one. @return false after a complaint.
bool plan_draw_seed(struct config *cfg);

// Fills in the sources of a SYN attack that were left to the plan.
void plan_attack_sources(struct config *cfg);

bool plan_has_client(const struct config *cfg);
bool plan_has_server(const struct config *cfg);
