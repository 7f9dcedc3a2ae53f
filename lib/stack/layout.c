// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The order of options in our SYNs. Which options there are RFC 9293 and RFC 7323 say, their order
// nobody: systems have their habits, and what inspects or tests traffic knows systems by them. The
// builder writes one order; a stack that is to look like another has its SYNs rearranged here when
// they leave, which costs every other stack one question a burst.
//
//     built      MSS; NOP, window scale; Fast Open; SACK permitted, timestamps
//     linux      MSS; SACK permitted, timestamps; NOP, window scale; Fast Open, padded behind
//     freebsd    as built, but Fast Open comes last, and without timestamps SACK permitted, and
//                whatever comes last, is padded behind, not before
//
// What is moved lies on even offsets before and after, so the sum stays what it is.

#include "stack/tx.h"

#define OPTIONS_AT   (HC_ETH_LEN + HC_IP4_LEN + HC_TCP_LEN)
#define BEHIND_MSS   4u
#define WSCALE_BYTES 4u // With the NOP before it.
#define SACK_BYTES   4u // With the NOPs before it.

#define FASTOPEN_BYTES_MAX ((2u + HC_FASTOPEN_COOKIE_MAX + 3u) & ~3u)

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

static uint32_t wscale_len(const uint8_t *opt, uint32_t len)
{
	return len >= WSCALE_BYTES && opt[0] == HC_TCPOPT_NOP && opt[1] == HC_TCPOPT_WSCALE
		       ? WSCALE_BYTES
		       : 0;
}

// Copies a Fast Open option that stands here, and pads it behind: with the NOPs before it, or with
// ends of the list. @return its bytes in whole words, 0 when there is none. *padding is how many of
// them came from before it: none when it has been laid out already.
static uint32_t fastopen_take(const uint8_t *opt, uint32_t len, uint8_t *out, uint32_t *padding,
			      uint8_t pad)
{
	uint32_t nops = 0, bytes, whole;

	while (nops < 3 && nops < len && opt[nops] == HC_TCPOPT_NOP)
		nops++;
	if (nops + 2 > len || opt[nops] != HC_TCPOPT_FASTOPEN)
		return 0;
	bytes = opt[nops + 1];
	whole = (bytes + 3) & ~3u;
	if (whole > len || whole > FASTOPEN_BYTES_MAX || nops + bytes > len)
		return 0;
	memset(out, pad, whole);
	memcpy(out, opt + nops, bytes);
	*padding = nops;
	return whole;
}

// Puts the `n` bytes in `moved`, which stand at `at`, behind all others.
static void move_to_end(uint8_t *opt, uint32_t len, uint32_t at, const uint8_t *moved, uint32_t n)
{
	memmove(opt + at, opt + at + n, len - at - n);
	memcpy(opt + len - n, moved, n);
}

// A frame that waits for the port comes here again, and stays as it is.
static void lay_out_linux(uint8_t *opt, uint32_t len)
{
	uint8_t moved[WSCALE_BYTES + FASTOPEN_BYTES_MAX];
	uint32_t n = wscale_len(opt + BEHIND_MSS, len - BEHIND_MSS);
	uint32_t padding;

	memcpy(moved, opt + BEHIND_MSS, n);
	n += fastopen_take(opt + BEHIND_MSS + n, len - BEHIND_MSS - n, moved + n, &padding,
			   HC_TCPOPT_NOP);
	move_to_end(opt, len, BEHIND_MSS, moved, n);
}

// RFC 1624: a word of two NOPs has left the sum.
static void two_nops_left(uint8_t *tcp)
{
	uint64_t sum = (uint16_t)~hc_load16(tcp + HC_TCP_CSUM);

	hc_store16(tcp + HC_TCP_CSUM, hc_csum_finish(sum + (uint16_t)~0x0101u));
}

static void lay_out_freebsd(uint8_t *tcp, uint32_t len, bool has_sum)
{
	static const uint8_t built[SACK_BYTES] = {HC_TCPOPT_NOP, HC_TCPOPT_NOP,
						  HC_TCPOPT_SACK_PERMITTED, 2};
	static const uint8_t wanted[SACK_BYTES] = {HC_TCPOPT_SACK_PERMITTED, 2, HC_TCPOPT_EOL,
						   HC_TCPOPT_EOL};
	uint8_t *opt = tcp + HC_TCP_LEN;
	uint8_t *last = opt + len - SACK_BYTES;
	uint32_t at = BEHIND_MSS + wscale_len(opt + BEHIND_MSS, len - BEHIND_MSS);
	uint8_t moved[FASTOPEN_BYTES_MAX];
	uint32_t padding = 0;
	uint32_t n = fastopen_take(opt + at, len - at, moved, &padding, HC_TCPOPT_EOL);

	if (n) {
		move_to_end(opt, len, at, moved, n);
	} else if (len >= BEHIND_MSS + SACK_BYTES && memcmp(last, built, SACK_BYTES) == 0) {
		memcpy(last, wanted, SACK_BYTES);
		padding = 2;
	}
	// Cookies have even lengths, so it is two of them or none.
	if (padding && has_sum && !HC_FAULT(padding_not_in_the_sum))
		two_nops_left(tcp);
}

void hc_tx_lay_out(struct hc_worker *w)
{
	for (unsigned i = 0; i < w->tx_count; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(w->tx[i], uint8_t *);
		uint32_t len = syn_options_len(w->tx[i], frame);

		if (len < BEHIND_MSS)
			continue;
		if (w->cfg.syn_layout == HC_SYN_LAYOUT_LINUX)
			lay_out_linux(frame + OPTIONS_AT, len);
		else
			lay_out_freebsd(frame + HC_ETH_LEN + HC_IP4_LEN, len, !w->has_tx_csum);
	}
}
