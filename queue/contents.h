/* SPDX-License-Identifier: ISC
 *
 * The contents of messages just accepted, so that the first delivery of each need
 * not read the spool. Of the envelope it is kept what deliveries need beyond what is in
 * queue/message.h, where that is little: nobody wants to be told of anything special. Bounded: what
 * does not fit is simply not kept, and what lies unused for long makes room for what is fresh.
 */
#ifndef POSTERN_QUEUE_CONTENTS_H
#define POSTERN_QUEUE_CONTENTS_H

#include "common/envelope.h"

enum { CONTENT_STALE_MS = 10 * 1000 };

/* One content; heap. */
struct content {
	uint64_t id;
	uint64_t since;
	struct content *next, *previous; /* the cache's: by age */
	bool plain;	/* neither envelope nor recipients ask for anything about reports */
	uint16_t flags; /* plain: the envelope's */
	size_t n;
	char octets[];
};

struct contents;

struct content *content_new(struct str octets);
/* Whose it is; without it it is not plain. */
void content_note_envelope(struct content *c, const struct envelope *envelope,
    const struct recipient *recipients, size_t count);
void content_free(struct content *c);

struct contents *contents_new(size_t octets_max);
void contents_free(struct contents *cache);
/* Takes the content, to keep it or free it. There is none of that id yet. */
void contents_put(struct contents *cache, struct content *c, uint64_t id, uint64_t now);
/* Lends it until the next call; false when it is not here. */
bool contents_get(const struct contents *cache, uint64_t id, struct str *octets);
/* The same with all that is known; NULL when it is not here. */
const struct content *contents_find(const struct contents *cache, uint64_t id);
/* It is not needed any more; may not be here. */
void contents_drop(struct contents *cache, uint64_t id);

#endif
