// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Free hugepages by sysfs, and by trying. An ordinary user may use them through memfd_create(), as
// EAL's --in-memory does, without any mount; but a control group may forbid what sysfs shows as
// free, so a page of each size is allocated for a moment. fallocate() does that and answers with an
// error where touching the page would end the process.

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/hugepages.h"

#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages"
#define NAME_PREFIX   "hugepages-"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

static uint64_t read_number(const char *folder, const char *file)
{
	unsigned long long value = 0;
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof path, HUGEPAGES_DIR "/%s/%s", folder, file);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &value) != 1)
		value = 0;
	(void)fclose(f);
	return value;
}

static bool can_allocate(uint64_t page_bytes)
{
	unsigned size_log2 = (unsigned)__builtin_ctzll(page_bytes);
	int fd = memfd_create("hc_probe", MFD_CLOEXEC | MFD_HUGETLB | size_log2 << MFD_HUGE_SHIFT);
	bool is_allocated;

	if (fd < 0)
		return false;
	is_allocated = fallocate(fd, 0, 0, (off_t)page_bytes) == 0;
	(void)close(fd);
	return is_allocated;
}

// Adds up what `pages_of` finds for each page size.
static uint64_t sum_sizes(uint64_t (*pages_of)(const char *folder, uint64_t page_bytes))
{
	DIR *dir = opendir(HUGEPAGES_DIR);
	const struct dirent *entry;
	uint64_t bytes = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		uint64_t page_bytes;

		if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0)
			continue;
		page_bytes = strtoull(entry->d_name + strlen(NAME_PREFIX), NULL, 10) * 1024;
		if (page_bytes > 0 && (page_bytes & (page_bytes - 1)) == 0)
			bytes += pages_of(entry->d_name, page_bytes) * page_bytes;
	}
	(void)closedir(dir);
	return bytes;
}

static uint64_t free_pages(const char *folder, uint64_t page_bytes)
{
	uint64_t pages_free = read_number(folder, "free_hugepages");
	uint64_t pages_promised = read_number(folder, "resv_hugepages");

	if (pages_free <= pages_promised || !can_allocate(page_bytes))
		return 0;
	return pages_free - pages_promised;
}

static uint64_t all_pages(const char *folder, HC_UNUSED uint64_t page_bytes)
{
	return read_number(folder, "nr_hugepages");
}

uint64_t hc_hugepages_free_bytes(void)
{
	return sum_sizes(free_pages);
}

uint64_t hc_hugepages_total_bytes(void)
{
	return sum_sizes(all_pages);
}
