// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Send and receive queues. Received payload stays in the buffer it came in and is lent to the
// application; short pieces are copied together, so that a peer that sends byte by byte cannot hold
// a buffer with each. Queued send data is a list of spans, static or copied into buffers, from
// which every sending, first or again, copies into the frame it is about to checksum anyway.

#include "stack/tx.h"

void hc_sock_init(struct hc_worker *w, uint32_t idx, hc_seq snd_first)
{
	hc_sock_begin(w, &w->block[idx].sock, snd_first);
	if (HC_UNLIKELY(w->pmtus.count))
		hc_pmtu_apply(w, idx);
}

// The span of an index: of the pool, or the sock's own.
HC_ALWAYS_INLINE struct hc_span *span_at(const struct hc_worker *w, const struct hc_sock *k,
					 uint32_t i)
{
	return HC_LIKELY(i == HC_SPAN_OWN) ? (struct hc_span *)(uintptr_t)&k->own_span
					   : &w->span[i];
}

// A span for the tail of the queue: the sock's own when it is free, which is when nothing is
// queued.
static inline uint32_t span_get(struct hc_worker *w, const struct hc_sock *k)
{
	return k->snd_head == HC_IDX_NONE ? HC_SPAN_OWN : hc_pool_get(&w->span_pool);
}

static inline void span_put(struct hc_worker *w, uint32_t i)
{
	if (i != HC_SPAN_OWN)
		hc_pool_put(&w->span_pool, i);
}

static inline void span_free(struct hc_worker *w, const struct hc_sock *k, uint32_t i)
{
	struct rte_mbuf *owner = span_at(w, k, i)->owner;

	if (owner)
		hc_mbuf_put(w, owner);
	span_put(w, i);
}

// The first received buffer, whole again.
static inline struct rte_mbuf *rcv_pop(struct hc_sock *k)
{
	struct rte_mbuf *m = k->rcv_head;

	if (HC_LIKELY(m == k->rcv_tail)) {
		k->rcv_head = NULL;
	} else {
		k->rcv_head = m->next;
		m->next = NULL;
	}
	return m;
}

void hc_sock_free(struct hc_worker *w, uint32_t idx)
{
	struct hc_sock *k = &w->block[idx].sock;

	while (k->snd_head != HC_IDX_NONE) {
		uint32_t next = span_at(w, k, k->snd_head)->next;

		span_free(w, k, k->snd_head);
		k->snd_head = next;
	}
	while (k->rcv_head)
		hc_mbuf_put(w, rcv_pop(k));
	if (HC_UNLIKELY(hc_tcb_is_holding(&w->block[idx].cold)))
		hc_held_free(w, idx);
	hc_recovery_release(&w->block[idx].cold, &w->env);
	if (HC_UNLIKELY(w->has_shapes))
		hc_shape_last(w, idx);
	hc_live_release(&w->block[idx].cold, &w->env);
}

// What of the queue is acknowledged, when it is not all of the one span it has.
void hc_sock_acked_any(struct hc_worker *w, uint32_t idx)
{
	struct hc_sock *k = &w->block[idx].sock;
	hc_seq una = w->block[idx].tcb.snd_una;

	while (k->snd_head != HC_IDX_NONE) {
		uint32_t i = k->snd_head;
		const struct hc_span *s = span_at(w, k, i);

		if (hc_seq_lt(una, k->snd_first + s->len))
			break;
		k->snd_first += s->len;
		k->snd_head = s->next;
		span_free(w, k, i);
	}
	if (k->snd_head == HC_IDX_NONE)
		k->snd_tail = HC_IDX_NONE;
}

uint64_t hc_sock_copy_out(const struct hc_worker *w, uint32_t idx, hc_seq seq, uint32_t len,
			  uint8_t *dst, bool wants_sum)
{
	const struct hc_sock *k = &w->block[idx].sock;
	uint32_t skip = seq - k->snd_first;
	uint32_t i = k->snd_head;
	uint32_t left = len;
	const uint8_t *from = dst;

	while (left) {
		const struct hc_span *s;
		uint32_t n;

		HC_ASSERT(i != HC_IDX_NONE);
		s = span_at(w, k, i);
		if (skip >= s->len) {
			skip -= s->len;
		} else {
			n = hc_min_u32(left, s->len - skip);
			memcpy(dst, s->data + skip, n);
			if (n == len)
				from = s->data + skip;
			dst += n;
			left -= n;
			skip = 0;
		}
		i = s->next;
	}
	// Summed where it came from, if that is one piece: that does not wait for the copy.
	if (!wants_sum)
		return 0;
	return len < HC_CSUM_LONG_BYTES ? hc_csum_wide_bytes(0, from, len)
					: hc_csum_add_long(0, from, len);
}

// Text behind some that the application has not taken.
bool hc_sock_deliver_more(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
			  const struct hc_seg *seg)
{
	struct hc_sock *k = &w->block[idx].sock;
	struct rte_mbuf *tail = k->rcv_tail;
	const uint8_t *payload = rte_pktmbuf_mtod_offset(m, const uint8_t *, seg->payload_off);

	if (seg->payload_len <= HC_COALESCE_MAX && seg->payload_len <= rte_pktmbuf_tailroom(tail)) {
		k->readable_bytes += seg->payload_len;
		memcpy(rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len), payload,
		       seg->payload_len);
		tail->data_len = (uint16_t)(tail->data_len + seg->payload_len);
		return false;
	}
	tail->next = m;
	hc_sock_put_last(k, m, seg);
	return true;
}

static inline uint32_t writable_idx(struct hc_worker *w, hc_conn conn)
{
	uint32_t idx = hc_handle_idx(w, conn);

	if (idx == HC_IDX_NONE)
		w->ctr[HC_CTR_stale_handles]++;
	return idx;
}

static void span_append(struct hc_worker *w, struct hc_sock *k, uint32_t i)
{
	span_at(w, k, i)->next = HC_IDX_NONE;
	if (k->snd_tail == HC_IDX_NONE)
		k->snd_head = i;
	else
		span_at(w, k, k->snd_tail)->next = i;
	k->snd_tail = i;
}

// Bytes by reference are all there is in the queue.
HC_ALWAYS_INLINE void queue_own(struct hc_sock *k, const uint8_t *data, uint32_t len)
{
	k->own_span = (struct hc_span){.data = data, .len = len, .next = HC_IDX_NONE};
	k->snd_head = HC_SPAN_OWN;
	k->snd_tail = HC_SPAN_OWN;
}

// Queues up to `len` bytes by reference. @return how many.
HC_ALWAYS_INLINE uint32_t queue_static(struct hc_worker *w, uint32_t idx, const uint8_t *data,
				       uint32_t len)
{
	struct hc_sock *k = &w->block[idx].sock;
	uint32_t i = span_get(w, k);

	if (HC_UNLIKELY(i == HC_IDX_NONE))
		return 0;
	len = hc_tcp_queue(&w->block[idx].tcb, &w->block[idx].cold, len, w->cfg.snd_buf_bytes);
	if (HC_UNLIKELY(len == 0)) {
		span_put(w, i);
		return 0;
	}
	if (HC_LIKELY(i == HC_SPAN_OWN)) {
		queue_own(k, data, len);
	} else {
		w->span[i] = (struct hc_span){.data = data, .len = len};
		span_append(w, k, i);
	}
	return len;
}

// Queues up to `len` bytes as copies in buffers, the last one filled up first. @return how many.
static HC_NOINLINE uint32_t queue_copy(struct hc_worker *w, uint32_t idx, const uint8_t *data,
				       uint32_t len)
{
	struct hc_sock *k = &w->block[idx].sock;
	uint32_t taken = 0;

	while (taken < len) {
		uint32_t i = k->snd_tail;
		struct hc_span *s = i == HC_IDX_NONE ? NULL : span_at(w, k, i);
		uint32_t room;
		uint32_t n;

		if (!s || !s->owner || rte_pktmbuf_tailroom(s->owner) == 0) {
			struct rte_mbuf *m;

			i = span_get(w, k);
			if (i == HC_IDX_NONE)
				break;
			m = hc_mbuf_get(w);
			if (!m) {
				span_put(w, i);
				break;
			}
			m->data_len = 0;
			s = span_at(w, k, i);
			*s = (struct hc_span){.data = rte_pktmbuf_mtod(m, uint8_t *), .owner = m};
			span_append(w, k, i);
		}
		room = rte_pktmbuf_tailroom(s->owner);
		n = hc_tcp_queue(&w->block[idx].tcb, &w->block[idx].cold,
				 hc_min_u32(len - taken, room), w->cfg.snd_buf_bytes);
		if (n == 0)
			break;
		memcpy(rte_pktmbuf_mtod_offset(s->owner, uint8_t *, s->owner->data_len),
		       data + taken, n);
		s->owner->data_len = (uint16_t)(s->owner->data_len + n);
		s->len += n;
		taken += n;
	}
	return taken;
}

// Queues up to `len` bytes. @return how many.
static uint32_t queue(struct hc_worker *w, uint32_t idx, const void *data, size_t len,
		      unsigned flags)
{
	uint32_t want = len < w->cfg.snd_buf_bytes ? (uint32_t)len : w->cfg.snd_buf_bytes;
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	bool was_empty;
	uint32_t taken;

	if (want == 0 || t->flags & HC_TCB_FIN_QUEUED)
		return 0;
	if (!(t->flags & HC_TCB_DATA)) {
		hc_sock_init(w, idx, c->snd_end);
		t->flags |= HC_TCB_DATA;
	}
	was_empty = w->block[idx].sock.snd_head == HC_IDX_NONE;
	taken = flags & HC_SEND_STATIC ? queue_static(w, idx, data, want)
				       : queue_copy(w, idx, data, want);
	// What was not taken waits for the event.
	if (!(flags & HC_SEND_QUIET) || taken < len)
		c->switches &= (uint16_t)~HC_SWITCH_QUIET;
	else if (was_empty)
		c->switches |= HC_SWITCH_QUIET;
	if (taken && t->state != HC_SYN_SENT && t->state != HC_SYN_RCVD)
		hc_pend(w, idx);
	return taken;
}

static HC_NOINLINE size_t send_any(struct hc_worker *w, hc_conn conn, const void *data, size_t len,
				   unsigned flags)
{
	uint32_t idx = writable_idx(w, conn);
	uint32_t taken;

	if (idx == HC_IDX_NONE)
		return 0;
	if (flags & HC_SEND_CLOSE && w->block[idx].tcb.flags & HC_TCB_DATA &&
	    w->block[idx].sock.readable_bytes)
		return 0; // Closing would be a reset.
	taken = queue(w, idx, data, len, flags);
	if (flags & HC_SEND_CLOSE && taken == len)
		(void)hc_close(w, conn);
	return taken;
}

// A request or a response: static data of an open connection that has nothing else queued or in
// flight is queued here, whatever else there is in send_any().
size_t hc_send(struct hc_worker *w, hc_conn conn, const void *data, size_t len, unsigned flags)
{
	uint32_t idx = hc_handle_block(w, conn);
	struct hc_tcb_cold *c;
	uint32_t more = 0;
	struct hc_sock *k;
	struct hc_tcb *t;

	if (HC_UNLIKELY(idx == HC_IDX_NONE))
		return send_any(w, conn, data, len, flags);
	t = &w->block[idx].tcb;
	c = &w->block[idx].cold;
	if (HC_UNLIKELY(!(flags & HC_SEND_STATIC)) ||
	    HC_UNLIKELY(len - 1 >= w->cfg.snd_buf_bytes) || HC_UNLIKELY(w->pmtus.count) ||
	    HC_UNLIKELY(hc_pending_is_full(w)) || HC_UNLIKELY(!hc_tcp_may_queue_quick(t, c)) ||
	    (flags & HC_SEND_CLOSE && HC_UNLIKELY(!hc_sock_has_none_unread(w, idx))))
		return send_any(w, conn, data, len, flags);
	k = &w->block[idx].sock;
	if (t->flags & HC_TCB_DATA)
		HC_ASSERT(k->snd_head == HC_IDX_NONE);
	else
		hc_sock_begin(w, k, c->snd_end);
	queue_own(k, data, (uint32_t)len);
	hc_tcp_queue_all(c, (uint32_t)len);
	HC_STATIC_ASSERT(HC_SEND_QUIET << 6 == HC_SWITCH_QUIET, "one shift apart");
	c->switches = (uint16_t)((c->switches & ~HC_SWITCH_QUIET) | (flags & HC_SEND_QUIET) << 6);
	if (flags & HC_SEND_CLOSE) {
		bool is_open = hc_tcp_close_quick(t, &more);

		HC_ASSERT(is_open);
	}
	hc_pend_flags(w, idx, more | HC_TCB_DATA);
	return len;
}

// Lends a received buffer to the application.
HC_ALWAYS_INLINE void lend(struct hc_sock *k, struct rte_mbuf *m, struct hc_chunk *chunk)
{
	k->readable_bytes -= m->data_len;
	chunk->data = rte_pktmbuf_mtod(m, const uint8_t *);
	chunk->len = m->data_len;
	chunk->owner = m;
}

static HC_NOINLINE unsigned recv_any(struct hc_worker *w, hc_conn conn, struct hc_chunk *chunks,
				     unsigned n)
{
	uint32_t idx = writable_idx(w, conn);
	struct hc_sock *k;
	unsigned taken = 0;

	if (idx == HC_IDX_NONE || !(w->block[idx].tcb.flags & HC_TCB_DATA))
		return 0;
	k = &w->block[idx].sock;
	while (taken < n && k->rcv_head)
		lend(k, rcv_pop(k), &chunks[taken++]);
	return taken;
}

// As a rule there is one buffer.
unsigned hc_recv(struct hc_worker *w, hc_conn conn, struct hc_chunk *chunks, unsigned n)
{
	uint32_t idx = hc_handle_block(w, conn);
	struct hc_sock *k;

	// A free block has no flags.
	if (HC_UNLIKELY(idx == HC_IDX_NONE || !(w->block[idx].tcb.flags & HC_TCB_DATA) || n == 0))
		return recv_any(w, conn, chunks, n);
	k = &w->block[idx].sock;
	if (HC_UNLIKELY(!k->rcv_head || k->rcv_head != k->rcv_tail))
		return recv_any(w, conn, chunks, n);
	lend(k, k->rcv_head, chunks);
	k->rcv_head = NULL;
	return 1;
}

// Whether most of the receive buffer is on offer to the peer, and at least a segment: then it need
// not be told that more is free.
HC_ALWAYS_INLINE bool offers_most(const struct hc_worker *w, const struct hc_tcb *t)
{
	return t->rcv_edge - t->rcv_nxt >= w->rcv_most;
}

// The application has done with `bytes` of what it received: the window may open.
HC_ALWAYS_INLINE void give_back(struct hc_worker *w, uint32_t idx, uint32_t bytes)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	uint32_t buf = w->env.rcv_buf_bytes;
	uint32_t offered = t->rcv_edge - t->rcv_nxt;
	uint32_t free, gain;

	HC_ASSERT(c->rcv_used >= bytes);
	c->rcv_used -= bytes;
	if (HC_LIKELY(offers_most(w, t)) || !hc_tcp_is_receiving(t))
		return;
	free = buf - hc_min_u32(buf, c->rcv_used);
	gain = free - hc_min_u32(free, offered);
	// RFC 9293 3.8.6.2.2: an ACK on its own account when half the buffer is open again, or
	// there is room for a segment and was none, so that the peer may be waiting. Anything else
	// is told by the next ACK that goes out anyway.
	if (gain >= buf / 2 || (gain >= w->env.mss && offered < w->env.mss &&
				!HC_FAULT(closed_window_opens_by_half))) {
		t->flags |= HC_TCB_ACK_OWED;
		c->receiving &= (uint8_t)~HC_RECEIVING_ACK_MAY_WAIT;
		hc_pend(w, idx);
	}
}

void hc_recv_more_room(struct hc_worker *w, uint32_t idx, uint32_t bytes)
{
	give_back(w, idx, bytes);
}

static HC_NOINLINE void release_any(struct hc_worker *w, hc_conn conn,
				    const struct hc_chunk *chunks, unsigned n)
{
	uint32_t idx = hc_handle_idx(w, conn);
	uint32_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = chunks[i].owner;

		bytes += chunks[i].len;
		hc_mbuf_put_read(w, m);
	}
	if (idx != HC_IDX_NONE && bytes)
		give_back(w, idx, bytes);
}

// As a rule it is one buffer, and most of the window is on offer still.
void hc_recv_release(struct hc_worker *w, hc_conn conn, const struct hc_chunk *chunks, unsigned n)
{
	uint32_t idx = hc_handle_block(w, conn);

	// A free block has no flags.
	if (HC_UNLIKELY(idx == HC_IDX_NONE || !(w->block[idx].tcb.flags & HC_TCB_DATA) || n != 1 ||
			!offers_most(w, &w->block[idx].tcb))) {
		release_any(w, conn, chunks, n);
		return;
	}
	HC_ASSERT(w->block[idx].cold.rcv_used >= chunks->len);
	w->block[idx].cold.rcv_used -= chunks->len;
	hc_mbuf_put_read(w, chunks->owner);
}

size_t hc_recv_copy(struct hc_worker *w, hc_conn conn, void *buf, size_t cap)
{
	uint32_t idx = writable_idx(w, conn);
	struct hc_sock *k;
	size_t taken = 0;

	if (idx == HC_IDX_NONE || !(w->block[idx].tcb.flags & HC_TCB_DATA))
		return 0;
	k = &w->block[idx].sock;
	while (taken < cap && k->rcv_head) {
		struct rte_mbuf *m = k->rcv_head;
		uint32_t n = cap - taken < m->data_len ? (uint32_t)(cap - taken) : m->data_len;

		memcpy((uint8_t *)buf + taken, rte_pktmbuf_mtod(m, const uint8_t *), n);
		taken += n;
		m->data_off = (uint16_t)(m->data_off + n);
		m->data_len = (uint16_t)(m->data_len - n);
		if (m->data_len == 0)
			hc_mbuf_put_read(w, rcv_pop(k));
	}
	k->readable_bytes -= (uint32_t)taken;
	if (taken)
		give_back(w, idx, (uint32_t)taken);
	return taken;
}
