// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Loss recovery by selective acknowledgments (RFC 6675), on a scoreboard (tcp/scoreboard.h) out of
// the worker's pool. The input hands every segment with SACK blocks here, and every acknowledgment
// of a connection that has a scoreboard; the output asks here what to send again. A connection that
// finds no scoreboard free recovers by NewReno (tcp/cc.h), as one without SACK does.
//
// What is lost, time tells (tcp/rack.h), and until reordering was seen also the count of what is
// SACKed above (RFC 8985 6.2, step 4): whatever comes first begins the recovery.
//
// A recovery all of whose retransmissions the peer reports as duplicates (RFC 2883) was none: cwnd
// and ssthresh are what they were before it. The scoreboard waits a round trip for such reports.
//
// After a timeout the peer's earlier word counts no more (RFC 2018 8). What is old enough to be
// lost is sent again from SND.UNA on (RFC 8985 6.3), but for what is SACKed from then on; what was
// sent just before waits for RACK's verdict.

#include "tcp/output.h"

// Whether this segment concerns a scoreboard: there is one, or there may be a reason to take one.
HC_ALWAYS_INLINE bool hc_recovery_concerns(const struct hc_tcb_cold *c, const struct hc_seg *seg)
{
	return (seg->opts & HC_OPT_SACK) | (c->switches & (HC_SWITCH_BOARD | HC_SWITCH_TLP));
}

// An acceptable segment whose acknowledgment, which moved SND.UNA if it advances, is taken. With
// HC_OPT_SACK its blocks are in env->sack. @return the verdict's actions.
uint32_t hc_recovery_input(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			   struct hc_tcp_env *env, bool advances);

// The scoreboard, NULL without one.
HC_ALWAYS_INLINE struct hc_board *hc_recovery_board(const struct hc_tcb_cold *c,
						    const struct hc_tcp_env *env)
{
	return c->switches & HC_SWITCH_BOARD ? &env->boards->board[c->cc.board] : NULL;
}

// The connection ends, or has nothing to note any more: its scoreboard goes back.
void hc_recovery_release(struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// The retransmission timer went off.
void hc_recovery_timeout(const struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// All that is in flight is to be sent again, beginning at `from`, for another reason than loss.
void hc_recovery_go_back(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			 hc_seq from);

// Milliseconds until the timer of a connection with something in flight is due: RACK's, a tail
// probe's, or the retransmission timeout. One timer serves for all (RFC 8985 8).
uint32_t hc_recovery_delay_ms(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			      const struct hc_tcp_env *env);

// Whether the timer that went off is RACK's reordering timer.
bool hc_recovery_has_waited(const struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// It did. @return the verdict's actions.
uint32_t hc_recovery_waited(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// How far from SND.UNA congestion control lets what begins at `from` go.
uint32_t hc_recovery_edge(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			  const struct hc_tcp_env *env, hc_seq from);

// What is to be sent again before new data (RFC 6675 5, step C, with rule 1 of NextSeg()), and if
// there is no new data (rules 3 and 4). @return false when there is none, or no room for it.
bool hc_recovery_plan_lost(const struct hc_tcb *t, struct hc_tcb_cold *c,
			   const struct hc_tcp_env *env, struct hc_send_plan *plan);
bool hc_recovery_plan_rest(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			   const struct hc_tcp_env *env, struct hc_send_plan *plan);

// A planned segment leaves.
void hc_recovery_sent(const struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		      const struct hc_send_plan *plan);
