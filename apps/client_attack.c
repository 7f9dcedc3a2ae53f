// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The SYN attack beside a client's connections. It begins with the client's first step and ends
// with the load, so that what is open may end without it. --attack-lead lets it go ahead: until
// then the client is in its first phase, as while it opens connections that are held beside the
// churn.

#include "client.h"

void client_attack(struct client *c, enum client_phase phase)
{
	if (!c->has_attacked) {
		c->has_attacked = true;
		c->attack_refusal = hc_flood_begin(c->worker, &c->plan->attack);
	}
	if (phase >= PHASE_DRAIN)
		hc_flood_end(c->worker);
}

bool client_attack_leads(struct client *c)
{
	if (c->attack_from_ns == 0)
		c->attack_from_ns = c->now_ns;
	return c->now_ns - c->attack_from_ns < c->plan->attack_lead_ns;
}
