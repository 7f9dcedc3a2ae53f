// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "tcp/keys.h"

static void key_make(struct hc_hash_secret *key, const struct hc_hash_secret *secret,
		     uint32_t epoch, uint64_t label)
{
	hc_hash_secret_init(key, hc_siphash(secret, epoch, label));
}

void hc_keys_turn(struct hc_turning_keys *k, const struct hc_hash_secret *secret, uint32_t epoch,
		  uint64_t label)
{
	if (HC_LIKELY(k->has_keys && k->epoch == epoch))
		return;
	key_make(&k->key[0], secret, epoch, label);
	key_make(&k->key[1], secret, epoch - 1, label);
	k->epoch = epoch;
	k->has_keys = true;
}
