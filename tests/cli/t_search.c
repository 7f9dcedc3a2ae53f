// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The search for a maximum against simulated devices: with a sharp limit anywhere, with none, with
// one that is noisy, and at the ends of the range.

#include "search.h"
#include "unit/runner.h"

#define TRIALS_MAX 400u

// A device passes up to `sure`; beyond that it passes `odds` of 100 times, up to `limit`.
struct device {
	uint64_t sure, limit;
	unsigned odds;
	uint64_t random;
	unsigned trials;
	uint64_t lowest_failed;
};

static unsigned draw(struct device *d)
{
	d->random = d->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(d->random >> 33) % 100;
}

static bool passes(struct device *d, uint64_t value)
{
	bool is_passed = value <= d->sure || (value <= d->limit && draw(d) < d->odds);

	d->trials++;
	if (!is_passed && value < d->lowest_failed)
		d->lowest_failed = value;
	return is_passed;
}

static struct search run(struct device *d, const struct search_config *cfg)
{
	struct search s;

	d->lowest_failed = UINT64_MAX;
	d->trials = 0;
	search_init(&s, cfg);
	while (!search_is_over(&s)) {
		CU_ASSERT_FATAL(s.value >= cfg->min && s.value <= cfg->max);
		CU_ASSERT_FATAL(d->trials < TRIALS_MAX);
		search_tell(&s, passes(d, s.value));
	}
	return s;
}

static struct search sharp(uint64_t limit, const struct search_config *cfg)
{
	struct device d = {.sure = limit, .limit = limit};

	return run(&d, cfg);
}

static void a_sharp_limit_is_found_exactly(void)
{
	const struct search_config cfg = {.min = 1, .max = 1000, .granularity = 1, .repeat = 2};

	for (uint64_t limit = 1; limit < 1000; limit++) {
		struct search s = sharp(limit, &cfg);

		CU_ASSERT_EQUAL(s.state, SEARCH_FOUND);
		CU_ASSERT_EQUAL(s.passed, limit);
		CU_ASSERT_EQUAL(s.failed, limit + 1);
	}
}

static void a_sharp_limit_is_found_within_the_granularity(void)
{
	for (uint64_t g = 1; g <= 70; g += 23) {
		const struct search_config cfg = {
			.min = 10, .max = 5000, .granularity = g, .repeat = 1};

		for (uint64_t limit = 10; limit < 5000; limit += 7) {
			struct search s = sharp(limit, &cfg);

			CU_ASSERT_EQUAL(s.state, SEARCH_FOUND);
			CU_ASSERT(s.passed <= limit && s.failed > limit);
			CU_ASSERT(s.failed - s.passed <= g);
		}
	}
}

static void where_it_begins_does_not_matter(void)
{
	for (uint64_t initial = 1; initial <= 200; initial++) {
		const struct search_config cfg = {
			.min = 1, .max = 200, .initial = initial, .granularity = 1, .repeat = 1};
		struct search s;

		search_init(&s, &cfg);
		CU_ASSERT_EQUAL(s.value, initial);
		CU_ASSERT_EQUAL(sharp(77, &cfg).passed, 77);
	}
}

static void a_device_that_always_passes_is_found_at_max(void)
{
	const struct search_config cfg = {.min = 5, .max = 1000, .granularity = 64, .repeat = 3};
	struct search s = sharp(UINT64_MAX, &cfg);

	CU_ASSERT_EQUAL(s.state, SEARCH_AT_MAX);
	CU_ASSERT_EQUAL(s.passed, 1000);
	CU_ASSERT_EQUAL(s.failed, UINT64_MAX);
	// Max itself is not above the limit: that is the same.
	CU_ASSERT_EQUAL(sharp(1000, &cfg).state, SEARCH_AT_MAX);
	CU_ASSERT_EQUAL(sharp(999, &cfg).state, SEARCH_FOUND);
}

static void a_device_that_never_passes_is_below_min(void)
{
	const struct search_config cfg = {.min = 5, .max = 1000, .granularity = 64, .repeat = 3};

	CU_ASSERT_EQUAL(sharp(0, &cfg).state, SEARCH_BELOW_MIN);
	CU_ASSERT_EQUAL(sharp(4, &cfg).state, SEARCH_BELOW_MIN);
	CU_ASSERT_EQUAL(sharp(5, &cfg).state, SEARCH_FOUND);
	CU_ASSERT_EQUAL(sharp(5, &cfg).passed, 5);
}

static void a_range_of_one_value_is_tried(void)
{
	const struct search_config cfg = {.min = 7, .max = 7, .granularity = 1, .repeat = 2};

	CU_ASSERT_EQUAL(sharp(7, &cfg).state, SEARCH_AT_MAX);
	CU_ASSERT_EQUAL(sharp(6, &cfg).state, SEARCH_BELOW_MIN);
}

static void the_value_found_passes_as_often_as_asked(void)
{
	for (unsigned repeat = 1; repeat <= 5; repeat++) {
		const struct search_config cfg = {
			.min = 1, .max = 100, .granularity = 1, .repeat = repeat};
		unsigned passed = 0;
		struct search s;

		search_init(&s, &cfg);
		while (!search_is_over(&s)) {
			passed += s.value == 60;
			search_tell(&s, s.value <= 60);
		}
		CU_ASSERT_EQUAL(s.passed, 60);
		CU_ASSERT_EQUAL(passed, repeat);
	}
}

// What is said to pass always did; what is said to fail did once, and nothing below it.
static void a_noisy_limit_is_told_as_an_interval(void)
{
	const struct search_config cfg = {.min = 1, .max = 10000, .granularity = 10, .repeat = 4};
	unsigned flaky = 0;

	for (unsigned seed = 1; seed <= 200; seed++) {
		struct device d = {.sure = 4000, .limit = 6000, .odds = 50, .random = seed};
		struct search s = run(&d, &cfg);

		CU_ASSERT(s.state == SEARCH_FOUND || s.state == SEARCH_FLAKY);
		CU_ASSERT(s.passed < s.failed);
		CU_ASSERT_EQUAL(s.failed, d.lowest_failed);
		CU_ASSERT(s.failed > 4000);
		flaky += s.state == SEARCH_FLAKY;
	}
	CU_ASSERT(flaky > 100);
}

static void one_that_only_fails_when_confirmed_is_flaky(void)
{
	const struct search_config cfg = {.min = 1, .max = 100, .granularity = 1, .repeat = 2};
	struct search s;

	search_init(&s, &cfg);
	while (s.state == SEARCH_NARROWING)
		search_tell(&s, s.value <= 60);
	CU_ASSERT_EQUAL(s.value, 60);
	search_tell(&s, false);
	CU_ASSERT_EQUAL(s.state, SEARCH_CONFIRMING);
	CU_ASSERT(s.value < 60);
	search_tell(&s, true);
	CU_ASSERT_EQUAL(s.state, SEARCH_FLAKY);
	CU_ASSERT_EQUAL(s.failed, 60);
	CU_ASSERT(s.passed < 60 && s.passed > 0);
}

static void one_that_fails_ever_lower_is_below_min(void)
{
	const struct search_config cfg = {.min = 3, .max = 100, .granularity = 1, .repeat = 2};
	unsigned trials = 0;
	struct search s;

	search_init(&s, &cfg);
	while (s.state == SEARCH_NARROWING)
		search_tell(&s, s.value <= 60);
	while (!search_is_over(&s) && trials++ < TRIALS_MAX)
		search_tell(&s, false);
	CU_ASSERT_EQUAL(s.state, SEARCH_BELOW_MIN);
	CU_ASSERT_EQUAL(s.failed, 3);
}

static void what_is_near_the_testers_own_limit_is_told(void)
{
	struct search self = sharp(
		1000,
		&(struct search_config){.min = 10, .max = 5000, .granularity = 1, .repeat = 1});

	CU_ASSERT_FALSE(search_is_near(&self, 899));
	CU_ASSERT(search_is_near(&self, 900));
	CU_ASSERT(search_is_near(&self, 1200));
	CU_ASSERT_FALSE(search_is_near(&self, 0));
	self = sharp(5000, &self.cfg); // Whatever the limit is, it is beyond the range.
	CU_ASSERT_FALSE(search_is_near(&self, 5000));
	self = sharp(5, &self.cfg);
	CU_ASSERT(search_is_near(&self, 10));
	CU_ASSERT_FALSE(search_is_near(&self, 0)); // Nothing was found that it could be near to.
}

UNIT_SUITE(search, UNIT_TEST(a_sharp_limit_is_found_exactly),
	   UNIT_TEST(a_sharp_limit_is_found_within_the_granularity),
	   UNIT_TEST(where_it_begins_does_not_matter),
	   UNIT_TEST(a_device_that_always_passes_is_found_at_max),
	   UNIT_TEST(a_device_that_never_passes_is_below_min),
	   UNIT_TEST(a_range_of_one_value_is_tried),
	   UNIT_TEST(the_value_found_passes_as_often_as_asked),
	   UNIT_TEST(a_noisy_limit_is_told_as_an_interval),
	   UNIT_TEST(one_that_only_fails_when_confirmed_is_flaky),
	   UNIT_TEST(one_that_fails_ever_lower_is_below_min),
	   UNIT_TEST(what_is_near_the_testers_own_limit_is_told));
