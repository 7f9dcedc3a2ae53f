// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Data: 64 KiB each way with losses, windows that close and open again, pieces that outlive their
// connection, and the limits of what may be queued.

#include "fx_stack.h"

#include <errno.h>
#include <string.h>

#define BIG 65536u

static uint8_t big[BIG];

static void fill_big(void)
{
	for (unsigned i = 0; i < BIG; i++)
		big[i] = (uint8_t)(i * 31 + (i >> 8));
}

// The peer takes what comes, except that it loses every `lose`-th segment with data, and answers
// each with an ACK. @return when all of `len` bytes were there.
static void peer_receives(struct fx_peer *p, uint32_t len, unsigned lose)
{
	uint32_t first = p->ack;
	unsigned count = 0;

	for (unsigned round = 0; round < 2000 && p->ack - first < len; round++) {
		const struct frame_view *v;
		bool has_data = false;

		while ((v = fx_next_tcp()) != NULL) {
			uint32_t offset = v->seq - first;

			if (v->payload_len == 0)
				continue;
			has_data = true;
			if (lose && ++count % lose == 0)
				continue;
			UNIT_EXPECT(offset + v->payload_len <= len);
			UNIT_EXPECT(memcmp(v->payload, big + offset, v->payload_len) == 0);
			if (v->seq == p->ack)
				p->ack += v->payload_len;
		}
		fx_forget();
		if (has_data) {
			fx_peer_put(p, FRAME_ACK, 0);
			fx_step();
		} else {
			fx_wait_ms(2000);
		}
	}
	UNIT_EQ(p->ack - first, len);
}

static void send_big(unsigned flags, unsigned lose)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	uint32_t sent = 0;
	hc_conn conn;

	fill_big();
	fx_open(NULL);
	conn = fx_connect(&p, 0);
	while (sent < BIG) {
		size_t n = hc_send(fx.worker, conn, big + sent, BIG - sent, flags);

		CU_ASSERT_FATAL(n > 0);
		sent += (uint32_t)n;
		UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
		UNIT_EQ(info.unacked_bytes, sent);
	}
	fx_step();
	peer_receives(&p, BIG, lose);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_data) > 0, lose > 0);
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.unacked_bytes, 0);
	fx_forget();
	fx_shut();
}

static void more_spans(struct hc_stack_config *cfg)
{
	cfg->span_cap = 64;
}

static void static_data_arrives_whole(void)
{
	send_big(HC_SEND_STATIC, 0);
}

static void static_data_arrives_whole_with_losses(void)
{
	send_big(HC_SEND_STATIC, 5);
}

static void copied_data_arrives_whole_with_losses(void)
{
	const struct fx_options o = {.set_cfg = more_spans};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fill_big();
	fx_open(&o);
	conn = fx_connect(&p, 0);
	for (unsigned i = 0; i < 64; i++) {
		uint8_t piece[1024];

		memcpy(piece, big + i * sizeof piece, sizeof piece);
		UNIT_EQ(hc_send(fx.worker, conn, piece, sizeof piece, 0), sizeof piece);
		memset(piece, 0, sizeof piece); // It is a copy.
	}
	fx_step();
	peer_receives(&p, BIG, 7);
	CU_ASSERT(fx_ctr(HC_CTR_rtx_data) > 0 && fx_ctr(HC_CTR_data_bytes_sent) > BIG);
	fx_forget();
	fx_shut();
}

// The peer keeps what is out of order, and answers each segment with an ACK.
static void a_loss_is_repaired_without_the_timer(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	uint32_t held;

	fill_big();
	fx_open(NULL);
	UNIT_EQ(hc_send(fx.worker, fx_connect(&p, 0), big, BIG, HC_SEND_STATIC), BIG);
	fx_step();
	v = fx_next_tcp();
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->seq, p.ack); // Lost.
	held = v->seq + v->payload_len;
	while ((v = fx_next_tcp()) != NULL) {
		UNIT_EQ(v->seq, held);
		held += v->payload_len;
	}
	for (unsigned i = 0; i < 3; i++)
		fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	v = fx_next_tcp();
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->seq, p.ack);
	UNIT_EQ_BYTES(v->payload, big, v->payload_len);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_fast), 1);
	UNIT_EQ(fx_ctr(HC_CTR_fast_recoveries), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_data), 1);
	fx_forget();
	fx_shut();
}

static void data_that_comes_in_order_is_taken_whole(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t taken = 0;
	uint32_t first;
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	first = p.seq;
	while (taken < BIG) {
		uint8_t buf[3000];
		size_t n;

		// One lost on the way, one ahead of its turn, and half of the first again.
		p.seq += 1000;
		fx_peer_put(&p, FRAME_ACK, 1000);
		p.seq -= 2000;
		fx_peer_put(&p, FRAME_ACK, 1000);
		p.seq -= 500;
		fx_peer_put(&p, FRAME_ACK, 1000);
		p.seq += 500;
		fx_step();
		n = hc_recv_copy(fx.worker, conn, buf, sizeof buf);
		UNIT_EQ(n, 2000);
		for (uint32_t i = 0; i < n; i++)
			UNIT_EXPECT(buf[i] == fx_byte(first + taken + i));
		taken += (uint32_t)n;
		fx_forget();
	}
	UNIT_EQ(fx_ctr(HC_CTR_data_bytes_received), taken);
	CU_ASSERT(fx_ctr(HC_CTR_rx_tcp_held) > 0);
	fx_shut();
}

static void small_window(struct hc_stack_config *cfg)
{
	cfg->rcv_buf_bytes = 4000;
}

static void a_window_closes_and_opens_as_the_application_reads(void)
{
	const struct fx_options o = {.set_cfg = small_window};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	uint8_t buf[4000];
	hc_conn conn;

	fx_open(&o);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	for (unsigned i = 0; i < 4; i++)
		fx_peer_put(&p, FRAME_ACK, 1000);
	fx_step();
	for (unsigned i = 0; i < 3; i++)
		(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 0);
	fx_forget();
	// A probe of one byte is not taken, and told so.
	fx_peer_put(&p, FRAME_ACK, 1);
	p.seq--;
	fx_step();
	v = fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(v->ack, p.seq);
	UNIT_EQ(v->wnd, 0);
	fx_expect_silence();
	// A few bytes read are not worth a word; half the buffer is.
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, 10), 10);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, 4000), 3990);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 4000);
	fx_expect_silence();
	fx_shut();
}

static void with_window(struct hc_stack_config *cfg)
{
	cfg->rcv_buf_bytes = 20000;
}

// RFC 9293 3.8.6.2.2, MUST-39: min(half the buffer, a segment), when nothing less could be sent.
static void a_peer_that_waits_is_told_of_room_for_one_segment(void)
{
	const struct fx_options o = {.set_cfg = with_window};
	struct fx_peer p = fx_peer_new();
	uint8_t buf[4000];
	hc_conn conn;

	fx_open(&o);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	for (unsigned i = 0; i < 19; i++)
		fx_peer_put(&p, FRAME_ACK, 1000);
	fx_step();
	fx_forget();
	// 1000 bytes are offered, which is no segment: whoever has one waits.
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, 1459), 1459);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, 1), 1);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 2460);
	// Now a segment may go, and brings the next word about the window.
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, 4000), 4000);
	fx_step();
	fx_expect_silence();
	fx_peer_put(&p, FRAME_ACK, 1460);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 5000);
	fx_forget();
	fx_shut();
}

static void a_closed_window_is_probed_until_it_opens(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	hc_conn conn;

	fill_big();
	fx_open(NULL);
	conn = fx_connect(&p, 0);
	p.wnd = 0;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(hc_send(fx.worker, conn, big, 3000, HC_SEND_STATIC), 3000);
	fx_step();
	fx_expect_silence();
	for (unsigned i = 0; i < 20; i++) {
		fx_wait_ms(60000);
		while ((v = fx_next_tcp()) != NULL)
			UNIT_EQ(v->payload_len, 1);
		fx_forget();
		fx_peer_put(&p, FRAME_ACK, 0); // It lives, and is still full.
		fx_step();
	}
	CU_ASSERT(fx_ctr(HC_CTR_persist_probes) >= 20);
	p.wnd = 60000;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	peer_receives(&p, 3000, 0);
	fx_forget();
	fx_shut();
}

static void put_with_urgent(struct fx_peer *p, unsigned flags, uint32_t len, uint16_t pointer)
{
	struct frame_tcp f = fx_peer_frame(p, flags, len);

	f.flags |= HC_TCP_URG;
	f.urp = pointer;
	fx_peer_put_raw(&f);
	p->seq +=
		hc_seg_len(&(struct hc_seg){.flags = (uint8_t)flags, .payload_len = (uint16_t)len});
	fx_step();
}

// RFC 6093 2.1, 6: whatever the pointer says, urgent data is delivered in line, and told of.
static void urgent_data_stays_in_line(void)
{
	static const uint16_t pointers[] = {0, 1, 50, 100, 101, 65535};
	struct fx_peer p = fx_peer_new();
	uint8_t buf[1000];
	uint32_t first;
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	first = p.seq;
	for (unsigned i = 0; i < HC_ARRAY_LEN(pointers); i++) {
		put_with_urgent(&p, FRAME_ACK, 100, pointers[i]);
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
		// MUST-32, 33, 62: how much is before what it points at.
		if (pointers[i])
			fx_expect_urgent(conn, 100 * i + pointers[i]);
		(void)fx_expect_event(HC_EV_DATA);
		fx_expect_silence();
	}
	UNIT_EQ(hc_recv_copy(fx.worker, conn, buf, sizeof buf), 600);
	for (uint32_t i = 0; i < 600; i++)
		UNIT_EXPECT(buf[i] == fx_byte(first + i));
	fx_shut();
}

static void lent_pieces_outlive_their_connection(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_chunk chunk[4];
	hc_conn conn;
	unsigned n;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_peer_put(&p, FRAME_ACK, 1200);
	fx_step();
	n = hc_recv(fx.worker, conn, chunk, 4);
	UNIT_EQ(n, 2);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_step();
	fx_forget();
	UNIT_EQ(chunk[0].len, 1000);
	UNIT_EQ(chunk[1].len, 1200);
	for (unsigned i = 0; i < 1200; i++)
		UNIT_EXPECT(chunk[1].data[i] == fx_byte(p.seq - 1200 + i));
	hc_recv_release(fx.worker, conn, chunk, n);
	fx_shut();
}

static void small_pieces_share_a_buffer(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_chunk chunk[4];
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	for (unsigned i = 0; i < 100; i++) {
		fx_peer_put(&p, FRAME_ACK, 3);
		fx_step();
		fx_forget();
	}
	UNIT_EQ(hc_recv(fx.worker, conn, chunk, 4), 1);
	UNIT_EQ(chunk[0].len, 300);
	for (unsigned i = 0; i < 300; i++)
		UNIT_EXPECT(chunk[0].data[i] == fx_byte(p.seq - 300 + i));
	hc_recv_release(fx.worker, conn, chunk, 1);
	fx_shut();
}

static void few_spans(struct hc_stack_config *cfg)
{
	cfg->conn_cap = 2;
	cfg->span_cap = 1;
	cfg->snd_buf_bytes = 2000;
}

static void what_may_be_queued_is_bounded(void)
{
	const struct fx_options o = {.set_cfg = few_spans};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	// The connection's own, and three of the pool.
	for (unsigned i = 0; i < 4; i++)
		UNIT_EQ(hc_send(fx.worker, conn, "a", 1, HC_SEND_STATIC), 1);
	UNIT_EQ(hc_send(fx.worker, conn, "b", 1, HC_SEND_STATIC), 0);
	UNIT_EQ(hc_send(fx.worker, conn, "b", 1, 0), 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_PSH | FRAME_ACK)->payload_len, 4);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	// And so many bytes.
	UNIT_EQ(hc_send(fx.worker, conn, big, 5000, HC_SEND_STATIC), 2000);
	UNIT_EQ(hc_send(fx.worker, conn, big, 1, 0), 0);
	fx_forget();
	fx_shut();
}

static void data_before_the_handshake_waits_for_it(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = FX_PEER_PORT};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	const uint32_t cookie = 1;
	hc_conn conn;

	fx_open(NULL);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	UNIT_EQ(hc_send(fx.worker, conn, "early", 5, 0), 5);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN);
	p.local_port = v->sport;
	fx_expect_silence();
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_event(HC_EV_OPENED);
	v = fx_next_tcp();
	while (v && v->payload_len == 0)
		v = fx_next_tcp();
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ_BYTES(v->payload, "early", 5);
	fx_forget();
	fx_shut();
}

// The last buffers carried all there was to send: it is sent again all the same.
static void what_took_the_last_buffer_has_a_timer(void)
{
	static struct rte_mbuf *held[1024];
	struct fx_peer p = fx_peer_new();
	hc_conn conn;
	unsigned n;

	fill_big();
	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	UNIT_EQ(hc_send(fx.worker, conn, big, 1000, HC_SEND_STATIC), 1000);
	n = fx_hold_buffers(held, HC_ARRAY_LEN(held), 2);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->payload_len, 536);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->payload_len, 464);
	UNIT_EQ(fx_ctr(HC_CTR_tx_no_buffer), 1);
	rte_pktmbuf_free_bulk(held, n);
	fx_step();
	fx_expect_silence();
	fx_wait_ms(1500);
	CU_ASSERT(fx_ctr(HC_CTR_rtx_timeouts) != 0);
	fx_forget();
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_shut();
}

// All but the last byte is acknowledged: that one is kept, and sent again.
static void the_last_byte_waits_for_its_own_acknowledgment(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, "request", 7, HC_SEND_STATIC), 7);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_PSH | FRAME_ACK)->payload_len, 7);
	p.ack--;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_wait_ms(2000);
	v = fx_peer_take(&p, FRAME_PSH | FRAME_ACK);
	UNIT_EQ(v->payload_len, 1);
	UNIT_EQ(v->payload[0], 't');
	fx_forget();
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	fx_forget();
	fx_shut();
}

static void put_urgent(const struct fx_peer *p, uint32_t off, uint32_t len, uint16_t pointer)
{
	struct fx_peer there = *p;

	there.seq += off;
	put_with_urgent(&there, FRAME_ACK, len, pointer);
}

// The pointer may run ahead of the text; what is not taken, or is past already, tells of nothing.
static void urgent_data_is_told_of_before_it_comes(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	put_urgent(&p, 0, 0, 300); // Without text.
	fx_expect_urgent(conn, 300);
	CU_ASSERT_PTR_NULL(fx_next_event());
	put_urgent(&p, 200, 100, 100); // Ahead of its turn.
	fx_expect_urgent(conn, 300);
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_peer_put(&p, FRAME_ACK, 200);
	fx_step();
	(void)fx_expect_event(HC_EV_DATA);
	put_urgent(&p, 0xffffff00, 100, 100); // Old.
	put_urgent(&p, 1u << 20, 100, 100);   // Behind the window.
	put_urgent(&p, 100, 0, 0);
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_forget();
	fx_shut();
}

// RFC 9293 3.10.7.3: behind a SYN,ACK it goes on at the sixth step, which is URG. The pointer
// counts from the SYN.
static void urgent_data_on_a_syn_ack_is_told_of(void)
{
	static const uint16_t pointers[] = {0, 1, 2, 50, 65535};

	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(pointers); i++) {
		uint16_t pointer = pointers[i / 2];
		bool has_text = i % 2;
		struct fx_peer p = fx_peer_new();
		hc_conn conn;

		fx_open(NULL);
		conn = fx_begin(&p, 0);
		put_with_urgent(&p, FRAME_SYN | FRAME_ACK | (has_text ? FRAME_FIN : 0),
				has_text ? 100 : 0, pointer);
		UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
		if (pointer > 1)
			fx_expect_urgent(conn, pointer - 1);
		if (has_text) {
			UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
			UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
		}
		CU_ASSERT_PTR_NULL(fx_next_event());
		fx_forget();
		fx_shut();
	}
}

// A SYN alone is not told of: nobody knows the connection yet. Who sends urgent data says so again
// in the segments that bring it.
static void urgent_data_before_a_connection_is_told_of_with_it(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	put_with_urgent(&p, FRAME_SYN, 0, 50);
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	CU_ASSERT_PTR_NULL(fx_next_event());
	put_with_urgent(&p, FRAME_ACK, 0, 49); // The handshake's last, alone.
	conn = fx_expect_event(HC_EV_ACCEPTED);
	fx_expect_urgent(conn, 49);
	CU_ASSERT_PTR_NULL(fx_next_event());
	put_with_urgent(&p, FRAME_ACK, 10, 49);
	fx_expect_urgent(conn, 49);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	fx_forget();
	// Two SYNs that cross.
	p = fx_peer_new();
	conn = fx_begin(&p, 0);
	put_with_urgent(&p, FRAME_SYN, 0, 50);
	(void)fx_expect_tcp(FRAME_SYN | FRAME_ACK);
	CU_ASSERT_PTR_NULL(fx_next_event());
	p.seq--;
	put_with_urgent(&p, FRAME_SYN | FRAME_ACK, 0, 50);
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	fx_expect_urgent(conn, 49);
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_forget();
	fx_shut();
}

static void urgent_data_is_told_of_with_the_ack_of_our_fin(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	put_with_urgent(&p, FRAME_ACK, 0, 7);
	fx_expect_urgent(conn, 7);
	fx_expect_silence();
	fx_forget();
	fx_shut();
}

static void with_much_room(struct hc_stack_config *cfg)
{
	cfg->rcv_buf_bytes = 1u << 30;
}

// What is missing before a segment counts, and so does what nobody has taken.
static void an_urgent_mark_may_be_far(void)
{
	static const uint8_t wscale[] = {1, 3, 3, 14};
	const struct fx_options o = {.set_cfg = with_much_room};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	(void)fx_listen(0);
	p.opt = wscale;
	p.opt_len = sizeof wscale;
	fx_open_half(&p);
	p.opt_len = 0;
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	(void)fx_expect_event(HC_EV_DATA);
	put_urgent(&p, 100000, 100, 65535);
	fx_expect_urgent(conn, 10 + 100000 + 65535);
	put_urgent(&p, 0xffffff - 10 - 51, 100, 50);
	fx_expect_urgent(conn, HC_URGENT_BYTES_MAX - 1);
	put_urgent(&p, 0xffffff + 1000, 100, 50);
	fx_expect_urgent(conn, HC_URGENT_BYTES_MAX);
	CU_ASSERT_PTR_NULL(fx_next_event());
	fx_forget();
	fx_shut();
}

// What a SYN has besides is not acknowledged, and so comes again: from who opens, and from a peer
// whose SYN crosses ours.
static void text_on_a_syn_is_taken_when_it_comes_again(void)
{
	for (unsigned is_crossing = 0; is_crossing < 2; is_crossing++) {
		struct fx_peer p = fx_peer_new();
		uint8_t got[100];
		hc_conn conn = HC_CONN_NONE;

		fx_open(NULL);
		if (is_crossing)
			conn = fx_begin(&p, 0);
		else
			(void)fx_listen(0);
		fx_peer_put(&p, FRAME_SYN | (is_crossing ? FRAME_FIN : 0), 100);
		p.seq -= 100 + is_crossing;
		fx_step();
		UNIT_EQ(fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->ack, p.seq);
		CU_ASSERT_PTR_NULL(fx_next_event());
		fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 100);
		fx_step();
		conn = fx_expect_event(is_crossing ? HC_EV_OPENED : HC_EV_ACCEPTED);
		UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
		UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
		UNIT_EQ(hc_recv_copy(fx.worker, conn, got, sizeof got), 100);
		for (uint32_t i = 0; i < 100; i++)
			UNIT_EXPECT(got[i] == fx_byte(p.seq - 101 + i));
		fx_forget();
		fx_shut();
	}
}

// The peer acknowledges all that we sent. @return whether we are told.
static bool is_sent_told(struct fx_peer *p, uint32_t len)
{
	const struct hc_event *ev;

	fx_step();
	UNIT_EQ(fx_peer_take(p, FRAME_PSH | FRAME_ACK)->payload_len, len);
	fx_peer_put(p, FRAME_ACK, 0);
	fx_step();
	ev = fx_next_event();
	if (ev)
		UNIT_EQ(ev->type, HC_EV_SENT);
	return ev != NULL;
}

static void who_sends_quietly_is_not_told(void)
{
	const unsigned quiet = HC_SEND_QUIET;
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	for (unsigned is_static = 0; is_static < 2; is_static++) {
		const unsigned how = is_static ? HC_SEND_STATIC : 0;

		UNIT_EQ(hc_send(fx.worker, conn, "request", 7, how | quiet), 7);
		UNIT_EQ(is_sent_told(&p, 7), false);
		UNIT_EQ(hc_send(fx.worker, conn, "request", 7, how), 7);
		UNIT_EQ(is_sent_told(&p, 7), true);
		// Whoever wants to know is told, whether the first or the last.
		UNIT_EQ(hc_send(fx.worker, conn, "one", 3, how | quiet), 3);
		UNIT_EQ(hc_send(fx.worker, conn, "two", 3, how), 3);
		UNIT_EQ(is_sent_told(&p, 6), true);
		UNIT_EQ(hc_send(fx.worker, conn, "one", 3, how), 3);
		UNIT_EQ(hc_send(fx.worker, conn, "two", 3, how | quiet), 3);
		UNIT_EQ(is_sent_told(&p, 6), true);
		UNIT_EQ(hc_send(fx.worker, conn, "one", 3, how | quiet), 3);
		UNIT_EQ(hc_send(fx.worker, conn, "two", 3, how | quiet), 3);
		UNIT_EQ(is_sent_told(&p, 6), false);
	}
	fx_shut();
}

// All that is queued leaves, in however many segments, and is acknowledged: that is told.
static void expect_room(struct fx_peer *p, hc_conn conn, uint32_t len)
{
	fx_step();
	while (fx_next_tcp())
		;
	p->ack += len;
	fx_peer_put(p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
}

static void who_could_not_send_all_is_told(void)
{
	const struct fx_options o = {.set_cfg = few_spans};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, big, 5000, HC_SEND_STATIC | HC_SEND_QUIET), 2000);
	expect_room(&p, conn, 2000);
	// The same if none of it found room.
	UNIT_EQ(hc_send(fx.worker, conn, big, 2000, HC_SEND_STATIC | HC_SEND_QUIET), 2000);
	UNIT_EQ(hc_send(fx.worker, conn, big, 1, HC_SEND_STATIC | HC_SEND_QUIET), 0);
	expect_room(&p, conn, 2000);
	fx_shut();
}

static void the_last_word_closes_behind_itself(void)
{
	static const unsigned how[] = {HC_SEND_STATIC, 0};

	for (unsigned i = 0; i < HC_ARRAY_LEN(how); i++) {
		const unsigned flags = how[i] | HC_SEND_QUIET | HC_SEND_CLOSE;
		struct fx_peer p = fx_peer_new();
		hc_conn conn;

		fx_open(NULL);
		conn = fx_connect(&p, 0);
		UNIT_EQ(hc_send(fx.worker, conn, "bye", 3, flags), 3);
		UNIT_EQ(hc_send(fx.worker, conn, "more", 4, flags), 0);
		UNIT_EQ(hc_close(fx.worker, conn), -EALREADY);
		fx_step();
		UNIT_EQ(fx_peer_take(&p, FRAME_FIN | FRAME_PSH | FRAME_ACK)->payload_len, 3);
		// Nothing is received any more.
		fx_peer_put(&p, FRAME_ACK, 10);
		fx_step();
		fx_expect_reason(HC_EV_RESET, HC_REASON_ABORTED);
		fx_forget();
		fx_shut();
	}
}

static void the_last_word_closes_only_behind_all_of_it(void)
{
	const struct fx_options o = {.set_cfg = few_spans};
	const unsigned flags = HC_SEND_STATIC | HC_SEND_CLOSE;
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	hc_conn conn;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, big, 5000, flags), 2000);
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.state, HC_ESTABLISHED);
	// As hc_close() does, also when there is nothing to say.
	UNIT_EQ(hc_send(fx.worker, conn, big, 0, flags), 0);
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.state, HC_FIN_WAIT_1);
	fx_step();
	fx_forget();
	fx_shut();
}

// Who closes with data unread resets the connection (RFC 9293 3.6.1), and what was said goes with
// it.
static void nobody_has_the_last_word_who_has_not_listened(void)
{
	static const unsigned how[] = {HC_SEND_STATIC, 0};
	struct hc_conn_info info;
	uint8_t got[10];

	for (unsigned i = 0; i < HC_ARRAY_LEN(how); i++) {
		struct fx_peer p = fx_peer_new();
		hc_conn conn;

		fx_open(NULL);
		conn = fx_connect(&p, 0);
		fx_peer_put(&p, FRAME_ACK, 10);
		fx_step();
		UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
		fx_forget();
		UNIT_EQ(hc_send(fx.worker, conn, "bye", 3, how[i] | HC_SEND_CLOSE), 0);
		UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
		UNIT_EQ(info.state, HC_ESTABLISHED);
		UNIT_EQ(hc_recv_copy(fx.worker, conn, got, sizeof got), sizeof got);
		UNIT_EQ(hc_send(fx.worker, conn, "bye", 3, how[i] | HC_SEND_CLOSE), 3);
		fx_step();
		(void)fx_expect_tcp(FRAME_FIN | FRAME_PSH | FRAME_ACK);
		CU_ASSERT_PTR_NULL(fx_next_event());
		fx_forget();
		fx_shut();
	}
}

UNIT_SUITE(data, UNIT_TEST(who_sends_quietly_is_not_told),
	   UNIT_TEST(who_could_not_send_all_is_told), UNIT_TEST(the_last_word_closes_behind_itself),
	   UNIT_TEST(the_last_word_closes_only_behind_all_of_it),
	   UNIT_TEST(nobody_has_the_last_word_who_has_not_listened),
	   UNIT_TEST(what_took_the_last_buffer_has_a_timer), UNIT_TEST(static_data_arrives_whole),
	   UNIT_TEST(static_data_arrives_whole_with_losses),
	   UNIT_TEST(copied_data_arrives_whole_with_losses),
	   UNIT_TEST(a_loss_is_repaired_without_the_timer),
	   UNIT_TEST(data_that_comes_in_order_is_taken_whole),
	   UNIT_TEST(a_window_closes_and_opens_as_the_application_reads),
	   UNIT_TEST(a_peer_that_waits_is_told_of_room_for_one_segment),
	   UNIT_TEST(a_closed_window_is_probed_until_it_opens),
	   UNIT_TEST(urgent_data_stays_in_line), UNIT_TEST(lent_pieces_outlive_their_connection),
	   UNIT_TEST(the_last_byte_waits_for_its_own_acknowledgment),
	   UNIT_TEST(small_pieces_share_a_buffer), UNIT_TEST(what_may_be_queued_is_bounded),
	   UNIT_TEST(data_before_the_handshake_waits_for_it),
	   UNIT_TEST(urgent_data_is_told_of_before_it_comes), UNIT_TEST(an_urgent_mark_may_be_far),
	   UNIT_TEST(urgent_data_on_a_syn_ack_is_told_of),
	   UNIT_TEST(urgent_data_before_a_connection_is_told_of_with_it),
	   UNIT_TEST(urgent_data_is_told_of_with_the_ack_of_our_fin),
	   UNIT_TEST(text_on_a_syn_is_taken_when_it_comes_again));
