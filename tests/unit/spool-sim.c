/* SPDX-License-Identifier: ISC */
#include "spool-sim.h"

#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct view {
	struct spool_io io; /* first */
	struct sim *sim;
};

static struct sim *sim_of(struct spool_io *io)
{
	return ((struct view *)io)->sim;
}

void sim_init(struct sim *s, uint64_t seed)
{
	*s = (struct sim){.random = seed * 2654435761u + 88172645463325252u,
	    .us = 1700000000000000,
	    .free_space = UINT64_MAX / 2};
}

void sim_reset(struct sim *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->files[i].now);
		free(s->files[i].durable);
		free(s->files[i].dirty);
	}
	free(s->files);
	s->files = NULL;
	s->count = 0;
}

uint64_t sim_random(struct sim *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

uint64_t sim_below(struct sim *s, uint64_t n)
{
	return (sim_random(s) >> 11) % n;
}

static int fault(int error)
{
	errno = error;
	return -1;
}

/* An operation is about to be done: true, and errno, when it fails instead. */
static bool fails(struct sim *s, bool is_sync, bool *cut)
{
	*cut = false;
	if (s->dead) {
		errno = EIO;
		return true;
	}
	s->operations++;
	if (s->cut_in > 0 && --s->cut_in == 0) {
		s->dead = *cut = true;
		errno = EIO;
		return true;
	}
	if (s->only_syncs_fail && !is_sync)
		return false;
	if (s->fail_in > 0 && --s->fail_in > 0)
		return false;
	if (s->fail_count == 0)
		return false;
	if (s->fail_count != UINT64_MAX)
		s->fail_count--;
	errno = s->fail_errno;
	return true;
}

struct sim_file *sim_find(struct sim *s, enum spool_dir dir, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->files[i].named && s->files[i].dir == dir && strcmp(s->files[i].name, name) == 0)
			return &s->files[i];
	return NULL;
}

static void grow(struct sim_file *f, size_t n)
{
	if (n <= f->capacity)
		return;
	size_t capacity = f->capacity == 0 ? 4096 : f->capacity;
	while (capacity < n)
		capacity *= 2;
	f->now = xreallocarray(f->now, capacity, 1);
	f->durable = xreallocarray(f->durable, capacity, 1);
	f->dirty = xreallocarray(f->dirty, capacity / SIM_SECTOR, 1);
	memset(f->now + f->capacity, 0, capacity - f->capacity);
	memset(f->durable + f->capacity, 0, capacity - f->capacity);
	memset(f->dirty + f->capacity / SIM_SECTOR, 0, (capacity - f->capacity) / SIM_SECTOR);
	f->capacity = capacity;
}

static void write_at(struct sim_file *f, const void *p, size_t n, size_t offset)
{
	if (n == 0)
		return;
	grow(f, offset + n);
	memcpy(f->now + offset, p, n);
	for (size_t i = offset / SIM_SECTOR; i <= (offset + n - 1) / SIM_SECTOR; i++)
		f->dirty[i] = true;
	if (offset + n > f->size)
		f->size = offset + n;
}

static struct sim_file *new_file(struct sim *s, enum spool_dir dir, const char *name)
{
	s->files = xreallocarray(s->files, s->count + 1, sizeof(*s->files));
	struct sim_file *f = &s->files[s->count++];
	*f = (struct sim_file){.dir = dir, .named = true};
	strncpy(f->name, name, sizeof(f->name) - 1);
	return f;
}

struct sim_file *sim_put(struct sim *s, enum spool_dir dir, const char *name, const void *p, size_t n)
{
	struct sim_file *f = new_file(s, dir, name);
	grow(f, n == 0 ? 1 : n);
	if (n > 0) {
		memcpy(f->now, p, n);
		memcpy(f->durable, p, n);
	}
	f->size = f->durable_size = n;
	f->named_durably = true;
	return f;
}

void sim_truncate(struct sim_file *f, size_t size)
{
	memset(f->now + size, 0, f->capacity - size);
	memset(f->durable + size, 0, f->capacity - size);
	f->size = f->durable_size = size;
}

static int on_open(struct spool_io *io, enum spool_dir dir, const char *name, int flags)
{
	struct sim *s = sim_of(io);
	struct sim_file *f = sim_find(s, dir, name);
	bool cut;
	if (s->dead)
		return fault(EIO);
	if (f != NULL && (flags & O_EXCL))
		return fault(EEXIST);
	if (f == NULL && !(flags & O_CREAT))
		return fault(ENOENT);
	if (f == NULL) {
		if (fails(s, false, &cut))
			return -1;
		f = new_file(s, dir, name);
		grow(f, 1);
	}
	return (int)(f - s->files);
}

static void on_close(struct spool_io *io, int fd)
{
	(void)io;
	(void)fd;
}

static ssize_t on_pread(struct spool_io *io, int fd, void *p, size_t n, uint64_t offset)
{
	struct sim *s = sim_of(io);
	const struct sim_file *f = &s->files[fd];
	if (s->dead || s->read_errors)
		return fault(EIO);
	if (offset >= f->size)
		return 0;
	if (n > f->size - offset)
		n = f->size - offset;
	memcpy(p, f->now + offset, n);
	return (ssize_t)n;
}

static size_t total(const struct iovec *iov, int count)
{
	size_t n = 0;
	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

static ssize_t on_pwritev(struct spool_io *io, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct sim *s = sim_of(io);
	size_t want = total(iov, count), done = 0;
	bool cut, failed = fails(s, false, &cut);
	int error = errno;
	if (failed && !cut)
		want = sim_below(s, 2) == 0 ? 0 : sim_below(s, want + 1); /* some of it may be there */
	else if (cut || (s->short_writes && sim_below(s, 4) == 0))
		want = 1 + sim_below(s, want);
	if (want < total(iov, count)) /* what is cut is cut at a sector */
		want = (offset + want) / SIM_SECTOR * SIM_SECTOR > offset
			   ? (offset + want) / SIM_SECTOR * SIM_SECTOR - offset
			   : 0;
	if (want == 0 && !failed)
		want = total(iov, count);
	for (int i = 0; i < count && done < want; i++) {
		size_t n = iov[i].iov_len < want - done ? iov[i].iov_len : want - done;
		write_at(&s->files[fd], iov[i].iov_base, n, offset + done);
		done += n;
	}
	return failed ? fault(error) : (ssize_t)done;
}

static int on_size(struct spool_io *io, int fd, uint64_t *size)
{
	struct sim *s = sim_of(io);
	if (s->dead)
		return fault(EIO);
	*size = s->files[fd].size;
	return 0;
}

/* `keep` NULL: all sectors reach the platter; else each by a coin, and the kernel forgets that
 * the others did not, as after a failed fsync. */
static void flush(struct sim_file *f, struct sim *coin)
{
	for (size_t i = 0; i < f->capacity / SIM_SECTOR; i++) {
		if (!f->dirty[i])
			continue;
		f->dirty[i] = false;
		if (coin == NULL || sim_below(coin, 2) == 0)
			memcpy(f->durable + i * SIM_SECTOR, f->now + i * SIM_SECTOR, SIM_SECTOR);
	}
	if (coin == NULL || sim_below(coin, 2) == 0)
		f->durable_size = f->size;
}

static int on_sync(struct spool_io *io, int fd)
{
	struct sim *s = sim_of(io);
	bool cut;
	if (fails(s, true, &cut)) {
		int error = errno;
		if (!cut)
			flush(&s->files[fd], s);
		return fault(error);
	}
	s->syncs++;
	flush(&s->files[fd], NULL);
	return 0;
}

static int on_sync_dir(struct spool_io *io, enum spool_dir dir)
{
	struct sim *s = sim_of(io);
	bool cut;
	if (fails(s, true, &cut))
		return -1;
	for (size_t i = 0; i < s->count; i++)
		if (s->files[i].dir == dir)
			s->files[i].named_durably = s->files[i].named;
	return 0;
}

static int on_unlink(struct spool_io *io, enum spool_dir dir, const char *name)
{
	struct sim *s = sim_of(io);
	struct sim_file *f = sim_find(s, dir, name);
	bool cut;
	if (f == NULL)
		return fault(s->dead ? EIO : ENOENT);
	if (fails(s, false, &cut))
		return -1;
	f->named = false;
	return 0;
}

static int on_set_aside(struct spool_io *io, enum spool_dir dir, const char *name, const char *to)
{
	struct sim *s = sim_of(io);
	struct sim_file *f = sim_find(s, dir, name);
	bool cut;
	if (f == NULL || s->dead)
		return fault(s->dead ? EIO : ENOENT);
	if (sim_find(s, SPOOL_DIR_DAMAGED, to) != NULL)
		return fault(EEXIST);
	if (fails(s, false, &cut))
		return -1;
	f->dir = SPOOL_DIR_DAMAGED;
	strncpy(f->name, to, sizeof(f->name) - 1);
	return 0;
}

static int on_list(struct spool_io *io, enum spool_dir dir, bool (*fn)(void *ctx, const char *name), void *ctx)
{
	struct sim *s = sim_of(io);
	if (s->dead)
		return fault(EIO);
	for (size_t i = 0; i < s->count; i++) {
		char name[SIM_NAME_MAX];
		memcpy(name, s->files[i].name, sizeof(name));
		if (s->files[i].named && s->files[i].dir == dir && !fn(ctx, name))
			break;
	}
	return 0;
}

static int on_free_space(struct spool_io *io, uint64_t *octets)
{
	*octets = sim_of(io)->free_space;
	return 0;
}

static uint64_t on_wall_us(struct spool_io *io)
{
	return sim_of(io)->us;
}

static uint64_t on_now_ms(struct spool_io *io)
{
	return sim_of(io)->us / 1000;
}

static void on_free(struct spool_io *io)
{
	free(io);
}

struct spool_io *sim_io(struct sim *s)
{
	struct view *v = xcalloc(1, sizeof(*v));
	v->sim = s;
	v->io = (struct spool_io){
	    .open = on_open,
	    .close = on_close,
	    .pread = on_pread,
	    .pwritev = on_pwritev,
	    .size = on_size,
	    .sync_data = on_sync,
	    .sync_file = on_sync,
	    .sync_dir = on_sync_dir,
	    .unlink = on_unlink,
	    .set_aside = on_set_aside,
	    .list = on_list,
	    .free_space = on_free_space,
	    .wall_us = on_wall_us,
	    .now_ms = on_now_ms,
	    .free = on_free,
	};
	return &v->io;
}

static bool coin(struct sim *s)
{
	return sim_below(s, 2) == 0;
}

static void restart_file(struct sim *s, struct sim_file *f, bool torn)
{
	if (!torn) {
		f->named_durably = f->named;
		flush(f, NULL);
		return;
	}
	if (f->named != f->named_durably)
		f->named = f->named_durably = coin(s);
	flush(f, s);
	memcpy(f->now, f->durable, f->capacity);
	f->size = f->durable_size;
}

void sim_restart(struct sim *s, bool torn)
{
	s->dead = s->read_errors = s->short_writes = s->only_syncs_fail = false;
	s->fail_in = s->fail_count = s->cut_in = 0;
	for (size_t i = 0; i < s->count; i++)
		restart_file(s, &s->files[i], torn);
	/* A name is of one file: the newer. */
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = i + 1; s->files[i].named && k < s->count; k++)
			if (s->files[k].named && s->files[k].dir == s->files[i].dir &&
			    strcmp(s->files[k].name, s->files[i].name) == 0)
				s->files[i].named = s->files[i].named_durably = false;
	/* Files without a name are gone. */
	size_t kept = 0;
	for (size_t i = 0; i < s->count; i++) {
		if (s->files[i].named) {
			s->files[kept++] = s->files[i];
			continue;
		}
		free(s->files[i].now);
		free(s->files[i].durable);
		free(s->files[i].dirty);
	}
	s->count = kept;
}

struct sim *sim_copy(const struct sim *from)
{
	struct sim *s = xcalloc(1, sizeof(*s));
	*s = *from;
	s->files = xcalloc(from->count, sizeof(*s->files));
	for (size_t i = 0; i < from->count; i++) {
		struct sim_file *f = &s->files[i];
		*f = from->files[i];
		f->now = xmalloc(f->capacity);
		f->durable = xmalloc(f->capacity);
		f->dirty = xcalloc(f->capacity / SIM_SECTOR, 1);
		memcpy(f->now, from->files[i].now, f->capacity);
		memcpy(f->durable, from->files[i].durable, f->capacity);
		memcpy(f->dirty, from->files[i].dirty, f->capacity / SIM_SECTOR);
	}
	return s;
}

void sim_free_copy(struct sim *s)
{
	sim_reset(s);
	free(s);
}
