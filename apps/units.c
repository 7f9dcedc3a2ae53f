// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Parsing of what people write on a command line. A decimal number is kept as an integer of
// billionths until its unit is known, so that "2.5M" is exact and "1.0001" connections are refused
// instead of rounded.

#include "units.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define BILLION 1000000000ull

struct decimal {
	uint64_t whole;
	uint64_t billionths;
	const char *suffix; // What follows the digits.
};

struct suffix {
	const char *text;
	uint64_t factor;
};

static const struct suffix count_suffixes[] = {
	{"", 1},        {"k", 1000},       {"K", 1000},       {"M", 1000000},
	{"m", 1000000}, {"G", 1000000000}, {"g", 1000000000}, {NULL, 0},
};

static const struct suffix size_suffixes[] = {
	{"", 1},          {"B", 1},         {"k", 1u << 10},   {"K", 1u << 10},
	{"kB", 1u << 10}, {"KB", 1u << 10}, {"KiB", 1u << 10}, {"M", 1u << 20},
	{"m", 1u << 20},  {"MB", 1u << 20}, {"MiB", 1u << 20}, {"G", 1u << 30},
	{"g", 1u << 30},  {"GB", 1u << 30}, {"GiB", 1u << 30}, {NULL, 0},
};

static const struct suffix time_suffixes[] = {
	{"ns", 1},        {"us", 1000},        {"ms", 1000000},       {"s", BILLION},
	{"sec", BILLION}, {"m", 60 * BILLION}, {"min", 60 * BILLION}, {"h", 3600 * BILLION},
	{NULL, 0},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool parse_decimal(const char *text, struct decimal *out)
{
	const char *p = text;

	out->whole = 0;
	out->billionths = 0;
	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(out->whole, 10u, &out->whole) ||
		    __builtin_add_overflow(out->whole, (uint64_t)(*p - '0'), &out->whole))
			return false;
	}
	if (*p == '.') {
		uint64_t place = BILLION / 10;

		if (!is_digit(*++p))
			return false;
		for (; is_digit(*p); p++, place /= 10) {
			if (place == 0 && *p != '0')
				return false;
			out->billionths += (uint64_t)(*p - '0') * place;
		}
	}
	out->suffix = p;
	return true;
}

static uint64_t suffix_factor(const struct suffix *table, const char *text)
{
	for (; table->text; table++) {
		if (strcmp(table->text, text) == 0)
			return table->factor;
	}
	return 0;
}

// The decimal times the factor, if that is a whole number below 2^64.
static bool scale(const struct decimal *d, uint64_t factor, uint64_t *out)
{
	unsigned __int128 fraction = (unsigned __int128)d->billionths * factor;
	uint64_t whole;

	if (factor == 0 || fraction % BILLION != 0)
		return false;
	return !__builtin_mul_overflow(d->whole, factor, &whole) &&
	       !__builtin_add_overflow(whole, (uint64_t)(fraction / BILLION), out);
}

bool units_count(const char *text, uint64_t *out)
{
	struct decimal d;

	return parse_decimal(text, &d) && scale(&d, suffix_factor(count_suffixes, d.suffix), out);
}

bool units_size(const char *text, uint64_t *out)
{
	struct decimal d;

	return parse_decimal(text, &d) && scale(&d, suffix_factor(size_suffixes, d.suffix), out);
}

bool units_rate(const char *text, double *out)
{
	struct decimal d;
	char suffix[8];
	size_t len;
	uint64_t factor;

	if (!parse_decimal(text, &d))
		return false;
	len = strlen(d.suffix);
	if (len >= 2 && strcmp(d.suffix + len - 2, "/s") == 0)
		len -= 2;
	if (len >= sizeof suffix)
		return false;
	memcpy(suffix, d.suffix, len);
	suffix[len] = '\0';
	factor = suffix_factor(count_suffixes, suffix);
	*out = ((double)d.whole + (double)d.billionths / (double)BILLION) * (double)factor;
	return factor != 0;
}

bool units_share(const char *text, double *out)
{
	struct decimal d;

	if (!parse_decimal(text, &d) || strcmp(d.suffix, "%") != 0)
		return false;
	*out = ((double)d.whole + (double)d.billionths / (double)BILLION) / 100;
	return *out <= 1;
}

bool units_duration(const char *text, uint64_t unit_ns, uint64_t *out_ns)
{
	struct decimal d;

	if (!parse_decimal(text, &d))
		return false;
	if (*d.suffix == '\0')
		return scale(&d, unit_ns, out_ns);
	return scale(&d, suffix_factor(time_suffixes, d.suffix), out_ns);
}

bool units_address(const char *text, uint32_t *out)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		return false;
	*out = ntohl(addr.s_addr);
	return true;
}

static bool parse_small(const char *text, uint64_t max, uint64_t *out)
{
	struct decimal d;

	if (strchr(text, '.') || !parse_decimal(text, &d) || *d.suffix || d.whole > max)
		return false;
	*out = d.whole;
	return true;
}

// Copies what stands before `separator` and returns what stands behind it, NULL when there is none
// or it does not fit.
static const char *split(const char *text, char separator, char *before, size_t size)
{
	const char *at = strchr(text, separator);
	size_t len = at ? (size_t)(at - text) : strlen(text);

	before[0] = '\0';
	if (len >= size)
		return NULL;
	memcpy(before, text, len);
	before[len] = '\0';
	return at ? at + 1 : NULL;
}

bool units_network(const char *text, unsigned default_len, uint32_t *addr, uint8_t *len)
{
	char before[16];
	const char *after = split(text, '/', before, sizeof before);
	uint64_t bits = default_len;

	if (after ? !parse_small(after, 32, &bits) : bits > 32)
		return false;
	*len = (uint8_t)bits;
	return units_address(before, addr);
}

bool units_port(const char *text, uint16_t *out)
{
	uint64_t port;

	if (!parse_small(text, UINT16_MAX, &port) || port == 0)
		return false;
	*out = (uint16_t)port;
	return true;
}

bool units_port_range(const char *text, uint16_t *lo, uint16_t *hi)
{
	char before[8];
	const char *after = split(text, '-', before, sizeof before);

	if (!units_port(before, lo))
		return false;
	if (!after) {
		*hi = *lo;
		return true;
	}
	return units_port(after, hi) && *lo <= *hi;
}
