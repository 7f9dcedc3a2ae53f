// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Next hops: where a packet for an address goes, and ARP (RFC 826, RFC 1122 2.3.2) to find out the
// MAC. Our own addresses are claim.c's.
//
// An entry is made only for an address that we want to send to, or that asks for ours; what
// strangers say of themselves changes entries but makes none. While an address is unknown a bounded
// number of packets waits for it. An answered entry is good for arp_ttl_ms, then it is asked for
// again, by unicast and while it is used on; who does not answer is forgotten and asked for by
// broadcast. Entries are indices that TCBs keep: when the table is full, one that never answered is
// taken over, and whoever still points at it notices by the address (hc_tx_segment()) and asks
// hc_route() again.

#include "base/prefix.h"
#include "stack/tx.h"

#include <rte_ring.h>

#define HC_ARP_RETRY_MS     1000u // RFC 1122 2.3.2.1: at most one request a second.
#define HC_ARP_TRIES        3u
#define HC_ARP_HOLD_MS      1000u // A failed entry is left alone for this long.
#define HC_ARP_SCAN_ENTRIES 16u   // Looked at per millisecond.

static const uint8_t mac_none[6];

static uint32_t bucket_of(const struct hc_worker *w, hc_be32 addr_be)
{
	struct hc_flow_key key = {.local_be = addr_be};

	return hc_hash_key(&w->env.secret, &key) & w->neighs.bucket_mask;
}

static struct hc_neigh *neigh_find(struct hc_worker *w, hc_be32 addr_be)
{
	uint32_t i = w->neighs.bucket[bucket_of(w, addr_be)];

	while (i != HC_IDX_NONE && w->neighs.entry[i].addr_be != addr_be)
		i = w->neighs.entry[i].next;
	return i == HC_IDX_NONE ? NULL : &w->neighs.entry[i];
}

static void neigh_unlink(struct hc_worker *w, struct hc_neigh *n)
{
	uint32_t *at = &w->neighs.bucket[bucket_of(w, n->addr_be)];

	while (&w->neighs.entry[*at] != n)
		at = &w->neighs.entry[*at].next;
	*at = n->next;
}

// Gives up a packet nobody took. When that is because the neighbour was asked for in vain (and not
// merely unknown: RFC 1122 2.4), the connection that sent it learns that the way is blocked.
static void drop_unresolved(struct hc_worker *w, struct rte_mbuf *m, bool is_unreachable)
{
	if (is_unreachable)
		(void)hc_soft_error(w, rte_pktmbuf_mtod(m, const uint8_t *) + HC_ETH_LEN,
				    m->data_len - HC_ETH_LEN);
	w->ctr[HC_CTR_tx_unresolved]++;
	hc_mbuf_put(w, m);
}

static void drop_waiting(struct hc_worker *w, struct hc_neigh *n, bool is_unreachable)
{
	while (n->waiting_head) {
		struct rte_mbuf *m = n->waiting_head;

		n->waiting_head = m->next;
		m->next = NULL;
		drop_unresolved(w, m, is_unreachable);
	}
	n->waiting_tail = NULL;
	n->waiting_count = 0;
}

// An entry for a new address: a fresh one, or one that has no answer to lose.
static struct hc_neigh *neigh_add(struct hc_worker *w, hc_be32 addr_be)
{
	struct hc_neighs *ns = &w->neighs;
	struct hc_neigh *n = NULL;
	uint32_t *head = &ns->bucket[bucket_of(w, addr_be)];

	if (ns->count < ns->cap) {
		n = &ns->entry[ns->count++];
	} else {
		for (uint32_t i = 0; i < HC_ARP_SCAN_ENTRIES && !n; i++) {
			struct hc_neigh *old = &ns->entry[(ns->scan + i) % ns->cap];

			if (!old->is_usable && old - ns->entry != ns->gateway_idx &&
			    old - ns->entry != HC_NEIGH_NONE)
				n = old;
		}
		if (!n) {
			w->ctr[HC_CTR_arp_no_memory]++;
			return NULL;
		}
		drop_waiting(w, n, false);
		neigh_unlink(w, n);
	}
	*n = (struct hc_neigh){.addr_be = addr_be, .state = HC_NEIGH_FAILED};
	n->match_mask = UINT32_MAX;
	// Frames are written before the answer is there.
	hc_l2_template_set_ip(&n->l2, w->cfg.dscp, w->cfg.ttl);
	n->deadline_ms = w->env.now_ms;
	n->next = *head;
	*head = (uint32_t)(n - ns->entry);
	return n;
}

// To everybody without a MAC.
void hc_arp_send(struct hc_worker *w, uint16_t op, const uint8_t *mac, hc_be32 spa_be,
		 hc_be32 tpa_be)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	struct rte_mbuf *m = hc_mbuf_get(w);

	if (!m)
		return;
	m->ol_flags = 0;
	w->ctr[op == HC_ARP_REQUEST ? HC_CTR_arp_requests_sent : HC_CTR_arp_replies_sent]++;
	hc_tx_push(w, m,
		   hc_build_arp(rte_pktmbuf_mtod(m, uint8_t *), op, mac ? mac : everybody,
				w->port->mac, spa_be, op == HC_ARP_REPLY ? mac : mac_none, tpa_be));
}

static void ask(struct hc_worker *w, struct hc_neigh *n)
{
	bool is_probe = n->state == HC_NEIGH_PROBE;

	n->tries++;
	n->deadline_ms = w->env.now_ms + HC_ARP_RETRY_MS;
	// RFC 1122 2.3.2.1 (2): re-validation by unicast.
	hc_arp_send(w, HC_ARP_REQUEST, is_probe ? n->l2.bytes : NULL, w->parse_env.local_be,
		    n->addr_be);
}

uint16_t hc_route(struct hc_worker *w, hc_be32 remote_be)
{
	struct hc_neighs *ns = &w->neighs;
	uint32_t remote = (HC_FORCE uint32_t)remote_be;
	struct hc_neigh *n;

	if (((remote ^ (HC_FORCE uint32_t)ns->net_be) & (HC_FORCE uint32_t)ns->mask_be) != 0)
		return ns->gateway_idx;
	n = neigh_find(w, remote_be);
	if (!n)
		n = neigh_add(w, remote_be);
	return n ? (uint16_t)(n - ns->entry) : HC_NEIGH_NONE;
}

static void ask_if_due(struct hc_worker *w, struct hc_neigh *n)
{
	if (n->state != HC_NEIGH_FAILED || !hc_seq_ge(w->env.now_ms, n->deadline_ms))
		return;
	n->state = HC_NEIGH_INCOMPLETE;
	n->tries = 0;
	ask(w, n);
}

bool hc_neigh_is_ready(struct hc_worker *w, uint16_t neigh)
{
	struct hc_neigh *n = &w->neighs.entry[neigh];

	if (neigh == HC_NEIGH_NONE)
		return false;
	if (!n->is_usable)
		ask_if_due(w, n);
	return n->is_usable;
}

void hc_neigh_send(struct hc_worker *w, struct rte_mbuf *m, hc_be32 remote_be)
{
	uint16_t idx = hc_route(w, remote_be);
	struct hc_neigh *n;

	if (idx == HC_NEIGH_NONE) {
		w->ctr[HC_CTR_tx_no_route]++;
		hc_mbuf_put(w, m);
		return;
	}
	n = &w->neighs.entry[idx];
	if (n->is_usable) {
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), n->l2.bytes, HC_ETH_LEN);
		hc_tx_push(w, m, m->pkt_len);
		return;
	}
	ask_if_due(w, n);
	// RFC 1122 2.3.2.2 says to keep at least the latest packet.
	if (n->state == HC_NEIGH_FAILED || w->neighs.queue_cap == 0) {
		drop_unresolved(w, m, n->state == HC_NEIGH_FAILED);
		return;
	}
	if (n->waiting_count >= w->neighs.queue_cap) {
		struct rte_mbuf *oldest = n->waiting_head;

		n->waiting_head = oldest->next;
		oldest->next = NULL;
		n->waiting_count--;
		drop_unresolved(w, oldest, false);
	}
	m->next = NULL;
	if (n->waiting_head)
		n->waiting_tail->next = m;
	else
		n->waiting_head = m;
	n->waiting_tail = m;
	n->waiting_count++;
}

// The address of a neighbour, fresh from the wire.
static void neigh_learn(struct hc_worker *w, struct hc_neigh *n, const uint8_t mac[6])
{
	hc_l2_template_init(&n->l2, mac, w->port->mac);
	hc_l2_template_set_ip(&n->l2, w->cfg.dscp, w->cfg.ttl);
	n->state = HC_NEIGH_REACHABLE;
	n->is_usable = true;
	n->match = (HC_FORCE uint32_t)n->addr_be;
	n->match_mask = n - w->neighs.entry == w->neighs.gateway_idx ? 0 : UINT32_MAX;
	n->tries = 0;
	n->deadline_ms = w->env.now_ms + w->neighs.ttl_ms;
	while (n->waiting_head) {
		struct rte_mbuf *m = n->waiting_head;

		n->waiting_head = m->next;
		m->next = NULL;
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), n->l2.bytes, HC_ETH_LEN);
		hc_tx_push(w, m, m->pkt_len);
	}
	n->waiting_tail = NULL;
	n->waiting_count = 0;
}

void hc_neigh_doubt(struct hc_worker *w, uint16_t neigh)
{
	struct hc_neigh *n = &w->neighs.entry[neigh];

	if (n->state == HC_NEIGH_REACHABLE && !HC_FAULT(next_hop_never_doubted)) {
		n->state = HC_NEIGH_PROBE;
		n->tries = 0;
		ask(w, n);
	}
}

static void neigh_expire(struct hc_worker *w, struct hc_neigh *n)
{
	switch (n->state) {
	case HC_NEIGH_REACHABLE:
		n->state = HC_NEIGH_PROBE;
		n->tries = 0;
		ask(w, n);
		break;
	case HC_NEIGH_INCOMPLETE:
	case HC_NEIGH_PROBE:
		if (n->tries < HC_ARP_TRIES) {
			ask(w, n);
			break;
		}
		w->ctr[HC_CTR_arp_failed]++;
		drop_waiting(w, n, true);
		n->state = HC_NEIGH_FAILED;
		n->is_usable = false;
		n->match = 0; // Nobody's address.
		n->match_mask = UINT32_MAX;
		n->deadline_ms = w->env.now_ms + HC_ARP_HOLD_MS;
		break;
	default:
		break;
	}
}

void hc_neigh_tick(struct hc_worker *w)
{
	struct hc_neighs *ns = &w->neighs;

	hc_announce_tick(w);
	for (uint32_t i = 0; i < HC_ARP_SCAN_ENTRIES && i < ns->count; i++) {
		struct hc_neigh *n;

		ns->scan = ns->scan + 1 < ns->count ? ns->scan + 1 : 0;
		n = &ns->entry[ns->scan];
		if (n->state != HC_NEIGH_FAILED && hc_seq_ge(w->env.now_ms, n->deadline_ms))
			neigh_expire(w, n);
	}
}

bool hc_neigh_next_due_ms(const struct hc_worker *w, uint32_t *due_ms)
{
	bool has_due = hc_announce_next_due_ms(w, due_ms);

	for (uint32_t i = 0; i < w->neighs.count; i++) {
		const struct hc_neigh *n = &w->neighs.entry[i];

		// What is past its time waits for the scan to come round: the next tick.
		if (n->state == HC_NEIGH_FAILED)
			continue;
		if (!has_due || hc_seq_lt(n->deadline_ms, *due_ms))
			*due_ms = n->deadline_ms;
		has_due = true;
	}
	if (has_due && hc_seq_le(*due_ms, w->env.now_ms))
		*due_ms = w->env.now_ms + 1;
	return has_due;
}

bool hc_is_our_address(const struct hc_worker *w, hc_be32 addr_be)
{
	uint32_t addr = (HC_FORCE uint32_t)addr_be;
	const struct hc_parse_env *e = &w->parse_env;

	return addr == (HC_FORCE uint32_t)e->local_be ||
	       ((addr ^ (HC_FORCE uint32_t)e->clients_be) &
		(HC_FORCE uint32_t)e->clients_mask_be) == 0;
}

// Whether an ARP packet is one. What is not is counted.
bool hc_arp_is_good(struct hc_worker *w, const uint8_t *arp)
{
	const uint8_t *sha = arp + HC_ARP_SHA;
	uint16_t op = hc_from_be16(hc_load_be16(arp + HC_ARP_OP));
	uint32_t spa = hc_from_be32(hc_load_be32(arp + HC_ARP_SPA));

	if (hc_from_be16(hc_load_be16(arp + HC_ARP_HTYPE)) != 1 ||
	    hc_from_be16(hc_load_be16(arp + HC_ARP_PTYPE)) != HC_ETHERTYPE_IP4 ||
	    arp[HC_ARP_HLEN] != 6 || arp[HC_ARP_PLEN] != 4 ||
	    (op != HC_ARP_REQUEST && op != HC_ARP_REPLY)) {
		w->ctr[HC_CTR_arp_malformed]++;
		return false;
	}
	// RFC 5227 2.1.1: only a probe, which is a request, has no sender address.
	if (sha[0] & 1 || memcmp(sha, mac_none, 6) == 0 || spa >> 24 == 127 || spa >= 0xe0000000u ||
	    (spa == 0 && op == HC_ARP_REPLY)) {
		w->ctr[HC_CTR_arp_bad_sender]++;
		return false;
	}
	return true;
}

void hc_arp_forward(struct hc_worker *w, const struct rte_mbuf *m)
{
	for (unsigned q = 0; q < w->queue_count; q++) {
		struct rte_mbuf *copy;

		if (q == w->queue || !w->port->redirect[q])
			continue;
		copy = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);
		if (copy && rte_ring_enqueue(w->port->redirect[q], copy) != 0)
			rte_pktmbuf_free(copy);
	}
}

void hc_arp_input(struct hc_worker *w, const uint8_t *frame, uint32_t l3_off, bool is_forwarded)
{
	const uint8_t *arp = frame + l3_off;
	const uint8_t *sha = arp + HC_ARP_SHA;
	uint16_t op = hc_from_be16(hc_load_be16(arp + HC_ARP_OP));
	hc_be32 spa_be = hc_load_be32(arp + HC_ARP_SPA);
	hc_be32 tpa_be = hc_load_be32(arp + HC_ARP_TPA);
	bool is_probe = hc_from_be32(spa_be) == 0;
	struct hc_neigh *n;

	if (!hc_arp_is_good(w, arp))
		return;
	if (!is_probe && hc_is_our_address(w, spa_be) && !HC_FAULT(address_not_defended)) {
		if (memcmp(sha, w->port->mac, 6) == 0 || is_forwarded)
			w->ctr[HC_CTR_rx_arp]++;
		else
			hc_arp_defend(w, spa_be);
		return;
	}
	// RFC 826: first merge, then look at who is asked, then at the operation.
	n = is_probe ? NULL : neigh_find(w, spa_be);
	if (n)
		neigh_learn(w, n, sha);
	// Who probes for a source of our flood may have it: we only borrow them.
	if (!hc_is_our_address(w, tpa_be) &&
	    ((is_probe && !HC_FAULT(flood_source_kept_from_its_owner)) ||
	     !hc_flood_has_source(w, tpa_be))) {
		w->ctr[n ? HC_CTR_rx_arp : HC_CTR_arp_not_for_us]++;
		return;
	}
	if (op == HC_ARP_REPLY && !HC_FAULT(arp_believes_strangers)) {
		// With several workers it may be another's question that is answered.
		w->ctr[n || w->port->queue_count > 1 ? HC_CTR_rx_arp : HC_CTR_arp_unsolicited]++;
		return;
	}
	w->ctr[HC_CTR_rx_arp]++;
	// Who asks for us is about to talk to us, if it is on our network at all.
	if (!n && !is_probe &&
	    (((HC_FORCE uint32_t)spa_be ^ (HC_FORCE uint32_t)w->neighs.net_be) &
	     (HC_FORCE uint32_t)w->neighs.mask_be) == 0) {
		n = neigh_add(w, spa_be);
		if (n)
			neigh_learn(w, n, sha);
	}
	if (!is_forwarded)
		hc_arp_send(w, HC_ARP_REPLY, sha, tpa_be, spa_be);
}

void hc_neigh_start(struct hc_worker *w)
{
	w->is_started = true;
	// One worker of a port speaks for the host.
	if (w->queue == 0)
		hc_announce_start(w);
	if (w->neighs.gateway_idx != HC_NEIGH_NONE) {
		struct hc_neigh *n = &w->neighs.entry[w->neighs.gateway_idx];

		n->state = HC_NEIGH_INCOMPLETE;
		ask(w, n);
	}
}

void hc_neighs_init(struct hc_worker *w, void *entries, void *buckets)
{
	const struct hc_stack_config *cfg = &w->cfg;
	struct hc_neighs *ns = &w->neighs;
	uint32_t mask = hc_prefix_mask(cfg->local_prefix_len);

	ns->entry = entries;
	ns->bucket = buckets;
	ns->bucket_mask = hc_neigh_buckets(cfg->neigh_cap) - 1;
	ns->cap = cfg->neigh_cap + 1;
	ns->count = 1;
	ns->entry[HC_NEIGH_NONE] = (struct hc_neigh){.state = HC_NEIGH_FAILED};
	ns->entry[HC_NEIGH_NONE].match_mask = UINT32_MAX;
	hc_l2_template_set_ip(&ns->entry[HC_NEIGH_NONE].l2, cfg->dscp, cfg->ttl);
	ns->scan = 0;
	ns->queue_cap = cfg->neigh_queue_cap;
	ns->ttl_ms = cfg->arp_ttl_ms;
	ns->mask_be = hc_to_be32(mask);
	ns->net_be = hc_to_be32(cfg->local_addr & mask);
	ns->gateway_idx = HC_NEIGH_NONE;
	for (uint32_t i = 0; i <= ns->bucket_mask; i++)
		ns->bucket[i] = HC_IDX_NONE;
	if (cfg->gateway) {
		struct hc_neigh *n = neigh_add(w, hc_to_be32(cfg->gateway));

		ns->gateway_idx = (uint16_t)(n - ns->entry);
	}
}

uint32_t hc_neigh_buckets(uint32_t cap)
{
	uint32_t buckets = 16;

	while (buckets < cap)
		buckets *= 2;
	return buckets;
}

void hc_neighs_free(struct hc_worker *w)
{
	for (uint32_t i = 0; i < w->neighs.count; i++)
		drop_waiting(w, &w->neighs.entry[i], false);
}
