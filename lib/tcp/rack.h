// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// RACK (RFC 8985 6): what is lost is told by time. Something in flight is lost when what was sent a
// reordering window after it has arrived, be it a first sending or a later one. Called by
// tcp/recovery.h with a scoreboard whose runs know when they were sent; what it deems lost is noted
// there, and what to do about that is recovery's.
//
// A connection takes its scoreboard when a SACK first tells of something amiss, not at every
// sending. What is in flight by then counts as sent in the order of its sequence numbers and at a
// steady rate, from one SRTT before until data was last sent; everything from then on when it was.
//
// What lasts longer than an episode is in struct hc_cc: whether reordering was seen, and what the
// peer's D-SACKs made of the window (RFC 2883).

#include "tcp/cc.h"
#include "tcp/scoreboard.h"

#define HC_REO_PERSIST 16u // Recoveries that a window which D-SACK made larger outlives.

// Counts of 1024 ns.
HC_ALWAYS_INLINE uint32_t hc_rack_now(const struct hc_tcp_env *env)
{
	return (uint32_t)(env->now_ns >> 10);
}

HC_ALWAYS_INLINE uint32_t hc_rack_units(uint32_t us)
{
	return (uint32_t)((uint64_t)us * 1000 / 1024);
}

// An RTT was measured with more in flight behind it: RACK.min_RTT, a least RTT that forgets. A
// larger one raises it by 1/256 of the difference, so that a path that grew longer is believed
// after some hundred. A connection that never had more than one segment in flight has SRTT instead.
void hc_rack_rtt(struct hc_tcb_cold *c, const struct hc_tcp_env *env, uint32_t rtt_us);

// A new scoreboard, or the end of one.
void hc_rack_begin(const struct hc_tcb *t, const struct hc_tcb_cold *c, struct hc_board *b,
		   const struct hc_tcp_env *env);
void hc_rack_end(struct hc_tcb_cold *c, const struct hc_board *b);

// How old something sent again has to be, for an ACK to be of that sending (RFC 8985 6.2, step 2).
uint32_t hc_rack_rtx_age(const struct hc_tcb *t, const struct hc_board *b, const struct hc_seg *seg,
			 const struct hc_tcp_env *env);

// RACK_update() and RACK_detect_reordering(): what an ACK brought.
void hc_rack_take(struct hc_tcb_cold *c, struct hc_board *b, const struct hc_board_news *news,
		  const struct hc_tcp_env *env);

// RACK_detect_loss(). With is_recovering after a loss or a timeout. Sets b->rack.is_waiting when
// more may turn out lost with time alone.
void hc_rack_detect(const struct hc_tcb_cold *c, struct hc_board *b, bool is_recovering,
		    const struct hc_tcp_env *env);

// RACK_mark_losses_on_RTO().
void hc_rack_timeout(const struct hc_tcb_cold *c, struct hc_board *b, const struct hc_tcp_env *env);

// An ACK had a D-SACK; without `b` nothing is in flight, or nothing is known of it.
void hc_rack_dsack(const struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b);

// Whether that D-SACK speaks for every other of the same round trip.
HC_ALWAYS_INLINE bool hc_rack_is_in_dsack_round(const struct hc_tcb *t, const struct hc_board *b)
{
	return b->rack.has_dsack_round && hc_seq_lt(t->snd_una, b->rack.dsack_round);
}

// A recovery, by ACKs or after a timeout, is over.
HC_ALWAYS_INLINE void hc_rack_recovered(struct hc_tcb_cold *c)
{
	if (c->cc.reo_persist == 0)
		return;
	c->cc.reo_persist--;
	if (c->cc.reo_persist == 0)
		c->cc.reo_mult = 0;
}

// Whether at least DupThresh segments are SACKed: RACK.segs_sacked in a scoreboard of bytes.
bool hc_rack_has_dup_thresh(const struct hc_board *b, uint32_t mss);

// Milliseconds until the reordering timer is due, never too few: b->rack.is_waiting.
uint32_t hc_rack_wait_ms(const struct hc_board *b, const struct hc_tcp_env *env);
