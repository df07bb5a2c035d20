/* SPDX-License-Identifier: ISC */
#include "common/mailbox-root.h"
#include "common/limits.h"
#include "common/mailbox-path.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { PARENT_MODE = 0755, ROOT_MODE = 0700 };

char *mailbox_root_path(const struct conf *conf)
{
	struct buf root = BUF_INIT(MAILBOX_PATH_MAX);
	if (!mailbox_root(conf->mailboxes, &root) || buf_len(&root) == 0)
		log_fatal(EX_CONFIG,
		    "\"mailboxes\" has no fixed directory in front: write, for example, "
		    "mailboxes = \"/var/mail/%%d/%%n\"");
	char *path = str_dup(buf_str(&root));
	buf_release(&root);
	return path;
}

static void cannot_make(const char *path, const char *user)
{
	log_fatal(EX_CANTCREAT,
	    "the mailboxes' directory %s cannot be made: %m. Make it by hand and give it to %s, or "
	    "change \"mailboxes\"",
	    path, geteuid() == 0 ? user : "the user that the suite runs as");
}

static void make_parents(const char *path, const char *user)
{
	char *part = xstrdup(path);
	for (char *slash = part; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
		*slash = '\0';
		if (mkdir(part, PARENT_MODE) < 0 && errno != EEXIST)
			cannot_make(path, user);
	}
	free(part);
}

static void give_to(const char *dir, const char *path, const char *user)
{
	const struct passwd *pw = getpwnam(user);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* A missing user is reported, in words, when the jail is entered. */
	if (fd < 0 || (pw != NULL && fchown(fd, pw->pw_uid, pw->pw_gid) < 0))
		log_fatal(EX_CANTCREAT, "%s cannot be given to %s: %m", path, user);
	close(fd);
}

/* 0 or an errno. */
static int put_in_place(const char *fresh, const char *path)
{
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	/* File systems that do not know it: another one that is empty gives way. */
	if (errno == EINVAL && rename(fresh, path) == 0)
		return 0;
	return errno;
}

/* Two programs may be at it at once: it appears under its name when it is the user's already. */
static void make_root(const char *path, const char *user)
{
	char *fresh = xasprintf("%s.%d", path, (int)getpid());
	if (mkdir(fresh, ROOT_MODE) < 0)
		cannot_make(path, user);
	if (geteuid() == 0)
		give_to(fresh, path, user);
	int error = put_in_place(fresh, path);
	if (error != 0)
		rmdir(fresh);
	errno = error;
	if (error != 0 && error != EEXIST && error != ENOTEMPTY)
		cannot_make(path, user);
	free(fresh);
}

void mailbox_root_make(const char *path, const char *user)
{
	struct stat st;
	if (stat(path, &st) < 0 && errno == ENOENT) {
		make_parents(path, user);
		make_root(path, user);
	}
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		log_fatal(EX_CANTCREAT, "the mailboxes' directory %s cannot be opened: %m", path);
	close(dir);
}
