// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The tool's calls on sockets, carried out by the sockets of the host. What POSIX has beyond those
// is made here: descriptors, calls that block, vectors, addresses as sockaddr.
//
// A descriptor is a real one, of /dev/null, because the tool closes with the C library's close()
// what a script left open.

#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

struct handle *plugin_handle(struct plugin *p, int fd)
{
	if (fd < 0 || (unsigned)fd >= PLUGIN_FDS || !p->handle[fd].is_open)
		return NULL;
	return &p->handle[fd];
}

// The handle for a call that needs a host. @return 0, -EBADF, -ENOMEM.
static int handle_for(struct plugin *p, int fd, struct handle **h)
{
	*h = plugin_handle(p, fd);
	if (!*h)
		return -EBADF;
	return plugin_host(p, 0) ? 0 : -ENOMEM;
}

/* ----------------------------------------------------------------------------------- addresses */

static bool address_in(const struct sockaddr *addr, socklen_t len, struct hc_socket_addr *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	if (len >= (socklen_t)sizeof four && addr->sa_family == AF_INET) {
		memcpy(&four, addr, sizeof four);
		*out = (struct hc_socket_addr){ntohl(four.sin_addr.s_addr), ntohs(four.sin_port)};
		return true;
	}
	if (len < (socklen_t)sizeof six || addr->sa_family != AF_INET6)
		return false;
	memcpy(&six, addr, sizeof six);
	out->port = ntohs(six.sin6_port);
	if (memcmp(&six.sin6_addr, mapped, sizeof mapped) == 0) {
		uint32_t addr_be;

		memcpy(&addr_be, (const uint8_t *)&six.sin6_addr + sizeof mapped, sizeof addr_be);
		out->addr = ntohl(addr_be);
		return true;
	}
	out->addr = 0;
	return memcmp(&six.sin6_addr, &in6addr_any, sizeof six.sin6_addr) == 0;
}

static void address_out(const struct handle *h, const struct hc_socket_addr *a,
			struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_in four = {
		.sin_family = AF_INET,
		.sin_port = htons(a->port),
		.sin_addr.s_addr = htonl(a->addr),
	};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
	const void *from = h->is_v6 ? (const void *)&six : &four;
	socklen_t size = h->is_v6 ? sizeof six : sizeof four;

	if (!addr || !len)
		return;
	six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&six.sin6_addr.s6_addr[12], &four.sin_addr, 4);
	memcpy(addr, from, *len < size ? *len : size);
	*len = size;
}

/* ------------------------------------------------------------------------- opening and closing */

static int open_socket(struct plugin *p, int domain, int type, int protocol)
{
	struct handle *h;
	int fd;

	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM ||
	    (protocol != 0 && protocol != IPPROTO_TCP))
		return -EPROTONOSUPPORT;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if ((unsigned)fd >= PLUGIN_FDS) {
		(void)close(fd);
		return -EMFILE;
	}
	h = &p->handle[fd];
	*h = (struct handle){
		.is_open = true,
		.is_nonblocking = (type & SOCK_NONBLOCK) != 0,
		.is_v6 = domain == AF_INET6,
		.sock = -1,
	};
	if (!p->host)
		return fd;
	h->sock = hc_socket_open(host_sockets(p->host));
	if (h->sock >= 0)
		return fd;
	(void)close(fd);
	h->is_open = false;
	return h->sock;
}

static int call_socket(void *userdata, int domain, int type, int protocol)
{
	struct plugin *p = userdata;

	plugin_enter(p);
	return (int)plugin_leave(p, open_socket(p, domain, type, protocol));
}

static int bind_to(struct plugin *p, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct handle *h = plugin_handle(p, fd);
	struct hc_socket_addr local;

	if (!h)
		return -EBADF;
	if (!address_in(addr, len, &local))
		return -EAFNOSUPPORT;
	if (!plugin_host(p, local.addr))
		return -ENOMEM;
	return hc_socket_bind(host_sockets(p->host), h->sock, &local);
}

static int call_bind(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct plugin *p = userdata;

	plugin_enter(p);
	return (int)plugin_leave(p, bind_to(p, fd, addr, len));
}

static int call_listen(void *userdata, int fd, int backlog)
{
	struct plugin *p = userdata;
	const int on = 1;
	struct handle *h;
	int err;

	plugin_enter(p);
	err = handle_for(p, fd, &h);
	if (!err && p->opens_fast)
		err = hc_socket_setsockopt(host_sockets(p->host), h->sock, HC_TCP_FASTOPEN, &on,
					   sizeof on);
	if (!err)
		err = hc_socket_listen(host_sockets(p->host), h->sock, backlog);
	return (int)plugin_leave(p, err);
}

// A descriptor for a connection that was accepted.
static int adopt(struct plugin *p, const struct handle *listener, int sock)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || (unsigned)fd >= PLUGIN_FDS) {
		(void)hc_socket_close(host_sockets(p->host), sock);
		if (fd >= 0)
			(void)close(fd);
		return -EMFILE;
	}
	p->handle[fd] = (struct handle){.is_open = true, .is_v6 = listener->is_v6, .sock = sock};
	return fd;
}

static int call_accept(void *userdata, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct plugin *p = userdata;
	struct hc_socket_addr peer;
	struct handle *h;
	int64_t end_us;
	int result;

	plugin_enter(p);
	end_us = p->now_us + PLUGIN_WAIT_US;
	result = handle_for(p, fd, &h);
	while (!result) {
		result = hc_socket_accept(host_sockets(p->host), h->sock, &peer);
		if (result >= 0) {
			address_out(h, &peer, addr, len);
			result = adopt(p, h, result);
			break;
		}
		if (result == -EAGAIN && !h->is_nonblocking && plugin_wait(p, end_us))
			result = 0;
	}
	return (int)plugin_leave(p, result);
}

static short ready(struct plugin *p, int sock, short events)
{
	struct hc_pollfd fd = {.sock = sock, .events = (uint16_t)events};

	(void)hc_socket_poll(host_sockets(p->host), &fd, 1);
	return (short)fd.revents;
}

static int wait_connected(struct plugin *p, const struct handle *h, int64_t end_us)
{
	int error = 0;
	size_t len = sizeof error;

	while (!ready(p, h->sock, HC_POLL_OUT))
		if (!plugin_wait(p, end_us))
			return -EAGAIN;
	return hc_socket_getsockopt(host_sockets(p->host), h->sock, HC_SO_ERROR, &error, &len) == 0
		       ? -error
		       : -EBADF;
}

static int call_connect(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct plugin *p = userdata;
	struct hc_socket_addr remote;
	struct handle *h;
	int result;

	plugin_enter(p);
	result = handle_for(p, fd, &h);
	if (!result && !address_in(addr, len, &remote))
		result = -EAFNOSUPPORT;
	if (!result)
		result = hc_socket_connect(host_sockets(p->host), h->sock, &remote);
	if (result == -EINPROGRESS && !h->is_nonblocking)
		result = wait_connected(p, h, INT64_MAX);
	return (int)plugin_leave(p, result);
}

static int call_shutdown(void *userdata, int fd, int how)
{
	struct plugin *p = userdata;
	struct handle *h;
	int err;

	plugin_enter(p);
	err = handle_for(p, fd, &h);
	if (!err)
		err = hc_socket_shutdown(host_sockets(p->host), h->sock, (enum hc_socket_shut)how);
	return (int)plugin_leave(p, err);
}

static int call_close(void *userdata, int fd)
{
	struct plugin *p = userdata;
	struct handle *h;

	plugin_enter(p);
	h = plugin_handle(p, fd);
	if (!h)
		return (int)plugin_leave(p, -EBADF);
	if (h->sock >= 0)
		(void)hc_socket_close(host_sockets(p->host), h->sock);
	h->is_open = false;
	(void)close(fd);
	return (int)plugin_leave(p, 0);
}

/* ---------------------------------------------------------------------------------------- data */

enum transfer {
	READ,
	PEEK,
	WRITE,
};

// One piece of a transfer: what is there, or what finds room. @return as hc_socket_read().
static int64_t move(struct plugin *p, const struct handle *h, const struct iovec *v, size_t skip,
		    enum transfer what)
{
	struct hc_sockets *s = host_sockets(p->host);
	uint8_t *at = (uint8_t *)v->iov_base + skip;
	size_t len = v->iov_len - skip;

	if (what == WRITE)
		return hc_socket_write(s, h->sock, at, len);
	return what == PEEK ? hc_socket_peek(s, h->sock, at, len)
			    : hc_socket_read(s, h->sock, at, len);
}

// Moves bytes between a vector and a socket until there is no more: reading ends with what is
// there, writing when all is taken. @return the bytes moved, or how it failed before the first.
static int64_t transfer(struct plugin *p, const struct handle *h, const struct iovec *iov,
			int count, enum transfer what, bool may_wait)
{
	int64_t end_us = p->now_us + PLUGIN_WAIT_US;
	int64_t total = 0;

	for (int i = 0; i < count; i++) {
		size_t done = 0;

		do {
			int64_t n = move(p, h, &iov[i], done, what);

			if (n > 0) {
				done += (size_t)n;
				total += n;
			} else if (n == -EAGAIN && may_wait && (what == WRITE || total == 0)) {
				if (!plugin_wait(p, end_us))
					return total ? total : n;
			} else if (n < 0 || what != WRITE) {
				return total ? total : n;
			}
		} while (done < iov[i].iov_len && (what == WRITE || total == 0));
		if (done < iov[i].iov_len || what == PEEK)
			break;
	}
	return total;
}

static int set_cork(struct plugin *p, const struct handle *h, int value)
{
	return hc_socket_setsockopt(host_sockets(p->host), h->sock, HC_TCP_CORK, &value,
				    sizeof value);
}

// MSG_MORE corks the socket, unless it is corked anyway, until a write without it.
static int begin_more(struct plugin *p, struct handle *h)
{
	size_t len = sizeof(int);
	int is_corked = 0;
	int err;

	if (h->has_more)
		return 0;
	err = hc_socket_getsockopt(host_sockets(p->host), h->sock, HC_TCP_CORK, &is_corked, &len);
	if (err || is_corked)
		return err;
	h->has_more = true;
	return set_cork(p, h, 1);
}

// Uncorked only behind the write, so that its bytes join those that wait.
static void end_more(struct plugin *p, struct handle *h)
{
	if (h->has_more)
		(void)set_cork(p, h, 0);
	h->has_more = false;
}

// Flags a socket of ours understands: not to wait, to look, that there is more to come, and no
// signal, which it never raises.
static ssize_t transfer_call(void *userdata, int fd, const struct iovec *iov, int count, int flags,
			     enum transfer what)
{
	int known = MSG_DONTWAIT | MSG_NOSIGNAL | (what == READ ? MSG_PEEK : MSG_MORE);
	struct plugin *p = userdata;
	struct handle *h;
	int64_t result;

	plugin_enter(p);
	result = handle_for(p, fd, &h);
	if (!result && flags & ~known)
		result = -EOPNOTSUPP;
	if (!result && flags & MSG_MORE)
		result = begin_more(p, h);
	if (!result)
		result = transfer(p, h, iov, count, flags & MSG_PEEK ? PEEK : what,
				  !h->is_nonblocking && !(flags & MSG_DONTWAIT));
	if (what == WRITE && !(flags & MSG_MORE) && result >= 0)
		end_more(p, h);
	return plugin_leave(p, (ssize_t)result);
}

static ssize_t call_recv(void *userdata, int fd, void *buf, size_t len, int flags)
{
	const struct iovec v = {.iov_base = buf, .iov_len = len};

	return transfer_call(userdata, fd, &v, 1, flags, READ);
}

static ssize_t call_read(void *userdata, int fd, void *buf, size_t len)
{
	return call_recv(userdata, fd, buf, len, 0);
}

static ssize_t call_readv(void *userdata, int fd, const struct iovec *iov, int count)
{
	return transfer_call(userdata, fd, iov, count, 0, READ);
}

// TCP tells no address with data.
static ssize_t call_recvfrom(void *userdata, int fd, void *buf, size_t len, int flags,
			     struct sockaddr *addr, socklen_t *addr_len)
{
	(void)addr;
	if (addr_len)
		*addr_len = 0;
	return call_recv(userdata, fd, buf, len, flags);
}

static ssize_t call_recvmsg(void *userdata, int fd, struct msghdr *msg, int flags)
{
	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	return transfer_call(userdata, fd, msg->msg_iov, (int)msg->msg_iovlen, flags, READ);
}

static ssize_t call_send(void *userdata, int fd, const void *buf, size_t len, int flags)
{
	const struct iovec v = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};

	return transfer_call(userdata, fd, &v, 1, flags, WRITE);
}

static ssize_t call_write(void *userdata, int fd, const void *buf, size_t len)
{
	return call_send(userdata, fd, buf, len, 0);
}

static ssize_t call_writev(void *userdata, int fd, const struct iovec *iov, int count)
{
	return transfer_call(userdata, fd, iov, count, 0, WRITE);
}

// Connects as Linux does for MSG_FASTOPEN: with the data when the peer's cookie is known, else to
// ask for one.
static int64_t connect_and_write(struct plugin *p, struct handle *h,
				 const struct hc_socket_addr *remote, const struct iovec *v,
				 bool may_wait)
{
	struct hc_sockets *s = host_sockets(p->host);
	const int on = 1;
	int64_t n;
	int err = hc_socket_setsockopt(s, h->sock, HC_TCP_FASTOPEN_CONNECT, &on, sizeof on);

	if (!err)
		err = hc_socket_connect(s, h->sock, remote);
	if (err == -EINPROGRESS && may_wait)
		err = wait_connected(p, h, INT64_MAX);
	if (err)
		return err;
	n = transfer(p, h, v, 1, WRITE, may_wait);
	err = n >= 0 && may_wait ? wait_connected(p, h, INT64_MAX) : 0;
	return err ? err : n;
}

// Connects as FreeBSD does for an address with the data of a socket that has TCP_FASTOPEN, and does
// not wait: what the SYN does not take goes behind it.
static bool sendto_connects(struct plugin *p, const struct handle *h, const struct sockaddr *addr)
{
	size_t len = sizeof(int);
	int has_fast_open = 0;

	return addr && plugin_is_freebsd(p) &&
	       hc_socket_conn(host_sockets(p->host), h->sock) == HC_CONN_NONE &&
	       hc_socket_getsockopt(host_sockets(p->host), h->sock, HC_TCP_FASTOPEN, &has_fast_open,
				    &len) == 0 &&
	       has_fast_open;
}

// Without MSG_FASTOPEN the address does not matter: the socket is connected or the call fails; but
// see above.
static ssize_t call_sendto(void *userdata, int fd, const void *buf, size_t len, int flags,
			   const struct sockaddr *addr, socklen_t addr_len)
{
	const struct iovec v = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	struct plugin *p = userdata;
	struct hc_socket_addr remote;
	struct handle *h;
	int64_t result;

	plugin_enter(p);
	result = handle_for(p, fd, &h);
	if (!result && !(flags & MSG_FASTOPEN) && sendto_connects(p, h, addr)) {
		if (!address_in(addr, addr_len, &remote))
			return plugin_leave(p, -EINVAL);
		return plugin_leave(p, hc_socket_connect_with(host_sockets(p->host), h->sock,
							      &remote, buf, len));
	}
	if (!(flags & MSG_FASTOPEN)) {
		(void)plugin_leave(p, 0);
		return call_send(userdata, fd, buf, len, flags);
	}
	if (!result && (!addr || !address_in(addr, addr_len, &remote)))
		result = -EINVAL;
	if (!result && flags & ~(MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL))
		result = -EOPNOTSUPP;
	if (!result)
		result = connect_and_write(p, h, &remote, &v,
					   !h->is_nonblocking && !(flags & MSG_DONTWAIT));
	return plugin_leave(p, (ssize_t)result);
}

static ssize_t call_sendmsg(void *userdata, int fd, const struct msghdr *msg, int flags)
{
	return transfer_call(userdata, fd, msg->msg_iov, (int)msg->msg_iovlen, flags, WRITE);
}

/* -------------------------------------------------------------------------------------- asking */

static int call_fcntl(void *userdata, int fd, int command, ...)
{
	struct plugin *p = userdata;
	struct handle *h;
	int result = -EINVAL;
	va_list args;
	int flags;

	va_start(args, command);
	flags = command == F_SETFL ? va_arg(args, int) : 0;
	va_end(args);
	plugin_enter(p);
	h = plugin_handle(p, fd);
	if (!h) {
		result = -EBADF;
	} else if (command == F_GETFL) {
		result = O_RDWR | (h->is_nonblocking ? O_NONBLOCK : 0);
	} else if (command == F_SETFL) {
		h->is_nonblocking = (flags & O_NONBLOCK) != 0;
		result = 0;
	}
	return (int)plugin_leave(p, result);
}

static int call_ioctl(void *userdata, int fd, unsigned long request, ...)
{
	struct plugin *p = userdata;
	struct hc_conn_info info = {0};
	size_t len = sizeof info;
	struct handle *h;
	va_list args;
	int *value;
	int result;

	va_start(args, request);
	value = va_arg(args, int *);
	va_end(args);
	plugin_enter(p);
	result = handle_for(p, fd, &h);
	if (!result)
		result = hc_socket_getsockopt(host_sockets(p->host), h->sock, HC_TCP_INFO, &info,
					      &len);
	if (!result && request == FIONREAD)
		*value = (int)info.readable_bytes;
	else if (!result && request == SIOCOUTQ)
		*value = (int)info.unacked_bytes;
	else if (!result && request == SIOCATMARK)
		*value = hc_socket_at_mark(host_sockets(p->host), h->sock);
	else if (!result)
		result = -EINVAL;
	return (int)plugin_leave(p, result);
}

static int poll_once(struct plugin *p, struct pollfd *fds, nfds_t count)
{
	int found = 0;

	for (nfds_t i = 0; i < count; i++) {
		const struct handle *h = plugin_handle(p, fds[i].fd);

		// The flags have POSIX's values.
		if (fds[i].fd < 0)
			fds[i].revents = 0;
		else
			fds[i].revents = h ? ready(p, h->sock, fds[i].events) : POLLNVAL;
		found += fds[i].revents != 0;
	}
	return found;
}

static int call_poll(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct plugin *p = userdata;
	int64_t end_us;
	int found;

	plugin_enter(p);
	if (!plugin_host(p, 0))
		return (int)plugin_leave(p, -ENOMEM);
	end_us = timeout_ms < 0 ? INT64_MAX : p->now_us + timeout_ms * INT64_C(1000);
	do {
		found = poll_once(p, fds, count);
	} while (found == 0 && plugin_wait(p, end_us));
	return (int)plugin_leave(p, found);
}

void plugin_calls(struct packet_tool *tool)
{
	tool->socket = call_socket;
	tool->bind = call_bind;
	tool->listen = call_listen;
	tool->accept = call_accept;
	tool->connect = call_connect;
	tool->read = call_read;
	tool->readv = call_readv;
	tool->recv = call_recv;
	tool->recvfrom = call_recvfrom;
	tool->recvmsg = call_recvmsg;
	tool->write = call_write;
	tool->writev = call_writev;
	tool->send = call_send;
	tool->sendto = call_sendto;
	tool->sendmsg = call_sendmsg;
	tool->fcntl = call_fcntl;
	tool->ioctl = call_ioctl;
	tool->close = call_close;
	tool->shutdown = call_shutdown;
	tool->getsockopt = plugin_getsockopt;
	tool->setsockopt = plugin_setsockopt;
	tool->poll = call_poll;
}
