// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a connection may say otherwise than the others of its worker: TTL, Diffserv code point, MSS
// and, with its receive buffer, the first window. Few do, so every header is written as the
// worker's, and those of the few are changed in the queue when it leaves: the path of all others
// has not one instruction of this. Checksums follow by RFC 1624.
//
// The record is that of tcp/liveness.h. What a listener has goes on its SYN,ACKs, of which there is
// nothing but a mini or a cookie, and to its connections.

#include "stack/tx.h"

#include <errno.h>

#define MSS_OPTION_LEN 4u
#define MSS_MIN        88u // Leaves 64 bytes of text beside the most options.

static void needs_rework(struct hc_worker *w)
{
	w->has_shapes = true;
	w->reworks_tx = true;
}

static bool is_tcp(const struct rte_mbuf *m, const uint8_t *frame)
{
	return m->data_len >= HC_ETH_LEN + HC_IP4_LEN + HC_TCP_LEN &&
	       hc_load_be16(frame + HC_ETH_TYPE) == hc_to_be16(HC_ETHERTYPE_IP4) &&
	       frame[HC_ETH_LEN + HC_IP4_PROTO] == HC_IPPROTO_TCP;
}

// Frames of ours have no IP options.
static struct hc_flow_key key_of(const uint8_t *frame)
{
	struct hc_flow_key key;

	memcpy(&key, frame + HC_ETH_LEN + HC_IP4_SRC, 8);
	memcpy((uint8_t *)&key + 8, frame + HC_ETH_LEN + HC_IP4_LEN + HC_TCP_SPORT, 4);
	return key;
}

// RFC 1624, equation 3. `csum` is NULL when the port sums.
static void change16(uint8_t *at, uint16_t to, uint8_t *csum)
{
	uint64_t sum = (uint16_t)~hc_load16(at);

	if (csum && !HC_FAULT(shape_not_in_the_sum)) {
		sum += (uint16_t)~hc_load16(csum);
		hc_store16(csum, hc_csum_finish(sum + to));
	}
	hc_store16(at, to);
}

static void change_be16(uint8_t *at, uint32_t to, uint8_t *csum)
{
	change16(at, (HC_FORCE uint16_t)hc_to_be16((uint16_t)to), csum);
}

// `wnd` is the window of a SYN or SYN,ACK, 0: as it is.
static void change_frame(const struct hc_worker *w, struct rte_mbuf *m, const struct hc_shape *s,
			 uint32_t wnd)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, HC_ETH_LEN);
	uint8_t *tcp = ip + HC_IP4_LEN;
	uint8_t *ip_csum = m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM ? NULL : ip + HC_IP4_CSUM;
	uint8_t *tcp_csum = m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM ? NULL : tcp + HC_TCP_CSUM;

	if (s->tos & HC_SHAPE_HAS_DSCP)
		change_be16(ip,
			    (uint32_t)ip[0] << 8 | (s->tos & ~3u) |
				    (HC_FAULT(shape_clears_ecn) ? 0 : ip[HC_IP4_TOS] & 3u),
			    ip_csum);
	if (s->ttl)
		change_be16(ip + HC_IP4_TTL, (uint32_t)s->ttl << 8 | HC_IPPROTO_TCP, ip_csum);
	if (wnd)
		change_be16(tcp + HC_TCP_WND, wnd, tcp_csum);
	if (s->mss_max && tcp[HC_TCP_FLAGS] & HC_TCP_SYN &&
	    (tcp[HC_TCP_OFFSET] >> 4) * 4u >= HC_TCP_LEN + MSS_OPTION_LEN &&
	    tcp[HC_TCP_LEN] == HC_TCPOPT_MSS)
		change_be16(tcp + HC_TCP_LEN + 2, hc_min_u32(s->mss_max, w->env.mss), tcp_csum);
}

static uint32_t less_of_buffer(const struct hc_worker *w, const struct hc_shape *s)
{
	return hc_min_u32(w->env.rcv_buf_bytes - s->rcv_less, 0xffff);
}

uint32_t hc_shape_first_window(const struct hc_worker *w, const struct hc_listener *l)
{
	return less_of_buffer(w, &l->shape);
}

// The window of a connection's SYN or SYN,ACK. What the first SYN told is where the right edge will
// be, so later ones tell the same; until the peer's SYN is there it stands in rcv_edge. A SYN that
// left before there was a record told the worker's.
static uint32_t syn_window(const struct hc_worker *w, uint32_t idx, const struct hc_shape *s,
			   unsigned flags)
{
	struct hc_tcb *t = &w->block[idx].tcb;

	if (!(flags & HC_TCP_SYN))
		return 0;
	if (flags & HC_TCP_ACK)
		return s->rcv_less ? hc_min_u32(t->rcv_edge - t->rcv_nxt, 0xffff) : 0;
	if (t->state != HC_SYN_SENT)
		return 0;
	if (s->rcv_less && t->rcv_edge == 0 && w->block[idx].cold.retries == 0)
		t->rcv_edge = less_of_buffer(w, s);
	return t->rcv_edge;
}

// @return NULL when the frame is the worker's usual.
static const struct hc_shape *shape_of(const struct hc_worker *w, const struct hc_flow_key *key,
				       unsigned flags, uint32_t *wnd)
{
	bool is_synack = (flags & (HC_TCP_SYN | HC_TCP_ACK)) == (HC_TCP_SYN | HC_TCP_ACK);
	hc_ref ref = hc_flow_find(w, key);
	const struct hc_listener *l;
	const struct hc_live *live;
	uint16_t i;

	*wnd = 0;
	if (ref != HC_REF_NONE && hc_ref_kind(ref) == HC_REF_TCB) {
		live = hc_live_of(&w->block[hc_ref_idx(ref)].cold, &w->env);
		if (live)
			*wnd = syn_window(w, hc_ref_idx(ref), &live->shape, flags);
		return live ? &live->shape : NULL;
	}
	if (!is_synack && (ref == HC_REF_NONE || hc_ref_kind(ref) != HC_REF_SYN))
		return NULL;
	i = w->listener_by_port[hc_from_be16(key->lport_be)];
	l = i == HC_LISTENER_NONE ? NULL : &w->listener[i];
	if (!l || !l->has_shape)
		return NULL;
	if (is_synack && l->shape.rcv_less)
		*wnd = hc_shape_first_window(w, l);
	return &l->shape;
}

void hc_shape_frames(struct hc_worker *w)
{
	for (unsigned i = 0; i < w->tx_count; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(w->tx[i], const uint8_t *);
		const struct hc_shape *s;
		struct hc_flow_key key;
		uint32_t wnd;

		if (!is_tcp(w->tx[i], frame))
			continue;
		key = key_of(frame);
		s = shape_of(w, &key, frame[HC_ETH_LEN + HC_IP4_LEN + HC_TCP_FLAGS], &wnd);
		if (s)
			change_frame(w, w->tx[i], s, wnd);
	}
}

void hc_shape_last(struct hc_worker *w, uint32_t idx)
{
	const struct hc_live *live = hc_live_of(&w->block[idx].cold, &w->env);

	for (unsigned i = 0; live && i < w->tx_count && !HC_FAULT(last_segments_without_shape);
	     i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(w->tx[i], const uint8_t *);
		struct hc_flow_key key;

		if (!is_tcp(w->tx[i], frame))
			continue;
		key = key_of(frame);
		if (hc_flow_key_equal(&key, &w->block[idx].tcb.key))
			change_frame(w, w->tx[i], &live->shape, 0);
	}
}

/* ------------------------------------------------------------------------------------- setting */

bool hc_shape_has(enum hc_conn_option option)
{
	return option == HC_OPTION_MSS_MAX || option == HC_OPTION_RCV_BUF_BYTES ||
	       option == HC_OPTION_TTL || option == HC_OPTION_DSCP;
}

static bool is_in_range(enum hc_conn_option option, uint32_t value)
{
	switch (option) {
	case HC_OPTION_MSS_MAX:
		return value >= MSS_MIN && value <= UINT16_MAX;
	case HC_OPTION_RCV_BUF_BYTES:
		return value != 0;
	case HC_OPTION_TTL:
		return value != 0 && value <= UINT8_MAX;
	case HC_OPTION_DSCP:
		return value < 64;
	default:
		return false;
	}
}

// Two segments at least, or two of the steps in which the window is told: with less on offer than
// one, there is one to tell.
static uint32_t less_for(const struct hc_worker *w, uint32_t bytes)
{
	uint32_t least = 2 * hc_max_u32(w->env.mss, w->env.rcv_step);

	bytes = hc_max_u32(bytes, least);
	return w->env.rcv_buf_bytes - hc_min_u32(bytes, w->env.rcv_buf_bytes);
}

static void put(const struct hc_worker *w, struct hc_shape *s, enum hc_conn_option option,
		uint32_t value)
{
	if (option == HC_OPTION_MSS_MAX)
		s->mss_max = (uint16_t)value;
	else if (option == HC_OPTION_TTL)
		s->ttl = (uint8_t)value;
	else if (option == HC_OPTION_DSCP)
		s->tos = (uint8_t)(value << 2 | HC_SHAPE_HAS_DSCP);
	else
		s->rcv_less = less_for(w, value);
}

static void limit_mss(struct hc_worker *w, uint32_t idx, uint32_t mss_max)
{
	struct hc_sock *k = &w->block[idx].sock;

	hc_live_limit_mss(&w->block[idx].tcb, &w->block[idx].cold, mss_max);
	// What comes back when the path is wider again.
	if (k->mss_full > w->block[idx].cold.mss)
		k->mss_full = (uint16_t)hc_min_u32(k->mss_full, mss_max);
}

int hc_shape_set(struct hc_worker *w, uint32_t idx, enum hc_conn_option option, uint32_t value)
{
	struct hc_tcb_cold *c = &w->block[idx].cold;
	bool is_open = w->block[idx].tcb.state != HC_SYN_SENT;
	struct hc_live *l;
	uint32_t before;

	if (!is_in_range(option, value))
		return -EINVAL;
	l = hc_keep_record(w, idx);
	if (!l)
		return -ENOMEM;
	needs_rework(w);
	before = l->shape.rcv_less;
	put(w, &l->shape, option, value);
	if (option == HC_OPTION_MSS_MAX && is_open)
		limit_mss(w, idx, value);
	// What it does without counts as received and not read.
	c->rcv_used += l->shape.rcv_less;
	if (is_open && l->shape.rcv_less < before)
		hc_recv_more_room(w, idx, before);
	else
		c->rcv_used -= before;
	return 0;
}

uint32_t hc_shape_get(const struct hc_worker *w, const struct hc_shape *s,
		      enum hc_conn_option option)
{
	switch (option) {
	case HC_OPTION_MSS_MAX:
		return s->mss_max ? s->mss_max : w->env.mss;
	case HC_OPTION_TTL:
		return s->ttl ? s->ttl : w->cfg.ttl;
	case HC_OPTION_DSCP:
		return s->tos & HC_SHAPE_HAS_DSCP ? s->tos >> 2 : w->cfg.dscp;
	default:
		HC_ASSERT(option == HC_OPTION_RCV_BUF_BYTES);
		return w->env.rcv_buf_bytes - s->rcv_less;
	}
}

/* ----------------------------------------------------------------------------------- listeners */

void hc_shape_listen(struct hc_worker *w, struct hc_listener *l, uint32_t rcv_buf_bytes)
{
	put(w, &l->shape, HC_OPTION_RCV_BUF_BYTES, rcv_buf_bytes);
	l->has_shape = true;
	needs_rework(w);
}

int hc_listener_set(struct hc_worker *w, int listener, enum hc_conn_option option, uint32_t value)
{
	struct hc_listener *l;

	if (listener < 0 || (uint32_t)listener >= w->listener_cap || !w->listener[listener].is_open)
		return -ENOENT;
	// A receive buffer stays: minis have told its window.
	if (option == HC_OPTION_RCV_BUF_BYTES || !hc_shape_has(option) ||
	    !is_in_range(option, value))
		return -EINVAL;
	l = &w->listener[listener];
	put(w, &l->shape, option, value);
	l->has_shape = true;
	needs_rework(w);
	return 0;
}

void hc_shape_accept(struct hc_worker *w, uint32_t idx, const struct hc_listener *l)
{
	struct hc_live *live = hc_keep_record(w, idx);
	struct hc_tcb_cold *c = &w->block[idx].cold;
	struct hc_tcb *t = &w->block[idx].tcb;
	hc_seq edge = c->irs + 1 + hc_shape_first_window(w, l);

	if (!live)
		return; // As the worker's: the window is wider than was told, which hurts nobody.
	live->shape = l->shape;
	c->rcv_used += l->shape.rcv_less;
	t->rcv_edge = hc_seq_gt(edge, t->rcv_nxt) ? edge : t->rcv_nxt;
	if (l->shape.mss_max) {
		limit_mss(w, idx, l->shape.mss_max);
		c->cwnd = hc_min_u32(c->cwnd, hc_tcp_initial_cwnd(c->mss));
	}
}
