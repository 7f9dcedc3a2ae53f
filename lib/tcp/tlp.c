// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See tlp.h.

#include "tcp/tlp.h"

#define PTO_WITHOUT_RTT_MS 1000u // RFC 8985 7.2.

// Over the in-memory wire and in a rack a round trip takes microseconds, and a processor that
// serves something else for some milliseconds is no loss: no sooner than this part of the least
// RTO.
#define PTO_MIN_SHARE 4u

bool hc_tlp_may(const struct hc_tcb *t, const struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	const uint16_t care = HC_TCB_SACK | HC_TCB_RECOVERING | HC_TCB_PROBING;
	const struct hc_board *b = hc_recovery_board(c, env);

	if ((t->flags & care) != HC_TCB_SACK || !hc_cc_is_live(c) || t->state < HC_ESTABLISHED ||
	    t->snd_una == t->snd_nxt || t->snd_wnd == 0 || c->retries != 0)
		return false;
	if (c->switches & (HC_SWITCH_TLP | HC_SWITCH_SYN_OWED) || c->cc.is_recovering ||
	    hc_cc_is_after_timeout(t, c))
		return false;
	return (!b || b->sacked_bytes == 0) && !HC_FAULT(tail_probe_missing);
}

uint32_t hc_tlp_delay_ms(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			 const struct hc_tcp_env *env)
{
	uint32_t pto_ms = PTO_WITHOUT_RTT_MS;

	if (c->srtt_us) {
		// Rounded up, and a tick more because the wheel rounds down to its own.
		pto_ms = (2 * hc_min_u32(c->srtt_us, 1u << 30) + 999) / 1000 + 1;
		pto_ms = hc_max_u32(pto_ms, env->rto_min_ms / PTO_MIN_SHARE);
		if (t->snd_nxt - t->snd_una <= c->mss)
			pto_ms += env->rto_min_ms;
	}
	return hc_min_u32(pto_ms, c->rto_ms);
}

uint32_t hc_tlp_timeout(struct hc_tcb_cold *c)
{
	// Whatever becomes of the probe, the next timeout is the retransmission's.
	c->switches |= HC_SWITCH_TLP;
	c->cc.needs_rtt = true;
	return HC_DO_TAIL_PROBE | HC_DO_TIMER_RTX;
}

// The segment at SND.NXT.
static bool plan_new(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		     struct hc_send_plan *plan)
{
	uint32_t want = hc_seq_lt(t->snd_nxt, c->snd_end) ? c->snd_end - t->snd_nxt : 0;
	uint32_t len = hc_min_u32(want, c->mss);
	uint32_t flight = t->snd_nxt - t->snd_una;
	bool has_fin = t->flags & HC_TCB_FIN_QUEUED && !(t->flags & HC_TCB_FIN_SENT) && len == want;

	if (len + has_fin == 0 || flight >= t->snd_wnd || len > t->snd_wnd - flight)
		return false;
	plan->seq = t->snd_nxt;
	plan->len = (uint16_t)len;
	plan->is_rtx = false;
	plan->flags = (uint8_t)(HC_TCP_ACK | (len && len == want ? HC_TCP_PSH : 0) |
				(has_fin ? HC_TCP_FIN : 0));
	if (len)
		c->cc.sent_ms = env->now_ms;
	hc_tcp_book_new(t, c, env, plan);
	return true;
}

// The last segment again: what whole segments from SND.UNA on leave over, and our FIN with it.
static bool plan_last(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_send_plan *plan)
{
	hc_seq data_end = hc_tcp_sent_data_end(t, c);
	uint32_t data = hc_seq_lt(t->snd_una, data_end) ? data_end - t->snd_una : 0;
	uint32_t len = data ? (data - 1) % c->mss + 1 : 0;

	// A window that shrank behind what was sent.
	if (t->snd_nxt - t->snd_una > t->snd_wnd)
		return false;
	plan->seq = data_end - len;
	plan->len = (uint16_t)len;
	plan->is_rtx = true;
	plan->flags = (uint8_t)(HC_TCP_ACK | (len && data_end == c->snd_end ? HC_TCP_PSH : 0) |
				(t->flags & HC_TCB_FIN_SENT ? HC_TCP_FIN : 0));
	t->flags |= HC_TCB_RTX;
	return true;
}

bool hc_tlp_plan(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		 struct hc_send_plan *plan)
{
	bool is_new = plan_new(t, c, env, plan);

	HC_ASSERT(c->switches & HC_SWITCH_TLP && !c->cc.has_probe);
	if (!is_new && !plan_last(t, c, plan))
		return false;
	c->cc.has_probe = true;
	c->cc.is_probe_rtx = !is_new;
	c->cc.tlp_end = t->snd_nxt;
	if (hc_recovery_board(c, env))
		hc_recovery_sent(c, env, plan);
	env->ctr[HC_CTR_tlp_probes]++;
	return true;
}

// RFC 8985 7.4.2: the probe repaired a loss, which is to be answered as a fast recovery is. The
// flight it ended is acknowledged by now: cwnd is what it was part of.
static void repaired(struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	env->ctr[HC_CTR_tlp_repairs]++;
	if (HC_FAULT(tail_loss_is_no_congestion))
		return;
	hc_cc_on_loss(c, env, c->cwnd);
	c->cwnd = hc_min_u32(c->cwnd, c->ssthresh);
}

static void probe_input(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			const struct hc_tcp_env *env, bool advances, bool has_dsack)
{
	// It was new, or both copies arrived (case 1).
	bool is_needless = !c->cc.is_probe_rtx || (has_dsack && env->sack[0].hi == c->cc.tlp_end);
	bool is_behind = hc_seq_gt(seg->ack, c->cc.tlp_end);
	// A repeated ACK: both arrived as well (case 2).
	bool is_repeated = !advances && !(seg->opts & HC_OPT_SACK) && seg->payload_len == 0 &&
			   !(seg->flags & HC_TCP_FIN) &&
			   (uint32_t)seg->wnd << c->snd_wscale == t->snd_wnd;

	if (hc_seq_lt(seg->ack, c->cc.tlp_end) || !(is_needless || is_behind || is_repeated))
		return;
	c->cc.has_probe = false;
	if (is_behind && !is_needless)
		repaired(c, env);
}

void hc_tlp_input(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
		  const struct hc_tcp_env *env, bool advances, bool has_dsack)
{
	HC_ASSERT(c->switches & HC_SWITCH_TLP);
	if (c->cc.has_probe)
		probe_input(t, c, seg, env, advances, has_dsack);
	if (!c->cc.has_probe && !c->cc.needs_rtt)
		c->switches &= (uint16_t)~HC_SWITCH_TLP;
}
