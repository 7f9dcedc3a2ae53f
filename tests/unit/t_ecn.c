// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Explicit congestion notification (RFC 3168) of a whole worker: who has it, what is marked, what
// is echoed and what an echo does.

#include "fx_stack.h"

#define ECN_SYN (FRAME_ECE | FRAME_CWR)
#define ECT0    2u
#define CE      3u
#define MSS     1460u

static void with_ecn(struct hc_stack_config *cfg)
{
	cfg->has_ecn = true;
	cfg->congestion = HC_CONGESTION_NEWRENO;
}

static const struct fx_options ecn_on = {.set_cfg = with_ecn};
static uint8_t text[64 * MSS];

// Our SYN with `syn_flags` is answered by a SYN,ACK with `answer` in it.
static hc_conn connect_ecn(struct fx_peer *p, unsigned syn_flags, unsigned answer)
{
	static const uint8_t mss[] = {2, 4, MSS >> 8, MSS & 0xff};
	const struct hc_connect_args args = {.remote_addr = p->addr, .remote_port = p->port};
	const uint32_t cookie = 5;
	const struct frame_view *v;
	hc_conn conn = HC_CONN_NONE;

	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	v = fx_peer_take(p, FRAME_SYN | syn_flags);
	p->local_addr = v->src;
	p->local_port = v->sport;
	p->opt = mss;
	p->opt_len = sizeof mss;
	fx_peer_put(p, FRAME_SYN | FRAME_ACK | answer, 0);
	p->opt_len = 0;
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	(void)fx_expect_tcp(FRAME_ACK);
	return conn;
}

static void queue(hc_conn conn, uint32_t len)
{
	UNIT_EQ(hc_send(fx.worker, conn, text, len, HC_SEND_STATIC), len);
	fx_step();
}

// What the next segments of data carry, all of them taken by the peer but not acknowledged.
struct sent {
	unsigned segments;
	unsigned capable; // ECT(0).
	unsigned cwr;
	unsigned first_cwr; // Its number, from 1.
};

static struct sent take_data(struct fx_peer *p)
{
	const struct frame_view *v;
	struct sent s = {0};

	while ((v = fx_next_tcp()) != NULL) {
		if (v->payload_len == 0)
			continue;
		s.segments++;
		s.capable += v->tos == ECT0;
		s.cwr += (v->flags & FRAME_CWR) != 0;
		if (v->flags & FRAME_CWR && s.first_cwr == 0)
			s.first_cwr = s.segments;
		if ((int32_t)(v->seq + v->payload_len - p->ack) > 0)
			p->ack = v->seq + v->payload_len;
	}
	fx_forget();
	return s;
}

static void who_opened_has_it_when_the_syn_ack_says_ece_alone(void)
{
	static const unsigned answer[] = {0, FRAME_ECE, FRAME_CWR, FRAME_ECE | FRAME_CWR};

	for (unsigned i = 0; i < HC_ARRAY_LEN(answer); i++) {
		bool has_ecn = answer[i] == FRAME_ECE;
		struct fx_peer p = fx_peer_new();
		struct sent s;

		fx_open(&ecn_on);
		queue(connect_ecn(&p, ECN_SYN, answer[i]), 100);
		s = take_data(&p);
		UNIT_EQ(s.segments, 1);
		UNIT_EQ(s.capable, has_ecn);
		UNIT_EQ(fx_ctr(HC_CTR_ecn_negotiated), has_ecn);
		fx_shut();
	}
}

static void who_listens_has_it_when_the_syn_says_ece_and_cwr(void)
{
	static const unsigned asked[] = {0, FRAME_ECE, FRAME_CWR, ECN_SYN};

	for (unsigned i = 0; i < HC_ARRAY_LEN(asked); i++) {
		bool has_ecn = asked[i] == ECN_SYN;
		struct fx_peer p = fx_peer_new();
		hc_conn conn;

		fx_open(&ecn_on);
		(void)fx_listen(0);
		fx_peer_put(&p, FRAME_SYN | asked[i], 0);
		fx_step();
		(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK | (has_ecn ? FRAME_ECE : 0));
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		conn = fx_expect_event(HC_EV_ACCEPTED);
		queue(conn, 100);
		UNIT_EQ(take_data(&p).capable, has_ecn);
		UNIT_EQ(fx_ctr(HC_CTR_ecn_negotiated), has_ecn);
		fx_shut();
	}
}

static void without_the_option_nobody_has_it(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	queue(connect_ecn(&p, 0, FRAME_ECE), 100);
	UNIT_EQ(take_data(&p).capable, 0);
	(void)fx_listen(0);
	p = fx_peer_new();
	fx_peer_put(&p, FRAME_SYN | ECN_SYN, 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	fx_forget();
	fx_shut();
}

// RFC 3168 6.1.1.1: there are middleboxes that eat such SYNs.
static void a_syn_sent_again_does_not_ask(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	const uint32_t cookie = 1;
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	hc_conn conn;

	fx_open(&ecn_on);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	(void)fx_expect_tcp(FRAME_SYN | ECN_SYN);
	fx_wait_ms(1100);
	v = fx_peer_take(&p, FRAME_SYN);
	p.local_port = v->sport;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_ACK);
	queue(conn, 100);
	UNIT_EQ(take_data(&p).capable, 0);
	fx_shut();
}

static void a_second_syn_that_does_not_ask_is_believed(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(&ecn_on);
	(void)fx_listen(0);
	fx_peer_put(&p, FRAME_SYN | ECN_SYN, 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK | FRAME_ECE);
	p.seq--;
	fx_open_half(&p);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	queue(fx_expect_event(HC_EV_ACCEPTED), 100);
	UNIT_EQ(take_data(&p).capable, 0);
	fx_shut();
}

// RFC 3168 6.1.4, 6.1.5: neither ACKs nor what is sent again; frame_check() sees to the ACKs.
static void only_new_data_is_marked(void)
{
	struct fx_peer p = fx_peer_new();
	struct sent s;
	hc_conn conn;

	fx_open(&ecn_on);
	conn = connect_ecn(&p, ECN_SYN, FRAME_ECE);
	queue(conn, 3 * MSS);
	s = take_data(&p);
	UNIT_EQ(s.segments, 3);
	UNIT_EQ(s.capable, 3);
	fx_wait_ms(fx.cfg.rto_min_ms + 1);
	s = take_data(&p);
	UNIT_EQ(s.segments, 1);
	UNIT_EQ(s.capable, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_FIN | FRAME_ACK)->tos, 0);
	fx_forget();
	fx_shut();
}

// RFC 3168 6.1.6.
static void a_probe_is_not_marked(void)
{
	struct fx_peer p = fx_peer_new();
	struct sent s;
	hc_conn conn;

	fx_open(&ecn_on);
	conn = connect_ecn(&p, ECN_SYN, FRAME_ECE);
	p.wnd = 0;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	queue(conn, 100);
	fx_wait_ms(fx.cfg.rto_min_ms + 1);
	s = take_data(&p);
	UNIT_EQ(s.segments, 1);
	UNIT_EQ(s.capable, 0);
	UNIT_EQ(fx_ctr(HC_CTR_persist_probes), 1);
	fx_shut();
}

static void data_in(struct fx_peer *p, uint8_t tos, unsigned flags, unsigned answer)
{
	p->tos = tos;
	fx_peer_put(p, FRAME_ACK | flags, 10);
	p->tos = 0;
	fx_step();
	(void)fx_expect_event(HC_EV_DATA);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | answer)->tos, 0);
}

// RFC 3168 6.1.3.
static void a_mark_is_echoed_until_the_peer_says_cwr(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&ecn_on);
	conn = connect_ecn(&p, ECN_SYN, FRAME_ECE);
	data_in(&p, ECT0, 0, 0);
	data_in(&p, 1, 0, 0); // ECT(1) is no mark (RFC 8311).
	data_in(&p, CE, 0, FRAME_ECE);
	data_in(&p, ECT0, 0, FRAME_ECE);
	data_in(&p, ECT0, FRAME_CWR, 0);
	data_in(&p, CE, FRAME_CWR, FRAME_ECE);
	// On whatever is sent.
	queue(conn, 10);
	(void)fx_peer_take(&p, FRAME_ACK | FRAME_PSH | FRAME_ECE);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_SENT);
	data_in(&p, ECT0, FRAME_CWR, 0);
	UNIT_EQ(fx_ctr(HC_CTR_ecn_ce_received), 2);
	fx_forget();
	fx_shut();
}

// A marked segment of ten bytes, so far from where the next one belongs. It is answered at once;
// with is_taken the mark counts and is echoed.
static void mark_out_of_place(int offset, bool is_taken)
{
	struct fx_peer p = fx_peer_new();

	fx_open(&ecn_on);
	(void)connect_ecn(&p, ECN_SYN, FRAME_ECE);
	data_in(&p, ECT0, 0, 0);
	p.seq += (uint32_t)offset;
	p.tos = CE;
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_step();
	(void)fx_expect_tcp(FRAME_ACK | (is_taken ? FRAME_ECE : 0));
	UNIT_EQ(fx_ctr(HC_CTR_ecn_ce_received), is_taken);
	fx_expect_silence();
	fx_shut();
}

// An ACK that tells of a gap as well.
static void a_mark_behind_a_gap_is_echoed(void)
{
	mark_out_of_place(100, true);
}

// RFC 3168 6.1.5: what lies outside of the window may be anybody's.
static void a_mark_outside_of_the_window_is_ignored(void)
{
	mark_out_of_place(-10, false);
}

static void a_mark_means_nothing_to_who_did_not_agree(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(&ecn_on);
	(void)connect_ecn(&p, ECN_SYN, 0);
	data_in(&p, CE, 0, 0);
	UNIT_EQ(fx_ctr(HC_CTR_ecn_ce_received), 0);
	fx_shut();
}

static uint32_t cwnd(void)
{
	return fx.worker->block[0].cold.cwnd;
}

// RFC 3168 6.1.2.
static void an_echo_halves_the_window_once_a_round_trip(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t first = 0;
	uint32_t before;
	struct sent s;
	hc_conn conn;

	fx_open(&ecn_on);
	conn = connect_ecn(&p, ECN_SYN, FRAME_ECE);
	first = p.ack;
	queue(conn, 40 * MSS);
	s = take_data(&p);
	UNIT_EQ(s.segments, 10);
	UNIT_EQ(s.cwr, 0);
	before = cwnd();
	// Two segments are acknowledged, both ACKs with ECE: five are left of ten.
	p.ack = first + MSS;
	fx_peer_put(&p, FRAME_ACK | FRAME_ECE, 0);
	p.ack = first + 2 * MSS;
	fx_peer_put(&p, FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_ecn_reductions), 1);
	UNIT_EQ(cwnd(), before / 2);
	UNIT_EQ(take_data(&p).segments, 0);
	// The rest of the flight: the first that leaves says CWR, and nothing is sent again.
	p.ack = first + 10 * MSS;
	fx_peer_put(&p, FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_ecn_reductions), 1);
	UNIT_EQ(cwnd(), before / 2);
	s = take_data(&p);
	UNIT_EQ(s.segments, 5);
	UNIT_EQ(s.capable, 5);
	UNIT_EQ(s.cwr, 1);
	UNIT_EQ(s.first_cwr, 1);
	// The next round trip has a mark of its own.
	p.ack = first + 11 * MSS;
	fx_peer_put(&p, FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_ecn_reductions), 2);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_data), 0);
	fx_forget();
	fx_shut();
}

static void a_loss_and_an_echo_of_one_round_trip_are_one(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t first, before;
	struct sent s;
	hc_conn conn;

	fx_open(&ecn_on);
	conn = connect_ecn(&p, ECN_SYN, FRAME_ECE);
	first = p.ack;
	queue(conn, 40 * MSS);
	UNIT_EQ(take_data(&p).segments, 10);
	p.ack = first + MSS;
	fx_peer_put(&p, FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	before = fx.worker->block[0].cold.ssthresh;
	UNIT_EQ(before, 5 * MSS);
	// And the second segment is lost.
	for (unsigned i = 0; i < 3; i++)
		fx_peer_put(&p, FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	UNIT_EQ(fx.worker->block[0].cold.ssthresh, before);
	UNIT_EQ(fx_ctr(HC_CTR_ecn_reductions), 1);
	UNIT_EQ(fx_ctr(HC_CTR_fast_recoveries), 1);
	s = take_data(&p);
	UNIT_EQ(s.segments, 1); // What was lost: neither ECT nor CWR.
	UNIT_EQ(s.capable + s.cwr, 0);
	fx_shut();
}

static void a_loss_alone_is_told_as_well(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t first;
	struct sent s;
	hc_conn conn;

	fx_open(&ecn_on);
	conn = connect_ecn(&p, ECN_SYN, FRAME_ECE);
	first = p.ack;
	queue(conn, 40 * MSS);
	(void)take_data(&p);
	p.ack = first;
	for (unsigned i = 0; i < 3; i++)
		fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	(void)take_data(&p);
	p.ack = first + 10 * MSS;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	s = take_data(&p);
	CU_ASSERT(s.segments > 0);
	UNIT_EQ(s.cwr, 1);
	UNIT_EQ(fx_ctr(HC_CTR_ecn_reductions), 0);
	fx_shut();
}

static void always_cookies(struct hc_stack_config *cfg)
{
	with_ecn(cfg);
	cfg->syn_cookies = HC_SYN_COOKIES_ALWAYS;
}

static void a_syn_cookie_has_no_room_for_it(void)
{
	const struct fx_options o = {.set_cfg = always_cookies};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	(void)fx_listen(0);
	fx_peer_put(&p, FRAME_SYN | ECN_SYN, 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	queue(fx_expect_event(HC_EV_ACCEPTED), 100);
	UNIT_EQ(take_data(&p).capable, 0);
	fx_shut();
}

UNIT_SUITE(ecn, UNIT_TEST(who_opened_has_it_when_the_syn_ack_says_ece_alone),
	   UNIT_TEST(who_listens_has_it_when_the_syn_says_ece_and_cwr),
	   UNIT_TEST(without_the_option_nobody_has_it), UNIT_TEST(a_syn_sent_again_does_not_ask),
	   UNIT_TEST(a_second_syn_that_does_not_ask_is_believed),
	   UNIT_TEST(only_new_data_is_marked), UNIT_TEST(a_probe_is_not_marked),
	   UNIT_TEST(a_mark_is_echoed_until_the_peer_says_cwr),
	   UNIT_TEST(a_mark_behind_a_gap_is_echoed),
	   UNIT_TEST(a_mark_outside_of_the_window_is_ignored),
	   UNIT_TEST(a_mark_means_nothing_to_who_did_not_agree),
	   UNIT_TEST(an_echo_halves_the_window_once_a_round_trip),
	   UNIT_TEST(a_loss_and_an_echo_of_one_round_trip_are_one),
	   UNIT_TEST(a_loss_alone_is_told_as_well), UNIT_TEST(a_syn_cookie_has_no_room_for_it));
