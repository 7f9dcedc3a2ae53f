// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// From the result of one iteration to its row: what counts as completed in each test.
//
// A connection is completed when it was established (and, if an object was asked for, that was
// right) within --grace of the planned end. A tear-down is completed when the connection is closed
// on both sides, as far as both are ours, within the same time. The rate is that of what was
// completed, from the first to the last: half of the granularity may be missing from it, so that
// what is found is within the granularity of what was reached.

#include "test_flood.h"

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

struct test_times test_times_of(const struct hc_hist *h)
{
	if (h->count == 0)
		return (struct test_times){0};
	return (struct test_times){
		.count = h->count,
		.min_us = (double)h->min_ns / 1e3,
		.max_us = (double)h->max_ns / 1e3,
		.average_us = hc_hist_mean_ns(h) / 1e3,
		.aggregate_us = (double)h->sum_ns / 1e3,
	};
}

// RFC 3511 Appendix C measures a tear down at the side that began it; RFC 2647 and Appendix B an
// establishment up to the final ACK's arrival at the server, which takes both ends.
enum latency test_latency(enum test_kind kind)
{
	static const enum latency of[TEST_KINDS] = {
		[TEST_ESTABLISHMENT_RATE] = LATENCY_ESTABLISHMENT,
		[TEST_TEARDOWN_RATE] = LATENCY_CLOSE,
		[TEST_CONCURRENT_CAPACITY] = LATENCY_ESTABLISHMENT,
		[TEST_TRANSACTION_RATE] = LATENCY_RESPONSE,
		[TEST_HTTP_LATENCY] = LATENCY_RESPONSE,
		[TEST_SYN_FLOOD] = LATENCY_ESTABLISHMENT,
	};

	return of[kind];
}

// The rate that the first and the last of them make.
static void set_rate(const struct test *t, const struct span *s, struct loss_numbers *n)
{
	n->achieved_per_s = loss_rate(n->completed, s->to_ns - s->from_ns, n->asked_per_s);
	n->slack_per_s = (double)t->cfg->test.granularity / 2;
}

// How many are open at once may change by what a connection may be late.
static void set_open(const struct test *t, const struct result *r, struct test_row *row)
{
	struct loss_numbers *n = &row->numbers;

	loss_set_open(n, r->clients.alive, TENTHS);
	n->open_slack = row->attempt_per_s * (double)t->cfg->test.grace_ns / (double)NS_PER_S;
}

// One that is late and one that got the wrong object are two that were not completed.
static void judge_opened(const struct result *r, bool has_object, struct test_row *row)
{
	struct loss_numbers *n = &row->numbers;

	n->late = r->clients.late_opened;
	n->completed = has_object ? r->clients.validated : less(row->established, n->late);
	n->wrong = has_object ? less(row->established, row->objects_returned) : 0;
	n->failed = less(n->attempted, row->established);
}

// A transaction is a request and its response: the connection is only what it needs.
static void judge_answered(const struct result *r, struct test_row *row)
{
	const uint64_t each = config_requests(r->cfg);
	struct loss_numbers *n = &row->numbers;

	n->asked_per_s *= (double)each;
	n->attempted *= each;
	n->unstarted *= each;
	n->late = r->clients.late_answered;
	n->completed = less(row->objects_returned, n->late);
	n->failed = less(n->attempted, each * row->established);
	n->wrong = less(row->objects_requested, row->objects_returned);
}

static void judge_closed(const struct result *r, struct test_row *row)
{
	struct loss_numbers *n = &row->numbers;

	n->late = r->clients.late_closed;
	n->completed = less(row->closed, n->late);
	n->failed = less(n->attempted, row->closed);
}

static void judge_held(const struct result *r, struct test_row *row)
{
	struct loss_numbers *n = &row->numbers;

	n->completed = row->objects_returned;
	n->failed = less(n->attempted, row->established);
	n->wrong = less(row->established, row->objects_returned);
	n->held_asked = n->attempted;
	n->held_least = r->clients.alive_least;
}

// Of both sides, as far as they are ours.
static uint64_t closed_by_all(const struct result *r)
{
	return r->cfg->command == COMMAND_BENCH ? min_u64(r->view.closed, r->server_view.closed)
						: r->view.closed;
}

void test_judge(const struct test *t, const struct result *r, struct test_row *row)
{
	const struct config *cfg = r->cfg;
	bool has_object = cfg->request.kind != REQUEST_NONE;
	const enum test_kind kind = (enum test_kind)t->cfg->test.kind;
	struct loss_numbers *n = &row->numbers;
	double rate = cfg->turn.act_per_s > 0 ? cfg->turn.act_per_s : cfg->rate_per_s;

	row->attempt_per_s = cfg->rate_per_s;
	row->established = r->view.established;
	row->closed = closed_by_all(r);
	row->objects_requested = has_object ? config_requests(cfg) * r->view.established : 0;
	row->objects_returned = r->clients.outcome[OUTCOME_RIGHT];
	row->retransmitted = r->retransmitted;
	row->gap_ms = (double)r->clients.gap_ns_max / NS_PER_MS;
	row->elapsed_s = r->elapsed_s;
	row->times = test_times_of(&r->latency[test_latency(kind)]);
	row->connect_times = test_times_of(&r->latency[LATENCY_CONNECT]);
	n->asked_per_s = rate;
	n->achieved_per_s = rate;
	n->attempted = cfg->connections;
	n->connections = cfg->connections;
	n->unstarted = r->clients.missed_by[MISS_BEHIND] + r->clients.missed_by[MISS_NO_ROOM];
	n->resets = less(r->view.reset, r->clients.aborted);
	switch (kind) {
	case TEST_ESTABLISHMENT_RATE:
	case TEST_SYN_FLOOD:
		judge_opened(r, has_object, row);
		set_rate(t, &r->clients.opened_span, n);
		set_open(t, r, row);
		break;
	case TEST_TEARDOWN_RATE:
		judge_closed(r, row);
		set_rate(t, &r->clients.closed_span, n);
		break;
	case TEST_CONCURRENT_CAPACITY:
		judge_held(r, row);
		break;
	case TEST_TRANSACTION_RATE:
	case TEST_HTTP_LATENCY:
		judge_answered(r, row);
		set_rate(t, &r->clients.answered_span, n);
		set_open(t, r, row);
		break;
	case TEST_KINDS:
		break;
	}
	row->passes = loss_judge(&t->cfg->test.criterion, n, row->why, sizeof row->why);
	row->is_disturbed = !row->passes && r->clients.gap_ns_max > cfg->turn.gap_ns &&
			    loss_is_explained(n, r->clients.gap_ns_max);
	test_flood_judge(t, r, row);
}
