/* SPDX-License-Identifier: ISC
 *
 * What somebody who is no user, or has no password, is checked against: the same for the same login
 * as long as the secret lives, which is over restarts where there is a state directory.
 */
#ifndef POSTERN_DIRECTORY_STRANGER_H
#define POSTERN_DIRECTORY_STRANGER_H

#include "directory/live.h"

/* Reads or makes the secret. */
void stranger_start(bool keeps_state);
/* A hash to check a password against. */
void stranger_hash(const struct live *live, struct str login, char out[HASH_MAX + 1]);
/* SCRAM keys that nobody has. `has_hash`: it is a user with a hash, and only the keys are missing.
 */
void stranger_keys(
    const struct live *live, struct str login, bool has_hash, struct scram_keys *out);

#endif
