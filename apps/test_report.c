// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The test on the terminal: what it is, a row as each iteration ends, and what was found. The first
// line of the result carries what qualifies it.

#include "report.h"
#include "test_flood.h"

void test_report_begin(const struct test *t)
{
	const struct test_options *o = &t->cfg->test;
	char criterion[32];

	if (!config_is_talking(t->cfg))
		return;
	loss_text(&o->criterion, criterion, sizeof criterion);
	printf("test %s (RFC 3511 %s): %s, %llu to %llu %s, granularity %llu, criterion %s",
	       t->info->name, t->info->section,
	       test_is_ring(t->cfg) ? "both ends over the in-memory wire" : t->cfg->device,
	       (unsigned long long)o->min, (unsigned long long)o->max, t->info->unit,
	       (unsigned long long)o->granularity, criterion);
	test_flood_report_begin(t);
	printf("\n%4s %11s %11s %11s %8s %8s %10s %10s %10s\n", "", "value", "attempted",
	       "completed", "failed", "late", "min us", "avg us", "max us");
	(void)fflush(stdout);
}

static const char *part_of(const struct test_row *row)
{
	static const char *const names[] = {[PART_SEARCH] = "",
					    [PART_SELF_CHECK] = "self-check: ",
					    [PART_BASELINE] = "no attack: "};

	return names[row->part];
}

static const char *word_of(const struct test_row *row)
{
	if (row->passes)
		return row->is_confirming ? "pass again" : "pass";
	return row->is_disturbed ? "disturbed" : row->is_confirming ? "FAIL at last" : "fail";
}

void test_report_row(const struct test *t, const struct test_row *row)
{
	const struct loss_numbers *n = &row->numbers;
	const struct test_times *x = row->times.count > 0 ? &row->times : &row->connect_times;

	if (!config_is_talking(t->cfg))
		return;
	printf("%4u %11llu %11llu %11llu %8llu %8llu", (unsigned)(row - t->rows) + 1,
	       (unsigned long long)row->value, (unsigned long long)n->attempted,
	       (unsigned long long)n->completed, (unsigned long long)n->failed,
	       (unsigned long long)n->late);
	printf(" %10.1f %10.1f %10.1f  %s%s", x->min_us, x->average_us, x->max_us, part_of(row),
	       word_of(row));
	if (!row->passes)
		printf(": %s", row->why);
	if (row->is_disturbed)
		printf("; the tester stood still for %.1f ms", row->gap_ms);
	printf("\n");
	(void)fflush(stdout);
}

// What qualifies the value found, behind it in the same line.
static void qualify(const struct test *t)
{
	const struct search *s = &t->search;

	if (s->state == SEARCH_FLAKY)
		printf(" -- no sharp limit: %llu always passes, from %llu on it happens that one "
		       "fails",
		       (unsigned long long)s->passed, (unsigned long long)s->failed);
	if (s->state <= SEARCH_CONFIRMING && s->failed != UINT64_MAX)
		printf(" -- cut short: so far %llu failed, and this was not confirmed",
		       (unsigned long long)s->failed);
	else if (s->state <= SEARCH_CONFIRMING)
		printf(" -- cut short: so far nothing failed, and this was not confirmed");
	if (s->state == SEARCH_AT_MAX)
		printf(" -- the highest value tried (--max): the limit is not below it");
}

static void qualify_by_tester(const struct test *t)
{
	const struct search *self = &t->self_check;

	if (test_is_tester_near(t))
		printf(" -- within 10 %% of the tester's own limit of %s%llu: it may be the "
		       "tester's",
		       self->passed ? "" : "less than ",
		       (unsigned long long)(self->passed ? self->passed : self->cfg.min));
}

void test_report_times(const char *title, const struct test_times *x)
{
	if (x->count > 0)
		printf("  %s: minimum %.1f, maximum %.1f, average %.1f, aggregate %.1f us\n", title,
		       x->min_us, x->max_us, x->average_us, x->aggregate_us);
}

// RFC 3511 5.10.3: only what is taken at the throughput level may be called latency.
static void distribution(const struct test *t)
{
	const struct hc_hist *h = &t->result.latency[LATENCY_RESPONSE];

	printf("  %s: p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, p99.99 %.1f us\n",
	       test_is_at_throughput(t) ? "latency, as that is the throughput level"
					: "delay, not latency: that is not the throughput level",
	       (double)hc_hist_quantile_ns(h, 0.5) / 1e3, (double)hc_hist_quantile_ns(h, 0.9) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.99) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.999) / 1e3,
	       (double)hc_hist_quantile_ns(h, 0.9999) / 1e3);
}

static void self_check(const struct test *t)
{
	const struct search *s = &t->self_check;

	if (!t->cfg->test.has_self_check)
		return;
	printf("  self-check   the tester against itself: %s%llu %s\n",
	       s->state == SEARCH_AT_MAX ? "at least "
	       : s->passed == 0          ? "less than "
					 : "",
	       (unsigned long long)(s->passed ? s->passed : t->cfg->test.min), t->info->unit);
}

static void set_up_parameters(const struct test *t)
{
	const struct config *cfg = t->cfg;
	const struct test_row *best = &t->rows[t->best];

	printf("  set-up       %llu connections, aging time %g s, ",
	       (unsigned long long)best->numbers.connections,
	       (double)cfg->test.aging_ns / (double)NS_PER_S);
	if (t->info->is_gathered)
		printf("connection attempt rate %llu/s, ",
		       (unsigned long long)cfg->test.attempt_per_s);
	if (best->objects_requested > 0)
		printf("validation by HTTP/1.1 GET, object size %llu bytes, ",
		       (unsigned long long)test_object_bytes(t));
	if (config_requests(cfg) > 1)
		printf("%u requests per connection, ", config_requests(cfg));
	if (test_best_cfg(t)->close == CLOSE_RST)
		printf("all aborted at the end\n");
	else
		printf("close %s by the %s\n", close_method_name(test_best_cfg(t)->close_method),
		       close_side_name(cfg->close));
	if (best->objects_requested > 0)
		printf("  objects      %llu requested, %llu returned\n",
		       (unsigned long long)best->objects_requested,
		       (unsigned long long)best->objects_returned);
}

static void value(const struct test *t)
{
	printf("\nresult: %s", t->info->title);
	if (test_flood_is(t->cfg)) {
		test_flood_report_value(t);
	} else {
		printf(" %llu %s", (unsigned long long)t->search.passed, t->info->unit);
		qualify(t);
	}
	qualify_by_tester(t);
	printf("\n");
}

void test_report_result(const struct test *t)
{
	if (!config_is_talking(t->cfg) || !test_has_value(t))
		return;
	value(t);
	if (test_is_found(t)) {
		test_report_times(t->info->times_title, &t->rows[t->best].times);
		if (t->cfg->test.kind == TEST_HTTP_LATENCY)
			distribution(t);
		test_report_times("client connect time (SYN to SYN-ACK)",
				  &t->rows[t->best].connect_times);
	}
	test_flood_report_result(t);
	self_check(t);
	set_up_parameters(t);
	if (test_is_found(t))
		report_verdict(&t->result);
	(void)fflush(stdout);
}
