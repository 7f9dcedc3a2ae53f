// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Ports made of rings in this process: pairs joined back to back, for bench, and single ones whose
// other ends the caller holds, for simulation. The stack sees ordinary ethdev ports of DPDK's
// net_ring. (--vdev net_ring would only loop a port back to itself.)
//
// Every ring has one sender and one receiver: queue i of one port and queue i of the other, each in
// the hands of one worker.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/base.h"
#include "io/port_owner.h"
#include "io/sim.h"
#include "io/why.h"

#define DRAIN_BURST 64u

struct rte_ring *hc_ring_make(const struct hc_port_owner *o, char tag, unsigned queue,
			      unsigned count)
{
	char name[RTE_RING_NAMESIZE];

	(void)snprintf(name, sizeof name, "hc_wire_%u%c%u", o->serial, tag, queue);
	return rte_ring_create(name, rte_align32pow2(count),
			       o->rt->has_hugepages ? o->port.numa_node : SOCKET_ID_ANY,
			       RING_F_SP_ENQ | RING_F_SC_DEQ);
}

void hc_ring_drain(struct rte_ring *ring)
{
	void *frames[DRAIN_BURST];
	unsigned n;

	if (!ring)
		return;
	while ((n = rte_ring_dequeue_burst(ring, frames, DRAIN_BURST, NULL)) > 0)
		rte_pktmbuf_free_bulk((struct rte_mbuf **)frames, n);
}

int hc_ring_attach(struct hc_port_owner *o, const struct hc_port_config *cfg, char why[HC_WHY_SIZE])
{
	unsigned node = o->port.numa_node < 0 ? 0 : (unsigned)o->port.numa_node;
	char suffix[16];
	int port_id;

	(void)snprintf(suffix, sizeof suffix, "hc%u", o->serial);
	(void)snprintf(o->port.name, sizeof o->port.name, "net_ring_%s", suffix);
	o->is_soft = true;
	port_id = rte_eth_from_rings(suffix, o->rx_ring, o->port.queue_count, o->tx_ring,
				     o->port.queue_count, node);
	if (port_id < 0 || port_id >= RTE_MAX_ETHPORTS)
		return hc_why(why, -EIO,
			      "DPDK made no ring port (%s): it has %u ports in all; use "
			      "fewer cores.",
			      rte_strerror(rte_errno), RTE_MAX_ETHPORTS);
	o->port.port_id = (uint16_t)port_id;
	o->is_vdev = true;
	o->has_ethdev = true;
	return hc_ethdev_start(o, cfg, why);
}

static int rings_check(const struct hc_port_config *cfg, char why[HC_WHY_SIZE])
{
	int err = hc_port_config_check(cfg, why);

	if (err)
		return err;
	if (cfg->queue_count > HC_RING_QUEUES_MAX)
		return hc_why(why, -EINVAL,
			      "%u queues were asked of a ring port: DPDK's have at "
			      "most %u; open several pairs.",
			      cfg->queue_count, HC_RING_QUEUES_MAX);
	return 0;
}

static unsigned ring_count(const struct hc_port_config *cfg)
{
	return cfg->ring_desc ? cfg->ring_desc : HC_RING_DESC_DEFAULT;
}

static int no_memory(char why[HC_WHY_SIZE])
{
	return hc_why(why, -ENOMEM,
		      "There is no memory for another ring port: reserve more "
		      "hugepages, or use fewer cores.");
}

static int pair_join(struct hc_port_owner *a, struct hc_port_owner *b,
		     const struct hc_port_config *cfg, char why[HC_WHY_SIZE])
{
	int err;

	a->peer = b;
	b->peer = a;
	for (unsigned i = 0; i < cfg->queue_count; i++) {
		a->tx_ring[i] = hc_ring_make(a, 't', i, ring_count(cfg));
		b->tx_ring[i] = hc_ring_make(b, 't', i, ring_count(cfg));
		if (!a->tx_ring[i] || !b->tx_ring[i])
			return no_memory(why);
		a->rx_ring[i] = b->tx_ring[i];
		b->rx_ring[i] = a->tx_ring[i];
	}
	err = hc_ring_attach(a, cfg, why);
	return err ? err : hc_ring_attach(b, cfg, why);
}

int hc_port_open_pair(struct hc_runtime *rt, const struct hc_port_config *cfg,
		      struct hc_port *out[2], char why[HC_WHY_SIZE])
{
	struct hc_port_owner *end[2];
	int err = rings_check(cfg, why);

	if (err)
		return err;
	if (strcmp(cfg->device, "ring") != 0)
		return hc_why(why, -EINVAL,
			      "A pair of ports is made of rings, not of \"%s\": give "
			      "\"ring\".",
			      cfg->device);
	end[0] = hc_port_owner_make(rt, cfg);
	end[1] = end[0] ? hc_port_owner_make(rt, cfg) : NULL;
	hc_dpdk_log_keep(&rt->log, rt->is_quiet);
	err = end[1] ? pair_join(end[0], end[1], cfg, why) : no_memory(why);
	hc_dpdk_log_let(&rt->log, !rt->is_quiet);
	if (err) {
		if (end[0])
			hc_port_owner_free(end[0]);
		return err;
	}
	out[0] = &end[0]->port;
	out[1] = &end[1]->port;
	return 0;
}

int hc_sim_port_open(struct hc_runtime *rt, const struct hc_port_config *cfg,
		     struct hc_sim_port *sp, char why[HC_WHY_SIZE])
{
	struct hc_port_owner *o;
	int err = rings_check(cfg, why);

	if (err)
		return err;
	HC_ASSERT(cfg->queue_count == 1);
	o = hc_port_owner_make(rt, cfg);
	if (!o)
		return no_memory(why);
	hc_dpdk_log_keep(&rt->log, rt->is_quiet);
	o->rx_ring[0] = hc_ring_make(o, 'r', 0, ring_count(cfg));
	o->tx_ring[0] = hc_ring_make(o, 't', 0, ring_count(cfg));
	o->owns_rx_rings = true;
	err = o->rx_ring[0] && o->tx_ring[0] ? hc_ring_attach(o, cfg, why) : no_memory(why);
	hc_dpdk_log_let(&rt->log, !rt->is_quiet);
	if (err) {
		hc_port_owner_free(o);
		return err;
	}
	*sp = (struct hc_sim_port){
		.port = &o->port, .to_port = o->rx_ring[0], .from_port = o->tx_ring[0]};
	return 0;
}
