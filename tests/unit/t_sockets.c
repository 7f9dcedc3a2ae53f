// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The table of sockets: its limits, what it keeps when a connection is gone, and whose events it
// takes.

#include "fx_socket.h"

#include <errno.h>
#include <string.h>

static uint8_t bytes[8192];

static void limits_are_checked(void)
{
	static const struct hc_sockets_config bad[] = {
		{.socket_cap = 0},
		{.socket_cap = (1u << 20) + 1},
		{.socket_cap = 1, .kept_cap = (1u << 20) + 1},
	};
	const struct hc_sockets_config least = {.socket_cap = 1};
	struct hc_sockets *s;

	fx_open(NULL);
	for (unsigned i = 0; i < 3; i++)
		UNIT_EQ(hc_sockets_create(fx.worker, &bad[i], &s), -EINVAL);
	UNIT_EQ(hc_sockets_create(fx.worker, &least, &s), 0);
	UNIT_EQ(hc_socket_open(s), 0);
	UNIT_EQ(hc_socket_open(s), -ENFILE);
	hc_sockets_destroy(s);
	hc_sockets_destroy(NULL);
	fx_shut();
}

// Both FINs are there, and so is the data of the peer, for who comes late.
static void data_outlives_its_connection(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t first;
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), 0);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	first = p.seq;
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_socket_step();
	fx_socket_wait_ms(100);
	UNIT_EQ(hc_socket_conn(fx_sockets, sock), HC_CONN_NONE);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, 1500), 1500);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes + 1500, 1500), 500);
	for (uint32_t i = 0; i < 2000; i++)
		UNIT_EXPECT(bytes[i] == fx_byte(first + i));
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, 1500), 0);
	fx_forget();
	fx_socket_shut();
}

static void what_cannot_be_kept_is_told(void)
{
	struct hc_sockets_counts counts;
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), 0);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	for (unsigned i = 0; i < FX_KEPT_CAP + 2; i++)
		fx_peer_put(&p, FRAME_ACK, 1000);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_socket_step();
	hc_sockets_counts(fx_sockets, &counts);
	UNIT_EQ(counts.kept_overflow, 2);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, sizeof bytes), FX_KEPT_CAP * 1000);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, sizeof bytes), -ENOBUFS);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, sizeof bytes), 0);
	fx_forget();
	fx_socket_shut();
}

// Data that nobody came for goes back to the pool, which fx_shut() sees.
static void closing_gives_back_what_was_kept(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), 0);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 1000);
	fx_socket_step();
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_forget();
	fx_socket_shut();
}

// A handshake of which the final ACK lies in the port.
static void offer_hand(struct fx_peer *p)
{
	fx_peer_put(p, FRAME_SYN, 0);
	fx_socket_step();
	(void)fx_peer_take(p, FRAME_SYN | FRAME_ACK);
	fx_peer_put(p, FRAME_ACK, 0);
}

static void shake_hands(struct fx_peer *p)
{
	offer_hand(p);
	fx_socket_step();
}

static void who_finds_no_room_is_reset(void)
{
	for (unsigned is_backlog = 0; is_backlog < 2; is_backlog++) {
		struct hc_sockets_counts counts;
		struct fx_peer p = fx_peer_new();
		unsigned room = is_backlog ? 2 : FX_SOCKET_CAP - 1;
		int l;

		fx_socket_open(NULL);
		l = fx_socket_listen(is_backlog ? 2 : 8);
		for (unsigned i = 0; i <= room; i++) {
			p.seq = 1000 * i;
			p.port = (uint16_t)(FX_PEER_PORT + i);
			shake_hands(&p);
		}
		fx_socket_step();
		(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
		hc_sockets_counts(fx_sockets, &counts);
		UNIT_EQ(counts.accept_overflow, 1);
		for (unsigned i = 0; i < room; i++)
			CU_ASSERT(hc_socket_accept(fx_sockets, l, NULL) >= 0);
		UNIT_EQ(hc_socket_accept(fx_sockets, l, NULL), -EAGAIN);
		fx_socket_shut();
	}
}

// Accepted and gone within one step.
static void who_is_gone_at_once_is_not_accepted(void)
{
	struct fx_peer p = fx_peer_new();
	int l;

	fx_socket_open(NULL);
	l = fx_socket_listen(2);
	offer_hand(&p);
	fx_peer_put(&p, FRAME_RST, 0);
	fx_socket_step();
	UNIT_EQ(hc_socket_accept(fx_sockets, l, NULL), -EAGAIN);
	fx_socket_shut();
}

static void who_goes_while_waiting_is_accepted_in_error(void)
{
	struct fx_peer p = fx_peer_new();
	int l, sock;

	fx_socket_open(NULL);
	l = fx_socket_listen(2);
	shake_hands(&p);
	fx_peer_put(&p, FRAME_RST, 0);
	fx_socket_step();
	sock = hc_socket_accept(fx_sockets, l, NULL);
	CU_ASSERT(sock >= 0);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, 1), -ECONNRESET);
	fx_socket_shut();
}

// The listener is closed after the step that accepted, before its events are taken in.
static void who_comes_too_late_for_a_listener_is_reset(void)
{
	struct fx_peer p = fx_peer_new();
	int l;

	fx_socket_open(NULL);
	l = fx_socket_listen(2);
	offer_hand(&p);
	fx_step();
	UNIT_EQ(hc_socket_close(fx_sockets, l), 0);
	fx_socket_step();
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_socket_shut();
}

// Connections of the application's own pass by, whatever their cookies are.
static void events_of_others_are_passed_over(void)
{
	static const struct hc_event strange[] = {
		{.type = HC_EV_RESET, .cookie = 0, .conn = 1},
		{.type = HC_EV_RESET, .cookie = 1u << 31, .conn = 1},
		{.type = HC_EV_RESET, .cookie = UINT32_MAX, .conn = 1},
		{.type = HC_EV_DATA, .cookie = 1u << 31 | 3, .conn = 1},
	};
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_connect(&p);
	UNIT_EQ(sock, 0);
	hc_sockets_take(fx_sockets, strange, 4);
	UNIT_EQ(fx_socket_error(sock), 0);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	fx_socket_shut();
}

// The same without fx_step(): the table steps the worker, and sends.
static void a_step_of_the_table_is_one_of_the_worker(void)
{
	struct fx_peer p = fx_peer_new();
	int l;

	fx_socket_open(NULL);
	l = fx_socket_listen(2);
	fx_peer_put(&p, FRAME_SYN, 0);
	hc_sockets_step(fx_sockets, fx.now_ns);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	hc_sockets_step(fx_sockets, fx.now_ns);
	CU_ASSERT(hc_socket_accept(fx_sockets, l, NULL) >= 0);
	fx_socket_shut();
}

// Listeners, those that wait, connections half open and open: fx_shut() sees what is left.
static void the_end_of_the_table_ends_all(void)
{
	struct fx_peer p = fx_peer_new();
	struct fx_peer q = fx_peer_new();

	fx_socket_open(NULL);
	(void)fx_socket_listen(2);
	shake_hands(&p);
	q.port++;
	(void)fx_socket_connect(&q);
	(void)fx_socket_begin(&q);
	hc_sockets_destroy(fx_sockets);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_expect_silence();
	fx_shut();
}

UNIT_SUITE(sockets, UNIT_TEST(limits_are_checked), UNIT_TEST(data_outlives_its_connection),
	   UNIT_TEST(what_cannot_be_kept_is_told), UNIT_TEST(closing_gives_back_what_was_kept),
	   UNIT_TEST(who_finds_no_room_is_reset), UNIT_TEST(who_is_gone_at_once_is_not_accepted),
	   UNIT_TEST(who_goes_while_waiting_is_accepted_in_error),
	   UNIT_TEST(who_comes_too_late_for_a_listener_is_reset),
	   UNIT_TEST(events_of_others_are_passed_over),
	   UNIT_TEST(a_step_of_the_table_is_one_of_the_worker),
	   UNIT_TEST(the_end_of_the_table_ends_all));
