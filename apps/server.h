// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The server of one worker. It steps the stack, answers each event as the listener's mode tells,
// and flushes: run to completion, no system calls, no heap.
//
// Most connections need no memory of the server: their cookie is the number of their listener, and
// a request that comes whole is answered on the spot. Only one that is half read or half answered
// is given a session; its cookie then names the session. Sessions are as many as control blocks, so
// they cannot run out first.

#include <handclasp/handclasp.h>

#include "config.h"
#include "http.h"
#include "server_limits.h"

#define SERVER_BODY_PIECE                                                                          \
	65536u // Bodies are sent by reference to one buffer of this size, whose
	       // lines of 64 bytes are numbered: what is missing shows.
#define SERVER_ASKED_MAX  (1ull << 30) // Bytes of body that a request may ask for.
#define SERVER_MEMO_BYTES 512u

// Written by the worker, read by anyone with relaxed_load().
struct server_counts {
	uint64_t accepted;
	uint64_t closed;
	uint64_t reset;
	uint64_t aborted;      // By us: clients that lingered too long after an error.
	uint64_t requests;     // Answered with 200 or with --response bytes.
	uint64_t bad_requests; // Answered with an error.
	uint64_t body_bytes;   // Received by modes discard, echo and accept.
	uint64_t reset_by[HC_REASON_COUNT];
	struct limit_counts limits;
};

#define SESSION_NONE UINT32_MAX

// Sessions that wait equally long, in the order in which they began to.
struct session_queue {
	uint32_t head, tail;
};

// What a connection in the middle of something has to keep.
struct session {
	hc_conn conn;                // HC_CONN_NONE: free.
	uint64_t due_ns;             // When its wait in `queue` is over.
	struct session_queue *queue; // NULL: it does not wait.
	uint32_t next, prev;         // Free list, or the queue.
	uint8_t listener;
	bool has_head;        // `head` is half read, or read with its body still to come.
	bool is_blocked;      // The stack took less than we have; HC_EV_SENT goes on.
	bool is_ending;       // Closed, or to be closed once all is taken.
	bool is_lingering;    // Answered for good; what still comes is thrown away.
	bool is_holding;      // Mode hold: to be closed when its wait is over.
	bool has_peer_closed; // While we were blocked.
	uint32_t got_bytes;   // Mode respond: of the request.
	uint64_t skip_bytes;  // Of a request's body, to be thrown away.
	uint64_t asked_bytes; // Of a response, by the request's frame.
	struct http_head head;

	// The answer, as far as the stack has not taken it.
	const uint8_t *first;
	uint32_t first_bytes;
	bool is_first_static;
	uint64_t body_bytes;
	size_t body_at; // In the piece that bodies repeat.
	char written[HTTP_WRITTEN_MAX];
	uint8_t frame[FRAME_BYTES]; // The first got_bytes of a request that says its size.

	// A received piece that is not used up.
	struct hc_chunk held;
	uint32_t held_used;
};

// A response that lies ready: head and the beginning of the body in one piece.
struct ready_response {
	const uint8_t *data;
	uint32_t head_bytes;
	uint32_t first_bytes; // Head and as much of the body as is with it.
	uint64_t rest_bytes;  // Of the body.
};

// What answers the request read last when it comes again, whole and alone: one piece that lies
// ready.
struct prompt {
	uint32_t request_bytes; // 0: nothing does.
	uint32_t bytes;
	const uint8_t *data;
	unsigned flags; // Of hc_send().
};

struct server {
	struct hc_worker *worker;
	struct hc_event *events;
	unsigned event_cap;
	unsigned event_count; // Of the last step.
	unsigned listener_count;
	struct listen_port listener[LISTENERS_MAX]; // By cookie.
	int handle[LISTENERS_MAX];                  // Of hc_listen().
	uint32_t request_bytes;
	uint64_t response_bytes;
	struct size_mix response_sizes;
	uint64_t random;
	bool is_framed; // Mode respond: requests say their sizes.
	uint64_t now_ns;

	struct session *sessions;
	uint32_t session_cap;
	uint32_t session_used; // Ever used: those above are untouched memory.
	uint32_t session_free;
	struct session_queue linger, hold;
	uint64_t hold_ns;
	struct limiter *limiter; // NULL: none.
	struct closes *closes;   // Its; NULL: closing is not limited.
	struct session scratch;  // Of the connection at hand, until it needs one of its own.

	// Sessions made in this step: events that are already in the burst carry the old cookie.
	uint32_t made[4 * 128];
	unsigned made_count;

	uint8_t *buffer; // The ready responses and the body piece.
	struct ready_response keep, close, raw;
	const uint8_t *body;

	// The request head read last, and what it came to.
	uint8_t memo[SERVER_MEMO_BYTES];
	uint32_t memo_len;
	struct http_head memo_head;
	struct prompt prompt[2]; // By whether the listener closes first.

	struct server_counts counts;
};

// Listens on all of `ports`. @return false after a complaint.
bool server_init(struct server *s, struct hc_worker *worker, const struct config *cfg,
		 const struct listen_list *ports, const struct hc_stack_config *limits);
void server_fini(struct server *s);

// One step of the stack and of the server.
void server_step(struct server *s, uint64_t now_ns);

// No more connections; those there are go on.
void server_stop_listening(struct server *s);

// ---------------------------------------------------------------------------------------------
// Between the files of the server.

// The next received bytes of the connection, or NULL, and how many of them were used.
const uint8_t *server_peek(struct server *s, struct session *ss, uint32_t *len);
void server_used(struct server *s, struct session *ss, uint32_t used);

// Pushes what the session has to send, and ends it behind that if it is ending. Returns whether all
// was taken.
bool server_push(struct server *s, struct session *ss);

// Sends FIN after all that is pushed.
void server_end(struct server *s, struct session *ss);

// Closes a connection, or our half of it, when its turn has come.
static inline void server_close(struct server *s, hc_conn conn, bool is_half)
{
	if (UNLIKELY(s->closes != NULL))
		closes_put(s->closes, s->worker, s->now_ns, conn, is_half);
	else
		(void)closes_send(s->worker, conn, is_half);
}

// Takes what has come and throws it away.
void server_discard(struct server *s, struct session *ss);

// Modes close-first, never-read and hold: what they do when a connection is accepted, and when its
// peer has closed.
void server_mode_accepted(struct server *s, struct session *ss);
void server_mode_peer_closed(struct server *s, struct session *ss);

// Mode respond, when requests say their sizes.
void server_framed(struct server *s, struct session *ss);

// Mode http: the ready responses, and all that can be read and answered now.
bool server_http_init(struct server *s);
void server_http(struct server *s, struct session *ss);
