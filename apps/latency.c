// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "latency.h"

#include "config.h"
#include "loop.h"

const struct latency_name latency_names[LATENCY_KINDS] = {
	[LATENCY_CONNECT] = {"connect", "connect"},
	[LATENCY_CONNECT_CORRECTED] = {"connect_corrected", "  corrected"},
	[LATENCY_ESTABLISHMENT] = {"establishment", "establish"},
	[LATENCY_ESTABLISHMENT_CORRECTED] = {"establishment_corrected", "  corrected"},
	[LATENCY_CLOSE] = {"close", "close"},
	[LATENCY_TEARDOWN] = {"teardown", "tear-down"},
	[LATENCY_FIRST_BYTE] = {"first_byte", "first byte"},
	[LATENCY_FIRST_BYTE_CORRECTED] = {"first_byte_corrected", "  corrected"},
	[LATENCY_RESPONSE] = {"response", "response"},
	[LATENCY_RESPONSE_CORRECTED] = {"response_corrected", "  corrected"},
};

// Of both ends' FINs the first one counts.
static bool closes_first(const struct config *cfg, bool is_client)
{
	return cfg->command != COMMAND_BENCH || is_client == (cfg->close != CLOSE_SERVER);
}

static const struct hc_hist *client_times(const struct client *c, const struct config *cfg,
					  enum latency which)
{
	switch (which) {
	case LATENCY_CONNECT:
		return hc_worker_latency(c->worker, HC_LATENCY_CONNECT);
	case LATENCY_CONNECT_CORRECTED:
		return c->connect_corrected;
	case LATENCY_CLOSE:
		return closes_first(cfg, true) ? hc_worker_latency(c->worker, HC_LATENCY_CLOSE)
					       : NULL;
	case LATENCY_TEARDOWN:
		return hc_worker_latency(c->worker, HC_LATENCY_TEARDOWN);
	case LATENCY_FIRST_BYTE:
		return c->first_byte;
	case LATENCY_FIRST_BYTE_CORRECTED:
		return c->first_byte_corrected;
	case LATENCY_RESPONSE:
		return c->response;
	case LATENCY_RESPONSE_CORRECTED:
		return c->response_corrected;
	case LATENCY_ESTABLISHMENT:
	case LATENCY_ESTABLISHMENT_CORRECTED:
	case LATENCY_KINDS:
		break;
	}
	return NULL;
}

static const struct hc_hist *server_times(const struct server *s, const struct config *cfg,
					  enum latency which)
{
	if (which == LATENCY_ESTABLISHMENT)
		return hc_worker_latency(s->worker, HC_LATENCY_ESTABLISH);
	if (which == LATENCY_ESTABLISHMENT_CORRECTED && config_is_open_loop(cfg))
		return hc_worker_latency(s->worker, HC_LATENCY_ESTABLISH_CORRECTED);
	if (which == LATENCY_TEARDOWN)
		return hc_worker_latency(s->worker, HC_LATENCY_TEARDOWN);
	if (which == LATENCY_CLOSE && closes_first(cfg, false))
		return hc_worker_latency(s->worker, HC_LATENCY_CLOSE);
	return NULL;
}

unsigned latency_sources(const struct loop *l, const struct config *cfg, enum latency which,
			 const struct hc_hist *out[LATENCY_SOURCES_MAX])
{
	const struct hc_hist *client = l->client ? client_times(l->client, cfg, which) : NULL;
	const struct hc_hist *server = l->server ? server_times(l->server, cfg, which) : NULL;
	unsigned n = 0;

	if (l->client && l->client->whole &&
	    (which == LATENCY_FIRST_BYTE || which == LATENCY_RESPONSE))
		out[n++] = l->client->whole;
	if (client)
		out[n++] = client;
	if (server)
		out[n++] = server;
	return n;
}
