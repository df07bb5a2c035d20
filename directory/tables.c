/* SPDX-License-Identifier: ISC */
#include "directory/tables.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const char *remedy_for_directory(const struct stat *st)
{
	if (st->st_mode & S_IWOTH)
		return "everybody can write to it: chmod o-w";
	if (geteuid() != 0)
		return NULL;
	/* Root follows no path that somebody else can change. */
	if (st->st_uid != 0)
		return "it belongs to another user: run this command as that user, or chown it to "
		       "root";
	return st->st_mode & S_IWGRP ? "a group can write to it: chmod g-w" : NULL;
}

static int open_directory(struct tables *t, bool exclusive, FILE *err)
{
	struct stat st;
	t->dirfd = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dirfd < 0 || fstat(t->dirfd, &st) < 0) {
		fprintf(err, "%s: %s: make the directory, or set \"tables\" in the configuration\n",
		    t->dir, strerror(errno));
		return EX_NOINPUT;
	}
	const char *remedy = remedy_for_directory(&st);
	if (remedy != NULL) {
		fprintf(err, "%s: %s\n", t->dir, remedy);
		return EX_NOPERM;
	}
	if (!exclusive || flock(t->dirfd, LOCK_EX | LOCK_NB) == 0)
		return EX_OK;
	fprintf(err, "waiting for another command that changes the tables ...\n");
	if (flock(t->dirfd, LOCK_EX) == 0)
		return EX_OK;
	fprintf(err, "%s: cannot be locked: %s\n", t->dir, strerror(errno));
	return EX_OSERR;
}

static bool read_all(int fd, struct buf *b)
{
	for (;;) {
		uint8_t *to = buf_reserve(b, 256 * 1024);
		ssize_t n = to == NULL ? 0 : read(fd, to, 256 * 1024);
		if (to == NULL)
			errno = EFBIG;
		if (to == NULL || (n < 0 && errno != EINTR))
			return false;
		if (n == 0)
			return true;
		if (n > 0)
			buf_commit(b, (size_t)n);
	}
}

static int read_fault(const struct table_text *x, const char *why, FILE *err)
{
	fprintf(err, "%s: %s\n", x->path, why);
	return EX_NOINPUT;
}

static int read_open_text(struct table_text *x, int fd, FILE *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return read_fault(x, strerror(errno), err);
	if (S_ISDIR(st.st_mode))
		return read_fault(x,
		    "is a directory, where a table is looked for: give it another name, or put "
		    "the tables elsewhere (option tables)",
		    err);
	if (!S_ISREG(st.st_mode))
		return read_fault(x, "is no regular file", err);
	x->exists = true;
	x->size = (uint64_t)st.st_size;
	x->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec;
	x->uid = st.st_uid;
	x->gid = st.st_gid;
	x->mode = st.st_mode & 07777;
	return read_all(fd, &x->buf) ? EX_OK : read_fault(x, strerror(errno), err);
}

/* Passwords and their hashes are nobody else's. A command that changes tables sees to that. */
static void take_from_others(struct table_text *x, int fd, FILE *err)
{
	if (!(x->mode & S_IRWXO) || fchmod(fd, x->mode & 0770) < 0)
		return; /* tables_load warns */
	x->mode &= 0770;
	fprintf(err, "%s: was open to everybody; its mode is now %03o\n", x->path, x->mode);
}

static int read_text(struct tables *t, enum table_id id, bool exclusive, FILE *err)
{
	struct table_text *x = &t->texts[id];
	int fd = openat(t->dirfd, table_name(id), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return EX_OK;
	if (fd < 0 && errno == ELOOP)
		return read_fault(x, "is a symbolic link: put the file itself here", err);
	if (fd < 0)
		return read_fault(x, strerror(errno), err);
	int status = read_open_text(x, fd, err);
	if (status == EX_OK && exclusive && table_is_secret(id))
		take_from_others(x, fd, err);
	close(fd);
	return status;
}

int tables_open(struct tables *t, const char *dir, bool exclusive, FILE *err)
{
	*t = (struct tables){.dir = dir, .dirfd = -1};
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		t->texts[i].path = xasprintf("%s/%s", dir, table_name((enum table_id)i));
		t->texts[i].buf = BUF_INIT(TABLE_TEXT_MAX);
		table_init(&t->tables[i], (enum table_id)i, t->texts[i].path);
	}
	int status = open_directory(t, exclusive, err);
	for (size_t i = 0; status == EX_OK && i < TABLE_COUNT; i++)
		status = read_text(t, (enum table_id)i, exclusive, err);
	return status;
}

void tables_close(struct tables *t)
{
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		table_free(&t->tables[i]);
		buf_release(&t->texts[i].buf);
		free(t->texts[i].path);
	}
	faults_free(&t->faults);
	if (t->dirfd >= 0)
		close(t->dirfd);
	t->dirfd = -1;
}

static enum lookup_result find(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	const struct tables *t = ctx;
	const struct table_entry *e = table_find(&t->tables[table], key);
	(void)pool;
	if (e != NULL && value != NULL)
		*value = e->value;
	return e != NULL ? LOOKUP_FOUND : LOOKUP_NONE;
}

struct lookup tables_lookup(const struct tables *t)
{
	return (struct lookup){.get = find, .ctx = (void *)(uintptr_t)t};
}
