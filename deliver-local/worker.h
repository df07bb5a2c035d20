/* SPDX-License-Identifier: ISC
 *
 * One user's process, as deliver-local sees it; workers.c decides who has one.
 */
#ifndef POSTERN_WORKER_H
#define POSTERN_WORKER_H

#include "deliver-local/part.h"
#include "deliver-local/worker-trouble.h"
#include "deliver-local/workers.h"

enum worker_state {
	WORKER_ASKING,	/* users: who that is */
	WORKER_WAITING, /* for room */
	WORKER_OPENING, /* deliver-owner */
	WORKER_OPEN,
	WORKER_CLOSED, /* and deliver-owner has not said why */
};

struct worker {
	TAILQ_ENTRY(worker) entries;
	enum worker_state state;
	uint32_t cookie; /* with deliver-owner */
	uint32_t uid;
	bool tired;	/* something failed: the next mail gets a fresh process, which looks anew */
	uint64_t since; /* of the state, or of the last answer */
	struct channel *channel;
	struct part_list parts;
	size_t n;
	char name[USER_NAME_MAX];
};

TAILQ_HEAD(worker_list, worker);

/* All of them. */
struct worker_set {
	struct workers_hooks hooks;
	struct hash *by_name;
	struct worker_list list; /* the oldest first */
	size_t taken;		 /* that have, or have asked for, a process */
	/* Tells deliver-owner that the process is of no use any more. */
	void (*end)(uint32_t cookie);
	void (*room)(void); /* called when there may be room for another process */
};
extern struct worker_set worker_set;

struct str worker_name(const void *worker);
bool worker_is_taken(enum worker_state state);
void worker_set_state(struct worker *w, enum worker_state state);
/* In the set, with no parts. */
struct worker *worker_new(struct str name);
/* Without a word to anybody. */
void worker_remove(struct worker *w);
/* Answers and settles every part so, and removes it. */
void worker_give_up(struct worker *w, const struct worker_trouble *why);
/* Its process's end; sends what waits. */
void worker_open(struct worker *w, int fd);
/* Parts that are not sent, to a process that is there. */
void worker_send_parts(struct worker *w);

#endif
