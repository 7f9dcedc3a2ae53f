// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The load generator and the server of one `bench` on a clock of the test's: whether the schedule
// is kept, and which times tell of a server that stalls.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fx_pair.h"

#include "unit/runner.h"

// Turns both ends until the client is done. From stall_at_ns on the server does nothing for a
// while.
static void run(uint64_t stall_at_ns, uint64_t stall_ns)
{
	uint64_t stall_from = pair.now_ns + stall_at_ns;
	unsigned turns = 0;

	while (client_phase(&pair.client) != PHASE_DONE && turns++ < 10000000) {
		client_step(&pair.client, pair.now_ns);
		if (pair.now_ns < stall_from || pair.now_ns >= stall_from + stall_ns)
			server_step(&pair.server, pair.now_ns);
		pair.now_ns += TURN_NS;
	}
	CU_ASSERT(client_phase(&pair.client) == PHASE_DONE);
}

// Turns both ends for so long, whatever the client says.
static void turn_for(uint64_t ns)
{
	for (uint64_t end_ns = pair.now_ns + ns; pair.now_ns < end_ns; pair.now_ns += TURN_NS) {
		client_step(&pair.client, pair.now_ns);
		server_step(&pair.server, pair.now_ns);
	}
}

static uint64_t server_ctr(enum hc_counter ctr)
{
	struct hc_snapshot s;

	hc_worker_publish(pair.server.worker);
	hc_worker_snapshot(pair.server.worker, &s);
	return s.counter[ctr];
}

static const struct client_tally *churn(void)
{
	return &pair.client.counts.tally[TALLY_CHURN];
}

static void a_rate_is_kept_to_the_connection(void)
{
	begin();
	pair.cfg.rate_per_s = 100000;
	pair.cfg.duration_ns = NS_PER_S;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->opened, 100000);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	CU_ASSERT_EQUAL(pair.client.counts.missed, 0);
	shut_pair();
}

static void stages_are_kept_to_the_connection(void)
{
	begin();
	pair.cfg.stages = (struct stage_list){.stage = {{NS_PER_S / 2, 0, 40000},
							{NS_PER_S / 2, 40000, 40000},
							{NS_PER_S / 2, 40000, 0}},
					      .count = 3};
	pair.cfg.hold_ns = 5 * NS_PER_MS;
	open_pair();
	run(0, 0);
	CU_ASSERT(churn()->opened >= 39998 && churn()->opened <= 40000);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	shut_pair();
}

static void poisson_arrivals_are_spread_like_poisson(void)
{
	begin();
	pair.cfg.rate_per_s = 100000;
	pair.cfg.arrivals = ARRIVALS_POISSON;
	pair.cfg.duration_ns = NS_PER_S;
	open_pair();
	run(0, 0);
	CU_ASSERT(churn()->opened > 98500 && churn()->opened < 101500); // 5 sigma.
	CU_ASSERT(churn()->opened != 100000);
	shut_pair();
}

static int double_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

// Kolmogorov and Smirnov, of values that should be uniform in 0..1: above 1.95 in one of a thousand
// honest cases.
static double ks_distance(double *x, unsigned n)
{
	double most = 0;

	qsort(x, n, sizeof *x, double_order);
	for (unsigned i = 0; i < n; i++)
		most = fmax(most, fmax(fabs(x[i] - (double)i / n), fabs(x[i] - (i + 1.0) / n)));
	return most * sqrt(n);
}

// Records when connections start, by turns so short that two of them hardly ever do in one: the
// distance of the gaps between them from exponential ones, and of the times from evenly spread
// ones.
static void start_times(enum arrivals_kind arrivals, double *gaps, double *places)
{
	enum { TURN = 20, COUNT = 20000 };
	static double gap[COUNT], place[COUNT];
	const double mean_ns = 10000;
	uint64_t from_ns = 0, before_ns = 0;
	unsigned n = 0;

	begin();
	pair.cfg.rate_per_s = 1e9 / mean_ns;
	pair.cfg.arrivals = arrivals;
	pair.cfg.duration_ns = NS_PER_S;
	open_pair();
	while (n < COUNT) {
		uint64_t opened = churn()->opened;

		client_step(&pair.client, pair.now_ns);
		server_step(&pair.server, pair.now_ns);
		if (from_ns == 0) {
			from_ns = before_ns = pair.client.load_from_ns;
			opened = churn()->opened; // The first one warms up.
		}
		for (; opened < churn()->opened && n < COUNT; opened++) {
			gap[n] = 1 - exp(-(double)(pair.now_ns - before_ns) / mean_ns);
			place[n++] = (double)(pair.now_ns - from_ns);
			before_ns = pair.now_ns;
		}
		pair.now_ns += TURN;
	}
	for (unsigned i = 0; i < n; i++)
		place[i] /= (double)(pair.now_ns - from_ns);
	*gaps = ks_distance(gap, n);
	*places = ks_distance(place, n);
	pair.stop = 1;
	run(0, 0);
	shut_pair();
}

static void start_times_pass_kolmogorov_smirnov(void)
{
	double gaps, places;

	start_times(ARRIVALS_POISSON, &gaps, &places);
	CU_ASSERT(gaps < 1.95);
	CU_ASSERT(places < 1.95);
	start_times(ARRIVALS_CONSTANT, &gaps, &places);
	CU_ASSERT(gaps > 10); // Or it would say nothing.
}

// The attack goes ahead of the load, beside it, and ends with it.
static void an_attack_goes_ahead_and_ends_with_the_load(void)
{
	uint64_t connected_ns, at_end;

	begin();
	pair.cfg.rate_per_s = 1000;
	pair.cfg.duration_ns = NS_PER_S / 10;
	pair.cfg.attack.syns_per_s = 50000;
	pair.cfg.attack.lead_ns = NS_PER_S / 5;
	open_pair();
	connected_ns = pair.now_ns;
	while (churn()->opened == 0)
		turn_for(TURN_NS);
	connected_ns = pair.now_ns - connected_ns;
	CU_ASSERT(connected_ns >= NS_PER_S / 5 && connected_ns < NS_PER_S / 5 + 5 * NS_PER_MS);
	CU_ASSERT(server_ctr(HC_CTR_flood_syns_received) >= 9900);
	run(0, 0);
	CU_ASSERT_EQUAL(pair.client.attack_refusal, 0);
	CU_ASSERT_EQUAL(churn()->opened, 100);
	CU_ASSERT_EQUAL(churn()->closed, 100);
	turn_for(10 * NS_PER_MS);
	at_end = server_ctr(HC_CTR_flood_syns_received);
	CU_ASSERT(at_end >= 14990 && at_end <= 15010);
	turn_for(10 * NS_PER_MS);
	CU_ASSERT_EQUAL(server_ctr(HC_CTR_flood_syns_received), at_end);
	shut_pair();
}

static double p999_ms(const struct hc_hist *h)
{
	return (double)hc_hist_quantile_ns(h, 0.999) / 1e6;
}

static const struct hc_hist *server_times(enum hc_latency which)
{
	return hc_worker_latency(pair.server.worker, which);
}

// A server that stalls for 200 ms while the client may have only so many connections open: few SYNs
// wait for an answer, and thousands of connections wait for their SYN.
static void expect_stall_to_show_when_corrected_only(void)
{
	const struct hc_hist *raw = hc_worker_latency(pair.client.worker, HC_LATENCY_CONNECT);

	CU_ASSERT(p999_ms(raw) < 5);
	CU_ASSERT(p999_ms(pair.client.connect_corrected) > 150);
	CU_ASSERT(p999_ms(pair.client.connect_corrected) < 250);
	CU_ASSERT(raw->max_ns > 190 * NS_PER_MS); // Of the few it is told as well.
	CU_ASSERT(p999_ms(server_times(HC_LATENCY_ESTABLISH)) < 5);
	CU_ASSERT(p999_ms(server_times(HC_LATENCY_ESTABLISH_CORRECTED)) > 150);
	CU_ASSERT(p999_ms(server_times(HC_LATENCY_ESTABLISH_CORRECTED)) < 250);
	CU_ASSERT_EQUAL(server_times(HC_LATENCY_ESTABLISH_CORRECTED)->count, churn()->opened);
	CU_ASSERT_EQUAL(pair.client.counts.missed, 0);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
}

static void a_stall_shows_in_corrected_times_and_not_in_raw_ones(void)
{
	begin();
	pair.cfg.rate_per_s = 50000;
	pair.cfg.duration_ns = 2 * NS_PER_S;
	open_pair();
	pair.plan.load[0].busy_cap = 50;
	run(NS_PER_S, 200 * NS_PER_MS);
	expect_stall_to_show_when_corrected_only();
	CU_ASSERT_PTR_NULL(pair.client.response_corrected);
	shut_pair();
}

static void a_stall_shows_in_corrected_times_of_responses(void)
{
	begin();
	pair.cfg.rate_per_s = 50000;
	pair.cfg.duration_ns = 2 * NS_PER_S;
	pair.cfg.request.kind = REQUEST_HTTP;
	open_pair();
	pair.plan.load[0].busy_cap = 50;
	run(NS_PER_S, 200 * NS_PER_MS);
	expect_stall_to_show_when_corrected_only();
	CU_ASSERT(p999_ms(pair.client.response) < 5);
	CU_ASSERT(p999_ms(pair.client.response_corrected) > 150);
	CU_ASSERT_EQUAL(pair.client.response_corrected->count, pair.client.response->count);
	CU_ASSERT(p999_ms(pair.client.first_byte) < 5);
	CU_ASSERT(p999_ms(pair.client.first_byte_corrected) > 150);
	CU_ASSERT_EQUAL(pair.client.first_byte_corrected->count, pair.client.response->count);
	shut_pair();
}

static void without_a_stall_corrected_and_raw_times_agree(void)
{
	begin();
	pair.cfg.rate_per_s = 50000;
	pair.cfg.duration_ns = NS_PER_S;
	open_pair();
	run(0, 0);
	CU_ASSERT(p999_ms(pair.client.connect_corrected) <= 5 * (double)TURN_NS / 1e6);
	CU_ASSERT_EQUAL(pair.client.connect_corrected->count,
			hc_worker_latency(pair.client.worker, HC_LATENCY_CONNECT)->count);
	CU_ASSERT(p999_ms(server_times(HC_LATENCY_ESTABLISH_CORRECTED)) <=
		  5 * (double)TURN_NS / 1e6);
	CU_ASSERT_EQUAL(server_times(HC_LATENCY_ESTABLISH_CORRECTED)->count,
			server_times(HC_LATENCY_ESTABLISH)->count);
	shut_pair();
}

// ---------------------------------------------------------------------------------------------
// a server with limits

static void at_its_open_rate_a_limited_server_drops_nothing(void)
{
	begin();
	pair.cfg.rate_per_s = 20000;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.limits.open_per_s = 20000;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 20000);
	CU_ASSERT_EQUAL(server_ctr(HC_CTR_tcp_syn_over_rate), 0);
	shut_pair();
}

static void beyond_its_open_rate_it_opens_just_so_many(void)
{
	begin();
	pair.cfg.rate_per_s = 25000;
	pair.cfg.duration_ns = 500 * NS_PER_MS; // Before the first SYN is sent again.
	pair.cfg.limits.open_per_s = 20000;
	open_pair();
	turn_for(500 * NS_PER_MS);
	CU_ASSERT(llabs((long long)pair.server.counts.accepted - 10000) <= (long)BUCKET_LEAST);
	CU_ASSERT(llabs((long long)server_ctr(HC_CTR_tcp_syn_over_rate) - 2500) <=
		  (long)BUCKET_LEAST);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, churn()->established);
	shut_pair();
}

static void a_machine_that_stands_still_does_not_lower_the_limit(void)
{
	begin();
	pair.cfg.rate_per_s = 20000;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.limits.open_per_s = 20000;
	open_pair();
	turn_for(200 * NS_PER_MS);
	pair.now_ns += 50 * NS_PER_MS;
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 20000);
	CU_ASSERT_EQUAL(server_ctr(HC_CTR_tcp_syn_over_rate), 0);
	shut_pair();
}

static void closes_wait_for_their_turn(void)
{
	begin();
	pair.cfg.concurrency = 500;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.limits.close_per_s = 10000;
	open_pair();
	turn_for(NS_PER_S);
	CU_ASSERT(llabs((long long)churn()->closed - 10000) <= 10); // It is shaped to the ms.
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	CU_ASSERT(pair.server.closes->waited >= churn()->closed - 10);
	CU_ASSERT_EQUAL(pair.server.closes->unlimited, 0);
	shut_pair();
}

// Half a second without closes is no time that was lost, to be made up for.
static void a_pause_between_closes_is_not_saved_up(void)
{
	begin();
	pair.cfg.stages = (struct stage_list){.stage = {{10 * NS_PER_MS, 20000, 20000},
							{590 * NS_PER_MS, 0, 0},
							{10 * NS_PER_MS, 20000, 20000},
							{400 * NS_PER_MS, 0, 0}},
					      .count = 4};
	pair.cfg.limits.close_per_s = 2000;
	open_pair();
	turn_for(600 * NS_PER_MS);
	CU_ASSERT(llabs((long long)churn()->closed - 200) <= 1);
	turn_for(20 * NS_PER_MS);
	CU_ASSERT(llabs((long long)churn()->closed - (200 + 40)) <= 8);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	shut_pair();
}

static void closes_that_find_no_room_to_wait_are_counted(void)
{
	begin();
	pair.cfg.concurrency = 500;
	pair.cfg.connections = 500;
	pair.cfg.limits.close_per_s = 1000;
	pair.cfg.close = CLOSE_SERVER;
	open_pair();
	pair.server.closes->cap = 64;
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 500);
	CU_ASSERT(pair.server.closes->unlimited > 300);
	shut_pair();
}

static void connections_end_where_the_limit_is(void)
{
	begin();
	pair.cfg.concurrency = 500;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.hold_ns = 10 * NS_PER_S;
	pair.cfg.limits.conns = 333;
	open_pair();
	turn_for(NS_PER_S / 2);
	CU_ASSERT_EQUAL(churn()->opened, 500);
	CU_ASSERT_EQUAL(churn()->established, 333);
	CU_ASSERT_EQUAL(server_ctr(HC_CTR_tcp_over_conns), 167);
	run(0, 0);
	shut_pair();
}

static void a_stall_comes_again_and_again(void)
{
	begin();
	pair.cfg.rate_per_s = 1000;
	pair.cfg.duration_ns = 2 * NS_PER_S;
	pair.cfg.limits.stall = (struct stall){100 * NS_PER_MS, 600 * NS_PER_MS};
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(pair.server.counts.limits.stalls, 3);
	CU_ASSERT(p999_ms(pair.client.connect_corrected) > 90);
	CU_ASSERT(p999_ms(pair.client.connect_corrected) < 110);
	CU_ASSERT_EQUAL(churn()->closed, 2000);
	shut_pair();
}

static void shares_are_refused_and_reset(void)
{
	begin();
	pair.cfg.rate_per_s = 10000;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.limits.refuse = 0.1;
	pair.cfg.limits.reset = 0.05;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->opened, 10000);
	CU_ASSERT_EQUAL(churn()->failed, server_ctr(HC_CTR_tcp_syn_refused));
	CU_ASSERT_EQUAL(pair.client.counts.failed_by[HC_REASON_REFUSED], churn()->failed);
	CU_ASSERT(llabs((long long)churn()->failed - 1000) < 150); // 5 sigma.
	CU_ASSERT_EQUAL(churn()->reset, pair.server.counts.limits.resets);
	CU_ASSERT(llabs((long long)churn()->reset - 450) < 105);
	CU_ASSERT_EQUAL(churn()->closed + churn()->failed + churn()->reset, 10000);
	CU_ASSERT_EQUAL(pair.client.counts.outcome[OUTCOME_RIGHT], churn()->closed);
	shut_pair();
}

// ---------------------------------------------------------------------------------------------
// a server that is asked out of turn

// A client that asks as it likes, on the client's worker.
struct asker {
	hc_conn conn;
	uint64_t got_bytes;
	bool is_deaf; // Takes nothing.
	bool is_answered;
	uint8_t end; // enum hc_event_type, once it is over.
};

static void asker_take(struct asker *a, const struct hc_event *ev)
{
	struct hc_worker *w = pair.client.worker;

	if (ev->type == HC_EV_PEER_CLOSED) {
		a->is_answered = true;
		(void)hc_close(w, a->conn);
	} else if (ev->type == HC_EV_CLOSED || ev->type == HC_EV_RESET ||
		   ev->type == HC_EV_FAILED) {
		a->end = ev->type;
	}
}

static void ask_for(struct asker *a, uint64_t ns)
{
	static struct hc_event events[128 * HC_EVENTS_PER_FRAME];
	static uint8_t got[65536];

	for (uint64_t end_ns = pair.now_ns + ns; pair.now_ns < end_ns; pair.now_ns += TURN_NS) {
		struct hc_worker *w = pair.client.worker;
		unsigned n = hc_step(w, pair.now_ns, events, 128 * HC_EVENTS_PER_FRAME);
		size_t taken;

		while (!a->is_deaf && (taken = hc_recv_copy(w, a->conn, got, sizeof got)))
			a->got_bytes += taken;
		for (unsigned i = 0; i < n; i++)
			asker_take(a, &events[i]);
		hc_flush(w);
		server_step(&pair.server, pair.now_ns);
	}
}

static void ask(const struct asker *a, const char *path)
{
	char request[600];
	int len = snprintf(request, sizeof request,
			   "GET %s HTTP/1.1\r\nHost: x\r\nPad: %0400d\r\n\r\n", path, 0);

	UNIT_EQ(hc_send(pair.client.worker, a->conn, request, (size_t)len, 0), (size_t)len);
	hc_flush(pair.client.worker);
}

// Closing at a rate closes by another way.
static void open_asker(struct asker *a, bool closes_at_a_rate)
{
	const uint32_t cookie = 0;

	begin();
	pair.cfg.connections = 10;
	pair.cfg.concurrency = 10;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.close = CLOSE_SERVER;
	pair.cfg.stack.snd_buf_bytes = 65536;
	if (closes_at_a_rate)
		pair.cfg.limits.close_per_s = 1000;
	open_pair();
	*a = (struct asker){.conn = HC_CONN_NONE};
	ask_for(a, NS_PER_MS); // The first step tells the time.
	CU_ASSERT_EQUAL(hc_connect(pair.client.worker, &pair.client.connect, &cookie, &a->conn, 1),
			1);
	ask_for(a, NS_PER_MS);
}

// One answer of at least `bytes`, whole, and an end in order.
static void expect_one_answer(struct asker *a, uint64_t bytes)
{
	ask_for(a, NS_PER_S);
	CU_ASSERT(a->got_bytes > bytes && a->got_bytes < bytes + 200);
	CU_ASSERT(a->is_answered);
	CU_ASSERT_EQUAL(a->end, HC_EV_CLOSED);
	CU_ASSERT_EQUAL(server_ctr(HC_CTR_tx_rst), 0);
	CU_ASSERT_EQUAL(pair.server.counts.requests, 1);
	CU_ASSERT_EQUAL(pair.server.counts.closed, 1);
	shut_pair();
}

// The answer is more than the send buffer takes, and what comes meanwhile lies unread at its end.
static void a_request_during_the_last_answer_does_not_reset_it(void)
{
	struct asker a;

	for (unsigned at_a_rate = 0; at_a_rate < 2; at_a_rate++) {
		open_asker(&a, at_a_rate);
		a.is_deaf = true;
		ask(&a, "/1000000");
		ask_for(&a, 10 * NS_PER_MS);
		ask(&a, "/1");
		ask_for(&a, 10 * NS_PER_MS);
		ask(&a, "/2");
		ask_for(&a, 10 * NS_PER_MS);
		a.is_deaf = false;
		expect_one_answer(&a, 1000000);
	}
}

// Two requests in a burst, each in a buffer of its own.
static void a_request_behind_the_last_one_does_not_reset_its_answer(void)
{
	struct asker a;

	for (unsigned at_a_rate = 0; at_a_rate < 2; at_a_rate++) {
		open_asker(&a, at_a_rate);
		ask(&a, "/1000");
		ask(&a, "/1000");
		expect_one_answer(&a, 1000);
	}
}

// ---------------------------------------------------------------------------------------------
// a test's turn

static void begin_turn(uint64_t per_s)
{
	begin();
	pair.cfg.rate_per_s = (double)per_s;
	pair.cfg.connections = per_s;
	pair.cfg.duration_ns = NS_PER_S + 5 * NS_PER_MS;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.turn.grace_ns = 5 * NS_PER_MS;
}

static double alive_in(unsigned tenth)
{
	const struct tenth *t = &pair.client.counts.tenth[tenth];

	return t->steps > 0 ? (double)t->alive / (double)t->steps : -1;
}

// As many as open while one is held.
static void connections_at_once_are_told_by_tenths(void)
{
	begin_turn(20000);
	pair.cfg.hold_ns = 50 * NS_PER_MS;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 20000);
	CU_ASSERT_DOUBLE_EQUAL(alive_in(0), 750, 5);
	for (unsigned i = 1; i < TENTHS; i++)
		CU_ASSERT_DOUBLE_EQUAL(alive_in(i), 1000, 5);
	shut_pair();
}

static void what_closes_more_slowly_than_it_opens_piles_up(void)
{
	begin_turn(8000);
	pair.cfg.limits.close_per_s = 6000;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 8000);
	for (unsigned i = 0; i < TENTHS; i++)
		CU_ASSERT_DOUBLE_EQUAL(alive_in(i), 100 + 200 * i, 20);
	shut_pair();
}

// So many SYNs go unanswered that the last ones never go out: who is there is asked all the same.
static void those_gathered_in_time_have_their_turn(void)
{
	const struct client_counts *k = &pair.client.counts;

	begin_turn(10000);
	pair.cfg.connections = 1000;
	pair.cfg.duration_ns = 105 * NS_PER_MS;
	pair.cfg.hold_ns = 4 * NS_PER_S;
	pair.cfg.close = CLOSE_RST;
	pair.cfg.turn.act_per_s = 10000;
	pair.cfg.turn.act_asks = true;
	pair.cfg.limits.conns = 300;
	pair.cfg.stack.syn_retries = 0;
	pair.cfg.stack.rto_init_ms = 200;
	open_pair();
	pair.plan.load[0].busy_cap = 100;
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->opened, 400);
	CU_ASSERT_EQUAL(churn()->failed, 100);
	CU_ASSERT_EQUAL(k->missed, 600);
	CU_ASSERT_EQUAL(k->missed_by[MISS_NO_ROOM], 600);
	CU_ASSERT_EQUAL(k->outcome[OUTCOME_RIGHT], 300);
	CU_ASSERT_EQUAL(churn()->aborted, 300);
	shut_pair();
}

// ---------------------------------------------------------------------------------------------
// an attack on a device that answers so many SYNs a second, whoever sends them

enum { ATTACK_LIMIT = 6000, ATTACK = 3000, ATTACKED_MS = 400 };

// How many of `per_s` fail. Both ends stand still for `pause_ns` after each 4 ms.
static uint64_t lost_under_attack(uint64_t per_s, uint64_t lead_ns, uint64_t pause_ns)
{
	uint64_t lost, stop_ns;

	begin_turn(per_s);
	pair.cfg.connections = per_s * ATTACKED_MS / 1000;
	pair.cfg.duration_ns = (ATTACKED_MS + 50) * NS_PER_MS;
	pair.cfg.turn.grace_ns = 50 * NS_PER_MS;
	pair.cfg.limits.open_per_s = ATTACK_LIMIT;
	pair.cfg.attack.syns_per_s = ATTACK;
	pair.cfg.attack.lead_ns = lead_ns;
	pair.cfg.stack.syn_retries = 0;
	pair.cfg.stack.rto_init_ms = 200;
	plan_attack_sources(&pair.cfg);
	open_pair();
	stop_ns = pair.now_ns + 4 * NS_PER_MS;
	while (client_phase(&pair.client) != PHASE_DONE) {
		turn_for(TURN_NS);
		if (pair.now_ns < stop_ns)
			continue;
		pair.now_ns += pause_ns;
		stop_ns = pair.now_ns + 4 * NS_PER_MS;
	}
	CU_ASSERT_EQUAL(pair.client.attack_refusal, 0);
	CU_ASSERT_EQUAL(churn()->opened, per_s * ATTACKED_MS / 1000);
	lost = churn()->failed;
	CU_ASSERT_EQUAL(churn()->closed + lost, churn()->opened);
	shut_pair();
	return lost;
}

// Of 6500 SYNs a second 500 are dropped. An attack as regular as the connections was in step with
// them and that: with these leads, of 100 in 2 ms, all those dropped were its own.
static void an_attack_is_not_in_step_with_connections(void)
{
	static const uint64_t leads_us[] = {50000, 50580, 50920, 51580, 51920};

	for (unsigned i = 0; i < ARRAY_LEN(leads_us); i++) {
		CU_ASSERT(lost_under_attack(3500, leads_us[i] * 1000, 0) > 30);
		CU_ASSERT_EQUAL(lost_under_attack(3050, leads_us[i] * 1000, 0), 0);
	}
}

// All that was due comes at once behind a pause: the attack takes its part of that too.
static void pauses_spare_connections_nothing_of_an_attack(void)
{
	static const unsigned pauses_ms[] = {4, 16, 40};

	for (unsigned i = 0; i < ARRAY_LEN(pauses_ms); i++) {
		const uint64_t pause_ns = pauses_ms[i] * NS_PER_MS;

		CU_ASSERT(lost_under_attack(3500, 50 * NS_PER_MS, pause_ns) > 60);
		CU_ASSERT_EQUAL(lost_under_attack(3050, 50 * NS_PER_MS, pause_ns), 0);
	}
}

// ---------------------------------------------------------------------------------------------
// opening and closing, each at its own rate

static void a_closed_loop_opens_at_the_rate_it_may(void)
{
	begin();
	pair.cfg.concurrency = 500;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.open_per_s = 7000;
	open_pair();
	turn_for(NS_PER_S);
	CU_ASSERT(llabs((long long)churn()->opened - (7000 + (long)BUCKET_LEAST)) <= 2);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	shut_pair();
}

static void an_open_loop_is_held_back_by_the_rate_it_may_open_at(void)
{
	begin();
	pair.cfg.rate_per_s = 10000;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.open_per_s = 7000;
	open_pair();
	run(0, 0);
	CU_ASSERT(llabs((long long)churn()->opened - (7000 + (long)BUCKET_LEAST)) <= 2);
	CU_ASSERT_EQUAL(churn()->opened + pair.client.counts.missed, 10000);
	CU_ASSERT(p999_ms(pair.client.connect_corrected) > 200);
	shut_pair();
}

static void closing_keeps_to_its_own_rate(void)
{
	begin();
	pair.cfg.concurrency = 500;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.close_per_s = 5000;
	open_pair();
	turn_for(NS_PER_S);
	CU_ASSERT(llabs((long long)churn()->closed - (5000 + (long)BUCKET_LEAST)) <= 2);
	CU_ASSERT_EQUAL(tally_open(churn()), 500);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	CU_ASSERT_EQUAL(pair.client.closes.unlimited, 0);
	CU_ASSERT(pair.client.closes.waited > 5000);
	shut_pair();
}

static void the_client_closes_at_its_rate_after_an_exchange_too(void)
{
	begin();
	pair.cfg.concurrency = 500;
	pair.cfg.connections = 2000;
	pair.cfg.close_per_s = 1000;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.close = CLOSE_SERVER;
	open_pair();
	turn_for(NS_PER_S);
	CU_ASSERT(llabs((long long)churn()->closed - (1000 + (long)BUCKET_LEAST)) <= 2);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 2000);
	CU_ASSERT_EQUAL(pair.client.counts.outcome[OUTCOME_RIGHT], 2000);
	shut_pair();
}

// ---------------------------------------------------------------------------------------------
// several requests a connection, of several sizes

static uint64_t right(void)
{
	return pair.client.counts.outcome[OUTCOME_RIGHT];
}

static void a_connection_makes_all_its_requests(void)
{
	static const uint32_t sides[] = {CLOSE_CLIENT, CLOSE_SERVER, CLOSE_BOTH};

	for (unsigned i = 0; i < ARRAY_LEN(sides); i++) {
		begin();
		pair.cfg.concurrency = 20;
		pair.cfg.connections = 200;
		pair.cfg.request.kind = REQUEST_HTTP;
		pair.cfg.requests = 7;
		pair.cfg.close = sides[i];
		open_pair();
		run(0, 0);
		CU_ASSERT_EQUAL(churn()->closed, 200);
		CU_ASSERT_EQUAL(right(), 1400);
		CU_ASSERT_EQUAL(pair.server.counts.requests, 1400);
		CU_ASSERT_EQUAL(pair.client.response->count, 1400);
		shut_pair();
	}
}

static void requests_of_bytes_follow_each_other_too(void)
{
	begin();
	pair.cfg.concurrency = 20;
	pair.cfg.connections = 100;
	pair.cfg.request = (struct request){.kind = REQUEST_BYTES, .bytes = 3000};
	pair.cfg.response.bytes = 5000;
	pair.cfg.requests = 5;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 100);
	CU_ASSERT_EQUAL(right(), 500);
	CU_ASSERT_EQUAL(pair.client.counts.body_bytes, 500 * 5000);
	shut_pair();
}

static void between_requests_a_client_thinks(void)
{
	begin();
	pair.cfg.concurrency = 10;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.requests = 1000;
	pair.cfg.think_ns = 10 * NS_PER_MS;
	open_pair();
	turn_for(NS_PER_S - NS_PER_MS);
	// One and 99 thoughts, less what the exchanges themselves take.
	CU_ASSERT(right() <= 1000 && right() >= 980);
	CU_ASSERT_EQUAL(churn()->opened, 10);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 10); // In the drain at once, not after 9 s more.
	CU_ASSERT(pair.client.response->max_ns < NS_PER_MS);
	shut_pair();
}

// What is thought does not count as the response's time, and a request that is late is late.
static void a_thought_that_ends_late_is_told_by_the_corrected_time(void)
{
	begin();
	pair.cfg.rate_per_s = 100;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.requests = 20;
	pair.cfg.think_ns = 20 * NS_PER_MS;
	open_pair();
	turn_for(500 * NS_PER_MS);
	pair.now_ns += 50 * NS_PER_MS; // Neither end runs.
	run(0, 0);
	CU_ASSERT(pair.client.response->max_ns < NS_PER_MS);
	CU_ASSERT(pair.client.response_corrected->max_ns > 45 * NS_PER_MS);
	CU_ASSERT_EQUAL(pair.client.response_corrected->count, pair.client.response->count);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	shut_pair();
}

static const struct size_mix three_sizes = {
	.item = {{1000, 50}, {16000, 30}, {64000, 20}}, .count = 3, .weight = 100};

// Shares of 4000 responses, at most 5 sigma off.
static void expect_three_sizes(uint64_t bytes, uint64_t n)
{
	double mean = 0.5 * 1000 + 0.3 * 16000 + 0.2 * 64000;
	double sigma = 24000;

	CU_ASSERT_EQUAL(right(), n);
	CU_ASSERT_DOUBLE_EQUAL((double)bytes / (double)n, mean, 5 * sigma / 63);
}

static void sizes_of_responses_come_in_their_shares(void)
{
	begin();
	pair.cfg.concurrency = 20;
	pair.cfg.connections = 1000;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.requests = 4;
	pair.cfg.response = (struct response){.bytes = 64000, .sizes = three_sizes};
	open_pair();
	run(0, 0);
	expect_three_sizes(pair.client.counts.body_bytes, 4000);
	CU_ASSERT_EQUAL(churn()->closed, 1000);
	shut_pair();
}

static void requests_of_bytes_say_their_sizes(void)
{
	begin();
	pair.cfg.concurrency = 20;
	pair.cfg.connections = 1000;
	pair.cfg.request = (struct request){
		.kind = REQUEST_BYTES,
		.bytes = 5000,
		.sizes = {.item = {{16, 1}, {17, 1}, {5000, 1}}, .count = 3, .weight = 3}};
	pair.cfg.requests = 4;
	pair.cfg.response = (struct response){.bytes = 64000, .sizes = three_sizes};
	open_pair();
	run(0, 0);
	expect_three_sizes(pair.client.counts.body_bytes, 4000);
	CU_ASSERT_EQUAL(churn()->closed, 1000);
	CU_ASSERT_EQUAL(pair.server.counts.requests, 4000);
	shut_pair();
}

static void the_same_seed_draws_the_same_sizes(void)
{
	uint64_t bytes[2];

	for (unsigned i = 0; i < 2; i++) {
		begin();
		pair.cfg.concurrency = 1;
		pair.cfg.connections = 50;
		pair.cfg.request.kind = REQUEST_HTTP;
		pair.cfg.response = (struct response){.bytes = 64000, .sizes = three_sizes};
		open_pair();
		run(0, 0);
		bytes[i] = pair.client.counts.body_bytes;
		shut_pair();
	}
	CU_ASSERT_EQUAL(bytes[0], bytes[1]);
}

// A server that draws by itself, from sizes that the client does not know.
static void a_size_that_was_not_asked_for_is_found_out(void)
{
	begin();
	pair.cfg.concurrency = 10;
	pair.cfg.connections = 300;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.response.bytes = 1000;
	pair.cfg.requests = 3;
	open_pair();
	pair.server.response_sizes = three_sizes;
	run(0, 0);
	CU_ASSERT_EQUAL(right() + pair.client.counts.outcome[OUTCOME_BAD_LENGTH],
			pair.server.counts.requests);
	// A wrong one is a connection's last.
	CU_ASSERT(pair.client.counts.outcome[OUTCOME_BAD_LENGTH] > 200);
	CU_ASSERT_EQUAL(churn()->closed, 300);
	shut_pair();
}

static void a_frame_that_is_none_ends_the_connection(void)
{
	static const uint8_t wrong[][FRAME_BYTES + 1] = {"0000001g00000010", "0000000f00000010",
							 "00000010ffffffff", "00000010 0000010"};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		begin();
		pair.cfg.concurrency = 1;
		pair.cfg.connections = 3;
		pair.cfg.request = (struct request){.kind = REQUEST_BYTES, .bytes = 16};
		pair.cfg.response = (struct response){.bytes = 64000, .sizes = three_sizes};
		open_pair();
		for (unsigned k = 0; k < 6; k++)
			pair.plan.texts[k].head = wrong[i];
		run(0, 0);
		CU_ASSERT_EQUAL(pair.server.counts.bad_requests, 3);
		CU_ASSERT_EQUAL(right(), 0);
		shut_pair();
	}
}

// ---------------------------------------------------------------------------------------------
// so many alive

static void so_many_come_up_at_the_rate_and_stay(void)
{
	begin();
	pair.cfg.hold_live = 1000;
	pair.cfg.rate_per_s = 2000;
	pair.cfg.duration_ns = 2 * NS_PER_S;
	open_pair();
	turn_for(250 * NS_PER_MS);
	CU_ASSERT(llabs((long long)churn()->established - 500) <= 5);
	turn_for(350 * NS_PER_MS);
	CU_ASSERT_EQUAL(churn()->established, 1000);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->opened, 1000);
	CU_ASSERT_EQUAL(churn()->closed, 1000);
	CU_ASSERT_EQUAL(pair.client.counts.alive_least, 1000);
	CU_ASSERT_EQUAL(pair.client.counts.alive_most, 1000);
	shut_pair();
}

static void what_ends_is_replaced(void)
{
	begin();
	pair.cfg.hold_live = 1000;
	pair.cfg.rate_per_s = 5000;
	pair.cfg.duration_ns = 2 * NS_PER_S;
	pair.cfg.limits.reset = 0.2;
	open_pair();
	run(0, 0);
	CU_ASSERT(pair.server.counts.limits.resets > 150);
	CU_ASSERT_EQUAL(churn()->established, 1000 + pair.server.counts.limits.resets);
	CU_ASSERT_EQUAL(churn()->closed, 1000);
	CU_ASSERT_EQUAL(pair.client.counts.alive_least, 1000);
	CU_ASSERT_EQUAL(pair.client.counts.alive_most, 1000);
	shut_pair();
}

static void those_alive_may_be_busy(void)
{
	begin();
	pair.cfg.hold_live = 200;
	pair.cfg.rate_per_s = 2000;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.think_ns = 50 * NS_PER_MS;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->opened, 200);
	CU_ASSERT_EQUAL(churn()->closed, 200);
	CU_ASSERT(right() > 200 * 17 && right() < 200 * 20);
	CU_ASSERT_EQUAL(pair.client.counts.alive_least, 200);
	shut_pair();
}

static void those_alive_are_replaced_after_their_requests(void)
{
	begin();
	pair.cfg.hold_live = 200;
	pair.cfg.rate_per_s = 2000;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.requests = 4;
	pair.cfg.think_ns = 50 * NS_PER_MS;
	open_pair();
	run(0, 0);
	// Each lasts 150 ms.
	CU_ASSERT(churn()->opened > 200 * 5);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	CU_ASSERT(pair.client.counts.alive_least > 190);
	CU_ASSERT_EQUAL(pair.client.counts.alive_most, 200);
	shut_pair();
}

// ---------------------------------------------------------------------------------------------
// several targets

// The server listens on two ports; nobody does on the third.
static void begin_three_targets(void)
{
	static const uint16_t ports[] = {BENCH_SERVER_PORT, BENCH_LIVE_PORT, 82};

	begin();
	pair.cfg.live = 1; // For its port.
	for (unsigned i = 0; i < ARRAY_LEN(ports); i++)
		pair.cfg.target.target[i] = (struct endpoint){0x0a000001, ports[i]};
	pair.cfg.target.count = ARRAY_LEN(ports);
}

static void targets_take_turns(void)
{
	const struct target_tally *t = pair.client.counts.target;

	begin_three_targets();
	pair.cfg.concurrency = 50;
	pair.cfg.connections = 3000;
	open_pair();
	run(0, 0);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(t[i].opened, 1000);
		CU_ASSERT_EQUAL(t[i].established, i < 2 ? 1000 : 0);
		CU_ASSERT_EQUAL(t[i].closed, i < 2 ? 1000 : 0);
		CU_ASSERT_EQUAL(t[i].failed, i < 2 ? 0 : 1000);
		CU_ASSERT_EQUAL(t[i].reset, 0);
	}
	CU_ASSERT_EQUAL(churn()->closed, 2000);
	shut_pair();
}

static void targets_start_one_after_the_other(void)
{
	const struct target_tally *t = pair.client.counts.target;

	begin_three_targets();
	pair.cfg.stagger_ns = 100 * NS_PER_MS;
	pair.cfg.rate_per_s = 12000;
	pair.cfg.duration_ns = 300 * NS_PER_MS;
	open_pair();
	run(0, 0);
	CU_ASSERT(llabs((long long)t[0].opened - (1200 + 600 + 400)) <= 3);
	CU_ASSERT(llabs((long long)t[1].opened - (600 + 400)) <= 3);
	CU_ASSERT(llabs((long long)t[2].opened - 400) <= 3);
	CU_ASSERT_EQUAL(t[0].opened + t[1].opened + t[2].opened, 3600);
	CU_ASSERT_EQUAL(pair.client.connect_corrected->count, t[0].opened + t[1].opened);
	shut_pair();
}

// Gathered first, and asked then, each by the name of its own target.
static void those_gathered_are_asked_by_their_targets(void)
{
	const struct target_tally *t = pair.client.counts.target;

	begin_turn(10000);
	for (unsigned i = 0; i < 2; i++)
		pair.cfg.target.target[i] = (struct endpoint){0x0a000001, BENCH_SERVER_PORT};
	pair.cfg.target.count = 2;
	pair.cfg.connections = 500;
	pair.cfg.hold_ns = 4 * NS_PER_S;
	pair.cfg.close = CLOSE_RST;
	pair.cfg.turn.act_per_s = 10000;
	pair.cfg.turn.act_asks = true;
	open_pair();
	turn_for(55 * NS_PER_MS);
	CU_ASSERT_EQUAL(churn()->established, 500);
	CU_ASSERT(pair.server.counts.requests < 60); // The first ones: 50 ms for all.
	run(0, 0);
	CU_ASSERT_EQUAL(pair.server.counts.requests, 500);
	CU_ASSERT_EQUAL(pair.client.counts.outcome[OUTCOME_RIGHT], 500);
	CU_ASSERT_EQUAL(t[0].established, 250);
	CU_ASSERT_EQUAL(t[1].established, 250);
	shut_pair();
}

// The target behind it takes all of its own, which is no news about the one before.
static void a_refusal_is_told_by_the_target_that_refused(void)
{
	begin_three_targets();
	pair.cfg.target.target[1] = (struct endpoint){0, 80};
	pair.cfg.target.target[2].port = BENCH_SERVER_PORT;
	pair.cfg.rate_per_s = 1000000;
	pair.cfg.duration_ns = 10 * NS_PER_MS;
	open_pair();
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->opened + pair.client.counts.missed, 10000);
	CU_ASSERT(llabs((long long)pair.client.counts.missed - 3333) <= 2);
	CU_ASSERT_EQUAL(pair.client.counts.missed_by[MISS_BAD_ADDRESS], pair.client.counts.missed);
	shut_pair();
}

static void each_target_is_asked_by_its_name(void)
{
	begin_three_targets();
	pair.cfg.target.count = 2;
	pair.cfg.request.kind = REQUEST_HTTP;
	pair.cfg.concurrency = 10;
	pair.cfg.connections = 100;
	pair.cfg.live = 0;
	open_pair();
	CU_ASSERT_EQUAL(memcmp(pair.plan.texts[0].head + 16, "Host: 10.0.0.1:80\r\n", 19), 0);
	CU_ASSERT_EQUAL(memcmp(pair.plan.texts[2].head + 16, "Host: 10.0.0.1:81\r\n", 19), 0);
	run(0, 0);
	CU_ASSERT_EQUAL(right(), 50); // Of those on port 80; the other listens not.
	CU_ASSERT_EQUAL(pair.client.counts.target[1].failed, 50);
	shut_pair();
}

// ---------------------------------------------------------------------------------------------
// what was due and not started

// Asks for 10 000 in a second.
static void begin_misses(void)
{
	begin();
	pair.cfg.rate_per_s = 10000;
	pair.cfg.duration_ns = NS_PER_S;
}

// All that was missed was missed for this.
static void expect_missed(enum miss why, uint64_t least)
{
	CU_ASSERT(pair.client.counts.missed >= least);
	CU_ASSERT_EQUAL(pair.client.counts.missed_by[why], pair.client.counts.missed);
	CU_ASSERT_EQUAL(churn()->opened + pair.client.counts.missed, 10000);
	shut_pair();
}

static void want_of_tuples_is_told(void)
{
	begin_misses();
	pair.cfg.stack.clients = (struct hc_prefix){.addr = 0x0a010001, .len = 32};
	pair.cfg.source_ports = (struct port_range){.lo = 2000, .hi = 2999};
	open_pair();
	run(0, 0);
	expect_missed(MISS_NO_PORT, 5000); // Each tuple is used once or twice.
}

static void want_of_control_blocks_is_told(void)
{
	for (unsigned has_slots = 0; has_slots < 2; has_slots++) {
		begin_misses();
		pair.cfg.stack.conn_cap = 50;
		pair.cfg.request.kind = has_slots ? REQUEST_HTTP : REQUEST_NONE;
		open_pair();
		run(500 * NS_PER_MS, 100 * NS_PER_MS);
		expect_missed(MISS_NO_MEMORY, 900);
	}
}

static void a_target_that_is_no_host_is_told(void)
{
	begin_misses();
	open_pair();
	pair.client.connect.remote_addr = 0xe0000001; // 224.0.0.1
	run(0, 0);
	expect_missed(MISS_BAD_ADDRESS, 10000);
}

static void want_of_buffers_is_told(void)
{
	begin_misses();
	pair.cfg.buffers = 300;
	pair.cfg.descriptors = 1024;
	open_pair();
	run(500 * NS_PER_MS, 100 * NS_PER_MS);
	expect_missed(MISS_NO_BUFFER, 100);
}

// Both ends stand still from a tenth before the end on.
static void what_was_behind_at_the_end_is_told(void)
{
	uint64_t still_ns;

	begin_misses();
	open_pair();
	for (still_ns = pair.now_ns + 900 * NS_PER_MS; pair.now_ns < still_ns;
	     pair.now_ns += TURN_NS) {
		client_step(&pair.client, pair.now_ns);
		server_step(&pair.server, pair.now_ns);
	}
	pair.now_ns += 200 * NS_PER_MS;
	run(0, 0);
	expect_missed(MISS_BEHIND, 500);
}

// The server stands still, and there is no room for more that wait for it.
static void want_of_room_at_the_end_is_told(void)
{
	begin_misses();
	open_pair();
	pair.plan.load[0].busy_cap = 50;
	run(900 * NS_PER_MS, 200 * NS_PER_MS);
	expect_missed(MISS_NO_ROOM, 900);
}

UNIT_SUITE(client, UNIT_TEST(a_rate_is_kept_to_the_connection),
	   UNIT_TEST(stages_are_kept_to_the_connection),
	   UNIT_TEST(poisson_arrivals_are_spread_like_poisson),
	   UNIT_TEST(start_times_pass_kolmogorov_smirnov),
	   UNIT_TEST(an_attack_goes_ahead_and_ends_with_the_load),
	   UNIT_TEST(a_stall_shows_in_corrected_times_and_not_in_raw_ones),
	   UNIT_TEST(a_stall_shows_in_corrected_times_of_responses),
	   UNIT_TEST(without_a_stall_corrected_and_raw_times_agree),
	   UNIT_TEST(at_its_open_rate_a_limited_server_drops_nothing),
	   UNIT_TEST(beyond_its_open_rate_it_opens_just_so_many),
	   UNIT_TEST(a_machine_that_stands_still_does_not_lower_the_limit),
	   UNIT_TEST(closes_wait_for_their_turn), UNIT_TEST(a_pause_between_closes_is_not_saved_up),
	   UNIT_TEST(closes_that_find_no_room_to_wait_are_counted),
	   UNIT_TEST(connections_end_where_the_limit_is), UNIT_TEST(a_stall_comes_again_and_again),
	   UNIT_TEST(shares_are_refused_and_reset),
	   UNIT_TEST(a_request_during_the_last_answer_does_not_reset_it),
	   UNIT_TEST(a_request_behind_the_last_one_does_not_reset_its_answer),
	   UNIT_TEST(connections_at_once_are_told_by_tenths),
	   UNIT_TEST(what_closes_more_slowly_than_it_opens_piles_up),
	   UNIT_TEST(those_gathered_in_time_have_their_turn),
	   UNIT_TEST(an_attack_is_not_in_step_with_connections),
	   UNIT_TEST(pauses_spare_connections_nothing_of_an_attack),
	   UNIT_TEST(a_closed_loop_opens_at_the_rate_it_may),
	   UNIT_TEST(an_open_loop_is_held_back_by_the_rate_it_may_open_at),
	   UNIT_TEST(closing_keeps_to_its_own_rate),
	   UNIT_TEST(the_client_closes_at_its_rate_after_an_exchange_too),
	   UNIT_TEST(a_connection_makes_all_its_requests),
	   UNIT_TEST(requests_of_bytes_follow_each_other_too),
	   UNIT_TEST(between_requests_a_client_thinks),
	   UNIT_TEST(a_thought_that_ends_late_is_told_by_the_corrected_time),
	   UNIT_TEST(sizes_of_responses_come_in_their_shares),
	   UNIT_TEST(requests_of_bytes_say_their_sizes),
	   UNIT_TEST(the_same_seed_draws_the_same_sizes),
	   UNIT_TEST(a_size_that_was_not_asked_for_is_found_out),
	   UNIT_TEST(a_frame_that_is_none_ends_the_connection),
	   UNIT_TEST(so_many_come_up_at_the_rate_and_stay), UNIT_TEST(what_ends_is_replaced),
	   UNIT_TEST(those_alive_may_be_busy),
	   UNIT_TEST(those_alive_are_replaced_after_their_requests), UNIT_TEST(targets_take_turns),
	   UNIT_TEST(targets_start_one_after_the_other),
	   UNIT_TEST(those_gathered_are_asked_by_their_targets),
	   UNIT_TEST(a_refusal_is_told_by_the_target_that_refused),
	   UNIT_TEST(each_target_is_asked_by_its_name), UNIT_TEST(want_of_tuples_is_told),
	   UNIT_TEST(want_of_control_blocks_is_told), UNIT_TEST(a_target_that_is_no_host_is_told),
	   UNIT_TEST(want_of_buffers_is_told), UNIT_TEST(what_was_behind_at_the_end_is_told),
	   UNIT_TEST(want_of_room_at_the_end_is_told));
