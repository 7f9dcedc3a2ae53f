// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Fuzz target of IPv4 reassembly. The bytes say which pieces of eight datagrams arrive in which
// order and when: pieces of echo requests of several sizes and of a SYN, true ones but for at most
// one inverted byte an input. Whatever the order, the gaps and the overlaps: an answer is an answer
// to one of the datagrams as it was, byte by byte, and a datagram with the inverted byte in it is
// never answered.

#include "host.h"

#define DATAGRAMS    8u
#define BYTES_MAX    4096u
#define OPS_MAX      96u
#define ECHO_REQUEST 8u
#define SYN_AT       7u // The datagram that is a SYN.

static uint8_t truth[DATAGRAMS][BYTES_MAX];
static uint32_t truth_len[DATAGRAMS];

static void make_echo(unsigned id, uint32_t len)
{
	uint8_t *icmp = truth[id];

	icmp[0] = ECHO_REQUEST;
	frame_put16(icmp + 4, 0x4000 + id);
	for (uint32_t i = 8; i < len; i++)
		icmp[i] = (uint8_t)(i * 7 + (i >> 8) * 31 + id * 101);
	frame_put16(icmp + 2, ~frame_sum(0, icmp, len));
	truth_len[id] = len;
}

static void make_syn(unsigned id)
{
	static const uint8_t opt[40] = {2, 4, 5, 0xb4, 1, 1, 1, 1};
	uint8_t frame[FRAME_MAX];
	struct frame_tcp f = frame_tcp_default();

	f.flags = FRAME_SYN;
	f.ack = 0;
	f.opt = opt;
	f.opt_len = sizeof opt;
	truth_len[id] = frame_write_tcp(frame, &f) - FRAME_L4;
	memcpy(truth[id], frame + FRAME_L4, truth_len[id]);
}

static void make_truth(void)
{
	static const uint32_t len[DATAGRAMS] = {16, 64, 600, 1472, 1480, 2000, 4096};

	for (unsigned id = 0; id < DATAGRAMS; id++)
		make_echo(id, len[id] ? len[id] : 64);
	memset(truth[SYN_AT], 0, sizeof truth[SYN_AT]);
	make_syn(SYN_AT);
}

// Echo replies come whole or in fragments of their own.
static void on_frame(const uint8_t *frame, uint32_t len, const struct frame_view *v)
{
	uint32_t at = (frame_get16(frame + FRAME_IP + 6) & 0x1fff) * 8;
	uint32_t bytes = len - FRAME_L4;
	bool is_known = false;

	if (v->kind != FRAME_KIND_ICMP)
		return;
	for (unsigned id = 0; id < DATAGRAMS && !is_known; id++) {
		uint32_t skip = at == 0 ? 4 : 0; // Type, code and checksum are others.

		// Behind a datagram there may have come zeros.
		is_known =
			id != SYN_AT && at + bytes <= BYTES_MAX && bytes >= skip &&
			memcmp(frame + FRAME_L4 + skip, truth[id] + at + skip, bytes - skip) == 0;
	}
	FZ_CHECK(is_known);
	FZ_CHECK(v->dst == FZ_PEER);
}

static void put_piece(struct fz_bytes *b, unsigned id, bool *may_spoil)
{
	uint32_t choice = fz_take(b, 1);
	uint32_t at = fz_take(b, 2) % (BYTES_MAX / 8) * 8;
	uint32_t bytes = (fz_take(b, 1) + 1) * 8;
	uint8_t frame[FRAME_MAX] = {0};
	uint8_t *ip = frame + FRAME_IP;
	uint32_t rest;

	at = truth_len[id] ? at % ((truth_len[id] + 7) / 8 * 8) : 0;
	rest = truth_len[id] - at;
	if (choice & 1) // Up to the end.
		bytes = rest;
	bytes = bytes < 1480 ? bytes : 1480;
	bytes = choice & 2 ? bytes : (bytes < rest ? bytes : rest);
	frame[11] = 2;
	frame[6] = 2;
	frame_put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	frame_put16(ip + 2, 20 + bytes);
	frame_put16(ip + 4, id + (choice & 4 ? 0 : 0x100));
	// "More" is a lie now and then.
	frame_put16(ip + 6,
		    at / 8 | ((at + bytes < truth_len[id]) ^ !(choice & 0xf8) ? 0x2000 : 0));
	ip[8] = 64;
	ip[9] = id == SYN_AT ? 6 : 1;
	frame_put32(ip + 12, FZ_PEER);
	frame_put32(ip + 16, FZ_LOCAL);
	frame_fix_ip_csum(frame, FRAME_L4);
	if (at < BYTES_MAX)
		memcpy(frame + FRAME_L4, truth[id] + at,
		       bytes < BYTES_MAX - at ? bytes : BYTES_MAX - at);
	if (*may_spoil && choice == 0xff && bytes) {
		frame[FRAME_L4 + fz_take(b, 2) % bytes] ^= 0x10;
		*may_spoil = false;
	}
	fz_put(frame, FRAME_L4 + bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hc_listen_args listen = {.port = 80, .backlog = 4};
	struct fz_bytes b = {data, size};
	bool may_spoil = true;

	if (truth_len[0] == 0)
		make_truth();
	fz = (struct fz_host){.on_frame = on_frame};
	fz_default(&fz.cfg);
	fz.cfg.reasm_cap = fz_take(&b, 1) % 9;
	fz.cfg.reasm_bytes = (uint16_t)(576 + fz_take(&b, 2) % 5000);
	fz.cfg.reasm_ms = 1 + fz_take(&b, 1) * 100;
	fz_open();
	FZ_CHECK(hc_listen(fz.w, &listen) >= 0);
	for (unsigned i = 0; i < OPS_MAX && b.left > 0; i++) {
		uint32_t op = fz_take(&b, 1);

		if (op & 0x80)
			fz_pass_ms(fz_take(&b, 1) << (op & 7));
		else
			put_piece(&b, op % DATAGRAMS, &may_spoil);
		if (op & 0x10)
			fz_step();
	}
	fz_step();
	FZ_CHECK(fz.w->reasm.live_count <= fz.cfg.reasm_cap);
	// Nothing is kept for longer than it may.
	fz_pass_ms(fz.cfg.reasm_ms + 1);
	FZ_CHECK(fz.w->reasm.live_count == 0);
	fz_shut();
	return 0;
}
