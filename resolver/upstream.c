/* SPDX-License-Identifier: ISC
 *
 * Invariant: what libunbound calls back with is a number, not a pointer, and once upstream_free
 * has begun no answer is passed on (libunbound answers what it drops with SERVFAIL).
 */
#include "resolver/upstream.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "resolver/upstream-log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unbound-event.h>
#include <unbound.h>

struct upstream {
	struct ub_ctx *ub;
	upstream_answer_fn *answer;
};

/* The one in use; libunbound's callbacks have room for the cookie only. */
static struct upstream *current;

/* --- Forwarders --- */

static bool is_address(const char *text)
{
	uint8_t octets[16];
	return inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1;
}

bool upstream_forwarder(const char *text, char out[UPSTREAM_ADDRESS_SIZE], uint16_t *port)
{
	struct str s = str_from_cstr(text), host = s, rest = {NULL, 0};
	char name[INET6_ADDRSTRLEN];
	uint64_t number = 53;
	if (s.n > 0 && s.p[0] == '[') {
		size_t end = str_find(s, ']');
		host = str_from(s.p + 1, end - 1);
		rest = str_skip(s, end + 1);
		if (end == s.n || (rest.n > 0 && rest.p[0] != ':'))
			return false;
	} else if (str_find(s, ':') == str_rfind(s, ':')) {
		host = str_head(s, str_find(s, ':'));
		rest = str_skip(s, host.n);
	}
	if (rest.n > 0 && (!str_parse_u64(str_skip(rest, 1), UINT16_MAX, &number) || number == 0))
		return false;
	if (host.n >= sizeof(name))
		return false;
	memcpy(name, host.p, host.n);
	name[host.n] = '\0';
	if (!is_address(name))
		return false;
	*port = (uint16_t)number;
	snprintf(out, UPSTREAM_ADDRESS_SIZE, "%s@%u", name, (unsigned)*port);
	return true;
}

static bool add_forwarders(struct ub_ctx *ub, const struct conf_name_list *list)
{
	char address[UPSTREAM_ADDRESS_SIZE];
	uint16_t port;
	for (size_t i = 0; i < list->count; i++) {
		if (!upstream_forwarder(list->list[i], address, &port) ||
		    ub_ctx_set_fwd(ub, address) != 0) {
			log_message(LOG_ERR, "resolver: forwarder %s: not an address and port",
			    list->list[i]);
			return false;
		}
	}
	return true;
}

/* --- Options --- */

static bool set(struct ub_ctx *ub, const char *option, const char *value)
{
	int rc = ub_ctx_set_option(ub, option, value);
	if (rc != 0)
		log_message(LOG_ERR, "libunbound %s does not take \"%s %s\": %s", ub_version(),
		    option, value, ub_strerror(rc));
	return rc == 0;
}

static bool set_number(struct ub_ctx *ub, const char *option, unsigned value)
{
	char text[16];
	snprintf(text, sizeof(text), "%u", value);
	return set(ub, option, text);
}

static bool set_sizes(struct ub_ctx *ub, unsigned cache_size)
{
	return set_number(ub, "msg-cache-size:", cache_size / 4) &&
	       set_number(ub, "rrset-cache-size:", cache_size / 2) &&
	       set_number(ub, "key-cache-size:", cache_size / 8) &&
	       set_number(ub, "neg-cache-size:", cache_size / 8) &&
	       set_number(ub, "outgoing-range:", UPSTREAM_UDP_MAX) &&
	       set_number(ub, "outgoing-num-tcp:", UPSTREAM_TCP_MAX) &&
	       set_number(ub, "cache-max-ttl:", ANSWER_TTL_MAX) &&
	       set_number(ub, "cache-max-negative-ttl:", ANSWER_NEGATIVE_TTL_MAX);
}

/* A forwarder may stand at home, and know names that the world does not. */
static bool trust_forwarders(struct ub_ctx *ub)
{
	return set(ub, "do-not-query-localhost:", "no") && set(ub, "unblock-lan-zones:", "yes") &&
	       set(ub, "insecure-lan-zones:", "yes") && set(ub, "local-zone:", "test. nodefault") &&
	       set(ub, "local-zone:", "home.arpa. nodefault");
}

/* A name server that was away is tried again soon: mail waits for it. */
static bool set_options(struct ub_ctx *ub, const struct conf_resolver *conf)
{
	const char *modules = conf->validate ? "validator iterator" : "iterator";
	return set(ub, "module-config:", modules) && set_sizes(ub, conf->cache_size) &&
	       set(ub, "infra-host-ttl:", "60") && set(ub, "infra-keep-probing:", "yes") &&
	       (conf->forwarders.count == 0 || trust_forwarders(ub)) &&
	       add_forwarders(ub, &conf->forwarders);
}

/* Reads the trust anchor and everything else there is to read, so that a fault shows now. */
static bool finalize(struct ub_ctx *ub)
{
	int rc = ub_ctx_zone_remove(ub, "nothing.invalid.");
	if (rc != 0)
		log_message(LOG_ERR, "resolver cannot work so: %s", ub_strerror(rc));
	return rc == 0;
}

struct upstream *upstream_new(
    const struct conf_resolver *conf, const struct anchor *anchor, upstream_answer_fn *answer)
{
	struct ub_ctx *ub = ub_ctx_create_event(loop_base());
	if (ub == NULL) {
		log_message(LOG_ERR, "libunbound cannot be set up: %m");
		return NULL;
	}
	ub_ctx_debugout(ub, upstream_log());
	if (!set_options(ub, conf) || (conf->validate && !anchor_apply(anchor, ub)) ||
	    !finalize(ub)) {
		ub_ctx_delete(ub);
		return NULL;
	}
	struct upstream *u = xcalloc(1, sizeof(*u));
	*u = (struct upstream){.ub = ub, .answer = answer};
	return u;
}

void upstream_free(struct upstream *u)
{
	if (u == NULL)
		return;
	if (current == u)
		current = NULL;
	ub_ctx_delete(u->ub);
	free(u);
}

/* --- Questions --- */

static void on_answer(void *cookie, int rcode, void *packet, int packet_len, int security,
    char *why_bogus, int was_ratelimited)
{
	struct answer_input in = {.rcode = (unsigned)rcode, .why_bogus = why_bogus};
	(void)was_ratelimited;
	if (current == NULL)
		return;
	if (packet != NULL && packet_len > 0)
		in.packet = str_from(packet, (size_t)packet_len);
	if (security == ANSWER_BOGUS || security == ANSWER_SECURE)
		in.security = (enum answer_security)security;
	current->answer((uint32_t)(uintptr_t)cookie, &in);
}

bool upstream_ask(struct upstream *u, const struct question *q, uint32_t cookie)
{
	current = u;
	int rc = ub_resolve_event(u->ub, q->n == 0 ? "." : q->name, q->type, CLASS_IN,
	    (void *)(uintptr_t)cookie, on_answer, NULL);
	if (rc != 0)
		log_debug("libunbound: %s", ub_strerror(rc));
	return rc == 0;
}
