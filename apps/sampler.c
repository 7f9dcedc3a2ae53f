// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Differences between published snapshots. Each worker's rate is taken over the time between its
// own two snapshots, which are up to a millisecond older than now, so that no jitter of this thread
// gets into it. Times of an interval are what its histograms' slots have grown by: they are being
// written meanwhile, so that one slot may be a little ahead of another, and none is lost, since
// what this reading misses the next one has.

#include "sampler.h"

#include <stdlib.h>
#include <string.h>

static const struct hc_worker *worker_of(const struct loop *l, enum side side)
{
	if (side == SIDE_CLIENT)
		return l->client ? l->client->worker : NULL;
	return l->server ? l->server->worker : NULL;
}

// Short of memory the intervals go without these times.
static void init_slots(struct sampler *s, unsigned i)
{
	for (unsigned k = 0; k < LATENCY_KINDS; k++) {
		const struct hc_hist *h[LATENCY_SOURCES_MAX];
		unsigned n = latency_sources(&s->loops[i], s->cfg, (enum latency)k, h);

		for (unsigned j = 0; j < n; j++)
			s->samples[i].slots[k][j] = calloc(HC_HIST_SLOTS, sizeof(uint64_t));
	}
}

void sampler_init(struct sampler *s, const struct config *cfg, const struct loop *loops,
		  unsigned loop_count, uint64_t start_ns)
{
	memset(s, 0, sizeof *s);
	s->cfg = cfg;
	s->loops = loops;
	s->loop_count = loop_count;
	s->side = plan_has_client(cfg) ? SIDE_CLIENT : SIDE_SERVER;
	s->start_ns = s->last_ns = start_ns;
	for (unsigned i = 0; i < loop_count; i++) {
		s->samples[i].snapshot.t_ns = start_ns;
		init_slots(s, i);
	}
	s->grown = malloc(sizeof *s->grown);
}

void sampler_fini(struct sampler *s)
{
	for (unsigned i = 0; i < s->loop_count; i++) {
		for (unsigned k = 0; k < LATENCY_KINDS * LATENCY_SOURCES_MAX; k++)
			free(s->samples[i].slots[k / LATENCY_SOURCES_MAX][k % LATENCY_SOURCES_MAX]);
	}
	free(s->grown);
}

// ---------------------------------------------------------------------------------------------
// times

static void add_growth(struct hc_hist *into, const struct hc_hist *now, uint64_t *then)
{
	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		uint64_t n = relaxed_load(&now->slot[i]);
		uint64_t grown = n > then[i] ? n - then[i] : 0;

		then[i] = n;
		into->slot[i] += grown;
		into->count += grown;
		if (grown > 0)
			into->max_ns = max_u64(into->max_ns, hc_hist_slot_high_ns(i));
	}
}

// The slot of the longest time says how long at most; the longest of all says it exactly.
static void sample_kind(struct sampler *s, enum latency which)
{
	uint64_t max_ns = 0;

	hc_hist_reset(s->grown);
	s->grown->max_ns = 0;
	for (unsigned i = 0; i < s->loop_count; i++) {
		const struct hc_hist *h[LATENCY_SOURCES_MAX];
		unsigned n = latency_sources(&s->loops[i], s->cfg, which, h);

		for (unsigned k = 0; k < n; k++) {
			if (!s->samples[i].slots[which][k])
				continue;
			add_growth(s->grown, h[k], s->samples[i].slots[which][k]);
			max_ns = max_u64(max_ns, relaxed_load(&h[k]->max_ns));
		}
	}
	s->grown->max_ns = min_u64(s->grown->max_ns, max_ns);
}

static double quantile_us(const struct hc_hist *h, double q)
{
	return h->count > 0 ? (double)hc_hist_quantile_ns(h, q) / 1e3 : __builtin_nan("");
}

static void sample_times(struct sampler *s, struct interval *out)
{
	for (unsigned k = 0; k < LATENCY_KINDS; k++) {
		struct interval_times *t = &out->times[k];

		t->p50_us = t->p99_us = t->max_us = __builtin_nan("");
		if (!s->grown)
			continue;
		sample_kind(s, (enum latency)k);
		t->p50_us = quantile_us(s->grown, 0.50);
		t->p99_us = quantile_us(s->grown, 0.99);
		t->max_us = quantile_us(s->grown, 1);
	}
}

// The loop has forgotten its times: so do we.
static void follow_epoch(struct sampler *s, unsigned i)
{
	struct sample *last = &s->samples[i];
	uint32_t epoch = __atomic_load_n(&s->loops[i].latency_epoch, __ATOMIC_ACQUIRE);

	if (epoch == last->latency_epoch)
		return;
	last->latency_epoch = epoch;
	for (unsigned k = 0; k < LATENCY_KINDS * LATENCY_SOURCES_MAX; k++) {
		uint64_t *slots = last->slots[k / LATENCY_SOURCES_MAX][k % LATENCY_SOURCES_MAX];

		if (slots)
			memset(slots, 0, HC_HIST_SLOTS * sizeof *slots);
	}
}

// ---------------------------------------------------------------------------------------------
// counts

// Adds what a count has grown by.
static void add_count(uint64_t *to, uint64_t *last, uint64_t now)
{
	*to += now - *last;
	*last = now;
}

static void sample_client(struct sample *last, const struct client *c, struct interval *out)
{
	const uint64_t *outcome = c->counts.outcome;

	add_count(&out->missed, &last->missed, relaxed_load(&c->counts.missed));
	add_count(&out->bad_responses, &last->bad_responses,
		  relaxed_load(&outcome[OUTCOME_BAD_STATUS]) +
			  relaxed_load(&outcome[OUTCOME_BAD_LENGTH]));
	add_count(&out->responses, &last->responses, relaxed_load(&outcome[OUTCOME_RIGHT]));
}

static void sample_worker(struct sample *last, const struct hc_worker *w, enum side side,
			  struct interval *out)
{
	struct hc_snapshot now, grown;
	struct view v;
	double seconds;

	hc_worker_snapshot(w, &now);
	snapshot_subtract(&grown, &now, &last->snapshot);
	view_of(&grown, side, &v);
	out->opened += v.opened;
	out->established += v.established;
	out->closed += v.closed;
	out->failed += v.failed;
	out->reset += v.reset;
	out->retransmitted += v.retransmitted;
	out->live += now.conn_live;
	if (now.t_ns <= last->snapshot.t_ns)
		return; // It has not published since.
	seconds = (double)(now.t_ns - last->snapshot.t_ns) / (double)NS_PER_S;
	out->opened_per_s += (double)v.opened / seconds;
	out->established_per_s += (double)v.established / seconds;
	out->closed_per_s += (double)v.closed / seconds;
	last->snapshot = now;
}

static const char *phase_name(uint32_t phase)
{
	switch ((enum client_phase)phase) {
	case PHASE_FILL:
		return "fill";
	case PHASE_RAMP:
	case PHASE_SETTLE:
		return "ramp";
	case PHASE_STEADY:
		return "sustain";
	case PHASE_DESCEND:
		return "descend";
	case PHASE_DRAIN:
	case PHASE_DONE:
		break;
	}
	return "drain";
}

// From the least advanced loop at the beginning to the most advanced one at the end.
static void sample_phase(struct sampler *s, struct interval *out)
{
	uint32_t from = PHASE_DONE, to = PHASE_FILL;
	const char *first, *last;

	for (unsigned i = 0; i < s->loop_count; i++) {
		uint32_t now = (uint32_t)loop_phase(&s->loops[i]);

		from = s->samples[i].phase < from ? s->samples[i].phase : from;
		to = now > to ? now : to;
		s->samples[i].phase = now;
	}
	first = phase_name(from);
	last = phase_name(to);
	if (first == last)
		snprintf(out->phase, sizeof out->phase, "%s", first);
	else
		snprintf(out->phase, sizeof out->phase, "%s>%s", first, last);
}

void sampler_take(struct sampler *s, uint64_t now_ns, struct interval *out)
{
	*out = (struct interval){
		.from_s = (double)(s->last_ns - s->start_ns) / (double)NS_PER_S,
		.t_s = (double)(now_ns - s->start_ns) / (double)NS_PER_S,
	};
	s->last_ns = now_ns;
	sample_phase(s, out);
	for (unsigned i = 0; i < s->loop_count; i++) {
		const struct loop *l = &s->loops[i];

		follow_epoch(s, i);
		if (worker_of(l, s->side))
			sample_worker(&s->samples[i], worker_of(l, s->side), s->side, out);
		if (l->client)
			sample_client(&s->samples[i], l->client, out);
	}
	sample_times(s, out);
}
