// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What the machine takes from a run, readings whose difference between two moments belongs into a
// result: taken once at the start by the runtime, and again by whoever writes the result. And what
// it could give one.

#include "base/base.h"

struct hc_machine_tolls {
	uint64_t involuntary_switches; // Of this process: another thread wanted a CPU of ours.
	uint64_t steal_ms;             // Of all CPUs: the host gave them to somebody else.
};

// Reads both; what the kernel does not tell is 0.
struct hc_machine_tolls hc_machine_tolls(void);

// Bytes of ordinary memory that the kernel could give away now; UINT64_MAX where it does not say.
uint64_t hc_memory_available_bytes(void);
