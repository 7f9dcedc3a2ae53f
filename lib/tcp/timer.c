// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Expiry, the next due tick and the audit of the timers; arming and disarming are inline in the
// header. Called once per step by the timer stage.

#include "tcp/timer.h"

void hc_timers_init(struct hc_timers *t, void *first_node, void *wheel_memory, uint32_t now_ms)
{
	HC_ASSERT((uintptr_t)first_node % _Alignof(struct hc_timer_node) == 0);
	HC_ASSERT((uintptr_t)wheel_memory % _Alignof(struct hc_timer_list) == 0);
	memset(t, 0, sizeof *t);
	t->first_node = first_node;
	t->wheel = wheel_memory;
	t->wheel_done_ms = now_ms;
	// An empty list has HC_IDX_NONE at both ends.
	memset(t->wheel, 0xff, HC_TIMERS_WHEEL_BYTES);
	memset(t->fifo, 0xff, sizeof t->fifo);
}

void hc_timers_set_clock(struct hc_timers *t, uint32_t objects, uint32_t was_ms, uint32_t now_ms)
{
	t->wheel_done_ms = now_ms;
	t->is_done = false;
	for (uint32_t idx = 0; t->armed_count != 0 && idx < objects; idx++)
		if (hc_timer_is_armed(t, idx))
			hc_timer_arm(t, idx, hc_timer_node(t, idx)->deadline_ms - was_ms, now_ms);
}

unsigned hc_timers_fifo_add(struct hc_timers *t, uint32_t delay_ms)
{
	HC_ASSERT(delay_ms <= HC_TIMER_DELAY_MAX_MS);
	for (unsigned i = 0; i < t->fifo_count; i++)
		if (t->fifo_delay_ms[i] == delay_ms)
			return i;
	HC_ASSERT(t->fifo_count < HC_FIFOS_MAX);
	t->has_fifo_of_0 |= delay_ms == 0;
	t->fifo_delay_ms[t->fifo_count] = delay_ms;
	return t->fifo_count++;
}

static bool node_is_due(const struct hc_timer_node *node, uint32_t now_ms)
{
	return (int32_t)(now_ms - node->deadline_ms) >= HC_FAULT(timers_one_tick_late);
}

static unsigned fifo_expire(struct hc_timers *t, unsigned fifo, uint32_t now_ms, uint32_t *out_idx,
			    unsigned max)
{
	struct hc_timer_list *list = &t->fifo[fifo];
	uint32_t idx = list->head;
	unsigned n = 0;

	while (n < max && idx != HC_IDX_NONE) {
		struct hc_timer_node *node = hc_timer_node(t, idx);

		if (!node_is_due(node, now_ms))
			break;
		HC_ASSERT(node->queue == HC_TIMER_FIFO0 + fifo);
		node->queue = HC_TIMER_OFF;
		out_idx[n++] = idx;
		idx = node->next;
	}
	if (n == 0)
		return 0;
	HC_ASSERT(t->armed_count >= n);
	t->armed_count -= n;
	list->head = idx;
	if (idx == HC_IDX_NONE)
		list->tail = HC_IDX_NONE;
	else
		hc_timer_node(t, idx)->prev = HC_IDX_NONE;
	return n;
}

// How many slots from that of `tick` on, up to `limit`, are known to be empty.
static uint32_t empty_slots(const struct hc_timers *t, uint32_t tick, uint32_t limit)
{
	uint32_t n = 0;

	while (n < limit) {
		uint32_t slot = (tick + n) % HC_WHEEL_SLOTS;
		uint64_t bits = t->wheel_bits[slot / 64] >> slot % 64;

		if (bits)
			return hc_min_u32(n + (uint32_t)__builtin_ctzll(bits), limit);
		n += 64 - slot % 64;
	}
	return limit;
}

// Makes `idx` the head of its list, and what stood before it the tail: the entries a bounded expiry
// has seen go behind those it has not.
static void list_rotate(struct hc_timers *t, struct hc_timer_list *list, uint32_t idx)
{
	struct hc_timer_node *node = hc_timer_node(t, idx);
	uint32_t last_seen = node->prev;

	if (last_seen == HC_IDX_NONE)
		return;
	hc_timer_node(t, list->tail)->next = list->head;
	hc_timer_node(t, list->head)->prev = list->tail;
	hc_timer_node(t, last_seen)->next = HC_IDX_NONE;
	node->prev = HC_IDX_NONE;
	list->head = idx;
	list->tail = last_seen;
}

// Takes what is due out of one slot. @return how many; with max of them *is_done may be false.
static unsigned slot_expire(struct hc_timers *t, struct hc_timer_list *list, uint32_t now_ms,
			    uint32_t *out_idx, unsigned max, bool *is_done)
{
	uint32_t idx = list->head;
	unsigned n = 0;

	while (idx != HC_IDX_NONE) {
		struct hc_timer_node *node = hc_timer_node(t, idx);
		uint32_t next = node->next;

		HC_ASSERT(node->queue == HC_TIMER_WHEEL);
		if (node_is_due(node, now_ms)) {
			if (n == max) {
				list_rotate(t, list, idx);
				*is_done = false;
				return n;
			}
			hc_timer_off(t, idx);
			out_idx[n++] = idx;
		}
		idx = next;
	}
	*is_done = true;
	return n;
}

static unsigned wheel_expire(struct hc_timers *t, uint32_t now_ms, uint32_t *out_idx, unsigned max)
{
	unsigned n = 0;

	HC_ASSERT((int32_t)(now_ms - t->wheel_done_ms) >= 0);
	// One turn passes every slot, and in each what is due by now_ms is due by any tick.
	if (now_ms - t->wheel_done_ms > HC_WHEEL_SLOTS)
		t->wheel_done_ms = now_ms - HC_WHEEL_SLOTS;
	while (t->wheel_done_ms != now_ms && t->wheel_count != 0) {
		uint32_t left = now_ms - t->wheel_done_ms;
		uint32_t empty = empty_slots(t, t->wheel_done_ms + 1, left);
		uint32_t slot =
			(t->wheel_done_ms + 1 + empty + HC_FAULT(wheel_slot_late)) % HC_WHEEL_SLOTS;
		bool is_done;

		if (empty == left)
			break;
		t->wheel_done_ms += empty;
		n += slot_expire(t, &t->wheel[slot], now_ms, out_idx + n, max - n, &is_done);
		if (!is_done)
			return n;
		t->wheel_done_ms++;
		if (t->wheel[slot].head == HC_IDX_NONE)
			t->wheel_bits[slot / 64] &= ~(1ull << slot % 64);
	}
	t->wheel_done_ms = now_ms;
	return n;
}

unsigned hc_timers_expire_due(struct hc_timers *t, uint32_t now_ms, uint32_t *out_idx, unsigned max)
{
	unsigned queue_count = t->fifo_count + 1;
	unsigned queue = t->first_queue;
	unsigned n = 0;

	// Queue 0 is the wheel, queue i is FIFO i - 1. Who fills the allowance goes last next time.
	for (unsigned i = 0; i < queue_count; i++) {
		if (queue == 0)
			n += wheel_expire(t, now_ms, out_idx + n, max - n);
		else
			n += fifo_expire(t, queue - 1, now_ms, out_idx + n, max - n);
		queue = queue + 1 < queue_count ? queue + 1 : 0;
		if (n == max)
			break;
	}
	t->first_queue = queue;
	t->is_done = n < max && !t->has_fifo_of_0;
	return n;
}

static int32_t sooner(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

// The least time to a deadline in the wheel, `wait_ms` if that is less. Slots are passed in the
// order of their ticks, so the first entry that is due in this turn ends the search: what lies
// behind it is due later, or is due already and found by its tick being in the past.
static int32_t wheel_wait_ms(const struct hc_timers *t, uint32_t now_ms, int32_t wait_ms)
{
	uint32_t left = t->wheel_count;
	uint32_t tick = t->wheel_done_ms + 1;
	bool is_found = false;

	for (; left > 0 && !is_found; tick++) {
		uint32_t idx;

		tick += empty_slots(t, tick, HC_WHEEL_SLOTS);
		HC_ASSERT(tick - t->wheel_done_ms <= HC_WHEEL_SLOTS);
		idx = t->wheel[tick % HC_WHEEL_SLOTS].head;
		while (idx != HC_IDX_NONE) {
			const struct hc_timer_node *node = hc_timer_node(t, idx);

			wait_ms = sooner(wait_ms, (int32_t)(node->deadline_ms - now_ms));
			is_found |= node->deadline_ms == tick;
			idx = node->next;
			left--;
		}
	}
	return wait_ms;
}

bool hc_timers_next_due_ms(const struct hc_timers *t, uint32_t now_ms, uint32_t *due_ms)
{
	int32_t wait_ms = INT32_MAX;

	if (t->armed_count == 0)
		return false;
	for (unsigned i = 0; i < t->fifo_count; i++) {
		uint32_t idx = t->fifo[i].head;

		if (idx != HC_IDX_NONE)
			wait_ms = sooner(wait_ms,
					 (int32_t)(hc_timer_node(t, idx)->deadline_ms - now_ms));
	}
	wait_ms = wheel_wait_ms(t, now_ms, wait_ms);
	*due_ms = now_ms + (uint32_t)(wait_ms > 0 ? wait_ms : 0);
	return true;
}

// Walks one list. @return its entries, or UINT32_MAX when something is wrong.
static uint32_t list_check(const struct hc_timers *t, const struct hc_timer_list *list,
			   unsigned queue, uint32_t slot)
{
	const struct hc_timer_node *before = NULL;
	uint32_t before_idx = HC_IDX_NONE;
	uint32_t count = 0;

	for (uint32_t idx = list->head; idx != HC_IDX_NONE; count++) {
		const struct hc_timer_node *node = hc_timer_node(t, idx);

		if (count == t->armed_count || node->queue != queue || node->prev != before_idx)
			return UINT32_MAX;
		if (queue == HC_TIMER_WHEEL && node->deadline_ms % HC_WHEEL_SLOTS != slot)
			return UINT32_MAX;
		if (queue != HC_TIMER_WHEEL && before &&
		    (int32_t)(node->deadline_ms - before->deadline_ms) < 0)
			return UINT32_MAX;
		before = node;
		before_idx = idx;
		idx = node->next;
	}
	return list->tail == before_idx ? count : UINT32_MAX;
}

bool hc_timers_check(const struct hc_timers *t)
{
	uint32_t wheel = 0;
	uint32_t all;

	for (uint32_t slot = 0; slot < HC_WHEEL_SLOTS; slot++) {
		uint32_t n = list_check(t, &t->wheel[slot], HC_TIMER_WHEEL, slot);

		if (n == UINT32_MAX)
			return false;
		if (n > 0 && !(t->wheel_bits[slot / 64] >> slot % 64 & 1))
			return false;
		wheel += n;
	}
	all = wheel;
	for (unsigned i = 0; i < t->fifo_count; i++) {
		uint32_t n = list_check(t, &t->fifo[i], HC_TIMER_FIFO0 + i, 0);

		if (n == UINT32_MAX)
			return false;
		all += n;
	}
	return wheel == t->wheel_count && all == t->armed_count;
}
