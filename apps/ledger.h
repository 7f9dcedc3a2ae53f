// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The books of a run: what was opened must have become something, what was received must have been
// used or dropped by name, what was told to the application must be what the stack counted, and
// what was taken must have been given back. Each entry that does not balance is one sentence in the
// result.

#include "result.h"
#include "run.h"

// After the loops have ended, while the workers are there.
void ledger_check_workers(struct run *r);

// After the workers are gone: all buffers are back.
void ledger_check_ports(struct run *r);
