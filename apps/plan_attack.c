// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The SYN attack of a plan (RFC 3511 5.5): each client sends its share of the rate, from the same
// addresses, to where its connections go. The addresses must be nobody's: what one of them answered
// would end what a SYN of the attack began.

#include "plan_parts.h"

#include "units.h"

#define ATTACK_ADDR 0xc6120000u // RFC 2544 C.2.2: 198.18.0.0/15.
#define ATTACK_LEN  15u

static bool is_in(const struct hc_prefix *p, uint32_t addr)
{
	return ((addr ^ p->addr) & prefix_mask(p->len)) == 0;
}

static bool overlap(const struct hc_prefix *a, const struct hc_prefix *b)
{
	return is_in(a, b->addr) || is_in(b, a->addr);
}

// Whose addresses the sources must not have.
static const char *owner_of(const struct config *cfg, const struct hc_stack_config *client,
			    uint32_t target)
{
	const struct hc_prefix *p = &cfg->attack.sources;

	if (is_in(p, client->local_addr))
		return cfg->command == COMMAND_BENCH ? "the client's own address (10.0.0.2)"
						     : "--local";
	if (is_in(p, target))
		return cfg->command == COMMAND_BENCH ? "the server's address (10.0.0.1)"
						     : "--target";
	if (client->gateway && is_in(p, client->gateway))
		return "--gateway";
	if (overlap(p, &cfg->stack.clients))
		return "--clients";
	return NULL;
}

static bool are_unicast(const struct hc_prefix *p)
{
	uint32_t net = p->addr >> 24;

	return p->len >= HC_FLOOD_LEN_MIN && net != 0 && net != 127 && net < 224;
}

static bool are_sources_good(const struct config *cfg, const struct hc_stack_config *client,
			     uint32_t target)
{
	const struct hc_prefix *p = &cfg->attack.sources;
	const char *owner = owner_of(cfg, client, target);

	if (!are_unicast(p)) {
		complain("--attack-sources " ADDR_FMT "/%u are not addresses of hosts: give a "
			 "prefix of length 8 to 32 that is nobody's, such as 198.18.0.0/15",
			 ADDR_ARGS(p->addr), p->len);
		return false;
	}
	if (!owner)
		return true;
	complain("--attack-sources " ADDR_FMT "/%u has %s in it: give a prefix that is nobody's",
		 ADDR_ARGS(p->addr), p->len, owner);
	return false;
}

void plan_attack_sources(struct config *cfg)
{
	if (cfg->attack.syns_per_s > 0 && cfg->attack.sources.len == 0)
		cfg->attack.sources = (struct hc_prefix){.addr = ATTACK_ADDR, .len = ATTACK_LEN};
}

bool plan_attack(struct plan *p, const struct config *cfg)
{
	const struct hc_connect_args *to = &p->load[0].connect;

	if (cfg->attack.syns_per_s == 0)
		return true;
	if (!are_sources_good(cfg, &p->client[0], to->remote_addr))
		return false;
	for (unsigned i = 0; i < p->worker_count; i++) {
		p->load[i].attack_lead_ns = cfg->attack.lead_ns;
		p->load[i].attack = (struct hc_flood){
			.sources = cfg->attack.sources,
			.remote_addr = to->remote_addr,
			.remote_port = to->remote_port,
			.port_lo = cfg->source_ports.lo,
			.port_hi = cfg->source_ports.hi,
			.syns_per_s =
				(uint32_t)plan_share(cfg->attack.syns_per_s, i, p->worker_count),
		};
	}
	return true;
}
