// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The result file, schema handclasp.result.v1. Keys are never renamed or removed within a version;
// new ones may come. What is not known is null, not 0. The config object is made from the option
// table (option_json.c), so every option that matters is in it under a name that carries its unit.

#include <stdlib.h>
#include <string.h>

#include "hdr.h"
#include "json_parts.h"
#include "option_json.h"
#include "test.h"
#include "verdict.h"

#define RESULT_SCHEMA "handclasp.result.v1"
#define PLAN_SCHEMA   "handclasp.plan.v1"

// ---------------------------------------------------------------------------------------------
// small pieces

static json_t *known(double x)
{
	return x > 0 ? real(x) : json_null();
}

static json_t *texts(const char *first, size_t stride, unsigned n)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(array, json_string(first + i * stride));
	return array;
}

// ---------------------------------------------------------------------------------------------
// plan

static json_t *plan_json(const struct plan *p, bool has_client)
{
	json_t *out = json_object();

	set(out, "memory_bytes", count(p->memory_bytes));
	set(out, "warnings", texts(p->warnings[0], PLAN_NOTE_SIZE, p->warning_count));
	if (!has_client)
		return out;
	set(out, "tuples", count(p->tuples));
	set(out, "tuples_held", count(p->held));
	set(out, "source_addresses", count(p->addresses));
	set(out, "rate_per_s", known(p->rate_per_s));
	set(out, "reuse_s", real(p->arithmetic.reuse_s));
	set(out, "sustained_per_s", real(p->arithmetic.sustained_per_s));
	set(out, "is_sustainable", json_boolean(p->arithmetic.is_sustainable));
	return out;
}

// ---------------------------------------------------------------------------------------------
// environment

static json_t *port_json(const struct hc_port_info *p)
{
	return json_pack("{s:s, s:s, s:i, s:b, s:b, s:b, s:b, s:b, s:i, s:i}", "name", p->name,
			 "driver", p->driver, "numa_node", p->numa_node, "has_rss", p->has_rss,
			 "has_rx_csum", p->has_rx_csum, "has_tx_csum", p->has_tx_csum, "has_tso",
			 p->has_tso, "is_link_up", p->is_link_up, "link_mbps", (int)p->link_mbps,
			 "buffers", (int)p->buffers_total);
}

json_t *result_environment_json(const struct result *r)
{
	const struct hc_environment *e = &r->env;
	json_t *out = json_object();
	json_t *lcores = json_array();
	json_t *ports = json_array();

	for (unsigned i = 0; i < e->lcore_count; i++)
		(void)json_array_append_new(lcores, json_integer(e->lcores[i]));
	for (unsigned i = 0; i < r->port_count; i++)
		(void)json_array_append_new(ports, port_json(&r->ports[i]));
	set(out, "version", json_string(HC_VERSION));
	set(out, "cpu", json_string(e->cpu));
	set(out, "kernel", json_string(e->kernel));
	set(out, "dpdk", json_string(e->dpdk));
	set(out, "port", json_string(r->cfg->device));
	set(out, "ports", ports);
	set(out, "hugepages", json_boolean(e->hugepages));
	set(out, "cpus", json_integer(e->cpu_count));
	set(out, "lcores", lcores);
	set(out, "tsc_hz", count(e->tsc_hz));
	set(out, "tsc_drift_ppm", real(e->tsc_drift_ppm));
	set(out, "clock_resolution_ns", real(e->clock_resolution_ns));
	set(out, "core_to_core_ns", known(e->core_to_core_ns));
	set(out, "involuntary_switches", count(e->involuntary_switches));
	set(out, "steal_ms", count(e->steal_ms));
	set(out, "warnings", texts(e->warnings[0], sizeof e->warnings[0], e->warning_count));
	return out;
}

// ---------------------------------------------------------------------------------------------
// totals

static json_t *by_reason(const uint64_t *counts)
{
	json_t *out = json_object();

	for (unsigned i = 0; i < HC_REASON_COUNT; i++) {
		if (i != HC_REASON_NONE || counts[i] > 0)
			set(out, hc_reason_name((enum hc_reason)i), count(counts[i]));
	}
	return out;
}

static json_t *failed_by(const struct result *r)
{
	if (r->side == SIDE_CLIENT)
		return by_reason(r->clients.failed_by);
	return json_pack("{s:I, s:I}", "timed_out",
			 (json_int_t)r->server.counter[HC_CTR_syn_expired], "reset",
			 (json_int_t)r->server.counter[HC_CTR_syn_reset]);
}

static json_t *reset_by(const struct result *r)
{
	json_t *out = by_reason(r->side == SIDE_CLIENT ? r->clients.reset_by : r->servers.reset_by);
	uint64_t own = r->side == SIDE_CLIENT ? r->clients.aborted : r->servers.aborted;

	set(out, "plan", count(own));
	return out;
}

// All counters that moved, of one kind or (kind < 0) of any.
static json_t *counters_json(const struct hc_snapshot *s, int kind)
{
	json_t *out = json_object();

	for (unsigned i = 0; i < HC_CTR_COUNT; i++) {
		const struct hc_counter_info *info = &hc_counter_table[i];

		if (s->counter[i] > 0 && (kind < 0 || info->kind == (enum hc_counter_kind)kind))
			set(out, info->name, count(s->counter[i]));
	}
	return out;
}

static json_t *drops_json(const struct result *r)
{
	struct hc_snapshot all = r->client;

	snapshot_add(&all, &r->server);
	return counters_json(&all, HC_COUNTER_DROP);
}

static json_t *missed_by(const struct result *r)
{
	json_t *out = json_object();

	for (unsigned i = 0; i < MISS_COUNT; i++)
		set(out, client_miss_name(i), count(r->clients.missed_by[i]));
	return out;
}

// Of several targets, each by itself.
json_t *result_targets_json(const struct result *r)
{
	const struct target_list *l = &r->cfg->target;
	json_t *array;

	if (l->count <= 1)
		return json_null();
	array = json_array();
	for (unsigned i = 0; i < l->count; i++) {
		const struct target_tally *t = &r->clients.target[i];
		json_t *one = json_object();

		set(one, "target", endpoint_text(&l->target[i]));
		set(one, "opened", count(t->opened));
		set(one, "established", count(t->established));
		set(one, "closed", count(t->closed));
		set(one, "failed", count(t->failed));
		set(one, "reset", count(t->reset));
		(void)json_array_append_new(array, one);
	}
	return array;
}

static json_t *totals_json(const struct result *r)
{
	json_t *out = json_object();
	const struct view *v = &r->view;
	const uint64_t *outcome = r->clients.outcome;

	set(out, "opened", count(v->opened));
	set(out, "established", count(v->established));
	set(out, "closed", count(v->closed));
	set(out, "failed", count(v->failed));
	set(out, "failed_by", failed_by(r));
	set(out, "reset", count(v->reset));
	set(out, "reset_by", reset_by(r));
	set(out, "live_at_end", count(v->live));
	set(out, "opening_at_end", count(v->opening));
	set(out, "targets", result_targets_json(r));
	set(out, "hold_live",
	    r->cfg->hold_live ? json_pack("{s:I, s:I, s:I}", "asked", (json_int_t)r->cfg->hold_live,
					  "least", (json_int_t)r->clients.alive_least, "most",
					  (json_int_t)r->clients.alive_most)
			      : json_null());
	set(out, "missed", count(r->clients.missed));
	set(out, "missed_by", missed_by(r));
	set(out, "closes_waited", count(r->clients.closes_waited));
	set(out, "closes_unlimited", count(r->clients.closes_unlimited));
	set(out, "retransmitted_segments", count(r->retransmitted));
	set(out, "rst_sent",
	    count(r->client.counter[HC_CTR_tx_rst] + r->server.counter[HC_CTR_tx_rst]));
	set(out, "rx_packets", count(r->rx_packets));
	set(out, "tx_packets", count(r->tx_packets));
	set(out, "drops", drops_json(r));
	set(out, "port_losses",
	    json_pack("{s:I, s:I, s:I, s:I}", "rx_missed", (json_int_t)r->losses.rx_missed,
		      "rx_no_buffer", (json_int_t)r->losses.rx_no_buffer, "rx_errors",
		      (json_int_t)r->losses.rx_errors, "tx_errors",
		      (json_int_t)r->losses.tx_errors));
	set(out, "responses", count(outcome[OUTCOME_RIGHT]));
	set(out, "bad_responses", count(outcome[OUTCOME_BAD_STATUS] + outcome[OUTCOME_BAD_LENGTH]));
	set(out, "bad_responses_by",
	    json_pack("{s:I, s:I}", "status", (json_int_t)outcome[OUTCOME_BAD_STATUS], "length",
		      (json_int_t)outcome[OUTCOME_BAD_LENGTH]));
	set(out, "requests", plan_has_server(r->cfg) ? count(r->servers.requests) : json_null());
	set(out, "bad_requests",
	    plan_has_server(r->cfg) ? count(r->servers.bad_requests) : json_null());
	set(out, "body_bytes", count(r->clients.body_bytes + r->servers.body_bytes));
	set(out, "ledger_balanced", json_boolean(r->fault_count == 0));
	set(out, "ledger_faults", texts(r->faults[0], FAULT_SIZE, r->fault_count));
	return out;
}

// The other end, when it is ours too.
static json_t *server_json(const struct result *r)
{
	const struct view *v = &r->server_view;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "opened",
			 (json_int_t)v->opened, "established", (json_int_t)v->established, "closed",
			 (json_int_t)v->closed, "failed", (json_int_t)v->failed, "reset",
			 (json_int_t)v->reset, "live_at_end", (json_int_t)v->live, "requests",
			 (json_int_t)r->servers.requests, "bad_requests",
			 (json_int_t)r->servers.bad_requests);
}

// What the limits of the server did.
static json_t *limits_json(const struct result *r)
{
	const struct limit_counts *k = &r->servers.limits;

	if (!server_limits_are_set(&r->cfg->limits))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "syns_over_rate",
			 (json_int_t)r->server.counter[HC_CTR_tcp_syn_over_rate],
			 "syns_over_connections",
			 (json_int_t)r->server.counter[HC_CTR_tcp_over_conns], "syns_refused",
			 (json_int_t)r->server.counter[HC_CTR_tcp_syn_refused], "closes_waited",
			 (json_int_t)r->servers.closes_waited, "closes_unlimited",
			 (json_int_t)r->servers.closes_unlimited, "resets", (json_int_t)k->resets,
			 "stalls", (json_int_t)k->stalls);
}

static json_t *attack_json(const struct result *r)
{
	const uint64_t *client = r->client.counter, *server = r->server.counter;
	bool has_client = plan_has_client(r->cfg);
	json_t *out;

	if (r->cfg->attack.sources.len == 0)
		return json_null();
	out = json_object();
	set(out, "sent", has_client ? count(client[HC_CTR_flood_syns_sent]) : json_null());
	set(out, "missed", has_client ? count(client[HC_CTR_flood_syns_missed]) : json_null());
	set(out, "answers", has_client ? count(client[HC_CTR_flood_answers]) : json_null());
	set(out, "received",
	    plan_has_server(r->cfg) ? count(server[HC_CTR_flood_syns_received]) : json_null());
	return out;
}

static json_t *fast_open_json(const struct result *r)
{
	const struct {
		const char *key;
		enum hc_counter counter;
		bool is_server;
	} rows[] = {
		{"syns_with_data", HC_CTR_fastopen_syn_data, false},
		{"taken", HC_CTR_fastopen_taken, false},
		{"not_taken", HC_CTR_fastopen_not_taken, false},
		{"opened_by_cookie", HC_CTR_fastopen_accepted, true},
		{"cookies_given", HC_CTR_fastopen_cookies_sent, true},
		{"over_cap", HC_CTR_fastopen_limited, true},
		{"wrong_cookies", HC_CTR_fastopen_bad_cookie, true},
	};
	json_t *out;

	if (!r->cfg->stack.has_fast_open)
		return json_null();
	out = json_object();
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		bool is_ours =
			rows[i].is_server ? plan_has_server(r->cfg) : plan_has_client(r->cfg);
		const struct hc_snapshot *of = rows[i].is_server ? &r->server : &r->client;

		set(out, rows[i].key, is_ours ? count(of->counter[rows[i].counter]) : json_null());
	}
	return out;
}

// ---------------------------------------------------------------------------------------------
// rates, costs, latencies, intervals

static json_t *section_json(const struct section *s)
{
	json_t *out = json_object();

	set(out, "from_s", real(s->from_s));
	set(out, "to_s", real(s->to_s));
	set(out, "opened", count(s->opened));
	set(out, "established", count(s->established));
	set(out, "closed", count(s->closed));
	set(out, "failed", count(s->failed));
	set(out, "reset", count(s->reset));
	set(out, "opened_per_s", real(s->opened_per_s));
	set(out, "established_per_s", real(s->established_per_s));
	set(out, "closed_per_s", real(s->closed_per_s));
	return out;
}

static json_t *rates_json(const struct result *r)
{
	const struct section *s = result_sustain(r);
	json_t *out =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "opened_per_s", real(s->opened_per_s),
			  "established_per_s", real(s->established_per_s), "closed_per_s",
			  real(s->closed_per_s), "steady_from_s", real(r->steady_from_s),
			  "steady_to_s", real(r->steady_to_s), "elapsed_s", real(r->elapsed_s));

	for (unsigned i = 0; i < SECTION_COUNT; i++)
		set(out, section_names[i], section_json(&r->sections[i]));
	return out;
}

static json_t *stage_json(const double *ns)
{
	json_t *out = json_object();

	for (unsigned i = 0; i < HC_STAGE_COUNT; i++)
		set(out, hc_stage_name((enum hc_stage)i), real(ns[i]));
	return out;
}

static json_t *cost_json(const struct result *r)
{
	json_t *out = json_object();

	set(out, "ns_per_connection", known(r->ns_per_connection));
	set(out, "cpu_ns_per_connection", known(r->cpu_ns_per_connection));
	set(out, "client_ns_per_connection", known(r->client_ns_per_connection));
	set(out, "server_ns_per_connection", known(r->server_ns_per_connection));
	set(out, "packets_per_connection", known(r->packets_per_connection));
	set(out, "bytes_per_live_connection", json_integer(r->footprint.conn_bytes));
	set(out, "bytes_per_time_wait", json_integer(r->footprint.time_wait_bytes));
	if (r->cfg->has_stages) {
		set(out, "client_stage_ns", stage_json(r->client_stage_ns));
		set(out, "server_stage_ns", stage_json(r->server_stage_ns));
	}
	if (r->cfg->live > 0)
		set(out, "fill_s", real(r->clients.fill_s));
	return out;
}

static json_t *latency_json(const struct hc_hist *h)
{
	static const struct {
		const char *key;
		double q;
	} quantiles[] = {
		{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}};
	json_t *out = json_object();
	bool is_empty = h->count == 0;

	set(out, "min", is_empty ? json_null() : real((double)h->min_ns / 1e3));
	set(out, "mean", is_empty ? json_null() : real(hc_hist_mean_ns(h) / 1e3));
	for (unsigned i = 0; i < ARRAY_LEN(quantiles); i++)
		set(out, quantiles[i].key,
		    is_empty ? json_null()
			     : real((double)hc_hist_quantile_ns(h, quantiles[i].q) / 1e3));
	set(out, "max", is_empty ? json_null() : real((double)h->max_ns / 1e3));
	set(out, "count", count(h->count));
	set(out, "overflow", count(h->overflow));
	return out;
}

json_t *result_latency_json(const struct result *r)
{
	json_t *out = json_object();

	for (unsigned i = 0; i < LATENCY_KINDS; i++)
		set(out, latency_names[i].key, latency_json(&r->latency[i]));
	return out;
}

static json_t *verdict_json(const struct result *r)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < r->cfg->fail_if.count; i++) {
		struct judgement j;
		json_t *one = json_object();
		char words[160];

		verdict_judge(r, &r->cfg->fail_if.item[i], &j);
		verdict_words(&j, words, sizeof words);
		set(one, "criterion", json_string(j.criterion->text));
		set(one, "value", j.is_known ? real(j.value) : json_null());
		set(one, "limit", real(j.criterion->limit));
		set(one, "passes", json_boolean(j.passes));
		set(one, "words", json_string(words));
		(void)json_array_append_new(array, one);
	}
	return array;
}

static void set_value(void *ctx, const char *name, const struct interval_value *v)
{
	json_t *out = ctx;

	if (v->kind == INTERVAL_TEXT)
		set(out, name, json_string(v->text));
	else
		set(out, name, v->kind == INTERVAL_COUNT ? count(v->count) : real(v->real));
}

static json_t *intervals_json(const struct result *r)
{
	json_t *out = json_array();

	for (unsigned k = 0; k < r->interval_count; k++) {
		json_t *one = json_object();

		interval_each(&r->intervals[k], set_value, one);
		(void)json_array_append_new(out, one);
	}
	return out;
}

// Every bucket that is not empty, as its lowest value and how many are in it.
static json_t *buckets_json(const struct hc_hist *h)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		if (h->slot[i] == 0)
			continue;
		(void)json_array_append_new(out, count(hc_hist_slot_low_ns(i)));
		(void)json_array_append_new(out, count(h->slot[i]));
	}
	return out;
}

json_t *result_histograms_json(const struct result *r)
{
	json_t *out = json_object();

	for (unsigned i = 0; i < LATENCY_KINDS; i++) {
		const struct hc_hist *h = &r->latency[i];
		json_t *one;
		char *code;

		if (h->count == 0)
			continue;
		one = json_object();
		code = hdr_encode(h);
		set(one, "significant_digits", json_integer(3));
		set(one, "unit_ns", json_integer(1 << HC_HIST_UNIT_SHIFT));
		set(one, "top_ns", count(HC_HIST_MAX_NS));
		set(one, "count", count(h->count));
		set(one, "overflow", count(h->overflow));
		set(one, "min_ns", count(h->min_ns));
		set(one, "max_ns", count(h->max_ns));
		set(one, "sum_ns", count(h->sum_ns));
		set(one, "hdr_v2", code ? json_string(code) : json_null());
		set(one, "buckets", buckets_json(h));
		set(out, latency_names[i].key, one);
		free(code);
	}
	return out;
}

json_t *result_verdict_json(const struct result *r)
{
	return json_pack("{s:b, s:o}", "passes", verdict_passes(r), "criteria", verdict_json(r));
}

static json_t *remarks_json(const struct result *r)
{
	char remarks[REMARKS_MAX][FAULT_SIZE];
	unsigned n = result_remarks(r, remarks);

	return texts(remarks[0], FAULT_SIZE, n);
}

// The members of `lines`, in a line each: thousands of buckets are nothing to read down a page.
static bool dump_lines(json_t *lines, FILE *to)
{
	const char *separator = "";
	const char *key;
	json_t *line;

	fprintf(to, ",\n \"histograms\": {");
	json_object_foreach (lines, key, line) {
		fprintf(to, "%s\n  \"%s\": ", separator, key);
		separator = ",";
		if (json_dumpf(line, to, JSON_COMPACT) != 0)
			return false;
	}
	return fprintf(to, "\n }") > 0;
}

static bool dump(const json_t *out, json_t *lines, FILE *to)
{
	char *text = json_dumps(out, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	bool is_written;

	if (!text)
		return false;
	// All but the last line, which is the closing brace.
	is_written = fwrite(text, strlen(text) - 2, 1, to) == 1;
	free(text);
	if (is_written && lines)
		is_written = dump_lines(lines, to);
	return is_written && fprintf(to, "\n}\n") > 0 && fflush(to) == 0;
}

bool result_write_document(json_t *out, json_t *lines, const char *path, FILE *to)
{
	bool is_written = dump(out, lines, to);

	json_decref(lines);
	json_decref(out);
	if (!is_written)
		complain("the result could not be written to %s: is there room?", path);
	return is_written;
}

bool plan_write_json(const struct config *cfg, const struct plan *plan, FILE *to)
{
	json_t *out = json_object();

	set(out, "schema", json_string(PLAN_SCHEMA));
	set(out, "command", json_string(cfg->command_name));
	if (cfg->command == COMMAND_TEST)
		set(out, "test", json_string(test_infos[cfg->test.kind].name));
	set(out, "config", option_json_all(cfg));
	set(out, "plan", plan_json(plan, plan_has_client(cfg)));
	return result_write_document(out, NULL, cfg->json, to);
}

bool result_write_json(const struct result *r, FILE *to)
{
	json_t *out = json_object();

	set(out, "schema", json_string(RESULT_SCHEMA));
	set(out, "command", json_string(r->cfg->command_name));
	set(out, "is_interrupted", json_boolean(r->is_interrupted));
	set(out, "remarks", remarks_json(r));
	set(out, "environment", result_environment_json(r));
	set(out, "config", option_json_all(r->cfg));
	set(out, "plan", plan_json(r->plan, plan_has_client(r->cfg)));
	set(out, "totals", totals_json(r));
	if (r->cfg->command == COMMAND_BENCH)
		set(out, "server", server_json(r));
	if (plan_has_server(r->cfg))
		set(out, "server_limits", limits_json(r));
	set(out, "syn_attack", attack_json(r));
	set(out, "fast_open", fast_open_json(r));
	set(out, "rates", rates_json(r));
	set(out, "cost", cost_json(r));
	set(out, "latency_us", result_latency_json(r));
	if (plan_has_client(r->cfg))
		set(out, "client_counters", counters_json(&r->client, -1));
	if (plan_has_server(r->cfg))
		set(out, "server_counters", counters_json(&r->server, -1));
	set(out, "verdict", result_verdict_json(r));
	set(out, "intervals", intervals_json(r));
	return result_write_document(out, result_histograms_json(r), r->cfg->json, to);
}
