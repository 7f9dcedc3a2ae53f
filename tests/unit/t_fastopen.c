// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// TCP Fast Open (RFC 7413) of a whole worker: the server's cookies and what attackers do with them,
// the client's memory and what it does when the peer, or the way there, does not know the option.

#include "fx_stack.h"

#include <string.h>

#define COOKIE_BYTES 8u
#define EPOCH_MS     8796093u // 2^43 ns.

static void with_fast_open(struct hc_stack_config *cfg)
{
	cfg->has_fast_open = true;
	cfg->fast_open_cap = 4;
	cfg->span_cap = 64;
}

static const struct fx_options fast = {.set_cfg = with_fast_open};

// The options of a peer's SYN: MSS and a cookie, or the question for one.
struct syn_options {
	uint8_t bytes[24];
};

static void with_cookie(struct fx_peer *p, struct syn_options *o, const uint8_t *cookie,
			uint32_t len)
{
	static const uint8_t head[] = {2, 4, 0x05, 0xb4, 1, 1, 34};

	memset(o, 1, sizeof *o);
	memcpy(o->bytes, head, sizeof head);
	o->bytes[7] = (uint8_t)(2 + len);
	if (len)
		memcpy(o->bytes + 8, cookie, len);
	p->opt = o->bytes;
	p->opt_len = (8 + len + 3) & ~3u;
}

static void listen_fast(void)
{
	(void)fx_listen(HC_CONN_FAST_OPEN);
}

// Asks for a cookie by an ordinary opening, which is then reset.
static void get_cookie(uint32_t addr, uint8_t cookie[COOKIE_BYTES])
{
	struct fx_peer p = fx_peer_new();
	struct syn_options o;
	const struct frame_view *v;

	fx_put_arp(1, addr, FX_LOCAL, fx.peer_mac);
	fx_step();
	fx_forget();
	p.addr = addr;
	p.port = 7;
	with_cookie(&p, &o, NULL, 0);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(v->cookie_len, COOKIE_BYTES);
	if (v->cookie_len == COOKIE_BYTES)
		memcpy(cookie, v->cookie, COOKIE_BYTES);
	p.opt_len = 0;
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_step();
	fx_forget();
}

// A SYN with `len` bytes of data and the cookie.
static void put_fast_syn(struct fx_peer *p, const uint8_t *cookie, uint32_t cookie_len,
			 uint32_t len)
{
	struct syn_options o;

	with_cookie(p, &o, cookie, cookie_len);
	fx_peer_put(p, FRAME_SYN, len);
	p->opt_len = 0;
	fx_step();
}

// The same, and it opens. The SYN,ACK is left to look at.
static hc_conn open_fast(struct fx_peer *p, const uint8_t *cookie, uint32_t len)
{
	hc_conn conn;

	put_fast_syn(p, cookie, COOKIE_BYTES, len);
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	return conn;
}

// The ordinary way: only the SYN is acknowledged, and nobody was told.
static const struct frame_view *expect_ordinary(struct fx_peer *p, uint32_t len)
{
	const struct frame_view *v = fx_peer_take(p, FRAME_SYN | FRAME_ACK);

	UNIT_EQ(v->ack, p->seq - len);
	CU_ASSERT_PTR_NULL(fx_next_event());
	return v;
}

// ------------------------------------------------------------------------------------- the server

static void data_on_the_syn_is_there_before_the_handshake_is_over(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES], got[100];
	const struct frame_view *v;
	hc_conn conn;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_cookies_sent), 1);
	conn = open_fast(&p, cookie, 100);
	UNIT_EQ(hc_recv_copy(fx.worker, conn, got, sizeof got), 100);
	for (unsigned i = 0; i < 100; i++)
		UNIT_EXPECT(got[i] == fx_byte(p.seq - 101 + i));
	UNIT_EQ(fx.worker->fastopen_pending, 1);
	// The answer does not wait, and neither does our FIN.
	UNIT_EQ(hc_send(fx.worker, conn, "answer", 6, HC_SEND_STATIC), 6);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(v->ack, p.seq);
	UNIT_EQ(v->has_fastopen, false);
	v = fx_expect_tcp(FRAME_ACK | FRAME_PSH | FRAME_FIN);
	UNIT_EQ(v->seq, p.ack);
	UNIT_EQ(v->payload_len, 6);
	p.ack += 7;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	UNIT_EQ(fx.worker->fastopen_pending, 0);
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_accepted), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_synack) + fx_ctr(HC_CTR_rtx_data), 0);
	fx_shut();
}

static void the_final_ack_alone_completes_it(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];
	struct hc_conn_info info;
	hc_conn conn;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	conn = open_fast(&p, cookie, 10);
	UNIT_EQ(fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->ack, p.seq);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx.worker->fastopen_pending, 0);
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.unacked_bytes, 0);
	fx_wait_ms(120000);
	fx_expect_silence();
	fx_shut();
}

static void who_only_asks_is_opened_the_ordinary_way(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t first[COOKIE_BYTES], again[COOKIE_BYTES], other[COOKIE_BYTES];
	const struct frame_view *v;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, first);
	get_cookie(FX_PEER, again);
	get_cookie(FX_PEER + 1, other);
	UNIT_EQ_BYTES(first, again, COOKIE_BYTES);
	CU_ASSERT(memcmp(first, other, COOKIE_BYTES) != 0);
	put_fast_syn(&p, NULL, 0, 50);
	v = expect_ordinary(&p, 50);
	UNIT_EQ(v->cookie_len, COOKIE_BYTES);
	p.seq -= 50;
	fx_peer_put(&p, FRAME_ACK, 50);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	(void)fx_expect_event(HC_EV_DATA);
	fx_forget();
	fx_shut();
}

// RFC 7413 5.1, 6.3.1 and 4.2.2: what is no cookie of that address opens nothing, and gets one.
static void a_cookie_that_is_not_theirs_opens_nothing(void)
{
	uint8_t right[COOKIE_BYTES], other[COOKIE_BYTES], wrong[16] = {0};
	const struct {
		const uint8_t *cookie;
		uint32_t len;
	} bad[] = {{wrong, 4}, {wrong, 8}, {wrong, 16}, {other, 8}, {right, 6}};

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, right);
	get_cookie(FX_PEER + 7, other);
	for (unsigned i = 0; i < HC_ARRAY_LEN(bad); i++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;

		p.port = (uint16_t)(100 + i);
		put_fast_syn(&p, bad[i].cookie, bad[i].len, 20);
		v = expect_ordinary(&p, 20);
		UNIT_EQ(v->cookie_len, COOKIE_BYTES);
		if (v->cookie_len == COOKIE_BYTES)
			UNIT_EQ_BYTES(v->cookie, right, COOKIE_BYTES);
		UNIT_EQ(fx_ctr(HC_CTR_fastopen_bad_cookie), i + 1);
	}
	for (unsigned bit = 0; bit < 8 * COOKIE_BYTES; bit += 5) {
		struct fx_peer p = fx_peer_new();

		p.port = (uint16_t)(200 + bit);
		memcpy(wrong, right, COOKIE_BYTES);
		wrong[bit / 8] ^= (uint8_t)(1u << bit % 8);
		put_fast_syn(&p, wrong, COOKIE_BYTES, 20);
		(void)fx_next_tcp(); // An ordinary SYN,ACK, or a SYN cookie's: the minis are few.
		CU_ASSERT_PTR_NULL(fx_next_event());
	}
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_accepted), 0);
	fx_forget();
	fx_shut();
}

static void pass_epochs(unsigned n)
{
	fx.now_ns += (uint64_t)n * EPOCH_MS * FX_MS;
	fx_step();
	fx_put_arp(1, FX_PEER, FX_LOCAL, fx.peer_mac);
	fx_step();
	fx_forget();
}

// RFC 7413 4.1.2: keys change, and the one before is good for one more change.
static void an_old_cookie_is_renewed_and_an_older_one_refused(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t old[COOKIE_BYTES], young[COOKIE_BYTES];
	const struct frame_view *v;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, old);
	pass_epochs(1);
	(void)open_fast(&p, old, 10);
	v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(v->cookie_len, COOKIE_BYTES);
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_cookies_sent), 2);
	memcpy(young, v->cookie, COOKIE_BYTES);
	CU_ASSERT(memcmp(young, old, COOKIE_BYTES) != 0);
	fx_peer_put(&p, FRAME_ACK, 0);
	pass_epochs(1);
	p = fx_peer_new();
	p.port++;
	put_fast_syn(&p, old, COOKIE_BYTES, 10);
	(void)expect_ordinary(&p, 10);
	p = fx_peer_new();
	p.port += 2;
	(void)open_fast(&p, young, 10);
	fx_forget();
	fx_shut();
}

// A SYN that the network, or an attacker, repeats.
static void a_syn_that_comes_again_delivers_nothing_again(void)
{
	struct fx_peer p = fx_peer_new();
	struct fx_peer again;
	uint8_t cookie[COOKIE_BYTES];
	struct hc_conn_info info;
	hc_conn conn;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	again = p;
	conn = open_fast(&p, cookie, 30);
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	// With its data: the SYN,ACK goes out again.
	put_fast_syn(&again, cookie, COOKIE_BYTES, 30);
	UNIT_EQ(fx_expect_tcp(FRAME_SYN | FRAME_ACK)->ack, p.seq);
	// Without, as a client sends it again.
	again.seq = p.seq - 31;
	fx_peer_put(&again, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_SYN | FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	again.seq = p.seq - 31;
	put_fast_syn(&again, cookie, COOKIE_BYTES, 30);
	(void)fx_expect_tcp(FRAME_ACK); // RFC 5961 4.2, or out of window.
	fx_expect_silence();
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.readable_bytes, 30);
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_accepted), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_synack), 2);
	fx_shut();
}

// RFC 9293 3.10.7.4, fifth: the ACK of a SYN that was not ours opens nothing.
static void with_timestamps(struct hc_stack_config *cfg)
{
	with_fast_open(cfg);
	cfg->has_timestamps = true;
}

// A SYN at a time of the peer's, with the cookie and so many bytes, as a frame of its own.
static void put_timed_syn(struct fx_peer *p, const uint8_t *cookie, uint32_t tsval, uint32_t len)
{
	struct syn_options o;
	uint8_t opt[sizeof o + 12] = {1, 1, 8, 10};

	with_cookie(p, &o, cookie, COOKIE_BYTES);
	frame_put32(opt + 4, tsval);
	memcpy(opt + 12, o.bytes, p->opt_len);
	p->opt = opt;
	p->opt_len += 12;
	fx_peer_put(p, FRAME_SYN, len);
	p->opt_len = 0;
	fx_step();
}

// RFC 7323 4.3 (2): never an older one's.
static void a_syn_that_comes_again_has_its_own_time_echoed(void)
{
	static const uint32_t told[] = {5000, 6000, 5000}, echoed[] = {5000, 6000, 6000};
	const struct fx_options o = {.set_cfg = with_timestamps};
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];

	fx_open(&o);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	for (unsigned i = 0; i < HC_ARRAY_LEN(told); i++) {
		struct fx_peer again = p;

		put_timed_syn(&again, cookie, told[i], 30);
		UNIT_EQ(fx_expect_tcp(FRAME_SYN | FRAME_ACK)->tsecr, echoed[i]);
	}
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_accepted), 1);
	fx_forget();
	fx_shut();
}

static void an_ack_of_anything_else_is_reset(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];
	uint32_t right;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	(void)open_fast(&p, cookie, 30);
	right = fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->seq + 1;
	for (int off = -1; off <= 1; off += 2) {
		p.ack = right + (uint32_t)off;
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		UNIT_EQ(fx_expect_tcp(FRAME_RST)->seq, p.ack);
	}
	UNIT_EQ(fx_ctr(HC_CTR_tcp_ack_unsent), 2);
	UNIT_EQ(fx.worker->fastopen_pending, 1);
	fx_expect_silence();
	fx_shut();
}

// RFC 7413 5.1: those that were reset count on, or the limit could be got round by resets.
static void there_are_so_many_before_their_handshake_is_over(void)
{
	uint8_t cookie[COOKIE_BYTES];
	struct fx_peer p[6];

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	for (unsigned i = 0; i < 4; i++) {
		p[i] = fx_peer_new();
		p[i].port = (uint16_t)(100 + i);
		(void)open_fast(&p[i], cookie, 10);
		(void)fx_peer_take(&p[i], FRAME_SYN | FRAME_ACK);
	}
	p[4] = fx_peer_new();
	p[4].port = 104;
	put_fast_syn(&p[4], cookie, COOKIE_BYTES, 10);
	(void)expect_ordinary(&p[4], 10);
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_limited), 1);
	fx_peer_put(&p[0], FRAME_RST | FRAME_ACK, 0);
	fx_peer_put(&p[1], FRAME_ACK, 0);
	fx_step();
	fx_expect_reason(HC_EV_RESET, HC_REASON_RESET);
	// One place is free: that of the one which completed.
	for (unsigned i = 0; i < 2; i++) {
		p[5] = fx_peer_new();
		p[5].port = (uint16_t)(105 + i);
		put_fast_syn(&p[5], cookie, COOKIE_BYTES, 10);
		UNIT_EQ(fx_next_event() != NULL, i == 0);
		UNIT_EQ(fx_peer_take(&p[5], FRAME_SYN | FRAME_ACK)->ack,
			p[5].seq - (i == 0 ? 0 : 10));
		fx_forget();
	}
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_limited), 2);
	UNIT_EQ(fx.worker->fastopen_pending, 3);
	fx_wait_ms(60001);
	fx_forget();
	p[5] = fx_peer_new();
	p[5].port = 110;
	(void)open_fast(&p[5], cookie, 10);
	fx_forget();
	fx_shut();
}

static void few_retries(struct hc_stack_config *cfg)
{
	with_fast_open(cfg);
	cfg->synack_retries = 2;
}

static void a_syn_ack_that_is_lost_comes_again_and_then_the_data(void)
{
	const struct fx_options o = {.set_cfg = few_retries};
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];
	const struct frame_view *v;
	hc_conn conn;

	fx_open(&o);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	conn = open_fast(&p, cookie, 10);
	UNIT_EQ(hc_send(fx.worker, conn, "lost", 4, HC_SEND_STATIC), 4);
	fx_step();
	fx_forget();
	fx_wait_ms(fx.cfg.rto_init_ms + 1);
	UNIT_EQ(fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->ack, p.seq);
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_wait_ms(2950); // RFC 6298 5.7.
	fx_expect_silence();
	fx_wait_ms(100);
	v = fx_expect_tcp(FRAME_ACK | FRAME_PSH);
	UNIT_EQ(v->seq, p.ack);
	UNIT_EQ(v->payload_len, 4);
	fx_forget();
	fx_shut();
}

static void who_never_answers_is_given_up(void)
{
	const struct fx_options o = {.set_cfg = few_retries};
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];

	fx_open(&o);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	(void)open_fast(&p, cookie, 10);
	fx_wait_ms(fx.cfg.rto_init_ms * 7 + 10);
	fx_expect_reason(HC_EV_RESET, HC_REASON_TIMED_OUT);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_synack), 2);
	UNIT_EQ(fx_ctr(HC_CTR_conn_timed_out), 1);
	UNIT_EQ(fx.worker->fastopen_pending, 0);
	fx_forget();
	fx_shut();
}

// RFC 9293 3.9.1.1: the user timeout counts for our SYN as for all else.
static void the_user_timeout_counts_from_the_first_syn_ack(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];
	hc_conn conn;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	conn = open_fast(&p, cookie, 10);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_USER_TIMEOUT_MS, 10000), 0);
	fx_forget();
	fx_wait_ms(2500);
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	fx_expect_silence();
	fx_wait_ms(7400);
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_wait_ms(200);
	fx_expect_reason(HC_EV_RESET, HC_REASON_TIMED_OUT);
	fx_forget();
	fx_shut();
}

// The pointer counts from the SYN.
static void urgent_data_on_the_syn_is_told_of(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];
	struct syn_options o;
	struct frame_tcp f;
	hc_conn conn;

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	for (uint16_t pointer = 0; pointer < 3; pointer++) {
		p = fx_peer_new();
		p.port = (uint16_t)(p.port + pointer);
		with_cookie(&p, &o, cookie, COOKIE_BYTES);
		f = fx_peer_frame(&p, FRAME_SYN, 100);
		f.flags |= HC_TCP_URG;
		f.urp = pointer;
		fx_peer_put_raw(&f);
		fx_step();
		conn = fx_expect_event(HC_EV_ACCEPTED);
		if (pointer == 2)
			fx_expect_urgent(conn, 1);
		UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
		CU_ASSERT_PTR_NULL(fx_next_event());
		UNIT_EQ(hc_abort(fx.worker, conn), 0);
		fx_step();
		fx_forget();
	}
	fx_shut();
}

static void an_abort_gives_the_place_back(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];

	fx_open(&fast);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	UNIT_EQ(hc_abort(fx.worker, open_fast(&p, cookie, 10)), 0);
	UNIT_EQ(fx.worker->fastopen_pending, 0);
	fx_forget();
	fx_shut();
}

static void with_nagle(struct hc_stack_config *cfg)
{
	with_fast_open(cfg);
	cfg->has_nodelay = false;
}

// Our SYN in flight is no data: the first small answer goes, and the second waits for its ACK.
static void nagle_does_not_hold_the_answer_to_a_syns_data(void)
{
	const struct fx_options o = {.set_cfg = with_nagle};
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];
	hc_conn conn;

	fx_open(&o);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	conn = open_fast(&p, cookie, 100);
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(hc_send(fx.worker, conn, "answer", 6, HC_SEND_STATIC), 6);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 6);
	UNIT_EQ(hc_send(fx.worker, conn, "more", 4, HC_SEND_STATIC), 4);
	fx_step();
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK, 0); // Of the SYN alone.
	fx_step();
	CU_ASSERT_PTR_NULL(fx_next_tcp());
	p.ack += 6;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 4);
	fx_forget();
	fx_shut();
}

// A router says of our packet `ip` that it cannot go on, for a size or for another reason.
static void put_unreachable(const uint8_t *ip, uint8_t code, uint16_t mtu)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 0, mtu, ip, 28);

	memset(frame, 0, 6);
	frame[FRAME_L4] = 3;
	frame[FRAME_L4 + 1] = code;
	frame_fix_l4_csum(frame, len);
	fx_put(frame, len);
	fx_step();
}

// RFC 1191: our SYN is in flight, but it is no data that could be sent again in smaller pieces.
static void a_router_says_too_big_before_the_handshake_is_over(void)
{
	static const uint8_t answer[3000];

	for (unsigned has_answer = 0; has_answer < 2; has_answer++) {
		struct fx_peer p = fx_peer_new();
		uint8_t cookie[COOKIE_BYTES], ip[28];
		const struct frame_view *v;
		const struct fx_out *o;
		hc_conn conn;

		fx_open(&fast);
		listen_fast();
		get_cookie(FX_PEER, cookie);
		conn = open_fast(&p, cookie, 30);
		o = fx_next();
		CU_ASSERT_PTR_NOT_NULL_FATAL(o);
		memcpy(ip, o->bytes + FRAME_IP, sizeof ip);
		p.ack = o->view.seq + 1;
		if (has_answer)
			UNIT_EQ(hc_send(fx.worker, conn, answer, sizeof answer, HC_SEND_STATIC),
				sizeof answer);
		fx_step();
		fx_forget();
		ip[2] = 1500 >> 8;
		ip[3] = 1500 & 0xff;
		put_unreachable(ip, 4, 1006);
		v = fx_next_tcp();
		if (has_answer) {
			CU_ASSERT_PTR_NOT_NULL_FATAL(v);
			UNIT_EQ(v->seq, p.ack);
			UNIT_EQ(v->payload_len, 966);
		} else {
			CU_ASSERT_PTR_NULL(v);
		}
		fx_forget();
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		fx_forget();
		fx_shut();
	}
}

static void with_keepalive(struct hc_stack_config *cfg)
{
	with_fast_open(cfg);
	cfg->has_keepalive = true;
}

static void keepalive_is_everybodys_also_of_who_opens_fast(void)
{
	const struct fx_options o = {.set_cfg = with_keepalive};
	struct fx_peer p = fx_peer_new();
	uint8_t cookie[COOKIE_BYTES];
	uint32_t value = 0;
	hc_conn conn;

	fx_open(&o);
	listen_fast();
	get_cookie(FX_PEER, cookie);
	conn = open_fast(&p, cookie, 30);
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_KEEPALIVE, &value), 0);
	UNIT_EQ(value, 1);
	fx_forget();
	fx_wait_ms(7199000);
	fx_expect_silence();
	fx_wait_ms(1500);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack - 1);
	fx_forget();
	fx_shut();
}

static void a_listener_that_did_not_ask_for_it_knows_nothing_of_it(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct fx_peer p = fx_peer_new();

		fx_open(i ? &fast : NULL);
		(void)fx_listen(i ? 0 : HC_CONN_FAST_OPEN);
		put_fast_syn(&p, NULL, 0, 0);
		UNIT_EQ(expect_ordinary(&p, 0)->has_fastopen, false);
		fx_shut();
	}
}

// ------------------------------------------------------------------------------------- the client

static const uint8_t request[3000] = "GET";
static const uint8_t server_cookie[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static const struct frame_view *connect_fast(struct fx_peer *p, uint32_t bytes, hc_conn *conn)
{
	const struct hc_connect_args args = {.remote_addr = p->addr,
					     .remote_port = p->port,
					     .flags = HC_CONN_FAST_OPEN,
					     .data = request,
					     .data_bytes = bytes};
	const uint32_t cookie = 1;
	const struct frame_view *v;

	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, conn, 1), 1);
	fx_step();
	v = fx_peer_take(p, FRAME_SYN);
	p->local_port = v->sport;
	return v;
}

// The peer's SYN,ACK acknowledges `bytes` of the data on the SYN.
static void answer_fast(struct fx_peer *p, const uint8_t *cookie, uint32_t len, uint32_t bytes)
{
	struct syn_options o;

	with_cookie(p, &o, cookie, len);
	if (!cookie)
		p->opt_len = 4;
	p->ack += bytes;
	fx_peer_put(p, FRAME_SYN | FRAME_ACK, 0);
	p->opt_len = 0;
	fx_step();
}

// The next connection to the peer has a cookie.
static void learn_cookie(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	hc_conn conn;

	v = connect_fast(&p, 10, &conn);
	UNIT_EQ(v->has_fastopen, true);
	UNIT_EQ(v->cookie_len, 0);
	UNIT_EQ(v->payload_len, 0);
	answer_fast(&p, server_cookie, sizeof server_cookie, 0);
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 10);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	fx_forget();
}

// A SYN with data: the peer's next is behind the SYN alone.
static const struct frame_view *connect_with_data(struct fx_peer *p, uint32_t bytes, hc_conn *conn)
{
	const struct frame_view *v = connect_fast(p, bytes, conn);

	p->ack = v->seq + 1;
	UNIT_EQ(v->cookie_len, sizeof server_cookie);
	if (v->cookie_len == sizeof server_cookie)
		UNIT_EQ_BYTES(v->cookie, server_cookie, sizeof server_cookie);
	UNIT_EQ_BYTES(v->payload, request, v->payload_len);
	return v;
}

static void the_second_connection_sends_its_request_on_the_syn(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&fast);
	learn_cookie();
	UNIT_EQ(connect_with_data(&p, 100, &conn)->payload_len, 100);
	answer_fast(&p, NULL, 0, 100);
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	fx_wait_ms(5000);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_syn_data), 1);
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_taken), 1);
	UNIT_EQ(fx_ctr(HC_CTR_fastopen_not_taken), 0);
	fx_shut();
}

// RFC 7413 4.2.2: the server may answer in its SYN,ACK. The cookie beside the answer is learned.
static void an_answer_in_the_syn_ack_is_taken_and_its_cookie_learned(void)
{
	static const uint8_t newer[] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
	struct fx_peer p = fx_peer_new();
	struct syn_options o;
	uint8_t got[300];
	hc_conn conn;

	fx_open(&fast);
	learn_cookie();
	(void)connect_with_data(&p, 100, &conn);
	with_cookie(&p, &o, newer, sizeof newer);
	p.ack += 100;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK | FRAME_FIN, 300);
	p.opt_len = 0;
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
	UNIT_EQ(hc_recv_copy(fx.worker, conn, got, sizeof got), 300);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	fx_forget();
	p = fx_peer_new();
	UNIT_EQ_BYTES(connect_fast(&p, 100, &conn)->cookie, newer, sizeof newer);
	fx_shut();
}

// RFC 7413 4.2: what the server did not take is sent as ever.
// All that one frame can have: HC_EVENTS_PER_FRAME.
static void a_syn_ack_that_has_everything_is_told_in_order(void)
{
	struct hc_event ev[HC_EVENTS_PER_FRAME];
	static const uint8_t type[HC_EVENTS_PER_FRAME] = {HC_EV_OPENED, HC_EV_URGENT, HC_EV_SENT,
							  HC_EV_DATA, HC_EV_PEER_CLOSED};
	static const uint16_t info[HC_EVENTS_PER_FRAME] = {0, 49, 0, 100, 0};
	struct fx_peer p = fx_peer_new();
	struct frame_tcp f;
	hc_conn conn;

	fx_open(&fast);
	learn_cookie();
	(void)connect_with_data(&p, 100, &conn);
	p.ack += 100;
	f = fx_peer_frame(&p, FRAME_SYN | FRAME_ACK | FRAME_FIN, 100);
	f.flags |= HC_TCP_URG;
	f.urp = 50;
	fx_peer_put_raw(&f);
	UNIT_EQ(hc_step(fx.worker, fx.now_ns, ev, HC_EVENTS_PER_FRAME), HC_EVENTS_PER_FRAME);
	for (unsigned i = 0; i < HC_EVENTS_PER_FRAME; i++) {
		UNIT_EQ(ev[i].type, type[i]);
		UNIT_EQ(ev[i].info, info[i]);
		UNIT_EQ(ev[i].conn, conn);
	}
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	fx_forget();
	fx_shut();
}

static void what_the_syn_ack_leaves_out_is_sent_behind_it(void)
{
	static const uint32_t taken[] = {0, 1, 60, 99};

	for (unsigned i = 0; i < HC_ARRAY_LEN(taken); i++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;
		hc_conn conn;

		fx_open(&fast);
		learn_cookie();
		UNIT_EQ(connect_with_data(&p, 100, &conn)->payload_len, 100);
		answer_fast(&p, NULL, 0, taken[i]);
		UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
		(void)fx_expect_tcp(FRAME_ACK);
		v = fx_expect_tcp(FRAME_ACK | FRAME_PSH);
		UNIT_EQ(v->seq, p.ack);
		UNIT_EQ(v->payload_len, 100 - taken[i]);
		UNIT_EQ_BYTES(v->payload, request + taken[i], v->payload_len);
		p.ack += v->payload_len;
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
		fx_expect_silence();
		UNIT_EQ(fx_ctr(HC_CTR_fastopen_taken), taken[i] != 0);
		UNIT_EQ(fx_ctr(HC_CTR_fastopen_not_taken), taken[i] == 0);
		fx_shut();
	}
}

static void a_long_request_is_cut_to_the_mss_less_the_options(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	hc_conn conn;

	fx_open(&fast);
	learn_cookie();
	v = connect_with_data(&p, sizeof request, &conn);
	// The MSS option, and the cookie's twelve bytes.
	UNIT_EQ(v->payload_len, 1460 - 4 - 12);
	answer_fast(&p, NULL, 0, v->payload_len);
	(void)fx_expect_event(HC_EV_OPENED);
	(void)fx_expect_tcp(FRAME_ACK);
	v = fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(v->seq, p.ack);
	UNIT_EQ_BYTES(v->payload, request + 1444, v->payload_len);
	fx_forget();
	fx_shut();
}

// What a server announces is not to be trusted with the size of our buffers.
static void no_data_goes_to_a_server_that_announces_no_room_for_it(void)
{
	static const uint8_t tiny[] = {2, 4, 0, 1, 1, 1, 34, 12, 1, 2,
				       3, 4, 5, 6, 7, 8, 9,  10, 1, 1};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	hc_conn conn;

	fx_open(&fast);
	(void)connect_fast(&p, 10, &conn);
	p.opt = tiny;
	p.opt_len = sizeof tiny;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	p.opt_len = 0;
	fx_step();
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	fx_forget();
	p = fx_peer_new();
	v = connect_with_data(&p, 1000, &conn);
	UNIT_EQ(v->payload_len, 0);
	fx_forget();
	fx_shut();
}

static void an_ack_beyond_the_data_of_the_syn_is_reset(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&fast);
	learn_cookie();
	(void)connect_with_data(&p, 100, &conn);
	answer_fast(&p, NULL, 0, 101);
	(void)fx_expect_tcp(FRAME_RST);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_sent_bad), 1);
	fx_expect_silence();
	fx_shut();
}

// RFC 7413 4.1.3.1: there are middleboxes that drop what they do not know.
static void a_syn_sent_again_has_neither_data_nor_option(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	hc_conn conn;

	fx_open(&fast);
	learn_cookie();
	(void)connect_with_data(&p, 100, &conn);
	fx_wait_ms(fx.cfg.rto_init_ms + 1);
	v = fx_peer_take(&p, FRAME_SYN);
	UNIT_EQ(v->has_fastopen, false);
	UNIT_EQ(v->payload_len, 0);
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 100);
	fx_forget();
	// Nor does the next connection have it, for a while.
	p = fx_peer_new();
	UNIT_EQ(connect_fast(&p, 100, &conn)->has_fastopen, false);
	fx_wait_ms(600000);
	fx_forget();
	p = fx_peer_new();
	UNIT_EQ(connect_fast(&p, 100, &conn)->has_fastopen, true);
	fx_shut();
}

static void a_server_that_gives_no_cookie_is_not_asked_again(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&fast);
	UNIT_EQ(connect_fast(&p, 100, &conn)->has_fastopen, true);
	answer_fast(&p, NULL, 0, 0);
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	fx_forget();
	p = fx_peer_new();
	UNIT_EQ(connect_fast(&p, 100, &conn)->has_fastopen, false);
	fx_forget();
	fx_shut();
}

// RFC 7413 4.1.3.1: nor one that does not take what the SYN brings, for a while; unless it says
// with which cookie it would. A SYN that went again without data was not refused. An ICMP error for
// one with data counts as refused.
static void a_server_that_takes_no_data_is_not_asked_again(void)
{
	static const uint8_t newer[] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9};

	for (unsigned i = 0; i < 5; i++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;
		hc_conn conn;

		fx_open(&fast);
		learn_cookie();
		(void)connect_with_data(&p, sizeof request, &conn);
		if (i == 2) {
			put_unreachable(fx.out[0].bytes + FRAME_IP, 4, 1006);
			(void)fx_expect_tcp(FRAME_SYN);
		} else if (i == 4) {
			put_unreachable(fx.out[0].bytes + FRAME_IP, 1, 0);
			(void)fx_expect_event(HC_EV_SOFT_ERROR);
		}
		answer_fast(&p, i == 1 ? newer : NULL, i == 1 ? sizeof newer : 0, i > 2);
		UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
		UNIT_EQ(hc_abort(fx.worker, conn), 0);
		fx_step();
		fx_forget();
		p = fx_peer_new();
		v = connect_fast(&p, 100, &conn);
		UNIT_EQ(v->has_fastopen, i % 4 != 0);
		UNIT_EQ(v->payload_len, i % 4 ? 100 : 0);
		UNIT_EQ(hc_abort(fx.worker, conn), 0);
		fx_wait_ms(HC_FASTOPEN_OFF_MS);
		fx_forget();
		p = fx_peer_new();
		UNIT_EQ(connect_fast(&p, 100, &conn)->has_fastopen, true);
		fx_forget();
		fx_shut();
	}
}

static void data_given_with_connect_needs_no_fast_open(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	UNIT_EQ(connect_fast(&p, 100, &conn)->has_fastopen, false);
	answer_fast(&p, NULL, 0, 0);
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 100);
	fx_forget();
	fx_shut();
}

static void so_many_servers_are_remembered(void)
{
	static struct hc_fastopen_cache cache;
	const struct hc_fastopen_peer *p;

	memset(&cache, 0, sizeof cache);
	for (uint32_t i = 0; i < 10 * HC_FASTOPEN_PEERS; i++) {
		// The first is used all the time.
		if (i)
			CU_ASSERT_PTR_NOT_NULL(hc_fastopen_find(&cache, hc_to_be32(1), i));
		hc_fastopen_learn(&cache, hc_to_be32(1 + i), i, 1000, server_cookie,
				  4 + 2 * (i % 3));
	}
	UNIT_EQ(cache.count, HC_FASTOPEN_PEERS);
	p = hc_fastopen_find(&cache, hc_to_be32(10 * HC_FASTOPEN_PEERS), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	UNIT_EQ(p->mss, 1000);
	CU_ASSERT_PTR_NULL(hc_fastopen_find(&cache, hc_to_be32(2), 0));
}

UNIT_SUITE(fastopen, UNIT_TEST(data_on_the_syn_is_there_before_the_handshake_is_over),
	   UNIT_TEST(the_final_ack_alone_completes_it),
	   UNIT_TEST(who_only_asks_is_opened_the_ordinary_way),
	   UNIT_TEST(a_cookie_that_is_not_theirs_opens_nothing),
	   UNIT_TEST(an_old_cookie_is_renewed_and_an_older_one_refused),
	   UNIT_TEST(a_syn_that_comes_again_delivers_nothing_again),
	   UNIT_TEST(an_ack_of_anything_else_is_reset),
	   UNIT_TEST(a_syn_that_comes_again_has_its_own_time_echoed),
	   UNIT_TEST(there_are_so_many_before_their_handshake_is_over),
	   UNIT_TEST(a_syn_ack_that_is_lost_comes_again_and_then_the_data),
	   UNIT_TEST(who_never_answers_is_given_up),
	   UNIT_TEST(the_user_timeout_counts_from_the_first_syn_ack),
	   UNIT_TEST(urgent_data_on_the_syn_is_told_of), UNIT_TEST(an_abort_gives_the_place_back),
	   UNIT_TEST(nagle_does_not_hold_the_answer_to_a_syns_data),
	   UNIT_TEST(a_router_says_too_big_before_the_handshake_is_over),
	   UNIT_TEST(keepalive_is_everybodys_also_of_who_opens_fast),
	   UNIT_TEST(a_listener_that_did_not_ask_for_it_knows_nothing_of_it),
	   UNIT_TEST(the_second_connection_sends_its_request_on_the_syn),
	   UNIT_TEST(an_answer_in_the_syn_ack_is_taken_and_its_cookie_learned),
	   UNIT_TEST(a_syn_ack_that_has_everything_is_told_in_order),
	   UNIT_TEST(what_the_syn_ack_leaves_out_is_sent_behind_it),
	   UNIT_TEST(a_long_request_is_cut_to_the_mss_less_the_options),
	   UNIT_TEST(no_data_goes_to_a_server_that_announces_no_room_for_it),
	   UNIT_TEST(an_ack_beyond_the_data_of_the_syn_is_reset),
	   UNIT_TEST(a_syn_sent_again_has_neither_data_nor_option),
	   UNIT_TEST(a_server_that_gives_no_cookie_is_not_asked_again),
	   UNIT_TEST(a_server_that_takes_no_data_is_not_asked_again),
	   UNIT_TEST(data_given_with_connect_needs_no_fast_open),
	   UNIT_TEST(so_many_servers_are_remembered));
