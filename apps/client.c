// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The load generator: phases, the schedule of opening, and the events of connections that are only
// opened and closed.
//
// Closed loop: a connection that ended is replaced in the same step. Open loop: the schedule says
// when each is due, whatever happened to those before; one that starts late is measured from when
// it was due (corrected) as well as from its SYN (raw), and what the stack refuses is counted as
// missed and not tried again. A connection without a slot carries its time in its cookie, as a
// stamp.

#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t churn_cookies[CLIENT_OPEN_MAX] = {
	[0 ... CLIENT_OPEN_MAX - 1] = COOKIE_CHURN,
};
static const uint32_t live_cookies[CLIENT_OPEN_MAX] = {
	[0 ... CLIENT_OPEN_MAX - 1] = COOKIE_LIVE,
};

// ---------------------------------------------------------------------------------------------
// events

void client_discard(struct client *c, hc_conn conn)
{
	struct hc_chunk chunks[8];
	unsigned n;

	while ((n = hc_recv(c->worker, conn, chunks, ARRAY_LEN(chunks))) > 0) {
		for (unsigned i = 0; i < n; i++)
			c->counts.body_bytes += chunks[i].len;
		hc_recv_release(c->worker, conn, chunks, n);
	}
}

// A connection of the churn is established: end it as told.
static inline void end_first(struct client *c, hc_conn conn, enum close_side close)
{
	if (close == CLOSE_CLIENT || close == CLOSE_BOTH)
		client_close(c, conn, false);
	else if (close == CLOSE_RST && hc_abort(c->worker, conn) == 0)
		c->counts.tally[TALLY_CHURN].aborted++;
}

// The time a connection was due, in its cookie: as fine as a histogram tells times apart.
#define STAMP_SHIFT HC_HIST_UNIT_SHIFT

static uint32_t stamp_of(uint64_t ns)
{
	uint32_t stamp = (uint32_t)(ns >> STAMP_SHIFT);

	return stamp == COOKIE_LIVE ? COOKIE_LIVE - 1 : stamp;
}

static void add_corrected(struct client *c, uint32_t stamp)
{
	uint32_t since = (uint32_t)(c->now_ns >> STAMP_SHIFT) - stamp;

	hc_hist_add(c->connect_corrected, (uint64_t)since << STAMP_SHIFT);
}

static void events_plain(struct client *c, unsigned n)
{
	const enum close_side close = c->plan->close;

	for (unsigned i = 0; i < n; i++) {
		const struct hc_event *ev = &c->events[i];
		bool is_live = ev->cookie == COOKIE_LIVE;
		struct client_tally *t = &c->counts.tally[is_live];

		switch ((enum hc_event_type)ev->type) {
		case HC_EV_OPENED:
			t->established++;
			if (is_live)
				break;
			if (UNLIKELY(c->connect_corrected != NULL))
				add_corrected(c, ev->cookie);
			end_first(c, ev->conn, close);
			break;
		case HC_EV_PEER_CLOSED:
			if (close == CLOSE_SERVER || is_live)
				client_close(c, ev->conn, false);
			break;
		case HC_EV_CLOSED:
			t->closed++;
			break;
		case HC_EV_FAILED:
			t->failed++;
			c->counts.failed_by[ev->reason]++;
			break;
		case HC_EV_RESET:
			t->reset++;
			c->counts.reset_by[ev->reason]++;
			break;
		case HC_EV_DATA:
			client_discard(c, ev->conn);
			break;
		case HC_EV_NONE:
		case HC_EV_ACCEPTED:
		case HC_EV_STALLED:
		case HC_EV_URGENT:
		case HC_EV_SOFT_ERROR:
		case HC_EV_SENT:
			break;
		}
	}
}

// ---------------------------------------------------------------------------------------------
// opening

// Closed loop: how many may be open now.
static uint64_t loop_target(const struct client *c)
{
	const struct client_plan *p = c->plan;
	uint64_t elapsed_ns = c->now_ns - c->load_from_ns;

	if (LIKELY(elapsed_ns >= p->ramp_ns))
		return p->concurrency;
	return (uint64_t)((double)p->concurrency * (double)elapsed_ns / (double)p->ramp_ns);
}

// What is neither held nor ended, and does not wait to be closed, has packets on the wire.
uint64_t client_room(const struct client *c)
{
	uint64_t idle = c->held.count + c->thinking.count + closes_waiting(&c->closes);
	uint64_t open = tally_open(&c->counts.tally[TALLY_CHURN]);
	uint64_t busy = open > idle ? open - idle : 0;

	return busy < c->plan->busy_cap ? c->plan->busy_cap - busy : 0;
}

// Closed loop: how many to open now.
static unsigned loop_wanted(const struct client *c)
{
	const struct client_tally *t = &c->counts.tally[TALLY_CHURN];
	uint64_t target = loop_target(c);
	uint64_t open = tally_open(t);
	uint64_t wanted = target > open ? target - open : 0;

	if (c->plan->connections > 0)
		wanted = min_u64(wanted, c->plan->connections - t->opened);
	wanted = min_u64(wanted, client_room(c));
	return (unsigned)min_u64(wanted, CLIENT_OPEN_MAX);
}

// The very first connection goes alone: while its SYN waits for the next hop's address, a burst
// behind it would overflow the queue of packets that wait.
static unsigned first_wanted(struct client *c, unsigned wanted)
{
	const struct client_tally *churn = &c->counts.tally[TALLY_CHURN];
	const struct client_tally *live = &c->counts.tally[TALLY_LIVE];

	if (churn->opened + live->opened == 0)
		return wanted > 0;
	c->is_warm = churn->established + churn->failed + live->established + live->failed > 0;
	return c->is_warm ? wanted : 0;
}

// Of those wanted, those that --open-rate lets go.
static inline unsigned paced(struct client *c, unsigned wanted)
{
	return LIKELY(c->opens.per_s == 0)
		       ? wanted
		       : (unsigned)min_u64(wanted, bucket_fill(&c->opens, c->now_ns));
}

static void open_loop(struct client *c)
{
	unsigned wanted = paced(c, loop_wanted(c)), taken;

	if (UNLIKELY(!c->is_warm))
		wanted = first_wanted(c, wanted);
	if (wanted == 0)
		return;
	taken = c->slots ? exchange_connect(c, wanted, NULL)
			 : hc_connect(c->worker, &c->connect, churn_cookies, NULL, wanted);
	c->counts.tally[TALLY_CHURN].opened += taken;
	bucket_take(&c->opens, taken);
}

const char *client_miss_name(unsigned miss)
{
	static const char *const names[MISS_COUNT] = {"no_port",     "no_memory", "no_buffer",
						      "bad_address", "behind",    "no_room"};

	return names[miss];
}

static void miss(struct client *c, enum miss why, uint64_t n)
{
	c->counts.missed += n;
	c->counts.missed_by[why] += n;
}

static enum miss miss_of(int refusal)
{
	switch (refusal) {
	case -EADDRNOTAVAIL:
		return MISS_NO_PORT;
	case -ENOBUFS:
		return MISS_NO_BUFFER;
	case -ENETUNREACH:
		return MISS_BAD_ADDRESS;
	default:
		return MISS_NO_MEMORY; // Of the stack's, or no slot of ours.
	}
}

void client_refused(struct client *c, uint64_t n)
{
	miss(c, miss_of(c->refusal), n);
}

// Open loop: opens what is due, as far as there is room; the rest stays due.
// @return whether any was.
static bool open_due(struct client *c, uint64_t by_ns)
{
	unsigned room = (unsigned)min_u64(client_room(c), CLIENT_OPEN_MAX);
	uint64_t planned_ns[CLIENT_OPEN_MAX];
	uint32_t stamps[CLIENT_OPEN_MAX];
	struct arrivals *a = &c->arrivals;
	unsigned due = 0, taken;

	room = paced(c, room);
	if (UNLIKELY(!c->is_warm))
		room = first_wanted(c, room > 0);
	while (due < room && a->next_ns <= by_ns - c->load_from_ns) {
		planned_ns[due] = c->load_from_ns + a->next_ns;
		stamps[due] = stamp_of(planned_ns[due]);
		due++;
		arrivals_pass(a);
	}
	if (due == 0)
		return false;
	if (c->slots) {
		taken = exchange_connect(c, due, planned_ns);
	} else {
		c->connect.planned_ns = planned_ns;
		taken = hc_connect(c->worker, &c->connect, stamps, NULL, due);
		if (UNLIKELY(taken < due))
			client_refused(c, due - taken);
	}
	c->connect.planned_ns = NULL;
	c->counts.tally[TALLY_CHURN].opened += taken;
	bucket_take(&c->opens, taken);
	return true;
}

static void open_churn(struct client *c)
{
	if (c->plan->schedule)
		(void)open_due(c, c->now_ns);
	else
		open_loop(c);
}

// Those held beside the churn come first.
static void open_live(struct client *c)
{
	struct hc_connect_args args = c->plan->connect;
	struct client_tally *t = &c->counts.tally[TALLY_LIVE];
	uint64_t opening = t->opened - t->established - t->failed;
	uint64_t room = c->plan->busy_cap - min_u64(opening, c->plan->busy_cap);
	uint64_t due = min_u64(c->plan->live - t->opened, room);
	unsigned wanted = (unsigned)min_u64(due, CLIENT_OPEN_MAX);

	if (UNLIKELY(!c->is_warm))
		wanted = first_wanted(c, wanted);
	args.remote_port = c->plan->live_port;
	args.data_bytes = 0; // These send nothing.
	t->opened += hc_connect(c->worker, &args, live_cookies, NULL, wanted);
}

// ---------------------------------------------------------------------------------------------
// phases

static void enter(struct client *c, enum client_phase phase, uint64_t until_ns)
{
	c->phase_until_ns = until_ns;
	__atomic_store_n(&c->phase, (uint32_t)phase, __ATOMIC_RELAXED);
}

static uint64_t load_until(const struct client *c)
{
	return c->plan->duration_ns ? c->load_from_ns + c->plan->duration_ns : UINT64_MAX;
}

static bool is_stopped(const struct client *c)
{
	return __atomic_load_n(c->stop, __ATOMIC_RELAXED) != 0;
}

// What was due between the last opening and the end, which is always noticed a little late, is
// opened still; before the phase changes, so that it is waited for. Not if it is noticed much
// later.
static void open_last(struct client *c)
{
	const enum client_phase phase = client_phase(c);
	const uint64_t end_ns = load_until(c);

	if (!c->plan->schedule || phase <= PHASE_FILL || phase >= PHASE_DRAIN ||
	    c->now_ns < end_ns || c->now_ns - end_ns > NS_PER_MS || is_stopped(c))
		return;
	while (open_due(c, end_ns))
		;
}

// What found no room by the end was due all the same.
static void end_schedule(struct client *c)
{
	uint64_t end_ns = min_u64(c->now_ns, load_until(c));

	if (end_ns > c->load_from_ns)
		miss(c, client_room(c) > 0 ? MISS_BEHIND : MISS_NO_ROOM,
		     arrivals_pass_until(&c->arrivals, end_ns - c->load_from_ns));
}

// Whether all of --connections have been opened (or missed).
static bool is_quota_reached(const struct client *c)
{
	const struct client_plan *p = c->plan;

	return p->connections > 0 &&
	       c->counts.tally[TALLY_CHURN].opened + c->counts.missed >= p->connections;
}

static bool is_fill_over(struct client *c)
{
	const struct client_tally *t = &c->counts.tally[TALLY_LIVE];

	if (c->plan->attack_lead_ns > 0 && client_attack_leads(c))
		return false;
	return t->opened == c->plan->live && t->opened == t->established + t->failed;
}

// The measured part ends by time, or, when so many connections are asked for, with the last of
// them.
static void advance_steady(struct client *c)
{
	const struct client_plan *p = c->plan;

	// What could not be opened in time never is: those that could are gathered.
	if (p->acts && !c->is_quota_seen && c->now_ns >= c->phase_until_ns)
		end_schedule(c);
	if (is_quota_reached(c) && !c->is_quota_seen) {
		const uint64_t until_ns = c->now_ns + p->hold_ns + p->drain_ns;

		c->is_quota_seen = true;
		c->phase_until_ns = p->acts ? until_ns : min_u64(c->phase_until_ns, until_ns);
	}
	if (c->is_quota_seen &&
	    (tally_open(&c->counts.tally[TALLY_CHURN]) == 0 || (p->acts && staged_is_over(c))))
		enter(c, PHASE_DRAIN, c->now_ns + p->drain_ns);
	else if (c->now_ns >= c->phase_until_ns)
		enter(c, PHASE_DESCEND, c->is_quota_seen ? c->now_ns : load_until(c));
}

// Moves on when a phase's time or work is over. Phases of no length are passed in one call.
static void advance(struct client *c)
{
	const struct client_plan *p = c->plan;

	if (client_phase(c) < PHASE_DRAIN && is_stopped(c))
		enter(c, PHASE_DRAIN, c->now_ns + p->drain_ns);
	if (client_phase(c) == PHASE_FILL && is_fill_over(c)) {
		c->load_from_ns = c->now_ns;
		arrivals_init(&c->arrivals, p->schedule, p->is_poisson, p->seed, p->index,
			      p->sharers, p->connections);
		staged_begin(c);
		enter(c, PHASE_RAMP, c->now_ns + p->ramp_ns);
	}
	if (client_phase(c) == PHASE_RAMP &&
	    (c->now_ns >= c->phase_until_ns || is_quota_reached(c)))
		enter(c, PHASE_SETTLE, c->phase_until_ns + p->settle_ns);
	if (client_phase(c) == PHASE_SETTLE &&
	    (c->now_ns >= c->phase_until_ns || is_quota_reached(c)))
		enter(c, PHASE_STEADY,
		      p->sustain_ns ? c->load_from_ns + p->sustain_ns : load_until(c));
	if (client_phase(c) == PHASE_STEADY)
		advance_steady(c);
	if (client_phase(c) == PHASE_DESCEND && c->now_ns >= c->phase_until_ns)
		enter(c, PHASE_DRAIN, c->now_ns + p->drain_ns);
	if (client_phase(c) == PHASE_DRAIN &&
	    (tally_open(&c->counts.tally[TALLY_CHURN]) == 0 || c->now_ns >= c->phase_until_ns))
		enter(c, PHASE_DONE, UINT64_MAX);
}

// How many are established, at the ends of steps.
static void note_alive(struct client *c)
{
	uint64_t alive = tally_alive(&c->counts.tally[TALLY_CHURN]);
	struct client_counts *k = &c->counts;

	k->alive_least = k->alive_most == 0 ? alive : min_u64(k->alive_least, alive);
	k->alive_most = max_u64(k->alive_most, alive);
}

void client_step(struct client *c, uint64_t now_ns)
{
	unsigned n = hc_step(c->worker, now_ns, c->events, c->event_cap);
	enum client_phase before, phase;

	if (UNLIKELY(c->plan->grace_ns > 0) && client_phase(c) < PHASE_DRAIN)
		staged_turned(c, now_ns);
	c->now_ns = now_ns;
	c->event_count = n;
	if (c->slots) {
		exchange_events(c, n);
		exchange_hold_expire(c);
		if (UNLIKELY(c->thinking.count > 0))
			requests_think_expire(c);
	} else {
		events_plain(c, n);
	}
	if (UNLIKELY(c->closes.waiting != NULL))
		closes_run(&c->closes, c->worker, now_ns);
	before = client_phase(c);
	open_last(c);
	advance(c);
	phase = client_phase(c);
	if (UNLIKELY(c->plan->keeps_live || c->acts_from_ns > 0) && phase == PHASE_STEADY)
		note_alive(c);
	if (UNLIKELY(c->plan->grace_ns > 0) && phase > PHASE_FILL)
		staged_note_alive(c);
	if (phase == PHASE_FILL)
		open_live(c);
	else if (before > PHASE_FILL && before < PHASE_DRAIN && phase >= PHASE_DRAIN)
		end_schedule(c);
	else if (phase < PHASE_DRAIN && phase == before)
		open_churn(c); // Not in the step of a change: the loop takes its mark first.
	if (UNLIKELY(c->plan->attack.syns_per_s > 0))
		client_attack(c, phase);
	hc_flush(c->worker);
}

// ---------------------------------------------------------------------------------------------
// life

void client_forget_latency(struct client *c)
{
	struct hc_hist *const own[] = {c->connect_corrected,    c->first_byte,
				       c->first_byte_corrected, c->response,
				       c->response_corrected,   c->whole};

	hc_worker_latency_reset(c->worker);
	for (unsigned i = 0; i < ARRAY_LEN(own); i++) {
		if (own[i])
			hc_hist_reset(own[i]);
	}
}

struct hc_hist *client_hist(void)
{
	struct hc_hist *h = malloc(sizeof *h);

	if (h)
		hc_hist_reset(h);
	return h;
}

bool client_init(struct client *c, struct hc_worker *worker, const struct client_plan *plan,
		 const int *stop)
{
	memset(c, 0, sizeof *c);

	c->worker = worker;
	c->plan = plan;
	c->connect = plan->connect;
	c->connect.why = &c->refusal;
	c->stop = stop;
	c->event_cap = HC_EVENTS_PER_FRAME * plan->burst_pkts;
	c->phase_until_ns = UINT64_MAX;
	c->events = calloc(c->event_cap + SLOTS_AHEAD, sizeof *c->events);
	bucket_init(&c->opens, plan->open_per_s, BUCKET_SHAPE_NS);
	if (!c->events || !closes_init(&c->closes, plan->close_per_s, plan->conn_cap))
		return false;
	if (plan->schedule) {
		c->connect_corrected = client_hist();
		if (!c->connect_corrected)
			return false;
	}
	c->open_deadline_ns = c->act_deadline_ns = UINT64_MAX;
	if (plan->request_kind == REQUEST_NONE && plan->hold_ns == 0 && plan->target_count <= 1 &&
	    plan->grace_ns == 0)
		return true;
	return exchange_init(c);
}

void client_fini(struct client *c)
{
	exchange_fini(c);
	closes_fini(&c->closes);
	free(c->connect_corrected);
	free(c->events);
	memset(c, 0, sizeof *c);
}
