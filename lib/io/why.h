// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The sentence that goes with an error: what is wrong and what to do about it. The function that
// notices writes it, the application prints it, nobody in between changes it.

#include <handclasp/runtime.h>

// Writes the sentence, cut to HC_WHY_SIZE. @return err, so that a refusal is one statement.
__attribute__((format(printf, 3, 4))) int hc_why(char why[HC_WHY_SIZE], int err, const char *fmt,
						 ...);
