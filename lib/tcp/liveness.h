// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// How long a connection waits for a peer of which nothing is heard: keep-alive (RFC 9293 3.8.4) and
// the user timeout (RFC 9293 3.9.1.1), both off unless the application asks. What it asks for
// stands in a record out of the worker's pool; without one the limits of the worker hold.
//
// The same record has what one connection says of itself otherwise than all others of its worker:
// its shape. That is rare, so the header of a segment is written for the worker, and changed when
// it leaves (stack/shape.c).

#include "base/pool.h"
#include "tcp/tcb.h"

// RFC 9293 3.8.4, MUST-28: at least two hours by default.
#define HC_KEEP_IDLE_MS     7200000u
#define HC_KEEP_INTERVAL_MS 75000u
#define HC_KEEP_PROBES      9u

enum hc_shape_tos {
	HC_SHAPE_HAS_DSCP = 1u << 0, // The six bits above the ECN field are the code point.
};

struct hc_shape {
	uint32_t rcv_less; // So much of the worker's rcv_buf_bytes it does without.
	uint16_t mss_max;  // 0: the worker's.
	uint8_t ttl;       // 0: the worker's.
	uint8_t tos;       // enum hc_shape_tos, and a Diffserv code point.
};
HC_STATIC_ASSERT(sizeof(struct hc_shape) == 8, "fills a record");

struct hc_live {
	uint32_t user_timeout_ms; // 0: none.
	uint32_t stalled_ms;      // When what is not acknowledged was sent first.
	uint32_t heard_ms;        // When the last segment was taken.
	uint32_t idle_ms;         // So long after that goes the first probe,
	uint32_t interval_ms;     // ... and so long after it the next,
	uint16_t probes_max;      // ... up to so many.
	uint16_t probes;
	struct hc_shape shape;
};
HC_STATIC_ASSERT(sizeof(struct hc_live) == 32, "two to a cache line");

// The records of a worker.
struct hc_lives {
	struct hc_pool pool;
	struct hc_live *live;
};

// The record, NULL without one.
HC_ALWAYS_INLINE struct hc_live *hc_live_of(const struct hc_tcb_cold *c,
					    const struct hc_tcp_env *env)
{
	return c->switches & HC_SWITCH_LIVE ? &env->lives->live[c->cc.live] : NULL;
}

// The record, made if there is none yet. @return NULL when the pool is empty.
struct hc_live *hc_live_take(struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// Takes a largest payload of a segment, options counted in, into account.
void hc_live_limit_mss(const struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t mss_max);

// The peer's SYN was taken, in SYN-SENT; the window that ours told was `told`, 0: the worker's.
void hc_live_take_syn(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		      uint32_t told);

// The connection ends.
void hc_live_release(struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// Whether the timer is keep-alive's when nothing else needs it.
HC_ALWAYS_INLINE bool hc_live_is_kept(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return c->switches & HC_SWITCH_KEEPALIVE &&
	       (t->state == HC_ESTABLISHED || t->state == HC_CLOSE_WAIT ||
		(t->state == HC_FIN_WAIT_2 && !(t->flags & HC_TCB_NO_RECEIVE)));
}

// Keep-alive's timer went off.
hc_verdict hc_live_keep_timeout(const struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// How long keep-alive's timer has to run from now.
uint32_t hc_live_keep_delay_ms(const struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// The retransmission timer went off. @return whether the connection is given up: after the user
// timeout if it has one, else after `retries_max` (R2). With is_probing the probe before this was
// answered if there are no retries, and the peer owes nothing until now.
bool hc_live_is_over(const struct hc_tcb *t, const struct hc_tcb_cold *c,
		     const struct hc_tcp_env *env, bool is_probing, uint32_t retries_max);

// Instead of a retransmission a tail loss probe goes, so long after what it is for.
void hc_live_note_stall(const struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			uint32_t waited_ms);

// Of the delay until the timer is due next, what is left until the user timeout.
uint32_t hc_live_delay_ms(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			  const struct hc_tcp_env *env, uint32_t delay_ms);
