// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See held.h. Called by lib/stack/held.c for segments that are out of order, and for those that
// come in order while something is held.

#include "tcp/held.h"

// Brings a slot to the front.
static void touch(struct hc_held *h, uint8_t slot)
{
	unsigned i = 0;

	while (h->recent[i] != slot) {
		i++;
		HC_ASSERT(i < h->count);
	}
	memmove(h->recent + 1, h->recent, i);
	h->recent[0] = slot;
}

// The slot that holds `at`, HC_HELD_NONE when none does.
static uint8_t slot_of(const struct hc_held *h, hc_seq at)
{
	for (unsigned i = 0; i < h->count; i++) {
		const struct hc_seq_range *r = &h->range[h->recent[i]];

		if (hc_seq_in(at, r->lo, r->hi - r->lo))
			return h->recent[i];
	}
	return HC_HELD_NONE;
}

bool hc_held_next_piece(const struct hc_held *h, hc_seq lo, hc_seq hi, struct hc_held_piece *p)
{
	uint8_t slot = slot_of(h, lo);

	// Behind a range lies a gap: two ranges never touch.
	if (slot != HC_HELD_NONE)
		lo = h->range[slot].hi;
	if (hc_seq_ge(lo, hi))
		return false;
	*p = (struct hc_held_piece){
		.at = {.lo = lo, .hi = hi}, .left = HC_HELD_NONE, .right = HC_HELD_NONE};
	for (unsigned i = 0; i < h->count; i++) {
		const struct hc_seq_range *r = &h->range[h->recent[i]];

		if (r->hi == lo) {
			p->left = h->recent[i];
		} else if (hc_seq_gt(r->lo, lo) && hc_seq_le(r->lo, p->at.hi)) {
			p->at.hi = r->lo;
			p->right = h->recent[i];
		}
	}
	HC_ASSERT(hc_seq_lt(p->at.lo, p->at.hi));
	return true;
}

// A slot for a new range, at the front.
static uint8_t slot_new(struct hc_held *h)
{
	uint32_t used = 0;
	uint8_t slot;

	if (h->count == HC_HELD_MAX)
		return HC_HELD_NONE;
	for (unsigned i = 0; i < h->count; i++)
		used |= 1u << h->recent[i];
	slot = (uint8_t)__builtin_ctz(~used);
	memmove(h->recent + 1, h->recent, h->count);
	h->recent[0] = slot;
	h->count++;
	return slot;
}

uint8_t hc_held_take(struct hc_held *h, const struct hc_held_piece *p)
{
	uint8_t slot;

	if (p->left != HC_HELD_NONE) {
		HC_ASSERT(h->range[p->left].hi == p->at.lo);
		h->range[p->left].hi = p->at.hi;
		if (p->right != HC_HELD_NONE && !HC_FAULT(held_ranges_not_joined)) {
			HC_ASSERT(h->range[p->right].lo == p->at.hi);
			h->range[p->left].hi = h->range[p->right].hi;
			hc_held_drop(h, p->right);
		}
		touch(h, p->left);
		return p->left;
	}
	if (p->right != HC_HELD_NONE) {
		HC_ASSERT(h->range[p->right].lo == p->at.hi);
		h->range[p->right].lo = p->at.lo;
		touch(h, p->right);
		return p->right;
	}
	slot = slot_new(h);
	if (slot != HC_HELD_NONE)
		h->range[slot] = p->at;
	return slot;
}

bool hc_held_find(struct hc_held *h, hc_seq lo, hc_seq hi, struct hc_seq_range *dup)
{
	uint8_t best = HC_HELD_NONE;
	hc_seq at = hi;

	for (unsigned i = 0; i < h->count; i++) {
		const struct hc_seq_range *r = &h->range[h->recent[i]];
		hc_seq from = hc_seq_gt(r->lo, lo) ? r->lo : lo;

		if (hc_seq_gt(r->hi, from) && hc_seq_lt(from, at)) {
			at = from;
			best = h->recent[i];
		}
	}
	if (best == HC_HELD_NONE)
		return false;
	dup->lo = at;
	dup->hi = hc_seq_lt(h->range[best].hi, hi) ? h->range[best].hi : hi;
	touch(h, best);
	return true;
}

unsigned hc_held_blocks(const struct hc_held *h, const struct hc_seq_range *dup,
			struct hc_seq_range *blocks, unsigned max)
{
	unsigned count = 0;

	if (dup)
		blocks[count++] = *dup;
	if (!h)
		return count;
	for (unsigned i = 0; i < h->count && count < max; i++)
		blocks[count++] =
			h->range[h->recent[HC_FAULT(sack_of_the_oldest_first) ? h->count - 1 - i
									      : i]];
	return count;
}

bool hc_held_take_fin(struct hc_held *h, hc_seq fin)
{
	if (h->has_fin)
		return h->fin == fin;
	for (unsigned i = 0; i < h->count; i++)
		if (hc_seq_gt(h->range[h->recent[i]].hi, fin))
			return false;
	h->has_fin = !HC_FAULT(held_fin_forgotten);
	h->fin = fin;
	return true;
}

uint8_t hc_held_due(const struct hc_held *h, hc_seq rcv_nxt)
{
	for (unsigned i = 0; i < h->count; i++)
		if (hc_seq_le(h->range[h->recent[i]].lo, rcv_nxt))
			return h->recent[i];
	return HC_HELD_NONE;
}

void hc_held_drop(struct hc_held *h, uint8_t slot)
{
	unsigned i = 0;

	while (h->recent[i] != slot) {
		i++;
		HC_ASSERT(i < h->count);
	}
	h->count--;
	memmove(h->recent + i, h->recent + i + 1, h->count - i);
}
