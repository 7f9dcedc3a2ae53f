// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Lists, expiry, the next due tick and the audit of the timers; arming and disarming what is listed
// are inline in the header. Called once per step by the timer stage.

#include "tcp/timer.h"

void hc_timers_init(struct hc_timers *t, void *first_node, size_t object_bytes, void *memory,
		    uint32_t now_ms)
{
	HC_ASSERT((uintptr_t)first_node % _Alignof(struct hc_timer_node) == 0);
	HC_ASSERT((uintptr_t)memory % _Alignof(struct hc_timer_list) == 0);
	memset(t, 0, sizeof *t);
	HC_ASSERT((object_bytes & (object_bytes - 1)) == 0);
	t->first_node = first_node;
	t->node_shift = (uint8_t)__builtin_ctzl(object_bytes);
	t->wheel = memory;
	t->wake_ms = (uint32_t *)(void *)(t->wheel + HC_WHEEL_SLOTS);
	t->wheel_done_ms = now_ms;
	// An empty list has HC_IDX_NONE at both ends.
	memset(t->wheel, 0xff, HC_TIMERS_WHEEL_BYTES);
	memset(t->fifo, 0xff, sizeof t->fifo);
}

static uint8_t list_of(const struct hc_timer_node *node)
{
	return (uint8_t)(node->queue & ~HC_TIMER_ARMED);
}

// The list an object is in; it must be in one.
static struct hc_timer_list *list_at(struct hc_timers *t, uint32_t idx)
{
	uint8_t queue = list_of(hc_timer_node(t, idx));

	HC_ASSERT(queue != HC_TIMER_NOWHERE);
	if (queue == HC_TIMER_WHEEL)
		return &t->wheel[t->wake_ms[idx] % HC_WHEEL_SLOTS];
	HC_ASSERT((uint32_t)(queue - HC_TIMER_FIFO0) < t->fifo_count);
	return &t->fifo[queue - HC_TIMER_FIFO0];
}

// Appends to the list of `queue`, to be looked at at wake_ms, and arms.
static void list_append(struct hc_timers *t, uint32_t idx, unsigned queue, uint32_t wake_ms)
{
	struct hc_timer_node *node = hc_timer_node(t, idx);
	struct hc_timer_list *list;

	HC_ASSERT(node->queue == HC_TIMER_NOWHERE);
	node->queue = (uint8_t)(queue | HC_TIMER_ARMED);
	t->wake_ms[idx] = wake_ms;
	list = list_at(t, idx);
	node->next = HC_IDX_NONE;
	node->prev = list->tail;
	if (list->tail == HC_IDX_NONE)
		list->head = idx;
	else
		hc_timer_node(t, list->tail)->next = idx;
	list->tail = idx;
	t->listed_count++;
}

// Takes out of whatever list it is in, disarmed.
static void list_remove(struct hc_timers *t, uint32_t idx)
{
	struct hc_timer_node *node = hc_timer_node(t, idx);
	struct hc_timer_list *list = list_at(t, idx);

	HC_ASSERT(t->listed_count > 0);
	if (node->prev == HC_IDX_NONE)
		list->head = node->next;
	else
		hc_timer_node(t, node->prev)->next = node->next;
	if (node->next == HC_IDX_NONE)
		list->tail = node->prev;
	else
		hc_timer_node(t, node->next)->prev = node->prev;
	t->wheel_count -= list_of(node) == HC_TIMER_WHEEL;
	t->listed_count--;
	node->queue = HC_TIMER_NOWHERE;
}

static void wheel_append(struct hc_timers *t, uint32_t idx, uint32_t deadline_ms, uint32_t now_ms)
{
	uint32_t slot = deadline_ms % HC_WHEEL_SLOTS;

	HC_ASSERT((int32_t)(now_ms - t->wheel_done_ms) >= 0);
	if (deadline_ms == t->wheel_done_ms && !HC_FAULT(wheel_loses_what_is_due_now))
		t->wheel_done_ms--;
	t->wheel_count++;
	t->wheel_bits[slot / 64] |= 1ull << slot % 64;
	list_append(t, idx, HC_TIMER_WHEEL, deadline_ms);
}

void hc_timer_list_anew(struct hc_timers *t, uint32_t idx, unsigned fifo, uint32_t delay_ms,
			uint32_t now_ms)
{
	if (list_of(hc_timer_node(t, idx)) != HC_TIMER_NOWHERE)
		list_remove(t, idx);
	if (fifo == HC_FIFO_NONE)
		wheel_append(t, idx, now_ms + delay_ms, now_ms);
	else
		list_append(t, idx, HC_TIMER_FIFO0 + fifo, now_ms + delay_ms);
}

void hc_timers_set_clock(struct hc_timers *t, uint32_t objects, uint32_t was_ms, uint32_t now_ms)
{
	t->wheel_done_ms = now_ms;
	t->is_done = false;
	for (uint32_t idx = 0; t->listed_count != 0 && idx < objects; idx++) {
		const struct hc_timer_node *node = hc_timer_node(t, idx);
		bool is_armed = hc_timer_is_armed(t, idx);

		if (list_of(node) != HC_TIMER_NOWHERE)
			list_remove(t, idx);
		if (is_armed)
			hc_timer_arm(t, idx, node->deadline_ms - was_ms, now_ms);
	}
}

// Empties a list, from the head. @return `armed` with what was armed before it, linked by next.
static uint32_t list_clear(struct hc_timers *t, struct hc_timer_list *list, uint32_t armed)
{
	while (list->head != HC_IDX_NONE) {
		uint32_t idx = list->head;
		bool is_armed = hc_timer_is_armed(t, idx);

		list_remove(t, idx);
		if (is_armed) {
			hc_timer_node(t, idx)->next = armed;
			armed = idx;
		}
	}
	return armed;
}

void hc_timers_wake_up(struct hc_timers *t, uint32_t now_ms)
{
	uint32_t armed = HC_IDX_NONE;

	for (unsigned i = 0; i < t->fifo_count; i++)
		armed = list_clear(t, &t->fifo[i], armed);
	for (uint32_t slot = 0; slot < HC_WHEEL_SLOTS; slot++)
		armed = list_clear(t, &t->wheel[slot], armed);
	t->wheel_done_ms = now_ms;
	while (armed != HC_IDX_NONE) {
		uint32_t idx = armed;

		armed = hc_timer_node(t, idx)->next;
		hc_timer_arm_wheel(t, idx, 0, now_ms);
	}
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

static bool is_due(uint32_t deadline_ms, uint32_t now_ms)
{
	return (int32_t)(now_ms - deadline_ms) >= HC_FAULT(timers_one_tick_late);
}

// Its wake has come. @return whether its deadline has; if not, it is where it belongs now: where it
// is looked at again, or in no list.
static bool look_at(struct hc_timers *t, uint32_t idx, uint32_t now_ms)
{
	const struct hc_timer_node *node = hc_timer_node(t, idx);
	bool is_armed = hc_timer_is_armed(t, idx);

	list_remove(t, idx);
	if (!is_armed)
		return false;
	if (is_due(node->deadline_ms, now_ms))
		return true;
	if (!HC_FAULT(timer_put_off_is_lost))
		hc_timer_arm(t, idx, node->deadline_ms - now_ms, now_ms);
	return false;
}

static unsigned fifo_expire(struct hc_timers *t, unsigned fifo, uint32_t now_ms, uint32_t *out_idx,
			    unsigned max)
{
	struct hc_timer_list *list = &t->fifo[fifo];
	unsigned n = 0;

	while (n < max && list->head != HC_IDX_NONE && is_due(t->wake_ms[list->head], now_ms)) {
		uint32_t idx = list->head;

		HC_ASSERT(list_of(hc_timer_node(t, idx)) == HC_TIMER_FIFO0 + fifo);
		if (look_at(t, idx, now_ms))
			out_idx[n++] = idx;
	}
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
		uint32_t next = hc_timer_node(t, idx)->next;

		HC_ASSERT(list_of(hc_timer_node(t, idx)) == HC_TIMER_WHEEL);
		if (is_due(t->wake_ms[idx], now_ms)) {
			if (n == max) {
				list_rotate(t, list, idx);
				*is_done = false;
				return n;
			}
			if (look_at(t, idx, now_ms))
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

// The sooner of wait_ms and the deadline of an entry.
static int64_t sooner(const struct hc_timers *t, uint32_t idx, uint32_t now_ms, int64_t wait_ms)
{
	int64_t own_ms = (int32_t)(hc_timer_node(t, idx)->deadline_ms - now_ms);

	return hc_timer_is_armed(t, idx) && own_ms < wait_ms ? own_ms : wait_ms;
}

// The least time to a deadline in a FIFO, wait_ms if that is less. Nobody is due before his wake,
// and those are in order.
static int64_t fifo_wait_ms(const struct hc_timers *t, unsigned fifo, uint32_t now_ms,
			    int64_t wait_ms)
{
	for (uint32_t idx = t->fifo[fifo].head; idx != HC_IDX_NONE;
	     idx = hc_timer_node(t, idx)->next) {
		if ((int32_t)(t->wake_ms[idx] - now_ms) >= wait_ms)
			break;
		wait_ms = sooner(t, idx, now_ms, wait_ms);
	}
	return wait_ms;
}

// The same in the wheel. Slots are passed in the order of their ticks; in those from that of the
// deadline found on, nobody is due sooner. What is due already is found by its tick being in the
// past.
static int64_t wheel_wait_ms(const struct hc_timers *t, uint32_t now_ms, int64_t wait_ms)
{
	uint32_t left = t->wheel_count;
	uint32_t tick = t->wheel_done_ms + 1;

	for (; left > 0 && (int32_t)(tick - now_ms) < wait_ms; tick++) {
		uint32_t idx;

		tick += empty_slots(t, tick, HC_WHEEL_SLOTS);
		HC_ASSERT(tick - t->wheel_done_ms <= HC_WHEEL_SLOTS);
		idx = t->wheel[tick % HC_WHEEL_SLOTS].head;
		for (; idx != HC_IDX_NONE; left--) {
			wait_ms = sooner(t, idx, now_ms, wait_ms);
			idx = hc_timer_node(t, idx)->next;
		}
	}
	return wait_ms;
}

bool hc_timers_next_due_ms(const struct hc_timers *t, uint32_t now_ms, uint32_t *due_ms)
{
	int64_t wait_ms = INT64_MAX;

	if (t->listed_count == 0)
		return false;
	for (unsigned i = 0; i < t->fifo_count; i++)
		wait_ms = fifo_wait_ms(t, i, now_ms, wait_ms);
	wait_ms = wheel_wait_ms(t, now_ms, wait_ms);
	*due_ms = now_ms + (uint32_t)(wait_ms > 0 ? wait_ms : 0);
	return wait_ms != INT64_MAX;
}

// Walks one list. @return its entries, or UINT32_MAX when something is wrong.
static uint32_t list_check(const struct hc_timers *t, const struct hc_timer_list *list,
			   unsigned queue, uint32_t slot)
{
	uint32_t before = HC_IDX_NONE;
	uint32_t count = 0;

	for (uint32_t idx = list->head; idx != HC_IDX_NONE; count++) {
		const struct hc_timer_node *node = hc_timer_node(t, idx);
		uint32_t wake_ms = t->wake_ms[idx];

		if (count == t->listed_count || list_of(node) != queue || node->prev != before)
			return UINT32_MAX;
		if (queue == HC_TIMER_WHEEL && wake_ms % HC_WHEEL_SLOTS != slot)
			return UINT32_MAX;
		if (queue != HC_TIMER_WHEEL && before != HC_IDX_NONE &&
		    (int32_t)(wake_ms - t->wake_ms[before]) < 0)
			return UINT32_MAX;
		if (hc_timer_is_armed(t, idx) && (int32_t)(node->deadline_ms - wake_ms) < 0)
			return UINT32_MAX;
		before = idx;
		idx = node->next;
	}
	return list->tail == before ? count : UINT32_MAX;
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
	return wheel == t->wheel_count && all == t->listed_count;
}
