// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Ports from DEV strings, and what every port has in common: its answers to questions, and its end.
// A PCI device was attached by EAL; a virtual one is made here, when the number of its queues is
// known, and removed again at the stop. Starting the ethdev port is in ethdev.c, ports joined by
// rings are in ring.c.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <numa.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "io/port_owner.h"
#include "io/why.h"

#define MTU_MIN 68u // RFC 791 3.2: every module forwards a datagram of 68 octets.
#define MTU_MAX 9600u

// A mempool's own needs: a cache for each of 128 lcores, and per object its header, trailer and
// struct rte_mbuf.
#define POOL_OVERHEAD_BYTES   (2u << 20)
#define BUFFER_OVERHEAD_BYTES 448u

int hc_port_config_check(const struct hc_port_config *cfg, char why[HC_WHY_SIZE])
{
	if (cfg->queue_count == 0 || cfg->queue_count > HC_QUEUES_MAX)
		return hc_why(why, -EINVAL, "%u queues were asked for: 1 to %u are possible.",
			      cfg->queue_count, HC_QUEUES_MAX);
	if (cfg->mtu != 0 && (cfg->mtu < MTU_MIN || cfg->mtu > MTU_MAX))
		return hc_why(why, -EINVAL, "An MTU of %u was asked for: %u to %u are possible.",
			      cfg->mtu, MTU_MIN, MTU_MAX);
	return 0;
}

uint64_t hc_port_memory_bytes(const struct hc_port_config *cfg)
{
	bool is_ring = strcmp(cfg->device, "ring") == 0;
	uint64_t desc = cfg->ring_desc ? cfg->ring_desc
			: is_ring      ? HC_RING_DESC_DEFAULT
				       : HC_NIC_DESC_DEFAULT;
	uint64_t buffers =
		cfg->buffer_count ? cfg->buffer_count : HC_BUFFERS_SPARE_DEFAULT + 2 * desc;
	uint64_t room = cfg->mtu > RTE_MBUF_DEFAULT_DATAROOM ? cfg->mtu : RTE_MBUF_DEFAULT_DATAROOM;
	uint64_t queue_bytes = buffers * (room + BUFFER_OVERHEAD_BYTES) + POOL_OVERHEAD_BYTES +
			       4 * desc * sizeof(void *) * 2;

	return queue_bytes * cfg->queue_count * (is_ring ? 2 : 1);
}

// The node of the worker that the configuration says the port is near to.
static int worker_node(const struct hc_runtime *rt, unsigned worker)
{
	if (numa_available() < 0 || rt->worker_count == 0)
		return SOCKET_ID_ANY;
	return numa_node_of_cpu((int)rt->worker_cpu[worker % rt->worker_count]);
}

struct hc_port_owner *hc_port_owner_make(struct hc_runtime *rt, const struct hc_port_config *cfg)
{
	struct hc_port_owner *o;
	unsigned slot = 0;

	while (slot < HC_PORTS_OPEN_MAX && rt->port[slot])
		slot++;
	if (slot == HC_PORTS_OPEN_MAX)
		return NULL;
	o = calloc(1, sizeof *o);
	if (!o)
		return NULL;
	o->rt = rt;
	o->serial = rt->port_serial++;
	o->device_idx = -1;
	o->port.owner = o;
	o->port.queue_count = (uint16_t)cfg->queue_count;
	o->port.numa_node = worker_node(rt, cfg->near_worker);
	(void)snprintf(o->port.device, sizeof o->port.device, "%s", cfg->device);
	rt->port[slot] = &o->port;
	return o;
}

// The device of this string that is not open yet.
static int device_find(const struct hc_runtime *rt, const char *text)
{
	for (unsigned i = 0; i < rt->device_count; i++)
		if (strcmp(rt->device[i].text, text) == 0 && !rt->is_device_open[i])
			return (int)i;
	return -1;
}

static int attach_refused(const struct hc_runtime *rt, const struct hc_device *dev, int err,
			  char why[HC_WHY_SIZE])
{
	const char *said = rt->log.error[0] ? rt->log.error : strerror(-err);

	if (dev->form == HC_DEVICE_TAP)
		return hc_why(why, -EIO,
			      "The kernel did not give the TAP interface \"%s\" (%s): take a name "
			      "that is free, or one made by \"ip tuntap add NAME mode tap "
			      "multi_queue\", and run as root or by \"unshare -Urn\".",
			      dev->iface, said);
	if (dev->form == HC_DEVICE_MEMIF)
		return hc_why(why, -EIO,
			      "No memif could be made for \"%s\" (%s): see that the folder of the "
			      "socket is there and may be written to.",
			      dev->text, said);
	if (dev->form == HC_DEVICE_AF_PACKET || dev->form == HC_DEVICE_AF_XDP)
		return hc_why(why, -EIO,
			      "No socket could be opened on interface \"%s\" (%s): see that it is "
			      "up, and run as root.",
			      dev->iface, said);
	return hc_why(why, err == -ENOMEM ? -ENOMEM : -ENODEV,
		      "DPDK could not make the device \"%s\" (%s): see the driver's arguments in "
		      "DPDK's guide.",
		      dev->text, said);
}

static int vdev_attach(struct hc_port_owner *o, const struct hc_device *dev, unsigned queue_count,
		       char why[HC_WHY_SIZE])
{
	char args[HC_DEVICE_ARGS_SIZE];
	int err = hc_device_is_allowed(dev, why);

	if (err)
		return err;
	if (!hc_device_queue_args(dev, queue_count, args))
		return hc_why(why, -EINVAL, "The device string \"%s\" is too long.", dev->text);
	err = rte_eal_hotplug_add("vdev", dev->name, args);
	if (err)
		return attach_refused(o->rt, dev, err, why);
	o->is_vdev = true;
	return 0;
}

static int device_open(struct hc_port_owner *o, const struct hc_port_config *cfg,
		       char why[HC_WHY_SIZE])
{
	const struct hc_device *dev = &o->rt->device[o->device_idx];
	int err;

	o->is_soft = hc_device_is_soft(dev);
	o->rt->is_device_open[o->device_idx] = true;
	(void)snprintf(o->port.name, sizeof o->port.name, "%s", dev->name);
	if (dev->form != HC_DEVICE_PCI) {
		err = vdev_attach(o, dev, cfg->queue_count, why);
		if (err)
			return err;
	}
	if (rte_eth_dev_get_port_by_name(dev->name, &o->port.port_id) != 0)
		return hc_why(why, -ENODEV, "The device \"%s\" has no port: name another.",
			      dev->text);
	o->has_ethdev = true;
	if (strncmp(dev->name, "net_memif", strlen("net_memif")) == 0) {
		if (hc_gate_get(&o->rt->gate) != 0)
			return hc_why(why, -ENOMEM,
				      "There is no memory to watch over \"%s\": free some.",
				      dev->text);
		o->has_gate = true;
		o->port.gate = &o->rt->gate.lock;
	}
	if (dev->form == HC_DEVICE_PCI)
		o->port.numa_node = rte_eth_dev_socket_id(o->port.port_id);
	return hc_ethdev_start(o, cfg, why);
}

int hc_port_open(struct hc_runtime *rt, const struct hc_port_config *cfg, struct hc_port **out,
		 char why[HC_WHY_SIZE])
{
	int err = hc_port_config_check(cfg, why);
	int device_idx = device_find(rt, cfg->device);
	struct hc_port_owner *o;

	if (err)
		return err;
	if (strcmp(cfg->device, "ring") == 0)
		return hc_why(why, -EINVAL,
			      "A ring joins two ports of one process: it cannot be "
			      "opened alone; name a TAP, a memif or a card instead.");
	if (device_idx < 0)
		return hc_why(why, -ENODEV,
			      "\"%s\" was not named when the runtime started, or is "
			      "open already: name it once for each use.",
			      cfg->device);
	o = hc_port_owner_make(rt, cfg);
	if (!o)
		return hc_why(why, -ENOMEM, "There is no memory for another port: free some.");
	o->device_idx = device_idx;
	hc_dpdk_log_keep(&rt->log, rt->is_quiet);
	err = device_open(o, cfg, why);
	hc_dpdk_log_let(&rt->log, !rt->is_quiet);
	if (err)
		hc_port_owner_free(o);
	else
		*out = &o->port;
	return err;
}

static bool is_form(const struct hc_port_owner *o, enum hc_device_form form)
{
	return o->device_idx >= 0 && o->rt->device[o->device_idx].form == form;
}

void hc_port_info(const struct hc_port *port, struct hc_port_info *out)
{
	const struct hc_port_owner *o = port->owner;
	struct rte_eth_link link;

	*out = o->info;
	out->buffers_total = o->buffers_total;
	out->buffers_out = 0;
	out->keeps_buffers = is_form(o, HC_DEVICE_AF_XDP);
	for (unsigned i = 0; i < port->queue_count; i++)
		if (port->pool[i])
			out->buffers_out += rte_mempool_in_use_count(port->pool[i]);
	if (!o->has_ethdev)
		return;
	(void)snprintf(out->name, sizeof out->name, "%s", port->name);
	(void)snprintf(out->driver, sizeof out->driver, "%s", port->driver);
	memcpy(out->mac, port->mac, sizeof out->mac);
	out->numa_node = port->numa_node;
	out->has_rss = port->has_rss;
	out->has_rx_csum = port->has_rx_ip_csum && port->has_rx_tcp_csum;
	out->has_tx_csum = port->has_tx_csum;
	out->has_tso = port->has_tso;
	memset(&link, 0, sizeof link);
	if (rte_eth_link_get_nowait(port->port_id, &link) < 0)
		return;
	out->is_link_up = link.link_status == RTE_ETH_LINK_UP;
	out->link_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
}

void hc_port_losses(const struct hc_port *port, struct hc_port_losses *out)
{
	const struct hc_port_owner *o = port->owner;
	struct rte_eth_stats stats;

	*out = o->losses;
	if (!o->has_ethdev || rte_eth_stats_get(port->port_id, &stats) != 0)
		return;
	out->rx_missed = stats.imissed;
	out->rx_no_buffer = stats.rx_nombuf;
	out->rx_errors = stats.ierrors;
	out->tx_errors = stats.oerrors;
}

// Gives the device back. Removing a virtual one closes its port; either way the driver returns its
// buffers.
static void ethdev_stop(struct hc_port_owner *o)
{
	struct hc_port *port = &o->port;

	if (o->has_ethdev) {
		hc_port_losses(port, &o->losses);
		hc_port_info(port, &o->info);
	}
	// What the driver has heard of its peer is dealt with first, and nothing new while the
	// device goes: memif frees at the end of its peer what the removal frees, too.
	if (o->has_gate) {
		hc_gate_settle(&o->rt->gate);
		rte_rwlock_read_lock(port->gate);
	}
	if (o->is_started)
		(void)rte_eth_dev_stop(port->port_id);
	if (o->is_vdev)
		(void)rte_eal_hotplug_remove("vdev", port->name);
	else if (o->has_ethdev)
		(void)rte_eth_dev_close(port->port_id);
	if (o->has_gate) {
		rte_rwlock_read_unlock(port->gate);
		hc_gate_put(&o->rt->gate);
		port->gate = NULL;
		o->has_gate = false;
	}
	o->is_started = false;
	o->is_vdev = false;
	o->has_ethdev = false;
}

void hc_port_stop(struct hc_port *port)
{
	struct hc_port_owner *o = port->owner;

	hc_dpdk_log_keep(&o->rt->log, o->rt->is_quiet);
	ethdev_stop(o);
	hc_dpdk_log_let(&o->rt->log, !o->rt->is_quiet);
	for (unsigned i = 0; i < port->queue_count; i++)
		hc_ring_drain(port->redirect[i]);
	for (unsigned i = 0; i < HC_RING_QUEUES_MAX; i++) {
		hc_ring_drain(o->rx_ring[i]);
		hc_ring_drain(o->tx_ring[i]);
	}
}

// Frees what a stopped port has left. Its frames are back, wherever they were.
static void owner_release(struct hc_port_owner *o)
{
	for (unsigned i = 0; i < HC_PORTS_OPEN_MAX; i++)
		if (o->rt->port[i] == &o->port)
			o->rt->port[i] = NULL;
	// A closed port of a PCI device does not come back.
	if (o->device_idx >= 0 && o->rt->device[o->device_idx].form != HC_DEVICE_PCI)
		o->rt->is_device_open[o->device_idx] = false;
	for (unsigned i = 0; i < HC_RING_QUEUES_MAX; i++) {
		rte_ring_free(o->tx_ring[i]);
		if (o->owns_rx_rings)
			rte_ring_free(o->rx_ring[i]);
	}
	for (unsigned i = 0; i < o->port.queue_count; i++) {
		rte_ring_free(o->port.redirect[i]);
		rte_mempool_free(o->port.pool[i]);
	}
	free(o);
}

void hc_port_owner_free(struct hc_port_owner *o)
{
	struct hc_port_owner *peer = o->peer;

	hc_port_stop(&o->port);
	if (peer)
		hc_port_stop(&peer->port);
	owner_release(o);
	if (peer)
		owner_release(peer);
}

void hc_port_close(struct hc_port *port)
{
	struct hc_port_owner *o;

	if (!port)
		return;
	o = port->owner;
	hc_port_stop(port);
	o->is_closed = true;
	if (!o->peer || o->peer->is_closed)
		hc_port_owner_free(o);
}
