/* SPDX-License-Identifier: ISC
 *
 * keys: has the private keys, and signs with them.
 *
 * Runs as:    postern-keys, in an empty root.
 * Reads:      the files of certificates and keys that control opened for it.
 * Writes:     nothing.
 * Talks to:   smtpd, pop3d and deliver-remote, which it does not trust.
 * May never:  open a file, make a socket, give a key away, or sign what is no digest.
 */
#include "common/log.h"
#include "common/loop.h"
#include "common/service.h"
#include "keys/server.h"
#include "keys/tickets.h"
#include "keys/vault.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

enum { TICK_MS = 60 * 1000 };

static struct event *ticker, *rotation;
static bool publish_due;

static void publish(void *ctx)
{
	(void)ctx;
	publish_due = false;
	server_publish();
}

/* Once for many at a time. */
static void publish_soon(void)
{
	if (!publish_due)
		loop_soon(publish, NULL);
	publish_due = true;
}

static void on_tick(void *ctx)
{
	(void)ctx;
	if (vault_tick(loop_now_ms()))
		publish_soon();
	loop_timer_start(ticker, TICK_MS);
}

static void on_rotation(void *ctx)
{
	(void)ctx;
	server_rotate_tickets();
	loop_timer_start(rotation, TICKETS_ROTATE_MS);
}

/* What OpenSSL reads from files is its configuration, which is not wanted. */
static void before_jail(struct service *self, const struct conf *conf)
{
	(void)self;
	(void)conf;
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	EVP_MD_free(EVP_MD_fetch(NULL, "SHA256", NULL));
	tickets_rotate();
}

static void in_jail(const struct conf *conf)
{
	server_set_conf(conf);
	ticker = loop_timer(on_tick, NULL);
	rotation = loop_timer(on_rotation, NULL);
	loop_timer_start(ticker, TICK_MS);
	loop_timer_start(rotation, TICKETS_ROTATE_MS);
	if (conf->certificate_count == 0)
		server_publish();
}

static void on_key_pair(const struct conf_certificate *certificate, int chain, int key,
    struct key_verdict *verdict)
{
	static bool any;
	if (vault_take(certificate, chain, key, loop_now_ms(), verdict) || !any)
		publish_soon();
	any = true;
}

/* The files follow; what is in both configurations is not touched. */
static void on_reload(const struct conf *conf)
{
	server_set_conf(conf);
	if (vault_keep_only(conf, loop_now_ms()))
		publish_soon();
}

int main(int argc, char **argv)
{
	struct service keys = {
	    .program = PROGRAM_keys,
	    .before_jail = before_jail,
	    .in_jail = in_jail,
	    .on_peer = server_peer,
	    .on_key_pair = on_key_pair,
	    .on_reload = on_reload,
	};
	return service_main(&keys, argc, argv);
}
