// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Fuzz target of the whole stack. The bytes are a script: segments of four peers that know where
// their connections stand and say something near that, or far from it, right in their checksums;
// segments with a bit inverted; ICMP, ARP and anything else; time that passes; and the calls of an
// application, good and bad. What it holds, beside what holds always (host.h): bytes that are
// delivered are the peer's, in order and once, and bytes that leave are the application's.

#include "host.h"

#define FLOWS      4u
#define OPS_MAX    128u
#define CONNS      16u
#define OPENINGS   256u // More than an input can make.
#define SEND_BYTES 8192u
#define PEER_PORT  40000u
#define OUR_PORT   80u

struct flow {
	uint16_t our_port; // 0: 80.
	uint32_t seq;      // The peer's next.
	uint32_t ack;      // What it expects.
	uint32_t tsval;    // Of our last segment.
	bool has_ts;
};

// Our last SYN of a pair of ports: what the bytes are counted from.
struct opening {
	uint16_t sport, dport;
	uint32_t iss;
};

struct conn {
	hc_conn handle;
	uint32_t irs;
	uint32_t sent, received;
	bool has_irs;
};

static struct flow flow[FLOWS];
static struct opening opening[OPENINGS];
static unsigned opening_count;
static struct conn conn[CONNS];
static unsigned conn_count;
static uint8_t sent_bytes[SEND_BYTES];

// The peer's stream, by sequence number, and the application's, by place.
static uint8_t peer_byte(uint32_t seq)
{
	return (uint8_t)(seq * 5 ^ seq >> 8);
}

static struct opening *opening_of(const struct frame_view *v)
{
	for (unsigned i = 0; i < opening_count; i++)
		if (opening[i].sport == v->sport && opening[i].dport == v->dport)
			return &opening[i];
	return NULL;
}

static void on_syn(const struct frame_view *v)
{
	struct opening *o = opening_of(v);

	if (!o) {
		FZ_CHECK(opening_count < OPENINGS);
		o = &opening[opening_count++];
	}
	*o = (struct opening){v->sport, v->dport, v->seq};
}

static void check_payload(const struct frame_view *v)
{
	const struct opening *o = opening_of(v);

	FZ_CHECK(o != NULL);
	for (uint32_t i = 0; i < v->payload_len; i++)
		FZ_CHECK(v->payload[i] == sent_bytes[(v->seq - o->iss - 1 + i) % SEND_BYTES]);
}

static void on_frame(const uint8_t *frame, uint32_t len, const struct frame_view *v)
{
	struct flow *f;

	(void)frame;
	(void)len;
	if (v->kind != FRAME_KIND_TCP)
		return;
	if (v->flags & FRAME_SYN)
		on_syn(v);
	if (v->payload_len)
		check_payload(v);
	if (v->dport < PEER_PORT || v->dport >= PEER_PORT + FLOWS || v->flags & FRAME_RST)
		return;
	f = &flow[v->dport - PEER_PORT];
	f->our_port = v->sport;
	f->has_ts = v->has_ts;
	f->tsval = v->tsval;
	f->ack = v->seq + v->payload_len + ((v->flags & (FRAME_SYN | FRAME_FIN)) != 0);
}

static struct conn *conn_add(hc_conn handle)
{
	struct conn *c = &conn[conn_count++ % CONNS];

	*c = (struct conn){.handle = handle};
	return c;
}

static void on_event(const struct hc_event *ev)
{
	if (ev->type == HC_EV_ACCEPTED)
		(void)conn_add(ev->conn);
}

// What was received goes on where the last went.
static void check_received(struct conn *c, const uint8_t *data, uint32_t len)
{
	uint32_t idx = hc_handle_idx(fz.w, c->handle);

	if (!c->has_irs && idx != HC_IDX_NONE) {
		c->irs = fz.w->block[idx].cold.irs;
		c->has_irs = true;
	}
	for (uint32_t i = 0; c->has_irs && i < len; i++)
		FZ_CHECK(data[i] == peer_byte(c->irs + 1 + c->received + i));
	c->received += len;
}

static void app_recv(struct conn *c, uint32_t choice)
{
	static uint8_t buf[3000];
	struct hc_chunk chunk[8];

	if (choice & 1) {
		size_t n = hc_recv_copy(fz.w, c->handle, buf, choice & 2 ? sizeof buf : 100);

		check_received(c, buf, (uint32_t)n);
	} else {
		unsigned n = hc_recv(fz.w, c->handle, chunk, choice & 2 ? 8 : 1);

		for (unsigned i = 0; i < n; i++)
			check_received(c, chunk[i].data, chunk[i].len);
		hc_recv_release(fz.w, c->handle, chunk, n);
	}
}

static void app_call(struct fz_bytes *b)
{
	struct hc_connect_args args = {.remote_addr = FZ_PEER};
	uint32_t cookie = 0;
	uint32_t choice;
	struct conn *c;
	hc_conn handle;

	args.remote_port = (uint16_t)(PEER_PORT + fz_take(b, 1) % FLOWS);
	args.flags = (uint16_t)(fz_take(b, 1) & 3);
	c = &conn[fz_take(b, 1) % CONNS];
	choice = fz_take(b, 1);
	switch (choice % 7) {
	case 0:
		if (hc_connect(fz.w, &args, &cookie, &handle, 1) == 1)
			(void)conn_add(handle);
		break;
	case 1:
	case 2: {
		uint32_t len = fz_take(b, 2) % 4000;

		len = hc_min_u32(len, SEND_BYTES - c->sent % SEND_BYTES);
		c->sent += (uint32_t)hc_send(fz.w, c->handle, sent_bytes + c->sent % SEND_BYTES,
					     len, choice & 0x40 ? HC_SEND_STATIC : 0);
		break;
	}
	case 3:
		app_recv(c, choice >> 4);
		break;
	case 4:
		(void)hc_shutdown(fz.w, c->handle);
		break;
	case 5:
		(void)hc_close(fz.w, c->handle);
		break;
	default:
		(void)hc_abort(fz.w, c->handle);
		break;
	}
}

// 0, a step to either side, the edges of a window, or anywhere.
static uint32_t off_by(struct fz_bytes *b)
{
	static const uint32_t off[] = {
		0,          0,    0,     0,     1,     UINT32_MAX,     100,
		536,        1460, 20000, 19999, 20001, (uint32_t)-100, (uint32_t)-1460,
		0x80000000u};
	uint32_t choice = fz_take(b, 1);

	return choice < 0xf0 ? off[choice % HC_ARRAY_LEN(off)] : fz_take(b, 4);
}

static uint32_t write_options(struct fz_bytes *b, const struct flow *f, uint8_t flags, uint8_t *opt)
{
	static const uint8_t syn[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
				      0, 1, 0, 0,    0, 0, 1, 3,  3, 7};
	uint32_t choice = fz_take(b, 1);
	uint32_t len;

	if (choice < 0x60 && flags & FRAME_SYN) {
		memcpy(opt, syn, sizeof syn);
		return choice < 0x30 ? sizeof syn : 4;
	}
	if (choice < 0xc0) {
		if (!f->has_ts)
			return 0;
		memcpy(opt, "\1\1\10\12", 4);
		frame_put32(opt + 4,
			    (uint32_t)(fz.now_ns / FZ_MS) + (choice & 1 ? 0 : fz_take(b, 2)));
		frame_put32(opt + 8, f->tsval);
		if (choice < 0xa0)
			return 12;
		// SACK blocks beside our SND.UNA.
		opt[12] = opt[13] = 1;
		opt[14] = 5;
		opt[15] = 18;
		for (unsigned i = 0; i < 4; i++)
			frame_put32(opt + 16 + 4 * i, f->ack + off_by(b));
		return 32;
	}
	len = fz_take(b, 1) % 11 * 4;
	fz_take_bytes(b, opt, len);
	return len;
}

static void put_segment(struct fz_bytes *b, bool is_spoiled)
{
	static const uint8_t usual[] = {FRAME_SYN,
					FRAME_ACK,
					FRAME_ACK,
					FRAME_ACK | FRAME_PSH,
					FRAME_ACK | FRAME_FIN,
					FRAME_SYN | FRAME_ACK,
					FRAME_RST | FRAME_ACK,
					FRAME_RST};
	uint32_t choice = fz_take(b, 1);
	struct flow *f = &flow[choice % FLOWS];
	uint8_t flags = choice & 0x80 ? (uint8_t)fz_take(b, 1) : usual[choice >> 2 & 7];
	struct frame_tcp t = frame_tcp_default();
	uint8_t frame[FRAME_MAX];
	uint8_t payload[1460];
	uint8_t opt[40];
	uint32_t len;

	t.sport = (uint16_t)(PEER_PORT + choice % FLOWS);
	t.dport = f->our_port ? f->our_port : OUR_PORT;
	t.seq = f->seq + off_by(b);
	t.ack = flags & FRAME_ACK ? f->ack + off_by(b) : 0;
	t.flags = flags;
	t.wnd = (uint16_t)(fz_take(b, 1) << 8);
	t.urp = flags & 0x20 ? (uint16_t)fz_take(b, 2) : 0;
	t.opt = opt;
	t.opt_len = write_options(b, f, flags, opt);
	len = fz_take(b, 1);
	t.payload_len = len < 0x80 ? 0 : (len - 0x80) * 1460 / 0x7f;
	t.payload_len = hc_min_u32(t.payload_len, 1460 - t.opt_len);
	t.payload = payload;
	for (uint32_t i = 0; i < t.payload_len; i++)
		payload[i] = peer_byte(t.seq + ((flags & FRAME_SYN) != 0) + i);
	len = frame_write_tcp(frame, &t);
	if (is_spoiled) {
		uint32_t bit = fz_take(b, 2) % ((len - FRAME_IP) * 8);

		frame[FRAME_IP + bit / 8] ^= (uint8_t)(1u << bit % 8);
	} else if (hc_seq_ge(t.seq, f->seq)) {
		// It goes on from here.
		f->seq = t.seq + t.payload_len + ((flags & FRAME_SYN) != 0) +
			 ((flags & FRAME_FIN) != 0);
	}
	fz_put(frame, len);
}

// Anything, behind an Ethernet header that leads to us.
static void put_anything(struct fz_bytes *b)
{
	uint8_t frame[160] = {0};
	uint32_t choice = fz_take(b, 1);
	uint32_t len = FRAME_IP + fz_take(b, 1) % (sizeof frame - FRAME_IP);

	fz_take_bytes(b, frame, len);
	frame[6] &= 0xfe;
	if (choice & 1)
		frame_put16(frame + 12, choice & 2 ? 0x0806 : 0x0800);
	if (choice & 4 && len >= FRAME_L4) {
		frame[FRAME_IP] = 0x45;
		frame_put16(frame + FRAME_IP + 2, len - FRAME_IP);
		frame_put32(frame + FRAME_IP + 16, FZ_LOCAL);
		frame_put32(frame + FRAME_IP + 12, FZ_PEER);
		frame[FRAME_IP + 9] = choice & 8 ? 1 : 6;
		frame_fix_ip_csum(frame, len);
		frame_fix_l4_csum(frame, len);
	}
	fz_put(frame, len);
}

static void play(struct fz_bytes *b)
{
	for (unsigned i = 0; i < OPS_MAX && b->left > 0; i++) {
		uint32_t op = fz_take(b, 1);

		switch (op % 16) {
		case 0:
			put_anything(b);
			break;
		case 1:
			put_segment(b, true);
			break;
		case 2:
			fz_pass_ms(fz_take(b, 1) << (op >> 5));
			break;
		case 3:
		case 4:
		case 5:
		case 6:
			app_call(b);
			break;
		default:
			put_segment(b, false);
			break;
		}
		// Several in one burst, now and then.
		if (!(op & 0x10))
			fz_step();
	}
}

static void begin(struct fz_bytes *b)
{
	const struct hc_listen_args listen = {
		.port = OUR_PORT, .backlog = 4, .flags = (uint16_t)(fz_take(b, 1) & 3)};
	uint32_t choice = fz_take(b, 1);

	for (uint32_t i = 0; i < SEND_BYTES; i++)
		sent_bytes[i] = (uint8_t)(i * 3 ^ i >> 7);
	memset(conn, 0, sizeof conn);
	conn_count = opening_count = 0;
	for (unsigned i = 0; i < FLOWS; i++)
		flow[i] = (struct flow){.seq = fz_take(b, 1) << 24};
	fz_default(&fz.cfg);
	fz.cfg.has_timestamps = choice & 1;
	fz.cfg.has_window_scale = choice & 2;
	fz.cfg.has_sack = choice & 4;
	fz.cfg.syn_cookies = (uint8_t)((choice >> 3) % 3);
	fz.cfg.mtu = choice & 0x40 ? 576 : 1500;
	fz.cfg.congestion = choice >> 7;
	fz_open();
	FZ_CHECK(hc_listen(fz.w, &listen) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fz_bytes b = {data, size};

	fz = (struct fz_host){.on_frame = on_frame, .on_event = on_event};
	begin(&b);
	play(&b);
	fz_step();
	fz_shut();
	return 0;
}
