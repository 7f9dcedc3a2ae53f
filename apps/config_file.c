// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// jansson reads the file and the option table knows the keys. A value becomes the text that the
// command line would give and goes the same way. Which line a key stands in jansson does not keep:
// it is looked for, once something is wrong, in a text that is known to be JSON.

#include "config_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "option_json.h"
#include "test.h"

#define FILE_MAX_BYTES (64u << 20) // A result with a line for each second of weeks.
#define WHAT_SIZE      512u

struct reader {
	struct config *cfg;
	const char *path;
	const char *text;   // The whole file.
	const char *parent; // Key of the object that is read; NULL: the file is that object.
};

// ---------------------------------------------------------------------------------------------
// lines

// Behind the string that begins at the quote `s`.
static const char *string_end(const char *s)
{
	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
	}
	return *s ? s + 1 : s;
}

static bool is_string(const char *quote, const char *end, const char *text)
{
	size_t len = (size_t)(end - quote) - 2;

	return strlen(text) == len && memcmp(quote + 1, text, len) == 0;
}

// The line of a key of the object that is read; 0: not found, as it was written with escapes.
static unsigned line_of(const struct reader *r, const char *key)
{
	const unsigned wanted_depth = r->parent ? 2 : 1;
	bool is_inside = !r->parent;
	unsigned line = 1, depth = 0;

	for (const char *s = r->text; *s; s++) {
		if (*s == '\n') {
			line++;
		} else if (*s == '{' || *s == '[') {
			depth++;
		} else if (*s == '}' || *s == ']') {
			depth--;
		} else if (*s == '"') {
			const char *end = string_end(s);
			bool is_key = end[strspn(end, " \t\r\n")] == ':';

			if (is_key && depth == wanted_depth && is_inside && is_string(s, end, key))
				return line;
			if (is_key && depth == 1 && r->parent)
				is_inside = is_string(s, end, r->parent);
			s = end - 1;
		}
	}
	return 0;
}

// How a complaint names a key.
static void name_key(const struct reader *r, const char *key, char what[WHAT_SIZE])
{
	unsigned line = line_of(r, key);

	if (line)
		snprintf(what, WHAT_SIZE, "%s:%u: \"%s\"", r->path, line, key);
	else
		snprintf(what, WHAT_SIZE, "%s: \"%s\"", r->path, key);
}

// ---------------------------------------------------------------------------------------------
// values

// The elements of an array of strings, with commas between them; NULL if it is something else.
static char *joined(const json_t *array)
{
	size_t size = 1, used = 0, i;
	const json_t *item;
	char *text;

	json_array_foreach (array, i, item)
		size += json_is_string(item) ? json_string_length(item) + 1 : 0;
	text = calloc(1, size);
	json_array_foreach (array, i, item) {
		if (!text || !json_is_string(item)) {
			free(text);
			return NULL;
		}
		if (i)
			text[used++] = ',';
		memcpy(text + used, json_string_value(item), json_string_length(item));
		used += json_string_length(item);
	}
	return text;
}

static bool is_list(const struct option *o)
{
	return o->kind == OPTION_LISTEN || o->kind == OPTION_TARGET || o->kind == OPTION_STAGES ||
	       o->kind == OPTION_CRITERIA || o->kind == OPTION_REQUEST ||
	       o->kind == OPTION_RESPONSE;
}

// What the command line would say; NULL if it could not say that. To be freed.
static char *value_text(const struct option *o, const json_t *value)
{
	char number[64];

	switch (json_typeof(value)) {
	case JSON_STRING:
		return strdup(json_string_value(value));
	case JSON_INTEGER:
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return strdup(number);
	case JSON_REAL:
		snprintf(number, sizeof number, "%.9f", json_real_value(value));
		return strdup(number);
	case JSON_TRUE:
	case JSON_FALSE:
		return o->kind == OPTION_SWITCH ? strdup(json_is_true(value) ? "on" : "off") : NULL;
	case JSON_ARRAY:
		return is_list(o) ? joined(value) : NULL;
	case JSON_OBJECT:
	case JSON_NULL:
		break;
	}
	return NULL;
}

static bool refuse_value(const struct reader *r, const struct option *o, enum option_fault fault,
			 const char *key, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	char what[WHAT_SIZE];

	name_key(r, key, what);
	if (o->kind == OPTION_FLAG)
		complain("%s %s is not understood: it takes true or false", what, text ? text : "");
	else
		option_complain(o, fault, what, text ? text : "");
	free(text);
	return false;
}

// Tools that rewrite JSON write 0.0 as 0.
static bool is_same_value(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static bool set_option(struct reader *r, const struct option *o, const char *key,
		       const json_t *value)
{
	void *field = (char *)r->cfg + o->offset;
	json_t *already = option_json(o, field);
	bool is_same = is_same_value(already, value);
	enum option_fault fault = OPTION_NOT_UNDERSTOOD;
	char *text;

	json_decref(already);
	if (is_same || json_is_null(value))
		return true;
	if (o->kind == OPTION_FLAG && json_is_boolean(value)) {
		*(bool *)field = json_is_true(value);
		return true;
	}
	if (o->kind == OPTION_TEXT && json_is_string(value)) {
		fault = option_set(r->cfg, o, json_string_value(value)); // It stays in the file.
		return fault == OPTION_FINE || refuse_value(r, o, fault, key, value);
	}
	text = o->kind == OPTION_FLAG || o->kind == OPTION_TEXT ? NULL : value_text(o, value);
	if (text)
		fault = option_set(r->cfg, o, text);
	free(text);
	return fault == OPTION_FINE || refuse_value(r, o, fault, key, value);
}

static bool set_eal_args(struct reader *r, const char *key, const json_t *value)
{
	size_t n = json_array_size(value), i;
	const char **args = calloc(n + 1, sizeof *args);
	bool is_right = json_is_array(value) && args;
	const json_t *item;
	char what[WHAT_SIZE];

	json_array_foreach (value, i, item) {
		is_right = is_right && json_is_string(item);
		if (is_right)
			args[i] = json_string_value(item);
	}
	if (!is_right) {
		free(args);
		name_key(r, key, what);
		complain("%s is not understood: it takes an array of strings, such as [\"-l\", "
			 "\"2-3\"]",
			 what);
		return false;
	}
	r->cfg->file_args = args;
	r->cfg->eal_args = args;
	r->cfg->eal_arg_count = (unsigned)n;
	return true;
}

// ---------------------------------------------------------------------------------------------
// keys

static const struct option *find_key(const char *key)
{
	for (unsigned i = 0; i < option_count; i++) {
		if (option_table[i].key && strcmp(option_table[i].key, key) == 0)
			return &option_table[i];
	}
	return NULL;
}

// How much of two words is alike at their beginnings and ends.
static size_t likeness(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b), most = a_len < b_len ? a_len : b_len;
	size_t head = 0, tail = 0;

	while (head < most && a[head] == b[head])
		head++;
	while (head + tail < most && a[a_len - tail - 1] == b[b_len - tail - 1])
		tail++;
	return head + tail;
}

// The key most like what was written, or that of the option of that name.
static const char *find_near_key(const struct config *cfg, const char *key)
{
	const char *best = NULL;
	size_t best_likeness = 2;

	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		size_t alike;

		if (!o->key || !(o->commands & cfg->command))
			continue;
		if (strcmp(o->name, key) == 0)
			return o->key;
		alike = likeness(o->key, key);
		if (alike > best_likeness) {
			best = o->key;
			best_likeness = alike;
		}
	}
	return best;
}

static bool refuse_key(const struct reader *r, const char *key, const struct option *o)
{
	const char *near = find_near_key(r->cfg, key);
	char what[WHAT_SIZE];

	name_key(r, key, what);
	if (o)
		complain("%s is not a key of %s: leave it out", what, r->cfg->command_name);
	else if (near)
		complain("%s is not a key: \"%s\" may be meant, and --dry-run --json - shows them "
			 "all",
			 what, near);
	else
		complain("%s is not a key: --dry-run --json - shows them all", what);
	return false;
}

static bool set_key(struct reader *r, const char *key, const json_t *value)
{
	const struct option *o = find_key(key);

	if (strcmp(key, "eal_args") == 0)
		return set_eal_args(r, key, value);
	if (!o || !(o->commands & r->cfg->command))
		return refuse_key(r, key, o);
	return set_option(r, o, key, value);
}

// ---------------------------------------------------------------------------------------------
// the file

static char *read_whole(const char *path)
{
	FILE *from = fopen(path, "r");
	char *text = NULL;
	size_t size = 0, got = 0;

	if (!from) {
		complain("--config %s cannot be read (%s): give a file that can", path,
			 strerror(errno));
		return NULL;
	}
	do {
		char *more = realloc(text, size + (1u << 16) + 1);

		if (!more)
			break;
		text = more;
		size += 1u << 16;
		got += fread(text + got, 1, size - got, from);
	} while (got == size && size < FILE_MAX_BYTES);
	if (!text || got == size || ferror(from)) {
		complain("--config %s cannot be read (%s): give a file of JSON of less than 64 MiB",
			 path, ferror(from) ? strerror(errno) : "it is too long");
		free(text);
		text = NULL;
	} else {
		text[got] = '\0';
	}
	(void)fclose(from);
	return text;
}

static bool is_for_command(const struct reader *r, const json_t *root)
{
	const char *command = json_string_value(json_object_get(root, "command"));
	const char *test = json_string_value(json_object_get(root, "test"));

	if (!command)
		return true;
	if (strcmp(command, r->cfg->command_name) == 0) {
		if (!test || r->cfg->command != COMMAND_TEST ||
		    strcmp(test, test_infos[r->cfg->test.kind].name) == 0)
			return true;
		complain("%s is of handclasp test %s: run handclasp test %s --config %s", r->path,
			 test, test, r->path);
		return false;
	}
	complain("%s is of handclasp %s: run handclasp %s%s%s --config %s", r->path, command,
		 command, test ? " " : "", test ? test : "", r->path);
	return false;
}

static bool read_object(struct reader *r, json_t *root)
{
	const json_t *config = json_object_get(root, "config");
	const json_t *value;
	const char *key;

	if (!json_is_object(root) || (config && !json_is_object(config))) {
		complain("%s is not a configuration: it takes a JSON object with the keys that "
			 "--dry-run --json - shows under \"config\", or a whole result",
			 r->path);
		return false;
	}
	if (config) {
		r->parent = "config";
		if (!is_for_command(r, root))
			return false;
	}
	json_object_foreach (config ? (json_t *)config : root, key, value) {
		if (!set_key(r, key, value))
			return false;
	}
	return true;
}

bool config_file_read(struct config *cfg, const char *path)
{
	char *text = read_whole(path);
	struct reader r = {.cfg = cfg, .path = path, .text = text};
	json_error_t error;
	bool is_right = false;

	if (!text)
		return false;
	cfg->file = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (cfg->file)
		is_right = read_object(&r, cfg->file);
	else
		complain("%s:%d: not JSON: %s; give a result, or what --dry-run --json - prints",
			 path, error.line, error.text);
	free(text);
	return is_right;
}

void config_file_free(struct config *cfg)
{
	json_decref(cfg->file);
	free(cfg->file_args);
	cfg->file = NULL;
	cfg->file_args = NULL;
}
