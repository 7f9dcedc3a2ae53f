// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/**
 * @file
 * Counters and snapshots. Every counter is one line of counters.def; this header turns the lines
 * into an enum and a table.
 *
 * A worker writes its own counters as plain 64-bit words and publishes a copy about once a
 * millisecond. Any thread may read the published copy at any time; reading never stops or slows the
 * worker. Counters are never reset: readers subtract.
 */

#include <handclasp/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a counter counts. rx_packets = sum of the HANDLED ones + sum of the DROP ones, always. */
enum hc_counter_kind {
	HC_COUNTER_RX,      /**< Every frame taken from the port. */
	HC_COUNTER_HANDLED, /**< A received frame that did what it came for. */
	HC_COUNTER_DROP,    /**< A received frame that was dropped, by reason. */
	HC_COUNTER_TX,      /**< Frames sent, or lost on the way to the port. */
	HC_COUNTER_CONN,    /**< The life of connections. */
	HC_COUNTER_NOTE,    /**< Anything else worth knowing. */
};

enum hc_counter {
#define HC_COUNTER_DEF(id, kind, rfc, help) HC_CTR_##id,
#include <handclasp/counters.def>
#undef HC_COUNTER_DEF
	HC_CTR_COUNT
};

struct hc_counter_info {
	const char *name; /**< As in counters.def, for example "tcp_bad_csum". */
	const char *rfc;  /**< The section that asks for it, or "". */
	const char *help; /**< One sentence. */
	enum hc_counter_kind kind;
};

/** The table of all counters, indexed by enum hc_counter. Any thread, O(1). */
extern const struct hc_counter_info hc_counter_table[HC_CTR_COUNT];

#ifdef __cplusplus
}
#endif
