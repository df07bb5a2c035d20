/* SPDX-License-Identifier: ISC
 *
 * Every touch of the disk goes through this table, so that tests can run the spool on
 * a disk in memory that fails, tears and forgets. Functions return -1 with errno.
 *
 * The functions below the table add what every caller needs: whole reads and writes.
 */
#ifndef POSTERN_SPOOL_IO_H
#define POSTERN_SPOOL_IO_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum spool_dir { SPOOL_DIR_TOP, SPOOL_DIR_SEGMENTS, SPOOL_DIR_LARGE, SPOOL_DIR_DAMAGED, SPOOL_DIRS };

struct spool_io {
	/* O_CREAT makes mode 0600; nothing but a regular file with one link is opened. */
	int (*open)(struct spool_io *io, enum spool_dir dir, const char *name, int flags);
	void (*close)(struct spool_io *io, int fd);
	ssize_t (*pread)(struct spool_io *io, int fd, void *p, size_t n, uint64_t offset);
	ssize_t (*pwritev)(struct spool_io *io, int fd, const struct iovec *iov, int count, uint64_t offset);
	int (*size)(struct spool_io *io, int fd, uint64_t *size);
	int (*sync_data)(struct spool_io *io, int fd); /* content of a file whose size stays */
	int (*sync_file)(struct spool_io *io, int fd); /* everything about it */
	int (*sync_dir)(struct spool_io *io, enum spool_dir dir);
	int (*unlink)(struct spool_io *io, enum spool_dir dir, const char *name);
	/* Moves a file to SPOOL_DIR_DAMAGED under `to`, which must not exist there. */
	int (*set_aside)(struct spool_io *io, enum spool_dir dir, const char *name, const char *to);
	/* Calls fn for each name but "." and ".."; fn returns false to stop. */
	int (*list)(struct spool_io *io, enum spool_dir dir, bool (*fn)(void *ctx, const char *name), void *ctx);
	int (*free_space)(struct spool_io *io, uint64_t *octets);
	uint64_t (*wall_us)(struct spool_io *io);
	uint64_t (*now_ms)(struct spool_io *io); /* never goes back */
	void (*free)(struct spool_io *io);
};

/* The real disk under the directory `dirfd`, which is duplicated; makes the directories
 * below it if `create`, and takes the lock: errno EWOULDBLOCK when another program has it. */
struct spool_io *spool_io_open(int dirfd, bool create);

/* Whole reads and writes. 0 or an errno; a read that meets the end of the file gives ENODATA. */
int spool_io_read(struct spool_io *io, int fd, void *p, size_t n, uint64_t offset);
int spool_io_write(struct spool_io *io, int fd, const void *p, size_t n, uint64_t offset);
/* Uses up iov. */
int spool_io_writev(struct spool_io *io, int fd, struct iovec *iov, int count, uint64_t offset);

#endif
