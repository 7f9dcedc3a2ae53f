// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The segments that most connections are made of, for processors with AVX2: timestamps alone, the
// options of our own SYN, or none, and with the first and the last payload to the end of the frame.
//
// Headers are not read field by field but compared as they stand, 32 bytes at once: under a mask,
// and cut down to a limit before where a field is only asked for not being 0. They go into the
// segment view in one piece as well, shuffled.

#if defined(__AVX2__) && !defined(HC_NO_SIMD)

#include <immintrin.h>

#include "wire/csum.h"
#include "wire/parse.h"

#define HC_HAS_PARSE_WIDE 1

// How the first bytes of a TCP header look, and what becomes of them.
struct hc_form {
	uint8_t limit[32];   // No 16-bit word is taken for more.
	uint8_t is[32];      // What they are then,
	uint8_t mask[32];    // in these bits.
	uint8_t shuffle[32]; // Where bytes 8 to 39 of the view come from: which of the same 16,
	uint8_t fixed[32];   // or, with the highest bit set, that they are these.
	uint32_t hdr_len;
};

#define HC_FORM_ANY_4   255, 255, 255, 255
#define HC_FORM_PORTS   1, 0, 1, 0 // Anything but 0.
#define HC_FORM_NONE_4  0x80, 0x80, 0x80, 0x80
#define HC_FORM_NONE_8  HC_FORM_NONE_4, HC_FORM_NONE_4
#define HC_FORM_FIELDS  2, 3, 0, 1, 15, 14, 13, 0x80, 7, 6, 5, 4, 11, 10, 9, 8
#define HC_FORM_OPTS    7  // Of `fixed`: where `opts` is
#define HC_FORM_PAYLOAD 24 // and where payload_off.

// clang-format off
static const struct hc_form hc_form_ts HC_ALIGN_LINE = {
	.limit = {HC_FORM_PORTS, HC_FORM_ANY_4, HC_FORM_ANY_4, HC_FORM_ANY_4,
		  HC_FORM_ANY_4, HC_FORM_ANY_4, HC_FORM_ANY_4, HC_FORM_ANY_4},
	.is = {HC_FORM_PORTS, [HC_TCP_OFFSET] = 8 << 4,
	       [HC_TCP_LEN] = HC_TCPOPT_NOP, HC_TCPOPT_NOP, HC_TCPOPT_TIMESTAMPS, 10},
	.mask = {HC_FORM_ANY_4, [HC_TCP_OFFSET] = 0xf0,
		 [HC_TCP_LEN] = HC_FORM_ANY_4},
	.shuffle = {HC_FORM_FIELDS, 11, 10, 9, 8, 15, 14, 13, 12, HC_FORM_NONE_8},
	.fixed = {[HC_FORM_OPTS] = HC_OPT_TIMESTAMPS,
		  [HC_FORM_PAYLOAD] = HC_PLAIN_L4_OFF + 32},
	.hdr_len = 32,
};

// The values of its timestamps are behind the 32 bytes. MSS: anything but 0.
static const struct hc_form hc_form_own_syn HC_ALIGN_LINE = {
	.limit = {HC_FORM_PORTS, HC_FORM_ANY_4, HC_FORM_ANY_4, HC_FORM_ANY_4,
		  HC_FORM_ANY_4, 255, 255, 1, 0, HC_FORM_ANY_4, HC_FORM_ANY_4},
	.is = {HC_FORM_PORTS, [HC_TCP_OFFSET] = 10 << 4, HC_TCP_SYN,
	       [HC_TCP_LEN] = HC_TCPOPT_MSS, 4, 1, 0, HC_TCPOPT_NOP, HC_TCPOPT_WSCALE, 3, 0,
			      HC_TCPOPT_SACK_PERMITTED, 2, HC_TCPOPT_TIMESTAMPS, 10},
	.mask = {HC_FORM_ANY_4, [HC_TCP_OFFSET] = 0xf0, HC_TCP_SYN,
		 [HC_TCP_LEN] = HC_FORM_ANY_4, 255, 255, 255, 0, HC_FORM_ANY_4},
	.shuffle = {HC_FORM_FIELDS, HC_FORM_NONE_8, HC_FORM_NONE_4, 7, 6, 11, 0x80},
	.fixed = {[HC_FORM_OPTS] = HC_OPT_MSS | HC_OPT_WSCALE | HC_OPT_TIMESTAMPS |
				   HC_OPT_SACK_PERMITTED,
		  [HC_FORM_PAYLOAD] = HC_PLAIN_L4_OFF + 40},
	.hdr_len = 40,
};

// Half as long: the rest is payload.
static const struct hc_form hc_form_bare HC_ALIGN_LINE = {
	.limit = {HC_FORM_PORTS, HC_FORM_ANY_4, HC_FORM_ANY_4, HC_FORM_ANY_4},
	.is = {HC_FORM_PORTS, [HC_TCP_OFFSET] = 5 << 4},
	.mask = {HC_FORM_ANY_4, [HC_TCP_OFFSET] = 0xf0},
	.shuffle = {HC_FORM_FIELDS, HC_FORM_NONE_8, HC_FORM_NONE_8},
	.fixed = {[HC_FORM_PAYLOAD] = HC_PLAIN_L4_OFF + 20},
	.hdr_len = 20,
};
// clang-format on

HC_ALWAYS_INLINE __m256i hc_wide_load(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

// clang-format off
static const uint8_t hc_wide_l3_limit[32] HC_ALIGN_LINE = {
	[0 ... HC_ETH_LEN + HC_IP4_TTL - 1] = 255,
	[HC_ETH_LEN + HC_IP4_TTL] = 1,
	[HC_ETH_LEN + HC_IP4_TTL + 1 ... 31] = 255,
};

static const uint8_t hc_wide_l3_mask[32] HC_ALIGN_LINE = {
	[HC_ETH_DST ... HC_ETH_DST + 5] = 255,
	[HC_ETH_SRC] = 1,
	[HC_ETH_TYPE] = 255, 255,
	[HC_ETH_LEN + HC_IP4_VER_IHL] = 255,
	[HC_ETH_LEN + HC_IP4_FRAG] = (uint8_t)~(HC_IP4_DF >> 8), 255,
	[HC_ETH_LEN + HC_IP4_TTL] = 255, 255,
};
// clang-format on

// Whether the first 32 bytes are those of a plain segment to us: destination MAC ours, source MAC
// no group address, EtherType IPv4, version 4, IHL 5, no fragment (only DF may be set), TTL not 0,
// protocol TCP.
HC_ALWAYS_INLINE bool hc_wide_is_l3(const struct hc_parse_env *env, const uint8_t *frame)
{
	__m256i cut = _mm256_min_epu8(hc_wide_load(frame), hc_wide_load(hc_wide_l3_limit));

	return _mm256_testz_si256(_mm256_xor_si256(cut, hc_wide_load(env->plain)),
				  hc_wide_load(hc_wide_l3_mask));
}

HC_ALWAYS_INLINE bool hc_wide_fits(const struct hc_form *f, __m256i hdr)
{
	__m256i cut = _mm256_min_epu16(hdr, hc_wide_load(f->limit));

	return _mm256_testz_si256(_mm256_xor_si256(cut, hc_wide_load(f->is)),
				  hc_wide_load(f->mask));
}

HC_ALWAYS_INLINE void hc_wide_fill(const struct hc_form *f, __m256i hdr, struct hc_seg *seg)
{
	__m256i view = _mm256_shuffle_epi8(hdr, hc_wide_load(f->shuffle));

	HC_STATIC_ASSERT(
		offsetof(struct hc_seg, key.lport_be) == 8 && offsetof(struct hc_seg, wnd) == 12 &&
			offsetof(struct hc_seg, flags) == 14 &&
			offsetof(struct hc_seg, opts) == 8 + HC_FORM_OPTS &&
			offsetof(struct hc_seg, seq) == 16 && offsetof(struct hc_seg, ack) == 20 &&
			offsetof(struct hc_seg, tsval) == 24 &&
			offsetof(struct hc_seg, tsecr) == 28 &&
			offsetof(struct hc_seg, payload_off) == 8 + HC_FORM_PAYLOAD &&
			offsetof(struct hc_seg, mss) == 36 && offsetof(struct hc_seg, wscale) == 38,
		"the shuffle knows where the fields are");
	view = _mm256_or_si256(view, hc_wide_load(f->fixed));
	_mm256_storeu_si256((__m256i *)(void *)((uint8_t *)seg + 8), view);
}

// Whether both checksums are right.
HC_ALWAYS_INLINE bool hc_wide_sums_are_ok(const uint8_t *ip, uint32_t hdr_len, uint32_t payload_len,
					  unsigned trust)
{
	const uint8_t *tcp = ip + HC_IP4_LEN;
	uint64_t addrs = hc_load64(ip + HC_IP4_SRC);
	uint64_t sum = hc_csum_pseudo_word(HC_IPPROTO_TCP, hdr_len + payload_len);

	if (!(trust & HC_TRUST_IP_CSUM) &&
	    HC_UNLIKELY(!hc_csum_some_ok(hc_csum_wide12(addrs, ip))) &&
	    !HC_FAULT(ip_checksum_unchecked))
		return false;
	if (trust & HC_TRUST_L4_CSUM)
		return true;
	if (hdr_len == HC_TCP_LEN)
		sum = hc_csum_wide_word20(sum, addrs, tcp);
	else
		sum = hc_csum_wide_word32(sum, addrs, tcp);
	if (hdr_len == 40)
		sum = hc_csum_wide1(sum, hc_load64(tcp + 32));
	if (payload_len >= HC_CSUM_LONG_BYTES)
		sum = hc_csum_wide1(sum, hc_csum_add_long(0, tcp + hdr_len, payload_len));
	else if (payload_len)
		sum = hc_csum_wide_bytes(sum, tcp + hdr_len, payload_len);
	return HC_LIKELY(hc_csum_some_ok(sum)) || HC_FAULT(tcp_checksum_unchecked);
}

// Whether a frame that ends with the payload, and may be padded when it has none, is of that form:
// then *seg is filled in from the form's 32 bytes.
HC_ALWAYS_INLINE bool hc_wide_parse_form(const struct hc_parse_env *env, const uint8_t *frame,
					 const struct hc_form *f, uint32_t payload_len,
					 unsigned trust, struct hc_seg *seg)
{
	const uint8_t *ip = frame + HC_ETH_LEN;
	const uint8_t *tcp = ip + HC_IP4_LEN;
	uint64_t addrs = hc_load64(ip + HC_IP4_SRC);
	uint16_t total_len = (uint16_t)(HC_IP4_LEN + f->hdr_len + payload_len);
	__m256i hdr;

	if (HC_UNLIKELY(hc_load16(ip + HC_IP4_TOTAL_LEN) != HC_SWAP16(total_len)) ||
	    HC_UNLIKELY(!hc_wide_is_l3(env, frame)))
		return false;
	if (f->hdr_len == HC_TCP_LEN)
		hdr = _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)tcp));
	else
		hdr = hc_wide_load(tcp);
	if (HC_UNLIKELY(!hc_wide_fits(f, hdr)) ||
	    HC_UNLIKELY(!hc_wide_sums_are_ok(ip, f->hdr_len, payload_len, trust)))
		return false;
	hc_store64(seg, addrs << 32 | addrs >> 32);
	hc_wide_fill(f, hdr, seg);
	if (payload_len)
		seg->payload_len = (uint16_t)payload_len;
	return true;
}

HC_ALWAYS_INLINE bool hc_wide_parse_own_syn(const struct hc_parse_env *env, const uint8_t *frame,
					    unsigned trust, struct hc_seg *seg)
{
	uint64_t values = HC_SWAP64(hc_load64(frame + HC_PLAIN_L4_OFF + 32));

	if (!hc_wide_parse_form(env, frame, &hc_form_own_syn, 0, trust, seg))
		return false;
	hc_store64(&seg->tsval, values << 32 | values >> 32);
	return true;
}

// Whether a frame of `len` bytes, fewer than 2^16, is of one of the forms, as hc_parse_plain() says
// it (parse_inline.h).
HC_ALWAYS_INLINE bool hc_wide_parse(const struct hc_parse_env *env, const uint8_t *frame,
				    uint32_t len, unsigned trust, struct hc_seg *seg)
{
	const uint32_t ts_len = HC_PLAIN_L4_OFF + 32;
	const uint32_t bare_len = HC_PLAIN_L4_OFF + HC_TCP_LEN;

	if (HC_LIKELY(len == ts_len) && hc_wide_parse_form(env, frame, &hc_form_ts, 0, trust, seg))
		return true;
	if (len == HC_PLAIN_L4_OFF + 40 && hc_wide_parse_own_syn(env, frame, trust, seg))
		return true;
	if (len > ts_len && hc_wide_parse_form(env, frame, &hc_form_ts, len - ts_len, trust, seg))
		return true;
	if (len >= bare_len && len <= HC_ETH_MIN_FRAME) // It may be padded.
		return hc_wide_parse_form(env, frame, &hc_form_bare, 0, trust, seg);
	return len > HC_ETH_MIN_FRAME &&
	       hc_wide_parse_form(env, frame, &hc_form_bare, len - bare_len, trust, seg);
}

#else
#define HC_HAS_PARSE_WIDE 0
#endif
