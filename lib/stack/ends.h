// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Times of connections whose both ends are ours, on one clock: from the first SYN to the final ACK
// at the side that accepted (RFC 2647 3.9, RFC 3511 appendix B), and from the first FIN until both
// sides are closed, which RFC 3511 5.4.4 asks of every tear-down it counts. Each source tuple of
// the side that opens has two stamps that both ends read and write: nothing is taken from
// timestamps on the wire, which round to milliseconds, and there is no look-up, since either end's
// key tells the tuple.
//
// The ends may run on two threads. Whoever reads a stamp has received a segment that was sent after
// it was written, so words that are read and written whole are enough.

#include "stack/times.h"
#include "stack/tuple.h"

#define HC_ENDS_NOTHING 0u // No stamp.
#define HC_ENDS_CLOSED  1u // In `opened`: one end is closed already, the other is still to be.

// How much younger than a step what it reads may be: a second. All else is age, up to 273 s.
#define HC_ENDS_YOUNGER ((1000000000u >> HC_STAMP_SHIFT) - 1)

HC_ALWAYS_INLINE uint32_t hc_ends_stamp(const struct hc_worker *w)
{
	return HC_LIKELY(w->env.stamp > HC_ENDS_CLOSED) ? w->env.stamp : HC_ENDS_CLOSED + 1;
}

HC_ALWAYS_INLINE bool hc_ends_is(const struct hc_worker *w, unsigned role)
{
	return HC_WITH_LATENCY && w->ends.role & role;
}

// The stamps of a connection by its key at the side that accepted it, if the opener did open it.
HC_ALWAYS_INLINE struct hc_end_stamps *hc_ends_of(const struct hc_worker *w,
						  const struct hc_flow_key *key)
{
	uint32_t slot;

	if (!hc_ends_is(w, HC_ENDS_ACCEPTOR))
		return NULL;
	slot = hc_tuple_slot_at(&w->ends.tuples, key->remote_be, key->rport_be);
	return slot == HC_TUPLE_NONE ? NULL : &w->ends.at[slot];
}

// The stamps of one of our connections. `where` is its tuple's slot if we opened it. What the
// acceptor opened itself, and what the opener accepted, has none.
HC_ALWAYS_INLINE struct hc_end_stamps *hc_ends_here(const struct hc_worker *w,
						    const struct hc_tcb *t, uint32_t where)
{
	if (!(t->flags & HC_TCB_ACTIVE))
		return hc_ends_of(w, &t->key);
	return hc_ends_is(w, HC_ENDS_OPENER) ? &w->ends.at[where] : NULL;
}

HC_ALWAYS_INLINE void hc_ends_add(struct hc_worker *w, enum hc_latency which, uint32_t since)
{
	uint32_t took = w->env.stamp - since;

	// A step's time is read before its burst: what the other thread sent in between is younger.
	took = took > UINT32_MAX - HC_ENDS_YOUNGER ? 0 : took;
	hc_time_record(w, which, took);
}

// Our SYN goes out for the first time. If anybody says when it was due, *planned_ns is that.
HC_ALWAYS_INLINE void hc_ends_opened(struct hc_worker *w, uint32_t slot, const uint64_t *planned_ns)
{
	struct hc_end_stamps fresh = {.opened = hc_ends_stamp(w), .fin = HC_ENDS_NOTHING};
	uint32_t planned = HC_ENDS_NOTHING;

	if (!hc_ends_is(w, HC_ENDS_OPENER))
		return;
	__atomic_store(&w->ends.at[slot], &fresh, __ATOMIC_RELAXED);
	if (HC_LIKELY(!hc_ends_is(w, HC_ENDS_PLANNED)))
		return;
	if (planned_ns)
		planned =
			hc_max_u32((uint32_t)(*planned_ns >> HC_STAMP_SHIFT), HC_ENDS_NOTHING + 1);
	__atomic_store_n(&w->ends.planned[slot], planned, __ATOMIC_RELAXED);
}

// The final ACK of the handshake has come.
HC_ALWAYS_INLINE void hc_ends_accepted(struct hc_worker *w, const struct hc_flow_key *key)
{
	struct hc_end_stamps *e = hc_ends_of(w, key);
	uint32_t opened = e ? __atomic_load_n(&e->opened, __ATOMIC_RELAXED) : HC_ENDS_NOTHING;
	uint32_t planned;

	if (opened <= HC_ENDS_CLOSED)
		return;
	__atomic_store_n(&e->opened, HC_ENDS_NOTHING, __ATOMIC_RELAXED);
	hc_ends_add(w, HC_LATENCY_ESTABLISH, opened);
	if (HC_LIKELY(!hc_ends_is(w, HC_ENDS_PLANNED)))
		return;
	planned = __atomic_load_n(&w->ends.planned[e - w->ends.at], __ATOMIC_RELAXED);
	if (planned != HC_ENDS_NOTHING)
		hc_ends_add(w, HC_LATENCY_ESTABLISH_CORRECTED, planned);
}

// Our FIN is acknowledged: was it the second, of a peer whose first one is timed?
HC_ALWAYS_INLINE bool hc_ends_is_second(const struct hc_worker *w, hc_verdict v)
{
	return (v & (HC_DO_CLOSED | HC_DO_TIME_WAIT)) == HC_DO_CLOSED && w->ends.role;
}

// Our FIN is acknowledged, and was not the second: that it was the first tells whoever ends the
// connection. If FINs crossed the older one stays. An ACK for the peer's goes out no earlier than
// this is written.
HC_ALWAYS_INLINE void hc_ends_fin(struct hc_worker *w, const struct hc_tcb *t, uint32_t where)
{
	uint32_t sent = HC_LIKELY(t->timed_at) ? t->timed_at : HC_ENDS_NOTHING + 1;
	struct hc_end_stamps *e = hc_ends_here(w, t, where);
	uint32_t other;

	if (!e)
		return;
	other = __atomic_load_n(&e->fin, __ATOMIC_RELAXED);
	if (other == HC_ENDS_NOTHING || (int32_t)(sent - other) < 0)
		__atomic_store_n(&e->fin, sent, __ATOMIC_RELAXED);
}

// We are closed: our FIN is acknowledged, and the peer's has come. Who goes to nothing was the last
// to send a FIN: the peer is closed. Who goes to TIME-WAIT with its FIN acknowledged before is the
// first, since the peer still waits for our ACK. Else the FINs crossed, or the ACK of ours came
// with the peer's; of crossed ones the second to get here is the last.
HC_ALWAYS_INLINE void hc_ends_closed(struct hc_worker *w, const struct hc_tcb *t, hc_verdict v,
				     uint32_t where)
{
	bool is_last = !(v & HC_DO_TIME_WAIT);
	struct hc_end_stamps *e = hc_ends_here(w, t, where);
	uint32_t fin;

	if (!e)
		return;
	if (!is_last && !(v & HC_DO_FIN_ACKED)) {
		__atomic_store_n(&e->opened, HC_ENDS_CLOSED, __ATOMIC_RELAXED);
		return;
	}
	if (!is_last &&
	    __atomic_exchange_n(&e->opened, HC_ENDS_CLOSED, __ATOMIC_RELAXED) != HC_ENDS_CLOSED &&
	    !HC_FAULT(crossing_fins_told_by_the_first))
		return;
	fin = __atomic_load_n(&e->fin, __ATOMIC_RELAXED);
	if (fin != HC_ENDS_NOTHING)
		hc_ends_add(w, HC_LATENCY_TEARDOWN, fin);
}
