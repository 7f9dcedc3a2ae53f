// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Writes frames. A TCP frame is written in full from values that are in registers anyway, and its
// checksums are summed from those values, so nothing written is read back. The Ethernet header and
// the first two bytes of IPv4 come from the neighbour's 16-byte template: one store.

#include "wire/csum.h"
#include "wire/format.h"
#include "wire/seg.h"

// Destination MAC, source MAC, EtherType IPv4, version and IHL, TOS.
struct hc_l2_template {
	uint8_t bytes[16];
};
HC_STATIC_ASSERT(sizeof(struct hc_l2_template) == HC_ETH_LEN + 2,
		 "template ends with version, IHL and TOS");

enum hc_build_offload {
	HC_BUILD_CSUM_SOFT = 0, // Both checksums are written.
	HC_BUILD_CSUM_PORT =
		1, // IPv4's is 0, TCP's is the pseudo header's sum, as ports with offload want it.
};

// A segment to be written. For SYN segments mss and, if has_wscale, wscale are sent; with has_ts
// the timestamps.
struct hc_tx_seg {
	struct hc_flow_key key;
	hc_seq seq;
	hc_seq ack; // Written only with HC_TCP_ACK, else 0.
	uint16_t wnd;
	uint8_t flags;
	bool has_ts;
	bool has_wscale;
	uint8_t wscale;
	uint16_t mss; // 0: none.
	uint32_t tsval;
	uint32_t tsecr;
	uint16_t ip_id;
	uint16_t payload_len;
	uint64_t payload_sum; // hc_csum_add() over the payload, when checksums are in software.
};

void hc_l2_template_init(struct hc_l2_template *t, const uint8_t dst[6], const uint8_t src[6]);

// Bytes of the TCP header that hc_build_tcp() will write: where the payload goes is HC_ETH_LEN +
// HC_IP4_LEN + this.
HC_ALWAYS_INLINE uint32_t hc_build_tcp_hdr_len(const struct hc_tx_seg *s)
{
	return HC_TCP_LEN + (s->has_ts ? 12u : 0u) +
	       (s->flags & HC_TCP_SYN ? (s->mss ? 4u : 0u) + (s->has_wscale ? 4u : 0u) : 0u);
}

// Writes Ethernet, IPv4 and TCP headers at `frame` (which has room for them: at most HC_ETH_LEN +
// HC_IP4_LEN + HC_TCP_LEN_MAX). The payload is the caller's. @return the length of the headers.
HC_ALWAYS_INLINE uint32_t hc_build_tcp(uint8_t *frame, const struct hc_l2_template *l2,
				       const struct hc_tx_seg *s, enum hc_build_offload offload)
{
	uint32_t hdr_len = hc_build_tcp_hdr_len(s);
	uint32_t tcp_len = hdr_len + s->payload_len;
	uint8_t *ip = frame + HC_ETH_LEN;
	uint8_t *tcp = ip + HC_IP4_LEN;
	uint8_t *opt = tcp + HC_TCP_LEN;
	uint64_t sum = 0;
	uint32_t word;

	memcpy(frame, l2->bytes, sizeof l2->bytes);

	// IPv4: five words, the first with version, IHL and TOS already written by the template
	// (0x45, 0).
	uint16_t total_be = (HC_FORCE uint16_t)hc_to_be16((uint16_t)(HC_IP4_LEN + tcp_len));
	uint32_t id_frag = (HC_FORCE uint32_t)hc_to_be32((uint32_t)s->ip_id << 16 | HC_IP4_DF);
	uint32_t ttl_proto = (HC_FORCE uint32_t)hc_to_be32(64u << 24 | HC_IPPROTO_TCP << 16);
	uint32_t src = (HC_FORCE uint32_t)s->key.local_be;
	uint32_t dst = (HC_FORCE uint32_t)s->key.remote_be;
	uint64_t addr_sum = (uint64_t)src + dst;

	hc_store16(ip + HC_IP4_TOTAL_LEN, total_be);
	hc_store32(ip + HC_IP4_ID, id_frag);
	if (offload == HC_BUILD_CSUM_SOFT) {
		uint64_t ip_sum = addr_sum + hc_load16(l2->bytes + HC_ETH_LEN) + total_be +
				  id_frag + ttl_proto;

		ttl_proto |= (HC_FORCE uint32_t)hc_to_be32(
			hc_from_be16((HC_FORCE hc_be16)hc_csum_finish(ip_sum)));
	}
	hc_store32(ip + HC_IP4_TTL, ttl_proto);
	hc_store32(ip + HC_IP4_SRC, src);
	hc_store32(ip + HC_IP4_DST, dst);

	// TCP: ports, SEQ, ACK, offset + flags + window, checksum + urgent pointer.
	word = hc_load32(&s->key.lport_be);
	sum += word;
	hc_store32(tcp + HC_TCP_SPORT, word);
	word = (HC_FORCE uint32_t)hc_to_be32(s->seq);
	sum += word;
	hc_store32(tcp + HC_TCP_SEQ, word);
	word = s->flags & HC_TCP_ACK ? (HC_FORCE uint32_t)hc_to_be32(s->ack) : 0;
	sum += word;
	hc_store32(tcp + HC_TCP_ACKNO, word);
	word = (HC_FORCE uint32_t)hc_to_be32(hdr_len << 26 | (uint32_t)s->flags << 16 | s->wnd);
	sum += word;
	hc_store32(tcp + HC_TCP_OFFSET, word);

	// Options: MSS; NOP, window scale; NOP, NOP, timestamps. All in whole words.
	if (HC_UNLIKELY(s->flags & HC_TCP_SYN)) {
		if (s->mss) {
			word = (HC_FORCE uint32_t)hc_to_be32(HC_TCPOPT_MSS << 24 | 4u << 16 |
							     s->mss);
			sum += word;
			hc_store32(opt, word);
			opt += 4;
		}
		if (s->has_wscale) {
			word = (HC_FORCE uint32_t)hc_to_be32(
				HC_TCPOPT_NOP << 24 | HC_TCPOPT_WSCALE << 16 | 3u << 8 | s->wscale);
			sum += word;
			hc_store32(opt, word);
			opt += 4;
		}
	}
	if (s->has_ts) {
		word = (HC_FORCE uint32_t)hc_to_be32(HC_TCPOPT_NOP << 24 | HC_TCPOPT_NOP << 16 |
						     HC_TCPOPT_TIMESTAMPS << 8 | 10u);
		sum += word;
		hc_store32(opt, word);
		word = (HC_FORCE uint32_t)hc_to_be32(s->tsval);
		sum += word;
		hc_store32(opt + 4, word);
		word = (HC_FORCE uint32_t)hc_to_be32(s->tsecr);
		sum += word;
		hc_store32(opt + 8, word);
	}

	uint64_t pseudo = addr_sum + (HC_FORCE uint16_t)hc_to_be16(HC_IPPROTO_TCP) +
			  (HC_FORCE uint16_t)hc_to_be16((uint16_t)tcp_len);
	uint16_t csum;

	if (offload == HC_BUILD_CSUM_SOFT)
		csum = hc_csum_finish(sum + pseudo + s->payload_sum);
	else
		csum = hc_csum_fold(pseudo);
	hc_store16(tcp + HC_TCP_CSUM, csum);
	hc_store16(tcp + HC_TCP_URP, 0);
	return HC_ETH_LEN + HC_IP4_LEN + hdr_len;
}

// Writes an ARP packet with its Ethernet header (42 bytes) at `frame`. dst is the Ethernet
// destination. @return 42.
uint32_t hc_build_arp(uint8_t *frame, uint16_t op, const uint8_t dst[6], const uint8_t sha[6],
		      hc_be32 spa_be, const uint8_t tha[6], hc_be32 tpa_be);

// Turns a received echo request into its reply in place: addresses swapped, type 0, TTL 64, both
// checksums right again. The frame has been parsed (HC_FRAME_ICMP). @return the length of the frame
// to send.
uint32_t hc_build_echo_reply(uint8_t *frame, uint32_t l3_off, uint32_t l4_off, uint32_t l4_len,
			     const uint8_t dst[6], const uint8_t src[6]);
