// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// One step, one burst. The stages, in order:
//
//   rx      take a burst from the port, and what other workers passed on
//   parse   frame -> segment view, ARP, ICMP or a named drop
//   lookup  two passes: prefetch bucket or tuple slot; match tags and prefetch the object
//   run     each segment in order: check the key on the line that is now hot, ask the core, carry
//           out its verdict (run.c)
//   timers  what is due, a bounded number (expire.c)
//
// A whole burst is looked up before anything changes, so a segment may find its flow added, moved
// or freed by one before it. What the look-up found is therefore a hint: the key is checked when
// the segment's turn comes, and a miss is looked up again, one segment at a time.
//
// Frames that are no segments take effect while the burst is parsed, ahead of the segments before
// them. To an ICMP error that makes a difference: there the burst is cut, if need be.

#include "stack/tuple.h"
#include "stack/tx.h"
#include "tcp/paws.h"
#include "wire/parse_inline.h"

#include <rte_ethdev.h>

// Frames parsed ahead of the one whose first line is used: enough to hide a cache miss.
#define HC_PREFETCH_FRAMES 6u

static HC_NOINLINE void note_oddities(struct hc_worker *w, const struct hc_parsed *p)
{
	if (p->notes & HC_NOTE_TTL_ZERO)
		w->ctr[HC_CTR_ip_ttl_zero]++;
	if (p->notes & HC_NOTE_IP_OPTIONS)
		w->ctr[HC_CTR_ip_options]++;
	if (p->notes & HC_NOTE_BAD_TCP_OPTION)
		w->ctr[HC_CTR_tcp_bad_option]++;
}

static inline unsigned trust_of(const struct hc_worker *w, const struct rte_mbuf *m)
{
	unsigned trust = 0;

	if (!w->trust_all)
		return 0;
	if ((m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		trust |= HC_TRUST_IP_CSUM;
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		trust |= HC_TRUST_L4_CSUM;
	return trust;
}

// Why a frame is dropped. What was not for us may be an answer to our flood.
static enum hc_counter drop_of(const struct hc_worker *w, const struct rte_mbuf *m,
			       const struct hc_parsed *p)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l3_off);

	if (p->drop == HC_CTR_ip_not_for_us &&
	    hc_flood_has_source(w, hc_load_be32(ip + HC_IP4_DST)))
		return HC_CTR_flood_answers;
	return p->drop;
}

// A plain segment without a flow, of which it turns out that its ends may not talk
// (parse_inline.h).
void hc_drop_misaddressed(struct hc_worker *w, const struct rte_mbuf *m)
{
	struct hc_parsed p;
	struct hc_seg seg;

	(void)hc_parse_frame(&w->parse_env, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
			     HC_TRUST_IP_CSUM | HC_TRUST_L4_CSUM, &p, &seg);
	HC_ASSERT(p.kind == HC_FRAME_DROP);
	w->ctr[drop_of(w, m, &p)]++;
}

// An ICMP message. The buffer is used up, unless it waits for the segments before it in the burst.
static void run_icmp(struct hc_worker *w, struct rte_mbuf *m, const struct hc_parsed *p,
		     bool is_first)
{
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l4_off);

	if (!is_first && hc_icmp_is_of_flow(w, icmp, p->l4_len))
		w->icmp_waiting = m;
	else if (!hc_icmp_input(w, m, p))
		hc_mbuf_put(w, m);
}

// A fragment. @return the buffer when it was the last one of a segment, which is in *seg then.
static struct rte_mbuf *run_fragment(struct hc_worker *w, struct rte_mbuf *m,
				     const struct hc_parsed *p, bool is_forwarded,
				     struct hc_seg *seg)
{
	struct hc_parsed whole;

	m = hc_fragment_input(w, m, p, is_forwarded);
	if (!m)
		return NULL;
	(void)hc_parse_frame(&w->parse_env, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, 0,
			     &whole, seg);
	note_oddities(w, &whole);
	if (whole.kind == HC_FRAME_TCP)
		return m;
	HC_ASSERT(whole.kind == HC_FRAME_ICMP);
	run_icmp(w, m, &whole, seg == w->seg);
	return NULL;
}

// Everything but TCP. The buffer is used up, unless it is returned: then it holds a whole segment,
// of which this was the last fragment, and *seg is that segment; or unless it waits.
static HC_NOINLINE struct rte_mbuf *run_aside(struct hc_worker *w, struct rte_mbuf *m,
					      const struct hc_parsed *p, bool is_forwarded,
					      struct hc_seg *seg)
{
	note_oddities(w, p);
	switch (p->kind) {
	case HC_FRAME_ARP:
		if (!is_forwarded && w->queue_count > 1)
			hc_arp_forward(w, m);
		hc_arp_input(w, rte_pktmbuf_mtod(m, const uint8_t *), p->l3_off, is_forwarded);
		break;
	case HC_FRAME_ICMP:
		run_icmp(w, m, p, seg == w->seg);
		return NULL;
	case HC_FRAME_FRAGMENT:
		return run_fragment(w, m, p, is_forwarded, seg);
	default:
		w->ctr[drop_of(w, m, p)]++;
		break;
	}
	hc_mbuf_put(w, m);
	return NULL;
}

// Passes a segment on when its flow is another worker's; one that can be nobody's is dropped here,
// and takes no room in the ring from those that have a flow. @return true when it was.
static bool redirect(struct hc_worker *w, struct rte_mbuf *m, const struct hc_seg *seg)
{
	uint32_t owner = hc_flow_owner(w, &seg->key);

	if (owner == w->queue ||
	    !hc_parse_may_talk(&w->parse_env, rte_pktmbuf_mtod(m, const uint8_t *), &seg->key))
		return false;
	if (rte_ring_enqueue(w->port->redirect[owner], m) == 0) {
		w->ctr[HC_CTR_rx_redirected]++;
	} else {
		w->ctr[HC_CTR_redirect_dropped]++;
		hc_mbuf_put(w, m);
	}
	return true;
}

// Where the flow is looked for, worked out while the key is at hand.
HC_ALWAYS_INLINE void lookup_place(const struct hc_worker *w, struct hc_seg *seg)
{
	uint32_t slot = hc_tuple_slot(&w->tuples, &seg->key);

	seg->slot = slot;
	if (slot != HC_TUPLE_NONE) {
		seg->place = &w->tuples.slot[slot];
	} else {
		seg->hash = hc_hash_key(&w->env.secret, &seg->key);
		seg->place = hc_table_home(&w->table, seg->hash);
	}
}

// The first pass of the look-up. Apart from the parsing, so that the page walks of a large table
// overlap: between two of them stood a whole frame's work, more than a processor looks ahead.
static inline void lookup_prefetch(const struct hc_seg *seg, const struct hc_seg *end)
{
	for (; seg != end; seg++)
		hc_prefetch(seg->place);
}

// A frame that is no plain segment. @return the buffer when it is a segment none the less, or the
// last fragment of one, which is in *seg then.
static HC_NOINLINE struct rte_mbuf *parse_odd(struct hc_worker *w, struct rte_mbuf *m,
					      bool is_forwarded, struct hc_seg *seg)
{
	struct hc_parsed p;

	if (hc_parse_frame(&w->parse_env, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
			   trust_of(w, m), &p, seg) != HC_FRAME_TCP)
		return run_aside(w, m, &p, is_forwarded, seg);
	note_oddities(w, &p);
	return w->redirects && !is_forwarded && redirect(w, m, seg) ? NULL : m;
}

// Fetches the first line of a frame: where it lies behind its buffer's header with the usual
// headroom, which is not read for that.
HC_ALWAYS_INLINE void prefetch_frame(const struct rte_mbuf *m)
{
	hc_prefetch((const uint8_t *)m + sizeof *m + RTE_PKTMBUF_HEADROOM);
}

// Parses n frames; segments of ours go to w->seg, in order. Inline for all ports and, which has
// fewer questions to ask, for those that verify no checksums and spread what arrives. @return the
// end of the segments.
HC_ALWAYS_INLINE struct hc_seg *parse_burst(struct hc_worker *w, struct rte_mbuf **rx, unsigned n,
					    bool is_forwarded, bool is_plain_port)
{
	const bool redirects = !is_plain_port && w->redirects && !is_forwarded;
	struct rte_mbuf **seg_mbuf = w->seg_mbuf;
	struct hc_seg *seg = w->seg;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		hc_prefetch(rx[i]);
	for (unsigned i = 0; i < n && i < HC_PREFETCH_FRAMES; i++)
		prefetch_frame(rx[i]);
	for (; n; n--) {
		struct rte_mbuf *m = *rx++;

		if (n > HC_PREFETCH_FRAMES)
			prefetch_frame(rx[HC_PREFETCH_FRAMES - 1]);
		bytes += m->pkt_len;
		if (HC_UNLIKELY(m->nb_segs != 1) && rte_pktmbuf_linearize(m) != 0) {
			w->ctr[HC_CTR_eth_segments]++;
			rte_pktmbuf_free(m);
			continue;
		}
		if (HC_UNLIKELY(!hc_parse_plain(&w->parse_env, rte_pktmbuf_mtod(m, const uint8_t *),
						m->data_len, is_plain_port ? 0 : trust_of(w, m),
						seg))) {
			m = parse_odd(w, m, is_forwarded, seg);
			if (HC_UNLIKELY(w->icmp_waiting))
				break;
			if (!m)
				continue;
		} else if (HC_UNLIKELY(redirects) && redirect(w, m, seg)) {
			continue;
		}
		lookup_place(w, seg++);
		*seg_mbuf++ = m;
	}
	w->ctr[HC_CTR_rx_bytes] += bytes;
	return seg;
}

// The second pass: the reference, and the object it names, prefetched.
HC_ALWAYS_INLINE void lookup_burst(struct hc_worker *w, struct hc_seg *end, bool has_data)
{
	// No segment has port 0.
	static const struct hc_flow_key nobody;

	for (struct hc_seg *seg = w->seg; seg != end; seg++) {
		hc_ref ref;

		if (seg->slot != HC_TUPLE_NONE)
			ref = *(const hc_ref *)seg->place;
		else
			ref = hc_table_hint(&w->table, seg->place, &seg->hash);
		seg->ref = ref;
		if (HC_LIKELY(hc_ref_is_tcb(ref))) {
			uint32_t idx = hc_ref_idx(ref);

			seg->found = &w->block[idx].tcb.key;
			hc_prefetch_w(seg->found);
			hc_prefetch_w(&w->block[idx].cold);
			if (has_data)
				hc_prefetch_w(&w->block[idx].sock);
		} else if (HC_LIKELY(ref != HC_REF_NONE)) {
			seg->found = hc_ref_key(w, ref);
			hc_prefetch_w(seg->found);
		} else {
			seg->found = &nobody;
		}
	}
}

static void run_burst(struct hc_worker *w, struct rte_mbuf **rx, unsigned n, bool is_forwarded)
{
	struct hc_seg *end = HC_LIKELY(!w->trust_all && !w->redirects)
				     ? parse_burst(w, rx, n, is_forwarded, true)
				     : parse_burst(w, rx, n, is_forwarded, false);

	hc_stage_mark(w, HC_STAGE_PARSE);
	lookup_prefetch(w->seg, end);
	if (w->has_data)
		lookup_burst(w, end, true);
	else
		lookup_burst(w, end, false);
	hc_stage_mark(w, HC_STAGE_LOOKUP);
	hc_run_burst(w, (unsigned)(end - w->seg));
	hc_stage_mark(w, HC_STAGE_RUN);
}

// The ICMP error for which a burst was cut.
static void run_waiting(struct hc_worker *w)
{
	struct rte_mbuf *m = w->icmp_waiting;
	struct hc_parsed p;
	struct hc_seg seg;

	w->icmp_waiting = NULL;
	(void)hc_parse_frame(&w->parse_env, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
			     trust_of(w, m), &p, &seg);
	HC_ASSERT(p.kind == HC_FRAME_ICMP);
	if (!hc_icmp_input(w, m, &p))
		hc_mbuf_put(w, m);
}

// What is left of a burst that was cut, as often as it is cut.
static HC_NOINLINE void run_rest(struct hc_worker *w, unsigned n, bool is_forwarded)
{
	unsigned done = 0;

	while (w->icmp_waiting) {
		while (w->rx[done] != w->icmp_waiting)
			done++;
		done++;
		HC_ASSERT(done <= n);
		run_waiting(w);
		run_burst(w, w->rx + done, n - done, is_forwarded);
	}
}

// The n frames in w->rx.
static void run_frames(struct hc_worker *w, unsigned n, bool is_forwarded)
{
	run_burst(w, w->rx, n, is_forwarded);
	if (HC_UNLIKELY(w->icmp_waiting))
		run_rest(w, n, is_forwarded);
}

// How many frames may be taken so that all their events find room.
static inline unsigned frames_allowed(const struct hc_worker *w)
{
	unsigned room = (w->event_max - w->event_count) / HC_EVENTS_PER_FRAME;

	return room < w->burst ? room : w->burst;
}

static void take_late_events(struct hc_worker *w)
{
	while (w->late_head != w->late_tail && w->event_count < w->event_max) {
		w->events[w->event_count++] = w->late[w->late_head & (w->late_cap - 1)];
		w->late_head++;
	}
}

static inline void set_time(struct hc_worker *w, uint64_t now_ns)
{
	uint32_t ms = w->env.now_ms;

	HC_ASSERT(now_ns >= w->env.now_ns);
	if (HC_UNLIKELY(now_ns >= w->next_ms_ns)) {
		uint64_t whole_ms = now_ns / 1000000u;

		ms = (uint32_t)whole_ms;
		if (HC_LIKELY(w->is_started)) { // Else start() sets the timers' clock.
			hc_timers_rest(&w->syn_timers, ms);
			hc_timers_rest(&w->tcb_timers, ms);
		}
		w->next_ms_ns = (whole_ms + 1) * 1000000u;
	}
	hc_tcp_env_set_ms(&w->env, now_ns, ms, w->ts_offset);
}

// The first step tells what time it is, which may be any. @return false while our addresses are not
// ours yet: then there is nothing else to do.
static bool start(struct hc_worker *w)
{
	if (w->claim.state != HC_CLAIM_HELD) {
		hc_claim_step(w);
		if (w->env.now_ns >= w->publish_ns)
			hc_worker_publish(w);
		return false;
	}
	hc_timers_set_clock(&w->tcb_timers, w->cfg.conn_cap, 0, w->env.now_ms);
	hc_timers_set_clock(&w->syn_timers, w->cfg.syn_cap, 0, w->env.now_ms);
	w->paws_ms = w->env.now_ms;
	hc_neigh_start(w);
	w->has_errand = w->flood.is_on;
	return true;
}

// What comes before the pipeline. @return false when it is all there is.
static HC_NOINLINE bool run_errand(struct hc_worker *w)
{
	if (!w->is_started && !start(w))
		return false;
	if (w->flood.is_on)
		hc_flood_step(w);
	return true;
}

unsigned hc_step(struct hc_worker *w, uint64_t now_ns, struct hc_event *events, unsigned max)
{
	bool is_new_ms = now_ns >= w->next_ms_ns;
	unsigned n;

	HC_ASSERT(max >= HC_EVENTS_PER_FRAME);
	if (HC_UNLIKELY(w->stage.is_on)) {
		uint64_t tsc = rte_rdtsc();

		// What the application did since the flush of the step before.
		w->stage.cycles[HC_STAGE_APP] += w->stage.last ? tsc - w->stage.last : 0;
		w->stage.last = tsc;
	}
	w->events = events;
	w->event_count = 0;
	w->event_max = max;
	set_time(w, now_ns);
	if (HC_UNLIKELY(w->has_errand) && !run_errand(w))
		return 0;
	if (HC_UNLIKELY(w->retired_count))
		hc_release_retired(w);
	if (HC_UNLIKELY(w->late_head != w->late_tail))
		take_late_events(w);

	n = hc_port_rx(w->gate, w->port_id, w->queue, w->rx, (uint16_t)frames_allowed(w));
	hc_stage_mark(w, HC_STAGE_RX);
	if (n) {
		w->ctr[HC_CTR_rx_packets] += n;
		run_frames(w, n, false);
	}
	if (HC_UNLIKELY(w->queue_count > 1)) {
		n = rte_ring_dequeue_burst(w->port->redirect[w->queue], (void **)w->rx,
					   frames_allowed(w), NULL);
		if (n) {
			w->ctr[HC_CTR_rx_from_workers] += n;
			run_frames(w, n, true);
		}
	}
	hc_expire(w);
	if (HC_UNLIKELY(is_new_ms)) {
		hc_neigh_tick(w);
		if (HC_UNLIKELY(w->reasm.live_count))
			hc_reasm_tick(w);
		if (HC_UNLIKELY(w->pmtus.count))
			hc_pmtu_tick(w);
		if (HC_UNLIKELY(w->env.now_ms - w->paws_ms >= HC_PAWS_LOOK_MS))
			hc_paws_tick(w);
		if (now_ns >= w->publish_ns)
			hc_worker_publish(w);
	}
	hc_stage_mark(w, HC_STAGE_TIMERS);
	return w->event_count;
}
