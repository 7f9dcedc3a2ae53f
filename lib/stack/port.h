// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A configured ethdev port as the stack sees it. lib/io makes and owns it, the stack reads it;
// nothing in it changes while workers run, except what each queue's worker keeps for itself.

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_rwlock.h>

#include <handclasp/types.h>

#define HC_QUEUES_MAX 64u

struct hc_port {
	uint16_t port_id; // Of ethdev.
	uint16_t queue_count;
	uint16_t mtu;
	bool has_rx_ip_csum; // Offload is on: mbuf flags tell.
	bool has_rx_tcp_csum;
	bool has_tx_csum; // IPv4 and TCP checksums are written by the port.
	bool has_tso;     // It cuts frames into segments, of at most cut_frame_max bytes, and
			  // writes their checksums.
	uint16_t cut_frame_max;
	uint16_t cut_buffers_max; // Of buffers in a frame to be cut.
	bool has_rss;             // Frames are spread over the queues by the Toeplitz hash below.
	uint8_t mac[6];
	int numa_node; // SOCKET_ID_ANY when unknown.
	char name[64];
	char driver[32];
	char device[128]; // DEV as the user wrote it.

	struct rte_mempool *pool[HC_QUEUES_MAX]; // Buffers of queue i.

	// RSS, when has_rss: the key and the redirection table as read back from the port.
	uint8_t rss_key[64];
	uint8_t rss_key_len;
	uint16_t reta_size;
	uint16_t reta[512];

	// How workers pass frames on, when there are several queues: redirect[i] leads to the
	// worker of queue i. It carries ARP (which arrives at one queue and concerns all) and,
	// without RSS, the frames of flows that belong to worker i. Several producers, one
	// consumer. NULL with one queue.
	struct rte_ring *redirect[HC_QUEUES_MAX];

	// Set when the driver must be left alone while this is locked for writing; NULL: never.
	rte_rwlock_t *gate;

	void *owner; // lib/io's own.
};

// A burst of a port whose `gate` this is: nothing is received or sent while it is shut.
static inline uint16_t hc_port_rx(rte_rwlock_t *gate, uint16_t port_id, uint16_t queue,
				  struct rte_mbuf **m, uint16_t n)
{
	bool is_gated = gate != NULL;

	if (is_gated && rte_rwlock_read_trylock(gate) != 0)
		return 0;
	n = rte_eth_rx_burst(port_id, queue, m, n);
	if (is_gated)
		rte_rwlock_read_unlock(gate);
	return n;
}

static inline uint16_t hc_port_tx(rte_rwlock_t *gate, uint16_t port_id, uint16_t queue,
				  struct rte_mbuf **m, uint16_t n)
{
	bool is_gated = gate != NULL;

	if (is_gated && rte_rwlock_read_trylock(gate) != 0)
		return 0;
	n = rte_eth_tx_burst(port_id, queue, m, n);
	if (is_gated)
		rte_rwlock_read_unlock(gate);
	return n;
}
