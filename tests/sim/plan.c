// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a seed means. Every number of a run is drawn here, before it begins, in a fixed order.

#include "sim.h"

#include <stdlib.h>

#define IDLE_MS 60000u // An application that hears nothing closes after this (app.c).

static uint32_t between(struct hc_rng *r, uint32_t lo, uint32_t hi)
{
	return lo + hc_rng_below(r, hi - lo + 1);
}

static bool one_in(struct hc_rng *r, uint32_t n)
{
	return hc_rng_below(r, n) == 0;
}

// Bytes of a request or a response: often none, sometimes all that is asked for.
static uint32_t draw_bytes(struct hc_rng *r)
{
	switch (hc_rng_below(r, 8)) {
	case 0:
	case 1:
	case 2:
		return 0;
	case 3:
		return 1;
	case 4:
	case 5:
		return between(r, 2, 2000);
	case 6:
		return between(r, 2000, SIM_STREAM_MAX);
	default:
		return SIM_STREAM_MAX;
	}
}

static void draw_wire(struct sim_plan *p, struct hc_rng *r, unsigned dir)
{
	struct hc_impair_config *c = &p->impair[dir];
	uint32_t worst = 1u << between(r, 10, 18); // 0.1 % to 26 %.

	*c = (struct hc_impair_config){.seed = hc_rng_u64(r), .cap = 512};
	c->delay_ns = one_in(r, 4) ? 0 : between(r, 1, 40000) * 1000ull;
	c->loss_ppm = between(r, 0, worst);
	c->dup_ppm = between(r, 0, worst);
	c->reorder_ppm = between(r, 0, worst);
	c->corrupt_ppm = between(r, 0, worst);
	c->jitter_ns = between(r, 0, 20000) * 1000ull;
	c->reorder_ns = between(r, 1, 50000) * 1000ull;
	if (p->wire != SIM_WIRE_CLEAN)
		p->congested_ppm[dir] = between(r, 0, worst);
	if (p->wire == SIM_WIRE_CLEAN || p->wire == SIM_WIRE_LOSSY)
		c->dup_ppm = c->reorder_ppm = c->corrupt_ppm = 0;
	if (p->wire == SIM_WIRE_CLEAN || p->wire == SIM_WIRE_TANGLED)
		c->loss_ppm = c->corrupt_ppm = 0;
}

// Everything full now and then: connections, half-open ones, TIME-WAITs, queued pieces, packets
// that wait for an address.
static void draw_narrow_limits(struct hc_stack_config *c, struct hc_rng *r)
{
	c->conn_cap = between(r, 1, 6);
	c->syn_cap = between(r, 1, 4);
	c->time_wait_cap = between(r, 1, 4);
	c->span_cap = between(r, 0, 4);
	c->neigh_queue_cap = between(r, 0, 3);
}

static void draw_stack(struct sim_plan *p, struct hc_rng *r, unsigned i)
{
	struct hc_stack_config *c = &p->stack[i];

	hc_stack_config_default(c);
	c->local_addr = 0x0a000001 + i;
	c->seed = hc_rng_u64(r) | 1;
	c->conn_cap = 64;
	c->syn_cap = 32;
	c->time_wait_cap = 64;
	c->neigh_cap = 8;
	c->neigh_queue_cap = 64;
	c->listener_cap = 4;
	c->span_cap = 64;
	c->port_lo = SIM_PORT_LO;
	c->port_hi = SIM_PORT_LO + (one_in(r, 3) ? 3 : SIM_PORT_COUNT - 1);
	c->tuple_cap = SIM_PORT_COUNT;
	c->rcv_buf_bytes = one_in(r, 3) ? between(r, 1500, 20000) : between(r, 20000, 200000);
	c->snd_buf_bytes = one_in(r, 3) ? between(r, 1024, 20000) : 262144;
	c->mtu = one_in(r, 4) ? 576 : 1500;
	c->burst_pkts = (uint16_t)between(r, 1, 32);
	c->time_wait_ms = one_in(r, 8) ? 0 : between(r, 200, 4000);
	c->rto_max_ms = between(r, 2000, 8000);
	c->syn_retries = (uint8_t)between(r, 3, 6);
	c->synack_retries = (uint8_t)between(r, 3, 6);
	c->data_retries = (uint8_t)between(r, 5, 9);
	c->fin_wait2_ms = between(r, 500, 5000);
	c->arp_ttl_ms = between(r, 2000, 60000);
	c->has_timestamps = !one_in(r, 4);
	c->has_window_scale = !one_in(r, 4);
	c->has_sack = !one_in(r, 4);
	c->has_nodelay = one_in(r, 2);
	c->has_ecn = one_in(r, 3);
	c->held_cap = one_in(r, 4) ? between(r, 0, 2) : c->conn_cap;
	c->syn_layout = (uint8_t)hc_rng_below(r, HC_SYN_LAYOUT_COUNT);
	c->syn_cookies = (uint8_t)hc_rng_below(r, 3);
	c->congestion = hc_rng_below(r, HC_CONGESTION_COUNT);
	if (!p->is_perfect && one_in(r, 4))
		draw_narrow_limits(c, r);
	c->has_nodelay = one_in(r, 2);
	// A wire that never loses must not look as if it did: the longest way there and back, with
	// the other end's pauses, is within the time-out.
	if (p->wire == SIM_WIRE_CLEAN) {
		c->rto_init_ms = 1000;
		c->rto_min_ms = 500;
		c->fin_wait2_ms = 20000; // Longer than anybody lingers.
		c->port_hi = SIM_PORT_LO + SIM_PORT_COUNT -
			     1; // No tuple comes round: see is_perfect in sim.h.
	}
	if (p->is_twin)
		c->port_lo = c->port_hi = SIM_TWIN_PORT;
}

static void draw_script(struct sim_plan *p, struct hc_rng *r, struct sim_script *s, bool is_client)
{
	static const uint8_t orderly[2][3] = {
		{SIM_END_ANSWER, SIM_END_HALF, SIM_END_ANSWER},
		{SIM_END_DONE, SIM_END_HALF, SIM_END_ANSWER},
	};
	bool is_prompt = p->wire == SIM_WIRE_CLEAN;

	*s = (struct sim_script){
		.start_ns = between(r, 0, 3000) * SIM_MS + between(r, 0, 999999),
		.send_bytes = draw_bytes(r),
		.piece_bytes = one_in(r, 2) ? SIM_STREAM_MAX : between(r, 100, 9000),
		.flags = (uint16_t)hc_rng_below(r, 4),
		.end = (uint8_t)hc_rng_below(r, SIM_END_KINDS),
		.is_static = one_in(r, 2),
		.waits_for_all = !is_client && one_in(r, 2),
		.reads_by_copy = one_in(r, 2),
		.linger_ms = one_in(r, 2) ? 0 : between(r, 1, 5000),
		.read_at_ms = is_prompt || !one_in(r, 6) ? 0 : between(r, 1, 8000),
		.release_ms = is_prompt || !one_in(r, 4) ? 0 : between(r, 1, 500),
		.abort_ms = between(r, 0, 4000),
	};
	if (p->is_orderly)
		s->end = orderly[is_client][hc_rng_below(r, 3)];
}

// Two ends that both wait for the other's FIN would wait until they are bored.
static void let_one_close(struct sim_script *client, struct sim_script *server)
{
	if (client->end == SIM_END_ANSWER && server->end == SIM_END_ANSWER)
		server->end = SIM_END_HALF;
}

static int by_start(const void *a, const void *b)
{
	const struct sim_script *x = a;
	const struct sim_script *y = b;

	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

static void draw_clients(struct sim_plan *p, struct hc_rng *r, unsigned i)
{
	p->client_count[i] = p->is_twin ? 1 : hc_rng_below(r, SIM_CLIENTS_MAX + 1);
	for (unsigned n = 0; n < p->client_count[i]; n++)
		draw_script(p, r, &p->client[i][n], true);
	qsort(p->client[i], p->client_count[i], sizeof p->client[i][0], by_start);
	for (unsigned n = 0; n < p->client_count[i]; n++) {
		draw_script(p, r, &p->server[i][n], false);
		if (p->is_orderly)
			let_one_close(&p->client[i][n], &p->server[i][n]);
	}
}

// Both connect within about a delay of each other, so that the SYNs cross, or nearly.
static void draw_twins(struct sim_plan *p, struct hc_rng *r)
{
	p->client[1][0].start_ns =
		p->client[0][0].start_ns + hc_rng_below(r, 2 * (uint32_t)p->impair[0].delay_ns + 1);
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		p->client[i][0].waits_for_all = false;
		if (p->client[i][0].end == SIM_END_ANSWER)
			p->client[i][0].end = SIM_END_HALF;
	}
}

// The sum of everything that may be waited for, one after the other: a bound, not an estimate.
static uint64_t draw_limit(const struct sim_plan *p)
{
	uint64_t ms = 3000 + 8000 + 5000 + 4000 + 3 * IDLE_MS;

	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		const struct hc_stack_config *c = &p->stack[i];

		ms += (uint64_t)c->rto_max_ms * (c->syn_retries + c->synack_retries + 2);
		ms += (uint64_t)c->rto_max_ms * (c->data_retries + 2);
		ms += 2ull * c->fin_wait2_ms + 2ull * c->time_wait_ms;
	}
	return p->heal_ns + ms * SIM_MS;
}

static void draw_spell(struct sim_plan *p, struct hc_rng *r, struct sim_spell *w)
{
	static const uint32_t told[] = {0, UINT32_MAX};

	*w = (struct sim_spell){
		.kind = (enum sim_spell_kind)hc_rng_below(r, SIM_SPELL_KINDS),
		.from_ns = between(r, 0, (uint32_t)(p->heal_ns / SIM_MS) - 1) * SIM_MS,
		.host = hc_rng_below(r, SIM_HOSTS),
		.is_both = one_in(r, 2),
		.mtu = between(r, 576, 1400),
		.left = between(r, 0, 40),
		// Up to 12 days, in any order of magnitude.
		.by_ns = (1ull << between(r, 20, 49)) + between(r, 0, 1u << 30),
	};
	w->told = one_in(r, 2) ? w->mtu : told[hc_rng_below(r, 2)];
	w->until_ns =
		w->from_ns + between(r, 1, w->kind == SIM_SPELL_BUFFERS ? 500 : 6000) * SIM_MS;
	w->until_ns = w->until_ns < p->heal_ns ? w->until_ns : p->heal_ns;
	if (w->kind == SIM_SPELL_JUMP)
		w->until_ns = w->from_ns;
}

static int by_from(const void *a, const void *b)
{
	const struct sim_spell *x = a;
	const struct sim_spell *y = b;

	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

static void draw_weather(struct sim_plan *p, struct hc_rng *r)
{
	if (p->is_perfect || one_in(r, 2))
		return;
	p->spell_count = between(r, 1, SIM_SPELLS_MAX);
	for (unsigned i = 0; i < p->spell_count; i++)
		draw_spell(p, r, &p->spell[i]);
	qsort(p->spell, p->spell_count, sizeof p->spell[0], by_from);
}

// The clock of the run begins anywhere, also right before one of its parts comes round: the stamps
// of 32 bits after 274 s, the milliseconds after 49 days.
static void draw_clock(struct sim_plan *p, struct hc_rng *r)
{
	uint64_t round_ns = one_in(r, 2) ? 1ull << 38 : 4294967296ull * SIM_MS;

	switch (hc_rng_below(r, 3)) {
	case 0:
		return;
	case 1:
		p->start_ns = round_ns - between(r, 0, 30000) * SIM_MS;
		break;
	default:
		p->start_ns = hc_rng_u64(r) >> between(r, 8, 30);
		break;
	}
	p->heal_ns += p->start_ns;
	p->limit_ns += p->start_ns;
	for (unsigned i = 0; i < p->spell_count; i++) {
		p->spell[i].from_ns += p->start_ns;
		p->spell[i].until_ns += p->start_ns;
	}
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		for (unsigned n = 0; n < p->client_count[i]; n++)
			p->client[i][n].start_ns += p->start_ns;
}

// What a worker is hardly ever told, and records of which it has next to none.
static void draw_rare_settings(const struct sim_plan *p, struct hc_rng *r,
			       struct hc_stack_config *c)
{
	c->delayed_ack_ms = one_in(r, 4) ? 0 : between(r, 1, p->is_perfect ? 200 : 500);
	c->r1_retries = (uint8_t)between(r, 3, 6);
	c->has_keepalive = one_in(r, 4);
	if (one_in(r, 4))
		c->liveness_cap = between(r, 0, 3);
	if (one_in(r, 4))
		c->scoreboard_cap = between(r, 0, 2);
}

void sim_plan_draw(struct sim_plan *p, uint64_t seed)
{
	struct hc_rng r;

	// The generator counts up: neighbouring seeds are taken far apart.
	hc_rng_seed(&r, seed);
	hc_rng_seed(&r, hc_rng_u64(&r));
	*p = (struct sim_plan){.seed = seed};
	p->wire = (enum sim_wire)hc_rng_below(&r, SIM_WIRE_KINDS);
	p->is_orderly = one_in(&r, 2);
	p->is_twin = one_in(&r, 8);
	p->is_perfect = p->wire == SIM_WIRE_CLEAN && p->is_orderly && !p->is_twin;
	p->listen_flags = (uint16_t)hc_rng_below(&r, 4);
	p->heal_ns = between(&r, 500, 20000) * SIM_MS;
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		draw_wire(p, &r, i);
		draw_stack(p, &r, i);
	}
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		draw_clients(p, &r, i);
	if (p->client_count[0] + p->client_count[1] == 0) {
		p->client_count[0] = 1;
		draw_script(p, &r, &p->client[0][0], true);
		draw_script(p, &r, &p->server[0][0], false);
		if (p->is_orderly)
			let_one_close(&p->client[0][0], &p->server[0][0]);
	}
	if (p->is_twin)
		draw_twins(p, &r);
	p->limit_ns = draw_limit(p);
	draw_weather(p, &r);
	draw_clock(p, &r);
	// By the seed itself, so that the others play on what they always have.
	p->has_whims = seed % 2 != 0;
	for (unsigned i = 0; p->has_whims && i < SIM_HOSTS; i++)
		draw_rare_settings(p, &r, &p->stack[i]);
	p->has_fast_open = seed % 3 == 0;
	for (unsigned i = 0; p->has_fast_open && i < SIM_HOSTS; i++) {
		p->stack[i].has_fast_open = !one_in(&r, 6);
		p->stack[i].fast_open_cap = between(&r, 0, 8);
		// Where no tuple is used twice at one time of the clock: the SYNs of two
		// connections, of which the first was given up at once, would be the same.
		if (!p->is_twin)
			p->stack[i].port_hi = SIM_PORT_LO + SIM_PORT_COUNT - 1;
	}
}
