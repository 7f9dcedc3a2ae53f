// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The texts of requests, all of them written before the run. The usual one is a single text. When
// there are several requests a connection, or several sizes, there is one text for each: whether it
// is the last of its connection, its own size, and that of the response it asks for. Of a request
// of bytes only the beginning is a text, the rest is filler.
//
// How the server learns of sizes: http asks for /bytes/N. Bytes begin with their own size and that
// of the response, eight hexadecimal digits each, when there is more than one of either.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_parts.h"
#include "units.h"

#define HTTP_TEXT_MORE 160u // Beyond the path.

static int write_http(const struct config *cfg, const struct endpoint *host, char *to, size_t size,
		      const char *path, bool is_last)
{
	return snprintf(to, size, "GET %s HTTP/1.1\r\nHost: " ADDR_FMT ":%u\r\n%s\r\n", path,
			ADDR_ARGS(host->addr), host->port,
			is_last && plan_server_closes_first(cfg) ? "Connection: close\r\n" : "");
}

static struct endpoint host_of(const struct plan *p, const struct config *cfg, unsigned target)
{
	const struct hc_connect_args *only = &p->load[0].connect;

	if (cfg->target.count > 1)
		return cfg->target.target[target];
	return (struct endpoint){.addr = only->remote_addr, .port = only->remote_port};
}

static bool make_usual(struct plan *p, const struct config *cfg)
{
	size_t size = cfg->request.bytes + strlen(cfg->path) + HTTP_TEXT_MORE;
	const struct endpoint host = host_of(p, cfg, 0);

	p->request = malloc(size);
	if (!p->request)
		return false;
	if (cfg->request.kind == REQUEST_BYTES) {
		memset(p->request, 'x', cfg->request.bytes);
		p->request_bytes = cfg->request.bytes;
	} else {
		p->request_bytes =
			(uint32_t)write_http(cfg, &host, (char *)p->request, size, cfg->path, true);
	}
	return true;
}

// Writes text i of those for one target at `to`.
static void write_text(const struct config *cfg, const struct endpoint *host,
		       struct request_text *t, unsigned i, char *to, size_t size)
{
	const struct size_mix *requests = &cfg->request.sizes, *responses = &cfg->response.sizes;
	const unsigned columns = sizes_count(responses), rows = sizes_count(requests);
	const uint64_t asked =
		responses->count ? responses->item[i % columns].bytes : cfg->response.bytes;
	char path[32];

	t->head = (const uint8_t *)to;
	if (cfg->request.kind == REQUEST_HTTP) {
		snprintf(path, sizeof path, "/bytes/%llu", (unsigned long long)asked);
		t->head_bytes = (uint32_t)write_http(cfg, host, to, size,
						     responses->count ? path : cfg->path,
						     i >= rows * columns);
		t->bytes = t->head_bytes;
		return;
	}
	t->bytes = requests->count ? (uint32_t)requests->item[i / columns % rows].bytes
				   : cfg->request.bytes;
	if (!config_is_framed(cfg))
		return;
	t->head_bytes = FRAME_BYTES;
	snprintf(to, size, "%08x%08x", t->bytes, (unsigned)asked);
}

static bool make_all(struct plan *p, const struct config *cfg)
{
	const unsigned targets = cfg->target.count ? cfg->target.count : 1;
	const unsigned texts =
		2 * sizes_count(&cfg->request.sizes) * sizes_count(&cfg->response.sizes);
	const size_t each = strlen(cfg->path) + HTTP_TEXT_MORE;

	p->texts = calloc(targets * texts, sizeof *p->texts);
	p->text_bytes = malloc(targets * texts * each);
	p->request = malloc(cfg->request.bytes + 1);
	if (!p->texts || !p->text_bytes || !p->request)
		return false;
	memset(p->request, 'x', cfg->request.bytes);
	for (unsigned i = 0; i < targets * texts; i++) {
		const struct endpoint host = host_of(p, cfg, i / texts);

		write_text(cfg, &host, &p->texts[i], i % texts, p->text_bytes + i * each, each);
	}
	return true;
}

bool plan_requests(struct plan *p, const struct config *cfg)
{
	if (cfg->request.kind == REQUEST_NONE)
		return true;
	if (config_varies(cfg) ? make_all(p, cfg) : make_usual(p, cfg))
		return true;
	complain("no memory for a request of %u bytes: make --request smaller", cfg->request.bytes);
	return false;
}
