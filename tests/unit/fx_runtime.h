// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The one runtime of a test program: EAL starts once per process. Two workers, ordinary memory, no
// root, no card. It starts with the first test that wants it and stops when the program ends.

#include <handclasp/runtime.h>

struct rte_mbuf;

// The two ends of memifs whose sockets are abstract ones of this process. DPDK keeps the server's
// socket when its port is closed, so each test that opens one has a memif of its own.
extern char fx_memif_server[64];
extern char fx_memif_client[64];
extern char fx_memif_lost_server[64];
extern char fx_memif_lost_client[64];
extern char fx_memif_late_client[64]; // Its server is the test's.

// @return the runtime; ends the program when there is none.
struct hc_runtime *fx_runtime(void);

// A frame of `len` bytes out of the pool of queue 0: byte i is first + i. Fails the test without.
struct rte_mbuf *fx_frame(const struct hc_port *port, unsigned len, unsigned first);
