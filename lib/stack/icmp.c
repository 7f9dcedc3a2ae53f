// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// ICMP (RFC 792, RFC 1122 3.2.2): echo is answered, errors are understood for connections of ours.
// Whatever an error says, the sequence number it quotes has to be in flight (RFC 5927 4.1); what
// does not name a connection that way is counted and ignored. An error is at most a soft one (RFC
// 1122 4.2.3.9, RFC 5461) to a synchronized connection: the application is told, and the latest
// says why one that is given up was given up. A SYN, ours or a SYN,ACK, that meets "protocol" or
// "port unreachable", which are from the peer's own host, or "administratively prohibited", which a
// firewall says, fails at once. "Fragmentation needed" goes to path MTU discovery, source quench
// nowhere (RFC 6633). No error is ever sent.

#include "stack/tuple.h"
#include "stack/tx.h"

#include <rte_ring.h>

// The flow of a packet of ours, or its beginning: the IP header and 8 bytes are enough for the
// connection and the sequence number. @return false when it is nothing of the kind.
static bool read_quote(const uint8_t *ip, uint32_t len, struct hc_flow_key *key, hc_seq *seq)
{
	uint32_t ihl;

	if (len < HC_IP4_LEN)
		return false;
	ihl = (uint32_t)(ip[HC_IP4_VER_IHL] & 15) * 4;
	if (ip[HC_IP4_VER_IHL] >> 4 != 4 || ihl < HC_IP4_LEN || len < ihl + 8 ||
	    ip[HC_IP4_PROTO] != HC_IPPROTO_TCP)
		return false;
	// What is quoted was sent by us: its source is the local end.
	key->local_be = hc_load_be32(ip + HC_IP4_SRC);
	key->remote_be = hc_load_be32(ip + HC_IP4_DST);
	key->lport_be = hc_load_be16(ip + ihl + HC_TCP_SPORT);
	key->rport_be = hc_load_be16(ip + ihl + HC_TCP_DPORT);
	*seq = hc_from_be32(hc_load_be32(ip + ihl + HC_TCP_SEQ));
	return true;
}

// The connection that has this packet in flight, HC_IDX_NONE when there is none.
static uint32_t quoted_conn(const struct hc_worker *w, const uint8_t *ip, uint32_t len)
{
	struct hc_flow_key key;
	const struct hc_tcb *t;
	hc_seq seq;
	hc_ref ref;

	if (!read_quote(ip, len, &key, &seq))
		return HC_IDX_NONE;
	ref = hc_flow_find(w, &key);
	if (ref == HC_REF_NONE || hc_ref_kind(ref) != HC_REF_TCB)
		return HC_IDX_NONE;
	t = &w->block[hc_ref_idx(ref)].tcb;
	if (!hc_seq_in(seq, t->snd_una, t->snd_nxt - t->snd_una) &&
	    !HC_FAULT(icmp_sequence_unchecked))
		return HC_IDX_NONE;
	return hc_ref_idx(ref);
}

static bool is_refusal(const uint8_t *icmp)
{
	return hc_icmp_is_refusal(icmp[HC_ICMP_TYPE], icmp[HC_ICMP_CODE]);
}

// The half-open connection whose SYN,ACK this is, HC_IDX_NONE when there is none.
static uint32_t quoted_mini(const struct hc_worker *w, const uint8_t *ip, uint32_t len)
{
	struct hc_flow_key key;
	hc_seq seq;
	hc_ref ref;

	if (!read_quote(ip, len, &key, &seq))
		return HC_IDX_NONE;
	ref = hc_flow_find(w, &key);
	if (ref == HC_REF_NONE || hc_ref_kind(ref) != HC_REF_SYN ||
	    (seq != w->syn[hc_ref_idx(ref)].iss && !HC_FAULT(icmp_sequence_unchecked)))
		return HC_IDX_NONE;
	return hc_ref_idx(ref);
}

// A half-open connection whose SYN,ACK is refused is over as well: the client's host has nobody, or
// a firewall is in between. @return whether the error was about one.
static bool refuse_mini(struct hc_worker *w, const uint8_t *icmp, uint32_t len)
{
	uint32_t idx = quoted_mini(w, icmp + HC_ICMP_LEN, len - HC_ICMP_LEN);

	if (idx == HC_IDX_NONE ||
	    icmp[HC_ICMP_CODE] == HC_ICMP_CODE_TOO_BIG) // A SYN,ACK fits anything.
		return false;
	w->ctr[HC_CTR_icmp_unreachable]++;
	if (is_refusal(icmp)) {
		w->ctr[HC_CTR_syn_reset]++;
		hc_syn_forget(w, idx);
	}
	return true;
}

// A connection's latest soft error is a word beside its data: the ICMP type and code, both 0 for
// ARP's, and how often one was told since something was acknowledged. Who sends errors without end,
// each with another code, is not heard for ever.
#define HC_SOFT_ERROR_TYPE_SHIFT 8u
#define HC_SOFT_ERROR_TOLD_SHIFT 12u
#define HC_SOFT_ERROR_TOLD_MAX   15u
HC_STATIC_ASSERT(HC_ICMP_PARAMETER_PROBLEM >>
				 (HC_SOFT_ERROR_TOLD_SHIFT - HC_SOFT_ERROR_TYPE_SHIFT) ==
			 0,
		 "every type of error has room in the word");

static inline uint32_t soft_error_word(uint32_t type, uint32_t code)
{
	return type << HC_SOFT_ERROR_TYPE_SHIFT | code;
}

static uint32_t soft_error_of(const struct hc_worker *w, uint32_t idx)
{
	return w->block[idx].sock.soft_error & ((1u << HC_SOFT_ERROR_TOLD_SHIFT) - 1);
}

// How many were told.
static uint32_t soft_errors_told(const struct hc_worker *w, uint32_t idx)
{
	return w->block[idx].tcb.flags & HC_TCB_SOFT_ERROR
		       ? w->block[idx].sock.soft_error >> HC_SOFT_ERROR_TOLD_SHIFT
		       : 0;
}

static void set_soft_error(struct hc_worker *w, uint32_t idx, uint32_t told, uint32_t what)
{
	w->block[idx].tcb.flags |= HC_TCB_SOFT_ERROR;
	w->block[idx].sock.soft_error = (uint16_t)(told << HC_SOFT_ERROR_TOLD_SHIFT | what);
}

// @return whether it is worth an event: not the same as the last, and not one too many.
static bool note_soft_error(struct hc_worker *w, uint32_t idx, uint32_t type, uint32_t code)
{
	bool is_first = !(w->block[idx].tcb.flags & HC_TCB_SOFT_ERROR);
	uint32_t what = soft_error_word(type, code);
	uint32_t told = soft_errors_told(w, idx);
	bool is_told = (is_first || soft_error_of(w, idx) != what) && told < HC_SOFT_ERROR_TOLD_MAX;

	set_soft_error(w, idx, told + is_told, what);
	return is_told;
}

uint32_t hc_soft_error_info(const struct hc_worker *w, uint32_t idx, enum hc_reason reason)
{
	if (reason != HC_REASON_UNREACHABLE)
		return 0;
	HC_ASSERT(w->block[idx].tcb.flags & HC_TCB_SOFT_ERROR);
	return soft_error_of(w, idx);
}

// `ip` is a packet that waited for a neighbour in vain. @return false when it is no connection's.
// There is no event, so it is none of those told: packets are given up between steps too.
bool hc_soft_error(struct hc_worker *w, const uint8_t *ip, uint32_t len)
{
	uint32_t idx = quoted_conn(w, ip, len);

	if (idx == HC_IDX_NONE)
		return false;
	set_soft_error(w, idx, soft_errors_told(w, idx), soft_error_word(0, 0));
	return true;
}

// @return what to count.
static enum hc_counter too_big(struct hc_worker *w, uint32_t idx, const uint8_t *icmp)
{
	uint32_t total_len = hc_from_be16(hc_load_be16(icmp + HC_ICMP_LEN + HC_IP4_TOTAL_LEN));
	uint32_t mtu = hc_from_be16(hc_load_be16(icmp + HC_ICMP_MTU));

	return hc_pmtu_too_big(w, idx, total_len, mtu) ? HC_CTR_rx_icmp : HC_CTR_icmp_bad_mtu;
}

static enum hc_counter error_input(struct hc_worker *w, const uint8_t *icmp, uint32_t len)
{
	uint32_t idx = quoted_conn(w, icmp + HC_ICMP_LEN, len - HC_ICMP_LEN);
	uint8_t code = icmp[HC_ICMP_CODE];
	bool is_end, is_told;

	if (idx == HC_IDX_NONE)
		return refuse_mini(w, icmp, len) ? HC_CTR_rx_icmp : HC_CTR_icmp_no_connection;
	if (icmp[HC_ICMP_TYPE] == HC_ICMP_UNREACHABLE && code == HC_ICMP_CODE_TOO_BIG)
		return too_big(w, idx, icmp);
	w->ctr[HC_CTR_icmp_unreachable]++;
	is_told = note_soft_error(w, idx, icmp[HC_ICMP_TYPE], code);
	if (w->block[idx].cold.switches & HC_SWITCH_FASTOPEN)
		hc_fastopen_refused(w, idx);
	is_end = w->block[idx].tcb.state <= HC_SYN_RCVD && is_refusal(icmp);
	if (is_told || is_end)
		hc_event_put(w, idx, HC_EV_SOFT_ERROR, HC_REASON_UNREACHABLE,
			     soft_error_of(w, idx));
	if (is_end)
		hc_run_timeout(w, idx,
			       hc_verdict_reason(HC_DO_FAILED | HC_DO_FREE, HC_REASON_UNREACHABLE));
	return HC_CTR_rx_icmp;
}

// An error comes to whatever queue the port likes. @return true when it was passed on to the worker
// of the connection it names.
static bool pass_on(struct hc_worker *w, struct rte_mbuf *m, const uint8_t *icmp, uint32_t len)
{
	struct hc_flow_key key;
	uint32_t queue;
	hc_seq seq;

	if (w->queue_count == 1 || !read_quote(icmp + HC_ICMP_LEN, len - HC_ICMP_LEN, &key, &seq))
		return false;
	queue = hc_tuple_queue(w, &key);
	if (queue == w->queue)
		return false;
	if (rte_ring_enqueue(w->port->redirect[queue], m) == 0) {
		w->ctr[HC_CTR_rx_redirected]++;
	} else {
		w->ctr[HC_CTR_redirect_dropped]++;
		hc_mbuf_put(w, m);
	}
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

static void echo_input(struct hc_worker *w, struct rte_mbuf *m, const struct hc_parsed *p)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t dst[6];

	w->ctr[HC_CTR_rx_icmp]++;
	w->ctr[HC_CTR_icmp_echo_replies]++;
	memcpy(dst, frame + HC_ETH_SRC, 6);
	m->ol_flags = 0;
	hc_tx_push(w, m,
		   hc_build_echo_reply(frame, p->l3_off, p->l4_off, p->l4_len, dst, w->port->mac));
}

// Whether a message is an error about something in flight. What came before it may make it old. It
// cannot make it good: what is sent in answer to a burst is not quoted in that burst.
bool hc_icmp_is_of_flow(const struct hc_worker *w, const uint8_t *icmp, uint32_t len)
{
	const uint8_t *ip = icmp + HC_ICMP_LEN;

	len -= HC_ICMP_LEN;
	return hc_icmp_is_error(icmp[HC_ICMP_TYPE]) &&
	       (quoted_conn(w, ip, len) != HC_IDX_NONE || quoted_mini(w, ip, len) != HC_IDX_NONE);
}

// @return true when the buffer was used: for the answer, or passed on.
bool hc_icmp_input(struct hc_worker *w, struct rte_mbuf *m, const struct hc_parsed *p)
{
	const uint8_t *icmp = rte_pktmbuf_mtod(m, const uint8_t *) + p->l4_off;
	enum hc_counter what = HC_CTR_icmp_unknown;

	switch (icmp[HC_ICMP_TYPE]) {
	case HC_ICMP_ECHO:
		if (!hc_icmp_is_echo(icmp))
			break;
		// RFC 1122 3.2.2.6: a broadcast echo may be ignored, and is.
		if (p->is_broadcast && !HC_FAULT(broadcast_echo_answered)) {
			what = HC_CTR_icmp_not_unicast;
			break;
		}
		echo_input(w, m, p);
		return true;
	case HC_ICMP_SOURCE_QUENCH:
		what = HC_CTR_icmp_source_quench;
		break;
	default:
		if (!hc_icmp_is_error(icmp[HC_ICMP_TYPE]))
			break;
		if (pass_on(w, m, icmp, p->l4_len))
			return true;
		what = error_input(w, icmp, p->l4_len);
		break;
	}
	w->ctr[what]++;
	return false;
}
