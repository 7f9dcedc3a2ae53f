// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Fuzz target of the frame parser. The first byte picks the host and what is trusted, the rest is
// the frame. Besides what sanitizers see, the short cut and the full parser have to agree, and
// every offset has to lie in the frame.
//
// With libFuzzer (-Dfuzz=true and clang) main() is the fuzzer's; otherwise it is replay.c's, and
// each argument is a file to run once, which is how a corpus or a crash is replayed, and how AFL
// drives it (@@).

#include "wire/parse_inline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hc_parse_env env_of(uint8_t choice)
{
	struct hc_parse_env env = {
		.mac = {2, 0, 0, 0, 0, 1},
		.is_promiscuous = choice & 4,
		.local_be = hc_to_be32(0x0a000001),
		.broadcast_be = hc_to_be32(0x0a0000ff),
		.clients_be = hc_to_be32(0x0a010000),
		.clients_mask_be = hc_to_be32(0xffff0000),
	};

	if (choice & 8) {
		env.clients_be = env.local_be;
		env.clients_mask_be = hc_to_be32(0xffffffff);
	}
	hc_parse_env_seal(&env);
	return env;
}

// What an option is read from later has to lie in the header, whatever was in the option.
static void check_options(const uint8_t *frame, const struct hc_parsed *out,
			  const struct hc_seg *seg)
{
	struct hc_seq_range blocks[HC_SACK_BLOCKS_MAX];
	const uint8_t *cookie = NULL;
	uint32_t cookie_len = hc_parse_fastopen(frame, seg, &cookie);
	unsigned count = hc_parse_sack(frame, seg, blocks);
	uint32_t options_at = (uint32_t)out->l4_off + HC_TCP_LEN;

	if (seg->flags & HC_TCP_SYN)
		HC_ASSERT(!(seg->opts & HC_OPT_SACK));
	else
		HC_ASSERT((seg->opts & ~(HC_OPT_TIMESTAMPS | HC_OPT_SACK)) == 0);
	if (!(seg->opts & HC_OPT_MSS))
		HC_ASSERT(seg->mss == 0);
	if (seg->opts & HC_OPT_SACK) {
		HC_ASSERT(seg->sack_off >= options_at);
		HC_ASSERT(seg->sack_off + 2 + 8 * count <= seg->payload_off);
	}
	if (cookie) {
		HC_ASSERT(cookie >= frame + options_at + 2);
		HC_ASSERT(cookie + cookie_len <= frame + seg->payload_off);
	}
}

static void check_seg(const struct hc_parsed *out, const struct hc_seg *seg, uint32_t len)
{
	HC_ASSERT(out->l4_len >= HC_TCP_LEN);
	HC_ASSERT(seg->payload_off >= HC_ETH_LEN + HC_IP4_LEN + HC_TCP_LEN);
	HC_ASSERT((uint32_t)seg->payload_off + seg->payload_len <= len);
	HC_ASSERT(seg->payload_len <= out->l4_len - HC_TCP_LEN);
	HC_ASSERT(seg->key.lport_be != 0);
	HC_ASSERT(seg->key.rport_be != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_seg quick_seg = {.seq = 0};
	struct hc_seg seg = {.seq = 0};
	struct hc_parsed quick, out;
	struct hc_parse_env env;
	enum hc_frame_kind kind;
	uint32_t len;

	if (size == 0 || size > UINT16_MAX)
		return 0;
	env = env_of(data[0]);
	len = (uint32_t)size - 1;
	kind = hc_parse_frame_full(&env, data + 1, len, data[0] & 3, &out, &seg);
	HC_ASSERT(kind == out.kind);
	if (hc_parse_plain(&env, data + 1, len, data[0] & 3, &quick_seg) &&
	    hc_parse_may_talk(&env, data + 1, &quick_seg.key)) {
		quick.kind = HC_FRAME_TCP;
		quick.notes = 0;
		quick.l4_len =
			(uint16_t)(quick_seg.payload_off - HC_PLAIN_L4_OFF + quick_seg.payload_len);
	} else {
		quick.kind = hc_parse_frame(&env, data + 1, len, data[0] & 3, &quick, &quick_seg);
	}
	HC_ASSERT(quick.kind == kind);
	HC_ASSERT(quick.notes == out.notes);
	if (kind == HC_FRAME_TCP) {
		check_seg(&out, &seg, len);
		check_options(data + 1, &out, &seg);
		HC_ASSERT(quick.l4_len == out.l4_len);
		HC_ASSERT(memcmp(&seg, &quick_seg, sizeof seg) == 0);
	} else if (kind == HC_FRAME_DROP) {
		HC_ASSERT(out.drop == quick.drop);
		HC_ASSERT(hc_counter_table[out.drop].kind == HC_COUNTER_DROP);
	} else if (kind == HC_FRAME_ICMP) {
		HC_ASSERT(out.l4_len >= HC_ICMP_LEN);
		HC_ASSERT((uint32_t)out.l4_off + out.l4_len <= len);
	} else if (kind == HC_FRAME_FRAGMENT) {
		HC_ASSERT(out.l4_len > 0);
		HC_ASSERT((uint32_t)out.l4_off + out.l4_len <= len);
	} else {
		HC_ASSERT(kind == HC_FRAME_ARP);
		HC_ASSERT((uint32_t)out.l3_off + HC_ARP_LEN <= len);
	}
	return 0;
}
