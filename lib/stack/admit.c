// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The limits of what listeners take (hc_worker_admit). run.c comes here with a SYN that would make
// a connection, and with the ACK that brings a SYN cookie back, and only while there is a limit.
// What is over one is dropped without a word, as devices at their limit do: the peer sends its SYN
// again when its timer says so. In which order limits are looked at decides which counter moves:
// refusals first, which stand for a port that is closed, then room, then rate.

#include "stack/tx.h"

#define HC_MILLION 1000000u

uint32_t hc_worker_admit(struct hc_worker *w, const struct hc_admission *limits)
{
	uint32_t taken = w->admitted;

	w->admission = *limits;
	w->admitted = 0;
	w->is_choosy = limits->syns != HC_ADMIT_ALL || limits->conns != HC_ADMIT_ALL ||
		       limits->refused > 0;
	hc_admit_look(w);
	return taken;
}

void hc_admit_look(struct hc_worker *w)
{
	w->looks_at_syns = w->always_cookies || w->is_choosy ||
			   (HC_FORCE uint32_t)w->flood.watched_mask_be != 0;
}

// Whether there may be one connection more.
HC_NOINLINE bool hc_admit_conn(struct hc_worker *w)
{
	const uint32_t limit = w->admission.conns;

	if (limit == HC_ADMIT_ALL || hc_pool_used(&w->tcb_pool) + hc_pool_used(&w->syn_pool) <
					     limit + HC_FAULT(one_connection_too_many))
		return true;
	w->ctr[HC_CTR_tcp_over_conns]++;
	return false;
}

HC_NOINLINE bool hc_admit_syn(struct hc_worker *w, const struct hc_seg *syn, bool has_room)
{
	struct hc_admission *a = &w->admission;

	if (a->refused > 0 && hc_rng_below(&w->admission_rng, HC_MILLION) < a->refused) {
		w->ctr[HC_CTR_tcp_syn_refused]++;
		hc_tx_rst_reply(w, syn);
		return false;
	}
	if (!hc_admit_conn(w))
		return false;
	if (a->syns == HC_ADMIT_ALL || !has_room)
		return true;
	if (a->syns == 0) {
		w->ctr[HC_CTR_tcp_syn_over_rate]++;
		return false;
	}
	a->syns -= !HC_FAULT(syns_not_rationed);
	w->admitted++;
	return true;
}
