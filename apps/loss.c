// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

#include "loss.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

#define NS_PER_S       1e9
#define SHARE_9411     1e-5 // RFC 9411 7.2.3: 0.001 % of transactions, and of connections.
#define DEVIATION_9411 0.05 // The same: of the rate, in the sustain phase.
#define HELD_9411      0.10 // The same: of concurrent connections.

bool loss_parse(const char *text, struct loss_criterion *out)
{
	double share;

	*out = (struct loss_criterion){.kind = LOSS_NONE};
	if (strcmp(text, "none") == 0)
		return true;
	out->kind = LOSS_9411;
	if (strcmp(text, "9411") == 0)
		return true;
	if (!units_share(text, &share) || share <= 0 || share >= 1)
		return false;
	*out = (struct loss_criterion){.kind = LOSS_RATIO, .ratio = share};
	return true;
}

void loss_text(const struct loss_criterion *c, char *text, size_t size)
{
	if (c->kind == LOSS_RATIO)
		snprintf(text, size, "%.9g%%", 100 * c->ratio);
	else
		snprintf(text, size, "%s", c->kind == LOSS_9411 ? "9411" : "none");
}

static uint64_t lost_of(const struct loss_numbers *n)
{
	return n->attempted > n->completed ? n->attempted - n->completed : 0;
}

double loss_rate(uint64_t completed, uint64_t ns, double asked_per_s)
{
	return completed > 1 && ns > 0 ? (double)(completed - 1) * NS_PER_S / (double)ns
				       : asked_per_s;
}

void loss_set_open(struct loss_numbers *n, const double *part, unsigned parts)
{
	unsigned known = 0;

	n->open_mean = 0;
	for (unsigned i = 1; i < parts; i++) {
		if (isfinite(part[i])) {
			n->open_mean += part[i];
			known++;
		}
	}
	n->open_mean = known > 0 ? n->open_mean / known : 0;
	n->open_farthest = n->open_mean;
	for (unsigned i = 1; i < parts; i++) {
		if (isfinite(part[i]) &&
		    fabs(part[i] - n->open_mean) > fabs(n->open_farthest - n->open_mean))
			n->open_farthest = part[i];
	}
}

bool loss_is_explained(const struct loss_numbers *n, uint64_t away_ns)
{
	double due = n->asked_per_s * (double)away_ns / NS_PER_S;
	uint64_t lost = lost_of(n);
	double behind = 0;

	// How many connections are held is not a matter of time, but for those never opened.
	if (n->held_asked > 0)
		return n->unstarted > 0 && n->unstarted >= lost;
	// Those are the tester's own, at whatever rate they were to be opened.
	lost -= n->unstarted < lost ? n->unstarted : lost;
	if (n->asked_per_s > n->achieved_per_s)
		behind = (1 - n->achieved_per_s / n->asked_per_s) * (double)n->attempted;
	return away_ns > 0 && (double)lost <= due && behind <= due;
}

// What was lost most, in words.
static void say_lost(const struct loss_numbers *n, char *why, size_t size)
{
	const struct {
		uint64_t count;
		const char *what;
	} causes[] = {
		{n->failed, "failed"},
		{n->late, "late"},
		{n->wrong, "not what was asked for"},
		{n->resets, "reset"},
	};
	unsigned most = 0;

	for (unsigned i = 1; i < sizeof causes / sizeof *causes; i++) {
		if (causes[i].count > causes[most].count)
			most = i;
	}
	snprintf(why, size, "%llu of %llu not completed: %llu %s", (unsigned long long)lost_of(n),
		 (unsigned long long)n->attempted, (unsigned long long)causes[most].count,
		 causes[most].what);
}

// What may be lost may be missing from the rate.
static bool is_at_rate(const struct loss_criterion *c, const struct loss_numbers *n, char *why,
		       size_t size)
{
	double least = n->asked_per_s * (1 - c->ratio) - n->slack_per_s;

	if (n->slack_per_s <= 0 || n->achieved_per_s >= least)
		return true;
	snprintf(why, size, "all came, but at %.0f/s: it falls behind", n->achieved_per_s);
	return false;
}

// RFC 9411 7.2.3: connections close as fast as they open. A handful of them is never as steady as a
// tenth of it, and need not be.
static bool is_open_off(const struct loss_numbers *n)
{
	double off = fabs(n->open_farthest - n->open_mean);

	return off >= HELD_9411 * n->open_mean && off > n->open_slack;
}

static bool judge_9411(const struct loss_numbers *n, char *why, size_t size)
{
	double attempted = (double)n->attempted;
	double connections = (double)n->connections;
	double lost = (double)(n->failed + n->wrong);

	if (lost >= SHARE_9411 * attempted && lost > 0) {
		snprintf(why, size, "%.3g %% of transactions failed (0.001 %% allowed)",
			 100 * lost / attempted);
	} else if ((double)n->resets >= SHARE_9411 * connections && n->resets > 0) {
		snprintf(why, size, "%.3g %% of connections were reset (0.001 %% allowed)",
			 100 * (double)n->resets / connections);
	} else if (fabs(n->achieved_per_s - n->asked_per_s) >= DEVIATION_9411 * n->asked_per_s &&
		   n->asked_per_s > 0) {
		snprintf(why, size, "the rate was off by %.2g %% (5 %% allowed)",
			 100 * fabs(n->achieved_per_s - n->asked_per_s) / n->asked_per_s);
	} else if ((double)n->held_least < (1 - HELD_9411) * (double)n->held_asked) {
		snprintf(why, size, "%llu of %llu connections were held (10 %% may be missing)",
			 (unsigned long long)n->held_least, (unsigned long long)n->held_asked);
	} else if (is_open_off(n)) {
		snprintf(why, size,
			 "%.0f connections were open at once, in one tenth of the time %.0f "
			 "(10 %% off allowed)",
			 n->open_mean, n->open_farthest);
	} else {
		return true;
	}
	return false;
}

bool loss_judge(const struct loss_criterion *c, const struct loss_numbers *n, char *why,
		size_t size)
{
	snprintf(why, size, "%s", "");
	if (n->attempted == 0) {
		snprintf(why, size, "nothing was attempted");
		return false;
	}
	if (c->kind == LOSS_9411)
		return judge_9411(n, why, size);
	if ((double)lost_of(n) > c->ratio * (double)n->attempted) {
		say_lost(n, why, size);
		return false;
	}
	return is_at_rate(c, n, why, size);
}
