/* SPDX-License-Identifier: ISC
 *
 * Invariant: the list is in the order of coming, the newest first, and has at most
 * TLS_SESSIONS_MAX, of one key at most TLS_SESSIONS_OF_ONE_MAX. So few are found by looking at
 * each, which takes microseconds before a handshake that takes hundreds.
 */
#include "deliver-remote/tls-sessions.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct kept {
	TAILQ_ENTRY(kept) link;
	struct tls_session_key key;
	SSL_SESSION *session;
	uint64_t until_ms;
};

static TAILQ_HEAD(kept_list, kept) list = TAILQ_HEAD_INITIALIZER(list);
static size_t count;

size_t tls_sessions_count(void)
{
	return count;
}

static void discard(struct kept *k)
{
	TAILQ_REMOVE(&list, k, link);
	count--;
	SSL_SESSION_free(k->session);
	free(k);
}

static bool is_of(const struct kept *k, const struct tls_session_key *key)
{
	return memcmp(&k->key, key, sizeof(*key)) == 0;
}

static struct kept *next_of(struct kept *k, const struct tls_session_key *key)
{
	while (k != NULL && !is_of(k, key))
		k = TAILQ_NEXT(k, link);
	return k;
}

/* Beyond so many of that key, the newest first; the next one may be among them. */
static void limit(const struct tls_session_key *key, size_t most)
{
	struct kept *k = next_of(TAILQ_FIRST(&list), key), *next;
	for (size_t n = 0; k != NULL; k = next_of(next, key)) {
		next = TAILQ_NEXT(k, link);
		if (n++ >= most)
			discard(k);
	}
}

void tls_sessions_drop(const struct tls_session_key *key)
{
	limit(key, 0);
}

void tls_sessions_clear(void)
{
	while (!TAILQ_EMPTY(&list))
		discard(TAILQ_FIRST(&list));
}

static bool is_single_use(const SSL_SESSION *session)
{
	return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

void tls_sessions_put(
    const struct tls_session_key *key, SSL_SESSION *session, uint64_t until_ms, uint64_t now_ms)
{
	long seconds = SSL_SESSION_get_timeout(session);
	uint64_t hint_ms = now_ms + (seconds > 0 ? (uint64_t)seconds * 1000 : 0);
	struct kept *k = xcalloc(1, sizeof(*k));
	k->key = *key;
	k->session = session;
	k->until_ms = hint_ms < until_ms ? hint_ms : until_ms;
	limit(key, is_single_use(session) ? TLS_SESSIONS_OF_ONE_MAX - 1 : 0);
	TAILQ_INSERT_HEAD(&list, k, link);
	if (++count > TLS_SESSIONS_MAX)
		discard(TAILQ_LAST(&list, kept_list));
}

SSL_SESSION *tls_sessions_take(
    const struct tls_session_key *key, uint64_t now_ms, uint64_t *until_ms)
{
	struct kept *k, *next;
	for (k = next_of(TAILQ_FIRST(&list), key); k != NULL; k = next_of(next, key)) {
		next = TAILQ_NEXT(k, link);
		if (k->until_ms <= now_ms || !SSL_SESSION_is_resumable(k->session)) {
			discard(k);
			continue;
		}
		SSL_SESSION *session = k->session;
		*until_ms = k->until_ms;
		SSL_SESSION_up_ref(session);
		if (is_single_use(session))
			discard(k);
		return session;
	}
	return NULL;
}
