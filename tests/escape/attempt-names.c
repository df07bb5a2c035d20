/* SPDX-License-Identifier: ISC
 *
 * Attempts at changing files of others by every name that there may be for them from inside: the
 * path, and each of its tails from the current directory, from each open directory, and from what
 * is above those. What counts is what has become of the file, as it is seen from outside.
 */
#include "tests/escape/attempt.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BAIT "bait\n"

typedef long deed_fn(struct victim *v, int directory, const char *name);
typedef bool done_fn(const char *path);

static const char *const above[] = {"", "../", "../../", "../../../../../../../../../"};
enum { ABOVE = sizeof(above) / sizeof(above[0]) };

/* The tail after the next "/"; NULL: that was the last. */
static const char *next_tail(const char *tail)
{
	const char *slash = strchr(tail, '/');
	return slash == NULL ? NULL : slash + 1;
}

static bool do_from(
    struct victim *v, int directory, const char *path, deed_fn *deed, done_fn *is_done)
{
	char name[512];
	for (const char *tail = path; tail != NULL && *tail != '\0'; tail = next_tail(tail))
		for (size_t i = 0; i < ABOVE; i++) {
			if (*tail == '/' && i > 0)
				break;
			snprintf(name, sizeof(name), "%s%s", above[i], tail);
			inject_reset(v);
			long rc = deed(v, directory, name);
			if (v->killed)
				return false;
			if (rc >= 0 && is_done(path))
				return true;
		}
	return false;
}

static long by_any_name(struct victim *v, const struct attempt_world *w, const char *path,
    deed_fn *deed, done_fn *is_done)
{
	bool done = do_from(v, AT_FDCWD, path, deed, is_done);
	for (size_t i = 0; i < w->directory_count && !done && !v->killed; i++)
		done = do_from(v, w->directories[i], path, deed, is_done);
	return done ? 0 : -1;
}

/* ---- a file that is there ---------------------------------------------------------- */

/* As it was, whatever was done to it: this is another name for it. */
static void keep(const struct stage *st, char kept[512])
{
	snprintf(kept, 512, "%s/kept", st->directory);
	ck_assert_int_eq(link(st->table, kept), 0);
}

static void restore(const struct stage *st, const char *kept)
{
	char moved[520];
	snprintf(moved, sizeof(moved), "%s.moved", st->table);
	unlink(moved);
	rename(kept, st->table);
	unlink(kept); /* of the same file, rename does nothing */
	int fd = open(st->table, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, BAIT, strlen(BAIT)) < 0 || fchmod(fd, 0600) < 0)
		perror(st->table);
	close(fd);
}

static long change_table(
    struct victim *v, const struct attempt_world *w, deed_fn *deed, done_fn *is_done)
{
	char kept[512];
	keep(w->stage, kept);
	long rc = by_any_name(v, w, w->stage->table, deed, is_done);
	restore(w->stage, kept);
	return rc;
}

static bool is_gone(const char *path)
{
	struct stat st;
	return lstat(path, &st) < 0;
}

static bool is_empty(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_size == 0;
}

static bool is_for_all(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && (st.st_mode & 0777) == 0777;
}

static bool is_so(const char *path)
{
	(void)path;
	return true;
}

static long unlink_it(struct victim *v, int directory, const char *name)
{
	return INJECT(v, SYS_unlinkat, directory, inject_text(v, name), 0);
}

/* Beside where it is: no jail forbids its own directory's names. */
static long rename_it(struct victim *v, int directory, const char *name)
{
	char to[520];
	snprintf(to, sizeof(to), "%s.moved", name);
	return INJECT(
	    v, SYS_renameat2, directory, inject_text(v, name), directory, inject_text(v, to), 0);
}

static long open_it(struct victim *v, int directory, const char *name, int flags)
{
	return INJECT(v, SYS_openat, directory, inject_text(v, name), flags | O_CLOEXEC, 0600);
}

static long empty_it(struct victim *v, int directory, const char *name)
{
	long fd = open_it(v, directory, name, O_WRONLY | O_TRUNC);
	if (fd >= 0)
		INJECT(v, SYS_close, fd);
	return fd;
}

static long chmod_it(struct victim *v, int directory, const char *name)
{
	return INJECT(v, SYS_fchmodat, directory, inject_text(v, name), 0777);
}

static long chmod_open_one(struct victim *v, int directory, const char *name)
{
	long fd = open_it(v, directory, name, O_RDONLY);
	if (fd < 0)
		return fd;
	long rc = INJECT(v, SYS_fchmod, fd, 0777);
	INJECT(v, SYS_close, fd);
	return rc;
}

/* These two know no other directory than the current one. */
static long truncate_it(struct victim *v, int directory, const char *name)
{
	(void)directory;
	return INJECT(v, SYS_truncate, inject_text(v, name), 0);
}

static long setxattr_it(struct victim *v, int directory, const char *name)
{
	(void)directory;
	return INJECT(v, SYS_setxattr, inject_text(v, name), inject_text(v, "user.escaped"),
	    inject_text(v, "x"), 1, 0);
}

long try_unlink(struct victim *v, const struct attempt_world *w)
{
	return change_table(v, w, unlink_it, is_gone);
}

long try_rename(struct victim *v, const struct attempt_world *w)
{
	return change_table(v, w, rename_it, is_gone);
}

long try_empty(struct victim *v, const struct attempt_world *w)
{
	return change_table(v, w, empty_it, is_empty);
}

long try_chmod(struct victim *v, const struct attempt_world *w)
{
	return change_table(v, w, chmod_it, is_for_all);
}

long try_chmod_open_one(struct victim *v, const struct attempt_world *w)
{
	return change_table(v, w, chmod_open_one, is_for_all);
}

long try_truncate(struct victim *v, const struct attempt_world *w)
{
	return change_table(v, w, truncate_it, is_empty);
}

long try_setxattr(struct victim *v, const struct attempt_world *w)
{
	return change_table(v, w, setxattr_it, is_so);
}

/* ---- one more ---------------------------------------------------------------------- */

static bool is_there(const char *path)
{
	return !is_gone(path);
}

static const char *wanted; /* of create_it */

/* Where it is in another place than it should be, it goes again. */
static long create_it(struct victim *v, int directory, const char *name)
{
	long fd = open_it(v, directory, name, O_WRONLY | O_CREAT | O_EXCL);
	if (fd >= 0)
		INJECT(v, SYS_close, fd);
	if (fd >= 0 && !is_there(wanted))
		INJECT(v, SYS_unlinkat, directory, inject_text(v, name), 0);
	return fd;
}

static long create(struct victim *v, const struct attempt_world *w, const char *path)
{
	wanted = path;
	long rc = by_any_name(v, w, path, create_it, is_there);
	unlink(path);
	return rc;
}

/* Beside a file of the stage's. */
static long create_beside(struct victim *v, const struct attempt_world *w, const char *file)
{
	char path[512];
	snprintf(path, sizeof(path), "%.*s/escaped", (int)(strrchr(file, '/') - file), file);
	return create(v, w, path);
}

long try_write_spool(struct victim *v, const struct attempt_world *w)
{
	return create_beside(v, w, w->stage->spool_file);
}

long try_write_other_mailbox(struct victim *v, const struct attempt_world *w)
{
	return create_beside(v, w, w->stage->bob);
}

long try_write_maildir_of_another(struct victim *v, const struct attempt_world *w)
{
	return create(v, w, STAGE_HOMES "/ugo/Maildir/new/escaped");
}
