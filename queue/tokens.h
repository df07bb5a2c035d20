/* SPDX-License-Identifier: ISC
 *
 * Which submission became which message, for a while: smtpd sends a submission
 * again, with the same token, when the channel broke before it heard the answer,
 * and must then not make a second message of it.
 *
 * Remembered are submissions under way, those committed in the last TOKEN_LIFETIME_MS
 * and those found at recovery, finished or not; at most TOKENS_MAX, the oldest
 * forgotten first.
 */
#ifndef POSTERN_QUEUE_TOKENS_H
#define POSTERN_QUEUE_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

enum { TOKENS_MAX = 131072, TOKEN_LIFETIME_MS = 10 * 60 * 1000 };

struct tokens;

struct tokens *tokens_new(void);
void tokens_free(struct tokens *t);
/* The token stands for message `id`; one of the same value is replaced. `now` in milliseconds,
 * never going back. */
void tokens_add(struct tokens *t, uint64_t token, uint64_t id, uint64_t now);
/* The message, or false. */
bool tokens_find(struct tokens *t, uint64_t token, uint64_t now, uint64_t *id);
/* There is no such message after all; does nothing when the token stands for another by now. */
void tokens_remove(struct tokens *t, uint64_t token, uint64_t id);

#endif
