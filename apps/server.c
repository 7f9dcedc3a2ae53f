// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The server: one step, one pass over its events, one flush. An event finds its connection's
// session (or the scratch one, for a connection that needs no memory), the mode reads and answers
// as far as it can, and what is then unfinished is kept in a session of its own. Mode http is in
// server_http.c, the modes that a client would rather not meet are in server_modes.c.

#include "server.h"

#include <string.h>

#define LINGER_NS (2 * NS_PER_S)

// ---------------------------------------------------------------------------------------------
// sessions

static bool session_is_scratch(const struct server *s, const struct session *ss)
{
	return ss == &s->scratch;
}

static struct session *scratch_begin(struct server *s, hc_conn conn, uint32_t listener)
{
	struct session *ss = &s->scratch;

	// Everything up to `head`; the rest has no meaning while these say so.
	memset(ss, 0, offsetof(struct session, head));
	ss->conn = conn;
	ss->listener = (uint8_t)listener;
	ss->first_bytes = 0;
	ss->body_bytes = 0;
	ss->body_at = 0;
	ss->held.len = 0;
	ss->held_used = 0;
	return ss;
}

static bool session_is_needed(const struct session *ss)
{
	return ss->has_head || ss->is_blocked || ss->is_lingering || ss->is_holding ||
	       ss->got_bytes > 0 || ss->held.len > 0;
}

static uint32_t session_take(struct server *s)
{
	uint32_t i = s->session_free;

	if (i != SESSION_NONE) {
		s->session_free = s->sessions[i].next;
		return i;
	}
	return s->session_used < s->session_cap ? s->session_used++ : SESSION_NONE;
}

// Gives the connection at hand a session of its own.
static struct session *session_make(struct server *s)
{
	struct session *from = &s->scratch;
	uint32_t i = session_take(s);
	struct session *ss;

	if (i == SESSION_NONE ||
	    hc_conn_set_cookie(s->worker, from->conn, LISTENERS_MAX + i) != 0) {
		// The connection has ended; its last event is still to come in this burst.
		if (from->held.len > 0)
			hc_recv_release(s->worker, from->conn, &from->held, 1);
		if (i != SESSION_NONE) {
			s->sessions[i].next = s->session_free;
			s->session_free = i;
		}
		return NULL;
	}
	ss = &s->sessions[i];
	*ss = *from;
	if (!ss->is_first_static && ss->first_bytes > 0)
		ss->first = (const uint8_t *)ss->written +
			    (from->first - (const uint8_t *)from->written);
	s->made[s->made_count++] = i;
	return ss;
}

static void queue_push(struct server *s, struct session_queue *q, struct session *ss,
		       uint64_t wait_ns)
{
	uint32_t i = (uint32_t)(ss - s->sessions);

	ss->queue = q;
	ss->due_ns = s->now_ns + wait_ns;
	ss->prev = q->tail;
	ss->next = SESSION_NONE;
	if (q->tail == SESSION_NONE)
		q->head = i;
	else
		s->sessions[q->tail].next = i;
	q->tail = i;
}

// Takes a session off its queue, if it is on one.
static void queue_remove(struct server *s, struct session *ss)
{
	struct session_queue *q = ss->queue;

	if (!q)
		return;
	if (ss->prev == SESSION_NONE)
		q->head = ss->next;
	else
		s->sessions[ss->prev].next = ss->next;
	if (ss->next == SESSION_NONE)
		q->tail = ss->prev;
	else
		s->sessions[ss->next].prev = ss->prev;
	ss->queue = NULL;
}

// The first of a queue, once its wait is over.
static struct session *queue_due(struct server *s, const struct session_queue *q)
{
	struct session *ss = q->head == SESSION_NONE ? NULL : &s->sessions[q->head];

	return ss && ss->due_ns <= s->now_ns ? ss : NULL;
}

static void session_drop(struct server *s, struct session *ss)
{
	if (ss->held.len > 0)
		hc_recv_release(s->worker, ss->conn, &ss->held, 1);
	queue_remove(s, ss);
	ss->conn = HC_CONN_NONE;
	ss->next = s->session_free;
	s->session_free = (uint32_t)(ss - s->sessions);
}

// The session of an event's connection: its own, one made earlier in this burst, or none.
static struct session *session_find(struct server *s, const struct hc_event *ev)
{
	if (ev->cookie >= LISTENERS_MAX) {
		struct session *ss = &s->sessions[ev->cookie - LISTENERS_MAX];

		return ss->conn == ev->conn ? ss : NULL;
	}
	for (unsigned i = 0; i < s->made_count; i++) {
		if (s->sessions[s->made[i]].conn == ev->conn)
			return &s->sessions[s->made[i]];
	}
	return NULL;
}

// What the mode left unfinished is kept.
static void session_settle(struct server *s, struct session *ss)
{
	if (session_is_scratch(s, ss)) {
		if (LIKELY(!session_is_needed(ss)))
			return;
		ss = session_make(s);
	}
	if (!ss || ss->queue)
		return;
	if (ss->is_lingering)
		queue_push(s, &s->linger, ss, LINGER_NS);
	else if (ss->is_holding)
		queue_push(s, &s->hold, ss, s->hold_ns);
}

// ---------------------------------------------------------------------------------------------
// receiving and sending

const uint8_t *server_peek(struct server *s, struct session *ss, uint32_t *len)
{
	if (ss->held.len == 0) {
		ss->held_used = 0;
		if (hc_recv(s->worker, ss->conn, &ss->held, 1) == 0) {
			ss->held.len = 0;
			return NULL;
		}
	}
	*len = ss->held.len - ss->held_used;
	return ss->held.data + ss->held_used;
}

void server_used(struct server *s, struct session *ss, uint32_t used)
{
	ss->held_used += used;
	if (ss->held_used < ss->held.len)
		return;
	hc_recv_release(s->worker, ss->conn, &ss->held, 1);
	ss->held.len = 0;
}

// How a piece is sent, if it is the session's last: the last word closes behind itself.
static unsigned push_flags(const struct server *s, const struct session *ss, bool is_last)
{
	bool closes = is_last && ss->is_ending && !ss->is_lingering && ss->held.len == 0 &&
		      LIKELY(s->closes == NULL);

	return HC_SEND_QUIET | (closes ? HC_SEND_CLOSE : 0u);
}

// Pushes as far as the stack takes it. @return whether the last piece closed behind itself.
static inline bool push_pieces(struct server *s, struct session *ss)
{
	bool has_closed = false;

	if (ss->first_bytes > 0) {
		const unsigned flags = push_flags(s, ss, ss->body_bytes == 0) |
				       (ss->is_first_static ? HC_SEND_STATIC : 0u);
		size_t taken = hc_send(s->worker, ss->conn, ss->first, ss->first_bytes, flags);

		ss->first += taken;
		ss->first_bytes -= (uint32_t)taken;
		ss->is_blocked = ss->first_bytes > 0;
		has_closed = flags & HC_SEND_CLOSE && !ss->is_blocked;
	}
	while (!ss->is_blocked && ss->body_bytes > 0) {
		size_t piece = (size_t)min_u64(ss->body_bytes, SERVER_BODY_PIECE - ss->body_at);
		const unsigned flags = push_flags(s, ss, piece == ss->body_bytes) | HC_SEND_STATIC;
		size_t taken = hc_send(s->worker, ss->conn, s->body + ss->body_at, piece, flags);

		ss->body_bytes -= taken;
		has_closed = flags & HC_SEND_CLOSE && taken == piece;
		ss->body_at = ss->body_bytes ? (ss->body_at + taken) % SERVER_BODY_PIECE : 0;
		ss->is_blocked = taken < piece;
	}
	return has_closed;
}

// The end did not go with the last piece. The stack takes no last word over bytes that nobody has
// read: those are taken up then, and the word is said again without its close.
static void push_end(struct server *s, struct session *ss)
{
	uint32_t unread;

	if (ss->is_blocked && server_peek(s, ss, &unread)) {
		ss->is_blocked = false;
		(void)push_pieces(s, ss);
	}
	server_end(s, ss);
}

bool server_push(struct server *s, struct session *ss)
{
	bool has_closed = push_pieces(s, ss);

	if (ss->is_ending && UNLIKELY(!has_closed))
		push_end(s, ss);
	return !ss->is_blocked;
}

void server_end(struct server *s, struct session *ss)
{
	uint32_t unread;

	ss->is_ending = true;
	if (ss->is_blocked)
		return;
	// A close with bytes unread would be a reset (RFC 9293 3.6.1), and could take the answer
	// with it (RFC 9112 9.6): half close instead, and throw away what comes.
	if (ss->is_lingering || server_peek(s, ss, &unread)) {
		ss->is_lingering = true;
		server_close(s, ss->conn, true);
	} else {
		server_close(s, ss->conn, false);
	}
}

// ---------------------------------------------------------------------------------------------
// modes

void server_discard(struct server *s, struct session *ss)
{
	uint32_t len;

	while (server_peek(s, ss, &len)) {
		s->counts.body_bytes += len;
		server_used(s, ss, len);
	}
}

static void echo(struct server *s, struct session *ss)
{
	const uint8_t *data;
	uint32_t len;

	ss->is_blocked = false;
	while (!ss->is_blocked && (data = server_peek(s, ss, &len))) {
		uint32_t taken = (uint32_t)hc_send(s->worker, ss->conn, data, len, HC_SEND_QUIET);

		s->counts.body_bytes += taken;
		ss->is_blocked = taken < len;
		server_used(s, ss, taken);
	}
}

// --response bytes for every --request bytes.
static void respond(struct server *s, struct session *ss)
{
	uint32_t len;

	while (!ss->is_blocked && !ss->is_ending && server_peek(s, ss, &len)) {
		uint32_t part = (uint32_t)min_u64(len, s->request_bytes - ss->got_bytes);

		ss->got_bytes += part;
		server_used(s, ss, part);
		if (ss->got_bytes < s->request_bytes)
			continue;
		ss->got_bytes = 0;
		s->counts.requests++;
		ss->first = s->raw.data;
		ss->first_bytes = s->raw.first_bytes;
		ss->body_bytes = s->raw.rest_bytes;
		ss->is_first_static = true;
		ss->is_ending = s->listener[ss->listener].closes_first;
		(void)server_push(s, ss);
	}
}

// Reads and answers as far as the mode can get now.
static void serve(struct server *s, struct session *ss)
{
	if (UNLIKELY(ss->is_lingering)) {
		server_discard(s, ss);
		return;
	}
	switch ((enum listen_mode)s->listener[ss->listener].mode) {
	case LISTEN_HTTP:
		server_http(s, ss);
		break;
	case LISTEN_ECHO:
		echo(s, ss);
		break;
	case LISTEN_RESPOND:
		if (UNLIKELY(s->is_framed))
			server_framed(s, ss);
		else
			respond(s, ss);
		break;
	case LISTEN_DISCARD:
	case LISTEN_ACCEPT:
	case LISTEN_CLOSE_FIRST:
	case LISTEN_HOLD:
		server_discard(s, ss);
		break;
	case LISTEN_NEVER_READ:
	case LISTEN_MODE_COUNT:
		break;
	}
	// What was answered for good may have left bytes behind.
	if (UNLIKELY(ss->is_lingering))
		server_discard(s, ss);
}

// ---------------------------------------------------------------------------------------------
// events

static void on_accepted(struct server *s, const struct hc_event *ev)
{
	const struct listen_port *l = &s->listener[ev->cookie];

	s->counts.accepted++;
	if (UNLIKELY(s->limiter != NULL) && limits_reset(s, ev->conn))
		return;
	if (!l->closes_first)
		return;
	if (l->mode == LISTEN_ACCEPT) {
		server_close(s, ev->conn, false);
	} else if (l->mode >= LISTEN_CLOSE_FIRST) {
		struct session *ss = scratch_begin(s, ev->conn, ev->cookie);

		server_mode_accepted(s, ss);
		session_settle(s, ss);
	}
}

static NOINLINE void serve_session(struct server *s, struct session *ss)
{
	serve(s, ss);
	session_settle(s, ss);
}

static NOINLINE void serve_any(struct server *s, const struct hc_event *ev)
{
	struct session *ss = session_find(s, ev);

	if (!ss) {
		if (UNLIKELY(ev->cookie >= LISTENERS_MAX))
			return;
		ss = scratch_begin(s, ev->conn, ev->cookie);
	}
	if (!ss->is_blocked)
		serve_session(s, ss);
}

// A piece that is not the request answered promptly, or more than it.
static NOINLINE void serve_piece(struct server *s, const struct hc_event *ev,
				 const struct hc_chunk *piece)
{
	struct session *ss = scratch_begin(s, ev->conn, ev->cookie);

	ss->held = *piece;
	serve_session(s, ss);
}

// Of a prompt answer the stack took only so much: for want of room, or, of a last word, nothing
// over bytes that are unread.
static NOINLINE void keep_rest(struct server *s, const struct hc_event *ev, const struct prompt *p,
			       uint32_t taken)
{
	struct session *ss = scratch_begin(s, ev->conn, ev->cookie);

	ss->first = p->data + taken;
	ss->first_bytes = p->bytes - taken;
	ss->is_first_static = true;
	ss->is_ending = p->flags & HC_SEND_CLOSE;
	(void)server_push(s, ss);
	serve_session(s, ss);
}

// The usual case of server_http(), straight: a request like the one read last comes whole and alone
// on a connection that has no session, and its answer is taken at once.
static void answer_promptly(struct server *s, const struct hc_event *ev, const struct prompt *p)
{
	struct hc_chunk piece;
	uint32_t taken;

	while (hc_recv(s->worker, ev->conn, &piece, 1) > 0) {
		if (UNLIKELY(piece.len != p->request_bytes) ||
		    UNLIKELY(memcmp(piece.data, s->memo, piece.len) != 0)) {
			serve_piece(s, ev, &piece);
			return;
		}
		hc_recv_release(s->worker, ev->conn, &piece, 1);
		s->counts.requests++;
		taken = (uint32_t)hc_send(s->worker, ev->conn, p->data, p->bytes, p->flags);
		if (UNLIKELY(taken < p->bytes)) {
			keep_rest(s, ev, p, taken);
			return;
		}
		if (p->flags & HC_SEND_CLOSE)
			return;
	}
}

static void on_data(struct server *s, const struct hc_event *ev)
{
	if (LIKELY(ev->cookie < LISTENERS_MAX && s->made_count == 0)) {
		const struct listen_port *l = &s->listener[ev->cookie];

		if (l->mode == LISTEN_HTTP) {
			answer_promptly(s, ev, &s->prompt[l->closes_first]);
			return;
		}
	}
	serve_any(s, ev);
}

static void on_sent(struct server *s, const struct hc_event *ev)
{
	struct session *ss = session_find(s, ev);

	if (LIKELY(!ss) || !ss->is_blocked)
		return;
	ss->is_blocked = false;
	if (!server_push(s, ss))
		return;
	if (!ss->is_ending)
		serve(s, ss);
	else if (ss->is_lingering)
		server_discard(s, ss); // What came while we were blocked.
	if (ss->has_peer_closed && !ss->is_blocked && !ss->is_ending)
		server_end(s, ss);
	session_settle(s, ss);
}

static void on_peer_closed(struct server *s, const struct hc_event *ev)
{
	struct session *ss = session_find(s, ev);

	if (LIKELY(!ss)) {
		if (UNLIKELY(ev->cookie < LISTENERS_MAX &&
			     s->listener[ev->cookie].mode >= LISTEN_CLOSE_FIRST)) {
			ss = scratch_begin(s, ev->conn, ev->cookie);
			server_mode_peer_closed(s, ss);
			session_settle(s, ss);
			return;
		}
		server_close(s, ev->conn, false);
		return;
	}
	ss->has_peer_closed = true;
	if (ss->is_blocked || ss->is_ending || ss->is_holding)
		return;
	server_end(s, ss);
	session_settle(s, ss);
}

static void on_end(struct server *s, const struct hc_event *ev)
{
	struct session *ss = session_find(s, ev);

	if (ss)
		session_drop(s, ss);
	if (ev->type == HC_EV_CLOSED) {
		s->counts.closed++;
	} else {
		s->counts.reset++;
		s->counts.reset_by[ev->reason]++;
	}
}

static void on_event(struct server *s, const struct hc_event *ev)
{
	switch ((enum hc_event_type)ev->type) {
	case HC_EV_ACCEPTED:
		on_accepted(s, ev);
		break;
	case HC_EV_DATA:
		on_data(s, ev);
		break;
	case HC_EV_SENT:
		on_sent(s, ev);
		break;
	case HC_EV_PEER_CLOSED:
		on_peer_closed(s, ev);
		break;
	case HC_EV_CLOSED:
	case HC_EV_RESET:
		on_end(s, ev);
		break;
	case HC_EV_NONE:
	case HC_EV_OPENED:
	case HC_EV_FAILED:
	case HC_EV_STALLED:
	case HC_EV_URGENT:
	case HC_EV_SOFT_ERROR:
		break;
	}
}

// Clients that were answered for good and do not go away.
static void linger_expire(struct server *s)
{
	struct session *ss;

	while ((ss = queue_due(s, &s->linger))) {
		if (hc_abort(s->worker, ss->conn) == 0)
			s->counts.aborted++;
		session_drop(s, ss);
	}
}

// Connections of mode hold whose wait is over.
static void hold_expire(struct server *s)
{
	struct session *ss;

	while ((ss = queue_due(s, &s->hold))) {
		queue_remove(s, ss);
		ss->is_holding = false;
		server_end(s, ss);
	}
}

void server_step(struct server *s, uint64_t now_ns)
{
	unsigned n;

	s->now_ns = now_ns;
	s->event_count = 0;
	if (UNLIKELY(s->limiter != NULL) && !limits_begin(s, now_ns))
		return;
	n = hc_step(s->worker, now_ns, s->events, s->event_cap);
	s->event_count = n;
	s->made_count = 0;
	for (unsigned i = 0; i < n; i++)
		on_event(s, &s->events[i]);
	if (UNLIKELY(s->linger.head != SESSION_NONE))
		linger_expire(s);
	if (UNLIKELY(s->hold.head != SESSION_NONE))
		hold_expire(s);
	if (UNLIKELY(s->closes != NULL))
		closes_run(s->closes, s->worker, now_ns);
	hc_flush(s->worker);
}
