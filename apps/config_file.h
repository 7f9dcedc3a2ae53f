// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A configuration from a file: JSON with the keys of the result's `config` object, alone or as part
// of a result or plan, so that a result file runs its own test again.

#include "options.h"

// Sets what the file says; null leaves a default. @return false after a complaint that names the
// line, the key and what would be right.
bool config_file_read(struct config *cfg, const char *path);

// Gives back what texts of the configuration refer to.
void config_file_free(struct config *cfg);
