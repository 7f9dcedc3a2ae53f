// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "interval.h"

#include <stddef.h>

#include "app.h"

static const struct column {
	const char *name;
	enum interval_kind kind;
	size_t at;
} columns[] = {
	{"phase", INTERVAL_TEXT, offsetof(struct interval, phase)},
	{"from_s", INTERVAL_REAL, offsetof(struct interval, from_s)},
	{"t_s", INTERVAL_REAL, offsetof(struct interval, t_s)},
	{"opened", INTERVAL_COUNT, offsetof(struct interval, opened)},
	{"established", INTERVAL_COUNT, offsetof(struct interval, established)},
	{"closed", INTERVAL_COUNT, offsetof(struct interval, closed)},
	{"failed", INTERVAL_COUNT, offsetof(struct interval, failed)},
	{"reset", INTERVAL_COUNT, offsetof(struct interval, reset)},
	{"missed", INTERVAL_COUNT, offsetof(struct interval, missed)},
	{"live", INTERVAL_COUNT, offsetof(struct interval, live)},
	{"retransmitted", INTERVAL_COUNT, offsetof(struct interval, retransmitted)},
	{"responses", INTERVAL_COUNT, offsetof(struct interval, responses)},
	{"bad_responses", INTERVAL_COUNT, offsetof(struct interval, bad_responses)},
	{"opened_per_s", INTERVAL_REAL, offsetof(struct interval, opened_per_s)},
	{"established_per_s", INTERVAL_REAL, offsetof(struct interval, established_per_s)},
	{"closed_per_s", INTERVAL_REAL, offsetof(struct interval, closed_per_s)},
};

static const struct column time_columns[] = {
	{"p50_us", INTERVAL_REAL, offsetof(struct interval_times, p50_us)},
	{"p99_us", INTERVAL_REAL, offsetof(struct interval_times, p99_us)},
	{"max_us", INTERVAL_REAL, offsetof(struct interval_times, max_us)},
};

static struct interval_value value_of(const void *record, const struct column *c)
{
	const char *at = (const char *)record + c->at;
	struct interval_value v = {.kind = c->kind};

	if (c->kind == INTERVAL_TEXT)
		v.text = at;
	else if (c->kind == INTERVAL_COUNT)
		v.count = *(const uint64_t *)(const void *)at;
	else
		v.real = *(const double *)(const void *)at;
	return v;
}

void interval_each(const struct interval *i,
		   void (*fn)(void *ctx, const char *name, const struct interval_value *v),
		   void *ctx)
{
	for (unsigned k = 0; k < ARRAY_LEN(columns); k++) {
		struct interval_value v = value_of(i, &columns[k]);

		fn(ctx, columns[k].name, &v);
	}
	for (unsigned k = 0; k < LATENCY_KINDS * ARRAY_LEN(time_columns); k++) {
		const struct column *c = &time_columns[k % ARRAY_LEN(time_columns)];
		unsigned which = k / ARRAY_LEN(time_columns);
		struct interval_value v = value_of(&i->times[which], c);
		char name[48];

		snprintf(name, sizeof name, "%s_%s", latency_names[which].key, c->name);
		fn(ctx, name, &v);
	}
}

// ---------------------------------------------------------------------------------------------
// CSV

struct row {
	FILE *to;
	bool is_begun;
	bool is_heading;
};

static void write_cell(void *ctx, const char *name, const struct interval_value *v)
{
	struct row *row = ctx;

	if (row->is_begun)
		fputc(',', row->to);
	row->is_begun = true;
	if (row->is_heading)
		fputs(name, row->to);
	else if (v->kind == INTERVAL_TEXT)
		fputs(v->text, row->to);
	else if (v->kind == INTERVAL_COUNT)
		fprintf(row->to, "%llu", (unsigned long long)v->count);
	else if (__builtin_isfinite(v->real))
		fprintf(row->to, "%.12g", v->real);
}

static bool write_line(FILE *csv, const struct interval *i, bool is_heading)
{
	struct row row = {.to = csv, .is_heading = is_heading};

	interval_each(i, write_cell, &row);
	fputc('\n', csv);
	return fflush(csv) == 0 && !ferror(csv);
}

bool interval_write_heading(FILE *csv)
{
	static const struct interval none;

	return write_line(csv, &none, true);
}

bool interval_write_row(FILE *csv, const struct interval *i)
{
	return write_line(csv, i, false);
}
