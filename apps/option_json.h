// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Options as JSON: the `config` object of results and plans, which config_file.c reads again.

#include <jansson.h>

#include "options.h"

// The value at `field`; null when it is not set. The caller owns it.
json_t *option_json(const struct option *o, const void *field);

// All that a sub-command has and a result keeps, by their keys. The caller owns it.
json_t *option_json_all(const struct config *cfg);
