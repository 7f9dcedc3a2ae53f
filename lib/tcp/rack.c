// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See rack.h.

#include "tcp/rack.h"

#include "tcp/rtt.h"

#define GUESSES 8u // Pieces of a flight whose times are guessed.

void hc_rack_rtt(struct hc_tcb_cold *c, const struct hc_tcp_env *env, uint32_t rtt_us)
{
	uint32_t *least = c->switches & HC_SWITCH_BOARD
				  ? &env->boards->board[c->cc.board].rack.min_rtt_us
				  : &c->cc.min_rtt_us;

	rtt_us = rtt_us ? rtt_us : 1;
	if (*least == 0 || rtt_us < *least)
		*least = rtt_us;
	else
		*least += (rtt_us - *least) / 256;
}

// How long ago SND.UNA was sent, as far as that is known without having noted it.
static uint32_t guess_age_us(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			     const struct hc_tcp_env *env)
{
	if (c->srtt_us)
		return c->srtt_us;
	// Nothing was measured yet: what is being measured is as old as this.
	return t->flags & HC_TCB_TIMING ? hc_stamp_us(env->stamp, t->timed_at) : 0;
}

void hc_rack_begin(const struct hc_tcb *t, const struct hc_tcb_cold *c, struct hc_board *b,
		   const struct hc_tcp_env *env)
{
	uint32_t least = c->cc.min_rtt_us;
	uint32_t flight = t->snd_nxt - t->snd_una;
	uint32_t piece = (flight / GUESSES / c->mss + 1) * c->mss;
	uint32_t oldest = hc_rack_units(guess_age_us(t, c, env));
	// Milliseconds are all that is known of the last sending.
	uint32_t last_ms = hc_min_u32(env->now_ms - c->cc.sent_ms, 1u << 20);
	uint32_t newest = hc_min_u32(hc_rack_units(last_ms * 1000), oldest);
	uint32_t now_us = hc_rack_now(env);

	HC_ASSERT(!(c->switches & HC_SWITCH_BOARD));
	HC_ASSERT(flight != 0);
	hc_board_init(b, t->snd_una, t->snd_una + hc_min_u32(piece, flight), now_us - oldest);
	for (uint32_t at = piece; at < flight; at += piece) {
		uint32_t later = (uint32_t)((uint64_t)(oldest - newest) * at / flight);

		hc_board_sent(b, t->snd_una + at, t->snd_una + hc_min_u32(at + piece, flight),
			      now_us - oldest + later);
	}
	b->rack.min_rtt_us = least ? least : c->srtt_us;
}

void hc_rack_end(struct hc_tcb_cold *c, const struct hc_board *b)
{
	c->cc.min_rtt_us = b->rack.min_rtt_us;
}

uint32_t hc_rack_rtx_age(const struct hc_tcb *t, const struct hc_board *b, const struct hc_seg *seg,
			 const struct hc_tcp_env *env)
{
	uint32_t age_us = hc_rack_units(b->rack.min_rtt_us);
	uint32_t echo_age_ms = env->ts_now - seg->tsecr;

	// An echo that is older than the sending is of an earlier one. The timestamp clock ticks in
	// milliseconds: one of them proves nothing.
	if (t->flags & HC_TCB_TS && seg->opts & HC_OPT_TIMESTAMPS && echo_age_ms > 1 &&
	    echo_age_ms < 1u << 20)
		age_us = hc_max_u32(age_us, hc_rack_units((echo_age_ms - 1) * 1000));
	return age_us;
}

void hc_rack_take(struct hc_tcb_cold *c, struct hc_board *b, const struct hc_board_news *news,
		  const struct hc_tcp_env *env)
{
	struct hc_rack *k = &b->rack;

	if (news->is_reordered && !c->cc.has_reordered) {
		c->cc.has_reordered = true;
		env->ctr[HC_CTR_rack_reordering]++;
	}
	if (!news->has_newest)
		return;
	k->rtt_us = news->now_us - news->newest_us;
	if (k->has_segment &&
	    !hc_board_sent_after(news->newest_us, news->newest_end, k->xmit_us, k->end_seq))
		return;
	k->has_segment = true;
	k->is_segment_rtx = news->is_newest_rtx;
	k->xmit_us = news->newest_us;
	k->end_seq = news->newest_end;
}

bool hc_rack_has_dup_thresh(const struct hc_board *b, uint32_t mss)
{
	uint32_t runs = 0;

	for (uint32_t i = 0; i < b->run_count; i++)
		runs += (b->run[i].flags & HC_RUN_SACKED) != 0;
	return runs >= HC_DUP_ACKS || b->sacked_bytes > (HC_DUP_ACKS - 1) * mss;
}

// RACK_update_reo_wnd() of RFC 8985 6.2, step 4, without what D-SACK does to the multiplier.
static uint32_t reo_wnd(const struct hc_tcb_cold *c, const struct hc_board *b, bool is_recovering)
{
	uint64_t wnd_us;

	if (!c->cc.has_reordered && (is_recovering || hc_rack_has_dup_thresh(b, c->mss)))
		return 0;
	if (HC_FAULT(reordering_window_missing))
		return 0;
	wnd_us = (uint64_t)(c->cc.reo_mult + 1u) * b->rack.min_rtt_us / 4;
	// Before anything was measured nothing bounds it but the retransmission timeout.
	if (c->srtt_us == 0)
		wnd_us = (uint64_t)c->rto_ms * 1000 / 4;
	else if (wnd_us > c->srtt_us)
		wnd_us = c->srtt_us;
	return hc_rack_units((uint32_t)wnd_us);
}

// Whether RACK.segment was sent after a run. Between a first sending and a repeated one of the same
// step the sequence numbers do not tell: departure from RFC 8985, whose clock never stands still.
static bool was_sent_before(const struct hc_rack *k, const struct hc_run *r)
{
	if (r->sent_us == k->xmit_us && r->flags & HC_RUN_EVER && !k->is_segment_rtx)
		return false;
	return hc_board_sent_after(k->xmit_us, k->end_seq, r->sent_us, r->end);
}

void hc_rack_detect(const struct hc_tcb_cold *c, struct hc_board *b, bool is_recovering,
		    const struct hc_tcp_env *env)
{
	struct hc_rack *k = &b->rack;
	uint32_t now_us = hc_rack_now(env);
	uint32_t patience_us;
	int32_t wait_us = 0;
	bool has_more = false;

	k->is_waiting = false;
	if (!k->has_segment)
		return;
	patience_us = k->rtt_us + reo_wnd(c, b, is_recovering);
	for (uint32_t i = 0; i < b->run_count; i++) {
		struct hc_run *r = &b->run[i];
		int32_t left_us;

		// SACKed, or lost and waiting to be sent.
		if (r->flags & HC_RUN_SACKED ||
		    (r->flags & HC_RUN_LOST && !(r->flags & HC_RUN_RTX)))
			continue;
		if (!was_sent_before(k, r))
			continue;
		left_us = (int32_t)(r->sent_us + patience_us - now_us);
		if (left_us > 0) {
			wait_us = left_us > wait_us ? left_us : wait_us;
			continue;
		}
		if (HC_FAULT(lost_again_not_seen) && r->flags & HC_RUN_RTX)
			continue;
		env->ctr[HC_CTR_rack_lost_again] += (r->flags & HC_RUN_RTX) != 0;
		r->flags = (uint8_t)((r->flags | HC_RUN_LOST) & ~HC_RUN_RTX);
		has_more = true;
	}
	if (has_more)
		hc_board_tidy(b);
	k->is_waiting = wait_us > 0 && !HC_FAULT(reordering_timer_missing);
	k->wait_end_us = now_us + (uint32_t)wait_us;
}

void hc_rack_timeout(const struct hc_tcb_cold *c, struct hc_board *b, const struct hc_tcp_env *env)
{
	uint32_t rtt_us = b->rack.has_segment ? b->rack.rtt_us : hc_rack_units(c->srtt_us);

	b->rack.is_waiting = false;
	hc_board_timeout(b, c->mss, hc_rack_now(env) - rtt_us - reo_wnd(c, b, true));
}

void hc_rack_dsack(const struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b)
{
	if (b && hc_rack_is_in_dsack_round(t, b))
		return;
	if (b) {
		b->rack.has_dsack_round = true;
		b->rack.dsack_round = t->snd_nxt;
	}
	c->cc.reo_mult += c->cc.reo_mult < UINT8_MAX && !HC_FAULT(dsack_window_kept);
	c->cc.reo_persist = HC_REO_PERSIST;
}

uint32_t hc_rack_wait_ms(const struct hc_board *b, const struct hc_tcp_env *env)
{
	int32_t left_us = (int32_t)(b->rack.wait_end_us - hc_rack_now(env));

	HC_ASSERT(b->rack.is_waiting);
	// One tick more, because the wheel rounds down to its own.
	return left_us > 0 ? (uint32_t)(((uint64_t)(uint32_t)left_us * 1024 + 999999) / 1000000) + 1
			   : 1;
}
