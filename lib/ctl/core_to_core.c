// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// How long a cache line takes from one core to another and back: two threads, each on a CPU of its
// own, take turns in writing one word. On a virtual machine this swings with where the host puts
// the CPUs, and it decides what a client and a server on different cores can reach, so it stands
// beside such results.

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <rte_pause.h>

#include "base/base.h"
#include "io/runtime.h"

#define MEASURE_NS  20000000u
#define BATCH       64u // Round trips per reading of the clock.
#define BATCHES_MAX 16384u
#define STOP        UINT32_MAX

struct court {
	_Alignas(64) _Atomic uint32_t ball; // Even: ours to write; odd: the other's.
	_Alignas(64) const struct hc_clock *clock;
	uint64_t end_ns;
	unsigned batch_count;
	uint64_t batch_ns[BATCHES_MAX];
};

// Waits for the ball. @return false when the game is over.
static bool wait_for(struct court *c, uint32_t ball)
{
	uint32_t now;

	while ((now = atomic_load_explicit(&c->ball, memory_order_acquire)) != ball) {
		if (now == STOP)
			return false;
		rte_pause();
	}
	return true;
}

static void *return_balls(void *arg)
{
	struct court *c = arg;

	for (uint32_t ball = 1; wait_for(c, ball); ball += 2)
		atomic_store_explicit(&c->ball, ball + 1, memory_order_release);
	return NULL;
}

static void *serve_balls(void *arg)
{
	struct court *c = arg;
	uint64_t before_ns = hc_clock_now_ns(c->clock);
	uint32_t ball = 0;

	// At least one batch, however late this thread came to its CPU.
	do {
		uint64_t now_ns;

		for (unsigned i = 0; i < BATCH; i++, ball += 2) {
			atomic_store_explicit(&c->ball, ball + 1, memory_order_release);
			(void)wait_for(c, ball + 2);
		}
		now_ns = hc_clock_now_ns(c->clock);
		c->batch_ns[c->batch_count++] = now_ns - before_ns;
		before_ns = now_ns;
	} while (before_ns < c->end_ns && c->batch_count < BATCHES_MAX);
	atomic_store_explicit(&c->ball, STOP, memory_order_release);
	return NULL;
}

static bool start_on(unsigned cpu, void *(*fn)(void *), struct court *c, pthread_t *thread)
{
	pthread_attr_t attr;
	cpu_set_t set;
	bool is_started;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_attr_init(&attr) != 0)
		return false;
	is_started = pthread_attr_setaffinity_np(&attr, sizeof set, &set) == 0 &&
		     pthread_create(thread, &attr, fn, c) == 0;
	(void)pthread_attr_destroy(&attr);
	return is_started;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

// The median, because a thread that lost its CPU for a moment makes a batch a thousand times
// longer.
static double round_trip_ns(struct court *c)
{
	unsigned middle = c->batch_count / 2;

	if (c->batch_count == 0)
		return 0;
	qsort(c->batch_ns, c->batch_count, sizeof c->batch_ns[0], compare_ns);
	return (double)c->batch_ns[middle] / BATCH;
}

void hc_runtime_measure(struct hc_runtime *rt)
{
	struct court *c;
	pthread_t server;
	pthread_t returner;

	rt->core_to_core_ns = 0;
	if (rt->cpus.count < 2)
		return;
	c = aligned_alloc(HC_CACHE_LINE, sizeof *c);
	if (!c)
		return;
	atomic_init(&c->ball, 0);
	c->clock = &rt->clock;
	c->batch_count = 0;
	c->end_ns = hc_clock_now_ns(&rt->clock) + MEASURE_NS;
	if (start_on(rt->cpus.cpu[0].id, return_balls, c, &returner)) {
		if (start_on(rt->cpus.cpu[1].id, serve_balls, c, &server))
			(void)pthread_join(server, NULL);
		else
			atomic_store(&c->ball, STOP);
		(void)pthread_join(returner, NULL);
		rt->core_to_core_ns = round_trip_ns(c);
	}
	free(c);
}
