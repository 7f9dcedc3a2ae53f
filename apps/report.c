// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Plain text for people. On a terminal and in a pipe alike: no colours, no cursor movements, each
// line flushed when it is complete. The first line of the result carries everything that qualifies
// its figure.

#include "report.h"

#include <stdio.h>
#include <string.h>

#include "units.h"
#include "verdict.h"

// 1234567 -> "1,234,567". Returns `out`.
static const char *grouped(uint64_t n, char out[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

static uint64_t rounded(double x)
{
	return x > 0 ? (uint64_t)(x + 0.5) : 0;
}

// ---------------------------------------------------------------------------------------------
// before the run

static void describe(const struct config *cfg, const struct plan *plan)
{
	char load[96];

	if (cfg->command == COMMAND_SERVE) {
		printf("serve: %u port%s on %s\n", cfg->listen.count,
		       cfg->listen.count == 1 ? "" : "s", cfg->device);
		return;
	}
	if (config_is_open_loop(cfg))
		snprintf(load, sizeof load, "%s%.6g connections/s by schedule%s",
			 cfg->stages.count > 0 ? "up to " : "", stages_peak_per_s(&cfg->schedule),
			 cfg->arrivals == ARRIVALS_POISSON ? " (Poisson arrivals)" : "");
	else
		snprintf(load, sizeof load, "%u connections in flight", cfg->concurrency);
	printf("%s: %s, %s closes first (%s)%s, %s, %u core%s\n", cfg->command_name, load,
	       cfg->close == CLOSE_RST ? "nobody" : close_side_name(cfg->close),
	       cfg->close == CLOSE_RST ? "rst" : close_method_name(cfg->close_method),
	       cfg->request.kind == REQUEST_NONE   ? ", no payload"
	       : cfg->request.kind == REQUEST_HTTP ? ", one HTTP request each"
						   : ", one request each",
	       cfg->command == COMMAND_BENCH ? "both ends over the in-memory wire" : cfg->device,
	       plan->lcore_count, plan->lcore_count == 1 ? "" : "s");
}

void report_plan(const struct config *cfg, const struct plan *plan)
{
	describe(cfg, plan);
	printf("plan: %s\n", plan->line);
	for (unsigned i = 0; i < plan->note_count; i++)
		printf("plan: %s\n", plan->notes[i]);
	printf("plan: %.0f MB of memory\n", (double)plan->memory_bytes / 1e6);
	for (unsigned i = 0; i < plan->warning_count; i++)
		printf("warning: %s\n", plan->warnings[i]);
	(void)fflush(stdout);
}

// ---------------------------------------------------------------------------------------------
// during the run

void report_heading(void)
{
	printf("%8s %11s %11s %9s %8s %8s %9s %9s\n", "time s", "opened/s", "closed/s", "live",
	       "failed", "retrans", "p50 us", "p99 us");
	(void)fflush(stdout);
}

void report_interval(const struct interval *i)
{
	printf("%8.2f %11llu %11llu %9llu %8llu %8llu", i->t_s,
	       (unsigned long long)rounded(i->opened_per_s),
	       (unsigned long long)rounded(i->closed_per_s), (unsigned long long)i->live,
	       (unsigned long long)i->failed, (unsigned long long)i->retransmitted);
	if (__builtin_isfinite(i->times[LATENCY_CONNECT].p50_us))
		printf(" %9.1f %9.1f\n", i->times[LATENCY_CONNECT].p50_us,
		       i->times[LATENCY_CONNECT].p99_us);
	else
		printf(" %9s %9s\n", "-", "-");
	(void)fflush(stdout);
}

// ---------------------------------------------------------------------------------------------
// after the run

static void first_line(const struct result *r)
{
	char remarks[REMARKS_MAX][FAULT_SIZE];
	unsigned n = result_remarks(r, remarks);
	const struct section *s = result_sustain(r);
	bool is_rst = r->cfg->close == CLOSE_RST;
	char number[32];

	printf("\nresult: %s connections/s opened and %s on %u core%s",
	       grouped(rounded(is_rst ? s->established_per_s : s->closed_per_s), number),
	       is_rst ? "reset" : "closed", r->plan->lcore_count,
	       r->plan->lcore_count == 1 ? "" : "s");
	for (unsigned i = 0; i < n; i++)
		printf("%s %s", i == 0 ? " --" : ";", remarks[i]);
	printf("\n");
}

// What came before and after the measured part.
static void apart(const char *name, const struct section *s)
{
	char opened[32], closed[32];

	if (s->opened + s->closed + s->failed + s->reset > 0)
		printf("    %-10s %s opened, %s closed, from %.2f s to %.2f s\n", name,
		       grouped(s->opened, opened), grouped(s->closed, closed), s->from_s, s->to_s);
}

static void rates(const struct result *r)
{
	const struct section *s = result_sustain(r);
	char opened[32], closed[32];

	printf("  rate         opened %s/s, closed %s/s, from %.2f s to %.2f s of %.2f s\n",
	       grouped(rounded(s->opened_per_s), opened), grouped(rounded(s->closed_per_s), closed),
	       r->steady_from_s, r->steady_to_s, r->elapsed_s);
	apart("ramp", &r->sections[SECTION_RAMP]);
	apart("drain", &r->sections[SECTION_DRAIN]);
	if (r->ns_per_connection > 0)
		printf("  cost         %.1f ns of a core (%.1f of CPU time) and %.2f packets a "
		       "connection\n",
		       r->ns_per_connection, r->cpu_ns_per_connection, r->packets_per_connection);
	if (r->client_ns_per_connection > 0)
		printf("  ends         client %.1f ns, server %.1f ns a connection\n",
		       r->client_ns_per_connection, r->server_ns_per_connection);
	printf("  memory       %u bytes a connection, %u bytes a TIME-WAIT\n",
	       r->footprint.conn_bytes, r->footprint.time_wait_bytes);
}

static void print_nonzero(const char *name, uint64_t n)
{
	char number[32];

	if (n > 0)
		printf(", %s %s", grouped(n, number), name);
}

static const char *reason_name(unsigned reason)
{
	return hc_reason_name((enum hc_reason)reason);
}

// In brackets, behind how many there were: how many for which cause.
static void causes(const uint64_t *counts, unsigned n, const char *(*name)(unsigned))
{
	const char *glue = " (";

	for (unsigned i = 0; i < n; i++) {
		if (counts[i] == 0)
			continue;
		printf("%s%s %llu", glue, name(i), (unsigned long long)counts[i]);
		glue = ", ";
	}
	printf("%s", *glue == ',' ? ")" : "");
}

static void totals(const struct result *r)
{
	const struct view *v = &r->view;
	char a[32], b[32], c[32];

	printf("  connections  %s opened, %s established, %s closed", grouped(v->opened, a),
	       grouped(v->established, b), grouped(v->closed, c));
	print_nonzero("failed", v->failed);
	causes(r->clients.failed_by, HC_REASON_COUNT, reason_name);
	print_nonzero("reset", v->reset);
	print_nonzero("still open", v->live);
	print_nonzero("still opening", v->opening);
	print_nonzero("due but not started", r->clients.missed);
	causes(r->clients.missed_by, MISS_COUNT, client_miss_name);
	print_nonzero("closed late", r->clients.closes_waited);
	printf("\n");
	if (r->cfg->live > 0)
		printf("  held         %s of %s, established in %.2f s\n",
		       grouped(r->clients.live_established, a), grouped(r->clients.live_asked, b),
		       r->clients.fill_s);
	for (unsigned i = 0; r->cfg->target.count > 1 && i < r->cfg->target.count; i++) {
		const struct endpoint *e = &r->cfg->target.target[i];
		const struct target_tally *t = &r->clients.target[i];

		printf("  target       " ADDR_FMT ":%u: %s opened, %s established, %s closed",
		       ADDR_ARGS(e->addr), e->port, grouped(t->opened, a),
		       grouped(t->established, b), grouped(t->closed, c));
		print_nonzero("failed", t->failed);
		print_nonzero("reset", t->reset);
		printf("\n");
	}
	if (r->cfg->hold_live > 0)
		printf("  alive        %s to %s of %s in the measured part\n",
		       grouped(r->clients.alive_least, a), grouped(r->clients.alive_most, b),
		       grouped(r->cfg->hold_live, c));
	printf("  packets      %s received, %s sent, %s retransmitted\n", grouped(r->rx_packets, a),
	       grouped(r->tx_packets, b), grouped(r->retransmitted, c));
}

static void exchanges(const struct result *r)
{
	const uint64_t *outcome = r->clients.outcome;
	char a[32], b[32];

	if (plan_has_client(r->cfg) && r->cfg->request.kind != REQUEST_NONE) {
		printf("  responses    %s right", grouped(outcome[OUTCOME_RIGHT], a));
		print_nonzero("with a bad status", outcome[OUTCOME_BAD_STATUS]);
		print_nonzero("of a wrong length", outcome[OUTCOME_BAD_LENGTH]);
		printf(", %s bytes of body\n", grouped(r->clients.body_bytes, b));
	}
	if (plan_has_server(r->cfg) && r->servers.requests + r->servers.bad_requests > 0) {
		printf("  requests     %s answered", grouped(r->servers.requests, a));
		print_nonzero("bad", r->servers.bad_requests);
		printf("\n");
	}
}

static void limits(const struct result *r)
{
	const struct limit_counts *k = &r->servers.limits;
	const uint64_t *ctr = r->server.counter;

	if (!server_limits_are_set(&r->cfg->limits))
		return;
	printf("  limits       %llu SYNs over the rate",
	       (unsigned long long)ctr[HC_CTR_tcp_syn_over_rate]);
	print_nonzero("SYNs over the connections", ctr[HC_CTR_tcp_over_conns]);
	print_nonzero("SYNs refused", ctr[HC_CTR_tcp_syn_refused]);
	print_nonzero("closes waited", r->servers.closes_waited);
	print_nonzero("closes found no room to wait", r->servers.closes_unlimited);
	print_nonzero("connections reset", k->resets);
	print_nonzero("stalls", k->stalls);
	printf("\n");
}

static void attack(const struct result *r)
{
	const uint64_t *client = r->client.counter;
	char a[32], b[32];

	if (r->cfg->attack.sources.len == 0)
		return;
	printf("  SYN attack   ");
	if (plan_has_client(r->cfg))
		printf("%s sent, %s answers%s", grouped(client[HC_CTR_flood_syns_sent], a),
		       grouped(client[HC_CTR_flood_answers], b),
		       plan_has_server(r->cfg) ? ", " : "\n");
	if (plan_has_server(r->cfg))
		printf("%s received by the server\n",
		       grouped(r->server.counter[HC_CTR_flood_syns_received], a));
}

static void fast_open(const struct result *r)
{
	const uint64_t *client = r->client.counter, *server = r->server.counter;

	if (!r->cfg->stack.has_fast_open)
		return;
	printf("  fast open    ");
	if (plan_has_client(r->cfg)) {
		printf("%llu SYNs with data", (unsigned long long)client[HC_CTR_fastopen_syn_data]);
		print_nonzero("taken", client[HC_CTR_fastopen_taken]);
		print_nonzero("not taken", client[HC_CTR_fastopen_not_taken]);
	}
	if (plan_has_server(r->cfg)) {
		printf("%s%llu opened by a SYN's cookie",
		       plan_has_client(r->cfg) ? "; server: " : "",
		       (unsigned long long)server[HC_CTR_fastopen_accepted]);
		print_nonzero("cookies given", server[HC_CTR_fastopen_cookies_sent]);
		print_nonzero("over --fast-open-cap", server[HC_CTR_fastopen_limited]);
		print_nonzero("with a wrong cookie", server[HC_CTR_fastopen_bad_cookie]);
	}
	printf("\n");
}

static void print_times(const char *name, const struct hc_hist *h)
{
	if (h->count == 0)
		return;
	printf("  %-12s min %.1f, mean %.1f, p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, "
	       "p99.99 %.1f, max %.1f us of %llu\n",
	       name, (double)h->min_ns / 1e3, hc_hist_mean_ns(h) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.50) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.90) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.99) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.999) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.9999) / 1e3, (double)h->max_ns / 1e3,
	       (unsigned long long)h->count);
}

static void stages(const struct result *r)
{
	double client = 0, server = 0;

	if (!r->cfg->has_stages)
		return;
	printf("  stages, ns a connection\n    %-10s %8s %8s\n", "", "client", "server");
	for (unsigned i = 0; i < HC_STAGE_COUNT; i++) {
		printf("    %-10s %8.1f %8.1f\n", hc_stage_name((enum hc_stage)i),
		       r->client_stage_ns[i], r->server_stage_ns[i]);
		client += r->client_stage_ns[i];
		server += r->server_stage_ns[i];
	}
	printf("    %-10s %8.1f %8.1f\n", "all", client, server);
}

static void drops(const struct result *r)
{
	for (unsigned i = 0; i < HC_CTR_COUNT; i++) {
		uint64_t n = r->client.counter[i] + r->server.counter[i];
		char number[32];

		if (n > 0 && hc_counter_table[i].kind == HC_COUNTER_DROP)
			printf("  dropped      %s %s: %s\n", grouped(n, number),
			       hc_counter_table[i].name, hc_counter_table[i].help);
	}
}

static void machine(const struct result *r)
{
	const struct hc_environment *e = &r->env;

	printf("  machine      %s, %s, %s, %s\n", e->cpu, e->kernel, e->dpdk,
	       e->hugepages ? "hugepages" : "no hugepages");
	printf("  clock        TSC at %.6g GHz, %+.2g ppm from CLOCK_MONOTONIC_RAW, steps of %.3g "
	       "ns\n",
	       (double)e->tsc_hz / 1e9, e->tsc_drift_ppm, e->clock_resolution_ns);
	printf("  disturbance  %llu involuntary switches, %llu ms stolen",
	       (unsigned long long)e->involuntary_switches, (unsigned long long)e->steal_ms);
	if (e->core_to_core_ns > 0)
		printf(", core to core %.0f ns", e->core_to_core_ns);
	printf("\n");
	for (unsigned i = 0; i < e->warning_count; i++)
		printf("  warning      %s\n", e->warnings[i]);
	for (unsigned i = 0; i < r->plan->warning_count; i++)
		printf("  warning      %s\n", r->plan->warnings[i]);
}

void report_verdict(const struct result *r)
{
	for (unsigned i = 0; i < r->cfg->fail_if.count; i++) {
		struct judgement j;
		char words[160];

		verdict_judge(r, &r->cfg->fail_if.item[i], &j);
		verdict_words(&j, words, sizeof words);
		printf("  verdict      %s\n", words);
	}
}

void report_summary(const struct result *r)
{
	first_line(r);
	rates(r);
	totals(r);
	exchanges(r);
	limits(r);
	attack(r);
	fast_open(r);
	for (unsigned i = 0; i < LATENCY_KINDS; i++)
		print_times(latency_names[i].title, &r->latency[i]);
	stages(r);
	drops(r);
	machine(r);
	if (r->fault_count == 0)
		printf("  ledger       balanced\n");
	for (unsigned i = 0; i < r->fault_count; i++)
		printf("  ledger       %s\n", r->faults[i]);
	report_verdict(r);
	(void)fflush(stdout);
}
