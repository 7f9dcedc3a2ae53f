// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Connecting, plain and by Fast Open (RFC 7413), which programs ask for in three ways: data given
// with the call, as sendto() has it; an option that lets the first write take the SYN with it; an
// option that only asks for a cookie. What the stack refuses is told at once.

#include "socket/sockets.h"

#include <errno.h>

static int begin(struct hc_sockets *s, struct hc_socket *k, unsigned flags, const void *data,
		 uint32_t data_bytes)
{
	uint32_t cookie = HC_SOCK_COOKIE | (uint32_t)(k - s->sock);
	struct hc_conn_info info;
	int why;
	const struct hc_connect_args args = {
		.remote_addr = k->peer.addr,
		.remote_port = k->peer.port,
		.flags = (uint16_t)flags,
		.data = data,
		.data_bytes = data_bytes,
		.local_addr = k->bound.addr,
		.why = &why,
	};

	if (hc_connect(s->w, &args, &cookie, &k->conn, 1) == 0)
		return why == -ENOMEM ? -ENOBUFS : why;
	k->state = HC_SOCK_CONNECTING;
	hc_sock_apply_options(s, k);
	if (hc_conn_info(s->w, k->conn, &info) == 0)
		k->local = (struct hc_socket_addr){info.local_addr, info.local_port};
	return 0;
}

// With the bytes that HC_SO_SNDBUF lets be on their way. @return how many, or how it failed.
static int64_t begin_with(struct hc_sockets *s, struct hc_socket *k, const void *buf, size_t len)
{
	uint32_t room = k->snd_buf_bytes ? k->snd_buf_bytes : hc_worker_config(s->w)->snd_buf_bytes;
	uint32_t n = len < room ? (uint32_t)len : room;
	int err = begin(s, k, HC_CONN_FAST_OPEN | HC_CONN_COPY, buf, n);

	if (err)
		return err;
	k->is_full = n < len;
	k->full_bytes = n;
	return n;
}

// @return 0 when the socket may connect there.
static int check_new(struct hc_socket *k, const struct hc_socket_addr *remote)
{
	int err;

	if (k->state == HC_SOCK_LISTENING)
		return -EOPNOTSUPP;
	if (k->state == HC_SOCK_CONNECTING)
		return -EALREADY;
	if (k->state != HC_SOCK_NEW)
		return -EISCONN;
	err = hc_sock_error(k);
	if (err)
		return err;
	if (remote->addr == 0 || remote->port == 0)
		return -EADDRNOTAVAIL;
	k->peer = *remote;
	return 0;
}

int hc_socket_connect(struct hc_sockets *s, int sock, const struct hc_socket_addr *remote)
{
	struct hc_socket *k = hc_sock_of(s, sock);
	int err;

	if (!k)
		return -EBADF;
	err = check_new(k, remote);
	if (err)
		return err;
	if (k->defers_connect && hc_fast_open_is_known(s->w, remote->addr)) {
		k->state = HC_SOCK_DEFERRED;
		return 0;
	}
	err = begin(s, k, k->has_fast_open || k->defers_connect ? HC_CONN_FAST_OPEN : 0, NULL, 0);
	return err ? err : -EINPROGRESS;
}

int64_t hc_socket_connect_with(struct hc_sockets *s, int sock, const struct hc_socket_addr *remote,
			       const void *buf, size_t len)
{
	struct hc_socket *k = hc_sock_of(s, sock);
	int err;

	if (!k)
		return -EBADF;
	err = check_new(k, remote);
	return err ? err : begin_with(s, k, buf, len);
}

int64_t hc_sock_connect_deferred(struct hc_sockets *s, struct hc_socket *k, const void *buf,
				 size_t len)
{
	int64_t n;

	if (len == 0)
		return 0; // Nothing for the SYN to take.
	n = begin_with(s, k, buf, len);
	if (n < 0)
		k->state = HC_SOCK_NEW;
	return n;
}
