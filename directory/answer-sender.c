/* SPDX-License-Identifier: ISC
 *
 * May this user send as these addresses, and so much? Either all that a message asks for is
 * counted, for the user, the client's address and its network, or nothing.
 *
 * What was sent is known in memory only: a restart of directory forgets it.
 */
#include "common/loop.h"
#include "common/msg-smtpd-directory.h"
#include "directory/key.h"
#include "directory/live.h"
#include "directory/owner.h"
#include "directory/server.h"
#include "directory/usage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { IPV4_NETWORK = 3, IPV6_NETWORK = 8 }; /* octets: /24 and /64 */

struct budget {
	const char *what; /* for the log */
	struct usage_limits limits;
	struct str key;
	char text[USAGE_KEY_MAX];
};

static struct usage *usage;
static struct pool *pool;

/* --- whose --------------------------------------------------------------- */

static enum sender_verdict check_owner(const struct msg_sender_query *m)
{
	const struct lookup lookup = live_lookup(server_live());
	enum sender_verdict verdict = SENDER_OK;
	struct str user;
	if (!live_is_usable(server_live()))
		return SENDER_TEMPORARY;
	if (!key_address(m->login, pool, &user))
		return SENDER_NOT_OWNED;
	for (size_t i = 0; i < m->addresses_count && verdict == SENDER_OK; i++)
		verdict = owner_check(&lookup, server_rules(), user, m->addresses[i].address, pool);
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

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; false for local programs and for own networks, which have
 * no limits by address. */
static bool network_of(struct str client, struct str *network, uint8_t octets[16])
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct str ip = str_head(str_skip(client, 1), client.n < 2 ? 0 : client.n - 2);
	bool v6 = str_has_prefix(ip, STR("IPv6:"));
	ip = str_skip(ip, v6 ? 5 : 0);
	if (ip.n == 0 || ip.n >= sizeof(text))
		return false;
	memcpy(text, ip.p, ip.n);
	text[ip.n] = '\0';
	*network = str_from((const char *)octets, v6 ? IPV6_NETWORK : IPV4_NETWORK);
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, octets) != 1)
		return false;
	memcpy(&in.sin_addr, octets, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, octets, sizeof(in6.sin6_addr));
	return !conf_is_own_network(server_rules()->conf,
	    v6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in);
}

/* Those that apply; returns how many. */
static size_t set_budgets(struct budget list[3], const struct msg_sender_query *m)
{
	const struct conf_submission *c = &server_rules()->conf->submission;
	struct str network;
	uint8_t octets[16];
	size_t n = 0;
	if (m->login.n > 0) {
		list[n].what = "user";
		list[n].limits =
		    (struct usage_limits){c->recipients_per_hour, c->recipients_per_day};
		set_key(&list[n++], 'u', m->login);
	}
	if (!network_of(m->client, &network, octets))
		return n;
	list[n].what = "client address";
	list[n].limits = (struct usage_limits){.hour = c->address_recipients_per_hour};
	set_key(&list[n++], 'a', m->client);
	list[n].what = "network of the client";
	list[n].limits = (struct usage_limits){.hour = c->network_recipients_per_hour};
	set_key(&list[n++], 'n', network);
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

bool answer_sender_query(void *ctx, const struct msg_sender_query *m, int *fds)
{
	struct peer *p = ctx;
	struct msg_sender_answer answer = {.cookie = m->cookie, .verdict = SENDER_OK};
	(void)fds;
	if (pool == NULL)
		pool = pool_new(EXPAND_POOL_MAX);
	if (usage == NULL)
		usage = usage_new();
	if (m->addresses_count > 0)
		answer.verdict = (uint8_t)check_owner(m);
	if (answer.verdict == SENDER_OK && m->recipients > 0 && server_rules()->conf != NULL)
		answer.verdict = (uint8_t)check_usage(m);
	msg_sender_answer_send(p->channel, &answer, NULL);
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
