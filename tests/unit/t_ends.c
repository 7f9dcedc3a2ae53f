// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Times that need both ends of a connection: two hosts on one wire and one clock, stepped in turn,
// so that the test knows how long everything takes.

#include "fx_stack.h"

#include "stack/ends.h"

#include <string.h>

#define OTHER_PORT 81u

// What a turn of each side takes. In stamps (64 ns) there is no rounding.
#define OPENER_NS   (10 * 64000ull)
#define ACCEPTOR_NS (3 * 64000ull)
#define ROUND_NS    (OPENER_NS + ACCEPTOR_NS)

static struct hc_worker *opener, *acceptor;
static uint32_t rcv_buf_bytes; // The acceptor's, if not 0.

static void set_opener(struct hc_stack_config *cfg)
{
	cfg->keeps_end_times = true;
	cfg->keeps_planned_times = true;
	cfg->syn_retries = 3;
}

static void take_turn(struct hc_worker *w, uint64_t takes_ns)
{
	fx.event_count +=
		hc_step(w, fx.now_ns, fx.event + fx.event_count, FX_EVENTS_MAX - fx.event_count);
	hc_flush(w);
	fx.now_ns += takes_ns;
}

static void turn_opener(void)
{
	take_turn(opener, OPENER_NS);
}

static void turn_acceptor(void)
{
	take_turn(acceptor, ACCEPTOR_NS);
}

static uint64_t count_of(enum hc_latency which)
{
	return hc_worker_latency(opener, which)->count + hc_worker_latency(acceptor, which)->count;
}

// There is exactly one such time, at this worker, and it is this long.
static void expect_time(const struct hc_worker *at, enum hc_latency which, uint64_t ns)
{
	const struct hc_hist *h = hc_worker_latency(at, which);

	UNIT_EQ(count_of(which), 1);
	UNIT_EQ(h->count, 1);
	UNIT_EQ(h->min_ns, ns);
	UNIT_EQ(h->max_ns, ns);
}

static hc_conn event_of(enum hc_event_type type)
{
	hc_conn conn = HC_CONN_NONE;

	for (unsigned i = 0; i < fx.event_count; i++) {
		if (fx.event[i].type == type)
			conn = fx.event[i].conn;
	}
	CU_ASSERT_FATAL(conn != HC_CONN_NONE);
	return conn;
}

static void connect_planned(struct hc_worker *from, uint32_t addr, uint16_t port,
			    const uint64_t *planned_ns)
{
	const struct hc_connect_args args = {
		.remote_addr = addr, .remote_port = port, .planned_ns = planned_ns};
	static const uint32_t cookie;

	UNIT_EQ(hc_connect(from, &args, &cookie, NULL, 1), 1);
	hc_flush(from);
}

static void connect_to(struct hc_worker *from, uint32_t addr, uint16_t port)
{
	connect_planned(from, addr, port, NULL);
}

static void forget(void)
{
	hc_worker_latency_reset(opener);
	hc_worker_latency_reset(acceptor);
	fx_forget();
}

// The SYN leaves in the opener's turn.
static void open_connection(void)
{
	turn_opener();
	connect_to(opener, FX_PEER, FX_PORT);
	turn_acceptor();
	turn_opener();
	turn_acceptor();
}

static void begin(bool can_merge)
{
	const struct hc_listen_args listen = {
		.port = FX_PORT,
		.backlog = 4,
		.flags = can_merge ? HC_CONN_MERGE_CLOSE : 0,
	};
	struct hc_stack_config cfg;
	const char *bad;

	fx_open(&(struct fx_options){.set_cfg = set_opener, .is_stranger = true});
	opener = fx.worker;
	cfg = fx.cfg;
	cfg.local_addr = FX_PEER;
	cfg.keeps_end_times = cfg.keeps_planned_times = false;
	cfg.rcv_buf_bytes = rcv_buf_bytes ? rcv_buf_bytes : cfg.rcv_buf_bytes;
	CU_ASSERT_FATAL(hc_worker_create(fx.port[1], 0, &cfg, &acceptor, &bad) == 0);
	hc_worker_join_ends(opener, acceptor);
	CU_ASSERT(hc_listen(acceptor, &listen) >= 0);
	for (unsigned i = 0; i < 4; i++) {
		turn_opener();
		turn_acceptor();
	}
	// Both learn each other's MAC by a connection that is not looked at.
	open_connection();
	for (unsigned i = 0; i < 4; i++) {
		turn_opener();
		turn_acceptor();
	}
	UNIT_EQ(hc_abort(acceptor, event_of(HC_EV_ACCEPTED)), 0);
	turn_acceptor();
	turn_opener();
	UNIT_EQ(count_of(HC_LATENCY_TEARDOWN), 0);
	forget();
}

static void end(void)
{
	char why[256];
	bool is_good = hc_worker_audit(acceptor, why, sizeof why);

	if (!is_good)
		CU_FAIL(why);
	hc_worker_destroy(acceptor);
	fx_shut();
}

static void establishment_ends_with_the_final_ack_at_the_acceptor(void)
{
	begin(false);
	open_connection();
	expect_time(acceptor, HC_LATENCY_ESTABLISH, 2 * ACCEPTOR_NS + 2 * OPENER_NS - ACCEPTOR_NS);
	expect_time(opener, HC_LATENCY_CONNECT, ROUND_NS);
	UNIT_EQ(count_of(HC_LATENCY_TEARDOWN), 0);
	end();
}

static void it_is_corrected_by_when_it_was_due(void)
{
	const uint64_t late_ns[] = {0, FX_MS, 7000 * FX_MS};

	begin(false);
	for (unsigned i = 0; i < sizeof late_ns / sizeof *late_ns; i++) {
		uint64_t planned_ns;

		turn_opener();
		planned_ns = fx.now_ns - OPENER_NS - late_ns[i];
		connect_planned(opener, FX_PEER, FX_PORT, &planned_ns);
		turn_acceptor();
		turn_opener();
		turn_acceptor();
		expect_time(acceptor, HC_LATENCY_ESTABLISH, ACCEPTOR_NS + 2 * OPENER_NS);
		expect_time(acceptor, HC_LATENCY_ESTABLISH_CORRECTED,
			    late_ns[i] + ACCEPTOR_NS + 2 * OPENER_NS);
		forget();
	}
	end();
}

// Its tuple may have served one that was due.
static void what_was_not_due_is_not_corrected(void)
{
	begin(false);
	memset(opener->ends.planned, 0xff,
	       opener->ends.tuples.count * sizeof *opener->ends.planned);
	open_connection();
	UNIT_EQ(count_of(HC_LATENCY_ESTABLISH), 1);
	UNIT_EQ(count_of(HC_LATENCY_ESTABLISH_CORRECTED), 0);
	end();
}

static void a_syn_sent_again_counts_from_the_first(void)
{
	struct rte_mbuf *m;
	uint64_t from_ns;

	begin(false);
	turn_opener();
	from_ns = fx.now_ns - OPENER_NS;
	connect_to(opener, FX_PEER, FX_PORT);
	UNIT_EQ(rte_eth_rx_burst(fx.port[1]->port_id, 0, &m, 1), 1);
	rte_pktmbuf_free(m);
	fx.now_ns += 1200 * FX_MS;
	turn_opener();
	turn_acceptor();
	turn_opener();
	expect_time(opener, HC_LATENCY_CONNECT, fx.now_ns - OPENER_NS - from_ns);
	turn_acceptor();
	expect_time(acceptor, HC_LATENCY_ESTABLISH, fx.now_ns - ACCEPTOR_NS - from_ns);
	end();
}

// From `first`'s FIN until the second is closed.
static void tear_down_by(struct hc_worker *first, struct hc_worker *second, unsigned rounds)
{
	bool is_opener = first == opener;
	hc_conn near, far;
	uint64_t from_ns;

	open_connection();
	near = event_of(is_opener ? HC_EV_OPENED : HC_EV_ACCEPTED);
	far = event_of(is_opener ? HC_EV_ACCEPTED : HC_EV_OPENED);
	forget();
	take_turn(first, 0);
	from_ns = fx.now_ns;
	UNIT_EQ(hc_close(first, near), 0);
	hc_flush(first);
	fx.now_ns += OPENER_NS;
	fx.event_count += hc_step(second, fx.now_ns, fx.event, FX_EVENTS_MAX);
	UNIT_EQ(event_of(HC_EV_PEER_CLOSED), far);
	UNIT_EQ(hc_close(second, far), 0);
	hc_flush(second);
	for (unsigned i = 0; i < rounds; i++) {
		UNIT_EQ(count_of(HC_LATENCY_TEARDOWN), 0);
		fx.now_ns += ACCEPTOR_NS;
		take_turn(first, OPENER_NS);
		take_turn(second, 0);
	}
	expect_time(second, HC_LATENCY_TEARDOWN, fx.now_ns - from_ns);
	UNIT_EQ(hc_worker_latency(first, HC_LATENCY_CLOSE)->max_ns, ROUND_NS);
	UNIT_EQ(hc_worker_latency(second, HC_LATENCY_CLOSE)->count, 0);
}

static void tear_down_ends_when_the_second_side_is_closed(void)
{
	begin(false);
	tear_down_by(opener, acceptor, 1);
	end();
	begin(false);
	tear_down_by(acceptor, opener, 1);
	end();
}

static void a_three_way_close_is_a_tear_down_too(void)
{
	begin(true);
	tear_down_by(opener, acceptor, 1);
	end();
}

static void crossing_fins_are_one_tear_down_that_the_later_side_ends(void)
{
	hc_conn near, far;
	uint64_t from_ns;

	begin(false);
	open_connection();
	near = event_of(HC_EV_OPENED);
	far = event_of(HC_EV_ACCEPTED);
	forget();
	turn_opener();
	// The acceptor's FIN counts as sent when its turn began, which was before the opener's.
	from_ns = fx.now_ns - OPENER_NS - ACCEPTOR_NS;
	UNIT_EQ(hc_close(opener, near), 0);
	UNIT_EQ(hc_close(acceptor, far), 0);
	hc_flush(opener);
	hc_flush(acceptor);
	turn_opener(); // Has the acceptor's FIN.
	UNIT_EQ(hc_worker_latency(opener, HC_LATENCY_CLOSE)->count, 0);
	turn_acceptor(); // Has the opener's, and the ACK of its own.
	UNIT_EQ(event_of(HC_EV_CLOSED), far);
	UNIT_EQ(count_of(HC_LATENCY_TEARDOWN), 0);
	turn_opener();
	UNIT_EQ(event_of(HC_EV_CLOSED), near);
	expect_time(opener, HC_LATENCY_TEARDOWN, fx.now_ns - OPENER_NS - from_ns);
	end();
}

static void a_reset_is_no_tear_down(void)
{
	hc_conn near, far;

	begin(false);
	open_connection();
	near = event_of(HC_EV_OPENED);
	far = event_of(HC_EV_ACCEPTED);
	turn_opener();
	UNIT_EQ(hc_close(opener, near), 0);
	hc_flush(opener);
	turn_acceptor();
	UNIT_EQ(hc_abort(acceptor, far), 0);
	hc_flush(acceptor);
	turn_opener();
	(void)event_of(HC_EV_RESET);
	UNIT_EQ(count_of(HC_LATENCY_TEARDOWN), 0);
	end();
}

// A connection the other way round: the acceptor opens it.
static void open_the_other_way(void)
{
	const struct hc_listen_args listen = {.port = OTHER_PORT, .backlog = 4};

	CU_ASSERT(hc_listen(opener, &listen) >= 0);
	turn_acceptor();
	connect_to(acceptor, FX_LOCAL, OTHER_PORT);
	for (unsigned i = 0; i < 3; i++) {
		turn_opener();
		turn_acceptor();
	}
}

// It is opened from an address that is none of the opener's tuples.
static void what_the_opener_did_not_open_has_no_such_times(void)
{
	begin(false);
	open_the_other_way();
	UNIT_EQ(hc_close(opener, event_of(HC_EV_ACCEPTED)), 0);
	hc_flush(opener);
	turn_acceptor();
	UNIT_EQ(hc_close(acceptor, event_of(HC_EV_PEER_CLOSED)), 0);
	hc_flush(acceptor);
	turn_opener();
	turn_acceptor();
	(void)event_of(HC_EV_CLOSED);
	UNIT_EQ(hc_worker_latency(acceptor, HC_LATENCY_CONNECT)->count, 1);
	UNIT_EQ(count_of(HC_LATENCY_ESTABLISH), 0);
	UNIT_EQ(count_of(HC_LATENCY_TEARDOWN), 0);
	end();
}

static void a_fin_that_probes_a_closed_window_is_the_first(void)
{
	static const uint8_t text[4096];
	hc_conn near, far;
	uint64_t from_ns = 0;
	uint8_t got[sizeof text];

	rcv_buf_bytes = sizeof text;
	begin(false);
	rcv_buf_bytes = 0;
	open_connection();
	near = event_of(HC_EV_OPENED);
	far = event_of(HC_EV_ACCEPTED);
	forget();
	UNIT_EQ(hc_send(opener, near, text, sizeof text, HC_SEND_STATIC), sizeof text);
	for (unsigned i = 0; i < 4; i++) {
		turn_opener();
		turn_acceptor();
	}
	UNIT_EQ(hc_close(opener, near), 0);
	forget();
	// Until the window is probed.
	for (unsigned i = 0; i < 100000 && !fx.event_count; i++) {
		from_ns = fx.now_ns;
		turn_opener();
		turn_acceptor();
	}
	UNIT_EQ(event_of(HC_EV_PEER_CLOSED), far);
	UNIT_EQ(hc_recv_copy(acceptor, far, got, sizeof got), sizeof got);
	UNIT_EQ(hc_close(acceptor, far), 0);
	hc_flush(acceptor);
	turn_opener();
	turn_acceptor();
	expect_time(acceptor, HC_LATENCY_TEARDOWN, fx.now_ns - ACCEPTOR_NS - from_ns);
	end();
}

// As far as stamps reach before they come round, which is 274 s.
static void a_tear_down_may_take_minutes(void)
{
	hc_conn near, far;
	uint64_t from_ns;

	begin(false);
	open_connection();
	near = event_of(HC_EV_OPENED);
	far = event_of(HC_EV_ACCEPTED);
	forget();
	turn_opener();
	from_ns = fx.now_ns - OPENER_NS;
	UNIT_EQ(hc_shutdown(opener, near), 0);
	hc_flush(opener);
	turn_acceptor();
	turn_opener();
	fx.now_ns += 250000 * FX_MS;
	turn_acceptor();
	UNIT_EQ(hc_close(acceptor, far), 0);
	hc_flush(acceptor);
	turn_opener();
	turn_acceptor();
	UNIT_EQ(count_of(HC_LATENCY_TEARDOWN), 1);
	UNIT_EQ(hc_worker_latency(acceptor, HC_LATENCY_TEARDOWN)->max_ns,
		fx.now_ns - ACCEPTOR_NS - from_ns);
	end();
}

static void what_the_acceptor_opens_touches_no_stamp(void)
{
	struct hc_end_stamps *at;
	uint32_t count;

	begin(false);
	at = opener->ends.at;
	count = opener->ends.tuples.count;
	memset(at, 0, count * sizeof *at);
	open_the_other_way();
	UNIT_EQ(hc_close(acceptor, event_of(HC_EV_OPENED)), 0);
	hc_flush(acceptor);
	turn_opener();
	UNIT_EQ(hc_close(opener, event_of(HC_EV_PEER_CLOSED)), 0);
	hc_flush(opener);
	turn_acceptor();
	turn_opener();
	(void)event_of(HC_EV_CLOSED);
	for (uint32_t i = 0; i < count; i++)
		UNIT_EXPECT(at[i].opened == HC_ENDS_NOTHING && at[i].fin == HC_ENDS_NOTHING);
	end();
}

UNIT_SUITE(ends, UNIT_TEST(establishment_ends_with_the_final_ack_at_the_acceptor),
	   UNIT_TEST(it_is_corrected_by_when_it_was_due),
	   UNIT_TEST(what_was_not_due_is_not_corrected),
	   UNIT_TEST(a_syn_sent_again_counts_from_the_first),
	   UNIT_TEST(tear_down_ends_when_the_second_side_is_closed),
	   UNIT_TEST(a_three_way_close_is_a_tear_down_too),
	   UNIT_TEST(crossing_fins_are_one_tear_down_that_the_later_side_ends),
	   UNIT_TEST(a_reset_is_no_tear_down),
	   UNIT_TEST(what_the_opener_did_not_open_has_no_such_times),
	   UNIT_TEST(a_fin_that_probes_a_closed_window_is_the_first),
	   UNIT_TEST(a_tear_down_may_take_minutes),
	   UNIT_TEST(what_the_acceptor_opens_touches_no_stamp));
