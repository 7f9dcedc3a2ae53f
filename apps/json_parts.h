// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Small pieces of JSON that every file we write is made of.

#include <jansson.h>

#include "app.h"
#include "config.h"
#include "units.h"

static inline void set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static inline json_t *count(uint64_t n)
{
	return json_integer((json_int_t)min_u64(n, INT64_MAX));
}

// Null when it is not known.
static inline json_t *real(double x)
{
	return __builtin_isfinite(x) ? json_real(x) : json_null();
}

static inline json_t *endpoint_text(const struct endpoint *e)
{
	return json_sprintf(ADDR_FMT ":%u", ADDR_ARGS(e->addr), e->port);
}
