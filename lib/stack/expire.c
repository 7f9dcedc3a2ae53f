// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What time does to flows: TIME-WAITs that lasted 2 MSL, SYN minis and connections whose timer went
// off. A step expires a bounded number of each, so that it stays a step; what is left is due at
// once in the next.

#include "stack/tuple.h"
#include "stack/tx.h"
#include "tcp/paws.h"

#define HC_EXPIRE_TW_MAX    (4 * HC_BURST_MAX)
#define HC_EXPIRE_TIMER_MAX 64u

// Works out where the next TIME-WAIT that nobody looked at is referenced from, and fetches a
// bucket: the ends of those before it lie between this and its own. (A tuple's slot is in a line
// that those of its neighbours are in as well.)
HC_ALWAYS_INLINE void look_ahead(struct hc_worker *w)
{
	const struct hc_tw_ring *r = &w->tw;
	uint32_t pos = w->tw_ahead.pos;
	const struct hc_tw_mini *m = &r->mini[pos & r->mask];
	uint32_t *where = &w->tw_ahead.where[pos % HC_TW_AHEAD];

	hc_prefetch(&r->mini[(pos + HC_TW_AHEAD) & r->mask]);
	w->tw_ahead.pos = pos + 1;
	if (m->flags & HC_TW_ACTIVE) {
		*where = hc_tuple_slot(&w->tuples, &m->key);
	} else if (m->flags & HC_TW_LIVE) { // Else it is a hole.
		*where = hc_hash_key(&w->env.secret, &m->key);
		hc_table_prefetch(&w->table, *where);
	}
}

static HC_NOINLINE void expire_time_wait(struct hc_worker *w)
{
	struct hc_tw_ring *r = &w->tw;

	for (unsigned n = 0; n < HC_EXPIRE_TW_MAX; n++) {
		uint32_t pos = r->head;
		uint32_t idx;

		while (w->tw_ahead.pos != r->tail && w->tw_ahead.pos - pos < HC_TW_AHEAD)
			look_ahead(w);
		idx = hc_tw_ring_due(r, w->env.now_ms);
		if (idx == HC_IDX_NONE)
			break;
		w->ctr[HC_CTR_tw_expired]++;
		hc_tw_forget_at(w, idx, w->tw_ahead.where[pos % HC_TW_AHEAD]);
	}
}

static void expire_syn(struct hc_worker *w)
{
	uint32_t due[HC_EXPIRE_TIMER_MAX];
	unsigned n = hc_timers_expire(&w->syn_timers, w->env.now_ms, due, HC_EXPIRE_TIMER_MAX);

	for (unsigned i = 0; i < n; i++) {
		struct hc_syn_mini *y = &w->syn[due[i]];
		hc_verdict v = hc_syn_timeout(y, &w->env);

		if (v & HC_DO_SYNACK)
			hc_tx_synack(w, y);
		if (v & HC_DO_TIMER_RTX)
			hc_timer_arm(&w->syn_timers, due[i], y->rto_ms, w->env.now_ms);
		if (v & HC_DO_FREE)
			hc_syn_forget(w, due[i]);
	}
}

// How long the timer of a connection with something in flight has to run.
static uint32_t loss_delay_ms(const struct hc_worker *w, uint32_t idx)
{
	return hc_recovery_delay_ms(&w->block[idx].tcb, &w->block[idx].cold, &w->env);
}

static uint32_t live_delay_ms(const struct hc_worker *w, uint32_t idx)
{
	return hc_live_delay_ms(&w->block[idx].tcb, &w->block[idx].cold, &w->env,
				loss_delay_ms(w, idx));
}

void hc_arm_loss(struct hc_worker *w, uint32_t idx)
{
	hc_timer_arm(&w->tcb_timers, idx, loss_delay_ms(w, idx), w->env.now_ms);
}

void hc_arm_sent(struct hc_worker *w, uint32_t idx)
{
	uint32_t delay_ms;

	if (!hc_timer_is_armed(&w->tcb_timers, idx)) {
		hc_arm_loss(w, idx);
		return;
	}
	// RFC 8985 7.2: also what was sent before has its probe when more is in flight. Never later
	// than the timer that runs, which bounds it by the retransmission timeout.
	if (!hc_tlp_may(&w->block[idx].tcb, &w->block[idx].cold, &w->env))
		return;
	delay_ms = loss_delay_ms(w, idx);
	if (hc_seq_lt(w->env.now_ms + delay_ms, hc_timer_node(&w->tcb_timers, idx)->deadline_ms))
		hc_timer_arm(&w->tcb_timers, idx, delay_ms, w->env.now_ms);
}

static void expire_tcb(struct hc_worker *w)
{
	uint32_t due[HC_EXPIRE_TIMER_MAX];
	unsigned room = w->event_max - w->event_count;
	unsigned n = hc_timers_expire(&w->tcb_timers, w->env.now_ms, due,
				      room < HC_EXPIRE_TIMER_MAX ? room : HC_EXPIRE_TIMER_MAX);

	for (unsigned i = 0; i < n; i++) {
		struct hc_tcb *t = &w->block[due[i]].tcb;
		uint8_t retries = w->block[due[i]].cold.retries;
		hc_verdict v = hc_tcp_timeout(t, &w->block[due[i]].cold, &w->env);
		bool is_retry = w->block[due[i]].cold.retries != retries;

		if (v & HC_DO_PROBE) {
			if (v & HC_DO_KEEPALIVE)
				hc_keep_probe(w, due[i]);
			else
				hc_conn_probe(w, due[i]);
		}
		if (HC_UNLIKELY(v & HC_DO_TAIL_PROBE))
			hc_conn_tail_probe(w, due[i]);
		// RACK's timer says nothing of size: something behind has come.
		if (v & HC_DO_OUTPUT && is_retry && w->block[due[i]].cold.retries >= 2)
			hc_pmtu_timeout(w, due[i], w->block[due[i]].cold.retries);
		hc_run_timeout(w, due[i], v);
		// An ACK that waited and found no buffer goes at the flush, and its timer is
		// keep-alive's again.
		if (HC_UNLIKELY(t->flags & HC_TCB_ACK_OWED))
			hc_pend(w, due[i]);
		hc_keep_arm(w, due[i]);
		if (HC_UNLIKELY(v & HC_DO_TIMER_RTX &&
				w->block[due[i]].cold.switches & HC_SWITCH_LIVE))
			hc_timer_arm(&w->tcb_timers, due[i], live_delay_ms(w, due[i]),
				     w->env.now_ms);
	}
}

void hc_paws_tick(struct hc_worker *w)
{
	uint32_t looks = (w->env.now_ms - w->paws_ms) / HC_PAWS_LOOK_MS;

	w->paws_ms += looks * HC_PAWS_LOOK_MS;
	for (uint32_t idx = 0; idx < w->cfg.conn_cap; idx++)
		if (w->block[idx].tcb.state != HC_CLOSED)
			hc_paws_look(&w->block[idx].tcb, &w->block[idx].cold, looks);
}

void hc_expire(struct hc_worker *w)
{
	if (hc_tw_ring_due(&w->tw, w->env.now_ms) != HC_IDX_NONE)
		expire_time_wait(w);
	if (w->syn_timers.listed_count)
		expire_syn(w);
	if (w->tcb_timers.listed_count)
		expire_tcb(w);
}

// The earliest of several times.
struct earliest {
	uint32_t ms;
	bool is_set;
};

static void take_earlier(struct earliest *e, uint32_t due_ms)
{
	if (!e->is_set || hc_seq_lt(due_ms, e->ms))
		e->ms = due_ms;
	e->is_set = true;
}

uint64_t hc_next_due_ns(const struct hc_worker *w)
{
	struct earliest e = {.is_set = false};
	uint64_t due_ns, flood_ns;
	uint32_t due_ms;

	if (w->late_head != w->late_tail || w->pending_count || w->tx_count)
		return w->env.now_ns;
	// Not started: its next step is the first, or one of the probing.
	if (w->claim.state == HC_CLAIM_PROBING && w->claim.has_begun)
		take_earlier(&e, w->claim.due_ms);
	if (w->tw.head != w->tw.tail)
		take_earlier(&e, w->tw.mini[w->tw.head & w->tw.mask].deadline_ms);
	if (hc_timers_next_due_ms(&w->syn_timers, w->env.now_ms, &due_ms))
		take_earlier(&e, due_ms);
	if (hc_timers_next_due_ms(&w->tcb_timers, w->env.now_ms, &due_ms))
		take_earlier(&e, due_ms);
	if (hc_neigh_next_due_ms(w, &due_ms))
		take_earlier(&e, due_ms);
	if (hc_reasm_next_due_ms(w, &due_ms))
		take_earlier(&e, due_ms);
	if (hc_pmtu_next_due_ms(w, &due_ms))
		take_earlier(&e, due_ms);
	if (e.is_set && hc_seq_le(e.ms, w->env.now_ms))
		return w->env.now_ns;
	due_ns = e.is_set ? w->next_ms_ns + (uint64_t)(e.ms - w->env.now_ms - 1) * 1000000u
			  : UINT64_MAX;
	if (hc_flood_next_due_ns(w, &flood_ns))
		due_ns = flood_ns < due_ns ? flood_ns : due_ns;
	return due_ns;
}
