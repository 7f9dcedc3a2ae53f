// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Text that came ahead of its turn. tcp/held.h knows which sequence numbers are held; here are the
// packet buffers, a chain of them for each range, so that a segment goes to the end or the front of
// a chain, and joins two of them, without a walk.
//
// A connection takes a record from the worker's pool with the first segment out of order, and gives
// it back when nothing is held any more. Memory is bounded thrice, whatever peers send: by the
// receive window and HC_HELD_MAX ranges, by buffers a connection (HC_HELD_BUFS_*), and by a share
// of the worker's buffers for all of them. Small pieces are copied together, so that a byte does
// not cost a buffer. What finds no room is dropped with a counter of its own and asked for again.

#include <rte_mbuf.h>

#include "tcp/held.h"

struct hc_worker;
struct hc_seg;

#define HC_HELD_BUFS_SHARE 4u   // A quarter of the worker's buffers may be held, all together;
#define HC_HELD_BUFS_BYTES 512u // of a connection, one for so much of its receive buffer,
#define HC_HELD_BUFS_MIN   32u  // and these.

struct hc_held_chain {
	struct rte_mbuf *head; // Linked by mbuf next.
	struct rte_mbuf *tail;
};

struct hc_holding {
	struct hc_held held;
	uint32_t buf_count;
	struct hc_held_chain chain[HC_HELD_MAX]; // By slot.
};
