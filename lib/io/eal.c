// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Starts and stops the process's hold on DPDK. In order: take the devices apart, choose CPUs,
// decide between hugepages and ordinary memory, start EAL with arguments of our own making
// (eal_args.c), look whether what was named is there, and calibrate the clock over the time all
// this took.
//
// EAL starts once per process; it cannot be started again after a failure of its memory, so what
// can be known before is looked at before.

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "io/hugepages.h"
#include "io/runtime.h"
#include "io/why.h"

static int config_check(const struct hc_runtime_config *cfg, char why[HC_WHY_SIZE])
{
	if (cfg->worker_count == 0 || cfg->worker_count > HC_WORKERS_MAX)
		return hc_why(why, -EINVAL, "%u workers were asked for: 1 to %u are possible.",
			      cfg->worker_count, HC_WORKERS_MAX);
	if (cfg->device_count > HC_DEVICES_MAX)
		return hc_why(why, -EINVAL, "%u devices were named: at most %u are possible.",
			      cfg->device_count, HC_DEVICES_MAX);
	return 0;
}

// Whether one of the strings already names this device: "net_tap0,iface=x" beside "tap:y".
static bool is_name_taken(const struct hc_runtime_config *cfg, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < cfg->device_count; i++)
		if (strncmp(cfg->devices[i], name, len) == 0 &&
		    (cfg->devices[i][len] == '\0' || cfg->devices[i][len] == ','))
			return true;
	return false;
}

static int devices_parse(struct hc_runtime *rt, const struct hc_runtime_config *cfg,
			 char why[HC_WHY_SIZE])
{
	unsigned next[HC_DEVICE_VDEV + 1] = {0};

	for (unsigned i = 0; i < cfg->device_count; i++) {
		struct hc_device *dev = &rt->device[i];
		int err = hc_device_parse(cfg->devices[i], 0, dev, why);

		if (err)
			return err;
		if (dev->form == HC_DEVICE_PCI || dev->form == HC_DEVICE_RING ||
		    dev->form == HC_DEVICE_VDEV)
			continue;
		do {
			err = hc_device_parse(cfg->devices[i], next[dev->form]++, dev, why);
		} while (!err && is_name_taken(cfg, dev->name));
		if (err)
			return err;
	}
	rt->device_count = cfg->device_count;
	return 0;
}

static int cpus_choose(struct hc_runtime *rt, const struct hc_runtime_config *cfg,
		       char why[HC_WHY_SIZE])
{
	int node = -1;

	if (hc_cpus_read(&rt->cpus) != 0)
		return hc_why(why, -EIO,
			      "The kernel does not tell which CPUs this process may "
			      "use: mount /proc and /sys and allow sched_getaffinity().");
	for (unsigned i = rt->device_count; i-- > 0;)
		if (rt->device[i].form == HC_DEVICE_PCI)
			node = hc_cpus_pci_node(rt->device[i].name);
	hc_cpus_mark_taken(&rt->cpus);
	hc_cpus_order(&rt->cpus, cfg->worker_count, node);
	return 0;
}

// Ordinary memory is taken page by page as the run goes on: what is too much would end it in the
// middle.
static int memory_refused(uint64_t bytes, char why[HC_WHY_SIZE])
{
	uint64_t available = hc_memory_available_bytes();

	if (bytes <= available)
		return 0;
	return hc_why(why, -ENOMEM,
		      "The plan takes %llu MB of memory, and the machine has %llu MB to give: plan "
		      "for fewer connections.",
		      (unsigned long long)(bytes / 1000000),
		      (unsigned long long)(available / 1000000));
}

static int args_build(struct hc_runtime *rt, const struct hc_runtime_config *cfg,
		      char why[HC_WHY_SIZE])
{
	uint64_t bytes = hc_eal_memory_bytes(cfg->memory_bytes);
	struct hc_eal_plan plan = {
		.cpus = &rt->cpus,
		.worker_count = cfg->worker_count,
		.devices = rt->device,
		.device_count = rt->device_count,
		.user_args = cfg->eal_args,
		.user_arg_count = cfg->eal_arg_count,
		.memory_bytes = cfg->memory_bytes,
		.has_hugepages = !cfg->no_huge && hc_hugepages_free_bytes() >= bytes,
		.is_quiet = cfg->is_quiet,
		.pid = (unsigned)getpid(),
	};
	int err = hc_eal_args_build(&plan, &rt->args, why);

	rt->has_hugepages = rt->args.has_hugepages;
	rt->is_quiet = cfg->is_quiet && !rt->args.asks_for_output;
	if (err || rt->has_hugepages || cfg->eal_arg_count > 0)
		return err;
	return memory_refused(bytes, why);
}

// "PROGRAM: unrecognized option '--x'", less the program, if that was printed.
static const char *getopt_line(const struct hc_runtime *rt)
{
	size_t len = strlen(rt->args.argv[0]);

	if (strncmp(rt->log.printed, rt->args.argv[0], len) != 0 || rt->log.printed[len] != ':')
		return NULL;
	return rt->log.printed + len + 2;
}

// What rte_eal_init() left in rte_errno, as an error of ours with what to do about it.
static int eal_refused(const struct hc_runtime *rt, const struct hc_runtime_config *cfg, int cause,
		       char why[HC_WHY_SIZE])
{
	const char *said = rt->log.error[0] ? rt->log.error : rte_strerror(cause);
	const char *getopt_said = getopt_line(rt);

	if (cause == EALREADY)
		return hc_why(why, -EIO,
			      "EAL was started before in this process: start the "
			      "runtime once and keep it.");
	// What getopt() prints names the option, what EAL logs then does not.
	if (cause == EINVAL && cfg->eal_arg_count > 0)
		return hc_why(why, -EINVAL,
			      "EAL refused its arguments (%s): correct what is passed on to EAL.",
			      getopt_said ? getopt_said : said);
	if (cause == ENODEV)
		return hc_why(why, -ENODEV,
			      "EAL does not accept a device (%s): \"dpdk-devbind.py "
			      "--status\" lists those it can use.",
			      said);
	if (cause == ENOMEM || cause == EACCES)
		return hc_why(why, cause == ENOMEM ? -ENOMEM : -EPERM,
			      "EAL could not take its memory (%s): free or reserve hugepages by "
			      "\"sysctl vm.nr_hugepages=N\", or do without them by --no-huge.",
			      said);
	return hc_why(why, -EIO,
		      "EAL did not start (%s): pass \"--log-level=debug\" to EAL to see "
		      "more.",
		      said);
}

static int eal_start(struct hc_runtime *rt, const struct hc_runtime_config *cfg,
		     char why[HC_WHY_SIZE])
{
	int err = hc_dpdk_log_open(&rt->log);

	if (err)
		return hc_why(why, err, "There is no memory for a log stream: free some.");
	hc_dpdk_log_keep(&rt->log, rt->is_quiet);
	// EAL permutes argv and may keep pointers into it; both live as long as the runtime.
	err = rte_eal_init(rt->args.argc, rt->args.argv) < 0 ? rte_errno : 0;
	hc_dpdk_log_let(&rt->log, !rt->is_quiet);
	if (!err)
		return 0;
	err = eal_refused(rt, cfg, err, why);
	hc_dpdk_log_shut(&rt->log);
	return err;
}

// The CPU of a worker lcore: ours have one each, of the user's the lowest is told.
static unsigned first_cpu(unsigned lcore)
{
	rte_cpuset_t set = rte_lcore_cpuset(lcore);
	unsigned cpu = 0;

	while (cpu + 1 < CPU_SETSIZE && !CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

// Maps workers to EAL's lcores: ours by construction, the user's in their order.
static int lcores_map(struct hc_runtime *rt, const struct hc_runtime_config *cfg,
		      char why[HC_WHY_SIZE])
{
	unsigned lcore;

	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (rt->worker_count == cfg->worker_count)
			break;
		rt->lcore[rt->worker_count] = lcore;
		rt->worker_cpu[rt->worker_count] = first_cpu(lcore);
		rt->worker_count++;
	}
	if (rt->worker_count < cfg->worker_count)
		return hc_why(why, -EINVAL,
			      "EAL was given %u lcores for %u workers: name %u, the first one for "
			      "the main thread.",
			      rt->worker_count + 1, cfg->worker_count, cfg->worker_count + 1);
	return 0;
}

// EAL starts whether or not a PCI device found a driver.
static int pci_check(const struct hc_runtime *rt, char why[HC_WHY_SIZE])
{
	for (unsigned i = 0; i < rt->device_count; i++) {
		uint16_t port_id;

		if (rt->device[i].form != HC_DEVICE_PCI ||
		    rte_eth_dev_get_port_by_name(rt->device[i].name, &port_id) == 0)
			continue;
		return hc_why(why, -ENODEV,
			      "No DPDK driver took %s%s%s: bind it with \"dpdk-devbind.py "
			      "--bind=vfio-pci %s\", and give this user /dev/vfio if it is not "
			      "root.",
			      rt->device[i].name, rt->log.error[0] ? ", " : "", rt->log.error,
			      rt->device[i].name);
	}
	return 0;
}

int hc_runtime_start(const struct hc_runtime_config *cfg, struct hc_runtime **out,
		     char why[HC_WHY_SIZE])
{
	struct hc_clock_sample begin = hc_clock_sample();
	struct hc_runtime *rt;
	int err;

	why[0] = '\0';
	err = config_check(cfg, why);
	if (err)
		return err;
	rt = calloc(1, sizeof *rt);
	if (!rt)
		return hc_why(why, -ENOMEM, "There is no memory to begin with: free some.");
	rt->tolls_before = hc_machine_tolls();
	// net_tap asks for SIGIO before it says which thread shall have it, and the default action
	// ends the process.
	(void)signal(SIGIO, SIG_IGN);
	err = devices_parse(rt, cfg, why);
	if (!err)
		err = cpus_choose(rt, cfg, why);
	if (!err)
		err = args_build(rt, cfg, why);
	if (!err)
		err = eal_start(rt, cfg, why);
	if (err) {
		free(rt);
		return err;
	}
	err = lcores_map(rt, cfg, why);
	if (!err)
		err = pci_check(rt, why);
	if (err) {
		hc_runtime_stop(rt);
		return err;
	}
	hc_clock_calibrate(&rt->clock, begin);
	*out = rt;
	return 0;
}

void hc_runtime_stop(struct hc_runtime *rt)
{
	if (!rt)
		return;
	rte_eal_mp_wait_lcore();
	// What devices told the interrupt thread at their end makes it look at all handles anew,
	// and those lie in memory that goes now. A memif leaves its socket behind (22.11): EAL
	// would tell the thread of its end and free the memory at once. The end of the process does
	// that as well.
	hc_gate_settle(&rt->gate);
	if (!rt->gate.was_used)
		(void)rte_eal_cleanup();
	hc_dpdk_log_shut(&rt->log);
	free(rt);
}

uint64_t hc_runtime_now_ns(const struct hc_runtime *rt)
{
	return hc_clock_now_ns(&rt->clock);
}
