// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A wire that does to frames what networks do: it loses, duplicates, delays, reorders and corrupts
// them, each with a probability of its own, from a seed, on the clock of its caller. The same seed,
// configuration, frames and times give the same fate of every frame, so a failing run can be played
// again.
//
// It joins two ports whose wires are in hand (sim.h). The caller steps the two stacks and the wire
// in turn; when nothing moves any more it lets the clock jump to the earliest of hc_next_due_ns()
// and hc_impair_next_due_ns().
//
// What each impairment means:
//   lost        the frame is gone.
//   duplicated  it arrives twice, the copy after an independent delay.
//   corrupted   one bit behind the Ethernet header of an IPv4 frame is inverted. A link's frame
//   check
//               would catch more; this is the damage that IP's and TCP's checksums are there for,
//               and a single bit never escapes them, so a corrupted frame must never be taken.
//   delayed     by delay_ns plus a uniform share of jitter_ns. Delay alone keeps the order of
//   frames. reordered   held back reorder_ns longer than its turn, so that those behind it pass.

#include "base/base.h"
#include "io/sim.h"

#define HC_PPM 1000000u

struct rte_mbuf;
struct hc_capture;

struct hc_impair_config {
	uint32_t loss_ppm;
	uint32_t dup_ppm;
	uint32_t reorder_ppm;
	uint32_t corrupt_ppm;
	uint64_t delay_ns;
	uint64_t jitter_ns;
	uint64_t reorder_ns; // 0: 1 ms.
	uint64_t seed;
	uint32_t cap; // Frames on the way at once, per direction; 0: 4096. Beyond: overflow.
};

struct hc_impair_counts {
	uint64_t taken; // From the sender.
	uint64_t delivered;
	uint64_t lost;
	uint64_t duplicated; // Copies made.
	uint64_t reordered;
	uint64_t corrupted;
	uint64_t overflowed; // Found no room on the way, or in the receiver's ring.
	uint64_t no_buffer;  // Not duplicated or corrupted for want of a buffer for the copy.
	uint64_t
		on_the_way; // Now. taken + duplicated = delivered + lost + overflowed + on_the_way.
};

struct hc_impair;

// Joins a and b; each direction has its configuration and its own sequence of chance. Calls the
// heap.
// @return NULL when there is no memory.
struct hc_impair *hc_impair_create(struct hc_sim_port *a, struct hc_sim_port *b,
				   const struct hc_impair_config *a_to_b,
				   const struct hc_impair_config *b_to_a);

// Frees the frames on the way. Buffers of copies may be with the workers: destroy those and stop
// the ports before. @return the buffers of copies that never came back: 0, or a leak.
uint32_t hc_impair_destroy(struct hc_impair *w);

// Changes the fate of frames taken from here on; those on the way keep theirs.
void hc_impair_change(struct hc_impair *w, const struct hc_impair_config *a_to_b,
		      const struct hc_impair_config *b_to_a);

// Writes every frame the ports send to `capture`, as they sent it; NULL: no longer.
void hc_impair_capture(struct hc_impair *w, struct hc_capture *capture);

// Takes what the ports have sent, and delivers what is due by now_ns (which never goes back).
// @return the frames taken and delivered; 0: nothing moved.
unsigned hc_impair_step(struct hc_impair *w, uint64_t now_ns);

// When the next frame is due; UINT64_MAX when none is on the way.
uint64_t hc_impair_next_due_ns(const struct hc_impair *w);

// Both directions together.
void hc_impair_counts(const struct hc_impair *w, struct hc_impair_counts *out);
