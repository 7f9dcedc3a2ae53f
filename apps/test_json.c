// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The test's file, schema handclasp.test.v1: the names of RFC 3511 in snake case, with their units
// last. Rows and result are those that the terminal shows.

#include "json_parts.h"
#include "option_json.h"
#include "test_flood.h"

#define TEST_SCHEMA "handclasp.test.v1"

// minimum_, maximum_, average_ and aggregate_KEY_us; null when nothing of the kind was measured.
static void set_times(json_t *out, const char *key, const struct test_times *x)
{
	const struct {
		const char *name;
		double us;
	} parts[] = {{"minimum", x->min_us},
		     {"maximum", x->max_us},
		     {"average", x->average_us},
		     {"aggregate", x->aggregate_us}};
	char name[96];

	for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
		snprintf(name, sizeof name, "%s_%s_us", parts[i].name, key);
		set(out, name, x->count > 0 ? real(parts[i].us) : json_null());
	}
}

static const char *phase_of(const struct test_row *row)
{
	switch (row->part) {
	case PART_SELF_CHECK:
		return "self_check";
	case PART_BASELINE:
		return "baseline";
	case PART_SEARCH:
		break;
	}
	return row->is_confirming ? "confirmation" : "search";
}

static json_t *row_json(const struct test *t, const struct test_row *row)
{
	const struct loss_numbers *n = &row->numbers;
	json_t *out = json_object();

	set(out, "value", count(row->value));
	set(out, "seed", count(row->seed));
	set(out, "phase", json_string(phase_of(row)));
	set(out, "passes", json_boolean(row->passes));
	set(out, "is_disturbed", json_boolean(row->is_disturbed));
	set(out, "why", row->passes ? json_null() : json_string(row->why));
	set(out, "connection_attempt_rate_per_s", real(row->attempt_per_s));
	set(out, "asked_per_s", real(n->asked_per_s));
	set(out, "achieved_per_s", real(n->achieved_per_s));
	set(out, "total_attempted", count(n->attempted));
	set(out, "total_completed", count(n->completed));
	set(out, "percentage_completed",
	    real(n->attempted ? 100 * (double)n->completed / (double)n->attempted : 0));
	set(out, "concurrent_connections_mean",
	    t->info->is_gathered ? json_null() : real(n->open_mean));
	set(out, "concurrent_connections_farthest",
	    t->info->is_gathered ? json_null() : real(n->open_farthest));
	set(out, "concurrent_connections_least",
	    n->held_asked > 0 ? count(n->held_least) : json_null());
	set(out, "failed", count(n->failed));
	set(out, "late", count(n->late));
	set(out, "wrong", count(n->wrong));
	set(out, "reset", count(n->resets));
	set(out, "connections_established", count(row->established));
	set(out, "connections_torn_down", count(row->closed));
	set(out, "objects_requested", count(row->objects_requested));
	set(out, "objects_returned", count(row->objects_returned));
	set(out, "retransmitted", count(row->retransmitted));
	set(out, "longest_gap_ms", real(row->gap_ms));
	set(out, "elapsed_s", real(row->elapsed_s));
	set_times(out, t->info->times_key, &row->times);
	set_times(out, "client_connect_time", &row->connect_times);
	test_flood_row_json(t, row, out);
	return out;
}

static const char *state_name(enum search_state state)
{
	static const char *const names[] = {"narrowing", "confirming", "found",
					    "at_max",    "below_min",  "flaky"};

	return names[state];
}

// The set-up parameters that RFC 3511 wants in the report.
static json_t *set_up_json(const struct test *t)
{
	const struct config *turn = test_best_cfg(t);
	bool aborts = turn->close == CLOSE_RST;
	bool has_object = turn->request.kind == REQUEST_HTTP;
	bool has_result = t->has_best || t->has_baseline;
	json_t *out = json_object();

	set(out, "number_of_connections",
	    has_result ? count(t->rows[t->best].numbers.connections) : json_null());
	set(out, "connection_attempt_rate_per_s",
	    t->info->is_gathered ? count(t->cfg->test.attempt_per_s) : json_null());
	set(out, "aging_time_s", real((double)t->cfg->test.aging_ns / (double)NS_PER_S));
	set(out, "sustain_s",
	    t->info->sustain_ns ? real((double)t->cfg->test.sustain_ns / (double)NS_PER_S)
				: json_null());
	set(out, "validation_method", has_object ? json_string("HTTP/1.1 GET") : json_null());
	set(out, "requests_per_connection",
	    has_object ? count(config_requests(turn)) : json_null());
	set(out, "http_version_of_clients", has_object ? json_string("1.1") : json_null());
	set(out, "http_version_of_servers",
	    has_object && t->result.clients.has_http
		    ? json_sprintf("1.%u", t->result.clients.http_minor)
		    : json_null());
	set(out, "object_size_bytes", has_object ? count(test_object_bytes(t)) : json_null());
	set(out, "close_method",
	    aborts ? json_null() : json_string(close_method_name(turn->close_method)));
	set(out, "close_direction",
	    aborts ? json_null() : json_string(close_side_name(turn->close)));
	set(out, "virtual_clients", count(has_result ? t->result.plan->addresses : 0));
	set(out, "virtual_servers", count(max_u64(t->cfg->target.count, 1)));
	set(out, "is_nat_enabled", test_is_ring(t->cfg) ? json_false() : json_null());
	test_flood_set_up_json(t, out);
	return out;
}

// By percentile.
static json_t *distribution_json(const struct test *t)
{
	static const struct {
		const char *name;
		double quantile;
	} points[] = {{"p10", 0.1},  {"p25", 0.25},    {"p50", 0.5},
		      {"p75", 0.75}, {"p90", 0.9},     {"p95", 0.95},
		      {"p99", 0.99}, {"p99_9", 0.999}, {"p99_99", 0.9999}};
	const struct hc_hist *h = &t->result.latency[LATENCY_RESPONSE];
	json_t *out = json_object();

	for (unsigned i = 0; i < ARRAY_LEN(points); i++)
		set(out, points[i].name,
		    real((double)hc_hist_quantile_ns(h, points[i].quantile) / 1e3));
	return out;
}

void test_value_json(const struct test *t, const struct search *s, const struct test_row *row,
		     json_t *out)
{
	bool is_known = s->passed > 0 && row;

	set(out, t->info->key, is_known ? count(s->passed) : json_null());
	set(out, "lowest_failed", s->failed == UINT64_MAX ? json_null() : count(s->failed));
	set(out, "outcome", json_string(state_name(s->state)));
	set(out, "unit", json_string(t->info->unit));
	if (is_known) {
		set_times(out, t->info->times_key, &row->times);
		set_times(out, "client_connect_time", &row->connect_times);
	}
}

static json_t *result_json(const struct test *t)
{
	const struct search *s = &t->search;
	bool is_known = s->passed > 0 && t->has_best;
	json_t *out = json_object();

	test_value_json(t, s, t->has_best ? &t->rows[t->best] : NULL, out);
	if (is_known && t->cfg->test.kind == TEST_HTTP_LATENCY) {
		set(out, "is_latency", json_boolean(test_is_at_throughput(t)));
		set(out, "delay_distribution_us", distribution_json(t));
	}
	set(out, "number_of_completed_requests",
	    is_known ? count(t->rows[t->best].objects_requested) : json_null());
	set(out, "number_of_completed_responses",
	    is_known ? count(t->rows[t->best].objects_returned) : json_null());
	test_flood_result_json(t, out);
	return out;
}

static json_t *self_check_json(const struct test *t)
{
	if (!t->cfg->test.has_self_check)
		return json_null();
	return json_pack("{s:o, s:s, s:b}", t->info->key,
			 t->self_check.passed ? count(t->self_check.passed) : json_null(),
			 "outcome", state_name(t->self_check.state), "is_near",
			 test_is_tester_near(t));
}

bool test_write_json(const struct test *t, FILE *to)
{
	json_t *out = json_object();
	json_t *rows = json_array();
	bool has_result = t->has_best || t->has_baseline;

	for (unsigned i = 0; i < t->row_count; i++)
		(void)json_array_append_new(rows, row_json(t, &t->rows[i]));
	set(out, "schema", json_string(TEST_SCHEMA));
	set(out, "command", json_string("test"));
	set(out, "test", json_string(t->info->name));
	set(out, "is_cut_short", json_boolean(t->is_cut_short));
	set(out, "section", json_sprintf("RFC 3511 %s", t->info->section));
	set(out, "environment", has_result ? result_environment_json(&t->result) : json_null());
	set(out, "config", option_json_all(t->cfg));
	set(out, "setup", set_up_json(t));
	set(out, "result", result_json(t));
	set(out, "self_check", self_check_json(t));
	set(out, "targets", has_result ? result_targets_json(&t->result) : json_null());
	set(out, "latency_us", has_result ? result_latency_json(&t->result) : json_null());
	set(out, "verdict", t->has_best ? result_verdict_json(&t->result) : json_null());
	set(out, "iterations", rows);
	return result_write_document(out, has_result ? result_histograms_json(&t->result) : NULL,
				     t->cfg->json, to);
}
