// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// One run: the hosts and the wire are made, stepped in turn until everything is over, and judged.
// Between the ports and the wire stands the judge, who sees every frame before the wire gets to
// spoil it.

#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "io/capture.h"
#include "stack/port.h"

#define EVENTS_MAX   320u
#define STEPS_MAX    2000000u
#define TAP_BURST    64u
#define TAP_COUNT    4096u
#define BUFFERS      4095u
#define NUDGE_NS     1000u
#define NUDGE_NS_MAX 1000000u

void sim_fail(struct sim_world *s, const char *format, ...)
{
	va_list args;
	int n;

	if (s->why[0])
		return;
	n = snprintf(s->why, sizeof s->why,
		     "at %.6f s: ", (double)(s->now_ns - s->plan.start_ns) / 1e9);
	va_start(args, format);
	(void)vsnprintf(s->why + n, sizeof s->why - (size_t)n, format, args);
	va_end(args);
}

bool sim_world_open(struct sim_world *s, struct hc_runtime *rt, char why[HC_WHY_SIZE])
{
	const struct hc_port_config cfg = {
		.device = "ring", .queue_count = 1, .buffer_count = BUFFERS, .ring_desc = 1024};
	static const char *const tap_name[SIM_HOSTS] = {"sim_tap_a", "sim_tap_b"};

	*s = (struct sim_world){.rt = rt};
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		if (hc_sim_port_open(rt, &cfg, &s->end[i], why) != 0)
			return false;
		s->tapped[i] = s->end[i];
		s->tapped[i].from_port = rte_ring_create(tap_name[i], TAP_COUNT, SOCKET_ID_ANY,
							 RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!s->tapped[i].from_port) {
			(void)snprintf(why, HC_WHY_SIZE, "There is no memory for a ring.");
			return false;
		}
	}
	return true;
}

void sim_world_close(struct sim_world *s)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		if (s->end[i].port)
			hc_port_stop(s->end[i].port);
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		hc_port_close(s->end[i].port);
		if (s->tapped[i].from_port != s->end[i].from_port)
			rte_ring_free(s->tapped[i].from_port);
	}
}

// A host's frame on its way to the wire.
static void tap_frame(struct sim_world *s, unsigned from, struct rte_mbuf *m)
{
	sim_judge_frame(s, from, m);
	sim_weather_mark(s, from, m);
	if (sim_weather_is_narrow(s, from, m)) {
		if (s->capture)
			hc_capture_frame(s->capture, s->now_ns, m);
		rte_pktmbuf_free(m);
	} else if (rte_ring_enqueue(s->tapped[from].from_port, m) != 0) {
		sim_fail(s, "the tap overflows");
		rte_pktmbuf_free(m);
	}
}

static unsigned tap(struct sim_world *s, unsigned from)
{
	struct rte_mbuf *m[TAP_BURST];
	unsigned moved = 0;
	unsigned n;

	while ((n = rte_ring_dequeue_burst(s->end[from].from_port, (void **)m, TAP_BURST, NULL)) >
	       0) {
		for (unsigned i = 0; i < n; i++)
			tap_frame(s, from, m[i]);
		moved += n;
	}
	return moved;
}

// @return whether anything happened.
static bool step_host(struct sim_world *s, unsigned i)
{
	struct sim_host *h = &s->host[i];
	struct hc_event event[EVENTS_MAX];
	unsigned n = hc_step(h->w, s->now_ns, event, EVENTS_MAX);
	bool did;

	s->nudge_ns = n ? NUDGE_NS : s->nudge_ns;
	for (unsigned e = 0; e < n; e++)
		sim_app_event(h, &event[e]);
	did = sim_app_work(h) || n != 0;
	hc_flush(h->w);
	sim_judge_step(s, i);
	// A small burst leaves frames for the next step.
	return did || rte_ring_count(s->end[i].to_port) != 0;
}

static uint64_t next_due_ns(const struct sim_world *s)
{
	uint64_t best_ns = hc_impair_next_due_ns(s->wire);
	uint64_t weather_ns = sim_weather_due_ns(s);

	best_ns = weather_ns < best_ns ? weather_ns : best_ns;
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		uint64_t stack_ns = hc_next_due_ns(s->host[i].w);
		uint64_t app_ns = sim_app_due_ns(&s->host[i]);

		if (sim_weather_is_stalled(s, i))
			continue;
		best_ns = stack_ns < best_ns ? stack_ns : best_ns;
		best_ns = app_ns < best_ns ? app_ns : best_ns;
	}
	return best_ns;
}

static bool is_over(struct sim_world *s)
{
	if (hc_impair_next_due_ns(s->wire) != UINT64_MAX)
		return false;
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		struct hc_snapshot snap;

		if (sim_weather_is_stalled(s, i))
			return false;
		if (!sim_app_is_over(&s->host[i]))
			return false;
		hc_worker_publish(s->host[i].w);
		hc_worker_snapshot(s->host[i].w, &snap);
		if (snap.conn_live || snap.syn_live || snap.time_wait_live)
			return false;
	}
	return true;
}

// One round: both hosts and the wire. @return whether anything happened.
static bool step_all(struct sim_world *s)
{
	bool did = false;

	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		if (sim_weather_is_stalled(s, i))
			continue;
		did |= step_host(s, i);
		did |= tap(s, i) != 0;
	}
	return hc_impair_step(s->wire, s->now_ns) != 0 || did;
}

static void play(struct sim_world *s)
{
	while (!s->why[0]) {
		uint64_t due_ns;

		sim_weather(s);
		if (++s->steps > STEPS_MAX)
			sim_fail(s, "%u steps and no end", STEPS_MAX);
		if (step_all(s)) {
			s->nudge_ns = NUDGE_NS;
			continue;
		}
		if (is_over(s))
			return;
		due_ns = next_due_ns(s);
		if (due_ns == SIM_NEVER || due_ns > s->plan.limit_ns) {
			sim_fail(s, "not over by the time that everything should be");
			return;
		}
		if (due_ns > s->now_ns) {
			s->now_ns = due_ns;
			continue;
		}
		// What is due and cannot be done, for want of a buffer, is tried again and again.
		s->now_ns += s->nudge_ns;
		s->nudge_ns = s->nudge_ns * 2 < NUDGE_NS_MAX ? s->nudge_ns * 2 : NUDGE_NS_MAX;
	}
}

static bool start(struct sim_world *s)
{
	const struct hc_listen_args args = {
		.port = SIM_PORT,
		.flags = (uint16_t)(s->plan.listen_flags |
				    (s->plan.has_fast_open ? HC_CONN_FAST_OPEN : 0)),
		.backlog = 32};
	const char *why;

	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		struct sim_host *h = &s->host[i];

		h->world = s;
		h->idx = i;
		h->session_count = h->ended_count = h->next_client = 0;
		hc_rng_seed(&h->whims, 2 * s->plan.seed + i);
		watch_reset(&h->watch);
		if (hc_worker_create(s->end[i].port, 0, &s->plan.stack[i], &h->w, &why) != 0) {
			sim_fail(s, "no worker: %s", why);
			return false;
		}
		if (!s->plan.is_twin && hc_listen(h->w, &args) < 0)
			sim_fail(s, "no listener");
	}
	s->wire = hc_impair_create(&s->tapped[0], &s->tapped[1], &s->plan.impair[0],
				   &s->plan.impair[1]);
	if (!s->wire)
		sim_fail(s, "no wire");
	else
		hc_impair_capture(s->wire, s->capture);
	return s->wire != NULL;
}

static void drain(struct rte_ring *ring)
{
	void *m;

	while (rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
}

// Takes everything down, and counts what does not come back.
static void stop(struct sim_world *s)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		if (!s->host[i].w)
			continue;
		sim_app_free(&s->host[i]);
		hc_worker_destroy(s->host[i].w);
		s->host[i].w = NULL;
	}
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		drain(s->end[i].to_port);
		drain(s->end[i].from_port);
		drain(s->tapped[i].from_port);
	}
	if (s->wire && hc_impair_destroy(s->wire) != 0)
		sim_fail(s, "buffers of the wire are missing");
	s->wire = NULL;
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		unsigned out = rte_mempool_in_use_count(s->end[i].port->pool[0]);

		if (out)
			sim_fail(s, "%u buffers of host %u are missing", out, i);
	}
}

bool sim_world_run(struct sim_world *s, uint64_t seed, const char *capture_path)
{
	s->why[0] = '\0';
	s->steps = 0;
	s->nudge_ns = NUDGE_NS;
	s->next_spell = 0;
	s->is_healed = false;
	memset(s->flow, 0, sizeof s->flow);
	s->capture = capture_path ? hc_capture_open(capture_path) : NULL;
	sim_plan_draw(&s->plan, seed);
	hc_rng_seed(&s->rng, seed);
	s->now_ns = s->plan.start_ns;
	if (start(s)) {
		play(s);
		if (!s->why[0])
			sim_judge_end(s);
	}
	sim_weather_end(s);
	stop(s);
	if (s->capture && hc_capture_close(s->capture) != 0)
		fprintf(stderr, "%s: could not be written whole\n", capture_path);
	s->capture = NULL;
	return s->why[0] == '\0';
}
