// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Brings an ethdev port to life, in ethdev's order: look at what it offers, make buffers,
// configure, set up queues, set the MTU, start, and read back what it really does.
//
// Buffers: one pool per queue, on the port's NUMA node, big enough that a frame of the MTU lies in
// one buffer. MBUF_FAST_FREE is never asked for: the stack keeps references to frames it may have
// to retransmit, which that offload forbids.
//
// RSS: only where it is real. Drivers in software either spread nothing (ring, memif) or spread by
// rules of the kernel's (tap, af_packet, af_xdp), and net_tap advertises RSS all the same, so for
// them has_rss is false and workers redirect. A card counts once its key and table can be read
// back.
//
// Checksums: on where IPv4 and TCP are both offered, but net_tap's only for what it cuts itself.
// They are software inside the driver, and where a sum comes to zero they say 0xffff for 0 (22.11),
// which receivers take and analysers call wrong; ours cost the same and are right.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/base.h"
#include "io/buffers.h"
#include "io/port_owner.h"
#include "io/why.h"

#define LINK_WAIT_NIC_MS    9000u // Ethernet's negotiation may take that long.
#define LINK_WAIT_MEMIF_MS  4000u // For a server that is about to start.
#define LINK_AGAIN_MEMIF_MS 1000u // A handshake with one that is there takes a third of that.
#define LINK_POLL_MS        10u
#define REDIRECT_RING_CAP   2048u
#define TAP_CUT_BUFFERS_MAX 32u
#define L2_OVERHEAD         26u // Ethernet header, two VLAN tags, FCS.

#define RX_CSUM_WANTED (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define TX_CSUM_WANTED (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)

// Cutting takes checksums, and chains of buffers to cut.
#define TX_TSO_WANTED (TX_CSUM_WANTED | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

// Any key would do, as the stack reads back what the port took. This is the one of the published
// RSS verification suite, known to spread well, and as many bytes more for ports with longer keys.
static const uint8_t rss_key[64] = {
	// clang-format off
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
	0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
	0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, 0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15,
	0xbf, 0x58, 0x47, 0x6d, 0x1c, 0xe4, 0xe5, 0xb9, 0x94, 0xd0, 0x49, 0xbb, 0x13, 0x31, 0x11, 0xeb,
	// clang-format on
};

// What is asked of the port, worked out from what it offers.
struct setup {
	struct rte_eth_dev_info dev;
	struct rte_eth_conf conf;
	uint8_t key[64];
	uint8_t key_len;
	uint16_t rx_desc;
	uint16_t tx_desc;
	uint16_t mtu;
};

// "... (DPDK's own words)" if it said any.
static const char *said(const struct hc_port_owner *o, int err)
{
	return o->rt->log.error[0] ? o->rt->log.error : strerror(-err);
}

static bool is_net_tap(const struct rte_eth_dev_info *dev)
{
	return strcmp(dev->driver_name, "net_tap") == 0;
}

static bool can_rss(const struct hc_port_owner *o, const struct rte_eth_dev_info *dev)
{
	return !o->is_soft && o->port.queue_count > 1 && dev->reta_size > 0 &&
	       dev->reta_size <= HC_RETA_MAX && dev->reta_size % RTE_ETH_RETA_GROUP_SIZE == 0 &&
	       dev->hash_key_size <= sizeof rss_key &&
	       (dev->flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0;
}

static void setup_rss(const struct hc_port_owner *o, struct setup *s)
{
	if (!can_rss(o, &s->dev))
		return;
	s->key_len = s->dev.hash_key_size ? s->dev.hash_key_size : 40;
	memcpy(s->key, rss_key, sizeof s->key);
	s->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	s->conf.rx_adv_conf.rss_conf.rss_key = s->key;
	s->conf.rx_adv_conf.rss_conf.rss_key_len = s->key_len;
	s->conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
}

static void setup_offloads(const struct hc_port_config *cfg, struct setup *s)
{
	// Chained buffers: a header of ours before data of the application's.
	s->conf.txmode.offloads = s->dev.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (cfg->no_offload)
		return;
	s->conf.rxmode.offloads = s->dev.rx_offload_capa & RX_CSUM_WANTED;
	if ((s->dev.tx_offload_capa & TX_CSUM_WANTED) == TX_CSUM_WANTED && !is_net_tap(&s->dev))
		s->conf.txmode.offloads |= TX_CSUM_WANTED;
	if ((s->dev.tx_offload_capa & TX_TSO_WANTED) == TX_TSO_WANTED && !cfg->no_tso)
		s->conf.txmode.offloads |= TX_TSO_WANTED;
}

static int setup_make(const struct hc_port_owner *o, const struct hc_port_config *cfg,
		      struct setup *s, char why[HC_WHY_SIZE])
{
	const struct hc_port *port = &o->port;
	unsigned desc = cfg->ring_desc      ? cfg->ring_desc
			: o->device_idx < 0 ? HC_RING_DESC_DEFAULT
					    : HC_NIC_DESC_DEFAULT;
	int err = rte_eth_dev_info_get(port->port_id, &s->dev);

	if (err)
		return hc_why(why, -EIO,
			      "Port %s does not describe itself (%s): restart, or name "
			      "another device.",
			      port->device, said(o, err));
	if (port->queue_count > s->dev.max_rx_queues || port->queue_count > s->dev.max_tx_queues)
		return hc_why(why, -EINVAL,
			      "Port %s has %u receive and %u transmit queues, %u "
			      "were asked for: use fewer cores.",
			      port->device, s->dev.max_rx_queues, s->dev.max_tx_queues,
			      port->queue_count);
	s->rx_desc = (uint16_t)desc;
	s->tx_desc = (uint16_t)desc;
	s->mtu = cfg->mtu ? cfg->mtu : HC_MTU_DEFAULT;
	if (s->dev.max_mtu && s->mtu > s->dev.max_mtu)
		return hc_why(why, -EINVAL,
			      "Port %s takes an MTU of at most %u, %u was asked "
			      "for.",
			      port->device, s->dev.max_mtu, s->mtu);
	s->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	s->conf.rxmode.mtu = s->mtu;
	setup_rss(o, s);
	setup_offloads(cfg, s);
	return 0;
}

static int pools_make(struct hc_port_owner *o, const struct hc_port_config *cfg,
		      const struct setup *s, char why[HC_WHY_SIZE])
{
	uint32_t count = cfg->buffer_count ? cfg->buffer_count
					   : HC_BUFFERS_SPARE_DEFAULT + s->rx_desc + s->tx_desc;
	uint32_t room = hc_max_u32(s->mtu + L2_OVERHEAD, RTE_MBUF_DEFAULT_DATAROOM);

	room = hc_max_u32((room + 63u) & ~63u, s->dev.min_rx_bufsize);
	for (unsigned i = 0; i < o->port.queue_count; i++) {
		char name[RTE_MEMPOOL_NAMESIZE];

		(void)snprintf(name, sizeof name, "hc_buf_%u_%u", o->serial, i);
		o->port.pool[i] = hc_buffers_make(name, count, room + RTE_PKTMBUF_HEADROOM,
						  o->port.numa_node, o->rt->has_hugepages);
		if (!o->port.pool[i])
			return hc_why(why, -ENOMEM,
				      "There is no memory for %u packet buffers of "
				      "%u bytes on queue %u of port %s: reserve more hugepages, or "
				      "ask for fewer buffers.",
				      count, room, i, o->port.device);
		o->buffers_total += count;
	}
	return 0;
}

static int queues_refused(const struct hc_port_owner *o, int err, char why[HC_WHY_SIZE])
{
	bool is_xdp = o->device_idx >= 0 && o->rt->device[o->device_idx].form == HC_DEVICE_AF_XDP;

	if (is_xdp)
		return hc_why(why, -EPERM,
			      "Port %s could not set up its XDP sockets (%s): they take a root "
			      "outside of user namespaces and memory to lock, \"ulimit -l "
			      "unlimited\".",
			      o->port.device, said(o, err));
	return hc_why(why, err == -ENOMEM ? -ENOMEM : -EIO,
		      "Port %s refused its %u queues (%s): try one core, another number of "
		      "descriptors, or a smaller MTU.",
		      o->port.device, o->port.queue_count, said(o, err));
}

static int queues_make(struct hc_port_owner *o, struct setup *s, char why[HC_WHY_SIZE])
{
	struct hc_port *port = &o->port;
	unsigned node = rte_eth_dev_socket_id(port->port_id) >= 0
				? (unsigned)rte_eth_dev_socket_id(port->port_id)
				: (unsigned)SOCKET_ID_ANY;
	struct rte_eth_rxconf rx = s->dev.default_rxconf;
	struct rte_eth_txconf tx = s->dev.default_txconf;
	int err = rte_eth_dev_configure(port->port_id, port->queue_count, port->queue_count,
					&s->conf);

	if (!err)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &s->rx_desc, &s->tx_desc);
	rx.offloads = s->conf.rxmode.offloads;
	tx.offloads = s->conf.txmode.offloads;
	for (unsigned i = 0; i < port->queue_count && !err; i++) {
		err = rte_eth_rx_queue_setup(port->port_id, (uint16_t)i, s->rx_desc, node, &rx,
					     port->pool[i]);
		if (!err)
			err = rte_eth_tx_queue_setup(port->port_id, (uint16_t)i, s->tx_desc, node,
						     &tx);
	}
	return err ? queues_refused(o, err, why) : 0;
}

// Drivers without an MTU of their own take frames of any length that a buffer takes.
static int mtu_set(struct hc_port_owner *o, const struct setup *s, char why[HC_WHY_SIZE])
{
	uint16_t now = 0;
	int err = rte_eth_dev_get_mtu(o->port.port_id, &now);

	o->port.mtu = s->mtu;
	if (!err && now == s->mtu)
		return 0;
	err = rte_eth_dev_set_mtu(o->port.port_id, s->mtu);
	if (!err || err == -ENOTSUP)
		return 0;
	return hc_why(why, -EINVAL, "Port %s refused an MTU of %u (%s): give one it takes.",
		      o->port.device, s->mtu, said(o, err));
}

// Asks the port for the table we want and reads back the one it has; the stack goes by the latter.
static bool reta_read(struct hc_port *port, uint16_t reta_size)
{
	struct rte_eth_rss_reta_entry64 group[HC_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];

	memset(group, 0, sizeof group);
	for (unsigned i = 0; i < reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *g = &group[i / RTE_ETH_RETA_GROUP_SIZE];

		g->mask = UINT64_MAX;
		g->reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % port->queue_count);
	}
	// A port with a fixed table refuses; what it has is what counts.
	(void)rte_eth_dev_rss_reta_update(port->port_id, group, reta_size);
	if (rte_eth_dev_rss_reta_query(port->port_id, group, reta_size) != 0)
		return false;
	for (unsigned i = 0; i < reta_size; i++) {
		port->reta[i] =
			group[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
		if (port->reta[i] >= port->queue_count)
			return false;
	}
	port->reta_size = reta_size;
	return true;
}

static bool rss_read(struct hc_port *port, const struct setup *s)
{
	struct rte_eth_rss_conf conf = {.rss_key = port->rss_key, .rss_key_len = s->key_len};

	if (s->conf.rxmode.mq_mode != RTE_ETH_MQ_RX_RSS)
		return false;
	if (rte_eth_dev_rss_hash_conf_get(port->port_id, &conf) != 0 ||
	    (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) == 0)
		return false;
	port->rss_key_len = conf.rss_key_len ? conf.rss_key_len : s->key_len;
	return reta_read(port, s->dev.reta_size);
}

// net_tap takes a frame that is to be cut only if what comes out, Ethernet header and all, is no
// longer than the MTU, and makes at most 64 segments of it; what is more blocks its queue (22.11).
static void tso_read(struct hc_port_owner *o, const struct setup *s)
{
	bool cuts_to_mtu = is_net_tap(&s->dev);
	uint16_t most = s->dev.tx_desc_lim.nb_seg_max;

	o->port.has_tso = (s->conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0;
	o->port.cut_frame_max = (uint16_t)(s->mtu + (cuts_to_mtu ? 0 : RTE_ETHER_HDR_LEN));
	o->port.cut_buffers_max = most ? most : UINT16_MAX;
	if (cuts_to_mtu && o->port.cut_buffers_max > TAP_CUT_BUFFERS_MAX)
		o->port.cut_buffers_max = TAP_CUT_BUFFERS_MAX;
	// One that takes no chains cuts none of ours.
	if (o->port.cut_buffers_max < 2)
		o->port.has_tso = false;
}

static bool is_zero_mac(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return memcmp(mac, zero, sizeof zero) == 0;
}

// Our address on the link. Ring ports have none and get one of ours. The kernel's end of a TAP has
// the driver's address, so ours has to differ: a bridge drops frames that come from its own
// address. A TAP has no address filter, so the driver need not know.
static void mac_choose(struct hc_port_owner *o)
{
	struct rte_ether_addr addr = {{0}};
	bool is_tap = o->device_idx >= 0 && o->rt->device[o->device_idx].form == HC_DEVICE_TAP;

	(void)rte_eth_macaddr_get(o->port.port_id, &addr);
	memcpy(o->port.mac, addr.addr_bytes, sizeof o->port.mac);
	if (is_zero_mac(o->port.mac)) {
		const uint8_t mac[6] = {
			0x02, 'h', 'c', 0, (uint8_t)(o->serial >> 8), (uint8_t)o->serial};

		memcpy(o->port.mac, mac, sizeof mac);
	} else if (is_tap) {
		o->port.mac[5] ^= 1;
	}
}

static bool is_memif_client(const struct hc_port_owner *o)
{
	const struct hc_device *dev = o->device_idx < 0 ? NULL : &o->rt->device[o->device_idx];

	return dev && o->has_gate && !strstr(dev->args, "role=server");
}

static bool is_link_up(const struct hc_port_owner *o)
{
	struct rte_eth_link link;

	memset(&link, 0, sizeof link);
	return rte_eth_link_get_nowait(o->port.port_id, &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_UP;
}

// Waits for the link of a card. @return whether it is there.
static bool link_wait(const struct hc_port_owner *o, unsigned wait_ms)
{
	const struct timespec pause = {.tv_nsec = LINK_POLL_MS * 1000000L};

	for (unsigned ms = 0; ms < wait_ms && !is_link_up(o); ms += LINK_POLL_MS)
		(void)nanosleep(&pause, NULL);
	return is_link_up(o);
}

// A memif is up when both sides are there. The client asks when it starts, once; a server that has
// its socket already and is not started itself yet says no. So the client asks again.
static int memif_link_wait(struct hc_port_owner *o, char why[HC_WHY_SIZE])
{
	int err = 0;

	for (unsigned ms = 0; ms < LINK_WAIT_MEMIF_MS && !err; ms += LINK_AGAIN_MEMIF_MS) {
		if (link_wait(o, LINK_AGAIN_MEMIF_MS))
			return 0;
		hc_gate_settle(&o->rt->gate);
		rte_rwlock_read_lock(o->port.gate);
		(void)rte_eth_dev_stop(o->port.port_id);
		err = rte_eth_dev_start(o->port.port_id);
		rte_rwlock_read_unlock(o->port.gate);
		o->is_started = !err;
	}
	return hc_why(why, -EIO,
		      "The server of \"%s\" does not answer: start it first, and see that no "
		      "other client has it.",
		      o->port.device);
}

static int redirects_make(struct hc_port_owner *o, char why[HC_WHY_SIZE])
{
	for (unsigned i = 0; i < o->port.queue_count && o->port.queue_count > 1; i++) {
		char name[RTE_RING_NAMESIZE];

		(void)snprintf(name, sizeof name, "hc_redir_%u_%u", o->serial, i);
		o->port.redirect[i] = rte_ring_create(
			name, REDIRECT_RING_CAP,
			o->rt->has_hugepages ? o->port.numa_node : SOCKET_ID_ANY, RING_F_SC_DEQ);
		if (!o->port.redirect[i])
			return hc_why(why, -ENOMEM,
				      "There is no memory for the rings between "
				      "workers of port %s: reserve more hugepages.",
				      o->port.device);
	}
	return 0;
}

static int start(struct hc_port_owner *o, const struct hc_port_config *cfg, char why[HC_WHY_SIZE])
{
	int err = rte_eth_dev_start(o->port.port_id);

	if (err && is_memif_client(o))
		return hc_why(why, -EIO, "\"%s\" has no server yet: start that side first.",
			      o->port.device);
	if (err)
		return hc_why(why, err == -ENOMEM ? -ENOMEM : -EIO,
			      "Port %s does not start (%s): see that nothing else uses it.",
			      o->port.device, said(o, err));
	o->is_started = true;
	if (!cfg->is_promiscuous)
		return 0;
	err = rte_eth_promiscuous_enable(o->port.port_id);
	if (err && err != -ENOTSUP)
		return hc_why(why, -EIO, "Port %s does not become promiscuous (%s): do without.",
			      o->port.device, said(o, err));
	return 0;
}

int hc_ethdev_start(struct hc_port_owner *o, const struct hc_port_config *cfg,
		    char why[HC_WHY_SIZE])
{
	struct hc_port *port = &o->port;
	struct setup s;
	int err;

	memset(&s, 0, sizeof s);
	err = setup_make(o, cfg, &s, why);
	if (!err)
		err = pools_make(o, cfg, &s, why);
	if (!err)
		err = redirects_make(o, why);
	if (!err)
		err = queues_make(o, &s, why);
	if (!err)
		err = mtu_set(o, &s, why);
	if (!err)
		err = start(o, cfg, why);
	if (err)
		return err;
	port->has_rx_ip_csum = (s.conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
	port->has_rx_tcp_csum = (s.conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0;
	port->has_tx_csum =
		(s.conf.txmode.offloads & TX_CSUM_WANTED) == TX_CSUM_WANTED && !is_net_tap(&s.dev);
	port->has_rss = rss_read(port, &s);
	tso_read(o, &s);
	(void)snprintf(port->driver, sizeof port->driver, "%s", s.dev.driver_name);
	mac_choose(o);
	if (is_memif_client(o)) {
		hc_gate_hurry(&o->rt->gate, true);
		err = memif_link_wait(o, why);
		hc_gate_hurry(&o->rt->gate, false);
		return err;
	}
	// Drivers in software have theirs at once, and a memif's server does not wait for a client.
	if (!o->is_soft)
		(void)link_wait(o, LINK_WAIT_NIC_MS);
	return 0;
}
