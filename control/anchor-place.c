/* SPDX-License-Identifier: ISC
 *
 * Directories are compared by what they are, not by name: a link or a second mount is seen
 * through. What is not there yet counts where it would be made.
 */
#include "control/anchor-place.h"
#include "common/dir.h"
#include "common/jail.h"
#include "common/limits.h"
#include "common/mailbox-path.h"
#include "common/mem.h"
#include "common/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMEDY                                                                                     \
	": make one for it alone, as " POSTERN_STATEDIR "/dns, and give it to the user "           \
							"postern-dns"

struct looking {
	int anchor; /* its directory */
	struct stat st;
	struct buf *why;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int open_path(int at, const char *path)
{
	return openat(at, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Whether `upper` is what `dir` has open, or above it. Closes that. */
static bool is_at_or_above(const struct stat *upper, int dir)
{
	struct stat st, last = {.st_ino = 0};
	bool found = false;
	while (dir >= 0 && !found && fstat(dir, &st) == 0 && !is_same(&st, &last)) {
		found = is_same(&st, upper);
		int above = open_path(dir, "..");
		close(dir);
		dir = above;
		last = st;
	}
	if (dir >= 0)
		close(dir);
	return found;
}

/* The path's directory, or the nearest above it that is there; -1: none can be seen. */
static int open_nearest(const char *path)
{
	char *part = xstrdup(path);
	int dir = open_path(AT_FDCWD, part);
	while (dir < 0 && (errno == ENOENT || errno == ENOTDIR) && strrchr(part, '/') != NULL) {
		char *slash = strrchr(part, '/');
		bool top = slash == part;
		slash[top ? 1 : 0] = '\0';
		dir = open_path(AT_FDCWD, part);
		if (top)
			break;
	}
	free(part);
	return dir;
}

/* `written`: by another program than resolver, so that nothing below it is resolver's alone. */
static bool is_apart(const struct looking *l, const char *path, const char *what, bool written)
{
	struct stat st;
	int dir = open_path(AT_FDCWD, path);
	bool there = dir >= 0 && fstat(dir, &st) == 0;
	if (dir >= 0)
		close(dir);
	if (is_at_or_above(&l->st, open_nearest(path))) {
		buf_printf(l->why, "resolver may write all of its directory, where %s (%s) is, too",
		    what, path);
		return false;
	}
	if (written && there && is_at_or_above(&st, open_path(l->anchor, "."))) {
		buf_printf(
		    l->why, "its directory is below %s (%s), which others write", what, path);
		return false;
	}
	return true;
}

static bool is_apart_from_file(const struct looking *l, const char *file, const char *what)
{
	struct str path = str_from_cstr(file);
	size_t slash = str_rfind(path, '/');
	char *directory =
	    slash >= path.n ? xstrdup(".") : str_dup(str_head(path, slash == 0 ? 1 : slash));
	bool apart = is_apart(l, directory, what, false);
	free(directory);
	return apart;
}

static bool is_apart_from_mailboxes(const struct looking *l, const struct conf *conf)
{
	struct buf root = BUF_INIT(MAILBOX_PATH_MAX);
	bool apart = true;
	if (mailbox_root(conf->mailboxes, &root) && buf_len(&root) > 0) {
		char *path = str_dup(buf_str(&root));
		apart = is_apart(l, path, "the mailboxes' directory", true);
		free(path);
	}
	buf_release(&root);
	return apart;
}

static bool is_apart_from_ours(
    const struct looking *l, const struct conf *conf, const char *conf_path)
{
	bool apart = is_apart_from_file(l, conf_path, "the configuration's directory") &&
		     is_apart(l, conf->tables, "the tables' directory", false) &&
		     is_apart(l, conf->spool, "the spool", true) &&
		     is_apart(l, conf->auth.state, "the state directory", true) &&
		     is_apart(l, conf->run, "the run directory", true) &&
		     is_apart_from_mailboxes(l, conf);
	for (size_t i = 0; apart && i < conf->certificate_count; i++)
		apart =
		    is_apart_from_file(
			l, conf->certificates[i].chain, "a certificate's directory") &&
		    is_apart_from_file(l, conf->certificates[i].key, "a private key's directory");
	return apart;
}

/* Which may be empty today. What is above one of these is in the list, or not empty. */
static bool is_not_shared(const struct looking *l)
{
	static const char *const shared[] = {"/", "/boot", "/dev", "/dev/shm", "/etc", "/home",
	    "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/run/lock", "/srv", "/sys", "/tmp",
	    "/usr", "/usr/lib", "/usr/local", "/usr/share", "/var", "/var/cache", "/var/lib",
	    "/var/log", "/var/mail", "/var/spool", "/var/tmp", POSTERN_STATEDIR};
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		struct stat st;
		if (stat(shared[i], &st) < 0 || !is_same(&st, &l->st))
			continue;
		buf_printf(l->why,
		    "resolver may write all of its directory, and %s is not for one program",
		    shared[i]);
		return false;
	}
	return true;
}

struct strangers {
	const struct looking *looking;
	struct str file;
	bool found;
};

/* The anchor's are its file, and FILE.SOMETHING: what libunbound renames to it, and a probe. */
static bool on_entry(void *ctx, const char *name)
{
	struct strangers *s = ctx;
	struct stat st;
	struct str entry = str_from_cstr(name);
	bool named =
	    str_has_prefix(entry, s->file) && (entry.n == s->file.n || entry.p[s->file.n] == '.');
	if (named && (fstatat(s->looking->anchor, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			 !S_ISDIR(st.st_mode)))
		return true;
	buf_append_str(s->looking->why,
	    STR("resolver may write all of its directory, where there is also \""));
	for (; *name != '\0'; name++) /* whoever named it */
		buf_append_u8(s->looking->why, (uint8_t)ascii_shown(*name));
	buf_append_str(s->looking->why, STR("\""));
	s->found = true;
	return false;
}

static bool is_alone(const struct looking *l, struct str file)
{
	struct strangers s = {.looking = l, .file = file};
	dir_each(l->anchor, on_entry, &s);
	return !s.found;
}

bool anchor_place_is_own(const struct conf *conf, const char *conf_path, struct buf *why)
{
	char *directory = jail_directory(PROGRAM_resolver, conf);
	if (directory == NULL)
		return true;
	struct looking l = {
	    .anchor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .why = why};
	struct str file =
	    str_skip(str_from_cstr(conf->resolver.trust_anchor), strlen(directory) + 1);
	free(directory);
	if (l.anchor < 0)
		return true;
	bool own =
	    fstat(l.anchor, &l.st) < 0 ||
	    (is_not_shared(&l) && is_apart_from_ours(&l, conf, conf_path) && is_alone(&l, file));
	close(l.anchor);
	if (!own)
		buf_append_str(why, STR(REMEDY));
	return own;
}
