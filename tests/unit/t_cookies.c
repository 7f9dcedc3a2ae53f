// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// SYN cookies in the pipeline: when they are used, what an ACK with one opens, and what none does.

#include "fx_stack.h"

static void one_mini(struct hc_stack_config *cfg)
{
	cfg->syn_cap = 1;
	cfg->has_timestamps = true;
	cfg->has_window_scale = true;
}

static void always(struct hc_stack_config *cfg)
{
	one_mini(cfg);
	cfg->syn_cookies = HC_SYN_COOKIES_ALWAYS;
}

static void always_one_conn(struct hc_stack_config *cfg)
{
	always(cfg);
	cfg->conn_cap = 1;
}

static void never(struct hc_stack_config *cfg)
{
	one_mini(cfg);
	cfg->syn_cookies = HC_SYN_COOKIES_NEVER;
}

static struct fx_peer peer_of_port(uint16_t port)
{
	static const uint8_t mss_and_scale[8] = {2, 4, 1400 >> 8, 1400 & 255, 1, 3, 3, 7};
	struct fx_peer p = fx_peer_new();

	p.port = port;
	p.has_ts = true;
	p.tsval = 5000;
	p.opt = mss_and_scale;
	p.opt_len = sizeof mss_and_scale;
	return p;
}

// The peer's SYN is answered, and its options end there.
static void open_half(struct fx_peer *p)
{
	fx_open_half(p);
	p->opt_len = 0;
}

static void cookies_are_used_when_the_minis_are_full(void)
{
	const struct fx_options o = {.set_cfg = one_mini};
	struct fx_peer a = peer_of_port(41000);
	struct fx_peer b = peer_of_port(41001);
	struct hc_conn_info info;
	hc_conn conn;

	fx_open(&o);
	(void)fx_listen(0);
	open_half(&a);
	UNIT_EQ(fx_ctr(HC_CTR_syn_cookies_sent), 0);
	open_half(&b);
	UNIT_EQ(fx_ctr(HC_CTR_syn_cookies_sent), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 1);
	fx_peer_put(&b, FRAME_ACK, 0);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(fx_ctr(HC_CTR_syn_cookies_accepted), 1);
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.state, HC_ESTABLISHED);
	UNIT_EQ(info.mss, 1400 - 12);
	UNIT_EQ(fx.worker->block[hc_handle_idx(fx.worker, conn)].cold.snd_wscale, 7);
	UNIT_EQ(fx.worker->block[hc_handle_idx(fx.worker, conn)].tcb.snd_wnd, 60000u << 7);
	// The one with a mini is not disturbed.
	fx_peer_put(&a, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	fx_expect_silence();
	fx_shut();
}

static void cookies_are_used_when_the_backlog_is_full(void)
{
	const struct hc_listen_args args = {.port = FX_PORT, .backlog = 0};
	struct fx_peer p = peer_of_port(41000);

	fx_open(NULL);
	UNIT_EQ(hc_listen(fx.worker, &args), 0);
	(void)fx_accept(&p);
	UNIT_EQ(fx_ctr(HC_CTR_syn_cookies_accepted), 1);
	fx_shut();
}

static void always_makes_no_mini(void)
{
	const struct fx_options o = {.set_cfg = always};
	struct fx_peer p = peer_of_port(41000);
	uint32_t opt_len = p.opt_len;
	uint32_t iss_next;

	fx_open(&o);
	(void)fx_listen(0);
	open_half(&p);
	UNIT_EQ(fx.worker->syn_pool.free_count, 1);
	UNIT_EQ(fx.worker->table.count, 0);
	// The SYN again, its SYN,ACK lost: the same answer.
	p.seq--;
	p.opt_len = opt_len;
	iss_next = p.ack;
	open_half(&p);
	UNIT_EQ(p.ack, iss_next);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(fx_ctr(HC_CTR_syn_cookies_sent), 2);
	fx_shut();
}

static void never_drops_what_finds_no_room(void)
{
	const struct fx_options o = {.set_cfg = never};
	struct fx_peer a = peer_of_port(41000);
	struct fx_peer b = peer_of_port(41001);

	fx_open(&o);
	(void)fx_listen(0);
	open_half(&a);
	fx_peer_put(&b, FRAME_SYN, 0);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_no_memory), 1);
	UNIT_EQ(fx_ctr(HC_CTR_syn_cookies_sent), 0);
	fx_shut();
}

// The ACK was lost or carries the request, and the whole handshake's end comes in one burst.
static void an_ack_with_data_and_fin_is_taken_whole(void)
{
	const struct fx_options o = {.set_cfg = always};
	struct fx_peer p = peer_of_port(41000);
	uint8_t got[200];
	hc_conn conn;

	fx_open(&o);
	(void)fx_listen(0);
	open_half(&p);
	fx_peer_put(&p, FRAME_ACK | FRAME_PSH, 100);
	fx_peer_put(&p, FRAME_ACK | FRAME_PSH | FRAME_FIN, 100);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	(void)fx_expect_event(HC_EV_DATA);
	(void)fx_expect_event(HC_EV_DATA);
	(void)fx_expect_event(HC_EV_PEER_CLOSED);
	UNIT_EQ(hc_recv_copy(fx.worker, conn, got, sizeof got), 200);
	for (unsigned i = 0; i < 200; i++)
		UNIT_EXPECT(got[i] == fx_byte(1000001 + i));
	UNIT_EQ(fx_ctr(HC_CTR_run_relooked), 1);
	fx_shut();
}

static void a_forged_ack_opens_nothing_and_is_counted(void)
{
	const struct fx_options o = {.set_cfg = always};
	struct fx_peer p = peer_of_port(41000);
	struct frame_tcp f;

	fx_open(&o);
	(void)fx_listen(0);
	// None is out: an ACK to a listener is what it always was.
	f = fx_peer_frame(&p, FRAME_ACK, 0);
	fx_peer_put_raw(&f);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_listen_bad), 1);
	open_half(&p);
	f = fx_peer_frame(&p, FRAME_ACK, 0);
	f.ack += 1u << 20;
	fx_peer_put_raw(&f);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_RST)->seq, f.ack);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_cookie_bad), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 0);
	UNIT_EQ(fx.worker->tcb_pool.free_count, fx.cfg.conn_cap);
	fx_expect_silence();
	// The right one still does, later.
	fx_wait_ms(60000);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	fx_shut();
}

static void a_cookie_is_too_old_after_two_epochs(void)
{
	const struct fx_options o = {.set_cfg = always};
	struct fx_peer p = peer_of_port(41000);
	struct fx_peer other = peer_of_port(41001);

	fx_open(&o);
	(void)fx_listen(0);
	open_half(&p);
	fx_wait_ms(140000);
	open_half(&other); // Cookies go on.
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_cookie_bad), 1);
	fx_expect_silence();
	fx_shut();
}

static void without_a_control_block_the_cookie_may_come_again(void)
{
	const struct fx_options o = {.set_cfg = always_one_conn};
	struct fx_peer a = peer_of_port(41000);
	struct fx_peer b = peer_of_port(41001);
	hc_conn conn;

	fx_open(&o);
	(void)fx_listen(0);
	open_half(&a);
	open_half(&b);
	fx_peer_put(&a, FRAME_ACK, 0);
	fx_peer_put(&b, FRAME_ACK, 0);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_conn_no_memory), 1);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	fx_forget();
	fx_peer_put(&b, FRAME_ACK | FRAME_PSH, 10);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	(void)fx_expect_event(HC_EV_DATA);
	fx_shut();
}

// RFC 9293 3.6.1: its successor's numbers must be larger, which a cookie cannot promise.
static void what_ends_a_time_wait_gets_a_mini_even_so(void)
{
	const struct fx_options o = {.set_cfg = always};
	struct fx_peer p = peer_of_port(41000);
	const uint8_t *opt = p.opt;
	uint32_t before;
	hc_conn conn;

	fx_open(&o);
	(void)fx_listen(0);
	open_half(&p);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_CLOSED);
	before = p.ack;
	fx_forget();
	p.tsval += 10;
	p.seq += 1000;
	p.opt = opt;
	p.opt_len = 8;
	open_half(&p);
	UNIT_EQ(fx_ctr(HC_CTR_tw_reused), 1);
	UNIT_EQ(fx_ctr(HC_CTR_syn_cookies_sent), 1);
	UNIT_EXPECT((int32_t)(p.ack - before) > 0);
	fx_shut();
}

UNIT_SUITE(cookies, UNIT_TEST(cookies_are_used_when_the_minis_are_full),
	   UNIT_TEST(cookies_are_used_when_the_backlog_is_full), UNIT_TEST(always_makes_no_mini),
	   UNIT_TEST(never_drops_what_finds_no_room),
	   UNIT_TEST(an_ack_with_data_and_fin_is_taken_whole),
	   UNIT_TEST(a_forged_ack_opens_nothing_and_is_counted),
	   UNIT_TEST(a_cookie_is_too_old_after_two_epochs),
	   UNIT_TEST(without_a_control_block_the_cookie_may_come_again),
	   UNIT_TEST(what_ends_a_time_wait_gets_a_mini_even_so));
