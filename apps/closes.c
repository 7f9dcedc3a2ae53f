// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "closes.h"

#include <stdlib.h>

void closes_put(struct closes *c, struct hc_worker *w, uint64_t now_ns, hc_conn conn, bool is_half)
{
	if (closes_waiting(c) == 0 && bucket_fill(&c->rate, now_ns) > 0) {
		bucket_take(&c->rate, closes_send(w, conn, is_half));
		return;
	}
	if (closes_waiting(c) == c->cap) {
		c->unlimited++;
		(void)closes_send(w, conn, is_half);
		return;
	}
	c->waited++;
	c->waiting[c->tail++ & (c->cap - 1)] = (struct waiting_close){conn, is_half};
}

void closes_run(struct closes *c, struct hc_worker *w, uint64_t now_ns)
{
	// Shown the clock also when nothing waits: time in which nothing closes is no jump.
	while (bucket_fill(&c->rate, now_ns) > 0 && closes_waiting(c) > 0) {
		const struct waiting_close *next = &c->waiting[c->head++ & (c->cap - 1)];

		bucket_take(&c->rate, closes_send(w, next->conn, next->is_half));
	}
}

bool closes_init(struct closes *c, uint64_t per_s, uint32_t conn_cap)
{
	*c = (struct closes){0};
	bucket_init(&c->rate, per_s, BUCKET_SHAPE_NS);
	if (per_s == 0)
		return true;
	c->cap = 2;
	while (c->cap < 2 * conn_cap)
		c->cap *= 2;
	c->waiting = calloc(c->cap, sizeof *c->waiting);
	return c->waiting != NULL;
}

void closes_fini(struct closes *c)
{
	free(c->waiting);
	c->waiting = NULL;
}
