// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/**
 * @file
 * The stack of one lcore. A worker owns one receive and one transmit queue of a port and everything
 * behind them: neighbours, flow table, connections, timers, counters. Nothing is shared between
 * workers. The caller owns the thread and the clock:
 *
 *     for (;;) {
 *             uint64_t now = hc_runtime_now_ns(rt);
 *             unsigned n = hc_step(w, now, events, 128);
 *             for (i < n) ... hc_send / hc_close / ...
 *             hc_flush(w);
 *     }
 *
 * Unless a function says otherwise it may be called only by the thread that steps the worker, never
 * blocks, never allocates from the heap and makes no system call.
 */

#include <handclasp/counters.h>
#include <handclasp/hist.h>
#include <handclasp/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** When a SYN is answered with a SYN cookie (RFC 4987), for which nothing is kept. */
enum hc_syn_cookies {
	HC_SYN_COOKIES_OVERFLOW, /**< When the SYN minis or the listener's backlog are full. */
	HC_SYN_COOKIES_ALWAYS,   /**< Every one, but those that end a TIME-WAIT. */
	HC_SYN_COOKIES_NEVER,    /**< What finds no room is dropped. */
};

/** Congestion control of the data a worker sends. */
enum hc_congestion {
	HC_CONGESTION_CUBIC,   /**< RFC 9438. */
	HC_CONGESTION_NEWRENO, /**< RFC 5681, RFC 6582. */
	HC_CONGESTION_COUNT
};

/** In which order our SYNs have their options, and with what padding: as which system we look. */
enum hc_syn_layout {
	HC_SYN_LAYOUT_BUILT,   /**< MSS, window scale, SACK permitted, timestamps. */
	HC_SYN_LAYOUT_LINUX,   /**< MSS, SACK permitted, timestamps, window scale. */
	HC_SYN_LAYOUT_FREEBSD, /**< MSS, window scale, SACK permitted, timestamps; filled up behind.
				*/
	HC_SYN_LAYOUT_COUNT
};

/** What becomes of a host: addresses, limits and protocol times. hc_stack_config_default() fills
 * every field. */
struct hc_stack_config {
	/* Addresses, host order. */
	uint32_t local_addr;      /**< Our address. */
	uint8_t local_prefix_len; /**< The length of the on-link network. */
	uint32_t gateway;         /**< Next hop for everything off-link; 0: none. */
	struct hc_prefix clients; /**< Source addresses of connect(), all answered for in ARP; len
				     0: local_addr alone. */
	uint16_t port_lo;         /**< First source port of connect(). */
	uint16_t port_hi;         /**< Last source port of connect(), inclusive. */

	/* Limits; all memory for them is taken by hc_worker_create(), per worker. */
	uint32_t conn_cap;      /**< Connections with a control block (SYN-SENT to LAST-ACK). */
	uint32_t syn_cap;       /**< Half-open passive connections (SYN minis). */
	uint32_t time_wait_cap; /**< Connections in TIME-WAIT. */
	uint32_t tuple_cap;     /**< Source tuples that the client side may use; 0: no connect(). */
	uint32_t neigh_cap;     /**< Neighbours (ARP entries). */
	uint32_t neigh_queue_cap; /**< Packets that wait for one neighbour's address. */
	uint32_t listener_cap;    /**< Listening ports. */
	uint32_t fast_open_cap; /**< Connections opened by a SYN's data whose handshake is not over.
				 */
	uint32_t span_cap;      /**< Pieces of queued send data beyond two per connection. */
	uint32_t held_cap;      /**< Connections that may hold text out of order at once; 0: none
				   does. */
	uint32_t scoreboard_cap; /**< Connections that repair losses by SACK at once; what finds no
				    room recovers by NewReno. 512 bytes each, at most conn_cap. */
	uint32_t liveness_cap;   /**< Connections with HC_OPTION_KEEPALIVE and its times, a user
				    timeout, or an MSS, receive buffer, TTL or DSCP of their own,
				    32 bytes each, at most conn_cap; with has_keepalive conn_cap. */
	uint32_t rcv_buf_bytes;  /**< Receive window a connection offers. */
	uint32_t snd_buf_bytes;  /**< Unacknowledged and unsent bytes a connection may queue. */
	uint32_t reasm_cap; /**< Datagrams put together from fragments at once, 0..256; 0: none. */
	uint16_t reasm_bytes; /**< Largest payload of one: 576..65515. */
	uint16_t mtu;         /**< Of the link, IP header included. */
	uint8_t ttl;          /**< Of the packets sent, 1..255. */
	uint8_t dscp;         /**< Their Diffserv code point, 0..63. */
	uint16_t burst_pkts;  /**< Frames taken from the port per step, 1..128. */

	/* Times. */
	uint32_t time_wait_ms;  /**< 2 MSL (RFC 9293 3.4.2: 2 MSL = 4 min); 0 skips TIME-WAIT. */
	uint32_t rto_init_ms;   /**< RFC 6298 2.1: 1000. */
	uint32_t rto_min_ms;    /**< RFC 6298 2.4 says 1000; default 200. */
	uint32_t rto_max_ms;    /**< RFC 6298 2.5: at least 60000. */
	uint8_t syn_retries;    /**< R2 for SYN (RFC 9293 3.8.3), as a number of retransmissions. */
	uint8_t synack_retries; /**< The same for SYN-ACK of a SYN mini. */
	uint8_t data_retries;   /**< R2 for data and FIN. */
	uint8_t r1_retries; /**< R1: so many retransmissions without an answer are HC_EV_STALLED; 0:
			       never. */
	uint32_t fin_wait2_ms; /**< Longest wait for the peer's FIN once the application closed; 0:
				  for ever. */
	uint32_t delayed_ack_ms; /**< How long the ACK of a segment waits for data to ride on or a
				    second segment, 0..500; 0: not beyond hc_flush(). */
	uint32_t reasm_ms;       /**< How long a datagram may take to be whole (RFC 1122 3.3.2). */
	uint32_t arp_ttl_ms;     /**< A neighbour is re-validated after this. */
	uint8_t arp_announcements; /**< How often our addresses are announced, every 2 s; RFC 5227:
				      2. */
	bool has_arp_probe; /**< Look whether anybody has our addresses before they are used (RFC
			       5227 2.1), which takes 4 to 7 s: hc_worker_claim(). */

	uint32_t congestion; /**< enum hc_congestion. */

	/* Switches. */
	bool has_timestamps;   /**< Offer RFC 7323 timestamps. */
	bool has_window_scale; /**< Offer RFC 7323 window scale. */
	bool has_sack;         /**< Permit RFC 2018 selective acknowledgments. */
	bool has_nodelay;      /**< Connections begin with HC_OPTION_NODELAY on. */
	bool has_keepalive;  /**< Connections begin with HC_OPTION_KEEPALIVE on; off by default. */
	bool has_ecn;        /**< Offer and accept RFC 3168 ECN; off by default. */
	bool has_fast_open;  /**< Let HC_CONN_FAST_OPEN work; off by default. */
	uint8_t syn_cookies; /**< enum hc_syn_cookies. */
	uint16_t rcv_step_bytes; /**< Least advance of the receive window that an ACK tells which
				    goes out anyway; 0: a segment (RFC 9293 3.8.6.2.2). */
	uint8_t syn_layout;      /**< enum hc_syn_layout. */
	uint8_t wscale_min;   /**< Least window scale offered, 0..14; more when rcv_buf_bytes asks
			       for it. */
	bool keeps_end_times; /**< Have room for hc_worker_join_ends(), as the one that opens: 8
				 bytes a tuple. */
	bool keeps_planned_times; /**< With keeps_end_times: for planned_ns of hc_connect(), another
				     4 bytes a tuple. */
	bool keeps_stage_cycles;  /**< Account TSC cycles to pipeline stages
				     (hc_worker_stage_cycles()). */

	/** The time of day, or any that goes on while the host is down, when hc_step()'s clock was
	 * 0: initial sequence numbers and timestamps then go on from one run to the next with the
	 * same seed, and a peer in TIME-WAIT takes the next run's SYNs (RFC 6191). 0, for virtual
	 * time: a run is repeated to the byte. Equal in all workers of a host. */
	uint64_t clock_base_ns;
	uint64_t seed; /**< Secret of hash, ISN and timestamp offset; 0: from the system. Equal in
			  all workers of a host. */
};

/** Fills *cfg with the defaults of this library; addresses are 0 and have to be set. */
void hc_stack_config_default(struct hc_stack_config *cfg);

/**
 * Makes a worker on queue `queue` of `port`, out of memory of that port's NUMA node. Calls the
 * heap; call it before the loop, on any thread.
 * @return 0; -EINVAL (a limit or an address is out of range: *why says which), -ENOMEM.
 */
HC_MUST_USE int hc_worker_create(struct hc_port *port, unsigned queue,
				 const struct hc_stack_config *cfg, struct hc_worker **out,
				 const char **why);

/** Aborts nothing, sends nothing: gives all memory and buffers back. */
void hc_worker_destroy(struct hc_worker *w);

/** The configuration it was made with. Any thread. */
const struct hc_stack_config *hc_worker_config(const struct hc_worker *w);

enum hc_claim_state {
	HC_CLAIM_HELD,    /**< The addresses are ours. */
	HC_CLAIM_PROBING, /**< Nobody has said anything yet. */
	HC_CLAIM_TAKEN,   /**< Another host has one, or wants it too. */
};

struct hc_claim {
	enum hc_claim_state state;
	uint32_t addr;  /**< TAKEN: this one ... */
	uint8_t mac[6]; /**< ... by this host. */
};

/**
 * Whether the worker may use its addresses. With has_arp_probe its steps do nothing but probe for
 * them until it may, and for ever if it may not; it needs them every few milliseconds, and of a
 * port with several workers all of them do. Without has_arp_probe it always may. O(1).
 */
void hc_worker_claim(const struct hc_worker *w, struct hc_claim *out);

/** Bytes of control memory a worker with this configuration takes (buffers of packets not
 * included). Any thread. */
uint64_t hc_worker_memory_bytes(const struct hc_stack_config *cfg);

/** What happened to a connection. */
enum hc_event_type {
	HC_EV_NONE,
	HC_EV_OPENED,   /**< Our connect() is ESTABLISHED. */
	HC_EV_ACCEPTED, /**< A peer's connection to one of our listeners is ESTABLISHED; `info` is
			   the listener. */
	HC_EV_DATA,     /**< `info` more bytes (capped at 65535) can be received. */
	HC_EV_SENT,     /**< All that was queued for sending is acknowledged; see HC_SEND_QUIET. */
	HC_EV_PEER_CLOSED, /**< The peer's FIN arrived after all its data; we may still send. */
	/** Both FINs are exchanged. The handle is now stale, unless received data has not been
	   taken yet: that can be taken until the next hc_step(). */
	HC_EV_CLOSED,
	/** connect() did not come to ESTABLISHED, see `reason`; the handle is now stale. With
	   HC_REASON_UNREACHABLE `info` is the latest ICMP error, as with HC_EV_SOFT_ERROR; 0 when
	   it was ARP that had no answer. */
	HC_EV_FAILED,
	/** An established connection ended other than by FIN, see `reason`; the handle is now
	   stale. `info` as with HC_EV_FAILED. */
	HC_EV_RESET,
	/** R1 (RFC 9293 3.8.3): `info` retransmissions have brought no answer, and it goes on until
	   R2. `reason` is HC_REASON_UNREACHABLE when ICMP or ARP said so, else
	   HC_REASON_TIMED_OUT. */
	HC_EV_STALLED,
	/** The peer says that there is urgent data (RFC 9293 3.8.5); it stays in line (RFC 6093).
	   hc_event_urgent_bytes() says how many bytes there are up to its end, counted from the
	   first that had not been taken when the step began; some may be still on their way. Comes
	   with each segment that says so, from the one on that opens the connection: not with a SYN
	   that only asks for one, whose peer says it again. */
	HC_EV_URGENT,
	/** ICMP says that the peer is not reached (RFC 9293 3.9.2.2), for the first time since
	   something was acknowledged, or for another reason than before: at most 15 times between
	   two acknowledgments. The connection goes on, unless what was refused is our SYN: then
	   this comes in any case, and FAILED follows at once. `reason` is HC_REASON_UNREACHABLE,
	   `info` the type of the message times 256 plus its code. */
	HC_EV_SOFT_ERROR,
};

enum hc_reason {
	HC_REASON_NONE,
	HC_REASON_REFUSED,     /**< RST in answer to our SYN. */
	HC_REASON_TIMED_OUT,   /**< R2 reached. */
	HC_REASON_RESET,       /**< RST from the peer. */
	HC_REASON_NO_MEMORY,   /**< A pool ran dry. */
	HC_REASON_NO_PORT,     /**< No free source tuple. */
	HC_REASON_UNREACHABLE, /**< ICMP refused our SYN; or R2 reached, and ICMP or ARP had said
				  unreachable. */
	HC_REASON_ABORTED,     /**< Our own hc_abort(), or data that arrived after hc_close(). */
	HC_REASON_COUNT
};

/** The word for a reason: "refused", "timed_out", ... Any thread. */
const char *hc_reason_name(enum hc_reason reason);

/** 16 bytes, so that a burst of events stays in a few cache lines. */
struct hc_event {
	uint8_t type;   /**< enum hc_event_type. */
	uint8_t reason; /**< enum hc_reason; not of HC_EV_URGENT. */
	uint16_t info;
	uint32_t cookie; /**< The application's own word for the connection. */
	hc_conn conn;
};

/** What hc_event_urgent_bytes() says at most. */
#define HC_URGENT_BYTES_MAX 0xffffffu

/** Of a HC_EV_URGENT: the bytes, capped at HC_URGENT_BYTES_MAX. The pointer of a segment spans
 * 65535 itself; it is further with what is missing before that segment, or was not taken yet. Any
 * thread.
 */
uint32_t hc_event_urgent_bytes(const struct hc_event *ev);

/** One frame has no more events than these: OPENED, URGENT, SENT, DATA, and PEER_CLOSED or CLOSED.
 */
#define HC_EVENTS_PER_FRAME 5u

/**
 * One step: receives one burst, runs it through the stack, fires what is due by `now_ns`, and
 * reports up to `max` events in the order in which they happened. `max` is at least
 * HC_EVENTS_PER_FRAME; with that times burst_pkts all of a burst is taken, unless events of calls
 * or other workers' frames came first. now_ns never goes back; it is any monotonic clock, a virtual
 * one too, and reads whatever it likes at the first step.
 * @return the number of events written. O(burst).
 */
HC_MUST_USE unsigned hc_step(struct hc_worker *w, uint64_t now_ns, struct hc_event *events,
			     unsigned max);

/** Sends what the step and the application's calls since have made due: one transmit burst (or as
 * many as it takes). */
void hc_flush(struct hc_worker *w);

/**
 * When the worker next has something to do without a packet coming in: the time of its next timer,
 * in the clock of hc_step(); UINT64_MAX when it has none. Wheel slots make it early by up to a
 * millisecond, never late. O(wheel).
 */
uint64_t hc_next_due_ns(const struct hc_worker *w);

/* ------------------------------------------------------------------------------------------------
 * opening */

enum hc_conn_flags {
	/** The handshake's ACK, and ACKs of data, wait for hc_flush(), so that what the application
	   sends rides on them. */
	HC_CONN_PIGGYBACK = 1u << 0,
	/** The ACK of the peer's FIN waits for hc_flush(), so that our own FIN may ride on it: a
	   three-way close. */
	HC_CONN_MERGE_CLOSE = 1u << 1,
	/** With has_fast_open: TCP Fast Open (RFC 7413). To a listener: SYNs with a right cookie
	   open a connection at once, ACCEPTED and DATA come before the handshake is over. To
	   connect(): data goes on the SYN once the peer gave a cookie. A SYN that is repeated by
	   the network may open two connections: only for exchanges that may be repeated. */
	HC_CONN_FAST_OPEN = 1u << 2,
	/** To connect(): the data is copied, and the caller may have it back. */
	HC_CONN_COPY = 1u << 3,
};

struct hc_connect_args {
	uint32_t remote_addr; /**< Host order, as all addresses and ports here. */
	uint16_t remote_port;
	uint16_t flags;      /**< enum hc_conn_flags. */
	const void *data;    /**< Queued to each connection as by hc_send() with HC_SEND_STATIC, or,
				with HC_CONN_COPY, without. */
	uint32_t data_bytes; /**< 0: none; at most snd_buf_bytes. */
	uint32_t local_addr; /**< One of our source addresses (RFC 9293 3.9.1.1); 0: any. Its next
				free port is looked for, O(ports). */
	int *why;            /**< If not NULL: gets 0, or why not all were taken. */
	const uint64_t *planned_ns; /**< If not NULL: when connection i was due, not 0, on the
				       clock of hc_step(); for ESTABLISH_CORRECTED. */
};

/**
 * Opens `n` connections to one place, each from the next free source tuple. cookies[i] is given
 * back in every event of connection i; conns may be NULL.
 * @return how many were taken: all; none when the address cannot be a host's or is our own (*why
 * is -ENETUNREACH, counter connect_bad_address); or those before the first that found no tuple
 * (-EADDRNOTAVAIL, connect_no_port; connect_unclaimed: see hc_worker_claim()), no control block
 * (-ENOMEM, connect_no_memory) or no buffer
 * (-ENOBUFS, connect_no_buffer). Each one taken ends in exactly one of OPENED and FAILED. O(n).
 */
HC_MUST_USE unsigned hc_connect(struct hc_worker *w, const struct hc_connect_args *args,
				const uint32_t *cookies, hc_conn *conns, unsigned n);

struct hc_listen_args {
	uint16_t port;
	uint16_t flags;         /**< enum hc_conn_flags, for the connections accepted. */
	uint32_t backlog;       /**< Half-open connections of this listener at once. */
	uint32_t cookie;        /**< First cookie of its connections. */
	uint32_t rcv_buf_bytes; /**< HC_OPTION_RCV_BUF_BYTES of its connections from their SYN,ACK
				   on; 0: the worker's. */
};

/** Listens on our address(es). @return the listener (>= 0), -EADDRINUSE, -ENOSPC (listener_cap),
 * -EINVAL (port 0). O(1). */
HC_MUST_USE int hc_listen(struct hc_worker *w, const struct hc_listen_args *args);

/** Gives a listener other flags, for the connections that come. @return 0, -ENOENT. O(1). */
HC_MUST_USE int hc_listener_set_flags(struct hc_worker *w, int listener, uint16_t flags);

/** Whether a SYN with HC_CONN_FAST_OPEN to this address would carry data: its cookie is known.
 * O(64).
 */
bool hc_fast_open_is_known(struct hc_worker *w, uint32_t remote_addr);

/** Ends a listener: half-open connections are forgotten, accepted ones stay. @return 0, -ENOENT.
 * O(syn_cap). */
int hc_unlisten(struct hc_worker *w, int listener);

/** What the listeners of a worker take at most, all together, for a server that stands for a device
 * with known limits. Looked at for SYNs of new connections alone; while any is in force no
 * connection is opened by Fast Open's data. */
struct hc_admission {
	uint32_t syns;    /**< SYNs that may still be answered; others are dropped without a word
			     (tcp_syn_over_rate). HC_ADMIT_ALL: any number. */
	uint32_t conns;   /**< Connections at a time, half open and closing ones included: SYNs
			     beyond are dropped (tcp_over_conns). HC_ADMIT_ALL: any number. */
	uint32_t refused; /**< So many of a million SYNs, at random, are answered with RST
			     (tcp_syn_refused). */
};
#define HC_ADMIT_ALL UINT32_MAX

/** Sets the limits from now on; without a call there are none. Random choices go by the worker's
 * seed. @return how many SYNs were taken of those that the last call allowed; 0 if it allowed all.
 * O(1). */
uint32_t hc_worker_admit(struct hc_worker *w, const struct hc_admission *limits);

/* ------------------------------------------------------------------------------------------------
 * data */

enum hc_send_flags {
	/** `data` stays as it is until the connection has ended: it is sent by reference, never
	   copied into a queue. */
	HC_SEND_STATIC = 1u << 0,
	/** Asks for no HC_EV_SENT for these bytes. It still comes if not all were taken, or if
	   bytes queued without this flag are not acknowledged yet. */
	HC_SEND_QUIET = 1u << 1,
	/** Closes behind these bytes, as hc_close() would do next: for who says the last word. The
	   connection is closed if and only if `len`, which must not be 0, is returned. While
	   received data has not been taken 0 is, because hc_close() would reset the connection
	   then, and these bytes with it: no HC_EV_SENT follows, take what was received and call
	   again. Before ESTABLISHED hc_close() sends nothing more: FAILED
	   with HC_REASON_ABORTED says so. */
	HC_SEND_CLOSE = 1u << 2,
};

/**
 * Queues bytes; they leave at hc_flush() as far as the windows allow.
 * @return the bytes taken, 0..len: less when snd_buf_bytes or the buffers are full (HC_EV_SENT says
 * when to go on), 0 with HC_SEND_CLOSE over data that is not taken, for a stale handle or once
 * closed. O(len / buffer) for a copy, O(1) for static data.
 */
HC_MUST_USE size_t hc_send(struct hc_worker *w, hc_conn conn, const void *data, size_t len,
			   unsigned flags);

/** A received piece, lent to the application until hc_recv_release(). */
struct hc_chunk {
	const uint8_t *data;
	uint32_t len;
	void *owner; /**< For the library. */
};

/** Takes up to n received pieces without a copy. @return how many. The receive window re-opens at
 * release. O(n). */
HC_MUST_USE unsigned hc_recv(struct hc_worker *w, hc_conn conn, struct hc_chunk *chunks,
			     unsigned n);

/** Gives pieces back. The handle may be stale by now; the pieces are still taken back. O(n). */
void hc_recv_release(struct hc_worker *w, hc_conn conn, const struct hc_chunk *chunks, unsigned n);

/** Copies up to cap received bytes out. @return the bytes copied. O(bytes). */
HC_MUST_USE size_t hc_recv_copy(struct hc_worker *w, hc_conn conn, void *buf, size_t cap);

/* ------------------------------------------------------------------------------------------------
 * closing */

/** Half close: FIN after all queued data; we still receive. @return 0, -ESTALE, -EALREADY. O(1). */
int hc_shutdown(struct hc_worker *w, hc_conn conn);

/**
 * Closes: FIN after all queued data, and nothing is received any more: unread data, or data that
 * arrives later, is answered with RST (RFC 9293 3.6.1, SHLD-3). HC_EV_CLOSED still follows. @return
 * 0, -ESTALE, -EALREADY. O(1).
 */
int hc_close(struct hc_worker *w, hc_conn conn);

/** Sends RST and forgets the connection; no event follows. @return 0, -ESTALE. O(1). */
int hc_abort(struct hc_worker *w, hc_conn conn);

/** Aborts every connection and forgets SYN and TIME-WAIT minis. @return connections aborted.
 * O(conn_cap + time_wait_cap). */
unsigned hc_abort_all(struct hc_worker *w);

/* ------------------------------------------------------------------------------------------------
 * asking */

enum hc_conn_state {
	HC_CLOSED,
	HC_LISTEN,
	HC_SYN_SENT,
	HC_SYN_RCVD,
	HC_ESTABLISHED,
	HC_FIN_WAIT_1,
	HC_FIN_WAIT_2,
	HC_CLOSE_WAIT,
	HC_CLOSING,
	HC_LAST_ACK,
	HC_TIME_WAIT,
	HC_STATE_COUNT
};

/** "ESTABLISHED", ... Any thread. */
const char *hc_state_name(enum hc_conn_state state);

struct hc_conn_info {
	uint32_t local_addr, remote_addr;
	uint16_t local_port, remote_port;
	enum hc_conn_state state;
	uint32_t cookie;
	uint32_t readable_bytes; /**< Received, not yet taken. */
	uint32_t unacked_bytes;  /**< Queued or sent, not yet acknowledged. */
	uint32_t srtt_us;        /**< 0 before the first sample. */
	uint32_t rttvar_us;
	uint32_t rto_ms;
	uint32_t flight_bytes; /**< Sent, not yet acknowledged; SYN and FIN count 1 each. */
	uint32_t cwnd_bytes;
	uint32_t ssthresh_bytes; /**< Very large before the first loss. */
	uint32_t snd_wnd_bytes;  /**< What the peer last offered. */
	uint32_t rcv_wnd_bytes;  /**< What we last offered, less what came since. */
	uint16_t mss;
	uint8_t retries; /**< Retransmissions by timeout since the last progress. */
	uint8_t snd_wscale, rcv_wscale;
	bool has_timestamps; /**< Negotiated. */
	bool has_sack;       /**< Negotiated. */
};

/** @return 0, -ESTALE. O(1). */
int hc_conn_info(const struct hc_worker *w, hc_conn conn, struct hc_conn_info *out);

/** Changes the cookie of a connection. @return 0, -ESTALE. O(1). */
int hc_conn_set_cookie(struct hc_worker *w, hc_conn conn, uint32_t cookie);

/* ------------------------------------------------------------------------------------------------
 * options */

/** What can be set for one connection. */
enum hc_conn_option {
	/** 1: small pieces are sent at once; 0: Nagle's algorithm (RFC 9293 3.7.4) lets less than a
	   segment wait while something is unacknowledged, unless our FIN goes with it. Begins as
	   hc_stack_config.has_nodelay says. */
	HC_OPTION_NODELAY,
	/** 1: an idle connection is probed and a peer that is gone is noticed (RFC 9293 3.8.4):
	   HC_EV_RESET, HC_REASON_TIMED_OUT. Begins as hc_stack_config.has_keepalive says. */
	HC_OPTION_KEEPALIVE,
	/** Silence before the first probe, 1 to 2^30; 7200000 unless set. */
	HC_OPTION_KEEPALIVE_IDLE_MS,
	/** Time between probes, 1 to 2^30; 75000 unless set. */
	HC_OPTION_KEEPALIVE_INTERVAL_MS,
	/** Probes without an answer before giving up, 1 to 65535; 9 unless set. */
	HC_OPTION_KEEPALIVE_COUNT,
	/** How long what is sent may stay unacknowledged (RFC 9293 3.9.1.1), 1 to 2^30, instead of
	   R2; 0, the default: R2. Looked at when the retransmission timer goes off, so never before
	   the first time it does. */
	HC_OPTION_USER_TIMEOUT_MS,
	/** 1: less than a segment waits for more to send, whatever NODELAY says, at most for the
	   override timeout of RFC 9293 3.8.6.2.1 (the RTO, 1 s at most), or until the FIN goes with
	   it; 0, the default: see NODELAY. */
	HC_OPTION_CORK,
	/** Largest payload of a segment, 88 to 65535, as the MSS option of our SYN and as what is
	   sent; never more than the MTU allows. */
	HC_OPTION_MSS_MAX,
	/** Bytes that may be received and not read, from 1: no less than two segments, no more than
	   rcv_buf_bytes. A window that was offered is never taken back. */
	HC_OPTION_RCV_BUF_BYTES,
	/** Time to live, 1 to 255, instead of hc_stack_config.ttl. */
	HC_OPTION_TTL,
	/** Diffserv code point, 0 to 63, instead of hc_stack_config.dscp. The ECN field beside it
	   stays what ECN makes it. */
	HC_OPTION_DSCP,
	HC_OPTION_COUNT
};

/** Sets an option of a connection in any state, from hc_connect() or HC_EV_ACCEPTED on. What it
 * lets go leaves at hc_flush(). MSS_MAX, RCV_BUF_BYTES, TTL and DSCP count for whatever has not
 * left yet: set before the hc_flush() behind hc_connect() they are those of the SYN. What a
 * connection in TIME-WAIT answers is the worker's. @return 0, -ESTALE, -EINVAL (no such option, or
 * a value out of its range), -ENOMEM (liveness_cap connections have options of theirs already).
 * O(1). */
int hc_conn_set(struct hc_worker *w, hc_conn conn, enum hc_conn_option option, uint32_t value);

/** MSS_MAX, TTL or DSCP of a listener: of its SYN,ACKs, and of the connections that come. @return
 * 0, -ENOENT, -EINVAL (another option, or a value out of its range). O(1). */
int hc_listener_set(struct hc_worker *w, int listener, enum hc_conn_option option, uint32_t value);

/** Tells an option's value. @return 0, -ESTALE, -EINVAL (no such option). O(1). */
int hc_conn_get(const struct hc_worker *w, hc_conn conn, enum hc_conn_option option,
		uint32_t *value);

/* ------------------------------------------------------------------------------------------------
 * statistics */

/** One coherent copy of a worker's numbers. */
struct hc_snapshot {
	uint64_t t_ns; /**< Clock of hc_step() at the copy. */
	uint64_t counter[HC_CTR_COUNT];
	uint64_t conn_live;        /**< Control blocks in use. */
	uint64_t conn_established; /**< Of them, in ESTABLISHED or CLOSE-WAIT. */
	uint64_t syn_live;         /**< SYN minis in use. */
	uint64_t time_wait_live;   /**< TIME-WAIT minis in use. */
};

/** The copy the worker last published (at most about 1 ms old while it steps). Any thread.
 * O(counters). */
void hc_worker_snapshot(const struct hc_worker *w, struct hc_snapshot *out);

/** Publishes now. Stepping thread. */
void hc_worker_publish(struct hc_worker *w);

enum hc_latency {
	HC_LATENCY_CONNECT, /**< First SYN sent to SYN-ACK received, by the side that opened. */
	HC_LATENCY_CLOSE,   /**< Our first FIN sent to the ACK of that FIN; with
				 hc_worker_join_ends() only where the peer's was not before it. */
	/* With hc_worker_join_ends(), by the worker at which it ends: */
	HC_LATENCY_ESTABLISH, /**< First SYN sent to its handshake's final ACK received. */
	HC_LATENCY_ESTABLISH_CORRECTED, /**< The same, from when it was due (planned_ns). */
	HC_LATENCY_TEARDOWN,            /**< First FIN of either side sent to both sides closed. */
	HC_LATENCY_COUNT
};

/**
 * The connections of `opener` go to `acceptor`, in this process and on one clock: they keep the
 * times ESTABLISH and TEARDOWN, which need both ends, and ESTABLISH_CORRECTED if `opener` was made
 * with keeps_planned_times. The acceptor's other connections have none. `opener` was made with
 * keeps_end_times. Before either steps; neither steps any more once one is
 * destroyed. Two threads may step them.
 */
void hc_worker_join_ends(struct hc_worker *opener, struct hc_worker *acceptor);

/** The worker's own histogram: exact for the stepping thread or a stopped worker, a little torn for
 * other readers. */
const struct hc_hist *hc_worker_latency(const struct hc_worker *w, enum hc_latency which);

/** Forgets latencies so far (the end of a ramp). Stepping thread. */
void hc_worker_latency_reset(struct hc_worker *w);

/** The pipeline's stages, for keeps_stage_cycles. */
enum hc_stage {
	HC_STAGE_RX,
	HC_STAGE_PARSE,
	HC_STAGE_LOOKUP,
	HC_STAGE_RUN,
	HC_STAGE_TIMERS,
	HC_STAGE_APP,
	HC_STAGE_TX,
	HC_STAGE_COUNT
};
const char *hc_stage_name(enum hc_stage stage);

/** TSC cycles spent per stage; all 0 unless keeps_stage_cycles. Stepping thread or a stopped
 * worker. */
const uint64_t *hc_worker_stage_cycles(const struct hc_worker *w);

/** Bytes of memory one connection, and one TIME-WAIT, takes. */
struct hc_footprint {
	uint32_t conn_bytes; /**< Control blocks, flow table and tuple table share included. */
	uint32_t time_wait_bytes;
};
void hc_worker_footprint(const struct hc_worker *w, struct hc_footprint *out);

/**
 * Whether the worker's own books balance: every received packet handled or dropped by name, every
 * opened connection ended or live, pools and tables consistent, and the buffers it holds explained.
 * `why` gets one line.
 * @return true when all balance. Stepping thread or a stopped worker. O(everything).
 */
bool hc_worker_audit(const struct hc_worker *w, char *why, size_t why_size);

#ifdef __cplusplus
}
#endif
