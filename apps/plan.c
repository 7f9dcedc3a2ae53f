// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// From a configuration to a plan: port, load of each client, listening ports, and the arithmetic in
// words. How large the workers are is worked out in plan_sizes.c.

#include "plan_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define LOAD_USUAL_PER_S 1e5 // Of a closed loop to a foreign peer, for the warning.
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

void plan_note(struct plan *p, const char *fmt, ...)
{
	va_list args;

	if (p->note_count == PLAN_NOTES_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(p->notes[p->note_count++], PLAN_NOTE_SIZE, fmt, args);
	va_end(args);
}

void plan_warn(struct plan *p, const char *fmt, ...)
{
	va_list args;

	if (p->warning_count == PLAN_NOTES_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(p->warnings[p->warning_count++], PLAN_NOTE_SIZE, fmt, args);
	va_end(args);
}

// ---------------------------------------------------------------------------------------------
// the port

// The packets that one worker's exchanges may have on the wire at once.
static uint64_t packets_of_data(const struct config *cfg)
{
	uint64_t largest = cfg->request.bytes;
	uint64_t conns = cfg->concurrency ? cfg->concurrency / cfg->cores : PLAN_IN_FLIGHT_MIN;

	if (cfg->request.kind == REQUEST_NONE)
		return 0;
	if (cfg->response.bytes != RESPONSE_AUTO)
		largest = max_u64(largest, cfg->response.bytes);
	largest = min_u64(largest, cfg->stack.snd_buf_bytes);
	return min_u64(conns * (largest / 1024 + 1), DESCRIPTORS_MAX);
}

// A ring wire must hold what is in flight, or it would lose packets that no NIC would.
static void plan_port(struct plan *p, struct config *cfg)
{
	if (cfg->command == COMMAND_BENCH) {
		uint64_t conns =
			cfg->concurrency ? cfg->concurrency / cfg->cores : PLAN_IN_FLIGHT_MIN;
		uint64_t packets = PACKETS_EACH * conns + packets_of_data(cfg);

		if (cfg->descriptors == 0)
			cfg->descriptors = (uint16_t)min_u64(plan_pow2(max_u64(packets, 1024)),
							     DESCRIPTORS_MAX);
		if (cfg->buffers == 0)
			cfg->buffers = (uint32_t)(2u * cfg->descriptors + PLAN_SLACK +
						  packets_of_data(cfg));
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
		.no_tso = !cfg->has_tso,
		.is_promiscuous = cfg->is_promiscuous,
	};
}

static void plan_memory(struct plan *p, const struct config *cfg)
{
	unsigned ports = cfg->command == COMMAND_BENCH ? p->worker_count : 1;

	p->memory_bytes = plan_worker_bytes(p, cfg) + ports * hc_port_memory_bytes(&p->port);
}

// ---------------------------------------------------------------------------------------------
// the load of each client

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
static uint64_t settle_ns(const struct config *cfg, uint64_t sustain_from_ns,
			  uint64_t sustain_to_ns)
{
	uint64_t load_ns = sustain_to_ns - sustain_from_ns;

	if (cfg->duration_ns == 0 || cfg->connections > 0)
		return 0;
	return min_u64(max_u64(NS_PER_S, config_lasting_ns(cfg)),
		       load_ns / (config_lasting_ns(cfg) ? 2 : 4));
}

// What --open-rate and --hold-live let be opened a second; 0: any number.
static uint64_t open_per_s(const struct config *cfg)
{
	uint64_t rate = cfg->hold_live > 0 ? (uint64_t)cfg->rate_per_s : 0;

	if (rate == 0 || cfg->open_per_s == 0)
		return max_u64(rate, cfg->open_per_s);
	return min_u64(rate, cfg->open_per_s);
}

// What a test asks of its iterations.
static void plan_turn(struct plan *p, const struct config *cfg)
{
	const struct turn *t = &cfg->turn;
	const struct stage_list acts = {.stage = {{UINT64_MAX, t->act_per_s, t->act_per_s}},
					.count = 1};

	if (t->act_per_s > 0)
		schedule_make(&p->acts, &acts, 1.0 / p->worker_count);
	for (unsigned i = 0; i < p->worker_count; i++) {
		struct client_plan *load = &p->load[i];

		load->grace_ns = t->grace_ns;
		load->open_ns = time_ns_of(cfg->connections, cfg->rate_per_s);
		if (t->act_per_s <= 0)
			continue;
		load->acts = &p->acts;
		load->act_ns = time_ns_of(cfg->connections, t->act_per_s);
		load->act_asks = t->act_asks;
		load->keep_ns = t->keep_ns;
	}
}

static bool plan_load(struct plan *p, const struct config *cfg)
{
	const unsigned n = p->worker_count;
	bool is_bench = cfg->command == COMMAND_BENCH;
	bool is_open = config_is_open_loop(cfg);
	uint64_t from_ns = config_ramp_ns(cfg), to_ns = cfg->duration_ns;

	if (is_open) {
		schedule_make(&p->schedule, &cfg->schedule, 1.0 / n);
		stages_sustain(&cfg->schedule, &from_ns, &to_ns);
	}
	for (unsigned i = 0; i < n; i++)
		p->load[i] = (struct client_plan){
			.connect = {.remote_addr = is_bench ? p->server[0].local_addr
							    : cfg->target.target[0].addr,
				    .remote_port = is_bench ? BENCH_SERVER_PORT
							    : cfg->target.target[0].port,
				    .flags = connect_flags(cfg)},
			.live_port = BENCH_LIVE_PORT,
			.concurrency = (uint32_t)plan_share(cfg->concurrency, i, n),
			.busy_cap =
				is_bench ? cfg->descriptors / PACKETS_EACH : p->client[i].conn_cap,
			.schedule = is_open ? &p->schedule : NULL,
			.is_poisson = cfg->arrivals == ARRIVALS_POISSON,
			.index = i,
			.sharers = n,
			.seed = cfg->stack.seed,
			.open_per_s = plan_share(open_per_s(cfg), i, n),
			.close_per_s = plan_share(cfg->close_per_s, i, n),
			.connections = plan_share(cfg->connections, i, n),
			.duration_ns = cfg->duration_ns,
			.ramp_ns = from_ns,
			.sustain_ns = to_ns == UINT64_MAX ? 0 : to_ns,
			.settle_ns = settle_ns(cfg, from_ns, to_ns),
			.hold_ns = cfg->hold_live > 0 && cfg->request.kind == REQUEST_NONE
					   ? UINT64_MAX
					   : cfg->hold_ns,
			.keeps_live = cfg->hold_live > 0,
			.targets = cfg->target.target,
			.target_count = cfg->target.count,
			.stagger_ns = cfg->stagger_ns,
			.drain_ns = cfg->drain_ns,
			.live = (uint32_t)plan_share(cfg->live, i, n),
			.conn_cap = p->client[i].conn_cap,
			.burst_pkts = cfg->stack.burst_pkts,
			.close = (enum close_side)cfg->close,
			.request_kind = (enum request_kind)cfg->request.kind,
			.response_bytes = cfg->response.bytes,
			.requests = config_requests(cfg),
			.think_ns = cfg->think_ns,
			.request_sizes = cfg->request.sizes,
			.response_sizes = cfg->response.sizes,
		};
	if (cfg->turn.grace_ns > 0)
		plan_turn(p, cfg);
	if (!plan_requests(p, cfg))
		return false;
	for (unsigned i = 0; i < n; i++) {
		p->load[i].request = p->request;
		p->load[i].request_bytes = p->request_bytes;
		p->load[i].texts = p->texts;
		p->load[i].filler = p->request;
		// Longer ones are sent when the connection is open, as without.
		if (cfg->stack.has_fast_open && p->request && !p->texts &&
		    p->load[0].request_bytes <= cfg->stack.snd_buf_bytes) {
			p->load[i].connect.flags |= HC_CONN_FAST_OPEN;
			p->load[i].connect.data = p->request;
			p->load[i].connect.data_bytes = p->load[0].request_bytes;
		}
	}
	return true;
}

static bool plan_listen(struct plan *p, const struct config *cfg)
{
	struct listen_port churn = {
		.port = BENCH_SERVER_PORT,
		.mode = LISTEN_ACCEPT,
		// When there are several requests the last says that it is.
		.closes_first = plan_server_closes_first(cfg) && config_requests(cfg) == 1,
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
	return cfg->connections > 0 && cfg->connections + p->held <= p->tuples;
}

static void say_sustained(struct plan *p, const struct config *cfg)
{
	const struct hc_plan *a = &p->arithmetic;
	char limit[96] = "TIME-WAIT is skipped, which no real client does";
	char reuse[64] = "";
	char held[48] = "";

	if (uses_each_tuple_once(p, cfg))
		snprintf(limit, sizeof limit, "%llu connections use none of them twice",
			 (unsigned long long)(cfg->connections + p->held));
	else if (cfg->stack.time_wait_ms > 0)
		snprintf(limit, sizeof limit,
			 "with time_wait_ms=%u at most %.0f/s can be sustained",
			 cfg->stack.time_wait_ms, a->sustained_per_s);
	if (p->held > 0)
		snprintf(held, sizeof held, ", %llu of them held", (unsigned long long)p->held);
	if (!uses_each_tuple_once(p, cfg))
		snprintf(reuse, sizeof reuse, " at %.0f/s each returns after %.3g s;",
			 p->rate_per_s, a->reuse_s);
	snprintf(p->line, sizeof p->line,
		 "this plan has %llu tuples (%llu source address%s, ports %u-%u)%s;%s %s",
		 (unsigned long long)p->tuples, (unsigned long long)p->addresses,
		 p->addresses == 1 ? "" : "es", cfg->source_ports.lo, cfg->source_ports.hi, held,
		 reuse, limit);
}

// Tuples that connections keep all the time: those held beside the churn, and in a closed loop with
// --hold all that are open.
static uint64_t held_tuples(const struct config *cfg)
{
	bool holds = config_lasting_ns(cfg) > 0 || cfg->hold_live > 0;
	uint64_t in_loop = holds && !config_is_open_loop(cfg) ? cfg->concurrency : 0;

	return cfg->live + in_loop;
}

// How long each of the other tuples is taken, by all that is known beforehand.
static uint32_t occupied_ms(const struct config *cfg)
{
	uint64_t hold_ms = config_is_open_loop(cfg) ? config_lasting_ns(cfg) / NS_PER_MS : 0;

	return (uint32_t)min_u64(cfg->stack.time_wait_ms + hold_ms, UINT32_MAX);
}

// The rate the arithmetic is done for.
static double judged_rate(const struct plan *p, const struct config *cfg)
{
	double peak = cfg->command == COMMAND_BENCH ? plan_bench_peak_per_s(cfg) * p->worker_count
						    : LOAD_USUAL_PER_S;

	if (config_is_open_loop(cfg))
		return stages_peak_per_s(&cfg->schedule);
	if (cfg->hold_live > 0)
		return cfg->rate_per_s;
	if (config_lasting_ns(cfg) > 0)
		return fmin(peak,
			    cfg->concurrency * (double)NS_PER_S / (double)config_lasting_ns(cfg));
	return peak;
}

static void plan_arithmetic(struct plan *p, const struct config *cfg)
{
	p->tuples = plan_usable_tuples(&p->client[0]) * (p->worker_count / plan_sharers(cfg));
	p->held = min_u64(held_tuples(cfg), p->tuples);
	p->rate_per_s = judged_rate(p, cfg);
	// One "address" with all the tuples as its "ports": the caps count, not the prefix.
	hc_plan_tuples(p->tuples - p->held, 1, occupied_ms(cfg), p->rate_per_s, &p->arithmetic);
	say_sustained(p, cfg);
	p->arithmetic.is_sustainable |= uses_each_tuple_once(p, cfg);
	if (p->arithmetic.is_sustainable)
		return;
	if (config_is_open_loop(cfg))
		plan_warn(p,
			  "%.0f/s cannot be sustained: tuples run out after %.3g s; give more "
			  "--clients, a shorter --time-wait or a lower --rate",
			  p->rate_per_s, p->arithmetic.reuse_s);
	else
		plan_warn(
			p,
			"above %.0f/s tuples run out, and the closed loop waits for TIME-WAITs to "
			"end; give more --clients or a shorter --time-wait",
			p->arithmetic.sustained_per_s);
}

// A rate that the options themselves forbid.
static void warn_of_limits(struct plan *p, const struct config *cfg)
{
	double rate = config_is_open_loop(cfg) ? stages_peak_per_s(&cfg->schedule) : 0;

	if (cfg->limits.open_per_s > 0 && rate > (double)cfg->limits.open_per_s)
		plan_warn(
			p,
			"the server was told to answer %llu SYNs/s: of %.0f/s the others are lost "
			"and sent again",
			(unsigned long long)cfg->limits.open_per_s, rate);
	if (cfg->open_per_s > 0 && rate > (double)cfg->open_per_s)
		plan_warn(p, "--open-rate lets %llu/s be opened: of %.0f/s the others are late",
			  (unsigned long long)cfg->open_per_s, rate);
	if (cfg->close_per_s > 0 && rate > (double)cfg->close_per_s)
		plan_warn(p,
			  "--close-rate lets %llu/s be closed: of %.0f/s the others stay open, and "
			  "control blocks may run out",
			  (unsigned long long)cfg->close_per_s, rate);
}

// One text that is known before a connection is there is what a SYN can carry.
static void warn_of_fast_open(struct plan *p, const struct config *cfg)
{
	const char *why = NULL;

	if (!cfg->stack.has_fast_open || p->load[0].connect.flags & HC_CONN_FAST_OPEN)
		return;
	if (cfg->request.kind == REQUEST_NONE)
		why = "there is none: give --request";
	else if (p->texts)
		why = "with --requests, several sizes or several targets there is not one for all: "
		      "leave those out";
	else
		why = "it is longer than --snd-buf: make that larger";
	plan_warn(p, "--fast-open on puts the request on the SYN, and %s, or leave out --fast-open",
		  why);
}

// What a worker has open at once, by all that is known beforehand.
static uint64_t open_at_once(const struct plan *p, const struct config *cfg)
{
	const unsigned n = p->worker_count;
	double lasting_s = (double)config_lasting_ns(cfg) / (double)NS_PER_S;
	uint64_t open = cfg->concurrency;

	if (config_is_open_loop(cfg))
		open = (uint64_t)(stages_peak_per_s(&cfg->schedule) * lasting_s);
	if (cfg->turn.act_per_s > 0)
		open = cfg->connections;
	if (cfg->connections > 0)
		open = min_u64(open, cfg->connections);
	open = plan_share(open, 0, n);
	if (lasting_s <= 0 && cfg->hold_live == 0 && cfg->turn.act_per_s <= 0)
		open = min_u64(open, p->load[0].busy_cap);
	return open + plan_share(cfg->live, 0, n);
}

// An end that the options leave too little room for what the plan has open at once.
static void warn_of_room(struct plan *p, const struct config *cfg)
{
	const uint64_t wanted = open_at_once(p, cfg);
	const uint64_t open = min_u64(wanted, p->client[0].conn_cap);

	if (open < wanted)
		plan_warn(p,
			  "--conn-cap %llu is less than the %llu connections that this plan has "
			  "open at once on a worker: there will not be so many; give a larger one, "
			  "or leave it out",
			  (unsigned long long)open, (unsigned long long)wanted);
	if (cfg->command == COMMAND_BENCH && p->server[0].conn_cap < open)
		plan_warn(p,
			  "--server-conn-cap %u is less than the %llu connections that this plan "
			  "has open at once on a worker: it cannot be sustained, the server will "
			  "have no control block for the others; give a larger one, or leave it "
			  "out",
			  p->server[0].conn_cap, (unsigned long long)open);
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
		plan_note(p, "the second side's ACK and FIN are one segment (three-way close)");
	if (cfg->stack.time_wait_ms > 0 && plan_server_closes_first(cfg) &&
	    !plan_client_closes_first(cfg) && plan_has_client(cfg))
		plan_note(p,
			  "the server closes first, so TIME-WAIT is the server's, and early reuse "
			  "of a tuple is by RFC 6191");
}

// Connections held beside the churn are opened first, all of them: what a limit refuses for ever
// would keep the run from beginning.
static bool has_room_for_live(const struct plan *p, const struct config *cfg)
{
	uint64_t each = plan_share(cfg->live, 0, p->worker_count) + 1;
	const struct hc_stack_config *client = &p->client[0];
	uint64_t tuples = plan_usable_tuples(client);
	uint32_t conns = client->conn_cap;

	if (cfg->command != COMMAND_BENCH || cfg->live == 0)
		return true;
	conns = conns < p->server[0].conn_cap ? conns : p->server[0].conn_cap;
	if (conns < each) {
		complain("--conn-cap %u is too small for --live %u on %u cores: each needs one for "
			 "its share and one for the churn",
			 conns, cfg->live, p->worker_count);
		return false;
	}
	if (tuples < each) {
		complain("--live %u on %u cores needs more source tuples than the %llu of each "
			 "core: give more --clients, --source-ports or --tuple-cap",
			 cfg->live, p->worker_count, (unsigned long long)tuples);
		return false;
	}
	return true;
}

// The result shows the configuration in force: what the plan worked out belongs to it.
static void write_back(const struct plan *p, struct config *cfg)
{
	const struct hc_stack_config *s =
		cfg->command == COMMAND_SERVE ? &p->server[0] : &p->client[0];

	cfg->stack.conn_cap = s->conn_cap;
	cfg->stack.syn_cap = cfg->command == COMMAND_BENCH ? p->server[0].syn_cap : s->syn_cap;
	cfg->stack.time_wait_cap = s->time_wait_cap;
	if (cfg->command == COMMAND_BENCH) {
		cfg->server_conn_cap = p->server[0].conn_cap;
		cfg->server_time_wait_cap = p->server[0].time_wait_cap;
	}
	cfg->stack.tuple_cap = s->tuple_cap;
}

// Workers of one host must agree on the secret, so it is drawn once for all of them. It fits the
// integers of JSON.
bool plan_draw_seed(struct config *cfg)
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

// What a peer remembers of the run before, with the same seed, is not newer than this one. Both
// ends of bench end with it: there a run can be repeated.
static void set_clock_base(struct config *cfg)
{
	struct timespec now;

	if (cfg->command == COMMAND_BENCH || clock_gettime(CLOCK_REALTIME, &now) != 0)
		return;
	cfg->stack.clock_base_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool plan_make(struct plan *p, struct config *cfg)
{
	memset(p, 0, sizeof *p);
	set_clock_base(cfg);
	if (!plan_draw_seed(cfg))
		return false;
	if (plan_has_client(cfg))
		plan_attack_sources(cfg);
	p->worker_count = cfg->cores;
	p->lcore_count = cfg->is_split ? 2 * cfg->cores : cfg->cores;
	if (!plan_workers(p, cfg) || !has_room_for_live(p, cfg))
		return false;
	plan_port(p, cfg);
	plan_memory(p, cfg);
	if (plan_has_server(cfg) && !plan_listen(p, cfg))
		return false;
	if (plan_has_client(cfg)) {
		if (!plan_load(p, cfg))
			return false;
		if (!plan_attack(p, cfg))
			return false;
		plan_arithmetic(p, cfg);
		warn_of_limits(p, cfg);
		warn_of_room(p, cfg);
		warn_of_fast_open(p, cfg);
	} else {
		serve_arithmetic(p, cfg);
	}
	say_close_method(p, cfg);
	if (plan_has_client(cfg) && cfg->hold_ns == 0 && cfg->hold_live == 0 &&
	    p->load[0].concurrency > p->load[0].busy_cap)
		plan_warn(
			p,
			"the wire holds the packets of %u connections a core, so no more than that "
			"are opening or closing at once",
			p->load[0].busy_cap);
	write_back(p, cfg);
	return true;
}

void plan_free(struct plan *p)
{
	free(p->request);
	free(p->texts);
	free(p->text_bytes);
	memset(p, 0, sizeof *p);
}
