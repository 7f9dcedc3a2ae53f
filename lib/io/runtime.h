// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The inside of struct hc_runtime: one per process, made by hc_runtime_start() (eal.c), used by
// ports (port.c), lcores (lcore.c) and the environment (lib/ctl). Only the main thread changes it;
// workers read nothing but the clock.

#include <handclasp/runtime.h>

#include "io/clock.h"
#include "io/cpus.h"
#include "io/device.h"
#include "io/dpdk_log.h"
#include "io/eal_args.h"
#include "io/gate.h"
#include "io/machine.h"

#define HC_WORKERS_MAX    64u // As many as struct hc_environment lists.
#define HC_DEVICES_MAX    16u
#define HC_PORTS_OPEN_MAX 64u

struct hc_runtime {
	struct hc_clock clock;
	struct hc_cpus cpus; // In the order in which workers took them.
	unsigned worker_count;
	unsigned lcore[HC_WORKERS_MAX];      // EAL's number of worker i.
	unsigned worker_cpu[HC_WORKERS_MAX]; // The CPU it is pinned to.
	unsigned device_count;
	struct hc_device device[HC_DEVICES_MAX];
	bool is_device_open[HC_DEVICES_MAX];
	unsigned port_serial;                    // Ports made so far: makes names unique.
	struct hc_port *port[HC_PORTS_OPEN_MAX]; // Ports open now, NULL: none.
	struct hc_gate gate;                     // For drivers that need one.
	bool has_hugepages;
	bool is_quiet;
	double core_to_core_ns;               // By hc_runtime_measure(), 0 before.
	struct hc_machine_tolls tolls_before; // At the start.
	struct hc_dpdk_log log;
	struct hc_eal_args args;
};
