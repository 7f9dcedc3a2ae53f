// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The two halves of opening a TCB: what the peer's SYN says of its side, and the step to
// ESTABLISHED. Called by hc_tcp_input() and, inline, by its prediction.

#include "tcp/rtt.h"

// The peer's SYN: what it says of its side (3.10.7.3, fourth).
HC_ALWAYS_INLINE void hc_tcp_take_syn(struct hc_tcb *t, struct hc_tcb_cold *c,
				      const struct hc_seg *seg, const struct hc_tcp_env *env)
{
	bool has_ts = env->has_timestamps && seg->opts & HC_OPT_TIMESTAMPS;

	c->irs = seg->seq;
	t->rcv_nxt = seg->seq + 1;
	t->rcv_edge = t->rcv_nxt + hc_min_u32(env->rcv_buf_bytes, 0xffff);
	if (has_ts) {
		t->flags |= HC_TCB_TS;
		t->ts_recent = seg->tsval;
	}
	if (env->has_sack && seg->opts & HC_OPT_SACK_PERMITTED)
		t->flags |= HC_TCB_SACK;
	if (env->has_window_scale && seg->opts & HC_OPT_WSCALE) {
		// RFC 7323 2.3: more than 14 counts as 14.
		c->snd_wscale = seg->wscale < HC_WSCALE_MAX ? seg->wscale : HC_WSCALE_MAX;
		c->rcv_wscale = env->rcv_wscale;
	} else {
		c->snd_wscale = 0;
		c->rcv_wscale = 0;
	}
	c->mss = hc_tcp_mss(env, seg->opts & HC_OPT_MSS ? seg->mss : HC_MSS_DEFAULT, has_ts);
	c->cwnd = hc_tcp_initial_cwnd(c->mss);
	// RFC 7323 2.2: the window in a SYN is never scaled.
	t->snd_wnd = (uint32_t)seg->wnd << (HC_FAULT(window_of_syn_scaled) ? c->snd_wscale : 0);
	c->snd_wnd_max = seg->wnd;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
}

// The handshake needed `retries` retransmissions of ours, or one of the peer's: no RTT sample. RFC
// 6298 5.7 sets the RTO, RFC 5681 3.1 an initial window of one segment, which RFC 6928 2 asks for
// only from the second retransmission on.
HC_ALWAYS_INLINE void hc_tcp_after_loss(struct hc_tcb_cold *c, const struct hc_tcp_env *env,
					unsigned retries)
{
	c->rto_ms = hc_max_u32(env->rto_init_ms, 3000);
	if (retries > 1)
		c->cwnd = c->mss;
}

// Our SYN is acknowledged: a connection (from SYN-SENT or, after a simultaneous open,
// SYN-RECEIVED).
HC_ALWAYS_INLINE uint32_t hc_tcp_become_established(struct hc_tcb *t, struct hc_tcb_cold *c,
						    const struct hc_tcp_env *env)
{
	uint32_t what = HC_DO_OPENED | HC_DO_TIMER_OFF;

	t->state = t->flags & HC_TCB_FIN_QUEUED ? HC_FIN_WAIT_1 : HC_ESTABLISHED;
	if (!(t->flags & HC_TCB_RTX))
		hc_rtt_sample(env, c, hc_stamp_us(env->stamp, t->timed_at));
	else
		hc_tcp_after_loss(c, env, c->retries);
	t->flags &= (uint16_t) ~(HC_TCB_RTX | HC_TCB_TIMING | HC_TCB_SOFT_ERROR);
	c->retries = 0;
	if (t->flags & (HC_TCB_FIN_QUEUED | HC_TCB_DATA))
		what |= HC_DO_OUTPUT;
	return what;
}
