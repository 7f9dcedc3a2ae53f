// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// TCP Fast Open (RFC 7413) by way of sockets: the three ways in which programs ask for it.

#include "fx_socket.h"

#include <errno.h>
#include <string.h>

static void with_fast_open(struct hc_stack_config *cfg)
{
	cfg->has_fast_open = true;
	cfg->fast_open_cap = 4;
	cfg->span_cap = 64;
}

static const struct fx_options fast = {.set_cfg = with_fast_open};

static const uint8_t mss_and_cookie[] = {2, 4, 5, 0xb4, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};

static int set(int sock, enum hc_socket_option option, int value)
{
	return hc_socket_setsockopt(fx_sockets, sock, option, &value, sizeof value);
}

static int get(int sock, enum hc_socket_option option)
{
	int value = -1;
	size_t len = sizeof value;

	UNIT_EQ(hc_socket_getsockopt(fx_sockets, sock, option, &value, &len), 0);
	return value;
}

// The next segment is a SYN with a cookie of this length and so much data.
static const struct frame_view *take_syn(struct fx_peer *p, unsigned cookie_len, unsigned len)
{
	const struct frame_view *v;

	fx_socket_step();
	v = fx_peer_take(p, FRAME_SYN);
	p->local_port = v->sport;
	p->ack = v->seq + 1;
	UNIT_EQ(v->has_fastopen, true);
	UNIT_EQ(v->cookie_len, cookie_len);
	UNIT_EQ(v->payload_len, len);
	return v;
}

static void answer(struct fx_peer *p, uint32_t bytes)
{
	p->opt = mss_and_cookie;
	p->opt_len = sizeof mss_and_cookie;
	p->ack += bytes;
	fx_peer_put(p, FRAME_SYN | FRAME_ACK, 0);
	p->opt_len = 0;
	fx_socket_step();
}

// The peer's cookie is known afterwards.
static void learn(void)
{
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {p.addr, p.port};
	int sock = hc_socket_open(fx_sockets);

	UNIT_EQ(hc_fast_open_is_known(fx.worker, p.addr), false);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN, 1), 0);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
	(void)take_syn(&p, 0, 0);
	answer(&p, 0);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	UNIT_EQ(set(sock, HC_SO_LINGER, 0), 0);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	fx_forget();
	UNIT_EQ(hc_fast_open_is_known(fx.worker, p.addr), true);
}

static void data_given_with_the_call_goes_on_the_syn(void)
{
	char request[] = "request";
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {p.addr, p.port};
	const struct frame_view *v;
	int sock;

	fx_socket_open(&fast);
	learn();
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_connect_with(fx_sockets, sock, &remote, request, 7), 7);
	memset(request, 0, sizeof request); // It was copied.
	v = take_syn(&p, 8, 7);
	UNIT_EQ_BYTES(v->payload, "request", 7);
	UNIT_EQ(hc_socket_connect_with(fx_sockets, sock, &remote, request, 7), -EALREADY);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "more", 4), -EAGAIN);
	answer(&p, 7);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "more", 4), 4);
	fx_socket_step();
	v = fx_expect_tcp(FRAME_ACK | FRAME_PSH);
	UNIT_EQ(v->seq, p.ack);
	UNIT_EQ(v->payload_len, 4);
	UNIT_EQ(hc_socket_connect_with(fx_sockets, sock, &remote, "x", 1), -EISCONN);
	fx_socket_shut();
}

// Neither a cookie nor the option is needed for the data to arrive.
static void without_a_cookie_the_data_follows_the_handshake(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct fx_peer p = fx_peer_new();
		const struct hc_socket_addr remote = {p.addr, p.port};
		const struct frame_view *v;
		char request[] = "request";
		int sock;

		fx_socket_open(i ? &fast : NULL);
		sock = hc_socket_open(fx_sockets);
		UNIT_EQ(hc_socket_connect_with(fx_sockets, sock, &remote, request, 7), 7);
		memset(request, 0, sizeof request);
		fx_socket_step();
		v = fx_peer_take(&p, FRAME_SYN);
		p.local_port = v->sport;
		UNIT_EQ(v->has_fastopen, i == 1);
		UNIT_EQ(v->payload_len, 0);
		answer(&p, 0);
		(void)fx_expect_tcp(FRAME_ACK);
		v = fx_expect_tcp(FRAME_ACK | FRAME_PSH);
		UNIT_EQ(v->payload_len, 7);
		UNIT_EQ_BYTES(v->payload, "request", 7);
		fx_socket_shut();
	}
}

static void the_first_write_connects_when_the_cookie_is_known(void)
{
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {p.addr, p.port};
	struct hc_socket_addr peer;
	uint8_t byte;
	int sock;

	fx_socket_open(&fast);
	learn();
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(get(sock, HC_TCP_FASTOPEN_CONNECT), 0);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN_CONNECT, 5), 0);
	UNIT_EQ(get(sock, HC_TCP_FASTOPEN_CONNECT), 1);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), 0);
	fx_socket_step();
	fx_expect_silence();
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EISCONN);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, &byte, 1), -EAGAIN);
	UNIT_EQ(hc_socket_peer(fx_sockets, sock, &peer), -ENOTCONN);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), -ENOTCONN);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "", 0), 0);
	fx_socket_step();
	fx_expect_silence();
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "request", 7), 7);
	(void)take_syn(&p, 8, 7);
	UNIT_EQ(fx_socket_poll(sock), 0);
	answer(&p, 7);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	fx_forget();
	// And one that is closed before it writes was never there.
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN_CONNECT, 1), 0);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), 0);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	fx_expect_silence();
	fx_socket_shut();
}

static void without_a_cookie_connecting_asks_for_one(void)
{
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {p.addr, p.port};
	int sock;

	fx_socket_open(&fast);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN_CONNECT, 1), 0);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
	(void)take_syn(&p, 0, 0);
	fx_socket_shut();
}

static void few_blocks(struct hc_stack_config *cfg)
{
	with_fast_open(cfg);
	cfg->conn_cap = 1;
}

static void a_write_that_cannot_connect_says_why(void)
{
	const struct fx_options o = {.set_cfg = few_blocks};
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {p.addr, p.port};
	int sock;

	fx_socket_open(&o);
	learn();
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN_CONNECT, 1), 0);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), 0);
	(void)fx_socket_begin(&p); // Takes the one block there is.
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "request", 7), -ENOBUFS);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "request", 7), -ENOTCONN);
	UNIT_EQ(fx_ctr(HC_CTR_connect_no_memory), 1);
	fx_socket_shut();
}

// What the send buffer has no room for is not taken, and the socket is writable later.
static void no_more_is_taken_than_the_send_buffer_holds(void)
{
	static const uint8_t bytes[4000];
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {p.addr, p.port};
	int sock;

	fx_socket_open(&fast);
	learn();
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(set(sock, HC_SO_SNDBUF, 1000), 0);
	UNIT_EQ(hc_socket_connect_with(fx_sockets, sock, &remote, bytes, sizeof bytes), 1000);
	(void)take_syn(&p, 8, 1000);
	answer(&p, 0);
	UNIT_EQ(fx_socket_poll(sock), 0);
	p.ack += 1000;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	fx_forget();
	fx_socket_shut();
}

static void spans_run_out(struct hc_stack_config *cfg)
{
	with_fast_open(cfg);
	cfg->span_cap = 1;
	cfg->snd_buf_bytes = 65536;
}

// All of the data or no connection: what was copied so far is given back.
static void data_that_finds_no_room_opens_nothing(void)
{
	static const uint8_t bytes[60000];
	const struct fx_options o = {.set_cfg = spans_run_out};
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {p.addr, p.port};
	int sock;

	fx_socket_open(&o);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_connect_with(fx_sockets, sock, &remote, bytes, sizeof bytes), -ENOBUFS);
	UNIT_EQ(fx_ctr(HC_CTR_connect_no_buffer), 1);
	fx_socket_step();
	fx_expect_silence();
	UNIT_EQ(hc_socket_connect_with(fx_sockets, sock, &remote, bytes, 1000), 1000);
	(void)take_syn(&p, 0, 0);
	fx_socket_shut();
}

// A SYN with the cookie of the one before, and data.
static void put_syn(struct fx_peer *p, const uint8_t cookie[8], uint32_t cookie_len, uint32_t len)
{
	uint8_t opt[16];

	memcpy(opt, mss_and_cookie, sizeof opt);
	opt[5] = (uint8_t)(2 + cookie_len);
	memset(opt + 6, 1, sizeof opt - 6);
	if (cookie_len)
		memcpy(opt + 6, cookie, cookie_len);
	p->opt = opt;
	p->opt_len = cookie_len ? 16 : 8;
	fx_peer_put(p, FRAME_SYN, len);
	p->opt_len = 0;
	fx_socket_step();
}

static void a_listener_that_wants_it_accepts_before_the_handshake_is_over(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[8] = {0}, got[20];
	const struct frame_view *v;
	int l, sock;

	fx_socket_open(&fast);
	l = fx_socket_listen(4);
	// Turned on while it listens.
	put_syn(&p, NULL, 0, 0);
	UNIT_EQ(fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->has_fastopen, false);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	UNIT_EQ(set(l, HC_TCP_FASTOPEN, 5), 0);
	UNIT_EQ(get(l, HC_TCP_FASTOPEN), 1);
	fx_socket_step();
	fx_forget();
	p = fx_peer_new();
	put_syn(&p, NULL, 0, 0);
	v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(v->cookie_len, sizeof cookie);
	if (v->cookie_len == sizeof cookie)
		memcpy(cookie, v->cookie, sizeof cookie);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_socket_step();
	fx_forget();
	p = fx_peer_new();
	p.port++;
	put_syn(&p, cookie, sizeof cookie, sizeof got);
	sock = hc_socket_accept(fx_sockets, l, NULL);
	CU_ASSERT_FATAL(sock >= 0);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, got, sizeof got), sizeof got);
	UNIT_EQ(fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->ack, p.seq);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "answer", 6), 6);
	fx_socket_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 6);
	// And off again.
	UNIT_EQ(set(l, HC_TCP_FASTOPEN, 0), 0);
	p = fx_peer_new();
	p.port += 2;
	put_syn(&p, cookie, sizeof cookie, sizeof got);
	UNIT_EQ(hc_socket_accept(fx_sockets, l, NULL), -EAGAIN);
	fx_forget();
	fx_socket_shut();
}

// A listener that was told before it listened.
static void a_socket_told_before_it_listens_gives_cookies(void)
{
	const struct hc_socket_addr local = {.port = FX_PORT};
	struct fx_peer p = fx_peer_new();
	int l;

	fx_socket_open(&fast);
	l = hc_socket_open(fx_sockets);
	UNIT_EQ(set(l, HC_TCP_FASTOPEN, 1), 0);
	UNIT_EQ(hc_socket_bind(fx_sockets, l, &local), 0);
	UNIT_EQ(hc_socket_listen(fx_sockets, l, 1), 0);
	put_syn(&p, NULL, 0, 0);
	UNIT_EQ(fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->cookie_len, 8);
	fx_socket_shut();
}

static void a_stack_without_it_refuses_the_options(void)
{
	int sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN, 1), -EOPNOTSUPP);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN_CONNECT, 1), -EOPNOTSUPP);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN, -1), -EINVAL);
	UNIT_EQ(set(sock, HC_TCP_FASTOPEN, 0), 0);
	UNIT_EQ(get(sock, HC_TCP_FASTOPEN), 0);
	UNIT_EQ(hc_listener_set_flags(fx.worker, -1, 0), -ENOENT);
	UNIT_EQ(hc_listener_set_flags(fx.worker, 0, 0), -ENOENT);
	UNIT_EQ(hc_listener_set_flags(fx.worker, 1000, 0), -ENOENT);
	fx_socket_shut();
}

UNIT_SUITE(socket_connect, UNIT_TEST(data_given_with_the_call_goes_on_the_syn),
	   UNIT_TEST(without_a_cookie_the_data_follows_the_handshake),
	   UNIT_TEST(the_first_write_connects_when_the_cookie_is_known),
	   UNIT_TEST(without_a_cookie_connecting_asks_for_one),
	   UNIT_TEST(a_write_that_cannot_connect_says_why),
	   UNIT_TEST(no_more_is_taken_than_the_send_buffer_holds),
	   UNIT_TEST(data_that_finds_no_room_opens_nothing),
	   UNIT_TEST(a_listener_that_wants_it_accepts_before_the_handshake_is_over),
	   UNIT_TEST(a_socket_told_before_it_listens_gives_cookies),
	   UNIT_TEST(a_stack_without_it_refuses_the_options));
