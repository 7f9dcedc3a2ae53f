// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// In which order workers take CPUs, on machines made up for it, and what this one says.

#include "io/cpus.h"

#include "runner.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// `nodes` nodes of `cores` cores with `threads` threads, numbered as Linux does: first all first
// threads, node by node, then all second ones.
static struct hc_cpus fx_machine(unsigned nodes, unsigned cores, unsigned threads)
{
	struct hc_cpus c = {.count = 0};

	for (unsigned t = 0; t < threads; t++)
		for (unsigned n = 0; n < nodes; n++)
			for (unsigned k = 0; k < cores; k++) {
				c.cpu[c.count] = (struct hc_cpu){.id = (uint16_t)c.count,
								 .node = (int16_t)n,
								 .thread = (uint16_t)t};
				c.count++;
			}
	return c;
}

// The first n CPUs are these.
static void order_is(const struct hc_cpus *c, const unsigned *ids, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		UNIT_EQ(c->cpu[i].id, ids[i]);
}

static void the_lowest_cpu_is_left_to_the_kernel(void)
{
	struct hc_cpus c = fx_machine(1, 4, 1);

	hc_cpus_order(&c, 2, -1);
	order_is(&c, (const unsigned[]){1, 2, 3, 0}, 4);
}

static void the_lowest_cpu_is_used_when_it_is_needed(void)
{
	struct hc_cpus c = fx_machine(1, 2, 1);

	hc_cpus_order(&c, 2, -1);
	order_is(&c, (const unsigned[]){0, 1}, 2);
	hc_cpus_order(&c, 5, -1);
	order_is(&c, (const unsigned[]){0, 1}, 2);
}

static void one_cpu_is_enough(void)
{
	struct hc_cpus c = fx_machine(1, 1, 1);

	hc_cpus_order(&c, 1, -1);
	order_is(&c, (const unsigned[]){0}, 1);
}

static void first_threads_come_before_second_ones(void)
{
	struct hc_cpus c = fx_machine(1, 2, 2);

	hc_cpus_order(&c, 4, -1);
	order_is(&c, (const unsigned[]){0, 1, 2, 3}, 4);

	// Some number the threads of a core side by side.
	for (unsigned i = 0; i < 4; i++)
		c.cpu[i] = (struct hc_cpu){.id = (uint16_t)i, .thread = (uint16_t)(i % 2)};
	hc_cpus_order(&c, 4, -1);
	order_is(&c, (const unsigned[]){0, 2, 1, 3}, 4);
}

static void the_ports_node_comes_first(void)
{
	struct hc_cpus c = fx_machine(2, 2, 2);

	// Node 1 has CPUs 2, 3 and their second threads 6, 7: even those before the other node.
	hc_cpus_order(&c, 8, 1);
	order_is(&c, (const unsigned[]){2, 3, 6, 7, 0, 1, 4, 5}, 8);
	hc_cpus_order(&c, 1, 1);
	order_is(&c, (const unsigned[]){2, 3, 6, 7, 1, 4, 5, 0}, 8);
}

static void an_unknown_node_is_no_reason(void)
{
	struct hc_cpus c = fx_machine(1, 3, 1);

	c.cpu[0].node = -1;
	hc_cpus_order(&c, 3, 0);
	order_is(&c, (const unsigned[]){0, 1, 2}, 3);
}

static void cpus_of_other_dpdk_processes_come_last(void)
{
	struct hc_cpus c = fx_machine(1, 3, 1);

	// Better the lowest than one that somebody polls on.
	c.cpu[1].is_taken = true;
	hc_cpus_order(&c, 1, -1);
	order_is(&c, (const unsigned[]){2, 0, 1}, 3);
	c = fx_machine(1, 2, 1);
	c.cpu[1].is_taken = true;
	hc_cpus_order(&c, 1, -1);
	order_is(&c, (const unsigned[]){0, 1}, 2);

	// Even on the port's node.
	c = fx_machine(2, 1, 1);
	c.cpu[1].is_taken = true;
	hc_cpus_order(&c, 2, 1);
	order_is(&c, (const unsigned[]){0, 1}, 2);
}

// Runs as a process of its own, under this name and on this CPU, until told.
static pid_t fx_process(const char *name, unsigned cpu, int until_fd, int ready_fd)
{
	pid_t pid = fork();
	cpu_set_t set;
	char byte = 0;

	if (pid != 0)
		return pid;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		_exit(1);
	if (prctl(PR_SET_NAME, name) != 0 || write(ready_fd, &byte, 1) != 1)
		_exit(1);
	_exit(read(until_fd, &byte, 1) == 1 ? 0 : 1);
}

// Whether the CPU counts as taken while such a process runs.
static bool is_taken_by(const char *name, unsigned cpu_idx)
{
	struct hc_cpus c;
	int until[2], ready[2];
	char byte = 0;
	pid_t pid;
	int status = 1;

	UNIT_EQ(hc_cpus_read(&c), 0);
	CU_ASSERT_FATAL(pipe(until) == 0 && pipe(ready) == 0);
	pid = fx_process(name, c.cpu[cpu_idx].id, until[0], ready[1]);
	CU_ASSERT_FATAL(pid > 0);
	UNIT_EQ(read(ready[0], &byte, 1), 1);
	hc_cpus_mark_taken(&c);
	UNIT_EQ(write(until[1], &byte, 1), 1);
	UNIT_EQ(waitpid(pid, &status, 0), pid);
	UNIT_EQ(status, 0);
	for (unsigned i = 0; i < 2; i++) {
		(void)close(until[i]);
		(void)close(ready[i]);
	}
	return c.cpu[cpu_idx].is_taken;
}

static void pinned_workers_of_other_processes_are_seen(void)
{
	CU_ASSERT(is_taken_by("rte-worker-1", 0));
	CU_ASSERT(is_taken_by("dpdk-worker3", 0));
}

static void this_machine_has_cpus(void)
{
	struct hc_cpus c;

	UNIT_EQ(hc_cpus_read(&c), 0);
	CU_ASSERT(c.count >= 1 && c.count <= HC_CPUS_MAX);
	for (unsigned i = 1; i < c.count; i++)
		UNIT_EXPECT(c.cpu[i - 1].id < c.cpu[i].id);
}

static void a_device_that_is_not_there_has_no_node(void)
{
	UNIT_EQ(hc_cpus_pci_node("ffff:ff:1f.7"), -1);
}

UNIT_SUITE(cpus, UNIT_TEST(the_lowest_cpu_is_left_to_the_kernel),
	   UNIT_TEST(the_lowest_cpu_is_used_when_it_is_needed), UNIT_TEST(one_cpu_is_enough),
	   UNIT_TEST(first_threads_come_before_second_ones), UNIT_TEST(the_ports_node_comes_first),
	   UNIT_TEST(an_unknown_node_is_no_reason),
	   UNIT_TEST(cpus_of_other_dpdk_processes_come_last),
	   UNIT_TEST(pinned_workers_of_other_processes_are_seen), UNIT_TEST(this_machine_has_cpus),
	   UNIT_TEST(a_device_that_is_not_there_has_no_node));
