/* SPDX-License-Identifier: ISC */
#include "common/conf.h"
#include "common/conf-internal.h"
#include "common/paths.h"
#include "common/sandbox-internal.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The least there can be; a test adds to it. */
#define MINIMAL                                                                                    \
	"hostname = mx.example.org\n"                                                              \
	"mailboxes = \"/var/mail/%d/%n\"\n"                                                        \
	"listen smtp { address = \"*:2525\" }\n"
enum { MINIMAL_LINES = 3 };

static struct conf_faults faults;

static struct conf *parse(const char *text)
{
	conf_faults_free(&faults);
	struct str in = unit_copy(str_from_cstr(text));
	struct conf *conf = conf_parse("/etc/postern/postern.conf", in.p, in.n, &faults);
	ck_assert((conf == NULL) == (faults.count > 0));
	unit_free(in);
	return conf;
}

static const char *all_faults(void)
{
	static char text[65536];
	size_t n = 0;
	text[0] = '\0';
	for (size_t i = 0; i < faults.count && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u: %s\n", faults.list[i].line,
		    faults.list[i].text);
	return text;
}

static struct conf *parse_well(const char *text)
{
	struct conf *conf = parse(text);
	ck_assert_msg(conf != NULL, "%s", all_faults());
	return conf;
}

/* With MINIMAL in front. */
static struct conf *parse_more_well(const char *more)
{
	char *text = NULL;
	ck_assert_int_gt(asprintf(&text, "%s%s", MINIMAL, more), 0);
	struct conf *conf = parse_well(text);
	free(text);
	return conf;
}

START_TEST(defaults_are_those_of_the_header)
{
	struct conf *c = parse_well(MINIMAL);
	ck_assert_str_eq(c->hostname, "mx.example.org");
	ck_assert_ptr_null(c->postmaster);
	ck_assert_str_eq(c->tables, "/etc/postern");
	ck_assert_str_eq(c->spool, POSTERN_SPOOLDIR);
	ck_assert_str_eq(c->run, POSTERN_RUNDIR);
	ck_assert_str_eq(c->recipient_delimiter, "+");
	ck_assert_uint_ge(c->workers, 1);
	ck_assert_uint_le(c->workers, 8);
	ck_assert_int_eq(c->log_sink, LOG_SINK_STDERR);
	ck_assert_int_eq(c->log_format, LOG_FORMAT_LINE);
	ck_assert(!c->log_verbose);
	ck_assert_uint_eq(c->networks.count, 2);
	ck_assert_uint_eq(c->smtp.message_max, 50 * MIB);
	ck_assert_uint_eq(c->smtp.recipients_max, 1000);
	ck_assert_uint_eq(c->smtp.connections_max, 10000);
	ck_assert_uint_eq(c->smtp.connections_per_address, 100);
	ck_assert_uint_eq(c->smtp.commands_per_minute, 1200);
	ck_assert_uint_eq(c->smtp.bad_commands_max, 10);
	ck_assert_uint_eq(c->smtp.messages_per_session, 1000);
	ck_assert_uint_eq(c->smtp.header_max, 256 * KIB);
	ck_assert_uint_eq(c->smtp.hops_max, 50);
	ck_assert_uint_eq(c->smtp.command_timeout, 300);
	ck_assert_uint_eq(c->smtp.data_timeout, 180);
	ck_assert_uint_eq(c->smtp.session_timeout, 3600);
	ck_assert_uint_eq(c->smtp.data_rate_min, 100);
	ck_assert(c->smtp.bare_newline_refuse);
	ck_assert_uint_eq(c->pop3.connections_max, 2000);
	ck_assert_uint_eq(c->pop3.connections_per_address, 50);
	ck_assert_uint_eq(c->pop3.sessions_max, 500);
	ck_assert_uint_eq(c->pop3.login_timeout, 60);
	ck_assert_uint_eq(c->pop3.idle_timeout, 600);
	ck_assert_uint_eq(c->pop3.login_failures_max, 3);
	ck_assert(!c->pop3.plaintext_login);
	ck_assert_uint_eq(c->queue.spool_max, 0);
	ck_assert_uint_eq(c->queue.space_min, 64 * MIB);
	ck_assert_uint_eq(c->queue.segment_size, 32 * MIB);
	ck_assert_uint_eq(c->queue.retry_first, 60);
	ck_assert_uint_eq(c->queue.retry_max, 4 * 3600);
	ck_assert_uint_eq(c->queue.lifetime, 5 * 86400);
	ck_assert_uint_eq(c->queue.local_concurrency, 512);
	ck_assert(!c->queue.hold_local);
	conf_free(c);
	conf_free(NULL);
}
END_TEST

START_TEST(the_way_out_has_the_defaults_of_the_header)
{
	struct conf *c = parse_well(MINIMAL);
	ck_assert_uint_eq(c->queue.delay_notice, 4 * 3600);
	ck_assert_uint_eq(c->queue.bounce_size, 50 * KIB);
	ck_assert_ptr_null(c->queue.templates);
	ck_assert_uint_eq(c->remote.concurrency, 1000);
	ck_assert_uint_eq(c->remote.destination_concurrency, 20);
	ck_assert_uint_eq(c->remote.connect_timeout, 30);
	ck_assert_uint_eq(c->remote.greeting_timeout, 300);
	ck_assert_uint_eq(c->remote.command_timeout, 300);
	ck_assert_uint_eq(c->remote.data_timeout, 180);
	ck_assert_uint_eq(c->remote.end_timeout, 600);
	ck_assert_uint_eq(c->remote.reuse_idle, 2);
	ck_assert_uint_eq(c->remote.reuse_max, 100);
	ck_assert_uint_eq(c->remote.port, 25);
	ck_assert(c->remote.ipv4 && c->remote.ipv6);
	ck_assert_ptr_null(c->remote.source4);
	ck_assert_ptr_null(c->remote.source6);
	ck_assert_str_eq(c->remote.helo, "mx.example.org");
	ck_assert_uint_eq(c->remote.tls, TLS_DANE);
	ck_assert_str_eq(c->remote.authorities, "/etc/ssl/certs/ca-certificates.crt");
	ck_assert_uint_eq(c->resolver.forwarders.count, 0);
	ck_assert_ptr_null(c->resolver.trust_anchor);
	ck_assert(c->resolver.validate);
	ck_assert_uint_eq(c->resolver.timeout, 15);
	ck_assert_uint_eq(c->resolver.cache_size, 32 * MIB);
	ck_assert_uint_eq(c->relay_count + c->lmtp_count + c->destination_count, 0);
	conf_free(c);
}
END_TEST

/* --- Each row of the table, at its bounds --- */

/* What else must be said, so that this can be. */
static const char *companion(const struct conf_option *o)
{
	if (strcmp(o->name, "retry-first") == 0)
		return "retry-max = \"1 d\"";
	if (strcmp(o->name, "destination-concurrency") == 0)
		return "concurrency = 100000";
	if (o->section == CONF_IN_relay)
		return "host = x";
	if (o->section == CONF_IN_certificate)
		return "chain = c key = k } remote { certificate = x";
	return o->section == CONF_IN_lmtp ? "socket = x" : "";
}

/* MINIMAL and this setting. */
static char *setting(const struct conf_option *o, const char *value)
{
	char *text = NULL;
	bool top = o->section == CONF_IN_top;
	int n =
	    asprintf(&text, "%s%s%s%s%s = \"%s%s\" %s%s\n", MINIMAL, conf_section_names[o->section],
		conf_is_titled(o->section) ? " x" : "", top ? "" : " { ", o->name, value,
		o->kind == CONF_RATE ? "/h" : "", companion(o), top ? "" : " }");
	ck_assert_int_gt(n, 0);
	return text;
}

/* The struct that the setting is in. */
static const void *base_of(const struct conf *c, const struct conf_option *o)
{
	switch (o->section) {
	case CONF_IN_relay:
		ck_assert_uint_eq(c->relay_count, 1);
		return c->relays;
	case CONF_IN_lmtp:
		ck_assert_uint_eq(c->lmtp_count, 1);
		return c->lmtps;
	case CONF_IN_certificate:
		ck_assert_uint_eq(c->certificate_count, 1);
		return c->certificates;
	case CONF_IN_destination:
		ck_assert_uint_eq(c->destination_count, 1);
		return c->destinations;
	default:
		return c;
	}
}

static uint64_t field(const struct conf *c, const struct conf_option *o)
{
	const char *at = (const char *)base_of(c, o) + o->offset;
	uint64_t v = 0;
	memcpy(&v, at, o->kind == CONF_OCTETS ? 8 : 4);
	return v;
}

static bool is_number(const struct conf_option *o)
{
	return o->kind == CONF_OCTETS || o->kind == CONF_SIZE || o->kind == CONF_SECONDS ||
	       o->kind == CONF_COUNT || o->kind == CONF_RATE;
}

static void check_value(const struct conf_option *o, uint64_t v, bool good)
{
	char digits[32];
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
	char *text = setting(o, digits);
	struct conf *c = parse(text);
	if (good) {
		/* Some least values disagree with another option's default; that has its own test.
		 */
		ck_assert_msg(c != NULL, "%s = %s: %s", o->name, digits, all_faults());
		ck_assert_msg(field(c, o) == v, "%s = %s", o->name, digits);
	} else {
		ck_assert_msg(c == NULL, "%s = %s was taken", o->name, digits);
		ck_assert_uint_eq(faults.count, 1);
		ck_assert_uint_eq(faults.list[0].line, MINIMAL_LINES + 1);
		ck_assert_ptr_nonnull(strstr(faults.list[0].text, "out of bounds"));
		ck_assert_ptr_nonnull(strstr(faults.list[0].text, o->name));
	}
	conf_free(c);
	free(text);
}

START_TEST(every_number_keeps_its_bounds)
{
	size_t count = 0;
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *o = &conf_options[i];
		if (!is_number(o))
			continue;
		count++;
		ck_assert_uint_lt(o->least, o->most);
		ck_assert(o->kind == CONF_OCTETS || o->most <= UINT32_MAX);
		check_value(o, o->most, true);
		check_value(o, o->least, true);
		check_value(o, o->most + 1, false);
		if (o->least > 0)
			check_value(o, o->least - 1, false);
	}
	ck_assert_uint_gt(count, 20);
}
END_TEST

START_TEST(every_word_is_taken_and_no_other)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *o = &conf_options[i];
		if (o->kind != CONF_FLAG && o->kind != CONF_WORD && o->kind != CONF_POLICY)
			continue;
		struct str words = str_from_cstr(o->help);
		words.n = str_find(words, ':');
		for (uint64_t k = 0; words.n > 0; k++) {
			size_t n = str_find(words, '|');
			char *word = str_dup(str_head(words, n));
			char *text = setting(o, word);
			struct conf *c = parse_well(text);
			uint64_t v = o->kind == CONF_FLAG
					 ? *((const bool *)base_of(c, o) + o->offset)
					 : field(c, o) - (o->kind == CONF_POLICY);
			ck_assert_msg(v == k, "%s = %s", o->name, word);
			conf_free(c);
			free(text);
			free(word);
			words = str_skip(words, n + 1);
		}
		char *text = setting(o, "perhaps");
		ck_assert_ptr_null(parse(text));
		ck_assert_ptr_nonnull(strstr(all_faults(), "it can be"));
		free(text);
	}
}
END_TEST

START_TEST(every_option_is_documented_in_the_example)
{
	FILE *f = fopen("../conf/postern.conf", "r");
	if (f == NULL)
		f = fopen("conf/postern.conf", "r");
	if (f == NULL && getenv("srcdir") != NULL) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/conf/postern.conf", getenv("srcdir"));
		f = fopen(path, "r");
	}
	ck_assert_ptr_nonnull(f);
	static char text[65536];
	static char bare[65536];
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	struct conf *c = parse_well(text);
	ck_assert_str_eq(c->hostname, "mx.example.org");
	conf_free(c);
	/* With the commented settings in force it means the same, so their values are the defaults.
	 */
	size_t m = 0;
	for (size_t i = 0; i < n; i++) {
		bool line_start = i == 0 || text[i - 1] == '\n' || text[i - 1] == '\t';
		const char *end = strchr(text + i, '\n');
		const char *equals = strstr(text + i, " = ");
		bool option = line_start && text[i] == '#' && equals != NULL && equals < end &&
			      memchr(text + i + 2, ' ', (size_t)(equals - text) - i - 2) == NULL;
		if (option)
			i += 2;
		bare[m++] = text[i];
	}
	bare[m] = '\0';
	for (size_t i = 0; i < conf_option_count; i++) {
		char line[100];
		snprintf(line, sizeof(line), "%s = ", conf_options[i].name);
		ck_assert_msg(
		    strstr(bare, line) != NULL, "%s is not in the example", conf_options[i].name);
	}
	struct conf *a = parse_well(text);
	struct conf *b = parse_well(bare);
	for (size_t i = 0; i < conf_option_count; i++)
		if (is_number(&conf_options[i]) && !conf_is_titled(conf_options[i].section) &&
		    strcmp(conf_options[i].name, "workers") != 0 &&
		    strcmp(conf_options[i].name, "threads") != 0)
			ck_assert_msg(field(a, &conf_options[i]) == field(b, &conf_options[i]),
			    "%s", conf_options[i].name);
	conf_free(a);
	conf_free(b);
}
END_TEST

/* --- Units --- */

static const struct {
	const char *more;
	uint64_t message_max;
	unsigned command_timeout;
} units[] = {
    {"smtp { size-max = 65536 command-timeout = 7 }", 65536, 7},
    {"smtp { size-max = \"64 KiB\" command-timeout = \"7 s\" }", 65536, 7},
    {"smtp { size-max = \"64KiB\" command-timeout = \"7s\" }", 65536, 7},
    {"smtp { size-max = 64kib command-timeout = \"2 Min\" }", 65536, 120},
    {"smtp { size-max = \"1 GiB\" command-timeout = \"1 h\" }", GIB, 3600},
    {"smtp { size-max = '1 TiB' command-timeout = '60 minutes' }", 1024 * GIB, 3600},
};

START_TEST(units_are_understood)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct conf *c = parse_more_well(units[i].more);
		ck_assert_uint_eq(c->smtp.message_max, units[i].message_max);
		ck_assert_uint_eq(c->smtp.command_timeout, units[i].command_timeout);
		conf_free(c);
	}
}
END_TEST

/* --- Addresses --- */

START_TEST(listeners_have_their_addresses)
{
	struct conf *c = parse_well(
	    "hostname = mx.example.org mailboxes = \"/m/%u\"\n"
	    "listen smtp { address = \"*:25\" }\n"
	    "listen smtp-2 { protocol = smtp address = { \"127.0.0.1:2525\", \"[::1]:2525\" } }\n"
	    "listen pop3 { address = \"192.0.2.1:110\" }\n");
	ck_assert_uint_eq(c->listener_count, 4);
	const struct conf_listener *l = c->listeners;
	ck_assert_str_eq(l[0].name, "smtp");
	ck_assert_str_eq(l[0].address, "*:25");
	ck_assert_uint_eq(l[0].sockaddr_count, 2);
	ck_assert_int_eq(l[0].sockaddr[0].ss_family, AF_INET6);
	ck_assert_int_eq(l[0].sockaddr[1].ss_family, AF_INET);
	ck_assert_uint_eq(l[0].sockaddr_len[0], sizeof(struct sockaddr_in6));
	ck_assert_uint_eq(l[0].line, 2);
	ck_assert_str_eq(l[2].name, "smtp-2");
	ck_assert_uint_eq(l[2].sockaddr_count, 1);
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&l[2].sockaddr[0];
	ck_assert(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
	ck_assert_uint_eq(ntohs(v6->sin6_port), 2525);
	ck_assert_int_eq(l[3].protocol, CONF_POP3);
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&l[3].sockaddr[0];
	ck_assert_uint_eq(ntohl(v4->sin_addr.s_addr), 0xc0000201);
	conf_free(c);
}
END_TEST

#define CERTIFICATES                                                                               \
	"certificate \"MX.example.org\" { chain = \"tls/a.pem\" key = \"/tls/a.key\" }\n"          \
	"certificate mx.example.org { chain = b.pem key = b.key }\n"

static const struct {
	const char *listen;
	enum conf_protocol protocol;
	enum conf_tls tls;
	enum conf_auth auth;
	bool ask;
} speeches[] = {
    {"submission {", CONF_SUBMISSION, CONF_TLS_STARTTLS, CONF_AUTH_REQUIRED, false},
    {"submissions {", CONF_SUBMISSION, CONF_TLS_IMPLICIT, CONF_AUTH_REQUIRED, false},
    {"pop3 {", CONF_POP3, CONF_TLS_STARTTLS, CONF_AUTH_NO, false},
    {"pop3s {", CONF_POP3, CONF_TLS_IMPLICIT, CONF_AUTH_NO, false},
    {"pop3s { protocol = smtp", CONF_SMTP, CONF_TLS_STARTTLS, CONF_AUTH_NO, false},
    {"submissions { protocol = submission", CONF_SUBMISSION, CONF_TLS_IMPLICIT, CONF_AUTH_REQUIRED,
	false},
    {"x { protocol = smtp tls = required auth = offered", CONF_SMTP, CONF_TLS_REQUIRED,
	CONF_AUTH_OFFERED, false},
    {"x { protocol = submission auth = no tls = no", CONF_SUBMISSION, CONF_TLS_NO, CONF_AUTH_NO,
	false},
    {"x { protocol = smtp client-certificates = ask", CONF_SMTP, CONF_TLS_STARTTLS, CONF_AUTH_NO,
	true},
};

START_TEST(listeners_speak_as_they_are_called)
{
	for (size_t i = 0; i < sizeof(speeches) / sizeof(speeches[0]); i++) {
		char more[1000];
		snprintf(more, sizeof(more), CERTIFICATES "listen %s address = \"*:7\" }\n",
		    speeches[i].listen);
		struct conf *c = parse_more_well(more);
		const struct conf_listener *l = &c->listeners[1];
		ck_assert_msg(l->protocol == speeches[i].protocol && l->tls == speeches[i].tls &&
				  l->auth == speeches[i].auth &&
				  l->ask_certificate == speeches[i].ask,
		    "%s", speeches[i].listen);
		ck_assert_int_eq(c->listeners[0].tls, CONF_TLS_STARTTLS);
		conf_free(c);
	}
	struct conf *c = parse_more_well("listen pop3 { address = \"*:7\" }\n");
	ck_assert_int_eq(c->listeners[0].tls, CONF_TLS_NO);
	ck_assert_int_eq(c->listeners[1].tls, CONF_TLS_NO);
	conf_free(c);
}
END_TEST

START_TEST(certificates_of_one_name_stand_side_by_side)
{
	struct conf *c =
	    parse_more_well(CERTIFICATES "certificate b.example { chain = c key = d }");
	ck_assert_uint_eq(c->certificate_count, 3);
	ck_assert_str_eq(c->certificates[0].name, "mx.example.org");
	ck_assert_str_eq(c->certificates[0].chain, "/etc/postern/tls/a.pem");
	ck_assert_str_eq(c->certificates[0].key, "/tls/a.key");
	ck_assert_uint_eq(c->certificates[0].line, 4);
	ck_assert_str_eq(c->certificates[1].name, "mx.example.org");
	ck_assert_str_eq(c->certificates[1].chain, "/etc/postern/b.pem");
	ck_assert_str_eq(c->certificates[1].key, "/etc/postern/b.key");
	ck_assert_str_eq(c->certificates[2].name, "b.example");
	conf_free(c);
	char more[20000] = "";
	for (size_t i = 0; i <= CONF_CERTIFICATES_MAX; i++)
		snprintf(more + strlen(more), sizeof(more) - strlen(more),
		    "certificate a { chain = c key = d }\n");
	char *text = NULL;
	ck_assert_int_gt(asprintf(&text, "%s%s", MINIMAL, more), 0);
	ck_assert_ptr_null(parse(text));
	ck_assert_str_eq(all_faults(), "104: there are more than 100 certificates\n");
	free(text);
}
END_TEST

START_TEST(certificates_are_shown_to_other_servers)
{
	struct conf *c = parse_more_well(CERTIFICATES
	    "relay a { host = x }\nrelay b { host = x certificate = \"\" }\n"
	    "relay c { host = x certificate = Own.example }\n"
	    "remote { certificate = MX.example.org }\n"
	    "certificate own.example { chain = c key = d use = client }\n"
	    "certificate pop.example { chain = e key = f use = both }\n");
	static const bool clients[] = {true, true, true, false};
	ck_assert_uint_eq(c->certificate_count, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_msg(c->certificates[i].is_client == clients[i], "%zu", i);
		ck_assert_msg(c->certificates[i].client_only == (i == 2), "%zu", i);
	}
	ck_assert_str_eq(c->remote.certificate, "mx.example.org");
	ck_assert_str_eq(c->relays[0].certificate, "mx.example.org");
	ck_assert_ptr_null(c->relays[1].certificate);
	ck_assert_str_eq(c->relays[2].certificate, "own.example");
	conf_free(c);
	c = parse_more_well(CERTIFICATES "relay a { host = x }\nremote { certificate = '' }\n");
	ck_assert(!c->certificates[0].is_client);
	ck_assert_ptr_null(c->remote.certificate);
	ck_assert_ptr_null(c->relays[0].certificate);
	conf_free(c);
}
END_TEST

/* Listeners stay without TLS, as if there were no certificate. */
START_TEST(a_clients_certificate_is_no_listeners)
{
	static const char own[] =
	    "remote { certificate = a } certificate a { chain = c key = d use = client }\n";
	struct conf *c = parse_more_well(own);
	ck_assert_int_eq(c->listeners[0].tls, CONF_TLS_NO);
	conf_free(c);
	char text[1000];
	snprintf(text, sizeof(text), "%s%slisten pop3s { address = \"*:7\" }\n", MINIMAL, own);
	ck_assert_ptr_null(parse(text));
	ck_assert_ptr_nonnull(strstr(all_faults(), "5: listen pop3s: TLS needs a certificate"));
}
END_TEST

/* 0x01, 0x02, ... */
#define FINGERPRINT_COLONS                                                                         \
	"01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0F:10:11:12:13:14:15:16:17:18:19:1A:1b:1c:1d:"  \
	"1e:1f:20"

START_TEST(fingerprints_may_relay)
{
	uint8_t own[32];
	for (size_t i = 0; i < 32; i++)
		own[i] = (uint8_t)(i + 1);
	struct conf *c = parse_more_well("relay-fingerprints = \"" FINGERPRINT_COLONS "\"\n");
	ck_assert(conf_may_relay(c, own));
	conf_free(c);
	c = parse_more_well("relay-fingerprints = { \"SHA256 Fingerprint=" FINGERPRINT_COLONS "\" }\n");
	ck_assert(conf_may_relay(c, own));
	own[31]++;
	ck_assert(!conf_may_relay(c, own));
	conf_free(c);
	c = parse_more_well("relay-fingerprints = {}\n");
	ck_assert(!conf_may_relay(c, own));
	conf_free(c);
}
END_TEST

static const struct {
	const char *client;
	bool own;
} clients[] = {
    {"127.0.0.1", true},
    {"127.255.255.255", true},
    {"128.0.0.1", false},
    {"::1", true},
    {"::2", false},
    {"10.1.2.3", true},
    {"10.1.3.3", true},
    {"10.1.4.0", false},
    {"2001:db8:1::5", true},
    {"2001:db8:1:8000::5", false},
    {"2001:db8:1:7fff::", true},
    {"192.0.2.9", true},
    {"192.0.2.8", false},
    {"::ffff:127.0.0.1", true},
    {"::ffff:8.8.8.8", false},
};

START_TEST(networks_have_members)
{
	struct conf *c =
	    parse_more_well("networks = { 127.0.0.0/8, \"[::1]/128\", \"10.1.2.0/23\", "
			    "\"2001:db8:1::/49\", \"192.0.2.9\", }\n");
	ck_assert_uint_eq(c->networks.count, 5);
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
		struct sockaddr_in v4 = {.sin_family = AF_INET};
		bool is_v4 = inet_pton(AF_INET, clients[i].client, &v4.sin_addr) == 1;
		ck_assert(is_v4 || inet_pton(AF_INET6, clients[i].client, &v6.sin6_addr) == 1);
		bool own = conf_is_own_network(
		    c, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6);
		ck_assert_msg(own == clients[i].own, "%s", clients[i].client);
	}
	struct sockaddr local = {.sa_family = AF_UNIX};
	ck_assert(!conf_is_own_network(c, &local));
	conf_free(c);
	c = parse_more_well("auth { front-ends = { 192.0.2.9, \"2001:db8::/64\" } }\n");
	struct sockaddr_in webmail = {.sin_family = AF_INET, .sin_addr = {htonl(0xc0000209)}};
	ck_assert(conf_is_front_end(c, (const struct sockaddr *)&webmail));
	ck_assert(!conf_is_own_network(c, (const struct sockaddr *)&webmail));
	webmail.sin_addr.s_addr = htonl(0xc000020a);
	ck_assert(!conf_is_front_end(c, (const struct sockaddr *)&webmail));
	ck_assert(!conf_is_front_end(c, &local));
	conf_free(c);
	c = parse_more_well("networks = {}\n");
	ck_assert_uint_eq(c->networks.count, 0);
	conf_free(c);
}
END_TEST

START_TEST(other_values_are_as_written)
{
	struct conf *c =
	    parse_more_well("postmaster = \"\\\"Post\\\"@EXAMPLE.org\"\n"
			    "tables = tables  spool = \"./spool/\"  run = '/run//x'\n"
			    "recipient-delimiter = \"\"  workers = 3\n"
			    "log = log/postern.log log-format = json log-verbose = on\n"
			    "pop3 { plaintext-login = true } smtp { bare-newline = repair }\n");
	ck_assert_str_eq(c->postmaster, "Post@example.org");
	ck_assert_str_eq(c->tables, "/etc/postern/tables");
	ck_assert_str_eq(c->spool, "/etc/postern/spool");
	ck_assert_str_eq(c->run, "/run/x");
	ck_assert_str_eq(c->recipient_delimiter, "");
	ck_assert_uint_eq(c->workers, 3);
	ck_assert_int_eq(c->log_sink, LOG_SINK_FILE);
	ck_assert_str_eq(c->log_path, "/etc/postern/log/postern.log");
	ck_assert_int_eq(c->log_format, LOG_FORMAT_JSON);
	ck_assert(c->log_verbose);
	ck_assert(c->pop3.plaintext_login);
	ck_assert(!c->smtp.bare_newline_refuse);
	conf_free(c);
	c = parse_more_well("log = syslog");
	ck_assert_int_eq(c->log_sink, LOG_SINK_SYSLOG);
	conf_free(c);
}
END_TEST

/* --- Sections with titles, and what belongs to the way out --- */

START_TEST(relays_are_read)
{
	struct conf *c = parse_more_well(
	    "relay Provider { host = \"Smtp.provider.example:465\" login = smarthost }\n"
	    "relay 'two' { host = \"[192.0.2.1]\" domains = { Example.org, \".example.net\" } }\n"
	    "relay 3 { host = \"192.0.2.1:2525\" domains = x.example tls = encrypt }\n"
	    "relay 4 { host = \"[2001:db8::1]:465\" implicit-tls = no tls = none }\n"
	    "relay 5 { host = \"smtp:example.org:587\" implicit-tls = yes login = a tls = may }\n"
	    "relay 6 { host = \"lmtp:[localhost]\" }\n");
	ck_assert_uint_eq(c->relay_count, 6);
	const struct conf_relay *r = c->relays;
	ck_assert_str_eq(r[0].name, "Provider");
	ck_assert_str_eq(r[0].host, "smtp:[smtp.provider.example]:465");
	ck_assert_str_eq(r[0].login, "smarthost");
	ck_assert_uint_eq(r[0].tls, TLS_VERIFY);
	ck_assert(r[0].implicit_tls);
	ck_assert_uint_eq(r[0].domains.count, 0);
	ck_assert_uint_eq(r[0].line, MINIMAL_LINES + 1);
	ck_assert_str_eq(r[1].name, "two");
	ck_assert_str_eq(r[1].host, "[192.0.2.1]");
	ck_assert_ptr_null(r[1].login);
	ck_assert_uint_eq(r[1].tls, TLS_MAY);
	ck_assert(!r[1].implicit_tls);
	ck_assert_uint_eq(r[1].domains.count, 2);
	ck_assert_str_eq(r[1].domains.list[0], "example.org");
	ck_assert_str_eq(r[1].domains.list[1], ".example.net");
	ck_assert_str_eq(r[2].host, "smtp:[192.0.2.1]:2525");
	ck_assert_uint_eq(r[2].domains.count, 1);
	ck_assert_uint_eq(r[2].tls, TLS_ENCRYPT);
	ck_assert_str_eq(r[3].host, "smtp:[IPv6:2001:db8::1]:465");
	ck_assert(!r[3].implicit_tls);
	ck_assert_uint_eq(r[3].tls, TLS_NONE);
	ck_assert_str_eq(r[4].host, "smtp:example.org:587");
	ck_assert(r[4].implicit_tls);
	ck_assert_uint_eq(r[4].tls, TLS_MAY);
	ck_assert_str_eq(r[5].host, "lmtp:[localhost]");
	conf_free(c);
}
END_TEST

START_TEST(sockets_are_read)
{
	struct conf *c = parse_more_well("lmtp dovecot { socket = \"/run/dovecot//lmtp\" }\n"
					 "lmtp x.y_z-1 { socket = \"lmtp\" }\n");
	ck_assert_uint_eq(c->lmtp_count, 2);
	ck_assert_str_eq(c->lmtps[0].name, "dovecot");
	ck_assert_str_eq(c->lmtps[0].socket, "/run/dovecot/lmtp");
	ck_assert_uint_eq(c->lmtps[0].line, MINIMAL_LINES + 1);
	ck_assert_str_eq(c->lmtps[1].name, "x.y_z-1");
	ck_assert_str_eq(c->lmtps[1].socket, "/etc/postern/lmtp");
	conf_free(c);
}
END_TEST

START_TEST(destinations_are_read)
{
	struct conf *c = parse_more_well(
	    "remote { destination-concurrency = 7 } queue { retry-max = \"2 h\" lifetime = \"3 d\" "
	    "}\n"
	    "destination \"Example.ORG\" { concurrency = 2 rate = \"10/min\" }\n"
	    "destination .Example.org { rate = \"100/h\" retry-first = \"3 h\" }\n"
	    "destination \"SMTP:[Mx.example]:25\" { rate = \"2 /S\" lifetime = \"1 d\" }\n"
	    "destination relay:Provider { retry-max = 30 rate = \"0/h\" }\n"
	    "destination '[::1]' { }\n");
	const struct conf_destination *d = c->destinations;
	ck_assert_uint_eq(c->destination_count, 5);
	ck_assert_str_eq(d[0].name, "example.org");
	ck_assert_uint_eq(d[0].concurrency, 2);
	ck_assert_uint_eq(d[0].rate, 600);
	ck_assert_uint_eq(d[0].retry_first, 60);
	ck_assert_uint_eq(d[0].retry_max, 2 * HOUR);
	ck_assert_uint_eq(d[0].lifetime, 3 * DAY);
	ck_assert_uint_eq(d[0].line, MINIMAL_LINES + 2);
	ck_assert_str_eq(d[1].name, ".example.org");
	ck_assert_uint_eq(d[1].concurrency, 7);
	ck_assert_uint_eq(d[1].rate, 100);
	ck_assert_uint_eq(d[1].retry_first, 3 * HOUR);
	ck_assert_uint_eq(d[1].retry_max, 3 * HOUR);
	ck_assert_str_eq(d[2].name, "smtp:[mx.example]");
	ck_assert_uint_eq(d[2].rate, 7200);
	ck_assert_uint_eq(d[2].lifetime, DAY);
	ck_assert_str_eq(d[3].name, "relay:Provider");
	ck_assert_uint_eq(d[3].retry_first, 30);
	ck_assert_uint_eq(d[3].retry_max, 30);
	ck_assert_uint_eq(d[3].rate, 0);
	ck_assert_str_eq(d[4].name, "[IPv6:::1]");
	conf_free(c);
}
END_TEST

START_TEST(users_of_the_machine_are_as_written)
{
	struct conf *c = parse_well(MINIMAL);
	ck_assert_uint_eq(c->system.domains.count, 0);
	ck_assert_str_eq(c->system.mailbox, "~/Maildir");
	ck_assert_uint_eq(c->system.uid_min, 1000);
	ck_assert_uint_eq(c->system.uid_max, 60000);
	ck_assert(!c->system.pam);
	ck_assert(!conf_is_system_domain(c, STR("host.example.org")));
	conf_free(c);
	c = parse_more_well(
	    "system-users { domains = { Host.Example.org, b.example }\n"
	    "mailbox = \"~/mail/in\" uid-min = 500 uid-max = 600 authentication = pam }\n");
	ck_assert_str_eq(c->system.mailbox, "~/mail/in");
	ck_assert_uint_eq(c->system.uid_min, 500);
	ck_assert_uint_eq(c->system.uid_max, 600);
	ck_assert(c->system.pam);
	ck_assert(conf_is_system_domain(c, STR("host.example.org")));
	ck_assert(conf_is_system_domain(c, STR("b.example")));
	ck_assert(!conf_is_system_domain(c, STR("example.org")));
	conf_free(c);
}
END_TEST

START_TEST(the_way_out_is_as_written)
{
	struct conf *c = parse_more_well(
	    "remote { families = ipv4 source-ipv4 = 192.0.2.1 source-ipv6 = \"2001:db8::1\"\n"
	    "helo = \"[192.0.2.1]\" tls = dane-only authorities = ca.pem concurrency = 5 }\n"
	    "resolver { forwarders = { 192.0.2.53, \"192.0.2.53:53\", \"[::1]\", \"[::1]:5353\" }\n"
	    "trust-anchor = root.key validate = no }\n"
	    "queue { templates = bounces }\n");
	ck_assert(c->remote.ipv4 && !c->remote.ipv6);
	ck_assert_str_eq(c->remote.source4, "192.0.2.1");
	ck_assert_str_eq(c->remote.source6, "2001:db8::1");
	ck_assert_str_eq(c->remote.helo, "[192.0.2.1]");
	ck_assert_uint_eq(c->remote.tls, TLS_DANE_ONLY);
	ck_assert_str_eq(c->remote.authorities, "/etc/postern/ca.pem");
	ck_assert_uint_eq(c->remote.destination_concurrency, 5);
	ck_assert_uint_eq(c->resolver.forwarders.count, 4);
	ck_assert_str_eq(c->resolver.forwarders.list[3], "[::1]:5353");
	ck_assert_str_eq(c->resolver.trust_anchor, "/etc/postern/root.key");
	ck_assert(!c->resolver.validate);
	ck_assert_str_eq(c->queue.templates, "/etc/postern/bounces");
	conf_free(c);
	c = parse_more_well("remote { families = ipv6 } resolver { forwarders = 127.0.0.1 }\n");
	ck_assert(!c->remote.ipv4 && c->remote.ipv6);
	ck_assert_uint_eq(c->resolver.forwarders.count, 1);
	conf_free(c);
}
END_TEST

START_TEST(a_default_gives_way_to_a_smaller_bound)
{
	struct conf *c = parse_more_well("smtp { size-max = \"64 KiB\" }\n"
					 "queue { retry-max = 5 spool-max = \"8 MiB\" }\n");
	ck_assert_uint_eq(c->smtp.header_max, 64 * KIB);
	ck_assert_uint_eq(c->queue.retry_first, 5);
	ck_assert_uint_eq(c->queue.segment_size, 2 * MIB);
	conf_free(c);
}
END_TEST

START_TEST(comments_are_none_of_its_business)
{
	struct conf *c =
	    parse_well("# hostname = x\r\n// hostname = y { \" '\r\n"
		       "/* hostname = z\n } \" */ hostname = mx.example.org # and so on\r\n"
		       "mailboxes = \"/m#1//2/*3/%u\" // \"\n"
		       "/**/ listen /*x*/ smtp{address=\"*:25\"}/***/ # last, without a newline");
	ck_assert_str_eq(c->hostname, "mx.example.org");
	ck_assert_str_eq(c->mailboxes, "/m#1/2/*3/%u");
	conf_free(c);
}
END_TEST

/* --- Faults --- */

#define MORE(text) MINIMAL text

static const struct {
	const char *text;
	const char *faults; /* "LINE: part of the text" for each, in order, separated by newlines */
} faulty[] = {
    {"", "0: nothing listens\n0: mailboxes is missing"},
    {MORE("hostnam = x\n"), "4: did you mean \"hostname\"?"},
    {MORE("Recipient_Delimiter = x\n"), "4: did you mean \"recipient-delimiter\"?"},
    {MORE("size-max = 5\n"), "4: belongs into a section: smtp { size-max = ... }"},
    {MORE("smtp { workers = 5 }\n"), "4: belongs outside any section"},
    {MORE("smtp { colour = red }\n"), "4: known here are size-max, "},
    {MORE("smtpd { size-max = 5 }\n"), "4: did you mean \"smtp\"?"},
    {MORE("plumbing \"x\" { chain = y { } }\nworker = 1"),
	"4: the sections are listen, certificate, smtp, submission, pop3, auth, queue, remote, "
	"resolver, "
	"system-users, relay, lmtp, "
	"destination\n5: did you mean \"workers\"?"},
    {MORE("certificate { chain = y }\n"), "4: is called as the host"},
    {MORE("certificate \"a b\" { chain = y key = z }\n"), "4: is called as the host"},
    {MORE("certificate a { }\n"), "4: has no chain\n4: has no key"},
    {MORE("certificate a { chain = \"\" key = z }\n"), "4: chain is empty\n4: has no chain"},
    {MORE("certificate a { chain = y\nchain = y key = z }\n"), "5: chain is set in line 4"},
    {MORE("certificate a { chain = y key = z }\ncertificate a {\nkey = z }\n"), "5: has no chain"},
    {MORE("certificate a { chain = y key = z\nuse = client }\n"),
	"4: write certificate = \"a\" into the section remote or a relay, or remove use"},
    {MORE("certificate a { chain = y key = z\nuse = server }\n"), "5: it can be both or client"},
    {MORE("remote {\ncertificate = b }\ncertificate a { chain = y key = z }\n"),
	"5: write certificate \"b\" { chain = \"client.pem\"  key = \"client.key\" }"},
    {MORE("relay r { host = x\ncertificate = B }\nrelay s { host = x certificate = '' }\n"),
	"5: there is no such section"},
    {MORE("listen submission { address = \"*:26\" }\n"), "4: TLS needs a certificate"},
    {MORE("listen submissions { address = \"*:26\" }\n"), "4: TLS needs a certificate"},
    {MORE("listen pop3s { address = \"*:26\" }\n"), "4: TLS needs a certificate"},
    {MORE("listen pop3 { address = \"*:26\"\ntls = starttls }\n"), "5: TLS needs a certificate"},
    {MORE("listen pop3 { address = \"*:26\"\ntls = stls }\n"),
	"5: it can be no, starttls, required or implicit"},
    {MORE("listen pop3 { address = \"*:26\" auth = no }\n"), "4: everybody logs in to POP3"},
    {MORE("listen b { protocol = smtp address = \"*:26\"\nauth = maybe }\n"),
	"5: it can be no, offered or required"},
    {MORE("listen b { protocol = submissions address = \"*:26\" }\n"), "4: say which protocol"},
    {MORE("listen b { protocol = smtp address = \"*:26\" client-certificates = ask }\n"),
	"4: without TLS no client can show a certificate"},
    {MORE("relay-fingerprints = { \"00:11\" }\n"), "4: is no SHA-256 fingerprint; write its 64 hexadecimal digits, or the whole line that `openssl x509"},
    {MORE("workers { }\n"), "4: is no section; write workers ="},
    {MORE("a = 1 b = 2\nc = 3\n"), "4: \"a\"\n4: \"b\"\n5: \"c\""},
    {MORE("workers = 1\n\nworkers = 2\n"), "6: is set in line 4 already"},
    {MORE("smtp { hops-max = 5 hops-max = 5 }\n"), "4: is set in line 4 already"},
    {MORE("smtp { }\nsmtp { hopsmax = 5 }\n"),
	"5: the section smtp begins in line 4 already\n5: did you mean \"hops-max\"?"},
    {MORE("listen smtp { address = \"*:26\" }\n"), "4: listen smtp is there in line 3 already"},
    {MORE("listen x { address = \"*:26\" }\n"), "4: say which protocol it is"},
    {MORE("listen x { protocol = imap address = \"*:26\" }\n"), "4: say which protocol it is"},
    {MORE("listen { address = \"*:26\" }\n"), "4: has a name of letters"},
    {MORE("listen \"a b\" { address = \"*:26\" }\n"), "4: has a name of letters"},
    {MORE("listen pop3 { }\n"), "4: has no address; write address = \"*:110\""},
    {MORE("listen pop3 { address = { } }\n"), "4: has no address"},
    {MORE("listen pop3 {\naddress = \"*:2525\" }\n"),
	"5: collides with \"*:2525\" of listen smtp in line 3"},
    {MORE("listen pop3 { address = { \"1.2.3.4:1\", \"1.2.3.4:1\" } }\n"), "4: collides"},
    {MORE("listen pop3 { address = \"0.0.0.0:2525\" }\n"), "4: collides"},
    {MORE("listen pop3 { address = \"[::]:2525\" }\n"), "4: collides"},
    {MORE("listen pop3 { address = \"*\" }\n"), "4: is no address to listen on"},
    {MORE("listen pop3 { address = \"*:0\" }\n"), "4: is no address to listen on"},
    {MORE("listen pop3 { address = \"*:65536\" }\n"), "4: is no address to listen on"},
    {MORE("listen pop3 { address = \"::1:110\" }\n"), "4: is no address to listen on"},
    {MORE("listen pop3 { address = \"localhost:110\" }\n"), "4: is no address to listen on"},
    {MORE("listen pop3 { address = \"1.2.3.4:pop3\" }\n"), "4: is no address to listen on"},
    {MORE("smtp \"x\" { hops-max = 5 }\n"), "4: the section smtp has no name of its own"},
    {MORE("smtp { pop3 { login-timeout = 5 } }\n"), "4: a section cannot be inside another"},
    {MORE("smtp { hops-max = 5\n"), "4: the section smtp is not closed"},
    {MORE("smtp { hops-max = 0\n"), "4: the section smtp is not closed\n4: hops-max"},
    {MORE("}\n"), "4: this } closes nothing"},
    {MORE("workers = 4 }\nwrkers = 4\n"), "4: this } closes nothing\n5: did you mean"},
    {MORE("workers 4\n"), "4: after \"workers\" comes ="},
    {MORE("workers\n"), "4: after \"workers\" comes ="},
    {MORE("workers =\n"), "4: workers has no value"},
    {MORE("workers = \nhops = 5\n"), "4: workers has no value\n5: \"hops\""},
    {MORE("= 4\n"), "4: the name of an option"},
    {MORE("\"workers\" = 4\n"), "4: the name of an option"},
    {MORE("workers = = 4\n"), "4: workers has no value"},
    {MORE("workers = { 4 }\n"), "4: workers takes one value, not a list"},
    {MORE("networks = { 127.0.0.0/8 10.0.0.0/8 }\nworkers = x\n"),
	"4: a list is written\n5: workers"},
    {MORE("networks = { 127.0.0.0/8\nworkers = x\n"), "5: a list is written\n5: workers"},
    {MORE("networks = {"), "4: a list is written"},
    {MORE("networks = { , }"), "4: a list is written"},
    {MORE("networks += { \"10.0.0.0/8\" }\n"), "4: there is no +="},
    {MORE("networks = \"10.0.0.1/8\"\n"), "4: write \"10.0.0.0/8\""},
    {MORE("networks = \"[2001:db8::1]/32\"\n"), "4: write \"[2001:db8::]/32\""},
    {MORE("networks = { \"10.0.0.0/33\", \"::/129\", x, \"10.0.0.0/\", \"\" }\n"),
	"4: is no network\n4: is no network\n4: is no network\n4: is no network\n4: is no network"},
    {MORE("smtp { size-max = 50 MiB }\n"), "4: put quotes around it: size-max = \"50 MiB\""},
    {MORE("smtp { size-max = \"50 MB\" hops-max = x }\n"),
	"4: write a size such as\n4: write a whole number"},
    {MORE("smtp { command-timeout = \"5 m\" }\n"), "4: write a time such as"},
    {MORE("smtp { size-max = 99999999999999999999 }\n"), "4: write a size such as"},
    {MORE("smtp { size-max = \"18446744073709551615 GiB\" }\n"), "4: write a size such as"},
    {MORE("smtp { size-max = -1 }\n"), "4: write a size such as"},
    {MORE("smtp { size-max = \"\" }\n"), "4: write a size such as"},
    {MORE("smtp { size-max = \"1.5 GiB\" }\n"), "4: write a size such as"},
    {MORE("smtp { size-max = \"64 KiB\"\nheader-max = \"65 KiB\" }\n"),
	"5: header-max } is more than size-max"},
    {MORE("queue { retry-first = 7 retry-max = 6 }\n"), "4: retry-first } is more than retry-max"},
    {MORE("queue { spool-max = 7 }\n"), "4: spool-max: write 0"},
    {MORE("relay { host = x }\n"), "4: a relay section has a name of letters"},
    {MORE("relay \"a b\" { host = x }\n"), "4: relay NAME { ... }"},
    {MORE("lmtp { socket = x }\n"), "4: a lmtp section has a name of letters"},
    {MORE("destination { rate = \"1/h\" }\n"), "4: is for a domain or another nexthop"},
    {MORE("destination \"a b\" { }\n"), "4: is for a domain or another nexthop"},
    {MORE("destination \"a@b.example\" { }\n"), "4: is for a domain or another nexthop"},
    {MORE("destination \"*\" { }\n"), "4: is for a domain or another nexthop"},
    {MORE("destination . { }\n"), "4: is for a domain or another nexthop"},
    {MORE("relay a { host = x }\nrelay b { host = x }\nrelay a { host = y }\n"),
	"6: relay a is there in line 4 already"},
    {MORE("destination a.b { }\ndestination A.b { }\n"), "5: destination A.b is there in line 4"},
    {MORE("destination a.b { }\ndestination \"smtp:a.b:25\" { }\n"), "5: is there in line 4"},
    {MORE("destination .a.b { }\ndestination .A.b { }\n"), "5: is there in line 4 already"},
    {MORE("relay a { }\n"), "4: relay a has no host; write host = "},
    {MORE("relay a { domain = x }\n"), "4: did you mean \"domains\"?\n4: relay a has no host"},
    {MORE("relay a { host = { x } }\n"), "4: host takes one value\n4: relay a has no host"},
    {MORE("relay a {\nhost = \"\" }\n"), "5: is no server; write"},
    {MORE("relay a {\nhost = \"x:0\" }\n"), "5: is no server; write"},
    {MORE("relay a {\nhost = \"::1\" }\n"), "5: is no server; write"},
    {MORE("relay a {\nhost = \"relay:a\" }\n"), "5: is no server; write"},
    {MORE("relay a {\nhost = \"lmtp:a\" }\n"), "5: is no server; write"},
    {MORE("relay a {\nhost = \"192.0.2.999\" }\n"), "5: is no server; write"},
    {MORE("relay a { host = x\ndomains = { a_b, \"*\", \"a.b.\" } }\n"),
	"5: \"a_b\" is no domain\n5: \"*\" is no domain\n5: \"a.b.\" is no domain"},
    {MORE("relay a { host = x\ntls = fingerprint }\n"),
	"5: it can be none, may, encrypt, dane, dane-only or verify"},
    {MORE("relay a { host = x\nlogin = \"a b\" }\n"), "5: is no name of letters"},
    {MORE("relay a { host = \"x:465\"\ntls = none }\n"), "5: cannot be without TLS"},
    {MORE("lmtp a { }\n"), "4: lmtp a has no socket; write socket = "},
    {MORE("lmtp a {\nsocket = \"\" }\n"), "5: socket is empty"},
    {MORE("lmtp a {\nsocket = "
	  "\"/x/01234567890123456789012345678901234567890123456789012345678901234567890123456789"
	  "01234567890123456789012345\" }\n"),
	"5: the path of a socket has at most 107 octets"},
    {MORE("destination a { rate = 5 }\n"), "4: write a rate such as \"100/h\""},
    {MORE("destination a { rate = \"5/d\" }\n"), "4: write a rate such as"},
    {MORE("destination a { rate = \"/h\" }\n"), "4: write a rate such as"},
    {MORE("destination a { rate = \"100000/s\" }\n"), "4: it can be from 0/h to 100000000/h"},
    {MORE("destination a { retry-first = 7\nretry-max = 6 }\n"),
	"5: retry-first is more than retry-max"},
    {MORE("destination a { concurrency = 0 }\n"), "4: concurrency = \"0\" is out of bounds"},
    {MORE("concurrency = 1\n"), "4: belongs into a section: remote { concurrency"},
    {MORE("socket = x\n"), "4: belongs into a section: lmtp NAME { socket"},
    {MORE("remote { concurrency = 10\ndestination-concurrency = 11 }\n"),
	"5: destination-concurrency } is more than concurrency"},
    {MORE("remote { families = ipv5 }\n"), "4: it can be both, ipv4 or ipv6"},
    {MORE("remote { source-ipv4 = \"::1\" }\n"), "4: is no such address"},
    {MORE("remote { source-ipv6 = 192.0.2.1 }\n"), "4: is no such address"},
    {MORE("remote { helo = a_b }\n"), "4: helo = \"a_b\" is no host name"},
    {MORE("remote { tls = maybe }\n"), "4: it can be none, may, encrypt"},
    {MORE("remote \"x\" { }\n"), "4: the section remote has no name of its own"},
    {MORE("resolver { forwarders = { \"::1\", dns.example, \"1.2.3.4:0\", \"[1.2.3.4]\", \"\" } }"),
	"4: \"::1\" is no address\n4: \"dns.example\" is no address\n4: \"1.2.3.4:0\" is no "
	"address\n4: \"[1.2.3.4]\" is no address\n4: \"\" is no address"},
    {MORE("spool = \"\"\n"), "4: spool is empty"},
    {MORE("run = "
	  "\"/x/01234567890123456789012345678901234567890123456789012345678901234567890123456789"
	  "01234567890123456789\"\n"),
	"4: too long for the names of sockets"},
    {MORE("log = messages\n"), "4: stderr, syslog or the path"},
    {MORE("postmaster = nobody\n"), "4: is no address"},
    {MORE("recipient-delimiter = ab\n"), "4: it can be one of"},
    {MORE("recipient-delimiter = \"@\"\n"), "4: it can be one of"},
    {MORE("recipient-delimiter = \"/\"\n"), "4: it can be one of"},
    {MORE("recipient-delimiter = a\n"), "4: it can be one of"},
    {MORE("spool = \"${HOME}/spool\"\n"), "4: the environment is not looked up"},
    {MORE("spool = ${HOME}\n"), "4: put quotes\n4: "},
    {MORE("include(\"/etc/passwd\")\nworker = 1\n"), "4: there are no functions\n5: did you mean"},
    {MORE("include = \"/etc/passwd\"\n"), "4: there is no option \"include\""},
    {MORE("spool = \"abc\nworker = 1\n"), "4: the quotes are not closed\n5: did you mean"},
    {MORE("spool = 'abc\n"), "4: the quotes are not closed"},
    {MORE("spool = \"abc\\\n"), "4: the quotes are not closed"},
    {MORE("spool = \"abc\\"), "4: the quotes are not closed"},
    {MORE("spool = \""), "4: the quotes are not closed"},
    {MORE("spool = \"a\\n\"\n"), "4: a backslash only stands before"},
    {MORE("spool = \"\\400\"\n"), "4: a backslash only stands before"},
    {MORE("spool = \"a\tb\"\n"), "4: a control character"},
    {MORE("spool = \"\xff\"\n"), "4: not valid UTF-8"},
    {MORE("spool = \xff\n"), "4: not valid UTF-8"},
    {MORE("spool = *\n"), "4: put quotes around"},
    {MORE("spool = a//b\n"), "4: put quotes around"},
    {MORE("/* never closed\nworker = 1\n"), "4: the comment has no end"},
    {MORE("mailbox = x\nlisten pop3 { address = y }\npop3 { idle-timeout = z }\n"),
	"4: \"mailbox\"\n5: is no address to listen on\n6: idle-timeout"},
    {MORE("system-users { domains = \"a b\" }\n"), "4: \"a b\" is no domain"},
    {MORE("system-users { domains = { x.example, \"@x\" } }\n"), "4: \"@x\" is no domain"},
    {MORE("system-users { mailbox = \"/var/mail\" }\n"), "4: is no directory below the home"},
    {MORE("system-users { mailbox = \"~/\" }\n"), "4: is no directory below the home"},
    {MORE("system-users { mailbox = \"~/../x\" }\n"), "4: is no directory below the home"},
    {MORE("system-users { mailbox = \"~/a/..\" }\n"), "4: is no directory below the home"},
    {MORE("system-users { mailbox = \"~/a//b\" }\n"), "4: is no directory below the home"},
    {MORE("system-users { mailbox = \"~/a/\" }\n"), "4: is no directory below the home"},
    {MORE("system-users { mailbox = \"~/./a\" }\n"), "4: is no directory below the home"},
    {MORE("system-users { uid-min = 0 }\n"), "4: uid-min"},
    {MORE("system-users { uid-min = 5 uid-max = 4 }\n"), "4: uid-min } is more than uid-max"},
    {MORE("system-users { authentication = shadow }\n"), "4: authentication"},
    {"hostname = localhost\nmailboxes = \"/m/%u\"\nlisten smtp { address = \"*:25\" }\n",
	"1: is no full name"},
    {"hostname = \"a_b.example\"\nmailboxes = \"/m/%u\"\nlisten smtp { address = \"*:25\" }\n",
	"1: is no full name"},
    {"hostname = \"\"\nmailboxes = \"/m/%u\"\nlisten smtp { address = \"*:25\" }\n",
	"1: is no full name"},
    {"hostname = mx.example\nmailboxes = \"/m/%n\"\nlisten smtp { address = \"*:25\" }\n",
	"2: would share a mailbox"},
    {"hostname = mx.example\nmailboxes = \"/m/%n%d\"\nlisten smtp { address = \"*:25\" }\n",
	"2: two placeholders"},
    {"hostname = mx.example\nmailboxes = \"\"\nlisten smtp { address = \"*:25\" }\n",
	"2: mailboxes is empty"},
};

START_TEST(every_fault_is_reported_with_its_line)
{
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		struct conf *c = parse(faulty[i].text);
		ck_assert_msg(c == NULL, "row %zu was taken: %s", i, faulty[i].text);
		struct str rest = str_from_cstr(faulty[i].faults);
		size_t found = 0;
		for (; rest.n > 0; found++) {
			size_t n = str_find(rest, '\n');
			size_t colon = str_find(rest, ':');
			uint64_t line = 0;
			ck_assert(str_parse_u64(str_head(rest, colon), 100, &line));
			char *part = str_dup(str_skip(str_head(rest, n), colon + 2));
			/* The machine's own name may be no full one; that is reported last. */
			ck_assert_msg(found < faults.count, "row %zu: %s", i, all_faults());
			ck_assert_msg(faults.list[found].line == line &&
					  strstr(faults.list[found].text, part) != NULL,
			    "row %zu: \"%s\" is not fault %zu of\n%s", i, part, found,
			    all_faults());
			free(part);
			rest = str_skip(rest, n + 1);
		}
	}
}
END_TEST

START_TEST(what_is_no_configuration_is_refused)
{
	ck_assert_ptr_null(conf_parse("/x", "a\0b", 3, &faults));
	ck_assert_ptr_nonnull(strstr(all_faults(), "NUL"));
	conf_faults_free(&faults);
	size_t n = CONF_TEXT_MAX + 1;
	char *large = malloc(n);
	memset(large, '\n', n);
	ck_assert_ptr_null(conf_parse("/x", large, n, &faults));
	ck_assert_ptr_nonnull(strstr(all_faults(), "right file"));
	conf_faults_free(&faults);
	/* Faults without end: the first ones, and a last word. */
	for (size_t i = 0; i + 4 < n; i += 4)
		memcpy(large + i, "a=1\n", 4);
	ck_assert_ptr_null(conf_parse("/x", large, n - 1, &faults));
	ck_assert_uint_eq(faults.count, CONF_FAULTS_MAX);
	ck_assert_ptr_nonnull(strstr(faults.list[CONF_FAULTS_MAX - 1].text, "more faults"));
	conf_faults_free(&faults);
	/* Depth costs nothing. */
	memset(large, '{', n);
	memcpy(large, "x ", 2);
	ck_assert_ptr_null(conf_parse("/x", large, n - 1, &faults));
	conf_faults_free(&faults);
	free(large);
}
END_TEST

START_TEST(every_prefix_is_taken_or_faulted)
{
	static const char whole[] =
	    MINIMAL "postmaster = \"a@b.c\" networks = { 10.0.0.0/8, '::1' } /* x */ # y\n"
		    "smtp { size-max = \"1 MiB\" bare-newline = repair }\nlog = /x // z\n"
		    "relay a { host = \"x:465\" domains = { a, .b } }\nlmtp b { socket = /l }\n"
		    "destination \"a.b\" { rate = \"5/min\" }\n"
		    "certificate a { chain = b key = c } certificate 'a' { chain = b key = c }\n";
	for (size_t cut = 0; cut < sizeof(whole); cut++) {
		struct str in = unit_copy(str_from(whole, cut));
		struct conf *c = conf_parse("/etc/postern.conf", in.p, in.n, &faults);
		ck_assert((c == NULL) == (faults.count > 0));
		for (size_t i = 0; i < faults.count; i++)
			ck_assert_ptr_null(strstr(faults.list[i].text, "no such option"));
		conf_faults_free(&faults);
		conf_free(c);
		unit_free(in);
	}
}
END_TEST

/* Every octet of a good file, replaced by each sign that means something: libconfuse must never
 * find a fault that the scanner did not find before. */
START_TEST(libconfuse_agrees_with_the_scanner)
{
	static const char signs[] = "{}=,\"'\\#/*+$()\n\r a0-|\x01\xff";
	char text[] = MINIMAL
	    "networks = { 10.0.0.0/8, '::1' }\nsmtp { size-max = \"1 MiB\" }\nlog = \"a\\\\b/\"\n"
	    "relay a { host = x domains = { b } } destination '[::1]' { rate = \"1/h\" }\n"
	    "certificate a { key = b } certificate 'a' { key = b } listen b { tls = no }\n";
	/* Few rounds: each octet by two of the signs, each sign in many places. */
	const size_t step = unit_wants_few_rounds() ? sizeof(signs) / 2 : 1;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char was = text[i];
		for (size_t k = i % step; k < sizeof(signs) - 1; k += step) {
			text[i] = signs[k];
			struct conf *c = parse(text);
			for (size_t f = 0; f < faults.count; f++)
				ck_assert_ptr_null(strstr(faults.list[f].text, CONF_CONFUSE_SAYS));
			conf_free(c);
		}
		text[i] = was;
	}
}
END_TEST

START_TEST(the_environment_changes_nothing)
{
	setenv("x", "mx.evil.example", 1);
	struct conf *c = parse_more_well("spool = \"/var/$x/$(x)/%{x}\"\n");
	ck_assert_str_eq(c->spool, "/var/$x/$(x)/%{x}");
	conf_free(c);
}
END_TEST

/* A reload happens inside: what the first parse asked the machine must not be asked again. */
START_TEST(a_second_parse_works_in_the_jail)
{
	conf_free(parse_well(MINIMAL));
	int status;
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		sandbox_filter(0);
		struct conf *c = parse(MINIMAL "smtp { hops-max = 0 }\n");
		_exit(c == NULL && faults.count == 1 ? 7 : 8);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

UNIT_MAIN("conf", defaults_are_those_of_the_header, the_way_out_has_the_defaults_of_the_header,
    relays_are_read, sockets_are_read, destinations_are_read, users_of_the_machine_are_as_written,
    the_way_out_is_as_written, every_number_keeps_its_bounds, every_word_is_taken_and_no_other,
    every_option_is_documented_in_the_example, units_are_understood, listeners_have_their_addresses,
    listeners_speak_as_they_are_called, certificates_of_one_name_stand_side_by_side,
    certificates_are_shown_to_other_servers, a_clients_certificate_is_no_listeners,
    fingerprints_may_relay, networks_have_members, other_values_are_as_written,
    a_default_gives_way_to_a_smaller_bound, comments_are_none_of_its_business,
    every_fault_is_reported_with_its_line, what_is_no_configuration_is_refused,
    every_prefix_is_taken_or_faulted, libconfuse_agrees_with_the_scanner,
    the_environment_changes_nothing, a_second_parse_works_in_the_jail)
