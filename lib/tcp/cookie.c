// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See cookie.h for what a cookie is made of.

#include "tcp/cookie.h"

#define COOKIE_LABEL     0x53594e20636f6f6bull // Keeps the keys apart from other uses of the secret.
#define COOKIE_MSS_BITS  3u
#define COOKIE_MSS_MASK  7u
#define COOKIE_OPT_MASK  31u // Of TSval: window scale, and SACK above it.
#define COOKIE_NO_WSCALE 15u
#define COOKIE_SACK      16u

// What is sent to a peer is never larger than what it announced, and close to what is common. The
// first is the least hc_tcp_mss() goes down to.
static const uint16_t mss_table[COOKIE_MSS_MASK + 1] = {76,   536,  1220, 1380,
							1400, 1440, 1460, 8960};

// The keys of the epoch it is.
static void keys_turn(struct hc_cookies *k, const struct hc_tcp_env *env)
{
	hc_keys_turn(&k->keys, &env->secret, (uint32_t)(env->now_ns >> HC_COOKIE_EPOCH_SHIFT),
		     COOKIE_LABEL);
}

static uint64_t cookie_hash(const struct hc_hash_secret *key, const struct hc_flow_key *flow,
			    hc_seq irs)
{
	uint64_t ports = hc_load32((const uint8_t *)flow + 8);

	return hc_siphash(key, hc_load64(flow), (uint64_t)irs << 32 | ports);
}

// The cookie of this hash that says `idx`: three bits that hide it, and 29 of the hash that are
// others for every idx, so that a number close to a cookie is none.
static uint32_t cookie_of(uint64_t hash, unsigned idx)
{
	unsigned shift = HC_FAULT(cookie_index_unprotected) ? 0 : 4 * idx;

	return (uint32_t)(hash >> shift) << COOKIE_MSS_BITS |
	       (idx ^ (unsigned)(hash >> (64 - COOKIE_MSS_BITS)));
}

// @return what the cookie says, or more than COOKIE_MSS_MASK when it is not one of this hash.
static unsigned cookie_read(uint64_t hash, uint32_t cookie)
{
	unsigned idx = (cookie ^ (unsigned)(hash >> (64 - COOKIE_MSS_BITS))) & COOKIE_MSS_MASK;

	return cookie == cookie_of(hash, idx) ? idx : COOKIE_MSS_MASK + 1;
}

static unsigned mss_idx(uint16_t mss)
{
	unsigned i = HC_ARRAY_LEN(mss_table) - 1;

	while (i > 0 && mss_table[i] > mss)
		i--;
	return i;
}

// Our clock, with the options in its low bits, and never ahead of it: what is sent next must not
// look older to the peer (RFC 7323 5.3).
static uint32_t tsval_with(uint32_t ts_now, uint32_t opts)
{
	uint32_t tsval = (ts_now & ~COOKIE_OPT_MASK) | opts;

	return hc_seq_gt(tsval, ts_now) ? tsval - (COOKIE_OPT_MASK + 1) : tsval;
}

uint32_t hc_cookie_make(struct hc_cookies *k, const struct hc_seg *syn,
			const struct hc_tcp_env *env, struct hc_syn_mini *m)
{
	uint32_t opts = COOKIE_NO_WSCALE;
	unsigned idx;

	keys_turn(k, env);
	k->sent_epoch = k->keys.epoch;
	k->has_sent = true;
	memset(m, 0, sizeof *m);
	hc_syn_open(m, syn, env, false, 0);
	m->flags |= HC_SYN_COOKIE;
	m->flags &= (uint16_t)~HC_SYN_ECN;
	if (!(m->flags & HC_SYN_TS))
		m->flags &= (uint16_t) ~(HC_SYN_WSCALE | HC_SYN_SACK);
	if (m->flags & HC_SYN_WSCALE)
		opts = m->snd_wscale;
	if (m->flags & HC_SYN_SACK)
		opts |= COOKIE_SACK;
	idx = mss_idx(m->peer_mss);
	m->peer_mss = mss_table[idx];
	m->iss = cookie_of(cookie_hash(&k->keys.key[0], &syn->key, syn->seq), idx);
	return m->flags & HC_SYN_TS ? tsval_with(env->ts_now, opts) : env->ts_now;
}

bool hc_cookie_check(struct hc_cookies *k, const struct hc_seg *ack, const struct hc_tcp_env *env,
		     struct hc_syn_mini *m)
{
	hc_seq irs = ack->seq - 1;
	hc_seq iss = ack->ack - 1;
	uint32_t opts = COOKIE_NO_WSCALE;
	unsigned idx;

	keys_turn(k, env);
	idx = cookie_read(cookie_hash(&k->keys.key[0], &ack->key, irs), iss);
	if (idx > COOKIE_MSS_MASK)
		idx = cookie_read(cookie_hash(&k->keys.key[1], &ack->key, irs), iss);
	if (idx > COOKIE_MSS_MASK)
		return false;
	memset(m, 0, sizeof *m);
	m->key = ack->key;
	m->flags = HC_SYN_COOKIE;
	if (env->has_timestamps && ack->opts & HC_OPT_TIMESTAMPS) {
		m->flags |= HC_SYN_TS;
		m->ts_recent = ack->tsval;
		opts = ack->tsecr & COOKIE_OPT_MASK;
	}
	if (opts & COOKIE_SACK)
		m->flags |= HC_SYN_SACK;
	if (env->has_window_scale && (opts & COOKIE_NO_WSCALE) != COOKIE_NO_WSCALE) {
		m->flags |= HC_SYN_WSCALE;
		m->snd_wscale = (uint8_t)(opts & COOKIE_NO_WSCALE);
	}
	m->irs = irs;
	m->iss = iss;
	m->timed_at = env->stamp;
	m->rto_ms = env->rto_init_ms;
	m->peer_mss = mss_table[idx];
	return true;
}
