// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Whether a result passes what --fail-if asks of it.

#include "result.h"

struct judgement {
	const struct criterion *criterion;
	bool is_known; // Otherwise nothing of the kind was measured, which does not pass.
	double value;  // In the unit of the limit.
	bool passes;
};

void verdict_judge(const struct result *r, const struct criterion *c, struct judgement *out);

// All of them.
bool verdict_passes(const struct result *r);

// One sentence on a judgement.
void verdict_words(const struct judgement *j, char *text, size_t size);
