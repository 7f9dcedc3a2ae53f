// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Between the files of the plan: plan_sizes.c makes the workers, plan.c everything else.

#include "plan.h"

// What one lcore may reach, a little above what was ever measured: sizes, not promises.
#define PLAN_BENCH_PEAK_PER_S 5e6
#define PLAN_SPLIT_PEAK_PER_S 8e6 // Of two, with an end on each.

#define PLAN_IN_FLIGHT_MIN 4096u
#define PLAN_SLACK         1024u

static inline double plan_bench_peak_per_s(const struct config *cfg)
{
	return cfg->is_split ? PLAN_SPLIT_PEAK_PER_S : PLAN_BENCH_PEAK_PER_S;
}

// Share i of n of a whole, the first ones taking what is over.
static inline uint64_t plan_share(uint64_t whole, unsigned i, unsigned n)
{
	return whole / n + (i < whole % n);
}

// The power of two that n fits into.
static inline uint32_t plan_pow2(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p <<= 1;
	return (uint32_t)p;
}

static inline bool plan_client_closes_first(const struct config *cfg)
{
	return cfg->close == CLOSE_CLIENT || cfg->close == CLOSE_BOTH;
}

static inline bool plan_server_closes_first(const struct config *cfg)
{
	return cfg->close == CLOSE_SERVER || cfg->close == CLOSE_BOTH;
}

// Workers of one port draw from the same tuples: each uses those whose way back leads to it.
static inline unsigned plan_sharers(const struct config *cfg)
{
	return cfg->command == COMMAND_LOAD ? cfg->cores : 1;
}

// Something worth knowing about the plan, and something wrong with it.
__attribute__((format(printf, 2, 3))) void plan_note(struct plan *p, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void plan_warn(struct plan *p, const char *fmt, ...);

// The texts of requests. @return false after a complaint.
bool plan_requests(struct plan *p, const struct config *cfg);

// The SYN attack, once there are loads. @return false after a complaint.
bool plan_attack(struct plan *p, const struct config *cfg);

// Limits and addresses of all workers. @return false after a complaint.
bool plan_workers(struct plan *p, struct config *cfg);

// Control memory of all workers.
uint64_t plan_worker_bytes(const struct plan *p, const struct config *cfg);

// Tuples a client with this configuration really has.
uint64_t plan_usable_tuples(const struct hc_stack_config *client);
