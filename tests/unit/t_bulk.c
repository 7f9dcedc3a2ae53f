// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// TCP segmentation offload: what comes out of a port that cuts is what comes out of one that does
// not, byte for byte, and the counters say the same. The port is fx_stack.c's.

#include "fx_stack.h"

#include <string.h>

#define BYTES 60000u

static uint8_t text[BYTES];
static uint16_t cut_buffers_max;
static uint16_t cut_frame_max;

static void summing_port(struct hc_port *port)
{
	port->has_tx_csum = true;
}

// As net_tap, whose sums we do not want where it does not cut.
static void cutting_port(struct hc_port *port)
{
	port->has_tso = true;
	port->cut_frame_max = cut_frame_max;
	port->cut_buffers_max = cut_buffers_max;
}

static void cutting_and_summing_port(struct hc_port *port)
{
	summing_port(port);
	cutting_port(port);
}

static void with_ecn(struct hc_stack_config *cfg)
{
	cfg->has_ecn = true;
	cfg->has_timestamps = true;
}

// What one run sent.
struct story {
	unsigned frames;
	unsigned cut;
	uint64_t packets, bytes, data_bytes;
	uint32_t sum; // Of all bytes from the IP header on, in their order.
	uint32_t got; // Bytes of payload in order.
};

static void take_in(struct story *s, const struct fx_out *o, uint32_t first)
{
	uint32_t offset = o->view.seq - first;

	s->frames++;
	for (uint32_t i = FRAME_IP; i < o->len; i++)
		s->sum = (s->sum ^ o->bytes[i]) * 16777619u;
	UNIT_EXPECT(offset + o->view.payload_len <= BYTES);
	UNIT_EXPECT(memcmp(o->view.payload, text + offset, o->view.payload_len) == 0);
	if (offset == s->got)
		s->got += o->view.payload_len;
}

// Sends BYTES and a FIN to a peer that acknowledges what it has, of all but each lose-th frame, and
// says ECE now and then.
static struct story run(const struct fx_options *o, unsigned lose)
{
	struct fx_peer p = fx_peer_new();
	static const uint8_t mss[] = {2, 4, 0x05, 0xb4};
	const struct hc_connect_args args = {.remote_addr = p.addr, .remote_port = p.port};
	const uint32_t cookie = 5;
	struct story s = {0};
	uint32_t first;
	hc_conn conn;

	for (unsigned i = 0; i < BYTES; i++)
		text[i] = (uint8_t)(i * 7 + (i >> 9));
	fx_open(o);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	p.local_port = fx_peer_take(&p, FRAME_SYN | FRAME_ECE | FRAME_CWR)->sport;
	first = p.ack;
	p.has_ts = true;
	p.tsval = 5;
	p.opt = mss;
	p.opt_len = sizeof mss;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK | FRAME_ECE, 0);
	p.opt_len = 0;
	fx_step();
	fx_forget();
	UNIT_EQ(hc_send(fx.worker, conn, text, BYTES, HC_SEND_STATIC), BYTES);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	for (unsigned round = 1; round < 400 && s.got < BYTES; round++) {
		const struct fx_out *out;
		bool has_data = false;

		while ((out = fx_next()) != NULL) {
			if (out->view.payload_len == 0)
				continue;
			has_data = true;
			if (!lose || (s.frames + 1) % lose)
				take_in(&s, out, first);
			else
				s.frames++;
		}
		fx_forget();
		p.ack = first + s.got;
		if (has_data) {
			fx_peer_put(&p, FRAME_ACK | (round % 5 ? 0 : FRAME_ECE), 0);
			fx_step();
		} else {
			fx_wait_ms(3000);
		}
	}
	UNIT_EQ(s.got, BYTES);
	s.cut = fx.cut_count;
	UNIT_EQ(fx_ctr(HC_CTR_tx_cut), s.cut);
	s.packets = fx_ctr(HC_CTR_tx_packets);
	s.bytes = fx_ctr(HC_CTR_tx_bytes);
	s.data_bytes = fx_ctr(HC_CTR_data_bytes_sent);
	fx_forget();
	fx_shut();
	return s;
}

static void compare(void (*set_plain)(struct hc_port *), void (*set_cutting)(struct hc_port *),
		    unsigned lose)
{
	const struct fx_options plain = {.set_cfg = with_ecn, .set_port = set_plain};
	const struct fx_options cutting = {.set_cfg = with_ecn, .set_port = set_cutting};
	struct story a = run(&plain, lose);
	struct story b = run(&cutting, lose);

	UNIT_EQ(a.cut, 0);
	CU_ASSERT(b.cut > 0);
	UNIT_EQ(b.frames, a.frames);
	UNIT_EQ(b.packets, a.packets);
	UNIT_EQ(b.bytes, a.bytes);
	UNIT_EQ(b.data_bytes, a.data_bytes);
	UNIT_EQ(b.sum, a.sum);
}

static void what_the_port_cuts_is_what_we_would_have_sent(void)
{
	static const uint16_t most[] = {UINT16_MAX, 7, 2};

	cut_frame_max = 1514;
	for (unsigned i = 0; i < HC_ARRAY_LEN(most); i++) {
		cut_buffers_max = most[i];
		compare(summing_port, cutting_and_summing_port, 0);
		compare(summing_port, cutting_and_summing_port, 13);
		compare(NULL, cutting_port, 0);
		compare(NULL, cutting_port, 13);
	}
}

// As net_tap's, which counts the Ethernet header to the MTU.
static void a_port_of_smaller_frames_cuts_more(void)
{
	const struct fx_options cutting = {.set_cfg = with_ecn, .set_port = cutting_port};
	struct story s;

	cut_frame_max = 1500;
	cut_buffers_max = 32;
	s = run(&cutting, 0);
	CU_ASSERT(s.cut > 0);
	UNIT_EQ(s.data_bytes, BYTES);
	// Announcement, answer, SYN, ACK; and what was counted as it came out.
	UNIT_EQ(s.packets, 4 + s.frames);
}

static void few_buffers_send_what_they_hold(void)
{
	const struct fx_options cutting = {
		.set_cfg = with_ecn, .set_port = cutting_port, .buffer_count = 9, .ring_desc = 64};
	struct story s;

	cut_frame_max = 1514;
	cut_buffers_max = 32;
	s = run(&cutting, 0);
	CU_ASSERT(s.cut > 0);
}

UNIT_SUITE(bulk, UNIT_TEST(what_the_port_cuts_is_what_we_would_have_sent),
	   UNIT_TEST(a_port_of_smaller_frames_cuts_more),
	   UNIT_TEST(few_buffers_send_what_they_hold));
