/* SPDX-License-Identifier: ISC
 *
 * What lies around the programs: users in a password file of the test's own, and the things that an
 * intruder would like to have, each its owner's alone.
 */
#include "common/jail.h"
#include "common/mem.h"
#include "directory/pam-check.h"
#include "tests/escape/stage-internal.h"
#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OLD_ETC "/run/etc"

const struct stage_person stage_people[] = {
    {"una", STAGE_UNA, STAGE_UNA, STAGE_HOMES "/una"},
    {"ugo", STAGE_UGO, STAGE_UGO, STAGE_HOMES "/ugo"},
    {"ugly", STAGE_ROOTS_GROUP, 0, STAGE_HOMES "/una"},
    {"uwe", STAGE_AT_ROOT, STAGE_AT_ROOT, "/"},
    {"uma", STAGE_RELATIVE_HOME, STAGE_RELATIVE_HOME, "run/homes/una"},
    {"uri", STAGE_HOME_OF_ANOTHER, STAGE_HOME_OF_ANOTHER, STAGE_HOMES "/open"},
    {"ute", STAGE_NO_HOME, STAGE_NO_HOME, STAGE_HOMES "/none"},
    {"ulf", STAGE_HOME_FOR_ALL, STAGE_HOME_FOR_ALL, STAGE_HOMES "/ulf"},
    {"udo", STAGE_MAILDIR_LINK, STAGE_MAILDIR_LINK, STAGE_HOMES "/udo"},
    {"ursa", STAGE_MAILDIR_OF_ANOTHER, STAGE_MAILDIR_OF_ANOTHER, STAGE_HOMES "/ursa"},
    {"uli", STAGE_HOME_LINK, STAGE_HOME_LINK, STAGE_HOMES "/link"},
};
enum { PEOPLE = sizeof(stage_people) / sizeof(stage_people[0]) };

/* ---- a world of its own ------------------------------------------------------- */

static bool append_file(int to, const char *path)
{
	char piece[4096];
	ssize_t n = -1;
	int from = open(path, O_RDONLY | O_CLOEXEC);
	while (from >= 0 && (n = read(from, piece, sizeof(piece))) > 0)
		if (write(to, piece, (size_t)n) != n)
			break;
	close(from);
	return n == 0;
}

static unsigned number_of(enum program_id id)
{
	bool mail = strcmp(jail_user(id), jail_user(PROGRAM_deliver_local)) == 0;
	return STAGE_FIRST_USER + (mail ? 0 : (unsigned)id);
}

/* Ours first, so that they are found before those that the machine may have. */
static bool write_users(const char *path, const char *old, bool groups)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		if (strcmp(jail_user(id), "root") == 0)
			continue;
		dprintf(fd, groups ? "%s:x:%u:\n" : "%s:x:%u:%u::/nonexistent:/usr/sbin/nologin\n",
		    jail_user(id), number_of(id), number_of(id));
	}
	for (size_t i = 0; i < PEOPLE; i++) {
		const struct stage_person *p = &stage_people[i];
		if (groups)
			dprintf(fd, "%s:x:%u:\n", p->name, p->uid);
		else
			dprintf(fd, "%s:x:%u:%u::%s:/bin/sh\n", p->name, p->uid, p->gid, p->home);
	}
	bool ok = append_file(fd, old);
	close(fd);
	return ok;
}

/* Everything in /etc but what is the test's, by links to where it is seen now. */
static bool link_the_rest(void)
{
	char from[512], to[512];
	DIR *d = opendir(OLD_ETC);
	bool ok = d != NULL;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "passwd") == 0 ||
		    strcmp(e->d_name, "group") == 0 || strcmp(e->d_name, "pam.d") == 0)
			continue;
		snprintf(from, sizeof(from), OLD_ETC "/%s", e->d_name);
		snprintf(to, sizeof(to), "/etc/%s", e->d_name);
		ok = symlink(from, to) == 0;
	}
	if (d != NULL)
		closedir(d);
	return ok;
}

/* No real account's: a module at work opens a FIFO, and waits for a writer who never comes. */
static bool write_pam(void)
{
	static const char stack[] = "auth required pam_nologin.so file=" STAGE_PAM_HOLD "\n"
				    "auth required pam_deny.so\n"
				    "account required pam_deny.so\n";
	if (mkdir("/etc/pam.d", 0755) < 0 || mkfifo(STAGE_PAM_HOLD, 0600) < 0)
		return false;
	int fd =
	    open("/etc/pam.d/" PAM_CHECK_SERVICE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool ok = write(fd, stack, sizeof(stack) - 1) == sizeof(stack) - 1;
	close(fd);
	return ok;
}

/* A directory of its own, and not files mounted over those: the kernel takes a mount away when what
 * it lies over is renamed, whoever does that and in whichever namespace, as useradd does. */
static bool make_etc(void)
{
	return mkdir(OLD_ETC, 0755) == 0 && mount("/etc", OLD_ETC, NULL, MS_BIND, NULL) == 0 &&
	       mount("tmpfs", "/etc", "tmpfs", 0, "mode=755") == 0 && link_the_rest() &&
	       write_users("/etc/passwd", OLD_ETC "/passwd", false) &&
	       write_users("/etc/group", OLD_ETC "/group", true) && write_pam();
}

bool stage_isolate(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0 && make_etc();
}

bool stage_isolate_or_say(void)
{
	bool isolated = stage_isolate();
	if (!isolated)
		fprintf(stderr, "skipped: wants root, and a mount namespace of its own\n");
	return isolated;
}

/* ---- homes ---------------------------------------------------------------------- */

static void home_directory(const char *name, unsigned owner, mode_t mode)
{
	char path[128];
	snprintf(path, sizeof(path), STAGE_HOMES "/%s", name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chown(path, owner, owner), 0); // NOLINT: nobody else is here
	ck_assert_int_eq(chmod(path, mode), 0);		// NOLINT: nobody else is here
}

static void home_file(const char *name, unsigned owner)
{
	char path[128];
	snprintf(path, sizeof(path), STAGE_HOMES "/%s", name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "bait\n", 5), 5);
	ck_assert_int_eq(fchown(fd, owner, owner), 0);
	close(fd);
}

static void make_homes(void)
{
	static const char *const parts[] = {
	    "", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"};
	char name[64];
	if (mkdir(STAGE_HOMES, 0755) < 0)
		return; /* another test of this program made them */
	for (size_t who = 0; who < 2; who++) {
		const struct stage_person *p = &stage_people[who];
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			snprintf(name, sizeof(name), "%s%s", p->name, parts[i]);
			home_directory(name, p->uid, 0700);
		}
		snprintf(name, sizeof(name), "%s/Maildir/new/1.bait", p->name);
		home_file(name, p->uid);
		snprintf(name, sizeof(name), "%s/diary", p->name);
		home_file(name, p->uid);
	}
	home_directory("open", STAGE_UGO, 0755);
	home_directory("ulf", STAGE_HOME_FOR_ALL, 0777);
	home_directory("udo", STAGE_MAILDIR_LINK, 0755);
	ck_assert_int_eq(symlink("../una/Maildir", STAGE_HOMES "/udo/Maildir"), 0);
	home_directory("ursa", STAGE_MAILDIR_OF_ANOTHER, 0755);
	home_directory("ursa/Maildir", 0, 0755);
	ck_assert_int_eq(symlink("una", STAGE_HOMES "/link"), 0);
}

/* ---- what is worth having ---------------------------------------------------------- */

static void give(const char *path, const struct stage *st, enum program_id owner)
{
	unsigned number = !st->root		  ? STAGE_ORDINARY_USER
			  : owner == PROGRAM_NONE ? 0
						  : number_of(owner);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(path, number, number), 0); // NOLINT: nobody else is here
}

static char *make_directory(const struct stage *st, const char *name, enum program_id owner)
{
	char *path = xasprintf("%s/%s", st->directory, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	give(path, st, owner);
	return path;
}

static char *make_file(const struct stage *st, const char *name, enum program_id owner)
{
	char *path = xasprintf("%s/%s", st->directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "bait\n", 5), 5);
	close(fd);
	give(path, st, owner);
	return path;
}

static void make_mailboxes(struct stage *st)
{
	static const char *const directories[] = {"mail", "mail/example.org",
	    "mail/example.org/ann", "mail/example.org/ann/new", "mail/example.org/ann/cur",
	    "mail/example.org/ann/tmp", "mail/example.org/bob", "mail/example.org/bob/new"};
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		free(make_directory(st, directories[i], PROGRAM_deliver_local));
	st->ann = make_file(st, "mail/example.org/ann/new/1.bait", PROGRAM_deliver_local);
	st->bob = make_file(st, "mail/example.org/bob/new/1.bait", PROGRAM_deliver_local);
}

static int listen_unix(const char *path, size_t n)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	memcpy(to.sun_path, path, n);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	    0);
	ck_assert_int_eq(listen(fd, 100), 0);
	return fd;
}

static void listen_tcp(struct stage *st)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	socklen_t n = sizeof(to);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	st->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(st->tcp, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(st->tcp, 100), 0);
	ck_assert_int_eq(getsockname(st->tcp, (struct sockaddr *)&to, &n), 0);
	st->port = ntohs(to.sin_port);
}

const char *stage_conf_more;

void stage_write_conf(struct stage *st)
{
	st->conf = xasprintf("hostname = \"mx.example.org\"\npostmaster = \"ann@example.org\"\n"
			     "mailboxes = \"%s/mail/%%d/%%n\"\nspool = \"%s/spool\"\n"
			     "tables = \"%s/tables\"\nrun = \"%s/run\"\nworkers = 1\n"
			     "queue { segment-size = \"1 MiB\" }\n"
			     "resolver { trust-anchor = \"%s/anchor/root.key\" }\n"
			     "remote { authorities = \"%s/authorities.pem\" }\n"
			     "listen smtp { address = \"127.0.0.1:2525\" }\n"
			     "listen pop3 { address = \"127.0.0.1:2110\" }\n%s",
	    st->directory, st->directory, st->directory, st->directory, st->directory,
	    st->directory, stage_conf_more == NULL ? "" : stage_conf_more);
	if (!st->root)
		return;
	char *with_users =
	    xasprintf("%ssystem-users { domains = \"host.example\" authentication = %s }\n",
		st->conf, stage_has(true, PROGRAM_pam_check) ? "pam" : "none");
	free(st->conf);
	st->conf = with_users;
}

void stage_make_things(struct stage *st)
{
	st->abstract_size =
	    1 + (size_t)snprintf(st->abstract_name + 1, sizeof(st->abstract_name) - 1,
		    "postern-escape-%d", (int)getpid());
	make_mailboxes(st);
	free(make_directory(st, "tables", PROGRAM_directory));
	free(make_directory(st, "spool", PROGRAM_queue));
	free(make_directory(st, "anchor", PROGRAM_resolver));
	free(make_file(st, "authorities.pem", PROGRAM_deliver_remote));
	st->table = make_file(st, "tables/secret", PROGRAM_directory);
	st->spool_file = xasprintf("%s/spool/identity", st->directory);
	free(make_directory(st, "run", PROGRAM_NONE));
	st->control_socket = xasprintf("%s/run/control.sock", st->directory);
	st->unix_stream = listen_unix(st->control_socket, strlen(st->control_socket));
	give(st->control_socket, st, PROGRAM_NONE);
	st->abstract = listen_unix(st->abstract_name, st->abstract_size);
	listen_tcp(st);
	if (st->root)
		make_homes();
}
