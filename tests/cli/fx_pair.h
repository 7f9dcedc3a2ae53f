// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The two ends of one `bench` on a clock of the test's: a load generator and a server, each with
// its worker, and a wire in memory between them. A test sets options between begin() and
// open_pair(), turns the ends, or only their workers, and ends with shut_pair().

#include "client.h"
#include "plan.h"
#include "server.h"

#define TURN_NS (10 * 1000ull)

extern struct pair {
	struct config cfg;
	struct plan plan;
	struct hc_port *ports[2];
	struct client client;
	struct server server;
	uint64_t now_ns;
	int stop;
} pair;

void begin(void);
void open_pair(void);
void shut_pair(void);
