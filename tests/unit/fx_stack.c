// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See fx_stack.h.

#include "fx_stack.h"

#include "fx_runtime.h"

#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

struct fx_stack fx;

static uint64_t moved[HC_CTR_COUNT];

static void open_ports(const struct fx_options *o)
{
	const struct hc_port_config cfg = {
		.device = "ring",
		.queue_count = o->queue_count ? o->queue_count : 1,
		.buffer_count = o->buffer_count ? o->buffer_count : 1023,
		.ring_desc = o->ring_desc ? o->ring_desc : 512,
	};
	char why[HC_WHY_SIZE];
	int err = hc_port_open_pair(fx_runtime(), &cfg, fx.port, why);

	if (err)
		CU_FAIL(why);
	CU_ASSERT_FATAL(err == 0);
	fx.queue_count = cfg.queue_count;
}

static void default_cfg(struct hc_stack_config *cfg)
{
	hc_stack_config_default(cfg);
	cfg->local_addr = FX_LOCAL;
	cfg->conn_cap = 16;
	cfg->syn_cap = 8;
	cfg->time_wait_cap = 8;
	cfg->tuple_cap = 64;
	cfg->port_lo = 1024;
	cfg->neigh_cap = 4;
	cfg->neigh_queue_cap = 4;
	cfg->arp_ttl_ms = 1u << 30; // The peer would have to answer for itself.
	cfg->arp_announcements = 1;
	cfg->r1_retries = 0; // So that nobody doubts it.
	cfg->listener_cap = 2;
	cfg->span_cap = 16;
	cfg->has_timestamps = false;
	cfg->has_window_scale = false;
	cfg->has_sack = false;
	cfg->has_nodelay = true; // Tests say when they want Nagle's algorithm.
	cfg->delayed_ack_ms = 0; // Tests say when they want it.
	cfg->seed = 7;
}

void fx_open(const struct fx_options *o)
{
	static const struct fx_options usual;
	static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};

	memset(&fx, 0, sizeof fx);
	o = o ? o : &usual;
	open_ports(o);
	if (o->set_port)
		o->set_port(fx.port[0]);
	default_cfg(&fx.cfg);
	if (o->set_cfg)
		o->set_cfg(&fx.cfg);
	frame_ttl = fx.cfg.ttl;
	frame_dscp = fx.cfg.dscp;
	memcpy(fx.peer_mac, peer_mac, 6);
	fx.csum = fx.port[0]->has_tx_csum ? FRAME_CSUM_PSEUDO : FRAME_CSUM_FULL;
	fx.now_ns = 1000 * FX_MS;
	for (unsigned q = 0; q < fx.queue_count; q++) {
		const char *bad;
		int err = hc_worker_create(fx.port[0], q, &fx.cfg, &fx.w[q], &bad);

		if (err)
			CU_FAIL(bad);
		CU_ASSERT_FATAL(err == 0);
	}
	fx.worker = fx.w[0];
	fx_step();
	if (!o->is_stranger) {
		fx_put_arp(1, FX_PEER, FX_LOCAL, fx.peer_mac);
		fx_step();
		fx_step(); // What the first worker passed on.
		fx_forget();
	}
}

static void check_worker(struct hc_worker *w)
{
	char why[256];
	bool is_good = hc_worker_audit(w, why, sizeof why);

	if (!is_good)
		CU_FAIL(why);
	CU_ASSERT(is_good);
	for (unsigned i = 0; i < HC_CTR_COUNT; i++)
		moved[i] += w->ctr[i];
}

void fx_shut(void)
{
	for (unsigned q = 0; q < fx.queue_count; q++)
		check_worker(fx.w[q]);
	for (unsigned q = 0; q < fx.queue_count; q++)
		hc_worker_destroy(fx.w[q]);
	hc_port_stop(fx.port[0]);
	hc_port_stop(fx.port[1]);
	for (unsigned i = 0; i < 2; i++) {
		struct hc_port_info info;

		hc_port_info(fx.port[i], &info);
		UNIT_EQ(info.buffers_out, 0);
	}
	hc_port_close(fx.port[0]);
	hc_port_close(fx.port[1]);
}

void fx_put_queue(unsigned queue, const uint8_t *frame, uint32_t len)
{
	static const uint8_t none[6];
	struct rte_mbuf *m = rte_pktmbuf_alloc(fx.port[1]->pool[queue]);
	uint8_t *data = m ? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	memcpy(data, frame, len);
	if (len >= 6 && memcmp(data, none, 6) == 0)
		memcpy(data, fx.port[0]->mac, 6);
	m->ol_flags = fx.rx_ol_flags;
	UNIT_EQ(rte_eth_tx_burst(fx.port[1]->port_id, (uint16_t)queue, &m, 1), 1);
}

void fx_put(const uint8_t *frame, uint32_t len)
{
	fx_put_queue(0, frame, len);
}

static void keep_bytes(unsigned queue, const struct rte_mbuf *m, const uint8_t *bytes, uint32_t len)
{
	struct fx_out *o = &fx.out[fx.out_count];
	const char *bad;

	CU_ASSERT_FATAL(fx.out_count < FX_OUT_MAX && len <= FX_FRAME_BYTES);
	fx.out_count++;
	o->at_ns = fx.now_ns;
	o->ol_flags = m->ol_flags;
	o->l2_len = m->l2_len;
	o->l3_len = m->l3_len;
	o->l4_len = m->l4_len;
	o->queue = queue;
	o->len = len;
	memcpy(o->bytes, bytes, len);
	bad = frame_check(o->bytes, o->len, fx.csum, &o->view);
	if (bad)
		CU_FAIL(bad);
}

// The port's sums, of a frame that has the pseudo header's.
static void finish_sums(uint8_t *frame, uint32_t len)
{
	frame_put16(frame + FRAME_L4 + 16,
		    (uint16_t)~frame_sum(0, frame + FRAME_L4, len - FRAME_L4));
	frame_put16(frame + FRAME_IP + 10, (uint16_t)~frame_sum(0, frame + FRAME_IP, 20));
}

// What a port makes of a frame in several buffers: segments of tso_segsz bytes, each with the
// headers of the whole, but PSH and FIN, which are the last one's.
static void keep_cut(unsigned queue, const struct rte_mbuf *m)
{
	static uint8_t whole[65536 + 64];
	uint32_t hdr_len = (uint32_t)m->l2_len + m->l3_len + m->l4_len;
	uint32_t pseudo;

	CU_ASSERT_FATAL(m->pkt_len <= sizeof whole && m->pkt_len > hdr_len + m->tso_segsz);
	UNIT_EXPECT(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG && m->tso_segsz != 0);
	UNIT_EQ(frame_get16(rte_pktmbuf_mtod(m, const uint8_t *) + FRAME_IP + 2),
		m->pkt_len - FRAME_IP);
	memcpy(whole, rte_pktmbuf_read(m, 0, m->pkt_len, whole), m->pkt_len);
	pseudo = frame_pseudo_sum(frame_get32(whole + FRAME_IP + 12),
				  frame_get32(whole + FRAME_IP + 16), 6, 0);
	UNIT_EQ(frame_get16(whole + FRAME_L4 + 16), pseudo);
	for (uint32_t at = hdr_len; at < m->pkt_len; at += m->tso_segsz) {
		uint32_t left = m->pkt_len - at;
		uint32_t len = left < m->tso_segsz ? left : m->tso_segsz;
		uint8_t frame[FX_FRAME_BYTES];

		CU_ASSERT_FATAL(hdr_len + len <= sizeof frame);
		memcpy(frame, whole, hdr_len);
		memcpy(frame + hdr_len, whole + at, len);
		frame_put16(frame + FRAME_IP + 2, hdr_len - FRAME_IP + len);
		frame_put32(frame + FRAME_L4 + 4, frame_get32(whole + FRAME_L4 + 4) + at - hdr_len);
		if (left > len)
			frame[FRAME_L4 + 13] &= (uint8_t) ~(FRAME_PSH | FRAME_FIN);
		frame_put16(frame + FRAME_L4 + 16,
			    frame_pseudo_sum(frame_get32(frame + FRAME_IP + 12),
					     frame_get32(frame + FRAME_IP + 16), 6,
					     hdr_len - FRAME_L4 + len));
		if (fx.csum == FRAME_CSUM_FULL)
			finish_sums(frame, hdr_len + len);
		keep_bytes(queue, m, frame, hdr_len + len);
	}
	fx.cut_count++;
}

static void keep_frame(unsigned queue, struct rte_mbuf *m)
{
	if (m->nb_segs == 1) {
		UNIT_EXPECT(m->pkt_len == m->data_len && !(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG));
		keep_bytes(queue, m, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	} else {
		keep_cut(queue, m);
	}
	rte_pktmbuf_free(m);
}

static void take_frames(void)
{
	for (unsigned q = 0; q < fx.queue_count; q++) {
		struct rte_mbuf *m;

		while (rte_eth_rx_burst(fx.port[1]->port_id, (uint16_t)q, &m, 1) == 1)
			keep_frame(q, m);
	}
}

void fx_step(void)
{
	for (unsigned q = 0; q < fx.queue_count; q++) {
		CU_ASSERT_FATAL(fx.event_count + HC_EVENTS_PER_FRAME * HC_BURST_MAX / 2 <
				FX_EVENTS_MAX);
		fx.event_count += hc_step(fx.w[q], fx.now_ns, fx.event + fx.event_count,
					  FX_EVENTS_MAX - fx.event_count);
	}
	for (unsigned q = 0; q < fx.queue_count; q++)
		hc_flush(fx.w[q]);
	take_frames();
}

static uint64_t due_ns(void)
{
	uint64_t best_ns = UINT64_MAX;

	for (unsigned q = 0; q < fx.queue_count; q++) {
		uint64_t worker_ns = hc_next_due_ns(fx.w[q]);

		best_ns = worker_ns < best_ns ? worker_ns : best_ns;
	}
	return best_ns;
}

void fx_wait_ms(uint32_t ms)
{
	uint64_t end_ns = fx.now_ns + ms * FX_MS;

	for (;;) {
		uint64_t next_ns = due_ns();

		next_ns = next_ns > fx.now_ns ? next_ns : fx.now_ns + FX_MS;
		if (next_ns > end_ns)
			break;
		fx.now_ns = next_ns;
		fx_step();
	}
	fx.now_ns = end_ns;
	fx_step();
}

const struct fx_out *fx_next(void)
{
	return fx.out_taken == fx.out_count ? NULL : &fx.out[fx.out_taken++];
}

const struct frame_view *fx_next_tcp(void)
{
	const struct fx_out *o = fx_next();

	while (o && o->view.kind != FRAME_KIND_TCP)
		o = fx_next();
	return o ? &o->view : NULL;
}

const struct hc_event *fx_next_event(void)
{
	return fx.event_taken == fx.event_count ? NULL : &fx.event[fx.event_taken++];
}

const struct frame_view *fx_expect_tcp(unsigned flags)
{
	static const struct frame_view nothing;
	const struct frame_view *v = fx_next_tcp();

	CU_ASSERT_PTR_NOT_NULL(v);
	if (!v)
		return &nothing;
	UNIT_EQ(v->flags, flags);
	return v;
}

hc_conn fx_expect_event(enum hc_event_type type)
{
	const struct hc_event *ev = fx_next_event();

	CU_ASSERT_PTR_NOT_NULL(ev);
	if (!ev)
		return HC_CONN_NONE;
	UNIT_EQ(ev->type, type);
	return ev->conn;
}

void fx_expect_reason(enum hc_event_type type, enum hc_reason reason)
{
	const struct hc_event *ev = fx_next_event();

	CU_ASSERT_PTR_NOT_NULL(ev);
	if (!ev)
		return;
	UNIT_EQ(ev->type, type);
	UNIT_EQ(ev->reason, reason);
}

void fx_expect_urgent(hc_conn conn, uint32_t bytes)
{
	const struct hc_event *ev = fx_next_event();

	CU_ASSERT_PTR_NOT_NULL_FATAL(ev);
	UNIT_EQ(ev->type, HC_EV_URGENT);
	UNIT_EQ(ev->conn, conn);
	UNIT_EQ(hc_event_urgent_bytes(ev), bytes);
}

void fx_expect_silence(void)
{
	UNIT_EQ(fx.out_taken, fx.out_count);
	UNIT_EQ(fx.event_taken, fx.event_count);
	fx_forget();
}

void fx_forget(void)
{
	fx.out_count = fx.out_taken = 0;
	fx.event_count = fx.event_taken = 0;
}

uint64_t fx_ctr(enum hc_counter ctr)
{
	uint64_t sum = 0;

	for (unsigned q = 0; q < fx.queue_count; q++)
		sum += fx.w[q]->ctr[ctr];
	return sum;
}

const uint64_t *fx_moved(void)
{
	return moved;
}

struct fx_peer fx_peer_new(void)
{
	return (struct fx_peer){
		.addr = FX_PEER,
		.local_addr = FX_LOCAL,
		.port = FX_PEER_PORT,
		.local_port = FX_PORT,
		.seq = 1000000,
		.wnd = 60000,
	};
}

uint8_t fx_byte(uint32_t seq)
{
	return (uint8_t)(seq ^ seq >> 8);
}

struct frame_tcp fx_peer_frame(const struct fx_peer *p, unsigned flags, uint32_t len)
{
	static uint8_t payload[2048];
	static uint8_t opt[40];
	struct frame_tcp f = frame_tcp_default();

	memset(f.dst_mac, 0, 6);
	memcpy(f.src_mac, fx.peer_mac, 6);
	f.src = p->addr;
	f.dst = p->local_addr;
	f.sport = p->port;
	f.dport = p->local_port;
	f.seq = p->seq;
	f.ack = flags & FRAME_ACK ? p->ack : 0;
	f.flags = (uint8_t)flags;
	f.wnd = p->wnd;
	f.tos = p->tos;
	if (p->opt_len)
		memcpy(opt, p->opt, p->opt_len);
	f.opt_len = p->opt_len;
	if (p->has_ts) {
		static const uint8_t head[4] = {1, 1, 8, 10};

		memcpy(opt + f.opt_len, head, 4);
		frame_put32(opt + f.opt_len + 4, p->tsval);
		frame_put32(opt + f.opt_len + 8, flags & FRAME_ACK ? p->tsecr : 0);
		f.opt_len += 12;
	}
	f.opt = opt;
	for (uint32_t i = 0; i < len && i < sizeof payload; i++)
		payload[i] = fx_byte(p->seq + i);
	f.payload = payload;
	f.payload_len = len;
	return f;
}

void fx_peer_put_raw(const struct frame_tcp *f)
{
	uint8_t frame[FRAME_MAX];

	fx_put(frame, frame_write_tcp(frame, f));
}

void fx_peer_put(struct fx_peer *p, unsigned flags, uint32_t len)
{
	struct frame_tcp f = fx_peer_frame(p, flags, len);

	fx_peer_put_raw(&f);
	p->seq += len + ((flags & FRAME_SYN) != 0) + ((flags & FRAME_FIN) != 0);
}

const struct frame_view *fx_peer_take(struct fx_peer *p, unsigned flags)
{
	const struct frame_view *v = fx_expect_tcp(flags);

	p->ack = v->seq + v->payload_len + ((v->flags & (FRAME_SYN | FRAME_FIN)) != 0);
	p->tsecr = v->tsval;
	return v;
}

int fx_listen(unsigned flags)
{
	const struct hc_listen_args args = {
		.port = FX_PORT, .flags = (uint16_t)flags, .backlog = 64, .cookie = 99};
	int listener = -1;

	for (unsigned q = 0; q < fx.queue_count; q++)
		listener = hc_listen(fx.w[q], &args);
	CU_ASSERT(listener >= 0);
	return listener;
}

void fx_open_half(struct fx_peer *p)
{
	fx_peer_put(p, FRAME_SYN, 0);
	fx_step();
	(void)fx_peer_take(p, FRAME_SYN | FRAME_ACK);
}

hc_conn fx_accept(struct fx_peer *p)
{
	fx_open_half(p);
	fx_peer_put(p, FRAME_ACK, 0);
	fx_step();
	return fx_expect_event(HC_EV_ACCEPTED);
}

hc_conn fx_begin(struct fx_peer *p, unsigned flags)
{
	const struct hc_connect_args args = {
		.remote_addr = p->addr, .remote_port = p->port, .flags = (uint16_t)flags};
	const uint32_t cookie = 5;
	const struct frame_view *v;
	hc_conn conn = HC_CONN_NONE;

	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	v = fx_peer_take(p, FRAME_SYN);
	p->local_addr = v->src;
	p->local_port = v->sport;
	return conn;
}

hc_conn fx_connect(struct fx_peer *p, unsigned flags)
{
	hc_conn conn = fx_begin(p, flags);

	fx_peer_put(p, FRAME_SYN | FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	if (!(flags & HC_CONN_PIGGYBACK))
		(void)fx_expect_tcp(FRAME_ACK);
	return conn;
}

void fx_close(struct fx_peer *p, hc_conn conn)
{
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(p, FRAME_ACK, 0);
	fx_peer_put(p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	(void)fx_expect_tcp(FRAME_ACK);
}

void fx_put_arp(unsigned op, uint32_t spa, uint32_t tpa, const uint8_t sha[6])
{
	uint8_t frame[64] = {0};
	uint32_t len = frame_write_arp(frame);

	frame_put16(frame + 20, op);
	memcpy(frame + 6, sha, 6);
	memcpy(frame + 22, sha, 6);
	frame_put32(frame + 28, spa);
	frame_put32(frame + 38, tpa);
	fx_put(frame, len);
}

unsigned fx_hold_buffers(struct rte_mbuf **held, unsigned cap, unsigned left)
{
	unsigned n = 0;

	rte_pktmbuf_free_bulk(fx.worker->spare, fx.worker->spare_count);
	fx.worker->spare_count = 0;
	while (n < cap && (held[n] = rte_pktmbuf_alloc(fx.port[0]->pool[0])) != NULL)
		n++;
	CU_ASSERT_FATAL(n >= left && n < cap);
	rte_pktmbuf_free_bulk(held + n - left, left);
	return n - left;
}
