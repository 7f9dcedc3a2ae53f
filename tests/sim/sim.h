// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The simulation: two hosts of one worker each, joined by the impairment wire, on a virtual clock
// that jumps from one due time to the next. A run is a number: the seed draws the plan (what the
// wire does, the stacks' limits and times, who connects when and how it ends), and the same seed
// plays the same run.
//
//   plan.c    what a seed means
//   app.c     the applications of the two hosts, and what they hold against what they receive
//   whims.c   options that applications set, and ways to send, for no reason
//   weather.c what goes wrong for a while: partitions, stalls, jumps of the clock, lack of buffers
//   judge.c   what is held of every frame, and of both hosts after every step
//   world.c   the hosts, the wire, the clock; one run from beginning to end
//   main.c    many runs
//
// The wire is bad until plan.heal_ns and good after that. Then every connection has to come to an
// end that the RFC allows within the time that the RFC's timers take, the books of both workers
// have to balance, no buffer may be missing, and what was received is what was sent.

#include <stdarg.h>

#include <handclasp/runtime.h>
#include <handclasp/stack.h>

#include "base/rng.h"
#include "io/impair.h"

#include "frame_check.h"
#include "watch.h"

#define SIM_HOSTS        2u
#define SIM_SESSIONS_MAX 64u // Of a host, in one run.
#define SIM_CLIENTS_MAX  10u
#define SIM_PORT         80u
#define SIM_TWIN_PORT    5000u // Of both ends, when both open at once.
#define SIM_STREAM_MAX   65536u
#define SIM_CHUNKS_MAX   16u
#define SIM_PORT_LO      1024u // Of those who connect.
#define SIM_PORT_COUNT   256u
#define SIM_SPELLS_MAX   4u
#define SIM_HELD_MAX     4096u
#define SIM_MS           1000000ull
#define SIM_NEVER        UINT64_MAX

enum sim_wire {
	SIM_WIRE_CLEAN,   // Delay alone.
	SIM_WIRE_BAD,     // Everything at once.
	SIM_WIRE_LOSSY,   // Loss alone.
	SIM_WIRE_TANGLED, // Duplicates, delays and another order, but no loss.
	SIM_WIRE_KINDS
};

// What goes wrong for a while.
enum sim_spell_kind {
	SIM_SPELL_PARTITION, // Nothing passes, in one direction or both.
	SIM_SPELL_NARROW,    // The path has an MTU smaller than the hosts'.
	SIM_SPELL_STALL,     // A host is not stepped, nor its applications.
	SIM_SPELL_JUMP,      // The clock of both jumps.
	SIM_SPELL_BUFFERS,   // A host has next to no buffers.
	SIM_SPELL_KINDS
};

struct sim_spell {
	enum sim_spell_kind kind;
	uint64_t from_ns;
	uint64_t until_ns;
	unsigned host;  // Or the direction it sends in.
	bool is_both;   // PARTITION: both directions.
	uint32_t mtu;   // NARROW: of the path.
	uint32_t told;  // NARROW: the MTU that ICMP tells, 0: none. UINT32_MAX: no ICMP at all.
	uint32_t left;  // BUFFERS: so many are left.
	uint64_t by_ns; // JUMP.
};

enum sim_end {
	SIM_END_DONE,     // Closes when all is sent and all expected is received.
	SIM_END_HALF,     // Half closes once all is sent, reads on until the peer's FIN.
	SIM_END_ANSWER,   // Closes after the peer's FIN.
	SIM_END_EARLY,    // Closes when all is queued, whatever the peer still sends.
	SIM_END_AT_START, // Closes right after connect() or accept.
	SIM_END_ABORT,    // Aborts at some time.
	SIM_END_KINDS
};

// What one end of a connection does.
struct sim_script {
	uint64_t start_ns; // connect().
	uint32_t send_bytes;
	uint32_t piece_bytes; // A call of hc_send() at most.
	uint16_t flags;       // enum hc_conn_flags of connect().
	uint8_t end;          // enum sim_end.
	bool is_static;
	bool waits_for_all; // Sends nothing before the peer's bytes are all here.
	bool reads_by_copy;
	uint32_t linger_ms;  // Between the occasion to close and the call.
	uint32_t read_at_ms; // Reads nothing for so long after the opening.
	uint32_t release_ms; // Keeps lent pieces for so long.
	uint32_t abort_ms;
};

struct sim_plan {
	uint64_t seed;
	enum sim_wire wire;
	bool is_orderly; // Nobody aborts or leaves data unread.
	// A clean wire, orderly ends, no tuple used twice: nothing is sent twice, and no RST at
	// all. (Elsewhere a SYN may meet its tuple's last connection on the other side.)
	bool is_perfect;
	bool is_twin;       // Both ends connect() to each other from the same ports.
	bool has_fast_open; // Who connects gives the stack what it has to say.
	bool has_whims;     // Applications set options of their connections at any time.
	struct hc_impair_config impair[SIM_HOSTS];
	uint32_t congested_ppm[SIM_HOSTS]; // Packets that come to carry CE, if they may.
	uint64_t start_ns;                 // Of the clock.
	uint64_t heal_ns;
	unsigned spell_count;
	struct sim_spell spell[SIM_SPELLS_MAX]; // All over by heal_ns.
	struct hc_stack_config stack[SIM_HOSTS];
	uint16_t listen_flags;
	unsigned client_count[SIM_HOSTS];
	struct sim_script client[SIM_HOSTS][SIM_CLIENTS_MAX]; // Of the end that connects,
	struct sim_script server[SIM_HOSTS][SIM_CLIENTS_MAX]; // ... and of the one it comes to.
	uint64_t limit_ns;                                    // Everything is over by then.
};

struct sim_session {
	struct sim_session *peer; // NULL: not known yet, or no more.
	const struct sim_script *script;
	hc_conn conn;
	uint32_t key; // Of the bytes it sends.
	uint32_t client_idx;
	uint32_t local_addr, remote_addr;
	uint16_t local_port, remote_port;
	uint32_t iss, irs; // Initial sequence numbers; irs 0: not known yet.
	bool is_client;
	bool is_ghost; // Opened by what was left of another.
	bool is_open;
	bool is_ended;
	bool has_fin;    // The peer's FIN was reported.
	bool has_shut;   // No more is sent.
	bool has_closed; // Nor received.
	bool has_aborted;
	uint8_t end_type;   // enum hc_event_type.
	uint8_t end_reason; // enum hc_reason.
	uint32_t queued_bytes;
	uint32_t received_bytes;
	uint64_t opened_ns;
	uint64_t active_ns; // Last event.
	uint64_t close_ns;  // SIM_NEVER: no occasion yet.
	uint64_t release_ns;
	uint64_t retry_ns; // hc_send() took nothing.
	uint64_t whim_ns;  // When an option is set.
	unsigned chunk_count;
	struct hc_chunk chunk[SIM_CHUNKS_MAX];
};

struct sim_host {
	struct sim_world *world;
	unsigned idx;
	struct hc_worker *w;
	unsigned next_client; // The next to connect, in the order of the plan.
	unsigned session_count;
	unsigned ended_count;
	struct watch watch;
	struct hc_rng whims;
	struct rte_mbuf *held[SIM_HELD_MAX]; // By the weather.
	unsigned held_count;
	struct sim_session session[SIM_SESSIONS_MAX];
};

// One direction of a connection on the wire, as its sender's frames show it.
struct sim_flow {
	uint32_t edge;    // Acknowledgment and window, so far.
	uint32_t fin_end; // Behind its FIN.
	bool has_edge;
	bool has_fin;
	bool has_wscale; // In its SYN.
	bool has_syn;
	bool is_unclear; // SYNs said different things: nobody knows which one counts.
	uint8_t wscale;
};

struct rte_ring;
struct rte_mbuf;

struct sim_world {
	struct hc_runtime *rt;
	struct hc_sim_port end[SIM_HOSTS];    // What the stacks see.
	struct hc_sim_port tapped[SIM_HOSTS]; // What the wire sees: behind the judge.
	struct hc_impair *wire;
	struct hc_capture *capture; // NULL: none.
	struct sim_plan plan;
	struct sim_host host[SIM_HOSTS];
	struct sim_flow flow[SIM_HOSTS][SIM_HOSTS][SIM_PORT_COUNT + 1]; // By sender, client, port.
	struct hc_rng rng;                                              // Of the routers.
	uint64_t now_ns;
	uint64_t nudge_ns; // When something is due at once and nothing happens.
	uint64_t steps;
	unsigned next_spell; // JUMP: those before it are done.
	bool is_healed;
	// Of all runs.
	uint64_t frames;
	uint64_t connections;
	uint64_t bytes;
	uint64_t marked;
	uint64_t whims;      // Options set.
	uint64_t fast_opens; // Connections opened by the data of a SYN.
	uint64_t spells[SIM_SPELL_KINDS];
	char why[512]; // The first thing that went wrong; empty: nothing.
};

// plan.c
void sim_plan_draw(struct sim_plan *plan, uint64_t seed);

// app.c
void sim_app_event(struct sim_host *h, const struct hc_event *ev);
// Does what is due. @return whether anything was done.
bool sim_app_work(struct sim_host *h);
uint64_t sim_app_due_ns(const struct sim_host *h);
bool sim_app_is_over(const struct sim_host *h);
void sim_app_judge(struct sim_host *h);
// Whether connection idx of the worker has somebody who waits for it.
bool sim_app_owns(const struct sim_host *h, uint32_t idx);
void sim_app_free(struct sim_host *h);

// whims.c
// Sets an option of a connection, when it is time. @return whether it was.
bool sim_whim_option(struct sim_host *h, struct sim_session *s);
// Flags of hc_send() for a piece that leaves `left` bytes to send.
unsigned sim_whim_flags(struct sim_host *h, const struct sim_session *s, uint32_t left);

// weather.c
// Makes it what it is at this time: the wire, and the buffers of both hosts.
void sim_weather(struct sim_world *s);
uint64_t sim_weather_due_ns(const struct sim_world *s);
bool sim_weather_is_stalled(const struct sim_world *s, unsigned host);
// A router may mark it (RFC 3168 5).
void sim_weather_mark(struct sim_world *s, unsigned from, struct rte_mbuf *m);
// A frame that is too large for the path at this time. The sender may be told.
bool sim_weather_is_narrow(struct sim_world *s, unsigned from, const struct rte_mbuf *m);
void sim_weather_end(struct sim_world *s);

// judge.c
void sim_judge_frame(struct sim_world *s, unsigned from, const struct rte_mbuf *m);
// After a step of host i. The books are looked at now and then.
void sim_judge_step(struct sim_world *s, unsigned i);
void sim_judge_end(struct sim_world *s);

// world.c
bool sim_world_open(struct sim_world *s, struct hc_runtime *rt, char why[HC_WHY_SIZE]);
void sim_world_close(struct sim_world *s);
// Plays one seed. @return whether everything held; s->why says what did not.
bool sim_world_run(struct sim_world *s, uint64_t seed, const char *capture_path);

// Notes what went wrong, if it is the first.
__attribute__((format(printf, 2, 3))) void sim_fail(struct sim_world *s, const char *format, ...);
