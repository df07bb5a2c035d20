/* SPDX-License-Identifier: ISC
 *
 * What the root parents can be made to do by who asks them: start a process that is a user with
 * mail, in that user's Maildir. Not root, not a user whose uid is none of those that the
 * configuration names, not one whose home or Maildir is another's.
 */
#include "common/answers.h"
#include "common/loop.h"
#include "common/msg-owner.h"
#include "tests/escape/stage.h"
#include "tests/unit/unit.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WITH_SANITIZERS
#define FILTERED "0"
#else
#define FILTERED "2"
#endif

static struct stage stage;

static const struct {
	uint32_t uid;
	unsigned verdict, trouble;
} refused[] = {
    {0, OWNER_NOT_ALLOWED, 0},
    {1, OWNER_NOT_ALLOWED, 0},
    {999, OWNER_NOT_ALLOWED, 0},
    {60001, OWNER_NOT_ALLOWED, 0},
    {STAGE_FIRST_USER, OWNER_NOT_ALLOWED, 0},
    {STAGE_FIRST_USER + PROGRAM_keys, OWNER_NOT_ALLOWED, 0},
    {STAGE_ORDINARY_USER, OWNER_NOT_ALLOWED, 0},
    {65536, OWNER_NOT_ALLOWED, 0}, /* 0 in sixteen bits */
    {UINT32_MAX, OWNER_NOT_ALLOWED, 0},
    {INT32_MAX, OWNER_NOT_ALLOWED, 0},
    {STAGE_NOBODY_THERE, OWNER_NONE, 0},
    {STAGE_ROOTS_GROUP, OWNER_NOT_ALLOWED, 0},
    {STAGE_AT_ROOT, 0, TROUBLE_HOME},
    {STAGE_RELATIVE_HOME, 0, TROUBLE_HOME},
    {STAGE_NO_HOME, 0, TROUBLE_HOME},
    {STAGE_HOME_LINK, 0, TROUBLE_HOME}, /* to one that lets nobody in */
    {STAGE_HOME_OF_ANOTHER, 0, TROUBLE_HOME_OWNER},
    {STAGE_HOME_FOR_ALL, 0, TROUBLE_HOME_WRITABLE},
    {STAGE_MAILDIR_LINK, 0, TROUBLE_MAILBOX_LINK},
    {STAGE_MAILDIR_OF_ANOTHER, 0, TROUBLE_MAILBOX_OWNER},
};
enum { REFUSED = sizeof(refused) / sizeof(refused[0]) };

static enum program_id owner_of(int i)
{
	return i == 0 ? PROGRAM_deliver_owner : PROGRAM_pop3d_owner;
}

START_TEST(refusals)
{
	enum program_id owner = owner_of(_i);
	stage_open(&stage, true);
	for (size_t i = 0; i < REFUSED; i++) {
		struct stage_answer a = stage_ask_owner(&stage, owner, refused[i].uid);
		ck_assert_msg(
		    a.fd < 0 && a.verdict == refused[i].verdict && a.trouble == refused[i].trouble,
		    "%s, uid %u: descriptor %d, verdict %u, trouble %u", stage_victim_name(owner),
		    refused[i].uid, a.fd, a.verdict, a.trouble);
		ck_assert_int_eq(stage_youngest(stage.programs[owner].pid), 0);
	}
	stage_close(&stage);
}
END_TEST

static void check_line(const char *status, const char *line)
{
	ck_assert_msg(strstr(status, line) != NULL, "not \"%s\" but:\n%s", line, status);
}

static void check_is_una(pid_t pid)
{
	char path[64], text[8192], root[256];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	check_line(text, "\nUid:\t59001\t59001\t59001\t59001\n");
	check_line(text, "\nGid:\t59001\t59001\t59001\t59001\n");
	check_line(text, "\nGroups:\t59001 \n");
	check_line(text, "\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
			 "CapEff:\t0000000000000000\n");
	check_line(text, "\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t" FILTERED "\n");
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	ssize_t n = readlink(path, root, sizeof(root));
	ck_assert_str(str_from(root, n < 0 ? 0 : (size_t)n), STR(STAGE_HOMES "/una"));
}

static void close_process(enum program_id owner, uint32_t cookie)
{
	ck_assert(msg_owner_close_send(
	    stage.owners[owner], &(struct msg_owner_close){.cookie = cookie}, NULL));
}

/* Who asks can end what was made for it, and nothing else; and it cannot have as many as it likes.
 */
START_TEST(processes_of_users)
{
	enum { MAX = 16 };
	enum program_id owner = owner_of(_i);
	struct stage_answer made[MAX], busy;
	unsigned n = 0;
	stage_open(&stage, true);
	while (n < MAX && (made[n] = stage_ask_owner(&stage, owner, STAGE_UNA)).fd >= 0) {
		check_is_una(stage_youngest(stage.programs[owner].pid));
		n++;
	}
	ck_assert_uint_eq(n, owner == PROGRAM_deliver_owner ? 2 : 8);
	ck_assert_uint_eq(made[n].verdict, OWNER_BUSY);
	close_process(owner, made[n].cookie);
	close_process(owner, made[n].cookie + 1000);
	close_process(owner, 0);
	busy = stage_ask_owner(&stage, owner, STAGE_UNA);
	ck_assert_uint_eq(busy.verdict, OWNER_BUSY); /* so all are there */
	close_process(owner, made[0].cookie);
	do
		busy = stage_ask_owner(&stage, owner, STAGE_UNA);
	while (busy.fd < 0 && busy.verdict == OWNER_BUSY);
	ck_assert_int_ge(busy.fd, 0);
	close(busy.fd);
	for (unsigned i = 0; i < n; i++)
		close(made[i].fd);
	stage_close(&stage);
}
END_TEST

/* What another channel had made is not the next one's to end or to hear of. */
START_TEST(cookies_of_another)
{
	enum program_id owner = owner_of(_i);
	stage_open(&stage, true);
	struct stage_answer first = stage_ask_owner(&stage, owner, STAGE_UNA);
	ck_assert_int_ge(first.fd, 0);
	pid_t pid = stage_youngest(stage.programs[owner].pid);
	stage_forget_edges(&stage, owner);
	ck_assert_int_ge(stage_ask_owner(&stage, owner, STAGE_UGO).fd, 0);
	close_process(owner, first.cookie);
	struct stage_answer last = stage_ask_owner(&stage, owner, STAGE_AT_ROOT);
	ck_assert_uint_eq(last.trouble, TROUBLE_HOME); /* so it was read before that */
	ck_assert_int_eq(kill(pid, 0), 0);
	ck_assert_int_eq(
	    recv(first.fd, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT), 1); /* its greeting */
	stage.answer = (struct stage_answer){.cookie = first.cookie, .fd = -1};
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	while (kill(pid, 0) == 0)
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	first = stage_ask_owner(&stage, owner, STAGE_AT_ROOT);
	ck_assert_uint_eq(first.trouble, TROUBLE_HOME);
	ck_assert_uint_eq(stage_owner_strangers, 0);
	close(first.fd);
	stage_close(&stage);
}
END_TEST

/* Of all users together. */
START_TEST(no_more_than_so_many)
{
	enum { MAX = 3 };
	struct stage_answer made[MAX];
	stage_conf_more = "pop3 { sessions-max = 3 }\n";
	stage_open(&stage, true);
	for (int i = 0; i < MAX; i++) {
		made[i] = stage_ask_owner(&stage, PROGRAM_pop3d_owner, STAGE_UNA);
		ck_assert_int_ge(made[i].fd, 0);
	}
	ck_assert_uint_eq(
	    stage_ask_owner(&stage, PROGRAM_pop3d_owner, STAGE_UGO).verdict, OWNER_BUSY);
	for (int i = 0; i < MAX; i++)
		close(made[i].fd);
	stage_close(&stage);
	stage_conf_more = NULL;
}
END_TEST

int main(void)
{
	if (!stage_isolate_or_say())
		return 77;
	TCase *tc = tcase_create("root-parents");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, refusals, 0, 2);
	tcase_add_loop_test(tc, processes_of_users, 0, 2);
	tcase_add_loop_test(tc, cookies_of_another, 0, 2);
	tcase_add_test(tc, no_more_than_so_many);
	return unit_run_case("root-parents", tc);
}
