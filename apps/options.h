// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// The command line as a table: one line an option, from which parsing, error sentences, --help and
// the `config` object of the result are all made.

#include <stddef.h>

#include "config.h"

enum option_kind {
	OPTION_FLAG,     // bool, takes no value.
	OPTION_SWITCH,   // bool, on|off.
	OPTION_WORD,     // Unsigned of any width, index into `words`.
	OPTION_COUNT,    // Unsigned of any width, powers of 1000.
	OPTION_SIZE,     // Unsigned of any width, bytes.
	OPTION_RATE,     // double, a second.
	OPTION_SECONDS,  // uint64_t of ns, a bare number is seconds.
	OPTION_MILLIS,   // uint32_t of ms, a bare number is ms.
	OPTION_ADDRESS,  // uint32_t.
	OPTION_NETWORK,  // struct network.
	OPTION_PREFIX,   // struct hc_prefix.
	OPTION_TARGET,   // struct target_list.
	OPTION_PORTS,    // struct port_range.
	OPTION_LISTEN,   // struct listen_list.
	OPTION_STAGES,   // struct stage_list; each option adds one.
	OPTION_CRITERIA, // struct criteria; each option adds one.
	OPTION_REQUEST,  // struct request.
	OPTION_RESPONSE, // struct response.
	OPTION_SHARE,    // double, 0 to 1.
	OPTION_STALL,    // struct stall.
	OPTION_LOSS,     // struct loss_criterion.
	OPTION_TEXT,     // const char *.
	OPTION_KINDS
};

enum option_group {
	GROUP_TEST,
	GROUP_LOAD,
	GROUP_EXCHANGE,
	GROUP_DEVICE,
	GROUP_ATTACK,
	GROUP_PLACE,
	GROUP_MACHINE,
	GROUP_TCP,
	GROUP_LIMITS,
	GROUP_OUTPUT,
	GROUP_COUNT
};

struct option {
	const char *name; // Without the dashes.
	const char *key;  // In the result's config; NULL: not part of it.
	const char *arg;  // What --help calls the value.
	const char *help;
	const char *const *words; // OPTION_WORD, ended by NULL.
	size_t offset;            // In struct config.
	size_t size;
	uint64_t min, max; // Of numbers, in the unit they are kept in.
	uint8_t commands;  // enum command, or-ed.
	uint8_t kind;      // enum option_kind.
	uint8_t group;     // enum option_group.
};

extern const struct option option_table[];
extern const unsigned option_count;
extern const char *const option_group_titles[GROUP_COUNT];

// What may be wrong with a value.
enum option_fault {
	OPTION_FINE,
	OPTION_NOT_UNDERSTOOD,
	OPTION_OUT_OF_RANGE,
	OPTION_EMPTY,
	OPTION_NAMES_HOST,
};

// Sets an option that takes a value. Texts are referred to, not copied: they have to stay.
enum option_fault option_set(struct config *cfg, const struct option *o, const char *text);

// Says what is wrong; nothing if nothing is. `what` is how the user wrote the option's name.
void option_complain(const struct option *o, enum option_fault fault, const char *what,
		     const char *text);

enum options_verdict {
	OPTIONS_RUN,
	OPTIONS_HELP, // --help was asked for, and given.
	OPTIONS_BAD,  // Complained.
};

// Reads argv[0..argc) (sub-command not included) into *cfg, which config_init() made.
enum options_verdict options_parse(struct config *cfg, int argc, char *const *argv);

// Prints what the sub-command can do.
void options_help(const struct config *cfg, FILE *to);
