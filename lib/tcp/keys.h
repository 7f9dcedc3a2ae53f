// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Keys that turn with time, for cookies that a peer brings back: those of an epoch are made from
// the worker's secret, and those of the epoch before are kept, so that no cookie ends before its
// time.

#include "tcp/tcb.h"

struct hc_turning_keys {
	uint32_t epoch;               // Of key[0].
	bool has_keys;                // key[] is filled in.
	struct hc_hash_secret key[2]; // Of this epoch, and of the one before.
};

// Makes them those of `epoch`. The label keeps them apart from other uses of the secret.
void hc_keys_turn(struct hc_turning_keys *k, const struct hc_hash_secret *secret, uint32_t epoch,
		  uint64_t label);
