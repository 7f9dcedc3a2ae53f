// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// LISTEN and the passive SYN-RECEIVED: see syn.h for the story.

#include "tcp/syn.h"

#include "tcp/challenge.h"
#include "tcp/ecn.h"
#include "tcp/opening.h"
#include "tcp/rtt.h"

hc_verdict hc_syn_check(const struct hc_seg *seg)
{
	// First: RST is ignored. Second: any ACK is bad. Third: SYN. Otherwise it is dropped.
	if (seg->flags & HC_TCP_RST)
		return hc_verdict_drop(0, HC_CTR_tcp_stray_rst);
	if (seg->flags & HC_TCP_ACK)
		return hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_listen_bad);
	// SYN with FIN opens nothing that would be used, and is what scanners send.
	if (!(seg->flags & HC_TCP_SYN) ||
	    (seg->flags & HC_TCP_FIN && !HC_FAULT(syn_with_fin_taken)))
		return hc_verdict_drop(0, HC_CTR_tcp_listen_bad);
	return 0;
}

void hc_syn_open(struct hc_syn_mini *m, const struct hc_seg *seg, const struct hc_tcp_env *env,
		 bool has_floor, hc_seq iss_floor)
{
	m->key = seg->key;
	m->flags = 0;
	if (env->has_timestamps && seg->opts & HC_OPT_TIMESTAMPS)
		m->flags |= HC_SYN_TS;
	if (env->has_window_scale && seg->opts & HC_OPT_WSCALE)
		m->flags |= HC_SYN_WSCALE;
	if (env->has_sack && seg->opts & HC_OPT_SACK_PERMITTED)
		m->flags |= HC_SYN_SACK;
	if (env->has_ecn && (seg->flags & HC_ECN_SYN) == HC_ECN_SYN)
		m->flags |= HC_SYN_ECN;
	if (HC_UNLIKELY(seg->opts & HC_OPT_FASTOPEN) && env->has_fast_open)
		m->flags |= HC_SYN_FASTOPEN;
	m->irs = seg->seq;
	m->iss = hc_tcp_isn(env, &seg->key);
	if (has_floor && hc_seq_le(m->iss, iss_floor) && !HC_FAULT(time_wait_reuse_below_floor))
		m->iss = iss_floor + 1;
	m->ts_recent = m->flags & HC_SYN_TS ? seg->tsval : 0;
	m->timed_at = env->stamp;
	m->rto_ms = env->rto_init_ms;
	m->peer_mss = seg->opts & HC_OPT_MSS ? seg->mss : HC_MSS_DEFAULT;
	m->snd_wnd = seg->wnd;
	m->snd_wscale = 0;
	if (m->flags & HC_SYN_WSCALE)
		m->snd_wscale = seg->wscale < HC_WSCALE_MAX ? seg->wscale : HC_WSCALE_MAX;
	m->retries = 0;
}

hc_verdict hc_syn_input(struct hc_syn_mini *m, struct hc_seg *seg, struct hc_tcp_env *env)
{
	hc_seq rcv_nxt = m->irs + 1;
	uint32_t wnd = hc_min_u32(env->rcv_buf_bytes, 0xffff);
	uint32_t len = hc_seg_len(seg);

	// The SYN again: our SYN,ACK was lost, or is under way.
	if (seg->flags & HC_TCP_SYN && !(seg->flags & (HC_TCP_RST | HC_TCP_ACK)) &&
	    seg->seq == m->irs) {
		m->flags |= HC_SYN_RTX;
		// RFC 7323 4.3 (2): the SYN that is answered is the one whose time it tells.
		if (m->flags & HC_SYN_TS && seg->opts & HC_OPT_TIMESTAMPS &&
		    hc_seq_gt(seg->tsval, m->ts_recent))
			m->ts_recent = seg->tsval;
		// RFC 3168 6.1.1: one SYN without is enough.
		if ((seg->flags & HC_ECN_SYN) != HC_ECN_SYN)
			m->flags &= (uint16_t)~HC_SYN_ECN;
		env->ctr[HC_CTR_rtx_synack]++;
		return HC_DO_SYNACK;
	}
	// RFC 5961 3.2: where an RST begins decides, not what comes with it.
	if (seg->flags & HC_TCP_RST) {
		if (!hc_seq_in(seg->seq, rcv_nxt, wnd))
			return hc_verdict_drop(0, HC_CTR_tcp_rst_out_of_window);
		if (seg->seq != rcv_nxt && !HC_FAULT(mini_rst_anywhere_in_window))
			return hc_tcp_challenge(env, HC_CTR_tcp_rst_challenged);
		env->ctr[HC_CTR_syn_reset]++;
		return HC_DO_FREE; // Back to LISTEN, the application never knew.
	}
	if (m->flags & HC_SYN_TS) {
		if (!(seg->opts & HC_OPT_TIMESTAMPS))
			return hc_verdict_drop(0, HC_CTR_tcp_no_timestamp);
		if (hc_seq_lt(seg->tsval, m->ts_recent))
			return hc_tcp_limited_ack(env, HC_CTR_tcp_paws);
	}
	if (!hc_seq_in(seg->seq, rcv_nxt, wnd) &&
	    !(len && hc_seq_in(seg->seq + len - 1, rcv_nxt, wnd)))
		return hc_tcp_limited_ack(env, HC_CTR_tcp_out_of_window);
	// A SYN elsewhere in the window: RFC 9293 3.10.7.4, fourth: a passive open returns to
	// LISTEN. RFC 5961 4.2 answers with a challenge ACK instead, also here: a blind SYN ends
	// nothing.
	if (seg->flags & HC_TCP_SYN)
		return hc_tcp_challenge(env, HC_CTR_tcp_syn_challenged);
	if (!(seg->flags & HC_TCP_ACK))
		return hc_verdict_drop(0, HC_CTR_tcp_no_ack);
	if (seg->ack != m->iss + 1 && !HC_FAULT(handshake_ack_unchecked))
		return hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_ack_unsent);
	return HC_DO_PROMOTE;
}

hc_verdict hc_syn_timeout(struct hc_syn_mini *m, struct hc_tcp_env *env)
{
	if (m->retries >= env->synack_retries) {
		env->ctr[HC_CTR_syn_expired]++;
		return HC_DO_FREE;
	}
	m->retries++;
	m->flags |= HC_SYN_RTX;
	m->rto_ms = hc_min_u32(2 * m->rto_ms, env->rto_max_ms);
	env->ctr[HC_CTR_rtx_synack]++;
	return (HC_FAULT(syn_ack_not_retransmitted) ? 0 : HC_DO_SYNACK) | HC_DO_TIMER_RTX;
}

void hc_syn_promote(const struct hc_syn_mini *m, const struct hc_seg *seg,
		    const struct hc_tcp_env *env, struct hc_tcb *t, struct hc_tcb_cold *c)
{
	bool has_ts = m->flags & HC_SYN_TS;
	bool has_wscale = m->flags & HC_SYN_WSCALE;

	t->key = m->key;
	t->snd_una = m->iss + 1;
	t->snd_nxt = m->iss + 1;
	t->rcv_nxt = m->irs + 1;
	t->rcv_edge = t->rcv_nxt + hc_min_u32(env->rcv_buf_bytes, 0xffff);
	t->snd_wnd = (uint32_t)seg->wnd << m->snd_wscale;
	// RFC 7323 4.3 (2): not from behind a gap, or what fills the gap would look old.
	t->ts_recent = has_ts && hc_seq_le(seg->seq, t->rcv_nxt) ? seg->tsval : m->ts_recent;
	t->timed_at = m->timed_at;
	t->state = HC_ESTABLISHED;
	t->neigh = m->neigh;
	if (has_ts)
		t->flags |= HC_TCB_TS;
	HC_STATIC_ASSERT(HC_SYN_SACK << 13 == HC_TCB_SACK, "one shift apart");
	t->flags |= (uint16_t)((m->flags & HC_SYN_SACK) << 13);

	c->iss = m->iss;
	c->irs = m->irs;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	c->snd_end = t->snd_nxt;
	c->rtx_nxt = t->snd_nxt;
	c->timed_seq = t->snd_nxt;
	c->mss = hc_tcp_mss(env, m->peer_mss, has_ts);
	c->cwnd = hc_tcp_initial_cwnd(c->mss);
	c->ssthresh = UINT32_MAX;
	c->srtt_us = 0;
	c->rttvar_us = 0;
	c->rto_ms = env->rto_init_ms;
	c->rcv_used = 0;
	c->snd_wnd_max = hc_max_u32(t->snd_wnd, m->snd_wnd);
	c->snd_wscale = m->snd_wscale;
	c->rcv_wscale = has_wscale ? env->rcv_wscale : 0;
	c->retries = 0;
	c->receiving = 0;
	c->switches = env->switches;
	if (HC_UNLIKELY(m->flags & HC_SYN_ECN)) {
		c->switches |= HC_SWITCH_ECN;
		env->ctr[HC_CTR_ecn_negotiated]++;
	}
	if (!(m->flags & (HC_SYN_RTX | HC_SYN_COOKIE)))
		hc_rtt_sample(env, c, hc_stamp_us(env->stamp, m->timed_at));
	else if (m->flags & HC_SYN_RTX)
		hc_tcp_after_loss(c, env, m->retries);
}
