// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Several targets (RFC 3511 4.5: tests with several servers, which take part one after the other).
// Connections go to them in turn; a target takes part once its time has come. Each connection has a
// slot, and slot_target says where it leads, so that results can be told apart.

#include "client.h"

#include <stdlib.h>

// How many take part by now; at least one.
static unsigned active_count(const struct client *c)
{
	const struct client_plan *p = c->plan;
	uint64_t joined = p->target_count;

	if (p->stagger_ns > 0)
		joined = min_u64(joined, 1 + (c->now_ns - c->load_from_ns) / p->stagger_ns);
	return joined > 1 ? (unsigned)joined : 1;
}

unsigned targets_connect(struct client *c, unsigned n, const uint64_t *planned_ns)
{
	const unsigned active = active_count(c);
	uint64_t planned[CLIENT_OPEN_MAX];
	unsigned taken = 0;

	for (unsigned k = 0; k < active && k < n; k++) {
		unsigned target = (c->target_next + k) % active;
		unsigned wanted = 0;
		unsigned got;

		for (unsigned i = k; i < n; i += active)
			planned[wanted++] = planned_ns ? planned_ns[i] : 0;
		c->connect.remote_addr = c->plan->targets[target].addr;
		c->connect.remote_port = c->plan->targets[target].port;
		got = exchange_connect_to(c, wanted, planned_ns ? planned : NULL, target);
		c->counts.target[target].opened += got;
		taken += got;
	}
	c->target_next = (c->target_next + n) % active;
	return taken;
}

void targets_note(struct client *c, const struct hc_event *ev)
{
	struct target_tally *t = &c->counts.target[c->slot_target[ev->cookie]];

	t->established += ev->type == HC_EV_OPENED;
	t->closed += ev->type == HC_EV_CLOSED;
	t->failed += ev->type == HC_EV_FAILED;
	t->reset += ev->type == HC_EV_RESET;
}

bool targets_init(struct client *c)
{
	if (c->plan->target_count <= 1)
		return true;
	c->slot_target = calloc(c->slot_cap, sizeof *c->slot_target);
	return c->slot_target != NULL;
}

void targets_fini(struct client *c)
{
	free(c->slot_target);
	c->slot_target = NULL;
}
