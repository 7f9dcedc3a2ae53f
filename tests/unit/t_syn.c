// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// A passive open: from the SYN to a listener over the SYN mini to a TCB in ESTABLISHED, with what
// the options say, what is retransmitted, and what ends it before it began.

#include "tcp/syn.h"

#include "base/rng.h"

#include "fx_tcp.h"

static struct hc_syn_mini mini(const struct hc_seg *syn)
{
	struct hc_tcp_env env = fx_env();
	struct hc_syn_mini m;

	memset(&m, 0, sizeof m);
	hc_syn_open(&m, syn, &env, false, 0);
	return m;
}

static struct hc_syn_mini plain_mini(void)
{
	struct hc_seg syn = fx_syn(&fx_plain, HC_TCP_SYN);

	return mini(&syn);
}

static struct hc_seg segment(const struct hc_syn_mini *m, uint8_t flags)
{
	struct hc_seg seg = {
		.key = fx_key, .flags = flags, .seq = m->irs + 1, .ack = m->iss + 1, .wnd = FX_WND};

	if (m->flags & HC_SYN_TS) {
		seg.opts = HC_OPT_TIMESTAMPS;
		seg.tsval = m->ts_recent;
	}
	return seg;
}

static hc_verdict input(struct hc_syn_mini *m, struct hc_seg *seg)
{
	struct hc_tcp_env env = fx_env();

	return hc_syn_input(m, seg, &env);
}

// The TCB of a mini, with the memory of whoever had it before.
static struct fx_conn promoted(const struct hc_syn_mini *m, const struct hc_seg *seg)
{
	struct hc_tcp_env env = fx_env();
	struct fx_conn x;

	memset(&x, 0, sizeof x);
	memset(&x.c, 0xa5, HC_COLD_FIRST_BYTES);
	x.t.gen = 7;
	x.t.cookie = 0xc00c1e;
	hc_syn_promote(m, seg, &env, &x.t, &x.c);
	return x;
}

static void passive_open_comes_to_established(void)
{
	for (unsigned i = 0; i < 2 * HC_ARRAY_LEN(fx_bases); i++) {
		struct fx_story s = {.irs = fx_bases[i / 2] - 1, .has_ts = i & 1};
		struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
		struct hc_syn_mini m;
		struct hc_seg ack;
		struct fx_conn x, expected;

		UNIT_EQ(hc_syn_check(&syn), 0);
		m = mini(&syn);
		m.timed_at = FX_STAMP - FX_RTT_STAMP;
		m.neigh = 3;
		ack = segment(&m, HC_TCP_ACK);
		UNIT_EQ(input(&m, &ack), HC_DO_PROMOTE);

		x = promoted(&m, &ack);
		s.iss = m.iss;
		expected = fx_established(&s);
		fx_saw(&expected, &ack);
		expected.c.rtx_nxt = m.iss + 1; // Where it stands when nothing was sent again.
		FX_SAME(x, expected);
	}
}

static void mini_takes_the_options_of_the_syn(void)
{
	struct fx_story s = {.irs = 50000, .has_ts = true};
	struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
	struct hc_syn_mini m;

	syn.opts |= HC_OPT_SACK_PERMITTED;
	m = mini(&syn);
	UNIT_EQ(m.flags, HC_SYN_TS | HC_SYN_WSCALE | HC_SYN_SACK);
	UNIT_EQ(m.peer_mss, FX_PEER_MSS);
	UNIT_EQ(m.snd_wscale, FX_WSCALE);
	UNIT_EQ(m.snd_wnd, FX_WND);
	UNIT_EQ(m.ts_recent, FX_TS_PEER);
	UNIT_EQ(m.irs, s.irs);
	UNIT_EQ(m.rto_ms, 1000);
	UNIT_EQ(m.timed_at, FX_STAMP);
	syn = segment(&m, HC_TCP_ACK);
	UNIT_EQ(promoted(&m, &syn).t.flags & HC_TCB_SACK, HC_TCB_SACK);
}

static void options_count_only_when_both_have_them(void)
{
	struct hc_tcp_env env = fx_env();
	struct fx_story s = {.irs = 50000, .has_ts = true};
	struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
	struct hc_syn_mini m;
	struct hc_seg ack;
	struct fx_conn x;

	env.has_timestamps = false;
	env.has_window_scale = false;
	env.has_sack = false;
	syn.opts |= HC_OPT_SACK_PERMITTED;
	memset(&m, 0, sizeof m);
	hc_syn_open(&m, &syn, &env, false, 0);
	UNIT_EQ(m.flags, 0);
	UNIT_EQ(m.snd_wscale, 0);
	ack = segment(&m, HC_TCP_ACK);
	x = promoted(&m, &ack);
	UNIT_EQ(x.t.flags, 0);
	UNIT_EQ(x.c.rcv_wscale, 0); // We scale only when the peer does.
	UNIT_EQ(x.t.snd_wnd, FX_WND);
	UNIT_EQ(x.c.mss, FX_PEER_MSS);
}

static uint16_t mss_for(uint8_t opts, uint16_t mss, bool has_ts)
{
	struct fx_story s = {.irs = 50000, .has_ts = has_ts};
	struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
	struct hc_syn_mini m;
	struct hc_seg ack;

	syn.opts = (uint8_t)((syn.opts & ~HC_OPT_MSS) | opts);
	syn.mss = mss;
	m = mini(&syn);
	ack = segment(&m, HC_TCP_ACK);
	return promoted(&m, &ack).c.mss;
}

static void mss_is_the_smaller_and_536_when_the_peer_says_nothing(void)
{
	UNIT_EQ(mss_for(0, 9999, false), 536); // RFC 9293 3.7.1, MUST-15.
	UNIT_EQ(mss_for(0, 9999, true), 536 - 12);
	UNIT_EQ(mss_for(HC_OPT_MSS, 1400, false), 1400);
	UNIT_EQ(mss_for(HC_OPT_MSS, 1400, true), 1400 - 12);
	UNIT_EQ(mss_for(HC_OPT_MSS, 9000, false), FX_MSS);
	UNIT_EQ(mss_for(HC_OPT_MSS, 65535, true), FX_MSS - 12);
}

static void tiny_mss_does_not_make_us_send_a_thousand_headers(void)
{
	UNIT_EQ(mss_for(HC_OPT_MSS, 0, true), 64);
	UNIT_EQ(mss_for(HC_OPT_MSS, 1, true), 64);
	UNIT_EQ(mss_for(HC_OPT_MSS, 1, false), 76);
}

static void window_scale_above_14_counts_as_14(void) // RFC 7323 2.3.
{
	for (unsigned scale = 13; scale < 256; scale++) {
		struct hc_seg syn = fx_syn(&fx_plain, HC_TCP_SYN);
		struct hc_syn_mini m;
		struct hc_seg ack;

		syn.wscale = (uint8_t)scale;
		m = mini(&syn);
		ack = segment(&m, HC_TCP_ACK);
		ack.wnd = 65535;
		UNIT_EQ(promoted(&m, &ack).t.snd_wnd, 65535u << (scale > 14 ? 14 : scale));
	}
}

static void retransmitted_syn_is_answered_again(void)
{
	struct hc_syn_mini m = plain_mini();
	struct hc_seg syn = fx_syn(&fx_plain, HC_TCP_SYN);
	struct hc_seg ack = segment(&m, HC_TCP_ACK);

	FX_VERDICT(input(&m, &syn), HC_DO_SYNACK, 0, 0);
	UNIT_EQ(fx_ctr[HC_CTR_rtx_synack], 1);
	// Karn: which SYN,ACK is acknowledged nobody knows. RFC 6298 5.7: then 3 s.
	UNIT_EQ(promoted(&m, &ack).c.srtt_us, 0);
	UNIT_EQ(promoted(&m, &ack).c.rto_ms, 3000);
}

// RFC 7323 4.3 (2): the time of the SYN that is answered, and never an older one.
static void retransmitted_syn_has_its_own_time_echoed(void)
{
	struct fx_story s = {.iss = 1000, .irs = 5, .has_ts = true};
	struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
	struct hc_syn_mini m = mini(&syn);
	uint32_t first = syn.tsval;

	UNIT_EQ(m.ts_recent, first);
	syn.tsval = first + 1000;
	FX_VERDICT(input(&m, &syn), HC_DO_SYNACK, 0, 0);
	UNIT_EQ(m.ts_recent, first + 1000);
	syn.tsval = first;
	FX_VERDICT(input(&m, &syn), HC_DO_SYNACK, 0, 0);
	UNIT_EQ(m.ts_recent, first + 1000);
	syn.opts &= (uint8_t)~HC_OPT_TIMESTAMPS;
	syn.tsval = first + 2000;
	FX_VERDICT(input(&m, &syn), HC_DO_SYNACK, 0, 0);
	UNIT_EQ(m.ts_recent, first + 1000);
}

static void handshake_lost_twice_begins_with_one_segment(void) // RFC 5681 3.1, RFC 6928 2.
{
	struct hc_tcp_env env = fx_env();
	struct hc_syn_mini m = plain_mini();
	struct hc_seg ack = segment(&m, HC_TCP_ACK);

	hc_syn_timeout(&m, &env);
	UNIT_EQ(promoted(&m, &ack).c.cwnd, 10 * FX_PEER_MSS);
	hc_syn_timeout(&m, &env);
	UNIT_EQ(promoted(&m, &ack).c.cwnd, FX_PEER_MSS);
}

static void ack_of_something_else_is_reset(void)
{
	struct hc_syn_mini m = plain_mini();
	struct hc_seg seg = segment(&m, HC_TCP_ACK);

	seg.ack++;
	FX_VERDICT(input(&m, &seg), HC_DO_RST_REPLY, HC_CTR_tcp_ack_unsent, 0);
	seg.ack -= 2;
	FX_VERDICT(input(&m, &seg), HC_DO_RST_REPLY, HC_CTR_tcp_ack_unsent, 0);
}

static void rst_leads_back_to_listen_when_exact(void)
{
	struct hc_syn_mini m = plain_mini();
	struct hc_seg seg = segment(&m, HC_TCP_RST);

	seg.seq += 1; // Blind.
	FX_VERDICT(input(&m, &seg), HC_DO_ACK, HC_CTR_tcp_rst_challenged, 0);
	seg.seq += 70000;
	FX_VERDICT(input(&m, &seg), 0, HC_CTR_tcp_rst_out_of_window, 0);
	seg.seq = m.irs;
	seg.payload_len = 10; // Reaches in, but begins before.
	FX_VERDICT(input(&m, &seg), 0, HC_CTR_tcp_rst_out_of_window, 0);
	seg.seq = m.irs + 1;
	FX_VERDICT(input(&m, &seg), HC_DO_FREE, 0, 0);
	UNIT_EQ(fx_ctr[HC_CTR_syn_reset], 1);
}

static void another_syn_in_the_window_is_challenged(void)
{
	struct hc_syn_mini m = plain_mini();
	struct hc_seg seg = segment(&m, HC_TCP_SYN);

	FX_VERDICT(input(&m, &seg), HC_DO_ACK, HC_CTR_tcp_syn_challenged, 0);
	UNIT_EQ(fx_ctr[HC_CTR_tx_challenge_ack], 1);
}

static void synack_is_repeated_with_back_off_and_then_given_up(void)
{
	struct hc_tcp_env env = fx_env();
	struct hc_syn_mini m = plain_mini();
	uint32_t rto_ms = 1000;

	env.rto_max_ms = 10000;
	for (unsigned i = 0; i < env.synack_retries; i++) {
		FX_VERDICT(hc_syn_timeout(&m, &env), HC_DO_SYNACK | HC_DO_TIMER_RTX, 0, 0);
		rto_ms = 2 * rto_ms < 10000 ? 2 * rto_ms : 10000;
		UNIT_EQ(m.rto_ms, rto_ms);
		UNIT_EQ(m.retries, i + 1);
	}
	UNIT_EQ(fx_ctr[HC_CTR_rtx_synack], env.synack_retries);
	FX_VERDICT(hc_syn_timeout(&m, &env), HC_DO_FREE, 0, 0);
	UNIT_EQ(fx_ctr[HC_CTR_syn_expired], 1);
}

static void final_ack_with_request_and_fin_needs_one_more_input(void)
{
	struct hc_syn_mini m = plain_mini();
	struct hc_seg seg = segment(&m, HC_TCP_ACK | HC_TCP_PSH | HC_TCP_FIN);
	struct fx_conn x;

	seg.payload_len = 300;
	UNIT_EQ(input(&m, &seg), HC_DO_PROMOTE);
	x = promoted(&m, &seg);
	FX_VERDICT(fx_input(&x, &seg), HC_DO_DELIVER | HC_DO_ACK | HC_DO_PEER_CLOSED, 0, 0);
	UNIT_EQ(x.t.state, HC_CLOSE_WAIT);
	UNIT_EQ(x.t.rcv_nxt, m.irs + 1 + 300 + 1);
}

// The ACK was lost and the second segment of data came first: its timestamp is not yet ours to
// echo (RFC 7323 4.3), or the first, sent a tick before, would fail PAWS.
static void data_ahead_of_the_final_ack_does_not_move_ts_recent(void)
{
	struct fx_story s = {.irs = 50000, .has_ts = true};
	struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
	struct hc_syn_mini m = mini(&syn);
	struct hc_seg second = segment(&m, HC_TCP_ACK);
	struct hc_seg first = second;
	struct fx_conn x;

	first.payload_len = 100;
	first.tsval += 1;
	second.seq += 100;
	second.payload_len = 100;
	second.tsval += 2;
	UNIT_EQ(input(&m, &second), HC_DO_PROMOTE);
	x = promoted(&m, &second);
	UNIT_EQ(x.t.ts_recent, m.ts_recent);
	FX_VERDICT(fx_input(&x, &second), HC_DO_ACK | HC_DO_HOLD, 0, 0);
	FX_VERDICT(fx_input(&x, &first), HC_DO_DELIVER | HC_DO_ACK, 0, 0);
}

// On random segments close to the final ACK.
static void the_usual_final_ack_is_what_the_whole_input_takes(void)
{
	unsigned taken = 0;
	struct hc_rng rng;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned i = 0; i < 200000; i++) {
		struct fx_story s = {.irs = fx_bases[hc_rng_below(&rng, 3)] - hc_rng_below(&rng, 3),
				     .has_ts = hc_rng_below(&rng, 2)};
		struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
		struct hc_syn_mini m = mini(&syn), before = m;
		struct hc_seg ack = segment(&m, HC_TCP_ACK);

		if (hc_rng_below(&rng, 4) == 0)
			ack.flags ^= (uint8_t)(1u << hc_rng_below(&rng, 8));
		if (hc_rng_below(&rng, 4) == 0)
			ack.seq += hc_rng_below(&rng, 3) - 1;
		if (hc_rng_below(&rng, 4) == 0)
			ack.ack += hc_rng_below(&rng, 3) - 1;
		if (hc_rng_below(&rng, 4) == 0)
			ack.tsval += hc_rng_below(&rng, 3) - 1;
		if (hc_rng_below(&rng, 4) == 0)
			ack.opts ^= HC_OPT_TIMESTAMPS;
		ack.payload_len = (uint16_t)(hc_rng_below(&rng, 4) ? 0 : hc_rng_below(&rng, 1400));
		if (!hc_syn_input_quick(&m, &ack))
			continue;
		taken++;
		UNIT_EXPECT(input(&m, &ack) == HC_DO_PROMOTE);
		UNIT_EXPECT(memcmp(&m, &before, sizeof m) == 0);
	}
	CU_ASSERT(taken > 20000);
}

UNIT_SUITE(syn, UNIT_TEST(the_usual_final_ack_is_what_the_whole_input_takes),
	   UNIT_TEST(passive_open_comes_to_established),
	   UNIT_TEST(mini_takes_the_options_of_the_syn),
	   UNIT_TEST(options_count_only_when_both_have_them),
	   UNIT_TEST(mss_is_the_smaller_and_536_when_the_peer_says_nothing),
	   UNIT_TEST(tiny_mss_does_not_make_us_send_a_thousand_headers),
	   UNIT_TEST(window_scale_above_14_counts_as_14),
	   UNIT_TEST(retransmitted_syn_is_answered_again),
	   UNIT_TEST(retransmitted_syn_has_its_own_time_echoed),
	   UNIT_TEST(handshake_lost_twice_begins_with_one_segment),
	   UNIT_TEST(ack_of_something_else_is_reset),
	   UNIT_TEST(rst_leads_back_to_listen_when_exact),
	   UNIT_TEST(another_syn_in_the_window_is_challenged),
	   UNIT_TEST(synack_is_repeated_with_back_off_and_then_given_up),
	   UNIT_TEST(final_ack_with_request_and_fin_needs_one_more_input),
	   UNIT_TEST(data_ahead_of_the_final_ack_does_not_move_ts_recent));
