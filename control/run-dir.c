/* SPDX-License-Identifier: ISC
 *
 * The pid file is never removed, only emptied: a second suite that has it open
 * already must find our lock on it.
 */
#include "control/run-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PID_FILE "postern.pid"

enum { LOCK_TRIES = 5, LOCK_PAUSE_MS = 20 };

static bool complain(struct buf *faults, const char *path, const char *what)
{
	buf_printf(faults, "%s: %s\n", path, what);
	return false;
}

static int open_own_directory(const char *path, struct buf *faults)
{
	struct stat st;
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		buf_printf(faults,
		    "%s: the run directory cannot be made: %s: write run = \"DIR\" with a "
		    "directory of "
		    "your own\n",
		    path, strerror(errno));
		return -1;
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		buf_printf(
		    faults, "%s: the run directory cannot be opened: %s\n", path, strerror(errno));
	} else if (st.st_uid != geteuid()) {
		complain(faults, path,
		    "the run directory belongs to another user: write run = \"DIR\" with a "
		    "directory of "
		    "your own, or start the suite as that user");
	} else if (st.st_mode & S_IWOTH) {
		complain(faults, path,
		    "anybody may write to the run directory: take that right away with chmod o-w");
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static pid_t read_pid(int fd)
{
	char text[32];
	uint64_t pid;
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct str s = str_from(text, n > 0 ? (size_t)n : 0);
	return str_parse_u64(str_head(s, str_find(s, '\n')), INT32_MAX, &pid) ? (pid_t)pid : 0;
}

static bool write_pid(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
}

/* Somebody who only asks whether the lock is taken has it for a moment. */
static bool lock_patiently(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool lock_pid_file(int dir, const char *path, struct run_dir *out, struct buf *faults)
{
	int fd = openat(dir, PID_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		buf_printf(
		    faults, "%s/" PID_FILE ": it cannot be opened: %s\n", path, strerror(errno));
		return false;
	}
	pid_t before = read_pid(fd);
	if (!lock_patiently(fd)) {
		buf_printf(
		    faults, "%s: the suite is running already, as process %d\n", path, (int)before);
	} else if (!write_pid(fd)) {
		buf_printf(
		    faults, "%s/" PID_FILE ": it cannot be written: %s\n", path, strerror(errno));
	} else {
		*out = (struct run_dir){.lock = fd, .crashed_before = before != 0};
		return true;
	}
	close(fd);
	return false;
}

/* What the programs that run as other users make their root directory. */
static bool make_empty_root(int dir, const char *path, struct buf *faults)
{
	struct stat st;
	if (geteuid() != 0)
		return true;
	if ((mkdirat(dir, "empty", 0555) < 0 && errno != EEXIST) ||
	    fstatat(dir, "empty", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		buf_printf(faults, "%s/empty: it cannot be made: %s\n", path, strerror(errno));
		return false;
	}
	if (S_ISDIR(st.st_mode) && st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return true;
	buf_printf(faults, "%s/empty: it must be a directory that only root may write to\n", path);
	return false;
}

bool run_dir_claim(const char *path, struct run_dir *out, struct buf *faults)
{
	int dir = open_own_directory(path, faults);
	if (dir < 0)
		return false;
	bool ok = make_empty_root(dir, path, faults) && lock_pid_file(dir, path, out, faults);
	close(dir);
	return ok;
}

void run_dir_leave(const char *path, struct run_dir *dir)
{
	static const char *const sockets[] = {"control.sock", "queue.sock", "sendmail.sock"};
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < sizeof(sockets) / sizeof(sockets[0]); i++)
		(void)!unlinkat(
		    fd, sockets[i], 0); /* one that is left is replaced by the next start */
	if (fd >= 0)
		close(fd);
	(void)!ftruncate(dir->lock, 0);
	close(dir->lock);
	dir->lock = -1;
}

pid_t run_dir_owner(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, PID_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	pid_t owner = 0;
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		owner = read_pid(fd);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return owner;
}
