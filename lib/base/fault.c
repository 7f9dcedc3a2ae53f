// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Which planted fault is on: the one that HC_FAULT of the environment names. Empty but in a build
// with -Dfaults=true.

#include "base/fault.h"

#if defined(HC_WITH_FAULTS) && HC_WITH_FAULTS

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hc_fault hc_fault_on;

static const char *const names[] = {
	"",
#define HC_FAULT_DEF(name, help) #name,
#include "base/faults.def"
#undef HC_FAULT_DEF
};

__attribute__((constructor)) static void fault_from_environment(void)
{
	const char *wanted = getenv("HC_FAULT");

	if (!wanted)
		return;
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(names[i], wanted) == 0) {
			hc_fault_on = (enum hc_fault)i;
			return;
		}
	}
	fprintf(stderr, "HC_FAULT: no fault is called %s\n", wanted);
	exit(2);
}

#endif
