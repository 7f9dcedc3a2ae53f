// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See liveness.h.

#include "tcp/liveness.h"

struct hc_live *hc_live_take(struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	uint32_t idx;

	if (c->switches & HC_SWITCH_LIVE)
		return hc_live_of(c, env);
	idx = hc_pool_get(&env->lives->pool);
	if (idx == HC_IDX_NONE)
		return NULL;
	c->cc.live = idx;
	c->switches |= HC_SWITCH_LIVE;
	env->lives->live[idx] = (struct hc_live){
		.heard_ms = env->now_ms,
		.idle_ms = HC_KEEP_IDLE_MS,
		.interval_ms = HC_KEEP_INTERVAL_MS,
		.probes_max = HC_KEEP_PROBES,
	};
	return &env->lives->live[idx];
}

void hc_live_limit_mss(const struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t mss_max)
{
	c->mss = (uint16_t)hc_min_u32(c->mss, mss_max - (t->flags & HC_TCB_TS ? 12 : 0));
}

void hc_live_take_syn(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		      uint32_t told)
{
	const struct hc_live *l = hc_live_of(c, env);

	if (!l)
		return;
	if (told && !HC_FAULT(first_window_is_the_workers))
		t->rcv_edge = t->rcv_nxt + told;
	if (l->shape.mss_max)
		hc_live_limit_mss(t, c, l->shape.mss_max);
	c->cwnd = hc_tcp_initial_cwnd(c->mss);
}

void hc_live_release(struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	if (!(c->switches & HC_SWITCH_LIVE))
		return;
	c->switches &= (uint16_t) ~(HC_SWITCH_LIVE | HC_SWITCH_KEEPALIVE);
	hc_pool_put(&env->lives->pool, c->cc.live);
}

uint32_t hc_live_keep_delay_ms(const struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	const struct hc_live *l = hc_live_of(c, env);
	uint32_t quiet_ms = env->now_ms - l->heard_ms;

	if (l->probes)
		return l->interval_ms;
	return quiet_ms < l->idle_ms ? l->idle_ms - quiet_ms : 1;
}

hc_verdict hc_live_keep_timeout(const struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	struct hc_live *l = hc_live_of(c, env);

	// RFC 9293 3.8.4, MUST-26: only when nothing came for the whole interval.
	if (!l->probes && env->now_ms - l->heard_ms < l->idle_ms &&
	    !HC_FAULT(keep_alive_while_busy))
		return HC_DO_KEEPALIVE;
	// MUST-29: one probe without an answer says nothing.
	if (l->probes >= l->probes_max)
		return hc_verdict_reason(HC_DO_RESET | HC_DO_FREE, HC_REASON_TIMED_OUT);
	l->probes++;
	env->ctr[HC_CTR_keepalive_probes]++;
	return HC_DO_KEEPALIVE | HC_DO_PROBE;
}

void hc_live_note_stall(const struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			uint32_t waited_ms)
{
	struct hc_live *l = hc_live_of(c, env);

	if (l)
		l->stalled_ms = env->now_ms - waited_ms;
}

bool hc_live_is_over(const struct hc_tcb *t, const struct hc_tcb_cold *c,
		     const struct hc_tcp_env *env, bool is_probing, uint32_t retries_max)
{
	struct hc_live *l = hc_live_of(c, env);

	if (!l || l->user_timeout_ms == 0 || HC_FAULT(user_timeout_ignored))
		return c->retries >= retries_max;
	if (c->retries == 0 && !hc_tcb_has_probe_out(t, c))
		l->stalled_ms = env->now_ms - (is_probing ? 0 : c->rto_ms);
	return env->now_ms - l->stalled_ms >= l->user_timeout_ms;
}

uint32_t hc_live_delay_ms(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			  const struct hc_tcp_env *env, uint32_t delay_ms)
{
	const struct hc_live *l = hc_live_of(c, env);
	uint32_t waited_ms;

	if (!l || l->user_timeout_ms == 0 || (c->retries == 0 && !hc_tcb_has_probe_out(t, c)))
		return delay_ms;
	waited_ms = env->now_ms - l->stalled_ms;
	return hc_min_u32(delay_ms,
			  waited_ms < l->user_timeout_ms ? l->user_timeout_ms - waited_ms : 1);
}
