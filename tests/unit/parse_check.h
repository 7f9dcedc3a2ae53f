// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// For the suites of the frame parser: every frame goes through the short cut, the function around
// it and the full parser, from a place where memory ends, and the three have to agree to the bit.

#include "wire/parse.h"

#include "frames.h"

struct parse_answer {
	enum hc_frame_kind kind;
	struct hc_parsed out;
	struct hc_seg seg;
};

// 10.0.0.1/24 with MAC 02:00:00:00:00:01 and the clients 10.1.0.0/16.
struct hc_parse_env parse_env_default(void);

// The answer of all three ways.
struct parse_answer parse_env(const struct hc_parse_env *env, const uint8_t *frame, uint32_t len,
			      unsigned trust);

// The same for the default host, nothing trusted.
struct parse_answer parse(const uint8_t *frame, uint32_t len);
struct parse_answer parse_tcp(const struct frame_tcp *f);

// Asserts that it was dropped, and why.
void parse_check_drop(const struct parse_answer *a, enum hc_counter drop);

// Asserts that it says what frame_tcp_default() says, whatever flags, options and payload.
void parse_check_default(const struct parse_answer *a);

// Whether it is a drop counter that the parser moves, and not the stack behind it.
bool parse_check_is_parsers(enum hc_counter ctr);
