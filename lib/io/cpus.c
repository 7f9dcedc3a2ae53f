// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// CPUs for workers: what sysfs and the scheduler say, and the order of preference. See cpus.h.

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <numa.h>

#include "io/cpus.h"

HC_STATIC_ASSERT(HC_CPUS_MAX == CPU_SETSIZE, "every CPU of a cpu_set_t has a place");

// The rank of a CPU among the hardware threads of its core: how many siblings of a lower number the
// list "0,64" or "0-1" names. 0 where sysfs says nothing.
static uint16_t thread_rank(unsigned cpu)
{
	char path[96];
	char list[256];
	uint16_t rank = 0;
	FILE *f;

	(void)snprintf(path, sizeof path,
		       "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(list, sizeof list, f))
		list[0] = '\0';
	(void)fclose(f);
	for (char *at = list; *at >= '0' && *at <= '9'; at += *at == ',') {
		unsigned long first = strtoul(at, &at, 10);
		unsigned long last = *at == '-' ? strtoul(at + 1, &at, 10) : first;

		for (unsigned long i = first; i <= last && i < cpu; i++)
			rank++;
	}
	return rank;
}

int hc_cpus_read(struct hc_cpus *out)
{
	bool has_numa = numa_available() >= 0;
	cpu_set_t set;

	out->count = 0;
	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return -EIO;
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			out->cpu[out->count++] = (struct hc_cpu){
				.id = (uint16_t)i,
				.node = (int16_t)(has_numa ? numa_node_of_cpu((int)i) : -1),
				.thread = thread_rank(i),
			};
	return out->count > 0 ? 0 : -EIO;
}

// Smaller is better. spare_id: the CPU to leave alone, -1: none.
static uint64_t cost(const struct hc_cpu *cpu, int node, int spare_id)
{
	bool is_spare = cpu->id == spare_id;
	bool is_far = node >= 0 && cpu->node >= 0 && cpu->node != node;

	return (uint64_t)cpu->is_taken << 34 | (uint64_t)is_spare << 33 | (uint64_t)is_far << 32 |
	       (uint64_t)cpu->thread << 16 | cpu->id;
}

void hc_cpus_order(struct hc_cpus *cpus, unsigned worker_count, int node)
{
	int spare_id = -1;

	for (unsigned i = 0; i < cpus->count && worker_count < cpus->count; i++)
		if (spare_id < 0 || cpus->cpu[i].id < spare_id)
			spare_id = cpus->cpu[i].id;
	for (unsigned i = 1; i < cpus->count; i++) {
		struct hc_cpu moving = cpus->cpu[i];
		uint64_t moving_cost = cost(&moving, node, spare_id);
		unsigned k = i;

		for (; k > 0 && cost(&cpus->cpu[k - 1], node, spare_id) > moving_cost; k--)
			cpus->cpu[k] = cpus->cpu[k - 1];
		cpus->cpu[k] = moving;
	}
}

int hc_cpus_pci_node(const char *pci_address)
{
	char path[96];
	int node = -1;
	FILE *f;

	(void)snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/numa_node", pci_address);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &node) != 1)
		node = -1;
	(void)fclose(f);
	return node;
}
