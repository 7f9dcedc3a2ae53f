// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Recording times. A step has one time, so segments of one burst that answer what went out in one
// burst took equally long: they are counted, and recorded together when another time comes or the
// burst ends. Nothing is left to record between two steps.

#include "base/hist_inline.h"
#include "stack/worker.h"

HC_NOINLINE void hc_time_settle(struct hc_worker *w, enum hc_latency which);

// A time in units of the histograms.
HC_ALWAYS_INLINE void hc_time_record(struct hc_worker *w, enum hc_latency which, uint32_t units)
{
	struct hc_time_run *r = &w->time_run[which];

	if (!HC_WITH_LATENCY)
		return;
	if (HC_UNLIKELY(r->units != units)) {
		if (r->count)
			hc_time_settle(w, which);
		r->units = units;
	}
	r->count++;
}

// At the end of a burst.
HC_ALWAYS_INLINE void hc_times_settle(struct hc_worker *w)
{
	for (unsigned i = 0; HC_WITH_LATENCY && i < HC_LATENCY_COUNT; i++)
		if (w->time_run[i].count && !HC_FAULT(last_times_not_recorded))
			hc_time_settle(w, (enum hc_latency)i);
}
