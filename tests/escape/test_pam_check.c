/* SPDX-License-Identifier: ISC
 *
 * pam-check, the real one in its jail, with a directory that was taken over: it has no more
 * processes than it should, keeps no more questions than it should, tells one directory nothing of
 * another's, and has PAM check nobody who may not have mail.
 */
#include "common/loop.h"
#include "common/msg-directory-pam.h"
#include "common/msg-supervision.h"
#include "directory/pam-check.h"
#include "tests/escape/stage.h"
#include "tests/unit/unit.h"

#include <check.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct stage stage;
static unsigned answers, closed;
static uint32_t cookie;
static uint8_t verdict;

static bool on_answer(void *ctx, const struct msg_pam_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	answers++;
	cookie = m->cookie;
	verdict = m->verdict;
	return true;
}

static const struct directory_pam_client_handlers handlers = {.pam_answer = on_answer};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	(void)why;
	closed++;
}

static struct channel *as_directory(void)
{
	int pair[2];
	const struct msg_peer m = {.edge = EDGE_directory_pam};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert(msg_peer_send(stage.programs[PROGRAM_pam_check].control, &m, &pair[1]));
	close(pair[1]);
	return channel_new(pair[0], &directory_pam_client, &handlers, NULL, on_closed);
}

static void ask(struct channel *directory, uint32_t number, struct str user)
{
	const struct msg_pam_query m = {.cookie = number,
	    .user = user,
	    .password = STR("secret"),
	    .client = STR("[192.0.2.1]")};
	ck_assert(msg_pam_query_send(directory, &m, NULL));
}

/* No more than the test's own limit of time. */
static void until(const unsigned *count, unsigned n)
{
	while (*count < n)
		event_base_loop(loop_base(), EVLOOP_ONCE);
}

static unsigned children(pid_t list[], unsigned max)
{
	char path[64];
	unsigned n = 0;
	int pid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)stage.programs[PROGRAM_pam_check].pid, (int)stage.programs[PROGRAM_pam_check].pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%d", &pid) == 1 && n < max) // NOLINT: a number of the kernel's
		list[n++] = pid;
	fclose(f);
	return n;
}

static void open_it(void)
{
	stage_open_broken(&stage, true, NULL); /* the real one, and no other */
	stage_victim(&stage, PROGRAM_pam_check);
}

/* All wait in a module (stage.h) until they are killed; what is too many is put off at once. */
START_TEST(no_more_than_so_many)
{
	enum { TAKEN = PAM_CHECK_PROCESSES_MAX + PAM_CHECK_QUEUE_MAX, MORE = 20 };
	pid_t list[TAKEN + MORE];
	open_it();
	struct channel *directory = as_directory();
	for (uint32_t i = 0; i < TAKEN + MORE; i++)
		ask(directory, i, STR("una"));
	until(&answers, MORE);
	ck_assert_int_eq(verdict, PAM_LATER);
	ck_assert_uint_eq(cookie, TAKEN + MORE - 1);
	unsigned n = children(list, TAKEN + MORE);
	ck_assert_uint_eq(n, PAM_CHECK_PROCESSES_MAX);
	ck_assert_uint_eq(answers, MORE);
	kill(list[0], SIGKILL);
	until(&answers, MORE + 1);
	while (children(list, TAKEN + MORE) < PAM_CHECK_PROCESSES_MAX) /* one that waited */
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ask(directory, 1000, STR("una"));
	ask(directory, 1001, STR("una"));
	until(&answers, MORE + 2);
	ck_assert_uint_eq(cookie, 1001);
	channel_free(directory);
	stage_close(&stage);
}
END_TEST

/* PAM would see another name than was sent. */
START_TEST(a_name_with_a_nul)
{
	open_it();
	struct channel *directory = as_directory();
	ask(directory, 1, STR("una\0x"));
	until(&closed, 1);
	channel_free(directory);
	directory = as_directory();
	ask(directory, 2, STR("una"));
	pid_t pid;
	while (children(&pid, 1) == 0)
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(answers, 1); /* that one was put off */
	kill(pid, SIGKILL);
	until(&answers, 2);
	ck_assert_uint_eq(cookie, 2);
	channel_free(directory);
	stage_close(&stage);
}
END_TEST

/* The next directory counts its cookies from the start again. */
START_TEST(answers_of_another)
{
	pid_t first, list[2];
	open_it();
	struct channel *directory = as_directory();
	ask(directory, 1, STR("una"));
	while (children(&first, 1) == 0)
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	channel_free(directory);
	directory = as_directory();
	ask(directory, 2, STR("ugo"));
	while (children(list, 2) < 2)
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	kill(first, SIGKILL);
	while (children(list, 2) == 2)
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	kill(list[0], SIGKILL);
	until(&answers, 1);
	ck_assert_uint_eq(cookie, 2);
	ck_assert_uint_eq(answers, 1);
	channel_free(directory);
	stage_close(&stage);
}
END_TEST

/* Instead of the stage's: a module that writes down whose password it is asked for, and takes any.
 */
static void write_stack(const char *stack)
{
	int fd =
	    open("/etc/pam.d/" PAM_CHECK_SERVICE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(fd, stack, strlen(stack)), (ssize_t)strlen(stack));
	close(fd);
}

#define ASKED_FOR "/run/asked-for"

/* The names in the order of the questions, without the module's own lines. */
static unsigned names_asked_for(char names[][64], unsigned max)
{
	unsigned n = 0;
	char line[256];
	FILE *f = fopen(ASKED_FOR, "re");
	ck_assert_ptr_nonnull(f);
	while (n < max && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0' && strncmp(line, "***", 3) != 0)
			snprintf(names[n++], sizeof(names[0]), "%.63s", line);
	}
	fclose(f);
	return n;
}

/* PAM takes any password of anybody here, and hears of nobody who may not have mail. */
START_TEST(who_may_not_have_mail)
{
	static const struct {
		const char *name;
		uint8_t verdict;
	} rows[] = {{"una", PAM_RIGHT}, {"root", PAM_WRONG}, {"daemon", PAM_WRONG},
	    {"ugly", PAM_WRONG}, {"postern-queue", PAM_WRONG}, {"nobody-such", PAM_WRONG},
	    {"", PAM_WRONG}, {"-una", PAM_WRONG}, {"una ", PAM_WRONG}, {"../una", PAM_WRONG},
	    {"ROOT", PAM_WRONG}, {"0", PAM_WRONG}, {"ugo", PAM_RIGHT}};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	char names[ROWS + 1][64];
	open_it();
	write_stack("auth required pam_exec.so quiet log=" ASKED_FOR " /usr/bin/printenv PAM_USER\n"
		    "auth required pam_permit.so\naccount required pam_permit.so\n");
	struct channel *directory = as_directory();
	for (unsigned i = 0; i < ROWS; i++) {
		ask(directory, i, str_from_cstr(rows[i].name));
		until(&answers, i + 1);
		ck_assert_uint_eq(cookie, i);
		ck_assert_msg(verdict == rows[i].verdict, "%s: %u", rows[i].name, verdict);
	}
	/* Of all the others the same was asked, under a name that is none of theirs. */
	ck_assert_uint_eq(names_asked_for(names, ROWS + 1), ROWS);
	ck_assert_str_eq(names[0], "una");
	ck_assert_str_eq(names[ROWS - 1], "ugo");
	for (unsigned i = 1; i < ROWS - 1; i++) {
		ck_assert_str_eq(names[i], names[1]);
		ck_assert_int_eq(strncmp(names[i], "postern-", 8), 0);
		ck_assert_ptr_null(getpwnam(names[i]));
	}
	channel_free(directory);
	stage_close(&stage);
}
END_TEST

/* It does not know either whether the password is right when PAM does not. */
START_TEST(what_pam_cannot_say)
{
	open_it();
	write_stack("auth required no-such-module.so\n");
	struct channel *directory = as_directory();
	ask(directory, 1, STR("root"));
	until(&answers, 1);
	ck_assert_uint_eq(verdict, PAM_LATER);
	channel_free(directory);
	stage_close(&stage);
}
END_TEST

int main(void)
{
	if (!stage_has(true, PROGRAM_pam_check)) {
		fprintf(stderr, "skipped: built without PAM\n");
		return 77;
	}
	if (!stage_isolate_or_say())
		return 77;
	TCase *tc = tcase_create("pam-check");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, no_more_than_so_many);
	tcase_add_test(tc, a_name_with_a_nul);
	tcase_add_test(tc, answers_of_another);
	tcase_add_test(tc, who_may_not_have_mail);
	tcase_add_test(tc, what_pam_cannot_say);
	return unit_run_case("pam-check", tc);
}
