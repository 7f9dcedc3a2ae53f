// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The life of a worker: configuration checked, memory taken from the port's NUMA node and given
// back.

#include "base/prefix.h"
#include "stack/memory.h"
#include "stack/tuple.h"
#include "stack/tx.h"

#include <errno.h>
#include <sys/random.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_thash.h>

#define HC_DELAYED_ACK_MS_MAX 500u // RFC 9293 3.8.6.3, MUST-40: less than half a second late.

void hc_stack_config_default(struct hc_stack_config *cfg)
{
	*cfg = (struct hc_stack_config){
		.local_prefix_len = 24,
		.port_lo = 1024,
		.port_hi = 65535,
		.conn_cap = 16384,
		.syn_cap = 4096,
		.time_wait_cap = 65536,
		.tuple_cap = 65536,
		.neigh_cap = 1024,
		.neigh_queue_cap = 64,
		.listener_cap = 64,
		.fast_open_cap = 256,
		.span_cap = 4096,
		.held_cap = 1024,
		.scoreboard_cap = 2048,
		.liveness_cap = 4096,
		.rcv_buf_bytes = 65535,
		.snd_buf_bytes = 262144,
		.reasm_cap = 16,
		.reasm_bytes = 65515,
		.mtu = 1500,
		.ttl = 64,
		// Each kind of segment in a burst needs its code and predictions anew: not too few.
		.burst_pkts = 64,
		.time_wait_ms = 60000,
		.rto_init_ms = 1000,
		.rto_min_ms = 200,
		.rto_max_ms = 60000,
		// RFC 9293 3.8.3, MUST-23: R2 for SYN of at least 3 minutes: 1+2+4+8+16+32+60+60 s.
		.syn_retries = 7,
		.synack_retries = 5,
		.data_retries = 15,
		.r1_retries = 3, // RFC 9293 3.8.3, SHLD-10.
		.fin_wait2_ms = 60000,
		.delayed_ack_ms = 40,
		// RFC 1122 3.3.2: between 60 and 120 s.
		.reasm_ms = 60000,
		.arp_ttl_ms = 60000,
		.arp_announcements = 2, // RFC 5227 1.1: ANNOUNCE_NUM.
		.has_timestamps = true,
		.has_window_scale = true,
		.syn_cookies = HC_SYN_COOKIES_OVERFLOW,
		.has_sack = true,
	};
}

// What is wrong with a configuration, NULL when nothing is.
static const char *config_error(const struct hc_stack_config *cfg, const struct hc_port *port,
				unsigned queue)
{
	if (queue >= port->queue_count)
		return "the port has fewer queues than workers";
	if (cfg->local_addr == 0 || cfg->local_addr >> 28 == 0xe || cfg->local_addr >> 24 == 127)
		return "the local address is not a host address";
	if (cfg->local_prefix_len < 1 || cfg->local_prefix_len > 32)
		return "the local prefix length is not within 1 and 32";
	if (cfg->clients.len > 32)
		return "the client prefix length is not within 0 and 32";
	if (cfg->clients.len && cfg->gateway && hc_prefix_has(&cfg->clients, cfg->gateway))
		return "the gateway lies within the client prefix";
	if (cfg->gateway == cfg->local_addr)
		return "the gateway is the local address";
	if (cfg->tuple_cap && (cfg->port_lo == 0 || cfg->port_hi < cfg->port_lo))
		return "the source port range is empty";
	if (cfg->tuple_cap && cfg->clients.len &&
	    (uint64_t)cfg->tuple_cap < 1ull << (32 - cfg->clients.len))
		return "the client prefix has more addresses than tuple_cap";
	if (cfg->conn_cap == 0 || cfg->conn_cap > HC_REF_IDX_MASK / 2)
		return "conn_cap is not within 1 and 2^29";
	if (cfg->syn_cap > HC_REF_IDX_MASK / 2 || cfg->time_wait_cap > HC_REF_IDX_MASK / 2 ||
	    cfg->tuple_cap > 1u << 31)
		return "a cap is above 2^29";
	if (cfg->time_wait_ms && cfg->time_wait_cap == 0)
		return "time_wait_cap is 0 while TIME-WAIT is on";
	if (cfg->neigh_cap == 0 || cfg->neigh_cap >= UINT16_MAX)
		return "neigh_cap is not within 1 and 65534";
	if (cfg->neigh_queue_cap > UINT8_MAX)
		return "neigh_queue_cap is above 255";
	if (cfg->listener_cap >= HC_LISTENER_NONE)
		return "listener_cap is above 65534";
	if (cfg->burst_pkts == 0 || cfg->burst_pkts > HC_BURST_MAX)
		return "burst_pkts is not within 1 and 128";
	if (cfg->reasm_cap > HC_REASM_CAP_MAX)
		return "reasm_cap is above 256";
	// RFC 1122 3.3.2: at least 576.
	if (cfg->reasm_bytes < 576 || cfg->reasm_bytes > UINT16_MAX - HC_IP4_LEN)
		return "reasm_bytes is not within 576 and 65515";
	if (cfg->mtu < 576 || cfg->mtu > 9216)
		return "mtu is not within 576 and 9216";
	if (cfg->ttl == 0)
		return "ttl is 0";
	if (cfg->dscp > HC_DSCP_MAX)
		return "dscp is above 63";
	if (cfg->rcv_buf_bytes < 1024 || cfg->rcv_buf_bytes > 1u << 30)
		return "rcv_buf_bytes is not within 1024 and 2^30";
	if (cfg->snd_buf_bytes < 1024 || cfg->snd_buf_bytes > 1u << 30)
		return "snd_buf_bytes is not within 1024 and 2^30";
	if (cfg->rto_init_ms == 0 || cfg->rto_min_ms == 0 || cfg->rto_max_ms < cfg->rto_init_ms ||
	    cfg->rto_max_ms < cfg->rto_min_ms || cfg->rto_max_ms > 1u << 24)
		return "the RTO limits are not 0 < rto_init, rto_min <= rto_max <= 2^24 ms";
	if (cfg->congestion >= HC_CONGESTION_COUNT)
		return "congestion is not one of enum hc_congestion";
	if (cfg->time_wait_ms > 1u << 30 || cfg->fin_wait2_ms > 1u << 30 ||
	    cfg->arp_ttl_ms > 1u << 30 || cfg->arp_ttl_ms == 0 || cfg->reasm_ms > 1u << 30 ||
	    cfg->reasm_ms == 0)
		return "a time is 0 or above 2^30 ms";
	if (cfg->delayed_ack_ms > HC_DELAYED_ACK_MS_MAX)
		return "delayed_ack_ms is above 500";
	if (cfg->syn_cookies > HC_SYN_COOKIES_NEVER)
		return "syn_cookies is none of its values";
	if (cfg->syn_layout >= HC_SYN_LAYOUT_COUNT)
		return "syn_layout is not one of enum hc_syn_layout";
	if (cfg->wscale_min > HC_WSCALE_MAX)
		return "wscale_min is above 14";
	return NULL;
}

const struct hc_stack_config *hc_worker_config(const struct hc_worker *w)
{
	return &w->cfg;
}

uint64_t hc_worker_memory_bytes(const struct hc_stack_config *cfg)
{
	struct hc_layout l;

	hc_layout_make(cfg, &l);
	return sizeof(struct hc_worker) + l.bytes + 64 * HC_ARRAY_COUNT;
}

static void init_tuples(struct hc_worker *w, void *memory)
{
	const struct hc_stack_config *cfg = &w->cfg;
	struct hc_tuples *u = &w->tuples;
	uint32_t ports = (uint32_t)cfg->port_hi - cfg->port_lo + 1;
	uint64_t start;

	if (cfg->tuple_cap == 0)
		return;
	u->addr_bits = cfg->clients.len ? 32u - cfg->clients.len : 0;
	u->addr_count = 1u << u->addr_bits;
	u->addr_base =
		cfg->clients.len ? cfg->clients.addr & ~(u->addr_count - 1) : cfg->local_addr;
	u->skips_edges = u->addr_count > 2;
	u->port_count = hc_min_u32(ports, cfg->tuple_cap >> u->addr_bits);
	u->count = u->port_count << u->addr_bits;
	u->checks_owner = w->queue_count > 1;
	u->slot = memory;
	// RFC 6056: where the ports begin is nobody's business, and differs from one run to the
	// next, so that the next does not come upon the TIME-WAITs of the last. It is plain to see
	// on the wire, so it comes out of the secret's hash and is no part of it.
	start = hc_siphash(&w->env.secret, cfg->local_addr, 2);
	u->port_lo =
		cfg->port_lo + (uint32_t)((start & UINT32_MAX) * (ports - u->port_count + 1) >> 32);
	u->cursor = (uint32_t)((start >> 32) * u->count >> 32);
	memset(u->slot, 0xff, u->count * sizeof(hc_ref));
}

static void init_env(struct hc_worker *w)
{
	const struct hc_stack_config *cfg = &w->cfg;
	struct hc_tcp_env *env = &w->env;
	uint64_t seed = cfg->seed;

	// Without a seed the secret is the system's. Workers of one port share it through the
	// caller, who passes the same seed to all.
	while (seed == 0)
		if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
			seed = rte_rdtsc() | 1;
	hc_hash_secret_init(&env->secret, seed);
	w->ts_offset = (uint32_t)hc_siphash(&env->secret, cfg->local_addr, 1) +
		       (uint32_t)(cfg->clock_base_ns / 1000000u);
	env->clock_base_ns = cfg->clock_base_ns;
	env->rto_init_ms = cfg->rto_init_ms;
	env->rto_min_ms = cfg->rto_min_ms;
	env->rto_max_ms = cfg->rto_max_ms;
	env->fin_wait2_ms = cfg->fin_wait2_ms;
	env->rcv_buf_bytes = cfg->rcv_buf_bytes;
	env->delayed_ack_ms = cfg->delayed_ack_ms;
	env->mss = (uint16_t)(cfg->mtu - HC_IP4_LEN - HC_TCP_LEN);
	env->rcv_step = cfg->rcv_step_bytes ? cfg->rcv_step_bytes : env->mss;
	w->rcv_most = hc_max_u32(env->rcv_buf_bytes - env->rcv_buf_bytes / 2 + 1, env->mss);
	env->rcv_wscale = cfg->wscale_min;
	while (cfg->rcv_buf_bytes >> env->rcv_wscale > 0xffff && env->rcv_wscale < HC_WSCALE_MAX)
		env->rcv_wscale++;
	env->syn_retries = cfg->syn_retries;
	env->synack_retries = cfg->synack_retries;
	env->data_retries = cfg->data_retries;
	env->r1_retries = cfg->r1_retries;
	env->congestion = (uint8_t)cfg->congestion;
	env->has_timestamps = cfg->has_timestamps;
	env->has_window_scale = cfg->has_window_scale;
	env->has_sack = cfg->has_sack;
	env->switches = cfg->has_nodelay ? HC_SWITCH_NODELAY : 0;
	env->has_ecn = cfg->has_ecn;
	env->has_fast_open = cfg->has_fast_open;
	env->ctr = w->ctr;
}

static void init_parse_env(struct hc_worker *w)
{
	const struct hc_stack_config *cfg = &w->cfg;
	struct hc_parse_env *e = &w->parse_env;
	uint32_t host = cfg->local_prefix_len < 31 ? ~0u >> cfg->local_prefix_len : 0;
	uint32_t mask = cfg->clients.len ? ~0u << (32 - cfg->clients.len) : ~0u;

	memcpy(e->mac, w->port->mac, sizeof e->mac);
	hc_parse_env_seal(e);
	e->local_be = hc_to_be32(cfg->local_addr);
	e->broadcast_be = hc_to_be32(host ? cfg->local_addr | host : 0);
	e->clients_mask_be = hc_to_be32(mask);
	e->clients_be = hc_to_be32(cfg->clients.len ? cfg->clients.addr & mask : cfg->local_addr);
}

static void init_arrays(struct hc_worker *w, void *const array[HC_ARRAY_COUNT])
{
	const struct hc_stack_config *cfg = &w->cfg;

	w->block = array[HC_ARRAY_BLOCK];
	w->syn = array[HC_ARRAY_SYN];
	w->span = array[HC_ARRAY_SPAN];
	w->holding = array[HC_ARRAY_HOLDING];
	w->listener = array[HC_ARRAY_LISTENER];
	w->listener_by_port = array[HC_ARRAY_PORTS];
	w->pending = array[HC_ARRAY_PENDING];
	w->late = array[HC_ARRAY_LATE];
	w->late_cap = hc_late_cap(cfg);
	w->listener_cap = cfg->listener_cap;
	memset(w->listener_by_port, 0xff, 65536 * sizeof *w->listener_by_port);
	hc_pool_init(&w->tcb_pool, array[HC_ARRAY_TCB_POOL], cfg->conn_cap);
	hc_pool_init(&w->syn_pool, array[HC_ARRAY_SYN_POOL], cfg->syn_cap);
	hc_pool_init(&w->span_pool, array[HC_ARRAY_SPAN_POOL], cfg->conn_cap + cfg->span_cap);
	hc_pool_init(&w->holding_pool, array[HC_ARRAY_HOLDING_POOL], hc_holding_cap(cfg));
	w->held_buf_max = w->pool->size / HC_HELD_BUFS_SHARE;
	w->held_buf_conn_max = HC_HELD_BUFS_MIN + cfg->rcv_buf_bytes / HC_HELD_BUFS_BYTES;
	w->lives.live = array[HC_ARRAY_LIVE];
	hc_pool_init(&w->lives.pool, array[HC_ARRAY_LIVE_POOL], hc_live_count(cfg));
	w->env.lives = &w->lives;
	w->boards.board = array[HC_ARRAY_BOARD];
	hc_pool_init(&w->boards.pool, array[HC_ARRAY_BOARD_POOL], hc_board_count(cfg));
	w->env.boards = &w->boards;
	hc_tw_ring_init(&w->tw, array[HC_ARRAY_TW], cfg->time_wait_cap);
	hc_table_init(&w->table, array[HC_ARRAY_TABLE], hc_table_size(cfg));
	hc_timers_init(&w->tcb_timers, (uint8_t *)w->block + offsetof(struct hc_block, tcb.timer),
		       sizeof *w->block, array[HC_ARRAY_TCB_WHEEL], 0);
	hc_timers_init(&w->syn_timers, (uint8_t *)w->syn + offsetof(struct hc_syn_mini, timer),
		       sizeof *w->syn, array[HC_ARRAY_SYN_WHEEL], 0);
	w->fifo_rto_init = hc_timers_fifo_add(&w->tcb_timers, cfg->rto_init_ms);
	w->fifo_rto_min = hc_timers_fifo_add(&w->tcb_timers, cfg->rto_min_ms);
	// Never armed when it is 0, which stands for ever.
	w->fifo_fw2 = hc_timers_fifo_add(&w->tcb_timers,
					 cfg->fin_wait2_ms ? cfg->fin_wait2_ms : cfg->rto_max_ms);
	// Never armed when it is 0: none is delayed.
	w->fifo_ack = hc_timers_fifo_add(&w->tcb_timers, cfg->delayed_ack_ms ? cfg->delayed_ack_ms
									     : cfg->rto_max_ms);
	w->syn_fifo_rto_init = hc_timers_fifo_add(&w->syn_timers, cfg->rto_init_ms);
	init_tuples(w, array[HC_ARRAY_TUPLES]);
	w->claim.state = cfg->has_arp_probe ? HC_CLAIM_PROBING : HC_CLAIM_HELD;
	hc_neighs_init(w, array[HC_ARRAY_NEIGH], array[HC_ARRAY_NEIGH_BUCKETS]);
	hc_reasm_init(w, array[HC_ARRAY_DATAGRAM], array[HC_ARRAY_DATAGRAM_AREA]);
}

static void free_arrays(struct hc_worker *w)
{
	for (unsigned i = HC_ARRAY_COUNT; i-- > 0;)
		rte_free(w->array[i]);
	rte_free(w);
}

int hc_worker_create(struct hc_port *port, unsigned queue, const struct hc_stack_config *cfg,
		     struct hc_worker **out, const char **why)
{
	struct hc_layout layout;
	struct hc_worker *w;

	*why = config_error(cfg, port, queue);
	if (*why)
		return -EINVAL;
	*why = "not enough memory for the configured number of connections";
	hc_layout_make(cfg, &layout);
	w = rte_zmalloc_socket("hc_worker", sizeof *w, HC_CACHE_LINE, port->numa_node);
	if (!w)
		return -ENOMEM;
	for (unsigned i = 0; i < HC_ARRAY_COUNT; i++) {
		if (layout.size[i] == 0)
			continue;
		w->array[i] = rte_zmalloc_socket("hc_array", layout.size[i], HC_CACHE_LINE,
						 port->numa_node);
		if (!w->array[i]) {
			free_arrays(w);
			return -ENOMEM;
		}
	}
	w->cfg = *cfg;
	w->port = port;
	w->port_id = port->port_id;
	w->gate = port->gate;
	w->queue = (uint16_t)queue;
	w->queue_count = port->queue_count;
	w->burst = cfg->burst_pkts;
	w->trust_all = port->has_rx_ip_csum || port->has_rx_tcp_csum;
	w->has_tx_csum = port->has_tx_csum;
	w->has_tso = port->has_tso;
	w->redirects = port->queue_count > 1 && !port->has_rss;
	w->pool = port->pool[queue];
	w->stage.is_on = cfg->keeps_stage_cycles;
	w->has_errand = true; // The start.
	w->has_odd_syn = cfg->has_ecn || cfg->has_fast_open;
	w->lays_out_syns = cfg->syn_layout != HC_SYN_LAYOUT_BUILT;
	w->reworks_tx = w->lays_out_syns;
	w->has_keepalive = cfg->has_keepalive;
	w->always_cookies = cfg->syn_cookies == HC_SYN_COOKIES_ALWAYS;
	hc_admit_look(w);
	w->admission = (struct hc_admission){.syns = HC_ADMIT_ALL, .conns = HC_ADMIT_ALL};
	hc_rng_seed(&w->admission_rng, cfg->seed + queue);
	if (port->has_rss)
		rte_convert_rss_key((const uint32_t *)(const void *)port->rss_key,
				    (uint32_t *)(void *)w->rss_key_be, port->rss_key_len);
	init_env(w);
	init_parse_env(w);
	init_arrays(w, w->array);
	for (unsigned i = 0; i < HC_LATENCY_COUNT; i++)
		hc_hist_reset(&w->latency[i]);
	*why = NULL;
	*out = w;
	return 0;
}

void hc_worker_destroy(struct hc_worker *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->cfg.conn_cap; i++)
		if (w->block[i].tcb.state != HC_CLOSED && w->block[i].tcb.flags & HC_TCB_DATA)
			hc_sock_free(w, i);
	hc_neighs_free(w);
	rte_pktmbuf_free_bulk(w->tx, w->tx_count);
	rte_pktmbuf_free_bulk(w->spare, w->spare_count);
	free_arrays(w);
}
