// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// Numbers with units, addresses and ports as people write them. Each function takes the whole
// string or refuses it: no sign, no space, nothing left over, nothing rounded away, nothing out of
// range. None of them complains; the option table knows what to say.

#include <stdbool.h>
#include <stdint.h>

// "1000", "50k", "2.5M", "1G": powers of 1000.
bool units_count(const char *text, uint64_t *out);

// "512", "64k", "64KiB", "1.5M": powers of 1024, "B" allowed.
bool units_size(const char *text, uint64_t *out);

// "50k", "2.5M", "0.5", "100k/s": a count a second.
bool units_rate(const char *text, double *out);

// "0.1%", 0% to 100%: as a fraction of 1.
bool units_share(const char *text, double *out);

// "10", "1.5s", "200ms", "50us", "2min", "1h"; a bare number is in `unit_ns`.
bool units_duration(const char *text, uint64_t unit_ns, uint64_t *out_ns);

// "10.0.0.1", host order.
bool units_address(const char *text, uint32_t *out);

// "10.0.0.1/24" with the host's own bits kept. Without a length `default_len`, or a refusal if that
// is above 32.
bool units_network(const char *text, unsigned default_len, uint32_t *addr, uint8_t *len);

// "80", 1..65535.
bool units_port(const char *text, uint16_t *out);

// "80" or "1024-65535", ends included, low end first.
bool units_port_range(const char *text, uint16_t *lo, uint16_t *hi);

// An address, for printf.
#define ADDR_FMT     "%u.%u.%u.%u"
#define ADDR_ARGS(a) (a) >> 24, (a) >> 16 & 255, (a) >> 8 & 255, (a)&255
