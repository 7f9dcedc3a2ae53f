// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Half-open passive connections. A SYN to a listener makes a SYN mini of one line, not a TCB: what
// a flood can take is bounded and small. The mini answers by itself (SYN,ACK, retransmitted and
// given up like any SYN) until the final ACK turns it into a TCB in ESTABLISHED. It stands for the
// states LISTEN -> SYN-RECEIVED of RFC 9293; SYN-RECEIVED after a simultaneous open is a TCB's.

#include "tcp/tcb.h"

enum hc_syn_flags {
	HC_SYN_TS = 1u << 0,
	HC_SYN_WSCALE = 1u << 1,
	HC_SYN_SACK = 1u << 2,     // Both permit SACK.
	HC_SYN_RTX = 1u << 3,      // The SYN,ACK was sent more than once: no RTT sample.
	HC_SYN_COOKIE = 1u << 4,   // Lent by a SYN cookie: when the SYN,ACK left nobody knows.
	HC_SYN_ECN = 1u << 6,      // Both know ECN; the bit of ECE.
	HC_SYN_FASTOPEN = 1u << 7, // The SYN has a Fast Open option.
	HC_SYN_ODD = HC_SYN_ECN | HC_SYN_FASTOPEN, // Their SYN,ACK is not like the others.
};

struct hc_syn_mini {
	/*  0 */ struct hc_flow_key key;
	/* 12 */ uint16_t flags;    // enum hc_syn_flags.
	/* 14 */ uint16_t listener; // Index.
	/* 16 */ hc_seq irs;
	/* 20 */ hc_seq iss;
	/* 24 */ uint32_t ts_recent;
	/* 28 */ uint32_t timed_at; // Stamp of the first SYN,ACK.
	/* 32 */ uint32_t rto_ms;
	/* 36 */ uint16_t peer_mss;
	/* 38 */ uint16_t snd_wnd; // As in the SYN: not scaled.
	/* 40 */ uint8_t snd_wscale;
	/* 41 */ uint8_t retries;
	/* 42 */ uint8_t spare[6];
	union {
		/* 48 */ struct hc_timer_node timer;
		struct {
			uint8_t timer_bytes[13];
			uint8_t spare_owner;
			/* 62 */ uint16_t neigh;
		};
	};
};
HC_STATIC_ASSERT(sizeof(struct hc_syn_mini) == 64, "a SYN mini is one cache line");
HC_STATIC_ASSERT(offsetof(struct hc_syn_mini, timer) == offsetof(struct hc_tcb, timer),
		 "timer nodes stand at one offset");

// A segment at a listener (RFC 9293 3.10.7.2), as far as it needs no memory. @return 0 when it is a
// SYN to be answered; otherwise a drop, maybe with HC_DO_RST_REPLY.
hc_verdict hc_syn_check(const struct hc_seg *seg);

// Fills a mini from an acceptable SYN. iss_floor: the connection that had this tuple before used
// sequence numbers up to it (RFC 9293 3.6.1: ours has to be larger); valid with has_floor.
void hc_syn_open(struct hc_syn_mini *m, const struct hc_seg *seg, const struct hc_tcp_env *env,
		 bool has_floor, hc_seq iss_floor);

// A segment for a mini (SYN-RECEIVED of 3.10.7.4): SYN again, the final ACK (HC_DO_PROMOTE), RST.
hc_verdict hc_syn_input(struct hc_syn_mini *m, struct hc_seg *seg, struct hc_tcp_env *env);

// Whether the segment is the final ACK as it usually comes: then hc_syn_input() would say
// HC_DO_PROMOTE, and change nothing.
HC_ALWAYS_INLINE bool hc_syn_input_quick(const struct hc_syn_mini *m, const struct hc_seg *seg)
{
	const uint32_t care = HC_TCP_SYN | HC_TCP_RST | HC_TCP_ACK;
	uint32_t odd = (seg->seq - m->irs) ^ 1;

	odd |= (seg->ack - m->iss) ^ 1;
	odd |= (seg->flags & care) ^ HC_TCP_ACK;
	if (odd)
		return false;
	return !(m->flags & HC_SYN_TS) ||
	       (seg->opts & HC_OPT_TIMESTAMPS && !hc_seq_lt(seg->tsval, m->ts_recent));
}

// The mini's timer: send SYN,ACK again or give up.
hc_verdict hc_syn_timeout(struct hc_syn_mini *m, struct hc_tcp_env *env);

// Fills a TCB in ESTABLISHED from the mini and the final ACK. gen, cookie and the connection flags
// of the listener are in place. The segment's text and FIN are still to be taken: give it to
// hc_tcp_input() next when it has any.
void hc_syn_promote(const struct hc_syn_mini *m, const struct hc_seg *seg,
		    const struct hc_tcp_env *env, struct hc_tcb *t, struct hc_tcb_cold *c);
