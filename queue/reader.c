/* SPDX-License-Identifier: ISC */
#include "queue/reader.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest record has RECIPIENTS_MAX recipients; kept is what an ordinary message needs. */
#define READ_MAX ((size_t)256 * 1024 * 1024)
enum { READ_BUFFER_KEPT = 256 * 1024, FEW_JOBS = 16 };

static void on_finished(void *contents, const struct message *m)
{
	contents_drop(contents, m->id);
}

void reader_init(struct reader *r, struct active *active, struct contents *contents)
{
	*r = (struct reader){.contents = contents, .pool = pool_new(READ_MAX)};
	buf_init(&r->buf, READ_MAX);
	active->on_finished = on_finished;
	active->ctx = contents;
}

void reader_set_spool(struct reader *r, struct spool *spool)
{
	r->spool = spool;
}

void reader_reset(struct reader *r)
{
	buf_release(&r->buf);
	pool_free(r->pool);
	*r = (struct reader){0};
}

bool reader_read(struct reader *r, const struct message *m, struct read_back *out)
{
	struct spool_place place = message_place(m);
	size_t count;
	if (r->buf.cap > READ_BUFFER_KEPT)
		buf_release(&r->buf);
	buf_reset(&r->buf);
	pool_reset(r->pool);
	if (!spool_read(r->spool, m->id, &place, &r->buf, r->pool, &out->envelope, &out->recipients,
		&count, &out->content))
		return false;
	errno = EBADMSG;
	return count == m->recipient_count;
}

bool reader_delivery(struct reader *r, const struct message *m, struct read_back *out)
{
	const struct content *c = contents_find(r->contents, m->id);
	if (c == NULL || !c->plain)
		return reader_read(r, m, out);
	*out = (struct read_back){.envelope = {.arrival = m->arrival,
				      .reverse_path = message_sender(m),
				      .flags = c->flags},
	    .content = str_from(c->octets, c->n)};
	return true;
}

bool reader_content(struct reader *r, const struct message *m, struct str *content)
{
	struct read_back reading;
	if (contents_get(r->contents, m->id, content))
		return true;
	if (!reader_read(r, m, &reading))
		return false;
	*content = reading.content;
	return true;
}

int reader_open(struct reader *r, const struct message *m)
{
	struct stat st;
	int fd = spool_large_open(r->spool, m->id);
	if (fd < 0 && errno == ENOENT)
		errno = EBADMSG;
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size == m->size)
		return fd;
	close(fd);
	errno = EBADMSG;
	return -1;
}

/* Each job sends the content once at first; then it is the spool's alone. */
void reader_forget(struct reader *r, const struct message *m)
{
	if (m->job_count > FEW_JOBS)
		return; /* goes when it is stale, or with the message */
	for (size_t i = 0; i < m->job_count; i++)
		if (m->jobs[i].own.ready != RECIPIENT_NONE)
			return;
	contents_drop(r->contents, m->id);
}
