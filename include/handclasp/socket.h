// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/**
 * @file
 * Sockets over one worker: what programs written against the BSD calls, and harnesses that test a
 * TCP, expect to find. It is a veneer over stack.h and costs what a copy and a second table cost; a
 * program that wants the stack's speed uses stack.h.
 *
 * Nothing blocks and nothing runs by itself: the caller owns the thread and the clock, as with
 * hc_step().
 *
 *     for (;;) {
 *             hc_sockets_step(s, now_ns);
 *             ... hc_socket_accept / hc_socket_read / hc_socket_write / ...
 *             hc_flush(w);
 *     }
 *
 * Unless a function says otherwise it may be called only by the thread that steps the worker, takes
 * no memory from the heap and makes no system call. A socket is a number of its table, not a
 * descriptor of the process. What fails returns a negative errno; where a call of POSIX would
 * block, that is -EAGAIN. Every call that takes a socket returns -EBADF when there is none of that
 * number, which is not repeated below.
 */

#include <handclasp/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hc_event;   /**< stack.h */
struct hc_sockets; /**< The sockets of one worker. */

struct hc_sockets_config {
	uint32_t socket_cap; /**< Sockets at once, those not accepted yet included: 1..2^20. */
	uint32_t kept_cap;   /**< Received pieces, of all connections together, that are kept for
				readers who come after the connection has ended, or that were
				looked at by hc_socket_peek(): at most 2^20. */
};

/**
 * Makes an empty table of sockets over a worker, out of the heap.
 * @return 0; -EINVAL (a cap is out of range), -ENOMEM.
 */
HC_MUST_USE int hc_sockets_create(struct hc_worker *w, const struct hc_sockets_config *cfg,
				  struct hc_sockets **out);

/** Gives everything back. Sockets that are open end as by hc_abort(), listeners close. Before
 * hc_worker_destroy(). */
void hc_sockets_destroy(struct hc_sockets *s);

/** One hc_step() of the worker at now_ns, whose events are taken in, and one hc_flush(). O(burst).
 */
void hc_sockets_step(struct hc_sockets *s, uint64_t now_ns);

/**
 * Takes in the events of a hc_step() that the caller has made itself, all of them and before the
 * next; those of other connections (whose cookies are the caller's business and must be below 2^31)
 * are passed over. O(n).
 */
void hc_sockets_take(struct hc_sockets *s, const struct hc_event *events, unsigned n);

/** What the table had to give up, since its creation. */
struct hc_sockets_counts {
	uint64_t accept_overflow; /**< Connections aborted because socket_cap or the backlog was
				     reached. */
	uint64_t kept_overflow;   /**< Received pieces lost because kept_cap was reached; their
				     readers get -ENOBUFS. */
};
void hc_sockets_counts(const struct hc_sockets *s, struct hc_sockets_counts *out);

/** An IPv4 address and a port, both in host byte order: 10.0.0.1 is 0x0a000001, and of a struct
 * sockaddr_in it is ntohl(sin_addr.s_addr) and ntohs(sin_port). */
struct hc_socket_addr {
	uint32_t addr; /**< 0: any. */
	uint16_t port; /**< 0: any. */
};

/** A new stream socket. @return its number (>= 0); -ENFILE (socket_cap). O(1). */
HC_MUST_USE int hc_socket_open(struct hc_sockets *s);

/**
 * Gives a socket its local end: the port of hc_socket_listen(), the address of hc_socket_connect(),
 * which chooses its port itself. Either may be 0, the address then being any of ours. Listeners
 * are at all addresses.
 * @return 0; -EINVAL (bound before, or no longer new), -EADDRINUSE (another socket is bound to the
 * port), -EADDRNOTAVAIL (not an address of ours, or both 0). O(socket_cap).
 */
HC_MUST_USE int hc_socket_bind(struct hc_sockets *s, int sock, const struct hc_socket_addr *local);

/**
 * Listens. At most `backlog` connections (at least 1) are half open, and as many wait for
 * hc_socket_accept(). A socket that listens already keeps its backlog.
 * @return 0; -EDESTADDRREQ (not bound), -EINVAL (connected or connecting), -EADDRINUSE (the worker
 * listens there already), -ENOBUFS (listener_cap). O(1).
 */
HC_MUST_USE int hc_socket_listen(struct hc_sockets *s, int sock, int backlog);

/**
 * Takes the connection that waits longest; it may have ended meanwhile, which reading tells. `peer`
 * may be NULL.
 * @return the connection's socket; -EAGAIN, -EINVAL (does not listen). O(1).
 */
HC_MUST_USE int hc_socket_accept(struct hc_sockets *s, int sock, struct hc_socket_addr *peer);

/**
 * Begins to connect. Afterwards the socket is writable once it is connected, and in error when it
 * could not be: HC_SO_ERROR, or the next call, tells the error once, and another attempt is free.
 * @return -EINPROGRESS, which is success; 0 (HC_TCP_FASTOPEN_CONNECT is on, and the first write
 * will connect); -EALREADY (under way), -EISCONN, -EADDRNOTAVAIL (no
 * source port is free, or an address of 0), -ENETUNREACH (not a host's address, or our own),
 * -ENOBUFS, -EOPNOTSUPP (listens); or how the attempt
 * before failed: -ECONNREFUSED (by an RST, or by an ICMP error that says so), -ETIMEDOUT,
 * -EHOSTUNREACH and -ENETUNREACH (as the last ICMP error said that nobody got past), -ENOBUFS.
 * O(1).
 */
HC_MUST_USE int hc_socket_connect(struct hc_sockets *s, int sock,
				  const struct hc_socket_addr *remote);

/**
 * hc_socket_connect() with the first bytes to send, of which a copy is made, as sendto() with
 * MSG_FASTOPEN has it: with has_fast_open of the stack they go on the SYN once the peer gave a
 * cookie (RFC 7413), and in any case after the handshake at the latest. A SYN that the network
 * repeats may open two connections: only for exchanges that may be repeated.
 * @return how many bytes were taken; or the errors of hc_socket_connect(). O(bytes).
 */
HC_MUST_USE int64_t hc_socket_connect_with(struct hc_sockets *s, int sock,
					   const struct hc_socket_addr *remote, const void *buf,
					   size_t len);

/**
 * Copies received bytes out.
 * @return how many; 0 at the end (the peer sent its FIN, or reading was shut down) or for a len of
 * 0; -EAGAIN, -ENOTCONN; once, how the connection ended: -ECONNRESET, -EPIPE (reset after the
 * peer's FIN), -ETIMEDOUT, -EHOSTUNREACH or -ENETUNREACH (instead of it, when ICMP said so
 * meanwhile: such an error ends nothing by itself), -ECONNABORTED, -ENOBUFS, or -ECONNREFUSED.
 * O(bytes).
 */
HC_MUST_USE int64_t hc_socket_read(struct hc_sockets *s, int sock, void *buf, size_t len);

/**
 * Whether what is read next is the last byte of urgent data, as sockatmark() tells. A read ends
 * there, and HC_POLL_PRI says that it is still ahead. There is no mark for what was 16 777 214
 * bytes ahead or more when it was named (a larger receive buffer that is full); each segment that
 * names it tells anew. Urgent data is read in its place (HC_SO_OOBINLINE), and RFC 6093 advises
 * programs not to use it.
 * @return 1 or 0. O(1).
 */
HC_MUST_USE int hc_socket_at_mark(const struct hc_sockets *s, int sock);

/** hc_socket_read() that leaves what it copies to be read again. It may copy less than has been
 * received when kept_cap is reached. */
HC_MUST_USE int64_t hc_socket_peek(struct hc_sockets *s, int sock, void *buf, size_t len);

/**
 * Queues a copy of bytes to send; they leave at the next hc_flush(), as far as the windows allow.
 * @return how many, which may be fewer than len; -EAGAIN, -ENOTCONN, -EPIPE (writing was shut down,
 * or the connection has ended); once, the errors of hc_socket_read(). O(bytes).
 */
HC_MUST_USE int64_t hc_socket_write(struct hc_sockets *s, int sock, const void *buf, size_t len);

enum hc_socket_shut {
	HC_SHUT_RD = 0, /**< Reads return 0; what arrives is acknowledged and dropped. */
	HC_SHUT_WR = 1, /**< FIN after all that is queued. */
	HC_SHUT_RDWR = 2,
};

/** Half or whole shutdown; the socket stays. @return 0; -EINVAL (how), -ENOTCONN. O(1); for reading
 * O(unread bytes). */
HC_MUST_USE int hc_socket_shutdown(struct hc_sockets *s, int sock, enum hc_socket_shut how);

/**
 * Ends a socket. Its connection goes on to close by itself: FIN after all that is queued, or RST
 * when there is unread data (see hc_close()) or HC_SO_LINGER is 0. Connections that a listener
 * holds for hc_socket_accept() are aborted.
 * @return 0. O(1), for a listener O(those that wait + syn_cap).
 */
int hc_socket_close(struct hc_sockets *s, int sock);

enum hc_poll_flags {
	HC_POLL_IN = 0x001,     /**< A read or an accept would not return -EAGAIN. */
	HC_POLL_PRI = 0x002,    /**< Urgent data is ahead, or next: hc_socket_at_mark(). */
	HC_POLL_OUT = 0x004,    /**< A write would not return -EAGAIN. */
	HC_POLL_ERR = 0x008,    /**< An error is pending. Always reported. */
	HC_POLL_HUP = 0x010,    /**< Both directions have ended. Always reported. */
	HC_POLL_NVAL = 0x020,   /**< No such socket. Always reported. */
	HC_POLL_RDHUP = 0x2000, /**< The peer sends no more. */
};

struct hc_pollfd {
	int sock;         /**< Negative: passed over. */
	uint16_t events;  /**< Asked for: enum hc_poll_flags. */
	uint16_t revents; /**< Found. */
};

/** What can be done now; never waits. @return how many have revents. O(n). */
unsigned hc_socket_poll(struct hc_sockets *s, struct hc_pollfd *fds, unsigned n);

/** The local or the peer's end. @return 0; -ENOTCONN (peer's only). O(1). */
HC_MUST_USE int hc_socket_name(const struct hc_sockets *s, int sock, struct hc_socket_addr *out);
HC_MUST_USE int hc_socket_peer(const struct hc_sockets *s, int sock, struct hc_socket_addr *out);

/** The connection under a socket, for the calls of stack.h; HC_CONN_NONE when it has none. O(1). */
hc_conn hc_socket_conn(const struct hc_sockets *s, int sock);

/** Options. Their values are ints, but for HC_TCP_INFO. What is set before there is a connection is
 * for the one that comes; connections that are accepted begin with what their listener was given.
 */
enum hc_socket_option {
	HC_SO_ERROR,      /**< The pending error, positive, which it clears. Get. */
	HC_SO_REUSEADDR,  /**< Remembered. Connections in TIME-WAIT hold no port against a listener
			     here, and two sockets never share one. */
	HC_SO_ACCEPTCONN, /**< Whether it listens. Get. */
	/** 0: closing sends RST; anything else (-1 at first): it does not. */
	HC_SO_LINGER,
	/** Bytes that may be on their way at once; no more than snd_buf_bytes of the stack. */
	HC_SO_SNDBUF,
	/** Bytes that may be received and not read: HC_OPTION_RCV_BUF_BYTES, any positive number.
	   Of a listener it has to be set before hc_socket_listen() to count for the window of its
	   SYN,ACKs. */
	HC_SO_RCVBUF,
	/** Urgent data is read in its place among all other (RFC 6093): always 1, and nothing but
	   1 can be set. */
	HC_SO_OOBINLINE,
	HC_SO_KEEPALIVE,     /**< HC_OPTION_KEEPALIVE of stack.h. */
	HC_TCP_NODELAY,      /**< HC_OPTION_NODELAY. */
	HC_TCP_CORK,         /**< HC_OPTION_CORK; TCP_NOPUSH of the BSDs. */
	HC_TCP_KEEPIDLE,     /**< HC_OPTION_KEEPALIVE_IDLE_MS, but in seconds: 1..2^20. */
	HC_TCP_KEEPINTVL,    /**< HC_OPTION_KEEPALIVE_INTERVAL_MS, the same. */
	HC_TCP_KEEPCNT,      /**< HC_OPTION_KEEPALIVE_COUNT. */
	HC_TCP_USER_TIMEOUT, /**< HC_OPTION_USER_TIMEOUT_MS. */
	/** 1: connections may be opened by the data on a SYN, before the handshake is over: of a
	   listener those that come, of a socket that connects its own, which asks for a cookie
	   (RFC 7413). -EOPNOTSUPP without has_fast_open of the stack. */
	HC_TCP_FASTOPEN,
	/** 1: when the peer's cookie is known, hc_socket_connect() returns 0, and the first write
	   connects, its bytes on the SYN; else it asks for a cookie. The same. */
	HC_TCP_FASTOPEN_CONNECT,
	HC_IP_TTL, /**< HC_OPTION_TTL; -1 is the stack's. */
	/** HC_OPTION_DSCP, times 4, 0 to 255; the ECN field below it is not the program's. */
	HC_IP_TOS,
	/** HC_OPTION_MSS_MAX; of a connection that is open what it came to, options taken off. 536
	   where nothing was set. */
	HC_TCP_MAXSEG,
	HC_TCP_CONGESTION, /**< enum hc_congestion of stack.h, one for all of a worker. Get. */
	HC_TCP_INFO,       /**< struct hc_conn_info of stack.h. Get. */
};

/**
 * Reads an option into *value, *len bytes long, and sets *len to what was written.
 * @return 0; -ENOPROTOOPT (no such option), -EINVAL (too short), -ENOTCONN (the option is a
 * connection's). O(1).
 */
HC_MUST_USE int hc_socket_getsockopt(struct hc_sockets *s, int sock, enum hc_socket_option option,
				     void *value, size_t *len);

/** Sets an option. @return 0; -ENOPROTOOPT (no such option, or not one that can be set), -EINVAL
 * (length or value), -ENOBUFS (of a connection: liveness_cap of the stack is reached; what is set
 * before there is one is then without effect), -EOPNOTSUPP. O(1). */
HC_MUST_USE int hc_socket_setsockopt(struct hc_sockets *s, int sock, enum hc_socket_option option,
				     const void *value, size_t len);

#ifdef __cplusplus
}
#endif
