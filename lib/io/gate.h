// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The gate between EAL's interrupt thread and the workers' bursts, for drivers that change on the
// one what the other is using. net_memif (as of 22.11) handles its peer's coming and going on the
// interrupt thread: there it maps the memory shared with the peer, and unmaps it again, while a
// burst of a worker reads it. Without the gate, a peer that went away took the process with it.
//
// The interrupt thread owns the gate and keeps it shut while it handles events. It opens it in an
// alarm, which is an event among others, and rests there for some milliseconds, in which it
// handles nothing and the workers have the port for themselves. A worker that finds the gate shut
// does without a burst this time: nobody waits on the path of a packet.

#include <stdbool.h>

#include <rte_rwlock.h>

struct hc_gate {
	rte_rwlock_t lock;   // Written by the interrupt thread, read by bursts.
	unsigned user_count; // Ports that are open. The main thread's, as are the calls below.
	unsigned waiters;    // Atomic: who wants an event to be dealt with soon.
	bool is_ending;      // Atomic: the next alarm is the last.
	bool has_ended;      // Atomic: so it was.
	bool was_used;       // At any time.
};

// A port begins to need the gate, and ceases to. @return 0, -ENOMEM without an alarm.
int hc_gate_get(struct hc_gate *g);
void hc_gate_put(struct hc_gate *g);

// Waits until the interrupt thread has dealt with what it knew of when this was called.
void hc_gate_settle(struct hc_gate *g);

// While somebody waits for what an event will do, events are dealt with more often.
void hc_gate_hurry(struct hc_gate *g, bool is_waiting);
