/* SPDX-License-Identifier: ISC
 *
 * pop3d-session's side of sessions of users of the machine: pop3d-owner and the users' processes
 * are played here, over real sockets. A process of a user's is an enemy: it loses its own session,
 * is ended, and each request is told of once.
 */
#include "common/answers.h"
#include "common/msg-owner.h"
#include "common/msg-session-child.h"
#include "common/service.h"
#include "pop3d/session-child.h"
#include "pop3d/system-sessions.h"
#include "tests/escape/enemy.h"
#include "tests/escape/speak.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <sys/socket.h>
#include <unistd.h>

enum { SESSIONS = 4 };

static const struct enemy_place theirs = {.edge = SPEAK_SESSION_CHILD};
static struct channel *owner;
static uint32_t opened[SESSIONS]; /* cookies, in order */
static unsigned opens, closes, ends[SESSIONS];
static uint32_t closed;
static int clients[SESSIONS], processes[SESSIONS];
static struct conf conf = {.pop3 = {.sessions_max = SESSIONS}};

const struct conf *service_conf(void)
{
	return &conf;
}

/* No session of the mailboxes' own user is asked for. */
void session_child(const struct session_start *start)
{
	(void)start;
	abort();
}

static bool on_open(void *ctx, const struct msg_owner_open *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert_uint_lt(opens, SESSIONS);
	opened[opens++] = m->cookie;
	return true;
}

static bool on_close(void *ctx, const struct msg_owner_close *m, int *fds)
{
	(void)ctx;
	(void)fds;
	closes++;
	closed = m->cookie;
	return true;
}

static const struct owner_server_handlers owner_handlers = {
    .owner_open = on_open, .owner_close = on_close};

static void on_owner_lost(void *ctx, struct channel *ch, const char *why)
{
	(void)ctx;
	ck_abort_msg("pop3d-owner lost: %s", why);
	channel_free(ch);
}

static void on_end(unsigned worker, uint32_t cookie)
{
	ck_assert_uint_eq(worker, 0);
	ck_assert_uint_lt(cookie, SESSIONS);
	ends[cookie]++;
}

static int pair(int type, int *other)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	*other = fds[1];
	return fds[0];
}

/* A session of that number, whose process has its end at `processes`, and has not said anything. */
static void begin(unsigned number)
{
	int other, fd;
	const struct msg_session_open m = {
	    .cookie = number, .client = STR("127.0.0.1"), .session = STR("s")};
	clients[number] = pair(SOCK_STREAM, &other);
	opens = number;
	system_session_start(session_request_new(0, &m, other), STR("ann@host.example"), 4001);
	unit_settle();
	ck_assert_uint_eq(opens, number + 1);
	processes[number] = pair(SOCK_SEQPACKET, &fd);
	msg_owner_opened_send(owner, &(struct msg_owner_opened){.cookie = opened[number]}, &fd);
	close(fd);
	unit_settle();
}

static void say_started(unsigned number)
{
	enemy_greet(&theirs, processes[number]);
	ck_assert(enemy_send(processes[number], (uint8_t[]){0, 2}, 2, 0));
	unit_settle();
}

static void tell_ended(unsigned number)
{
	msg_owner_ended_send(owner, &(struct msg_owner_ended){.cookie = opened[number]}, NULL);
	unit_settle();
}

static void finish(unsigned number)
{
	close(clients[number]);
	close(processes[number]);
}

static void setup(void)
{
	int other;
	sessions_init(-1, on_end);
	system_sessions_init();
	system_sessions_peer(pair(SOCK_SEQPACKET, &other));
	owner = channel_new(other, &owner_server, &owner_handlers, NULL, on_owner_lost);
	unit_settle();
}

static bool client_was_told(unsigned number)
{
	char text[8] = "";
	return recv(clients[number], text, 4, MSG_DONTWAIT) == 4 && strcmp(text, "-ERR") == 0;
}

/* Its client is told by us what its process cannot be trusted to say any more. */
START_TEST(an_enemy_before_it_has_begun)
{
	const struct enemy_way *way = &enemy_ways[_i];
	setup();
	enemy_begin((unsigned)_i);
	begin(0);
	say_started(0);
	for (unsigned round = 0; round < enemy_rounds(); round++) {
		closes = ends[1] = 0;
		begin(1);
		bool dropped = way->say(&theirs, processes[1]);
		unit_settle();
		if (dropped) {
			ck_assert(enemy_is_dropped(processes[1]));
			ck_assert_uint_eq(closes, 1);
			ck_assert_uint_eq(closed, opened[1]);
		}
		close(processes[1]);
		unit_settle();
		bool begun = ends[1] == 1;
		tell_ended(1);
		ck_assert_uint_eq(ends[1], 1);
		ck_assert(begun || client_was_told(1));
		close(clients[1]);
	}
	ck_assert_uint_eq(ends[0], 0);
	ck_assert(!enemy_is_dropped(processes[0]));
	finish(0);
}
END_TEST

START_TEST(an_enemy_that_has_begun)
{
	const struct enemy_way *way = &enemy_ways[_i];
	const struct enemy_place at = {.edge = SPEAK_SESSION_CHILD, .greeted = true};
	setup();
	enemy_begin((unsigned)_i);
	begin(0);
	say_started(0);
	for (unsigned round = 0; round < enemy_rounds(); round++) {
		closes = ends[1] = 0;
		begin(1);
		say_started(1);
		bool dropped = way->say(&at, processes[1]);
		unit_settle();
		ck_assert(!dropped || enemy_is_dropped(processes[1]));
		ck_assert_uint_eq(ends[1], enemy_is_dropped(processes[1]));
		ck_assert_uint_eq(closes, enemy_is_dropped(processes[1]));
		close(processes[1]);
		unit_settle();
		ck_assert_uint_eq(ends[1], 1);
		tell_ended(1);
		ck_assert_uint_eq(ends[1], 1);
		close(clients[1]);
	}
	ck_assert_uint_eq(ends[0], 0);
	ck_assert(!enemy_is_dropped(processes[0]));
	finish(0);
}
END_TEST

/* Its channel is its leash: who lets go of it, and lives, is ended. */
START_TEST(who_lets_go_of_its_channel_is_ended)
{
	setup();
	begin(0);
	say_started(0);
	ck_assert_uint_eq(closes, 0);
	close(processes[0]);
	unit_settle();
	ck_assert_uint_eq(closes, 1);
	ck_assert_uint_eq(closed, opened[0]);
	ck_assert_uint_eq(ends[0], 1);
	close(clients[0]);
}
END_TEST

int main(void)
{
	enemy_setup();
	TCase *tc = tcase_create("system-sessions");
	tcase_add_loop_test(tc, an_enemy_before_it_has_begun, 0, (int)enemy_way_count);
	tcase_add_loop_test(tc, an_enemy_that_has_begun, 0, (int)enemy_way_count);
	tcase_add_test(tc, who_lets_go_of_its_channel_is_ended);
	return enemy_report(unit_run_case("system-sessions", tc));
}
