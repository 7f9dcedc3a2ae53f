// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See parse_check.h.

#include "parse_check.h"

#include <string.h>

#include "wire/parse_inline.h"

#include "runner.h"

#define SEG_BYTES offsetof(struct hc_seg, sack_off) // What the parser always fills in.

enum way {
	WAY_INLINE,
	WAY_CALL,
	WAY_FULL,
};

struct hc_parse_env parse_env_default(void)
{
	return (struct hc_parse_env){
		.mac = {2, 0, 0, 0, 0, 1},
		.local_be = hc_to_be32(0x0a000001),
		.broadcast_be = hc_to_be32(0x0a0000ff),
		.clients_be = hc_to_be32(0x0a010000),
		.clients_mask_be = hc_to_be32(0xffff0000),
	};
}

static struct parse_answer parse_one_way(const struct hc_parse_env *unsealed, const uint8_t *frame,
					 uint32_t len, unsigned trust, enum way way)
{
	struct hc_parse_env sealed = *unsealed;
	const struct hc_parse_env *env = &sealed;
	struct parse_answer a;

	hc_parse_env_seal(&sealed);
	// What is not written shows, because each way starts from other bytes.
	memset(&a, 0x11 * (way + 1), sizeof a);
	if (way == WAY_INLINE && hc_parse_plain(env, frame, len, trust, &a.seg) &&
	    hc_parse_may_talk(env, frame, &a.seg.key)) {
		a.kind = HC_FRAME_TCP;
		a.out.kind = HC_FRAME_TCP;
		a.out.notes = 0;
		a.out.l4_len = (uint16_t)(a.seg.payload_off - HC_PLAIN_L4_OFF + a.seg.payload_len);
	} else if (way != WAY_FULL) {
		a.kind = hc_parse_frame(env, frame, len, trust, &a.out, &a.seg);
	} else {
		a.kind = hc_parse_frame_full(env, frame, len, trust, &a.out, &a.seg);
	}
	return a;
}

static bool answers_agree(const struct parse_answer *a, const struct parse_answer *b)
{
	if (a->kind != b->kind || a->out.kind != a->kind || b->out.kind != b->kind)
		return false;
	if (a->out.notes != b->out.notes)
		return false;
	if (a->kind == HC_FRAME_DROP)
		return a->out.drop == b->out.drop;
	if (a->kind == HC_FRAME_TCP)
		return a->out.l4_len == b->out.l4_len && memcmp(&a->seg, &b->seg, SEG_BYTES) == 0 &&
		       (!(a->seg.opts & (HC_OPT_SACK | HC_OPT_FASTOPEN)) ||
			a->seg.sack_off == b->seg.sack_off);
	return a->out.l3_off == b->out.l3_off && a->out.l4_off == b->out.l4_off &&
	       a->out.l4_len == b->out.l4_len && a->out.is_broadcast == b->out.is_broadcast;
}

static bool seg_is_untouched_from(const struct parse_answer *a, enum way way, size_t from)
{
	const uint8_t *bytes = (const uint8_t *)&a->seg;

	// The short cut may have read the options before the addresses were asked about, and fills
	// in a segment without options at one go.
	if (way != WAY_FULL ||
	    (a->kind == HC_FRAME_TCP && a->seg.opts & (HC_OPT_SACK | HC_OPT_FASTOPEN)))
		from++; // sack_off, fastopen_off.
	for (size_t i = from; i < sizeof a->seg; i++)
		if (bytes[i] != 0x11 * (way + 1))
			return false;
	return true;
}

struct parse_answer parse_env(const struct hc_parse_env *env, const uint8_t *frame, uint32_t len,
			      unsigned trust)
{
	const uint8_t *at_edge = frame_at_edge(frame, len);
	struct parse_answer full = parse_one_way(env, at_edge, len, trust, WAY_FULL);

	for (enum way way = WAY_INLINE; way < WAY_FULL; way++) {
		struct parse_answer a = parse_one_way(env, at_edge, len, trust, way);

		UNIT_EXPECT(answers_agree(&a, &full));
		UNIT_EXPECT(seg_is_untouched_from(&a, way, SEG_BYTES));
	}
	UNIT_EXPECT(
		seg_is_untouched_from(&full, WAY_FULL, full.kind == HC_FRAME_TCP ? SEG_BYTES : 0));
	UNIT_EXPECT(memcmp(frame, at_edge, len) == 0);
	return full;
}

struct parse_answer parse(const uint8_t *frame, uint32_t len)
{
	const struct hc_parse_env env = parse_env_default();

	return parse_env(&env, frame, len, 0);
}

void parse_check_drop(const struct parse_answer *a, enum hc_counter drop)
{
	UNIT_EQ(a->kind, HC_FRAME_DROP);
	if (a->kind == HC_FRAME_DROP)
		UNIT_EQ(a->out.drop, drop);
}

struct parse_answer parse_tcp(const struct frame_tcp *f)
{
	uint8_t frame[FRAME_MAX];

	return parse(frame, frame_write_tcp(frame, f));
}

void parse_check_default(const struct parse_answer *a)
{
	static const uint8_t key[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 0x9c, 0x40};

	UNIT_EQ(a->kind, HC_FRAME_TCP);
	UNIT_EQ(a->out.notes, 0);
	UNIT_EQ(a->out.is_broadcast, false);
	UNIT_EQ_BYTES(&a->seg.key, key, sizeof key);
	UNIT_EQ(a->seg.seq, 0x01020304);
	UNIT_EQ(a->seg.ack, 0x05060708);
	UNIT_EQ(a->seg.wnd, 0xfedc);
}

// Counters of the same part of counters.def that are the stack's to move.
static const enum hc_counter not_the_parsers[] = {
	HC_CTR_ip_fragment,        HC_CTR_ip_fragment_duplicate, HC_CTR_ip_fragment_overlap,
	HC_CTR_ip_fragment_limit,  HC_CTR_eth_segments,          HC_CTR_arp_bad_sender,
	HC_CTR_arp_not_for_us,     HC_CTR_arp_conflict,          HC_CTR_arp_unsolicited,
	HC_CTR_icmp_unknown,       HC_CTR_icmp_source_quench,    HC_CTR_icmp_bad_mtu,
	HC_CTR_icmp_no_connection, HC_CTR_icmp_not_unicast,      HC_CTR_rx_unclaimed,
};

bool parse_check_is_parsers(enum hc_counter ctr)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(not_the_parsers); i++)
		if (not_the_parsers[i] == ctr)
			return false;
	return ctr >= HC_CTR_eth_truncated && ctr <= HC_CTR_tcp_not_unicast &&
	       hc_counter_table[ctr].kind == HC_COUNTER_DROP;
}
