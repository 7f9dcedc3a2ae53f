// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Whether hugepages can carry a run. Asked before EAL starts, because EAL cannot be started a
// second time in a process once its memory has failed.

#include "base/base.h"

// Bytes of free hugepages, of sizes that this process is able to map (tried with one page each).
uint64_t hc_hugepages_free_bytes(void);

// Bytes of hugepages the machine has set aside, free or not. For warnings.
uint64_t hc_hugepages_total_bytes(void);
