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

// The field of a record that an option is.
static uint32_t *live_field(struct hc_live *l, enum hc_conn_option option)
{
	if (option == HC_OPTION_KEEPALIVE_IDLE_MS)
		return &l->idle_ms;
	if (option == HC_OPTION_KEEPALIVE_INTERVAL_MS)
		return &l->interval_ms;
	HC_ASSERT(option == HC_OPTION_USER_TIMEOUT_MS);
	return &l->user_timeout_ms;
}

static int set_live(struct hc_worker *w, uint32_t idx, enum hc_conn_option option, uint32_t value)
{
	uint32_t max = option == HC_OPTION_KEEPALIVE_COUNT ? UINT16_MAX : 1u << 30;
	struct hc_live *l;

	if (value > max || (value == 0 && option != HC_OPTION_USER_TIMEOUT_MS))
		return -EINVAL;
	l = hc_keep_record(w, idx);
	if (!l)
		return -ENOMEM;
	if (option == HC_OPTION_KEEPALIVE_COUNT)
		l->probes_max = (uint16_t)value;
	else
		*live_field(l, option) = value;
	// The timer that runs may be for another time.
	if (hc_keep_has_timer(w, idx)) {
		hc_timer_off(&w->tcb_timers, idx);
		hc_keep_arm(w, idx);
	}
	return 0;
}

// Corked or not, and small or not: what waited may go.
static int set_pushing(struct hc_worker *w, uint32_t idx, enum hc_tcb_switch which, uint32_t value)
{
	int err = set_switch(&w->block[idx].cold, which, value);

	if (w->block[idx].tcb.flags & HC_TCB_DATA && w->block[idx].tcb.state >= HC_ESTABLISHED)
		hc_pend(w, idx);
	return err;
}

static int set_keepalive(struct hc_worker *w, uint32_t idx, uint32_t value)
{
	if (value > 1)
		return -EINVAL;
	if (value)
		return hc_keep_start(w, idx) ? 0 : -ENOMEM;
	hc_keep_stop(w, idx);
	return 0;
}

int hc_conn_set(struct hc_worker *w, hc_conn conn, enum hc_conn_option option, uint32_t value)
{
	uint32_t idx = hc_handle_idx(w, conn);

	if (idx == HC_IDX_NONE || w->block[idx].tcb.state == HC_TIME_WAIT) {
		w->ctr[HC_CTR_stale_handles]++;
		return -ESTALE;
	}
	if (hc_shape_has(option))
		return hc_shape_set(w, idx, option, value);
	switch (option) {
	case HC_OPTION_NODELAY:
		return set_pushing(w, idx, HC_SWITCH_NODELAY, value);
	case HC_OPTION_CORK:
		return set_pushing(w, idx, HC_SWITCH_CORK, value);
	case HC_OPTION_KEEPALIVE:
		return set_keepalive(w, idx, value);
	case HC_OPTION_KEEPALIVE_IDLE_MS:
	case HC_OPTION_KEEPALIVE_INTERVAL_MS:
	case HC_OPTION_KEEPALIVE_COUNT:
	case HC_OPTION_USER_TIMEOUT_MS:
		return set_live(w, idx, option, value);
	case HC_OPTION_COUNT:
	default:
		return -EINVAL;
	}
}

int hc_conn_get(const struct hc_worker *w, hc_conn conn, enum hc_conn_option option,
		uint32_t *value)
{
	uint32_t idx = hc_handle_idx(w, conn);
	struct hc_live usual = {
		.idle_ms = HC_KEEP_IDLE_MS,
		.interval_ms = HC_KEEP_INTERVAL_MS,
		.probes_max = HC_KEEP_PROBES,
	};
	struct hc_live *l;

	if (idx == HC_IDX_NONE)
		return -ESTALE;
	l = hc_live_of(&w->block[idx].cold, &w->env);
	l = l ? l : &usual;
	if (hc_shape_has(option)) {
		*value = hc_shape_get(w, &l->shape, option);
		return 0;
	}
	switch (option) {
	case HC_OPTION_NODELAY:
		*value = (w->block[idx].cold.switches & HC_SWITCH_NODELAY) != 0;
		return 0;
	case HC_OPTION_CORK:
		*value = (w->block[idx].cold.switches & HC_SWITCH_CORK) != 0;
		return 0;
	case HC_OPTION_KEEPALIVE:
		*value = (w->block[idx].cold.switches & HC_SWITCH_KEEPALIVE) != 0;
		return 0;
	case HC_OPTION_KEEPALIVE_COUNT:
		*value = l->probes_max;
		return 0;
	case HC_OPTION_KEEPALIVE_IDLE_MS:
	case HC_OPTION_KEEPALIVE_INTERVAL_MS:
	case HC_OPTION_USER_TIMEOUT_MS:
		*value = *live_field(l, option);
		return 0;
	case HC_OPTION_COUNT:
	default:
		return -EINVAL;
	}
}
