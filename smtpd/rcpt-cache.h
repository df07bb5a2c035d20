/* SPDX-License-Identifier: ISC
 *
 * Answers of directory that are still true: those of its present generation of
 * tables. Only what is certain is kept: mailboxes, and for a short while that
 * there is none or that the domain is another's. Bounded in entries and octets;
 * what was not asked for longest goes first.
 */
#ifndef POSTERN_SMTPD_RCPT_CACHE_H
#define POSTERN_SMTPD_RCPT_CACHE_H

#include "smtpd/smtp-server.h"

enum {
	RCPT_CACHE_ENTRIES = 16384,
	RCPT_CACHE_OCTETS = 4 * 1024 * 1024,
	RCPT_CACHE_ENTRY_MAX = 4096, /* a longer answer is not kept */
	RCPT_CACHE_NEGATIVE_MS = 30 * 1000,
};

struct rcpt_cache;

struct rcpt_cache *rcpt_cache_new(void);
void rcpt_cache_free(struct rcpt_cache *c);
/* What *answer points to lives until the cache is next called, and as long as `address`. */
bool rcpt_cache_find(
    struct rcpt_cache *c, struct str address, uint64_t now_ms, struct smtp_rcpt_answer *answer);
void rcpt_cache_put(struct rcpt_cache *c, struct str address, uint64_t now_ms,
    const struct smtp_rcpt_answer *answer);
/* Another generation than before forgets everything. */
void rcpt_cache_generation(struct rcpt_cache *c, uint32_t generation);
void rcpt_cache_clear(struct rcpt_cache *c);
size_t rcpt_cache_count(const struct rcpt_cache *c);
size_t rcpt_cache_octets(const struct rcpt_cache *c);

#endif
