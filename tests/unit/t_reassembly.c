// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Text out of order, asked of a whole worker. First what a peer may rely on; then a hostile one:
// segments of any size at any place whose overlaps say something else each time, against an oracle
// with a cell for each byte, over many seeds; and floods of tiny segments, which must not cost more
// than was set aside. fx_shut() sees that every buffer comes back.

#include "fx_stack.h"

#include "base/rng.h"

#include <stdio.h>
#include <string.h>

#define SPAN  3000u // Bytes of an oracle's stream.
#define LIVES 400u

static struct hc_rng rng;

static uint32_t held_bufs(void)
{
	return fx.worker->held_buf_count;
}

// Puts `len` bytes in, `off` behind what the peer sends next, which stays where it is.
static void put_ahead(const struct fx_peer *p, uint32_t off, uint32_t len, unsigned flags)
{
	struct fx_peer q = *p;

	q.seq += off;
	fx_peer_put(&q, FRAME_ACK | flags, len);
}

// What can be received is the peer's stream from `first` on.
static uint32_t receive(hc_conn conn, uint32_t first)
{
	struct hc_chunk chunk[64];
	uint32_t at = first;
	unsigned n;

	while ((n = hc_recv(fx.worker, conn, chunk, 64)) > 0) {
		for (unsigned i = 0; i < n; i++)
			for (uint32_t j = 0; j < chunk[i].len; j++)
				UNIT_EXPECT(chunk[i].data[j] == fx_byte(at++));
		hc_recv_release(fx.worker, conn, chunk, n);
	}
	return at - first;
}

// RFC 9293 MUST-59, SHLD-31; RFC 5681 4.2: each segment out of order is answered at once, and what
// fills the gap with one ACK for all of it.
static void a_gap_is_filled_and_one_ack_speaks_for_all(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t first = p.seq + 1;
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(HC_CONN_PIGGYBACK);
	conn = fx_accept(&p);
	for (unsigned i = 1; i < 4; i++) {
		put_ahead(&p, 1000 * i, 1000, 0);
		fx_step();
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, p.seq);
		fx_expect_silence();
	}
	UNIT_EQ(held_bufs(), 3);
	fx_peer_put(&p, FRAME_ACK, 1000);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, first + 4000);
	UNIT_EQ(fx.event[0].info, 4000);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	fx_expect_silence();
	UNIT_EQ(held_bufs(), 0);
	UNIT_EQ(receive(conn, first), 4000);
	UNIT_EQ(fx_ctr(HC_CTR_rx_tcp_held), 3);
	UNIT_EQ(fx_ctr(HC_CTR_data_bytes_received), 4000);
	fx_shut();
}

static void a_fin_may_come_first(void)
{
	for (unsigned with_text = 0; with_text < 2; with_text++) {
		struct fx_peer p = fx_peer_new();
		uint32_t first = p.seq + 1;
		hc_conn conn;

		fx_open(NULL);
		(void)fx_listen(0);
		conn = fx_accept(&p);
		put_ahead(&p, 500, with_text ? 300 : 0, FRAME_FIN);
		fx_step();
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, first);
		fx_expect_silence();
		// Again, and text that would stand behind it.
		put_ahead(&p, 500, with_text ? 300 : 0, FRAME_FIN);
		put_ahead(&p, 900, 100, 0);
		fx_step();
		UNIT_EQ(fx_ctr(HC_CTR_tcp_held_already), 2);
		fx_forget();
		fx_peer_put(&p, FRAME_ACK, 500);
		fx_step();
		UNIT_EQ(fx_expect_tcp(FRAME_ACK)->ack, first + 501 + 300 * with_text);
		(void)fx_expect_event(HC_EV_DATA);
		(void)fx_expect_event(HC_EV_PEER_CLOSED);
		fx_expect_silence();
		UNIT_EQ(receive(conn, first), 500 + 300 * with_text);
		fx_shut();
	}
}

// A FIN in its turn ends the stream, whatever is held behind it.
static void nothing_is_held_behind_the_end(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	(void)fx_listen(0);
	(void)fx_accept(&p);
	put_ahead(&p, 500, 300, 0);
	fx_step();
	UNIT_EQ(held_bufs(), 1);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 100);
	fx_step();
	UNIT_EQ(held_bufs(), 0);
	UNIT_EQ(hc_pool_used(&fx.worker->holding_pool), 0);
	fx_forget();
	fx_shut();
}

// Who closes reads no more, so that nothing stays held; text is answered with RST in its turn.
static void nothing_is_held_for_who_has_closed(void)
{
	struct fx_peer p = fx_peer_new();
	hc_conn conn;

	fx_open(NULL);
	(void)fx_listen(0);
	conn = fx_accept(&p);
	put_ahead(&p, 500, 300, 0);
	fx_step();
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	UNIT_EQ(hc_pool_used(&fx.worker->holding_pool), 0);
	fx_step();
	(void)fx_next_tcp();
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	put_ahead(&p, 500, 300, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_tcp_out_of_order), 1);
	UNIT_EQ(hc_pool_used(&fx.worker->holding_pool), 0);
	fx_forget();
	fx_peer_put(&p, FRAME_ACK, 500);
	fx_step();
	(void)fx_expect_tcp(FRAME_RST | FRAME_ACK);
	fx_forget();
	fx_shut();
}

static void a_reset_gives_all_back(void)
{
	struct fx_peer p = fx_peer_new();

	fx_open(NULL);
	(void)fx_listen(0);
	(void)fx_accept(&p);
	for (unsigned i = 0; i < HC_HELD_MAX; i++)
		put_ahead(&p, 100 + 1000 * i, 500, 0);
	put_ahead(&p, 100 + 1000 * HC_HELD_MAX, 1, 0);
	fx_step();
	UNIT_EQ(held_bufs(), HC_HELD_MAX);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_held_limit), 1);
	fx_peer_put(&p, FRAME_RST | FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(held_bufs(), 0);
	fx_forget();
	fx_shut();
}

/* ---------------------------------------------------------------------------- what SACK tells */

static void with_sack(struct hc_stack_config *cfg)
{
	cfg->has_sack = true;
	cfg->has_timestamps = true;
}

static const uint8_t sack_permitted[4] = {1, 1, 4, 2};

// A connection with SACK and, if has_ts, timestamps.
static hc_conn accept_sack(struct fx_peer *p, bool has_ts, bool permits)
{
	const struct fx_options o = {.set_cfg = with_sack};
	hc_conn conn;

	*p = fx_peer_new();
	p->has_ts = has_ts;
	p->tsval = 77;
	p->opt = sack_permitted;
	p->opt_len = permits ? sizeof sack_permitted : 0;
	fx_open(&o);
	(void)fx_listen(0);
	conn = fx_accept(p);
	p->opt_len = 0;
	return conn;
}

// The next ACK out has these blocks, as offsets from `base`.
static void expect_sack(uint32_t base, unsigned count, const uint32_t (*blocks)[2])
{
	const struct frame_view *v;

	fx_step();
	v = fx_expect_tcp(FRAME_ACK);
	UNIT_EQ(v->sack_count, count);
	for (unsigned i = 0; i < count && i < v->sack_count; i++) {
		UNIT_EQ(v->sack[i][0] - base, blocks[i][0]);
		UNIT_EQ(v->sack[i][1] - base, blocks[i][1]);
	}
	fx_forget();
}

// RFC 2018 4: the block with the newest segment first, then the others, the most recent first; as
// many as fit.
static void acks_tell_what_is_held(void)
{
	for (unsigned has_ts = 0; has_ts < 2; has_ts++) {
		struct fx_peer p;
		hc_conn conn = accept_sack(&p, has_ts, true);
		uint32_t base = p.seq;

		put_ahead(&p, 1000, 100, 0);
		expect_sack(base, 1, (const uint32_t[][2]){{1000, 1100}});
		put_ahead(&p, 3000, 100, 0);
		expect_sack(base, 2, (const uint32_t[][2]){{3000, 3100}, {1000, 1100}});
		put_ahead(&p, 5000, 100, 0);
		put_ahead(&p, 1100, 100, 0);
		fx_step();
		(void)fx_expect_tcp(FRAME_ACK);
		expect_sack(base, 3,
			    (const uint32_t[][2]){{1000, 1200}, {5000, 5100}, {3000, 3100}});
		put_ahead(&p, 7000, 100, FRAME_PSH);
		expect_sack(base, has_ts ? 3 : 4,
			    (const uint32_t[][2]){
				    {7000, 7100}, {1000, 1200}, {5000, 5100}, {3000, 3100}});
		// The gap is filled: what is left is told, and data has it too where there is room.
		fx_peer_put(&p, FRAME_ACK, 1000);
		expect_sack(base, 3,
			    (const uint32_t[][2]){{7000, 7100}, {5000, 5100}, {3000, 3100}});
		UNIT_EQ(hc_send(fx.worker, conn, "answer", 6, 0), 6);
		fx_step();
		UNIT_EQ(fx.out[0].view.sack_count, 3);
		UNIT_EQ(fx.out[0].view.payload_len, 6);
		UNIT_EQ_BYTES(fx.out[0].view.payload, "answer", 6);
		CU_ASSERT(fx_ctr(HC_CTR_tx_sack) >= 7);
		UNIT_EQ(fx_ctr(HC_CTR_tx_dsack), 0);
		fx_forget();
		fx_shut();
	}
}

// Both sums are wide ones, and all ones is the largest.
static void data_with_blocks_has_a_right_checksum(void)
{
	uint8_t ones[64];
	struct fx_peer p;
	hc_conn conn = accept_sack(&p, true, true);

	memset(ones, 0xff, sizeof ones);
	put_ahead(&p, 1000, 100, 0);
	fx_step();
	fx_forget();
	UNIT_EQ(hc_send(fx.worker, conn, ones, sizeof ones, 0), sizeof ones);
	fx_step(); // The checksum is looked at there.
	UNIT_EQ(fx_expect_tcp(FRAME_ACK | FRAME_PSH)->sack_count, 1);
	fx_forget();
	fx_shut();
}

static void full_segments_leave_without_blocks(void)
{
	static const uint8_t text[1460]; // In segments of 536: the peer named no MSS.
	struct fx_peer p;
	hc_conn conn = accept_sack(&p, false, true);

	put_ahead(&p, 1000, 100, 0);
	fx_step();
	fx_forget();
	UNIT_EQ(hc_send(fx.worker, conn, text, sizeof text, HC_SEND_STATIC), sizeof text);
	fx_step();
	for (unsigned i = 0; i < fx.out_count; i++) {
		UNIT_EXPECT(fx.out[i].len <= 54 + 536);
		UNIT_EQ(fx.out[i].view.sack_count, fx.out[i].view.payload_len != 536);
	}
	UNIT_EQ(fx.out_count, 3);
	fx_forget();
	fx_shut();
}

// RFC 2883 4: below the acknowledgment, in part of a segment, and within what is held.
static void acks_tell_what_came_twice(void)
{
	struct fx_peer p;
	hc_conn conn = accept_sack(&p, true, true);
	uint32_t base = p.seq;

	fx_peer_put(&p, FRAME_ACK, 1000);
	expect_sack(base, 0, NULL);
	// All of it, then half of it: the new half is taken, one ACK tells of both.
	p.seq = base;
	fx_peer_put(&p, FRAME_ACK, 1000);
	expect_sack(base, 1, (const uint32_t[][2]){{0, 1000}});
	p.seq = base + 500;
	fx_peer_put(&p, FRAME_ACK, 1000);
	expect_sack(base, 1, (const uint32_t[][2]){{500, 1000}});
	UNIT_EQ(receive(conn, base), 1500);
	// Held twice, in part: the second block has what it lies in (RFC 2883 4.1).
	put_ahead(&p, 500, 500, 0);
	expect_sack(base, 1, (const uint32_t[][2]){{2000, 2500}});
	put_ahead(&p, 2000, 100, 0);
	expect_sack(base, 2, (const uint32_t[][2]){{3500, 3600}, {2000, 2500}});
	put_ahead(&p, 600, 100, 0);
	expect_sack(base, 3, (const uint32_t[][2]){{2100, 2200}, {2000, 2500}, {3500, 3600}});
	put_ahead(&p, 900, 200, 0);
	expect_sack(base, 3, (const uint32_t[][2]){{2400, 2500}, {2000, 2600}, {3500, 3600}});
	// Old text while something is held.
	p.seq = base;
	fx_peer_put(&p, FRAME_ACK, 100);
	expect_sack(base, 3, (const uint32_t[][2]){{0, 100}, {2000, 2600}, {3500, 3600}});
	UNIT_EQ(fx_ctr(HC_CTR_tx_dsack), 5);
	fx_shut();
}

// In its turn comes text of which some was held: all of the second range, and a part of the third.
static void text_in_order_that_was_held_is_told(void)
{
	struct fx_peer p;
	hc_conn conn = accept_sack(&p, true, true);
	uint32_t base = p.seq;

	put_ahead(&p, 100, 100, 0);
	expect_sack(base, 1, (const uint32_t[][2]){{100, 200}});
	put_ahead(&p, 500, 100, 0);
	expect_sack(base, 2, (const uint32_t[][2]){{500, 600}, {100, 200}});
	put_ahead(&p, 900, 100, 0);
	expect_sack(base, 3, (const uint32_t[][2]){{900, 1000}, {500, 600}, {100, 200}});
	fx_peer_put(&p, FRAME_ACK, 300);
	expect_sack(base, 3, (const uint32_t[][2]){{100, 200}, {900, 1000}, {500, 600}});
	fx_peer_put(&p, FRAME_ACK, 650);
	expect_sack(base, 1, (const uint32_t[][2]){{500, 600}});
	UNIT_EQ(receive(conn, base), 1000);
	UNIT_EQ(fx_ctr(HC_CTR_tx_dsack), 2);
	fx_shut();
}

static void who_did_not_permit_sack_is_told_nothing(void)
{
	struct fx_peer p;
	uint32_t base;

	(void)accept_sack(&p, true, false);
	base = p.seq;
	put_ahead(&p, 1000, 100, 0);
	expect_sack(base, 0, NULL);
	put_ahead(&p, 1000, 100, 0);
	expect_sack(base, 0, NULL);
	UNIT_EQ(fx_ctr(HC_CTR_tx_sack), 0);
	fx_shut();
}

/* --------------------------------------------------------------------------- against an oracle */

// What has become of each byte of the peer's stream.
struct oracle {
	bool is_held[SPAN];
	uint8_t text[SPAN]; // Of what is held or delivered.
	uint32_t nxt;       // Delivered up to here.
	bool has_fin;
};

static unsigned gaps_of(const struct oracle *o)
{
	unsigned count = 0;

	for (uint32_t i = o->nxt; i < SPAN; i++)
		count += o->is_held[i] && !o->is_held[i - 1];
	return count;
}

// The rules of tcp/held.h, byte by byte.
static void oracle_take(struct oracle *o, uint32_t lo, const uint8_t *text, uint32_t len,
			bool has_fin)
{
	uint32_t hi = lo + len;

	if (lo <= o->nxt) {
		for (uint32_t i = o->nxt; i < hi; i++)
			o->text[i] = text[i - lo];
		if (hi > o->nxt)
			o->nxt = hi;
		while (o->nxt < SPAN && o->is_held[o->nxt])
			o->nxt++;
	} else {
		for (uint32_t i = lo; i < hi; i++) {
			bool is_alone = !o->is_held[i - 1];
			uint32_t end = i;

			if (o->is_held[i])
				continue;
			while (end < hi && !o->is_held[end])
				end++;
			is_alone &= end == SPAN || !o->is_held[end];
			if (is_alone && gaps_of(o) == HC_HELD_MAX) {
				has_fin = false;
				i = end;
				continue;
			}
			for (; i < end; i++) {
				o->is_held[i] = true;
				o->text[i] = text[i - lo];
			}
		}
	}
	o->has_fin |= has_fin;
}

static uint32_t pick_len(unsigned kind)
{
	switch (kind) {
	case 0: // Tiny segments.
		return 1 + hc_rng_below(&rng, 3);
	case 1: // Ordinary ones.
		return 1 + hc_rng_below(&rng, 1400);
	default: // All sizes, so that long ones lie over short ones.
		return 1 + hc_rng_below(&rng, 1u << (1 + hc_rng_below(&rng, 10)));
	}
}

// A segment at any place within reach.
static void put_random(const struct fx_peer *p, struct oracle *o, unsigned kind)
{
	static uint8_t text[SPAN];
	uint32_t reach = hc_rng_below(&rng, 3) ? 200 : SPAN;
	uint32_t behind = hc_rng_below(&rng, 40);
	uint32_t lo = (o->nxt > behind ? o->nxt - behind : 0) + hc_rng_below(&rng, reach);
	uint32_t len = pick_len(kind);
	struct frame_tcp f;
	bool has_fin;

	lo = lo < SPAN ? lo : SPAN - 1;
	len = lo + len < SPAN ? len : SPAN - lo;
	for (uint32_t i = 0; i < len; i++)
		text[i] = (uint8_t)hc_rng_u64(&rng);
	has_fin = lo + len == SPAN && hc_rng_below(&rng, 2);
	f = fx_peer_frame(p, FRAME_ACK | (has_fin ? FRAME_FIN : 0), 0);
	f.seq = p->seq + lo;
	f.payload = text;
	f.payload_len = len;
	fx_peer_put_raw(&f);
	oracle_take(o, lo, text, len, has_fin);
}

// The ACKs say what the oracle has.
static void check_acks(const struct fx_peer *p, const struct oracle *o)
{
	const struct frame_view *v;
	uint32_t ack = 0;

	while ((v = fx_next_tcp()) != NULL) {
		ack = v->ack - p->seq;
		// Whatever is told is true: held, or delivered before.
		for (unsigned i = 0; i < v->sack_count; i++)
			for (uint32_t j = v->sack[i][0]; j != v->sack[i][1]; j++)
				UNIT_EXPECT(j - p->seq < o->nxt ||
					    (j - p->seq < SPAN && o->is_held[j - p->seq]));
	}
	UNIT_EXPECT(ack == o->nxt + (o->has_fin && o->nxt == SPAN));
	fx_forget();
}

static void read_all(hc_conn conn, const struct oracle *o, uint32_t *read)
{
	uint8_t buf[SPAN];
	size_t n = hc_recv_copy(fx.worker, conn, buf, sizeof buf);

	UNIT_EXPECT(*read + n == o->nxt);
	UNIT_EXPECT(*read + n > SPAN || memcmp(buf, o->text + *read, n) == 0);
	*read += (uint32_t)n;
}

// A connection from its opening to its end.
static void a_life(unsigned life)
{
	static struct oracle o;
	struct fx_peer p = fx_peer_new();
	uint32_t read = 0;
	hc_conn conn;

	memset(&o, 0, sizeof o);
	p.port = (uint16_t)(40000 + life);
	p.opt = sack_permitted;
	p.opt_len = life % 2 ? sizeof sack_permitted : 0;
	p.seq = life % 3 ? 0u - hc_rng_below(&rng, 2 * SPAN) : (uint32_t)hc_rng_u64(&rng);
	conn = fx_accept(&p);
	p.opt_len = 0;
	for (unsigned i = 0; i < 300 && !(o.has_fin && o.nxt == SPAN); i++) {
		unsigned burst = 1 + hc_rng_below(&rng, 4);

		for (unsigned j = 0; j < burst && !(o.has_fin && o.nxt == SPAN); j++)
			put_random(&p, &o, life % 4);
		fx_step();
		check_acks(&p, &o);
		if (hc_rng_below(&rng, 4) == 0)
			read_all(conn, &o, &read);
	}
	if (life % 5 == 0) { // Cut off in the middle.
		UNIT_EQ(hc_abort(fx.worker, conn), 0);
		fx_step();
		fx_forget();
		return;
	}
	// What is missing, in order.
	while (o.nxt < SPAN || !o.has_fin) {
		uint32_t len = SPAN - o.nxt < 1000 ? SPAN - o.nxt : 1000;
		struct frame_tcp f = fx_peer_frame(&p, FRAME_ACK | FRAME_FIN, len);

		f.seq = p.seq + o.nxt;
		if (o.nxt + len != SPAN)
			f.flags = FRAME_ACK;
		fx_peer_put_raw(&f);
		oracle_take(&o, o.nxt, f.payload, len, o.nxt + len == SPAN);
		fx_step();
		check_acks(&p, &o);
	}
	read_all(conn, &o, &read);
	UNIT_EQ(read, SPAN);
	UNIT_EQ(held_bufs(), 0);
	UNIT_EQ(hc_close(fx.worker, conn), 0);
	fx_step();
	p.seq += SPAN + 1;
	(void)fx_peer_take(&p, FRAME_FIN | FRAME_ACK);
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_forget();
}

static void any_order_and_overlap_gives_the_bytes_of_the_oracle(void)
{
	const struct fx_options sack = {.set_cfg = with_sack};
	unsigned failures = CU_get_number_of_failures();

	fx_open(&sack);
	(void)fx_listen(0);
	for (unsigned i = 0; i < LIVES; i++) {
		hc_rng_seed(&rng, unit_seed() * LIVES + i);
		a_life(i);
		if (CU_get_number_of_failures() != failures) {
			printf("  life %u of seed %llu\n", i, (unsigned long long)unit_seed());
			break;
		}
	}
	CU_ASSERT(fx_ctr(HC_CTR_rx_tcp_held) > 10 * LIVES);
	CU_ASSERT(fx_ctr(HC_CTR_tcp_held_limit) > 0);
	CU_ASSERT(fx_ctr(HC_CTR_tcp_held_already) > 0);
	fx_shut();
}

/* -------------------------------------------------------------------------------------- floods */

#define FLOOD 19200u // Whole blocks of 24, and bursts of 16.

enum flood { FORWARDS, BACKWARDS, ODD_THEN_EVEN, BLOCKS_BACKWARDS, FLOODS };

// Where the i-th byte of a flood stands.
static uint32_t flood_offset(enum flood kind, uint32_t i)
{
	uint32_t block = i / 24;

	switch (kind) {
	case FORWARDS:
		return 1 + i;
	case BACKWARDS:
		return FLOOD + 1 - i;
	case ODD_THEN_EVEN: // Twelve gaps, which are then filled.
		return 1 + block * 24 + (i % 24 < 12 ? 2 * (i % 24) : 2 * (i % 24 - 12) + 1);
	default:
		return FLOOD + 1 - block * 24 + i % 24;
	}
}

static void bytes_do_not_cost_a_buffer_each(void)
{
	for (unsigned kind = 0; kind < FLOODS; kind++) {
		struct fx_peer p = fx_peer_new();
		uint32_t first = p.seq + 1;
		uint32_t most = 0;
		hc_conn conn;

		fx_open(NULL);
		(void)fx_listen(0);
		conn = fx_accept(&p);
		for (uint32_t i = 0; i < FLOOD; i++) {
			put_ahead(&p, flood_offset((enum flood)kind, i), 1, 0);
			if (i % 16 == 15) {
				fx_step();
				fx_forget();
			}
			most = held_bufs() > most ? held_bufs() : most;
		}
		// A buffer takes at least what its headroom does.
		CU_ASSERT(most <= FLOOD / RTE_PKTMBUF_HEADROOM + HC_HELD_MAX);
		CU_ASSERT(most <= fx.worker->held_buf_conn_max);
		UNIT_EQ(fx_ctr(HC_CTR_tcp_held_limit), 0);
		put_ahead(&p, 0, 30, 0); // What came, whatever of it, is a stream with no gap.
		fx_step();
		fx_forget();
		CU_ASSERT(receive(conn, first) >= FLOOD);
		UNIT_EQ(held_bufs(), 0);
		fx_shut();
	}
}

static void one_connection_does_not_take_all(void)
{
	struct fx_peer p = fx_peer_new();
	uint32_t first = p.seq + 1;
	hc_conn conn;

	fx_open(NULL);
	fx.worker->held_buf_conn_max = 40; // As if the receive buffer were 4 KiB.
	(void)fx_listen(0);
	conn = fx_accept(&p);
	// Too long to be copied together.
	for (unsigned i = 0; i < 60; i++) {
		put_ahead(&p, 100 + i * (HC_COALESCE_MAX + 1), HC_COALESCE_MAX + 1, 0);
		fx_step();
		fx_forget();
	}
	UNIT_EQ(held_bufs(), 40);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_held_limit), 20);
	// The rest is sent again, as it would be after a loss.
	put_ahead(&p, 0, 100, 0);
	fx_step();
	fx_forget();
	UNIT_EQ(receive(conn, first), 100 + 40 * (HC_COALESCE_MAX + 1));
	fx_shut();
}

static void many_conns(struct hc_stack_config *cfg)
{
	cfg->conn_cap = 64;
	cfg->syn_cap = 64;
	cfg->held_cap = 24;
}

static void all_together_take_their_share_alone(void)
{
	const struct fx_options o = {.set_cfg = many_conns};
	struct fx_peer p[32];
	unsigned sent = 0;

	fx_open(&o);
	(void)fx_listen(0);
	for (unsigned i = 0; i < 32; i++) {
		p[i] = fx_peer_new();
		p[i].port = (uint16_t)(41000 + i);
		(void)fx_accept(&p[i]);
	}
	for (unsigned j = 0; j < 12; j++) {
		for (unsigned i = 0; i < 32; i++) {
			put_ahead(&p[i], 1000 + 2000 * j, 1000, 0);
			sent++;
			fx_step();
			fx_forget();
		}
	}
	UNIT_EQ(hc_pool_used(&fx.worker->holding_pool), 24);
	UNIT_EQ(held_bufs(), fx.worker->pool->size / HC_HELD_BUFS_SHARE);
	UNIT_EQ(fx_ctr(HC_CTR_rx_tcp_held), held_bufs());
	UNIT_EQ(fx_ctr(HC_CTR_tcp_held_no_record), 8 * 12);
	UNIT_EQ(fx_ctr(HC_CTR_tcp_held_limit), sent - 8 * 12 - held_bufs());
	// Who found no room is served as before: in order.
	for (unsigned i = 0; i < 32; i++) {
		fx_peer_put(&p[i], FRAME_ACK, 1000);
		fx_step();
		CU_ASSERT(hc_seq_ge(fx_expect_tcp(FRAME_ACK)->ack, p[i].seq));
		fx_forget();
	}
	UNIT_EQ(hc_abort_all(fx.worker), 32);
	UNIT_EQ(held_bufs(), 0);
	fx_step();
	fx_forget();
	fx_shut();
}

UNIT_SUITE(reassembly, UNIT_TEST(a_gap_is_filled_and_one_ack_speaks_for_all),
	   UNIT_TEST(a_fin_may_come_first), UNIT_TEST(nothing_is_held_behind_the_end),
	   UNIT_TEST(nothing_is_held_for_who_has_closed), UNIT_TEST(a_reset_gives_all_back),
	   UNIT_TEST(acks_tell_what_is_held), UNIT_TEST(data_with_blocks_has_a_right_checksum),
	   UNIT_TEST(full_segments_leave_without_blocks), UNIT_TEST(acks_tell_what_came_twice),
	   UNIT_TEST(text_in_order_that_was_held_is_told),
	   UNIT_TEST(who_did_not_permit_sack_is_told_nothing),
	   UNIT_TEST(any_order_and_overlap_gives_the_bytes_of_the_oracle),
	   UNIT_TEST(bytes_do_not_cost_a_buffer_each), UNIT_TEST(one_connection_does_not_take_all),
	   UNIT_TEST(all_together_take_their_share_alone));
