// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The frames that are not worth inlining: templates, ARP (RFC 826) and echo replies (RFC 792). An
// answer may be written over the frame it answers, so every address handed in is read before the
// first byte is written: it may lie in that frame.

#include "wire/build.h"

enum {
	MAC_LEN = 6,
};

static void write_eth(uint8_t *frame, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
	memcpy(frame + HC_ETH_DST, dst, MAC_LEN);
	memcpy(frame + HC_ETH_SRC, src, MAC_LEN);
	hc_store_be16(frame + HC_ETH_TYPE, hc_to_be16(type));
}

void hc_l2_template_init(struct hc_l2_template *t, const uint8_t dst[6], const uint8_t src[6])
{
	write_eth(t->bytes, dst, src, HC_ETHERTYPE_IP4);
	hc_l2_template_set_ip(t, 0, HC_TTL_DEFAULT);
}

void hc_l2_template_set_ip(struct hc_l2_template *t, uint8_t dscp, uint8_t ttl)
{
	HC_ASSERT(dscp <= HC_DSCP_MAX);
	HC_ASSERT(ttl != 0);
	t->bytes[HC_ETH_LEN + HC_IP4_VER_IHL] = 0x45;
	t->bytes[HC_ETH_LEN + HC_IP4_TOS] = (uint8_t)(dscp << 2);
	t->id_to_csum = HC_SWAP64((uint64_t)HC_IP4_DF << 32 | (uint64_t)ttl << 24 |
				  (uint64_t)HC_IPPROTO_TCP << 16);
}

void hc_build_syn_form(struct hc_syn_form *f, const struct hc_l2_template *l2,
		       const struct hc_tx_seg *s)
{
	const struct hc_flow_key key = {.remote_be = s->key->remote_be,
					.rport_be = s->key->rport_be};
	struct hc_tx_seg plain = *s;
	const uint8_t *ip = f->bytes + HC_ETH_LEN;

	plain.key = &key;
	plain.seq = 0;
	memset(f->bytes, 0, sizeof f->bytes);
	f->len = hc_build_tcp(f->bytes, l2, &plain, HC_BUILD_CSUM_SOFT);
	f->ip_sum = (uint16_t)~hc_load16(ip + HC_IP4_CSUM);
	f->tcp_sum = (uint16_t)~hc_load16(ip + HC_IP4_LEN + HC_TCP_CSUM);
}

uint8_t hc_build_sack(uint8_t *opt, const struct hc_seq_range *blocks, unsigned count,
		      uint64_t *sum)
{
	HC_ASSERT(count >= 1 && count <= HC_SACK_BLOCKS_MAX);
	opt[0] = HC_TCPOPT_NOP;
	opt[1] = HC_TCPOPT_NOP;
	opt[2] = HC_TCPOPT_SACK;
	opt[3] = (uint8_t)(2 + 8 * count);
	for (unsigned i = 0; i < count; i++) {
		hc_store_be32(opt + 4 + 8 * i, hc_to_be32(blocks[i].lo));
		hc_store_be32(opt + 8 + 8 * i, hc_to_be32(blocks[i].hi));
	}
	*sum = hc_csum_add(0, opt, HC_SACK_LEN(count));
	return (uint8_t)HC_SACK_LEN(count);
}

uint64_t hc_build_fastopen(uint8_t *opt, const uint8_t *cookie, uint32_t len, uint64_t sum)
{
	uint32_t whole = (len + 5u) & ~3u;
	uint32_t nops = whole - 2 - len;

	HC_ASSERT(len <= HC_FASTOPEN_COOKIE_MAX);
	memset(opt, HC_TCPOPT_NOP, nops);
	opt[nops] = HC_TCPOPT_FASTOPEN;
	opt[nops + 1] = (uint8_t)(2 + len);
	if (len)
		memcpy(opt + nops + 2, cookie, len);
	for (uint32_t i = 0; i < whole; i += 4)
		sum = hc_csum_wide1(sum, hc_load32(opt + i));
	return sum;
}

uint32_t hc_build_arp(uint8_t *frame, uint16_t op, const uint8_t dst[6], const uint8_t sha[6],
		      hc_be32 spa_be, const uint8_t tha[6], hc_be32 tpa_be)
{
	uint8_t *arp = frame + HC_ETH_LEN;
	uint8_t eth_dst[MAC_LEN], sender[MAC_LEN], target[MAC_LEN];

	memcpy(eth_dst, dst, MAC_LEN);
	memcpy(sender, sha, MAC_LEN);
	memcpy(target, tha, MAC_LEN);
	write_eth(frame, eth_dst, sender, HC_ETHERTYPE_ARP);
	hc_store_be16(arp + HC_ARP_HTYPE, hc_to_be16(1)); // Ethernet.
	hc_store_be16(arp + HC_ARP_PTYPE, hc_to_be16(HC_ETHERTYPE_IP4));
	arp[HC_ARP_HLEN] = MAC_LEN;
	arp[HC_ARP_PLEN] = 4;
	hc_store_be16(arp + HC_ARP_OP, hc_to_be16(op));
	memcpy(arp + HC_ARP_SHA, sender, MAC_LEN);
	hc_store_be32(arp + HC_ARP_SPA, spa_be);
	memcpy(arp + HC_ARP_THA, target, MAC_LEN);
	hc_store_be32(arp + HC_ARP_TPA, tpa_be);
	return HC_ETH_LEN + HC_ARP_LEN;
}

// RFC 1122 3.2.2.6. The reply leaves without the request's IP options: a source route would have to
// be reversed and a recorded route completed, and neither is worth its risk to an end host (RFC
// 7126 4.3 to 4.5). The message, its identifier and its data are returned as they came.
uint32_t hc_build_echo_reply(uint8_t *frame, uint32_t l3_off, uint32_t l4_off, uint32_t l4_len,
			     const uint8_t dst[6], const uint8_t src[6])
{
	uint8_t *ip = frame + l3_off;
	uint8_t *icmp = ip + HC_IP4_LEN;
	hc_be32 from_be = hc_load_be32(ip + HC_IP4_SRC);
	hc_be32 to_be = hc_load_be32(ip + HC_IP4_DST);
	uint8_t eth_dst[MAC_LEN], eth_src[MAC_LEN];

	HC_ASSERT(l4_off >= l3_off + HC_IP4_LEN);
	HC_ASSERT(l4_len >= HC_ICMP_LEN);
	memcpy(eth_dst, dst, MAC_LEN);
	memcpy(eth_src, src, MAC_LEN);
	write_eth(frame, eth_dst, eth_src, HC_ETHERTYPE_IP4);
	if (l4_off != l3_off + HC_IP4_LEN)
		memmove(icmp, frame + l4_off, l4_len);

	ip[HC_IP4_VER_IHL] = 0x45;
	hc_store_be16(ip + HC_IP4_TOTAL_LEN, hc_to_be16((uint16_t)(HC_IP4_LEN + l4_len)));
	ip[HC_IP4_TTL] = HC_TTL_DEFAULT;
	hc_store_be32(ip + HC_IP4_SRC, to_be);
	hc_store_be32(ip + HC_IP4_DST, from_be);
	hc_store16(ip + HC_IP4_CSUM, 0);
	hc_store16(ip + HC_IP4_CSUM, hc_csum_finish(hc_csum_add(0, ip, HC_IP4_LEN)));

	// Summed anew: an update by RFC 1624 alone would leave 0 where a message of zeroes needs
	// 0xffff.
	icmp[HC_ICMP_TYPE] = HC_ICMP_ECHO_REPLY;
	icmp[HC_ICMP_CODE] = 0;
	hc_store16(icmp + HC_ICMP_CSUM, 0);
	hc_store16(icmp + HC_ICMP_CSUM, hc_csum_finish(hc_csum_add_long(0, icmp, l4_len)));
	return l3_off + HC_IP4_LEN + l4_len;
}
