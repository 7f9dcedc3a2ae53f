// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Looks over a worker's shoulder after every step, for the simulation and the fuzz targets: what
// RFC 9293 says is true of a connection at any time, whatever the implementation, and that the
// worker's pools, tables and timers tell the same story. Cheaper than hc_worker_audit(), which
// balances the books from the beginning on.
//
// Held of every connection that is synchronized:
//   SND.UNA <= SND.NXT <= the end of what is queued, FIN included; none of them goes back
//   RCV.NXT <= right edge of the window; neither goes back, so the window never shrinks
//   unacknowledged or unsent, the connection has a timer, or waits for the flush
//   an ACK is owed for no more than half a second
//   data that the window lets go, with nothing in flight, waits for the override timeout at most
//   closed by its application and waiting for the peer's FIN, it has a timer, if that is limited
// and of the worker:
//   a block is in use or free; what is in use is found under its key, and timers are of what lives
//   TIME-WAITs begin with 2 MSL, stand in the order of their ends, and none is kept for longer
//
// Call it between hc_flush() and the next hc_step(), when nothing waits to be done.

#include "stack/worker.h"

struct watch_conn {
	uint16_t gen;
	bool is_known; // Synchronized when last looked at; the numbers are of then.
	hc_seq snd_una, snd_nxt, rcv_nxt, rcv_edge;
	bool is_ack_owed; // At the last look, since owed_since_ms, without progress.
	uint16_t acked_gen;
	hc_seq owed_nxt;
	uint32_t owed_since_ms;
	bool is_held_back; // The same of data for which the window is open, and nothing in flight.
	uint16_t held_gen;
	hc_seq held_nxt;
	uint32_t held_since_ms;
};

#define WATCH_CONNS_MAX 64u

struct watch {
	uint64_t tw_entered, tw_ended;
	struct watch_conn conn[WATCH_CONNS_MAX];
};

// Forgets what it knew. The worker has at most WATCH_CONNS_MAX connections.
void watch_reset(struct watch *v);

// @return NULL, or what does not hold; *idx is then the connection, HC_IDX_NONE: the worker itself.
const char *watch_worker(struct watch *v, const struct hc_worker *w, uint32_t *idx);

// The two ends of one connection, wherever its segments are. Each knows of the other only what that
// one has sent: what `a` has acknowledged b has sent, what b takes for acknowledged a has
// received, and nothing is sent beyond the window but the one byte of a probe.
// @return NULL, or what does not hold. Ends that are not of one connection hold always.
const char *watch_ends(const struct hc_tcb *a, const struct hc_tcb_cold *a_cold,
		       const struct hc_tcb *b, const struct hc_tcb_cold *b_cold);
