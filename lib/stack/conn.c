// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The application's calls on listeners and connections (RFC 9293 3.10.1, 3.10.4, 3.10.5; sending
// and receiving are in data.c). They change state at once and send at the flush. An event that a
// call causes itself is kept until the next step reports it.

#include "stack/ends.h"
#include "stack/tx.h"
#include "wire/parse_inline.h"

#include <errno.h>

static void late_event(struct hc_worker *w, uint32_t idx, enum hc_event_type type,
		       enum hc_reason reason)
{
	struct hc_event *ev = &w->late[w->late_tail & (w->late_cap - 1)];

	// A connection ends once, and there is room for all of them twice over; but an application
	// that opens and closes without ever stepping could still fill it.
	if (w->late_tail - w->late_head == w->late_cap) {
		w->ctr[HC_CTR_events_lost]++;
		return;
	}
	w->late_tail++;
	*ev = (struct hc_event){
		.type = (uint8_t)type,
		.reason = (uint8_t)reason,
		.cookie = w->block[idx].tcb.cookie,
		.conn = hc_handle(w, idx),
	};
}

static inline uint16_t tcb_flags_of(unsigned conn_flags)
{
	return (uint16_t)((conn_flags & HC_CONN_PIGGYBACK ? HC_TCB_PIGGYBACK : 0) |
			  (conn_flags & HC_CONN_MERGE_CLOSE ? HC_TCB_MERGE_CLOSE : 0));
}

// What the connections of one call have in common.
struct connect_plan {
	const struct hc_connect_args *args;
	struct hc_flow_key remote; // The remote half.
	uint16_t neigh;
	uint16_t flags; // enum hc_tcb_flags.
	bool has_data;  // Their SYNs carry data, or a Fast Open option.
	bool has_form;
	struct hc_syn_form form;
};

// So many SYNs are worth a form.
#define FORM_MIN 4u

static void plan_connects(struct hc_worker *w, const struct hc_connect_args *args, unsigned n,
			  struct connect_plan *p)
{
	p->args = args;
	p->remote = (struct hc_flow_key){.remote_be = hc_to_be32(args->remote_addr),
					 .rport_be = hc_to_be16(args->remote_port)};
	p->neigh = hc_route(w, p->remote.remote_be);
	p->flags = HC_TCB_ACTIVE | tcb_flags_of(args->flags);
	p->has_data = args->flags & HC_CONN_FAST_OPEN || args->data_bytes;
	p->has_form =
		n >= FORM_MIN && !p->has_data && hc_tx_syn_form(w, &p->remote, p->neigh, &p->form);
}

// Opens one connection. @return its index, or what ran out.
static int connect_one(struct hc_worker *w, const struct connect_plan *p, uint32_t cookie,
		       const uint64_t *planned_ns)
{
	uint32_t idx = hc_pool_get(&w->tcb_pool);
	struct hc_flow_key key;
	struct hc_tcb *t;
	uint32_t slot;
	int err;

	if (HC_UNLIKELY(idx == HC_IDX_NONE)) {
		w->ctr[HC_CTR_connect_no_memory]++;
		return -ENOMEM;
	}
	t = &w->block[idx].tcb;
	slot = HC_UNLIKELY(p->args->local_addr)
		       ? hc_tuple_take_at(w, &p->remote, hc_to_be32(p->args->local_addr))
		       : hc_tuple_take(w, &p->remote);
	if (HC_UNLIKELY(slot == HC_TUPLE_NONE)) {
		w->ctr[HC_CTR_connect_no_port]++;
		err = -EADDRNOTAVAIL;
		goto err;
	}
	key = hc_tuple_key(&w->tuples, slot, &p->remote);
	hc_flow_key_write(&t->key, &key);
	t->flags = p->flags;
	t->cookie = cookie;
	t->neigh = p->neigh;
	hc_tcp_open(t, &w->block[idx].cold, &w->env);
	if (HC_UNLIKELY(p->has_data) && !hc_fastopen_prepare(w, idx, p->args)) {
		w->ctr[HC_CTR_connect_no_buffer]++;
		err = -ENOBUFS;
		goto err;
	}
	if (HC_UNLIKELY(!(HC_LIKELY(p->has_form)
				  ? hc_tx_syn_by(w, &p->form, t, w->block[idx].cold.iss)
				  : hc_tx_syn(w, t, &w->block[idx].cold)))) {
		w->ctr[HC_CTR_connect_no_buffer]++;
		err = -ENOBUFS;
		goto err;
	}
	w->tuples.slot[slot] = hc_ref_make(HC_REF_TCB, idx);
	w->tuples.used_count++;
	hc_ends_opened(w, slot, planned_ns);
	hc_timer_arm_fifo(&w->tcb_timers, idx, w->fifo_rto_init, w->env.now_ms);
	w->ctr[HC_CTR_conn_opened_active]++;
	return (int)idx;
err:
	if (t->flags & HC_TCB_DATA)
		hc_sock_free(w, idx);
	memset(&t->key, 0, sizeof t->key);
	t->state = HC_CLOSED;
	t->flags = 0;
	hc_pool_put(&w->tcb_pool, idx);
	return err;
}

unsigned hc_connect(struct hc_worker *w, const struct hc_connect_args *args,
		    const uint32_t *cookies, hc_conn *conns, unsigned n)
{
	struct connect_plan plan;
	unsigned i = 0;
	int idx, err = 0;

	// RFC 9293 MUST-46: nobody is there who could answer, or everybody is. What may not be the
	// source of a packet may not be its destination.
	if (HC_UNLIKELY(hc_parse_is_bad_source(&w->parse_env, hc_to_be32(args->remote_addr))) &&
	    !HC_FAULT(connects_to_everybody)) {
		w->ctr[HC_CTR_connect_bad_address] += n;
		err = -ENETUNREACH;
		n = 0;
	}
	if (HC_UNLIKELY(w->claim.state != HC_CLAIM_HELD)) {
		w->ctr[HC_CTR_connect_unclaimed] += n;
		err = n ? -EADDRNOTAVAIL : err;
		n = 0;
	}
	if (n)
		plan_connects(w, args, n, &plan);
	for (; i < n; i++) {
		idx = connect_one(w, &plan, cookies[i],
				  args->planned_ns ? &args->planned_ns[i] : NULL);
		if (HC_UNLIKELY(idx < 0)) {
			err = idx;
			break;
		}
		if (conns)
			conns[i] = hc_handle(w, (uint32_t)idx);
	}
	if (args->why)
		*args->why = err;
	return i;
}

int hc_listen(struct hc_worker *w, const struct hc_listen_args *args)
{
	if (args->port == 0)
		return -EINVAL;
	if (w->listener_by_port[args->port] != HC_LISTENER_NONE)
		return -EADDRINUSE;
	for (uint32_t i = 0; i < w->listener_cap; i++) {
		struct hc_listener *l = &w->listener[i];

		if (l->is_open || l->half_open_count)
			continue;
		*l = (struct hc_listener){
			.port = args->port,
			.tcb_flags = tcb_flags_of(args->flags),
			.backlog = args->backlog,
			.cookie = args->cookie,
			.is_open = true,
			.has_fast_open = args->flags & HC_CONN_FAST_OPEN,
		};
		if (args->rcv_buf_bytes)
			hc_shape_listen(w, l, args->rcv_buf_bytes);
		w->listener_by_port[args->port] = (uint16_t)i;
		w->listener_count++;
		w->tuples.checks_listeners = true;
		return (int)i;
	}
	return -ENOSPC;
}

int hc_listener_set_flags(struct hc_worker *w, int listener, uint16_t flags)
{
	struct hc_listener *l;

	if (listener < 0 || (uint32_t)listener >= w->listener_cap || !w->listener[listener].is_open)
		return -ENOENT;
	l = &w->listener[listener];
	l->tcb_flags = tcb_flags_of(flags);
	l->has_fast_open = flags & HC_CONN_FAST_OPEN;
	return 0;
}

int hc_unlisten(struct hc_worker *w, int listener)
{
	struct hc_listener *l;

	if (listener < 0 || (uint32_t)listener >= w->listener_cap || !w->listener[listener].is_open)
		return -ENOENT;
	l = &w->listener[listener];
	w->listener_by_port[l->port] = HC_LISTENER_NONE;
	l->is_open = false;
	w->listener_count--;
	w->tuples.checks_listeners = w->listener_count != 0;
	for (uint32_t i = 0; i < w->cfg.syn_cap && l->half_open_count; i++) {
		if (w->syn[i].listener == listener && w->syn[i].key.rport_be) {
			w->ctr[HC_CTR_syn_reset]++;
			hc_syn_forget(w, i);
		}
	}
	return 0;
}

// The handle's TCB for a call that changes it.
static inline uint32_t call_idx(struct hc_worker *w, hc_conn conn)
{
	uint32_t idx = hc_handle_idx(w, conn);

	if (HC_UNLIKELY(idx == HC_IDX_NONE))
		w->ctr[HC_CTR_stale_handles]++;
	return idx;
}

// Carries out what the core made of a call.
static int run_call(struct hc_worker *w, uint32_t idx, hc_verdict v)
{
	enum hc_reason reason = hc_verdict_reason_of(v);

	if (v == 0)
		return -EALREADY;
	if (v & HC_DO_RST)
		hc_tx_rst(w, &w->block[idx].tcb, &w->block[idx].cold);
	if (v & HC_DO_FAILED) {
		w->ctr[HC_CTR_conn_failed_aborted]++;
		late_event(w, idx, HC_EV_FAILED, reason);
	}
	if (v & HC_DO_RESET) {
		w->ctr[HC_CTR_conn_reset_out]++;
		late_event(w, idx, HC_EV_RESET, reason);
	}
	if (v & HC_DO_TIMER_FW2)
		hc_timer_arm_fifo(&w->tcb_timers, idx, w->fifo_fw2, w->env.now_ms);
	if (v & HC_DO_FREE)
		hc_tcb_free(w, idx);
	else if (v & HC_DO_OUTPUT)
		hc_pend(w, idx);
	return 0;
}

int hc_shutdown(struct hc_worker *w, hc_conn conn)
{
	uint32_t idx = call_idx(w, conn);

	if (HC_UNLIKELY(idx == HC_IDX_NONE))
		return -ESTALE;
	return run_call(w, idx, hc_tcp_shutdown(&w->block[idx].tcb));
}

static HC_NOINLINE int close_any(struct hc_worker *w, hc_conn conn)
{
	uint32_t idx = call_idx(w, conn);
	struct hc_tcb *t;
	bool unread = false;

	if (HC_UNLIKELY(idx == HC_IDX_NONE))
		return -ESTALE;
	t = &w->block[idx].tcb;
	if (t->state == HC_TIME_WAIT)
		return -EALREADY; // Closed both ways; kept for its data alone.
	if (HC_UNLIKELY(t->flags & HC_TCB_DATA)) {
		unread = w->block[idx].sock.readable_bytes;
		// Nobody will read it: text in its turn will be answered with RST.
		if (HC_UNLIKELY(hc_tcb_is_holding(&w->block[idx].cold)))
			hc_held_free(w, idx);
	}
	return run_call(w, idx, hc_tcp_close(t, unread, &w->env));
}

int hc_close(struct hc_worker *w, hc_conn conn)
{
	uint32_t idx = hc_handle_block(w, conn);
	uint32_t flags;

	if (HC_UNLIKELY(idx == HC_IDX_NONE) || HC_UNLIKELY(!hc_sock_has_none_unread(w, idx)) ||
	    HC_UNLIKELY(hc_pending_is_full(w)) ||
	    HC_UNLIKELY(!hc_tcp_close_quick(&w->block[idx].tcb, &flags)))
		return close_any(w, conn);
	hc_pend_flags(w, idx, flags);
	return 0;
}

static void abort_one(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;

	if (hc_tcp_abort_sends_rst(t))
		hc_tx_rst(w, t, &w->block[idx].cold);
	if (t->state == HC_SYN_SENT || t->state == HC_SYN_RCVD)
		w->ctr[HC_CTR_conn_failed_aborted]++;
	else
		w->ctr[HC_CTR_conn_reset_out]++;
	hc_tcb_free(w, idx);
}

int hc_abort(struct hc_worker *w, hc_conn conn)
{
	uint32_t idx = call_idx(w, conn);

	if (HC_UNLIKELY(idx == HC_IDX_NONE || w->block[idx].tcb.state == HC_TIME_WAIT))
		return -ESTALE;
	abort_one(w, idx);
	return 0;
}

unsigned hc_abort_all(struct hc_worker *w)
{
	unsigned aborted = 0;

	hc_release_retired(w);
	for (uint32_t i = 0; i < w->cfg.conn_cap; i++) {
		if (w->block[i].tcb.state == HC_CLOSED || w->block[i].tcb.state == HC_TIME_WAIT)
			continue;
		abort_one(w, i);
		aborted++;
		if (w->tx_count >= HC_TX_MAX / 2)
			hc_tx_drain(w);
	}
	for (uint32_t i = 0; i < w->cfg.syn_cap; i++) {
		if (!w->syn[i].key.rport_be)
			continue;
		w->ctr[HC_CTR_syn_reset]++;
		hc_syn_forget(w, i);
	}
	while (w->tw.live_count) {
		w->ctr[HC_CTR_tw_forgotten]++;
		hc_tw_forget(w, w->tw.head & w->tw.mask);
	}
	return aborted;
}

int hc_conn_info(const struct hc_worker *w, hc_conn conn, struct hc_conn_info *out)
{
	uint32_t idx = hc_handle_idx(w, conn);
	const struct hc_tcb *t;
	const struct hc_tcb_cold *c;
	bool has_data;

	if (idx == HC_IDX_NONE)
		return -ESTALE;
	t = &w->block[idx].tcb;
	c = &w->block[idx].cold;
	has_data = t->flags & HC_TCB_DATA;
	*out = (struct hc_conn_info){
		.local_addr = hc_from_be32(t->key.local_be),
		.remote_addr = hc_from_be32(t->key.remote_be),
		.local_port = hc_from_be16(t->key.lport_be),
		.remote_port = hc_from_be16(t->key.rport_be),
		.state = (enum hc_conn_state)t->state,
		.cookie = t->cookie,
		.readable_bytes = has_data ? w->block[idx].sock.readable_bytes : 0,
		.unacked_bytes =
			has_data && hc_seq_lt(t->snd_una, c->snd_end) ? c->snd_end - t->snd_una : 0,
		.srtt_us = c->srtt_us,
		.rttvar_us = c->rttvar_us,
		.rto_ms = c->rto_ms,
		.flight_bytes = t->snd_nxt - t->snd_una,
		.cwnd_bytes = c->cwnd,
		.ssthresh_bytes = c->ssthresh,
		.snd_wnd_bytes = t->snd_wnd,
		.rcv_wnd_bytes = t->rcv_edge - t->rcv_nxt,
		.mss = c->mss,
		.retries = c->retries,
		.snd_wscale = c->snd_wscale,
		.rcv_wscale = c->rcv_wscale,
		.has_timestamps = t->flags & HC_TCB_TS,
		.has_sack = t->flags & HC_TCB_SACK,
	};
	return 0;
}

int hc_conn_set_cookie(struct hc_worker *w, hc_conn conn, uint32_t cookie)
{
	uint32_t idx = call_idx(w, conn);

	if (idx == HC_IDX_NONE)
		return -ESTALE;
	w->block[idx].tcb.cookie = cookie;
	return 0;
}
