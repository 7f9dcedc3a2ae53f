// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Timers of one kind of 64-byte object. An object owns at most one timer, and the links live in its
// own line. Constant delays go to FIFOs (append at the tail, expire from the head: no sorting,
// because what is armed later is due later); everything else goes to a flat wheel of HC_WHEEL_SLOTS
// slots of one millisecond, where an entry further away than one turn stays in its slot for as many
// turns as it takes. Time is a 32-bit millisecond tick, compared modulo 2^32: delays are below 2^31
// and expiry is called more often than every 2^31 ms.
//
// An entry is due when now - deadline >= 0. hc_timers_expire() returns exactly what is due, never
// something early, and leaves something due behind only when it returned as many as it was allowed.
// The tick of hc_timers_init() and of every later call never goes back.
//
// The wheel rests on one invariant: the slots of the ticks up to and including wheel_done_ms are
// done with, and an entry is armed for a later tick than that. An entry that is due at once is due
// at wheel_done_ms, in the slot just done with, where it would stay for a turn: arming it takes
// wheel_done_ms back by one tick.
//
// Arm, off: O(1). Expire: O(returned + slots passed / 64 + entries in them), at most one turn of
// slots however far the clock has jumped.

#include "base/base.h"

#define HC_WHEEL_SLOTS        8192u
#define HC_FIFOS_MAX          8u
#define HC_TIMER_DELAY_MAX_MS 0x7fffffffu

enum hc_timer_queue {
	HC_TIMER_OFF = 0,
	HC_TIMER_WHEEL = 1,
	HC_TIMER_FIFO0 = 2, // FIFO i is queue HC_TIMER_FIFO0 + i.
};

// Lies in each object at the same offset. 16 bytes. Zeroed memory is a timer that is off.
struct hc_timer_node {
	uint32_t next; // Index of an object or HC_IDX_NONE.
	uint32_t prev; // The same; the head of a list has HC_IDX_NONE.
	uint32_t deadline_ms;
	uint8_t queue;    // enum hc_timer_queue.
	uint8_t owner[3]; // The object's own bytes; timers leave them alone.
};
HC_STATIC_ASSERT(sizeof(struct hc_timer_node) == 16, "a timer node is 16 bytes");

struct hc_timer_list {
	uint32_t head;
	uint32_t tail;
};

struct hc_timers {
	uint8_t *first_node;         // Node of object 0; node i lies 64 * i bytes further on.
	struct hc_timer_list *wheel; // HC_WHEEL_SLOTS lists.
	struct hc_timer_list fifo[HC_FIFOS_MAX];
	uint32_t fifo_delay_ms[HC_FIFOS_MAX];
	uint32_t fifo_count;
	uint32_t wheel_count;   // Entries in the wheel.
	uint32_t armed_count;   // Entries anywhere.
	uint32_t wheel_done_ms; // See the invariant above.
	uint32_t first_queue;   // Where the next expiry begins, so that no queue starves another.
	bool is_done;       // Nothing more can come due at wheel_done_ms, but what arming in the
			    // wheel tells by taking that back.
	bool has_fifo_of_0; // Arming in it is due at once, and nothing tells: never is_done.
	// One bit a slot, so that a jump of the clock skips empty slots 64 at a time. Set by
	// arming, cleared by the expiry that finds the slot empty.
	uint64_t wheel_bits[HC_WHEEL_SLOTS / 64];
};

#define HC_TIMERS_WHEEL_BYTES (HC_WHEEL_SLOTS * sizeof(struct hc_timer_list))

// No timer is armed, no FIFO exists. `first_node` is the timer node of object 0, `wheel_memory` has
// HC_TIMERS_WHEEL_BYTES. The nodes themselves are the caller's to zero.
void hc_timers_init(struct hc_timers *t, void *first_node, void *wheel_memory, uint32_t now_ms);

// The clock was not known before: it reads now_ms where it was taken to read was_ms. What is armed
// keeps its delay. O(objects) when something is.
void hc_timers_set_clock(struct hc_timers *t, uint32_t objects, uint32_t was_ms, uint32_t now_ms);

// Makes a FIFO for one constant delay; at start only. @return its number for hc_timer_arm_fifo():
// the same for the same delay. At most HC_FIFOS_MAX different ones.
unsigned hc_timers_fifo_add(struct hc_timers *t, uint32_t delay_ms);

// hc_timers_expire(), when something may be due. Called by it alone.
HC_MUST_USE unsigned hc_timers_expire_due(struct hc_timers *t, uint32_t now_ms, uint32_t *out_idx,
					  unsigned max);

// The tick at which the next timer is due: exact, and now_ms if one is due already. @return false
// when none is armed. O(HC_WHEEL_SLOTS / 64 + entries in the wheel).
bool hc_timers_next_due_ms(const struct hc_timers *t, uint32_t now_ms, uint32_t *due_ms);

// Whether every list and count is consistent. O(armed + HC_WHEEL_SLOTS), for audits and tests.
bool hc_timers_check(const struct hc_timers *t);

HC_ALWAYS_INLINE struct hc_timer_node *hc_timer_node(const struct hc_timers *t, uint32_t idx)
{
	return (struct hc_timer_node *)(void *)(t->first_node + (size_t)idx * HC_CACHE_LINE);
}

// Takes up to `max` due timers off and stores their objects' indices; call it again when it
// returned max. Queue by queue; by deadline within a FIFO, in no particular order within the wheel.
// What the caller arms before the next call, whatever its delay, is for the next call. Costs
// nothing worth measuring when called again within a millisecond.
HC_ALWAYS_INLINE HC_MUST_USE unsigned hc_timers_expire(struct hc_timers *t, uint32_t now_ms,
						       uint32_t *out_idx, unsigned max)
{
	if (HC_LIKELY(t->is_done && t->wheel_done_ms == now_ms))
		return 0;
	return hc_timers_expire_due(t, now_ms, out_idx, max);
}

// Time passes; with nothing armed that is all there is to it. Whoever does not expire then calls
// this instead, or the clock runs away from the wheel by more than a sign reaches (25 days).
HC_ALWAYS_INLINE void hc_timers_rest(struct hc_timers *t, uint32_t now_ms)
{
	if (t->armed_count == 0)
		t->wheel_done_ms = now_ms;
}

HC_ALWAYS_INLINE bool hc_timer_is_armed(const struct hc_timers *t, uint32_t idx)
{
	return hc_timer_node(t, idx)->queue != HC_TIMER_OFF;
}

// The list a node is in; it must be in one.
HC_ALWAYS_INLINE struct hc_timer_list *hc_timer_list(struct hc_timers *t,
						     const struct hc_timer_node *node)
{
	if (node->queue == HC_TIMER_WHEEL)
		return &t->wheel[node->deadline_ms % HC_WHEEL_SLOTS];
	HC_ASSERT((uint32_t)(node->queue - HC_TIMER_FIFO0) < t->fifo_count);
	return &t->fifo[node->queue - HC_TIMER_FIFO0];
}

// Appends a node, its deadline and queue set, to its list.
HC_ALWAYS_INLINE void hc_timer_append(struct hc_timers *t, struct hc_timer_list *list,
				      struct hc_timer_node *node, uint32_t idx)
{
	node->next = HC_IDX_NONE;
	node->prev = list->tail;
	if (list->tail == HC_IDX_NONE)
		list->head = idx;
	else
		hc_timer_node(t, list->tail)->next = idx;
	list->tail = idx;
	t->armed_count++;
}

// Disarms; nothing happens when it is off already.
HC_ALWAYS_INLINE void hc_timer_off(struct hc_timers *t, uint32_t idx)
{
	struct hc_timer_node *node = hc_timer_node(t, idx);
	struct hc_timer_list *list;

	if (node->queue == HC_TIMER_OFF)
		return;
	HC_ASSERT(t->armed_count > 0);
	list = hc_timer_list(t, node);
	if (node->prev == HC_IDX_NONE)
		list->head = node->next;
	else
		hc_timer_node(t, node->prev)->next = node->next;
	if (node->next == HC_IDX_NONE)
		list->tail = node->prev;
	else
		hc_timer_node(t, node->next)->prev = node->prev;
	t->wheel_count -= node->queue == HC_TIMER_WHEEL;
	t->armed_count--;
	node->queue = HC_TIMER_OFF;
}

// Arms, or arms anew, for the constant delay of a FIFO.
HC_ALWAYS_INLINE void hc_timer_arm_fifo(struct hc_timers *t, uint32_t idx, unsigned fifo,
					uint32_t now_ms)
{
	struct hc_timer_node *node = hc_timer_node(t, idx);

	HC_ASSERT(fifo < t->fifo_count);
	hc_timer_off(t, idx);
	node->deadline_ms = now_ms + t->fifo_delay_ms[fifo];
	node->queue = (uint8_t)(HC_TIMER_FIFO0 + fifo);
	hc_timer_append(t, &t->fifo[fifo], node, idx);
}

// Arms, or arms anew, in the wheel.
static inline void hc_timer_arm_wheel(struct hc_timers *t, uint32_t idx, uint32_t delay_ms,
				      uint32_t now_ms)
{
	struct hc_timer_node *node = hc_timer_node(t, idx);
	uint32_t deadline_ms = now_ms + delay_ms;
	uint32_t slot = deadline_ms % HC_WHEEL_SLOTS;

	HC_ASSERT(delay_ms <= HC_TIMER_DELAY_MAX_MS);
	HC_ASSERT((int32_t)(now_ms - t->wheel_done_ms) >= 0);
	hc_timer_off(t, idx);
	if (deadline_ms == t->wheel_done_ms && !HC_FAULT(wheel_loses_what_is_due_now))
		t->wheel_done_ms--;
	node->deadline_ms = deadline_ms;
	node->queue = HC_TIMER_WHEEL;
	t->wheel_count++;
	t->wheel_bits[slot / 64] |= 1ull << slot % 64;
	hc_timer_append(t, &t->wheel[slot], node, idx);
}

// Arms, or arms anew: in the FIFO of exactly this delay if there is one (a look at each of at most
// HC_FIFOS_MAX), else in the wheel. Who knows that a delay is constant calls hc_timer_arm_fifo().
static inline void hc_timer_arm(struct hc_timers *t, uint32_t idx, uint32_t delay_ms,
				uint32_t now_ms)
{
	for (unsigned i = 0; i < t->fifo_count; i++) {
		if (t->fifo_delay_ms[i] == delay_ms) {
			hc_timer_arm_fifo(t, idx, i, now_ms);
			return;
		}
	}
	hc_timer_arm_wheel(t, idx, delay_ms, now_ms);
}
