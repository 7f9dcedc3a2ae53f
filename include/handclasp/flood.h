// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/**
 * @file
 * A SYN flood, for tests of devices that are one's own (RFC 3511 5.5, RFC 4987): SYNs that belong
 * to no connection, from addresses that are nobody's, at a rate. The worker's connections go on
 * beside it.
 *
 * What answers is dropped without a word (counter flood_answers), as RFC 3511 5.5.3 asks. For that
 * the answers have to go to us, or nowhere: to a host that has one of the addresses they are a
 * surprise, and its RST ends what the SYN began. If the peer takes the sources for its neighbours,
 * it asks for them by ARP, and we answer for all of them; else they should be routed to us.
 * 198.18.0.0/15 is nobody's by RFC 2544 C.2.2.
 */

#include <handclasp/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HC_FLOOD_PER_S_MAX 1000000000u
#define HC_FLOOD_LEN_MIN   8u /**< Of the sources' prefix. */

struct hc_flood {
	struct hc_prefix sources; /**< At random; of more than two addresses not the first and the
				     last. */
	uint32_t remote_addr;     /**< Host order. */
	uint16_t remote_port;
	uint16_t port_lo; /**< Source ports, at random. */
	uint16_t port_hi; /**< Inclusive. */
	uint32_t syns_per_s;
};

/**
 * Begins a flood, in place of the one before. Each hc_step() sends what is due by its clock, with
 * the options of our own SYNs and random sequence numbers, but leaves half of the transmit queue to
 * connections; what is due waits for a later step, but not for more than 100 ms: then it is missed
 * (flood_syns_missed). The schedule begins when the next hop's address is known, for which it is
 * asked, and cuts time into slots of 1 / syns_per_s: in each one SYN is due, at a random moment, so
 * that nothing else that is regular is in step with it. Every SYN due is either sent
 * (flood_syns_sent) or missed. Nothing is sent while the port is full, there is no buffer, or the
 * next hop has no address (any more). Thread: the worker's. O(1), and O(1) a SYN in hc_step().
 * @return 0; -EINVAL: the rate is 0 or above HC_FLOOD_PER_S_MAX, a port is 0 or port_hi below
 * port_lo, the prefix is shorter than HC_FLOOD_LEN_MIN, is not unicast, or has an address of ours,
 * the gateway's or remote_addr in it; -ENETUNREACH: remote_addr cannot be a host's or is our own,
 * or is off-link, and there is no gateway.
 */
HC_MUST_USE int hc_flood_begin(struct hc_worker *w, const struct hc_flood *flood);

/** Ends it, if there is one; what is due by the last step and not sent is missed, but for one whose
 * slot is not over. Its answers still come, and ARP is answered for it. Thread: the worker's.
 * O(1). */
void hc_flood_end(struct hc_worker *w);

/**
 * The other side: counts (flood_syns_received) the SYNs that come to listeners from these
 * addresses, and belong to no connection there is. They are treated as any. len 0 ends it. Thread:
 * the worker's. O(1).
 */
void hc_flood_watch(struct hc_worker *w, struct hc_prefix sources);

#ifdef __cplusplus
}
#endif
