// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/**
 * @file
 * The words every other header uses: scalars, handles, limits and the attribute macros.
 *
 * Addresses and ports in this interface are in host byte order unless their type is hc_be16 or
 * hc_be32. Times carry their unit in their name. Nothing here includes a DPDK header: an
 * application needs libc and these headers alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__CHECKER__)
#define HC_BITWISE __attribute__((bitwise))
#else
#define HC_BITWISE
#endif

/** Values in network byte order. */
typedef uint16_t HC_BITWISE hc_be16;
typedef uint32_t HC_BITWISE hc_be32;

/** The result of this call can be a refusal, so it has to be looked at. */
#define HC_MUST_USE __attribute__((warn_unused_result))

/**
 * A connection: the index of its control block and the generation of that block. A handle whose
 * connection has ended is stale; every call refuses a stale handle and never follows it. 0 is no
 * connection.
 */
typedef uint64_t hc_conn;
#define HC_CONN_NONE ((hc_conn)0)

struct hc_worker;  /**< One lcore's share-nothing stack (stack.h). */
struct hc_runtime; /**< The process's hold on DPDK (runtime.h). */
struct hc_port;    /**< A configured ethdev port (runtime.h). */

/** An IPv4 network: addr is in host order, len 0..32. A len of 0 with addr 0 means "none". */
struct hc_prefix {
	uint32_t addr;
	uint8_t len;
};

#ifdef __cplusplus
}
#endif
