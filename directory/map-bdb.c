/* SPDX-License-Identifier: ISC
 *
 * Berkeley DB 5.3: a B-tree with checksummed pages, no environment.
 *
 * Reading: the library opens nothing itself. A file that is open already is shown
 * to it under the name "/postern-fd/N", which our open function turns into a
 * duplicate of N; every other name, DB_CONFIG of CVE-2017-10140 included, is
 * refused. Making a file goes by its real path, with the current directory "/".
 *
 * After a page that does not check, the library forgets to close its descriptor;
 * so we note which one it got.
 */
#include "common/mem.h"
#include "directory/map-backend.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE_SIZE = 4096,
	CACHE_IMAGE = 512 * 1024, /* the file is in memory already */
	CACHE_IN_PLACE = 8 * 1024 * 1024,
	CACHE_MAKER = 32 * 1024 * 1024,
};

#define FD_PREFIX "/postern-fd/"

struct reader {
	DB *db;
	int lent[4]; /* descriptors that the library got; -1: none */
	bool failed;
};

/* The handle on whose behalf this thread is in the library; NULL: a file is being made. */
static _Thread_local struct reader *inside;

static struct reader *enter(struct reader *r)
{
	struct reader *outer = inside;
	inside = r;
	return outer;
}

static bool is_fd_name(const char *path)
{
	return strncmp(path, FD_PREFIX, sizeof(FD_PREFIX) - 1) == 0;
}

static int open_given(const char *path)
{
	uint64_t fd;
	size_t slot = 0;
	while (inside != NULL && slot < 4 && inside->lent[slot] >= 0)
		slot++;
	if (inside == NULL || slot == 4 ||
	    !str_parse_u64(str_from_cstr(path + sizeof(FD_PREFIX) - 1), INT32_MAX, &fd)) {
		errno = ENOENT;
		return -1;
	}
	int lent = fcntl((int)fd, F_DUPFD_CLOEXEC, 3);
	if (lent >= 0 && lseek(lent, 0, SEEK_SET) == 0)
		inside->lent[slot] = lent;
	return lent;
}

static int hook_open(const char *path, int flags, ...)
{
	if (is_fd_name(path))
		return open_given(path);
	if (inside != NULL) {
		errno = ENOENT;
		return -1;
	}
	va_list ap;
	va_start(ap, flags);
	int mode = va_arg(ap, int);
	va_end(ap);
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

static int hook_close(int fd)
{
	for (size_t i = 0; inside != NULL && i < 4; i++)
		if (inside->lent[i] == fd)
			inside->lent[i] = -1;
	return close(fd);
}

static int hook_exists(const char *path, int *is_directory)
{
	struct stat st;
	if (is_directory != NULL)
		*is_directory = 0;
	if (is_fd_name(path))
		return 0;
	if (inside != NULL)
		return ENOENT;
	if (stat(path, &st) < 0)
		return errno;
	if (is_directory != NULL)
		*is_directory = S_ISDIR(st.st_mode);
	return 0;
}

/* Pages have gaps that the library does not fill: what it writes there must not be residue of
 * our heap. */
static void *zeroed(size_t n)
{
	return calloc(1, n);
}

static void set_hooks(void)
{
	db_env_set_func_malloc(zeroed);
	db_env_set_func_open(hook_open);
	db_env_set_func_close(hook_close);
	db_env_set_func_exists(hook_exists);
}

/* The callers' words say more than the library's. */
static void be_quiet(const DB_ENV *env, const char *prefix, const char *message)
{
	(void)env;
	(void)prefix;
	(void)message;
}

static DB *new_db(uint32_t cache)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	DB *db;
	pthread_once(&once, set_hooks);
	if (db_create(&db, NULL, 0) != 0)
		return NULL;
	db->set_errcall(db, be_quiet);
	if (db->set_cachesize(db, 0, cache, 1) == 0)
		return db;
	db->close(db, 0);
	return NULL;
}

static void bdb_close(void *handle)
{
	struct reader *r = handle;
	struct reader *outer = enter(r);
	r->db->close(r->db, DB_NOSYNC);
	inside = outer;
	for (size_t i = 0; i < 4; i++)
		if (r->lent[i] >= 0)
			close(r->lent[i]);
	free(r);
}

static void *bdb_open(int fd, bool in_memory)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	char name[sizeof(FD_PREFIX) + 12];
	snprintf(name, sizeof(name), FD_PREFIX "%d", fd);
	for (size_t i = 0; i < 4; i++)
		r->lent[i] = -1;
	r->db = new_db(in_memory ? CACHE_IMAGE : CACHE_IN_PLACE);
	if (r->db == NULL) {
		free(r);
		return NULL;
	}
	struct reader *outer = enter(r);
	int error = r->db->open(r->db, NULL, name, NULL, DB_BTREE, DB_RDONLY, 0);
	inside = outer;
	if (error == 0)
		return r;
	bdb_close(r);
	return NULL;
}

static DBT to_dbt(struct str s)
{
	return (DBT){.data = (void *)(uintptr_t)s.p, .size = (u_int32_t)s.n};
}

static enum lookup_result bdb_get(
    void *handle, struct str key, struct pool *pool, struct str *value)
{
	struct reader *r = handle;
	DBT k = to_dbt(key), v = {0};
	if (r->failed)
		return LOOKUP_FAILED;
	struct reader *outer = enter(r);
	int error = r->db->get(r->db, NULL, &k, &v, 0);
	inside = outer;
	if (error == DB_NOTFOUND)
		return LOOKUP_NONE;
	r->failed = error != 0;
	if (error != 0 || v.size > MAP_VALUE_MAX)
		return LOOKUP_FAILED;
	if (value != NULL && !pool_copy(pool, str_from(v.data, v.size), value))
		return LOOKUP_FAILED;
	return LOOKUP_FOUND;
}

static int walk(struct reader *r, map_each_fn *fn, void *ctx)
{
	DBC *cursor;
	DBT k = {0}, v = {0};
	int error = r->db->cursor(r->db, NULL, &cursor, 0);
	if (error != 0)
		return error;
	while ((error = cursor->get(cursor, &k, &v, DB_NEXT)) == 0)
		if (!fn(ctx, str_from(k.data, k.size), str_from(v.data, v.size)))
			break;
	int closed = cursor->close(cursor);
	return error == 0 || error == DB_NOTFOUND ? closed : error;
}

static bool bdb_each(void *handle, map_each_fn *fn, void *ctx)
{
	struct reader *r = handle;
	if (r->failed)
		return false;
	struct reader *outer = enter(r);
	r->failed = walk(r, fn, ctx) != 0;
	inside = outer;
	return !r->failed;
}

const struct map_backend map_bdb = {
    .suffix = ".db",
    .open = bdb_open,
    .close = bdb_close,
    .get = bdb_get,
    .each = bdb_each,
};

/* The library's own error numbers are negative. */
static bool done(int error)
{
	errno = error < 0 ? EIO : error;
	return error == 0;
}

static void *bdb_create(const char *path)
{
	DB *db = new_db(CACHE_MAKER);
	if (db == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	int error = db->set_flags(db, DB_CHKSUM);
	if (error == 0)
		error = db->set_pagesize(db, PAGE_SIZE);
	if (error == 0)
		error = db->open(db, NULL, path, NULL, DB_BTREE, DB_CREATE | DB_EXCL, 0600);
	if (done(error))
		return db;
	int saved = errno;
	db->close(db, DB_NOSYNC);
	errno = saved;
	return NULL;
}

static bool bdb_put(void *handle, struct str key, struct str value)
{
	DB *db = handle;
	DBT k = to_dbt(key), v = to_dbt(value);
	return done(db->put(db, NULL, &k, &v, DB_NOOVERWRITE));
}

static bool bdb_finish(void *handle)
{
	DB *db = handle;
	return done(db->close(db, 0));
}

const struct map_maker map_bdb_maker = {
    .create = bdb_create,
    .put = bdb_put,
    .finish = bdb_finish,
};
