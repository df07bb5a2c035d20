/* SPDX-License-Identifier: ISC
 *
 * Tells senders what became of their mail: a notice (queue/dsn.h) for recipients
 * that failed, wait for long, or were delivered where that was asked for. A notice
 * is a message of its own, with a null reverse-path.
 *
 * Guarantees
 * - A failed recipient is BOUNCED, one that is to be told of as delivered DELIVERED, after the
 *   notice is committed, never before. The notice's own record says whom it tells of (struct
 *   spool_settled), so a crash parts neither: everybody is told of once.
 * - Nobody is told of what is addressed from <>: that, and what cannot be returned,
 *   goes to the postmaster once, and is said in the log.
 * - NOTIFY, RET, ENVID and ORCPT (RFC 3461) are honoured.
 * - An alias of several addresses is reported once, as expanded, when the first of them has the
 *   message (RFC 3461 §5.2.7.3); those are told of only when they fail or wait. Mail that an
 *   operator's table discards is delivered: its address exists, and was given what it asks for.
 *
 * Failures of one message, or successes, within NOTICE_WAIT_MS, or until nothing else of it is
 * under way, go into one notice, at most DSN_RECIPIENTS_MAX of them.
 */
#ifndef POSTERN_QUEUE_BOUNCE_H
#define POSTERN_QUEUE_BOUNCE_H

#include "queue/reader.h"
#include "queue/router.h"
#include "queue/templates.h"

enum {
	NOTICES_MAX = 10000,	/* owed at a time; what is owed beyond is found by a later sweep */
	NOTICES_AT_WORK = 256,	/* of them being routed or committed */
	NOTICE_WAIT_MS = 2000,
	NOTICE_RETRY_MS = 30 * 1000, /* after what may pass */
};

struct notice;
TAILQ_HEAD(notice_list, notice);

struct bounces {
	struct active *active;
	struct reader *reader;
	struct router *router;
	const struct templates *templates;
	struct spool *spool; /* NULL: closed already */
	struct str hostname;
	struct str postmaster; /* empty: none */
	uint64_t size_max;     /* a larger message is returned as its header */
	struct hash *notices;  /* by message and kind */
	struct notice_list waiting, working;
	size_t at_work;
	uint64_t last_serial;
	struct event *timer;
	bool stopping;
	/* A notice was committed: there is something to deliver. May be NULL. */
	void (*on_progress)(void *ctx);
	void *ctx;
};

/* Borrows all; sets the active set's notices. */
void bounces_init(struct bounces *b, struct active *active, struct reader *reader,
    struct router *router, const struct templates *templates);
void bounces_reset(struct bounces *b);
/* Begins nothing any more. */
void bounces_stop(struct bounces *b);

/* Begins what is due; its timer does that, too. */
void bounces_run(struct bounces *b, uint64_t now_ms);

/* Of struct spool_events; false: the commit was not one of a notice. */
bool bounces_on_committed(
    struct bounces *b, void *tag, const struct spool_place *place, int error);

#endif
