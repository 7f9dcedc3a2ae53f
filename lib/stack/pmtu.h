// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Path MTU discovery (RFC 1191). All TCP segments have DF set; a router that cannot forward one
// says so, and how large it may be. What is learnt belongs to the destination and is kept for ten
// minutes (6.3), in a small table: a connection that it lowered, or that begins to send data
// meanwhile, uses smaller segments until then. The connections of a destination whose time is up
// are looked for among all, which is once per destination in ten minutes.
//
// Nobody can make us send ridiculously small segments: an estimate below HC_PMTU_FLOOR is taken as
// that, one that is no less than the packet it complains about is not believed (RFC 5927), and no
// message ever raises one.
//
// Routers that drop without a word (black holes) are noticed by timeouts: after two retransmissions
// of a large segment in vain its connection goes down to 1006, after four to the floor, and up
// again like the others.

#include "base/base.h"

struct hc_worker;

#define HC_PMTU_CAP    64u
#define HC_PMTU_FLOOR  552u // What the Internet has been known to need at least, and then some.
#define HC_PMTU_AGE_MS 600000u

struct hc_pmtu {
	hc_be32 addr_be;
	uint32_t mtu;
	uint32_t due_ms; // When it is forgotten.
};

struct hc_pmtus {
	uint32_t count; // The first so many are in use.
	struct hc_pmtu entry[HC_PMTU_CAP];
};

// A packet of `total_len` bytes of connection idx was too large for a link of `mtu`, 0: not told.
// @return false when that cannot be.
bool hc_pmtu_too_big(struct hc_worker *w, uint32_t idx, uint32_t total_len, uint32_t mtu);

// Connection idx begins to have data.
void hc_pmtu_apply(struct hc_worker *w, uint32_t idx);

// Connection idx was just told to retransmit for the `retries`th time in a row.
void hc_pmtu_timeout(struct hc_worker *w, uint32_t idx, uint32_t retries);

// Forgets what is old. Once a millisecond.
void hc_pmtu_tick(struct hc_worker *w);
bool hc_pmtu_next_due_ms(const struct hc_worker *w, uint32_t *due_ms);
