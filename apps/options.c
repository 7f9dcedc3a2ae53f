// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Reads the command line by the table. `--name value` and `--name=value` are the same; the last of
// several wins; what stands after `--` is EAL's. A value that is not right is refused with one
// sentence that names the option, the value and what would be right.

#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "units.h"

// What a value of each kind looks like, for the sentence that refuses one.
static const char *const kind_hints[OPTION_KINDS] = {
	[OPTION_COUNT] = "a whole number such as 1000, 50k or 2M",
	[OPTION_SIZE] = "a number of bytes such as 512 or 64k",
	[OPTION_RATE] = "a number a second such as 50k",
	[OPTION_SECONDS] = "a time such as 10s, 500ms or 2min",
	[OPTION_MILLIS] = "a whole number of milliseconds such as 1000, or a time such as 1s",
	[OPTION_ADDRESS] = "an IPv4 address such as 10.0.0.1",
	[OPTION_NETWORK] = "an IPv4 address with the length of its network, such as 10.0.0.2/24",
	[OPTION_PREFIX] = "an IPv4 prefix without host bits, such as 10.1.0.0/16",
	[OPTION_TARGET] = "an IPv4 address and a port, such as 10.0.0.1:80",
	[OPTION_PORTS] = "a port or a range of ports, such as 1024-65535",
	[OPTION_LISTEN] =
		"PORT[-PORT][:MODE],... with MODE http, echo, discard, accept, respond, "
		"close-first, never-read or hold, at most 256 ports, each once, such as 80,7:echo",
	[OPTION_REQUEST] = "http or a number of bytes from 1 to 1G",
	[OPTION_TEXT] = "something",
};

static void store_number(void *field, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field = value;
	}
}

static int word_index(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0)
			return i;
	}
	return -1;
}

static const char *const switch_words[] = {"off", "on", NULL};

static void complain_word(const struct option *o, const char *text, const char *const *words)
{
	char list[128] = "";

	for (unsigned i = 0; words[i]; i++) {
		size_t used = strlen(list);
		const char *glue = i == 0 ? "" : words[i + 1] ? ", " : " or ";

		snprintf(list + used, sizeof list - used, "%s%s", glue, words[i]);
	}
	complain("--%s %s is not understood: it takes %s", o->name, text, list);
}

static bool parse_word(const struct option *o, const char *text, void *field)
{
	const char *const *words = o->kind == OPTION_SWITCH ? switch_words : o->words;
	int i = word_index(words, text);

	if (i < 0) {
		complain_word(o, text, words);
		return false;
	}
	if (o->kind == OPTION_SWITCH)
		*(bool *)field = i == 1;
	else
		*(uint32_t *)field = (uint32_t)i;
	return true;
}

static bool refuse(const struct option *o, const char *text)
{
	complain("--%s %s is not understood: it takes %s", o->name, text, kind_hints[o->kind]);
	return false;
}

// A bound as people would write it.
static const char *bound_text(const struct option *o, uint64_t bound, char *text, size_t size)
{
	if (o->kind == OPTION_SECONDS)
		snprintf(text, size, "%gs", (double)bound / (double)NS_PER_S);
	else if (o->kind == OPTION_MILLIS)
		snprintf(text, size, "%llums", (unsigned long long)bound);
	else
		snprintf(text, size, "%llu", (unsigned long long)bound);
	return text;
}

static bool refuse_range(const struct option *o, const char *text)
{
	char lo[32], hi[32];

	complain("--%s %s is out of range: it takes %s to %s", o->name, text,
		 bound_text(o, o->min, lo, sizeof lo), bound_text(o, o->max, hi, sizeof hi));
	return false;
}

static bool parse_number(const struct option *o, const char *text, void *field)
{
	uint64_t value = 0;
	bool is_right = false;

	switch (o->kind) {
	case OPTION_COUNT:
		is_right = units_count(text, &value);
		break;
	case OPTION_SIZE:
		is_right = units_size(text, &value);
		break;
	case OPTION_SECONDS:
		is_right = units_duration(text, NS_PER_S, &value);
		break;
	case OPTION_MILLIS:
		is_right = units_duration(text, NS_PER_MS, &value) && value % NS_PER_MS == 0;
		value /= NS_PER_MS;
		break;
	}
	if (!is_right)
		return refuse(o, text);
	if (value < o->min || value > o->max)
		return refuse_range(o, text);
	store_number(field, o->size, value);
	return true;
}

static bool parse_rate(const struct option *o, const char *text, void *field)
{
	double rate;

	if (!units_rate(text, &rate))
		return refuse(o, text);
	if (!(rate > 0) || rate > (double)o->max) {
		complain("--%s %s is out of range: it takes more than 0 and at most %llu a second",
			 o->name, text, (unsigned long long)o->max);
		return false;
	}
	*(double *)field = rate;
	return true;
}

static bool parse_network(const struct option *o, const char *text, void *field)
{
	struct network *n = field;

	if (!units_network(text, 33, &n->addr, &n->len) || n->len < o->min)
		return refuse(o, text);
	return true;
}

static bool parse_prefix(const struct option *o, const char *text, void *field)
{
	struct hc_prefix *p = field;

	if (!units_network(text, 32, &p->addr, &p->len) || p->len < o->min)
		return refuse(o, text);
	if (p->len < 32 && (p->addr << p->len) != 0)
		return refuse(o, text);
	return true;
}

static bool has_letter(const char *text)
{
	for (; *text; text++) {
		if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
			return true;
	}
	return false;
}

static bool parse_target(const struct option *o, const char *text, void *field)
{
	struct endpoint *e = field;
	const char *colon = strrchr(text, ':');
	char addr[64];

	if (!colon || (size_t)(colon - text) >= sizeof addr)
		return refuse(o, text);
	memcpy(addr, text, (size_t)(colon - text));
	addr[colon - text] = '\0';
	if (has_letter(addr) && !strchr(addr, ':')) {
		complain("--%s %s names a host, and names are not resolved: give its IPv4 address, "
			 "such as 10.0.0.1:80",
			 o->name, text);
		return false;
	}
	if (!units_address(addr, &e->addr) || !units_port(colon + 1, &e->port))
		return refuse(o, text);
	return true;
}

static bool parse_ports(const struct option *o, const char *text, void *field)
{
	struct port_range *r = field;

	return units_port_range(text, &r->lo, &r->hi) || refuse(o, text);
}

static bool listen_add(struct listen_list *list, uint16_t port, uint8_t mode)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (list->port[i].port == port)
			return false;
	}
	if (list->count == LISTENERS_MAX)
		return false;
	list->port[list->count++] = (struct listen_port){.port = port, .mode = mode};
	return true;
}

// One PORT[-PORT][:MODE].
static bool listen_item(struct listen_list *list, char *item)
{
	char *colon = strchr(item, ':');
	uint16_t lo, hi;
	uint8_t mode = LISTEN_HTTP;

	if (colon) {
		*colon++ = '\0';
		while (mode < LISTEN_MODE_COUNT && strcmp(listen_mode_name(mode), colon) != 0)
			mode++;
	}
	if (mode >= LISTEN_MODE_COUNT || !units_port_range(item, &lo, &hi))
		return false;
	for (uint32_t port = lo; port <= hi; port++) {
		if (!listen_add(list, (uint16_t)port, mode))
			return false;
	}
	return true;
}

static bool parse_listen(const struct option *o, const char *text, void *field)
{
	struct listen_list *list = field;
	char *copy = strdup(text);
	char *rest = copy;
	bool is_right = copy != NULL;

	list->count = 0;
	while (is_right && rest) {
		char *item = strsep(&rest, ",");

		is_right = listen_item(list, item);
	}
	free(copy);
	return is_right || refuse(o, text);
}

static bool parse_request(const struct option *o, const char *text, void *field)
{
	struct request *r = field;
	uint64_t bytes;

	if (strcmp(text, "http") == 0) {
		*r = (struct request){.kind = REQUEST_HTTP};
		return true;
	}
	if (!units_size(text, &bytes) || bytes < o->min || bytes > o->max)
		return refuse(o, text);
	*r = (struct request){.kind = REQUEST_BYTES, .bytes = (uint32_t)bytes};
	return true;
}

static bool parse_text(const struct option *o, const char *text, void *field)
{
	if (*text == '\0') {
		complain("--%s is empty: it takes %s", o->name, o->arg);
		return false;
	}
	*(const char **)field = text;
	return true;
}

static bool parse_address(const struct option *o, const char *text, void *field)
{
	return units_address(text, field) || refuse(o, text);
}

static bool (*const kind_parsers[OPTION_KINDS])(const struct option *, const char *, void *) = {
	[OPTION_SWITCH] = parse_word,     [OPTION_WORD] = parse_word,
	[OPTION_COUNT] = parse_number,    [OPTION_SIZE] = parse_number,
	[OPTION_RATE] = parse_rate,       [OPTION_SECONDS] = parse_number,
	[OPTION_MILLIS] = parse_number,   [OPTION_ADDRESS] = parse_address,
	[OPTION_NETWORK] = parse_network, [OPTION_PREFIX] = parse_prefix,
	[OPTION_TARGET] = parse_target,   [OPTION_PORTS] = parse_ports,
	[OPTION_LISTEN] = parse_listen,   [OPTION_REQUEST] = parse_request,
	[OPTION_TEXT] = parse_text,
};

static const struct option *find(const char *name, size_t len)
{
	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];

		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

// The option that shares the longest beginning with what was written, if it is not far off.
static const struct option *find_near(const struct config *cfg, const char *name, size_t len)
{
	const struct option *best = NULL;
	size_t best_len = 2;

	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		size_t same = 0;

		while (same < len && o->name[same] == name[same])
			same++;
		if ((o->commands & cfg->command) && same > best_len) {
			best = o;
			best_len = same;
		}
	}
	return best;
}

static void complain_unknown(const struct config *cfg, const char *arg, size_t name_len)
{
	const struct option *near = find_near(cfg, arg + 2, name_len);

	if (near)
		complain("there is no option %.*s; --%s may be meant, and --help lists them all",
			 (int)name_len + 2, arg, near->name);
	else
		complain("there is no option %.*s; --help lists them all", (int)name_len + 2, arg);
}

static const struct option *look_up(const struct config *cfg, const char *arg, size_t name_len)
{
	const struct option *o = find(arg + 2, name_len);

	if (!o) {
		complain_unknown(cfg, arg, name_len);
		return NULL;
	}
	if (!(o->commands & cfg->command)) {
		complain("--%s is not an option of %s; --help lists those that are", o->name,
			 cfg->command_name);
		return NULL;
	}
	return o;
}

// Reads the option at argv[i]. Returns how many words it took, 0 when it was wrong.
static int parse_one(struct config *cfg, int argc, char *const *argv, int i)
{
	const char *equals = strchr(argv[i], '=');
	size_t name_len = (equals ? (size_t)(equals - argv[i]) : strlen(argv[i])) - 2;
	const struct option *o = look_up(cfg, argv[i], name_len);
	void *field;

	if (!o)
		return 0;
	field = (char *)cfg + o->offset;
	if (o->kind == OPTION_FLAG) {
		if (equals) {
			complain("--%s takes no value: write it alone", o->name);
			return 0;
		}
		*(bool *)field = true;
		return 1;
	}
	if (equals)
		return kind_parsers[o->kind](o, equals + 1, field) ? 1 : 0;
	if (i + 1 >= argc || strcmp(argv[i + 1], "--") == 0) {
		complain("--%s needs a value: --%s %s", o->name, o->name, o->arg);
		return 0;
	}
	return kind_parsers[o->kind](o, argv[i + 1], field) ? 2 : 0;
}

enum options_verdict options_parse(struct config *cfg, int argc, char *const *argv)
{
	for (int i = 0; i < argc;) {
		int taken;

		if (strcmp(argv[i], "--") == 0) {
			cfg->eal_args = (const char *const *)&argv[i + 1];
			cfg->eal_arg_count = (unsigned)(argc - i - 1);
			return OPTIONS_RUN;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			options_help(cfg, stdout);
			return OPTIONS_HELP;
		}
		if (strncmp(argv[i], "--", 2) != 0) {
			complain("'%s' is not an option: options begin with --, and --help lists "
				 "them",
				 argv[i]);
			return OPTIONS_BAD;
		}
		taken = parse_one(cfg, argc, argv, i);
		if (taken == 0)
			return OPTIONS_BAD;
		i += taken;
	}
	return OPTIONS_RUN;
}

static void help_option(const struct option *o, FILE *to)
{
	char left[64];

	if (o->kind == OPTION_WORD) {
		int used = snprintf(left, sizeof left, "--%s ", o->name);

		for (unsigned i = 0; o->words[i] && used < (int)sizeof left; i++)
			used += snprintf(left + used, sizeof left - (size_t)used, "%s%s",
					 i ? "|" : "", o->words[i]);
	} else {
		snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
	}
	if (strlen(left) > 24)
		fprintf(to, "  %s\n  %-24s  %s\n", left, "", o->help);
	else
		fprintf(to, "  %-24s  %s\n", left, o->help);
}

void options_help(const struct config *cfg, FILE *to)
{
	fprintf(to, "usage: handclasp %s [options] [-- EAL arguments]\n", cfg->command_name);
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		fprintf(to, "\n%s\n", option_group_titles[group]);
		for (unsigned i = 0; i < option_count; i++) {
			if (option_table[i].group == group &&
			    (option_table[i].commands & cfg->command))
				help_option(&option_table[i], to);
		}
	}
	fprintf(to, "\nCounts take k, M and G (thousands), sizes take k, M and G (1024), times "
		    "take ns, us, ms, s, min and h.\n");
}
