// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The heads of HTTP/1.1 messages (RFC 9112): an incremental reader for requests and responses, and
// a writer for responses. The reader takes bytes as they come, in pieces of any size, keeps 80
// bytes of state and no copy of the message, and trusts nothing: every length is bounded, every
// octet is checked against the grammar. Bodies are the caller's; content_length says how long.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MAX    8192u  // Request line; RFC 9112 3 recommends at least 8000.
#define HTTP_HEAD_MAX    16384u // Whole head.
#define HTTP_FIELDS_MAX  100u
#define HTTP_BODY_MAX    (1u << 20) // Of a request, which is read and thrown away.
#define HTTP_WORD_MAX    24u
#define HTTP_NO_LENGTH   UINT64_MAX
#define HTTP_WRITTEN_MAX 160u // Longest head http_write_head() makes.

enum http_progress {
	HTTP_MORE, // The head is not complete.
	HTTP_DONE, // The head is complete; `status` says whether it can be served.
	HTTP_BAD,  // Not HTTP; `status` says how to answer. No more bytes are taken.
};

struct http_head {
	uint64_t content_length; // HTTP_NO_LENGTH: none given.
	uint64_t asked_bytes;    // Request: from /N or /bytes/N; HTTP_NO_LENGTH: none.
	uint32_t head_bytes;     // Taken so far.
	uint16_t status;         // Request: 0, or the error to answer with. Response: its status.
	uint16_t fields;
	uint8_t progress; // enum http_progress.
	uint8_t state;
	uint8_t minor; // Of the version: HTTP/1.minor.
	uint8_t field; // Which field is being read.
	uint8_t word_len;
	bool is_response;
	bool is_head; // Method HEAD.
	bool has_host;
	bool says_close;
	bool says_keep_alive;
	bool is_chunked;
	bool is_skipping; // The rest of the target or of a token does not matter.
	char word[HTTP_WORD_MAX];
};

void http_head_init(struct http_head *h, bool is_response);

// Takes bytes until the head is complete, bad, or the bytes are used up. Returns the bytes taken.
size_t http_head_feed(struct http_head *h, const uint8_t *data, size_t len);

// Whether the connection goes on after this message (RFC 9112 9.3).
bool http_keeps_alive(const struct http_head *h);

// Writes a response head. Returns its length, at most HTTP_WRITTEN_MAX.
size_t http_write_head(char out[HTTP_WRITTEN_MAX], unsigned status, uint64_t content_length,
		       bool keeps_alive);
