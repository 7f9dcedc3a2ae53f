// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// SYN cookies: what they carry, how long they live, and that nobody else can make one.

#include "tcp/cookie.h"

#include "base/rng.h"

#include "fx_tcp.h"

#define EPOCH_NS (1ull << HC_COOKIE_EPOCH_SHIFT)

static struct hc_tcp_env env_at(uint64_t now_ns)
{
	struct hc_tcp_env env = fx_env();

	hc_tcp_env_set_ms(&env, now_ns, (uint32_t)(now_ns / 1000000), 777000);
	return env;
}

static struct hc_seg syn_at(hc_seq irs, bool has_ts)
{
	struct fx_story s = {.irs = irs, .has_ts = has_ts};

	return fx_syn(&s, HC_TCP_SYN);
}

// The ACK with which an honest peer answers the SYN,ACK of *m.
static struct hc_seg ack_of(const struct hc_syn_mini *m, uint32_t tsval)
{
	struct hc_seg seg = {.key = fx_key,
			     .flags = HC_TCP_ACK,
			     .seq = m->irs + 1,
			     .ack = m->iss + 1,
			     .wnd = FX_WND};

	if (m->flags & HC_SYN_TS) {
		seg.opts = HC_OPT_TIMESTAMPS;
		seg.tsval = FX_TS_PEER + 1;
		seg.tsecr = tsval;
	}
	return seg;
}

static void a_cookie_brings_back_what_the_syn_said(void)
{
	static const uint16_t mss[][2] = {{0, 76},      {535, 76},    {536, 536},   {1219, 536},
					  {1220, 1220}, {1400, 1400}, {1459, 1440}, {1460, 1460},
					  {8960, 8960}, {65535, 8960}};

	for (unsigned i = 0; i < HC_ARRAY_LEN(mss); i++)
		for (unsigned scale = 0; scale <= 16; scale++)
			for (unsigned sack = 0; sack < 2; sack++) {
				struct hc_tcp_env env = env_at(5 * EPOCH_NS + scale * 777777);
				struct hc_cookies k = {0};
				struct hc_seg syn = syn_at(fx_bases[i % 3] - 1, true);
				struct hc_syn_mini sent, back;
				struct hc_seg ack;
				uint32_t tsval;

				syn.mss = mss[i][0];
				syn.wscale = (uint8_t)scale;
				if (scale == 16)
					syn.opts &= (uint8_t)~HC_OPT_WSCALE;
				if (sack)
					syn.opts |= HC_OPT_SACK_PERMITTED;
				tsval = hc_cookie_make(&k, &syn, &env, &sent);
				ack = ack_of(&sent, tsval);
				UNIT_EXPECT(hc_cookie_may_be(&k, &ack, &env));
				CU_ASSERT_FATAL(hc_cookie_check(&k, &ack, &env, &back));
				UNIT_EXPECT(back.peer_mss == mss[i][1] &&
					    back.peer_mss == sent.peer_mss);
				UNIT_EXPECT(back.flags == sent.flags);
				UNIT_EXPECT(!(back.flags & HC_SYN_SACK) == !sack);
				UNIT_EXPECT(!(back.flags & HC_SYN_WSCALE) == (scale == 16));
				UNIT_EXPECT(back.snd_wscale == (scale == 16  ? 0
								: scale > 14 ? 14
									     : scale));
				UNIT_EXPECT(back.irs == syn.seq && back.iss == sent.iss);
				UNIT_EXPECT(back.ts_recent == ack.tsval);
			}
}

static void without_timestamps_neither_scale_nor_sack_is_agreed_upon(void)
{
	struct hc_tcp_env env = env_at(EPOCH_NS);
	struct hc_cookies k = {0};
	struct hc_seg syn = syn_at(50000, false);
	struct hc_syn_mini sent, back;
	struct hc_seg ack;

	syn.opts |= HC_OPT_SACK_PERMITTED;
	UNIT_EQ(hc_cookie_make(&k, &syn, &env, &sent), env.ts_now);
	UNIT_EQ(sent.flags, HC_SYN_COOKIE);
	ack = ack_of(&sent, 0);
	CU_ASSERT_FATAL(hc_cookie_check(&k, &ack, &env, &back));
	UNIT_EQ(back.flags, HC_SYN_COOKIE);
	UNIT_EQ(back.snd_wscale, 0);
	UNIT_EQ(back.peer_mss, FX_PEER_MSS);
}

// RFC 7323 5.3: what follows the SYN,ACK carries our clock again, and must not look older.
static void the_timestamp_is_never_ahead_of_our_clock_nor_far_behind(void)
{
	for (unsigned i = 0; i < 256; i++) {
		struct hc_tcp_env env = env_at(EPOCH_NS);
		struct hc_cookies k = {0};
		struct hc_seg syn = syn_at(1, true);
		struct hc_syn_mini m;
		uint32_t tsval;

		env.ts_now = i - 128; // Across the wrap.
		syn.wscale = (uint8_t)(i & 15);
		tsval = hc_cookie_make(&k, &syn, &env, &m);
		UNIT_EXPECT(hc_seq_le(tsval, env.ts_now));
		UNIT_EXPECT(env.ts_now - tsval < 32);
	}
}

static void a_promoted_cookie_is_an_ordinary_connection(void)
{
	struct hc_tcp_env env = env_at(EPOCH_NS);
	struct hc_cookies k = {0};
	struct hc_seg syn = syn_at(50000, true);
	struct hc_syn_mini sent, back;
	struct hc_seg ack;
	struct fx_conn x = {0};
	uint32_t tsval = hc_cookie_make(&k, &syn, &env, &sent);

	ack = ack_of(&sent, tsval);
	CU_ASSERT_FATAL(hc_cookie_check(&k, &ack, &env, &back));
	hc_syn_promote(&back, &ack, &env, &x.t, &x.c);
	UNIT_EQ(x.t.state, HC_ESTABLISHED);
	UNIT_EQ(x.t.snd_una, sent.iss + 1);
	UNIT_EQ(x.t.rcv_nxt, 50001);
	UNIT_EQ(x.t.snd_wnd, FX_WND << FX_WSCALE);
	UNIT_EQ(x.c.mss, FX_PEER_MSS - 12);
	UNIT_EQ(x.c.rcv_wscale, env.rcv_wscale);
	// No sample, and no loss either.
	UNIT_EQ(x.c.srtt_us, 0);
	UNIT_EQ(x.c.rto_ms, env.rto_init_ms);
}

// Sent at `made_ns`, brought back at `back_ns`.
static bool is_good_at(uint64_t made_ns, uint64_t back_ns)
{
	struct hc_tcp_env then = env_at(made_ns);
	struct hc_tcp_env now = env_at(back_ns);
	struct hc_cookies k = {0};
	struct hc_seg syn = syn_at(50000, true);
	struct hc_syn_mini sent, back;
	uint32_t tsval = hc_cookie_make(&k, &syn, &then, &sent);
	struct hc_seg ack = ack_of(&sent, tsval);

	// Others go on getting cookies, so that only the key decides.
	syn.key.rport_be = hc_to_be16(1);
	(void)hc_cookie_make(&k, &syn, &now, &sent);
	return hc_cookie_may_be(&k, &ack, &now) && hc_cookie_check(&k, &ack, &now, &back);
}

static void a_cookie_lives_for_its_epoch_and_the_next(void)
{
	static const uint64_t epochs[] = {0, 1, 41, 1u << 27};

	for (unsigned i = 0; i < HC_ARRAY_LEN(epochs); i++) {
		uint64_t first = epochs[i] * EPOCH_NS;
		uint64_t last = first + EPOCH_NS - 1;

		CU_ASSERT(is_good_at(first, first));
		CU_ASSERT(is_good_at(first, last));
		CU_ASSERT(is_good_at(first, last + 1));
		CU_ASSERT(is_good_at(first, last + EPOCH_NS));
		CU_ASSERT_FALSE(is_good_at(first, last + EPOCH_NS + 1));
		CU_ASSERT(is_good_at(last, last + 1));
		CU_ASSERT(is_good_at(last, last + EPOCH_NS));
		CU_ASSERT_FALSE(is_good_at(last, last + EPOCH_NS + 1));
		CU_ASSERT_FALSE(is_good_at(last, last + 100 * EPOCH_NS));
	}
}

static void no_ack_is_looked_at_while_no_cookie_is_out(void)
{
	struct hc_tcp_env env = env_at(7 * EPOCH_NS);
	struct hc_cookies k = {0};
	struct hc_seg syn = syn_at(50000, true);
	struct hc_seg ack = {.key = fx_key, .flags = HC_TCP_ACK};
	struct hc_syn_mini m;

	CU_ASSERT_FALSE(hc_cookie_may_be(&k, &ack, &env));
	(void)hc_cookie_make(&k, &syn, &env, &m);
	CU_ASSERT(hc_cookie_may_be(&k, &ack, &env));
	ack.flags = HC_TCP_ACK | HC_TCP_RST;
	CU_ASSERT_FALSE(hc_cookie_may_be(&k, &ack, &env));
	ack.flags = HC_TCP_ACK | HC_TCP_SYN;
	CU_ASSERT_FALSE(hc_cookie_may_be(&k, &ack, &env));
	ack.flags = HC_TCP_FIN | HC_TCP_PSH;
	CU_ASSERT_FALSE(hc_cookie_may_be(&k, &ack, &env));
	ack.flags = HC_TCP_ACK | HC_TCP_PSH;
	env = env_at(9 * EPOCH_NS - 1);
	CU_ASSERT(hc_cookie_may_be(&k, &ack, &env));
	env = env_at(9 * EPOCH_NS);
	CU_ASSERT_FALSE(hc_cookie_may_be(&k, &ack, &env));
}

static void a_cookie_is_good_for_its_own_connection_alone(void)
{
	struct hc_tcp_env env = env_at(3 * EPOCH_NS);
	struct hc_cookies k = {0};
	struct hc_seg syn = syn_at(50000, true);
	struct hc_syn_mini sent, back;
	uint32_t tsval = hc_cookie_make(&k, &syn, &env, &sent);
	struct hc_seg good = ack_of(&sent, tsval);
	struct hc_seg bad;

	CU_ASSERT(hc_cookie_check(&k, &good, &env, &back));
	for (unsigned bit = 0; bit < 96; bit++) {
		bad = good;
		((uint8_t *)&bad.key)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		UNIT_EXPECT(!hc_cookie_check(&k, &bad, &env, &back));
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		bad = good;
		bad.seq ^= 1u << bit;
		UNIT_EXPECT(!hc_cookie_check(&k, &bad, &env, &back));
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		bad = good;
		bad.ack = ((good.ack - 1) ^ 1u << bit) + 1;
		UNIT_EXPECT(!hc_cookie_check(&k, &bad, &env, &back));
	}
	// Another host's secret.
	env.secret.k[2]++;
	memset(&k, 0, sizeof k);
	CU_ASSERT_FALSE(hc_cookie_check(&k, &good, &env, &back));
}

// A connection that sent nothing but a FIN, or a few bytes, and is over: what its peer still sends
// acknowledges that, and opens nothing.
static void what_lies_behind_a_cookie_is_none(void)
{
	struct hc_tcp_env env = env_at(3 * EPOCH_NS);

	for (unsigned i = 0; i < 512; i++) {
		struct hc_cookies k = {0};
		struct hc_seg syn = syn_at(50000 + i, i % 2);
		struct hc_syn_mini sent, back;
		struct hc_seg ack;
		uint32_t tsval;

		syn.mss = (uint16_t)(i * 16);
		tsval = hc_cookie_make(&k, &syn, &env, &sent);
		ack = ack_of(&sent, tsval);
		for (unsigned sent_bytes = 1; sent_bytes < 9; sent_bytes++) {
			ack.ack++;
			UNIT_EXPECT(!hc_cookie_check(&k, &ack, &env, &back));
		}
	}
}

// 2^-28 a guess: of 2^22 guesses more than one right has a chance of about 10^-4.
static void blind_acks_open_next_to_nothing(void)
{
	struct hc_tcp_env env = env_at(3 * EPOCH_NS);
	struct hc_cookies k = {0};
	struct hc_rng rng;
	struct hc_syn_mini m;
	unsigned opened = 0;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < 1u << 22; i++) {
		uint64_t r = hc_rng_u64(&rng);
		struct hc_seg ack = {.key = fx_key,
				     .flags = HC_TCP_ACK,
				     .seq = (uint32_t)r,
				     .ack = (uint32_t)(r >> 32)};

		opened += hc_cookie_check(&k, &ack, &env, &m);
	}
	CU_ASSERT(opened <= 1);
}

// What one may learn from one's own cookies says nothing about the next: each bit of the cookies of
// neighbouring ports is as often 0 as 1 (5 sigma of 2^16), and differs from the last as often.
static void cookies_of_neighbours_have_nothing_in_common(void)
{
	struct hc_tcp_env env = env_at(3 * EPOCH_NS);
	struct hc_cookies k = {0};
	struct hc_seg syn = syn_at(50000, true);
	unsigned ones[32] = {0}, turns[32] = {0};
	uint32_t last = 0;

	for (unsigned port = 0; port < 65536; port++) {
		struct hc_syn_mini m;

		syn.key.rport_be = hc_to_be16((uint16_t)port);
		(void)hc_cookie_make(&k, &syn, &env, &m);
		for (unsigned bit = 0; bit < 32; bit++) {
			ones[bit] += m.iss >> bit & 1;
			turns[bit] += (m.iss ^ last) >> bit & 1;
		}
		last = m.iss;
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		UNIT_EXPECT(ones[bit] > 32768 - 640 && ones[bit] < 32768 + 640);
		UNIT_EXPECT(turns[bit] > 32768 - 640 && turns[bit] < 32768 + 640);
	}
}

UNIT_SUITE(cookie, UNIT_TEST(a_cookie_brings_back_what_the_syn_said),
	   UNIT_TEST(without_timestamps_neither_scale_nor_sack_is_agreed_upon),
	   UNIT_TEST(the_timestamp_is_never_ahead_of_our_clock_nor_far_behind),
	   UNIT_TEST(a_promoted_cookie_is_an_ordinary_connection),
	   UNIT_TEST(a_cookie_lives_for_its_epoch_and_the_next),
	   UNIT_TEST(no_ack_is_looked_at_while_no_cookie_is_out),
	   UNIT_TEST(a_cookie_is_good_for_its_own_connection_alone),
	   UNIT_TEST(what_lies_behind_a_cookie_is_none), UNIT_TEST(blind_acks_open_next_to_nothing),
	   UNIT_TEST(cookies_of_neighbours_have_nothing_in_common));
