/* SPDX-License-Identifier: ISC
 *
 * What `postern audit` says of processes whose jails are broken, each in one way (broken.c): the
 * kernel's facts of real processes, and the same judge. An unbroken one is said nothing of.
 */
#include "common/jail.h"
#include "common/paths.h"
#include "control/audit-judge.h"
#include "control/audit-process.h"
#include "tests/escape/stage.h"
#include "tests/unit/unit.h"

#include <check.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ORDINARY = 1, ROOT = 2, ANY = ORDINARY | ROOT };

static struct stage stage;

static const struct {
	const char *spoil;
	unsigned users;
	const char *said, *also; /* in every finding: one of these */
} rows[] = {
    {"", ANY, NULL, NULL},
    {"file", ANY, "/etc/passwd, to read", NULL},
    {"directory", ANY, "/tmp, to read", NULL},
    {"written", ANY, "to read and write", NULL},
    {"datagrams", ANY, "2 sockets to the log instead of 1", NULL},
    {"netlink", ANY, "a strange socket", NULL},
    {"pipe", ANY, "pipe:", NULL},
    {"udp", ANY, "a UDP socket, not listening", NULL},
    {"listener", ANY, "a TCP socket, listening", NULL},
    {"channels", ANY, "17 channels instead of", NULL},
    {"process", ANY, "pidfd", NULL},
    {"processes", ANY, "it may start processes", NULL},
    {"dumpable", ANY, "it can be dumped", NULL},
    {"filter", ANY, "there is no seccomp filter", NULL},
    /* Without root, a program that could gain them cannot have Landlock, and ends by its own test.
     */
    {"privileges", ROOT, "it could gain privileges", "there is no seccomp filter"},
    {"bounding", ROOT, "bounding capabilities", NULL},
    {"capability", ROOT, "permitted capabilities 2000", "effective capabilities 2000"},
    {"root", ROOT, "the root directory / instead of", "its root directory is not empty"},
    {"group", ROOT, "1 supplementary groups", NULL},
    {"saved group", ROOT, "group 0 instead of", NULL},
    {"user", ROOT, "user 1 instead of", NULL},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct conf *stage_conf(void)
{
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse("postern.conf", stage.conf, strlen(stage.conf), &faults);
	ck_assert_ptr_nonnull(conf);
	return conf;
}

static void audit_it(struct audit *audit, const struct conf *conf, enum program_id program)
{
	struct audit_process p;
	struct audit_claim claim = audit_claim_of(conf, program, false);
	const struct passwd *pw = getpwnam(jail_user(program));
	ck_assert_ptr_nonnull(pw);
	claim.root = stage.root;
	claim.uid = stage.root ? pw->pw_uid : STAGE_ORDINARY_USER;
	claim.gid = stage.root ? pw->pw_gid : STAGE_ORDINARY_USER;
	ck_assert(audit_process_read(stage_victim(&stage, program), &p));
	audit_judge(&claim, &p, audit_add(audit, jail_name(program), p.pid));
	ck_assert(p.seen);
	audit_process_reset(&p);
	free(claim.place);
}

static void check(const struct audit *audit, const char *what, const char *said, const char *also)
{
	const struct audit_report *r = &audit->reports[0];
	ck_assert_msg((r->excess_count > 0) == (said != NULL), "%s: %zu findings: %s", what,
	    r->excess_count, r->excess_count > 0 ? r->excess[0] : "");
	for (size_t i = 0; i < r->excess_count; i++)
		ck_assert_msg(strstr(r->excess[i], said) != NULL ||
				  (also != NULL && strstr(r->excess[i], also) != NULL),
		    "%s: \"%s\"", what, r->excess[i]);
}

static void audit_broken(bool root, const char *spoil, const char *said, const char *also)
{
	struct audit audit = {.count = 0};
	stage_open_broken(&stage, root, spoil);
	struct conf *conf = stage_conf();
	audit_it(&audit, conf, PROGRAM_deliver_remote);
	check(&audit, spoil, said, also);
	audit_reset(&audit);
	conf_free(conf);
	stage_close(&stage);
}

START_TEST(broken)
{
	if (rows[_i].users & ORDINARY)
		audit_broken(false, rows[_i].spoil, rows[_i].said, rows[_i].also);
	if (rows[_i].users & ROOT)
		audit_broken(true, rows[_i].spoil, rows[_i].said, rows[_i].also);
}
END_TEST

/* The directory that is to be empty, and is the root of all that need no files. */
START_TEST(root_directory)
{
	static const char empty[] = POSTERN_RUNDIR "/empty", within[] = POSTERN_RUNDIR "/empty/x";
	audit_broken(true, "", NULL, NULL);
	ck_assert_int_eq(chmod(empty, 0777), 0); // NOLINT: nobody else is here
	audit_broken(true, "", "it may write to its root directory", NULL);
	ck_assert_int_eq(chmod(empty, 0555), 0); // NOLINT: nobody else is here
	int fd = open(within, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	audit_broken(true, "", "its root directory is not empty", NULL);
	unlink(within);
}
END_TEST

int main(void)
{
#ifdef WITH_SANITIZERS
	return 77; /* there is no filter in such a build, and nothing can be put in its place */
#endif
	if (!stage_isolate_or_say())
		return 77;
	TCase *tc = tcase_create("audit");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, broken, 0, ROWS);
	tcase_add_test(tc, root_directory);
	return unit_run_case("audit", tc);
}
