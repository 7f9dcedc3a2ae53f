// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// An echo server: echo DEV ADDRESS PORT, for example `echo tap:hc0 10.0.0.1 7`. ADDRESS is ours, in
// a network of 24 bits; the other end of a TAP, which is the kernel's, needs one of its own there.
// Everything it needs of handclasp is in one header. Ctrl-C ends it.

#include <arpa/inet.h>
#include <handclasp/handclasp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct hc_runtime *runtime;
static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
	(void)number;
	is_over = 1;
}

static int fail(const char *why)
{
	fprintf(stderr, "echo: %s\n", why);
	return 1;
}

// 1 to 65535; 0 for what is none.
static uint16_t port_of(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	return *end == '\0' && port > 0 && port <= 65535 ? (uint16_t)port : 0;
}

// Sends back what has come, one buffer at a time, the next when the last is acknowledged. So what
// is received always fits, and from a peer that does not read nothing is read.
static void answer(struct hc_worker *w, hc_conn conn)
{
	static uint8_t buffer[4096];
	struct hc_conn_info info;

	if (hc_conn_info(w, conn, &info) != 0)
		return; // It has ended.
	if (info.readable_bytes > 0 && info.unacked_bytes == 0) {
		size_t n = hc_recv_copy(w, conn, buffer, sizeof buffer);

		if (hc_send(w, conn, buffer, n, 0) < n)
			(void)hc_abort(w, conn); // Out of buffers.
	} else if (info.readable_bytes == 0 && info.state == HC_CLOSE_WAIT) {
		(void)hc_close(w, conn);
	}
}

static int serve(void *arg)
{
	static struct hc_event events[512];
	struct hc_worker *w = arg;

	while (!is_over) {
		unsigned n = hc_step(w, hc_runtime_now_ns(runtime), events, 512);

		for (unsigned i = 0; i < n; i++)
			if (events[i].type == HC_EV_DATA || events[i].type == HC_EV_SENT ||
			    events[i].type == HC_EV_PEER_CLOSED)
				answer(w, events[i].conn);
		hc_flush(w);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *device = argc == 4 ? argv[1] : NULL;
	struct hc_runtime_config rc = {
		.worker_count = 1, .devices = &device, .device_count = 1, .is_quiet = true};
	struct hc_port_config pc = {.device = device, .queue_count = 1, .mtu = 1500};
	struct hc_listen_args listen = {.backlog = 1024};
	struct hc_stack_config stack;
	struct hc_port *port;
	struct hc_worker *w;
	struct in_addr addr;
	char why[HC_WHY_SIZE];
	const char *reason = "no memory";

	if (argc != 4 || inet_pton(AF_INET, argv[2], &addr) != 1 || port_of(argv[3]) == 0) {
		(void)fail("usage: echo DEV ADDRESS PORT, such as echo tap:hc0 10.0.0.1 7");
		return 2;
	}
	hc_stack_config_default(&stack);
	stack.local_addr = ntohl(addr.s_addr);
	stack.local_prefix_len = 24;
	listen.port = port_of(argv[3]);
	rc.memory_bytes = hc_worker_memory_bytes(&stack) + hc_port_memory_bytes(&pc);
	if (hc_runtime_start(&rc, &runtime, why) != 0 ||
	    hc_port_open(runtime, &pc, &port, why) != 0)
		return fail(why);
	if (hc_worker_create(port, 0, &stack, &w, &reason) != 0)
		return fail(reason);
	(void)signal(SIGINT, on_signal);

	if (hc_listen(w, &listen) < 0 || hc_runtime_launch(runtime, 0, serve, w) != 0)
		return fail("cannot listen on that port");
	(void)hc_runtime_join(runtime, 0);
	hc_worker_destroy(w);
	hc_port_close(port);
	hc_runtime_stop(runtime);
	return 0;
}
