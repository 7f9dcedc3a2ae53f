// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What an application does without a reason: it sets options of its connections to this and that at
// any time, and sends in ways that make no difference.

#include "sim.h"

#include <errno.h>

static uint32_t between(struct hc_rng *r, uint32_t lo, uint32_t hi)
{
	return lo + hc_rng_below(r, hi - lo + 1);
}

// A value for an option. What ends connections that hear nothing has no place where nothing is
// lost.
static uint32_t draw_value(struct sim_host *h, enum hc_conn_option option)
{
	bool is_perfect = h->world->plan.is_perfect;
	struct hc_rng *r = &h->whims;

	switch (option) {
	case HC_OPTION_KEEPALIVE_IDLE_MS:
		return between(r, 1, 3000);
	case HC_OPTION_KEEPALIVE_INTERVAL_MS:
		return between(r, is_perfect ? 1000 : 1, 3000);
	case HC_OPTION_KEEPALIVE_COUNT:
		return between(r, is_perfect ? 5 : 1, 9);
	case HC_OPTION_USER_TIMEOUT_MS:
		return is_perfect ? 0 : hc_rng_below(r, 2) * between(r, 1, 20000);
	case HC_OPTION_MSS_MAX:
		return between(r, 88, 1600);
	case HC_OPTION_RCV_BUF_BYTES:
		return between(r, 1, 200000);
	case HC_OPTION_TTL: // The judge knows one of each.
		return h->world->plan.stack[h->idx].ttl;
	case HC_OPTION_DSCP:
		return h->world->plan.stack[h->idx].dscp;
	default:
		return hc_rng_below(r, 2);
	}
}

bool sim_whim_option(struct sim_host *h, struct sim_session *s)
{
	enum hc_conn_option option;
	uint32_t value;
	int err;

	if (!h->world->plan.has_whims || h->world->now_ns < s->whim_ns)
		return false;
	s->whim_ns = h->world->now_ns + between(&h->whims, 1, 1000) * SIM_MS;
	option = (enum hc_conn_option)hc_rng_below(&h->whims, HC_OPTION_COUNT);
	value = draw_value(h, option);
	h->world->whims++;
	err = hc_conn_set(h->w, s->conn, option, value);
	if (err && err != -ENOMEM)
		sim_fail(h->world, "host %u session %u: option %u set to %u: %d", h->idx,
			 (unsigned)(s - h->session), option, value, err);
	return true;
}

unsigned sim_whim_flags(struct sim_host *h, const struct sim_session *s, uint32_t left)
{
	unsigned flags;

	if (!h->world->plan.has_whims)
		return 0;
	flags = hc_rng_below(&h->whims, 2) ? HC_SEND_QUIET : 0;
	if (left == 0 && s->is_open && s->script->end == SIM_END_EARLY && s->script->linger_ms == 0)
		flags |= HC_SEND_CLOSE;
	return flags;
}
