// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// TIME-WAIT (RFC 9293 3.6, 3.10.7.4; RFC 1337; RFC 6191) in 32 bytes. Minis live in a ring in the
// order of their deadlines, because 2 MSL is one constant: entering is an append, expiry looks at
// the head, and a retransmitted FIN, which begins 2 MSL anew, moves the mini to the tail.

#include "tcp/tcb.h"

enum hc_tw_flags {
	HC_TW_LIVE = 1u << 0, // Else a hole in the ring.
	HC_TW_TS = 1u << 1,
	HC_TW_ACTIVE = 1u << 2, // Found by its source tuple, not in the flow table.
	HC_TW_WND_SHIFT =
		4, // Bits 4..15: the last window advertised, in units of 16 bytes of field.
};

struct hc_tw_mini {
	/*  0 */ struct hc_flow_key key;
	/* 12 */ uint16_t flags; // enum hc_tw_flags.
	/* 14 */ uint16_t neigh;
	/* 16 */ hc_seq snd_nxt;
	/* 20 */ hc_seq rcv_nxt;
	/* 24 */ uint32_t ts_recent;
	/* 28 */ uint32_t deadline_ms;
};
HC_STATIC_ASSERT(sizeof(struct hc_tw_mini) == 32, "a TIME-WAIT mini is half a cache line");

// The ring. Positions count up for ever; position p is mini p & mask. [head, tail) holds the live
// ones and the holes between them.
struct hc_tw_ring {
	struct hc_tw_mini *mini;
	uint32_t mask; // Size - 1, a power of two.
	uint32_t cap;  // Minis at once, <= size.
	uint32_t head;
	uint32_t tail;
	uint32_t live_count;
};

#define HC_TW_PREFETCH 32u // Minis ahead, a burst's worth.

// `memory` holds hc_tw_ring_size(cap) minis.
uint32_t hc_tw_ring_size(uint32_t cap);
void hc_tw_ring_init(struct hc_tw_ring *r, void *memory, uint32_t cap);

// Appends room for a mini. @return its index, HC_IDX_NONE when the ring is full.
HC_ALWAYS_INLINE uint32_t hc_tw_ring_push(struct hc_tw_ring *r)
{
	if (HC_UNLIKELY(r->tail - r->head >= r->cap))
		return HC_IDX_NONE;
	r->live_count++;
	// The ring is larger than any cache and comes round once in 2 MSL: the line is asked for
	// ahead of its time, or the stores to it would hold up all those behind them.
	hc_prefetch_w(&r->mini[(r->tail + HC_TW_PREFETCH) & r->mask]);
	return r->tail++ & r->mask;
}

// Makes a hole, or moves the head on past the holes.
HC_ALWAYS_INLINE void hc_tw_ring_drop(struct hc_tw_ring *r, uint32_t idx)
{
	HC_ASSERT(r->mini[idx].flags & HC_TW_LIVE);
	r->mini[idx].flags = 0;
	memset(&r->mini[idx].key, 0, sizeof r->mini[idx].key);
	r->live_count--;
	while (r->head != r->tail && !(r->mini[r->head & r->mask].flags & HC_TW_LIVE))
		r->head++;
}

// The first mini whose time has come, HC_IDX_NONE when there is none.
HC_ALWAYS_INLINE uint32_t hc_tw_ring_due(const struct hc_tw_ring *r, uint32_t now_ms)
{
	uint32_t idx = r->head & r->mask;

	if (r->head == r->tail || hc_seq_lt(now_ms, r->mini[idx].deadline_ms))
		return HC_IDX_NONE;
	return idx;
}

// Fills a mini from a TCB that enters TIME-WAIT.
HC_ALWAYS_INLINE void hc_tw_open(struct hc_tw_mini *m, const struct hc_tcb *t, uint32_t deadline_ms,
				 uint16_t wnd)
{
	HC_ASSERT(t->flags & HC_TCB_FIN_SENT);
	m->key = t->key;
	m->flags = (uint16_t)(HC_TW_LIVE | (t->flags & HC_TCB_TS ? HC_TW_TS : 0) |
			      (t->flags & HC_TCB_ACTIVE ? HC_TW_ACTIVE : 0) |
			      (wnd >> 4) << HC_TW_WND_SHIFT);
	m->neigh = t->neigh;
	m->snd_nxt = t->snd_nxt;
	m->rcv_nxt = t->rcv_nxt;
	m->ts_recent = t->ts_recent;
	m->deadline_ms = deadline_ms;
}

HC_ALWAYS_INLINE uint16_t hc_tw_wnd(const struct hc_tw_mini *m)
{
	uint32_t wnd = m->flags & ~((1u << HC_TW_WND_SHIFT) - 1u);

	// The last four bits are not kept; with the first in their place 0 and all stay what they
	// were.
	if (HC_FAULT(full_window_shrinks_in_time_wait))
		return (uint16_t)wnd;
	return (uint16_t)(wnd | wnd >> (16 - HC_TW_WND_SHIFT));
}

// A segment in TIME-WAIT. HC_DO_ACK answers from the mini; HC_DO_TW_RESTART begins 2 MSL anew;
// HC_DO_NEW_SYN ends the mini for a new connection, which the listener takes (is_listening says
// that there is one: without, a SYN is only acknowledged).
hc_verdict hc_tw_input(struct hc_tw_mini *m, const struct hc_seg *seg, bool is_listening,
		       struct hc_tcp_env *env);
