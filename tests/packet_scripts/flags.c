// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The flags of the plug-in: words separated by commas.
//
//     linux, freebsd     the profile, also as profile=NAME: order of options, window scale,
//                        buffers; stands first, since it sets them all (linux)
//     local=ADDRESS      the host's address; otherwise the first one bound or spoken to
//     mtu=N rcvbuf=N sndbuf=N wscale=N rto_min=MS time_wait=MS delayed_ack=MS
//     no-timestamps no-sack no-wscale nodelay ecn newreno
//     fastopen           listeners take Fast Open unasked, as a switch of Linux has it

#include "plugin.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void profile_linux(struct hc_stack_config *cfg)
{
	cfg->syn_layout = HC_SYN_LAYOUT_LINUX;
	cfg->rcv_buf_bytes = 65535;
	cfg->wscale_min = 8; // With 15 MB, which a window may grow to there.
	cfg->rto_min_ms = 200;
}

static void profile_freebsd(struct hc_stack_config *cfg)
{
	cfg->syn_layout = HC_SYN_LAYOUT_FREEBSD;
	cfg->rcv_buf_bytes = 65700; // 64 KiB, rounded up to whole segments of 1460.
	cfg->rcv_step_bytes = 1;    // Each ACK tells all that is free.
	cfg->wscale_min = 6;        // With 2 MB.
	cfg->rto_min_ms = 230;
}

// Small: a tool may lock all memory, and a script has a handful of connections.
static void size_for_scripts(struct hc_stack_config *cfg)
{
	hc_stack_config_default(cfg);
	cfg->local_prefix_len = 16;
	cfg->conn_cap = 256;
	cfg->syn_cap = 256;
	cfg->time_wait_cap = 256;
	cfg->tuple_cap = 4096;
	cfg->neigh_cap = 64;
	cfg->listener_cap = 64;
	cfg->span_cap = 4096;
	cfg->snd_buf_bytes = 4u << 20; // As much as either lets a program ask for.
	cfg->has_fast_open = true;     // For who asks by an option of his socket.
	cfg->arp_ttl_ms = 1u << 30;    // The next hop does not change.
	cfg->seed = 0x5c121975;
	profile_linux(cfg);
}

struct number_flag {
	const char *name;
	size_t at;
	unsigned bytes;
};

#define NUMBER(name, field)                                                                        \
	{                                                                                          \
		name, offsetof(struct hc_stack_config, field),                                     \
			sizeof(((struct hc_stack_config *)0)->field)                               \
	}

static const struct number_flag numbers[] = {
	NUMBER("mtu", mtu),
	NUMBER("rcvbuf", rcv_buf_bytes),
	NUMBER("sndbuf", snd_buf_bytes),
	NUMBER("wscale", wscale_min),
	NUMBER("rto_min", rto_min_ms),
	NUMBER("time_wait", time_wait_ms),
	NUMBER("delayed_ack", delayed_ack_ms),
};

static const char *set_number(struct hc_stack_config *cfg, const char *name, const char *value)
{
	for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		const struct number_flag *f = &numbers[i];
		unsigned long long number;
		char *end;

		if (strcmp(name, f->name) != 0)
			continue;
		number = strtoull(value, &end, 10);
		if (*value == '\0' || *end != '\0' || number >> (8 * f->bytes))
			return "a number is out of range";
		// Little endian, as everything DPDK drives here.
		memcpy((uint8_t *)cfg + f->at, &number, f->bytes);
		return NULL;
	}
	return "an unknown name";
}

static const char *set_value(struct hc_stack_config *cfg, const char *name, const char *value)
{
	struct in_addr addr;

	if (strcmp(name, "local") != 0)
		return set_number(cfg, name, value);
	if (inet_pton(AF_INET, value, &addr) != 1)
		return "an address that is none";
	cfg->local_addr = ntohl(addr.s_addr);
	return NULL;
}

static const char *set_word(struct hc_stack_config *cfg, bool *opens_fast, const char *word)
{
	if (strcmp(word, "linux") == 0)
		profile_linux(cfg);
	else if (strcmp(word, "freebsd") == 0)
		profile_freebsd(cfg);
	else if (strcmp(word, "no-timestamps") == 0)
		cfg->has_timestamps = false;
	else if (strcmp(word, "no-sack") == 0)
		cfg->has_sack = false;
	else if (strcmp(word, "no-wscale") == 0)
		cfg->has_window_scale = false;
	else if (strcmp(word, "nodelay") == 0)
		cfg->has_nodelay = true;
	else if (strcmp(word, "ecn") == 0)
		cfg->has_ecn = true;
	else if (strcmp(word, "newreno") == 0)
		cfg->congestion = HC_CONGESTION_NEWRENO;
	else if (strcmp(word, "fastopen") == 0)
		*opens_fast = true;
	else
		return "an unknown word";
	return NULL;
}

const char *plugin_flags(const char *flags, struct hc_stack_config *cfg, bool *opens_fast)
{
	char text[512];
	char *rest = text;
	char *word;

	size_for_scripts(cfg);
	if (!flags)
		return NULL;
	if (strlen(flags) >= sizeof text)
		return "too much";
	memcpy(text, flags, strlen(flags) + 1);
	while ((word = strsep(&rest, ", "))) {
		char *value = strchr(word, '=');
		const char *bad = NULL;

		if (value)
			*value++ = '\0';
		if (value && strcmp(word, "profile") != 0)
			bad = set_value(cfg, word, value);
		else if (value)
			bad = set_word(cfg, opens_fast, value);
		else if (*word)
			bad = set_word(cfg, opens_fast, word);
		if (bad)
			return bad;
	}
	return NULL;
}
