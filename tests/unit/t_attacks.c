// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What attackers send, by the name of the attack, and what it must not do. Lies in single fields
// are in the suites of the parser, ARP in neigh, collisions in hash, cookies in cookie and cookies.

#include "fx_stack.h"

#include "base/rng.h"

#include <string.h>

static void expect_alive(struct fx_peer *p, hc_conn conn)
{
	struct hc_conn_info info;

	fx_forget();
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.state, HC_ESTABLISHED);
	fx_peer_put(p, FRAME_ACK | FRAME_PSH, 10);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
}

static void land_is_not_answered(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	(void)fx_listen(0);
	p.addr = FX_LOCAL;
	p.port = FX_PORT;
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_ip_bad_source), 1);
	fx_expect_silence();
	fx_shut();
}

// NULL, FIN, XMAS, SYN+FIN and all the others: of 256 flag bytes only those with SYN and without
// FIN, RST and ACK open something. An ACK is answered with RST, the rest not at all.
static void scans_of_an_open_port_open_nothing(void)
{
	fx_open(NULL);
	(void)fx_listen(0);
	for (unsigned flags = 0; flags < 256; flags++) {
		struct fx_peer p = fx_peer_new();

		if ((flags & (FRAME_SYN | FRAME_FIN | FRAME_RST | FRAME_ACK)) == FRAME_SYN)
			continue;
		fx_peer_put(&p, flags, 0);
		fx_step();
		if ((flags & (FRAME_ACK | FRAME_RST)) == FRAME_ACK)
			(void)fx_expect_tcp(FRAME_RST);
		fx_expect_silence();
	}
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 0);
	fx_shut();
}

static void scans_of_a_connection_do_not_end_it(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	for (unsigned flags = 0; flags < 256; flags++) {
		struct frame_tcp f = fx_peer_frame(&p, flags & ~FRAME_ACK, 0);

		// Without ACK nothing counts; RST in its exact place would.
		if (flags & (FRAME_ACK | FRAME_RST))
			continue;
		fx_peer_put_raw(&f);
		fx_step();
	}
	expect_alive(&p, conn);
	fx_shut();
}

// RFC 5961: 20 000 blind RSTs, SYNs and data segments, none with the exact number, end nothing and
// draw no more answers than the allowance.
static void blind_segments_end_nothing_and_draw_little(void)
{
	static const unsigned kinds[] = {FRAME_RST, FRAME_RST | FRAME_ACK, FRAME_SYN,
					 FRAME_SYN | FRAME_ACK, FRAME_ACK | FRAME_PSH};
	struct fx_peer p = fx_peer_new();
	struct hc_rng rng;
	unsigned answers = 0;
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	fx_forget();
	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < 20000; i++) {
		unsigned kind = kinds[hc_rng_below(&rng, HC_ARRAY_LEN(kinds))];
		struct frame_tcp f = fx_peer_frame(&p, kind, kind & FRAME_PSH ? 8 : 0);

		// Half of them in the window, which an attacker may have guessed, half ahead of it:
		// what seems to repeat old data is a lost ACK of ours, and answered each time.
		f.seq += i & 1 ? 1 + hc_rng_below(&rng, 60000)
			       : 0x100000 + hc_rng_below(&rng, 0x40000000);
		f.ack = p.ack + 0x20000000 + hc_rng_below(&rng, 0x40000000);
		fx_peer_put_raw(&f);
		fx_step();
		answers += fx.out_count;
		UNIT_EXPECT(fx.event_count == 0);
		fx_forget();
	}
	UNIT_EXPECT(answers > 0 && answers <= HC_CHALLENGES_PER_EPOCH);
	UNIT_EXPECT(fx_ctr(HC_CTR_tx_challenge_limited) > 0);
	expect_alive(&p, conn);
	fx_shut();
}

// Two hosts that each hold the other's ACK for wrong would go on for ever.
static void an_ack_storm_dies_down(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	for (unsigned epoch = 0; epoch < 3; epoch++) {
		unsigned answers = 0;

		fx_wait_ms(128);
		fx_forget();
		for (unsigned i = 0; i < 1000; i++) {
			struct frame_tcp f = fx_peer_frame(&p, FRAME_ACK, 0);

			f.seq += 0x10000000;
			fx_peer_put_raw(&f);
			fx_step();
			answers += fx.out_count;
			fx_forget();
		}
		UNIT_EQ(answers, HC_CHALLENGES_PER_EPOCH);
	}
	expect_alive(&p, conn);
	fx_shut();
}

// Every kind with lengths 0, 1, 2, 40, 41 and 255, in the last place and in the first.
static void options_that_lie_do_not_keep_a_syn_from_its_answer(void)
{
	static const uint8_t lengths[] = {0, 1, 2, 40, 41, 255};
	uint8_t opt[40];

	fx_open(NULL);
	(void)fx_listen(0);
	for (unsigned i = 0; i < 256 * HC_ARRAY_LEN(lengths) * 2; i++) {
		struct fx_peer p = fx_peer_new();
		unsigned at = i & 1 ? 38 : 0;

		memset(opt, 1, sizeof opt);
		opt[at] = (uint8_t)(i / 2 / HC_ARRAY_LEN(lengths));
		opt[at + 1] = lengths[i / 2 % HC_ARRAY_LEN(lengths)];
		p.opt = opt;
		p.opt_len = sizeof opt;
		fx_peer_put(&p, FRAME_SYN, 0);
		fx_step();
		(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
		fx_expect_silence();
	}
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 1); // One SYN, over and over.
	UNIT_EXPECT(fx_ctr(HC_CTR_tcp_bad_option) > 1000);
	fx_shut();
}

static void mss_of_1_does_not_make_us_send_a_thousand_headers(void)
{
	static const uint8_t mss_1[4] = {2, 4, 0, 1};
	static const uint8_t data[640];
	struct fx_peer p = fx_peer_new();
	unsigned segments = 0;
	hc_conn conn;

	p.opt = mss_1;
	p.opt_len = sizeof mss_1;
	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	UNIT_EQ(hc_send(fx.worker, conn, data, sizeof data, HC_SEND_STATIC), sizeof data);
	fx_step();
	for (const struct frame_view *v; (v = fx_next_tcp()); segments++)
		UNIT_EXPECT(v->payload_len >= 64 || segments == 640 / 76);
	UNIT_EXPECT(segments > 0 && segments <= 10);
	fx_shut();
}

static void no_cookies(struct hc_stack_config *cfg)
{
	cfg->syn_cookies = HC_SYN_COOKIES_NEVER;
}

static void handshakes_never_finished_are_given_up(void)
{
	const struct fx_options o = {.set_cfg = no_cookies};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	(void)fx_listen(0);
	for (unsigned i = 0; i < 100; i++, p.port++)
		fx_peer_put(&p, FRAME_SYN, 0);
	for (unsigned i = 0; i < 4; i++)
		fx_step();
	UNIT_EQ(hc_pool_used(&fx.worker->syn_pool), fx.cfg.syn_cap);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_no_memory), 100 - fx.cfg.syn_cap);
	fx_wait_ms(64000); // 1 + 2 + 4 + 8 + 16 + 32 s.
	UNIT_EQ(fx_ctr(HC_CTR_syn_expired), fx.cfg.syn_cap);
	UNIT_EQ(hc_pool_used(&fx.worker->syn_pool), 0);
	fx_forget();
	(void)fx_accept(&p);
	fx_shut();
}

// Connections whose peers close the window for ever cost their own blocks and a probe a minute.
static void sockstress_takes_no_more_than_its_blocks(void)
{
	static const uint8_t data[1000];
	struct fx_peer p[17];

	fx_open(NULL);
	(void)fx_listen(0);
	for (unsigned i = 0; i < fx.cfg.conn_cap; i++) {
		hc_conn conn;

		p[i] = fx_peer_new();
		p[i].port = (uint16_t)(41000 + i);
		p[i].wnd = 0;
		conn = fx_accept(&p[i]);
		UNIT_EQ(hc_send(fx.worker, conn, data, sizeof data, HC_SEND_STATIC), sizeof data);
		fx_step();
		fx_forget();
	}
	for (unsigned minute = 0; minute < 30; minute++) {
		fx_wait_ms(60000);
		for (unsigned i = 0; i < fx.cfg.conn_cap; i++)
			fx_peer_put(&p[i], FRAME_ACK, 0); // Alive, and still closed.
		fx_step();
		UNIT_EXPECT(fx.out_count <= 16 * fx.cfg.conn_cap);
		fx_forget();
	}
	UNIT_EXPECT(fx_ctr(HC_CTR_persist_probes) > 0);
	p[16] = fx_peer_new();
	fx_peer_put(&p[16], FRAME_SYN, 0);
	fx_step();
	(void)fx_peer_take(&p[16], FRAME_SYN | FRAME_ACK);
	fx_peer_put(&p[16], FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_conn_no_memory), 1);
	// The application's way out.
	UNIT_EQ(hc_abort_all(fx.worker), fx.cfg.conn_cap);
	fx_step();
	UNIT_EQ(hc_pool_used(&fx.worker->tcb_pool), 0);
	fx_shut();
}

static void vlan_tags_lead_past_no_check(void)
{
	static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100};
	struct fx_peer p = fx_peer_new();
	struct frame_tcp f;
	uint8_t frame[FRAME_MAX], tagged[FRAME_MAX];

	fx_open(NULL);
	(void)fx_listen(0);
	f = fx_peer_frame(&p, FRAME_SYN, 0);
	for (unsigned i = 0; i < HC_ARRAY_LEN(tags); i++) {
		uint32_t len = frame_write_tcp(frame, &f);

		memcpy(tagged, frame, 12);
		frame_put16(tagged + 12, tags[i]);
		frame_put16(tagged + 14, 5);
		memcpy(tagged + 16, frame + 12, len - 12);
		fx_put(tagged, len + 4);
		fx_step();
	}
	UNIT_EQ(fx_ctr(HC_CTR_eth_vlan), 2); // The tags of IEEE 802.1Q.
	UNIT_EQ(fx_ctr(HC_CTR_eth_unknown_type), 1);
	fx_expect_silence();
	fx_shut();
}

// RFC 6528: what one connection's number tells of the next one's: nothing. 10^5 tuples at one
// instant; each bit and each difference to the neighbour's is even (5 sigma), no step comes twice
// more often than chance, and one tuple's numbers only rise.
static void initial_sequence_numbers_are_not_predictable(void)
{
	enum { SAMPLES = 100000, SIGMA_5 = 791 };
	unsigned ones[32] = {0}, turns[32] = {0}, bucket[256] = {0};
	struct hc_flow_key key = {.lport_be = hc_to_be16(FX_PORT)};
	struct hc_tcp_env env;
	uint32_t last = 0;

	fx_open(NULL);
	env = fx.worker->env;
	for (unsigned i = 0; i < SAMPLES; i++) {
		uint32_t isn;

		key.remote_be = hc_to_be32(FX_PEER + (i >> 16));
		key.rport_be = hc_to_be16((uint16_t)i);
		isn = hc_tcp_isn(&env, &key);
		for (unsigned bit = 0; bit < 32; bit++) {
			ones[bit] += isn >> bit & 1;
			turns[bit] += (isn - last) >> bit & 1;
		}
		bucket[(isn - last) >> 24]++;
		last = isn;
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		UNIT_EXPECT(ones[bit] > SAMPLES / 2 - SIGMA_5 && ones[bit] < SAMPLES / 2 + SIGMA_5);
		UNIT_EXPECT(turns[bit] > SAMPLES / 2 - SIGMA_5 &&
			    turns[bit] < SAMPLES / 2 + SIGMA_5);
	}
	for (unsigned i = 0; i < 256; i++) // 391 each, sigma 20.
		UNIT_EXPECT(bucket[i] > 290 && bucket[i] < 492);
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t now;

		last = hc_tcp_isn(&env, &key);
		env.now_ns += FX_MS;
		now = hc_tcp_isn(&env, &key);
		UNIT_EXPECT(now - last > 0 && now - last < 300);
	}
	fx_shut();
}

UNIT_SUITE(attacks, UNIT_TEST(land_is_not_answered), UNIT_TEST(scans_of_an_open_port_open_nothing),
	   UNIT_TEST(scans_of_a_connection_do_not_end_it),
	   UNIT_TEST(blind_segments_end_nothing_and_draw_little), UNIT_TEST(an_ack_storm_dies_down),
	   UNIT_TEST(options_that_lie_do_not_keep_a_syn_from_its_answer),
	   UNIT_TEST(mss_of_1_does_not_make_us_send_a_thousand_headers),
	   UNIT_TEST(handshakes_never_finished_are_given_up),
	   UNIT_TEST(sockstress_takes_no_more_than_its_blocks),
	   UNIT_TEST(vlan_tags_lead_past_no_check),
	   UNIT_TEST(initial_sequence_numbers_are_not_predictable));
