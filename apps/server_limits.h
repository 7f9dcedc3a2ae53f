// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A server that stands for a device with known limits, so that what measures devices can be
// measured itself. Each worker has its share of the numbers. A server without limits has none of
// this and pays nothing for it.
//
// - open rate: the stack answers so many SYNs a second, and drops the others (hc_worker_admit).
// - connections: it drops SYNs while so many are open.
// - close rate: so many FINs a second leave; other closes wait in a queue, in order.
// - stall: for a time, again and again, the server does not turn at all.
// - refuse, reset: a share of SYNs is answered with RST, a share of connections is reset once it is
//   established.

#include "closes.h"
#include "config.h"
#include "draw.h"

struct limiter {
	struct bucket opens;
	struct closes closes;
	struct hc_admission admission;
	struct stall stall;
	uint64_t started_ns;
	bool is_stalled;
	double reset; // Share.
	uint64_t random;
};

// What they did, beside what closes count.
struct limit_counts {
	uint64_t resets;
	uint64_t stalls;
};

struct server;

// Gives a server its share, that of worker i of cfg->cores. @return false after a complaint.
bool limits_init(struct server *s, const struct config *cfg, unsigned i);
void limits_fini(struct server *s);

// Before a step of the stack. @return false when the server stands still.
bool limits_begin(struct server *s, uint64_t now_ns);

// Whether a connection that was accepted has been reset at once.
bool limits_reset(struct server *s, hc_conn conn);
