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

#define FILE_HEADER_LEN  24u
#define FRAME_HEADER_LEN 16u

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
	static const uint16_t version[2] = {2, 4};
	size_t len = fx_shut(fx_open());

	UNIT_EQ(len, FILE_HEADER_LEN);
	UNIT_EQ(hc_load32(bytes), 0xa1b23c4d);
	UNIT_EQ_BYTES(bytes + 4, version, sizeof version);
	UNIT_EQ(hc_load32(bytes + 16), 65535);
	UNIT_EQ(hc_load32(bytes + 20), 1);
}

static void frames_have_time_and_length(void)
{
	struct hc_capture *c = fx_open();
	const uint8_t *at = bytes + FILE_HEADER_LEN;
	size_t len;

	for (unsigned i = 0; i < 3; i++) {
		struct rte_mbuf *m = fx_frame(sp.port, 60 + i, i);

		hc_capture_frame(c, 5000000000ull * i + 123456789, m);
		rte_pktmbuf_free(m);
	}
	UNIT_EQ(hc_capture_count(c), 3);
	len = fx_shut(c);
	UNIT_EQ(len, FILE_HEADER_LEN + 3 * FRAME_HEADER_LEN + 60 + 61 + 62);
	for (unsigned i = 0; i < 3; i++) {
		UNIT_EQ(hc_load32(at), 5 * i);
		UNIT_EQ(hc_load32(at + 4), 123456789);
		UNIT_EQ(hc_load32(at + 8), 60 + i);
		UNIT_EQ(hc_load32(at + 12), 60 + i);
		for (unsigned k = 0; k < 60 + i; k++)
			UNIT_EXPECT(at[FRAME_HEADER_LEN + k] == (uint8_t)(i + k));
		at += FRAME_HEADER_LEN + 60 + i;
	}
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
	UNIT_EQ(len, FILE_HEADER_LEN + FRAME_HEADER_LEN + 154);
	UNIT_EQ(hc_load32(bytes + FILE_HEADER_LEN + 8), 154);
	for (unsigned k = 0; k < 154; k++)
		UNIT_EXPECT(bytes[FILE_HEADER_LEN + FRAME_HEADER_LEN + k] == (uint8_t)k);
}

static void a_full_disk_is_told_at_the_end(void)
{
	struct hc_capture *c;

	(void)fx_shut(fx_open());
	c = hc_capture_open("/dev/full");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	UNIT_EQ(hc_capture_close(c), -EIO);
	errno = 0;
	CU_ASSERT_PTR_NULL(hc_capture_open("/nonexistent/folder/x.pcap"));
	UNIT_EQ(errno, ENOENT);
}

UNIT_SUITE(capture, UNIT_TEST(an_empty_capture_has_a_header),
	   UNIT_TEST(frames_have_time_and_length), UNIT_TEST(chained_buffers_are_one_frame),
	   UNIT_TEST(a_full_disk_is_told_at_the_end));
