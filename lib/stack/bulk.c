// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See bulk.h. flush.c comes here with each segment it would send, on ports that cut.

#include "stack/bulk.h"

#include "stack/tx.h"
#include "tcp/ecn.h"

#define BULK_BYTES_MAX (UINT16_MAX - HC_IP4_LEN - HC_TCP_LEN_MAX) // What a total length can say.

// Whether a frame may begin with this segment. CWR belongs to one segment (RFC 3168 6.1.2), and not
// every port knows that; a frame that waits for an address has to be whole.
static bool may_begin(const struct hc_worker *w, const struct hc_tcb *t,
		      const struct hc_tcb_cold *c, const struct hc_send_plan *plan)
{
	return !plan->is_rtx && plan->len == c->mss && plan->flags == HC_TCP_ACK &&
	       !(c->switches & HC_SWITCH_ECN_CWR) &&
	       hc_neigh_is_for(&w->neighs.entry[t->neigh], t->key.remote_be);
}

static struct hc_tx_seg bulk_seg(struct hc_worker *w, uint32_t idx, const struct hc_bulk *b)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	struct hc_tx_seg s = hc_tx_from_tcb(w, t, c);

	s.seq = b->seq;
	s.flags = (uint8_t)(b->flags | (hc_tx_has_echo(t, c) ? HC_TCP_ECE : 0));
	s.ecn = c->switches & HC_SWITCH_ECN ? HC_ECN_ECT0 : 0;
	s.payload_len = (uint16_t)b->len;
	return s;
}

// The sum of what copy_out() has put behind the headers: that it stays alone was not known then.
static uint64_t first_sum(const struct rte_mbuf *m, const struct hc_tx_seg *s)
{
	return hc_csum_wide_bytes(
		0,
		rte_pktmbuf_mtod_offset(m, const uint8_t *,
					HC_ETH_LEN + HC_IP4_LEN + hc_build_tcp_hdr_len(s)),
		s->payload_len);
}

void hc_bulk_send(struct hc_worker *w, uint32_t idx, struct hc_bulk *b)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct rte_mbuf *m = b->head;
	struct hc_tx_seg s;
	uint32_t len;

	if (!m)
		return;
	s = bulk_seg(w, idx, b);
	t->flags &= (uint16_t)~HC_TCB_ACK_OWED;
	b->head = NULL;
	if (b->count == 1) {
		s.payload_sum = w->has_tx_csum ? 0 : first_sum(m, &s);
		hc_tx_segment(w, m, &s, t->neigh);
		return;
	}
	len = hc_build_tcp(rte_pktmbuf_mtod(m, uint8_t *), &w->neighs.entry[t->neigh].l2, &s,
			   HC_BUILD_CSUM_CUT);
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM |
		      RTE_MBUF_F_TX_TCP_SEG;
	m->l2_len = HC_ETH_LEN;
	m->l3_len = HC_IP4_LEN;
	m->l4_len = (len - HC_ETH_LEN - HC_IP4_LEN) & 0xff;
	m->tso_segsz = (uint16_t)hc_min_u32(w->block[idx].cold.mss, w->port->cut_frame_max - len);
	m->data_len = (uint16_t)(len + b->first_len);
	m->pkt_len = len + b->len;
	m->nb_segs = (uint16_t)b->count;
	b->tail->next = NULL;
	w->ctr[HC_CTR_tx_cut]++;
	hc_tx_push_chain(w, m);
}

static void copy_out(struct hc_worker *w, uint32_t idx, const struct hc_send_plan *plan,
		     uint8_t *to)
{
	(void)hc_sock_copy_out(w, idx, plan->seq, plan->len, to, false);
	w->ctr[HC_CTR_data_bytes_sent] += plan->len;
}

static void begin(struct hc_worker *w, uint32_t idx, struct hc_bulk *b, struct rte_mbuf *m,
		  const struct hc_send_plan *plan)
{
	struct hc_tx_seg s;

	*b = (struct hc_bulk){
		.head = m,
		.tail = m,
		.seq = plan->seq,
		.len = plan->len,
		.first_len = plan->len,
		.count = 1,
		.flags = plan->flags,
	};
	s = bulk_seg(w, idx, b);
	copy_out(w, idx, plan,
		 rte_pktmbuf_mtod(m, uint8_t *) + HC_ETH_LEN + HC_IP4_LEN +
			 hc_build_tcp_hdr_len(&s));
}

static void join(struct hc_worker *w, uint32_t idx, struct hc_bulk *b, struct rte_mbuf *m,
		 const struct hc_send_plan *plan)
{
	copy_out(w, idx, plan, rte_pktmbuf_mtod(m, uint8_t *));
	m->data_len = plan->len;
	b->tail->next = m;
	b->tail = m;
	b->len += plan->len;
	b->count++;
	b->flags |= plan->flags;
}

bool hc_bulk_take(struct hc_worker *w, uint32_t idx, struct hc_bulk *b, struct rte_mbuf *m,
		  const struct hc_send_plan *plan)
{
	const struct hc_tcb_cold *c = &w->block[idx].cold;

	if (b->head && (plan->is_rtx || plan->len == 0 || plan->seq != b->seq + b->len ||
			b->len + plan->len > BULK_BYTES_MAX))
		hc_bulk_send(w, idx, b);
	if (b->head)
		join(w, idx, b, m, plan);
	else if (may_begin(w, &w->block[idx].tcb, c, plan))
		begin(w, idx, b, m, plan);
	else
		return false;
	// What is shorter than the others, or closes, is the last.
	if (plan->len < c->mss || plan->flags != HC_TCP_ACK || b->count == w->port->cut_buffers_max)
		hc_bulk_send(w, idx, b);
	return true;
}
