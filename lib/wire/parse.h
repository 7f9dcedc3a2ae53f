// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The one checked parser: from a frame of any bytes and any length to what it is. Every length is
// compared before it is used, nothing is written to the frame, and each way to fail has a drop
// counter of its own. Called once per received frame by the parse stage, by the fuzzers and by
// tests; reads no clock and keeps no state.
//
// Order of checks (the first that fails names the drop): Ethernet length, source, destination,
// type; IPv4 length, version, IHL, total length, header checksum, source, destination, protocol,
// fragment; TCP unicast, length, offset, ports, checksum, options; ICMP length, checksum.

#include <handclasp/counters.h>

#include "wire/format.h"
#include "wire/seg.h"

#define HC_PLAIN_L4_OFF (HC_ETH_LEN + HC_IP4_LEN) // Of a segment without IP options.

enum hc_frame_kind {
	// *seg is filled in.
	HC_FRAME_TCP,
	// out->l3_off is where the ARP packet starts; at least HC_ARP_LEN bytes are there, nothing
	// else checked.
	HC_FRAME_ARP,
	// out->l3_off, out->l4_off, out->l4_len; IP checked, the header's length (8) checked,
	// checksum checked.
	HC_FRAME_ICMP,
	// A fragment of TCP or ICMP: out->l3_off, out->l4_off, out->l4_len; IP checked, and that it
	// is one that can be part of a datagram (RFC 791 3.2, RFC 1858). Nothing within is looked
	// at.
	HC_FRAME_FRAGMENT,
	// out->drop says why.
	HC_FRAME_DROP,
};

// What the parser has to know of this host. Addresses in wire order. The host's own address and
// those of its clients are unicast addresses: whoever fills this in has seen to it.
struct hc_parse_env {
	uint8_t mac[6];
	bool is_promiscuous; // Take frames for other MACs (never set in normal use).
	hc_be32 local_be;
	hc_be32 broadcast_be; // Directed broadcast of the local network, 0: none.
	// Source prefix of the client side and its mask; local_be and 0xffffffff when there is
	// none.
	hc_be32 clients_be;
	hc_be32 clients_mask_be;
	// What the first bytes of a plain segment to us look like, under the mask of
	// parse_inline.h; hc_parse_env_seal()'s.
	uint8_t plain[32];
};

// Works out `plain`. To be called when the MAC address is set, before the first frame, and whenever
// it is changed.
void hc_parse_env_seal(struct hc_parse_env *env);

// What the port already verified: PKT bits are only ever set when it is certain.
enum hc_parse_trust {
	HC_TRUST_IP_CSUM = 1 << 0,
	HC_TRUST_L4_CSUM = 1 << 1, // TCP alone: ICMP's is always verified here.
};

struct hc_parsed {
	enum hc_frame_kind kind;
	enum hc_counter drop; // Valid with HC_FRAME_DROP.
	uint8_t notes;        // enum hc_parse_notes: counters to move, with a drop too.
	// Sent to more than us: to an IP broadcast address or, with whatever address, to a
	// broadcast or multicast MAC. Valid with HC_FRAME_ARP, HC_FRAME_ICMP and
	// HC_FRAME_FRAGMENT: TCP never is.
	bool is_broadcast;
	// With all but HC_FRAME_TCP; a segment says where its payload is.
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t l4_len; // By the IP header's total length: padding is cut off.
};

enum hc_parse_notes {
	HC_NOTE_TTL_ZERO = 1 << 0,
	HC_NOTE_IP_OPTIONS = 1 << 1,
	HC_NOTE_BAD_TCP_OPTION = 1 << 2,
};

// Parses one frame of `len` contiguous bytes. Fills *out always, and with HC_FRAME_TCP *seg down
// to `wscale`; fields of options that were not there are 0.
enum hc_frame_kind hc_parse_frame(const struct hc_parse_env *env, const uint8_t *frame,
				  uint32_t len, unsigned trust, struct hc_parsed *out,
				  struct hc_seg *seg);

// The same without the short cut for plain TCP segments (parse_inline.h), which has the same answer
// for every frame.
enum hc_frame_kind hc_parse_frame_full(const struct hc_parse_env *env, const uint8_t *frame,
				       uint32_t len, unsigned trust, struct hc_parsed *out,
				       struct hc_seg *seg);

// The part of hc_parse_plain() that is worth a call (parse_inline.h).
bool hc_parse_plain_rest(const struct hc_parse_env *env, const uint8_t *frame, uint32_t len,
			 unsigned trust, struct hc_seg *seg);

// Reads the SACK blocks (RFC 2018 3) of a segment that was parsed from `frame`, as they stand there
// and in that order: numbers are the peer's word, to be judged by who uses them. @return how many,
// 0..HC_SACK_BLOCKS_MAX.
unsigned hc_parse_sack(const uint8_t *frame, const struct hc_seg *seg,
		       struct hc_seq_range blocks[HC_SACK_BLOCKS_MAX]);

// The cookie of a SYN's Fast Open option (RFC 7413 4.1.1), as it stands in the frame. @return its
// length, 4..16; 0: none, or an option that asks for one.
uint32_t hc_parse_fastopen(const uint8_t *frame, const struct hc_seg *seg, const uint8_t **cookie);

// Parses TCP options of `len` bytes (0..40) into *seg (opts, mss, wscale, tsval, tsecr, and
// sack_off, for which payload_off has to be set: the options end there). A
// malformed option (length 0 or 1, past the end, wrong for its kind) ends the walk: what came
// before stands. Options that only a SYN may carry are taken only with is_syn. @return false when
// something was malformed.
bool hc_parse_tcp_options(const uint8_t *opt, uint32_t len, bool is_syn, struct hc_seg *seg);
