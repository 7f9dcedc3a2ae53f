// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See scoreboard.h.

#include "tcp/scoreboard.h"

#include "base/fault.h"
#include "wire/format.h"

#define DUP_THRESH 3u

// Runs that splitting leaves free, so that what is sent always finds one.
#define RUNS_KEPT 2u

// With HC_RUN_LOST alone of these, a run is to be sent again.
#define RUN_FATE (HC_RUN_SACKED | HC_RUN_LOST | HC_RUN_RTX)

static hc_seq run_start(const struct hc_board *b, uint32_t i)
{
	return i ? b->run[i - 1].end : b->start;
}

static uint32_t run_len(const struct hc_board *b, uint32_t i)
{
	return b->run[i].end - run_start(b, i);
}

void hc_board_init(struct hc_board *b, hc_seq una, hc_seq nxt, uint32_t sent_us)
{
	HC_ASSERT(hc_seq_lt(una, nxt));
	*b = (struct hc_board){.start = una, .run_count = 1, .fack = una};
	b->run[0] = (struct hc_run){.end = nxt, .sent_us = sent_us};
}

// Run i becomes part of run i + 1, which is taken as sent when the later of the two was.
static void run_merge(struct hc_board *b, uint32_t i)
{
	struct hc_run *into = &b->run[i + 1];

	HC_ASSERT(i + 1 < b->run_count);
	if (hc_seq_gt(b->run[i].sent_us, into->sent_us))
		into->sent_us = b->run[i].sent_us;
	memmove(&b->run[i], into, (b->run_count - i - 1) * sizeof *into);
	b->run_count--;
}

void hc_board_tidy(struct hc_board *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 1; i < b->run_count; i++) {
		struct hc_run *last = &b->run[kept];
		const struct hc_run *r = &b->run[i];

		if (last->flags == r->flags &&
		    (last->sent_us == r->sent_us || r->flags & HC_RUN_SACKED)) {
			last->end = r->end;
			if (hc_seq_gt(r->sent_us, last->sent_us))
				last->sent_us = r->sent_us;
		} else {
			b->run[++kept] = *r;
		}
	}
	b->run_count = b->run_count ? kept + 1 : 0;
}

// Pairs of neighbours with one fate become one, whenever they were sent: about half are left.
static void make_room(struct hc_board *b)
{
	for (uint32_t i = 0; i + 1 < b->run_count; i++)
		if (b->run[i].flags == b->run[i + 1].flags)
			run_merge(b, i);
}

// The run that seq lies in; run_count behind the end.
static uint32_t run_at(const struct hc_board *b, hc_seq seq)
{
	uint32_t i = 0;

	while (i < b->run_count && hc_seq_le(b->run[i].end, seq))
		i++;
	return i;
}

// Makes a run end at seq. @return the index of the run that begins there, HC_RUNS_MAX when there is
// no room.
static uint32_t split_at(struct hc_board *b, hc_seq seq)
{
	uint32_t i = run_at(b, seq);

	if (i == b->run_count || run_start(b, i) == seq)
		return i;
	if (b->run_count + RUNS_KEPT >= HC_RUNS_MAX)
		return HC_RUNS_MAX;
	memmove(&b->run[i + 1], &b->run[i], (b->run_count - i) * sizeof b->run[0]);
	b->run_count++;
	b->run[i].end = seq;
	return i + 1;
}

// The runs that make up [lo, hi), which lies within the board. @return false when there is no room.
static bool cut_out(struct hc_board *b, hc_seq lo, hc_seq hi, uint32_t *first, uint32_t *behind)
{
	if (b->run_count + 2 + RUNS_KEPT > HC_RUNS_MAX)
		make_room(b);
	*first = split_at(b, lo);
	if (*first == HC_RUNS_MAX)
		return false;
	*behind = split_at(b, hi);
	return *behind != HC_RUNS_MAX;
}

// Nothing is known any more.
static void forget(struct hc_board *b)
{
	for (uint32_t i = 0; i < b->run_count; i++)
		b->run[i].flags = HC_RUN_EVER;
	b->sacked_bytes = 0;
	b->has_rescued = false;
	while (b->run_count > 1)
		run_merge(b, 0);
}

static void append(struct hc_board *b, hc_seq end, uint32_t sent_us)
{
	struct hc_run *last;

	if (b->run_count + RUNS_KEPT >= HC_RUNS_MAX)
		make_room(b);
	last = b->run_count ? &b->run[b->run_count - 1] : NULL;
	if (last && last->flags == 0 &&
	    (last->sent_us == sent_us || b->run_count + RUNS_KEPT >= HC_RUNS_MAX)) {
		last->end = end;
		last->sent_us = sent_us;
		return;
	}
	if (b->run_count == HC_RUNS_MAX) {
		forget(b);
		append(b, end, sent_us);
		return;
	}
	b->run[b->run_count++] = (struct hc_run){.end = end, .sent_us = sent_us};
}

void hc_board_sent(struct hc_board *b, hc_seq seq, hc_seq end, uint32_t sent_us)
{
	hc_seq board_end = hc_board_end(b);
	uint32_t first;
	uint32_t behind;

	if (hc_seq_lt(seq, b->start))
		seq = b->start;
	if (hc_seq_lt(seq, board_end)) {
		hc_seq hi = hc_seq_lt(end, board_end) ? end : board_end;

		if (!cut_out(b, seq, hi, &first, &behind)) {
			// No room to tell the parts of a run apart: all of those that are touched
			// count as sent again, so that they are not sent for ever.
			first = run_at(b, seq);
			behind = run_at(b, hi - 1) + 1;
		}
		for (uint32_t i = first; i < behind; i++) {
			if (b->run[i].flags & HC_RUN_SACKED)
				continue;
			b->run[i].flags |= HC_RUN_RTX | HC_RUN_EVER;
			b->run[i].sent_us = sent_us;
		}
		hc_board_tidy(b);
	}
	if (hc_seq_gt(end, hc_board_end(b)))
		append(b, end, sent_us);
}

// Of a run that was not SACKED, what ends at `end` is delivered (RACK_update() and
// RACK_detect_reordering() of RFC 8985 6.2).
static void delivered(struct hc_board *b, const struct hc_run *r, hc_seq end,
		      struct hc_board_news *news)
{
	bool is_rtx = r->flags & HC_RUN_EVER;

	if (hc_seq_gt(end, b->fack))
		b->fack = end;
	else if (end != b->fack && !is_rtx)
		news->is_reordered = true;
	if (is_rtx && news->now_us - r->sent_us < news->rtx_age_us && !HC_FAULT(any_copy_is_timed))
		return;
	if (news->has_newest &&
	    !hc_board_sent_after(r->sent_us, end, news->newest_us, news->newest_end))
		return;
	news->has_newest = true;
	news->is_newest_rtx = is_rtx;
	news->newest_us = r->sent_us;
	news->newest_end = end;
}

void hc_board_acked(struct hc_board *b, hc_seq una, struct hc_board_news *news)
{
	hc_seq from = b->start;
	uint32_t gone = 0;

	HC_ASSERT(hc_seq_ge(una, b->start));
	while (gone < b->run_count && hc_seq_le(b->run[gone].end, una)) {
		if (b->run[gone].flags & HC_RUN_SACKED)
			b->sacked_bytes -= b->run[gone].end - from;
		else
			delivered(b, &b->run[gone], b->run[gone].end, news);
		from = b->run[gone++].end;
	}
	if (gone < b->run_count && hc_seq_lt(from, una) && !(b->run[gone].flags & HC_RUN_SACKED))
		delivered(b, &b->run[gone], una, news);
	b->start = una;
	b->run_count -= gone;
	memmove(&b->run[0], &b->run[gone], b->run_count * sizeof b->run[0]);
	if (b->run_count == 0 || !(b->run[0].flags & HC_RUN_SACKED))
		return;
	// The peer said that it has this, and now waits for it.
	news->has_reneged = true;
	b->sacked_bytes = 0;
	for (uint32_t i = 0; i < b->run_count; i++)
		if (b->run[i].flags & HC_RUN_SACKED)
			b->run[i].flags = HC_RUN_LOST | HC_RUN_EVER;
	hc_board_tidy(b);
}

static void sack_one(struct hc_board *b, const struct hc_seq_range *block,
		     struct hc_board_news *news)
{
	uint32_t first;
	uint32_t behind;
	uint32_t fresh = 0;

	if (!cut_out(b, block->lo, block->hi, &first, &behind)) {
		news->ignored++;
		return;
	}
	for (uint32_t i = first; i < behind; i++) {
		if (b->run[i].flags & HC_RUN_SACKED)
			continue;
		fresh += run_len(b, i);
		delivered(b, &b->run[i], b->run[i].end, news);
		b->run[i].flags = HC_RUN_SACKED;
	}
	b->sacked_bytes += fresh;
	news->sacked_bytes += fresh;
	hc_board_tidy(b);
}

void hc_board_sack(struct hc_board *b, const struct hc_seq_range *blocks, unsigned n,
		   struct hc_board_news *news)
{
	hc_seq end = hc_board_end(b);
	struct hc_seq_range good[HC_SACK_BLOCKS_MAX];
	unsigned count = 0;

	HC_ASSERT(n <= HC_SACK_BLOCKS_MAX);
	for (unsigned i = 0; i < n; i++) {
		const struct hc_seq_range *k = &blocks[i];
		unsigned at = count;

		// RFC 2883 4: the first block may tell of what came twice, below the cumulative
		// acknowledgment or within the second block.
		if (i == 0 && hc_seq_lt(k->lo, k->hi) && hc_seq_le(k->hi, b->start))
			continue;
		// SND.UNA itself is what the peer waits for: it cannot have it.
		if (!hc_seq_lt(k->lo, k->hi) || hc_seq_le(k->lo, b->start) ||
		    (hc_seq_gt(k->hi, end) && !HC_FAULT(sack_of_the_unsent_believed))) {
			news->bad_blocks++;
			continue;
		}
		// Told youngest first, but what one ACK brings in order is not reordered.
		for (; at && hc_seq_lt(k->lo, good[at - 1].lo); at--)
			good[at] = good[at - 1];
		good[at] = *k;
		count++;
	}
	for (unsigned i = 0; i < count; i++)
		sack_one(b, &good[i], news);
}

bool hc_board_mark_lost(struct hc_board *b, uint32_t mss)
{
	uint32_t runs_above = 0;
	uint32_t bytes_above = 0;
	bool has_more = false;

	for (uint32_t i = b->run_count; i-- > 0;) {
		struct hc_run *r = &b->run[i];

		if (r->flags & HC_RUN_SACKED) {
			runs_above++;
			bytes_above += run_len(b, i);
		} else if ((runs_above >= DUP_THRESH || bytes_above > (DUP_THRESH - 1) * mss) &&
			   !(r->flags & HC_RUN_LOST)) {
			r->flags |= HC_RUN_LOST;
			has_more = true;
		}
	}
	if (has_more)
		hc_board_tidy(b);
	return has_more;
}

void hc_board_first_lost(struct hc_board *b, uint32_t bytes)
{
	hc_seq end = hc_board_end(b);
	hc_seq hi = bytes < end - b->start ? b->start + bytes : end;
	uint32_t first;
	uint32_t behind;

	if (!cut_out(b, b->start, hi, &first, &behind)) {
		// No room to tell them apart from what lies behind them.
		first = 0;
		behind = 1;
	}
	for (uint32_t i = first; i < behind; i++)
		if (!(b->run[i].flags & HC_RUN_SACKED))
			b->run[i].flags |= HC_RUN_LOST;
	hc_board_tidy(b);
}

uint32_t hc_board_pipe(const struct hc_board *b)
{
	uint32_t pipe = 0;

	for (uint32_t i = 0; i < b->run_count; i++) {
		uint8_t flags = b->run[i].flags;

		if (flags & HC_RUN_SACKED)
			continue;
		// RFC 6675 4: once if it is not lost, and once if it was sent again.
		pipe += run_len(b, i) * (!(flags & HC_RUN_LOST) + ((flags & HC_RUN_RTX) != 0));
	}
	return pipe;
}

uint32_t hc_board_sacked_below(const struct hc_board *b, hc_seq seq)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < b->run_count && hc_seq_lt(run_start(b, i), seq); i++)
		if (b->run[i].flags & HC_RUN_SACKED)
			bytes += run_len(b, i);
	return bytes;
}

bool hc_board_gap(const struct hc_board *b, hc_seq seq, hc_seq *from, hc_seq *end)
{
	for (uint32_t i = run_at(b, seq); i < b->run_count; i++) {
		if ((b->run[i].flags & RUN_FATE) != HC_RUN_LOST)
			continue;
		*from = hc_seq_gt(run_start(b, i), seq) ? run_start(b, i) : seq;
		while (i + 1 < b->run_count && (b->run[i + 1].flags & RUN_FATE) == HC_RUN_LOST)
			i++;
		*end = b->run[i].end;
		return true;
	}
	return false;
}

// The first bytes, at most `mss`, of runs whose flags under `mask` are `want`, below `below`.
static bool first_of(const struct hc_board *b, uint8_t mask, uint8_t want, uint32_t below,
		     uint32_t mss, struct hc_seq_range *out)
{
	for (uint32_t i = 0; i < below; i++) {
		if ((b->run[i].flags & mask) != want)
			continue;
		out->lo = run_start(b, i);
		while (i + 1 < below && (b->run[i + 1].flags & mask) == want)
			i++;
		out->hi = b->run[i].end;
		if (out->hi - out->lo > mss)
			out->hi = out->lo + mss;
		return true;
	}
	return false;
}

bool hc_board_next_lost(const struct hc_board *b, uint32_t mss, struct hc_seq_range *out)
{
	return first_of(b, RUN_FATE, HC_RUN_LOST, b->run_count, mss, out);
}

bool hc_board_next_unsure(const struct hc_board *b, uint32_t mss, struct hc_seq_range *out)
{
	uint32_t highest = b->run_count;

	while (highest && !(b->run[highest - 1].flags & HC_RUN_SACKED))
		highest--;
	return first_of(b, HC_RUN_SACKED | HC_RUN_RTX, 0, highest, mss, out);
}

bool hc_board_rescue(const struct hc_board *b, uint32_t mss, struct hc_seq_range *out)
{
	uint32_t i = b->run_count;

	if (b->has_rescued && hc_seq_le(b->start, b->rescue))
		return false;
	while (i && b->run[i - 1].flags & HC_RUN_SACKED)
		i--;
	if (i == 0 || (b->run[i - 1].flags & HC_RUN_RTX && !HC_FAULT(rescue_repeats)))
		return false;
	out->hi = b->run[i - 1].end;
	while (i > 1 && !(b->run[i - 2].flags & HC_RUN_SACKED))
		i--;
	out->lo = run_start(b, i - 1);
	if (out->hi - out->lo > mss)
		out->lo = out->hi - mss;
	return true;
}

void hc_board_timeout(struct hc_board *b, uint32_t mss, uint32_t lost_us)
{
	for (uint32_t i = 0; i < b->run_count; i++) {
		struct hc_run *r = &b->run[i];

		r->flags = r->flags & (HC_RUN_EVER | HC_RUN_SACKED) ? HC_RUN_EVER : 0;
		if (hc_seq_le(r->sent_us, lost_us))
			r->flags |= HC_RUN_LOST;
	}
	b->sacked_bytes = 0;
	b->has_rescued = false;
	hc_board_tidy(b);
	hc_board_first_lost(b, mss);
}

void hc_board_all_lost(struct hc_board *b)
{
	for (uint32_t i = 0; i < b->run_count; i++)
		if (!(b->run[i].flags & HC_RUN_SACKED))
			b->run[i].flags = HC_RUN_LOST | HC_RUN_EVER;
	hc_board_tidy(b);
}

void hc_board_none_lost(struct hc_board *b)
{
	for (uint32_t i = 0; i < b->run_count; i++)
		b->run[i].flags &= (uint8_t)~HC_RUN_LOST;
	hc_board_tidy(b);
}

bool hc_board_is_blank(const struct hc_board *b)
{
	for (uint32_t i = 0; i < b->run_count; i++)
		if (b->run[i].flags)
			return false;
	return true;
}

bool hc_board_check(const struct hc_board *b)
{
	uint32_t sacked = 0;

	if (b->run_count > HC_RUNS_MAX)
		return false;
	for (uint32_t i = 0; i < b->run_count; i++) {
		if (!hc_seq_lt(run_start(b, i), b->run[i].end))
			return false;
		if (b->run[i].flags & HC_RUN_SACKED) {
			sacked += run_len(b, i);
			// A SACKed run has no other fate, and no neighbour like it.
			if (b->run[i].flags != HC_RUN_SACKED ||
			    (i && b->run[i - 1].flags & HC_RUN_SACKED))
				return false;
		}
	}
	return sacked == b->sacked_bytes;
}
