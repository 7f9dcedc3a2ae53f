// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The table behind include/handclasp/socket.h. Everything here is made of the public interface of
// the stack: a socket is a connection's handle and what POSIX wants remembered beyond it (errors
// told once, data that outlives its connection, connections that wait to be accepted).
//
// Events find their socket by cookie: the index of the socket, with COOKIE_OURS so that the
// application may have connections of its own beside. The connections of a listener carry the
// listener's cookie until the event of their acceptance is taken in; events behind that in the same
// step are matched by handle, from the tail of those that wait.

#include <handclasp/socket.h>
#include <handclasp/stack.h>

#include "base/base.h"

#define HC_SOCK_COOKIE    (1u << 31)
#define HC_SOCK_CAP_MAX   (1u << 20)
#define HC_SOCK_EVENT_MAX (HC_EVENTS_PER_FRAME * 128u) // For the largest burst.

enum hc_sock_state {
	HC_SOCK_FREE,
	HC_SOCK_NEW, // Neither listens nor connects; perhaps bound.
	HC_SOCK_LISTENING,
	HC_SOCK_DEFERRED, // Connects with the first write.
	HC_SOCK_CONNECTING,
	HC_SOCK_CONNECTED, // The handle is good.
	HC_SOCK_ENDED,     // The handle is stale: closed both ways, or reset.
};

// A received piece, lent by the stack: of a connection that has ended, or one that was looked at.
struct hc_sock_kept {
	struct hc_chunk chunk;
	uint32_t offset; // Read so far.
	uint32_t next;
};

struct hc_socket {
	hc_conn conn;
	struct hc_socket_addr bound; // By bind(); a connection's local end is another.
	struct hc_socket_addr local;
	struct hc_socket_addr peer;
	uint8_t state;   // enum hc_sock_state.
	bool is_waiting; // For accept.
	bool reuses_addr;
	bool has_fast_open;
	bool defers_connect;
	bool is_read_shut;
	bool is_write_shut;
	bool is_peer_closed;
	bool has_mark;       // Urgent data is not read yet: its last byte lies ...
	bool is_full;        // The last write was refused, or not taken whole ...
	uint32_t full_bytes; // ... with so many bytes on their way.
	uint32_t mark_bytes; // ... so many behind what is read.
	int error;           // Pending, positive.
	int linger_s;
	uint32_t snd_buf_bytes; // 0: the stack's.
	/* Options of the connection, by enum hc_conn_option: for the one there is, or will be. */
	uint32_t conn_options_set; // Bits: which were set; the others are as the stack has them.
	uint32_t conn_option[HC_OPTION_COUNT];
	uint32_t next; // Free list, or those that wait for accept.

	/* Of a listener. */
	int listener;
	uint32_t backlog;
	uint32_t waiting_count;
	uint32_t waiting_head;
	uint32_t waiting_tail;

	/* What was received and taken over from the stack. */
	uint32_t kept_head;
	uint32_t kept_tail;
	uint32_t kept_bytes; // Not yet read.
};

struct hc_sockets {
	struct hc_worker *w;
	struct hc_socket *sock;
	struct hc_sock_kept *kept;
	uint32_t sock_cap;
	uint32_t sock_free; // Head of the free list.
	uint32_t kept_free;
	struct hc_sockets_counts counts;
	struct hc_event event[HC_SOCK_EVENT_MAX];
};

// The socket of a number, NULL when there is none. One that waits for accept has no number yet.
static inline struct hc_socket *hc_sock_of(const struct hc_sockets *s, int sock)
{
	struct hc_socket *k;

	if (sock < 0 || (uint32_t)sock >= s->sock_cap)
		return NULL;
	k = &s->sock[sock];
	return k->state == HC_SOCK_FREE || k->is_waiting ? NULL : k;
}

// The pending error, negative, told once; 0 when there is none.
static inline int hc_sock_error(struct hc_socket *k)
{
	int error = k->error;

	if (!HC_FAULT(socket_error_told_for_ever))
		k->error = 0;
	return -error;
}

// Gives the connection, which is new, the options that were set for it.
void hc_sock_apply_options(struct hc_sockets *s, const struct hc_socket *k);
// Gives the listener, which is new, those that are said before a connection is there.
void hc_sock_apply_to_listener(struct hc_sockets *s, const struct hc_socket *k);
// The first write to a socket whose connect() was put off. @return as hc_socket_write().
int64_t hc_sock_connect_deferred(struct hc_sockets *s, struct hc_socket *k, const void *buf,
				 size_t len);
// A fresh socket, or NULL.
struct hc_socket *hc_sock_get(struct hc_sockets *s);
void hc_sock_put(struct hc_sockets *s, struct hc_socket *k);
// Aborts a connection that waits for accept, and frees its socket.
void hc_sock_refuse(struct hc_sockets *s, struct hc_socket *k);
// Takes pieces over from the stack until there are `want` bytes of them, or no more.
void hc_sock_keep(struct hc_sockets *s, struct hc_socket *k, size_t want);
// Copies from the pieces taken over; those that `is_read` are given back when copied whole. @return
// the bytes copied.
size_t hc_sock_copy_kept(struct hc_sockets *s, struct hc_socket *k, void *buf, size_t len,
			 bool is_read);
// Gives back what has been received and nobody will read.
void hc_sock_discard(struct hc_sockets *s, struct hc_socket *k);
