// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What one connection says otherwise than its worker: TTL, code point, MSS, receive buffer. The
// parser that judges every frame out (frame_check.h) is told which TTL and code point to expect.

#include "fx_stack.h"

#include <errno.h>

static void expect_marks(uint8_t ttl, uint8_t dscp)
{
	frame_ttl = ttl;
	frame_dscp = dscp;
}

static void set(hc_conn conn, enum hc_conn_option option, uint32_t value)
{
	uint32_t told = 0;

	UNIT_EQ(hc_conn_set(fx.worker, conn, option, value), 0);
	UNIT_EQ(hc_conn_get(fx.worker, conn, option, &told), 0);
	UNIT_EQ(told, value);
}

static void set_marks(hc_conn conn)
{
	set(conn, HC_OPTION_TTL, 7);
	set(conn, HC_OPTION_DSCP, 46);
}

// Begins to connect; what is set before the next step goes on the SYN.
static hc_conn begin(const struct fx_peer *p)
{
	const struct hc_connect_args args = {.remote_addr = p->addr, .remote_port = p->port};
	const uint32_t cookie = 5;
	hc_conn conn = HC_CONN_NONE;

	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	return conn;
}

static const struct frame_view *take_opening(struct fx_peer *p, unsigned flags)
{
	const struct frame_view *v = fx_peer_take(p, flags);

	p->local_addr = v->src;
	p->local_port = v->sport;
	return v;
}

static const struct frame_view *take_syn(struct fx_peer *p)
{
	return take_opening(p, FRAME_SYN);
}

static hc_conn establish(struct fx_peer *p)
{
	fx_peer_put(p, FRAME_SYN | FRAME_ACK, 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_ACK);
	return fx_expect_event(HC_EV_OPENED);
}

static void use_port_sums(struct hc_port *port)
{
	port->has_tx_csum = true;
}

static void marks_go_on_every_segment(const struct fx_options *o)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(o);
	conn = begin(&p);
	set_marks(conn);
	expect_marks(7, 46);
	fx_step();
	(void)take_syn(&p);
	fx_wait_ms(1010);
	UNIT_EQ(fx_expect_tcp(FRAME_SYN)->seq + 1, p.ack); // Sent again.
	UNIT_EQ(establish(&p), conn);
	UNIT_EQ(hc_send(fx.worker, conn, "text", 4, 0), 4);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 4);
	fx_peer_put(&p, FRAME_ACK, 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_ACK | FRAME_FIN);
	// The block is gone when the last ACK leaves.
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_ACK);
	fx_forget();
	// Another connection has the worker's.
	expect_marks(64, 0);
	p = fx_peer_new();
	p.port++;
	fx_listen(0);
	(void)fx_accept(&p);
	fx_forget();
	fx_shut();
}

static void marks_are_the_connections(void)
{
	marks_go_on_every_segment(NULL);
}

static void marks_are_the_connections_when_the_port_sums(void)
{
	const struct fx_options o = {.set_port = use_port_sums};

	marks_go_on_every_segment(&o);
}

static hc_conn open_marked(struct fx_peer *p)
{
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(p, 0);
	set_marks(conn);
	expect_marks(7, 46);
	return conn;
}

static void marks_are_on_the_reset_of_an_abort(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn = open_marked(&p);

	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_shut();
}

// What was received and not taken keeps the block beyond the end of its connection.
static void marks_are_on_the_last_ack_of_who_has_data_to_read(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn = open_marked(&p);

	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	(void)fx_peer_take(&p, FRAME_ACK | FRAME_FIN);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 10);
	fx_step();
	(void)fx_expect_tcp(FRAME_ACK);
	fx_forget();
	fx_shut();
}

static void with_ecn(struct hc_stack_config *cfg)
{
	cfg->has_ecn = true;
	cfg->dscp = 10;
}

static void code_point_leaves_the_ecn_field_alone(void)
{
	const struct fx_options o = {.set_cfg = with_ecn};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(&o);
	conn = begin(&p);
	set(conn, HC_OPTION_DSCP, 0);
	expect_marks(64, 0);
	fx_step();
	(void)take_opening(&p, FRAME_SYN | FRAME_ECE | FRAME_CWR);
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK | FRAME_ECE, 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_expect_event(HC_EV_OPENED), conn);
	UNIT_EQ(hc_send(fx.worker, conn, "text", 4, 0), 4);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->tos, 2); // ECT(0).
	set(conn, HC_OPTION_DSCP, 63);
	expect_marks(64, 63);
	UNIT_EQ(hc_send(fx.worker, conn, "text", 4, 0), 4);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->tos, 63 << 2 | 2);
	fx_forget();
	fx_shut();
}

static void always_cookies(struct hc_stack_config *cfg)
{
	cfg->syn_cookies = HC_SYN_COOKIES_ALWAYS;
}

static void listener_has_marks_and_mss(const struct fx_options *o)
{
	static const uint8_t mss_1460[] = {2, 4, 1460 >> 8, 1460 & 0xff};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	struct hc_conn_info info;
	hc_conn conn;
	int l;

	fx_open(o);
	p.opt = mss_1460;
	p.opt_len = sizeof mss_1460;
	l = fx_listen(0);
	UNIT_EQ(hc_listener_set(fx.worker, l, HC_OPTION_TTL, 7), 0);
	UNIT_EQ(hc_listener_set(fx.worker, l, HC_OPTION_DSCP, 46), 0);
	UNIT_EQ(hc_listener_set(fx.worker, l, HC_OPTION_MSS_MAX, 600), 0);
	expect_marks(7, 46);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(v->mss, 600);
	UNIT_EQ(v->wnd, 65535);
	p.opt_len = 0;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	UNIT_EQ(info.mss, 600);
	UNIT_EQ(info.cwnd_bytes, 6000);
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_shut();
}

static void marks_and_mss_of_a_listener_are_on_its_syn_acks(void)
{
	listener_has_marks_and_mss(NULL);
}

static void marks_and_mss_of_a_listener_are_on_its_cookies(void)
{
	const struct fx_options o = {.set_cfg = always_cookies};

	listener_has_marks_and_mss(&o);
}

static void segments_are_as_small_as_was_asked(void)
{
	static const uint8_t mss_1460[] = {2, 4, 1460 >> 8, 1460 & 0xff};
	static uint8_t text[1500];
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = begin(&p);
	set(conn, HC_OPTION_MSS_MAX, 500);
	fx_step();
	UNIT_EQ(take_syn(&p)->mss, 500);
	p.opt = mss_1460;
	p.opt_len = sizeof mss_1460;
	(void)establish(&p);
	p.opt_len = 0;
	UNIT_EQ(hc_send(fx.worker, conn, text, 1000, 0), 1000);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 500);
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 500);
	fx_peer_put(&p, FRAME_ACK, 0);
	// Of a connection that is open: what it sends, and never more than before.
	set(conn, HC_OPTION_MSS_MAX, 88);
	UNIT_EQ(hc_send(fx.worker, conn, text, 88, 0), 88);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK | FRAME_PSH)->payload_len, 88);
	fx_peer_put(&p, FRAME_ACK, 0);
	set(conn, HC_OPTION_MSS_MAX, 1400);
	UNIT_EQ(hc_send(fx.worker, conn, text, 100, 0), 100);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_ACK)->payload_len, 88);
	fx_forget();
	fx_shut();
}

static void syn_says_no_more_than_the_mtu_allows(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	set(begin(&p), HC_OPTION_MSS_MAX, 9000);
	fx_step();
	UNIT_EQ(take_syn(&p)->mss, 1460);
	fx_forget();
	fx_shut();
}

// Reads `want` bytes.
static void read_all(hc_conn conn, size_t want)
{
	static uint8_t text[65536];

	UNIT_EQ(hc_recv_copy(fx.worker, conn, text, sizeof text), want);
}

static uint32_t window(hc_conn conn)
{
	struct hc_conn_info info;

	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	return info.rcv_wnd_bytes;
}

// @return the window of the ACK.
static uint32_t put_2000(struct fx_peer *p)
{
	for (unsigned i = 0; i < 2; i++) {
		fx_forget();
		fx_peer_put(p, FRAME_ACK, 1000);
		fx_step();
	}
	return fx_expect_tcp(FRAME_ACK)->wnd;
}

static void window_is_that_of_the_connections_buffer(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = begin(&p);
	set(conn, HC_OPTION_RCV_BUF_BYTES, 5000);
	fx_step();
	UNIT_EQ(take_syn(&p)->wnd, 5000);
	fx_wait_ms(1010);
	UNIT_EQ(fx_expect_tcp(FRAME_SYN)->wnd, 5000);
	// Too late for the SYN: what it told holds.
	set(conn, HC_OPTION_RCV_BUF_BYTES, 3000);
	(void)establish(&p);
	UNIT_EQ(window(conn), 5000);
	UNIT_EQ(put_2000(&p), 3000);
	read_all(conn, 2000);
	CU_ASSERT_PTR_NULL(fx_next()); // Most of it is on offer still.
	UNIT_EQ(put_2000(&p), 1000);   // Of 3000, 2000 are not read.
	read_all(conn, 2000);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 3000); // There was no room for a segment.
	// Growing is told when it is worth it.
	set(conn, HC_OPTION_RCV_BUF_BYTES, 65535);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 65535);
	fx_forget();
	fx_shut();
}

static void window_once_told_is_never_taken_back(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	conn = begin(&p);
	fx_step();
	UNIT_EQ(take_syn(&p)->wnd, 65535);
	set(conn, HC_OPTION_RCV_BUF_BYTES, 5000);
	fx_wait_ms(1010);
	UNIT_EQ(fx_expect_tcp(FRAME_SYN)->wnd, 65535);
	(void)establish(&p);
	UNIT_EQ(window(conn), 65535);
	for (unsigned i = 0; i < 44; i++) {
		fx_peer_put(&p, FRAME_ACK, 1460);
		fx_step();
		read_all(conn, 1460);
	}
	// 64 240 bytes later the edge is where it was told to be, or 5000 on.
	fx_forget();
	fx_peer_put(&p, FRAME_ACK, 1);
	fx_peer_put(&p, FRAME_ACK, 1);
	fx_step();
	UNIT_EQ(window(conn), 4998);
	fx_forget();
	fx_shut();
}

static void listener_tells_the_window_of_its_buffer(void)
{
	static const uint8_t wscale[] = {1, 3, 3, 2};
	const struct hc_listen_args args = {.port = FX_PORT, .backlog = 4, .rcv_buf_bytes = 4000};
	struct fx_peer p = fx_peer_new();
	hc_conn conn;
	int l;

	fx_open(NULL);
	l = hc_listen(fx.worker, &args);
	CU_ASSERT(l >= 0);
	p.opt = wscale;
	p.opt_len = sizeof wscale;
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	UNIT_EQ(fx_peer_take(&p, FRAME_SYN | FRAME_ACK)->wnd, 4000);
	// A mini's ACK tells the same.
	p.seq += 100000;
	fx_peer_put(&p, FRAME_ACK, 0);
	p.seq -= 100000;
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 4000);
	p.opt_len = 0;
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	UNIT_EQ(window(conn), 3000);
	UNIT_EQ(hc_listener_set(fx.worker, l, HC_OPTION_RCV_BUF_BYTES, 9000), -EINVAL);
	fx_forget();
	fx_shut();
}

static void with_wscale(struct hc_stack_config *cfg)
{
	cfg->has_window_scale = true;
	cfg->wscale_min = 8;
}

// RFC 7323 2.3: only the window of a SYN is not scaled.
static void ack_in_syn_received_scales_its_window(void)
{
	static const uint8_t wscale[] = {1, 3, 3, 2};
	const struct fx_options o = {.set_cfg = with_wscale};
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;

	fx_open(&o);
	fx_listen(0);
	p.opt = wscale;
	p.opt_len = sizeof wscale;
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_step();
	v = fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(v->wnd, 65535);
	UNIT_EQ(v->wscale, 8);
	p.opt_len = 0;
	p.seq += 100000; // Behind the window.
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->wnd, 65535 >> 8);
	fx_forget();
	fx_shut();
}

static void one_record(struct hc_stack_config *cfg)
{
	cfg->liveness_cap = 1;
}

static void values_out_of_range_are_refused(void)
{
	static const struct {
		enum hc_conn_option option;
		uint32_t low, high;
	} wrong[] = {
		{HC_OPTION_MSS_MAX, 87, 65536},
		{HC_OPTION_RCV_BUF_BYTES, 0, 0},
		{HC_OPTION_TTL, 0, 256},
		{HC_OPTION_DSCP, 64, 64},
	};
	const struct fx_options o = {.set_cfg = one_record};
	struct fx_peer p = fx_peer_new();
	uint32_t value;
	hc_conn conn;
	int l;

	fx_open(&o);
	conn = fx_connect(&p, 0);
	l = fx_listen(0);
	for (unsigned i = 0; i < HC_ARRAY_LEN(wrong); i++) {
		UNIT_EQ(hc_conn_set(fx.worker, conn, wrong[i].option, wrong[i].low), -EINVAL);
		UNIT_EQ(hc_conn_set(fx.worker, conn, wrong[i].option, wrong[i].high), -EINVAL);
		UNIT_EQ(hc_listener_set(fx.worker, l, wrong[i].option, wrong[i].high), -EINVAL);
	}
	UNIT_EQ(hc_listener_set(fx.worker, l, HC_OPTION_NODELAY, 1), -EINVAL);
	UNIT_EQ(hc_listener_set(fx.worker, l + 1, HC_OPTION_TTL, 9), -ENOENT);
	UNIT_EQ(hc_listener_set(fx.worker, -1, HC_OPTION_TTL, 9), -ENOENT);
	// Unless set, it is the worker's; and two segments at least.
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_TTL, &value), 0);
	UNIT_EQ(value, 64);
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_MSS_MAX, &value), 0);
	UNIT_EQ(value, 1460);
	UNIT_EQ(hc_conn_set(fx.worker, conn, HC_OPTION_RCV_BUF_BYTES, 1), 0);
	UNIT_EQ(hc_conn_get(fx.worker, conn, HC_OPTION_RCV_BUF_BYTES, &value), 0);
	UNIT_EQ(value, 2920);
	// There is one record, and a connection has it.
	p = fx_peer_new();
	p.port++;
	UNIT_EQ(hc_conn_set(fx.worker, fx_connect(&p, 0), HC_OPTION_TTL, 9), -ENOMEM);
	UNIT_EQ(fx_ctr(HC_CTR_keepalive_no_memory), 1);
	fx_forget();
	fx_shut();
}

UNIT_SUITE(shape, UNIT_TEST(marks_are_the_connections),
	   UNIT_TEST(marks_are_the_connections_when_the_port_sums),
	   UNIT_TEST(marks_are_on_the_reset_of_an_abort),
	   UNIT_TEST(marks_are_on_the_last_ack_of_who_has_data_to_read),
	   UNIT_TEST(code_point_leaves_the_ecn_field_alone),
	   UNIT_TEST(marks_and_mss_of_a_listener_are_on_its_syn_acks),
	   UNIT_TEST(marks_and_mss_of_a_listener_are_on_its_cookies),
	   UNIT_TEST(segments_are_as_small_as_was_asked),
	   UNIT_TEST(syn_says_no_more_than_the_mtu_allows),
	   UNIT_TEST(window_is_that_of_the_connections_buffer),
	   UNIT_TEST(window_once_told_is_never_taken_back),
	   UNIT_TEST(listener_tells_the_window_of_its_buffer),
	   UNIT_TEST(ack_in_syn_received_scales_its_window),
	   UNIT_TEST(values_out_of_range_are_refused));
