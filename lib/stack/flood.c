// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// A SYN flood of our own making (RFC 3511 5.5), and one that is watched. A step that has a flood
// comes here first; other workers' steps know nothing of it (has_errand).
//
// Time is cut into slots, one for each SYN, and a SYN is due at a random moment of its slot. A
// flood as regular as the connections beside it would be in step with them: a device that drops one
// SYN in ten might then drop the flood's only, all through a run, and the next time a connection
// each time.
//
// What is due is counted in billionths of a slot, so that a nanosecond is worth as many of them as
// SYNs are due in a second, and nothing is rounded: sent, missed and still owed are together what
// the rate times the time is, but for the slot that has begun. Frames are queued as any other, but
// leave half of the queue to connections: a port that is full has the flood wait, not them. Within
// that a step sends all that is due: after a pause the application opens all connections that are,
// and a flood that came behind them would take of a device only what they leave.

#include "base/prefix.h"
#include "stack/tx.h"
#include "wire/parse_inline.h"

#include <errno.h>

#include <handclasp/flood.h>

#define SLOT         1000000000 // In billionths.
#define SECOND_NS    1000000000ull
#define CATCH_UP_NS  100000000ull
#define QUEUED_MAX   (HC_TX_MAX / 2)
#define HASH_OF_SEED 64u // Apart from the other uses of hc_siphash().

// ---------------------------------------------------------------------------------- beginning

// Whether the sources are nobody's that we know, and could be somebody's.
static bool are_sources_good(const struct hc_worker *w, const struct hc_flood *f)
{
	const struct hc_stack_config *cfg = &w->cfg;
	const struct hc_prefix *p = &f->sources;

	if (p->len < HC_FLOOD_LEN_MIN || p->len > 32)
		return false;
	if (hc_prefix_has(p, cfg->local_addr) || hc_prefix_has(p, f->remote_addr) ||
	    (cfg->gateway && hc_prefix_has(p, cfg->gateway)))
		return false;
	if (cfg->clients.len && hc_prefixes_overlap(p, &cfg->clients))
		return false;
	return !hc_parse_is_bad_source(&w->parse_env, hc_to_be32(p->addr));
}

static bool is_off_link(const struct hc_worker *w, uint32_t addr)
{
	return ((addr ^ w->cfg.local_addr) & hc_prefix_mask(w->cfg.local_prefix_len)) != 0;
}

static int flood_error(const struct hc_worker *w, const struct hc_flood *f)
{
	if (f->syns_per_s == 0 || f->syns_per_s > HC_FLOOD_PER_S_MAX || f->remote_port == 0 ||
	    f->port_lo == 0 || f->port_hi < f->port_lo || !are_sources_good(w, f))
		return -EINVAL;
	if (hc_parse_is_bad_source(&w->parse_env, hc_to_be32(f->remote_addr)) ||
	    (is_off_link(w, f->remote_addr) && !w->cfg.gateway))
		return -ENETUNREACH;
	return 0;
}

// Draws when in its slot the next SYN is due.
static void place(struct hc_flooding *f)
{
	f->moment = hc_rng_below(&f->rng, SLOT);
}

int hc_flood_begin(struct hc_worker *w, const struct hc_flood *flood)
{
	struct hc_flooding *f = &w->flood;
	int err = flood_error(w, flood);
	uint32_t mask, edge;

	if (err)
		return err;
	mask = hc_prefix_mask(flood->sources.len);
	edge = flood->sources.len < 31; // Its first and last address are nobody's.
	*f = (struct hc_flooding){
		.is_on = true,
		.per_s = flood->syns_per_s,
		.remote_be = hc_to_be32(flood->remote_addr),
		.rport_be = hc_to_be16(flood->remote_port),
		.addr_first = (flood->sources.addr & mask) + edge,
		.addr_count = ~mask + 1 - 2 * edge,
		.port_first = flood->port_lo,
		.port_count = (uint16_t)(flood->port_hi - flood->port_lo + 1), // Port 0 is none.
		.sources_be = hc_to_be32(flood->sources.addr & mask),
		.sources_mask_be = hc_to_be32(mask),
		.watched_be = f->watched_be,
		.watched_mask_be = f->watched_mask_be,
	};
	// Another one each time, or a device that keeps what it does not know would know them.
	hc_rng_seed(&f->rng, hc_siphash(&w->env.secret, w->env.now_ns, HASH_OF_SEED + w->queue));
	place(f);
	w->has_errand = true;
	return 0;
}

void hc_flood_end(struct hc_worker *w)
{
	struct hc_flooding *f = &w->flood;

	w->ctr[HC_CTR_flood_syns_missed] += f->passed > 0 ? (uint64_t)f->passed / SLOT : 0;
	f->passed = 0;
	f->is_on = false;
	w->has_errand = !w->is_started;
}

// ------------------------------------------------------------------------------------ sending

// What is due since the last time. What became due more than CATCH_UP_NS ago is missed: behind it
// there is a SYN, and what came due in that time.
static void accrue(struct hc_worker *w)
{
	struct hc_flooding *f = &w->flood;
	uint64_t gone_ns = f->has_begun ? w->env.now_ns - f->at_ns : 0;
	int64_t most = SLOT + (int64_t)CATCH_UP_NS * f->per_s;
	uint64_t missed = gone_ns / SECOND_NS * f->per_s;

	f->has_begun = true;
	f->at_ns = w->env.now_ns;
	f->passed += (int64_t)(gone_ns % SECOND_NS) * f->per_s;
	if (f->passed > most && !HC_FAULT(flood_catches_up_without_end)) {
		int64_t beyond = (f->passed - most + SLOT - 1) / SLOT;

		f->passed -= beyond * SLOT;
		missed += (uint64_t)beyond;
	}
	w->ctr[HC_CTR_flood_syns_missed] += missed;
}

static void draw(struct hc_flooding *f, struct hc_flow_key *key)
{
	uint32_t addr = f->addr_first + hc_rng_below(&f->rng, f->addr_count);
	uint32_t port = f->port_first + hc_rng_below(&f->rng, f->port_count);

	key->local_be = hc_to_be32(addr);
	key->remote_be = f->remote_be;
	key->lport_be = hc_to_be16((uint16_t)port);
	key->rport_be = f->rport_be;
}

// A SYN like those of our connections, so that nothing tells the two apart. @return false without
// a buffer.
static bool send_syn(struct hc_worker *w, uint16_t neigh)
{
	struct hc_flow_key key;
	struct rte_mbuf *m;
	struct hc_tx_seg s;

	if (w->spare_count == 0 && !hc_spare_refill(w))
		return false;
	m = hc_mbuf_get(w);
	draw(&w->flood, &key);
	s = hc_tx_syn_seg(w, &key, (hc_seq)(hc_rng_u64(&w->flood.rng) >> 32));
	hc_tx_segment(w, m, &s, neigh);
	return true;
}

void hc_flood_step(struct hc_worker *w)
{
	const unsigned most = QUEUED_MAX << HC_FAULT(flood_takes_the_whole_queue);
	struct hc_flooding *f = &w->flood;
	uint16_t neigh = hc_route(w, f->remote_be);
	bool is_ready = hc_neigh_is_ready(w, neigh);

	if (!is_ready && !f->has_begun)
		return;
	accrue(w);
	if (!is_ready)
		return;
	while (f->passed >= f->moment && w->tx_count < most && send_syn(w, neigh)) {
		f->passed -= SLOT;
		w->ctr[HC_CTR_flood_syns_sent]++;
		place(f);
	}
}

bool hc_flood_next_due_ns(const struct hc_worker *w, uint64_t *due_ns)
{
	const struct hc_flooding *f = &w->flood;

	if (!f->is_on || !f->has_begun)
		return false;
	*due_ns = f->at_ns;
	if (f->passed < f->moment)
		*due_ns += (uint64_t)(f->moment - f->passed + f->per_s - 1) / f->per_s;
	return true;
}

// ---------------------------------------------------------------------------- the other way

bool hc_flood_has_source(const struct hc_worker *w, hc_be32 addr_be)
{
	const struct hc_flooding *f = &w->flood;
	uint32_t mask = (HC_FORCE uint32_t)f->sources_mask_be;

	return mask &&
	       (((HC_FORCE uint32_t)addr_be ^ (HC_FORCE uint32_t)f->sources_be) & mask) == 0;
}

void hc_flood_watch(struct hc_worker *w, struct hc_prefix sources)
{
	uint32_t mask = hc_prefix_mask(sources.len);

	w->flood.watched_be = hc_to_be32(sources.addr & mask);
	w->flood.watched_mask_be = hc_to_be32(mask);
	hc_admit_look(w);
}

void hc_flood_note(struct hc_worker *w, const struct hc_seg *syn)
{
	const struct hc_flooding *f = &w->flood;
	uint32_t mask = (HC_FORCE uint32_t)f->watched_mask_be;
	uint32_t differs = (HC_FORCE uint32_t)syn->key.remote_be ^ (HC_FORCE uint32_t)f->watched_be;

	w->ctr[HC_CTR_flood_syns_received] += mask && (differs & mask) == 0;
}
