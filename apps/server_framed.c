// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Mode respond when there are several sizes: a request begins with its own size and that of the
// answer it wants, FRAME_BYTES in all (plan_requests.c writes them). What is no such beginning is
// answered with nothing and the connection is closed.

#include <string.h>

#include "server.h"

#define DIGITS (FRAME_BYTES / 2)

// Reads DIGITS hexadecimal digits. Returns false if they are none.
static bool read_size(const uint8_t *from, uint64_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < DIGITS; i++) {
		uint8_t c = from[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10u;
		else
			return false;
		*out = *out << 4 | digit;
	}
	return true;
}

// The beginning is complete. @return false when it is none.
static bool begin(struct session *ss)
{
	uint64_t request, response;

	if (!read_size(ss->frame, &request) || !read_size(ss->frame + DIGITS, &response) ||
	    request < FRAME_BYTES || response > SERVER_ASKED_MAX)
		return false;
	ss->skip_bytes = request - FRAME_BYTES;
	ss->asked_bytes = response;
	return true;
}

static void answer(struct server *s, struct session *ss)
{
	ss->got_bytes = 0;
	s->counts.requests++;
	ss->first_bytes = 0;
	ss->body_bytes = ss->asked_bytes;
	ss->body_at = 0;
	ss->is_ending = s->listener[ss->listener].closes_first;
	(void)server_push(s, ss);
}

static void refuse(struct server *s, struct session *ss)
{
	s->counts.bad_requests++;
	ss->got_bytes = 0;
	ss->is_lingering = true;
	server_end(s, ss);
}

void server_framed(struct server *s, struct session *ss)
{
	const uint8_t *data;
	uint32_t len;

	while (!ss->is_blocked && !ss->is_ending && (data = server_peek(s, ss, &len))) {
		bool is_begun = ss->got_bytes == FRAME_BYTES;
		uint32_t part = (uint32_t)min_u64(len, is_begun ? ss->skip_bytes
								: FRAME_BYTES - ss->got_bytes);

		if (is_begun) {
			ss->skip_bytes -= part;
		} else {
			memcpy(ss->frame + ss->got_bytes, data, part);
			ss->got_bytes += part;
		}
		server_used(s, ss, part);
		if (ss->got_bytes < FRAME_BYTES)
			continue;
		if (!is_begun && !begin(ss))
			refuse(s, ss);
		else if (ss->skip_bytes == 0)
			answer(s, ss);
	}
}
