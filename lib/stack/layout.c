// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The order of options in our SYNs. Which options there are RFC 9293 and RFC 7323 say, their order
// nobody: systems have their habits, and what inspects or tests traffic knows systems by them. The
// builder writes one order; a stack that is to look like another has its SYNs rearranged here when
// they leave, which costs every other stack one question a burst.
//
//     built      MSS; NOP, window scale; SACK permitted, timestamps
//     linux      MSS; SACK permitted, timestamps; NOP, window scale
//     freebsd    as built, but without timestamps SACK permitted is padded behind, not before
//
// What is moved lies on even offsets before and after, so the sum stays what it is.

#include "stack/tx.h"

#define OPTIONS_AT   (HC_ETH_LEN + HC_IP4_LEN + HC_TCP_LEN)
#define BEHIND_MSS   4u
#define WSCALE_BYTES 4u // With the NOP before it.
#define SACK_BYTES   4u // With the NOPs before it.

// The length of the options of a SYN that the builder wrote, 0 for any other frame.
static uint32_t syn_options_len(const struct rte_mbuf *m, const uint8_t *frame)
{
	const uint8_t *tcp = frame + HC_ETH_LEN + HC_IP4_LEN;

	if (m->data_len <= OPTIONS_AT ||
	    hc_load_be16(frame + HC_ETH_TYPE) != hc_to_be16(HC_ETHERTYPE_IP4) ||
	    frame[HC_ETH_LEN + HC_IP4_PROTO] != HC_IPPROTO_TCP || !(tcp[HC_TCP_FLAGS] & HC_TCP_SYN))
		return 0;
	return (tcp[HC_TCP_OFFSET] >> 4) * 4u - HC_TCP_LEN;
}

// Behind the options that come before the window scale with Linux.
static uint32_t wscale_place(const uint8_t *opt, uint32_t at, uint32_t len)
{
	while (at + 1 < len) {
		if (opt[at] == HC_TCPOPT_NOP)
			at++;
		else if (opt[at] == HC_TCPOPT_SACK_PERMITTED || opt[at] == HC_TCPOPT_TIMESTAMPS)
			at += opt[at + 1];
		else
			break;
	}
	return at;
}

static void lay_out_linux(uint8_t *opt, uint32_t len)
{
	uint32_t wscale = BEHIND_MSS;
	uint8_t moved[WSCALE_BYTES];
	uint32_t end;

	// Once moved, a frame that waits for the port is left alone.
	if (len < wscale + WSCALE_BYTES || opt[wscale] != HC_TCPOPT_NOP ||
	    opt[wscale + 1] != HC_TCPOPT_WSCALE)
		return;
	end = wscale_place(opt, wscale + WSCALE_BYTES, len);
	memcpy(moved, opt + wscale, WSCALE_BYTES);
	memmove(opt + wscale, opt + wscale + WSCALE_BYTES, end - wscale - WSCALE_BYTES);
	memcpy(opt + end - WSCALE_BYTES, moved, WSCALE_BYTES);
}

static void lay_out_freebsd(uint8_t *tcp, uint32_t len, bool has_sum)
{
	static const uint8_t built[SACK_BYTES] = {HC_TCPOPT_NOP, HC_TCPOPT_NOP,
						  HC_TCPOPT_SACK_PERMITTED, 2};
	static const uint8_t wanted[SACK_BYTES] = {HC_TCPOPT_SACK_PERMITTED, 2, HC_TCPOPT_EOL,
						   HC_TCPOPT_EOL};
	uint8_t *last = tcp + HC_TCP_LEN + len - SACK_BYTES;

	if (len < BEHIND_MSS + SACK_BYTES || memcmp(last, built, SACK_BYTES) != 0)
		return;
	memcpy(last, wanted, SACK_BYTES);
	if (has_sum && !HC_FAULT(padding_not_in_the_sum)) {
		// RFC 1624: a word of two NOPs has left the sum.
		uint64_t sum = (uint16_t)~hc_load16(tcp + HC_TCP_CSUM);

		hc_store16(tcp + HC_TCP_CSUM, hc_csum_finish(sum + (uint16_t)~0x0101u));
	}
}

void hc_tx_lay_out(struct hc_worker *w)
{
	for (unsigned i = 0; i < w->tx_count; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(w->tx[i], uint8_t *);
		uint32_t len = syn_options_len(w->tx[i], frame);

		if (len == 0)
			continue;
		if (w->cfg.syn_layout == HC_SYN_LAYOUT_LINUX)
			lay_out_linux(frame + OPTIONS_AT, len);
		else
			lay_out_freebsd(frame + HC_ETH_LEN + HC_IP4_LEN, len, !w->has_tx_csum);
	}
}
