// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "fx_pair.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/runner.h"

static char complaint[512];

void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(complaint, sizeof complaint, fmt, args);
	va_end(args);
}

static struct hc_runtime *runtime;

static void stop_runtime(void)
{
	hc_runtime_stop(runtime);
}

static void start_runtime(void)
{
	static const char *const devices[] = {"ring"};
	const struct hc_runtime_config rc = {.worker_count = 1,
					     .devices = devices,
					     .device_count = 1,
					     .memory_bytes = 256u << 20,
					     .is_quiet = true,
					     .no_huge = true};
	char why[HC_WHY_SIZE];

	if (runtime)
		return;
	if (hc_runtime_start(&rc, &runtime, why) != 0) {
		fprintf(stderr, "The runtime does not start: %s\n", why);
		exit(1);
	}
	(void)atexit(stop_runtime);
}

struct pair pair;

void begin(void)
{
	memset(&pair, 0, sizeof pair);
	config_init(&pair.cfg, COMMAND_BENCH, "bench");
	pair.cfg.stack.seed = 20261125;
	pair.now_ns = 1000000000;
}

void open_pair(void)
{
	struct hc_worker *client, *server;
	char why[HC_WHY_SIZE];
	const char *reason;

	start_runtime();
	complaint[0] = '\0';
	CU_ASSERT_FATAL(config_finish(&pair.cfg));
	CU_ASSERT_FATAL(plan_make(&pair.plan, &pair.cfg));
	CU_ASSERT_FATAL(hc_port_open_pair(runtime, &pair.plan.port, pair.ports, why) == 0);
	CU_ASSERT_FATAL(
		hc_worker_create(pair.ports[0], 0, &pair.plan.client[0], &client, &reason) == 0);
	CU_ASSERT_FATAL(
		hc_worker_create(pair.ports[1], 0, &pair.plan.server[0], &server, &reason) == 0);
	hc_worker_join_ends(client, server);
	CU_ASSERT_FATAL(client_init(&pair.client, client, &pair.plan.load[0], &pair.stop));
	CU_ASSERT_FATAL(server_init(&pair.server, server, &pair.cfg, &pair.plan.listen,
				    &pair.plan.server[0]));
	CU_ASSERT_FATAL(limits_init(&pair.server, &pair.cfg, 0));
	CU_ASSERT_STRING_EQUAL(complaint, "");
}

void shut_pair(void)
{
	struct hc_worker *client = pair.client.worker, *server = pair.server.worker;
	char why[200];

	CU_ASSERT(hc_worker_audit(client, why, sizeof why));
	CU_ASSERT(hc_worker_audit(server, why, sizeof why));
	client_fini(&pair.client);
	server_fini(&pair.server);
	hc_worker_destroy(client);
	hc_worker_destroy(server);
	for (unsigned i = 0; i < 2; i++)
		hc_port_stop(pair.ports[i]);
	for (unsigned i = 0; i < 2; i++)
		hc_port_close(pair.ports[i]);
	plan_free(&pair.plan);
}
