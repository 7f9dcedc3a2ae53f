// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See cc.h. CUBIC's constants: C = 0.4 segments/s^3, beta = 0.7, alpha = 3 (1 - beta) / (1 + beta)
// = 9/17.

#include "tcp/cc.h"

#include "tcp/rack.h"

#define CUBIC_MS_MAX    200000 // Farther from K the window has long met another limit.
#define CUBIC_ALPHA_NUM 9u
#define CUBIC_ALPHA_DEN 17u
#define HC_CWND_MAX     (1u << 30)

uint32_t hc_cube_root(uint64_t x)
{
	uint64_t root = 0;

	for (int bit = 21; bit >= 0; bit--) {
		uint64_t more = root | 1ull << bit;

		if (more <= 2642245u && more * more * more <= x)
			root = more;
	}
	return (uint32_t)root;
}

int64_t hc_cubic_offset(int64_t ms, uint32_t mss)
{
	int64_t d = ms < -CUBIC_MS_MAX ? -CUBIC_MS_MAX : ms > CUBIC_MS_MAX ? CUBIC_MS_MAX : ms;

	// 0.4 d^3 / 10^9 segments: 4 d^3 is below 2^55, and mss below 2^16.
	return 4 * d * d * d / 100000 * (int64_t)mss / 100000;
}

static inline void cwnd_add(struct hc_tcb_cold *c, uint64_t bytes)
{
	uint64_t cwnd = c->cwnd + bytes;

	c->cwnd = cwnd < HC_CWND_MAX ? (uint32_t)cwnd : HC_CWND_MAX;
}

// RFC 5681 3.1: a segment more for each window that is acknowledged.
static void newreno_avoid(struct hc_tcb_cold *c, uint32_t acked)
{
	c->cc.acked += acked;
	if (c->cc.acked >= c->cwnd) {
		c->cc.acked -= c->cwnd;
		cwnd_add(c, c->mss);
	}
}

// RFC 9438 4.2: a stage of congestion avoidance begins.
static void cubic_begin(struct hc_tcb_cold *c, uint32_t now_ms)
{
	struct hc_cc *k = &c->cc;

	k->has_epoch = true;
	k->epoch_ms = 0;
	k->last_ms = now_ms;
	k->w_est = c->cwnd;
	k->acked = 0;
	k->k_ms = 0;
	k->origin = c->cwnd;
	if (k->w_max > c->cwnd) {
		// K = cbrt((W_max - cwnd) / C), in milliseconds: 10^9 / 0.4 = 2.5 * 10^9.
		k->k_ms = hc_cube_root((uint64_t)(k->w_max - c->cwnd) * 2500000000u / c->mss);
		k->origin = k->w_max;
	}
}

// RFC 9438 4.3: what Reno with this beta would have.
static void cubic_estimate(struct hc_tcb_cold *c, uint32_t acked)
{
	struct hc_cc *k = &c->cc;
	bool is_past = k->w_est >= k->w_prior; // Then alpha is 1.
	uint64_t whole = (uint64_t)c->cwnd * CUBIC_ALPHA_DEN;

	k->acked += (uint64_t)acked * (is_past ? CUBIC_ALPHA_DEN : CUBIC_ALPHA_NUM);
	if (k->acked >= whole) {
		k->acked -= whole;
		k->w_est = hc_min_u32(k->w_est + c->mss, HC_CWND_MAX);
	}
}

static void cubic_avoid(struct hc_tcb_cold *c, const struct hc_tcp_env *env, uint32_t acked)
{
	struct hc_cc *k = &c->cc;
	uint32_t gap_ms = env->now_ms - k->last_ms;
	int64_t target;

	if (!k->has_epoch)
		cubic_begin(c, env->now_ms);
	else if (gap_ms <= c->rto_ms)
		k->epoch_ms = hc_min_u32(k->epoch_ms + gap_ms, 1u << 30);
	// A longer pause is the application's, not the network's (RFC 9438 5.8).
	k->last_ms = env->now_ms;
	cubic_estimate(c, acked);
	// RFC 9438 4.2: the target is the window a round trip from now, between cwnd and 1.5 cwnd.
	target = k->origin +
		 hc_cubic_offset((int64_t)k->epoch_ms + c->srtt_us / 1000 - k->k_ms, c->mss);
	if (target > (int64_t)c->cwnd + c->cwnd / 2)
		target = (int64_t)c->cwnd + c->cwnd / 2;
	// RFC 9438 4.4 and 4.5: (target - cwnd) / cwnd for each segment acknowledged.
	if (target > c->cwnd)
		cwnd_add(c, (uint64_t)(target - c->cwnd) * acked / c->cwnd);
	c->cwnd = hc_max_u32(c->cwnd, k->w_est);
}

void hc_cc_avoid(struct hc_tcb_cold *c, const struct hc_tcp_env *env, uint32_t acked,
		 uint32_t flight)
{
	// An application that does not use its window learns nothing about a larger one.
	if (!hc_cc_is_live(c) || flight < c->cwnd / 2)
		return;
	HC_ASSERT(c->cwnd != 0);
	acked = hc_min_u32(acked, c->cwnd);
	if (env->congestion == HC_CONGESTION_NEWRENO)
		newreno_avoid(c, acked);
	else
		cubic_avoid(c, env, acked);
}

void hc_cc_on_loss(struct hc_tcb_cold *c, const struct hc_tcp_env *env, uint32_t flight)
{
	struct hc_cc *k = &c->cc;
	uint32_t kept = flight / 2;

	// RFC 3168 6.1.2: the peer is told of every reduction, and ECE and a loss in the same round
	// trip are one.
	if (HC_UNLIKELY(c->switches & HC_SWITCH_ECN)) {
		c->switches |= HC_SWITCH_ECN_CWR;
		if (c->switches & HC_SWITCH_ECN_REDUCED)
			return;
	}
	k->acked = 0;
	if (env->congestion == HC_CONGESTION_CUBIC) {
		kept = (uint32_t)((uint64_t)flight * 7 / 10);
		// RFC 9438 4.7: fast convergence gives room to newcomers.
		k->w_prior = c->cwnd;
		k->w_max = c->cwnd < k->w_max ? (uint32_t)((uint64_t)c->cwnd * 17 / 20) : c->cwnd;
		k->has_epoch = false;
	}
	c->ssthresh = hc_max_u32(kept, 2u * c->mss);
}

void hc_cc_on_timeout(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	if (!hc_cc_is_live(c)) {
		c->ssthresh = 2u * c->mss; // A FIN alone: no data will follow.
		return;
	}
	if (!c->cc.is_recovering)
		hc_cc_on_loss(c, env, t->snd_nxt - t->snd_una);
	c->cc.is_recovering = false;
	c->cc.has_probe = false; // TLP_init() of RFC 8985 7.1.
	c->cc.wants_rtx = false;
	c->cc.dup_acks = 0;
	// RFC 9438 4.8: the first stage after it begins where slow start ends, with K = 0.
	c->cc.w_max = 0;
	c->cc.has_epoch = false;
	// RFC 6582 3.2, step 4: repeated ACKs up to here tell of what the timeout sends again.
	c->cc.recover = t->snd_nxt;
	c->switches |= HC_SWITCH_TIMED_OUT;
}

bool hc_cc_is_past_timeout(const struct hc_tcb *t, struct hc_tcb_cold *c)
{
	if (!(c->switches & HC_SWITCH_TIMED_OUT))
		return true;
	if (hc_seq_le(t->snd_una, c->cc.recover))
		return false;
	c->switches &= (uint16_t)~HC_SWITCH_TIMED_OUT;
	hc_rack_recovered(c);
	return true;
}

void hc_cc_on_echo(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	uint32_t flight = t->snd_nxt - t->snd_una;

	// With a loss the window has shrunk already.
	if (!hc_cc_is_live(c) || flight == 0 || c->cc.is_recovering ||
	    t->flags & HC_TCB_RECOVERING || !hc_cc_is_past_timeout(t, c))
		return;
	if (c->switches & HC_SWITCH_ECN_REDUCED && !HC_FAULT(every_echo_reduces))
		return;
	hc_cc_on_loss(c, env, flight);
	c->cwnd = hc_min_u32(c->cwnd, c->ssthresh);
	c->cc.recover = t->snd_nxt;
	c->switches |= HC_SWITCH_ECN_REDUCED;
	env->ctr[HC_CTR_ecn_reductions]++;
}

bool hc_cc_count_dup_ack(const struct hc_tcb *t, struct hc_tcb_cold *c)
{
	struct hc_cc *k = &c->cc;

	if (k->dup_una != t->snd_una || k->dup_acks == 0) {
		k->dup_una = t->snd_una;
		k->dup_acks = 0;
	}
	if (!hc_cc_is_past_timeout(t, c))
		return false;
	k->dup_acks = (uint8_t)hc_min_u32(k->dup_acks + 1u, HC_DUP_ACKS);
	return true;
}

void hc_cc_enter_recovery(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	struct hc_cc *k = &c->cc;
	uint32_t flight = t->snd_nxt - t->snd_una;
	// RFC 5681 3.2, steps 2 and 3. What limited transmit sent is no part of FlightSize.
	uint32_t limited = hc_min_u32(hc_cc_limited(t, c), flight > c->cwnd ? flight - c->cwnd : 0);

	hc_cc_on_loss(c, env, flight - limited);
	k->is_recovering = true;
	k->wants_rtx = true;
	k->recover = t->snd_nxt;
	t->flags |= HC_TCB_RTX; // RFC 6298 3: what is timed may be what is sent again.
	env->ctr[HC_CTR_fast_recoveries]++;
}

uint32_t hc_cc_dup_ack(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	struct hc_cc *k = &c->cc;

	// A go-back after a timeout, or a probe, sends everything again by itself.
	if (!hc_cc_is_live(c) || t->flags & (HC_TCB_RECOVERING | HC_TCB_PROBING))
		return 0;
	if (k->is_recovering) {
		// RFC 5681 3.2, step 4: a segment has left the network.
		cwnd_add(c, c->mss);
		return HC_DO_OUTPUT;
	}
	if (!hc_cc_count_dup_ack(t, c))
		return 0;
	if (k->dup_acks < HC_DUP_ACKS)
		return HC_DO_OUTPUT;
	hc_cc_enter_recovery(t, c, env);
	c->cwnd = c->ssthresh + HC_DUP_ACKS * c->mss;
	return HC_DO_OUTPUT | HC_DO_TIMER_RTX;
}

void hc_cc_recovery_ack(struct hc_tcb *t, struct hc_tcb_cold *c, uint32_t acked)
{
	struct hc_cc *k = &c->cc;

	HC_ASSERT(k->is_recovering);
	k->wants_rtx = false;
	if (hc_seq_ge(t->snd_una, k->recover)) {
		// RFC 6582 3.2, step 3, full acknowledgment: (1), which lets no burst go.
		uint32_t flight = t->snd_nxt - t->snd_una;

		c->cwnd = hc_min_u32(c->ssthresh, hc_max_u32(flight, c->mss) + c->mss);
		k->is_recovering = false;
		k->dup_acks = 0;
		hc_rack_recovered(c);
		t->flags &= (uint16_t)~HC_TCB_RTX;
		return;
	}
	// RFC 6675 5: until the RecoveryPoint the scoreboard says what is next.
	if (c->switches & HC_SWITCH_BOARD)
		return;
	// Partial acknowledgment: the next hole; cwnd shrinks by what left, less one segment.
	k->wants_rtx = true;
	c->cwnd = c->cwnd > acked ? c->cwnd - acked : 0;
	if (acked >= c->mss)
		c->cwnd += c->mss;
	c->cwnd = hc_max_u32(c->cwnd, c->mss);
}
