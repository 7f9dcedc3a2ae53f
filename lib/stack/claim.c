// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Our own addresses, by RFC 5227: asking whether anybody has them before they are used, telling
// everybody that they are ours, and defending them.
//
// With has_arp_probe a worker's steps do nothing else until its addresses are claimed: three probes
// for each, at random distances of a second or two, and two seconds more of listening. Whoever
// claims one meanwhile, or probes for it too, has it, and the worker never starts. Every worker of
// a port hears what any of them receives, one sends; their clocks and seeds are the same, so they
// are done at the same time. Source addresses are claimed as the host's own is if they are on our
// network; others are routed to us, and ARP does not concern them.

#include "stack/tx.h"
#include "wire/parse.h"

#include <rte_ethdev.h>
#include <rte_ring.h>

// RFC 5227 1.1.
#define HC_PROBE_WAIT_MS        1000u
#define HC_PROBES               3u
#define HC_PROBE_MIN_MS         1000u
#define HC_PROBE_MAX_MS         2000u
#define HC_ANNOUNCE_WAIT_MS     2000u
#define HC_ANNOUNCE_INTERVAL_MS 2000u
#define HC_DEFEND_INTERVAL_MS   10000u

// Source addresses probed for or announced: at once, in each millisecond after it, and in all.
#define HC_CLAIM_START 256u
#define HC_CLAIM_PACE  16u
#define HC_CLAIM_MAX   (64u << 10)

// How many addresses there are to claim.
static uint32_t own_count(const struct hc_worker *w)
{
	const struct hc_neighs *ns = &w->neighs;
	uint32_t base = (HC_FORCE uint32_t)hc_to_be32(w->tuples.addr_base);

	if (w->tuples.count == 0 || w->cfg.clients.len < w->cfg.local_prefix_len ||
	    ((base ^ (HC_FORCE uint32_t)ns->net_be) & (HC_FORCE uint32_t)ns->mask_be) != 0)
		return 1;
	return 1 + hc_min_u32(w->tuples.addr_count, HC_CLAIM_MAX);
}

// Sends requests about up to `n` more of our addresses, from the one `*at` on: probes, which name
// no sender, or announcements. @return whether that were all.
static bool send_some(struct hc_worker *w, uint32_t *at, uint32_t n, bool is_probe)
{
	uint32_t count = own_count(w);

	for (; n && *at < count; n--, ++*at) {
		uint32_t i = *at - 1;
		uint32_t addr = *at ? w->tuples.addr_base + i : w->cfg.local_addr;
		bool is_edge = *at && (i == 0 || i == w->tuples.addr_count - 1);
		hc_be32 addr_be = hc_to_be32(addr);

		// The host's own was the first, and the edges of a prefix are nobody's.
		if (*at && (addr == w->cfg.local_addr || (w->tuples.skips_edges && is_edge)))
			continue;
		hc_arp_send(w, HC_ARP_REQUEST, NULL, is_probe ? hc_to_be32(0) : addr_be, addr_be);
	}
	return *at == count;
}

// ---------------------------------------------------------------------------------- announcements

static void announce(struct hc_worker *w, uint32_t n)
{
	struct hc_announcing *a = &w->neighs.announcing;

	a->is_under_way = !send_some(w, &a->at, n, false);
}

static void announce_round(struct hc_worker *w)
{
	struct hc_announcing *a = &w->neighs.announcing;

	a->rounds_left--;
	a->round_at_ms = w->env.now_ms + HC_ANNOUNCE_INTERVAL_MS;
	a->at = 0;
	announce(w, 1 + HC_CLAIM_START);
}

// RFC 5227 2.3. Who knew our addresses by another MAC, that of a run before this one, would answer
// there: the first connections would time out.
void hc_announce_start(struct hc_worker *w)
{
	w->neighs.announcing.rounds_left = w->cfg.arp_announcements;
	if (w->cfg.arp_announcements)
		announce_round(w);
}

void hc_announce_tick(struct hc_worker *w)
{
	const struct hc_announcing *a = &w->neighs.announcing;

	if (HC_UNLIKELY(a->is_under_way))
		announce(w, HC_CLAIM_PACE);
	else if (HC_UNLIKELY(a->rounds_left) && hc_seq_ge(w->env.now_ms, a->round_at_ms))
		announce_round(w);
}

bool hc_announce_next_due_ms(const struct hc_worker *w, uint32_t *due_ms)
{
	const struct hc_announcing *a = &w->neighs.announcing;

	*due_ms = a->is_under_way ? w->env.now_ms + 1 : a->round_at_ms;
	return a->is_under_way || a->rounds_left;
}

// RFC 5227 2.4 (c): another host uses an address of ours. What is measured hangs on it, so we keep
// it, and say so, not too often.
void hc_arp_defend(struct hc_worker *w, hc_be32 addr_be)
{
	struct hc_neighs *ns = &w->neighs;

	w->ctr[HC_CTR_arp_conflict]++;
	if (ns->has_defended && w->env.now_ms - ns->defended_ms < HC_DEFEND_INTERVAL_MS &&
	    !HC_FAULT(address_defended_each_time))
		return;
	ns->has_defended = true;
	ns->defended_ms = w->env.now_ms;
	hc_arp_send(w, HC_ARP_REQUEST, NULL, addr_be, addr_be);
}

// ---------------------------------------------------------------------------------------- probing

// A time in [0, ms), another one for each round and host.
static uint32_t random_ms(const struct hc_worker *w, uint32_t ms)
{
	uint64_t hash = hc_siphash(&w->env.secret, w->cfg.local_addr, 16 + w->claim.rounds);

	return (uint32_t)((hash & UINT32_MAX) * ms >> 32);
}

static void claim_arp(struct hc_worker *w, const uint8_t *arp)
{
	const uint8_t *sha = arp + HC_ARP_SHA;
	hc_be32 spa_be = hc_load_be32(arp + HC_ARP_SPA);
	hc_be32 tpa_be = hc_load_be32(arp + HC_ARP_TPA);
	bool is_probe = hc_from_be32(spa_be) == 0;
	hc_be32 claimed_be = is_probe && !HC_FAULT(probe_of_another_ignored) ? tpa_be : spa_be;

	if (!hc_arp_is_good(w, arp))
		return;
	// RFC 5227 2.1.1: it is another's who says so in any packet, or who probes for it too. Our
	// own come back from some networks.
	if (!hc_is_our_address(w, claimed_be) || memcmp(sha, w->port->mac, 6) == 0) {
		w->ctr[HC_CTR_rx_arp]++;
		return;
	}
	w->ctr[HC_CTR_arp_conflict]++;
	if (w->claim.state == HC_CLAIM_TAKEN)
		return;
	w->claim.state = HC_CLAIM_TAKEN;
	w->claim.addr_be = claimed_be;
	memcpy(w->claim.mac, sha, 6);
}

static void claim_frame(struct hc_worker *w, const struct rte_mbuf *m, bool is_forwarded)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct hc_parsed p;

	switch (hc_parse_frame(&w->parse_env, frame, m->data_len, 0, &p, &w->seg[0])) {
	case HC_FRAME_ARP:
		if (!is_forwarded && w->queue_count > 1)
			hc_arp_forward(w, m);
		claim_arp(w, frame + p.l3_off);
		break;
	case HC_FRAME_DROP:
		w->ctr[p.drop]++;
		break;
	default:
		w->ctr[HC_CTR_rx_unclaimed]++; // To an address that is not ours yet.
		break;
	}
}

static void claim_burst(struct hc_worker *w, unsigned n, bool is_forwarded)
{
	for (unsigned i = 0; i < n; i++) {
		w->ctr[HC_CTR_rx_bytes] += w->rx[i]->pkt_len;
		if (w->rx[i]->nb_segs != 1) {
			w->ctr[HC_CTR_eth_segments]++; // No ARP packet is so long.
			rte_pktmbuf_free(w->rx[i]);
			continue;
		}
		claim_frame(w, w->rx[i], is_forwarded);
		hc_mbuf_put(w, w->rx[i]);
	}
}

static void claim_rx(struct hc_worker *w)
{
	unsigned n = hc_port_rx(w->gate, w->port_id, w->queue, w->rx, (uint16_t)w->burst);

	w->ctr[HC_CTR_rx_packets] += n;
	claim_burst(w, n, false);
	if (w->queue_count == 1)
		return;
	n = rte_ring_dequeue_burst(w->port->redirect[w->queue], (void **)w->rx, w->burst, NULL);
	w->ctr[HC_CTR_rx_from_workers] += n;
	claim_burst(w, n, true);
}

static void claim_begin(struct hc_worker *w)
{
	w->claim.has_begun = true;
	w->claim.due_ms = w->env.now_ms + random_ms(w, HC_PROBE_WAIT_MS);
}

// What is due: some of a round's probes, and after the last one the time to the next round.
static void claim_send(struct hc_worker *w)
{
	struct hc_claiming *c = &w->claim;
	uint32_t n = c->at ? HC_CLAIM_PACE : 1 + HC_CLAIM_START;
	bool is_last;

	if (c->rounds == HC_PROBES) {
		c->state = HC_CLAIM_HELD;
		return;
	}
	if (w->queue == 0 && !send_some(w, &c->at, n, true)) {
		c->due_ms = w->env.now_ms + 1;
		return;
	}
	c->at = 0;
	is_last = ++c->rounds == HC_PROBES && !HC_FAULT(claims_too_early);
	c->due_ms = w->env.now_ms +
		    (is_last ? HC_ANNOUNCE_WAIT_MS
			     : HC_PROBE_MIN_MS + random_ms(w, HC_PROBE_MAX_MS - HC_PROBE_MIN_MS));
}

void hc_claim_step(struct hc_worker *w)
{
	struct hc_claiming *c = &w->claim;

	if (!c->has_begun)
		claim_begin(w);
	claim_rx(w);
	if (c->state == HC_CLAIM_PROBING && hc_seq_ge(w->env.now_ms, c->due_ms))
		claim_send(w);
}

void hc_worker_claim(const struct hc_worker *w, struct hc_claim *out)
{
	*out = (struct hc_claim){
		.state = (enum hc_claim_state)w->claim.state,
		.addr = hc_from_be32(w->claim.addr_be),
	};
	memcpy(out->mac, w->claim.mac, sizeof out->mac);
}
