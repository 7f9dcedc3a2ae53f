// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What C and C++ have to agree on to link with one library: sizes and places of what the public
// headers declare. X(type, field): the last field whose place depends on all before it.

#include <stddef.h>

#define HEADER_LAYOUTS(X)                                                                          \
	X(struct hc_prefix, len)                                                                   \
	X(struct hc_counter_info, kind)                                                            \
	X(struct hc_hist, slot)                                                                    \
	X(struct hc_runtime_config, no_huge)                                                       \
	X(struct hc_port_config, is_promiscuous)                                                   \
	X(struct hc_port_info, buffers_out)                                                        \
	X(struct hc_port_losses, tx_errors)                                                        \
	X(struct hc_environment, warnings)                                                         \
	X(struct hc_plan, is_sustainable)                                                          \
	X(struct hc_stack_config, seed)                                                            \
	X(struct hc_event, conn)                                                                   \
	X(struct hc_flood, syns_per_s)                                                             \
	X(struct hc_connect_args, flags)                                                           \
	X(struct hc_listen_args, cookie)                                                           \
	X(struct hc_chunk, owner)                                                                  \
	X(struct hc_conn_info, mss)                                                                \
	X(struct hc_snapshot, time_wait_live)                                                      \
	X(struct hc_footprint, time_wait_bytes)

struct header_layout {
	const char *name;
	size_t size;
	size_t last_field_at;
};

#define HEADER_LAYOUT(type, field) {#type, sizeof(type), offsetof(type, field)},

#ifdef __cplusplus
extern "C" {
#endif

// As C++ sees them, ending with a NULL name.
extern const struct header_layout header_layouts_cxx[];

#ifdef __cplusplus
}
#endif
