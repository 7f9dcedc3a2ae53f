// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The times a run measures, by name, and where the loops keep them. Raw ones run from what went
// out; corrected ones, of an open loop, from when it was due.

#include <handclasp/handclasp.h>

enum latency {
	LATENCY_CONNECT, // SYN to SYN,ACK, at the client.
	LATENCY_CONNECT_CORRECTED,
	LATENCY_ESTABLISHMENT, // SYN to final ACK at the server; both ends ours.
	LATENCY_ESTABLISHMENT_CORRECTED,
	LATENCY_CLOSE,      // First FIN to its ACK; of our own if the other end is not ours.
	LATENCY_TEARDOWN,   // First FIN to both sides closed; both ends ours.
	LATENCY_FIRST_BYTE, // Request to the first byte of its response.
	LATENCY_FIRST_BYTE_CORRECTED,
	LATENCY_RESPONSE, // Request to the last byte of its response.
	LATENCY_RESPONSE_CORRECTED,
	LATENCY_KINDS
};

struct latency_name {
	const char *key;   // In the result file and in criteria.
	const char *title; // In the summary.
};

extern const struct latency_name latency_names[LATENCY_KINDS];

struct config;
struct loop;

#define LATENCY_SOURCES_MAX 2u // Both ends', or two of the client's.

// The histograms of one loop that have such times. @return how many there are.
unsigned latency_sources(const struct loop *l, const struct config *cfg, enum latency which,
			 const struct hc_hist *out[LATENCY_SOURCES_MAX]);
