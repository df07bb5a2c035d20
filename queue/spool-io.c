/* SPDX-License-Identifier: ISC */
#include "queue/spool-io.h"

#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

struct disk {
	struct spool_io io; /* first */
	int dirs[SPOOL_DIRS];
	int lock;
};

static const char *const dir_names[SPOOL_DIRS] = {
    [SPOOL_DIR_TOP] = ".",
    [SPOOL_DIR_SEGMENTS] = "segments",
    [SPOOL_DIR_LARGE] = "large",
    [SPOOL_DIR_DAMAGED] = "damaged",
};

static int dir_of(struct spool_io *io, enum spool_dir dir)
{
	return ((struct disk *)io)->dirs[dir];
}

static int disk_open(struct spool_io *io, enum spool_dir dir, const char *name, int flags)
{
	struct stat st;
	int fd = openat(dir_of(io, dir), name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
	    S_IRUSR | S_IWUSR);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

static void disk_close(struct spool_io *io, int fd)
{
	(void)io;
	close(fd);
}

static ssize_t disk_pread(struct spool_io *io, int fd, void *p, size_t n, uint64_t offset)
{
	(void)io;
	return pread(fd, p, n, (off_t)offset);
}

static ssize_t disk_pwritev(struct spool_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	(void)io;
	return pwritev(fd, iov, count, (off_t)offset);
}

static int disk_size(struct spool_io *io, int fd, uint64_t *size)
{
	struct stat st;
	(void)io;
	if (fstat(fd, &st) < 0)
		return -1;
	*size = (uint64_t)st.st_size;
	return 0;
}

static int disk_sync_data(struct spool_io *io, int fd)
{
	(void)io;
	return fdatasync(fd);
}

static int disk_sync_file(struct spool_io *io, int fd)
{
	(void)io;
	return fsync(fd);
}

static int disk_sync_dir(struct spool_io *io, enum spool_dir dir)
{
	return fsync(dir_of(io, dir));
}

static int disk_unlink(struct spool_io *io, enum spool_dir dir, const char *name)
{
	return unlinkat(dir_of(io, dir), name, 0);
}

static int disk_set_aside(struct spool_io *io, enum spool_dir dir, const char *name, const char *to)
{
	return renameat2(dir_of(io, dir), name, dir_of(io, SPOOL_DIR_DAMAGED), to, RENAME_NOREPLACE);
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int disk_list(struct spool_io *io, enum spool_dir dir, bool (*fn)(void *ctx, const char *name), void *ctx)
{
	int fd = openat(dir_of(io, dir), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	struct dirent *entry;
	errno = 0;
	while ((entry = readdir(d)) != NULL)
		if (!is_dot(entry->d_name) && !fn(ctx, entry->d_name))
			break;
	int error = errno;
	closedir(d);
	errno = error;
	return entry == NULL && error != 0 ? -1 : 0;
}

static int disk_free_space(struct spool_io *io, uint64_t *octets)
{
	struct statvfs st;
	if (fstatvfs(dir_of(io, SPOOL_DIR_TOP), &st) < 0)
		return -1;
	*octets = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

static uint64_t read_clock(clockid_t clock, uint64_t per_second)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * per_second + (uint64_t)ts.tv_nsec / (1000000000 / per_second);
}

static uint64_t disk_wall_us(struct spool_io *io)
{
	(void)io;
	return read_clock(CLOCK_REALTIME, 1000000);
}

static uint64_t disk_now_ms(struct spool_io *io)
{
	(void)io;
	return read_clock(CLOCK_MONOTONIC, 1000);
}

static void disk_free(struct spool_io *io)
{
	struct disk *d = (struct disk *)io;
	for (int i = 0; i < SPOOL_DIRS; i++)
		if (d->dirs[i] >= 0)
			close(d->dirs[i]);
	if (d->lock >= 0)
		close(d->lock);
	free(d);
}

static const struct spool_io disk_io = {
    .open = disk_open,
    .close = disk_close,
    .pread = disk_pread,
    .pwritev = disk_pwritev,
    .size = disk_size,
    .sync_data = disk_sync_data,
    .sync_file = disk_sync_file,
    .sync_dir = disk_sync_dir,
    .unlink = disk_unlink,
    .set_aside = disk_set_aside,
    .list = disk_list,
    .free_space = disk_free_space,
    .wall_us = disk_wall_us,
    .now_ms = disk_now_ms,
    .free = disk_free,
};

static int open_dir(int top, const char *name, bool create)
{
	if (create && mkdirat(top, name, S_IRWXU) < 0 && errno != EEXIST && errno != EROFS)
		return -1;
	return openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* A spool on a file system that became read-only is opened too: its mail stays visible. */
static int take_lock(int top, bool create)
{
	int fd = openat(top, "lock", O_RDWR | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW,
	    S_IRUSR | S_IWUSR);
	if (fd < 0)
		fd = openat(top, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

struct spool_io *spool_io_open(int dirfd, bool create)
{
	struct disk *d = xcalloc(1, sizeof(*d));
	d->io = disk_io;
	d->lock = -1;
	for (int i = 0; i < SPOOL_DIRS; i++)
		d->dirs[i] = -1;
	d->dirs[SPOOL_DIR_TOP] = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int top = d->dirs[SPOOL_DIR_TOP];
	bool ok = top >= 0 && (d->lock = take_lock(top, create)) >= 0;
	for (int i = SPOOL_DIR_TOP + 1; ok && i < SPOOL_DIRS; i++)
		ok = (d->dirs[i] = open_dir(top, dir_names[i], create)) >= 0;
	if (ok && create && fsync(top) < 0 && errno != EROFS)
		ok = false;
	if (ok)
		return &d->io;
	int error = errno;
	disk_free(&d->io);
	errno = error;
	return NULL;
}

int spool_io_read(struct spool_io *io, int fd, void *p, size_t n, uint64_t offset)
{
	for (uint8_t *to = p; n > 0;) {
		ssize_t got = io->pread(io, fd, to, n, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : ENODATA;
		to += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

/* Takes n octets from the front of the list. */
static void advance(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

int spool_io_writev(struct spool_io *io, int fd, struct iovec *iov, int count, uint64_t offset)
{
	advance(&iov, &count, 0);
	while (count > 0) {
		ssize_t put = io->pwritev(io, fd, iov, count, offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? errno : EIO;
		offset += (uint64_t)put;
		advance(&iov, &count, (size_t)put);
	}
	return 0;
}

int spool_io_write(struct spool_io *io, int fd, const void *p, size_t n, uint64_t offset)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	return spool_io_writev(io, fd, &iov, 1, offset);
}
