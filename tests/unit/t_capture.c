// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Capture files, read back byte by byte.

#include "io/capture.h"

#include "fx_runtime.h"
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "io/sim.h"
#include "stack/port.h"

#define FILE_HEADER_LEN 60u // A section header and an interface.

static char path[64];
static uint8_t bytes[100000];
static struct hc_sim_port sp;

static struct hc_capture *fx_open(void)
{
	const struct hc_port_config cfg = {
		.device = "ring", .queue_count = 1, .buffer_count = 255, .ring_desc = 64};
	struct hc_capture *c;
	char why[HC_WHY_SIZE];
	int err = hc_sim_port_open(fx_runtime(), &cfg, &sp, why);
	int fd;

	CU_ASSERT_FATAL(err == 0);
	(void)snprintf(path, sizeof path, "/tmp/hc_unit_capture.XXXXXX");
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	(void)close(fd);
	c = hc_capture_open(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

// Reads the file into `bytes` and puts everything away. @return its length.
static size_t fx_shut(struct hc_capture *c)
{
	size_t len = 0;
	FILE *f;

	UNIT_EQ(hc_capture_close(c), 0);
	f = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	len = fread(bytes, 1, sizeof bytes, f);
	(void)fclose(f);
	(void)unlink(path);
	hc_port_close(sp.port);
	return len;
}

static void an_empty_capture_has_a_header(void)
{
	static const uint16_t version[2] = {1, 0};
	static const uint16_t resolution[2] = {9, 1}; // if_tsresol, one byte: 10^-9 s.
	size_t len = fx_shut(fx_open());

	UNIT_EQ(len, FILE_HEADER_LEN);
	UNIT_EQ(hc_load32(bytes), 0x0a0d0d0a);
	UNIT_EQ(hc_load32(bytes + 4), 28);
	UNIT_EQ(hc_load32(bytes + 8), 0x1a2b3c4d);
	UNIT_EQ_BYTES(bytes + 12, version, sizeof version);
	UNIT_EQ(hc_load64(bytes + 16), UINT64_MAX);
	UNIT_EQ(hc_load32(bytes + 24), 28);
	UNIT_EQ(hc_load32(bytes + 28), 1);
	UNIT_EQ(hc_load32(bytes + 32), 32);
	UNIT_EQ(hc_load32(bytes + 36), 1);
	UNIT_EQ(hc_load32(bytes + 40), 65535);
	UNIT_EQ_BYTES(bytes + 44, resolution, sizeof resolution);
	UNIT_EQ(bytes[48], 9);
	UNIT_EQ(hc_load32(bytes + 52), 0);
	UNIT_EQ(hc_load32(bytes + 56), 32);
}

// A packet block at `at`, of `len` bytes that count up from `first`. @return where it ends.
static const uint8_t *check_block(const uint8_t *at, uint64_t t_ns, uint32_t len, unsigned first)
{
	uint32_t block_len = 28 + (len + 3) / 4 * 4 + 4;

	UNIT_EQ(hc_load32(at), 6);
	UNIT_EQ(hc_load32(at + 4), block_len);
	UNIT_EQ(hc_load32(at + 8), 0);
	UNIT_EQ(hc_load32(at + 12), (uint32_t)(t_ns >> 32));
	UNIT_EQ(hc_load32(at + 16), (uint32_t)t_ns);
	UNIT_EQ(hc_load32(at + 20), len);
	UNIT_EQ(hc_load32(at + 24), len);
	for (unsigned k = 0; k < len; k++)
		UNIT_EXPECT(at[28 + k] == (uint8_t)(first + k));
	for (unsigned k = 28 + len; k < block_len - 4; k++)
		UNIT_EXPECT(at[k] == 0);
	UNIT_EQ(hc_load32(at + block_len - 4), block_len);
	return at + block_len;
}

static void frames_have_time_and_length(void)
{
	struct hc_capture *c = fx_open();
	const uint8_t *at = bytes + FILE_HEADER_LEN;
	size_t len;

	for (unsigned i = 0; i < 5; i++) {
		struct rte_mbuf *m = fx_frame(sp.port, 60 + i, i);

		hc_capture_frame(c, 5000000000ull * i + 123456789, m);
		rte_pktmbuf_free(m);
	}
	UNIT_EQ(hc_capture_count(c), 5);
	len = fx_shut(c);
	for (unsigned i = 0; i < 5; i++)
		at = check_block(at, 5000000000ull * i + 123456789, 60 + i, i);
	UNIT_EQ(len, (size_t)(at - bytes));
}

static void chained_buffers_are_one_frame(void)
{
	struct hc_capture *c = fx_open();
	struct rte_mbuf *m = fx_frame(sp.port, 54, 0);
	size_t len;

	UNIT_EQ(rte_pktmbuf_chain(m, fx_frame(sp.port, 100, 54)), 0);
	hc_capture_frame(c, 0, m);
	rte_pktmbuf_free(m);
	len = fx_shut(c);
	UNIT_EQ(len, (size_t)(check_block(bytes + FILE_HEADER_LEN, 0, 154, 0) - bytes));
}

static void a_full_disk_is_told_at_the_end(void)
{
	struct hc_capture *c;

	(void)fx_shut(fx_open());
	c = hc_capture_open("/dev/full");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	UNIT_EQ(hc_capture_close(c), -EIO);
	errno = 0;
	CU_ASSERT_PTR_NULL(hc_capture_open("/nonexistent/folder/x.pcapng"));
	UNIT_EQ(errno, ENOENT);
}

UNIT_SUITE(capture, UNIT_TEST(an_empty_capture_has_a_header),
	   UNIT_TEST(frames_have_time_and_length), UNIT_TEST(chained_buffers_are_one_frame),
	   UNIT_TEST(a_full_disk_is_told_at_the_end));
