// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See pmtu.h. Called by icmp.c, by the timers and when a connection begins to have data; never by
// what opens and closes connections.

#include "stack/pmtu.h"

#include "stack/tx.h"

// RFC 1191 7.1: the MTUs that there are. For routers that do not say theirs.
static uint32_t plateau_below(uint32_t len)
{
	static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006};

	for (unsigned i = 0; i < HC_ARRAY_LEN(plateau); i++)
		if (plateau[i] < len)
			return plateau[i];
	return HC_PMTU_FLOOR;
}

// The payload of a segment of this connection in a packet of `mtu` bytes.
static uint32_t mss_of(const struct hc_tcb *t, uint32_t mtu)
{
	return mtu - HC_IP4_LEN - HC_TCP_LEN - (t->flags & HC_TCB_TS ? 12 : 0);
}

static bool has_handshake(const struct hc_tcb *t)
{
	return t->state != HC_CLOSED && t->state != HC_SYN_SENT && t->state != HC_SYN_RCVD &&
	       t->state != HC_TIME_WAIT;
}

// @return false when the segments are no larger than that already.
static bool lower(struct hc_worker *w, uint32_t idx, uint32_t mtu)
{
	struct hc_tcb_cold *c = &w->block[idx].cold;
	uint32_t mss = mss_of(&w->block[idx].tcb, mtu);

	HC_ASSERT(mtu >= HC_PMTU_FLOOR);
	if (mss >= c->mss)
		return false;
	if (w->block[idx].sock.mss_full == 0)
		w->block[idx].sock.mss_full = c->mss;
	c->mss = (uint16_t)mss;
	w->ctr[HC_CTR_pmtu_lowered]++;
	return true;
}

// Gives the connections to a destination their segments back.
static void forget(struct hc_worker *w, uint32_t i)
{
	struct hc_pmtus *p = &w->pmtus;
	hc_be32 addr_be = p->entry[i].addr_be;

	p->entry[i] = p->entry[--p->count];
	for (uint32_t idx = 0; idx < w->cfg.conn_cap; idx++) {
		const struct hc_tcb *t = &w->block[idx].tcb;
		struct hc_sock *k = &w->block[idx].sock;

		if (t->key.remote_be != addr_be || !has_handshake(t) || !(t->flags & HC_TCB_DATA) ||
		    k->mss_full == 0)
			continue;
		w->block[idx].cold.mss = k->mss_full;
		k->mss_full = 0;
		w->ctr[HC_CTR_pmtu_raised]++;
	}
}

static struct hc_pmtu *find(struct hc_worker *w, hc_be32 addr_be)
{
	for (uint32_t i = 0; i < w->pmtus.count; i++)
		if (w->pmtus.entry[i].addr_be == addr_be)
			return &w->pmtus.entry[i];
	return NULL;
}

static void learn(struct hc_worker *w, hc_be32 addr_be, uint32_t mtu)
{
	struct hc_pmtus *p = &w->pmtus;
	struct hc_pmtu *e = find(w, addr_be);
	uint32_t oldest = 0;

	if (!e) {
		for (uint32_t i = 0; i < p->count; i++)
			if (hc_seq_lt(p->entry[i].due_ms, p->entry[oldest].due_ms))
				oldest = i;
		if (p->count == HC_PMTU_CAP)
			forget(w, oldest);
		e = &p->entry[p->count++];
		*e = (struct hc_pmtu){.addr_be = addr_be, .mtu = mtu};
	}
	e->mtu = hc_min_u32(e->mtu, mtu);
	e->due_ms = w->env.now_ms + HC_PMTU_AGE_MS;
}

// A SYN with data (RFC 7413) met a narrow link: at once without, as after a timeout. Its segments
// learn the size when the handshake is over (run.c).
static void syn_again(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb *t = &w->block[idx].tcb;

	if (t->flags & HC_TCB_RTX)
		return; // It was, and an old one is told of.
	t->flags |= HC_TCB_RTX;
	hc_run_timeout(w, idx, HC_DO_SYN);
}

bool hc_pmtu_too_big(struct hc_worker *w, uint32_t idx, uint32_t total_len, uint32_t mtu)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	// Of a handshake only a SYN with data may be too large for something.
	bool is_opening =
		t->state == HC_SYN_SENT && w->block[idx].cold.switches & HC_SWITCH_FASTOPEN;
	hc_seq from;

	if (!(has_handshake(t) || is_opening) || !(t->flags & HC_TCB_DATA) ||
	    total_len <= HC_PMTU_FLOOR)
		return false;
	if (mtu == 0)
		mtu = plateau_below(total_len);
	if (mtu >= total_len)
		return false;
	mtu = mtu > HC_PMTU_FLOOR ? mtu : HC_PMTU_FLOOR;
	learn(w, t->key.remote_be, mtu);
	if (is_opening) {
		syn_again(w, idx);
		return true;
	}
	if (!lower(w, idx, mtu))
		return true; // For another segment of the same flight.
	// All that is in flight is as large, and lost: sent again at once, which is no sign of
	// congestion (RFC 1191 6.5). Our SYN has no text, and a timer that sends it.
	from = t->snd_una + ((w->block[idx].cold.switches & HC_SWITCH_SYN_OWED) != 0);
	if (from == t->snd_nxt)
		return true;
	hc_recovery_go_back(t, &w->block[idx].cold, &w->env, from);
	hc_arm_loss(w, idx); // It may have been a tail probe's.
	hc_pend(w, idx);
	return true;
}

void hc_pmtu_apply(struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	const struct hc_pmtu *e = find(w, t->key.remote_be);

	// In the handshake the MSS is still to come; run.c asks again when it is over.
	if (e && has_handshake(t))
		(void)lower(w, idx, e->mtu);
}

void hc_pmtu_timeout(struct hc_worker *w, uint32_t idx, uint32_t retries)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	uint32_t mtu = retries < 4 ? 1006 : HC_PMTU_FLOOR;

	if (!has_handshake(t) || !(t->flags & HC_TCB_DATA) ||
	    t->snd_nxt - t->snd_una <= mss_of(t, mtu) || !lower(w, idx, mtu))
		return;
	w->ctr[HC_CTR_pmtu_black_hole]++;
	learn(w, t->key.remote_be, mtu);
	c->cwnd = hc_min_u32(c->cwnd, c->mss);
}

void hc_pmtu_tick(struct hc_worker *w)
{
	for (uint32_t i = w->pmtus.count; i-- > 0;)
		if (hc_seq_le(w->pmtus.entry[i].due_ms, w->env.now_ms))
			forget(w, i);
}

bool hc_pmtu_next_due_ms(const struct hc_worker *w, uint32_t *due_ms)
{
	const struct hc_pmtus *p = &w->pmtus;

	for (uint32_t i = 0; i < p->count; i++)
		if (i == 0 || hc_seq_lt(p->entry[i].due_ms, *due_ms))
			*due_ms = p->entry[i].due_ms;
	return p->count != 0;
}
