/* SPDX-License-Identifier: ISC
 *
 * Why recipients were deferred: each text is kept once, however many wait for it.
 * Many different texts are bounded too: past REASONS_OCTETS_MAX a new one is
 * replaced by a pointer to the log.
 */
#ifndef POSTERN_QUEUE_REASONS_H
#define POSTERN_QUEUE_REASONS_H

#include "common/str.h"

#define REASONS_OCTETS_MAX ((size_t)16 * 1024 * 1024)

struct reasons;

struct reasons *reasons_new(size_t octets_max);
void reasons_free(struct reasons *r);
/* A handle for the text (cut at REASON_MAX), counted; 0 for the empty one. */
uint32_t reasons_get(struct reasons *r, struct str text);
/* Gives one count back; 0 does nothing. */
void reasons_put(struct reasons *r, uint32_t handle);
struct str reasons_text(const struct reasons *r, uint32_t handle);
/* Different texts now. */
size_t reasons_count(const struct reasons *r);

#endif
