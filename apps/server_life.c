// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The server's beginning and end: its memory, its listeners, and what of the configuration is its.

#include <stdlib.h>
#include <string.h>

#include "server.h"

static bool listen_all(struct server *s, const struct config *cfg, uint32_t backlog)
{
	for (unsigned i = 0; i < s->listener_count; i++) {
		const struct listen_port *l = &s->listener[i];
		struct hc_listen_args args = {
			.port = l->port,
			.backlog = backlog,
			.cookie = i,
		};

		if (l->mode == LISTEN_HTTP || l->mode == LISTEN_ECHO || l->mode == LISTEN_RESPOND ||
		    l->mode == LISTEN_CLOSE_FIRST)
			args.flags |= HC_CONN_PIGGYBACK;
		if (cfg->stack.has_fast_open)
			args.flags |= HC_CONN_FAST_OPEN;
		if (cfg->close_method == CLOSE_THREE_WAY && !l->closes_first)
			args.flags |= HC_CONN_MERGE_CLOSE;
		s->handle[i] = hc_listen(s->worker, &args);

		if (s->handle[i] < 0) {
			complain("cannot listen on port %u: %s", l->port, strerror(-s->handle[i]));
			return false;
		}
	}
	return true;
}

bool server_init(struct server *s, struct hc_worker *worker, const struct config *cfg,
		 const struct listen_list *ports, const struct hc_stack_config *limits)
{
	memset(s, 0, sizeof *s);
	s->worker = worker;
	s->event_cap = HC_EVENTS_PER_FRAME * limits->burst_pkts;
	s->listener_count = ports->count;
	memcpy(s->listener, ports->port, sizeof s->listener);
	s->request_bytes = cfg->request.kind == REQUEST_BYTES ? cfg->request.bytes : 1;
	s->response_bytes = cfg->response.bytes;
	s->response_sizes = cfg->response.sizes;
	s->random = cfg->stack.seed;
	s->is_framed = config_is_framed(cfg);
	s->session_cap = limits->conn_cap;
	s->session_free = SESSION_NONE;
	s->linger = s->hold = (struct session_queue){.head = SESSION_NONE, .tail = SESSION_NONE};
	s->hold_ns = cfg->hold_ns;
	s->events = calloc(s->event_cap, sizeof *s->events);
	// Untouched pages of it cost nothing: most connections never need a session.
	s->sessions = calloc(s->session_cap, sizeof *s->sessions);
	if (!s->events || !s->sessions || !server_http_init(s)) {
		complain("no memory for %u sessions: make --conn-cap smaller", s->session_cap);
		return false;
	}
	hc_flood_watch(worker, cfg->attack.sources);
	return listen_all(s, cfg, limits->syn_cap);
}

void server_stop_listening(struct server *s)
{
	for (unsigned i = 0; i < s->listener_count; i++)
		(void)hc_unlisten(s->worker, s->handle[i]);
}

void server_fini(struct server *s)
{
	limits_fini(s);
	free(s->buffer);
	free(s->sessions);
	free(s->events);
	memset(s, 0, sizeof *s);
}
