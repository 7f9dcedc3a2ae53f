// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Packet buffers and frames on their way out.
//
// A worker keeps a stack of spare buffers. What it has received and is done with goes on top, what
// it sends is taken from the top: the buffer of a segment is turned round into the answer without
// the pool's doing, whatever lies between the two. Spare buffers are whole: one segment, no chain,
// reference count 1, data at the usual headroom.

#include "stack/bulk.h"
#include "stack/worker.h"

// The word at data_off of a spare buffer: headroom, one reference.
#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
#define HC_SPARE_SHAPE (1u << 16 | RTE_PKTMBUF_HEADROOM)
#else
#define HC_SPARE_SHAPE ((uint32_t)RTE_PKTMBUF_HEADROOM << 16 | 1u)
#endif
_Static_assert(offsetof(struct rte_mbuf, refcnt) == offsetof(struct rte_mbuf, data_off) + 2,
	       "headroom and references lie in one word");

HC_COLD bool hc_spare_refill(struct hc_worker *w);
HC_COLD void hc_pending_compact(struct hc_worker *w);

// A buffer to write a frame into, NULL when there is none (counted).
HC_ALWAYS_INLINE struct rte_mbuf *hc_mbuf_get(struct hc_worker *w)
{
	if (HC_UNLIKELY(w->spare_count == 0) && !hc_spare_refill(w)) {
		w->ctr[HC_CTR_tx_no_buffer]++;
		return NULL;
	}
	return w->spare[--w->spare_count];
}

HC_COLD void hc_mbuf_put_odd(struct hc_worker *w, struct rte_mbuf *m);

// On the stack of spare buffers, if it is whole, nobody else's, and there is room.
HC_ALWAYS_INLINE void hc_mbuf_keep(struct hc_worker *w, struct rte_mbuf *m, bool is_whole)
{
	if (HC_UNLIKELY(!is_whole) || HC_UNLIKELY(!RTE_MBUF_DIRECT(m)) ||
	    HC_UNLIKELY(w->spare_count == HC_SPARE_MAX))
		hc_mbuf_put_odd(w, m);
	else
		w->spare[w->spare_count++] = m;
}

// Gives a buffer back: one that was received, or one from hc_mbuf_get().
HC_ALWAYS_INLINE void hc_mbuf_put(struct hc_worker *w, struct rte_mbuf *m)
{
	// Data offset and reference count lie in one word: whole buffers all look the same there.
	uint32_t shape = hc_load32((const uint8_t *)m + offsetof(struct rte_mbuf, data_off));

	hc_mbuf_keep(w, m, HC_LIKELY(shape == HC_SPARE_SHAPE) && HC_LIKELY(m->nb_segs == 1));
}

_Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2,
	       "references and segments lie in one word");

// The same of one that was received and read, whose data begins somewhere.
HC_ALWAYS_INLINE void hc_mbuf_put_read(struct hc_worker *w, struct rte_mbuf *m)
{
	uint32_t shape = hc_load32((const uint8_t *)m + offsetof(struct rte_mbuf, refcnt));

	m->data_off = RTE_PKTMBUF_HEADROOM; // Whole again.
	hc_mbuf_keep(w, m, HC_LIKELY(shape == (1u << 16 | 1u)));
}

// Queues a finished frame of `len` bytes for the flush.
HC_ALWAYS_INLINE void hc_tx_push(struct hc_worker *w, struct rte_mbuf *m, uint32_t len)
{
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	if (HC_UNLIKELY(w->tx_count == HC_TX_MAX))
		hc_tx_drain(w);
	if (HC_UNLIKELY(w->tx_count == HC_TX_MAX)) {
		// The port has taken nothing for a long time: the oldest would only be older.
		w->ctr[HC_CTR_tx_dropped]++;
		hc_mbuf_put(w, m);
		return;
	}
	w->tx_bytes += len;
	w->tx[w->tx_count++] = m;
}

// The same of a frame in several buffers, of which all lengths are set, and which the port cuts.
static inline void hc_tx_push_chain(struct hc_worker *w, struct rte_mbuf *m)
{
	struct hc_bulk_wire wire = hc_bulk_on_wire(m);

	if (w->tx_count == HC_TX_MAX)
		hc_tx_drain(w);
	if (w->tx_count == HC_TX_MAX) {
		w->ctr[HC_CTR_tx_dropped] += wire.segments;
		hc_mbuf_put(w, m);
		return;
	}
	w->tx_bytes += wire.bytes;
	w->tx_cut_more += wire.segments - 1;
	w->tx[w->tx_count++] = m;
}

// Queues a frame that is written, or lets it wait for its next hop's address.
HC_ALWAYS_INLINE void hc_tx_queue(struct hc_worker *w, struct rte_mbuf *m,
				  const struct hc_tx_seg *s, uint32_t len, bool is_known)
{
	if (HC_LIKELY(is_known)) {
		hc_tx_push(w, m, len);
	} else {
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
		hc_neigh_send(w, m, s->key->remote_be);
	}
}

// Writes the headers of *s, whose payload of s->payload_len bytes is in place behind them, towards
// neighbour *neigh (looked up again if it is not who it was), and queues the frame.
HC_ALWAYS_INLINE void hc_tx_segment(struct hc_worker *w, struct rte_mbuf *m,
				    const struct hc_tx_seg *s, uint16_t neigh)
{
	const struct hc_neigh *n = &w->neighs.entry[neigh];
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	bool is_known = hc_neigh_is_for(n, s->key->remote_be);
	uint32_t len;

	if (HC_UNLIKELY(w->has_tx_csum)) {
		len = hc_build_tcp(frame, &n->l2, s, HC_BUILD_CSUM_PORT);
		m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
		m->l2_len = HC_ETH_LEN;
		m->l3_len = HC_IP4_LEN;
		m->l4_len = (len - HC_ETH_LEN - HC_IP4_LEN) & 0xff;
	} else {
		len = hc_build_tcp_soft(frame, &n->l2, s);
		m->ol_flags = 0;
	}
	hc_tx_queue(w, m, s, len + s->payload_len, is_known);
}

// The same of a segment of which the caller knows that it has timestamps, and the port no
// checksums.
HC_ALWAYS_INLINE void hc_tx_segment_plain(struct hc_worker *w, struct rte_mbuf *m,
					  const struct hc_tx_seg *s, uint16_t neigh)
{
	const struct hc_neigh *n = &w->neighs.entry[neigh];
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	bool is_known = hc_neigh_is_for(n, s->key->remote_be);
	uint32_t len = hc_build_tcp(frame, &n->l2, s, HC_BUILD_CSUM_SOFT);

	m->ol_flags = 0;
	hc_tx_queue(w, m, s, len + s->payload_len, is_known);
}

// What every segment of a TCB has in common.
HC_ALWAYS_INLINE struct hc_tx_seg hc_tx_from_tcb(struct hc_worker *w, struct hc_tcb *t,
						 const struct hc_tcb_cold *c)
{
	return (struct hc_tx_seg){
		.key = &t->key,
		.seq = t->snd_nxt,
		.ack = t->rcv_nxt,
		.flags = HC_TCP_ACK,
		.wnd = hc_tcp_advertise(t, c, &w->env),
		.has_ts = t->flags & HC_TCB_TS,
		.tsval = w->env.ts_now,
		.tsecr = t->ts_recent,
	};
}

HC_NOINLINE void hc_tx_ack_echo(struct hc_worker *w, struct hc_tcb *t, const struct hc_tcb_cold *c);

// Whether what is sent says ECE (RFC 3168 6.1.3).
HC_ALWAYS_INLINE bool hc_tx_has_echo(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return HC_UNLIKELY(t->flags & HC_TCB_DATA) && HC_UNLIKELY(c->switches & HC_SWITCH_ECN_ECHO);
}

// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. Nothing is owed after that. @return false without a buffer.
HC_ALWAYS_INLINE bool hc_tx_ack(struct hc_worker *w, struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	struct rte_mbuf *m;
	struct hc_tx_seg s;

	if (hc_tx_has_echo(t, c)) {
		hc_tx_ack_echo(w, t, c);
		return !(t->flags & HC_TCB_ACK_OWED);
	}
	m = hc_mbuf_get(w);
	if (HC_UNLIKELY(!m))
		return false;
	s = hc_tx_from_tcb(w, t, c);
	t->flags &= (uint16_t)~HC_TCB_ACK_OWED;
	hc_tx_segment(w, m, &s, t->neigh);
	return true;
}

// Our SYN, whoever it is for.
HC_ALWAYS_INLINE struct hc_tx_seg hc_tx_syn_seg(const struct hc_worker *w,
						const struct hc_flow_key *key, hc_seq iss)
{
	// RFC 7323 2.2: the window of a SYN is not scaled.
	return (struct hc_tx_seg){
		.key = key,
		.seq = iss,
		.flags = HC_TCP_SYN,
		.wnd = (uint16_t)hc_min_u32(w->env.rcv_buf_bytes, 0xffff),
		.has_ts = w->env.has_timestamps,
		.tsval = w->env.ts_now,
		.has_wscale = w->env.has_window_scale,
		.has_sack = w->env.has_sack,
		.wscale = w->env.rcv_wscale,
		.mss = w->env.mss,
	};
}

// The SYN,ACK of a simultaneous open or of a connection that a SYN's data opened.
HC_ALWAYS_INLINE struct hc_tx_seg
hc_tx_tcb_synack_seg(const struct hc_worker *w, const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	struct hc_tx_seg s = hc_tx_syn_seg(w, &t->key, c->iss);

	s.ack = t->rcv_nxt;
	s.flags = HC_TCP_SYN | HC_TCP_ACK;
	s.wnd = (uint16_t)hc_min_u32(t->rcv_edge - t->rcv_nxt, 0xffff);
	// RFC 7323 3.2: timestamps go only to who sent them. Without window scale it says the same
	// as with two shifts of 0.
	s.has_ts = t->flags & HC_TCB_TS;
	s.tsecr = t->ts_recent;
	s.has_wscale = w->env.has_window_scale && (c->snd_wscale || c->rcv_wscale);
	s.has_sack = t->flags & HC_TCB_SACK;
	return s;
}

// Either of a TCB, sent, with more flags.
HC_ALWAYS_INLINE bool hc_tx_syn_with(struct hc_worker *w, struct hc_tcb *t,
				     const struct hc_tcb_cold *c, bool is_synack, unsigned flags)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (HC_UNLIKELY(!m))
		return false;
	s = is_synack ? hc_tx_tcb_synack_seg(w, t, c) : hc_tx_syn_seg(w, &t->key, c->iss);
	s.flags = (uint8_t)(s.flags | flags);
	hc_tx_segment(w, m, &s, t->neigh);
	return true;
}

// Whether SYNs to remote_be, whose next hop is *neigh, can be written by a form. Then *f is it.
static inline bool hc_tx_syn_form(struct hc_worker *w, const struct hc_flow_key *remote,
				  uint16_t neigh, struct hc_syn_form *f)
{
	const struct hc_neigh *n = &w->neighs.entry[neigh];
	struct hc_tx_seg s = hc_tx_syn_seg(w, remote, 0);

	if (w->has_tx_csum || w->has_odd_syn || !hc_neigh_is_for(n, remote->remote_be))
		return false;
	hc_build_syn_form(f, &n->l2, &s);
	return true;
}

// The SYN of a TCB by that form.
HC_ALWAYS_INLINE bool hc_tx_syn_by(struct hc_worker *w, const struct hc_syn_form *f,
				   const struct hc_tcb *t, hc_seq iss)
{
	struct rte_mbuf *m = hc_mbuf_get(w);

	if (HC_UNLIKELY(!m))
		return false;
	hc_build_syn(rte_pktmbuf_mtod(m, uint8_t *), f, &t->key, iss);
	m->ol_flags = 0;
	hc_tx_push(w, m, f->len);
	return true;
}

HC_NOINLINE bool hc_tx_syn_odd(struct hc_worker *w, struct hc_tcb *t, struct hc_tcb_cold *c);

HC_ALWAYS_INLINE bool hc_tx_syn(struct hc_worker *w, struct hc_tcb *t, struct hc_tcb_cold *c)
{
	if (HC_UNLIKELY(w->has_odd_syn))
		return hc_tx_syn_odd(w, t, c);
	return hc_tx_syn_with(w, t, c, false, 0);
}

// RST from a TCB: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>.
static inline void hc_tx_rst(struct hc_worker *w, struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (HC_UNLIKELY(!m))
		return;
	s = hc_tx_from_tcb(w, t, c);
	s.flags = HC_TCP_RST | HC_TCP_ACK;
	w->ctr[HC_CTR_tx_rst]++;
	hc_tx_segment(w, m, &s, t->neigh);
}

// The RST that answers a segment nobody wants (RFC 9293 3.10.7.1).
static inline void hc_tx_rst_reply(struct hc_worker *w, const struct hc_seg *seg)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s = {.key = &seg->key, .flags = HC_TCP_RST};

	if (HC_UNLIKELY(!m))
		return;
	if (seg->flags & HC_TCP_ACK) {
		s.seq = seg->ack;
	} else {
		s.ack = seg->seq + hc_seg_len(seg);
		s.flags |= HC_TCP_ACK;
	}
	w->ctr[HC_CTR_tx_rst]++;
	hc_tx_segment(w, m, &s, hc_route(w, seg->key.remote_be));
}

// The SYN,ACK of a SYN mini, with our clock's `tsval`.
HC_ALWAYS_INLINE struct hc_tx_seg hc_tx_synack_seg(const struct hc_worker *w,
						   const struct hc_syn_mini *y, uint32_t tsval)
{
	return (struct hc_tx_seg){
		.key = &y->key,
		.seq = y->iss,
		.ack = y->irs + 1,
		.flags = HC_TCP_SYN | HC_TCP_ACK,
		.wnd = (uint16_t)hc_min_u32(w->env.rcv_buf_bytes, 0xffff),
		.has_ts = y->flags & HC_SYN_TS,
		.tsval = tsval,
		.tsecr = y->ts_recent,
		.has_wscale = y->flags & HC_SYN_WSCALE && !HC_FAULT(syn_ack_options_lost),
		.has_sack = y->flags & HC_SYN_SACK,
		.wscale = w->env.rcv_wscale,
		.mss = w->env.mss,
	};
}

HC_ALWAYS_INLINE void hc_tx_synack_at(struct hc_worker *w, const struct hc_syn_mini *y,
				      uint32_t tsval)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (HC_UNLIKELY(!m))
		return; // The retransmission will do.
	s = hc_tx_synack_seg(w, y, tsval);
	hc_tx_segment(w, m, &s, y->neigh);
}

HC_NOINLINE void hc_tx_synack_odd(struct hc_worker *w, const struct hc_syn_mini *y);

HC_ALWAYS_INLINE void hc_tx_synack(struct hc_worker *w, const struct hc_syn_mini *y)
{
	if (HC_UNLIKELY(y->flags & HC_SYN_ODD))
		hc_tx_synack_odd(w, y);
	else
		hc_tx_synack_at(w, y, w->env.ts_now);
}

// An ACK that a mini sends of itself: <SEQ><ACK> and a window as it stands on the wire.
static inline void hc_tx_mini_ack(struct hc_worker *w, const struct hc_flow_key *key, hc_seq seq,
				  hc_seq ack, uint16_t wnd, bool has_ts, uint32_t ts_recent,
				  uint16_t neigh)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (HC_UNLIKELY(!m))
		return;
	s = (struct hc_tx_seg){
		.key = key,
		.seq = seq,
		.ack = ack,
		.flags = HC_TCP_ACK,
		.wnd = wnd,
		.has_ts = has_ts,
		.tsval = w->env.ts_now,
		.tsecr = ts_recent,
	};
	hc_tx_segment(w, m, &s, neigh);
}

// Whether hc_pend() has to make room first, which a function without any other call asks before it
// begins.
HC_ALWAYS_INLINE bool hc_pending_is_full(const struct hc_worker *w)
{
	return w->pending_count == 2 * w->cfg.conn_cap;
}

// Puts a connection on the list of those that hc_flush() looks at.
HC_ALWAYS_INLINE void hc_pend(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;

	if (!(t->flags & HC_TCB_PENDING)) {
		if (HC_UNLIKELY(hc_pending_is_full(w)))
			hc_pending_compact(w);
		t->flags |= HC_TCB_PENDING;
		w->pending[w->pending_count++] = idx;
	}
}

// The same, if hc_pending_is_full() said no. Sets more flags with one stroke.
HC_ALWAYS_INLINE void hc_pend_flags(struct hc_worker *w, uint32_t idx, uint32_t more)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	uint32_t flags = t->flags;

	t->flags = (uint16_t)(flags | HC_TCB_PENDING | more);
	if (!(flags & HC_TCB_PENDING))
		w->pending[w->pending_count++] = idx;
}

// Arms the timer of a TCB that just sent all it has in flight, in one segment or none of data. With
// the least RTO that is the timer of a tail probe as well (tcp/tlp.h).
HC_ALWAYS_INLINE void hc_arm_rtx(struct hc_worker *w, uint32_t idx)
{
	uint32_t rto_ms = w->block[idx].cold.rto_ms;

	if (HC_LIKELY(rto_ms == w->env.rto_min_ms))
		hc_timer_arm_fifo(&w->tcb_timers, idx, w->fifo_rto_min, w->env.now_ms);
	else
		hc_arm_loss(w, idx);
}

// The first data of a connection, either way.
HC_ALWAYS_INLINE void hc_sock_begin(struct hc_worker *w, struct hc_sock *k, hc_seq snd_first)
{
	w->has_data = true;
	// Not own_span, which is written whole when it is used, nor soft_error, which may be older
	// than any data.
	k->snd_head = HC_IDX_NONE;
	k->snd_tail = HC_IDX_NONE;
	k->snd_first = snd_first;
	k->readable_bytes = 0;
	k->rcv_head = NULL;
	k->rcv_tail = NULL;
	k->mss_full = 0;
}

// The text of a segment, in the buffer it came in, is the last that the application may take.
HC_ALWAYS_INLINE void hc_sock_put_last(struct hc_sock *k, struct rte_mbuf *m,
				       const struct hc_seg *seg)
{
	k->readable_bytes += seg->payload_len;
	m->data_off = (uint16_t)(m->data_off + seg->payload_off);
	m->data_len = seg->payload_len;
	// A whole buffer has no next; that is on a line of its own, so it is not written here, and
	// read only for a buffer that has one behind it.
	HC_ASSERT(m->nb_segs == 1);
	k->rcv_tail = m;
}

// Text in its turn, for the application. @return false when it was copied, and the buffer is free.
HC_ALWAYS_INLINE bool hc_sock_deliver(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
				      const struct hc_seg *seg)
{
	struct hc_sock *k = &w->block[idx].sock;

	if (k->rcv_head)
		return hc_sock_deliver_more(w, idx, m, seg);
	k->rcv_head = m;
	hc_sock_put_last(k, m, seg);
	return true;
}

// Lets go of the queued data that is acknowledged: as a rule all there is, in the sock's own span,
// and nobody's buffer.
HC_ALWAYS_INLINE void hc_sock_acked(struct hc_worker *w, uint32_t idx)
{
	struct hc_sock *k = &w->block[idx].sock;
	uint32_t una_off = w->block[idx].tcb.snd_una - k->snd_first;
	uint32_t behind = una_off - k->own_span.len + (uint32_t)HC_FAULT(unacked_byte_let_go);

	if (k->snd_head == HC_IDX_NONE)
		return;
	// Our FIN may be acknowledged with it.
	if (HC_UNLIKELY(k->snd_head != HC_SPAN_OWN || k->snd_tail != HC_SPAN_OWN ||
			k->own_span.owner || behind > 1)) {
		hc_sock_acked_any(w, idx);
		return;
	}
	k->snd_first += k->own_span.len;
	k->snd_head = HC_IDX_NONE;
	k->snd_tail = HC_IDX_NONE;
}

// Whether a connection may be closed without a look at its data: it has nothing unread, nor held.
HC_ALWAYS_INLINE bool hc_sock_has_none_unread(const struct hc_worker *w, uint32_t idx)
{
	return !(w->block[idx].tcb.flags & HC_TCB_DATA) ||
	       !(w->block[idx].sock.readable_bytes || hc_tcb_is_holding(&w->block[idx].cold));
}

// Whether a connection with data has nothing of it any more, nor anything else to give back.
HC_ALWAYS_INLINE bool hc_sock_is_empty(const struct hc_worker *w, uint32_t idx)
{
	const struct hc_sock *k = &w->block[idx].sock;
	const struct hc_tcb_cold *c = &w->block[idx].cold;

	return k->snd_head == HC_IDX_NONE && !k->rcv_head && !hc_tcb_is_holding(c) &&
	       !(c->switches & (HC_SWITCH_BOARD | HC_SWITCH_LIVE));
}
