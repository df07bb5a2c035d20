/* SPDX-License-Identifier: ISC
 *
 * How much each user, client address and network has sent of late, and of whom the operator is
 * still to be told. Pure: time comes in as an argument. An hour is that before now, not one of the
 * clock: what came in the window before this one counts by the part of it that the hour still
 * covers.
 *
 * Bounded: of more than USAGE_ENTRIES_MAX at once those go that were used last longest ago.
 */
#ifndef POSTERN_DIRECTORY_USAGE_H
#define POSTERN_DIRECTORY_USAGE_H

#include "common/conf.h"
#include "directory/guess-key.h"
#include "directory/state-store.h"

enum { USAGE_ENTRIES_MAX = 100000, USAGE_CLIENTS = 4 };

struct usage;

struct usage *usage_new(void);
void usage_free(struct usage *u);
size_t usage_count(const struct usage *u);

struct usage_limits {
	unsigned hour, day; /* 0: none */
};

/* Those that the configuration has for one of that kind. */
struct usage_limits usage_limits_of(enum guess_kind kind, const struct conf *conf);

enum usage_window { USAGE_FITS, USAGE_HOUR, USAGE_DAY };

/* Whether `n` more fit; the limit that they would pass. A key is one of guess-key.h, of a login,
 * an address or a network. */
enum usage_window usage_check(
    struct usage *u, struct str key, const struct usage_limits *limits, unsigned n, uint64_t now_s);
void usage_add(
    struct usage *u, struct str key, const struct guess_source *from, unsigned n, uint64_t now_s);

/* ---- telling the operator ------------------------------------------------------- */

/* A limit that was passed. */
struct usage_passed {
	enum usage_window window;
	bool held; /* what is over; otherwise it is refused */
	unsigned limit;
	uint64_t token; /* random, neither 0 nor all ones */
	/* Set here: the recipients that count, those that were too many included, since when they
	 * do, and when that was; seconds since the epoch. */
	uint64_t recipients, since_s, when_s;
};

struct usage_report {
	struct str key;	    /* until the entry changes */
	uint64_t hour, day; /* recipients */
	uint64_t told_s;    /* when a limit was passed that the operator is told of; 0: never */
	bool waits;	    /* and is not yet */
	struct usage_passed passed;
	size_t client_count;
	/* Where it came from, the last first; of an address it is not noted. */
	struct guess_source clients[USAGE_CLIENTS];
};

/* True once a day of each key, though `n` more never fit: the operator is to be told, which waits
 * until usage_settle. */
bool usage_pass(struct usage *u, struct str key, const struct guess_source *from,
    const struct usage_passed *passed, unsigned n, uint64_t now_s);
/* How many wait that nobody has taken. */
size_t usage_waiting(const struct usage *u);
/* Takes the one that waits longest, or all; `first` is the one, when any. How many were taken. */
size_t usage_take(struct usage *u, bool all, uint64_t now_s, struct usage_report *first);
/* What was taken is told, or waits again. */
void usage_settle(struct usage *u, bool told);

/* ---- for the operator's eyes ---------------------------------------------------- */

typedef void usage_report_fn(void *ctx, const struct usage_report *report);
/* The last used first. */
void usage_each(struct usage *u, uint64_t now_s, usage_report_fn *fn, void *ctx);
/* Counts of that name (guess_key_is_meant) begin anew, and so does telling. How many did. */
size_t usage_release(struct usage *u, struct str name);

/* Of a struct usage. What was taken, and not settled, waits again. */
extern const struct state_kept usage_kept;

#endif
