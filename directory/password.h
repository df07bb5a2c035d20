/* SPDX-License-Identifier: ISC
 *
 * Passwords and their hashes, by libcrypt. All of this takes tens of
 * milliseconds and many MiB by intent: never in an event loop.
 */
#ifndef POSTERN_DIRECTORY_PASSWORD_H
#define POSTERN_DIRECTORY_PASSWORD_H

#include "common/limits.h"
#include "directory/hash-format.h"

/* Whether the password's hash is `hash`; compared in constant time. A password with a NUL in it,
 * or longer than PASSWORD_MAX, is never right. */
bool password_check(struct str password, const char *hash);
/* The same for one as a client sent it: SASLprep's form of it is tried, and where that is another
 * one, the octets as they came, which older hashes were made of. How many hashes a wrong one costs
 * depends on nothing else: one if it is ASCII, two at most. */
bool password_verify(struct str sent, const char *hash);
/* The rest is for passwords in SASLprep's form (common/saslprep.h).
 * A hash by the default method (yescrypt) and cost, with a fresh salt; false with errno. */
bool password_hash(struct str password, char out[HASH_MAX + 1]);
/* SCRAM keys of a password, with a fresh salt; false without random numbers. */
struct scram_keys;
bool password_keys(struct str password, struct scram_keys *out);
/* RFC 7677 asks for 4096 at least. The server pays nothing for more, who stole its table pays at
 * every guess, and so does an honest client, at every login: some hundredths of a second on a
 * computer, two tenths on a telephone. */
#define PASSWORD_SCRAM_ITERATIONS 100000
/* Overwrites memory that held a secret. */
void password_wipe(void *p, size_t n);

#endif
