// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// --arp-probe: the wait, before anything is measured, until it is certain that our addresses are
// nobody else's (RFC 5227). The workers do the probing; here they are stepped until they are done.

#include "claim.h"

#include <time.h>

#include "units.h"

#define TURN_NS        1000000L
#define TURN_EVENT_MAX 512u

static void say_taken(const struct hc_claim *c)
{
	complain("the address " ADDR_FMT " is in use by %02x:%02x:%02x:%02x:%02x:%02x: give "
		 "another --local or --clients, or make the other host let go of it",
		 ADDR_ARGS(c->addr), c->mac[0], c->mac[1], c->mac[2], c->mac[3], c->mac[4],
		 c->mac[5]);
}

// One step of every worker that still probes. A worker that is done waits for the others: its next
// step would be its first as a host.
static unsigned turn(struct run *r, struct hc_claim *taken)
{
	uint64_t now_ns = hc_runtime_now_ns(r->runtime);
	struct hc_event events[TURN_EVENT_MAX];
	unsigned probing = 0;

	for (unsigned i = 0; i < r->worker_count; i++) {
		struct hc_claim c;

		hc_worker_claim(r->workers[i], &c);
		if (c.state == HC_CLAIM_PROBING) {
			// A worker that probes has no events.
			if (hc_step(r->workers[i], now_ns, events, TURN_EVENT_MAX) == 0)
				hc_flush(r->workers[i]);
			hc_worker_claim(r->workers[i], &c);
		}
		if (c.state == HC_CLAIM_TAKEN)
			*taken = c;
		probing += c.state == HC_CLAIM_PROBING;
	}
	return probing;
}

int claim_addresses(struct run *r, const int *stop)
{
	const struct timespec pause = {.tv_nsec = TURN_NS};
	struct hc_claim taken = {.state = HC_CLAIM_HELD};

	while (turn(r, &taken) && taken.state != HC_CLAIM_TAKEN) {
		if (__atomic_load_n(stop, __ATOMIC_RELAXED))
			return EXIT_INTERRUPTED;
		(void)nanosleep(&pause, NULL);
	}
	if (taken.state != HC_CLAIM_TAKEN)
		return EXIT_MEASURED;
	say_taken(&taken);
	return EXIT_ENVIRONMENT;
}
