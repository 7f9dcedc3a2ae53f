// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A port whose wire is in somebody's hands: the stack sees an ordinary ethdev port of one queue,
// and the holder puts frames into to_port and takes those sent from from_port. The simulation joins
// two of them by the impairment wire (impair.h); tests of the pipeline feed frames by hand.
//
// hc_port_stop() frees the frames in both rings. With several such ports, stop all before any is
// closed: one's buffers may lie in another's rings.

#include <handclasp/runtime.h>

struct rte_ring;

struct hc_sim_port {
	struct hc_port *port;
	struct rte_ring *to_port;   // What the port will receive. One sender.
	struct rte_ring *from_port; // What the port has sent. One receiver.
};

// cfg->device names the port in results, cfg->queue_count is 1. Close it by
// hc_port_close(sp->port).
// @return 0; -EINVAL, -ENOMEM, -EIO with a sentence in `why`.
HC_MUST_USE int hc_sim_port_open(struct hc_runtime *rt, const struct hc_port_config *cfg,
				 struct hc_sim_port *sp, char why[HC_WHY_SIZE]);
