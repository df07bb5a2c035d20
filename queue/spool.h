/* SPDX-License-Identifier: ISC
 *
 * The spool: a log of preallocated segments, where mail becomes durable.
 *
 * The spool keeps bytes and places, not policy: what is live, what was tried and
 * when to try again is the active set's knowledge (queue/active.h), which the
 * spool writes down as result records and gives back at recovery, in the order
 * in which it happened.
 *
 * Guarantees
 * - A message is committed when its callback says so: it is on stable storage and
 *   will be reported by every later spool_open until spool_finish for it is on
 *   stable storage too.
 * - A message whose callback said refused, or whose commit was never answered
 *   because the program died during an incomplete write, is never reported.
 * - Results and finishes are durable at the latest one second after they were
 *   given, or with the next commit; a crash before may undo them, in order, from
 *   the newest on.
 * - What spool_open reports is on stable storage before any message is committed: while a disk
 *   takes nothing, the newest of it, which nobody was promised, may be undone by a power cut.
 * - A failed write or sync refuses what it carried and leaves what was committed.
 * - Damage found at opening is reported, set aside under damaged/, and costs only
 *   the records it lies in.
 *
 * Threads: one sync thread inside; every callback comes from the event loop.
 */
#ifndef POSTERN_SPOOL_H
#define POSTERN_SPOOL_H

#include "common/envelope.h"
#include "queue/tried.h"

#include <stdio.h>

struct spool;

/* Where a message's record is now. Cleaning moves it (on_moved). */
struct spool_place {
	uint32_t segment; /* number of the segment's slot */
	uint32_t offset;  /* of the record in it */
	uint32_t length;  /* of the record */
	uint32_t envelope_length;
	uint64_t content_length; /* of a large message: its file's */
	bool large;	  /* content is large/ID */
};

struct spool_options {
	uint32_t segment_size;	/* octets; a multiple of 4096, at least 1 MiB */
	uint64_t space_min;	/* free space of the file system below which new segments are not made */
	uint64_t spool_max;	/* 0: none */
};

/* What happened to one recipient. */
enum spool_outcome {
	SPOOL_DELIVERED = 1,
	SPOOL_FAILED = 2,   /* permanently; a bounce is owed unless SPOOL_BOUNCED follows */
	SPOOL_DEFERRED = 3, /* try again at next_try */
	SPOOL_BOUNCED = 4,  /* failed and dealt with: its sender was told, or need not be */
	SPOOL_HELD = 5,
	SPOOL_RELEASED = 6,
	SPOOL_WARNED = 7, /* of the message as a whole: its sender was told that it waits */
	SPOOL_SUCCEEDED = 8, /* delivered, and its sender may be owed a notice of that */
	SPOOL_OUTCOMES
};

struct spool_result {
	uint16_t number; /* recipient's place in the envelope */
	uint8_t outcome;
	uint64_t next_try; /* ms since the epoch; SPOOL_DEFERRED */
	uint32_t attempts;
	uint64_t first_try, last_try; /* ms since the epoch; 0: never tried */
	/* Why; printable. What a DSN says of it. */
	struct str status; /* enhanced code; at most ENHANCED_CODE_MAX */
	struct str mta;	   /* who said it; at most DOMAIN_MAX; empty: nobody else */
	struct str reply;  /* what it said; at most REMOTE_TEXT_MAX */
	struct str text;   /* in words; at most REASON_MAX */
	const struct tried *tried; /* earliest first; at most TRIED_MAX */
	size_t tried_count;
};

/* What a message, by being committed, makes of recipients of another one: a notice that is on
 * stable storage has told their sender. Not a result of its own, so that no crash parts both. */
struct spool_settled {
	uint64_t about; /* the other message; 0: none */
	uint8_t outcome; /* enum spool_outcome */
	uint16_t *numbers;
	size_t count;
};

/* A message to be stored; everything is copied or written before spool_submit returns,
 * except `content`, which must live until the callback. */
struct spool_message {
	const struct envelope *envelope;
	const struct recipient *recipients;
	size_t recipient_count;
	struct str content; /* small */
	bool large;	    /* content is in the file that spool_large_create made for `id` */
	uint64_t large_size;
	struct spool_settled settled;
};

struct spool_events {
	/* During spool_open, in the order of the log. A message may be reported again after it
	 * moved: then `results` that it carries replace what was known of it. */
	void (*on_message)(void *ctx, uint64_t id, const struct spool_place *place,
	    const struct envelope *envelope, const struct recipient *recipients, size_t count);
	void (*on_result)(void *ctx, uint64_t id, const struct spool_result *result);
	void (*on_finished)(void *ctx, uint64_t id);
	/* After on_message for one that settles something. A later record may hold older results of
	 * those recipients: what is settled holds when all was reported. May be NULL. */
	void (*on_settled)(void *ctx, const struct spool_settled *settled);
	/* Once per fault found; `text` says what, where, and where the bytes were set aside. */
	void (*on_damage)(void *ctx, const char *text);

	/* Later. `error` 0: committed at `place`; else an errno (ENOSPC, EIO, EROFS) and no trace. */
	void (*on_committed)(void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error);
	/* Whether new messages can be taken at all; at each change. */
	void (*on_space)(void *ctx, bool open, int error);
	/* Cleaning asks whether the message at this place is still wanted ... */
	bool (*is_live)(void *ctx, uint64_t id, const struct spool_place *place);
	/* ... what is known of its recipients (those not pending: one result each; allocate in the
	 * pool; false past its ceiling) ... */
	bool (*on_snapshot)(void *ctx, uint64_t id, struct pool *pool, struct spool_result **results,
	    size_t *count);
	/* ... and says where it is from now on. */
	void (*on_moved)(void *ctx, uint64_t id, const struct spool_place *place);
};

/* Opens (making it if empty) the spool in the directory `dirfd`, which it duplicates, locks it
 * against a second opener (errno EWOULDBLOCK), recovers, and starts the sync thread. NULL with
 * errno, after having logged what is wrong. */
struct spool *spool_open(int dirfd, const struct spool_options *options,
    const struct spool_events *events, void *ctx);
/* Commits what waits, seals the open segment and closes. */
void spool_close(struct spool *spool);

/* Random, made with the spool: part of every mailbox file's name. */
uint32_t spool_identity(const struct spool *spool);
/* A fresh id, greater than every one before. */
uint64_t spool_next_id(struct spool *spool);

/* Never blocks; on_committed(tag) follows, always later and exactly once. */
void spool_submit(struct spool *spool, uint64_t id, const struct spool_message *m, void *tag);
/* An empty file for a large content, open for writing only; -1 with errno. */
int spool_large_create(struct spool *spool, uint64_t id);
/* Forgets the file of an id that was never submitted. */
void spool_large_abandon(struct spool *spool, uint64_t id);
/* The content, open for reading only; -1 with errno. */
int spool_large_open(struct spool *spool, uint64_t id);

void spool_result(struct spool *spool, uint64_t id, const struct spool_place *place,
    const struct spool_result *result);
/* Nothing is owed for this message any more. */
void spool_finish(struct spool *spool, uint64_t id, const struct spool_place *place);

/* Reads a message back. Strings point into `buf`, lists into `pool`. `content` is empty for a
 * large one. False with errno (EBADMSG: the record does not check any more). */
bool spool_read(struct spool *spool, uint64_t id, const struct spool_place *place, struct buf *buf,
    struct pool *pool, struct envelope *envelope, struct recipient **recipients, size_t *count,
    struct str *content);

struct spool_figures {
	uint32_t segments; /* in use, the open one included */
	uint32_t free_segments;
	uint64_t octets;   /* that the segments take on disk */
	uint64_t live;	   /* octets of records of unfinished messages */
	uint64_t syncs;
	uint64_t commits;  /* messages committed since opening */
	uint64_t written;  /* octets, cleaning included */
	uint64_t moved;	   /* octets written by cleaning */
};
void spool_get_figures(const struct spool *spool, struct spool_figures *out);

/* Checks a spool that no program has open; prints a line a fault to `out`. 0: sound, 1: faults,
 * -1: could not be read (errno). */
int spool_verify(int dirfd, FILE *out);

#endif
