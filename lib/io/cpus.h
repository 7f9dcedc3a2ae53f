// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Which CPU each worker gets. The CPUs this process may use are put in order, best first, and
// workers take them in turn, starting over when there are too few. Best is, most important first:
// not one on which another DPDK process already polls (a server beside a load generator); not the
// lowest, where the kernel keeps its own work and the main thread will settle, unless it is needed;
// on the NUMA node of the port; the first hardware thread of a core. The order is decided by a pure
// function, so it can be tested for machines that are not at hand.

#include "base/base.h"

#define HC_CPUS_MAX 1024u // As many as a cpu_set_t names.

struct hc_cpu {
	uint16_t id;
	int16_t node;    // NUMA node, -1: unknown.
	uint16_t thread; // Which hardware thread of its core this is, 0: the first.
	bool is_taken;   // A worker of another DPDK process is pinned to it.
};

struct hc_cpus {
	unsigned count;
	struct hc_cpu cpu[HC_CPUS_MAX];
};

// Reads the CPUs this thread may run on and where they are. @return 0, -EIO when the kernel does
// not say.
HC_MUST_USE int hc_cpus_read(struct hc_cpus *out);

// Marks the CPUs that a worker thread of another DPDK process is pinned to, as far as /proc shows.
void hc_cpus_mark_taken(struct hc_cpus *cpus);

// Puts the CPUs in the order in which `worker_count` workers take them. node: that of the port, -1:
// any.
void hc_cpus_order(struct hc_cpus *cpus, unsigned worker_count, int node);

// The NUMA node of a PCI device, -1: unknown.
int hc_cpus_pci_node(const char *pci_address);
