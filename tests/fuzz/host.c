// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See host.h. The runtime and the port are made once, the worker for every input.

#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_mempool.h>
#include <rte_ring.h>

#include "io/sim.h"

#define BUFFERS   1023u
#define STEPS_MAX 4096u // Of one passing of time.

struct fz_host fz;

static struct hc_sim_port port;
static struct rte_mempool *pool; // Of the frames put in.
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};

void fz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

uint32_t fz_take(struct fz_bytes *b, unsigned count)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < count && b->left > 0; i++, b->at++, b->left--)
		v |= (uint32_t)*b->at << 8 * i;
	return v;
}

void fz_take_bytes(struct fz_bytes *b, uint8_t *out, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)fz_take(b, 1);
}

static void make_port(void)
{
	const char *const devices[] = {"ring"};
	const struct hc_runtime_config runtime_cfg = {.worker_count = 1,
						      .devices = devices,
						      .device_count = 1,
						      .memory_bytes = 128u << 20,
						      .is_quiet = true,
						      .no_huge = true};
	const struct hc_port_config cfg = {
		.device = "ring", .queue_count = 1, .buffer_count = BUFFERS, .ring_desc = 512};
	struct hc_runtime *rt;
	char why[HC_WHY_SIZE];

	if (hc_runtime_start(&runtime_cfg, &rt, why) != 0 ||
	    hc_sim_port_open(rt, &cfg, &port, why) != 0) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	pool = rte_pktmbuf_pool_create("fz_pool", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	FZ_CHECK(pool != NULL);
}

void fz_default(struct hc_stack_config *cfg)
{
	hc_stack_config_default(cfg);
	cfg->local_addr = FZ_LOCAL;
	cfg->conn_cap = 8;
	cfg->syn_cap = 4;
	cfg->time_wait_cap = 4;
	cfg->tuple_cap = 16;
	cfg->port_lo = 1024;
	cfg->neigh_cap = 4;
	cfg->neigh_queue_cap = 4;
	cfg->arp_ttl_ms = 1u << 30;
	cfg->listener_cap = 4;
	cfg->span_cap = 8;
	cfg->reasm_cap = 4;
	cfg->rcv_buf_bytes = 20000;
	cfg->snd_buf_bytes = 20000;
	cfg->time_wait_ms = 2000;
	cfg->fin_wait2_ms = 3000;
	cfg->data_retries = 6;
	cfg->seed = 7;
}

static void put_arp(void)
{
	uint8_t frame[64];
	uint32_t len = frame_write_arp(frame);

	memcpy(frame + 6, peer_mac, 6);
	memcpy(frame + 22, peer_mac, 6);
	fz_put(frame, len);
}

void fz_open(void)
{
	const char *why;

	if (!pool)
		make_port();
	fz.now_ns = 1000 * FZ_MS;
	watch_reset(&fz.watch);
	FZ_CHECK(hc_worker_create(port.port, 0, &fz.cfg, &fz.w, &why) == 0);
	fz_step();
	put_arp();
	fz_step();
}

void fz_put(const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *data = m ? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	FZ_CHECK(data != NULL);
	memcpy(data, frame, len);
	if (len >= 6 && !(data[0] & 1))
		memcpy(data, port.port->mac, 6);
	if (rte_ring_enqueue(port.to_port, m) != 0)
		rte_pktmbuf_free(m);
}

static void take_frames(void)
{
	struct rte_mbuf *m;

	while (rte_ring_dequeue(port.from_port, (void **)&m) == 0) {
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
		struct frame_view v;
		const char *bad = frame_check(frame, m->data_len, FRAME_CSUM_FULL, &v);

		if (bad)
			fz_fail("a frame that was sent", (int)m->data_len, bad);
		FZ_CHECK(m->nb_segs == 1 && m->pkt_len == m->data_len);
		FZ_CHECK(m->pkt_len <= 14u + fz.cfg.mtu);
		if (fz.on_frame)
			fz.on_frame(frame, m->data_len, &v);
		rte_pktmbuf_free(m);
	}
}

void fz_step(void)
{
	static struct hc_event event[FZ_EVENTS];
	unsigned n = hc_step(fz.w, fz.now_ns, event, FZ_EVENTS);
	const char *bad;
	uint32_t idx;

	for (unsigned i = 0; i < n && fz.on_event; i++)
		fz.on_event(&event[i]);
	hc_flush(fz.w);
	take_frames();
	bad = watch_worker(&fz.watch, fz.w, &idx);
	if (bad)
		fz_fail("a connection", (int)idx, bad);
}

void fz_pass_ms(uint32_t ms)
{
	uint64_t end_ns = fz.now_ns + ms * FZ_MS;

	for (unsigned i = 0; i < STEPS_MAX; i++) {
		uint64_t due_ns = hc_next_due_ns(fz.w);

		if (due_ns > end_ns)
			break;
		fz.now_ns = due_ns > fz.now_ns ? due_ns : fz.now_ns + FZ_MS;
		fz_step();
	}
	fz.now_ns = end_ns > fz.now_ns ? end_ns : fz.now_ns;
	fz_step();
}

void fz_shut(void)
{
	char why[200];
	struct rte_mbuf *m;

	while (rte_ring_count(port.to_port) != 0)
		fz_step();
	(void)hc_abort_all(fz.w);
	fz_step();
	if (!hc_worker_audit(fz.w, why, sizeof why))
		fz_fail("the books", 0, why);
	FZ_CHECK(hc_pool_used(&fz.w->tcb_pool) == 0 && hc_pool_used(&fz.w->syn_pool) == 0);
	hc_worker_destroy(fz.w);
	while (rte_ring_dequeue(port.from_port, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	FZ_CHECK(rte_mempool_in_use_count(pool) == 0);
	FZ_CHECK(rte_mempool_in_use_count(port.port->pool[0]) == 0);
}
