// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Which CPU each worker gets. The CPUs this process may use are put in order, best first, and
// workers take them in turn, starting over when there are too few. Best is: on the NUMA node of the
// port; the first hardware thread of a core before any second; and not the lowest CPU, where the
// kernel keeps its own work and the main thread will settle, unless it is needed. The order is
// decided by a pure function, so it can be tested for machines that are not at hand.

#include "base/base.h"

#define HC_CPUS_MAX 1024u // As many as a cpu_set_t names.

struct hc_cpu {
	uint16_t id;
	int16_t node;    // NUMA node, -1: unknown.
	uint16_t thread; // Which hardware thread of its core this is, 0: the first.
};

struct hc_cpus {
	unsigned count;
	struct hc_cpu cpu[HC_CPUS_MAX];
};

// Reads the CPUs this thread may run on and where they are. @return 0, -EIO when the kernel does
// not say.
HC_MUST_USE int hc_cpus_read(struct hc_cpus *out);

// Puts the CPUs in the order in which `worker_count` workers take them. node: that of the port, -1:
// any.
void hc_cpus_order(struct hc_cpus *cpus, unsigned worker_count, int node);

// The NUMA node of a PCI device, -1: unknown.
int hc_cpus_pci_node(const char *pci_address);
