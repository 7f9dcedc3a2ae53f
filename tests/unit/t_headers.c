// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The public headers. That each compiles alone, and twice, in C and in C++, is shown by this
// program's being built (meson.build makes a file for each); what is left to test is that both
// languages mean the same.

#include <string.h>

#include <handclasp/handclasp.h>

#include "runner.h"
#include "t_headers.h"

static const struct header_layout layouts_c[] = {HEADER_LAYOUTS(HEADER_LAYOUT){NULL, 0, 0}};

static void event_is_sixteen_bytes(void)
{
	UNIT_EQ(sizeof(struct hc_event), 16);
	UNIT_EQ(sizeof(hc_conn), 8);
	UNIT_EQ(HC_CONN_NONE, 0);
}

static void c_and_cxx_lay_out_the_same(void)
{
#if HC_TEST_CXX
	unsigned i;

	for (i = 0; layouts_c[i].name; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(header_layouts_cxx[i].name);
		CU_ASSERT_STRING_EQUAL(layouts_c[i].name, header_layouts_cxx[i].name);
		UNIT_EQ(layouts_c[i].size, header_layouts_cxx[i].size);
		UNIT_EQ(layouts_c[i].last_field_at, header_layouts_cxx[i].last_field_at);
	}
	CU_ASSERT_PTR_NULL(header_layouts_cxx[i].name);
#else
	CU_ASSERT(layouts_c[0].size != 0);
#endif
}

UNIT_SUITE(headers, UNIT_TEST(event_is_sixteen_bytes), UNIT_TEST(c_and_cxx_lay_out_the_same));
