/* SPDX-License-Identifier: ISC */
#include "control/net-dns.h"
#include "common/conf.h"
#include "common/loop.h"
#include "common/mem.h"
#include "resolver/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"

enum { SERVERS_MAX = 8, LINE_SIZE = 512, SYSTEM_CACHE = 1024 * 1024 };

/* What the callbacks of libunbound, which know a number only, fill in. */
static struct {
	struct net_ask *asks;
	bool *answered;
	size_t count, left;
	struct pool *pool;
} asking;

static void on_answer(uint32_t cookie, const struct answer_input *input)
{
	struct answer_input in = *input;
	if (cookie >= asking.count || asking.answered[cookie])
		return;
	struct net_ask *a = &asking.asks[cookie];
	if (pool_copy(asking.pool, input->packet, &in.packet)) {
		answer_parse(&a->question, &in, asking.pool, &a->answer);
		struct str why = a->answer.why;
		if (!pool_copy(asking.pool, why, &a->answer.why))
			a->answer.why = (struct str){NULL, 0};
	}
	asking.answered[cookie] = true;
	if (--asking.left == 0)
		loop_exit();
}

static void on_time(void *ctx)
{
	(void)ctx;
	loop_exit();
}

static void ask_all(struct upstream *u, unsigned seconds)
{
	struct event *timer = loop_timer(on_time, NULL);
	for (size_t i = 0; i < asking.count; i++)
		if (!upstream_ask(u, &asking.asks[i].question, (uint32_t)i))
			asking.left--;
	loop_timer_start(timer, (uint64_t)seconds * 1000);
	if (asking.left > 0)
		loop_run();
	event_free(timer);
}

/* "[2001:db8::1]" or "192.0.2.1", as the configuration writes forwarders; heap. */
static char *as_forwarder(const char *address)
{
	return strchr(address, ':') == NULL ? xstrdup(address) : xasprintf("[%s]", address);
}

/* resolv.conf(5): "nameserver 192.0.2.53"; a zone of an IPv6 address is of no use to libunbound. */
bool net_dns_server(struct str line, char out[NET_SERVER_SIZE])
{
	const struct str word = STR("nameserver");
	if (!str_has_prefix(line, word) || line.n == word.n ||
	    (line.p[word.n] != ' ' && line.p[word.n] != '\t'))
		return false;
	struct str rest = str_skip(line, word.n);
	while (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t'))
		rest = str_skip(rest, 1);
	size_t n = 0;
	while (n < rest.n && (ascii_is_alnum(rest.p[n]) || rest.p[n] == '.' || rest.p[n] == ':'))
		n++;
	if (n == 0 || n >= NET_SERVER_SIZE || (n < rest.n && rest.p[n] == '%'))
		return false;
	memcpy(out, rest.p, n);
	out[n] = '\0';
	return true;
}

/* Without the file, as the C library has it: this very machine. */
static void read_system(struct conf_resolver *conf)
{
	char line[LINE_SIZE], address[NET_SERVER_SIZE];
	FILE *f = fopen(RESOLV_CONF, "re");
	conf->forwarders.list = xcalloc(SERVERS_MAX, sizeof(*conf->forwarders.list));
	while (f != NULL && conf->forwarders.count < SERVERS_MAX &&
	       fgets(line, sizeof(line), f) != NULL)
		if (net_dns_server(str_from_cstr(line), address))
			conf->forwarders.list[conf->forwarders.count++] = as_forwarder(address);
	if (f != NULL)
		fclose(f);
	if (conf->forwarders.count == 0)
		conf->forwarders.list[conf->forwarders.count++] = xstrdup("127.0.0.1");
}

static void free_system(struct conf_resolver *conf)
{
	for (size_t i = 0; i < conf->forwarders.count; i++)
		free(conf->forwarders.list[i]);
	free(conf->forwarders.list);
}

static bool ask_view(const struct conf_resolver *conf, unsigned seconds)
{
	/* A file is only read: keeping it up to date is resolver's. */
	const struct anchor anchor = {.directory = conf->trust_anchor, .file = conf->trust_anchor};
	struct upstream *u = upstream_new(conf, &anchor, on_answer);
	if (u == NULL)
		return false;
	ask_all(u, seconds);
	upstream_free(u);
	return true;
}

bool net_dns_ask(const struct conf *conf, enum net_view view, struct net_ask *asks, size_t count,
    struct pool *pool, unsigned seconds)
{
	struct conf_resolver system = {.timeout = seconds, .cache_size = SYSTEM_CACHE};
	asking.answered = xcalloc(count + 1, sizeof(*asking.answered));
	asking.asks = asks;
	asking.count = asking.left = count;
	asking.pool = pool;
	for (size_t i = 0; i < count; i++)
		asks[i].answer = answer_temporary(&asks[i].question, STR("no answer came in time"));
	if (view == NET_VIEW_SYSTEM)
		read_system(&system);
	bool ok = ask_view(view == NET_VIEW_OWN ? &conf->resolver : &system, seconds);
	free_system(&system);
	free(asking.answered);
	return ok;
}
