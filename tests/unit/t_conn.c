// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The application's calls on listeners and connections: what they send, what they report, and what
// each limit does when it is reached.

#include "fx_stack.h"

#include <errno.h>
#include <string.h>

#include <rte_mempool.h>

static int connect_why; // Why the last connect_n() did not take all.

static unsigned connect_n(unsigned n)
{
	const struct hc_connect_args args = {
		.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT, .why = &connect_why};
	static const uint32_t cookie[64];

	return hc_connect(fx.worker, &args, cookie, NULL, n);
}

static enum hc_conn_state state_of(hc_conn conn)
{
	struct hc_conn_info info;

	return hc_conn_info(fx.worker, conn, &info) == 0 ? info.state : HC_CLOSED;
}

static void with_sack(struct hc_stack_config *cfg)
{
	cfg->has_sack = true;
	cfg->has_timestamps = true;
}

static void with_delayed_ack(struct hc_stack_config *cfg)
{
	cfg->delayed_ack_ms = 100;
}

// Ours always says so, a SYN,ACK only to who said it.
static void syns_permit_sack(void)
{
	static const uint8_t permitted[] = {2, 4, 5, 0xb4, 1, 1, 4, 2};
	const struct fx_options o = {.set_cfg = with_sack};

	for (unsigned permits = 0; permits < 2; permits++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;

		fx_open(&o);
		UNIT_EQ(connect_n(1), 1);
		fx_step();
		CU_ASSERT(fx_expect_tcp(FRAME_SYN)->permits_sack);
		(void)fx_listen(0);
		p.opt = permitted;
		p.opt_len = permits ? sizeof permitted : 4;
		p.local_port = FX_PORT;
		fx_peer_put(&p, FRAME_SYN, 0);
		fx_step();
		v = fx_expect_tcp(FRAME_SYN | FRAME_ACK);
		UNIT_EQ(v->permits_sack, permits);
		fx_forget();
		fx_shut();
	}
}

// The frame at the head of what was sent, without what differs from one SYN to the next.
static uint32_t next_syn(uint8_t *bytes)
{
	static const uint8_t differs[][2] = {
		{FRAME_IP + 10, 2}, // Checksum.
		{FRAME_IP + 12, 4}, // Source address.
		{FRAME_L4, 2},      // Source port.
		{FRAME_L4 + 4, 4},  // Sequence number.
		{FRAME_L4 + 16, 2}, // Checksum.
	};
	const struct fx_out *out = fx_next();

	CU_ASSERT_FATAL(out != NULL);
	UNIT_EQ(out->view.flags, FRAME_SYN);
	memcpy(bytes, out->bytes, out->len);
	for (unsigned i = 0; i < HC_ARRAY_LEN(differs); i++)
		memset(bytes + differs[i][0], 0, differs[i][1]);
	return out->len;
}

// Four and more of one call are written by a form: nobody sees that.
static void many_syns_are_like_one(void)
{
	const struct fx_options o = {.set_cfg = with_sack};
	uint8_t one[FX_FRAME_BYTES], other[FX_FRAME_BYTES];
	uint32_t len;

	fx_open(&o);
	UNIT_EQ(connect_n(1), 1);
	fx_step();
	fx_forget();
	UNIT_EQ(connect_n(1), 1);
	fx_step();
	len = next_syn(one);
	UNIT_EQ(connect_n(8), 8);
	fx_step();
	for (unsigned i = 0; i < 8; i++) {
		UNIT_EQ(next_syn(other), len);
		UNIT_EQ_BYTES(other, one, len);
	}
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_active), 10);
	fx_shut();
}

static void opening_and_closing_takes_the_client_four_segments(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	fx_close(&p, fx_connect(&p, 0));
	fx_expect_silence();
	// SYN, ACK, FIN, ACK, after the announcement and the answer to the peer's ARP.
	UNIT_EQ(fx_ctr(HC_CTR_tx_packets), 2 + 4);
	UNIT_EQ(fx_ctr(HC_CTR_tx_bytes), 2 * 42 + 58 + 3 * 54); // The SYN has an MSS option.
	UNIT_EQ(fx_ctr(HC_CTR_rx_packets), 1 + 3);
	UNIT_EQ(fx_ctr(HC_CTR_rx_arp), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rx_tcp), 3);
	UNIT_EQ(fx_ctr(HC_CTR_rx_bytes), 42 + 3 * 54);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_active), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_established_active), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tw_entered), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tx_rst), 0);
	fx_shut();
}

static void opening_and_closing_takes_the_server_three_segments(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_PEER_CLOSED);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_ACK);
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tx_packets), 2 + 3);
	fx_shut();
}

// The exchange of six: SYN, SYN-ACK, ACK with request, response with FIN, FIN, ACK.
static void the_request_rides_on_the_handshakes_ack_and_the_fin_on_the_last(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER,
					     .remote_port = FX_PEER_PORT,
					     .flags = HC_CONN_PIGGYBACK | HC_CONN_MERGE_CLOSE};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	const uint32_t cookie = 1;
	struct hc_event ev[64];
	uint8_t buf[256];
	hc_conn conn;

	fx_open(NULL);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN);
	p.local_port = v->sport;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	UNIT_EQ(hc_step(fx.worker, fx.now_ns, ev, 64), 1);
	UNIT_EQ(ev[0].type, HC_EV_OPENED);
	UNIT_EQ(hc_send(fx.worker, conn, "GET", 3, HC_SEND_STATIC), 3);
	hc_flush(fx.worker);
	fx_step();
	v = fx_peer_take(&p, FRAME_PSH | FRAME_ACK);
	UNIT_EQ(v->payload_len, 3);
	fx_peer_put(&p, FRAME_PSH | FRAME_ACK | FRAME_FIN, 100);
	UNIT_EQ(hc_step(fx.worker, fx.now_ns, ev, 64), 3);
	UNIT_EQ(ev[0].type, HC_EV_SENT);
	UNIT_EQ(ev[1].type, HC_EV_DATA);
	UNIT_EQ(ev[2].type, HC_EV_PEER_CLOSED);
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, sizeof buf), 100);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	hc_flush(fx.worker);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_FIN | FRAME_ACK)->ack, p.seq);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tx_packets), 2 + 3);
	fx_shut();
}

static void the_response_carries_the_servers_fin(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_event ev[64];
	uint8_t buf[64];
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(HC_CONN_PIGGYBACK | HC_CONN_MERGE_CLOSE);
	fx_open_half(&p);
	fx_peer_put(&p, FRAME_ACK | FRAME_PSH, 10);
	UNIT_EQ(hc_step(fx.worker, fx.now_ns, ev, 64), 2);
	conn = ev[0].conn;
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, sizeof buf), 10);
	UNIT_EQ(hc_send(fx.worker, conn, buf, sizeof buf, 0), sizeof buf);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	hc_flush(fx.worker);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_PSH | FRAME_FIN | FRAME_ACK)->payload_len, sizeof buf);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_SENT);
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	(void)fx_expect_tcp(FRAME_ACK);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tx_packets), 2 + 3);
	fx_shut();
}

static void a_stale_handle_is_refused_by_every_call(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	struct hc_chunk chunk;
	uint8_t buf[4];
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_step();
	fx_expect_reason(HC_EV_RESET, HC_REASON_RESET);
	UNIT_EQ(connect_n(1), 1); // Its block is another's now.
	for (unsigned i = 0; i < 2; i++) {
		UNIT_EQ(hc_send(fx.worker, conn, "x", 1, 0), 0);
		UNIT_EQ(hc_recv(fx.worker, conn, &chunk, 1), 0);
		UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, 4), 0);
		UNIT_EQ(hc_shutdown(fx.worker, conn), -ESTALE);
		UNIT_EQ(hc_close(fx.worker, conn), -ESTALE);
		UNIT_EQ(hc_abort(fx.worker, conn), -ESTALE);
		UNIT_EQ(hc_conn_set_cookie(fx.worker, conn, 1), -ESTALE);
		UNIT_EQ(hc_conn_info(fx.worker, conn, &info), -ESTALE);
		UNIT_EQ(fx_ctr(HC_CTR_stale_handles), 7 * (i + 1));
		conn = HC_CONN_NONE;
	}
	fx_shut();
}

// A handle is one word of 64 bits, and no other names the connection.
static void a_handle_with_any_bit_wrong_is_stale(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	for (unsigned bit = 0; bit < 64; bit++) {
		UNIT_EQ(hc_conn_info(fx.worker, conn ^ 1ull << bit, &info), -ESTALE);
		UNIT_EQ(hc_send(fx.worker, conn ^ 1ull << bit, "x", 1, HC_SEND_STATIC), 0);
	}
	UNIT_EQ(fx_ctr(HC_CTR_stale_handles), 64);
	fx_close(&p, conn);
	fx_shut();
}

static void closing_twice_is_told(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	UNIT_EQ(hc_shutdown(fx.worker, conn), -EALREADY);
	UNIT_EQ(hc_send(fx.worker, conn, "x", 1, 0), 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	UNIT_EQ(hc_close(fx.worker, conn), -EALREADY);
	UNIT_EQ(state_of(conn), HC_FIN_WAIT_1);
	fx_shut();
}

static void a_half_closed_connection_still_receives(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t buf[64];
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 30);
	fx_step();
	(void)fx_expect_event(HC_EV_DATA);
	UNIT_EQ(state_of(conn), HC_FIN_WAIT_2);
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, sizeof buf), 30);
	for (unsigned i = 0; i < 30; i++)
		UNIT_EXPECT(buf[i] == fx_byte(p.seq - 30 + i));
	// It may last: only who closes whole is given up (RFC 9293 3.6).
	fx_wait_ms(10 * fx.cfg.fin_wait2_ms);
	UNIT_EQ(state_of(conn), HC_FIN_WAIT_2);
	fx_forget();
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	fx_shut();
}

static void closing_with_unread_data_resets(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	fx_peer_put(&p, FRAME_ACK, 5);
	fx_step();
	(void)fx_expect_event(HC_EV_DATA);
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	// The event is late: it comes with the next step.
	UNIT_EQ(hc_next_due_ns(fx.worker), fx.now_ns);
	fx_step();
	fx_expect_reason(HC_EV_RESET, HC_REASON_ABORTED);
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	UNIT_EQ(fx_ctr(HC_CTR_conn_reset_out), 1);
	fx_shut();
}

// In SYN-SENT.
static hc_conn connect_only(struct fx_peer *p, unsigned flags)
{
	const struct hc_connect_args args = {
		.remote_addr = p->addr, .remote_port = p->port, .flags = (uint16_t)flags};
	const uint32_t cookie = 5;
	hc_conn conn;

	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	p->local_port = fx_peer_take(p, FRAME_SYN)->sport;
	return conn;
}

// RFC 9293 3.10.7.3: with the handshake's ACK, which does not wait for more.
static void text_and_fin_of_a_synack_are_taken(void)
{
	for (unsigned i = 0; i < 8; i++) {
		const struct fx_options o = {.set_cfg = with_delayed_ack};
		unsigned flags = i & 1 ? FRAME_FIN : 0;
		uint32_t len = i & 2 ? 1000 : 0;
		struct fx_peer p = fx_peer_new();
		uint32_t first = p.seq;
		uint8_t got[1000];
		hc_conn conn;

		fx_open(&o);
		conn = connect_only(&p, i & 4 ? HC_CONN_PIGGYBACK | HC_CONN_MERGE_CLOSE : 0);
		fx_peer_put(&p, FRAME_SYN | FRAME_ACK | flags, len);
		fx_step();
		UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
		if (len)
			UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
		if (flags)
			UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
		fx_expect_silence();
		UNIT_EQ(hc_recv_copy(fx.worker, conn, got, sizeof got), len);
		for (unsigned k = 0; k < len; k++)
			UNIT_EXPECT(got[k] == fx_byte(first + k));
		fx_shut();
	}
}

static void data_after_close_resets(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 1);
	fx_step();
	fx_expect_reason(HC_EV_RESET, HC_REASON_ABORTED);
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_data_after_close), 1);
	fx_shut();
}

static void closing_before_the_answer_fails_the_opening(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = 1};
	const uint32_t cookie = 77;
	hc_conn conn;

	fx_open(NULL);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	UNIT_EQ(fx.event[0].cookie, 77);
	fx_expect_reason(HC_EV_FAILED, HC_REASON_ABORTED);
	UNIT_EQ(fx_ctr(HC_CTR_conn_failed_aborted), 1);
	fx_shut();
}

static void an_rst_for_our_syn_is_a_refusal(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;

	fx_open(NULL);
	UNIT_EQ(connect_n(1), 1);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN);
	p.local_port = v->sport;
	fx_peer_put(&p, FRAME_ACK, 0); // Not a SYN: nothing.
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_step();
	fx_expect_reason(HC_EV_FAILED, HC_REASON_REFUSED);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_sent_bad), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_failed_refused), 1);
	fx_shut();
}

static void an_abort_is_silent_to_the_application(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_conn_reset_out), 1);
	fx_shut();
}

static void abort_all_forgets_everything(void)
{
	struct fx_peer p = fx_peer_new();
	struct fx_peer half = fx_peer_new();

	fx_open(NULL);
	(void)fx_listen(0);
	fx_close(&p, fx_connect(&p, 0));
	UNIT_EQ(connect_n(2), 2);
	half.port = 41000;
	fx_peer_put(&half, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(hc_abort_all(fx.worker), 2);
	UNIT_EQ(fx_ctr(HC_CTR_tw_forgotten), 1);
	UNIT_EQ(fx_ctr(HC_CTR_syn_reset), 1);
	UNIT_EQ(hc_pool_used(&fx.worker->tcb_pool), 0);
	UNIT_EQ(fx.worker->tuples.used_count, 0);
	fx_shut();
}

static void an_ended_listener_forgets_the_half_open_alone(void)
{
	struct fx_peer p = fx_peer_new();
	struct fx_peer half = fx_peer_new();
	hc_conn conn;
	int listener;

	fx_open(NULL);
	listener = fx_listen(0);
	conn = fx_accept(&p);
	half.port++;
	fx_open_half(&half);
	UNIT_EQ(hc_unlisten(fx.worker, listener), 0);
	UNIT_EQ(hc_unlisten(fx.worker, listener), -ENOENT);
	UNIT_EQ(hc_unlisten(fx.worker, -1), -ENOENT);
	fx_peer_put(&half, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_no_connection), 1);
	UNIT_EQ(state_of(conn), HC_ESTABLISHED);
	fx_shut();
}

static void a_port_has_one_listener_and_a_worker_so_many(void)
{
	struct hc_listen_args args = {.port = 1, .backlog = 1};

	fx_open(NULL);
	UNIT_EQ(hc_listen(fx.worker, &args), 0);
	UNIT_EQ(hc_listen(fx.worker, &args), -EADDRINUSE);
	args.port = 2;
	UNIT_EQ(hc_listen(fx.worker, &args), 1);
	args.port = 3;
	UNIT_EQ(hc_listen(fx.worker, &args), -ENOSPC);
	args.port = 0;
	UNIT_EQ(hc_listen(fx.worker, &args), -EINVAL);
	fx_shut();
}

static void small_caps(struct hc_stack_config *cfg)
{
	cfg->conn_cap = 2;
	cfg->syn_cap = 2;
	cfg->time_wait_cap = 1;
}

static void the_control_blocks_are_so_many(void)
{
	const struct fx_options o = {.set_cfg = small_caps};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	(void)fx_listen(0);
	UNIT_EQ(connect_n(3), 2);
	UNIT_EQ(connect_why, -ENOMEM);
	UNIT_EQ(fx_ctr(HC_CTR_connect_no_memory), 1);
	fx_step();
	fx_forget();
	fx_open_half(&p);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_conn_no_memory), 1);
	// A block is free again, and the peer's ACK comes again.
	(void)hc_abort(fx.worker, hc_handle(fx.worker, 0));
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_ACCEPTED);
	fx_shut();
}

static void small_caps_no_cookies(struct hc_stack_config *cfg)
{
	small_caps(cfg);
	cfg->syn_cookies = HC_SYN_COOKIES_NEVER;
}

static void the_half_open_are_so_many(void)
{
	const struct fx_options o = {.set_cfg = small_caps_no_cookies};
	struct hc_listen_args args = {.port = 81, .backlog = 1};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	(void)fx_listen(0);
	UNIT_EQ(hc_listen(fx.worker, &args), 1);
	p.local_port = 81;
	for (unsigned i = 0; i < 2; i++, p.port++)
		fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_backlog), 1);
	p.local_port = FX_PORT;
	for (unsigned i = 0; i < 2; i++, p.port++)
		fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_syn_no_memory), 1);
	UNIT_EQ(fx_ctr(HC_CTR_conn_opened_passive), 2);
	fx_shut();
}

static void the_time_waits_are_so_many(void)
{
	const struct fx_options o = {.set_cfg = small_caps};

	fx_open(&o);
	for (unsigned i = 0; i < 2; i++) {
		struct fx_peer p = fx_peer_new();

		fx_close(&p, fx_connect(&p, 0));
	}
	UNIT_EQ(fx_ctr(HC_CTR_tw_entered), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tw_no_memory), 1);
	fx_shut();
}

static void few_tuples(struct hc_stack_config *cfg)
{
	cfg->tuple_cap = 3;
}

static void the_tuples_are_so_many(void)
{
	const struct fx_options o = {.set_cfg = few_tuples};

	fx_open(&o);
	UNIT_EQ(connect_n(5), 3);
	UNIT_EQ(connect_why, -EADDRNOTAVAIL);
	UNIT_EQ(fx_ctr(HC_CTR_connect_no_port), 1);
	fx_shut();
}

static void without_buffers_nothing_is_opened(void)
{
	const struct fx_options o = {.buffer_count = 63};
	struct rte_mbuf *held[64];
	unsigned n = 0;

	fx_open(&o);
	while (n < 64 && (held[n] = rte_pktmbuf_alloc(fx.port[0]->pool[0])) != NULL)
		n++;
	rte_pktmbuf_free_bulk(fx.worker->spare, fx.worker->spare_count);
	fx.worker->spare_count = 0;
	while (n < 64 && (held[n] = rte_pktmbuf_alloc(fx.port[0]->pool[0])) != NULL)
		n++;
	UNIT_EQ(connect_n(1), 0);
	UNIT_EQ(connect_why, -ENOBUFS);
	UNIT_EQ(fx_ctr(HC_CTR_connect_no_buffer), 1);
	UNIT_EQ(fx_ctr(HC_CTR_tx_no_buffer), 1);
	rte_pktmbuf_free_bulk(held, n);
	UNIT_EQ(connect_n(1), 1);
	UNIT_EQ(connect_why, 0);
	fx_shut();
}

static void no_time_wait(struct hc_stack_config *cfg)
{
	cfg->time_wait_ms = 0;
}

static void a_time_wait_of_nothing_is_skipped(void)
{
	const struct fx_options o = {.set_cfg = no_time_wait};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	fx_close(&p, fx_connect(&p, 0));
	UNIT_EQ(fx_ctr(HC_CTR_tw_skipped), 1);
	UNIT_EQ(fx.worker->tuples.used_count, 0);
	fx_shut();
}

static void a_larger_syn_ends_time_wait(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	uint32_t last;
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	fx_close(&p, conn);
	last = p.ack;
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0); // RFC 1337: ignored.
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_time_wait_old), 1);
	p.seq += 5;
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	CU_ASSERT((int32_t)(v->seq - last) > 0);
	UNIT_EQ(fx_ctr(HC_CTR_tw_reused), 1);
	fx_shut();
}

static void who_closed_whole_does_not_wait_for_ever(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_wait_ms(fx.cfg.fin_wait2_ms - 1);
	UNIT_EQ(state_of(conn), HC_FIN_WAIT_2);
	fx_wait_ms(2);
	fx_expect_reason(HC_EV_RESET, HC_REASON_TIMED_OUT);
	UNIT_EQ(fx_ctr(HC_CTR_conn_fin_wait2_expired), 1);
	fx_shut();
}

static void a_fin_without_answer_is_sent_again_and_given_up(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	for (unsigned i = 0; i < 40 && state_of(conn) != HC_CLOSED; i++)
		fx_wait_ms(60000);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_fin), fx.cfg.data_retries);
	UNIT_EQ(fx_ctr(HC_CTR_conn_timed_out), 1);
	fx_forget();
	fx_shut();
}

static void a_half_open_connection_is_given_up(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	(void)fx_listen(0);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	fx_wait_ms(200000);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_synack), fx.cfg.synack_retries);
	UNIT_EQ(fx_ctr(HC_CTR_syn_expired), 1);
	fx_shut();
}

static void one_port(struct hc_stack_config *cfg)
{
	cfg->port_lo = cfg->port_hi = FX_PORT;
}

static void two_syns_that_cross_open_one_connection(void)
{
	const struct fx_options o = {.set_cfg = one_port};
	struct fx_peer p = fx_peer_new();

	fx_open(&o);
	UNIT_EQ(connect_n(1), 1);
	fx_step();
	(void)fx_peer_take(&p, FRAME_SYN);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_SYN | FRAME_ACK)->ack, p.seq);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(state_of(fx_expect_event(HC_EV_OPENED)), HC_ESTABLISHED);
	fx_expect_silence();
	fx_shut();
}

static void two_fins_that_cross_close_in_time_wait(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	hc_flush(fx.worker);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
	UNIT_EQ(state_of(conn), HC_CLOSING);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_CLOSED), conn);
	UNIT_EQ(fx_ctr(HC_CTR_tw_entered), 1);
	fx_forget();
	fx_shut();
}

// Frame times of one run of a connection that nobody answers, in jumps or in every millisecond.
static unsigned run_unanswered(bool in_jumps, uint64_t at_ns[16])
{
	unsigned n = 0;

	fx_open(NULL);
	UNIT_EQ(connect_n(1), 1);
	fx_step();
	if (in_jumps)
		fx_wait_ms(40000);
	for (unsigned ms = 0; ms < 40000 && !in_jumps; ms++) {
		fx_step();
		fx.now_ns += FX_MS;
	}
	for (const struct fx_out *o = fx_next(); o && n < 16; o = fx_next())
		at_ns[n++] = o->at_ns;
	fx_forget();
	fx_shut();
	return n;
}

static void the_next_due_time_is_never_late(void)
{
	uint64_t jumps[16], steps[16];
	unsigned n = run_unanswered(true, jumps);

	UNIT_EQ(run_unanswered(false, steps), n);
	CU_ASSERT(n >= 6);
	for (unsigned i = 0; i < n; i++)
		UNIT_EQ(jumps[i], steps[i]);
}

static void a_snapshot_is_what_was_published(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_snapshot snap;
	struct hc_footprint foot;

	fx_open(NULL);
	(void)fx_listen(0);
	(void)fx_accept(&p);
	UNIT_EQ(connect_n(2), 2);
	hc_worker_publish(fx.worker);
	hc_worker_snapshot(fx.worker, &snap);
	UNIT_EQ(snap.t_ns, fx.now_ns);
	UNIT_EQ(snap.conn_live, 3);
	UNIT_EQ(snap.conn_established, 1);
	UNIT_EQ(snap.syn_live + snap.time_wait_live, 0);
	UNIT_EQ_BYTES(snap.counter, fx.worker->ctr, sizeof snap.counter);
	// By itself within two milliseconds of stepping.
	fx_wait_ms(1);
	fx_wait_ms(1);
	hc_worker_snapshot(fx.worker, &snap);
	CU_ASSERT(snap.t_ns + 2 * FX_MS >= fx.now_ns);
	UNIT_EQ(hc_worker_latency(fx.worker, HC_LATENCY_CONNECT)->count, 0);
	hc_worker_footprint(fx.worker, &foot);
	CU_ASSERT(foot.conn_bytes > 128 && foot.conn_bytes < 400);
	CU_ASSERT(foot.time_wait_bytes >= 32 && foot.time_wait_bytes < 64);
	fx_shut();
}

static void impossible_configurations_are_refused_with_a_reason(void)
{
	static const struct {
		size_t at;
		uint32_t value;
	} bad[] = {
		{offsetof(struct hc_stack_config, local_addr), 0},
		{offsetof(struct hc_stack_config, local_addr), 0xe0000001},
		{offsetof(struct hc_stack_config, gateway), FX_LOCAL},
		{offsetof(struct hc_stack_config, conn_cap), 0},
		{offsetof(struct hc_stack_config, conn_cap), 1u << 30},
		{offsetof(struct hc_stack_config, time_wait_cap), 0},
		{offsetof(struct hc_stack_config, neigh_cap), 0},
		{offsetof(struct hc_stack_config, neigh_queue_cap), 256},
		{offsetof(struct hc_stack_config, listener_cap), 65535},
		{offsetof(struct hc_stack_config, rcv_buf_bytes), 100},
		{offsetof(struct hc_stack_config, snd_buf_bytes), 100},
		{offsetof(struct hc_stack_config, rto_init_ms), 0},
		{offsetof(struct hc_stack_config, rto_max_ms), 1},
		{offsetof(struct hc_stack_config, arp_ttl_ms), 0},
	};

	fx_open(NULL);
	for (unsigned i = 0; i < HC_ARRAY_LEN(bad); i++) {
		struct hc_stack_config cfg = fx.cfg;
		struct hc_worker *w;
		const char *bad_why = NULL;

		memcpy((uint8_t *)&cfg + bad[i].at, &bad[i].value, sizeof bad[i].value);
		UNIT_EQ(hc_worker_create(fx.port[0], 0, &cfg, &w, &bad_why), -EINVAL);
		CU_ASSERT(bad_why && strlen(bad_why) > 10);
	}
	fx_shut();
}

// RFC 9293 MUST-46.
static void nobodys_and_everybodys_address_is_refused(void)
{
	static const uint32_t bad[] = {0xffffffffu, 0x0a0000ffu, 0xe0000001u, 0xf0000001u,
				       0x7f000001u, 0,           FX_LOCAL};
	static const uint32_t cookie[3];
	int why;
	struct hc_connect_args args = {.remote_port = FX_PEER_PORT, .why = &why};

	fx_open(NULL);
	for (unsigned i = 0; i < HC_ARRAY_LEN(bad); i++) {
		args.remote_addr = bad[i];
		why = 0;
		UNIT_EQ(hc_connect(fx.worker, &args, cookie, NULL, 3), 0);
		UNIT_EQ(why, -ENETUNREACH);
		UNIT_EQ(fx_ctr(HC_CTR_connect_bad_address), 3 * (i + 1));
	}
	fx_step();
	fx_expect_silence();
	fx_shut();
}

static void with_scale(struct hc_stack_config *cfg)
{
	cfg->has_window_scale = true;
	cfg->rcv_buf_bytes = 200000;
}

// RFC 7323 2.2: the SYN,ACK of a simultaneous open has a window scale if the SYN had one.
static void simultaneous_open_scales_with_who_scales(void)
{
	static const uint8_t wscale_0[] = {1, 3, 3, 0};
	const struct fx_options o = {.set_cfg = with_scale};

	for (unsigned scales = 0; scales < 2; scales++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;

		fx_open(&o);
		UNIT_EQ(connect_n(1), 1);
		fx_step();
		v = fx_peer_take(&p, FRAME_SYN);
		UNIT_EQ(v->has_wscale, true);
		p.local_port = v->sport;
		if (scales) {
			p.opt = wscale_0;
			p.opt_len = sizeof wscale_0;
		}
		fx_peer_put(&p, FRAME_SYN, 0);
		fx_step();
		v = fx_expect_tcp(FRAME_SYN | FRAME_ACK);
		UNIT_EQ(v->has_wscale, scales);
		if (scales)
			UNIT_EQ(v->wscale, 2);
		fx_forget();
		fx_shut();
	}
}

static void with_source_addresses(struct hc_stack_config *cfg)
{
	cfg->clients = (struct hc_prefix){.addr = 0x0a000040, .len = 28};
}

// RFC 9293 MUST-43: of the addresses that there are, on whatever port is free.
static void an_opening_may_choose_its_source_address(void)
{
	const struct fx_options o = {.set_cfg = with_source_addresses};
	struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	static const uint32_t not_ours[] = {FX_LOCAL, 0x0a000040, 0x0a00004f, 0x0a000050};
	const uint32_t cookie[4] = {0};
	uint16_t port[4];
	int why;

	fx_open(&o);
	args.why = &why;
	args.local_addr = 0x0a000045;
	UNIT_EQ(hc_connect(fx.worker, &args, cookie, NULL, 4), 4);
	fx_step();
	for (unsigned i = 0; i < 4; i++) {
		const struct frame_view *v = fx_expect_tcp(FRAME_SYN);

		UNIT_EQ(v->src, args.local_addr);
		port[i] = v->sport;
		for (unsigned k = 0; k < i; k++)
			CU_ASSERT(port[k] != port[i]);
	}
	// Until its ports are used up: of 64 tuples each address has four.
	UNIT_EQ(hc_connect(fx.worker, &args, cookie, NULL, 1), 0);
	UNIT_EQ(why, -EADDRNOTAVAIL);
	for (unsigned i = 0; i < HC_ARRAY_LEN(not_ours); i++) {
		args.local_addr = not_ours[i];
		UNIT_EQ(hc_connect(fx.worker, &args, cookie, NULL, 1), 0);
		UNIT_EQ(why, -EADDRNOTAVAIL);
	}
	args.local_addr = 0x0a000046;
	UNIT_EQ(hc_connect(fx.worker, &args, cookie, NULL, 1), 1);
	UNIT_EQ(fx_ctr(HC_CTR_connect_no_port), 1 + 4);
	fx_step();
	fx_forget();
	fx_shut();
}

UNIT_SUITE(conn, UNIT_TEST(simultaneous_open_scales_with_who_scales),
	   UNIT_TEST(nobodys_and_everybodys_address_is_refused), UNIT_TEST(many_syns_are_like_one),
	   UNIT_TEST(opening_and_closing_takes_the_client_four_segments),
	   UNIT_TEST(opening_and_closing_takes_the_server_three_segments),
	   UNIT_TEST(the_request_rides_on_the_handshakes_ack_and_the_fin_on_the_last),
	   UNIT_TEST(the_response_carries_the_servers_fin),
	   UNIT_TEST(a_stale_handle_is_refused_by_every_call),
	   UNIT_TEST(a_handle_with_any_bit_wrong_is_stale), UNIT_TEST(closing_twice_is_told),
	   UNIT_TEST(a_half_closed_connection_still_receives),
	   UNIT_TEST(closing_with_unread_data_resets),
	   UNIT_TEST(text_and_fin_of_a_synack_are_taken), UNIT_TEST(data_after_close_resets),
	   UNIT_TEST(closing_before_the_answer_fails_the_opening),
	   UNIT_TEST(an_rst_for_our_syn_is_a_refusal),
	   UNIT_TEST(an_abort_is_silent_to_the_application),
	   UNIT_TEST(abort_all_forgets_everything),
	   UNIT_TEST(an_ended_listener_forgets_the_half_open_alone),
	   UNIT_TEST(a_port_has_one_listener_and_a_worker_so_many),
	   UNIT_TEST(the_control_blocks_are_so_many), UNIT_TEST(the_half_open_are_so_many),
	   UNIT_TEST(the_time_waits_are_so_many), UNIT_TEST(the_tuples_are_so_many),
	   UNIT_TEST(without_buffers_nothing_is_opened),
	   UNIT_TEST(a_time_wait_of_nothing_is_skipped), UNIT_TEST(a_larger_syn_ends_time_wait),
	   UNIT_TEST(who_closed_whole_does_not_wait_for_ever),
	   UNIT_TEST(a_fin_without_answer_is_sent_again_and_given_up),
	   UNIT_TEST(a_half_open_connection_is_given_up),
	   UNIT_TEST(two_syns_that_cross_open_one_connection),
	   UNIT_TEST(two_fins_that_cross_close_in_time_wait),
	   UNIT_TEST(the_next_due_time_is_never_late), UNIT_TEST(a_snapshot_is_what_was_published),
	   UNIT_TEST(impossible_configurations_are_refused_with_a_reason),
	   UNIT_TEST(syns_permit_sack), UNIT_TEST(an_opening_may_choose_its_source_address));
