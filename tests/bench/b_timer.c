// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Timers of 1 k and 1 M objects: arming, arming anew, disarming and expiring, in a FIFO (one
// constant delay) and in the wheel (random delays), with rte_timer beside them. Objects are taken
// in a random order, so that neighbours in a list are not neighbours in memory; `_in_order` takes
// them as they lie, as they come from a pool that was emptied at a stretch.

#include "bench.h"

#include "base/rng.h"
#include "tcp/timer.h"

#include <stdio.h>

#include <rte_common.h>
#include <rte_lcore.h>
#include <rte_timer.h>

#define BURST         32u
#define DELAY_MS      1000u
#define RTE_COUNT_MAX 100000u // rte_timer's list takes minutes to fill with more.

struct object {
	uint8_t other[48];
	struct hc_timer_node timer;
} HC_ALIGN_LINE;

struct timers {
	struct hc_timers t;
	struct object *object;
	struct rte_timer *rte;
	uint32_t *order;
	uint32_t count;
	uint32_t rte_count;
	unsigned fifo;
	uint32_t now_ms;
	uint64_t rte_fired;
	struct hc_rng rng;
	bool is_in_order;
};

static inline uint32_t nth(const struct timers *s, uint32_t n)
{
	return s->is_in_order ? n : s->order[n];
}

static inline uint32_t random_delay_ms(struct timers *s)
{
	return 200 + hc_rng_below(&s->rng, s->count < 60000 ? s->count : 60000);
}

static void arm_all_fifo(struct timers *s)
{
	for (uint32_t n = 0; n < s->count; n++)
		hc_timer_arm_fifo(&s->t, nth(s, n), s->fifo, s->now_ms);
}

static void arm_all_wheel(struct timers *s)
{
	for (uint32_t n = 0; n < s->count; n++)
		hc_timer_arm_wheel(&s->t, nth(s, n), random_delay_ms(s), s->now_ms);
}

static void off_all(struct timers *s)
{
	for (uint32_t n = 0; n < s->count; n++)
		hc_timer_off(&s->t, nth(s, n));
}

static void run_arm_fifo(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		bench_begin(win);
		arm_all_fifo(s);
		bench_end(win, s->count);
		off_all(s);
	}
}

static void run_arm_wheel(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		bench_begin(win);
		arm_all_wheel(s);
		bench_end(win, s->count);
		off_all(s);
	}
}

static void run_off_fifo(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		arm_all_fifo(s);
		bench_begin(win);
		off_all(s);
		bench_end(win, s->count);
	}
}

static void run_off_wheel(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		arm_all_wheel(s);
		bench_begin(win);
		off_all(s);
		bench_end(win, s->count);
	}
}

// All are armed, and a random one is armed anew: what an ACK does to a retransmission timer.
static void run_again_fifo(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	arm_all_fifo(s);
	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops++)
		hc_timer_arm_fifo(&s->t, hc_rng_below(&s->rng, s->count), s->fifo, s->now_ms);
	bench_end(win, win->ops_wanted);
	off_all(s);
}

static void run_again_wheel(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	arm_all_wheel(s);
	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops++)
		hc_timer_arm_wheel(&s->t, hc_rng_below(&s->rng, s->count), random_delay_ms(s),
				   s->now_ms);
	bench_end(win, win->ops_wanted);
	off_all(s);
}

// Expires in bursts, millisecond by millisecond, and touches each object as its owner would.
static void expire_all(struct timers *s)
{
	uint32_t due[BURST];

	while (s->t.listed_count) {
		unsigned n = hc_timers_expire(&s->t, s->now_ms, due, BURST);

		for (unsigned i = 0; i < n; i++)
			s->object[due[i]].other[0]++;
		s->now_ms += n < BURST;
	}
}

static void run_expire_fifo(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		arm_all_fifo(s);
		s->now_ms += DELAY_MS;
		bench_begin(win);
		expire_all(s);
		bench_end(win, s->count);
	}
}

static void run_expire_wheel(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		arm_all_wheel(s);
		bench_begin(win);
		expire_all(s);
		bench_end(win, s->count);
	}
}

// Nothing is due, in the same millisecond as before: what every step pays.
static void run_expire_again(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;
	uint32_t due[BURST];
	uint64_t n = 0;

	arm_all_fifo(s);
	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops++) {
		n += hc_timers_expire(&s->t, s->now_ms, due, BURST);
		BENCH_KEEP(s);
	}
	bench_end(win, win->ops_wanted);
	HC_ASSERT(n == 0);
	off_all(s);
}

// Nothing is due, in a new millisecond.
static void run_expire_none(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;
	uint32_t due[BURST];
	uint64_t n = 0;

	hc_timer_arm_wheel(&s->t, 0, HC_TIMER_DELAY_MAX_MS, s->now_ms);
	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops++)
		n += hc_timers_expire(&s->t, ++s->now_ms, due, BURST);
	bench_end(win, win->ops_wanted);
	HC_ASSERT(n == 0);
	off_all(s);
}

static void in_order(void (*run)(void *ctx, struct bench_window *win), void *ctx,
		     struct bench_window *win)
{
	struct timers *s = ctx;

	s->is_in_order = true;
	run(ctx, win);
	s->is_in_order = false;
}

static void run_expire_fifo_in_order(void *ctx, struct bench_window *win)
{
	in_order(run_expire_fifo, ctx, win);
}

static void run_off_fifo_in_order(void *ctx, struct bench_window *win)
{
	in_order(run_off_fifo, ctx, win);
}

static void rte_fired(struct rte_timer *timer, void *arg)
{
	struct timers *s = arg;

	(void)timer;
	s->rte_fired++;
}

// Random delays far enough away that none fires in between.
static void rte_arm(struct timers *s, uint32_t i, uint64_t base_cycles)
{
	int rc = rte_timer_reset(&s->rte[i], base_cycles + hc_rng_below(&s->rng, 1u << 30), SINGLE,
				 rte_lcore_id(), rte_fired, s);

	HC_ASSERT(rc == 0);
}

static void rte_arm_all(struct timers *s, uint64_t base_cycles)
{
	for (uint32_t n = 0; n < s->rte_count; n++)
		rte_arm(s, s->order[n] % s->rte_count, base_cycles);
}

static void rte_off_all(struct timers *s)
{
	for (uint32_t i = 0; i < s->rte_count; i++)
		rte_timer_stop(&s->rte[i]);
}

static void run_again_rte(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	rte_arm_all(s, 1ull << 40);
	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops++)
		rte_arm(s, hc_rng_below(&s->rng, s->rte_count), 1ull << 40);
	bench_end(win, win->ops_wanted);
	rte_off_all(s);
}

static void run_off_rte(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		rte_arm_all(s, 1ull << 40);
		bench_begin(win);
		rte_off_all(s);
		bench_end(win, s->rte_count);
	}
}

static void run_expire_rte(void *ctx, struct bench_window *win)
{
	struct timers *s = ctx;

	while (win->ops < win->ops_wanted) {
		uint64_t before = s->rte_fired;
		uint64_t armed = 0;

		for (uint32_t i = 0; i < s->rte_count; i++) {
			// In the past by the time they are managed.
			int rc = rte_timer_reset(&s->rte[i], 1, SINGLE, rte_lcore_id(), rte_fired,
						 s);

			armed += rc == 0;
		}
		bench_begin(win);
		rte_timer_manage();
		bench_end(win, armed);
		HC_ASSERT(s->rte_fired - before == armed);
	}
}

static void timers_open(struct timers *s, uint32_t count)
{
	*s = (struct timers){.count = count, .rte_count = hc_min_u32(count, RTE_COUNT_MAX)};
	hc_rng_seed(&s->rng, 1);
	s->object = bench_alloc((uint64_t)count * sizeof *s->object);
	s->order = bench_alloc((uint64_t)count * sizeof *s->order);
	s->rte = bench_alloc((uint64_t)s->rte_count * sizeof *s->rte);
	hc_timers_init(&s->t, &s->object[0].timer, sizeof s->object[0],
		       bench_alloc(HC_TIMERS_BYTES(s->count)), 0);
	s->fifo = hc_timers_fifo_add(&s->t, DELAY_MS);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t k = hc_rng_below(&s->rng, i + 1);

		s->order[i] = s->order[k];
		s->order[k] = i;
	}
	for (uint32_t i = 0; i < s->rte_count; i++)
		rte_timer_init(&s->rte[i]);
}

static void timers_shut(struct timers *s)
{
	bench_free(s->t.wheel);
	bench_free(s->rte);
	bench_free(s->order);
	bench_free(s->object);
}

static void bench_timers(const char *size, uint32_t count)
{
	struct bench_case cases[] = {
		{.name = "fifo_arm", .run = run_arm_fifo},
		{.name = "fifo_arm_again", .run = run_again_fifo},
		{.name = "fifo_off", .run = run_off_fifo},
		{.name = "fifo_off_in_order", .run = run_off_fifo_in_order},
		{.name = "fifo_expire", .run = run_expire_fifo},
		{.name = "fifo_expire_in_order", .run = run_expire_fifo_in_order},
		{.name = "wheel_arm", .run = run_arm_wheel},
		{.name = "wheel_arm_again", .run = run_again_wheel},
		{.name = "wheel_off", .run = run_off_wheel},
		{.name = "wheel_expire", .run = run_expire_wheel},
		{.name = "expire_none_same_ms", .run = run_expire_again},
		{.name = "expire_none_new_ms", .run = run_expire_none},
	};
	struct bench_case rte[] = {
		{.name = "arm_again", .run = run_again_rte},
		{.name = "off", .run = run_off_rte},
		{.name = "expire", .run = run_expire_rte},
	};
	char prefix[32], rte_prefix[48];
	struct timers s;

	snprintf(prefix, sizeof prefix, "timer/%s", size);
	snprintf(rte_prefix, sizeof rte_prefix, "timer/%s/rte_timer", size);
	if (!bench_wants(prefix))
		return;
	timers_open(&s, count);
	for (unsigned i = 0; i < RTE_DIM(cases); i++)
		cases[i].ctx = &s;
	for (unsigned i = 0; i < RTE_DIM(rte); i++)
		rte[i].ctx = &s;
	bench_turns(prefix, cases, RTE_DIM(cases));
	bench_turns(rte_prefix, rte, RTE_DIM(rte));
	timers_shut(&s);
}

void bench_timer(void)
{
	if (!bench_wants("timer"))
		return;
	rte_timer_subsystem_init();
	bench_timers("1k", 1000);
	if (!bench_is_counting())
		bench_timers("1M", 1000000);
	rte_timer_subsystem_finalize();
}
