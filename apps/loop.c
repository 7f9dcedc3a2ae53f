// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The loop of one lcore. A client sets the pace: its phases are the loop's. A server beside it on
// the same lcore is stepped in turn; one on a core of its own follows the client's loop; one that
// serves foreign clients measures from the first connection to the last thing that happened.

#include "loop.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#define QUIET_TURNS_MAX  64u               // Turns without an event before the CPU is given away.
#define USE_CPU_EVERY_NS (NS_PER_S / 1000) // How often a server alone reads its CPU time.

static void set_phase(struct loop *l, enum client_phase phase)
{
	__atomic_store_n(&l->phase, (uint32_t)phase, __ATOMIC_RELAXED);
}

static void copy_numbers(struct hc_worker *w, struct hc_snapshot *snapshot, uint64_t *stage)
{
	hc_worker_publish(w);
	hc_worker_snapshot(w, snapshot);
	memcpy(stage, hc_worker_stage_cycles(w), HC_STAGE_COUNT * sizeof *stage);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void loop_mark(struct loop *l, struct mark *m)
{
	m->t_ns = hc_runtime_now_ns(l->runtime);
	m->cpu_ns = thread_cpu_ns();
	m->client_ns = l->client_ns;
	m->server_ns = l->server_ns;
	if (l->client)
		copy_numbers(l->client->worker, &m->client, m->client_stage);
	if (l->server)
		copy_numbers(l->server->worker, &m->server, m->server_stage);
}

// The measured part begins: times so far were the ramp's.
static void mark_from(struct loop *l)
{
	if (l->client)
		client_forget_latency(l->client);
	if (l->server)
		hc_worker_latency_reset(l->server->worker);
	__atomic_store_n(&l->latency_epoch, l->latency_epoch + 1, __ATOMIC_RELEASE);
	loop_mark(l, &l->from);
}

// Takes the marks that a change of phase calls for.
static void follow(struct loop *l, enum client_phase phase)
{
	enum client_phase before = loop_phase(l);

	if (before < PHASE_STEADY && phase == PHASE_STEADY)
		mark_from(l);
	if (before < PHASE_DESCEND && phase >= PHASE_DESCEND)
		loop_mark(l, &l->to);
	set_phase(l, phase);
}

// ---------------------------------------------------------------------------------------------
// a server that serves foreign clients

static uint64_t server_ended(const struct server *s)
{
	return s->counts.closed + s->counts.reset + s->counts.aborted;
}

// A connection came or went. CPU time is a system call, so it is read once in a while only.
static void note_use(struct loop *l, uint64_t now_ns)
{
	l->last_use_ns = now_ns;
	if (l->is_used && now_ns - l->use_cpu_at_ns < USE_CPU_EVERY_NS)
		return;
	l->use_cpu_ns = thread_cpu_ns();
	l->use_cpu_at_ns = now_ns;
	if (!l->is_used) {
		l->from.t_ns = now_ns;
		l->from.cpu_ns = l->use_cpu_ns;
	}
	l->is_used = true;
}

// The measured part ends with the last use. Since CPU time was read the core may have been ours for
// as long as it has been since, and not for longer.
static void mark_last_use(struct loop *l)
{
	uint64_t cpu_ns;

	loop_mark(l, &l->to);
	l->to.t_ns = max_u64(l->last_use_ns, l->started_ns);
	cpu_ns = l->is_used ? l->use_cpu_ns + (l->last_use_ns - l->use_cpu_at_ns) : l->from.cpu_ns;
	l->to.cpu_ns = min_u64(l->to.cpu_ns, cpu_ns);
}

static void serve_alone(struct loop *l, uint64_t now_ns)
{
	const struct server_counts *k = &l->server->counts;
	uint64_t use_count = k->accepted + server_ended(l->server);

	if (use_count != l->last_use_count) {
		l->last_use_count = use_count;
		note_use(l, now_ns);
	}
	if (loop_phase(l) < PHASE_DRAIN &&
	    (__atomic_load_n(l->stop, __ATOMIC_RELAXED) || now_ns >= l->phase_until_ns)) {
		server_stop_listening(l->server);
		mark_last_use(l);
		l->phase_until_ns = now_ns + l->drain_ns;
		set_phase(l, PHASE_DRAIN);
	}
	if (loop_phase(l) == PHASE_DRAIN &&
	    (k->accepted == server_ended(l->server) || now_ns >= l->phase_until_ns))
		set_phase(l, PHASE_DONE);
}

// ---------------------------------------------------------------------------------------------
// the loop

// A pair takes turns, and the time between two readings of the clock is one end's.
static void pair_turn(struct loop *l)
{
	uint64_t client_ns = hc_runtime_now_ns(l->runtime);
	uint64_t server_ns;

	if (l->client->now_ns > 0)
		l->server_ns += client_ns - l->server->now_ns;
	client_step(l->client, client_ns);
	server_ns = hc_runtime_now_ns(l->runtime);
	l->client_ns += server_ns - client_ns;
	server_step(l->server, server_ns);
}

void loop_turn(struct loop *l)
{
	if (l->client && l->server)
		pair_turn(l);
	else if (l->client)
		client_step(l->client, hc_runtime_now_ns(l->runtime));
	else
		server_step(l->server, hc_runtime_now_ns(l->runtime));
}

static void give_way(struct loop *l, unsigned *quiet_turns)
{
	unsigned events = 0;

	if (l->client)
		events += l->client->event_count;
	if (l->server)
		events += l->server->event_count;
	*quiet_turns = events > 0 ? 0 : *quiet_turns + 1;
	if (*quiet_turns >= QUIET_TURNS_MAX) {
		*quiet_turns = 0;
		(void)sched_yield();
	}
}

// Goes on in the phase that the leader, the client or the passing of time says.
static void advance(struct loop *l)
{
	enum client_phase phase;

	if (!l->client && !l->leader) {
		serve_alone(l, l->server->now_ns);
		return;
	}
	phase = l->client ? client_phase(l->client) : loop_phase(l->leader);
	if (UNLIKELY(phase != loop_phase(l)))
		follow(l, phase);
}

int loop_main(void *arg)
{
	struct loop *l = arg;
	unsigned quiet_turns = 0;
	bool is_counted = false;

	l->started_ns = hc_runtime_now_ns(l->runtime);
	l->phase_until_ns = l->duration_ns ? l->started_ns + l->duration_ns : UINT64_MAX;
	loop_mark(l, &l->from);
	l->to = l->from;
	// One that is done turns on until all are: what comes to its queue may be for another.
	while (__atomic_load_n(l->done_count, __ATOMIC_ACQUIRE) < l->loop_count) {
		loop_turn(l);
		if (!is_counted)
			advance(l);
		if (!is_counted && loop_phase(l) == PHASE_DONE) {
			is_counted = true;
			__atomic_add_fetch(l->done_count, 1, __ATOMIC_RELEASE);
		}
		if (l->yields)
			give_way(l, &quiet_turns);
	}
	l->on_end();
	return 0;
}
