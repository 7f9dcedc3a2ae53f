// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The timers against a model: an array of deadlines on a 64-bit clock that never wraps. Whatever is
// due and nothing else is returned, at every boundary of the wheel and of the tick.

#include "base/rng.h"
#include "tcp/timer.h"

#include "runner.h"

#include <stdlib.h>

#define OBJECTS 1024u
#define NEVER   UINT64_MAX

// As the objects of the stack are: a line each, the node at its end.
struct object {
	uint8_t other[48];
	struct hc_timer_node timer;
} HC_ALIGN_LINE;

static struct object object[OBJECTS];
static struct {
	struct hc_timer_list wheel[HC_WHEEL_SLOTS];
	uint32_t wake_ms[OBJECTS];
} memory;
static struct hc_timers t;
static uint64_t now;               // The model's clock; the tick is its low half.
static uint64_t deadline[OBJECTS]; // NEVER: off.
static uint32_t object_count;      // Objects from here on were never armed.
static uint32_t expired[OBJECTS];

static void timers_open(uint64_t at)
{
	memset(object, 0, sizeof object);
	memset(&memory, 0xa5, sizeof memory);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		memset(object[i].timer.owner, 0x5a, sizeof object[i].timer.owner);
		deadline[i] = NEVER;
	}
	now = at;
	object_count = 0;
	hc_timers_init(&t, &object[0].timer, sizeof object[0], &memory, (uint32_t)now);
}

static bool owner_bytes_are_untouched(void)
{
	for (uint32_t i = 0; i < OBJECTS; i++)
		for (unsigned k = 0; k < sizeof object[i].timer.owner; k++)
			if (object[i].timer.owner[k] != 0x5a)
				return false;
	return true;
}

static unsigned armed_count(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < OBJECTS; i++)
		n += hc_timer_is_armed(&t, i);
	return n;
}

// The list it is in, armed or not.
static unsigned queue_of(uint32_t i)
{
	return object[i].timer.queue & ~(unsigned)HC_TIMER_ARMED;
}

static void arm(uint32_t i, uint32_t delay_ms)
{
	hc_timer_arm(&t, i, delay_ms, (uint32_t)now);
	deadline[i] = now + delay_ms;
	if (i >= object_count)
		object_count = i + 1;
}

static void off(uint32_t i)
{
	hc_timer_off(&t, i);
	deadline[i] = NEVER;
}

// One bounded expiry; what it returns was due and is off. @return how many.
static unsigned expire_up_to(unsigned max)
{
	unsigned n = hc_timers_expire(&t, (uint32_t)now, expired, max);

	UNIT_EXPECT(n <= max);
	for (unsigned k = 0; k < n; k++) {
		uint32_t i = expired[k];

		UNIT_EXPECT(i < OBJECTS && deadline[i] <= now);
		UNIT_EXPECT(!hc_timer_is_armed(&t, i));
		deadline[i] = NEVER;
	}
	return n;
}

static unsigned due_count(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < object_count; i++)
		n += deadline[i] <= now;
	return n;
}

// Expiry with room for all returns all.
static unsigned expire(void)
{
	unsigned n = expire_up_to(OBJECTS);

	UNIT_EXPECT(due_count() == 0);
	return n;
}

static void expect_next_due(void)
{
	uint64_t first = NEVER;
	uint32_t due_ms = 0;
	bool is_some;

	for (uint32_t i = 0; i < object_count; i++)
		first = deadline[i] < first ? deadline[i] : first;
	is_some = hc_timers_next_due_ms(&t, (uint32_t)now, &due_ms);
	UNIT_EXPECT(is_some == (first != NEVER));
	if (is_some)
		UNIT_EXPECT(due_ms == (uint32_t)(first > now ? first : now));
}

// The starts that matter: both ends of a turn, of the tick and of its sign.
static const uint64_t starts[] = {0,          1,          8190,       8191,       8192,
				  8193,       0x7fffe000, 0x7fffffff, 0x80000000, 0xffffdfff,
				  0xffffe000, 0xfffffffe, 0xffffffff, 0x100000000};
static const uint32_t delays[] = {0,    1,     2,     1000,  8190,  8191,  8192,  8193,
				  8194, 16383, 16384, 16385, 24576, 65535, 65536, 1000000};

// A delay is kept to the millisecond, in the wheel and in a FIFO, whether the clock comes by
// milliseconds or jumps to just before.
static void delay_is_kept(uint64_t start, uint32_t delay_ms, bool is_fifo, bool is_jump)
{
	timers_open(start);
	if (is_fifo)
		UNIT_EXPECT(hc_timers_fifo_add(&t, delay_ms) == 0);
	arm(7, delay_ms);
	UNIT_EXPECT(hc_timer_is_armed(&t, 7));
	UNIT_EXPECT(queue_of(7) == (is_fifo ? HC_TIMER_FIFO0 : HC_TIMER_WHEEL));
	for (; now < start + delay_ms; now++) {
		UNIT_EXPECT(expire_up_to(1) == 0);
		UNIT_EXPECT(hc_timer_is_armed(&t, 7));
		if (is_jump && now + 1 < start + delay_ms)
			now = start + delay_ms - 2;
	}
	expect_next_due();
	UNIT_EXPECT(expire_up_to(1) == 1 && expired[0] == 7);
	UNIT_EXPECT(expire_up_to(1) == 0);
	UNIT_EXPECT(hc_timers_check(&t) && armed_count() == 0);
}

static void delays_are_kept_at_every_boundary(void)
{
	for (unsigned s = 0; s < HC_ARRAY_LEN(starts); s++) {
		for (unsigned d = 0; d < HC_ARRAY_LEN(delays); d++) {
			delay_is_kept(starts[s], delays[d], false, true);
			delay_is_kept(starts[s], delays[d], true, true);
			if (delays[d] <= 16385)
				delay_is_kept(starts[s], delays[d], false, false);
		}
		delay_is_kept(starts[s], HC_TIMER_DELAY_MAX_MS, false, true);
		delay_is_kept(starts[s], HC_TIMER_DELAY_MAX_MS, true, true);
	}
	delay_is_kept(5, 8193, true, false);
}

// One timer for each of these delays at once, whatever the clock does then.
static void entries_of_one_slot_keep_their_own_turns(void)
{
	static const uint32_t steps[] = {1, 2, 7, 8191, 8192, 8193, 20000, 100000};

	for (unsigned s = 0; s < HC_ARRAY_LEN(starts); s++) {
		for (unsigned k = 0; k < HC_ARRAY_LEN(steps); k++) {
			timers_open(starts[s]);
			for (uint32_t i = 0; i < 64; i++)
				arm(i, i * 4096);
			while (armed_count()) {
				UNIT_EXPECT(expire() == 0 || steps[k] > 1 ||
					    now % 4096 == starts[s] % 4096);
				expect_next_due();
				// By single steps only round the deadlines.
				if (steps[k] < 8 && (now - starts[s]) % 4096 == 8)
					now += 4096 - 16;
				now += steps[k];
			}
			UNIT_EXPECT(hc_timers_check(&t));
		}
	}
}

static void due_at_once_is_returned_while_the_clock_stands(void)
{
	for (unsigned s = 0; s < HC_ARRAY_LEN(starts); s++) {
		timers_open(starts[s]);
		for (unsigned round = 0; round < 100; round++) {
			// Slots of this tick also hold what is due turns later.
			arm(0, 0);
			arm(1, HC_WHEEL_SLOTS);
			arm(2, 0);
			expect_next_due();
			UNIT_EXPECT(expire() == 2);
			UNIT_EXPECT(expire() == 0);
			expect_next_due();
			now += round % 3 == 2;
		}
		UNIT_EXPECT(hc_timers_check(&t));
	}
}

// The caller arms what just expired again, at once, before the rest of the same tick has expired.
static void arming_between_bounded_expiries_loses_nothing(void)
{
	static const uint32_t again[] = {0, 1, 2, 8191, 8192, 8193, 16384};

	for (unsigned s = 0; s < HC_ARRAY_LEN(starts); s++) {
		for (unsigned a = 0; a < HC_ARRAY_LEN(again); a++) {
			timers_open(starts[s]);
			for (uint32_t i = 0; i < 20; i++)
				arm(i, 5 + i % 3);
			now += 9;
			for (unsigned k = 0; k < 200; k++) {
				UNIT_EXPECT(due_count() == 0 || expire_up_to(1) == 1);
				arm(expired[0], again[a]);
				UNIT_EXPECT(hc_timers_check(&t));
				expect_next_due();
			}
			now += 40000;
			UNIT_EXPECT(expire() == 20);
		}
	}
}

static void bounded_expiry_passes_far_entries_once(void)
{
	timers_open(100);
	// Slot by slot: due, far, due, far ...
	for (uint32_t i = 0; i < 600; i++)
		arm(i, i % 2 ? 50 + HC_WHEEL_SLOTS * 3 : 50);
	now += 50;
	for (unsigned k = 0; k < 300; k += 7) {
		UNIT_EXPECT(expire_up_to(7) == (300 - k < 7 ? 300 - k : 7));
		UNIT_EXPECT(hc_timers_check(&t));
		// The next call begins where this one stopped, not at the far entries before.
		if (due_count() > 0)
			UNIT_EXPECT(memory.wheel[now % HC_WHEEL_SLOTS].head == 2 * (k + 7));
	}
	UNIT_EXPECT(expire() == 0);
	UNIT_EQ(armed_count(), 300);
	// Unlinking at the seam where the list was turned: armed for sooner, it moves.
	for (uint32_t i = 1; i < 600; i += 2) {
		arm(i, 5);
		UNIT_EXPECT(hc_timers_check(&t));
		off(i);
	}
	UNIT_EQ(armed_count(), 0);
	now += 5;
	UNIT_EQ(expire(), 0);
	UNIT_EQ(t.listed_count, 0);
	UNIT_EQ(t.wheel_count, 0);
}

static void jump_of_days_stopped_half_way_goes_on(void)
{
	static const uint64_t jumps[] = {8191,        8192,       8193,         16384,
					 86400000ull, 3ull << 29, 0x7fe00000ull};
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned s = 0; s < HC_ARRAY_LEN(starts); s++) {
		for (unsigned k = 0; k < HC_ARRAY_LEN(jumps); k++) {
			unsigned due = 0;

			timers_open(starts[s]);
			for (uint32_t i = 0; i < 300; i++)
				arm(i, (uint32_t)hc_rng_u64(&r) >> (1 + hc_rng_below(&r, 30)));
			now += jumps[k];
			due = due_count();
			while (due > 0) {
				unsigned n = expire_up_to(3);

				UNIT_EXPECT(n == (due < 3 ? due : 3));
				UNIT_EXPECT(hc_timers_check(&t));
				expect_next_due();
				// The clock goes on meanwhile, sometimes by more than a turn.
				now += hc_rng_below(&r, 4) ? 0 : hc_rng_below(&r, 10000);
				due = due_count();
			}
			UNIT_EXPECT(expire() == 0);
			expect_next_due();
		}
	}
}

static void equal_delays_share_a_fifo(void)
{
	timers_open(0);
	UNIT_EQ(hc_timers_fifo_add(&t, 200), 0);
	UNIT_EQ(hc_timers_fifo_add(&t, 1000), 1);
	UNIT_EQ(hc_timers_fifo_add(&t, 200), 0);
	UNIT_EQ(hc_timers_fifo_add(&t, 60000), 2);
	UNIT_EQ(t.fifo_count, 3);
	arm(0, 1000);
	arm(1, 200);
	arm(2, 201);
	UNIT_EQ(queue_of(0), HC_TIMER_FIFO0 + 1);
	UNIT_EQ(queue_of(1), HC_TIMER_FIFO0);
	UNIT_EQ(queue_of(2), HC_TIMER_WHEEL);
	hc_timer_arm_fifo(&t, 3, 2, 0);
	UNIT_EQ(queue_of(3), HC_TIMER_FIFO0 + 2);
	UNIT_EQ(object[3].timer.deadline_ms, 60000);
	UNIT_EQ(armed_count(), 4);
	UNIT_EQ(t.wheel_count, 1);
}

static void fifo_expires_in_the_order_of_arming(void)
{
	timers_open(UINT32_MAX - 50);
	UNIT_EQ(hc_timers_fifo_add(&t, 100), 0);
	for (uint32_t i = 0; i < 300; i++) {
		arm((i * 7) % 300, 100);
		now += i % 3 == 0;
	}
	off(0);             // The head,
	off(299 * 7 % 300); // the tail,
	off(140);           // and the middle.
	CU_ASSERT(hc_timers_check(&t));
	now += 100;
	UNIT_EQ(expire_up_to(OBJECTS), 297);
	for (uint32_t i = 0, k = 0; i < 300; i++) {
		uint32_t idx = (i * 7) % 300;

		if (idx == 0 || idx == 140 || i == 299)
			continue;
		UNIT_EXPECT(expired[k] == idx);
		k++;
	}
	UNIT_EQ(armed_count(), 0);
}

static void armed_again_moves_to_the_new_deadline(void)
{
	timers_open(77);
	UNIT_EQ(hc_timers_fifo_add(&t, 300), 0);
	for (unsigned k = 0; k < 50; k++) {
		arm(1, 300);
		arm(2, 17);
		arm(3, 300);
		arm(3, 18);
		arm(2, 300);
		UNIT_EQ(armed_count(), 3);
		UNIT_EQ(t.listed_count, 3);
		now += 10;
		UNIT_EQ(expire(), 0);
	}
	now += 299;
	UNIT_EQ(expire(), 3);
}

// Disarming leaves the lists as they are, and so does arming for no sooner than the entry is looked
// at; what is looked at and is not due goes where it will be seen in time.
static void lists_are_left_alone(void)
{
	struct hc_timers before;

	timers_open(40);
	UNIT_EQ(hc_timers_fifo_add(&t, 200), 0);
	UNIT_EQ(hc_timers_fifo_add(&t, 1000), 1);
	arm(1, 200);
	arm(2, 200);
	arm(3, 30);
	before = t;
	off(1);
	off(3);
	now += 1;
	arm(1, 1000);
	arm(1, 200);
	arm(3, 29);
	arm(3, 60000);
	off(2);
	UNIT_EQ_BYTES(&t, &before, sizeof t);
	UNIT_EQ(queue_of(1), HC_TIMER_FIFO0);
	UNIT_EQ(queue_of(3), HC_TIMER_WHEEL);
	now += 199;
	UNIT_EQ(expire(), 0);
	UNIT_EQ(queue_of(1), HC_TIMER_WHEEL); // One millisecond is left.
	UNIT_EQ(queue_of(2), HC_TIMER_NOWHERE);
	UNIT_EQ(t.listed_count, 2);
	now += 1;
	UNIT_EQ(expire(), 1);
	// Listed for a minute, and wanted sooner.
	arm(3, 200);
	UNIT_EQ(queue_of(3), HC_TIMER_FIFO0);
	arm(3, 17);
	UNIT_EQ(queue_of(3), HC_TIMER_WHEEL);
	arm(3, 1000);
	now += 17;
	UNIT_EQ(expire(), 0);
	expect_next_due();
	now += 982;
	UNIT_EQ(expire(), 0);
	now += 1;
	UNIT_EQ(expire(), 1);
	UNIT_EQ(t.listed_count, 0);
	CU_ASSERT(hc_timers_check(&t));
}

// Nobody armed is nobody due, whoever is listed.
static void next_due_passes_over_what_is_off(void)
{
	uint32_t due_ms;

	timers_open(0xfffffff0u);
	UNIT_EQ(hc_timers_fifo_add(&t, 200), 0);
	for (uint32_t i = 0; i < 10; i++)
		arm(i, i < 5 ? 200 : 20 * i);
	expect_next_due();
	for (uint32_t i = 0; i < 10; i += 2)
		off(i);
	expect_next_due();
	arm(1, 5000);
	arm(5, 3 * HC_WHEEL_SLOTS);
	expect_next_due();
	for (uint32_t i = 1; i < 10; i += 2) {
		off(i);
		expect_next_due();
	}
	CU_ASSERT(!hc_timers_next_due_ms(&t, (uint32_t)now, &due_ms));
	arm(2, HC_TIMER_DELAY_MAX_MS);
	expect_next_due();
}

// Nobody looked for a month, which is more than a sign reaches.
static void a_month_of_rest_leaves_nothing_behind(void)
{
	for (unsigned s = 0; s < HC_ARRAY_LEN(starts); s++) {
		timers_open(starts[s]);
		UNIT_EQ(hc_timers_fifo_add(&t, 200), 0);
		for (uint32_t i = 0; i < 40; i++)
			arm(i, i % 2 ? 200 : i * 1000);
		for (uint32_t i = 0; i < 40; i++)
			if (i % 8 > 1)
				off(i);
		now += 0x9a7ec800u;
		hc_timers_rest(&t, (uint32_t)now);
		UNIT_EXPECT(hc_timers_check(&t));
		UNIT_EXPECT(t.listed_count == 10);
		UNIT_EXPECT(expire() == 10);
		arm(3, 200);
		expect_next_due();
		now += 200;
		hc_timers_rest(&t, (uint32_t)now);
		UNIT_EXPECT(expire() == 1);
	}
}

static void off_of_what_is_off_does_nothing(void)
{
	struct hc_timers before;

	timers_open(9);
	arm(1, 100);
	before = t;
	off(0);
	off(0);
	UNIT_EQ_BYTES(&t, &before, sizeof t);
	CU_ASSERT(!hc_timer_is_armed(&t, 0));
	CU_ASSERT(hc_timer_is_armed(&t, 1));
	off(1);
	off(1);
	UNIT_EQ(armed_count(), 0);
	now += 1000;
	UNIT_EQ(expire(), 0);
}

// A queue that always has something due does not keep the others waiting.
static void full_queue_does_not_starve_the_others(void)
{
	timers_open(0);
	UNIT_EQ(hc_timers_fifo_add(&t, 0), 0);
	UNIT_EQ(hc_timers_fifo_add(&t, 2), 1);
	for (uint32_t i = 0; i < 64; i++)
		arm(i, 0);
	arm(100, 2);
	arm(101, 3);
	now += 3;
	for (unsigned k = 0; k < 3; k++) {
		unsigned n = expire_up_to(8);

		UNIT_EXPECT(n == 8);
		for (unsigned e = 0; e < n; e++)
			if (expired[e] < 64)
				arm(expired[e], 0);
	}
	CU_ASSERT(!hc_timer_is_armed(&t, 100));
	CU_ASSERT(!hc_timer_is_armed(&t, 101));
}

static void next_due_sees_the_nearest_of_all_turns(void)
{
	uint32_t due_ms;

	for (unsigned s = 0; s < HC_ARRAY_LEN(starts); s++) {
		timers_open(starts[s]);
		CU_ASSERT(!hc_timers_next_due_ms(&t, (uint32_t)now, &due_ms));
		// In the very next slot, but a turn and more away.
		arm(0, 1 + 3 * HC_WHEEL_SLOTS);
		expect_next_due();
		arm(1, 5 + 2 * HC_WHEEL_SLOTS);
		expect_next_due();
		arm(2, 9 + HC_WHEEL_SLOTS);
		expect_next_due();
		arm(3, 8000);
		expect_next_due();
		UNIT_EQ(hc_timers_fifo_add(&t, 7000), 0);
		arm(4, 7000);
		expect_next_due();
		off(4);
		now += 7999;
		UNIT_EQ(expire(), 0);
		expect_next_due();
		now += 200;
		expect_next_due();
		UNIT_EQ(expire(), 1);
		expect_next_due();
	}
}

static uint32_t random_delay(struct hc_rng *r)
{
	switch (hc_rng_below(r, 8)) {
	case 0:
		return hc_rng_below(r, 3);
	case 1:
		return HC_WHEEL_SLOTS * (1 + hc_rng_below(r, 3)) - 2 + hc_rng_below(r, 5);
	case 2:
		return 200;
	case 3:
		return 1000;
	case 4:
		return hc_rng_below(r, 1u << 20);
	default:
		return hc_rng_below(r, 300);
	}
}

static uint32_t random_jump(struct hc_rng *r)
{
	uint32_t dice = hc_rng_below(r, 1000);

	if (dice < 600)
		return 0;
	if (dice < 980)
		return 1 + hc_rng_below(r, 3);
	if (dice < 999)
		return hc_rng_below(r, 2 * HC_WHEEL_SLOTS + 5);
	return hc_rng_below(r, 1u << 30);
}

static void random_operations_agree_with_the_model(void)
{
	const uint32_t objects = 200;
	struct hc_rng r;

	hc_rng_seed(&r, unit_seed());
	for (unsigned run = 0; run < 10; run++) {
		timers_open(run * 0x1999f000ull);
		UNIT_EQ(hc_timers_fifo_add(&t, 200), 0);
		UNIT_EQ(hc_timers_fifo_add(&t, 1000), 1);
		// A FIFO of 0 in every other run: without it delay 0 goes to the wheel.
		if (run % 2)
			UNIT_EQ(hc_timers_fifo_add(&t, 0), 2);
		for (unsigned step = 0; step < 120000; step++) {
			uint32_t i = hc_rng_below(&r, objects);
			uint32_t what = hc_rng_below(&r, 8);

			if (what < 4)
				arm(i, random_delay(&r));
			else if (what < 6)
				off(i);
			else if (what == 6) {
				unsigned max = 1 + hc_rng_below(&r, 8);

				if (expire_up_to(max) < max)
					UNIT_EXPECT(due_count() == 0);
			} else {
				now += random_jump(&r);
			}
			UNIT_EXPECT(hc_timer_is_armed(&t, i) == (deadline[i] != NEVER));
			if (step % 256 == 0)
				expect_next_due();
			if (step % 4096 == 0)
				UNIT_EXPECT(hc_timers_check(&t));
		}
		expire();
		now += 1u << 21;
		expire();
		UNIT_EQ(armed_count(), 0);
		UNIT_EQ(t.wheel_count, 0);
		CU_ASSERT(hc_timers_check(&t));
		CU_ASSERT(owner_bytes_are_untouched());
	}
}

// What was armed before anybody knew the time falls due after its delay, whatever the time turns
// out to be.
static void a_clock_that_is_set_late_keeps_the_delays(void)
{
	static const uint64_t times[] = {0, 5, 0x7fffffffu, 0x80000000u, 0xc0000000u, 0xffffffffu};

	for (unsigned i = 0; i < HC_ARRAY_LEN(times); i++) {
		timers_open(0);
		UNIT_EQ(hc_timers_fifo_add(&t, 1000), 0);
		arm(1, 1000);
		arm(5, 1000);
		arm(0, 3);
		arm(7, 0);
		arm(9, 3 * HC_WHEEL_SLOTS + 1);
		arm(8, 20);
		off(8);
		now = times[i];
		hc_timers_set_clock(&t, OBJECTS, 0, (uint32_t)now);
		CU_ASSERT(hc_timers_check(&t));
		for (unsigned k = 0; k < OBJECTS; k++)
			deadline[k] += deadline[k] == NEVER ? 0 : now;
		expire();
		UNIT_EQ(armed_count(), 4);
		for (unsigned ms = 0; ms < 3 * HC_WHEEL_SLOTS + 10; ms++) {
			now++;
			expire();
		}
		UNIT_EQ(armed_count(), 0);
	}
}

static void check_sees_each_kind_of_damage(void)
{
	timers_open(0);
	UNIT_EQ(hc_timers_fifo_add(&t, 100), 0);
	for (uint32_t i = 0; i < 10; i++) {
		arm(i, 100);
		arm(20 + i, 40 + HC_WHEEL_SLOTS * (i % 2));
		now++;
	}
	CU_ASSERT(hc_timers_check(&t));
	t.listed_count++;
	CU_ASSERT(!hc_timers_check(&t));
	t.listed_count -= 2;
	CU_ASSERT(!hc_timers_check(&t));
	t.listed_count++;
	t.wheel_count++;
	CU_ASSERT(!hc_timers_check(&t));
	t.wheel_count--;
	memset(t.wheel_bits, 0, 8);
	CU_ASSERT(!hc_timers_check(&t));
	memset(t.wheel_bits, 0xff, 8);
	CU_ASSERT(hc_timers_check(&t));   // An empty slot may have its bit.
	object[5].timer.deadline_ms -= 5; // Armed for sooner than it is looked at.
	CU_ASSERT(!hc_timers_check(&t));
	off(5);
	CU_ASSERT(hc_timers_check(&t));
	t.wake_ms[5] -= 5; // Out of order.
	CU_ASSERT(!hc_timers_check(&t));
	t.wake_ms[5] += 5;
	t.wake_ms[25]++; // Not of this slot.
	CU_ASSERT(!hc_timers_check(&t));
	t.wake_ms[25]--;
	object[3].timer.queue = HC_TIMER_WHEEL;
	CU_ASSERT(!hc_timers_check(&t));
	object[3].timer.queue = HC_TIMER_FIFO0;
	object[3].timer.prev = 7;
	CU_ASSERT(!hc_timers_check(&t));
	object[3].timer.prev = 2;
	object[8].timer.next = 8; // A ring.
	CU_ASSERT(!hc_timers_check(&t));
	object[8].timer.next = 9;
	t.fifo[0].tail = 8;
	CU_ASSERT(!hc_timers_check(&t));
	t.fifo[0].tail = 9;
	CU_ASSERT(hc_timers_check(&t));
}

#if HC_WITH_ASSERT
static void arm_too_far(void *arg)
{
	(void)arg;
	hc_timer_arm(&t, 0, HC_TIMER_DELAY_MAX_MS + 1, 0);
}

static void arm_no_fifo(void *arg)
{
	(void)arg;
	hc_timer_arm_fifo(&t, 0, 1, 0);
}

static void clock_goes_back(void *arg)
{
	uint32_t idx;

	(void)arg;
	if (hc_timers_expire(&t, 4, &idx, 1))
		_Exit(1);
}

static void too_many_fifos(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i <= HC_FIFOS_MAX; i++)
		hc_timers_fifo_add(&t, i);
}
#endif

static void misuse_is_caught(void)
{
#if HC_WITH_ASSERT
	timers_open(0);
	UNIT_EQ(hc_timers_fifo_add(&t, 100), 0);
	CU_ASSERT(unit_aborts(arm_too_far, NULL));
	CU_ASSERT(unit_aborts(arm_no_fifo, NULL));
	CU_ASSERT(unit_aborts(too_many_fifos, NULL));
	now += 5;
	expire();
	CU_ASSERT(unit_aborts(clock_goes_back, NULL));
#endif
}

UNIT_SUITE(timer, UNIT_TEST(delays_are_kept_at_every_boundary),
	   UNIT_TEST(entries_of_one_slot_keep_their_own_turns),
	   UNIT_TEST(due_at_once_is_returned_while_the_clock_stands),
	   UNIT_TEST(arming_between_bounded_expiries_loses_nothing),
	   UNIT_TEST(bounded_expiry_passes_far_entries_once),
	   UNIT_TEST(jump_of_days_stopped_half_way_goes_on), UNIT_TEST(equal_delays_share_a_fifo),
	   UNIT_TEST(fifo_expires_in_the_order_of_arming),
	   UNIT_TEST(armed_again_moves_to_the_new_deadline), UNIT_TEST(lists_are_left_alone),
	   UNIT_TEST(next_due_passes_over_what_is_off),
	   UNIT_TEST(a_month_of_rest_leaves_nothing_behind),
	   UNIT_TEST(off_of_what_is_off_does_nothing),
	   UNIT_TEST(full_queue_does_not_starve_the_others),
	   UNIT_TEST(next_due_sees_the_nearest_of_all_turns),
	   UNIT_TEST(random_operations_agree_with_the_model),
	   UNIT_TEST(a_clock_that_is_set_late_keeps_the_delays),
	   UNIT_TEST(check_sees_each_kind_of_damage), UNIT_TEST(misuse_is_caught));
