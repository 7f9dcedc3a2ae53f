// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The sending end of a step: output of the connections that wait for it, then the transmit burst.
// Waiting until here is what lets an ACK ride on data, and a FIN on the last of it.

#include "stack/tx.h"
#include "tcp/ecn.h"

#include <rte_ethdev.h>

bool hc_spare_refill(struct hc_worker *w)
{
	struct rte_mbuf **m = w->spare;
	unsigned n = HC_SPARE_BULK;

	HC_ASSERT(w->spare_count == 0);
	// Buffers in the pool are whole but for the data offset.
	if (rte_mempool_get_bulk(w->pool, (void **)m, n) != 0)
		n = rte_mempool_get(w->pool, (void **)m) == 0; // The pool's last ones.
	for (unsigned i = 0; i < n; i++)
		m[i]->data_off = RTE_PKTMBUF_HEADROOM;
	w->spare_count = n;
	return n != 0;
}

// Gives n buffers back to their pools, those of one pool in a row at once.
static void spare_return(struct rte_mbuf **m, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		struct rte_mempool *pool = m[i]->pool;
		unsigned first = i;

		while (i < n && m[i]->pool == pool)
			i++;
		rte_mempool_put_bulk(pool, (void **)&m[first], i - first);
	}
}

// What hc_mbuf_put() does with a buffer that is not whole, or when there are spare ones enough.
void hc_mbuf_put_odd(struct hc_worker *w, struct rte_mbuf *m)
{
	if (m->nb_segs != 1 || rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m)) {
		rte_pktmbuf_free(m);
		return;
	}
	m->data_off = RTE_PKTMBUF_HEADROOM;
	if (w->spare_count == HC_SPARE_MAX) {
		// The youngest go: they are in the cache, and whoever takes them next finds them
		// there.
		w->spare_count -= HC_SPARE_BULK;
		spare_return(w->spare + w->spare_count, HC_SPARE_BULK);
	}
	w->spare[w->spare_count++] = m;
}

void hc_tx_drain(struct hc_worker *w)
{
	unsigned ready = w->tx_count;
	unsigned sent;

	if (HC_UNLIKELY(w->reworks_tx)) {
		if (w->has_shapes)
			hc_shape_frames(w);
		if (w->lays_out_syns)
			hc_tx_lay_out(w);
	}
	if (HC_UNLIKELY(w->has_tx_csum || w->has_tso))
		ready = rte_eth_tx_prepare(w->port_id, w->queue, w->tx, (uint16_t)ready);
	sent = hc_port_tx(w->gate, w->port_id, w->queue, w->tx, (uint16_t)ready);
	w->ctr[HC_CTR_tx_packets] += sent + w->tx_cut_more;
	if (HC_UNLIKELY(sent == ready && ready < w->tx_count)) {
		struct hc_bulk_wire wire = hc_bulk_on_wire(w->tx[sent]);

		// The port cannot send this one, ever.
		w->ctr[HC_CTR_tx_dropped] += wire.segments;
		w->ctr[HC_CTR_tx_packets] -= wire.segments - 1;
		w->tx_bytes -= wire.bytes;
		hc_mbuf_put(w, w->tx[sent]);
		sent++;
	}
	w->tx_count -= sent;
	w->ctr[HC_CTR_tx_bytes] += w->tx_bytes;
	w->tx_bytes = 0;
	w->tx_cut_more = 0;
	if (HC_UNLIKELY(w->tx_count)) {
		// The port is full: the rest goes next time, in order.
		memmove(w->tx, w->tx + sent, w->tx_count * sizeof w->tx[0]);
		for (unsigned i = 0; i < w->tx_count; i++) {
			struct hc_bulk_wire wire = hc_bulk_on_wire(w->tx[i]);

			w->tx_bytes += wire.bytes;
			w->tx_cut_more += wire.segments - 1;
		}
		w->ctr[HC_CTR_tx_bytes] -= w->tx_bytes;
		w->ctr[HC_CTR_tx_packets] -= w->tx_cut_more;
	}
}

// Writes and queues one planned segment.
HC_ALWAYS_INLINE void send_planned(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
				   const struct hc_send_plan *plan)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tx_seg s = hc_tx_from_tcb(w, t, &w->block[idx].cold);

	s.seq = plan->seq;
	s.flags =
		(uint8_t)(plan->flags | (hc_tx_has_echo(t, &w->block[idx].cold) ? HC_TCP_ECE : 0));
	hc_ecn_mark(t, &w->block[idx].cold, plan, &s);
	s.payload_len = plan->len;
	if (HC_UNLIKELY(hc_tcb_is_holding(&w->block[idx].cold)))
		hc_held_tell(w, idx, NULL, m, &s, w->block[idx].cold.mss - plan->len);
	if (plan->len) {
		uint8_t *payload = rte_pktmbuf_mtod(m, uint8_t *) + HC_ETH_LEN + HC_IP4_LEN +
				   hc_build_tcp_hdr_len(&s);

		s.payload_sum =
			hc_csum_wide1(s.payload_sum, hc_sock_copy_out(w, idx, plan->seq, plan->len,
								      payload, !w->has_tx_csum));
		w->ctr[HC_CTR_data_bytes_sent] += plan->len;
		w->ctr[HC_CTR_rtx_data] += plan->is_rtx;
	}
	if (plan->flags & HC_TCP_FIN)
		w->ctr[HC_CTR_rtx_fin] += plan->is_rtx;
	t->flags &= (uint16_t)~HC_TCB_ACK_OWED;
	hc_tx_segment(w, m, &s, t->neigh);
}

void hc_conn_probe(struct hc_worker *w, uint32_t idx)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_send_plan plan;

	if (!m)
		return;
	hc_tcp_output_probe(&w->block[idx].tcb, &w->block[idx].cold, &w->env, &plan);
	send_planned(w, idx, m, &plan);
}

void hc_conn_tail_probe(struct hc_worker *w, uint32_t idx)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_send_plan plan;

	if (!m)
		return;
	if (hc_tlp_plan(&w->block[idx].tcb, &w->block[idx].cold, &w->env, &plan))
		send_planned(w, idx, m, &plan);
	else
		hc_mbuf_put(w, m);
}

// A FIN with nothing before it, which is what tear-down consists of.
HC_ALWAYS_INLINE void send_fin(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s = hc_tx_from_tcb(w, t, &w->block[idx].cold);

	s.flags = HC_TCP_ACK | HC_TCP_FIN;
	hc_tcp_output_fin(t, &w->block[idx].cold, &w->env);
	t->flags &= (uint16_t)~HC_TCB_ACK_OWED;
	hc_tx_segment(w, m, &s, t->neigh);
	hc_arm_rtx(w, idx);
}

// The ACK that nothing has taken along: now, or after the delay (RFC 9293 3.8.6.3), which one that
// has waited has behind it.
static void owed_ack(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	bool may_wait = hc_tcp_ack_may_wait(t, c) && !hc_timer_is_armed(&w->tcb_timers, idx);

	c->receiving &= (uint8_t)~HC_RECEIVING_ACK_MAY_WAIT;
	if (may_wait) {
		c->receiving |= HC_RECEIVING_ACK_WAITS;
		hc_timer_arm_fifo(&w->tcb_timers, idx, w->fifo_ack, w->env.now_ms);
		w->ctr[HC_CTR_acks_delayed]++;
	} else if (hc_tcb_is_holding(c)) {
		hc_held_ack(w, idx, NULL);
	} else {
		(void)hc_tx_ack(w, t, c);
	}
}

// The timer of an ACK that waited is free again: the connection has something to send, or has to
// tell more than that.
static void ack_stops_waiting(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb_cold *c = &w->block[idx].cold;

	if (hc_tcp_ack_is_waiting(&w->block[idx].tcb, c))
		hc_timer_off(&w->tcb_timers, idx);
	c->receiving &= (uint8_t)~HC_RECEIVING_ACK_WAITS;
}

// All that one connection may send now. @return false when buffers ran out before it was done.
static HC_NOINLINE bool conn_output_any(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	struct hc_send_plan plan;
	struct hc_bulk bulk = {.head = NULL};
	bool was_probing = t->flags & HC_TCB_PROBING;
	bool arm_persist = false;
	bool has_sent = false;
	bool is_done = true;

	if (HC_UNLIKELY(c->receiving & HC_RECEIVING_ACK_WAITS))
		ack_stops_waiting(w, idx);
	for (;;) {
		struct rte_mbuf *m;

		if (HC_UNLIKELY(w->spare_count == 0) && !hc_spare_refill(w)) {
			w->ctr[HC_CTR_tx_no_buffer]++;
			is_done = false;
			break;
		}
		if (!hc_tcp_output_next(t, c, &w->env, &plan, &arm_persist))
			break;
		m = hc_mbuf_get(w);
		if (!w->has_tso || !hc_bulk_take(w, idx, &bulk, m, &plan))
			send_planned(w, idx, m, &plan);
		has_sent = true;
	}
	hc_bulk_send(w, idx, &bulk);
	// What has left needs its timer, whether or not there were buffers for the rest.
	if (has_sent && (is_done || !HC_FAULT(sent_without_timer))) {
		// One that runs for the override timeout says nothing of it.
		if (HC_UNLIKELY(was_probing) && !(t->flags & HC_TCB_PROBING))
			hc_timer_off(&w->tcb_timers, idx);
		hc_arm_sent(w, idx);
	} else if (HC_UNLIKELY(arm_persist) && !hc_timer_is_armed(&w->tcb_timers, idx)) {
		t->flags |= HC_TCB_PROBING;
		// Into an open window it is the override timeout (RFC 9293 3.8.6.2.1): 0.1 to 1 s.
		if (t->snd_wnd)
			hc_timer_arm(&w->tcb_timers, idx, hc_min_u32(c->rto_ms, 1000),
				     w->env.now_ms);
		else
			hc_arm_rtx(w, idx);
	}
	if (is_done && t->flags & HC_TCB_ACK_OWED)
		owed_ack(w, idx);
	return is_done;
}

// Copies what a segment of all that is queued carries, and sums it on the way.
HC_ALWAYS_INLINE uint64_t copy_all(struct hc_worker *w, uint32_t idx, hc_seq seq, uint32_t len,
				   uint8_t *to)
{
	const struct hc_sock *k = &w->block[idx].sock;

	if (HC_LIKELY(k->snd_head == HC_SPAN_OWN && k->snd_first == seq && k->own_span.len == len &&
		      len < HC_CSUM_LONG_BYTES))
		return hc_csum_wide_copy(0, to, k->own_span.data, len);
	return hc_sock_copy_out(w, idx, seq, len, to, true);
}

// The same with timestamps, of a connection that tells nothing unusual, to a port that leaves
// checksums to us.
HC_ALWAYS_INLINE void send_one_plain(struct hc_worker *w, uint32_t idx, struct hc_tcb *t,
				     struct hc_tcb_cold *c)
{
	const uint32_t hdr_len = HC_ETH_LEN + HC_IP4_LEN + HC_TCP_LEN + 12;
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s = hc_tx_from_tcb(w, t, c);
	struct hc_send_plan plan;

	hc_tcp_output_one_segment(t, c, &w->env, &plan);
	s.seq = plan.seq;
	s.flags = plan.flags;
	s.has_ts = true;
	s.payload_len = plan.len;
	s.payload_sum = copy_all(w, idx, plan.seq, plan.len,
				 rte_pktmbuf_mtod_offset(m, uint8_t *, hdr_len));
	w->ctr[HC_CTR_data_bytes_sent] += plan.len;
	t->flags &= (uint16_t)~HC_TCB_ACK_OWED;
	hc_tx_segment_plain(w, m, &s, t->neigh);
}

// A request or a short response in one segment.
static HC_NOINLINE void send_one_segment(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;

	if (HC_LIKELY(t->flags & HC_TCB_TS && !w->has_tx_csum && !(c->switches & HC_SWITCH_ECN) &&
		      !hc_tcb_is_holding(c))) {
		send_one_plain(w, idx, t, c);
	} else {
		struct hc_send_plan plan;
		struct rte_mbuf *m = hc_mbuf_get(w);

		hc_tcp_output_one_segment(t, c, &w->env, &plan);
		send_planned(w, idx, m, &plan);
	}
	// Nothing was in flight: if the timer runs, it is that of the ACK this took along.
	hc_arm_rtx(w, idx);
}

// The timer is keep-alive's only until something is sent.
static HC_NOINLINE bool conn_output_kept(struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	bool is_done;

	if (t->state != HC_FIN_WAIT_2 && t->snd_una == t->snd_nxt && !(t->flags & HC_TCB_PROBING))
		hc_timer_off(&w->tcb_timers, idx);
	is_done = conn_output_any(w, idx);
	hc_keep_arm(w, idx);
	return is_done;
}

static inline bool conn_output(struct hc_worker *w, uint32_t idx)
{
	if (HC_UNLIKELY(w->block[idx].cold.switches & HC_SWITCH_KEEPALIVE))
		return conn_output_kept(w, idx);
	if (HC_UNLIKELY(w->spare_count == 0))
		return conn_output_any(w, idx);
	if (HC_LIKELY(hc_tcp_owes_only_fin(&w->block[idx].tcb, &w->block[idx].cold)) &&
	    !hc_tx_has_echo(&w->block[idx].tcb, &w->block[idx].cold))
		send_fin(w, idx);
	else if (hc_tcp_owes_one_segment(&w->block[idx].tcb, &w->block[idx].cold))
		send_one_segment(w, idx);
	else
		return conn_output_any(w, idx);
	return true;
}

// Takes what was freed since off the list, and who is on it twice because the block changed hands.
void hc_pending_compact(struct hc_worker *w)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < w->pending_count; i++) {
		uint32_t idx = w->pending[i];

		if (!(w->block[idx].tcb.flags & HC_TCB_PENDING))
			continue;
		w->block[idx].tcb.flags &= (uint16_t)~HC_TCB_PENDING;
		w->pending[kept++] = idx;
	}
	w->pending_count = kept;
	for (uint32_t i = 0; i < kept; i++)
		w->block[w->pending[i]].tcb.flags |= HC_TCB_PENDING;
}

void hc_flush(struct hc_worker *w)
{
	uint32_t kept = 0;

	hc_stage_mark(w, HC_STAGE_APP);
	for (uint32_t i = 0; i < w->pending_count; i++) {
		uint32_t idx = w->pending[i];

		// Freed since: the block is nobody's, or another's who is not waiting.
		if (HC_UNLIKELY(!(w->block[idx].tcb.flags & HC_TCB_PENDING)))
			continue;
		w->block[idx].tcb.flags &= (uint16_t)~HC_TCB_PENDING;
		if (HC_UNLIKELY(!conn_output(w, idx))) {
			w->block[idx].tcb.flags |= HC_TCB_PENDING; // Again at the next flush.
			w->pending[kept++] = idx;
		}
	}
	w->pending_count = kept;
	if (w->tx_count)
		hc_tx_drain(w);
	hc_stage_mark(w, HC_STAGE_TX);
}
