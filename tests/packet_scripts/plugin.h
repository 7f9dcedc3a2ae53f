// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The plug-in's state: one host, its clock, and the descriptors that stand for its sockets.
//
// Threads. The tool calls from two: the one that plays the script, and one for calls that block.
// One lock covers everything. Only the first moves the clock. A call that has to wait sleeps until
// something has happened, and whoever made it happen lets it finish, and look at the clock, before
// time goes on: the script sees it return at the moment at which it could. A call that would block
// the thread that plays the script moves the clock itself, from timer to timer.

#include <pthread.h>

#include "host.h"
#include "interface.h"

#define PLUGIN_FDS       256u
#define PLUGIN_WAIT_US   10000000 // A receive ends after this, and a call nobody ends.
#define PLUGIN_SETTINGS  16u
#define PLUGIN_VALUE_MAX 16u

// A socket option that was set before there was a host.
struct setting {
	int fd;
	enum hc_socket_option option;
	int value;
};

struct handle {
	bool is_open;
	bool is_nonblocking;
	bool is_v6;    // Of AF_INET6: addresses are IPv4 ones, mapped.
	bool has_more; // The last write said MSG_MORE, and the socket is corked for that.
	int sock;      // -1: there is no host yet.
};

struct plugin {
	pthread_mutex_t lock;
	pthread_cond_t changed; // Those that wait have to look again.
	pthread_cond_t settled; // One of them has looked.
	pthread_t player;       // The thread that plays the script.
	unsigned waiting;       // Calls that sleep.
	unsigned looking;       // Of them, those that were woken and have not settled.
	int64_t deadline_us;    // When the one that sleeps gives up; INT64_MAX: never.

	struct hc_stack_config cfg;
	bool opens_fast;   // Listeners take Fast Open.
	struct host *host; // Made when its address is known.
	int64_t now_us;
	unsigned setting_count;
	struct setting setting[PLUGIN_SETTINGS];
	struct handle handle[PLUGIN_FDS]; // By descriptor.
};

// What door.c calls: fills in the interface.
void handclasp_packet_host_init(const char *flags, struct packet_tool *tool);

// flags.c: fills in the configuration, and whether listeners take Fast Open unasked. @return NULL,
// or what is wrong.
const char *plugin_flags(const char *flags, struct hc_stack_config *cfg, bool *opens_fast);

// plugin.c
// Makes the host if there is none. `addr` is its address if the flags gave none; 0: not known, so
// the usual one. @return false when it cannot be made.
bool plugin_host(struct plugin *p, uint32_t addr);
void plugin_enter(struct plugin *p);
// Lets the stack send what a call made due, and ends the call. @return -1 with errno, or `result`.
ssize_t plugin_leave(struct plugin *p, ssize_t result);
// Sleeps until something has happened, or until the deadline. @return false when nothing will.
bool plugin_wait(struct plugin *p, int64_t deadline_us);

// calls.c: fills in the calls on sockets.
void plugin_calls(struct packet_tool *tool);
// The open handle of a descriptor, or NULL.
struct handle *plugin_handle(struct plugin *p, int fd);

// options.c
// Whether the profile is FreeBSD's.
bool plugin_is_freebsd(const struct plugin *p);
int plugin_getsockopt(void *userdata, int fd, int level, int option, void *value, socklen_t *len);
int plugin_setsockopt(void *userdata, int fd, int level, int option, const void *value,
		      socklen_t len);
