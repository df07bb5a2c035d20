/* SPDX-License-Identifier: ISC
 *
 * Runs with the privileges of the start, so everything after the mkdir goes
 * through the open descriptor: nobody can exchange the directory in between.
 */
#include "common/home.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct owner {
	uid_t uid;
	gid_t gid;
};

struct home {
	const char *path, *user, *option;
	bool needed;
	struct owner owner;
};

/* -1, if that is not the end. */
__attribute__((format(printf, 3, 4))) static int give_up(
    const struct home *h, int status, const char *format, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (h->needed)
		log_fatal(status, "%s", text);
	log_message(LOG_WARNING, "%s", text);
	return -1;
}

static int find_owner(struct home *h)
{
	h->owner = (struct owner){geteuid(), getegid()};
	if (geteuid() != 0)
		return 0;
	const struct passwd *pw = getpwnam(h->user);
	if (pw == NULL)
		return give_up(
		    h, EX_NOUSER, "there is no user %s: make it, as conf/sysusers.d does", h->user);
	h->owner = (struct owner){pw->pw_uid, pw->pw_gid};
	return 0;
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

/* 1: made; 0: it was there. */
static int make_directory(const struct home *h)
{
	if (mkdir(h->path, 0700) == 0)
		return 1;
	if (errno == ENOENT) {
		make_leading(h->path);
		if (mkdir(h->path, 0700) == 0)
			return 1;
	}
	if (errno != EEXIST)
		return give_up(h, EX_CANTCREAT, "the %s directory %s cannot be made: %s", h->option,
		    h->path, strerror(errno));
	return 0;
}

static int check(const struct home *h, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return give_up(
		    h, EX_OSERR, "the %s directory %s: %s", h->option, h->path, strerror(errno));
	if (st.st_uid != h->owner.uid)
		return give_up(h, EX_NOPERM,
		    "the %s directory %s belongs to user %u, not to user %u (%s): "
		    "chown -R it, or set another \"%s\"",
		    h->option, h->path, (unsigned)st.st_uid, (unsigned)h->owner.uid, h->user,
		    h->option);
	if ((st.st_mode & 022) != 0)
		return give_up(h, EX_NOPERM,
		    "others may write in the %s directory %s: chmod 700 it", h->option, h->path);
	return 0;
}

static int open_directory(const struct home *h)
{
	int made = make_directory(h);
	if (made < 0)
		return -1;
	int fd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return give_up(h, EX_NOINPUT, "the %s directory %s cannot be opened: %s", h->option,
		    h->path, strerror(errno));
	if (made && fchown(fd, h->owner.uid, h->owner.gid) < 0)
		give_up(h, EX_NOPERM, "the %s directory %s cannot be given to its user: %s",
		    h->option, h->path, strerror(errno));
	if (check(h, fd) == 0)
		return fd;
	close(fd);
	return -1;
}

int home_open(const char *path, const char *user, const char *option, bool needed)
{
	struct home h = {.path = path, .user = user, .option = option, .needed = needed};
	return find_owner(&h) < 0 ? -1 : open_directory(&h);
}
