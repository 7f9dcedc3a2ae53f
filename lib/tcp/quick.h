// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Header prediction for set-up and tear-down, inline for the loop over a burst: a segment that is
// exactly what a TCB without data waits for next. It either does what hc_tcp_input() would do, or
// says "look closer" and has changed nothing; that the two agree on every TCB and segment is tested
// (tests/unit/t_quick.c). hc_tcp_input() alone knows the rules.

#include "tcp/input.h"
#include "tcp/opening.h"

// A TCB with any of these is not predicted.
#define HC_QUICK_TCB_ODD                                                                           \
	(HC_TCB_DATA | HC_TCB_RTX | HC_TCB_SOFT_ERROR | HC_TCB_PROBING | HC_TCB_RECOVERING)

// The send window of an acceptable segment that acknowledges all we sent.
HC_ALWAYS_INLINE void hc_quick_window(struct hc_tcb *t, struct hc_tcb_cold *c,
				      const struct hc_seg *seg)
{
	uint32_t wnd = (uint32_t)seg->wnd << c->snd_wscale;

	t->snd_wnd = wnd;
	c->snd_wnd_max = hc_max_u32(c->snd_wnd_max, wnd);
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
}

// The peer's FIN, next in order and alone.
HC_ALWAYS_INLINE void hc_quick_fin(struct hc_tcb *t)
{
	t->rcv_nxt++;
	if (hc_seq_lt(t->rcv_edge, t->rcv_nxt))
		t->rcv_edge = t->rcv_nxt;
}

// SYN,ACK for our SYN, at the first attempt.
HC_ALWAYS_INLINE bool hc_quick_syn_sent(struct hc_tcb *t, struct hc_tcb_cold *c,
					const struct hc_seg *seg, const struct hc_tcp_env *env,
					uint32_t *what)
{
	const uint32_t care = HC_TCP_SYN | HC_TCP_ACK | HC_TCP_RST;
	uint32_t odd = (seg->flags & care) ^ (HC_TCP_SYN | HC_TCP_ACK);

	odd |= seg->ack ^ t->snd_nxt;
	odd |= t->flags & (HC_QUICK_TCB_ODD | HC_TCB_FIN_QUEUED);
	if (HC_UNLIKELY(odd))
		return false;
	hc_tcp_take_syn(t, c, seg, env);
	t->snd_una = seg->ack;
	*what = hc_tcp_become_established(t, c, env) |
		(t->flags & HC_TCB_PIGGYBACK ? HC_DO_ACK_DEFER : HC_DO_ACK);
	return true;
}

// @return true when the segment was taken, with the verdict's actions in *what (never a drop).
HC_ALWAYS_INLINE bool hc_tcp_input_quick(struct hc_tcb *t, struct hc_tcb_cold *c,
					 const struct hc_seg *seg, const struct hc_tcp_env *env,
					 uint32_t *what)
{
	if (t->state == HC_SYN_SENT)
		return hc_quick_syn_sent(t, c, seg, env, what);

	uint32_t odd = (seg->seq ^ t->rcv_nxt) | (seg->ack ^ t->snd_nxt) | seg->payload_len;
	bool has_fin = seg->flags & HC_TCP_FIN;

	odd |= (uint32_t)((seg->flags & (HC_TCP_SYN | HC_TCP_RST | HC_TCP_ACK)) ^ HC_TCP_ACK);
	odd |= t->flags & HC_QUICK_TCB_ODD;
	if (HC_UNLIKELY(odd || t->rcv_edge == t->rcv_nxt || hc_seq_gt(c->snd_wl1, seg->seq)))
		return false;
	if (t->flags & HC_TCB_TS &&
	    HC_UNLIKELY(!(seg->opts & HC_OPT_TIMESTAMPS) || hc_seq_lt(seg->tsval, t->ts_recent)))
		return false;

	switch (t->state) {
	case HC_ESTABLISHED:
		if (!has_fin)
			return false;
		hc_quick_fin(t);
		t->state = HC_CLOSE_WAIT;
		*what = HC_DO_PEER_CLOSED |
			(t->flags & HC_TCB_MERGE_CLOSE ? HC_DO_ACK_DEFER : HC_DO_ACK);
		break;
	case HC_FIN_WAIT_1:
		if (has_fin || !(t->flags & HC_TCB_FIN_SENT))
			return false;
		t->state = HC_FIN_WAIT_2;
		*what = HC_DO_FIN_ACKED |
			(t->flags & HC_TCB_NO_RECEIVE && env->fin_wait2_ms ? HC_DO_TIMER_FW2
									   : HC_DO_TIMER_OFF);
		break;
	case HC_FIN_WAIT_2:
		if (!has_fin)
			return false;
		hc_quick_fin(t);
		t->state = HC_TIME_WAIT;
		*what = HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF;
		break;
	case HC_LAST_ACK:
		if (has_fin || !(t->flags & HC_TCB_FIN_SENT))
			return false;
		*what = HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_FREE | HC_DO_TIMER_OFF;
		break;
	default:
		return false;
	}
	if (t->flags & HC_TCB_TS)
		t->ts_recent = seg->tsval;
	t->snd_una = seg->ack;
	t->flags &= (uint16_t)~HC_TCB_TIMING;
	hc_quick_window(t, c, seg);
	return true;
}
