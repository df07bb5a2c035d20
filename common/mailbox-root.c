/* SPDX-License-Identifier: ISC */
#include "common/mailbox-root.h"
#include "common/limits.h"
#include "common/mailbox-path.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
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

/* Returns whether the directory was made now. */
static bool make_with_parents(const char *path, const char *user)
{
	char *part = xstrdup(path);
	for (char *slash = part; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
		*slash = '\0';
		if (mkdir(part, PARENT_MODE) < 0 && errno != EEXIST)
			cannot_make(path, user);
	}
	free(part);
	if (mkdir(path, ROOT_MODE) == 0)
		return true;
	if (errno != EEXIST)
		cannot_make(path, user);
	return false;
}

static void give_to(int dir, const char *path, const char *user)
{
	const struct passwd *pw = getpwnam(user);
	/* A missing user is reported, in words, when the jail is entered. */
	if (pw != NULL && fchown(dir, pw->pw_uid, pw->pw_gid) < 0)
		log_fatal(EX_CANTCREAT, "%s cannot be given to %s: %m", path, user);
}

void mailbox_root_make(const char *path, const char *user)
{
	bool made = make_with_parents(path, user);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		log_fatal(EX_CANTCREAT, "the mailboxes' directory %s cannot be opened: %m", path);
	if (made && geteuid() == 0)
		give_to(dir, path, user);
	close(dir);
}
