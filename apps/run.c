// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// From plan to exit code. The main thread starts everything, then sleeps but for a line a second;
// the loops end by themselves (by time, by number, or told by a signal). Once they have ended the
// main thread is the only one left, and turns the workers a little more until nothing is under way
// between them, so that the books can be compared.
//
// EAL starts once in a process, and a port that leads out of it is opened once, by the first turn;
// workers, loops and the ports of a wire in memory are made afresh, so that each turn has books of
// its own.

#include "run.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "claim.h"
#include "gather.h"
#include "ledger.h"
#include "report.h"
#include "sampler.h"
#include "units.h"
#include "verdict.h"

#define LINE_MIN_S       0.1
#define SETTLE_TURNS_MAX 100000u
#define SETTLE_QUIET     8u // Turns without a packet after which none is under way.

// Written by the signal handler and by the loops, waited for by the main thread.
static int stop_asked;
static unsigned loops_done, loops_ended;
static sem_t wake;

static void on_signal(int number)
{
	(void)number;
	__atomic_store_n(&stop_asked, 1, __ATOMIC_RELAXED);
	(void)sem_post(&wake);
}

static void on_loop_end(void)
{
	__atomic_add_fetch(&loops_ended, 1, __ATOMIC_RELEASE);
	(void)sem_post(&wake);
}

// The first signal ends the run in order; a second one, the process.
static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

	sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

// ---------------------------------------------------------------------------------------------
// start

static int start_runtime(struct run *r)
{
	const struct config *cfg = r->cfg;
	const struct hc_runtime_config rc = {
		.worker_count = r->plan->lcore_count,
		.devices = &cfg->device,
		.device_count = 1,
		.eal_args = cfg->eal_args,
		.eal_arg_count = cfg->eal_arg_count,
		.memory_bytes = r->plan->memory_bytes,
		.is_quiet = !cfg->is_verbose,
		.no_huge = !cfg->has_hugepages,
	};
	char why[HC_WHY_SIZE];
	int rc_start = hc_runtime_start(&rc, &r->runtime, why);

	if (rc_start == 0)
		return EXIT_MEASURED;
	complain("%s", why);
	return rc_start == -EINVAL ? EXIT_USAGE : EXIT_ENVIRONMENT;
}

static bool open_pairs(struct run *r)
{
	struct hc_port_config pc = r->plan->port;
	char why[HC_WHY_SIZE];

	for (unsigned i = 0; i < r->plan->worker_count; i++) {
		pc.near_worker = r->cfg->is_split ? 2 * i : i;
		if (hc_port_open_pair(r->runtime, &pc, &r->ports[2 * i], why) != 0) {
			complain("%s", why);
			return false;
		}
		r->port_count += 2;
	}
	return true;
}

static bool open_port(struct run *r)
{
	char why[HC_WHY_SIZE];

	if (hc_port_open(r->runtime, &r->plan->port, &r->ports[0], why) != 0) {
		complain("%s", why);
		return false;
	}
	r->port_count = 1;
	return true;
}

static int create_worker(struct run *r, struct hc_port *port, unsigned queue,
			 const struct hc_stack_config *sc, struct hc_worker **out)
{
	const char *why = "";
	int rc = hc_worker_create(port, queue, sc, out, &why);

	if (rc == 0) {
		r->workers[r->worker_count++] = *out;
		return EXIT_MEASURED;
	}
	if (rc == -EINVAL) {
		complain("the stack refuses this configuration: %s", why);
		return EXIT_USAGE;
	}
	complain("no memory for a worker of %llu MB: give smaller limits (--conn-cap, "
		 "--time-wait-cap, --memory) or more hugepages",
		 (unsigned long long)(hc_worker_memory_bytes(sc) >> 20));
	return EXIT_ENVIRONMENT;
}

static int create_client(struct run *r, unsigned i)
{
	bool is_bench = r->cfg->command == COMMAND_BENCH;
	struct hc_worker *w;
	int code = create_worker(r, r->ports[is_bench ? 2 * i : 0], is_bench ? 0 : i,
				 &r->plan->client[i], &w);

	if (code != EXIT_MEASURED)
		return code;
	if (client_init(&r->clients[i], w, &r->plan->load[i], &stop_asked))
		return EXIT_MEASURED;
	complain("no memory for the load generator: make --conn-cap smaller");
	return EXIT_ENVIRONMENT;
}

static int create_server(struct run *r, unsigned i)
{
	bool is_bench = r->cfg->command == COMMAND_BENCH;
	struct hc_worker *w;
	int code = create_worker(r, r->ports[is_bench ? 2 * i + 1 : 0], is_bench ? 0 : i,
				 &r->plan->server[i], &w);

	if (code != EXIT_MEASURED)
		return code;
	return server_init(&r->servers[i], w, r->cfg, &r->plan->listen, &r->plan->server[i]) &&
			       limits_init(&r->servers[i], r->cfg, i)
		       ? EXIT_MEASURED
		       : EXIT_ENVIRONMENT;
}

static struct loop *add_loop(struct run *r, bool yields)
{
	struct loop *l = &r->loops[r->loop_count++];

	*l = (struct loop){
		.runtime = r->runtime,
		.stop = &stop_asked,
		.duration_ns = r->cfg->duration_ns,
		.drain_ns = r->cfg->drain_ns,
		.yields = yields,
		.done_count = &loops_done,
		.loop_count = r->plan->lcore_count,
		.on_end = on_loop_end,
	};
	return l;
}

// Busy loops, and the kernel's side of a port, on fewer CPUs than they are.
static bool is_crowded(const struct run *r)
{
	struct hc_environment env;
	unsigned busy = r->plan->lcore_count + (r->cfg->command != COMMAND_BENCH);

	hc_environment(r->runtime, &env);
	return env.cpu_count < busy;
}

static void lay_out(struct run *r)
{
	bool yields = is_crowded(r);

	for (unsigned i = 0; i < r->plan->worker_count; i++) {
		struct loop *l = add_loop(r, yields);

		if (plan_has_client(r->cfg))
			l->client = &r->clients[i];
		if (r->cfg->is_split) {
			struct loop *follower = add_loop(r, yields);

			follower->leader = l;
			l = follower;
		}
		if (plan_has_server(r->cfg))
			l->server = &r->servers[i];
	}
}

static int set_up(struct run *r)
{
	int code = EXIT_MEASURED;

	r->worker_count = r->loop_count = 0;
	memset(&r->result, 0, sizeof r->result);
	if (r->cfg->command == COMMAND_BENCH ? !open_pairs(r) : r->port_count == 0 && !open_port(r))
		return EXIT_ENVIRONMENT;
	for (unsigned i = 0; i < r->port_count; i++)
		hc_port_losses(r->ports[i], &r->losses_before[i]);
	for (unsigned i = 0; i < r->plan->worker_count && code == EXIT_MEASURED; i++) {
		if (plan_has_client(r->cfg))
			code = create_client(r, i);
		if (plan_has_server(r->cfg) && code == EXIT_MEASURED)
			code = create_server(r, i);
		if (r->cfg->command == COMMAND_BENCH && code == EXIT_MEASURED)
			hc_worker_join_ends(r->clients[i].worker, r->servers[i].worker);
	}
	if (code == EXIT_MEASURED)
		lay_out(r);
	return code;
}

// ---------------------------------------------------------------------------------------------
// the wait

static void take_interval(struct run *r, struct sampler *s, uint64_t now_ns)
{
	const struct result *out = &r->result;
	double before_s = out->interval_count ? out->intervals[out->interval_count - 1].t_s : 0;
	struct interval i;

	sampler_take(s, now_ns, &i);
	// Short of memory the file has fewer intervals than the terminal.
	(void)result_add_interval(&r->result, &i);
	if (r->csv && !interval_write_row(r->csv, &i)) {
		complain("--csv %s could not be written: is there room? It ends here", r->cfg->csv);
		r->csv = NULL;
	}
	// What is left over at the end is too short for rates worth a line.
	if (r->has_lines && (before_s <= 0 || i.t_s - before_s >= LINE_MIN_S))
		report_interval(&i);
}

static void sleep_until(const struct timespec *start, uint64_t elapsed_ns)
{
	struct timespec until = *start;

	until.tv_sec += (time_t)(elapsed_ns / NS_PER_S);
	until.tv_nsec += (long)(elapsed_ns % NS_PER_S);
	if (until.tv_nsec >= (long)NS_PER_S) {
		until.tv_nsec -= (long)NS_PER_S;
		until.tv_sec++;
	}
	(void)sem_clockwait(&wake, CLOCK_MONOTONIC, &until);
}

static void wait_for_loops(struct run *r, struct sampler *s)
{
	uint64_t next_ns = NS_PER_S;
	struct timespec start;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	while (__atomic_load_n(&loops_ended, __ATOMIC_ACQUIRE) < r->loop_count) {
		uint64_t now_ns;

		sleep_until(&start, next_ns);
		now_ns = hc_runtime_now_ns(r->runtime);
		if (now_ns - r->start_ns < next_ns ||
		    __atomic_load_n(&loops_ended, __ATOMIC_ACQUIRE) == r->loop_count)
			continue;
		take_interval(r, s, now_ns);
		next_ns = ((now_ns - r->start_ns) / NS_PER_S + 1) * NS_PER_S;
	}
}

static int launch(struct run *r)
{
	loops_done = loops_ended = 0;
	r->start_ns = hc_runtime_now_ns(r->runtime);
	for (unsigned i = 0; i < r->loop_count; i++) {
		if (hc_runtime_launch(r->runtime, i, loop_main, &r->loops[i]) != 0) {
			complain("worker core %u did not start: give EAL fewer cores or --cores "
				 "a smaller number",
				 i);
			// Those that run are told to end, and not to wait for those that do not.
			on_signal(0);
			__atomic_add_fetch(&loops_done, r->loop_count - i, __ATOMIC_RELEASE);
			r->loop_count = i;
			return EXIT_ENVIRONMENT;
		}
	}
	return EXIT_MEASURED;
}

// ---------------------------------------------------------------------------------------------
// the end

static uint64_t packets_moved(const struct run *r)
{
	uint64_t packets = 0;

	for (unsigned i = 0; i < r->worker_count; i++) {
		struct hc_snapshot s;

		hc_worker_publish(r->workers[i]);
		hc_worker_snapshot(r->workers[i], &s);
		packets += s.counter[HC_CTR_rx_packets] + s.counter[HC_CTR_tx_packets];
	}
	return packets;
}

// Both ends of a wire in memory take what is still on it.
static void let_settle(struct run *r)
{
	uint64_t before = packets_moved(r);
	unsigned quiet = 0;

	for (unsigned turn = 0; turn < SETTLE_TURNS_MAX && quiet < SETTLE_QUIET; turn++) {
		uint64_t after;

		for (unsigned i = 0; i < r->loop_count; i++)
			loop_turn(&r->loops[i]);
		after = packets_moved(r);
		quiet = after == before ? quiet + 1 : 0;
		before = after;
	}
}

// Peers that are not ours are told that what is still open will not go on.
static void tell_peers(struct run *r)
{
	for (unsigned i = 0; i < r->worker_count; i++) {
		(void)hc_abort_all(r->workers[i]);
		hc_flush(r->workers[i]);
	}
}

static void close_ports(struct run *r)
{
	for (unsigned i = 0; i < r->port_count; i++)
		hc_port_stop(r->ports[i]);
	ledger_check_ports(r);
	for (unsigned i = 0; i < r->port_count; i++)
		hc_port_close(r->ports[i]);
	r->port_count = 0;
}

static void tear_down(struct run *r)
{
	for (unsigned i = 0; i < r->plan->worker_count; i++) {
		client_fini(&r->clients[i]);
		server_fini(&r->servers[i]);
	}
	for (unsigned i = 0; i < r->worker_count; i++)
		hc_worker_destroy(r->workers[i]);
	r->worker_count = 0;
	if (r->cfg->command == COMMAND_BENCH)
		close_ports(r);
}

static int measure(struct run *r)
{
	struct sampler sampler;
	int code;

	code = claim_addresses(r, &stop_asked);
	if (code != EXIT_MEASURED)
		return code;
	if (r->has_lines)
		report_heading();
	code = launch(r);
	sampler_init(&sampler, r->cfg, r->loops, r->loop_count, r->start_ns);
	wait_for_loops(r, &sampler);
	for (unsigned i = 0; i < r->loop_count; i++)
		(void)hc_runtime_join(r->runtime, i);
	if (code == EXIT_MEASURED) {
		uint64_t end_ns = hc_runtime_now_ns(r->runtime);

		if (r->cfg->command == COMMAND_BENCH)
			let_settle(r);
		(void)packets_moved(r);
		take_interval(r, &sampler, end_ns);
		gather(r, end_ns);
		r->result.is_interrupted = stop_asked != 0;
		ledger_check_workers(r);
		if (r->cfg->command != COMMAND_BENCH)
			tell_peers(r);
	}
	sampler_fini(&sampler);
	return code;
}

int run_verdict(const struct run *r)
{
	const struct result *result = &r->result;
	uint32_t hop;

	if (result->fault_count > 0) {
		complain("the ledger does not balance (%s): this run proves nothing, please "
			 "report it",
			 result->faults[0]);
		return EXIT_RUN_FAILED;
	}
	if (result->is_interrupted)
		return EXIT_INTERRUPTED;
	if (result_silent_hop(result, &hop)) {
		complain("no connection completed: no ARP answer from " ADDR_FMT
			 ", is it up, and on this network?",
			 ADDR_ARGS(hop));
		return EXIT_RUN_FAILED;
	}
	if (result->view.opened == 0 && !plan_has_client(result->cfg)) {
		complain("no connection completed: nobody came to --listen; see whether the "
			 "client's target is this address and port");
		return EXIT_RUN_FAILED;
	}
	if (result_completed(result) == 0) {
		complain("no connection completed: %llu of %llu failed; see the counters, and "
			 "whether the other side listens and can be reached",
			 (unsigned long long)result->view.failed,
			 (unsigned long long)result->view.opened);
		return EXIT_RUN_FAILED;
	}
	return verdict_passes(result) ? EXIT_MEASURED : EXIT_CROSSED;
}

int run_start(struct run *r, struct config *cfg, struct plan *plan)
{
	int code;

	r->cfg = cfg;
	r->plan = plan;
	stop_asked = 0;
	(void)sem_init(&wake, 0, 0);
	code = start_runtime(r);
	if (code != EXIT_MEASURED)
		return code;
	hc_runtime_measure(r->runtime);
	catch_signals();
	return EXIT_MEASURED;
}

int run_once(struct run *r, struct config *cfg, struct plan *plan)
{
	int code;

	r->cfg = cfg;
	r->plan = plan;
	code = set_up(r);
	if (code == EXIT_MEASURED)
		code = measure(r);
	tear_down(r);
	return code;
}

void run_stop(struct run *r)
{
	close_ports(r);
	if (r->runtime)
		hc_runtime_stop(r->runtime);
	r->runtime = NULL;
}

bool run_is_interrupted(void)
{
	return __atomic_load_n(&stop_asked, __ATOMIC_RELAXED) != 0;
}

int run_execute(struct run *r, struct config *cfg, struct plan *plan)
{
	int code = run_start(r, cfg, plan);

	r->has_lines = config_is_talking(cfg);
	if (code == EXIT_MEASURED)
		code = run_once(r, cfg, plan);
	run_stop(r);
	return code;
}
