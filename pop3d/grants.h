/* SPDX-License-Identifier: ISC
 *
 * Who may open which mailbox: directory's grants and the login workers' requests
 * find each other by their tickets. The two come over different channels, so either
 * may be first. A ticket is good once.
 *
 * No I/O, no clock: a request is an opaque pointer of the owner's.
 */
#ifndef POSTERN_GRANTS_H
#define POSTERN_GRANTS_H

#include "common/answers.h"
#include "common/str.h"

enum {
	GRANTS_MAX = 10000,	  /* the oldest gives way */
	GRANTS_WAITING_MAX = 256, /* requests that wait for their grant */
	GRANTS_WAIT_MS = 5000,
};

struct grants;

/* Whose mailbox. */
struct grant {
	struct str address;
	uint32_t uid; /* of a user of the machine, else 0 */
};

/* The grant's address is empty when none came in time. */
typedef void grants_fn(void *ctx, void *request, struct grant grant);

struct grants *grants_new(grants_fn *fn, void *ctx);
void grants_free(struct grants *g); /* requests that wait are not called back */
/* Tickets have TICKET_SIZE octets; the callee copies. */
void grants_add(struct grants *g, struct str ticket, struct grant grant, uint64_t now);
/* Calls fn, now or later. */
void grants_request(struct grants *g, struct str ticket, void *request, uint64_t now);
/* Drops grants that are too old, and answers the requests that waited in vain. */
void grants_tick(struct grants *g, uint64_t now);
/* Grants and requests that are kept: whether ticks are needed. */
size_t grants_count(const struct grants *g);

#endif
