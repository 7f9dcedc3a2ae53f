// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// ICMP: echo is answered, destination unreachable is a soft error and nothing more.

#include "fx_stack.h"

#include <string.h>

static uint32_t write_echo(uint8_t *frame, uint32_t data_len)
{
	uint8_t data[128];
	uint32_t len;

	for (uint32_t i = 0; i < data_len; i++)
		data[i] = (uint8_t)(i * 7 + 1);
	len = frame_write_echo(frame, 0x1234, 5, data, data_len);
	memset(frame, 0, 6);
	return len;
}

static void an_echo_request_of_any_length_is_answered(void)
{
	uint8_t frame[FRAME_MAX];

	fx_open(NULL);
	for (uint32_t data_len = 0; data_len < 70; data_len++) {
		uint32_t len = write_echo(frame, data_len);
		const struct fx_out *o;

		fx_put(frame, len);
		fx_step();
		o = fx_next();
		CU_ASSERT_PTR_NOT_NULL_FATAL(o);
		UNIT_EQ(o->len, len);
		UNIT_EQ(o->view.kind, FRAME_KIND_ICMP);
		UNIT_EQ(o->view.dst, FX_PEER);
		UNIT_EQ(o->view.src, FX_LOCAL);
		UNIT_EQ_BYTES(o->bytes, fx.peer_mac, 6);
		// Identifier, sequence number and data as they came.
		UNIT_EQ_BYTES(o->bytes + FRAME_L4 + 4, frame + FRAME_L4 + 4, 4 + data_len);
		fx_expect_silence();
	}
	UNIT_EQ(fx_ctr(HC_CTR_icmp_echo_replies), 70);
	UNIT_EQ(fx_ctr(HC_CTR_rx_icmp), 70);
	fx_shut();
}

static void a_broadcast_echo_request_is_ignored(void)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	fx_open(NULL);
	len = write_echo(frame, 8);
	frame_put32(frame + FRAME_IP + 16, 0x0a0000ff);
	frame_fix_ip_csum(frame, len);
	fx_put(frame, len);
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_icmp_not_unicast), 1);
	fx_shut();
}

// An error that quotes the first `quoted` bytes of an IP packet of ours, as a frame.
static uint32_t write_error(uint8_t *frame, unsigned type, unsigned code, const uint8_t *ip,
			    uint32_t quoted)
{
	uint32_t len = frame_write_echo(frame, 0, 0, ip, quoted);

	memset(frame, 0, 6);
	frame[FRAME_L4] = (uint8_t)type;
	frame[FRAME_L4 + 1] = (uint8_t)code;
	frame_fix_l4_csum(frame, len);
	return len;
}

// The same without a step.
static void queue_error(unsigned type, unsigned code, const uint8_t *ip, uint32_t quoted)
{
	uint8_t frame[FRAME_MAX];

	fx_put(frame, write_error(frame, type, code, ip, quoted));
}

// And in two fragments, the first of `first` bytes.
static void queue_error_in_pieces(unsigned type, unsigned code, const uint8_t *ip, uint32_t first)
{
	uint8_t frame[FRAME_MAX], part[FRAME_MAX];
	uint32_t len = write_error(frame, type, code, ip, 28);
	uint32_t rest = len - FRAME_L4 - first;

	memcpy(part, frame, FRAME_L4 + first);
	frame_put16(part + FRAME_IP + 2, FRAME_L4 - FRAME_IP + first);
	frame_put16(part + FRAME_IP + 4, code);
	frame_put16(part + FRAME_IP + 6, 0x2000);
	frame_fix_ip_csum(part, FRAME_L4 + first);
	fx_put(part, FRAME_L4 + first);
	memcpy(part + FRAME_L4, frame + FRAME_L4 + first, rest);
	frame_put16(part + FRAME_IP + 2, FRAME_L4 - FRAME_IP + rest);
	frame_put16(part + FRAME_IP + 6, first / 8);
	frame_fix_ip_csum(part, FRAME_L4 + rest);
	fx_put(part, FRAME_L4 + rest);
}

static void put_error(unsigned type, unsigned code, const uint8_t *ip, uint32_t quoted)
{
	queue_error(type, code, ip, quoted);
	fx_step();
}

static void put_unreachable(const uint8_t *ip, uint32_t quoted)
{
	put_error(3, 1, ip, quoted);
}

static void few_retries(struct hc_stack_config *cfg)
{
	cfg->syn_retries = 1;
}

// Connects to nobody. @return the IP packet of the SYN.
static const uint8_t *connect_to_silence(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = 7};
	const uint32_t cookie = 1;
	const struct fx_out *o;

	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, NULL, 1), 1);
	fx_step();
	o = fx_next();
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	return o->bytes + FRAME_IP;
}

static void unreachable_says_why_a_connection_was_given_up(void)
{
	const struct fx_options o = {.set_cfg = few_retries};
	const uint8_t *ip;

	fx_open(&o);
	ip = connect_to_silence();
	put_unreachable(ip, 28);
	fx_expect_reason(HC_EV_SOFT_ERROR, HC_REASON_UNREACHABLE);
	put_unreachable(ip, 28);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unreachable), 2);
	fx_expect_silence(); // Told once, and ends nothing.
	fx_wait_ms(2900);
	UNIT_EQ(fx_ctr(HC_CTR_rtx_syn), 1);
	fx_wait_ms(200);
	fx_expect_reason(HC_EV_FAILED, HC_REASON_UNREACHABLE);
	UNIT_EQ(fx_ctr(HC_CTR_conn_failed_unreachable), 1);
	fx_shut();
}

static void expect_error(unsigned type, unsigned code)
{
	const struct hc_event *ev = fx_next_event();

	CU_ASSERT_PTR_NOT_NULL_FATAL(ev);
	UNIT_EQ(ev->type, HC_EV_SOFT_ERROR);
	UNIT_EQ(ev->reason, HC_REASON_UNREACHABLE);
	UNIT_EQ(ev->info, type << 8 | code);
}

// RFC 1122 4.2.3.9: each reason is worth a word, a repetition is not.
static void another_reason_is_told_and_the_same_again_is_not(void)
{
	static const uint8_t said[][2] = {{3, 1}, {3, 0}, {11, 0}, {3, 1}};
	struct fx_peer p = fx_peer_new();
	const uint8_t *ip;
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		fx_forget();
		UNIT_EQ(hc_send(fx.worker, conn, "x", 1, 0), 1);
		fx_step();
		ip = fx.out[fx.out_count - 1].bytes + FRAME_IP;
		p.ack++;
		for (unsigned i = 0; i < HC_ARRAY_LEN(said); i++)
			for (unsigned again = 0; again < 3; again++) {
				put_error(said[i][0], said[i][1], ip, 28);
				if (!again)
					expect_error(said[i][0], said[i][1]);
				CU_ASSERT_PTR_NULL(fx_next_event());
			}
		// What the second turn says first was said last in this one: news all the same,
		// once something was acknowledged.
		fx_peer_put(&p, FRAME_ACK, 0);
		fx_step();
		UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	}
	fx_forget();
	fx_shut();
}

// Who sees our packets can say something else each time.
static void errors_without_end_are_not_told_without_end(void)
{
	const struct fx_options o = {.set_cfg = few_retries};
	const struct hc_event *ev;
	const uint8_t *ip;

	fx_open(&o);
	ip = connect_to_silence();
	for (unsigned i = 0; i < 100; i++)
		put_error(3, i % 2 ? 1 : 20 + i, ip, 28);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unreachable), 100);
	for (unsigned i = 0; i < 15; i++)
		expect_error(3, i % 2 ? 1 : 20 + i);
	fx_expect_silence();
	// It is the last one that counts all the same.
	put_error(11, 1, ip, 28);
	fx_wait_ms(3100);
	ev = fx_next_event();
	CU_ASSERT_PTR_NOT_NULL_FATAL(ev);
	UNIT_EQ(ev->type, HC_EV_FAILED);
	UNIT_EQ(ev->reason, HC_REASON_UNREACHABLE);
	UNIT_EQ(ev->info, 11 << 8 | 1);
	fx_forget();
	fx_shut();
}

// What ARP says counts as a reason, and is none of those told: it has no event.
static void a_silent_neighbour_takes_no_word_from_icmp(void)
{
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = 7};
	const struct fx_options o = {.is_stranger = true};
	const uint32_t cookie = 1;
	uint8_t ip[28] = {0x45, [9] = 6};
	struct hc_conn_info info;
	hc_conn conn;

	fx_open(&o);
	UNIT_EQ(hc_connect(fx.worker, &args, &cookie, &conn, 1), 1);
	fx_step();
	UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
	frame_put32(ip + 12, info.local_addr);
	frame_put32(ip + 16, info.remote_addr);
	frame_put16(ip + 20, info.local_port);
	frame_put16(ip + 22, info.remote_port);
	frame_put32(ip + 24, fx.worker->block[0].tcb.snd_una);
	put_error(3, 20, ip, 28);
	expect_error(3, 20);
	fx_wait_ms(3500);
	CU_ASSERT(fx_ctr(HC_CTR_tx_unresolved) > 0);
	fx_forget();
	for (unsigned i = 1; i < 20; i++)
		put_error(3, 20 + i, ip, 28);
	for (unsigned i = 1; i < 15; i++)
		expect_error(3, 20 + i);
	fx_expect_silence();
	(void)hc_abort(fx.worker, conn);
	fx_step();
	fx_shut();
}

static void few_data_retries(struct hc_stack_config *cfg)
{
	cfg->data_retries = 3;
}

// @return what the last event says.
static const struct hc_event *wait_for_the_end(void)
{
	const struct hc_event *ev;

	fx_wait_ms(200000);
	while ((ev = fx_next_event()) && ev->type != HC_EV_FAILED && ev->type != HC_EV_RESET)
		;
	CU_ASSERT_PTR_NOT_NULL_FATAL(ev);
	return ev;
}

// Data that is queued, or comes, for the first time after an error does not take it back.
static void data_does_not_forget_a_soft_error(void)
{
	const struct fx_options o = {.set_cfg = few_data_retries};
	struct fx_peer p = fx_peer_new();
	const struct hc_event *ev;
	hc_conn conn;

	fx_open(&o);
	put_error(3, 0, connect_to_silence(), 28);
	conn = fx_expect_event(HC_EV_SOFT_ERROR);
	UNIT_EQ(hc_send(fx.worker, conn, "x", 1, 0), 1);
	ev = wait_for_the_end();
	UNIT_EQ(ev->type, HC_EV_FAILED);
	UNIT_EQ(ev->info, 3 << 8 | 0);
	fx_forget();
	// A FIN is in flight.
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_shutdown(fx.worker, conn), 0);
	fx_step();
	put_error(3, 0, fx.out[fx.out_count - 1].bytes + FRAME_IP, 28);
	UNIT_EQ(fx_expect_event(HC_EV_SOFT_ERROR), conn);
	fx_peer_put(&p, FRAME_ACK, 10);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	ev = wait_for_the_end();
	UNIT_EQ(ev->type, HC_EV_RESET);
	UNIT_EQ(ev->info, 3 << 8 | 0);
	fx_forget();
	fx_shut();
}

static void unreachable_with_a_sequence_number_not_in_flight_is_ignored(void)
{
	const struct fx_options o = {.set_cfg = few_retries};
	const uint8_t *ip;
	uint8_t quote[28];

	fx_open(&o);
	ip = connect_to_silence();
	for (unsigned i = 0; i < 2; i++) {
		memcpy(quote, ip, sizeof quote);
		frame_put32(quote + 24, frame_get32(quote + 24) + (i ? 1u : ~0u));
		put_unreachable(quote, sizeof quote);
	}
	UNIT_EQ(fx_ctr(HC_CTR_icmp_no_connection), 2);
	fx_forget();
	fx_wait_ms(3100);
	fx_expect_reason(HC_EV_FAILED, HC_REASON_TIMED_OUT);
	UNIT_EQ(fx_ctr(HC_CTR_conn_failed_timed_out), 1);
	fx_shut();
}

static void a_refusal_by_icmp_ends_an_opening_and_nothing_else(void)
{
	static const uint8_t refusals[] = {2, 3, 9, 10, 13};

	for (unsigned i = 0; i < sizeof refusals; i++) {
		const uint8_t code = refusals[i];
		struct fx_peer p = fx_peer_new();
		struct hc_conn_info info;
		const uint8_t *ip;
		uint8_t quote[28];
		hc_conn conn;

		fx_open(NULL);
		ip = connect_to_silence();
		memcpy(quote, ip, sizeof quote);
		frame_put32(quote + 24, frame_get32(quote + 24) + 1);
		put_error(3, code, quote, sizeof quote);
		fx_expect_silence();
		// An error before it, that was soft, changes nothing.
		if (i % 2) {
			put_error(3, 1, ip, 28);
			UNIT_EQ(fx_next_event()->info, 3 << 8 | 1);
		}
		put_error(3, code, ip, 28);
		UNIT_EQ(fx_next_event()->info, 3u << 8 | code);
		fx_expect_reason(HC_EV_FAILED, HC_REASON_UNREACHABLE);
		UNIT_EQ(fx_ctr(HC_CTR_conn_failed_unreachable), 1);
		fx_forget();
		// Established, with data in flight: as soft as any.
		conn = fx_connect(&p, 0);
		UNIT_EQ(hc_send(fx.worker, conn, "x", 1, 0), 1);
		fx_step();
		put_error(3, code, fx.out[fx.out_count - 1].bytes + FRAME_IP, 28);
		UNIT_EQ(fx_ctr(HC_CTR_icmp_unreachable), 2 + i % 2);
		UNIT_EQ(hc_conn_info(fx.worker, conn, &info), 0);
		fx_forget();
		fx_shut();
	}
}

// A SYN,ACK is refused as a SYN is: of a half-open connection, and of one that opened from both
// sides.
static void a_refusal_by_icmp_ends_what_is_half_open(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t quote[28];

	fx_open(NULL);
	(void)fx_listen(0);
	fx_open_half(&p);
	memcpy(quote, fx.out[0].bytes + FRAME_IP, sizeof quote);
	frame_put32(quote + 24, frame_get32(quote + 24) + 1);
	put_error(3, 3, quote, sizeof quote); // Not in flight.
	UNIT_EQ(fx_ctr(HC_CTR_icmp_no_connection), 1);
	frame_put32(quote + 24, frame_get32(quote + 24) - 1);
	put_error(3, 1, quote, sizeof quote); // Soft.
	put_error(3, 4, quote, sizeof quote); // Not of this.
	UNIT_EQ(hc_pool_used(&fx.worker->syn_pool), 1);
	put_error(3, 3, quote, sizeof quote);
	UNIT_EQ(hc_pool_used(&fx.worker->syn_pool), 0);
	UNIT_EQ(fx_ctr(HC_CTR_syn_reset), 1);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unreachable), 2);
	fx_expect_silence();
	fx_wait_ms(10000);
	fx_expect_silence();
	p = fx_peer_new();
	(void)connect_to_silence();
	p.local_port = fx.out[0].view.sport;
	p.port = 7;
	fx_forget();
	fx_open_half(&p);
	put_error(3, 3, fx.out[0].bytes + FRAME_IP, 28);
	fx_expect_reason(HC_EV_SOFT_ERROR, HC_REASON_UNREACHABLE);
	fx_expect_reason(HC_EV_FAILED, HC_REASON_UNREACHABLE);
	fx_expect_silence();
	fx_shut();
}

// In one burst, an error behind the segment that makes it old, and before it.
static void run_errors_among_segments(bool is_old, bool is_in_pieces)
{
	struct fx_peer p = fx_peer_new();
	const uint8_t *ip;
	hc_conn conn;

	fx_open(NULL);
	conn = fx_connect(&p, 0);
	UNIT_EQ(hc_send(fx.worker, conn, "x", 1, 0), 1);
	fx_step();
	ip = fx.out[fx.out_count - 1].bytes + FRAME_IP;
	fx_peer_put(&p, FRAME_ACK, 10);
	p.ack++;
	if (is_old)
		fx_peer_put(&p, FRAME_ACK, 10);
	if (is_in_pieces) {
		queue_error_in_pieces(3, 1, ip, 16);
		queue_error_in_pieces(3, 0, ip, 8);
	} else {
		queue_error(3, 1, ip, 28);
		queue_error(3, 0, ip, 28);
	}
	if (!is_old)
		fx_peer_put(&p, FRAME_ACK, 10);
	fx_peer_put(&p, FRAME_ACK | FRAME_FIN, 0);
	fx_step();
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	if (!is_old) {
		expect_error(3, 1);
		expect_error(3, 0);
	}
	UNIT_EQ(fx_expect_event(HC_EV_SENT), conn);
	UNIT_EQ(fx_expect_event(HC_EV_DATA), conn);
	UNIT_EQ(fx_expect_event(HC_EV_PEER_CLOSED), conn);
	CU_ASSERT_PTR_NULL(fx_next_event());
	UNIT_EQ(fx_ctr(HC_CTR_icmp_no_connection), is_old ? 2 : 0);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unreachable), is_old ? 0 : 2);
	UNIT_EQ(fx_ctr(HC_CTR_rx_reassembled), is_in_pieces ? 2 : 0);
	UNIT_EQ(fx_ctr(HC_CTR_rx_packets), is_in_pieces ? 9 : 7); // With ARP and the SYN,ACK.
	fx_forget();
	fx_shut();
}

static void an_error_takes_its_turn_among_segments(void)
{
	for (unsigned i = 0; i < 2; i++)
		run_errors_among_segments(i, false);
}

static void an_error_in_fragments_takes_its_turn_as_well(void)
{
	for (unsigned i = 0; i < 2; i++)
		run_errors_among_segments(i, true);
}

// A SYN is answered before it is refused: what is refused then is old.
static void a_refusal_behind_the_answer_is_too_late(void)
{
	struct fx_peer p = fx_peer_new();
	uint8_t syn[28], synack[28];
	const uint8_t *ip;
	hc_conn conn;

	fx_open(NULL);
	ip = connect_to_silence();
	memcpy(syn, ip, sizeof syn);
	p.local_port = frame_get16(ip + 20);
	p.port = 7;
	p.ack = frame_get32(ip + 24) + 1;
	fx_peer_put(&p, FRAME_SYN | FRAME_ACK, 0);
	queue_error(3, 3, syn, sizeof syn);
	fx_step();
	(void)fx_expect_event(HC_EV_OPENED);
	CU_ASSERT_PTR_NULL(fx_next_event());
	UNIT_EQ(fx_ctr(HC_CTR_icmp_no_connection), 1);
	fx_forget();
	// And a SYN,ACK.
	(void)fx_listen(0);
	p = fx_peer_new();
	fx_open_half(&p);
	memcpy(synack, fx.out[fx.out_count - 1].bytes + FRAME_IP, sizeof synack);
	fx_peer_put(&p, FRAME_ACK, 0);
	queue_error(3, 3, synack, sizeof synack);
	fx_step();
	conn = fx_expect_event(HC_EV_ACCEPTED);
	CU_ASSERT_PTR_NULL(fx_next_event());
	UNIT_EQ(fx_ctr(HC_CTR_syn_reset), 0);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_no_connection), 2);
	fx_close(&p, conn);
	fx_forget();
	fx_shut();
}

static void time_exceeded_and_parameter_problem_are_soft(void)
{
	const uint8_t *ip;

	fx_open(NULL);
	ip = connect_to_silence();
	put_error(11, 0, ip, 28);
	expect_error(11, 0);
	put_error(12, 0, ip, 28);
	expect_error(12, 0);
	put_error(11, 3, ip, 28); // The code alone is no refusal.
	expect_error(11, 3);
	put_error(3, 4, ip, 28); // A SYN is too large for nothing.
	put_error(3, 255, ip, 28);
	expect_error(3, 255);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unreachable), 4);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_bad_mtu), 1);
	put_error(4, 0, ip, 28);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_source_quench), 1);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unknown), 0);
	fx_expect_silence();
	fx_shut();
}

static void an_error_finds_the_worker_of_its_connection(void)
{
	const struct fx_options o = {.queue_count = 2};
	const struct hc_connect_args args = {.remote_addr = FX_PEER, .remote_port = 7};
	const uint32_t cookie = 1;

	fx_open(&o);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t frame[FRAME_MAX];
		uint32_t len;

		UNIT_EQ(hc_connect(fx.w[i], &args, &cookie, NULL, 1), 1);
		fx_step();
		CU_ASSERT_FATAL(fx.out_count > 0);
		len = frame_write_echo(frame, 0, 0, fx.out[fx.out_count - 1].bytes + FRAME_IP, 28);
		memset(frame, 0, 6);
		frame[FRAME_L4] = 3;
		frame[FRAME_L4 + 1] = 3;
		frame_fix_l4_csum(frame, len);
		fx_put_queue(1 - i, frame, len); // To the other's queue.
		fx_step();
		fx_step();
	}
	UNIT_EQ(fx_ctr(HC_CTR_conn_failed_unreachable), 2);
	fx_forget();
	fx_shut();
}

static void garbage_in_an_error_is_ignored(void)
{
	uint8_t quote[60];
	const uint8_t *ip;

	fx_open(NULL);
	ip = connect_to_silence();
	for (uint32_t quoted = 0; quoted < 28; quoted++)
		put_unreachable(ip, quoted);
	// Not IPv4, a header too long or too short, not TCP, another's connection.
	for (unsigned at = 0; at < 24; at++) {
		memcpy(quote, ip, 28);
		if (at != 0 && at != 9 && at != 12 && at != 16 && at != 20 && at != 22)
			continue;
		quote[at] ^= at ? 1 : 0xa0;
		put_unreachable(quote, 28);
	}
	memcpy(quote, ip, 28);
	quote[0] = 0x4f;
	put_unreachable(quote, 28);
	quote[0] = 0x44;
	put_unreachable(quote, 28);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_no_connection), 28 + 6 + 2);
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unreachable), 0);
	fx_forget();
	fx_shut();
}

static void other_types_are_counted(void)
{
	static const uint8_t type[][2] = {{0, 0}, {5, 0}, {9, 0}, {8, 1}, {13, 0}, {255, 255}};
	uint8_t frame[FRAME_MAX];

	fx_open(NULL);
	for (unsigned i = 0; i < HC_ARRAY_LEN(type); i++) {
		uint32_t len = write_echo(frame, 4);

		frame[FRAME_L4] = type[i][0];
		frame[FRAME_L4 + 1] = type[i][1];
		frame_fix_l4_csum(frame, len);
		fx_put(frame, len);
	}
	fx_step();
	fx_expect_silence();
	UNIT_EQ(fx_ctr(HC_CTR_icmp_unknown), HC_ARRAY_LEN(type));
	fx_shut();
}

UNIT_SUITE(icmp, UNIT_TEST(an_echo_request_of_any_length_is_answered),
	   UNIT_TEST(a_broadcast_echo_request_is_ignored),
	   UNIT_TEST(unreachable_says_why_a_connection_was_given_up),
	   UNIT_TEST(another_reason_is_told_and_the_same_again_is_not),
	   UNIT_TEST(errors_without_end_are_not_told_without_end),
	   UNIT_TEST(a_silent_neighbour_takes_no_word_from_icmp),
	   UNIT_TEST(data_does_not_forget_a_soft_error),
	   UNIT_TEST(unreachable_with_a_sequence_number_not_in_flight_is_ignored),
	   UNIT_TEST(a_refusal_by_icmp_ends_an_opening_and_nothing_else),
	   UNIT_TEST(a_refusal_by_icmp_ends_what_is_half_open),
	   UNIT_TEST(an_error_takes_its_turn_among_segments),
	   UNIT_TEST(an_error_in_fragments_takes_its_turn_as_well),
	   UNIT_TEST(a_refusal_behind_the_answer_is_too_late),
	   UNIT_TEST(time_exceeded_and_parameter_problem_are_soft),
	   UNIT_TEST(an_error_finds_the_worker_of_its_connection),
	   UNIT_TEST(garbage_in_an_error_is_ignored), UNIT_TEST(other_types_are_counted));
