// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// PAWS (RFC 7323 5): a segment whose timestamp is older than TS.Recent is old. Timestamps wrap, so
// TS.Recent may say nothing any more once a connection was idle for 24 days (5.5). Noting when the
// last segment came would cost every segment; instead the worker looks at all connections every
// 2^28 ms (3.1 days), and a TS.Recent that stayed the same for eight of those intervals, 24.9 days,
// is outdated: any timestamp is good then, and sets it anew.
//
// What a TS.Recent is compared with stands in rtx_nxt, which means nothing while nothing is in
// flight; something that is in flight does not wait for days.

#include "tcp/tcb.h"

#define HC_PAWS_LOOK_MS (1u << 28)

// Looks that must have found the same: the first finds it, and eight intervals pass.
#define HC_PAWS_LOOKS 9u

// It was looked at `looks` times since the last call, in which time nothing was received.
HC_ALWAYS_INLINE void hc_paws_look(const struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t looks)
{
	uint32_t seen = c->receiving >> HC_RECEIVING_SEEN_SHIFT;

	if (!(t->flags & HC_TCB_TS) || t->state < HC_ESTABLISHED || t->state == HC_TIME_WAIT)
		return;
	c->receiving &= (1u << HC_RECEIVING_SEEN_SHIFT) - 1;
	if (t->snd_una != t->snd_nxt || t->flags & HC_TCB_RECOVERING)
		return;
	if (seen == 0 || c->rtx_nxt != t->ts_recent)
		seen = 1;
	else
		seen += hc_min_u32(looks, HC_PAWS_LOOKS - seen);
	c->rtx_nxt = t->ts_recent;
	if (seen >= HC_PAWS_LOOKS + HC_FAULT(timestamps_outlive_24_days)) {
		c->receiving |= HC_RECEIVING_TS_OUTDATED;
		return;
	}
	c->receiving |= (uint8_t)(seen << HC_RECEIVING_SEEN_SHIFT);
}

// Whether a timestamp is too old, of a connection that has them (5.3, R1).
HC_ALWAYS_INLINE bool hc_paws_fails(const struct hc_tcb *t, const struct hc_tcb_cold *c,
				    uint32_t tsval)
{
	return HC_UNLIKELY(hc_seq_lt(tsval + HC_FAULT(paws_off_by_one), t->ts_recent)) &&
	       !(c->receiving & HC_RECEIVING_TS_OUTDATED);
}

// The timestamp of an acceptable segment is to be echoed (5.3, R3), if it is not older.
HC_ALWAYS_INLINE void hc_paws_take(struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t tsval)
{
	if (hc_seq_lt(tsval, t->ts_recent) && !(c->receiving & HC_RECEIVING_TS_OUTDATED))
		return;
	t->ts_recent = tsval;
	c->receiving &= (uint8_t)~HC_RECEIVING_TS_OUTDATED;
}
