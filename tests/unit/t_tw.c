// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// TIME-WAIT: what ends it early (RFC 6191 and nothing else), what begins it anew, what it answers,
// and the ring of minis in the order of their deadlines.

#include "tcp/tw.h"

#include "tcp/syn.h"

#include "base/rng.h"

#include "fx_tcp.h"

static struct hc_tw_mini mini(bool has_ts)
{
	struct fx_story s = {.iss = 1000, .irs = 50000, .has_ts = has_ts};
	struct fx_conn x = fx_time_wait(&s);
	struct hc_tw_mini m;

	hc_tw_open(&m, &x.t, 4000, 65535);
	return m;
}

static struct hc_seg segment(const struct hc_tw_mini *m, uint8_t flags, int32_t seq_off)
{
	struct hc_seg seg = {.key = m->key,
			     .flags = flags,
			     .seq = m->rcv_nxt + (uint32_t)seq_off,
			     .ack = m->snd_nxt,
			     .wnd = FX_WND};

	if (m->flags & HC_TW_TS) {
		seg.opts = HC_OPT_TIMESTAMPS;
		seg.tsval = m->ts_recent;
	}
	return seg;
}

static hc_verdict input(struct hc_tw_mini *m, const struct hc_seg *seg)
{
	struct hc_tcp_env env = fx_env();

	return hc_tw_input(m, seg, true, &env);
}

static void mini_keeps_what_an_answer_needs(void)
{
	struct fx_story s = {.iss = 1, .irs = 9, .has_ts = true, .flags = HC_TCB_ACTIVE};
	struct fx_conn x = fx_time_wait(&s);
	struct hc_tw_mini m;

	hc_tw_open(&m, &x.t, 4000, 0x1237);
	UNIT_EQ_BYTES(&m.key, &fx_key, sizeof m.key);
	UNIT_EQ(m.snd_nxt, s.iss + 2);
	UNIT_EQ(m.rcv_nxt, s.irs + 2);
	UNIT_EQ(m.ts_recent, FX_TS_PEER);
	UNIT_EQ(m.deadline_ms, 4000);
	UNIT_EQ(m.neigh, x.t.neigh);
	UNIT_EQ(m.flags & (HC_TW_LIVE | HC_TW_TS | HC_TW_ACTIVE), 7);
	UNIT_EQ(hc_tw_wnd(&m), 0x1231); // To within 15.
}

// What was all or nothing stays so.
static void window_keeps_its_ends(void)
{
	static const uint16_t wnds[] = {0, 0xffff};
	struct fx_story s = {.iss = 1, .irs = 9};
	struct fx_conn x = fx_time_wait(&s);
	struct hc_tw_mini m;

	for (unsigned i = 0; i < 2; i++) {
		hc_tw_open(&m, &x.t, 4000, wnds[i]);
		UNIT_EQ(hc_tw_wnd(&m), wnds[i]);
	}
}

static void rst_does_not_end_time_wait(void) // RFC 1337 3, F1.
{
	struct hc_tw_mini m = mini(false);
	struct hc_seg seg = segment(&m, HC_TCP_RST, 0);

	FX_VERDICT(input(&m, &seg), 0, HC_CTR_tcp_time_wait_old, 0);
	seg.flags |= HC_TCP_ACK;
	FX_VERDICT(input(&m, &seg), 0, HC_CTR_tcp_time_wait_old, 0);
}

static void retransmitted_fin_is_acknowledged_and_begins_2_msl_anew(void)
{
	struct hc_tw_mini m = mini(false);
	struct hc_seg seg = segment(&m, HC_TCP_FIN | HC_TCP_ACK, -1);

	FX_VERDICT(input(&m, &seg), HC_DO_ACK | HC_DO_TW_RESTART, 0, 0);
	UNIT_EQ(fx_ctr[HC_CTR_tw_restarted], 1);
	seg.seq -= 500; // With the data before it.
	seg.payload_len = 500;
	FX_VERDICT(input(&m, &seg), HC_DO_ACK | HC_DO_TW_RESTART, 0, 0);
	seg.seq -= 1; // Not ours: one too early.
	FX_VERDICT(input(&m, &seg), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
	seg = segment(&m, HC_TCP_FIN, -1); // No ACK: no retransmission of anything.
	FX_VERDICT(input(&m, &seg), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
}

static void plain_ack_is_not_answered(void)
{
	struct hc_tw_mini m = mini(false);
	struct hc_seg seg = segment(&m, HC_TCP_ACK, 0);

	FX_VERDICT(input(&m, &seg), 0, HC_CTR_tcp_time_wait_old, 0);
}

// RFC 9293 3.10.7.4, fifth, of what passed the first check.
static void what_has_no_ack_is_not_answered_in_the_window(void)
{
	static const struct {
		int32_t seq_off;
		uint16_t payload_len;
		uint8_t flags;
		bool is_answered;
	} cases[] = {
		{0, 0, HC_TCP_FIN, false},    {0, 0, 0, false},
		{0, 100, 0, false},           {-50, 100, HC_TCP_PSH, false},
		{2047, 0, HC_TCP_FIN, false}, {2048, 0, HC_TCP_FIN, true},
		{2048, 0, 0, true},           {-1, 0, HC_TCP_FIN, true},
		{-100, 100, 0, true},         {-100, 100, HC_TCP_FIN, false},
	};
	struct fx_story s = {.iss = 1000, .irs = 50000};
	struct fx_conn x = fx_time_wait(&s);
	struct hc_tw_mini m;

	hc_tw_open(&m, &x.t, 4000, 2048);
	for (unsigned i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_seg seg = segment(&m, cases[i].flags, cases[i].seq_off);

		seg.payload_len = cases[i].payload_len;
		FX_VERDICT(input(&m, &seg), cases[i].is_answered ? HC_DO_ACK : 0,
			   cases[i].is_answered ? HC_CTR_tcp_time_wait_old : HC_CTR_tcp_no_ack, 0);
	}
	hc_tw_open(&m, &x.t, 4000, 0); // A closed window takes no text.
	struct hc_seg fin = segment(&m, HC_TCP_FIN, 0);
	FX_VERDICT(input(&m, &fin), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
}

static void old_data_is_told_where_we_stand(void)
{
	struct hc_tw_mini m = mini(false);
	struct hc_seg seg = segment(&m, HC_TCP_ACK, -1000);

	seg.payload_len = 100;
	FX_VERDICT(input(&m, &seg), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
}

static void answers_share_the_limit_of_challenges(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tw_mini m = mini(false);
	struct hc_seg seg = segment(&m, HC_TCP_ACK, -1000);
	unsigned answered = 0;

	for (unsigned i = 0; i < 2 * HC_CHALLENGES_PER_EPOCH; i++)
		answered += fx_what(hc_tw_input(&m, &seg, true, &env)) == HC_DO_ACK;
	UNIT_EQ(answered, HC_CHALLENGES_PER_EPOCH);
	UNIT_EQ(fx_ctr[HC_CTR_tx_ack_limited], HC_CHALLENGES_PER_EPOCH);
}

static void timestamps_are_still_checked(void)
{
	struct hc_tw_mini m = mini(true);
	struct hc_seg seg = segment(&m, HC_TCP_FIN | HC_TCP_ACK, -1);

	seg.tsval--;
	FX_VERDICT(input(&m, &seg), HC_DO_ACK, HC_CTR_tcp_paws, 0);
	seg.opts = 0;
	FX_VERDICT(input(&m, &seg), 0, HC_CTR_tcp_no_timestamp, 0);
}

// All the cases of RFC 6191 section 2, in its order.
static void syn_begins_anew_by_rfc_6191_alone(void)
{
	static const struct {
		bool had_ts;
		bool has_ts;
		int32_t ts_off;
		int32_t seq_off;
		bool is_honoured;
	} cases[] = {
		{true, true, 1, -5000, true},      // A later timestamp: whatever the number.
		{true, true, 0x7fffffff, 0, true}, //
		{true, true, 0, 1, true},          // The same: a larger number.
		{true, true, 0, 0, false},         //
		{true, true, 0, -1, false},        //
		{true, true, -1, 5000, false},     // An earlier one: never.
		{true, false, 0, 1, true},         // None any more: a larger number.
		{true, false, 0, 0, false},        //
		{true, false, 0, -1, false},       //
		{false, true, 0, -5000, true},     // None before: PAWS tells them apart.
		{false, false, 0, 1, true},        // Never any: RFC 9293 3.6.1.
		{false, false, 0, 0, false},       //
		{false, false, 0, -1, false},
	};

	for (unsigned i = 0; i < HC_ARRAY_LEN(cases); i++) {
		struct hc_tw_mini m = mini(cases[i].had_ts);
		struct hc_seg seg = segment(&m, HC_TCP_SYN, cases[i].seq_off);

		seg.opts = cases[i].has_ts ? HC_OPT_TIMESTAMPS : 0;
		seg.tsval = m.ts_recent + (uint32_t)cases[i].ts_off;
		UNIT_EQ(input(&m, &seg) == HC_DO_NEW_SYN, cases[i].is_honoured);
	}
}

static void timestamps_of_a_syn_do_not_count_when_we_use_none(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tw_mini m = mini(false);
	struct hc_seg seg = segment(&m, HC_TCP_SYN, -5000);

	env.has_timestamps = false;
	seg.opts = HC_OPT_TIMESTAMPS;
	FX_VERDICT(hc_tw_input(&m, &seg, true, &env), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
}

static void syn_without_a_listener_begins_nothing(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tw_mini m = mini(false);
	struct hc_seg seg = segment(&m, HC_TCP_SYN, 1000);

	FX_VERDICT(hc_tw_input(&m, &seg, false, &env), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
	seg.flags |= HC_TCP_ACK;
	FX_VERDICT(hc_tw_input(&m, &seg, true, &env), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
	seg.flags = HC_TCP_SYN | HC_TCP_FIN;
	FX_VERDICT(hc_tw_input(&m, &seg, true, &env), HC_DO_ACK, HC_CTR_tcp_time_wait_old, 0);
}

static void next_connection_numbers_above_the_last(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_seg syn = fx_syn(&fx_plain, HC_TCP_SYN);
	struct hc_syn_mini y;
	hc_seq isn = hc_tcp_isn(&env, &fx_key);

	hc_syn_open(&y, &syn, &env, true, isn + 500);
	UNIT_EQ(y.iss, isn + 501);
	hc_syn_open(&y, &syn, &env, true, isn);
	UNIT_EQ(y.iss, isn + 1);
	hc_syn_open(&y, &syn, &env, true, isn - 1);
	UNIT_EQ(y.iss, isn);
	hc_syn_open(&y, &syn, &env, false, isn + 500);
	UNIT_EQ(y.iss, isn);
}

#define RING_CAP 6u // In 8 slots.

static struct hc_tw_mini ring_memory[8];

static uint32_t push(struct hc_tw_ring *r, uint32_t deadline_ms)
{
	uint32_t idx = hc_tw_ring_push(r);

	if (idx != HC_IDX_NONE) {
		r->mini[idx] = mini(false);
		r->mini[idx].deadline_ms = deadline_ms;
	}
	return idx;
}

static void ring_gives_back_in_the_order_of_entry(void)
{
	struct hc_tw_ring r;
	uint32_t now_ms = 0xfffffffcu; // The tick wraps on the way.

	UNIT_EQ(hc_tw_ring_size(RING_CAP), HC_ARRAY_LEN(ring_memory));
	hc_tw_ring_init(&r, ring_memory, RING_CAP);
	UNIT_EQ(hc_tw_ring_due(&r, now_ms), HC_IDX_NONE);
	for (unsigned i = 0; i < RING_CAP; i++)
		CU_ASSERT(push(&r, now_ms + i) != HC_IDX_NONE);
	UNIT_EQ(r.live_count, RING_CAP);
	for (unsigned i = 0; i < RING_CAP; i++) {
		uint32_t idx = hc_tw_ring_due(&r, now_ms + i);

		UNIT_EQ(r.mini[idx].deadline_ms, now_ms + i);
		hc_tw_ring_drop(&r, idx);
		UNIT_EQ(hc_tw_ring_due(&r, now_ms + i), HC_IDX_NONE); // The next is not due.
	}
	UNIT_EQ(r.live_count, 0);
}

static void full_ring_refuses_until_its_head_moves(void)
{
	struct hc_tw_ring r;
	uint32_t idx[RING_CAP];

	hc_tw_ring_init(&r, ring_memory, RING_CAP);
	for (unsigned i = 0; i < RING_CAP; i++)
		idx[i] = push(&r, i);
	UNIT_EQ(push(&r, 99), HC_IDX_NONE);
	UNIT_EQ(r.live_count, RING_CAP);
	hc_tw_ring_drop(&r, idx[2]); // A hole: room comes only from the head.
	UNIT_EQ(push(&r, 99), HC_IDX_NONE);
	hc_tw_ring_drop(&r, idx[0]);
	CU_ASSERT(push(&r, 99) != HC_IDX_NONE);
	hc_tw_ring_drop(&r, idx[1]); // The head passes the hole as well.
	UNIT_EQ(hc_tw_ring_due(&r, 3), idx[3]);
	CU_ASSERT(push(&r, 99) != HC_IDX_NONE);
	CU_ASSERT(push(&r, 99) != HC_IDX_NONE);
	UNIT_EQ(push(&r, 99), HC_IDX_NONE);
}

static void hole_is_nobodys(void)
{
	static const struct hc_flow_key nobody;
	struct hc_tw_ring r;
	uint32_t idx;

	hc_tw_ring_init(&r, ring_memory, RING_CAP);
	idx = push(&r, 1);
	CU_ASSERT(push(&r, 2) != HC_IDX_NONE);
	hc_tw_ring_drop(&r, idx);
	UNIT_EQ(r.mini[idx].flags, 0);
	UNIT_EQ_BYTES(&r.mini[idx].key, &nobody, sizeof nobody);
}

// Against a list that is searched: any order of entry, early end and expiry.
static void random_use_of_the_ring_agrees_with_a_model(void)
{
	struct hc_tw_ring r;
	struct hc_rng rng;
	uint32_t model[8]; // Deadlines of the live ones by index, 0: none.
	uint32_t now_ms = 1;

	memset(model, 0, sizeof model);
	hc_rng_seed(&rng, unit_seed());
	hc_tw_ring_init(&r, ring_memory, RING_CAP);
	for (unsigned step = 0; step < 100000; step++, now_ms++) {
		uint32_t idx = hc_rng_below(&rng, 8);
		uint32_t live_count = 0;

		if (hc_rng_below(&rng, 2)) {
			uint32_t new_idx = push(&r, now_ms + 10);

			if (new_idx != HC_IDX_NONE) {
				UNIT_EXPECT(model[new_idx] == 0);
				model[new_idx] = now_ms + 10;
			}
		} else if (model[idx]) {
			hc_tw_ring_drop(&r, idx);
			model[idx] = 0;
		}
		while ((idx = hc_tw_ring_due(&r, now_ms)) != HC_IDX_NONE) {
			UNIT_EXPECT(model[idx] && model[idx] <= now_ms);
			model[idx] = 0;
			hc_tw_ring_drop(&r, idx);
		}
		for (unsigned i = 0; i < 8; i++) {
			UNIT_EXPECT(model[i] == 0 || model[i] > now_ms);
			live_count += model[i] != 0;
		}
		UNIT_EXPECT(r.live_count == live_count);
	}
}

UNIT_SUITE(tw, UNIT_TEST(mini_keeps_what_an_answer_needs), UNIT_TEST(window_keeps_its_ends),
	   UNIT_TEST(rst_does_not_end_time_wait),
	   UNIT_TEST(retransmitted_fin_is_acknowledged_and_begins_2_msl_anew),
	   UNIT_TEST(plain_ack_is_not_answered),
	   UNIT_TEST(what_has_no_ack_is_not_answered_in_the_window),
	   UNIT_TEST(old_data_is_told_where_we_stand),
	   UNIT_TEST(answers_share_the_limit_of_challenges),
	   UNIT_TEST(timestamps_are_still_checked), UNIT_TEST(syn_begins_anew_by_rfc_6191_alone),
	   UNIT_TEST(timestamps_of_a_syn_do_not_count_when_we_use_none),
	   UNIT_TEST(syn_without_a_listener_begins_nothing),
	   UNIT_TEST(next_connection_numbers_above_the_last),
	   UNIT_TEST(ring_gives_back_in_the_order_of_entry),
	   UNIT_TEST(full_ring_refuses_until_its_head_moves), UNIT_TEST(hole_is_nobodys),
	   UNIT_TEST(random_use_of_the_ring_agrees_with_a_model));
