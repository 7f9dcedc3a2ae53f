// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The one place that formats the sentence of an error. See why.h.

#include <stdarg.h>
#include <stdio.h>

#include "io/why.h"

int hc_why(char why[HC_WHY_SIZE], int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, HC_WHY_SIZE, fmt, args);
	va_end(args);
	return err;
}
