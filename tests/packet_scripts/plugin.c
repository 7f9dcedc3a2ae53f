// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The stack behind the door of a packet-script tool (door.c): its life, its clock and its packets.
// See plugin.h for the threads.

#include "plugin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define START_US    1000000000  // The clock when the tool comes.
#define USUAL_LOCAL 0xc0a80001u // 192.168.0.1
#define S_US        1000000
#define SETTLE_NS   200000000 // Of real time: a caller that never looks at the clock.
#define IP4_LEN_MIN 20u
#define IP4_DST     16u

// The thread's call has ended, and the one that plays waits for it to look at the clock.
static __thread bool is_expected;

static void handles_open(struct plugin *p)
{
	struct hc_sockets *s = host_sockets(p->host);

	for (unsigned fd = 0; fd < PLUGIN_FDS; fd++)
		if (p->handle[fd].is_open)
			p->handle[fd].sock = hc_socket_open(s);
	for (unsigned i = 0; i < p->setting_count; i++) {
		const struct setting *set = &p->setting[i];

		if (p->handle[set->fd].is_open &&
		    hc_socket_setsockopt(s, p->handle[set->fd].sock, set->option, &set->value,
					 sizeof set->value) != 0)
			fprintf(stderr, "handclasp: a socket option was taken and cannot be set\n");
	}
	p->setting_count = 0;
}

bool plugin_host(struct plugin *p, uint32_t addr)
{
	struct hc_stack_config cfg = p->cfg;
	uint32_t mask = ~0u << (32 - cfg.local_prefix_len);

	if (p->host)
		return true;
	if (cfg.local_addr == 0)
		cfg.local_addr = addr ? addr : USUAL_LOCAL;
	cfg.gateway = (cfg.local_addr & mask) | 1;
	if (cfg.gateway == cfg.local_addr)
		cfg.gateway++;
	p->host = host_open(&cfg, p->now_us);
	if (!p->host)
		return false;
	handles_open(p);
	return true;
}

// Wakes those that wait, and goes on when each has looked and either sleeps again or has returned
// to the tool, which then asks for the time.
static void let_them_look(struct plugin *p)
{
	struct timespec end;

	if (p->waiting == 0 || is_expected)
		return;
	p->looking = p->waiting;
	pthread_cond_broadcast(&p->changed);
	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += SETTLE_NS;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	while (p->looking)
		if (pthread_cond_timedwait(&p->settled, &p->lock, &end) != 0)
			break;
	p->looking = 0;
}

static void has_looked(struct plugin *p)
{
	if (p->looking && --p->looking == 0)
		pthread_cond_signal(&p->settled);
}

// Moves the clock, from timer to timer. Ends early when a packet comes out and that is wanted.
static void advance(struct plugin *p, int64_t until_us, bool until_packet)
{
	while (p->now_us < until_us && !(until_packet && p->host && host_has_packet(p->host))) {
		int64_t to_us = until_us;

		if (p->deadline_us > p->now_us && p->deadline_us < to_us)
			to_us = p->deadline_us;
		p->now_us = p->host ? host_advance(p->host, to_us) : to_us;
		let_them_look(p);
	}
}

void plugin_enter(struct plugin *p)
{
	(void)pthread_mutex_lock(&p->lock);
	if (p->host)
		(void)host_advance(p->host, p->now_us);
}

ssize_t plugin_leave(struct plugin *p, ssize_t result)
{
	if (p->host)
		host_settle(p->host);
	if (pthread_equal(pthread_self(), p->player))
		let_them_look(p);
	(void)pthread_mutex_unlock(&p->lock);
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

bool plugin_wait(struct plugin *p, int64_t deadline_us)
{
	host_settle(p->host); // What the call has made due so far.
	if (p->now_us >= deadline_us)
		return false;
	if (pthread_equal(pthread_self(), p->player)) {
		// Nobody else moves the clock, or hands packets in.
		int64_t before_us = p->now_us;

		p->now_us = host_advance(p->host, deadline_us);
		return p->now_us > before_us;
	}
	// Woken before, and not served.
	if (is_expected)
		has_looked(p);
	is_expected = false;
	p->waiting++;
	p->deadline_us = deadline_us;
	(void)pthread_cond_wait(&p->changed, &p->lock);
	p->deadline_us = INT64_MAX;
	p->waiting--;
	is_expected = p->looking != 0;
	return true;
}

static int net_send(void *userdata, const void *packet, size_t len)
{
	struct plugin *p = userdata;
	const uint8_t *ip = packet;
	uint32_t dst;
	ssize_t result = -EINVAL;

	plugin_enter(p);
	if (len >= IP4_LEN_MIN) {
		dst = (uint32_t)ip[IP4_DST] << 24 | (uint32_t)ip[IP4_DST + 1] << 16 |
		      (uint32_t)ip[IP4_DST + 2] << 8 | ip[IP4_DST + 3];
		if (!plugin_host(p, dst))
			result = -ENOMEM;
		else
			result = host_put(p->host, packet, len) ? 0 : -EMSGSIZE;
	}
	return (int)plugin_leave(p, result);
}

static int net_receive(void *userdata, void *packet, size_t *len, long long *time_us)
{
	struct plugin *p = userdata;
	const struct host_packet *out;
	ssize_t result = 0;

	plugin_enter(p);
	advance(p, p->now_us + PLUGIN_WAIT_US, true);
	out = p->host ? host_take(p->host) : NULL;
	*time_us = out ? out->at_us : p->now_us;
	if (out && out->len > *len)
		result = -EMSGSIZE;
	else if (out)
		memcpy(packet, out->bytes, out->len);
	*len = out && result == 0 ? out->len : 0;
	return (int)plugin_leave(p, result);
}

static int sleep_us(void *userdata, useconds_t us)
{
	struct plugin *p = userdata;

	plugin_enter(p);
	advance(p, p->now_us + us, false);
	return (int)plugin_leave(p, 0);
}

// Asking for the time takes time: who spins until it is later gets there.
static int get_time(void *userdata, struct timeval *tv, struct timezone *tz)
{
	struct plugin *p = userdata;

	(void)tz;
	(void)pthread_mutex_lock(&p->lock);
	p->now_us++;
	tv->tv_sec = p->now_us / S_US;
	tv->tv_usec = p->now_us % S_US;
	if (is_expected) {
		is_expected = false;
		has_looked(p);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return 0;
}

static void end(void *userdata)
{
	struct plugin *p = userdata;

	if (p->host)
		(void)host_shut(p->host);
	for (unsigned fd = 0; fd < PLUGIN_FDS; fd++)
		if (p->handle[fd].is_open)
			(void)close((int)fd);
	(void)pthread_cond_destroy(&p->settled);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

__attribute__((noreturn)) static void give_up(const char *why, const char *flags)
{
	fprintf(stderr, "handclasp: %s in the flags \"%s\"\n", why, flags ? flags : "");
	exit(EXIT_FAILURE);
}

__attribute__((visibility("default"))) void handclasp_packet_host_init(const char *flags,
								       struct packet_tool *tool)
{
	struct plugin *p = calloc(1, sizeof *p);
	const char *bad = p ? plugin_flags(flags, &p->cfg, &p->opens_fast) : "no memory";

	if (bad)
		give_up(bad, flags);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->changed, NULL);
	(void)pthread_cond_init(&p->settled, NULL);
	p->player = pthread_self();
	p->now_us = START_US;
	p->deadline_us = INT64_MAX;
	*tool = (struct packet_tool){
		.userdata = p,
		.free = end,
		.netdev_send = net_send,
		.netdev_receive = net_receive,
		.usleep = sleep_us,
		.gettimeofday = get_time,
	};
	plugin_calls(tool);
	// What cannot be is told before the script begins.
	if (p->cfg.local_addr && !plugin_host(p, 0))
		give_up("no host", flags);
}
