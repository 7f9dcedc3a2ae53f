// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The whole parser, layer by layer in the order of the headers: Ethernet, then ARP or IPv4 (RFC 791
// 3.1, RFC 1122 3.2.1), then ICMP (RFC 792) or TCP (RFC 9293 3.1) and its options. Each step
// compares a length before it reads what the length covers, and the first check that fails names
// the drop. What the common case and this have in common is in parse_inline.h.

#include "wire/parse_inline.h"

// What does not change from layer to layer.
struct input {
	const struct hc_parse_env *env;
	const uint8_t *frame;
	uint32_t len;
	unsigned trust;
};

static enum hc_frame_kind drop(struct hc_parsed *out, enum hc_counter why)
{
	out->kind = HC_FRAME_DROP;
	out->drop = why;
	return HC_FRAME_DROP;
}

static void take_timestamps(const uint8_t *values, struct hc_seg *seg)
{
	seg->tsval = hc_from_be32(hc_load_be32(values));
	seg->tsecr = hc_from_be32(hc_load_be32(values + 4));
	seg->opts |= HC_OPT_TIMESTAMPS;
}

// One option of a length that is there. @return false when the length is wrong for the kind.
static bool take_tcp_option(const uint8_t *opt, uint32_t opt_len, bool is_syn, struct hc_seg *seg)
{
	switch (opt[0]) {
	case HC_TCPOPT_MSS:
		if (opt_len != 4)
			return false;
		// Nothing can be sent in segments of 0 bytes: as if it were not there.
		if (!is_syn || hc_load16(opt + 2) == 0)
			return true;
		seg->mss = hc_from_be16(hc_load_be16(opt + 2));
		seg->opts |= HC_OPT_MSS;
		return true;
	case HC_TCPOPT_WSCALE:
		if (opt_len != 3)
			return false;
		if (!is_syn)
			return true;
		seg->wscale = opt[2];
		seg->opts |= HC_OPT_WSCALE;
		return true;
	case HC_TCPOPT_SACK_PERMITTED:
		if (opt_len != 2)
			return false;
		if (is_syn)
			seg->opts |= HC_OPT_SACK_PERMITTED;
		return true;
	case HC_TCPOPT_SACK:
		// RFC 2018 3: a whole number of blocks of 8 bytes, of which 4 find room.
		return opt_len >= 10 && (opt_len - 2) % 8 == 0;
	case HC_TCPOPT_TIMESTAMPS:
		if (opt_len != 10)
			return false;
		take_timestamps(opt + 2, seg);
		return true;
	default:
		// RFC 9293 MUST-6: an unknown option is skipped by its length.
		return true;
	}
}

// Takes the words that SYNs of this stack, Linux and the BSDs begin with, as far as they go.
// @return how many bytes that is; the rest is for the walk.
static uint32_t take_syn_words(const uint8_t *opt, uint32_t len, struct hc_seg *seg)
{
	uint32_t at = 0;

	while (len - at >= 4) {
		uint32_t word = hc_from_be32(hc_load_be32(opt + at));

		if (word >> 16 == (HC_TCPOPT_MSS << 8 | 4u) && (word & 0xffff) != 0) {
			seg->mss = (uint16_t)word;
			seg->opts |= HC_OPT_MSS;
			at += 4;
		} else if (word >> 8 == (HC_TCPOPT_NOP << 16 | HC_TCPOPT_WSCALE << 8 | 3u)) {
			seg->wscale = (uint8_t)word;
			seg->opts |= HC_OPT_WSCALE;
			at += 4;
		} else if (word == HC_TCPOPT_TS_WORD && len - at >= 12) {
			take_timestamps(opt + at + 4, seg);
			at += 12;
		} else if (word == HC_TCPOPT_SACK_TS_WORD && len - at >= 12) {
			seg->opts |= HC_OPT_SACK_PERMITTED;
			take_timestamps(opt + at + 4, seg);
			at += 12;
		} else {
			break;
		}
	}
	return at;
}

// RFC 7413 4.1.1: empty, or a cookie of an even length; of any other the option is ignored.
static bool is_fastopen_len(uint32_t opt_len)
{
	return opt_len == 2 || (opt_len >= 2 + HC_FASTOPEN_COOKIE_MIN &&
				opt_len <= 2 + HC_FASTOPEN_COOKIE_MAX && opt_len % 2 == 0);
}

// RFC 9293 3.2. MUST-7 leaves open what becomes of an illegal length, but it must not loop for
// ever: every turn here goes on by at least one byte.
static bool walk_tcp_options(const uint8_t *opt, uint32_t len, bool is_syn, struct hc_seg *seg)
{
	uint32_t at = 0;

	while (at < len && opt[at] != HC_TCPOPT_EOL) {
		uint32_t opt_len;

		if (opt[at] == HC_TCPOPT_NOP) {
			at++;
			continue;
		}
		if (len - at < 2)
			return false;
		opt_len = opt[at + 1];
		if (opt_len < 2 || opt_len > len - at)
			return false;
		if (!take_tcp_option(opt + at, opt_len, is_syn, seg))
			return false;
		// The first one only: a second would say nothing that can be trusted more.
		if (opt[at] == HC_TCPOPT_SACK && !is_syn && !(seg->opts & HC_OPT_SACK)) {
			seg->opts |= HC_OPT_SACK;
			seg->sack_off = (uint8_t)(seg->payload_off - len + at);
		}
		if (opt[at] == HC_TCPOPT_FASTOPEN && is_syn && is_fastopen_len(opt_len) &&
		    !(seg->opts & HC_OPT_FASTOPEN)) {
			seg->opts |= HC_OPT_FASTOPEN;
			seg->fastopen_off = (uint8_t)(seg->payload_off - len + at);
		}
		at += opt_len;
	}
	return true;
}

unsigned hc_parse_sack(const uint8_t *frame, const struct hc_seg *seg,
		       struct hc_seq_range blocks[HC_SACK_BLOCKS_MAX])
{
	const uint8_t *opt = frame + seg->sack_off;
	unsigned count;

	if (!(seg->opts & HC_OPT_SACK))
		return 0;
	HC_ASSERT(opt[0] == HC_TCPOPT_SACK);
	count = (opt[1] - 2u) / 8;
	HC_ASSERT(count >= 1 && count <= HC_SACK_BLOCKS_MAX);
	for (unsigned i = 0; i < count; i++) {
		blocks[i].lo = hc_from_be32(hc_load_be32(opt + 2 + 8 * i));
		blocks[i].hi = hc_from_be32(hc_load_be32(opt + 6 + 8 * i));
	}
	return count;
}

bool hc_parse_tcp_options(const uint8_t *opt, uint32_t len, bool is_syn, struct hc_seg *seg)
{
	uint32_t at = 0;

	HC_ASSERT(len <= HC_TCP_LEN_MAX - HC_TCP_LEN);
	seg->opts = 0;
	seg->tsval = 0;
	seg->tsecr = 0;
	seg->mss = 0;
	seg->wscale = 0;
	if (is_syn)
		at = take_syn_words(opt, len, seg);
	return walk_tcp_options(opt + at, len - at, is_syn, seg);
}

uint32_t hc_parse_fastopen(const uint8_t *frame, const struct hc_seg *seg, const uint8_t **cookie)
{
	const uint8_t *opt = frame + seg->fastopen_off;

	if (!(seg->opts & HC_OPT_FASTOPEN))
		return 0;
	HC_ASSERT(opt[0] == HC_TCPOPT_FASTOPEN && is_fastopen_len(opt[1]));
	*cookie = opt + 2;
	return opt[1] - 2u;
}

static bool tcp_csum_is_ok(const struct input *in, const struct hc_parsed *out)
{
	const uint8_t *ip = in->frame + out->l3_off;
	uint64_t sum;

	if (in->trust & HC_TRUST_L4_CSUM)
		return true;
	sum = hc_csum_pseudo(hc_load_be32(ip + HC_IP4_SRC), hc_load_be32(ip + HC_IP4_DST),
			     HC_IPPROTO_TCP, out->l4_len);
	return hc_csum_ok(hc_csum_add_long(sum, in->frame + out->l4_off, out->l4_len));
}

static enum hc_frame_kind parse_tcp(const struct input *in, struct hc_parsed *out,
				    struct hc_seg *seg)
{
	const uint8_t *tcp = in->frame + out->l4_off;
	uint32_t hdr_len;

	// RFC 9293 MUST-57, and RFC 1122 3.3.6 for a unicast packet in a broadcast frame.
	if (out->is_broadcast && !HC_FAULT(broadcast_segment_taken))
		return drop(out, HC_CTR_tcp_not_unicast);
	if (out->l4_len < HC_TCP_LEN)
		return drop(out, HC_CTR_tcp_truncated);
	hdr_len = (uint32_t)(tcp[HC_TCP_OFFSET] >> 4) * 4;
	if (hdr_len < HC_TCP_LEN || hdr_len > out->l4_len + 4 * HC_FAULT(header_length_unchecked))
		return drop(out, HC_CTR_tcp_bad_offset);
	if (hc_load16(tcp + HC_TCP_SPORT) == 0 || hc_load16(tcp + HC_TCP_DPORT) == 0)
		return drop(out, HC_CTR_tcp_bad_port);
	if (!tcp_csum_is_ok(in, out))
		return drop(out, HC_CTR_tcp_bad_csum);
	hc_parse_fill_seg(in->frame + out->l3_off, tcp, seg);
	seg->payload_off = (uint16_t)(out->l4_off + hdr_len);
	seg->payload_len = (uint16_t)(out->l4_len - hdr_len);
	if (!hc_parse_tcp_options(tcp + HC_TCP_LEN, hdr_len - HC_TCP_LEN,
				  (seg->flags & HC_TCP_SYN) != 0, seg))
		out->notes |= HC_NOTE_BAD_TCP_OPTION;
	out->kind = HC_FRAME_TCP;
	return HC_FRAME_TCP;
}

static enum hc_frame_kind parse_icmp(const struct input *in, struct hc_parsed *out)
{
	if (out->l4_len < HC_ICMP_LEN)
		return drop(out, HC_CTR_icmp_truncated);
	if (!hc_csum_ok(hc_csum_add_long(0, in->frame + out->l4_off, out->l4_len)))
		return drop(out, HC_CTR_icmp_bad_csum);
	out->kind = HC_FRAME_ICMP;
	return HC_FRAME_ICMP;
}

// What can be told of a fragment without the others. Each is refused here, so that none of these
// ever takes memory.
static enum hc_frame_kind parse_fragment(const struct input *in, struct hc_parsed *out)
{
	const uint8_t *ip = in->frame + out->l3_off;
	uint32_t frag = hc_from_be16(hc_load_be16(ip + HC_IP4_FRAG));
	uint32_t offset = (frag & HC_IP4_OFFSET_MASK) * 8;

	// RFC 791 3.2: in units of 8 bytes but for the last; nothing may lie past what a total
	// length can say.
	if (out->l4_len == 0 || (frag & HC_IP4_MF && out->l4_len % 8 != 0) ||
	    offset + out->l4_len > UINT16_MAX - HC_IP4_LEN)
		return drop(out, HC_CTR_ip_fragment_bad);
	// RFC 1858 3.2, 4.2: a first fragment without the whole TCP header, or one at 8 bytes,
	// which would overwrite its flags, are only made to deceive filters.
	if (ip[HC_IP4_PROTO] == HC_IPPROTO_TCP &&
	    (offset == 8 || (offset == 0 && out->l4_len < HC_TCP_LEN)))
		return drop(out, HC_CTR_ip_fragment_tiny);
	out->kind = HC_FRAME_FRAGMENT;
	return HC_FRAME_FRAGMENT;
}

// Limited and directed broadcast (RFC 1122 3.2.1.3 c and d).
static bool is_broadcast_addr(const struct hc_parse_env *env, hc_be32 addr_be)
{
	uint32_t addr = (HC_FORCE uint32_t)addr_be;

	return addr == UINT32_MAX || (addr != 0 && addr == (HC_FORCE uint32_t)env->broadcast_be);
}

static enum hc_frame_kind parse_ip4_payload(const struct input *in, struct hc_parsed *out,
					    struct hc_seg *seg)
{
	const uint8_t *ip = in->frame + out->l3_off;
	hc_be32 src_be = hc_load_be32(ip + HC_IP4_SRC);
	hc_be32 dst_be = hc_load_be32(ip + HC_IP4_DST);
	uint32_t frag = hc_from_be16(hc_load_be16(ip + HC_IP4_FRAG));

	// RFC 1122 3.2.1.7: a host must not discard a datagram just because its TTL is 0.
	if (ip[HC_IP4_TTL] == 0)
		out->notes |= HC_NOTE_TTL_ZERO;
	if (out->l4_off > out->l3_off + HC_IP4_LEN)
		out->notes |= HC_NOTE_IP_OPTIONS;
	if (hc_parse_is_bad_source(in->env, src_be))
		return drop(out, HC_CTR_ip_bad_source);
	if (is_broadcast_addr(in->env, dst_be))
		out->is_broadcast = true;
	else if (!hc_parse_is_ours(in->env, dst_be))
		return drop(out, HC_CTR_ip_not_for_us);
	if (ip[HC_IP4_PROTO] != HC_IPPROTO_TCP && ip[HC_IP4_PROTO] != HC_IPPROTO_ICMP)
		return drop(out, HC_CTR_ip_unknown_proto);
	// Neither is set in what RFC 6864 4 calls atomic, whatever its identification.
	if (frag & (HC_IP4_MF | HC_IP4_OFFSET_MASK))
		return parse_fragment(in, out);
	return ip[HC_IP4_PROTO] == HC_IPPROTO_TCP ? parse_tcp(in, out, seg) : parse_icmp(in, out);
}

static enum hc_frame_kind parse_ip4(const struct input *in, struct hc_parsed *out,
				    struct hc_seg *seg)
{
	const uint8_t *ip = in->frame + out->l3_off;
	uint32_t room = in->len - out->l3_off;
	uint32_t hdr_len, total_len;

	if (room < HC_IP4_LEN)
		return drop(out, HC_CTR_ip_truncated);
	if (ip[HC_IP4_VER_IHL] >> 4 != 4)
		return drop(out, HC_CTR_ip_bad_version);
	hdr_len = (uint32_t)(ip[HC_IP4_VER_IHL] & 0xf) * 4;
	if (hdr_len < HC_IP4_LEN || hdr_len > room)
		return drop(out, HC_CTR_ip_bad_ihl);
	// Below `room` is padding, which the lengths from here on cut off.
	total_len = hc_from_be16(hc_load_be16(ip + HC_IP4_TOTAL_LEN));
	if (total_len < hdr_len || total_len > room)
		return drop(out, HC_CTR_ip_bad_length);
	if (!(in->trust & HC_TRUST_IP_CSUM) && !hc_csum_ok(hc_csum_add(0, ip, hdr_len)))
		return drop(out, HC_CTR_ip_bad_csum);
	out->l4_off = (uint16_t)(out->l3_off + hdr_len);
	out->l4_len = (uint16_t)(total_len - hdr_len);
	return parse_ip4_payload(in, out, seg);
}

static enum hc_frame_kind parse_arp(const struct input *in, struct hc_parsed *out)
{
	if (in->len - out->l3_off < HC_ARP_LEN)
		return drop(out, HC_CTR_arp_malformed);
	out->kind = HC_FRAME_ARP;
	return HC_FRAME_ARP;
}

static bool is_broadcast_mac(const uint8_t *mac)
{
	static const uint8_t broadcast[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return hc_parse_mac(mac) == hc_parse_mac(broadcast);
}

static enum hc_frame_kind parse_eth(const struct input *in, struct hc_parsed *out,
				    struct hc_seg *seg)
{
	const uint8_t *dst = in->frame + HC_ETH_DST;

	if (in->len < HC_ETH_LEN)
		return drop(out, HC_CTR_eth_truncated);
	if (hc_parse_is_bad_eth_source(in->env, in->frame))
		return drop(out, HC_CTR_eth_bad_source);
	if (hc_parse_mac(dst) != hc_parse_own_mac(in->env) && !is_broadcast_mac(dst) &&
	    !in->env->is_promiscuous)
		return drop(out, HC_CTR_eth_not_for_us);
	out->is_broadcast = (dst[0] & 1) != 0;
	out->l3_off = HC_ETH_LEN;
	switch (hc_from_be16(hc_load_be16(in->frame + HC_ETH_TYPE))) {
	case HC_ETHERTYPE_IP4:
		return parse_ip4(in, out, seg);
	case HC_ETHERTYPE_ARP:
		return parse_arp(in, out);
	case HC_ETHERTYPE_VLAN:
	case HC_ETHERTYPE_QINQ:
		return drop(out, HC_CTR_eth_vlan);
	default:
		return drop(out, HC_CTR_eth_unknown_type);
	}
}

void hc_parse_env_seal(struct hc_parse_env *env)
{
	memset(env->plain, 0, sizeof env->plain);
	memcpy(env->plain + HC_ETH_DST, env->mac, sizeof env->mac);
	env->plain[HC_ETH_TYPE] = HC_ETHERTYPE_IP4 >> 8;
	env->plain[HC_ETH_LEN + HC_IP4_VER_IHL] = 0x45;
	env->plain[HC_ETH_LEN + HC_IP4_TTL] = 1; // What it is cut down to in parse_wide.h.
	env->plain[HC_ETH_LEN + HC_IP4_PROTO] = HC_IPPROTO_TCP;
}

HC_NOINLINE bool hc_parse_plain_rest(const struct hc_parse_env *env, const uint8_t *frame,
				     uint32_t len, unsigned trust, struct hc_seg *seg)
{
	return hc_parse_plain_fields(env, frame, len, trust, seg);
}

HC_NOINLINE enum hc_frame_kind hc_parse_frame_full(const struct hc_parse_env *env,
						   const uint8_t *frame, uint32_t len,
						   unsigned trust, struct hc_parsed *out,
						   struct hc_seg *seg)
{
	const struct input in = {.env = env, .frame = frame, .len = len, .trust = trust};

	memset(out, 0, sizeof *out);
	return parse_eth(&in, out, seg);
}

enum hc_frame_kind hc_parse_frame(const struct hc_parse_env *env, const uint8_t *frame,
				  uint32_t len, unsigned trust, struct hc_parsed *out,
				  struct hc_seg *seg)
{
	if (HC_LIKELY(len >= HC_PLAIN_L4_OFF + HC_TCP_LEN)) {
		uint32_t total_len =
			hc_from_be16(hc_load_be16(frame + HC_ETH_LEN + HC_IP4_TOTAL_LEN));
		uint32_t hdr_len = (uint32_t)(frame[HC_PLAIN_L4_OFF + HC_TCP_OFFSET] >> 4) * 4;

		if (HC_LIKELY(total_len <= len - HC_ETH_LEN) && HC_LIKELY(hdr_len >= HC_TCP_LEN) &&
		    HC_LIKELY(total_len >= HC_IP4_LEN + hdr_len) &&
		    HC_LIKELY(hc_parse_plain_tcp(env, frame, hdr_len, total_len - HC_IP4_LEN, trust,
						 seg)) &&
		    HC_LIKELY(hc_parse_may_talk(env, frame, &seg->key))) {
			out->kind = HC_FRAME_TCP;
			out->notes = 0;
			out->l4_len = (uint16_t)(total_len - HC_IP4_LEN);
			return HC_FRAME_TCP;
		}
	}
	return hc_parse_frame_full(env, frame, len, trust, out, seg);
}
