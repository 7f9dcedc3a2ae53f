// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The scoreboard (RFC 6675 4): what became of each byte between SND.UNA and SND.NXT, as far as the
// peer's SACK blocks tell. A record of fixed size out of a pool of the worker, taken when a
// connection first has something to note in it and given back when there is nothing any more; a
// connection that finds none does without (tcp/recovery.h).
//
// It is a list of runs, each beginning where the one before it ends, together all of
// [start, end). A run has one fate: acknowledged selectively or not, deemed lost or not, sent again
// or not. What a peer may say is bounded by the number of runs: when there is no room for another,
// first runs that differ only in the time they were sent become one, and then blocks are ignored,
// which loses knowledge but no data. Every operation looks at each run a small number of times.
//
// Pure, as all of this layer.

#include "base/pool.h"
#include "wire/seg.h"

#define HC_RUNS_MAX 40u

// Times are counts of 1024 ns that wrap.

enum hc_run_flags {
	HC_RUN_SACKED = 1u << 0, // The peer has it (RFC 2018: it may yet drop it).
	HC_RUN_LOST = 1u << 1,   // IsLost() (RFC 6675 4).
	HC_RUN_RTX = 1u << 2,    // Sent again since it was deemed lost: one copy is on its way.
	HC_RUN_EVER = 1u << 3,   // Sent again at least once, or SACKed until that was forgotten:
				 // which copy came, and when, nobody knows.
};

struct hc_run {
	hc_seq end;       // Behind its last byte.
	uint32_t sent_us; // When it was sent last.
	uint8_t flags;    // enum hc_run_flags.
	uint8_t spare[3];
};

// What RACK knows as long as something is in flight (tcp/rack.h).
struct hc_rack {
	uint32_t xmit_us; // With has_segment: RACK.xmit_ts, RACK.end_seq and RACK.rtt.
	hc_seq end_seq;
	uint32_t rtt_us;
	uint32_t min_rtt_us;  // RACK.min_RTT in microseconds, 0: none yet.
	uint32_t wait_end_us; // With is_waiting: when the reordering timer is due.
	hc_seq dsack_round;   // With has_dsack_round.
	bool has_segment;
	bool is_segment_rtx; // RACK.segment was sent again.
	bool is_waiting;
	bool has_dsack_round;
};

// A recovery that may turn out to have been for nothing (tcp/recovery.h).
struct hc_undo {
	uint32_t bytes; // Sent again, and not reported to have come twice.
	uint32_t cwnd;  // As they were before it.
	uint32_t ssthresh;
	uint32_t w_max;
	uint32_t w_prior;
	hc_seq end;   // With is_over: what is waited for the report of.
	bool is_on;   // There was one.
	bool is_over; // It has ended, and reports may still come.
	uint8_t spare[2];
};

struct hc_board {
	hc_seq start; // SND.UNA.
	uint32_t run_count;
	uint32_t sacked_bytes;
	hc_seq fack;   // RACK.fack: behind the highest byte that is acknowledged, or SACKed.
	hc_seq rescue; // RescueRxt of RFC 6675, with has_rescued.
	bool has_rescued;
	uint8_t spare[3];
	struct hc_rack rack;
	struct hc_undo undo;
	uint32_t spare_words[4];
	struct hc_run run[HC_RUNS_MAX];
};
HC_STATIC_ASSERT(sizeof(struct hc_board) == 576, "a scoreboard is nine cache lines");

// The records of a worker.
struct hc_boards {
	struct hc_pool pool;
	struct hc_board *board;
};

// What SACK blocks, or an acknowledgment, brought.
struct hc_board_news {
	// The caller's: when they came, and how old something sent again must be by then to be what
	// they speak of (RFC 8985 6.2, step 2).
	uint32_t now_us;
	uint32_t rtx_age_us;
	uint32_t sacked_bytes; // Not known before.
	uint32_t bad_blocks;   // That no honest peer sends.
	uint32_t ignored;      // For which there was no room.
	bool has_reneged;      // The peer gave up what it had acknowledged selectively.
	bool is_reordered;     // Something sent once came behind what was sent after it.
	bool has_newest;       // Of what is delivered and can be timed, what was sent last:
	bool is_newest_rtx;    // ... sent again,
	uint32_t newest_us;    // ... then,
	hc_seq newest_end;     // ... up to here.
};

// All of [una, nxt), sent at sent_us, nothing known of it.
void hc_board_init(struct hc_board *b, hc_seq una, hc_seq nxt, uint32_t sent_us);

// [seq, end) was sent, for the first time or again: what lies behind the end of the board is
// appended, what lies before it is noted as sent again. At most HC_RUNS_MAX runs are looked at.
void hc_board_sent(struct hc_board *b, hc_seq seq, hc_seq end, uint32_t sent_us);

// Whether what ends at end2 was sent before what ends at end1 (RACK_sent_after() of RFC 8985 6.2).
HC_ALWAYS_INLINE bool hc_board_sent_after(uint32_t us1, hc_seq end1, uint32_t us2, hc_seq end2)
{
	return hc_seq_gt(us1, us2) || (us1 == us2 && hc_seq_gt(end1, end2));
}

// SND.UNA moved. Sets news->has_reneged when the first byte that is not acknowledged had been so
// selectively; then nothing is SACKed any more, and what was is deemed lost (RFC 2018 8).
void hc_board_acked(struct hc_board *b, hc_seq una, struct hc_board_news *news);

// Takes the `n` SACK blocks of a segment. A block counts when it lies within [start, end) and is
// not empty; others are bad, but for the first if it reports a duplicate (RFC 2883 4), which is
// for the caller.
void hc_board_sack(struct hc_board *b, const struct hc_seq_range *blocks, unsigned n,
		   struct hc_board_news *news);

// Update() and IsLost() of RFC 6675 4: deems lost whatever lies below three runs, or more than two
// segments of `mss` bytes, that are SACKed. @return whether something is lost now that was not.
bool hc_board_mark_lost(struct hc_board *b, uint32_t mss);

// Deems [start, start + bytes) lost, but for what is SACKed.
void hc_board_first_lost(struct hc_board *b, uint32_t bytes);

// SetPipe() of RFC 6675 4: the bytes that are on their way.
uint32_t hc_board_pipe(const struct hc_board *b);

// Bytes that are SACKed below seq.
uint32_t hc_board_sacked_below(const struct hc_board *b, hc_seq seq);

// From where on, at or behind seq, something is deemed lost and was not sent again since; *end is
// where that ends. False when nothing is.
bool hc_board_gap(const struct hc_board *b, hc_seq seq, hc_seq *from, hc_seq *end);

// NextSeg() of RFC 6675 4, rules 1, 3 and 4: at most `mss` bytes to send again. False: none.
// Departure in rule 4: what was sent again already is not rescued by sending it once more, in the
// same breath often; if that was lost too, RACK or the timer tells.
bool hc_board_next_lost(const struct hc_board *b, uint32_t mss, struct hc_seq_range *out);
bool hc_board_next_unsure(const struct hc_board *b, uint32_t mss, struct hc_seq_range *out);
bool hc_board_rescue(const struct hc_board *b, uint32_t mss, struct hc_seq_range *out);

// After a retransmission timeout: what was SACKed is not known any more (RFC 2018 8). Deemed lost
// are the first `mss` bytes and what was sent at lost_us or before (RFC 8985 6.3).
void hc_board_timeout(struct hc_board *b, uint32_t mss, uint32_t lost_us);

// Everything is to be sent again, but for what is SACKed.
void hc_board_all_lost(struct hc_board *b);

// Nothing is deemed lost any more.
void hc_board_none_lost(struct hc_board *b);

// Neighbours that nothing tells apart become one; for who has changed flags.
void hc_board_tidy(struct hc_board *b);

// Whether anything is noted that a plain connection does not know.
bool hc_board_is_blank(const struct hc_board *b);

// Whether all is consistent, for tests and audits.
bool hc_board_check(const struct hc_board *b);

HC_ALWAYS_INLINE hc_seq hc_board_end(const struct hc_board *b)
{
	return b->run_count ? b->run[b->run_count - 1].end : b->start;
}
