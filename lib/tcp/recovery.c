// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See recovery.h.

#include "tcp/recovery.h"

static inline uint32_t now_us(const struct hc_tcp_env *env)
{
	return (uint32_t)(env->now_ns >> 10);
}

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
	c->cc.board = idx;
	c->switches |= HC_SWITCH_BOARD;
	hc_board_init(&env->boards->board[idx], t->snd_una, t->snd_nxt, now_us(env));
	return &env->boards->board[idx];
}

void hc_recovery_release(struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	if (!(c->switches & HC_SWITCH_BOARD))
		return;
	c->switches &= (uint16_t)~HC_SWITCH_BOARD;
	if (!HC_FAULT(scoreboard_lost))
		hc_pool_put(&env->boards->pool, c->cc.board);
}

// RFC 6675 5, step 4.
static void enter(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b,
		  const struct hc_tcp_env *env)
{
	hc_cc_enter_recovery(t, c, env);
	c->cwnd = c->ssthresh;
	b->has_rescued = false;
	hc_board_first_lost(b, c->mss);
}

// An acknowledgment that tells of loss only by what it has SACKed (RFC 6675 5, steps 1 to 3).
static uint32_t disorder(struct hc_tcb *t, struct hc_tcb_cold *c, struct hc_board *b,
			 const struct hc_tcp_env *env)
{
	struct hc_seq_range lost;

	if (!hc_cc_count_dup_ack(t, c))
		return 0;
	(void)hc_board_mark_lost(b, c->mss);
	if (c->cc.dup_acks < HC_DUP_ACKS &&
	    !(hc_board_next_lost(b, c->mss, &lost) && lost.lo == t->snd_una))
		return HC_DO_OUTPUT; // Limited transmit.
	enter(t, c, b, env);
	return HC_DO_OUTPUT | HC_DO_TIMER_RTX;
}

uint32_t hc_recovery_input(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
			   struct hc_tcp_env *env)
{
	unsigned n = seg->opts & HC_OPT_SACK ? env->sack_count : 0;
	struct hc_board *b = hc_recovery_board(c, env);
	struct hc_board_news news = {0};
	uint32_t what = 0;

	// What was not agreed upon means nothing (RFC 2018 2).
	if (!(t->flags & HC_TCB_SACK) || !hc_cc_is_live(c))
		return 0;
	if (!b && (c->cc.is_recovering || n == 0 || !has_plausible_block(t, env)))
		return 0;
	if (!b && !(b = board_take(t, c, env)))
		return 0;
	// A window probe goes out without the scoreboard's knowledge.
	if (hc_seq_lt(hc_board_end(b), t->snd_nxt))
		hc_board_sent(b, hc_board_end(b), t->snd_nxt, now_us(env));
	hc_board_acked(b, t->snd_una, &news);
	if (t->snd_una == t->snd_nxt) {
		hc_recovery_release(c, env);
		return 0;
	}
	hc_board_sack(b, env->sack, n, &news);
	env->ctr[HC_CTR_sack_bad_block] += news.bad_blocks;
	env->ctr[HC_CTR_sack_no_room] += news.ignored;
	env->ctr[HC_CTR_sack_reneged] += news.has_reneged;

	if (t->flags & HC_TCB_RECOVERING) {
		what = HC_DO_OUTPUT;
	} else if (c->cc.is_recovering) {
		(void)hc_board_mark_lost(b, c->mss);
		what = HC_DO_OUTPUT;
	} else if (news.sacked_bytes) {
		what = disorder(t, c, b, env);
	} else if (hc_board_is_blank(b)) {
		hc_recovery_release(c, env);
	}
	return what;
}

void hc_recovery_timeout(const struct hc_tcb_cold *c, const struct hc_tcp_env *env)
{
	struct hc_board *b = hc_recovery_board(c, env);

	if (b && !HC_FAULT(sacked_data_trusted_for_ever))
		hc_board_forget(b);
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

	hc_board_sent(hc_recovery_board(c, env), plan->seq, end, now_us(env));
}
