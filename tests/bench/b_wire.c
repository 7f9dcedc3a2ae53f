// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The floor of the in-memory wire: what a packet costs before anybody looks at it. Two ports joined
// by crossed rings, one thread at both ends.

#include "bench.h"

#include "base/base.h"

#include <rte_common.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#define BURST        32u
#define RING_SIZE    1024u
#define BUFFER_COUNT 4095u
#define FRAME_LEN    60u

struct wire {
	struct rte_ring *ring[2];
	struct rte_mempool *pool;
	uint16_t port[2];
};

// Alloc, transmit, receive, free.
static void run_alloc_free(void *ctx, struct bench_window *win)
{
	struct wire *w = ctx;
	struct rte_mbuf *tx[BURST], *rx[BURST];
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		int rc = rte_pktmbuf_alloc_bulk(w->pool, tx, BURST);
		uint16_t sent, received;

		HC_ASSERT(rc == 0);
		for (unsigned i = 0; i < BURST; i++)
			tx[i]->data_len = (uint16_t)(tx[i]->pkt_len = FRAME_LEN);
		sent = rte_eth_tx_burst(w->port[0], 0, tx, BURST);
		received = rte_eth_rx_burst(w->port[1], 0, rx, BURST);
		HC_ASSERT(sent == BURST);
		HC_ASSERT(received == BURST);
		rte_pktmbuf_free_bulk(rx, BURST);
	}
	bench_end(win, ops);
}

// The same buffers back and forth: what is left when a received buffer becomes the reply. Two
// packets a round trip.
static void run_turn_round(void *ctx, struct bench_window *win)
{
	struct wire *w = ctx;
	struct rte_mbuf *m[BURST];
	uint64_t ops = 0;
	int rc = rte_pktmbuf_alloc_bulk(w->pool, m, BURST);

	HC_ASSERT(rc == 0);
	for (unsigned i = 0; i < BURST; i++)
		m[i]->data_len = (uint16_t)(m[i]->pkt_len = FRAME_LEN);
	bench_begin(win);
	for (; ops < win->ops_wanted; ops += 2 * BURST) {
		for (unsigned from = 0; from < 2; from++) {
			uint16_t sent = rte_eth_tx_burst(w->port[from], 0, m, BURST);
			uint16_t received = rte_eth_rx_burst(w->port[!from], 0, m, BURST);

			HC_ASSERT(sent == BURST);
			HC_ASSERT(received == BURST);
		}
	}
	bench_end(win, ops);
	rte_pktmbuf_free_bulk(m, BURST);
}

// A poll that finds nothing.
static void run_poll_empty(void *ctx, struct bench_window *win)
{
	struct wire *w = ctx;
	struct rte_mbuf *m[BURST];
	uint64_t received = 0;

	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops++)
		received += rte_eth_rx_burst(w->port[0], 0, m, BURST);
	bench_end(win, win->ops_wanted);
	HC_ASSERT(received == 0);
}

static void port_start(uint16_t port, struct rte_mempool *pool)
{
	static const struct rte_eth_conf conf;
	int rc = rte_eth_dev_configure(port, 1, 1, &conf);

	HC_ASSERT(rc == 0);
	rc = rte_eth_rx_queue_setup(port, 0, RING_SIZE, rte_socket_id(), NULL, pool);
	HC_ASSERT(rc == 0);
	rc = rte_eth_tx_queue_setup(port, 0, RING_SIZE, rte_socket_id(), NULL);
	HC_ASSERT(rc == 0);
	rc = rte_eth_dev_start(port);
	HC_ASSERT(rc == 0);
}

static void wire_open(struct wire *w)
{
	static const char *const names[2] = {"bench_a", "bench_b"};

	w->pool = rte_pktmbuf_pool_create("bench", BUFFER_COUNT, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  (int)rte_socket_id());
	HC_ASSERT(w->pool);
	for (unsigned i = 0; i < 2; i++) {
		w->ring[i] = rte_ring_create(names[i], RING_SIZE, (int)rte_socket_id(),
					     RING_F_SP_ENQ | RING_F_SC_DEQ);
		HC_ASSERT(w->ring[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		int port = rte_eth_from_rings(names[i], &w->ring[!i], 1, &w->ring[i], 1,
					      rte_socket_id());

		HC_ASSERT(port >= 0);
		w->port[i] = (uint16_t)port;
		port_start(w->port[i], w->pool);
	}
}

static void wire_shut(struct wire *w)
{
	for (unsigned i = 0; i < 2; i++) {
		int rc = rte_eth_dev_stop(w->port[i]);

		HC_ASSERT(rc == 0);
		rte_eth_dev_close(w->port[i]);
		rte_ring_free(w->ring[i]);
	}
	rte_mempool_free(w->pool);
}

void bench_wire(void)
{
	struct wire w = {0};
	struct bench_case cases[] = {
		{.name = "alloc_tx_rx_free", .run = run_alloc_free, .ctx = &w},
		{.name = "turn_round", .run = run_turn_round, .ctx = &w},
		{.name = "poll_empty", .run = run_poll_empty, .ctx = &w},
	};

	if (!bench_wants("wire"))
		return;
	wire_open(&w);
	bench_turns("wire", cases, RTE_DIM(cases));
	wire_shut(&w);
}
