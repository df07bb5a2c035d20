/* SPDX-License-Identifier: ISC
 *
 * A peer can have digests signed, by schemes of TLS, with the keys of the certificates that are
 * its own to show, and hears of no others. What is no digest, or of no such scheme, costs it the
 * channel.
 */
#include "keys/server.h"
#include "common/admission.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-keys.h"
#include "keys/tickets.h"
#include "keys/vault.h"

#include <stdlib.h>
#include <unistd.h>

struct peer {
	struct channel *channel;
	size_t edge; /* in `edges` */
	unsigned instance;
	uint64_t second; /* that `signed_count` is of */
	unsigned signed_count;
	uint64_t logged; /* the second of the last refusal in the log */
};

static const struct {
	enum edge_id edge;
	const char *program;
	enum tls_service_id services[2];
	bool is_client; /* it shows certificates to servers, not to clients */
} edges[] = {
    {EDGE_smtpd_keys, "smtpd", {TLS_SERVICE_SMTP, TLS_SERVICE_SUBMISSION}, false},
    {EDGE_pop3d_keys, "pop3d", {TLS_SERVICE_POP3}, false},
    {EDGE_remote_keys, "deliver-remote", {0}, true},
};
enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

static struct peer peers[EDGES][ADMISSION_WORKERS_MAX];
static bool published;
static const struct conf *conf;

/* ---- what it is told -------------------------------------------------------------- */

static bool may_show(size_t edge, const struct vault_entry *entry)
{
	return edges[edge].is_client ? entry->for_clients : entry->for_servers;
}

struct names {
	struct pool *pool; /* what they are in: OpenSSL takes them away again */
	struct key_name list[IDENTITY_NAMES_MAX];
	size_t count;
};

static void add_name(void *ctx, struct str name)
{
	struct names *names = ctx;
	if (names->count < IDENTITY_NAMES_MAX && name.n > 0 && name.n <= DOMAIN_MAX &&
	    pool_copy(names->pool, name, &names->list[names->count].name))
		names->count++;
}

static void send_identity(struct channel *channel, const struct vault_entry *entry)
{
	struct names names = {.pool = pool_new((IDENTITY_NAMES_MAX + 1) * (DOMAIN_MAX + 1) * 2)};
	struct key_certificate chain[IDENTITY_CHAIN_MAX] = {0};
	uint8_t *ders[IDENTITY_CHAIN_MAX] = {NULL};
	int n = sk_X509_num(entry->pair->chain);
	for (int i = 0; i < n; i++) {
		int size = i2d_X509(sk_X509_value(entry->pair->chain, i), &ders[i]);
		chain[i].der = str_from((const char *)ders[i], size < 0 ? 0 : (size_t)size);
	}
	add_name(&names, str_from_cstr(entry->name));
	pair_each_name(entry->pair, add_name, &names);
	const struct msg_identity m = {.id = entry->id,
	    .names = names.list,
	    .names_count = names.count,
	    .chain = chain,
	    .chain_count = (size_t)n};
	msg_identity_send(channel, &m, NULL);
	for (int i = 0; i < n; i++)
		OPENSSL_free(ders[i]);
	pool_free(names.pool);
}

struct telling {
	struct channel *channel;
	size_t edge;
	uint16_t count;
};

static void count_identity(void *ctx, const struct vault_entry *entry)
{
	struct telling *t = ctx;
	t->count += may_show(t->edge, entry);
}

static void tell_identity(void *ctx, const struct vault_entry *entry)
{
	struct telling *t = ctx;
	if (may_show(t->edge, entry))
		send_identity(t->channel, entry);
}

static void send_identities(struct channel *channel, size_t edge)
{
	struct telling t = {.channel = channel, .edge = edge};
	vault_each(conf, count_identity, &t);
	msg_identities_send(channel, &(struct msg_identities){.count = t.count}, NULL);
	vault_each(conf, tell_identity, &t);
}

static void send_tickets(struct channel *channel, size_t edge)
{
	for (size_t i = 0; i < 2; i++)
		if (edges[edge].services[i] != 0)
			tickets_send(channel, edges[edge].services[i]);
}

static void each_peer(void (*fn)(struct channel *channel, size_t edge))
{
	for (size_t e = 0; e < EDGES; e++)
		for (size_t i = 0; i < ADMISSION_WORKERS_MAX; i++)
			if (peers[e][i].channel != NULL && !channel_is_closed(peers[e][i].channel))
				fn(peers[e][i].channel, e);
}

void server_set_conf(const struct conf *fresh)
{
	conf = fresh;
}

void server_publish(void)
{
	published = true;
	each_peer(send_identities);
}

void server_rotate_tickets(void)
{
	tickets_rotate();
	each_peer(send_tickets);
}

/* ---- what it asks ----------------------------------------------------------------- */

static bool is_too_fast(struct peer *p)
{
	uint64_t second = loop_now_ms() / 1000;
	if (second != p->second) {
		p->second = second;
		p->signed_count = 0;
	}
	return p->signed_count++ >= SERVER_SIGN_PER_SECOND;
}

/* Once a second is enough. */
static void log_refusal(struct peer *p, const char *program, const char *why)
{
	if (p->logged != p->second)
		log_message(LOG_WARNING, "%s %u: no signature: %s", program, p->instance, why);
	p->logged = p->second;
}

static const char *program_of(const struct peer *p)
{
	return edges[p->edge].program;
}

static bool on_sign(void *ctx, const struct msg_sign *m, int *fds)
{
	struct peer *p = ctx;
	uint8_t signature[SIGNATURE_MAX];
	const struct tls_scheme *scheme = tls_scheme_find(m->scheme);
	struct vault_entry entry;
	size_t n = 0;
	(void)fds;
	if (scheme == NULL || m->digest.n != scheme->digest)
		return false;
	if (is_too_fast(p))
		log_refusal(p, program_of(p), "it wants too many in a second");
	else if (!vault_find(m->identity, &entry))
		log_refusal(p, program_of(p), "there is no such certificate any more");
	else if (!may_show(p->edge, &entry))
		log_refusal(p, program_of(p), "the certificate is not for it to show");
	else
		n = pair_sign(entry.pair, scheme, m->digest, signature);
	const struct msg_signature answer = {
	    .cookie = m->cookie, .octets = str_from((const char *)signature, n)};
	msg_signature_send(p->channel, &answer, NULL);
	return true;
}

static const struct keys_server_handlers handlers = {.sign = on_sign};

static void on_gone(void *ctx, struct channel *channel, const char *why)
{
	struct peer *p = ctx;
	log_message(channel_loss_level(channel), "the channel to %s %u is closed: %s",
	    program_of(p), p->instance, why);
	channel_free(channel);
	p->channel = NULL;
}

void server_peer(enum edge_id edge, unsigned instance, int fd)
{
	size_t e = 0;
	while (e < EDGES && edges[e].edge != edge)
		e++;
	if (e == EDGES || instance >= ADMISSION_WORKERS_MAX) {
		close(fd);
		return;
	}
	struct peer *p = &peers[e][instance];
	channel_free(p->channel);
	*p = (struct peer){.edge = e, .instance = instance};
	p->channel = channel_new(fd, &keys_server, &handlers, p, on_gone);
	send_tickets(p->channel, e);
	if (published)
		send_identities(p->channel, e);
}
