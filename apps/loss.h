// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// When an iteration of a test has passed: nothing lost (RFC 3511), as RFC 9411 says, or with a
// share lost that is allowed (as NDR and PDR of others). Pure judgement of its numbers.
//
// That everything came in the end is not enough: a device that queues what it cannot do is behind
// by little after a short time. What it came to has to have come at the rate that was asked for.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum loss_kind {
	LOSS_NONE,
	LOSS_9411,
	LOSS_RATIO,
};

struct loss_criterion {
	uint32_t kind; // enum loss_kind.
	double ratio;  // Of LOSS_RATIO: 0 < ratio < 1.
};

// What one iteration came to. A thing is completed when it was right and in time.
struct loss_numbers {
	uint64_t attempted;
	uint64_t connections; // Attempted: fewer, where each has several transactions.
	uint64_t completed;
	uint64_t failed;    // Ended wrongly, or never began: refused, timed out, not started.
	uint64_t late;      // Behind the plan by more than --grace.
	uint64_t wrong;     // Objects that were not what was asked for.
	uint64_t resets;    // Connections ended by an RST that nobody planned.
	uint64_t unstarted; // Of those failed: the tester had not begun with them in time.
	double asked_per_s;
	double achieved_per_s; // From the first that was completed to the last.
	double slack_per_s;    // So much less than asked is near enough; 0: it is not about a rate.
	uint64_t held_asked;   // Connections to be held at once; 0: none are.
	uint64_t held_least;   // The fewest that were.
	double open_mean;      // Connections open at once, in the sustain phase.
	double open_farthest;  // The mean of that tenth of it that is farthest from this.
	double open_slack;     // So much off is near enough.
};

// "none", "9411", or a share such as "0.5%". @return false when it is not understood.
bool loss_parse(const char *text, struct loss_criterion *out);

// The same backwards.
void loss_text(const struct loss_criterion *c, char *text, size_t size);

// The rate of so many of which the first and the last were apart by `ns`; `asked_per_s` when that
// says nothing.
double loss_rate(uint64_t completed, uint64_t ns, double asked_per_s);

// Sets open_mean and open_farthest from the means of parts of the sustain phase, in order, NaN
// where one is not known. In the first one connections only begin to be there: it does not count.
void loss_set_open(struct loss_numbers *n, const double *part, unsigned parts);

// Whether a tester that stood still for `away_ns` can be why it did not pass: no more is missing
// than was due in that time, or than it did not begin with.
bool loss_is_explained(const struct loss_numbers *n, uint64_t away_ns);

// Whether it passes; if not, `why` says in words what was crossed first.
bool loss_judge(const struct loss_criterion *c, const struct loss_numbers *n, char *why,
		size_t size);
