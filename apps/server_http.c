// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Mode http: GET and HEAD are answered with 200 and a body of --response bytes, or of the size the
// path asks for (/N, /bytes/N); everything else with the error that fits (RFC 9112), after which
// the connection is closed. Requests may be pipelined and may come in pieces; a body is read and
// thrown away.
//
// A load generator sends the same request again and again: the head read last is kept with what it
// came to, and the next one is compared with it before it is parsed.

#include <stdlib.h>
#include <string.h>

#include "server.h"

#define BODY_LINE   64u
#define BODY_DIGITS 4u // Of the number that a line begins with.

static void answer_written(struct server *s, struct session *ss, unsigned status, uint64_t bytes,
			   bool has_body, bool keeps_alive)
{
	ss->first_bytes = (uint32_t)http_write_head(ss->written, status, bytes, keeps_alive);
	ss->first = (const uint8_t *)ss->written;
	ss->is_first_static = false;
	ss->body_bytes = has_body ? bytes : 0;
	(void)server_push(s, ss);
}

static void answer_ready(struct server *s, struct session *ss, const struct ready_response *r,
			 bool has_body)
{
	ss->first = r->data;
	ss->first_bytes = has_body ? r->first_bytes : r->head_bytes;
	ss->is_first_static = true;
	ss->body_bytes = has_body ? r->rest_bytes : 0;
	(void)server_push(s, ss);
}

static void answer_error(struct server *s, struct session *ss, unsigned status)
{
	s->counts.bad_requests++;
	ss->has_head = false;
	ss->is_lingering = true;
	ss->is_ending = true;
	answer_written(s, ss, status, 0, false, false);
}

// The size of a body that the request leaves to us.
static uint64_t drawn_bytes(struct server *s)
{
	return s->response_sizes.item[sizes_draw(&s->response_sizes, &s->random)].bytes;
}

static bool asks_too_much(const struct http_head *h)
{
	return h->asked_bytes != HTTP_NO_LENGTH && h->asked_bytes > SERVER_ASKED_MAX;
}

// Whether the response to a request that can be served lies ready.
static bool is_ready(const struct server *s, const struct http_head *h)
{
	if (h->asked_bytes == HTTP_NO_LENGTH)
		return LIKELY(s->response_sizes.count <= 1);
	return h->asked_bytes == s->response_bytes;
}

static void answer(struct server *s, struct session *ss, const struct http_head *h)
{
	bool keeps_alive = http_keeps_alive(h) && !s->listener[ss->listener].closes_first;

	if (asks_too_much(h)) {
		answer_error(s, ss, 404);
		return;
	}
	s->counts.requests++;
	ss->has_head = false;
	ss->is_ending = !keeps_alive;
	if (is_ready(s, h))
		answer_ready(s, ss, keeps_alive ? &s->keep : &s->close, !h->is_head);
	else if (h->asked_bytes == HTTP_NO_LENGTH)
		answer_written(s, ss, 200, drawn_bytes(s), !h->is_head, keeps_alive);
	else
		answer_written(s, ss, 200, h->asked_bytes, !h->is_head, keeps_alive);
}

// What is to answer the request kept from now on, if its response is one that lies ready and goes
// in one piece, and closing need not wait for its turn.
static void prompt_set(struct server *s, bool closes_first)
{
	const struct http_head *h = &s->memo_head;
	const bool keeps_alive = http_keeps_alive(h) && !closes_first;
	const struct ready_response *r = keeps_alive ? &s->keep : &s->close;
	struct prompt *p = &s->prompt[closes_first];

	p->request_bytes = 0;
	if (asks_too_much(h) || !is_ready(s, h) || (!h->is_head && r->rest_bytes > 0) ||
	    (!keeps_alive && s->closes != NULL))
		return;
	p->request_bytes = s->memo_len;
	p->data = r->data;
	p->bytes = h->is_head ? r->head_bytes : r->first_bytes;
	p->flags = HC_SEND_STATIC | HC_SEND_QUIET | (keeps_alive ? 0u : HC_SEND_CLOSE);
}

// Keeps a head that came whole and can be served without reading a body.
static void memo_store(struct server *s, const struct http_head *h, const uint8_t *data,
		       uint32_t len)
{
	if (len > SERVER_MEMO_BYTES || h->status != 0 || h->content_length != HTTP_NO_LENGTH)
		return;
	memcpy(s->memo, data, len);
	s->memo_len = len;
	s->memo_head = *h;
	prompt_set(s, false);
	prompt_set(s, true);
}

static bool is_memo(const struct server *s, const uint8_t *data, uint32_t len)
{
	return s->memo_len > 0 && len >= s->memo_len && memcmp(data, s->memo, s->memo_len) == 0;
}

// Takes bytes of a head that is not the one read last, or comes in pieces. Returns how many.
static uint32_t read_head(struct server *s, struct session *ss, const uint8_t *data, uint32_t len)
{
	bool is_new = !ss->has_head;
	uint32_t used;

	if (is_new)
		http_head_init(&ss->head, false);
	ss->has_head = true;
	used = (uint32_t)http_head_feed(&ss->head, data, len);
	if (is_new && ss->head.progress == HTTP_DONE)
		memo_store(s, &ss->head, data, used);
	return used;
}

// Takes bytes of a request's body. Returns how many.
static uint32_t skip_body(struct session *ss, uint32_t len)
{
	uint32_t part = (uint32_t)min_u64(len, ss->skip_bytes);

	ss->skip_bytes -= part;
	return part;
}

static void handle_head(struct server *s, struct session *ss)
{
	const struct http_head *h = &ss->head;

	if (h->progress == HTTP_MORE)
		return;
	if (h->status != 0) {
		answer_error(s, ss, h->status);
		return;
	}
	if (h->content_length != HTTP_NO_LENGTH)
		ss->skip_bytes = h->content_length;
	if (ss->skip_bytes == 0)
		answer(s, ss, h);
}

void server_http(struct server *s, struct session *ss)
{
	const uint8_t *data;
	uint32_t len;

	while (!ss->is_blocked && !ss->is_ending && (data = server_peek(s, ss, &len))) {
		if (LIKELY(!ss->has_head && is_memo(s, data, len))) {
			server_used(s, ss, s->memo_len);
			answer(s, ss, &s->memo_head);
		} else if (ss->skip_bytes > 0) {
			server_used(s, ss, skip_body(ss, len));
			if (ss->skip_bytes == 0)
				answer(s, ss, &ss->head);
		} else {
			server_used(s, ss, read_head(s, ss, data, len));
			handle_head(s, ss);
		}
	}
}

// ---------------------------------------------------------------------------------------------
// the responses that lie ready

static void fill_body(uint8_t *to, size_t bytes)
{
	static const char rest[] = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345\n";

	_Static_assert(sizeof rest == BODY_LINE - BODY_DIGITS + 1, "a line of a body");
	for (size_t i = 0; i < bytes; i++) {
		size_t line = i / BODY_LINE;
		size_t at = i % BODY_LINE;

		for (size_t digit = at; digit + 1 < BODY_DIGITS; digit++)
			line /= 10;
		to[i] = at < BODY_DIGITS ? (uint8_t)('0' + line % 10)
					 : (uint8_t)rest[at - BODY_DIGITS];
	}
}

// Writes a ready response at `at`. Returns where the next may begin.
static uint8_t *make_ready(const struct server *s, struct ready_response *r, uint8_t *at,
			   bool keeps_alive)
{
	uint64_t first_body = min_u64(s->response_bytes, SERVER_BODY_PIECE);
	char head[HTTP_WRITTEN_MAX];

	r->data = at;
	r->head_bytes = (uint32_t)http_write_head(head, 200, s->response_bytes, keeps_alive);
	r->first_bytes = r->head_bytes + (uint32_t)first_body;
	r->rest_bytes = s->response_bytes - first_body;
	memcpy(at, head, r->head_bytes);
	fill_body(at + r->head_bytes, (size_t)first_body);
	return at + HTTP_WRITTEN_MAX + SERVER_BODY_PIECE;
}

bool server_http_init(struct server *s)
{
	uint8_t *at = malloc(2 * (HTTP_WRITTEN_MAX + SERVER_BODY_PIECE) + SERVER_BODY_PIECE);

	if (!at)
		return false;
	s->buffer = at;
	at = make_ready(s, &s->keep, at, true);
	at = make_ready(s, &s->close, at, false);
	fill_body(at, SERVER_BODY_PIECE);
	s->body = at;
	s->raw.data = at;
	s->raw.head_bytes = 0;
	s->raw.first_bytes = (uint32_t)min_u64(s->response_bytes, SERVER_BODY_PIECE);
	s->raw.rest_bytes = s->response_bytes - s->raw.first_bytes;
	return true;
}
