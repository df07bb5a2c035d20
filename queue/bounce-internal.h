/* SPDX-License-Identifier: ISC
 *
 * Shared by bounce.c (a notice's life) and bounce-make.c (what is in it).
 */
#ifndef POSTERN_QUEUE_BOUNCE_INTERNAL_H
#define POSTERN_QUEUE_BOUNCE_INTERNAL_H

#include "queue/bounce.h"

/* In the session field of a notice's envelope: what it is. */
#define BOUNCE_SESSION	      STR("bounce")
#define DOUBLE_BOUNCE_SESSION STR("double-bounce")

struct notice_key {
	uint64_t about; /* the message */
	uint64_t kind;	/* enum dsn_kind as it was owed */
};

struct notice {
	struct notice_key key; /* first */
	TAILQ_ENTRY(notice) link;
	bool working;
	uint64_t serial;
	uint64_t since, due;  /* on the loop's clock */
	enum dsn_kind kind;   /* as it will be: a failure may become DSN_DOUBLE */
	uint64_t id;	      /* of the notice, once it is made; 0: not yet */
	uint16_t flags;	      /* enum envelope_flags of the notice */
	uint16_t count;	      /* recipients that it tells of, those of an alias included */
	uint16_t numbers[DSN_RECIPIENTS_MAX];
	struct content *content; /* NULL: not made, or a large file */
	struct message *message; /* on its way to the disk */
	uint64_t size;
	size_t to_size;
	char to[ADDRESS_MAX];
};

static inline struct str notice_session(const struct notice *n)
{
	return n->kind == DSN_DOUBLE ? DOUBLE_BOUNCE_SESSION : BOUNCE_SESSION;
}

enum make_result {
	MAKE_READY, /* content, numbers and flags are set */
	MAKE_NOTHING, /* nobody wants to be told; what was owed is over */
	MAKE_LATER, /* it cannot be read or written now */
};

/* Chooses recipients of the message and makes the notice's content. */
enum make_result bounce_make(struct bounces *b, struct notice *n, struct message *m);
/* The file of a large content is not needed. */
void bounce_unmake(struct bounces *b, struct notice *n);

#endif
