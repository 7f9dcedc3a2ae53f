// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Histograms in the two forms that HdrHistogram's tools read: the V2 compressed encoding in base64,
// which holds every bucket, and the text table of percentiles (.hgrm). Values beyond the top of the
// histogram are in neither; the result file counts them.

#include <stdio.h>

#include <handclasp/handclasp.h>

// The encoding, as the tools expect it after a tag. The caller frees it. @return NULL when memory
// is short.
char *hdr_encode(const struct hc_hist *h);

// The table, in microseconds. @return false when it could not be written.
bool hdr_write_percentiles(const struct hc_hist *h, FILE *to);
