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
		    "mailboxes = \"/var/mail/virtual/%%d/%%n\"");
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

static void give_to(const char *path, const char *user)
{
	const struct passwd *pw = getpwnam(user);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A missing user is reported, in words, when the jail is entered. */
	if (dir < 0 || (pw != NULL && fchown(dir, pw->pw_uid, pw->pw_gid) < 0))
		log_fatal(EX_CANTCREAT, "%s cannot be given to %s: %m", path, user);
	close(dir);
}

/* Two programs start at once and need it: it appears under its name when it has its owner. */
static void make_owned(const char *path, const char *user)
{
	char *fresh = xasprintf("%s.%d", path, (int)getpid());
	if (mkdir(fresh, ROOT_MODE) < 0)
		cannot_make(path, user);
	if (geteuid() == 0)
		give_to(fresh, user);
	int rc = renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE);
	if (rc < 0 && errno == EINVAL) /* a file system without it */
		rc = rename(fresh, path);
	if (rc < 0) {
		int why = errno;
		rmdir(fresh);
		errno = why;
		if (why != EEXIST && why != ENOTEMPTY)
			cannot_make(path, user);
	}
	free(fresh);
}

void mailbox_root_make(const char *path, const char *user)
{
	struct stat st;
	if (stat(path, &st) < 0 && errno == ENOENT) {
		make_parents(path, user);
		make_owned(path, user);
	}
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		log_fatal(EX_CANTCREAT, "the mailboxes' directory %s cannot be opened: %m", path);
	close(dir);
}
