/* SPDX-License-Identifier: ISC
 *
 * directory's server over real sockets, with the test as smtpd, pop3d and
 * pop3d-session: answers, tables that change under it, peers that misbehave.
 */
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-queue-directory.h"
#include "common/msg-remote-directory.h"
#include "directory/exchange.h"
#include "directory/live.h"
#include "directory/map.h"
#include "directory/server.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;
static struct conf conf;
static struct event *deadline;

/* What came back on the last question. */
static struct {
	unsigned answers;
	uint32_t cookie, generation;
	uint8_t verdict;
	char text[REASON_MAX + 1];
	char targets[1024];
} rcpt;
static struct {
	unsigned answers, temporary;
	uint32_t cookie;
	uint8_t verdict;
	char address[ADDRESS_MAX + 1];
	char ticket[TICKET_SIZE];
	size_t ticket_length;
} login;
static struct {
	unsigned grants;
	char address[ADDRESS_MAX + 1];
	char ticket[TICKET_SIZE];
	unsigned answers_before; /* login answers that had come when the grant came */
} granted;
static struct {
	unsigned answers;
	uint32_t cookie;
	uint8_t verdict;
	char text[REASON_MAX + 1];
	char targets[1024];
} route;
static struct {
	unsigned answers;
	uint32_t cookie;
	uint8_t verdict;
	char all[2048]; /* "target tls[ implicit] login password names... fingerprints..." */
} hop;
static uint32_t generation, routes_generation, hops_generation;
static unsigned generations, closed, offered;
static uint32_t login_cookie;
static unsigned challenges;

static void copy(char *to, size_t size, struct str s)
{
	ck_assert_uint_lt(s.n, size);
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static bool on_rcpt_answer(void *ctx, const struct msg_rcpt_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	rcpt.answers++;
	rcpt.cookie = m->cookie;
	rcpt.generation = m->generation;
	rcpt.verdict = m->verdict;
	copy(rcpt.text, sizeof(rcpt.text), m->text);
	size_t n = 0;
	rcpt.targets[0] = '\0';
	for (size_t i = 0; i < m->targets_count; i++)
		n += (size_t)snprintf(rcpt.targets + n, sizeof(rcpt.targets) - n, "%s%.*s/%d",
		    i > 0 ? " " : "", STR_ARG(m->targets[i].address), m->targets[i].transport);
	return true;
}

static bool on_generation(void *ctx, const struct msg_directory_generation *m, int *fds)
{
	(void)ctx;
	(void)fds;
	generations++;
	generation = m->generation;
	return true;
}

static bool on_login_outcome(void *ctx, const struct msg_login_outcome *message, int *fds)
{
	const struct auth_result *m = &message->result;
	(void)ctx;
	(void)fds;
	login.answers++;
	login.temporary += m->verdict == LOGIN_TEMPORARY;
	login.cookie = m->cookie;
	login.verdict = m->verdict;
	copy(login.address, sizeof(login.address), m->login);
	ck_assert_uint_le(m->ticket.n, TICKET_SIZE);
	if (m->ticket.n > 0)
		memcpy(login.ticket, m->ticket.p, m->ticket.n);
	login.ticket_length = m->ticket.n;
	return true;
}

static bool on_login_challenge(void *ctx, const struct msg_login_challenge *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	challenges++;
	return true;
}

static bool on_login_offer(void *ctx, const struct msg_login_offer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	offered = m->mechanisms;
	return true;
}

static bool on_auth_offer(void *ctx, const struct msg_auth_offer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	offered = m->mechanisms;
	return true;
}

static bool on_grant(void *ctx, const struct msg_session_grant *m, int *fds)
{
	(void)ctx;
	(void)fds;
	granted.grants++;
	granted.answers_before = login.answers;
	copy(granted.address, sizeof(granted.address), m->address);
	ck_assert_uint_eq(m->ticket.n, TICKET_SIZE);
	memcpy(granted.ticket, m->ticket.p, TICKET_SIZE);
	return true;
}

static bool on_address_answer(void *ctx, const struct msg_address_answer *m, int *fds)
{
	size_t n = 0;
	(void)ctx;
	(void)fds;
	route.answers++;
	route.cookie = m->cookie;
	route.verdict = m->verdict;
	copy(route.text, sizeof(route.text), m->text);
	route.targets[0] = '\0';
	for (size_t i = 0; i < m->targets_count; i++)
		n += (size_t)snprintf(route.targets + n, sizeof(route.targets) - n,
		    "%s%.*s/%d/%.*s", i > 0 ? " " : "", STR_ARG(m->targets[i].address),
		    m->targets[i].transport, STR_ARG(m->targets[i].nexthop));
	return true;
}

static bool on_routes_changed(void *ctx, const struct msg_routes_changed *m, int *fds)
{
	(void)ctx;
	(void)fds;
	routes_generation = m->generation;
	return true;
}

static bool on_hop_answer(void *ctx, const struct msg_hop_answer *m, int *fds)
{
	size_t n;
	(void)ctx;
	(void)fds;
	hop.answers++;
	hop.cookie = m->cookie;
	hop.verdict = m->verdict;
	if (m->verdict != HOP_OK) {
		copy(hop.all, sizeof(hop.all), m->text);
		ck_assert_uint_eq(m->target.n + m->login.n + m->password.n, 0);
		return true;
	}
	n = (size_t)snprintf(hop.all, sizeof(hop.all), "%.*s %d%s", STR_ARG(m->target), m->tls,
	    m->implicit_tls ? " implicit" : "");
	if (m->login.n > 0)
		n += (size_t)snprintf(hop.all + n, sizeof(hop.all) - n, " %.*s/%.*s",
		    STR_ARG(m->login), STR_ARG(m->password));
	if (m->certificate.n > 0)
		n += (size_t)snprintf(
		    hop.all + n, sizeof(hop.all) - n, " shows %.*s", STR_ARG(m->certificate));
	for (size_t i = 0; i < m->names_count; i++)
		n += (size_t)snprintf(
		    hop.all + n, sizeof(hop.all) - n, " %.*s", STR_ARG(m->names[i].name));
	for (size_t i = 0; i < m->fingerprints_count; i++)
		n += (size_t)snprintf(hop.all + n, sizeof(hop.all) - n, " %02x..%02x",
		    (unsigned char)m->fingerprints[i].sha256.p[0],
		    (unsigned char)m->fingerprints[i].sha256.p[31]);
	return true;
}

static bool on_hops_changed(void *ctx, const struct msg_hops_changed *m, int *fds)
{
	(void)ctx;
	(void)fds;
	hops_generation = m->generation;
	return true;
}

static const struct queue_directory_client_handlers queue_handlers = {
    .address_answer = on_address_answer, .routes_changed = on_routes_changed};
static const struct remote_directory_client_handlers remote_handlers = {
    .hop_answer = on_hop_answer, .hops_changed = on_hops_changed};
static const struct smtpd_directory_client_handlers smtpd_handlers = {.rcpt_answer = on_rcpt_answer,
    .directory_generation = on_generation,
    .auth_offer = on_auth_offer};
static const struct pop3d_directory_client_handlers pop3d_handlers = {
    .login_outcome = on_login_outcome,
    .login_challenge = on_login_challenge,
    .login_offer = on_login_offer};
static const struct directory_session_server_handlers session_handlers = {
    .session_grant = on_grant};

static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	(void)ctx;
	(void)ch;
	(void)why;
	closed++;
}

static void too_late(void *ctx)
{
	(void)ctx;
	ck_abort_msg("nothing came in time");
}

#define UNTIL(condition)                                                                           \
	while (!(condition))                                                                       \
	unit_wait()

static int half(enum edge_id edge, unsigned instance)
{
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(edge, instance, pair[0]);
	return pair[1];
}

static struct channel *as_smtpd(unsigned instance)
{
	return channel_new(half(EDGE_smtpd_directory, instance), &smtpd_directory_client,
	    &smtpd_handlers, NULL, on_closed);
}

static struct channel *as_pop3d(unsigned instance)
{
	return channel_new(half(EDGE_pop3d_directory, instance), &pop3d_directory_client,
	    &pop3d_handlers, NULL, on_closed);
}

static struct channel *as_queue(void)
{
	return channel_new(half(EDGE_queue_directory, 0), &queue_directory_client, &queue_handlers,
	    NULL, on_closed);
}

static struct channel *as_remote(unsigned instance)
{
	return channel_new(half(EDGE_remote_directory, instance), &remote_directory_client,
	    &remote_handlers, NULL, on_closed);
}

static struct channel *as_session(void)
{
	return channel_new(half(EDGE_directory_session, 0), &directory_session_server,
	    &session_handlers, NULL, on_closed);
}

static void ask(struct channel *smtpd, const char *address)
{
	const struct msg_rcpt_query m = {.cookie = 7, .address = str_from_cstr(address)};
	unsigned before = rcpt.answers;
	ck_assert(msg_rcpt_query_send(smtpd, &m, NULL));
	UNTIL(rcpt.answers > before);
	ck_assert_uint_eq(rcpt.cookie, 7);
}

static void ask_route(struct channel *queue, const char *address)
{
	const struct msg_address_query m = {.cookie = 11, .address = str_from_cstr(address)};
	unsigned before = route.answers;
	ck_assert(msg_address_query_send(queue, &m, NULL));
	UNTIL(route.answers > before);
	ck_assert_uint_eq(route.cookie, 11);
}

static void ask_hop(struct channel *remote, const char *nexthop)
{
	const struct msg_hop_query m = {.cookie = 13, .nexthop = str_from_cstr(nexthop)};
	unsigned before = hop.answers;
	ck_assert(msg_hop_query_send(remote, &m, NULL));
	UNTIL(hop.answers > before);
	ck_assert_uint_eq(hop.cookie, 13);
}

static void send_login_from(
    struct channel *pop3d, const char *client, const char *user, const char *password)
{
	char message[256];
	size_t u = strlen(user), p = strlen(password);
	message[0] = message[u + 1] = '\0';
	memcpy(message + 1, user, u);
	memcpy(message + 2 + u, password, p);
	const struct msg_login_begin m = {.start = {.cookie = ++login_cookie,
					      .mechanism = AUTH_PLAIN,
					      .has_initial = 1,
					      .initial = str_from(message, u + p + 2),
					      .client = str_from_cstr(client),
					      .session = STR("s1")}};
	ck_assert(msg_login_begin_send(pop3d, &m, NULL));
}

static void send_login(struct channel *pop3d, const char *user, const char *password)
{
	send_login_from(pop3d, "local uid 7", user, password);
}

static uint8_t try_login(struct channel *pop3d, const char *user, const char *password)
{
	unsigned before = login.answers;
	send_login(pop3d, user, password);
	UNTIL(login.answers > before);
	ck_assert_uint_eq(login.cookie, login_cookie);
	return login.verdict;
}

static void write_example(const char *more_users)
{
	char *users = xasprintf("ann@example.org:%s\nlocked@example.org:*\nroot@example.org:*\n%s",
	    fixture_quick_hash(), more_users);
	fixture_write(dir, "domains", "example.org\nmünchen.example\n");
	fixture_write(dir, "users", users);
	fixture_write(dir, "aliases",
	    "team@example.org: ann, friend@elsewhere.example\n"
	    "gone@example.org: refuse: has left\n"
	    "void@example.org: discard:\n");
	free(users);
}

static void start(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	deadline = loop_timer(too_late, NULL);
	loop_timer_start(deadline, 1800000); /* the test program's own limit comes first */
	server_start(&conf, fd);
}

static void setup(void)
{
	dir = fixture_directory();
	conf = (struct conf){.tables = dir,
	    .workers = 2,
	    .postmaster = (char *)(uintptr_t) "root@example.org",
	    .recipient_delimiter = (char *)(uintptr_t) "+",
	    .auth = {.threads = 2,
		.failures = 1000,
		.login_failures = 1000,
		.refuse = 900,
		.forget = 3600,
		.cache_size = 100,
		.cache_time = 3600}};
	write_example("");
	ck_assert_int_eq(fixture_build(dir), 0);
}

static void teardown(void)
{
	map_set_image_max(MAP_IMAGE_MAX);
	server_end();
	event_free(deadline);
	fixture_remove(dir);
}

static const struct {
	const char *address;
	uint8_t verdict;
	const char *targets, *text;
} queries[] = {
    {"ann@example.org", RCPT_LOCAL, "ann@example.org/1", ""},
    {"Ann+x@example.org", RCPT_LOCAL, "ann@example.org/1", ""},
    {"team@example.org", RCPT_LOCAL, "friend@elsewhere.example/2 ann@example.org/1", ""},
    {"void@example.org", RCPT_LOCAL, "void@example.org/3", ""},
    {"gone@example.org", RCPT_REFUSED, "", "has left"},
    {"eve@example.org", RCPT_NO_MAILBOX, "", ""},
    {"ann@elsewhere.example", RCPT_NOT_OURS, "ann@elsewhere.example/2", ""},
    {"postmaster@xn--mnchen-3ya.example", RCPT_LOCAL, "root@example.org/1", ""},
    {"Postmaster", RCPT_LOCAL, "root@example.org/1", ""},
};

START_TEST(rcpt_answers)
{
	start();
	struct channel *smtpd = as_smtpd(0);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		ask(smtpd, queries[i].address);
		ck_assert_msg(
		    rcpt.verdict == queries[i].verdict, "%s: %d", queries[i].address, rcpt.verdict);
		ck_assert_str_eq(rcpt.targets, queries[i].targets);
		ck_assert_str_eq(rcpt.text, queries[i].text);
		ck_assert_uint_eq(rcpt.generation, generation);
	}
	channel_free(smtpd);
}
END_TEST

static const struct {
	const char *address;
	uint8_t verdict;
	const char *targets, *text;
} route_queries[] = {
    {"ann@example.org", RCPT_LOCAL, "ann@example.org/1/", ""},
    {"team@example.org", RCPT_LOCAL, "friend@elsewhere.example/2/relay:all ann@example.org/1/", ""},
    {"eve@example.org", RCPT_NO_MAILBOX, "", ""},
    {"ann@far.example", RCPT_NOT_OURS, "ann@far.example/2/smtp:[mx.far.example]", ""},
    {"ann@wait.example", RCPT_NOT_OURS, "ann@wait.example/4/relay:all", ""},
    {"ann@shut.example", RCPT_REFUSED, "", "5.1.2 closed"},
};

static char *all_name = (char *)(uintptr_t) "all", *plain_name = (char *)(uintptr_t) "plain";
static struct conf_relay conf_relays[] = {
    {.tls = TLS_VERIFY, .implicit_tls = true},
    {.tls = TLS_MAY},
    {.tls = TLS_ENCRYPT},
};

/* Relays, and tables for the way out. */
static void write_ways(void)
{
	char *path = xasprintf("%s/logins", dir);
	conf_relays[0].name = all_name;
	conf_relays[0].host = (char *)(uintptr_t) "smtp:[smtp.provider.example]:465";
	conf_relays[0].login = (char *)(uintptr_t) "smarthost";
	conf_relays[1].name = plain_name;
	conf_relays[1].host = (char *)(uintptr_t) "[192.0.2.1]";
	conf_relays[2].name = (char *)(uintptr_t) "lost";
	conf_relays[2].host = (char *)(uintptr_t) "[192.0.2.2]";
	conf_relays[2].login = (char *)(uintptr_t) "gone";
	conf.relays = conf_relays;
	conf.relay_count = 3;
	conf.remote.tls = TLS_DANE;
	fixture_write(dir, "routes",
	    "far.example smtp:[mx.far.example]\nwait.example hold\nshut.example error 5.1.2 "
	    "closed\n");
	fixture_write(dir, "tls",
	    "far.example verify\nmx.far.example verify mx.far.example .far.example\n"
	    ".near.example encrypt\nsmtp:[mx.near.example]:26 none\n[192.0.2.1] may\n"
	    "pinned.example fingerprint "
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
	    "smtp.provider.example none\n");
	fixture_write(dir, "logins", "smarthost joe@provider.example pass word\nunused u p\n");
	ck_assert_int_eq(chmod(path, 0600), 0);
	free(path);
	ck_assert_int_eq(fixture_build(dir), 0);
}

START_TEST(routes_are_told_to_the_queue)
{
	write_ways();
	start();
	struct channel *queue = as_queue();
	UNTIL(routes_generation == server_generation());
	for (size_t i = 0; i < sizeof(route_queries) / sizeof(route_queries[0]); i++) {
		ask_route(queue, route_queries[i].address);
		ck_assert_int_eq(route.verdict, route_queries[i].verdict);
		ck_assert_str_eq(route.targets, route_queries[i].targets);
		ck_assert_str_eq(route.text, route_queries[i].text);
	}
	/* Another configuration is another generation. */
	conf.relay_count = 0;
	server_reload(&conf);
	UNTIL(routes_generation == server_generation());
	ask_route(queue, "ann@wait.example");
	ck_assert_str_eq(route.targets, "ann@wait.example/4/wait.example");
	channel_free(queue);
}
END_TEST

static const struct {
	const char *nexthop;
	uint8_t verdict;
	const char *all;
} hop_queries[] = {
    {"relay:all", HOP_OK,
	"smtp:[smtp.provider.example]:465 6 implicit joe@provider.example/pass word"},
    {"relay:plain", HOP_OK, "[192.0.2.1] 2"},
    {"relay:lost", HOP_TEMPORARY, "the login for this relay is missing"},
    {"relay:unused", HOP_REFUSED, "the configuration has no such relay any more"},
    {"relay:smarthost", HOP_REFUSED, "the configuration has no such relay any more"},
    {"lmtp:dovecot", HOP_OK, "lmtp:dovecot 1"},
    {"else.example", HOP_OK, "else.example 4"},
    {"far.example", HOP_OK, "far.example 6"},
    {"FAR.example", HOP_OK, "FAR.example 6"},
    {"sub.far.example", HOP_OK, "sub.far.example 4"},
    {"smtp:[mx.far.example]", HOP_OK, "smtp:[mx.far.example] 6 mx.far.example .far.example"},
    {"smtp:[MX.near.example]:26", HOP_OK, "smtp:[MX.near.example]:26 1"},
    {"smtp:[mx.near.example]:27", HOP_OK, "smtp:[mx.near.example]:27 3"},
    {"lmtp:[mx.near.example]", HOP_OK, "lmtp:[mx.near.example] 3"},
    {"near.example", HOP_OK, "near.example 4"},
    {"[192.0.2.1]", HOP_OK, "[192.0.2.1] 2"},
    {"smtp:[192.0.2.1]:2525", HOP_OK, "smtp:[192.0.2.1]:2525 2"},
    {"[192.0.2.2]", HOP_OK, "[192.0.2.2] 4"},
    {"pinned.example", HOP_OK, "pinned.example 7 00..1f"},
};

START_TEST(hops_are_explained)
{
	write_ways();
	start();
	struct channel *remote = as_remote(0), *other = as_remote(1);
	UNTIL(hops_generation == server_generation());
	for (size_t i = 0; i < sizeof(hop_queries) / sizeof(hop_queries[0]); i++) {
		ask_hop(i % 2 ? remote : other, hop_queries[i].nexthop);
		ck_assert_msg(hop.verdict == hop_queries[i].verdict, "%s: %d",
		    hop_queries[i].nexthop, hop.verdict);
		ck_assert_str_eq(hop.all, hop_queries[i].all);
	}
	fixture_write(dir, "tls", "* may\n");
	ck_assert_int_eq(fixture_build(dir), 0);
	uint32_t before = hops_generation;
	UNTIL(hops_generation != before);
	ask_hop(remote, "[192.0.2.2]");
	ck_assert_str_eq(hop.all, "[192.0.2.2] 2");
	channel_free(remote);
	channel_free(other);
}
END_TEST

static const char *const shown[][2] = {
    {"relay:all", "relay.example"},
    {"relay:plain", ""},
    {"else.example", "mx.example"},
    {"far.example", "mx.example"},
    {"lmtp:[mx.near.example]", "mx.example"},
    {"lmtp:dovecot", ""},
};

static const char *what_is_shown(void)
{
	const char *shows = strstr(hop.all, " shows ");
	return shows == NULL ? "" : shows + strlen(" shows ");
}

START_TEST(hops_say_what_is_shown)
{
	write_ways();
	conf.remote.certificate = (char *)(uintptr_t) "mx.example";
	conf_relays[0].certificate = (char *)(uintptr_t) "relay.example";
	start();
	struct channel *remote = as_remote(0);
	UNTIL(hops_generation == server_generation());
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		ask_hop(remote, shown[i][0]);
		ck_assert_str_eq(what_is_shown(), shown[i][1]);
	}
	/* Another configuration may name another one. */
	uint32_t before = hops_generation;
	conf.remote.certificate = NULL;
	server_reload(&conf);
	UNTIL(hops_generation != before);
	ask_hop(remote, "else.example");
	ck_assert_str_eq(what_is_shown(), "");
	channel_free(remote);
}
END_TEST

/* What is no nexthop costs the asker its channel. */
START_TEST(hops_that_are_none)
{
	static const char *const hostile[] = {"", "a b", "relay:", "../x", "@"};
	start();
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct channel *bad = as_remote(0);
		const struct msg_hop_query m = {.nexthop = str_from_cstr(hostile[i])};
		unsigned before = closed;
		ck_assert(msg_hop_query_send(bad, &m, NULL));
		UNTIL(closed > before);
		channel_free(bad);
	}
	struct channel *good = as_remote(0);
	ask_hop(good, "else.example");
	ck_assert_int_eq(hop.verdict, HOP_OK);
	channel_free(good);
}
END_TEST

START_TEST(logins)
{
	start();
	struct channel *pop3d = as_pop3d(0), *session = as_session();
	ck_assert_int_eq(try_login(pop3d, "Ann@Example.ORG", "secret"), LOGIN_OK);
	ck_assert_str_eq(login.address, "ann@example.org");
	ck_assert_uint_eq(login.ticket_length, TICKET_SIZE);
	UNTIL(granted.grants == 1);
	ck_assert_str_eq(granted.address, "ann@example.org");
	ck_assert(memcmp(granted.ticket, login.ticket, TICKET_SIZE) == 0);
	static const struct {
		const char *user, *password;
	} bad[] = {{"ann@example.org", "Secret"}, {"ann@example.org", ""},
	    {"eve@example.org", "secret"}, {"locked@example.org", "secret"},
	    {"locked@example.org", "*"}, {"locked@example.org", ""}, {"ann", "secret"},
	    {"", "secret"}, {"team@example.org", "secret"}, {"ann+x@example.org", "secret"},
	    {"@example.org", "x"}, {"\x01\x02@example.org", "x"}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(try_login(pop3d, bad[i].user, bad[i].password), LOGIN_BAD);
		ck_assert_str_eq(login.address, "");
		ck_assert_uint_eq(login.ticket_length, 0);
	}
	ck_assert_uint_eq(granted.grants, 1);
	/* Another login, another ticket. */
	char first[TICKET_SIZE];
	memcpy(first, login.ticket, TICKET_SIZE);
	ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_OK);
	ck_assert(memcmp(first, login.ticket, TICKET_SIZE) != 0);
	channel_free(pop3d);
	channel_free(session);
}
END_TEST

/* No session program: "not now", and no ticket that nobody else knows. */
START_TEST(logins_without_a_session_program)
{
	start();
	struct channel *pop3d = as_pop3d(0);
	ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_TEMPORARY);
	ck_assert_uint_eq(login.ticket_length, 0);
	ck_assert_int_eq(try_login(pop3d, "ann@example.org", "wrong"), LOGIN_BAD);
	struct channel *session = as_session();
	ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_OK);
	channel_free(session);
	unit_settle();
	ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_TEMPORARY);
	channel_free(pop3d);
}
END_TEST

static void rebuild(const char *more_users)
{
	uint32_t before = server_generation();
	write_example(more_users);
	ck_assert_int_eq(fixture_build(dir), 0);
	UNTIL(server_generation() != before);
}

START_TEST(new_tables_are_picked_up)
{
	start();
	struct channel *smtpd = as_smtpd(0), *other = as_smtpd(1);
	UNTIL(generations == 2);
	uint32_t before = generation;
	ask(smtpd, "new@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_NO_MAILBOX);
	rebuild("new@example.org:*\n");
	UNTIL(generations == 4); /* both were told */
	ck_assert_uint_gt(generation, before);
	ask(smtpd, "new@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
	ck_assert_uint_eq(rcpt.generation, generation);
	/* A reload counts as a change, too: the postmaster may be another one. */
	conf.postmaster = (char *)(uintptr_t) "new@example.org";
	server_reload(&conf);
	UNTIL(generations == 6);
	ask(other, "postmaster");
	ck_assert_str_eq(rcpt.targets, "new@example.org/1");
	channel_free(smtpd);
	channel_free(other);
}
END_TEST

static void overwrite(const char *name, const char *p, size_t n)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	close(fd);
}

/* Looks as often as it takes to try a changed set and give it up, and waits for that. */
static void look_again_and_again(void)
{
	for (int i = 0; i < 3; i++) {
		live_look(server_live());
		for (int rounds = 0; rounds < 20; rounds++) {
			unit_settle();
			usleep(1000);
		}
	}
}

static const char *const compiled[] = {
    "domains.db", "users.db", "aliases.db", "routes.db", "tls.db", "logins.db"};
enum { COMPILED = sizeof(compiled) / sizeof(compiled[0]) };

/* However the files are spoilt, the set in use answers on. */
START_TEST(spoilt_tables_change_nothing)
{
	char *good[COMPILED], path[256];
	size_t sizes[COMPILED];
	char junk[20000];
	start();
	memset(junk, 'j', sizeof(junk));
	struct channel *smtpd = as_smtpd(0), *pop3d = as_pop3d(0), *session = as_session();
	for (size_t i = 0; i < COMPILED; i++)
		good[i] = fixture_read(dir, compiled[i], &sizes[i]);
	for (int way = 0; way < 5; way++) {
		uint32_t before = server_generation();
		for (size_t i = 0; i < COMPILED; i++) {
			snprintf(path, sizeof(path), "%s/%s", dir, compiled[i]);
			if (way == 0)
				overwrite(compiled[i], junk, sizeof(junk));
			else if (way == 1)
				overwrite(compiled[i], good[i], sizes[i] / 2);
			else if (way == 2)
				overwrite(compiled[i], "", 0);
			else if (way == 3)
				overwrite(compiled[i], good[(i + 1) % COMPILED],
				    sizes[(i + 1) % COMPILED]);
			else
				ck_assert_int_eq(unlink(path), 0);
		}
		look_again_and_again();
		ck_assert_uint_eq(server_generation(), before);
		ask(smtpd, "ann@example.org");
		ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
		ask(smtpd, "eve@example.org");
		ck_assert_int_eq(rcpt.verdict, RCPT_NO_MAILBOX);
		ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_OK);
	}
	rebuild("new@example.org:*\n");
	ask(smtpd, "new@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
	for (size_t i = 0; i < COMPILED; i++)
		free(good[i]);
	channel_free(smtpd);
	channel_free(pop3d);
	channel_free(session);
}
END_TEST

/* One file of another build: sets are taken whole or not at all. */
START_TEST(mixed_sets_are_not_taken)
{
	size_t n;
	start();
	struct channel *smtpd = as_smtpd(0);
	uint32_t before = server_generation();
	char *old = fixture_read(dir, "users.db", &n);
	write_example("new@example.org:*\n");
	ck_assert_int_eq(fixture_build(dir), 0);
	overwrite("users.db", old, n);
	look_again_and_again();
	ck_assert_uint_eq(server_generation(), before);
	ask(smtpd, "new@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_NO_MAILBOX);
	rebuild("new@example.org:*\n");
	ask(smtpd, "new@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
	free(old);
	channel_free(smtpd);
}
END_TEST

START_TEST(no_tables_at_all)
{
	char path[256];
	for (size_t i = 0; i < COMPILED; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, compiled[i]);
		if (_i == 0)
			ck_assert_int_eq(unlink(path), 0);
		else
			overwrite(compiled[i], "junk", 4);
	}
	start();
	struct channel *smtpd = as_smtpd(0), *pop3d = as_pop3d(0), *session = as_session();
	ask(smtpd, "ann@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_TEMPORARY);
	ask(smtpd, "ann@elsewhere.example");
	ck_assert_int_eq(rcpt.verdict, RCPT_TEMPORARY);
	ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_TEMPORARY);
	rebuild("");
	ask(smtpd, "ann@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
	ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_OK);
	channel_free(smtpd);
	channel_free(pop3d);
	channel_free(session);
}
END_TEST

/* Files too large for a copy: overwritten in place, they give no answer at all, even though what
 * is there now is a sound table of other users. */
START_TEST(large_tables_overwritten_in_place)
{
	size_t n;
	map_set_image_max(0);
	start();
	struct channel *smtpd = as_smtpd(0), *pop3d = as_pop3d(0), *session = as_session();
	char *old = fixture_read(dir, "users.db", &n);
	ask(smtpd, "ann@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
	rebuild("new@example.org:*\n");
	overwrite("users.db", old, n);
	for (int i = 0; i < 2; i++) {
		ask(smtpd, "ann@example.org");
		ck_assert_int_eq(rcpt.verdict, RCPT_TEMPORARY);
		ask(smtpd, "nobody@example.org");
		ck_assert_int_eq(rcpt.verdict, RCPT_TEMPORARY);
		ck_assert_int_eq(try_login(pop3d, "ann@example.org", "secret"), LOGIN_TEMPORARY);
		look_again_and_again();
	}
	rebuild("new@example.org:*\n");
	ask(smtpd, "new@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
	free(old);
	channel_free(smtpd);
	channel_free(pop3d);
	channel_free(session);
}
END_TEST

/* --- Peers that misbehave ------------------------------------------------------------------ */

static void still_serves(struct channel *smtpd)
{
	ask(smtpd, "ann@example.org");
	ck_assert_int_eq(rcpt.verdict, RCPT_LOCAL);
}

START_TEST(an_address_that_no_parser_lets_through)
{
	static const struct str hostile[] = {{"", 0}, {"\0postern", 8}, {"x@\0postern", 10},
	    {"a\nb@example.org", 15}, {"a\177@example.org", 14}};
	start();
	struct channel *good = as_smtpd(0);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct channel *bad = as_smtpd(1);
		const struct msg_rcpt_query m = {.address = hostile[i]};
		unsigned before = closed;
		ck_assert(msg_rcpt_query_send(bad, &m, NULL));
		UNTIL(closed > before);
		channel_free(bad);
		still_serves(good);
	}
	channel_free(good);
}
END_TEST

/* Every byte string up to a few octets, and every prefix of a good message, as first and as
 * later packet, on every edge. */
START_TEST(packets_of_junk)
{
	static const enum edge_id edges[] = {EDGE_smtpd_directory, EDGE_pop3d_directory,
	    EDGE_directory_session, EDGE_queue_directory, EDGE_remote_directory};
	start();
	struct channel *good = as_smtpd(0);
	unsigned seed = 1;
	for (unsigned round = 0; round < unit_times(600); round++) {
		int fd = half(edges[round % 5], 5);
		for (unsigned k = 0; k < 4; k++) {
			uint8_t packet[64];
			size_t n = 1 + (size_t)rand_r(&seed) % sizeof(packet);
			for (size_t i = 0; i < n; i++)
				packet[i] = (uint8_t)rand_r(&seed);
			packet[0] = 0;
			if (send(fd, packet, n, MSG_NOSIGNAL) < 0)
				break;
			unit_settle();
		}
		close(fd);
	}
	still_serves(good);
	channel_free(good);
}
END_TEST

/* A message of an edge that goes the other way. */
START_TEST(messages_in_the_wrong_direction)
{
	start();
	struct channel *good = as_smtpd(0), *bad = as_smtpd(1), *pop3d = as_pop3d(1);
	const struct msg_directory_generation g = {.generation = 1};
	const struct msg_login_outcome a = {.result = {.verdict = LOGIN_OK}};
	ck_assert(msg_directory_generation_send(bad, &g, NULL));
	ck_assert(msg_login_outcome_send(pop3d, &a, NULL));
	UNTIL(closed == 2);
	still_serves(good);
	channel_free(good);
	channel_free(bad);
	channel_free(pop3d);
}
END_TEST

/* One worker asks far more than its share: it is told "not now", the other gets its answer. A
 * channel hands over more packets at once than the share, so some are refused however fast the
 * passwords are checked. */
START_TEST(a_flood_of_logins)
{
	enum { FLOOD = 60, QUEUE = 8, SHARE = QUEUE / 2 + 1 };
	auth_verify_set_queue(QUEUE);
	start();
	struct channel *greedy = as_pop3d(0), *modest = as_pop3d(1), *session = as_session();
	for (unsigned i = 0; i < FLOOD; i++)
		send_login_from(greedy, "[192.0.2.1]", "eve@example.org", "secret");
	send_login_from(modest, "[198.51.100.1]", "ann@example.org", "secret");
	UNTIL(granted.grants == 1);
	UNTIL(login.answers == FLOOD + 1);
	ck_assert_uint_ge(login.temporary, 1);
	ck_assert_uint_le(login.temporary, FLOOD - SHARE);
	channel_free(greedy);
	channel_free(modest);
	channel_free(session);
}
END_TEST

/* A worker dies while its logins are checked: nobody gets the answers, nothing breaks. */
START_TEST(a_worker_that_dies)
{
	start();
	struct channel *smtpd = as_smtpd(0), *session = as_session();
	for (unsigned round = 0; round < 20; round++) {
		struct channel *pop3d = as_pop3d(0);
		for (unsigned i = 0; i < 20; i++)
			send_login(pop3d, "ann@example.org", "secret");
		unit_settle();
		channel_free(pop3d);
		unit_settle();
	}
	struct channel *pop3d = as_pop3d(0);
	login.answers = 0;
	uint8_t verdict;
	do
		verdict = try_login(pop3d, "ann@example.org", "secret");
	while (verdict == LOGIN_TEMPORARY);
	ck_assert_int_eq(verdict, LOGIN_OK);
	still_serves(smtpd);
	channel_free(smtpd);
	channel_free(pop3d);
	channel_free(session);
}
END_TEST

/* Waits for the client's first message. */
static void begin_login(struct channel *pop3d, uint32_t cookie, unsigned mechanism)
{
	const struct msg_login_begin m = {.start = {.cookie = cookie,
					      .mechanism = (uint8_t)mechanism,
					      .client = STR("local uid 7"),
					      .session = STR("s1")}};
	ck_assert(msg_login_begin_send(pop3d, &m, NULL));
}

static void respond(struct channel *pop3d, uint32_t cookie, struct str octets)
{
	const struct msg_login_response m = {.message = {.cookie = cookie, .octets = octets}};
	ck_assert(msg_login_response_send(pop3d, &m, NULL));
}

/* Cookies of one worker mean nothing in another's messages. */
START_TEST(cookies_of_two_workers)
{
	start();
	struct channel *first = as_pop3d(0), *second = as_pop3d(1), *session = as_session();
	begin_login(first, 5, AUTH_PLAIN);
	UNTIL(challenges == 1 || closed > 0);
	const struct msg_login_abort other = {.cancel = {.cookie = 5}};
	respond(second, 5, STR("\0eve@example.org\0x"));
	ck_assert(msg_login_abort_send(second, &other, NULL));
	UNTIL(login.answers == 1 || closed > 0);
	ck_assert_int_eq(login.verdict, LOGIN_TEMPORARY); /* it has no such exchange */
	begin_login(second, 5, AUTH_PLAIN);
	UNTIL(challenges == 2 || closed > 0);
	respond(first, 5, STR("\0ann@example.org\0secret"));
	UNTIL(login.answers == 2 || closed > 0);
	ck_assert_int_eq(login.verdict, LOGIN_OK);
	respond(second, 5, STR("\0ann@example.org\0wrong"));
	UNTIL(login.answers == 3 || closed > 0);
	ck_assert_int_eq(login.verdict, LOGIN_BAD);
	ck_assert_uint_eq(closed, 0);
	channel_free(first);
	channel_free(second);
	channel_free(session);
}
END_TEST

/* A cookie that is in use; a word more while the password is being checked. */
START_TEST(exchanges_out_of_order)
{
	start();
	struct channel *pop3d = as_pop3d(0), *smtpd = as_smtpd(0);
	if (_i == 0) {
		begin_login(pop3d, 5, AUTH_PLAIN);
		begin_login(pop3d, 5, AUTH_PLAIN);
	} else {
		send_login(pop3d, "ann@example.org", "secret");
		respond(pop3d, login_cookie, STR("\0ann@example.org\0secret"));
	}
	UNTIL(closed == 1 || login.answers > 0 || challenges == 2);
	ck_assert_uint_eq(closed, 1);
	ck_assert_uint_eq(login.answers, 0);
	still_serves(smtpd);
	channel_free(pop3d);
	channel_free(smtpd);
}
END_TEST

START_TEST(more_exchanges_than_a_worker_may_have)
{
	start();
	struct channel *greedy = as_pop3d(0), *modest = as_pop3d(1);
	for (uint32_t i = 0; i <= EXCHANGES_PER_PEER; i++)
		begin_login(greedy, i, AUTH_PLAIN);
	UNTIL(login.answers == 1);
	ck_assert_uint_eq(login.cookie, EXCHANGES_PER_PEER);
	ck_assert_int_eq(login.verdict, LOGIN_TEMPORARY);
	UNTIL(challenges == EXCHANGES_PER_PEER);
	begin_login(modest, 1, AUTH_PLAIN);
	UNTIL(challenges == EXCHANGES_PER_PEER + 1);
	channel_free(greedy);
	channel_free(modest);
}
END_TEST

START_TEST(mechanisms_that_are_not_offered)
{
	static const unsigned mechanisms[] = {
	    0, AUTH_SCRAM_SHA_256_PLUS, AUTH_PLAIN | AUTH_LOGIN, 0x80};
	start();
	struct channel *pop3d = as_pop3d(0);
	for (unsigned i = 0; i < 4; i++) {
		begin_login(pop3d, i, mechanisms[i]);
		UNTIL(login.answers == i + 1 || challenges > 0 || closed > 0);
		ck_assert_int_eq(login.verdict, LOGIN_TEMPORARY);
	}
	ck_assert_uint_eq(challenges + closed, 0);
	channel_free(pop3d);
}
END_TEST

/* queue says of a notice, which it was not sent, that it is told. */
START_TEST(told_of_what_was_not_asked)
{
	static const uint64_t tokens[] = {0, 1, UINT64_MAX};
	start();
	struct channel *queue = as_queue(), *smtpd = as_smtpd(0);
	const struct msg_limit_told m = {.token = tokens[_i], .told = 1};
	ck_assert(msg_limit_told_send(queue, &m, NULL));
	UNTIL(closed == 1);
	still_serves(smtpd);
	channel_free(queue);
	channel_free(smtpd);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("all");
	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, rcpt_answers);
	tcase_add_test(c, cookies_of_two_workers);
	tcase_add_loop_test(c, exchanges_out_of_order, 0, 2);
	tcase_add_test(c, more_exchanges_than_a_worker_may_have);
	tcase_add_test(c, mechanisms_that_are_not_offered);
	tcase_add_loop_test(c, told_of_what_was_not_asked, 0, 3);
	tcase_add_test(c, routes_are_told_to_the_queue);
	tcase_add_test(c, hops_are_explained);
	tcase_add_test(c, hops_say_what_is_shown);
	tcase_add_test(c, hops_that_are_none);
	tcase_add_test(c, logins);
	tcase_add_test(c, logins_without_a_session_program);
	tcase_add_test(c, new_tables_are_picked_up);
	tcase_add_test(c, spoilt_tables_change_nothing);
	tcase_add_test(c, mixed_sets_are_not_taken);
	tcase_add_loop_test(c, no_tables_at_all, 0, 2);
	tcase_add_test(c, large_tables_overwritten_in_place);
	tcase_add_test(c, an_address_that_no_parser_lets_through);
	tcase_add_test(c, packets_of_junk);
	tcase_add_test(c, messages_in_the_wrong_direction);
	tcase_add_test(c, a_flood_of_logins);
	tcase_add_test(c, a_worker_that_dies);
	return unit_run_case("directory", c);
}
