// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A host under the microscope: a port of rings with one worker a queue, whose other side is the
// test's. Frames go in as bytes, steps are taken by hand at times of one's choosing, and every
// frame that comes out is judged by a parser of its own (frame_check.h) and kept, with every event.
//
// The host is 10.0.0.1/24, its peer 10.0.0.2 port 40000. fx_shut() ends every test: the books of
// each worker have to balance and every buffer has to be back.

#include "stack/port.h"
#include "stack/worker.h"

#include "frame_check.h"
#include "runner.h"

#define FX_LOCAL       0x0a000001u
#define FX_PEER        0x0a000002u
#define FX_PEER_PORT   40000u
#define FX_PORT        80u
#define FX_MS          1000000ull
#define FX_QUEUES_MAX  2u
#define FX_OUT_MAX     512u
#define FX_EVENTS_MAX  640u
#define FX_FRAME_BYTES 1600u

struct fx_out {
	uint64_t at_ns;
	uint64_t ol_flags;
	uint16_t l2_len, l3_len, l4_len;
	unsigned queue;
	uint32_t len;
	struct frame_view view; // Its payload points into bytes.
	uint8_t bytes[FX_FRAME_BYTES];
};

struct fx_stack {
	struct hc_port *port[2]; // The host's, and the test's.
	unsigned queue_count;
	struct hc_worker *w[FX_QUEUES_MAX];
	struct hc_worker *worker; // Of queue 0.
	struct hc_stack_config cfg;
	uint64_t now_ns;
	enum frame_csum csum; // What frames out have to show.
	uint8_t peer_mac[6];
	uint64_t rx_ol_flags; // Of the frames put in.
	unsigned out_count, out_taken;
	unsigned cut_count; // Frames that the port had to cut.
	unsigned event_count, event_taken;
	struct fx_out out[FX_OUT_MAX];
	struct hc_event event[FX_EVENTS_MAX];
};

extern struct fx_stack fx;

// What a test may want otherwise before the workers are made.
struct fx_options {
	void (*set_cfg)(struct hc_stack_config *cfg);
	void (*set_port)(struct hc_port *port);
	unsigned queue_count;  // 0: 1.
	uint32_t buffer_count; // Per queue, 0: 1023.
	uint16_t ring_desc;    // 0: 512.
	bool is_stranger;      // The peer's MAC is not known at the start.
};
void fx_open(const struct fx_options *o);
void fx_shut(void);

// Puts a frame into queue 0, or another, as it is; an Ethernet destination of all zeros becomes the
// host's MAC.
void fx_put(const uint8_t *frame, uint32_t len);
void fx_put_queue(unsigned queue, const uint8_t *frame, uint32_t len);
// One step and one flush of every worker.
void fx_step(void);
// Lets time pass in jumps to when something is due.
void fx_wait_ms(uint32_t ms);

// The next frame or event not yet looked at, NULL when there is none.
const struct fx_out *fx_next(void);
const struct frame_view *fx_next_tcp(void);
const struct hc_event *fx_next_event(void);
// Asserts that there is one, and what it is.
const struct frame_view *fx_expect_tcp(unsigned flags);
hc_conn fx_expect_event(enum hc_event_type type);
void fx_expect_reason(enum hc_event_type type, enum hc_reason reason);
void fx_expect_urgent(hc_conn conn, uint32_t bytes);
// Asserts that there is nothing left.
void fx_expect_silence(void);
void fx_forget(void);

uint64_t fx_ctr(enum hc_counter ctr); // Of all workers.
const uint64_t *fx_moved(void);       // Of all tests so far.

// A peer that the test plays.
struct fx_peer {
	uint32_t addr, local_addr;
	uint16_t port, local_port;
	uint32_t seq; // Next to send.
	uint32_t ack; // Next expected.
	uint16_t wnd;
	uint8_t tos;
	bool has_ts;
	uint32_t tsval, tsecr;
	const uint8_t *opt;
	uint32_t opt_len;
};

struct fx_peer fx_peer_new(void);
struct frame_tcp fx_peer_frame(const struct fx_peer *p, unsigned flags, uint32_t len);
// Puts a segment in without a step; moves p->seq on.
void fx_peer_put(struct fx_peer *p, unsigned flags, uint32_t len);
void fx_peer_put_raw(const struct frame_tcp *f);
// The next segment out has to have these flags; its numbers are taken in.
const struct frame_view *fx_peer_take(struct fx_peer *p, unsigned flags);
// A byte of the peer's stream, by sequence number.
uint8_t fx_byte(uint32_t seq);

int fx_listen(unsigned flags);
// The peer's SYN to FX_PORT is answered, or the host's to the peer is sent. @return the handle.
void fx_open_half(struct fx_peer *p);
hc_conn fx_begin(struct fx_peer *p, unsigned flags);
// The peer connects to FX_PORT, or the host to the peer. @return the handle.
hc_conn fx_accept(struct fx_peer *p);
hc_conn fx_connect(struct fx_peer *p, unsigned flags);
// The host closes, the peer answers at once.
void fx_close(struct fx_peer *p, hc_conn conn);

void fx_put_arp(unsigned op, uint32_t spa, uint32_t tpa, const uint8_t sha[6]);

// Takes all buffers of the host but `left`. @return how many.
unsigned fx_hold_buffers(struct rte_mbuf **held, unsigned cap, unsigned left);
