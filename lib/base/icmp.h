// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// What ICMP errors say of a connection (RFC 792, RFC 1122 3.2.2): types, codes, and which of them
// refuse. Here because the stack, which reads the messages, and the socket layer, which has errno
// for them and may not look into packets, go by the same table.

#include <stdbool.h>
#include <stdint.h>

enum hc_icmp_type {
	HC_ICMP_ECHO_REPLY = 0,
	HC_ICMP_UNREACHABLE = 3,
	HC_ICMP_SOURCE_QUENCH = 4,
	HC_ICMP_ECHO = 8,
	HC_ICMP_TIME_EXCEEDED = 11,
	HC_ICMP_PARAMETER_PROBLEM = 12,
};

// Of HC_ICMP_UNREACHABLE.
enum hc_icmp_code {
	HC_ICMP_CODE_NET = 0,
	HC_ICMP_CODE_HOST = 1,
	HC_ICMP_CODE_PROTOCOL = 2,
	HC_ICMP_CODE_PORT = 3,
	HC_ICMP_CODE_TOO_BIG = 4,
	HC_ICMP_CODE_NET_UNKNOWN = 6,
	HC_ICMP_CODE_NET_PROHIBITED = 9, // Administratively, as the two below.
	HC_ICMP_CODE_HOST_PROHIBITED = 10,
	HC_ICMP_CODE_NET_TOS = 11, // For this type of service.
	HC_ICMP_CODE_PROHIBITED = 13,
};

// Whether it quotes a packet of which it says that it did not arrive.
static inline bool hc_icmp_is_error(uint32_t type)
{
	return type == HC_ICMP_UNREACHABLE || type == HC_ICMP_TIME_EXCEEDED ||
	       type == HC_ICMP_PARAMETER_PROBLEM;
}

// RFC 1122 4.2.3.9 calls 2 and 3 hard, and RFC 5461 4 keeps that for connections not yet there. RFC
// 1122 3.2.2.1 leaves open what 9, 10 and what came later say; nobody would answer them by itself.
static inline bool hc_icmp_is_refusal(uint32_t type, uint32_t code)
{
	const uint32_t refusals = 1u << HC_ICMP_CODE_PROTOCOL | 1u << HC_ICMP_CODE_PORT |
				  1u << HC_ICMP_CODE_NET_PROHIBITED |
				  1u << HC_ICMP_CODE_HOST_PROHIBITED |
				  1u << HC_ICMP_CODE_PROHIBITED;

	return type == HC_ICMP_UNREACHABLE && code <= HC_ICMP_CODE_PROHIBITED &&
	       refusals >> code & 1;
}

// Whether it is a whole net that is not reached.
static inline bool hc_icmp_is_of_net(uint32_t type, uint32_t code)
{
	return type == HC_ICMP_UNREACHABLE &&
	       (code == HC_ICMP_CODE_NET || code == HC_ICMP_CODE_NET_UNKNOWN ||
		code == HC_ICMP_CODE_NET_TOS);
}
