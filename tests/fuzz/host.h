// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What the fuzz targets of the stack share: one worker in virtual time, 10.0.0.1, whose wire is in
// the target's hands; a reader of the fuzzer's bytes; and what holds whatever these say. Every
// frame that comes out is judged by a parser of its own, the worker is looked over after every step
// (watch.h), and in the end its books balance and every buffer is back.

#include <stddef.h>

#include "frame_check.h"
#include "watch.h"

#define FZ_LOCAL  0x0a000001u
#define FZ_PEER   0x0a000002u
#define FZ_MS     1000000ull
#define FZ_EVENTS 320u

// The fuzzer's bytes, from the front; zeros when there are no more.
struct fz_bytes {
	const uint8_t *at;
	size_t left;
};
uint32_t fz_take(struct fz_bytes *b, unsigned count); // 0..4 bytes, the first the lowest.
void fz_take_bytes(struct fz_bytes *b, uint8_t *out, uint32_t len);

struct fz_host {
	struct hc_worker *w;
	struct hc_stack_config cfg;
	uint64_t now_ns;
	struct watch watch;
	void (*on_frame)(const uint8_t *frame, uint32_t len, const struct frame_view *v);
	void (*on_event)(const struct hc_event *ev);
};
extern struct fz_host fz;

// The usual configuration, for the target to change.
void fz_default(struct hc_stack_config *cfg);
// A worker of fz.cfg whose peer's address is known. fz.on_frame and fz.on_event are the target's.
void fz_open(void);
// Aborts all that lives, and checks that nothing is left.
void fz_shut(void);

// A frame to the host: its destination MAC is filled in.
void fz_put(const uint8_t *frame, uint32_t len);
// A step and a flush.
void fz_step(void);
// Lets time pass, from one due time to the next.
void fz_pass_ms(uint32_t ms);

// What has to hold. Ends the program when it does not.
#define FZ_CHECK(what)                                                                             \
	do {                                                                                       \
		if (!(what))                                                                       \
			fz_fail(__FILE__, __LINE__, #what);                                        \
	} while (0)
__attribute__((noreturn)) void fz_fail(const char *file, int line, const char *what);
