// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Congestion control: how much may be in flight, and what a loss does to it. Called by the input
// (ACKs that advance, ACKs that repeat) and by the output (timeouts); decides cwnd and ssthresh,
// which stand in the first line of the cold half, and keeps the rest in struct hc_cc behind it.
//
//   slow start            RFC 5681 3.1: cwnd += min(bytes acknowledged, SMSS), inline in input.h
//   congestion avoidance  NewReno: RFC 5681 3.1 with the byte counting of its third formula;
//                         CUBIC: RFC 9438 4.2 to 4.4, in integers: bytes, milliseconds
//   loss seen by ACKs     RFC 5681 3.2 and RFC 6582 3.2: three repeated ACKs, one segment sent
//                         again for each partial ACK; limited transmit before (RFC 3042)
//   ECE in an ACK         RFC 3168 6.1.2, see ecn.h
//   after it              ssthresh = FlightSize / 2, RFC 9438 4.6: FlightSize * 0.7, at least 2
//   timeout               RFC 5681 3.1: the same ssthresh, cwnd = 1 SMSS; RFC 9438 4.8: K = 0
//
// All zero is the state of a connection that sent nothing, so the first data queued clears the line
// (hc_tcp_queue()); before that nothing here may be read, see hc_cc_is_live().

#include "tcp/tcb.h"

#define HC_DUP_ACKS 3u // RFC 5681 3.2: so many repeated ACKs are a loss.

// Whether data was ever queued, so that c->cc is initialised.
HC_ALWAYS_INLINE bool hc_cc_is_live(const struct hc_tcb_cold *c)
{
	return c->snd_end - c->iss != 1;
}

// Whether a segment was sent again because of repeated ACKs, and not all of what was in flight
// then is acknowledged.
HC_ALWAYS_INLINE bool hc_cc_is_recovering(const struct hc_tcb_cold *c)
{
	return hc_cc_is_live(c) && c->cc.is_recovering;
}

// Congestion avoidance: `acked` bytes of the `flight` that was out before are acknowledged.
void hc_cc_avoid(struct hc_tcb_cold *c, const struct hc_tcp_env *env, uint32_t acked,
		 uint32_t flight);

// A loss: sets ssthresh from the bytes in flight, and what CUBIC remembers of the window.
void hc_cc_on_loss(struct hc_tcb_cold *c, const struct hc_tcp_env *env, uint32_t flight);

// The retransmission timer went off for the first time since progress.
void hc_cc_on_timeout(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// Whether what was in flight at the last timeout is acknowledged, and more than that (RFC 6582 3.2,
// step 4); then it is forgotten. Asked at each ACK, because sequence numbers wrap.
bool hc_cc_is_past_timeout(const struct hc_tcb *t, struct hc_tcb_cold *c);

// Whether what a timeout sent again is not acknowledged yet.
HC_ALWAYS_INLINE bool hc_cc_is_after_timeout(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return c->switches & HC_SWITCH_TIMED_OUT && hc_seq_lt(t->snd_una, c->cc.recover);
}

// An ACK says that a segment met congestion (RFC 3168 6.1.2), before SND.UNA moves: a loss without
// the loss, at most one a round trip.
void hc_cc_on_echo(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// An ACK repeated SND.UNA while data is in flight (RFC 5681 2). @return the verdict's actions.
uint32_t hc_cc_dup_ack(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// For both kinds of recovery. Counts one more sign of loss at SND.UNA, up to HC_DUP_ACKS. @return
// whether it counts: not before what a timeout sent again is acknowledged.
bool hc_cc_count_dup_ack(const struct hc_tcb *t, struct hc_tcb_cold *c);

// Recovery begins: ssthresh, RecoveryPoint, and the first segment is to be sent again.
void hc_cc_enter_recovery(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// An ACK advanced SND.UNA by `acked` bytes during recovery: partial, or the end of it.
void hc_cc_recovery_ack(struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t acked);

// Bytes beyond cwnd that limited transmit allows (RFC 3042): a segment for each of the first two
// repeated ACKs.
HC_ALWAYS_INLINE uint32_t hc_cc_limited(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	if (!hc_cc_is_live(c) || c->cc.dup_acks == 0 || c->cc.dup_una != t->snd_una ||
	    c->cc.is_recovering)
		return 0;
	return hc_min_u32(c->cc.dup_acks, HC_DUP_ACKS - 1) * c->mss;
}

// Nothing is in flight and data may be sent. RFC 5681 4.1: after a pause longer than the
// retransmission timeout nothing tells what the path takes, and the window begins again at
// RW = min(IW, cwnd).
HC_ALWAYS_INLINE void hc_cc_restart(struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	if (env->now_ms - c->cc.sent_ms > c->rto_ms && !HC_FAULT(window_kept_over_idle))
		c->cwnd = hc_min_u32(c->cwnd, hc_tcp_initial_cwnd(c->mss));
}

// The cube root, rounded down.
uint32_t hc_cube_root(uint64_t x);

// RFC 9438 4.2, figure 1: W_cubic less W_max, in bytes, `ms` milliseconds behind K (or before it).
int64_t hc_cubic_offset(int64_t ms, uint32_t mss);
