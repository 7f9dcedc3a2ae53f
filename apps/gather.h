// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// From the marks and books of all loops to the result.

#include "run.h"

// Fills r->result but for the intervals and the ledger. The loops have ended.
void gather(struct run *r, uint64_t end_ns);
