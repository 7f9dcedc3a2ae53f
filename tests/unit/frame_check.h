// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A second opinion on every frame the stack sends: a parser that shares no code with lib/wire,
// strict about everything a sender decides for itself, and a view of the frame in host order.

#include "frames.h"

enum frame_kind {
	FRAME_KIND_ARP,
	FRAME_KIND_ICMP,
	FRAME_KIND_TCP,
};

enum frame_flags {
	FRAME_FIN = 0x01,
	FRAME_SYN = 0x02,
	FRAME_RST = 0x04,
	FRAME_PSH = 0x08,
	FRAME_ACK = 0x10,
	FRAME_ECE = 0x40,
	FRAME_CWR = 0x80,
};

struct frame_view {
	enum frame_kind kind;
	uint32_t src; // ARP: sender's address.
	uint32_t dst; // ARP: target's address.
	uint16_t sport;
	uint16_t dport;
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint8_t flags;
	uint8_t tos;
	uint8_t wscale;
	bool has_mss;
	bool has_wscale;
	bool has_ts;
	bool permits_sack;
	unsigned sack_count;
	uint32_t sack[4][2]; // Left and right edge.
	bool has_fastopen;
	uint8_t cookie_len;
	const uint8_t *cookie; // Points into the frame.
	uint16_t mss;
	uint32_t tsval;
	uint32_t tsecr;
	const uint8_t *payload;
	uint32_t payload_len;
	uint16_t op;      // ARP operation, ICMP type.
	uint16_t ip_csum; // As they stand in the frame.
	uint16_t tcp_csum;
};

enum frame_csum {
	FRAME_CSUM_FULL,   // Both checksums are right.
	FRAME_CSUM_PSEUDO, // Left to the port: IPv4's 0, TCP's the pseudo header's sum.
};

// What the host was told to write: 64 and 0 unless a test says otherwise.
extern uint8_t frame_ttl;
extern uint8_t frame_dscp;

// @return NULL when a frame of `len` bytes is one that a host may send, else what is wrong with it.
const char *frame_check(const uint8_t *frame, uint32_t len, enum frame_csum csum,
			struct frame_view *v);
