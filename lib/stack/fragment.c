// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See fragment.h. The parser has seen to it that a fragment is to us alone, of a protocol we speak,
// not empty, of a whole number of 8 bytes unless it is the last, and not the kind that hides a TCP
// header (RFC 1858).

#include "stack/fragment.h"

#include "stack/tuple.h"
#include "stack/tx.h"

void hc_reasm_init(struct hc_worker *w, void *datagrams, void *areas)
{
	struct hc_reasm *r = &w->reasm;
	uint64_t stride = hc_reasm_area_bytes(w->cfg.reasm_bytes);

	r->datagram = datagrams;
	r->cap = w->cfg.reasm_cap;
	for (uint32_t i = 0; i < r->cap; i++)
		r->datagram[i].head = (uint8_t *)areas + i * stride;
	// RFC 6864 4.3: unique for a source, a destination and a protocol; workers share all three.
	r->next_id = (uint16_t)(w->ts_offset + (uint32_t)w->queue * (65536 / w->queue_count));
}

static void forget(struct hc_worker *w, struct hc_datagram *d)
{
	HC_ASSERT(d->state != HC_DATAGRAM_FREE && w->reasm.live_count > 0);
	d->state = HC_DATAGRAM_FREE;
	w->reasm.live_count--;
}

// A free place, or the one of the oldest.
static struct hc_datagram *place_for_new(struct hc_worker *w)
{
	struct hc_reasm *r = &w->reasm;
	struct hc_datagram *oldest = &r->datagram[0];

	for (uint32_t i = 0; i < r->cap; i++) {
		struct hc_datagram *d = &r->datagram[i];

		if (d->state == HC_DATAGRAM_FREE)
			return d;
		if (hc_seq_lt(d->due_ms, oldest->due_ms))
			oldest = d;
	}
	w->ctr[HC_CTR_ip_reasm_evicted]++;
	forget(w, oldest);
	return oldest;
}

// The datagram that a fragment belongs to (RFC 791 3.2), begun if it is the first to come.
static struct hc_datagram *datagram_of(struct hc_worker *w, const uint8_t *ip)
{
	const struct hc_datagram key = {
		.src_be = hc_load_be32(ip + HC_IP4_SRC),
		.dst_be = hc_load_be32(ip + HC_IP4_DST),
		.id_be = hc_load_be16(ip + HC_IP4_ID),
		.proto = ip[HC_IP4_PROTO],
	};
	struct hc_reasm *r = &w->reasm;
	struct hc_datagram *d;
	uint8_t *head;

	for (uint32_t i = 0; i < r->cap; i++) {
		d = &r->datagram[i];
		if (d->state != HC_DATAGRAM_FREE && d->id_be == key.id_be &&
		    d->src_be == key.src_be && d->dst_be == key.dst_be && d->proto == key.proto)
			return d;
	}
	d = place_for_new(w);
	head = d->head;
	*d = key;
	d->head = head;
	d->state = HC_DATAGRAM_OPEN;
	d->due_ms = w->env.now_ms + w->cfg.reasm_ms;
	hc_holes_init(&d->holes, head + HC_REASM_HEAD, w->cfg.reasm_bytes);
	r->live_count++;
	return d;
}

static void refuse(struct hc_worker *w, struct hc_datagram *d, enum hc_counter why)
{
	w->ctr[why]++;
	d->state = HC_DATAGRAM_REFUSED;
}

// @return the datagram when it is whole.
static struct hc_datagram *take(struct hc_worker *w, const uint8_t *frame,
				const struct hc_parsed *p)
{
	const uint8_t *ip = frame + p->l3_off;
	uint32_t frag = hc_from_be16(hc_load_be16(ip + HC_IP4_FRAG));
	uint32_t offset = (frag & HC_IP4_OFFSET_MASK) * 8;
	uint32_t ip_len = (uint32_t)p->l4_off - p->l3_off;
	struct hc_datagram *d = datagram_of(w, ip);
	enum hc_holes_answer answer;

	if (d->state == HC_DATAGRAM_REFUSED) {
		w->ctr[HC_CTR_ip_fragment_overlap]++;
		return NULL;
	}
	answer =
		hc_holes_fill(&d->holes, offset, frame + p->l4_off, p->l4_len, !(frag & HC_IP4_MF));
	switch (answer) {
	case HC_HOLES_OVERLAP:
		refuse(w, d, HC_CTR_ip_fragment_overlap);
		return NULL;
	case HC_HOLES_LIMIT:
		refuse(w, d, HC_CTR_ip_fragment_limit);
		return NULL;
	case HC_HOLES_DUPLICATE:
		w->ctr[HC_CTR_ip_fragment_duplicate]++;
		return NULL;
	case HC_HOLES_TAKEN:
	case HC_HOLES_COMPLETE:
		break;
	}
	w->ctr[HC_CTR_rx_fragment]++;
	d->has_ce |= (ip[HC_IP4_TOS] & 3) == 3;
	// The datagram's headers are those of its first fragment.
	if (offset == 0) {
		d->ip_len = (uint8_t)ip_len;
		memcpy(d->head + HC_REASM_HEAD - ip_len - HC_ETH_LEN, frame, HC_ETH_LEN);
		memcpy(d->head + HC_REASM_HEAD - ip_len, ip, ip_len);
	}
	return answer == HC_HOLES_COMPLETE ? d : NULL;
}

// Makes a frame of a whole datagram. @return where it begins.
static uint8_t *join(const struct hc_datagram *d)
{
	uint8_t *ip = d->head + HC_REASM_HEAD - d->ip_len;

	HC_ASSERT(d->ip_len >= HC_IP4_LEN);
	if (d->has_ce)
		ip[HC_IP4_TOS] |= 3;
	hc_store_be16(ip + HC_IP4_TOTAL_LEN, hc_to_be16((uint16_t)(d->ip_len + d->holes.len)));
	hc_store16(ip + HC_IP4_FRAG, 0);
	hc_store16(ip + HC_IP4_CSUM, 0);
	hc_store16(ip + HC_IP4_CSUM, hc_csum_finish(hc_csum_add(0, ip, d->ip_len)));
	return ip - HC_ETH_LEN;
}

// Passes a frame on to another worker of the port.
static void pass_on(struct hc_worker *w, struct rte_mbuf *m, uint32_t queue)
{
	if (rte_ring_enqueue(w->port->redirect[queue], m) == 0) {
		w->ctr[HC_CTR_rx_redirected]++;
	} else {
		w->ctr[HC_CTR_redirect_dropped]++;
		hc_mbuf_put(w, m);
	}
}

// Copies a whole datagram to the buffer of its last fragment. @return false when it does not fit.
static bool fit(struct rte_mbuf *m, const uint8_t *frame, uint32_t len)
{
	if (len > (uint32_t)m->buf_len - RTE_PKTMBUF_HEADROOM)
		return false;
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	m->ol_flags = 0; // What a port knows of a checksum it knows of a fragment.
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), frame, len);
	return true;
}

// A whole segment. @return the buffer, if it stays here.
static struct rte_mbuf *deliver_tcp(struct hc_worker *w, struct rte_mbuf *m,
				    const struct hc_seg *seg)
{
	uint32_t queue = w->queue;

	if (w->queue_count > 1)
		queue = hc_tuple_queue(w, &seg->key);
	if (queue == w->queue)
		return m;
	pass_on(w, m, queue);
	return NULL;
}

// What the whole datagram is. @return the buffer, if there is something left to do with it.
static struct rte_mbuf *deliver(struct hc_worker *w, struct rte_mbuf *m, struct hc_datagram *d)
{
	uint32_t len = HC_ETH_LEN + d->ip_len + d->holes.len;
	struct hc_parsed p = {.kind = HC_FRAME_DROP, .drop = HC_CTR_ip_fragment_limit};
	struct hc_seg seg;
	uint8_t *frame;

	w->ctr[HC_CTR_rx_reassembled]++;
	// The options of the first fragment's header count too (RFC 791 3.1: total length).
	if (len - HC_ETH_LEN <= UINT16_MAX) {
		frame = join(d);
		(void)hc_parse_frame_full(&w->parse_env, frame, len, HC_TRUST_IP_CSUM, &p, &seg);
		if (p.kind == HC_FRAME_ICMP && hc_icmp_is_echo(frame + p.l4_off)) {
			hc_icmp_echo_reassembled(w, frame, &p);
			hc_mbuf_put(w, m);
			return NULL;
		}
		if (p.kind != HC_FRAME_DROP && !fit(m, frame, len)) {
			p.kind = HC_FRAME_DROP;
			p.drop = HC_CTR_ip_fragment_limit;
		}
	}
	if (p.kind == HC_FRAME_TCP)
		return deliver_tcp(w, m, &seg);
	if (p.kind == HC_FRAME_ICMP)
		return m;
	HC_ASSERT(p.kind == HC_FRAME_DROP);
	w->ctr[p.drop]++;
	hc_mbuf_put(w, m);
	return NULL;
}

// The worker that puts a datagram together.
static uint32_t datagram_queue(const struct hc_worker *w, const uint8_t *ip)
{
	uint32_t h = hc_load32(ip + HC_IP4_SRC) ^ hc_load16(ip + HC_IP4_ID);

	h *= 0x9e3779b1u; // So that addresses and identifications of any pattern spread.
	return (uint32_t)((uint64_t)h * w->queue_count >> 32);
}

struct rte_mbuf *hc_fragment_input(struct hc_worker *w, struct rte_mbuf *m,
				   const struct hc_parsed *p, bool is_forwarded)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct hc_datagram *d;

	if (w->reasm.cap == 0 || p->is_broadcast) {
		w->ctr[HC_CTR_ip_fragment]++;
		hc_mbuf_put(w, m);
		return NULL;
	}
	if (w->queue_count > 1 && !is_forwarded) {
		uint32_t queue = datagram_queue(w, frame + p->l3_off);

		if (queue != w->queue) {
			pass_on(w, m, queue);
			return NULL;
		}
	}
	d = take(w, frame, p);
	if (!d) {
		hc_mbuf_put(w, m);
		return NULL;
	}
	m = deliver(w, m, d);
	forget(w, d);
	return m;
}

void hc_fragment_send(struct hc_worker *w, const uint8_t *frame, uint32_t len)
{
	const uint32_t hdr_len = HC_ETH_LEN + HC_IP4_LEN;
	uint32_t step = (w->cfg.mtu - HC_IP4_LEN) & ~7u;
	uint32_t left = len - hdr_len;
	hc_be16 id_be = hc_to_be16(w->reasm.next_id++);

	HC_ASSERT(len > hdr_len && frame[HC_ETH_LEN] == 0x45);
	for (uint32_t offset = 0; left > 0; offset += step) {
		uint32_t here = hc_min_u32(left, step);
		uint32_t frag = offset / 8 | (here < left ? HC_IP4_MF : 0);
		struct rte_mbuf *m = hc_mbuf_get(w);
		uint8_t *out, *ip;

		if (!m)
			return;
		out = rte_pktmbuf_mtod(m, uint8_t *);
		ip = out + HC_ETH_LEN;
		memcpy(out, frame, hdr_len);
		memcpy(out + hdr_len, frame + hdr_len + offset, here);
		// One piece alone is atomic (RFC 6864 4.1).
		if (here == len - hdr_len)
			frag = HC_IP4_DF;
		else
			w->ctr[HC_CTR_tx_fragments]++;
		hc_store_be16(ip + HC_IP4_TOTAL_LEN, hc_to_be16((uint16_t)(HC_IP4_LEN + here)));
		hc_store_be16(ip + HC_IP4_ID, id_be);
		hc_store_be16(ip + HC_IP4_FRAG, hc_to_be16((uint16_t)frag));
		hc_store16(ip + HC_IP4_CSUM, 0);
		hc_store16(ip + HC_IP4_CSUM, hc_csum_finish(hc_csum_add(0, ip, HC_IP4_LEN)));
		m->ol_flags = 0;
		hc_tx_push(w, m, hdr_len + here);
		left -= here;
	}
}

void hc_reasm_tick(struct hc_worker *w)
{
	struct hc_reasm *r = &w->reasm;

	for (uint32_t i = 0; r->live_count && i < r->cap; i++) {
		struct hc_datagram *d = &r->datagram[i];

		if (d->state == HC_DATAGRAM_FREE || hc_seq_gt(d->due_ms, w->env.now_ms))
			continue;
		w->ctr[HC_CTR_ip_reasm_expired]++;
		forget(w, d);
	}
}

bool hc_reasm_next_due_ms(const struct hc_worker *w, uint32_t *due_ms)
{
	const struct hc_reasm *r = &w->reasm;
	bool has_due = false;

	for (uint32_t i = 0; r->live_count && i < r->cap; i++) {
		const struct hc_datagram *d = &r->datagram[i];

		if (d->state == HC_DATAGRAM_FREE || (has_due && hc_seq_ge(d->due_ms, *due_ms)))
			continue;
		*due_ms = d->due_ms;
		has_due = true;
	}
	return has_due;
}
