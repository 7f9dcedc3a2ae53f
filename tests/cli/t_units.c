// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Numbers with units, addresses and ports: what is taken, exactly, and what is refused.

#include "units.h"

#include "unit/runner.h"

#define NS_PER_S 1000000000ull

static void counts_are_exact_powers_of_1000(void)
{
	uint64_t n;

	CU_ASSERT(units_count("0", &n) && n == 0);
	CU_ASSERT(units_count("1000", &n) && n == 1000);
	CU_ASSERT(units_count("50k", &n) && n == 50000);
	CU_ASSERT(units_count("2.5M", &n) && n == 2500000);
	CU_ASSERT(units_count("0.001k", &n) && n == 1);
	CU_ASSERT(units_count("1.000000001G", &n) && n == 1000000001);
	CU_ASSERT(units_count("18446744073709551615", &n) && n == UINT64_MAX);
}

static void counts_that_are_not_whole_or_not_numbers_are_refused(void)
{
	static const char *const wrong[] = {
		"",
		"k",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.5",
		"1.",
		".5",
		"1x",
		"1kk",
		"0x10",
		"1e3",
		"1.0001k",
		"nan",
		"inf",
		"1,000",
		"1.0000000000001M",
		"18446744073709551616",
		"18446744073709552k",
		"99999999999999999999999999",
	};
	uint64_t n;

	for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (units_count(wrong[i], &n))
			CU_FAIL(wrong[i]);
}

static void sizes_are_powers_of_1024(void)
{
	uint64_t n;

	CU_ASSERT(units_size("64k", &n) && n == 65536);
	CU_ASSERT(units_size("64KiB", &n) && n == 65536);
	CU_ASSERT(units_size("1.5M", &n) && n == 1536 * 1024);
	CU_ASSERT(units_size("512B", &n) && n == 512);
	CU_ASSERT(!units_size("1.5", &n));
	CU_ASSERT(!units_size("1kk", &n));
}

static void rates_may_be_fractions(void)
{
	double r;

	CU_ASSERT(units_rate("50k", &r) && r == 50000.0);
	CU_ASSERT(units_rate("100k/s", &r) && r == 100000.0);
	CU_ASSERT(units_rate("0.5", &r) && r == 0.5);
	CU_ASSERT(!units_rate("k", &r));
	CU_ASSERT(!units_rate("5/min", &r));
	CU_ASSERT(!units_rate("5kkkkkkkkkkk", &r));
}

static void shares_are_percent(void)
{
	double x;

	CU_ASSERT(units_share("1%", &x) && x == 0.01);
	CU_ASSERT(units_share("0.001%", &x) && x == 0.00001);
	CU_ASSERT(units_share("0%", &x) && x == 0);
	CU_ASSERT(units_share("100%", &x) && x == 1);
	CU_ASSERT(!units_share("100.001%", &x));
	CU_ASSERT(!units_share("0.5", &x));
	CU_ASSERT(!units_share("5%%", &x));
	CU_ASSERT(!units_share("-5%", &x));
}

static void durations_take_a_unit_or_the_default(void)
{
	uint64_t ns;

	CU_ASSERT(units_duration("10", NS_PER_S, &ns) && ns == 10 * NS_PER_S);
	CU_ASSERT(units_duration("10", 1000000, &ns) && ns == 10000000);
	CU_ASSERT(units_duration("1.5s", 1, &ns) && ns == NS_PER_S * 3 / 2);
	CU_ASSERT(units_duration("200ms", NS_PER_S, &ns) && ns == 200000000);
	CU_ASSERT(units_duration("50us", NS_PER_S, &ns) && ns == 50000);
	CU_ASSERT(units_duration("2min", NS_PER_S, &ns) && ns == 120 * NS_PER_S);
	CU_ASSERT(units_duration("1h", NS_PER_S, &ns) && ns == 3600 * NS_PER_S);
	CU_ASSERT(!units_duration("1d", NS_PER_S, &ns));
	CU_ASSERT(!units_duration("99999999999h", NS_PER_S, &ns));
	CU_ASSERT(!units_duration("0.5ns", NS_PER_S, &ns));
}

static void addresses_are_dotted_quads(void)
{
	uint32_t a;
	uint8_t len;

	CU_ASSERT(units_address("10.0.0.1", &a) && a == 0x0a000001);
	CU_ASSERT(!units_address("10.0.1", &a));
	CU_ASSERT(!units_address("10.0.0.256", &a));
	CU_ASSERT(!units_address("::1", &a));
	CU_ASSERT(units_network("10.1.2.3/24", 33, &a, &len) && a == 0x0a010203 && len == 24);
	CU_ASSERT(units_network("10.1.2.3", 32, &a, &len) && len == 32);
	CU_ASSERT(!units_network("10.1.2.3", 33, &a, &len));
	CU_ASSERT(!units_network("10.1.2.3/33", 33, &a, &len));
	CU_ASSERT(!units_network("10.1.2.3/", 33, &a, &len));
	CU_ASSERT(!units_network("10.1.2.3/1.5", 33, &a, &len));
	CU_ASSERT(!units_network("1000.1000.1000.1000/24", 33, &a, &len));
}

static void ports_are_1_to_65535_in_order(void)
{
	uint16_t lo, hi;

	CU_ASSERT(units_port("80", &lo) && lo == 80);
	CU_ASSERT(units_port("65535", &lo) && lo == 65535);
	CU_ASSERT(!units_port("0", &lo));
	CU_ASSERT(!units_port("65536", &lo));
	CU_ASSERT(!units_port("8k", &lo));
	CU_ASSERT(!units_port("80.0", &lo));
	CU_ASSERT(units_port_range("80", &lo, &hi) && lo == 80 && hi == 80);
	CU_ASSERT(units_port_range("1024-65535", &lo, &hi) && lo == 1024 && hi == 65535);
	CU_ASSERT(!units_port_range("90-80", &lo, &hi));
	CU_ASSERT(!units_port_range("80-", &lo, &hi));
	CU_ASSERT(!units_port_range("-80", &lo, &hi));
	CU_ASSERT(!units_port_range("1-2-3", &lo, &hi));
	CU_ASSERT(!units_port_range("00000000080-90", &lo, &hi));
}

UNIT_SUITE(units, UNIT_TEST(counts_are_exact_powers_of_1000),
	   UNIT_TEST(counts_that_are_not_whole_or_not_numbers_are_refused),
	   UNIT_TEST(sizes_are_powers_of_1024), UNIT_TEST(rates_may_be_fractions),
	   UNIT_TEST(shares_are_percent), UNIT_TEST(durations_take_a_unit_or_the_default),
	   UNIT_TEST(addresses_are_dotted_quads), UNIT_TEST(ports_are_1_to_65535_in_order));
