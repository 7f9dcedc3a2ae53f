// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Options of a connection: what is refused, and what each does to a connection on the wire.

#include "fx_stack.h"

#include <errno.h>

static void with_nagle(struct hc_stack_config *cfg)
{
	cfg->has_nodelay = false;
}

static uint32_t option(hc_conn conn, enum hc_conn_option which)
{
	uint32_t value = 0xdeadbeef;

	UNIT_EQ(hc_conn_get(fx.worker, conn, which, &value), 0);
	return value;
}

static void options_are_checked(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t value;
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 1); // As the worker's configuration says.
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 0), 0);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 2), -EINVAL);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_COUNT, 1), -EINVAL);
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_COUNT, &value), -EINVAL);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 1), -ESTALE);
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_NODELAY, &value), -ESTALE);
	UNIT_EQ(fx_ctr(HC_CTR_stale_handles), 1);
	fx_forget();
	fx_shut();
}

static void nodelay_lets_go_what_nagle_held_back(void)
{
	const struct fx_options o = {.set_cfg = with_nagle};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	UNIT_EQ(option(conn, HC_OPTION_NODELAY), 0);
	for (unsigned i = 0; i < 3; i++) {
		UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
		fx_step();
	}
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 3);
	fx_expect_silence();
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_NODELAY, 1), 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 6);
	UNIT_EQ(hc_send(fx.worker, conn, "abc", 3, 0), 3);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 3);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_event(HC_EV_SENT);
	fx_expect_silence();
	fx_shut();
}

// RFC 9293 3.8.6.2.1: into a small window not before the override timeout.
static void silly_window_is_waited_out(void)
{
	static const uint8_t data[1000];
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	p.wnd = 800;
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, data, sizeof data, HC_SEND_STATIC), sizeof data);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 536);
	fx_expect_silence(); // 264 bytes of window are less than half of it.
	p.wnd = 264;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	fx_wait_ms(100);
	fx_expect_silence();
	fx_wait_ms(150);
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 264);
	p.wnd = 800;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 200);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_event(HC_EV_SENT);
	fx_expect_silence();
	fx_shut();
}

UNIT_SUITE(option, UNIT_TEST(options_are_checked), UNIT_TEST(nodelay_lets_go_what_nagle_held_back),
	   UNIT_TEST(silly_window_is_waited_out));
