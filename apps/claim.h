// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

#include "run.h"

// Steps the workers until their addresses are theirs, or *stop is set. Returns EXIT_MEASURED, or an
// exit code after a complaint; at once without --arp-probe.
int claim_addresses(struct run *r, const int *stop);
