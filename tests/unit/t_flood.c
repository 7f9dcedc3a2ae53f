// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// A SYN flood of our own making: at which rate, from where, what when the port, the buffers or the
// next hop are not there, and what becomes of the answers. Every SYN passes frame_check() like any
// other frame. Then the flood of others that is watched.

#include <errno.h>
#include <string.h>

#include <handclasp/flood.h>

#include "fx_stack.h"

#define SOURCES     0xc6120000u // 198.18.0.0/15
#define SOURCES_LEN 15u
#define PER_S       10000u
#define SYN_NS      (1000000000ull / PER_S)

static struct hc_flood flood_usual(void)
{
	return (struct hc_flood){
		.sources = {.addr = SOURCES, .len = SOURCES_LEN},
		.remote_addr = FX_PEER,
		.remote_port = FX_PEER_PORT,
		.port_lo = 2000,
		.port_hi = 3000,
		.syns_per_s = PER_S,
	};
}

// Begins; the first step starts the schedule. In each slot from then on one SYN is due.
static void begin(const struct hc_flood *f)
{
	UNIT_EQ(hc_flood_begin(fx.worker, f), 0);
	fx_step();
}

static void pass(uint64_t ns)
{
	fx.now_ns += ns;
	fx_step();
}

static uint64_t sent(void)
{
	return fx_ctr(HC_CTR_flood_syns_sent);
}

static uint64_t missed(void)
{
	return fx_ctr(HC_CTR_flood_syns_missed);
}

// ---------------------------------------------------------------------------------- schedule

static void the_rate_is_kept_to_the_syn(void)
{
	static const struct {
		uint32_t per_s, steps;
		uint64_t step_ns;
	} runs[] = {
		{100000, 1000, 100000}, {33333, 5000, 70001}, {1, 300, 9999999}, {7, 400, 3000000}};

	for (unsigned i = 0; i < sizeof runs / sizeof *runs; i++) {
		struct hc_flood f = flood_usual();
		uint64_t tcp = 0;

		f.syns_per_s = runs[i].per_s;
		fx_open(NULL);
		begin(&f);
		for (unsigned k = 0; k < runs[i].steps; k++) {
			pass(runs[i].step_ns);
			while (fx_next_tcp())
				tcp++;
			fx_forget();
		}
		// That of the slot that has begun may have been sent already.
		uint64_t slots = runs[i].per_s * (runs[i].steps * runs[i].step_ns) / 1000000000u;

		UNIT_EXPECT(sent() == slots || sent() == slots + 1);
		UNIT_EQ(tcp, sent());
		UNIT_EQ(missed(), 0);
		fx_shut();
	}
}

// In one step, as connections are opened by an application after a pause; but for half the queue.
static void what_is_due_is_caught_up_with_at_once(void)
{
	struct hc_flood f = flood_usual();

	fx_open(NULL);
	begin(&f);
	pass(50 * SYN_NS);
	UNIT_EQ(sent(), 50);
	pass(0);
	UNIT_EQ(sent(), 50);
	fx_forget();
	f.syns_per_s = 100 * PER_S;
	begin(&f);
	pass(FX_MS);
	UNIT_EQ(sent(), 50 + HC_TX_MAX / 2);
	fx_forget();
	pass(0);
	UNIT_EQ(sent(), 50 + 1000);
	UNIT_EQ(missed(), 0);
	fx_shut();
}

// A device that lets seven of eight SYNs through, in turn, beside connections that come as often.
// That a SYN is the flood's must not follow from when the one before was.
static void in_its_slot_a_syn_comes_at_random(void)
{
	enum { PARTS = 8, SLOTS = 800 };
	const struct hc_flood f = flood_usual();
	unsigned at[PARTS] = {0}, same = 0, last = PARTS;

	fx_open(NULL);
	begin(&f);
	for (unsigned i = 0; i < SLOTS; i++) {
		for (unsigned part = 0; part < PARTS; part++) {
			uint64_t before = sent();

			pass(SYN_NS / PARTS);
			UNIT_EXPECT(sent() - before <= 1);
			if (sent() == before)
				continue;
			at[part]++;
			same += part == last;
			last = part;
		}
		UNIT_EQ(sent(), i + 1);
		fx_forget();
	}
	for (unsigned part = 0; part < PARTS; part++)
		UNIT_EXPECT(at[part] > 53 && at[part] < 147); // 100, and 5 sigma.
	UNIT_EXPECT(same > 53 && same < 147);
	fx_shut();
}

static void what_is_due_for_long_is_missed(void)
{
	static const uint64_t pauses_ns[] = {100000001, 500 * FX_MS, 1000 * FX_MS, 3500 * FX_MS};

	for (unsigned i = 0; i < sizeof pauses_ns / sizeof *pauses_ns; i++) {
		const struct hc_flood f = flood_usual();

		fx_open(NULL);
		begin(&f);
		pass(pauses_ns[i]);
		for (unsigned k = 0; k < 4; k++) {
			fx_forget();
			pass(0);
		}
		// 100 ms of it, a slot before, and perhaps that of the slot that has begun.
		UNIT_EXPECT(sent() <= 1002);
		pass(SYN_NS);
		UNIT_EXPECT(sent() + missed() - (pauses_ns[i] + SYN_NS) / SYN_NS <= 1);
		fx_shut();
	}
}

static void the_next_syn_is_something_due(void)
{
	const struct hc_flood f = flood_usual();
	uint64_t began_ns;

	fx_open(NULL);
	begin(&f);
	began_ns = fx.now_ns;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t due_ns = hc_next_due_ns(fx.worker);

		UNIT_EXPECT(due_ns >= began_ns + i * SYN_NS &&
			    due_ns <= began_ns + (i + 1) * SYN_NS);
		if (due_ns > fx.now_ns + 1)
			pass(due_ns - fx.now_ns - 1);
		UNIT_EQ(hc_next_due_ns(fx.worker), due_ns);
		UNIT_EQ(sent(), i);
		pass(due_ns - fx.now_ns);
		UNIT_EQ(sent(), i + 1);
		fx_forget();
	}
	hc_flood_end(fx.worker);
	UNIT_EXPECT(hc_next_due_ns(fx.worker) > fx.now_ns + SYN_NS);
	fx_shut();
}

static void what_is_due_at_the_end_and_not_sent_is_missed(void)
{
	struct hc_flood f = flood_usual();

	fx_open(NULL);
	f.syns_per_s = 1000000;
	begin(&f);
	pass(FX_MS); // More than a step sends.
	UNIT_EXPECT(sent() > 0 && sent() < 1000);
	UNIT_EQ(missed(), 0);
	hc_flood_end(fx.worker);
	hc_flood_end(fx.worker);
	UNIT_EQ(sent() + missed(), 1000);
	fx_shut();
}

static void it_ends_and_begins_anew(void)
{
	struct hc_flood f = flood_usual();

	fx_open(NULL);
	begin(&f);
	pass(5 * SYN_NS);
	hc_flood_end(fx.worker);
	pass(50 * FX_MS);
	UNIT_EQ(sent(), 5);
	f.syns_per_s = 2 * PER_S;
	begin(&f);
	pass(5 * SYN_NS);
	UNIT_EQ(sent(), 15);
	UNIT_EQ(missed(), 0);
	fx_shut();
}

// ---------------------------------------------------------------------------------- segments

static void syns_come_from_the_prefix_alone(void)
{
	struct hc_flood f = flood_usual();
	const struct frame_view *v;
	uint32_t last_seq = 0, last_src = 0;
	unsigned n = 0, same = 0;
	uint32_t lo = UINT32_MAX, hi = 0;

	fx_open(NULL);
	begin(&f);
	for (unsigned i = 0; i < 200; i++)
		pass(SYN_NS);
	while ((v = fx_next_tcp())) {
		n++;
		UNIT_EXPECT(v->src >> (32 - SOURCES_LEN) == SOURCES >> (32 - SOURCES_LEN));
		UNIT_EXPECT(v->sport >= f.port_lo && v->sport <= f.port_hi);
		UNIT_EQ(v->dst, FX_PEER);
		UNIT_EQ(v->dport, FX_PEER_PORT);
		UNIT_EQ(v->flags, FRAME_SYN);
		UNIT_EQ(v->payload_len, 0);
		same += v->seq == last_seq || v->src == last_src;
		last_seq = v->seq;
		last_src = v->src;
		lo = v->src < lo ? v->src : lo;
		hi = v->src > hi ? v->src : hi;
	}
	UNIT_EQ(n, 200);
	UNIT_EXPECT(same <= 1);
	UNIT_EXPECT(hi - lo > (1u << (32 - SOURCES_LEN)) / 2); // All over it.
	fx_shut();
}

static void small_prefixes_are_used_whole_but_for_their_edges(void)
{
	static const struct {
		uint8_t len;
		uint32_t seen; // A bit for each of the last two bits of an address.
	} prefixes[] = {{32, 0x1}, {31, 0x3}, {30, 0x6}};

	for (unsigned i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		struct hc_flood f = flood_usual();
		const struct frame_view *v;
		uint32_t seen = 0;

		f.sources.len = prefixes[i].len;
		f.port_hi = f.port_lo;
		fx_open(NULL);
		begin(&f);
		for (unsigned k = 0; k < 100; k++)
			pass(SYN_NS);
		while ((v = fx_next_tcp())) {
			seen |= 1u << (v->src - SOURCES);
			UNIT_EQ(v->sport, f.port_lo);
		}
		UNIT_EQ(seen, prefixes[i].seen);
		fx_shut();
	}
}

static void with_all_options(struct hc_stack_config *cfg)
{
	cfg->has_timestamps = cfg->has_window_scale = cfg->has_sack = true;
	cfg->rcv_buf_bytes = 1u << 20;
	cfg->ttl = 9;
	cfg->dscp = 5;
}

static void they_look_like_a_syn_of_our_own(void)
{
	const struct fx_options usual = {0}, all = {.set_cfg = with_all_options};
	const struct fx_options *const options[] = {&usual, &all};

	for (unsigned i = 0; i < 2; i++) {
		const struct hc_connect_args args = {.remote_addr = FX_PEER,
						     .remote_port = FX_PEER_PORT};
		const struct hc_flood f = flood_usual();
		struct frame_view own, v;
		const uint32_t cookie = 1;
		hc_conn conn;

		fx_open(options[i]);
		begin(&f);
		fx.now_ns += SYN_NS;
		UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
		fx_step();
		own = *fx_expect_tcp(FRAME_SYN);
		v = *fx_expect_tcp(FRAME_SYN);
		UNIT_EQ(own.src, FX_LOCAL);
		UNIT_EXPECT(v.src != FX_LOCAL);
		UNIT_EQ(v.wnd, own.wnd);
		UNIT_EQ(v.tos, own.tos);
		UNIT_EQ(v.mss, own.mss);
		UNIT_EQ(v.has_wscale, own.has_wscale);
		UNIT_EQ(v.wscale, own.wscale);
		UNIT_EQ(v.has_ts, own.has_ts);
		UNIT_EQ(v.tsval, own.tsval);
		UNIT_EQ(v.tsecr, 0);
		UNIT_EQ(v.permits_sack, own.permits_sack);
		UNIT_EQ(hc_abort(fx.worker, conn), 0);
		fx_shut();
	}
}

static void with_port_csum(struct hc_port *port)
{
	port->has_tx_csum = true;
}

static void a_port_may_write_their_checksums(void)
{
	const struct fx_options o = {.set_port = with_port_csum};
	const struct hc_flood f = flood_usual();

	fx_open(&o);
	begin(&f);
	pass(3 * SYN_NS);
	UNIT_EQ(sent(), 3);
	for (unsigned i = 0; i < 3; i++)
		(void)fx_expect_tcp(FRAME_SYN); // Summed as ports want it: frame_check().
	fx_shut();
}

static void no_two_floods_are_the_same(void)
{
	const struct fx_options o = {.queue_count = 2};
	const struct hc_flood f = flood_usual();
	uint32_t seq[3];

	fx_open(&o);
	for (unsigned i = 0; i < 3; i++) {
		struct hc_worker *w = fx.w[i == 2];

		fx.now_ns += FX_MS;
		fx_step();
		UNIT_EQ(hc_flood_begin(w, &f), 0);
		fx_step();
		fx_forget();
		pass(SYN_NS);
		seq[i] = fx_expect_tcp(FRAME_SYN)->seq;
		hc_flood_end(w);
	}
	UNIT_EXPECT(seq[0] != seq[1] && seq[0] != seq[2] && seq[1] != seq[2]);
	fx_shut();
}

// -------------------------------------------------------------------------------- what is missing

static void nothing_is_sent_before_the_next_hop_is_known(void)
{
	const struct fx_options o = {.is_stranger = true};
	const struct hc_flood f = flood_usual();
	unsigned arps = 0;

	fx_open(&o);
	fx_forget();
	begin(&f);
	for (unsigned i = 0; i < 20; i++)
		pass(FX_MS);
	while (fx.out_taken < fx.out_count) {
		const struct fx_out *out = fx_next();

		UNIT_EQ(out->view.kind, FRAME_KIND_ARP);
		UNIT_EQ(out->view.dst, FX_PEER);
		arps++;
	}
	UNIT_EQ(arps, 1);
	fx_forget();
	fx_put_arp(2, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_step();
	fx_step();
	UNIT_EQ(sent() + missed(), 0); // It begins now.
	pass(3 * SYN_NS);
	UNIT_EQ(sent(), 3);
	UNIT_EQ(missed(), 0);
	UNIT_EQ(fx_ctr(HC_CTR_tx_unresolved), 0);
	fx_shut();
}

static void with_short_arp(struct hc_stack_config *cfg)
{
	cfg->arp_ttl_ms = 100;
}

static void what_is_due_while_the_next_hop_is_gone_is_missed(void)
{
	const struct fx_options o = {.set_cfg = with_short_arp};
	const struct hc_flood f = flood_usual();
	uint64_t began_ns, sent_then;

	fx_open(&o);
	begin(&f);
	began_ns = fx.now_ns;
	for (unsigned i = 0; i < 4000; i++) {
		pass(FX_MS);
		fx_forget();
	}
	UNIT_EQ(fx_ctr(HC_CTR_arp_failed), 1);
	sent_then = sent();
	UNIT_EXPECT(sent_then > 30000 && sent_then < 34000);
	pass(FX_MS);
	UNIT_EQ(sent(), sent_then);
	UNIT_EQ(fx_ctr(HC_CTR_tx_unresolved), 0);
	fx_put_arp(2, FX_PEER, FX_LOCAL, fx.peer_mac);
	pass(0);
	for (unsigned i = 0; i < 40; i++) {
		fx_forget();
		pass(0);
	}
	UNIT_EQ(sent(), sent_then + 1001);
	UNIT_EQ(sent() + missed(), (fx.now_ns - began_ns) / SYN_NS);
	fx_shut();
}

// Turns the worker without taking what it sends from the wire.
static void step_blindly(uint64_t ns)
{
	struct hc_event ev[HC_EVENTS_PER_FRAME * HC_BURST_MAX];

	fx.now_ns += ns;
	UNIT_EQ(hc_step(fx.worker, fx.now_ns, ev, HC_ARRAY_LEN(ev)), 0);
	hc_flush(fx.worker);
}

static void a_full_port_makes_it_wait_and_not_connections(void)
{
	const struct fx_options o = {.ring_desc = 64, .buffer_count = 2047};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	const struct hc_flood f = flood_usual();
	const uint32_t cookie = 1;
	const struct frame_view *v;
	uint64_t began_ns;
	bool is_seen = false;
	hc_conn conn;

	fx_open(&o);
	begin(&f);
	began_ns = fx.now_ns;
	for (unsigned i = 0; i < 300; i++)
		step_blindly(FX_MS);
	UNIT_EXPECT(missed() > 0);
	UNIT_EXPECT(fx.worker->tx_count >= HC_TX_MAX / 2 && fx.worker->tx_count < HC_TX_MAX);
	UNIT_EQ(fx_ctr(HC_CTR_tx_dropped), 0);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	hc_flood_end(fx.worker);
	for (unsigned i = 0; i < 20; i++) {
		fx_step();
		while ((v = fx_next_tcp()))
			is_seen |= v->src == FX_LOCAL;
		fx_forget();
	}
	UNIT_EXPECT(is_seen);
	UNIT_EQ(fx_ctr(HC_CTR_tx_dropped), 0);
	// What is owed when it ends is neither.
	UNIT_EXPECT(sent() + missed() <= (fx.now_ns - began_ns) / SYN_NS);
	UNIT_EXPECT(sent() + missed() + 1001 >= (fx.now_ns - began_ns) / SYN_NS);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_shut();
}

static void without_buffers_it_is_missed(void)
{
	static struct rte_mbuf *held[2048];
	const struct hc_flood f = flood_usual();
	unsigned n;

	fx_open(NULL);
	begin(&f);
	n = fx_hold_buffers(held, 2048, 5);
	pass(10 * SYN_NS);
	UNIT_EQ(sent(), 5);
	pass(200 * FX_MS);
	UNIT_EQ(fx_ctr(HC_CTR_tx_no_buffer), 0);
	UNIT_EXPECT(missed() > 0);
	rte_pktmbuf_free_bulk(held, n);
	fx_forget();
	pass(SYN_NS);
	UNIT_EXPECT(sent() > 5);
	fx_shut();
}

// ------------------------------------------------------------------------------------ answers

static struct fx_peer answering(uint32_t to)
{
	struct fx_peer p = fx_peer_new();

	p.local_addr = to;
	p.local_port = 2000;
	p.ack = 77;
	return p;
}

static void answers_are_dropped_by_name_and_without_a_word(void)
{
	const struct hc_flood f = flood_usual();
	struct fx_peer p = answering(SOURCES + 5), other = answering(SOURCES - 5);

	fx_open(NULL);
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_ip_not_for_us), 1); // There is no flood.
	begin(&f);
	for (unsigned i = 0; i < 2; i++) {
		fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
		fx_peer_put(&p, FRAME_RST, 0);
		fx_peer_put(&other, FRAME_SYN | FRAME_ACK, 0);
		fx_step();
		UNIT_EQ(fx_ctr(HC_CTR_flood_answers), 2 * (i + 1));
		UNIT_EQ(fx_ctr(HC_CTR_ip_not_for_us), 2 + i);
		hc_flood_end(fx.worker); // Late ones come still.
	}
	UNIT_EQ(fx_ctr(HC_CTR_tx_rst), 0);
	fx_expect_silence();
	fx_shut();
}

static void expect_arp_reply(uint32_t spa)
{
	const struct fx_out *out = fx_next();

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	UNIT_EQ(out->view.kind, FRAME_KIND_ARP);
	UNIT_EQ(out->view.op, 2);
	UNIT_EQ(out->view.src, spa);
	UNIT_EQ_BYTES(out->bytes + 22, fx.port[0]->mac, 6);
}

static void sources_are_answered_for_in_arp(void)
{
	const struct hc_flood f = flood_usual();

	fx_open(NULL);
	fx_put_arp(1, FX_PEER, SOURCES + 9, fx.peer_mac);
	fx_step();
	fx_expect_silence();
	begin(&f);
	fx_put_arp(1, FX_PEER, SOURCES + 9, fx.peer_mac);
	fx_step();
	expect_arp_reply(SOURCES + 9);
	// Nor is it ours what lies beside them, or what somebody is about to take.
	fx_put_arp(1, FX_PEER, SOURCES - 9, fx.peer_mac);
	fx_put_arp(1, 0, SOURCES + 9, fx.peer_mac);
	fx_step();
	fx_expect_silence();
	hc_flood_end(fx.worker);
	fx_put_arp(1, FX_PEER, SOURCES + 9, fx.peer_mac);
	fx_step();
	expect_arp_reply(SOURCES + 9);
	fx_expect_silence();
	fx_shut();
}

static void connections_go_on_beside_it(void)
{
	const struct hc_flood f = flood_usual();
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	begin(&f);
	conn = fx_accept(&p);
	for (unsigned i = 0; i < 50; i++) {
		fx_peer_put(&p, FRAME_ACK | FRAME_PSH, 100);
		pass(FX_MS);
		UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
		fx_forget();
	}
	UNIT_EQ(sent(), 500);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_shut();
}

// ----------------------------------------------------------------------------------- refusals

static void with_gateway_and_clients(struct hc_stack_config *cfg)
{
	cfg->gateway = 0x0a0000feu;
	cfg->clients = (struct hc_prefix){.addr = 0x0a010000u, .len = 30};
}

static void a_flood_that_cannot_be_is_refused(void)
{
	static const struct fx_options o = {.set_cfg = with_gateway_and_clients};
	static const struct {
		uint32_t addr;
		uint8_t len;
	} bad_sources[] = {
		{0, 0},           {0, 8},           {0x0a000000, 7},  {SOURCES, 33},
		{0x0a000000, 24}, {FX_LOCAL, 32},   {FX_PEER, 32},    {0x0a0000fe, 32},
		{0x0a010002, 32}, {0x0a010000, 16}, {0x7f000000, 16}, {0xe0000000, 8},
		{0x0a0000ff, 32},
	};
	struct hc_flood f;

	fx_open(&o);
	for (unsigned i = 0; i < sizeof bad_sources / sizeof *bad_sources; i++) {
		f = flood_usual();
		f.sources = (struct hc_prefix){bad_sources[i].addr, bad_sources[i].len};
		UNIT_EQ(hc_flood_begin(fx.worker, &f), -EINVAL);
	}
	f = flood_usual();
	f.syns_per_s = 0;
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -EINVAL);
	f.syns_per_s = HC_FLOOD_PER_S_MAX + 1;
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -EINVAL);
	f = flood_usual();
	f.remote_port = 0;
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -EINVAL);
	f = flood_usual();
	f.port_lo = 0;
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -EINVAL);
	f = flood_usual();
	f.port_hi = f.port_lo - 1;
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -EINVAL);
	f = flood_usual();
	f.remote_addr = 0x0a0000ff; // Broadcast.
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -ENETUNREACH);
	f.remote_addr = FX_LOCAL;
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -ENETUNREACH);
	f.remote_addr = 0x08080808; // By the gateway.
	UNIT_EQ(hc_flood_begin(fx.worker, &f), 0);
	fx_shut();
}

static void off_link_takes_a_gateway(void)
{
	struct hc_flood f = flood_usual();

	fx_open(NULL);
	f.remote_addr = 0x08080808;
	UNIT_EQ(hc_flood_begin(fx.worker, &f), -ENETUNREACH);
	pass(FX_MS);
	fx_expect_silence();
	fx_shut();
}

// ------------------------------------------------------------------------------------ watching

static void put_syn_from(uint32_t addr, uint16_t port)
{
	struct fx_peer p = fx_peer_new();

	p.addr = addr;
	p.port = port;
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
}

static void by_the_peer(struct hc_stack_config *cfg)
{
	cfg->gateway = FX_PEER;
}

static void a_flood_of_others_is_counted_and_else_as_any(void)
{
	const struct fx_options o = {.set_cfg = by_the_peer};
	const struct hc_prefix sources = {.addr = SOURCES, .len = SOURCES_LEN}, none = {0};
	const struct hc_admission no_limit = {.syns = HC_ADMIT_ALL, .conns = HC_ADMIT_ALL};

	fx_open(&o);
	(void)fx_listen(0);
	put_syn_from(SOURCES + 1, 1000);
	UNIT_EQ(fx_ctr(HC_CTR_flood_syns_received), 0);
	hc_flood_watch(fx.worker, sources);
	(void)hc_worker_admit(fx.worker, &no_limit);
	put_syn_from(SOURCES + 1, 1001);
	put_syn_from(SOURCES + 2, 1001);
	put_syn_from(SOURCES - 1, 1001);
	put_syn_from(SOURCES + 2, 1001); // Of a half-open connection there is.
	UNIT_EQ(fx_ctr(HC_CTR_flood_syns_received), 2);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 4);
	hc_flood_watch(fx.worker, none);
	put_syn_from(SOURCES + 3, 1001);
	UNIT_EQ(fx_ctr(HC_CTR_flood_syns_received), 2);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 5);
	fx_shut();
}

UNIT_SUITE(flood, UNIT_TEST(the_rate_is_kept_to_the_syn),
	   UNIT_TEST(what_is_due_is_caught_up_with_at_once),
	   UNIT_TEST(in_its_slot_a_syn_comes_at_random), UNIT_TEST(what_is_due_for_long_is_missed),
	   UNIT_TEST(the_next_syn_is_something_due),
	   UNIT_TEST(what_is_due_at_the_end_and_not_sent_is_missed),
	   UNIT_TEST(it_ends_and_begins_anew), UNIT_TEST(syns_come_from_the_prefix_alone),
	   UNIT_TEST(small_prefixes_are_used_whole_but_for_their_edges),
	   UNIT_TEST(they_look_like_a_syn_of_our_own), UNIT_TEST(a_port_may_write_their_checksums),
	   UNIT_TEST(no_two_floods_are_the_same),
	   UNIT_TEST(nothing_is_sent_before_the_next_hop_is_known),
	   UNIT_TEST(what_is_due_while_the_next_hop_is_gone_is_missed),
	   UNIT_TEST(a_full_port_makes_it_wait_and_not_connections),
	   UNIT_TEST(without_buffers_it_is_missed),
	   UNIT_TEST(answers_are_dropped_by_name_and_without_a_word),
	   UNIT_TEST(sources_are_answered_for_in_arp), UNIT_TEST(connections_go_on_beside_it),
	   UNIT_TEST(a_flood_that_cannot_be_is_refused), UNIT_TEST(off_link_takes_a_gateway),
	   UNIT_TEST(a_flood_of_others_is_counted_and_else_as_any));
