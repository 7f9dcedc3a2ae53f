// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The encoding of histograms at its edges; outputs.py reads ordinary ones.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "hdr.h"

#include "unit/runner.h"

#define PLAIN_MAX (64u + 9u * HC_HIST_SLOTS)

static struct hc_hist h;
static uint8_t plain[PLAIN_MAX];

static unsigned digit_of(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strchr(digits, c);

	CU_ASSERT_FATAL(c != '\0' && at != NULL);
	return (unsigned)(at - digits);
}

// The encoded form of `h`, unpacked into `plain`. @return its length.
static size_t unpack(void)
{
	char *text = hdr_encode(&h);
	size_t len = text ? strlen(text) : 0, used = 0;
	uint8_t *packed = malloc(len + 1);
	uLongf plain_len = sizeof plain;

	CU_ASSERT_FATAL(text != NULL && packed != NULL && len > 0 && len % 4 == 0);
	for (size_t i = 0; i < len; i += 4) {
		unsigned padding = text[i + 2] == '=' ? 2 : text[i + 3] == '=';
		uint32_t group = digit_of(text[i]) << 18 | digit_of(text[i + 1]) << 12;

		group |= padding < 2 ? digit_of(text[i + 2]) << 6 : 0;
		group |= padding < 1 ? digit_of(text[i + 3]) : 0;
		for (unsigned k = 0; k < 3 - padding; k++)
			packed[used++] = (uint8_t)(group >> (16 - 8 * k));
	}
	CU_ASSERT_FATAL(used > 8);
	CU_ASSERT_EQUAL(memcmp(packed, "\x1c\x84\x93\x14", 4), 0);
	CU_ASSERT_EQUAL(uncompress(plain, &plain_len, packed + 8, used - 8), Z_OK);
	free(packed);
	free(text);
	return plain_len;
}

static void expect_counts(const void *bytes, size_t len)
{
	CU_ASSERT_EQUAL(unpack(), 40 + len);
	CU_ASSERT_EQUAL(memcmp(plain, "\x1c\x84\x93\x13", 4), 0);
	CU_ASSERT_EQUAL(plain[7], len);
	CU_ASSERT_EQUAL(memcmp(plain + 40, bytes, len), 0);
}

static void what_is_empty_has_no_counts(void)
{
	hc_hist_reset(&h);
	expect_counts("", 0);
}

static void zeros_are_told_once_a_row(void)
{
	hc_hist_reset(&h);
	hc_hist_add(&h, 0);
	hc_hist_add(&h, 2 * 64); // One bucket between them is empty: 0.
	hc_hist_add(&h, 6 * 64); // Three are: -3.
	expect_counts("\x02\x00\x02\x05\x02", 5);
	hc_hist_reset(&h);
	hc_hist_add(&h, 100 * 64); // -100 is 199, in two groups.
	expect_counts("\xc7\x01\x02", 3);
}

static void the_largest_count_takes_nine_bytes(void)
{
	hc_hist_reset(&h);
	h.slot[0] = INT64_MAX;
	h.slot[1] = 1ull << 55; // The first that needs a ninth one: 2^56.
	h.slot[2] = 63;
	h.slot[3] = 64;
	expect_counts("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"
		      "\x80\x80\x80\x80\x80\x80\x80\x80\x01"
		      "\x7e\x80\x01",
		      21);
}

static void the_last_bucket_has_its_place(void)
{
	hc_hist_reset(&h);
	hc_hist_add(&h, HC_HIST_MAX_NS);
	hc_hist_add(&h, HC_HIST_MAX_NS + 1); // Overflow: counted elsewhere.
	// -(25600 - 1) is 51197: 0x7d, 0x0f, 0x03 in groups of seven.
	expect_counts("\xfd\x8f\x03\x02", 4);
}

static void a_table_ends_at_100_per_cent_without_what_overflowed(void)
{
	char text[4096] = "";
	FILE *to = fmemopen(text, sizeof text, "w");

	hc_hist_reset(&h);
	hc_hist_add(&h, 1000);
	hc_hist_add(&h, HC_HIST_MAX_NS + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	CU_ASSERT(hdr_write_percentiles(&h, to));
	(void)fclose(to);
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
				      "       1.023 0.000000000000          1           1.00\n"
				      "       1.023 1.000000000000          1\n#[Mean"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Total count    =            1]"));
	hc_hist_reset(&h);
	to = fmemopen(text, sizeof text, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	CU_ASSERT(hdr_write_percentiles(&h, to));
	(void)fclose(to);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "1/(1-Percentile)\n\n#[Mean    =        0.000"));
}

static void what_cannot_be_written_is_told(void)
{
	FILE *full = fopen("/dev/full", "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(full);
	hc_hist_reset(&h);
	CU_ASSERT(!hdr_write_percentiles(&h, full));
	(void)fclose(full);
}

UNIT_SUITE(hdr, UNIT_TEST(what_is_empty_has_no_counts), UNIT_TEST(zeros_are_told_once_a_row),
	   UNIT_TEST(the_largest_count_takes_nine_bytes), UNIT_TEST(the_last_bucket_has_its_place),
	   UNIT_TEST(a_table_ends_at_100_per_cent_without_what_overflowed),
	   UNIT_TEST(what_cannot_be_written_is_told));
