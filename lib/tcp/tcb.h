// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The transmission control block (RFC 9293 3.3.1), the environment of a step and the verdicts of
// the pure core.
//
// A TCB has two halves, in two arrays with the same index. The hot half, one cache line, is all
// that a handshake and a close touch in every segment; the cold half holds in its first line what
// is written once at the opening and then only needed by data, loss and options, and behind it what
// is not even initialised before data flows. lib/tcp decides and does nothing:
// a function takes a TCB, a segment or a timeout, and the environment, changes the TCB, and returns
// a verdict: what to send, which events to raise, which timer to arm, what becomes of the TCB, and
// which drop counter moves. It reads no clock, allocates nothing and knows no packet buffer.
//
// Invariants, between calls: SND.UNA <= SND.NXT; SND.NXT is the highest sequence number sent plus
// one and never goes back (retransmission has its own cursor, rtx_nxt); rcv_edge never moves left.

#include <handclasp/counters.h>
#include <handclasp/stack.h>

#include "base/hash.h"
#include "base/seq.h"
#include "tcp/scoreboard.h"
#include "tcp/timer.h"
#include "wire/format.h"
#include "wire/seg.h"

enum hc_tcb_flags {
	HC_TCB_TS = 1u << 0,          // Timestamps were negotiated (RFC 7323 3.2).
	HC_TCB_PIGGYBACK = 1u << 1,   // HC_CONN_PIGGYBACK.
	HC_TCB_MERGE_CLOSE = 1u << 2, // HC_CONN_MERGE_CLOSE.
	HC_TCB_ACTIVE = 1u << 3,      // Opened by connect(): found by its source tuple.
	HC_TCB_FIN_QUEUED = 1u << 4,  // The application sends no more.
	HC_TCB_FIN_SENT = 1u << 5,    // Our FIN was sent at least once: SND.NXT is behind it.
	HC_TCB_NO_RECEIVE = 1u << 6,  // The application receives no more (close, not shutdown).
	HC_TCB_ACK_OWED = 1u << 7,    // An ACK waits for the flush.
	HC_TCB_PENDING = 1u << 8,     // On the worker's list of connections to output at the flush.
	HC_TCB_RTX = 1u << 9,         // What is timed was retransmitted: no RTT sample (Karn).
	HC_TCB_DATA = 1u << 10,       // Data was queued or received: the cold half is in use.
	HC_TCB_TIMING = 1u << 11,     // timed_at and timed_seq await their ACK.
	HC_TCB_SOFT_ERROR = 1u << 12, // ICMP or ARP said unreachable since the last progress.
	HC_TCB_PROBING = 1u << 13,    // The timer is the persist timer.
	HC_TCB_RECOVERING = 1u << 14, // rtx_nxt is behind SND.NXT: retransmitting.
	HC_TCB_SACK = 1u << 15,       // SACK was negotiated (RFC 2018 2).
};

// What a connection was agreed or told to do, and what only data or loss needs as flags.
enum hc_tcb_switch {
	HC_SWITCH_NODELAY = 1u << 0,      // HC_OPTION_NODELAY: Nagle's algorithm is off.
	HC_SWITCH_KEEPALIVE = 1u << 1,    // HC_OPTION_KEEPALIVE, with HC_SWITCH_LIVE.
	HC_SWITCH_BOARD = 1u << 2,        // cc.board is a scoreboard (tcp/recovery.h).
	HC_SWITCH_LIVE = 1u << 3,         // cc.live is a record of tcp/liveness.h.
	HC_SWITCH_TLP = 1u << 4,          // A tail loss probe is not done with (tcp/tlp.h).
	HC_SWITCH_TIMED_OUT = 1u << 5,    // Until what was in flight then, up to cc.recover, and
					  // more than that is acknowledged.
	HC_SWITCH_CORK = 1u << 6,         // HC_OPTION_CORK: only whole segments leave.
	HC_SWITCH_QUIET = 1u << 7,        // HC_SEND_QUIET, of all that is queued.
	HC_SWITCH_ECN = 1u << 8,          // Both sides know ECN (RFC 3168 6.1.1).
	HC_SWITCH_ECN_ECHO = 1u << 9,     // CE came, CWR not yet: what we send says ECE.
	HC_SWITCH_ECN_CWR = 1u << 10,     // The next new data says CWR.
	HC_SWITCH_ECN_REDUCED = 1u << 11, // ECE took from the window up to cc.recover.
	HC_SWITCH_FASTOPEN = 1u << 12,    // SYN-SENT: our SYN has a Fast Open option.
	HC_SWITCH_SYN_OWED = 1u << 13,    // Opened by a SYN's data: our SYN is not acknowledged.
};

// What only receiving needs as flags.
enum hc_tcb_receiving {
	HC_RECEIVING_HOLDS = 1u << 0,        // Something is held out of order (tcp/held.h).
	HC_RECEIVING_ACK_MAY_WAIT = 1u << 1, // The ACK owed is of one segment of text alone.
	HC_RECEIVING_ACK_WAITS = 1u << 2,    // The timer, when nothing is in flight, is its.
	HC_RECEIVING_TS_OUTDATED = 1u << 3,  // TS.Recent says nothing any more (tcp/paws.h).
};

// Behind the flags: how many looks found the same TS.Recent.
#define HC_RECEIVING_SEEN_SHIFT 4

struct hc_tcb {
	/*  0 */ struct hc_flow_key key;
	/* 12 */ uint16_t flags; // enum hc_tcb_flags.
	/* 14 */ uint16_t gen;   // Moves when the block is freed; part of the handle.
	/* 16 */ hc_seq snd_una;
	/* 20 */ hc_seq snd_nxt;
	/* 24 */ hc_seq rcv_nxt;
	/* 28 */ hc_seq rcv_edge;    // RCV.NXT + RCV.WND as advertised.
	/* 32 */ uint32_t snd_wnd;   // Scaled.
	/* 36 */ uint32_t ts_recent; // RFC 7323 TS.Recent.
	/* 40 */ uint32_t
		timed_at;         // Stamp of the first sending of what is timed: SYN, data or FIN.
	/* 44 */ uint32_t cookie; // The application's.
	union {
		/* 48 */ struct hc_timer_node timer;
		struct {
			uint8_t timer_bytes[13];
			/* 61 */ uint8_t state;  // enum hc_conn_state.
			/* 62 */ uint16_t neigh; // Index of the next hop.
		};
	};
};
HC_STATIC_ASSERT(sizeof(struct hc_tcb) == 64, "the hot half is one cache line");
HC_STATIC_ASSERT(offsetof(struct hc_tcb, timer) == 48, "timer node closes the line");
HC_STATIC_ASSERT(offsetof(struct hc_tcb, state) == 61 && offsetof(struct hc_tcb, neigh) == 62,
		 "state and next hop live in the timer node's owner bytes");

#define HC_COLD_FIRST_BYTES 64u

// What congestion control keeps of a connection that sends data (tcp/cc.h).
struct hc_cc {
	/*  0 */ uint64_t acked; // Bytes acknowledged towards the next step of the window.
	/*  8 */ hc_seq dup_una; // The SND.UNA that dup_acks counts for.
	/* 12 */ hc_seq recover; // RFC 6582: SND.NXT when the loss, or ECE, was seen.
	/* 16 */ uint32_t w_max; // RFC 9438, in bytes and milliseconds from here on.
	/* 20 */ uint32_t w_prior;
	/* 24 */ uint32_t w_est;
	/* 28 */ uint32_t origin; // W_max of this stage.
	/* 32 */ uint32_t k_ms;
	/* 36 */ uint32_t epoch_ms; // How long the stage lasts.
	/* 40 */ uint32_t last_ms;  // When that was last counted.
	/* 44 */ uint8_t dup_acks;
	/* 45 */ bool is_recovering : 1;
	bool wants_rtx : 1; // The segment at SND.UNA is to be sent again.
	bool has_epoch : 1;
	bool is_overdue : 1;       // The override timeout went off: a silly piece may go.
	bool has_reordered : 1;    // RACK.reordering_seen (RFC 8985 6.2).
	bool has_probe : 1;        // TLP.end_seq is set (RFC 8985 7.3): tlp_end.
	bool is_probe_rtx : 1;     // TLP.is_retrans.
	/* 46 */ uint8_t reo_mult; // RACK.reo_wnd_mult, less one.
	/* 47 */ uint8_t reo_persist : 5;
	bool needs_rtt : 1; // No RTT was measured since the last tail loss probe.
	/* 48 */ hc_seq tlp_end;
	/* 52 */ uint32_t sent_ms; // When data was last sent.
	union {
		/* 56 */ uint32_t board; // With HC_SWITCH_BOARD: its index.
		uint32_t min_rtt_us;     // Without: RACK.min_RTT, 0: none yet.
	};
	/* 60 */ uint32_t live; // With HC_SWITCH_LIVE: its index, data or not.
};
#ifndef __CHECKER__ // sparse gives every bool among bit-fields a byte.
HC_STATIC_ASSERT(sizeof(struct hc_cc) == 64, "congestion control has a line of its own");
#endif

// The first line is for every connection. What only data needs follows, and is initialised when
// data first flows.
struct hc_tcb_cold {
	/*  0 */ hc_seq iss;
	/*  4 */ hc_seq irs;
	/*  8 */ hc_seq snd_wl1;
	/* 12 */ hc_seq snd_wl2;
	/* 16 */ hc_seq snd_end;   // Behind the last byte queued; our FIN stands here.
	/* 20 */ hc_seq rtx_nxt;   // With HC_TCB_RECOVERING: next to send again. In SYN-SENT with
				   // HC_SWITCH_FASTOPEN: behind the data of our SYN. With
				   // nothing in flight: see tcp/paws.h.
	/* 24 */ hc_seq timed_seq; // An ACK of this or more ends the timing.
	/* 28 */ uint32_t cwnd;    // Bytes (RFC 5681).
	/* 32 */ uint32_t ssthresh;
	/* 36 */ uint32_t srtt_us; // 0: no sample yet.
	/* 40 */ uint32_t rttvar_us;
	/* 44 */ uint32_t rto_ms;   // RFC 6298, backed off while retransmitting.
	/* 48 */ uint32_t rcv_used; // Received bytes the application has not given back.
	/* 52 */ uint32_t
		snd_wnd_max; // Largest window the peer offered (RFC 5961 5.2, RFC 9293 3.8.6.2.1).
	/* 56 */ uint16_t mss; // Largest payload we send in a segment, options taken off.
	/* 58 */ uint8_t snd_wscale;
	/* 59 */ uint8_t rcv_wscale;
	/* 60 */ uint8_t retries;   // Retransmissions without progress: HC_TCB_RTX or _PROBING.
	/* 61 */ uint8_t receiving; // enum hc_tcb_receiving.
	/* 62 */ uint16_t switches; // enum hc_tcb_switch.
	/* 64 */ struct hc_cc cc;   // Initialised by the first data queued.
};
HC_STATIC_ASSERT(offsetof(struct hc_tcb_cold, cc) == HC_COLD_FIRST_BYTES,
		 "what every connection has is one cache line");
#ifndef __CHECKER__
HC_STATIC_ASSERT(sizeof(struct hc_tcb_cold) % 64 == 0, "cold halves begin on a line");
#endif

HC_ALWAYS_INLINE bool hc_tcb_is_holding(const struct hc_tcb_cold *c)
{
	return c->receiving & HC_RECEIVING_HOLDS;
}

// Whether a tail loss probe, or what it probes for, is not acknowledged (tcp/tlp.h).
HC_ALWAYS_INLINE bool hc_tcb_has_probe_out(const struct hc_tcb *t, const struct hc_tcb_cold *c)
{
	return c->switches & HC_SWITCH_TLP && c->cc.has_probe &&
	       hc_seq_lt(t->snd_una, c->cc.tlp_end);
}

// Stamps are 32-bit counts of 64 ns: fine enough for a latency, and good for 274 s.
#define HC_STAMP_SHIFT 6u

// Limits of challenge ACKs and of ACKs to segments out of window (RFC 5961 7), per worker.
#define HC_CHALLENGES_PER_EPOCH 100u

// Everything the core may know besides its arguments. One per worker; the times change every step.
struct hc_tcp_env {
	uint64_t now_ns;
	uint32_t now_ms;        // Tick of the timers.
	uint32_t stamp;         // now_ns >> HC_STAMP_SHIFT.
	uint32_t ts_now;        // Our timestamp clock: milliseconds plus a secret offset.
	uint64_t clock_base_ns; // Of the clock of initial sequence numbers.

	uint32_t rto_init_ms;
	uint32_t rto_min_ms;
	uint32_t rto_max_ms;
	uint32_t fin_wait2_ms;
	uint32_t rcv_buf_bytes;
	uint32_t delayed_ack_ms; // 0: none is delayed.
	uint16_t mss;            // MTU less 40: what our SYN announces.
	uint16_t rcv_step;       // Least advance of the window that an ACK tells.
	uint8_t rcv_wscale;
	uint8_t syn_retries;
	uint8_t synack_retries;
	uint8_t data_retries;
	uint8_t r1_retries;
	uint8_t congestion; // enum hc_congestion.
	uint16_t switches;  // enum hc_tcb_switch of a new connection.
	bool has_timestamps;
	bool has_window_scale;
	bool has_sack;
	bool has_ecn;
	bool has_fast_open;
	uint32_t challenge_epoch; // now_ms / 128 + 1 of the current allowance; 0: none yet.
	uint32_t challenge_left;
	struct hc_seq_range dup; // With HC_DO_DSACK.
	uint64_t *ctr;           // HC_CTR_COUNT counters.
	// The SACK blocks of the segment at hand, if it has some, as the peer wrote them.
	uint32_t sack_count;
	struct hc_seq_range sack[HC_SACK_BLOCKS_MAX];
	struct hc_lives *lives;
	struct hc_boards *boards; // NULL: none, so that every recovery is NewReno's.
	struct hc_hash_secret secret;
};

// A verdict: what to do, in the low word; the drop counter and the reason in the high one. A plain
// integer, because gcc 12 returns an 8-byte struct through memory.
typedef uint64_t hc_verdict;

enum hc_do {
	HC_DO_ACK = 1u << 0,        // Send <SEQ=SND.NXT><ACK=RCV.NXT> now.
	HC_DO_ACK_DEFER = 1u << 1,  // The same, at the flush, unless it rides on something.
	HC_DO_OUTPUT = 1u << 2,     // Something may be sendable: output at the flush.
	HC_DO_RST_REPLY = 1u << 3,  // Send the RST that answers this segment (RFC 9293 3.10.7.1).
	HC_DO_RST = 1u << 4,        // Send <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>.
	HC_DO_SYN = 1u << 5,        // Send our SYN again.
	HC_DO_SYNACK = 1u << 6,     // Send our SYN,ACK (again).
	HC_DO_DELIVER = 1u << 7,    // seg->payload is next in order: give it to the application.
	HC_DO_ACKED = 1u << 8,      // SND.UNA moved over data: let the send queue go up to it.
	HC_DO_TIMER_RTX = 1u << 9,  // Arm (again): with what hc_recovery_delay_ms() says.
	HC_DO_TIMER_FW2 = 1u << 10, // Arm with fin_wait2_ms.
	HC_DO_TIMER_OFF = 1u << 11,
	HC_DO_OPENED = 1u << 12, // Events.
	HC_DO_SENT = 1u << 13,
	HC_DO_PEER_CLOSED = 1u << 14,
	HC_DO_CLOSED = 1u << 15,
	HC_DO_FAILED = 1u << 16,
	HC_DO_RESET = 1u << 17,
	HC_DO_FIN_ACKED = 1u << 18, // Our FIN is acknowledged for the first time (close latency).
	HC_DO_FREE = 1u << 19,      // The object ends.
	HC_DO_TIME_WAIT = 1u << 20, // The TCB becomes a TIME-WAIT mini; the ACK goes out first.
	HC_DO_PROMOTE = 1u << 21, // The SYN mini becomes a TCB, which then takes the same segment.
	HC_DO_NEW_SYN = 1u << 22, // The mini ends and the segment goes to the listener.
	HC_DO_TW_RESTART = 1u << 23, // 2 MSL begins anew.
	HC_DO_PROBE = 1u << 24,      // Send a window probe.
	HC_DO_STALLED = 1u << 27,    // R1 is reached: tell the application, and doubt the next hop.
	HC_DO_KEEPALIVE = 1u << 28, // Arm for keep-alive; with HC_DO_PROBE after one of its probes.
	HC_DO_DSACK = 1u << 26,     // env->dup came twice: the ACK, which goes out now, says so.
	HC_DO_HOLD = 1u << 25, // seg->payload and FIN are ahead of their turn: hold them, if there
			       // is room (tcp/held.h).
	HC_DO_FASTOPEN = 1u << 29,   // Our SYN is acknowledged, of a connection with Fast Open.
	HC_DO_TAIL_PROBE = 1u << 30, // Send a tail loss probe (tcp/tlp.h).
};

#define HC_VERDICT_DROP_SHIFT   32
#define HC_VERDICT_REASON_SHIFT 48

HC_ALWAYS_INLINE hc_verdict hc_verdict_drop(uint32_t what, enum hc_counter drop)
{
	return what | (hc_verdict)drop << HC_VERDICT_DROP_SHIFT;
}

HC_ALWAYS_INLINE hc_verdict hc_verdict_reason(uint32_t what, enum hc_reason reason)
{
	return what | (hc_verdict)reason << HC_VERDICT_REASON_SHIFT;
}

// The drop counter, or 0 (which is rx_packets, never a drop) when the segment was handled.
HC_ALWAYS_INLINE enum hc_counter hc_verdict_drop_of(hc_verdict v)
{
	return (enum hc_counter)(v >> HC_VERDICT_DROP_SHIFT & 0xffff);
}

HC_ALWAYS_INLINE enum hc_reason hc_verdict_reason_of(hc_verdict v)
{
	return (enum hc_reason)(v >> HC_VERDICT_REASON_SHIFT);
}

// Sets the times of a step. Milliseconds come by division: the caller does it once per step.
HC_ALWAYS_INLINE void hc_tcp_env_set_ms(struct hc_tcp_env *env, uint64_t now_ns, uint32_t now_ms,
					uint32_t ts_offset)
{
	env->now_ns = now_ns;
	env->now_ms = now_ms;
	env->stamp = (uint32_t)(now_ns >> HC_STAMP_SHIFT);
	env->ts_now = now_ms + ts_offset;
}

// Bytes of payload in a segment to a peer with this MSS option.
HC_ALWAYS_INLINE uint16_t hc_tcp_mss(const struct hc_tcp_env *env, uint32_t peer_mss, bool has_ts)
{
	uint32_t mss = HC_FAULT(mss_of_peer_ignored) ? env->mss : hc_min_u32(peer_mss, env->mss);

	// RFC 9293 3.7.1: options come off the MSS. A peer that announces next to nothing (MSS 1)
	// must not make us send a thousand headers: 64 bytes are always sent.
	mss = mss > 64 + 12 ? mss : 64 + 12;
	return (uint16_t)(mss - (has_ts ? 12 : 0));
}

// RFC 6928: the initial window.
HC_ALWAYS_INLINE uint32_t hc_tcp_initial_cwnd(uint32_t mss)
{
	return hc_min_u32(10 * mss, hc_max_u32(2 * mss, 14600));
}

// RFC 6528: ISN = M + F(addresses, ports, secret), M a clock of 4.096 us.
HC_ALWAYS_INLINE hc_seq hc_tcp_isn(const struct hc_tcp_env *env, const struct hc_flow_key *key)
{
	uint32_t f = hc_hash_isn(&env->secret, key);

	return HC_FAULT(isn_constant) ? 0x1000
				      : (hc_seq)((HC_FAULT(isn_without_clock)
							  ? 0
							  : env->now_ns + env->clock_base_ns) >>
						 12) +
						f;
}
