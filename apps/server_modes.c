// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The modes that a client would rather not meet, each of which puts its TCP into a state that an
// ordinary server hardly ever shows. server.c calls in when a connection is accepted by a listener
// that closes first, and when the peer has closed.
//
// - close-first answers before it is asked and closes at once. It closes one way only and goes on
//   reading: a request that is still on its way would otherwise be answered with a reset (RFC 9293
//   3.6.1), which could take the answer with it. A client that then does not close is given up.
// - never-read takes nothing, so that the window goes to zero and stays there. It never closes both
//   ways either, because a close with bytes unread is a reset.
// - hold leaves the connection in CLOSE-WAIT for --hold. When it is to close first (--close server)
//   it stays in ESTABLISHED for as long instead.

#include "server.h"

static void answer_unasked(struct server *s, struct session *ss)
{
	s->counts.requests++;
	ss->first = s->raw.data;
	ss->first_bytes = s->raw.first_bytes;
	ss->body_bytes = s->raw.rest_bytes;
	ss->is_first_static = true;
	ss->is_lingering = true;
	ss->is_ending = true;
	(void)server_push(s, ss);
}

// What two modes do at once with who may go on: one says that it sends nothing, the other waits.
static bool shut_or_hold(struct server *s, struct session *ss, enum listen_mode mode)
{
	if (mode == LISTEN_NEVER_READ)
		server_close(s, ss->conn, true);
	else if (mode == LISTEN_HOLD)
		ss->is_holding = true;
	return mode == LISTEN_NEVER_READ || mode == LISTEN_HOLD;
}

void server_mode_accepted(struct server *s, struct session *ss)
{
	enum listen_mode mode = (enum listen_mode)s->listener[ss->listener].mode;

	if (!shut_or_hold(s, ss, mode) && mode == LISTEN_CLOSE_FIRST)
		answer_unasked(s, ss);
}

void server_mode_peer_closed(struct server *s, struct session *ss)
{
	if (!shut_or_hold(s, ss, (enum listen_mode)s->listener[ss->listener].mode))
		server_close(s, ss->conn, false);
}
