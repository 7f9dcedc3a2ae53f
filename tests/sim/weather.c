// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What goes wrong for a while (enum sim_spell_kind), on top of what the wire does to single frames,
// and how it ends. After plan.heal_ns nothing is wrong any more.

#include "sim.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "stack/port.h"

#define ICMP_FRAME_BYTES (14 + 20 + 8 + 28)

static bool is_on(const struct sim_world *s, const struct sim_spell *p, enum sim_spell_kind kind)
{
	return p->kind == kind && s->now_ns >= p->from_ns && s->now_ns < p->until_ns;
}

static void set_wire(struct sim_world *s)
{
	struct hc_impair_config now[SIM_HOSTS];

	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		const struct hc_impair_config *c = &s->plan.impair[i];

		now[i] = *c;
		if (s->is_healed)
			now[i] = (struct hc_impair_config){.delay_ns = c->delay_ns, .cap = c->cap};
	}
	for (unsigned n = 0; n < s->plan.spell_count; n++) {
		const struct sim_spell *p = &s->plan.spell[n];

		if (!is_on(s, p, SIM_SPELL_PARTITION))
			continue;
		now[p->host].loss_ppm = HC_PPM;
		if (p->is_both)
			now[1 - p->host].loss_ppm = HC_PPM;
	}
	hc_impair_change(s->wire, &now[0], &now[1]);
}

static void give_back(struct sim_host *h)
{
	rte_pktmbuf_free_bulk(h->held, h->held_count);
	h->held_count = 0;
}

// Takes buffers away until as many as the spell says are left, or gives them back.
static void set_buffers(struct sim_world *s, unsigned i)
{
	struct sim_host *h = &s->host[i];
	struct rte_mempool *pool = s->end[i].port->pool[0];
	uint32_t left = UINT32_MAX;

	for (unsigned n = 0; n < s->plan.spell_count; n++)
		if (is_on(s, &s->plan.spell[n], SIM_SPELL_BUFFERS) && s->plan.spell[n].host == i)
			left = s->plan.spell[n].left;
	if (left == UINT32_MAX) {
		give_back(h);
		return;
	}
	while (h->held_count < SIM_HELD_MAX && rte_mempool_avail_count(pool) > left) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		if (!m)
			break;
		h->held[h->held_count++] = m;
	}
}

static void jump(struct sim_world *s, const struct sim_spell *p)
{
	// What was planned for a time stays where it was, seen from where the clock is now.
	for (unsigned n = s->next_spell; n < s->plan.spell_count; n++) {
		if (s->plan.spell[n].from_ns <= s->now_ns)
			continue;
		s->plan.spell[n].from_ns += p->by_ns;
		s->plan.spell[n].until_ns += p->by_ns;
	}
	s->plan.heal_ns += p->by_ns;
	s->plan.limit_ns += p->by_ns;
	s->now_ns += p->by_ns;
}

void sim_weather(struct sim_world *s)
{
	bool is_new = s->next_spell == 0 && s->steps == 0;

	while (s->next_spell < s->plan.spell_count &&
	       s->now_ns >= s->plan.spell[s->next_spell].from_ns) {
		const struct sim_spell *p = &s->plan.spell[s->next_spell++];

		s->spells[p->kind]++;
		if (p->kind == SIM_SPELL_JUMP)
			jump(s, p);
		is_new = true;
	}
	for (unsigned n = 0; n < s->next_spell; n++) {
		struct sim_spell *p = &s->plan.spell[n];

		if (p->until_ns != SIM_NEVER && s->now_ns >= p->until_ns) {
			p->until_ns = SIM_NEVER; // It is over, and was dealt with.
			p->from_ns = SIM_NEVER;
			is_new = true;
		}
	}
	if (!s->is_healed && s->now_ns >= s->plan.heal_ns) {
		s->is_healed = true;
		is_new = true;
	}
	if (!is_new)
		return;
	set_wire(s);
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		set_buffers(s, i);
}

uint64_t sim_weather_due_ns(const struct sim_world *s)
{
	uint64_t due_ns = s->is_healed ? SIM_NEVER : s->plan.heal_ns;

	for (unsigned n = 0; n < s->plan.spell_count; n++) {
		const struct sim_spell *p = &s->plan.spell[n];
		uint64_t at_ns = n >= s->next_spell ? p->from_ns : p->until_ns;

		due_ns = at_ns < due_ns ? at_ns : due_ns;
	}
	return due_ns;
}

bool sim_weather_is_stalled(const struct sim_world *s, unsigned host)
{
	for (unsigned n = 0; n < s->plan.spell_count; n++)
		if (is_on(s, &s->plan.spell[n], SIM_SPELL_STALL) && s->plan.spell[n].host == host)
			return true;
	return false;
}

// RFC 792, RFC 1191 4: what the router before the narrow link says.
static void tell(struct sim_world *s, unsigned from, const uint8_t *frame, uint32_t mtu)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->end[1 - from].port->pool[0]);
	uint8_t *out;
	uint8_t *ip;

	if (!m)
		return;
	out = (uint8_t *)rte_pktmbuf_append(m, ICMP_FRAME_BYTES);
	if (!out) {
		rte_pktmbuf_free(m);
		return;
	}
	memset(out, 0, ICMP_FRAME_BYTES);
	memcpy(out, frame + 6, 6);
	memcpy(out + 6, frame, 6);
	frame_put16(out + 12, 0x0800);
	ip = out + FRAME_IP;
	ip[0] = 0x45;
	frame_put16(ip + 2, ICMP_FRAME_BYTES - FRAME_IP);
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, frame + FRAME_IP + 16, 4);
	memcpy(ip + 16, frame + FRAME_IP + 12, 4);
	out[FRAME_L4] = 3;
	out[FRAME_L4 + 1] = 4;
	frame_put16(out + FRAME_L4 + 6, mtu);
	memcpy(out + FRAME_L4 + 8, frame + FRAME_IP, 28);
	frame_fix_ip_csum(out, ICMP_FRAME_BYTES);
	frame_fix_l4_csum(out, ICMP_FRAME_BYTES);
	if (rte_ring_enqueue(s->end[from].to_port, m) != 0)
		rte_pktmbuf_free(m);
}

bool sim_weather_is_narrow(struct sim_world *s, unsigned from, const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);

	for (unsigned n = 0; n < s->plan.spell_count; n++) {
		const struct sim_spell *p = &s->plan.spell[n];

		if (!is_on(s, p, SIM_SPELL_NARROW) || p->host != from ||
		    m->pkt_len <= 14u + p->mtu || frame_get16(frame + 12) != 0x0800)
			continue;
		if (p->told != UINT32_MAX)
			tell(s, from, frame, p->told);
		return true;
	}
	return false;
}

void sim_weather_mark(struct sim_world *s, unsigned from, struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	if (s->is_healed || frame_get16(frame + 12) != 0x0800 || !(frame[FRAME_IP + 1] & 3) ||
	    hc_rng_below(&s->rng, HC_PPM) >= s->plan.congested_ppm[from])
		return;
	frame[FRAME_IP + 1] |= 3;
	frame_fix_ip_csum(frame, m->data_len);
	s->marked++;
}

void sim_weather_end(struct sim_world *s)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		give_back(&s->host[i]);
}
