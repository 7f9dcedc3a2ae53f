// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Writes frames. A TCP frame is written in full from values that are in registers anyway, in words
// of eight bytes, and its checksums are summed from those words, so nothing written is read back.
// The Ethernet header and the first two bytes of IPv4 come from the neighbour's 16-byte template:
// one store.

#include "wire/csum.h"
#include "wire/format.h"
#include "wire/seg.h"

// Destination MAC, source MAC, EtherType IPv4, version and IHL, TOS; and the IPv4 header's second
// word of eight bytes as it lies in memory: identification 0, DF, TTL, protocol TCP, no checksum.
struct hc_l2_template {
	uint8_t bytes[16];
	uint64_t id_to_csum;
};
HC_STATIC_ASSERT(sizeof(((struct hc_l2_template *)0)->bytes) == HC_ETH_LEN + 2,
		 "template ends with version, IHL and TOS");

enum hc_build_offload {
	HC_BUILD_CSUM_SOFT = 0, // Both checksums are written.
	HC_BUILD_CSUM_PORT =
		1, // IPv4's is 0, TCP's is the pseudo header's sum, as ports with offload want it.
	HC_BUILD_CSUM_CUT = 2, // The same for ports that cut: without the length, each has its own.
};

// A segment to be written. For SYN segments mss and, if has_wscale, wscale are sent, and with
// has_sack that SACK is permitted; with has_ts the timestamps.
struct hc_tx_seg {
	const struct hc_flow_key *key; // The caller's, until the frame is written.
	hc_seq seq;
	hc_seq ack; // Written only with HC_TCP_ACK, else 0.
	uint16_t wnd;
	uint8_t flags;
	bool has_ts;
	bool has_wscale;
	bool has_sack; // SACK is permitted; for SYN segments.
	uint8_t wscale;
	uint8_t sack_len; // Of what hc_build_sack() wrote where this header ends without it; its
			  // sum is part of payload_sum.
	uint16_t mss;     // 0: none.
	uint32_t tsval;
	uint32_t tsecr;
	uint16_t ip_id;
	uint8_t ecn; // The low two bits of TOS.
	uint16_t payload_len;
	bool has_cookie;       // A Fast Open option (RFC 7413); for SYN segments.
	uint8_t cookie_len;    // 0: the option asks for one.
	const uint8_t *cookie; // The caller's, until the frame is written.
	uint64_t payload_sum;  // hc_csum_add() over the payload, when checksums are in software.
};

void hc_l2_template_init(struct hc_l2_template *t, const uint8_t dst[6], const uint8_t src[6]);

// What IPv4 says of every packet: its Diffserv code point (RFC 2474 3) and its TTL. Until then 0
// and HC_TTL_DEFAULT.
void hc_l2_template_set_ip(struct hc_l2_template *t, uint8_t dscp, uint8_t ttl);

// Bytes of the TCP header that hc_build_tcp() will write: where the payload goes is HC_ETH_LEN +
// HC_IP4_LEN + this.
HC_ALWAYS_INLINE uint32_t hc_build_tcp_hdr_len(const struct hc_tx_seg *s)
{
	return HC_TCP_LEN + (s->has_ts ? 12u : 0u) + s->sack_len +
	       (s->flags & HC_TCP_SYN ? (s->mss ? 4u : 0u) + (s->has_wscale ? 4u : 0u) +
						(s->has_sack && !s->has_ts ? 4u : 0u) +
						(s->has_cookie ? (s->cookie_len + 5u) & ~3u : 0u)
				      : 0u);
}

// Four 16-bit lanes make a word of eight bytes as it lies in memory; lane 0 comes first. The value
// is in wire order.
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HC_BUILD_LANE(value, i)   ((uint64_t)(value) << (16 * (i)))
#define HC_BUILD_LANE32(value, i) ((uint32_t)(value) << (16 * (i)))
#else
#define HC_BUILD_LANE(value, i)   ((uint64_t)(value) << (48 - 16 * (i)))
#define HC_BUILD_LANE32(value, i) ((uint32_t)(value) << (16 - 16 * (i)))
#endif

// One option, or part of one, in a word of four bytes. @return the sum with it.
HC_ALWAYS_INLINE uint64_t hc_build_opt(uint8_t *opt, uint32_t word, uint64_t sum)
{
	uint32_t word_be = (HC_FORCE uint32_t)hc_to_be32(word);

	hc_store32(opt, word_be);
	return hc_csum_wide1(sum, word_be);
}

// A Fast Open option, NOPs before it to make whole words. @return the sum with it.
uint64_t hc_build_fastopen(uint8_t *opt, const uint8_t *cookie, uint32_t len, uint64_t sum);

// Options in whole words: MSS; NOP, window scale; NOP, NOP or SACK-permitted, timestamps. @return
// their sum.
HC_ALWAYS_INLINE uint64_t hc_build_tcp_options(uint8_t *opt, const struct hc_tx_seg *s)
{
	uint32_t ts_word = HC_TCPOPT_TS_WORD;
	uint64_t sum = 0;

	if (HC_UNLIKELY(s->flags & HC_TCP_SYN)) {
		if (s->mss) {
			sum = hc_build_opt(opt, HC_TCPOPT_MSS << 24 | 4u << 16 | s->mss, sum);
			opt += 4;
		}
		if (s->has_wscale) {
			sum = hc_build_opt(opt,
					   HC_TCPOPT_NOP << 24 | HC_TCPOPT_WSCALE << 16 | 3u << 8 |
						   s->wscale,
					   sum);
			opt += 4;
		}
		if (s->has_cookie) {
			sum = hc_build_fastopen(opt, s->cookie, s->cookie_len, sum);
			opt += (s->cookie_len + 5u) & ~3u;
		}
		ts_word = s->has_sack ? HC_TCPOPT_SACK_TS_WORD : HC_TCPOPT_TS_WORD;
		if (!s->has_ts && s->has_sack) {
			sum = hc_build_opt(opt,
					   HC_TCPOPT_NOP << 24 | HC_TCPOPT_NOP << 16 |
						   HC_TCPOPT_SACK_PERMITTED << 8 | 2u,
					   sum);
			opt += 4;
		}
	}
	if (s->has_ts) {
		uint64_t values = HC_SWAP64((uint64_t)s->tsval << 32 | s->tsecr);
		uint32_t kind = (HC_FORCE uint32_t)hc_to_be32(ts_word);

		hc_store32(opt, kind);
		hc_store64(opt + 4, values);
		sum = hc_csum_wide2(sum, values, kind);
	}
	return sum;
}

// Writes Ethernet, IPv4 and TCP headers at `frame` (which has room for them: at most HC_ETH_LEN +
// HC_IP4_LEN + HC_TCP_LEN_MAX). The payload is the caller's, and the packet must be one that a
// total length of 16 bits can tell. @return the length of the headers.
HC_ALWAYS_INLINE uint32_t hc_build_tcp(uint8_t *frame, const struct hc_l2_template *l2,
				       const struct hc_tx_seg *s, enum hc_build_offload offload)
{
	uint32_t hdr_len = hc_build_tcp_hdr_len(s);
	uint32_t tcp_len = hdr_len + s->payload_len;
	uint8_t *ip = frame + HC_ETH_LEN;
	uint8_t *tcp = ip + HC_IP4_LEN;

	HC_ASSERT(tcp_len <= UINT16_MAX - HC_IP4_LEN);

	// Source and destination address, then source and destination port, as they stand in the
	// key.
	uint64_t addrs = hc_load64(s->key);
	uint32_t ports = hc_load32((const uint8_t *)s->key + 8);

	// IPv4: version, IHL and TOS by the template with the total length; identification with
	// DF, TTL and protocol by the template, and checksum; the addresses.
	uint32_t ver_to_len = HC_BUILD_LANE32(hc_load16(l2->bytes + HC_ETH_LEN), 0) |
			      HC_BUILD_LANE32((HC_FORCE uint16_t)hc_to_be16(s->ecn), 0) |
			      (HC_FORCE uint32_t)hc_to_be32(HC_IP4_LEN + tcp_len);
	uint64_t id_to_csum = HC_SWAP64((uint64_t)s->ip_id << 48) | l2->id_to_csum;

	if (offload == HC_BUILD_CSUM_SOFT) {
		uint64_t ip_sum = hc_csum_wide2(addrs, id_to_csum, ver_to_len);

		id_to_csum |= HC_BUILD_LANE(hc_csum_finish(ip_sum), 3);
	}
	memcpy(frame, l2->bytes, sizeof l2->bytes);
	hc_store32(ip, ver_to_len);
	hc_store64(ip + HC_IP4_ID, id_to_csum);
	hc_store64(ip + HC_IP4_SRC, addrs);

	// TCP: ports; SEQ and ACK; offset, flags, window, checksum and urgent pointer.
	uint32_t ack = s->flags & HC_TCP_ACK ? s->ack : 0;
	uint64_t seq_ack = HC_SWAP64((uint64_t)s->seq << 32 | ack);
	uint64_t offset_to_urp =
		HC_SWAP64((uint64_t)(hdr_len << 10 | s->flags) << 48 | (uint64_t)s->wnd << 32);
	uint64_t sum = hc_build_tcp_options(tcp + HC_TCP_LEN, s);
	uint32_t pseudo =
		hc_csum_pseudo_word(HC_IPPROTO_TCP, offload == HC_BUILD_CSUM_CUT ? 0 : tcp_len);

	if (offload == HC_BUILD_CSUM_SOFT) {
		// Ports and pseudo header are 33 bits together.
		sum = hc_csum_wide5(sum, addrs, seq_ack, offset_to_urp, s->payload_sum,
				    (uint64_t)pseudo + ports);
		offset_to_urp |= HC_BUILD_LANE(hc_csum_finish(sum), 2);
	} else {
		offset_to_urp |= HC_BUILD_LANE(hc_csum_fold(hc_csum_wide1(addrs, pseudo)), 2);
	}
	hc_store32(tcp + HC_TCP_SPORT, ports);
	hc_store64(tcp + HC_TCP_SEQ, seq_ack);
	hc_store64(tcp + HC_TCP_OFFSET, offset_to_urp);
	return HC_ETH_LEN + HC_IP4_LEN + hdr_len;
}

// The same with checksums in software, apart for segments with and without timestamps: lengths and
// the words they stand in are constants then.
HC_ALWAYS_INLINE uint32_t hc_build_tcp_soft(uint8_t *frame, const struct hc_l2_template *l2,
					    const struct hc_tx_seg *s)
{
	struct hc_tx_seg apart = *s;

	if (s->has_ts) {
		apart.has_ts = true;
		return hc_build_tcp(frame, l2, &apart, HC_BUILD_CSUM_SOFT);
	}
	apart.has_ts = false;
	return hc_build_tcp(frame, l2, &apart, HC_BUILD_CSUM_SOFT);
}

// SYNs that go to one peer at one time: what they do not have in common is the local address, the
// local port and the sequence number.
#define HC_SYN_FORM_BYTES 96u

struct hc_syn_form {
	uint8_t bytes[HC_SYN_FORM_BYTES]; // A frame, with 0 for all three, and nothing behind it.
	uint32_t len;
	uint32_t ip_sum, tcp_sum; // Of that frame, folded.
};
HC_STATIC_ASSERT(HC_SYN_FORM_BYTES >= HC_ETH_LEN + HC_IP4_LEN + HC_TCP_LEN_MAX,
		 "the longest header fits");

// Makes the form of segments like *s, of whose key the remote half is used.
void hc_build_syn_form(struct hc_syn_form *f, const struct hc_l2_template *l2,
		       const struct hc_tx_seg *s);

// Writes the SYN of a connection at `frame`, where HC_SYN_FORM_BYTES have room. The frame is f->len
// bytes long.
HC_ALWAYS_INLINE void hc_build_syn(uint8_t *frame, const struct hc_syn_form *f,
				   const struct hc_flow_key *key, hc_seq seq)
{
	uint8_t *ip = frame + HC_ETH_LEN;
	uint8_t *tcp = ip + HC_IP4_LEN;
	uint32_t local = (HC_FORCE uint32_t)key->local_be;
	uint16_t lport = (HC_FORCE uint16_t)key->lport_be;
	uint32_t seq_be = (HC_FORCE uint32_t)hc_to_be32(seq);
	uint64_t ip_sum = (uint64_t)f->ip_sum + local;
	uint64_t tcp_sum = (uint64_t)f->tcp_sum + local + lport + seq_be;

	memcpy(frame, f->bytes, sizeof f->bytes);
	hc_store16(ip + HC_IP4_CSUM, hc_csum_finish(ip_sum));
	hc_store32(ip + HC_IP4_SRC, local);
	hc_store16(tcp + HC_TCP_SPORT, lport);
	hc_store32(tcp + HC_TCP_SEQ, seq_be);
	hc_store16(tcp + HC_TCP_CSUM, hc_csum_finish(tcp_sum));
}

// Writes a SACK option of 1 to HC_SACK_BLOCKS_MAX blocks behind two NOPs (RFC 2018 3), and its sum
// to *sum. @return its length, HC_SACK_LEN(count).
uint8_t hc_build_sack(uint8_t *opt, const struct hc_seq_range *blocks, unsigned count,
		      uint64_t *sum);

// Writes an ARP packet with its Ethernet header (42 bytes) at `frame`. dst is the Ethernet
// destination. @return 42.
uint32_t hc_build_arp(uint8_t *frame, uint16_t op, const uint8_t dst[6], const uint8_t sha[6],
		      hc_be32 spa_be, const uint8_t tha[6], hc_be32 tpa_be);

// Turns a received echo request into its reply in place: addresses swapped, type 0, TTL 64, both
// checksums right again. The frame has been parsed (HC_FRAME_ICMP). @return the length of the frame
// to send.
uint32_t hc_build_echo_reply(uint8_t *frame, uint32_t l3_off, uint32_t l4_off, uint32_t l4_len,
			     const uint8_t dst[6], const uint8_t src[6]);
