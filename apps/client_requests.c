// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Connections that send more than one request, think between them, or draw sizes: what is not the
// usual one request of one size. client_exchange.c comes here when a connection opens, when a
// response is complete, and when a request is to be sent.
//
// Those that think do so equally long and form a queue; the time each is due stands in planned_ns,
// from which the corrected time of the next response is measured. What goes wrong ends the
// connection, and so does the end of the run: nothing is asked in the drain.

#include "client.h"

// ---------------------------------------------------------------------------------------------
// asking

static const struct request_text *text_of(const struct client *c, const struct slot *s)
{
	const struct client_plan *p = c->plan;
	unsigned each = 2 * sizes_count(&p->request_sizes) * sizes_count(&p->response_sizes);
	unsigned target = c->slot_target ? c->slot_target[s - c->slots] : 0;

	return &p->texts[target * each + s->text];
}

// Draws the sizes of the next request and of its response, and makes it ready to be sent.
static void draw_request(struct client *c, struct slot *s)
{
	const struct client_plan *p = c->plan;
	unsigned request = sizes_draw(&p->request_sizes, &c->random);
	unsigned response = sizes_draw(&p->response_sizes, &c->random);
	unsigned is_last = s->requests_left == 0;
	unsigned row = is_last * sizes_count(&p->request_sizes) + request;

	s->text = (uint8_t)(row * sizes_count(&p->response_sizes) + response);
	s->unsent = text_of(c, s)->bytes;
}

void requests_begin(struct client *c, struct slot *s)
{
	const uint32_t n = c->plan->requests;

	if (c->plan->request_kind == REQUEST_NONE)
		return;
	s->requests_left = n == REQUESTS_ENDLESS ? n : n - 1;
	if (!c->plan->acts) // Else it waits for its turn.
		draw_request(c, s);
}

void requests_act(struct client *c, struct slot *s)
{
	draw_request(c, s);
	exchange_expect(c, s);
}

void requests_send(struct client *c, struct slot *s)
{
	const struct request_text *t = text_of(c, s);
	uint32_t sent = t->bytes - s->unsent;

	if (sent < t->head_bytes) {
		uint32_t taken =
			(uint32_t)hc_send(c->worker, s->conn, t->head + sent, t->head_bytes - sent,
					  HC_SEND_STATIC | HC_SEND_QUIET);

		s->unsent -= taken;
		sent += taken;
	}
	if (sent >= t->head_bytes && s->unsent > 0)
		s->unsent -= (uint32_t)hc_send(c->worker, s->conn, c->plan->filler, s->unsent,
					       HC_SEND_STATIC | HC_SEND_QUIET);
}

// The next request of a connection that has its response to the one before.
static void ask(struct client *c, struct slot *s, uint64_t due_ns)
{
	if (s->requests_left != REQUESTS_ENDLESS)
		s->requests_left--;
	s->asked_ns = c->now_ns;
	s->planned_ns = due_ns;
	draw_request(c, s);
	exchange_expect(c, s);
	requests_send(c, s);
}

// ---------------------------------------------------------------------------------------------
// thinking

void requests_stop(struct client *c, struct slot *s)
{
	s->requests_left = 0;
	if (s->queue == SLOT_THINKS)
		slots_remove(c, &c->thinking, s);
}

// The server closes only after a last request, and there will be none: it is ours to close.
static void stop_and_end(struct client *c, struct slot *s)
{
	requests_stop(c, s);
	if (!s->is_closing)
		exchange_end(c, s);
}

void requests_answered(struct client *c, struct slot *s)
{
	if (s->requests_left == 0 || s->is_closing)
		return;
	if (s->outcome != OUTCOME_RIGHT || client_phase(c) >= PHASE_DRAIN) {
		stop_and_end(c, s);
		return;
	}
	if (s->queue == SLOT_THINKS)
		return;
	if (c->plan->think_ns == 0) {
		ask(c, s, c->now_ns);
		return;
	}
	s->planned_ns = c->now_ns + c->plan->think_ns;
	slots_push(c, &c->thinking, s, SLOT_THINKS);
}

void requests_think_expire(struct client *c)
{
	const bool is_over = client_phase(c) >= PHASE_DRAIN;

	while (c->thinking.head != SLOT_NONE) {
		struct slot *s = &c->slots[c->thinking.head];
		uint64_t due_ns = s->planned_ns;

		if ((!is_over && c->now_ns < due_ns) || client_room(c) == 0)
			return;
		if (is_over) {
			stop_and_end(c, s);
		} else {
			slots_remove(c, &c->thinking, s);
			ask(c, s, due_ns);
		}
	}
}
