/* SPDX-License-Identifier: ISC
 *
 * resolver: validated DNS answers, with one cache for all.
 *
 * Runs as:    postern-dns, in an empty root, or in the directory of the trust anchor.
 * Reads:      answers of name servers; the trust anchor's file, where there is one.
 * Writes:     that file, when the root's keys change (RFC 5011).
 * Talks to:   name servers, by UDP and TCP; deliver-remote, which it does not trust.
 * May never:  take "no answer" for "no such name", let one question hold up all others, or
 *             believe the size of anything in an answer.
 */
#include "common/service.h"
#include "resolver/server.h"
#include "resolver/upstream.h"
#include "resolver/watchdog.h"

#include <sysexits.h>

static struct anchor anchor;

/* TCP only to where name servers listen; the kernel cannot tell UDP ports apart. */
static void allow_ports(struct sandbox *s, const struct conf_resolver *conf)
{
	char address[UPSTREAM_ADDRESS_SIZE];
	uint16_t port;
	for (size_t i = 0; i < conf->forwarders.count; i++)
		if (upstream_forwarder(conf->forwarders.list[i], address, &port))
			sandbox_allow_port(s, port);
	sandbox_allow_port(s, 53);
}

static void before_jail(struct service *self, const struct conf *conf)
{
	allow_ports(&self->sandbox, &conf->resolver);
	anchor_open(&anchor, &conf->resolver, self->sandbox.root);
	watchdog_start(WATCHDOG_INTERVAL_MS);
}

static void in_jail(const struct conf *conf)
{
	anchor_look(&anchor);
	if (!server_start(conf, &anchor))
		log_fatal(EX_CONFIG, "the section resolver cannot be put into practice");
}

/* The jail has room for this configuration, too. */
static bool jail_fits(const struct sandbox *s, const struct conf_resolver *conf)
{
	struct sandbox wanted = *s;
	allow_ports(&wanted, conf);
	return wanted.port_count == s->port_count && anchor_is_same(&anchor, conf);
}

static void on_reload(const struct conf *conf);

static struct service resolver = {
    .program = PROGRAM_resolver,
    .sandbox = {.files_max = 1024},
    .before_jail = before_jail,
    .in_jail = in_jail,
    .on_peer = server_peer,
    .on_reload = on_reload,
};

/* A jail cannot be widened, so control makes a new one. */
static void on_reload(const struct conf *conf)
{
	if (jail_fits(&resolver.sandbox, &conf->resolver)) {
		server_reload(conf);
		return;
	}
	log_message(LOG_NOTICE, "other ports, or another trust anchor: resolver starts anew");
	loop_exit();
}

int main(int argc, char **argv)
{
	return service_main(&resolver, argc, argv);
}
