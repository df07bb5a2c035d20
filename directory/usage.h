/* SPDX-License-Identifier: ISC
 *
 * How much each user, client address and network has sent of late. Pure: time comes in
 * as an argument. An hour is that before now, not one of the clock: what came in the
 * window before this one counts by the part of it that the hour still covers.
 *
 * Bounded: of more than USAGE_ENTRIES_MAX at once those go that were used last longest ago.
 */
#ifndef POSTERN_DIRECTORY_USAGE_H
#define POSTERN_DIRECTORY_USAGE_H

#include "common/limits.h"
#include "common/str.h"

enum { USAGE_ENTRIES_MAX = 100000, USAGE_KEY_MAX = LOGIN_MAX + 8 };

struct usage;

struct usage *usage_new(void);
void usage_free(struct usage *u);

struct usage_limits {
	unsigned hour, day; /* 0: none */
};

enum usage_window { USAGE_FITS, USAGE_HOUR, USAGE_DAY };

/* Whether `n` more fit; the limit that they would pass. */
enum usage_window usage_check(
    struct usage *u, struct str key, const struct usage_limits *limits, unsigned n, uint64_t now_s);
/* True once for each time that a key comes to its limit: the operator is to be told. */
bool usage_is_news(struct usage *u, struct str key, uint64_t now_s);
void usage_add(struct usage *u, struct str key, unsigned n, uint64_t now_s);
size_t usage_count(const struct usage *u);

#endif
