// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "option_json.h"

#include "json_parts.h"

static json_t *address_text(uint32_t addr, int len)
{
	if (len >= 0)
		return json_sprintf(ADDR_FMT "/%d", ADDR_ARGS(addr), len);
	return json_sprintf(ADDR_FMT, ADDR_ARGS(addr));
}

// One as itself, several as an array.
static json_t *targets_text(const struct target_list *l)
{
	json_t *array;

	if (l->count == 0)
		return json_null();
	if (l->count == 1)
		return endpoint_text(&l->target[0]);
	array = json_array();
	for (unsigned i = 0; i < l->count; i++)
		(void)json_array_append_new(array, endpoint_text(&l->target[i]));
	return array;
}

static json_t *listen_text(const struct listen_list *l)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < l->count; i++)
		(void)json_array_append_new(array, json_sprintf("%u:%s", l->port[i].port,
								listen_mode_name(l->port[i].mode)));
	return array;
}

static json_t *stages_text(const struct stage_list *l)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < l->count; i++) {
		const struct stage *s = &l->stage[i];
		char text[96];

		snprintf(text, sizeof text, "%.12gs:%.9g-%.9g",
			 (double)s->length_ns / (double)NS_PER_S, s->from_per_s, s->to_per_s);
		(void)json_array_append_new(array, json_string(text));
	}
	return array;
}

static json_t *criteria_text(const struct criteria *l)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < l->count; i++)
		(void)json_array_append_new(array, json_string(l->item[i].text));
	return array;
}

static json_t *sizes_text(const struct size_mix *l)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < l->count; i++)
		(void)json_array_append_new(
			array, json_sprintf("%llu:%llu", (unsigned long long)l->item[i].bytes,
					    (unsigned long long)l->item[i].weight));
	return array;
}

static json_t *response_text(const struct response *r)
{
	if (r->sizes.count > 0)
		return sizes_text(&r->sizes);
	return r->bytes == RESPONSE_AUTO ? json_null() : count(r->bytes);
}

static json_t *request_text(const struct request *r)
{
	if (r->kind == REQUEST_NONE)
		return json_null();
	if (r->sizes.count > 0)
		return sizes_text(&r->sizes);
	return r->kind == REQUEST_HTTP ? json_string("http") : json_sprintf("%u", r->bytes);
}

static json_t *stall_text(const struct stall *s)
{
	return s->for_ns ? json_sprintf("%.12gs@%.12gs", (double)s->for_ns / (double)NS_PER_S,
					(double)s->every_ns / (double)NS_PER_S)
			 : json_null();
}

static uint64_t load_number(const void *field, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)field;
	case 2:
		return *(const uint16_t *)field;
	case 4:
		return *(const uint32_t *)field;
	default:
		return *(const uint64_t *)field;
	}
}

json_t *option_json(const struct option *o, const void *field)
{
	const struct network *network = field;
	const struct hc_prefix *prefix = field;
	const struct port_range *ports = field;
	const char *text;
	char loss[32];

	switch ((enum option_kind)o->kind) {
	case OPTION_FLAG:
	case OPTION_SWITCH:
		return json_boolean(*(const bool *)field);
	case OPTION_WORD:
		return json_string(o->words[load_number(field, o->size)]);
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_MILLIS:
		return count(load_number(field, o->size));
	case OPTION_RATE:
		return *(const double *)field > 0 ? json_real(*(const double *)field) : json_null();
	case OPTION_SECONDS:
		return json_real((double)*(const uint64_t *)field / (double)NS_PER_S);
	case OPTION_ADDRESS:
		return *(const uint32_t *)field ? address_text(*(const uint32_t *)field, -1)
						: json_null();
	case OPTION_NETWORK:
		return network->len ? address_text(network->addr, network->len) : json_null();
	case OPTION_PREFIX:
		return prefix->len ? address_text(prefix->addr, prefix->len) : json_null();
	case OPTION_TARGET:
		return targets_text(field);
	case OPTION_PORTS:
		return json_sprintf("%u-%u", ports->lo, ports->hi);
	case OPTION_LISTEN:
		return listen_text(field);
	case OPTION_STAGES:
		return stages_text(field);
	case OPTION_CRITERIA:
		return criteria_text(field);
	case OPTION_REQUEST:
		return request_text(field);
	case OPTION_RESPONSE:
		return response_text(field);
	case OPTION_SHARE:
		return *(const double *)field > 0
			       ? json_sprintf("%.9g%%", 100 * *(const double *)field)
			       : json_null();
	case OPTION_STALL:
		return stall_text(field);
	case OPTION_LOSS:
		loss_text(field, loss, sizeof loss);
		return json_string(loss);
	case OPTION_TEXT:
		text = *(const char *const *)field;
		return text ? json_string(text) : json_null();
	case OPTION_KINDS:
		break;
	}
	return json_null();
}

json_t *option_json_all(const struct config *cfg)
{
	json_t *out = json_object();
	json_t *eal = json_array();

	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];

		if (o->key && (o->commands & cfg->command))
			(void)json_object_set_new(out, o->key,
						  option_json(o, (const char *)cfg + o->offset));
	}
	for (unsigned i = 0; i < cfg->eal_arg_count; i++)
		(void)json_array_append_new(eal, json_string(cfg->eal_args[i]));
	(void)json_object_set_new(out, "eal_args", eal);
	return out;
}
