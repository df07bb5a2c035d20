/* SPDX-License-Identifier: ISC
 *
 * What deliver-remote may ask of resolver, over real sockets; the test is the workers, and an
 * upstream that answers when it says so.
 */
#include "common/log.h"
#include "common/msg-remote-resolver.h"
#include "resolver/lookups.h"
#include "resolver/server.h"
#include "tests/unit/dns-packet.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

enum { WORKERS = 2 };

/* --- The upstream --- */

struct upstream {
	int unused;
};

static struct upstream upstream;
static struct question asked[PEER_QUESTIONS_MAX + 10];
static uint32_t cookies[PEER_QUESTIONS_MAX + 10];
static size_t asked_count;

struct upstream *upstream_new(
    const struct conf_resolver *conf, const struct anchor *anchor, upstream_answer_fn *answer)
{
	(void)conf;
	(void)anchor;
	ck_assert(answer == lookups_on_answer);
	return &upstream;
}

void upstream_free(struct upstream *u)
{
	(void)u;
}

bool upstream_ask(struct upstream *u, const struct question *q, uint32_t cookie)
{
	ck_assert_ptr_eq(u, &upstream);
	ck_assert_uint_lt(asked_count, sizeof(asked) / sizeof(asked[0]));
	asked[asked_count] = *q;
	cookies[asked_count++] = cookie;
	return true;
}

bool anchor_is_same(const struct anchor *anchor, const struct conf_resolver *conf)
{
	(void)anchor;
	(void)conf;
	return true;
}

static void answer_question(size_t i)
{
	static struct buf packet = BUF_INIT(65536);
	dns_begin(&packet, asked[i].name, asked[i].type, 3);
	lookups_on_answer(cookies[i], &(struct answer_input){.packet = buf_str(&packet)});
}

/* --- The workers --- */

static struct channel *workers[WORKERS];
static unsigned answers[WORKERS], refusals[WORKERS];
static uint32_t last_cookie;

static void count(const struct channel *const *worker, uint32_t cookie, uint8_t state)
{
	size_t i = (size_t)(worker - (const struct channel *const *)workers);
	answers[i]++;
	refusals[i] += state == DNS_TEMPORARY;
	last_cookie = cookie;
}

#define ANSWER(kind)                                                                               \
	static bool on_##kind(void *ctx, const struct msg_##kind *m, int *fds)                     \
	{                                                                                          \
		(void)fds;                                                                         \
		count(ctx, m->cookie, m->state);                                                   \
		return true;                                                                       \
	}
ANSWER(mx_answer)
ANSWER(ip_answer)
ANSWER(tlsa_answer)
ANSWER(txt_answer)
ANSWER(ptr_answer)

static const struct remote_resolver_client_handlers handlers = {.mx_answer = on_mx_answer,
    .ip_answer = on_ip_answer,
    .tlsa_answer = on_tlsa_answer,
    .txt_answer = on_txt_answer,
    .ptr_answer = on_ptr_answer};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct channel **worker = ctx;
	(void)why;
	if (*worker == channel) /* not replaced meanwhile */
		*worker = NULL;
	channel_free(channel);
}

static void connect_worker(unsigned i)
{
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(EDGE_remote_resolver, i, pair[0]);
	workers[i] =
	    channel_new(pair[1], &remote_resolver_client, &handlers, &workers[i], on_closed);
	unit_settle();
}

static void set_up(void)
{
	static const struct conf conf = {.resolver = {.timeout = 60}};
	static const struct anchor anchor;
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	ck_assert(server_start(&conf, &anchor));
	for (unsigned i = 0; i < WORKERS; i++)
		connect_worker(i);
}

static void tear_down(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		channel_free(workers[i]);
	server_end();
}

static void ask_mx(unsigned i, uint32_t cookie, const char *domain)
{
	const struct msg_mx_query m = {.cookie = cookie, .domain = str_from_cstr(domain)};
	ck_assert(msg_mx_query_send(workers[i], &m, NULL));
}

/* --- Tests --- */

START_TEST(each_kind_is_asked_and_answered)
{
	static const uint16_t types[] = {RR_MX, RR_A, RR_AAAA, RR_TLSA, RR_TXT, RR_PTR, RR_PTR};
	enum { KINDS = sizeof(types) / sizeof(types[0]) };
	set_up();
	ask_mx(0, 1, "d.example");
	msg_ip_query_send(workers[0],
	    &(struct msg_ip_query){.cookie = 2, .family = 4, .host = STR("d.example")}, NULL);
	msg_ip_query_send(workers[0],
	    &(struct msg_ip_query){.cookie = 3, .family = 6, .host = STR("d.example")}, NULL);
	msg_tlsa_query_send(workers[0],
	    &(struct msg_tlsa_query){.cookie = 4, .port = 25, .host = STR("d.example")}, NULL);
	msg_txt_query_send(
	    workers[0], &(struct msg_txt_query){.cookie = 5, .name = STR("d.example")}, NULL);
	msg_ptr_query_send(workers[0],
	    &(struct msg_ptr_query){.cookie = 6, .address = str_from("\x7f\0\0\x01", 4)}, NULL);
	msg_ptr_query_send(workers[0],
	    &(struct msg_ptr_query){.cookie = 7, .address = STR("0123456789abcdef")}, NULL);
	unit_settle();
	ck_assert_uint_eq(asked_count, KINDS);
	for (unsigned i = 0; i < KINDS; i++) {
		ck_assert_uint_eq(asked[i].type, types[i]);
		answer_question(i);
		unit_settle();
		ck_assert_uint_eq(answers[0], i + 1);
		ck_assert_uint_eq(last_cookie, i + 1);
	}
	ck_assert_uint_eq(refusals[0], 0);
	ck_assert_uint_eq(answers[1], 0);
	tear_down();
}
END_TEST

static void send_nonsense(int row)
{
	static const struct msg_mx_query mx[] = {{.domain = STR("")},
	    {.domain = STR("a b.example")}, {.domain = STR("-d.example")},
	    {.domain = STR("D.example")}};
	static const struct msg_ip_query ip[] = {{.family = 4, .host = STR("d..example")},
	    {.family = 5, .host = STR("d.example")}, {.family = 0, .host = STR("d.example")}};
	static const struct msg_ptr_query ptr[] = {{.address = STR("127")}, {.address = STR("")},
	    {.address = STR("12345")}, {.address = STR("0123456789abcde")}};
	static const struct msg_tlsa_query tlsa = {.port = 25, .host = STR("d.example\r\n")};
	static const struct msg_txt_query txt = {.name = STR("_dmarc.d .example")};
	if (row < 4)
		msg_mx_query_send(workers[0], &mx[row], NULL);
	else if (row < 7)
		msg_ip_query_send(workers[0], &ip[row - 4], NULL);
	else if (row < 11)
		msg_ptr_query_send(workers[0], &ptr[row - 7], NULL);
	else if (row == 11)
		msg_tlsa_query_send(workers[0], &tlsa, NULL);
	else
		msg_txt_query_send(workers[0], &txt, NULL);
}
enum { NONSENSE = 13 };

/* It costs who says it the channel and what it waits for; others go on. */
START_TEST(what_names_nothing_costs_the_channel)
{
	set_up();
	ask_mx(0, 1, "d.example");
	ask_mx(1, 2, "d.example");
	unit_settle();
	send_nonsense(_i);
	unit_settle();
	ck_assert_ptr_null(workers[0]);
	ck_assert_ptr_nonnull(workers[1]);
	ck_assert_uint_eq(asked_count, 1);
	answer_question(0);
	unit_settle();
	ck_assert(answers[0] == 0 && answers[1] == 1 && last_cookie == 2);
	tear_down();
}
END_TEST

/* One worker asks for all it may and more: it is told "not now", and the other still asks. */
START_TEST(no_more_than_so_many_of_one_peer)
{
	char name[32];
	set_up();
	for (uint32_t i = 0; i <= PEER_QUESTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "d%u.example", (unsigned)i);
		ask_mx(0, i, name);
		unit_settle();
		ck_assert_uint_eq(refusals[0], i == PEER_QUESTIONS_MAX);
	}
	ck_assert_uint_eq(last_cookie, PEER_QUESTIONS_MAX);
	ck_assert_uint_eq(asked_count, PEER_QUESTIONS_MAX);
	ask_mx(1, 1, "other.example");
	unit_settle();
	ck_assert_uint_eq(asked_count, PEER_QUESTIONS_MAX + 1);
	answer_question(0);
	ask_mx(0, 1, "another.example"); /* there is room for one again */
	unit_settle();
	ck_assert_uint_eq(asked_count, PEER_QUESTIONS_MAX + 2);
	ck_assert_uint_eq(refusals[0], 1);
	tear_down();
}
END_TEST

/* What a worker asked that is gone, or was replaced, is answered to nobody. */
START_TEST(with_a_peer_go_its_questions)
{
	set_up();
	ask_mx(0, 1, "d.example");
	unit_settle();
	if (_i == 0) {
		channel_free(workers[0]);
		workers[0] = NULL;
		unit_settle();
	}
	connect_worker(0);
	answer_question(0);
	unit_settle();
	ck_assert_uint_eq(answers[0], 0);
	ask_mx(0, 2, "d.example");
	unit_settle();
	ck_assert_uint_eq(asked_count, 2);
	answer_question(1);
	unit_settle();
	ck_assert(answers[0] == 1 && last_cookie == 2);
	tear_down();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("resolver");
	tcase_add_test(tc, each_kind_is_asked_and_answered);
	tcase_add_loop_test(tc, what_names_nothing_costs_the_channel, 0, NONSENSE);
	tcase_add_test(tc, no_more_than_so_many_of_one_peer);
	tcase_add_loop_test(tc, with_a_peer_go_its_questions, 0, 2);
	return unit_run_case("resolver's server", tc);
}
