// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Planted faults, to prove that the tests bite: faults.def lists deliberate mistakes, one a line,
// and HC_FAULT(name) is where the code makes it. In a build with -Dfaults=true the environment
// variable HC_FAULT names the one that is on (scripts/faults.py runs them all, one after the
// other); in every other build HC_FAULT() is the constant false and nothing is left of it.

#include <stdbool.h>

#if defined(HC_WITH_FAULTS) && HC_WITH_FAULTS
enum hc_fault {
	HC_FAULT_NONE,
#define HC_FAULT_DEF(name, help) HC_FAULT_##name,
#include "base/faults.def"
#undef HC_FAULT_DEF
};

// Set before main(), never after.
extern enum hc_fault hc_fault_on;

#define HC_FAULT(name) (__builtin_expect(hc_fault_on == HC_FAULT_##name, 0))
#else
#define HC_FAULT(name) false
#endif
