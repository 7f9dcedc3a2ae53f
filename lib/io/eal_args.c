// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// EAL's arguments, in four groups: lcores, devices, memory, and the user's own. See eal_args.h.
//
// Lcores: lcore 0 is the main thread and floats over all CPUs we may use; lcores 1, 2, ... are the
// workers, each pinned to one CPU.
// Devices: PCI is not scanned unless a device was named, because EAL would otherwise probe the
// machine's own network card. Virtual devices are attached by hc_port_open(), not here.
// Memory: --in-memory with hugepages (no files, no root, grows as needed); without them --no-huge
// and a fixed size, since that memory cannot grow, with --no-shconf because 22.11 refuses --no-huge
// beside --in-memory. Ordinary memory is only touched when used, so a generous size costs nothing.

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/eal_args.h"
#include "io/why.h"

#define MB (1024u * 1024u)

// Appends one argument. When something does not fit, text_len stays beyond the end: checked once.
__attribute__((format(printf, 2, 3))) static void add(struct hc_eal_args *a, const char *fmt, ...)
{
	size_t room = a->text_len < sizeof a->text ? sizeof a->text - a->text_len : 0;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(room ? a->text + a->text_len : NULL, room, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room || a->argc >= HC_EAL_ARGS_MAX) {
		a->text_len = sizeof a->text;
		return;
	}
	a->argv[a->argc++] = a->text + a->text_len;
	a->text_len += (size_t)len + 1;
}

// Whether the user gave an option: "--name", "--name=value", "-x" or "-xvalue".
static bool user_gave(const struct hc_eal_plan *plan, const char *option)
{
	size_t len = strlen(option);
	bool is_long = option[1] == '-';

	for (unsigned i = 0; i < plan->user_arg_count; i++) {
		const char *arg = plan->user_args[i];

		if (strncmp(arg, option, len) != 0)
			continue;
		if (!is_long || arg[len] == '\0' || arg[len] == '=')
			return true;
	}
	return false;
}

static bool user_gave_any(const struct hc_eal_plan *plan, const char *const *options)
{
	for (; *options; options++)
		if (user_gave(plan, *options))
			return true;
	return false;
}

// Appends an option without a value, unless the user does.
static void add_once(const struct hc_eal_plan *plan, struct hc_eal_args *a, const char *option)
{
	if (!user_gave(plan, option))
		add(a, "%s", option);
}

static void add_lcores(const struct hc_eal_plan *plan, struct hc_eal_args *a)
{
	static const char *const theirs[] = {"-l", "-c", "--lcores", "--coremask", NULL};
	const struct hc_cpus *cpus = plan->cpus;
	char text[HC_EAL_ARGS_TEXT / 2];
	size_t len = 0;

	a->has_user_lcores = user_gave_any(plan, theirs);
	if (a->has_user_lcores)
		return;
	for (unsigned i = 0; i < cpus->count && len < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%u", i ? "," : "0@(",
					cpus->cpu[i].id);
	for (unsigned i = 0; i < plan->worker_count && len < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s,%u@%u", i ? "" : ")",
					i + 1, cpus->cpu[i % cpus->count].id);
	if (len >= sizeof text) {
		a->text_len = sizeof a->text;
		return;
	}
	add(a, "--lcores=%s", text);
}

static void add_devices(const struct hc_eal_plan *plan, struct hc_eal_args *a)
{
	static const char *const theirs[] = {"-a", "--allow", "-b", "--block", NULL};
	bool has_pci = user_gave_any(plan, theirs);
	bool has_virtio_user = false;

	for (unsigned i = 0; i < plan->device_count; i++) {
		const struct hc_device *dev = &plan->devices[i];

		has_virtio_user |= strstr(dev->name, "virtio_user") != NULL;
		if (dev->form != HC_DEVICE_PCI)
			continue;
		has_pci = true;
		add(a, "--allow=%s%s%s", dev->name, dev->args[0] ? "," : "", dev->args);
	}
	if (!has_pci) {
		add_once(plan, a, "--no-pci");
		// Nothing here is reached by DMA, so nobody has to know physical addresses.
		if (!user_gave(plan, "--iova-mode"))
			add(a, "--iova-mode=va");
	}
	// vhost passes few file descriptors, so memory has to be in few files.
	if (has_virtio_user && a->has_hugepages && !user_gave(plan, "--legacy-mem"))
		add_once(plan, a, "--single-file-segments");
}

// Hugepages are the user's decision when he asks for something that has no meaning without them.
static bool has_hugepages(const struct hc_eal_plan *plan)
{
	static const char *const theirs[] = {"--socket-mem", "--numa-mem",   "--huge-dir",
					     "--in-memory",  "--legacy-mem", NULL};

	if (user_gave(plan, "--no-huge"))
		return false;
	return plan->has_hugepages || user_gave_any(plan, theirs);
}

static void add_memory(const struct hc_eal_plan *plan, struct hc_eal_args *a)
{
	static const char *const sizes[] = {"-m", "--memory-size", NULL};

	if (!a->has_hugepages) {
		add_once(plan, a, "--no-huge");
		add_once(plan, a, "--no-shconf");
		if (!user_gave_any(plan, sizes)) {
			add(a, "-m");
			add(a, "%" PRIu64, hc_eal_memory_bytes(plan->memory_bytes) / MB);
		}
	} else if (!user_gave(plan, "--legacy-mem")) {
		add_once(plan, a, "--in-memory");
	} else if (!user_gave(plan, "--file-prefix")) {
		add(a, "--file-prefix=hc%u", plan->pid);
	}
}

uint64_t hc_eal_memory_bytes(uint64_t memory_bytes)
{
	uint64_t mb = (memory_bytes + memory_bytes / 4) / MB + HC_EAL_MEMORY_MB_MIN;

	return mb * MB;
}

int hc_eal_args_build(const struct hc_eal_plan *plan, struct hc_eal_args *out,
		      char why[HC_WHY_SIZE])
{
	static const char *const talk[] = {"-h", "--help", "-v", "--version", "--log-level", NULL};

	HC_ASSERT(plan->cpus->count > 0);
	HC_ASSERT(plan->worker_count > 0);
	out->argc = 0;
	out->text_len = 0;
	out->has_hugepages = has_hugepages(plan);
	out->asks_for_output = user_gave_any(plan, talk);
	add(out, "handclasp");
	add_once(plan, out, "--no-telemetry");
	if (plan->is_quiet)
		add(out, "--log-level=error");
	add_lcores(plan, out);
	add_devices(plan, out);
	add_memory(plan, out);
	for (unsigned i = 0; i < plan->user_arg_count; i++)
		add(out, "%s", plan->user_args[i]);
	if (out->text_len >= sizeof out->text)
		return hc_why(why, -EINVAL,
			      "The arguments for EAL are too many or too long: at most %d of them "
			      "in %u characters are taken.",
			      HC_EAL_ARGS_MAX, HC_EAL_ARGS_TEXT);
	out->argv[out->argc] = NULL;
	return 0;
}
