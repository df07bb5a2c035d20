/* SPDX-License-Identifier: ISC
 *
 * Invariant: an open map was walked once from end to end, so a later failure to
 * read it means that the file changed in place or the disk broke, never that it
 * was half written.
 */
#include "common/mem.h"
#include "common/wire.h"
#include "directory/map-backend.h"
#include "directory/map-image.h"
#include "directory/map-seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct map {
	const struct map_backend *backend;
	void *handle;
	int fd; /* of the image, or of the file itself */
	bool in_memory;
	struct map_identity identity;
	struct map_facts facts;
};

static off_t image_max = MAP_IMAGE_MAX;

void map_set_image_max(off_t max)
{
	image_max = max;
}

void map_file_name(enum table_id table, char out[MAP_NAME_SIZE])
{
	snprintf(out, MAP_NAME_SIZE, "%s%s", table_name(table), map_bdb.suffix);
}

static struct map_identity identity_of(const struct stat *st)
{
	return (struct map_identity){.device = st->st_dev,
	    .inode = st->st_ino,
	    .size = st->st_size,
	    .mtime = (uint64_t)st->st_mtim.tv_sec * 1000000000U + (uint64_t)st->st_mtim.tv_nsec};
}

bool map_identify(int dirfd, enum table_id table, struct map_identity *out)
{
	char name[MAP_NAME_SIZE];
	struct stat st;
	map_file_name(table, name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*out = identity_of(&st);
	return true;
}

bool map_identity_eq(const struct map_identity *a, const struct map_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime == b->mtime;
}

const struct map_facts *map_get_facts(const struct map *m)
{
	return &m->facts;
}

bool map_is_intact(const struct map *m)
{
	struct stat st;
	if (m->in_memory)
		return true;
	if (fstat(m->fd, &st) < 0)
		return false;
	struct map_identity now = identity_of(&st);
	return map_identity_eq(&now, &m->identity);
}

void map_facts_put(struct buf *b, const struct map_facts *facts)
{
	struct wire_writer w = {.buf = b};
	wire_put_u32(&w, facts->format);
	wire_put_u8(&w, (uint8_t)facts->table);
	wire_put_u64(&w, facts->count);
	wire_put_u64(&w, facts->built);
	wire_put_u64(&w, facts->set);
	wire_put_u64(&w, facts->text_size);
	wire_put_u64(&w, facts->text_mtime);
}

bool map_facts_get(struct str value, struct map_facts *out)
{
	struct wire_reader r = {.p = (const uint8_t *)value.p, .n = value.n};
	*out = (struct map_facts){.format = wire_get_u32(&r)};
	uint8_t table = wire_get_u8(&r);
	out->table = table < TABLE_COUNT ? (enum table_id)table : TABLE_COUNT;
	out->count = wire_get_u64(&r);
	out->built = wire_get_u64(&r);
	out->set = wire_get_u64(&r);
	out->text_size = wire_get_u64(&r);
	out->text_mtime = wire_get_u64(&r);
	/* A later format may say more. */
	return !r.failed && (out->format != MAP_FORMAT || r.n == 0);
}

enum lookup_result map_get(struct map *m, struct str key, struct pool *pool, struct str *value)
{
	if (str_eq(key, MAP_FACTS_KEY) || (m->facts.count == 0 && m->in_memory))
		return LOOKUP_NONE;
	enum lookup_result found = m->backend->get(m->handle, key, pool, value);
	/* Afterwards: what was read must be from before the change. */
	return map_is_intact(m) ? found : LOOKUP_FAILED;
}

struct each {
	map_each_fn *fn;
	void *ctx;
	uint64_t count;
};

static bool pass_on(void *ctx, struct str key, struct str value)
{
	struct each *e = ctx;
	if (str_eq(key, MAP_FACTS_KEY))
		return true;
	e->count++;
	return e->fn == NULL || e->fn(e->ctx, key, value);
}

bool map_each(struct map *m, map_each_fn *fn, void *ctx)
{
	struct each e = {.fn = fn, .ctx = ctx};
	return m->backend->each(m->handle, pass_on, &e);
}

static const char *check_facts(struct map *m, enum table_id table)
{
	struct pool *pool = pool_new(4096);
	struct str value;
	enum lookup_result found = m->backend->get(m->handle, MAP_FACTS_KEY, pool, &value);
	bool ok = found == LOOKUP_FOUND && map_facts_get(value, &m->facts);
	pool_free(pool);
	if (!ok)
		return "does not say what it is";
	if (m->facts.format != MAP_FORMAT)
		return "was made by another version of Postern";
	return m->facts.table == table ? NULL : "is another table under this name";
}

static const char *check(struct map *m, enum table_id table)
{
	const char *why = check_facts(m, table);
	struct each e = {.fn = NULL};
	if (why != NULL)
		return why;
	if (!m->backend->each(m->handle, pass_on, &e))
		return "is damaged";
	return e.count == m->facts.count ? NULL : "lacks records that it should have";
}

static int open_file(int dirfd, enum table_id table, struct stat *st, const char **why)
{
	char name[MAP_NAME_SIZE];
	map_file_name(table, name);
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		*why = errno == ENOENT ? "is missing"
		       : errno == EACCES
			   ? "cannot be read: its group must be the one directory runs in"
		       : errno == ELOOP ? "is a symbolic link, which is not followed"
					: "cannot be opened";
		return -1;
	}
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	*why = "is no regular file";
	close(fd);
	return -1;
}

/* The descriptor to read from: an image of a small file, the file itself if it is large. */
static int hold(int fd, const struct stat *st, bool *in_memory, const char **why)
{
	struct stat after;
	*in_memory = st->st_size <= image_max;
	if (!*in_memory)
		return fd;
	int image = map_image_copy(fd, st->st_size);
	bool changed = fstat(fd, &after) < 0 || after.st_size != st->st_size ||
		       after.st_mtim.tv_sec != st->st_mtim.tv_sec ||
		       after.st_mtim.tv_nsec != st->st_mtim.tv_nsec;
	close(fd);
	if (image >= 0 && !changed)
		return image;
	*why = changed ? "is being written" : "cannot be read";
	if (image >= 0)
		close(image);
	return -1;
}

static const char *open_held(struct map *m, enum table_id table)
{
	if (!map_seal_is_whole(m->fd))
		return "is half written or damaged, or was not made by `postern table build`";
	m->handle = m->backend->open(m->fd, m->in_memory);
	return m->handle == NULL ? "is of another format" : check(m, table);
}

struct map *map_open(
    int dirfd, enum table_id table, struct map_identity *identity, const char **why)
{
	struct stat st;
	struct map *m = xcalloc(1, sizeof(*m));
	m->backend = &map_bdb;
	m->fd = open_file(dirfd, table, &st, why);
	if (m->fd >= 0) {
		m->identity = identity_of(&st);
		m->fd = hold(m->fd, &st, &m->in_memory, why);
	}
	if (identity != NULL)
		*identity = m->identity;
	if (m->fd >= 0) {
		*why = open_held(m, table);
		if (*why == NULL)
			return m;
	}
	map_close(m);
	return NULL;
}

void map_close(struct map *m)
{
	if (m == NULL)
		return;
	if (m->handle != NULL)
		m->backend->close(m->handle);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}
