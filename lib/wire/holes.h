// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What is still missing of one fragmented datagram, after RFC 815: the list of holes lives in the
// holes themselves, so that it takes no memory of its own, and every byte of the payload is written
// once. Fragments may come in any order. Two that overlap are not merged: whoever keeps the
// datagram has to refuse it whole (RFC 5722's rule, which is IPv6's, taken over for IPv4).
//
// All fragments but the last begin and end at multiples of 8 bytes (RFC 791 3.2), so no hole is
// smaller than its descriptor. Knows no clock, no addresses and no memory but the area it is given.

#include "base/base.h"

#define HC_HOLES_SLACK 8u // Bytes the area has beyond its capacity: the last hole may begin there.
#define HC_HOLES_MAX   128u // Holes at once; the walk through them is per fragment.

enum hc_holes_answer {
	HC_HOLES_TAKEN,
	HC_HOLES_COMPLETE,  // That was the last one: `len` bytes of payload are there.
	HC_HOLES_DUPLICATE, // All of it was there already, byte for byte the same.
	HC_HOLES_OVERLAP,   // It overlaps, or contradicts what is known of the end.
	HC_HOLES_LIMIT,     // It reaches past the capacity, or there are too many holes.
};

struct hc_holes {
	uint8_t *area;  // cap + HC_HOLES_SLACK bytes.
	uint32_t cap;   // Largest payload.
	uint32_t first; // Where the first hole begins; HC_HOLES_NONE: there is none.
	uint32_t len;   // Of the payload, 0 until the last fragment has come.
	uint32_t count; // Of holes.
};

#define HC_HOLES_NONE UINT32_MAX

// Nothing has come yet: one hole without an end.
void hc_holes_init(struct hc_holes *h, uint8_t *area, uint32_t cap);

// Takes a fragment of `len` bytes, more than 0, that begins at `offset`, a multiple of 8; len is
// one too unless is_last, and their sum is below 2^16. With any answer but TAKEN and COMPLETE
// nothing has changed.
HC_MUST_USE enum hc_holes_answer hc_holes_fill(struct hc_holes *h, uint32_t offset,
					       const uint8_t *data, uint32_t len, bool is_last);
