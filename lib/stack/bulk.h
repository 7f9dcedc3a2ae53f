// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// TCP segmentation offload: full segments of new data that follow each other are given to the port
// as one frame, which it cuts. Each segment that was planned brings a buffer, so that nothing can
// run out in between; the chain gets one header when it is complete.

#include "stack/worker.h"

struct hc_bulk {
	struct rte_mbuf *head; // NULL: none is begun.
	struct rte_mbuf *tail;
	hc_seq seq;
	uint32_t len;
	uint32_t first_len; // In the head.
	unsigned count;     // Segments planned, and buffers.
	uint8_t flags;
};

// Takes a planned segment and the buffer for it, when it may be part of a frame to be cut. Sends
// what was begun when that is complete, or cannot go on with this one. @return false when the
// segment is to be sent by itself.
HC_MUST_USE bool hc_bulk_take(struct hc_worker *w, uint32_t idx, struct hc_bulk *b,
			      struct rte_mbuf *m, const struct hc_send_plan *plan);

// Sends what was begun, if anything.
void hc_bulk_send(struct hc_worker *w, uint32_t idx, struct hc_bulk *b);

// What the port makes of a frame in several buffers: segments, and the bytes of all of them.
struct hc_bulk_wire {
	uint32_t segments;
	uint32_t bytes;
};

HC_ALWAYS_INLINE struct hc_bulk_wire hc_bulk_on_wire(const struct rte_mbuf *m)
{
	struct hc_bulk_wire wire = {.segments = 1, .bytes = m->pkt_len};

	if (HC_UNLIKELY(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
		uint32_t hdr_len = (uint32_t)m->l2_len + m->l3_len + m->l4_len;

		wire.segments = (m->pkt_len - hdr_len + m->tso_segsz - 1) / m->tso_segsz;
		wire.bytes += (wire.segments - 1) * hdr_len;
	}
	return wire;
}
