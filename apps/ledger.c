// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The ledger. The stack audits itself (hc_worker_audit); here its books are compared with those of
// the applications, of the other end of the wire, and of the ports.

#include "ledger.h"

#include <stdarg.h>

__attribute__((format(printf, 2, 3))) static void fault(struct result *r, const char *fmt, ...)
{
	va_list args;

	if (r->fault_count == FAULTS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(r->faults[r->fault_count++], FAULT_SIZE, fmt, args);
	va_end(args);
}

static void equal(struct result *r, const char *where, const char *what, uint64_t left,
		  uint64_t right)
{
	if (left != right)
		fault(r, "%s: %s: %llu on one side, %llu on the other", where, what,
		      (unsigned long long)left, (unsigned long long)right);
}

static uint64_t sum_of(const uint64_t *counts)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HC_REASON_COUNT; i++)
		sum += counts[i];
	return sum;
}

// The stack's own books, which it compares with its tables and pools, and received = handled +
// dropped once more from the table of counters.
static void check_worker(struct result *r, const char *where, const struct hc_worker *w,
			 const struct hc_snapshot *s)
{
	char why[FAULT_SIZE / 2];

	if (!hc_worker_audit(w, why, sizeof why))
		fault(r, "%s: %s", where, why);
	equal(r, where, "packets received = handled + dropped", counters_of_kind(s, HC_COUNTER_RX),
	      counters_of_kind(s, HC_COUNTER_HANDLED) + counters_of_kind(s, HC_COUNTER_DROP));

	equal(r, where, "events lost", s->counter[HC_CTR_events_lost], 0);
}

static void check_client(struct result *r, const struct client *c, const struct hc_snapshot *s)
{
	const struct client_tally *churn = &c->counts.tally[TALLY_CHURN];
	const struct client_tally *live = &c->counts.tally[TALLY_LIVE];
	struct view v;

	view_of(s, SIDE_CLIENT, &v);
	equal(r, "client", "connect() calls taken = connections opened",
	      churn->opened + live->opened, v.opened);
	equal(r, "client", "OPENED events = connections established",
	      churn->established + live->established, v.established);
	equal(r, "client", "CLOSED events = connections closed", churn->closed + live->closed,
	      v.closed);
	equal(r, "client", "FAILED events = connections failed", churn->failed + live->failed,
	      v.failed);
	equal(r, "client", "RESET events and aborts = connections reset",
	      churn->reset + live->reset + churn->aborted, v.reset);
	equal(r, "client", "refusals of the SYN attack", (uint64_t)-c->attack_refusal, 0);
	equal(r, "client", "failures = failures by cause", churn->failed + live->failed,
	      sum_of(c->counts.failed_by));
}

static void check_server(struct result *r, const struct server *s, const struct hc_snapshot *snap)
{
	struct view v;

	view_of(snap, SIDE_SERVER, &v);
	equal(r, "server", "ACCEPTED events = connections established", s->counts.accepted,
	      v.established);
	equal(r, "server", "CLOSED events = connections closed", s->counts.closed, v.closed);
	equal(r, "server", "RESET events and aborts = connections reset",
	      s->counts.reset + s->counts.aborted, v.reset);
}

// Nothing is lost between the two ends of a wire in memory, or it is lost by name.
static void check_wire(struct run *r, unsigned pair, const struct hc_snapshot *client,
		       const struct hc_snapshot *server)
{
	struct hc_port_losses at_client, at_server;

	hc_port_losses(r->ports[2 * pair], &at_client);
	hc_port_losses(r->ports[2 * pair + 1], &at_server);
	equal(&r->result, "wire", "packets sent by the client = received by the server + lost",
	      client->counter[HC_CTR_tx_packets],
	      server->counter[HC_CTR_rx_packets] + at_server.rx_missed + at_server.rx_errors);
	equal(&r->result, "wire", "packets sent by the server = received by the client + lost",
	      server->counter[HC_CTR_tx_packets],
	      client->counter[HC_CTR_rx_packets] + at_client.rx_missed + at_client.rx_errors);
}

void ledger_check_workers(struct run *r)
{
	struct hc_snapshot client[CORES_MAX] = {0}, server[CORES_MAX] = {0};
	const unsigned n = r->plan->worker_count;

	for (unsigned i = 0; i < n; i++) {
		if (plan_has_client(r->cfg)) {
			hc_worker_snapshot(r->clients[i].worker, &client[i]);
			check_worker(&r->result, "client", r->clients[i].worker, &client[i]);
			check_client(&r->result, &r->clients[i], &client[i]);
		}
		if (plan_has_server(r->cfg)) {
			hc_worker_snapshot(r->servers[i].worker, &server[i]);
			check_worker(&r->result, "server", r->servers[i].worker, &server[i]);
			check_server(&r->result, &r->servers[i], &server[i]);
		}
		if (r->cfg->command == COMMAND_BENCH)
			check_wire(r, i, &client[i], &server[i]);
	}
}

void ledger_check_ports(struct run *r)
{
	for (unsigned i = 0; i < r->port_count; i++) {
		struct hc_port_info info;

		hc_port_info(r->ports[i], &info);
		if (info.buffers_out > 0)
			fault(&r->result, "port %s: %u of %u packet buffers did not come back",
			      info.name, info.buffers_out, info.buffers_total);
	}
}
