/* SPDX-License-Identifier: ISC
 *
 * May this user send as these addresses, and so much? Either all that a message asks for is
 * counted, for the user, the client's address and its network, or nothing.
 *
 * What was sent is known in memory only: a restart of directory forgets it. A question about a
 * user of the machine who is not known now is kept, and asked again when he is.
 */
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-smtpd-directory.h"
#include "directory/guesses.h"
#include "directory/key.h"
#include "directory/live.h"
#include "directory/owner.h"
#include "directory/server.h"
#include "directory/system-lookup.h"
#include "directory/system-users.h"
#include "directory/usage.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	KEPT_MAX = 2 * LOGIN_MAX + SENDER_ADDRESSES_MAX * (ADDRESS_MAX + 64) + 4096,
};

struct budget {
	const char *what; /* for the log */
	struct usage_limits limits;
	struct str key;
	char text[USAGE_KEY_MAX];
};

static struct usage *usage;
static struct pool *pool;

/* --- whose --------------------------------------------------------------- */

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

static void set_key(struct budget *b, char kind, struct str s)
{
	s = str_head(s, sizeof(b->text) - 1);
	b->text[0] = kind;
	if (s.n > 0)
		memcpy(b->text + 1, s.p, s.n);
	b->key = str_from(b->text, 1 + s.n);
}

/* False for local programs and for own networks, which have no limits by address. */
static bool has_limits(const struct guess_source *from)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	if (from->size == 0)
		return false;
	memcpy(&in.sin_addr, from->address, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, from->address, sizeof(in6.sin6_addr));
	return !conf_is_own_network(server_rules()->conf,
	    from->size == sizeof(in.sin_addr) ? (const struct sockaddr *)&in
					      : (const struct sockaddr *)&in6);
}

/* Those that apply; returns how many. */
static size_t set_budgets(struct budget list[3], const struct msg_sender_query *m)
{
	const struct conf_submission *c = &server_rules()->conf->submission;
	const struct guess_source from = guess_source_parse(m->client);
	size_t n = 0;
	if (m->login.n > 0) {
		list[n].what = "user";
		list[n].limits =
		    (struct usage_limits){c->recipients_per_hour, c->recipients_per_day};
		set_key(&list[n++], 'u', m->login);
	}
	if (!has_limits(&from))
		return n;
	list[n].what = "client address";
	list[n].limits = (struct usage_limits){.hour = c->address_recipients_per_hour};
	set_key(&list[n++], 'a', m->client);
	list[n].what = "network of the client";
	list[n].limits = (struct usage_limits){.hour = c->network_recipients_per_hour};
	set_key(&list[n++], 'n',
	    str_from(from.address, guess_prefix_size(&from, GUESS_NETWORK)));
	return n;
}

static void tell(const struct msg_sender_query *m, const struct budget *b, enum usage_window over)
{
	char note[128];
	struct log_event ev;
	bool hold = server_rules()->conf->submission.over_limit_hold;
	int n = snprintf(note, sizeof(note), "this %s has reached %u recipients in %s: mail is %s",
	    b->what, over == USAGE_HOUR ? b->limits.hour : b->limits.day,
	    over == USAGE_HOUR ? "an hour" : "a day", hold ? "held" : "refused");
	log_begin(&ev, LOG_WARNING, (struct str){NULL, 0});
	log_address(&ev, "user", m->login);
	log_str(&ev, "client", m->client);
	log_note(&ev, str_from(note, (size_t)n));
	log_end(&ev);
}

static enum sender_verdict check_usage(const struct msg_sender_query *m)
{
	struct budget list[3];
	uint64_t now_s = loop_wall_ms() / 1000;
	bool over = false, hold = server_rules()->conf->submission.over_limit_hold;
	size_t n = set_budgets(list, m);
	for (size_t i = 0; i < n; i++) {
		enum usage_window w =
		    usage_check(usage, list[i].key, &list[i].limits, m->recipients, now_s);
		if (w != USAGE_FITS && usage_is_news(usage, list[i].key, now_s))
			tell(m, &list[i], w);
		over = over || w != USAGE_FITS;
	}
	if (over && !hold)
		return SENDER_LIMIT;
	for (size_t i = 0; i < n; i++)
		usage_add(usage, list[i].key, m->recipients, now_s);
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
	enum sender_verdict verdict = SENDER_OK;
	struct str missing = {NULL, 0};
	(void)fds;
	if (pool == NULL)
		pool = pool_new(EXPAND_POOL_MAX);
	if (usage == NULL)
		usage = usage_new();
	if (m->addresses_count > 0)
		verdict = check_owner(m, &missing);
	if (missing.n == 0 || !begin_waiting(p, m, missing))
		say(p, m, verdict);
	pool_reset(pool);
	return true;
}

void answer_sender_end(void)
{
	pool_free(pool);
	usage_free(usage);
	pool = NULL;
	usage = NULL;
}
