// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Options of sockets: the connection's, which are lines in a table, the worker's, which can only be
// read, and the socket's own.

#include "socket/sockets.h"

#include <errno.h>

static int get_info(const struct hc_sockets *s, const struct hc_socket *k, void *value, size_t *len)
{
	struct hc_conn_info info;

	if (*len < sizeof info)
		return -EINVAL;
	if ((k->state != HC_SOCK_CONNECTED && k->state != HC_SOCK_CONNECTING) ||
	    hc_conn_info(s->w, k->conn, &info) != 0) {
		// A socket without a connection is in a state all the same.
		info = (struct hc_conn_info){
			.local_addr = k->local.addr,
			.local_port = k->local.port,
			.remote_addr = k->peer.addr,
			.remote_port = k->peer.port,
			.state = k->state == HC_SOCK_LISTENING ? HC_LISTEN : HC_CLOSED,
		};
	}
	info.readable_bytes += k->kept_bytes;
	memcpy(value, &info, sizeof info);
	*len = sizeof info;
	return 0;
}

// RFC 9293 3.7.1: what a peer has to take, before anything is known.
#define MAXSEG_DEFAULT 536

static int get_maxseg(const struct hc_sockets *s, const struct hc_socket *k)
{
	struct hc_conn_info info;

	if (k->state == HC_SOCK_CONNECTED && hc_conn_info(s->w, k->conn, &info) == 0)
		return info.mss;
	return k->conn_options_set & 1u << HC_OPTION_MSS_MAX
		       ? (int)k->conn_option[HC_OPTION_MSS_MAX]
		       : MAXSEG_DEFAULT;
}

// An option that is the connection's: what the stack calls it, and in what unit. IP_TOS has the
// code point in its upper six bits.
struct conn_option {
	enum hc_socket_option option;
	enum hc_conn_option conn_option;
	uint32_t unit;    // Of the stack's, for one of ours ...
	uint32_t divisor; // ... or the other way round.
	int min, max;     // Ours; 0 and 1: a switch, which anything but 0 turns on.
	int usual;        // Unless the worker's configuration says.
};

// clang-format off
static const struct conn_option conn_options[] = {
	{HC_TCP_NODELAY,      HC_OPTION_NODELAY,               1,    1, 0, 1,         0},
	{HC_TCP_CORK,         HC_OPTION_CORK,                  1,    1, 0, 1,         0},
	{HC_SO_KEEPALIVE,     HC_OPTION_KEEPALIVE,             1,    1, 0, 1,         0},
	{HC_TCP_KEEPIDLE,     HC_OPTION_KEEPALIVE_IDLE_MS,     1000, 1, 1, 1 << 20,   7200},
	{HC_TCP_KEEPINTVL,    HC_OPTION_KEEPALIVE_INTERVAL_MS, 1000, 1, 1, 1 << 20,   75},
	{HC_TCP_KEEPCNT,      HC_OPTION_KEEPALIVE_COUNT,       1,    1, 1, 65535,     9},
	{HC_TCP_USER_TIMEOUT, HC_OPTION_USER_TIMEOUT_MS,       1,    1, 0, 1 << 30,   0},
	{HC_TCP_MAXSEG,       HC_OPTION_MSS_MAX,               1,    1, 88, 65535,    0},
	{HC_SO_RCVBUF,        HC_OPTION_RCV_BUF_BYTES,         1,    1, 1, INT32_MAX, 0},
	{HC_IP_TTL,           HC_OPTION_TTL,                   1,    1, 1, 255,       0},
	{HC_IP_TOS,           HC_OPTION_DSCP,                  1,    4, 0, 255,       0},
};
// clang-format on

static const struct conn_option *conn_option_of(enum hc_socket_option option)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(conn_options); i++)
		if (conn_options[i].option == option)
			return &conn_options[i];
	return NULL;
}

void hc_sock_apply_options(struct hc_sockets *s, const struct hc_socket *k)
{
	for (unsigned i = 0; i < HC_OPTION_COUNT; i++)
		if (k->conn_options_set & 1u << i)
			(void)hc_conn_set(s->w, k->conn, (enum hc_conn_option)i, k->conn_option[i]);
}

static bool has_conn(const struct hc_socket *k)
{
	return k->state == HC_SOCK_CONNECTING || k->state == HC_SOCK_CONNECTED;
}

static int get_conn_option(const struct hc_sockets *s, const struct hc_socket *k,
			   const struct conn_option *o)
{
	const struct hc_stack_config *cfg = hc_worker_config(s->w);
	uint32_t value;

	if (has_conn(k) && hc_conn_get(s->w, k->conn, o->conn_option, &value) == 0)
		return (int)(value / o->unit * o->divisor);
	if (k->conn_options_set & 1u << o->conn_option) {
		value = k->conn_option[o->conn_option];
		if (o->option == HC_SO_RCVBUF)
			value = hc_min_u32(value, cfg->rcv_buf_bytes);
		return (int)(value / o->unit * o->divisor);
	}
	switch (o->option) {
	case HC_TCP_NODELAY:
		return cfg->has_nodelay;
	case HC_SO_KEEPALIVE:
		return cfg->has_keepalive;
	case HC_SO_RCVBUF:
		return (int)cfg->rcv_buf_bytes;
	case HC_IP_TTL:
		return cfg->ttl;
	case HC_IP_TOS:
		return cfg->dscp << 2;
	default:
		return o->usual;
	}
}

// What SYN,ACKs say. A connection gets the others when it is accepted.
static void set_of_listener(struct hc_sockets *s, const struct hc_socket *k,
			    enum hc_conn_option option, uint32_t value)
{
	if (option == HC_OPTION_MSS_MAX || option == HC_OPTION_TTL || option == HC_OPTION_DSCP)
		(void)hc_listener_set(s->w, k->listener, option, value);
}

void hc_sock_apply_to_listener(struct hc_sockets *s, const struct hc_socket *k)
{
	for (unsigned i = 0; i < HC_OPTION_COUNT; i++)
		if (k->conn_options_set & 1u << i)
			set_of_listener(s, k, (enum hc_conn_option)i, k->conn_option[i]);
}

static int set_conn_option(struct hc_sockets *s, struct hc_socket *k, const struct conn_option *o,
			   int number)
{
	uint32_t value;
	int err;

	if (o->min == 0 && o->max == 1)
		number = number != 0;
	if (o->option == HC_IP_TTL && number == -1)
		number = hc_worker_config(s->w)->ttl;
	if (number < o->min || number > o->max)
		return -EINVAL;
	value = (uint32_t)number * o->unit / o->divisor;
	err = has_conn(k) ? hc_conn_set(s->w, k->conn, o->conn_option, value) : 0;
	if (k->state == HC_SOCK_LISTENING)
		set_of_listener(s, k, o->conn_option, value);
	if (err)
		return err == -ENOMEM ? -ENOBUFS : err;
	k->conn_option[o->conn_option] = value;
	k->conn_options_set |= 1u << o->conn_option;
	return 0;
}

int hc_socket_getsockopt(struct hc_sockets *s, int sock, enum hc_socket_option option, void *value,
			 size_t *len)
{
	const struct hc_stack_config *cfg = hc_worker_config(s->w);
	struct hc_socket *k = hc_sock_of(s, sock);
	int number = 0;

	if (!k)
		return -EBADF;
	if (option == HC_TCP_INFO)
		return get_info(s, k, value, len);
	if (*len < sizeof number)
		return -EINVAL;
	switch (option) {
	case HC_SO_ERROR:
		number = -hc_sock_error(k);
		break;
	case HC_SO_ACCEPTCONN:
		number = k->state == HC_SOCK_LISTENING;
		break;
	case HC_SO_REUSEADDR:
		number = k->reuses_addr;
		break;
	case HC_SO_LINGER:
		number = k->linger_s;
		break;
	case HC_SO_SNDBUF:
		number = (int)(k->snd_buf_bytes ? k->snd_buf_bytes : cfg->snd_buf_bytes);
		break;
	case HC_SO_OOBINLINE:
		number = 1;
		break;
	case HC_TCP_FASTOPEN:
		number = k->has_fast_open;
		break;
	case HC_TCP_FASTOPEN_CONNECT:
		number = k->defers_connect;
		break;
	case HC_TCP_CONGESTION:
		number = (int)cfg->congestion;
		break;
	case HC_TCP_MAXSEG:
		number = get_maxseg(s, k);
		break;
	default:
		if (!conn_option_of(option))
			return -ENOPROTOOPT;
		number = get_conn_option(s, k, conn_option_of(option));
		break;
	}
	memcpy(value, &number, sizeof number);
	*len = sizeof number;
	return 0;
}

// The value of HC_TCP_FASTOPEN is how many may wait in other stacks; here fast_open_cap says that.
static int set_fast_open(struct hc_sockets *s, struct hc_socket *k, enum hc_socket_option option,
			 int number)
{
	if (number < 0)
		return -EINVAL;
	if (number && !hc_worker_config(s->w)->has_fast_open)
		return -EOPNOTSUPP;
	if (option == HC_TCP_FASTOPEN_CONNECT) {
		k->defers_connect = number != 0;
		return 0;
	}
	k->has_fast_open = number != 0;
	if (k->state != HC_SOCK_LISTENING)
		return 0;
	return hc_listener_set_flags(s->w, k->listener, number ? HC_CONN_FAST_OPEN : 0);
}

int hc_socket_setsockopt(struct hc_sockets *s, int sock, enum hc_socket_option option,
			 const void *value, size_t len)
{
	const struct hc_stack_config *cfg = hc_worker_config(s->w);
	struct hc_socket *k = hc_sock_of(s, sock);
	int number;

	if (!k)
		return -EBADF;
	if (option != HC_SO_LINGER && option != HC_SO_REUSEADDR && option != HC_SO_SNDBUF &&
	    option != HC_TCP_FASTOPEN && option != HC_TCP_FASTOPEN_CONNECT &&
	    option != HC_SO_OOBINLINE && !conn_option_of(option))
		return -ENOPROTOOPT;
	if (len != sizeof number)
		return -EINVAL;
	memcpy(&number, value, sizeof number);
	switch (option) {
	case HC_SO_LINGER:
		k->linger_s = number;
		return 0;
	case HC_SO_REUSEADDR:
		k->reuses_addr = number != 0;
		return 0;
	case HC_SO_OOBINLINE:
		return number ? 0 : -ENOPROTOOPT;
	case HC_TCP_FASTOPEN:
	case HC_TCP_FASTOPEN_CONNECT:
		return set_fast_open(s, k, option, number);
	case HC_SO_SNDBUF:
		if (number <= 0)
			return -EINVAL;
		k->snd_buf_bytes = hc_min_u32((uint32_t)number, cfg->snd_buf_bytes);
		return 0;
	default:
		return set_conn_option(s, k, conn_option_of(option), number);
	}
}
