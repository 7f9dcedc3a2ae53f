// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The impairment wire: each impairment alone, that the same seed gives the same fate, and that
// every frame is accounted for.

#include "io/impair.h"

#include "fx_runtime.h"
#include "runner.h"

#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "stack/port.h"
#include "wire/format.h"

#define FRAMES    2000u // Enough for a share of 10 % to be within 3 %: 4.5 standard deviations.
#define FRAME_LEN 74u
#define MS        1000000u

static struct hc_sim_port end[2];
static struct hc_impair *wire;

static void fx_open(const struct hc_impair_config *a_to_b)
{
	const struct hc_port_config cfg = {
		.device = "ring", .queue_count = 1, .buffer_count = 4095, .ring_desc = 4096};
	const struct hc_impair_config clean = {.seed = 1};
	char why[HC_WHY_SIZE];

	for (unsigned i = 0; i < 2; i++)
		CU_ASSERT_FATAL(hc_sim_port_open(fx_runtime(), &cfg, &end[i], why) == 0);
	wire = hc_impair_create(&end[0], &end[1], a_to_b, &clean);
	CU_ASSERT_PTR_NOT_NULL_FATAL(wire);
}

static struct hc_impair_counts counts(void)
{
	struct hc_impair_counts c;

	hc_impair_counts(wire, &c);
	UNIT_EQ(c.taken + c.duplicated, c.delivered + c.lost + c.overflowed + c.on_the_way);
	return c;
}

// Everything is where it came from.
static void fx_shut(void)
{
	struct hc_port_info info;

	(void)counts();
	for (unsigned i = 0; i < 2; i++)
		hc_port_stop(end[i].port);
	UNIT_EQ(hc_impair_destroy(wire), 0);
	for (unsigned i = 0; i < 2; i++) {
		hc_port_info(end[i].port, &info);
		UNIT_EQ(info.buffers_out, 0);
		hc_port_close(end[i].port);
	}
}

// Sends frame number n from a: an IPv4 packet, with the number behind its headers and 10 bytes of
// padding.
static void put_frame(uint32_t n)
{
	struct rte_mbuf *m = fx_frame(end[0].port, FRAME_LEN, 0);
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

	memset(data, 0, FRAME_LEN);
	hc_store_be16(data + HC_ETH_TYPE, hc_to_be16(HC_ETHERTYPE_IP4));
	data[HC_ETH_LEN] = 0x45;
	hc_store_be16(data + HC_ETH_LEN + HC_IP4_TOTAL_LEN,
		      hc_to_be16(FRAME_LEN - HC_ETH_LEN - 10));
	hc_store32(data + HC_ETH_LEN + HC_IP4_LEN, n);
	CU_ASSERT_FATAL(rte_ring_enqueue(end[0].from_port, m) == 0);
}

static struct rte_mbuf *take(void)
{
	void *m = NULL;

	return rte_ring_dequeue(end[1].to_port, &m) == 0 ? m : NULL;
}

// The number of the next frame that b receives, -1 for none.
static int64_t get_frame(void)
{
	struct rte_mbuf *m = take();
	int64_t n;

	if (!m)
		return -1;
	n = hc_load32(rte_pktmbuf_mtod(m, uint8_t *) + HC_ETH_LEN + HC_IP4_LEN);
	rte_pktmbuf_free(m);
	return n;
}

// Steps through every due time from now_ns on, until nothing is on the way.
static void run_dry(uint64_t now_ns)
{
	(void)hc_impair_step(wire, now_ns);
	while (hc_impair_next_due_ns(wire) != UINT64_MAX) {
		CU_ASSERT_FATAL(hc_impair_next_due_ns(wire) > now_ns);
		now_ns = hc_impair_next_due_ns(wire);
		UNIT_EXPECT(hc_impair_step(wire, now_ns) > 0);
	}
}

static void a_wire_without_impairments_is_a_wire(void)
{
	fx_open(&(struct hc_impair_config){.seed = 1});
	for (uint32_t i = 0; i < 100; i++)
		put_frame(i);
	UNIT_EQ(hc_impair_step(wire, 5), 200);
	UNIT_EQ(hc_impair_step(wire, 5), 0);
	UNIT_EQ(hc_impair_next_due_ns(wire), UINT64_MAX);
	for (uint32_t i = 0; i < 100; i++)
		UNIT_EQ(get_frame(), i);
	UNIT_EQ(get_frame(), -1);
	UNIT_EQ(counts().delivered, 100);
	fx_shut();
}

static void both_directions_work(void)
{
	fx_open(&(struct hc_impair_config){.seed = 1});
	UNIT_EQ(rte_ring_enqueue(end[1].from_port, fx_frame(end[1].port, 60, 0)), 0);
	UNIT_EQ(hc_impair_step(wire, 0), 2);
	UNIT_EQ(rte_ring_count(end[0].to_port), 1);
	UNIT_EQ(rte_ring_count(end[1].to_port), 0);
	fx_shut();
}

static void all_is_lost_at_a_million_ppm(void)
{
	fx_open(&(struct hc_impair_config){.loss_ppm = HC_PPM, .seed = 1});
	for (uint32_t i = 0; i < 100; i++)
		put_frame(i);
	run_dry(0);
	UNIT_EQ(get_frame(), -1);
	UNIT_EQ(counts().lost, 100);
	fx_shut();
}

static void a_share_is_lost_and_the_rest_keeps_its_order(void)
{
	int64_t before = -1;
	unsigned arrived = 0;

	fx_open(&(struct hc_impair_config){.loss_ppm = HC_PPM / 10, .seed = unit_seed()});
	for (uint32_t i = 0; i < FRAMES; i++)
		put_frame(i);
	run_dry(0);
	for (int64_t n = get_frame(); n >= 0; n = get_frame(), arrived++) {
		UNIT_EXPECT(n > before);
		before = n;
	}
	UNIT_EQ(arrived + counts().lost, FRAMES);
	CU_ASSERT(counts().lost > FRAMES * 7 / 100 && counts().lost < FRAMES * 13 / 100);
	fx_shut();
}

static void duplicates_are_copies(void)
{
	unsigned seen[FRAMES] = {0};
	uint64_t twice = 0;

	fx_open(&(struct hc_impair_config){.dup_ppm = HC_PPM / 10, .seed = unit_seed()});
	for (uint32_t i = 0; i < FRAMES; i++)
		put_frame(i);
	run_dry(0);
	for (int64_t n = get_frame(); n >= 0; n = get_frame())
		seen[n]++;
	for (uint32_t i = 0; i < FRAMES; i++) {
		UNIT_EXPECT(seen[i] == 1 || seen[i] == 2);
		twice += seen[i] == 2;
	}
	UNIT_EQ(twice, counts().duplicated);
	CU_ASSERT(twice > FRAMES * 7 / 100 && twice < FRAMES * 13 / 100);
	fx_shut();
}

static void delay_holds_frames_until_they_are_due(void)
{
	fx_open(&(struct hc_impair_config){.delay_ns = 10 * MS, .seed = 1});
	put_frame(0);
	UNIT_EQ(hc_impair_step(wire, 1 * MS), 1);
	put_frame(1);
	UNIT_EQ(hc_impair_step(wire, 2 * MS), 1);
	UNIT_EQ(hc_impair_next_due_ns(wire), 11 * MS);
	UNIT_EQ(counts().on_the_way, 2);
	UNIT_EQ(hc_impair_step(wire, 11 * MS - 1), 0);
	UNIT_EQ(get_frame(), -1);
	UNIT_EQ(hc_impair_step(wire, 11 * MS), 1);
	UNIT_EQ(get_frame(), 0);
	UNIT_EQ(hc_impair_next_due_ns(wire), 12 * MS);
	UNIT_EQ(hc_impair_step(wire, 100 * MS), 1);
	UNIT_EQ(get_frame(), 1);
	fx_shut();
}

static void jitter_spreads_delay_and_keeps_the_order(void)
{
	uint64_t first_ns = UINT64_MAX;
	uint64_t last_ns = 0;

	fx_open(&(struct hc_impair_config){
		.delay_ns = 10 * MS, .jitter_ns = 10 * MS, .seed = unit_seed()});
	// Far enough apart that the frame ahead does not hold one up.
	for (uint32_t i = 0; i < 200; i++) {
		uint64_t due_ns;

		put_frame(i);
		UNIT_EQ(hc_impair_step(wire, i * 100ull * MS), 1);
		due_ns = hc_impair_next_due_ns(wire) - i * 100ull * MS;
		first_ns = due_ns < first_ns ? due_ns : first_ns;
		last_ns = due_ns > last_ns ? due_ns : last_ns;
		UNIT_EQ(hc_impair_step(wire, hc_impair_next_due_ns(wire)), 1);
		UNIT_EQ(get_frame(), i);
	}
	CU_ASSERT(first_ns >= 10 * MS && first_ns < 11 * MS);
	CU_ASSERT(last_ns > 19 * MS && last_ns < 20 * MS);
	for (uint32_t i = 0; i < 200; i++)
		put_frame(i);
	run_dry(100000ull * MS);
	for (uint32_t i = 0; i < 200; i++)
		UNIT_EQ(get_frame(), i);
	fx_shut();
}

static void reordered_frames_arrive_behind_later_ones(void)
{
	uint64_t passed = 0;
	int64_t highest = -1;

	fx_open(&(struct hc_impair_config){.reorder_ppm = HC_PPM / 10, .seed = unit_seed()});
	for (uint32_t i = 0; i < FRAMES; i++) {
		put_frame(i);
		(void)hc_impair_step(wire, i * 1000ull);
	}
	run_dry(FRAMES * 1000ull);
	for (int64_t n = get_frame(); n >= 0; n = get_frame()) {
		passed += n < highest;
		highest = n > highest ? n : highest;
	}
	// The last ones have nobody behind them.
	CU_ASSERT(passed <= counts().reordered && passed + 10 > counts().reordered);
	CU_ASSERT(passed > FRAMES * 6 / 100 && passed < FRAMES * 13 / 100);
	UNIT_EQ(counts().delivered, FRAMES);
	fx_shut();
}

static void corruption_inverts_one_bit_of_the_packet_in_a_copy(void)
{
	fx_open(&(struct hc_impair_config){.corrupt_ppm = HC_PPM, .seed = unit_seed()});
	for (uint32_t i = 0; i < 500; i++) {
		struct rte_mbuf *kept, *got;
		const uint8_t *a, *b;
		unsigned bits = 0;
		unsigned outside = 0;
		void *m = NULL;

		put_frame(0);
		// The sender keeps the frame, as TCP does until it is acknowledged.
		UNIT_EQ(rte_ring_dequeue(end[0].from_port, &m), 0);
		kept = m;
		rte_pktmbuf_refcnt_update(kept, 1);
		UNIT_EQ(rte_ring_enqueue(end[0].from_port, m), 0);
		run_dry(0);
		got = take();
		CU_ASSERT_PTR_NOT_NULL_FATAL(got);
		CU_ASSERT(got != kept);
		UNIT_EQ(rte_pktmbuf_pkt_len(got), FRAME_LEN);
		a = rte_pktmbuf_mtod(kept, const uint8_t *);
		b = rte_pktmbuf_mtod(got, const uint8_t *);
		for (unsigned k = 0; k < FRAME_LEN; k++) {
			bits += (unsigned)__builtin_popcount(a[k] ^ b[k]);
			outside += a[k] != b[k] && (k < HC_ETH_LEN || k >= FRAME_LEN - 10);
		}
		UNIT_EQ(bits, 1);
		UNIT_EQ(outside, 0);
		rte_pktmbuf_free(kept);
		rte_pktmbuf_free(got);
	}
	UNIT_EQ(counts().corrupted, 500);
	fx_shut();
}

static void what_no_checksum_protects_is_not_corrupted(void)
{
	struct rte_mbuf *m;

	fx_open(&(struct hc_impair_config){.corrupt_ppm = HC_PPM, .seed = 1});
	m = fx_frame(end[0].port, 60, 0);
	hc_store_be16(rte_pktmbuf_mtod(m, uint8_t *) + HC_ETH_TYPE, hc_to_be16(HC_ETHERTYPE_ARP));
	UNIT_EQ(rte_ring_enqueue(end[0].from_port, m), 0);
	run_dry(0);
	CU_ASSERT(take() == m);
	rte_pktmbuf_free(m);
	UNIT_EQ(counts().corrupted, 0);
	fx_shut();
}

// A digest of which frames arrive, in which order.
static uint64_t fate(const struct hc_impair_config *cfg)
{
	uint64_t digest = 0;

	fx_open(cfg);
	for (uint32_t i = 0; i < FRAMES; i++) {
		put_frame(i);
		(void)hc_impair_step(wire, i * 1000ull);
	}
	run_dry(FRAMES * 1000ull);
	for (int64_t n = get_frame(); n >= 0; n = get_frame())
		digest = digest * 0x9e3779b97f4a7c15ull + (uint64_t)n + 1;
	fx_shut();
	return digest;
}

static void a_seed_decides_the_fate_of_every_frame(void)
{
	struct hc_impair_config cfg = {.loss_ppm = 50000,
				       .dup_ppm = 50000,
				       .reorder_ppm = 50000,
				       .delay_ns = MS,
				       .jitter_ns = MS,
				       .seed = 1};
	uint64_t first = fate(&cfg);

	UNIT_EQ(fate(&cfg), first);
	cfg.seed = 2;
	CU_ASSERT(fate(&cfg) != first);
}

// Which frames are lost, as a digest.
static uint64_t losses(struct hc_impair_config cfg)
{
	bool is_there[FRAMES] = {false};
	uint64_t digest = 0;

	fx_open(&cfg);
	for (uint32_t i = 0; i < FRAMES; i++)
		put_frame(i);
	run_dry(0);
	for (int64_t n = get_frame(); n >= 0; n = get_frame())
		is_there[n] = true;
	for (uint32_t i = 0; i < FRAMES; i++)
		if (!is_there[i])
			digest = digest * 0x9e3779b97f4a7c15ull + i + 1;
	fx_shut();
	return digest;
}

static void one_impairment_does_not_move_another(void)
{
	struct hc_impair_config cfg = {.loss_ppm = 50000, .seed = 3};
	uint64_t alone = losses(cfg);

	CU_ASSERT(alone != 0);
	cfg.dup_ppm = 100000;
	cfg.reorder_ppm = 100000;
	cfg.jitter_ns = MS;
	UNIT_EQ(losses(cfg), alone);
}

static void what_finds_no_room_is_counted(void)
{
	fx_open(&(struct hc_impair_config){.delay_ns = MS, .cap = 10, .seed = 1});
	for (uint32_t i = 0; i < 25; i++)
		put_frame(i);
	run_dry(0);
	UNIT_EQ(counts().overflowed, 15);
	UNIT_EQ(counts().delivered, 10);
	fx_shut();
}

static void the_configuration_can_change_on_the_way(void)
{
	const struct hc_impair_config lossy = {.loss_ppm = HC_PPM};
	const struct hc_impair_config clean = {0};

	fx_open(&(struct hc_impair_config){.delay_ns = MS, .seed = 1});
	put_frame(0);
	(void)hc_impair_step(wire, 0);
	hc_impair_change(wire, &lossy, &clean);
	put_frame(1);
	(void)hc_impair_step(wire, 1);
	hc_impair_change(wire, &clean, &clean);
	put_frame(2);
	run_dry(2);
	UNIT_EQ(get_frame(), 0);
	UNIT_EQ(get_frame(), 2);
	UNIT_EQ(get_frame(), -1);
	fx_shut();
}

static void frames_on_the_way_come_back_in_the_end(void)
{
	fx_open(&(struct hc_impair_config){.delay_ns = MS, .dup_ppm = HC_PPM, .seed = 1});
	for (uint32_t i = 0; i < 50; i++)
		put_frame(i);
	(void)hc_impair_step(wire, 0);
	UNIT_EQ(counts().on_the_way, 100);
	fx_shut();
}

UNIT_SUITE(impair, UNIT_TEST(a_wire_without_impairments_is_a_wire), UNIT_TEST(both_directions_work),
	   UNIT_TEST(all_is_lost_at_a_million_ppm),
	   UNIT_TEST(a_share_is_lost_and_the_rest_keeps_its_order),
	   UNIT_TEST(duplicates_are_copies), UNIT_TEST(delay_holds_frames_until_they_are_due),
	   UNIT_TEST(jitter_spreads_delay_and_keeps_the_order),
	   UNIT_TEST(reordered_frames_arrive_behind_later_ones),
	   UNIT_TEST(corruption_inverts_one_bit_of_the_packet_in_a_copy),
	   UNIT_TEST(what_no_checksum_protects_is_not_corrupted),
	   UNIT_TEST(a_seed_decides_the_fate_of_every_frame),
	   UNIT_TEST(one_impairment_does_not_move_another),
	   UNIT_TEST(what_finds_no_room_is_counted),
	   UNIT_TEST(the_configuration_can_change_on_the_way),
	   UNIT_TEST(frames_on_the_way_come_back_in_the_end));
