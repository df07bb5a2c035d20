/* SPDX-License-Identifier: ISC
 *
 * The loop takes a copy of all records; a thread makes the file of it. One such job at a time.
 */
#include "directory/guess-store.h"
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

#define FILE_NAME "guesses.db"
#define NEW_NAME  "guesses.new"
#define BAD_NAME  "guesses.bad"

enum { WRITE_MS = 2000, COPY_MAX = 128 * 1024 * 1024, KEY_MAX = 1024, VALUE_MAX = 1024 };

struct guess_store {
	struct guesses *guesses;
	struct work *work;
	struct event *timer;
	struct write_job *writing;
	uint64_t written; /* guesses_changes of the last copy */
	bool failed;	  /* and it was said */
};

struct write_job {
	struct work_job job; /* first */
	struct guess_store *store;
	struct buf copy; /* keys and values in turn */
	int error;	 /* an errno; 0: all is well; ECANCELED: it did not begin */
};

/* ---- writing -------------------------------------------------------------------- */

static bool copy_record(void *ctx, struct str key, struct str value)
{
	struct wire_writer w = {.buf = ctx};
	wire_put_str(&w, key, KEY_MAX);
	wire_put_str(&w, value, VALUE_MAX);
	return !w.failed;
}

static bool put_all(void *maker, const struct buf *copy)
{
	struct wire_reader r = {.p = buf_data(copy), .n = buf_len(copy)};
	bool ok = true;
	while (ok && r.n > 0) {
		struct str key = wire_get_str(&r, KEY_MAX);
		struct str value = wire_get_str(&r, VALUE_MAX);
		ok = !r.failed && map_bdb_maker.put(maker, key, value);
	}
	return ok;
}

static bool seal(void)
{
	int fd = open(NEW_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool ok = fd >= 0 && map_seal_put(fd) && fsync(fd) == 0;
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return ok;
}

static bool write_file(const struct buf *copy)
{
	if (unlink(NEW_NAME) < 0 && errno != ENOENT)
		return false;
	void *maker = map_bdb_maker.create(NEW_NAME);
	if (maker == NULL)
		return false;
	bool ok = put_all(maker, copy);
	int saved = errno;
	bool finished = map_bdb_maker.finish(maker);
	if (!ok)
		errno = saved;
	return ok && finished && seal() && rename(NEW_NAME, FILE_NAME) == 0;
}

static void run_write(struct work_job *job)
{
	struct write_job *w = (struct write_job *)job;
	w->error = write_file(&w->copy) ? 0 : errno;
}

/* Said once, until it works again. */
static void note_result(struct guess_store *s, int error)
{
	if (error != 0)
		s->written = UINT64_MAX; /* to be tried again */
	if (error != 0 && error != ECANCELED && !s->failed)
		log_message(LOG_WARNING, "failed logins cannot be kept over a restart: %s: %s",
		    FILE_NAME, strerror(error));
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

static struct write_job *make_job(struct guess_store *s)
{
	struct write_job *w = xcalloc(1, sizeof(*w));
	*w = (struct write_job){.job = {.run = run_write, .done = done_write},
	    .store = s,
	    .error = ECANCELED,
	    .copy = BUF_INIT(COPY_MAX)};
	s->written = guesses_changes(s->guesses);
	guesses_save(s->guesses, copy_record, &w->copy);
	return w;
}

static void on_timer(void *ctx)
{
	struct guess_store *s = ctx;
	if (s->writing == NULL && s->written != guesses_changes(s->guesses)) {
		s->writing = make_job(s);
		work_submit(s->work, &s->writing->job);
	}
	loop_timer_start(s->timer, WRITE_MS);
}

/* ---- reading -------------------------------------------------------------------- */

struct reading {
	struct guesses *guesses;
	uint64_t now_ms;
	size_t bad;
};

static bool load_record(void *ctx, struct str key, struct str value)
{
	struct reading *r = ctx;
	r->bad += !guesses_load(r->guesses, key, value, r->now_ms);
	return true;
}

static bool read_file(struct guesses *g, int fd)
{
	struct reading r = {.guesses = g, .now_ms = loop_wall_ms()};
	if (!map_seal_is_whole(fd))
		return false;
	void *map = map_bdb.open(fd, false);
	if (map == NULL)
		return false;
	bool ok = map_bdb.each(map, load_record, &r);
	map_bdb.close(map);
	return ok && r.bad == 0;
}

static void read_all(struct guesses *g)
{
	int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || !read_file(g, fd)) {
		log_message(LOG_WARNING,
		    "%s, which knew of failed logins, is damaged: it is kept as %s, and all begins "
		    "anew",
		    FILE_NAME, BAD_NAME);
		if (rename(FILE_NAME, BAD_NAME) < 0)
			log_message(LOG_WARNING, "%s cannot be set aside: %m", FILE_NAME);
	}
	if (fd >= 0)
		close(fd);
}

struct guess_store *guess_store_open(struct guesses *g)
{
	struct guess_store *s = xcalloc(1, sizeof(*s));
	read_all(g);
	*s = (struct guess_store){
	    .guesses = g, .work = work_new(1, 1), .written = guesses_changes(g)};
	s->timer = loop_timer(on_timer, s);
	loop_timer_start(s->timer, WRITE_MS);
	return s;
}

void guess_store_close(struct guess_store *s)
{
	if (s == NULL)
		return;
	work_free(s->work);
	if (s->written != guesses_changes(s->guesses)) {
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

bool guess_store_secret(const char *name, uint8_t *out, size_t n)
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
