// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Offsets and constants of Ethernet II, ARP (RFC 826), IPv4 (RFC 791), ICMP (RFC 792) and TCP (RFC
// 9293 3.1). Headers are read and written by offset with hc_load*/hc_store*, never through structs
// laid over packet memory. ICMP's types and codes are base/icmp.h's.

#include "base/icmp.h"

enum {
	HC_ETH_LEN = 14,
	HC_ETH_DST = 0,
	HC_ETH_SRC = 6,
	HC_ETH_TYPE = 12,
	HC_ETH_MIN_FRAME = 60,      // Without FCS.
	HC_ETHERTYPE_VLAN = 0x8100, // IEEE 802.1Q.
	HC_ETHERTYPE_QINQ = 0x88a8, // IEEE 802.1ad.
	HC_ETHERTYPE_IP4 = 0x0800,
	HC_ETHERTYPE_ARP = 0x0806,

	HC_ARP_LEN = 28, // Offsets from the start of the ARP packet.
	HC_ARP_HTYPE = 0,
	HC_ARP_PTYPE = 2,
	HC_ARP_HLEN = 4,
	HC_ARP_PLEN = 5,
	HC_ARP_OP = 6,
	HC_ARP_SHA = 8,
	HC_ARP_SPA = 14,
	HC_ARP_THA = 18,
	HC_ARP_TPA = 24,
	HC_ARP_REQUEST = 1,
	HC_ARP_REPLY = 2,

	HC_IP4_LEN = 20, // Without options. Offsets from the start of the IP header.
	HC_IP4_VER_IHL = 0,
	HC_IP4_TOS = 1,
	HC_IP4_TOTAL_LEN = 2,
	HC_IP4_ID = 4,
	HC_IP4_FRAG = 6,
	HC_IP4_TTL = 8,
	HC_IP4_PROTO = 9,
	HC_IP4_CSUM = 10,
	HC_IP4_SRC = 12,
	HC_IP4_DST = 16,
	HC_IP4_DF = 0x4000,
	HC_IP4_MF = 0x2000,
	HC_IP4_OFFSET_MASK = 0x1fff,
	HC_ECN_ECT0 = 2, // The low two bits of TOS (RFC 3168 5).
	HC_ECN_CE = 3,
	HC_IPPROTO_ICMP = 1,
	HC_IPPROTO_TCP = 6,

	HC_ICMP_LEN = 8, // Offsets from the start of the ICMP message.
	HC_ICMP_TYPE = 0,
	HC_ICMP_CODE = 1,
	HC_ICMP_CSUM = 2,
	HC_ICMP_MTU = 6, // Of the next hop, in "fragmentation needed" (RFC 1191 4).

	HC_TCP_LEN = 20, // Without options. Offsets from the start of the TCP header.
	HC_TCP_LEN_MAX = 60,
	HC_TCP_SPORT = 0,
	HC_TCP_DPORT = 2,
	HC_TCP_SEQ = 4,
	HC_TCP_ACKNO = 8,
	HC_TCP_OFFSET = 12,
	HC_TCP_FLAGS = 13,
	HC_TCP_WND = 14,
	HC_TCP_CSUM = 16,
	HC_TCP_URP = 18,

	HC_TCPOPT_EOL = 0,
	HC_TCPOPT_NOP = 1,
	HC_TCPOPT_MSS = 2,
	HC_TCPOPT_WSCALE = 3,
	HC_TCPOPT_SACK_PERMITTED = 4,
	HC_TCPOPT_SACK = 5,
	HC_TCPOPT_TIMESTAMPS = 8,
	HC_TCPOPT_FASTOPEN = 34,
	HC_FASTOPEN_COOKIE_MIN = 4, // RFC 7413 4.1.1.
	HC_FASTOPEN_COOKIE_MAX = 16,

	HC_TTL_DEFAULT = 64, // RFC 1122 3.2.1.7 asks for it to be set, not to what.
	HC_DSCP_MAX = 63,
	HC_MSS_DEFAULT = 536, // RFC 9293 3.7.1 MUST-15.
	HC_WSCALE_MAX = 14,   // RFC 7323 2.3.
};

#define HC_SACK_BLOCKS_MAX 4u // What 40 bytes of options have room for; 3 beside timestamps.
#define HC_SACK_LEN(count) (4u + 8u * (count)) // Of the option with so many, two NOPs before it.

// The first word of the options of almost every segment with timestamps: NOP, NOP, kind 8, length
// 10 (RFC 7323 appendix A).
#define HC_TCPOPT_TS_WORD                                                                          \
	((uint32_t)HC_TCPOPT_NOP << 24 | HC_TCPOPT_NOP << 16 | HC_TCPOPT_TIMESTAMPS << 8 | 10u)

// The same word in a SYN that permits SACK: kind 4, length 2 take the place of the NOPs, as Linux
// does it.
#define HC_TCPOPT_SACK_TS_WORD                                                                     \
	((uint32_t)HC_TCPOPT_SACK_PERMITTED << 24 | 2u << 16 | HC_TCPOPT_TIMESTAMPS << 8 | 10u)
