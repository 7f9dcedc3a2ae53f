// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "server_limits.h"

#include <stdlib.h>

#include "plan_parts.h"
#include "server.h"

#define MILLION 1e6

// ---------------------------------------------------------------------------------------------
// opening, standing still

// Stalls begin every `every_ns` from the first step on, the first one after the first of these.
static bool is_stalling(struct server *s, uint64_t now_ns)
{
	struct limiter *l = s->limiter;
	uint64_t elapsed_ns = now_ns - l->started_ns;
	bool is_stalled = l->stall.every_ns > 0 && elapsed_ns >= l->stall.every_ns &&
			  elapsed_ns % l->stall.every_ns < l->stall.for_ns;

	s->counts.limits.stalls += is_stalled && !l->is_stalled;
	l->is_stalled = is_stalled;
	return is_stalled;
}

bool limits_begin(struct server *s, uint64_t now_ns)
{
	struct limiter *l = s->limiter;

	if (l->started_ns == 0)
		l->started_ns = now_ns;
	if (is_stalling(s, now_ns))
		return false;
	if (l->opens.per_s > 0) {
		// What came while the last ration held is booked before there is a new one.
		bucket_take(&l->opens, hc_worker_admit(s->worker, &l->admission));
		l->admission.syns = bucket_fill(&l->opens, now_ns);
		(void)hc_worker_admit(s->worker, &l->admission);
	}
	return true;
}

bool limits_reset(struct server *s, hc_conn conn)
{
	struct limiter *l = s->limiter;

	if (l->reset <= 0 || draw_unit(&l->random) >= l->reset || hc_abort(s->worker, conn) != 0)
		return false;
	s->counts.aborted++;
	s->counts.limits.resets++;
	return true;
}

// ---------------------------------------------------------------------------------------------
// life

bool limits_init(struct server *s, const struct config *cfg, unsigned i)
{
	const struct server_limits *limits = &cfg->limits;
	struct limiter *l;

	if (!server_limits_are_set(limits))
		return true;
	l = calloc(1, sizeof *l);
	s->limiter = l;
	if (!l || !closes_init(&l->closes, plan_share(limits->close_per_s, i, cfg->cores),
			       s->session_cap)) {
		complain("no memory for the limits of the server: make --conn-cap smaller");
		return false;
	}
	bucket_init(&l->opens, plan_share(limits->open_per_s, i, cfg->cores), BUCKET_POLICE_NS);
	l->stall = limits->stall;
	l->reset = limits->reset;
	l->random = cfg->stack.seed + i;
	l->admission = (struct hc_admission){
		.syns = HC_ADMIT_ALL,
		.conns = limits->conns ? (uint32_t)plan_share(limits->conns, i, cfg->cores)
				       : HC_ADMIT_ALL,
		.refused = (uint32_t)(limits->refuse * MILLION + 0.5),
	};
	(void)hc_worker_admit(s->worker, &l->admission);
	s->closes = limits->close_per_s > 0 ? &l->closes : NULL;
	return true;
}

void limits_fini(struct server *s)
{
	if (s->limiter)
		closes_fini(&s->limiter->closes);
	free(s->limiter);
	s->limiter = NULL;
}
