// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See frame_check.h. Written from the RFCs' pictures: RFC 826, RFC 791, RFC 792, RFC 9293 3.1.

#include "frame_check.h"

#include <string.h>

uint8_t frame_ttl = 64;
uint8_t frame_dscp;

static const char *check_arp(const uint8_t *frame, uint32_t len, struct frame_view *v)
{
	static const uint8_t none[6];
	const uint8_t *arp = frame + 14;

	v->kind = FRAME_KIND_ARP;
	if (len < 42)
		return "ARP is cut short";
	if (frame_get16(arp) != 1 || frame_get16(arp + 2) != 0x0800 || arp[4] != 6 || arp[5] != 4)
		return "ARP is not of Ethernet and IPv4";
	v->op = (uint16_t)frame_get16(arp + 6);
	if (v->op != 1 && v->op != 2)
		return "ARP is neither request nor reply";
	if (memcmp(arp + 8, frame + 6, 6) != 0)
		return "ARP's sender is not the frame's";
	if (v->op == 1 && memcmp(arp + 18, none, 6) != 0)
		return "ARP request knows its target";
	if (v->op == 2 && memcmp(arp + 18, frame, 6) != 0)
		return "ARP reply goes to another than its target";
	v->src = frame_get32(arp + 14);
	v->dst = frame_get32(arp + 24);
	return NULL;
}

static const char *check_sack(const uint8_t *opt, uint32_t opt_len, struct frame_view *v)
{
	if (opt_len < 10 || opt_len > 34 || (opt_len - 2) % 8 || v->flags & FRAME_SYN)
		return "SACK option has a length that cannot be, or is on a SYN";
	v->sack_count = (opt_len - 2) / 8;
	for (unsigned i = 0; i < v->sack_count; i++) {
		v->sack[i][0] = frame_get32(opt + 2 + 8 * i);
		v->sack[i][1] = frame_get32(opt + 6 + 8 * i);
		if (v->sack[i][1] - v->sack[i][0] - 1 >= 1u << 30)
			return "SACK block is empty or backwards";
		// RFC 2883 4: only the first may lie below the cumulative acknowledgment.
		if (i > 0 && v->sack[i][0] - v->ack - 1 >= 1u << 30)
			return "SACK block does not lie above the acknowledgment";
	}
	return NULL;
}

static const char *check_option(const uint8_t *opt, uint32_t left, struct frame_view *v)
{
	uint32_t opt_len = left < 2 ? 0 : opt[1];

	if (opt_len < 2 || opt_len > left)
		return "option has a length that cannot be";
	switch (opt[0]) {
	case 2:
		v->has_mss = true;
		v->mss = opt_len == 4 ? (uint16_t)frame_get16(opt + 2) : 0;
		return opt_len == 4 && v->flags & FRAME_SYN ? NULL : "MSS option is misplaced";
	case 3:
		v->has_wscale = true;
		v->wscale = opt_len == 3 ? opt[2] : 255;
		return v->wscale <= 14 && v->flags & FRAME_SYN ? NULL : "window scale is misplaced";
	case 4:
		v->permits_sack = true;
		return opt_len == 2 && v->flags & FRAME_SYN ? NULL : "SACK-permitted is misplaced";
	case 5:
		return check_sack(opt, opt_len, v);
	case 34:
		v->has_fastopen = true;
		v->cookie_len = (uint8_t)(opt_len - 2);
		v->cookie = opt + 2;
		if (opt_len != 2 && (opt_len < 6 || opt_len > 18 || opt_len % 2))
			return "cookie has a length that cannot be";
		return v->flags & FRAME_SYN ? NULL : "cookie is misplaced";
	case 8:
		if (opt_len != 10)
			return "timestamps are not 10 bytes";
		v->has_ts = true;
		v->tsval = frame_get32(opt + 2);
		v->tsecr = frame_get32(opt + 6);
		if (v->tsecr != 0 && !(v->flags & FRAME_ACK))
			return "TSecr without ACK";
		return NULL;
	default:
		return "option is not one we send";
	}
}

static const char *check_options(const uint8_t *opt, uint32_t len, struct frame_view *v)
{
	for (uint32_t at = 0; at < len;) {
		const char *bad;

		if (opt[at] == 1) {
			at++;
			continue;
		}
		if (opt[at] == 0) {
			// RFC 9293 3.1: filled up with zeros.
			for (uint32_t i = at; i < len; i++)
				if (opt[i] != 0)
					return "something stands behind the end of options";
			return len - at < 4 ? NULL : "options end early";
		}
		bad = check_option(opt + at, len - at, v);
		if (bad)
			return bad;
		at += opt[at + 1];
	}
	return NULL;
}

static const char *check_flags(const struct frame_view *v)
{
	const unsigned ecn = FRAME_ECE | FRAME_CWR;

	if (v->flags & 0x20)
		return "URG is set";
	if (v->flags & FRAME_RST && v->flags & ecn)
		return "ECE or CWR with RST";
	// RFC 3168 6.1.1, 6.1.2, 6.1.4.
	if (v->flags & FRAME_SYN && (v->flags & (ecn | FRAME_ACK)) == ecn + FRAME_ACK)
		return "SYN,ACK with ECE and CWR";
	if (!(v->flags & FRAME_SYN) && v->flags & FRAME_CWR && v->payload_len == 0)
		return "CWR without data";
	if (v->tos & 3 && v->payload_len == 0)
		return "ECT without data";
	if (v->flags & FRAME_SYN && v->flags & (FRAME_FIN | FRAME_RST))
		return "SYN with FIN or RST";
	if (v->flags & FRAME_RST && v->flags & FRAME_FIN)
		return "RST with FIN";
	if (!(v->flags & (FRAME_SYN | FRAME_RST | FRAME_ACK)))
		return "no ACK";
	// RFC 7413 4.2: only with a cookie, and never on a SYN,ACK of ours.
	if (v->flags & FRAME_SYN && v->payload_len && (v->flags & FRAME_ACK || !v->cookie_len))
		return "SYN with data";
	if (v->flags & FRAME_RST && v->payload_len)
		return "RST with data";
	if (v->flags & FRAME_SYN && !v->has_mss)
		return "SYN without MSS";
	if (!(v->flags & FRAME_ACK) && v->ack != 0)
		return "acknowledgment number without ACK";
	return NULL;
}

static const char *check_tcp(const uint8_t *ip, uint32_t tcp_len, enum frame_csum csum,
			     struct frame_view *v)
{
	const uint8_t *tcp = ip + 20;
	uint32_t pseudo = frame_pseudo_sum(v->src, v->dst, 6, tcp_len);
	uint32_t hdr_len = tcp_len < 20 ? 0 : (uint32_t)(tcp[12] >> 4) * 4;
	const char *bad;

	v->kind = FRAME_KIND_TCP;
	if (hdr_len < 20 || hdr_len > tcp_len)
		return "data offset cannot be";
	if (tcp[12] & 15)
		return "reserved bits are set";
	v->tcp_csum = (uint16_t)frame_get16(tcp + 16);
	if (csum == FRAME_CSUM_FULL && frame_sum(pseudo, tcp, tcp_len) != 0xffff)
		return "TCP checksum is wrong";
	if (csum == FRAME_CSUM_PSEUDO && v->tcp_csum != pseudo)
		return "TCP checksum is not the pseudo header's sum";
	v->sport = (uint16_t)frame_get16(tcp);
	v->dport = (uint16_t)frame_get16(tcp + 2);
	v->seq = frame_get32(tcp + 4);
	v->ack = frame_get32(tcp + 8);
	v->flags = tcp[13];
	v->wnd = (uint16_t)frame_get16(tcp + 14);
	v->payload = tcp + hdr_len;
	v->payload_len = tcp_len - hdr_len;
	if (v->sport == 0 || v->dport == 0)
		return "port 0";
	if (frame_get16(tcp + 18) != 0)
		return "urgent pointer is not 0";
	bad = check_options(tcp + 20, hdr_len - 20, v);
	return bad ? bad : check_flags(v);
}

static const char *check_icmp(const uint8_t *icmp, uint32_t icmp_len, struct frame_view *v)
{
	v->kind = FRAME_KIND_ICMP;
	if (icmp_len < 8)
		return "ICMP is cut short";
	if (frame_sum(0, icmp, icmp_len) != 0xffff)
		return "ICMP checksum is wrong";
	v->op = icmp[0];
	v->payload = icmp + 8;
	v->payload_len = icmp_len - 8;
	if (v->tos)
		return "ICMP with a TOS";
	return icmp[0] == 0 && icmp[1] == 0 ? NULL : "ICMP is not an echo reply";
}

static const char *check_ip(const uint8_t *ip, uint32_t len, enum frame_csum csum,
			    struct frame_view *v)
{
	if (len < 20 || ip[0] != 0x45)
		return "IPv4 header is not a plain one";
	if (frame_get16(ip + 2) != len)
		return "total length is not the frame's";
	if (frame_get16(ip + 6) & 0xbfff && ip[9] != 1)
		return "fragmented";
	v->tos = ip[1];
	if (ip[9] == 6 && (v->tos & ~2) != frame_dscp << 2)
		return "TOS is not as it should be";
	if (ip[8] != (ip[9] == 6 ? frame_ttl : 64))
		return "TTL is not as it should be";
	v->ip_csum = (uint16_t)frame_get16(ip + 10);
	if (ip[9] == 1)
		csum = FRAME_CSUM_FULL; // Ports are asked for TCP's alone.
	if (csum == FRAME_CSUM_FULL && frame_sum(0, ip, 20) != 0xffff)
		return "IPv4 checksum is wrong";
	if (csum == FRAME_CSUM_PSEUDO && v->ip_csum != 0)
		return "IPv4 checksum is not left at 0";
	v->src = frame_get32(ip + 12);
	v->dst = frame_get32(ip + 16);
	if (v->src == 0 || v->src >> 28 == 0xe || v->dst == 0 || v->dst >> 28 == 0xe)
		return "address is nobody's or everybody's";
	// Echo replies may be larger than the link. Whoever expects one puts it together.
	if (frame_get16(ip + 6) & 0x3fff) {
		v->kind = FRAME_KIND_ICMP;
		return frame_get16(ip + 6) & 0x4000 ? "a fragment that must not be one" : NULL;
	}
	if (ip[9] == 6)
		return check_tcp(ip, len - 20, csum, v);
	return ip[9] == 1 ? check_icmp(ip + 20, len - 20, v) : "neither TCP nor ICMP";
}

const char *frame_check(const uint8_t *frame, uint32_t len, enum frame_csum csum,
			struct frame_view *v)
{
	*v = (struct frame_view){0};
	if (len < 14)
		return "shorter than an Ethernet header";
	if (frame[6] & 1 || memcmp(frame, frame + 6, 6) == 0)
		return "source MAC cannot be a host's";
	if (frame_get16(frame + 12) == 0x0806)
		return check_arp(frame, len, v);
	if (frame_get16(frame + 12) != 0x0800)
		return "neither IPv4 nor ARP";
	if (frame[0] & 1)
		return "IPv4 to a group";
	return check_ip(frame + 14, len - 14, csum, v);
}
