// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The common case of the parser, inline for the loop over a burst: an IPv4 header without options,
// no fragment, a TCP segment with every length and both checksums right. It only ever says yes or
// "look closer": hc_parse_frame_full() in parse.c alone names what is wrong with a frame, notes
// what is odd about it, and reads ARP and ICMP. Predicates that both need are here, once; that both
// agree on every frame is tested (tests/unit/t_parse.c).
//
// Who may be the ends of a segment is asked apart (hc_parse_may_talk()): whoever has a flow of that
// key has asked when the flow began, so that only segments without one need it.
//
// What it costs is its number of instructions: nothing waits for anything but the two sums. So
// fields are compared in as wide loads as they come in, each comparison is a branch that is never
// taken, and a header's sum is a chain of add-with-carry. Where there are vectors of 32 bytes, the
// usual forms of a segment are compared and read in one piece (parse_wide.h), and what is left for
// the code here is worth a call.

#include "wire/csum.h"
#include "wire/parse.h"
#include "wire/parse_wide.h"

// The six bytes of a MAC address and nothing else. Reads the two bytes after it too.
HC_ALWAYS_INLINE uint64_t hc_parse_mac(const void *mac)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return hc_load64(mac) << 16;
#else
	return hc_load64(mac) >> 16;
#endif
}

// Ours, from the start of the structure: its address is not the last thing in it.
HC_ALWAYS_INLINE uint64_t hc_parse_own_mac(const struct hc_parse_env *env)
{
	HC_STATIC_ASSERT(offsetof(struct hc_parse_env, mac) == 0 && sizeof(*env) >= 8,
			 "eight bytes can be read at the MAC address");
	return hc_parse_mac(env);
}

// Frames are never sent from a group address, and our own have no business coming back. `eth` is
// the Ethernet header.
HC_ALWAYS_INLINE bool hc_parse_is_bad_eth_source(const struct hc_parse_env *env, const uint8_t *eth)
{
	return (eth[HC_ETH_SRC] & 1) != 0 ||
	       hc_parse_mac(eth + HC_ETH_SRC) == hc_parse_own_mac(env);
}

HC_ALWAYS_INLINE bool hc_parse_is_ours(const struct hc_parse_env *env, hc_be32 addr_be)
{
	uint32_t addr = (HC_FORCE uint32_t)addr_be;
	uint32_t clients = (HC_FORCE uint32_t)env->clients_be;
	uint32_t mask = (HC_FORCE uint32_t)env->clients_mask_be;

	return addr == (HC_FORCE uint32_t)env->local_be || ((addr ^ clients) & mask) == 0;
}

// RFC 1122 3.2.1.3: what may never be a source: net 0, loopback, classes D and E with the limited
// broadcast, directed broadcast; nor may an address of ours when the packet comes from outside (the
// LAND attack).
HC_ALWAYS_INLINE bool hc_parse_is_bad_source(const struct hc_parse_env *env, hc_be32 addr_be)
{
	uint32_t net = hc_from_be32(addr_be) >> 24;

	return HC_UNLIKELY(net == 0 || net >= 224) || HC_UNLIKELY(net == 127) ||
	       (HC_FORCE uint32_t)addr_be == (HC_FORCE uint32_t)env->broadcast_be ||
	       hc_parse_is_ours(env, addr_be);
}

// Whether the addresses of a TCP segment of that key are such that it may be taken: to one of our
// unicast addresses, from one that may be a source, and not from our own MAC address.
HC_ALWAYS_INLINE bool hc_parse_may_talk(const struct hc_parse_env *env, const uint8_t *frame,
					const struct hc_flow_key *key)
{
	return !hc_parse_is_bad_eth_source(env, frame) && hc_parse_is_ours(env, key->local_be) &&
	       (HC_FORCE uint32_t)key->local_be != (HC_FORCE uint32_t)env->broadcast_be &&
	       !hc_parse_is_bad_source(env, key->remote_be);
}

// Whether a segment of l4_len >= HC_TCP_LEN bytes and its pseudo header sum up. Without payload, as
// in set-up and tear-down, that is 20 or 32 bytes.
HC_ALWAYS_INLINE bool hc_parse_tcp_csum_is_ok(const uint8_t *ip, const uint8_t *tcp,
					      uint32_t l4_len)
{
	uint64_t addrs = hc_load64(ip + HC_IP4_SRC);
	uint64_t sum = hc_csum_pseudo_word(HC_IPPROTO_TCP, l4_len);

	if (l4_len == HC_TCP_LEN + 20) {
		sum = hc_csum_wide5(addrs, sum, hc_load64(tcp), hc_load64(tcp + 8),
				    hc_load64(tcp + 16), hc_load64(tcp + 24));
		sum = hc_csum_wide1(sum, hc_load64(tcp + 32));
	} else if (l4_len == HC_TCP_LEN + 12) {
		sum = hc_csum_wide5(addrs, sum + hc_load32(tcp + 16), hc_load64(tcp),
				    hc_load64(tcp + 8), hc_load64(tcp + 20), hc_load32(tcp + 28));
	} else if (l4_len == HC_TCP_LEN) {
		sum = hc_csum_wide3(addrs, sum + hc_load32(tcp + 16), hc_load64(tcp),
				    hc_load64(tcp + 8));
	} else if (l4_len < HC_CSUM_LONG_BYTES) {
		sum = hc_csum_wide_bytes(hc_csum_wide1(addrs, sum), tcp, l4_len);
	} else {
		sum = hc_csum_wide2(addrs, sum, hc_csum_add_long(0, tcp, l4_len));
	}
	return hc_csum_some_ok(sum) || HC_FAULT(tcp_checksum_unchecked);
}

#if defined(__SSSE3__) && !defined(HC_NO_SIMD)
typedef uint8_t hc_u8x16 __attribute__((vector_size(16)));
#endif

// Everything of *seg that stands in the two fixed headers. Source and destination change places:
// the frame's destination is the local end. `opts` is left for whoever reads the options.
HC_ALWAYS_INLINE void hc_parse_fill_seg(const uint8_t *ip, const uint8_t *tcp, struct hc_seg *seg)
{
	uint64_t addrs = hc_load64(ip + HC_IP4_SRC);

	addrs = addrs << 32 | addrs >> 32;
	memcpy(seg, &addrs, sizeof addrs);
#if defined(__SSSE3__) && !defined(HC_NO_SIMD)
	// From the ports on, *seg holds the first 16 bytes of TCP in another order: one shuffle.
	HC_STATIC_ASSERT(
		offsetof(struct hc_seg, key.lport_be) == 8 && offsetof(struct hc_seg, wnd) == 12 &&
			offsetof(struct hc_seg, flags) == 14 &&
			offsetof(struct hc_seg, opts) == 15 && offsetof(struct hc_seg, seq) == 16 &&
			offsetof(struct hc_seg, ack) == 20,
		"the shuffle knows where the fields are");
	hc_u8x16 hdr;

	memcpy(&hdr, tcp, sizeof hdr);
	hdr = __builtin_shufflevector(hdr, hdr, 2, 3, 0, 1, 15, 14, 13, 12, 7, 6, 5, 4, 11, 10, 9,
				      8);
	memcpy((uint8_t *)seg + 8, &hdr, sizeof hdr);
#else
	seg->key.lport_be = hc_load_be16(tcp + HC_TCP_DPORT);
	seg->key.rport_be = hc_load_be16(tcp + HC_TCP_SPORT);
	seg->wnd = hc_from_be16(hc_load_be16(tcp + HC_TCP_WND));
	seg->flags = tcp[HC_TCP_FLAGS];
	seg->seq = hc_from_be32(hc_load_be32(tcp + HC_TCP_SEQ));
	seg->ack = hc_from_be32(hc_load_be32(tcp + HC_TCP_ACKNO));
#endif
}

// The options that our own SYN carries with timestamps and SACK (build.h), 20 bytes.
HC_ALWAYS_INLINE bool hc_parse_own_syn_options(const uint8_t *opt, struct hc_seg *seg)
{
	uint32_t mss = hc_from_be32(hc_load_be32(opt));
	uint32_t wscale = hc_from_be32(hc_load_be32(opt + 4));
	uint32_t ts_word = hc_from_be32(hc_load_be32(opt + 8));

	if (mss >> 16 != (HC_TCPOPT_MSS << 8 | 4u) || (mss & 0xffff) == 0 ||
	    wscale >> 8 != (HC_TCPOPT_NOP << 16 | HC_TCPOPT_WSCALE << 8 | 3u) ||
	    ts_word != HC_TCPOPT_SACK_TS_WORD)
		return false;
	seg->opts = HC_OPT_MSS | HC_OPT_WSCALE | HC_OPT_TIMESTAMPS | HC_OPT_SACK_PERMITTED;
	seg->mss = (uint16_t)mss;
	seg->wscale = (uint8_t)wscale;
	seg->tsval = hc_from_be32(hc_load_be32(opt + 12));
	seg->tsecr = hc_from_be32(hc_load_be32(opt + 16));
	return true;
}

// Options into *seg: none, timestamps in their usual place, our own SYN's, or whatever the walk
// finds.
HC_ALWAYS_INLINE bool hc_parse_plain_options(const uint8_t *tcp, uint32_t len, struct hc_seg *seg)
{
	const uint8_t *opt = tcp + HC_TCP_LEN;
	bool is_syn = (tcp[HC_TCP_FLAGS] & HC_TCP_SYN) != 0;

	if (len == 20 && is_syn && hc_parse_own_syn_options(opt, seg))
		return true;
	if (len != 0 &&
	    HC_UNLIKELY(len != 12 || hc_from_be32(hc_load_be32(opt)) != HC_TCPOPT_TS_WORD))
		return hc_parse_tcp_options(opt, len, is_syn, seg);
	seg->mss = 0;
	seg->wscale = 0;
	if (len == 0) {
		seg->opts = 0;
		seg->tsval = 0;
		seg->tsecr = 0;
	} else {
		seg->opts = HC_OPT_TIMESTAMPS;
		seg->tsval = hc_from_be32(hc_load_be32(opt + 4));
		seg->tsecr = hc_from_be32(hc_load_be32(opt + 8));
	}
	return true;
}

// Whether the first 32 bytes are those of a plain segment to us (parse_wide.h).
HC_ALWAYS_INLINE bool hc_parse_is_plain_shape(const struct hc_parse_env *env, const uint8_t *frame)
{
#if HC_HAS_PARSE_WIDE
	return hc_wide_is_l3(env, frame);
#else
	static const uint8_t mask[32] HC_ALIGN_LINE = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0,
						       0,    0,    0,    0xff, 0xff, 0xff, 0, 0, 0,
						       0,    0,    0xbf, 0xff, 0,    0xff};
	uint64_t odd = frame[HC_ETH_LEN + HC_IP4_TTL] == 0;

	for (unsigned i = 0; i < sizeof mask; i += 8)
		odd |= (hc_load64(frame + i) ^ hc_load64(env->plain + i)) & hc_load64(mask + i);
	return odd == 0;
#endif
}

// Whether Ethernet and IPv4 headers are those of the common case and right, but for the addresses.
// At least HC_PLAIN_L4_OFF bytes can be read.
HC_ALWAYS_INLINE bool hc_parse_is_plain_ip4(const struct hc_parse_env *env, const uint8_t *frame,
					    unsigned trust)
{
	const uint8_t *ip = frame + HC_ETH_LEN;

	if (HC_UNLIKELY(!hc_parse_is_plain_shape(env, frame)))
		return false;
	return (trust & HC_TRUST_IP_CSUM) || hc_csum_some_ok(hc_csum_wide20(0, ip)) ||
	       HC_FAULT(ip_checksum_unchecked);
}

// A frame of known lengths: HC_ETH_LEN + HC_IP4_LEN + l4_len bytes can be read, of which hdr_len
// are the TCP header. Inlined with constants for both where it matters.
// @return true when it is the common case: *seg is filled in. false says nothing about the frame;
// *seg may be half written.
HC_ALWAYS_INLINE bool hc_parse_plain_tcp(const struct hc_parse_env *env, const uint8_t *frame,
					 uint32_t hdr_len, uint32_t l4_len, unsigned trust,
					 struct hc_seg *seg)
{
	const uint8_t *ip = frame + HC_ETH_LEN;
	const uint8_t *tcp = frame + HC_PLAIN_L4_OFF;

	if (HC_UNLIKELY(!hc_parse_is_plain_ip4(env, frame, trust)))
		return false;
	if (HC_UNLIKELY(hc_load16(tcp + HC_TCP_SPORT) == 0) ||
	    HC_UNLIKELY(hc_load16(tcp + HC_TCP_DPORT) == 0))
		return false;
	if (!(trust & HC_TRUST_L4_CSUM) && HC_UNLIKELY(!hc_parse_tcp_csum_is_ok(ip, tcp, l4_len)))
		return false;
	hc_parse_fill_seg(ip, tcp, seg);
	seg->payload_off = (uint16_t)(HC_PLAIN_L4_OFF + hdr_len);
	seg->payload_len = (uint16_t)(l4_len - hdr_len);
	return HC_LIKELY(hc_parse_plain_options(tcp, hdr_len - HC_TCP_LEN, seg));
}

// hc_parse_plain(), field by field.
HC_ALWAYS_INLINE bool hc_parse_plain_fields(const struct hc_parse_env *env, const uint8_t *frame,
					    uint32_t len, unsigned trust, struct hc_seg *seg)
{
	uint32_t total_len, hdr_len;

	if (HC_UNLIKELY(len < HC_PLAIN_L4_OFF + HC_TCP_LEN))
		return false;
	total_len = hc_from_be16(hc_load_be16(frame + HC_ETH_LEN + HC_IP4_TOTAL_LEN));
	hdr_len = (uint32_t)(frame[HC_PLAIN_L4_OFF + HC_TCP_OFFSET] >> 4) * 4;
	if (HC_UNLIKELY(total_len > len - HC_ETH_LEN))
		return false;
	if (total_len == HC_IP4_LEN + hdr_len) {
		if (HC_LIKELY(hdr_len == 32))
			return hc_parse_plain_tcp(env, frame, 32, 32, trust, seg);
		if (HC_LIKELY(hdr_len == 40))
			return hc_parse_plain_tcp(env, frame, 40, 40, trust, seg);
		return hdr_len == 20 && hc_parse_plain_tcp(env, frame, 20, 20, trust, seg);
	}
	return hdr_len == 32 && total_len > HC_IP4_LEN + 32 &&
	       hc_parse_plain_tcp(env, frame, 32, total_len - HC_IP4_LEN, trust, seg);
}

// Whether a frame of `len` bytes (fewer than 2^16) is a segment without payload and with a header
// of 20, 32 or 40 bytes, or payload behind timestamps or a bare header, from anybody to anybody:
// where hc_parse_may_talk() says no, hc_parse_frame() would have named the drop. Otherwise it says
// what hc_parse_frame() would. false: ask that.
HC_ALWAYS_INLINE bool hc_parse_plain(const struct hc_parse_env *env, const uint8_t *frame,
				     uint32_t len, unsigned trust, struct hc_seg *seg)
{
#if HC_HAS_PARSE_WIDE
	// SYNs of others, above all, have a form of their own.
	return HC_LIKELY(hc_wide_parse(env, frame, len, trust, seg)) ||
	       hc_parse_plain_rest(env, frame, len, trust, seg);
#else
	return hc_parse_plain_fields(env, frame, len, trust, seg);
#endif
}
