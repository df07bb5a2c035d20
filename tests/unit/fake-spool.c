/* SPDX-License-Identifier: ISC */
#include "tests/unit/fake-spool.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CEILING ((size_t)1024 * 1024 * 1024)

struct pending {
	void *tag;
	size_t record;
};

struct file {
	uint64_t id;
	int fd;
};

struct spool {
	const struct spool_events *events;
	void *ctx;
	uint64_t last_id;
	struct fake_record *records;
	size_t record_count;
	struct pending *pending;
	size_t pending_count;
	struct fake_result *results;
	size_t result_count;
	struct file *files;
	size_t file_count;
	struct pool *pool;
	struct fake_spool_figures figures;
	int fail_large_create, fail_read;
	bool lose_results;
};

struct spool *fake_spool_new(const struct spool_events *events, void *ctx)
{
	struct spool *s = xcalloc(1, sizeof(*s));
	s->events = events;
	s->ctx = ctx;
	s->last_id = 1000;
	s->pool = pool_new(CEILING);
	return s;
}

void fake_spool_free(struct spool *s)
{
	for (size_t i = 0; i < s->record_count; i++) {
		pool_free(s->records[i].pool);
		free(s->records[i].recipients);
	}
	for (size_t i = 0; i < s->file_count; i++)
		if (s->files[i].fd >= 0)
			close(s->files[i].fd);
	free(s->records);
	free(s->pending);
	free(s->results);
	free(s->files);
	pool_free(s->pool);
	free(s);
}

void fake_spool_fail(struct spool *s, int large_create, int read)
{
	s->fail_large_create = large_create;
	s->fail_read = read;
}

void fake_spool_lose_results(struct spool *s, bool lose)
{
	s->lose_results = lose;
}

/* Doubles the list when it is full. */
static void *room_for(void *list, size_t count, size_t n)
{
	return (count & (count - 1)) != 0 ? list
					  : xreallocarray(list, count == 0 ? 1 : count * 2, n);
}

static struct fake_record *find(const struct spool *s, uint64_t id)
{
	for (size_t i = s->record_count; i-- > 0;)
		if (s->records[i].id == id)
			return &s->records[i];
	return NULL;
}

const struct fake_record *fake_spool_find(const struct spool *s, uint64_t id)
{
	return find(s, id);
}

size_t fake_spool_records(const struct spool *s, const struct fake_record **list)
{
	*list = s->records;
	return s->record_count;
}

size_t fake_spool_results(const struct spool *s, const struct fake_result **list)
{
	*list = s->results;
	return s->result_count;
}

struct fake_spool_figures fake_spool_count(const struct spool *s)
{
	return s->figures;
}

static struct str keep(struct pool *pool, struct str s)
{
	struct str out = {NULL, 0};
	if (!pool_copy(pool, s, &out))
		abort();
	return out;
}

static void keep_envelope(struct pool *pool, struct envelope *e)
{
	e->reverse_path = keep(pool, e->reverse_path);
	e->envid = keep(pool, e->envid);
	e->client = keep(pool, e->client);
	e->helo = keep(pool, e->helo);
	e->login = keep(pool, e->login);
	e->session = keep(pool, e->session);
}

static const struct tried *keep_tried(struct pool *pool, const struct spool_result *r)
{
	if (r->tried_count == 0)
		return NULL;
	struct tried *list = pool_array(pool, r->tried_count, sizeof(*list));
	for (size_t i = 0; i < r->tried_count; i++)
		list[i] =
		    (struct tried){keep(pool, r->tried[i].host), keep(pool, r->tried[i].said)};
	return list;
}

static void keep_recipient(struct pool *pool, struct recipient *r)
{
	r->address = keep(pool, r->address);
	r->original = keep(pool, r->original);
	r->orcpt = keep(pool, r->orcpt);
	r->nexthop = keep(pool, r->nexthop);
}

void spool_submit(struct spool *s, uint64_t id, const struct spool_message *m, void *tag)
{
	s->records = room_for(s->records, s->record_count, sizeof(*s->records));
	struct fake_record *r = &s->records[s->record_count];
	*r = (struct fake_record){.id = id,
	    .envelope = *m->envelope,
	    .count = m->recipient_count,
	    .large = m->large,
	    .large_size = m->large_size,
	    .pool = pool_new(CEILING)};
	keep_envelope(r->pool, &r->envelope);
	r->recipients = xreallocarray(NULL, m->recipient_count, sizeof(*r->recipients));
	for (size_t i = 0; i < r->count; i++) {
		r->recipients[i] = m->recipients[i];
		keep_recipient(r->pool, &r->recipients[i]);
	}
	if (m->settled.count > 0) {
		r->settled = m->settled;
		r->settled.numbers = pool_array(r->pool, m->settled.count, sizeof(uint16_t));
		memcpy(r->settled.numbers, m->settled.numbers, m->settled.count * sizeof(uint16_t));
	}
	r->content = m->content; /* lives until the callback */
	r->place = (struct spool_place){.segment = 1,
	    .offset = (uint32_t)s->record_count,
	    .length = 100,
	    .envelope_length = 50,
	    .content_length = m->large ? m->large_size : m->content.n,
	    .large = m->large};
	s->pending = room_for(s->pending, s->pending_count, sizeof(*s->pending));
	s->pending[s->pending_count++] = (struct pending){tag, s->record_count++};
	s->figures.submitted++;
}

size_t fake_spool_commit(struct spool *s, int error)
{
	size_t count = s->pending_count;
	struct pending *list = s->pending;
	s->pending = NULL;
	s->pending_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct fake_record *r = &s->records[list[i].record];
		struct spool_place place = r->place;
		r->content = keep(r->pool, r->content);
		r->committed = error == 0;
		s->events->on_committed(
		    s->ctx, list[i].tag, r->id, error == 0 ? &place : NULL, error);
	}
	free(list);
	return count;
}

void fake_spool_recover(struct spool *s, const struct spool_events *events, void *ctx)
{
	s->events = events;
	s->ctx = ctx;
	s->pending_count = 0;
	for (size_t i = 0; i < s->record_count; i++) {
		const struct fake_record *r = &s->records[i];
		if (!r->committed)
			continue;
		events->on_message(ctx, r->id, &r->place, &r->envelope, r->recipients, r->count);
		if (r->settled.about != 0 && events->on_settled != NULL)
			events->on_settled(ctx, &r->settled);
		for (size_t k = 0; k < s->result_count; k++)
			if (s->results[k].id == r->id)
				events->on_result(ctx, r->id, &s->results[k].result);
		if (r->finished)
			events->on_finished(ctx, r->id);
	}
}

uint32_t spool_identity(const struct spool *s)
{
	(void)s;
	return 0xbeef;
}

uint64_t spool_next_id(struct spool *s)
{
	return ++s->last_id;
}

static struct file *find_file(const struct spool *s, uint64_t id)
{
	for (size_t i = 0; i < s->file_count; i++)
		if (s->files[i].id == id)
			return &s->files[i];
	return NULL;
}

int spool_large_create(struct spool *s, uint64_t id)
{
	if (s->fail_large_create != 0) {
		errno = s->fail_large_create;
		return -1;
	}
	s->files = room_for(s->files, s->file_count, sizeof(*s->files));
	int fd = memfd_create("large", MFD_CLOEXEC);
	s->files[s->file_count++] = (struct file){id, fd};
	s->figures.large_created++;
	return dup(fd);
}

void spool_large_abandon(struct spool *s, uint64_t id)
{
	struct file *f = find_file(s, id);
	if (f == NULL || f->fd < 0)
		abort();
	close(f->fd);
	f->fd = -1;
	s->figures.abandoned++;
}

int spool_large_open(struct spool *s, uint64_t id)
{
	const struct file *f = find_file(s, id);
	if (s->fail_read != 0 || f == NULL) {
		errno = f == NULL ? ENOENT : s->fail_read;
		return -1;
	}
	return dup(f->fd);
}

void spool_result(struct spool *s, uint64_t id, const struct spool_place *place,
    const struct spool_result *result)
{
	const struct fake_record *r = find(s, id);
	if (r == NULL || r->finished || r->place.offset != place->offset)
		abort();
	if (s->lose_results)
		return;
	s->results = room_for(s->results, s->result_count, sizeof(*s->results));
	struct fake_result *kept = &s->results[s->result_count++];
	*kept = (struct fake_result){.id = id, .result = *result};
	kept->result.status = keep(s->pool, result->status);
	kept->result.mta = keep(s->pool, result->mta);
	kept->result.reply = keep(s->pool, result->reply);
	kept->result.text = keep(s->pool, result->text);
	kept->result.tried = keep_tried(s->pool, result);
	s->figures.results++;
}

void spool_finish(struct spool *s, uint64_t id, const struct spool_place *place)
{
	struct fake_record *r = find(s, id);
	if (r == NULL || r->finished || !r->committed || r->place.offset != place->offset)
		abort();
	if (s->lose_results)
		return;
	r->finished = true;
	s->figures.finished++;
}

bool spool_read(struct spool *s, uint64_t id, const struct spool_place *place, struct buf *buf,
    struct pool *pool, struct envelope *envelope, struct recipient **recipients, size_t *count,
    struct str *content)
{
	const struct fake_record *r = find(s, id);
	(void)pool;
	if (s->fail_read != 0 || r == NULL || r->place.offset != place->offset) {
		errno = s->fail_read != 0 ? s->fail_read : EBADMSG;
		return false;
	}
	s->figures.reads++;
	if (!buf_append_str(buf, r->content))
		abort();
	*content = buf_str(buf);
	*envelope = r->envelope;
	*recipients = r->recipients;
	*count = r->count;
	return true;
}

void spool_get_figures(const struct spool *s, struct spool_figures *out)
{
	*out = (struct spool_figures){.segments = 1, .octets = 4096, .commits = s->record_count};
}

struct spool *spool_open(
    int dirfd, const struct spool_options *options, const struct spool_events *events, void *ctx)
{
	(void)dirfd;
	(void)options;
	return fake_spool_new(events, ctx);
}

void spool_close(struct spool *s)
{
	fake_spool_commit(s, 0);
	fake_spool_free(s);
}

int spool_verify(int dirfd, FILE *out)
{
	(void)dirfd;
	(void)out;
	return 0;
}
