// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See gate.h for the story.

#include <errno.h>
#include <sched.h>
#include <time.h>

#include <rte_alarm.h>

#include "base/base.h"
#include "io/gate.h"

#define OPEN_NS 4000000L // How long the gate stays open: the most that an event has to wait.

// Until the next alarm. It must not be due when this one returns, or EAL would go on with it at
// once and never look at other events.
#define SHUT_US 50u

static void stand_open(void *arg)
{
	const struct timespec rest = {.tv_nsec = OPEN_NS};
	struct hc_gate *g = arg;

	rte_rwlock_write_unlock(&g->lock);
	while (!__atomic_load_n(&g->is_ending, __ATOMIC_ACQUIRE)) {
		(void)nanosleep(&rest, NULL);
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
	while (!__atomic_load_n(&g->has_ended, __ATOMIC_ACQUIRE))
		(void)sched_yield();
}

static void note_alarm(void *arg)
{
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
}

// An alarm is an event among others in one turn of the thread, so what was there before the first
// is dealt with before a later one. Alarms that are due together fall in one turn: hence the time
// between them, and one more than it takes.
void hc_gate_settle(void)
{
	for (unsigned i = 0; i < 3; i++) {
		bool is_done = false;

		if (rte_eal_alarm_set(4 * SHUT_US, note_alarm, &is_done) != 0)
			return;
		while (!__atomic_load_n(&is_done, __ATOMIC_ACQUIRE))
			(void)sched_yield();
	}
}
