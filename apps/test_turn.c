// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What one iteration is: a bench (both ends here) or a load (a foreign server) with so many
// connections at such a rate. Each iteration attempts a fixed number of connections, the value
// times the time it is sustained, so that every one of them can be accounted for.

#include <string.h>

#include "test.h"

#define WAIT_NS (3 * NS_PER_S) // For the last ones, beyond the time their turns take.

bool test_is_ring(const struct config *cfg)
{
	return strcmp(cfg->device, "ring") == 0;
}

uint64_t test_count(uint64_t per_s, uint64_t ns)
{
	double n = (double)per_s * (double)ns / (double)NS_PER_S;

	return n < 1 ? 1 : (uint64_t)(n + 0.5);
}

// A pause of the tester's that may be why an iteration failed: half of what makes a thing late, or
// of what the rate may fall short by.
static uint64_t telling_gap_ns(const struct test_options *t, uint64_t per_s, uint64_t sustain_ns)
{
	double slack_ns = (double)t->granularity / 2 / (double)per_s * (double)sustain_ns;
	double gap_ns = (double)t->grace_ns / 2;

	if (t->kind != TEST_CONCURRENT_CAPACITY && slack_ns / 2 < gap_ns)
		gap_ns = slack_ns / 2;
	return (uint64_t)gap_ns;
}

// What could not be opened soon after the planned end never is: a device far beyond its limit
// would keep us for as long as it likes.
static void open_at(const struct config *cfg, uint64_t count, double per_s, struct config *out)
{
	out->connections = count;
	out->rate_per_s = per_s;
	out->duration_ns = time_ns_of(count, per_s) + cfg->test.grace_ns;
}

// So many transactions a second: each connection has --requests of them, one after the other.
static void transact_at(const struct config *cfg, uint64_t per_s, struct config *out)
{
	const uint64_t each = config_requests(cfg);
	uint64_t count = test_count(per_s, cfg->test.sustain_ns);

	open_at(cfg, (count + each - 1) / each, (double)per_s / (double)each, out);
}

// All are opened at the attempt rate, and held until each has had its turn.
static void gather_first(const struct config *cfg, uint64_t count, uint64_t act_per_s, bool asks,
			 struct config *out)
{
	open_at(cfg, count, (double)cfg->test.attempt_per_s, out);
	out->turn.act_per_s = (double)act_per_s;
	out->turn.act_asks = asks;
	out->hold_ns = time_ns_of(count, (double)act_per_s) + WAIT_NS;
}

bool test_turn(const struct config *cfg, uint64_t value, enum test_part part, struct config *out)
{
	const struct test_options *t = &cfg->test;
	bool is_ring = part == PART_SELF_CHECK || test_is_ring(cfg);

	*out = *cfg;
	out->command = is_ring ? COMMAND_BENCH : COMMAND_LOAD;
	out->turn.grace_ns = t->grace_ns;
	out->turn.gap_ns = telling_gap_ns(t, value, t->sustain_ns);
	if (part != PART_SEARCH)
		out->attack = (struct attack){0};
	if (part == PART_SELF_CHECK) {
		out->limits = (struct server_limits){0};
		out->target.count = 0; // Nobody's but our own.
	}
	switch ((enum test_kind)t->kind) {
	case TEST_ESTABLISHMENT_RATE:
	case TEST_SYN_FLOOD:
		open_at(cfg, test_count(value, t->sustain_ns), (double)value, out);
		break;
	case TEST_TRANSACTION_RATE:
	case TEST_HTTP_LATENCY:
		transact_at(cfg, value, out);
		break;
	case TEST_TEARDOWN_RATE:
		// The server closes when it has answered, so being asked is its turn.
		if (cfg->close == CLOSE_SERVER)
			out->request.kind = REQUEST_HTTP;
		gather_first(cfg, test_count(value, t->sustain_ns), value,
			     cfg->close == CLOSE_SERVER, out);
		break;
	case TEST_CONCURRENT_CAPACITY:
		gather_first(cfg, value, t->attempt_per_s, true, out);
		out->close = CLOSE_RST;
		out->turn.keep_ns = t->sustain_ns;
		out->hold_ns += t->sustain_ns;
		break;
	case TEST_KINDS:
		break;
	}
	return config_finish(out);
}
