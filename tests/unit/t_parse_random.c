// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The frame parser and random frames: good ones of every kind, mutated ones with and without their
// checksums made right again, and noise, a million in all, judged by a second parser that is
// written plainly from the RFCs, byte by byte.

#include <string.h>

#include "base/rng.h"

#include "parse_check.h"
#include "runner.h"

static bool plainly_ours(const struct hc_parse_env *env, uint32_t addr)
{
	return addr == hc_from_be32(env->local_be) ||
	       (addr & hc_from_be32(env->clients_mask_be)) == hc_from_be32(env->clients_be);
}

static bool plainly_broadcast(const struct hc_parse_env *env, uint32_t addr)
{
	return addr == 0xffffffff || (addr != 0 && addr == hc_from_be32(env->broadcast_be));
}

static int plain_verdict_fragment(const uint8_t *ip, uint32_t len)
{
	uint32_t at = (frame_get16(ip + 6) & 0x1fff) * 8;

	if (len == 0 || ((ip[6] & 0x20) && len % 8) || at + len > 65515)
		return HC_CTR_ip_fragment_bad;
	return ip[9] == 6 && (at == 8 || (at == 0 && len < 20)) ? HC_CTR_ip_fragment_tiny : -1;
}

// What becomes of an IP packet that is whole: a drop counter, or -1 for one that is taken.
static int plain_verdict_ip(const struct hc_parse_env *env, const uint8_t *frame, unsigned trust)
{
	const uint8_t *ip = frame + 14;
	uint32_t ihl = (ip[0] & 15u) * 4;
	uint32_t src = frame_get32(ip + 12);
	uint32_t dst = frame_get32(ip + 16);
	uint32_t l4_len = frame_get16(ip + 2) - ihl;
	const uint8_t *l4 = ip + ihl;

	if (src >> 24 == 0 || src >> 24 == 127 || src >> 28 >= 14 || plainly_ours(env, src) ||
	    plainly_broadcast(env, src))
		return HC_CTR_ip_bad_source;
	if (!plainly_ours(env, dst) && !plainly_broadcast(env, dst))
		return HC_CTR_ip_not_for_us;
	if (ip[9] != 1 && ip[9] != 6)
		return HC_CTR_ip_unknown_proto;
	if (frame_get16(ip + 6) & 0x3fff)
		return plain_verdict_fragment(ip, l4_len);
	if (ip[9] == 1) {
		if (l4_len < 8)
			return HC_CTR_icmp_truncated;
		return frame_sum(0, l4, l4_len) == 0xffff ? -1 : HC_CTR_icmp_bad_csum;
	}
	if ((frame[0] & 1) || plainly_broadcast(env, dst))
		return HC_CTR_tcp_not_unicast;
	if (l4_len < 20)
		return HC_CTR_tcp_truncated;
	if (l4[12] >> 4 < 5 || (l4[12] >> 4) * 4u > l4_len)
		return HC_CTR_tcp_bad_offset;
	if (frame_get16(l4) == 0 || frame_get16(l4 + 2) == 0)
		return HC_CTR_tcp_bad_port;
	if (!(trust & HC_TRUST_L4_CSUM) &&
	    frame_sum(frame_pseudo_sum(src, dst, 6, l4_len), l4, l4_len) != 0xffff)
		return HC_CTR_tcp_bad_csum;
	return -1;
}

static int plain_verdict(const struct hc_parse_env *env, const uint8_t *frame, uint32_t len,
			 unsigned trust)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const uint8_t *ip = frame + 14;
	uint32_t ihl, total;

	if (len < 14)
		return HC_CTR_eth_truncated;
	if ((frame[6] & 1) || memcmp(frame + 6, env->mac, 6) == 0)
		return HC_CTR_eth_bad_source;
	if (memcmp(frame, env->mac, 6) != 0 && memcmp(frame, broadcast, 6) != 0 &&
	    !env->is_promiscuous)
		return HC_CTR_eth_not_for_us;
	if (frame_get16(frame + 12) == 0x0806)
		return len < 42 ? HC_CTR_arp_malformed : -1;
	if (frame_get16(frame + 12) == 0x8100 || frame_get16(frame + 12) == 0x88a8)
		return HC_CTR_eth_vlan;
	if (frame_get16(frame + 12) != 0x0800)
		return HC_CTR_eth_unknown_type;
	if (len < 34)
		return HC_CTR_ip_truncated;
	if (ip[0] >> 4 != 4)
		return HC_CTR_ip_bad_version;
	ihl = (ip[0] & 15u) * 4;
	if (ihl < 20 || 14 + ihl > len)
		return HC_CTR_ip_bad_ihl;
	total = frame_get16(ip + 2);
	if (total < ihl || 14 + total > len)
		return HC_CTR_ip_bad_length;
	if (!(trust & HC_TRUST_IP_CSUM) && frame_sum(0, ip, ihl) != 0xffff)
		return HC_CTR_ip_bad_csum;
	return plain_verdict_ip(env, frame, trust);
}

// What a taken segment must look like.
static bool seg_is_plainly_right(const uint8_t *frame, const struct parse_answer *a)
{
	const uint8_t *ip = frame + 14;
	uint32_t l4_off = 14 + (ip[0] & 15u) * 4;
	uint32_t end = 14 + frame_get16(ip + 2);
	const uint8_t *tcp = frame + l4_off;
	uint32_t payload_off = l4_off + (tcp[12] >> 4) * 4u;
	const struct hc_seg *s = &a->seg;

	return memcmp(&s->key.local_be, ip + 16, 4) == 0 &&
	       memcmp(&s->key.remote_be, ip + 12, 4) == 0 &&
	       memcmp(&s->key.lport_be, tcp + 2, 2) == 0 && memcmp(&s->key.rport_be, tcp, 2) == 0 &&
	       s->seq == frame_get32(tcp + 4) && s->ack == frame_get32(tcp + 8) &&
	       s->flags == tcp[13] && s->wnd == frame_get16(tcp + 14) &&
	       s->payload_off == payload_off && s->payload_len == end - payload_off &&
	       a->out.l4_off == l4_off && a->out.l4_len == end - l4_off &&
	       ((a->out.notes & HC_NOTE_TTL_ZERO) != 0) == (ip[8] == 0) &&
	       ((a->out.notes & HC_NOTE_IP_OPTIONS) != 0) == (l4_off != 34);
}

static const struct {
	uint8_t len;
	uint8_t bytes[40];
} layouts[] = {
	{0, {0}},
	{12, {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}},
	{4, {2, 4, 5, 0xb4}},
	{8, {2, 4, 5, 0xb4, 1, 3, 3, 7}},
	{20, {2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}},
	{20, {2, 4, 0, 0, 1, 3, 3, 7, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}},
	{20, {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7}},
	{12, {8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1}},
	{12, {1, 1, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8}},
	{12, {1, 1, 5, 10, 1, 2, 3, 4, 5, 6, 7, 8}},
	{40, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
};

static uint32_t random_addr(struct hc_rng *r, uint32_t usual)
{
	static const uint32_t addrs[] = {
		0x0a000001, 0x0a000002, 0x0a0000ff, 0x0a000000, 0x0a010000, 0x0a01ffff, 0x0a01abcd,
		0x0a020000, 0,          0xffffffff, 0x7f000001, 0xe0000001, 0xf0000000, 0x00000001,
	};

	if (hc_rng_below(r, 8) != 0)
		return usual;
	if (hc_rng_below(r, 8) == 0)
		return (uint32_t)hc_rng_u64(r);
	return addrs[hc_rng_below(r, HC_ARRAY_LEN(addrs))];
}

static uint32_t random_tcp_frame(struct hc_rng *r, uint8_t *frame)
{
	static const uint8_t payload[200] = {1, 2, 3, 0xff, 0xfe};
	static const uint8_t ip_opt[40] = {1, 1, 1, 1};
	struct frame_tcp f = frame_tcp_default();
	unsigned layout = hc_rng_below(r, hc_rng_below(r, 2) ? 2 : HC_ARRAY_LEN(layouts));
	uint64_t bits = hc_rng_u64(r);

	f.src = random_addr(r, hc_rng_below(r, 2) ? 0x0a000002 : 0x0a020000 + (uint16_t)bits);
	f.dst = random_addr(r, hc_rng_below(r, 2) ? 0x0a000001 : 0x0a010000 + (uint16_t)bits);
	f.sport = (uint16_t)(bits >> 16);
	f.dport = (uint16_t)(bits >> 32);
	f.seq = (uint32_t)hc_rng_u64(r);
	f.ack = (uint32_t)hc_rng_u64(r);
	if (hc_rng_below(r, 64) == 0)
		f.dport = 0;
	f.wnd = (uint16_t)(bits >> 48);
	f.flags = hc_rng_below(r, 2) ? HC_TCP_ACK : (uint8_t)hc_rng_u64(r);
	f.opt = layouts[layout].bytes;
	f.opt_len = layouts[layout].len;
	f.payload = payload;
	f.payload_len = hc_rng_below(r, 3) ? 0 : hc_rng_below(r, sizeof payload);
	f.ip_opt = ip_opt;
	f.ip_opt_len = hc_rng_below(r, 20) ? 0 : 4 * hc_rng_below(r, 11);
	return frame_write_tcp(frame, &f);
}

static uint32_t random_frame(struct hc_rng *r, uint8_t *frame)
{
	uint32_t what = hc_rng_below(r, 100);
	uint32_t len;

	if (what < 5)
		return frame_write_arp(frame);
	if (what < 10)
		return frame_write_echo(frame, (uint16_t)hc_rng_u64(r), 1, frame,
					hc_rng_below(r, 20));
	if (what == 10) {
		len = hc_rng_below(r, 100);
		for (uint32_t i = 0; i < len; i++)
			frame[i] = (uint8_t)hc_rng_u64(r);
		return len;
	}
	return random_tcp_frame(r, frame);
}

// One change: somewhere, or in a field that matters.
static uint32_t mutate(struct hc_rng *r, uint8_t *frame, uint32_t len)
{
	static const uint8_t fields[] = {0,  5,  6,  11, 12, 13, 14, 15, 16, 17, 20,
					 21, 22, 23, 26, 30, 34, 35, 36, 37, 46, 47};
	uint32_t what = hc_rng_below(r, 10);
	uint32_t at = hc_rng_below(r, len ? len : 1);

	if (what == 0) {
		memset(frame, 0xff, 6);
	} else if (what == 1) {
		memcpy(frame + 6, (const uint8_t[]){2, 0, 0, 0, 0, 1}, 6);
	} else if (what == 2) {
		return at; // Cut.
	} else if (what == 3) {
		memset(frame + len, 0x5a, 20);
		return len + hc_rng_below(r, 20);
	} else if (what == 4 && len >= 22) { // A fragment, or a VLAN.
		if (at % 4)
			frame_put16(frame + 20, hc_rng_below(r, 4) | (at & 1 ? 0x2000 : 0));
		else
			frame_put16(frame + 12, at & 8 ? 0x8100 : 0x88a8);
	} else if (what < 6) {
		frame[at] ^= (uint8_t)(1u << hc_rng_below(r, 8));
	} else if (what < 8) {
		frame[fields[hc_rng_below(r, sizeof fields)]] = (uint8_t)hc_rng_u64(r);
	} else {
		// Lengths, a little wrong.
		frame[FRAME_IP + 3] += (uint8_t)(hc_rng_below(r, 9) - 4);
		if (hc_rng_below(r, 2))
			frame[FRAME_L4 + 12] ^= (uint8_t)(0x10u << hc_rng_below(r, 4));
	}
	return len;
}

static struct hc_parse_env random_env(struct hc_rng *r)
{
	struct hc_parse_env env = parse_env_default();

	switch (hc_rng_below(r, 8)) {
	case 0:
		env.is_promiscuous = true;
		break;
	case 1:
		env.clients_be = env.local_be;
		env.clients_mask_be = hc_to_be32(0xffffffff);
		break;
	case 2:
		env.broadcast_be = hc_to_be32(0);
		break;
	case 3:
		env.clients_be = hc_to_be32(0x0a000000);
		env.clients_mask_be = hc_to_be32(0xffffff00);
		break;
	default:
		break;
	}
	return env;
}

// Instrumented builds run the same test at a fraction of the speed.
#if defined(__SANITIZE_ADDRESS__)
#define RANDOM_FRAMES 250000u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RANDOM_FRAMES 250000u
#endif
#endif
#ifndef RANDOM_FRAMES
#define RANDOM_FRAMES 1200000u
#endif

struct tally {
	uint64_t drop[HC_CTR_COUNT];
	uint64_t kind[HC_FRAME_DROP + 1];
	uint64_t plain_count; // Taken by the short cut.
};

static void judge(const struct hc_parse_env *env, const uint8_t *frame, uint32_t len,
		  unsigned trust, struct tally *t)
{
	struct parse_answer a = parse_env(env, frame, len, trust);
	int verdict = plain_verdict(env, frame, len, trust);

	t->kind[a.kind]++;
	if (a.kind == HC_FRAME_DROP) {
		UNIT_EXPECT(verdict == (int)a.out.drop);
		t->drop[a.out.drop]++;
		return;
	}
	UNIT_EXPECT(verdict == -1);
	if (a.kind == HC_FRAME_TCP) {
		UNIT_EXPECT(seg_is_plainly_right(frame, &a));
		t->plain_count += a.out.notes == 0 && a.seg.payload_len == 0;
	}
}

static void random_frames_agree_with_the_plain_parser(void)
{
	static struct tally t;
	struct hc_rng r;

	memset(&t, 0, sizeof t);
	hc_rng_seed(&r, unit_seed());
	for (unsigned i = 0; i < RANDOM_FRAMES; i++) {
		struct hc_parse_env env = random_env(&r);
		uint8_t frame[FRAME_MAX];
		uint32_t len = random_frame(&r, frame);
		uint32_t changes = hc_rng_below(&r, 4);
		unsigned trust = hc_rng_below(&r, 4) ? 0 : hc_rng_below(&r, 4);

		for (uint32_t k = 0; k < changes; k++)
			len = mutate(&r, frame, len);
		if (changes != 0 && hc_rng_below(&r, 3) != 0) {
			frame_fix_l4_csum(frame, len);
			frame_fix_ip_csum(frame, len);
		}
		judge(&env, frame, len, trust, &t);
	}
	// The test is worth something only if it came everywhere.
	for (enum hc_counter ctr = HC_CTR_eth_truncated; ctr <= HC_CTR_tcp_not_unicast; ctr++)
		CU_ASSERT(t.drop[ctr] >= RANDOM_FRAMES / 10000 || !parse_check_is_parsers(ctr));
	CU_ASSERT(t.kind[HC_FRAME_TCP] > RANDOM_FRAMES / 5);
	CU_ASSERT(t.kind[HC_FRAME_ARP] > RANDOM_FRAMES / 100);
	CU_ASSERT(t.kind[HC_FRAME_ICMP] > RANDOM_FRAMES / 100);
	CU_ASSERT(t.kind[HC_FRAME_FRAGMENT] > RANDOM_FRAMES / 1000);
	CU_ASSERT(t.plain_count > RANDOM_FRAMES / 10);
}

UNIT_SUITE(parse_random, UNIT_TEST(random_frames_agree_with_the_plain_parser));
