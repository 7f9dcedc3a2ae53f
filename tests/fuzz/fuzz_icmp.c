// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Fuzz target of ICMP in front of live connections: one that was accepted and has data in flight,
// one that was opened, and one whose SYN is in flight. The bytes are ICMP messages, right in their
// checksums, that quote packets of ours or anything else. Whatever they say (RFC 5927): what is
// established stays so, segments never get ridiculously small, and only a SYN in flight may fail,
// and only when the peer's host itself refuses it.

#include "host.h"

#define OPS_MAX    64u
#define SENT_BYTES 6000u
#define MSS_LEAST  (HC_PMTU_FLOOR - 20 - 20 - 12)

static uint8_t sent[2048]; // The last segment of ours, the frame.
static uint32_t sent_len;
static uint8_t syn[128];
static uint32_t syn_len;
static uint32_t rcv_nxt[2];
static bool may_fail;
static uint8_t bytes[SENT_BYTES];

static void on_frame(const uint8_t *frame, uint32_t len, const struct frame_view *v)
{
	if (v->kind != FRAME_KIND_TCP)
		return;
	if (v->dport == 9) {
		memcpy(syn, frame, len);
		syn_len = len;
		return;
	}
	if (v->flags & FRAME_SYN)
		rcv_nxt[v->sport != 80] = v->seq + 1;
	memcpy(sent, frame, len);
	sent_len = len;
}

static void on_event(const struct hc_event *ev)
{
	FZ_CHECK(ev->type != HC_EV_RESET && ev->type != HC_EV_CLOSED);
	if (ev->type == HC_EV_FAILED)
		FZ_CHECK(may_fail && ev->reason == HC_REASON_UNREACHABLE);
}

static void put_segment(uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags)
{
	static const uint8_t opt[4] = {2, 4, 5, 0xb4};
	uint8_t frame[FRAME_MAX];
	struct frame_tcp f = frame_tcp_default();

	f.sport = sport;
	f.dport = dport;
	f.seq = seq;
	f.ack = ack;
	f.flags = flags;
	f.wnd = 65535;
	f.opt = opt;
	f.opt_len = flags & FRAME_SYN ? sizeof opt : 0;
	fz_put(frame, frame_write_tcp(frame, &f));
	fz_step();
}

static void open_connections(hc_conn conn[2])
{
	const struct hc_listen_args listen = {.port = 80, .backlog = 4};
	struct hc_connect_args args = {.remote_addr = FZ_PEER, .remote_port = 7};
	uint32_t cookie = 0;
	hc_conn third;
	uint16_t port;

	FZ_CHECK(hc_listen(fz.w, &listen) >= 0);
	put_segment(40000, 80, 1000, 0, FRAME_SYN);
	put_segment(40000, 80, 1001, rcv_nxt[0], FRAME_ACK);
	conn[0] = hc_handle(fz.w, 0);
	FZ_CHECK(fz.w->block[0].tcb.state == HC_ESTABLISHED);
	FZ_CHECK(hc_connect(fz.w, &args, &cookie, &conn[1], 1) == 1);
	fz_step();
	port = (uint16_t)frame_get16(sent + FRAME_L4);
	put_segment(7, port, 5000, rcv_nxt[1], FRAME_SYN | FRAME_ACK);
	FZ_CHECK(fz.w->block[hc_handle_idx(fz.w, conn[1])].tcb.state == HC_ESTABLISHED);
	args.remote_port = 9;
	FZ_CHECK(hc_connect(fz.w, &args, &cookie, &third, 1) == 1);
	FZ_CHECK(hc_send(fz.w, conn[0], bytes, SENT_BYTES, HC_SEND_STATIC) != 0);
	FZ_CHECK(hc_send(fz.w, conn[1], bytes, 1, HC_SEND_STATIC) != 0);
	fz_step();
}

// One message. The quote is a packet of ours with some bytes changed, or whatever comes.
static void put_icmp(struct fz_bytes *b)
{
	uint32_t choice = fz_take(b, 1);
	uint8_t frame[FRAME_MAX] = {0};
	uint8_t *ip = frame + FRAME_IP;
	uint8_t *icmp = frame + FRAME_L4;
	const uint8_t *quote = choice & 1 ? syn : sent;
	uint32_t quote_len = choice & 1 ? syn_len : sent_len;
	uint32_t len = fz_take(b, 1) & 63;

	quote_len = quote_len > FRAME_IP ? quote_len - FRAME_IP : 0;
	frame[6] = 2;
	frame_put16(frame + 12, 0x0800);
	icmp[0] = choice & 2 ? 3 : (uint8_t)fz_take(b, 1);
	icmp[1] = (uint8_t)(choice & 4 ? 4 : fz_take(b, 1));
	frame_put32(icmp + 4, choice & 8 ? fz_take(b, 2) : fz_take(b, 4));
	memcpy(icmp + 8, quote, len < quote_len ? len : quote_len);
	for (unsigned i = choice >> 4 & 3; i > 0 && len > 0; i--)
		icmp[8 + fz_take(b, 1) % len] = (uint8_t)fz_take(b, 1);
	ip[0] = 0x45;
	frame_put16(ip + 2, 28 + len);
	ip[8] = 64;
	ip[9] = 1;
	frame_put32(ip + 12, choice & 0x40 ? 0x0a000063 : FZ_PEER);
	frame_put32(ip + 16, FZ_LOCAL);
	frame_fix_ip_csum(frame, FRAME_L4 + 8 + len);
	frame_fix_l4_csum(frame, FRAME_L4 + 8 + len);
	may_fail |= icmp[0] == 3 && (icmp[1] == 2 || icmp[1] == 3);
	fz_put(frame, FRAME_L4 + 8 + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz_bytes b = {data, size};
	hc_conn conn[2];
	hc_seq nxt;

	may_fail = false;
	fz = (struct fz_host){.on_frame = on_frame, .on_event = on_event};
	fz_default(&fz.cfg);
	fz.cfg.data_retries = fz.cfg.syn_retries = 15;
	fz.cfg.mtu = fz_take(&b, 1) & 1 ? 1500 : 576;
	fz_open();
	open_connections(conn);
	for (unsigned i = 0; i < OPS_MAX && b.left > 0; i++) {
		put_icmp(&b);
		fz_step();
		for (unsigned n = 0; n < 2; n++) {
			uint32_t idx = hc_handle_idx(fz.w, conn[n]);

			FZ_CHECK(idx != HC_IDX_NONE);
			FZ_CHECK(fz.w->block[idx].tcb.state == HC_ESTABLISHED);
			FZ_CHECK(fz.w->block[idx].cold.mss >=
				 hc_min_u32(MSS_LEAST, fz.cfg.mtu - 52u));
		}
		if (fz_take(&b, 1) & 1)
			fz_pass_ms(50);
	}
	// All that is in flight can be acknowledged, as if nothing had been said.
	nxt = fz.w->block[hc_handle_idx(fz.w, conn[0])].tcb.snd_nxt;
	put_segment(40000, 80, 1001, nxt, FRAME_ACK);
	FZ_CHECK(fz.w->block[hc_handle_idx(fz.w, conn[0])].tcb.snd_una == nxt);
	fz_shut();
	return 0;
}
