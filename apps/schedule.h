// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// When connections are due in an open loop. A schedule is a rate over time, in stages that are flat
// or linear ramps; its integral, the mass, counts what is due. Arrivals are the points in time that
// follow from it: at every whole mass (constant), or as a Poisson process of that rate. Pure
// arithmetic: no clock, no heap; times are ns since the load began.

#include <stdbool.h>
#include <stdint.h>

#define STAGES_MAX 64u

// As asked for.
struct stage {
	uint64_t length_ns; // UINT64_MAX: for ever; of the last one only.
	double from_per_s, to_per_s;
};

struct stage_list {
	struct stage stage[STAGES_MAX];
	unsigned count;
};

static inline bool stage_is_flat(const struct stage *s)
{
	return s->from_per_s == s->to_per_s;
}

// The part of a list that is measured: from its first flat stage to its last, or all of it if there
// is none. What is before is the ramp, what is behind the way down.
void stages_sustain(const struct stage_list *list, uint64_t *from_ns, uint64_t *to_ns);

// All of it; UINT64_MAX if it never ends.
uint64_t stages_length_ns(const struct stage_list *list);

double stages_peak_per_s(const struct stage_list *list);

struct schedule_part {
	double start_ns, length_ns;
	double start_mass;
	double rate;  // At the start, per ns.
	double slope; // Per ns and ns.
};

struct schedule {
	struct schedule_part part[STAGES_MAX];
	unsigned count;
	double mass; // Of all parts.
};

// `share` of the rates of a list.
void schedule_make(struct schedule *s, const struct stage_list *list, double share);

// How many are due by a time.
double schedule_mass(const struct schedule *s, double at_ns);

// Arrivals in order of time.
struct arrivals {
	const struct schedule *schedule; // NULL: none ever.
	uint64_t next_ns;                // UINT64_MAX: no more.
	uint64_t left;                   // How many may still come, the next included.
	double mass;                     // Of the next.
	uint64_t random;
	unsigned part;
	bool is_poisson;
};

// Member i of n that share the work of a schedule: their constant arrivals take turns. `limit`
// arrivals at most; 0: as many as the schedule has.
void arrivals_init(struct arrivals *a, const struct schedule *s, bool is_poisson, uint64_t seed,
		   unsigned i, unsigned n, uint64_t limit);

// Passes the next one.
void arrivals_pass(struct arrivals *a);

// Passes all up to a time, that included. @return how many. Of a Poisson process with more than a
// million left the number is the expected one.
uint64_t arrivals_pass_until(struct arrivals *a, uint64_t until_ns);
