// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a result has to say about its machine, and the warnings that belong beside it: each names a
// circumstance that makes the figures lower or less steady than the program could do, and what to
// do about it. Read when asked, from the kernel and from the runtime; nothing here is in a hurry.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <numa.h>

#include <rte_version.h>

#include "base/base.h"
#include "io/hugepages.h"
#include "io/runtime.h"
#include "stack/port.h"

#define MB            (1024u * 1024u)
#define NS_IN_MS      1000000u
#define DRIFT_PPM     100.0
#define DRIFT_FROM_MS 1000u
#define STEAL_PERCENT 1u // More stolen than this share of the time is worth a warning.

__attribute__((format(printf, 2, 3))) static void warn(struct hc_environment *env, const char *fmt,
						       ...)
{
	va_list args;

	if (env->warning_count == HC_WARNINGS_MAX)
		return;
	va_start(args, fmt);
	(void)vsnprintf(env->warnings[env->warning_count++], sizeof env->warnings[0], fmt, args);
	va_end(args);
}

// Copies the value of the first line of /proc/cpuinfo that starts with `key`, without the newline.
static bool cpuinfo_read(const char *key, char *value, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool is_found = false;
	char *line = NULL;
	size_t line_size = 0;

	if (!f)
		return false;
	while (!is_found && getline(&line, &line_size, f) > 0) {
		const char *at = strchr(line, ':');

		if (!at || strncmp(line, key, strlen(key)) != 0)
			continue;
		at += strspn(at, ": \t");
		(void)snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
		is_found = true;
	}
	free(line);
	(void)fclose(f);
	return is_found;
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *at = strstr(flags, flag); at; at = strstr(at + len, flag))
		if ((at == flags || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static void name_machine(struct hc_environment *env)
{
	struct utsname names;

	if (uname(&names) != 0)
		memset(&names, 0, sizeof names);
	(void)snprintf(env->kernel, sizeof env->kernel, "%.40s %.54s", names.sysname,
		       names.release);
	(void)snprintf(env->dpdk, sizeof env->dpdk, "%s", rte_version());
	if (!cpuinfo_read("model name", env->cpu, sizeof env->cpu))
		(void)snprintf(env->cpu, sizeof env->cpu, "%s", names.machine);
}

static void warn_cpus(const struct hc_runtime *rt, struct hc_environment *env)
{
	unsigned siblings = 0;
	unsigned taken = 0;

	if (rt->worker_count > rt->cpus.count)
		warn(env, "%u workers share %u CPUs: use fewer cores.", rt->worker_count,
		     rt->cpus.count);
	else if (rt->worker_count == rt->cpus.count)
		warn(env,
		     "Workers have all %u CPUs, and the main thread takes its time from one "
		     "of them.",
		     rt->cpus.count);
	for (unsigned i = 0; i < rt->cpus.count; i++) {
		const struct hc_cpu *cpu = &rt->cpus.cpu[i];

		for (unsigned k = 0; k < rt->worker_count; k++) {
			siblings += cpu->id == rt->worker_cpu[k] && cpu->thread > 0;
			taken += cpu->id == rt->worker_cpu[k] && cpu->is_taken;
		}
	}
	if (taken > 0)
		warn(env, "%u of the workers' CPUs %s used by another DPDK process too: stop it.",
		     taken, taken == 1 ? "is" : "are");
	if (siblings > 0)
		warn(env,
		     "%u of the workers' CPUs %s the second hardware thread of a core: use fewer "
		     "cores.",
		     siblings, siblings == 1 ? "is" : "are");
}

static void warn_clock(struct hc_environment *env)
{
	char flags[8192];

	// Other architectures have a counter that is constant by definition, and no such line.
	if (!cpuinfo_read("flags", flags, sizeof flags))
		return;
	if (!has_flag(flags, "constant_tsc") || !has_flag(flags, "nonstop_tsc"))
		warn(env, "The processor does not promise a steady time stamp counter: times may "
			  "be wrong.");
	if (has_flag(flags, "hypervisor"))
		warn(env, "This is a virtual machine: figures vary with what else its host does.");
}

static void warn_memory(const struct hc_runtime *rt, struct hc_environment *env)
{
	uint64_t total = hc_hugepages_total_bytes();

	if (rt->has_hugepages)
		return;
	if (total == 0)
		warn(env, "No hugepages: reserve some by \"sysctl vm.nr_hugepages=1024\".");
	else
		warn(env,
		     "Hugepages are not used: %llu MB reserved, %llu MB free for this process.",
		     (unsigned long long)(total / MB),
		     (unsigned long long)(hc_hugepages_free_bytes() / MB));
}

static void warn_governor(const struct hc_runtime *rt, struct hc_environment *env)
{
	for (unsigned i = 0; i < rt->worker_count; i++) {
		char governor[32] = "";
		char path[96];
		FILE *f;

		(void)snprintf(path, sizeof path,
			       "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor",
			       rt->worker_cpu[i]);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%31s", governor) == 1 && strcmp(governor, "performance") != 0) {
			warn(env, "CPU %u has the frequency governor \"%s\": set \"performance\".",
			     rt->worker_cpu[i], governor);
			(void)fclose(f);
			return;
		}
		(void)fclose(f);
	}
}

// The first worker that is on another node than a port, told once per port.
static void warn_nodes(const struct hc_runtime *rt, struct hc_environment *env)
{
	if (numa_available() < 0)
		return;
	for (unsigned i = 0; i < HC_PORTS_OPEN_MAX; i++) {
		const struct hc_port *port = rt->port[i];

		for (unsigned k = 0; port && port->numa_node >= 0 && k < rt->worker_count; k++) {
			int node = numa_node_of_cpu((int)rt->worker_cpu[k]);

			if (node < 0 || node == port->numa_node)
				continue;
			warn(env, "Port %.64s is on NUMA node %d, a worker on CPU %u of node %d.",
			     port->name, port->numa_node, rt->worker_cpu[k], node);
			break;
		}
	}
}

static void warn_steal(const struct hc_runtime *rt, struct hc_environment *env)
{
	uint64_t elapsed_ms = hc_runtime_now_ns(rt) / NS_IN_MS * rt->cpus.count;

	if (env->steal_ms * 100 > elapsed_ms * STEAL_PERCENT)
		warn(env, "The host took %llu ms of CPU time away: repeat in a quiet minute.",
		     (unsigned long long)env->steal_ms);
}

// Over a shorter time than that it is the two readings that differ.
static void warn_drift(const struct hc_runtime *rt, struct hc_environment *env)
{
	if (hc_runtime_now_ns(rt) < DRIFT_FROM_MS * NS_IN_MS ||
	    __builtin_fabs(env->tsc_drift_ppm) < DRIFT_PPM)
		return;
	warn(env, "The TSC is %.0f ppm off CLOCK_MONOTONIC_RAW, and so are all times and rates.",
	     env->tsc_drift_ppm);
}

void hc_environment(const struct hc_runtime *rt, struct hc_environment *out)
{
	struct hc_machine_tolls now = hc_machine_tolls();

	memset(out, 0, sizeof *out);
	name_machine(out);
	out->hugepages = rt->has_hugepages;
	out->lcore_count = rt->worker_count;
	for (unsigned i = 0; i < rt->worker_count; i++)
		out->lcores[i] = rt->worker_cpu[i];
	out->cpu_count = rt->cpus.count;
	out->tsc_hz = rt->clock.tsc_hz;
	out->tsc_drift_ppm = hc_clock_drift_ppm(&rt->clock, hc_clock_sample());
	out->clock_resolution_ns = hc_clock_resolution_ns(&rt->clock);
	out->core_to_core_ns = rt->core_to_core_ns;
	out->involuntary_switches =
		now.involuntary_switches - rt->tolls_before.involuntary_switches;
	out->steal_ms = now.steal_ms - rt->tolls_before.steal_ms;
	warn_cpus(rt, out);
	warn_memory(rt, out);
	warn_clock(out);
	warn_drift(rt, out);
	warn_governor(rt, out);
	warn_nodes(rt, out);
	warn_steal(rt, out);
}
