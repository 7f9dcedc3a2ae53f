// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The buckets are HdrHistogram's (handclasp/hist.h), so its array of counts is ours. The encoding:
//
//     compressed:  cookie, length of what follows, and the encoded form through zlib
//     encoded:     cookie, length of the counts, normalizing offset, digits, lowest and highest
//                  value, ratio to doubles; then the counts
//     counts:      up to the last one that is not 0, as ZigZag LEB128 of at most 9 bytes each;
//                  a row of n > 1 zeros is -n
//
// Numbers of the heads are big endian.

#include "hdr.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "app.h"

#define COOKIE_ENCODED    (0x1c849303u | 0x10u) // 0x10: words of LEB128.
#define COOKIE_COMPRESSED (0x1c849304u | 0x10u)
#define HEAD_BYTES        40u
#define OUTER_BYTES       8u
#define COUNT_BYTES_MAX   9u
#define DIGITS            3u

static uint8_t *put_be32(uint8_t *to, uint32_t x)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(x >> (24 - 8 * i));
	return to + 4;
}

static uint8_t *put_be64(uint8_t *to, uint64_t x)
{
	return put_be32(put_be32(to, (uint32_t)(x >> 32)), (uint32_t)x);
}

// ---------------------------------------------------------------------------------------------
// encoding

// Eight groups of seven bits, and what is left of the word whole in the ninth.
static uint8_t *put_leb128(uint8_t *to, uint64_t x)
{
	unsigned used = 1;

	for (; x > 0x7f && used < COUNT_BYTES_MAX; used++, x >>= 7)
		*to++ = (uint8_t)(x | 0x80);
	*to++ = (uint8_t)x;
	return to;
}

static uint8_t *put_zigzag(uint8_t *to, int64_t x)
{
	return put_leb128(to, (uint64_t)x << 1 ^ (x < 0 ? UINT64_MAX : 0));
}

static uint8_t *put_counts(uint8_t *to, const struct hc_hist *h)
{
	int64_t zeros = 0;

	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		if (h->slot[i] == 0) {
			zeros++;
			continue;
		}
		if (zeros > 0)
			to = put_zigzag(to, zeros == 1 ? 0 : -zeros);
		zeros = 0;
		to = put_zigzag(to, (int64_t)min_u64(h->slot[i], INT64_MAX));
	}
	return to;
}

// @return the bytes written to room for HEAD_BYTES and all counts.
static size_t encode(const struct hc_hist *h, uint8_t *to)
{
	static const double one = 1;
	const uint8_t *end = put_counts(to + HEAD_BYTES, h);
	uint64_t ratio;
	uint8_t *at = put_be32(to, COOKIE_ENCODED);

	memcpy(&ratio, &one, sizeof ratio);
	at = put_be32(at, (uint32_t)(end - to - HEAD_BYTES));
	at = put_be32(at, 0);
	at = put_be32(at, DIGITS);
	at = put_be64(at, 1u << HC_HIST_UNIT_SHIFT);
	at = put_be64(at, HC_HIST_MAX_NS);
	(void)put_be64(at, ratio);
	return (size_t)(end - to);
}

static char *base64(const uint8_t *from, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((len + 2) / 3 * 4 + 1);
	char *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t group = (uint32_t)from[i] << 16;

		group |= i + 1 < len ? (uint32_t)from[i + 1] << 8 : 0;
		group |= i + 2 < len ? from[i + 2] : 0;
		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[group & 63] : '=';
	}
	*to = '\0';
	return text;
}

char *hdr_encode(const struct hc_hist *h)
{
	uint8_t *plain = malloc(HEAD_BYTES + (size_t)COUNT_BYTES_MAX * HC_HIST_SLOTS);
	uint8_t *packed = NULL;
	char *text = NULL;
	size_t len;
	uLongf room;

	if (!plain)
		return NULL;
	len = encode(h, plain);
	room = compressBound(len);
	packed = malloc(OUTER_BYTES + room);
	// The room is enough: what may fail is memory.
	if (packed && compress(packed + OUTER_BYTES, &room, plain, len) == Z_OK) {
		(void)put_be32(put_be32(packed, COOKIE_COMPRESSED), (uint32_t)room);
		text = base64(packed, OUTER_BYTES + room);
	}
	free(packed);
	free(plain);
	return text;
}

// ---------------------------------------------------------------------------------------------
// percentiles

#define TICKS_PER_HALF 5u // Lines in every halving of what is left to 100 %.

struct table {
	const struct hc_hist *h;
	FILE *to;
	uint64_t total; // Of those in slots.
	uint64_t below; // Up to the slot at hand.
	double level;   // Per cent the next line is of.
};

static double next_level(double level)
{
	double ticks = 2.0 * TICKS_PER_HALF;
	double left = 50;

	for (unsigned halvings = 0; halvings < 64 && 100 - level <= left; halvings++) {
		ticks *= 2;
		left /= 2;
	}
	return level + 100 / ticks;
}

static void print_line(const struct table *t, unsigned slot)
{
	uint64_t value_ns = min_u64(hc_hist_slot_high_ns(slot), t->h->max_ns);
	double part = t->level / 100;

	fprintf(t->to, "%12.3f %14.12f %10llu", (double)value_ns / 1e3, part,
		(unsigned long long)t->below);
	if (part < 1)
		fprintf(t->to, " %14.2f", 1 / (1 - part));
	fputc('\n', t->to);
}

static void print_slot(struct table *t, unsigned slot)
{
	t->below += t->h->slot[slot];
	while (100 * (double)t->below / (double)t->total >= t->level) {
		print_line(t, slot);
		t->level = next_level(t->level);
		if (t->below < t->total)
			continue;
		t->level = 100;
		print_line(t, slot);
		return;
	}
}

static double deviation_us(const struct hc_hist *h, uint64_t total)
{
	double mean = hc_hist_mean_ns(h);
	double sum = 0;

	for (unsigned i = 0; i < HC_HIST_SLOTS; i++) {
		uint64_t low_ns = hc_hist_slot_low_ns(i);
		uint64_t middle_ns = low_ns + (hc_hist_slot_high_ns(i) + 1 - low_ns) / 2;
		double off = (double)middle_ns - mean;

		sum += (double)h->slot[i] * off * off;
	}
	return total ? __builtin_sqrt(sum / (double)total) / 1e3 : 0;
}

bool hdr_write_percentiles(const struct hc_hist *h, FILE *to)
{
	struct table t = {.h = h, .to = to, .total = h->count - h->overflow};

	fprintf(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	for (unsigned i = 0; i < HC_HIST_SLOTS && t.total > 0; i++) {
		if (h->slot[i] > 0)
			print_slot(&t, i);
	}
	fprintf(to, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", hc_hist_mean_ns(h) / 1e3,
		deviation_us(h, t.total));
	fprintf(to, "#[Max     = %12.3f, Total count    = %12llu]\n",
		h->count ? (double)h->max_ns / 1e3 : 0, (unsigned long long)t.total);
	fprintf(to, "#[Buckets = %12u, SubBuckets     = %12u]\n", HC_HIST_BUCKETS,
		HC_HIST_SUB_COUNT);
	return fflush(to) == 0 && !ferror(to);
}
