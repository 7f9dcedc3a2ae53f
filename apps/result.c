// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What follows from a result: whether anything completed, and the remarks that belong beside its
// first figure because they change what it is worth.

#include "result.h"

#include <stdarg.h>
#include <stdlib.h>

#include "units.h"

const char *const section_names[SECTION_COUNT] = {
	[SECTION_RAMP] = "ramp", [SECTION_SUSTAIN] = "sustain", [SECTION_DRAIN] = "drain"};

uint64_t result_completed(const struct result *r)
{
	return r->view.closed + r->clients.aborted;
}

struct remarks {
	char (*text)[FAULT_SIZE];
	unsigned count;
};

__attribute__((format(printf, 2, 3))) static void remark(struct remarks *to, const char *fmt, ...)
{
	va_list args;

	if (to->count == REMARKS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(to->text[to->count++], FAULT_SIZE, fmt, args);
	va_end(args);
}

static uint64_t both(const struct result *r, enum hc_counter c)
{
	return r->client.counter[c] + r->server.counter[c];
}

static unsigned long long ull(uint64_t n)
{
	return n;
}

bool result_silent_hop(const struct result *r, uint32_t *hop)
{
	const uint64_t *ctr = r->client.counter;
	const struct config *cfg = r->cfg;
	uint32_t mask = prefix_mask(cfg->local.len);

	if (cfg->command != COMMAND_LOAD || r->view.opened == 0 || r->view.established > 0)
		return false;
	// Asked in vain, or nothing but the question ever left.
	if (ctr[HC_CTR_arp_failed] == 0 &&
	    ctr[HC_CTR_tx_packets] > ctr[HC_CTR_arp_requests_sent] + ctr[HC_CTR_arp_replies_sent])
		return false;
	*hop = (cfg->target.target[0].addr ^ cfg->local.addr) & mask ? cfg->gateway
								     : cfg->target.target[0].addr;
	return true;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

// That n of something, if any, were something.
static void remark_were(struct remarks *to, uint64_t n, const char *what, const char *how)
{
	if (n > 0)
		remark(to, "%llu %s%s %s %s", ull(n), what, plural(n), n == 1 ? "was" : "were",
		       how);
}

static void remark_silence(const struct result *r, struct remarks *to)
{
	uint32_t hop;

	if (result_silent_hop(r, &hop))
		remark(to, "no ARP answer from " ADDR_FMT ", is it up?", ADDR_ARGS(hop));
}

// Where one end's room is said, whose tables were full. The server of a bench has options of its
// own.
static void remark_room(const struct result *r, struct remarks *to)
{
	const char *server = r->cfg->command == COMMAND_BENCH ? "server-" : "";
	const uint64_t *const end[] = {r->client.counter, r->server.counter};

	if (r->clients.missed_by[MISS_NO_ROOM] > 0)
		remark(to,
		       "as many were opening or closing as there is room for at once: give a "
		       "larger --%s",
		       r->cfg->command == COMMAND_BENCH ? "descriptors" : "conn-cap");
	if (both(r, HC_CTR_connect_no_port) > 0)
		remark(to, "source tuples ran out: give more --clients or a shorter --time-wait");
	if (both(r, HC_CTR_connect_no_memory) > 0)
		remark(to, "control blocks ran out: give a larger --conn-cap");
	if (both(r, HC_CTR_tcp_conn_no_memory) > 0)
		remark(to,
		       "the end of a handshake found no control block at the server %llu time%s: "
		       "give a larger --%sconn-cap",
		       ull(both(r, HC_CTR_tcp_conn_no_memory)),
		       plural(both(r, HC_CTR_tcp_conn_no_memory)), server);
	for (unsigned i = 0; i < ARRAY_LEN(end); i++) {
		if (end[i][HC_CTR_tw_no_memory] > 0)
			remark(to,
			       "%llu connection%s skipped TIME-WAIT for want of memory: give a "
			       "larger --%stime-wait-cap",
			       ull(end[i][HC_CTR_tw_no_memory]),
			       plural(end[i][HC_CTR_tw_no_memory]), i ? server : "");
	}
	remark_were(to, both(r, HC_CTR_tw_reused), "TIME-WAIT",
		    "ended early by a new SYN (RFC 6191)");
}

// But for those that are held by plan. Half-open ones are for a server to have or not.
static void remark_open(const struct result *r, struct remarks *to)
{
	uint64_t live = r->view.live - min_u64(r->view.live, r->clients.live_established);
	uint64_t opening = r->side == SIDE_CLIENT ? r->view.opening : 0;

	remark_were(to, live, "connection", "still open at the end");
	remark_were(to, opening, "connection", "still opening at the end");
}

// Dropped, and not because they were another's.
static uint64_t odd_drops(const struct result *r)
{
	static const enum hc_counter not_ours[] = {
		HC_CTR_eth_not_for_us, HC_CTR_eth_unknown_type, HC_CTR_arp_not_for_us,
		HC_CTR_ip_not_for_us,  HC_CTR_ip_unknown_proto, HC_CTR_flood_answers,
	};
	uint64_t drops = counters_of_kind(&r->client, HC_COUNTER_DROP) +
			 counters_of_kind(&r->server, HC_COUNTER_DROP);

	for (unsigned i = 0; i < ARRAY_LEN(not_ours); i++)
		drops -= both(r, not_ours[i]);
	return drops;
}

static void remark_attack(const struct result *r, struct remarks *to)
{
	if (r->cfg->attack.syns_per_s == 0 || !plan_has_client(r->cfg))
		return;
	remark(to, "a SYN attack of %llu/s went on beside them", ull(r->cfg->attack.syns_per_s));
	if (r->client.counter[HC_CTR_flood_syns_missed] > 0)
		remark(to, "%llu of its SYNs were not sent in time",
		       ull(r->client.counter[HC_CTR_flood_syns_missed]));
}

// A handshake that came to be an ordinary one is not what was asked to be measured.
static void remark_fast_open(const struct result *r, struct remarks *to)
{
	const uint64_t *client = r->client.counter;
	uint64_t sent = client[HC_CTR_fastopen_syn_data];

	if (!r->cfg->stack.has_fast_open || r->view.established == 0)
		return;
	if (!plan_has_client(r->cfg)) {
		if (r->server.counter[HC_CTR_fastopen_accepted] == 0)
			remark(to, "no client opened fast, as --fast-open on would let it");
	} else if (sent == 0) {
		remark(to, "no SYN had data, though --fast-open is on");
	} else if (client[HC_CTR_fastopen_taken] < sent) {
		remark(to, "the data of %llu of %llu SYNs was not taken, and was sent again%s",
		       ull(sent - client[HC_CTR_fastopen_taken]), ull(sent),
		       r->server.counter[HC_CTR_fastopen_limited] > 0
			       ? ": give a larger --fast-open-cap"
			       : "");
	}
}

unsigned result_remarks(const struct result *r, char remarks[REMARKS_MAX][FAULT_SIZE])
{
	struct remarks to = {.text = remarks};
	const uint64_t *outcome = r->clients.outcome;
	uint64_t bad = outcome[OUTCOME_BAD_STATUS] + outcome[OUTCOME_BAD_LENGTH];
	uint64_t drops = odd_drops(r);
	uint64_t resets = r->view.reset - r->clients.aborted;
	uint64_t lost = both(r, HC_CTR_tx_dropped) + both(r, HC_CTR_tx_no_buffer) +
			both(r, HC_CTR_tx_unresolved) + both(r, HC_CTR_tx_no_route);

	// A server without --duration has no other end.
	if (r->is_interrupted && plan_has_client(r->cfg))
		remark(&to, "interrupted: that is what was measured until then");
	if (server_limits_are_set(&r->cfg->limits))
		remark(&to, "the server stood for a device with the limits it was told");
	remark_attack(r, &to);
	remark_silence(r, &to);
	remark_fast_open(r, &to);
	if (r->cfg->stack.time_wait_ms == 0)
		remark(&to, "TIME-WAIT was skipped (--time-wait 0)");
	remark_were(&to, r->retransmitted, "segment", "retransmitted");
	if (r->view.failed > 0)
		remark(&to, "%llu connection%s failed", ull(r->view.failed),
		       plural(r->view.failed));
	remark_were(&to, bad, "response", "wrong");
	remark_were(&to, r->clients.missed, "connection", "due and not started");
	if (r->clients.aborted > 0)
		remark(&to, "every connection was ended by RST, as --close rst asks");
	remark_were(&to, resets, "connection", "reset");
	remark_open(r, &to);
	remark_room(r, &to);
	remark_were(&to, lost, "packet", "lost on the way to the port");
	remark_were(&to, drops, "received packet", "dropped");
	return to.count;
}

bool result_add_interval(struct result *r, const struct interval *i)
{
	if (r->interval_count == r->interval_cap) {
		unsigned cap = r->interval_cap ? 2 * r->interval_cap : 64;
		struct interval *grown = realloc(r->intervals, cap * sizeof *grown);

		if (!grown)
			return false;
		r->intervals = grown;
		r->interval_cap = cap;
	}
	r->intervals[r->interval_count++] = *i;
	return true;
}

void result_free(struct result *r)
{
	free(r->intervals);
	r->intervals = NULL;
	r->interval_count = r->interval_cap = 0;
}
