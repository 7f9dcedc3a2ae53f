// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Where a broken invariant ends: one line on stderr that names it, then abort(), so that a core
// dump or a debugger stands at the place.

#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

void hc_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "handclasp: assertion failed at %s:%d: %s\n", file, line, what);
	abort();
}
