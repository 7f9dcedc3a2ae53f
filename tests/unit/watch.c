// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See watch.h.

#include "watch.h"

#define ACK_DELAY_MAX_MS 500u
#define HOLD_BACK_MAX_MS 1001u // RFC 9293 3.8.6.2.1: the override timeout, and the clock's tick.

static bool is_synchronized(const struct hc_tcb *t)
{
	return t->state >= HC_ESTABLISHED && t->state < HC_TIME_WAIT;
}

static const char *check_numbers(struct watch_conn *k, const struct hc_tcb *t,
				 const struct hc_tcb_cold *c)
{
	bool is_known = k->is_known && k->gen == t->gen;
	hc_seq end = c->snd_end + ((t->flags & HC_TCB_FIN_QUEUED) != 0);

	if (!hc_seq_le(t->snd_una, t->snd_nxt))
		return "SND.UNA is beyond SND.NXT";
	if (!hc_seq_le(t->snd_nxt, end))
		return "SND.NXT is beyond what was queued";
	if (t->flags & HC_TCB_FIN_SENT && t->snd_nxt != end)
		return "a FIN that is sent is not the last";
	if (!hc_seq_le(t->rcv_nxt, t->rcv_edge))
		return "RCV.NXT is beyond the window";
	if (is_known && !hc_seq_le(k->snd_una, t->snd_una))
		return "SND.UNA went back";
	if (is_known && !hc_seq_le(k->snd_nxt, t->snd_nxt))
		return "SND.NXT went back";
	if (is_known && !hc_seq_le(k->rcv_nxt, t->rcv_nxt))
		return "RCV.NXT went back";
	if (is_known && !hc_seq_le(k->rcv_edge, t->rcv_edge))
		return "the right edge of the window moved left";
	k->gen = t->gen;
	k->is_known = true;
	k->snd_una = t->snd_una;
	k->snd_nxt = t->snd_nxt;
	k->rcv_nxt = t->rcv_nxt;
	k->rcv_edge = t->rcv_edge;
	return NULL;
}

// Who waits for something that may not come has to have a timer.
static const char *check_owner(const struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	const struct hc_tcb_cold *c = &w->block[idx].cold;
	bool is_unsent = hc_seq_lt(t->snd_nxt, c->snd_end) ||
			 (t->flags & (HC_TCB_FIN_QUEUED | HC_TCB_FIN_SENT)) == HC_TCB_FIN_QUEUED;

	if (hc_timer_is_armed(&w->tcb_timers, idx) || t->flags & HC_TCB_PENDING)
		return NULL;
	if (!is_synchronized(t))
		return "it is being opened, and has no timer";
	if (t->snd_una != t->snd_nxt)
		return "something is unacknowledged, and it has no timer";
	if (is_unsent)
		return "something is unsent, and it has no timer";
	if (t->state == HC_FIN_WAIT_2 && t->flags & HC_TCB_NO_RECEIVE && w->cfg.fin_wait2_ms)
		return "it waits in FIN-WAIT-2 for ever";
	return NULL;
}

// RFC 9293 MUST-58: an ACK waits half a second at most, as far as the worker was let to work.
static const char *check_ack_delay(struct watch_conn *k, const struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	bool has_waited = k->is_ack_owed && k->acked_gen == t->gen && k->owed_nxt == t->rcv_nxt;

	k->is_ack_owed = t->flags & HC_TCB_ACK_OWED && !(t->flags & HC_TCB_PENDING);
	if (!has_waited) {
		k->owed_since_ms = w->env.now_ms;
		k->acked_gen = t->gen;
		k->owed_nxt = t->rcv_nxt;
	} else if (k->is_ack_owed && w->env.now_ms - k->owed_since_ms > ACK_DELAY_MAX_MS) {
		return "an ACK is owed for more than half a second";
	}
	return NULL;
}

// RFC 9293 3.8.6.2.1: less than a segment waits for the override timeout at most, when nothing is
// in flight and the window is open. What found no buffer is pending.
static const char *check_hold_back(struct watch_conn *k, const struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	bool has_waited = k->is_held_back && k->held_gen == t->gen && k->held_nxt == t->snd_nxt;

	k->is_held_back = t->snd_una == t->snd_nxt && t->snd_wnd != 0 &&
			  hc_seq_lt(t->snd_nxt, w->block[idx].cold.snd_end) &&
			  !(t->flags & HC_TCB_PENDING);
	if (!has_waited) {
		k->held_since_ms = w->env.now_ms;
		k->held_gen = t->gen;
		k->held_nxt = t->snd_nxt;
	} else if (k->is_held_back && w->env.now_ms - k->held_since_ms > HOLD_BACK_MAX_MS) {
		return "data is held back for more than the override timeout";
	}
	return NULL;
}

static const char *check_conn(struct watch *v, const struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	const char *bad;

	if (hc_flow_find(w, &t->key) != hc_ref_make(HC_REF_TCB, idx))
		return "it is not found under its key";
	if (!is_synchronized(t)) {
		v->conn[idx].is_known = false;
		if (t->state != HC_SYN_SENT && t->state != HC_SYN_RCVD)
			return "it is in a state that no connection has";
	} else {
		bad = check_numbers(&v->conn[idx], t, &w->block[idx].cold);
		bad = bad ? bad : check_ack_delay(&v->conn[idx], w, idx);
		bad = bad ? bad : check_hold_back(&v->conn[idx], w, idx);
		if (bad)
			return bad;
	}
	return check_owner(w, idx);
}

static const char *check_time_wait(struct watch *v, const struct hc_worker *w)
{
	const struct hc_tw_ring *r = &w->tw;
	uint64_t ended = w->ctr[HC_CTR_tw_reused] + w->ctr[HC_CTR_tw_forgotten];
	uint32_t before_ms = w->env.now_ms;
	uint32_t live = 0;

	for (uint32_t pos = r->head; pos != r->tail; pos++) {
		const struct hc_tw_mini *m = &r->mini[pos & r->mask];

		if (!(m->flags & HC_TW_LIVE))
			continue;
		live++;
		// What is due at once was already let go by the step.
		if (!hc_seq_le(before_ms, m->deadline_ms))
			return "a TIME-WAIT is too old, or out of its turn";
		if (hc_seq_gt(m->deadline_ms, w->env.now_ms + w->cfg.time_wait_ms))
			return "a TIME-WAIT lasts longer than 2 MSL";
		before_ms = m->deadline_ms;
	}
	if (live != r->live_count)
		return "TIME-WAITs are miscounted";
	// The youngest one entered, or began anew, in this step, and is still there.
	if (w->ctr[HC_CTR_tw_entered] != v->tw_entered && ended == v->tw_ended && live != 0 &&
	    before_ms != w->env.now_ms + w->cfg.time_wait_ms)
		return "a TIME-WAIT does not begin with 2 MSL";
	v->tw_entered = w->ctr[HC_CTR_tw_entered];
	v->tw_ended = ended;
	return NULL;
}

void watch_reset(struct watch *v)
{
	*v = (struct watch){0};
}

const char *watch_worker(struct watch *v, const struct hc_worker *w, uint32_t *idx)
{
	uint32_t live = 0;
	uint32_t half_open = 0;

	HC_ASSERT(w->cfg.conn_cap <= WATCH_CONNS_MAX);
	for (*idx = 0; *idx < w->cfg.conn_cap; ++*idx) {
		const struct hc_tcb *t = &w->block[*idx].tcb;
		const char *bad;

		if (t->state == HC_CLOSED && hc_timer_is_armed(&w->tcb_timers, *idx))
			return "a timer is armed of nobody";
		if (t->state == HC_CLOSED)
			continue;
		live++;
		if (t->state == HC_TIME_WAIT) // Closed, but for what nobody has read yet.
			continue;
		bad = check_conn(v, w, *idx);
		if (bad)
			return bad;
	}
	*idx = HC_IDX_NONE;
	if (live != hc_pool_used(&w->tcb_pool))
		return "blocks are in use that no connection has";
	for (uint32_t i = 0; i < w->cfg.syn_cap; i++)
		half_open += hc_timer_is_armed(&w->syn_timers, i);
	if (half_open != hc_pool_used(&w->syn_pool))
		return "a half-open connection has no timer";
	return check_time_wait(v, w);
}

const char *watch_ends(const struct hc_tcb *a, const struct hc_tcb_cold *a_cold,
		       const struct hc_tcb *b, const struct hc_tcb_cold *b_cold)
{
	if (!is_synchronized(a) || !is_synchronized(b) || a_cold->iss != b_cold->irs ||
	    b_cold->iss != a_cold->irs)
		return NULL;
	if (!hc_seq_le(a->rcv_nxt, b->snd_nxt))
		return "more was received than sent";
	if (!hc_seq_le(b->snd_una, a->rcv_nxt))
		return "more is taken for acknowledged than was received";
	if (!hc_seq_le(b->snd_nxt, a->rcv_edge + 1))
		return "more was sent than the window let in";
	return NULL;
}
