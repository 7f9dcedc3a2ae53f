// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Workers and their port: several workers that share one, whose flow is whose, source tuples that
// bring answers home, and checksums that the port does.

#include "fx_stack.h"

#include <string.h>

#include <rte_mbuf.h>
#include <rte_thash.h>

#include "stack/tuple.h"

static const uint8_t rss_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static unsigned connect_on(unsigned q, unsigned n)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	static const uint32_t cookie[16];

	return hc_connect(fx.w[q], &args, cookie, NULL, n);
}

static void a_frame_at_the_wrong_queue_is_passed_to_its_worker(void)
{
	const struct fx_options o = {.queue_count = 2};
	unsigned owner_count[2] = {0};

	fx_open(&o);
	(void)fx_listen(0);
	for (unsigned i = 0; i < 8; i++) {
		struct fx_peer p = fx_peer_new();
		const struct fx_out *out;

		p.port = (uint16_t)(p.port + i);
		fx_peer_put(&p, FRAME_SYN, 0); // All at queue 0.
		fx_step();
		fx_step();
		out = fx_next();
		CU_ASSERT_PTR_NOT_NULL_FATAL(out);
		owner_count[out->queue]++;
		p.ack = out->view.seq + 1;
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		fx_step();
		(void)fx_expect_event(HC_EV_ACCEPTED);
		fx_expect_silence();
	}
	CU_ASSERT(owner_count[0] > 0 && owner_count[1] > 0);
	UNIT_EQ(fx.w[0]->ctr[HC_CTR_rx_redirected], 2 * owner_count[1]);
	UNIT_EQ(fx.w[1]->ctr[HC_CTR_conn_established_passive], owner_count[1]);
	CU_ASSERT(fx.w[1]->ctr[HC_CTR_rx_from_workers] >= 2 * owner_count[1]);
	fx_shut();
}

// What is not for us is dropped where it came, and takes no room on the way to others.
static void a_frame_that_may_not_be_is_not_passed_on(void)
{
	const struct fx_options o = {.queue_count = 2};

	fx_open(&o);
	(void)fx_listen(0);
	for (unsigned i = 0; i < 32; i++) {
		struct fx_peer p = fx_peer_new();

		p.port = (uint16_t)(p.port + i);
		if (i % 2)
			p.addr = 0x7f000001;
		else
			p.local_addr = FX_LOCAL + 100;
		fx_peer_put(&p, FRAME_SYN, 0);
		fx_step();
	}
	UNIT_EQ(fx_ctr(HC_CTR_rx_redirected), 0);
	UNIT_EQ(fx.w[0]->ctr[HC_CTR_ip_not_for_us], 16);
	UNIT_EQ(fx.w[0]->ctr[HC_CTR_ip_bad_source], 16);
	fx_expect_silence();
	fx_shut();
}

static void every_worker_learns_what_arp_says_at_one_queue(void)
{
	const struct fx_options o = {.queue_count = 2};

	fx_open(&o);
	UNIT_EQ(fx.w[1]->ctr[HC_CTR_arp_requests_sent], 0); // One speaks for the host,
	UNIT_EQ(fx_ctr(HC_CTR_arp_replies_sent), 1);        // ... and one answers.
	for (unsigned q = 0; q < 2; q++)
		UNIT_EQ(connect_on(q, 1), 1);
	fx_step();
	for (unsigned i = 0; i < 2; i++) {
		const struct fx_out *out = fx_next();

		CU_ASSERT_PTR_NOT_NULL_FATAL(out);
		UNIT_EQ(out->view.flags, FRAME_SYN);
		UNIT_EQ_BYTES(out->bytes, fx.peer_mac, 6);
	}
	fx_expect_silence();
	fx_shut();
}

static void a_full_ring_between_workers_drops_by_name(void)
{
	const struct fx_options o = {.queue_count = 2, .buffer_count = 8191};
	struct fx_peer p = fx_peer_new();
	struct hc_event ev[64];
	unsigned filled = 0;

	fx_open(&o);
	while (true) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(fx.port[1]->pool[0]);

		if (!m)
			break;
		if (rte_ring_enqueue(fx.port[0]->redirect[1], m) != 0) {
			rte_pktmbuf_free(m);
			break;
		}
		filled++;
	}
	CU_ASSERT(filled > 0);
	for (unsigned i = 0; i < 16; i++, p.port++) {
		fx_peer_put(&p, FRAME_ACK, 0);
		if (i % 8 == 7)
			UNIT_EQ(hc_step(fx.w[0], fx.now_ns, ev, 64), 0);
	}
	CU_ASSERT(fx_ctr(HC_CTR_redirect_dropped) > 0);
	for (; filled; filled--) {
		void *m = NULL;

		UNIT_EXPECT(rte_ring_dequeue(fx.port[0]->redirect[1], &m) == 0);
		rte_pktmbuf_free(m);
	}
	fx_step();
	fx_forget();
	fx_shut();
}

static void many_tuples(struct hc_stack_config *cfg)
{
	cfg->clients = (struct hc_prefix){.addr = 0x0a010000, .len = 30};
	cfg->tuple_cap = 4 * 1024;
}

static void a_source_tuple_brings_the_answer_to_its_own_worker(void)
{
	const struct fx_options o = {.queue_count = 2, .set_cfg = many_tuples};

	fx_open(&o);
	for (unsigned q = 0; q < 2; q++)
		UNIT_EQ(connect_on(q, 8), 8);
	fx_step();
	UNIT_EQ(fx.out_count, 16);
	for (unsigned i = 0; i < 16; i++) {
		const struct frame_view *v = &fx.out[i].view;
		struct hc_flow_key key = {
			.local_be = hc_to_be32(v->src),
			.remote_be = hc_to_be32(v->dst),
			.lport_be = hc_to_be16(v->sport),
			.rport_be = hc_to_be16(v->dport),
		};

		UNIT_EQ(hc_flow_owner(fx.w[0], &key), fx.out[i].queue);
		// The first and the last address of a prefix are nobody's.
		CU_ASSERT(v->src == 0x0a010001 || v->src == 0x0a010002);
	}
	fx_forget();
	fx_shut();
}

static void a_plenty_of_tuples(struct hc_stack_config *cfg)
{
	cfg->tuple_cap = 16384;
}

// The next tuple; with `is_held` it stays in use until give_tuples_back().
static uint32_t take_tuple(bool is_held)
{
	struct hc_flow_key key = {.remote_be = hc_to_be32(FX_PEER), .rport_be = hc_to_be16(80)};
	uint32_t slot = hc_tuple_take(fx.worker, &key);

	if (slot != HC_TUPLE_NONE && is_held)
		fx.worker->tuples.slot[slot] = hc_ref_make(HC_REF_TCB, 0);
	return slot;
}

static void give_tuples_back(void)
{
	for (uint32_t i = 0; i < fx.worker->tuples.count; i++)
		fx.worker->tuples.slot[i] = HC_REF_NONE;
}

static void held_tuples_do_not_stop_those_that_come_and_go(void)
{
	const struct fx_options o = {.set_cfg = a_plenty_of_tuples};
	unsigned refused = 0;

	fx_open(&o);
	for (unsigned i = 0; i < 8192; i++)
		UNIT_EXPECT(take_tuple(true) != HC_TUPLE_NONE);
	// Three turns of the cursor through what is left.
	for (unsigned i = 0; i < 3 * 8192; i++)
		refused += take_tuple(false) == HC_TUPLE_NONE;
	UNIT_EQ(refused, 0);
	give_tuples_back();
	fx_shut();
}

static uint64_t seed_of_the_day;

static void another_seed(struct hc_stack_config *cfg)
{
	cfg->tuple_cap = 16384;
	cfg->seed = seed_of_the_day;
}

static void tuples_begin_where_the_seed_says(void)
{
	const struct fx_options o = {.set_cfg = another_seed};
	uint32_t first[4];

	for (unsigned i = 0; i < 4; i++) {
		seed_of_the_day = 1 + i % 3;
		fx_open(&o);
		first[i] = fx.worker->tuples.cursor;
		// Who sees the first port learns nothing about the secret.
		CU_ASSERT(first[i] != (fx.worker->env.secret.k[2] & 0xffffffff) * 16384 >> 32);
		fx_shut();
	}
	CU_ASSERT(first[0] != first[1] && first[1] != first[2] && first[2] != first[0]);
	UNIT_EQ(first[3], first[0]);
}

static void a_search_that_cannot_succeed_becomes_short(void)
{
	const struct fx_options o = {.set_cfg = a_plenty_of_tuples};
	uint32_t before;

	fx_open(&o);
	for (unsigned i = 0; i < 16384; i++)
		UNIT_EXPECT(take_tuple(true) != HC_TUPLE_NONE);
	UNIT_EQ(take_tuple(true), HC_TUPLE_NONE); // Here all that was saved is spent.
	before = fx.worker->tuples.cursor;
	UNIT_EQ(take_tuple(true), HC_TUPLE_NONE);
	UNIT_EQ((fx.worker->tuples.cursor - before) % 16384, HC_TUPLE_TRIES_MAX);
	give_tuples_back();
	fx_shut();
}

static void spread_by_rss(struct hc_port *port)
{
	port->has_rss = true;
	memcpy(port->rss_key, rss_key, sizeof rss_key);
	port->rss_key_len = sizeof rss_key;
	port->reta_size = 128;
	for (unsigned i = 0; i < 128; i++)
		port->reta[i] = (uint16_t)(i * 7 / 5 % 2);
}

static void with_rss_the_tuple_is_chosen_by_the_ports_hash(void)
{
	const struct fx_options o = {.queue_count = 2, .set_port = spread_by_rss};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	for (unsigned q = 0; q < 2; q++)
		UNIT_EQ(connect_on(q, 8), 8);
	fx_step();
	UNIT_EQ(fx.out_count, 16);
	for (unsigned i = 0; i < 16; i++) {
		const struct frame_view *v = &fx.out[i].view;
		// What the peer will send, as the port hashes it: the reference, not the fast one.
		uint32_t tuple[3] = {v->dst, v->src, (uint32_t)v->dport << 16 | v->sport};
		uint32_t hash = rte_softrss(tuple, 3, rss_key);

		UNIT_EQ(fx.port[0]->reta[hash % 128], fx.out[i].queue);
	}
	fx_forget();
	// Nothing is passed on: the port has decided.
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_rx_redirected), 0);
	fx_forget();
	fx_shut();
}

static void a_local_listener_keeps_its_port(void)
{
	const struct hc_listen_args args = {.port = 1030, .backlog = 1};

	fx_open(NULL);
	UNIT_EQ(hc_listen(fx.worker, &args), 0);
	for (unsigned i = 0; i < 15; i++)
		UNIT_EQ(connect_on(0, 1), 1);
	fx_step();
	for (unsigned i = 0; i < 15; i++)
		CU_ASSERT(fx.out[i].view.sport != 1030);
	fx_forget();
	fx_shut();
}

static void port_writes_checksums(struct hc_port *port)
{
	port->has_tx_csum = true;
}

static void checksums_left_to_the_port_are_marked_and_prepared(void)
{
	const struct fx_options o = {.set_port = port_writes_checksums};
	const uint64_t flags =
		RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	struct fx_peer p = fx_peer_new();
	uint8_t echo[FRAME_MAX];
	uint32_t len;
	hc_conn conn;

	fx_open(&o); // Every frame out is judged for the pseudo header's sum.
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, "odd", 3, 0), 3);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_PSH | FRAME_ACK)->payload_len, 3);
	UNIT_EQ(fx.out_count, 3);
	for (unsigned i = 0; i < fx.out_count; i++) {
		UNIT_EQ(fx.out[i].ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, flags);
		UNIT_EQ(fx.out[i].l2_len, 14);
		UNIT_EQ(fx.out[i].l3_len, 20);
		UNIT_EQ(fx.out[i].l4_len, fx.out[i].len - 34 - fx.out[i].view.payload_len);
	}
	fx_forget();
	// What is not TCP carries its own.
	len = frame_write_echo(echo, 1, 1, NULL, 0);
	memset(echo, 0, 6);
	fx_put(echo, len);
	fx_put_arp(1, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_step();
	UNIT_EQ(fx.out_count, 2);
	for (unsigned i = 0; i < fx.out_count; i++)
		UNIT_EQ(fx.out[i].ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, 0);
	fx_forget();
	fx_shut();
}

static void port_verifies_checksums(struct hc_port *port)
{
	port->has_rx_ip_csum = true;
	port->has_rx_tcp_csum = true;
}

// A SYN with both checksums wrong, as a port of this kind would hand it up.
static void put_bad_syn(uint64_t ol_flags, bool ip_is_bad)
{
	struct fx_peer p = fx_peer_new();
	struct frame_tcp f = fx_peer_frame(&p, FRAME_SYN, 0);
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_tcp(frame, &f);

	frame[FRAME_L4 + 17] ^= 1;
	frame[FRAME_IP + 11] ^= ip_is_bad;
	fx.rx_ol_flags = ol_flags;
	fx_put(frame, len);
	fx_step();
	fx.rx_ol_flags = 0;
}

static void a_checksum_is_believed_when_the_port_says_good_and_only_then(void)
{
	const uint64_t both = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	const struct fx_options o = {.set_port = port_verifies_checksums};

	fx_open(&o);
	(void)fx_listen(0);
	put_bad_syn(0, true); // Unknown: looked at.
	UNIT_EQ(fx_ctr(HC_CTR_ip_bad_csum), 1);
	put_bad_syn(RTE_MBUF_F_RX_IP_CKSUM_GOOD, true);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_bad_csum), 1);
	put_bad_syn(RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD, true);
	UNIT_EQ(fx_ctr(HC_CTR_ip_bad_csum), 2);
	put_bad_syn(RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, false);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_bad_csum), 2);
	fx_expect_silence();
	put_bad_syn(both, true);
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	fx_shut();
	// A port that does not verify is not believed, whatever its flags.
	fx_open(NULL);
	(void)fx_listen(0);
	put_bad_syn(both, true);
	UNIT_EQ(fx_ctr(HC_CTR_ip_bad_csum), 1);
	fx_expect_silence();
	fx_shut();
}

static void a_port_that_is_full_gets_the_rest_later(void)
{
	const struct fx_options o = {.ring_desc = 64, .buffer_count = 4095};
	struct hc_event ev[16 * HC_EVENTS_PER_FRAME];
	uint8_t frame[64];
	uint32_t len = frame_write_arp(frame);
	unsigned replies = 0;

	fx_open(&o);
	memset(frame, 0xff, 6);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 30; i++)
			fx_put(frame, len);
		UNIT_EQ(hc_step(fx.worker, fx.now_ns, ev, HC_ARRAY_LEN(ev)), 0);
		hc_flush(fx.worker); // Nobody takes what the port has.
		while (hc_step(fx.worker, fx.now_ns, ev, HC_ARRAY_LEN(ev)) != 0)
			CU_FAIL("an event of nothing");
	}
	CU_ASSERT(fx_ctr(HC_CTR_tx_dropped) > 0);
	for (unsigned i = 0; i < 40; i++) {
		fx_step();
		replies += fx.out_count;
		fx_forget();
	}
	UNIT_EQ(replies + fx_ctr(HC_CTR_tx_dropped), fx_ctr(HC_CTR_arp_replies_sent) - 1);
	fx_shut();
}

UNIT_SUITE(sharing, UNIT_TEST(a_frame_at_the_wrong_queue_is_passed_to_its_worker),
	   UNIT_TEST(a_frame_that_may_not_be_is_not_passed_on),
	   UNIT_TEST(every_worker_learns_what_arp_says_at_one_queue),
	   UNIT_TEST(a_full_ring_between_workers_drops_by_name),
	   UNIT_TEST(a_source_tuple_brings_the_answer_to_its_own_worker),
	   UNIT_TEST(held_tuples_do_not_stop_those_that_come_and_go),
	   UNIT_TEST(a_search_that_cannot_succeed_becomes_short),
	   UNIT_TEST(tuples_begin_where_the_seed_says),
	   UNIT_TEST(with_rss_the_tuple_is_chosen_by_the_ports_hash),
	   UNIT_TEST(a_local_listener_keeps_its_port),
	   UNIT_TEST(checksums_left_to_the_port_are_marked_and_prepared),
	   UNIT_TEST(a_checksum_is_believed_when_the_port_says_good_and_only_then),
	   UNIT_TEST(a_port_that_is_full_gets_the_rest_later));
