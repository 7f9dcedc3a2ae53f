// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// SEGMENT ARRIVES by table: every state, all 64 combinations of the control bits, sequence numbers
// at and around both edges of the window, acknowledgements at and around both ends of what is in
// flight, with and without text, open and closed window, timestamps good, old and missing, at three
// places of the sequence space. The expectation comes from an oracle that is written here, slowly
// and literally, from RFC 9293 3.10.7, RFC 5961 and RFC 7323 5.3, on 64-bit offsets on which
// nothing wraps. After each step the verdict and both halves of the TCB are compared.

#include "tcp/syn.h"
#include "tcp/tw.h"

#include "fx_tcp.h"

#include <stdio.h>

// What a step should give.
struct expect {
	struct fx_conn next;
	uint32_t what;
	enum hc_counter drop;
	enum hc_reason reason;
	bool is_challenge;    // Counted as a challenge ACK.
	uint16_t payload_len; // With HC_DO_DELIVER.
	uint16_t payload_off;
};

enum ts_case { TS_NONE, TS_SAME, TS_NEWER, TS_OLDER, TS_MISSING, TS_CASES };

// One row of the table.
struct row {
	uint8_t flags;
	uint16_t payload_len;
	int64_t seq_off; // SEG.SEQ - RCV.NXT.
	enum ts_case ts;
};

static const char *const ts_names[TS_CASES] = {"none", "same", "newer", "older", "missing"};

static void apply_ts(struct hc_seg *seg, enum ts_case ts, uint32_t ts_recent)
{
	seg->opts &= (uint8_t)~HC_OPT_TIMESTAMPS;
	if (ts == TS_NONE || ts == TS_MISSING)
		return;
	seg->opts |= HC_OPT_TIMESTAMPS;
	seg->tsval = ts_recent + (ts == TS_NEWER) - (ts == TS_OLDER);
}

// Stops a broken table from printing a million lines a state.
static const char *failed_where;
static unsigned failed_count;

static bool has_failed_enough(const char *where)
{
	return failed_where == where && failed_count > 10;
}

static void report(const char *what, const char *where, const struct row *r, uint64_t actual,
		   uint64_t expected)
{
	char text[256];

	failed_count = failed_where == where ? failed_count + 1 : 1;
	failed_where = where;
	snprintf(text, sizeof text, "%s in %s: flags 0x%02x seq %+lld len %u ts %s", what, where,
		 r->flags, (long long)r->seq_off, r->payload_len, ts_names[r->ts]);
	unit_check_eq(actual, expected, text, __FILE__, __LINE__);
}

static void drop(struct expect *e, uint32_t what, enum hc_counter counter)
{
	e->what = what;
	e->drop = counter;
}

static void challenge(struct expect *e, enum hc_counter counter)
{
	drop(e, HC_DO_ACK, counter);
	e->is_challenge = true;
}

// RFC 5961 3.2, in its order; false when the segment has no RST.
static bool expect_rst(struct expect *e, const struct hc_seg *seg, int64_t off, int64_t wnd)
{
	if (!(seg->flags & HC_TCP_RST))
		return false;
	if (off == 0) {
		bool is_refused = e->next.t.state == HC_SYN_RCVD;

		e->what = (is_refused ? HC_DO_FAILED : HC_DO_RESET) | HC_DO_FREE;
		e->reason = is_refused ? HC_REASON_REFUSED : HC_REASON_RESET;
	} else if (off > 0 && off < wnd) {
		challenge(e, HC_CTR_tcp_rst_challenged);
	} else {
		drop(e, 0, HC_CTR_tcp_rst_out_of_window);
	}
	return true;
}

// RFC 9293 table 6.
static bool is_acceptable(int64_t off, int64_t len, int64_t wnd)
{
	if (len == 0 && wnd == 0)
		return off == 0;
	if (len == 0)
		return 0 <= off && off < wnd;
	if (wnd == 0)
		return false;
	return (0 <= off && off < wnd) || (0 <= off + len - 1 && off + len - 1 < wnd);
}

// Fifth, in SYN-RECEIVED; false when the segment ends there.
static bool expect_ack_of_syn(struct expect *e, const struct hc_seg *seg, int64_t ack, int64_t nxt)
{
	struct fx_conn *x = &e->next;

	if (!(0 < ack && ack <= nxt)) {
		drop(e, HC_DO_RST_REPLY, HC_CTR_tcp_ack_unsent);
		return false;
	}
	x->t.state = HC_ESTABLISHED;
	x->t.snd_una = seg->ack;
	x->t.snd_wnd = (uint32_t)seg->wnd << x->c.snd_wscale;
	if (x->t.snd_wnd > x->c.snd_wnd_max)
		x->c.snd_wnd_max = x->t.snd_wnd;
	x->c.snd_wl1 = seg->seq;
	x->c.snd_wl2 = seg->ack;
	x->c.srtt_us = 2000; // RFC 6298 2.2, of 2 ms.
	x->c.rttvar_us = 1000;
	x->c.rto_ms = 200;
	e->what |= HC_DO_OPENED | HC_DO_TIMER_OFF;
	return true;
}

static void expect_fin_acked(struct expect *e)
{
	e->what |= HC_DO_FIN_ACKED;
	if (e->next.t.state == HC_FIN_WAIT_1) {
		e->next.t.state = HC_FIN_WAIT_2;
	} else if (e->next.t.state == HC_CLOSING) {
		e->next.t.state = HC_TIME_WAIT;
		e->what |= HC_DO_CLOSED | HC_DO_TIME_WAIT;
	} else {
		e->what |= HC_DO_CLOSED | HC_DO_FREE;
	}
}

// Fifth, in the synchronized states; false when the segment ends there. Of ours, no more than the
// FIN is in flight.
static bool expect_ack(struct expect *e, const struct hc_seg *seg, int64_t ack, int64_t nxt)
{
	struct fx_conn *x = &e->next;

	if (ack > nxt) {
		drop(e, HC_DO_ACK, HC_CTR_tcp_ack_unsent);
		return false;
	}
	if (ack < -(int64_t)x->c.snd_wnd_max) {
		challenge(e, HC_CTR_tcp_ack_too_old); // RFC 5961 5.2.
		return false;
	}
	if (ack > 0) {
		x->t.snd_una = seg->ack;
		x->t.flags &= (uint16_t)~HC_TCB_TIMING;
		e->what |= HC_DO_TIMER_OFF;
	}
	if (ack >= 0) {
		int64_t newer = (int32_t)(seg->seq - x->c.snd_wl1);

		// A larger ACK is the peer's latest word, also with text sent again.
		if (ack > 0 || newer > 0 ||
		    (newer == 0 && (int32_t)(seg->ack - x->c.snd_wl2) >= 0)) {
			x->t.snd_wnd = (uint32_t)seg->wnd << x->c.snd_wscale;
			if (x->t.snd_wnd > x->c.snd_wnd_max)
				x->c.snd_wnd_max = x->t.snd_wnd;
			if (newer > 0)
				x->c.snd_wl1 = seg->seq;
			x->c.snd_wl2 = seg->ack;
		}
	}
	if (nxt > 0 && ack == nxt) {
		expect_fin_acked(e);
		if (e->what & (HC_DO_FREE | HC_DO_TIME_WAIT)) {
			// The end; nobody is left to say that text did not fit.
			e->what &= ~(uint32_t)HC_DO_ACK;
			return false;
		}
	}
	return true;
}

// Seventh and eighth.
static void expect_text(struct expect *e, const struct hc_seg *seg, int64_t off, int64_t wnd)
{
	struct fx_conn *x = &e->next;
	int64_t len = seg->payload_len;
	bool has_fin = seg->flags & HC_TCP_FIN;

	if (len == 0 && !has_fin)
		return;
	if (x->t.state == HC_CLOSE_WAIT || x->t.state == HC_CLOSING || x->t.state == HC_LAST_ACK) {
		e->what |= HC_DO_ACK;
		return;
	}
	if (off > 0) {
		e->what |= HC_DO_ACK | HC_DO_HOLD;
		return;
	}
	len += off; // What was there before is cut off, ...
	e->payload_off = (uint16_t)(seg->payload_off - off);
	if (len > wnd) { // ... what does not fit, too.
		len = wnd;
		has_fin = false;
	}
	e->payload_len = (uint16_t)len;
	if (len > 0) {
		x->t.flags |= HC_TCB_DATA;
		x->t.rcv_nxt += (uint32_t)len;
		x->c.rcv_used += (uint32_t)len;
		e->what |= HC_DO_DELIVER | HC_DO_ACK;
	}
	if (!has_fin)
		return;
	x->t.rcv_nxt++;
	if (len == wnd)
		x->t.rcv_edge++; // A FIN behind a full window is let in.
	e->what |= HC_DO_ACK;
	switch (x->t.state) {
	case HC_ESTABLISHED:
		x->t.state = HC_CLOSE_WAIT;
		e->what |= HC_DO_PEER_CLOSED;
		break;
	case HC_FIN_WAIT_1:
		x->t.state = HC_CLOSING;
		e->what |= HC_DO_PEER_CLOSED;
		break;
	default:
		x->t.state = HC_TIME_WAIT;
		e->what |= HC_DO_CLOSED | HC_DO_TIME_WAIT | HC_DO_TIMER_OFF;
		break;
	}
}

static bool is_ack_acceptable(const struct fx_conn *x, int64_t ack, int64_t nxt)
{
	if (x->t.state == HC_SYN_RCVD)
		return 0 < ack && ack <= nxt;
	return ack <= nxt && ack >= -(int64_t)x->c.snd_wnd_max; // RFC 5961 5.2.
}

// 3.10.7.4. e->next is the TCB before the segment.
static void expect_other(struct expect *e, struct hc_seg seg)
{
	struct fx_conn *x = &e->next;
	int64_t wnd = (uint32_t)(x->t.rcv_edge - x->t.rcv_nxt);
	int64_t nxt = (uint32_t)(x->t.snd_nxt - x->t.snd_una);
	int64_t ack = (int32_t)(seg.ack - x->t.snd_una);
	int64_t off, len;

	// "Trimming off any portions that lie outside the window (including SYN and FIN)": the SYN
	// that comes again with the ACK of ours, in a simultaneous open.
	if (x->t.state == HC_SYN_RCVD && seg.seq == x->c.irs &&
	    (seg.flags & (HC_TCP_SYN | HC_TCP_ACK | HC_TCP_RST)) == (HC_TCP_SYN | HC_TCP_ACK)) {
		seg.seq++;
		seg.flags &= (uint8_t)~HC_TCP_SYN;
		seg.wnd >>= x->c.snd_wscale; // RFC 7323 2.2.
	}
	off = (int32_t)(seg.seq - x->t.rcv_nxt);
	len = seg.payload_len + !!(seg.flags & HC_TCP_SYN) + !!(seg.flags & HC_TCP_FIN);

	if (expect_rst(e, &seg, off, wnd))
		return;
	if (x->t.flags & HC_TCB_TS) {
		if (!(seg.opts & HC_OPT_TIMESTAMPS)) {
			drop(e, 0, HC_CTR_tcp_no_timestamp);
			return;
		}
		if ((int32_t)(seg.tsval - x->t.ts_recent) < 0) {
			drop(e, HC_DO_ACK, HC_CTR_tcp_paws);
			return;
		}
	}
	if (!is_acceptable(off, len, wnd)) {
		// The allowance for valid ACKs when the window is closed; a FIN alone needs no
		// buffer.
		if (wnd != 0 || off != 0 || seg.flags & HC_TCP_SYN) {
			drop(e, HC_DO_ACK, HC_CTR_tcp_out_of_window);
			return;
		}
		if (seg.payload_len) {
			seg.payload_len = 0;
			seg.flags &= (uint8_t)~HC_TCP_FIN;
			e->what |= HC_DO_ACK;
		}
	}
	if (seg.flags & HC_TCP_SYN) {
		challenge(e, HC_CTR_tcp_syn_challenged); // RFC 5961 4.2.
		return;
	}
	if (!(seg.flags & HC_TCP_ACK)) {
		drop(e, 0, HC_CTR_tcp_no_ack);
		return;
	}
	// TS.Recent is that of the last segment whose ACK was acceptable as well.
	if (x->t.flags & HC_TCB_TS && off <= 0 && is_ack_acceptable(x, ack, nxt))
		x->t.ts_recent = seg.tsval;
	if (!(x->t.state == HC_SYN_RCVD ? expect_ack_of_syn : expect_ack)(e, &seg, ack, nxt))
		return;
	expect_text(e, &seg, off, wnd);
}

// 3.10.7.3.
static void expect_syn_sent(struct expect *e, const struct hc_seg *seg)
{
	struct fx_conn *x = &e->next;
	bool has_ack = seg->flags & HC_TCP_ACK;
	bool has_rst = seg->flags & HC_TCP_RST;

	if (has_ack && seg->ack != x->c.iss + 1) {
		drop(e, has_rst ? 0 : HC_DO_RST_REPLY, HC_CTR_tcp_syn_sent_bad);
		return;
	}
	if (has_rst && has_ack) {
		e->what = HC_DO_FAILED | HC_DO_FREE;
		e->reason = HC_REASON_REFUSED;
		return;
	}
	if (has_rst || !(seg->flags & HC_TCP_SYN)) {
		drop(e, 0, HC_CTR_tcp_syn_sent_bad);
		return;
	}
	// The fixture of the next state has the story's ISS and IRS in it.
	{
		struct fx_story s = {.iss = x->c.iss,
				     .irs = seg->seq,
				     .has_ts = seg->opts & HC_OPT_TIMESTAMPS,
				     .flags = x->t.flags};
		uint32_t tsval = seg->tsval;

		*x = has_ack ? fx_established(&s) : fx_syn_rcvd(&s);
		if (s.has_ts)
			x->t.ts_recent = tsval;
		x->c.snd_wl2 = seg->ack;
		e->what = has_ack ? HC_DO_OPENED | HC_DO_TIMER_OFF | HC_DO_ACK
				  : HC_DO_SYNACK | HC_DO_TIMER_RTX;
	}
	// "If there are other controls or text in the segment, then continue at the sixth step."
	if (has_ack)
		expect_text(e, seg, 0, (uint32_t)(x->t.rcv_edge - x->t.rcv_nxt));
}

static void check_step(const char *where, const struct row *r, const struct fx_conn *before,
		       const struct hc_seg *seg_before)
{
	struct hc_tcp_env env = fx_env();
	struct hc_seg seg = *seg_before;
	struct fx_conn x = *before;
	struct expect e;
	const char *field;
	hc_verdict v;

	memset(&e, 0, sizeof e);
	e.next = *before;
	if (before->t.state == HC_SYN_SENT)
		expect_syn_sent(&e, seg_before);
	else
		expect_other(&e, *seg_before);
	v = hc_tcp_input(&x.t, &x.c, &seg, &env);

	if (fx_what(v) != e.what)
		report("actions", where, r, fx_what(v), e.what);
	if (hc_verdict_drop_of(v) != e.drop)
		report("drop counter", where, r, hc_verdict_drop_of(v), e.drop);
	if (hc_verdict_reason_of(v) != e.reason)
		report("reason", where, r, hc_verdict_reason_of(v), e.reason);
	if (env.ctr[HC_CTR_tx_challenge_ack] != e.is_challenge)
		report("challenges", where, r, env.ctr[HC_CTR_tx_challenge_ack], e.is_challenge);
	if (e.what & HC_DO_DELIVER && seg.payload_len != e.payload_len)
		report("delivered bytes", where, r, seg.payload_len, e.payload_len);
	if (e.what & HC_DO_DELIVER && seg.payload_off != e.payload_off)
		report("delivered from", where, r, seg.payload_off, e.payload_off);
	field = fx_first_difference(&x, &e.next);
	if (field) {
		report(field, where, r, 0, 0);
		FX_SAME(x, e.next);
	}
}

static const uint16_t payloads[] = {0, 100};

// One state at one window, all rows.
static void run_rows(const char *where, const struct fx_conn *x)
{
	int64_t wnd = (uint32_t)(x->t.rcv_edge - x->t.rcv_nxt);
	const int64_t seq_offs[] = {0, -1, -50, -100, -70000, 1, wnd - 1, wnd, wnd + 70000};
	const uint32_t acks[] = {
		x->t.snd_nxt,     x->t.snd_una, x->t.snd_una - x->c.snd_wnd_max,
		x->t.snd_nxt + 1, x->c.iss,     x->t.snd_una - x->c.snd_wnd_max - 1,
	};
	bool has_ts = x->t.flags & HC_TCB_TS;

	for (unsigned i = 0; i < HC_ARRAY_LEN(seq_offs) * HC_ARRAY_LEN(acks); i++) {
		for (unsigned k = 0; k < 64 * HC_ARRAY_LEN(payloads); k++) {
			struct row r = {.flags = k % 64,
					.payload_len = payloads[k / 64],
					.seq_off = seq_offs[i % HC_ARRAY_LEN(seq_offs)]};

			for (r.ts = TS_NONE; r.ts < TS_CASES && !has_failed_enough(where); r.ts++) {
				struct hc_seg seg = fx_seg(x, r.flags);

				if (has_ts != (r.ts != TS_NONE))
					continue;
				seg.seq = x->t.rcv_nxt + (uint32_t)r.seq_off;
				seg.ack = acks[i / HC_ARRAY_LEN(seq_offs)];
				seg.payload_len = r.payload_len;
				apply_ts(&seg, r.ts, x->t.ts_recent);
				check_step(where, &r, x, &seg);
			}
		}
	}
}

static void run_state(const char *where, struct fx_conn (*fixture)(const struct fx_story *))
{
	for (unsigned b = 0; b < HC_ARRAY_LEN(fx_bases); b++) {
		for (unsigned k = 0; k < 4; k++) {
			// The peer's numbers sit on the base, then ours.
			struct fx_story s = {.iss = fx_bases[b] - (k & 1),
					     .irs = fx_bases[b] - 2,
					     .has_ts = k & 2};
			struct fx_conn x = fixture(&s);

			CU_ASSERT_EQUAL_FATAL(x.t.state, fixture(&fx_plain).t.state);
			run_rows(where, &x);
			x.t.rcv_edge = x.t.rcv_nxt;
			run_rows(where, &x);
		}
	}
}

static void syn_rcvd_follows_the_rfc(void)
{
	run_state("SYN-RECEIVED", fx_syn_rcvd);
}

static void established_follows_the_rfc(void)
{
	run_state("ESTABLISHED", fx_established);
}

static void fin_wait_1_follows_the_rfc(void)
{
	run_state("FIN-WAIT-1", fx_fin_wait_1);
}

static void fin_wait_2_follows_the_rfc(void)
{
	run_state("FIN-WAIT-2", fx_fin_wait_2);
}

static void close_wait_follows_the_rfc(void)
{
	run_state("CLOSE-WAIT", fx_close_wait);
}

static void closing_follows_the_rfc(void)
{
	run_state("CLOSING", fx_closing);
}

static void last_ack_follows_the_rfc(void)
{
	run_state("LAST-ACK", fx_last_ack);
}

static void syn_sent_follows_the_rfc(void)
{
	const char *where = "SYN-SENT";
	for (unsigned i = 0; i < HC_ARRAY_LEN(fx_bases) * 64 * 2 * TS_CASES; i++) {
		struct fx_story s = {.iss = fx_bases[i % 3], .irs = fx_bases[(i + 1) % 3]};
		struct row r = {.flags = i / 3 % 64,
				.payload_len = payloads[i / 192 % 2],
				.ts = (enum ts_case)(i / 384)};
		struct fx_conn x = fx_syn_sent(&s);
		const uint32_t acks[] = {s.iss + 1, s.iss, s.iss + 2, s.iss - 70000, 0};

		for (unsigned k = 0; k < HC_ARRAY_LEN(acks) && !has_failed_enough(where); k++) {
			struct hc_seg seg = fx_syn(&s, r.flags);

			seg.payload_len = r.payload_len;
			seg.ack = acks[k];
			apply_ts(&seg, r.ts, FX_TS_PEER);
			check_step(where, &r, &x, &seg);
		}
	}
}

// 3.10.7.1 and 3.10.7.2 look at nothing but the control bits.
static void closed_and_listen_follow_the_rfc(void)
{
	for (unsigned flags = 0; flags < 64; flags++) {
		struct hc_seg seg = fx_syn(&fx_plain, (uint8_t)flags);
		hc_verdict closed = hc_tcp_input_closed(&seg);
		hc_verdict listen = hc_syn_check(&seg);

		if (flags & HC_TCP_RST) {
			UNIT_EQ(closed, hc_verdict_drop(0, HC_CTR_tcp_stray_rst));
			UNIT_EQ(listen, hc_verdict_drop(0, HC_CTR_tcp_stray_rst));
			continue;
		}
		UNIT_EQ(closed, hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_no_connection));
		if (flags & HC_TCP_ACK)
			UNIT_EQ(listen, hc_verdict_drop(HC_DO_RST_REPLY, HC_CTR_tcp_listen_bad));
		else if ((flags & (HC_TCP_SYN | HC_TCP_FIN)) == HC_TCP_SYN)
			UNIT_EQ(listen, 0);
		else // SYN with FIN is refused on purpose, see syn.c.
			UNIT_EQ(listen, hc_verdict_drop(0, HC_CTR_tcp_listen_bad));
	}
}

// SYN-RECEIVED of a passive open: as expect_other(), but the TCB is still a mini; the peer's SYN
// again draws the SYN,ACK again; RST leads back to LISTEN.
static void expect_mini(struct expect *e, const struct hc_syn_mini *m, const struct hc_seg *seg)
{
	int64_t off = (int32_t)(seg->seq - (m->irs + 1));
	int64_t len = seg->payload_len + !!(seg->flags & HC_TCP_SYN) + !!(seg->flags & HC_TCP_FIN);
	int64_t wnd = 65535;

	if ((seg->flags & (HC_TCP_SYN | HC_TCP_RST | HC_TCP_ACK)) == HC_TCP_SYN && off == -1) {
		e->what = HC_DO_SYNACK;
	} else if (seg->flags & HC_TCP_RST) {
		if (off == 0)
			e->what = HC_DO_FREE;
		else if (off > 0 && off < wnd)
			challenge(e, HC_CTR_tcp_rst_challenged);
		else
			drop(e, 0, HC_CTR_tcp_rst_out_of_window);
	} else if (m->flags & HC_SYN_TS && !(seg->opts & HC_OPT_TIMESTAMPS)) {
		drop(e, 0, HC_CTR_tcp_no_timestamp);
	} else if (m->flags & HC_SYN_TS && (int32_t)(seg->tsval - m->ts_recent) < 0) {
		drop(e, HC_DO_ACK, HC_CTR_tcp_paws);
	} else if (!is_acceptable(off, len, wnd)) {
		drop(e, HC_DO_ACK, HC_CTR_tcp_out_of_window);
	} else if (seg->flags & HC_TCP_SYN) {
		challenge(e, HC_CTR_tcp_syn_challenged);
	} else if (!(seg->flags & HC_TCP_ACK)) {
		drop(e, 0, HC_CTR_tcp_no_ack);
	} else if (seg->ack != m->iss + 1) {
		drop(e, HC_DO_RST_REPLY, HC_CTR_tcp_ack_unsent);
	} else {
		e->what = HC_DO_PROMOTE;
	}
}

static void check_mini(const char *where, const struct row *r, const struct hc_syn_mini *before,
		       struct hc_seg *seg)
{
	struct hc_tcp_env env = fx_env();
	struct hc_syn_mini m = *before;
	struct expect e;
	hc_verdict v;

	memset(&e, 0, sizeof e);
	expect_mini(&e, before, seg);
	v = hc_syn_input(&m, seg, &env);
	if (fx_what(v) != e.what)
		report("actions", where, r, fx_what(v), e.what);
	if (hc_verdict_drop_of(v) != e.drop)
		report("drop counter", where, r, hc_verdict_drop_of(v), e.drop);
	if (env.ctr[HC_CTR_tx_challenge_ack] != e.is_challenge)
		report("challenges", where, r, env.ctr[HC_CTR_tx_challenge_ack], e.is_challenge);
	// All that a SYN again leaves behind: that it came, and its time.
	if (e.what & HC_DO_SYNACK) {
		m.flags &= (uint16_t)~HC_SYN_RTX;
		if (m.flags & HC_SYN_TS && seg->opts & HC_OPT_TIMESTAMPS &&
		    hc_seq_gt(seg->tsval, before->ts_recent) && m.ts_recent == seg->tsval)
			m.ts_recent = before->ts_recent;
	}
	if (memcmp(&m, before, sizeof m) != 0)
		report("mini unchanged", where, r, 1, 0);
}

static void passive_syn_rcvd_follows_the_rfc(void)
{
	const char *where = "SYN-RECEIVED of a mini";
	static const int64_t seq_offs[] = {0, -1, -2, -50, -70000, 1, 65534, 65535, 200000};

	for (unsigned i = 0; i < 3 * 64 * 2 * TS_CASES; i++) {
		struct row r = {.flags = i / 3 % 64,
				.payload_len = payloads[i / 192 % 2],
				.ts = (enum ts_case)(i / 384)};
		struct fx_story s = {.irs = fx_bases[i % 3] - 2, .has_ts = r.ts != TS_NONE};
		struct hc_tcp_env env = fx_env();
		struct hc_seg syn = fx_syn(&s, HC_TCP_SYN);
		struct hc_syn_mini m;

		memset(&m, 0, sizeof m);
		hc_syn_open(&m, &syn, &env, false, 0);
		for (unsigned k = 0; k < HC_ARRAY_LEN(seq_offs) * 4 && !has_failed_enough(where);
		     k++) {
			const uint32_t acks[] = {m.iss + 1, m.iss, m.iss + 2, m.iss - 70000};
			struct hc_seg seg = syn;

			r.seq_off = seq_offs[k / 4];
			seg.flags = r.flags;
			seg.seq = m.irs + 1 + (uint32_t)r.seq_off;
			seg.ack = acks[k % 4];
			seg.payload_len = r.payload_len;
			apply_ts(&seg, r.ts, m.ts_recent);
			check_mini(where, &r, &m, &seg);
		}
	}
}

// RFC 6191 2: whether a SYN may begin anew.
static bool begins_anew(bool had_ts, bool has_ts, int64_t ts_off, int64_t off)
{
	if (had_ts && has_ts)
		return ts_off > 0 || (ts_off == 0 && off > 0);
	if (had_ts)
		return off > 0;
	return has_ts || off > 0;
}

// TIME-WAIT: RFC 9293 3.10.7.4 with RFC 1337's fix F1 and RFC 6191. An acceptable segment without
// length that lies behind RCV.NXT is answered, too: the peer is mistaken about where we stand.
static void expect_tw(struct expect *e, const struct hc_tw_mini *m, const struct hc_seg *seg,
		      bool is_listening)
{
	int64_t off = (int32_t)(seg->seq - m->rcv_nxt);
	int64_t len = seg->payload_len + !!(seg->flags & HC_TCP_SYN) + !!(seg->flags & HC_TCP_FIN);
	int64_t ts_off = (int32_t)(seg->tsval - m->ts_recent);
	bool had_ts = m->flags & HC_TW_TS;
	bool has_ts = seg->opts & HC_OPT_TIMESTAMPS;
	uint8_t bits = seg->flags & (HC_TCP_SYN | HC_TCP_FIN | HC_TCP_ACK);

	if (seg->flags & HC_TCP_RST)
		drop(e, 0, HC_CTR_tcp_time_wait_old);
	else if (bits == HC_TCP_SYN && is_listening && begins_anew(had_ts, has_ts, ts_off, off))
		e->what = HC_DO_NEW_SYN;
	else if (had_ts && !has_ts && !(bits & HC_TCP_SYN))
		drop(e, 0, HC_CTR_tcp_no_timestamp);
	else if (had_ts && has_ts && ts_off < 0)
		drop(e, HC_DO_ACK, HC_CTR_tcp_paws);
	else if (!(bits & (HC_TCP_SYN | HC_TCP_ACK)) && is_acceptable(off, len, hc_tw_wnd(m)))
		drop(e, 0, HC_CTR_tcp_no_ack);
	else if (bits == (HC_TCP_FIN | HC_TCP_ACK) && off + len == 0)
		e->what = HC_DO_ACK | HC_DO_TW_RESTART;
	else if (len == 0 && off == 0)
		drop(e, 0, HC_CTR_tcp_time_wait_old);
	else
		drop(e, HC_DO_ACK, HC_CTR_tcp_time_wait_old);
}

static void check_tw(const char *where, const struct row *r, const struct hc_tw_mini *before,
		     const struct hc_seg *seg, bool is_listening)
{
	struct hc_tcp_env env = fx_env();
	struct hc_tw_mini m = *before;
	struct expect e;
	hc_verdict v;

	memset(&e, 0, sizeof e);
	expect_tw(&e, before, seg, is_listening);
	v = hc_tw_input(&m, seg, is_listening, &env);
	if (fx_what(v) != e.what)
		report("actions", where, r, fx_what(v), e.what);
	if (hc_verdict_drop_of(v) != e.drop)
		report("drop counter", where, r, hc_verdict_drop_of(v), e.drop);
	if (memcmp(&m, before, sizeof m) != 0)
		report("mini unchanged", where, r, 1, 0);
}

static void time_wait_follows_the_rfcs(void)
{
	const char *where = "TIME-WAIT";
	static const int64_t seq_offs[] = {0, -1, -2, -101, -70000, 1, 65534, 65535, 200000};

	for (unsigned i = 0; i < 3 * 64 * 2 * TS_CASES; i++) {
		struct row r = {.flags = i / 3 % 64,
				.payload_len = payloads[i / 192 % 2],
				.ts = (enum ts_case)(i / 384)};

		for (unsigned k = 0; k < HC_ARRAY_LEN(seq_offs) * 4 && !has_failed_enough(where);
		     k++) {
			struct fx_story s = {.iss = fx_bases[(i + 1) % 3],
					     .irs = fx_bases[i % 3] - 2,
					     .has_ts = k & 2};
			struct fx_conn x = fx_time_wait(&s);
			struct hc_seg seg = fx_seg(&x, r.flags);
			struct hc_tw_mini m;

			hc_tw_open(&m, &x.t, 1000, 65535);
			r.seq_off = seq_offs[k / 4];
			seg.seq = m.rcv_nxt + (uint32_t)r.seq_off;
			seg.payload_len = r.payload_len;
			apply_ts(&seg, r.ts, m.ts_recent);
			check_tw(where, &r, &m, &seg, k & 1);
		}
	}
}

UNIT_SUITE(states, UNIT_TEST(closed_and_listen_follow_the_rfc), UNIT_TEST(syn_sent_follows_the_rfc),
	   UNIT_TEST(passive_syn_rcvd_follows_the_rfc), UNIT_TEST(syn_rcvd_follows_the_rfc),
	   UNIT_TEST(established_follows_the_rfc), UNIT_TEST(fin_wait_1_follows_the_rfc),
	   UNIT_TEST(fin_wait_2_follows_the_rfc), UNIT_TEST(close_wait_follows_the_rfc),
	   UNIT_TEST(closing_follows_the_rfc), UNIT_TEST(last_ack_follows_the_rfc),
	   UNIT_TEST(time_wait_follows_the_rfcs));
