// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Options of one connection, set and told by the application at any time. A switch is a bit in the
// first line of the cold half.

#include "stack/tx.h"

#include <errno.h>

static int set_switch(struct hc_tcb_cold *c, enum hc_tcb_switch which, uint32_t value)
{
	if (value > 1)
		return -EINVAL;
	c->switches = (uint16_t)(value ? c->switches | which : c->switches & ~(uint32_t)which);
	return 0;
}

int hc_conn_set(struct hc_worker *w, hc_conn conn, enum hc_conn_option option, uint32_t value)
{
	uint32_t idx = hc_handle_idx(w, conn);
	struct hc_tcb_cold *c;
	int err;

	if (idx == HC_IDX_NONE || w->tcb[idx].state == HC_TIME_WAIT) {
		w->ctr[HC_CTR_stale_handles]++;
		return -ESTALE;
	}
	c = &w->cold[idx];
	switch (option) {
	case HC_OPTION_NODELAY:
		err = set_switch(c, HC_SWITCH_NODELAY, value);
		// What waited may go.
		if (w->tcb[idx].flags & HC_TCB_DATA && w->tcb[idx].state >= HC_ESTABLISHED)
			hc_pend(w, idx);
		return err;
	case HC_OPTION_COUNT:
	default:
		return -EINVAL;
	}
}

int hc_conn_get(const struct hc_worker *w, hc_conn conn, enum hc_conn_option option,
		uint32_t *value)
{
	uint32_t idx = hc_handle_idx(w, conn);

	if (idx == HC_IDX_NONE)
		return -ESTALE;
	switch (option) {
	case HC_OPTION_NODELAY:
		*value = (w->cold[idx].switches & HC_SWITCH_NODELAY) != 0;
		return 0;
	case HC_OPTION_COUNT:
	default:
		return -EINVAL;
	}
}
