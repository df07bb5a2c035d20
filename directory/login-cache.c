/* SPDX-License-Identifier: ISC
 *
 * Invariant: an entry is in the hash and in the list, the list in the order of their ends.
 */
#include "directory/login-cache.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mem.h"
#include "directory/password.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sysexits.h>

struct entry {
	TAILQ_ENTRY(entry) link;
	uint64_t end_ms;
	uint8_t digest[LOGIN_DIGEST_SIZE];
};
TAILQ_HEAD(entry_list, entry);

struct login_cache {
	size_t max;
	uint64_t life_ms;
	uint8_t key[LOGIN_DIGEST_SIZE];
	struct hash *by_digest;
	struct entry_list by_end;
};

static struct str digest_of(const void *entry)
{
	const struct entry *e = entry;
	return str_from(e->digest, sizeof(e->digest));
}

struct login_cache *login_cache_new(size_t entries, uint64_t life_ms)
{
	struct login_cache *c = xcalloc(1, sizeof(*c));
	*c = (struct login_cache){
	    .max = entries, .life_ms = life_ms, .by_digest = hash_new(digest_of)};
	TAILQ_INIT(&c->by_end);
	if (RAND_bytes(c->key, sizeof(c->key)) != 1)
		log_fatal(EX_OSERR, "no random numbers");
	return c;
}

static void drop(struct login_cache *c, struct entry *e)
{
	hash_take(c->by_digest, digest_of(e));
	TAILQ_REMOVE(&c->by_end, e, link);
	password_wipe(e, sizeof(*e));
	free(e);
}

void login_cache_clear(struct login_cache *c)
{
	struct entry *e;
	while ((e = TAILQ_FIRST(&c->by_end)) != NULL)
		drop(c, e);
}

void login_cache_free(struct login_cache *c)
{
	if (c == NULL)
		return;
	login_cache_clear(c);
	hash_free(c->by_digest);
	password_wipe(c, sizeof(*c));
	free(c);
}

static bool add_part(EVP_MAC_CTX *mac, struct str s)
{
	uint64_t n = s.n;
	return EVP_MAC_update(mac, (const uint8_t *)&n, sizeof(n)) == 1 &&
	       EVP_MAC_update(mac, (const uint8_t *)(s.p == NULL ? "" : s.p), s.n) == 1;
}

void login_cache_digest(const struct login_cache *c, struct str login, struct str password,
    struct str hash, uint8_t out[LOGIN_DIGEST_SIZE])
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
	    {"digest", OSSL_PARAM_UTF8_STRING, name, sizeof(name) - 1, 0}, {NULL, 0, NULL, 0, 0}};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
	size_t n = 0;
	bool ok = mac != NULL && EVP_MAC_init(mac, c->key, sizeof(c->key), params) == 1 &&
		  add_part(mac, login) && add_part(mac, password) && add_part(mac, hash) &&
		  EVP_MAC_final(mac, out, &n, LOGIN_DIGEST_SIZE) == 1 && n == LOGIN_DIGEST_SIZE;
	EVP_MAC_CTX_free(mac);
	EVP_MAC_free(hmac);
	/* A digest that is the same for all would let anybody in. */
	if (!ok)
		log_fatal(EX_SOFTWARE, "OpenSSL makes no HMAC");
}

bool login_cache_has(
    struct login_cache *c, const uint8_t digest[LOGIN_DIGEST_SIZE], uint64_t now_ms)
{
	struct entry *e;
	while ((e = TAILQ_FIRST(&c->by_end)) != NULL && e->end_ms <= now_ms)
		drop(c, e);
	return hash_find(c->by_digest, str_from(digest, LOGIN_DIGEST_SIZE)) != NULL;
}

/* An entry's life is never prolonged: once an hour, say, every password is hashed. */
void login_cache_add(
    struct login_cache *c, const uint8_t digest[LOGIN_DIGEST_SIZE], uint64_t now_ms)
{
	if (c->max == 0 || login_cache_has(c, digest, now_ms))
		return;
	if (hash_count(c->by_digest) >= c->max)
		drop(c, TAILQ_FIRST(&c->by_end));
	struct entry *e = xcalloc(1, sizeof(*e));
	memcpy(e->digest, digest, sizeof(e->digest));
	e->end_ms = now_ms + c->life_ms;
	hash_put(c->by_digest, e);
	TAILQ_INSERT_TAIL(&c->by_end, e, link);
}

size_t login_cache_count(const struct login_cache *c)
{
	return hash_count(c->by_digest);
}
