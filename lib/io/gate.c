// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See gate.h for the story.

#include <errno.h>
#include <sched.h>
#include <time.h>

#include <rte_alarm.h>

#include "base/base.h"
#include "io/gate.h"

// How long the gate stays open: the most that an event has to wait. Where every CPU is busy with
// workers, the interrupt thread may have to wait for milliseconds before it can open it again, so
// that it does not shut it often; in between it only looks whether somebody waits for an event.
#define OPEN_NS      50000000L
#define OPEN_LOOK_NS 2000000L

// Until the next alarm. It must not be due when this one returns, or EAL would go on with it at
// once and never look at other events.
#define SHUT_US 20u

static void stand_open(void *arg)
{
	const struct timespec rest = {.tv_nsec = OPEN_LOOK_NS};
	struct hc_gate *g = arg;

	rte_rwlock_write_unlock(&g->lock);
	while (!__atomic_load_n(&g->is_ending, __ATOMIC_ACQUIRE)) {
		for (long ns = 0; ns < OPEN_NS; ns += OPEN_LOOK_NS) {
			(void)nanosleep(&rest, NULL);
			if (__atomic_load_n(&g->waiters, __ATOMIC_RELAXED) > 0)
				break;
		}
		rte_rwlock_write_lock(&g->lock);
		if (rte_eal_alarm_set(SHUT_US, stand_open, g) == 0)
			return;
		// No memory for the alarm: stay, and keep events waiting, until there is.
		rte_rwlock_write_unlock(&g->lock);
	}
	__atomic_store_n(&g->has_ended, true, __ATOMIC_RELEASE);
}

int hc_gate_get(struct hc_gate *g)
{
	if (g->user_count++ > 0)
		return 0;
	rte_rwlock_init(&g->lock);
	g->was_used = true;
	g->is_ending = false;
	g->has_ended = false;
	rte_rwlock_write_lock(&g->lock);
	if (rte_eal_alarm_set(SHUT_US, stand_open, g) == 0)
		return 0;
	g->user_count--;
	return -ENOMEM;
}

void hc_gate_put(struct hc_gate *g)
{
	HC_ASSERT(g->user_count > 0);
	if (--g->user_count > 0)
		return;
	__atomic_store_n(&g->is_ending, true, __ATOMIC_RELEASE);
	hc_gate_hurry(g, true);
	while (!__atomic_load_n(&g->has_ended, __ATOMIC_ACQUIRE))
		(void)sched_yield();
	hc_gate_hurry(g, false);
}

void hc_gate_hurry(struct hc_gate *g, bool is_waiting)
{
	if (is_waiting)
		__atomic_add_fetch(&g->waiters, 1, __ATOMIC_RELAXED);
	else
		__atomic_sub_fetch(&g->waiters, 1, __ATOMIC_RELAXED);
}

static void note_alarm(void *arg)
{
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
}

// An alarm is an event among others in one turn of the thread, so what was there before the first
// is dealt with before a later one. Alarms that are due together fall in one turn: hence the time
// between them, and one more than it takes.
void hc_gate_settle(struct hc_gate *g)
{
	hc_gate_hurry(g, true);
	for (unsigned i = 0; i < 3; i++) {
		bool is_done = false;

		if (rte_eal_alarm_set(4 * SHUT_US, note_alarm, &is_done) != 0)
			break;
		while (!__atomic_load_n(&is_done, __ATOMIC_ACQUIRE))
			(void)sched_yield();
	}
	hc_gate_hurry(g, false);
}
