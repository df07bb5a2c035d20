/* SPDX-License-Identifier: ISC
 *
 * Mail to the postmaster of limits that were passed, as directory says (common/
 * msg-queue-directory.def): a message of our own, with a null reverse-path, in our spool.
 *
 * Guarantees
 * - directory hears that somebody was told after the notice is committed, never before. What is
 *   sent again (directory or queue died between) is known by its token, as a submission is.
 * - Whatever directory says, no more than LIMIT_NOTICES_PER_HOUR in an hour. What is beyond is
 *   not lost: directory, which allows itself less, keeps it and asks again.
 * - Without a postmaster nobody is told, and the log says so.
 */
#ifndef POSTERN_QUEUE_LIMIT_NOTICES_H
#define POSTERN_QUEUE_LIMIT_NOTICES_H

#include "queue/active.h"
#include "queue/contents.h"
#include "queue/router.h"
#include "queue/templates.h"
#include "queue/tokens.h"

enum { LIMIT_NOTICES_PER_HOUR = 20 };

struct limit_notice;

struct limit_notices {
	struct active *active;
	struct router *router;
	struct tokens *tokens;
	struct contents *contents;
	const struct templates *templates;
	struct spool *spool; /* NULL: closed already */
	struct str hostname;
	struct str postmaster;	  /* empty: none */
	struct limit_notice *now; /* under way; NULL: none */
	uint64_t serial;
	uint64_t hour_ms; /* of the loop's clock: when it began */
	unsigned made;	  /* in it */
	bool stopping;
	/* A notice was committed: there is something to deliver. May be NULL. */
	void (*on_progress)(void *ctx);
	void *ctx;
};

/* Borrows all; has the router hand over what directory says. */
void limit_notices_init(struct limit_notices *l, struct active *active, struct router *router,
    struct tokens *tokens, struct contents *contents, const struct templates *templates);
void limit_notices_reset(struct limit_notices *l);
/* Begins nothing any more. */
void limit_notices_stop(struct limit_notices *l);
/* Of struct spool_events; false: the commit was not one of a notice of these. */
bool limit_notices_on_committed(
    struct limit_notices *l, void *tag, const struct spool_place *place, int error);

#endif
