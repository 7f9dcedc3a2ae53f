// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// ICMP (RFC 792, RFC 1122 3.2.2): echo is answered; destination unreachable is understood for
// connections of ours, and only as a soft error (RFC 1122 4.2.3.9, RFC 5461): it never ends a
// connection, it says why one that is given up was given up.

#include "stack/tx.h"

// `ip` is a packet of ours that did not get through, or its beginning: what an ICMP error quotes,
// or what waited for a neighbour in vain. The IP header and 8 bytes are enough for the connection
// and the sequence number, which has to be one in flight (RFC 5927 4.1).
// @return false when there is no such connection.
bool hc_soft_error(struct hc_worker *w, const uint8_t *ip, uint32_t len)
{
	struct hc_flow_key key;
	uint32_t ihl;
	hc_seq seq;
	hc_ref ref;

	if (len < HC_IP4_LEN)
		return false;
	ihl = (uint32_t)(ip[HC_IP4_VER_IHL] & 15) * 4;
	if (ip[HC_IP4_VER_IHL] >> 4 != 4 || ihl < HC_IP4_LEN || len < ihl + 8 ||
	    ip[HC_IP4_PROTO] != HC_IPPROTO_TCP)
		return false;
	// What is quoted was sent by us: its source is the local end.
	key.local_be = hc_load_be32(ip + HC_IP4_SRC);
	key.remote_be = hc_load_be32(ip + HC_IP4_DST);
	key.lport_be = hc_load_be16(ip + ihl + HC_TCP_SPORT);
	key.rport_be = hc_load_be16(ip + ihl + HC_TCP_DPORT);
	seq = hc_from_be32(hc_load_be32(ip + ihl + HC_TCP_SEQ));
	ref = hc_flow_find(w, &key);
	if (ref == HC_REF_NONE || hc_ref_kind(ref) != HC_REF_TCB)
		return false;

	struct hc_tcb *t = &w->tcb[hc_ref_idx(ref)];

	if (!hc_seq_in(seq, t->snd_una, t->snd_nxt - t->snd_una) &&
	    !HC_FAULT(icmp_sequence_unchecked))
		return false;
	t->flags |= HC_TCB_SOFT_ERROR;
	return true;
}

static bool unreachable(struct hc_worker *w, const uint8_t *icmp, uint32_t len)
{
	if (len < HC_ICMP_LEN || !hc_soft_error(w, icmp + HC_ICMP_LEN, len - HC_ICMP_LEN))
		return false;
	w->ctr[HC_CTR_icmp_unreachable]++;
	return true;
}

bool hc_icmp_is_echo(const uint8_t *icmp)
{
	return icmp[HC_ICMP_TYPE] == HC_ICMP_ECHO && icmp[HC_ICMP_CODE] == 0;
}

// An echo request that came in fragments, in their area: RFC 1122 3.2.2.6 wants all of its data in
// the reply, so that may go in fragments too.
void hc_icmp_echo_reassembled(struct hc_worker *w, uint8_t *frame, const struct hc_parsed *p)
{
	uint8_t dst[6];

	w->ctr[HC_CTR_rx_icmp]++;
	w->ctr[HC_CTR_icmp_echo_replies]++;
	memcpy(dst, frame + HC_ETH_SRC, 6);
	hc_fragment_send(
		w, frame,
		hc_build_echo_reply(frame, p->l3_off, p->l4_off, p->l4_len, dst, w->port->mac));
}

// @return true when the buffer was used for the answer.
bool hc_icmp_input(struct hc_worker *w, struct rte_mbuf *m, const struct hc_parsed *p)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const uint8_t *icmp = frame + p->l4_off;
	uint8_t dst[6];

	switch (icmp[HC_ICMP_TYPE]) {
	case HC_ICMP_ECHO:
		if (icmp[HC_ICMP_CODE] != 0)
			break;
		// RFC 1122 3.2.2.6: a broadcast echo may be ignored, and is.
		if (p->is_broadcast && !HC_FAULT(broadcast_echo_answered)) {
			w->ctr[HC_CTR_icmp_not_unicast]++;
			return false;
		}
		w->ctr[HC_CTR_rx_icmp]++;
		w->ctr[HC_CTR_icmp_echo_replies]++;
		memcpy(dst, frame + HC_ETH_SRC, 6);
		m->ol_flags = 0;
		hc_tx_push(w, m,
			   hc_build_echo_reply(frame, p->l3_off, p->l4_off, p->l4_len, dst,
					       w->port->mac));
		return true;
	case HC_ICMP_UNREACHABLE:
		w->ctr[unreachable(w, icmp, p->l4_len) ? HC_CTR_rx_icmp
						       : HC_CTR_icmp_no_connection]++;
		return false;
	default:
		break;
	}
	w->ctr[HC_CTR_icmp_unknown]++;
	return false;
}
