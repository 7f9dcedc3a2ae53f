// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Pools of packet buffers, laid out well with and without hugepages.

#include "base/base.h"

struct rte_mempool;

// A pool of `count` buffers of `buf_bytes` (headroom included). From memory of `node` (-1: any), or
// of any node when that has none left: slower beats not at all, and the environment's warnings
// tell. name: unique, at most 20 characters. @return NULL without memory.
struct rte_mempool *hc_buffers_make(const char *name, uint32_t count, uint32_t buf_bytes, int node,
				    bool has_hugepages);
