// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Sizes follow from rates: a connection that ended keeps its source tuple for 2 MSL, so a client
// that opens R a second needs R x 2 MSL tuples, and the side that closes first as many TIME-WAITs.
// The plan takes what the expected rate needs, and less if that would take more memory than
// --memory; it never lets more tuples be used than TIME-WAITs can be kept for, so that none is ever
// cut short for want of memory.

#include "plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

// What one lcore may reach, a little above what was ever measured: sizes, not promises.
#define BENCH_PEAK_PER_S 5e6
#define LOAD_PEAK_PER_S  1e6
#define LOAD_USUAL_PER_S 1e5  // Of a closed loop to a foreign peer, for the warning.
#define BENCH_WAIT_S     0.05 // How long a connection of an open loop may take, for conn_cap.
#define LOAD_WAIT_S      1.0
#define IN_FLIGHT_MIN    4096u
#define IN_FLIGHT_MAX    (4u << 20)
#define SERVE_CONNS      (128u << 10)
#define SERVE_SYNS       (64u << 10)
#define SERVE_TIME_WAITS (1u << 20)
#define TIME_WAITS_MIN   4096u
#define SLACK            1024u
#define PORT_BUFFERS     16384u
#define DESCRIPTORS_MAX  32768u
#define PACKETS_EACH     4u // That one connection may have on the wire at once, and to spare.

bool plan_has_client(const struct config *cfg)
{
	return cfg->command != COMMAND_SERVE;
}

bool plan_has_server(const struct config *cfg)
{
	return cfg->command != COMMAND_LOAD;
}

__attribute__((format(printf, 2, 3))) static void note(struct plan *p, const char *fmt, ...)
{
	va_list args;

	if (p->note_count == PLAN_NOTES_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(p->notes[p->note_count++], PLAN_NOTE_SIZE, fmt, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void warn(struct plan *p, const char *fmt, ...)
{
	va_list args;

	if (p->warning_count == PLAN_NOTES_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(p->warnings[p->warning_count++], PLAN_NOTE_SIZE, fmt, args);
	va_end(args);
}

// Share i of n of a whole, the first ones taking what is over.
static uint64_t share(uint64_t whole, unsigned i, unsigned n)
{
	return whole / n + (i < whole % n);
}

static uint32_t pow2_at_least(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p <<= 1;
	return (uint32_t)p;
}

static unsigned log2_of(uint64_t pow2)
{
	return (unsigned)__builtin_ctzll(pow2);
}

// ---------------------------------------------------------------------------------------------
// sizes of one worker

struct sizes {
	uint64_t in_flight; // Opening or closing.
	uint64_t live;      // Held beside them.
	uint64_t ended;     // In TIME-WAIT.
};

static double peak_per_worker(const struct config *cfg)
{
	if (cfg->rate_per_s > 0)
		return 1.1 * cfg->rate_per_s / cfg->cores;
	return cfg->command == COMMAND_BENCH ? BENCH_PEAK_PER_S : LOAD_PEAK_PER_S;
}

static struct sizes worker_sizes(const struct config *cfg)
{
	struct sizes s = {.live = share(cfg->live, 0, cfg->cores)};
	double time_wait_s = cfg->stack.time_wait_ms / 1000.0;
	double ended = peak_per_worker(cfg) * time_wait_s;

	if (cfg->rate_per_s > 0) {
		double hold_s = (double)cfg->hold_ns / (double)NS_PER_S;
		double wait_s = cfg->command == COMMAND_BENCH ? BENCH_WAIT_S : LOAD_WAIT_S;
		double open = peak_per_worker(cfg) * (hold_s + wait_s);

		s.in_flight = (uint64_t)fmin(fmax(open, IN_FLIGHT_MIN), IN_FLIGHT_MAX);
	} else {
		s.in_flight = share(cfg->concurrency, 0, cfg->cores);
	}
	if (cfg->connections > 0)
		ended = fmin(ended, (double)share(cfg->connections, 0, cfg->cores));
	s.ended = (uint64_t)fmin(fmax(ended, TIME_WAITS_MIN), UINT32_MAX / 2);
	return s;
}

static bool client_closes_first(const struct config *cfg)
{
	return cfg->close == CLOSE_CLIENT || cfg->close == CLOSE_BOTH;
}

static bool server_closes_first(const struct config *cfg)
{
	return cfg->close == CLOSE_SERVER || cfg->close == CLOSE_BOTH;
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

// Tuples a client with this configuration really has.
static uint64_t usable_tuples(const struct hc_stack_config *client)
{
	unsigned bits = 32u - client->clients.len;
	uint64_t ports = (uint64_t)client->port_hi - client->port_lo + 1;

	return min_u64(ports, client->tuple_cap >> bits) * usable_addresses(1ull << bits);
}

// Workers of one port draw from the same tuples: each uses those whose way back leads to it.
static unsigned sharers(const struct config *cfg)
{
	return cfg->command == COMMAND_LOAD ? cfg->cores : 1;
}

// What the hash gives one of several sharers is its part give or take: an eighth to spare.
static uint64_t with_spare(const struct config *cfg, uint64_t n)
{
	return sharers(cfg) > 1 ? n + n / 8 : n;
}

static void size_client(const struct config *cfg, const struct sizes *s,
			struct hc_stack_config *out)
{
	uint64_t need = (s->in_flight + s->live + s->ended + SLACK) * sharers(cfg);
	uint64_t addresses = 1ull << (32 - out->clients.len);
	uint64_t tuples = ((uint64_t)out->port_hi - out->port_lo + 1) * addresses;
	uint64_t ports = with_spare(cfg, need) / usable_addresses(addresses) + 1;
	bool waits = client_closes_first(cfg) && cfg->stack.time_wait_ms > 0;

	fill_if_zero(&out->conn_cap, s->in_flight + s->live + SLACK);
	fill_if_zero(&out->tuple_cap, min_u64(tuples, ports * addresses));
	out->tuple_cap = (uint32_t)min_u64(out->tuple_cap, tuples);
	fill_if_zero(&out->time_wait_cap,
		     waits ? with_spare(cfg, out->tuple_cap / sharers(cfg)) : TIME_WAITS_MIN);
	fill_if_zero(&out->syn_cap, 64);
}

static void size_server(const struct config *cfg, const struct sizes *s,
			struct hc_stack_config *out)
{
	bool waits = server_closes_first(cfg) && cfg->stack.time_wait_ms > 0;

	// A client that has closed opens its next connection before our end of the last one is
	// over, so there are up to twice as many.
	fill_if_zero(&out->conn_cap, 2 * s->in_flight + s->live + SLACK);
	fill_if_zero(&out->syn_cap, 2 * s->in_flight + SLACK);
	fill_if_zero(&out->time_wait_cap, waits ? s->ended + 2 * s->in_flight : TIME_WAITS_MIN);
	out->tuple_cap = 0;
}

static void size_serve(const struct config *cfg, struct hc_stack_config *out)
{
	fill_if_zero(&out->conn_cap, SERVE_CONNS);
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
	unsigned bits = log2_of(pow2_at_least(n));
	struct hc_prefix part = {.addr = whole->addr, .len = (uint8_t)(whole->len + bits)};

	part.addr |= (uint32_t)((uint64_t)i << (32 - part.len));
	return part;
}

// As many addresses as the tuples of all pairs need, from 10.1.0.0 or, if they are very many, from
// 10.128.0.0 on.
static struct hc_prefix bench_prefix(const struct config *cfg, const struct sizes *s)
{
	uint64_t ports = (uint64_t)cfg->source_ports.hi - cfg->source_ports.lo + 1;
	uint64_t tuples = s->in_flight + s->live + s->ended + SLACK;
	uint64_t addresses = pow2_at_least((tuples + ports - 1) / ports);
	struct hc_prefix prefix = {.addr = 0x0a010000};

	while (usable_addresses(addresses) * ports < tuples)
		addresses *= 2;
	addresses *= pow2_at_least(cfg->cores);
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
	if (is_bench && clients->len + log2_of(pow2_at_least(cfg->cores)) > 32) {
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
		client->local_addr = 0x0a000002; // 10.0.0.2
		client->local_prefix_len = 24;
		client->gateway = 0x0a000001; // 10.0.0.1
		server->local_addr = 0x0a000001;
		server->local_prefix_len = 24;
		server->gateway = 0x0a000002;
		server->clients = (struct hc_prefix){0};
	}
	p->addresses = (1ull << (32 - p->client[0].clients.len)) * (is_bench ? p->worker_count : 1);
	return true;
}

// ---------------------------------------------------------------------------------------------
// memory

static uint64_t worker_bytes(const struct plan *p, const struct config *cfg)
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
static bool plan_workers(struct plan *p, struct config *cfg)
{
	struct sizes s = worker_sizes(cfg);
	const uint64_t wanted = s.ended;

	for (;; s.ended /= 2) {
		struct hc_prefix asked = cfg->stack.clients;

		if (!plan_addresses(p, cfg, &s))
			return false;
		plan_limits(p, cfg, &s);
		if (worker_bytes(p, cfg) <= cfg->memory_bytes || s.ended < TIME_WAITS_MIN)
			break;
		cfg->stack.clients = asked;
	}
	if (s.ended < wanted && plan_has_client(cfg))
		note(p, "--memory limits what is kept in TIME-WAIT to %llu connections a worker",
		     (unsigned long long)s.ended);
	return true;
}

// The packets that one worker's exchanges may have on the wire at once.
static uint64_t packets_of_data(const struct config *cfg)
{
	uint64_t largest = cfg->request.bytes;
	uint64_t conns = cfg->concurrency ? cfg->concurrency / cfg->cores : IN_FLIGHT_MIN;

	if (cfg->request.kind == REQUEST_NONE)
		return 0;
	if (cfg->response_bytes != RESPONSE_AUTO)
		largest = max_u64(largest, cfg->response_bytes);
	largest = min_u64(largest, cfg->stack.snd_buf_bytes);
	return min_u64(conns * (largest / 1024 + 1), DESCRIPTORS_MAX);
}

// A ring wire must hold what is in flight, or it would lose packets that no NIC would.
static void plan_port(struct plan *p, struct config *cfg)
{
	if (cfg->command == COMMAND_BENCH) {
		uint64_t conns = cfg->concurrency ? cfg->concurrency / cfg->cores : IN_FLIGHT_MIN;
		uint64_t packets = PACKETS_EACH * conns + packets_of_data(cfg);

		if (cfg->descriptors == 0)
			cfg->descriptors = (uint16_t)min_u64(pow2_at_least(max_u64(packets, 1024)),
							     DESCRIPTORS_MAX);
		if (cfg->buffers == 0)
			cfg->buffers =
				(uint32_t)(2u * cfg->descriptors + SLACK + packets_of_data(cfg));
	} else if (cfg->buffers == 0) {
		cfg->buffers = PORT_BUFFERS + (uint32_t)packets_of_data(cfg);
	}
	p->port = (struct hc_port_config){
		.device = cfg->device,
		.queue_count = cfg->command == COMMAND_BENCH ? 1 : cfg->cores,
		.mtu = cfg->stack.mtu,
		.ring_desc = cfg->descriptors,
		.buffer_count = cfg->buffers,
		.no_offload = !cfg->has_offload,
		.is_promiscuous = cfg->is_promiscuous,
	};
}

static void plan_memory(struct plan *p, const struct config *cfg)
{
	unsigned ports = cfg->command == COMMAND_BENCH ? p->worker_count : 1;

	p->memory_bytes = worker_bytes(p, cfg) + ports * hc_port_memory_bytes(&p->port);
}

// ---------------------------------------------------------------------------------------------
// the load of each client

static bool make_request(struct plan *p, const struct config *cfg)
{
	size_t size = cfg->request.bytes + strlen(cfg->path) + 128;
	struct client_plan *first = &p->load[0];
	uint32_t addr = first->connect.remote_addr;
	int len;

	if (cfg->request.kind == REQUEST_NONE)
		return true;
	p->request = malloc(size);
	if (!p->request) {
		complain("no memory for a request of %u bytes: make --request smaller",
			 cfg->request.bytes);
		return false;
	}
	if (cfg->request.kind == REQUEST_BYTES) {
		memset(p->request, 'x', cfg->request.bytes);
		first->request_bytes = cfg->request.bytes;
		return true;
	}
	len = snprintf((char *)p->request, size,
		       "GET %s HTTP/1.1\r\nHost: %u.%u.%u.%u:%u\r\n%s\r\n", cfg->path, addr >> 24,
		       addr >> 16 & 255, addr >> 8 & 255, addr & 255, first->connect.remote_port,
		       cfg->close == CLOSE_SERVER || cfg->close == CLOSE_BOTH
			       ? "Connection: close\r\n"
			       : "");
	first->request_bytes = (uint32_t)len;
	return true;
}

static uint16_t connect_flags(const struct config *cfg)
{
	uint16_t flags = 0;

	if (cfg->request.kind != REQUEST_NONE)
		flags |= HC_CONN_PIGGYBACK;
	if (cfg->close_method == CLOSE_THREE_WAY && cfg->close == CLOSE_SERVER)
		flags |= HC_CONN_MERGE_CLOSE;
	return flags;
}

// What passes before rates are taken: long enough for caches, tables and --hold to fill, short
// enough to leave most of the run.
static uint64_t settle_ns(const struct config *cfg)
{
	uint64_t load_ns = cfg->duration_ns - cfg->ramp_ns;

	if (cfg->duration_ns == 0 || cfg->connections > 0)
		return 0;
	return min_u64(max_u64(NS_PER_S, cfg->hold_ns), load_ns / (cfg->hold_ns ? 2 : 4));
}

static bool plan_load(struct plan *p, const struct config *cfg)
{
	const unsigned n = p->worker_count;
	bool is_bench = cfg->command == COMMAND_BENCH;

	for (unsigned i = 0; i < n; i++)
		p->load[i] = (struct client_plan){
			.connect = {.remote_addr =
					    is_bench ? p->server[0].local_addr : cfg->target.addr,
				    .remote_port = is_bench ? BENCH_SERVER_PORT : cfg->target.port,
				    .flags = connect_flags(cfg)},
			.live_port = BENCH_LIVE_PORT,
			.concurrency = (uint32_t)share(cfg->concurrency, i, n),
			.busy_cap =
				is_bench ? cfg->descriptors / PACKETS_EACH : p->client[i].conn_cap,
			.rate_per_ns = cfg->rate_per_s / n / (double)NS_PER_S,
			.connections = share(cfg->connections, i, n),
			.duration_ns = cfg->duration_ns,
			.ramp_ns = cfg->ramp_ns,
			.settle_ns = settle_ns(cfg),
			.hold_ns = cfg->hold_ns,
			.drain_ns = cfg->drain_ns,
			.live = (uint32_t)share(cfg->live, i, n),
			.conn_cap = p->client[i].conn_cap,
			.burst_pkts = cfg->stack.burst_pkts,
			.close = (enum close_side)cfg->close,
			.request_kind = (enum request_kind)cfg->request.kind,
			.response_bytes = cfg->response_bytes,
		};
	if (!make_request(p, cfg))
		return false;
	for (unsigned i = 0; i < n; i++) {
		p->load[i].request = p->request;
		p->load[i].request_bytes = p->load[0].request_bytes;
	}
	return true;
}

static bool plan_listen(struct plan *p, const struct config *cfg)
{
	struct listen_port churn = {
		.port = BENCH_SERVER_PORT,
		.mode = LISTEN_ACCEPT,
		.closes_first = cfg->close == CLOSE_SERVER || cfg->close == CLOSE_BOTH,
	};
	struct listen_port live = {.port = BENCH_LIVE_PORT, .mode = LISTEN_ACCEPT};

	if (cfg->request.kind == REQUEST_HTTP)
		churn.mode = LISTEN_HTTP;
	else if (cfg->request.kind == REQUEST_BYTES)
		churn.mode = LISTEN_RESPOND;
	p->listen = (struct listen_list){.port = {churn, live}, .count = cfg->live > 0 ? 2 : 1};
	if (cfg->command == COMMAND_SERVE)
		p->listen = cfg->listen;
	if (p->listen.count <= cfg->stack.listener_cap)
		return true;
	complain("--listener-cap %u is too small for %u listening ports: make it larger",
		 cfg->stack.listener_cap, p->listen.count);
	return false;
}

// ---------------------------------------------------------------------------------------------
// the arithmetic

// A plan of so many connections that none has to wait for another's tuple.
static bool uses_each_tuple_once(const struct plan *p, const struct config *cfg)
{
	return cfg->connections > 0 && cfg->connections + cfg->live <= p->tuples;
}

static void say_sustained(struct plan *p, const struct config *cfg)
{
	const struct hc_plan *a = &p->arithmetic;
	char limit[96] = "TIME-WAIT is skipped, which no real client does";
	char reuse[64] = "";

	if (uses_each_tuple_once(p, cfg))
		snprintf(limit, sizeof limit, "%llu connections use none of them twice",
			 (unsigned long long)(cfg->connections + cfg->live));
	else if (cfg->stack.time_wait_ms > 0)
		snprintf(limit, sizeof limit,
			 "with time_wait_ms=%u at most %.0f/s can be sustained",
			 cfg->stack.time_wait_ms, a->sustained_per_s);
	if (!uses_each_tuple_once(p, cfg))
		snprintf(reuse, sizeof reuse, " at %.0f/s each returns after %.3g s;",
			 p->rate_per_s, a->reuse_s);
	snprintf(p->line, sizeof p->line,
		 "this plan has %llu tuples (%llu source address%s, ports %u-%u);%s %s",
		 (unsigned long long)p->tuples, (unsigned long long)p->addresses,
		 p->addresses == 1 ? "" : "es", cfg->source_ports.lo, cfg->source_ports.hi, reuse,
		 limit);
}

static void plan_arithmetic(struct plan *p, const struct config *cfg)
{
	double judged = cfg->rate_per_s;

	p->tuples = usable_tuples(&p->client[0]) * (p->worker_count / sharers(cfg));
	if (judged <= 0)
		judged = cfg->command == COMMAND_BENCH ? BENCH_PEAK_PER_S * p->worker_count
						       : LOAD_USUAL_PER_S;
	p->rate_per_s = judged;
	// One "address" with all the tuples as its "ports": the caps count, not the prefix.
	hc_plan_tuples(p->tuples, 1, cfg->stack.time_wait_ms, judged, &p->arithmetic);
	say_sustained(p, cfg);
	p->arithmetic.is_sustainable |= uses_each_tuple_once(p, cfg);
	if (p->arithmetic.is_sustainable)
		return;
	if (cfg->rate_per_s > 0)
		warn(p,
		     "%.0f/s cannot be sustained: tuples run out after %.3g s; give more "
		     "--clients, a shorter --time-wait or a lower --rate",
		     cfg->rate_per_s, p->arithmetic.reuse_s);
	else
		warn(p,
		     "above %.0f/s tuples run out, and the closed loop waits for TIME-WAITs to "
		     "end; give more --clients or a shorter --time-wait",
		     p->arithmetic.sustained_per_s);
}

static void serve_arithmetic(struct plan *p, const struct config *cfg)
{
	uint64_t cap = (uint64_t)p->server[0].time_wait_cap * p->worker_count;

	if (cfg->stack.time_wait_ms == 0)
		snprintf(p->line, sizeof p->line,
			 "this plan keeps no TIME-WAITs: TIME-WAIT is skipped, which no real "
			 "server does");
	else
		snprintf(p->line, sizeof p->line,
			 "this plan keeps %llu TIME-WAITs; with time_wait_ms=%u the server can "
			 "close first at most %llu times a second",
			 (unsigned long long)cap, cfg->stack.time_wait_ms,
			 (unsigned long long)(cap * 1000 / cfg->stack.time_wait_ms));
}

static void say_close_method(struct plan *p, const struct config *cfg)
{
	if (cfg->close_method == CLOSE_THREE_WAY)
		note(p, "the second side's ACK and FIN are one segment (three-way close)");
	if (cfg->stack.time_wait_ms > 0 && server_closes_first(cfg) && !client_closes_first(cfg) &&
	    plan_has_client(cfg))
		note(p, "the server closes first, so TIME-WAIT is the server's, and early reuse "
			"of a tuple is by RFC 6191");
}

// The result shows the configuration in force: what the plan worked out belongs to it.
static void write_back(const struct plan *p, struct config *cfg)
{
	const struct hc_stack_config *s =
		cfg->command == COMMAND_SERVE ? &p->server[0] : &p->client[0];

	cfg->stack.conn_cap = s->conn_cap;
	cfg->stack.syn_cap = cfg->command == COMMAND_BENCH ? p->server[0].syn_cap : s->syn_cap;
	cfg->stack.time_wait_cap = s->time_wait_cap;
	if (cfg->command == COMMAND_BENCH && server_closes_first(cfg))
		cfg->stack.time_wait_cap = p->server[0].time_wait_cap;
	cfg->stack.tuple_cap = s->tuple_cap;
}

// Workers of one host must agree on the secret, so it is drawn once for all of them. It fits the
// integers of JSON.
static bool draw_seed(struct config *cfg)
{
	while (cfg->stack.seed == 0) {
		uint64_t seed;

		if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
			complain("the system gives no random numbers: give a --seed");
			return false;
		}
		cfg->stack.seed = seed >> 1;
	}
	return true;
}

bool plan_make(struct plan *p, struct config *cfg)
{
	memset(p, 0, sizeof *p);
	if (!draw_seed(cfg))
		return false;
	p->worker_count = cfg->cores;
	p->lcore_count = cfg->is_split ? 2 * cfg->cores : cfg->cores;
	if (!plan_workers(p, cfg))
		return false;
	plan_port(p, cfg);
	plan_memory(p, cfg);
	if (plan_has_server(cfg) && !plan_listen(p, cfg))
		return false;
	if (plan_has_client(cfg)) {
		if (!plan_load(p, cfg))
			return false;
		plan_arithmetic(p, cfg);
	} else {
		serve_arithmetic(p, cfg);
	}
	say_close_method(p, cfg);
	if (plan_has_client(cfg) && cfg->hold_ns == 0 &&
	    p->load[0].concurrency > p->load[0].busy_cap)
		warn(p,
		     "the wire holds the packets of %u connections a core, so no more than that "
		     "are opening or closing at once",
		     p->load[0].busy_cap);
	write_back(p, cfg);
	return true;
}

void plan_free(struct plan *p)
{
	free(p->request);
	memset(p, 0, sizeof *p);
}
