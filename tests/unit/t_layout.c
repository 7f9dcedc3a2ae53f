// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The order of options in SYNs, byte for byte, for every layout and every choice of options. That
// the sums are right fx_stack looks after with every frame.

#include "fx_stack.h"

#include <string.h>

#define TS   1u // Of the options a host offers; all of them, in order, are 20 bytes.
#define WS   2u
#define SACK 4u

static enum hc_syn_layout layout;
static unsigned offers;
static uint8_t wscale_min;

static void set_cfg(struct hc_stack_config *cfg)
{
	cfg->syn_layout = (uint8_t)layout;
	cfg->has_timestamps = offers & TS;
	cfg->has_window_scale = offers & WS;
	cfg->has_sack = offers & SACK;
	cfg->wscale_min = wscale_min;
	cfg->has_fast_open = true;
}

// The kinds of options of the next frame in order, as letters: m, n(op), w, s, t, e(nd) and f(ast
// open).
static const char *next_kinds(void)
{
	static const char letter[] = "enmws???t";
	static char kinds[41];
	const struct fx_out *o = fx_next();
	unsigned n = 0;
	uint32_t end;

	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	end = 14 + 20 + (o->bytes[14 + 20 + 12] >> 4) * 4u;
	for (uint32_t at = 14 + 20 + 20; at < end && n < 40;) {
		unsigned kind = o->bytes[at];

		CU_ASSERT_FATAL(kind < sizeof letter - 1 || kind == 34);
		kinds[n++] = kind == 34 ? 'f' : letter[kind];
		at += kind < 2 ? 1 : o->bytes[at + 1];
	}
	kinds[n] = '\0';
	return kinds;
}

static const char *const expected[HC_SYN_LAYOUT_COUNT][8] = {
	[HC_SYN_LAYOUT_BUILT] = {"m", "mnnt", "mnw", "mnwnnt", "mnns", "mst", "mnwnns", "mnwst"},
	[HC_SYN_LAYOUT_LINUX] = {"m", "mnnt", "mnw", "mnntnw", "mnns", "mst", "mnnsnw", "mstnw"},
	[HC_SYN_LAYOUT_FREEBSD] = {"m", "mnnt", "mnw", "mnwnnt", "msee", "mst", "mnwsee", "mnwst"},
};

static const char *const fast[HC_SYN_LAYOUT_COUNT][8] = {
	[HC_SYN_LAYOUT_BUILT] = {"mnnf", "mnnfnnt", "mnwnnf", "mnwnnfnnt", "mnnfnns", "mnnfst",
				 "mnwnnfnns", "mnwnnfst"},
	[HC_SYN_LAYOUT_LINUX] = {"mfnn", "mnntfnn", "mnwfnn", "mnntnwfnn", "mnnsfnn", "mstfnn",
				 "mnnsnwfnn", "mstnwfnn"},
	[HC_SYN_LAYOUT_FREEBSD] = {"mfee", "mnntfee", "mnwfee", "mnwnntfee", "mnnsfee", "mstfee",
				   "mnwnnsfee", "mnwstfee"},
};

static void each(void (*test)(void))
{
	for (layout = 0; layout < HC_SYN_LAYOUT_COUNT; layout++) {
		for (offers = 0; offers < 8; offers++) {
			const struct fx_options o = {.set_cfg = set_cfg};

			fx_open(&o);
			test();
			fx_shut();
		}
	}
}

static void check_syn(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = 80};
	static const uint32_t cookie;

	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, NULL, 1), 1);
	fx_step();
	CU_ASSERT_STRING_EQUAL(next_kinds(), expected[layout][offers]);
}

static void syns_are_laid_out(void)
{
	each(check_syn);
}

// The question for a cookie, and then the cookie, of every length; the sum is right with both.
static void check_fast_syn(void)
{
	static const uint8_t bytes[20] = {2, 4, 5, 0xb4};
	const struct hc_connect_args args = {
		.remote_addr = FX_PEER, .remote_port = 80, .flags = HC_CONN_FAST_OPEN};
	static const uint32_t cookie;

	for (uint32_t len = 0; len <= 16; len += len ? 2 : 4) {
		if (len)
			hc_fastopen_learn(&fx.worker->fastopen, hc_to_be32(FX_PEER),
					  fx.worker->env.now_ms, 1460, bytes, len);
		UNIT_EQ(hc_connect(fx.worker, &args, &cookie, NULL, 1), 1);
		fx_step();
		if (len % 4 == 0) {
			CU_ASSERT_STRING_EQUAL(next_kinds(), fast[layout][offers]);
		} else {
			UNIT_EQ(fx_expect_tcp(FRAME_SYN)->cookie_len, len);
		}
	}
}

static void syns_with_a_cookie_are_laid_out(void)
{
	each(check_fast_syn);
}

static void check_synack(void)
{
	static const uint8_t all[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
				      0, 1, 0, 0,    0, 0, 1, 3,  3, 7};
	struct fx_peer p = fx_peer_new();

	p.opt = all;
	p.opt_len = sizeof all;
	(void)fx_listen(0);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	CU_ASSERT_STRING_EQUAL(next_kinds(), expected[layout][offers]);
}

static void syn_acks_are_laid_out(void)
{
	each(check_synack);
}

// A frame that the port does not take at once is laid out once.
static void what_waits_for_the_port_is_laid_out_once(void)
{
	const struct fx_options o = {.set_cfg = set_cfg, .ring_desc = 4};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = 80};
	static const uint32_t cookies[8];

	for (layout = 0; layout < HC_SYN_LAYOUT_COUNT; layout++) {
		for (offers = SACK; offers <= (SACK | WS); offers += WS) {
			fx_open(&o);
			UNIT_EQ(hc_connect(fx.worker, &args, cookies, NULL, 8), 8);
			hc_flush(fx.worker);
			for (unsigned i = 0; i < 4; i++)
				fx_step();
			for (unsigned i = 0; i < 8; i++)
				CU_ASSERT_STRING_EQUAL(next_kinds(), expected[layout][offers]);
			fx_shut();
		}
	}
}

static void window_scale_has_a_floor(void)
{
	for (wscale_min = 0; wscale_min <= 14; wscale_min += 7) {
		const struct fx_options o = {.set_cfg = set_cfg};
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;

		layout = HC_SYN_LAYOUT_BUILT;
		offers = WS;
		fx_open(&o);
		UNIT_EQ(hc_connect(fx.worker,
				   &(struct hc_connect_args){.remote_addr = FX_PEER,
							     .remote_port = FX_PEER_PORT},
				   &(uint32_t){0}, NULL, 1),
			1);
		fx_step();
		v = fx_peer_take(&p, FRAME_SYN);
		UNIT_EQ(v->wscale, wscale_min);
		UNIT_EQ(v->wnd, 65535);
		p.local_port = v->sport;
		p.opt = (const uint8_t[]){1, 3, 3, 0};
		p.opt_len = 4;
		fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
		fx_step();
		v = fx_expect_tcp(FRAME_ACK);
		UNIT_EQ(v->wnd, 65535 >> wscale_min);
		fx_shut();
	}
}

static void nonsense_is_refused(void)
{
	struct hc_stack_config cfg;
	struct hc_worker *w;
	const char *why;

	fx_open(NULL);
	cfg = fx.cfg;
	cfg.syn_layout = HC_SYN_LAYOUT_COUNT;
	UNIT_EQ(hc_worker_create(fx.port[0], 0, &cfg, &w, &why), -22);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "syn_layout"));
	cfg = fx.cfg;
	cfg.wscale_min = 15;
	UNIT_EQ(hc_worker_create(fx.port[0], 0, &cfg, &w, &why), -22);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "wscale_min"));
	fx_shut();
}

UNIT_SUITE(layout, UNIT_TEST(syns_are_laid_out), UNIT_TEST(syns_with_a_cookie_are_laid_out),
	   UNIT_TEST(syn_acks_are_laid_out), UNIT_TEST(what_waits_for_the_port_is_laid_out_once),
	   UNIT_TEST(window_scale_has_a_floor), UNIT_TEST(nonsense_is_refused));
