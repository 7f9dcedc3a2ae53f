// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The load generator of one worker. It steps the stack, does what each event asks for, opens what
// is due, and flushes: run to completion, no system calls, no heap.
//
// A connection that is only opened and closed has no memory here at all: its events are counted,
// and as many as ended are opened again by one bulk call. Connections that are held or that
// exchange something get a slot, whose number is their cookie (client_exchange.c).

#include <stddef.h>

#include <handclasp/handclasp.h>

#include "closes.h"
#include "config.h"
#include "http.h"
#include "schedule.h"

enum client_phase {
	PHASE_FILL,    // Opening the connections that are held beside the churn.
	PHASE_RAMP,    // Growing towards the planned load.
	PHASE_SETTLE,  // Full load, not yet measured.
	PHASE_STEADY,  // Measured.
	PHASE_DESCEND, // What the schedule has behind its measured part.
	PHASE_DRAIN,   // Nothing is opened any more; what is open may end.
	PHASE_DONE,
};

#define CLIENT_OPEN_MAX 256u // Connections opened by one bulk call.

// What a request begins with; the rest of its bytes is filler.
struct request_text {
	const uint8_t *head;
	uint32_t head_bytes;
	uint32_t bytes;
};

// What one client has to do: its share of the configuration.
struct client_plan {
	struct hc_connect_args connect;
	uint16_t live_port; // Where those held beside the churn connect to.
	uint32_t concurrency;
	uint32_t busy_cap; // Opening or closing at once: a wire in memory holds only so many.
	const struct schedule *schedule; // NULL: closed loop.
	bool is_poisson;
	unsigned index, sharers; // This client's place among those that share a schedule's rate.
	uint64_t seed;
	uint64_t open_per_s, close_per_s; // At most; 0: no limit.
	uint64_t connections;
	uint64_t duration_ns; // 0: no limit.
	uint64_t ramp_ns;     // When the measured part begins, but for settling.
	uint64_t sustain_ns;  // When it ends; 0: with the duration.
	uint64_t settle_ns;
	uint64_t hold_ns;
	uint64_t drain_ns;
	uint32_t live;
	uint32_t conn_cap;
	unsigned burst_pkts;
	// Of a test's turn (client_staged.c).
	uint64_t grace_ns; // So long behind the plan a thing is late; 0: nothing is.
	uint64_t open_ns;  // How long opening takes by the plan.
	const struct schedule
		*acts;    // What is done to connections once all are open; NULL: nothing.
	uint64_t act_ns;  // How long that takes by the plan.
	bool act_asks;    // It is the request; otherwise our FIN.
	uint64_t keep_ns; // Those that stay do at least so long.
	enum close_side close;
	enum request_kind request_kind;
	const uint8_t *request; // Shared by all connections.
	uint32_t request_bytes;
	uint64_t response_bytes; // RESPONSE_AUTO: whatever comes.

	struct hc_flood attack; // syns_per_s 0: none.
	uint64_t attack_lead_ns;

	bool keeps_live; // --hold-live: tells how many were alive.

	// Several of them (client_targets.c); of one the first above has the address.
	const struct endpoint *targets;
	unsigned target_count;
	uint64_t stagger_ns;

	// Not one request of one size (client_requests.c).
	uint32_t requests; // On each connection, or REQUESTS_ENDLESS.
	uint64_t think_ns;
	struct size_mix request_sizes, response_sizes;
	const struct request_text
		*texts; // [target][is the last][request size][response size]; NULL: usual.
	const uint8_t *filler;
};

// Where connections of one kind stand. Those of cookie CHURN (or with a slot) and those held.
struct client_tally {
	uint64_t opened;
	uint64_t established;
	uint64_t closed;
	uint64_t failed;
	uint64_t reset;
	uint64_t aborted; // By plan: --close rst.
};

// Where connections to one of several targets stand.
struct target_tally {
	uint64_t opened, established, closed, failed, reset;
};

enum client_tally_kind { TALLY_CHURN, TALLY_LIVE, TALLY_COUNT };

// Why a connection that was due in an open loop was never started.
enum miss {
	MISS_NO_PORT,     // Every source tuple is in use or in TIME-WAIT.
	MISS_NO_MEMORY,   // No control block.
	MISS_NO_BUFFER,   // No packet buffer for its SYN.
	MISS_BAD_ADDRESS, // The target cannot be a host.
	MISS_BEHIND,      // Its turn had not come when the run was over.
	MISS_NO_ROOM,     // The same, with as many opening or closing as may be (busy_cap).
	MISS_COUNT
};

const char *client_miss_name(unsigned miss);

enum outcome {
	OUTCOME_PENDING, // The response is not complete.
	OUTCOME_NONE,    // None is expected.
	OUTCOME_RIGHT,
	OUTCOME_BAD_STATUS, // Not HTTP, or not 200, or of a form we cannot measure (chunked).
	OUTCOME_BAD_LENGTH, // Fewer or more bytes than announced or asked for.
	OUTCOME_COUNT
};

// Which queue a slot is in.
enum slot_queue {
	SLOT_IDLE,
	SLOT_HELD,   // For --hold.
	SLOT_THINKS, // For --think; planned_ns is when it is over.
};

#define SLOT_NONE UINT32_MAX

// Slots that wait, in order.
struct slot_line {
	uint32_t head, tail; // SLOT_NONE: empty.
	uint64_t count;
};

// One cache line: what a connection needs on its way from SYN to response. Its second half is
// written as a whole when the connection opens.
struct slot {
	hc_conn conn;
	uint64_t opened_ns;
	uint64_t planned_ns; // Open loop: when it was due.
	uint64_t asked_ns;   // When the request went out, or with the SYN.
	/* 32 */
	uint64_t body_left;     // HTTP_NO_LENGTH: until the peer's FIN.
	uint32_t next, prev;    // Free list, or the queue of those that are held.
	uint32_t unsent;        // Bytes of the request the stack has not taken.
	uint32_t requests_left; // Behind the one under way.
	uint8_t queue : 4;      // enum slot_queue.
	bool is_head_begun : 1; // heads[] has the beginning of it.
	bool is_acted : 1;      // It has had its turn, of those gathered first.
	bool is_late : 1;       // It was opened too late to count.
	bool is_due;            // Has been established for --hold.
	bool is_closing;        // We have sent our FIN.
	bool is_answered;       // The first byte of the response has come.
	bool has_head;          // The head of the response is still to come, or to be completed.
	uint8_t outcome;        // enum outcome, once the response is complete.
	uint8_t verdict;        // enum outcome the head has earned.
	uint8_t text;           // Of plan->texts.
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct slot) == 64, "a slot is one cache line");

#define SLOT_HALF 32u
_Static_assert(offsetof(struct slot, body_left) == SLOT_HALF, "the second half begins there");

// From the first of a kind of event to the last.
struct span {
	uint64_t from_ns, to_ns; // 0: there was none.
};

static inline void span_note(struct span *s, uint64_t now_ns)
{
	if (s->from_ns == 0)
		s->from_ns = now_ns;
	s->to_ns = now_ns;
}

// How many connections were established in a tenth of the time that opening takes by the plan,
// summed up over our steps in it: of steps and not of time, since what is due while the tester
// stands still is no crowd of the device's.
#define TENTHS 10u

struct tenth {
	uint64_t steps, alive;
};

struct client_counts {
	struct client_tally tally[TALLY_COUNT];
	uint64_t failed_by[HC_REASON_COUNT];
	uint64_t reset_by[HC_REASON_COUNT];
	uint64_t missed; // Open loop: due, and refused by the stack or never started.
	uint64_t missed_by[MISS_COUNT];
	uint64_t outcome[OUTCOME_COUNT];
	uint64_t body_bytes;
	struct target_tally target[TARGETS_MAX]; // Of several.
	uint64_t alive_least, alive_most;        // --hold-live: in the measured part.
	// Of a test's turn (client_staged.c).
	uint64_t late_opened, late_answered, late_closed;
	uint64_t validated; // Right responses on connections that were opened in time.
	struct span opened, answered, closed;
	uint64_t gap_ns_max; // The longest between two of our turns before the drain.
	struct tenth tenth[TENTHS];
};

#define CLIENT_MEMO_BYTES 512u
#define SLOTS_AHEAD       6u // Events ahead of the one at hand whose slot is fetched.

struct client {
	struct hc_worker *worker;
	const struct client_plan *plan;
	struct hc_connect_args connect; // Of the next connections.
	int refusal;                    // Why the last of them was not taken: 0, or an errno.
	uint8_t *slot_target;           // By slot, of several targets; NULL: one.
	unsigned target_next;           // Whose turn it is.
	const int *stop;                // Set when the run is interrupted.
	struct hc_event *events;        // And SLOTS_AHEAD behind event_cap.
	unsigned event_cap;
	unsigned event_count; // Of the last step.
	uint64_t now_ns;

	uint32_t phase;           // enum client_phase; others read it while we run.
	uint64_t load_from_ns;    // The end of FILL.
	uint64_t phase_until_ns;  // UINT64_MAX: no time ends it.
	struct arrivals arrivals; // Open loop: those that are due next.
	struct bucket opens;      // --open-rate.
	struct closes closes;     // --close-rate.
	bool is_warm;             // The first connection has come to something.
	bool is_quota_seen;       // All of --connections are opened.

	struct slot *slots;      // NULL: none are needed.
	struct http_head *heads; // By slot: of responses whose head did not come whole.
	uint32_t slot_cap;
	uint32_t slot_used;
	uint32_t slot_free;
	struct slot_line held, thinking;
	uint64_t random;
	struct slot *begun;    // Whose second half all begin with; behind the others.
	bool half_closes;      // Our FIN goes before the response: only the peer's ends it.
	bool is_usual;         // One request, not scheduled, held or acted on: see exchange_init().
	struct arrivals acts;  // Of those gathered first: whose turn is next.
	uint64_t acts_from_ns; // 0: they are still gathered.
	uint64_t open_deadline_ns, act_deadline_ns; // UINT64_MAX: nothing is late.
	uint64_t turned_ns;
	bool has_attacked;
	int attack_refusal; // Of hc_flood_begin().
	uint64_t attack_from_ns;
	uint32_t *slot_cookies; // Of one bulk call.
	hc_conn *slot_conns;

	// The response head read last, and what it came to.
	uint8_t memo[CLIENT_MEMO_BYTES];
	uint32_t memo_len;
	uint32_t whole_bytes; // Of a right response with this head; 0: it is not looked for.
	struct http_head memo_head;

	struct client_counts counts;
	// Request sent to the first byte that comes, and to the last one of a right response; NULL:
	// there are no requests.
	struct hc_hist *first_byte;
	struct hc_hist *response;
	struct hc_hist *whole; // Both, of right responses that came in one piece: one time.
	// Open loop: the same, and the SYN,ACK, since the connection was due; NULL otherwise.
	struct hc_hist *connect_corrected;
	struct hc_hist *first_byte_corrected;
	struct hc_hist *response_corrected;
};

// @return false when memory is short.
bool client_init(struct client *c, struct hc_worker *worker, const struct client_plan *plan,
		 const int *stop);
void client_fini(struct client *c);

// Forgets the times so far, those the stack keeps as well.
void client_forget_latency(struct client *c);

// One step of the stack and of the client. The first call begins the load.
void client_step(struct client *c, uint64_t now_ns);

static inline enum client_phase client_phase(const struct client *c)
{
	return (enum client_phase)__atomic_load_n(&c->phase, __ATOMIC_RELAXED);
}

// Bytes of response, or RESPONSE_AUTO. A text stands for both sizes, the response's turning faster.
static inline uint64_t client_wanted(const struct client *c, const struct slot *s)
{
	const struct client_plan *p = c->plan;

	if (LIKELY(p->response_sizes.count == 0))
		return p->response_bytes;
	return p->response_sizes.item[s->text % p->response_sizes.count].bytes;
}

// Connections of a kind that were opened and have not ended.
static inline uint64_t tally_open(const struct client_tally *t)
{
	return t->opened - t->closed - t->failed - t->reset - t->aborted;
}

// Established, and not yet closed both ways.
static inline uint64_t tally_alive(const struct client_tally *t)
{
	return t->established - t->closed - t->reset - t->aborted;
}

// ---------------------------------------------------------------------------------------------
// Between the files of the client.

#define COOKIE_CHURN 0u
#define COOKIE_LIVE  UINT32_MAX

bool exchange_init(struct client *c);
void exchange_fini(struct client *c);

// Handles the burst's events when connections have slots.
void exchange_events(struct client *c, unsigned n);

// Closes those whose --hold is over.
void exchange_hold_expire(struct client *c);

// Opens n connections with a slot each; planned_ns, if not NULL, says when each was due, and those
// refused are missed. Returns how many.
unsigned exchange_connect(struct client *c, unsigned n, const uint64_t *planned_ns);

// The same to one of several targets.
unsigned exchange_connect_to(struct client *c, unsigned n, const uint64_t *planned_ns,
			     unsigned target);

// client_targets.c: the same to those whose turn it is; and what an event says about its target.
bool targets_init(struct client *c);
void targets_fini(struct client *c);
unsigned targets_connect(struct client *c, unsigned n, const uint64_t *planned_ns);
void targets_note(struct client *c, const struct hc_event *ev);

// Ends a connection from our side.
void exchange_end(struct client *c, struct slot *s);

// A response is awaited from now on.
void exchange_expect(struct client *c, struct slot *s);

// client_requests.c, while plan->texts is set: a connection has opened; there is something to send;
// a response is complete; no more requests on it.
void requests_begin(struct client *c, struct slot *s);
void requests_act(struct client *c, struct slot *s); // Its turn has come.
void requests_send(struct client *c, struct slot *s);
void requests_answered(struct client *c, struct slot *s);
void requests_stop(struct client *c, struct slot *s);

// Goes on with those that have thought long enough.
void requests_think_expire(struct client *c);

// Puts a connection on a queue, behind the others, and takes one off.
void slots_push(struct client *c, struct slot_line *l, struct slot *s, enum slot_queue queue);
void slots_remove(struct client *c, struct slot_line *l, struct slot *s);

// Sends what is left of the request.
void exchange_send(struct client *c, struct slot *s);

// Closes if all that has to happen before has happened.
void exchange_end_if_due(struct client *c, struct slot *s);

// The load begins; it has its turn again.
void staged_begin(struct client *c);
void staged_turned(struct client *c, uint64_t now_ns);

// A step is done: how many connections are established.
void staged_note_alive(struct client *c);

// A connection is open, has its right response, is closed.
void staged_note_opened(struct client *c, struct slot *s);
void staged_note_right(struct client *c, const struct slot *s);
void staged_note_closed(struct client *c);

// Acts on what is due.
void staged_act(struct client *c);

// The response has come: the connection stays.
void staged_answered(struct client *c, struct slot *s);

// Whether all have had their turn, and those that stay have been answered.
bool staged_is_over(const struct client *c);

// client_attack.c, while plan->attack is one: at the end of each step; and whether it still goes
// ahead of the load.
void client_attack(struct client *c, enum client_phase phase);
bool client_attack_leads(struct client *c);

// A histogram, empty; NULL when memory is short.
struct hc_hist *client_hist(void);

// So many that were due were not taken, for c->refusal, or because there is no slot.
void client_refused(struct client *c, uint64_t n);

// How many more connections may become busy now.
uint64_t client_room(const struct client *c);

// Closes a connection, or our half of it, when --close-rate lets it.
static inline void client_close(struct client *c, hc_conn conn, bool is_half)
{
	if (UNLIKELY(c->closes.waiting != NULL))
		closes_put(&c->closes, c->worker, c->now_ns, conn, is_half);
	else
		(void)closes_send(c->worker, conn, is_half);
}

// Throws away what a connection received.
void client_discard(struct client *c, hc_conn conn);
