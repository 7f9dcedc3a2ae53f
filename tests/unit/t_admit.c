// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What listeners take when the application limits it: which SYNs are answered, which are dropped or
// refused, by which counter, and that a connection that ends makes room.

#include "fx_stack.h"

static const struct hc_admission no_limit = {.syns = HC_ADMIT_ALL, .conns = HC_ADMIT_ALL};

static uint32_t admit(uint32_t syns, uint32_t conns, uint32_t refused)
{
	const struct hc_admission a = {.syns = syns, .conns = conns, .refused = refused};

	return hc_worker_admit(fx.worker, &a);
}

static struct fx_peer peer_of_port(uint16_t port)
{
	struct fx_peer p = fx_peer_new();

	p.port = port;
	return p;
}

static void put_syn(struct fx_peer *p)
{
	fx_peer_put(p, FRAME_SYN, 0);
	fx_step();
}

// The SYN of a peer that has sent it before and got no answer.
static void put_syn_again(struct fx_peer *p)
{
	p->seq--;
	put_syn(p);
}

static hc_conn establish(struct fx_peer *p)
{
	(void)fx_peer_take(p, FRAME_SYN | FRAME_ACK);
	fx_peer_put(p, FRAME_ACK, 0);
	fx_step();
	return fx_expect_event(HC_EV_ACCEPTED);
}

static void syns_beyond_the_ration_are_dropped_until_there_is_more(void)
{
	struct fx_peer a = peer_of_port(41000), b = peer_of_port(41001), c = peer_of_port(41002);

	fx_open(NULL);
	(void)fx_listen(0);
	UNIT_EQ(admit(2, HC_ADMIT_ALL, 0), 0);
	put_syn(&a);
	put_syn(&b);
	put_syn(&c);
	(void)establish(&a);
	(void)establish(&b);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_over_rate), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 2);
	UNIT_EQ(admit(0, HC_ADMIT_ALL, 0), 2);
	put_syn_again(&c);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_over_rate), 2);
	UNIT_EQ(admit(5, HC_ADMIT_ALL, 0), 0);
	put_syn_again(&c);
	(void)establish(&c);
	UNIT_EQ(hc_worker_admit(fx.worker, &no_limit), 1);
	fx_shut();
}

static void a_syn_that_comes_twice_takes_one_ration(void)
{
	struct fx_peer p = peer_of_port(41000);

	fx_open(NULL);
	(void)fx_listen(0);
	(void)admit(1, HC_ADMIT_ALL, 0);
	put_syn(&p);
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	put_syn_again(&p);
	(void)establish(&p);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_over_rate), 0);
	fx_shut();
}

static void half_open_connections_count_and_those_that_end_make_room(void)
{
	struct fx_peer a = peer_of_port(41000), b = peer_of_port(41001), c = peer_of_port(41002);
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	(void)admit(HC_ADMIT_ALL, 2, 0);
	put_syn(&a);
	conn = establish(&a);
	put_syn(&b);
	(void)fx_peer_take(&b, FRAME_SYN | FRAME_ACK);
	put_syn(&c);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_over_conns), 1);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&a, FRAME_RST | FRAME_ACK);
	put_syn_again(&c);
	(void)establish(&c);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_over_conns), 1);
	fx_shut();
}

static void never(struct hc_stack_config *cfg)
{
	cfg->syn_cookies = HC_SYN_COOKIES_NEVER;
}

static void the_backlog_holds_beside_the_limits(void)
{
	const struct fx_options o = {.set_cfg = never};
	const struct hc_listen_args args = {.port = FX_PORT, .backlog = 1};
	struct fx_peer a = peer_of_port(41000), b = peer_of_port(41001);

	fx_open(&o);
	UNIT_EQ(hc_listen(fx.worker, &args), 0);
	(void)admit(10, 10, 0);
	put_syn(&a);
	(void)fx_peer_take(&a, FRAME_SYN | FRAME_ACK);
	put_syn(&b);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_backlog), 1);
	fx_shut();
}

static void always(struct hc_stack_config *cfg)
{
	cfg->syn_cookies = HC_SYN_COOKIES_ALWAYS;
}

// A cookie keeps nothing, so that any number may be out when the last place is taken.
static void a_cookie_that_comes_back_finds_the_limit_too(void)
{
	const struct fx_options o = {.set_cfg = always};
	struct fx_peer a = peer_of_port(41000), b = peer_of_port(41001);

	fx_open(&o);
	(void)fx_listen(0);
	(void)admit(HC_ADMIT_ALL, 1, 0);
	put_syn(&a);
	(void)fx_peer_take(&a, FRAME_SYN | FRAME_ACK);
	put_syn(&b);
	(void)fx_peer_take(&b, FRAME_SYN | FRAME_ACK);
	fx_peer_put(&a, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	fx_peer_put(&b, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_over_conns), 1);
	fx_shut();
}

static void refused_syns_are_answered_with_a_reset(void)
{
	struct fx_peer p = peer_of_port(41000);

	fx_open(NULL);
	(void)fx_listen(0);
	(void)admit(HC_ADMIT_ALL, HC_ADMIT_ALL, 1000000);
	put_syn(&p);
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_refused), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 0);
	UNIT_EQ(hc_worker_admit(fx.worker, &no_limit), 0);
	put_syn_again(&p);
	(void)establish(&p);
	fx_shut();
}

static void a_share_is_refused_at_random(void)
{
	unsigned refused = 0;

	fx_open(NULL);
	(void)fx_listen(0);
	(void)admit(HC_ADMIT_ALL, HC_ADMIT_ALL, 300000);
	for (unsigned i = 0; i < 500; i++) {
		struct fx_peer p = peer_of_port((uint16_t)(41000 + i));
		const struct frame_view *v;

		put_syn(&p);
		v = fx_next_tcp();
		CU_ASSERT_FATAL(v != NULL);
		if (v->flags & FRAME_RST) {
			refused++;
			continue;
		}
		// Gone again, so that the backlog never fills.
		fx_peer_put(&p, FRAME_RST, 0);
		fx_step();
		fx_forget();
	}
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_refused), refused);
	CU_ASSERT(refused > 150 - 50 && refused < 150 + 50); // 5 sigma.
	fx_shut();
}

// A TIME-WAIT ends for a connection that begins, and for nothing less.
static void a_syn_over_a_limit_ends_no_time_wait(void)
{
	static const struct {
		uint32_t syns, conns, refused;
		enum hc_counter counter;
	} limits[] = {
		{0, HC_ADMIT_ALL, 0, HC_CTR_tcp_syn_over_rate},
		{HC_ADMIT_ALL, 0, 0, HC_CTR_tcp_over_conns},
		{HC_ADMIT_ALL, HC_ADMIT_ALL, 1000000, HC_CTR_tcp_syn_refused},
	};

	for (unsigned i = 0; i < HC_ARRAY_LEN(limits); i++) {
		struct fx_peer p = peer_of_port(41000);

		fx_open(NULL);
		(void)fx_listen(0);
		fx_close(&p, fx_accept(&p));
		UNIT_EQ(fx.worker->tw.live_count, 1);
		(void)admit(limits[i].syns, limits[i].conns, limits[i].refused);
		p.seq += 5;
		put_syn(&p);
		fx_forget();
		UNIT_EQ(fx_ctr(limits[i].counter), 1);
		UNIT_EQ(fx_ctr(HC_CTR_tw_reused), 0);
		UNIT_EQ(fx.worker->tw.live_count, 1);
		(void)admit(1, HC_ADMIT_ALL, 0);
		put_syn_again(&p);
		(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
		UNIT_EQ(fx_ctr(HC_CTR_tw_reused), 1);
		UNIT_EQ(hc_worker_admit(fx.worker, &no_limit), 1); // Counted once.
		fx_shut();
	}
}

static void who_finds_the_backlog_full_takes_no_ration(void)
{
	const struct fx_options o = {.set_cfg = never};
	const struct hc_listen_args args = {.port = FX_PORT, .backlog = 1};
	struct fx_peer a = peer_of_port(41000), b = peer_of_port(41001);

	fx_open(&o);
	UNIT_EQ(hc_listen(fx.worker, &args), 0);
	(void)admit(2, HC_ADMIT_ALL, 0);
	put_syn(&a);
	(void)fx_peer_take(&a, FRAME_SYN | FRAME_ACK);
	put_syn(&b);
	put_syn_again(&b);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_backlog), 2);
	fx_peer_put(&a, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	put_syn_again(&b);
	(void)fx_peer_take(&b, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_over_rate), 0);
	UNIT_EQ(hc_worker_admit(fx.worker, &no_limit), 2);
	fx_shut();
}

UNIT_SUITE(admit, UNIT_TEST(syns_beyond_the_ration_are_dropped_until_there_is_more),
	   UNIT_TEST(a_syn_that_comes_twice_takes_one_ration),
	   UNIT_TEST(half_open_connections_count_and_those_that_end_make_room),
	   UNIT_TEST(the_backlog_holds_beside_the_limits),
	   UNIT_TEST(a_cookie_that_comes_back_finds_the_limit_too),
	   UNIT_TEST(refused_syns_are_answered_with_a_reset),
	   UNIT_TEST(a_share_is_refused_at_random), UNIT_TEST(a_syn_over_a_limit_ends_no_time_wait),
	   UNIT_TEST(who_finds_the_backlog_full_takes_no_ration));
