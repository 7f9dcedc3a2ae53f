// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// What a worker says of itself: snapshots for other threads, latencies, footprint, names, and the
// audit of its books.

#include "stack/memory.h"
#include "stack/times.h"

#include <stdio.h>

#define HC_PUBLISH_NS 1000000u

void hc_worker_publish(struct hc_worker *w)
{
	struct hc_snapshot *s = &w->snapshot;
	uint64_t established = 0;
	uint64_t ended = 0;

	established =
		w->ctr[HC_CTR_conn_established_active] + w->ctr[HC_CTR_conn_established_passive];
	ended = w->ctr[HC_CTR_conn_closed] + w->ctr[HC_CTR_conn_reset_in] +
		w->ctr[HC_CTR_conn_reset_out] + w->ctr[HC_CTR_conn_timed_out] +
		w->ctr[HC_CTR_conn_fin_wait2_expired];
	w->publish_ns = w->env.now_ns + HC_PUBLISH_NS;
	// Odd while it is being written; readers see the count before and after (seqlock).
	__atomic_store_n(&w->snapshot_seq, w->snapshot_seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	s->t_ns = w->env.now_ns;
	memcpy(s->counter, w->ctr, sizeof s->counter);
	s->conn_live = hc_pool_used(&w->tcb_pool);
	s->conn_established = established - ended;
	s->syn_live = hc_pool_used(&w->syn_pool);
	s->time_wait_live = w->tw.live_count;
	__atomic_store_n(&w->snapshot_seq, w->snapshot_seq + 1, __ATOMIC_RELEASE);
}

void hc_worker_snapshot(const struct hc_worker *w, struct hc_snapshot *out)
{
	uint32_t before;
	uint32_t after;

	do {
		before = __atomic_load_n(&w->snapshot_seq, __ATOMIC_ACQUIRE);
		memcpy(out, &w->snapshot, sizeof *out);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(&w->snapshot_seq, __ATOMIC_RELAXED);
	} while (before != after || before & 1);
}

void hc_worker_join_ends(struct hc_worker *opener, struct hc_worker *acceptor)
{
	struct hc_ends ends = {
		.at = opener->array[HC_ARRAY_ENDS],
		.planned = opener->array[HC_ARRAY_PLANNED],
		.tuples = opener->tuples,
		.role = opener->cfg.keeps_planned_times ? HC_ENDS_PLANNED : 0,
	};

	HC_ASSERT(opener->cfg.keeps_end_times);
	HC_ASSERT(opener != acceptor);
	ends.tuples.slot = NULL; // Nobody's but the opener's.
	opener->ends = acceptor->ends = ends;
	opener->ends.role |= HC_ENDS_OPENER;
	acceptor->ends.role |= HC_ENDS_ACCEPTOR;
}

void hc_time_settle(struct hc_worker *w, enum hc_latency which)
{
	struct hc_time_run *r = &w->time_run[which];

	hc_hist_record_units(&w->latency[which], r->units, r->count);
	r->count = 0;
}

const struct hc_hist *hc_worker_latency(const struct hc_worker *w, enum hc_latency which)
{
	return &w->latency[which];
}

void hc_worker_latency_reset(struct hc_worker *w)
{
	for (unsigned i = 0; i < HC_LATENCY_COUNT; i++)
		hc_hist_reset(&w->latency[i]);
}

const uint64_t *hc_worker_stage_cycles(const struct hc_worker *w)
{
	return w->stage.cycles;
}

void hc_worker_footprint(const struct hc_worker *w, struct hc_footprint *out)
{
	uint32_t entry =
		(uint32_t)((uint64_t)(w->table.bucket_mask + 1) * sizeof(struct hc_bucket) /
			   ((uint64_t)w->cfg.conn_cap + w->cfg.syn_cap + w->cfg.time_wait_cap));
	uint32_t found_by = w->tuples.count ? (uint32_t)sizeof(hc_ref) : entry;

	// Block, its place on the list of pending ones (twice), among the timers and in the late
	// events, one span, and the reference that finds it. In the pools both are a bit.
	out->conn_bytes = (uint32_t)(sizeof(struct hc_block) + sizeof(struct hc_span) +
				     3 * sizeof(uint32_t) + 2 * sizeof(struct hc_event)) +
			  found_by;
	out->time_wait_bytes = (uint32_t)sizeof(struct hc_tw_mini) + found_by;
}

const char *hc_reason_name(enum hc_reason reason)
{
	static const char *const name[HC_REASON_COUNT] = {
		[HC_REASON_NONE] = "none",
		[HC_REASON_REFUSED] = "refused",
		[HC_REASON_TIMED_OUT] = "timed_out",
		[HC_REASON_RESET] = "reset",
		[HC_REASON_NO_MEMORY] = "no_memory",
		[HC_REASON_NO_PORT] = "no_port",
		[HC_REASON_UNREACHABLE] = "unreachable",
		[HC_REASON_ABORTED] = "aborted",
	};

	return reason < HC_REASON_COUNT ? name[reason] : "?";
}

const char *hc_state_name(enum hc_conn_state state)
{
	static const char *const name[HC_STATE_COUNT] = {
		[HC_CLOSED] = "CLOSED",           [HC_LISTEN] = "LISTEN",
		[HC_SYN_SENT] = "SYN-SENT",       [HC_SYN_RCVD] = "SYN-RECEIVED",
		[HC_ESTABLISHED] = "ESTABLISHED", [HC_FIN_WAIT_1] = "FIN-WAIT-1",
		[HC_FIN_WAIT_2] = "FIN-WAIT-2",   [HC_CLOSE_WAIT] = "CLOSE-WAIT",
		[HC_CLOSING] = "CLOSING",         [HC_LAST_ACK] = "LAST-ACK",
		[HC_TIME_WAIT] = "TIME-WAIT",
	};

	return state < HC_STATE_COUNT ? name[state] : "?";
}

const char *hc_stage_name(enum hc_stage stage)
{
	static const char *const name[HC_STAGE_COUNT] = {
		[HC_STAGE_RX] = "rx",   [HC_STAGE_PARSE] = "parse",   [HC_STAGE_LOOKUP] = "lookup",
		[HC_STAGE_RUN] = "run", [HC_STAGE_TIMERS] = "timers", [HC_STAGE_APP] = "app",
		[HC_STAGE_TX] = "tx",
	};

	return stage < HC_STAGE_COUNT ? name[stage] : "?";
}

/* --------------------------------------------------------------------------------------- audit */

struct census {
	uint64_t opening;     // SYN-SENT, SYN-RECEIVED.
	uint64_t established; // Everything after.
	uint64_t retired;     // Closed, with data not yet taken.
	uint64_t by_table;
	uint64_t by_tuple;
	uint64_t holding;   // Of all, those that hold something out of order,
	uint64_t held_bufs; // in so many buffers.
	uint64_t boards;    // Connections with a scoreboard.
	uint64_t lives;     // Connections with a record of liveness.
};

static uint32_t hash_of_ref(const void *ctx, hc_ref ref)
{
	const struct hc_worker *w = ctx;

	return hc_hash_key(&w->env.secret, hc_ref_key(w, ref));
}

// Counts the live objects, and whether each is found where it has to be.
static bool take_census(const struct hc_worker *w, struct census *c)
{
	bool is_good = true;

	*c = (struct census){0};
	for (uint32_t i = 0; i < w->cfg.conn_cap; i++) {
		const struct hc_tcb *t = &w->block[i].tcb;

		if (t->state == HC_CLOSED)
			continue;
		if (t->flags & HC_TCB_DATA && hc_tcb_is_holding(&w->block[i].cold)) {
			c->holding++;
			c->held_bufs += w->holding[w->block[i].sock.holding].buf_count;
		}
		c->lives += (w->block[i].cold.switches & HC_SWITCH_LIVE) != 0;
		c->boards += (w->block[i].cold.switches & HC_SWITCH_BOARD) != 0;
		if (t->state == HC_TIME_WAIT) {
			c->retired++;
			continue;
		}
		if (t->state == HC_SYN_SENT || t->state == HC_SYN_RCVD)
			c->opening++;
		else
			c->established++;
		c->by_tuple += (t->flags & HC_TCB_ACTIVE) != 0;
		c->by_table += !(t->flags & HC_TCB_ACTIVE);
		is_good &= hc_flow_find(w, &t->key) == hc_ref_make(HC_REF_TCB, i);
		is_good &= hc_seq_le(t->snd_una, t->snd_nxt) && hc_seq_le(t->rcv_nxt, t->rcv_edge);
	}
	for (uint32_t pos = w->tw.head; pos != w->tw.tail; pos++) {
		const struct hc_tw_mini *m = &w->tw.mini[pos & w->tw.mask];

		c->by_tuple += (m->flags & HC_TW_LIVE) && (m->flags & HC_TW_ACTIVE);
		c->by_table += (m->flags & HC_TW_LIVE) && !(m->flags & HC_TW_ACTIVE);
	}
	c->by_table += hc_pool_used(&w->syn_pool);
	return is_good;
}

static bool balance(const char *what, uint64_t left, uint64_t right, char *why, size_t why_size)
{
	if (left == right)
		return true;
	snprintf(why, why_size, "%s: %llu on one side, %llu on the other", what,
		 (unsigned long long)left, (unsigned long long)right);
	return false;
}

bool hc_worker_audit(const struct hc_worker *w, char *why, size_t why_size)
{
	const uint64_t *n = w->ctr;
	uint64_t received = 0;
	uint64_t explained = 0;
	uint64_t tw_ended = n[HC_CTR_tw_expired] + n[HC_CTR_tw_reused] + n[HC_CTR_tw_forgotten];
	struct census c;
	bool is_found = take_census(w, &c);

	if (why_size)
		why[0] = '\0';
	for (unsigned i = 0; i < HC_CTR_COUNT; i++) {
		if (hc_counter_table[i].kind == HC_COUNTER_RX)
			received += n[i];
		if (hc_counter_table[i].kind == HC_COUNTER_HANDLED ||
		    hc_counter_table[i].kind == HC_COUNTER_DROP)
			explained += n[i];
	}
	if (!is_found) {
		snprintf(why, why_size, "a connection is not found under its key");
		return false;
	}
	return balance("packets received = handled + dropped", received, explained, why,
		       why_size) &&
	       balance("opened actively = established + failed + opening",
		       n[HC_CTR_conn_opened_active],
		       n[HC_CTR_conn_established_active] + n[HC_CTR_conn_failed_refused] +
			       n[HC_CTR_conn_failed_timed_out] + n[HC_CTR_conn_failed_unreachable] +
			       n[HC_CTR_conn_failed_aborted] + c.opening,
		       why, why_size) &&
	       balance("opened passively = established + given up + half open",
		       n[HC_CTR_conn_opened_passive],
		       n[HC_CTR_conn_established_passive] + n[HC_CTR_syn_expired] +
			       n[HC_CTR_syn_reset] + hc_pool_used(&w->syn_pool),
		       why, why_size) &&
	       balance("established = closed + reset + given up + live",
		       n[HC_CTR_conn_established_active] + n[HC_CTR_conn_established_passive],
		       n[HC_CTR_conn_closed] + n[HC_CTR_conn_reset_in] + n[HC_CTR_conn_reset_out] +
			       n[HC_CTR_conn_timed_out] + n[HC_CTR_conn_fin_wait2_expired] +
			       c.established,
		       why, why_size) &&
	       balance("TIME-WAIT entered = ended + live", n[HC_CTR_tw_entered],
		       tw_ended + w->tw.live_count, why, why_size) &&
	       balance("control blocks in use = connections", hc_pool_used(&w->tcb_pool),
		       c.opening + c.established + c.retired, why, why_size) &&
	       balance("records in use = connections that hold something out of order",
		       hc_pool_used(&w->holding_pool), c.holding, why, why_size) &&
	       balance("buffers held out of order", w->held_buf_count, c.held_bufs, why,
		       why_size) &&
	       balance("scoreboards in use = connections with one", hc_pool_used(&w->boards.pool),
		       c.boards, why, why_size) &&
	       balance("records of liveness in use = connections with one",
		       hc_pool_used(&w->lives.pool), c.lives, why, why_size) &&
	       balance("flow table entries = flows", w->table.count, c.by_table, why, why_size) &&
	       balance("source tuples in use = flows", w->tuples.used_count, c.by_tuple, why,
		       why_size) &&
	       balance("flow table is consistent", hc_table_check(&w->table, hash_of_ref, w), true,
		       why, why_size) &&
	       balance("timers are consistent",
		       hc_timers_check(&w->tcb_timers) && hc_timers_check(&w->syn_timers), true,
		       why, why_size);
}
