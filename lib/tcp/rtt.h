// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The retransmission timeout (RFC 6298). Times are in microseconds inside and milliseconds outside,
// because timers tick in milliseconds; the clock granularity G is one tick.

#include "tcp/tcb.h"

#define HC_RTT_G_US 1000u

// RFC 6298 2.2 and 2.3: takes one sample and sets rto_ms, which also ends any back-off.
HC_ALWAYS_INLINE void hc_rtt_sample(const struct hc_tcp_env *env, struct hc_tcb_cold *c,
				    uint32_t rtt_us)
{
	uint32_t k_var_us;
	uint32_t rto_us;

	rtt_us = rtt_us ? rtt_us : 1;
	if (c->srtt_us == 0) {
		c->srtt_us = rtt_us;
		c->rttvar_us = rtt_us / 2;
	} else {
		uint32_t delta = c->srtt_us > rtt_us ? c->srtt_us - rtt_us : rtt_us - c->srtt_us;

		c->rttvar_us = c->rttvar_us - c->rttvar_us / 4 + delta / 4;
		c->srtt_us = c->srtt_us - c->srtt_us / 8 + rtt_us / 8;
		c->srtt_us = c->srtt_us ? c->srtt_us : 1;
	}
	k_var_us = (HC_FAULT(rto_without_variance) ? 2 : 4) * c->rttvar_us;
	rto_us = c->srtt_us + (k_var_us > HC_RTT_G_US ? k_var_us : HC_RTT_G_US);
	// RFC 6298 2.4 says at least 1 s; the option rto_min_ms says what is used here. The wheel
	// rounds down to its tick, so one tick is added.
	if (HC_LIKELY(rto_us <= env->rto_min_ms * 1000u))
		c->rto_ms = env->rto_min_ms;
	else
		c->rto_ms = hc_min_u32(rto_us / 1000 + 1, env->rto_max_ms);
}

// RFC 6298 5.5: back off the timer.
HC_ALWAYS_INLINE void hc_rtt_back_off(const struct hc_tcp_env *env, struct hc_tcb_cold *c)
{
	c->rto_ms = hc_min_u32((HC_FAULT(no_back_off) ? 1 : 2) * c->rto_ms, env->rto_max_ms);
}

// A stamp difference in microseconds.
HC_ALWAYS_INLINE uint32_t hc_stamp_us(uint32_t later, uint32_t earlier)
{
	return (uint32_t)((uint64_t)(later - earlier) * (1u << HC_STAMP_SHIFT) / 1000u);
}
