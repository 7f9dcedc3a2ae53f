// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// IPv4 prefixes as the configuration has them, in host order.

#include <handclasp/types.h>

// The netmask of a length of 0 to 32.
static inline uint32_t hc_prefix_mask(uint8_t len)
{
	return len ? UINT32_MAX << (32 - len) : 0;
}

static inline bool hc_prefix_has(const struct hc_prefix *p, uint32_t addr)
{
	return ((addr ^ p->addr) & hc_prefix_mask(p->len)) == 0;
}

// Whether two have an address in common.
static inline bool hc_prefixes_overlap(const struct hc_prefix *a, const struct hc_prefix *b)
{
	return hc_prefix_has(a, b->addr) || hc_prefix_has(b, a->addr);
}
