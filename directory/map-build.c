/* SPDX-License-Identifier: ISC
 *
 * The file is made by path, since the library knows no other way; it stands in a
 * directory that only the operator writes to (tables_open checks), and everything
 * after the making goes by descriptor.
 */
#include "directory/map-build.h"
#include "common/mem.h"
#include "directory/map-backend.h"
#include "directory/map-seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct map_build {
	const struct map_maker *maker;
	void *handle;
	int dirfd; /* the caller's */
	enum table_id table;
	struct map_owner owner;
	uint64_t count;
	bool exists; /* a file to remove */
	char name[MAP_NAME_SIZE];
	char fresh[MAP_NAME_SIZE + 8];
};

struct map_build *map_build_new(
    int dirfd, const char *dir, enum table_id table, const struct map_owner *owner)
{
	struct map_build *b = xcalloc(1, sizeof(*b));
	*b = (struct map_build){
	    .maker = &map_bdb_maker, .dirfd = dirfd, .table = table, .owner = *owner};
	map_file_name(table, b->name);
	snprintf(b->fresh, sizeof(b->fresh), "%s.new", b->name);
	char *path = xasprintf("%s/%s", dir, b->fresh);
	if (unlinkat(dirfd, b->fresh, 0) == 0 || errno == ENOENT)
		b->handle = b->maker->create(path);
	int saved = errno;
	free(path);
	if (b->handle == NULL) {
		map_build_free(b);
		errno = saved;
		return NULL;
	}
	b->exists = true;
	return b;
}

bool map_build_put(struct map_build *b, struct str key, struct str value)
{
	b->count++;
	return b->maker->put(b->handle, key, value);
}

static bool put_facts(struct map_build *b, const struct map_facts *given)
{
	struct map_facts facts = *given;
	struct buf value = BUF_INIT(1024);
	facts.format = MAP_FORMAT;
	facts.table = b->table;
	facts.count = b->count;
	map_facts_put(&value, &facts);
	bool ok = b->maker->put(b->handle, MAP_FACTS_KEY, buf_str(&value));
	buf_release(&value);
	return ok;
}

static bool set_owner(int fd, const struct map_owner *o)
{
	if ((o->uid != (uid_t)-1 || o->gid != (gid_t)-1) && fchown(fd, o->uid, o->gid) < 0)
		return false;
	return fchmod(fd, o->mode) == 0;
}

static bool seal_and_sync(struct map_build *b)
{
	int fd = openat(b->dirfd, b->fresh, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = map_seal_put(fd) && set_owner(fd, &b->owner) && fsync(fd) == 0;
	int saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

bool map_build_finish(struct map_build *b, const struct map_facts *facts)
{
	if (!put_facts(b, facts))
		return false;
	void *handle = b->handle;
	b->handle = NULL;
	return b->maker->finish(handle) && seal_and_sync(b);
}

bool map_build_install(struct map_build *b)
{
	if (renameat(b->dirfd, b->fresh, b->dirfd, b->name) < 0)
		return false;
	b->exists = false;
	return true;
}

void map_build_free(struct map_build *b)
{
	if (b == NULL)
		return;
	if (b->handle != NULL)
		b->maker->finish(b->handle);
	if (b->exists && unlinkat(b->dirfd, b->fresh, 0) < 0 && errno != ENOENT)
		perror(b->fresh);
	free(b);
}
