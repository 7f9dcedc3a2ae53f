// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The scoreboard against a model that keeps a byte of state for each byte in flight, and against
// peers that say what no honest peer says.

#include "tcp/scoreboard.h"

#include "base/rng.h"
#include "runner.h"

#include <string.h>

#define MSS    10u
#define MODEL  4096u
#define ROUNDS 400u

// What stands in the model for a byte that is in flight.
struct model {
	hc_seq base; // Sequence number of byte[0].
	uint32_t una, nxt;
	uint8_t byte[MODEL];
};

static uint32_t model_sacked(const struct model *m)
{
	uint32_t n = 0;

	for (uint32_t i = m->una; i < m->nxt; i++)
		n += m->byte[i] == HC_RUN_SACKED;
	return n;
}

static void model_sent(struct model *m, uint32_t lo, uint32_t hi)
{
	for (uint32_t i = lo; i < hi; i++) {
		if (i >= m->nxt)
			m->byte[i] = 0;
		else if (m->byte[i] != HC_RUN_SACKED)
			m->byte[i] |= HC_RUN_RTX;
	}
	m->nxt = hi > m->nxt ? hi : m->nxt;
}

static void model_mark_lost(struct model *m)
{
	uint32_t runs = 0;
	uint32_t bytes = 0;

	for (uint32_t i = m->nxt; i-- > m->una;) {
		if (m->byte[i] == HC_RUN_SACKED) {
			bytes++;
			runs += i + 1 == m->nxt || m->byte[i + 1] != HC_RUN_SACKED;
		} else if (runs >= 3 || bytes > 2 * MSS) {
			m->byte[i] |= HC_RUN_LOST;
		}
	}
}

static uint32_t model_pipe(const struct model *m)
{
	uint32_t n = 0;

	for (uint32_t i = m->una; i < m->nxt; i++)
		if (m->byte[i] != HC_RUN_SACKED)
			n += !(m->byte[i] & HC_RUN_LOST) + (m->byte[i] & HC_RUN_RTX ? 1u : 0u);
	return n;
}

// The first byte deemed lost that was not sent again; nxt when there is none.
static uint32_t model_next_lost(const struct model *m)
{
	uint32_t i = m->una;

	while (i < m->nxt && m->byte[i] != HC_RUN_LOST)
		i++;
	return i;
}

static void check_same(const struct hc_board *b, const struct model *m)
{
	struct hc_seq_range r;
	hc_seq from, end;

	UNIT_EXPECT(hc_board_check(b));
	UNIT_EXPECT(b->start == m->base + m->una);
	UNIT_EXPECT(hc_board_end(b) == m->base + m->nxt);
	UNIT_EXPECT(b->sacked_bytes == model_sacked(m));
	UNIT_EXPECT(hc_board_pipe(b) == model_pipe(m));
	UNIT_EXPECT(hc_board_sacked_below(b, m->base + m->nxt) == model_sacked(m));
	UNIT_EXPECT(hc_board_next_lost(b, MSS, &r) == (model_next_lost(m) < m->nxt));
	if (model_next_lost(m) < m->nxt)
		UNIT_EXPECT(r.lo == m->base + model_next_lost(m) && r.hi - r.lo <= MSS &&
			    r.hi != r.lo);
	UNIT_EXPECT(hc_board_gap(b, b->start, &from, &end) == (model_next_lost(m) < m->nxt));
	if (model_next_lost(m) < m->nxt)
		UNIT_EXPECT(from == m->base + model_next_lost(m));
}

// One round of something an honest peer and a sender do.
static void random_round(struct hc_rng *r, struct hc_board *b, struct model *m, uint32_t now_us)
{
	struct hc_board_news news = {0};
	uint32_t flight = m->nxt - m->una;
	struct hc_seq_range s;

	switch (hc_rng_below(r, 5)) {
	case 0: // New data.
		if (flight < 15 * MSS) {
			uint32_t len = 1 + hc_rng_below(r, MSS);

			hc_board_sent(b, m->base + m->nxt, m->base + m->nxt + len, now_us);
			model_sent(m, m->nxt, m->nxt + len);
		}
		break;
	case 1: // What is lost goes again.
		if (hc_board_next_lost(b, MSS, &s)) {
			hc_board_sent(b, s.lo, s.hi, now_us);
			model_sent(m, s.lo - m->base, s.hi - m->base);
		}
		break;
	case 2: // A part is acknowledged, together with what is SACKed behind it.
		if (flight && hc_rng_below(r, 3) == 0) {
			m->una += hc_rng_below(r, flight + 1);
			while (m->una < m->nxt && m->byte[m->una] == HC_RUN_SACKED)
				m->una++;
			hc_board_acked(b, m->base + m->una, &news);
			UNIT_EXPECT(!news.has_reneged);
		}
		break;
	case 3:
		(void)hc_board_mark_lost(b, MSS);
		model_mark_lost(m);
		break;
	default: // Not the first byte.
		if (flight > 1) {
			uint32_t lo = m->una + 1 + hc_rng_below(r, flight - 1);
			uint32_t hi = lo + 1 + hc_rng_below(r, m->nxt - lo);
			uint32_t before = model_sacked(m);

			s = (struct hc_seq_range){m->base + lo, m->base + hi};
			memset(m->byte + lo, HC_RUN_SACKED, hi - lo);
			hc_board_sack(b, &s, 1, &news);
			UNIT_EXPECT(news.bad_blocks == 0 && news.ignored == 0);
			UNIT_EXPECT(news.sacked_bytes == model_sacked(m) - before);
		}
	}
}

static void board_agrees_with_a_byte_by_byte_model(void)
{
	static struct model m;
	struct hc_board b;
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned run = 0; run < 300; run++) {
		memset(&m, 0, sizeof m);
		m.base = run % 2 ? (hc_seq)hc_rng_u64(&r) : (hc_seq)-100;
		m.nxt = 5;
		hc_board_init(&b, m.base, m.base + 5, 0);
		for (unsigned i = 0; i < ROUNDS && m.nxt + MSS < MODEL; i++) {
			random_round(&r, &b, &m, i);
			check_same(&b, &m);
		}
	}
}

static void blocks_that_cannot_be_true_are_ignored(void)
{
	static const struct hc_seq_range bad[] = {
		{900, 1100},  // Begins below SND.UNA.
		{1000, 1100}, // What the peer waits for.
		{1900, 2001}, // Ends behind SND.NXT.
		{1500, 1500}, // Empty.
		{1600, 1500}, // Inside out.
		{2000, 1000}, {3000, 4000}, {0x80000500u, 0x80000600u},
	};
	struct hc_board_news news = {0};
	struct hc_board b;

	hc_board_init(&b, 1000, 2000, 0);
	for (unsigned i = 0; i < HC_ARRAY_LEN(bad); i++) {
		struct hc_seq_range two[2] = {{1200, 1300}, bad[i]};

		hc_board_sack(&b, two, 2, &news);
		UNIT_EQ(news.bad_blocks, i + 1);
		UNIT_EQ(b.sacked_bytes, 100);
	}
	// A duplicate is reported in the first block, and is no lie (RFC 2883 4).
	hc_board_sack(&b, (const struct hc_seq_range[]){{900, 1000}}, 1, &news);
	UNIT_EQ(news.bad_blocks, HC_ARRAY_LEN(bad));
	UNIT_EQ(b.sacked_bytes, 100);
	CU_ASSERT(hc_board_check(&b));
}

// SACK panic: a peer that acknowledges every other byte. Memory is fixed, and what is known stays
// true; sending goes on to the end.
static void crumbs_run_out_of_room_and_nothing_else(void)
{
	struct hc_board_news news = {0};
	struct hc_seq_range r;
	struct hc_board b;
	unsigned sent = 0;

	hc_board_init(&b, 0, 10000, 0);
	for (uint32_t i = 1; i < 10000; i += 2) {
		struct hc_seq_range crumb = {i, i + 1};

		hc_board_sack(&b, &crumb, 1, &news);
		UNIT_EXPECT(hc_board_check(&b));
	}
	CU_ASSERT(news.ignored > 4900);
	CU_ASSERT(news.sacked_bytes > 10);
	UNIT_EQ(news.sacked_bytes, b.sacked_bytes);
	(void)hc_board_mark_lost(&b, 100);
	while (hc_board_next_lost(&b, 100, &r)) {
		hc_board_sent(&b, r.lo, r.hi, 1);
		UNIT_EXPECT(hc_board_check(&b));
		CU_ASSERT_FATAL(++sent < 2 * HC_RUNS_MAX);
	}
	for (uint32_t i = 0; i < 500; i++)
		hc_board_sent(&b, 10000 + i, 10001 + i, 2 + i);
	UNIT_EQ(hc_board_end(&b), 10500);
	CU_ASSERT(hc_board_check(&b));
	hc_board_acked(&b, 10500, &news);
	CU_ASSERT(!news.has_reneged);
	UNIT_EQ(b.sacked_bytes, 0);
}

// A sender whose every segment leaves at another time keeps the later time of those it cannot tell
// apart.
static void first_is_lost_even_without_room_to_tell(void)
{
	struct hc_board_news news = {0};
	struct hc_seq_range r;
	struct hc_board b;

	hc_board_init(&b, 0, 10000, 0);
	for (uint32_t i = 2001; i < 10000; i += 2)
		hc_board_sack(&b, &(struct hc_seq_range){i, i + 1}, 1, &news);
	CU_ASSERT(news.ignored != 0);
	hc_board_first_lost(&b, 1000);
	CU_ASSERT(hc_board_next_lost(&b, 1000, &r));
	UNIT_EQ(r.lo, 0);
	UNIT_EQ(r.hi, 1000);
	CU_ASSERT(hc_board_check(&b));
}

static void many_times_are_kept_coarsely(void)
{
	struct hc_board_news news = {0};
	struct hc_board b;

	hc_board_init(&b, 0, 10, 0);
	for (uint32_t i = 1; i < 1000; i++) {
		hc_board_sent(&b, 10 * i, 10 * i + 10, i);
		UNIT_EXPECT(hc_board_check(&b));
		for (uint32_t k = 0; k < b.run_count; k++)
			UNIT_EXPECT(b.run[k].sent_us + 1 >= b.run[k].end / 10);
	}
	CU_ASSERT(b.run_count > HC_RUNS_MAX / 4);
	hc_board_sack(&b, (const struct hc_seq_range[]){{9000, 9010}}, 1, &news);
	UNIT_EQ(news.sacked_bytes, 10);
}

static void peer_that_gives_up_what_it_had_is_noticed(void)
{
	struct hc_board_news news = {0};
	struct hc_seq_range r = {1100, 1200};
	struct hc_board b;

	hc_board_init(&b, 1000, 2000, 0);
	hc_board_sack(&b, &r, 1, &news);
	hc_board_acked(&b, 1050, &news);
	CU_ASSERT(!news.has_reneged);
	hc_board_acked(&b, 1100, &news);
	CU_ASSERT(news.has_reneged);
	UNIT_EQ(b.sacked_bytes, 0);
	CU_ASSERT(hc_board_next_lost(&b, 1000, &r));
	UNIT_EQ(r.lo, 1100);
	UNIT_EQ(r.hi, 1200);
	CU_ASSERT(hc_board_check(&b));
}

static void rules_3_and_4_find_what_may_be_lost(void)
{
	struct hc_board_news news = {0};
	struct hc_seq_range r = {1400, 1500};
	struct hc_board b;

	hc_board_init(&b, 1000, 2000, 0);
	hc_board_sack(&b, &r, 1, &news);
	CU_ASSERT(!hc_board_next_lost(&b, 150, &r));
	CU_ASSERT(hc_board_next_unsure(&b, 150, &r)); // Below the highest SACKed byte.
	UNIT_EQ(r.lo, 1000);
	UNIT_EQ(r.hi, 1150);
	hc_board_sent(&b, 1000, 1400, 1);
	CU_ASSERT(!hc_board_next_unsure(&b, 150, &r)); // But not above it,
	CU_ASSERT(hc_board_rescue(&b, 150, &r));       // ... where one segment at the end goes.
	UNIT_EQ(r.lo, 1850);
	UNIT_EQ(r.hi, 2000);
	b.has_rescued = true;
	b.rescue = 2000;
	CU_ASSERT(!hc_board_rescue(&b, 150, &r)); // Once.
	UNIT_EQ(hc_board_pipe(&b), 900 + 400);    // What was sent again unsurely counts twice.
}

UNIT_SUITE(scoreboard, UNIT_TEST(board_agrees_with_a_byte_by_byte_model),
	   UNIT_TEST(blocks_that_cannot_be_true_are_ignored),
	   UNIT_TEST(crumbs_run_out_of_room_and_nothing_else),
	   UNIT_TEST(first_is_lost_even_without_room_to_tell),
	   UNIT_TEST(many_times_are_kept_coarsely),
	   UNIT_TEST(peer_that_gives_up_what_it_had_is_noticed),
	   UNIT_TEST(rules_3_and_4_find_what_may_be_lost));
