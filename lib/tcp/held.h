// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What a connection received ahead of its turn: which ranges of sequence numbers are held, and
// where the peer's FIN stands (RFC 9293 3.10.7.4, SHLD-31). Arithmetic only: the text itself is in
// lib/stack/held.c, which asks here what of a segment is new, where it belongs, and what has come
// to its turn. At most HC_HELD_MAX ranges, which never touch or overlap each other: what fills the
// gap between two makes them one. So a segment costs a look at each of a dozen ranges, whatever a
// peer sends (SegmentSmack made stacks walk queues of thousands).
//
// Who wins where texts overlap: text that comes in its turn wins over what is held, and what is
// held wins over what comes later out of order. The first FIN wins over another, and over text
// behind it; a FIN before the end of something held is not believed.
//
// The ranges are kept in slots that do not move, and in the order in which they last grew, which is
// the order in which SACK tells of them (RFC 2018 4).

#include "base/seq.h"
#include "wire/seg.h"

#define HC_HELD_MAX  12u
#define HC_HELD_NONE UINT8_MAX

struct hc_held {
	struct hc_seq_range range[HC_HELD_MAX];
	uint8_t recent[HC_HELD_MAX]; // The slots in use, the one that grew last in front.
	uint8_t count;
	bool has_fin;
	hc_seq fin; // Of the peer's FIN, with has_fin.
};

// A part of a segment that is not held: it begins where slot `left` ends and ends where slot
// `right` begins, each HC_HELD_NONE when nothing held is there.
struct hc_held_piece {
	struct hc_seq_range at;
	uint8_t left;
	uint8_t right;
};

HC_ALWAYS_INLINE void hc_held_init(struct hc_held *h)
{
	h->count = 0;
	h->has_fin = false;
}

HC_ALWAYS_INLINE bool hc_held_is_empty(const struct hc_held *h)
{
	return h->count == 0 && !h->has_fin;
}

// Whether lo to before hi has anything that is not held, and the first such part.
bool hc_held_next_piece(const struct hc_held *h, hc_seq lo, hc_seq hi, struct hc_held_piece *p);

// Holds a piece, which becomes the most recent. @return the slot it is in, which is p->left if
// there is one (and then p->right, if there is one too, is part of it and free), else p->right,
// else a new one; HC_HELD_NONE when all are taken, and nothing has changed.
HC_MUST_USE uint8_t hc_held_take(struct hc_held *h, const struct hc_held_piece *p);

// What of lo to before hi is held: the first such part in *dup, and its range becomes the most
// recent. @return false when nothing is.
bool hc_held_find(struct hc_held *h, hc_seq lo, hc_seq hi, struct hc_seq_range *dup);

// Where text that may be held ends: hi, or before it at the FIN.
HC_ALWAYS_INLINE hc_seq hc_held_text_end(const struct hc_held *h, hc_seq hi)
{
	return h->has_fin && hc_seq_gt(hi, h->fin) ? h->fin : hi;
}

// Holds a FIN. @return false when it is not the one that is held, or cannot be one.
bool hc_held_take_fin(struct hc_held *h, hc_seq fin);

// The SACK blocks of an ACK, at most `max` (RFC 2018 4): *dup, what came twice, in front (RFC
// 2883), then the ranges, the most recent first. h, dup or both may be NULL. @return how many.
unsigned hc_held_blocks(const struct hc_held *h, const struct hc_seq_range *dup,
			struct hc_seq_range *blocks, unsigned max);

// Whether the FIN's turn has come. Text that came in its turn wins over a FIN before its end.
HC_ALWAYS_INLINE bool hc_held_fin_is_due(struct hc_held *h, hc_seq rcv_nxt)
{
	if (h->has_fin && hc_seq_gt(rcv_nxt, h->fin))
		h->has_fin = false;
	return h->has_fin && h->fin == rcv_nxt;
}

// A slot that begins at RCV.NXT or before it: its turn has come, or is past. HC_HELD_NONE when
// there is none.
HC_MUST_USE uint8_t hc_held_due(const struct hc_held *h, hc_seq rcv_nxt);

// Forgets a slot in use.
void hc_held_drop(struct hc_held *h, uint8_t slot);
