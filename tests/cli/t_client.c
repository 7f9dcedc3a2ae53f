// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The load generator and the server of one `bench` on a clock of the test's: whether the schedule
// is kept, and which times tell of a server that stalls.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "plan.h"
#include "server.h"

#include "unit/runner.h"

#define TURN_NS (10 * 1000ull)

static char complaint[512];

void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(complaint, sizeof complaint, fmt, args);
	va_end(args);
}

static struct hc_runtime *runtime;

static void stop_runtime(void)
{
	hc_runtime_stop(runtime);
}

static void start_runtime(void)
{
	static const char *const devices[] = {"ring"};
	const struct hc_runtime_config rc = {.worker_count = 1,
					     .devices = devices,
					     .device_count = 1,
					     .memory_bytes = 256u << 20,
					     .is_quiet = true,
					     .no_huge = true};
	char why[HC_WHY_SIZE];

	if (runtime)
		return;
	if (hc_runtime_start(&rc, &runtime, why) != 0) {
		fprintf(stderr, "The runtime does not start: %s\n", why);
		exit(1);
	}
	(void)atexit(stop_runtime);
}

static struct {
	struct config cfg;
	struct plan plan;
	struct hc_port *ports[2];
	struct client client;
	struct server server;
	uint64_t now_ns;
	int stop;
} pair;

// Options are set between begin() and open().
static void begin(void)
{
	memset(&pair, 0, sizeof pair);
	config_init(&pair.cfg, COMMAND_BENCH, "bench");
	pair.cfg.stack.seed = 20261125;
	pair.now_ns = 1000000000;
}

static void open_pair(void)
{
	struct hc_worker *client, *server;
	char why[HC_WHY_SIZE];
	const char *reason;

	start_runtime();
	complaint[0] = '\0';
	CU_ASSERT_FATAL(config_finish(&pair.cfg));
	CU_ASSERT_FATAL(plan_make(&pair.plan, &pair.cfg));
	CU_ASSERT_FATAL(hc_port_open_pair(runtime, &pair.plan.port, pair.ports, why) == 0);
	CU_ASSERT_FATAL(
		hc_worker_create(pair.ports[0], 0, &pair.plan.client[0], &client, &reason) == 0);
	CU_ASSERT_FATAL(
		hc_worker_create(pair.ports[1], 0, &pair.plan.server[0], &server, &reason) == 0);
	CU_ASSERT_FATAL(client_init(&pair.client, client, &pair.plan.load[0], &pair.stop));
	CU_ASSERT_FATAL(server_init(&pair.server, server, &pair.cfg, &pair.plan.listen,
				    &pair.plan.server[0]));
	CU_ASSERT_FATAL(limits_init(&pair.server, &pair.cfg, 0));
	CU_ASSERT_STRING_EQUAL(complaint, "");
}

static void shut_pair(void)
{
	struct hc_worker *client = pair.client.worker, *server = pair.server.worker;
	char why[200];

	CU_ASSERT(hc_worker_audit(client, why, sizeof why));
	CU_ASSERT(hc_worker_audit(server, why, sizeof why));
	client_fini(&pair.client);
	server_fini(&pair.server);
	hc_worker_destroy(client);
	hc_worker_destroy(server);
	for (unsigned i = 0; i < 2; i++)
		hc_port_stop(pair.ports[i]);
	for (unsigned i = 0; i < 2; i++)
		hc_port_close(pair.ports[i]);
	plan_free(&pair.plan);
}

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

static double p999_ms(const struct hc_hist *h)
{
	return (double)hc_hist_quantile_ns(h, 0.999) / 1e6;
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
	// And what the bucket held at first.
	CU_ASSERT(llabs((long long)pair.server.counts.accepted - (10000 + 200)) <= 2);
	CU_ASSERT(llabs((long long)server_ctr(HC_CTR_tcp_syn_over_rate) - (2500 - 200)) <= 2);
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
	CU_ASSERT(llabs((long long)churn()->closed - (10000 + 100)) <= 2);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, churn()->opened);
	// The bucket was full at first.
	CU_ASSERT(pair.server.closes->waited >= churn()->closed - 110);
	CU_ASSERT(pair.server.closes->waited <= churn()->closed - 100);
	CU_ASSERT_EQUAL(pair.server.closes->unlimited, 0);
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
// opening and closing, each at its own rate

static void a_closed_loop_opens_at_the_rate_it_may(void)
{
	begin();
	pair.cfg.concurrency = 500;
	pair.cfg.duration_ns = NS_PER_S;
	pair.cfg.open_per_s = 7000;
	open_pair();
	turn_for(NS_PER_S);
	CU_ASSERT(llabs((long long)churn()->opened - (7000 + 70)) <= 2);
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
	CU_ASSERT(llabs((long long)churn()->opened - (7000 + 70)) <= 2);
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
	CU_ASSERT(llabs((long long)churn()->closed - (5000 + 50)) <= 2);
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
	CU_ASSERT(llabs((long long)churn()->closed - (1000 + 10)) <= 2);
	run(0, 0);
	CU_ASSERT_EQUAL(churn()->closed, 2000);
	CU_ASSERT_EQUAL(pair.client.counts.outcome[OUTCOME_RIGHT], 2000);
	shut_pair();
}

UNIT_SUITE(client, UNIT_TEST(a_rate_is_kept_to_the_connection),
	   UNIT_TEST(stages_are_kept_to_the_connection),
	   UNIT_TEST(poisson_arrivals_are_spread_like_poisson),
	   UNIT_TEST(a_stall_shows_in_corrected_times_and_not_in_raw_ones),
	   UNIT_TEST(a_stall_shows_in_corrected_times_of_responses),
	   UNIT_TEST(without_a_stall_corrected_and_raw_times_agree),
	   UNIT_TEST(at_its_open_rate_a_limited_server_drops_nothing),
	   UNIT_TEST(beyond_its_open_rate_it_opens_just_so_many),
	   UNIT_TEST(a_machine_that_stands_still_does_not_lower_the_limit),
	   UNIT_TEST(closes_wait_for_their_turn),
	   UNIT_TEST(closes_that_find_no_room_to_wait_are_counted),
	   UNIT_TEST(connections_end_where_the_limit_is), UNIT_TEST(a_stall_comes_again_and_again),
	   UNIT_TEST(shares_are_refused_and_reset),
	   UNIT_TEST(a_closed_loop_opens_at_the_rate_it_may),
	   UNIT_TEST(an_open_loop_is_held_back_by_the_rate_it_may_open_at),
	   UNIT_TEST(closing_keeps_to_its_own_rate),
	   UNIT_TEST(the_client_closes_at_its_rate_after_an_exchange_too));
