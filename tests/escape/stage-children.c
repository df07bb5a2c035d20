/* SPDX-License-Identifier: ISC
 *
 * The processes that programs make for one mailbox or one login, asked for by the way on which the
 * suite does it.
 */
#include "common/answers.h"
#include "common/mem.h"
#include "common/msg-directory-pam.h"
#include "common/msg-directory-session.h"
#include "common/msg-owner.h"
#include "common/msg-pop3d-session.h"
#include "common/msg-session-child.h"
#include "common/msg-supervision.h"
#include "tests/escape/stage-internal.h"
#include "tests/unit/unit-loop.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PATIENCE_MS = 20 * 1000 };

static enum program_id parent_of(unsigned victim)
{
	return victim == STAGE_SESSION	  ? PROGRAM_pop3d_session
	       : victim == STAGE_DELIVERY ? PROGRAM_deliver_owner
	       : victim == STAGE_LOGIN	  ? PROGRAM_pam_check
					  : PROGRAM_pop3d_owner;
}

static void on_edge_closed(void *ctx, struct channel *ch, const char *why)
{
	struct channel **place = ctx;
	(void)why;
	channel_free(ch);
	*place = NULL;
}

/* Our end of an edge of the program's. */
static int wire(const struct stage *st, enum program_id program, enum edge_id edge)
{
	int pair[2];
	const struct msg_peer m = {.edge = (uint8_t)edge};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert(msg_peer_send(st->programs[program].control, &m, &pair[1]));
	close(pair[1]);
	return pair[0];
}

pid_t stage_youngest(pid_t parent)
{
	char path[64];
	int child = 0, next;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%d", &next) == 1) // NOLINT: a number of the kernel's
		child = next;
	fclose(f);
	return child;
}

static void wait_readable(int fd, const char *what)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "%s: not in time", what);
}

/* It has greeted, so it is confined. */
static void wait_greeting(int client)
{
	char greeting[512];
	wait_readable(client, "a session");
	ssize_t n = read(client, greeting, sizeof(greeting));
	ck_assert_msg(
	    n > 3 && memcmp(greeting, "+OK", 3) == 0, "no session: %.*s", (int)n, greeting);
}

/* What the loop has to send is sent. */
static void turn_some(void)
{
	for (int i = 0; i < 50; i++)
		unit_turn();
}

/* ---- a session of the mailboxes' user ------------------------------------------------ */

static bool on_ended(void *ctx, const struct msg_session_ended *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct directory_session_client_handlers grant_handlers = {};
static const struct pop3d_session_client_handlers session_handlers = {.session_ended = on_ended};

/* A log-in by the way that directory and pop3d take. */
static void open_session(struct stage *st)
{
	static unsigned number;
	char ticket[TICKET_SIZE] = "";
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	memcpy(ticket, &(unsigned){++number}, sizeof(number));
	const struct str name = str_from(ticket, sizeof(ticket));
	const struct msg_session_grant grant = {.ticket = name, .address = STR("ann@example.org")};
	const struct msg_session_open order = {
	    .cookie = number, .ticket = name, .client = STR("127.0.0.1"), .session = STR("escape")};
	ck_assert(msg_session_grant_send(st->grants, &grant, NULL));
	ck_assert(msg_session_open_send(st->sessions, &order, &pair[1]));
	close(pair[1]);
	st->client = pair[0];
}

static void wire_session(struct stage *st, enum edge_id edge, const struct edge_side *side,
    const void *handlers, struct channel **place)
{
	channel_free(*place);
	*place = channel_new(
	    wire(st, PROGRAM_pop3d_session, edge), side, handlers, place, on_edge_closed);
}

static void make_session(struct stage *st)
{
	if (st->grants == NULL || st->sessions == NULL) {
		wire_session(st, EDGE_directory_session, &directory_session_client, &grant_handlers,
		    &st->grants);
		wire_session(st, EDGE_pop3d_session, &pop3d_session_client, &session_handlers,
		    &st->sessions);
	}
	open_session(st);
	turn_some();
	wait_greeting(st->client);
}

/* ---- processes of users of the machine ------------------------------------------------- */

static uint32_t owner_cookie; /* the last */

static bool on_owner_opened(void *ctx, const struct msg_owner_opened *m, int *fds)
{
	struct stage *st = ctx;
	if (m->cookie != st->answer.cookie)
		return true; /* of one before */
	st->answer.fd = fds[0];
	fds[0] = -1;
	st->answer.done = true;
	return true;
}

static bool on_owner_refused(void *ctx, const struct msg_owner_refused *m, int *fds)
{
	struct stage *st = ctx;
	(void)fds;
	if (m->cookie != st->answer.cookie)
		return true; /* of one before */
	st->answer.verdict = m->verdict;
	st->answer.done = true;
	return true;
}

unsigned stage_owner_strangers;

static bool on_owner_ended(void *ctx, const struct msg_owner_ended *m, int *fds)
{
	struct stage *st = ctx;
	(void)fds;
	stage_owner_strangers += m->cookie < st->first_cookie;
	if (m->cookie != st->answer.cookie)
		return true; /* of one before */
	st->answer.trouble = m->trouble;
	st->answer.ended = true;
	return true;
}

static const struct owner_client_handlers owner_handlers = {.owner_opened = on_owner_opened,
    .owner_refused = on_owner_refused,
    .owner_ended = on_owner_ended};

static void on_owner_closed(void *ctx, struct channel *ch, const char *why)
{
	struct stage *st = ctx;
	(void)why;
	for (size_t i = 0; i < PROGRAM_COUNT; i++)
		if (st->owners[i] == ch)
			st->owners[i] = NULL;
	channel_free(ch);
}

static void wire_owner(struct stage *st, enum program_id owner)
{
	enum edge_id edge = owner == PROGRAM_deliver_owner ? EDGE_local_owner : EDGE_session_owner;
	if (st->owners[owner] != NULL)
		return;
	st->first_cookie = owner_cookie + 1;
	st->owners[owner] =
	    channel_new(wire(st, owner, edge), &owner_client, &owner_handlers, st, on_owner_closed);
}

/* It greets once it is confined; its end is told of on the parent's channel. */
struct stage_answer stage_ask_owner(struct stage *st, enum program_id owner, unsigned uid)
{
	char c;
	stage_victim(st, owner);
	wire_owner(st, owner);
	st->answer = (struct stage_answer){.cookie = ++owner_cookie, .fd = -1};
	const struct msg_owner_open m = {.cookie = owner_cookie, .uid = uid};
	ck_assert(msg_owner_open_send(st->owners[owner], &m, NULL));
	stage_turn_until(&st->answer.done, "a root parent's answer");
	if (st->answer.fd < 0)
		return st->answer;
	wait_readable(st->answer.fd, "a user's process");
	if (recv(st->answer.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return st->answer;
	close(st->answer.fd);
	st->answer.fd = -1;
	stage_turn_until(&st->answer.ended, "the end of a user's process");
	return st->answer;
}

static bool on_session_started(void *ctx, const struct msg_session_started *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct session_child_client_handlers reader_handlers = {
    .session_started = on_session_started};

static void give_client(struct stage *st)
{
	int pair[2];
	const struct msg_session_begin m = {.address = STR("una@host.example"),
	    .client = STR("127.0.0.1"),
	    .session = STR("escape")};
	st->reader = channel_new(
	    st->child, &session_child_client, &reader_handlers, &st->reader, on_edge_closed);
	st->child = -1;
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert(msg_session_begin_send(st->reader, &m, &pair[1]));
	close(pair[1]);
	st->client = pair[0];
	turn_some();
	wait_greeting(st->client);
}

static void make_users_process(struct stage *st, unsigned victim)
{
	struct stage_answer a = stage_ask_owner(st, parent_of(victim), STAGE_UNA);
	ck_assert_msg(
	    a.fd >= 0, "no process of una's: refused %u, trouble %u", a.verdict, a.trouble);
	st->child = a.fd;
	if (victim == STAGE_READER_SESSION)
		give_client(st);
}

/* ---- logins of users of the machine ------------------------------------------------------ */

static bool on_pam_answer(void *ctx, const struct msg_pam_answer *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true; /* of one that was killed */
}

static const struct directory_pam_client_handlers login_handlers = {.pam_answer = on_pam_answer};

/* In open(STAGE_PAM_HOLD): the kernel says so of a process that waits, and the name is read there.
 */
static bool is_held(pid_t pid)
{
	char path[64], name[sizeof(STAGE_PAM_HOLD)];
	long number = -1;
	unsigned long at = 0;
	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	int n = fscanf(f, "%ld %*x %lx", &number, &at); // NOLINT: numbers of the kernel's
	fclose(f);
	const struct iovec here = {name, sizeof(name)},
			   there = {(void *)at, sizeof(name)}; // NOLINT: over there
	return n == 2 && number == SYS_openat &&
	       process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)sizeof(name) &&
	       memcmp(name, STAGE_PAM_HOLD, sizeof(name)) == 0;
}

static void make_login(struct stage *st)
{
	static uint32_t cookie;
	const struct msg_pam_query m = {.cookie = ++cookie,
	    .user = STR("una"),
	    .password = STR("secret"),
	    .client = STR("[127.0.0.1]")};
	pid_t before = stage_youngest(st->programs[PROGRAM_pam_check].pid), now = before;
	if (st->logins == NULL)
		st->logins = channel_new(wire(st, PROGRAM_pam_check, EDGE_directory_pam),
		    &directory_pam_client, &login_handlers, &st->logins, on_edge_closed);
	ck_assert(msg_pam_query_send(st->logins, &m, NULL));
	for (int ms = 0; ms < PATIENCE_MS && (now == before || now == 0 || !is_held(now)); ms++) {
		turn_some();
		poll(NULL, 0, 1);
		now = stage_youngest(st->programs[PROGRAM_pam_check].pid);
	}
	ck_assert_msg(is_held(now), "a login does not come to PAM's module in time");
}

/* ---- all of them
 * --------------------------------------------------------------------------------- */

pid_t stage_child(struct stage *st, unsigned victim)
{
	pid_t parent = stage_victim(st, parent_of(victim));
	if (victim == STAGE_SESSION)
		make_session(st);
	else if (victim == STAGE_LOGIN)
		make_login(st);
	else
		make_users_process(st, victim);
	pid_t child = stage_youngest(parent);
	ck_assert_int_gt(child, 0);
	return child;
}

void stage_forget_child(struct stage *st)
{
	channel_free(st->reader);
	st->reader = NULL;
	if (st->child >= 0)
		close(st->child);
	if (st->client >= 0)
		close(st->client);
	st->child = st->client = -1;
}

void stage_forget_edges(struct stage *st, enum program_id program)
{
	channel_free(st->owners[program]);
	st->owners[program] = NULL;
	if (program == PROGRAM_pam_check) {
		channel_free(st->logins);
		st->logins = NULL;
	}
	if (program != PROGRAM_pop3d_session)
		return;
	channel_free(st->grants);
	channel_free(st->sessions);
	st->grants = st->sessions = NULL;
}
