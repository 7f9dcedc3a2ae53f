// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The retransmission timeout against the formulas of RFC 6298 section 2, computed here in floating
// point, and the initial sequence numbers of RFC 6528.

#include "tcp/rtt.h"

#include "base/rng.h"

#include "fx_tcp.h"

#include <math.h>

static struct hc_tcp_env fine_env(void)
{
	struct hc_tcp_env env = fx_env();

	env.rto_min_ms = 1; // So that the formulas show.
	return env;
}

static void first_sample_sets_srtt_and_half_of_it_as_variance(void)
{
	struct hc_tcp_env env = fine_env();
	struct hc_tcb_cold c = {.rto_ms = 1000};

	hc_rtt_sample(&env, &c, 40000);
	UNIT_EQ(c.srtt_us, 40000);
	UNIT_EQ(c.rttvar_us, 20000);
	UNIT_EQ(c.rto_ms, 40 + 4 * 20 + 1); // And the tick that the wheel rounds down.
}

static void later_samples_weigh_an_eighth_and_a_quarter(void)
{
	struct hc_tcp_env env = fine_env();
	struct hc_tcb_cold c = {.srtt_us = 80000, .rttvar_us = 16000};

	hc_rtt_sample(&env, &c, 120000);
	UNIT_EQ(c.rttvar_us, 16000 * 3 / 4 + 40000 / 4);
	UNIT_EQ(c.srtt_us, 80000 * 7 / 8 + 120000 / 8);
	UNIT_EQ(c.rto_ms, (85000 + 4 * 22000) / 1000 + 1);
}

static void random_samples_stay_close_to_the_formulas(void)
{
	struct hc_tcp_env env = fine_env();
	struct hc_rng rng;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned run = 0; run < 200; run++) {
		struct hc_tcb_cold c = {.rto_ms = 1000};
		uint32_t scale = 1u << hc_rng_below(&rng, 23);
		double srtt = 0, rttvar = 0;

		for (unsigned i = 0; i < 100; i++) {
			uint32_t r = 1000 + hc_rng_below(&rng, scale);
			double rto;

			if (i == 0) {
				srtt = r;
				rttvar = r / 2.0;
			} else {
				rttvar = 0.75 * rttvar + 0.25 * fabs(srtt - r);
				srtt = 0.875 * srtt + 0.125 * r;
			}
			hc_rtt_sample(&env, &c, r);
			rto = srtt / 1000 + fmax(1, 4 * rttvar / 1000);
			// Each step rounds by less than 2 us, and an eighth of that is forgotten.
			UNIT_EXPECT(fabs(c.srtt_us - srtt) < 16 + 1);
			UNIT_EXPECT(fabs(c.rttvar_us - rttvar) < 16 + 1);
			UNIT_EXPECT(fabs(c.rto_ms - fmin(rto, env.rto_max_ms)) < 2 ||
				    c.rto_ms == env.rto_min_ms);
		}
	}
}

static void variance_counts_as_at_least_the_clock_granularity(void)
{
	struct hc_tcp_env env = fine_env();
	struct hc_tcb_cold c = {.srtt_us = 5000, .rttvar_us = 0};

	hc_rtt_sample(&env, &c, 5000);
	UNIT_EQ(c.rttvar_us, 0);
	UNIT_EQ(c.rto_ms, 5 + 1 + 1);
}

static void rto_stays_between_its_bounds(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tcb_cold c = {.rto_ms = 1000};

	hc_rtt_sample(&env, &c, 50);
	UNIT_EQ(c.rto_ms, env.rto_min_ms);
	c.srtt_us = 0;
	hc_rtt_sample(&env, &c, 270u * 1000 * 1000); // About what a stamp can tell.
	UNIT_EQ(c.rto_ms, env.rto_max_ms);
}

static void sample_of_nothing_is_still_a_sample(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tcb_cold c = {.rto_ms = 1000};

	hc_rtt_sample(&env, &c, 0);
	UNIT_EQ(c.srtt_us, 1); // 0 stands for "none yet".
	for (unsigned i = 0; i < 100; i++)
		hc_rtt_sample(&env, &c, 0);
	UNIT_EQ(c.srtt_us, 1);
}

static void back_off_doubles_up_to_the_most_and_a_sample_ends_it(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tcb_cold c = {.rto_ms = 1000};
	uint32_t expected = 1000;

	for (unsigned i = 0; i < 10; i++) {
		hc_rtt_back_off(&env, &c);
		expected = expected * 2 < 60000 ? expected * 2 : 60000;
		UNIT_EQ(c.rto_ms, expected);
	}
	hc_rtt_sample(&env, &c, 300000);
	UNIT_EQ(c.rto_ms, 300 + 4 * 150 + 1);
}

static void stamps_count_microseconds_across_their_wrap(void)
{
	UNIT_EQ(hc_stamp_us(15625, 0), 1000); // 64 ns each.
	UNIT_EQ(hc_stamp_us(5, 0xfffffff0u), 21u * 64 / 1000);
	UNIT_EQ(hc_stamp_us(0xffffffffu, 0), 274877906u);
}

static void isn_moves_on_every_4_us_and_never_back(void)
{
	struct hc_tcp_env env = fx_env();
	hc_seq before = hc_tcp_isn(&env, &fx_key);

	for (unsigned i = 0; i < 10000; i++) {
		hc_seq now;

		env.now_ns += 4096;
		now = hc_tcp_isn(&env, &fx_key);
		UNIT_EXPECT(now == before + 1);
		before = now;
	}
	env.now_ns += 1;
	CU_ASSERT(hc_seq_diff(hc_tcp_isn(&env, &fx_key), before) <= 1);
}

static void isn_is_keyed_by_the_secret_and_by_all_of_the_tuple(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tcp_env other = env;
	hc_seq isn = hc_tcp_isn(&env, &fx_key);

	for (unsigned i = 0; i < sizeof fx_key; i++) {
		struct hc_flow_key key = fx_key;

		((uint8_t *)&key)[i] ^= 1;
		CU_ASSERT(hc_tcp_isn(&env, &key) != isn);
	}
	UNIT_EQ(hc_tcp_isn(&other, &fx_key), isn);
	other.secret.k[2] ^= 1;
	CU_ASSERT(hc_tcp_isn(&other, &fx_key) != isn);
}

UNIT_SUITE(rtt, UNIT_TEST(first_sample_sets_srtt_and_half_of_it_as_variance),
	   UNIT_TEST(later_samples_weigh_an_eighth_and_a_quarter),
	   UNIT_TEST(random_samples_stay_close_to_the_formulas),
	   UNIT_TEST(variance_counts_as_at_least_the_clock_granularity),
	   UNIT_TEST(rto_stays_between_its_bounds), UNIT_TEST(sample_of_nothing_is_still_a_sample),
	   UNIT_TEST(back_off_doubles_up_to_the_most_and_a_sample_ends_it),
	   UNIT_TEST(stamps_count_microseconds_across_their_wrap),
	   UNIT_TEST(isn_moves_on_every_4_us_and_never_back),
	   UNIT_TEST(isn_is_keyed_by_the_secret_and_by_all_of_the_tuple));
