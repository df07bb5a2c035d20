/* SPDX-License-Identifier: ISC
 *
 * The contents of messages just accepted, so that the first delivery of each need
 * not read the spool. Bounded: what does not fit is simply not kept, and what lies
 * unused for long makes room for what is fresh.
 */
#ifndef POSTERN_QUEUE_CONTENTS_H
#define POSTERN_QUEUE_CONTENTS_H

#include "common/str.h"

enum { CONTENT_STALE_MS = 10 * 1000 };

/* One content; heap. */
struct content {
	uint64_t id;
	uint64_t since;
	struct content *next, *previous; /* the cache's: by age */
	size_t n;
	char octets[];
};

struct contents;

struct content *content_new(struct str octets);
void content_free(struct content *c);

struct contents *contents_new(size_t octets_max);
void contents_free(struct contents *cache);
/* Takes the content, to keep it or free it. There is none of that id yet. */
void contents_put(struct contents *cache, struct content *c, uint64_t id, uint64_t now);
/* Lends it until the next call; false when it is not here. */
bool contents_get(const struct contents *cache, uint64_t id, struct str *octets);
/* It is not needed any more; may not be here. */
void contents_drop(struct contents *cache, uint64_t id);

#endif
