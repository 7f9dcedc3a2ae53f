// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See fastopen.h.

#include "tcp/fastopen.h"

#include "tcp/liveness.h"
#include "tcp/rtt.h"

#define FASTOPEN_LABEL 0x666173742d6f7065ull // Keeps the keys apart from other uses of the secret.

// The keys of the epoch it is, by the clock that goes on from run to run: so do the cookies.
static void keys_turn(struct hc_turning_keys *k, const struct hc_tcp_env *env)
{
	hc_keys_turn(k, &env->secret,
		     (uint32_t)((env->now_ns + env->clock_base_ns) >> HC_FASTOPEN_EPOCH_SHIFT),
		     FASTOPEN_LABEL);
}

static void cookie_make(const struct hc_hash_secret *key, const struct hc_flow_key *flow,
			uint8_t cookie[HC_FASTOPEN_COOKIE_BYTES])
{
	uint64_t addrs = hc_load64(flow);

	if (HC_FAULT(cookie_of_anybody))
		addrs = 0;
	hc_store64(cookie, hc_siphash(key, addrs, FASTOPEN_LABEL));
}

void hc_fastopen_make(struct hc_turning_keys *k, const struct hc_flow_key *flow,
		      const struct hc_tcp_env *env, uint8_t cookie[HC_FASTOPEN_COOKIE_BYTES])
{
	keys_turn(k, env);
	cookie_make(&k->key[0], flow, cookie);
}

enum hc_fastopen_answer hc_fastopen_check(struct hc_turning_keys *k, const struct hc_flow_key *flow,
					  const struct hc_tcp_env *env, const uint8_t *cookie,
					  uint32_t len)
{
	uint8_t right[HC_FASTOPEN_COOKIE_BYTES];

	if (len != sizeof right)
		return HC_FASTOPEN_WRONG;
	keys_turn(k, env);
	for (unsigned i = 0; i < 2; i++) {
		cookie_make(&k->key[i], flow, right);
		if (hc_load64(cookie) == hc_load64(right))
			return i ? HC_FASTOPEN_OLD : HC_FASTOPEN_RIGHT;
	}
	return HC_FASTOPEN_WRONG;
}

struct hc_fastopen_peer *hc_fastopen_find(struct hc_fastopen_cache *c, hc_be32 addr_be,
					  uint32_t now_ms)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct hc_fastopen_peer *p = &c->peer[i];

		if (p->addr_be != addr_be)
			continue;
		p->used_ms = now_ms;
		if (p->is_off && hc_seq_ge(now_ms, p->off_until_ms))
			p->is_off = false;
		return p;
	}
	return NULL;
}

// A place for a server not known yet: the one not used for longest.
static struct hc_fastopen_peer *peer_add(struct hc_fastopen_cache *c, hc_be32 addr_be,
					 uint32_t now_ms)
{
	struct hc_fastopen_peer *p = &c->peer[0];

	if (c->count < HC_FASTOPEN_PEERS) {
		p = &c->peer[c->count++];
	} else {
		for (uint32_t i = 1; i < c->count; i++)
			if (hc_seq_lt(c->peer[i].used_ms, p->used_ms))
				p = &c->peer[i];
	}
	*p = (struct hc_fastopen_peer){.addr_be = addr_be, .used_ms = now_ms};
	return p;
}

void hc_fastopen_learn(struct hc_fastopen_cache *c, hc_be32 addr_be, uint32_t now_ms, uint16_t mss,
		       const uint8_t *cookie, uint32_t len)
{
	struct hc_fastopen_peer *p = hc_fastopen_find(c, addr_be, now_ms);

	HC_ASSERT(len <= HC_FASTOPEN_COOKIE_MAX);
	if (!p)
		p = peer_add(c, addr_be, now_ms);
	p->mss = mss;
	p->len = (uint8_t)len;
	p->is_off = len == 0;
	p->off_until_ms = now_ms + HC_FASTOPEN_OFF_MS;
	if (len)
		memcpy(p->cookie, cookie, len);
}

void hc_fastopen_open(struct hc_syn_mini *m, struct hc_seg *seg, const struct hc_tcp_env *env,
		      struct hc_tcb *t, struct hc_tcb_cold *c)
{
	m->flags |= HC_SYN_COOKIE; // No sample yet.
	hc_syn_promote(m, seg, env, t, c);
	c->switches |= HC_SWITCH_SYN_OWED;
	t->snd_una = m->iss;
	// RFC 7323 2.2: the window in a SYN is never scaled.
	t->snd_wnd = seg->wnd;
	c->snd_wnd_max = seg->wnd;
	c->snd_wl2 = m->iss;
	t->ts_recent = m->ts_recent;
	t->timed_at = env->stamp;
	t->flags |= HC_TCB_TIMING | HC_TCB_DATA;
	// What the window has no room for comes again.
	seg->payload_len = (uint16_t)hc_min_u32(seg->payload_len, t->rcv_edge - t->rcv_nxt);
	t->rcv_nxt += seg->payload_len;
	c->rcv_used = seg->payload_len;
	HC_ASSERT(t->snd_nxt == m->iss + 1);
}

hc_verdict hc_fastopen_timeout(struct hc_tcb *t, struct hc_tcb_cold *c,
			       const struct hc_tcp_env *env)
{
	if (hc_live_is_over(t, c, env, false, env->synack_retries))
		return hc_verdict_reason(HC_DO_RESET | HC_DO_FREE, HC_REASON_TIMED_OUT);
	c->retries++;
	hc_rtt_back_off(env, c);
	t->flags |= HC_TCB_RTX;
	return HC_DO_SYNACK | HC_DO_TIMER_RTX;
}
