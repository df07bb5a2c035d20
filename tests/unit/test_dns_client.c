/* SPDX-License-Identifier: ISC
 *
 * deliver-remote's questions, to a resolver that the test plays.
 */
#include "common/dns-name.h"
#include "deliver-remote/dns-client.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* --- resolver --- */

static struct channel *resolver;
static unsigned asked;
static uint32_t cookie;
static char asked_name[300];
static unsigned asked_number; /* port or family */
static bool closed;

static bool note(uint32_t c, struct str name, unsigned number)
{
	asked++;
	cookie = c;
	asked_number = number;
	snprintf(asked_name, sizeof(asked_name), "%.*s", STR_ARG(name));
	return true;
}

static bool on_mx(void *ctx, const struct msg_mx_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	return note(m->cookie, m->domain, 0);
}

static bool on_ip(void *ctx, const struct msg_ip_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	return note(m->cookie, m->host, m->family);
}

static bool on_tlsa(void *ctx, const struct msg_tlsa_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	return note(m->cookie, m->host, m->port);
}

static bool on_txt(void *ctx, const struct msg_txt_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	return note(m->cookie, m->name, 0);
}

static bool on_ptr(void *ctx, const struct msg_ptr_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	return note(m->cookie, m->address, 0);
}

static const struct remote_resolver_server_handlers handlers = {.mx_query = on_mx,
    .ip_query = on_ip,
    .tlsa_query = on_tlsa,
    .txt_query = on_txt,
    .ptr_query = on_ptr};

static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	(void)ctx;
	(void)why;
	closed = true;
	channel_free(ch);
	resolver = NULL;
}

/* --- deliver-remote --- */

enum { ENOUGH_MS = 60 * 1000 };

static struct dns_client *client;
static unsigned answers;
static enum dns_state state;
static size_t records;

#define HANDLER(name, message, list)                                                               \
	static void name(void *ctx, const struct message *m)                                       \
	{                                                                                          \
		ck_assert_ptr_eq(ctx, &answers);                                                   \
		answers++;                                                                         \
		state = (enum dns_state)m->state;                                                  \
		records = m->list##_count;                                                         \
	}
HANDLER(got_mx, msg_mx_answer, hosts)
HANDLER(got_ip, msg_ip_answer, addresses)
HANDLER(got_tlsa, msg_tlsa_answer, records)
HANDLER(got_txt, msg_txt_answer, texts)
HANDLER(got_ptr, msg_ptr_answer, names)

static void connect_it(void)
{
	int fds[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	resolver = channel_new(fds[0], &remote_resolver_server, &handlers, NULL, on_closed);
	dns_client_connect(client, fds[1]);
}

static void set_up(void)
{
	client = dns_client_new(ENOUGH_MS);
	connect_it();
}

static void tear_down(void)
{
	dns_client_free(client);
	channel_free(resolver);
}

static void until(const unsigned *what, unsigned n)
{
	while (*what < n)
		unit_wait();
	ck_assert_uint_eq(*what, n);
}

static void answer_mx(enum dns_state s)
{
	struct mx_host host = {.preference = 1, .host = STR("mx.example")};
	const struct msg_mx_answer m = {
	    .cookie = cookie, .state = (uint8_t)s, .hosts = &host, .hosts_count = s == DNS_OK};
	msg_mx_answer_send(resolver, &m, NULL);
}

START_TEST(every_kind)
{
	set_up();
	dns_client_ask_mx(client, STR("D.Example."), got_mx, &answers);
	until(&asked, 1);
	ck_assert_str_eq(asked_name, "d.example");
	answer_mx(DNS_OK);
	until(&answers, 1);
	ck_assert(state == DNS_OK && records == 1);

	dns_client_ask_ip(client, 6, STR("mx.example"), got_ip, &answers);
	until(&asked, 2);
	ck_assert_uint_eq(asked_number, 6);
	struct ip_address ip = {.octets = STR("abcdefghijklmnop")};
	msg_ip_answer_send(resolver,
	    &(struct msg_ip_answer){
		.cookie = cookie, .state = DNS_OK, .addresses = &ip, .addresses_count = 1},
	    NULL);
	until(&answers, 2);
	ck_assert(state == DNS_OK && records == 1);

	dns_client_ask_tlsa(client, 465, STR("mx.example"), got_tlsa, &answers);
	until(&asked, 3);
	ck_assert_uint_eq(asked_number, 465);
	msg_tlsa_answer_send(
	    resolver, &(struct msg_tlsa_answer){.cookie = cookie, .state = DNS_BOGUS}, NULL);
	until(&answers, 3);
	ck_assert(state == DNS_BOGUS && records == 0);

	dns_client_ask_txt(client, STR("_mta-sts.example"), got_txt, &answers);
	until(&asked, 4);
	ck_assert_str_eq(asked_name, "_mta-sts.example");
	msg_txt_answer_send(
	    resolver, &(struct msg_txt_answer){.cookie = cookie, .state = DNS_NO_DATA}, NULL);
	until(&answers, 4);
	ck_assert_int_eq(state, DNS_NO_DATA);

	dns_client_ask_ptr(client, STR("abcd"), got_ptr, &answers);
	until(&asked, 5);
	ck_assert_str_eq(asked_name, "abcd");
	msg_ptr_answer_send(
	    resolver, &(struct msg_ptr_answer){.cookie = cookie, .state = DNS_TEMPORARY}, NULL);
	until(&answers, 5);
	ck_assert_int_eq(state, DNS_TEMPORARY);
	tear_down();
}
END_TEST

START_TEST(names_that_cannot_be)
{
	char longest[DNS_NAME_MAX];
	static const char *const bad[] = {"", ".", "a..b", "a b", "-a.example", "[192.0.2.1]"};
	unsigned n = 0;
	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dns_client_ask_mx(client, str_from_cstr(bad[i]), got_mx, &answers);
		ck_assert_uint_eq(answers, n); /* not from inside */
		until(&answers, ++n);
		ck_assert_int_eq(state, DNS_NO_NAME);
	}
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 == 0 ? 'a' : '.';
	dns_client_ask_tlsa(client, 25, str_from(longest, sizeof(longest)), got_tlsa, &answers);
	until(&answers, ++n);
	ck_assert_int_eq(state, DNS_NO_NAME);
	dns_client_ask_ptr(client, STR("abc"), got_ptr, &answers);
	until(&answers, ++n);
	ck_assert_int_eq(state, DNS_NO_NAME);
	ck_assert_uint_eq(asked, 0);
	tear_down();
}
END_TEST

START_TEST(deadline)
{
	set_up();
	dns_client_set_timeout(client, 0);
	dns_client_ask_mx(client, STR("d.example"), got_mx, &answers);
	until(&asked, 1);
	until(&answers, 1);
	ck_assert_int_eq(state, DNS_TEMPORARY);
	answer_mx(DNS_OK); /* too late: nobody is there */
	dns_client_set_timeout(client, ENOUGH_MS);
	dns_client_ask_mx(client, STR("d.example"), got_mx, &answers);
	until(&asked, 2);
	answer_mx(DNS_NO_NAME);
	until(&answers, 2);
	ck_assert_int_eq(state, DNS_NO_NAME);
	tear_down();
}
END_TEST

static void lose_resolver(void)
{
	channel_free(resolver);
	resolver = NULL;
}

START_TEST(asked_again)
{
	set_up();
	dns_client_ask_mx(client, STR("d.example"), got_mx, &answers);
	until(&asked, 1);
	lose_resolver();
	dns_client_ask_mx(client, STR("e.example"), got_mx, &answers); /* nobody is there */
	connect_it();
	until(&asked, 3);
	ck_assert_str_eq(asked_name, "e.example");
	answer_mx(DNS_OK);
	until(&answers, 1);
	lose_resolver();
	connect_it();
	until(&asked, 4);
	ck_assert_str_eq(asked_name, "d.example");
	answer_mx(DNS_OK);
	until(&answers, 2);
	tear_down();
}
END_TEST

START_TEST(what_kills_resolver)
{
	set_up();
	dns_client_ask_mx(client, STR("d.example"), got_mx, &answers);
	for (unsigned i = 1; i <= DNS_CLIENT_TRIES; i++) {
		until(&asked, i);
		ck_assert_uint_eq(answers, 0);
		lose_resolver();
		connect_it();
	}
	until(&answers, 1);
	ck_assert_int_eq(state, DNS_TEMPORARY);
	ck_assert_uint_eq(asked, DNS_CLIENT_TRIES);
	tear_down();
}
END_TEST

START_TEST(forgotten)
{
	set_up();
	struct dns_question *q = dns_client_ask_mx(client, STR("d.example"), got_mx, &answers);
	until(&asked, 1);
	dns_client_forget(q);
	dns_client_forget(NULL);
	answer_mx(DNS_OK);
	dns_client_forget(dns_client_ask_mx(client, STR("a..b"), got_mx, &answers));
	dns_client_ask_mx(client, STR("e.example"), got_mx, &answers);
	until(&asked, 2);
	answer_mx(DNS_NO_NAME);
	until(&answers, 1);
	ck_assert_int_eq(state, DNS_NO_NAME);
	dns_client_ask_mx(client, STR("f.example"), got_mx, &answers); /* open at the end */
	tear_down();
}
END_TEST

START_TEST(too_many)
{
	set_up();
	for (int i = 0; i < DNS_CLIENT_QUESTIONS_MAX; i++)
		dns_client_ask_mx(client, STR("d.example"), got_mx, &answers);
	ck_assert_uint_eq(answers, 0);
	dns_client_ask_mx(client, STR("d.example"), got_mx, &answers);
	until(&answers, 1);
	ck_assert_int_eq(state, DNS_TEMPORARY);
	tear_down();
}
END_TEST

/* An answer of another kind than the question, then one of no state. */
static void check_wrong_answers(enum dns_state none)
{
	set_up();
	dns_client_ask_ip(client, 4, STR("d.example"), got_ip, &answers);
	until(&asked, 1);
	answer_mx(DNS_OK);
	answer_mx(none);
	while (!closed)
		unit_wait();
	ck_assert_uint_eq(answers, 0);
	tear_down();
}

START_TEST(wrong_answers)
{
	check_wrong_answers((enum dns_state)0);
}
END_TEST

START_TEST(wrong_answers_above)
{
	check_wrong_answers((enum dns_state)(DNS_BOGUS + 1));
}
END_TEST

UNIT_MAIN("dns client", every_kind, names_that_cannot_be, deadline, asked_again,
    what_kills_resolver, forgotten, too_many, wrong_answers, wrong_answers_above)
