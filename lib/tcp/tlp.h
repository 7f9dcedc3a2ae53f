// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Tail loss probes (RFC 8985 7): when the last segments of a flight are lost, no ACK tells of it.
// Instead of waiting for the retransmission timeout, which then takes the congestion window down to
// one segment, a connection with SACK sends one more segment after two round trips, new if there is
// one and else its last again; the answer shows what was lost, and RACK and SACK repair it.
//
// The timer is the retransmission timer's. What it is armed for is not noted but asked again when
// it goes off: hc_tlp_may() is whether it is a probe's. So a request or a response of one segment
// pays nothing: its PTO, 2 SRTT and the delay that its ACK may have (RFC 8985 7.2: max_ack_delay,
// here the least retransmission timeout), is not below its RTO as good as ever, and "a TLP is sent
// at that RTO time": the timer is armed as it always was, and only its going off is different.

#include "tcp/cc.h"
#include "tcp/output.h"
#include "tcp/recovery.h"

// Whether the timer of what is in flight is a probe's: SACK, nothing known to be lost or SACKed, no
// timeout yet, and no probe since the last RTT measurement (RFC 8985 7.2, 7.3).
bool hc_tlp_may(const struct hc_tcb *t, const struct hc_tcb_cold *c, const struct hc_tcp_env *env);

// TLP_calc_PTO(), in milliseconds.
uint32_t hc_tlp_delay_ms(const struct hc_tcb *t, const struct hc_tcb_cold *c,
			 const struct hc_tcp_env *env);

// The timer went off, and hc_tlp_may(). @return the verdict's actions.
uint32_t hc_tlp_timeout(struct hc_tcb_cold *c);

// TLP_send_probe(): plans the probe and takes it as sent. @return false when the peer's window has
// no room for any.
bool hc_tlp_plan(struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_tcp_env *env,
		 struct hc_send_plan *plan);

// TLP_process_ack(), with HC_SWITCH_TLP: an acceptable ACK that advanced SND.UNA, or did not, maybe
// with a D-SACK in its first block.
void hc_tlp_input(const struct hc_tcb *t, struct hc_tcb_cold *c, const struct hc_seg *seg,
		  const struct hc_tcp_env *env, bool advances, bool has_dsack);

// TLP_init(): a recovery begins.
HC_ALWAYS_INLINE void hc_tlp_reset(struct hc_tcb_cold *c)
{
	c->cc.has_probe = false;
}
