// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The allowance of challenge ACKs (RFC 5961 7): full from the first millisecond of a worker, spent
// once, full again in the next 128 ms, and counted by kind when it refuses.

#include "tcp/challenge.h"

#include "runner.h"

static uint64_t ctr[HC_CTR_COUNT];

// As calloc() leaves it.
static struct hc_tcp_env fx_env(void)
{
	memset(ctr, 0, sizeof ctr);
	return (struct hc_tcp_env){.ctr = ctr};
}

static unsigned challenges_taken(struct hc_tcp_env *env)
{
	unsigned taken = 0;

	while (hc_tcp_may_challenge(env))
		taken++;
	return taken;
}

static void a_new_worker_has_its_allowance(void)
{
	static const uint32_t first_ms[] = {0, 1, 127, 128, 0x7fffffff, 0xffffffff};

	for (unsigned i = 0; i < HC_ARRAY_LEN(first_ms); i++) {
		struct hc_tcp_env env = fx_env();

		env.now_ms = first_ms[i];
		UNIT_EQ(challenges_taken(&env), HC_CHALLENGES_PER_EPOCH);
	}
}

static void it_is_renewed_every_128_ms(void)
{
	struct hc_tcp_env env = fx_env();

	env.now_ms = 256;
	UNIT_EQ(challenges_taken(&env), HC_CHALLENGES_PER_EPOCH);
	env.now_ms = 383;
	UNIT_EQ(challenges_taken(&env), 0);
	env.now_ms = 384;
	UNIT_EQ(challenges_taken(&env), HC_CHALLENGES_PER_EPOCH);
}

static void what_is_refused_is_counted_by_kind(void)
{
	struct hc_tcp_env env = fx_env();

	UNIT_EQ(hc_tcp_challenge(&env, HC_CTR_tcp_rst_challenged),
		hc_verdict_drop(HC_DO_ACK, HC_CTR_tcp_rst_challenged));
	UNIT_EQ(hc_tcp_limited_ack(&env, HC_CTR_tcp_out_of_window),
		hc_verdict_drop(HC_DO_ACK, HC_CTR_tcp_out_of_window));
	UNIT_EQ(challenges_taken(&env), HC_CHALLENGES_PER_EPOCH - 2);
	UNIT_EQ(hc_tcp_challenge(&env, HC_CTR_tcp_syn_challenged),
		hc_verdict_drop(0, HC_CTR_tcp_syn_challenged));
	UNIT_EQ(hc_tcp_limited_ack(&env, HC_CTR_tcp_paws), hc_verdict_drop(0, HC_CTR_tcp_paws));
	UNIT_EQ(ctr[HC_CTR_tx_challenge_ack], 1);
	UNIT_EQ(ctr[HC_CTR_tx_challenge_limited], 1);
	UNIT_EQ(ctr[HC_CTR_tx_ack_limited], 1);
}

UNIT_SUITE(challenge, UNIT_TEST(a_new_worker_has_its_allowance),
	   UNIT_TEST(it_is_renewed_every_128_ms), UNIT_TEST(what_is_refused_is_counted_by_kind));
