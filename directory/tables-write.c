/* SPDX-License-Identifier: ISC
 *
 * All of a set is written and synced beside the old files before the first one
 * is renamed: a full disk, a crash or a fault leaves the old set in use, and
 * directory takes the files only when they are of one set.
 */
#include "directory/tables.h"
#include "directory/map-build.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY_USER "postern-dir"

static int fail(const struct tables *t, const char *what, FILE *err)
{
	int saved = errno;
	fprintf(err, "%s: %s cannot be written: %s; the old tables stay in use\n", t->dir, what,
	    strerror(saved));
	return saved == ENOSPC || saved == EDQUOT ? EX_CANTCREAT : EX_IOERR;
}

/* Only directory (and who owns the tables) may read password hashes, and nobody else needs the
 * rest. Passwords that are no hashes are directory's alone. Not root: directory runs as the
 * caller. */
static struct map_owner compiled_owner(enum table_id id)
{
	struct map_owner o = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0640};
	const struct passwd *pw = geteuid() == 0 ? getpwnam(DIRECTORY_USER) : NULL;
	if (pw != NULL)
		o.gid = pw->pw_gid;
	if (id != TABLE_LOGINS)
		return o;
	o.mode = 0600;
	if (pw != NULL)
		o.uid = pw->pw_uid;
	return o;
}

static bool new_facts(struct map_facts *facts)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	*facts = (struct map_facts){
	    .built = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000};
	return getrandom(&facts->set, sizeof(facts->set), 0) == (ssize_t)sizeof(facts->set);
}

static struct map_build *compile(struct tables *t, enum table_id id, const struct map_facts *common)
{
	const struct table *table = &t->tables[id];
	const struct map_owner owner = compiled_owner(id);
	struct map_facts facts = *common;
	facts.text_size = t->texts[id].size;
	facts.text_mtime = t->texts[id].mtime;
	struct map_build *b = map_build_new(t->dirfd, t->dir, id, &owner);
	bool ok = b != NULL;
	for (size_t i = 0; ok && i < table->count; i++)
		ok = map_build_put(b, table->entries[i].key, table->entries[i].value);
	if (ok && map_build_finish(b, &facts))
		return b;
	int saved = errno;
	map_build_free(b);
	errno = saved;
	return NULL;
}

static bool write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = str_skip(s, (size_t)n);
	}
	return true;
}

/* The owner and mode of the text that this one replaces; secrets are never everybody's. */
static bool copy_owner(int fd, const struct table_text *x, enum table_id id)
{
	if (!x->exists)
		return fchmod(fd, table_is_secret(id) ? 0600 : 0644) == 0;
	if (fchown(fd, x->uid, x->gid) < 0 && geteuid() == 0)
		return false;
	return fchmod(fd, x->mode & (table_is_secret(id) ? 0770 : 0777)) == 0;
}

static bool fill_text(int fd, struct table_text *x, enum table_id id)
{
	struct stat st;
	if (!write_all(fd, buf_str(&x->buf)) || !copy_owner(fd, x, id) || fsync(fd) < 0 ||
	    fstat(fd, &st) < 0)
		return false;
	x->size = (uint64_t)st.st_size;
	x->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec;
	return true;
}

static void text_new_name(enum table_id id, char out[MAP_NAME_SIZE])
{
	snprintf(out, MAP_NAME_SIZE, "%s.new", table_name(id));
}

/* NAME.new, synced; its size and time become the facts'. */
static bool write_text(struct tables *t, enum table_id id)
{
	char name[MAP_NAME_SIZE];
	text_new_name(id, name);
	if (unlinkat(t->dirfd, name, 0) < 0 && errno != ENOENT)
		return false;
	int fd = openat(t->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool ok = fill_text(fd, &t->texts[id], id);
	int saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

static bool install_text(struct tables *t, enum table_id id)
{
	char name[MAP_NAME_SIZE];
	text_new_name(id, name);
	return renameat(t->dirfd, name, t->dirfd, table_name(id)) == 0;
}

/* After a failure; harmless when it was installed. */
static void remove_text(struct tables *t, enum table_id id)
{
	char name[MAP_NAME_SIZE];
	text_new_name(id, name);
	if (unlinkat(t->dirfd, name, 0) < 0 && errno != ENOENT)
		perror(name);
}

static int install(
    struct tables *t, enum table_id edited, struct map_build *builds[TABLE_COUNT], FILE *err)
{
	if (edited != TABLE_COUNT && !install_text(t, edited))
		return fail(t, table_name(edited), err);
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (!map_build_install(builds[i]))
			return fail(t, table_name((enum table_id)i), err);
	return fsync(t->dirfd) == 0 ? EX_OK : fail(t, "the directory", err);
}

static int build_set(
    struct tables *t, enum table_id edited, struct map_build *builds[TABLE_COUNT], FILE *err)
{
	struct map_facts facts;
	if (!new_facts(&facts))
		return fail(t, "a set of tables", err);
	if (edited != TABLE_COUNT && !write_text(t, edited))
		return fail(t, table_name(edited), err);
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		builds[i] = compile(t, (enum table_id)i, &facts);
		if (builds[i] == NULL)
			return fail(t, table_name((enum table_id)i), err);
	}
	return install(t, edited, builds, err);
}

int tables_write(struct tables *t, enum table_id edited, FILE *err)
{
	struct map_build *builds[TABLE_COUNT] = {NULL};
	/* Berkeley DB would read a file DB_CONFIG in the current directory; t->dir is absolute. */
	if (chdir("/") < 0)
		return fail(t, "the set", err);
	int status = build_set(t, edited, builds, err);
	for (size_t i = 0; i < TABLE_COUNT; i++)
		map_build_free(builds[i]);
	if (status != EX_OK && edited != TABLE_COUNT)
		remove_text(t, edited);
	return status;
}
