// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Header prediction, inline for the loop over a burst: a segment that is exactly what a TCB waits
// for next. hc_tcp_input_quick() is for TCBs without data, so for set-up and tear-down,
// hc_tcp_input_quick_data() for those with it. Either does what hc_tcp_input() would do, or says
// "look closer" and has changed nothing; that they agree on every TCB and segment is tested
// (tests/unit/t_quick.c). hc_tcp_input() alone knows the rules.

#include "tcp/input.h"
#include "tcp/opening.h"

// A TCB with any of these is not predicted, one with data only by hc_tcp_input_quick_data().
// Nor is one that owes an ACK: which timestamp that will echo, hc_tcp_input() knows; nor one that
// holds something out of order, whose turn may have come.
#define HC_QUICK_TCB_LOSS                                                                          \
	(HC_TCB_RTX | HC_TCB_SOFT_ERROR | HC_TCB_PROBING | HC_TCB_RECOVERING | HC_TCB_ACK_OWED)
#define HC_QUICK_TCB_ODD       (HC_TCB_DATA | HC_QUICK_TCB_LOSS)
#define HC_QUICK_RECEIVING_ODD (HC_RECEIVING_HOLDS | HC_RECEIVING_TS_OUTDATED)
// Nor, with data, one with any of these switches.
#define HC_QUICK_SWITCH_ODD                                                                        \
	(HC_SWITCH_ECN | HC_SWITCH_SYN_OWED | HC_SWITCH_BOARD | HC_SWITCH_KEEPALIVE |              \
	 HC_SWITCH_TLP | HC_SWITCH_TIMED_OUT)

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
	// With ECE there is ECN to agree on, with URG something to tell.
	const uint32_t care =
		HC_TCP_SYN | HC_TCP_ACK | HC_TCP_RST | HC_TCP_FIN | HC_TCP_ECE | HC_TCP_URG;
	uint32_t odd = (seg->flags & care) ^ (HC_TCP_SYN | HC_TCP_ACK);

	odd |= (seg->ack ^ t->snd_nxt) | seg->payload_len;
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
	if (t->flags & HC_QUICK_TCB_ODD)
		return false;

	uint32_t odd = (seg->seq ^ t->rcv_nxt) | (seg->ack ^ t->snd_nxt) | seg->payload_len;
	bool has_fin = seg->flags & HC_TCP_FIN;

	odd |= (uint32_t)((seg->flags & (HC_TCP_SYN | HC_TCP_RST | HC_TCP_ACK | HC_TCP_URG)) ^
			  HC_TCP_ACK);
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

// Whether a segment that acknowledges all we sent, and begins at RCV.NXT, may be taken in this
// state.
HC_ALWAYS_INLINE bool hc_quick_data_state(const struct hc_tcb *t, const struct hc_seg *seg,
					  enum hc_conn_state state)
{
	bool has_fin = seg->flags & HC_TCP_FIN;

	switch (state) {
	case HC_ESTABLISHED:
	case HC_FIN_WAIT_2:
		break;
	case HC_FIN_WAIT_1:
		if (has_fin && !(t->flags & HC_TCB_FIN_SENT))
			return false; // CLOSING.
		break;
	case HC_CLOSE_WAIT:
	case HC_LAST_ACK:
		return !has_fin && seg->payload_len == 0;
	default:
		return false;
	}
	return seg->payload_len == 0 || !(t->flags & HC_TCB_NO_RECEIVE);
}

// All we sent is acknowledged, and some of it was not before.
HC_ALWAYS_INLINE uint32_t hc_quick_data_acked(struct hc_tcb *t, struct hc_tcb_cold *c,
					      const struct hc_seg *seg,
					      const struct hc_tcp_env *env,
					      enum hc_conn_state state)
{
	hc_seq una_before = t->snd_una;
	uint32_t what = HC_DO_TIMER_OFF;

	t->snd_una = seg->ack;
	if (t->flags & HC_TCB_TIMING && !(t->flags & HC_TCB_FIN_SENT))
		hc_rtt_sample(env, c, hc_stamp_us(env->stamp, t->timed_at));
	t->flags &= (uint16_t)~HC_TCB_TIMING;
	if (t->flags & HC_TCB_DATA) {
		what |= HC_DO_ACKED | HC_DO_OUTPUT;
		if (hc_seq_lt(una_before, c->snd_end) && hc_seq_ge(seg->ack, c->snd_end))
			what |= HC_DO_SENT;
		hc_tcp_open_cwnd(c, env, seg->ack - una_before, seg->ack - una_before);
	}
	if (!(t->flags & HC_TCB_FIN_SENT))
		return what;
	if (state == HC_LAST_ACK)
		return (what & ~(uint32_t)HC_DO_OUTPUT) | HC_DO_FIN_ACKED | HC_DO_CLOSED |
		       HC_DO_FREE;
	HC_ASSERT(state == HC_FIN_WAIT_1);
	t->state = HC_FIN_WAIT_2;
	if (t->flags & HC_TCB_NO_RECEIVE && env->fin_wait2_ms)
		what = (what & ~(uint32_t)HC_DO_TIMER_OFF) | HC_DO_TIMER_FW2;
	return what | HC_DO_FIN_ACKED;
}

// The peer's FIN behind the text that was just taken. @return what to do with both.
HC_ALWAYS_INLINE uint32_t hc_quick_data_fin(struct hc_tcb *t, uint32_t what,
					    enum hc_conn_state state)
{
	hc_quick_fin(t);
	if (state == HC_ESTABLISHED) {
		t->state = HC_CLOSE_WAIT;
		// One ACK speaks for both: at once, unless both may wait.
		if (!(t->flags & HC_TCB_MERGE_CLOSE))
			what = (what & ~(uint32_t)HC_DO_ACK_DEFER) | HC_DO_ACK;
		else if (!(what & HC_DO_ACK))
			what |= HC_DO_ACK_DEFER;
		return what | HC_DO_PEER_CLOSED;
	}
	HC_ASSERT(state == HC_FIN_WAIT_1 || state == HC_FIN_WAIT_2);
	t->state = HC_TIME_WAIT;
	what &= ~(uint32_t)(HC_DO_TIMER_FW2 | HC_DO_ACK_DEFER);
	return what | HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF;
}

// The next text in order, an ACK of all our data, the peer's FIN behind it: a request, a response.
// `state` is the TCB's: where it is a constant, what other states need falls away. @return true
// when the segment was taken, with the verdict's actions in *what (never a drop).
HC_ALWAYS_INLINE bool hc_tcp_input_quick_data(struct hc_tcb *t, struct hc_tcb_cold *c,
					      const struct hc_seg *seg,
					      const struct hc_tcp_env *env,
					      enum hc_conn_state state, uint32_t *what)
{
	// Of urgent data the application is told.
	const uint32_t care = HC_TCP_SYN | HC_TCP_RST | HC_TCP_ACK | HC_TCP_URG;
	uint32_t odd = (seg->seq ^ t->rcv_nxt) | (seg->ack ^ t->snd_nxt);
	uint32_t wnd = t->rcv_edge - t->rcv_nxt;
	uint32_t do_what = 0;
	bool has_more;

	odd |= (seg->flags & care) ^ HC_TCP_ACK;
	odd |= (t->flags & HC_QUICK_TCB_LOSS) | (c->receiving & HC_QUICK_RECEIVING_ODD);
	odd |= c->switches & HC_QUICK_SWITCH_ODD;
	if (HC_UNLIKELY(odd || wnd == 0 || seg->payload_len > wnd ||
			hc_seq_gt(c->snd_wl1, seg->seq) || !hc_quick_data_state(t, seg, state)))
		return false;
	if (t->flags & HC_TCB_TS) {
		if (HC_UNLIKELY(!(seg->opts & HC_OPT_TIMESTAMPS) ||
				hc_seq_lt(seg->tsval, t->ts_recent)))
			return false;
		t->ts_recent = seg->tsval;
	}

	has_more = t->flags & HC_TCB_DATA ||
		   (t->flags & (HC_TCB_FIN_QUEUED | HC_TCB_FIN_SENT)) == HC_TCB_FIN_QUEUED;
	if (has_more && (uint32_t)seg->wnd << c->snd_wscale > t->snd_wnd)
		do_what |= HC_DO_OUTPUT;
	if (seg->ack != t->snd_una)
		do_what |= hc_quick_data_acked(t, c, seg, env, state);
	if (do_what & HC_DO_FREE)
		do_what &= ~(uint32_t)HC_DO_OUTPUT;
	hc_quick_window(t, c, seg);
	if (seg->payload_len) {
		t->flags |= HC_TCB_DATA;
		t->rcv_nxt += seg->payload_len;
		c->rcv_used += seg->payload_len;
		do_what |= HC_DO_DELIVER | hc_tcp_ack_text(t, c, env);
	}
	if (seg->flags & HC_TCP_FIN)
		do_what = hc_quick_data_fin(t, do_what, state);
	*what = do_what;
	return true;
}

// The text of the handshake's final ACK, as hc_syn_input_quick() took it, for the TCB that
// hc_syn_promote() has just made of it: what those two know is not asked again.
HC_ALWAYS_INLINE bool hc_tcp_input_quick_first(struct hc_tcb *t, struct hc_tcb_cold *c,
					       const struct hc_seg *seg,
					       const struct hc_tcp_env *env, uint32_t *what)
{
	// One that has data without any has been given something since (a listener's options).
	if (HC_UNLIKELY(seg->flags & (HC_TCP_FIN | HC_TCP_URG)) ||
	    HC_UNLIKELY(t->flags & HC_TCB_DATA) || HC_UNLIKELY(c->switches & HC_QUICK_SWITCH_ODD) ||
	    HC_UNLIKELY(seg->payload_len - 1u >= t->rcv_edge - t->rcv_nxt))
		return false;
	t->flags |= HC_TCB_DATA;
	t->rcv_nxt += seg->payload_len;
	c->rcv_used += seg->payload_len;
	*what = HC_DO_DELIVER | hc_tcp_ack_text(t, c, env);
	return true;
}
