// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// DPDK's words, kept away from the terminal while EAL starts and drivers attach, so that an error
// can be told in one sentence with DPDK's own first complaint in it instead of a page of its
// consequences. At all other times its log goes to stderr as it comes.
//
// There are two kinds of words: messages of the log, and what EAL and the libraries beneath drivers
// print themselves (a usage text on stdout among them). Log messages are always taken; stdout and
// stderr are turned aside only by request, because that holds for the whole process.

#include <pthread.h>
#include <stdio.h>

#include "base/base.h"

#define HC_DPDK_LOG_TEXT_SIZE  16384u
#define HC_DPDK_LOG_ERROR_SIZE 160u

struct hc_dpdk_log {
	FILE *stream;         // What DPDK logs to ...
	FILE *before;         // ... and what it logged to before.
	pthread_mutex_t lock; // EAL's interrupt thread logs too.
	bool is_kept;
	size_t text_len;
	char text[HC_DPDK_LOG_TEXT_SIZE];
	char error[HC_DPDK_LOG_ERROR_SIZE];   // First complaint logged since keep(), "" for none.
	char printed[HC_DPDK_LOG_ERROR_SIZE]; // First line printed, known after let().
	int aside_fd;                         // Where stdout and stderr go, -1: not turned aside.
	int out_fd;                           // The real stdout ...
	int err_fd;                           // ... and stderr.
};

// Leads DPDK's log through *log, which has to stay where it is until shut. @return 0, -ENOMEM.
HC_MUST_USE int hc_dpdk_log_open(struct hc_dpdk_log *log);
void hc_dpdk_log_shut(struct hc_dpdk_log *log);

// Keeps messages from here on, forgetting those kept before; with is_hushed what is printed, too.
// Messages that precede an abort (levels CRIT and worse) are shown at once all the same.
void hc_dpdk_log_keep(struct hc_dpdk_log *log, bool is_hushed);

// Messages go to stderr again; first those kept, if they are to be shown.
void hc_dpdk_log_let(struct hc_dpdk_log *log, bool is_shown);
