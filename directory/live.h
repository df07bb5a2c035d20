/* SPDX-License-Identifier: ISC
 *
 * The compiled tables that a running directory answers from: one whole set at a
 * time. Once a second their files are looked at; a changed set is read and
 * checked on a thread and replaces the one in use only when it is sound and
 * complete. Until then, and whatever happens to the files, the old set answers.
 */
#ifndef POSTERN_DIRECTORY_LIVE_H
#define POSTERN_DIRECTORY_LIVE_H

#include "directory/lookup.h"
#include "directory/stand-ins.h"

struct live;

/* `dirfd` (the live set's from now on) is the tables' directory. Reads the tables before it
 * returns; `on_change` is called from the loop whenever a new set came into use. */
struct live *live_new(int dirfd, void (*on_change)(void *ctx), void *ctx);
void live_free(struct live *l);

/* LOOKUP_FAILED while there is no set, or the one there is cannot be read any more. */
struct lookup live_lookup(struct live *l);
/* Fails from the first set on as long as there is none. */
bool live_is_usable(const struct live *l);
/* What users' passwords are kept as; of no users while there is no set. */
const struct stand_ins *live_stand_ins(const struct live *l);
/* A hash as new passwords get it, for where no user has one. */
const char *live_default_hash(const struct live *l);
/* Every user who has a password has SCRAM keys, too. */
bool live_all_have_keys(const struct live *l);
/* Looks at the files now instead of within a second (for tests; the timer goes on). */
void live_look(struct live *l);

#endif
