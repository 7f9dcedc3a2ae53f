// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Finds CPUs on which another DPDK process polls: EAL names its worker threads and pins each to one
// CPU, where it takes all the time there is. Two such threads on one CPU halve each other, in turns
// of milliseconds, so the second process had better go elsewhere. Threads of other users can be
// seen unless /proc is mounted otherwise; what cannot be seen is not avoided.

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/cpus.h"

// EAL's names of worker threads: 22.11's, and those of releases before and after.
static const char *const worker_names[] = {"rte-worker", "lcore-worker", "dpdk-worker"};

static bool is_worker_name(const char *name)
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(worker_names); i++)
		if (strncmp(name, worker_names[i], strlen(worker_names[i])) == 0)
			return true;
	return false;
}

// The one CPU that the thread whose status this is may run on, if it is a worker; else -1.
static int pinned_cpu(FILE *status)
{
	bool is_worker = false;
	char line[256];
	int cpu = -1;

	while (fgets(line, sizeof line, status)) {
		char *end;

		if (strncmp(line, "Name:\t", 6) == 0) {
			is_worker = is_worker_name(line + 6);
			if (!is_worker)
				return -1;
		}
		if (strncmp(line, "Cpus_allowed_list:\t", 19) != 0)
			continue;
		cpu = (int)strtol(line + 19, &end, 10);
		// "1-3" and "1,3" are several.
		if (*end != '\n')
			cpu = -1;
	}
	return is_worker ? cpu : -1;
}

static void mark(struct hc_cpus *cpus, int id)
{
	for (unsigned i = 0; i < cpus->count; i++)
		if (cpus->cpu[i].id == id)
			cpus->cpu[i].is_taken = true;
}

static void mark_process(struct hc_cpus *cpus, const char *pid)
{
	const struct dirent *task;
	char path[600];
	DIR *tasks;

	(void)snprintf(path, sizeof path, "/proc/%s/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return;
	while ((task = readdir(tasks)) != NULL) {
		FILE *status;

		if (!isdigit((unsigned char)task->d_name[0]))
			continue;
		(void)snprintf(path, sizeof path, "/proc/%s/task/%s/status", pid, task->d_name);
		status = fopen(path, "re");
		if (!status)
			continue;
		mark(cpus, pinned_cpu(status));
		(void)fclose(status);
	}
	(void)closedir(tasks);
}

void hc_cpus_mark_taken(struct hc_cpus *cpus)
{
	const struct dirent *process;
	DIR *proc = opendir("/proc");

	if (!proc)
		return;
	while ((process = readdir(proc)) != NULL)
		if (isdigit((unsigned char)process->d_name[0]) &&
		    atoi(process->d_name) != (int)getpid())
			mark_process(cpus, process->d_name);
	(void)closedir(proc);
}
