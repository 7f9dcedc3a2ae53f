// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// TCP Fast Open (RFC 7413): data on the SYN, for peers that have shown that they receive at their
// address. Off unless --fast-open, and per listener and connect() even then, because a SYN that
// comes twice may open two connections: the application has to be one that does not mind (6).
//
// The server gives a cookie of eight bytes in its SYN,ACK to who asks: the keyed hash of both
// addresses. The key is another one every 2.4 hours; the one before is still taken, and then a new
// cookie comes with the SYN,ACK. A SYN with a right cookie and data opens a connection at once. It
// is in SYN-RECEIVED to the protocol: HC_SWITCH_SYN_OWED says that the peer has not acknowledged
// our SYN, and until it does the timer repeats the SYN,ACK and nothing else. To everything else it
// is ESTABLISHED: the application has its data and may answer and close. How many there are is
// limited (5.1), and one that was reset counts for a while longer, or an attacker with a cookie
// could reset them on behalf of the addresses it forges. Whatever is not right is an ordinary SYN.
//
// The client remembers cookies by the server's address, and who does not give or take any. Its SYN
// carries what the MSS it remembers lets it; HC_SWITCH_FASTOPEN says that it carried the option,
// and rtx_nxt how far the data went. None of that is in SND.NXT: what the SYN,ACK does not
// acknowledge is sent as if for the first time. A SYN that is sent again has neither data nor
// option (4.1.3.1).

#include "tcp/keys.h"
#include "tcp/syn.h"
#include "tcp/tcb.h"

#define HC_FASTOPEN_COOKIE_BYTES 8u      // Ours.
#define HC_FASTOPEN_EPOCH_SHIFT  43u     // Of ns: 2.4 hours.
#define HC_FASTOPEN_PEERS        64u     // Servers that a client remembers.
#define HC_FASTOPEN_OFF_MS       600000u // How long a server is not asked after it failed.
#define HC_FASTOPEN_RESET_MS     60000u  // How long a connection that was reset counts (5.1).

enum hc_fastopen_answer {
	HC_FASTOPEN_WRONG,
	HC_FASTOPEN_RIGHT,
	HC_FASTOPEN_OLD, // Right, by the key before.
};

// The cookie of the peer of a flow.
void hc_fastopen_make(struct hc_turning_keys *k, const struct hc_flow_key *flow,
		      const struct hc_tcp_env *env, uint8_t cookie[HC_FASTOPEN_COOKIE_BYTES]);

enum hc_fastopen_answer hc_fastopen_check(struct hc_turning_keys *k, const struct hc_flow_key *flow,
					  const struct hc_tcp_env *env, const uint8_t *cookie,
					  uint32_t len);

// What a client knows of a server.
struct hc_fastopen_peer {
	hc_be32 addr_be;
	uint32_t used_ms;
	uint32_t off_until_ms; // With is_off.
	uint16_t mss;          // Of its SYN,ACK.
	bool is_off;           // Not to be asked.
	uint8_t len;           // Of the cookie; 0: none yet.
	uint8_t cookie[HC_FASTOPEN_COOKIE_MAX];
};

struct hc_fastopen_cache {
	uint32_t count;
	struct hc_fastopen_peer peer[HC_FASTOPEN_PEERS];
};

// @return NULL when nothing is known.
struct hc_fastopen_peer *hc_fastopen_find(struct hc_fastopen_cache *c, hc_be32 addr_be,
					  uint32_t now_ms);

// A server gave a cookie, or (len 0) did not, or took a SYN with one for nothing.
void hc_fastopen_learn(struct hc_fastopen_cache *c, hc_be32 addr_be, uint32_t now_ms, uint16_t mss,
		       const uint8_t *cookie, uint32_t len);

// A connection from a SYN with a right cookie, and its data; *m is lent by hc_syn_open().
void hc_fastopen_open(struct hc_syn_mini *m, struct hc_seg *seg, const struct hc_tcp_env *env,
		      struct hc_tcb *t, struct hc_tcb_cold *c);

// The timer of such a connection while our SYN is not acknowledged.
hc_verdict hc_fastopen_timeout(struct hc_tcb *t, struct hc_tcb_cold *c,
			       const struct hc_tcp_env *env);

// Whether a SYN,ACK acknowledges our SYN, and not more than the data that went with it.
HC_ALWAYS_INLINE bool hc_fastopen_is_acked(const struct hc_tcb *t, const struct hc_tcb_cold *c,
					   const struct hc_seg *seg)
{
	return c->switches & HC_SWITCH_FASTOPEN &&
	       hc_seq_in(seg->ack, t->snd_nxt, c->rtx_nxt - t->snd_nxt + 1);
}
