// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Our own addresses by RFC 5227: what is sent when, and who else's they turn out to be.

#include "fx_stack.h"

#include <errno.h>
#include <string.h>

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t nobody[6];
static const uint8_t mac_a[6] = {2, 0, 0, 0, 1, 1};

static void with_probe(struct hc_stack_config *cfg)
{
	cfg->has_arp_probe = true;
	cfg->arp_announcements = 2;
}

static const struct fx_options probing = {.set_cfg = with_probe, .is_stranger = true};

static const struct fx_out *expect_request(uint32_t spa, uint32_t tpa)
{
	const struct fx_out *o = fx_next();

	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	UNIT_EQ(o->view.kind, FRAME_KIND_ARP);
	UNIT_EQ(o->view.op, 1);
	UNIT_EQ(o->view.src, spa);
	UNIT_EQ(o->view.dst, tpa);
	UNIT_EQ_BYTES(o->bytes, everybody, 6);
	UNIT_EQ_BYTES(o->bytes + 22, fx.port[0]->mac, 6);
	UNIT_EQ_BYTES(o->bytes + 32, nobody, 6);
	return o;
}

static enum hc_claim_state state_of(const struct hc_worker *w)
{
	struct hc_claim c;

	hc_worker_claim(w, &c);
	return c.state;
}

static uint32_t since_ms(uint64_t from_ns, uint64_t to_ns)
{
	return (uint32_t)((to_ns - from_ns) / FX_MS);
}

static int try_to_connect(void)
{
	int why = 1;
	const struct hc_connect_args args = {
		.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT, .why = &why};
	static const uint32_t cookie[2];

	unsigned taken = hc_connect(fx.worker, &args, cookie, NULL, 2);

	UNIT_EQ(taken, why ? 0 : 2);
	return why;
}

// RFC 5227 2.1.1 and 2.3, whole.
static void three_probes_and_two_announcements(void)
{
	uint64_t opened_ns, probed_ns = 0, announced_ns;

	fx_open(&probing);
	opened_ns = fx.now_ns;
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_PROBING);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t waited_ms;

		while (fx.out_count == fx.out_taken)
			fx_wait_ms(1);
		waited_ms = since_ms(i ? probed_ns : opened_ns, fx.now_ns);
		probed_ns = expect_request(0, FX_LOCAL)->at_ns;
		CU_ASSERT(waited_ms >= (i ? 1000 : 0) && waited_ms <= (i ? 2000 : 1000));
	}
	UNIT_EQ(try_to_connect(), -EADDRNOTAVAIL);
	UNIT_EQ(fx_ctr(HC_CTR_connect_unclaimed), 2);
	fx_wait_ms(1999);
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_PROBING);
	fx_expect_silence();
	fx_wait_ms(2);
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_HELD);
	fx_step();
	announced_ns = expect_request(FX_LOCAL, FX_LOCAL)->at_ns;
	CU_ASSERT(since_ms(probed_ns, announced_ns) <= 2001);
	fx_wait_ms(1999);
	fx_expect_silence();
	fx_wait_ms(2);
	(void)expect_request(FX_LOCAL, FX_LOCAL);
	fx_wait_ms(60000);
	fx_expect_silence();
	UNIT_EQ(try_to_connect(), 0);
	fx_step();
	fx_forget();
	fx_shut();
}

static void pass_to(uint32_t ms)
{
	fx_wait_ms(ms);
	fx_forget();
}

static void expect_taken(uint32_t addr)
{
	struct hc_claim c;

	hc_worker_claim(fx.worker, &c);
	UNIT_EQ(c.state, HC_CLAIM_TAKEN);
	UNIT_EQ(c.addr, addr);
	UNIT_EQ_BYTES(c.mac, mac_a, 6);
}

// Whoever has the address says so, at whatever point, and whoever probes for it too is as good.
static void who_has_the_address_keeps_it(void)
{
	static const struct {
		unsigned op;
		uint32_t spa, tpa, after_ms;
	} claims[] = {
		{2, FX_LOCAL, 0, 0},          {2, FX_LOCAL, FX_LOCAL, 1500},
		{1, FX_LOCAL, FX_PEER, 1500}, {1, FX_LOCAL, FX_LOCAL, 3000},
		{1, 0, FX_LOCAL, 0},          {1, 0, FX_LOCAL, 3999},
	};

	for (unsigned i = 0; i < HC_ARRAY_LEN(claims); i++) {
		fx_open(&probing);
		pass_to(claims[i].after_ms);
		UNIT_EQ(state_of(fx.worker), HC_CLAIM_PROBING);
		fx_put_arp(claims[i].op, claims[i].spa, claims[i].tpa, mac_a);
		fx_step();
		expect_taken(FX_LOCAL);
		UNIT_EQ(fx_ctr(HC_CTR_arp_conflict), 1);
		fx_forget();
		fx_put_arp(2, FX_LOCAL, 0, fx.peer_mac);
		fx_step();
		expect_taken(FX_LOCAL); // Still of the first that said so.
		UNIT_EQ(fx_ctr(HC_CTR_arp_conflict), 2);
		fx_wait_ms(30000);
		fx_expect_silence();
		UNIT_EQ(try_to_connect(), -EADDRNOTAVAIL);
		fx_shut();
	}
}

// Our own, as a relay brings it back.
static void put_own_probe(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_arp(frame);

	memcpy(frame + 6, mac_a, 6);
	memcpy(frame + 22, fx.port[0]->mac, 6);
	frame_put32(frame + 28, 0);
	frame_put32(frame + 38, FX_LOCAL);
	fx_put(frame, len);
}

static void what_is_no_claim_disturbs_nothing(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(&probing);
	(void)fx_listen(0);
	pass_to(1500);
	put_own_probe();
	fx_put_arp(1, 0, FX_PEER, mac_a); // For another address.
	fx_put_arp(1, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_put_arp(2, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_put_arp(2, 0, FX_LOCAL, mac_a); // No host says that.
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_PROBING);
	UNIT_EQ(fx_ctr(HC_CTR_rx_arp), 4);
	UNIT_EQ(fx_ctr(HC_CTR_arp_bad_sender), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rx_unclaimed), 1);
	UNIT_EQ(fx_ctr(HC_CTR_arp_replies_sent), 0);
	fx_expect_silence();
	pass_to(7000);
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_HELD);
	fx_put_arp(1, FX_PEER, FX_LOCAL, fx.peer_mac);
	p = fx_peer_new();
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_arp_replies_sent), 1);
	fx_forget();
	fx_shut();
}

static void with_clients(struct hc_stack_config *cfg)
{
	with_probe(cfg);
	cfg->clients = (struct hc_prefix){.addr = 0x0a000040, .len = 28};
}

static void source_addresses_are_probed_for_too(void)
{
	const struct fx_options o = {.set_cfg = with_clients, .is_stranger = true};

	fx_open(&o);
	fx_wait_ms(1000);
	(void)expect_request(0, FX_LOCAL);
	for (uint32_t addr = 0x0a000041; addr < 0x0a00004f; addr++)
		(void)expect_request(0, addr);
	fx_expect_silence();
	fx_put_arp(2, 0x0a000045, 0, mac_a);
	fx_step();
	expect_taken(0x0a000045);
	fx_shut();
}

static void with_many_clients(struct hc_stack_config *cfg)
{
	with_probe(cfg);
	cfg->local_prefix_len = 16;
	cfg->clients = (struct hc_prefix){.addr = 0x0a000400, .len = 23};
	cfg->tuple_cap = 512;
}

static void many_source_addresses_are_probed_for_at_a_pace(void)
{
	const struct fx_options o = {.set_cfg = with_many_clients, .is_stranger = true};
	uint64_t before;

	fx_open(&o);
	for (unsigned round = 0; round < 3; round++) {
		while (fx_ctr(HC_CTR_arp_requests_sent) == round * 511)
			fx_wait_ms(1);
		fx_forget();
		before = fx_ctr(HC_CTR_arp_requests_sent);
		UNIT_EQ(before, round * 511 + 1 + 255);
		fx_wait_ms(1);
		UNIT_EQ(fx_ctr(HC_CTR_arp_requests_sent), before + 16);
		fx_wait_ms(100);
		UNIT_EQ(fx_ctr(HC_CTR_arp_requests_sent), (round + 1) * 511);
		fx_forget();
	}
	fx_wait_ms(2000);
	fx_forget();
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_HELD);
	fx_shut();
}

// Hosts that are turned on together do not speak together.
static uint64_t seed;

static void with_seed(struct hc_stack_config *cfg)
{
	with_probe(cfg);
	cfg->seed = seed;
}

static void hosts_do_not_probe_in_step(void)
{
	const struct fx_options o = {.set_cfg = with_seed, .is_stranger = true};
	uint32_t least_ms = UINT32_MAX, most_ms = 0;

	for (seed = 1; seed <= 32; seed++) {
		uint32_t waited_ms = 0;

		fx_open(&o);
		for (; fx.out_count == 0; waited_ms++)
			fx_wait_ms(1);
		fx_forget();
		least_ms = waited_ms < least_ms ? waited_ms : least_ms;
		most_ms = waited_ms > most_ms ? waited_ms : most_ms;
		fx_shut();
	}
	CU_ASSERT(least_ms < 200);
	CU_ASSERT(most_ms > 800 && most_ms <= 1001);
}

static void one_worker_speaks_and_all_listen(void)
{
	const struct fx_options o = {.set_cfg = with_probe, .is_stranger = true, .queue_count = 2};
	struct hc_claim c;
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	fx_open(&o);
	while (state_of(fx.w[0]) == HC_CLAIM_PROBING) {
		UNIT_EQ(state_of(fx.w[1]), HC_CLAIM_PROBING);
		fx_wait_ms(1);
	}
	UNIT_EQ(state_of(fx.w[1]), HC_CLAIM_HELD);
	for (unsigned i = 0; i < 3; i++)
		(void)expect_request(0, FX_LOCAL);
	fx_forget();
	fx_shut();
	fx_open(&o);
	len = frame_write_arp(frame);
	memcpy(frame + 22, mac_a, 6);
	frame_put32(frame + 28, FX_LOCAL);
	fx_put_queue(1, frame, len);
	fx_step(); // The other one takes its turn before it.
	fx_step();
	for (unsigned i = 0; i < 2; i++) {
		hc_worker_claim(fx.w[i], &c);
		UNIT_EQ(c.state, HC_CLAIM_TAKEN);
	}
	fx_forget();
	fx_shut();
}

static void announcing_twice(struct hc_stack_config *cfg)
{
	cfg->arp_announcements = 2;
	cfg->clients = (struct hc_prefix){.addr = 0x0a000040, .len = 30};
}

static void announcing_never(struct hc_stack_config *cfg)
{
	cfg->arp_announcements = 0;
}

// RFC 5227 2.3, without probing before it.
static void every_address_is_announced_twice(void)
{
	struct fx_options o = {.set_cfg = announcing_twice, .is_stranger = true};

	fx_open(&o);
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_HELD);
	for (unsigned i = 0; i < 2; i++) {
		(void)expect_request(FX_LOCAL, FX_LOCAL);
		(void)expect_request(0x0a000041, 0x0a000041);
		(void)expect_request(0x0a000042, 0x0a000042);
		fx_expect_silence();
		fx_wait_ms(1999);
		fx_expect_silence();
		fx_wait_ms(2);
	}
	fx_expect_silence();
	fx_shut();
	o.set_cfg = announcing_never;
	fx_open(&o);
	fx_wait_ms(10000);
	fx_expect_silence();
	fx_shut();
}

static void numbers_are_published_while_probing(void)
{
	struct hc_snapshot s;

	fx_open(&probing);
	pass_to(1500);
	fx_put_arp(2, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_step();
	fx_wait_ms(2);
	fx_forget();
	UNIT_EQ(state_of(fx.worker), HC_CLAIM_PROBING);
	hc_worker_snapshot(fx.worker, &s);
	CU_ASSERT(fx.now_ns - s.t_ns <= 2 * FX_MS);
	UNIT_EQ(s.counter[HC_CTR_rx_arp], 1);
	fx_shut();
}

UNIT_SUITE(claim, UNIT_TEST(three_probes_and_two_announcements),
	   UNIT_TEST(who_has_the_address_keeps_it), UNIT_TEST(what_is_no_claim_disturbs_nothing),
	   UNIT_TEST(source_addresses_are_probed_for_too),
	   UNIT_TEST(many_source_addresses_are_probed_for_at_a_pace),
	   UNIT_TEST(hosts_do_not_probe_in_step), UNIT_TEST(one_worker_speaks_and_all_listen),
	   UNIT_TEST(every_address_is_announced_twice),
	   UNIT_TEST(numbers_are_published_while_probing));
