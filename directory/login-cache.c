/* SPDX-License-Identifier: ISC
 *
 * Nothing is ever touched again, so the table is in the order of the entries' ends.
 */
#include "directory/login-cache.h"
#include "common/log.h"
#include "common/mem.h"
#include "directory/lru.h"
#include "directory/password.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sysexits.h>

struct entry {
	struct lru_link link; /* first */
	uint64_t end_ms;
	uint8_t digest[LOGIN_DIGEST_SIZE];
};

struct login_cache {
	uint64_t life_ms;
	uint8_t key[LOGIN_DIGEST_SIZE];
	struct lru *entries; /* NULL: it knows nothing */
};

static struct str digest_of(const void *entry)
{
	const struct entry *e = entry;
	return str_from(e->digest, sizeof(e->digest));
}

static void forget(void *entry)
{
	password_wipe(entry, sizeof(struct entry));
	free(entry);
}

struct login_cache *login_cache_new(size_t entries, uint64_t life_ms)
{
	struct login_cache *c = xcalloc(1, sizeof(*c));
	*c = (struct login_cache){.life_ms = life_ms,
	    .entries = entries == 0 ? NULL : lru_new(entries, digest_of, forget)};
	if (RAND_bytes(c->key, sizeof(c->key)) != 1)
		log_fatal(EX_OSERR, "no random numbers");
	return c;
}

void login_cache_clear(struct login_cache *c)
{
	if (c->entries != NULL)
		lru_clear(c->entries);
}

void login_cache_free(struct login_cache *c)
{
	if (c == NULL)
		return;
	lru_free(c->entries);
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
	if (c->entries == NULL)
		return false;
	while ((e = lru_oldest(c->entries)) != NULL && e->end_ms <= now_ms)
		lru_drop(c->entries, e);
	return lru_find(c->entries, str_from(digest, LOGIN_DIGEST_SIZE)) != NULL;
}

/* An entry's life is never prolonged: once an hour, say, every password is hashed. */
void login_cache_add(
    struct login_cache *c, const uint8_t digest[LOGIN_DIGEST_SIZE], uint64_t now_ms)
{
	if (c->entries == NULL || login_cache_has(c, digest, now_ms))
		return;
	struct entry *e = xcalloc(1, sizeof(*e));
	memcpy(e->digest, digest, sizeof(e->digest));
	e->end_ms = now_ms + c->life_ms;
	lru_add(c->entries, e);
}

size_t login_cache_count(const struct login_cache *c)
{
	return c->entries == NULL ? 0 : lru_count(c->entries);
}
