// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "latency.h"

const struct latency_name latency_names[LATENCY_KINDS] = {
	[LATENCY_CONNECT] = {"connect", "connect"},
	[LATENCY_CONNECT_CORRECTED] = {"connect_corrected", "  corrected"},
	[LATENCY_ESTABLISHMENT] = {"establishment", "establish"},
	[LATENCY_CLOSE] = {"close", "close"},
	[LATENCY_TEARDOWN] = {"teardown", "tear-down"},
	[LATENCY_FIRST_BYTE] = {"first_byte", "first byte"},
	[LATENCY_FIRST_BYTE_CORRECTED] = {"first_byte_corrected", "  corrected"},
	[LATENCY_RESPONSE] = {"response", "response"},
	[LATENCY_RESPONSE_CORRECTED] = {"response_corrected", "  corrected"},
};
