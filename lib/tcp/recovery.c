// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See recovery.h.

#include "tcp/recovery.h"

#include "tcp/rack.h"
#include "tcp/tlp.h"

// Whether one of the blocks could be true of what is in flight.
static bool has_plausible_block(const struct hc_tcb *t, const struct hc_tcp_env *env)
{
	for (unsigned i = 0; i < env->sack_count; i++) {
		const struct hc_seq_range *k = &env->sack[i];

		if (hc_seq_gt(k->lo, t->snd_una) && hc_seq_lt(k->lo, k->hi) &&
		    hc_seq_le(k->hi, t->snd_nxt))
			return true;
	}
	return false;
}

// Takes a scoreboard for what is in flight. @return NULL when there is none.
static struct hc_board *board_take(const struct hc_tcb *t, struct hc_tcb_cold *c,
				   struct hc_tcp_env *env)
{
	uint32_t idx = env->boards ? hc_pool_get(&env->boards->pool) : HC_IDX_NONE;

	if (idx == HC_IDX_NONE) {
		env->ctr[HC_CTR_sack_no_memory]++;
		return NULL;
	}
	hc_rack_begin(t, c, &env->boards->board[idx], env);
	c->cc.board = idx;
	c->switches |= HC_SWITCH_BOARD;
	return &env->boards->board[idx];
}

void hc_recovery_release(struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	uint32_t idx = c->cc.board;

	if (!(c->switches & HC_SWITCH_BOARD))
		return;
	c->switches &= (uint16_t)~HC_SWITCH_BOARD;
	hc_rack_end(c, &env->boards->board[idx]);
	if (!HC_FAULT(scoreboard_lost))
		hc_pool_put(&env->boards->pool, idx);
}

// RFC 6675 5, step 4.
static uint32_t enter(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b,
		      const struct hc_tcp_env *env)
{
	hc_tlp_reset(c);
	b->undo = (struct hc_undo){
		.cwnd = c->cwnd,
		.ssthresh = c->ssthresh,
		.w_max = c->cc.w_max,
		.w_prior = c->cc.w_prior,
		.is_on = true,
	};
	c->switches &= (uint16_t)~HC_SWITCH_TIMED_OUT;
	hc_cc_enter_recovery(t, c, env);
	c->cwnd = c->ssthresh;
	b->has_rescued = false;
	return HC_DO_OUTPUT | HC_DO_TIMER_RTX;
}

// Everything that the recovery sent again came twice: nothing was lost.
static void undo(struct hc_tcb_cold *c, struct hc_board *b, const struct hc_tcp_env *env)
{
	b->undo.is_on = false;
	// The peer is told of a reduction that ECN has to do with; it stays.
	if (c->switches & HC_SWITCH_ECN || HC_FAULT(spurious_recovery_not_undone))
		return;
	c->cwnd = hc_max_u32(c->cwnd, b->undo.cwnd);
	c->ssthresh = hc_max_u32(c->ssthresh, b->undo.ssthresh);
	c->cc.w_max = b->undo.w_max; // RFC 9438 4.9.
	c->cc.w_prior = b->undo.w_prior;
	c->cc.has_epoch = false;
	c->cc.is_recovering = false;
	c->cc.wants_rtx = false;
	c->cc.dup_acks = 0;
	hc_board_none_lost(b);
	env->ctr[HC_CTR_recoveries_undone]++;
}

// The peer reports [lo, hi) to have come twice.
static void note_twice(struct hc_tcb_cold *c, struct hc_board *b, const struct hc_seq_range *k,
		       const struct hc_tcp_env *env)
{
	if (!b->undo.is_on || b->undo.bytes == 0)
		return;
	b->undo.bytes -= hc_min_u32(k->hi - k->lo, b->undo.bytes);
	if (b->undo.bytes == 0)
		undo(c, b, env);
}

// Whether a report may still come that undoes the recovery.
static bool may_undo(const struct hc_tcb *t, const struct hc_tcb_cold *c, struct hc_board *b)
{
	if (!b->undo.is_on || c->cc.is_recovering)
		return b->undo.is_on;
	if (!b->undo.is_over) {
		b->undo.is_over = true;
		b->undo.end = t->snd_nxt;
	}
	b->undo.is_on = hc_seq_lt(t->snd_una, b->undo.end);
	return b->undo.is_on;
}

// Something may be deemed lost that is to be sent again.
static uint32_t repair(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b,
		       const struct hc_tcp_env *env)
{
	struct hc_seq_range lost;

	if (!hc_board_next_lost(b, c->mss, &lost))
		return 0;
	if (t->flags & HC_TCB_RECOVERING || hc_cc_is_after_timeout(t, c)) {
		if (!(t->flags & HC_TCB_RECOVERING) || hc_seq_lt(lost.lo, c->rtx_nxt))
			c->rtx_nxt = lost.lo;
		t->flags |= HC_TCB_RECOVERING | HC_TCB_RTX;
		return HC_DO_OUTPUT;
	}
	return c->cc.is_recovering ? HC_DO_OUTPUT : enter(t, c, b, env);
}

static void detect(const struct hc_tcb *t, const struct hc_tcb_cold *c, struct hc_board *b,
		   const struct hc_tcp_env *env)
{
	hc_rack_detect(c, b,
		       c->cc.is_recovering || t->flags & HC_TCB_RECOVERING ||
			       hc_cc_is_after_timeout(t, c),
		       env);
}

// An acknowledgment that has SACKed more, as long as reordering was not seen and nothing is being
// repaired (RFC 6675 5, steps 1 to 3).
static void count(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b)
{
	if (!hc_cc_count_dup_ack(t, c) || c->cc.has_reordered)
		return;
	if (c->cc.dup_acks >= HC_DUP_ACKS)
		hc_board_first_lost(b, c->mss);
}

// Takes in what an acknowledgment says, and what follows from it.
static uint32_t take(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b,
		     const struct hc_board_news *news, const struct hc_tcp_env *env)
{
	bool has_waited = b->rack.is_waiting;
	bool is_first = news->sacked_bytes && b->sacked_bytes == news->sacked_bytes;
	bool is_repairing = c->cc.is_recovering || t->flags & HC_TCB_RECOVERING;
	uint32_t what;

	hc_rack_take(c, b, news, env);
	if (news->sacked_bytes && !is_repairing)
		count(t, c, b);
	if (!c->cc.has_reordered && !(t->flags & HC_TCB_RECOVERING))
		(void)hc_board_mark_lost(b, c->mss);
	detect(t, c, b, env);
	what = repair(t, c, b, env);
	if (news->sacked_bytes || is_repairing)
		what |= HC_DO_OUTPUT; // Limited transmit, or what pipe has room for.
	// The timer is RACK's now, or no longer; with the first SACK no more that of a tail probe.
	if (has_waited || b->rack.is_waiting || is_first)
		what |= HC_DO_TIMER_RTX;
	return what;
}

// RFC 2883 4: the first block tells of what came twice when it lies below the acknowledgment, or
// within the second block.
static bool is_dsack(const struct hc_tcb *t, const struct hc_seq_range *k, unsigned n)
{
	if (n == 0 || !hc_seq_lt(k[0].lo, k[0].hi))
		return false;
	return hc_seq_le(k[0].hi, t->snd_una) ||
	       (n > 1 && hc_seq_ge(k[0].lo, k[1].lo) && hc_seq_le(k[0].hi, k[1].hi));
}

uint32_t hc_recovery_input(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			   struct hc_tcp_env *env, bool advances)
{
	unsigned n = seg->opts & HC_OPT_SACK ? env->sack_count : 0;
	struct hc_board *b = hc_recovery_board(c, env);
	struct hc_board_news news = {.now_us = hc_rack_now(env)};
	bool has_dsack;
	uint32_t what;

	// What was not agreed upon means nothing (RFC 2018 2).
	if (!(t->flags & HC_TCB_SACK) || !hc_cc_is_live(c))
		return 0;
	has_dsack = is_dsack(t, env->sack, n);
	if (c->switches & HC_SWITCH_TLP)
		hc_tlp_input(t, c, seg, env, advances, has_dsack);
	if (has_dsack) {
		env->ctr[HC_CTR_dsack_received]++;
		// A scoreboard knows which round trip that was in.
		if (!b && t->snd_una != t->snd_nxt)
			b = board_take(t, c, env);
		hc_rack_dsack(t, c, b);
		if (b)
			note_twice(c, b, &env->sack[0], env);
	}
	if (!b && (c->cc.is_recovering || n == 0 || !has_plausible_block(t, env)))
		return 0;
	if (!b && !(b = board_take(t, c, env)))
		return 0;
	// A window probe goes out without the scoreboard's knowledge.
	if (hc_seq_lt(hc_board_end(b), t->snd_nxt))
		hc_board_sent(b, hc_board_end(b), t->snd_nxt, hc_rack_now(env));
	news.rtx_age_us = hc_rack_rtx_age(t, b, seg, env);
	hc_board_acked(b, t->snd_una, &news);
	if (t->snd_una == t->snd_nxt) {
		hc_rack_take(c, b, &news, env);
		hc_recovery_release(c, env);
		return 0;
	}
	hc_board_sack(b, env->sack, n, &news);
	env->ctr[HC_CTR_sack_bad_block] += news.bad_blocks;
	env->ctr[HC_CTR_sack_no_room] += news.ignored;
	env->ctr[HC_CTR_sack_reneged] += news.has_reneged;

	what = take(t, c, b, &news, env);
	if (!may_undo(t, c, b) && !(t->flags & HC_TCB_RECOVERING) && hc_board_is_blank(b) &&
	    !hc_rack_is_in_dsack_round(t, b))
		hc_recovery_release(c, env);
	return what;
}

uint32_t hc_recovery_delay_ms(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			      const struct hc_tcp_env *env)
{
	const struct hc_board *b = hc_recovery_board(c, env);

	// What a closed window is asked with has RTOs between, whatever RACK waits for.
	if (b && b->rack.is_waiting && t->snd_wnd != 0)
		return hc_min_u32(hc_rack_wait_ms(b, env), c->rto_ms);
	if (hc_tlp_may(t, c, env))
		return hc_tlp_delay_ms(t, c, env);
	return c->rto_ms;
}

bool hc_recovery_has_waited(const struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	const struct hc_board *b = hc_recovery_board(c, env);

	return b && b->rack.is_waiting && hc_seq_le(b->rack.wait_end_us, hc_rack_now(env));
}

uint32_t hc_recovery_waited(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	struct hc_board *b = hc_recovery_board(c, env);

	env->ctr[HC_CTR_rack_timeouts]++;
	detect(t, c, b, env);
	return repair(t, c, b, env) | HC_DO_TIMER_RTX;
}

void hc_recovery_timeout(const struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	struct hc_board *b = hc_recovery_board(c, env);

	if (b)
		b->undo.is_on = false;
	if (b && !HC_FAULT(sacked_data_trusted_for_ever))
		hc_rack_timeout(c, b, env);
}

void hc_recovery_go_back(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
			 hc_seq from)
{
	struct hc_board *b = hc_recovery_board(c, env);

	if (b)
		hc_board_all_lost(b);
	c->rtx_nxt = from;
	t->flags |= HC_TCB_RECOVERING | HC_TCB_RTX;
}

uint32_t hc_recovery_edge(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			  const struct hc_tcp_env *env, hc_seq from)
{
	const struct hc_board *b = hc_recovery_board(c, env);
	uint32_t pipe;

	if (t->flags & HC_TCB_RECOVERING)
		return c->cwnd + hc_board_sacked_below(b, from);
	if (!c->cc.is_recovering)
		return c->cwnd + hc_cc_limited(t, c);
	// RFC 6675 5, step C: a segment for each that has left the network.
	pipe = hc_board_pipe(b);
	return from - t->snd_una + (c->cwnd >= pipe + c->mss ? c->cwnd - pipe : 0);
}

// Plans what was sent before, as far as the window allows.
static bool plan_again(const struct hc_tcb *t, const struct hc_tcb_cold *c,
		       const struct hc_tcp_env *env, struct hc_seq_range r,
		       struct hc_send_plan *plan)
{
	hc_seq data_end = hc_tcp_sent_data_end(t, c);
	uint32_t len = 0;

	if (r.lo - t->snd_una >= t->snd_wnd)
		return false;
	if (r.hi - t->snd_una > t->snd_wnd)
		r.hi = t->snd_una + t->snd_wnd;
	if (hc_seq_lt(r.lo, data_end))
		len = (hc_seq_lt(r.hi, data_end) ? r.hi : data_end) - r.lo;
	hc_tcp_plan_fast_rtx(c, env, r.lo, len, hc_seq_gt(r.hi, data_end), plan);
	return true;
}

bool hc_recovery_plan_lost(const struct hc_tcb *t, struct hc_tcb_cold *c,
			   const struct hc_tcp_env *env, struct hc_send_plan *plan)
{
	const struct hc_board *b = hc_recovery_board(c, env);
	bool is_first = c->cc.wants_rtx;
	struct hc_seq_range r;

	// RFC 6675 5, step 4.3: the first one whatever cwnd says.
	c->cc.wants_rtx = false;
	if (!is_first && c->cwnd < hc_board_pipe(b) + c->mss)
		return false;
	return hc_board_next_lost(b, c->mss, &r) && plan_again(t, c, env, r, plan);
}

bool hc_recovery_plan_rest(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			   const struct hc_tcp_env *env, struct hc_send_plan *plan)
{
	struct hc_board *b = hc_recovery_board(c, env);
	struct hc_seq_range r;

	if (c->cwnd < hc_board_pipe(b) + c->mss)
		return false;
	if (hc_board_next_unsure(b, c->mss, &r))
		return plan_again(t, c, env, r, plan);
	if (!hc_board_rescue(b, c->mss, &r) || !plan_again(t, c, env, r, plan))
		return false;
	b->has_rescued = true;
	b->rescue = c->cc.recover;
	env->ctr[HC_CTR_rtx_rescue]++;
	return true;
}

void hc_recovery_sent(const struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		      const struct hc_send_plan *plan)
{
	hc_seq end = plan->seq + plan->len + ((plan->flags & HC_TCP_FIN) != 0);
	struct hc_board *b = hc_recovery_board(c, env);

	if (plan->is_rtx)
		b->undo.bytes += end - plan->seq;
	hc_board_sent(b, plan->seq, end, hc_rack_now(env));
}
