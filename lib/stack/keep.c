// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Keep-alive on the wire and on the clock (tcp/liveness.h decides). A connection has one timer; it
// is keep-alive's while nothing is in flight. So that nothing of this stands in the way of
// set-up and tear-down, a connection with keep-alive counts as one with data (HC_TCB_DATA), whose
// segments take the longer way.

#include "stack/tx.h"

void hc_keep_arm(struct hc_worker *w, uint32_t idx)
{
	if (hc_live_is_kept(&w->block[idx].tcb, &w->block[idx].cold) &&
	    !hc_timer_is_armed(&w->tcb_timers, idx))
		hc_timer_arm(&w->tcb_timers, idx,
			     hc_live_keep_delay_ms(&w->block[idx].cold, &w->env), w->env.now_ms);
}

struct hc_live *hc_keep_record(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_live *l = hc_live_take(&w->block[idx].cold, &w->env);

	if (!l) {
		w->ctr[HC_CTR_keepalive_no_memory]++;
		return NULL;
	}
	// It goes back with the queues of the connection.
	if (!(t->flags & HC_TCB_DATA)) {
		hc_sock_init(w, idx, w->block[idx].cold.snd_end);
		t->flags |= HC_TCB_DATA;
	}
	return l;
}

bool hc_keep_start(struct hc_worker *w, uint32_t idx)
{
	struct hc_live *l = hc_keep_record(w, idx);

	if (!l)
		return false;
	w->block[idx].cold.switches |= HC_SWITCH_KEEPALIVE;
	l->heard_ms = w->env.now_ms;
	l->probes = 0;
	hc_keep_arm(w, idx);
	return true;
}

void hc_keep_stop(struct hc_worker *w, uint32_t idx)
{
	if (hc_keep_has_timer(w, idx))
		hc_timer_off(&w->tcb_timers, idx);
	w->block[idx].cold.switches &= (uint16_t)~HC_SWITCH_KEEPALIVE;
}

void hc_keep_heard(struct hc_worker *w, uint32_t idx, bool is_taken)
{
	struct hc_live *l;

	if (w->block[idx].tcb.state == HC_CLOSED || w->block[idx].tcb.state == HC_TIME_WAIT)
		return;
	l = hc_live_of(&w->block[idx].cold, &w->env);
	if (is_taken) {
		// After a probe the timer is set for the next: it begins anew.
		if (l->probes && hc_keep_has_timer(w, idx))
			hc_timer_off(&w->tcb_timers, idx);
		l->heard_ms = w->env.now_ms;
		l->probes = 0;
	}
	hc_keep_arm(w, idx);
}

bool hc_keep_has_timer(const struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;

	return hc_live_is_kept(t, &w->block[idx].cold) && t->snd_una == t->snd_nxt &&
	       !(t->flags & HC_TCB_PROBING) && !hc_tcp_ack_is_waiting(t, &w->block[idx].cold);
}

// RFC 9293 3.8.4: <SEQ=SND.NXT-1><ACK=RCV.NXT>, without data.
void hc_keep_probe(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (!m)
		return;
	s = hc_tx_from_tcb(w, t, &w->block[idx].cold);
	s.seq--;
	hc_tx_segment(w, m, &s, t->neigh);
}
