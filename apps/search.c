// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "search.h"

static uint64_t halfway(uint64_t a, uint64_t b)
{
	return a + (b - a) / 2;
}

void search_init(struct search *s, const struct search_config *cfg)
{
	*s = (struct search){.cfg = *cfg, .failed = UINT64_MAX, .step = cfg->granularity};
	s->value = cfg->initial ? cfg->initial : halfway(cfg->min, cfg->max);
}

static void confirm(struct search *s, uint64_t value, unsigned passes)
{
	s->state = SEARCH_CONFIRMING;
	s->value = value;
	s->passes = passes;
}

static void end(struct search *s)
{
	if (s->is_flaky)
		s->state = SEARCH_FLAKY;
	else
		s->state = s->passed == s->cfg.max ? SEARCH_AT_MAX : SEARCH_FOUND;
}

// What passed has passed once; the one found is confirmed, or that was all.
static void found(struct search *s)
{
	confirm(s, s->passed, 1);
	if (s->passes >= s->cfg.repeat)
		end(s);
}

// The next value between what passed and what failed, or the end of narrowing. The ends of the
// range are tried themselves before anything is said about them.
static void narrow(struct search *s)
{
	const uint64_t g = s->cfg.granularity;

	if (s->passed == 0 && s->failed <= s->cfg.min) {
		s->state = SEARCH_BELOW_MIN;
	} else if (s->passed == 0) {
		s->value = s->failed - s->cfg.min > g ? halfway(s->cfg.min, s->failed) : s->cfg.min;
	} else if (s->failed == UINT64_MAX) {
		if (s->passed == s->cfg.max)
			found(s);
		else
			s->value = s->cfg.max - s->passed > g ? halfway(s->passed, s->cfg.max)
							      : s->cfg.max;
	} else if (s->failed - s->passed > g) {
		s->value = halfway(s->passed, s->failed);
	} else {
		found(s);
	}
}

// The value that was to be confirmed has failed: go down.
static void step_down(struct search *s)
{
	s->is_flaky = true;
	while (s->passed_count > 0 && s->passed_at[s->passed_count - 1] >= s->failed)
		s->passed_count--;
	s->passed = 0;
	if (s->passed_count > 0) {
		s->passed = s->passed_at[s->passed_count - 1];
		confirm(s, s->passed, 1);
	} else if (s->failed <= s->cfg.min) {
		s->state = SEARCH_BELOW_MIN;
	} else if (s->failed - s->cfg.min <= s->step) {
		confirm(s, s->cfg.min, 0);
	} else {
		confirm(s, s->failed - s->step, 0);
		s->step *= 2;
	}
}

static void tell_confirming(struct search *s, bool passes)
{
	if (!passes) {
		s->failed = s->value;
		step_down(s);
		return;
	}
	s->passed = s->value;
	if (++s->passes >= s->cfg.repeat)
		end(s);
}

bool search_is_near(const struct search *self, uint64_t value)
{
	if (self->state == SEARCH_BELOW_MIN)
		return value >= self->cfg.min;
	return self->state != SEARCH_AT_MAX && self->passed > 0 && 10 * value >= 9 * self->passed;
}

void search_tell(struct search *s, bool passes)
{
	if (s->state == SEARCH_CONFIRMING) {
		tell_confirming(s, passes);
		return;
	}
	if (passes) {
		s->passed = s->value;
		s->passed_at[s->passed_count++] = s->value;
	} else {
		s->failed = s->value;
	}
	narrow(s);
}
