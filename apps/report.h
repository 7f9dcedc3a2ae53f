// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What a person reads: the plan before the run, a line a second, the summary.

#include "result.h"

void report_plan(const struct config *cfg, const struct plan *plan);
void report_heading(void);
void report_interval(const struct interval *i);
void report_summary(const struct result *r);

// A line for each --fail-if.
void report_verdict(const struct result *r);
