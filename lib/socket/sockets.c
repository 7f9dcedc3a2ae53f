// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The life of a table of sockets, and what the stack's events do to it. See sockets.h.

#include "socket/sockets.h"
#include "base/icmp.h"

#include <errno.h>
#include <stdlib.h>

static void make_free_lists(struct hc_sockets *s, uint32_t kept_cap)
{
	s->sock_free = 0;
	for (uint32_t i = 0; i < s->sock_cap; i++)
		s->sock[i].next = i + 1 < s->sock_cap ? i + 1 : HC_IDX_NONE;
	s->kept_free = kept_cap ? 0 : HC_IDX_NONE;
	for (uint32_t i = 0; i < kept_cap; i++)
		s->kept[i].next = i + 1 < kept_cap ? i + 1 : HC_IDX_NONE;
}

int hc_sockets_create(struct hc_worker *w, const struct hc_sockets_config *cfg,
		      struct hc_sockets **out)
{
	struct hc_sockets *s;

	if (cfg->socket_cap == 0 || cfg->socket_cap > HC_SOCK_CAP_MAX ||
	    cfg->kept_cap > HC_SOCK_CAP_MAX)
		return -EINVAL;
	s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->w = w;
	s->sock_cap = cfg->socket_cap;
	s->sock = calloc(cfg->socket_cap, sizeof *s->sock);
	s->kept = calloc(cfg->kept_cap ? cfg->kept_cap : 1, sizeof *s->kept);
	if (!s->sock || !s->kept) {
		free(s->sock);
		free(s->kept);
		free(s);
		return -ENOMEM;
	}
	make_free_lists(s, cfg->kept_cap);
	*out = s;
	return 0;
}

void hc_sockets_destroy(struct hc_sockets *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->sock_cap; i++) {
		struct hc_socket *k = &s->sock[i];

		// Those that wait go with their listener.
		if (k->state == HC_SOCK_FREE || k->is_waiting)
			continue;
		k->linger_s = 0;
		(void)hc_socket_close(s, (int)i);
	}
	free(s->sock);
	free(s->kept);
	free(s);
}

void hc_sockets_counts(const struct hc_sockets *s, struct hc_sockets_counts *out)
{
	*out = s->counts;
}

struct hc_socket *hc_sock_get(struct hc_sockets *s)
{
	uint32_t i = s->sock_free;
	struct hc_socket *k;

	if (i == HC_IDX_NONE)
		return NULL;
	k = &s->sock[i];
	HC_ASSERT(k->state == HC_SOCK_FREE);
	s->sock_free = k->next;
	*k = (struct hc_socket){
		.state = HC_SOCK_NEW,
		.linger_s = -1,
		.next = HC_IDX_NONE,
		.listener = -1,
		.waiting_head = HC_IDX_NONE,
		.waiting_tail = HC_IDX_NONE,
		.kept_head = HC_IDX_NONE,
		.kept_tail = HC_IDX_NONE,
	};
	return k;
}

static void kept_pop(struct hc_sockets *s, struct hc_socket *k)
{
	uint32_t i = k->kept_head;
	struct hc_sock_kept *kept = &s->kept[i];

	hc_recv_release(s->w, k->conn, &kept->chunk, 1);
	k->kept_head = kept->next;
	if (k->kept_head == HC_IDX_NONE)
		k->kept_tail = HC_IDX_NONE;
	kept->next = s->kept_free;
	s->kept_free = i;
}

static void kept_clear(struct hc_sockets *s, struct hc_socket *k)
{
	while (k->kept_head != HC_IDX_NONE)
		kept_pop(s, k);
	k->kept_bytes = 0;
}

void hc_sock_put(struct hc_sockets *s, struct hc_socket *k)
{
	HC_ASSERT(k->state != HC_SOCK_FREE);
	HC_ASSERT(k->waiting_count == 0);
	kept_clear(s, k);
	k->state = HC_SOCK_FREE;
	k->is_waiting = false;
	k->next = s->sock_free;
	s->sock_free = (uint32_t)(k - s->sock);
}

void hc_sock_refuse(struct hc_sockets *s, struct hc_socket *k)
{
	if (k->state == HC_SOCK_CONNECTED)
		(void)hc_abort(s->w, k->conn);
	hc_sock_put(s, k);
}

size_t hc_sock_copy_kept(struct hc_sockets *s, struct hc_socket *k, void *buf, size_t len,
			 bool is_read)
{
	uint32_t i = k->kept_head;
	size_t taken = 0;

	while (taken < len && i != HC_IDX_NONE) {
		struct hc_sock_kept *kept = &s->kept[i];
		size_t left = kept->chunk.len - kept->offset;
		size_t n = left < len - taken ? left : len - taken;

		memcpy((uint8_t *)buf + taken, kept->chunk.data + kept->offset, n);
		taken += n;
		i = kept->next;
		if (!is_read)
			continue;
		k->kept_bytes -= (uint32_t)n;
		kept->offset += (uint32_t)n;
		if (kept->offset == kept->chunk.len)
			kept_pop(s, k);
	}
	return taken;
}

void hc_sock_discard(struct hc_sockets *s, struct hc_socket *k)
{
	struct hc_chunk chunk;

	kept_clear(s, k);
	k->has_mark = false;
	while (hc_recv(s->w, k->conn, &chunk, 1))
		hc_recv_release(s->w, k->conn, &chunk, 1);
}

static void keep_one(struct hc_sockets *s, struct hc_socket *k, const struct hc_chunk *chunk)
{
	uint32_t i = s->kept_free;

	HC_ASSERT(i != HC_IDX_NONE);
	s->kept_free = s->kept[i].next;
	s->kept[i] = (struct hc_sock_kept){.chunk = *chunk, .next = HC_IDX_NONE};
	if (k->kept_tail == HC_IDX_NONE)
		k->kept_head = i;
	else
		s->kept[k->kept_tail].next = i;
	k->kept_tail = i;
	k->kept_bytes += chunk->len;
}

void hc_sock_keep(struct hc_sockets *s, struct hc_socket *k, size_t want)
{
	struct hc_chunk chunk;

	while (k->kept_bytes < want && s->kept_free != HC_IDX_NONE &&
	       hc_recv(s->w, k->conn, &chunk, 1))
		keep_one(s, k, &chunk);
}

// The connection is about to be forgotten, and what was received with it: takes all of it over.
static void keep_received(struct hc_sockets *s, struct hc_socket *k)
{
	struct hc_chunk chunk;

	hc_sock_keep(s, k, SIZE_MAX);
	// What is too much is lost, and what would come behind it is no use.
	while (hc_recv(s->w, k->conn, &chunk, 1)) {
		hc_recv_release(s->w, k->conn, &chunk, 1);
		s->counts.kept_overflow++;
		k->error = ENOBUFS;
	}
}

// What an ICMP error, as the event of the end tells it, is called (RFC 1122 3.2.2.1). A neighbour
// who did not answer is 0.
static int errno_of_icmp(uint16_t info)
{
	uint32_t type = info >> 8;
	uint32_t code = info & 0xff;

	if (hc_icmp_is_refusal(type, code))
		return ECONNREFUSED;
	return hc_icmp_is_of_net(type, code) ? ENETUNREACH : EHOSTUNREACH;
}

static int errno_of(const struct hc_socket *k, const struct hc_event *ev)
{
	switch ((enum hc_reason)ev->reason) {
	case HC_REASON_REFUSED:
		return ECONNREFUSED;
	case HC_REASON_TIMED_OUT:
		return ETIMEDOUT;
	case HC_REASON_RESET:
		return k->is_peer_closed ? EPIPE : ECONNRESET;
	case HC_REASON_UNREACHABLE:
		return errno_of_icmp(ev->info);
	case HC_REASON_NO_MEMORY:
	case HC_REASON_NO_PORT:
		return ENOBUFS;
	default:
		return ECONNABORTED;
	}
}

static void on_accepted(struct hc_sockets *s, const struct hc_event *ev, struct hc_socket *l)
{
	struct hc_conn_info info;
	struct hc_socket *k;
	uint32_t i;

	// Reset within the same step: there is nothing to accept.
	if (hc_conn_info(s->w, ev->conn, &info) != 0)
		return;
	k = l->waiting_count < l->backlog ? hc_sock_get(s) : NULL;
	if (!k) {
		s->counts.accept_overflow++;
		(void)hc_abort(s->w, ev->conn);
		return;
	}
	i = (uint32_t)(k - s->sock);
	k->conn = ev->conn;
	k->state = HC_SOCK_CONNECTED;
	k->is_waiting = true;
	k->linger_s = l->linger_s;
	k->snd_buf_bytes = l->snd_buf_bytes;
	k->reuses_addr = l->reuses_addr;
	k->conn_options_set = l->conn_options_set;
	memcpy(k->conn_option, l->conn_option, sizeof k->conn_option);
	hc_sock_apply_options(s, k);
	k->local = (struct hc_socket_addr){info.local_addr, info.local_port};
	k->peer = (struct hc_socket_addr){info.remote_addr, info.remote_port};
	(void)hc_conn_set_cookie(s->w, ev->conn, HC_SOCK_COOKIE | i);
	if (l->waiting_tail == HC_IDX_NONE)
		l->waiting_head = i;
	else
		s->sock[l->waiting_tail].next = i;
	l->waiting_tail = i;
	l->waiting_count++;
}

// Of those that wait for accept.
static struct hc_socket *find_waiting(struct hc_sockets *s, const struct hc_socket *l, hc_conn conn)
{
	for (uint32_t i = l->waiting_head; i != HC_IDX_NONE; i = s->sock[i].next)
		if (s->sock[i].conn == conn)
			return &s->sock[i];
	return NULL;
}

// The mark stands before the last byte of urgent data (RFC 9293 MUST-62 has the pointer behind it).
// Where the stack can only say that it is too far, there is none yet: each segment says it again.
// Of several marks the farthest counts (RFC 9293 3.10.7.4, sixth: the larger of RCV.UP and SEG.UP);
// a segment that comes again, or late, may name an older one.
static void on_urgent(struct hc_socket *k, uint32_t bytes)
{
	uint32_t mark_bytes = k->kept_bytes + bytes - 1;

	if (bytes == HC_URGENT_BYTES_MAX || k->is_read_shut)
		return;
	if (!k->has_mark || mark_bytes > k->mark_bytes)
		k->mark_bytes = mark_bytes;
	k->has_mark = true;
}

static void on_event(struct hc_sockets *s, struct hc_socket *k, const struct hc_event *ev)
{
	switch ((enum hc_event_type)ev->type) {
	case HC_EV_OPENED:
		k->state = HC_SOCK_CONNECTED;
		break;
	case HC_EV_DATA:
		if (k->is_read_shut)
			hc_sock_discard(s, k);
		break;
	case HC_EV_PEER_CLOSED:
		k->is_peer_closed = true;
		break;
	case HC_EV_URGENT:
		on_urgent(k, hc_event_urgent_bytes(ev));
		break;
	case HC_EV_CLOSED:
		if (k->is_read_shut || HC_FAULT(socket_data_lost_at_the_end))
			hc_sock_discard(s, k);
		keep_received(s, k);
		k->is_peer_closed = true;
		k->state = HC_SOCK_ENDED;
		break;
	case HC_EV_FAILED:
		k->error = errno_of(k, ev);
		k->state = HC_SOCK_NEW;
		k->conn = HC_CONN_NONE;
		k->local = k->bound; // The port that the attempt chose is free again.
		break;
	case HC_EV_RESET:
		kept_clear(s, k);
		k->has_mark = false;
		k->error = errno_of(k, ev);
		k->state = HC_SOCK_ENDED;
		break;
	default:
		break;
	}
}

static void take_one(struct hc_sockets *s, const struct hc_event *ev)
{
	uint32_t i = ev->cookie & ~HC_SOCK_COOKIE;
	struct hc_socket *k;

	if (!(ev->cookie & HC_SOCK_COOKIE) || i >= s->sock_cap)
		return;
	k = &s->sock[i];
	if (k->state == HC_SOCK_LISTENING) {
		if (ev->type == HC_EV_ACCEPTED) {
			on_accepted(s, ev, k);
			return;
		}
		k = find_waiting(s, k, ev->conn);
	}
	// A socket that was closed meanwhile has no interest in the end of its connection, and one
	// that has taken its place even less.
	if (k && k->state != HC_SOCK_FREE && k->conn == ev->conn)
		on_event(s, k, ev);
	else if (ev->type == HC_EV_ACCEPTED)
		(void)hc_abort(s->w, ev->conn); // Its listener was closed between two steps.
}

void hc_sockets_take(struct hc_sockets *s, const struct hc_event *events, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		take_one(s, &events[i]);
}

void hc_sockets_step(struct hc_sockets *s, uint64_t now_ns)
{
	unsigned n = hc_step(s->w, now_ns, s->event, HC_SOCK_EVENT_MAX);

	hc_sockets_take(s, s->event, n);
	hc_flush(s->w);
}
