// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// SYN cookies on their way out and back (tcp/cookie.h decides). run.c comes here with the SYN that
// found no room, or with every one, and with the ACK that belongs to no flow.

#include "stack/tx.h"

// Answers a SYN with a cookie; when there are to be none, it is dropped by the name of what was
// full.
HC_NOINLINE void hc_cookie_answer(struct hc_worker *w, const struct hc_seg *syn,
				  enum hc_counter drop)
{
	struct hc_syn_mini m;
	uint32_t tsval;

	if (w->cfg.syn_cookies == HC_SYN_COOKIES_NEVER) {
		w->ctr[drop]++;
		return;
	}
	tsval = hc_cookie_make(&w->cookies, syn, &w->env, &m);
	m.neigh = hc_route(w, syn->key.remote_be);
	w->ctr[HC_CTR_syn_cookies_sent]++;
	w->ctr[HC_CTR_rx_tcp]++;
	hc_tx_synack_at(w, &m, tsval);
}

// @return whether the ACK brings a cookie back; *m is then what a mini would have known. Otherwise
// it is dropped and answered, as any ACK to a listener is (RFC 9293 3.10.7.2).
HC_NOINLINE bool hc_cookie_take(struct hc_worker *w, const struct hc_seg *ack,
				struct hc_syn_mini *m)
{
	if (!hc_cookie_check(&w->cookies, ack, &w->env, m)) {
		w->ctr[HC_CTR_tcp_cookie_bad]++;
		hc_tx_rst_reply(w, ack);
		return false;
	}
	m->neigh = hc_route(w, ack->key.remote_be);
	return true;
}
