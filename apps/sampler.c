// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Differences between published snapshots. Each worker's rate is taken over the time between its
// own two snapshots, which are up to a millisecond older than now, so that no jitter of this thread
// gets into it.

#include "sampler.h"

#include <stdlib.h>
#include <string.h>

static const struct hc_worker *worker_of(const struct loop *l, enum side side)
{
	if (side == SIDE_CLIENT)
		return l->client ? l->client->worker : NULL;
	return l->server ? l->server->worker : NULL;
}

static struct hc_hist *new_hist(void)
{
	struct hc_hist *h = malloc(sizeof *h);

	if (h)
		hc_hist_reset(h);
	return h;
}

void sampler_init(struct sampler *s, const struct loop *loops, unsigned loop_count, enum side side,
		  uint64_t start_ns)
{
	memset(s, 0, sizeof *s);
	s->loops = loops;
	s->loop_count = loop_count;
	s->side = side;
	s->start_ns = start_ns;
	for (unsigned i = 0; i < loop_count; i++) {
		s->samples[i].snapshot.t_ns = start_ns;
		if (side == SIDE_CLIENT && loops[i].client)
			s->samples[i].connect = new_hist();
	}
	s->now = new_hist();
	s->delta = new_hist();
}

void sampler_fini(struct sampler *s)
{
	for (unsigned i = 0; i < s->loop_count; i++)
		free(s->samples[i].connect);
	free(s->now);
	free(s->delta);
}

// Adds what a histogram has grown by. It is being written: a slot may be a little ahead of another.
static void add_growth(struct hc_hist *into, const struct hc_hist *now, const struct hc_hist *then)
{
	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		uint64_t grown = now->slot[i] > then->slot[i] ? now->slot[i] - then->slot[i] : 0;

		into->slot[i] += grown;
		into->count += grown;
	}
	into->max_ns = max_u64(into->max_ns, now->max_ns);
}

static void sample_latency(struct sampler *s, unsigned i)
{
	struct sample *last = &s->samples[i];
	const struct loop *l = &s->loops[i];
	uint32_t epoch = __atomic_load_n(&l->latency_epoch, __ATOMIC_ACQUIRE);

	if (!last->connect || !s->now || !s->delta)
		return;
	memcpy(s->now, hc_worker_latency(l->client->worker, HC_LATENCY_CONNECT), sizeof *s->now);
	if (epoch != last->latency_epoch) {
		last->latency_epoch = epoch;
		hc_hist_reset(last->connect);
	}
	add_growth(s->delta, s->now, last->connect);
	memcpy(last->connect, s->now, sizeof *s->now);
}

static void sample_worker(struct sampler *s, unsigned i, struct interval *out)
{
	struct hc_snapshot *last = &s->samples[i].snapshot;
	struct hc_snapshot now, grown;
	struct view v;
	double seconds;

	hc_worker_snapshot(worker_of(&s->loops[i], s->side), &now);
	snapshot_subtract(&grown, &now, last);
	view_of(&grown, s->side, &v);
	out->opened += v.opened;
	out->established += v.established;
	out->closed += v.closed;
	out->failed += v.failed;
	out->retransmitted += v.retransmitted;
	out->live += now.conn_live;
	if (now.t_ns <= last->t_ns)
		return; // It has not published since.
	seconds = (double)(now.t_ns - last->t_ns) / (double)NS_PER_S;
	out->opened_per_s += (double)v.opened / seconds;
	out->closed_per_s += (double)v.closed / seconds;
	*last = now;
}

void sampler_take(struct sampler *s, uint64_t now_ns, struct interval *out)
{
	*out = (struct interval){.t_s = (double)(now_ns - s->start_ns) / (double)NS_PER_S};
	if (s->delta)
		hc_hist_reset(s->delta);
	for (unsigned i = 0; i < s->loop_count; i++) {
		if (!worker_of(&s->loops[i], s->side))
			continue;
		sample_worker(s, i, out);
		sample_latency(s, i);
	}
	if (s->delta && s->delta->count > 0) {
		out->has_connect = true;
		out->connect_p50_us = (double)hc_hist_quantile_ns(s->delta, 0.50) / 1e3;
		out->connect_p99_us = (double)hc_hist_quantile_ns(s->delta, 0.99) / 1e3;
	}
}
