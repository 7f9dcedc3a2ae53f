// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Defaults of each sub-command, and the rules for options that depend on each other. Each rule that
// refuses says in one sentence what to write instead.

#include "config.h"

#include <string.h>

#define DEFAULT_DURATION_NS      (10 * NS_PER_S)
#define DEFAULT_RESPONSE_BYTES   64u
#define BENCH_CONCURRENCY        1000u
#define LOAD_CONCURRENCY         100u
#define BENCH_TIME_WAIT_MS       1000u
#define KERNEL_LIKE_TIME_WAIT_MS 60000u
#define DEFAULT_MEMORY_BYTES     (1ull << 30)
#define TEST_GRACE_NS            (5 * NS_PER_MS)
#define TEST_REPEAT              3u
#define TEST_ATTACK_LEAD_NS      (500 * NS_PER_MS)

static const char *const side_names[] = {"client", "server", "both", "rst"};
static const char *const method_names[] = {"auto", "four-way", "three-way"};
static const char *const mode_names[] = {"http",    "echo",        "discard",    "accept",
					 "respond", "close-first", "never-read", "hold"};

const char *close_side_name(uint32_t side)
{
	return side_names[side];
}

const char *close_method_name(uint32_t method)
{
	return method_names[method];
}

const char *listen_mode_name(unsigned mode)
{
	return mode_names[mode];
}

bool config_is_talking(const struct config *cfg)
{
	return !cfg->json || strcmp(cfg->json, "-") != 0;
}

void config_init(struct config *cfg, enum command command, const char *name)
{
	*cfg = (struct config){
		.command = command,
		.command_name = name,
		.drain_ns = command == COMMAND_SERVE ? NS_PER_S : 5 * NS_PER_S,
		.hold_ns = command == COMMAND_SERVE ? NS_PER_S : 0,
		.response.bytes = RESPONSE_AUTO,
		.path = "/",
		.source_ports = {.lo = 1024, .hi = 65535},
		.cores = 1,
		.memory_bytes = DEFAULT_MEMORY_BYTES,
		.has_offload = true,
		.has_tso = true,
		.has_hugepages = true,
	};
	hc_stack_config_default(&cfg->stack);
	cfg->stack.conn_cap = 0;
	cfg->stack.syn_cap = 0;
	cfg->stack.time_wait_cap = 0;
	cfg->stack.tuple_cap = 0;
	cfg->stack.listener_cap = LISTENERS_MAX;
	cfg->stack.has_nodelay = true; // What is measured is the peer, not how long we wait.
	cfg->stack.time_wait_ms =
		command == COMMAND_BENCH ? BENCH_TIME_WAIT_MS : KERNEL_LIKE_TIME_WAIT_MS;
}

uint64_t config_lasting_ns(const struct config *cfg)
{
	uint64_t thoughts = config_varies(cfg) ? config_requests(cfg) - 1 : 0;
	uint64_t thinking_ns;

	if (__builtin_mul_overflow(thoughts, cfg->think_ns, &thinking_ns))
		thinking_ns = UINT64_MAX / 2;
	return max_u64(cfg->hold_ns, thinking_ns);
}

uint64_t config_ramp_ns(const struct config *cfg)
{
	if (cfg->hold_live == 0)
		return cfg->ramp_ns;
	return (uint64_t)((double)cfg->hold_live * (double)NS_PER_S / cfg->rate_per_s);
}

// A SYN that has to be sent again was not answered at the rate it is about: none is.
void config_init_test(struct config *cfg, enum test_kind kind)
{
	cfg->test = (struct test_options){
		.kind = kind,
		.aging_ns = UINT64_MAX, // By the port.
		.grace_ns = TEST_GRACE_NS,
		.repeat = TEST_REPEAT,
	};
	cfg->stack.time_wait_ms = BENCH_TIME_WAIT_MS;
	cfg->stack.syn_retries = 0;
	cfg->stack.rto_init_ms = 0; // By the port.
	if (kind != TEST_TEARDOWN_RATE)
		cfg->request.kind = REQUEST_HTTP;
	if (kind == TEST_SYN_FLOOD)
		cfg->attack.lead_ns = TEST_ATTACK_LEAD_NS;
}

// One rate is a schedule of one or two stages.
static void rate_to_schedule(struct config *cfg)
{
	struct stage_list *list = &cfg->schedule;
	double rate = cfg->rate_per_s;

	if (cfg->ramp_ns > 0)
		list->stage[list->count++] = (struct stage){cfg->ramp_ns, 0, rate};
	list->stage[list->count++] = (struct stage){
		cfg->duration_ns ? cfg->duration_ns - cfg->ramp_ns : UINT64_MAX, rate, rate};
}

static bool finish_stages(struct config *cfg)
{
	uint64_t length_ns = stages_length_ns(&cfg->stages);

	if (cfg->rate_per_s > 0 || cfg->concurrency > 0 || cfg->ramp_ns > 0) {
		complain("--stage says the rate at any time: leave out --rate, --ramp and "
			 "--concurrency");
		return false;
	}
	if (stages_peak_per_s(&cfg->stages) <= 0) {
		complain("--stage has no rate above 0 anywhere: give one, such as --stage "
			 "10s:0-50k");
		return false;
	}
	if (cfg->duration_ns && cfg->duration_ns != length_ns) {
		complain("--duration is %gs and the stages take %gs: leave --duration out",
			 (double)cfg->duration_ns / (double)NS_PER_S,
			 (double)length_ns / (double)NS_PER_S);
		return false;
	}
	cfg->duration_ns = length_ns;
	cfg->schedule = cfg->stages;
	return true;
}

// A closed loop of so many, that grows at --rate, replaces at most at that rate, and holds for
// ever.
static bool finish_hold_live(struct config *cfg)
{
	// A result that is run again has the concurrency that this came to.
	bool has_concurrency = cfg->concurrency > 0 && cfg->concurrency != cfg->hold_live;

	if (cfg->rate_per_s < cfg->cores) {
		complain("--hold-live needs the rate at which connections come up, of at least 1 "
			 "on each core: give --rate, such as --rate 10k");
		return false;
	}
	if (has_concurrency || cfg->stages.count > 0 || cfg->ramp_ns > 0 || cfg->hold_ns > 0 ||
	    cfg->connections > 0 || cfg->live > 0) {
		complain("--hold-live and --rate say how many connections there are at any time: "
			 "leave out --concurrency, --stage, --ramp, --hold, --connections and "
			 "--live");
		return false;
	}
	if (cfg->request.kind == REQUEST_NONE && cfg->close == CLOSE_SERVER) {
		complain("--hold-live --close server: without a request the server has nothing to "
			 "close after; give --request, or --close client");
		return false;
	}
	cfg->concurrency = cfg->hold_live;
	return true;
}

static bool has_empty_response(const struct config *cfg)
{
	const struct size_mix *s = &cfg->response.sizes;
	bool is_empty = cfg->response.bytes == 0;

	for (unsigned i = 0; i < s->count; i++)
		is_empty |= s->item[i].bytes == 0;
	return is_empty;
}

static bool finish_requests(struct config *cfg)
{
	bool asks = cfg->request.kind != REQUEST_NONE;
	bool is_one = config_requests(cfg) == 1;

	if (!asks && (cfg->requests > 1 || cfg->think_ns > 0)) {
		complain("--requests and --think need to know what is asked for: give --request "
			 "http or --request BYTES");
		return false;
	}
	if (is_one && cfg->think_ns > 0) {
		complain("--think is the time between requests, and there is one on each "
			 "connection: give --requests, such as --requests 10");
		return false;
	}
	if (asks && !is_one && cfg->hold_ns > 0) {
		complain("--hold and --requests both say how long a connection lasts: give "
			 "--think for the time between requests instead");
		return false;
	}
	if (!is_one && cfg->request.kind == REQUEST_BYTES && cfg->close != CLOSE_CLIENT &&
	    cfg->close != CLOSE_RST) {
		complain("--requests of bytes do not tell the server which is the last: use them "
			 "with --close client, or --request http");
		return false;
	}
	if (!is_one && cfg->request.kind == REQUEST_BYTES && cfg->response.bytes == RESPONSE_AUTO) {
		complain("--requests of bytes need to know where each answer ends: give "
			 "--response");
		return false;
	}
	if (!is_one && cfg->request.kind == REQUEST_BYTES && has_empty_response(cfg)) {
		complain("--requests of bytes wait for each answer, and one of 0 bytes does not "
			 "come: give --response 1 or more");
		return false;
	}
	if (cfg->request.kind != REQUEST_HTTP && strcmp(cfg->path, "/") != 0) {
		complain("--path is what --request http asks for: give --request http, or leave it "
			 "out");
		return false;
	}
	if (cfg->response.sizes.count > 1 && strcmp(cfg->path, "/") != 0) {
		complain("--path and several sizes of --response both say what is asked for: give "
			 "one of them");
		return false;
	}
	return true;
}

static bool is_frame_in_all(const struct config *cfg)
{
	for (unsigned i = 0; i < sizes_count(&cfg->request.sizes); i++) {
		const struct size_mix *s = &cfg->request.sizes;
		uint64_t bytes = s->count ? s->item[i].bytes : cfg->request.bytes;

		if (bytes < FRAME_BYTES) {
			complain("--request %llu is too small: among several sizes each request "
				 "says its own and that of the response, which takes %u bytes",
				 (unsigned long long)bytes, FRAME_BYTES);
			return false;
		}
	}
	return true;
}

static bool finish_load(struct config *cfg)
{
	if (cfg->hold_live > 0 && !finish_hold_live(cfg))
		return false;
	if (cfg->stages.count > 0 && !finish_stages(cfg))
		return false;
	if (cfg->hold_live == 0 && cfg->rate_per_s > 0 && cfg->concurrency > 0) {
		complain("--rate opens by schedule and --concurrency by what is free: give one of "
			 "them");
		return false;
	}
	if (cfg->duration_ns == 0 && cfg->connections == 0)
		cfg->duration_ns = DEFAULT_DURATION_NS;
	if (cfg->hold_live > 0 && config_ramp_ns(cfg) >= cfg->duration_ns) {
		complain("--duration is over before %u connections are up, which at this --rate "
			 "takes %gs: make it longer",
			 cfg->hold_live, (double)config_ramp_ns(cfg) / (double)NS_PER_S);
		return false;
	}
	if (cfg->duration_ns && cfg->ramp_ns >= cfg->duration_ns) {
		complain("--ramp is not shorter than --duration, so nothing could be measured: "
			 "make --duration longer");
		return false;
	}
	if (cfg->hold_ns > 0 && cfg->turn.act_per_s <= 0 && cfg->close != CLOSE_CLIENT &&
	    cfg->close != CLOSE_RST) {
		complain("--hold needs a client that ends the connection: use it with --close "
			 "client or --close rst");
		return false;
	}
	if (cfg->rate_per_s > 0 && cfg->hold_live == 0)
		rate_to_schedule(cfg);
	if (config_is_open_loop(cfg))
		return true;
	if (cfg->arrivals != ARRIVALS_CONSTANT) {
		complain("--arrivals poisson needs a rate to be random about: give --rate or "
			 "--stage");
		return false;
	}
	if (cfg->concurrency == 0)
		cfg->concurrency =
			cfg->command == COMMAND_BENCH ? BENCH_CONCURRENCY : LOAD_CONCURRENCY;
	if (cfg->concurrency < cfg->cores) {
		complain("--concurrency %u is too small for --cores %u: each core needs at least "
			 "one connection",
			 cfg->concurrency, cfg->cores);
		return false;
	}
	return true;
}

static bool finish_exchange(struct config *cfg)
{
	bool asks = cfg->request.kind != REQUEST_NONE;

	if (cfg->command == COMMAND_LOAD) {
		// What a foreign target sends is not ours to choose.
		if (cfg->response.bytes != RESPONSE_AUTO && !asks) {
			complain("--response needs --request: say with --request http or "
				 "--request BYTES what is asked for");
			return false;
		}
		if (config_is_framed(cfg) && cfg->response.bytes == RESPONSE_AUTO) {
			complain("--request of several sizes says with each how long its answer is "
				 "to be: give --response");
			return false;
		}
	} else if (cfg->response.bytes == RESPONSE_AUTO) {
		cfg->response.bytes = DEFAULT_RESPONSE_BYTES;
	} else if (cfg->command == COMMAND_BENCH && !asks &&
		   cfg->response.bytes != DEFAULT_RESPONSE_BYTES) {
		complain("--response needs --request: say with --request http or --request BYTES "
			 "what is asked for");
		return false;
	}
	if (cfg->command == COMMAND_SERVE && cfg->request.kind == REQUEST_HTTP) {
		complain("--request http is the client's: give the port mode http in --listen");
		return false;
	}
	if (config_is_framed(cfg) && !is_frame_in_all(cfg))
		return false;
	if (cfg->command != COMMAND_SERVE && !finish_requests(cfg))
		return false;
	if (cfg->path[0] != '/' || strpbrk(cfg->path, " \t\r\n")) {
		complain("--path %s is not understood: it takes a path that begins with / and has "
			 "no spaces",
			 cfg->path);
		return false;
	}
	return true;
}

static bool finish_close(struct config *cfg)
{
	if (cfg->command == COMMAND_SERVE && cfg->close != CLOSE_CLIENT &&
	    cfg->close != CLOSE_SERVER) {
		complain("--close %s is not the server's to choose: it takes client or server",
			 close_side_name(cfg->close));
		return false;
	}
	if (cfg->command == COMMAND_LOAD && cfg->close_method == CLOSE_THREE_WAY &&
	    cfg->close != CLOSE_SERVER) {
		complain("--close-method three-way is up to the side that closes second: with "
			 "--close %s that is the target, so use --close server",
			 close_side_name(cfg->close));
		return false;
	}
	// The exchange that others publish: the response with the FIN, its ACK with the other FIN.
	if (cfg->close_method == CLOSE_METHOD_AUTO)
		cfg->close_method = cfg->request.kind != REQUEST_NONE && cfg->close == CLOSE_SERVER
					    ? CLOSE_THREE_WAY
					    : CLOSE_FOUR_WAY;
	return true;
}

// Not the address of one host that a wire leads to.
static bool is_group(const struct config *cfg, uint32_t addr)
{
	uint32_t host = cfg->local.len < 31 ? UINT32_MAX >> cfg->local.len : 0;

	return addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 0xe ||
	       (host && addr == (cfg->local.addr | host));
}

// Said now, or it would be a run in which no SYN ever leaves.
static bool is_target_reachable(const struct config *cfg, uint32_t addr)
{
	if (addr == cfg->local.addr) {
		complain("--target and --local are the same address, and a port leads to others "
			 "only: give the target's own");
		return false;
	}
	if (is_group(cfg, addr)) {
		complain("--target is a broadcast, multicast or loopback address, and a connection "
			 "needs one host: give the address of that");
		return false;
	}
	if (cfg->gateway || ((addr ^ cfg->local.addr) & prefix_mask(cfg->local.len)) == 0)
		return true;
	complain("--target is not on the network of --local, which has a length of %u: give "
		 "--gateway ADDR for what is beyond it, or the right length",
		 cfg->local.len);
	return false;
}

static bool finish_place(struct config *cfg)
{
	char why[HC_WHY_SIZE];

	if (cfg->command == COMMAND_BENCH) {
		cfg->device = "ring";
		return true;
	}
	if (!cfg->device) {
		complain("--port is missing: say which port to use, such as --port tap:hc0 or "
			 "--port 0000:01:00.0");
		return false;
	}
	if (strcmp(cfg->device, "ring") == 0) {
		complain("--port ring joins two ends in one process, which is what handclasp bench "
			 "does: give %s a port that leads somewhere",
			 cfg->command_name);
		return false;
	}
	if (hc_device_check(cfg->device, why) != 0) {
		complain("%s", why);
		return false;
	}
	if (cfg->local.addr == 0) {
		complain("--local is missing: say which address is ours, such as --local "
			 "10.0.0.%d/24",
			 cfg->command == COMMAND_LOAD ? 2 : 1);
		return false;
	}
	if (cfg->command == COMMAND_LOAD && cfg->target.count == 0) {
		complain("--target is missing: say where to connect to, such as --target "
			 "10.0.0.1:80");
		return false;
	}
	for (unsigned i = 0; i < cfg->target.count; i++) {
		if (!is_target_reachable(cfg, cfg->target.target[i].addr))
			return false;
	}
	if (cfg->stagger_ns > 0 && cfg->target.count <= 1) {
		complain("--stagger is the time between the starts of targets, and there is one: "
			 "give several, such as --target 10.0.0.1:80-83");
		return false;
	}
	if (cfg->command == COMMAND_SERVE && cfg->listen.count == 0)
		cfg->listen = (struct listen_list){.count = 1,
						   .port[0] = {.port = 80, .mode = LISTEN_HTTP}};
	for (unsigned i = 0; i < cfg->listen.count; i++) {
		struct listen_port *l = &cfg->listen.port[i];

		l->closes_first = cfg->close == CLOSE_SERVER || l->mode == LISTEN_CLOSE_FIRST;
	}
	return true;
}

// Every worker has its share of a limit, and a share of none would be no limit.
static bool is_enough_for_all(const struct config *cfg, uint64_t limit, const char *prefix,
			      const char *option)
{
	if (limit == 0 || limit >= cfg->cores)
		return true;
	complain("--%s%s %llu is too small for --cores %u: each core needs at least one", prefix,
		 option, (unsigned long long)limit, cfg->cores);
	return false;
}

static bool finish_attack(const struct config *cfg)
{
	const struct attack *a = &cfg->attack;

	if (a->syns_per_s == 0 && (a->sources.len > 0 || a->lead_ns > 0)) {
		complain("--attack-sources and --attack-lead are of a SYN attack, and there is "
			 "none: give --attack-rate, such as --attack-rate 100k");
		return false;
	}
	if (a->syns_per_s > 0 && cfg->target.count > 1) {
		complain("--attack-rate is of SYNs to one target: give one --target");
		return false;
	}
	return is_enough_for_all(cfg, a->syns_per_s, "", "attack-rate");
}

static bool finish_limits(struct config *cfg)
{
	const struct server_limits *l = &cfg->limits;
	const char *prefix = cfg->command == COMMAND_BENCH ? "server-" : "";

	if (cfg->close_per_s > 0 && cfg->close == CLOSE_RST) {
		complain("--close-rate is of FINs, and --close rst sends none: leave one of them "
			 "out");
		return false;
	}
	return is_enough_for_all(cfg, l->open_per_s, prefix, "limit-open-rate") &&
	       is_enough_for_all(cfg, l->close_per_s, prefix, "limit-close-rate") &&
	       is_enough_for_all(cfg, l->conns, prefix, "max-connections") &&
	       is_enough_for_all(cfg, cfg->connections, "", "connections") &&
	       is_enough_for_all(cfg, cfg->open_per_s, "", "open-rate") &&
	       is_enough_for_all(cfg, cfg->close_per_s, "", "close-rate");
}

static bool finish_stack(struct config *cfg)
{
	struct hc_stack_config *s = &cfg->stack;

	if (s->rto_min_ms > s->rto_max_ms || s->rto_init_ms > s->rto_max_ms) {
		complain("--rto-max %u is below --rto-min %u or --rto-init %u: make it larger",
			 s->rto_max_ms, s->rto_min_ms, s->rto_init_ms);
		return false;
	}
	s->local_addr = cfg->local.addr;
	s->local_prefix_len = cfg->local.len;
	s->gateway = cfg->gateway;
	s->port_lo = cfg->source_ports.lo;
	s->port_hi = cfg->source_ports.hi;
	s->keeps_stage_cycles = cfg->has_stages;
	return true;
}

bool config_finish(struct config *cfg)
{
	bool is_right = finish_exchange(cfg) && finish_close(cfg) && finish_place(cfg) &&
			finish_limits(cfg);

	if (is_right && cfg->command != COMMAND_SERVE)
		is_right = finish_attack(cfg) && finish_load(cfg);
	return is_right && finish_stack(cfg);
}
