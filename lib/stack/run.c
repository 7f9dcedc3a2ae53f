// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a segment does to its flow: finds the object it really belongs to, asks the pure core, and
// carries out the verdict: answers, timers, events, and what becomes of the object (SYN mini to
// TCB, TCB to TIME-WAIT mini, anything to nothing).

#include "stack/ends.h"
#include "stack/tx.h"
#include "tcp/quick.h"
#include "wire/parse_inline.h"

// Where a flow is referenced from: its tuple slot when we opened it, its hash in the flow table
// when the peer did. A segment brings it along.
HC_ALWAYS_INLINE uint32_t flow_where(const struct hc_worker *w, const struct hc_flow_key *key,
				     bool is_active)
{
	return is_active ? hc_tuple_slot(&w->tuples, key) : hc_hash_key(&w->env.secret, key);
}

HC_ALWAYS_INLINE uint32_t seg_where(const struct hc_seg *seg, bool is_active)
{
	return is_active ? seg->slot : seg->hash;
}

HC_ALWAYS_INLINE void flow_replace(struct hc_worker *w, uint32_t where, bool is_active,
				   hc_ref old_ref, hc_ref new_ref)
{
	if (is_active) {
		HC_ASSERT(w->tuples.slot[where] == old_ref);
		w->tuples.slot[where] = new_ref;
	} else {
		hc_table_replace(&w->table, where, old_ref, new_ref);
	}
}

HC_ALWAYS_INLINE void flow_remove(struct hc_worker *w, uint32_t where, bool is_active, hc_ref ref)
{
	if (is_active) {
		HC_ASSERT(w->tuples.slot[where] == ref);
		w->tuples.slot[where] = HC_REF_NONE;
		w->tuples.used_count--;
	} else {
		hc_table_remove(&w->table, where, ref);
	}
}

static inline hc_ref flow_find_by_hash(const struct hc_worker *w, const struct hc_flow_key *key,
				       uint32_t hash)
{
	struct hc_table_cursor at;
	hc_ref ref = hc_table_first(&w->table, hash, &at);

	while (ref != HC_REF_NONE && !hc_flow_key_equal(hc_ref_key(w, ref), key))
		ref = hc_table_next(&w->table, &at);
	return ref;
}

hc_ref hc_flow_find(const struct hc_worker *w, const struct hc_flow_key *key)
{
	uint32_t slot = hc_tuple_slot(&w->tuples, key);

	if (slot != HC_TUPLE_NONE) {
		hc_ref ref = w->tuples.slot[slot];

		if (ref != HC_REF_NONE && hc_flow_key_equal(hc_ref_key(w, ref), key))
			return ref;
	}
	return flow_find_by_hash(w, key, hc_hash_key(&w->env.secret, key));
}

// What a closed connection received and the application has not taken stays until the next step,
// and its block with it: in TIME-WAIT, without a key, on no list of flows and with no timer.
static HC_NOINLINE bool tcb_retire(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;

	if (t->flags & HC_TCB_NO_RECEIVE)
		return false;
	HC_ASSERT(w->retired_count < HC_ARRAY_LEN(w->retired));
	t->flags &= (uint16_t) ~(HC_TCB_PENDING | HC_TCB_ACK_OWED);
	t->state = HC_TIME_WAIT;
	if (HC_UNLIKELY(w->has_shapes))
		hc_shape_last(w, idx);
	memset(&t->key, 0, sizeof t->key); // A segment behind in the burst must not find it.
	w->retired[w->retired_count++] = idx;
	return true;
}

// Gives the block back; nothing refers to it any more. has_closed: in order, so that what was
// received may still be wanted.
HC_ALWAYS_INLINE void tcb_release(struct hc_worker *w, uint32_t idx, bool has_closed)
{
	struct hc_tcb *t = &w->block[idx].tcb;

	hc_timer_off(&w->tcb_timers, idx);
	if (HC_UNLIKELY(t->flags & HC_TCB_DATA)) {
		if (w->block[idx].cold.switches & HC_SWITCH_SYN_OWED)
			hc_fastopen_end(w, idx);
		if (HC_UNLIKELY(w->block[idx].sock.readable_bytes) && has_closed &&
		    tcb_retire(w, idx))
			return;
		if (HC_UNLIKELY(!hc_sock_is_empty(w, idx)))
			hc_sock_free(w, idx);
	}
	memset(&t->key, 0, sizeof t->key);
	t->flags = 0;
	t->gen = (uint16_t)(t->gen + !HC_FAULT(handle_not_renewed));
	t->state = HC_CLOSED;
	if (!HC_FAULT(connection_block_lost))
		hc_pool_put(&w->tcb_pool, idx);
}

void hc_release_retired(struct hc_worker *w)
{
	for (unsigned i = 0; i < w->retired_count; i++)
		tcb_release(w, w->retired[i], false);
	w->retired_count = 0;
}

HC_ALWAYS_INLINE void tcb_free(struct hc_worker *w, uint32_t idx, uint32_t where, bool has_closed)
{
	flow_remove(w, where, w->block[idx].tcb.flags & HC_TCB_ACTIVE,
		    hc_ref_make(HC_REF_TCB, idx));
	tcb_release(w, idx, has_closed);
}

void hc_tcb_free(struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;

	tcb_free(w, idx, flow_where(w, &t->key, t->flags & HC_TCB_ACTIVE), false);
}

// A mini gives its room back; the flow table has let go of it.
HC_ALWAYS_INLINE void syn_release(struct hc_worker *w, uint32_t idx, struct hc_listener *l)
{
	struct hc_syn_mini *y = &w->syn[idx];

	hc_timer_off(&w->syn_timers, idx);
	memset(&y->key, 0, sizeof y->key);
	HC_ASSERT(l->half_open_count > 0);
	l->half_open_count--;
	hc_pool_put(&w->syn_pool, idx);
}

void hc_syn_forget(struct hc_worker *w, uint32_t idx)
{
	struct hc_syn_mini *y = &w->syn[idx];

	flow_remove(w, flow_where(w, &y->key, false), false, hc_ref_make(HC_REF_SYN, idx));
	syn_release(w, idx, &w->listener[y->listener]);
}

// A mini leaves the ring. The head may pass what was looked ahead to, for any number of positions
// before one comes due.
HC_ALWAYS_INLINE void tw_drop(struct hc_worker *w, uint32_t idx)
{
	hc_tw_ring_drop(&w->tw, idx);
	if (HC_UNLIKELY(w->tw_ahead.pos - w->tw.head > HC_TW_AHEAD))
		w->tw_ahead.pos = w->tw.head;
}

void hc_tw_forget_at(struct hc_worker *w, uint32_t idx, uint32_t where)
{
	bool is_active = w->tw.mini[idx].flags & HC_TW_ACTIVE;

	flow_remove(w, where, is_active, hc_ref_make(HC_REF_TW, idx));
	tw_drop(w, idx);
}

void hc_tw_forget(struct hc_worker *w, uint32_t idx)
{
	const struct hc_tw_mini *m = &w->tw.mini[idx];

	hc_tw_forget_at(w, idx, flow_where(w, &m->key, m->flags & HC_TW_ACTIVE));
}

// The TCB's last act: a TIME-WAIT mini takes its place, if it may.
HC_ALWAYS_INLINE void enter_time_wait(struct hc_worker *w, uint32_t idx, uint32_t where)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	uint32_t tw_idx;

	if (HC_UNLIKELY(w->cfg.time_wait_ms == 0 || HC_FAULT(time_wait_skipped))) {
		w->ctr[HC_CTR_tw_skipped]++;
		tcb_free(w, idx, where, true);
		return;
	}
	tw_idx = hc_tw_ring_push(&w->tw);
	if (HC_UNLIKELY(tw_idx == HC_IDX_NONE)) {
		w->ctr[HC_CTR_tw_no_memory]++;
		tcb_free(w, idx, where, true);
		return;
	}
	w->ctr[HC_CTR_tw_entered]++;
	hc_tw_open(&w->tw.mini[tw_idx], t,
		   w->env.now_ms + (w->cfg.time_wait_ms >> HC_FAULT(time_wait_halved)),
		   hc_tcp_advertise(t, &w->block[idx].cold, &w->env));
	flow_replace(w, where, t->flags & HC_TCB_ACTIVE, hc_ref_make(HC_REF_TCB, idx),
		     hc_ref_make(HC_REF_TW, tw_idx));
	tcb_release(w, idx, true);
}

// Books the end of a connection that did not close in order.
static void count_end(struct hc_worker *w, uint32_t idx, hc_verdict v)
{
	static const uint16_t failed[HC_REASON_COUNT] = {
		[HC_REASON_REFUSED] = HC_CTR_conn_failed_refused,
		[HC_REASON_TIMED_OUT] = HC_CTR_conn_failed_timed_out,
		[HC_REASON_UNREACHABLE] = HC_CTR_conn_failed_unreachable,
		[HC_REASON_ABORTED] = HC_CTR_conn_failed_aborted,
	};
	enum hc_reason reason = hc_verdict_reason_of(v);

	if (v & HC_DO_FAILED) {
		HC_ASSERT(failed[reason] != 0);
		w->ctr[failed[reason]]++;
	} else if (reason == HC_REASON_RESET) {
		w->ctr[HC_CTR_conn_reset_in]++;
	} else if (reason == HC_REASON_ABORTED) {
		w->ctr[HC_CTR_conn_reset_out]++;
	} else if (w->block[idx].tcb.state == HC_FIN_WAIT_2) {
		w->ctr[HC_CTR_conn_fin_wait2_expired]++;
	} else {
		w->ctr[HC_CTR_conn_timed_out]++;
	}
}

HC_ALWAYS_INLINE void latency_add(struct hc_worker *w, enum hc_latency which, uint32_t since)
{
	hc_time_record(w, which, w->env.stamp - since);
}

// All data is acknowledged.
HC_ALWAYS_INLINE void tell_sent(struct hc_worker *w, uint32_t idx)
{
	if (!(w->block[idx].cold.switches & HC_SWITCH_QUIET))
		hc_event_put(w, idx, HC_EV_SENT, HC_REASON_NONE, 0);
}

// Text for the application. @return the buffer, NULL when it was kept.
static inline struct rte_mbuf *deliver(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
				       const struct hc_seg *seg, bool had_data)
{
	HC_ASSERT(seg);
	w->ctr[HC_CTR_data_bytes_received] += seg->payload_len;
	if (!had_data && HC_LIKELY(w->pmtus.count == 0))
		hc_sock_begin(w, &w->block[idx].sock, w->block[idx].cold.snd_end);
	else if (!had_data)
		hc_sock_init(w, idx, w->block[idx].cold.snd_end);
	hc_event_put(w, idx, HC_EV_DATA, HC_REASON_NONE, seg->payload_len);
	return hc_sock_deliver(w, idx, m, seg) ? NULL : m;
}

struct rte_mbuf *hc_run_deliver(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
				const struct hc_seg *seg)
{
	return deliver(w, idx, m, seg, false);
}

// What is rare: data, retransmission, the unhappy ends. Done before the common part.
static HC_NOINLINE void run_rare(struct hc_worker *w, uint32_t idx, struct hc_seg *seg,
				 struct rte_mbuf **m, hc_verdict v, bool had_data)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;

	if (v & HC_DO_ACKED)
		hc_sock_acked(w, idx);
	if (v & HC_DO_SENT)
		tell_sent(w, idx);
	if (v & HC_DO_FASTOPEN)
		hc_fastopen_done(w, idx, *m, seg); // Its option lies in the buffer.
	if (v & HC_DO_DELIVER)
		*m = deliver(w, idx, *m, seg, had_data);
	if (v & HC_DO_RST_REPLY) {
		HC_ASSERT(seg);
		hc_tx_rst_reply(w, seg);
	}
	if (v & HC_DO_RST)
		hc_tx_rst(w, t, c);
	if (v & HC_DO_SYN && c->switches & HC_SWITCH_FASTOPEN)
		hc_fastopen_lost(w, idx);
	if (v & HC_DO_SYN && !HC_FAULT(syn_not_retransmitted) && hc_tx_syn(w, t, c))
		w->ctr[HC_CTR_rtx_syn]++;
	if (v & HC_DO_SYNACK &&
	    hc_tx_syn_with(w, t, c, true, c->switches & HC_SWITCH_ECN ? HC_TCP_ECE : 0) &&
	    t->flags & HC_TCB_RTX)
		w->ctr[HC_CTR_rtx_synack]++;
	if (v & HC_DO_STALLED) {
		hc_event_put(w, idx, HC_EV_STALLED,
			     t->flags & HC_TCB_SOFT_ERROR ? HC_REASON_UNREACHABLE
							  : HC_REASON_TIMED_OUT,
			     c->retries);
		hc_neigh_doubt(w, t->neigh);
	}
	if (v & HC_DO_FAILED) {
		count_end(w, idx, v);
		hc_event_put(w, idx, HC_EV_FAILED, hc_verdict_reason_of(v),
			     hc_soft_error_info(w, idx, hc_verdict_reason_of(v)));
	}
	if (v & HC_DO_RESET) {
		if (c->switches & HC_SWITCH_SYN_OWED && hc_verdict_reason_of(v) == HC_REASON_RESET)
			hc_fastopen_was_reset(w);
		count_end(w, idx, v);
		hc_event_put(w, idx, HC_EV_RESET, hc_verdict_reason_of(v),
			     hc_soft_error_info(w, idx, hc_verdict_reason_of(v)));
	}
}

#define HC_DO_RARE                                                                                 \
	(HC_DO_ACKED | HC_DO_SENT | HC_DO_DELIVER | HC_DO_RST_REPLY | HC_DO_RST | HC_DO_SYN |      \
	 HC_DO_SYNACK | HC_DO_FAILED | HC_DO_RESET | HC_DO_FASTOPEN | HC_DO_STALLED)

// Carries out a verdict on a TCB, in the order in which the events happened. With `m` NULL there is
// no segment. Inline twice: for what hc_tcp_input_quick() says, where most of it falls away, and
// for everything.
HC_ALWAYS_INLINE void carry_out(struct hc_worker *w, uint32_t idx, struct hc_seg *seg,
				struct rte_mbuf **m, hc_verdict v, uint32_t where, bool had_data)
{
	struct hc_tcb *t = &w->block[idx].tcb;

	if (v & HC_DO_OPENED) {
		w->ctr[HC_CTR_conn_established_active]++;
		latency_add(w, HC_LATENCY_CONNECT, t->timed_at);
		hc_event_put(w, idx, HC_EV_OPENED, HC_REASON_NONE, 0);
	}
	if (v & HC_DO_FIN_ACKED && !hc_ends_is_second(w, v)) {
		latency_add(w, HC_LATENCY_CLOSE, t->timed_at);
		hc_ends_fin(w, t, where);
	}
	if (v & HC_DO_TIMER_FW2)
		hc_timer_arm_fifo(&w->tcb_timers, idx, w->fifo_fw2, w->env.now_ms);
	else if (v & HC_DO_TIMER_OFF && !(v & (HC_DO_FREE | HC_DO_TIME_WAIT)))
		hc_timer_off(&w->tcb_timers, idx);
	if (HC_UNLIKELY(v & HC_DO_RARE))
		run_rare(w, idx, seg, m, v, had_data);
	if (v & HC_DO_PEER_CLOSED)
		hc_event_put(w, idx, HC_EV_PEER_CLOSED, HC_REASON_NONE, 0);
	if (v & HC_DO_CLOSED) {
		w->ctr[HC_CTR_conn_closed] += !HC_FAULT(closed_not_counted);
		hc_ends_closed(w, t, v, where);
		hc_event_put(w, idx, HC_EV_CLOSED, HC_REASON_NONE, 0);
	}
	if (v & HC_DO_ACK) {
		// Without a buffer the peer will ask again; but what waited has no timer now.
		if (HC_UNLIKELY(!hc_tx_ack(w, t, &w->block[idx].cold)) &&
		    t->flags & HC_TCB_ACK_OWED)
			hc_pend(w, idx);
	} else if (v & HC_DO_ACK_DEFER) {
		t->flags |= HC_TCB_ACK_OWED;
		hc_pend(w, idx);
	}
	if (v & HC_DO_TIME_WAIT) {
		enter_time_wait(w, idx, where);
	} else if (v & HC_DO_FREE) {
		tcb_free(w, idx, where, v & HC_DO_CLOSED);
	} else {
		if (v & HC_DO_TIMER_RTX)
			hc_arm_loss(w, idx);
		if (v & HC_DO_OUTPUT)
			hc_pend(w, idx);
		if (v & HC_DO_OPENED && HC_UNLIKELY(w->has_keepalive))
			hc_keep_start(w, idx);
	}
}

void hc_run_timeout(struct hc_worker *w, uint32_t idx, hc_verdict v)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	struct rte_mbuf *none = NULL;

	carry_out(w, idx, NULL, &none, v, flow_where(w, &t->key, t->flags & HC_TCB_ACTIVE), true);
}

// The same, with an ACK that has more to tell than what comes next: what is held, what came twice.
static void carry_out_telling(struct hc_worker *w, uint32_t idx, struct hc_seg *seg,
			      struct rte_mbuf **m, hc_verdict v, bool had_data)
{
	const uint32_t ends = HC_DO_TIME_WAIT | HC_DO_FREE;
	uint32_t where = seg_where(seg, w->block[idx].tcb.flags & HC_TCB_ACTIVE);
	bool tells = v & HC_DO_ACK && !(v & ends) &&
		     (v & HC_DO_DSACK || hc_tcb_is_holding(&w->block[idx].cold));

	carry_out(w, idx, seg, m, tells ? v & ~(hc_verdict)HC_DO_ACK : v, where, had_data);
	if (!tells)
		return;
	hc_held_ack(w, idx, v & HC_DO_DSACK ? &w->env.dup : NULL);
	if (w->block[idx].tcb.flags & HC_TCB_ACK_OWED)
		hc_pend(w, idx); // The same.
}

// A segment of a TCB that holds something out of order: what it brought in its turn, and what
// follows it from there.
static HC_NOINLINE struct rte_mbuf *run_tcb_holding(struct hc_worker *w, uint32_t idx,
						    struct rte_mbuf *m, struct hc_seg *seg,
						    hc_verdict v)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	uint32_t what = (uint32_t)v;

	HC_ASSERT(!(what & HC_DO_OPENED));
	if (what & HC_DO_ACKED)
		hc_sock_acked(w, idx);
	if (what & HC_DO_SENT)
		tell_sent(w, idx);
	if (!hc_tcp_is_receiving(t)) {
		hc_held_free(w, idx); // The FIN came in its turn: nothing can follow it.
		if (what & HC_DO_DELIVER)
			m = deliver(w, idx, m, seg, true);
	} else if (what & HC_DO_DELIVER) {
		bool is_twice = false;
		bool has_fin;
		uint32_t more;

		w->ctr[HC_CTR_data_bytes_received] += seg->payload_len;
		if (hc_sock_deliver(w, idx, m, seg))
			m = NULL;
		// RFC 2883 4: of several parts that came twice the first is told.
		if (!(what & HC_DO_DSACK))
			is_twice =
				hc_held_is_twice(w, idx, t->rcv_nxt - seg->payload_len, t->rcv_nxt);
		more = hc_held_deliver(w, idx, &has_fin);
		hc_event_put(w, idx, HC_EV_DATA, HC_REASON_NONE, seg->payload_len + more);
		what = hc_tcp_input_held(t, &w->block[idx].cold, more, has_fin, what);
		if (is_twice)
			what = (what & ~(uint32_t)HC_DO_ACK_DEFER) | HC_DO_ACK | HC_DO_DSACK;
	}
	what &= ~(uint32_t)(HC_DO_ACKED | HC_DO_SENT | HC_DO_DELIVER);
	carry_out_telling(w, idx, seg, &m, (v & ~(hc_verdict)UINT32_MAX) | what, true);
	return m;
}

// MUST-62: the urgent pointer names what follows the urgent data.
hc_seq hc_run_urgent_end(const struct rte_mbuf *m, const struct hc_seg *seg)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, HC_ETH_LEN);
	const uint8_t *tcp = ip + (ip[HC_IP4_VER_IHL] & 15u) * 4;

	return seg->seq + hc_from_be16(hc_load_be16(tcp + HC_TCP_URP));
}

// RFC 9293 3.10.7.4, sixth, where 3.10.7.3 goes on behind a SYN,ACK: how much of the stream, from
// what the application has not taken on, lies before the urgent pointer of a segment that is about
// to be taken. 0: the pointer names nothing that is still to come.
static HC_NOINLINE uint32_t urgent_bytes(const struct hc_worker *w, uint32_t idx,
					 const struct rte_mbuf *m, const struct hc_seg *seg)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	bool opens = t->state == HC_SYN_SENT || t->state == HC_SYN_RCVD;
	hc_seq next = t->state == HC_SYN_SENT ? seg->seq + 1 : t->rcv_nxt;
	hc_seq end = hc_run_urgent_end(m, seg);

	// A SYN alone opens nothing yet. Its peer says it again with what follows.
	if (!(opens ? seg->flags & HC_TCP_ACK : hc_tcp_is_receiving(t)) ||
	    t->flags & HC_TCB_NO_RECEIVE || seg->flags & HC_TCP_RST || !hc_seq_gt(end, next))
		return 0;
	return end - next +
	       (!opens && t->flags & HC_TCB_DATA ? w->block[idx].sock.readable_bytes : 0);
}

// An event has 16 bits to say something with, and 8 more where others have a reason.
HC_NOINLINE void hc_run_urgent_put(struct hc_worker *w, uint32_t idx, uint32_t bytes)
{
	bytes = hc_min_u32(bytes, HC_URGENT_BYTES_MAX);
	hc_event_put(w, idx, HC_EV_URGENT, (enum hc_reason)(bytes >> 16), bytes & 0xffff);
}

uint32_t hc_event_urgent_bytes(const struct hc_event *ev)
{
	return (uint32_t)ev->reason << 16 | ev->info;
}

// Of a segment that opens its connection that is told first.
static HC_NOINLINE void put_opened_first(struct hc_worker *w)
{
	struct hc_event *ev = &w->events[w->event_count - 1];
	struct hc_event opened;

	while (ev->type != HC_EV_OPENED)
		ev--;
	HC_ASSERT(ev > w->events && ev[-1].type == HC_EV_URGENT && ev[-1].conn == ev->conn);
	opened = *ev;
	ev[0] = ev[-1];
	ev[-1] = opened;
}

// Any segment of a TCB, by the book.
static struct rte_mbuf *run_tcb_book(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
				     struct hc_seg *seg)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	bool had_data = t->flags & HC_TCB_DATA;
	uint32_t urgent = 0;
	enum hc_counter drop;
	hc_verdict v;

	if (HC_UNLIKELY(seg->flags & HC_TCP_URG))
		urgent = urgent_bytes(w, idx, m, seg);
	if (HC_UNLIKELY(seg->opts & HC_OPT_SACK))
		w->env.sack_count =
			hc_parse_sack(rte_pktmbuf_mtod(m, const uint8_t *), seg, w->env.sack);
	if (HC_UNLIKELY(w->block[idx].cold.switches & HC_SWITCH_ECN))
		seg->ecn =
			*rte_pktmbuf_mtod_offset(m, const uint8_t *, HC_ETH_LEN + HC_IP4_TOS) & 3;
	v = hc_tcp_input(t, &w->block[idx].cold, seg, &w->env);
	drop = hc_verdict_drop_of(v);

	if (HC_UNLIKELY(v & HC_DO_HOLD)) {
		bool is_dup;

		drop = hc_held_add(w, idx, &m, seg, &is_dup);
		v |= is_dup ? HC_DO_DSACK : 0;
	}
	// Counter 0 is rx_packets, which is never a drop.
	w->ctr[HC_LIKELY(drop == 0) ? HC_CTR_rx_tcp : drop]++;
	if (HC_UNLIKELY(urgent) && (drop == 0 || v & HC_DO_HOLD))
		hc_run_urgent_put(w, idx, urgent);
	// What was queued before the handshake was over has segments of the path's size as well.
	if (HC_UNLIKELY(w->pmtus.count) && v & HC_DO_OPENED && had_data)
		hc_pmtu_apply(w, idx);
	if (HC_UNLIKELY(hc_tcb_is_holding(&w->block[idx].cold)) && !(v & HC_DO_HOLD))
		return run_tcb_holding(w, idx, m, seg, v);
	if (HC_UNLIKELY(v & (HC_DO_HOLD | HC_DO_DSACK)))
		carry_out_telling(w, idx, seg, &m, v, had_data);
	else
		carry_out(w, idx, seg, &m, v, seg_where(seg, t->flags & HC_TCB_ACTIVE), had_data);
	if (HC_UNLIKELY(urgent) && v & HC_DO_OPENED)
		put_opened_first(w);
	return m;
}

static HC_NOINLINE struct rte_mbuf *run_tcb_any(struct hc_worker *w, uint32_t idx,
						struct rte_mbuf *m, struct hc_seg *seg)
{
	uint64_t taken = w->ctr[HC_CTR_rx_tcp];

	m = run_tcb_book(w, idx, m, seg);
	if (HC_UNLIKELY(w->block[idx].cold.switches & HC_SWITCH_KEEPALIVE))
		hc_keep_heard(w, idx, w->ctr[HC_CTR_rx_tcp] != taken);
	return m;
}

// What hc_tcp_input_quick() or its sister for data says, carried out.
HC_ALWAYS_INLINE struct rte_mbuf *finish(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
					 struct hc_seg *seg, uint32_t what, bool had_data)
{
	uint32_t where = seg_where(seg, w->block[idx].tcb.flags & HC_TCB_ACTIVE);

	if (what & HC_DO_ACKED)
		hc_sock_acked(w, idx);
	if (what & HC_DO_SENT)
		tell_sent(w, idx);
	if (what & HC_DO_DELIVER)
		m = deliver(w, idx, m, seg, had_data);
	carry_out(w, idx, seg, &m, what & ~(uint32_t)HC_DO_RARE, where, had_data);
	return m;
}

static HC_NOINLINE struct rte_mbuf *finish_any(struct hc_worker *w, uint32_t idx,
					       struct rte_mbuf *m, struct hc_seg *seg,
					       uint32_t what, bool had_data)
{
	return finish(w, idx, m, seg, what, had_data);
}

// The verdicts that are usual are written out: of a constant one, most of finish() falls away, and
// what is left has few branches.
#define HC_FINISH_USUAL(what, had_data)                                                            \
	case (what):                                                                               \
		return finish(w, idx, m, seg, what, had_data)

// A segment that carries text, or one of a connection that had some, in a state of which the caller
// knows which it is.
HC_ALWAYS_INLINE struct rte_mbuf *run_tcb_data_in(struct hc_worker *w, uint32_t idx,
						  struct rte_mbuf *m, struct hc_seg *seg,
						  enum hc_conn_state state)
{
	enum {
		request = HC_DO_DELIVER | HC_DO_ACK_DEFER,
		response = HC_DO_ACKED | HC_DO_SENT | HC_DO_DELIVER | HC_DO_TIMER_OFF |
			   HC_DO_OUTPUT | HC_DO_ACK_DEFER,
		fin = HC_DO_ACKED | HC_DO_SENT | HC_DO_TIMER_OFF | HC_DO_OUTPUT | HC_DO_ACK |
		      HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_TIME_WAIT,
		last_ack =
			HC_DO_ACKED | HC_DO_TIMER_OFF | HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_FREE,
	};
	struct hc_tcb *t = &w->block[idx].tcb;
	bool had_data = t->flags & HC_TCB_DATA;
	uint32_t what;

	if (HC_UNLIKELY(
		    !hc_tcp_input_quick_data(t, &w->block[idx].cold, seg, &w->env, state, &what)))
		return run_tcb_any(w, idx, m, seg);
	w->ctr[HC_CTR_rx_tcp]++;
	switch (what) {
		HC_FINISH_USUAL(request, had_data);
		// Without and with the FIN.
		HC_FINISH_USUAL(response, true);
		HC_FINISH_USUAL(response | HC_DO_PEER_CLOSED, true);
		// Of who got the response.
		HC_FINISH_USUAL(fin, true);
		HC_FINISH_USUAL(last_ack, true);
	default:
		return finish_any(w, idx, m, seg, what, had_data);
	}
}

HC_ALWAYS_INLINE struct rte_mbuf *run_tcb_data(struct hc_worker *w, uint32_t idx,
					       struct rte_mbuf *m, struct hc_seg *seg)
{
	enum hc_conn_state state = w->block[idx].tcb.state;

	switch (state) {
	case HC_ESTABLISHED:
		return run_tcb_data_in(w, idx, m, seg, HC_ESTABLISHED);
	case HC_FIN_WAIT_1:
		return run_tcb_data_in(w, idx, m, seg, HC_FIN_WAIT_1);
	case HC_LAST_ACK:
		return run_tcb_data_in(w, idx, m, seg, HC_LAST_ACK);
	default:
		return run_tcb_data_in(w, idx, m, seg, state);
	}
}

// What the final ACK of the handshake brings along.
static HC_NOINLINE struct rte_mbuf *run_tcb_first(struct hc_worker *w, uint32_t idx,
						  struct rte_mbuf *m, struct hc_seg *seg)
{
	HC_ASSERT(w->block[idx].tcb.state == HC_ESTABLISHED);
	return run_tcb_data_in(w, idx, m, seg, HC_ESTABLISHED);
}

// The same, when hc_syn_input_quick() took it: as a rule a request.
HC_ALWAYS_INLINE struct rte_mbuf *run_tcb_request(struct hc_worker *w, uint32_t idx,
						  struct rte_mbuf *m, struct hc_seg *seg)
{
	const uint32_t request = HC_DO_DELIVER | HC_DO_ACK_DEFER;
	uint32_t what;

	if (HC_UNLIKELY(!hc_tcp_input_quick_first(&w->block[idx].tcb, &w->block[idx].cold, seg,
						  &w->env, &what)))
		return run_tcb_first(w, idx, m, seg);
	w->ctr[HC_CTR_rx_tcp]++;
	if (HC_LIKELY(what == request))
		return finish(w, idx, m, seg, request, false);
	return finish_any(w, idx, m, seg, what, false);
}

// @return the buffer, NULL when it was kept.
HC_ALWAYS_INLINE struct rte_mbuf *run_tcb(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
					  struct hc_seg *seg)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	uint32_t what;

	if (HC_UNLIKELY(!hc_tcp_input_quick(t, &w->block[idx].cold, seg, &w->env, &what)))
		return run_tcb_data(w, idx, m, seg);
	w->ctr[HC_CTR_rx_tcp]++;
	switch (what) {
		HC_FINISH_USUAL(HC_DO_OPENED | HC_DO_TIMER_OFF | HC_DO_ACK, false);
		HC_FINISH_USUAL(HC_DO_OPENED | HC_DO_TIMER_OFF | HC_DO_ACK_DEFER, false);
		HC_FINISH_USUAL(HC_DO_PEER_CLOSED | HC_DO_ACK, false);
		HC_FINISH_USUAL(HC_DO_FIN_ACKED | HC_DO_TIMER_FW2, false);
		HC_FINISH_USUAL(HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF,
				false);
		HC_FINISH_USUAL(HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_FREE | HC_DO_TIMER_OFF,
				false);
	default:
		return finish_any(w, idx, m, seg, what, false);
	}
}

HC_ALWAYS_INLINE struct hc_listener *find_listener(struct hc_worker *w, const struct hc_seg *seg)
{
	uint16_t i = w->listener_by_port[hc_from_be16(seg->key.lport_be)];

	return i == HC_LISTENER_NONE ? NULL : &w->listener[i];
}

HC_ALWAYS_INLINE bool is_backlog_full(const struct hc_listener *l)
{
	return l->half_open_count >= l->backlog + HC_FAULT(backlog_off_by_one);
}

// A SYN that does not become a mini as a matter of course. @return whether it does not at all.
static HC_NOINLINE bool is_turned_away(struct hc_worker *w, const struct hc_seg *seg,
				       const struct hc_listener *l, bool has_floor)
{
	bool has_room = w->cfg.syn_cookies != HC_SYN_COOKIES_NEVER ||
			(!is_backlog_full(l) && w->syn_pool.free_count);

	hc_flood_note(w, seg);
	// One that ended a TIME-WAIT was asked for before it did.
	if (w->is_choosy && !has_floor && !hc_admit_syn(w, seg, has_room))
		return true;
	if (!is_backlog_full(l) && (!w->always_cookies || has_floor))
		return false;
	hc_cookie_answer(w, seg, HC_CTR_tcp_syn_backlog);
	return true;
}

// A SYN for a listener makes a mini and is answered.
HC_ALWAYS_INLINE void accept_syn(struct hc_worker *w, const struct hc_seg *seg,
				 struct hc_listener *l, bool has_floor, hc_seq iss_floor)
{
	struct hc_syn_mini *y;
	uint32_t idx;

	if (HC_UNLIKELY(is_backlog_full(l) || w->looks_at_syns) &&
	    is_turned_away(w, seg, l, has_floor))
		return;
	idx = hc_pool_get(&w->syn_pool);
	if (HC_UNLIKELY(idx == HC_IDX_NONE)) {
		hc_cookie_answer(w, seg, HC_CTR_tcp_syn_no_memory);
		return;
	}
	if (HC_UNLIKELY(!hc_table_insert(&w->table, seg->hash, hc_ref_make(HC_REF_SYN, idx)))) {
		hc_pool_put(&w->syn_pool, idx);
		hc_cookie_answer(w, seg, HC_CTR_tcp_syn_no_memory);
		return;
	}
	y = &w->syn[idx];
	hc_syn_open(y, seg, &w->env, has_floor, iss_floor);
	y->listener = (uint16_t)(l - w->listener);
	y->neigh = hc_route(w, seg->key.remote_be);
	l->half_open_count++;
	w->ctr[HC_CTR_conn_opened_passive]++;
	w->ctr[HC_CTR_rx_tcp]++;
	hc_timer_arm_fifo(&w->syn_timers, idx, w->syn_fifo_rto_init, w->env.now_ms);
	hc_tx_synack(w, y);
}

// A listener's connection is established: it takes the final ACK's text and FIN. is_usual:
// hc_syn_input_quick() took that.
HC_ALWAYS_INLINE struct rte_mbuf *accepted(struct hc_worker *w, uint32_t idx,
					   const struct hc_listener *l, struct rte_mbuf *m,
					   struct hc_seg *seg, bool is_usual)
{
	w->ctr[HC_CTR_conn_established_passive]++;
	hc_ends_accepted(w, &seg->key);
	if (HC_UNLIKELY(w->has_keepalive))
		hc_keep_start(w, idx);
	if (HC_UNLIKELY(l->has_shape))
		hc_shape_accept(w, idx, l);
	hc_event_put(w, idx, HC_EV_ACCEPTED, HC_REASON_NONE, (uint32_t)(l - w->listener));
	if (is_usual && seg->payload_len)
		return run_tcb_request(w, idx, m, seg);
	if (HC_UNLIKELY(seg->payload_len || seg->flags & (HC_TCP_FIN | HC_TCP_URG)))
		return run_tcb_first(w, idx, m, seg);
	w->ctr[HC_CTR_rx_tcp]++;
	return m;
}

// A TCB for a peer of a listener who needs no mini, in the flow table. @return HC_IDX_NONE when
// there is no room.
uint32_t hc_run_tcb_at_once(struct hc_worker *w, const struct hc_seg *seg,
			    const struct hc_listener *l)
{
	uint32_t idx = hc_pool_get(&w->tcb_pool);

	if (idx == HC_IDX_NONE)
		return HC_IDX_NONE;
	if (!hc_table_insert(&w->table, seg->hash, hc_ref_make(HC_REF_TCB, idx))) {
		hc_pool_put(&w->tcb_pool, idx);
		return HC_IDX_NONE;
	}
	w->block[idx].tcb.flags = l->tcb_flags;
	w->block[idx].tcb.cookie = l->cookie;
	return idx;
}

// An ACK that may bring a SYN cookie back: straight to a connection, if it does.
static HC_NOINLINE struct rte_mbuf *accept_cookie(struct hc_worker *w, const struct hc_listener *l,
						  struct rte_mbuf *m, struct hc_seg *seg)
{
	struct hc_syn_mini y;
	uint32_t idx;

	if (!hc_cookie_take(w, seg, &y) || (w->is_choosy && !hc_admit_conn(w)))
		return m;
	idx = hc_run_tcb_at_once(w, seg, l);
	if (idx == HC_IDX_NONE) {
		w->ctr[HC_CTR_tcp_conn_no_memory]++;
		return m; // The peer's data brings the cookie again.
	}
	hc_syn_promote(&y, seg, &w->env, &w->block[idx].tcb, &w->block[idx].cold);
	w->ctr[HC_CTR_syn_cookies_accepted]++;
	w->ctr[HC_CTR_conn_opened_passive]++;
	return accepted(w, idx, l, m, seg, false);
}

// No flow: a listener's, or nobody's.
HC_ALWAYS_INLINE struct rte_mbuf *run_no_flow(struct hc_worker *w, struct rte_mbuf *m,
					      struct hc_seg *seg, bool has_floor, hc_seq iss_floor)
{
	struct hc_listener *l = find_listener(w, seg);
	hc_verdict v = l ? hc_syn_check(seg) : hc_tcp_input_closed(seg);

	if (HC_LIKELY(v == 0)) {
		HC_ASSERT(l);
		if (HC_UNLIKELY(seg->opts & HC_OPT_FASTOPEN) && m &&
		    hc_fastopen_accept(w, (uint32_t)(l - w->listener), &m, seg))
			return m;
		accept_syn(w, seg, l, has_floor, iss_floor);
		return m;
	}
	if (l && hc_cookie_may_be(&w->cookies, seg, &w->env))
		return accept_cookie(w, l, m, seg);
	w->ctr[hc_verdict_drop_of(v)]++;
	if (v & HC_DO_RST_REPLY)
		hc_tx_rst_reply(w, seg);
	return m;
}

// The final ACK: the mini becomes a connection.
HC_ALWAYS_INLINE struct rte_mbuf *promote(struct hc_worker *w, uint32_t syn_idx, struct rte_mbuf *m,
					  struct hc_seg *seg, bool is_usual)
{
	struct hc_syn_mini *y = &w->syn[syn_idx];
	struct hc_listener *l = &w->listener[y->listener];
	uint32_t idx = hc_pool_get(&w->tcb_pool);
	struct hc_tcb *t;

	if (HC_UNLIKELY(idx == HC_IDX_NONE)) {
		w->ctr[HC_CTR_tcp_conn_no_memory]++;
		return m; // The SYN,ACK goes out again, and the peer's ACK comes again.
	}
	t = &w->block[idx].tcb;
	t->flags = l->tcb_flags;
	t->cookie = l->cookie;
	hc_syn_promote(y, seg, &w->env, t, &w->block[idx].cold);
	flow_replace(w, seg->hash, false, hc_ref_make(HC_REF_SYN, syn_idx),
		     hc_ref_make(HC_REF_TCB, idx));
	syn_release(w, syn_idx, l);
	return accepted(w, idx, l, m, seg, is_usual);
}

// The window of the SYN,ACK again, as it stands in a segment that is none (RFC 7323 2.3): scaled.
static uint16_t mini_window(const struct hc_worker *w, const struct hc_syn_mini *y)
{
	uint32_t wnd = hc_shape_first_window(w, &w->listener[y->listener]);

	return (uint16_t)(y->flags & HC_SYN_WSCALE && !HC_FAULT(window_of_mini_not_scaled)
				  ? wnd >> w->env.rcv_wscale
				  : wnd);
}

static HC_NOINLINE struct rte_mbuf *run_syn_any(struct hc_worker *w, uint32_t idx,
						struct rte_mbuf *m, struct hc_seg *seg)
{
	struct hc_syn_mini *y = &w->syn[idx];
	hc_verdict v = hc_syn_input(y, seg, &w->env);
	enum hc_counter drop = hc_verdict_drop_of(v);

	if (v == HC_DO_PROMOTE)
		return promote(w, idx, m, seg, false);
	w->ctr[drop == 0 ? HC_CTR_rx_tcp : drop]++;
	if (v & HC_DO_SYNACK)
		hc_tx_synack(w, y);
	if (v & HC_DO_ACK)
		hc_tx_mini_ack(w, &y->key, y->iss + 1, y->irs + 1, mini_window(w, y),
			       y->flags & HC_SYN_TS, y->ts_recent, y->neigh);
	if (v & HC_DO_RST_REPLY)
		hc_tx_rst_reply(w, seg);
	if (v & HC_DO_FREE)
		hc_syn_forget(w, idx);
	return m;
}

HC_ALWAYS_INLINE struct rte_mbuf *run_syn(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
					  struct hc_seg *seg)
{
	if (HC_LIKELY(hc_syn_input_quick(&w->syn[idx], seg)))
		return promote(w, idx, m, seg, true);
	return run_syn_any(w, idx, m, seg);
}

// 2 MSL begins anew: the mini moves to the tail of the ring, which is ordered by deadline.
static void restart_time_wait(struct hc_worker *w, uint32_t idx, uint32_t where)
{
	struct hc_tw_mini *old = &w->tw.mini[idx];
	uint32_t new_idx = hc_tw_ring_push(&w->tw);

	if (new_idx == HC_IDX_NONE)
		return; // No room to move: it ends when it would have.
	w->tw.mini[new_idx] = *old;
	w->tw.mini[new_idx].deadline_ms = w->env.now_ms + w->cfg.time_wait_ms;
	flow_replace(w, where, old->flags & HC_TW_ACTIVE, hc_ref_make(HC_REF_TW, idx),
		     hc_ref_make(HC_REF_TW, new_idx));
	tw_drop(w, idx);
}

static HC_NOINLINE void run_time_wait(struct hc_worker *w, uint32_t idx, struct hc_seg *seg)
{
	struct hc_tw_mini *m = &w->tw.mini[idx];
	struct hc_listener *l = find_listener(w, seg);
	bool can_listen = l && l->half_open_count < l->backlog && w->syn_pool.free_count;
	hc_verdict v = hc_tw_input(m, seg, can_listen, &w->env);
	enum hc_counter drop = hc_verdict_drop_of(v);

	if (v & HC_DO_NEW_SYN) {
		hc_seq floor = m->snd_nxt;

		// Over a limit there is no new connection for which the old one would end.
		if (HC_UNLIKELY(w->is_choosy) && !hc_admit_syn(w, seg, true))
			return;
		w->ctr[HC_CTR_tw_reused]++;
		hc_tw_forget(w, idx);
		seg->hash = hc_hash_key(&w->env.secret, &seg->key);
		// A SYN: its buffer is not kept.
		(void)run_no_flow(w, NULL, seg, true, floor);
		return;
	}
	w->ctr[drop == 0 ? HC_CTR_rx_tcp : drop]++;
	if (v & HC_DO_ACK)
		hc_tx_mini_ack(w, &m->key, m->snd_nxt, m->rcv_nxt, hc_tw_wnd(m),
			       m->flags & HC_TW_TS, m->ts_recent, m->neigh);
	if (v & HC_DO_TW_RESTART)
		restart_time_wait(w, idx, seg_where(seg, m->flags & HC_TW_ACTIVE));
}

// The look-up of the burst missed, or an earlier segment of the burst added, moved or freed the
// flow since, or another key shares the tag.
HC_ALWAYS_INLINE hc_ref look_again(struct hc_worker *w, struct hc_seg *seg)
{
	hc_ref ref;

	if (seg->slot != HC_TUPLE_NONE) {
		ref = hc_flow_find(w, &seg->key);
		seg->hash = hc_hash_key(&w->env.secret, &seg->key);
	} else {
		ref = flow_find_by_hash(w, &seg->key, seg->hash);
	}
	w->ctr[HC_CTR_run_relooked] += ref != seg->ref;
	return ref;
}

void hc_run_burst(struct hc_worker *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct hc_seg *seg = &w->seg[i];
		struct rte_mbuf *m = w->seg_mbuf[i];
		hc_ref ref = seg->ref;

		if (HC_UNLIKELY(!hc_flow_key_equal(seg->found, &seg->key)) &&
		    !HC_FAULT(burst_not_checked_again))
			ref = look_again(w, seg);
		if (ref == HC_REF_NONE) {
			if (HC_LIKELY(hc_parse_may_talk(&w->parse_env,
							rte_pktmbuf_mtod(m, const uint8_t *),
							&seg->key)) ||
			    HC_FAULT(strangers_not_asked_for))
				m = run_no_flow(w, m, seg, false, 0);
			else
				hc_drop_misaddressed(w, m);
		} else if (hc_ref_is_tcb(ref)) {
			m = run_tcb(w, hc_ref_idx(ref), m, seg);
		} else if (hc_ref_kind(ref) == HC_REF_SYN) {
			m = run_syn(w, hc_ref_idx(ref), m, seg);
		} else {
			run_time_wait(w, hc_ref_idx(ref), seg);
		}
		if (HC_FAULT(received_buffer_lost) && hc_ref_kind(ref) == HC_REF_TW)
			continue;
		if (HC_LIKELY(m != NULL))
			hc_mbuf_put(w, m);
	}
	hc_times_settle(w);
}
