// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Context switches from getrusage(), steal time from the first line of /proc/stat, free memory from
// /proc/meminfo. See machine.h.

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/machine.h"

static uint64_t steal_ms(void)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	long hz = sysconf(_SC_CLK_TCK);
	FILE *f = fopen("/proc/stat", "re");
	int fields;

	if (!f)
		return 0;
	fields = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
			&idle, &iowait, &irq, &softirq, &steal);
	(void)fclose(f);
	return fields == 8 && hz > 0 ? steal * 1000u / (unsigned long)hz : 0;
}

struct hc_machine_tolls hc_machine_tolls(void)
{
	struct hc_machine_tolls tolls = {.steal_ms = steal_ms()};
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		tolls.involuntary_switches = (uint64_t)usage.ru_nivcsw;
	return tolls;
}

uint64_t hc_memory_available_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kb = UINT64_MAX / 1024;
	char line[128];

	if (!f)
		return UINT64_MAX;
	while (fgets(line, sizeof line, f) && sscanf(line, "MemAvailable: %llu", &kb) != 1)
		continue;
	(void)fclose(f);
	return kb * 1024;
}
