// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Heads of HTTP messages: what RFC 9112 asks of a server, every message in one piece, in two pieces
// cut at each octet, and octet by octet; and random octets, which must never do harm.

#include "http.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "unit/runner.h"

static struct http_head parse(const char *text, bool is_response, size_t cut)
{
	struct http_head h;
	size_t len = strlen(text);
	size_t used;

	http_head_init(&h, is_response);
	used = http_head_feed(&h, (const uint8_t *)text, cut < len ? cut : len);
	if (used == cut && cut < len)
		(void)http_head_feed(&h, (const uint8_t *)text + cut, len - cut);
	return h;
}

static bool is_same(const struct http_head *a, const struct http_head *b)
{
	return a->progress == b->progress && a->status == b->status &&
	       a->content_length == b->content_length && a->asked_bytes == b->asked_bytes &&
	       a->head_bytes == b->head_bytes && a->is_head == b->is_head &&
	       a->says_close == b->says_close && a->says_keep_alive == b->says_keep_alive;
}

// Wherever it is cut, a message means the same.
static struct http_head head_of(const char *text, bool is_response)
{
	struct http_head whole = parse(text, is_response, SIZE_MAX);
	struct http_head single;
	size_t len = strlen(text);

	for (size_t cut = 1; cut < len && len < 1000; cut++) {
		struct http_head h = parse(text, is_response, cut);

		UNIT_EXPECT(is_same(&h, &whole));
	}
	http_head_init(&single, is_response);
	for (size_t i = 0; i < len && single.progress == HTTP_MORE; i++)
		(void)http_head_feed(&single, (const uint8_t *)text + i, 1);
	UNIT_EXPECT(is_same(&single, &whole));
	return whole;
}

static struct http_head request(const char *text)
{
	return head_of(text, false);
}

static void get_is_done_and_keeps_alive(void)
{
	struct http_head h = request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

	UNIT_EQ(h.progress, HTTP_DONE);
	UNIT_EQ(h.status, 0);
	UNIT_EQ(h.asked_bytes, HTTP_NO_LENGTH);
	UNIT_EQ(h.content_length, HTTP_NO_LENGTH);
	CU_ASSERT(http_keeps_alive(&h));
	CU_ASSERT(!h.is_head);
}

static void head_is_told_from_get(void)
{
	CU_ASSERT(request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").is_head);
}

static void bytes_after_the_head_are_left(void)
{
	const char *text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1";
	struct http_head h;

	http_head_init(&h, false);
	UNIT_EQ(http_head_feed(&h, (const uint8_t *)text, strlen(text)), strlen(text) - 15);
	UNIT_EQ(h.progress, HTTP_DONE);
}

static void connection_options_are_found_in_lists(void)
{
	struct http_head h;

	h = request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	CU_ASSERT(!http_keeps_alive(&h));
	h = request("GET / HTTP/1.1\r\nHost: a\r\nconnection:foo , CLOSE ,bar\r\n\r\n");
	CU_ASSERT(!http_keeps_alive(&h));
	h = request("GET / HTTP/1.1\r\nHost: a\r\nConnection: not close\r\n\r\n");
	CU_ASSERT(http_keeps_alive(&h));
	h = request("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n");
	CU_ASSERT(http_keeps_alive(&h));
	h = request("GET / HTTP/1.0\r\n\r\n");
	CU_ASSERT(!http_keeps_alive(&h));
	h = request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	CU_ASSERT(http_keeps_alive(&h));
}

static void paths_ask_for_sizes(void)
{
	UNIT_EQ(request("GET /100 HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes, 100);
	UNIT_EQ(request("GET /bytes/65536 HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes, 65536);
	UNIT_EQ(request("GET /bytes/0?x=1 HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes, 0);
	UNIT_EQ(request("GET http://h:80/12 HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes, 12);
	UNIT_EQ(request("GET /bytes/ HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes, HTTP_NO_LENGTH);
	UNIT_EQ(request("GET /12a HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes, HTTP_NO_LENGTH);
	UNIT_EQ(request("GET *12 HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes, HTTP_NO_LENGTH);
	CU_ASSERT(request("GET /99999999999999999999 HTTP/1.1\r\nHost: a\r\n\r\n").asked_bytes >
		  1ull << 50);
	UNIT_EQ(request("GET /9999999999999999999999999999 HTTP/1.1\r\nHost: a\r\n\r\n")
			.asked_bytes,
		HTTP_NO_LENGTH);
}

static void absolute_form_is_taken(void)
{
	UNIT_EQ(request("GET http://h HTTP/1.1\r\nHost: a\r\n\r\n").progress, HTTP_DONE);
	UNIT_EQ(request("GET HTTP://h/x HTTP/1.1\r\nHost: a\r\n\r\n").progress, HTTP_DONE);
	UNIT_EQ(request("GET ftp://h/x HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
	UNIT_EQ(request("GET httpx://h/x HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
	UNIT_EQ(request("GET foo HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
}

static void bare_lf_ends_a_line_and_bare_cr_does_not(void)
{
	UNIT_EQ(request("GET / HTTP/1.1\nHost: a\n\n").progress, HTTP_DONE);
	UNIT_EQ(request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").progress, HTTP_DONE);
	UNIT_EQ(request("GET / HTTP/1.1\rHost: a\r\n\r\n").status, 400);
	UNIT_EQ(request("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n").status, 400);
}

// Each is answered with this status.
static const struct {
	unsigned status;
	const char *text;
} faults[] = {
	{400, "GARBAGE\r\n\r\n"},
	{400, " GET / HTTP/1.1\r\n"},
	{400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{400, "GET /\r\nHost: a\r\n\r\n"},
	{400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
	{400, "GET / HTTP/11\r\nHost: a\r\n\r\n"},
	{400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
	{400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{400, "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n: a\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"},
	{413, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"},
	{501, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"},
	{501, "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{501, "GETX / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
	{505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
};

static void faults_are_answered_with_the_status_that_fits(void)
{
	for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		struct http_head h = request(faults[i].text);

		UNIT_EXPECT(h.progress != HTTP_MORE);
		if (!UNIT_EQ(h.status, faults[i].status))
			CU_FAIL(faults[i].text);
	}
}

static void a_body_of_the_largest_size_is_taken(void)
{
	struct http_head h =
		request("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576  \r\n\r\n");

	UNIT_EQ(h.status, 0);
	UNIT_EQ(h.content_length, HTTP_BODY_MAX);
}

// A message that begins with `start` and goes on with `unit` for ever.
static struct http_head endless(const char *start, const char *unit)
{
	struct http_head h;
	size_t taken = 0;

	http_head_init(&h, false);
	(void)http_head_feed(&h, (const uint8_t *)start, strlen(start));
	while (h.progress == HTTP_MORE && taken < 10 * HTTP_HEAD_MAX)
		taken += http_head_feed(&h, (const uint8_t *)unit, strlen(unit));
	return h;
}

static void every_length_is_bounded(void)
{
	UNIT_EQ(endless("", "\r\n").status, 400);
	UNIT_EQ(endless("", "A").status, 400);
	UNIT_EQ(endless("GET /", "a").status, 414);
	UNIT_EQ(endless("GET http://", "a").status, 400);
	UNIT_EQ(endless("GET / HTTP/1.1\r\nHost: a\r\n", "a").status, 431);
	UNIT_EQ(endless("GET / HTTP/1.1\r\nHost: a\r\nx:", " ").status, 431);
	UNIT_EQ(endless("GET / HTTP/1.1\r\nHost: a\r\nConnection: ", "a,").status, 431);
	UNIT_EQ(endless("GET / HTTP/1.1\r\nHost: a\r\n", "a:\r\n").status, 431);
	CU_ASSERT(endless("GET / HTTP/1.1\r\nHost: a\r\n", "a:\r\n").fields == HTTP_FIELDS_MAX + 1);
}

static void responses_tell_status_and_length(void)
{
	struct http_head h = head_of("HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n", true);

	UNIT_EQ(h.progress, HTTP_DONE);
	UNIT_EQ(h.status, 200);
	UNIT_EQ(h.content_length, 64);
	h = head_of("HTTP/1.1 404\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n", true);
	UNIT_EQ(h.progress, HTTP_DONE);
	UNIT_EQ(h.status, 404);
	CU_ASSERT(h.is_chunked);
	UNIT_EQ(head_of("HTTP/1.1 20\r\n\r\n", true).progress, HTTP_BAD);
	UNIT_EQ(head_of("HTTP/1.1 2000 OK\r\n\r\n", true).progress, HTTP_BAD);
	UNIT_EQ(head_of("HTTP/1.1  200 OK\r\n\r\n", true).progress, HTTP_BAD);
	UNIT_EQ(head_of("ICY 200 OK\r\n\r\n", true).progress, HTTP_BAD);
}

static void what_is_written_can_be_read(void)
{
	char text[HTTP_WRITTEN_MAX];
	size_t len = http_write_head(text, 431, UINT64_MAX, false);
	struct http_head h;

	CU_ASSERT(len < sizeof text);
	len = http_write_head(text, 200, 1ull << 30, false);
	text[len] = '\0';
	h = head_of(text, true);
	UNIT_EQ(h.progress, HTTP_DONE);
	UNIT_EQ(h.content_length, 1ull << 30);
	UNIT_EQ(h.head_bytes, len);
	CU_ASSERT(h.says_close);
}

// Octets that a parser has to look at, thrown together: no crash, no endless loop, no byte taken
// twice, and once it is bad or done nothing more is taken.
static void random_octets_do_no_harm(void)
{
	static const char alphabet[] = "GETHAD /:.0129\r\n\r\n ,\tabCcLl-\x01\x80http";
	struct hc_rng rng;

	hc_rng_seed(&rng, unit_seed());
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t data[64];
		struct http_head h;
		size_t used;

		http_head_init(&h, round & 1);
		for (unsigned i = 0; i < sizeof data; i++)
			data[i] = (uint8_t)alphabet[hc_rng_below(&rng, sizeof alphabet)];
		used = http_head_feed(&h, data, sizeof data);
		UNIT_EXPECT(used <= sizeof data);
		UNIT_EXPECT(h.head_bytes == used);
		UNIT_EXPECT(used == sizeof data || h.progress != HTTP_MORE);
		if (h.progress != HTTP_MORE)
			UNIT_EXPECT(http_head_feed(&h, data, sizeof data) == 0);
	}
}

UNIT_SUITE(http, UNIT_TEST(get_is_done_and_keeps_alive), UNIT_TEST(head_is_told_from_get),
	   UNIT_TEST(bytes_after_the_head_are_left),
	   UNIT_TEST(connection_options_are_found_in_lists), UNIT_TEST(paths_ask_for_sizes),
	   UNIT_TEST(absolute_form_is_taken), UNIT_TEST(bare_lf_ends_a_line_and_bare_cr_does_not),
	   UNIT_TEST(faults_are_answered_with_the_status_that_fits),
	   UNIT_TEST(a_body_of_the_largest_size_is_taken), UNIT_TEST(every_length_is_bounded),
	   UNIT_TEST(responses_tell_status_and_length), UNIT_TEST(what_is_written_can_be_read),
	   UNIT_TEST(random_octets_do_no_harm));
