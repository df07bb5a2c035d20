/* SPDX-License-Identifier: ISC
 *
 * How to reach a nexthop: for a relay, what the configuration says of it, and its
 * user and password; for all else, what the table tls says; and which certificate of ours
 * it may ask for. A password leaves only here, and only for a relay that the configuration names.
 */
#include "common/msg-remote-directory.h"
#include "directory/live.h"
#include "directory/route.h"
#include "directory/server.h"

enum { POOL_MAX = 64 * 1024 };

static struct pool *pool; /* of one answer */

static void refuse(struct msg_hop_answer *a, enum hop_verdict verdict, const char *why)
{
	*a = (struct msg_hop_answer){
	    .cookie = a->cookie, .verdict = (uint8_t)verdict, .text = str_from_cstr(why)};
}

static void take_certificate(const char *name, struct msg_hop_answer *a)
{
	if (name != NULL)
		a->certificate = str_from_cstr(name);
}

static void take_login(const struct lookup *lookup, struct str name, struct msg_hop_answer *a)
{
	struct login_record login;
	struct str value;
	switch (lookup_get(lookup, TABLE_LOGINS, name, pool, &value)) {
	case LOOKUP_FOUND:
		if (login_get(value, &login)) {
			a->login = login.user;
			a->password = login.password;
			return;
		}
		break;
	case LOOKUP_NONE:
		log_message(LOG_ERR,
		    "the table logins has no entry %.*s, which a relay wants: add it, and run "
		    "`postern table build`",
		    STR_ARG(name));
		refuse(a, HOP_TEMPORARY, "the login for this relay is missing");
		return;
	case LOOKUP_FAILED:
		break;
	}
	refuse(a, HOP_TEMPORARY, "the tables cannot be read now");
}

static void answer_relay(const struct lookup *lookup, struct str name, struct msg_hop_answer *a)
{
	const struct conf *conf = server_rules()->conf;
	for (size_t i = 0; i < conf->relay_count; i++) {
		const struct conf_relay *r = &conf->relays[i];
		if (!str_eq(str_from_cstr(r->name), name))
			continue;
		a->target = str_from_cstr(r->host);
		a->tls = (uint8_t)r->tls;
		a->implicit_tls = r->implicit_tls;
		take_certificate(r->certificate, a);
		if (r->login != NULL)
			take_login(lookup, str_from_cstr(r->login), a);
		return;
	}
	refuse(a, HOP_REFUSED, "the configuration has no such relay any more");
}

static void answer_direct(
    const struct lookup *lookup, struct str text, const struct nexthop *n, struct msg_hop_answer *a)
{
	struct tls_record *tls = pool_alloc(pool, sizeof(*tls));
	a->target = text;
	a->tls = TLS_NONE;
	if (n->kind == NEXTHOP_SOCKET)
		return;
	take_certificate(server_rules()->conf->remote.certificate, a);
	switch (tls == NULL ? LOOKUP_FAILED : route_tls(lookup, n, pool, tls)) {
	case LOOKUP_FOUND:
		a->tls = (uint8_t)tls->policy;
		a->names = tls->names;
		a->names_count = tls->name_count;
		a->fingerprints = tls->fingerprints;
		a->fingerprints_count = tls->fingerprint_count;
		return;
	case LOOKUP_NONE:
		a->tls = (uint8_t)server_rules()->conf->remote.tls;
		return;
	case LOOKUP_FAILED:
		break;
	}
	refuse(a, HOP_TEMPORARY, "the tables cannot be read now");
}

bool answer_hop_query(void *ctx, const struct msg_hop_query *m, int *fds)
{
	struct peer *p = ctx;
	struct msg_hop_answer answer = {.cookie = m->cookie, .verdict = HOP_OK};
	struct nexthop n;
	(void)fds;
	if (pool == NULL)
		pool = pool_new(POOL_MAX);
	const struct lookup lookup = live_lookup(server_live());
	if (!nexthop_parse(m->nexthop, &n))
		return false; /* nothing like it was ever routed */
	if (n.kind == NEXTHOP_RELAY)
		answer_relay(&lookup, n.name, &answer);
	else
		answer_direct(&lookup, m->nexthop, &n, &answer);
	msg_hop_answer_send(p->channel, &answer, NULL);
	pool_reset(pool);
	return true;
}

void answer_hop_end(void)
{
	pool_free(pool);
	pool = NULL;
}
