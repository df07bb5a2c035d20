/* SPDX-License-Identifier: ISC
 *
 * Invariant: a question stays in `questions` until its signature has come or nobody wants
 * it any more; it lives on the stack of the job that waits for it, which is paused.
 */
#include "common/log.h"
#include "common/mem.h"
#include "common/tls-internal.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sysexits.h>

struct question {
	TAILQ_ENTRY(question) link;
	struct tls_job *job;
	struct msg_sign sign;
	bool answered;
	size_t n; /* of the signature; 0: there is none */
	uint8_t octets[SIGNATURE_MAX];
};

static TAILQ_HEAD(, question) questions = TAILQ_HEAD_INITIALIZER(questions);
static struct channel *channel;
static uint32_t last_cookie;
static struct tls_identities identities; /* in force */
static struct tls_identities coming;
static size_t coming_count; /* of them are promised */
static bool known;
static tls_keys_changed_fn *on_changed;

static struct {
	struct tls_ticket_key keys[2];
	size_t count;
} tickets[TLS_SERVICES];

/* ---- identities ------------------------------------------------------------------- */

static void reset_identities(struct tls_identities *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct tls_identity *id = &set->list[i];
		for (size_t k = 0; k < id->name_count; k++)
			free(id->names[k]);
		free(id->names);
		sk_X509_pop_free(id->chain, X509_free);
		EVP_PKEY_free(id->key);
	}
	free(set->list);
	*set = (struct tls_identities){.list = NULL};
}

static void take_over(void)
{
	reset_identities(&identities);
	identities = coming;
	coming = (struct tls_identities){.list = NULL};
	coming_count = 0;
	known = true;
	on_changed();
}

static bool on_identities(void *ctx, const struct msg_identities *m, int *fds)
{
	(void)ctx;
	(void)fds;
	reset_identities(&coming);
	coming_count = m->count;
	if (coming_count == 0)
		take_over();
	return true;
}

static STACK_OF(X509) * read_chain(const struct msg_identity *m)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	for (size_t i = 0; i < m->chain_count; i++) {
		const uint8_t *p = (const uint8_t *)m->chain[i].der.p;
		const uint8_t *end = p + m->chain[i].der.n;
		X509 *certificate = d2i_X509(NULL, &p, (long)m->chain[i].der.n);
		if (certificate == NULL || p != end || sk_X509_push(chain, certificate) <= 0) {
			X509_free(certificate);
			sk_X509_pop_free(chain, X509_free);
			ERR_clear_error();
			return NULL;
		}
	}
	return chain;
}

static bool on_identity(void *ctx, const struct msg_identity *m, int *fds)
{
	struct tls_identity id = {.id = m->id};
	(void)ctx;
	(void)fds;
	if (coming.count >= coming_count || m->names_count == 0 || m->chain_count == 0)
		return false;
	id.chain = read_chain(m);
	if (id.chain == NULL)
		return false;
	id.key = tls_provider_key(X509_get0_pubkey(sk_X509_value(id.chain, 0)), m->id);
	id.names = xcalloc(m->names_count, sizeof(*id.names));
	for (; id.name_count < m->names_count; id.name_count++)
		id.names[id.name_count] = str_dup(m->names[id.name_count].name);
	coming.list = xreallocarray(coming.list, coming.count + 1, sizeof(id));
	coming.list[coming.count++] = id;
	if (coming.count == coming_count)
		take_over();
	return true;
}

STACK_OF(X509) * tls_identity_issuers(const struct tls_identity *id)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	for (int i = 1; i < sk_X509_num(id->chain); i++)
		sk_X509_push(others, sk_X509_value(id->chain, i));
	return others;
}

const struct tls_identities *tls_keys_identities(void)
{
	return &identities;
}

bool tls_keys_are_known(void)
{
	return known;
}

bool tls_keys_are_awaited(enum conf_tls tls)
{
	return tls == CONF_TLS_IMPLICIT ? identities.count == 0 : tls != CONF_TLS_NO && !known;
}

/* ---- tickets ---------------------------------------------------------------------- */

static bool is_whole(const struct ticket_key *k)
{
	return k->name.n == TICKET_KEY_NAME_SIZE && k->aes.n == TICKET_KEY_SIZE &&
	       k->hmac.n == TICKET_KEY_SIZE;
}

static bool on_ticket_keys(void *ctx, const struct msg_ticket_keys *m, int *fds)
{
	(void)ctx;
	(void)fds;
	if (m->service == 0 || m->service >= TLS_SERVICES)
		return false;
	for (size_t i = 0; i < m->keys_count; i++)
		if (!is_whole(&m->keys[i]))
			return false;
	for (size_t i = 0; i < m->keys_count; i++) {
		struct tls_ticket_key *to = &tickets[m->service].keys[i];
		memcpy(to->name, m->keys[i].name.p, sizeof(to->name));
		memcpy(to->aes, m->keys[i].aes.p, sizeof(to->aes));
		memcpy(to->hmac, m->keys[i].hmac.p, sizeof(to->hmac));
	}
	tickets[m->service].count = m->keys_count;
	return true;
}

const struct tls_ticket_key *tls_keys_ticket(enum tls_service_id service, size_t age)
{
	return age < tickets[service].count ? &tickets[service].keys[age] : NULL;
}

/* ---- signatures ------------------------------------------------------------------- */

static void answer(struct question *q, struct str octets)
{
	q->answered = true;
	q->n = octets.n;
	q->job->refused = octets.n == 0;
	if (octets.n > 0)
		memcpy(q->octets, octets.p, octets.n);
	TAILQ_REMOVE(&questions, q, link);
}

static bool on_signature(void *ctx, const struct msg_signature *m, int *fds)
{
	struct question *q;
	(void)ctx;
	(void)fds;
	TAILQ_FOREACH(q, &questions, link)
	if (q->sign.cookie == m->cookie) {
		struct tls_job *job = q->job;
		answer(q, m->octets);
		job->on_signed(job->ctx);
		break;
	}
	return true;
}

void tls_keys_forget(const struct tls_job *job)
{
	struct question *q;
	TAILQ_FOREACH(q, &questions, link)
	if (q->job == job) {
		answer(q, (struct str){NULL, 0});
		break;
	}
}

/* Runs in a job: it waits here, the process does not. */
static size_t sign_elsewhere(
    uint32_t identity, uint16_t scheme, struct str digest, uint8_t *out, size_t room)
{
	struct question q = {.job = tls_job_current(),
	    .sign = {.identity = identity, .scheme = scheme, .digest = digest}};
	if (q.job == NULL || ASYNC_get_current_job() == NULL)
		return 0;
	q.sign.cookie = ++last_cookie;
	TAILQ_INSERT_TAIL(&questions, &q, link);
	if (channel != NULL)
		msg_sign_send(channel, &q.sign, NULL);
	while (!q.answered)
		ASYNC_pause_job();
	if (q.n > room)
		return 0;
	memcpy(out, q.octets, q.n);
	return q.n;
}

/* ---- the channel ------------------------------------------------------------------ */

static const struct keys_client_handlers handlers = {.identities = on_identities,
    .identity = on_identity,
    .ticket_keys = on_ticket_keys,
    .signature = on_signature};

/* What is asked waits for the next one, or for its own deadline. */
static void on_gone(void *ctx, struct channel *gone, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(gone), "the channel to keys is closed: %s", why);
	channel_free(gone);
	channel = NULL;
}

void tls_keys_connect(int fd)
{
	struct question *q;
	channel_free(channel);
	channel = channel_new(fd, &keys_client, &handlers, NULL, on_gone);
	reset_identities(&coming);
	coming_count = 0;
	TAILQ_FOREACH(q, &questions, link)
	msg_sign_send(channel, &q->sign, NULL);
}

/* OpenSSL reads its configuration at first use, unless it is told not to, and finds its
 * algorithms; a job fetches the function that switches stacks. */
void tls_keys_setup(tls_keys_changed_fn *changed)
{
	uint8_t some[32];
	on_changed = changed;
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
			     OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
	    NULL);
	tls_provider_setup(sign_elsewhere);
	if (RAND_bytes(some, sizeof(some)) != 1 || ASYNC_init_thread(0, 0) != 1)
		log_fatal(EX_SOFTWARE, "OpenSSL cannot be set up");
}
