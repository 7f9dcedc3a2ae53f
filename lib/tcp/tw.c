// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// TIME-WAIT: see tw.h for the story.

#include "tcp/tw.h"

#include "tcp/challenge.h"

uint32_t hc_tw_ring_size(uint32_t cap)
{
	uint32_t size = 1;

	while (size < cap)
		size *= 2;
	return size;
}

void hc_tw_ring_init(struct hc_tw_ring *r, void *memory, uint32_t cap)
{
	r->mini = memory;
	r->mask = hc_tw_ring_size(cap) - 1;
	r->cap = cap;
	r->head = 0;
	r->tail = 0;
	r->live_count = 0;
}

// A SYN that may open a new incarnation. RFC 6191 2: by the timestamps when both incarnations have
// them; at once when only the new one has, because PAWS then tells the two apart; by the sequence
// number (RFC 9293 3.6.1) otherwise, and when the timestamps are equal.
static bool is_new_incarnation(const struct hc_tw_mini *m, const struct hc_seg *seg,
			       const struct hc_tcp_env *env)
{
	if (env->has_timestamps && seg->opts & HC_OPT_TIMESTAMPS) {
		if (!(m->flags & HC_TW_TS))
			return true;
		if (seg->tsval != m->ts_recent)
			return hc_seq_gt(seg->tsval, m->ts_recent);
	}
	return hc_seq_gt(seg->seq, m->rcv_nxt) || HC_FAULT(time_wait_reused_by_any_syn);
}

// RFC 9293 3.4, table 6, by what is known of the window: its field, without the scale.
static bool is_in_window(const struct hc_tw_mini *m, hc_seq seq, uint32_t len)
{
	uint32_t wnd = hc_tw_wnd(m);

	if (len == 0 && seq == m->rcv_nxt)
		return true;
	return hc_seq_in(seq, m->rcv_nxt, wnd) ||
	       (len && hc_seq_in(seq + len - 1, m->rcv_nxt, wnd));
}

hc_verdict hc_tw_input(struct hc_tw_mini *m, const struct hc_seg *seg, bool is_listening,
		       struct hc_tcp_env *env)
{
	uint32_t len = hc_seg_len(seg);
	bool is_syn = (seg->flags & (HC_TCP_SYN | HC_TCP_ACK)) == HC_TCP_SYN;

	// RFC 1337 3, fix F1: RST does not end TIME-WAIT.
	if (seg->flags & HC_TCP_RST && HC_FAULT(time_wait_assassinated))
		return HC_DO_NEW_SYN;
	if (seg->flags & HC_TCP_RST)
		return hc_verdict_drop(0, HC_CTR_tcp_time_wait_old);
	if (is_syn && !(seg->flags & HC_TCP_FIN) && is_listening && is_new_incarnation(m, seg, env))
		return HC_DO_NEW_SYN;
	// PAWS goes on (RFC 7323 3.2, 5.3). A SYN may belong to another connection.
	if (m->flags & HC_TW_TS) {
		if (!(seg->opts & HC_OPT_TIMESTAMPS)) {
			if (!(seg->flags & HC_TCP_SYN))
				return hc_verdict_drop(0, HC_CTR_tcp_no_timestamp);
		} else if (hc_seq_lt(seg->tsval, m->ts_recent)) {
			return hc_tcp_limited_ack(env, HC_CTR_tcp_paws);
		}
	}
	// RFC 9293 3.10.7.4, fifth: without ACK it is dropped, though it passed the first check.
	if (!(seg->flags & (HC_TCP_ACK | HC_TCP_SYN)) && is_in_window(m, seg->seq, len) &&
	    !HC_FAULT(time_wait_answers_without_ack))
		return hc_verdict_drop(0, HC_CTR_tcp_no_ack);
	// The peer's FIN again, with or without the data before it: our ACK was lost.
	if ((seg->flags & (HC_TCP_FIN | HC_TCP_ACK | HC_TCP_SYN)) == (HC_TCP_FIN | HC_TCP_ACK) &&
	    seg->seq + len == m->rcv_nxt) {
		env->ctr[HC_CTR_tw_restarted]++;
		return HC_DO_ACK | (HC_FAULT(time_wait_not_restarted) ? 0 : HC_DO_TW_RESTART);
	}
	// All else is old or wrong. What has length, or lies elsewhere, is told where we stand; a
	// plain ACK in its place is what a peer in TIME-WAIT or LAST-ACK sends, and answering it
	// would loop.
	if (len || seg->seq != m->rcv_nxt)
		return hc_tcp_limited_ack(env, HC_CTR_tcp_time_wait_old);
	return hc_verdict_drop(0, HC_CTR_tcp_time_wait_old);
}
