// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The value of an option, from text, wherever that was read: from the command line or from a file.
// A value that is not right is refused with one sentence that names the option, the value and what
// would be right.

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
	[OPTION_TARGET] = "an IPv4 address and a port, such as 10.0.0.1:80, or several, up to 64, "
			  "such as 10.0.0.1:80-83,10.0.0.9:80",
	[OPTION_PORTS] = "a port or a range of ports, such as 1024-65535",
	[OPTION_LISTEN] =
		"PORT[-PORT][:MODE],... with MODE http, echo, discard, accept, respond, "
		"close-first, never-read or hold, at most 256 ports, each once, such as 80,7:echo",
	[OPTION_STAGES] =
		"TIME:RATE or TIME:RATE-RATE, such as 10s:0-200k; at most 64 of them, in order",
	[OPTION_CRITERIA] =
		"a measure, < or >, and a limit, such as 'p99_connect>500us', 'failed>0.001%' or "
		"'closed_rate<1M', 16 at most; the README lists the measures",
	[OPTION_LOSS] = "none, 9411 or a share such as 0.5%",
	[OPTION_REQUEST] = "http or a number of bytes from 1 to 1G, or up to 8 of them with their "
			   "shares, such as 100:50,1k:50",
	[OPTION_RESPONSE] = "a number of bytes such as 512 or 64k, or up to 8 of them with their "
			    "shares, such as 1k:50,16k:30,64k:20",
	[OPTION_SHARE] = "a share from 0% to 100% such as 0.1%",
	[OPTION_STALL] = "a time, @, and how often, which is longer, such as 200ms@5s",
	[OPTION_TEXT] = "something",
};

#define STAGE_MAX_NS (365ull * 86400 * NS_PER_S)

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

static enum option_fault parse_word(const struct option *o, const char *text, void *field)
{
	const char *const *words = o->kind == OPTION_SWITCH ? switch_words : o->words;
	int i = word_index(words, text);

	if (i < 0)
		return OPTION_NOT_UNDERSTOOD;
	if (o->kind == OPTION_SWITCH)
		*(bool *)field = i == 1;
	else
		store_number(field, o->size, (uint64_t)i);
	return OPTION_FINE;
}

static enum option_fault understood(bool is_right)
{
	return is_right ? OPTION_FINE : OPTION_NOT_UNDERSTOOD;
}

static enum option_fault parse_number(const struct option *o, const char *text, void *field)
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
		return OPTION_NOT_UNDERSTOOD;
	if (value < o->min || value > o->max)
		return OPTION_OUT_OF_RANGE;
	store_number(field, o->size, value);
	return OPTION_FINE;
}

static enum option_fault parse_rate(const struct option *o, const char *text, void *field)
{
	double rate;

	if (!units_rate(text, &rate))
		return OPTION_NOT_UNDERSTOOD;
	if (!(rate > 0) || rate > (double)o->max)
		return OPTION_OUT_OF_RANGE;
	*(double *)field = rate;
	return OPTION_FINE;
}

static enum option_fault parse_network(const struct option *o, const char *text, void *field)
{
	struct network *n = field;

	return understood(units_network(text, 33, &n->addr, &n->len) && n->len >= o->min);
}

static enum option_fault parse_prefix(const struct option *o, const char *text, void *field)
{
	struct hc_prefix *p = field;

	return understood(units_network(text, 32, &p->addr, &p->len) && p->len >= o->min &&
			  (p->len == 32 || (p->addr << p->len) == 0));
}

static bool has_letter(const char *text)
{
	for (; *text; text++) {
		if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
			return true;
	}
	return false;
}

static enum option_fault parse_ports(const struct option *o, const char *text, void *field)
{
	struct port_range *r = field;

	(void)o;
	return understood(units_port_range(text, &r->lo, &r->hi));
}

// Items with commas between them, each added to the list at `field` by `add`.
static enum option_fault parse_list(const struct option *o, const char *text, void *field,
				    bool (*add)(const struct option *o, void *field, char *item))
{
	char *copy = strdup(text);
	char *rest = copy;
	bool is_right = copy != NULL;

	while (is_right && rest)
		is_right = add(o, field, strsep(&rest, ","));
	free(copy);
	return understood(is_right);
}

// One ADDR:PORT[-PORT].
static bool target_item(const struct option *o, void *field, char *item)
{
	struct target_list *list = field;
	char *colon = strrchr(item, ':');
	struct endpoint e;
	uint16_t lo, hi;

	(void)o;
	if (!colon)
		return false;
	*colon = '\0';
	if (!units_address(item, &e.addr) || !units_port_range(colon + 1, &lo, &hi))
		return false;
	for (uint32_t port = lo; port <= hi; port++) {
		if (list->count == TARGETS_MAX)
			return false;
		e.port = (uint16_t)port;
		list->target[list->count++] = e;
	}
	return true;
}

// Whether a host in a list of targets is a name. An IPv6 address has letters, and colons after
// them.
static bool names_host(const char *text)
{
	while (text) {
		size_t len = strcspn(text, ":,");
		char host[64] = "";

		if (len < sizeof host)
			memcpy(host, text, len);
		if (has_letter(host) && text[len] == ':' && !strchr(text + len + 1, ':'))
			return true;
		text = strchr(text, ',');
		text = text ? text + 1 : NULL;
	}
	return false;
}

static enum option_fault parse_target(const struct option *o, const char *text, void *field)
{
	((struct target_list *)field)->count = 0;
	if (names_host(text))
		return OPTION_NAMES_HOST;
	return parse_list(o, text, field, target_item);
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
static bool listen_item(const struct option *o, void *field, char *item)
{
	struct listen_list *list = field;
	char *colon = strchr(item, ':');
	uint16_t lo, hi;
	uint8_t mode = LISTEN_HTTP;

	(void)o;
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

static enum option_fault parse_listen(const struct option *o, const char *text, void *field)
{
	((struct listen_list *)field)->count = 0;
	return parse_list(o, text, field, listen_item);
}

// One TIME:RATE[-RATE].
static bool stage_item(const struct option *o, void *field, char *item)
{
	struct stage_list *list = field;
	char *colon = strchr(item, ':');
	char *dash = colon ? strchr(colon, '-') : NULL;
	struct stage s;

	if (!colon || list->count == STAGES_MAX)
		return false;
	*colon = '\0';
	if (dash)
		*dash = '\0';
	if (!units_duration(item, NS_PER_S, &s.length_ns) || s.length_ns == 0 ||
	    s.length_ns > STAGE_MAX_NS || !units_rate(colon + 1, &s.from_per_s))
		return false;
	s.to_per_s = s.from_per_s;
	if (dash && !units_rate(dash + 1, &s.to_per_s))
		return false;
	if (s.from_per_s > (double)o->max || s.to_per_s > (double)o->max)
		return false;
	list->stage[list->count++] = s;
	return true;
}

static enum option_fault parse_stages(const struct option *o, const char *text, void *field)
{
	return parse_list(o, text, field, stage_item);
}

static bool criterion_item(const struct option *o, void *field, char *item)
{
	struct criteria *list = field;

	(void)o;
	if (list->count == CRITERIA_MAX || !criterion_parse(item, &list->item[list->count]))
		return false;
	list->count++;
	return true;
}

static enum option_fault parse_criteria(const struct option *o, const char *text, void *field)
{
	return parse_list(o, text, field, criterion_item);
}

// One BYTES:SHARE.
static bool size_item(const struct option *o, void *field, char *item)
{
	struct size_mix *list = field;
	char *colon = strchr(item, ':');
	struct size_share s;

	if (!colon || list->count == SIZES_MAX)
		return false;
	*colon = '\0';
	if (!units_size(item, &s.bytes) || s.bytes < o->min || s.bytes > o->max ||
	    !units_count(colon + 1, &s.weight) || s.weight == 0 || s.weight > SIZE_SHARE_MAX)
		return false;
	list->item[list->count++] = s;
	list->weight += s.weight;
	return true;
}

// One size, or several with their shares. *bytes is the largest.
static enum option_fault parse_sizes(const struct option *o, const char *text, uint64_t *bytes,
				     struct size_mix *list)
{
	*list = (struct size_mix){.count = 0};
	if (!strchr(text, ':')) {
		if (!units_size(text, bytes))
			return OPTION_NOT_UNDERSTOOD;
		return *bytes < o->min || *bytes > o->max ? OPTION_OUT_OF_RANGE : OPTION_FINE;
	}
	if (parse_list(o, text, list, size_item) != OPTION_FINE)
		return OPTION_NOT_UNDERSTOOD;
	*bytes = 0;
	for (unsigned i = 0; i < list->count; i++)
		*bytes = max_u64(*bytes, list->item[i].bytes);
	return OPTION_FINE;
}

static enum option_fault parse_response(const struct option *o, const char *text, void *field)
{
	struct response r;
	enum option_fault fault = parse_sizes(o, text, &r.bytes, &r.sizes);

	if (fault == OPTION_FINE)
		*(struct response *)field = r;
	return fault;
}

static enum option_fault parse_request(const struct option *o, const char *text, void *field)
{
	struct request r = {.kind = REQUEST_HTTP};
	uint64_t bytes;

	if (strcmp(text, "http") != 0) {
		if (parse_sizes(o, text, &bytes, &r.sizes) != OPTION_FINE)
			return OPTION_NOT_UNDERSTOOD;
		r.kind = REQUEST_BYTES;
		r.bytes = (uint32_t)bytes;
	}
	*(struct request *)field = r;
	return OPTION_FINE;
}

static enum option_fault parse_share(const struct option *o, const char *text, void *field)
{
	(void)o;
	return understood(units_share(text, field));
}

static enum option_fault parse_stall(const struct option *o, const char *text, void *field)
{
	const char *at = strchr(text, '@');
	struct stall s;
	char before[32];

	(void)o;
	if (!at || (size_t)(at - text) >= sizeof before)
		return OPTION_NOT_UNDERSTOOD;
	memcpy(before, text, (size_t)(at - text));
	before[at - text] = '\0';
	if (!units_duration(before, NS_PER_S, &s.for_ns) ||
	    !units_duration(at + 1, NS_PER_S, &s.every_ns) || s.for_ns == 0 ||
	    s.for_ns >= s.every_ns || s.every_ns > STAGE_MAX_NS)
		return OPTION_NOT_UNDERSTOOD;
	*(struct stall *)field = s;
	return OPTION_FINE;
}

static enum option_fault parse_loss(const struct option *o, const char *text, void *field)
{
	(void)o;
	return understood(loss_parse(text, field));
}

static enum option_fault parse_text(const struct option *o, const char *text, void *field)
{
	(void)o;
	if (*text == '\0')
		return OPTION_EMPTY;
	*(const char **)field = text;
	return OPTION_FINE;
}

static enum option_fault parse_address(const struct option *o, const char *text, void *field)
{
	(void)o;
	return understood(units_address(text, field));
}

static enum option_fault (*const parsers[OPTION_KINDS])(const struct option *, const char *,
							void *) = {
	[OPTION_SWITCH] = parse_word,       [OPTION_WORD] = parse_word,
	[OPTION_COUNT] = parse_number,      [OPTION_SIZE] = parse_number,
	[OPTION_RATE] = parse_rate,         [OPTION_SECONDS] = parse_number,
	[OPTION_MILLIS] = parse_number,     [OPTION_ADDRESS] = parse_address,
	[OPTION_NETWORK] = parse_network,   [OPTION_PREFIX] = parse_prefix,
	[OPTION_TARGET] = parse_target,     [OPTION_PORTS] = parse_ports,
	[OPTION_STAGES] = parse_stages,     [OPTION_CRITERIA] = parse_criteria,
	[OPTION_LISTEN] = parse_listen,     [OPTION_REQUEST] = parse_request,
	[OPTION_RESPONSE] = parse_response, [OPTION_SHARE] = parse_share,
	[OPTION_STALL] = parse_stall,       [OPTION_TEXT] = parse_text,
	[OPTION_LOSS] = parse_loss,
};

enum option_fault option_set(struct config *cfg, const struct option *o, const char *text)
{
	return parsers[o->kind](o, text, (char *)cfg + o->offset);
}

// ---------------------------------------------------------------------------------------------
// what is wrong with a value

// The words of a list as a person would say them.
static void words_text(const char *const *words, char *text, size_t size)
{
	text[0] = '\0';
	for (unsigned i = 0; words[i]; i++) {
		size_t used = strlen(text);
		const char *glue = i == 0 ? "" : words[i + 1] ? ", " : " or ";

		snprintf(text + used, size - used, "%s%s", glue, words[i]);
	}
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

static void complain_range(const struct option *o, const char *what, const char *text)
{
	char lo[32], hi[32];

	if (o->kind == OPTION_RATE) {
		complain("%s %s is out of range: it takes more than 0 and at most %llu a second",
			 what, text, (unsigned long long)o->max);
		return;
	}
	complain("%s %s is out of range: it takes %s to %s", what, text,
		 bound_text(o, o->min, lo, sizeof lo), bound_text(o, o->max, hi, sizeof hi));
}

void option_complain(const struct option *o, enum option_fault fault, const char *what,
		     const char *text)
{
	char words[128];

	switch (fault) {
	case OPTION_FINE:
		break;
	case OPTION_NOT_UNDERSTOOD:
		if (o->kind == OPTION_WORD || o->kind == OPTION_SWITCH)
			words_text(o->kind == OPTION_SWITCH ? switch_words : o->words, words,
				   sizeof words);
		complain("%s %s is not understood: it takes %s", what, text,
			 kind_hints[o->kind] ? kind_hints[o->kind] : words);
		break;
	case OPTION_OUT_OF_RANGE:
		complain_range(o, what, text);
		break;
	case OPTION_EMPTY:
		complain("%s is empty: it takes %s", what, o->arg);
		break;
	case OPTION_NAMES_HOST:
		complain("%s %s names a host, and names are not resolved: give its IPv4 address, "
			 "such as 10.0.0.1:80",
			 what, text);
		break;
	}
}
