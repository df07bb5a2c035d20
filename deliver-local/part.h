/* SPDX-License-Identifier: ISC
 *
 * The targets of a delivery that are one user's: what the user's process is told, and what
 * it may answer.
 */
#ifndef POSTERN_PART_H
#define POSTERN_PART_H

#include "common/answers.h"
#include "deliver-local/letter.h"

#include <sys/queue.h>

struct part {
	TAILQ_ENTRY(part) entries;
	uint64_t number;       /* its own */
	uint64_t delivery;     /* queue's */
	struct letter *letter; /* NULL: sent */
	bool answered;	       /* and visible, or it would be gone */
	size_t count;
	struct pool *pool; /* of the targets' strings */
	struct mailbox_target *targets;
};

TAILQ_HEAD(part_list, part);

/* Takes a reference of the letter. */
struct part *part_new(uint64_t number, const struct local_delivery *to, struct letter *letter);
void part_free(struct part *p);
/* Whether these are one result for each of its targets, in their order, of kinds that a mailbox can
 * have. */
bool part_may_be(const struct part *p, const struct local_result *results, size_t n);
bool part_any(const struct local_result *results, size_t n, enum delivery_outcome outcome);
/* One for each: the same for all. */
void part_fill(const struct part *p, struct local_result *results, enum delivery_outcome outcome,
    const char *enhanced, const char *text);

#endif
