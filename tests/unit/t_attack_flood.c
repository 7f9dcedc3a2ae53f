// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// A SYN flood beside honest clients, on the virtual clock: every millisecond, which is the round
// trip, ten times as many SYNs as there is room for half-open connections, and one honest client
// that tries again after 200 ms. What the clients see is compared with a run without the flood.
// Capacity is that of half-open connections: a port that is full loses frames before they are ours.

#include "fx_stack.h"

#include <string.h>

#include <rte_mempool.h>

#define CLIENTS      1000u
#define CLIENT_PORT  20000u // Of the first; the flood has those from 30000 on.
#define RUN_MS       1500u
#define RETRY_MS     200u
#define FLOOD_FACTOR 10u

struct client {
	struct fx_peer peer;
	uint32_t began_ms, tried_ms;
	bool is_acking, is_done;
};

struct outcome {
	unsigned established;
	uint32_t p99_ms;
	unsigned data_events; // Of the connection established before.
};

static struct client client[CLIENTS];

static void flood_with(enum hc_syn_cookies cookies, struct hc_stack_config *cfg)
{
	cfg->syn_cookies = (uint8_t)cookies;
}

static void with_cookies(struct hc_stack_config *cfg)
{
	flood_with(HC_SYN_COOKIES_OVERFLOW, cfg);
}

static void without_cookies(struct hc_stack_config *cfg)
{
	flood_with(HC_SYN_COOKIES_NEVER, cfg);
}

static void put_flood(uint32_t ms)
{
	struct fx_peer p = fx_peer_new();

	for (unsigned i = 0; i < FLOOD_FACTOR * fx.cfg.syn_cap; i++) {
		uint32_t nth = ms * FLOOD_FACTOR * fx.cfg.syn_cap + i;

		p.port = (uint16_t)(30000 + nth % 30000); // Again only when long given up.
		p.seq = nth * 2654435761u;
		fx_peer_put(&p, FRAME_SYN, 0);
	}
}

static void put_clients(uint32_t ms)
{
	for (unsigned i = 0; i <= ms && i < CLIENTS; i++) {
		struct client *c = &client[i];

		if (c->is_done)
			continue;
		if (c->is_acking) {
			fx_peer_put(&c->peer, FRAME_ACK, 0);
			c->is_done = true; // Unless it is not accepted, which is counted.
		} else if (i == ms || ms - c->tried_ms == RETRY_MS) {
			c->peer = fx_peer_new();
			c->peer.port = (uint16_t)(CLIENT_PORT + i);
			c->began_ms = i;
			c->tried_ms = ms;
			fx_peer_put(&c->peer, FRAME_SYN, 0);
		}
	}
}

static void take_answers(struct outcome *o, hc_conn before, uint32_t hist[RUN_MS + 1], uint32_t ms)
{
	const struct frame_view *v;
	const struct hc_event *ev;

	while ((v = fx_next_tcp())) {
		unsigned i = v->dport - CLIENT_PORT;

		if (i >= CLIENTS || v->flags != (FRAME_SYN | FRAME_ACK))
			continue;
		client[i].peer.ack = v->seq + 1;
		client[i].is_acking = true;
	}
	while ((ev = fx_next_event())) {
		struct hc_conn_info info;

		if (ev->type == HC_EV_DATA) {
			struct hc_chunk chunk;

			UNIT_EXPECT(ev->conn == before);
			o->data_events++;
			while (hc_recv(fx.worker, before, &chunk, 1) == 1)
				hc_recv_release(fx.worker, before, &chunk, 1);
		} else if (ev->type == HC_EV_ACCEPTED) {
			UNIT_EXPECT(hc_conn_info(fx.worker, ev->conn, &info) == 0);
			UNIT_EXPECT(info.remote_port - CLIENT_PORT < CLIENTS);
			hist[ms - client[info.remote_port - CLIENT_PORT].began_ms]++;
			o->established++;
			(void)hc_abort(fx.worker, ev->conn);
		}
	}
	fx_forget();
}

static struct outcome run(const struct fx_options *opt, bool has_flood)
{
	static uint32_t hist[RUN_MS + 1];
	struct outcome o = {0};
	struct fx_peer p = fx_peer_new();
	unsigned free_before, free_after, seen = 0;
	hc_conn before;

	memset(client, 0, sizeof client);
	memset(hist, 0, sizeof hist);
	fx_open(opt);
	(void)fx_listen(0);
	p.port = 50; // Established before, and at work all the time.
	before = fx_accept(&p);
	fx_forget();
	free_before = rte_mempool_avail_count(fx.worker->pool);
	for (uint32_t ms = 0; ms < RUN_MS; ms++) {
		if (has_flood)
			put_flood(ms);
		put_clients(ms);
		fx_peer_put(&p, FRAME_ACK | FRAME_PSH, 20);
		for (unsigned i = 0; i < 4; i++) {
			fx_step();
			take_answers(&o, before, hist, ms);
		}
		fx.now_ns += FX_MS;
		UNIT_EXPECT(hc_pool_used(&fx.worker->syn_pool) <= fx.cfg.syn_cap);
		UNIT_EXPECT(fx.worker->table.count <= fx.cfg.syn_cap + fx.cfg.conn_cap);
	}
	free_after = rte_mempool_avail_count(fx.worker->pool);
	UNIT_EXPECT(free_after + HC_SPARE_MAX >= free_before);
	for (o.p99_ms = 0; o.p99_ms < RUN_MS; o.p99_ms++) {
		seen += hist[o.p99_ms];
		if (seen * 100 >= o.established * 99)
			break;
	}
	fx_shut();
	return o;
}

static void a_syn_flood_is_not_noticed_by_honest_clients(void)
{
	const struct fx_options o = {.set_cfg = with_cookies};
	struct outcome calm = run(&o, false);
	struct outcome flood = run(&o, true);

	UNIT_EQ(calm.established, CLIENTS);
	UNIT_EXPECT(flood.established * 10 >= calm.established * 9);
	UNIT_EXPECT(calm.p99_ms > 0 && flood.p99_ms <= 2 * calm.p99_ms);
	UNIT_EQ(calm.data_events, RUN_MS);
	UNIT_EQ(flood.data_events, RUN_MS);
}

// The same without cookies: that the flood is one.
static void without_cookies_the_same_flood_shuts_them_out(void)
{
	const struct fx_options o = {.set_cfg = without_cookies};
	struct outcome flood = run(&o, true);

	UNIT_EXPECT(flood.established < CLIENTS / 2);
	UNIT_EQ(flood.data_events, RUN_MS); // What is established is not touched even so.
}

UNIT_SUITE(attack_flood, UNIT_TEST(a_syn_flood_is_not_noticed_by_honest_clients),
	   UNIT_TEST(without_cookies_the_same_flood_shuts_them_out));
