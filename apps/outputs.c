// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hdr.h"

#define PATH_SIZE 4096u

static FILE *open_file(const char *option, const char *path)
{
	FILE *file = NULL;
	int fd;

	if (strcmp(path, "-") == 0) {
		complain("--%s takes no -, which is for --json alone: give a file (/dev/stdout is "
			 "one)",
			 option);
		return NULL;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd >= 0)
		file = fdopen(fd, "w");
	if (!file)
		complain("--%s %s cannot be written (%s): give a file that can", option, path,
			 strerror(errno));
	return file;
}

// A pipe or a terminal cannot be cut to length, and need not be.
static void empty(const char *option, const char *path, FILE *file)
{
	if (file != stdout && ftruncate(fileno(file), 0) != 0 && errno != EINVAL)
		complain("--%s %s cannot be emptied (%s)", option, path, strerror(errno));
}

static bool open_csv(struct outputs *o, const char *path)
{
	o->csv = open_file("csv", path);
	if (!o->csv)
		return false;
	empty("csv", path, o->csv);
	if (interval_write_heading(o->csv))
		return true;
	complain("--csv %s cannot be written: is there room?", path);
	return false;
}

static bool make_directory(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) != 0 && errno != EEXIST) {
		complain("--hgrm %s cannot be made (%s): give a directory that can", path,
			 strerror(errno));
		return false;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && access(path, W_OK) == 0)
		return true;
	complain("--hgrm %s is no directory to write to: give one that is, or is not there yet",
		 path);
	return false;
}

bool outputs_open(struct outputs *o, const struct config *cfg)
{
	*o = (struct outputs){0};
	if (cfg->json) {
		o->json = strcmp(cfg->json, "-") == 0 ? stdout : open_file("json", cfg->json);
		if (!o->json)
			return false;
	}
	if (cfg->is_dry_run)
		return true;
	if (cfg->csv && !open_csv(o, cfg->csv))
		return false;
	if (cfg->hlog) {
		o->hlog = open_file("hlog", cfg->hlog);
		if (!o->hlog)
			return false;
	}
	return !cfg->hgrm || make_directory(cfg->hgrm);
}

void outputs_close(struct outputs *o)
{
	FILE *const files[] = {o->json, o->csv, o->hlog};

	for (unsigned i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i] && files[i] != stdout)
			(void)fclose(files[i]);
	}
}

void outputs_empty_json(const struct outputs *o, const struct config *cfg)
{
	empty("json", cfg->json, o->json);
}

// ---------------------------------------------------------------------------------------------
// histograms

static bool write_hgrm(const char *directory, const char *name, const struct hc_hist *h)
{
	char path[PATH_SIZE];
	FILE *file;
	bool is_written;

	snprintf(path, sizeof path, "%s/%s.hgrm", directory, name);
	file = fopen(path, "we");
	is_written = file && hdr_write_percentiles(h, file);
	if (file && fclose(file) != 0)
		is_written = false;
	if (!is_written)
		complain("%s cannot be written (%s)", path, strerror(errno));
	return is_written;
}

// The log of HdrHistogram's tools, version 1.3: one tagged histogram of the measured part each.
static bool write_hlog(const struct result *r, FILE *to)
{
	struct timespec now = {0};
	double start_s;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	start_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - r->elapsed_s;
	fprintf(to,
		"#[Histogram log format version 1.3]\n#[StartTime: %.3f (seconds since epoch)]\n"
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_"
		"Histogram\"\n",
		start_s);
	for (unsigned i = 0; i < LATENCY_KINDS; i++) {
		char *code;

		if (r->latency[i].count == 0)
			continue;
		code = hdr_encode(&r->latency[i]);
		if (!code)
			return false;
		fprintf(to, "Tag=%s,%.3f,%.3f,%.3f,%s\n", latency_names[i].key, r->steady_from_s,
			r->steady_to_s - r->steady_from_s, (double)r->latency[i].max_ns / 1e6,
			code);
		free(code);
	}
	return fflush(to) == 0 && !ferror(to);
}

bool outputs_write(const struct outputs *o, const struct result *r)
{
	bool is_written = true;

	if (o->json) {
		outputs_empty_json(o, r->cfg);
		is_written = result_write_json(r, o->json);
	}
	if (o->hlog) {
		empty("hlog", r->cfg->hlog, o->hlog);
		if (!write_hlog(r, o->hlog)) {
			complain("--hlog %s could not be written: is there room?", r->cfg->hlog);
			is_written = false;
		}
	}
	for (unsigned i = 0; i < LATENCY_KINDS && r->cfg->hgrm; i++) {
		if (r->latency[i].count > 0 &&
		    !write_hgrm(r->cfg->hgrm, latency_names[i].key, &r->latency[i]))
			is_written = false;
	}
	return is_written;
}
