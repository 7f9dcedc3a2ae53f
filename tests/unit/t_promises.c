// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a peer may rely on, asked of a whole worker: promises whose breaking no test of a single
// layer sees. Each was found by a planted fault that nothing caught (scripts/faults.sh).

#include "fx_stack.h"

#include "runner.h"

#include "stack/worker.h"

// RFC 9293 3.4.2: TIME-WAIT lasts 2 MSL, not less and not more.
static void time_wait_lasts_as_long_as_it_was_set_to(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_CLOSED);
	(void)fx_expect_tcp(FRAME_ACK);
	fx_wait_ms(fx.cfg.time_wait_ms - 1);
	UNIT_EQ(fx_ctr(HC_CTR_tw_expired), 0);
	UNIT_EQ(fx.worker->tuples.used_count, 1);
	fx_wait_ms(2);
	UNIT_EQ(fx_ctr(HC_CTR_tw_expired), 1);
	UNIT_EQ(fx.worker->tuples.used_count, 0);
	fx_shut();
}

static void all_options(struct hc_stack_config *cfg)
{
	cfg->has_timestamps = true;
	cfg->has_window_scale = true;
}

// RFC 7323 1.3, 2.2, 3.2: a SYN,ACK has the options that the SYN had, and no others.
static void syn_ack_answers_the_options_of_the_syn(void)
{
	static const uint8_t wscale[] = {3, 3, 7, 1};
	const struct fx_options o = {.set_cfg = all_options};

	for (unsigned i = 0; i < 4; i++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;

		fx_open(&o);
		(void)fx_listen(0);
		p.has_ts = i & 1;
		p.tsval = 0x12345678;
		p.opt = wscale;
		p.opt_len = i & 2 ? sizeof wscale : 0;
		fx_peer_put(&p, FRAME_SYN, 0);
		fx_step();
		v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
		CU_ASSERT(v->has_mss);
		UNIT_EQ(v->has_ts, i & 1);
		UNIT_EQ(v->tsecr, i & 1 ? p.tsval : 0);
		UNIT_EQ(v->has_wscale, i >> 1);
		fx_shut();
	}
}

UNIT_SUITE(promises, UNIT_TEST(time_wait_lasts_as_long_as_it_was_set_to),
	   UNIT_TEST(syn_ack_answers_the_options_of_the_syn));
