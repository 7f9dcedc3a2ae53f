// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Exchanges of HTTP, byte by byte: one end is the server or the load generator, the other only a
// worker, which says what the test wants said, in the pieces it wants. The usual exchange is
// written out apart from the others in both ends; here is what must not be taken for it, and that
// all of it comes to the same.

#include <stdio.h>
#include <string.h>

#include "fx_pair.h"

#include "unit/runner.h"

#define GOT_MAX 400000u
#define CONNS   2u
#define USUAL   "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define X64     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
// So long that the stack keeps each as a piece of its own.
#define LONG      "GET / HTTP/1.1\r\nHost: a\r\nX: " X64 X64 X64 X64 X64 X64 "\r\n\r\n"
#define SAME_SIZE "GET / HTTP/1.1\r\nHost a:\r\n\r\n" // No field.

// What one end that is only a worker knows of its connections, by cookie or in order.
static struct peer {
	hc_conn conn;
	uint8_t got[GOT_MAX];
	size_t got_bytes;
	bool is_open, has_peer_closed, is_closed, is_reset;
} peers[CONNS];

static void peer_read(struct hc_worker *w, struct peer *p)
{
	struct hc_chunk c;

	while (hc_recv(w, p->conn, &c, 1) > 0) {
		CU_ASSERT_FATAL(p->got_bytes + c.len <= GOT_MAX);
		memcpy(p->got + p->got_bytes, c.data, c.len);
		p->got_bytes += c.len;
		hc_recv_release(w, p->conn, &c, 1);
	}
}

// ---------------------------------------------------------------------------------------------
// the server is asked

static void asker_event(struct hc_worker *w, const struct hc_event *ev)
{
	struct peer *p = &peers[ev->cookie];

	p->is_open |= ev->type == HC_EV_OPENED;
	p->is_closed |= ev->type == HC_EV_CLOSED;
	p->is_reset |= ev->type == HC_EV_RESET;
	p->has_peer_closed |= ev->type == HC_EV_PEER_CLOSED;
	if (ev->type == HC_EV_DATA)
		peer_read(w, p);
	if (ev->type == HC_EV_PEER_CLOSED)
		(void)hc_close(w, p->conn);
}

// What was said goes out, and what came is read. The server has no turn.
static void asker_turn(void)
{
	struct hc_worker *w = pair.client.worker;
	unsigned n = hc_step(w, pair.now_ns, pair.client.events, pair.client.event_cap);

	for (unsigned i = 0; i < n; i++)
		asker_event(w, &pair.client.events[i]);
	hc_flush(w);
	pair.now_ns += TURN_NS;
}

static void both_turn(void)
{
	for (unsigned i = 0; i < 200; i++) {
		asker_turn();
		server_step(&pair.server, pair.now_ns);
	}
}

static void asker_connect(void)
{
	static const uint32_t cookies[CONNS] = {0, 1};
	hc_conn conns[CONNS];
	unsigned n;

	memset(peers, 0, sizeof peers);
	both_turn(); // The worker is ready, and those before have ended.
	n = hc_connect(pair.client.worker, &pair.plan.load[0].connect, cookies, conns, CONNS);
	CU_ASSERT_FATAL(n == CONNS);
	for (unsigned i = 0; i < CONNS; i++)
		peers[i].conn = conns[i];
	both_turn();
	CU_ASSERT_FATAL(peers[0].is_open && peers[1].is_open);
}

// Queues a piece; it goes with the next turn.
static void ask(unsigned i, const char *text)
{
	size_t len = strlen(text);

	CU_ASSERT_FATAL(hc_send(pair.client.worker, peers[i].conn, text, len, 0) == len);
}

static void begin_asking(enum close_side close, uint64_t response_bytes)
{
	begin();
	pair.cfg.concurrency = 20;
	pair.cfg.connections = 20;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.response.bytes = response_bytes;
	pair.cfg.close = close;
	pair.cfg.stack.has_nodelay = true; // Pieces stay what they are.
}

// The beginning of what a connection got is a response of this status, with so much of a body of so
// many bytes. Returns the length of it.
static size_t response_at(const struct peer *p, size_t at, unsigned status, size_t length,
			  size_t body, bool keeps_alive)
{
	char head[HTTP_WRITTEN_MAX];
	size_t head_bytes = http_write_head(head, status, length, keeps_alive);

	CU_ASSERT_FATAL(p->got_bytes >= at + head_bytes + body);
	UNIT_EQ_BYTES(p->got + at, head, head_bytes);
	for (size_t i = 0; i < body && length <= SERVER_BODY_PIECE; i++)
		UNIT_EXPECT(p->got[at + head_bytes + i] == pair.server.body[i]);
	return head_bytes + body;
}

static void expect_only(const struct peer *p, unsigned status, size_t length, size_t body,
			bool keeps_alive)
{
	CU_ASSERT_EQUAL(p->got_bytes, response_at(p, 0, status, length, body, keeps_alive));
	CU_ASSERT_EQUAL(p->has_peer_closed, !keeps_alive);
	CU_ASSERT(!p->is_reset);
}

// One request on a connection of its own.
static void expect_answer(const char *text, unsigned status, size_t length, size_t body,
			  bool keeps_alive)
{
	asker_connect();
	ask(0, text);
	both_turn();
	expect_only(&peers[0], status, length, body, keeps_alive);
	CU_ASSERT_EQUAL(peers[1].got_bytes, 0);
}

// What was asked on one connection came to `n` responses of 300 bytes, and it stays open.
static void expect_all(const struct peer *p, unsigned n)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at += response_at(p, at, 200, 300, 300, true);
	CU_ASSERT_EQUAL(p->got_bytes, at);
	CU_ASSERT(!p->has_peer_closed);
}

static void the_same_request_again_is_answered_and_closed(void)
{
	begin_asking(CLOSE_SERVER, 300);
	open_pair();
	for (unsigned i = 0; i < 3; i++)
		expect_answer(USUAL, 200, 300, 300, false);
	CU_ASSERT_EQUAL(pair.server.counts.requests, 3);
	CU_ASSERT_EQUAL(pair.server.session_used, 0);
	shut_pair();
}

static void the_server_goes_on_where_it_does_not_close(void)
{
	begin_asking(CLOSE_CLIENT, 300);
	open_pair();
	asker_connect();
	for (unsigned i = 1; i <= 4; i++) {
		ask(0, USUAL);
		both_turn();
		expect_all(&peers[0], i);
	}
	CU_ASSERT_EQUAL(pair.server.session_used, 0);
	shut_pair();
}

// Two in one piece, and the beginning of a third behind them.
static void requests_may_come_pipelined(void)
{
	begin_asking(CLOSE_CLIENT, 300);
	open_pair();
	asker_connect();
	ask(0, USUAL);
	both_turn();
	ask(0, USUAL USUAL "GET /");
	both_turn();
	expect_all(&peers[0], 3);
	ask(0, " HTTP/1.1\r\nHost: a\r\n\r\n");
	both_turn();
	expect_all(&peers[0], 4);
	shut_pair();
}

static void a_close_goes_before_what_is_pipelined(void)
{
	begin_asking(CLOSE_SERVER, 300);
	open_pair();
	expect_answer(USUAL, 200, 300, 300, false);
	expect_answer(USUAL USUAL, 200, 300, 300, false);
	CU_ASSERT_EQUAL(pair.server.counts.requests, 2);
	shut_pair();
}

// Each a piece of its own: over the second nothing closes behind the answer to the first.
static void a_close_goes_before_another_piece(void)
{
	static const char *const behind[] = {LONG, "x" LONG};

	for (unsigned k = 0; k < 2; k++) {
		begin_asking(CLOSE_SERVER, 300);
		open_pair();
		expect_answer(LONG, 200, 300, 300, false);
		asker_connect();
		ask(0, LONG);
		asker_turn();
		ask(0, behind[k]);
		asker_turn();
		both_turn();
		expect_only(&peers[0], 200, 300, 300, false);
		both_turn();
		CU_ASSERT(peers[0].is_closed);
		CU_ASSERT_EQUAL(pair.server.counts.requests, 2);
		shut_pair();
	}
}

static void a_request_may_come_in_two_pieces(void)
{
	static const char text[] = USUAL;

	begin_asking(CLOSE_CLIENT, 300);
	open_pair();
	asker_connect();
	ask(1, USUAL);
	both_turn();
	for (unsigned cut = 1; cut < sizeof text - 1; cut += 5) {
		char first[sizeof text] = "";

		memcpy(first, text, cut);
		ask(0, first);
		both_turn();
		ask(0, text + cut);
		both_turn();
		expect_all(&peers[0], 1 + cut / 5);
	}
	shut_pair();
}

// The server finds two requests at once, and on the other connection the beginning of one.
static void what_came_since_the_last_turn_is_answered(void)
{
	static const char *const texts[] = {USUAL, LONG};

	for (unsigned k = 0; k < 4; k++) {
		const char *text = texts[k / 2];
		const unsigned half = k % 2;

		begin_asking(CLOSE_CLIENT, 300);
		open_pair();
		asker_connect();
		ask(0, text);
		both_turn();
		ask(!half, "GET / H");
		asker_turn();
		ask(half, text);
		asker_turn();
		ask(half, text);
		asker_turn();
		both_turn();
		ask(!half, "TTP/1.1\r\nHost: a\r\n\r\n");
		both_turn();
		expect_all(&peers[0], half ? 2 : 3);
		expect_all(&peers[1], half ? 2 : 1);
		CU_ASSERT_EQUAL(pair.server.counts.requests, 4);
		shut_pair();
	}
}

static void both_pieces_may_come_since_the_last_turn(void)
{
	begin_asking(CLOSE_CLIENT, 300);
	open_pair();
	asker_connect();
	ask(0, USUAL);
	both_turn();
	ask(0, "GET / H");
	asker_turn();
	ask(0, "TTP/1.1\r\nHost: a\r\n\r\n");
	asker_turn();
	ask(0, USUAL);
	asker_turn();
	both_turn();
	expect_all(&peers[0], 3);
	shut_pair();
}

static void a_request_of_the_same_size_is_another(void)
{
	begin_asking(CLOSE_SERVER, 300);
	open_pair();
	for (unsigned i = 0; i < 2; i++) {
		expect_answer(USUAL, 200, 300, 300, false);
		expect_answer(SAME_SIZE, 400, 0, 0, false);
		expect_answer("GET / HTTP/1.1\r\nHost: b\r\n\r\n", 200, 300, 300, false);
	}
	CU_ASSERT_EQUAL(pair.server.counts.bad_requests, 2);
	CU_ASSERT_EQUAL(pair.server.counts.requests, 4);
	shut_pair();
}

static void a_head_only_is_sent_again_and_again(void)
{
	begin_asking(CLOSE_SERVER, 300);
	open_pair();
	for (unsigned i = 0; i < 3; i++)
		expect_answer("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, 300, 0, false);
	expect_answer(USUAL, 200, 300, 300, false);
	shut_pair();
}

static void the_client_may_ask_for_the_close(void)
{
	begin_asking(CLOSE_CLIENT, 300);
	open_pair();
	for (unsigned i = 0; i < 2; i++) {
		expect_answer("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, 300,
			      300, false);
		expect_answer(USUAL, 200, 300, 300, true);
		expect_answer("GET / HTTP/1.0\r\n\r\n", 200, 300, 300, false);
	}
	shut_pair();
}

static void a_size_may_be_asked_for_again(void)
{
	begin_asking(CLOSE_SERVER, 300);
	open_pair();
	for (unsigned i = 0; i < 2; i++) {
		expect_answer("GET /300 HTTP/1.1\r\nHost: a\r\n\r\n", 200, 300, 300, false);
		expect_answer("GET /299 HTTP/1.1\r\nHost: a\r\n\r\n", 200, 299, 299, false);
	}
	for (unsigned i = 0; i < 3; i++)
		expect_answer("HEAD /1073741825 HTTP/1.1\r\nHost: a\r\n\r\n", 404, 0, 0, false);
	shut_pair();
}

// Not even when the response to what asks for nothing is of that size.
static void too_much_is_asked_for_again(void)
{
	begin_asking(CLOSE_SERVER, SERVER_ASKED_MAX + 1);
	open_pair();
	for (unsigned i = 0; i < 3; i++)
		expect_answer("HEAD /1073741825 HTTP/1.1\r\nHost: a\r\n\r\n", 404, 0, 0, false);
	for (unsigned i = 0; i < 2; i++)
		expect_answer("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, SERVER_ASKED_MAX + 1, 0,
			      false);
	shut_pair();
}

// More than a connection may have queued, and more than lies in one piece.
static void a_long_response_is_sent_bit_by_bit(void)
{
	static const uint32_t sides[] = {CLOSE_SERVER, CLOSE_CLIENT};
	static const uint64_t sizes[] = {30000, SERVER_BODY_PIECE, SERVER_BODY_PIECE + 10000};

	for (unsigned k = 0; k < 6; k++) {
		begin_asking(sides[k % 2], sizes[k / 2]);
		pair.cfg.stack.snd_buf_bytes = 8000;
		open_pair();
		for (unsigned i = 0; i < 3; i++)
			expect_answer(USUAL, 200, sizes[k / 2], sizes[k / 2], k % 2);
		CU_ASSERT_EQUAL(pair.server.counts.requests, 3);
		// It is kept for as long as the connection.
		CU_ASSERT_EQUAL(pair.server.session_used, k % 2 ? 3 : 1);
		shut_pair();
	}
}

static void a_request_behind_a_long_response_waits_for_it(void)
{
	size_t at;

	begin_asking(CLOSE_CLIENT, 30000);
	pair.cfg.stack.snd_buf_bytes = 8000;
	open_pair();
	expect_answer(LONG, 200, 30000, 30000, true);
	// Both are told of in the same turn, before the connection is known to have a session.
	ask(1, LONG);
	asker_turn();
	ask(1, LONG);
	both_turn();
	both_turn();
	at = response_at(&peers[1], 0, 200, 30000, 30000, true);
	at += response_at(&peers[1], at, 200, 30000, 30000, true);
	CU_ASSERT_EQUAL(peers[1].got_bytes, at);
	CU_ASSERT_EQUAL(pair.server.session_used, 2);
	shut_pair();
}

// Two connections at once: the first ones have what the bucket begins with.
static void a_response_comes_at_once_and_its_close_in_its_turn(void)
{
	begin_asking(CLOSE_SERVER, 300);
	pair.cfg.limits.close_per_s = 1;
	open_pair();
	asker_connect();
	for (unsigned k = 0; k < 3; k++) {
		ask(0, USUAL);
		ask(1, LONG);
		both_turn();
		CU_ASSERT_EQUAL(peers[0].has_peer_closed, k < 2);
		CU_ASSERT_EQUAL(peers[1].has_peer_closed, k < 2);
		CU_ASSERT_EQUAL(peers[0].got_bytes,
				response_at(&peers[0], 0, 200, 300, 300, false));
		if (k < 2)
			asker_connect();
	}
	CU_ASSERT_EQUAL(closes_waiting(pair.server.closes), 2);
	shut_pair();
}

// ---------------------------------------------------------------------------------------------
// the load generator is answered

// What is said to one of its connections: a piece a turn, then FIN, unless it has closed.
struct said {
	const char *pieces[3];
	enum outcome outcome;
	uint64_t body_bytes;
};

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
#define OK_TEXT OK_HEAD "hello"

static struct {
	const struct said *said[3]; // By connection, in order.
	unsigned count;             // Begun.
	hc_conn conn;
	unsigned turns; // Since it was asked.
	bool is_asked;
} answerer;

static void answerer_event(struct hc_worker *w, const struct hc_event *ev)
{
	if (ev->type == HC_EV_ACCEPTED) {
		CU_ASSERT_FATAL(answerer.count < ARRAY_LEN(answerer.said));
		answerer.count++;
		answerer.conn = ev->conn;
		answerer.turns = 0;
		answerer.is_asked = false;
	} else if (ev->type == HC_EV_DATA) {
		peers[0].conn = ev->conn;
		peer_read(w, &peers[0]);
		answerer.is_asked = true;
	} else if (ev->type == HC_EV_PEER_CLOSED) {
		(void)hc_close(w, ev->conn);
	}
}

static void answer(struct hc_worker *w, const struct said *said, unsigned turn)
{
	const char *piece = turn < ARRAY_LEN(said->pieces) ? said->pieces[turn] : NULL;

	if (piece)
		CU_ASSERT(hc_send(w, answerer.conn, piece, strlen(piece), 0) == strlen(piece));
	if (turn == 2 * ARRAY_LEN(said->pieces))
		(void)hc_close(w, answerer.conn);
}

static void answerer_turn(void)
{
	struct hc_worker *w = pair.server.worker;
	unsigned n = hc_step(w, pair.now_ns, pair.server.events, pair.server.event_cap);

	for (unsigned i = 0; i < n; i++)
		answerer_event(w, &pair.server.events[i]);
	if (answerer.is_asked)
		answer(w, answerer.said[answerer.count - 1], answerer.turns++);
	hc_flush(w);
}

// Three connections, one after the other. Those whose outcome is right are all that is timed whole.
static void expect_outcomes(enum close_side close, uint64_t response_bytes,
			    const struct said *first, const struct said *second,
			    const struct said *third)
{
	uint64_t expected[OUTCOME_COUNT] = {0}, body_bytes = 0, answered = 0;

	begin_asking(close, response_bytes);
	pair.cfg.concurrency = 1;
	pair.cfg.connections = 3;
	open_pair();
	memset(&answerer, 0, sizeof answerer);
	memset(peers, 0, sizeof peers);
	answerer.said[0] = first;
	answerer.said[1] = second;
	answerer.said[2] = third;
	for (unsigned i = 0; i < 10000 && client_phase(&pair.client) != PHASE_DONE; i++) {
		client_step(&pair.client, pair.now_ns);
		answerer_turn();
		pair.now_ns += TURN_NS;
	}
	for (unsigned i = 0; i < 3; i++) {
		expected[answerer.said[i]->outcome]++;
		body_bytes += answerer.said[i]->body_bytes;
		answered += answerer.said[i]->pieces[0] != NULL;
	}
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		UNIT_EQ(pair.client.counts.outcome[i], expected[i]);
	UNIT_EQ(pair.client.counts.body_bytes, body_bytes);
	UNIT_EQ(pair.client.counts.tally[TALLY_CHURN].closed, 3);
	UNIT_EQ(pair.client.whole->count + pair.client.first_byte->count, answered);
	CU_ASSERT(pair.client.whole->count + pair.client.response->count >=
		  expected[OUTCOME_RIGHT]);
	shut_pair();
}

static const struct said usual = {{OK_TEXT}, OUTCOME_RIGHT, 5};

static void a_response_is_worth_the_same_in_any_pieces(void)
{
	static const struct said cases[] = {
		{{OK_TEXT}, OUTCOME_RIGHT, 5},
		{{OK_HEAD, "hello"}, OUTCOME_RIGHT, 5},
		{{OK_HEAD, "hell", "o"}, OUTCOME_RIGHT, 5},
		{{"HTTP/1.1 200 OK\r\nConte", "nt-Length: 5\r\n\r\nhello"}, OUTCOME_RIGHT, 5},
		{{"HTTP/1.1 100 Continue\r\n\r\n", OK_TEXT}, OUTCOME_RIGHT, 5},
		{{"HTTP/1.1 100 Continue\r\n\r\n" OK_TEXT}, OUTCOME_RIGHT, 5},
		{{"HTTP/1.1 200 OK\r\n\r\nhello"}, OUTCOME_RIGHT, 5},
		{{"HTTP/1.1 200 ok\r\nContent-Length: 5\r\n\r\nhello"}, OUTCOME_RIGHT, 5},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		expect_outcomes(CLOSE_SERVER, 5, &usual, &cases[i], &usual);
		expect_outcomes(CLOSE_CLIENT, 5, &usual, &cases[i], &usual);
	}
}

static void a_wrong_response_is_found_among_right_ones(void)
{
	static const struct said cases[] = {
		{{OK_TEXT "x"}, OUTCOME_BAD_LENGTH, 6},
		{{OK_TEXT, "x"}, OUTCOME_BAD_LENGTH, 6},
		{{OK_HEAD, "hello", "x"}, OUTCOME_BAD_LENGTH, 6},
		{{OK_TEXT OK_TEXT}, OUTCOME_BAD_LENGTH, 10 + sizeof OK_HEAD - 1},
		{{OK_HEAD "hell"}, OUTCOME_BAD_LENGTH, 4},
		{{OK_HEAD}, OUTCOME_BAD_LENGTH, 0},
		{{"HTTP/1.1 2"}, OUTCOME_BAD_LENGTH, 0},
		{{"HTTP/1.1 100 Continue\r\n\r\n"}, OUTCOME_BAD_LENGTH, 0},
		{{NULL}, OUTCOME_BAD_LENGTH, 0},
		{{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello"}, OUTCOME_BAD_LENGTH, 5},
		{{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"}, OUTCOME_BAD_LENGTH, 5},
		{{"HTTP/1.1 404 OK\r\nContent-Length: 5\r\n\r\nhello"}, OUTCOME_BAD_STATUS, 5},
		{{"HTTP/2.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}, OUTCOME_BAD_STATUS, 35},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		expect_outcomes(CLOSE_SERVER, 5, &usual, &cases[i], &usual);
}

// The head that is kept is one of these.
static void a_wrong_response_stays_wrong_when_it_comes_again(void)
{
	static const struct said cases[] = {
		{{"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello"}, OUTCOME_BAD_STATUS, 5},
		{{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell"}, OUTCOME_BAD_LENGTH, 4},
		{{OK_TEXT "x"}, OUTCOME_BAD_LENGTH, 6},
		{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		 OUTCOME_BAD_STATUS,
		 5},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		expect_outcomes(CLOSE_SERVER, 5, &cases[i], &cases[i], &usual);
		expect_outcomes(CLOSE_SERVER, 5, &usual, &cases[i], &cases[i]);
	}
}

static void a_response_may_be_without_a_body(void)
{
	static const struct said empty = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, OUTCOME_RIGHT, 0};

	expect_outcomes(CLOSE_SERVER, 0, &empty, &empty, &empty);
	expect_outcomes(CLOSE_CLIENT, 0, &empty, &empty, &empty);
}

static void run_both(void)
{
	for (unsigned i = 0; i < 100000 && client_phase(&pair.client) != PHASE_DONE; i++) {
		client_step(&pair.client, pair.now_ns);
		server_step(&pair.server, pair.now_ns);
		pair.now_ns += TURN_NS;
	}
}

// Both ends, whatever is asked for and whoever closes.
static void exchanges_come_out_right(void)
{
	static const uint32_t sides[] = {CLOSE_SERVER, CLOSE_CLIENT, CLOSE_BOTH, CLOSE_RST};
	static const struct {
		struct request request;
		uint64_t response_bytes;
	} cases[] = {
		{{.kind = REQUEST_HTTP}, 300},
		{{.kind = REQUEST_BYTES, .bytes = 20}, 300},
		{{.kind = REQUEST_BYTES, .bytes = 20}, 0},
		{{.kind = REQUEST_BYTES, .bytes = 30000}, 300},
		{{.kind = REQUEST_HTTP}, 30000},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(sides); i++) {
		const struct client_counts *k = &pair.client.counts;

		begin_asking((enum close_side)sides[i % ARRAY_LEN(sides)],
			     cases[i / ARRAY_LEN(sides)].response_bytes);
		pair.cfg.request = cases[i / ARRAY_LEN(sides)].request;
		pair.cfg.connections = 100;
		pair.cfg.stack.snd_buf_bytes = 8000;
		open_pair();
		run_both();
		UNIT_EQ(k->outcome[OUTCOME_RIGHT], 100);
		UNIT_EQ(k->tally[TALLY_CHURN].closed + k->tally[TALLY_CHURN].aborted, 100);
		shut_pair();
	}
}

static void a_right_response_does_not_end_the_hold(void)
{
	uint64_t from_ns;

	begin_asking(CLOSE_CLIENT, 300);
	pair.cfg.concurrency = 1;
	pair.cfg.connections = 3;
	pair.cfg.hold_ns = 5 * NS_PER_MS;
	open_pair();
	from_ns = pair.now_ns;
	run_both();
	CU_ASSERT(pair.now_ns - from_ns >= 3 * pair.cfg.hold_ns);
	UNIT_EQ(pair.client.counts.outcome[OUTCOME_RIGHT], 3);
	shut_pair();
}

UNIT_SUITE(exchange, UNIT_TEST(the_same_request_again_is_answered_and_closed),
	   UNIT_TEST(the_server_goes_on_where_it_does_not_close),
	   UNIT_TEST(requests_may_come_pipelined), UNIT_TEST(a_close_goes_before_what_is_pipelined),
	   UNIT_TEST(a_close_goes_before_another_piece),
	   UNIT_TEST(a_request_may_come_in_two_pieces),
	   UNIT_TEST(what_came_since_the_last_turn_is_answered),
	   UNIT_TEST(both_pieces_may_come_since_the_last_turn),
	   UNIT_TEST(a_request_of_the_same_size_is_another),
	   UNIT_TEST(a_head_only_is_sent_again_and_again),
	   UNIT_TEST(the_client_may_ask_for_the_close), UNIT_TEST(a_size_may_be_asked_for_again),
	   UNIT_TEST(too_much_is_asked_for_again), UNIT_TEST(a_long_response_is_sent_bit_by_bit),
	   UNIT_TEST(a_request_behind_a_long_response_waits_for_it),
	   UNIT_TEST(a_response_comes_at_once_and_its_close_in_its_turn),
	   UNIT_TEST(a_response_is_worth_the_same_in_any_pieces),
	   UNIT_TEST(a_wrong_response_is_found_among_right_ones),
	   UNIT_TEST(a_wrong_response_stays_wrong_when_it_comes_again),
	   UNIT_TEST(a_response_may_be_without_a_body), UNIT_TEST(exchanges_come_out_right),
	   UNIT_TEST(a_right_response_does_not_end_the_hold));
