/* SPDX-License-Identifier: ISC
 *
 * What `postern audit` says of processes whose jails are broken, each in one way (broken.c): the
 * kernel's facts of real processes, and the same judge. An unbroken one is said nothing of. Every
 * program of jails.def has every mistake that it could have.
 */
#include "common/jail.h"
#include "common/paths.h"
#include "control/audit-judge.h"
#include "control/audit-process.h"
#include "tests/escape/stage.h"
#include "tests/unit/unit.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ORDINARY = 1, ROOT = 2, ANY = ORDINARY | ROOT };
/* Programs for which a row would be nothing wrong, or that have no such step: */
enum {
	OUTSIDE = 1 << 0,    /* "/" is their root */
	READERS = 1 << 1,    /* of /etc */
	EVERYWHERE = 1 << 2, /* all files are theirs */
	ROOTS = 1 << 3,	     /* they stay root */
	PARENTS = 1 << 4,
	FORKING = 1 << 5, /* or with threads */
	DATAGRAMS = 1 << 6,
	PASSING = 1 << 7, /* channels to users' processes */
	AT_HOME = 1 << 8, /* in a place: it may end where it cannot use that */
};

static struct stage stage;

static const struct {
	const char *spoil;
	unsigned users, not_of;
	const char *said, *also; /* in every finding: one of these */
} rows[] = {
    {"", ANY, 0, NULL, NULL},
    {"file", ANY, READERS | EVERYWHERE, "/etc/passwd, to read", NULL},
    {"directory", ANY, EVERYWHERE, "/tmp, to read", NULL},
    {"written", ANY, EVERYWHERE, "to read and write", NULL},
    {"datagrams", ANY, 0, "2 sockets to the log instead of 1", NULL},
    {"netlink", ANY, 0, "a strange socket", NULL},
    {"pipe", ANY, PARENTS, "pipe:", NULL},
    {"udp", ANY, DATAGRAMS, "a UDP socket, not listening", NULL},
    {"listener", ANY, 0, "a TCP socket, listening", NULL},
    {"channels", ANY, PASSING, "17 channels instead of", NULL},
    {"process", ANY, 0, "pidfd", NULL},
    {"processes", ANY, FORKING, "it may start processes", NULL},
    /* Of what is root's the kernel does not say so. */
    {"dumpable", ANY, ROOTS, "it can be dumped", NULL},
    {"filter", ANY, 0, "there is no seccomp filter", NULL},
    /* Without root, a program that could gain them cannot have Landlock, and ends by its own test.
     */
    {"privileges", ROOT, 0, "it could gain privileges", "there is no seccomp filter"},
    {"bounding", ROOT, 0, "bounding capabilities", NULL},
    {"capability", ROOT, ROOTS, "permitted capabilities 2000", "effective capabilities 2000"},
    {"root", ROOT, OUTSIDE, "the root directory / instead of", "its root directory is not empty"},
    {"group", ROOT, 0, "1 supplementary groups", NULL},
    {"saved group", ROOT, ROOTS, "group 0 instead of", NULL},
    {"user", ROOT, ROOTS, "user 1 instead of", NULL},
    {"same user", ROOT, ROOTS, "user 0 instead of", "capabilities"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static unsigned kinds_of(enum program_id id)
{
	const struct jail *jail = jail_of(id);
	bool everywhere = jail->place == PLACE_HOMES || jail->place == PLACE_ANYWHERE;
	bool machine = jail->place == PLACE_MACHINE;
	return (everywhere || machine ? OUTSIDE : 0) | (everywhere ? EVERYWHERE : 0) |
	       (machine ? READERS : 0) | (jail_capabilities(id) != 0 ? ROOTS : 0) |
	       (jail_child_calls(id) != 0 ? PARENTS : 0) |
	       (jail->calls & (SANDBOX_FORK | SANDBOX_THREADS | SANDBOX_ANY) ? FORKING : 0) |
	       (jail->sockets & SOCKETS_UDP ? DATAGRAMS : 0) |
	       (jail->sockets & SOCKETS_CHANNELS ? PASSING : 0) |
	       (jail->place != PLACE_NOWHERE && !everywhere && !machine ? AT_HOME : 0);
}

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

static bool is_right(const struct audit_report *r, const char *said, const char *also)
{
	bool right = (r->excess_count > 0) == (said != NULL);
	for (size_t i = 0; i < r->excess_count && right; i++)
		right = strstr(r->excess[i], said) != NULL ||
			(also != NULL && strstr(r->excess[i], also) != NULL);
	return right;
}

/* Looked at again for a while: the kernel lists no socket that is not bound yet, as the resolver's
 * first are for a moment. */
static void audit_broken(
    enum program_id program, const char *spoil, const char *said, const char *also)
{
	enum { LOOKS = 40, NAP_MS = 25 };
	struct conf *conf = stage_conf();
	bool right = false;
	for (int look = 0; look < LOOKS && !right; look++) {
		struct audit audit = {.count = 0};
		if (look > 0)
			poll(NULL, 0, NAP_MS);
		audit_it(&audit, conf, program);
		const struct audit_report *r = &audit.reports[0];
		right = is_right(r, said, also);
		ck_assert_msg(right || look + 1 < LOOKS, "%s, %s: %zu findings: %s", r->name, spoil,
		    r->excess_count, r->excess_count > 0 ? r->excess[0] : "");
		audit_reset(&audit);
	}
	conf_free(conf);
	stage_forget(&stage, program);
}

/* The row's mistake, in every program that could have it. */
static void audit_row(bool root, int row)
{
	stage_open_broken(&stage, root, rows[row].spoil);
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		if (!stage_has(root, id) || (kinds_of(id) & rows[row].not_of) != 0)
			continue;
		if (stage_starts(&stage, id))
			audit_broken(id, rows[row].spoil, rows[row].said, rows[row].also);
		else
			ck_assert_msg(rows[row].said != NULL && (kinds_of(id) & AT_HOME),
			    "%s, %s: it ends", jail_name(id), rows[row].spoil);
		stage_forget(&stage, id);
	}
	stage_close(&stage);
}

START_TEST(broken)
{
	if (rows[_i].users & ORDINARY)
		audit_row(false, _i);
	if (rows[_i].users & ROOT)
		audit_row(true, _i);
}
END_TEST

static void audit_remote(const char *said)
{
	stage_open_broken(&stage, true, "");
	audit_broken(PROGRAM_deliver_remote, "", said, NULL);
	stage_close(&stage);
}

/* The directory that is to be empty, and is the root of all that need no files. */
START_TEST(root_directory)
{
	static const char empty[] = POSTERN_RUNDIR "/empty", within[] = POSTERN_RUNDIR "/empty/x";
	audit_remote(NULL);
	ck_assert_int_eq(chmod(empty, 0777), 0); // NOLINT: nobody else is here
	audit_remote("it may write to its root directory");
	ck_assert_int_eq(chmod(empty, 0555), 0); // NOLINT: nobody else is here
	int fd = open(within, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	audit_remote("its root directory is not empty");
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
