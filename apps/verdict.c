// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "verdict.h"

#include <string.h>

static void judge_time(const struct result *r, struct judgement *j)
{
	const struct hc_hist *h = &r->latency[j->criterion->measure];
	double q = j->criterion->quantile;

	j->is_known = h->count > 0;
	if (q == QUANTILE_MEAN)
		j->value = hc_hist_mean_ns(h) / 1e3;
	else if (q == QUANTILE_MIN)
		j->value = (double)h->min_ns / 1e3;
	else if (q == QUANTILE_MAX)
		j->value = (double)h->max_ns / 1e3;
	else
		j->value = (double)hc_hist_quantile_ns(h, q) / 1e3;
}

static double rate_of(const struct result *r, unsigned measure)
{
	const struct section *s = result_sustain(r);

	if (measure == MEASURE_OPENED_RATE)
		return s->opened_per_s;
	return measure == MEASURE_CLOSED_RATE ? s->closed_per_s : s->established_per_s;
}

// A number, and of how many.
static void judge_count(const struct result *r, struct judgement *j)
{
	const uint64_t *outcome = r->clients.outcome;
	uint64_t n = 0, whole = 0;

	switch (j->criterion->measure) {
	case MEASURE_FAILED:
		n = r->view.failed;
		whole = r->view.opened;
		break;
	case MEASURE_RESET:
		n = r->view.reset;
		whole = r->view.established;
		break;
	case MEASURE_MISSED:
		n = r->clients.missed;
		whole = r->view.opened + n;
		break;
	case MEASURE_RETRANSMITTED:
		n = r->retransmitted;
		whole = r->tx_packets;
		break;
	default:
		n = outcome[OUTCOME_BAD_STATUS] + outcome[OUTCOME_BAD_LENGTH];
		whole = outcome[OUTCOME_RIGHT] + n;
	}
	j->is_known = whole > 0;
	j->value = (double)n;
	if (j->criterion->is_share && whole > 0)
		j->value = 100 * (double)n / (double)whole;
}

void verdict_judge(const struct result *r, const struct criterion *c, struct judgement *out)
{
	*out = (struct judgement){.criterion = c};
	switch (measure_unit(c->measure)) {
	case MEASURE_TIME:
		judge_time(r, out);
		break;
	case MEASURE_RATE:
		out->is_known = r->steady_to_s > r->steady_from_s;
		out->value = rate_of(r, c->measure);
		break;
	case MEASURE_COUNT:
		judge_count(r, out);
		break;
	}
	out->passes = out->is_known && !criterion_is_crossed(c, out->value);
}

bool verdict_passes(const struct result *r)
{
	for (unsigned i = 0; i < r->cfg->fail_if.count; i++) {
		struct judgement j;

		verdict_judge(r, &r->cfg->fail_if.item[i], &j);
		if (!j.passes)
			return false;
	}
	return true;
}

// A rate as one is given: 2.7M.
static void rate_words(double rate, char *text, size_t size)
{
	if (rate >= 1e6)
		snprintf(text, size, "%.4gM/s", rate / 1e6);
	else if (rate >= 1e3)
		snprintf(text, size, "%.4gk/s", rate / 1e3);
	else
		snprintf(text, size, "%.4g/s", rate);
}

static void value_words(const struct judgement *j, char *text, size_t size)
{
	enum measure_unit unit = measure_unit(j->criterion->measure);

	if (!j->is_known)
		snprintf(text, size, "was not measured");
	else if (unit == MEASURE_RATE)
		rate_words(j->value, text, size);
	else
		snprintf(text, size, "%.6g%s", j->value,
			 j->criterion->is_share ? " %"
			 : unit == MEASURE_TIME ? " us"
						: "");
}

void verdict_words(const struct judgement *j, char *text, size_t size)
{
	static const char *const fails[] = {
		[FAILS_ABOVE] = "above",
		[FAILS_BELOW] = "below",
		[FAILS_FROM] = "from",
		[FAILS_UP_TO] = "up to",
	};
	const struct criterion *c = j->criterion;
	size_t name_len = strcspn(c->text, "<>");
	const char *limit = c->text + name_len;
	char value[32];

	limit += strspn(limit, "<>=");
	value_words(j, value, sizeof value);
	snprintf(text, size, "%s: %.*s %s, fails %s %s", j->passes ? "pass" : "FAIL", (int)name_len,
		 c->text, value, fails[c->comparison], limit);
}
