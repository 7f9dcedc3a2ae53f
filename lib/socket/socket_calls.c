// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The calls on sockets: opening and closing, reading and writing, and what can be done now. What
// POSIX leaves open is answered as the BSDs do, which include/handclasp/socket.h states.

#include "base/prefix.h"
#include "socket/sockets.h"

#include <errno.h>

int hc_socket_open(struct hc_sockets *s)
{
	struct hc_socket *k = hc_sock_get(s);

	return k ? (int)(k - s->sock) : -ENFILE;
}

static bool is_port_bound(const struct hc_sockets *s, uint16_t port)
{
	for (uint32_t i = 0; i < s->sock_cap; i++) {
		const struct hc_socket *k = &s->sock[i];

		// A connection has its listener's port, which is bound once.
		if ((k->state == HC_SOCK_NEW || k->state == HC_SOCK_LISTENING) &&
		    k->bound.port == port)
			return true;
	}
	return false;
}

// Whether connections may come from there, or listeners be there.
static bool is_ours(const struct hc_sockets *s, uint32_t addr)
{
	const struct hc_stack_config *cfg = hc_worker_config(s->w);

	return addr == cfg->local_addr || (cfg->clients.len && hc_prefix_has(&cfg->clients, addr));
}

int hc_socket_bind(struct hc_sockets *s, int sock, const struct hc_socket_addr *local)
{
	struct hc_socket *k = hc_sock_of(s, sock);

	if (!k)
		return -EBADF;
	if (k->state != HC_SOCK_NEW || k->bound.port || k->bound.addr)
		return -EINVAL;
	if (local->addr ? !is_ours(s, local->addr) : local->port == 0)
		return -EADDRNOTAVAIL;
	if (local->port && is_port_bound(s, local->port))
		return -EADDRINUSE;
	k->bound = *local;
	k->local = *local;
	return 0;
}

int hc_socket_listen(struct hc_sockets *s, int sock, int backlog)
{
	struct hc_socket *k = hc_sock_of(s, sock);
	struct hc_listen_args args;
	int listener;

	if (!k)
		return -EBADF;
	if (k->state == HC_SOCK_LISTENING)
		return 0;
	if (k->state != HC_SOCK_NEW)
		return -EINVAL;
	if (k->bound.port == 0)
		return -EDESTADDRREQ;
	args = (struct hc_listen_args){
		.port = k->bound.port,
		.backlog = backlog > 0 ? (uint32_t)backlog : 1,
		.flags = k->has_fast_open ? HC_CONN_FAST_OPEN : 0,
		.cookie = HC_SOCK_COOKIE | (uint32_t)sock,
		.rcv_buf_bytes = k->conn_options_set & 1u << HC_OPTION_RCV_BUF_BYTES
					 ? k->conn_option[HC_OPTION_RCV_BUF_BYTES]
					 : 0,
	};
	listener = hc_listen(s->w, &args);
	if (listener < 0)
		return listener == -ENOSPC ? -ENOBUFS : listener;
	k->listener = listener;
	k->backlog = args.backlog;
	k->state = HC_SOCK_LISTENING;
	hc_sock_apply_to_listener(s, k);
	return 0;
}

// Takes the first that waits out of the queue.
static struct hc_socket *next_waiting(struct hc_sockets *s, struct hc_socket *l)
{
	struct hc_socket *k;

	if (l->waiting_head == HC_IDX_NONE)
		return NULL;
	k = &s->sock[l->waiting_head];
	l->waiting_head = k->next;
	if (l->waiting_head == HC_IDX_NONE)
		l->waiting_tail = HC_IDX_NONE;
	l->waiting_count--;
	k->next = HC_IDX_NONE;
	k->is_waiting = false;
	return k;
}

int hc_socket_accept(struct hc_sockets *s, int sock, struct hc_socket_addr *peer)
{
	struct hc_socket *l = hc_sock_of(s, sock);
	struct hc_socket *k;

	if (!l)
		return -EBADF;
	if (l->state != HC_SOCK_LISTENING)
		return -EINVAL;
	k = next_waiting(s, l);
	if (!k)
		return -EAGAIN;
	if (peer)
		*peer = k->peer;
	return (int)(k - s->sock);
}

// What reading and writing have in common. @return 0 when there is or was a connection.
static int check_connected(struct hc_socket *k)
{
	int err = hc_sock_error(k);

	if (err)
		return err;
	if (k->state == HC_SOCK_CONNECTING || k->state == HC_SOCK_DEFERRED)
		return -EAGAIN;
	return k->state == HC_SOCK_CONNECTED || k->state == HC_SOCK_ENDED ? 0 : -ENOTCONN;
}

// What reading returns when there is nothing to read.
static int64_t nothing_read(struct hc_socket *k, size_t len)
{
	int err = check_connected(k);

	if (err)
		return err;
	return len == 0 || k->is_peer_closed || k->is_read_shut || k->state == HC_SOCK_ENDED
		       ? 0
		       : -EAGAIN;
}

// As far as one read goes: up to the mark, and from there on.
static size_t up_to_mark(const struct hc_socket *k, size_t len)
{
	return k->has_mark && k->mark_bytes && !HC_FAULT(socket_reads_past_the_mark)
		       ? hc_min_u32(k->mark_bytes, len < UINT32_MAX ? (uint32_t)len : UINT32_MAX)
		       : len;
}

static void note_read(struct hc_socket *k, size_t n)
{
	if (!k->has_mark || n == 0)
		return;
	k->has_mark = k->mark_bytes != 0;
	k->mark_bytes -= hc_min_u32((uint32_t)n, k->mark_bytes);
}

int64_t hc_socket_read(struct hc_sockets *s, int sock, void *buf, size_t len)
{
	struct hc_socket *k = hc_sock_of(s, sock);
	size_t n;

	if (!k)
		return -EBADF;
	len = up_to_mark(k, len);
	n = hc_sock_copy_kept(s, k, buf, len, true);
	if (k->state == HC_SOCK_CONNECTED && n < len)
		n += hc_recv_copy(s->w, k->conn, (uint8_t *)buf + n, len - n);
	note_read(k, n);
	return n ? (int64_t)n : nothing_read(k, len);
}

int hc_socket_at_mark(const struct hc_sockets *s, int sock)
{
	const struct hc_socket *k = hc_sock_of(s, sock);

	if (!k)
		return -EBADF;
	return k->has_mark && k->mark_bytes == 0;
}

int64_t hc_socket_peek(struct hc_sockets *s, int sock, void *buf, size_t len)
{
	struct hc_socket *k = hc_sock_of(s, sock);
	size_t n;

	if (!k)
		return -EBADF;
	len = up_to_mark(k, len);
	if (k->state == HC_SOCK_CONNECTED)
		hc_sock_keep(s, k, len);
	n = hc_sock_copy_kept(s, k, buf, len, false);
	return n ? (int64_t)n : nothing_read(k, len);
}

static uint32_t unacked_bytes(const struct hc_sockets *s, const struct hc_socket *k)
{
	struct hc_conn_info info;

	return hc_conn_info(s->w, k->conn, &info) == 0 ? info.unacked_bytes : 0;
}

// As many of len bytes as HC_SO_SNDBUF lets on their way.
static size_t room_for(const struct hc_sockets *s, const struct hc_socket *k, size_t len)
{
	uint32_t used;

	if (k->snd_buf_bytes == 0)
		return len;
	used = unacked_bytes(s, k);
	used = hc_min_u32(used, k->snd_buf_bytes);
	return len < k->snd_buf_bytes - used ? len : k->snd_buf_bytes - used;
}

int64_t hc_socket_write(struct hc_sockets *s, int sock, const void *buf, size_t len)
{
	struct hc_socket *k = hc_sock_of(s, sock);
	size_t n;
	int err;

	if (!k)
		return -EBADF;
	if (k->state == HC_SOCK_DEFERRED)
		return hc_sock_connect_deferred(s, k, buf, len);
	err = check_connected(k);
	if (err)
		return err;
	if (k->is_write_shut || k->state == HC_SOCK_ENDED)
		return -EPIPE;
	n = hc_send(s->w, k->conn, buf, room_for(s, k, len), 0);
	k->is_full = n < len;
	if (k->is_full)
		k->full_bytes = unacked_bytes(s, k);
	return n || len == 0 ? (int64_t)n : -EAGAIN;
}

int hc_socket_shutdown(struct hc_sockets *s, int sock, enum hc_socket_shut how)
{
	struct hc_socket *k = hc_sock_of(s, sock);

	if (!k)
		return -EBADF;
	if (how != HC_SHUT_RD && how != HC_SHUT_WR && how != HC_SHUT_RDWR)
		return -EINVAL;
	if (k->state != HC_SOCK_CONNECTED)
		return -ENOTCONN;
	if (how != HC_SHUT_WR) {
		k->is_read_shut = true;
		hc_sock_discard(s, k);
	}
	if (how != HC_SHUT_RD && !k->is_write_shut) {
		k->is_write_shut = true;
		(void)hc_shutdown(s->w, k->conn);
	}
	return 0;
}

int hc_socket_close(struct hc_sockets *s, int sock)
{
	struct hc_socket *k = hc_sock_of(s, sock);
	struct hc_socket *waits;

	if (!k)
		return -EBADF;
	if (k->state == HC_SOCK_LISTENING) {
		(void)hc_unlisten(s->w, k->listener);
		while ((waits = next_waiting(s, k)))
			hc_sock_refuse(s, waits);
	} else if (k->state == HC_SOCK_CONNECTING || k->state == HC_SOCK_CONNECTED) {
		// What was looked at is unread all the same.
		if (k->linger_s == 0 || k->kept_bytes)
			(void)hc_abort(s->w, k->conn);
		else
			(void)hc_close(s->w, k->conn);
	}
	hc_sock_put(s, k);
	return 0;
}

static bool is_readable(const struct hc_sockets *s, const struct hc_socket *k)
{
	struct hc_conn_info info;

	if (k->state == HC_SOCK_LISTENING)
		return k->waiting_count != 0;
	if (k->state == HC_SOCK_ENDED || k->error)
		return true;
	if (k->state != HC_SOCK_CONNECTED)
		return k->state == HC_SOCK_NEW; // Reading says that it is not connected.
	return k->is_peer_closed || k->is_read_shut || k->kept_bytes ||
	       (hc_conn_info(s->w, k->conn, &info) == 0 && info.readable_bytes);
}

static bool is_writable(const struct hc_sockets *s, const struct hc_socket *k)
{
	if (k->state == HC_SOCK_CONNECTING || k->state == HC_SOCK_LISTENING)
		return false;
	if (k->state != HC_SOCK_CONNECTED || k->is_write_shut || k->error || !k->is_full)
		return true; // Where it is not connected, writing says so, or connects it.
	return unacked_bytes(s, k) < k->full_bytes || k->full_bytes == 0;
}

static uint16_t found(const struct hc_sockets *s, int sock)
{
	const struct hc_socket *k = hc_sock_of(s, sock);
	unsigned flags = 0;

	if (!k)
		return HC_POLL_NVAL;
	if (is_readable(s, k))
		flags |= HC_POLL_IN;
	if (k->has_mark)
		flags |= HC_POLL_PRI;
	if (is_writable(s, k))
		flags |= HC_POLL_OUT;
	if (k->error)
		flags |= HC_POLL_ERR;
	if (k->is_peer_closed || k->is_read_shut || k->state == HC_SOCK_ENDED)
		flags |= HC_POLL_RDHUP;
	if (k->state == HC_SOCK_ENDED || k->state == HC_SOCK_NEW ||
	    (k->is_write_shut && (k->is_peer_closed || k->is_read_shut)))
		flags |= HC_POLL_HUP;
	return (uint16_t)flags;
}

unsigned hc_socket_poll(struct hc_sockets *s, struct hc_pollfd *fds, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned always = HC_POLL_ERR | HC_POLL_HUP | HC_POLL_NVAL;

		fds[i].revents =
			fds[i].sock < 0 ? 0 : found(s, fds[i].sock) & (fds[i].events | always);
		count += fds[i].revents != 0;
	}
	return count;
}

int hc_socket_name(const struct hc_sockets *s, int sock, struct hc_socket_addr *out)
{
	const struct hc_socket *k = hc_sock_of(s, sock);

	if (!k)
		return -EBADF;
	*out = k->local;
	return 0;
}

int hc_socket_peer(const struct hc_sockets *s, int sock, struct hc_socket_addr *out)
{
	const struct hc_socket *k = hc_sock_of(s, sock);

	if (!k)
		return -EBADF;
	if (k->state != HC_SOCK_CONNECTED && k->state != HC_SOCK_ENDED)
		return -ENOTCONN;
	*out = k->peer;
	return 0;
}

hc_conn hc_socket_conn(const struct hc_sockets *s, int sock)
{
	const struct hc_socket *k = hc_sock_of(s, sock);

	return k && (k->state == HC_SOCK_CONNECTING || k->state == HC_SOCK_CONNECTED)
		       ? k->conn
		       : HC_CONN_NONE;
}
