// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// From counters to the words of the result. Live and opening are derived from the books, not read
// from the pools: the audit compares the two.

#include "stats.h"

static uint64_t count(const struct hc_snapshot *s, enum hc_counter c)
{
	return s->counter[c];
}

void view_of(const struct hc_snapshot *s, enum side side, struct view *out)
{
	if (side == SIDE_CLIENT) {
		out->opened = count(s, HC_CTR_conn_opened_active);
		out->established = count(s, HC_CTR_conn_established_active);
		out->failed = count(s, HC_CTR_conn_failed_refused) +
			      count(s, HC_CTR_conn_failed_timed_out) +
			      count(s, HC_CTR_conn_failed_unreachable) +
			      count(s, HC_CTR_conn_failed_aborted);
	} else {
		out->opened = count(s, HC_CTR_conn_opened_passive);
		out->established = count(s, HC_CTR_conn_established_passive);
		out->failed = count(s, HC_CTR_syn_expired) + count(s, HC_CTR_syn_reset);
	}
	out->closed = count(s, HC_CTR_conn_closed);
	out->reset = count(s, HC_CTR_conn_reset_in) + count(s, HC_CTR_conn_reset_out) +
		     count(s, HC_CTR_conn_timed_out) + count(s, HC_CTR_conn_fin_wait2_expired);
	out->live = out->established - out->closed - out->reset;
	out->opening = out->opened - out->established - out->failed;
	out->retransmitted = count(s, HC_CTR_rtx_syn) + count(s, HC_CTR_rtx_synack) +
			     count(s, HC_CTR_rtx_data) + count(s, HC_CTR_rtx_fin);
}

void snapshot_add(struct hc_snapshot *into, const struct hc_snapshot *from)
{
	for (unsigned i = 0; i < HC_CTR_COUNT; i++)
		into->counter[i] += from->counter[i];
	into->conn_live += from->conn_live;
	into->conn_established += from->conn_established;
	into->syn_live += from->syn_live;
	into->time_wait_live += from->time_wait_live;
}

void snapshot_subtract(struct hc_snapshot *into, const struct hc_snapshot *later,
		       const struct hc_snapshot *earlier)
{
	*into = *later;
	for (unsigned i = 0; i < HC_CTR_COUNT; i++)
		into->counter[i] -= earlier->counter[i];
}

uint64_t counters_of_kind(const struct hc_snapshot *s, enum hc_counter_kind kind)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HC_CTR_COUNT; i++) {
		if (hc_counter_table[i].kind == kind)
			sum += s->counter[i];
	}
	return sum;
}
