// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A segment as the protocol sees it: what the parser makes of a received frame, in host order
// except the flow key, which stays as it stood on the wire so that it can be compared with a
// connection's in two loads. One cache line.

#include "base/hash.h"
#include "base/seq.h"

// TCP control bits, as in the header (RFC 9293 3.1).
enum hc_tcp_flags {
	HC_TCP_FIN = 0x01,
	HC_TCP_SYN = 0x02,
	HC_TCP_RST = 0x04,
	HC_TCP_PSH = 0x08,
	HC_TCP_ACK = 0x10,
	HC_TCP_URG = 0x20,
	HC_TCP_ECE = 0x40,
	HC_TCP_CWR = 0x80,
};

// Which options a segment carried, well formed.
enum hc_seg_opts {
	HC_OPT_MSS = 0x01,
	HC_OPT_WSCALE = 0x02,
	HC_OPT_SACK_PERMITTED = 0x04,
	HC_OPT_TIMESTAMPS = 0x08,
	HC_OPT_SACK = 0x10,     // hc_parse_sack() reads the blocks.
	HC_OPT_FASTOPEN = 0x20, // hc_parse_fastopen() reads the cookie.
};

// Sequence numbers from lo to before hi.
struct hc_seq_range {
	hc_seq lo;
	hc_seq hi;
};

struct hc_seg {
	/*  0 */ struct hc_flow_key key; // local = destination of the frame, remote = its source.
	/* 12 */ uint16_t wnd;           // SEG.WND, not scaled.
	/* 14 */ uint8_t flags;          // enum hc_tcp_flags.
	/* 15 */ uint8_t opts;           // enum hc_seg_opts.
	/* 16 */ hc_seq seq;             // SEG.SEQ.
	/* 20 */ hc_seq ack;             // SEG.ACK.
	/* 24 */ uint32_t tsval;         // Valid with HC_OPT_TIMESTAMPS.
	/* 28 */ uint32_t tsecr;
	/* 32 */ uint16_t payload_off; // From the start of the frame.
	/* 34 */ uint16_t payload_len;
	/* 36 */ uint16_t mss;   // Valid with HC_OPT_MSS.
	/* 38 */ uint8_t wscale; // Valid with HC_OPT_WSCALE; not yet limited to 14.
	union {
		/* 39 */ uint8_t sack_off;     // Of the option in the frame: with HC_OPT_SACK,
		/* 39 */ uint8_t fastopen_off; // which no SYN has, or with HC_OPT_FASTOPEN.
	};
	// From here on filled in by the lookup stage.
	/* 40 */ uint32_t hash; // hc_hash_key(); not with a source tuple slot.
	/* 44 */ uint32_t ref;  // What the flow table or the tuple slot named.
	union {
		/* 48 */ const void *place;               // Bucket or tuple slot to look at first.
		/* 48 */ const struct hc_flow_key *found; // Then: the key of `ref`, or nobody's.
	};
	/* 56 */ uint32_t slot; // Source tuple slot.
	/* 60 */ uint8_t ecn;   // ECN field of the IP header; only for connections that have ECN.
	/* 61 */ uint8_t spare[3];
};
HC_STATIC_ASSERT(sizeof(struct hc_seg) == 64, "a segment view is one cache line");

// SEG.LEN: payload plus one for SYN and one for FIN (RFC 9293 3.4).
HC_ALWAYS_INLINE uint32_t hc_seg_len(const struct hc_seg *seg)
{
	return seg->payload_len + ((seg->flags & HC_TCP_SYN) != 0) +
	       ((seg->flags & HC_TCP_FIN) != 0);
}
