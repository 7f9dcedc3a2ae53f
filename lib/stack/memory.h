// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What arrays a worker has and how large each is for a configuration: one place, so that what
// hc_worker_memory_bytes() promises is what hc_worker_create() takes.

#include "stack/ends.h"

struct hc_layout {
	uint64_t size[HC_ARRAY_COUNT];
	uint64_t bytes; // Their sum.
};

// Entries the flow table may hold at once: everything that is not found by its tuple.
static inline uint32_t hc_table_size(const struct hc_stack_config *cfg)
{
	uint64_t entries = (uint64_t)cfg->conn_cap + cfg->syn_cap + cfg->time_wait_cap;

	// A worker without listeners keeps nothing in it, and one that only listens everything.
	if (cfg->listener_cap == 0)
		entries = 64;
	return hc_table_buckets_for(entries < 1u << 30 ? (uint32_t)entries : 1u << 30);
}

// Late events: a power of two, so that positions may wrap.
static inline uint32_t hc_late_cap(const struct hc_stack_config *cfg)
{
	uint32_t cap = 64;

	while (cap < cfg->conn_cap && cap < 1u << 16)
		cap *= 2;
	return 2 * cap;
}

// Connections that may hold something out of order at once.
static inline uint32_t hc_holding_cap(const struct hc_stack_config *cfg)
{
	return hc_min_u32(cfg->held_cap, cfg->conn_cap);
}

// Scoreboards: a connection needs one at most.
static inline uint32_t hc_board_count(const struct hc_stack_config *cfg)
{
	return cfg->scoreboard_cap < cfg->conn_cap ? cfg->scoreboard_cap : cfg->conn_cap;
}

// Connections with keep-alive or a user timeout: all, when keep-alive is everybody's.
static inline uint32_t hc_live_count(const struct hc_stack_config *cfg)
{
	return cfg->has_keepalive ? cfg->conn_cap : hc_min_u32(cfg->liveness_cap, cfg->conn_cap);
}

static inline void hc_layout_make(const struct hc_stack_config *cfg, struct hc_layout *l)
{
	uint64_t conns = cfg->conn_cap;
	uint64_t spans = conns + cfg->span_cap;
	uint32_t addrs = cfg->clients.len ? 1u << (32 - cfg->clients.len) : 1;
	uint64_t ports = (uint64_t)cfg->port_hi - cfg->port_lo + 1;
	uint64_t per_addr = cfg->tuple_cap / addrs;
	uint64_t tuples = (per_addr < ports ? per_addr : ports) * addrs;

	*l = (struct hc_layout){
		.size = {
			[HC_ARRAY_BLOCK] = conns * sizeof(struct hc_block),
			[HC_ARRAY_TCB_POOL] = hc_pool_bytes(cfg->conn_cap),
			[HC_ARRAY_PENDING] = 2 * conns * sizeof(uint32_t),
			[HC_ARRAY_LATE] = (uint64_t)hc_late_cap(cfg) * sizeof(struct hc_event),
			[HC_ARRAY_SYN] = (uint64_t)cfg->syn_cap * sizeof(struct hc_syn_mini),
			[HC_ARRAY_SYN_POOL] = hc_pool_bytes(cfg->syn_cap),
			[HC_ARRAY_TW] = (uint64_t)hc_tw_ring_size(cfg->time_wait_cap) *
					sizeof(struct hc_tw_mini),
			[HC_ARRAY_SPAN] = spans * sizeof(struct hc_span),
			[HC_ARRAY_SPAN_POOL] = hc_pool_bytes(cfg->conn_cap + cfg->span_cap),
			[HC_ARRAY_HOLDING] = hc_holding_cap(cfg) * sizeof(struct hc_holding),
			[HC_ARRAY_HOLDING_POOL] = hc_pool_bytes(hc_holding_cap(cfg)),
			[HC_ARRAY_TABLE] = (uint64_t)hc_table_size(cfg) * sizeof(struct hc_bucket),
			[HC_ARRAY_TUPLES] = tuples * sizeof(hc_ref),
			[HC_ARRAY_ENDS] =
				cfg->keeps_end_times ? tuples * sizeof(struct hc_end_stamps) : 0,
			[HC_ARRAY_PLANNED] =
				cfg->keeps_planned_times ? tuples * sizeof(uint32_t) : 0,
			[HC_ARRAY_TCB_WHEEL] = HC_TIMERS_BYTES(conns),
			[HC_ARRAY_SYN_WHEEL] = HC_TIMERS_BYTES(cfg->syn_cap),
			[HC_ARRAY_LISTENER] =
				(uint64_t)cfg->listener_cap * sizeof(struct hc_listener),
			[HC_ARRAY_PORTS] = 65536 * sizeof(uint16_t),
			[HC_ARRAY_NEIGH] = ((uint64_t)cfg->neigh_cap + 1) * sizeof(struct hc_neigh),
			[HC_ARRAY_NEIGH_BUCKETS] =
				(uint64_t)hc_neigh_buckets(cfg->neigh_cap) * sizeof(uint32_t),
			[HC_ARRAY_DATAGRAM] = cfg->reasm_cap * sizeof(struct hc_datagram),
			[HC_ARRAY_DATAGRAM_AREA] =
				cfg->reasm_cap * hc_reasm_area_bytes(cfg->reasm_bytes),
			[HC_ARRAY_BOARD] = (uint64_t)hc_board_count(cfg) * sizeof(struct hc_board),
			[HC_ARRAY_LIVE] = (uint64_t)hc_live_count(cfg) * sizeof(struct hc_live),
			[HC_ARRAY_LIVE_POOL] = hc_pool_bytes(hc_live_count(cfg)),
			[HC_ARRAY_BOARD_POOL] = hc_pool_bytes(hc_board_count(cfg)),
		}};
	for (unsigned i = 0; i < HC_ARRAY_COUNT; i++)
		l->bytes += l->size[i];
}
