// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// ACKs that answer what cannot be accepted: each tells an honest peer where we stand, and none may
// be drawn from us without limit (RFC 5961 7). One allowance per worker, renewed every 128 ms.

#include "tcp/tcb.h"

static inline bool hc_tcp_may_challenge(struct hc_tcp_env *env)
{
	uint32_t epoch = (env->now_ms >> 7) + 1; // Never 0: a new worker has its allowance.

	if (env->challenge_epoch != epoch) {
		env->challenge_epoch = epoch;
		env->challenge_left = HC_CHALLENGES_PER_EPOCH;
	}
	if (env->challenge_left == 0 && HC_FAULT(challenges_unlimited))
		return true;
	if (env->challenge_left == 0)
		return false;
	env->challenge_left--;
	return true;
}

// An ACK to a segment out of window, if the allowance has one left.
static inline hc_verdict hc_tcp_limited_ack(struct hc_tcp_env *env, enum hc_counter drop)
{
	if (!hc_tcp_may_challenge(env)) {
		env->ctr[HC_CTR_tx_ack_limited]++;
		return hc_verdict_drop(0, drop);
	}
	return hc_verdict_drop(HC_DO_ACK, drop);
}

// A challenge ACK (RFC 5961 3.2, 4.2, 5.2).
static inline hc_verdict hc_tcp_challenge(struct hc_tcp_env *env, enum hc_counter drop)
{
	if (!hc_tcp_may_challenge(env)) {
		env->ctr[HC_CTR_tx_challenge_limited]++;
		return hc_verdict_drop(0, drop);
	}
	env->ctr[HC_CTR_tx_challenge_ack]++;
	return hc_verdict_drop(HC_DO_ACK, drop);
}
