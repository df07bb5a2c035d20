/* SPDX-License-Identifier: ISC
 *
 * The real deliver-remote between a control, a queue, a directory, a resolver and servers that
 * are all this test: which host is tried, what is made of what it says, and what happens when one
 * of them is slow, dies, or lies.
 */
#include "deliver-remote/session.h"
#include "tests/unit/remote-stage.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct remote_stage st;
static struct remote_listener server;
static struct remote_peer peer;
static char nexthop[64]; /* that server, without DNS */

static void begin_with(const char *top, const char *remote)
{
	char options[512];
	remote_listen(&server, 1, 0);
	snprintf(nexthop, sizeof(nexthop), "smtp:[127.0.0.1]:%u", server.port);
	snprintf(options, sizeof(options), "port = %u\n%s", server.port, remote);
	ck_assert_msg(remote_start(&st, top, options), "deliver-remote does not start");
}

static void begin(void)
{
	begin_with("", "");
}

static void end(void)
{
	remote_listen_close(&server);
	remote_stop(&st);
}

static void records(const struct remote_record *list, size_t n)
{
	memcpy(st.records, list, n * sizeof(*list));
}
#define RECORDS(...)                                                                               \
	records((const struct remote_record[]){__VA_ARGS__},                                       \
	    sizeof((const struct remote_record[]){__VA_ARGS__}) / sizeof(struct remote_record))

static const struct remote_answer *expect(
    uint64_t delivery, enum delivery_outcome outcome, const char *status, const char *text)
{
	const struct remote_answer *a = remote_answer(&st, delivery);
	ck_assert_uint_eq(a->count, 1);
	ck_assert_msg(a->list[0].outcome == outcome && strstr(a->list[0].text, text) != NULL,
	    "outcome %u, \"%s\" instead of \"%s\"", a->list[0].outcome, a->list[0].text, text);
	ck_assert_str_eq(a->list[0].status, status);
	return a;
}

/* ---- a session ------------------------------------------------------------------------ */

START_TEST(sends_a_message)
{
	begin();
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	const struct remote_answer *a =
	    expect(d, DELIVERY_TAKEN, "2.0.0", "250 2.0.0 queued as 4711");
	char relay[64];
	snprintf(relay, sizeof(relay), "[127.0.0.1]:%u", server.port);
	ck_assert_str_eq(a->relay, relay);
	ck_assert_uint_eq(a->verdict, REMOTE_WORKS);
	ck_assert_uint_eq(a->tls, REMOTE_TLS_NONE);
	ck_assert_uint_eq(a->list[0].number, 10);
	ck_assert_str_eq(a->list[0].mta, "[127.0.0.1]");
	ck_assert_str_eq(a->list[0].reply, "250 2.0.0 queued as 4711");
	remote_expect(&peer, "QUIT"); /* after reuse-idle */
	remote_say(&peer, "221 bye\r\n");
	remote_expect_closed(&peer);
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(sends_a_large_message)
{
	begin();
	uint64_t d = remote_deliver_large(&st, nexthop, 8 * 1024 * 1024);
	remote_accept(&server, &peer);
	remote_hello(&peer, "PIPELINING");
	remote_expect(&peer, "MAIL FROM:<ann@example.org>");
	remote_expect(&peer, "RCPT TO:<bob@far.example>");
	remote_expect(&peer, "DATA");
	remote_say(&peer, "250 ok\r\n250 ok\r\n354 go\r\n");
	ck_assert_uint_eq(remote_expect_content(&peer), 8 * 1024 * 1024);
	remote_say(&peer, "250 ok\r\n");
	expect(d, DELIVERY_TAKEN, "2.0.0", "250 ok");
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(one_result_for_each_recipient)
{
	static const char *const to[] = {"a@far.example", "b@far.example", "c@far.example"};
	begin();
	uint64_t d = remote_deliver_to(&st, nexthop, to, 3, STR("x\r\n"));
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_expect(&peer, "MAIL ");
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "RCPT TO:<a@far.example>");
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "RCPT TO:<b@far.example>");
	remote_say(&peer, "550 5.1.1 no such user\r\n");
	remote_expect(&peer, "RCPT TO:<c@far.example>");
	remote_say(&peer, "451 4.7.1 greylisted\r\n");
	remote_expect(&peer, "DATA");
	remote_say(&peer, "354 go\r\n");
	remote_expect_content(&peer);
	remote_say(&peer, "250 ok\r\n");
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_uint_eq(a->count, 3);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_TAKEN);
	ck_assert_uint_eq(a->list[1].outcome, DELIVERY_FAILED);
	ck_assert_str_eq(a->list[1].status, "5.1.1");
	ck_assert_str_eq(
	    a->list[1].text, "host [127.0.0.1] said: 550 5.1.1 no such user (in reply to RCPT TO)");
	ck_assert_uint_eq(a->list[2].outcome, DELIVERY_DEFERRED);
	ck_assert_str_eq(a->list[2].status, "4.7.1");
	ck_assert_uint_eq(a->list[2].number, 12);
	ck_assert_uint_eq(a->verdict, REMOTE_WORKS);
	remote_peer_close(&peer);
	end();
}
END_TEST

static void take_one(const char *rcpt)
{
	char line[64];
	snprintf(line, sizeof(line), "RCPT TO:<%s>", rcpt);
	remote_expect(&peer, "MAIL ");
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, line);
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "DATA");
	remote_say(&peer, "354 go\r\n");
	remote_expect_content(&peer);
	remote_say(&peer, "250 ok\r\n");
}

/* RFC 9422: as many transactions as it takes, and as many sessions. */
START_TEST(server_with_limits)
{
	static const char *const to[] = {"a@far.example", "b@far.example", "c@far.example"};
	static const char *const limits[] = {"LIMITS RCPTMAX=1", "LIMITS RCPTMAX=1 MAILMAX=1"};
	begin();
	uint64_t d = remote_deliver_to(&st, nexthop, to, 3, STR("x\r\n"));
	for (size_t i = 0; i < 3; i++) {
		if (i == 0 || _i == 1) {
			remote_accept(&server, &peer);
			remote_hello(&peer, limits[_i]);
		}
		take_one(to[i]);
		if (_i == 1) {
			remote_expect(&peer, "QUIT");
			remote_peer_close(&peer);
		}
	}
	const struct remote_answer *a = remote_answer(&st, d);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(a->list[i].outcome, DELIVERY_TAKEN);
	if (_i == 0)
		remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(reuses_a_session)
{
	begin_with("", "reuse-max = 2");
	uint64_t first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(first, DELIVERY_TAKEN, "2.0.0", "250");
	uint64_t second = remote_deliver(&st, nexthop);
	remote_take(&peer);
	expect(second, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert(!remote_has_client(&server));
	ck_assert_uint_eq(st.hop_queries, 1);
	remote_expect(&peer, "QUIT"); /* it had enough */
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(another_nexthop_gets_another_session)
{
	struct remote_peer other;
	char same[64];
	begin_with("", "reuse-idle = \"1 h\"");
	uint64_t first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(first, DELIVERY_TAKEN, "2.0.0", "250");
	/* The same server, but perhaps under another policy. */
	snprintf(same, sizeof(same), "[127.0.0.1]");
	uint64_t second = remote_deliver(&st, same);
	remote_accept(&server, &other);
	remote_hello(&other, NULL);
	remote_take(&other);
	expect(second, DELIVERY_TAKEN, "2.0.0", "250");
	/* What directory says anew ends what was made under the old word. */
	remote_hops_changed(&st);
	remote_expect(&peer, "QUIT");
	remote_expect(&other, "QUIT");
	remote_peer_close(&peer);
	remote_peer_close(&other);
	end();
}
END_TEST

/* More nexthops than descriptors: the session that has waited longest gives up its own. */
START_TEST(descriptors_of_idle_sessions)
{
	enum { FILES = 64, HOPS = 40 };
	const struct rlimit few = {FILES, FILES};
	struct remote_peer one[HOPS];
	char name[32];
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	begin_with("", "reuse-idle = \"1 h\"");
	st.hop.target = str_from_cstr(nexthop);
	for (unsigned i = 0; i < HOPS; i++) {
		snprintf(name, sizeof(name), "hop%u.example", i);
		uint64_t d = remote_deliver(&st, name);
		remote_accept(&server, &one[i]);
		remote_hello(&one[i], NULL);
		remote_take(&one[i]);
		expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	}
	remote_expect(&one[0], "QUIT");
	remote_expect_closed(&one[0]);
	snprintf(name, sizeof(name), "hop%u.example", HOPS - 1);
	uint64_t d = remote_deliver(&st, name);
	remote_take(&one[HOPS - 1]);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	for (unsigned i = 0; i < HOPS; i++)
		remote_peer_close(&one[i]);
	end();
}
END_TEST

/* A session that died while it was idle is no failure. */
START_TEST(idle_session_that_died)
{
	static const char *const last[] = {"", "421 4.3.2 too old\r\n", "451 4.3.0 not here\r\n"};
	struct remote_peer fresh;
	begin();
	uint64_t first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(first, DELIVERY_TAKEN, "2.0.0", "250");
	uint64_t second = remote_deliver(&st, nexthop);
	remote_expect(&peer, "MAIL ");
	remote_say(&peer, last[_i]);
	if (last[_i][0] == '\0')
		remote_peer_close(&peer);
	remote_accept(&server, &fresh);
	remote_hello(&fresh, NULL);
	remote_take(&fresh);
	const struct remote_answer *a = expect(second, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->verdict, REMOTE_WORKS);
	if (last[_i][0] != '\0')
		remote_peer_close(&peer);
	remote_peer_close(&fresh);
	end();
}
END_TEST

/* ---- one behind the other -------------------------------------------------------------- */

static bool content_is_sent(struct remote_stage *stage)
{
	return stage->content_sent_count > 0;
}

static bool one_is_returned(struct remote_stage *stage)
{
	return stage->returned_count > 0;
}

/* A server that is some way off: its replies are not measured in less. */
static void far_away(void)
{
	usleep(2 * SESSION_AHEAD_MIN_MS * 1000);
}

static void expect_commands(struct remote_peer *p)
{
	remote_expect(p, "MAIL FROM:<ann@example.org>");
	remote_expect(p, "RCPT TO:<bob@far.example>");
	remote_expect(p, "DATA\r\n");
}

#define GO_ON "250 ok\r\n250 ok\r\n354 go on\r\n"

/* A first delivery whose content is there, and a second one whose commands are, too. */
static void two_in_a_row(uint64_t *first, uint64_t *second)
{
	*first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, "PIPELINING\n8BITMIME");
	expect_commands(&peer);
	far_away();
	remote_say(&peer, GO_ON);
	remote_expect_content(&peer);
	ck_assert(remote_until(&st, content_is_sent));
	ck_assert_uint_eq(st.content_sent, *first);
	st.behind = *first;
	*second = remote_deliver(&st, nexthop);
	expect_commands(&peer);
}

static void end_two(void)
{
	ck_assert(!remote_has_client(&server));
	remote_peer_close(&peer);
	end();
}

/* Each has its own verdict, whatever that is, and in one packet or not. */
static const struct {
	const char *verdict, *status;
	enum delivery_outcome outcome;
} firsts[] = {
    {"250 2.0.0 first\r\n", "2.0.0", DELIVERY_TAKEN},
    {"452 4.3.1 first\r\n", "4.3.1", DELIVERY_DEFERRED},
    {"554 5.7.1 first\r\n", "5.7.1", DELIVERY_FAILED},
};

START_TEST(the_next_one_goes_behind_the_dot)
{
	uint64_t first, second;
	begin();
	two_in_a_row(&first, &second);
	remote_say(&peer, firsts[_i].verdict);
	expect(first, firsts[_i].outcome, firsts[_i].status, "first");
	remote_say(&peer, GO_ON);
	ck_assert_uint_eq(remote_expect_content(&peer), 21);
	remote_say(&peer, "250 2.0.0 second\r\n");
	const struct remote_answer *a = expect(second, DELIVERY_TAKEN, "2.0.0", "second");
	ck_assert_uint_eq(a->verdict, REMOTE_WORKS);
	ck_assert_uint_eq(st.returned_count, 0);
	end_two();
}
END_TEST

START_TEST(not_without_pipelining)
{
	begin();
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, "8BITMIME"); /* however far away */
	far_away();
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(st.content_sent_count, 0);
	remote_peer_close(&peer);
	end();
}
END_TEST

/* What it was to go behind has ended: there is a session for it all the same. */
START_TEST(it_comes_too_late)
{
	begin_with("", "reuse-idle = \"1 h\"");
	uint64_t first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, "PIPELINING\n8BITMIME");
	remote_take(&peer);
	expect(first, DELIVERY_TAKEN, "2.0.0", "250");
	st.behind = first;
	uint64_t second = remote_deliver(&st, nexthop);
	remote_take(&peer);
	expect(second, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert(!remote_has_client(&server));
	remote_peer_close(&peer);
	end();
}
END_TEST

/* It is not for a session of its own while the one before may need another, too. */
START_TEST(the_session_ends_before_it_is_passed_on)
{
	static const char *const last[] = {"", "421 4.3.2 bye\r\n", "354 what\r\n"};
	uint64_t first, second;
	begin();
	two_in_a_row(&first, &second);
	remote_say(&peer, last[_i]);
	if (last[_i][0] == '\0')
		shutdown(peer.fd, SHUT_RDWR);
	const struct remote_answer *a = remote_answer(&st, first);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	ck_assert(remote_until(&st, one_is_returned));
	ck_assert_uint_eq(st.returned, second);
	ck_assert_uint_eq(st.answer_count, 1);
	end_two();
}
END_TEST

/* As on any session that was used before. */
START_TEST(the_session_ends_before_mail_is_answered)
{
	static const char *const last[] = {"", "421 4.3.2 too old\r\n", "451 4.3.0 not here\r\n"};
	struct remote_peer fresh;
	uint64_t first, second;
	begin();
	two_in_a_row(&first, &second);
	remote_say(&peer, "250 2.0.0 first\r\n");
	expect(first, DELIVERY_TAKEN, "2.0.0", "first");
	remote_say(&peer, last[_i]);
	if (last[_i][0] == '\0')
		shutdown(peer.fd, SHUT_RDWR);
	else if (last[_i][0] == '4' && last[_i][1] == '5')
		remote_say(&peer, "503 5.5.1 no\r\n503 5.5.1 no\r\n");
	remote_accept(&server, &fresh);
	remote_hello(&fresh, NULL);
	remote_take(&fresh);
	expect(second, DELIVERY_TAKEN, "2.0.0", "4711");
	remote_peer_close(&fresh);
	end_two();
}
END_TEST

/* It goes back, none of its content is sent, and the first one has its verdict nevertheless. */
START_TEST(a_late_verdict_does_not_hold_the_next_one)
{
	uint64_t first, second;
	begin();
	two_in_a_row(&first, &second);
	ck_assert(remote_until(&st, one_is_returned));
	ck_assert_uint_eq(st.returned, second);
	remote_say(&peer, "250 2.0.0 first\r\n" GO_ON);
	expect(first, DELIVERY_TAKEN, "2.0.0", "first");
	remote_expect_closed(&peer);
	end_two();
}
END_TEST

/* Nobody waits for either any more. */
START_TEST(two_in_a_row_without_queue)
{
	uint64_t first, second;
	begin();
	two_in_a_row(&first, &second);
	remote_kill_queue(&st);
	remote_expect_closed(&peer);
	remote_peer_close(&peer);
	remote_connect_queue(&st);
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* ---- servers that fail ---------------------------------------------------------------- */

START_TEST(nobody_listens)
{
	begin();
	remote_listen_close(&server);
	uint64_t d = remote_deliver(&st, nexthop);
	char text[128];
	snprintf(text, sizeof(text), "connect to [127.0.0.1]:%u: Connection refused", server.port);
	const struct remote_answer *a = expect(d, DELIVERY_DEFERRED, "4.4.1", text);
	ck_assert_str_eq(a->relay, "none");
	ck_assert_str_eq(a->list[0].mta, "");
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	remote_listen(&server, 1, server.port);
	end();
}
END_TEST

struct refusal {
	const char *greeting;
	const char *status;
	const char *text;
};

START_TEST(greeting_refuses)
{
	static const struct refusal rows[] = {
	    {"421 4.3.2 busy\r\n", "4.3.2", "said: 421 4.3.2 busy"},
	    {"554 5.7.1 go away\r\n", "4.3.2", "said: 554 5.7.1 go away"},
	    {"HTTP/1.1 400 Bad Request\r\n", "4.5.0", "[127.0.0.1]: "},
	};
	begin();
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_say(&peer, rows[_i].greeting);
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	ck_assert_msg(strstr(a->list[0].text, rows[_i].text) != NULL, "%s", a->list[0].text);
	ck_assert_int_eq(a->list[0].status[0], '4');
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(silent_server_is_remembered)
{
	begin_with("", "greeting-timeout = 1");
	uint64_t first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	const struct remote_answer *a = remote_answer(&st, first);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	/* The next one does not wait for the same. */
	uint64_t second = remote_deliver(&st, nexthop);
	expect(second, DELIVERY_DEFERRED, "4.4.2", "no greeting in time");
	ck_assert(!remote_has_client(&server));
	remote_peer_close(&peer);
	end();
}
END_TEST

/* What the server says, and what it waits for then; NULL: the content. */
static const struct {
	const char *say;
	const char *wait[3];
} dialog[] = {
    {"220 s ESMTP\r\n", {"EHLO "}},
    {"250-s\r\n250 PIPELINING\r\n", {"MAIL ", "RCPT ", "DATA"}},
    {"250 ok\r\n250 ok\r\n354 go\r\n", {NULL}},
    {"250 queued\r\n", {NULL}},
};

/* False: it has said all of it. */
static bool say_octets(size_t n)
{
	for (size_t i = 0; i < sizeof(dialog) / sizeof(dialog[0]); i++) {
		char part[64];
		size_t all = strlen(dialog[i].say), now = n < all ? n : all;
		memcpy(part, dialog[i].say, now);
		part[now] = '\0';
		remote_say(&peer, part);
		n -= now;
		if (now < all)
			return true;
		for (size_t k = 0; k < 3 && dialog[i].wait[k] != NULL; k++)
			remote_expect(&peer, dialog[i].wait[k]);
		if (i == 2)
			remote_expect_content(&peer);
	}
	return false;
}

/* Octets that complete nothing do not put off the deadline. */
START_TEST(greeting_in_drips)
{
	begin_with("", "greeting-timeout = 1");
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_say(&peer, "220 ");
	for (unsigned i = 0; i < 1000 && st.answer_count == 0; i++) {
		remote_say(&peer, "x");
		unit_turn();
		usleep(20 * 1000);
	}
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	ck_assert_uint_lt(a->connect_ms, 10 * 1000);
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(closes_at_any_octet)
{
	begin();
	for (size_t n = 0;; n++) {
		uint64_t d = remote_deliver(&st, nexthop);
		remote_accept(&server, &peer);
		bool cut = say_octets(n);
		remote_peer_close(&peer);
		const struct remote_answer *a = remote_answer(&st, d);
		ck_assert_uint_eq(a->count, 1);
		if (!cut) {
			ck_assert_uint_eq(a->list[0].outcome, DELIVERY_TAKEN);
			break;
		}
		ck_assert_msg(
		    a->list[0].outcome == DELIVERY_DEFERRED, "octet %zu: %s", n, a->list[0].text);
		ck_assert_int_eq(a->list[0].status[0], '4');
		ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	}
	end();
}
END_TEST

START_TEST(server_that_takes_no_content)
{
	begin_with("", "data-timeout = 1");
	uint64_t d = remote_deliver_large(&st, nexthop, 32 * 1024 * 1024);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_expect(&peer, "MAIL ");
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "RCPT ");
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "DATA");
	remote_say(&peer, "354 go\r\n");
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	remote_peer_close(&peer);
	end();
}
END_TEST

/* ---- DNS -------------------------------------------------------------------------------- */

START_TEST(follows_mx_records)
{
	begin();
	/* Nobody is at 127.0.0.2; b is better than c. */
	RECORDS({.name = "far.example", .type = 'm', .preference = 20, .value = "b.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 10, .value = "a.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 30, .value = "c.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.2"},
	    {.name = "b.far.example", .type = '4', .value = "127.0.0.1"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_expect(&peer, "MAIL ");
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "RCPT ");
	remote_say(&peer, "550 5.1.1 who?\r\n");
	const struct remote_answer *a = expect(d, DELIVERY_FAILED, "5.1.1",
	    "host b.far.example[127.0.0.1] said: 550 5.1.1 who? (in reply to RCPT TO)");
	ck_assert_str_eq(a->list[0].mta, "b.far.example");
	ck_assert_str_eq(a->list[0].reply, "550 5.1.1 who?");
	ck_assert_uint_eq(a->verdict, REMOTE_WORKS);
	ck_assert_uint_eq(a->list[0].tried, 1);
	ck_assert_uint_eq(a->tried_count, 1);
	char host[64];
	snprintf(host, sizeof(host), "a.far.example[127.0.0.2]:%u", server.port);
	ck_assert_str_eq(a->tried[0].host, host);
	ck_assert_str_eq(a->tried[0].said, "Connection refused");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* The first one's answer decides; the list has the others, in order, and that one as its own. */
START_TEST(what_every_host_said_is_told)
{
	begin();
	RECORDS({.name = "far.example", .type = 'm', .preference = 10, .value = "a.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 20, .value = "b.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 30, .value = "c.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.3"},
	    {.name = "b.far.example", .type = '4', .value = "127.0.0.1"},
	    {.name = "c.far.example", .type = '4', .value = "127.0.0.2"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_expect(&peer, "MAIL ");
	remote_say(&peer, "451 4.7.1 not now\r\n");
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_str_eq(a->list[0].mta, "b.far.example");
	ck_assert_str_eq(a->list[0].reply, "451 4.7.1 not now");
	ck_assert_uint_eq(a->list[0].tried, 3);
	ck_assert_uint_eq(a->list[0].own, 1);
	ck_assert_uint_eq(a->tried_count, 3);
	ck_assert_ptr_nonnull(strstr(a->tried[0].host, "a.far.example[127.0.0.3]:"));
	ck_assert_str_eq(a->tried[1].said, "451 4.7.1 not now");
	ck_assert_ptr_nonnull(strstr(a->tried[2].host, "c.far.example[127.0.0.2]:"));
	ck_assert_str_eq(a->tried[2].said, "Connection refused");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* Behind a translator of addresses none of ours is seen, but the name is. */
START_TEST(greeted_by_our_own_name)
{
	begin();
	RECORDS({.name = "far.example", .type = 'm', .preference = 10, .value = "a.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 20, .value = "b.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.1"},
	    {.name = "b.far.example", .type = '4', .value = "127.0.0.2"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_say(&peer, "220 MX.example.org ESMTP\r\n");
	remote_expect(&peer, "EHLO mx.example.org\r\n");
	remote_say(&peer, "250 mx.example.org\r\n");
	remote_expect(&peer, "QUIT\r\n"); /* and no mail; nor is b tried, which is further away */
	expect(d, DELIVERY_FAILED, "5.4.6", "mail for far.example loops back to this server");
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(next_host_when_one_takes_no_mail)
{
	static const char *const said[] = {"554 5.7.1 not you\r\n", "421 4.3.2 busy\r\n"};
	struct remote_listener second;
	begin();
	remote_listen(&second, 2, server.port);
	RECORDS({.name = "far.example", .type = 'm', .preference = 10, .value = "a.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 20, .value = "b.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.1"},
	    {.name = "b.far.example", .type = '4', .value = "127.0.0.2"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_say(&peer, said[_i]);
	remote_peer_close(&peer);
	remote_accept(&second, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250 2.0.0");
	ck_assert_str_eq(a->list[0].mta, "b.far.example");
	remote_peer_close(&peer);
	remote_listen_close(&second);
	end();
}
END_TEST

START_TEST(next_host_when_mail_is_put_off)
{
	struct remote_listener second;
	begin();
	remote_listen(&second, 2, server.port);
	RECORDS({.name = "far.example", .type = 'm', .preference = 10, .value = "a.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 20, .value = "b.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.1"},
	    {.name = "b.far.example", .type = '4', .value = "127.0.0.2"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_expect(&peer, "MAIL ");
	remote_say(&peer, "452 4.3.1 no room\r\n");
	struct remote_peer other;
	remote_accept(&second, &other);
	remote_say(&other, "421 4.3.2 busy\r\n");
	const struct remote_answer *a = expect(d, DELIVERY_DEFERRED, "4.3.1",
	    "host a.far.example[127.0.0.1] said: 452 4.3.1 no room (in reply to MAIL FROM)");
	ck_assert_uint_eq(a->list[0].tried, 2);
	ck_assert_uint_eq(a->list[0].own, 0);
	ck_assert_ptr_nonnull(strstr(a->tried[1].host, "b.far.example[127.0.0.2]:"));
	ck_assert_str_eq(a->tried[1].said, "421 4.3.2 busy (in reply to connect)");
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	remote_peer_close(&other);
	remote_peer_close(&peer);
	remote_listen_close(&second);
	end();
}
END_TEST

struct dns_row {
	struct remote_record records[4];
	enum delivery_outcome outcome;
	const char *status;
	const char *text;
};

START_TEST(dns_says_no)
{
	static const struct dns_row rows[] = {
	    {{{.name = "far.example", .type = 'm', .state = DNS_NO_NAME}}, DELIVERY_FAILED, "5.1.2",
		"far.example: no such domain"},
	    {{{.name = "far.example", .type = 'm', .value = ""}}, DELIVERY_FAILED, "5.1.10",
		"does not accept mail"},
	    {{{.name = "far.example", .type = 'm', .state = DNS_TEMPORARY}}, DELIVERY_DEFERRED,
		"4.4.3", "DNS did not give the MX records of far.example"},
	    {{{.name = "far.example", .type = 'm', .state = DNS_BOGUS}}, DELIVERY_DEFERRED, "4.7.5",
		"DNS cannot be trusted for the MX records of far.example"},
	    {{{.name = "far.example", .type = 'm', .value = "mx.example.org"}}, DELIVERY_FAILED,
		"5.4.6", "mail for far.example loops back to this server"},
	    {{{.name = "far.example", .type = 'm', .preference = 10, .value = "a.far.example"},
		 {.name = "far.example", .type = 'm', .preference = 5, .value = "mx.example.org"}},
		DELIVERY_FAILED, "5.4.6", "mail for far.example loops back to this server"},
	    /* No MX, and no address either. */
	    {{{.name = "else.example", .type = '4', .value = "127.0.0.1"}}, DELIVERY_FAILED,
		"5.4.4", "far.example has no address"},
	    {{{.name = "far.example", .type = '4', .state = DNS_TEMPORARY}}, DELIVERY_DEFERRED,
		"4.4.3", "DNS did not give the addresses of far.example"},
	    {{{.name = "far.example", .type = 'm', .value = "gone.far.example"},
		 {.name = "gone.far.example", .type = '4', .state = DNS_NO_NAME},
		 {.name = "gone.far.example", .type = '6', .state = DNS_NO_NAME}},
		DELIVERY_FAILED, "5.1.2", "gone.far.example: no such domain"},
	    {{{.name = "far.example", .type = 'm', .value = "gone.far.example"},
		 {.name = "gone.far.example", .type = '4', .state = DNS_NO_NAME},
		 {.name = "gone.far.example", .type = '6', .state = DNS_BOGUS}},
		DELIVERY_DEFERRED, "4.7.5", "DNS cannot be trusted"},
	    /* Our own address. */
	    {{{.name = "far.example", .type = 'm', .value = "a.far.example"},
		 {.name = "a.far.example", .type = '4', .value = "127.0.0.9"}},
		DELIVERY_FAILED, "5.4.6", "mail for far.example loops back to this server"},
	};
	char options[64];
	remote_listen(&server, 1, 0);
	snprintf(options, sizeof(options), "port = %u", server.port);
	char top[128];
	snprintf(top, sizeof(top), "listen self { protocol = smtp address = \"127.0.0.9:%u\" }",
	    server.port);
	ck_assert(remote_start(&st, top, options));
	records(rows[_i].records, 4);
	uint64_t d = remote_deliver(&st, "far.example");
	const struct remote_answer *a = expect(d, rows[_i].outcome, rows[_i].status, rows[_i].text);
	ck_assert_uint_eq(a->verdict, REMOTE_UNKNOWN);
	ck_assert_str_eq(a->relay, "none");
	ck_assert(!remote_has_client(&server));
	end();
}
END_TEST

/* RFC 5321 §5.1: the domain itself. */
START_TEST(domain_without_mx)
{
	begin();
	RECORDS({.name = "far.example", .type = '4', .value = "127.0.0.1"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* A listener that takes no more connections: who connects waits. */
static struct remote_listener full;
static int fillers[8];

static void fill(uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
	remote_listen(&full, 2, port);
	ck_assert_int_eq(listen(full.fd, 0), 0);
	for (size_t i = 0; i < 8; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&in, sizeof(in));
	}
}

static void unfill(void)
{
	for (size_t i = 0; i < 8; i++)
		close(fillers[i]);
	remote_listen_close(&full);
}

/* An address that does not answer costs a head start, not the whole time limit; and it is tried
 * again when the other one turns out to be no good. */
START_TEST(second_address_beside_the_first)
{
	begin_with("", "connect-timeout = 2");
	fill(server.port);
	RECORDS({.name = "far.example", .type = 'm', .value = "a.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.2"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.1"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_say(&peer, "421 4.3.2 busy\r\n");
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	ck_assert_msg(
	    strstr(a->list[0].text, "Connection timed out") != NULL, "%s", a->list[0].text);
	ck_assert_uint_ge(a->tried_count, 1);
	ck_assert_str_eq(
	    a->tried[a->list[0].tried - 1].said, "421 4.3.2 busy (in reply to connect)");
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	remote_peer_close(&peer);
	unfill();
	end();
}
END_TEST

START_TEST(dead_address_is_remembered)
{
	begin_with("", "connect-timeout = 1");
	fill(server.port);
	char there[64];
	snprintf(there, sizeof(there), "smtp:[127.0.0.2]:%u", server.port);
	expect(remote_deliver(&st, there), DELIVERY_DEFERRED, "4.4.1", "Connection timed out");
	/* The next one does not wait for the same. */
	const struct remote_answer *a =
	    expect(remote_deliver(&st, there), DELIVERY_DEFERRED, "4.4.1", "Connection timed out");
	ck_assert_uint_lt(a->connect_ms, 900);
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	unfill();
	end();
}
END_TEST

START_TEST(connects_from_the_configured_address)
{
	struct sockaddr_in from;
	socklen_t n = sizeof(from);
	begin_with("", "source-ipv4 = \"127.0.0.77\"");
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	ck_assert_int_eq(getpeername(peer.fd, (struct sockaddr *)&from, &n), 0);
	ck_assert_uint_eq(ntohl(from.sin_addr.s_addr), INADDR_LOOPBACK + 76);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* Some name servers never answer for AAAA: nobody waits for that for long. */
START_TEST(one_family_is_enough)
{
	begin_with("resolver { timeout = \"5 min\" }", "");
	st.silent_for_ipv6 = true;
	RECORDS({.name = "far.example", .type = 'm', .value = "a.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.1"});
	uint64_t d = remote_deliver(&st, "far.example");
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(resolver_that_is_away)
{
	begin();
	remote_kill_resolver(&st);
	RECORDS({.name = "far.example", .type = '4', .value = "127.0.0.1"});
	uint64_t d = remote_deliver(&st, "far.example");
	ck_assert(remote_logged(&st, "resolver is away"));
	remote_connect_resolver(&st);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(resolver_that_is_silent)
{
	begin_with("resolver { timeout = 1 }", "");
	st.resolver_silent = true;
	uint64_t d = remote_deliver(&st, "far.example");
	const struct remote_answer *a =
	    expect(d, DELIVERY_DEFERRED, "4.4.3", "DNS did not give the MX records of far.example");
	ck_assert_uint_eq(a->verdict, REMOTE_UNKNOWN);
	end();
}
END_TEST

/* ---- directory ------------------------------------------------------------------------------ */

START_TEST(directory_that_is_away)
{
	begin();
	remote_kill_directory(&st);
	uint64_t d = remote_deliver(&st, nexthop);
	ck_assert(remote_logged(&st, "directory is away"));
	remote_connect_directory(&st);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* It comes from an envelope; directory would drop whoever asks that. */
START_TEST(impossible_nexthop)
{
	begin();
	expect(remote_deliver(&st, "smtp:[127.0.0.1]:0"), DELIVERY_FAILED, "5.4.4", "its nexthop");
	expect(remote_deliver(&st, "../../etc/passwd"), DELIVERY_FAILED, "5.4.4", "its nexthop");
	ck_assert_uint_eq(st.hop_queries, 0);
	end();
}
END_TEST

START_TEST(directory_says_no)
{
	begin();
	st.hop = (struct msg_hop_answer){.verdict = HOP_TEMPORARY, .text = STR("no tables")};
	expect(remote_deliver(&st, nexthop), DELIVERY_DEFERRED, "4.3.0", "no tables");
	st.hop = (struct msg_hop_answer){
	    .verdict = HOP_REFUSED, .text = STR("5.7.1 the operator does not want it")};
	expect(remote_deliver(&st, nexthop), DELIVERY_FAILED, "5.7.1", "5.7.1 the operator");
	/* That one is kept until it changes. */
	unsigned asked = st.hop_queries;
	expect(remote_deliver(&st, nexthop), DELIVERY_FAILED, "5.7.1", "5.7.1 the operator");
	ck_assert_uint_eq(st.hop_queries, asked);
	st.hop = (struct msg_hop_answer){.verdict = HOP_REFUSED};
	remote_hops_changed(&st);
	/* That comes by another channel than the orders do. */
	const struct remote_answer *a;
	do
		a = remote_answer(&st, remote_deliver(&st, nexthop));
	while (st.hop_queries == asked);
	ck_assert_str_eq(a->list[0].status, "5.4.4");
	end();
}
END_TEST

static const struct msg_hop_answer lies[] = {
    {.verdict = HOP_OK, .tls = TLS_MAY, .target = {"no nexthop at all!", 18}},
    {.verdict = HOP_OK, .tls = TLS_MAY, .target = {"relay:x", 7}},
    {.verdict = HOP_OK, .tls = TLS_FINGERPRINT + 1},
    {.verdict = HOP_TEMPORARY + 1},
    {.verdict = 0},
};

/* A directory that answers nonsense loses its channel, and the question waits for the next one. */
START_TEST(directory_that_lies)
{
	begin();
	const struct msg_hop_answer truth = st.hop;
	st.hop = lies[_i];
	uint64_t d = remote_deliver(&st, nexthop);
	ck_assert(remote_logged(&st, "directory is away"));
	st.hop = truth;
	remote_connect_directory(&st);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(goes_through_a_relay)
{
	begin();
	st.hop.target = str_from_cstr(nexthop);
	st.hop.login = STR("us");
	st.hop.password = STR("secret");
	st.hop.tls = TLS_NONE;
	uint64_t d = remote_deliver(&st, "relay:provider");
	remote_accept(&server, &peer);
	remote_hello(&peer, "AUTH PLAIN");
	remote_expect(&peer, "AUTH PLAIN AHVzAHNlY3JldA==");
	remote_say(&peer, "235 ok\r\n");
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* ---- TLS --------------------------------------------------------------------------------------
 */

static struct remote_certificate cert;
static uint8_t digest[32];

static void make_certificate(const char *name)
{
	unsigned n = sizeof(digest);
	remote_certificate_make(&cert, name);
	ck_assert_int_eq(X509_pubkey_digest(cert.cert, EVP_sha256(), digest, &n), 1);
	/* That was of the bit string; DANE's selector 1 is of all of the SubjectPublicKeyInfo. */
	uint8_t *der = NULL;
	int der_n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert.cert), &der);
	ck_assert_int_eq(EVP_Digest(der, (size_t)der_n, digest, &n, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
}

static void start_tls(void)
{
	remote_accept(&server, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "220 go\r\n");
}

static void hello_again(void)
{
	remote_expect(&peer, "EHLO ");
	remote_say(&peer, "250 x\r\n");
}

START_TEST(any_certificate_will_do)
{
	begin();
	make_certificate("somebody.example");
	uint64_t d = remote_deliver(&st, nexthop);
	start_tls();
	ck_assert(remote_peer_tls(&peer, &cert));
	hello_again();
	remote_take(&peer);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_UNTRUSTED);
	ck_assert(remote_logged(&st, "Untrusted TLS connection established to [127.0.0.1]:"));
	ck_assert(remote_logged(&st, "TLSv1.3 with cipher TLS_"));
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

START_TEST(tls_from_the_first_octet)
{
	begin();
	make_certificate("somebody.example");
	st.hop.implicit_tls = 1;
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	ck_assert(remote_peer_tls(&peer, &cert));
	remote_hello(&peer, NULL);
	remote_take(&peer);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_UNTRUSTED);
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

/* RFC 3207, opportunistic: a second connection, in clear. */
START_TEST(in_clear_when_tls_fails)
{
	begin();
	uint64_t d = remote_deliver(&st, nexthop);
	start_tls();
	remote_say(&peer, "this is no TLS at all, is it?\r\n");
	struct remote_peer again;
	remote_accept(&server, &again);
	remote_hello(&again, "STARTTLS");
	remote_take(&again);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_NONE);
	remote_peer_close(&peer);
	remote_peer_close(&again);
	end();
}
END_TEST

START_TEST(never_in_clear_when_tls_is_demanded)
{
	begin();
	st.hop.tls = TLS_ENCRYPT;
	uint64_t d = remote_deliver(&st, nexthop);
	if (_i == 0) {
		start_tls();
		remote_say(&peer, "this is no TLS at all, is it?\r\n");
	} else {
		remote_accept(&server, &peer);
		remote_hello(&peer, "PIPELINING");
	}
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	ck_assert_int_eq(a->list[0].status[0], '4');
	ck_assert_msg(strstr(a->list[0].text, "TLS") != NULL, "%s", a->list[0].text);
	ck_assert(!remote_has_client(&server));
	remote_peer_close(&peer);
	end();
}
END_TEST

static const char refusal[] =
    "TLS handshake failed: TLS alert: certificate required (the server asked for "
    "a certificate, and none was shown)";

/* In TLS 1.3 the server hears, and judges, the end of our handshake when it is over for us. */
static void refuse_tls(void)
{
	cert.demanding = true;
	start_tls();
	remote_peer_tls(&peer, &cert);
	remote_peer_close(&peer);
	cert.demanding = false;
}

START_TEST(handshake_that_is_refused)
{
	begin();
	make_certificate("somebody.example");
	st.hop.tls = TLS_ENCRYPT;
	uint64_t d = remote_deliver(&st, nexthop);
	refuse_tls();
	const struct remote_answer *a = expect(d, DELIVERY_DEFERRED, "4.7.5", refusal);
	ck_assert_uint_eq(a->verdict, REMOTE_FAILS);
	ck_assert(!remote_has_client(&server));
	remote_certificate_free(&cert);
	end();
}
END_TEST

START_TEST(next_host_when_the_handshake_is_refused)
{
	struct remote_listener second;
	begin();
	make_certificate("somebody.example");
	remote_listen(&second, 2, server.port);
	st.hop.tls = TLS_ENCRYPT;
	RECORDS({.name = "far.example", .type = 'm', .preference = 10, .value = "a.far.example"},
	    {.name = "far.example", .type = 'm', .preference = 20, .value = "b.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.1"},
	    {.name = "b.far.example", .type = '4', .value = "127.0.0.2"});
	uint64_t d = remote_deliver(&st, "far.example");
	refuse_tls();
	remote_accept(&second, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "220 go\r\n");
	ck_assert(remote_peer_tls(&peer, &cert));
	hello_again();
	remote_take(&peer);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->tried_count, 1);
	ck_assert_str_eq(a->tried[0].said, refusal);
	remote_peer_close(&peer);
	remote_listen_close(&second);
	remote_certificate_free(&cert);
	end();
}
END_TEST

/* Opportunistic: as a handshake that fails before its end. */
START_TEST(in_clear_when_the_handshake_is_refused)
{
	begin();
	make_certificate("somebody.example");
	uint64_t d = remote_deliver(&st, nexthop);
	refuse_tls();
	remote_accept(&server, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_take(&peer);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_NONE);
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

START_TEST(handshake_that_hangs)
{
	begin_with("", "command-timeout = 1");
	st.hop.tls = TLS_ENCRYPT;
	uint64_t d = remote_deliver(&st, nexthop);
	start_tls();
	expect(d, DELIVERY_DEFERRED, "4.7.5", "TLS handshake failed: it took too long");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* What comes in clear behind the 220 is not taken for what comes inside TLS. */
START_TEST(injected_behind_starttls)
{
	begin();
	st.hop.tls = TLS_ENCRYPT;
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "220 go\r\n250 evil\r\n");
	const struct remote_answer *a = remote_answer(&st, d);
	ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
	remote_peer_close(&peer);
	end();
}
END_TEST

static struct remote_record dane_records[5];

static void set_dane(bool mx_secure, bool address_secure)
{
	static const struct remote_record list[] = {
	    {.name = "far.example", .type = 'm', .value = "a.far.example"},
	    {.name = "a.far.example", .type = '4', .value = "127.0.0.1"},
	    {.name = "a.far.example",
		.type = 't',
		.secure = true,
		.tlsa = {.usage = 3, .selector = 1, .matching = 1}},
	};
	memset(dane_records, 0, sizeof(dane_records));
	memcpy(dane_records, list, sizeof(list));
	dane_records[0].secure = mx_secure;
	dane_records[1].secure = address_secure;
	dane_records[2].tlsa.data = str_from(digest, sizeof(digest));
	records(dane_records, 5);
	st.hop.tls = TLS_DANE;
}

START_TEST(dane_that_matches)
{
	begin();
	make_certificate("a.far.example");
	set_dane(true, true);
	uint64_t d = remote_deliver(&st, "far.example");
	start_tls();
	ck_assert(remote_peer_tls(&peer, &cert));
	ck_assert_str_eq(SSL_get_servername(peer.ssl, TLSEXT_NAMETYPE_host_name), "a.far.example");
	hello_again();
	remote_take(&peer);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_VERIFIED);
	ck_assert(remote_logged(&st, "Verified TLS connection established to a.far.example[127"));
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

START_TEST(dane_that_does_not_match)
{
	begin();
	make_certificate("a.far.example");
	digest[0] ^= 1;
	set_dane(true, true);
	uint64_t d = remote_deliver(&st, "far.example");
	start_tls();
	remote_peer_tls(&peer, &cert); /* TLS 1.3: the server hears of it later */
	const struct remote_answer *a =
	    expect(d, DELIVERY_DEFERRED, "4.7.5", "TLS handshake failed");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_NONE);
	ck_assert(!remote_has_client(&server));
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

/* Without DNSSEC from end to end DANE says nothing: RFC 7672 §2.1.1. */
START_TEST(dane_needs_dnssec)
{
	begin();
	make_certificate("a.far.example");
	digest[0] ^= 1;
	set_dane(_i == 0, _i == 1);
	uint64_t d = remote_deliver(&st, "far.example");
	start_tls();
	ck_assert(remote_peer_tls(&peer, &cert));
	hello_again();
	remote_take(&peer);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_UNTRUSTED);
	ck_assert_uint_eq(st.tlsa_queries, 0);
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

START_TEST(dane_that_dns_withholds)
{
	static const enum dns_state states[] = {DNS_TEMPORARY, DNS_BOGUS};
	begin();
	set_dane(true, true);
	st.records[2].state = states[_i];
	uint64_t d = remote_deliver(&st, "far.example");
	expect(d, DELIVERY_DEFERRED, "4.7.5", "TLSA records");
	ck_assert(!remote_has_client(&server));
	end();
}
END_TEST

/* RFC 7672 §2.2: records that nobody can use still demand encryption. */
START_TEST(dane_that_is_unusable)
{
	begin();
	make_certificate("a.far.example");
	set_dane(true, true);
	st.records[2].tlsa.usage = 1;
	uint64_t d = remote_deliver(&st, "far.example");
	if (_i == 0) {
		start_tls();
		ck_assert(remote_peer_tls(&peer, &cert));
		hello_again();
		remote_take(&peer);
		expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	} else {
		remote_accept(&server, &peer);
		remote_hello(&peer, "PIPELINING");
		ck_assert_uint_eq(remote_answer(&st, d)->list[0].outcome, DELIVERY_DEFERRED);
	}
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

START_TEST(fingerprints)
{
	begin();
	make_certificate("somebody.example");
	digest[0] ^= (uint8_t)_i;
	struct hop_fingerprint list[1] = {{.sha256 = str_from(digest, sizeof(digest))}};
	st.hop.tls = TLS_FINGERPRINT;
	st.hop.fingerprints = list;
	st.hop.fingerprints_count = 1;
	uint64_t d = remote_deliver(&st, nexthop);
	start_tls();
	ck_assert(remote_peer_tls(&peer, &cert));
	if (_i == 0) {
		hello_again();
		remote_take(&peer);
		const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "250");
		ck_assert_uint_eq(a->tls, REMOTE_TLS_VERIFIED);
	} else {
		expect(d, DELIVERY_DEFERRED, "4.7.5", "another fingerprint");
	}
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

struct verify_row {
	const char *cert_name;
	const char *name; /* that the operator wants; NULL: the host's */
	bool known;	  /* its authority is */
	bool good;
};

START_TEST(verifies_names)
{
	static const struct verify_row rows[] = {
	    {"a.far.example", NULL, true, true},
	    {"b.far.example", NULL, true, false},
	    {"a.far.example", NULL, false, false},
	    {"mx.provider.example", "mx.provider.example", true, true},
	    {"mx.provider.example", ".provider.example", true, true},
	    {"mx.provider.example", "provider.example", true, false},
	    {"a.far.example", "other.example", true, false},
	};
	const struct verify_row *row = &rows[_i];
	char path[] = "/tmp/test-authorities-XXXXXX", top[64] = "", remote[128];
	make_certificate(row->cert_name);
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	if (row->known)
		PEM_write_X509(f, cert.cert);
	fclose(f);
	snprintf(remote, sizeof(remote), "authorities = \"%s\"", path);
	begin_with(top, remote);
	unlink(path);
	struct hop_name names[1] = {{.name = str_from_cstr(row->name)}};
	st.hop.tls = TLS_VERIFY;
	st.hop.names = names;
	st.hop.names_count = row->name != NULL;
	RECORDS({.name = "a.far.example", .type = '4', .value = "127.0.0.1"});
	char host[64];
	snprintf(host, sizeof(host), "smtp:[a.far.example]:%u", server.port);
	uint64_t d = remote_deliver(&st, host);
	start_tls();
	remote_peer_tls(&peer, &cert);
	if (row->good) {
		hello_again();
		remote_take(&peer);
		ck_assert_uint_eq(
		    expect(d, DELIVERY_TAKEN, "2.0.0", "250")->tls, REMOTE_TLS_VERIFIED);
	} else {
		expect(d, DELIVERY_DEFERRED, "4.7.5", "certificate verification failed");
	}
	remote_peer_close(&peer);
	remote_certificate_free(&cert);
	end();
}
END_TEST

/* ---- coming and going -------------------------------------------------------------------------
 */

START_TEST(gives_up_when_queue_is_gone)
{
	begin();
	remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_expect(&peer, "MAIL ");
	remote_kill_queue(&st);
	remote_expect_closed(&peer);
	remote_peer_close(&peer);
	remote_connect_queue(&st);
	uint64_t d = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(d, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(takes_a_new_configuration)
{
	struct remote_peer fresh;
	char options[160];
	begin_with("", "reuse-idle = \"1 h\"");
	uint64_t first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_take(&peer);
	expect(first, DELIVERY_TAKEN, "2.0.0", "250");
	snprintf(options, sizeof(options),
	    "port = %u\nhelo = \"other.example\"\nauthorities = \"/else\"", server.port);
	remote_reload(&st, "", options);
	/* What was made under the old one is not used again. */
	remote_expect(&peer, "QUIT");
	ck_assert(remote_logged(&st, "\"authorities\" names another file now"));
	uint64_t second = remote_deliver(&st, nexthop);
	remote_accept(&server, &fresh);
	remote_say(&fresh, "220 server.example\r\n");
	remote_expect(&fresh, "EHLO other.example\r\n");
	remote_say(&fresh, "250 ok\r\n");
	remote_take(&fresh);
	expect(second, DELIVERY_TAKEN, "2.0.0", "250");
	remote_peer_close(&peer);
	remote_peer_close(&fresh);
	end();
}
END_TEST

static bool is_control_gone(struct remote_stage *s)
{
	return s->control_gone;
}

START_TEST(finishes_when_told_to_stop)
{
	begin();
	uint64_t first = remote_deliver(&st, nexthop);
	remote_accept(&server, &peer);
	remote_hello(&peer, NULL);
	remote_expect(&peer, "MAIL ");
	remote_tell_to_stop(&st);
	/* Control's channel and queue's are two: this one tells when the word has arrived. */
	uint64_t late;
	const struct remote_answer *a;
	do {
		late = remote_deliver(&st, "[127.0.0.1]");
		unit_turn();
		usleep(1000);
	} while (st.answer_count == 0);
	a = &st.answers[0];
	ck_assert_uint_le(a->delivery, late);
	ck_assert_str_eq(a->list[0].text, "this server is stopping");
	ck_assert_uint_eq(a->verdict, REMOTE_UNKNOWN);
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "RCPT ");
	remote_say(&peer, "250 ok\r\n");
	remote_expect(&peer, "DATA");
	remote_say(&peer, "354 go\r\n");
	remote_expect_content(&peer);
	remote_say(&peer, "250 ok\r\n");
	expect(first, DELIVERY_TAKEN, "2.0.0", "250 ok");
	ck_assert(remote_until(&st, is_control_gone));
	remote_peer_close(&peer);
	end();
}
END_TEST

static long resident_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtol(line + 8, NULL, 10);
	if (f != NULL)
		fclose(f);
	return kib;
}

#ifdef WITH_SANITIZERS
enum { MANY = 50 }; /* memory is not measured, and a handshake takes ten times as long */
#else
enum { MANY = 1000 };
#endif
enum { KIB_PER_DELIVERY = 24, KIB_WITH_TLS = 96 };
static struct remote_peer peers[MANY];

/* A thousand at a time in one process, each with its own connection. */
START_TEST(many_at_once)
{
	uint64_t deliveries[MANY];
	bool tls = _i == 1;
	begin();
	make_certificate("a.far.example");
	st.hop.implicit_tls = tls;
	long before = resident_kib(st.pid);
	for (size_t i = 0; i < MANY; i++) {
		deliveries[i] = remote_deliver(&st, nexthop);
		unit_turn();
	}
	for (size_t i = 0; i < MANY; i++) {
		remote_accept(&server, &peers[i]);
		if (tls)
			ck_assert(remote_peer_tls(&peers[i], &cert));
		remote_hello(&peers[i], NULL);
	}
	for (size_t i = 0; i < MANY; i++)
		remote_expect(&peers[i], "MAIL ");
	long kib = resident_kib(st.pid) - before;
	printf("%d deliveries%s: %ld KiB\n", MANY, tls ? " with TLS" : "", kib);
#ifndef WITH_SANITIZERS
	ck_assert_int_lt(kib, MANY * (tls ? KIB_WITH_TLS : KIB_PER_DELIVERY));
#endif
	for (size_t i = 0; i < MANY; i++)
		remote_say(&peers[i], "451 4.3.0 no\r\n");
	for (size_t i = 0; i < MANY; i++) {
		const struct remote_answer *a = remote_answer(&st, deliveries[i]);
		ck_assert_uint_eq(a->list[0].outcome, DELIVERY_DEFERRED);
		remote_peer_close(&peers[i]);
	}
	remote_certificate_free(&cert);
	end();
}
END_TEST

static void add_two(TCase *tcase)
{
	tcase_add_loop_test(tcase, idle_session_that_died, 0, 3);
	tcase_add_loop_test(tcase, the_next_one_goes_behind_the_dot, 0, 3);
	tcase_add_test(tcase, not_without_pipelining);
	tcase_add_test(tcase, it_comes_too_late);
	tcase_add_loop_test(tcase, the_session_ends_before_it_is_passed_on, 0, 3);
	tcase_add_loop_test(tcase, the_session_ends_before_mail_is_answered, 0, 3);
	tcase_add_test(tcase, a_late_verdict_does_not_hold_the_next_one);
	tcase_add_test(tcase, two_in_a_row_without_queue);
}

/* What is asked on the way to a session. */
static void add_ways(TCase *tcase)
{
	tcase_add_test(tcase, follows_mx_records);
	tcase_add_test(tcase, what_every_host_said_is_told);
	tcase_add_test(tcase, greeted_by_our_own_name);
	tcase_add_loop_test(tcase, next_host_when_one_takes_no_mail, 0, 2);
	tcase_add_test(tcase, next_host_when_mail_is_put_off);
	tcase_add_loop_test(tcase, dns_says_no, 0, 11);
	tcase_add_test(tcase, domain_without_mx);
	tcase_add_test(tcase, second_address_beside_the_first);
	tcase_add_test(tcase, dead_address_is_remembered);
	tcase_add_test(tcase, connects_from_the_configured_address);
	tcase_add_test(tcase, one_family_is_enough);
	tcase_add_test(tcase, resolver_that_is_away);
	tcase_add_test(tcase, resolver_that_is_silent);
	tcase_add_test(tcase, directory_that_is_away);
	tcase_add_test(tcase, impossible_nexthop);
	tcase_add_test(tcase, directory_says_no);
	tcase_add_loop_test(tcase, directory_that_lies, 0, (int)(sizeof(lies) / sizeof(lies[0])));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	Suite *suite = suite_create("deliver-remote");
	TCase *tcase = tcase_create("program");
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, sends_a_message);
	tcase_add_test(tcase, sends_a_large_message);
	tcase_add_test(tcase, one_result_for_each_recipient);
	tcase_add_loop_test(tcase, server_with_limits, 0, 2);
	tcase_add_test(tcase, reuses_a_session);
	tcase_add_test(tcase, descriptors_of_idle_sessions);
	tcase_add_test(tcase, another_nexthop_gets_another_session);
	add_two(tcase);
	tcase_add_test(tcase, nobody_listens);
	tcase_add_loop_test(tcase, greeting_refuses, 0, 3);
	tcase_add_test(tcase, silent_server_is_remembered);
	tcase_add_test(tcase, greeting_in_drips);
	tcase_add_test(tcase, closes_at_any_octet);
	tcase_add_test(tcase, server_that_takes_no_content);
	add_ways(tcase);
	tcase_add_test(tcase, goes_through_a_relay);
	tcase_add_test(tcase, any_certificate_will_do);
	tcase_add_test(tcase, tls_from_the_first_octet);
	tcase_add_test(tcase, in_clear_when_tls_fails);
	tcase_add_test(tcase, handshake_that_is_refused);
	tcase_add_test(tcase, next_host_when_the_handshake_is_refused);
	tcase_add_test(tcase, in_clear_when_the_handshake_is_refused);
	tcase_add_loop_test(tcase, never_in_clear_when_tls_is_demanded, 0, 2);
	tcase_add_test(tcase, handshake_that_hangs);
	tcase_add_test(tcase, injected_behind_starttls);
	tcase_add_test(tcase, dane_that_matches);
	tcase_add_test(tcase, dane_that_does_not_match);
	tcase_add_loop_test(tcase, dane_needs_dnssec, 0, 2);
	tcase_add_loop_test(tcase, dane_that_dns_withholds, 0, 2);
	tcase_add_loop_test(tcase, dane_that_is_unusable, 0, 2);
	tcase_add_loop_test(tcase, fingerprints, 0, 2);
	tcase_add_loop_test(tcase, verifies_names, 0, 7);
	tcase_add_test(tcase, gives_up_when_queue_is_gone);
	tcase_add_test(tcase, takes_a_new_configuration);
	tcase_add_loop_test(tcase, many_at_once, 0, 2);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("stop");
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, finishes_when_told_to_stop);
	suite_add_tcase(suite, tcase);
	return unit_run_suite(suite);
}
