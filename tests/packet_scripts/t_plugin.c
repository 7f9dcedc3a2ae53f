// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a packet-script tool relies on beyond TCP itself: the clock, descriptors, calls that block,
// shapes of addresses and options, flags.

#include "fx_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#define PLAIN "linux,no-timestamps,no-sack,no-wscale"
#define S_US  INT64_C(1000000)

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

static void half_open(struct tool_peer *p)
{
	tool_put(p, FRAME_SYN, p->seq++, 0, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tool_take(p, S_US));
}

// A connection through a listener, which is closed.
static int establish(struct tool_peer *p)
{
	int l = tool_listen();
	int fd;

	*p = tool_peer_new(1000);
	half_open(p);
	tool_put(p, FRAME_ACK, p->seq, p->ack, 0);
	fd = tool.accept(tool.userdata, l, NULL, NULL);
	CU_ASSERT_FATAL(fd >= 0);
	UNIT_EQ(tool.close(tool.userdata, l), 0);
	return fd;
}

static int get_int(int fd, int level, int option)
{
	socklen_t len = sizeof(int);
	int value = -1;

	if (tool.getsockopt(tool.userdata, fd, level, option, &value, &len) != 0)
		return -errno;
	UNIT_EQ(len, sizeof value);
	return value;
}

static void time_passes_by_asking(void)
{
	int64_t before_us, after_us;

	tool_open(PLAIN);
	before_us = tool_now_us();
	for (unsigned i = 0; i < 100; i++) {
		after_us = tool_now_us();
		CU_ASSERT(after_us > before_us);
		before_us = after_us;
	}
	UNIT_EQ(tool.usleep(tool.userdata, 12345), 0);
	after_us = tool_now_us();
	CU_ASSERT(after_us >= before_us + 12345 && after_us < before_us + 12400);
	tool_shut();
}

static void receive_ends_after_ten_seconds(void)
{
	int64_t before_us;
	uint8_t packet[100];
	size_t len = sizeof packet;
	long long at_us;

	tool_open(PLAIN ",local=192.168.0.1");
	before_us = tool_now_us();
	UNIT_EQ(tool.netdev_receive(tool.userdata, packet, &len, &at_us), 0);
	UNIT_EQ(len, 0);
	UNIT_EQ(at_us, before_us + 10 * S_US);
	tool_shut();
}

static void receive_steps_to_the_timer(void)
{
	struct tool_peer p = tool_peer_new(1);
	int64_t sent_us;

	tool_open(PLAIN);
	(void)tool_listen();
	half_open(&p);
	sent_us = tool_left_us();
	// The SYN,ACK again, and again.
	CU_ASSERT_PTR_NOT_NULL(tool_take(&p, 2 * S_US));
	CU_ASSERT(llabs(tool_left_us() - sent_us - S_US) < 2000);
	sent_us = tool_left_us();
	CU_ASSERT_PTR_NOT_NULL(tool_take(&p, 3 * S_US));
	CU_ASSERT(llabs(tool_left_us() - sent_us - 2 * S_US) < 2000);
	tool_shut();
}

static void receive_needs_room(void)
{
	struct tool_peer p = tool_peer_new(1);
	uint8_t packet[39];
	size_t len = sizeof packet;
	long long at_us;

	tool_open(PLAIN);
	(void)tool_listen();
	tool_put(&p, FRAME_SYN, p.seq, 0, 0);
	UNIT_EQ(tool.netdev_receive(tool.userdata, packet, &len, &at_us), -1);
	UNIT_EQ(errno, EMSGSIZE);
	UNIT_EQ(len, 0);
	tool_shut();
}

static void packets_have_a_length(void)
{
	static const uint8_t packet[70000];

	tool_open(PLAIN);
	UNIT_EQ(tool.netdev_send(tool.userdata, packet, 19), -1);
	UNIT_EQ(errno, EINVAL);
	UNIT_EQ(tool.netdev_send(tool.userdata, packet, sizeof packet), -1);
	UNIT_EQ(errno, EMSGSIZE);
	tool_shut();
}

static void descriptors_are_real(void)
{
	int fd;

	tool_open(PLAIN);
	fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, 0);
	UNIT_EQ(close(dup(fd)), 0);
	UNIT_EQ(tool.close(tool.userdata, fd), 0);
	UNIT_EQ(close(fd), -1);
	UNIT_EQ(tool.close(tool.userdata, fd), -1);
	UNIT_EQ(errno, EBADF);
	UNIT_EQ(tool.close(tool.userdata, 100000), -1);
	UNIT_EQ(tool.read(tool.userdata, -1, NULL, 0), -1);
	UNIT_EQ(errno, EBADF);
	tool_shut();
}

static void only_tcp_is_offered(void)
{
	tool_open(PLAIN);
	UNIT_EQ(tool.socket(tool.userdata, AF_UNIX, SOCK_STREAM, 0), -1);
	UNIT_EQ(errno, EAFNOSUPPORT);
	UNIT_EQ(tool.socket(tool.userdata, AF_INET, SOCK_DGRAM, 0), -1);
	UNIT_EQ(errno, EPROTONOSUPPORT);
	UNIT_EQ(tool.socket(tool.userdata, AF_INET, SOCK_STREAM, IPPROTO_UDP), -1);
	UNIT_EQ(errno, EPROTONOSUPPORT);
	tool_shut();
}

// Mapped IPv4 addresses, for programs that know IPv6 alone.
static void mapped_addresses_are_taken_and_given(void)
{
	struct tool_peer p = tool_peer_new(1);
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(TOOL_PORT)};
	struct sockaddr_in6 peer;
	socklen_t len = sizeof peer;
	int l;

	tool_open(PLAIN);
	six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
	frame_put32(&six.sin6_addr.s6_addr[12], TOOL_LOCAL);
	l = tool.socket(tool.userdata, AF_INET6, SOCK_STREAM, 0);
	six.sin6_addr.s6_addr[0] = 0x20;
	UNIT_EQ(tool.bind(tool.userdata, l, (const struct sockaddr *)&six, sizeof six), -1);
	UNIT_EQ(errno, EAFNOSUPPORT);
	six.sin6_addr.s6_addr[0] = 0;
	UNIT_EQ(tool.bind(tool.userdata, l, (const struct sockaddr *)&six, sizeof six), 0);
	UNIT_EQ(tool.listen(tool.userdata, l, 1), 0);
	half_open(&p);
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 0);
	CU_ASSERT(tool.accept(tool.userdata, l, (struct sockaddr *)&peer, &len) >= 0);
	UNIT_EQ(len, sizeof peer);
	UNIT_EQ(peer.sin6_family, AF_INET6);
	UNIT_EQ(ntohs(peer.sin6_port), p.port);
	UNIT_EQ(frame_get32(&peer.sin6_addr.s6_addr[12]), TOOL_REMOTE);
	tool_shut();
}

// The host's address is the first it is called by.
static void the_host_is_where_packets_go(void)
{
	const struct sockaddr_in other = address(0xc0a80505, TOOL_PORT);
	struct tool_peer p = tool_peer_new(1);
	const struct frame_view *v;
	int fd;

	tool_open(PLAIN);
	tool_put(&p, FRAME_ACK, p.seq, 5, 0);
	v = tool_take(&p, S_US);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->src, TOOL_LOCAL);
	UNIT_EQ(v->flags, FRAME_RST);
	tool_shut();
	// Asking binds to nothing.
	tool_open(PLAIN);
	fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, 0);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_ERROR), 0);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_SNDBUF), 4 << 20);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_RCVLOWAT), -ENOPROTOOPT);
	UNIT_EQ(tool.bind(tool.userdata, fd, (const struct sockaddr *)&other, sizeof other), 0);
	UNIT_EQ(tool.listen(tool.userdata, fd, 1), 0);
	tool_put(&p, FRAME_SYN, p.seq, 0, 0); // To 192.168.0.1, which is nobody now.
	CU_ASSERT_PTR_NULL(tool_take(&p, S_US));
	tool_shut();
}

/* ------------------------------------------------------------------------------ calls that block
 */

struct call {
	int fd;
	int (*run)(int fd);
	int result;
	int64_t ended_us; // 0: not yet.
	pid_t tid;        // 0: does not run yet.
};

static void *call_thread(void *arg)
{
	struct call *c = arg;

	__atomic_store_n(&c->tid, gettid(), __ATOMIC_RELEASE);
	c->result = c->run(c->fd);
	__atomic_store_n(&c->ended_us, tool_now_us(), __ATOMIC_RELEASE);
	return NULL;
}

static uint8_t bytes[100000];

static int run_accept(int fd)
{
	return tool.accept(tool.userdata, fd, NULL, NULL) >= 0 ? 0 : -1;
}

static int run_read(int fd)
{
	return (int)tool.read(tool.userdata, fd, bytes, sizeof bytes);
}

static int run_write(int fd)
{
	return (int)tool.write(tool.userdata, fd, bytes, sizeof bytes);
}

static int run_connect(int fd)
{
	const struct sockaddr_in remote = address(TOOL_REMOTE, TOOL_PEER_PORT);

	return tool.connect(tool.userdata, fd, (const struct sockaddr *)&remote, sizeof remote);
}

static int run_poll(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return tool.poll(tool.userdata, &p, 1, 1500);
}

// The state of a thread, as a tool asks for it: S is asleep.
static char thread_state(pid_t tid)
{
	char path[64];
	char state = '?';
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "r");
	if (!f)
		return '?';
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	(void)fclose(f);
	return state;
}

// Starts a call in a thread of its own, and goes on when it sleeps.
static pthread_t begin(struct call *c)
{
	bool is_asleep = false;
	pthread_t thread;

	c->tid = 0;
	c->ended_us = 0;
	UNIT_EQ(pthread_create(&thread, NULL, call_thread, c), 0);
	for (unsigned i = 0; i < 5000 && !is_asleep; i++) {
		pid_t tid = __atomic_load_n(&c->tid, __ATOMIC_ACQUIRE);

		is_asleep = tid && thread_state(tid) == 'S';
		if (!is_asleep)
			(void)usleep(1000);
	}
	CU_ASSERT(is_asleep);
	return thread;
}

// The call returns at the moment at which it can.
static void expect_end(struct call *c, pthread_t thread, int result, int64_t at_us)
{
	UNIT_EQ(pthread_join(thread, NULL), 0);
	UNIT_EQ(c->result, result);
	CU_ASSERT(c->ended_us >= at_us && c->ended_us < at_us + 1000);
}

static void accept_waits_for_a_connection(void)
{
	struct tool_peer p = tool_peer_new(1);
	struct call c = {.run = run_accept};
	pthread_t thread;
	int64_t at_us;

	tool_open(PLAIN);
	c.fd = tool_listen();
	thread = begin(&c);
	UNIT_EQ(tool.usleep(tool.userdata, 100000), 0);
	half_open(&p);
	UNIT_EQ(tool.usleep(tool.userdata, 100000), 0);
	at_us = tool_now_us();
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 0);
	UNIT_EQ(tool.usleep(tool.userdata, 100000), 0);
	expect_end(&c, thread, 0, at_us);
	tool_shut();
}

static void read_waits_for_data(void)
{
	struct call c = {.run = run_read};
	struct tool_peer p;
	pthread_t thread;
	int64_t at_us;

	tool_open(PLAIN);
	c.fd = establish(&p);
	thread = begin(&c);
	UNIT_EQ(tool.usleep(tool.userdata, 100000), 0);
	at_us = tool_now_us();
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 500);
	UNIT_EQ(tool.usleep(tool.userdata, 100000), 0);
	expect_end(&c, thread, 500, at_us);
	tool_shut();
}

static void connect_waits_for_the_handshake(void)
{
	struct tool_peer p = tool_peer_new(1);
	struct call c = {.run = run_connect};
	pthread_t thread;
	int64_t at_us;

	tool_open(PLAIN);
	p.port = TOOL_PEER_PORT;
	c.fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, 0);
	thread = begin(&c);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tool_take(&p, S_US));
	UNIT_EQ(tool.usleep(tool.userdata, 100000), 0);
	at_us = tool_now_us();
	tool_put(&p, FRAME_SYN | FRAME_ACK, p.seq, p.ack, 0);
	UNIT_EQ(tool.usleep(tool.userdata, 100000), 0);
	expect_end(&c, thread, 0, at_us);
	tool_shut();
}

static void write_waits_for_room(void)
{
	struct call c = {.run = run_write};
	struct tool_peer p;
	pthread_t thread;
	int64_t at_us = 0;
	uint32_t first;

	tool_open(PLAIN ",sndbuf=20000");
	c.fd = establish(&p);
	first = p.ack;
	thread = begin(&c);
	while (p.ack - first < sizeof bytes) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(tool_take(&p, S_US));
		at_us = tool_now_us();
		tool_put(&p, FRAME_ACK, p.seq, p.ack, 0);
		if (p.ack - first < sizeof bytes - 20000)
			UNIT_EQ(__atomic_load_n(&c.ended_us, __ATOMIC_ACQUIRE), 0);
	}
	UNIT_EQ(pthread_join(thread, NULL), 0);
	UNIT_EQ(c.result, sizeof bytes);
	CU_ASSERT(c.ended_us > 0 && c.ended_us < at_us);
	tool_shut();
}

static void poll_waits_so_long(void)
{
	struct call c = {.run = run_poll};
	struct tool_peer p;
	pthread_t thread;
	int64_t at_us;

	tool_open(PLAIN);
	c.fd = establish(&p);
	at_us = tool_now_us();
	thread = begin(&c);
	UNIT_EQ(tool.usleep(tool.userdata, 3000000), 0);
	expect_end(&c, thread, 0, at_us + 1500000);
	thread = begin(&c);
	at_us = tool_now_us();
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 500);
	expect_end(&c, thread, 1, at_us);
	tool_shut();
}

// The thread that plays the script has nobody to wait for but timers.
static void who_plays_the_script_does_not_wait_for_ever(void)
{
	struct tool_peer p;
	int64_t at_us;
	int fd;

	tool_open(PLAIN);
	fd = establish(&p);
	at_us = tool_now_us();
	UNIT_EQ(tool.read(tool.userdata, fd, bytes, 10), -1);
	UNIT_EQ(errno, EAGAIN);
	CU_ASSERT(tool_now_us() >= at_us + 10 * S_US);
	tool_shut();
}

/* --------------------------------------------------------------------------------- other calls */

static void nonblocking_is_a_flag(void)
{
	struct tool_peer p;
	int fd;

	tool_open(PLAIN);
	fd = establish(&p);
	UNIT_EQ(tool.fcntl(tool.userdata, fd, F_GETFL), O_RDWR);
	UNIT_EQ(tool.recv(tool.userdata, fd, bytes, 10, MSG_DONTWAIT), -1);
	UNIT_EQ(errno, EAGAIN);
	UNIT_EQ(tool.fcntl(tool.userdata, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	UNIT_EQ(tool.fcntl(tool.userdata, fd, F_GETFL), O_RDWR | O_NONBLOCK);
	UNIT_EQ(tool.read(tool.userdata, fd, bytes, 10), -1);
	UNIT_EQ(errno, EAGAIN);
	UNIT_EQ(tool.fcntl(tool.userdata, fd, F_DUPFD, 0), -1);
	UNIT_EQ(errno, EINVAL);
	UNIT_EQ(tool.recv(tool.userdata, fd, bytes, 10, MSG_OOB), -1);
	UNIT_EQ(errno, EOPNOTSUPP);
	UNIT_EQ(tool.send(tool.userdata, fd, bytes, 10, MSG_PEEK), -1);
	UNIT_EQ(errno, EOPNOTSUPP);
	tool_shut();
}

static void peeking_leaves_what_it_shows(void)
{
	struct tool_peer p;
	int fd;

	tool_open(PLAIN);
	fd = establish(&p);
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 300);
	tool_put(&p, FRAME_ACK, p.seq + 300, p.ack, 500);
	UNIT_EQ(tool.recv(tool.userdata, fd, bytes, 100, MSG_PEEK), 100);
	UNIT_EQ(tool.recv(tool.userdata, fd, bytes, sizeof bytes, MSG_PEEK), 800);
	UNIT_EQ(tool.recv(tool.userdata, fd, bytes, sizeof bytes, 0), 800);
	UNIT_EQ(tool.recv(tool.userdata, fd, bytes, 100, MSG_PEEK | MSG_DONTWAIT), -1);
	UNIT_EQ(errno, EAGAIN);
	tool_shut();
}

static void buffers_have_a_size(void)
{
	static const char *const flags[] = {PLAIN, "freebsd"};
	static const int before[] = {65535, 65536}, after[] = {65535, 65700};

	for (unsigned i = 0; i < 2; i++) {
		struct tool_peer p;
		socklen_t len = sizeof(int);
		int value, fd;

		tool_open(flags[i]);
		fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, 0);
		UNIT_EQ(tool.getsockopt(tool.userdata, fd, SOL_SOCKET, SO_RCVBUF, &value, &len), 0);
		UNIT_EQ(value, before[i]);
		fd = establish(&p);
		UNIT_EQ(tool.getsockopt(tool.userdata, fd, SOL_SOCKET, SO_RCVBUF, &value, &len), 0);
		UNIT_EQ(value, after[i]);
		tool_shut();
	}
}

static void vectors_are_filled_in_order(void)
{
	uint8_t one[100], two[400], all[1100];
	uint32_t got = 0;
	struct iovec iov[2] = {{one, sizeof one}, {two, sizeof two}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	const struct frame_view *v;
	struct tool_peer p;
	int fd;

	tool_open(PLAIN);
	fd = establish(&p);
	memset(one, 1, sizeof one);
	memset(two, 2, sizeof two);
	UNIT_EQ(tool.writev(tool.userdata, fd, iov, 2), 500);
	UNIT_EQ(tool.sendmsg(tool.userdata, fd, &msg, 0), 500);
	UNIT_EQ(tool.send(tool.userdata, fd, one, 50, MSG_NOSIGNAL), 50);
	UNIT_EQ(tool.sendto(tool.userdata, fd, one, 50, 0, NULL, 0), 50);
	memset(all, 1, sizeof all);
	memset(all + 100, 2, 400);
	memset(all + 600, 2, 400);
	while (got < sizeof all) {
		v = tool_take(&p, S_US);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		CU_ASSERT_FATAL(got + v->payload_len <= sizeof all);
		UNIT_EQ_BYTES(v->payload, all + got, v->payload_len);
		got += v->payload_len;
		tool_put(&p, FRAME_ACK, p.seq, p.ack, 0);
	}
	memset(one, 9, sizeof one);
	memset(two, 9, sizeof two);
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 300);
	UNIT_EQ(tool.readv(tool.userdata, fd, iov, 2), 300);
	UNIT_EQ(one[99], 0);
	UNIT_EQ(two[199], 0);
	UNIT_EQ(two[200], 9);
	tool_put(&p, FRAME_ACK, p.seq + 300, p.ack, 300);
	UNIT_EQ(tool.recvmsg(tool.userdata, fd, &msg, 0), 300);
	tool_put(&p, FRAME_ACK, p.seq + 600, p.ack, 300);
	UNIT_EQ(tool.recvfrom(tool.userdata, fd, two, 400, 0, NULL, NULL), 300);
	tool_shut();
}

static void queues_can_be_asked(void)
{
	struct tool_peer p;
	int value;
	int fd;

	tool_open(PLAIN);
	fd = establish(&p);
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 300);
	UNIT_EQ(tool.ioctl(tool.userdata, fd, FIONREAD, &value), 0);
	UNIT_EQ(value, 300);
	UNIT_EQ(tool.write(tool.userdata, fd, bytes, 70), 70);
	UNIT_EQ(tool.ioctl(tool.userdata, fd, SIOCOUTQ, &value), 0);
	UNIT_EQ(value, 70);
	UNIT_EQ(tool.ioctl(tool.userdata, fd, SIOCATMARK, &value), 0);
	UNIT_EQ(value, 0);
	UNIT_EQ(tool.ioctl(tool.userdata, fd, FIOASYNC, &value), -1);
	UNIT_EQ(errno, EINVAL);
	tool_shut();
}

static void options_have_linuxs_shapes(void)
{
	static const uint8_t mss_1000[] = {2, 4, 1000 >> 8, 1000 & 0xff};
	struct linger l = {.l_onoff = 1, .l_linger = 5};
	struct tool_peer p = tool_peer_new(1);
	struct tcp_info info;
	socklen_t len = sizeof l;
	const int on = 1, five = 5;
	int listener, fd;

	tool_open(PLAIN);
	fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, 0);
	// Before there is a host, and after.
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
	l.l_onoff = 0;
	UNIT_EQ(tool.getsockopt(tool.userdata, fd, SOL_SOCKET, SO_LINGER, &l, &len), 0);
	UNIT_EQ(l.l_onoff, 1);
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
	UNIT_EQ(get_int(fd, IPPROTO_IP, IP_TTL), 64);
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, IPPROTO_TCP, TCP_KEEPIDLE, &five, sizeof five),
		0);
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, SOL_SOCKET, SO_RCVLOWAT, &on, sizeof on), -1);
	UNIT_EQ(errno, ENOPROTOOPT);
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, SOL_SOCKET, SO_ERROR, &on, sizeof on), -1);
	UNIT_EQ(errno, ENOPROTOOPT);
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, SOL_SOCKET, SO_REUSEADDR, &on, 1), -1);
	UNIT_EQ(errno, EINVAL);
	listener = tool_listen();
	l.l_onoff = 0;
	UNIT_EQ(tool.getsockopt(tool.userdata, fd, SOL_SOCKET, SO_LINGER, &l, &len), 0);
	UNIT_EQ(l.l_onoff, 1);
	UNIT_EQ(l.l_linger, 5);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE), 5);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_KEEPINTVL), 75);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_KEEPCNT), 9);
	UNIT_EQ(get_int(fd, IPPROTO_IP, IP_TTL), 64);
	UNIT_EQ(get_int(fd, IPPROTO_IP, IP_TOS), 0);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_REUSEADDR), 0);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_RCVLOWAT), -ENOPROTOOPT);
	UNIT_EQ(get_int(listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
	UNIT_EQ(get_int(listener, SOL_SOCKET, SO_REUSEADDR), 1);
	UNIT_EQ(tool_state(listener), 10);
	p.opt = mss_1000;
	p.opt_len = sizeof mss_1000;
	half_open(&p);
	UNIT_EQ(tool.usleep(tool.userdata, 50000), 0);
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 0);
	fd = tool.accept(tool.userdata, listener, NULL, NULL);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_MAXSEG), 1000);
	UNIT_EQ(tool.write(tool.userdata, fd, bytes, 2500), 2500);
	len = sizeof info;
	UNIT_EQ(tool.getsockopt(tool.userdata, fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	UNIT_EQ(info.tcpi_snd_mss, 1000);
	UNIT_EQ(info.tcpi_snd_cwnd, 10);
	UNIT_EQ(info.tcpi_state, 1);
	CU_ASSERT(info.tcpi_unacked >= 2 && info.tcpi_unacked <= 3);
	CU_ASSERT(info.tcpi_rtt > 49000 && info.tcpi_rtt < 52000);
	tool_shut();
}

static void more_to_come_waits(void)
{
	const int on = 1, off = 0;
	const struct frame_view *v;
	struct tool_peer p;
	int fd;

	tool_open(PLAIN ",nodelay");
	fd = establish(&p);
	UNIT_EQ(tool.send(tool.userdata, fd, bytes, 4, MSG_MORE), 4);
	UNIT_EQ(tool.send(tool.userdata, fd, bytes, 5, 0), 5);
	v = tool_take(&p, S_US / 10);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->payload_len, 9);
	tool_put(&p, FRAME_ACK, p.seq, p.ack, 0);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_CORK), 0);
	// A cork of the program's own stays in.
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on), 0);
	UNIT_EQ(tool.send(tool.userdata, fd, bytes, 4, MSG_MORE), 4);
	UNIT_EQ(tool.send(tool.userdata, fd, bytes, 4, 0), 4);
	UNIT_EQ(tool.setsockopt(tool.userdata, fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off), 0);
	v = tool_take(&p, S_US / 10);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->payload_len, 8);
	tool_shut();
}

static void reset_behind_a_fin_has_the_profiles_error(void)
{
	static const char *const flags[] = {PLAIN, "freebsd"};
	static const int error[] = {EPIPE, ECONNRESET};

	for (unsigned i = 0; i < 2; i++) {
		struct tool_peer p;
		int fd;

		tool_open(flags[i]);
		fd = establish(&p);
		tool_put(&p, FRAME_ACK | FRAME_FIN, p.seq++, p.ack, 0);
		CU_ASSERT_PTR_NOT_NULL(tool_take(&p, S_US));
		tool_put(&p, FRAME_RST, p.seq, 0, 0);
		UNIT_EQ(get_int(fd, SOL_SOCKET, SO_ERROR), error[i]);
		tool_shut();
	}
}

static void options_are_on_the_wire(void)
{
	static const int option[][3] = {{SOL_SOCKET, SO_RCVBUF, 8000},
					{IPPROTO_TCP, TCP_MAXSEG, 500},
					{IPPROTO_IP, IP_TTL, 9}};
	const struct sockaddr_in local = address(TOOL_LOCAL, TOOL_PORT);
	struct tool_peer p = tool_peer_new(1);
	const struct frame_view *v;
	int fd;

	tool_open("freebsd");
	fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, 0);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_MAXSEG), 536);
	UNIT_EQ(get_int(fd, SOL_SOCKET, SO_OOBINLINE), 1);
	for (unsigned i = 0; i < 3; i++)
		UNIT_EQ(tool.setsockopt(tool.userdata, fd, option[i][0], option[i][1],
					&option[i][2], sizeof(int)),
			0);
	UNIT_EQ(tool.bind(tool.userdata, fd, (const struct sockaddr *)&local, sizeof local), 0);
	for (unsigned i = 0; i < 3; i++)
		UNIT_EQ(get_int(fd, option[i][0], option[i][1]), option[i][2]);
	UNIT_EQ(tool.listen(tool.userdata, fd, 1), 0);
	frame_ttl = 9;
	tool_put(&p, FRAME_SYN, p.seq++, 0, 0);
	v = tool_take(&p, S_US);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->wnd, 8000);
	UNIT_EQ(v->mss, 500);
	frame_ttl = 64;
	tool_shut();
}

/* ---------------------------------------------------------------------------------- fast open */

// A SYN,ACK with the cookie 1..8 in it acknowledges so many bytes of the SYN's data.
static void answer_with_cookie(struct tool_peer *p, uint32_t taken)
{
	static const uint8_t opt[] = {2, 4, 5, 0xb4, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};

	p->opt = opt;
	p->opt_len = sizeof opt;
	tool_put(p, FRAME_SYN | FRAME_ACK, p->seq++, p->iss + 1 + taken, 0);
	p->opt_len = 0;
}

static void a_send_connects_and_its_data_goes_on_the_syn_the_second_time(void)
{
	const struct frame_view *v;

	tool_open(PLAIN);
	for (unsigned i = 0; i < 2; i++) {
		struct tool_peer p = tool_peer_new(1);
		const struct sockaddr_in remote = address(TOOL_REMOTE, p.port);
		int fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		ssize_t n = tool.sendto(tool.userdata, fd, "request", 7, MSG_FASTOPEN,
					(const struct sockaddr *)&remote, sizeof remote);

		UNIT_EQ(n, i ? 7 : -1);
		if (i == 0)
			UNIT_EQ(errno, EINPROGRESS);
		v = tool_take(&p, S_US);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		UNIT_EQ(v->flags, FRAME_SYN);
		UNIT_EQ(v->has_fastopen, true);
		UNIT_EQ(v->cookie_len, i ? 8 : 0);
		UNIT_EQ(v->payload_len, i ? 7 : 0);
		answer_with_cookie(&p, i ? 7 : 0);
		CU_ASSERT_PTR_NOT_NULL(tool_take(&p, S_US));
		UNIT_EQ(tool_state(fd), 1);
		UNIT_EQ(tool.close(tool.userdata, fd), 0);
	}
	// Only a stream that is not connected yet can be opened so, and only with an address.
	UNIT_EQ(tool.sendto(tool.userdata, tool_listen(), "x", 1, MSG_FASTOPEN, NULL, 0), -1);
	UNIT_EQ(errno, EINVAL);
	tool_shut();
}

/* -------------------------------------------------------------------------------------- flags */

// A cookie that was asked for opens a connection with data on its SYN.
static void listeners_take_fast_open_when_told_so(void)
{
	for (unsigned i = 0; i < 2; i++) {
		uint8_t opt[16] = {2, 4, 5, 0xb4, 34, 2, 1, 1};
		struct tool_peer p = tool_peer_new(1);
		const struct frame_view *v;

		tool_open(i ? PLAIN ",fastopen" : PLAIN);
		(void)tool_listen();
		p.opt = opt;
		p.opt_len = 8;
		tool_put(&p, FRAME_SYN, p.seq, 0, 0);
		v = tool_take(&p, S_US);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		UNIT_EQ(v->has_fastopen, i == 1);
		if (v->has_fastopen) {
			opt[5] = 10;
			memcpy(opt + 6, v->cookie, 8);
			memset(opt + 14, 1, 2);
			p = tool_peer_new(1);
			p.opt = opt;
			p.opt_len = sizeof opt;
			tool_put(&p, FRAME_SYN, p.seq, 0, 10);
			v = tool_take(&p, S_US);
			CU_ASSERT_PTR_NOT_NULL_FATAL(v);
			UNIT_EQ(v->ack, p.irs + 11);
		}
		tool_shut();
	}
}

// As FreeBSD has it: no flag, and no waiting for a cookie.
static void an_address_connects_a_socket_with_fast_open(void)
{
	const int on = 1;

	tool_open("freebsd,no-timestamps");
	for (unsigned i = 0; i < 2; i++) {
		struct tool_peer p = tool_peer_new(1);
		const struct sockaddr_in remote = address(TOOL_REMOTE, p.port);
		const struct sockaddr *to = (const struct sockaddr *)&remote;
		int fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM, 0);
		const struct frame_view *v;

		UNIT_EQ(tool.sendto(tool.userdata, fd, "request", 7, 0, to, sizeof remote), -1);
		UNIT_EQ(errno, ENOTCONN);
		UNIT_EQ(tool.setsockopt(tool.userdata, fd, IPPROTO_TCP, TCP_FASTOPEN, &on,
					sizeof on),
			0);
		UNIT_EQ(tool.sendto(tool.userdata, fd, "request", 7, 0, to, sizeof remote), 7);
		v = tool_take(&p, S_US);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		UNIT_EQ(v->flags, FRAME_SYN);
		UNIT_EQ(v->cookie_len, i ? 8 : 0);
		UNIT_EQ(v->payload_len, i ? 7 : 0);
		answer_with_cookie(&p, i ? 7 : 0);
		v = tool_take(&p, S_US);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		UNIT_EQ(v->payload_len, 0);
		if (i == 0)
			UNIT_EQ(tool_take(&p, S_US)->payload_len, 7);
		UNIT_EQ(tool.sendto(tool.userdata, fd, "more", 4, 0, to, sizeof remote), 4);
		UNIT_EQ(tool.close(tool.userdata, fd), 0);
	}
	tool_shut();
}

static void syn_follows_the_profile(void)
{
	static const uint8_t all[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
				      0, 1, 0, 0,    0, 0, 1, 3,  3, 7};
	static const uint8_t gnu[] = {2, 4, 5, 0xb4, 4, 2, 8, 10}; // Then the stamps.
	static const uint8_t bsd[] = {2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, 8, 10};
	static const uint8_t short_bsd[] = {2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, 0, 0};
	static const uint8_t short_gnu[] = {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 8};
	static const struct {
		const char *flags;
		const uint8_t *options;
		uint32_t options_len, len;
	} profiles[] = {
		{"linux", gnu, sizeof gnu, 20},
		{NULL, gnu, sizeof gnu, 20},
		{"profile=freebsd", bsd, sizeof bsd, 20},
		{"freebsd,no-timestamps", short_bsd, sizeof short_bsd, 12},
		{"linux, no-timestamps", short_gnu, sizeof short_gnu, 12},
	};

	for (unsigned i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
		struct tool_peer p = tool_peer_new(1);
		const struct frame_view *v;
		const uint8_t *options;
		uint32_t len;

		tool_open(profiles[i].flags);
		(void)tool_listen();
		p.opt = all;
		p.opt_len = sizeof all;
		tool_put(&p, FRAME_SYN, p.seq, 0, 0);
		v = tool_take(&p, S_US);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		UNIT_EQ(v->wnd, 65535);
		options = tool_options(&len);
		UNIT_EQ(len, profiles[i].len);
		UNIT_EQ_BYTES(options, profiles[i].options, profiles[i].options_len);
		tool_shut();
	}
}

static void numbers_are_set(void)
{
	struct tool_peer p = tool_peer_new(1);
	const struct frame_view *v;

	tool_open("linux,mtu=1000,rcvbuf=5000,wscale=3,local=192.168.0.1");
	(void)tool_listen();
	p.opt = (const uint8_t[]){1, 3, 3, 0};
	p.opt_len = 4;
	tool_put(&p, FRAME_SYN, p.seq, 0, 0);
	v = tool_take(&p, S_US);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->mss, 960);
	UNIT_EQ(v->wscale, 3);
	UNIT_EQ(v->wnd, 5000);
	tool_shut();
}

static void acks_are_not_delayed_when_told_so(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tool_peer p = tool_peer_new(1);

		tool_open(i ? "linux" : "linux,delayed_ack=0");
		(void)tool_listen();
		tool_put(&p, FRAME_SYN, p.seq++, 0, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(tool_take(&p, S_US));
		tool_put(&p, FRAME_ACK, p.seq, p.ack, 100);
		UNIT_EQ(tool_take(&p, 1000) != NULL, i == 0);
		tool_shut();
	}
}

static void words_are_switches(void)
{
	struct tool_peer p = tool_peer_new(1);
	const struct sockaddr_in remote = address(TOOL_REMOTE, TOOL_PEER_PORT);
	const struct frame_view *v;
	int fd;

	tool_open(PLAIN ",nodelay,newreno,ecn");
	fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	UNIT_EQ(tool.connect(tool.userdata, fd, (const struct sockaddr *)&remote, sizeof remote),
		-1);
	UNIT_EQ(errno, EINPROGRESS);
	UNIT_EQ(get_int(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	p.port = TOOL_PEER_PORT;
	v = tool_take(&p, S_US);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	UNIT_EQ(v->flags, FRAME_SYN | FRAME_ECE | FRAME_CWR); // RFC 3168 6.1.1.
	CU_ASSERT(!v->has_ts && !v->has_wscale && !v->permits_sack);
	tool_shut();
}

static int exit_code_with(const char *flags)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(STDERR_FILENO);
		tool_open(flags);
		_exit(0);
	}
	UNIT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void flags_that_mean_nothing_end_the_tool(void)
{
	static const char *const bad[] = {
		"solaris",     "mtu=",       "mtu=70000",   "mtu=1x",
		"local=1.2.3", "colour=red", "profile=vms", "local=192.168.0.1,mtu=100"};
	char *much = calloc(1, 600);

	CU_ASSERT_PTR_NOT_NULL_FATAL(much);
	memset(much, ',', 599);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		UNIT_EQ(exit_code_with(bad[i]), 1);
	UNIT_EQ(exit_code_with(much), 1);
	UNIT_EQ(exit_code_with("linux"), 0);
	free(much);
}

UNIT_SUITE(plugin, UNIT_TEST(time_passes_by_asking), UNIT_TEST(receive_ends_after_ten_seconds),
	   UNIT_TEST(receive_steps_to_the_timer), UNIT_TEST(receive_needs_room),
	   UNIT_TEST(packets_have_a_length), UNIT_TEST(descriptors_are_real),
	   UNIT_TEST(only_tcp_is_offered), UNIT_TEST(mapped_addresses_are_taken_and_given),
	   UNIT_TEST(the_host_is_where_packets_go), UNIT_TEST(accept_waits_for_a_connection),
	   UNIT_TEST(read_waits_for_data), UNIT_TEST(connect_waits_for_the_handshake),
	   UNIT_TEST(write_waits_for_room), UNIT_TEST(poll_waits_so_long),
	   UNIT_TEST(who_plays_the_script_does_not_wait_for_ever), UNIT_TEST(nonblocking_is_a_flag),
	   UNIT_TEST(vectors_are_filled_in_order), UNIT_TEST(peeking_leaves_what_it_shows),
	   UNIT_TEST(buffers_have_a_size), UNIT_TEST(queues_can_be_asked),
	   UNIT_TEST(options_have_linuxs_shapes), UNIT_TEST(more_to_come_waits),
	   UNIT_TEST(reset_behind_a_fin_has_the_profiles_error), UNIT_TEST(options_are_on_the_wire),
	   UNIT_TEST(a_send_connects_and_its_data_goes_on_the_syn_the_second_time),
	   UNIT_TEST(listeners_take_fast_open_when_told_so),
	   UNIT_TEST(an_address_connects_a_socket_with_fast_open),
	   UNIT_TEST(syn_follows_the_profile), UNIT_TEST(numbers_are_set),
	   UNIT_TEST(acks_are_not_delayed_when_told_so), UNIT_TEST(words_are_switches),
	   UNIT_TEST(flags_that_mean_nothing_end_the_tool));
