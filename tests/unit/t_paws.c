// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// PAWS (RFC 7323 5): old timestamps, across their wrap, and a TS.Recent that days outdated.

#include "fx_tcp.h"

#include "tcp/paws.h"
#include "tcp/quick.h"

static const struct fx_story story = {.iss = 1000, .irs = 50000, .has_ts = true};

// An ACK with this timestamp is taken.
static bool is_taken(struct fx_conn *x, uint32_t tsval)
{
	struct hc_seg seg = fx_seg(x, HC_TCP_ACK);

	seg.tsval = tsval;
	return hc_verdict_drop_of(fx_input(x, &seg)) != HC_CTR_tcp_paws;
}

static void look(struct fx_conn *x, unsigned times)
{
	while (times--)
		hc_paws_look(&x->t, &x->c, 1);
}

static void older_is_refused_on_both_sides_of_the_wrap(void)
{
	static const uint32_t recent[] = {1, 0, UINT32_MAX, 0x80000000u};

	for (unsigned i = 0; i < HC_ARRAY_LEN(recent); i++) {
		struct fx_conn x = fx_established(&story);

		x.t.ts_recent = recent[i];
		CU_ASSERT(!is_taken(&x, recent[i] - 1));
		CU_ASSERT(!is_taken(&x, recent[i] - 0x7fffffffu));
		UNIT_EQ(x.t.ts_recent, recent[i]);
		CU_ASSERT(is_taken(&x, recent[i]));
		CU_ASSERT(is_taken(&x, recent[i] + 1));
		UNIT_EQ(x.t.ts_recent, recent[i] + 1);
		CU_ASSERT(is_taken(&x, recent[i] + 1 + 0x7fffffffu));
		UNIT_EQ(x.t.ts_recent, recent[i] + 0x80000000u);
		CU_ASSERT(!is_taken(&x, recent[i] + 1));
	}
}

static void after_24_days_of_silence_any_timestamp_is_good(void)
{
	struct fx_conn x = fx_established(&story);
	uint32_t old = x.t.ts_recent - 5;

	look(&x, 8); // 7 intervals and some: 22 to 25 days.
	CU_ASSERT(!is_taken(&x, old));
	look(&x, 1);
	CU_ASSERT(x.c.receiving & HC_RECEIVING_TS_OUTDATED);
	CU_ASSERT(is_taken(&x, old));
	UNIT_EQ(x.t.ts_recent, old);
	CU_ASSERT(!(x.c.receiving & HC_RECEIVING_TS_OUTDATED));
	CU_ASSERT(!is_taken(&x, old - 1)); // Once.
}

static void one_segment_in_that_time_begins_it_anew(void)
{
	struct fx_conn x = fx_established(&story);
	uint32_t recent = x.t.ts_recent + 1;

	look(&x, 8);
	CU_ASSERT(is_taken(&x, recent));
	look(&x, 8);
	CU_ASSERT(!is_taken(&x, recent - 1));
	look(&x, 1);
	CU_ASSERT(is_taken(&x, recent - 1));
}

// A clock that jumps: nothing was received meanwhile.
static void several_looks_at_once_count(void)
{
	struct fx_conn x = fx_established(&story);

	look(&x, 1);
	hc_paws_look(&x.t, &x.c, 1000);
	CU_ASSERT(is_taken(&x, x.t.ts_recent - 5));
}

// What is in flight keeps rtx_nxt, and no state before ESTABLISHED is looked at.
static void only_who_is_idle_is_looked_at(void)
{
	struct fx_conn x = fx_established(&story);
	struct fx_conn before;

	fx_queued(&x, 1000);
	fx_in_flight(&x, 1000);
	before = x;
	look(&x, 20);
	FX_SAME(x, before);
	x = fx_syn_sent(&story);
	before = x;
	look(&x, 20);
	FX_SAME(x, before);
	x = fx_established(&fx_plain); // Without timestamps.
	before = x;
	look(&x, 20);
	FX_SAME(x, before);
}

// Prediction leaves to hc_tcp_input() what is outdated, of a connection with data.
static void prediction_looks_closer(void)
{
	struct fx_conn x = fx_established(&story);
	struct hc_tcp_env env = fx_env();
	struct hc_seg seg;
	uint32_t what;

	x.t.flags |= HC_TCB_DATA;
	look(&x, 9);
	seg = fx_seg(&x, HC_TCP_ACK);
	seg.payload_len = 10;
	CU_ASSERT(!hc_tcp_input_quick_data(&x.t, &x.c, &seg, &env, x.t.state, &what));
	CU_ASSERT(is_taken(&x, x.t.ts_recent));
	seg = fx_seg(&x, HC_TCP_ACK);
	seg.payload_len = 10;
	CU_ASSERT(hc_tcp_input_quick_data(&x.t, &x.c, &seg, &env, x.t.state, &what));
}

UNIT_SUITE(paws, UNIT_TEST(older_is_refused_on_both_sides_of_the_wrap),
	   UNIT_TEST(after_24_days_of_silence_any_timestamp_is_good),
	   UNIT_TEST(one_segment_in_that_time_begins_it_anew),
	   UNIT_TEST(several_looks_at_once_count), UNIT_TEST(only_who_is_idle_is_looked_at),
	   UNIT_TEST(prediction_looks_closer));
