// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The pcap format: a header of 24 bytes for the file and one of 16 for each frame, in the writer's
// byte order, which readers tell by the magic number. See capture.h.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "io/capture.h"

#define PCAP_MAGIC_NS      0xa1b23c4du
#define PCAP_VERSION       (2u | 4u << 16) // Two 16-bit fields; see byte order below.
#define PCAP_SNAP_LEN      65535u
#define PCAP_LINK_ETHERNET 1u
#define NS_IN_S            1000000000u

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#undef PCAP_VERSION
#define PCAP_VERSION (2u << 16 | 4u)
#endif

struct hc_capture {
	FILE *file;
	uint64_t count;
	bool has_failed;
};

static void put(struct hc_capture *c, const void *data, size_t len)
{
	if (fwrite(data, 1, len, c->file) != len)
		c->has_failed = true;
}

struct hc_capture *hc_capture_open(const char *path)
{
	const uint32_t header[6] = {PCAP_MAGIC_NS, PCAP_VERSION,      0, 0,
				    PCAP_SNAP_LEN, PCAP_LINK_ETHERNET};
	struct hc_capture *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->file = fopen(path, "we");
	if (!c->file) {
		free(c);
		return NULL;
	}
	put(c, header, sizeof header);
	return c;
}

void hc_capture_frame(struct hc_capture *c, uint64_t now_ns, const struct rte_mbuf *m)
{
	uint32_t len = rte_pktmbuf_pkt_len(m);
	uint32_t rest = hc_min_u32(len, PCAP_SNAP_LEN);
	const uint32_t header[4] = {(uint32_t)(now_ns / NS_IN_S), (uint32_t)(now_ns % NS_IN_S),
				    rest, len};

	put(c, header, sizeof header);
	for (; m && rest > 0; m = m->next) {
		uint32_t part = hc_min_u32(rte_pktmbuf_data_len(m), rest);

		put(c, rte_pktmbuf_mtod(m, const void *), part);
		rest -= part;
	}
	c->count++;
}

uint64_t hc_capture_count(const struct hc_capture *c)
{
	return c->count;
}

int hc_capture_close(struct hc_capture *c)
{
	bool has_failed = fclose(c->file) != 0 || c->has_failed;

	free(c);
	return has_failed ? -EIO : 0;
}
