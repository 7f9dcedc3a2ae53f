// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A packet-script tool of our own, as small as tests need it: loads the plug-in by the interface
// alone, plays the peer at the other end of its packets, and knows nothing of what is behind.

#include "interface.h"

#include "unit/frame_check.h"
#include "unit/runner.h"

#define TOOL_LOCAL     0xc0a80001u // 192.168.0.1, the host.
#define TOOL_REMOTE    0xc0000201u // 192.0.2.1, the peer.
#define TOOL_PORT      8080u
#define TOOL_PEER_PORT 32768

extern struct packet_tool tool;

// Loads the plug-in with flags of --so_flags; tool_shut() lets it go.
void tool_open(const char *flags);
void tool_shut(void);
// The path of the plug-in.
const char *tool_path(void);

int64_t tool_now_us(void);

// The peer of one connection; numbers are those of its next segment.
struct tool_peer {
	uint16_t port, local_port;
	uint32_t irs; // The peer's first number, from the host's point of view.
	uint32_t iss; // The host's.
	uint32_t seq;
	uint32_t ack;
	uint32_t edge; // Behind what the host's window allows.
	const uint8_t *opt;
	uint32_t opt_len;
};

// A peer that the host has not met, whose first number is `irs`.
struct tool_peer tool_peer_new(uint32_t irs);
// Sends a segment at seq with ack, whatever the peer's own are.
void tool_put(const struct tool_peer *p, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len);
// The next packet of the host to this peer within `within_us`; those of others are passed over.
// Numbers are taken in. NULL when there is none.
const struct frame_view *tool_take(struct tool_peer *p, int64_t within_us);
// The options of the packet taken last, and when it left.
const uint8_t *tool_options(uint32_t *len);
int64_t tool_left_us(void);

// A socket that listens on TOOL_PORT.
int tool_listen(void);
// The state of a socket, by Linux's numbers.
int tool_state(int fd);
