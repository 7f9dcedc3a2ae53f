// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See holes.h. Called by the reassembly of lib/stack for each fragment, by tests and by a fuzzer.

#include "wire/holes.h"

#define NO_END UINT32_MAX // Of the hole behind all that has come, until the last fragment is here.

// A hole's descriptor, in its first bytes.
struct hole {
	uint32_t end; // Behind its last byte.
	uint32_t next;
};
HC_STATIC_ASSERT(sizeof(struct hole) == HC_HOLES_SLACK, "a descriptor fits in the smallest hole");

static struct hole hole_load(const struct hc_holes *h, uint32_t at)
{
	struct hole hole;

	HC_ASSERT(at <= h->cap);
	memcpy(&hole, h->area + at, sizeof hole);
	return hole;
}

static void hole_store(struct hc_holes *h, uint32_t at, uint32_t end, uint32_t next)
{
	const struct hole hole = {.end = end, .next = next};

	HC_ASSERT(at <= h->cap);
	HC_ASSERT(at % 8 == 0);
	memcpy(h->area + at, &hole, sizeof hole);
}

static void link_to(struct hc_holes *h, uint32_t prev, uint32_t next)
{
	if (prev == HC_HOLES_NONE)
		h->first = next;
	else
		hole_store(h, prev, hole_load(h, prev).end, next);
}

void hc_holes_init(struct hc_holes *h, uint8_t *area, uint32_t cap)
{
	*h = (struct hc_holes){.area = area, .cap = cap, .count = 1};
	hole_store(h, 0, NO_END, HC_HOLES_NONE);
}

// Nothing of it is missing.
static enum hc_holes_answer fill_again(const struct hc_holes *h, uint32_t offset,
				       const uint8_t *data, uint32_t len, bool is_last)
{
	uint32_t end = offset + len;
	bool fits = is_last ? end == h->len : h->len == 0 || end < h->len;

	// A network may deliver a packet twice, and no reassembler makes something else of it: the
	// exception that RFC 8200 4.5 makes from RFC 5722's rule.
	return fits && memcmp(h->area + offset, data, len) == 0 ? HC_HOLES_DUPLICATE
								: HC_HOLES_OVERLAP;
}

enum hc_holes_answer hc_holes_fill(struct hc_holes *h, uint32_t offset, const uint8_t *data,
				   uint32_t len, bool is_last)
{
	uint32_t end = offset + len;
	uint32_t prev = HC_HOLES_NONE;
	uint32_t at = h->first;
	struct hole hole = {.end = 0, .next = HC_HOLES_NONE};
	bool has_left, has_right;

	HC_ASSERT(len > 0 && offset % 8 == 0);
	HC_ASSERT(is_last || len % 8 == 0);
	if (end > h->cap)
		return HC_HOLES_LIMIT;
	// The first hole that ends behind where the fragment begins.
	while (at != HC_HOLES_NONE) {
		hole = hole_load(h, at);
		if (offset < hole.end)
			break;
		prev = at;
		at = hole.next;
	}
	if (at == HC_HOLES_NONE || end <= at)
		return fill_again(h, offset, data, len, is_last);
	// It has to lie in that hole, and the last one where nothing comes behind.
	if (offset < at || end > hole.end || (is_last && hole.end != NO_END))
		return HC_HOLES_OVERLAP;
	has_left = offset > at;
	has_right = end < hole.end && !is_last;
	if (has_left && has_right && h->count == HC_HOLES_MAX)
		return HC_HOLES_LIMIT;

	if (has_right)
		hole_store(h, end, hole.end, hole.next);
	if (has_left)
		hole_store(h, at, offset, has_right ? end : hole.next);
	else
		link_to(h, prev, has_right ? end : hole.next);
	memcpy(h->area + offset, data, len);
	h->count += (uint32_t)has_left + has_right;
	h->count--;
	if (is_last)
		h->len = end;
	HC_ASSERT((h->count == 0) == (h->first == HC_HOLES_NONE));
	return h->count ? HC_HOLES_TAKEN : HC_HOLES_COMPLETE;
}
