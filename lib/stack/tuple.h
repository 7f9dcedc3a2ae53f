// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Source tuples of connect(): which (address, port) is free, and which connection a segment to one
// of them belongs to. A tuple serves one connection at a time, whatever its peer, and is never
// taken while in TIME-WAIT (only the passive side may end that early, RFC 9293 3.6.1).

#include "stack/worker.h"

#define HC_TUPLE_NONE UINT32_MAX

// Slots looked at per connect() before it is refused: so many in any case, and those that searches
// before it saved up. Connections that are held have the slots next to each other, a million of
// them for bench --live; the one search in a turn of the cursor that meets them has to get past, or
// thousands of connects would be refused while most tuples are free.
#define HC_TUPLE_TRIES_MAX 256u
#define HC_TUPLE_SAVES     64u // Per success, up to the number of slots.
#define HC_TUPLE_AHEAD     64u // How far ahead of the cursor slots are fetched.

// The slot of an address and port, HC_TUPLE_NONE when they are not the client side's.
HC_ALWAYS_INLINE uint32_t hc_tuple_slot_at(const struct hc_tuples *u, hc_be32 addr_be,
					   hc_be16 port_be)
{
	uint32_t addr = hc_from_be32(addr_be) - u->addr_base;
	uint32_t port = hc_from_be16(port_be) - u->port_lo;
	uint32_t slot;

	if (addr >= u->addr_count || port >= u->port_count)
		return HC_TUPLE_NONE;
	slot = port << u->addr_bits | addr;
	if (slot == HC_TUPLE_NONE)
		__builtin_unreachable(); // There are at most 2^31 (tuple_cap).
	return slot;
}

// The slot of the local end.
HC_ALWAYS_INLINE uint32_t hc_tuple_slot(const struct hc_tuples *u, const struct hc_flow_key *key)
{
	return hc_tuple_slot_at(u, key->local_be, key->lport_be);
}

// Takes the next free tuple towards the remote half of *remote. @return the slot, HC_TUPLE_NONE
// when none was found.
HC_NOINLINE uint32_t hc_tuple_search(struct hc_worker *w, const struct hc_flow_key *remote);

// The key of a slot's connection to the remote half of *remote.
HC_ALWAYS_INLINE struct hc_flow_key hc_tuple_key(const struct hc_tuples *u, uint32_t slot,
						 const struct hc_flow_key *remote)
{
	return (struct hc_flow_key){
		.local_be = hc_to_be32(u->addr_base + (slot & (u->addr_count - 1))),
		.remote_be = remote->remote_be,
		.lport_be = hc_to_be16((uint16_t)(u->port_lo + (slot >> u->addr_bits))),
		.rport_be = remote->rport_be,
	};
}

// Fetches the slots that the cursor comes to next: one line holds 16.
HC_ALWAYS_INLINE void hc_tuple_prefetch(const struct hc_worker *w, uint32_t ahead)
{
	hc_prefetch_w(&w->tuples.slot[ahead]);
	if (HC_WITH_LATENCY && w->ends.role & HC_ENDS_OPENER)
		hc_prefetch_w(&w->ends.at[ahead]);
}

// The same: as a rule it is the one at the cursor, of which there is little to ask.
HC_ALWAYS_INLINE uint32_t hc_tuple_take(struct hc_worker *w, const struct hc_flow_key *remote)
{
	struct hc_tuples *u = &w->tuples;
	uint32_t slot = u->cursor;
	uint32_t addr = slot & (u->addr_count - 1);
	uint32_t ahead = slot + HC_TUPLE_AHEAD;

	if (HC_UNLIKELY(ahead >= u->count) ||
	    HC_UNLIKELY(addr - u->skips_edges >= u->addr_count - 2 * u->skips_edges) ||
	    HC_UNLIKELY(u->checks_owner) || HC_UNLIKELY(u->checks_listeners) ||
	    HC_UNLIKELY(u->slot[slot] != HC_REF_NONE))
		return hc_tuple_search(w, remote);
	u->cursor = slot + 1;
	hc_tuple_prefetch(w, ahead);
	u->saved_tries = hc_min_u32(u->saved_tries + HC_TUPLE_SAVES, u->count);
	return slot;
}

// The same with this local address, as far as it is one of ours.
uint32_t hc_tuple_take_at(struct hc_worker *w, const struct hc_flow_key *remote, hc_be32 local_be);

// The queue that the frames a peer sends to this key come to, with several of them.
uint32_t hc_tuple_queue(const struct hc_worker *w, const struct hc_flow_key *key);

// Whether the frames a peer sends to this key come to this worker.
bool hc_tuple_is_ours(const struct hc_worker *w, const struct hc_flow_key *key);

// The queue whose worker owns a flow when the port spreads nothing.
HC_ALWAYS_INLINE uint32_t hc_flow_owner(const struct hc_worker *w, const struct hc_flow_key *key)
{
	uint64_t h = hc_hash_key(&w->env.secret, key);

	return (uint32_t)(h * w->queue_count >> 32);
}
