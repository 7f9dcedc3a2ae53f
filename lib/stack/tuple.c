// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Choosing source tuples. With several workers on a port a tuple is ours when the frames that come
// back to it reach our queue: by the port's own Toeplitz hash when it has RSS, by the redirect hash
// otherwise.

#include "stack/tuple.h"

#include <rte_thash.h>

// The queue that the port's RSS chooses for what the peer sends to this key.
static uint32_t rss_queue(const struct hc_worker *w, const struct hc_flow_key *key)
{
	// As received: source is the remote end.
	uint32_t tuple[3] = {
		hc_from_be32(key->remote_be),
		hc_from_be32(key->local_be),
		(uint32_t)hc_from_be16(key->rport_be) << 16 | hc_from_be16(key->lport_be),
	};
	uint32_t hash = rte_softrss_be(tuple, RTE_DIM(tuple), w->rss_key_be);

	return w->port->reta[hash & (w->port->reta_size - 1u)];
}

uint32_t hc_tuple_queue(const struct hc_worker *w, const struct hc_flow_key *key)
{
	return w->port->has_rss ? rss_queue(w, key) : hc_flow_owner(w, key);
}

bool hc_tuple_is_ours(const struct hc_worker *w, const struct hc_flow_key *key)
{
	return w->queue_count == 1 || hc_tuple_queue(w, key) == w->queue;
}

// Whether a slot's tuple may be taken.
HC_ALWAYS_INLINE bool may_take(const struct hc_worker *w, const struct hc_flow_key *remote,
			       uint32_t slot)
{
	const struct hc_tuples *u = &w->tuples;
	uint32_t addr = slot & (u->addr_count - 1);
	uint32_t port = u->port_lo + (slot >> u->addr_bits);
	struct hc_flow_key key;

	if (u->slot[slot] != HC_REF_NONE && !HC_FAULT(tuple_given_out_twice))
		return false;
	if (u->skips_edges && (addr == 0 || addr == u->addr_count - 1))
		return false;
	if (u->checks_listeners && w->listener_by_port[port] != HC_LISTENER_NONE)
		return false;
	if (!u->checks_owner)
		return true;
	key = hc_tuple_key(u, slot, remote);
	return hc_tuple_is_ours(w, &key);
}

uint32_t hc_tuple_search(struct hc_worker *w, const struct hc_flow_key *remote)
{
	struct hc_tuples *u = &w->tuples;
	uint32_t base = HC_TUPLE_TRIES_MAX * (u->checks_owner ? w->queue_count : 1u);
	uint32_t tries = base + u->saved_tries;

	for (; tries && u->count; tries--) {
		uint32_t slot = u->cursor;

		u->cursor = slot + 1 == u->count ? 0 : slot + 1;
		hc_tuple_prefetch(w, slot + HC_TUPLE_AHEAD < u->count ? slot + HC_TUPLE_AHEAD : 0);
		if (!may_take(w, remote, slot))
			continue;
		// What looking on cost beyond the usual comes off what was saved, which grows by a
		// little with every success: on average a search stays short.
		u->saved_tries =
			hc_min_u32(hc_min_u32(tries, u->saved_tries) + HC_TUPLE_SAVES, u->count);
		return slot;
	}
	u->saved_tries = 0;
	return HC_TUPLE_NONE;
}

uint32_t hc_tuple_take_at(struct hc_worker *w, const struct hc_flow_key *remote, hc_be32 local_be)
{
	struct hc_tuples *u = &w->tuples;
	uint32_t addr = hc_from_be32(local_be) - u->addr_base;
	uint32_t at = u->cursor >> u->addr_bits;

	if (u->count == 0 || addr >= u->addr_count)
		return HC_TUPLE_NONE;
	for (uint32_t i = 0; i < u->port_count; i++) {
		uint32_t slot = at << u->addr_bits | addr;

		at = at + 1 == u->port_count ? 0 : at + 1;
		if (!may_take(w, remote, slot))
			continue;
		u->cursor = slot + 1 == u->count ? 0 : slot + 1;
		return slot;
	}
	return HC_TUPLE_NONE;
}
