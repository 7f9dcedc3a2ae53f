// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// SYNs, SYN,ACKs and ACKs with more in them than the usual, out of the way of those: ECN.

#include "stack/tx.h"
#include "tcp/ecn.h"

// RFC 3168 6.1.1.1: a SYN that was lost may have been lost for its bits.
HC_NOINLINE bool hc_tx_syn_odd(struct hc_worker *w, struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	bool asks = w->env.has_ecn && !(t->flags & HC_TCB_RTX);

	return hc_tx_syn_with(w, t, c, false, asks ? HC_ECN_SYN : 0);
}

HC_NOINLINE void hc_tx_synack_odd(struct hc_worker *w, const struct hc_syn_mini *y)
{
	hc_tx_synack_with(w, y, w->env.ts_now, y->flags & HC_SYN_ECN ? HC_TCP_ECE : 0);
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
