/* SPDX-License-Identifier: ISC
 *
 * What outlives a restart: tables of records, each in a Berkeley DB in the state directory, which
 * is the jail's root (or the current directory). A file is written anew, whole, a moment after
 * something changed; a crash loses what changed since then. One that does not check is set aside.
 * Whatever happens to it, work goes on.
 */
#ifndef POSTERN_DIRECTORY_STATE_STORE_H
#define POSTERN_DIRECTORY_STATE_STORE_H

#include "common/str.h"

enum { STATE_KEY_MAX = 1024, STATE_VALUE_MAX = 1024 };

typedef bool state_record_fn(void *ctx, struct str key, struct str value);

/* What is kept; `of` is what state_store_open was given. */
struct state_kept {
	const char *name;  /* the file's is NAME.db */
	const char *what;  /* "failed logins", for the log */
	unsigned write_ms; /* the longest that a change stays unwritten, but for the writing */
	/* Each as a record; stops when fn returns false. */
	void (*save)(void *of, state_record_fn *fn, void *ctx);
	/* One of them back; false for what `save` does not write. */
	bool (*load)(void *of, struct str key, struct str value, uint64_t now_ms);
	/* Grows with every change. */
	uint64_t (*changes)(const void *of);
};

struct state_store;

/* Reads what there is into `of`, which outlives the store, and keeps it from then on. */
struct state_store *state_store_open(const struct state_kept *kept, void *of);
/* Writes what is new, before it returns. NULL does nothing. */
void state_store_close(struct state_store *s);
/* What changed is written now rather than later, though not more often than four times a second.
 * NULL does nothing. */
void state_store_hurry(struct state_store *s);

/* Random octets that are the same after a restart, from the file `name` there; false: they are
 * fresh, and could not be kept. */
bool state_secret(const char *name, uint8_t *out, size_t n);

#endif
