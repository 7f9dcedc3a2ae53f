// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// RFC 9293 3.10.7, SEGMENT ARRIVES, in the RFC's own order of checks: sequence number, (security is
// obsolete), SYN, ACK, URG, text, FIN, with RFC 7323's PAWS before the first and RFC 5961's
// challenges where an attacker could guess. RST comes before them all: RFC 5961 gives it a sequence
// test of its own, and PAWS does not apply to it.

#include "tcp/input.h"

#include "tcp/challenge.h"
#include "tcp/ecn.h"
#include "tcp/fastopen.h"
#include "tcp/liveness.h"
#include "tcp/opening.h"
#include "tcp/paws.h"
#include "tcp/rack.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"

hc_verdict hc_tcp_input_closed(const struct hc_seg *seg)
{
	if (seg->flags & HC_TCP_RST && !HC_FAULT(rst_answered_with_rst))
		return hc_verdict_drop(0, HC_CTR_tcp_stray_rst);
	return hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_no_connection);
}

// RFC 7413 4.2: of the data on our SYN the peer took what it acknowledges.
static uint32_t take_fastopen(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg)
{
	uint32_t what = HC_DO_FASTOPEN;

	// A second SYN has no option, and its answer says nothing of it.
	if (t->flags & HC_TCB_RTX)
		c->switches &= (uint16_t)~HC_SWITCH_FASTOPEN;
	if (seg->ack != t->snd_nxt)
		what |= HC_DO_ACKED | (seg->ack == c->snd_end ? HC_DO_SENT : 0);
	t->snd_nxt = seg->ack;
	return what;
}

static hc_verdict input_text(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_seg *seg,
			     struct hc_tcp_env *env, uint32_t what);

// Text and FIN behind a SYN,ACK: on from the sixth step of 3.10.7.4. The handshake's ACK speaks for
// them too, and does not wait.
static HC_NOINLINE hc_verdict input_synack_text(struct hc_tcb *t, struct hc_tcb_cold *c,
						struct hc_seg *seg, struct hc_tcp_env *env,
						uint32_t what)
{
	hc_verdict v;

	seg->flags &= (uint8_t)~HC_TCP_SYN;
	seg->seq++;
	v = input_text(t, c, seg, env, what);
	c->receiving &= (uint8_t)~HC_RECEIVING_ACK_MAY_WAIT;
	return v & HC_DO_ACK ? v & ~(hc_verdict)HC_DO_ACK_DEFER : v;
}

// 3.10.7.3.
static hc_verdict input_syn_sent(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_seg *seg,
				 struct hc_tcp_env *env)
{
	bool has_ack = seg->flags & HC_TCP_ACK;
	uint32_t told = t->rcv_edge; // Before the peer's SYN it is no edge: stack/shape.c.

	// First: an ACK of anything but our SYN (nothing else was sent).
	if (has_ack && seg->ack != t->snd_nxt && !hc_fastopen_is_acked(t, c, seg)) {
		if (seg->flags & HC_TCP_RST)
			return hc_verdict_drop(0, HC_CTR_tcp_syn_sent_bad);
		return hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_syn_sent_bad);
	}
	// Second: RST counts only with an ACK of our SYN.
	if (seg->flags & HC_TCP_RST) {
		if (!has_ack)
			return hc_verdict_drop(0, HC_CTR_tcp_syn_sent_bad);
		return hc_verdict_reason(HC_DO_FAILED | HC_DO_FREE, HC_REASON_REFUSED);
	}
	// Fourth: the SYN. Without an ACK what comes with it is not taken; the peer sends it again
	// behind the handshake.
	if (!(seg->flags & HC_TCP_SYN))
		return hc_verdict_drop(0, HC_CTR_tcp_syn_sent_bad);
	hc_tcp_take_syn(t, c, seg, env);
	if (HC_UNLIKELY(c->switches & HC_SWITCH_LIVE))
		hc_live_take_syn(t, c, env, told);
	if (has_ack) {
		uint32_t what = t->flags & HC_TCB_PIGGYBACK ? HC_DO_ACK_DEFER : HC_DO_ACK;

		hc_ecn_take_synack(t, c, seg, env);
		t->snd_una = seg->ack;
		if (HC_UNLIKELY(c->switches & HC_SWITCH_FASTOPEN))
			what |= take_fastopen(t, c, seg);
		what |= hc_tcp_become_established(t, c, env);
		if (HC_UNLIKELY(seg->payload_len || seg->flags & HC_TCP_FIN) &&
		    !HC_FAULT(text_of_synack_dropped))
			return input_synack_text(t, c, seg, env, what);
		return what;
	}
	c->switches &= (uint16_t)~HC_SWITCH_FASTOPEN;
	// Simultaneous open.
	t->state = HC_SYN_RCVD;
	return HC_DO_SYNACK | HC_DO_TIMER_RTX;
}

// RFC 9293 3.4, table 6: whether any of the segment lies in the window. Only the sequence test: a
// window of 0 takes nothing with length, but see input_window_zero().
static inline bool is_acceptable(const struct hc_tcb *t, hc_seq seq, uint32_t len)
{
	uint32_t wnd = t->rcv_edge - t->rcv_nxt + HC_FAULT(window_edge_off_by_one);

	if (len == 0)
		return wnd == 0 ? seq == t->rcv_nxt : hc_seq_in(seq, t->rcv_nxt, wnd);
	return wnd != 0 &&
	       (hc_seq_in(seq, t->rcv_nxt, wnd) || hc_seq_in(seq + len - 1, t->rcv_nxt, wnd));
}

static void take_rtt(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	uint32_t rtt_us = hc_stamp_us(env->stamp, t->timed_at);

	hc_rtt_sample(env, c, rtt_us);
	if (HC_UNLIKELY(c->switches & HC_SWITCH_TLP))
		c->cc.needs_rtt = false;
	// Of what is acknowledged whole, as a request is, SRTT tells enough.
	if (t->snd_una != t->snd_nxt && t->flags & HC_TCB_DATA && hc_cc_is_live(c))
		hc_rack_rtt(c, env, rtt_us);
}

// New data is acknowledged: timing, congestion window, retransmission cursor, timer. Works on the
// cold half only when something of it is in use.
static uint32_t ack_advances(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			     const struct hc_tcp_env *env)
{
	hc_seq una_before = t->snd_una;
	uint32_t what = 0;

	if (HC_UNLIKELY(c->switches & HC_SWITCH_SYN_OWED)) {
		c->switches &= (uint16_t)~HC_SWITCH_SYN_OWED;
		una_before++;
		what = HC_DO_FASTOPEN;
		if (t->flags & HC_TCB_RTX)
			hc_tcp_after_loss(c, env, c->retries);
	}
	t->snd_una = seg->ack;
	if (t->flags & HC_TCB_TIMING && hc_seq_ge(seg->ack, c->timed_seq)) {
		// What our FIN took tells nothing any more: nothing will be sent again.
		if ((HC_FAULT(karn_ignored) || !(t->flags & HC_TCB_RTX)) &&
		    !(t->flags & HC_TCB_FIN_SENT && t->snd_una == t->snd_nxt))
			take_rtt(t, c, env);
		t->flags &= (uint16_t)~HC_TCB_TIMING;
	}
	if (t->flags & HC_TCB_DATA) {
		uint32_t acked = seg->ack - una_before;

		what |= HC_DO_ACKED | HC_DO_OUTPUT;
		if (hc_seq_lt(una_before, c->snd_end) && hc_seq_ge(seg->ack, c->snd_end))
			what |= HC_DO_SENT;
		if (HC_UNLIKELY(c->switches & HC_SWITCH_TIMED_OUT))
			(void)hc_cc_is_past_timeout(t, c);
		if (hc_cc_is_recovering(c))
			hc_cc_recovery_ack(t, c, acked);
		else if (HC_LIKELY(!hc_ecn_is_echo(c, seg)))
			hc_tcp_open_cwnd(c, env, acked, t->snd_nxt - una_before);
	}
	if (t->flags & (HC_TCB_RTX | HC_TCB_RECOVERING | HC_TCB_SOFT_ERROR)) {
		c->retries = 0;
		t->flags &= (uint16_t)~HC_TCB_SOFT_ERROR;
		if (t->snd_una == t->snd_nxt)
			t->flags &= (uint16_t) ~(HC_TCB_RTX | HC_TCB_RECOVERING);
		else if (t->flags & HC_TCB_RECOVERING && hc_seq_lt(c->rtx_nxt, t->snd_una))
			c->rtx_nxt = t->snd_una;
		what |= HC_DO_OUTPUT;
	}
	// RFC 6298 5.2, 5.3.
	return what | (t->snd_una == t->snd_nxt && !HC_FAULT(timer_left_on) ? HC_DO_TIMER_OFF
									    : HC_DO_TIMER_RTX);
}

// RFC 5681 2: an ACK that says nothing but that something arrived, or was lost, behind SND.UNA.
static inline bool is_dup_ack(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			      const struct hc_seg *seg)
{
	return t->snd_una != t->snd_nxt && seg->payload_len == 0 && !(seg->flags & HC_TCP_FIN) &&
	       (uint32_t)seg->wnd << c->snd_wscale == t->snd_wnd;
}

// RFC 9293 3.10.7.4, fifth, ESTABLISHED: the send window. The RFC goes by SND.WL1 and SND.WL2
// alone, which tell less than an acknowledgment that is larger than any before: that one is the
// peer's latest word also when it comes with text sent again, and a window left as it was would
// reach beyond what the peer offers by what is acknowledged.
static uint32_t update_send_window(struct hc_tcb *t, struct hc_tcb_cold *c,
				   const struct hc_seg *seg, const struct hc_tcp_env *env,
				   bool advances)
{
	uint32_t wnd = (uint32_t)seg->wnd << (HC_FAULT(window_scale_ignored) ? 0 : c->snd_wscale);
	bool was_closed = t->snd_wnd == 0;
	uint32_t what = 0;

	if (!HC_FAULT(window_from_old_segment) && (!advances || HC_FAULT(window_left_behind)) &&
	    (hc_seq_gt(c->snd_wl1, seg->seq) ||
	     (c->snd_wl1 == seg->seq && hc_seq_gt(c->snd_wl2, seg->ack))))
		return 0;
	if (wnd != t->snd_wnd) {
		// A FIN that is sent already waits for its ACK alone.
		bool has_more =
			t->flags & (HC_TCB_DATA | HC_TCB_RECOVERING) ||
			(t->flags & (HC_TCB_FIN_QUEUED | HC_TCB_FIN_SENT)) == HC_TCB_FIN_QUEUED;

		if (has_more && wnd > t->snd_wnd)
			what = HC_DO_OUTPUT;
		// No tail probe goes into a closed window: its timer is the persist timer's, which
		// runs for an RTO.
		if (wnd == 0 && t->flags & HC_TCB_SACK && t->snd_una != t->snd_nxt)
			what = HC_DO_TIMER_RTX;
		t->snd_wnd = wnd;
		c->snd_wnd_max = hc_max_u32(c->snd_wnd_max, wnd);
	}
	if (t->flags & HC_TCB_PROBING) {
		c->retries = 0; // RFC 9293 3.8.6.1: as long as probes are answered, the peer lives.
		// Into an open window it is the override timeout, which nothing but sending ends.
		if (wnd != 0 && was_closed) {
			// Open again. A probe that was not taken is sent again at once.
			t->flags &= (uint16_t)~HC_TCB_PROBING;
			what |= HC_DO_OUTPUT;
			if (t->snd_una == t->snd_nxt) {
				what |= HC_DO_TIMER_OFF;
			} else {
				hc_recovery_go_back(t, c, env, t->snd_una);
				what |= HC_DO_TIMER_RTX;
			}
		}
	}
	if (hc_seq_gt(seg->seq, c->snd_wl1))
		c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	return what;
}

// Our FIN is acknowledged: the next state, or the end.
static uint32_t fin_is_acked(struct hc_tcb *t, const struct hc_tcp_env *env)
{
	switch (t->state) {
	case HC_FIN_WAIT_1:
		t->state = HC_FIN_WAIT_2;
		// Only a connection that nobody will read from may be given up here.
		if (t->flags & HC_TCB_NO_RECEIVE && env->fin_wait2_ms)
			return HC_DO_FIN_ACKED | HC_DO_TIMER_FW2;
		return HC_DO_FIN_ACKED;
	case HC_CLOSING:
		t->state = HC_TIME_WAIT;
		if (HC_FAULT(simultaneous_close_skips_closing))
			return HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_FREE;
		return HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_TIME_WAIT;
	case HC_LAST_ACK:
		return HC_DO_FIN_ACKED | HC_DO_CLOSED | HC_DO_FREE;
	default:
		return 0;
	}
}

// The peer's FIN is next in order (eighth).
static uint32_t take_fin(struct hc_tcb *t)
{
	uint32_t ack = t->flags & HC_TCB_MERGE_CLOSE ? HC_DO_ACK_DEFER : HC_DO_ACK;

	if (HC_FAULT(ack_of_fin_lost))
		ack = 0;

	t->rcv_nxt++;
	if (hc_seq_lt(t->rcv_edge, t->rcv_nxt))
		t->rcv_edge = t->rcv_nxt;
	switch (t->state) {
	case HC_ESTABLISHED:
		t->state = HC_CLOSE_WAIT;
		return ack | HC_DO_PEER_CLOSED;
	case HC_FIN_WAIT_1:
		t->state = HC_CLOSING;
		return HC_DO_ACK | HC_DO_PEER_CLOSED;
	default:
		HC_ASSERT(t->state == HC_FIN_WAIT_2);
		t->state = HC_TIME_WAIT;
		return HC_DO_ACK | HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF;
	}
}

// The peer's FIN behind text, or alone.
static uint32_t take_fin_with(struct hc_tcb *t, uint32_t what)
{
	uint32_t fin = take_fin(t);

	// One ACK speaks for the data and the FIN: at once, unless both may wait.
	if (fin & HC_DO_ACK)
		what &= ~(uint32_t)HC_DO_ACK_DEFER;
	else if (what & HC_DO_ACK)
		fin &= ~(uint32_t)HC_DO_ACK_DEFER;
	if (fin & HC_DO_TIME_WAIT)
		what &= ~(uint32_t)(HC_DO_TIMER_FW2 | HC_DO_TIMER_RTX);
	return what | fin;
}

// Text behind the window is cut off, the FIN with it. A FIN right at the edge takes no buffer and
// is let in.
static inline void cut_at_edge(const struct hc_tcb *t, struct hc_seg *seg)
{
	if (HC_UNLIKELY(seg->payload_len > t->rcv_edge - seg->seq)) {
		seg->payload_len = (uint16_t)(t->rcv_edge - seg->seq);
		if (!HC_FAULT(fin_behind_the_window_taken))
			seg->flags &= (uint8_t)~HC_TCP_FIN;
	}
}

// RFC 9293 3.10.7.4, SHLD-31: text and FIN ahead of their turn are held. RFC 5681 4.2: answered at
// once. What nobody will read is not held; in its turn it is answered with RST.
static hc_verdict input_ahead(const struct hc_tcb *t, struct hc_seg *seg, uint32_t what)
{
	if (t->flags & HC_TCB_NO_RECEIVE)
		return hc_verdict_drop(what | HC_DO_ACK, HC_CTR_tcp_out_of_order);
	cut_at_edge(t, seg);
	return what | HC_DO_ACK | HC_DO_HOLD;
}

// RFC 2883 4: the peer may know what came twice. @return the verdict's actions.
static uint32_t tell_twice(const struct hc_tcb *t, hc_seq lo, hc_seq hi, struct hc_tcp_env *env)
{
	if (!(t->flags & HC_TCB_SACK) || !hc_seq_lt(lo, hi))
		return 0;
	env->dup = (struct hc_seq_range){.lo = lo, .hi = hi};
	return HC_DO_DSACK;
}

// Text (seventh) and FIN (eighth). The segment is acceptable; it may begin before RCV.NXT and end
// behind the window.
static hc_verdict input_text(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_seg *seg,
			     struct hc_tcp_env *env, uint32_t what)
{
	hc_seq seq = seg->seq;
	uint32_t before = HC_FAULT(old_text_delivered_twice) ? 0 : t->rcv_nxt - seq;

	if (!hc_tcp_is_receiving(t)) {
		// The peer's FIN was here before: nothing can follow it, and what came again is
		// acknowledged again.
		return what | HC_DO_ACK;
	}
	if (hc_seq_gt(seq, t->rcv_nxt))
		return input_ahead(t, seg, what);
	// Old bytes in front are cut off ...
	if (before > seg->payload_len)
		return what | HC_DO_ACK;
	seg->payload_off = (uint16_t)(seg->payload_off + before);
	seg->payload_len = (uint16_t)(seg->payload_len - before);
	seg->seq = t->rcv_nxt;
	// ... and so is text behind the window.
	cut_at_edge(t, seg);
	if (seg->payload_len) {
		if (t->flags & HC_TCB_NO_RECEIVE && !HC_FAULT(data_after_close_taken)) {
			// RFC 9293 3.6.1 and SHLD-3: nobody will read this. It may have come with
			// the ACK of our SYN: then it was open for that long.
			return hc_verdict_drop((what & HC_DO_OPENED) | HC_DO_RST | HC_DO_RESET |
						       HC_DO_FREE,
					       HC_CTR_tcp_data_after_close) |
			       hc_verdict_reason(0, HC_REASON_ABORTED);
		}
		t->flags |= HC_TCB_DATA;
		t->rcv_nxt += seg->payload_len;
		c->rcv_used += seg->payload_len;
		what |= HC_DO_DELIVER | hc_tcp_ack_text(t, c, env);
	}
	if (seg->flags & HC_TCP_FIN)
		what = take_fin_with(t, what);
	if (HC_UNLIKELY(before) && tell_twice(t, seq, seq + before, env))
		what = (what & ~(uint32_t)HC_DO_ACK_DEFER) | HC_DO_ACK | HC_DO_DSACK;
	return what;
}

uint32_t hc_tcp_input_held(struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t len, bool has_fin,
			   uint32_t what)
{
	HC_ASSERT(hc_tcp_is_receiving(t) && !(t->flags & HC_TCB_NO_RECEIVE));
	HC_ASSERT(len <= t->rcv_edge - t->rcv_nxt);
	t->rcv_nxt += len;
	c->rcv_used += len;
	// RFC 5681 4.2: at once, when a gap is filled.
	if (!HC_FAULT(ack_of_a_filled_gap_waits))
		what = (what & ~(uint32_t)HC_DO_ACK_DEFER) | HC_DO_ACK;
	return has_fin ? take_fin_with(t, what) : what;
}

static hc_verdict input_rst(struct hc_tcb *t, const struct hc_seg *seg, struct hc_tcp_env *env)
{
	// RFC 5961 3.2: only an RST exactly at RCV.NXT is believed. Where it begins decides, not
	// what comes with it (RFC 9293 SHLD-2: text may), nor whether the window is open.
	if (seg->seq != t->rcv_nxt) {
		if (hc_seq_in(seg->seq, t->rcv_nxt, t->rcv_edge - t->rcv_nxt) &&
		    HC_FAULT(rst_anywhere_in_window))
			return hc_verdict_reason(HC_DO_RESET | HC_DO_FREE, HC_REASON_RESET);
		if (hc_seq_in(seg->seq, t->rcv_nxt, t->rcv_edge - t->rcv_nxt))
			return hc_tcp_challenge(env, HC_CTR_tcp_rst_challenged);
		return hc_verdict_drop(0, HC_CTR_tcp_rst_out_of_window);
	}
	if (t->state == HC_SYN_RCVD)
		return hc_verdict_reason(HC_DO_FAILED | HC_DO_FREE, HC_REASON_REFUSED);
	return hc_verdict_reason(HC_DO_RESET | HC_DO_FREE, HC_REASON_RESET);
}

// 3.10.7.4, fifth, as far as it ends a segment. @return 0 when its ACK is acceptable.
static hc_verdict check_ack(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			    const struct hc_seg *seg, struct hc_tcp_env *env)
{
	if (HC_UNLIKELY(!(seg->flags & HC_TCP_ACK)))
		return hc_verdict_drop(0, HC_CTR_tcp_no_ack);
	if (HC_UNLIKELY(t->state == HC_SYN_RCVD))
		return seg->ack == t->snd_nxt
			       ? 0
			       : hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_ack_unsent);
	if (HC_UNLIKELY(c->switches & HC_SWITCH_SYN_OWED) &&
	    !hc_seq_in(seg->ack, t->snd_una + 1, t->snd_nxt - t->snd_una) &&
	    !HC_FAULT(fast_open_by_any_ack))
		return hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_ack_unsent);
	if (hc_seq_gt(seg->ack, t->snd_nxt + HC_FAULT(ack_of_the_unsent_taken)))
		return hc_tcp_limited_ack(env, HC_CTR_tcp_ack_unsent);
	if (hc_seq_lt(seg->ack, t->snd_una - c->snd_wnd_max))
		return hc_tcp_challenge(env, HC_CTR_tcp_ack_too_old); // RFC 5961 5.2.
	return 0;
}

// RFC 7323 4.3 (2): the timestamp to echo. Last.ACK.sent is RCV.NXT, unless an ACK is still owed:
// that one echoes the earliest segment it is for, so that the peer's RTT has the wait in it. Only
// of a segment that passed the checks of SYN and ACK, too: a number from anybody who can guess the
// window would have PAWS drop whatever the peer sends.
static void take_timestamp(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg)
{
	if (t->flags & HC_TCB_TS && seg->opts & HC_OPT_TIMESTAMPS &&
	    !(t->flags & HC_TCB_ACK_OWED) &&
	    (HC_FAULT(ts_recent_from_behind_a_gap) || hc_seq_le(seg->seq, t->rcv_nxt)))
		hc_paws_take(t, c, seg->tsval);
}

// The ACK of a SYN-RECEIVED TCB, which only a simultaneous open makes.
static uint32_t input_syn_rcvd(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			       const struct hc_tcp_env *env)
{
	t->snd_una = seg->ack;
	t->snd_wnd = (uint32_t)seg->wnd << c->snd_wscale;
	c->snd_wnd_max = hc_max_u32(c->snd_wnd_max, t->snd_wnd);
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	return hc_tcp_become_established(t, c, env);
}

// The segment failed PAWS or the sequence test.
static HC_NOINLINE hc_verdict input_unacceptable(const struct hc_tcb *t, const struct hc_seg *seg,
						 struct hc_tcp_env *env, enum hc_counter drop)
{
	// What only repeats old data is our ACK's loss, not an attack: it is answered always.
	if (drop == HC_CTR_tcp_out_of_window && seg->payload_len + (seg->flags & HC_TCP_FIN) &&
	    hc_seq_le(seg->seq, t->rcv_nxt)) {
		hc_seq end = seg->seq + hc_seg_len(seg);

		return hc_verdict_drop(
			HC_DO_ACK | tell_twice(t, seg->seq,
					       hc_seq_lt(end, t->rcv_nxt) ? end : t->rcv_nxt, env),
			drop);
	}
	return hc_tcp_limited_ack(env, drop);
}

hc_verdict hc_tcp_input(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_seg *seg,
			struct hc_tcp_env *env)
{
	uint32_t what = 0;
	hc_verdict bad;

	HC_ASSERT(t->state >= HC_SYN_SENT && t->state < HC_TIME_WAIT);
	HC_ASSERT(hc_seq_le(t->snd_una, t->snd_nxt));
	if (HC_UNLIKELY(t->state == HC_SYN_SENT))
		return input_syn_sent(t, c, seg, env);

	// A simultaneous open crosses two SYNs: the one that comes again with the ACK counts once.
	if (t->state == HC_SYN_RCVD && seg->flags & HC_TCP_SYN && seg->seq == c->irs &&
	    seg->flags & HC_TCP_ACK && !(seg->flags & HC_TCP_RST)) {
		seg->flags &= (uint8_t)~HC_TCP_SYN;
		seg->seq++;
		// RFC 7323 2.2: the window beside a SYN is never scaled, that of an ACK is.
		seg->wnd >>= c->snd_wscale;
	}

	// The same of one that a SYN's data opened: our SYN,ACK was lost.
	if (HC_UNLIKELY(c->switches & HC_SWITCH_SYN_OWED) && seg->seq == c->irs &&
	    (seg->flags & (HC_TCP_SYN | HC_TCP_ACK | HC_TCP_RST)) == HC_TCP_SYN) {
		t->flags |= HC_TCB_RTX;
		if (t->flags & HC_TCB_TS && seg->opts & HC_OPT_TIMESTAMPS)
			hc_paws_take(t, c, seg->tsval);
		return HC_DO_SYNACK;
	}

	// Second: RST, which has a sequence test of its own and no timestamp test (RFC 7323 5.3).
	if (HC_UNLIKELY(seg->flags & HC_TCP_RST))
		return input_rst(t, seg, env);

	// RFC 7323 5.3 R1, before the sequence number.
	if (t->flags & HC_TCB_TS) {
		if (HC_UNLIKELY(!(seg->opts & HC_OPT_TIMESTAMPS)))
			return hc_verdict_drop(0, HC_CTR_tcp_no_timestamp); // RFC 7323 3.2.
		if (hc_paws_fails(t, c, seg->tsval))
			return input_unacceptable(t, seg, env, HC_CTR_tcp_paws);
	}

	// First: the sequence number.
	if (HC_UNLIKELY(!is_acceptable(t, seg->seq, hc_seg_len(seg)))) {
		// A closed window takes no text, but its ACKs count (3.10.7.4).
		if (t->rcv_edge != t->rcv_nxt || seg->seq != t->rcv_nxt || seg->flags & HC_TCP_SYN)
			return input_unacceptable(t, seg, env, HC_CTR_tcp_out_of_window);
		// A FIN needs no buffer, unless text that is not taken stands before it.
		if (seg->payload_len) {
			seg->payload_len = 0;
			seg->flags &= (uint8_t)~HC_TCP_FIN;
			what |= HC_DO_ACK;
		}
	}
	// Fourth: SYN. RFC 5961 4.2.
	if (HC_FAULT(ts_recent_from_any_ack))
		take_timestamp(t, c, seg);
	if (HC_UNLIKELY(seg->flags & HC_TCP_SYN) && HC_FAULT(syn_not_challenged))
		return hc_verdict_drop(0, HC_CTR_tcp_syn_challenged);
	if (HC_UNLIKELY(seg->flags & HC_TCP_SYN))
		return hc_tcp_challenge(env, HC_CTR_tcp_syn_challenged);
	// Fifth: ACK.
	bad = check_ack(t, c, seg, env);
	if (HC_UNLIKELY(bad))
		return bad;
	take_timestamp(t, c, seg);
	if (HC_UNLIKELY(t->state == HC_SYN_RCVD)) {
		what |= input_syn_rcvd(t, c, seg, env);
	} else if (hc_seq_gt(seg->ack, t->snd_una)) {
		hc_ecn_acked(t, c, seg, env);
		what |= ack_advances(t, c, seg, env);
		if (HC_UNLIKELY(hc_recovery_concerns(c, seg)))
			what |= hc_recovery_input(t, c, seg, env, true);
		what |= update_send_window(t, c, seg, env, true);
		if (t->flags & HC_TCB_FIN_SENT &&
		    (t->snd_una == t->snd_nxt || HC_FAULT(fin_acked_by_any_ack))) {
			uint32_t fin = fin_is_acked(t, env);

			if (fin & HC_DO_TIMER_FW2)
				what &= ~(uint32_t)HC_DO_TIMER_OFF;
			what |= fin;
			if (fin & (HC_DO_FREE | HC_DO_TIME_WAIT))
				return what & ~(uint32_t)(HC_DO_OUTPUT | HC_DO_ACK);
		}
	} else if (seg->ack == t->snd_una) {
		hc_ecn_acked(t, c, seg, env);
		if (HC_UNLIKELY(hc_recovery_concerns(c, seg)))
			what |= hc_recovery_input(t, c, seg, env, false);
		// RFC 6675 2: who agreed on SACK tells of a gap by it; an ACK without answers
		// something else, a keep-alive for instance.
		if (!(c->switches & HC_SWITCH_BOARD) && is_dup_ack(t, c, seg) &&
		    (!(t->flags & HC_TCB_SACK) || seg->opts & HC_OPT_SACK))
			what |= hc_cc_dup_ack(t, c, env);
		what |= update_send_window(t, c, seg, env, false);
	}

	hc_ecn_received(c, seg, env);
	// Sixth: URG. The data stays in line (RFC 6093 6); stack/run.c tells the application.
	// Seventh and eighth: text and FIN.
	if (seg->payload_len || seg->flags & HC_TCP_FIN)
		return input_text(t, c, seg, env, what);
	return what;
}
