// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// A stdio stream whose writes land here: DPDK flushes after every message, so a write is a message,
// and rte_log_cur_msg_loglevel() tells its level. What is printed goes to a file in memory that
// takes the place of stdout and stderr. See dpdk_log.h.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_log.h>

#include "io/dpdk_log.h"

// Copies the first line that is not empty.
static void first_line(char line[HC_DPDK_LOG_ERROR_SIZE], const char *text, size_t len)
{
	size_t kept = 0;

	while (len > 0 && *text == '\n') {
		text++;
		len--;
	}
	for (size_t i = 0; i < len && kept + 1 < HC_DPDK_LOG_ERROR_SIZE && text[i] != '\n'; i++)
		if (text[i] != '\0')
			line[kept++] = text[i];
	line[kept] = '\0';
}

static void show(const struct hc_dpdk_log *log, const char *text, size_t len)
{
	int fd = log->aside_fd >= 0 ? log->err_fd : STDERR_FILENO;

	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static ssize_t write_message(void *cookie, const char *msg, size_t len)
{
	struct hc_dpdk_log *log = cookie;
	int level = rte_log_cur_msg_loglevel();
	bool is_last_word = level >= 0 && level <= (int)RTE_LOG_CRIT;
	size_t room;

	(void)pthread_mutex_lock(&log->lock);
	if (log->is_kept && !is_last_word) {
		room = sizeof log->text - log->text_len;
		room = len < room ? len : room;
		memcpy(log->text + log->text_len, msg, room);
		log->text_len += room;
		if (level >= 0 && level <= (int)RTE_LOG_ERR && log->error[0] == '\0')
			first_line(log->error, msg, len);
	} else {
		show(log, msg, len);
	}
	(void)pthread_mutex_unlock(&log->lock);
	return (ssize_t)len;
}

int hc_dpdk_log_open(struct hc_dpdk_log *log)
{
	memset(log, 0, sizeof *log);
	log->aside_fd = -1;
	log->before = rte_log_get_stream();
	if (pthread_mutex_init(&log->lock, NULL) != 0)
		return -ENOMEM;
	log->stream = fopencookie(log, "w", (cookie_io_functions_t){.write = write_message});
	if (log->stream && rte_openlog_stream(log->stream) == 0)
		return 0;
	hc_dpdk_log_shut(log);
	return -ENOMEM;
}

void hc_dpdk_log_shut(struct hc_dpdk_log *log)
{
	(void)rte_openlog_stream(log->before);
	if (log->stream)
		(void)fclose(log->stream);
	log->stream = NULL;
	(void)pthread_mutex_destroy(&log->lock);
}

static void shut_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

// Puts a file in memory in the place of stdout and stderr. Without one they stay as they are.
static void turn_aside(struct hc_dpdk_log *log)
{
	int aside_fd = memfd_create("hc_words", MFD_CLOEXEC);

	log->out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	log->err_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (aside_fd < 0 || log->out_fd < 0 || log->err_fd < 0) {
		shut_fd(aside_fd);
		shut_fd(log->out_fd);
		shut_fd(log->err_fd);
		return;
	}
	(void)fflush(stdout);
	(void)dup2(aside_fd, STDOUT_FILENO);
	(void)dup2(aside_fd, STDERR_FILENO);
	log->aside_fd = aside_fd;
}

static void turn_back(struct hc_dpdk_log *log, bool is_shown)
{
	char text[HC_DPDK_LOG_TEXT_SIZE];
	ssize_t len;

	(void)fflush(stdout);
	(void)dup2(log->out_fd, STDOUT_FILENO);
	(void)dup2(log->err_fd, STDERR_FILENO);
	len = pread(log->aside_fd, text, sizeof text, 0);
	if (len > 0) {
		first_line(log->printed, text, (size_t)len);
		if (is_shown)
			show(log, text, (size_t)len);
	}
	shut_fd(log->aside_fd);
	shut_fd(log->out_fd);
	shut_fd(log->err_fd);
	log->aside_fd = -1;
}

void hc_dpdk_log_keep(struct hc_dpdk_log *log, bool is_hushed)
{
	(void)pthread_mutex_lock(&log->lock);
	log->is_kept = true;
	log->text_len = 0;
	log->error[0] = '\0';
	log->printed[0] = '\0';
	if (is_hushed)
		turn_aside(log);
	(void)pthread_mutex_unlock(&log->lock);
}

void hc_dpdk_log_let(struct hc_dpdk_log *log, bool is_shown)
{
	(void)pthread_mutex_lock(&log->lock);
	if (log->aside_fd >= 0)
		turn_back(log, is_shown);
	if (is_shown)
		show(log, log->text, log->text_len);
	log->is_kept = false;
	(void)pthread_mutex_unlock(&log->lock);
}
