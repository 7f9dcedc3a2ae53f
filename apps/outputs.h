// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The files that a run is asked to write. They are opened before it, so that a wrong path does not
// cost a measurement; what stands in the result file is kept until there is something better.

#include "result.h"

struct outputs {
	FILE *json, *csv, *hlog; // NULL: not asked for.
};

// @return false after a complaint.
bool outputs_open(struct outputs *o, const struct config *cfg);
void outputs_close(struct outputs *o);

// Throws away what stood in the result file until now.
void outputs_empty_json(const struct outputs *o, const struct config *cfg);

// Writes everything but the CSV rows, which were written as the intervals ended. @return false
// after a complaint.
bool outputs_write(const struct outputs *o, const struct result *r);
