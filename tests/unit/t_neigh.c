// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Neighbours: who is asked, who is answered, and what waits meanwhile.

#include "fx_stack.h"

#include <string.h>

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t mac_a[6] = {2, 0, 0, 0, 1, 1};

static void clients(struct hc_stack_config *cfg)
{
	cfg->clients = (struct hc_prefix){.addr = 0x0a010000, .len = 28};
}

static const struct fx_out *expect_arp(unsigned op, uint32_t src, uint32_t dst)
{
	const struct fx_out *o = fx_next();

	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	UNIT_EQ(o->view.kind, FRAME_KIND_ARP);
	UNIT_EQ(o->view.op, op);
	UNIT_EQ(o->view.src, src);
	UNIT_EQ(o->view.dst, dst);
	return o;
}

static unsigned connect_to(uint32_t addr, unsigned n)
{
	const struct hc_connect_args args = {.remote_addr = addr, .remote_port = 7};
	static const uint32_t cookie[8];

	return hc_connect(fx.worker, &args, cookie, NULL, n);
}

static void a_host_announces_itself_at_the_start(void)
{
	const struct fx_options o = {.is_stranger = true};

	fx_open(&o);
	UNIT_EQ_BYTES(expect_arp(1, FX_LOCAL, FX_LOCAL)->bytes, everybody, 6);
	fx_expect_silence();
	fx_shut();
}

static void clients_on_the_network(struct hc_stack_config *cfg)
{
	cfg->clients = (struct hc_prefix){.addr = 0x0a000040, .len = 28};
}

static void source_addresses_on_the_network_are_announced(void)
{
	const struct fx_options o = {.is_stranger = true, .set_cfg = clients_on_the_network};

	fx_open(&o);
	(void)expect_arp(1, FX_LOCAL, FX_LOCAL);
	// The first and the last are nobody's.
	for (uint32_t addr = 0x0a000041; addr < 0x0a00004f; addr++)
		UNIT_EQ_BYTES(expect_arp(1, addr, addr)->bytes, everybody, 6);
	fx_expect_silence();
	fx_wait_ms(100);
	fx_expect_silence();
	fx_shut();
}

static void many_clients_on_the_network(struct hc_stack_config *cfg)
{
	cfg->local_prefix_len = 16;
	cfg->clients = (struct hc_prefix){.addr = 0x0a000400, .len = 23};
	cfg->tuple_cap = 512;
}

static void many_source_addresses_are_announced_at_a_pace(void)
{
	const struct fx_options o = {.is_stranger = true, .set_cfg = many_clients_on_the_network};
	unsigned count = 0;

	fx_open(&o);
	UNIT_EQ(fx_ctr(HC_CTR_arp_requests_sent), 1 + 255 + 16); // The first millisecond's with it.
	fx_forget();
	fx_wait_ms(1);
	UNIT_EQ(fx_ctr(HC_CTR_arp_requests_sent), 1 + 255 + 2 * 16);
	fx_wait_ms(100);
	UNIT_EQ(fx_ctr(HC_CTR_arp_requests_sent), 1 + 510);
	for (const struct fx_out *out; (out = fx_next()); count++)
		UNIT_EQ(out->view.src, 0x0a000400 + 272 + count);
	UNIT_EQ(count, 510 - 255 - 16);
	fx_shut();
}

static void every_address_of_ours_is_answered_for(void)
{
	const struct fx_options o = {.set_cfg = clients};

	fx_open(&o);
	for (uint32_t i = 0; i < 17; i++) {
		uint32_t addr = i < 16 ? 0x0a010000 + i : FX_LOCAL;
		const struct fx_out *reply;

		fx_put_arp(1, FX_PEER, addr, fx.peer_mac);
		fx_step();
		reply = expect_arp(2, addr, FX_PEER);
		UNIT_EQ_BYTES(reply->bytes, fx.peer_mac, 6);
		UNIT_EQ_BYTES(reply->bytes + 22, fx.port[0]->mac, 6);
	}
	fx_put_arp(1, FX_PEER, 0x0a010010, fx.peer_mac);
	fx_put_arp(1, FX_PEER, 0x0a000003, fx.peer_mac);
	fx_put_arp(1, 0x0a000009, 0x0a000003, mac_a);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_arp_not_for_us), 1); // The peer we know: its address is merged.
	UNIT_EQ(fx_ctr(HC_CTR_arp_replies_sent), 18);
	fx_shut();
}

static void packets_wait_for_an_answer_up_to_a_bound(void)
{
	const struct fx_options o = {.is_stranger = true};

	fx_open(&o);
	fx_forget();
	UNIT_EQ(connect_to(FX_PEER, 6), 6);
	fx_step();
	UNIT_EQ_BYTES(expect_arp(1, FX_LOCAL, FX_PEER)->bytes, everybody, 6);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tx_unresolved), 2);
	fx_put_arp(2, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_step();
	for (unsigned i = 0; i < 4; i++)
		UNIT_EQ_BYTES(fx.out[i].bytes, fx.peer_mac, 6);
	for (unsigned i = 0; i < 4; i++)
		(void)fx_expect_tcp(FRAME_SYN);
	fx_expect_silence();
	fx_shut();
}

static void a_silent_neighbour_is_asked_thrice_and_given_up(void)
{
	const struct fx_options o = {.is_stranger = true};
	uint64_t asked_ns[3];

	fx_open(&o);
	fx_forget();
	UNIT_EQ(connect_to(FX_PEER, 1), 1);
	fx_step();
	fx_wait_ms(3500);
	for (unsigned i = 0; i < 3; i++)
		asked_ns[i] = expect_arp(1, FX_LOCAL, FX_PEER)->at_ns;
	// RFC 1122 2.3.2.1: at most once a second.
	CU_ASSERT(asked_ns[1] - asked_ns[0] >= 1000 * FX_MS);
	CU_ASSERT(asked_ns[2] - asked_ns[1] >= 1000 * FX_MS);
	UNIT_EQ(fx_ctr(HC_CTR_arp_failed), 1);
	CU_ASSERT(fx_ctr(HC_CTR_tx_unresolved) >= 1);
	CU_ASSERT_PTR_NULL(fx_next());
	// The next retransmission asks again.
	fx_wait_ms(5000);
	(void)expect_arp(1, FX_LOCAL, FX_PEER);
	fx_shut();
}

static void few_syns(struct hc_stack_config *cfg)
{
	cfg->syn_retries = 2;
}

static void a_connection_to_a_silent_neighbour_ends_unreachable(void)
{
	const struct fx_options o = {.is_stranger = true, .set_cfg = few_syns};

	fx_open(&o);
	fx_forget();
	UNIT_EQ(connect_to(FX_PEER, 1), 1);
	fx_wait_ms(8000);
	fx_expect_reason(HC_EV_FAILED, HC_REASON_UNREACHABLE);
	UNIT_EQ(fx_ctr(HC_CTR_conn_failed_unreachable), 1);
	fx_shut();
}

static void short_ttl(struct hc_stack_config *cfg)
{
	cfg->arp_ttl_ms = 5000;
}

static void an_old_neighbour_is_asked_by_unicast_and_used_on(void)
{
	const struct fx_options o = {.set_cfg = short_ttl};

	fx_open(&o);
	fx_wait_ms(4999);
	CU_ASSERT_PTR_NULL(fx_next());
	fx_wait_ms(3);
	UNIT_EQ_BYTES(expect_arp(1, FX_LOCAL, FX_PEER)->bytes, fx.peer_mac, 6);
	UNIT_EQ(connect_to(FX_PEER, 1), 1);
	fx_step();
	(void)fx_expect_tcp(FRAME_SYN);
	// It answers: good for as long again.
	fx_put_arp(2, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_step();
	fx_wait_ms(900);
	UNIT_EQ(fx_ctr(HC_CTR_arp_requests_sent), 2);
	// It does not: by broadcast at the next packet after it was given up.
	fx_forget();
	fx_wait_ms(9000);
	UNIT_EQ(fx_ctr(HC_CTR_arp_failed), 1);
	fx_forget();
	UNIT_EQ(connect_to(FX_PEER, 1), 1);
	fx_step();
	UNIT_EQ_BYTES(expect_arp(1, FX_LOCAL, FX_PEER)->bytes, everybody, 6);
	fx_shut();
}

static void a_neighbour_that_moved_is_followed(void)
{
	fx_open(NULL);
	fx_put_arp(1, FX_PEER, FX_PEER, mac_a); // Its announcement.
	fx_step();
	fx_forget();
	UNIT_EQ(connect_to(FX_PEER, 1), 1);
	fx_step();
	UNIT_EQ_BYTES(fx.out[0].bytes, mac_a, 6);
	fx_shut();
}

static void a_conflict_is_counted_and_defended_now_and_then(void)
{
	fx_open(NULL);
	fx_put_arp(2, FX_LOCAL, FX_PEER, mac_a);
	fx_step();
	UNIT_EQ_BYTES(expect_arp(1, FX_LOCAL, FX_LOCAL)->bytes, everybody, 6);
	fx_wait_ms(9000);
	fx_put_arp(1, FX_LOCAL, FX_LOCAL, mac_a);
	fx_step();
	fx_expect_silence();
	fx_wait_ms(1000);
	fx_put_arp(1, FX_LOCAL, FX_PEER, mac_a);
	fx_step();
	(void)expect_arp(1, FX_LOCAL, FX_LOCAL);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_arp_conflict), 3);
	fx_shut();
}

static void our_own_announcement_is_no_conflict(void)
{
	uint8_t frame[64];
	uint32_t len = frame_write_arp(frame);

	fx_open(NULL);
	memcpy(frame + 22, fx.port[0]->mac, 6);
	frame_put32(frame + 28, FX_LOCAL);
	fx_put(frame, len);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_arp_conflict), 0);
	fx_shut();
}

static void a_probe_is_answered_and_teaches_nothing(void)
{
	const struct fx_options o = {.is_stranger = true};
	uint32_t before;

	fx_open(&o);
	fx_forget();
	before = fx.worker->neighs.count;
	fx_put_arp(1, 0, FX_LOCAL, mac_a);
	fx_put_arp(1, 0, 0x0a000063, mac_a);
	fx_step();
	UNIT_EQ_BYTES(expect_arp(2, FX_LOCAL, 0)->bytes, mac_a, 6);
	fx_expect_silence();
	UNIT_EQ(fx.worker->neighs.count, before);
	UNIT_EQ(fx_ctr(HC_CTR_arp_not_for_us), 1);
	fx_shut();
}

static void a_malformed_packet_is_dropped_for_each_field(void)
{
	static const struct {
		uint8_t at, len;
		uint32_t value;
		enum hc_counter drop;
	} bad[] = {
		{14, 2, 6, HC_CTR_arp_malformed},
		{16, 2, 0x86dd, HC_CTR_arp_malformed},
		{18, 1, 7, HC_CTR_arp_malformed},
		{19, 1, 16, HC_CTR_arp_malformed},
		{20, 2, 0, HC_CTR_arp_malformed},
		{20, 2, 3, HC_CTR_arp_malformed},
		{22, 1, 3, HC_CTR_arp_bad_sender},
		{28, 4, 0x7f000001, HC_CTR_arp_bad_sender},
		{28, 4, 0xe0000001, HC_CTR_arp_bad_sender},
		{28, 4, 0xffffffff, HC_CTR_arp_bad_sender},
	};

	fx_open(NULL);
	for (unsigned i = 0; i < HC_ARRAY_LEN(bad); i++) {
		uint64_t before = fx_ctr(bad[i].drop);
		uint8_t frame[64];
		uint32_t len = frame_write_arp(frame);

		for (unsigned n = 0; n < bad[i].len; n++)
			frame[bad[i].at + n] = (uint8_t)(bad[i].value >> 8 * (bad[i].len - 1u - n));
		fx_put(frame, len);
		fx_step();
		UNIT_EQ(fx_ctr(bad[i].drop), before + 1);
	}
	fx_put_arp(2, 0, FX_LOCAL, mac_a); // A reply from nowhere.
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_arp_bad_sender), 5);
	fx_expect_silence();
	fx_shut();
}

static void a_reply_that_nobody_asked_for_teaches_nothing(void)
{
	uint32_t before;

	fx_open(NULL);
	before = fx.worker->neighs.count;
	fx_put_arp(2, 0x0a000009, FX_LOCAL, mac_a);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_arp_unsolicited), 1);
	UNIT_EQ(fx.worker->neighs.count, before);
	fx_shut();
}

static void a_full_table_takes_over_who_never_answered(void)
{
	fx_open(NULL); // The peer has one of four entries.
	for (uint32_t i = 0; i < 3; i++)
		UNIT_EQ(connect_to(0x0a000010 + i, 1), 1);
	fx_step();
	fx_forget();
	UNIT_EQ(connect_to(0x0a000020, 1), 1);
	fx_step();
	(void)expect_arp(1, FX_LOCAL, 0x0a000020);
	UNIT_EQ(fx_ctr(HC_CTR_tx_unresolved), 1);
	UNIT_EQ(fx_ctr(HC_CTR_arp_no_memory), 0);
	fx_shut();
}

static void a_table_full_of_good_neighbours_takes_no_more(void)
{
	fx_open(NULL);
	for (uint32_t i = 0; i < 3; i++)
		fx_put_arp(1, 0x0a000010 + i, FX_LOCAL, mac_a);
	fx_put_arp(1, 0x0a000020, FX_LOCAL, mac_a);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_arp_no_memory), 1);
	UNIT_EQ(fx_ctr(HC_CTR_arp_replies_sent), 1 + 4); // Answered all the same.
	fx_forget();
	UNIT_EQ(connect_to(0x0a000021, 1), 1);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tx_no_route), 1);
	fx_shut();
}

static void who_lives_elsewhere_is_nobody_without_a_gateway(void)
{
	fx_open(NULL);
	UNIT_EQ(connect_to(0x08080808, 1), 1);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tx_no_route), 1);
	fx_shut();
}

static void gateway(struct hc_stack_config *cfg)
{
	cfg->gateway = 0x0a0000fe;
}

static void who_lives_elsewhere_is_reached_by_the_gateway(void)
{
	const struct fx_options o = {.set_cfg = gateway, .is_stranger = true};

	fx_open(&o);
	(void)expect_arp(1, FX_LOCAL, FX_LOCAL);
	(void)expect_arp(1, FX_LOCAL, 0x0a0000fe);
	fx_put_arp(2, 0x0a0000fe, FX_LOCAL, mac_a);
	fx_step();
	fx_forget();
	UNIT_EQ(connect_to(0x08080808, 1), 1);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_SYN)->dst, 0x08080808);
	UNIT_EQ_BYTES(fx.out[0].bytes, mac_a, 6);
	fx_shut();
}

UNIT_SUITE(neigh, UNIT_TEST(a_host_announces_itself_at_the_start),
	   UNIT_TEST(source_addresses_on_the_network_are_announced),
	   UNIT_TEST(many_source_addresses_are_announced_at_a_pace),
	   UNIT_TEST(every_address_of_ours_is_answered_for),
	   UNIT_TEST(packets_wait_for_an_answer_up_to_a_bound),
	   UNIT_TEST(a_silent_neighbour_is_asked_thrice_and_given_up),
	   UNIT_TEST(a_connection_to_a_silent_neighbour_ends_unreachable),
	   UNIT_TEST(an_old_neighbour_is_asked_by_unicast_and_used_on),
	   UNIT_TEST(a_neighbour_that_moved_is_followed),
	   UNIT_TEST(a_conflict_is_counted_and_defended_now_and_then),
	   UNIT_TEST(our_own_announcement_is_no_conflict),
	   UNIT_TEST(a_probe_is_answered_and_teaches_nothing),
	   UNIT_TEST(a_malformed_packet_is_dropped_for_each_field),
	   UNIT_TEST(a_reply_that_nobody_asked_for_teaches_nothing),
	   UNIT_TEST(a_full_table_takes_over_who_never_answered),
	   UNIT_TEST(a_table_full_of_good_neighbours_takes_no_more),
	   UNIT_TEST(who_lives_elsewhere_is_nobody_without_a_gateway),
	   UNIT_TEST(who_lives_elsewhere_is_reached_by_the_gateway));
