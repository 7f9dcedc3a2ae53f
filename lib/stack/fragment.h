// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// IPv4 reassembly (RFC 791 3.2, RFC 815, RFC 1122 3.3.2) and the fragments of what we send that is
// larger than the link.
//
// All memory is taken at the start: reasm_cap datagrams a worker, each with an area for
// reasm_bytes of payload. A datagram that is not whole after reasm_ms is forgotten; when all areas
// are in use the oldest makes room, so that a flood of loose ends has to be faster than the honest
// peer's next fragment, and cannot lock anybody out for the length of the time limit. Fragments are
// copied into the area and their buffers given back at once, so a flood holds no buffers either.
//
// An overlap refuses the datagram: what has come is forgotten, what is still to come is dropped,
// until the time limit (RFC 5722's rule).
//
// Later fragments have no ports, so with several workers each fragment goes to the worker that the
// datagram's identification chooses, and the whole segment from there to the worker that owns its
// flow. Both ways are the port's redirect rings.
//
// A whole TCP segment has to fit one packet buffer, which holds a frame of the port's MTU: a peer
// that keeps to our MSS sends none that does not, into however many pieces it is then broken. ICMP
// is handled in the area and may be as large as reasm_bytes.

#include "wire/holes.h"
#include "wire/parse.h"

struct hc_worker;
struct rte_mbuf;

#define HC_REASM_CAP_MAX 256u
// Room before the payload for the headers of the first fragment.
#define HC_REASM_HEAD (HC_ETH_LEN + 60u)

enum hc_datagram_state {
	HC_DATAGRAM_FREE,
	HC_DATAGRAM_OPEN,
	HC_DATAGRAM_REFUSED, // Fragments overlapped.
};

struct hc_datagram {
	hc_be32 src_be;
	hc_be32 dst_be;
	hc_be16 id_be;
	uint8_t proto;
	uint8_t state;   // enum hc_datagram_state.
	uint8_t ip_len;  // Of the first fragment's IP header; 0 until it has come.
	bool has_ce;     // Of any fragment (RFC 3168 5.3).
	uint32_t due_ms; // When it is forgotten.
	uint8_t *head;   // HC_REASM_HEAD bytes, and behind them the payload.
	struct hc_holes holes;
};

struct hc_reasm {
	struct hc_datagram *datagram;
	uint32_t cap;
	uint32_t live_count;
	uint16_t next_id; // Of the next datagram that we send in fragments.
};

// Bytes of the area of one datagram.
static inline uint64_t hc_reasm_area_bytes(uint32_t payload_cap)
{
	return (HC_REASM_HEAD + (uint64_t)payload_cap + HC_HOLES_SLACK + 63) / 64 * 64;
}

void hc_reasm_init(struct hc_worker *w, void *datagrams, void *areas);

// A frame that is a fragment; the buffer is used up. @return the same buffer with the whole frame
// in it when it was the last one missing: a TCP segment of ours or an ICMP message. NULL otherwise.
struct rte_mbuf *hc_fragment_input(struct hc_worker *w, struct rte_mbuf *m,
				   const struct hc_parsed *p, bool is_forwarded);

// Sends a frame of ours that may be larger than the link, in as many fragments as it needs.
void hc_fragment_send(struct hc_worker *w, const uint8_t *frame, uint32_t len);

// Forgets what has waited too long. Once a millisecond.
void hc_reasm_tick(struct hc_worker *w);
bool hc_reasm_next_due_ms(const struct hc_worker *w, uint32_t *due_ms);
