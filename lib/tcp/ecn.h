// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Explicit congestion notification (RFC 3168; RFC 8311 takes the nonce away and loosens nothing
// that is used here). Off unless both sides say so in their SYNs, and then three questions, each a
// switch of the connection:
//
//   receiving   a segment of data came marked CE: every segment of ours says ECE until a segment of
//               data says CWR (6.1.3)
//   sending     an ACK says ECE: the window shrinks as after a loss, once a round trip, and nothing
//               is sent again (6.1.2; hc_cc_on_echo())
//   and         the next new data says CWR, after a reduction for whatever reason
//
// Only new data is sent as ECT(0): not what is sent again (6.1.5), no probe (6.1.6), nothing
// without data (6.1.4). A connection opened by a SYN cookie has no ECN: the cookie has no room for
// it.
//
// Departure: 6.1.2 lets a window shrink to one segment, and then waits for the retransmission timer
// before the next. Ours stops at two segments, as RFC 5681 3.1 has it for ssthresh.

#include "tcp/cc.h"
#include "tcp/output.h"
#include "wire/build.h"

#define HC_ECN_SYN (HC_TCP_ECE | HC_TCP_CWR) // 6.1.1: an ECN-setup SYN says both.

// The peer's SYN,ACK to an ECN-setup SYN of ours that was not sent again without.
HC_ALWAYS_INLINE void hc_ecn_take_synack(const struct hc_tcb *t, struct hc_tcb_cold *c,
					 const struct hc_seg *seg, const struct hc_tcp_env *env)
{
	const uint8_t care = HC_ECN_SYN | HC_TCP_ACK;

	// Both bits are what a peer sends that returns reserved bits as they came (6.1.1).
	if (!env->has_ecn || (seg->flags & care) != (HC_TCP_ECE | HC_TCP_ACK) ||
	    t->flags & HC_TCB_RTX)
		return;
	c->switches |= HC_SWITCH_ECN;
	env->ctr[HC_CTR_ecn_negotiated]++;
}

// An acceptable segment: what the network said of it, and what the peer says of ours.
HC_ALWAYS_INLINE void hc_ecn_received(struct hc_tcb_cold *c, const struct hc_seg *seg,
				      const struct hc_tcp_env *env)
{
	if (HC_LIKELY(!(c->switches & HC_SWITCH_ECN)) || seg->payload_len == 0)
		return;
	if (seg->flags & HC_TCP_CWR && !HC_FAULT(echo_never_ends))
		c->switches &= (uint16_t)~HC_SWITCH_ECN_ECHO;
	if (seg->ecn == HC_ECN_CE) {
		c->switches |= HC_SWITCH_ECN_ECHO;
		env->ctr[HC_CTR_ecn_ce_received]++;
	}
}

HC_ALWAYS_INLINE bool hc_ecn_is_echo(const struct hc_tcb_cold *c, const struct hc_seg *seg)
{
	return c->switches & HC_SWITCH_ECN && seg->flags & HC_TCP_ECE;
}

// An acceptable ACK, before SND.UNA moves.
HC_ALWAYS_INLINE void hc_ecn_acked(const struct hc_tcb *t, struct hc_tcb_cold *c,
				   const struct hc_seg *seg, const struct hc_tcp_env *env)
{
	if (HC_LIKELY(!(c->switches & HC_SWITCH_ECN)))
		return;
	// Beyond what was sent when the window shrank: the peer has seen CWR, or a loss hid it.
	if (c->switches & HC_SWITCH_ECN_REDUCED && hc_seq_gt(seg->ack, c->cc.recover))
		c->switches &= (uint16_t)~HC_SWITCH_ECN_REDUCED;
	if (seg->flags & HC_TCP_ECE)
		hc_cc_on_echo(t, c, env);
}

// What goes on a segment that is about to be sent.
HC_ALWAYS_INLINE void hc_ecn_mark(const struct hc_tcb *t, struct hc_tcb_cold *c,
				  const struct hc_send_plan *plan, struct hc_tx_seg *s)
{
	if (HC_LIKELY(!(c->switches & HC_SWITCH_ECN)) || plan->len == 0)
		return;
	if ((plan->is_rtx && !HC_FAULT(retransmission_is_capable)) || t->flags & HC_TCB_PROBING)
		return;
	s->ecn = HC_ECN_ECT0;
	if (c->switches & HC_SWITCH_ECN_CWR) {
		s->flags |= HC_TCP_CWR;
		c->switches &= (uint16_t)~HC_SWITCH_ECN_CWR;
	}
}
