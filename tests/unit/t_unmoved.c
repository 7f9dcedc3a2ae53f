// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The last suite of its program: every counter was moved by a test before it. A counter that none
// moves is either not tested or not needed.

#include "fx_stack.h"

#include <stdio.h>

// Counters that say that something is broken: no sequence of frames and calls moves them.
static bool is_alarm(enum hc_counter ctr)
{
	return ctr == HC_CTR_events_lost;
}

static void every_counter_was_moved_by_a_test(void)
{
	const uint64_t *moved = fx_moved();

	// This suite alone was asked for.
	if (moved[HC_CTR_rx_packets] == 0)
		return;
	for (unsigned i = 0; i < HC_CTR_COUNT; i++) {
		char text[128];

		if (moved[i] || is_alarm((enum hc_counter)i))
			continue;
		(void)snprintf(text, sizeof text, "no test moves %s", hc_counter_table[i].name);
		CU_FAIL(text);
	}
}

UNIT_SUITE(unmoved, UNIT_TEST(every_counter_was_moved_by_a_test));
