// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Timers of one kind of 64-byte object. An object owns at most one timer, and the links live in its
// own line. Constant delays go to FIFOs (append at the tail, expire from the head: no sorting,
// because what is armed later is due later); everything else goes to a flat wheel of HC_WHEEL_SLOTS
// slots of one millisecond, where an entry further away than one turn stays in its slot for as many
// turns as it takes. Time is a 32-bit millisecond tick, compared modulo 2^32: delays are below
// 2^31.
//
// Lists are lazy. Being in one is not being armed: an entry is looked at when its `wake` has come,
// and what then becomes of it is told by its node: nothing is armed, and it leaves; its deadline
// has come, and it expires; its deadline is later, and it is put where that is. So disarming clears
// one bit, and arming for no sooner than `wake` writes the deadline: a connection that is opened
// and closed in half a millisecond, several times armed and disarmed, touches its own line and
// nobody's list, and its block is looked at once in the shortest delay, whoever has it then.
//
// An entry is due when now - deadline >= 0. hc_timers_expire() returns exactly what is due, never
// something early, and leaves something due behind only when it returned as many as it was allowed.
// The tick of hc_timers_init() and of every later call never goes back.
//
// The wheel rests on one invariant: the slots of the ticks up to and including wheel_done_ms are
// done with, and an entry is put in for a later tick than that. An entry that is due at once is due
// at wheel_done_ms, in the slot just done with, where it would stay for a turn: arming it takes
// wheel_done_ms back by one tick.
//
// Arm, off: O(1). Expire: O(returned + looked at + slots passed / 64), at most one turn of slots
// however far the clock has jumped; an entry is looked at once for each time it was put in a list.

#include "base/base.h"

#define HC_WHEEL_SLOTS        8192u
#define HC_FIFOS_MAX          8u
#define HC_FIFO_NONE          UINT32_MAX
#define HC_TIMER_DELAY_MAX_MS 0x7fffffffu

enum hc_timer_queue {
	HC_TIMER_NOWHERE = 0,
	HC_TIMER_WHEEL = 1,
	HC_TIMER_FIFO0 = 2,   // FIFO i is queue HC_TIMER_FIFO0 + i.
	HC_TIMER_ARMED = 128, // Added to a list's.
};

// Lies in each object at the same offset. 16 bytes. Zeroed memory is a timer that is off.
struct hc_timer_node {
	uint32_t next;        // Index of an object or HC_IDX_NONE.
	uint32_t prev;        // The same; the head of a list has HC_IDX_NONE.
	uint32_t deadline_ms; // While it is armed.
	uint8_t queue;        // enum hc_timer_queue.
	uint8_t owner[3];     // The object's own bytes; timers leave them alone.
};
HC_STATIC_ASSERT(sizeof(struct hc_timer_node) == 16, "a timer node is 16 bytes");

struct hc_timer_list {
	uint32_t head;
	uint32_t tail;
};

struct hc_timers {
	uint8_t *first_node; // Node of object 0; node i lies i << node_shift bytes further on.
	uint8_t node_shift;
	uint32_t *wake_ms;           // By object: when its list has it looked at.
	struct hc_timer_list *wheel; // HC_WHEEL_SLOTS lists.
	struct hc_timer_list fifo[HC_FIFOS_MAX];
	uint32_t fifo_delay_ms[HC_FIFOS_MAX];
	uint32_t fifo_count;
	uint32_t wheel_count;   // Entries in the wheel.
	uint32_t listed_count;  // Entries anywhere.
	uint32_t wheel_done_ms; // See the invariant above.
	uint32_t first_queue;   // Where the next expiry begins, so that no queue starves another.
	bool is_done;       // Nothing more can come due at wheel_done_ms, but what arming in the
			    // wheel tells by taking that back.
	bool has_fifo_of_0; // Arming in it is due at once, and nothing tells: never is_done.
	// One bit a slot, so that a jump of the clock skips empty slots 64 at a time. Set by
	// arming, cleared by the expiry that finds the slot empty.
	uint64_t wheel_bits[HC_WHEEL_SLOTS / 64];
};

#define HC_TIMERS_WHEEL_BYTES    (HC_WHEEL_SLOTS * sizeof(struct hc_timer_list))
#define HC_TIMERS_BYTES(objects) (HC_TIMERS_WHEEL_BYTES + (uint64_t)(objects) * sizeof(uint32_t))

// No timer is armed, no FIFO exists. `first_node` is the timer node of object 0, `object_bytes`
// a power of two, `memory` has HC_TIMERS_BYTES(objects). The nodes themselves are the caller's to
// zero.
void hc_timers_init(struct hc_timers *t, void *first_node, size_t object_bytes, void *memory,
		    uint32_t now_ms);

// The clock was not known before: it reads now_ms where it was taken to read was_ms. What is armed
// keeps its delay. O(objects) when something is in a list.
void hc_timers_set_clock(struct hc_timers *t, uint32_t objects, uint32_t was_ms, uint32_t now_ms);

// Makes a FIFO for one constant delay; at start only. @return its number for hc_timer_arm_fifo():
// the same for the same delay. At most HC_FIFOS_MAX different ones.
unsigned hc_timers_fifo_add(struct hc_timers *t, uint32_t delay_ms);

// hc_timers_expire(), when something may be due. Called by it alone.
HC_MUST_USE unsigned hc_timers_expire_due(struct hc_timers *t, uint32_t now_ms, uint32_t *out_idx,
					  unsigned max);

// The tick at which the next timer is due: exact, and now_ms if one is due already. @return false
// when none is armed. O(HC_WHEEL_SLOTS / 64 + entries).
bool hc_timers_next_due_ms(const struct hc_timers *t, uint32_t now_ms, uint32_t *due_ms);

// Whether every list and count is consistent. O(entries + HC_WHEEL_SLOTS), for audits and tests.
bool hc_timers_check(const struct hc_timers *t);

// Puts an object into a list in which it is looked at no later than at its deadline, now_ms +
// delay_ms: that of the FIFO, or with HC_FIFO_NONE the wheel. Called by arming alone.
void hc_timer_list_anew(struct hc_timers *t, uint32_t idx, unsigned fifo, uint32_t delay_ms,
			uint32_t now_ms);

HC_ALWAYS_INLINE struct hc_timer_node *hc_timer_node(const struct hc_timers *t, uint32_t idx)
{
	return (struct hc_timer_node *)(void *)(t->first_node + ((size_t)idx << t->node_shift));
}

// Takes up to `max` due timers off and stores their objects' indices; call it again when it
// returned max. In no particular order.
// What the caller arms before the next call, whatever its delay, is for the next call. Costs
// nothing worth measuring when called again within a millisecond.
HC_ALWAYS_INLINE HC_MUST_USE unsigned hc_timers_expire(struct hc_timers *t, uint32_t now_ms,
						       uint32_t *out_idx, unsigned max)
{
	if (HC_LIKELY(t->is_done && t->wheel_done_ms == now_ms))
		return 0;
	return hc_timers_expire_due(t, now_ms, out_idx, max);
}

// Nobody has expired for longer than a sign reaches (25 days): everything listed is done with, and
// what of it is armed is due. Called by hc_timers_rest() alone.
void hc_timers_wake_up(struct hc_timers *t, uint32_t now_ms);

// Time passes; with nothing in a list that is all there is to it. Called whenever the tick changes,
// before anything is armed.
HC_ALWAYS_INLINE void hc_timers_rest(struct hc_timers *t, uint32_t now_ms)
{
	if (t->listed_count == 0)
		t->wheel_done_ms = now_ms;
	else if (HC_UNLIKELY(now_ms - t->wheel_done_ms > HC_TIMER_DELAY_MAX_MS))
		hc_timers_wake_up(t, now_ms);
}

HC_ALWAYS_INLINE bool hc_timer_is_armed(const struct hc_timers *t, uint32_t idx)
{
	return hc_timer_node(t, idx)->queue & HC_TIMER_ARMED;
}

// Disarms; nothing happens when it is off already.
HC_ALWAYS_INLINE void hc_timer_off(struct hc_timers *t, uint32_t idx)
{
	hc_timer_node(t, idx)->queue &= (uint8_t)~HC_TIMER_ARMED;
}

// Arms, or arms anew, with the FIFO of that delay to be listed in, or HC_FIFO_NONE. For the two
// below.
HC_ALWAYS_INLINE void hc_timer_arm_in(struct hc_timers *t, uint32_t idx, unsigned fifo,
				      uint32_t delay_ms, uint32_t now_ms)
{
	struct hc_timer_node *node = hc_timer_node(t, idx);
	uint32_t deadline_ms = now_ms + delay_ms;
	uint8_t queue = node->queue | HC_TIMER_ARMED;

	node->deadline_ms = deadline_ms;
	if (HC_LIKELY(queue != HC_TIMER_ARMED && (int32_t)(deadline_ms - t->wake_ms[idx]) >= 0))
		node->queue = queue;
	else
		hc_timer_list_anew(t, idx, fifo, delay_ms, now_ms);
}

// Arms, or arms anew, for the constant delay of a FIFO.
HC_ALWAYS_INLINE void hc_timer_arm_fifo(struct hc_timers *t, uint32_t idx, unsigned fifo,
					uint32_t now_ms)
{
	HC_ASSERT(fifo < t->fifo_count);
	hc_timer_arm_in(t, idx, fifo, t->fifo_delay_ms[fifo], now_ms);
}

// Arms, or arms anew, in the wheel.
static inline void hc_timer_arm_wheel(struct hc_timers *t, uint32_t idx, uint32_t delay_ms,
				      uint32_t now_ms)
{
	HC_ASSERT(delay_ms <= HC_TIMER_DELAY_MAX_MS);
	hc_timer_arm_in(t, idx, HC_FIFO_NONE, delay_ms, now_ms);
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
