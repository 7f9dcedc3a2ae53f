// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Sums over all loops. Rates are sums of each loop's own rate over its own measured part; costs are
// the time of all cores in those parts divided by the connections that ended in them.

#include "gather.h"

static void add_times(struct result *out, const struct loop *l)
{
	for (unsigned i = 0; i < LATENCY_KINDS; i++) {
		const struct hc_hist *h[LATENCY_SOURCES_MAX];
		unsigned n = latency_sources(l, out->cfg, (enum latency)i, h);

		for (unsigned k = 0; k < n; k++)
			hc_hist_merge(&out->latency[i], h[k]);
	}
}

static void add_span(struct span *sum, const struct span *s)
{
	if (s->from_ns > 0 && (sum->from_ns == 0 || s->from_ns < sum->from_ns))
		sum->from_ns = s->from_ns;
	sum->to_ns = max_u64(sum->to_ns, s->to_ns);
}

static void add_client(struct result *out, const struct loop *l)
{
	const struct client *c = l->client;
	const struct client_counts *k = &c->counts;
	const struct client_tally *churn = &k->tally[TALLY_CHURN];
	struct client_totals *t = &out->clients;
	struct hc_snapshot s;

	hc_worker_snapshot(c->worker, &s);
	snapshot_add(&out->client, &s);
	t->aborted += churn->aborted;
	t->closes_waited += c->closes.waited;
	t->closes_unlimited += c->closes.unlimited;
	t->missed += k->missed;
	for (unsigned i = 0; i < MISS_COUNT; i++)
		t->missed_by[i] += k->missed_by[i];
	t->live_asked += c->plan->live;
	t->live_established += k->tally[TALLY_LIVE].established;
	for (unsigned i = 0; i < c->plan->target_count; i++) {
		t->target[i].opened += k->target[i].opened;
		t->target[i].established += k->target[i].established;
		t->target[i].closed += k->target[i].closed;
		t->target[i].failed += k->target[i].failed;
		t->target[i].reset += k->target[i].reset;
	}
	t->alive_least += k->alive_least;
	t->alive_most += k->alive_most;
	t->body_bytes += k->body_bytes;
	if (c->memo_len > 0) {
		t->has_http = true;
		t->http_minor = c->memo_head.minor;
	}
	t->late_opened += k->late_opened;
	t->late_answered += k->late_answered;
	t->late_closed += k->late_closed;
	t->validated += k->validated;
	add_span(&t->opened_span, &k->opened);
	add_span(&t->answered_span, &k->answered);
	add_span(&t->closed_span, &k->closed);
	t->gap_ns_max = max_u64(t->gap_ns_max, k->gap_ns_max);
	for (unsigned i = 0; i < TENTHS; i++)
		t->alive[i] += k->tenth[i].steps > 0
				       ? (double)k->tenth[i].alive / (double)k->tenth[i].steps
				       : __builtin_nan("");
	for (unsigned i = 0; i < OUTCOME_COUNT; i++)
		t->outcome[i] += k->outcome[i];
	for (unsigned i = 0; i < HC_REASON_COUNT; i++) {
		t->failed_by[i] += k->failed_by[i];
		t->reset_by[i] += k->reset_by[i];
	}
	if (c->plan->live > 0 && c->load_from_ns > l->started_ns) {
		double fill_s = (double)(c->load_from_ns - l->started_ns) / (double)NS_PER_S;

		t->fill_s = fill_s > t->fill_s ? fill_s : t->fill_s;
	}
}

static void add_server(struct result *out, const struct loop *l)
{
	const struct server *s = l->server;
	const struct server_counts *k = &s->counts;
	struct server_totals *t = &out->servers;
	struct hc_snapshot snap;

	hc_worker_snapshot(s->worker, &snap);
	snapshot_add(&out->server, &snap);
	t->accepted += k->accepted;
	t->aborted += k->aborted;
	t->requests += k->requests;
	t->bad_requests += k->bad_requests;
	t->body_bytes += k->body_bytes;
	if (s->closes) {
		t->closes_waited += s->closes->waited;
		t->closes_unlimited += s->closes->unlimited;
	}
	t->limits.resets += k->limits.resets;
	t->limits.stalls += k->limits.stalls;
	for (unsigned i = 0; i < HC_REASON_COUNT; i++)
		t->reset_by[i] += k->reset_by[i];
}

// ---------------------------------------------------------------------------------------------
// the measured part

struct part {
	double core_ns, cpu_ns;
	uint64_t ended;   // Closed, or reset by plan.
	uint64_t packets; // Sent by both ends of ours, or sent and received by our only one.
	uint64_t client_ns, server_ns; // Of pairs.
	uint64_t client_stage[HC_STAGE_COUNT];
	uint64_t server_stage[HC_STAGE_COUNT];
};

static double seconds_of(const struct loop *l)
{
	return l->to.t_ns > l->from.t_ns ? (double)(l->to.t_ns - l->from.t_ns) / (double)NS_PER_S
					 : 0;
}

static uint64_t packets_of(const struct hc_snapshot *s, bool has_both_ends)
{
	return s->counter[HC_CTR_tx_packets] + (has_both_ends ? 0 : s->counter[HC_CTR_rx_packets]);
}

static void add_section(struct section *s, const struct view *v, double from_s, double to_s)
{
	if (s->to_s <= s->from_s || from_s < s->from_s)
		s->from_s = from_s;
	if (to_s > s->to_s)
		s->to_s = to_s;
	s->opened += v->opened;
	s->established += v->established;
	s->closed += v->closed;
	s->failed += v->failed;
	s->reset += v->reset;
	if (to_s <= from_s)
		return;
	s->opened_per_s += (double)v->opened / (to_s - from_s);
	s->established_per_s += (double)v->established / (to_s - from_s);
	s->closed_per_s += (double)v->closed / (to_s - from_s);
}

// One loop's three sections, between its marks.
static void add_sections(struct result *out, const struct loop *l, uint64_t start_ns)
{
	const bool is_client = out->side == SIDE_CLIENT;
	const struct hc_worker *w = is_client ? (l->client ? l->client->worker : NULL)
					      : (l->server ? l->server->worker : NULL);
	struct hc_snapshot at[SECTION_COUNT + 1] = {0};
	double t_s[SECTION_COUNT + 1] = {
		0,
		(double)(l->from.t_ns - start_ns) / (double)NS_PER_S,
		(double)(l->to.t_ns - start_ns) / (double)NS_PER_S,
		out->elapsed_s,
	};

	if (!w)
		return;
	at[1] = is_client ? l->from.client : l->from.server;
	at[2] = is_client ? l->to.client : l->to.server;
	hc_worker_snapshot(w, &at[3]);
	for (unsigned i = 0; i < SECTION_COUNT; i++) {
		struct hc_snapshot grown;
		struct view v;

		snapshot_subtract(&grown, &at[i + 1], &at[i]);
		view_of(&grown, out->side, &v);
		add_section(&out->sections[i], &v, t_s[i], t_s[i + 1]);
	}
}

// What one end did in the measured part.
static void add_end(struct result *out, struct part *part, const struct loop *l, enum side side)
{
	const struct hc_snapshot *from = side == SIDE_CLIENT ? &l->from.client : &l->from.server;
	const struct hc_snapshot *to = side == SIDE_CLIENT ? &l->to.client : &l->to.server;
	bool is_bench = out->cfg->command == COMMAND_BENCH;
	struct hc_snapshot grown;
	struct view v;

	snapshot_subtract(&grown, to, from);
	part->packets += packets_of(&grown, is_bench);
	if (side != out->side)
		return;
	view_of(&grown, side, &v);
	part->ended += out->cfg->close == CLOSE_RST ? v.reset : v.closed;
}

static void add_part(struct result *out, struct part *part, const struct loop *l, uint64_t start_ns)
{
	double from_s = (double)(l->from.t_ns - start_ns) / (double)NS_PER_S;
	double to_s = from_s + seconds_of(l);

	part->core_ns += seconds_of(l) * (double)NS_PER_S;
	part->cpu_ns += (double)(l->to.cpu_ns - l->from.cpu_ns);
	part->client_ns += l->to.client_ns - l->from.client_ns;
	part->server_ns += l->to.server_ns - l->from.server_ns;
	if (l->client)
		add_end(out, part, l, SIDE_CLIENT);
	if (l->server)
		add_end(out, part, l, SIDE_SERVER);
	for (unsigned i = 0; i < HC_STAGE_COUNT; i++) {
		part->client_stage[i] += l->to.client_stage[i] - l->from.client_stage[i];
		part->server_stage[i] += l->to.server_stage[i] - l->from.server_stage[i];
	}
	if (out->steady_to_s <= 0 || from_s < out->steady_from_s)
		out->steady_from_s = from_s;
	if (to_s > out->steady_to_s)
		out->steady_to_s = to_s;
}

// The stack counts as the application's all that passes between a flush and the next step. In a
// pair the other end's turn is in that: what is really the application's is what its own turns took
// beyond the stack's stages.
static void set_stages(const struct result *out, const struct part *part, const uint64_t *cycles,
		       uint64_t end_ns, double *ns)
{
	double ns_per_cycle = (double)NS_PER_S / (double)out->env.tsc_hz;
	double ended = (double)part->ended;
	double stack_ns = 0;

	for (unsigned i = 0; i < HC_STAGE_COUNT; i++) {
		ns[i] = (double)cycles[i] * ns_per_cycle / ended;
		stack_ns += i == HC_STAGE_APP ? 0 : ns[i];
	}
	if (end_ns > 0)
		ns[HC_STAGE_APP] = (double)end_ns / ended - stack_ns;
}

static void set_costs(struct result *out, const struct part *part)
{
	double ended = (double)part->ended;

	if (part->ended == 0)
		return;
	out->ns_per_connection = part->core_ns / ended;
	out->cpu_ns_per_connection = part->cpu_ns / ended;
	out->packets_per_connection = (double)part->packets / ended;
	out->client_ns_per_connection = (double)part->client_ns / ended;
	out->server_ns_per_connection = (double)part->server_ns / ended;
	set_stages(out, part, part->client_stage, part->client_ns, out->client_stage_ns);
	set_stages(out, part, part->server_stage, part->server_ns, out->server_stage_ns);
}

// ---------------------------------------------------------------------------------------------
// ports and all

static void add_ports(struct result *out, const struct run *r)
{
	out->port_count = r->port_count;
	for (unsigned i = 0; i < r->port_count; i++) {
		const struct hc_port_losses *before = &r->losses_before[i];
		struct hc_port_losses l;

		hc_port_info(r->ports[i], &out->ports[i]);
		hc_port_losses(r->ports[i], &l);
		out->losses.rx_missed += l.rx_missed - before->rx_missed;
		out->losses.rx_no_buffer += l.rx_no_buffer - before->rx_no_buffer;
		out->losses.rx_errors += l.rx_errors - before->rx_errors;
		out->losses.tx_errors += l.tx_errors - before->tx_errors;
	}
}

static void set_totals(struct result *out)
{
	struct view client;

	view_of(&out->client, SIDE_CLIENT, &client);
	view_of(&out->server, SIDE_SERVER, &out->server_view);
	out->view = out->side == SIDE_CLIENT ? client : out->server_view;
	out->retransmitted = client.retransmitted + out->server_view.retransmitted;
	out->rx_packets =
		out->client.counter[HC_CTR_rx_packets] + out->server.counter[HC_CTR_rx_packets];
	out->tx_packets =
		out->client.counter[HC_CTR_tx_packets] + out->server.counter[HC_CTR_tx_packets];
}

void gather(struct run *r, uint64_t end_ns)
{
	struct result *out = &r->result;
	struct part part = {0};

	out->cfg = r->cfg;
	out->plan = r->plan;
	out->side = plan_has_client(r->cfg) ? SIDE_CLIENT : SIDE_SERVER;
	out->elapsed_s = (double)(end_ns - r->start_ns) / (double)NS_PER_S;
	hc_environment(r->runtime, &out->env);
	for (unsigned i = 0; i < LATENCY_KINDS; i++)
		hc_hist_reset(&out->latency[i]);
	for (unsigned i = 0; i < r->loop_count; i++) {
		const struct loop *l = &r->loops[i];

		if (l->client)
			add_client(out, l);
		if (l->server)
			add_server(out, l);
		add_times(out, l);
		add_sections(out, l, r->start_ns);
		add_part(out, &part, l, r->start_ns);
	}
	add_ports(out, r);
	set_totals(out);
	set_costs(out, &part);
	hc_worker_footprint(r->workers[0], &out->footprint);
}
