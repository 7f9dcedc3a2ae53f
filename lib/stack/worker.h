// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The worker: everything one lcore's stack owns. One file of this layer is one stage or one
// concern; this header holds the state they share and nothing else.
//
//   step.c    the step: receive, parse, look up, run, timers, publish
//   run.c     what a segment does to its flow: carries out the core's verdicts
//   cookies.c SYN cookies: answered and taken back
//   claim.c   our own addresses: probed for, announced, defended
//   fastopen.c  SYNs and SYN,ACKs with more in them than usual
//   expire.c  what time does to flows
//   tx.h      packet buffers and frames on their way out; flush.c sends them, bulk.c large ones
//   neigh.c   ARP and next hops         icmp.c   ICMP
//   layout.c  the order of options in our SYNs
//   fragment.c  IPv4 fragments, both ways    pmtu.c  path MTU
//   tuple.h   source tuples of connect()     ends.h    times of connections with both ends ours
//   times.h   times are recorded
//   option.c  options of a connection
//   keep.c    keep-alive
//   flood.c   a SYN flood, made or watched
//   data.c    send and receive queues   held.c   text ahead of its turn
//   conn.c    the application's calls   worker.c life, statistics, audit
//
// Memory: every array is taken at creation, on the port's NUMA node, and is indexed by 32 bits.

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <handclasp/stack.h>

#include "base/hist_inline.h"
#include "base/pool.h"
#include "base/rng.h"
#include "stack/fragment.h"
#include "stack/held.h"
#include "stack/pmtu.h"
#include "stack/port.h"
#include "tcp/cookie.h"
#include "tcp/fastopen.h"
#include "tcp/input.h"
#include "tcp/liveness.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/syn.h"
#include "tcp/table.h"
#include "tcp/tcb.h"
#include "tcp/timer.h"
#include "tcp/tlp.h"
#include "tcp/tw.h"
#include "wire/build.h"
#include "wire/parse.h"

#define HC_BURST_MAX     128u
#define HC_TW_AHEAD      64u // TIME-WAITs whose end is prepared.
#define HC_SPARE_MAX     128u
#define HC_SPARE_BULK    32u
#define HC_TX_MAX        1024u
#define HC_COALESCE_MAX  256u // A received piece of at most this is copied behind another.
#define HC_NEIGH_NONE    0    // The entry that is nobody's.
#define HC_LISTENER_NONE UINT16_MAX

// A piece of queued send data: somebody's static bytes, or a copy in a packet buffer of ours.
struct hc_span {
	const uint8_t *data;
	struct rte_mbuf *owner; // NULL: static.
	uint32_t len;
	uint32_t next;
};

// Application data of a connection, beside the TCB: touched only once data flows (HC_TCB_DATA). One
// cache line, with room for the one span that a short request or response is.
struct hc_sock {
	/*  0 */ uint32_t snd_head; // First span of the send queue, HC_IDX_NONE: empty.
	/*  4 */ uint32_t snd_tail;
	/*  8 */ hc_seq snd_first; // Sequence number of the first byte of the first span.
	/* 12 */ uint32_t readable_bytes;
	/* 16 */ struct rte_mbuf *rcv_head; // Received, not yet taken; linked by mbuf next.
	/* 24 */ struct rte_mbuf *rcv_tail;
	/* 32 */ struct hc_span own_span; // HC_SPAN_OWN, used when the queue is empty.
	/* 56 */ uint16_t mss_full;       // Before the path MTU lowered it; 0: it has not.
	/* 58 */ uint16_t soft_error;     // With HC_TCB_SOFT_ERROR, data or not: icmp.c.
	/* 60 */ uint32_t holding;        // Of what is held out of order, with HC_RECEIVING_HOLDS.
};
HC_STATIC_ASSERT(sizeof(struct hc_sock) == 64, "the data of a connection is one cache line");

// A connection: what every segment needs first, each part beginning on a line of its own. One
// address leads to all.
struct hc_block {
	struct hc_tcb tcb;
	struct hc_tcb_cold cold;
	struct hc_sock sock; // With HC_TCB_DATA.
};
HC_STATIC_ASSERT(sizeof(struct hc_block) == 256, "blocks are found by a shift");

#define HC_SPAN_OWN (HC_IDX_NONE - 1) // The span in the sock itself.

struct hc_listener {
	uint16_t port;
	uint16_t tcb_flags; // enum hc_tcb_flags of its connections.
	uint32_t backlog;
	uint32_t half_open_count;
	uint32_t cookie;
	bool is_open;
	bool has_fast_open; // HC_CONN_FAST_OPEN.
	bool has_shape;
	struct hc_shape shape; // Of its SYN,ACKs and its connections.
};

// The arrays of a worker (memory.h has their sizes).
enum hc_array {
	HC_ARRAY_BLOCK,
	HC_ARRAY_TCB_POOL,
	HC_ARRAY_PENDING,
	HC_ARRAY_LATE,
	HC_ARRAY_SYN,
	HC_ARRAY_SYN_POOL,
	HC_ARRAY_TW,
	HC_ARRAY_SPAN,
	HC_ARRAY_SPAN_POOL,
	HC_ARRAY_HOLDING,
	HC_ARRAY_HOLDING_POOL,
	HC_ARRAY_TABLE,
	HC_ARRAY_TUPLES,
	HC_ARRAY_ENDS,
	HC_ARRAY_PLANNED,
	HC_ARRAY_TCB_WHEEL,
	HC_ARRAY_SYN_WHEEL,
	HC_ARRAY_LISTENER,
	HC_ARRAY_PORTS,
	HC_ARRAY_NEIGH,
	HC_ARRAY_NEIGH_BUCKETS,
	HC_ARRAY_DATAGRAM,
	HC_ARRAY_DATAGRAM_AREA,
	HC_ARRAY_BOARD,
	HC_ARRAY_BOARD_POOL,
	HC_ARRAY_LIVE,
	HC_ARRAY_LIVE_POOL,
	HC_ARRAY_COUNT
};

enum hc_neigh_state {
	HC_NEIGH_FREE,
	HC_NEIGH_INCOMPLETE, // Asked for, no answer yet: packets wait.
	HC_NEIGH_REACHABLE,
	HC_NEIGH_PROBE,  // Too old: used on, and asked for again.
	HC_NEIGH_FAILED, // Did not answer: packets are dropped, asked again after a while.
};

struct hc_neigh {
	struct hc_l2_template l2; // Good in REACHABLE and PROBE.
	// Whom it leads to, as long as it does: addresses that equal match under mask. The
	// gateway's mask is 0, an entry without an answer matches nobody.
	uint32_t match;
	uint32_t match_mask;
	hc_be32 addr_be;
	uint8_t state; // enum hc_neigh_state.
	bool is_usable;
	uint8_t tries;
	uint8_t waiting_count;
	uint32_t deadline_ms;
	uint32_t next;                 // In its hash chain, by address.
	struct rte_mbuf *waiting_head; // Linked by mbuf next.
	struct rte_mbuf *waiting_tail;
};

// Whether the entry's template leads to this address.
HC_ALWAYS_INLINE bool hc_neigh_is_for(const struct hc_neigh *n, hc_be32 remote_be)
{
	return (((HC_FORCE uint32_t)remote_be ^ n->match) & n->match_mask) == 0;
}

// The announcements of our addresses.
struct hc_announcing {
	uint32_t at;          // The next one's number in the round under way.
	uint32_t round_at_ms; // When the next round begins, of
	uint32_t rounds_left; // ... so many.
	bool is_under_way;
};

struct hc_neighs {
	struct hc_neigh *entry;
	uint32_t *bucket; // Heads of the hash chains, HC_IDX_NONE: empty.
	uint32_t bucket_mask;
	uint32_t cap;
	uint32_t count; // Entries ever used: the first `count` are not FREE.
	uint32_t queue_cap;
	uint32_t ttl_ms;
	uint32_t scan;        // Where the housekeeping goes on.
	uint16_t gateway_idx; // HC_NEIGH_NONE without a gateway.
	hc_be32 net_be;
	hc_be32 mask_be;
	uint32_t defended_ms; // When we last answered a conflict (RFC 5227 2.4).
	bool has_defended;
	struct hc_announcing announcing;
};

// Probing for our addresses, before the first step that does anything else.
struct hc_claiming {
	uint8_t state; // enum hc_claim_state.
	bool has_begun;
	uint8_t mac[6];  // Of who has ...
	hc_be32 addr_be; // ... this one, with HC_CLAIM_TAKEN.
	uint32_t at;     // The next address's number in the round under way.
	uint32_t rounds; // Sent whole.
	uint32_t due_ms;
};

// Source tuples of the client side. Slot = port slot << addr_bits | address slot, so that the
// cursor goes through addresses first and memory in order. A slot names its connection or TIME-WAIT
// mini: the client looks its segments up here and needs no hash.
struct hc_tuples {
	hc_ref *slot;
	uint32_t count; // Slots; 0: no client side.
	uint32_t addr_base;
	uint32_t addr_count; // A power of two.
	uint32_t addr_bits;
	uint32_t port_lo;
	uint32_t port_count;
	uint32_t cursor;
	uint32_t used_count;
	uint32_t saved_tries; // Slots a search may look at beyond the usual number.
	bool skips_edges;     // The first and last address of a prefix are nobody's.
	bool checks_owner;
	bool checks_listeners;
};

struct hc_end_stamps {
	_Alignas(8) uint32_t opened; // Of the first SYN, until it is accepted.
	uint32_t fin;                // Of the first FIN.
};
HC_STATIC_ASSERT(sizeof(struct hc_end_stamps) == 8, "both are written at once");

// Connections whose other end is ours too (ends.h).
struct hc_ends {
	struct hc_end_stamps *at; // By tuple slot, shared by both ends.
	uint32_t *planned;        // The same, of when it was due.
	struct hc_tuples tuples;  // Which slot is whose, at the side that opens; without slots.
	uint8_t role;             // Bits of enum hc_ends_role; 0: the other ends are foreign.
};

enum hc_ends_role {
	HC_ENDS_OPENER = 1,   // We open.
	HC_ENDS_ACCEPTOR = 2, // The other side does.
	HC_ENDS_PLANNED = 4,  // And tells when each was due.
};

// A SYN flood (flood.c): ours, and one of others that is watched.
struct hc_flooding {
	bool is_on;
	bool has_begun; // Its schedule.
	uint32_t per_s;
	uint64_t at_ns;  // The schedule is worked out up to here.
	int64_t passed;  // Of time since the slot of the next SYN began, in billionths of a slot.
	uint32_t moment; // Of that slot, at which it is due.
	hc_be32 remote_be;
	hc_be16 rport_be;
	uint32_t addr_first, addr_count;
	uint16_t port_first, port_count;
	hc_be32 sources_be, sources_mask_be; // All 0: there never was one.
	hc_be32 watched_be, watched_mask_be; // All 0: none is.
	struct hc_rng rng;
};

// Times of one histogram that are the same, one after the other, and still to be recorded
// (times.h).
struct hc_time_run {
	uint32_t units;
	uint32_t count;
};

struct hc_stage_clock {
	bool is_on;
	uint64_t last;
	uint64_t cycles[HC_STAGE_COUNT];
};

struct hc_worker {
	/* What every step touches. */
	uint16_t port_id;
	uint16_t queue;
	uint16_t burst;
	uint16_t queue_count;
	unsigned trust_all; // Set when the port's checksum flags are to be looked at.
	bool has_tx_csum;
	bool has_tso;   // The port cuts bulk data into segments.
	bool has_data;  // Data has flowed, so the queues of connections are worth a prefetch.
	bool redirects; // Frames of other workers' flows may arrive here.
	bool is_started;
	bool has_errand;     // A step begins with something else: the start, or a flood.
	bool has_keepalive;  // Every connection has, from its opening on.
	bool always_cookies; // HC_SYN_COOKIES_ALWAYS.
	bool is_choosy;      // Some limit of `admission` is in force.
	bool looks_at_syns;  // Either of them, or a flood is watched: a SYN is more than a
			     // listener's backlog.
	bool has_odd_syn;    // Our SYNs are not all alike: fastopen.c.
	bool lays_out_syns;  // Not HC_SYN_LAYOUT_BUILT.
	bool has_shapes;     // A connection or listener has one, or had.
	bool reworks_tx;     // Either.
	uint32_t ts_offset;
	rte_rwlock_t *gate;  // The port's.
	uint64_t next_ms_ns; // When env.now_ms moves on.
	uint64_t publish_ns;
	uint32_t rcv_most; // With so much of a receive window on offer nothing is told of more.
	uint32_t paws_ms;  // When TS.Recent of all connections was looked at last.

	struct hc_tcp_env env;
	struct hc_parse_env parse_env;

	struct hc_block *block;
	struct hc_syn_mini *syn;
	struct hc_tw_ring tw;
	// Of the TIME-WAITs at [tw.head, pos), HC_TW_AHEAD at most, is known where each is
	// referenced from, by position. Holes among them are from nowhere.
	struct {
		uint32_t pos;
		uint32_t where[HC_TW_AHEAD];
	} tw_ahead;
	struct hc_table table;
	struct hc_timers tcb_timers;
	struct hc_timers syn_timers;
	unsigned fifo_rto_init; // FIFOs of tcb_timers.
	unsigned fifo_rto_min;
	unsigned fifo_fw2;
	unsigned fifo_ack;
	unsigned syn_fifo_rto_init; // FIFO of syn_timers.
	struct hc_pool tcb_pool;
	struct hc_pool syn_pool;
	struct hc_pool span_pool;
	struct hc_span *span;
	struct hc_pool holding_pool;
	struct hc_holding *holding;
	uint32_t held_buf_count; // Buffers held out of order, by all connections.
	uint32_t held_buf_max;
	uint32_t held_buf_conn_max;
	struct hc_boards boards;
	struct hc_lives lives;
	struct hc_tuples tuples;
	struct hc_ends ends;
	struct hc_neighs neighs;
	struct hc_claiming claim;
	struct hc_flooding flood;

	struct hc_listener *listener;
	uint32_t listener_cap;
	uint32_t listener_count;
	uint16_t *listener_by_port; // 65 536, by host-order port.
	struct hc_cookies cookies;
	struct hc_admission admission;
	uint32_t admitted;
	struct hc_rng admission_rng;

	/* Events of the step under way. */
	struct hc_event *events;
	unsigned event_count;
	unsigned event_max;
	struct hc_event *late; // Of application calls between steps: a ring of late_cap.
	uint32_t late_cap;
	uint32_t late_head;
	uint32_t late_tail;

	/* Connections that closed with data nobody has taken yet: kept until the next step. */
	unsigned retired_count;
	uint32_t retired[2 * HC_BURST_MAX];

	/* Connections that wait for the flush. */
	uint32_t *pending;
	uint32_t pending_count;

	/* Buffers. */
	struct rte_mempool *pool;
	unsigned spare_count;
	unsigned tx_count;
	uint64_t tx_bytes;    // Of the frames in tx, as they will be on the wire.
	uint32_t tx_cut_more; // Segments that the port will make of them, less the frames.
	struct rte_mbuf *spare[HC_SPARE_MAX];
	struct rte_mbuf *tx[HC_TX_MAX];
	struct rte_mbuf *rx[HC_BURST_MAX];
	struct hc_seg seg[HC_BURST_MAX] HC_ALIGN_LINE;
	struct rte_mbuf *seg_mbuf[HC_BURST_MAX];
	struct rte_mbuf *icmp_waiting; // For the segments before it in the burst, NULL: none is.

	struct hc_stage_clock stage;
	uint64_t ctr[HC_CTR_COUNT] HC_ALIGN_LINE;
	struct hc_time_run time_run[HC_LATENCY_COUNT];
	struct hc_hist latency[HC_LATENCY_COUNT];

	/* Published for other threads, guarded by a sequence count (odd: being written). */
	uint32_t snapshot_seq;
	struct hc_snapshot snapshot;

	struct hc_turning_keys fastopen_keys;
	struct hc_fastopen_cache fastopen;
	uint32_t fastopen_pending; // Connections with HC_SWITCH_SYN_OWED.
	uint32_t fastopen_resets;  // Of them, reset, and counted until then.
	uint32_t fastopen_resets_until_ms;

	struct hc_reasm reasm;
	struct hc_pmtus pmtus;
	struct hc_port *port;
	struct hc_stack_config cfg;
	void *array[HC_ARRAY_COUNT];
	uint8_t rss_key_be[64]; // In the order rte_softrss_be() wants.
};

/* ------------------------------------------------------------------------------- small helpers */

// The generation, and above it the index, inverted, so that HC_CONN_NONE names a block beyond all
// that there are. All 64 bits count: any other word is no handle.
HC_ALWAYS_INLINE hc_conn hc_handle(const struct hc_worker *w, uint32_t idx)
{
	return ~(uint64_t)idx << 16 | w->block[idx].tcb.gen;
}

// The TCB of a handle's generation, HC_IDX_NONE when there is none. It may be free: generations
// come round. For callers that look at its state or flags themselves.
HC_ALWAYS_INLINE uint32_t hc_handle_block(const struct hc_worker *w, hc_conn conn)
{
	uint64_t idx = (uint64_t)((int64_t)~conn >> 16);

	if (HC_UNLIKELY(idx >= w->cfg.conn_cap || w->block[idx].tcb.gen != (uint16_t)conn))
		return HC_IDX_NONE;
	return (uint32_t)idx;
}

// The TCB behind a handle, HC_IDX_NONE when it is stale.
HC_ALWAYS_INLINE uint32_t hc_handle_idx(const struct hc_worker *w, hc_conn conn)
{
	uint32_t idx = hc_handle_block(w, conn);

	if (HC_UNLIKELY(idx == HC_IDX_NONE || w->block[idx].tcb.state == HC_CLOSED))
		return HC_IDX_NONE;
	return idx;
}

HC_ALWAYS_INLINE void hc_event_put(struct hc_worker *w, uint32_t idx, enum hc_event_type type,
				   enum hc_reason reason, uint32_t info)
{
	struct hc_event *ev = &w->events[w->event_count];

	HC_ASSERT(w->event_count < w->event_max);
	w->event_count++;
	ev->type = (uint8_t)type;
	ev->reason = (uint8_t)reason;
	ev->info = (uint16_t)hc_min_u32(info, 0xffff);
	ev->cookie = w->block[idx].tcb.cookie;
	ev->conn = hc_handle(w, idx);
}

// The object a reference names, by its key, which every object starts with.
HC_ALWAYS_INLINE struct hc_flow_key *hc_ref_key(const struct hc_worker *w, hc_ref ref)
{
	uint32_t idx = hc_ref_idx(ref);

	switch (hc_ref_kind(ref)) {
	case HC_REF_TCB:
		return &w->block[idx].tcb.key;
	case HC_REF_SYN:
		return &w->syn[idx].key;
	case HC_REF_TW:
		return &w->tw.mini[idx].key;
	default:
		return NULL;
	}
}

HC_ALWAYS_INLINE void hc_stage_mark(struct hc_worker *w, enum hc_stage stage)
{
	if (HC_UNLIKELY(w->stage.is_on)) {
		uint64_t now = rte_rdtsc();

		w->stage.cycles[stage] += now - w->stage.last;
		w->stage.last = now;
	}
}

/* --------------------------------------------------------- what one file of the layer offers
 * others */

// step.c
HC_COLD void hc_drop_misaddressed(struct hc_worker *w, const struct rte_mbuf *m);

// run.c
void hc_run_burst(struct hc_worker *w, unsigned n);
uint32_t hc_run_tcb_at_once(struct hc_worker *w, const struct hc_seg *seg,
			    const struct hc_listener *l);
void hc_run_timeout(struct hc_worker *w, uint32_t idx, hc_verdict v);
void hc_tcb_free(struct hc_worker *w, uint32_t idx);
void hc_release_retired(struct hc_worker *w);
void hc_tw_forget(struct hc_worker *w, uint32_t idx);
// The same of who knows the tuple slot, or the hash in the flow table.
void hc_tw_forget_at(struct hc_worker *w, uint32_t idx, uint32_t where);
void hc_syn_forget(struct hc_worker *w, uint32_t idx);
struct rte_mbuf *hc_run_deliver(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
				const struct hc_seg *seg);
hc_ref hc_flow_find(const struct hc_worker *w, const struct hc_flow_key *key);
// Of a segment with URG: behind the urgent data.
hc_seq hc_run_urgent_end(const struct rte_mbuf *m, const struct hc_seg *seg);
void hc_run_urgent_put(struct hc_worker *w, uint32_t idx, uint32_t bytes);

// admit.c
HC_MUST_USE bool hc_admit_conn(struct hc_worker *w);
// Without room it will be dropped for that: it is none of those that are answered.
HC_MUST_USE bool hc_admit_syn(struct hc_worker *w, const struct hc_seg *syn, bool has_room);
// Works out looks_at_syns.
void hc_admit_look(struct hc_worker *w);

// cookies.c
void hc_cookie_answer(struct hc_worker *w, const struct hc_seg *syn, enum hc_counter drop);
HC_MUST_USE bool hc_cookie_take(struct hc_worker *w, const struct hc_seg *ack,
				struct hc_syn_mini *m);

// fastopen.c
HC_MUST_USE bool hc_fastopen_prepare(struct hc_worker *w, uint32_t idx,
				     const struct hc_connect_args *args);
HC_MUST_USE bool hc_fastopen_accept(struct hc_worker *w, uint32_t listener, struct rte_mbuf **m,
				    struct hc_seg *seg);
void hc_fastopen_done(struct hc_worker *w, uint32_t idx, const struct rte_mbuf *m,
		      const struct hc_seg *seg);
void hc_fastopen_end(struct hc_worker *w, uint32_t idx);
void hc_fastopen_was_reset(struct hc_worker *w);
void hc_fastopen_lost(struct hc_worker *w, uint32_t idx);
void hc_fastopen_refused(struct hc_worker *w, uint32_t idx);

// flood.c
HC_COLD void hc_flood_step(struct hc_worker *w);
bool hc_flood_next_due_ns(const struct hc_worker *w, uint64_t *due_ns);
bool hc_flood_has_source(const struct hc_worker *w, hc_be32 addr_be);
void hc_flood_note(struct hc_worker *w, const struct hc_seg *syn);

// expire.c
void hc_expire(struct hc_worker *w);
// Arms the timer of a connection with something in flight for what may be due first.
void hc_arm_loss(struct hc_worker *w, uint32_t idx);
// The same when something was sent, if the timer does not run or would go off later.
void hc_arm_sent(struct hc_worker *w, uint32_t idx);
// Every HC_PAWS_LOOK_MS: which timestamps are outdated.
void hc_paws_tick(struct hc_worker *w);

// flush.c
void hc_conn_probe(struct hc_worker *w, uint32_t idx);
void hc_conn_tail_probe(struct hc_worker *w, uint32_t idx);
void hc_tx_drain(struct hc_worker *w);

// layout.c
HC_COLD void hc_tx_lay_out(struct hc_worker *w);

// shape.c: what queued frames say of their connections (tcp/liveness.h).
HC_COLD void hc_shape_frames(struct hc_worker *w);
// The same of one connection, which is about to be forgotten.
HC_COLD void hc_shape_last(struct hc_worker *w, uint32_t idx);
// A listener's receive buffer; and a connection that it accepted gets all it has.
void hc_shape_listen(struct hc_worker *w, struct hc_listener *l, uint32_t rcv_buf_bytes);
HC_COLD void hc_shape_accept(struct hc_worker *w, uint32_t idx, const struct hc_listener *l);
// The window that a listener's SYN,ACKs tell.
uint32_t hc_shape_first_window(const struct hc_worker *w, const struct hc_listener *l);
// Sets and tells the options of stack.h that are of the shape. hc_shape_set() answers as
// hc_conn_set().
bool hc_shape_has(enum hc_conn_option option);
int hc_shape_set(struct hc_worker *w, uint32_t idx, enum hc_conn_option option, uint32_t value);
uint32_t hc_shape_get(const struct hc_worker *w, const struct hc_shape *s,
		      enum hc_conn_option option);

// claim.c
// Instead of a step, while the addresses are not ours yet.
HC_COLD void hc_claim_step(struct hc_worker *w);
void hc_announce_start(struct hc_worker *w);
void hc_announce_tick(struct hc_worker *w);
bool hc_announce_next_due_ms(const struct hc_worker *w, uint32_t *due_ms);
void hc_arp_defend(struct hc_worker *w, hc_be32 addr_be);

// neigh.c
uint32_t hc_neigh_buckets(uint32_t cap);
void hc_neighs_init(struct hc_worker *w, void *entries, void *buckets);
void hc_neighs_free(struct hc_worker *w);
void hc_neigh_start(struct hc_worker *w);
uint16_t hc_route(struct hc_worker *w, hc_be32 remote_be);
void hc_neigh_send(struct hc_worker *w, struct rte_mbuf *m, hc_be32 remote_be);
// Whether frames through this next hop can leave; if not, it is asked for its address.
HC_MUST_USE bool hc_neigh_is_ready(struct hc_worker *w, uint16_t neigh);
void hc_neigh_tick(struct hc_worker *w);
bool hc_neigh_next_due_ms(const struct hc_worker *w, uint32_t *due_ms);
void hc_arp_input(struct hc_worker *w, const uint8_t *frame, uint32_t l3_off, bool is_forwarded);
// ARP concerns every worker of the port: each keeps its own neighbours.
void hc_arp_forward(struct hc_worker *w, const struct rte_mbuf *m);
bool hc_arp_is_good(struct hc_worker *w, const uint8_t *arp);
void hc_arp_send(struct hc_worker *w, uint16_t op, const uint8_t *mac, hc_be32 spa_be,
		 hc_be32 tpa_be);
bool hc_is_our_address(const struct hc_worker *w, hc_be32 addr_be);

// R1 of a connection through this next hop (RFC 9293 3.8.3): asks whether it is still there.
void hc_neigh_doubt(struct hc_worker *w, uint16_t neigh);

// keep.c
bool hc_keep_start(struct hc_worker *w, uint32_t idx);
void hc_keep_stop(struct hc_worker *w, uint32_t idx);
// A segment came, and was taken or not.
void hc_keep_heard(struct hc_worker *w, uint32_t idx, bool is_taken);
// Whether the timer, if armed, is keep-alive's.
bool hc_keep_has_timer(const struct hc_worker *w, uint32_t idx);
void hc_keep_probe(struct hc_worker *w, uint32_t idx);
// Arms the timer for keep-alive, if it is its turn.
void hc_keep_arm(struct hc_worker *w, uint32_t idx);
// The connection's record, made if there is none; NULL when there is no room for one.
struct hc_live *hc_keep_record(struct hc_worker *w, uint32_t idx);

// icmp.c
bool hc_icmp_input(struct hc_worker *w, struct rte_mbuf *m, const struct hc_parsed *p);
bool hc_icmp_is_echo(const uint8_t *icmp);
HC_MUST_USE bool hc_icmp_is_of_flow(const struct hc_worker *w, const uint8_t *icmp, uint32_t len);
void hc_icmp_echo_reassembled(struct hc_worker *w, uint8_t *frame, const struct hc_parsed *p);
bool hc_soft_error(struct hc_worker *w, const uint8_t *ip, uint32_t len);
// Why a connection was given up, as HC_EV_FAILED and HC_EV_RESET tell it: the latest soft error.
HC_COLD uint32_t hc_soft_error_info(const struct hc_worker *w, uint32_t idx, enum hc_reason reason);

// held.c
enum hc_counter hc_held_add(struct hc_worker *w, uint32_t idx, struct rte_mbuf **m,
			    const struct hc_seg *seg, bool *is_dup);
void hc_held_ack(struct hc_worker *w, uint32_t idx, const struct hc_seq_range *dup);
void hc_held_tell(struct hc_worker *w, uint32_t idx, const struct hc_seq_range *dup,
		  struct rte_mbuf *m, struct hc_tx_seg *s, uint32_t room);
HC_MUST_USE bool hc_held_is_twice(struct hc_worker *w, uint32_t idx, hc_seq lo, hc_seq hi);
HC_MUST_USE uint32_t hc_held_deliver(struct hc_worker *w, uint32_t idx, bool *has_fin);
void hc_held_free(struct hc_worker *w, uint32_t idx);

// data.c
// The receive buffer of a connection has grown.
void hc_recv_more_room(struct hc_worker *w, uint32_t idx, uint32_t bytes);
void hc_sock_init(struct hc_worker *w, uint32_t idx, hc_seq snd_first);
void hc_sock_free(struct hc_worker *w, uint32_t idx);
void hc_sock_acked_any(struct hc_worker *w, uint32_t idx);
bool hc_sock_deliver_more(struct hc_worker *w, uint32_t idx, struct rte_mbuf *m,
			  const struct hc_seg *seg);
uint64_t hc_sock_copy_out(const struct hc_worker *w, uint32_t idx, hc_seq seq, uint32_t len,
			  uint8_t *dst, bool wants_sum);
