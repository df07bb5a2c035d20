/* SPDX-License-Identifier: ISC
 *
 * Answers that do not validate, in the log once an hour for each name.
 */
#ifndef POSTERN_RESOLVER_BOGUS_LOG_H
#define POSTERN_RESOLVER_BOGUS_LOG_H

#include "resolver/question.h"

enum { BOGUS_LOG_NAMES_MAX = 1000 };

/* True when it was written. Past BOGUS_LOG_NAMES_MAX names in an hour the rest is left out. */
bool bogus_log(const struct question *question, struct str why, uint64_t now_ms);
/* Forgets all of it. */
void bogus_log_clear(void);

#endif
