// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The one checked parser: from a frame of any bytes and any length to what it is. Every length is
// compared before it is used, nothing is written to the frame, and each way to fail has a drop
// counter of its own. Called once per received frame by the parse stage, by the fuzzers and by
// tests; reads no clock and keeps no state.
//
// Order of checks (the first that fails names the drop): Ethernet length, source, destination,
// type; IPv4 length, version, IHL, total length, header checksum, source, destination, fragment,
// protocol; TCP length, offset, ports, checksum, options.

#include <handclasp/counters.h>

#include "wire/format.h"
#include "wire/seg.h"

enum hc_frame_kind {
	HC_FRAME_TCP,  // out->seg is filled in.
	HC_FRAME_ARP,  // out->l3_off is where the ARP packet starts; at least HC_ARP_LEN bytes are
		       // there, nothing else checked.
	HC_FRAME_ICMP, // out->l3_off, out->l4_off, out->l4_len; IP checked, ICMP header length (8)
		       // checked, checksum checked.
	HC_FRAME_DROP, // out->drop says why.
};

// What the parser has to know of this host. Addresses in wire order.
struct hc_parse_env {
	uint8_t mac[6];
	bool is_promiscuous; // Take frames for other MACs (never set in normal use).
	hc_be32 local_be;
	hc_be32 broadcast_be;    // Directed broadcast of the local network, 0: none.
	hc_be32 clients_be;      // Source prefix of the client side ...
	hc_be32 clients_mask_be; // ... and its mask; 0xffffffff with clients_be = local_be when
				 // there is none.
};

// What the port already verified: PKT bits are only ever set when it is certain.
enum hc_parse_trust {
	HC_TRUST_IP_CSUM = 1 << 0,
	HC_TRUST_L4_CSUM = 1 << 1,
};

struct hc_parsed {
	enum hc_frame_kind kind;
	enum hc_counter drop; // Valid with HC_FRAME_DROP.
	uint8_t notes;        // enum hc_parse_notes: counters of kind NOTE to move.
	bool is_broadcast;    // IP destination was a broadcast or multicast address.
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t l4_len; // By the IP header's total length: padding is cut off.
};

enum hc_parse_notes {
	HC_NOTE_TTL_ZERO = 1 << 0,
	HC_NOTE_IP_OPTIONS = 1 << 1,
	HC_NOTE_BAD_TCP_OPTION = 1 << 2,
};

// Parses one frame of `len` contiguous bytes. Fills *seg when the result is HC_FRAME_TCP, and
// always *out.
enum hc_frame_kind hc_parse_frame(const struct hc_parse_env *env, const uint8_t *frame,
				  uint32_t len, unsigned trust, struct hc_parsed *out,
				  struct hc_seg *seg);

// Parses TCP options of `len` bytes (0..40) into *seg (opts, mss, wscale, tsval, tsecr). A
// malformed option (length 0 or 1, past the end, wrong for its kind) ends the walk: what came
// before stands. Options that only a SYN may carry are taken only with is_syn. @return false when
// something was malformed.
bool hc_parse_tcp_options(const uint8_t *opt, uint32_t len, bool is_syn, struct hc_seg *seg);
