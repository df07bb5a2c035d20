/* SPDX-License-Identifier: ISC
 *
 * Why recipients were deferred or failed: each reason is kept once, however many
 * wait for it. Many different ones are bounded too: past REASONS_OCTETS_MAX only
 * the status of a new one is kept, with a pointer to the log; past half of it, no list
 * of hosts.
 */
#ifndef POSTERN_QUEUE_REASONS_H
#define POSTERN_QUEUE_REASONS_H

#include "queue/tried.h"

#include <stddef.h>
#include <stdint.h>

#define REASONS_OCTETS_MAX ((size_t)16 * 1024 * 1024)

/* What became of a try, as a DSN tells it; printable, each cut at its maximum. */
struct why {
	struct str status;	   /* enhanced code (ENHANCED_CODE_MAX) */
	struct str mta;		   /* who said it (DOMAIN_MAX); empty: nobody else */
	struct str reply;	   /* what it said (REMOTE_TEXT_MAX) */
	struct str text;	   /* in words (REASON_MAX) */
	const struct tried *tried; /* other hosts, before that (TRIED_MAX) */
	size_t tried_count;
};

#define WHY(code, words) ((struct why){.status = STR(code), .text = STR(words)})

struct reasons;

struct reasons *reasons_new(size_t octets_max);
void reasons_free(struct reasons *r);
/* A handle, counted; 0 for one that says nothing. */
uint32_t reasons_get(struct reasons *r, const struct why *why);
/* Gives one count back; 0 does nothing. */
void reasons_put(struct reasons *r, uint32_t handle);
/* Lent until the handle's last count is given back. */
struct why reasons_why(const struct reasons *r, uint32_t handle);
struct str reasons_text(const struct reasons *r, uint32_t handle);
/* Different ones now. */
size_t reasons_count(const struct reasons *r);

#endif
