// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/**
 * @file
 * The process around the workers: DPDK's EAL, ports, lcores, the clock, and what a result says
 * about its machine.
 *
 * Order: hc_runtime_start() once per process, hc_port_open() / hc_port_open_pair(),
 * hc_worker_create() (stack.h), hc_runtime_launch(), hc_runtime_join(), hc_worker_destroy(),
 * hc_port_close(), hc_runtime_stop(). All of it is called by the main thread.
 */

#include <handclasp/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The longest sentence an error comes with. */
#define HC_WHY_SIZE 512

struct hc_runtime_config {
	unsigned worker_count; /**< lcores that will run workers (>= 1); the main thread is not one
				  of them. */
	const char *const
		*devices; /**< DEV strings (below) that hc_port_open() will be asked for. */
	unsigned device_count;
	const char *const *eal_args; /**< Passed to EAL after our own. */
	unsigned eal_arg_count;
	uint64_t memory_bytes; /**< What the ports, buffers and workers will take; asked of EAL when
				  hugepages are missing. */
	bool is_quiet;         /**< Only errors from EAL on stderr. */
	bool no_huge;          /**< Do not use hugepages even when there are some. */
};

/**
 * Starts EAL with sane defaults: in-memory, no PCI unless a device names a PCI address, telemetry
 * off, one main lcore that floats over all allowed CPUs and worker lcores pinned to one each (they
 * share CPUs when there are too few: a warning). Uses hugepages when enough are free, ordinary
 * memory otherwise. Ignores SIGIO first (net_tap raises it).
 * @return 0; -EINVAL (bad device string), -ENODEV (no such device), -ENOMEM, -EPERM, -EIO (EAL
 * refused). `why` gets one sentence that says what to do.
 */
HC_MUST_USE int hc_runtime_start(const struct hc_runtime_config *cfg, struct hc_runtime **out,
				 char why[HC_WHY_SIZE]);
void hc_runtime_stop(struct hc_runtime *rt);

/** Nanoseconds since the start, from the TSC, calibrated against CLOCK_MONOTONIC_RAW. Any thread.
 */
uint64_t hc_runtime_now_ns(const struct hc_runtime *rt);

/** Runs fn(arg) on worker lcore i, 0 <= i < worker_count. @return 0, -EBUSY, -EINVAL. */
HC_MUST_USE int hc_runtime_launch(struct hc_runtime *rt, unsigned i, int (*fn)(void *arg),
				  void *arg);
/** Waits for worker lcore i. @return what fn returned. */
int hc_runtime_join(struct hc_runtime *rt, unsigned i);
/** Whether worker lcore i still runs its function. */
bool hc_runtime_is_running(const struct hc_runtime *rt, unsigned i);

/* ------------------------------------------------------------------------------------------------
 * ports */

/**
 * DEV is a PCI address ("0000:01:00.0"), or a short form: "tap:NAME", "af_packet:IFACE",
 * "af_xdp:IFACE", "memif:SOCKET[,server|client]", "ring" (a pair of crossed ring ports,
 * hc_port_open_pair() only), or any --vdev string
 * ("net_pcap0,rx_pcap=..."). The n-th identical use of a form gets its own instance.
 */
struct hc_port_config {
	const char *device;   /**< DEV, as given to hc_runtime_start(). */
	unsigned queue_count; /**< Receive and transmit queues: one per worker. */
	uint16_t mtu;
	uint16_t ring_desc;    /**< Descriptors per queue, 0: default. */
	uint32_t buffer_count; /**< Packet buffers per queue, 0: default. */
	bool no_offload;       /**< Checksums and segments in software even where the port could. */
	bool no_tso;           /**< Segments alone. */
	bool is_promiscuous;
	unsigned near_worker; /**< Memory of a port without a NUMA node of its own (ring, vdev)
				 comes from that of this worker's CPU. */
};

/** Bytes of memory a port with this configuration takes (both, for a pair), to be counted into
 * memory_bytes of hc_runtime_start(). Any thread, no EAL. */
uint64_t hc_port_memory_bytes(const struct hc_port_config *cfg);

/** Whether DEV is a string that can be understood; not whether there is such a device. Any thread,
 * no EAL. @return 0, -EINVAL with a sentence in `why`. */
HC_MUST_USE int hc_device_check(const char *device, char why[HC_WHY_SIZE]);

/** @return 0; -ENODEV, -EPERM, -ENOMEM, -EINVAL, -EIO with a sentence in `why`. */
HC_MUST_USE int hc_port_open(struct hc_runtime *rt, const struct hc_port_config *cfg,
			     struct hc_port **out, char why[HC_WHY_SIZE]);

/** Two ports joined back to back by rings in this process: what one sends the other receives.
 * device must be "ring". */
HC_MUST_USE int hc_port_open_pair(struct hc_runtime *rt, const struct hc_port_config *cfg,
				  struct hc_port *out[2], char why[HC_WHY_SIZE]);

/**
 * Stops a port and takes back every frame that lies in its queues, so that buffers_out is the
 * number of buffers leaked. hc_port_info() and hc_port_losses() still answer. All workers on it,
 * and on the other port of a pair, must be destroyed before.
 */
void hc_port_stop(struct hc_port *port);

/** Stops a port if that has not been done, and frees its buffers (those of a pair with the second
 * of the two). NULL is none. */
void hc_port_close(struct hc_port *port);

struct hc_port_info {
	char name[64]; /**< DPDK's name of the port. */
	char driver[32];
	uint8_t mac[6];
	int numa_node; /**< -1: unknown. */
	bool has_rss;
	bool has_rx_csum; /**< The port verifies IPv4 and TCP checksums, and we use it. */
	bool has_tx_csum;
	bool has_tso; /**< The port cuts bulk data into segments, and we use it. */
	bool is_link_up;
	uint32_t link_mbps;     /**< 0: unknown. */
	uint32_t buffers_total; /**< Packet buffers made. */
	uint32_t buffers_out;   /**< Of them, not in the pool now: in queues, in the driver, with
				   workers. After hc_port_stop() it is 0 or buffers leaked ... */
	bool keeps_buffers;     /**< ... unless the driver (af_xdp) does not give its own back. */
};
void hc_port_info(const struct hc_port *port, struct hc_port_info *out);

/** The port's own loss counters, for results: rx missed, rx no buffer, rx errors, tx errors. */
struct hc_port_losses {
	uint64_t rx_missed, rx_no_buffer, rx_errors, tx_errors;
};
void hc_port_losses(const struct hc_port *port, struct hc_port_losses *out);

/* ------------------------------------------------------------------------------------------------
 * the machine */

#define HC_WARNINGS_MAX 16

struct hc_environment {
	char cpu[96];
	char kernel[96];
	char dpdk[32];
	bool hugepages;
	unsigned lcore_count;
	unsigned lcores[64]; /**< CPU of each worker lcore. */
	unsigned cpu_count;  /**< CPUs this process may use. */
	uint64_t tsc_hz;     /**< Measured against CLOCK_MONOTONIC_RAW at the start. */
	/** How much faster than CLOCK_MONOTONIC_RAW the clock has run since, in parts per million.
	 */
	double tsc_drift_ppm;
	double clock_resolution_ns; /**< The shortest time between two readings that differ. */
	double core_to_core_ns; /**< Round trip of a cache line between the first two CPUs; 0: only
				   one. */
	uint64_t involuntary_switches; /**< Of the process, since the start. */
	uint64_t steal_ms;             /**< Of the machine, since the start. */
	unsigned warning_count;
	char warnings[HC_WARNINGS_MAX][160];
};

/** Measures the core-to-core round trip (about 20 ms, before workers run) and keeps it for
 * hc_environment(). */
void hc_runtime_measure(struct hc_runtime *rt);

/** Fills in what is known now. */
void hc_environment(const struct hc_runtime *rt, struct hc_environment *out);

/* ------------------------------------------------------------------------------------------------
 * the plan */

/** The arithmetic of tuples and TIME-WAIT (any thread, no EAL). */
struct hc_plan {
	uint64_t tuples; /**< Source tuples in all. */
	double reuse_s;  /**< At `rate_per_s` each tuple returns after this; infinity when the rate
			    is 0. */
	double sustained_per_s; /**< The highest rate whose tuples are out of TIME-WAIT when they
				   return; infinity if time_wait_ms is 0. */
	bool is_sustainable;
};
void hc_plan_tuples(uint64_t address_count, uint32_t ports_per_address, uint32_t time_wait_ms,
		    double rate_per_s, struct hc_plan *out);

#ifdef __cplusplus
}
#endif
