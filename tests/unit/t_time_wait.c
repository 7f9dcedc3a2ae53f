// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Many TIME-WAITs at once, in a ring whose positions wrap: they end when they are due, restarts
// and early ends leave holes and move the ring's head, and what is prepared for the ends to come
// (HC_TW_AHEAD of them) is of these and no others.

#include "fx_stack.h"

#include "base/rng.h"
#include "runner.h"

#include "stack/worker.h"

#define TIME_WAIT_MS 50u
#define PEERS        300u

static void many_time_waits(struct hc_stack_config *cfg)
{
	cfg->time_wait_cap = 1000;
	cfg->time_wait_ms = TIME_WAIT_MS;
	cfg->tuple_cap = 4096;
	cfg->conn_cap = 64;
	cfg->syn_cap = 64;
	cfg->has_timestamps = false;
}

// A worker whose ring begins at this position.
static void open_at(uint32_t pos)
{
	const struct fx_options o = {.set_cfg = many_time_waits};

	fx_open(&o);
	fx.worker->tw.head = fx.worker->tw.tail = fx.worker->tw_ahead.pos = pos;
	(void)fx_listen(0);
}

static void check_ahead(void)
{
	const struct hc_worker *w = fx.worker;

	UNIT_EXPECT(w->tw_ahead.pos - w->tw.head <= HC_TW_AHEAD);
	UNIT_EXPECT(w->tw_ahead.pos - w->tw.head <= w->tw.tail - w->tw.head);
}

static void all_end(void)
{
	fx_forget();
	fx_wait_ms(TIME_WAIT_MS + 2);
	check_ahead();
	UNIT_EQ(fx.worker->tw.live_count, 0);
	UNIT_EQ(fx.worker->table.count, 0);
	UNIT_EQ(fx.worker->tuples.used_count, 0);
	UNIT_EQ(fx_ctr(HC_CTR_tw_expired) + fx_ctr(HC_CTR_tw_reused) + fx_ctr(HC_CTR_tw_forgotten),
		fx_ctr(HC_CTR_tw_entered));
	fx_shut();
}

// By turns the host's and the peer's connections, more than are prepared at once.
static void both_kinds_end_in_their_turn(void)
{
	open_at(UINT32_MAX - 70);
	for (unsigned i = 0; i < 150; i++) {
		struct fx_peer p = fx_peer_new();

		p.port = (uint16_t)(i % 2 ? FX_PEER_PORT : 20000 + i);
		fx_close(&p, i % 2 ? fx_connect(&p, 0) : fx_accept(&p));
		fx_forget();
		if (i % 10 == 9)
			fx_wait_ms(1);
	}
	UNIT_EQ(fx.worker->tw.live_count, 150);
	all_end();
}

static void repeat_fin(struct fx_peer *p)
{
	p->seq--;
	fx_peer_put(p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	fx_forget();
}

// A peer that says its FIN again and again restarts 2 MSL, so that none comes due while the head
// moves past all that was prepared.
static void restarts_move_the_ring_without_an_end(void)
{
	struct fx_peer p[3];

	open_at(UINT32_MAX - 300);
	for (unsigned i = 0; i < 3; i++) {
		p[i] = fx_peer_new();
		p[i].port = (uint16_t)(20000 + i);
		fx_close(&p[i], fx_accept(&p[i]));
	}
	fx_wait_ms(1);
	for (unsigned i = 0; i < 600; i++) {
		repeat_fin(&p[i % 3]);
		check_ahead();
	}
	UNIT_EQ(fx_ctr(HC_CTR_tw_expired), 0);
	UNIT_EQ(fx.worker->tw.live_count, 3);
	all_end();
}

// What one of many peers, whose connection is in TIME-WAIT or was, does next.
static void act(struct hc_rng *r, struct fx_peer *p)
{
	uint32_t what = hc_rng_below(r, 10);

	if (what < 6) {
		repeat_fin(p);
		return;
	}
	// A new SYN ends the old one early; the RST ends the new one.
	p->seq += 100;
	fx_peer_put(p, FRAME_SYN, 0);
	fx_step();
	fx_peer_put(p, FRAME_RST, 0);
	fx_step();
	fx_forget();
}

static void any_mixture_of_ends_and_restarts_loses_none(void)
{
	static struct fx_peer p[PEERS];
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	open_at(UINT32_MAX - 4000);
	for (unsigned i = 0; i < PEERS; i++) {
		p[i] = fx_peer_new();
		p[i].port = (uint16_t)(20000 + i);
	}
	for (unsigned i = 0; i < 12000; i++) {
		struct fx_peer *q = &p[hc_rng_below(&r, PEERS)];
		struct hc_flow_key key = {.local_be = hc_to_be32(FX_LOCAL),
					  .remote_be = hc_to_be32(FX_PEER),
					  .lport_be = hc_to_be16(FX_PORT),
					  .rport_be = hc_to_be16(q->port)};

		if (hc_flow_find(fx.worker, &key) == HC_REF_NONE) {
			struct fx_peer again = fx_peer_new();

			again.port = q->port;
			*q = again;
			fx_close(q, fx_accept(q));
			fx_forget();
		} else {
			act(&r, q);
		}
		if (hc_rng_below(&r, 8) == 0)
			fx_wait_ms(1 + hc_rng_below(&r, 3));
		if (hc_rng_below(&r, 1000) == 0)
			fx_wait_ms(2 * TIME_WAIT_MS);
		if (hc_rng_below(&r, 2000) == 0)
			(void)hc_abort_all(fx.worker);
		fx_forget();
		check_ahead();
	}
	UNIT_EXPECT(fx.worker->tw.tail < UINT32_MAX - 4000);
	CU_ASSERT(fx_ctr(HC_CTR_tw_restarted) > 1000);
	CU_ASSERT(fx_ctr(HC_CTR_tw_reused) > 500);
	CU_ASSERT(fx_ctr(HC_CTR_tw_expired) > 500);
	all_end();
}

UNIT_SUITE(time_wait, UNIT_TEST(both_kinds_end_in_their_turn),
	   UNIT_TEST(restarts_move_the_ring_without_an_end),
	   UNIT_TEST(any_mixture_of_ends_and_restarts_loses_none));
