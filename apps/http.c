// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// A state machine that eats one octet at a time: first line, fields, empty line (RFC 9112 2.1).
// Speed does not matter here: callers recognise the head they saw last by comparing bytes, and come
// here only for one they have not seen.
//
// Where the RFC leaves a choice: a bare LF ends a line (2.2), empty lines before a request are
// skipped (2.2), a folded field is refused (5.2), a second Content-Length is refused (6.3), and a
// request with Transfer-Encoding is answered with 501 (6.1).

#include "http.h"

#include <stdio.h>
#include <string.h>

enum state {
	STATE_START,
	STATE_METHOD,
	STATE_TARGET,
	STATE_SCHEME, // Absolute form: "http://".
	STATE_AUTHORITY,
	STATE_VERSION,
	STATE_VERSION_END,
	STATE_STATUS,
	STATE_REASON,
	STATE_LINE_LF,
	STATE_FIELD_START,
	STATE_FIELD_NAME,
	STATE_FIELD_SPACE,
	STATE_FIELD_VALUE,
	STATE_FIELD_LF,
	STATE_HEAD_LF,
};

enum field {
	FIELD_OTHER,
	FIELD_HOST,
	FIELD_CONNECTION,
	FIELD_CONTENT_LENGTH,
	FIELD_TRANSFER_ENCODING,
};

static const struct {
	const char *name;
	enum field field;
} known_fields[] = {
	{"host", FIELD_HOST},
	{"connection", FIELD_CONNECTION},
	{"content-length", FIELD_CONTENT_LENGTH},
	{"transfer-encoding", FIELD_TRANSFER_ENCODING},
};

static bool is_token_char(uint8_t c)
{
	// RFC 9110 5.6.2.
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static void bad(struct http_head *h, uint16_t status)
{
	h->progress = HTTP_BAD;
	h->status = status;
}

// The first fault found is the one that is answered; reading goes on to the end of the head.
static void fault(struct http_head *h, uint16_t status)
{
	if (h->status == 0)
		h->status = status;
}

static void word_clear(struct http_head *h)
{
	h->word_len = 0;
}

// Longer words are kept as "too long to be one we know".
static void word_add(struct http_head *h, uint8_t c)
{
	if (h->word_len < HTTP_WORD_MAX)
		h->word[h->word_len] = (char)c;
	if (h->word_len <= HTTP_WORD_MAX)
		h->word_len++;
}

static bool word_is(const struct http_head *h, const char *text)
{
	size_t len = strlen(text);

	return h->word_len == len && memcmp(h->word, text, len) == 0;
}

void http_head_init(struct http_head *h, bool is_response)
{
	memset(h, 0, sizeof *h);
	h->content_length = HTTP_NO_LENGTH;
	h->asked_bytes = HTTP_NO_LENGTH;
	h->is_response = is_response;
	h->state = is_response ? STATE_VERSION : STATE_START;
}

// ---------------------------------------------------------------------------------------------
// the first line

static void eat_start(struct http_head *h, uint8_t c)
{
	if (c == '\r' || c == '\n')
		return;
	if (!is_token_char(c)) {
		bad(h, 400);
		return;
	}
	word_add(h, c);
	h->state = STATE_METHOD;
}

static void eat_method(struct http_head *h, uint8_t c)
{
	if (is_token_char(c)) {
		word_add(h, c);
		return;
	}
	if (c != ' ') {
		bad(h, 400);
		return;
	}
	h->is_head = word_is(h, "HEAD");
	if (!h->is_head && !word_is(h, "GET"))
		fault(h, 501);
	word_clear(h);
	h->state = STATE_TARGET;
}

// The size a path asks for: /N and /bytes/N; any other path asks for none.
static void read_path(struct http_head *h)
{
	unsigned i = 1;
	uint64_t bytes = 0;

	if (h->word_len > HTTP_WORD_MAX || h->word_len < 2 || h->word[0] != '/')
		return;
	if (h->word_len > 7 && memcmp(h->word, "/bytes/", 7) == 0)
		i = 7;
	for (; i < h->word_len; i++) {
		if (!is_digit((uint8_t)h->word[i]))
			return;
		// At most 23 digits: stop growing before the 64 bits do.
		if (bytes < UINT64_MAX / 100)
			bytes = bytes * 10 + (uint64_t)(h->word[i] - '0');
	}
	h->asked_bytes = bytes;
}

static void end_target(struct http_head *h)
{
	read_path(h);
	word_clear(h);
	h->is_skipping = false;
	h->state = STATE_VERSION;
}

static void eat_target(struct http_head *h, uint8_t c)
{
	if (c == ' ' && h->word_len > 0) {
		end_target(h);
		return;
	}
	if (c <= ' ' || c >= 0x7f) {
		bad(h, 400);
		return;
	}
	if (h->word_len == 0 && c != '/' && c != '*') {
		h->state = STATE_SCHEME;
		if (lower(c) != 'h')
			bad(h, 400);
		word_add(h, c);
		return;
	}
	if (c == '?')
		h->is_skipping = true;
	if (!h->is_skipping)
		word_add(h, c);
}

static void eat_scheme(struct http_head *h, uint8_t c)
{
	if (lower(c) != (uint8_t) "http://"[h->word_len]) {
		bad(h, 400);
		return;
	}
	word_add(h, c);
	if (h->word_len == 7) {
		word_clear(h);
		h->state = STATE_AUTHORITY;
	}
}

static void eat_authority(struct http_head *h, uint8_t c)
{
	if (c == '/') {
		word_add(h, c);
		h->state = STATE_TARGET;
	} else if (c == ' ') {
		end_target(h);
	} else if (c < ' ' || c >= 0x7f) {
		bad(h, 400);
	}
}

static void end_line(struct http_head *h, uint8_t c)
{
	if (c == '\r')
		h->state = STATE_LINE_LF;
	else if (c == '\n')
		h->state = STATE_FIELD_START;
	else
		bad(h, 400);
}

static void eat_version(struct http_head *h, uint8_t c)
{
	static const char pattern[] = "HTTP/0.0";
	uint8_t want = (uint8_t)pattern[h->word_len];

	if (want == '0' ? !is_digit(c) : c != want) {
		bad(h, 400);
		return;
	}
	word_add(h, c);
	if (h->word_len < sizeof pattern - 1)
		return;
	if (h->word[5] != '1') {
		bad(h, 505);
		return;
	}
	h->minor = (uint8_t)(h->word[7] - '0');
	word_clear(h);
	h->state = STATE_VERSION_END;
}

static void eat_version_end(struct http_head *h, uint8_t c)
{
	if (!h->is_response) {
		end_line(h, c);
		return;
	}
	if (c != ' ')
		bad(h, 400);
	h->state = STATE_STATUS;
}

static void eat_status(struct http_head *h, uint8_t c)
{
	if (h->word_len < 3) {
		if (!is_digit(c)) {
			bad(h, 400);
			return;
		}
		word_add(h, c);
		h->status = (uint16_t)(h->status * 10 + (c - '0'));
		return;
	}
	word_clear(h);
	if (c == ' ')
		h->state = STATE_REASON;
	else
		end_line(h, c);
}

static void eat_reason(struct http_head *h, uint8_t c)
{
	if (c == '\r' || c == '\n')
		end_line(h, c);
	else if ((c < ' ' && c != '\t') || c == 0x7f)
		bad(h, 400);
}

// ---------------------------------------------------------------------------------------------
// the fields

static void end_head(struct http_head *h)
{
	if (!h->is_response) {
		// RFC 9112 3.2: a request of 1.1 without Host is answered with 400.
		if (h->minor >= 1 && !h->has_host)
			fault(h, 400);
		if (h->content_length != HTTP_NO_LENGTH && h->content_length > HTTP_BODY_MAX)
			fault(h, 413);
	}
	h->progress = HTTP_DONE;
}

static void eat_field_start(struct http_head *h, uint8_t c)
{
	if (c == '\r') {
		h->state = STATE_HEAD_LF;
	} else if (c == '\n') {
		end_head(h);
	} else if (!is_token_char(c)) {
		bad(h, 400); // A folded line begins with a space.
	} else if (++h->fields > HTTP_FIELDS_MAX) {
		bad(h, 431);
	} else {
		word_clear(h);
		word_add(h, lower(c));
		h->state = STATE_FIELD_NAME;
	}
}

static void begin_field(struct http_head *h)
{
	h->field = FIELD_OTHER;
	for (unsigned i = 0; i < sizeof known_fields / sizeof known_fields[0]; i++) {
		if (word_is(h, known_fields[i].name))
			h->field = known_fields[i].field;
	}
	if (h->field == FIELD_HOST) {
		if (h->has_host)
			bad(h, 400);
		h->has_host = true;
	} else if (h->field == FIELD_TRANSFER_ENCODING) {
		h->is_chunked = true;
		if (!h->is_response)
			fault(h, 501);
	} else if (h->field == FIELD_CONTENT_LENGTH && h->content_length != HTTP_NO_LENGTH) {
		bad(h, 400);
	}
	word_clear(h);
	h->is_skipping = false;
	h->state = STATE_FIELD_SPACE;
}

static void eat_field_name(struct http_head *h, uint8_t c)
{
	if (c == ':')
		begin_field(h);
	else if (is_token_char(c))
		word_add(h, lower(c));
	else
		bad(h, 400);
}

static void end_token(struct http_head *h)
{
	if (word_is(h, "close"))
		h->says_close = true;
	else if (word_is(h, "keep-alive"))
		h->says_keep_alive = true;
	word_clear(h);
	h->is_skipping = false;
}

// Connection: a list of tokens; spaces around commas, anything else inside a token.
static void eat_connection(struct http_head *h, uint8_t c)
{
	if (c == ',')
		end_token(h);
	else if (is_space(c))
		h->is_skipping = h->word_len > 0;
	else if (h->is_skipping)
		h->word_len = HTTP_WORD_MAX + 1; // Two words in one element: none we know.
	else
		word_add(h, lower(c));
}

// Content-Length: digits, then at most spaces.
static void eat_content_length(struct http_head *h, uint8_t c)
{
	if (is_space(c)) {
		h->is_skipping = h->content_length != HTTP_NO_LENGTH;
		return;
	}
	if (h->is_skipping || !is_digit(c)) {
		bad(h, 400);
		return;
	}
	if (h->content_length == HTTP_NO_LENGTH)
		h->content_length = 0;
	if (h->content_length > UINT64_MAX / 100) {
		bad(h, 400);
		return;
	}
	h->content_length = h->content_length * 10 + (uint64_t)(c - '0');
}

static void end_field(struct http_head *h, uint8_t c)
{
	if (h->field == FIELD_CONNECTION)
		end_token(h);
	if (h->field == FIELD_CONTENT_LENGTH && h->content_length == HTTP_NO_LENGTH)
		bad(h, 400);
	h->state = c == '\r' ? STATE_FIELD_LF : STATE_FIELD_START;
}

static void eat_field_value(struct http_head *h, uint8_t c)
{
	if (c == '\r' || c == '\n')
		end_field(h, c);
	else if ((c < ' ' && c != '\t') || c == 0x7f)
		bad(h, 400);
	else if (h->field == FIELD_CONNECTION)
		eat_connection(h, c);
	else if (h->field == FIELD_CONTENT_LENGTH)
		eat_content_length(h, c);
}

static void eat_field_space(struct http_head *h, uint8_t c)
{
	if (is_space(c))
		return;
	h->state = STATE_FIELD_VALUE;
	eat_field_value(h, c);
}

static void eat_lf(struct http_head *h, uint8_t c)
{
	if (c != '\n')
		bad(h, 400); // RFC 9112 2.2: a bare CR is not a line's end.
	else if (h->state == STATE_HEAD_LF)
		end_head(h);
	else
		h->state = STATE_FIELD_START;
}

static void eat(struct http_head *h, uint8_t c)
{
	switch ((enum state)h->state) {
	case STATE_START:
		eat_start(h, c);
		break;
	case STATE_METHOD:
		eat_method(h, c);
		break;
	case STATE_TARGET:
		eat_target(h, c);
		break;
	case STATE_SCHEME:
		eat_scheme(h, c);
		break;
	case STATE_AUTHORITY:
		eat_authority(h, c);
		break;
	case STATE_VERSION:
		eat_version(h, c);
		break;
	case STATE_VERSION_END:
		eat_version_end(h, c);
		break;
	case STATE_STATUS:
		eat_status(h, c);
		break;
	case STATE_REASON:
		eat_reason(h, c);
		break;
	case STATE_FIELD_START:
		eat_field_start(h, c);
		break;
	case STATE_FIELD_NAME:
		eat_field_name(h, c);
		break;
	case STATE_FIELD_SPACE:
		eat_field_space(h, c);
		break;
	case STATE_FIELD_VALUE:
		eat_field_value(h, c);
		break;
	case STATE_LINE_LF:
	case STATE_FIELD_LF:
	case STATE_HEAD_LF:
		eat_lf(h, c);
		break;
	}
}

size_t http_head_feed(struct http_head *h, const uint8_t *data, size_t len)
{
	size_t i = 0;

	while (i < len && h->progress == HTTP_MORE) {
		eat(h, data[i++]);
		h->head_bytes++;
		if (h->progress != HTTP_MORE)
			break;
		if (h->head_bytes >= HTTP_LINE_MAX && h->state < STATE_LINE_LF)
			bad(h, h->state == STATE_TARGET ? 414 : 400);
		else if (h->head_bytes >= HTTP_HEAD_MAX)
			bad(h, 431);
	}
	return i;
}

bool http_keeps_alive(const struct http_head *h)
{
	if (h->says_close)
		return false;
	return h->minor >= 1 || h->says_keep_alive;
}

// ---------------------------------------------------------------------------------------------
// writing

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{400, "Bad Request"},
	{404, "Not Found"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{431, "Request Header Fields Too Large"},
	{501, "Not Implemented"},
	{505, "HTTP Version Not Supported"},
};

size_t http_write_head(char out[HTTP_WRITTEN_MAX], unsigned status, uint64_t content_length,
		       bool keeps_alive)
{
	const char *reason = "";
	int len;

	for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if (reasons[i].status == status)
			reason = reasons[i].reason;
	}
	len = snprintf(out, HTTP_WRITTEN_MAX,
		       "HTTP/1.1 %u %s\r\nContent-Length: %llu\r\nConnection: %s\r\n\r\n", status,
		       reason, (unsigned long long)content_length,
		       keeps_alive ? "keep-alive" : "close");
	return (size_t)len;
}
