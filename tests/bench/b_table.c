// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The flow table at 1 k to 4 M flows and loads of 0.5 to 0.9, with rte_hash (CRC32, bulk look-up)
// holding the same flows beside it. A look-up ends at the object: its key is compared, as the
// pipeline does, or its data pointer is followed, so that both pay for the same lines. Keys are
// computed, not loaded: in the stack they come from a packet that is in the cache anyway. What that
// costs is in every figure, and is the case `keys`.

#include "bench.h"

#include "base/rng.h"
#include "tcp/table.h"

#include <stdio.h>

#include <rte_common.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#define BURST 32u

// What a reference names: a line that begins with the key, as in the stack.
struct flow {
	struct hc_flow_key key;
	uint32_t gen;
	uint8_t rest[48];
} HC_ALIGN_LINE;

struct flows {
	struct flow *flow;
	uint32_t count;
	struct hc_table table;
	struct hc_hash_secret secret;
	struct rte_hash *rte;
	struct hc_rng rng;
	uint32_t next; // Whose turn it is in `renew`.
};

// The n-th life of flow i: clients of 10.0.0.0/8 to one server port, all different.
static inline struct hc_flow_key key_of(const struct flows *f, uint32_t i, uint32_t gen)
{
	uint64_t id = (uint64_t)gen * f->count + i;
	struct hc_flow_key key = {
		.local_be = hc_to_be32(0xc0a80001),
		.remote_be = hc_to_be32(0x0a000000 + (uint32_t)(id >> 14)),
		.lport_be = hc_to_be16(80),
		.rport_be = hc_to_be16((uint16_t)(0x4000 + (id & 0x3fff))),
	};

	return key;
}

static inline uint32_t hash_of(const struct flows *f, const struct hc_flow_key *key)
{
	return hc_hash_key(&f->secret, key);
}

static inline void random_keys(struct flows *f, uint32_t gen, struct hc_flow_key *keys)
{
	for (unsigned i = 0; i < BURST; i++)
		keys[i] = key_of(f, hc_rng_below(&f->rng, f->count), gen);
}

static void run_keys(void *ctx, struct bench_window *win)
{
	struct flows *f = ctx;
	struct hc_flow_key keys[BURST];

	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops += BURST) {
		random_keys(f, 0, keys);
		BENCH_KEEP(keys);
	}
	bench_end(win, RTE_ALIGN_MUL_CEIL(win->ops_wanted, BURST));
}

// The object of a key, from its first candidate on. NULL: none.
static inline const struct flow *resolve(const struct flows *f, uint32_t hash,
					 const struct hc_flow_key *key)
{
	struct hc_table_cursor at;
	hc_ref ref = hc_table_first(&f->table, hash, &at);

	while (ref != HC_REF_NONE && !hc_flow_key_equal(&f->flow[ref].key, key))
		ref = hc_table_next(&f->table, &at);
	return ref == HC_REF_NONE ? NULL : &f->flow[ref];
}

// The three passes of the pipeline. @return how many were found.
static inline unsigned find_burst(const struct flows *f, const struct hc_flow_key *keys)
{
	struct hc_table_cursor at;
	uint32_t hash[BURST];
	hc_ref ref[BURST];
	unsigned found = 0;

	for (unsigned i = 0; i < BURST; i++) {
		hash[i] = hash_of(f, &keys[i]);
		hc_table_prefetch(&f->table, hash[i]);
	}
	for (unsigned i = 0; i < BURST; i++) {
		ref[i] = hc_table_first(&f->table, hash[i], &at);
		if (ref[i] != HC_REF_NONE)
			hc_prefetch(&f->flow[ref[i]]);
	}
	for (unsigned i = 0; i < BURST; i++) {
		if (ref[i] == HC_REF_NONE)
			continue;
		if (HC_LIKELY(hc_flow_key_equal(&f->flow[ref[i]].key, &keys[i])))
			found++;
		else
			found += resolve(f, hash[i], &keys[i]) != NULL;
	}
	return found;
}

static void run_find(struct flows *f, uint32_t gen, struct bench_window *win)
{
	struct hc_flow_key keys[BURST];
	uint64_t ops = 0;
	uint64_t found = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		random_keys(f, gen, keys);
		found += find_burst(f, keys);
	}
	bench_end(win, ops);
	HC_ASSERT(found == (gen ? 0 : ops));
}

static void run_hit(void *ctx, struct bench_window *win)
{
	run_find(ctx, 0, win);
}

static void run_miss(void *ctx, struct bench_window *win)
{
	run_find(ctx, 1, win);
}

// One at a time and nothing prefetched: what a burst saves.
static void run_hit_single(void *ctx, struct bench_window *win)
{
	struct flows *f = ctx;
	uint64_t found = 0;

	bench_begin(win);
	for (uint64_t ops = 0; ops < win->ops_wanted; ops++) {
		struct hc_flow_key key = key_of(f, hc_rng_below(&f->rng, f->count), 0);
		const struct flow *flow = resolve(f, hash_of(f, &key), &key);

		found += flow != NULL;
		// The next look-up depends on this one, as packet at a time does.
		f->rng.state += flow->gen;
	}
	bench_end(win, win->ops_wanted);
	HC_ASSERT(found == win->ops_wanted);
}

static inline unsigned rte_find_burst(const struct flows *f, const struct hc_flow_key *keys)
{
	const void *key[BURST];
	void *data[BURST];
	uint64_t hits = 0;
	unsigned found = 0;

	for (unsigned i = 0; i < BURST; i++)
		key[i] = &keys[i];
	rte_hash_lookup_bulk_data(f->rte, key, BURST, &hits, data);
	for (unsigned i = 0; i < BURST; i++)
		if (hits >> i & 1)
			hc_prefetch(data[i]);
	for (unsigned i = 0; i < BURST; i++)
		if (hits >> i & 1)
			found += ((const struct flow *)data[i])->gen == 0;
	return found;
}

static void run_rte_find(struct flows *f, uint32_t gen, struct bench_window *win)
{
	struct hc_flow_key keys[BURST];
	uint64_t ops = 0;
	uint64_t found = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		random_keys(f, gen, keys);
		found += rte_find_burst(f, keys);
	}
	bench_end(win, ops);
	HC_ASSERT(found == (gen ? 0 : ops));
}

static void run_rte_hit(void *ctx, struct bench_window *win)
{
	run_rte_find(ctx, 0, win);
}

static void run_rte_miss(void *ctx, struct bench_window *win)
{
	run_rte_find(ctx, 1, win);
}

// A flow ends and its object begins another one: one removal and one insertion. Bursts, with the
// buckets of both prefetched.
static void run_renew(void *ctx, struct bench_window *win)
{
	struct flows *f = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		uint32_t idx[BURST], old[BURST], new[BURST];

		for (unsigned i = 0; i < BURST; i++) {
			idx[i] = hc_rng_below(&f->rng, f->count);
			hc_prefetch_w(&f->flow[idx[i]]);
		}
		for (unsigned i = 0; i < BURST; i++) {
			struct flow *flow = &f->flow[idx[i]];

			old[i] = hash_of(f, &flow->key);
			flow->key = key_of(f, idx[i], ++flow->gen);
			new[i] = hash_of(f, &flow->key);
			hc_table_prefetch(&f->table, old[i]);
			hc_table_prefetch(&f->table, new[i]);
		}
		for (unsigned i = 0; i < BURST; i++) {
			bool is_in;

			hc_table_remove(&f->table, old[i], idx[i]);
			is_in = hc_table_insert(&f->table, new[i], idx[i]);
			HC_ASSERT(is_in);
		}
	}
	bench_end(win, ops);
}

static void run_rte_renew(void *ctx, struct bench_window *win)
{
	struct flows *f = ctx;
	uint64_t ops = 0;

	bench_begin(win);
	for (; ops < win->ops_wanted; ops += BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			struct flow *flow = &f->flow[hc_rng_below(&f->rng, f->count)];
			int removed = rte_hash_del_key(f->rte, &flow->key);
			int added;

			flow->key = key_of(f, (uint32_t)(flow - f->flow), ++flow->gen);
			added = rte_hash_add_key_data(f->rte, &flow->key, flow);
			HC_ASSERT(removed >= 0);
			HC_ASSERT(added == 0);
		}
	}
	bench_end(win, ops);
}

static void flows_open(struct flows *f, uint32_t buckets, uint32_t count)
{
	struct rte_hash_parameters params = {
		.name = "bench",
		.entries = buckets * HC_BUCKET_SLOTS,
		.key_len = sizeof(struct hc_flow_key),
		.hash_func = rte_hash_crc,
		.socket_id = -1,
		// Without, it refuses some of these keys at 4 M: CRC32 is linear, and so are they.
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	*f = (struct flows){.count = count};
	hc_rng_seed(&f->rng, 1);
	hc_hash_secret_init(&f->secret, 1);
	f->flow = bench_alloc((uint64_t)count * sizeof(struct flow));
	hc_table_init(&f->table, bench_alloc((uint64_t)buckets * sizeof(struct hc_bucket)),
		      buckets);
	f->rte = rte_hash_create(&params);
	HC_ASSERT(f->rte);
}

static void flows_shut(struct flows *f)
{
	rte_hash_free(f->rte);
	bench_free(f->table.bucket);
	bench_free(f->flow);
}

// Puts every flow of generation 0 into both. Far away from the order of their memory, as flows come
// and go: i * an odd number, modulo a power of two.
static void flows_fill(struct flows *f)
{
	uint32_t mask = rte_align32pow2(f->count) - 1;

	for (uint32_t n = 0; n <= mask; n++) {
		uint32_t i = n * 2654435769u & mask;
		struct hc_flow_key key = key_of(f, i, 0);
		bool is_in;

		if (i >= f->count)
			continue;
		f->flow[i] = (struct flow){.key = key};
		is_in = hc_table_insert(&f->table, hash_of(f, &key), i);
		HC_ASSERT(is_in);
		is_in = rte_hash_add_key_data(f->rte, &key, &f->flow[i]) == 0;
		HC_ASSERT(is_in);
	}
}

// `renew` changes the flows of one table only, so each gets its own turn on a fresh fill.
static void bench_flows(const char *size, uint32_t buckets, unsigned percent)
{
	struct bench_case finds[] = {
		{.name = "keys", .run = run_keys},
		{.name = "hit", .run = run_hit},
		{.name = "hit_single", .run = run_hit_single},
		{.name = "hit_rte_hash", .run = run_rte_hit},
		{.name = "miss", .run = run_miss},
		{.name = "miss_rte_hash", .run = run_rte_miss},
	};
	struct bench_case renew[] = {{.name = "renew", .run = run_renew}};
	struct bench_case rte_renew[] = {{.name = "renew_rte_hash", .run = run_rte_renew}};
	uint32_t count = (uint32_t)((uint64_t)buckets * HC_BUCKET_SLOTS * percent / 100);
	char prefix[48];
	struct flows f;

	snprintf(prefix, sizeof prefix, "table/%s/0.%u", size, percent / 10);
	if (!bench_wants(prefix))
		return;
	flows_open(&f, buckets, count);
	flows_fill(&f);
	for (unsigned i = 0; i < RTE_DIM(finds); i++)
		finds[i].ctx = &f;
	bench_turns(prefix, finds, RTE_DIM(finds));
	renew[0].ctx = &f;
	bench_turns(prefix, renew, RTE_DIM(renew));
	for (uint32_t i = 0; i < count; i++)
		f.flow[i] = (struct flow){.key = key_of(&f, i, 0)};
	rte_renew[0].ctx = &f;
	bench_turns(prefix, rte_renew, RTE_DIM(rte_renew));
	flows_shut(&f);
}

void bench_table(void)
{
	static const struct {
		const char *name;
		uint32_t buckets;
	} sizes[] = {{"1k", 128}, {"64k", 8192}, {"1M", 131072}, {"4M", 524288}};

	for (unsigned s = 0; s < RTE_DIM(sizes); s++)
		for (unsigned percent = 50; percent <= 90; percent += 10)
			if (!bench_is_counting() || s == 0)
				bench_flows(sizes[s].name, sizes[s].buckets, percent);
}
