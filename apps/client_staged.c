// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What the tests ask of a client beyond the load: when a thing is late, and connections that are
// gathered first, all of them, before what is measured is done to each at a rate of its own: closed
// (RFC 3511 5.4), or asked for an object that proves it is there (RFC 3511 5.2). Those gathered are
// the queue of those that are held; who has had a turn, and stays, goes back behind the others.

#include "client.h"

void staged_begin(struct client *c)
{
	const struct client_plan *p = c->plan;

	if (p->grace_ns == 0)
		return;
	c->open_deadline_ns = c->load_from_ns + p->open_ns + p->grace_ns;
	if (!p->acts)
		c->act_deadline_ns = c->open_deadline_ns;
}

void staged_turned(struct client *c, uint64_t now_ns)
{
	struct client_counts *k = &c->counts;
	uint64_t gap_ns = c->turned_ns > 0 ? now_ns - c->turned_ns : 0;

	c->turned_ns = now_ns;
	k->gap_ns_max = max_u64(k->gap_ns_max, gap_ns);
}

void staged_note_opened(struct client *c, struct slot *s)
{
	s->is_late = c->now_ns > c->open_deadline_ns;
	c->counts.late_opened += s->is_late;
	if (!s->is_late)
		span_note(&c->counts.opened, c->now_ns);
}

void staged_note_right(struct client *c, const struct slot *s)
{
	c->counts.validated += !s->is_late;
	if (c->now_ns <= c->act_deadline_ns)
		span_note(&c->counts.answered, c->now_ns);
}

void staged_note_closed(struct client *c)
{
	bool is_late = c->now_ns > c->act_deadline_ns;

	c->counts.late_closed += is_late;
	if (!is_late)
		span_note(&c->counts.closed, c->now_ns);
}

void staged_note_alive(struct client *c)
{
	const struct client_plan *p = c->plan;
	uint64_t since_ns = c->now_ns - c->load_from_ns;
	struct tenth *t;

	if (p->acts || since_ns >= p->open_ns)
		return;
	t = &c->counts.tenth[since_ns * TENTHS / p->open_ns];
	t->steps++;
	t->alive += tally_alive(&c->counts.tally[TALLY_CHURN]);
}

// Whether every connection has come to something, and those that are open wait here.
static bool is_gathered(const struct client *c)
{
	const struct client_tally *t = &c->counts.tally[TALLY_CHURN];

	return c->is_quota_seen && tally_open(t) == c->held.count;
}

static bool is_acting(struct client *c)
{
	const struct client_plan *p = c->plan;

	if (c->acts_from_ns > 0)
		return true;
	if (!is_gathered(c))
		return false;
	c->acts_from_ns = c->now_ns;
	c->act_deadline_ns = c->now_ns + p->act_ns + p->grace_ns;
	arrivals_init(&c->acts, p->acts, p->is_poisson, p->seed, p->index, p->sharers, 0);
	return true;
}

// Whose turn is next; NULL: all have had it.
static struct slot *next_of(const struct client *c)
{
	struct slot *s = c->held.head == SLOT_NONE ? NULL : &c->slots[c->held.head];

	return s && !s->is_acted ? s : NULL;
}

static void act(struct client *c, struct slot *s)
{
	slots_remove(c, &c->held, s);
	s->is_acted = true;
	if (!c->plan->act_asks) {
		s->is_due = true;
		exchange_end_if_due(c, s);
		return;
	}
	s->asked_ns = c->now_ns;
	s->planned_ns = c->acts_from_ns + c->acts.next_ns;
	if (UNLIKELY(c->plan->texts != NULL))
		requests_act(c, s);
	else
		s->unsent = c->plan->request_bytes;
	exchange_send(c, s);
}

void staged_act(struct client *c)
{
	struct slot *s;

	if (!is_acting(c))
		return;
	while ((s = next_of(c)) && c->acts.next_ns <= c->now_ns - c->acts_from_ns &&
	       client_room(c) > 0) {
		act(c, s);
		arrivals_pass(&c->acts);
	}
}

void staged_answered(struct client *c, struct slot *s)
{
	if (s->is_acted && s->queue != SLOT_HELD && !s->is_closing && s->outcome != OUTCOME_PENDING)
		slots_push(c, &c->held, s, SLOT_HELD);
}

bool staged_is_over(const struct client *c)
{
	return c->acts_from_ns > 0 && !next_of(c) &&
	       c->now_ns - c->acts_from_ns >= c->plan->keep_ns &&
	       tally_open(&c->counts.tally[TALLY_CHURN]) == c->held.count;
}
