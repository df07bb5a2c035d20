/* SPDX-License-Identifier: ISC
 *
 * deliver-local's side of users' processes: users, deliver-owner and the processes are
 * played here, over real sockets. Every part gets its results once, and its settlement
 * once when something is visible.
 */
#include "common/answers.h"
#include "common/msg-owner.h"
#include "common/msg-users.h"
#include "deliver-local/workers.h"
#include "tests/escape/enemy.h"
#include "common/wiring.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct channel *users, *owner, *process;
static struct {
	unsigned asked, opened, closed, delivered, results, settled;
	char name[USER_NAME_MAX + 1];
	uint32_t uid, cookie;
	uint64_t number; /* the process's delivery */
	size_t targets;
	char address[ADDRESS_MAX + 1], content[64];
	uint64_t delivery;
	uint8_t outcome;
	char enhanced[ENHANCED_CODE_MAX + 1], text[REASON_MAX + 1];
	bool visible, durable;
} seen;

static void copy(char *to, size_t size, struct str s)
{
	ck_assert_uint_lt(s.n, size);
	snprintf(to, size, "%.*s", STR_ARG(s));
}

static bool on_user_query(void *ctx, const struct msg_user_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.asked++;
	copy(seen.name, sizeof(seen.name), m->name);
	return true;
}

static bool on_owner_open(void *ctx, const struct msg_owner_open *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.opened++;
	seen.uid = m->uid;
	seen.cookie = m->cookie;
	return true;
}

static bool on_owner_close(void *ctx, const struct msg_owner_close *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.closed += m->cookie == seen.cookie;
	return true;
}

static bool on_deliver(void *ctx, const struct msg_deliver *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.delivered++;
	seen.number = m->to.delivery;
	seen.targets = m->to.targets_count;
	copy(seen.address, sizeof(seen.address), m->to.targets[0].address);
	copy(seen.content, sizeof(seen.content), m->content);
	return true;
}

static bool on_deliver_large(void *ctx, const struct msg_deliver_large *m, int *fds)
{
	char text[64];
	(void)ctx;
	seen.delivered++;
	seen.number = m->to.delivery;
	ssize_t n = pread(fds[0], text, m->size, 0);
	ck_assert_uint_eq((uint64_t)n, m->size);
	copy(seen.content, sizeof(seen.content), str_from(text, (size_t)n));
	return true;
}

static const struct users_server_handlers users_handlers = {.user_query = on_user_query};
static const struct owner_server_handlers owner_handlers = {
    .owner_open = on_owner_open, .owner_close = on_owner_close};
static const struct queue_local_server_handlers process_handlers = {
    .deliver = on_deliver, .deliver_large = on_deliver_large};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct channel **slot = ctx;
	(void)why;
	channel_free(channel);
	*slot = NULL;
}

static void on_results(uint64_t delivery, struct local_result *results, size_t n, bool visible)
{
	seen.results++;
	seen.delivery = delivery;
	seen.visible = visible;
	ck_assert_uint_ge(n, 1);
	seen.outcome = results[0].outcome;
	copy(seen.enhanced, sizeof(seen.enhanced), results[0].enhanced);
	copy(seen.text, sizeof(seen.text), results[0].text);
}

static void on_settled(uint64_t delivery, bool durable)
{
	seen.settled++;
	seen.delivery = delivery;
	seen.durable = durable;
}

static int pair(int *other)
{
	int fds[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	*other = fds[1];
	return fds[0];
}

static void setup(void)
{
	static const struct workers_hooks hooks = {.results = on_results, .settled = on_settled};
	int other;
	memset(&seen, 0, sizeof(seen));
	workers_start(&hooks);
	workers_set_users(pair(&other));
	users = channel_new(other, &users_server, &users_handlers, &users, on_closed);
	workers_set_owner(pair(&other));
	owner = channel_new(other, &owner_server, &owner_handlers, &owner, on_closed);
	process = NULL;
	unit_settle();
}

static void deliver_as(struct str name, uint64_t delivery, struct str content, int fd)
{
	struct mailbox_target targets[] = {
	    {3, STR("ann@x.example"), STR("ann@x.example")}, {5, STR("ann@x.example"), STR("a@x")}};
	const struct local_delivery to = {.delivery = delivery,
	    .reverse_path = STR("from@y.example"),
	    .targets = targets,
	    .targets_count = 2};
	struct letter *letter = letter_new(&to, content, fd, fd < 0 ? 0 : 5);
	ck_assert_ptr_nonnull(letter);
	workers_deliver(name, &to, letter);
	letter_drop(letter);
	unit_settle();
}

static void deliver(uint64_t delivery)
{
	deliver_as(STR("ann"), delivery, STR("hello"), -1);
}

static void answer_user(enum user_verdict verdict, uint32_t uid)
{
	const struct msg_user_answer m = {STR("ann"), (uint8_t)verdict, uid};
	msg_user_answer_send(users, &m, NULL);
	unit_settle();
}

static void open_process(void)
{
	int other, fd = pair(&other);
	msg_owner_opened_send(owner, &(struct msg_owner_opened){.cookie = seen.cookie}, &fd);
	close(fd);
	process = channel_new(other, &queue_local_server, &process_handlers, &process, on_closed);
	unit_settle();
}

static void ready(uint64_t delivery)
{
	deliver(delivery);
	answer_user(USER_FOUND, 4001);
	open_process();
	ck_assert_uint_eq(seen.delivered, 1);
}

static void answer(uint16_t first, uint16_t second, enum delivery_outcome outcome)
{
	struct local_result results[] = {{first, (uint8_t)outcome, STR("2.0.0"), STR("said")},
	    {second, (uint8_t)outcome, STR("2.0.0"), STR("said")}};
	msg_local_results_send(process, &(struct msg_local_results){seen.number, results, 2}, NULL);
	unit_settle();
}

static void durable(uint64_t number)
{
	struct delivery_ref ref = {number};
	msg_durable_send(process, &(struct msg_durable){&ref, 1}, NULL);
	unit_settle();
}

START_TEST(from_mail_to_durable)
{
	deliver(77);
	ck_assert_str_eq(seen.name, "ann");
	ck_assert_uint_eq(seen.opened, 0);
	answer_user(USER_FOUND, 4001);
	ck_assert_uint_eq(seen.uid, 4001);
	open_process();
	ck_assert_str_eq(seen.content, "hello");
	ck_assert_str_eq(seen.address, "ann@x.example");
	ck_assert_uint_eq(seen.targets, 2);
	answer(3, 5, DELIVERY_VISIBLE);
	ck_assert_uint_eq(seen.results, 1);
	ck_assert_uint_eq(seen.delivery, 77);
	ck_assert(seen.visible);
	ck_assert_uint_eq(seen.settled, 0);
	durable(seen.number);
	ck_assert_uint_eq(seen.settled, 1);
	ck_assert(seen.durable);
	/* The next one needs nobody else. */
	deliver(78);
	ck_assert_uint_eq(seen.delivered, 2);
	ck_assert_uint_eq(seen.asked, 1);
	ck_assert_uint_eq(seen.opened, 1);
}
END_TEST

START_TEST(what_comes_meanwhile_waits)
{
	deliver(1);
	deliver(2);
	answer_user(USER_FOUND, 4001);
	deliver(3);
	ck_assert_uint_eq(seen.asked, 1);
	open_process();
	ck_assert_uint_eq(seen.delivered, 3);
}
END_TEST

START_TEST(a_large_message)
{
	FILE *f = tmpfile();
	fputs("large", f);
	fflush(f);
	deliver_as(STR("ann"), 9, STR(""), fileno(f));
	fclose(f);
	answer_user(USER_FOUND, 4001);
	open_process();
	ck_assert_str_eq(seen.content, "large");
}
END_TEST

static void refused(enum delivery_outcome outcome, const char *enhanced)
{
	ck_assert_uint_eq(seen.results, 1);
	ck_assert_uint_eq(seen.outcome, outcome);
	ck_assert_str_eq(seen.enhanced, enhanced);
	ck_assert(!seen.visible);
	ck_assert_str_ne(seen.text, "");
	ck_assert_uint_eq(workers_count(), 0);
}

static const struct {
	enum user_verdict verdict;
	enum delivery_outcome outcome;
	const char *enhanced;
} no_users[] = {{USER_NONE, DELIVERY_FAILED, "5.1.1"}, {USER_BELOW, DELIVERY_FAILED, "5.1.1"},
    {USER_FAILED, DELIVERY_DEFERRED, "4.3.0"}, {99, DELIVERY_DEFERRED, "4.3.0"}};

START_TEST(no_user)
{
	deliver(1);
	answer_user(no_users[_i].verdict, 0);
	refused(no_users[_i].outcome, no_users[_i].enhanced);
}
END_TEST

START_TEST(names_that_nobody_can_have_are_not_even_asked)
{
	static const char *const names[] = {
	    "", "../x", "a/b", ".", "..", "-x", "a b", "\"a\"", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		deliver_as(str_from_cstr(names[i]), i, STR("x"), -1);
		ck_assert_uint_eq(seen.results, i + 1);
		ck_assert_uint_eq(seen.outcome, DELIVERY_FAILED);
	}
	ck_assert_uint_eq(seen.asked, 0);
}
END_TEST

static const struct {
	enum owner_verdict verdict;
	enum delivery_outcome outcome;
} refusals[] = {{OWNER_NOT_ALLOWED, DELIVERY_FAILED}, {OWNER_NONE, DELIVERY_FAILED},
    {OWNER_BUSY, DELIVERY_DEFERRED}, {0, DELIVERY_DEFERRED}, {200, DELIVERY_DEFERRED}};

START_TEST(no_process)
{
	deliver(1);
	answer_user(USER_FOUND, 4001);
	const struct msg_owner_refused m = {seen.cookie, (uint8_t)refusals[_i].verdict};
	msg_owner_refused_send(owner, &m, NULL);
	unit_settle();
	ck_assert_uint_eq(seen.outcome, refusals[_i].outcome);
	ck_assert_uint_eq(workers_count(), 0);
}
END_TEST

/* Before anything, after the results, and which words. */
START_TEST(a_process_that_ends)
{
	bool late = _i >= TROUBLE_COUNT;
	uint8_t trouble = (uint8_t)(_i % TROUBLE_COUNT);
	ready(1);
	if (late)
		answer(3, 5, DELIVERY_VISIBLE);
	channel_free(process);
	process = NULL;
	unit_settle();
	ck_assert_uint_eq(seen.results, late);
	msg_owner_ended_send(owner, &(struct msg_owner_ended){seen.cookie, trouble}, NULL);
	unit_settle();
	ck_assert_uint_eq(seen.results, 1);
	ck_assert_uint_eq(seen.settled, late);
	ck_assert(!seen.durable);
	if (!late)
		ck_assert_uint_eq(seen.outcome, DELIVERY_DEFERRED);
	ck_assert_uint_eq(workers_count(), 0);
}
END_TEST

/* The process is looked at as somebody else's: it can only lose its own channel. */
static const struct {
	uint16_t first, second;
	uint8_t outcome;
} lies[] = {{3, 4, DELIVERY_VISIBLE}, {5, 3, DELIVERY_VISIBLE}, {3, 3, DELIVERY_VISIBLE}, {3, 5, 0},
    {3, 5, DELIVERY_TAKEN}, {3, 5, 200}};

START_TEST(a_process_that_lies)
{
	ready(1);
	answer(lies[_i].first, lies[_i].second, lies[_i].outcome);
	ck_assert_ptr_null(process);
	ck_assert_uint_eq(seen.results, 0);
}
END_TEST

START_TEST(durable_before_its_results)
{
	ready(1);
	durable(seen.number);
	ck_assert_ptr_null(process);
	ck_assert_uint_eq(seen.settled, 0);
}
END_TEST

START_TEST(results_twice)
{
	ready(1);
	answer(3, 5, DELIVERY_VISIBLE);
	answer(3, 5, DELIVERY_VISIBLE);
	ck_assert_ptr_null(process);
	ck_assert_uint_eq(seen.results, 1);
}
END_TEST

START_TEST(after_a_failure_the_process_is_a_fresh_one)
{
	ready(1);
	answer(3, 5, DELIVERY_DEFERRED);
	ck_assert_uint_eq(seen.results, 1);
	ck_assert_uint_eq(workers_count(), 0);
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_ptr_null(process);
	deliver(2);
	ck_assert_uint_eq(seen.asked, 2);
}
END_TEST

START_TEST(forgotten_ones_say_nothing)
{
	ready(1);
	workers_forget();
	unit_settle();
	ck_assert_uint_eq(seen.results, 0);
	ck_assert_uint_eq(workers_count(), 0);
	ck_assert_ptr_null(process);
}
END_TEST

START_TEST(users_that_are_restarted_are_asked_again)
{
	int other;
	deliver(1);
	workers_set_users(pair(&other));
	unit_settle();
	ck_assert_ptr_null(users);
	users = channel_new(other, &users_server, &users_handlers, &users, on_closed);
	unit_settle();
	ck_assert_uint_eq(seen.asked, 2);
}
END_TEST

/* Would do, with nothing in it, to be waited for without end. */
START_TEST(nothing_is_durable)
{
	ready(1);
	msg_durable_send(process, &(struct msg_durable){NULL, 0}, NULL);
	unit_settle();
	ck_assert_ptr_null(process);
}
END_TEST

/* A process that is an enemy from its first word on; what it was given is answered once, and
 * settled once if it said that something is visible. */
static void meet_enemy(const struct enemy_way *way)
{
	const struct enemy_place theirs = {.edge = EDGE_queue_local};
	int other, fd = pair(&other);
	seen.results = seen.settled = 0;
	deliver(1);
	answer_user(USER_FOUND, 4001);
	msg_owner_opened_send(owner, &(struct msg_owner_opened){.cookie = seen.cookie}, &fd);
	close(fd);
	unit_settle();
	bool dropped = way->say(&theirs, other);
	unit_settle();
	ck_assert(!dropped || enemy_is_dropped(other));
	ck_assert(!dropped || seen.results == 0);
	close(other);
	unit_settle();
	msg_owner_ended_send(owner, &(struct msg_owner_ended){.cookie = seen.cookie}, NULL);
	unit_settle();
	ck_assert_uint_eq(seen.results, 1);
	ck_assert_uint_eq(seen.settled, seen.visible);
	ck_assert_uint_eq(workers_count(), 1);
}

START_TEST(an_enemy)
{
	enemy_begin((unsigned)_i);
	deliver_as(STR("bob"), 77, STR("hello"), -1);
	msg_user_answer_send(users, &(struct msg_user_answer){STR("bob"), USER_FOUND, 4002}, NULL);
	unit_settle();
	open_process();
	uint64_t number = seen.number;
	for (unsigned round = 0; round < enemy_rounds(); round++)
		meet_enemy(&enemy_ways[_i]);
	seen.results = seen.settled = 0;
	seen.number = number;
	answer(3, 5, DELIVERY_VISIBLE);
	durable(number);
	ck_assert_uint_eq(seen.results, 1);
	ck_assert_uint_eq(seen.settled, 1);
	ck_assert(seen.delivery == 77 && seen.durable);
}
END_TEST

int main(void)
{
	enemy_setup();
	TCase *c = tcase_create("workers");
	tcase_add_checked_fixture(c, setup, workers_forget);
	tcase_add_test(c, from_mail_to_durable);
	tcase_add_test(c, what_comes_meanwhile_waits);
	tcase_add_test(c, a_large_message);
	tcase_add_loop_test(c, no_user, 0, sizeof(no_users) / sizeof(no_users[0]));
	tcase_add_test(c, names_that_nobody_can_have_are_not_even_asked);
	tcase_add_loop_test(c, no_process, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_loop_test(c, a_process_that_ends, 0, 2 * TROUBLE_COUNT);
	tcase_add_loop_test(c, a_process_that_lies, 0, sizeof(lies) / sizeof(lies[0]));
	tcase_add_test(c, durable_before_its_results);
	tcase_add_test(c, results_twice);
	tcase_add_test(c, after_a_failure_the_process_is_a_fresh_one);
	tcase_add_test(c, forgotten_ones_say_nothing);
	tcase_add_test(c, users_that_are_restarted_are_asked_again);
	tcase_add_test(c, nothing_is_durable);
	tcase_add_loop_test(c, an_enemy, 0, (int)enemy_way_count);
	return enemy_report(unit_run_case("workers", c));
}
