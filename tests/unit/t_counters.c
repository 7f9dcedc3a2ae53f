// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The table of counters says for each what its line in counters.def says, and the lines are fit to
// be read: names that differ, a sentence of help, an RFC where one is meant.

#include <string.h>

#include <handclasp/counters.h>

#include "runner.h"

static void each_counter_has_the_name_of_its_constant(void)
{
#define HC_COUNTER_DEF(id, kind_, rfc_, help_)                                                     \
	CU_ASSERT_STRING_EQUAL(hc_counter_table[HC_CTR_##id].name, #id);                           \
	CU_ASSERT_STRING_EQUAL(hc_counter_table[HC_CTR_##id].rfc, rfc_);                           \
	CU_ASSERT_STRING_EQUAL(hc_counter_table[HC_CTR_##id].help, help_);                         \
	UNIT_EQ(hc_counter_table[HC_CTR_##id].kind, HC_COUNTER_##kind_);
#include <handclasp/counters.def>
#undef HC_COUNTER_DEF
}

static void names_are_words_in_lower_case_and_differ(void)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	for (unsigned i = 0; i < HC_CTR_COUNT; i++) {
		const char *name = hc_counter_table[i].name;

		UNIT_EQ(strspn(name, letters), strlen(name));
		for (unsigned j = i + 1; j < HC_CTR_COUNT; j++)
			CU_ASSERT(strcmp(name, hc_counter_table[j].name) != 0);
	}
}

static void help_is_a_sentence(void)
{
	for (unsigned i = 0; i < HC_CTR_COUNT; i++) {
		const char *help = hc_counter_table[i].help;
		size_t len = strlen(help);

		CU_ASSERT_FATAL(len > 10);
		CU_ASSERT(help[len - 1] == '.' || help[len - 1] == ')');
		CU_ASSERT(strncmp(hc_counter_table[i].rfc, "RFC ", 4) == 0 ||
			  hc_counter_table[i].rfc[0] == '\0');
	}
}

UNIT_SUITE(counters, UNIT_TEST(each_counter_has_the_name_of_its_constant),
	   UNIT_TEST(names_are_words_in_lower_case_and_differ), UNIT_TEST(help_is_a_sentence));
