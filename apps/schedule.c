// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "schedule.h"

#include <math.h>
#include <stddef.h>

#include "draw.h"

#define NS_PER_S         1e9
#define COUNT_ONE_BY_ONE 1e6

// ---------------------------------------------------------------------------------------------
// stages

void stages_sustain(const struct stage_list *list, uint64_t *from_ns, uint64_t *to_ns)
{
	uint64_t at_ns = 0;
	bool has_flat = false;

	*from_ns = 0;
	*to_ns = stages_length_ns(list);
	for (unsigned i = 0; i < list->count; i++) {
		const struct stage *s = &list->stage[i];
		uint64_t end_ns = s->length_ns == UINT64_MAX ? UINT64_MAX : at_ns + s->length_ns;

		if (stage_is_flat(s)) {
			if (!has_flat)
				*from_ns = at_ns;
			has_flat = true;
			*to_ns = end_ns;
		}
		at_ns = end_ns;
	}
}

uint64_t stages_length_ns(const struct stage_list *list)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < list->count; i++) {
		if (list->stage[i].length_ns == UINT64_MAX)
			return UINT64_MAX;
		sum += list->stage[i].length_ns;
	}
	return sum;
}

double stages_peak_per_s(const struct stage_list *list)
{
	double peak = 0;

	for (unsigned i = 0; i < list->count; i++)
		peak = fmax(peak, fmax(list->stage[i].from_per_s, list->stage[i].to_per_s));
	return peak;
}

// ---------------------------------------------------------------------------------------------
// the schedule

static double part_mass(const struct schedule_part *p, double since_start_ns)
{
	return p->rate * since_start_ns + p->slope * since_start_ns * since_start_ns / 2;
}

void schedule_make(struct schedule *s, const struct stage_list *list, double share)
{
	double at_ns = 0;

	s->count = list->count;
	s->mass = 0;
	for (unsigned i = 0; i < list->count; i++) {
		const struct stage *stage = &list->stage[i];
		struct schedule_part *p = &s->part[i];
		double from = share * stage->from_per_s / NS_PER_S;
		double to = share * stage->to_per_s / NS_PER_S;

		p->start_ns = at_ns;
		p->start_mass = s->mass;
		p->length_ns = stage->length_ns == UINT64_MAX ? (double)INFINITY
							      : (double)stage->length_ns;
		p->rate = from;
		p->slope = stage_is_flat(stage) ? 0 : (to - from) / p->length_ns;
		at_ns += p->length_ns;
		// An endless stage without a rate is due nothing, not infinity times nothing.
		s->mass += from > 0 || to > 0 ? part_mass(p, p->length_ns) : 0;
	}
}

double schedule_mass(const struct schedule *s, double at_ns)
{
	for (unsigned i = s->count; i-- > 0;) {
		const struct schedule_part *p = &s->part[i];

		if (at_ns >= p->start_ns)
			return p->start_mass +
			       part_mass(p, fmin(at_ns - p->start_ns, p->length_ns));
	}
	return 0;
}

// When a part reaches a mass that lies in it. The root of rate * t + slope / 2 * t^2 = mass in the
// form that subtracts no two near numbers, whatever the signs.
static double part_time(const struct schedule_part *p, double mass)
{
	double more = mass - p->start_mass;
	double root;

	if (p->slope == 0)
		return p->start_ns + more / p->rate;
	root = sqrt(fmax(p->rate * p->rate + 2 * p->slope * more, 0));
	return p->start_ns + fmin(2 * more / (p->rate + root), p->length_ns);
}

// ---------------------------------------------------------------------------------------------
// arrivals

// What is drawn is one bit short of 1 at most, so that its logarithm is finite.
static double random_exponential(uint64_t *state)
{
	return -log1p(-draw_unit(state));
}

static double part_end_mass(const struct schedule *s, unsigned i)
{
	return i + 1 < s->count ? s->part[i + 1].start_mass : s->mass;
}

// Works out next_ns from mass.
static void place(struct arrivals *a)
{
	const struct schedule *s = a->schedule;

	while (a->part < s->count && part_end_mass(s, a->part) < a->mass)
		a->part++;
	a->next_ns = UINT64_MAX;
	if (a->left > 0 && a->part < s->count)
		a->next_ns = (uint64_t)part_time(&s->part[a->part], a->mass);
}

void arrivals_init(struct arrivals *a, const struct schedule *s, bool is_poisson, uint64_t seed,
		   unsigned i, unsigned n, uint64_t limit)
{
	*a = (struct arrivals){
		.schedule = s,
		.next_ns = UINT64_MAX,
		.left = limit ? limit : UINT64_MAX,
		.random = seed + i,
		.is_poisson = is_poisson,
	};
	if (!s)
		return;
	a->mass = is_poisson ? random_exponential(&a->random) : (double)(i + 1) / n;
	place(a);
}

void arrivals_pass(struct arrivals *a)
{
	a->left--;
	a->mass += a->is_poisson ? random_exponential(&a->random) : 1;
	place(a);
}

uint64_t arrivals_pass_until(struct arrivals *a, uint64_t until_ns)
{
	uint64_t n = 0;
	double more;

	if (a->next_ns > until_ns)
		return 0;
	more = floor(schedule_mass(a->schedule, (double)until_ns) - a->mass) + 1;
	if (more > COUNT_ONE_BY_ONE) {
		n = more < (double)a->left ? (uint64_t)more : a->left;
		a->left -= n;
		a->mass += (double)n;
		place(a);
		return n;
	}
	while (a->next_ns <= until_ns) {
		arrivals_pass(a);
		n++;
	}
	return n;
}
