// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Fixtures of the pure TCP core: an environment, segments, and a connection as it stands in each
// state. Every field is written out here from RFC 9293 3.3.1 and the notes in tcp/tcb.h; nothing of
// the code under test is called, so that a step can be judged by comparing the whole TCB, both
// halves, with the fixture of the state it should have come to.
//
// All fixtures tell one story: our SYN (ISS) and the peer's (IRS), no data unless fx_queued() or
// fx_received() adds some, and then the FINs. Sequence numbers are those of the bases chosen, so
// that the same story is told at 0, across the wrap and across the sign bit.

#include "tcp/input.h"
#include "tcp/output.h"

#include "runner.h"

#define FX_MSS       1460u
#define FX_RCV_BUF   65536u
#define FX_WND       8192u // What the peer's segments advertise, not scaled.
#define FX_WSCALE    7u    // The peer's.
#define FX_PEER_MSS  1400u
#define FX_STAMP     5000000u // Of the step, env->stamp.
#define FX_RTT_STAMP 31250u   // 2 ms in units of 64 ns.
#define FX_TS_PEER   9000u    // TS.Recent of the fixtures.

// Both halves of a TCB.
struct fx_conn {
	struct hc_tcb t;
	struct hc_tcb_cold c;
};

// Which story.
struct fx_story {
	hc_seq iss;
	hc_seq irs;
	bool has_ts;
	uint16_t flags; // HC_TCB_ACTIVE, _PIGGYBACK, _MERGE_CLOSE: the application's choice.
};

extern const struct fx_story fx_plain;  // ISS 1000, IRS 50000, no timestamps.
extern const struct hc_flow_key fx_key; // 10.0.0.1:80 <- 10.0.0.2:40000.
extern const hc_seq fx_bases[3];        // 0, just before the wrap, the sign bit.
extern uint64_t fx_ctr[HC_CTR_COUNT];   // What every environment counts in.

// The environment of a step: the counters begin at 0 and the challenge allowance is whole.
struct hc_tcp_env fx_env(void);

// The same with NewReno and scoreboards, `count` of them free (1 or 2), which are in fx_boards.
extern struct hc_boards fx_boards;
struct hc_tcp_env fx_sack_env(unsigned count);

// Time passes.
void fx_pass_us(struct hc_tcp_env *env, uint64_t us);

// The connection in each state, as the story's last segment left it.
struct fx_conn fx_syn_sent(const struct fx_story *s);
struct fx_conn fx_syn_rcvd(const struct fx_story *s); // After a simultaneous open.
struct fx_conn fx_established(const struct fx_story *s);
struct fx_conn fx_fin_wait_1(const struct fx_story *s); // The FIN is sent.
struct fx_conn fx_fin_wait_2(const struct fx_story *s);
struct fx_conn fx_close_wait(const struct fx_story *s);
struct fx_conn fx_closing(const struct fx_story *s);   // The FIN is sent.
struct fx_conn fx_last_ack(const struct fx_story *s);  // The FIN is sent.
struct fx_conn fx_time_wait(const struct fx_story *s); // As hc_tw_open() takes it.

// Additions to a story.
void fx_close_called(struct fx_conn *x);              // FIN queued, not sent: ESTABLISHED on to
						      // FIN-WAIT-1, CLOSE-WAIT on to LAST-ACK.
void fx_queued(struct fx_conn *x, uint32_t bytes);    // The application queued so much.
void fx_in_flight(struct fx_conn *x, uint32_t bytes); // So much of it is sent, none acknowledged.

// ESTABLISHED, with `segments` of `mss` bytes in flight, which is all that cwnd allows, and no end
// of data behind.
struct fx_conn fx_sender(unsigned segments, uint16_t mss);
struct fx_conn fx_sack_sender(unsigned segments, uint16_t mss); // SACK is agreed upon.
void fx_zero_window(struct fx_conn *x);                         // Our own: the buffer is full.

// Books the window and the timestamp of an acceptable segment that acknowledges SND.NXT.
void fx_saw(struct fx_conn *x, const struct hc_seg *seg);

// The peer's next segment: in order, acknowledging all we sent, without payload; with a timestamp
// when the connection has them.
struct hc_seg fx_seg(const struct fx_conn *x, uint8_t flags);

// The peer's SYN of the story, to a listener or (with ACK) to our own SYN.
struct hc_seg fx_syn(const struct fx_story *s, uint8_t flags);

// hc_tcp_input() with a fresh environment.
hc_verdict fx_input(struct fx_conn *x, struct hc_seg *seg);

// The low word of a verdict.
uint32_t fx_what(hc_verdict v);

// The whole of both halves is equal; the failure names the first field that differs.
#define FX_SAME(actual, expected) fx_check_same(&(actual), &(expected), __FILE__, __LINE__)
bool fx_check_same(const struct fx_conn *actual, const struct fx_conn *expected, const char *file,
		   unsigned line);

// The name of the first field that differs, NULL when none does.
const char *fx_first_difference(const struct fx_conn *a, const struct fx_conn *b);

// A verdict's three parts.
#define FX_VERDICT(v, what, drop, reason)                                                          \
	do {                                                                                       \
		hc_verdict fx_v = (v);                                                             \
                                                                                                   \
		UNIT_EQ(fx_what(fx_v), what);                                                      \
		UNIT_EQ(hc_verdict_drop_of(fx_v), drop);                                           \
		UNIT_EQ(hc_verdict_reason_of(fx_v), reason);                                       \
	} while (0)
