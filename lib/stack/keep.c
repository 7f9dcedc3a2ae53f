// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Keep-alive on the wire and on the clock (tcp/liveness.h decides). A connection has one timer; it
// is keep-alive's while nothing is in flight. So that nothing of this stands in the way of
// set-up and tear-down, a connection with keep-alive counts as one with data (HC_TCB_DATA), whose
// segments take the longer way.

#include "stack/tx.h"

void hc_keep_arm(struct hc_worker *w, uint32_t idx)
{
	if (hc_live_is_kept(&w->tcb[idx], &w->cold[idx]) && !hc_timer_is_armed(&w->tcb_timers, idx))
		hc_timer_arm(&w->tcb_timers, idx, hc_live_keep_delay_ms(&w->cold[idx], &w->env),
			     w->env.now_ms);
}

struct hc_live *hc_keep_record(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->tcb[idx];
	struct hc_live *l = hc_live_take(&w->cold[idx], &w->env);

	if (!l) {
		w->ctr[HC_CTR_keepalive_no_memory]++;
		return NULL;
	}
	// It goes back with the queues of the connection.
	if (!(t->flags & HC_TCB_DATA)) {
		hc_sock_init(w, idx, w->cold[idx].snd_end);
		t->flags |= HC_TCB_DATA;
	}
	return l;
}

bool hc_keep_start(struct hc_worker *w, uint32_t idx)
{
	struct hc_live *l = hc_keep_record(w, idx);

	if (!l)
		return false;
	w->cold[idx].switches |= HC_SWITCH_KEEPALIVE;
	l->heard_ms = w->env.now_ms;
	l->probes = 0;
	hc_keep_arm(w, idx);
	return true;
}

void hc_keep_stop(struct hc_worker *w, uint32_t idx)
{
	if (hc_keep_has_timer(w, idx))
		hc_timer_off(&w->tcb_timers, idx);
	w->cold[idx].switches &= (uint16_t)~HC_SWITCH_KEEPALIVE;
}

void hc_keep_heard(struct hc_worker *w, uint32_t idx, bool is_taken)
{
	struct hc_live *l;

	if (w->tcb[idx].state == HC_CLOSED || w->tcb[idx].state == HC_TIME_WAIT)
		return;
	l = hc_live_of(&w->cold[idx], &w->env);
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
	const struct hc_tcb *t = &w->tcb[idx];

	return hc_live_is_kept(t, &w->cold[idx]) && t->snd_una == t->snd_nxt &&
	       !(t->flags & HC_TCB_PROBING) && !hc_tcp_ack_is_waiting(t, &w->cold[idx]);
}

// RFC 9293 3.8.4: <SEQ=SND.NXT-1><ACK=RCV.NXT>, without data.
void hc_keep_probe(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->tcb[idx];
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (!m)
		return;
	s = hc_tx_from_tcb(w, t, &w->cold[idx]);
	s.seq--;
	hc_tx_segment(w, m, &s, t->neigh);
}
