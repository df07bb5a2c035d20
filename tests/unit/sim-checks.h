/* SPDX-License-Identifier: ISC
 *
 * What must hold of every start and end of a delivery, whatever the world does.
 * It believes nothing that a destination says of itself but its window: rates,
 * turns, probes and what is under way are counted here.
 */
#ifndef POSTERN_TESTS_SIM_CHECKS_H
#define POSTERN_TESTS_SIM_CHECKS_H

#include "tests/unit/sim-world.h"

enum { SENDERS = 40, RATE_SEEN_MAX = 128 };

/* What the configuration says of a host. */
struct terms {
	unsigned window_max;
	unsigned rate;			 /* an hour; 0: none */
	uint64_t retry_first, retry_max; /* milliseconds */
	uint64_t lifetime;
};

struct observed {
	unsigned in_flight;
	unsigned ahead; /* of these, in the slot of another */
	unsigned failures; /* in a row */
	uint64_t starts;
	uint64_t last_start; /* when */
	struct {
		unsigned waiting; /* recipients not delivered */
		unsigned fresh;	  /* jobs that were never started */
		uint64_t since;	  /* count of starts from which on it has been its turn to wait */
		uint64_t last;	  /* its last start: the count of starts after it; 0: none */
	} senders[SENDERS];
	uint64_t hour[RATE_SEEN_MAX]; /* times of the last starts, since the rate is what it is */
	uint64_t paced;
};

struct checks {
	struct observed hosts[HOSTS_MAX];
	uint64_t probes, alternations; /* how often something was really tested */
};

/* Nothing is under way, or waits. */
bool checks_is_idle(const struct observed *o);
void checks_committed(struct observed *o, unsigned sender);
/* How many senders have mail for this host. */
unsigned checks_senders(const struct observed *o);
/* `state` and `window` are the destination's before the start; `fresh`: the job's first. */
void checks_start(struct checks *c, struct observed *o, const struct terms *terms, unsigned sender,
    bool fresh, const struct destination *d, unsigned state, uint64_t now);
void checks_end(struct observed *o, enum destination_verdict verdict);
/* Another rate; another process has to keep the one there was. */
void checks_forget_rates(struct checks *c);
/* The n-th deferral of a job says it waits until `when`. */
void checks_retry(const struct terms *terms, unsigned attempts, uint64_t now, uint64_t when);

#endif
