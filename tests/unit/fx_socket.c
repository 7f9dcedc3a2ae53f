// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See fx_socket.h.

#include "fx_socket.h"

#include <errno.h>

struct hc_sockets *fx_sockets;

void fx_socket_open(const struct fx_options *o)
{
	const struct hc_sockets_config cfg = {.socket_cap = FX_SOCKET_CAP, .kept_cap = FX_KEPT_CAP};

	fx_open(o);
	UNIT_EQ(hc_sockets_create(fx.worker, &cfg, &fx_sockets), 0);
}

void fx_socket_shut(void)
{
	hc_sockets_destroy(fx_sockets);
	fx_socket_step();
	fx_shut();
}

void fx_socket_step(void)
{
	fx_step();
	hc_sockets_take(fx_sockets, fx.event + fx.event_taken, fx.event_count - fx.event_taken);
	fx.event_taken = fx.event_count;
	hc_flush(fx.worker);
}

void fx_socket_wait_ms(uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i += 10) {
		fx_wait_ms(ms - i < 10 ? ms - i : 10);
		fx_socket_step();
	}
}

int fx_socket_listen(int backlog)
{
	const struct hc_socket_addr local = {.port = FX_PORT};
	int sock = hc_socket_open(fx_sockets);

	CU_ASSERT(sock >= 0);
	UNIT_EQ(hc_socket_bind(fx_sockets, sock, &local), 0);
	UNIT_EQ(hc_socket_listen(fx_sockets, sock, backlog), 0);
	return sock;
}

int fx_socket_accept_at(struct fx_peer *p, int listener)
{
	int sock;

	fx_peer_put(p, FRAME_SYN, 0);
	fx_socket_step();
	(void)fx_peer_take(p, FRAME_SYN | FRAME_ACK);
	fx_peer_put(p, FRAME_ACK, 0);
	fx_socket_step();
	sock = hc_socket_accept(fx_sockets, listener, NULL);
	CU_ASSERT(sock >= 0);
	return sock;
}

int fx_socket_accept(struct fx_peer *p, int *listener)
{
	int l = fx_socket_listen(8);

	if (listener)
		*listener = l;
	return fx_socket_accept_at(p, l);
}

int fx_socket_begin(struct fx_peer *p)
{
	const struct hc_socket_addr remote = {.addr = p->addr, .port = p->port};
	int sock = hc_socket_open(fx_sockets);
	const struct frame_view *v;

	CU_ASSERT(sock >= 0);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
	fx_socket_step();
	v = fx_peer_take(p, FRAME_SYN);
	p->local_addr = v->src;
	p->local_port = v->sport;
	return sock;
}

int fx_socket_connect(struct fx_peer *p)
{
	int sock = fx_socket_begin(p);

	fx_peer_put(p, FRAME_SYN | FRAME_ACK, 0);
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_ACK);
	return sock;
}

unsigned fx_socket_poll(int sock)
{
	struct hc_pollfd fd = {.sock = sock, .events = HC_POLL_IN | HC_POLL_OUT | HC_POLL_RDHUP};

	unsigned count = hc_socket_poll(fx_sockets, &fd, 1);

	UNIT_EQ(count, fd.revents != 0);
	return fd.revents;
}

int fx_socket_error(int sock)
{
	int error = -1;
	size_t len = sizeof error;

	UNIT_EQ(hc_socket_getsockopt(fx_sockets, sock, HC_SO_ERROR, &error, &len), 0);
	UNIT_EQ(len, sizeof error);
	return error;
}
