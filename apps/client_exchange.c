// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Connections that are held, or that send a request and check what comes back. Each has a slot; its
// number is the connection's cookie. All are held equally long, so those waiting for the end of
// --hold form a queue in order of opening.
//
// A response is right when it is HTTP with status 200 (for --request http) and has exactly the
// length that was announced, or asked for with --response; without either it ends with the peer's
// FIN. The head read last is kept: the next one is compared with it before it is parsed.

#include <stdlib.h>
#include <string.h>

#include "client.h"

#define WHOLE_BYTES_MAX UINT16_MAX

// ---------------------------------------------------------------------------------------------
// slots

static uint32_t slot_take(struct client *c)
{
	uint32_t i = c->slot_free;

	if (i != SLOT_NONE) {
		c->slot_free = c->slots[i].next;
		return i;
	}
	return c->slot_used < c->slot_cap ? c->slot_used++ : SLOT_NONE;
}

static void slot_give(struct client *c, struct slot *s)
{
	s->conn = HC_CONN_NONE;
	s->next = c->slot_free;
	c->slot_free = (uint32_t)(s - c->slots);
}

// What lasts from before the connection opens is in the first half.
static void slot_begin(const struct client *c, struct slot *s)
{
	memcpy((uint8_t *)s + SLOT_HALF, (const uint8_t *)c->begun + SLOT_HALF, SLOT_HALF);
}

void slots_push(struct client *c, struct slot_line *l, struct slot *s, enum slot_queue queue)
{
	uint32_t i = (uint32_t)(s - c->slots);

	l->count++;
	s->queue = queue;
	s->next = SLOT_NONE;
	s->prev = l->tail;
	if (l->tail == SLOT_NONE)
		l->head = i;
	else
		c->slots[l->tail].next = i;
	l->tail = i;
}

void slots_remove(struct client *c, struct slot_line *l, struct slot *s)
{
	if (s->prev == SLOT_NONE)
		l->head = s->next;
	else
		c->slots[s->prev].next = s->next;
	if (s->next == SLOT_NONE)
		l->tail = s->prev;
	else
		c->slots[s->next].prev = s->prev;
	l->count--;
	s->queue = SLOT_IDLE;
}

static NOINLINE void slot_leave(struct client *c, struct slot *s)
{
	if (s->queue == SLOT_HELD)
		slots_remove(c, &c->held, s);
	else
		requests_stop(c, s);
}

static void slot_end(struct client *c, struct slot *s)
{
	if (UNLIKELY(s->queue != SLOT_IDLE))
		slot_leave(c, s);
	slot_give(c, s);
}

unsigned exchange_connect(struct client *c, unsigned n, const uint64_t *planned_ns)
{
	if (UNLIKELY(c->slot_target != NULL))
		return targets_connect(c, n, planned_ns);
	return exchange_connect_to(c, n, planned_ns, 0);
}

unsigned exchange_connect_to(struct client *c, unsigned n, const uint64_t *planned_ns,
			     unsigned target)
{
	unsigned slots = 0, taken;

	while (slots < n) {
		uint32_t i = slot_take(c);

		if (i == SLOT_NONE)
			break;
		c->slot_cookies[slots++] = i;
	}
	c->refusal = 0;
	c->connect.planned_ns = planned_ns;
	taken = hc_connect(c->worker, &c->connect, c->slot_cookies, c->slot_conns, slots);
	for (unsigned k = 0; k < taken; k++) {
		struct slot *s = &c->slots[c->slot_cookies[k]];

		s->conn = c->slot_conns[k];
		s->planned_ns = planned_ns ? planned_ns[k] : 0;
		if (UNLIKELY(c->slot_target != NULL))
			c->slot_target[c->slot_cookies[k]] = (uint8_t)target;
		s->asked_ns = c->now_ns;
	}
	while (slots > taken)
		slot_give(c, &c->slots[c->slot_cookies[--slots]]);
	if (UNLIKELY(taken < n) && planned_ns)
		client_refused(c, n - taken);
	return taken;
}

// ---------------------------------------------------------------------------------------------
// ending

void exchange_end(struct client *c, struct slot *s)
{
	if (c->plan->close == CLOSE_RST) {
		if (hc_abort(c->worker, s->conn) != 0)
			return; // Its last event is still to come in this burst.
		c->counts.tally[TALLY_CHURN].aborted++;
		slot_end(c, s);
		return;
	}
	s->is_closing = true;
	client_close(c, s->conn, s->outcome == OUTCOME_PENDING);
}

// Closes if all that has to happen before has happened. A response that has no length of its own
// ends with the peer's FIN: to get it our own goes first, and we read on.
void exchange_end_if_due(struct client *c, struct slot *s)
{
	if (!s->is_due || s->is_closing || s->requests_left > 0 || c->plan->close == CLOSE_SERVER)
		return;
	if (s->outcome != OUTCOME_PENDING || (c->half_closes && s->unsent == 0))
		exchange_end(c, s);
}

void exchange_hold_expire(struct client *c)
{
	const bool is_over = client_phase(c) >= PHASE_DRAIN; // Those still held go at once.

	if (c->plan->acts && !is_over) {
		staged_act(c);
		return;
	}
	while (c->held.head != SLOT_NONE) {
		struct slot *s = &c->slots[c->held.head];

		if (!is_over && c->now_ns - s->opened_ns < c->plan->hold_ns)
			return;
		if (client_room(c) == 0)
			return;
		slots_remove(c, &c->held, s);
		s->is_due = true;
		exchange_end_if_due(c, s);
	}
}

// ---------------------------------------------------------------------------------------------
// the response

static void complete(struct client *c, struct slot *s, enum outcome outcome)
{
	s->outcome = (uint8_t)outcome;
	s->has_head = false;
	c->counts.outcome[outcome]++;
	c->counts.late_answered += c->now_ns > c->act_deadline_ns;
	if (outcome != OUTCOME_RIGHT)
		return;
	if (UNLIKELY(c->plan->grace_ns > 0))
		staged_note_right(c, s);
	hc_hist_add(c->response, c->now_ns - s->asked_ns);
	if (c->response_corrected)
		hc_hist_add(c->response_corrected, c->now_ns - s->planned_ns);
}

static void first_byte(struct client *c, struct slot *s)
{
	s->is_answered = true;
	hc_hist_add(c->first_byte, c->now_ns - s->asked_ns);
	if (c->first_byte_corrected)
		hc_hist_add(c->first_byte_corrected, c->now_ns - s->planned_ns);
}

// The head is read: what it says decides how long the body is and what the response is worth.
static void begin_body(struct client *c, struct slot *s, const struct http_head *h)
{
	const uint64_t wanted = client_wanted(c, s);

	if (h->progress == HTTP_BAD || h->is_chunked) {
		complete(c, s, OUTCOME_BAD_STATUS);
		return;
	}
	s->has_head = false;
	s->body_left = h->content_length;
	s->verdict = OUTCOME_RIGHT;
	if (h->status != 200)
		s->verdict = OUTCOME_BAD_STATUS;
	else if (h->content_length == HTTP_NO_LENGTH)
		s->body_left = wanted;
	else if (wanted != RESPONSE_AUTO && h->content_length != wanted)
		s->verdict = OUTCOME_BAD_LENGTH;
	if (s->body_left == 0)
		complete(c, s, (enum outcome)s->verdict);
}

// Whether a head of the usual plan begins a response that is right if it is whole, and that can
// come in one piece.
static bool is_right(const struct client *c, const struct http_head *h)
{
	const uint64_t wanted = c->plan->response_bytes;

	return !h->is_chunked && h->status == 200 && h->content_length <= WHOLE_BYTES_MAX &&
	       (wanted == RESPONSE_AUTO || h->content_length == wanted);
}

static void memo_store(struct client *c, const struct http_head *h, const uint8_t *data,
		       uint32_t len)
{
	if (h->progress != HTTP_DONE || len > CLIENT_MEMO_BYTES)
		return;
	memcpy(c->memo, data, len);
	c->memo_len = len;
	c->memo_head = *h;
	c->whole_bytes = c->is_usual && is_right(c, h) ? len + (uint32_t)h->content_length : 0;
}

static bool is_memo(const struct client *c, const uint8_t *data, uint32_t len)
{
	return c->memo_len > 0 && len >= c->memo_len && memcmp(data, c->memo, c->memo_len) == 0;
}

// Reads a head that is not the one read last, or comes in pieces.
static uint32_t read_head(struct client *c, struct slot *s, const uint8_t *data, uint32_t len)
{
	struct http_head *h = &c->heads[s - c->slots];
	bool is_new = !s->is_head_begun;
	uint32_t used;

	if (is_new)
		http_head_init(h, true);
	s->is_head_begun = true;
	used = (uint32_t)http_head_feed(h, data, len);
	if (h->progress == HTTP_MORE)
		return used;
	s->is_head_begun = false;
	if (h->progress == HTTP_DONE && h->status >= 100 && h->status < 200)
		return used; // RFC 9110 15.2: interim, the real one follows.
	if (is_new)
		memo_store(c, h, data, used);
	begin_body(c, s, h);
	return used;
}

static uint32_t take_head(struct client *c, struct slot *s, const uint8_t *data, uint32_t len)
{
	if (UNLIKELY(s->is_head_begun || !is_memo(c, data, len)))
		return read_head(c, s, data, len);
	begin_body(c, s, &c->memo_head);
	return c->memo_len;
}

static uint32_t take_body(struct client *c, struct slot *s, uint32_t len)
{
	uint32_t part = (uint32_t)min_u64(len, s->body_left);

	c->counts.body_bytes += part;
	if (s->body_left == HTTP_NO_LENGTH)
		return part;
	s->body_left -= part;
	if (s->body_left == 0)
		complete(c, s, (enum outcome)s->verdict);
	return part;
}

static void take(struct client *c, struct slot *s, const uint8_t *data, uint32_t len)
{
	while (len > 0 && s->outcome == OUTCOME_PENDING) {
		uint32_t used = s->has_head ? take_head(c, s, data, len) : take_body(c, s, len);

		data += used;
		len -= used;
	}
	c->counts.body_bytes += len;
	if (len > 0 && s->outcome == OUTCOME_RIGHT) {
		// More than the response: it was not right after all.
		c->counts.outcome[OUTCOME_RIGHT]--;
		c->counts.outcome[OUTCOME_BAD_LENGTH]++;
		s->outcome = OUTCOME_BAD_LENGTH;
	}
}

// Whether this is all of a response, with the head read last, and the first that comes.
static bool is_whole(const struct client *c, const struct slot *s, const struct hc_chunk *piece)
{
	return piece->len == c->whole_bytes && !s->is_answered &&
	       memcmp(piece->data, c->memo, c->memo_len) == 0;
}

// What first_byte() and take() come to then.
static void take_whole(struct client *c, struct slot *s)
{
	s->is_answered = true;
	s->has_head = false;
	s->outcome = OUTCOME_RIGHT;
	c->counts.outcome[OUTCOME_RIGHT]++;
	c->counts.body_bytes += c->whole_bytes - c->memo_len;
	hc_hist_add(c->whole, c->now_ns - s->asked_ns);
}

#define CHUNKS 8u

static NOINLINE void receive_any(struct client *c, struct slot *s, struct hc_chunk chunks[CHUNKS],
				 unsigned n)
{
	while (n > 0) {
		if (!s->is_answered && s->outcome != OUTCOME_NONE)
			first_byte(c, s);
		for (unsigned k = 0; k < n; k++)
			take(c, s, chunks[k].data, chunks[k].len);
		hc_recv_release(c->worker, s->conn, chunks, n);
		n = n < CHUNKS ? 0 : hc_recv(c->worker, s->conn, chunks, CHUNKS);
	}
	if (c->plan->acts)
		staged_answered(c, s);
	if (UNLIKELY(c->plan->texts != NULL) && s->outcome != OUTCOME_PENDING)
		requests_answered(c, s);
	exchange_end_if_due(c, s);
}

static void receive(struct client *c, struct slot *s)
{
	struct hc_chunk chunks[CHUNKS];
	unsigned n = hc_recv(c->worker, s->conn, chunks, CHUNKS);

	if (UNLIKELY(n != 1) || UNLIKELY(!is_whole(c, s, chunks))) {
		receive_any(c, s, chunks, n);
		return;
	}
	take_whole(c, s);
	hc_recv_release(c->worker, s->conn, chunks, 1);
	exchange_end_if_due(c, s);
}

// ---------------------------------------------------------------------------------------------
// events

void exchange_send(struct client *c, struct slot *s)
{
	const uint8_t *from;

	if (UNLIKELY(c->plan->texts != NULL)) {
		requests_send(c, s);
		return;
	}
	from = c->plan->request + (c->plan->request_bytes - s->unsent);
	s->unsent -= (uint32_t)hc_send(c->worker, s->conn, from, s->unsent,
				       HC_SEND_STATIC | HC_SEND_QUIET);
}

void exchange_expect(struct client *c, struct slot *s)
{
	s->outcome = OUTCOME_PENDING;
	s->verdict = OUTCOME_RIGHT;
	s->has_head = c->plan->request_kind == REQUEST_HTTP;
	s->is_head_begun = false;
	s->is_answered = false;
	s->body_left = client_wanted(c, s);
}

static NOINLINE void open_any(struct client *c, struct slot *s)
{
	s->opened_ns = c->now_ns;
	if (c->plan->grace_ns > 0)
		staged_note_opened(c, s);
	if (c->connect_corrected)
		hc_hist_add(c->connect_corrected, c->now_ns - s->planned_ns);
	if (c->plan->texts) {
		requests_begin(c, s);
		exchange_expect(c, s);
	}
	if (s->unsent > 0)
		exchange_send(c, s);
	if (s->outcome == OUTCOME_PENDING && !s->has_head && s->body_left == 0)
		complete(c, s, OUTCOME_RIGHT);
	if (!s->is_due)
		slots_push(c, &c->held, s, SLOT_HELD);
	exchange_end_if_due(c, s);
}

static void on_opened(struct client *c, struct slot *s)
{
	c->counts.tally[TALLY_CHURN].established++;
	slot_begin(c, s);
	if (!c->plan->connect.data_bytes)
		s->asked_ns = c->now_ns;
	if (LIKELY(c->is_usual))
		s->unsent -= (uint32_t)hc_send(c->worker, s->conn, c->plan->request, s->unsent,
					       HC_SEND_STATIC | HC_SEND_QUIET);
	else
		open_any(c, s);
}

static void on_sent(struct client *c, struct slot *s)
{
	if (LIKELY(s->unsent == 0))
		return;
	exchange_send(c, s);
	exchange_end_if_due(c, s);
}

// The peer's FIN ends a response that has no other end, and cuts short one that has.
static NOINLINE void end_response(struct client *c, struct slot *s)
{
	bool ends_here = !s->has_head && s->body_left == HTTP_NO_LENGTH;

	complete(c, s, ends_here ? (enum outcome)s->verdict : OUTCOME_BAD_LENGTH);
}

static void on_peer_closed(struct client *c, struct slot *s)
{
	if (UNLIKELY(s->outcome == OUTCOME_PENDING))
		end_response(c, s);
	if (UNLIKELY(c->plan->texts != NULL))
		requests_stop(c, s);
	if (!s->is_closing) {
		s->is_closing = true;
		client_close(c, s->conn, false);
	}
}

// The last FIN is the peer's when ours went before: no PEER_CLOSED comes then.
static void on_closed(struct client *c, struct slot *s)
{
	c->counts.tally[TALLY_CHURN].closed++;
	if (UNLIKELY(s->outcome == OUTCOME_PENDING))
		end_response(c, s);
	if (UNLIKELY(c->plan->grace_ns > 0))
		staged_note_closed(c);
	slot_end(c, s);
}

// Ended by RST, or by time.
static void on_reset(struct client *c, struct slot *s)
{
	if (s->outcome == OUTCOME_PENDING)
		complete(c, s, OUTCOME_BAD_LENGTH);
	slot_end(c, s);
}

static void on_live(struct client *c, const struct hc_event *ev)
{
	struct client_tally *t = &c->counts.tally[TALLY_LIVE];

	if (ev->type == HC_EV_OPENED) {
		t->established++;
	} else if (ev->type == HC_EV_DATA) {
		client_discard(c, ev->conn);
	} else if (ev->type == HC_EV_PEER_CLOSED) {
		(void)hc_close(c->worker, ev->conn);
	} else if (ev->type == HC_EV_CLOSED) {
		t->closed++;
	} else if (ev->type == HC_EV_FAILED) {
		t->failed++;
		c->counts.failed_by[ev->reason]++;
	} else if (ev->type == HC_EV_RESET) {
		t->reset++;
		c->counts.reset_by[ev->reason]++;
	}
}

static NOINLINE void on_odd(struct client *c, struct slot *s, const struct hc_event *ev)
{
	struct client_tally *t = &c->counts.tally[TALLY_CHURN];

	if (ev->type == HC_EV_SENT) {
		on_sent(c, s);
	} else if (ev->type == HC_EV_FAILED) {
		t->failed++;
		c->counts.failed_by[ev->reason]++;
		slot_give(c, s);
	} else if (ev->type == HC_EV_RESET) {
		t->reset++;
		c->counts.reset_by[ev->reason]++;
		on_reset(c, s);
	}
}

static void on_churn(struct client *c, struct slot *s, const struct hc_event *ev)
{
	if (ev->type == HC_EV_DATA)
		receive(c, s);
	else if (ev->type == HC_EV_OPENED)
		on_opened(c, s);
	else if (ev->type == HC_EV_CLOSED)
		on_closed(c, s);
	else if (ev->type == HC_EV_PEER_CLOSED)
		on_peer_closed(c, s);
	else
		on_odd(c, s, ev);
}

void exchange_events(struct client *c, unsigned n)
{
	const bool has_targets = c->slot_target != NULL;

	for (unsigned i = 0; i < n; i++) {
		const struct hc_event *ev = &c->events[i];
		struct slot *s = &c->slots[ev->cookie];

		// Behind the last event of a burst stands what was there before: any slot, or none.
		__builtin_prefetch(&c->slots[ev[SLOTS_AHEAD].cookie], 1);
		if (UNLIKELY(ev->cookie == COOKIE_LIVE)) {
			on_live(c, ev);
			continue;
		}
		if (UNLIKELY(s->conn != ev->conn))
			continue; // It was aborted by us earlier in this burst.
		if (UNLIKELY(has_targets))
			targets_note(c, ev);
		on_churn(c, s, ev);
	}
}

// ---------------------------------------------------------------------------------------------
// life

// A slot when its connection opens.
static void begin_init(struct client *c)
{
	const struct client_plan *p = c->plan;

	c->begun = &c->slots[c->slot_cap];
	*c->begun = (struct slot){
		.queue = SLOT_IDLE,
		.is_due = p->hold_ns == 0,
		.unsent = p->connect.data_bytes || p->acts ? 0 : p->request_bytes,
	};
	exchange_expect(c, c->begun);
	if (p->request_kind == REQUEST_NONE)
		c->begun->outcome = OUTCOME_NONE;
}

// One request, which goes out when the connection opens; its response ends it, or comes before the
// end; and all that is noted are its raw times.
static bool is_usual(const struct client *c)
{
	const struct client_plan *p = c->plan;
	const bool is_asked_once = p->request_bytes > 0 && !p->connect.data_bytes && !p->texts &&
				   !p->acts && !c->half_closes;

	return is_asked_once && !p->schedule && p->hold_ns == 0 && p->grace_ns == 0 &&
	       (p->request_kind == REQUEST_HTTP || p->response_bytes != 0);
}

bool exchange_init(struct client *c)
{
	c->slot_cap = c->plan->conn_cap;
	c->slot_free = SLOT_NONE;
	c->held = c->thinking = (struct slot_line){.head = SLOT_NONE, .tail = SLOT_NONE};
	c->random = c->plan->seed + c->plan->index;
	c->slots = aligned_alloc(sizeof *c->slots, (c->slot_cap + 1ul) * sizeof *c->slots);
	if (!c->slots)
		return false;
	memset(c->slots, 0, c->slot_cap * sizeof *c->slots);
	// Untouched pages of it cost nothing: most heads come whole.
	c->heads = calloc(c->slot_cap, sizeof *c->heads);
	c->slot_cookies = calloc(CLIENT_OPEN_MAX, sizeof *c->slot_cookies);
	c->slot_conns = calloc(CLIENT_OPEN_MAX, sizeof *c->slot_conns);
	c->half_closes =
		c->plan->request_kind == REQUEST_BYTES && c->plan->response_bytes == RESPONSE_AUTO;
	c->is_usual = is_usual(c);
	begin_init(c);
	c->first_byte = client_hist();
	c->response = client_hist();
	c->whole = client_hist();
	if (c->plan->schedule) {
		c->first_byte_corrected = client_hist();
		c->response_corrected = client_hist();
		if (!c->first_byte_corrected || !c->response_corrected)
			return false;
	}
	return targets_init(c) && c->heads && c->slot_cookies && c->slot_conns && c->first_byte &&
	       c->response && c->whole;
}

void exchange_fini(struct client *c)
{
	targets_fini(c);
	free(c->whole);
	free(c->response_corrected);
	free(c->first_byte_corrected);
	free(c->response);
	free(c->first_byte);
	free(c->slot_conns);
	free(c->slot_cookies);
	free(c->heads);
	free(c->slots);
}
