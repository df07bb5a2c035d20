/* SPDX-License-Identifier: ISC
 *
 * Is this login still good, may this user send as these addresses, and so much? Either all that a
 * message asks for is counted, for the user, the client's address and its network, or nothing.
 *
 * What was sent is kept over a restart (usage.h), but for what came in the last seconds before a
 * crash. A question about a user of the machine who is not known now is kept, and asked again when
 * he is.
 */
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-smtpd-directory.h"
#include "directory/key.h"
#include "directory/limit-notices.h"
#include "directory/live.h"
#include "directory/login-mark.h"
#include "directory/owner.h"
#include "directory/server.h"
#include "directory/system-lookup.h"
#include "directory/system-users.h"
#include "directory/usage.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
	KEPT_MAX = 2 * LOGIN_MAX + SENDER_ADDRESSES_MAX * (ADDRESS_MAX + 64) + 4096,
};

struct budget {
	struct usage_limits limits;
	struct guess_key key;
};

static struct usage *usage;
static struct state_store *store;
static struct pool *pool;

/* --- whose --------------------------------------------------------------- */

static enum sender_verdict check_login(const struct msg_sender_query *m)
{
	const struct lookup lookup = live_lookup(server_live());
	if (m->login.n == 0)
		return SENDER_OK;
	switch (login_mark_check(&lookup, m->login, m->mark)) {
	case LOOKUP_FOUND:
		return SENDER_OK;
	case LOOKUP_NONE:
		return SENDER_REVOKED;
	case LOOKUP_FAILED:
		break;
	}
	return SENDER_TEMPORARY;
}

/* *missing: the user of the machine who must be known first, until pool_reset; else empty. */
static enum sender_verdict check_owner(const struct msg_sender_query *m, struct str *missing)
{
	struct system_lookup s = {.tables = live_lookup(server_live()),
	    .conf = server_rules()->conf,
	    .look = system_users_exist};
	const struct lookup lookup = system_lookup_get(&s);
	enum sender_verdict verdict = SENDER_OK;
	struct str user;
	if (!live_is_usable(server_live()))
		return SENDER_TEMPORARY;
	if (!key_address(m->login, pool, &user))
		return SENDER_NOT_OWNED;
	for (size_t i = 0; i < m->addresses_count && verdict == SENDER_OK; i++)
		verdict = owner_check(&lookup, server_rules(), user, m->addresses[i].address, pool);
	*missing = s.missing;
	return verdict;
}

/* --- how much ------------------------------------------------------------ */

/* A client's own networks and front ends have no limits by address. */
static size_t set_budgets(
    struct budget list[3], const struct msg_sender_query *m, const struct guess_source *from)
{
	const struct conf *conf = server_rules()->conf;
	size_t n = 0;
	for (int kind = GUESS_ADDRESS; kind <= GUESS_LOGIN; kind++) {
		struct budget *b = &list[n];
		b->limits = usage_limits_of((enum guess_kind)kind, conf);
		bool limited = kind == GUESS_LOGIN || (kind != GUESS_SITE && !server_is_own(from));
		n += limited && guess_key_make(from, m->login, (enum guess_kind)kind, &b->key);
	}
	return n;
}

/* Neither 0 nor all ones. */
static uint64_t draw_token(void)
{
	uint64_t token;
	if (RAND_bytes((uint8_t *)&token, sizeof(token)) != 1)
		log_fatal(EX_OSERR, "no random numbers");
	return (token | 1) & INT64_MAX;
}

static void tell(const struct msg_sender_query *m, const struct budget *b, enum usage_window over)
{
	static const char *const whats[] = {[GUESS_LOGIN] = "user",
	    [GUESS_ADDRESS] = "client address",
	    [GUESS_NETWORK] = "network of the client"};
	char note[128];
	struct log_event ev;
	bool hold = server_rules()->conf->submission.over_limit_hold;
	int n = snprintf(note, sizeof(note), "this %s has reached %u recipients in %s: mail is %s",
	    whats[b->key.p[0]], over == USAGE_HOUR ? b->limits.hour : b->limits.day,
	    over == USAGE_HOUR ? "an hour" : "a day", hold ? "held" : "refused");
	log_begin(&ev, LOG_WARNING, (struct str){NULL, 0});
	log_address(&ev, "user", m->login);
	log_str(&ev, "client", m->client);
	log_note(&ev, str_from(note, (size_t)n));
	log_end(&ev);
}

/* Once a day: in the log, and by mail. */
static void pass(const struct msg_sender_query *m, const struct guess_source *from,
    const struct budget *b, enum usage_window over, uint64_t now_s)
{
	const struct usage_passed passed = {.window = over,
	    .held = server_rules()->conf->submission.over_limit_hold,
	    .limit = over == USAGE_HOUR ? b->limits.hour : b->limits.day,
	    .token = draw_token()};
	if (!usage_pass(usage, guess_key_str(&b->key), from, &passed, m->recipients, now_s))
		return;
	tell(m, b, over);
	state_store_hurry(store);
	limit_notices_run();
}

static enum sender_verdict check_usage(const struct msg_sender_query *m)
{
	struct budget list[3];
	const struct guess_source from = server_source(m->client);
	uint64_t now_s = loop_wall_ms() / 1000;
	bool over = false, hold = server_rules()->conf->submission.over_limit_hold;
	size_t n = set_budgets(list, m, &from);
	for (size_t i = 0; i < n; i++) {
		enum usage_window w = usage_check(
		    usage, guess_key_str(&list[i].key), &list[i].limits, m->recipients, now_s);
		if (w != USAGE_FITS)
			pass(m, &from, &list[i], w, now_s);
		over = over || w != USAGE_FITS;
	}
	if (over && !hold)
		return SENDER_LIMIT;
	for (size_t i = 0; i < n; i++)
		usage_add(usage, guess_key_str(&list[i].key), &from, m->recipients, now_s);
	return over ? SENDER_HOLD : SENDER_OK;
}

/* --- answers ------------------------------------------------------------- */

static void say(const struct peer *p, const struct msg_sender_query *m, enum sender_verdict verdict)
{
	if (verdict == SENDER_OK && m->recipients > 0 && server_rules()->conf != NULL)
		verdict = check_usage(m);
	msg_sender_answer_send(p->channel,
	    &(struct msg_sender_answer){.cookie = m->cookie, .verdict = (uint8_t)verdict}, NULL);
}

/* A question that waits until a user of the machine is known. */
struct waiting {
	struct system_wait wait; /* first */
	uint64_t peer;
	struct pool *kept;
	struct msg_sender_query query; /* in `kept` */
};

static void free_waiting(struct waiting *w)
{
	pool_free(w->kept);
	free(w);
}

static void look_again(struct system_wait *wait);

static bool wait_for(struct waiting *w, struct str user)
{
	w->wait.fn = look_again;
	return system_users_wait(&w->wait, user);
}

static void look_again(struct system_wait *wait)
{
	struct waiting *w = (struct waiting *)wait;
	struct peer *p = server_find_serial(w->peer);
	struct str missing = {NULL, 0};
	if (p != NULL) {
		enum sender_verdict verdict = check_owner(&w->query, &missing);
		if (missing.n > 0 && wait_for(w, missing)) {
			pool_reset(pool);
			return;
		}
		say(p, &w->query, verdict);
		pool_reset(pool);
	}
	free_waiting(w);
}

static struct waiting *keep(const struct peer *p, const struct msg_sender_query *m)
{
	struct waiting *w = xcalloc(1, sizeof(*w));
	*w = (struct waiting){.peer = p->serial, .kept = pool_new(KEPT_MAX), .query = *m};
	struct sender_address *list = pool_array(w->kept, m->addresses_count, sizeof(*list));
	bool ok = list != NULL && pool_copy(w->kept, m->login, &w->query.login) &&
		  pool_copy(w->kept, m->client, &w->query.client);
	for (size_t i = 0; ok && i < m->addresses_count; i++)
		ok = pool_copy(w->kept, m->addresses[i].address, &list[i].address);
	w->query.addresses = list;
	if (ok)
		return w;
	free_waiting(w);
	return NULL;
}

static bool begin_waiting(
    const struct peer *p, const struct msg_sender_query *m, struct str missing)
{
	struct waiting *w = keep(p, m);
	if (w == NULL || wait_for(w, missing))
		return w != NULL;
	free_waiting(w);
	return false;
}

bool answer_sender_query(void *ctx, const struct msg_sender_query *m, int *fds)
{
	const struct peer *p = ctx;
	enum sender_verdict verdict = check_login(m);
	struct str missing = {NULL, 0};
	(void)fds;
	if (verdict == SENDER_OK && m->addresses_count > 0)
		verdict = check_owner(m, &missing);
	if (missing.n == 0 || !begin_waiting(p, m, missing))
		say(p, m, verdict);
	pool_reset(pool);
	return true;
}

struct usage *answer_sender_usage(void)
{
	return usage;
}

void answer_sender_start(void)
{
	pool = pool_new(EXPAND_POOL_MAX);
	usage = usage_new();
	if (server_keeps_state())
		store = state_store_open(&usage_kept, usage);
	limit_notices_start(usage, store);
}

void answer_sender_end(void)
{
	limit_notices_end();
	state_store_close(store);
	pool_free(pool);
	usage_free(usage);
	pool = NULL;
	usage = NULL;
	store = NULL;
}
