// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Every call on sockets, and every error it may return.

#include "fx_socket.h"

#include <errno.h>
#include <string.h>

static uint8_t bytes[65536];

static int64_t read_some(int sock)
{
	return hc_socket_read(fx_sockets, sock, bytes, sizeof bytes);
}

static int64_t write_some(int sock, size_t len)
{
	return hc_socket_write(fx_sockets, sock, bytes, len);
}

static void numbers_that_are_no_sockets_are_refused(void)
{
	static const int numbers[] = {-1, 0, (int)FX_SOCKET_CAP, INT32_MAX};
	struct hc_socket_addr a = {.addr = FX_PEER, .port = 1};
	int value = 0;
	size_t len = sizeof value;

	fx_socket_open(NULL);
	for (unsigned i = 0; i < 4; i++) {
		int n = numbers[i];

		UNIT_EQ(hc_socket_bind(fx_sockets, n, &a), -EBADF);
		UNIT_EQ(hc_socket_listen(fx_sockets, n, 1), -EBADF);
		UNIT_EQ(hc_socket_accept(fx_sockets, n, NULL), -EBADF);
		UNIT_EQ(hc_socket_connect(fx_sockets, n, &a), -EBADF);
		UNIT_EQ(read_some(n), -EBADF);
		UNIT_EQ(write_some(n, 1), -EBADF);
		UNIT_EQ(hc_socket_shutdown(fx_sockets, n, HC_SHUT_WR), -EBADF);
		UNIT_EQ(hc_socket_close(fx_sockets, n), -EBADF);
		UNIT_EQ(hc_socket_name(fx_sockets, n, &a), -EBADF);
		UNIT_EQ(hc_socket_peer(fx_sockets, n, &a), -EBADF);
		UNIT_EQ(hc_socket_conn(fx_sockets, n), HC_CONN_NONE);
		UNIT_EQ(hc_socket_getsockopt(fx_sockets, n, HC_SO_ERROR, &value, &len), -EBADF);
		UNIT_EQ(hc_socket_setsockopt(fx_sockets, n, HC_SO_LINGER, &value, len), -EBADF);
		UNIT_EQ(fx_socket_poll(n), n < 0 ? 0 : HC_POLL_NVAL);
	}
	fx_socket_shut();
}

static void sockets_run_out(void)
{
	fx_socket_open(NULL);
	for (unsigned i = 0; i < FX_SOCKET_CAP; i++)
		CU_ASSERT(hc_socket_open(fx_sockets) >= 0);
	UNIT_EQ(hc_socket_open(fx_sockets), -ENFILE);
	UNIT_EQ(hc_socket_close(fx_sockets, 2), 0);
	UNIT_EQ(hc_socket_open(fx_sockets), 2);
	fx_socket_shut();
}

static void bind_gives_a_port_once(void)
{
	const struct hc_socket_addr none = {0};
	const struct hc_socket_addr a = {.addr = FX_LOCAL, .port = FX_PORT};
	const struct hc_socket_addr b = {.port = FX_PORT + 1};
	struct hc_socket_addr name;
	struct fx_peer p = fx_peer_new();
	int one, two;

	fx_socket_open(NULL);
	one = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_bind(fx_sockets, one, &none), -EADDRNOTAVAIL);
	UNIT_EQ(hc_socket_bind(fx_sockets, one, &a), 0);
	UNIT_EQ(hc_socket_bind(fx_sockets, one, &b), -EINVAL);
	UNIT_EQ(hc_socket_name(fx_sockets, one, &name), 0);
	UNIT_EQ(name.addr, FX_LOCAL);
	UNIT_EQ(name.port, FX_PORT);
	two = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_bind(fx_sockets, two, &a), -EADDRINUSE);
	UNIT_EQ(hc_socket_listen(fx_sockets, one, 1), 0);
	UNIT_EQ(hc_socket_bind(fx_sockets, two, &a), -EADDRINUSE);
	UNIT_EQ(hc_socket_close(fx_sockets, one), 0);
	UNIT_EQ(hc_socket_bind(fx_sockets, two, &a), 0);
	one = fx_socket_begin(&p);
	UNIT_EQ(hc_socket_bind(fx_sockets, one, &b), -EINVAL);
	fx_socket_shut();
}

static void listen_says_why_not(void)
{
	const struct hc_listen_args strange = {.port = 7, .backlog = 1};
	struct fx_peer p = fx_peer_new();
	struct hc_socket_addr a = {.port = 7};
	int sock, connected;

	fx_socket_open(NULL);
	CU_ASSERT(hc_listen(fx.worker, &strange) >= 0);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_listen(fx_sockets, sock, 1), -EDESTADDRREQ);
	UNIT_EQ(hc_socket_bind(fx_sockets, sock, &a), 0);
	UNIT_EQ(hc_socket_listen(fx_sockets, sock, 1), -EADDRINUSE);
	connected = fx_socket_connect(&p);
	UNIT_EQ(hc_socket_listen(fx_sockets, connected, 1), -EINVAL);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	sock = fx_socket_listen(0);
	UNIT_EQ(hc_socket_listen(fx_sockets, sock, 5), 0);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &a), -EOPNOTSUPP);
	// Both of the worker's listeners are taken.
	sock = hc_socket_open(fx_sockets);
	a.port = 9;
	UNIT_EQ(hc_socket_bind(fx_sockets, sock, &a), 0);
	UNIT_EQ(hc_socket_listen(fx_sockets, sock, 1), -ENOBUFS);
	fx_socket_shut();
}

static void accept_gives_the_peer(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_socket_addr a;
	int l, sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_accept(fx_sockets, sock, &a), -EINVAL);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	l = fx_socket_listen(8);
	UNIT_EQ(hc_socket_accept(fx_sockets, l, &a), -EAGAIN);
	UNIT_EQ(fx_socket_poll(l), 0);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	UNIT_EQ(hc_socket_accept(fx_sockets, l, &a), -EAGAIN);
	// The handshake's ACK and data in one burst: the data finds the connection in the queue.
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(l), HC_POLL_IN);
	// It has no number before it is accepted.
	UNIT_EQ(hc_socket_close(fx_sockets, 1 - l), -EBADF);
	sock = hc_socket_accept(fx_sockets, l, &a);
	UNIT_EQ(sock, 1 - l);
	UNIT_EQ(a.addr, FX_PEER);
	UNIT_EQ(a.port, FX_PEER_PORT);
	UNIT_EQ(hc_socket_peer(fx_sockets, sock, &a), 0);
	UNIT_EQ(a.port, FX_PEER_PORT);
	UNIT_EQ(hc_socket_name(fx_sockets, sock, &a), 0);
	UNIT_EQ(a.addr, FX_LOCAL);
	UNIT_EQ(a.port, FX_PORT);
	UNIT_EQ(read_some(sock), 10);
	UNIT_EQ(read_some(sock), 0);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_IN | HC_POLL_OUT | HC_POLL_RDHUP);
	fx_socket_shut();
}

static void accept_keeps_the_order(void)
{
	struct fx_peer p[3] = {fx_peer_new(), fx_peer_new(), fx_peer_new()};
	struct hc_socket_addr a;
	int l;

	fx_socket_open(NULL);
	l = fx_socket_listen(8);
	for (unsigned i = 0; i < 3; i++) {
		p[i].port = (uint16_t)(FX_PEER_PORT + i);
		fx_peer_put(&p[i], FRAME_SYN, 0);
		fx_socket_step();
		(void)fx_peer_take(&p[i], FRAME_SYN | FRAME_ACK);
		fx_peer_put(&p[i], FRAME_ACK, 0);
	}
	fx_socket_step();
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT(hc_socket_accept(fx_sockets, l, &a) >= 0);
		UNIT_EQ(a.port, FX_PEER_PORT + i);
	}
	UNIT_EQ(hc_socket_accept(fx_sockets, l, &a), -EAGAIN);
	fx_socket_shut();
}

static void connect_tells_its_progress(void)
{
	struct fx_peer p = fx_peer_new();
	const struct hc_socket_addr remote = {.addr = FX_PEER, .port = FX_PEER_PORT};
	const struct hc_socket_addr nowhere = {.addr = FX_PEER};
	const struct hc_socket_addr nobody = {.port = 80};
	const struct hc_socket_addr ourselves = {.addr = FX_LOCAL, .port = 80};
	struct hc_socket_addr a;
	int sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &nowhere), -EADDRNOTAVAIL);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &nobody), -EADDRNOTAVAIL);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &ourselves), -ENETUNREACH);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	sock = fx_socket_begin(&p);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EALREADY);
	UNIT_EQ(fx_socket_poll(sock), 0);
	UNIT_EQ(read_some(sock), -EAGAIN);
	UNIT_EQ(write_some(sock, 1), -EAGAIN);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), -ENOTCONN);
	UNIT_EQ(hc_socket_peer(fx_sockets, sock, &a), -ENOTCONN);
	CU_ASSERT(hc_socket_conn(fx_sockets, sock) != HC_CONN_NONE);
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	UNIT_EQ(fx_socket_error(sock), 0);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EISCONN);
	UNIT_EQ(hc_socket_name(fx_sockets, sock, &a), 0);
	UNIT_EQ(a.addr, FX_LOCAL);
	UNIT_EQ(a.port, p.local_port);
	fx_socket_shut();
}

static void connect_refused_is_told_once(void)
{
	const struct hc_socket_addr remote = {.addr = FX_PEER, .port = FX_PEER_PORT};
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_begin(&p);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_IN | HC_POLL_OUT | HC_POLL_ERR | HC_POLL_HUP);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -ECONNREFUSED);
	UNIT_EQ(fx_socket_error(sock), 0);
	UNIT_EQ(read_some(sock), -ENOTCONN);
	// And another attempt.
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_SYN);
	fx_socket_shut();
}

static void few_retries(struct hc_stack_config *cfg)
{
	cfg->syn_retries = 1;
	cfg->data_retries = 1;
}

static void some_retries(struct hc_stack_config *cfg)
{
	cfg->syn_retries = 3;
}

static void connect_that_nobody_answers_times_out(void)
{
	const struct fx_options o = {.set_cfg = few_retries};
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(&o);
	sock = fx_socket_begin(&p);
	fx_socket_wait_ms(10000);
	UNIT_EQ(fx_socket_error(sock), ETIMEDOUT);
	UNIT_EQ(fx_socket_error(sock), 0);
	fx_socket_shut();
}

static void connect_to_who_is_not_there_is_unreachable(void)
{
	const struct fx_options o = {.set_cfg = some_retries, .is_stranger = true};
	const struct hc_socket_addr remote = {.addr = FX_PEER + 7, .port = 80};
	int sock;

	fx_socket_open(&o);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
	fx_socket_wait_ms(20000);
	UNIT_EQ(fx_socket_error(sock), EHOSTUNREACH);
	fx_forget();
	fx_socket_shut();
}

// What ICMP says of a SYN, or of a segment, `ip` with its header.
static void put_error(unsigned type, unsigned code, const uint8_t *ip)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_write_echo(frame, 0, 0, ip, 28);

	memset(frame, 0, 6);
	frame[FRAME_L4] = (uint8_t)type;
	frame[FRAME_L4 + 1] = (uint8_t)code;
	frame_fix_l4_csum(frame, len);
	fx_put(frame, len);
	fx_socket_step();
}

static const uint8_t *last_packet(void)
{
	CU_ASSERT_FATAL(fx.out_count > 0);
	return fx.out[fx.out_count - 1].bytes + FRAME_IP;
}

static void an_icmp_refusal_has_an_error_at_once(void)
{
	static const uint8_t refusals[] = {2, 3, 9, 10, 13};

	for (unsigned i = 0; i < sizeof refusals; i++) {
		struct fx_peer p = fx_peer_new();
		int sock;

		fx_socket_open(NULL);
		sock = fx_socket_begin(&p);
		put_error(3, refusals[i], last_packet());
		UNIT_EQ(fx_socket_error(sock), ECONNREFUSED);

		UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
		fx_forget();
		fx_socket_shut();
	}
}

// RFC 1122 4.2.3.9: an error is nothing by itself, and the reason when nothing else comes.
static void an_icmp_error_is_told_when_the_connection_is_given_up(void)
{
	static const struct {
		uint8_t type, code;
		int error;
	} said[] = {
		{3, 0, ENETUNREACH},   {3, 6, ENETUNREACH},  {3, 11, ENETUNREACH},
		{3, 1, EHOSTUNREACH},  {3, 5, EHOSTUNREACH}, {11, 0, EHOSTUNREACH},
		{12, 0, EHOSTUNREACH},
	};
	const struct fx_options o = {.set_cfg = few_retries};

	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(said); i++) {
		bool is_connected = i % 2;
		struct fx_peer p = fx_peer_new();
		int sock;

		fx_socket_open(&o);
		sock = is_connected ? fx_socket_connect(&p) : fx_socket_begin(&p);
		if (is_connected) {
			UNIT_EQ(hc_socket_write(fx_sockets, sock, "x", 1), 1);
			fx_socket_step();
		}
		put_error(said[i / 2].type, said[i / 2].code, last_packet());
		UNIT_EQ(fx_socket_error(sock), 0);
		fx_forget();
		fx_socket_wait_ms(10000);
		UNIT_EQ(fx_socket_error(sock), said[i / 2].error);
		fx_forget();
		fx_socket_shut();
	}
}

// Of two errors the later one is told, whichever it was.
static void the_latest_error_is_told(void)
{
	const struct fx_options o = {.set_cfg = few_retries};

	for (unsigned is_net_last = 0; is_net_last < 2; is_net_last++) {
		struct fx_peer p = fx_peer_new();
		int sock;

		fx_socket_open(&o);
		sock = fx_socket_begin(&p);
		put_error(3, !is_net_last ? 0 : 1, last_packet());
		put_error(3, is_net_last ? 0 : 1, last_packet());
		fx_socket_wait_ms(10000);
		UNIT_EQ(fx_socket_error(sock), is_net_last ? ENETUNREACH : EHOSTUNREACH);
		fx_forget();
		fx_socket_shut();
	}
}

static void short_ttl(struct hc_stack_config *cfg)
{
	cfg->arp_ttl_ms = 5000;
	cfg->data_retries = 6;
}

// A net that was not reached, and then the router that said so does not answer any more.
static void a_silent_neighbour_is_later_than_an_error_before(void)
{
	const struct fx_options o = {.set_cfg = short_ttl};
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(&o);
	sock = fx_socket_connect(&p);
	UNIT_EQ(hc_socket_write(fx_sockets, sock, "x", 1), 1);
	fx_socket_step();
	put_error(3, 0, last_packet());
	fx_forget();
	fx_socket_wait_ms(60000);
	CU_ASSERT(fx_ctr(HC_CTR_arp_failed) > 0);
	UNIT_EQ(fx_socket_error(sock), EHOSTUNREACH);
	fx_forget();
	fx_socket_shut();
}

static void with_clients(struct hc_stack_config *cfg)
{
	cfg->clients = (struct hc_prefix){.addr = 0x0a000040, .len = 28};
}

static void a_connection_comes_from_the_address_it_is_bound_to(void)
{
	const struct fx_options o = {.set_cfg = with_clients};
	const struct hc_socket_addr remote = {.addr = FX_PEER, .port = FX_PEER_PORT};
	const struct hc_socket_addr ours = {.addr = 0x0a000045};
	const struct hc_socket_addr others[] = {{.addr = 0x0a000050}, {.addr = FX_PEER, .port = 9}};
	struct hc_socket_addr name;
	int sock;

	fx_socket_open(&o);
	sock = hc_socket_open(fx_sockets);
	for (unsigned i = 0; i < 2; i++)
		UNIT_EQ(hc_socket_bind(fx_sockets, sock, &others[i]), -EADDRNOTAVAIL);
	UNIT_EQ(hc_socket_bind(fx_sockets, sock, &ours), 0);
	UNIT_EQ(hc_socket_bind(fx_sockets, sock, &ours), -EINVAL);
	UNIT_EQ(hc_socket_listen(fx_sockets, sock, 1), -EDESTADDRREQ);
	for (unsigned i = 0; i < 2; i++) {
		struct fx_peer p = fx_peer_new();
		const struct frame_view *v;

		UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), -EINPROGRESS);
		fx_socket_step();
		v = fx_peer_take(&p, FRAME_SYN);
		UNIT_EQ(v->src, ours.addr);
		p.local_addr = v->src;
		p.local_port = v->sport;
		UNIT_EQ(hc_socket_name(fx_sockets, sock, &name), 0);
		UNIT_EQ(name.addr, ours.addr);
		UNIT_EQ(name.port, v->sport);
		// And so does another attempt.
		fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
		fx_socket_step();
		UNIT_EQ(fx_socket_error(sock), ECONNREFUSED);
		UNIT_EQ(hc_socket_name(fx_sockets, sock, &name), 0);
		UNIT_EQ(name.addr, ours.addr);
		UNIT_EQ(name.port, 0);
	}
	fx_socket_shut();
}

static bool is_urgent(int sock)
{
	struct hc_pollfd fd = {.sock = sock, .events = HC_POLL_PRI};

	return hc_socket_poll(fx_sockets, &fd, 1) && fd.revents & HC_POLL_PRI;
}

static void put_urgent(struct fx_peer *p, uint32_t len, uint16_t pointer)
{
	struct frame_tcp f = fx_peer_frame(p, FRAME_ACK, len);

	f.flags |= HC_TCP_URG;
	f.urp = pointer;
	fx_peer_put_raw(&f);
	p->seq += len;
	fx_socket_step();
}

// 100 bytes, 50 of them urgent; then word of more that is still to come.
static void reading_ends_at_the_urgent_mark(void)
{
	for (unsigned has_peeked = 0; has_peeked < 2; has_peeked++) {
		struct fx_peer p = fx_peer_new();
		uint8_t got[200];
		int sock;

		fx_socket_open(NULL);
		sock = fx_socket_accept(&p, NULL);
		CU_ASSERT(!is_urgent(sock));
		fx_peer_put(&p, FRAME_ACK, 20);
		fx_socket_step();
		if (has_peeked) // Some of it is taken over from the stack then.
			UNIT_EQ(hc_socket_peek(fx_sockets, sock, got, 200), 20);
		put_urgent(&p, 100, 50);
		CU_ASSERT(is_urgent(sock));
		UNIT_EQ(hc_socket_at_mark(fx_sockets, sock), 0);
		UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 9), 9);
		UNIT_EQ(hc_socket_peek(fx_sockets, sock, got, 200), 20 + 49 - 9);
		UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 20 + 49 - 9);
		UNIT_EQ(hc_socket_at_mark(fx_sockets, sock), 1);
		CU_ASSERT(is_urgent(sock));
		UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 1), 1);
		UNIT_EQ(hc_socket_at_mark(fx_sockets, sock), 0);
		CU_ASSERT(!is_urgent(sock));
		put_urgent(&p, 0, 10);
		CU_ASSERT(is_urgent(sock));
		UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 50);
		UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), -EAGAIN);
		fx_peer_put(&p, FRAME_ACK, 20);
		fx_socket_step();
		UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 9);
		UNIT_EQ(hc_socket_at_mark(fx_sockets, sock), 1);
		UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 11);
		CU_ASSERT(!is_urgent(sock));
		// The pointer at its largest.
		put_urgent(&p, 0, 65535);
		CU_ASSERT(is_urgent(sock));
		UNIT_EQ(hc_socket_at_mark(fx_sockets, sock), 0);
		// Nobody will read it.
		put_urgent(&p, 10, 5);
		CU_ASSERT(is_urgent(sock));
		UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_RD), 0);
		CU_ASSERT(!is_urgent(sock));
		put_urgent(&p, 10, 5);
		CU_ASSERT(!is_urgent(sock));
		UNIT_EQ(hc_socket_at_mark(fx_sockets, 99), -EBADF);
		fx_forget();
		fx_socket_shut();
	}
}

// RFC 9293 3.10.7.4, sixth: RCV.UP is the larger of itself and the segment's. A segment that comes
// late names an older one.
static void an_older_urgent_mark_pulls_nothing_back(void)
{
	struct fx_peer p = fx_peer_new();
	struct fx_peer late;
	uint8_t got[200];
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	late = p;
	p.seq += 50;
	put_urgent(&p, 50, 60); // Up to 110, ahead of its turn.
	put_urgent(&late, 50, 20);
	CU_ASSERT(is_urgent(sock));
	UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 100);
	CU_ASSERT(is_urgent(sock));
	// Nor when some of it was read, nor is the same mark another one.
	put_urgent(&p, 5, 8);
	put_urgent(&p, 5, 5);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 9);
	UNIT_EQ(hc_socket_at_mark(fx_sockets, sock), 1);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 1);
	CU_ASSERT(!is_urgent(sock));
	// A farther one counts.
	put_urgent(&p, 20, 5);
	put_urgent(&p, 20, 15);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, got, 200), 34);
	UNIT_EQ(hc_socket_at_mark(fx_sockets, sock), 1);
	fx_forget();
	fx_socket_shut();
}

static void one_tuple(struct hc_stack_config *cfg)
{
	cfg->tuple_cap = 1;
}

static void one_block(struct hc_stack_config *cfg)
{
	cfg->conn_cap = 1;
}

static void connect_says_what_ran_out(void)
{
	static const struct fx_options few[] = {{.set_cfg = one_tuple}, {.set_cfg = one_block}};
	static const int expected[] = {-EADDRNOTAVAIL, -ENOBUFS};
	static const enum hc_counter refused[] = {HC_CTR_connect_no_port, HC_CTR_connect_no_memory};

	for (unsigned i = 0; i < 2; i++) {
		const struct hc_socket_addr remote = {.addr = FX_PEER, .port = 80};
		struct fx_peer p = fx_peer_new();
		int sock;

		fx_socket_open(&few[i]);
		(void)fx_socket_begin(&p);
		sock = hc_socket_open(fx_sockets);
		UNIT_EQ(hc_socket_connect(fx_sockets, sock, &remote), expected[i]);
		UNIT_EQ(fx_ctr(refused[i]), 1);
		fx_socket_shut();
	}
}

// An attempt that failed has no claim to the port it chose; what was bound stays bound.
static void connect_that_failed_gives_its_port_back(void)
{
	const struct hc_socket_addr bound = {.port = 9};
	struct hc_socket_addr chosen, a;
	struct fx_peer p = fx_peer_new();
	int sock, other;

	fx_socket_open(NULL);
	sock = fx_socket_begin(&p);
	UNIT_EQ(hc_socket_name(fx_sockets, sock, &chosen), 0);
	CU_ASSERT(chosen.port != 0);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_error(sock), ECONNREFUSED);
	UNIT_EQ(hc_socket_name(fx_sockets, sock, &a), 0);
	UNIT_EQ(a.port, 0);
	other = hc_socket_open(fx_sockets);
	UNIT_EQ(hc_socket_bind(fx_sockets, other, &chosen), 0);
	UNIT_EQ(hc_socket_bind(fx_sockets, sock, &chosen), -EADDRINUSE);
	UNIT_EQ(hc_socket_bind(fx_sockets, sock, &bound), 0);
	a = (struct hc_socket_addr){.addr = p.addr, .port = p.port};
	UNIT_EQ(hc_socket_connect(fx_sockets, sock, &a), -EINPROGRESS);
	fx_socket_step();
	p.local_port = fx_peer_take(&p, FRAME_SYN)->sport;
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_error(sock), ECONNREFUSED);
	UNIT_EQ(hc_socket_name(fx_sockets, sock, &a), 0);
	UNIT_EQ(a.port, bound.port);
	UNIT_EQ(hc_socket_listen(fx_sockets, sock, 1), 0);
	fx_socket_shut();
}

static void what_is_written_arrives(void)
{
	struct fx_peer p = fx_peer_new();
	const struct frame_view *v;
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	memset(bytes, 'x', 100);
	UNIT_EQ(write_some(sock, 0), 0);
	UNIT_EQ(write_some(sock, 100), 100);
	fx_socket_step();
	v = fx_expect_tcp(FRAME_ACK | FRAME_PSH);
	UNIT_EQ(v->payload_len, 100);
	UNIT_EQ_BYTES(v->payload, bytes, 100);
	fx_socket_shut();
}

static void what_arrives_is_read(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t first;
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(read_some(sock), -EAGAIN);
	first = p.seq;
	fx_peer_put(&p, FRAME_ACK | FRAME_PSH, 1000);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_IN | HC_POLL_OUT);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, 0), 0);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, 600), 600);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes + 600, 600), 400);
	for (uint32_t i = 0; i < 1000; i++)
		UNIT_EXPECT(bytes[i] == fx_byte(first + i));
	UNIT_EQ(read_some(sock), -EAGAIN);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	fx_forget();
	fx_socket_shut();
}

static void peeking_leaves_what_it_shows(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	size_t len = sizeof info;
	uint32_t first;
	int sock;

	fx_socket_open(NULL);
	UNIT_EQ(hc_socket_peek(fx_sockets, 0, bytes, 1), -EBADF);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(hc_socket_peek(fx_sockets, sock, bytes, 10), -EAGAIN);
	first = p.seq;
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_socket_step();
	UNIT_EQ(hc_socket_peek(fx_sockets, sock, bytes, 10), 10);
	UNIT_EQ(hc_socket_peek(fx_sockets, sock, bytes, sizeof bytes), 2000);
	UNIT_EQ(hc_socket_getsockopt(fx_sockets, sock, HC_TCP_INFO, &info, &len), 0);
	UNIT_EQ(info.readable_bytes, 2000);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_IN | HC_POLL_OUT);
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_socket_step();
	memset(bytes, 0, sizeof bytes);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes, 500), 500);
	UNIT_EQ(hc_socket_peek(fx_sockets, sock, bytes + 500, 700), 700);
	UNIT_EQ(hc_socket_read(fx_sockets, sock, bytes + 500, 9000), 2500);
	for (uint32_t i = 0; i < 3000; i++)
		UNIT_EXPECT(bytes[i] == fx_byte(first + i));
	UNIT_EQ(read_some(sock), -EAGAIN);
	fx_forget();
	fx_socket_shut();
}

// What was looked at keeps its room in the window, and is unread when the socket is closed.
static void what_was_looked_at_is_unread(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_socket_step();
	fx_forget();
	UNIT_EQ(hc_socket_peek(fx_sockets, sock, bytes, 2000), 1000);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_socket_shut();
}

static void small_send_buffer(struct hc_stack_config *cfg)
{
	cfg->snd_buf_bytes = 2048;
}

static void full_queue_says_again_until_there_is_room(void)
{
	const struct fx_options o = {.set_cfg = small_send_buffer};
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(&o);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(write_some(sock, 5000), 2048);
	UNIT_EQ(write_some(sock, 1), -EAGAIN);
	UNIT_EQ(fx_socket_poll(sock), 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(sock), 0);
	(void)fx_peer_take(&p, FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_OUT);
	// What fitted into one segment to a peer that announced no MSS.
	UNIT_EQ(write_some(sock, 5000), 536);
	fx_forget();
	fx_socket_shut();
}

static void writing_without_a_connection_is_refused(void)
{
	int sock;

	fx_socket_open(NULL);
	sock = hc_socket_open(fx_sockets);
	UNIT_EQ(write_some(sock, 1), -ENOTCONN);
	UNIT_EQ(read_some(sock), -ENOTCONN);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_RDWR), -ENOTCONN);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_IN | HC_POLL_OUT | HC_POLL_HUP);
	UNIT_EQ(hc_socket_conn(fx_sockets, sock), HC_CONN_NONE);
	sock = fx_socket_listen(1);
	UNIT_EQ(write_some(sock, 1), -ENOTCONN);
	UNIT_EQ(read_some(sock), -ENOTCONN);
	fx_socket_shut();
}

static void half_close_leaves_the_other_half(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, (enum hc_socket_shut)3), -EINVAL);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), 0);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), 0);
	UNIT_EQ(write_some(sock, 1), -EPIPE);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 500);
	fx_socket_step();
	UNIT_EQ(read_some(sock), 500);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(read_some(sock), 0);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_IN | HC_POLL_OUT | HC_POLL_RDHUP | HC_POLL_HUP);
	UNIT_EQ(write_some(sock, 1), -EPIPE);
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_WR), -ENOTCONN);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_forget();
	fx_socket_shut();
}

static void reading_shut_down_drops_what_comes(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_conn_info info;
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	fx_peer_put(&p, FRAME_ACK, 100);
	fx_socket_step();
	UNIT_EQ(hc_socket_shutdown(fx_sockets, sock, HC_SHUT_RD), 0);
	UNIT_EQ(read_some(sock), 0);
	fx_peer_put(&p, FRAME_ACK, 100);
	fx_socket_step();
	UNIT_EQ(read_some(sock), 0);
	UNIT_EQ(hc_conn_info(fx.worker, hc_socket_conn(fx_sockets, sock), &info), 0);
	UNIT_EQ(info.readable_bytes, 0);
	UNIT_EQ(info.state, HC_ESTABLISHED);
	UNIT_EQ(fx_socket_poll(sock), HC_POLL_IN | HC_POLL_OUT | HC_POLL_RDHUP);
	fx_forget();
	fx_socket_shut();
}

static void a_reset_is_told_once(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	fx_peer_put(&p, FRAME_RST, 0);
	fx_socket_step();
	UNIT_EQ(fx_socket_poll(sock),
		HC_POLL_IN | HC_POLL_OUT | HC_POLL_RDHUP | HC_POLL_HUP | HC_POLL_ERR);
	UNIT_EQ(read_some(sock), -ECONNRESET);
	UNIT_EQ(read_some(sock), 0);
	UNIT_EQ(write_some(sock, 1), -EPIPE);
	UNIT_EQ(hc_socket_conn(fx_sockets, sock), HC_CONN_NONE);
	fx_socket_shut();
}

// As Linux has it: who resets what has no more to say breaks a pipe.
static void a_reset_behind_the_fin_is_a_broken_pipe(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_RST, 0);
	fx_socket_step();
	UNIT_EQ(write_some(sock, 1), -EPIPE);
	UNIT_EQ(fx_socket_error(sock), 0);
	fx_forget();
	fx_socket_shut();
}

static void what_is_not_acknowledged_times_out(void)
{
	const struct fx_options o = {.set_cfg = few_retries};
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(&o);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(write_some(sock, 1), 1);
	fx_socket_wait_ms(10000);
	UNIT_EQ(read_some(sock), -ETIMEDOUT);
	fx_forget();
	fx_socket_shut();
}

static void close_goes_on_by_itself(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), -EBADF);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	// The number is another's when the connection ends.
	UNIT_EQ(hc_socket_open(fx_sockets), sock);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_peer_put(&p, FRAME_FIN | FRAME_ACK, 0);
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(read_some(sock), -ENOTCONN);
	UNIT_EQ(fx_socket_error(sock), 0);
	fx_socket_shut();
}

static void close_with_unread_data_resets(void)
{
	struct fx_peer p = fx_peer_new();
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_accept(&p, NULL);
	fx_peer_put(&p, FRAME_ACK, 100);
	fx_socket_step();
	fx_forget();
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_socket_shut();
}

static void close_of_a_listener_ends_those_that_wait(void)
{
	struct fx_peer p = fx_peer_new();
	int l;

	fx_socket_open(NULL);
	l = fx_socket_listen(8);
	fx_peer_put(&p, FRAME_SYN, 0);
	fx_socket_step();
	(void)fx_peer_take(&p, FRAME_SYN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_socket_step();
	UNIT_EQ(hc_socket_close(fx_sockets, l), 0);
	fx_socket_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	// Both are free again.
	for (unsigned i = 0; i < FX_SOCKET_CAP; i++)
		CU_ASSERT(hc_socket_open(fx_sockets) >= 0);
	fx_socket_shut();
}

static void close_while_connecting_ends_the_attempt(void)
{
	struct fx_peer p = fx_peer_new();
	struct hc_snapshot snapshot;
	int sock;

	fx_socket_open(NULL);
	sock = fx_socket_begin(&p);
	UNIT_EQ(hc_socket_close(fx_sockets, sock), 0);
	fx_socket_step();
	hc_worker_publish(fx.worker);
	hc_worker_snapshot(fx.worker, &snapshot);
	UNIT_EQ(snapshot.conn_live, 0);
	fx_socket_shut();
}

static void poll_passes_over_negative_numbers(void)
{
	struct hc_pollfd fds[3] = {
		{.sock = -1, .events = HC_POLL_IN, .revents = 99},
		{.events = HC_POLL_OUT},
		{.events = HC_POLL_IN},
	};

	fx_socket_open(NULL);
	fds[1].sock = hc_socket_open(fx_sockets);
	fds[2].sock = fx_socket_listen(1);
	UNIT_EQ(hc_socket_poll(fx_sockets, fds, 3), 1);
	UNIT_EQ(fds[0].revents, 0);
	UNIT_EQ(fds[1].revents, HC_POLL_OUT | HC_POLL_HUP);
	UNIT_EQ(fds[2].revents, 0);
	fx_socket_shut();
}

UNIT_SUITE(socket_calls, UNIT_TEST(numbers_that_are_no_sockets_are_refused),
	   UNIT_TEST(sockets_run_out), UNIT_TEST(an_icmp_refusal_has_an_error_at_once),
	   UNIT_TEST(an_icmp_error_is_told_when_the_connection_is_given_up),
	   UNIT_TEST(the_latest_error_is_told),
	   UNIT_TEST(a_silent_neighbour_is_later_than_an_error_before),
	   UNIT_TEST(a_connection_comes_from_the_address_it_is_bound_to),
	   UNIT_TEST(reading_ends_at_the_urgent_mark),
	   UNIT_TEST(an_older_urgent_mark_pulls_nothing_back), UNIT_TEST(bind_gives_a_port_once),
	   UNIT_TEST(listen_says_why_not), UNIT_TEST(accept_gives_the_peer),
	   UNIT_TEST(accept_keeps_the_order), UNIT_TEST(connect_tells_its_progress),
	   UNIT_TEST(connect_refused_is_told_once),
	   UNIT_TEST(connect_that_nobody_answers_times_out),
	   UNIT_TEST(connect_to_who_is_not_there_is_unreachable),
	   UNIT_TEST(connect_says_what_ran_out), UNIT_TEST(connect_that_failed_gives_its_port_back),
	   UNIT_TEST(what_is_written_arrives), UNIT_TEST(what_arrives_is_read),
	   UNIT_TEST(peeking_leaves_what_it_shows), UNIT_TEST(what_was_looked_at_is_unread),
	   UNIT_TEST(full_queue_says_again_until_there_is_room),
	   UNIT_TEST(writing_without_a_connection_is_refused),
	   UNIT_TEST(half_close_leaves_the_other_half),
	   UNIT_TEST(reading_shut_down_drops_what_comes), UNIT_TEST(a_reset_is_told_once),
	   UNIT_TEST(a_reset_behind_the_fin_is_a_broken_pipe),
	   UNIT_TEST(what_is_not_acknowledged_times_out), UNIT_TEST(close_goes_on_by_itself),
	   UNIT_TEST(close_with_unread_data_resets),
	   UNIT_TEST(close_of_a_listener_ends_those_that_wait),
	   UNIT_TEST(close_while_connecting_ends_the_attempt),
	   UNIT_TEST(poll_passes_over_negative_numbers));
