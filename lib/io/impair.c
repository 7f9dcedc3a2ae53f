// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The impairment wire. Each direction is a heap of frames ordered by the time they are due, and by
// their turn where times are equal, so that a wire without impairments keeps the order of frames.
//
// Chance: one draw per question and frame, always in the same order and whether or not the answer
// matters, so that changing one probability leaves the other questions their answers.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "base/rng.h"
#include "io/buffers.h"
#include "io/capture.h"
#include "io/impair.h"
#include "stack/port.h"
#include "wire/format.h"

#define CAP_DEFAULT        4096u
#define REORDER_NS_DEFAULT 1000000u
#define TAKE_BURST         64u
#define COPIES_SHARE       4u // Of the frames on the way, one in so many may be a copy.

struct pending {
	uint64_t due_ns;
	uint64_t turn;
	struct rte_mbuf *frame;
};

struct direction {
	struct hc_impair_config cfg;
	struct hc_rng rng;
	struct rte_ring *from;
	struct rte_ring *to;
	struct pending *heap; // [0] is due first.
	uint32_t heap_count;
	uint32_t heap_cap;
	uint64_t turn;
	uint64_t last_due_ns; // Of the frames in order: delay keeps their order.
	struct hc_impair_counts counts;
};

struct hc_impair {
	struct direction dir[2];
	struct rte_mempool *copies;
	struct hc_capture *capture;
};

static bool is_before(const struct pending *a, const struct pending *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->turn < b->turn;
}

static bool heap_push(struct direction *d, uint64_t due_ns, struct rte_mbuf *frame)
{
	struct pending p = {.due_ns = due_ns, .turn = d->turn++, .frame = frame};
	uint32_t at = d->heap_count;

	if (d->heap_count == d->heap_cap)
		return false;
	for (; at > 0 && is_before(&p, &d->heap[(at - 1) / 2]); at = (at - 1) / 2)
		d->heap[at] = d->heap[(at - 1) / 2];
	d->heap[at] = p;
	d->heap_count++;
	return true;
}

static struct rte_mbuf *heap_pop(struct direction *d)
{
	struct rte_mbuf *first = d->heap[0].frame;
	struct pending last = d->heap[--d->heap_count];
	uint32_t at = 0;

	HC_ASSERT(d->heap_count < d->heap_cap);
	for (uint32_t child = 1; child < d->heap_count; child = 2 * at + 1) {
		if (child + 1 < d->heap_count && is_before(&d->heap[child + 1], &d->heap[child]))
			child++;
		if (!is_before(&d->heap[child], &last))
			break;
		d->heap[at] = d->heap[child];
		at = child;
	}
	d->heap[at] = last;
	return first;
}

static bool chance(struct direction *d, uint32_t ppm)
{
	return hc_rng_below(&d->rng, HC_PPM) < ppm;
}

// When a frame taken now arrives. A frame in order does not arrive before the one ahead of it.
static uint64_t due_draw(struct direction *d, uint64_t now_ns, bool is_late)
{
	uint64_t share = hc_rng_u64(&d->rng) >> 32;
	uint64_t jitter_ns = (uint64_t)((unsigned __int128)d->cfg.jitter_ns * share >> 32);
	uint64_t due_ns = now_ns + d->cfg.delay_ns + jitter_ns;

	if (due_ns < d->last_due_ns)
		due_ns = d->last_due_ns;
	if (is_late)
		return due_ns + (d->cfg.reorder_ns ? d->cfg.reorder_ns : REORDER_NS_DEFAULT);
	d->last_due_ns = due_ns;
	return due_ns;
}

static void launch(struct direction *d, uint64_t due_ns, struct rte_mbuf *frame)
{
	if (heap_push(d, due_ns, frame))
		return;
	d->counts.overflowed++;
	rte_pktmbuf_free(frame);
}

static bool is_ip4(const struct rte_mbuf *frame)
{
	const uint8_t *data = rte_pktmbuf_mtod(frame, const uint8_t *);

	return rte_pktmbuf_data_len(frame) > HC_ETH_LEN + HC_IP4_LEN &&
	       hc_from_be16(hc_load_be16(data + HC_ETH_TYPE)) == HC_ETHERTYPE_IP4;
}

// Bytes of the frame that a checksum covers: padding behind the IP packet does not count.
static uint32_t ip_len(const struct rte_mbuf *frame)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(frame, const uint8_t *, HC_ETH_LEN);
	uint32_t total = hc_from_be16(hc_load_be16(ip + HC_IP4_TOTAL_LEN));

	return hc_min_u32(total, rte_pktmbuf_pkt_len(frame) - HC_ETH_LEN);
}

// Inverts one bit, in a copy: the sender may keep a reference to the frame for retransmission.
static struct rte_mbuf *corrupt(struct hc_impair *w, struct direction *d, struct rte_mbuf *frame,
				uint32_t draw)
{
	struct rte_mbuf *copy;
	uint32_t bit;

	if (!is_ip4(frame) || ip_len(frame) == 0)
		return frame;
	copy = rte_pktmbuf_copy(frame, w->copies, 0, UINT32_MAX);
	if (!copy) {
		d->counts.no_buffer++;
		return frame;
	}
	bit = (uint32_t)((uint64_t)draw * (ip_len(copy) * 8u) >> 32);
	*rte_pktmbuf_mtod_offset(copy, uint8_t *, HC_ETH_LEN + bit / 8) ^= (uint8_t)(1u << bit % 8);
	rte_pktmbuf_free(frame);
	d->counts.corrupted++;
	return copy;
}

static void duplicate(struct hc_impair *w, struct direction *d, const struct rte_mbuf *frame,
		      uint64_t due_ns)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(frame, w->copies, 0, UINT32_MAX);

	if (!copy) {
		d->counts.no_buffer++;
		return;
	}
	d->counts.duplicated++;
	launch(d, due_ns, copy);
}

// Decides the fate of one frame.
static void take(struct hc_impair *w, struct direction *d, struct rte_mbuf *frame, uint64_t now_ns)
{
	bool is_lost = chance(d, d->cfg.loss_ppm);
	bool is_doubled = chance(d, d->cfg.dup_ppm);
	bool is_late = chance(d, d->cfg.reorder_ppm);
	bool is_corrupted = chance(d, d->cfg.corrupt_ppm);
	uint32_t bit_draw = (uint32_t)(hc_rng_u64(&d->rng) >> 32);
	uint64_t due_ns;

	d->counts.taken++;
	if (is_lost) {
		// The draws of a delay are made all the same: see the top.
		(void)hc_rng_u64(&d->rng);
		(void)hc_rng_u64(&d->rng);
		d->counts.lost++;
		rte_pktmbuf_free(frame);
		return;
	}
	due_ns = due_draw(d, now_ns, is_late);
	d->counts.reordered += is_late;
	if (is_doubled)
		duplicate(w, d, frame, due_draw(d, now_ns, false));
	else
		(void)hc_rng_u64(&d->rng);
	if (is_corrupted)
		frame = corrupt(w, d, frame, bit_draw);
	launch(d, due_ns, frame);
}

static unsigned take_all(struct hc_impair *w, struct direction *d, uint64_t now_ns)
{
	struct rte_mbuf *frame[TAKE_BURST];
	unsigned taken = 0;
	unsigned n;

	while ((n = rte_ring_dequeue_burst(d->from, (void **)frame, TAKE_BURST, NULL)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			if (w->capture)
				hc_capture_frame(w->capture, now_ns, frame[i]);
			take(w, d, frame[i], now_ns);
		}
		taken += n;
	}
	return taken;
}

static unsigned deliver_due(struct direction *d, uint64_t now_ns)
{
	unsigned delivered = 0;

	for (; d->heap_count > 0 && d->heap[0].due_ns <= now_ns; delivered++) {
		struct rte_mbuf *frame = heap_pop(d);

		if (rte_ring_enqueue(d->to, frame) == 0) {
			d->counts.delivered++;
			continue;
		}
		d->counts.overflowed++;
		rte_pktmbuf_free(frame);
	}
	return delivered;
}

static bool direction_make(struct direction *d, const struct hc_impair_config *cfg,
			   struct rte_ring *from, struct rte_ring *to)
{
	d->cfg = *cfg;
	d->from = from;
	d->to = to;
	hc_rng_seed(&d->rng, cfg->seed);
	d->heap_cap = cfg->cap ? cfg->cap : CAP_DEFAULT;
	d->heap = calloc(d->heap_cap, sizeof *d->heap);
	return d->heap != NULL;
}

struct hc_impair *hc_impair_create(struct hc_sim_port *a, struct hc_sim_port *b,
				   const struct hc_impair_config *a_to_b,
				   const struct hc_impair_config *b_to_a)
{
	// A copy lies in one buffer, whether or not its original did.
	uint16_t room_a = rte_pktmbuf_data_room_size(a->port->pool[0]);
	uint16_t room_b = rte_pktmbuf_data_room_size(b->port->pool[0]);
	struct hc_impair *w = calloc(1, sizeof *w);
	char name[RTE_MEMPOOL_NAMESIZE];

	if (!w)
		return NULL;
	// The addresses of two wires differ, so their pools' names do.
	(void)snprintf(name, sizeof name, "hc_i%zx", (size_t)w);
	if (direction_make(&w->dir[0], a_to_b, a->from_port, b->to_port) &&
	    direction_make(&w->dir[1], b_to_a, b->from_port, a->to_port))
		w->copies = hc_buffers_make(
			name, (w->dir[0].heap_cap + w->dir[1].heap_cap) / COPIES_SHARE + 1,
			room_a > room_b ? room_a : room_b, SOCKET_ID_ANY, rte_eal_has_hugepages());
	if (w->copies)
		return w;
	(void)hc_impair_destroy(w);
	return NULL;
}

uint32_t hc_impair_destroy(struct hc_impair *w)
{
	uint32_t leaked;

	for (unsigned i = 0; i < 2; i++) {
		while (w->dir[i].heap_count > 0)
			rte_pktmbuf_free(heap_pop(&w->dir[i]));
		free(w->dir[i].heap);
	}
	leaked = w->copies ? rte_mempool_in_use_count(w->copies) : 0;
	rte_mempool_free(w->copies);
	free(w);
	return leaked;
}

void hc_impair_change(struct hc_impair *w, const struct hc_impair_config *a_to_b,
		      const struct hc_impair_config *b_to_a)
{
	w->dir[0].cfg = *a_to_b;
	w->dir[1].cfg = *b_to_a;
}

void hc_impair_capture(struct hc_impair *w, struct hc_capture *capture)
{
	w->capture = capture;
}

unsigned hc_impair_step(struct hc_impair *w, uint64_t now_ns)
{
	unsigned moved = 0;

	for (unsigned i = 0; i < 2; i++)
		moved += take_all(w, &w->dir[i], now_ns);
	for (unsigned i = 0; i < 2; i++)
		moved += deliver_due(&w->dir[i], now_ns);
	return moved;
}

uint64_t hc_impair_next_due_ns(const struct hc_impair *w)
{
	uint64_t due_ns = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++)
		if (w->dir[i].heap_count > 0 && w->dir[i].heap[0].due_ns < due_ns)
			due_ns = w->dir[i].heap[0].due_ns;
	return due_ns;
}

void hc_impair_counts(const struct hc_impair *w, struct hc_impair_counts *out)
{
	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < 2; i++) {
		const struct hc_impair_counts *c = &w->dir[i].counts;

		out->taken += c->taken;
		out->delivered += c->delivered;
		out->lost += c->lost;
		out->duplicated += c->duplicated;
		out->reordered += c->reordered;
		out->corrupted += c->corrupted;
		out->overflowed += c->overflowed;
		out->no_buffer += c->no_buffer;
		out->on_the_way += w->dir[i].heap_count;
	}
}
