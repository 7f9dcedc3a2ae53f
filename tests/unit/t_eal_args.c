// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// EAL's arguments: the defaults, what devices add, and that the user's win.

#include "io/eal_args.h"

#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static struct hc_cpus cpus; // 3, 5, 0.
static struct hc_eal_args args;
static char why[HC_WHY_SIZE];

static struct hc_eal_plan fx_plan(void)
{
	cpus.count = 3;
	cpus.cpu[0] = (struct hc_cpu){.id = 3};
	cpus.cpu[1] = (struct hc_cpu){.id = 5};
	cpus.cpu[2] = (struct hc_cpu){.id = 0};
	return (struct hc_eal_plan){.cpus = &cpus,
				    .worker_count = 1,
				    .memory_bytes = 64u << 20,
				    .has_hugepages = true,
				    .is_quiet = true,
				    .pid = 42};
}

static bool has_arg(const char *text)
{
	for (int i = 0; i < args.argc; i++)
		if (strcmp(args.argv[i], text) == 0)
			return true;
	return false;
}

// Whether some argument starts with the text.
static bool has_start(const char *text)
{
	for (int i = 0; i < args.argc; i++)
		if (strncmp(args.argv[i], text, strlen(text)) == 0)
			return true;
	return false;
}

static void build(const struct hc_eal_plan *plan)
{
	UNIT_EQ(hc_eal_args_build(plan, &args, why), 0);
	CU_ASSERT_PTR_NULL(args.argv[args.argc]);
}

// Builds with the given words of the user.
static void build_with(struct hc_eal_plan plan, const char *const *words, unsigned count)
{
	plan.user_args = words;
	plan.user_arg_count = count;
	build(&plan);
	for (unsigned i = 0; i < count; i++)
		CU_ASSERT_STRING_EQUAL(args.argv[args.argc - (int)count + (int)i], words[i]);
}

#define BUILD_WITH(plan, ...)                                                                      \
	build_with(plan, (const char *const[]){__VA_ARGS__},                                       \
		   HC_ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void defaults_start_quietly_in_memory_without_pci(void)
{
	struct hc_eal_plan plan = fx_plan();

	build(&plan);
	CU_ASSERT(has_arg("--in-memory") && !has_arg("--no-huge") && !has_arg("--no-shconf"));
	CU_ASSERT(has_arg("--no-pci") && has_arg("--iova-mode=va"));
	CU_ASSERT(has_arg("--no-telemetry") && has_arg("--log-level=error"));
	CU_ASSERT(args.has_hugepages && !args.asks_for_output && !args.has_user_lcores);
	plan.is_quiet = false;
	build(&plan);
	CU_ASSERT(!has_start("--log-level"));
}

static void the_main_lcore_floats_and_workers_are_pinned(void)
{
	struct hc_eal_plan plan = fx_plan();

	build(&plan);
	CU_ASSERT(has_arg("--lcores=0@(3,5,0),1@3"));
	plan.worker_count = 3;
	build(&plan);
	CU_ASSERT(has_arg("--lcores=0@(3,5,0),1@3,2@5,3@0"));
}

static void workers_share_when_cpus_are_few(void)
{
	struct hc_eal_plan plan = fx_plan();

	plan.worker_count = 5;
	build(&plan);
	CU_ASSERT(has_arg("--lcores=0@(3,5,0),1@3,2@5,3@0,4@3,5@5"));
}

static void without_hugepages_memory_is_fixed(void)
{
	struct hc_eal_plan plan = fx_plan();
	char size[16];

	plan.has_hugepages = false;
	build(&plan);
	// 22.11 refuses --no-huge beside --in-memory.
	CU_ASSERT(has_arg("--no-huge") && has_arg("--no-shconf") && !has_arg("--in-memory"));
	(void)snprintf(size, sizeof size, "%u", (64 + 16) + HC_EAL_MEMORY_MB_MIN);
	CU_ASSERT(has_arg("-m") && has_arg(size));
	CU_ASSERT(!args.has_hugepages);
}

static void the_heap_is_larger_than_what_it_holds(void)
{
	for (uint64_t bytes = 0; bytes < 1ull << 40; bytes = bytes * 3 + 4095) {
		uint64_t heap = hc_eal_memory_bytes(bytes);

		UNIT_EXPECT(heap >= bytes + bytes / 5 + (100u << 20));
		UNIT_EXPECT(heap % (1u << 20) == 0);
	}
}

static void pci_devices_are_allowed_by_name(void)
{
	struct hc_eal_plan plan = fx_plan();
	struct hc_device dev[2];

	UNIT_EQ(hc_device_parse("01:00.0,x=1", 0, &dev[0], why), 0);
	UNIT_EQ(hc_device_parse("tap:hc0", 0, &dev[1], why), 0);
	plan.devices = dev;
	plan.device_count = 2;
	build(&plan);
	CU_ASSERT(has_arg("--allow=0000:01:00.0,x=1"));
	CU_ASSERT(!has_arg("--no-pci") && !has_start("--iova-mode"));
	// Virtual devices are attached when they are opened.
	CU_ASSERT(!has_start("--vdev"));
	plan.devices = dev + 1;
	plan.device_count = 1;
	build(&plan);
	CU_ASSERT(has_arg("--no-pci") && !has_start("--allow"));
}

static void vhost_wants_memory_in_few_files(void)
{
	struct hc_eal_plan plan = fx_plan();
	struct hc_device dev;

	UNIT_EQ(hc_device_parse("net_virtio_user0,path=/dev/vhost-net", 0, &dev, why), 0);
	plan.devices = &dev;
	plan.device_count = 1;
	build(&plan);
	CU_ASSERT(has_arg("--single-file-segments"));
	plan.has_hugepages = false;
	build(&plan);
	CU_ASSERT(!has_arg("--single-file-segments"));
}

static void lcores_of_the_user_replace_ours(void)
{
	static const char *const forms[] = {"-l0-3", "-l", "-c0xf", "--lcores=0-3", "--lcores"};

	for (unsigned i = 0; i < HC_ARRAY_LEN(forms); i++) {
		BUILD_WITH(fx_plan(), forms[i]);
		CU_ASSERT(!has_start("--lcores=0@"));
		CU_ASSERT(args.has_user_lcores);
	}
	// An option that only starts alike.
	BUILD_WITH(fx_plan(), "--legacy-mem");
	CU_ASSERT(has_start("--lcores=0@") && !args.has_user_lcores);
}

static void memory_of_the_user_replaces_ours(void)
{
	struct hc_eal_plan small = fx_plan();

	BUILD_WITH(fx_plan(), "--no-huge");
	CU_ASSERT(has_arg("--no-shconf") && has_arg("-m") && !has_arg("--in-memory"));
	CU_ASSERT(!args.has_hugepages);
	BUILD_WITH(fx_plan(), "--no-huge", "-m", "99");
	CU_ASSERT(!has_arg("208"));
	BUILD_WITH(fx_plan(), "--legacy-mem");
	CU_ASSERT(!has_arg("--in-memory") && has_arg("--file-prefix=hc42"));
	BUILD_WITH(fx_plan(), "--legacy-mem", "--file-prefix=mine");
	CU_ASSERT(!has_arg("--file-prefix=hc42"));
	// Hugepages are asked for, though there seemed to be too few.
	small.has_hugepages = false;
	BUILD_WITH(small, "--socket-mem=512,512");
	CU_ASSERT(has_arg("--in-memory") && !has_arg("--no-huge") && args.has_hugepages);
}

static void nothing_is_said_twice(void)
{
	struct hc_eal_plan plan = fx_plan();
	unsigned count = 0;

	plan.has_hugepages = false;
	BUILD_WITH(plan, "--no-pci", "--no-telemetry", "--no-huge", "--no-shconf");
	for (int i = 0; i < args.argc; i++)
		for (int k = 0; k < i; k++)
			count += strcmp(args.argv[i], args.argv[k]) == 0;
	UNIT_EQ(count, 0);
	BUILD_WITH(fx_plan(), "--in-memory", "--iova-mode=pa");
	CU_ASSERT(!has_arg("--iova-mode=va"));
}

static void pci_of_the_user_switches_the_scan_on(void)
{
	BUILD_WITH(fx_plan(), "-a", "0000:02:00.0");
	CU_ASSERT(!has_arg("--no-pci"));
	BUILD_WITH(fx_plan(), "--block=0000:02:00.0");
	CU_ASSERT(!has_arg("--no-pci"));
}

static void who_asks_for_output_gets_it(void)
{
	BUILD_WITH(fx_plan(), "--help");
	CU_ASSERT(args.asks_for_output);
	BUILD_WITH(fx_plan(), "--log-level=lib.eal:debug");
	CU_ASSERT(args.asks_for_output);
	BUILD_WITH(fx_plan(), "--huge-unlink", "--vdev=net_null0");
	CU_ASSERT(!args.asks_for_output);
}

static void too_many_arguments_are_refused(void)
{
	struct hc_eal_plan plan = fx_plan();
	const char *many[HC_EAL_ARGS_MAX];
	char big[HC_EAL_ARGS_TEXT];

	for (unsigned i = 0; i < HC_ARRAY_LEN(many); i++)
		many[i] = "-x";
	plan.user_args = many;
	plan.user_arg_count = HC_ARRAY_LEN(many);
	UNIT_EQ(hc_eal_args_build(&plan, &args, why), -EINVAL);
	memset(big, 'x', sizeof big);
	big[sizeof big - 1] = '\0';
	many[0] = big;
	plan.user_arg_count = 1;
	UNIT_EQ(hc_eal_args_build(&plan, &args, why), -EINVAL);
}

static void a_machine_of_many_cpus_fits(void)
{
	struct hc_eal_plan plan = fx_plan();

	cpus.count = HC_CPUS_MAX;
	for (unsigned i = 0; i < HC_CPUS_MAX; i++)
		cpus.cpu[i] = (struct hc_cpu){.id = (uint16_t)i};
	plan.worker_count = 64;
	build(&plan);
	CU_ASSERT(has_start("--lcores=0@(0,1,2,"));
}

UNIT_SUITE(eal_args, UNIT_TEST(defaults_start_quietly_in_memory_without_pci),
	   UNIT_TEST(the_main_lcore_floats_and_workers_are_pinned),
	   UNIT_TEST(workers_share_when_cpus_are_few), UNIT_TEST(without_hugepages_memory_is_fixed),
	   UNIT_TEST(the_heap_is_larger_than_what_it_holds),
	   UNIT_TEST(pci_devices_are_allowed_by_name), UNIT_TEST(vhost_wants_memory_in_few_files),
	   UNIT_TEST(lcores_of_the_user_replace_ours), UNIT_TEST(memory_of_the_user_replaces_ours),
	   UNIT_TEST(nothing_is_said_twice), UNIT_TEST(pci_of_the_user_switches_the_scan_on),
	   UNIT_TEST(who_asks_for_output_gets_it), UNIT_TEST(too_many_arguments_are_refused),
	   UNIT_TEST(a_machine_of_many_cpus_fits));
