/* SPDX-License-Identifier: ISC
 *
 * Logins that were right lately, so that a client which polls every minute does not cost a
 * password hash each time. An entry is one keyed digest over all that went into the decision, each
 * part with its length: login, password and the stored hash. So nothing that is not the same
 * login with the same password, against the same hash, is ever found; and nothing in memory says
 * what a password is.
 */
#ifndef POSTERN_DIRECTORY_LOGIN_CACHE_H
#define POSTERN_DIRECTORY_LOGIN_CACHE_H

#include "common/str.h"

struct login_cache;

enum { LOGIN_DIGEST_SIZE = 32 };

/* `entries` 0: it knows nothing. */
struct login_cache *login_cache_new(size_t entries, uint64_t life_ms);
void login_cache_free(struct login_cache *c);
void login_cache_clear(struct login_cache *c);

/* Of one attempt; the key is drawn when the cache is made, and lives as long. */
void login_cache_digest(const struct login_cache *c, struct str login, struct str password,
    struct str hash, uint8_t out[LOGIN_DIGEST_SIZE]);
bool login_cache_has(
    struct login_cache *c, const uint8_t digest[LOGIN_DIGEST_SIZE], uint64_t now_ms);
/* The oldest gives way. */
void login_cache_add(
    struct login_cache *c, const uint8_t digest[LOGIN_DIGEST_SIZE], uint64_t now_ms);
size_t login_cache_count(const struct login_cache *c);

#endif
