/* SPDX-License-Identifier: ISC
 *
 * The loop takes a copy of all records; a thread makes the file of it. One such job at a time.
 */
#include "directory/state-store.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/wire.h"
#include "directory/map-backend.h"
#include "directory/map-seal.h"
#include "directory/password.h"
#include "directory/work.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	COPY_MAX = 128 * 1024 * 1024,
	NAME_SIZE = 40,
	HURRY_MS = 250, /* from one file to the next, whoever is in a hurry */
};

struct file_names {
	char file[NAME_SIZE], fresh[NAME_SIZE], bad[NAME_SIZE];
};

struct state_store {
	const struct state_kept *kept;
	void *of;
	struct file_names names;
	struct work *work;
	struct event *timer;
	struct write_job *writing;
	uint64_t began_ms; /* the last file; 0: none yet */
	uint64_t written;  /* changes of the last copy */
	bool failed;	   /* and it was said */
};

struct write_job {
	struct work_job job; /* first */
	struct state_store *store;
	struct buf copy; /* keys and values in turn */
	int error;	 /* an errno; 0: all is well; ECANCELED: it did not begin */
};

/* ---- writing -------------------------------------------------------------------- */

static bool copy_record(void *ctx, struct str key, struct str value)
{
	struct wire_writer w = {.buf = ctx};
	wire_put_str(&w, key, STATE_KEY_MAX);
	wire_put_str(&w, value, STATE_VALUE_MAX);
	return !w.failed;
}

static bool put_all(void *maker, const struct buf *copy)
{
	struct wire_reader r = {.p = buf_data(copy), .n = buf_len(copy)};
	bool ok = true;
	while (ok && r.n > 0) {
		struct str key = wire_get_str(&r, STATE_KEY_MAX);
		struct str value = wire_get_str(&r, STATE_VALUE_MAX);
		ok = !r.failed && map_bdb_maker.put(maker, key, value);
	}
	return ok;
}

static bool seal(const struct file_names *names)
{
	int fd = open(names->fresh, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool ok = fd >= 0 && map_seal_put(fd) && fsync(fd) == 0;
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return ok;
}

static bool write_file(const struct file_names *names, const struct buf *copy)
{
	if (unlink(names->fresh) < 0 && errno != ENOENT)
		return false;
	void *maker = map_bdb_maker.create(names->fresh);
	if (maker == NULL)
		return false;
	bool ok = put_all(maker, copy);
	int saved = errno;
	bool finished = map_bdb_maker.finish(maker);
	if (!ok)
		errno = saved;
	return ok && finished && seal(names) && rename(names->fresh, names->file) == 0;
}

static void run_write(struct work_job *job)
{
	struct write_job *w = (struct write_job *)job;
	w->error = write_file(&w->store->names, &w->copy) ? 0 : errno;
}

/* Said once, until it works again. */
static void note_result(struct state_store *s, int error)
{
	if (error != 0)
		s->written = UINT64_MAX; /* to be tried again */
	if (error != 0 && error != ECANCELED && !s->failed)
		log_message(LOG_WARNING, "%s cannot be kept over a restart: %s: %s", s->kept->what,
		    s->names.file, strerror(error));
	s->failed = error != 0 && error != ECANCELED;
}

static void done_write(struct work_job *job)
{
	struct write_job *w = (struct write_job *)job;
	note_result(w->store, w->error);
	w->store->writing = NULL;
	buf_release(&w->copy);
	free(w);
}

static struct write_job *make_job(struct state_store *s)
{
	struct write_job *w = xcalloc(1, sizeof(*w));
	*w = (struct write_job){.job = {.run = run_write, .done = done_write},
	    .store = s,
	    .error = ECANCELED,
	    .copy = BUF_INIT(COPY_MAX)};
	s->written = s->kept->changes(s->of);
	s->kept->save(s->of, copy_record, &w->copy);
	return w;
}

static void on_timer(void *ctx)
{
	struct state_store *s = ctx;
	bool busy = s->writing != NULL;
	if (!busy && s->written != s->kept->changes(s->of)) {
		s->began_ms = loop_now_ms();
		s->writing = make_job(s);
		work_submit(s->work, &s->writing->job);
	}
	loop_timer_start(s->timer, busy ? HURRY_MS : s->kept->write_ms);
}

void state_store_hurry(struct state_store *s)
{
	if (s == NULL)
		return;
	loop_timer_at(s->timer, s->began_ms == 0 ? 0 : s->began_ms + HURRY_MS);
}

/* ---- reading -------------------------------------------------------------------- */

struct reading {
	const struct state_store *store;
	uint64_t now_ms;
	size_t bad;
};

static bool load_record(void *ctx, struct str key, struct str value)
{
	struct reading *r = ctx;
	r->bad += !r->store->kept->load(r->store->of, key, value, r->now_ms);
	return true;
}

static bool read_file(const struct state_store *s, int fd)
{
	struct reading r = {.store = s, .now_ms = loop_wall_ms()};
	if (!map_seal_is_whole(fd))
		return false;
	void *map = map_bdb.open(fd, false);
	if (map == NULL)
		return false;
	bool ok = map_bdb.each(map, load_record, &r);
	map_bdb.close(map);
	return ok && r.bad == 0;
}

static void read_all(const struct state_store *s)
{
	int fd = open(s->names.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || !read_file(s, fd)) {
		log_message(LOG_WARNING,
		    "%s, which knew of %s, is damaged: it is kept as %s, and all begins anew",
		    s->names.file, s->kept->what, s->names.bad);
		if (rename(s->names.file, s->names.bad) < 0)
			log_message(LOG_WARNING, "%s cannot be set aside: %m", s->names.file);
	}
	if (fd >= 0)
		close(fd);
}

static void name_files(struct file_names *names, const char *name)
{
	snprintf(names->file, sizeof(names->file), "%s.db", name);
	snprintf(names->fresh, sizeof(names->fresh), "%s.new", name);
	snprintf(names->bad, sizeof(names->bad), "%s.bad", name);
}

struct state_store *state_store_open(const struct state_kept *kept, void *of)
{
	struct state_store *s = xcalloc(1, sizeof(*s));
	*s = (struct state_store){.kept = kept, .of = of, .work = work_new(1, 1)};
	name_files(&s->names, kept->name);
	read_all(s);
	s->written = kept->changes(of);
	s->timer = loop_timer(on_timer, s);
	loop_timer_start(s->timer, kept->write_ms);
	return s;
}

void state_store_close(struct state_store *s)
{
	if (s == NULL)
		return;
	work_free(s->work);
	if (s->written != s->kept->changes(s->of)) {
		struct write_job *w = make_job(s);
		run_write(&w->job);
		done_write(&w->job);
	}
	event_free(s->timer);
	free(s);
}

/* ---- the secret ------------------------------------------------------------------ */

static bool read_secret(const char *name, uint8_t *out, size_t n)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok = fd >= 0 && read(fd, out, n) == (ssize_t)n;
	if (fd >= 0)
		close(fd);
	return ok;
}

bool state_secret(const char *name, uint8_t *out, size_t n)
{
	if (read_secret(name, out, n))
		return true;
	if (RAND_bytes(out, (int)n) != 1)
		log_fatal(EX_OSERR, "no random numbers");
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && write(fd, out, n) == (ssize_t)n && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}
