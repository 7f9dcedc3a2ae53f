// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The applications: sessions that play their scripts over the public API alone. Each end's bytes
// are a stretch of one random string, at a place that its key gives, so that any byte from
// elsewhere, twice, or out of order shows at once.

#include "sim.h"

#include <errno.h>
#include <string.h>

#define IDLE_NS     (60000 * SIM_MS)
#define RETRY_NS    (20 * SIM_MS)
#define STREAM_KEYS 8191u

static uint8_t stream[SIM_STREAM_MAX + STREAM_KEYS];

__attribute__((constructor)) static void fill_stream(void)
{
	struct hc_rng r;

	hc_rng_seed(&r, 1);
	for (unsigned i = 0; i < sizeof stream; i++)
		stream[i] = (uint8_t)hc_rng_u64(&r);
}

static uint64_t now(const struct sim_host *h)
{
	return h->world->now_ns;
}

static struct sim_session *session_find(struct sim_host *h, hc_conn conn)
{
	for (unsigned i = h->session_count; i-- > 0;)
		if (h->session[i].conn == conn)
			return &h->session[i];
	return NULL;
}

// Of the nth session, from 1 on.
static uint32_t key_of(const struct sim_host *h, unsigned n)
{
	return (h->idx * SIM_SESSIONS_MAX + n) * 61 % STREAM_KEYS;
}

static struct sim_session *session_add(struct sim_host *h, hc_conn conn)
{
	struct sim_session *s = &h->session[h->session_count];

	if (h->session_count == SIM_SESSIONS_MAX) {
		sim_fail(h->world, "host %u: more connections than were opened", h->idx);
		return NULL;
	}
	h->session_count++;
	*s = (struct sim_session){
		.conn = conn,
		.key = key_of(h, h->session_count),
		.opened_ns = now(h),
		.active_ns = now(h),
		.close_ns = SIM_NEVER,
		.release_ns = SIM_NEVER,
		.retry_ns = SIM_NEVER,
	};
	return s;
}

static bool session_take_names(struct sim_host *h, struct sim_session *s)
{
	struct hc_conn_info info;

	if (hc_conn_info(h->w, s->conn, &info) != 0)
		return false;
	s->local_addr = info.local_addr;
	s->remote_addr = info.remote_addr;
	s->local_port = info.local_port;
	s->remote_port = info.remote_port;
	s->iss = h->w->block[hc_handle_idx(h->w, s->conn)].cold.iss;
	s->irs = h->w->block[hc_handle_idx(h->w, s->conn)].cold.irs;
	return true;
}

// The session of the other host that has the same two ends; of several, the one that the first
// sequence number tells, as far as it is known.
static struct sim_session *session_across(struct sim_host *h, const struct sim_session *s)
{
	struct sim_host *other = &h->world->host[1 - h->idx];

	for (unsigned i = other->session_count; i-- > 0;) {
		struct sim_session *o = &other->session[i];

		if (o->local_addr == s->remote_addr && o->remote_addr == s->local_addr &&
		    o->local_port == s->remote_port && o->remote_port == s->local_port &&
		    (s->irs == 0 || o->iss == s->irs))
			return o;
	}
	return NULL;
}

static void pair(struct sim_session *a, struct sim_session *b)
{
	if (!b)
		return;
	a->peer = b;
	b->peer = a;
}

static void on_accepted(struct sim_host *h, const struct hc_event *ev)
{
	struct sim_session *s = session_add(h, ev->conn);
	static const struct sim_script at_once = {.end = SIM_END_EARLY, .piece_bytes = 1};
	static const struct sim_script ghost = {.end = SIM_END_ABORT, .piece_bytes = 1};
	struct sim_session *across;

	if (!s)
		return;
	s->is_open = true;
	s->script = &at_once;
	// It may have ended in the same burst; then there is nobody to ask for names.
	if (!session_take_names(h, s))
		return;
	across = session_across(h, s);
	if (!across || !across->is_client) {
		sim_fail(h->world, "host %u accepted a connection that nobody opened", h->idx);
		return;
	}
	if (across->peer && (h->world->plan.stack[h->idx].syn_cookies != HC_SYN_COOKIES_NEVER ||
			     h->world->plan.has_fast_open)) {
		// That is the price of keeping nothing (RFC 4987 3.6, RFC 7413 6.1): the final ACK,
		// or the SYN that has data, come late or twice, opens once more what is over.
		s->is_ghost = true;
		s->script = &ghost;
	} else if (across->peer) {
		sim_fail(h->world, "host %u accepted a connection twice", h->idx);
	} else {
		pair(s, across);
		s->script = &h->world->plan.server[1 - h->idx][across->client_idx];
	}
	if (hc_conn_set_cookie(h->w, s->conn, (uint32_t)(s - h->session)) != 0)
		sim_fail(h->world, "host %u: no cookie for a live connection", h->idx);
}

static uint32_t expected_bytes(const struct sim_session *s)
{
	return s->peer && s->peer->script ? s->peer->script->send_bytes : 0;
}

// Holds what came against what the peer queued.
static void take_bytes(struct sim_host *h, struct sim_session *s, const uint8_t *data, uint32_t len)
{
	if (s->is_ghost) {
		// What the last one had already.
	} else if (!s->peer) {
		sim_fail(h->world, "host %u: data from nobody", h->idx);
	} else if (s->received_bytes + len > s->peer->queued_bytes) {
		sim_fail(h->world, "host %u session %u: %u bytes received of %u sent", h->idx,
			 (unsigned)(s - h->session), s->received_bytes + len,
			 s->peer->queued_bytes);
	} else if (memcmp(data, stream + s->peer->key + s->received_bytes, len) != 0) {
		sim_fail(h->world, "host %u session %u: other bytes than were sent, from %u on",
			 h->idx, (unsigned)(s - h->session), s->received_bytes);
	}
	s->received_bytes += len;
	h->world->bytes += len;
	if (s->has_closed)
		sim_fail(h->world, "host %u: data after close", h->idx);
}

static bool read_by_copy(struct sim_host *h, struct sim_session *s)
{
	uint8_t buf[3000];
	bool did = false;
	size_t n;

	while ((n = hc_recv_copy(h->w, s->conn, buf, sizeof buf)) > 0) {
		take_bytes(h, s, buf, (uint32_t)n);
		did = true;
	}
	return did;
}

static void on_end(struct sim_host *h, struct sim_session *s, const struct hc_event *ev)
{
	s->is_ended = true;
	s->end_type = ev->type;
	s->end_reason = ev->reason;
	h->ended_count++;
	// An orderly end comes after all that the peer queued, and what lies unread can still be
	// read.
	if (ev->type == HC_EV_CLOSED && !s->has_closed && s->peer) {
		(void)read_by_copy(h, s);
		if (s->received_bytes != s->peer->queued_bytes)
			sim_fail(h->world, "host %u session %u: CLOSED after %u bytes of %u",
				 h->idx, (unsigned)(s - h->session), s->received_bytes,
				 s->peer->queued_bytes);
	}
	if (ev->type == HC_EV_CLOSED && !s->has_shut)
		sim_fail(h->world, "host %u session %u: CLOSED without our closing", h->idx,
			 (unsigned)(s - h->session));
	if (ev->type == HC_EV_FAILED && s->is_open)
		sim_fail(h->world, "host %u session %u: FAILED after OPENED", h->idx,
			 (unsigned)(s - h->session));
	if (ev->type == HC_EV_RESET && !s->is_open)
		sim_fail(h->world, "host %u session %u: RESET before OPENED", h->idx,
			 (unsigned)(s - h->session));
}

void sim_app_event(struct sim_host *h, const struct hc_event *ev)
{
	struct sim_session *s;

	if (ev->type == HC_EV_ACCEPTED) {
		on_accepted(h, ev);
		return;
	}
	s = session_find(h, ev->conn);
	if (!s || s->is_ended) {
		sim_fail(h->world, "host %u: event %u for %s", h->idx, ev->type,
			 s ? "a connection that has ended" : "no connection of ours");
		return;
	}
	s->active_ns = now(h);
	switch (ev->type) {
	case HC_EV_OPENED:
		if (s->is_open || !s->is_client)
			sim_fail(h->world, "host %u: OPENED twice", h->idx);
		s->is_open = true;
		s->opened_ns = now(h);
		break;
	case HC_EV_PEER_CLOSED:
		if (s->has_fin)
			sim_fail(h->world, "host %u: PEER_CLOSED twice", h->idx);
		s->has_fin = true;
		break;
	case HC_EV_CLOSED:
	case HC_EV_FAILED:
	case HC_EV_RESET:
		on_end(h, s, ev);
		break;
	default:
		break;
	}
}

static bool read_by_lending(struct sim_host *h, struct sim_session *s)
{
	unsigned n =
		hc_recv(h->w, s->conn, s->chunk + s->chunk_count, SIM_CHUNKS_MAX - s->chunk_count);

	for (unsigned i = 0; i < n; i++)
		take_bytes(h, s, s->chunk[s->chunk_count + i].data,
			   s->chunk[s->chunk_count + i].len);
	s->chunk_count += n;
	if (n && s->release_ns == SIM_NEVER)
		s->release_ns = now(h) + s->script->release_ms * SIM_MS;
	return n != 0;
}

static bool is_reading(const struct sim_host *h, const struct sim_session *s)
{
	return s->is_open && !s->has_closed &&
	       now(h) >= s->opened_ns + s->script->read_at_ms * SIM_MS;
}

static bool work_read(struct sim_host *h, struct sim_session *s)
{
	if (!is_reading(h, s))
		return false;
	return s->script->reads_by_copy ? read_by_copy(h, s) : read_by_lending(h, s);
}

static bool work_release(struct sim_host *h, struct sim_session *s)
{
	if (now(h) < s->release_ns)
		return false;
	// The connection may have ended long ago.
	hc_recv_release(h->w, s->conn, s->chunk, s->chunk_count);
	s->chunk_count = 0;
	s->release_ns = SIM_NEVER;
	return true;
}

static bool may_send(const struct sim_session *s)
{
	if (s->has_shut || s->queued_bytes == s->script->send_bytes)
		return false;
	// A client may queue before the handshake is over.
	if (!s->is_open && !(s->script->flags & HC_CONN_PIGGYBACK))
		return false;
	return !s->script->waits_for_all || s->received_bytes >= expected_bytes(s) || s->has_fin;
}

static bool work_send(struct sim_host *h, struct sim_session *s)
{
	bool did = false;

	while (may_send(s)) {
		uint32_t left = s->script->send_bytes - s->queued_bytes;
		uint32_t len = left < s->script->piece_bytes ? left : s->script->piece_bytes;
		unsigned flags = (s->script->is_static ? HC_SEND_STATIC : 0) |
				 sim_whim_flags(h, s, left - len);
		size_t n = hc_send(h->w, s->conn, stream + s->key + s->queued_bytes, len, flags);

		s->queued_bytes += (uint32_t)n;
		if (n == 0) {
			if (s->retry_ns == SIM_NEVER || now(h) >= s->retry_ns)
				s->retry_ns = now(h) + RETRY_NS;
			return did;
		}
		if (n == len && flags & HC_SEND_CLOSE)
			s->has_shut = s->has_closed = true;
		did = true;
	}
	s->retry_ns = SIM_NEVER;
	return did;
}

static bool is_read_out(struct sim_host *h, const struct sim_session *s)
{
	struct hc_conn_info info;

	return hc_conn_info(h->w, s->conn, &info) == 0 && info.readable_bytes == 0;
}

// Whether the script's occasion to close has come.
static bool is_occasion(struct sim_host *h, const struct sim_session *s)
{
	bool is_sent = s->queued_bytes == s->script->send_bytes;
	bool has_heard = s->has_fin && is_read_out(h, s);

	if (now(h) >= s->active_ns + IDLE_NS)
		return true;
	switch (s->script->end) {
	case SIM_END_AT_START:
		return true;
	case SIM_END_ABORT:
		return now(h) >= s->opened_ns + s->script->abort_ms * SIM_MS;
	case SIM_END_HALF:
	case SIM_END_EARLY:
		return s->is_open && is_sent;
	case SIM_END_DONE:
		return s->is_open && is_sent &&
		       (has_heard || (s->peer && s->received_bytes >= expected_bytes(s)));
	default:
		return s->is_open && is_sent && has_heard;
	}
}

static void close_whole(struct sim_host *h, struct sim_session *s)
{
	int err = hc_close(h->w, s->conn);

	s->has_shut = true;
	s->has_closed = true;
	if (err)
		sim_fail(h->world, "host %u session %u: close() is %d", h->idx,
			 (unsigned)(s - h->session), err);
}

static void shut(struct sim_host *h, struct sim_session *s)
{
	bool is_bored = now(h) >= s->active_ns + IDLE_NS;

	if (s->script->end == SIM_END_ABORT && !is_bored) {
		if (hc_abort(h->w, s->conn) != 0)
			sim_fail(h->world, "host %u: abort() of a live connection fails", h->idx);
		s->is_ended = s->has_aborted = s->has_shut = s->has_closed = true;
		h->ended_count++;
		return;
	}
	if (s->script->end == SIM_END_HALF && !is_bored) {
		int err = hc_shutdown(h->w, s->conn);

		s->has_shut = true;
		if (err)
			sim_fail(h->world, "host %u session %u: shutdown() is %d", h->idx,
				 (unsigned)(s - h->session), err);
		return;
	}
	close_whole(h, s);
}

static bool work_close(struct sim_host *h, struct sim_session *s)
{
	if (s->has_closed)
		return false;
	if (s->has_shut) {
		// Half closed, and nothing more comes: the peer is gone.
		if (now(h) < s->active_ns + IDLE_NS)
			return false;
		close_whole(h, s);
		s->active_ns = now(h);
		return true;
	}
	if (s->close_ns == SIM_NEVER) {
		if (!is_occasion(h, s))
			return false;
		s->close_ns = now(h) + s->script->linger_ms * SIM_MS;
	}
	if (now(h) < s->close_ns)
		return false;
	shut(h, s);
	s->active_ns = now(h);
	return true;
}

// A FIN in order comes after all that was queued before it.
static void judge_fin(struct sim_host *h, const struct sim_session *s)
{
	if (!s->has_fin || s->has_closed || !s->peer || !is_read_out(h, s))
		return;
	if (!s->peer->has_shut || s->received_bytes != s->peer->queued_bytes)
		sim_fail(h->world, "host %u session %u: FIN after %u bytes of %u", h->idx,
			 (unsigned)(s - h->session), s->received_bytes, s->peer->queued_bytes);
}

static bool work_session(struct sim_host *h, struct sim_session *s)
{
	bool did = work_release(h, s);

	if (s->is_ended)
		return did;
	did |= sim_whim_option(h, s);
	did |= work_read(h, s);
	judge_fin(h, s);
	did |= work_send(h, s);
	return work_close(h, s) || did;
}

static bool work_connect(struct sim_host *h)
{
	const struct sim_plan *p = &h->world->plan;
	const struct sim_script *script = &p->client[h->idx][h->next_client];
	struct hc_connect_args args = {
		.remote_addr = p->stack[1 - h->idx].local_addr,
		.remote_port = p->is_twin ? SIM_TWIN_PORT : SIM_PORT,
	};
	struct sim_session *s;
	hc_conn conn;

	if (h->next_client == p->client_count[h->idx] || now(h) < script->start_ns)
		return false;
	args.flags = script->flags;
	if (p->has_fast_open && !script->waits_for_all) {
		uint32_t cap = p->stack[h->idx].snd_buf_bytes;

		args.flags |= HC_CONN_FAST_OPEN | (script->is_static ? 0 : HC_CONN_COPY);
		args.data = stream + key_of(h, h->session_count + 1);
		args.data_bytes = script->send_bytes < cap ? script->send_bytes : cap;
	}
	h->next_client++;
	// No tuple free is an answer as well.
	if (hc_connect(h->w, &args, &h->session_count, &conn, 1) == 0)
		return true;
	h->world->connections++;
	s = session_add(h, conn);
	if (!s)
		return true;
	s->is_client = true;
	s->queued_bytes = args.data_bytes;
	s->client_idx = h->next_client - 1;
	s->script = script;
	if (!session_take_names(h, s))
		sim_fail(h->world, "host %u: no names of a new connection", h->idx);
	if (p->is_twin)
		pair(s, session_across(h, s));
	return true;
}

bool sim_app_work(struct sim_host *h)
{
	bool did = work_connect(h);

	for (unsigned i = 0; i < h->session_count; i++)
		did |= work_session(h, &h->session[i]);
	return did;
}

static uint64_t sooner(uint64_t best_ns, uint64_t due_ns, uint64_t now_ns)
{
	return due_ns > now_ns && due_ns < best_ns ? due_ns : best_ns;
}

uint64_t sim_app_due_ns(const struct sim_host *h)
{
	const struct sim_plan *p = &h->world->plan;
	uint64_t best_ns = SIM_NEVER;

	if (h->next_client < p->client_count[h->idx])
		best_ns = p->client[h->idx][h->next_client].start_ns;
	for (unsigned i = 0; i < h->session_count; i++) {
		const struct sim_session *s = &h->session[i];

		best_ns = sooner(best_ns, s->release_ns, now(h));
		if (s->is_ended)
			continue;
		best_ns = sooner(best_ns, s->close_ns, now(h));
		best_ns = sooner(best_ns, s->retry_ns, now(h));
		best_ns =
			sooner(best_ns, h->world->plan.has_whims ? s->whim_ns : SIM_NEVER, now(h));
		best_ns = sooner(best_ns, s->active_ns + IDLE_NS, now(h));
		best_ns = sooner(best_ns, s->opened_ns + s->script->read_at_ms * SIM_MS, now(h));
		best_ns = sooner(best_ns, s->opened_ns + s->script->abort_ms * SIM_MS, now(h));
	}
	return best_ns;
}

bool sim_app_owns(const struct sim_host *h, uint32_t idx)
{
	const struct hc_tcb *t = &h->w->block[idx].tcb;
	const struct sim_session *s = &h->session[t->cookie % SIM_SESSIONS_MAX];

	return t->cookie < h->session_count && !s->is_ended && s->conn == hc_handle(h->w, idx);
}

bool sim_app_is_over(const struct sim_host *h)
{
	if (h->next_client != h->world->plan.client_count[h->idx] ||
	    h->ended_count != h->session_count)
		return false;
	for (unsigned i = 0; i < h->session_count; i++)
		if (h->session[i].chunk_count)
			return false;
	return true;
}

void sim_app_judge(struct sim_host *h)
{
	for (unsigned i = 0; i < h->session_count; i++) {
		const struct sim_session *s = &h->session[i];

		// Bytes are judged as they come, and their end at the FIN (judge_fin()).
		if (h->world->plan.is_perfect && s->end_type != HC_EV_CLOSED)
			sim_fail(h->world, "host %u session %u: ended by %s on a perfect wire",
				 h->idx, i, hc_reason_name((enum hc_reason)s->end_reason));
	}
}

void sim_app_free(struct sim_host *h)
{
	for (unsigned i = 0; i < h->session_count; i++)
		if (h->session[i].chunk_count)
			hc_recv_release(h->w, h->session[i].conn, h->session[i].chunk,
					h->session[i].chunk_count);
}
