// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See held.h. Called by run.c: hc_held_add() for a segment that is ahead, hc_held_deliver() behind
// one that came in its turn while something is held.

#include "stack/tx.h"

static struct hc_holding *holding_of(const struct hc_worker *w, uint32_t idx)
{
	HC_ASSERT(hc_tcb_is_holding(&w->block[idx].cold));
	return &w->holding[w->block[idx].sock.holding];
}

static void holding_free(struct hc_worker *w, uint32_t idx)
{
	HC_ASSERT(holding_of(w, idx)->buf_count == 0);
	w->block[idx].cold.receiving &= (uint8_t)~HC_RECEIVING_HOLDS;
	hc_pool_put(&w->holding_pool, w->block[idx].sock.holding);
}

// The connection's record, or a new one. @return NULL when there is none left.
static struct hc_holding *holding_get(struct hc_worker *w, uint32_t idx)
{
	struct hc_holding *h;
	uint32_t i;

	if (hc_tcb_is_holding(&w->block[idx].cold))
		return holding_of(w, idx);
	i = hc_pool_get(&w->holding_pool);
	if (i == HC_IDX_NONE)
		return NULL;
	if (!(w->block[idx].tcb.flags & HC_TCB_DATA)) {
		hc_sock_init(w, idx, w->block[idx].cold.snd_end);
		w->block[idx].tcb.flags |= HC_TCB_DATA;
	}
	w->block[idx].sock.holding = i;
	w->block[idx].cold.receiving |= HC_RECEIVING_HOLDS;
	h = &w->holding[i];
	h->buf_count = 0;
	hc_held_init(&h->held);
	return h;
}

static void buf_counts(struct hc_worker *w, struct hc_holding *h, int by)
{
	h->buf_count += (uint32_t)by;
	w->held_buf_count += (uint32_t)by;
}

static bool has_room(const struct hc_worker *w, const struct hc_holding *h)
{
	if (HC_FAULT(held_buffers_unlimited))
		return true;
	return h->buf_count < w->held_buf_conn_max && w->held_buf_count < w->held_buf_max;
}

// Takes the first buffer off a chain, whole but for its data offset.
static struct rte_mbuf *chain_pop(struct hc_worker *w, struct hc_holding *h,
				  struct hc_held_chain *ch)
{
	struct rte_mbuf *m = ch->head;

	ch->head = m == ch->tail ? NULL : m->next;
	m->next = NULL;
	buf_counts(w, h, -1);
	return m;
}

static void chain_free(struct hc_worker *w, struct hc_holding *h, struct hc_held_chain *ch)
{
	while (ch->head)
		hc_mbuf_put(w, chain_pop(w, h, ch));
}

// Short text is copied to where a buffer has room behind or before its own.
static bool copy_behind(struct rte_mbuf *tail, const uint8_t *text, uint32_t len)
{
	if (len > HC_COALESCE_MAX || len > rte_pktmbuf_tailroom(tail))
		return false;
	memcpy(rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len), text, len);
	tail->data_len = (uint16_t)(tail->data_len + len);
	return true;
}

static bool copy_before(struct rte_mbuf *head, const uint8_t *text, uint32_t len)
{
	if (len > HC_COALESCE_MAX || len > rte_pktmbuf_headroom(head))
		return false;
	head->data_off = (uint16_t)(head->data_off - len);
	head->data_len = (uint16_t)(head->data_len + len);
	memcpy(rte_pktmbuf_mtod(head, uint8_t *), text, len);
	return true;
}

// Appends a chain to another, which is left as the whole.
static void chain_join(struct hc_worker *w, struct hc_holding *h, struct hc_held_chain *to,
		       struct hc_held_chain *from)
{
	if (copy_behind(to->tail, rte_pktmbuf_mtod(from->head, const uint8_t *),
			from->head->data_len))
		hc_mbuf_put(w, chain_pop(w, h, from));
	if (!from->head)
		return;
	to->tail->next = from->head;
	to->tail = from->tail;
}

// A buffer for a piece of a segment whose own buffer is *m: that one for the last piece, for others
// a copy. @return NULL when there is none.
static struct rte_mbuf *piece_buf(struct hc_worker *w, struct rte_mbuf **m, const uint8_t *text,
				  uint32_t len, bool is_last)
{
	struct rte_mbuf *buf = *m;

	if (is_last) {
		*m = NULL;
		buf->data_off = (uint16_t)(text - (const uint8_t *)buf->buf_addr);
	} else {
		buf = hc_mbuf_get(w);
		if (!buf)
			return NULL;
		buf->data_len = 0;
		if (len > rte_pktmbuf_tailroom(buf)) {
			hc_mbuf_put(w, buf);
			return NULL;
		}
		memcpy(rte_pktmbuf_mtod(buf, uint8_t *), text, len);
		buf->next = NULL;
	}
	buf->data_len = (uint16_t)len;
	return buf;
}

// Holds a piece that stands at `text` in the segment's buffer *m, which becomes NULL when it is
// kept. @return false when there was no room.
static bool hold_piece(struct hc_worker *w, struct hc_holding *h, const struct hc_held_piece *p,
		       const uint8_t *text, bool is_last, struct rte_mbuf **m)
{
	struct hc_held_chain *left = p->left == HC_HELD_NONE ? NULL : &h->chain[p->left];
	struct hc_held_chain *right = p->right == HC_HELD_NONE ? NULL : &h->chain[p->right];
	uint32_t len = p->at.hi - p->at.lo;
	struct rte_mbuf *buf = NULL;
	uint8_t slot;

	HC_ASSERT(h);
	if (p->left == HC_HELD_NONE && p->right == HC_HELD_NONE && h->held.count == HC_HELD_MAX)
		return false;
	if (!(left && copy_behind(left->tail, text, len)) &&
	    !(right && copy_before(right->head, text, len))) {
		if (!has_room(w, h))
			return false;
		buf = piece_buf(w, m, text, len, is_last);
		if (!buf)
			return false;
		buf_counts(w, h, 1);
	}
	slot = hc_held_take(&h->held, p);
	HC_ASSERT(slot != HC_HELD_NONE);
	if (buf && left) {
		left->tail->next = buf;
		left->tail = buf;
	} else if (buf && right) {
		buf->next = right->head;
		right->head = buf;
	} else if (buf) {
		h->chain[slot] = (struct hc_held_chain){.head = buf, .tail = buf};
	}
	if (left && right)
		chain_join(w, h, left, right);
	return true;
}

// Holds what of the segment is new, up to `end`. @return how many pieces found room; *refused tells
// of those that did not.
static unsigned hold_text(struct hc_worker *w, struct hc_holding *h, struct rte_mbuf **m,
			  const struct hc_seg *seg, hc_seq end, unsigned *refused)
{
	const uint8_t *text = rte_pktmbuf_mtod_offset(*m, const uint8_t *, seg->payload_off);
	struct hc_held_piece p, next;
	bool has_piece = hc_held_next_piece(&h->held, seg->seq, end, &p);
	unsigned held = 0;

	while (has_piece) {
		bool has_next = hc_held_next_piece(&h->held, p.at.hi, end, &next);

		if (hold_piece(w, h, &p, text + (p.at.lo - seg->seq), !has_next, m))
			held++;
		else
			++*refused;
		// Looked for anew: slots have changed.
		has_piece = has_next && hc_held_next_piece(&h->held, next.at.lo, end, &p);
	}
	return held;
}

// With *is_dup, env.dup came twice.
enum hc_counter hc_held_add(struct hc_worker *w, uint32_t idx, struct rte_mbuf **m,
			    const struct hc_seg *seg, bool *is_dup)
{
	struct hc_holding *h = holding_get(w, idx);
	hc_seq end = seg->seq + seg->payload_len;
	unsigned refused = 0;
	unsigned held = 0;
	hc_seq text_end;

	*is_dup = false;
	if (!h)
		return HC_CTR_tcp_held_no_record;
	*is_dup = hc_held_find(&h->held, seg->seq, end, &w->env.dup) &&
		  w->block[idx].tcb.flags & HC_TCB_SACK;
	text_end = hc_held_text_end(&h->held, end);
	if (hc_seq_lt(seg->seq, text_end))
		held = hold_text(w, h, m, seg, text_end, &refused);
	// A FIN counts only behind text that is held.
	if (seg->flags & HC_TCP_FIN && !refused && text_end == end && !h->held.has_fin)
		held += hc_held_take_fin(&h->held, end);
	if (hc_held_is_empty(&h->held))
		holding_free(w, idx);
	if (held)
		return HC_CTR_rx_tcp_held;
	return refused ? HC_CTR_tcp_held_limit : HC_CTR_tcp_held_already;
}

// Takes the first `len` bytes off a chain, which has more.
static void chain_cut(struct hc_worker *w, struct hc_holding *h, struct hc_held_chain *ch,
		      uint32_t len)
{
	while (len >= ch->head->data_len) {
		len -= ch->head->data_len;
		hc_mbuf_put(w, chain_pop(w, h, ch));
		HC_ASSERT(ch->head);
	}
	ch->head->data_off = (uint16_t)(ch->head->data_off + len);
	ch->head->data_len = (uint16_t)(ch->head->data_len - len);
}

// Hands a chain to the application.
static void chain_deliver(struct hc_worker *w, uint32_t idx, struct hc_holding *h,
			  struct hc_held_chain *ch)
{
	struct hc_sock *k = &w->block[idx].sock;
	struct hc_held_chain queue = {.head = k->rcv_head, .tail = k->rcv_tail};
	unsigned count = 1;

	if (queue.head)
		chain_join(w, h, &queue, ch);
	else
		queue = *ch;
	if (ch->head) {
		for (const struct rte_mbuf *m = ch->head; m != ch->tail; m = m->next)
			count++;
		buf_counts(w, h, -(int)count);
	}
	k->rcv_head = queue.head;
	k->rcv_tail = queue.tail;
}

// Whether some of lo to before hi, which comes in its turn, was held already: then env.dup has it.
bool hc_held_is_twice(struct hc_worker *w, uint32_t idx, hc_seq lo, hc_seq hi)
{
	return w->block[idx].tcb.flags & HC_TCB_SACK &&
	       hc_held_find(&holding_of(w, idx)->held, lo, hi, &w->env.dup);
}

uint32_t hc_held_deliver(struct hc_worker *w, uint32_t idx, bool *has_fin)
{
	struct hc_holding *h = holding_of(w, idx);
	hc_seq rcv_nxt = w->block[idx].tcb.rcv_nxt;
	hc_seq first = rcv_nxt;
	uint8_t slot;

	while ((slot = hc_held_due(&h->held, rcv_nxt)) != HC_HELD_NONE) {
		const struct hc_seq_range r = h->held.range[slot];

		// Text that came in its turn wins over what was held.
		if (hc_seq_le(r.hi, rcv_nxt)) {
			chain_free(w, h, &h->chain[slot]);
		} else {
			if (r.lo != rcv_nxt && !HC_FAULT(held_wins_over_text_in_order))
				chain_cut(w, h, &h->chain[slot], rcv_nxt - r.lo);
			chain_deliver(w, idx, h, &h->chain[slot]);
			rcv_nxt = r.hi;
		}
		hc_held_drop(&h->held, slot);
	}
	*has_fin = hc_held_fin_is_due(&h->held, rcv_nxt);
	if (*has_fin || hc_held_is_empty(&h->held))
		hc_held_free(w, idx);
	w->block[idx].sock.readable_bytes += rcv_nxt - first;
	w->ctr[HC_CTR_data_bytes_received] += rcv_nxt - first;
	return rcv_nxt - first;
}

void hc_held_free(struct hc_worker *w, uint32_t idx)
{
	struct hc_holding *h = holding_of(w, idx);

	while (h->held.count) {
		uint8_t slot = h->held.recent[0];

		chain_free(w, h, &h->chain[slot]);
		hc_held_drop(&h->held, slot);
	}
	holding_free(w, idx);
}

// Adds SACK blocks to a segment whose header stands in m, as many as `room` bytes take.
void hc_held_tell(struct hc_worker *w, uint32_t idx, const struct hc_seq_range *dup,
		  struct rte_mbuf *m, struct hc_tx_seg *s, uint32_t room)
{
	const struct hc_held *h =
		hc_tcb_is_holding(&w->block[idx].cold) ? &holding_of(w, idx)->held : NULL;
	struct hc_seq_range blocks[HC_SACK_BLOCKS_MAX];
	unsigned max = s->has_ts ? HC_SACK_BLOCKS_MAX - 1 : HC_SACK_BLOCKS_MAX;
	unsigned count;

	HC_ASSERT(s->sack_len == 0);
	if (!(w->block[idx].tcb.flags & HC_TCB_SACK) || room < HC_SACK_LEN(1))
		return;
	max = hc_min_u32(max, (room - HC_SACK_LEN(0)) / (HC_SACK_LEN(1) - HC_SACK_LEN(0)));
	count = hc_held_blocks(h, dup, blocks, max);
	if (count == 0)
		return;
	s->sack_len = hc_build_sack(
		rte_pktmbuf_mtod_offset(m, uint8_t *,
					HC_ETH_LEN + HC_IP4_LEN + hc_build_tcp_hdr_len(s)),
		blocks, count, &s->payload_sum);
	w->ctr[HC_CTR_tx_sack]++;
	w->ctr[HC_CTR_tx_dsack] += dup != NULL;
}

// An ACK that tells what is held, and of *dup, if it is not NULL, that it came twice.
void hc_held_ack(struct hc_worker *w, uint32_t idx, const struct hc_seq_range *dup)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (!m)
		return; // The peer will ask again.
	s = hc_tx_from_tcb(w, t, &w->block[idx].cold);
	if (hc_tx_has_echo(t, &w->block[idx].cold))
		s.flags |= HC_TCP_ECE;
	hc_held_tell(w, idx, dup, m, &s, HC_TCP_LEN_MAX - HC_TCP_LEN);
	t->flags &= (uint16_t)~HC_TCB_ACK_OWED;
	hc_tx_segment(w, m, &s, t->neigh);
}
