// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// TCP Fast Open on the wire: tcp/fastopen.h decides and tells the story. conn.c and run.c come here
// with the connect() that may send data on its SYN, the SYN that brings a cookie, and the answer to
// either.

#include "stack/ends.h"
#include "stack/tx.h"
#include "tcp/ecn.h"

// ------------------------------------------------------------------------------------- the client

bool hc_fast_open_is_known(struct hc_worker *w, uint32_t remote_addr)
{
	const struct hc_fastopen_peer *p =
		hc_fastopen_find(&w->fastopen, hc_to_be32(remote_addr), w->env.now_ms);

	return p && !p->is_off && p->len;
}

// @return false when there is no room for the data.
bool hc_fastopen_prepare(struct hc_worker *w, uint32_t idx, const struct hc_connect_args *args)
{
	struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	size_t taken;

	HC_ASSERT(args->data_bytes <= w->cfg.snd_buf_bytes);
	// With data in use header prediction leaves the answer to the whole input.
	hc_sock_init(w, idx, c->snd_end);
	t->flags |= HC_TCB_DATA;
	taken = hc_send(w, hc_handle(w, idx), args->data, args->data_bytes,
			args->flags & HC_CONN_COPY ? 0 : HC_SEND_STATIC);
	if (taken != args->data_bytes)
		return false;
	if (w->env.has_fast_open && args->flags & HC_CONN_FAST_OPEN)
		c->switches |= HC_SWITCH_FASTOPEN;
	return true;
}

// Sends the SYN of a connection with HC_SWITCH_FASTOPEN for the first time: with cookie and data,
// or to ask for a cookie.
static bool syn_send(struct hc_worker *w, struct hc_tcb *t, struct hc_tcb_cold *c,
		     const struct hc_fastopen_peer *peer)
{
	struct hc_tx_seg s = hc_tx_syn_seg(w, &t->key, c->iss);
	struct rte_mbuf *m = hc_mbuf_get(w);
	uint32_t idx = (uint32_t)((const struct hc_block *)(const void *)t - w->block);
	uint32_t hdr_len;

	if (!m)
		return false;
	s.flags |= w->env.has_ecn ? HC_ECN_SYN : 0;
	s.has_cookie = true;
	s.cookie_len = peer ? peer->len : 0;
	s.cookie = peer ? peer->cookie : NULL;
	hdr_len = hc_build_tcp_hdr_len(&s);
	if (s.cookie_len) {
		// RFC 9293 3.7.1: options come off the MSS, which is what the peer says it is.
		uint32_t mss = hc_min_u32(peer->mss, w->env.mss);
		uint32_t opt_len = hdr_len - HC_TCP_LEN;
		uint32_t room = mss > opt_len ? mss - opt_len : 0;
		uint8_t *payload =
			rte_pktmbuf_mtod(m, uint8_t *) + HC_ETH_LEN + HC_IP4_LEN + hdr_len;

		s.payload_len = (uint16_t)hc_min_u32(c->snd_end - c->iss - 1, room);
		s.payload_sum = hc_sock_copy_out(w, idx, c->iss + 1, s.payload_len, payload,
						 !w->has_tx_csum);
		w->ctr[HC_CTR_data_bytes_sent] += s.payload_len;
		w->ctr[HC_CTR_fastopen_syn_data] += s.payload_len != 0;
	}
	c->rtx_nxt = c->iss + 1 + s.payload_len;
	hc_tx_segment(w, m, &s, t->neigh);
	return true;
}

// A SYN with anything but the usual. RFC 3168 6.1.1.1 and RFC 7413 4.1.3.1: one that was lost may
// have been lost for what was in it, so the next has nothing.
HC_NOINLINE bool hc_tx_syn_odd(struct hc_worker *w, struct hc_tcb *t, struct hc_tcb_cold *c)
{
	bool is_first = !(t->flags & HC_TCB_RTX);

	if (c->switches & HC_SWITCH_FASTOPEN) {
		const struct hc_fastopen_peer *peer =
			hc_fastopen_find(&w->fastopen, t->key.remote_be, w->env.now_ms);

		if (is_first && !(peer && peer->is_off))
			return syn_send(w, t, c, peer);
		if (is_first)
			c->switches &= (uint16_t)~HC_SWITCH_FASTOPEN;
	}
	return hc_tx_syn_with(w, t, c, false, w->env.has_ecn && is_first ? HC_ECN_SYN : 0);
}

// The SYN,ACK is here: what it says of Fast Open.
static void client_done(struct hc_worker *w, uint32_t idx, const struct rte_mbuf *m,
			const struct hc_seg *seg)
{
	const struct hc_tcb *t = &w->block[idx].tcb;
	struct hc_tcb_cold *c = &w->block[idx].cold;
	struct hc_fastopen_peer *peer =
		hc_fastopen_find(&w->fastopen, t->key.remote_be, w->env.now_ms);
	const uint8_t *cookie = NULL;
	uint32_t len = hc_parse_fastopen(rte_pktmbuf_mtod(m, const uint8_t *), seg, &cookie);
	bool had_data = c->rtx_nxt != c->iss + 1;
	bool is_refused = had_data && seg->ack == c->iss + 1;

	w->ctr[is_refused ? HC_CTR_fastopen_not_taken : HC_CTR_fastopen_taken] += had_data;
	// A peer whose SYN,ACK came for a second SYN was not asked in that one. One that takes no
	// data, and gives no cookie for which it would, is not asked for a while (RFC
	// 7413 4.1.3.1).
	if (len || ((!peer || peer->len == 0 || (is_refused && !HC_FAULT(fast_open_insists))) &&
		    c->switches & HC_SWITCH_FASTOPEN))
		hc_fastopen_learn(&w->fastopen, t->key.remote_be, w->env.now_ms,
				  seg->opts & HC_OPT_MSS ? seg->mss : HC_MSS_DEFAULT, cookie, len);
	c->switches &= (uint16_t)~HC_SWITCH_FASTOPEN;
}

// ------------------------------------------------------------------------------------- the server

// RFC 7413 5.1.
static bool is_full(struct hc_worker *w)
{
	if (w->fastopen_resets && hc_seq_ge(w->env.now_ms, w->fastopen_resets_until_ms))
		w->fastopen_resets = 0;
	return w->fastopen_pending + w->fastopen_resets >=
	       (HC_FAULT(fast_opens_unlimited) ? UINT32_MAX : w->cfg.fast_open_cap);
}

// Gives a SYN,ACK the cookie of its peer, which stands at `cookie` until it is written.
static void give_cookie(struct hc_worker *w, struct hc_tx_seg *s, const struct hc_flow_key *key,
			uint8_t cookie[HC_FASTOPEN_COOKIE_BYTES])
{
	hc_fastopen_make(&w->fastopen_keys, key, &w->env, cookie);
	s->has_cookie = true;
	s->cookie = cookie;
	s->cookie_len = HC_FASTOPEN_COOKIE_BYTES;
}

static void synack_send(struct hc_worker *w, struct hc_tcb *t, struct hc_tcb_cold *c,
			bool wants_cookie)
{
	struct hc_tx_seg s = hc_tx_tcb_synack_seg(w, t, c);
	uint8_t cookie[HC_FASTOPEN_COOKIE_BYTES];
	struct rte_mbuf *m = hc_mbuf_get(w);

	if (!m)
		return; // The retransmission will do.
	if (wants_cookie) {
		give_cookie(w, &s, &t->key, cookie);
		w->ctr[HC_CTR_fastopen_cookies_sent]++;
	}
	if (c->switches & HC_SWITCH_ECN)
		s.flags |= HC_TCP_ECE;
	hc_tx_segment(w, m, &s, t->neigh);
}

// RFC 9293 3.10.7.2: what a SYN has besides is dealt with once the connection is there.
static void put_urgent(struct hc_worker *w, uint32_t idx, const struct rte_mbuf *m,
		       const struct hc_seg *syn)
{
	hc_seq end = hc_run_urgent_end(m, syn);
	hc_seq first = syn->seq + 1;

	if (hc_seq_gt(end, first))
		hc_run_urgent_put(w, idx, end - first);
}

HC_NOINLINE bool hc_fastopen_accept(struct hc_worker *w, uint32_t listener, struct rte_mbuf **m,
				    struct hc_seg *seg)
{
	const struct hc_listener *l = &w->listener[listener];
	enum hc_fastopen_answer answer;
	struct hc_syn_mini lent;
	const uint8_t *cookie;
	uint32_t len, idx;

	if (!w->env.has_fast_open || !l->has_fast_open)
		return false;
	len = hc_parse_fastopen(rte_pktmbuf_mtod(*m, const uint8_t *), seg, &cookie);
	if (len == 0 || seg->payload_len == 0)
		return false; // Asks for a cookie, which the ordinary SYN,ACK brings.
	answer = hc_fastopen_check(&w->fastopen_keys, &seg->key, &w->env, cookie, len);
	if (answer == HC_FASTOPEN_WRONG) {
		w->ctr[HC_CTR_fastopen_bad_cookie]++;
		return false;
	}
	if (is_full(w) || w->looks_at_syns) {
		w->ctr[HC_CTR_fastopen_limited]++;
		return false;
	}
	idx = hc_run_tcb_at_once(w, seg, l);
	if (idx == HC_IDX_NONE)
		return false;
	memset(&lent, 0, sizeof lent);
	hc_syn_open(&lent, seg, &w->env, false, 0);
	lent.neigh = hc_route(w, seg->key.remote_be);
	hc_fastopen_open(&lent, seg, &w->env, &w->block[idx].tcb, &w->block[idx].cold);
	w->fastopen_pending++;
	w->ctr[HC_CTR_fastopen_accepted]++;
	w->ctr[HC_CTR_conn_opened_passive]++;
	w->ctr[HC_CTR_conn_established_passive]++;
	w->ctr[HC_CTR_rx_tcp]++;
	hc_event_put(w, idx, HC_EV_ACCEPTED, HC_REASON_NONE, listener);
	if (seg->flags & HC_TCP_URG)
		put_urgent(w, idx, *m, seg);
	*m = hc_run_deliver(w, idx, *m, seg);
	synack_send(w, &w->block[idx].tcb, &w->block[idx].cold, answer == HC_FASTOPEN_OLD);
	hc_arm_rtx(w, idx);
	return true;
}

// The SYN,ACK of a mini that is not like the others: it knows ECN, or brings a cookie.
HC_NOINLINE void hc_tx_synack_odd(struct hc_worker *w, const struct hc_syn_mini *y)
{
	struct hc_tx_seg s = hc_tx_synack_seg(w, y, w->env.ts_now);
	uint8_t cookie[HC_FASTOPEN_COOKIE_BYTES];
	struct rte_mbuf *m = hc_mbuf_get(w);

	if (!m)
		return; // The retransmission will do.
	if (y->flags & HC_SYN_ECN)
		s.flags |= HC_TCP_ECE;
	if (y->flags & HC_SYN_FASTOPEN && w->listener[y->listener].has_fast_open) {
		give_cookie(w, &s, &y->key, cookie);
		w->ctr[HC_CTR_fastopen_cookies_sent]++;
	}
	hc_tx_segment(w, m, &s, y->neigh);
}

HC_NOINLINE void hc_tx_ack_echo(struct hc_worker *w, struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	struct rte_mbuf *m = hc_mbuf_get(w);
	struct hc_tx_seg s;

	if (!m)
		return; // The peer will ask again.
	s = hc_tx_from_tcb(w, t, c);
	s.flags |= HC_TCP_ECE;
	t->flags &= (uint16_t)~HC_TCB_ACK_OWED;
	hc_tx_segment(w, m, &s, t->neigh);
}

// ------------------------------------------------------------------------------------------- both

// The handshake is over: the peer acknowledged our SYN.
HC_NOINLINE void hc_fastopen_done(struct hc_worker *w, uint32_t idx, const struct rte_mbuf *m,
				  const struct hc_seg *seg)
{
	if (w->block[idx].tcb.flags & HC_TCB_ACTIVE) {
		client_done(w, idx, m, seg);
		return;
	}
	HC_ASSERT(w->fastopen_pending > 0);
	w->fastopen_pending--;
	hc_ends_accepted(w, &w->block[idx].tcb.key);
	if (HC_UNLIKELY(w->has_keepalive))
		hc_keep_start(w, idx);
}

// A connection ends whose SYN the peer never acknowledged.
HC_NOINLINE void hc_fastopen_end(struct hc_worker *w, uint32_t idx)
{
	w->block[idx].cold.switches &= (uint16_t)~HC_SWITCH_SYN_OWED;
	HC_ASSERT(w->fastopen_pending > 0);
	w->fastopen_pending--;
}

// The peer reset one before that (5.1): it counts on.
HC_NOINLINE void hc_fastopen_was_reset(struct hc_worker *w)
{
	w->fastopen_resets++;
	w->fastopen_resets_until_ms = w->env.now_ms + HC_FASTOPEN_RESET_MS;
}

// ICMP says that a SYN did not arrive, perhaps for the data on it (RFC 7413 4.1.3.1).
HC_NOINLINE void hc_fastopen_refused(struct hc_worker *w, uint32_t idx)
{
	const struct hc_tcb_cold *c = &w->block[idx].cold;

	if (c->rtx_nxt != c->iss + 1)
		hc_fastopen_learn(&w->fastopen, w->block[idx].tcb.key.remote_be, w->env.now_ms,
				  HC_MSS_DEFAULT, NULL, 0);
}

// The SYN with the option was lost, perhaps for it: the server is not asked for a while.
HC_NOINLINE void hc_fastopen_lost(struct hc_worker *w, uint32_t idx)
{
	struct hc_tcb_cold *c = &w->block[idx].cold;

	if (c->retries == 1)
		hc_fastopen_learn(&w->fastopen, w->block[idx].tcb.key.remote_be, w->env.now_ms,
				  HC_MSS_DEFAULT, NULL, 0);
}
