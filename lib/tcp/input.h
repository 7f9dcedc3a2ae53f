// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Segment arrives (RFC 9293 3.10.7): one function per kind of object that may own the segment. The
// caller found the object and checked its key; it carries out the verdict.

#include "tcp/cc.h"
#include "tcp/tcb.h"

// No object (3.10.7.1): RST for everything but an RST.
hc_verdict hc_tcp_input_closed(const struct hc_seg *seg);

// A TCB, in any state but LISTEN and TIME-WAIT (3.10.7.3, 3.10.7.4). May trim the payload in *seg
// to what is new and in the window; with HC_DO_DELIVER that is what the application gets.
hc_verdict hc_tcp_input(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_seg *seg,
			struct hc_tcp_env *env);

// Whether the peer's text and FIN are still to come (RFC 9293 3.10.7.4, seventh).
HC_ALWAYS_INLINE bool hc_tcp_is_receiving(const struct hc_tcb *t)
{
	return t->state == HC_ESTABLISHED || t->state == HC_FIN_WAIT_1 || t->state == HC_FIN_WAIT_2;
}

// `len` bytes that were held come to their turn behind a segment whose verdict is `what`, and with
// has_fin the peer's FIN behind them. @return the verdict's actions of both.
uint32_t hc_tcp_input_held(struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t len, bool has_fin,
			   uint32_t what);

// Whether the timer runs for an ACK that waits, and for nothing else.
HC_ALWAYS_INLINE bool hc_tcp_ack_is_waiting(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return c->receiving & HC_RECEIVING_ACK_WAITS && t->snd_una == t->snd_nxt &&
	       t->state != HC_FIN_WAIT_2 && !(t->flags & HC_TCB_PROBING);
}

// How text that comes in its turn is acknowledged. RFC 5681 4.2, RFC 9293 3.8.6.3: a first segment
// may wait (hc_tcp_ack_may_wait() says for what), a second is acknowledged with it, at once. A
// connection that is being closed does not let its peer wait.
HC_ALWAYS_INLINE uint32_t hc_tcp_ack_text(const struct hc_tcb *t, struct hc_tcb_cold *c,
					  const struct hc_tcp_env *env)
{
	uint32_t ack = t->flags & HC_TCB_PIGGYBACK ? HC_DO_ACK_DEFER : HC_DO_ACK;
	bool is_second = t->flags & HC_TCB_ACK_OWED;

	if (env->delayed_ack_ms == 0 || t->state != HC_ESTABLISHED)
		return ack;
	if (is_second && !HC_FAULT(every_ack_delayed)) {
		if (hc_tcp_ack_is_waiting(t, c))
			ack |= HC_DO_TIMER_OFF;
		c->receiving &= (uint8_t) ~(HC_RECEIVING_ACK_MAY_WAIT | HC_RECEIVING_ACK_WAITS);
		return ack;
	}
	c->receiving |= HC_RECEIVING_ACK_MAY_WAIT;
	return HC_DO_ACK_DEFER;
}

// Whether the ACK owed may wait longer than the flush that just sent all it could: for data to ride
// on, a second segment, or the timer, which has to be free for it.
HC_ALWAYS_INLINE bool hc_tcp_ack_may_wait(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return (c->receiving & (HC_RECEIVING_ACK_MAY_WAIT | HC_RECEIVING_HOLDS)) ==
		       HC_RECEIVING_ACK_MAY_WAIT &&
	       t->state == HC_ESTABLISHED && t->snd_una == t->snd_nxt &&
	       !(t->flags & HC_TCB_PROBING);
}

// RFC 5681 3.1: slow start by what is acknowledged, then congestion avoidance. `flight` was out
// before this ACK.
HC_ALWAYS_INLINE void hc_tcp_open_cwnd(struct hc_tcb_cold *c, const struct hc_tcp_env *env,
				       uint32_t acked, uint32_t flight)
{
	if (HC_LIKELY(c->cwnd < c->ssthresh))
		c->cwnd = hc_min_u32(c->cwnd + hc_min_u32(acked, c->mss), 1u << 30);
	else
		hc_cc_avoid(c, env, acked, flight);
}

// Moves the right edge of the receive window to what the buffer allows, if that is worth telling
// the peer (RFC 9293 3.8.6.2.2: at least rcv_step, which is a segment, or half the buffer). @return
// the window field.
HC_ALWAYS_INLINE uint16_t hc_tcp_advertise(struct hc_tcb *t, const struct hc_tcb_cold *c,
					   const struct hc_tcp_env *env)
{
	uint32_t buf = env->rcv_buf_bytes;
	hc_seq edge = t->rcv_nxt + buf;

	// The edge never moves left.
	if (HC_LIKELY(!(t->flags & HC_TCB_DATA)) || HC_LIKELY(c->rcv_used == 0)) {
		t->rcv_edge = hc_seq_gt(edge, t->rcv_edge) ? edge : t->rcv_edge;
	} else {
		uint32_t free = c->rcv_used < buf ? buf - c->rcv_used : 0;
		int32_t gain = hc_seq_diff(t->rcv_nxt + free, t->rcv_edge);

		if (gain > 0 && ((uint32_t)gain >= env->rcv_step || (uint32_t)gain >= buf / 2 ||
				 HC_FAULT(silly_window_updates)))
			t->rcv_edge = t->rcv_nxt + free;
	}
	HC_ASSERT(hc_seq_ge(t->rcv_edge, t->rcv_nxt));
	return (uint16_t)hc_min_u32((t->rcv_edge - t->rcv_nxt) >> c->rcv_wscale, 0xffff);
}
