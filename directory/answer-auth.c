/* SPDX-License-Identifier: ISC
 *
 * The exchanges of smtpd and pop3d, which speak the same records in messages of their own. Who is
 * let in to a mailbox gets a ticket that pop3d-session knows before pop3d does.
 *
 * Invariant: an exchange is in `exchanges` and `by_age` until its result was sent or its peer is
 * gone; one whose password is being hashed then lives on, dropped, until the thread is done.
 */
#include "common/hash.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-directory.h"
#include "directory/exchange.h"
#include "directory/live.h"
#include "directory/login-mark.h"
#include "directory/password.h"

#include <stdlib.h>
#include <sys/random.h>

enum { SWEEP_MS = 10 * 1000 };

TAILQ_HEAD(exchange_list, exchange);

static struct hash *exchanges;
static struct exchange_list by_age = TAILQ_HEAD_INITIALIZER(by_age);
static struct event *sweeper;
static unsigned configured; /* mechanisms; 0: what the passwords allow */
static bool some_by_pam;    /* which takes passwords only */

static struct str key_of(const void *entry)
{
	const struct exchange *x = entry;
	return str_from(x->key, sizeof(x->key));
}

static void make_key(uint64_t peer, uint32_t cookie, uint8_t key[12])
{
	memcpy(key, &peer, sizeof(peer));
	memcpy(key + sizeof(peer), &cookie, sizeof(cookie));
}

static struct exchange *find(const struct peer *p, uint32_t cookie)
{
	uint8_t key[12];
	make_key(p->serial, cookie, key);
	return hash_find(exchanges, str_from(key, sizeof(key)));
}

/* ---- what is offered ------------------------------------------------------------- */

/* SCRAM takes keys, which not every stored password has. */
static unsigned offer(void)
{
	if (configured != 0)
		return configured;
	bool keys = !some_by_pam && live_all_have_keys(server_live());
	return AUTH_PLAIN | AUTH_LOGIN | (keys ? (unsigned)AUTH_SCRAM_SHA_256 : 0);
}

void answer_auth_send_offer(struct peer *p)
{
	const struct msg_auth_offer smtp = {.mechanisms = (uint8_t)offer()};
	const struct msg_login_offer pop3 = {.mechanisms = (uint8_t)offer()};
	if (p->edge == EDGE_smtpd_directory)
		msg_auth_offer_send(p->channel, &smtp, NULL);
	else if (p->edge == EDGE_pop3d_directory)
		msg_login_offer_send(p->channel, &pop3, NULL);
}

/* ---- exchanges ------------------------------------------------------------------- */

const char *exchange_protocol(const struct exchange *x)
{
	const struct peer *p = server_find_serial(x->peer);
	return p != NULL && p->edge == EDGE_pop3d_directory ? "pop3" : "smtp";
}

void exchange_free(struct exchange *x)
{
	free(x->session);
	free(x->client);
	sasl_reset(&x->sasl);
	password_wipe(x, sizeof(*x));
	free(x);
}

/* Out of all lists; freed unless a thread has it. */
static void drop(struct exchange *x)
{
	struct peer *p = server_find_serial(x->peer);
	hash_take(exchanges, key_of(x));
	TAILQ_REMOVE(&by_age, x, link);
	if (p != NULL)
		p->exchanges--;
	x->dropped = true;
	if (!x->working)
		exchange_free(x);
}

static struct sasl_binding binding_of(const struct auth_start *m)
{
	bool any = m->exporter.n > 0 || m->unique.n > 0 || m->endpoint.n > 0;
	return (struct sasl_binding){.exporter = m->exporter,
	    .unique = m->unique,
	    .endpoint = m->endpoint,
	    .plus_offered = any && (offer() & AUTH_SCRAM_SHA_256)};
}

static struct exchange *add(struct peer *p, const struct auth_start *m, const char *nonce)
{
	struct exchange *x = xcalloc(1, sizeof(*x));
	const struct sasl_binding binding = binding_of(m);
	*x = (struct exchange){.peer = p->serial,
	    .cookie = m->cookie,
	    .until_ms = loop_now_ms() + EXCHANGE_MS,
	    .from = server_source(m->client),
	    .session = str_dup(m->session),
	    .client = str_dup(m->client)};
	make_key(p->serial, m->cookie, x->key);
	sasl_init(&x->sasl, m->mechanism, &binding, nonce);
	hash_put(exchanges, x);
	TAILQ_INSERT_TAIL(&by_age, x, link);
	p->exchanges++;
	return x;
}

/* ---- answers --------------------------------------------------------------------- */

static void send_result(const struct exchange *x, const struct auth_result *result)
{
	struct peer *p = server_find_serial(x->peer);
	const struct msg_auth_outcome smtp = {.result = *result};
	const struct msg_login_outcome pop3 = {.result = *result};
	if (p == NULL)
		return;
	if (p->edge == EDGE_pop3d_directory)
		msg_login_outcome_send(p->channel, &pop3, NULL);
	else
		msg_auth_outcome_send(p->channel, &smtp, NULL);
}

void exchange_challenge(struct exchange *x)
{
	struct peer *p = server_find_serial(x->peer);
	const struct auth_message message = {.cookie = x->cookie, .octets = buf_str(&x->sasl.out)};
	const struct msg_auth_challenge smtp = {.message = message};
	const struct msg_login_challenge pop3 = {.message = message};
	if (p->edge == EDGE_pop3d_directory)
		msg_login_challenge_send(p->channel, &pop3, NULL);
	else
		msg_auth_challenge_send(p->channel, &smtp, NULL);
}

void exchange_refuse(struct exchange *x, enum login_verdict verdict, unsigned delay_ms)
{
	const struct auth_result result = {
	    .cookie = x->cookie, .verdict = (uint8_t)verdict, .delay = delay_ms};
	send_result(x, &result);
	drop(x);
}

/* The ticket reaches pop3d-session before pop3d can use it; a grant that still waits in our own
 * memory might not. */
static bool grant(const struct exchange *x, struct str ticket)
{
	struct peer *session = server_find_edge(EDGE_directory_session);
	const struct msg_session_grant m = {.ticket = ticket,
	    .address = str_from(x->address, x->address_size),
	    .uid = x->uid};
	return session != NULL && msg_session_grant_send(session->channel, &m, NULL) &&
	       channel_backlog(session->channel) == 0;
}

void exchange_let_in(struct exchange *x)
{
	const struct peer *p = server_find_serial(x->peer);
	char ticket[TICKET_SIZE];
	struct auth_result result = {.cookie = x->cookie,
	    .verdict = LOGIN_OK,
	    .login = str_from(x->address, x->address_size),
	    .mark = x->mark,
	    .last = buf_str(&x->sasl.out)};
	if (p->edge == EDGE_pop3d_directory) {
		result.ticket = str_from(ticket, sizeof(ticket));
		if (getrandom(ticket, sizeof(ticket), 0) != (ssize_t)sizeof(ticket) ||
		    !grant(x, result.ticket)) {
			log_message(LOG_WARNING, "pop3d-session cannot be reached");
			exchange_refuse(x, LOGIN_TEMPORARY, 0);
			return;
		}
	}
	send_result(x, &result);
	password_wipe(ticket, sizeof(ticket));
	drop(x);
}

/* ---- questions ------------------------------------------------------------------- */

/* The channel's own copy of what may hold a password. */
static void wipe(struct str s)
{
	password_wipe((void *)(uintptr_t)s.p, s.n);
}

static bool is_one_of(unsigned mechanism, unsigned mask)
{
	return (mechanism & mask) != 0 && (mechanism & (mechanism - 1)) == 0;
}

static bool is_offered(const struct auth_start *m)
{
	unsigned here = offer();
	if ((here & AUTH_SCRAM_SHA_256) && binding_of(m).plus_offered)
		here |= AUTH_SCRAM_SHA_256_PLUS;
	return is_one_of(m->mechanism, here);
}

static bool begin(struct peer *p, const struct auth_start *m)
{
	char nonce[SCRAM_NONCE_SIZE + 1];
	if (find(p, m->cookie) != NULL)
		return false;
	bool ok = is_offered(m) && p->exchanges < EXCHANGES_PER_PEER && scram_nonce(nonce);
	struct exchange *x = add(p, m, ok ? nonce : "000000000000000000000000");
	if (!ok)
		exchange_refuse(x, LOGIN_TEMPORARY, 0);
	else if (auth_verify_admit(x))
		auth_verify_step(x, sasl_begin(&x->sasl, m->has_initial ? &m->initial : NULL));
	wipe(m->initial);
	return true;
}

/* It is over here, or was another directory's. */
static void refuse_unknown(const struct peer *p, uint32_t cookie)
{
	const struct exchange x = {.peer = p->serial};
	const struct auth_result result = {.cookie = cookie, .verdict = LOGIN_TEMPORARY};
	send_result(&x, &result);
}

static bool respond(struct peer *p, const struct auth_message *m)
{
	struct exchange *x = find(p, m->cookie);
	if (x != NULL && x->working)
		return false;
	if (x == NULL)
		refuse_unknown(p, m->cookie);
	else if (auth_verify_admit(x))
		auth_verify_step(x, sasl_response(&x->sasl, m->octets));
	wipe(m->octets);
	return true;
}

static bool cancel(struct peer *p, const struct auth_cancel *m)
{
	struct exchange *x = find(p, m->cookie);
	if (x != NULL)
		drop(x);
	return true;
}

bool answer_auth_begin(void *peer, const struct msg_auth_begin *m, int *fds)
{
	(void)fds;
	return begin(peer, &m->start);
}

bool answer_auth_response(void *peer, const struct msg_auth_response *m, int *fds)
{
	(void)fds;
	return respond(peer, &m->message);
}

bool answer_auth_abort(void *peer, const struct msg_auth_abort *m, int *fds)
{
	(void)fds;
	return cancel(peer, &m->cancel);
}

bool answer_login_begin(void *peer, const struct msg_login_begin *m, int *fds)
{
	(void)fds;
	return begin(peer, &m->start);
}

bool answer_login_response(void *peer, const struct msg_login_response *m, int *fds)
{
	(void)fds;
	return respond(peer, &m->message);
}

bool answer_login_abort(void *peer, const struct msg_login_abort *m, int *fds)
{
	(void)fds;
	return cancel(peer, &m->cancel);
}

/* ---- the whole ------------------------------------------------------------------- */

void answer_auth_forget(const struct peer *p)
{
	struct exchange *x, *next;
	for (x = TAILQ_FIRST(&by_age); x != NULL; x = next) {
		next = TAILQ_NEXT(x, link);
		if (x->peer == p->serial)
			drop(x);
	}
}

static void sweep(void *ctx)
{
	struct exchange *x;
	(void)ctx;
	while ((x = TAILQ_FIRST(&by_age)) != NULL && x->until_ms <= loop_now_ms())
		exchange_refuse(x, LOGIN_TEMPORARY, 0);
	loop_timer_start(sweeper, SWEEP_MS);
}

static void take_mechanisms(const struct conf *conf)
{
	configured = conf->auth.offer;
	some_by_pam = conf->system.domains.count > 0 && conf->system.pam;
}

void answer_auth_reload(const struct conf *conf)
{
	take_mechanisms(conf);
	auth_verify_reload(conf);
}

void answer_auth_start(const struct conf *conf)
{
	exchanges = hash_new(key_of);
	take_mechanisms(conf);
	sweeper = loop_timer(sweep, NULL);
	loop_timer_start(sweeper, SWEEP_MS);
	login_mark_start(server_keeps_state());
	auth_verify_start(conf);
}

void answer_auth_end(void)
{
	struct exchange *x;
	while ((x = TAILQ_FIRST(&by_age)) != NULL)
		drop(x);
	auth_verify_end();
	event_free(sweeper);
	hash_free(exchanges);
}
