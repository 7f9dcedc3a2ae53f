// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Ports: pairs of rings, single ring ports, virtual devices, their limits and their end. Real
// ethdev ports in a process without hugepages and without privileges.

#include "stack/port.h"

#include "fx_runtime.h"
#include "runner.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "base/base.h"
#include "io/runtime.h"
#include "io/sim.h"

static char why[HC_WHY_SIZE];

static struct hc_port_config fx_config(const char *device, unsigned queue_count)
{
	return (struct hc_port_config){
		.device = device, .queue_count = queue_count, .buffer_count = 1023};
}

static void open_pair(const struct hc_port_config *cfg, struct hc_port *pair[2])
{
	int err = hc_port_open_pair(fx_runtime(), cfg, pair, why);

	if (err)
		CU_FAIL(why);
	UNIT_EQ(err, 0);
	CU_ASSERT_FATAL(err == 0);
}

static uint32_t buffers_out(const struct hc_port *port)
{
	struct hc_port_info info;

	hc_port_info(port, &info);
	return info.buffers_out;
}

static unsigned put_frame(const struct hc_port *port, uint16_t queue, struct rte_mbuf *m)
{
	return hc_port_tx(port->gate, port->port_id, queue, &m, 1);
}

// Takes one frame and frees it. @return its first byte, -1 when there is none.
static int get_frame(const struct hc_port *port, uint16_t queue)
{
	struct rte_mbuf *m;
	int first;

	if (hc_port_rx(port->gate, port->port_id, queue, &m, 1) == 0)
		return -1;
	first = *rte_pktmbuf_mtod(m, uint8_t *);
	rte_pktmbuf_free(m);
	return first;
}

static void what_one_of_a_pair_sends_the_other_receives_in_order(void)
{
	struct hc_port_config cfg = fx_config("ring", 2);
	struct hc_port *pair[2];

	open_pair(&cfg, pair);
	for (unsigned from = 0; from < 2; from++) {
		for (unsigned i = 0; i < 10; i++)
			UNIT_EQ(put_frame(pair[from], (uint16_t)(i % 2),
					  fx_frame(pair[from], 60, i)),
				1);
		for (unsigned i = 0; i < 10; i++)
			UNIT_EQ(get_frame(pair[1 - from], (uint16_t)(i % 2)), i);
		UNIT_EQ(get_frame(pair[1 - from], 0), -1);
		UNIT_EQ(get_frame(pair[from], 0), -1);
		UNIT_EQ(buffers_out(pair[from]), 0);
	}
	hc_port_close(pair[0]);
	hc_port_close(pair[1]);
}

static void the_ports_of_a_pair_are_two_hosts_without_offloads(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);
	struct hc_port_info info[2];
	struct hc_port_losses losses;
	struct hc_port *pair[2];

	open_pair(&cfg, pair);
	for (unsigned i = 0; i < 2; i++) {
		hc_port_info(pair[i], &info[i]);
		UNIT_EQ(info[i].buffers_total, 1023);
		CU_ASSERT(info[i].is_link_up && !info[i].has_rss && !info[i].has_rx_csum &&
			  !info[i].has_tx_csum && !info[i].keeps_buffers);
		CU_ASSERT_STRING_EQUAL(info[i].driver, "net_ring");
		CU_ASSERT_STRING_EQUAL(info[i].name, pair[i]->name);
		// Unicast, locally administered, not zero.
		UNIT_EQ(info[i].mac[0] & 3, 2);
		UNIT_EQ_BYTES(info[i].mac, pair[i]->mac, 6);
		UNIT_EQ(pair[i]->mtu, 1500);
		hc_port_losses(pair[i], &losses);
		UNIT_EQ(losses.rx_missed + losses.rx_no_buffer + losses.rx_errors +
				losses.tx_errors,
			0);
	}
	CU_ASSERT(memcmp(info[0].mac, info[1].mac, 6) != 0);
	CU_ASSERT(strcmp(info[0].name, info[1].name) != 0);
	hc_port_close(pair[1]);
	hc_port_close(pair[0]);
}

static void a_full_ring_takes_no_more(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);
	struct hc_port *pair[2];
	struct rte_mbuf *m;

	cfg.ring_desc = 64;
	open_pair(&cfg, pair);
	for (unsigned i = 0; i < 63; i++)
		UNIT_EQ(put_frame(pair[0], 0, fx_frame(pair[0], 60, i)), 1);
	m = fx_frame(pair[0], 60, 63);
	UNIT_EQ(put_frame(pair[0], 0, m), 0);
	UNIT_EQ(get_frame(pair[1], 0), 0);
	UNIT_EQ(put_frame(pair[0], 0, m), 1);
	hc_port_close(pair[0]);
	hc_port_close(pair[1]);
}

static void a_stop_takes_back_what_lies_in_queues(void)
{
	struct hc_port_config cfg = fx_config("ring", 2);
	struct rte_mbuf *kept;
	struct hc_port *pair[2];
	struct hc_port_info info;

	open_pair(&cfg, pair);
	for (unsigned i = 0; i < 10; i++) {
		UNIT_EQ(put_frame(pair[0], (uint16_t)(i % 2), fx_frame(pair[0], 60, i)), 1);
		UNIT_EQ(put_frame(pair[1], 1, fx_frame(pair[1], 60, i)), 1);
		UNIT_EQ(rte_ring_enqueue(pair[1]->redirect[0], fx_frame(pair[0], 60, i)), 0);
	}
	kept = fx_frame(pair[0], 60, 0);
	UNIT_EQ(buffers_out(pair[0]), 21);
	UNIT_EQ(buffers_out(pair[1]), 10);
	hc_port_stop(pair[0]);
	hc_port_stop(pair[1]);
	// The frame still in our hands is told as a leak, and nothing else.
	UNIT_EQ(buffers_out(pair[0]), 1);
	UNIT_EQ(buffers_out(pair[1]), 0);
	rte_pktmbuf_free(kept);
	UNIT_EQ(buffers_out(pair[0]), 0);
	// It still says who it was.
	hc_port_info(pair[0], &info);
	CU_ASSERT_STRING_EQUAL(info.driver, "net_ring");
	UNIT_EQ(info.buffers_total, 2046);
	hc_port_stop(pair[0]);
	hc_port_close(pair[0]);
	hc_port_close(pair[1]);
}

static void one_of_a_pair_outlives_the_other(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);
	struct hc_port *pair[2];
	struct rte_mbuf *m;

	open_pair(&cfg, pair);
	m = fx_frame(pair[0], 60, 0);
	hc_port_close(pair[0]);
	// The pool of the closed port is there as long as the pair.
	rte_pktmbuf_free(m);
	m = fx_frame(pair[1], 60, 0);
	rte_pktmbuf_free(m);
	hc_port_close(pair[1]);
	hc_port_close(NULL);
}

static void workers_share_rings_when_queues_are_several(void)
{
	struct hc_port_config cfg = fx_config("ring", 3);
	struct hc_port *pair[2];

	open_pair(&cfg, pair);
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(pair[0]->redirect[i]);
		// Several producers, one consumer.
		UNIT_EQ(rte_ring_is_prod_single(pair[0]->redirect[i]), 0);
		UNIT_EQ(rte_ring_is_cons_single(pair[0]->redirect[i]), 1);
	}
	CU_ASSERT_PTR_NULL(pair[0]->redirect[3]);
	hc_port_close(pair[0]);
	hc_port_close(pair[1]);
	cfg.queue_count = 1;
	open_pair(&cfg, pair);
	CU_ASSERT_PTR_NULL(pair[0]->redirect[0]);
	hc_port_close(pair[0]);
	hc_port_close(pair[1]);
}

static void ports_can_be_opened_again_and_again(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);
	struct hc_port *pair[2];

	cfg.buffer_count = 63;
	for (unsigned i = 0; i < 50; i++) {
		open_pair(&cfg, pair);
		hc_port_close(pair[i % 2]);
		hc_port_close(pair[1 - i % 2]);
	}
}

static void more_ports_than_dpdk_has_are_refused(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);
	struct hc_port *pair[RTE_MAX_ETHPORTS][2];
	unsigned count = 0;
	int err = 0;

	cfg.buffer_count = 63;
	cfg.ring_desc = 16;
	for (; !err && count < RTE_MAX_ETHPORTS; count += !err)
		err = hc_port_open_pair(fx_runtime(), &cfg, pair[count], why);
	UNIT_EQ(count, RTE_MAX_ETHPORTS / 2);
	UNIT_EQ(err, -EIO);
	CU_ASSERT(strstr(why, "fewer cores") != NULL);
	while (count-- > 0) {
		hc_port_close(pair[count][0]);
		hc_port_close(pair[count][1]);
	}
	open_pair(&cfg, pair[0]);
	hc_port_close(pair[0][0]);
	hc_port_close(pair[0][1]);
}

static void a_pool_has_the_buffers_asked_for(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);
	struct rte_mbuf *m[64];
	struct hc_port *pair[2];

	cfg.buffer_count = 63;
	open_pair(&cfg, pair);
	for (unsigned i = 0; i < 63; i++)
		m[i] = fx_frame(pair[0], 60, i);
	CU_ASSERT_PTR_NULL(rte_pktmbuf_alloc(pair[0]->pool[0]));
	UNIT_EQ(buffers_out(pair[0]), 63);
	rte_pktmbuf_free_bulk(m, 63);
	hc_port_close(pair[0]);
	hc_port_close(pair[1]);
}

static void a_frame_of_the_mtu_lies_in_one_buffer(void)
{
	static const uint16_t mtu[] = {68, 1500, 2048, 9600};

	for (unsigned i = 0; i < HC_ARRAY_LEN(mtu); i++) {
		struct hc_port_config cfg = fx_config("ring", 1);
		struct hc_port *pair[2];

		cfg.mtu = mtu[i];
		cfg.buffer_count = 63;
		open_pair(&cfg, pair);
		UNIT_EQ(pair[0]->mtu, mtu[i]);
		CU_ASSERT(rte_pktmbuf_data_room_size(pair[0]->pool[0]) >=
			  RTE_PKTMBUF_HEADROOM + RTE_ETHER_HDR_LEN + mtu[i]);
		hc_port_close(pair[0]);
		hc_port_close(pair[1]);
	}
}

static void the_memory_told_beforehand_is_enough(void)
{
	struct rte_malloc_socket_stats before, after;
	struct hc_port_config cfg = fx_config("ring", 2);
	struct hc_port *pair[2];
	uint64_t taken;

	(void)fx_runtime();
	cfg.buffer_count = 8191;
	UNIT_EQ(rte_malloc_get_socket_stats(0, &before), 0);
	open_pair(&cfg, pair);
	UNIT_EQ(rte_malloc_get_socket_stats(0, &after), 0);
	taken = after.heap_allocsz_bytes - before.heap_allocsz_bytes;
	CU_ASSERT(taken > 0 && taken <= hc_port_memory_bytes(&cfg));
	CU_ASSERT(hc_port_memory_bytes(&cfg) < taken + taken / 2);
	hc_port_close(pair[0]);
	hc_port_close(pair[1]);
	UNIT_EQ(rte_malloc_get_socket_stats(0, &after), 0);
	UNIT_EQ(after.heap_allocsz_bytes, before.heap_allocsz_bytes);
}

static void pair_is_refused(struct hc_port_config cfg, int expected)
{
	struct hc_port *pair[2];

	why[0] = '\0';
	UNIT_EQ(hc_port_open_pair(fx_runtime(), &cfg, pair, why), expected);
	CU_ASSERT(strlen(why) > 20 && why[strlen(why) - 1] == '.');
}

static void port_is_refused(struct hc_port_config cfg, int expected)
{
	struct hc_port *port;

	why[0] = '\0';
	UNIT_EQ(hc_port_open(fx_runtime(), &cfg, &port, why), expected);
	CU_ASSERT(strlen(why) > 20 && why[strlen(why) - 1] == '.');
}

static void impossible_ports_are_refused(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);

	port_is_refused(cfg, -EINVAL);
	pair_is_refused(fx_config("net_null0", 1), -EINVAL);
	pair_is_refused(fx_config("ring", 0), -EINVAL);
	pair_is_refused(fx_config("ring", 17), -EINVAL);
	pair_is_refused(fx_config("ring", HC_QUEUES_MAX + 1), -EINVAL);
	cfg.mtu = 67;
	pair_is_refused(cfg, -EINVAL);
	cfg.mtu = 9601;
	pair_is_refused(cfg, -EINVAL);
	cfg.mtu = 0;
	cfg.buffer_count = 50000000;
	pair_is_refused(cfg, -ENOMEM);
	port_is_refused(fx_config("net_null9", 1), -ENODEV);
	port_is_refused(fx_config("net_null1,nonsense=1", 1), -ENODEV);
}

static void virtual_devices_open_as_often_as_they_were_named(void)
{
	struct hc_port_config cfg = fx_config("net_null0", 1);
	struct hc_port_info info;
	struct hc_port *port;

	for (unsigned i = 0; i < 3; i++) {
		int err = hc_port_open(fx_runtime(), &cfg, &port, why);

		UNIT_EQ(err, 0);
		CU_ASSERT_FATAL(err == 0);
		hc_port_info(port, &info);
		CU_ASSERT_STRING_EQUAL(info.name, "net_null0");
		CU_ASSERT_STRING_EQUAL(info.driver, "net_null");
		CU_ASSERT_STRING_EQUAL(port->device, "net_null0");
		CU_ASSERT(!info.has_rss);
		hc_port_stop(port);
		UNIT_EQ(buffers_out(port), 0);
		hc_port_close(port);
	}
}

static void a_memif_carries_frames_between_its_ends(void)
{
	struct hc_port_config cfg = fx_config("", 1);
	struct hc_port *server, *client;
	struct hc_port_info info;
	struct rte_mbuf *m;
	unsigned sent = 0;
	int got = -1;
	int err;

	(void)fx_runtime();
	cfg.device = fx_memif_server;
	err = hc_port_open(fx_runtime(), &cfg, &server, why);
	UNIT_EQ(err, 0);
	CU_ASSERT_FATAL(err == 0);
	cfg.device = fx_memif_client;
	err = hc_port_open(fx_runtime(), &cfg, &client, why);
	UNIT_EQ(err, 0);
	CU_ASSERT_FATAL(err == 0);
	hc_port_info(client, &info);
	CU_ASSERT(info.is_link_up);
	CU_ASSERT(memcmp(client->mac, server->mac, 6) != 0);
	// A burst that finds the gate shut does nothing, so both are tried again.
	m = fx_frame(client, 60, 42);
	for (unsigned tries = 0; tries < 1000000 && sent == 0; tries++) {
		sent = put_frame(client, 0, m);
		(void)sched_yield();
	}
	UNIT_EQ(sent, 1);
	for (unsigned tries = 0; tries < 1000000 && got < 0; tries++) {
		got = get_frame(server, 0);
		(void)sched_yield();
	}
	UNIT_EQ(got, 42);
	hc_port_stop(client);
	hc_port_stop(server);
	UNIT_EQ(buffers_out(client), 0);
	UNIT_EQ(buffers_out(server), 0);
	hc_port_close(client);
	hc_port_close(server);
}

static bool is_link_up(const struct hc_port *port)
{
	struct hc_port_info info;

	hc_port_info(port, &info);
	return info.is_link_up;
}

static bool await_link(const struct hc_port *port, bool is_up)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (unsigned ms = 0; ms < 5000 && is_link_up(port) != is_up; ms++)
		(void)nanosleep(&pause, NULL);
	return is_link_up(port) == is_up;
}

static bool is_polling_over;
static unsigned frames_polled;

// What a worker does all the time.
static void *poll_port(void *arg)
{
	const struct hc_port *port = arg;

	while (!__atomic_load_n(&is_polling_over, __ATOMIC_ACQUIRE))
		frames_polled += get_frame(port, 0) >= 0;
	return NULL;
}

static void a_memif_may_lose_its_peer_while_it_is_polled(void)
{
	struct hc_port_config cfg = fx_config("", 1);
	struct hc_port *server, *client;
	struct rte_mbuf *frame;
	pthread_t thread;
	int err;

	(void)fx_runtime();
	cfg.device = fx_memif_lost_server;
	err = hc_port_open(fx_runtime(), &cfg, &server, why);
	if (err)
		CU_FAIL(why);
	CU_ASSERT_FATAL(err == 0);
	cfg.device = fx_memif_lost_client;
	frames_polled = 0;
	is_polling_over = false;
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, poll_port, server) == 0);
	for (unsigned i = 0; i < 5; i++) {
		CU_ASSERT_FATAL(hc_port_open(fx_runtime(), &cfg, &client, why) == 0);
		CU_ASSERT(await_link(server, true));
		frame = fx_frame(client, 60, 1);
		while (put_frame(client, 0, frame) != 1)
			;
		hc_port_close(client);
		CU_ASSERT(await_link(server, false));
	}
	__atomic_store_n(&is_polling_over, true, __ATOMIC_RELEASE);
	CU_ASSERT(pthread_join(thread, NULL) == 0);
	CU_ASSERT(frames_polled > 0);
	hc_port_stop(server);
	UNIT_EQ(buffers_out(server), 0);
	hc_port_close(server);
}

// Starts a memif that is there already, after a while.
static void *start_late(void *arg)
{
	const struct timespec pause = {.tv_nsec = 400000000};
	const struct rte_eth_conf conf = {0};
	struct rte_mempool *pool = rte_mempool_lookup("hc_late");
	uint16_t port = *(const uint16_t *)arg;
	int err;

	(void)nanosleep(&pause, NULL);
	err = rte_eth_dev_configure(port, 1, 1, &conf);
	err |= rte_eth_rx_queue_setup(port, 0, 256, 0, NULL, pool);
	err |= rte_eth_tx_queue_setup(port, 0, 256, 0, NULL);
	err |= rte_eth_dev_start(port);
	return err ? arg : NULL;
}

static void a_memif_client_asks_until_its_server_has_started(void)
{
	struct hc_port_config cfg = fx_config(fx_memif_late_client, 1);
	struct rte_mempool *pool;
	struct hc_port *client;
	struct hc_gate *gate;
	void *failed = NULL;
	pthread_t thread;
	uint16_t server;
	char args[128];
	int err;

	gate = &fx_runtime()->gate;
	cfg.device = fx_memif_late_client;
	CU_ASSERT(hc_port_open(fx_runtime(), &cfg, &client, why) == -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "has no server"));

	(void)snprintf(args, sizeof args, "role=server,id=0,socket=%s,socket-abstract=yes",
		       fx_memif_late_client + strlen("memif:"));
	CU_ASSERT_FATAL(hc_gate_get(gate) == 0);
	CU_ASSERT_FATAL(rte_eal_hotplug_add("vdev", "net_memif77", args) == 0);
	CU_ASSERT_FATAL(rte_eth_dev_get_port_by_name("net_memif77", &server) == 0);
	pool = rte_pktmbuf_pool_create("hc_late", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, start_late, &server) == 0);
	err = hc_port_open(fx_runtime(), &cfg, &client, why);
	if (err)
		CU_FAIL(why);
	CU_ASSERT_FATAL(err == 0);
	CU_ASSERT(is_link_up(client));
	CU_ASSERT(pthread_join(thread, &failed) == 0);
	CU_ASSERT_PTR_NULL(failed);
	hc_port_close(client);
	// As hc_port_close() does: nothing of the peer is dealt with while the server goes.
	hc_gate_settle(gate);
	rte_rwlock_read_lock(&gate->lock);
	(void)rte_eth_dev_stop(server);
	CU_ASSERT(rte_eal_hotplug_remove("vdev", "net_memif77") == 0);
	rte_rwlock_read_unlock(&gate->lock);
	hc_gate_put(gate);
	rte_mempool_free(pool);
}

static void the_wire_of_a_sim_port_is_in_hand(void)
{
	struct hc_port_config cfg = fx_config("ring", 1);
	struct hc_sim_port sp;
	void *m = NULL;
	int err = hc_sim_port_open(fx_runtime(), &cfg, &sp, why);

	UNIT_EQ(err, 0);
	CU_ASSERT_FATAL(err == 0);
	UNIT_EQ(rte_ring_enqueue(sp.to_port, fx_frame(sp.port, 60, 5)), 0);
	UNIT_EQ(get_frame(sp.port, 0), 5);
	UNIT_EQ(put_frame(sp.port, 0, fx_frame(sp.port, 60, 6)), 1);
	UNIT_EQ(rte_ring_dequeue(sp.from_port, &m), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	UNIT_EQ(*rte_pktmbuf_mtod((struct rte_mbuf *)m, uint8_t *), 6);
	rte_pktmbuf_free(m);
	// Frames left on the wire come back with the stop.
	UNIT_EQ(rte_ring_enqueue(sp.to_port, fx_frame(sp.port, 60, 7)), 0);
	UNIT_EQ(put_frame(sp.port, 0, fx_frame(sp.port, 60, 8)), 1);
	UNIT_EQ(buffers_out(sp.port), 2);
	hc_port_stop(sp.port);
	UNIT_EQ(buffers_out(sp.port), 0);
	hc_port_close(sp.port);
}

UNIT_SUITE(port, UNIT_TEST(what_one_of_a_pair_sends_the_other_receives_in_order),
	   UNIT_TEST(the_ports_of_a_pair_are_two_hosts_without_offloads),
	   UNIT_TEST(a_full_ring_takes_no_more), UNIT_TEST(a_stop_takes_back_what_lies_in_queues),
	   UNIT_TEST(one_of_a_pair_outlives_the_other),
	   UNIT_TEST(workers_share_rings_when_queues_are_several),
	   UNIT_TEST(ports_can_be_opened_again_and_again),
	   UNIT_TEST(more_ports_than_dpdk_has_are_refused),
	   UNIT_TEST(a_pool_has_the_buffers_asked_for),
	   UNIT_TEST(a_frame_of_the_mtu_lies_in_one_buffer),
	   UNIT_TEST(the_memory_told_beforehand_is_enough), UNIT_TEST(impossible_ports_are_refused),
	   UNIT_TEST(virtual_devices_open_as_often_as_they_were_named),
	   UNIT_TEST(a_memif_carries_frames_between_its_ends),
	   UNIT_TEST(a_memif_may_lose_its_peer_while_it_is_polled),
	   UNIT_TEST(a_memif_client_asks_until_its_server_has_started),
	   UNIT_TEST(the_wire_of_a_sim_port_is_in_hand));
