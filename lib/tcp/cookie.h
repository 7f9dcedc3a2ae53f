// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// SYN cookies (RFC 4987 3.6): a SYN is answered without keeping anything of it. What the connection
// will need travels in our initial sequence number and comes back in the final ACK:
//
//     bits 31..3  keyed hash of addresses, ports and the peer's initial sequence number
//     bits  2..0  which MSS of a table of eight, covered by three more bits of the hash
//
// The 29 bits are others for each of the eight: what lies a byte or a FIN behind a cookie is none,
// or the late ACK of a connection that is long over would open another one.
//
// With timestamps the low five bits of the SYN,ACK's TSval hold the peer's window scale and whether
// it permits SACK, and come back in TSecr. Without timestamps there is no room for the two, so
// neither is agreed upon. Those bits are not part of the hash: who lies about them lies about its
// own side of its own connection.
//
// The key is another one every epoch of 68.7 s, and good for the epoch it was made in and the next:
// a cookie lives between one and two epochs. Per guess a blind ACK opens a connection with a chance
// of 2 keys / 2^29 = 2^-28, and only while a cookie of ours may be out: with none sent
// in two epochs none is accepted.
//
// A cookie is not larger than the sequence numbers of the connection before on the same tuple (RFC
// 9293 3.6.1), so what replaces a TIME-WAIT is never opened by one.

#include "tcp/keys.h"
#include "tcp/syn.h"

#define HC_COOKIE_EPOCH_SHIFT 36u // Of ns: 68.7 s.

struct hc_cookies {
	struct hc_turning_keys keys;
	uint32_t sent_epoch; // When the last cookie was sent.
	bool has_sent;       // A cookie was ever sent.
};

// Fills a mini that is only lent, as hc_syn_open() does, from an acceptable SYN; its SYN,ACK
// carries the cookie. @return the TSval of that SYN,ACK.
uint32_t hc_cookie_make(struct hc_cookies *k, const struct hc_seg *syn,
			const struct hc_tcp_env *env, struct hc_syn_mini *m);

// Whether a segment for a listener may bring a cookie back: an ACK, while one may be out.
HC_ALWAYS_INLINE bool hc_cookie_may_be(const struct hc_cookies *k, const struct hc_seg *seg,
				       const struct hc_tcp_env *env)
{
	uint32_t epoch = (uint32_t)(env->now_ns >> HC_COOKIE_EPOCH_SHIFT);

	return k->has_sent && epoch - k->sent_epoch <= 1 &&
	       (seg->flags & (HC_TCP_ACK | HC_TCP_SYN | HC_TCP_RST)) == HC_TCP_ACK;
}

// Fills a mini from the final ACK, for hc_syn_promote(). The next hop and the listener are the
// caller's. @return false when the ACK does not bring a cookie of ours back.
HC_MUST_USE bool hc_cookie_check(struct hc_cookies *k, const struct hc_seg *ack,
				 const struct hc_tcp_env *env, struct hc_syn_mini *m);
