// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Timers of one kind of 64-byte object. An object owns at most one timer, and the links live in its
// own line. Constant delays go to FIFOs (append at the tail, expire from the head: no sorting,
// because what is armed later is due later); everything else goes to a flat wheel of HC_WHEEL_SLOTS
// slots of one millisecond, where an entry further away than one turn stays in its slot for as many
// turns as it takes. Time is a 32-bit millisecond tick, compared modulo 2^32.
//
// Arm, off: O(1). Expire: bounded by the caller, O(due + slots passed). Nothing fires early; an
// entry is due when now - deadline >= 0. The tick of hc_timers_init() and of every later call never
// goes back.

#include "base/base.h"

#define HC_WHEEL_SLOTS 8192u
#define HC_FIFOS_MAX   8u

enum hc_timer_queue {
	HC_TIMER_OFF = 0,
	HC_TIMER_WHEEL = 1,
	HC_TIMER_FIFO0 = 2, // FIFO i is queue HC_TIMER_FIFO0 + i.
};

// Lies in each object at the same offset. 16 bytes.
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
	uint32_t wheel_done_ms; // Slots up to and including this tick are expired.
	uint32_t wheel_cursor;  // Next object to look at in a slot that was left unfinished by a
				// bounded expiry, or HC_IDX_NONE.
};

#define HC_TIMERS_WHEEL_BYTES (HC_WHEEL_SLOTS * sizeof(struct hc_timer_list))
