// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "test_flood.h"

#include "json_parts.h"
#include "verdict.h"

#define RING_ATTACK 100000u
#define LOAD_ATTACK 10000u
#define MISSED_MAX  0.01 // Of the SYNs that were due: with fewer, connections have more to take.

bool test_flood_is(const struct config *cfg)
{
	return cfg->test.kind == TEST_SYN_FLOOD;
}

bool test_flood_finish(struct config *cfg)
{
	struct attack *a = &cfg->attack;

	if (!test_flood_is(cfg)) {
		if (a->syns_per_s == 0 && a->sources.len == 0 && a->lead_ns == 0)
			return true;
		complain("--attack-...: test %s has no SYN attack: leave them out, or use test "
			 "syn-flood",
			 test_infos[cfg->test.kind].name);
		return false;
	}
	if (a->syns_per_s == 0)
		a->syns_per_s = test_is_ring(cfg) ? RING_ATTACK : LOAD_ATTACK;
	plan_attack_sources(cfg);
	return true;
}

void test_flood_narrow(const struct test *t, struct search_config *sc)
{
	sc->max = t->baseline.passed;
	sc->initial = t->baseline.passed;
}

// ---------------------------------------------------------------------------------------------
// what it came to

void test_flood_judge(const struct test *t, const struct result *r, struct test_row *row)
{
	struct test_attack *a = &row->attack;
	uint64_t due;

	if (!test_flood_is(t->cfg) || row->part != PART_SEARCH)
		return;
	*a = (struct test_attack){
		.sent = r->client.counter[HC_CTR_flood_syns_sent],
		.missed = r->client.counter[HC_CTR_flood_syns_missed],
		.answers = r->client.counter[HC_CTR_flood_answers],
		.received = r->server.counter[HC_CTR_flood_syns_received],
	};
	due = a->sent + a->missed;
	if (!row->passes || (double)a->missed <= MISSED_MAX * (double)due)
		return;
	// What was missed in a pause of the tester's is not what it cannot do.
	row->is_disturbed = (double)a->missed <= (double)t->cfg->attack.syns_per_s *
							 (double)r->clients.gap_ns_max / NS_PER_S;
	row->passes = false;
	snprintf(row->why, sizeof row->why,
		 "%llu of the attack's %llu SYNs were not sent in time (1 %% allowed)",
		 (unsigned long long)a->missed, (unsigned long long)due);
}

// The row that the report tells of the attack: the last at the value found, or the last of all.
static const struct test_attack *attack_of(const struct test *t)
{
	return &t->rows[t->has_best ? t->best : t->row_count - 1].attack;
}

int test_flood_verdict(const struct test *t)
{
	if (test_is_found(t))
		return verdict_passes(&t->result) ? EXIT_MEASURED : EXIT_CROSSED;
	// That an attack keeps everybody out is a result, but none that a criterion could pass.
	return t->cfg->fail_if.count > 0 ? EXIT_CROSSED : EXIT_MEASURED;
}

static double share(const struct test *t)
{
	return (double)t->search.passed / (double)t->baseline.passed;
}

// What of the server is ours to know: NULL when it is not.
static const char *mechanisms(const struct test *t)
{
	static const char *const names[] = {
		[HC_SYN_COOKIES_OVERFLOW] = "SYN cookies, when half-open connections find no room",
		[HC_SYN_COOKIES_ALWAYS] = "SYN cookies, always",
		[HC_SYN_COOKIES_NEVER] = "none",
	};

	return test_is_ring(t->cfg) ? names[t->cfg->stack.syn_cookies] : NULL;
}

// ---------------------------------------------------------------------------------------------
// on the terminal

void test_flood_report_begin(const struct test *t)
{
	const struct attack *a = &t->cfg->attack;

	if (test_flood_is(t->cfg))
		printf(", SYN attack of %llu/s from " ADDR_FMT "/%u",
		       (unsigned long long)a->syns_per_s, ADDR_ARGS(a->sources.addr),
		       a->sources.len);
}

void test_flood_report_value(const struct test *t)
{
	bool is_cut_short = t->search.state <= SEARCH_CONFIRMING;

	if (test_is_found(t))
		printf(" %llu %s", (unsigned long long)t->search.passed, t->info->unit);
	else if (is_cut_short)
		printf(" not found");
	else
		printf(" below %llu %s (--min)", (unsigned long long)t->cfg->test.min,
		       t->info->unit);
	printf(", without it %llu", (unsigned long long)t->baseline.passed);
	if (test_is_found(t))
		printf(" (%.3g %%)", 100 * share(t));
	if (t->baseline.state == SEARCH_AT_MAX)
		printf(" -- without it the highest value tried (--max): the limit is not below it");
	if (t->baseline.state == SEARCH_FLAKY)
		printf(" -- without it no sharp limit: from %llu on it happens that one fails",
		       (unsigned long long)t->baseline.failed);
	if (test_is_found(t) && t->search.state == SEARCH_FLAKY)
		printf(" -- under it no sharp limit: from %llu on it happens that one fails",
		       (unsigned long long)t->search.failed);
	if (is_cut_short)
		printf(" -- cut short: %s", test_is_found(t)
						    ? "under the attack this was not confirmed"
						    : "nothing passed under the attack so far");
}

void test_flood_report_result(const struct test *t)
{
	const struct test_attack *a;
	const char *means = mechanisms(t);

	if (!test_flood_is(t->cfg))
		return;
	test_report_times("the same without the attack", &t->rows[t->best_baseline].times);
	a = attack_of(t);
	printf("  SYN attack   %llu/s, %llu transmitted, ",
	       (unsigned long long)t->cfg->attack.syns_per_s, (unsigned long long)a->sent);
	if (test_is_ring(t->cfg))
		printf("%llu received by the server, ", (unsigned long long)a->received);
	printf("%llu answers, %llu not sent in time\n", (unsigned long long)a->answers,
	       (unsigned long long)a->missed);
	printf("  mechanisms   %s\n", means ? means : "not known: say whether the device has any");
}

// ---------------------------------------------------------------------------------------------
// in the file

void test_flood_set_up_json(const struct test *t, json_t *setup)
{
	const struct attack *a = &t->cfg->attack;
	const char *means = mechanisms(t);

	if (!test_flood_is(t->cfg))
		return;
	set(setup, "syn_attack_rate_per_s", count(a->syns_per_s));
	set(setup, "syn_attack_sources",
	    json_sprintf(ADDR_FMT "/%u", ADDR_ARGS(a->sources.addr), a->sources.len));
	set(setup, "syn_attack_lead_s", real((double)a->lead_ns / (double)NS_PER_S));
	set(setup, "has_syn_attack_mechanisms",
	    means ? json_boolean(t->cfg->stack.syn_cookies != HC_SYN_COOKIES_NEVER) : json_null());
	set(setup, "syn_attack_mechanisms", means ? json_string(means) : json_null());
}

static void set_attack(const struct test *t, const struct test_attack *a, json_t *out)
{
	set(out, "number_of_tcp_syn_attack_packets_transmitted", count(a->sent));
	set(out, "number_of_tcp_syn_attack_packets_forwarded",
	    test_is_ring(t->cfg) ? count(a->received) : json_null());
	set(out, "syn_attack_packets_missed", count(a->missed));
	set(out, "syn_attack_answers", count(a->answers));
}

void test_flood_row_json(const struct test *t, const struct test_row *row, json_t *out)
{
	if (!test_flood_is(t->cfg))
		return;
	set(out, "syn_attack_rate_per_s",
	    count(row->part == PART_SEARCH ? t->cfg->attack.syns_per_s : 0));
	set_attack(t, &row->attack, out);
}

void test_flood_result_json(const struct test *t, json_t *result)
{
	json_t *without;

	if (!test_flood_is(t->cfg))
		return;
	without = json_object();
	test_value_json(t, &t->baseline, t->has_baseline ? &t->rows[t->best_baseline] : NULL,
			without);
	set(result, "without_attack", without);
	set(result, "share_of_rate_without_attack",
	    test_is_found(t) ? real(share(t)) : json_null());
	set(result, "syn_attack_rate_per_s", count(t->cfg->attack.syns_per_s));
	set_attack(t, attack_of(t), result);
}
