// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include <stdarg.h>
#include <stdio.h>

#include "app.h"

static const char *complaining = "";

void complain_as(const char *command)
{
	complaining = command;
}

void complain(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "handclasp%s%s: ", *complaining ? " " : "", complaining);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}
