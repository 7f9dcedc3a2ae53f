// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// See fx_runtime.h.

#include "fx_runtime.h"

#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "base/base.h"
#include "stack/port.h"

char fx_memif_server[64];
char fx_memif_client[64];
char fx_memif_lost_server[64];
char fx_memif_lost_client[64];
char fx_memif_late_client[64];

static struct hc_runtime *runtime;

static void stop(void)
{
	hc_runtime_stop(runtime);
}

struct hc_runtime *fx_runtime(void)
{
	const char *const devices[] = {"ring",
				       "net_null0",
				       "net_null1,nonsense=1",
				       fx_memif_server,
				       fx_memif_client,
				       fx_memif_lost_server,
				       fx_memif_lost_client,
				       fx_memif_late_client};
	const struct hc_runtime_config cfg = {.worker_count = 2,
					      .devices = devices,
					      .device_count = HC_ARRAY_LEN(devices),
					      .memory_bytes = 256u << 20,
					      .is_quiet = true,
					      .no_huge = true};
	char why[HC_WHY_SIZE];
	int err;

	if (runtime)
		return runtime;
	(void)snprintf(fx_memif_server, sizeof fx_memif_server, "memif:hc_unit_%d,server",
		       (int)getpid());
	(void)snprintf(fx_memif_client, sizeof fx_memif_client, "memif:hc_unit_%d", (int)getpid());
	(void)snprintf(fx_memif_lost_server, sizeof fx_memif_lost_server, "memif:hc_lost_%d,server",
		       (int)getpid());
	(void)snprintf(fx_memif_lost_client, sizeof fx_memif_lost_client, "memif:hc_lost_%d",
		       (int)getpid());
	(void)snprintf(fx_memif_late_client, sizeof fx_memif_late_client, "memif:hc_late_%d",
		       (int)getpid());
	err = hc_runtime_start(&cfg, &runtime, why);
	if (err) {
		fprintf(stderr, "The runtime does not start: %s\n", why);
		exit(1);
	}
	(void)atexit(stop);
	return runtime;
}

struct rte_mbuf *fx_frame(const struct hc_port *port, unsigned len, unsigned first)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(port->pool[0]);
	char *data = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	for (unsigned i = 0; i < len; i++)
		data[i] = (char)(first + i);
	return m;
}
