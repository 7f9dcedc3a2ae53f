// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The file a packet-script tool opens. Behind it, in the same folder, lies the stack, and this only
// lets the tool in.
//
// Two files, because tools open theirs with RTLD_DEEPBIND: everything it draws in would then see
// the C library's own `optind` and `optarg`, while getopt(), called by DPDK's EAL, works on those
// of the tool, which have taken their place. What is opened from here sees what the tool sees.

#include "interface.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEHIND "handclasp_packet_host.so"

typedef void (*init_fn)(const char *flags, struct packet_tool *tool);

__attribute__((noreturn)) static void give_up(const char *why)
{
	fprintf(stderr, "handclasp: %s\n", why);
	exit(EXIT_FAILURE);
}

// The path of the file behind: beside this one.
static void path_behind(char path[PATH_MAX])
{
	Dl_info self;
	const char *name;
	size_t folder;

	if (!dladdr((const void *)(uintptr_t)packetdrill_interface_init, &self) || !self.dli_fname)
		give_up("the plug-in does not know where it lies");
	name = strrchr(self.dli_fname, '/');
	folder = name ? (size_t)(name + 1 - self.dli_fname) : 0;
	if (folder + sizeof BEHIND > PATH_MAX)
		give_up("the path of the plug-in is too long");
	// Without a folder the loader would search its own.
	(void)snprintf(path, PATH_MAX, "%s%.*s%s", folder ? "" : "./", (int)folder, self.dli_fname,
		       BEHIND);
}

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
								       struct packet_tool *tool)
{
	char path[PATH_MAX];
	void *behind;
	init_fn init;

	path_behind(path);
	// For good: EAL starts once in a process.
	behind = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!behind)
		give_up(dlerror());
	init = (init_fn)(uintptr_t)dlsym(behind, "handclasp_packet_host_init");
	if (!init)
		give_up(dlerror());
	init(flags, tool);
}
