// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The pcapng format: blocks of a type and a length, in the writer's byte order, which readers tell
// by the magic number of the first. A section header, one Ethernet interface with nanosecond times,
// and an enhanced packet block for each frame. See capture.h.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "io/capture.h"

#define BLOCK_SECTION      0x0a0d0d0au
#define BLOCK_INTERFACE    1u
#define BLOCK_PACKET       6u
#define SECTION_MAGIC      0x1a2b3c4du
#define SECTION_VERSION    1u // 1.0: the major number comes first.
#define SNAP_LEN           65535u
#define LINK_ETHERNET      1u
#define OPTION_RESOLUTION  9u
#define RESOLUTION_NS      9u // 10^-9 s.
#define PACKET_HEADER_LEN  28u
#define PACKET_TRAILER_LEN 4u

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "two 16-bit fields of a header are written as one word of 32 bits"
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

static void put_header(struct hc_capture *c)
{
	// clang-format off
	const uint32_t section[] = {
		BLOCK_SECTION, 28, SECTION_MAGIC, SECTION_VERSION, UINT32_MAX, UINT32_MAX, 28,
	};
	const uint32_t ethernet[] = {
		BLOCK_INTERFACE, 32, LINK_ETHERNET, SNAP_LEN,
		OPTION_RESOLUTION | 1u << 16, RESOLUTION_NS, 0, 32,
	};
	// clang-format on

	put(c, section, sizeof section);
	put(c, ethernet, sizeof ethernet);
}

struct hc_capture *hc_capture_open(const char *path)
{
	struct hc_capture *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->file = fopen(path, "we");
	if (!c->file) {
		free(c);
		return NULL;
	}
	put_header(c);
	return c;
}

void hc_capture_frame(struct hc_capture *c, uint64_t now_ns, const struct rte_mbuf *m)
{
	static const uint8_t padding[4];
	uint32_t len = rte_pktmbuf_pkt_len(m);
	uint32_t rest = hc_min_u32(len, SNAP_LEN);
	uint32_t pad = -rest & 3u;
	uint32_t block_len = PACKET_HEADER_LEN + rest + pad + PACKET_TRAILER_LEN;
	const uint32_t header[PACKET_HEADER_LEN / 4] = {
		BLOCK_PACKET, block_len, 0, (uint32_t)(now_ns >> 32), (uint32_t)now_ns, rest, len};

	put(c, header, sizeof header);
	for (; m && rest > 0; m = m->next) {
		uint32_t part = hc_min_u32(rte_pktmbuf_data_len(m), rest);

		put(c, rte_pktmbuf_mtod(m, const void *), part);
		rest -= part;
	}
	put(c, padding, pad);
	put(c, &block_len, sizeof block_len);
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
