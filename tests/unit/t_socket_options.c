// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Options of sockets: what they tell, what they change, and what is refused.

#include "fx_socket.h"

#include <errno.h>
#include <string.h>

static int get(int sock, enum hc_socket_option option, int *value)
{
	size_t len = sizeof *value;

	return hc_socket_getsockopt(fx_sockets, sock, option, value, &len);
}

static int set(int sock, enum hc_socket_option option, int value)
{
	return hc_socket_setsockopt(fx_sockets, sock, option, &value, sizeof value);
}

static void lengths_and_unknown_options_are_refused(void)
{
	struct hc_conn_info info;
	size_t short_len = 3, short_info = sizeof info - 1;
	int value;
	int sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_getsockopt(fx_sockets, sock, HC_SO_ERROR, &value, &short_len), -EINVAL);
	UNIT_EQ(hc_socket_getsockopt(fx_sockets, sock, HC_TCP_INFO, &info, &short_info), -EINVAL);
	UNIT_EQ(hc_socket_setsockopt(fx_sockets, sock, HC_SO_LINGER, &value, 3), -EINVAL);
	UNIT_EQ(get(sock, (enum hc_socket_option)99, &value), -ENOPROTOOPT);
	UNIT_EQ(set(sock, (enum hc_socket_option)99, 1), -ENOPROTOOPT);
	UNIT_EQ(set(sock, HC_SO_ERROR, 1), -ENOPROTOOPT);
	UNIT_EQ(set(sock, HC_TCP_INFO, 1), -ENOPROTOOPT);
	fx_socket_shut();
}

static void listening_is_told(void)
{
	int value = -1;
	int sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_SO_ACCEPTCONN, &value), 0);
	UNIT_EQ(value, 0);
	sock = fx_socket_listen(1);
	UNIT_EQ(get(sock, HC_SO_ACCEPTCONN, &value), 0);
	UNIT_EQ(value, 1);
	fx_socket_shut();
}

static void segment_size_is_the_connections(void)
{
	static const uint8_t mss_1000[] = {2, 4, 1000 >> 8, 1000 & 0xff};
	struct fx_peer p = fx_peer_new();
	int value;
	int sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_TCP_MAXSEG, &value), 0);
	UNIT_EQ(value, 536);
	p.opt = mss_1000;
	p.opt_len = sizeof mss_1000;
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(get(sock, HC_TCP_MAXSEG, &value), 0);
	UNIT_EQ(value, 1000);
	fx_socket_shut();
}

static void linger_of_nothing_resets_at_close(void)
{
	struct fx_peer p = fx_peer_new();
	int value;
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(get(sock, HC_SO_LINGER, &value), 0);
	UNIT_EQ(value, -1);
	UNIT_EQ(set(sock, HC_SO_LINGER, 0), 0);
	UNIT_EQ(get(sock, HC_SO_LINGER, &value), 0);
	UNIT_EQ(value, 0);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_socket_shut();
}

static struct hc_conn_info info_of(int sock)
{
	struct hc_conn_info info;
	size_t len = sizeof info;

	UNIT_EQ(hc_socket_getsockopt(fx_sockets, sock, HC_TCP_INFO, &info, &len), 0);
	UNIT_EQ(len, sizeof info);
	return info;
}

static void with_options(struct hc_stack_config *cfg)
{
	cfg->has_timestamps = true;
	cfg->has_sack = true;
	cfg->has_window_scale = true;
	cfg->rcv_buf_bytes = 200000;
}

static void info_tells_what_was_negotiated(void)
{
	static const uint8_t all[] = {2, 4, 1000 >> 8, 1000 & 0xff, 4, 2, 8, 10, 0, 0,
				      0, 1, 0,         0,           0, 0, 1, 3,  3, 7};
	const struct fx_options o = {.set_cfg = with_options};
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	int sock;

	fx_socket_open(&o);
	p.opt = all;
	p.opt_len = sizeof all;
	sock = fx_socket_accept(&p, NULL);
	info = info_of(sock);
	CU_ASSERT(info.has_timestamps && info.has_sack);
	UNIT_EQ(info.snd_wscale, 7);
	UNIT_EQ(info.rcv_wscale, 2);
	UNIT_EQ(info.mss, 988);
	UNIT_EQ(info.cwnd_bytes, 9880);
	UNIT_EQ(info.ssthresh_bytes, UINT32_MAX);
	UNIT_EQ(info.rcv_wnd_bytes, 65535);
	UNIT_EQ(info.snd_wnd_bytes, (uint32_t)p.wnd << 7);
	UNIT_EQ(info.flight_bytes, 0);
	fx_forget();
	fx_socket_shut();
}

static void info_tells_of_data_and_loss(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	int sock;

	fx_socket_open(NULL);
	fx_socket_wait_ms(10);
	sock = fx_socket_accept(&p, NULL);
	info = info_of(sock);
	UNIT_EQ(info.rto_ms, fx.cfg.rto_min_ms);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "twelve bytes", 12), 12);
	UNIT_EQ(info_of(sock).flight_bytes, 0);
	fx_socket_step();
	UNIT_EQ(info_of(sock).flight_bytes, 12);
	UNIT_EQ(info_of(sock).retries, 0);
	fx_socket_wait_ms(fx.cfg.rto_min_ms + 10);
	info = info_of(sock);
	UNIT_EQ(info.retries, 1);
	UNIT_EQ(info.rto_ms, 2 * fx.cfg.rto_min_ms);
	UNIT_EQ(info.flight_bytes, 12);
	fx_forget();
	fx_socket_shut();
}

static void send_buffer_bounds_what_is_on_its_way(void)
{
	static uint8_t bytes[4000];
	struct fx_peer p = fx_peer_new();
	int value;
	int l, sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_SO_RCVBUF, &value), 0);
	UNIT_EQ(value, (int)fx.cfg.rcv_buf_bytes);
	UNIT_EQ(get(sock, HC_SO_SNDBUF, &value), 0);
	UNIT_EQ(value, (int)fx.cfg.snd_buf_bytes);
	UNIT_EQ(set(sock, HC_SO_SNDBUF, 0), -EINVAL);
	UNIT_EQ(set(sock, HC_SO_SNDBUF, INT32_MAX), 0);
	UNIT_EQ(get(sock, HC_SO_SNDBUF, &value), 0);
	UNIT_EQ(value, (int)fx.cfg.snd_buf_bytes);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	sock = fx_socket_accept(&p, &l);
	UNIT_EQ(set(sock, HC_SO_SNDBUF, 1500), 0);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, bytes, 4000), 1500);
	UNIT_EQ(fx_socket_poll(sock), 0);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, bytes, 4000), -EAGAIN);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, bytes, 4000), 536);
	fx_forget();
	fx_socket_shut();
}

// Whoever is accepted begins with what its listener was given.
static void options_of_a_listener_are_inherited(void)
{
	struct fx_peer p = fx_peer_new();
	int value;
	int l, sock;

	fx_socket_open(NULL);
	l = fx_socket_listen(1);
	UNIT_EQ(set(l, HC_SO_SNDBUF, 1234), 0);
	UNIT_EQ(set(l, HC_SO_LINGER, 0), 0);
	UNIT_EQ(set(l, HC_SO_REUSEADDR, 1), 0);
	UNIT_EQ(set(l, HC_TCP_NODELAY, 1), 0);
	sock = fx_socket_accept_at(&p, l);
	UNIT_EQ(get(sock, HC_SO_SNDBUF, &value), 0);
	UNIT_EQ(value, 1234);
	UNIT_EQ(get(sock, HC_SO_LINGER, &value), 0);
	UNIT_EQ(value, 0);
	UNIT_EQ(get(sock, HC_SO_REUSEADDR, &value), 0);
	UNIT_EQ(value, 1);
	UNIT_EQ(get(sock, HC_TCP_NODELAY, &value), 0);
	UNIT_EQ(value, 1);
	fx_socket_shut();
}

static void use_nagle(struct hc_stack_config *cfg)
{
	cfg->has_nodelay = false;
}

static void nodelay_is_the_connections(void)
{
	const struct fx_options o = {.set_cfg = use_nagle};
	const struct hc_socket_addr remote = {.addr = FX_PEER, .port = FX_PEER_PORT};
	struct fx_peer p = fx_peer_new();
	uint32_t stack_value;
	int value;
	int sock;

	fx_socket_open(&o);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_TCP_NODELAY, &value), 0);
	UNIT_EQ(value, 0);
	UNIT_EQ(set(sock, HC_TCP_NODELAY, 7), 0);
	UNIT_EQ(get(sock, HC_TCP_NODELAY, &value), 0);
	UNIT_EQ(value, 1);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
	UNIT_EQ(hc_conn_get(fx.worker, hc_socket_conn(fx_sockets, sock), HC_OPTION_NODELAY,
			    &stack_value),
		0);
	UNIT_EQ(stack_value, 1);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	fx_forget();
	// One small piece after another waits, until it may not.
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "a", 1), 1);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_ACK | FRAME_PSH);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "b", 1), 1);
	fx_socket_step();
	fx_expect_silence();
	UNIT_EQ(set(sock, HC_TCP_NODELAY, 1), 0);
	fx_socket_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 1);
	UNIT_EQ(get(sock, HC_TCP_NODELAY, &value), 0);
	UNIT_EQ(value, 1);
	fx_socket_shut();
}

static void reuse_of_addresses_is_remembered(void)
{
	int value = -1;
	int sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_SO_REUSEADDR, &value), 0);
	UNIT_EQ(value, 0);
	UNIT_EQ(set(sock, HC_SO_REUSEADDR, 5), 0);
	UNIT_EQ(get(sock, HC_SO_REUSEADDR, &value), 0);
	UNIT_EQ(value, 1);
	fx_socket_shut();
}

static void info_follows_the_state(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	int l, sock;

	fx_socket_open(NULL);
	sock = fx_socket_begin(&p);
	UNIT_EQ(info_of(sock).state, HC_SYN_SENT);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(info_of(sock).state, HC_CLOSED);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	p = fx_peer_new();
	sock = fx_socket_accept(&p, &l);
	UNIT_EQ(info_of(l).state, HC_LISTEN);
	UNIT_EQ(info_of(l).local_port, FX_PORT);
	info = info_of(sock);
	UNIT_EQ(info.state, HC_ESTABLISHED);
	UNIT_EQ(info.remote_port, FX_PEER_PORT);
	UNIT_EQ(info.mss, 536);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "twelve bytes", 12), 12);
	UNIT_EQ(info_of(sock).unacked_bytes, 12);
	fx_peer_put(&p, FRAME_RST, 0);
	fx_socket_step();
	info = info_of(sock);
	UNIT_EQ(info.state, HC_CLOSED);
	UNIT_EQ(info.remote_port, FX_PEER_PORT);
	fx_forget();
	fx_socket_shut();
}

static void with_liveness(struct hc_stack_config *cfg)
{
	cfg->liveness_cap = 1;
	cfg->ttl = 33;
	cfg->dscp = 10;
	cfg->congestion = HC_CONGESTION_NEWRENO;
}

static const struct fx_options lively = {.set_cfg = with_liveness};

static const enum hc_socket_option keep_options[] = {
	HC_SO_KEEPALIVE, HC_TCP_KEEPIDLE, HC_TCP_KEEPINTVL, HC_TCP_KEEPCNT, HC_TCP_USER_TIMEOUT};

// A socket without a connection tells what a connection begins with.
static void the_usual_is_the_stacks(void)
{
	static const int usual[] = {0, 7200, 75, 9, 0};
	struct fx_peer p = fx_peer_new();
	int before = -1, after = -1;
	int l, sock;

	fx_socket_open(&lively);
	sock = fx_socket_accept(&p, &l);
	for (unsigned i = 0; i < HC_ARRAY_LEN(keep_options); i++) {
		UNIT_EQ(get(l, keep_options[i], &before), 0);
		UNIT_EQ(get(sock, keep_options[i], &after), 0);
		UNIT_EQ(before, usual[i]);
		UNIT_EQ(after, usual[i]);
	}
	fx_socket_shut();
}

static void who_was_accepted_is_probed_as_its_listener_was_told(void)
{
	struct fx_peer p = fx_peer_new();
	int l, sock;
	int value;

	fx_socket_open(&lively);
	l = fx_socket_listen(1);
	UNIT_EQ(set(l, HC_SO_KEEPALIVE, 7), 0);
	UNIT_EQ(set(l, HC_TCP_KEEPIDLE, 100), 0);
	UNIT_EQ(set(l, HC_TCP_KEEPINTVL, 10), 0);
	UNIT_EQ(set(l, HC_TCP_KEEPCNT, 2), 0);
	sock = fx_socket_accept_at(&p, l);
	UNIT_EQ(get(sock, HC_SO_KEEPALIVE, &value), 0);
	UNIT_EQ(value, 1);
	UNIT_EQ(get(sock, HC_TCP_KEEPIDLE, &value), 0);
	UNIT_EQ(value, 100);
	fx_socket_wait_ms(99900);
	fx_expect_silence();
	for (unsigned i = 0; i < 2; i++) {
		fx_socket_wait_ms(i ? 10000 : 200);
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack - 1);
	}
	fx_socket_wait_ms(10000);
	UNIT_EQ(fx_socket_error(sock), ETIMEDOUT);
	fx_forget();
	fx_socket_shut();
}

static void keep_alive_begins_when_it_is_turned_on(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(&lively);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(set(sock, HC_SO_KEEPALIVE, 1), 0);
	UNIT_EQ(set(sock, HC_TCP_KEEPIDLE, 1), 0);
	fx_socket_wait_ms(1020);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack - 1);
	fx_peer_put(&p, FRAME_ACK, 0);
	UNIT_EQ(set(sock, HC_SO_KEEPALIVE, 0), 0);
	fx_socket_wait_ms(200000);
	fx_expect_silence();
	fx_socket_shut();
}

static void user_timeout_ends_what_is_not_acknowledged(void)
{
	struct fx_peer p = fx_peer_new();
	int sock, value;

	fx_socket_open(&lively);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(set(sock, HC_TCP_USER_TIMEOUT, 3000), 0);
	UNIT_EQ(get(sock, HC_TCP_USER_TIMEOUT, &value), 0);
	UNIT_EQ(value, 3000);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "x", 1), 1);
	fx_socket_wait_ms(2900);
	UNIT_EQ(fx_socket_error(sock), 0);
	fx_socket_wait_ms(200);
	UNIT_EQ(fx_socket_error(sock), ETIMEDOUT);
	fx_forget();
	fx_socket_shut();
}

static void times_out_of_range_are_refused(void)
{
	static const struct {
		enum hc_socket_option option;
		int low, lowest, highest, high;
	} ranges[] = {
		{HC_TCP_KEEPIDLE, 0, 1, 1 << 20, (1 << 20) + 1},
		{HC_TCP_KEEPINTVL, 0, 1, 1 << 20, (1 << 20) + 1},
		{HC_TCP_KEEPCNT, 0, 1, 65535, 65536},
		{HC_TCP_USER_TIMEOUT, -1, 0, 1 << 30, (1 << 30) + 1},
	};
	struct fx_peer p = fx_peer_new();
	int l, sock, value;

	fx_socket_open(&lively);
	sock = fx_socket_accept(&p, &l);
	for (unsigned i = 0; i < HC_ARRAY_LEN(ranges); i++)
		for (int who = 0; who < 2; who++) {
			int to = who ? l : sock;

			UNIT_EQ(set(to, ranges[i].option, ranges[i].low), -EINVAL);
			UNIT_EQ(set(to, ranges[i].option, ranges[i].high), -EINVAL);
			UNIT_EQ(set(to, ranges[i].option, ranges[i].lowest), 0);
			UNIT_EQ(set(to, ranges[i].option, ranges[i].highest), 0);
			UNIT_EQ(get(to, ranges[i].option, &value), 0);
			UNIT_EQ(value, ranges[i].highest);
		}
	fx_socket_shut();
}

static void records_for_times_run_out(void)
{
	struct fx_peer p = fx_peer_new();
	int first, second, value;

	fx_socket_open(&lively);
	first = fx_socket_accept(&p, NULL);
	p = fx_peer_new();
	second = fx_socket_begin(&p);
	UNIT_EQ(set(first, HC_TCP_USER_TIMEOUT, 1000), 0);
	UNIT_EQ(set(second, HC_TCP_USER_TIMEOUT, 1000), -ENOBUFS);
	UNIT_EQ(get(second, HC_TCP_USER_TIMEOUT, &value), 0);
	UNIT_EQ(value, 0);
	UNIT_EQ(set(second, HC_SO_KEEPALIVE, 1), -ENOBUFS);
	UNIT_EQ(fx_ctr(HC_CTR_keepalive_no_memory), 2);
	fx_forget();
	fx_socket_shut();
}

static void what_is_the_workers_is_told_and_not_set(void)
{
	int sock, value;

	fx_socket_open(&lively);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_TCP_CONGESTION, &value), 0);
	UNIT_EQ(value, HC_CONGESTION_NEWRENO);
	UNIT_EQ(set(sock, HC_TCP_CONGESTION, value), -ENOPROTOOPT);
	fx_socket_shut();
}

// Values and what they are told as, which for a code point leaves out the bits of ECN.
static const struct {
	enum hc_socket_option option;
	int usual, value, told;
	int wrong[2];
} own[] = {
	{HC_IP_TTL, 33, 7, 7, {0, 256}},
	{HC_IP_TOS, 40, 0xb9, 0xb8, {-1, 256}},
	{HC_TCP_MAXSEG, 536, 400, 400, {87, 65536}},
	{HC_SO_RCVBUF, 65535, 4000, 4000, {0, -1}},
};

static void set_own(int sock)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(own); i++)
		UNIT_EQ(set(sock, own[i].option, own[i].value), 0);
	frame_ttl = 7;
	frame_dscp = 46;
}

static void expect_own(int sock)
{
	int value = -1;

	for (unsigned i = 0; i < HC_ARRAY_LEN(own); i++) {
		UNIT_EQ(get(sock, own[i].option, &value), 0);
		UNIT_EQ(value, own[i].told);
	}
}

static void what_goes_on_the_wire_begins_with_the_syn(void)
{
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {.addr = FX_PEER, .port = FX_PEER_PORT};
	const struct frame_view *v;
	int sock, value;

	fx_socket_open(&lively);
	sock = hc_socket_open(fx_sockets);
	for (unsigned i = 0; i < HC_ARRAY_LEN(own); i++) {
		UNIT_EQ(get(sock, own[i].option, &value), 0);
		UNIT_EQ(value, own[i].usual);
		UNIT_EQ(set(sock, own[i].option, own[i].wrong[0]), -EINVAL);
		UNIT_EQ(set(sock, own[i].option, own[i].wrong[1]), -EINVAL);
	}
	set_own(sock);
	expect_own(sock);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
	fx_socket_step();
	v = fx_peer_take(&p, FRAME_SYN);
	UNIT_EQ(v->mss, 400);
	UNIT_EQ(v->wnd, 4000);
	p.local_addr = v->src;
	p.local_port = v->sport;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 4000);
	expect_own(sock);
	// Back to the stack's.
	UNIT_EQ(set(sock, HC_IP_TTL, -1), 0);
	UNIT_EQ(get(sock, HC_IP_TTL, &value), 0);
	UNIT_EQ(value, 33);
	frame_ttl = 33;
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "x", 1), 1);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_ACK | FRAME_PSH);
	fx_forget();
	fx_socket_shut();
}

static void what_goes_on_the_wire_is_the_listeners_before_it_listens_or_after(void)
{
	const struct hc_socket_addr local = {.port = FX_PORT};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	int l, sock;

	for (int after = 0; after < 2; after++) {
		p = fx_peer_new();
		fx_socket_open(&lively);
		l = hc_socket_open(fx_sockets);
		UNIT_EQ(hc_socket_bind(fx_sockets, l, &local), 0);
		if (after)
			UNIT_EQ(hc_socket_listen(fx_sockets, l, 1), 0);
		set_own(l);
		expect_own(l);
		if (!after)
			UNIT_EQ(hc_socket_listen(fx_sockets, l, 1), 0);
		fx_peer_put(&p, FRAME_SYN, 0);
		fx_socket_step();
		v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
		UNIT_EQ(v->mss, 400);
		UNIT_EQ(v->wnd, after ? 65535 : 4000);
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_socket_step();
		sock = hc_socket_accept(fx_sockets, l, NULL);
		expect_own(sock);
		UNIT_EQ(info_of(sock).rcv_wnd_bytes, after ? 65535 : 4000);
		UNIT_EQ(hc_socket_write(fx_sockets, sock, "x", 1), 1);
		fx_socket_step();
		(void)fx_peer_take(&p, FRAME_ACK | FRAME_PSH);
		fx_forget();
		fx_socket_shut();
	}
}

static void cork_holds_back_what_is_no_segment(void)
{
	struct fx_peer p = fx_peer_new();
	int l, sock, value;

	fx_socket_open(NULL);
	l = fx_socket_listen(1);
	UNIT_EQ(get(l, HC_TCP_CORK, &value), 0);
	UNIT_EQ(value, 0);
	UNIT_EQ(set(l, HC_TCP_CORK, 3), 0);
	sock = fx_socket_accept_at(&p, l);
	UNIT_EQ(get(sock, HC_TCP_CORK, &value), 0);
	UNIT_EQ(value, 1);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "head", 4), 4);
	fx_socket_step();
	fx_expect_silence();
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "text", 4), 4);
	UNIT_EQ(set(sock, HC_TCP_CORK, 0), 0);
	fx_socket_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 8);
	fx_forget();
	fx_socket_shut();
}

static void urgent_data_is_in_line(void)
{
	int sock, value;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_SO_OOBINLINE, &value), 0);
	UNIT_EQ(value, 1);
	UNIT_EQ(set(sock, HC_SO_OOBINLINE, 1), 0);
	UNIT_EQ(set(sock, HC_SO_OOBINLINE, 0), -ENOPROTOOPT);
	fx_socket_shut();
}

UNIT_SUITE(socket_options, UNIT_TEST(lengths_and_unknown_options_are_refused),
	   UNIT_TEST(listening_is_told), UNIT_TEST(segment_size_is_the_connections),
	   UNIT_TEST(linger_of_nothing_resets_at_close), UNIT_TEST(info_tells_what_was_negotiated),
	   UNIT_TEST(info_tells_of_data_and_loss), UNIT_TEST(send_buffer_bounds_what_is_on_its_way),
	   UNIT_TEST(options_of_a_listener_are_inherited), UNIT_TEST(nodelay_is_the_connections),
	   UNIT_TEST(reuse_of_addresses_is_remembered), UNIT_TEST(the_usual_is_the_stacks),
	   UNIT_TEST(who_was_accepted_is_probed_as_its_listener_was_told),
	   UNIT_TEST(keep_alive_begins_when_it_is_turned_on),
	   UNIT_TEST(user_timeout_ends_what_is_not_acknowledged),
	   UNIT_TEST(times_out_of_range_are_refused), UNIT_TEST(records_for_times_run_out),
	   UNIT_TEST(what_is_the_workers_is_told_and_not_set), UNIT_TEST(info_follows_the_state),
	   UNIT_TEST(what_goes_on_the_wire_begins_with_the_syn),
	   UNIT_TEST(what_goes_on_the_wire_is_the_listeners_before_it_listens_or_after),
	   UNIT_TEST(cork_holds_back_what_is_no_segment), UNIT_TEST(urgent_data_is_in_line));
