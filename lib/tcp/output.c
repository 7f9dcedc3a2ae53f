// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The sending half of a connection: opening, data and FIN in the order of their sequence numbers
// within the peer's and the congestion window, retransmission from a cursor of its own (go back to
// SND.UNA after a timeout), the persist timer, and the application's closing calls.

#include "tcp/output.h"

#include "tcp/fastopen.h"
#include "tcp/input.h"
#include "tcp/liveness.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/tlp.h"

void hc_tcp_open(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	memset(c, 0, HC_COLD_FIRST_BYTES);
	c->iss = hc_tcp_isn(env, &t->key);
	c->snd_end = c->iss + 1;
	c->rtx_nxt = c->iss;
	c->timed_seq = c->iss + 1;
	c->rto_ms = env->rto_init_ms;
	c->ssthresh = UINT32_MAX;
	c->mss = HC_MSS_DEFAULT;
	c->cwnd = HC_MSS_DEFAULT;
	c->switches = env->switches;
	t->snd_una = c->iss;
	t->snd_nxt = c->iss + 1;
	t->rcv_nxt = 0;
	t->rcv_edge = 0;
	t->snd_wnd = 0;
	t->ts_recent = 0;
	t->timed_at = env->stamp;
	t->state = HC_SYN_SENT;
}

static bool may_send(const struct hc_tcb *t)
{
	return t->state == HC_ESTABLISHED || t->state == HC_CLOSE_WAIT ||
	       t->state == HC_FIN_WAIT_1 || t->state == HC_CLOSING || t->state == HC_LAST_ACK;
}

void hc_tcp_book_new(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		     const struct hc_send_plan *plan)
{
	bool is_fin = plan->flags & HC_TCP_FIN;

	if (plan->len) {
		c->cc.is_overdue = false;
		t->flags &= (uint16_t)~HC_TCB_PROBING; // Nothing waits for the override timeout.
	}
	t->snd_nxt += plan->len + is_fin;
	if (is_fin)
		t->flags |= HC_TCB_FIN_SENT;
	// One segment is timed at a time (RFC 6298 3), and the FIN always, for the close latency.
	if (is_fin || !(t->flags & HC_TCB_TIMING)) {
		t->timed_at = env->stamp;
		c->timed_seq = t->snd_nxt;
		t->flags |= HC_TCB_TIMING;
		// Behind what a timeout sent again HC_TCB_RTX also tells that an ACK has retries to
		// end.
		if (!(t->flags & HC_TCB_RECOVERING) && !hc_cc_is_recovering(c) &&
		    (c->retries == 0 || plan->seq == t->snd_una))
			t->flags &= (uint16_t)~HC_TCB_RTX;
	}
}

// Fast retransmit: the one segment at SND.UNA, of what was sent before. @return false when the
// window has since been closed on it.
static bool plan_hole(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		      struct hc_send_plan *plan)
{
	uint32_t want = hc_tcp_sent_data_end(t, c) - t->snd_una;
	uint32_t len = hc_min_u32(hc_min_u32(want, c->mss), t->snd_wnd);

	c->cc.wants_rtx = false;
	if (t->snd_una == t->snd_nxt || t->snd_wnd == 0)
		return false;
	hc_tcp_plan_fast_rtx(c, env, t->snd_una, len, len == want && t->flags & HC_TCB_FIN_SENT,
			     plan);
	return true;
}

// Whether a piece of `len` bytes of the `want` there are, less than a segment, waits: for more to
// send or for what is in flight to be acknowledged (Nagle's algorithm), or for a window worth
// sending into (RFC 9293 3.8.6.2.1, where D is `want` and all of it counts as pushed).
static bool holds_back(const struct hc_tcb *t, const struct hc_tcb_cold *c, uint32_t want,
		       uint32_t len, uint32_t flight, bool *arm_persist)
{
	bool is_nagle = !(c->switches & HC_SWITCH_NODELAY) && !HC_FAULT(nagle_missing);

	// A SYN is no data: the answer to what came with the peer's waits for nothing (RFC 7413).
	if (HC_UNLIKELY(c->switches & HC_SWITCH_SYN_OWED) && flight && !HC_FAULT(syn_holds_back))
		flight--;
	// Corked, the last piece is not pushed, and waits for more, up to the override timeout.
	if (HC_UNLIKELY(c->switches & HC_SWITCH_CORK) && len == want) {
		*arm_persist = flight == 0 && !c->cc.is_overdue;
		return flight != 0 || *arm_persist;
	}
	if (len == want || 2 * len >= c->snd_wnd_max)
		return is_nagle && flight != 0;
	if (flight != 0)
		return true;
	// Only the peer's window makes it short: the override timeout sends it if nothing else.
	*arm_persist = len == t->snd_wnd && !c->cc.is_overdue && !HC_FAULT(silly_pieces_sent);
	return *arm_persist;
}

// After a timeout: where the cursor stands, behind what was SACKed since, and how much may be sent
// before what is. Ends the going back when nothing is left.
static uint32_t go_back(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	const struct hc_board *b = hc_recovery_board(c, env);
	hc_seq from;
	hc_seq end;

	if (!b || hc_seq_ge(c->rtx_nxt, hc_board_end(b)))
		return UINT32_MAX;
	if (!hc_board_gap(b, c->rtx_nxt, &from, &end)) {
		c->rtx_nxt = t->snd_nxt;
		t->flags &= (uint16_t)~HC_TCB_RECOVERING;
		return UINT32_MAX;
	}
	c->rtx_nxt = from;
	return end == hc_board_end(b) ? UINT32_MAX : end - from;
}

// The next segment in order: new, or after a timeout from the cursor.
static bool plan_next(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		      struct hc_send_plan *plan, bool *arm_persist)
{
	uint32_t gap = t->flags & HC_TCB_RECOVERING ? go_back(t, c, env) : UINT32_MAX;
	bool is_rtx = t->flags & HC_TCB_RECOVERING;
	hc_seq from = is_rtx ? c->rtx_nxt : t->snd_nxt;
	bool has_fin = t->flags & HC_TCB_FIN_QUEUED && (is_rtx || !(t->flags & HC_TCB_FIN_SENT));
	uint32_t flight = from - t->snd_una;
	uint32_t wnd;
	uint32_t want;
	uint32_t len;

	if (t->snd_una == t->snd_nxt && hc_cc_is_live(c))
		hc_cc_restart(c, env);
	wnd = HC_UNLIKELY(c->switches & HC_SWITCH_BOARD) ? hc_recovery_edge(t, c, env, from)
							 : c->cwnd + hc_cc_limited(t, c);
	wnd = hc_min_u32(t->snd_wnd, wnd);
	// When the FIN is in [SND.UNA, SND.NXT) data ends before it.
	want = hc_seq_lt(from, c->snd_end) ? c->snd_end - from : 0;
	if (HC_UNLIKELY(gap < want)) {
		want = gap;
		has_fin = false;
	}
	if (want == 0 && !(has_fin && from == c->snd_end))
		return false;
	if (flight >= wnd) {
		*arm_persist = t->snd_wnd == 0 && t->snd_una == t->snd_nxt &&
			       !HC_FAULT(persist_timer_missing);
		return false;
	}
	len = want ? hc_min_u32(hc_min_u32(want, c->mss),
				wnd - flight + HC_FAULT(sends_past_window))
		   : 0;
	// Less than a segment may have to wait, unless our FIN goes with it. What is sent again
	// from SND.UNA counts as lost, also into a window that shrank.
	if (is_rtx) {
		if (len < want && len < c->mss && 2 * len < c->snd_wnd_max && flight != 0)
			return false;
	} else if (len && len < c->mss && !(len == want && has_fin) &&
		   holds_back(t, c, want, len, flight, arm_persist)) {
		return false;
	}
	if (len)
		c->cc.sent_ms = env->now_ms;

	plan->seq = from;
	plan->len = (uint16_t)len;
	plan->is_rtx = is_rtx;
	plan->flags = HC_TCP_ACK;
	if (len && len == want)
		plan->flags |= HC_TCP_PSH;
	if (len == want && has_fin)
		plan->flags |= HC_TCP_FIN;
	if (is_rtx) {
		c->rtx_nxt = from + len + ((plan->flags & HC_TCP_FIN) != 0);
		// A FIN that is sent first while older data is sent again moves SND.NXT as well.
		if (hc_seq_gt(c->rtx_nxt, t->snd_nxt)) {
			t->snd_nxt = c->rtx_nxt;
			if (plan->flags & HC_TCP_FIN && !(t->flags & HC_TCB_FIN_SENT)) {
				t->flags |= HC_TCB_FIN_SENT;
				t->timed_at = env->stamp;
				c->timed_seq = t->snd_nxt;
				t->flags |= HC_TCB_TIMING;
			}
		}
		if (hc_seq_ge(c->rtx_nxt, t->snd_nxt))
			t->flags &= (uint16_t)~HC_TCB_RECOVERING;
	} else {
		hc_tcp_book_new(t, c, env, plan);
	}
	HC_ASSERT(hc_seq_le(t->snd_una, t->snd_nxt));
	HC_ASSERT(plan->len || plan->flags & HC_TCP_FIN);
	return true;
}

// With a scoreboard.
static HC_NOINLINE bool plan_by_board(struct hc_tcb *t, struct hc_tcb_cold *c,
				      const struct hc_tcp_env *env, struct hc_send_plan *plan,
				      bool *arm_persist)
{
	bool is_recovering = c->cc.is_recovering && !(t->flags & HC_TCB_RECOVERING);

	if (!(is_recovering && hc_recovery_plan_lost(t, c, env, plan)) &&
	    !plan_next(t, c, env, plan, arm_persist) &&
	    !(is_recovering && hc_recovery_plan_rest(t, c, env, plan)))
		return false;
	hc_recovery_sent(c, env, plan);
	return true;
}

bool hc_tcp_output_next(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			struct hc_send_plan *plan, bool *arm_persist)
{
	*arm_persist = false;
	if (!may_send(t))
		return false;
	if (HC_UNLIKELY(c->switches & HC_SWITCH_BOARD))
		return plan_by_board(t, c, env, plan, arm_persist);
	if (HC_UNLIKELY(hc_cc_is_recovering(c) && c->cc.wants_rtx) && plan_hole(t, c, env, plan))
		return true;
	return plan_next(t, c, env, plan, arm_persist);
}

void hc_tcp_output_probe(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			 struct hc_send_plan *plan)
{
	bool has_byte = hc_seq_lt(t->snd_una, c->snd_end);
	hc_seq end = t->snd_una + 1;

	plan->seq = t->snd_una;
	plan->len = has_byte;
	plan->flags = has_byte ? HC_TCP_ACK | HC_TCP_PSH : HC_TCP_ACK | HC_TCP_FIN;
	plan->is_rtx = t->snd_nxt != t->snd_una;
	if (plan->is_rtx)
		t->flags |= HC_TCB_RTX;
	if (hc_seq_lt(t->snd_nxt, end)) {
		t->snd_nxt = end;
		if (!has_byte) {
			t->flags |= HC_TCB_FIN_SENT;
			t->timed_at = env->stamp; // For the close latency; no RTT is taken of it.
		}
	}
}

hc_verdict hc_tcp_timeout(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_tcp_env *env)
{
	bool is_opening = t->state == HC_SYN_SENT || t->state == HC_SYN_RCVD;
	// In FIN-WAIT-2 all is acknowledged, the FIN too.
	bool is_probing = !is_opening && t->snd_wnd == 0 && t->state != HC_FIN_WAIT_2 &&
			  (hc_seq_lt(t->snd_una, c->snd_end) || t->flags & HC_TCB_FIN_QUEUED);
	uint32_t what = 0;

	if (HC_UNLIKELY(c->switches & HC_SWITCH_SYN_OWED))
		return hc_fastopen_timeout(t, c, env);
	if (HC_UNLIKELY(hc_tcp_ack_is_waiting(t, c))) {
		c->receiving &= (uint8_t)~HC_RECEIVING_ACK_WAITS;
		return t->flags & HC_TCB_ACK_OWED ? HC_DO_ACK : 0;
	}
	// The timer may have been keep-alive's, of a connection that was then closed whole.
	if (t->state == HC_FIN_WAIT_2 && !hc_live_is_kept(t, c) && env->fin_wait2_ms == 0)
		return HC_DO_TIMER_OFF;
	if (t->state == HC_FIN_WAIT_2 && !hc_live_is_kept(t, c))
		return hc_verdict_reason(HC_DO_RESET | HC_DO_FREE, HC_REASON_TIMED_OUT);
	if (!is_opening && !is_probing && t->snd_una == t->snd_nxt && t->flags & HC_TCB_PROBING &&
	    hc_seq_lt(t->snd_una, c->snd_end)) {
		// RFC 9293 3.8.6.2.1 (4): the override timeout.
		t->flags &= (uint16_t)~HC_TCB_PROBING;
		c->cc.is_overdue = true;
		return HC_DO_OUTPUT;
	}
	// Nothing is in flight any more.
	if (!is_opening && !is_probing && t->snd_una == t->snd_nxt)
		return hc_live_is_kept(t, c) ? hc_live_keep_timeout(c, env) : HC_DO_TIMER_OFF;
	if (HC_FAULT(fin_not_retransmitted) && t->flags & HC_TCB_FIN_SENT &&
	    t->snd_una + 1 == t->snd_nxt)
		return HC_DO_TIMER_OFF;
	if (HC_UNLIKELY(!is_probing && hc_recovery_has_waited(c, env)))
		return hc_recovery_waited(t, c, env);
	if (!is_probing && hc_tlp_may(t, c, env)) {
		hc_live_note_stall(c, env, hc_tlp_delay_ms(t, c, env));
		return hc_tlp_timeout(c);
	}
	// R2 (RFC 9293 3.8.3), as a number of retransmissions, or the user timeout.
	if (hc_live_is_over(t, c, env, is_probing && t->flags & HC_TCB_PROBING,
			    (is_opening ? env->syn_retries : env->data_retries) +
				    HC_FAULT(r2_off_by_one))) {
		enum hc_reason reason =
			t->flags & HC_TCB_SOFT_ERROR ? HC_REASON_UNREACHABLE : HC_REASON_TIMED_OUT;

		return hc_verdict_reason((is_opening ? HC_DO_FAILED : HC_DO_RESET) | HC_DO_FREE,
					 reason);
	}
	c->retries += c->retries < UINT8_MAX;
	hc_rtt_back_off(env, c);
	if (c->retries == env->r1_retries)
		what = HC_DO_STALLED;
	if (is_probing) {
		t->flags |= HC_TCB_PROBING;
		env->ctr[HC_CTR_persist_probes]++;
		return what | HC_DO_PROBE | HC_DO_TIMER_RTX;
	}
	t->flags |= HC_TCB_RTX;
	if (is_opening)
		return what | (t->state == HC_SYN_SENT ? HC_DO_SYN : HC_DO_SYNACK) |
		       HC_DO_TIMER_RTX;

	// RFC 5681 3.1: the flight was lost; begin again from SND.UNA with one segment.
	if (c->retries == 1)
		hc_cc_on_timeout(t, c, env);
	env->ctr[HC_CTR_rtx_timeouts]++;
	if (!HC_FAULT(cwnd_not_reduced))
		c->cwnd = c->mss;
	hc_recovery_timeout(c, env);
	c->rtx_nxt = t->snd_una + HC_FAULT(retransmits_one_byte_late);
	t->flags |= HC_TCB_RECOVERING;
	return what | HC_DO_OUTPUT | (HC_FAULT(timer_not_armed_again) ? 0 : HC_DO_TIMER_RTX);
}

hc_verdict hc_tcp_shutdown(struct hc_tcb *t)
{
	if (t->flags & HC_TCB_FIN_QUEUED)
		return 0;
	switch (t->state) {
	case HC_SYN_SENT:
		// RFC 9293 3.10.4: delete the TCB.
		return hc_verdict_reason(HC_DO_FAILED | HC_DO_FREE, HC_REASON_ABORTED);
	case HC_SYN_RCVD:
		// Queued until ESTABLISHED.
		t->flags |= HC_TCB_FIN_QUEUED;
		return HC_DO_OUTPUT;
	case HC_ESTABLISHED:
		t->state = HC_FIN_WAIT_1;
		break;
	case HC_CLOSE_WAIT:
		t->state = HC_LAST_ACK;
		break;
	default:
		return 0;
	}
	t->flags |= HC_TCB_FIN_QUEUED;
	return HC_DO_OUTPUT;
}

hc_verdict hc_tcp_close(struct hc_tcb *t, bool unread, const struct hc_tcp_env *env)
{
	hc_verdict v;

	if (t->flags & HC_TCB_NO_RECEIVE)
		return 0;
	if (unread && !HC_FAULT(close_with_unread_data_is_orderly))
		return hc_verdict_reason(HC_DO_RST | HC_DO_RESET | HC_DO_FREE, HC_REASON_ABORTED);
	v = hc_tcp_shutdown(t);
	t->flags |= HC_TCB_NO_RECEIVE;
	// A half-closed connection that is now closed whole does not wait for ever.
	if (t->state == HC_FIN_WAIT_2 && env->fin_wait2_ms &&
	    !HC_FAULT(close_without_fin_wait_2_limit))
		v |= HC_DO_TIMER_FW2;
	return v ? v : HC_DO_OUTPUT;
}
