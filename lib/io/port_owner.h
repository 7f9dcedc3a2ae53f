// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What lib/io keeps behind a struct hc_port: how it came to be, so that it can be undone in reverse
// order, and what it said last, so that it can be asked after it stopped.
//
// A port goes through open (device and queues made, started), stopped (device gone, frames taken
// back, buffers still countable) and closed (buffers and rings freed). The two ports of a pair hold
// each other's buffers, so nothing of either is freed before both are closed.

#include "io/runtime.h"
#include "stack/port.h"

#define HC_RING_QUEUES_MAX 16u // RTE_PMD_RING_MAX_RX_RINGS of a default build.
#define HC_RETA_MAX        HC_ARRAY_LEN(((struct hc_port *)0)->reta)

struct hc_port_owner {
	struct hc_port port; // What everybody else holds; port.owner points here.
	struct hc_runtime *rt;
	struct hc_port_owner *peer; // The other port of a pair, NULL: none.
	int device_idx;             // In rt->device, -1: a ring port.
	bool is_soft;               // A driver in software: no RSS, no wait for the link.
	bool has_gate;              // Counted among the users of the runtime's.
	bool is_vdev;               // We made the device and have to remove it.
	bool owns_rx_rings;         // No other port sends to them.
	bool has_ethdev;            // The ethdev port is there.
	bool is_started;
	bool is_closed; // By its user; the peer is not yet.
	unsigned serial;
	uint32_t buffers_total;
	struct rte_ring *rx_ring[HC_RING_QUEUES_MAX]; // Of ring ports: what queue i receives from.
	struct rte_ring *tx_ring[HC_RING_QUEUES_MAX]; // ... and sends to; freed with this port.
	struct hc_port_info info;                     // As of the stop.
	struct hc_port_losses losses;                 // As of the stop.
};

// Makes an empty owner with its names and memory node set. @return NULL without memory or when
// HC_PORTS_OPEN_MAX are open.
struct hc_port_owner *hc_port_owner_make(struct hc_runtime *rt, const struct hc_port_config *cfg);

// Undoes whatever has been done for *o, and for its peer, so far.
void hc_port_owner_free(struct hc_port_owner *o);

// @return 0, or -EINVAL with a sentence in `why`.
HC_MUST_USE int hc_port_config_check(const struct hc_port_config *cfg, char why[HC_WHY_SIZE]);

// Configures and starts the ethdev port o->port.port_id: buffers, queues, offloads, RSS, MTU,
// redirect rings (ethdev.c). @return 0, -EINVAL, -ENOMEM, -EIO with a sentence in `why`.
HC_MUST_USE int hc_ethdev_start(struct hc_port_owner *o, const struct hc_port_config *cfg,
				char why[HC_WHY_SIZE]);

// Makes the ethdev port of a ring port whose rings are set (ring.c). @return 0, -EIO.
HC_MUST_USE int hc_ring_attach(struct hc_port_owner *o, const struct hc_port_config *cfg,
			       char why[HC_WHY_SIZE]);

// A ring of `count` frames (rounded up to a power of two less one) for one sender and one receiver.
struct rte_ring *hc_ring_make(const struct hc_port_owner *o, char tag, unsigned queue,
			      unsigned count);

// Frees every frame in a ring; NULL is an empty one.
void hc_ring_drain(struct rte_ring *ring);

// What is left of a default when the configuration says 0.
#define HC_RING_DESC_DEFAULT     4096u
#define HC_NIC_DESC_DEFAULT      1024u
#define HC_BUFFERS_SPARE_DEFAULT 8191u // Beside one per descriptor; pools like 2^n - 1 best.
#define HC_MTU_DEFAULT           1500u
