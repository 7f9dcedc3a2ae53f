// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// How large each worker is made and which addresses it gets. Sizes follow from rates: a connection
// that ended keeps its source tuple for 2 MSL, so a client that opens R a second needs R x 2 MSL
// tuples, and the side that closes first as many TIME-WAITs. The plan takes what the expected rate
// needs, and less if that would take more memory than --memory; it never lets more tuples be used
// than TIME-WAITs can be kept for, so that none is ever cut short for want of memory.

#include <math.h>

#include "plan_parts.h"

#define LOAD_PEAK_PER_S  1e6  // As plan_bench_peak_per_s(), with a foreign peer.
#define BENCH_WAIT_S     0.05 // How long a connection of an open loop may take, for conn_cap.
#define LOAD_WAIT_S      1.0
#define IN_FLIGHT_MAX    (4u << 20)
#define SERVE_CONNS      (128u << 10)
#define SERVE_SYNS       (64u << 10)
#define SERVE_TIME_WAITS (1u << 20)
#define TIME_WAITS_MIN   4096u

static unsigned log2_of(uint64_t pow2)
{
	return (unsigned)__builtin_ctzll(pow2);
}

struct sizes {
	uint64_t in_flight; // Opening or closing.
	uint64_t live;      // Held beside them.
	uint64_t ended;     // In TIME-WAIT.
};

static double peak_per_worker(const struct config *cfg)
{
	if (config_is_open_loop(cfg))
		return 1.1 * stages_peak_per_s(&cfg->schedule) / cfg->cores;
	return cfg->command == COMMAND_BENCH ? plan_bench_peak_per_s(cfg) : LOAD_PEAK_PER_S;
}

static struct sizes worker_sizes(const struct config *cfg)
{
	struct sizes s = {.live = plan_share(cfg->live, 0, cfg->cores)};
	double time_wait_s = cfg->stack.time_wait_ms / 1000.0;
	double ended = peak_per_worker(cfg) * time_wait_s;

	if (config_is_open_loop(cfg)) {
		double hold_s = (double)config_lasting_ns(cfg) / (double)NS_PER_S;
		double wait_s = cfg->command == COMMAND_BENCH ? BENCH_WAIT_S : LOAD_WAIT_S;
		double open = peak_per_worker(cfg) * (hold_s + wait_s);

		s.in_flight = (uint64_t)fmin(fmax(open, PLAN_IN_FLIGHT_MIN), IN_FLIGHT_MAX);
	} else {
		s.in_flight = plan_share(cfg->concurrency, 0, cfg->cores);
	}
	// Those of a test that are gathered are all open at once.
	if (cfg->turn.act_per_s > 0)
		s.in_flight = plan_share(cfg->connections, 0, cfg->cores) + PLAN_SLACK;
	if (cfg->connections > 0)
		ended = fmin(ended, (double)plan_share(cfg->connections, 0, cfg->cores));
	s.ended = (uint64_t)fmin(fmax(ended, TIME_WAITS_MIN), UINT32_MAX / 2);
	return s;
}

static void fill_if_zero(uint32_t *field, uint64_t value)
{
	if (*field == 0)
		*field = (uint32_t)min_u64(value, UINT32_MAX / 2);
}

// Addresses of a prefix that connections can come from: the first and the last are nobody's.
static uint64_t usable_addresses(uint64_t addresses)
{
	return addresses > 2 ? addresses - 2 : addresses;
}

// What the hash gives one of several sharers is its part give or take: an eighth to spare.
static uint64_t with_spare(const struct config *cfg, uint64_t n)
{
	return plan_sharers(cfg) > 1 ? n + n / 8 : n;
}

static void size_client(const struct config *cfg, const struct sizes *s,
			struct hc_stack_config *out)
{
	uint64_t need = (s->in_flight + s->live + s->ended + PLAN_SLACK) * plan_sharers(cfg);
	uint64_t addresses = 1ull << (32 - out->clients.len);
	uint64_t tuples = ((uint64_t)out->port_hi - out->port_lo + 1) * addresses;
	uint64_t ports = with_spare(cfg, need) / usable_addresses(addresses) + 1;
	bool waits = plan_client_closes_first(cfg) && cfg->stack.time_wait_ms > 0;

	fill_if_zero(&out->conn_cap, s->in_flight + s->live + PLAN_SLACK);
	fill_if_zero(&out->tuple_cap, min_u64(tuples, ports * addresses));
	out->tuple_cap = (uint32_t)min_u64(out->tuple_cap, tuples);
	fill_if_zero(&out->time_wait_cap,
		     waits ? with_spare(cfg, out->tuple_cap / plan_sharers(cfg)) : TIME_WAITS_MIN);
	fill_if_zero(&out->syn_cap, 64);
}

static void size_server(const struct config *cfg, const struct sizes *s,
			struct hc_stack_config *out)
{
	bool waits = plan_server_closes_first(cfg) && cfg->stack.time_wait_ms > 0;

	// A client that has closed opens its next connection before our end of the last one is
	// over, so there are up to twice as many.
	fill_if_zero(&out->conn_cap, 2 * s->in_flight + s->live + PLAN_SLACK);
	fill_if_zero(&out->syn_cap, 2 * s->in_flight + PLAN_SLACK);
	fill_if_zero(&out->time_wait_cap, waits ? s->ended + 2 * s->in_flight : TIME_WAITS_MIN);
	out->tuple_cap = 0;
}

static void size_serve(const struct config *cfg, struct hc_stack_config *out)
{
	fill_if_zero(&out->conn_cap, max_u64(SERVE_CONNS, cfg->limits.conns + PLAN_SLACK));
	fill_if_zero(&out->syn_cap, SERVE_SYNS);
	fill_if_zero(&out->time_wait_cap,
		     cfg->stack.time_wait_ms > 0 ? SERVE_TIME_WAITS : TIME_WAITS_MIN);
	out->tuple_cap = 0;
}

// ---------------------------------------------------------------------------------------------
// addresses

// Client i's part of a prefix, when each has a wire of its own.
static struct hc_prefix prefix_part(const struct hc_prefix *whole, unsigned i, unsigned n)
{
	unsigned bits = log2_of(plan_pow2(n));
	struct hc_prefix part = {.addr = whole->addr, .len = (uint8_t)(whole->len + bits)};

	part.addr |= (uint32_t)((uint64_t)i << (32 - part.len));
	return part;
}

// As many addresses as the tuples of all pairs need, from 10.1.0.0 or, if they are very many, from
// 10.128.0.0 on.
static struct hc_prefix bench_prefix(const struct config *cfg, const struct sizes *s)
{
	uint64_t ports = (uint64_t)cfg->source_ports.hi - cfg->source_ports.lo + 1;
	uint64_t tuples = s->in_flight + s->live + s->ended + PLAN_SLACK;
	uint64_t addresses = plan_pow2((tuples + ports - 1) / ports);
	struct hc_prefix prefix = {.addr = 0x0a010000};

	while (usable_addresses(addresses) * ports < tuples)
		addresses *= 2;
	addresses *= plan_pow2(cfg->cores);
	prefix.len = (uint8_t)(32 - log2_of(addresses));
	if (prefix.len < 16)
		prefix.addr = 0x0a800000;
	if (prefix.len < 9)
		prefix.len = 9;
	return prefix;
}

static bool plan_addresses(struct plan *p, struct config *cfg, const struct sizes *s)
{
	bool is_bench = cfg->command == COMMAND_BENCH;
	struct hc_prefix *clients = &cfg->stack.clients;

	if (is_bench && clients->len == 0)
		*clients = bench_prefix(cfg, s);
	if (clients->len == 0 && plan_has_client(cfg))
		*clients = (struct hc_prefix){.addr = cfg->local.addr, .len = 32};
	if (is_bench && clients->len + log2_of(plan_pow2(cfg->cores)) > 32) {
		complain("--clients has fewer addresses than there are cores: give a shorter "
			 "prefix");
		return false;
	}
	for (unsigned i = 0; i < p->worker_count; i++) {
		struct hc_stack_config *client = &p->client[i];
		struct hc_stack_config *server = &p->server[i];

		*client = *server = cfg->stack;
		if (!is_bench)
			continue;
		client->clients = prefix_part(clients, i, cfg->cores);
		client->keeps_end_times = true;
		client->keeps_planned_times = config_is_open_loop(cfg);
		client->local_addr = 0x0a000002; // 10.0.0.2
		client->local_prefix_len = 24;
		client->gateway = 0x0a000001; // 10.0.0.1
		server->local_addr = 0x0a000001;
		server->local_prefix_len = 24;
		server->gateway = 0x0a000002;
		server->clients = (struct hc_prefix){0};
		if (cfg->server_conn_cap > 0)
			server->conn_cap = cfg->server_conn_cap;
		if (cfg->server_time_wait_cap > 0)
			server->time_wait_cap = cfg->server_time_wait_cap;
		client->syn_cap = 0; // It does not listen.
	}
	p->addresses = usable_addresses(1ull << (32 - p->client[0].clients.len)) *
		       (is_bench ? p->worker_count : 1);
	return true;
}

// ---------------------------------------------------------------------------------------------
// memory

uint64_t plan_worker_bytes(const struct plan *p, const struct config *cfg)
{
	uint64_t bytes = 0;

	if (plan_has_client(cfg))
		bytes += hc_worker_memory_bytes(&p->client[0]);
	if (plan_has_server(cfg))
		bytes += hc_worker_memory_bytes(&p->server[0]);
	return bytes * p->worker_count;
}

static void plan_limits(struct plan *p, const struct config *cfg, const struct sizes *s)
{
	for (unsigned i = 0; i < p->worker_count; i++) {
		if (cfg->command == COMMAND_SERVE) {
			size_serve(cfg, &p->server[i]);
			continue;
		}
		size_client(cfg, s, &p->client[i]);
		size_server(cfg, s, &p->server[i]);
	}
}

// Shrinks what TIME-WAIT takes until everything fits into --memory.
bool plan_workers(struct plan *p, struct config *cfg)
{
	struct sizes s = worker_sizes(cfg);
	const uint64_t wanted = s.ended;

	for (;; s.ended /= 2) {
		struct hc_prefix asked = cfg->stack.clients;

		if (!plan_addresses(p, cfg, &s))
			return false;
		plan_limits(p, cfg, &s);
		if (plan_worker_bytes(p, cfg) <= cfg->memory_bytes || s.ended < TIME_WAITS_MIN)
			break;
		cfg->stack.clients = asked;
	}
	if (s.ended < wanted && plan_has_client(cfg))
		plan_note(p,
			  "--memory limits what is kept in TIME-WAIT to %llu connections a worker",
			  (unsigned long long)s.ended);
	return true;
}

// ---------------------------------------------------------------------------------------------
// what the other parts ask

// Tuples a client with this configuration really has.
uint64_t plan_usable_tuples(const struct hc_stack_config *client)
{
	unsigned bits = 32u - client->clients.len;
	uint64_t ports = (uint64_t)client->port_hi - client->port_lo + 1;

	return min_u64(ports, client->tuple_cap >> bits) * usable_addresses(1ull << bits);
}
