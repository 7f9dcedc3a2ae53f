// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The judge. A parser of its own looks at every frame (frame_check.h) and follows the windows that
// the frames offer; after every step both workers are looked over (watch.h), each alone and the two
// ends of each connection together; now and then, and at the end, the books are balanced.

#include "sim.h"

#include <rte_mbuf.h>

#define AUDIT_EVERY 1021u // Steps.

/* -------------------------------------------------------------------------------------- frames */

// Of the sender `from`, NULL: no port of ours.
static struct sim_flow *flow_of(struct sim_world *s, unsigned from, uint16_t port, bool by_client)
{
	unsigned client = by_client ? from : 1 - from;

	if (port == SIM_TWIN_PORT)
		return &s->flow[from][0][SIM_PORT_COUNT];
	if (port < SIM_PORT_LO || port >= SIM_PORT_LO + SIM_PORT_COUNT)
		return NULL;
	return &s->flow[from][client][port - SIM_PORT_LO];
}

static void flow_syn(struct sim_flow *mine, struct sim_flow *others, const struct frame_view *v)
{
	bool is_unclear = mine->is_unclear;

	// The answer to a SYN may be given twice, by a cookie and by a mini, with different
	// options, and once more to a copy that comes when all is over: what is known of the FIN
	// holds until a SYN begins the next connection.
	if (!(v->flags & FRAME_ACK))
		*others = (struct sim_flow){0};
	else if (mine->has_syn && mine->has_wscale != v->has_wscale)
		is_unclear = true;
	*mine = (struct sim_flow){.has_syn = true,
				  .has_wscale = v->has_wscale,
				  .wscale = v->has_wscale ? v->wscale : 0,
				  .is_unclear = is_unclear && v->flags & FRAME_ACK,
				  .has_fin = mine->has_fin && v->flags & FRAME_ACK,
				  .fin_end = mine->fin_end};
	if (v->flags & FRAME_ACK) {
		mine->has_edge = true;
		mine->edge = v->ack + v->wnd; // RFC 7323 2.2: never scaled.
	}
}

// RFC 9293 3.8.6: the window is not shrunk. RFC 7323 2.4: but what scaling rounds off may come and
// go. What is offered after the peer's FIN is nobody's concern.
static const char *flow_edge(struct sim_flow *mine, const struct sim_flow *others,
			     const struct frame_view *v)
{
	unsigned shift = mine->has_wscale && others->has_wscale ? mine->wscale : 0;
	uint32_t edge = v->ack + ((uint32_t)v->wnd << shift);

	if (!mine->has_syn || !others->has_syn || mine->is_unclear || others->is_unclear)
		return NULL;
	if (others->has_fin && hc_seq_ge(v->ack, others->fin_end))
		return NULL;
	if (mine->has_edge && hc_seq_lt(edge + (1u << shift) - 1, mine->edge))
		return "it moves the right edge of the window left";
	if (!mine->has_edge || hc_seq_gt(edge, mine->edge))
		mine->edge = edge;
	mine->has_edge = true;
	return NULL;
}

static const char *judge_flow(struct sim_world *s, unsigned from, const struct frame_view *v)
{
	bool by_client = v->dport == SIM_PORT;
	uint16_t port = by_client ? v->sport : v->dport;
	struct sim_flow *mine = flow_of(s, from, port, by_client);
	struct sim_flow *others = flow_of(s, 1 - from, port, !by_client);
	const char *bad = NULL;

	if (!mine || !others)
		return "it is of no port of ours";
	if (v->flags & FRAME_RST)
		return NULL;
	if (v->flags & FRAME_SYN) {
		flow_syn(mine, others, v);
		return NULL;
	}
	// An ACK that comes late may open anew what a cookie opened once, and without a SYN.
	if (by_client || s->plan.stack[from].syn_cookies == HC_SYN_COOKIES_NEVER)
		bad = flow_edge(mine, others, v);
	if (v->flags & FRAME_FIN) {
		mine->has_fin = true;
		mine->fin_end = v->seq + v->payload_len + 1;
	}
	return bad;
}

void sim_judge_frame(struct sim_world *s, unsigned from, const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct hc_stack_config *cfg = &s->plan.stack[from];
	struct frame_view v;
	const char *bad = frame_check(frame, m->pkt_len, FRAME_CSUM_FULL, &v);

	s->frames++;
	if (m->nb_segs != 1 || m->data_len != m->pkt_len)
		bad = "it is in several buffers";
	if (!bad && v.src != cfg->local_addr)
		bad = "it comes from another's address";
	if (!bad && m->pkt_len > 14u + cfg->mtu)
		bad = "it is larger than the MTU";
	if (!bad && v.kind == FRAME_KIND_TCP)
		bad = judge_flow(s, from, &v);
	if (bad)
		sim_fail(s, "host %u sends a frame of %u bytes that is wrong: %s", from, m->pkt_len,
			 bad);
}

/* --------------------------------------------------------------------------------------- steps */

static void audit(struct sim_world *s, unsigned i)
{
	char why[200];

	if (!hc_worker_audit(s->host[i].w, why, sizeof why))
		sim_fail(s, "host %u's books do not balance: %s", i, why);
}

// The block behind a session, HC_IDX_NONE: none any more.
static uint32_t conn_of(const struct sim_host *h, const struct sim_session *n)
{
	return n->is_ended ? HC_IDX_NONE : hc_handle_idx(h->w, n->conn);
}

static void judge_ends(struct sim_world *s, unsigned i)
{
	struct sim_host *h = &s->host[i];
	struct sim_host *other = &s->host[1 - i];

	for (unsigned n = 0; n < h->session_count; n++) {
		const struct sim_session *a = &h->session[n];
		uint32_t idx = conn_of(h, a);
		uint32_t peer = a->peer ? conn_of(other, a->peer) : HC_IDX_NONE;
		const char *bad;

		if (idx == HC_IDX_NONE || peer == HC_IDX_NONE)
			continue;
		bad = watch_ends(&h->w->block[idx].tcb, &h->w->block[idx].cold,
				 &other->w->block[peer].tcb, &other->w->block[peer].cold);
		if (!bad)
			bad = watch_ends(&other->w->block[peer].tcb, &other->w->block[peer].cold,
					 &h->w->block[idx].tcb, &h->w->block[idx].cold);
		if (bad)
			sim_fail(s, "host %u session %u: %s", i, n, bad);
	}
}

void sim_judge_step(struct sim_world *s, unsigned i)
{
	struct sim_host *h = &s->host[i];
	uint32_t idx;
	const char *bad = watch_worker(&h->watch, h->w, &idx);

	if (bad)
		sim_fail(s, "host %u connection %d: %s", i, (int)idx, bad);
	for (uint32_t c = 0; c < h->w->cfg.conn_cap; c++)
		if (h->w->block[c].tcb.state != HC_CLOSED &&
		    h->w->block[c].tcb.state != HC_TIME_WAIT && !sim_app_owns(h, c))
			sim_fail(s, "host %u connection %u: no application waits for it", i, c);
	judge_ends(s, i);
	if ((s->steps + i) % AUDIT_EVERY == 0)
		audit(s, i);
}

/* ----------------------------------------------------------------------------------- the end */

static void judge_perfect(struct sim_world *s, unsigned i, const uint64_t *n)
{
	uint64_t again =
		n[HC_CTR_rtx_syn] + n[HC_CTR_rtx_synack] + n[HC_CTR_rtx_data] + n[HC_CTR_rtx_fin];

	// A tail probe only asks, where delay varies more than it knows (RFC 8985 7.2). One may be
	// counted as data and as FIN. Answers to keep-alive probes that come behind new data look
	// like duplicate ACKs to who has no SACK to tell them by (RFC 5681 2).
	if (again > 2 * n[HC_CTR_tlp_probes] + n[HC_CTR_keepalive_probes])
		sim_fail(s, "host %u sends %llu segments again on a wire that lost none", i,
			 (unsigned long long)again);
	// Nobody waits any more for the answer to a probe that a FIN's ACK overtakes.
	if (n[HC_CTR_tx_rst] > n[HC_CTR_tlp_probes] + n[HC_CTR_keepalive_probes])
		sim_fail(s, "host %u sends RST in an orderly run", i);
	if (n[HC_CTR_conn_closed] !=
	    n[HC_CTR_conn_established_active] + n[HC_CTR_conn_established_passive])
		sim_fail(s, "host %u has connections that were not closed by FIN", i);
}

// RFC 9293 3.6: of a connection that both ends closed in order, one at least went through
// TIME-WAIT.
static void judge_time_wait(struct sim_world *s, const struct hc_snapshot *snap)
{
	uint64_t entered = 0;
	uint64_t pairs = 0;

	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		const struct sim_host *h = &s->host[i];

		if (s->plan.stack[i].time_wait_ms == 0 || snap[i].counter[HC_CTR_tw_no_memory])
			return;
		entered += snap[i].counter[HC_CTR_tw_entered];
		for (unsigned n = 0; n < h->session_count; n++) {
			const struct sim_session *a = &h->session[n];

			pairs += a->peer && a->peer->peer == a && a->end_type == HC_EV_CLOSED &&
				 a->peer->end_type == HC_EV_CLOSED;
		}
	}
	if (entered < pairs / 2)
		sim_fail(s, "%llu connections were closed in order, and %llu TIME-WAITs entered",
			 (unsigned long long)pairs / 2, (unsigned long long)entered);
}

void sim_judge_end(struct sim_world *s)
{
	struct hc_snapshot snap[SIM_HOSTS];

	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		audit(s, i);
		sim_app_judge(&s->host[i]);
		hc_worker_snapshot(s->host[i].w, &snap[i]);
		if (s->plan.is_perfect)
			judge_perfect(s, i, snap[i].counter);
		s->fast_opens += snap[i].counter[HC_CTR_fastopen_accepted];
		if (snap[i].counter[HC_CTR_events_lost])
			sim_fail(s, "host %u lost events", i);
	}
	judge_time_wait(s, snap);
}
