// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Closing at a limited rate: FINs over it wait in a ring, in order, until it is their turn. What
// finds the ring full goes at once and is counted, so that nothing is ever left open.

#include "bucket.h"

#include <handclasp/handclasp.h>

struct waiting_close {
	hc_conn conn;
	bool is_half; // hc_shutdown(), else hc_close().
};

struct closes {
	struct bucket rate;
	struct waiting_close *waiting; // NULL: closing is not limited.
	uint32_t cap;                  // A power of two.
	uint32_t head, tail;
	uint64_t waited;
	uint64_t unlimited; // The ring was full.
};

// `per_s` 0: no limit, and no ring. A connection may wait twice: for its own end, and because its
// peer has ended. @return false when memory is short.
bool closes_init(struct closes *c, uint64_t per_s, uint32_t conn_cap);
void closes_fini(struct closes *c);

// Sends a FIN. @return whether there was one to send: the connection may have ended while it
// waited, or its end may be under way already.
static inline bool closes_send(struct hc_worker *w, hc_conn conn, bool is_half)
{
	return (is_half ? hc_shutdown(w, conn) : hc_close(w, conn)) == 0;
}

// Closes a connection, or our half of it, when its turn has come.
void closes_put(struct closes *c, struct hc_worker *w, uint64_t now_ns, hc_conn conn, bool is_half);

// Lets those go whose turn it is.
void closes_run(struct closes *c, struct hc_worker *w, uint64_t now_ns);

static inline uint32_t closes_waiting(const struct closes *c)
{
	return c->tail - c->head;
}
