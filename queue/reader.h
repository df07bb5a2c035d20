/* SPDX-License-Identifier: ISC
 *
 * Messages read back for those who hand them on: content from memory while it is
 * fresh, else from the spool, and plain envelopes (queue/contents.h) with it.
 */
#ifndef POSTERN_QUEUE_READER_H
#define POSTERN_QUEUE_READER_H

#include "queue/active.h"
#include "queue/contents.h"

struct reader {
	struct spool *spool;
	struct contents *contents;
	struct buf buf;	   /* the last message read back */
	struct pool *pool; /* and its lists */
};

/* All of a message but a large content; lent until the next call. */
struct read_back {
	struct envelope envelope;
	struct recipient *recipients; /* as many as the message has */
	struct str content;	      /* empty when it is large */
};

/* Borrows both; finished messages leave `contents` from now on. */
void reader_init(struct reader *r, struct active *active, struct contents *contents);
void reader_set_spool(struct reader *r, struct spool *spool);
void reader_reset(struct reader *r);

/* Each is false, or -1, with errno; EBADMSG: it is not what was committed, and stays so. */
bool reader_read(struct reader *r, const struct message *m, struct read_back *out);
/* The same, but from memory when that has all that a delivery needs: then the envelope has only
 * that, and the recipients are NULL, as they ask for nothing. Lent until the next call. */
bool reader_delivery(struct reader *r, const struct message *m, struct read_back *out);
/* A small message's content, lent until the next call. */
bool reader_content(struct reader *r, const struct message *m, struct str *content);
/* A large content's file, for reading only, in the size that was committed. */
int reader_open(struct reader *r, const struct message *m);
/* A delivery of the message has its content now: it need not stay in memory for another. */
void reader_forget(struct reader *r, const struct message *m);

#endif
