// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The table of counters, made from counters.def.

#include <handclasp/counters.h>

const struct hc_counter_info hc_counter_table[HC_CTR_COUNT] = {
#define HC_COUNTER_DEF(id, kind_, rfc_, help_)                                                     \
	[HC_CTR_##id] = {.name = #id, .rfc = rfc_, .help = help_, .kind = HC_COUNTER_##kind_},
#include <handclasp/counters.def>
#undef HC_COUNTER_DEF
};
