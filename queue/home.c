/* SPDX-License-Identifier: ISC
 *
 * Runs with the privileges of the start, so everything after the mkdir goes
 * through the open descriptor: nobody can exchange the directory in between.
 */
#include "queue/home.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct owner {
	uid_t uid;
	gid_t gid;
};

static struct owner find_owner(const char *user)
{
	if (geteuid() != 0)
		return (struct owner){geteuid(), getegid()};
	const struct passwd *pw = getpwnam(user);
	if (pw == NULL)
		log_fatal(EX_NOUSER, "there is no user %s: make it, as conf/sysusers.d does", user);
	return (struct owner){pw->pw_uid, pw->pw_gid};
}

/* Failures are found by the mkdir or open of the whole. */
static void make_leading(const char *path)
{
	char *copy = xstrdup(path);
	for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			log_debug("%s: %m", copy);
		*slash = '/';
	}
	free(copy);
}

static bool make_directory(const char *path)
{
	if (mkdir(path, 0700) == 0)
		return true;
	if (errno == ENOENT) {
		make_leading(path);
		if (mkdir(path, 0700) == 0)
			return true;
	}
	if (errno != EEXIST)
		log_fatal(EX_CANTCREAT, "the spool directory %s cannot be made: %m", path);
	return false;
}

static void check(const char *path, int fd, struct owner owner)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		log_fatal(EX_OSERR, "the spool directory %s: %m", path);
	if (st.st_uid != owner.uid)
		log_fatal(EX_NOPERM,
		    "the spool directory %s belongs to user %u, not to user %u that queue runs as: "
		    "chown -R it, or set another \"spool\"",
		    path, (unsigned)st.st_uid, (unsigned)owner.uid);
	if ((st.st_mode & 022) != 0)
		log_fatal(
		    EX_NOPERM, "others may write in the spool directory %s: chmod 700 it", path);
}

int home_open(const char *path, const char *user)
{
	struct owner owner = find_owner(user);
	bool made = make_directory(path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		log_fatal(EX_NOINPUT, "the spool directory %s cannot be opened: %m", path);
	if (made && fchown(fd, owner.uid, owner.gid) < 0)
		log_fatal(
		    EX_NOPERM, "the spool directory %s cannot be given to its user: %m", path);
	check(path, fd, owner);
	return fd;
}
