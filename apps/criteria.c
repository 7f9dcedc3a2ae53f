// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "criteria.h"

#include <stddef.h>
#include <string.h>

#include "units.h"

#define NS_PER_US 1000u

static const struct {
	const char *name; // Times have theirs from latency_names: what stands behind "p99_".
	enum measure_unit unit;
} measures[MEASURE_KINDS] = {
	[MEASURE_OPENED_RATE] = {"opened_rate", MEASURE_RATE},
	[MEASURE_ESTABLISHED_RATE] = {"established_rate", MEASURE_RATE},
	[MEASURE_CLOSED_RATE] = {"closed_rate", MEASURE_RATE},
	[MEASURE_FAILED] = {"failed", MEASURE_COUNT},
	[MEASURE_RESET] = {"reset", MEASURE_COUNT},
	[MEASURE_MISSED] = {"missed", MEASURE_COUNT},
	[MEASURE_RETRANSMITTED] = {"retransmitted", MEASURE_COUNT},
	[MEASURE_BAD_RESPONSES] = {"bad_responses", MEASURE_COUNT},
};

static const struct {
	const char *name;
	double quantile;
} quantiles[] = {
	{"min_", QUANTILE_MIN}, {"mean_", QUANTILE_MEAN}, {"p50_", 0.5},
	{"p90_", 0.9},          {"p99_", 0.99},           {"p999_", 0.999},
	{"p9999_", 0.9999},     {"max_", QUANTILE_MAX},
};

enum measure_unit measure_unit(unsigned measure)
{
	return measures[measure].unit; // Of times 0, which is MEASURE_TIME.
}

static bool find_measure(const char *name, bool is_time, unsigned *out)
{
	unsigned end = is_time ? LATENCY_KINDS : MEASURE_KINDS;

	for (unsigned i = is_time ? 0 : LATENCY_KINDS; i < end; i++) {
		if (strcmp(is_time ? latency_names[i].key : measures[i].name, name) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

// "p99_connect", "failed".
static bool parse_name(const char *name, struct criterion *out)
{
	for (unsigned i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
		size_t len = strlen(quantiles[i].name);

		if (strncmp(name, quantiles[i].name, len) == 0) {
			out->quantile = quantiles[i].quantile;
			return find_measure(name + len, true, &out->measure);
		}
	}
	return find_measure(name, false, &out->measure);
}

static bool parse_limit(char *text, struct criterion *out)
{
	size_t len = strlen(text);
	uint64_t n;

	switch (measure_unit(out->measure)) {
	case MEASURE_TIME:
		if (!units_duration(text, NS_PER_US, &n))
			return false;
		out->limit = (double)n / NS_PER_US;
		return true;
	case MEASURE_RATE:
		return units_rate(text, &out->limit);
	case MEASURE_COUNT:
		break;
	}
	if (len > 1 && text[len - 1] == '%') {
		out->is_share = true;
		text[len - 1] = '\0';
		return units_rate(text, &out->limit) && out->limit <= 100;
	}
	if (!units_count(text, &n))
		return false;
	out->limit = (double)n;
	return true;
}

static enum comparison comparison_of(const char *op)
{
	if (op[1] == '=')
		return op[0] == '>' ? FAILS_FROM : FAILS_UP_TO;
	return op[0] == '>' ? FAILS_ABOVE : FAILS_BELOW;
}

bool criterion_parse(const char *text, struct criterion *out)
{
	char name[CRITERION_TEXT_MAX];
	size_t len = 0;
	char *op;

	memset(out, 0, sizeof *out);
	for (; *text; text++) {
		if (*text == ' ')
			continue;
		if (len + 1 == sizeof out->text)
			return false;
		out->text[len++] = *text;
	}
	memcpy(name, out->text, sizeof name);
	op = strpbrk(name, "<>");
	if (!op)
		return false;
	out->comparison = comparison_of(op);
	*op = '\0';
	if (!parse_name(name, out))
		return false;
	return parse_limit(op + (out->comparison >= FAILS_FROM ? 2 : 1), out);
}

bool criterion_is_crossed(const struct criterion *c, double value)
{
	switch (c->comparison) {
	case FAILS_ABOVE:
		return value > c->limit;
	case FAILS_BELOW:
		return value < c->limit;
	case FAILS_FROM:
		return value >= c->limit;
	case FAILS_UP_TO:
		return value <= c->limit;
	}
	return true;
}
