// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Goes through the iterations of a test: the next value of the search, its run, its row. An
// iteration that failed while the tester itself stood still for longer than half of --grace (the
// machine had other things to do) says nothing about the device: it is shown, and tried again.

#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "draw.h"
#include "report.h"
#include "test_flood.h"
#include "verdict.h"

#define TRIES_MAX        4u
#define RING_ATTEMPT     100000u
#define LOAD_ATTEMPT     10000u
#define LOAD_AGING_NS    NS_PER_S
#define RING_RTO_MS      200u // The wire in memory needs no second to answer.
#define LOAD_RTO_MS      1000u
#define SELF_GRANULARITY 64u // Of the range, for the tester's own limit.

const struct test_info test_infos[TEST_KINDS] = {
	[TEST_ESTABLISHMENT_RATE] =
		{
			.name = "establishment-rate",
			.section = "5.3",
			.title = "highest connection rate",
			.key = "highest_connection_rate",
			.unit = "connections/s",
			.times_title = "connection establishment time",
			.times_key = "connection_establishment_time",
			.min = 1000,
			.max = 1000000,
			.granularity = 1000,
			.sustain_ns = 2 * NS_PER_S,
		},
	[TEST_TEARDOWN_RATE] =
		{
			.name = "teardown-rate",
			.section = "5.4",
			.title = "highest connection tear down rate",
			.key = "highest_connection_tear_down_rate",
			.unit = "connections/s",
			.times_title = "connection tear down time",
			.times_key = "connection_tear_down_time",
			.min = 1000,
			.max = 400000,
			.granularity = 1000,
			.sustain_ns = 2 * NS_PER_S,
			.is_gathered = true,
		},
	[TEST_CONCURRENT_CAPACITY] =
		{
			.name = "concurrent-capacity",
			.section = "5.2",
			.title = "maximum concurrent connections",
			.key = "maximum_concurrent_connections",
			.unit = "connections",
			.times_title = "connection establishment time",
			.times_key = "connection_establishment_time",
			.min = 1,
			.max = 200000,
			.granularity = 1,
			.is_gathered = true,
		},
	[TEST_TRANSACTION_RATE] =
		{
			.name = "transaction-rate",
			.section = "5.7",
			.title = "maximum transaction rate",
			.key = "maximum_transaction_rate",
			.unit = "transactions/s",
			.times_title = "transaction time",
			.times_key = "transaction_time",
			.min = 1000,
			.max = 1000000,
			.granularity = 1000,
			.sustain_ns = 2 * NS_PER_S,
		},
	[TEST_HTTP_LATENCY] =
		{
			.name = "http-latency",
			.section = "5.10",
			.title = "times taken at",
			.rate = " the highest rate",
			.key = "transaction_rate",
			.unit = "transactions/s",
			.times_title = "delay",
			.times_key = "delay",
			.min = 1000,
			.max = 1000000,
			.granularity = 1000,
			.sustain_ns = 2 * NS_PER_S,
		},
	[TEST_SYN_FLOOD] =
		{
			.name = "syn-flood",
			.section = "5.5",
			.title = "highest connection rate under a SYN attack",
			.key = "highest_connection_rate",
			.unit = "connections/s",
			.times_title = "connection establishment time",
			.times_key = "connection_establishment_time",
			.min = 1000,
			.max = 1000000,
			.granularity = 1000,
			.sustain_ns = 2 * NS_PER_S,
		},
};

// ---------------------------------------------------------------------------------------------
// the options

static void fill(uint64_t *field, uint64_t value)
{
	if (*field == 0)
		*field = value;
}

// Whether the tester has enough source tuples to try a value.
static bool has_tuples(const struct config *cfg, uint64_t value, bool *is_right)
{
	static struct config turn;
	static struct plan plan;
	bool is_enough;

	*is_right = test_turn(cfg, value, PART_SEARCH, &turn) && plan_make(&plan, &turn);
	is_enough = *is_right && plan.arithmetic.is_sustainable;
	plan_free(&plan);
	return is_enough;
}

// A value beyond the tester's own tuples would be found to be the device's limit. It is refused;
// what --max is when it is not given goes no higher.
static bool finish_tuples(struct config *cfg, bool is_max_given)
{
	uint64_t low = cfg->test.min, high = cfg->test.max;
	bool is_right;

	if (has_tuples(cfg, high, &is_right) || !is_right)
		return is_right;
	if (is_max_given || !has_tuples(cfg, low, &is_right)) {
		if (is_right)
			complain("--%s %llu takes more source tuples than the tester has: give "
				 "more --clients, a shorter --time-wait or a lower value",
				 is_max_given ? "max" : "min",
				 (unsigned long long)(is_max_given ? high : low));
		return false;
	}
	while (high - low > 1 && is_right) {
		uint64_t middle = low + (high - low) / 2;

		*(has_tuples(cfg, middle, &is_right) ? &low : &high) = middle;
	}
	cfg->test.max = low;
	return is_right;
}

static bool finish_range(const struct test_options *t, unsigned cores)
{
	if (t->min > t->max) {
		complain("--min %llu is above --max %llu: there is nothing between them",
			 (unsigned long long)t->min, (unsigned long long)t->max);
		return false;
	}
	if (t->min < cores) {
		complain("--min %llu is too small for --cores %u: each core needs at least one",
			 (unsigned long long)t->min, cores);
		return false;
	}
	if (t->initial && (t->initial < t->min || t->initial > t->max)) {
		complain("--initial %llu is outside --min %llu and --max %llu: give one between "
			 "them",
			 (unsigned long long)t->initial, (unsigned long long)t->min,
			 (unsigned long long)t->max);
		return false;
	}
	return true;
}

static bool transacts(const struct config *cfg)
{
	return test_latency((enum test_kind)cfg->test.kind) == LATENCY_RESPONSE;
}

// Each core opens a connection in every iteration. With more requests on it than an iteration has,
// far more would be attempted than the value says.
static bool finish_shares(const struct config *cfg)
{
	const struct test_options *t = &cfg->test;
	const uint64_t each = config_requests(cfg);
	const uint64_t count = test_count(t->min, t->sustain_ns);

	if (t->kind == TEST_CONCURRENT_CAPACITY || count >= each * cfg->cores)
		return true;
	complain("--min %llu for a --sustain of %g s is %llu %s, and --cores %u with "
		 "--requests %llu are %llu at least: give a higher --min, a longer --sustain or "
		 "fewer of those",
		 (unsigned long long)t->min, (double)t->sustain_ns / (double)NS_PER_S,
		 (unsigned long long)count, transacts(cfg) ? "transactions" : "connections",
		 cfg->cores, (unsigned long long)each, (unsigned long long)(each * cfg->cores));
	return false;
}

static bool finish_exchange(struct config *cfg)
{
	const struct test_info *info = &test_infos[cfg->test.kind];

	if (cfg->close != CLOSE_CLIENT && cfg->close != CLOSE_SERVER) {
		complain("--close %s is no Close Direction of RFC 3511: it takes client or server",
			 close_side_name(cfg->close));
		return false;
	}
	if (cfg->test.kind != TEST_TEARDOWN_RATE && cfg->request.kind != REQUEST_HTTP) {
		complain(
			"--request: test %s asks for an HTTP object on each connection: give http, "
			"or leave it out",
			info->name);
		return false;
	}
	if (cfg->test.kind == TEST_TEARDOWN_RATE && cfg->request.kind != REQUEST_NONE) {
		complain("--request: test %s asks for an object with --close server alone, to make "
			 "the server close: leave it out",
			 info->name);
		return false;
	}
	// Those would be drawn, and asked for, when a connection opens.
	if (info->is_gathered && cfg->response.sizes.count > 1) {
		complain("--response: test %s gathers connections before it asks, each for the "
			 "same: give one size",
			 info->name);
		return false;
	}
	if (cfg->requests > 1 && cfg->response.sizes.count > 1) {
		complain("--response: the requests of a connection are for objects of one size "
			 "(RFC 3511 5.7.3): give one size, or leave out --requests");
		return false;
	}
	return true;
}

// What a kind of test does not use would be ignored.
static bool refuse_unused(const struct config *cfg)
{
	const struct test_info *info = &test_infos[cfg->test.kind];
	bool is_capacity = cfg->test.kind == TEST_CONCURRENT_CAPACITY;
	const char *why = NULL;

	if (cfg->test.attempt_per_s > 0 && !info->is_gathered)
		why = "--attempt-rate is of connections that are gathered first, and here the rate "
		      "is what is searched for";
	else if (is_capacity && (cfg->close != CLOSE_CLIENT || cfg->close_method))
		why = "--close and --close-method: all connections are aborted at the end";
	else if (cfg->requests > 1 && !transacts(cfg))
		why = "--requests: a connection is what counts, and has one at most";
	else if (cfg->is_promiscuous && test_is_ring(cfg))
		why = "--promiscuous is of a port that leads out, and --port ring has no strangers";
	if (why)
		complain("test %s: %s: leave it out", info->name, why);
	return !why;
}

bool test_finish(struct config *cfg)
{
	const struct test_info *info = &test_infos[cfg->test.kind];
	struct test_options *t = &cfg->test;
	const bool is_max_given = t->max > 0;
	bool is_ring;

	if (!cfg->device) {
		complain("--port is missing: give ring for both ends in this process, or the port "
			 "that leads to the server, such as --port 0000:01:00.0");
		return false;
	}
	is_ring = test_is_ring(cfg);
	if (is_ring && (cfg->local.len || cfg->target.count || cfg->gateway)) {
		complain("--port ring has both ends in this process: leave out --local, --target "
			 "and --gateway");
		return false;
	}
	if (!is_ring && server_limits_are_set(&cfg->limits)) {
		complain("--server-...: the server behind --port %s is not ours to limit; use "
			 "--port ring, or limit handclasp serve",
			 cfg->device);
		return false;
	}
	if (cfg->stack.has_fast_open) {
		complain("--fast-open: a test opens by three segments: leave it out");
		return false;
	}
	if (!refuse_unused(cfg) || !plan_draw_seed(cfg))
		return false;
	fill(&t->min, max_u64(info->min, cfg->cores));
	fill(&t->max, max_u64(info->max, t->min));
	fill(&t->granularity, info->granularity);
	fill(&t->sustain_ns, info->sustain_ns);
	if (info->is_gathered)
		fill(&t->attempt_per_s, is_ring ? RING_ATTEMPT : LOAD_ATTEMPT);
	if (t->aging_ns == UINT64_MAX)
		t->aging_ns = is_ring ? 0 : LOAD_AGING_NS;
	if (cfg->stack.rto_init_ms == 0)
		cfg->stack.rto_init_ms = is_ring ? RING_RTO_MS : LOAD_RTO_MS;
	return finish_range(t, cfg->cores) && finish_exchange(cfg) && finish_shares(cfg) &&
	       test_flood_finish(cfg) && finish_tuples(cfg, is_max_given);
}

// ---------------------------------------------------------------------------------------------
// iterations

static struct test_row *new_row(struct test *t)
{
	if (t->row_count == t->row_cap) {
		unsigned cap = t->row_cap ? 2 * t->row_cap : 64;
		struct test_row *grown = realloc(t->rows, cap * sizeof *grown);

		if (!grown) {
			complain("no memory for another iteration");
			return NULL;
		}
		t->rows = grown;
		t->row_cap = cap;
	}
	memset(&t->rows[t->row_count], 0, sizeof *t->rows);
	return &t->rows[t->row_count++];
}

// The result that the report's times are taken from.
static void keep_best(struct test *t, const struct test_row *row)
{
	result_free(&t->result);
	t->result = t->run->result;
	t->run->result.intervals = NULL; // They are ours now.
	t->best_cfg = t->turn_cfg;
	t->best_plan = t->plan;
	t->best_plan.request = NULL; // Those stay with the iteration.
	t->best_plan.texts = NULL;
	t->best_plan.text_bytes = NULL;
	t->result.cfg = &t->best_cfg;
	t->result.plan = &t->best_plan;
	t->best = (unsigned)(row - t->rows);
	if (row->part == PART_BASELINE) {
		t->best_baseline = t->best;
		t->has_baseline = true;
	} else {
		t->has_best = true;
	}
}

// Whether all that is missing is what the tester itself had no means for. If the device failed as
// well, that is enough for the row to fail.
static bool is_tester_short(const struct result *r, const struct loss_numbers *n)
{
	const uint64_t *by = r->clients.missed_by;
	uint64_t short_of =
		by[MISS_NO_PORT] + by[MISS_NO_MEMORY] + by[MISS_NO_BUFFER] + by[MISS_BAD_ADDRESS];

	return short_of > 0 && r->view.failed == 0 && n->late == 0 && n->wrong == 0 &&
	       n->resets == 0;
}

static int stop_for_shortage(const struct test *t, const struct result *r, uint64_t value)
{
	static const char *const what[MISS_COUNT] = {
		[MISS_NO_PORT] = "source tuples: give more --clients",
		[MISS_NO_MEMORY] = "control blocks: give a larger --conn-cap",
		[MISS_NO_BUFFER] = "packet buffers: give more --buffers",
		[MISS_BAD_ADDRESS] = "addresses that can be a host's: give another --target",
	};
	unsigned most = MISS_NO_PORT;

	for (unsigned i = 0; i < MISS_BEHIND; i++) {
		if (r->clients.missed_by[i] > r->clients.missed_by[most])
			most = i;
	}
	complain("at %llu %s it is the tester that ran out of %s, or a lower --max",
		 (unsigned long long)value, t->info->unit, what[most]);
	return EXIT_ENVIRONMENT;
}

// One run, with its row. Returns an exit code.
static int run_turn(struct test *t, const struct search *s, struct test_row *row)
{
	struct run *r = t->run;
	int code;

	plan_free(&t->plan);
	if (!test_turn(t->cfg, s->value, row->part, &t->turn_cfg))
		return EXIT_USAGE;
	// Each has other sequence numbers, tuples and draws than the one before.
	row->seed = t->turn_cfg.stack.seed = draw(&t->random) >> 1 | 1;
	if (!plan_make(&t->plan, &t->turn_cfg))
		return EXIT_USAGE;
	code = run_once(r, &t->turn_cfg, &t->plan);
	if (code != EXIT_MEASURED)
		return code;
	if (r->result.fault_count > 0) {
		complain("the ledger does not balance (%s): this iteration proves nothing, please "
			 "report it",
			 r->result.faults[0]);
		return EXIT_RUN_FAILED;
	}
	if (run_is_interrupted())
		return EXIT_INTERRUPTED;
	test_judge(t, &r->result, row);
	if (row->passes || !is_tester_short(&r->result, &row->numbers))
		return EXIT_MEASURED;
	// All that was due while it stood still came at once: another time it may be enough.
	if (r->result.clients.gap_ns_max <= t->turn_cfg.turn.gap_ns)
		return stop_for_shortage(t, &r->result, s->value);
	row->is_disturbed = true;
	return EXIT_MEASURED;
}

static void wait_aging(const struct test *t)
{
	const uint64_t ns = t->cfg->test.aging_ns;
	const struct timespec wait = {.tv_sec = (time_t)(ns / NS_PER_S),
				      .tv_nsec = (long)(ns % NS_PER_S)};

	if (ns > 0)
		(void)nanosleep(&wait, NULL); // A signal ends it, and the test.
}

static int try_value(struct test *t, struct search *s, enum test_part part)
{
	struct test_row *row;
	int code;

	for (unsigned tries = 1;; tries++) {
		row = new_row(t);
		if (!row)
			return EXIT_ENVIRONMENT;
		row->value = s->value;
		row->part = part;
		row->is_confirming = s->state == SEARCH_CONFIRMING;
		code = run_turn(t, s, row);
		if (code != EXIT_MEASURED) {
			t->row_count--;
			return code;
		}
		row->is_disturbed &= tries < TRIES_MAX;
		test_report_row(t, row);
		if (row->passes && part != PART_SELF_CHECK)
			keep_best(t, row);
		result_free(&t->run->result);
		if (!row->is_disturbed)
			search_tell(s, row->passes);
		wait_aging(t);
		if (run_is_interrupted())
			return EXIT_INTERRUPTED;
		if (!row->is_disturbed)
			return EXIT_MEASURED;
	}
}

static int iterate(struct test *t, struct search *s, enum test_part part)
{
	int code = EXIT_MEASURED;

	while (code == EXIT_MEASURED && !search_is_over(s))
		code = try_value(t, s, part);
	return code;
}

// As much as the largest iteration needs is taken at the start.
static int start(struct test *t)
{
	uint64_t self_bytes = 0;
	static struct config most;

	if (t->cfg->test.has_self_check && !test_is_ring(t->cfg)) {
		if (!test_turn(t->cfg, t->cfg->test.max, PART_SELF_CHECK, &most) ||
		    !plan_make(&t->plan, &most))
			return EXIT_USAGE;
		self_bytes = t->plan.memory_bytes;
		plan_free(&t->plan);
	}
	if (!test_turn(t->cfg, t->cfg->test.max, PART_SEARCH, &most) || !plan_make(&t->plan, &most))
		return EXIT_USAGE;
	t->plan.memory_bytes = max_u64(t->plan.memory_bytes, self_bytes);
	return run_start(t->run, &most, &t->plan);
}

static int run_all(struct test *t)
{
	const struct test_options *o = &t->cfg->test;
	struct search_config sc = {
		.min = o->min,
		.max = o->max,
		.initial = o->initial,
		.granularity = o->granularity,
		.repeat = o->repeat,
	};
	int code = start(t);

	if (code == EXIT_MEASURED && o->has_self_check) {
		struct search_config self = sc;

		self.granularity = max_u64(sc.granularity, (sc.max - sc.min) / SELF_GRANULARITY);
		self.repeat = 1;
		self.initial = sc.max;
		search_init(&t->self_check, &self);
		code = iterate(t, &t->self_check, PART_SELF_CHECK);
	}
	if (code == EXIT_MEASURED && test_flood_is(t->cfg)) {
		search_init(&t->baseline, &sc);
		code = iterate(t, &t->baseline, PART_BASELINE);
		test_flood_narrow(t, &sc);
	}
	search_init(&t->search, &sc);
	if (code == EXIT_MEASURED && sc.max > 0)
		code = iterate(t, &t->search, PART_SEARCH);
	t->run->result.fault_count = 0;
	run_stop(t->run);
	if (code == EXIT_MEASURED && t->run->result.fault_count > 0) {
		complain("%s: please report it", t->run->result.faults[0]);
		code = EXIT_RUN_FAILED;
	}
	return code;
}

// ---------------------------------------------------------------------------------------------
// the end

static int verdict(const struct test *t)
{
	if (t->has_baseline && t->baseline.state != SEARCH_BELOW_MIN)
		return test_flood_verdict(t);
	if (!test_is_found(t)) {
		complain("not even --min %llu passes: see why in its row, or give a lower --min",
			 (unsigned long long)t->cfg->test.min);
		return EXIT_RUN_FAILED;
	}
	return verdict_passes(&t->result) ? EXIT_MEASURED : EXIT_CROSSED;
}

const struct config *test_best_cfg(const struct test *t)
{
	return t->has_best || t->has_baseline ? &t->best_cfg : &t->turn_cfg;
}

uint64_t test_object_bytes(const struct test *t)
{
	uint64_t objects = t->result.clients.outcome[OUTCOME_RIGHT];

	const struct response *asked = &test_best_cfg(t)->response;

	if (asked->bytes != RESPONSE_AUTO && asked->sizes.count <= 1)
		return asked->bytes;
	return objects > 0 ? t->result.clients.body_bytes / objects : 0;
}

bool test_is_found(const struct test *t)
{
	return t->has_best && t->search.state != SEARCH_BELOW_MIN;
}

bool test_has_value(const struct test *t)
{
	return test_is_found(t) || (t->has_baseline && t->baseline.state != SEARCH_BELOW_MIN);
}

bool test_is_tester_near(const struct test *t)
{
	// Of syn-flood the baseline is the higher one, and what the other is compared with.
	return t->cfg->test.has_self_check &&
	       search_is_near(&t->self_check, max_u64(t->search.passed, t->baseline.passed));
}

static bool write_file(const struct test *t, const struct outputs *out)
{
	if (!out->json)
		return true;
	outputs_empty_json(out, t->cfg);
	return test_write_json(t, out->json);
}

int test_show_plan(const struct config *cfg, const struct outputs *out)
{
	static struct config most;
	static struct plan plan;
	bool is_written = true;

	if (!test_turn(cfg, cfg->test.max, PART_SEARCH, &most) || !plan_make(&plan, &most))
		return EXIT_USAGE;
	if (config_is_talking(cfg)) {
		printf("test %s: the iteration at --max %llu\n", test_infos[cfg->test.kind].name,
		       (unsigned long long)cfg->test.max);
		report_plan(&most, &plan);
	}
	if (out->json) {
		outputs_empty_json(out, cfg);
		is_written = plan_write_json(cfg, &plan, out->json);
	}
	plan_free(&plan);
	return is_written ? EXIT_MEASURED : EXIT_ENVIRONMENT;
}

int test_execute(const struct config *cfg, const struct outputs *out)
{
	static struct test t;
	int code = EXIT_ENVIRONMENT;

	t = (struct test){
		.cfg = cfg, .info = &test_infos[cfg->test.kind], .random = cfg->stack.seed};
	t.run = calloc(1, sizeof *t.run);
	if (!t.run) {
		complain("no memory to begin with: free some");
		return code;
	}
	test_report_begin(&t);
	code = run_all(&t);
	t.is_cut_short = code != EXIT_MEASURED;
	// What was measured until it was cut short is worth as much as before.
	if (code == EXIT_MEASURED || t.row_count > 0) {
		test_report_result(&t);
		code = t.is_cut_short ? code : verdict(&t);
		if (!write_file(&t, out))
			code = EXIT_ENVIRONMENT;
	} else if (code == EXIT_INTERRUPTED) {
		complain("interrupted before the first iteration had ended: nothing is measured");
	}
	plan_free(&t.plan);
	result_free(&t.result);
	result_free(&t.run->result);
	free(t.run);
	free(t.rows);
	return code;
}
