// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The host under test: a worker with sockets on a port whose other side is ours, and the clock.
// Packets go in and come out without their Ethernet headers; the link, with its next hop that
// answers every ARP request, is played here.
//
// Time stands still unless host_advance() moves it, from one timer of the stack to the next.

#include <handclasp/socket.h>
#include <handclasp/stack.h>

#define HOST_PACKET_MAX 9216u // As the largest MTU.
#define HOST_OUT_MAX    1024u
#define HOST_SOCKETS    256u

struct host_packet {
	int64_t at_us;
	uint32_t len;
	uint8_t bytes[HOST_PACKET_MAX];
};

struct host;

// Makes the host; its addresses are those of *cfg. Starts the runtime with the first one of the
// process. NULL when that fails, with a sentence on stderr.
struct host *host_open(const struct hc_stack_config *cfg, int64_t now_us);
// Closes it. Prints on stderr what does not balance. @return whether all did.
bool host_shut(struct host *h);

struct hc_sockets *host_sockets(struct host *h);
struct hc_worker *host_worker(struct host *h);

// Lets the stack do what is due now, until it has no more to do.
void host_settle(struct host *h);
// Moves the clock forward to the time given, or to the next timer if that is earlier, and settles.
// @return the time it is.
int64_t host_advance(struct host *h, int64_t until_us);
// Hands a packet in and settles. @return false when it does not fit.
bool host_put(struct host *h, const void *packet, size_t len);
// The oldest packet sent and not yet taken, NULL when there is none; until the next host_settle().
const struct host_packet *host_take(struct host *h);
bool host_has_packet(const struct host *h);
