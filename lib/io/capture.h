// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Writes frames to a capture file that tshark and friends read: pcapng with nanosecond times,
// Ethernet. Buffered file output, so for tests and simulation, not for a worker at full rate. A
// full disk is told at the end, not per frame.

#include "base/base.h"

struct rte_mbuf;
struct hc_capture;

// Creates or empties the file. @return NULL with errno set.
struct hc_capture *hc_capture_open(const char *path);

// Writes one frame, chained or not, with the time as given. At most 65535 bytes of it.
void hc_capture_frame(struct hc_capture *c, uint64_t now_ns, const struct rte_mbuf *m);

// Frames written so far.
uint64_t hc_capture_count(const struct hc_capture *c);

// @return 0, or -EIO if something could not be written.
HC_MUST_USE int hc_capture_close(struct hc_capture *c);
