// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Losses repaired by SACK on the wire: the peer's blocks are read from frames, what is missing
// comes again and nothing else, and scoreboards go back to their pool whatever the peer says and
// however the connection ends.

#include "fx_stack.h"

#define BIG 30000u

static uint8_t big[BIG];

static void with_sack(struct hc_stack_config *cfg)
{
	cfg->has_sack = true;
}

static void with_sack_but_no_scoreboard(struct hc_stack_config *cfg)
{
	cfg->has_sack = true;
	cfg->scoreboard_cap = 0;
}

// A connection that agreed on SACK and an MSS of 1000, with BIG bytes queued and the initial window
// of ten segments sent.
static hc_conn open_with_data(struct fx_peer *p, void (*set_cfg)(struct hc_stack_config *cfg))
{
	static const uint8_t permitted[] = {2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2};
	const struct fx_options o = {.set_cfg = set_cfg};
	hc_conn conn;

	for (unsigned i = 0; i < BIG; i++)
		big[i] = (uint8_t)(i * 7 + (i >> 8));
	*p = fx_peer_new();
	fx_open(&o);
	(void)fx_listen(0);
	p->opt = permitted;
	p->opt_len = sizeof permitted;
	conn = fx_accept(p);
	p->opt_len = 0;
	fx.worker->block[hc_handle_idx(fx.worker, conn)].cold.srtt_us =
		20000; // As if the handshake had taken that.
	UNIT_EQ(hc_send(fx.worker, conn, big, BIG, HC_SEND_STATIC), BIG);
	fx_step();
	UNIT_EQ(fx.out_count - fx.out_taken, 10);
	return conn;
}

// An ACK of p->ack with one SACK block, `lo` to `hi` bytes behind it.
static void put_sack(struct fx_peer *p, uint32_t lo, uint32_t hi)
{
	uint8_t opt[12] = {1, 1, 5, 10};

	frame_put32(opt + 4, p->ack + lo);
	frame_put32(opt + 8, p->ack + hi);
	p->opt = opt;
	p->opt_len = sizeof opt;
	fx_peer_put(p, FRAME_ACK, 0);
	p->opt_len = 0;
	fx_step();
}

// The peer takes what is on the wire in, loses the `lost` first sendings whose bit is set, and
// answers the others, until all is there. @return the round trips it took.
static unsigned receive_all(struct fx_peer *p, uint32_t lost)
{
	static bool has[BIG / 1000];
	uint32_t first = p->ack;
	unsigned rounds = 0;
	unsigned count = 0;

	memset(has, 0, sizeof has);
	while (p->ack - first < BIG) {
		unsigned last = fx.out_count;

		CU_ASSERT_FATAL(++rounds < 50 && fx.out_taken < last);
		while (fx.out_taken < last) {
			const struct frame_view *v = fx_next_tcp();
			unsigned i = (v->seq - first) / 1000;
			unsigned hi;

			if (v->payload_len == 0)
				continue;
			UNIT_EQ(v->payload_len, 1000);
			UNIT_EXPECT(memcmp(v->payload, big + (v->seq - first), 1000) == 0);
			if (count < 32 && lost >> count++ & 1)
				continue;
			has[i] = true;
			while (p->ack - first < BIG && has[(p->ack - first) / 1000])
				p->ack += 1000;
			for (hi = i; hi < BIG / 1000 && has[hi]; hi++)
				;
			while (i && has[i - 1])
				i--;
			if (i * 1000 > p->ack - first) {
				put_sack(p, i * 1000 - (p->ack - first),
					 hi * 1000 - (p->ack - first));
			} else {
				fx_peer_put(p, FRAME_ACK, 0);
				fx_step();
			}
		}
	}
	return rounds;
}

// Word comes that the first of some segments is missing: it goes once. The
// end of the flight may be rescued, but not by the same once more.
static void the_first_of_a_few_comes_again_once(void)
{
	static const uint8_t permitted[] = {2, 4, 1000 >> 8, 1000 & 0xff, 1, 1, 4, 2};
	const struct fx_options o = {.set_cfg = with_sack};

	for (unsigned len = 4000; len <= 10000; len += 500) {
		struct fx_peer p = fx_peer_new();
		unsigned firsts = 0;
		hc_conn conn;

		fx_open(&o);
		(void)fx_listen(0);
		p.opt = permitted;
		p.opt_len = sizeof permitted;
		fx_open_half(&p);
		p.opt_len = 0;
		fx.now_ns += 100 * FX_MS;
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		conn = fx_expect_event(HC_EV_ACCEPTED);
		UNIT_EQ(hc_send(fx.worker, conn, big, len, HC_SEND_STATIC), len);
		fx_step();
		fx.now_ns += 100 * FX_MS;
		for (uint32_t hi = 2000; hi < len + 1000; hi += 1000) {
			fx.now_ns += 3000;
			put_sack(&p, 1000, hi < len ? hi : len);
		}
		for (unsigned i = 0; i < fx.out_count; i++)
			firsts += fx.out[i].view.seq == p.ack && fx.out[i].view.payload_len;
		UNIT_EQ(firsts, 2);
		UNIT_EQ(fx_ctr(HC_CTR_rtx_data) - fx_ctr(HC_CTR_rtx_rescue), 1);
		UNIT_EQ(fx_ctr(HC_CTR_rtx_rescue), len > 4000);
		UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
		fx_forget();
		fx_shut();
	}
}

#define LOST (1u << 0 | 1u << 2 | 1u << 4 | 1u << 6)

static void several_losses_in_a_window_come_again_at_once(void)
{
	struct fx_peer p;

	(void)open_with_data(&p, with_sack);
	// Ten segments at first, then half of that in each.
	UNIT_EQ(receive_all(&p, LOST), 5);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_data), 4);
	UNIT_EQ(fx_ctr(HC_CTR_fast_recoveries), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	UNIT_EQ(hc_pool_used(&fx.worker->boards.pool), 0);
	fx_forget();
	fx_shut();
}

static void without_a_scoreboard_it_takes_longer(void)
{
	struct fx_peer p;

	(void)open_with_data(&p, with_sack_but_no_scoreboard);
	CU_ASSERT(receive_all(&p, LOST) > 5);
	CU_ASSERT(fx_ctr(HC_CTR_sack_no_memory) > 0);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	fx_forget();
	fx_shut();
}

static void hostile_blocks_cost_nothing_lasting(void)
{
	struct fx_peer p;
	hc_conn conn = open_with_data(&p, with_sack);

	p.ack += 1;
	fx_forget();
	put_sack(&p, 5000, 6000);
	UNIT_EQ(hc_pool_used(&fx.worker->boards.pool), 1);
	put_sack(&p, 9000, 1u << 30); // Of what was never sent.
	put_sack(&p, 0, 1000);        // What it says it waits for.
	put_sack(&p, 7000, 6000);
	UNIT_EQ(fx_ctr(HC_CTR_sack_bad_block), 3);
	for (uint32_t i = 10; i < 4000; i += 2) // SACK panic: every other byte.
		put_sack(&p, i, i + 1);
	CU_ASSERT(fx_ctr(HC_CTR_sack_no_room) > 1000);
	CU_ASSERT(hc_board_check(&fx.worker->boards.board[0]));
	fx_forget();
	// What it had it has no more.
	p.ack += 10;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_sack_reneged), 1);
	fx_forget();
	fx_wait_ms(400);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	fx_forget();
	UNIT_EQ(hc_abort(fx.worker, conn), 0);
	UNIT_EQ(hc_pool_used(&fx.worker->boards.pool), 0);
	fx_step();
	fx_forget();
	fx_shut();
}

static void end_of_the_flight_is_rescued(void)
{
	struct fx_peer p;

	(void)open_with_data(&p, with_sack);
	p.wnd = 10000; // So that there is nothing new to send.
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_forget();
	put_sack(&p, 1000, 5000);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	put_sack(&p, 1000, 8000);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack + 9000);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_rescue), 1);
	fx_expect_silence();
	fx_shut();
}

// A connection as in open_with_data() whose peer lets nothing new be sent.
static hc_conn open_full(struct fx_peer *p)
{
	hc_conn conn = open_with_data(p, with_sack);

	p->wnd = 10000;
	fx_peer_put(p, FRAME_ACK, 0);
	fx_step();
	fx_forget();
	return conn;
}

static void one_sack_and_a_moment_are_enough(void)
{
	struct fx_peer p;

	(void)open_full(&p);
	fx_wait_ms(20); // The round trip.
	p.ack += 1000;
	p.wnd = 9000;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	fx_expect_silence();
	put_sack(&p, 1000, 2000);
	fx_expect_silence();
	fx_wait_ms(20);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	UNIT_EQ(fx_ctr(HC_CTR_rack_timeouts), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	fx_forget();
	fx_shut();
}

static void what_is_lost_twice_comes_a_third_time(void)
{
	struct fx_peer p;

	(void)open_with_data(&p, with_sack);
	fx_forget();
	put_sack(&p, 1000, 4000);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	fx_wait_ms(1);
	fx_forget();
	put_sack(&p, 1000, 9000);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack + 10000);
	fx_forget();
	fx_wait_ms(1);
	put_sack(&p, 1000, 11000);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	UNIT_EQ(fx_ctr(HC_CTR_rack_lost_again), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	fx_forget();
	fx_shut();
}

static void reordering_and_reports_of_duplicates_are_noticed(void)
{
	struct fx_peer p;

	(void)open_full(&p);
	put_sack(&p, 2000, 3000);
	put_sack(&p, 1000, 3000);
	UNIT_EQ(fx_ctr(HC_CTR_rack_reordering), 1);
	fx_forget();
	p.ack += 3000;
	put_sack(&p, (uint32_t)-1000, 0);
	UNIT_EQ(fx_ctr(HC_CTR_dsack_received), 1);
	UNIT_EQ(fx_ctr(HC_CTR_sack_bad_block), 0);
	fx_forget();
	fx_shut();
}

static void what_came_twice_was_not_lost(void)
{
	struct fx_peer p;
	hc_conn conn = open_with_data(&p, with_sack);
	uint32_t cwnd = fx.worker->block[hc_handle_idx(fx.worker, conn)].cold.cwnd;

	put_sack(&p, 1000, 4000);
	CU_ASSERT(fx.worker->block[hc_handle_idx(fx.worker, conn)].cold.cwnd < cwnd);
	p.ack += 4000;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	put_sack(&p, (uint32_t)-4000, (uint32_t)-3000);
	UNIT_EQ(fx_ctr(HC_CTR_recoveries_undone), 1);
	CU_ASSERT(fx.worker->block[hc_handle_idx(fx.worker, conn)].cold.cwnd >= cwnd);
	fx_forget();
	fx_shut();
}

// Milliseconds until something is sent.
static unsigned ms_of_silence(void)
{
	unsigned ms = 0;

	while (fx.out_taken == fx.out_count) {
		CU_ASSERT_FATAL(++ms < 2000);
		fx_wait_ms(1);
	}
	return ms;
}

// `acked` of the ten segments that the window has room for are acknowledged after 20 ms; the others
// are lost, and the peer's window is full.
static void lose_tail(struct fx_peer *p, unsigned acked, void (*set_cfg)(struct hc_stack_config *))
{
	(void)open_with_data(p, set_cfg);
	fx_wait_ms(20);
	p->ack += acked * 1000;
	p->wnd = (uint16_t)(10000 - acked * 1000);
	fx_peer_put(p, FRAME_ACK, 0);
	fx_step();
	fx_forget();
}

static void without_sack(struct hc_stack_config *cfg)
{
	cfg->has_sack = false;
}

static void lost_tail_comes_again_sooner_than_by_timeout(void)
{
	struct fx_peer p;
	unsigned ms;

	lose_tail(&p, 7, without_sack);
	CU_ASSERT(ms_of_silence() >= 199);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 1);
	fx_forget();
	fx_shut();

	lose_tail(&p, 7, with_sack);
	ms = ms_of_silence();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack + 2000);
	put_sack(&p, 2000, 3000);
	ms += ms_of_silence();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack + 1000);
	CU_ASSERT(ms < 100);
	UNIT_EQ(fx_ctr(HC_CTR_tlp_probes), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	fx_forget();
	fx_shut();
}

// Only the last was lost: the probe repairs it, and the window pays when that is certain.
static void probe_alone_may_be_the_repair(void)
{
	struct fx_peer p;

	lose_tail(&p, 9, with_sack);
	CU_ASSERT(ms_of_silence() >= 199); // A single segment's ACK may be delayed.
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	p.ack += 1000;
	p.wnd = 5000;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	UNIT_EQ(fx_ctr(HC_CTR_tlp_repairs), 0);
	fx_forget();
	p.ack += 1000;
	fx_peer_put(&p, FRAME_ACK, 0);
	fx_step();
	UNIT_EQ(fx_ctr(HC_CTR_tlp_repairs), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 0);
	fx_forget();
	fx_shut();
}

// The probe is lost as well: the timeout is the last resort, an RTO behind it.
static void lost_probe_leaves_it_to_the_timeout(void)
{
	struct fx_peer p;

	lose_tail(&p, 7, with_sack);
	CU_ASSERT(ms_of_silence() < 100);
	fx_forget();
	CU_ASSERT(ms_of_silence() >= 199);
	UNIT_EQ(fx_expect_tcp(FRAME_ACK)->seq, p.ack);
	UNIT_EQ(fx_ctr(HC_CTR_tlp_probes), 1);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_timeouts), 1);
	fx_forget();
	fx_shut();
}

UNIT_SUITE(repair, UNIT_TEST(the_first_of_a_few_comes_again_once),
	   UNIT_TEST(lost_tail_comes_again_sooner_than_by_timeout),
	   UNIT_TEST(probe_alone_may_be_the_repair), UNIT_TEST(lost_probe_leaves_it_to_the_timeout),
	   UNIT_TEST(one_sack_and_a_moment_are_enough), UNIT_TEST(what_came_twice_was_not_lost),
	   UNIT_TEST(what_is_lost_twice_comes_a_third_time),
	   UNIT_TEST(reordering_and_reports_of_duplicates_are_noticed),
	   UNIT_TEST(several_losses_in_a_window_come_again_at_once),
	   UNIT_TEST(without_a_scoreboard_it_takes_longer),
	   UNIT_TEST(hostile_blocks_cost_nothing_lasting), UNIT_TEST(end_of_the_flight_is_rescued));
