// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The effective configuration of a run: what the command line said, with the defaults filled in and
// the combinations checked. options.c writes it, everything else reads it. A field that is 0 (or
// *_AUTO) after config_finish() is worked out by plan.c.

#include <stdio.h>

#include <handclasp/handclasp.h>

#include "app.h"
#include "criteria.h"
#include "loss.h"
#include "schedule.h"
#include "sizes.h"

enum command {
	COMMAND_BENCH = 1u << 0,
	COMMAND_LOAD = 1u << 1,
	COMMAND_SERVE = 1u << 2,
	COMMAND_TEST = 1u << 3, // Each of its iterations is a bench or a load.
};
#define COMMAND_ALL (COMMAND_BENCH | COMMAND_LOAD | COMMAND_SERVE)

// Who sends the first FIN.
enum close_side {
	CLOSE_CLIENT,
	CLOSE_SERVER,
	CLOSE_BOTH, // Both as soon as they can, not waiting for each other.
	CLOSE_RST,  // Nobody: the client aborts.
};

// RFC 3511 5.4.2: whether the second side's ACK and FIN are two segments or one.
enum close_method {
	CLOSE_METHOD_AUTO,
	CLOSE_FOUR_WAY,
	CLOSE_THREE_WAY,
};

enum arrivals_kind {
	ARRIVALS_CONSTANT,
	ARRIVALS_POISSON,
};

enum request_kind {
	REQUEST_NONE,
	REQUEST_BYTES,
	REQUEST_HTTP,
};

enum listen_mode {
	LISTEN_HTTP,
	LISTEN_ECHO,
	LISTEN_DISCARD,
	LISTEN_ACCEPT,
	LISTEN_RESPOND,     // --response bytes for every --request bytes.
	LISTEN_CLOSE_FIRST, // --response bytes and our FIN, as soon as accepted.
	LISTEN_NEVER_READ,  // Takes nothing: the window goes to zero and stays there.
	LISTEN_HOLD,        // Stays in CLOSE-WAIT for --hold.
	LISTEN_MODE_COUNT
};

#define LISTENERS_MAX 256u
#define CORES_MAX     32u

struct listen_port {
	uint16_t port;
	uint8_t mode;      // enum listen_mode.
	bool closes_first; // Do not wait for the client's FIN.
};

struct request {
	uint32_t kind;  // enum request_kind.
	uint32_t bytes; // The only size, or the largest.
	struct size_mix sizes;
};

struct response {
	uint64_t bytes; // The same.
	struct size_mix sizes;
};

#define REQUESTS_ENDLESS UINT32_MAX
#define FRAME_BYTES      16u // That a request of bytes begins with when there are several sizes.

struct endpoint {
	uint32_t addr; // Host order.
	uint16_t port;
};

#define TARGETS_MAX 64u

struct target_list {
	struct endpoint target[TARGETS_MAX];
	unsigned count;
};

struct network {
	uint32_t addr; // The host's address, not masked.
	uint8_t len;
};

// The netmask of a length of 0 to 32, in host order.
static inline uint32_t prefix_mask(uint8_t len)
{
	return len ? UINT32_MAX << (32 - len) : 0;
}

struct port_range {
	uint16_t lo, hi;
};

struct listen_list {
	struct listen_port port[LISTENERS_MAX];
	unsigned count;
};

// For `for_ns` every `every_ns`; 0: never.
struct stall {
	uint64_t for_ns, every_ns;
};

// A server that stands for a device with known limits; of all workers together. 0: no limit.
struct server_limits {
	uint64_t open_per_s, close_per_s;
	uint64_t conns;
	struct stall stall;
	double refuse, reset; // Shares.
};

static inline bool server_limits_are_set(const struct server_limits *l)
{
	return l->open_per_s || l->close_per_s || l->conns || l->stall.for_ns || l->refuse > 0 ||
	       l->reset > 0;
}

// SYNs that belong to no connection, beside those that do (RFC 3511 5.5); of all workers together.
struct attack {
	uint64_t syns_per_s; // 0: none.
	struct hc_prefix sources;
	uint64_t lead_ns; // It begins so long before the first connection.
};

// In the order of test_infos (test.c).
enum test_kind {
	TEST_ESTABLISHMENT_RATE,
	TEST_TEARDOWN_RATE,
	TEST_CONCURRENT_CAPACITY,
	TEST_TRANSACTION_RATE,
	TEST_HTTP_LATENCY,
	TEST_SYN_FLOOD,
	TEST_KINDS
};

struct test_options {
	uint32_t kind;                           // enum test_kind.
	uint64_t min, max, initial, granularity; // 0: as the test says.
	struct loss_criterion criterion;
	uint64_t sustain_ns;
	uint64_t aging_ns;
	uint64_t grace_ns;
	uint64_t attempt_per_s; // At which connections are opened that are gathered first.
	uint32_t repeat;
	bool has_self_check;
};

// What a test asks of one of its iterations; all 0 elsewhere.
struct turn {
	uint64_t grace_ns; // So long behind the plan a thing is late; 0: nothing is.
	uint64_t gap_ns;   // A pause of the tester's that is longer may be why it failed.
	double act_per_s;  // Connections are gathered first, and then have their turn at this rate.
	bool act_asks;     // To send the request; otherwise to be closed.
	uint64_t keep_ns;  // They stay at least so long when all are open.
};

#define RESPONSE_AUTO UINT64_MAX // As HTTP_NO_LENGTH.

struct config {
	enum command command;
	const char *command_name;

	// How long, how many, how fast.
	uint64_t duration_ns;     // 0: no limit.
	uint64_t connections;     // 0: no limit.
	uint32_t concurrency;     // Closed loop; 0: open loop.
	double rate_per_s;        // Open loop, with one rate; 0: none.
	struct stage_list stages; // Open loop, with several.
	uint32_t arrivals;        // enum arrivals_kind.
	uint64_t open_per_s;      // At most; 0: no limit.
	uint64_t close_per_s;
	uint64_t ramp_ns;
	uint64_t hold_ns;
	uint64_t drain_ns;
	uint32_t live;
	uint32_t hold_live;         // Keep so many alive; 0: not that kind of load.
	struct stage_list schedule; // What those above come to; empty: closed loop.

	// What is exchanged, and how it ends.
	struct request request;
	struct response response;
	uint32_t requests; // On each connection; 0: one, or endless with hold_live.
	uint64_t think_ns; // Between them.
	const char *path;
	uint32_t close;        // enum close_side.
	uint32_t close_method; // enum close_method.

	struct server_limits limits;
	struct attack attack; // Of serve the sources alone: whose SYNs are counted.

	// Where.
	const char *device;
	struct network local;
	uint32_t gateway;
	struct target_list target;
	uint64_t stagger_ns; // Between the targets' first connections.
	struct listen_list listen;
	struct port_range source_ports;
	uint32_t cores;
	bool is_split;

	// How the stack and the port are set up; 0 in a limit: worked out by the plan.
	struct hc_stack_config stack;
	uint32_t server_conn_cap; // Of bench's server, where it is not as the client's.
	uint32_t server_time_wait_cap;
	uint64_t memory_bytes; // Limit of what the plan takes by itself.
	uint32_t buffers;
	uint16_t descriptors;
	bool has_offload;
	bool has_tso;
	bool has_hugepages;
	bool is_promiscuous;

	struct test_options test;
	struct turn turn;

	// A file the configuration was read from, and what of it is referred to.
	const char *config;
	struct json_t *file;
	const char **file_args;

	// What comes out.
	struct criteria fail_if;
	const char *json;
	const char *csv;  // Intervals.
	const char *hgrm; // Directory: percentiles of each time.
	const char *hlog; // Histograms.
	bool has_stages;
	bool is_dry_run;
	bool is_verbose;

	const char *const *eal_args;
	unsigned eal_arg_count;
};

// The defaults of a sub-command.
void config_init(struct config *cfg, enum command command, const char *name);

// The same of one kind of test.
void config_init_test(struct config *cfg, enum test_kind kind);

// Fills in what depends on several options and refuses what does not go together, with a complaint.
bool config_finish(struct config *cfg);

// Whether progress and summary go to stdout.
bool config_is_talking(const struct config *cfg);

static inline bool config_is_open_loop(const struct config *cfg)
{
	return cfg->schedule.count > 0;
}

// Requests of bytes say their own size and that of the response.
static inline bool config_is_framed(const struct config *cfg)
{
	return cfg->request.kind == REQUEST_BYTES &&
	       (cfg->request.sizes.count > 1 || cfg->response.sizes.count > 1);
}

// Requests on each connection.
static inline uint32_t config_requests(const struct config *cfg)
{
	if (cfg->requests > 0)
		return cfg->requests;
	return cfg->hold_live > 0 ? REQUESTS_ENDLESS : 1;
}

// Not one request of one size.
static inline bool config_varies(const struct config *cfg)
{
	return cfg->request.kind != REQUEST_NONE &&
	       (config_requests(cfg) != 1 || cfg->target.count > 1 ||
		cfg->request.sizes.count > 1 || cfg->response.sizes.count > 1);
}

// How long a connection lasts by plan, at least: held, or between its requests.
uint64_t config_lasting_ns(const struct config *cfg);

// How long the load grows from nothing.
uint64_t config_ramp_ns(const struct config *cfg);

const char *close_side_name(uint32_t side);
const char *close_method_name(uint32_t method);
const char *listen_mode_name(unsigned mode);
