// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Frames for tests, written byte by byte from the RFCs' pictures and summed by RFC 1071 as it
// stands there. Uses nothing of lib/, so that what lib/wire reads and writes is held against
// something else than itself.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 2048u

// Where the headers of a frame without IP options are.
enum {
	FRAME_IP = 14,
	FRAME_L4 = 34,
	FRAME_TCP_OPT = 54,
};

// A TCP segment in IPv4 in Ethernet; everything in host order.
struct frame_tcp {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint8_t tos;
	uint8_t ttl;
	uint16_t id;
	uint16_t frag; // Flags and offset.
	uint32_t src;
	uint32_t dst;
	const uint8_t *ip_opt;
	uint32_t ip_opt_len; // A multiple of 4.
	uint16_t sport;
	uint16_t dport;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint16_t wnd;
	uint16_t urp;
	const uint8_t *opt;
	uint32_t opt_len; // A multiple of 4.
	const uint8_t *payload;
	uint32_t payload_len;
};

// 10.0.0.2 port 40000 to 10.0.0.1 port 80: an ACK.
struct frame_tcp frame_tcp_default(void);

// @return the length of the frame, checksums right, not padded.
uint32_t frame_write_tcp(uint8_t *frame, const struct frame_tcp *f);

// An echo request of 10.0.0.2 to 10.0.0.1. @return the length of the frame.
uint32_t frame_write_echo(uint8_t *frame, uint16_t id, uint16_t seq, const uint8_t *data,
			  uint32_t data_len);

// An ARP request of 10.0.0.2 for 10.0.0.1. @return the length of the frame, 42.
uint32_t frame_write_arp(uint8_t *frame);

// Makes checksums right again after a change, as far as the lengths in the headers leave them a
// place in the frame's `len` bytes.
void frame_fix_ip_csum(uint8_t *frame, uint32_t len);
void frame_fix_l4_csum(uint8_t *frame, uint32_t len);

// RFC 1071: 16-bit words in network order, an odd byte on the left, carries brought round.
// @return the sum, not complemented.
uint32_t frame_sum(uint32_t sum, const uint8_t *p, size_t len);

// The sum of the pseudo header.
uint32_t frame_pseudo_sum(uint32_t src, uint32_t dst, uint8_t proto, uint32_t l4_len);

void frame_put16(uint8_t *p, uint32_t v);
void frame_put32(uint8_t *p, uint32_t v);
uint32_t frame_get16(const uint8_t *p);
uint32_t frame_get32(const uint8_t *p);

// A copy of `len` bytes (at most FRAME_MAX) that ends where memory ends: reading one byte more is a
// fault. There is one such place; each call overwrites it.
uint8_t *frame_at_edge(const uint8_t *bytes, uint32_t len);
