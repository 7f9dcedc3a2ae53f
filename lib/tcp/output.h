// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What a TCB wants sent, and what its timer does. The stack owns the bytes; the core decides where
// a segment begins, how long it is and which flags it carries, and keeps the books of what was
// sent.

#include "tcp/cc.h"

// One segment to send. Data stands at [seq, seq + len); flags has FIN when ours goes with it.
struct hc_send_plan {
	hc_seq seq;
	uint16_t len;
	uint8_t flags;
	bool is_rtx;
};

// Behind the last byte of data that was sent; our FIN stands there if it was.
HC_ALWAYS_INLINE hc_seq hc_tcp_sent_data_end(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return t->flags & HC_TCB_FIN_SENT ? c->snd_end : t->snd_nxt;
}

// Fast retransmit: [seq, seq + len) again, and with has_fin our FIN behind it.
static inline void hc_tcp_plan_fast_rtx(const struct hc_tcb_cold *c, const struct hc_tcp_env *env,
					hc_seq seq, uint32_t len, bool has_fin,
					struct hc_send_plan *plan)
{
	HC_ASSERT(len || has_fin);
	plan->seq = seq;
	plan->len = (uint16_t)len;
	plan->is_rtx = true;
	plan->flags = HC_TCP_ACK;
	if (len && seq + len == c->snd_end)
		plan->flags |= HC_TCP_PSH;
	if (has_fin)
		plan->flags |= HC_TCP_FIN;
	env->ctr[HC_CTR_rtx_fast]++;
}

// Plans the next segment of data or FIN and takes it as sent. @return false when nothing may be
// sent now; then *arm_persist tells whether only a closed window stands in the way and nothing is
// in flight, so that the persist timer has to run (RFC 9293 3.8.6.1).
bool hc_tcp_output_next(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			struct hc_send_plan *plan, bool *arm_persist);

// Whether all there is to send is a FIN that has not been sent, everything before it is
// acknowledged, and the window has room for it: the common case of hc_tcp_output_next(), which
// would plan just that.
HC_ALWAYS_INLINE bool hc_tcp_owes_only_fin(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	const uint32_t care =
		HC_TCB_FIN_QUEUED | HC_TCB_FIN_SENT | HC_TCB_RECOVERING | HC_TCB_TIMING;

	return (t->flags & care) == HC_TCB_FIN_QUEUED && t->snd_wnd != 0 &&
	       t->snd_una == t->snd_nxt &&
	       (!(t->flags & HC_TCB_DATA) || t->snd_nxt == c->snd_end) &&
	       (t->state == HC_FIN_WAIT_1 || t->state == HC_LAST_ACK);
}

// Takes that FIN as sent.
HC_ALWAYS_INLINE void hc_tcp_output_fin(struct hc_tcb *t, struct hc_tcb_cold *c,
					const struct hc_tcp_env *env)
{
	HC_ASSERT(t->snd_una == t->snd_nxt);
	t->snd_nxt++;
	t->timed_at = env->stamp;
	c->timed_seq = t->snd_nxt;
	t->flags = (uint16_t)((t->flags | HC_TCB_FIN_SENT | HC_TCB_TIMING) & ~HC_TCB_RTX);
}

// Whether nothing is in flight and one segment takes all there is to send, data with or without the
// FIN: a request, a short response. The common case of hc_tcp_output_next(), which would plan just
// that, and then have no more to send.
HC_ALWAYS_INLINE bool hc_tcp_owes_one_segment(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	const uint32_t odd = HC_TCB_RECOVERING | HC_TCB_FIN_SENT | HC_TCB_PROBING;
	uint32_t len = c->snd_end - t->snd_nxt;

	return (t->flags & (odd | HC_TCB_DATA)) == HC_TCB_DATA && t->snd_una == t->snd_nxt &&
	       (t->state == HC_ESTABLISHED || t->state == HC_CLOSE_WAIT ||
		t->state == HC_FIN_WAIT_1 || t->state == HC_LAST_ACK) &&
	       len - 1 < c->mss && len <= t->snd_wnd && len <= c->cwnd &&
	       HC_LIKELY(!(c->switches & HC_SWITCH_CORK));
}

// Takes that segment as sent.
HC_ALWAYS_INLINE void hc_tcp_output_one_segment(struct hc_tcb *t, struct hc_tcb_cold *c,
						const struct hc_tcp_env *env,
						struct hc_send_plan *plan)
{
	bool has_fin = t->flags & HC_TCB_FIN_QUEUED;

	HC_ASSERT(hc_seq_lt(t->snd_nxt, c->snd_end));
	plan->seq = t->snd_nxt;
	plan->len = (uint16_t)(c->snd_end - t->snd_nxt);
	plan->flags = (uint8_t)(HC_TCP_ACK | HC_TCP_PSH | (has_fin ? HC_TCP_FIN : 0));
	plan->is_rtx = false;
	hc_cc_restart(c, env);
	c->cc.sent_ms = env->now_ms;
	c->cc.is_overdue = false;
	t->snd_nxt = c->snd_end + has_fin;
	if (has_fin || !(t->flags & HC_TCB_TIMING)) {
		t->timed_at = env->stamp;
		c->timed_seq = t->snd_nxt;
		t->flags = (uint16_t)((t->flags | HC_TCB_TIMING) & ~HC_TCB_RTX);
	}
	if (has_fin)
		t->flags |= HC_TCB_FIN_SENT;
}

// Books a segment that leaves for the first time.
void hc_tcp_book_new(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		     const struct hc_send_plan *plan);

// Plans a window probe: one byte (or the FIN) at SND.UNA, past the peer's window.
void hc_tcp_output_probe(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			 struct hc_send_plan *plan);

// The TCB's timer went off: retransmission, persist or FIN-WAIT-2.
hc_verdict hc_tcp_timeout(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_tcp_env *env);

// A TCB for connect() (RFC 9293 3.10.1): SYN-SENT with everything set, SND.NXT behind the SYN. key,
// cookie, gen, neigh and the flags of the caller's choice are in place.
void hc_tcp_open(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// The application sends no more (RFC 9293 3.10.4, the sending half). @return the verdict's actions;
// HC_DO_FREE when the connection never got anywhere (SYN-SENT), 0 when it was shut already.
hc_verdict hc_tcp_shutdown(struct hc_tcb *t);

// The application also receives no more. `unread` tells that data lies unread: RST (3.6.1).
hc_verdict hc_tcp_close(struct hc_tcb *t, bool unread, const struct hc_tcp_env *env);

// Whether the application may send more.
HC_ALWAYS_INLINE bool hc_tcp_is_sending(const struct hc_tcb *t)
{
	const uint32_t open = 1u << HC_ESTABLISHED | 1u << HC_CLOSE_WAIT;

	return open >> t->state & 1 && !(t->flags & HC_TCB_FIN_QUEUED);
}

// hc_tcp_close() of a connection that is open for sending and has no data unread, which is the
// usual one. @return false, with nothing changed, when it is not that; else *flags are to be set.
HC_ALWAYS_INLINE bool hc_tcp_close_quick(struct hc_tcb *t, uint32_t *flags)
{
	HC_STATIC_ASSERT(HC_FIN_WAIT_1 == HC_ESTABLISHED + 1 && HC_LAST_ACK == HC_CLOSE_WAIT + 2,
			 "where a FIN leads");
	if (!hc_tcp_is_sending(t) || t->flags & HC_TCB_NO_RECEIVE)
		return false;
	t->state = (uint8_t)(t->state + (t->state == HC_ESTABLISHED ? 1 : 2));
	*flags = HC_TCB_FIN_QUEUED | HC_TCB_NO_RECEIVE;
	return true;
}

// Whether abort() in this state tells the peer with an RST (3.10.5).
HC_ALWAYS_INLINE bool hc_tcp_abort_sends_rst(const struct hc_tcb *t)
{
	return t->state == HC_SYN_RCVD || t->state == HC_ESTABLISHED || t->state == HC_FIN_WAIT_1 ||
	       t->state == HC_FIN_WAIT_2 || t->state == HC_CLOSE_WAIT || t->state == HC_CLOSING ||
	       t->state == HC_LAST_ACK;
}

// Whether the connection is open for sending, and nothing is queued or in flight.
HC_ALWAYS_INLINE bool hc_tcp_may_queue_quick(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return hc_tcp_is_sending(t) && t->snd_una == c->snd_end;
}

// Takes `len` bytes, of which there is room for all, into the send queue, but for HC_TCB_DATA,
// which is the caller's to set.
HC_ALWAYS_INLINE void hc_tcp_queue_all(struct hc_tcb_cold *c, uint32_t len)
{
	uint32_t behind = c->snd_end - c->iss;

	HC_ASSERT(len);
	c->snd_end += len;
	// After 4 GiB it may stand where it did when nothing was queued (hc_cc_is_live()). ISS is
	// no more than that mark by then.
	if (behind == 1)
		memset(&c->cc, 0, offsetof(struct hc_cc, live));
	else if (HC_UNLIKELY(behind + len == 1))
		c->iss--;
}

// Takes `len` bytes into the send queue. @return how many fit in the send buffer of `cap` bytes.
HC_ALWAYS_INLINE uint32_t hc_tcp_queue(struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t len,
				       uint32_t cap)
{
	uint32_t queued;

	if (t->flags & HC_TCB_FIN_QUEUED)
		return 0;
	// In SYN-SENT the SYN itself stands between SND.UNA and snd_end.
	queued = c->snd_end - t->snd_una - (t->state == HC_SYN_SENT || t->state == HC_SYN_RCVD);
	if (queued >= cap)
		return 0;
	len = hc_min_u32(len, cap - queued);
	if (len) {
		hc_tcp_queue_all(c, len);
		t->flags |= HC_TCB_DATA;
	}
	return len;
}
