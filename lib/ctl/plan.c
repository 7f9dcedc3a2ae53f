// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The arithmetic of tuples and TIME-WAIT: N source tuples, each occupied for time_wait_ms after its
// connection closed, carry at most N / time_wait connections a second, and at R connections a
// second a tuple comes round every N / R seconds. The life of the connection itself comes on top;
// it is short against TIME-WAIT and known only after the run.

#include <math.h>

#include <handclasp/runtime.h>

#define MS_IN_S 1000.0

void hc_plan_tuples(uint64_t address_count, uint32_t ports_per_address, uint32_t time_wait_ms,
		    double rate_per_s, struct hc_plan *out)
{
	if (__builtin_mul_overflow(address_count, (uint64_t)ports_per_address, &out->tuples))
		out->tuples = UINT64_MAX;
	out->reuse_s = rate_per_s > 0 ? (double)out->tuples / rate_per_s : INFINITY;
	if (out->tuples == 0)
		out->sustained_per_s = 0;
	else if (time_wait_ms == 0)
		out->sustained_per_s = INFINITY;
	else
		out->sustained_per_s = (double)out->tuples * MS_IN_S / time_wait_ms;
	out->is_sustainable = rate_per_s <= out->sustained_per_s;
}
