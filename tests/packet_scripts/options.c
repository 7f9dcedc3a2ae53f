// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Socket options as Linux numbers and shapes them, carried over to those of the sockets.

#include "plugin.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/tcp.h>

// What stands for an option of Linux whose value is an int.
struct option {
	int level;
	int name;
	enum hc_socket_option option;
	bool is_settable;
	int unborn; // Before it is set, and before there is a host to ask.
};

static const struct option options[] = {
	{SOL_SOCKET, SO_ACCEPTCONN, HC_SO_ACCEPTCONN, false, 0},
	{SOL_SOCKET, SO_ERROR, HC_SO_ERROR, false, 0},
	{SOL_SOCKET, SO_KEEPALIVE, HC_SO_KEEPALIVE, true, 0},
	{SOL_SOCKET, SO_OOBINLINE, HC_SO_OOBINLINE, true, 1},
	{SOL_SOCKET, SO_RCVBUF, HC_SO_RCVBUF, true, 0},
	{SOL_SOCKET, SO_REUSEADDR, HC_SO_REUSEADDR, true, 0},
	{SOL_SOCKET, SO_SNDBUF, HC_SO_SNDBUF, true, 0},
	{IPPROTO_TCP, TCP_NODELAY, HC_TCP_NODELAY, true, 0},
	{IPPROTO_TCP, TCP_CORK, HC_TCP_CORK, true, 0},
	{IPPROTO_TCP, TCP_MAXSEG, HC_TCP_MAXSEG, true, 536},
	{IPPROTO_TCP, TCP_FASTOPEN, HC_TCP_FASTOPEN, true, 0},
	{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, HC_TCP_FASTOPEN_CONNECT, true, 0},
	{IPPROTO_TCP, TCP_KEEPIDLE, HC_TCP_KEEPIDLE, true, 7200},
	{IPPROTO_TCP, TCP_KEEPINTVL, HC_TCP_KEEPINTVL, true, 75},
	{IPPROTO_TCP, TCP_KEEPCNT, HC_TCP_KEEPCNT, true, 9},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, HC_TCP_USER_TIMEOUT, true, 0},
	{IPPROTO_IP, IP_TTL, HC_IP_TTL, true, 0},
	{IPPROTO_IP, IP_TOS, HC_IP_TOS, true, 0},
};

static const struct option *option_of(int level, int name)
{
	for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

// The states in Linux's order.
static uint8_t state_of(enum hc_conn_state state)
{
	static const uint8_t states[HC_STATE_COUNT] = {
		[HC_ESTABLISHED] = 1, [HC_SYN_SENT] = 2,  [HC_SYN_RCVD] = 3, [HC_FIN_WAIT_1] = 4,
		[HC_FIN_WAIT_2] = 5,  [HC_TIME_WAIT] = 6, [HC_CLOSED] = 7,   [HC_CLOSE_WAIT] = 8,
		[HC_LAST_ACK] = 9,    [HC_LISTEN] = 10,   [HC_CLOSING] = 11,
	};

	return states[state];
}

static uint32_t segments(uint32_t bytes, uint32_t mss)
{
	return mss ? (bytes + mss - 1) / mss : 0;
}

static struct tcp_info info_of(const struct hc_conn_info *info)
{
	return (struct tcp_info){
		.tcpi_state = state_of(info->state),
		.tcpi_retransmits = info->retries,
		.tcpi_options =
			(uint8_t)((info->has_timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
				  (info->has_sack ? TCPI_OPT_SACK : 0) |
				  (info->snd_wscale || info->rcv_wscale ? TCPI_OPT_WSCALE : 0)),
		.tcpi_snd_wscale = info->snd_wscale,
		.tcpi_rcv_wscale = info->rcv_wscale,
		.tcpi_rto = info->rto_ms * 1000,
		.tcpi_snd_mss = info->mss,
		.tcpi_unacked = segments(info->flight_bytes, info->mss),
		.tcpi_rtt = info->srtt_us,
		.tcpi_rttvar = info->rttvar_us,
		.tcpi_snd_ssthresh = info->ssthresh_bytes / (info->mss ? info->mss : 1),
		.tcpi_snd_cwnd = info->cwnd_bytes / (info->mss ? info->mss : 1),
		.tcpi_notsent_bytes = info->unacked_bytes > info->flight_bytes
					      ? info->unacked_bytes - info->flight_bytes
					      : 0,
	};
}

static int get_info(struct plugin *p, int sock, void *value, socklen_t *len)
{
	struct hc_conn_info ours;
	size_t size = sizeof ours;
	struct tcp_info info;
	int err = hc_socket_getsockopt(host_sockets(p->host), sock, HC_TCP_INFO, &ours, &size);

	if (err)
		return err;
	info = info_of(&ours);
	if (*len > sizeof info)
		*len = sizeof info;
	memcpy(value, &info, *len);
	return 0;
}

static int put_linger(int seconds, void *value, socklen_t *len)
{
	struct linger linger = {0};

	if (*len < sizeof linger)
		return -EINVAL;
	if (seconds >= 0)
		linger = (struct linger){.l_onoff = 1, .l_linger = seconds};
	memcpy(value, &linger, sizeof linger);
	*len = sizeof linger;
	return 0;
}

static int get_linger(struct plugin *p, int sock, void *value, socklen_t *len)
{
	size_t size = sizeof(int);
	int seconds;
	int err = hc_socket_getsockopt(host_sockets(p->host), sock, HC_SO_LINGER, &seconds, &size);

	return err ? err : put_linger(seconds, value, len);
}

static int get_type(void *value, socklen_t *len)
{
	static const int type = SOCK_STREAM;

	if (*len < sizeof type)
		return -EINVAL;
	memcpy(value, &type, sizeof type);
	*len = sizeof type;
	return 0;
}

bool plugin_is_freebsd(const struct plugin *p)
{
	return p->cfg.syn_layout == HC_SYN_LAYOUT_FREEBSD;
}

// FreeBSD's receive buffer is 64 KiB, and whole segments once their size is known; the stack has
// the room for those all the time. One that was asked for is what it is.
static int whole_pages(const struct plugin *p, int bytes)
{
	return plugin_is_freebsd(p) && bytes == (int)p->cfg.rcv_buf_bytes ? bytes & ~0xfff : bytes;
}

// Systems differ in the error of a connection whose peer had closed before it reset it.
static int reset_error(const struct plugin *p, int error)
{
	return plugin_is_freebsd(p) && error == EPIPE ? ECONNRESET : error;
}

static int get_rcvbuf(struct plugin *p, int sock, int *value)
{
	struct hc_conn_info info;
	size_t size = sizeof info;
	size_t len = sizeof *value;
	int err = hc_socket_getsockopt(host_sockets(p->host), sock, HC_TCP_INFO, &info, &size);

	if (!err)
		err = hc_socket_getsockopt(host_sockets(p->host), sock, HC_SO_RCVBUF, value, &len);
	if (!err && info.state < HC_SYN_RCVD)
		*value = whole_pages(p, *value);
	return err;
}

// What an option is before there is a host: as it was set, or as it will be.
static int unborn_value(const struct plugin *p, int fd, enum hc_socket_option option, int usual)
{
	for (unsigned i = p->setting_count; i-- > 0;)
		if (p->setting[i].fd == fd && p->setting[i].option == option)
			return p->setting[i].value;
	switch (option) {
	case HC_SO_SNDBUF:
		return (int)p->cfg.snd_buf_bytes;
	case HC_SO_RCVBUF:
		return (int)p->cfg.rcv_buf_bytes;
	case HC_IP_TTL:
		return p->cfg.ttl;
	case HC_IP_TOS:
		return p->cfg.dscp << 2;
	default:
		return usual;
	}
}

static int get_unborn(struct plugin *p, int fd, int level, int name, void *value, socklen_t *len)
{
	const struct option *o = option_of(level, name);
	int number;

	if (level == SOL_SOCKET && name == SO_TYPE)
		return get_type(value, len);
	if (level == SOL_SOCKET && name == SO_LINGER)
		return put_linger(unborn_value(p, fd, HC_SO_LINGER, -1), value, len);
	if (!o)
		return -ENOPROTOOPT;
	if (*len < sizeof number)
		return -EINVAL;
	number = unborn_value(p, fd, o->option, o->unborn);
	if (o->option == HC_SO_RCVBUF)
		number = whole_pages(p, number);
	memcpy(value, &number, sizeof number);
	*len = sizeof number;
	return 0;
}

static int get(struct plugin *p, int fd, int level, int name, void *value, socklen_t *len)
{
	const struct option *o = option_of(level, name);
	const struct handle *h = plugin_handle(p, fd);
	size_t size = *len;
	int err;

	if (!h)
		return -EBADF;
	// Asking gives no address to a host that has none yet.
	if (!p->host)
		return get_unborn(p, fd, level, name, value, len);
	if (level == IPPROTO_TCP && name == TCP_INFO)
		return get_info(p, h->sock, value, len);
	if (level == SOL_SOCKET && name == SO_LINGER)
		return get_linger(p, h->sock, value, len);
	if (level == SOL_SOCKET && name == SO_TYPE)
		return get_type(value, len);
	if (!o)
		return -ENOPROTOOPT;
	if (o->option == HC_SO_RCVBUF && *len >= sizeof(int)) {
		*len = sizeof(int);
		return get_rcvbuf(p, h->sock, value);
	}
	err = hc_socket_getsockopt(host_sockets(p->host), h->sock, o->option, value, &size);
	if (err)
		return err;
	*len = (socklen_t)size;
	if (o->option == HC_SO_ERROR) {
		int error;

		memcpy(&error, value, sizeof error);
		error = reset_error(p, error);
		memcpy(value, &error, sizeof error);
	}
	return 0;
}

int plugin_getsockopt(void *userdata, int fd, int level, int option, void *value, socklen_t *len)
{
	struct plugin *p = userdata;

	plugin_enter(p);
	return (int)plugin_leave(p, get(p, fd, level, option, value, len));
}

// Before there is a host an option is kept for it, if it is one that can be.
static int set_value(struct plugin *p, int fd, const struct handle *h, enum hc_socket_option option,
		     int value)
{
	if (p->host)
		return hc_socket_setsockopt(host_sockets(p->host), h->sock, option, &value,
					    sizeof value);
	if (p->setting_count == PLUGIN_SETTINGS)
		return -ENOBUFS;
	p->setting[p->setting_count++] = (struct setting){fd, option, value};
	return 0;
}

static int set(struct plugin *p, int fd, int level, int name, const void *value, socklen_t len)
{
	const struct option *o = option_of(level, name);
	const struct handle *h = plugin_handle(p, fd);
	struct linger linger;
	int number;

	if (!h)
		return -EBADF;
	if (level == SOL_SOCKET && name == SO_LINGER) {
		if (len < sizeof linger)
			return -EINVAL;
		memcpy(&linger, value, sizeof linger);
		return set_value(p, fd, h, HC_SO_LINGER, linger.l_onoff ? linger.l_linger : -1);
	}
	if (!o || !o->is_settable)
		return -ENOPROTOOPT;
	if (len < sizeof number)
		return -EINVAL;
	memcpy(&number, value, sizeof number);
	return set_value(p, fd, h, o->option, number);
}

int plugin_setsockopt(void *userdata, int fd, int level, int option, const void *value,
		      socklen_t len)
{
	struct plugin *p = userdata;

	plugin_enter(p);
	return (int)plugin_leave(p, set(p, fd, level, option, value, len));
}
