// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The command line that EAL is started with. A pure function of the plan, so that every combination
// is a unit test. What the user gives is appended and wins: where EAL would refuse his argument
// beside ours, ours is left out.

#include "io/cpus.h"
#include "io/device.h"

#define HC_EAL_ARGS_MAX      128
#define HC_EAL_ARGS_TEXT     16384u
#define HC_EAL_MEMORY_MB_MIN 128u

struct hc_eal_plan {
	const struct hc_cpus *cpus; // In the order in which workers take them.
	unsigned worker_count;
	const struct hc_device *devices;
	unsigned device_count;
	const char *const *user_args;
	unsigned user_arg_count;
	uint64_t memory_bytes; // What will be asked of EAL's heap.
	bool has_hugepages;    // They are there and enough; the user's arguments may overrule it.
	bool is_quiet;
	unsigned pid; // Of this process, for names that have to be unique.
};

struct hc_eal_args {
	int argc;
	char *argv[HC_EAL_ARGS_MAX + 1];
	size_t text_len;
	char text[HC_EAL_ARGS_TEXT]; // Where argv points to.
	bool has_hugepages;          // As started.
	bool has_user_lcores;        // The user named lcores: the numbers are his.
	bool asks_for_output;        // The user wants to read what EAL says.
};

// Fills in argv. @return 0, or -EINVAL (too many or too long) with a sentence in `why`.
HC_MUST_USE int hc_eal_args_build(const struct hc_eal_plan *plan, struct hc_eal_args *out,
				  char why[HC_WHY_SIZE]);

// The heap to ask of EAL for `memory_bytes` of objects: alignment and its own needs included.
uint64_t hc_eal_memory_bytes(uint64_t memory_bytes);
