/* SPDX-License-Identifier: ISC */
#include "queue/spool-writer.h"
#include "queue/spool-bytes.h"
#include "queue/spool-large.h"

#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { KEPT_CEILING = 1024 * 1024 * 1024 };

static uint64_t now_ms(struct spool_writer *w)
{
	return w->append.stock.io->now_ms(w->append.stock.io);
}

static void update_report(struct spool_writer *w)
{
	struct spool_report *r = &w->report;
	const struct spool_stock *s = &w->append.stock;
	r->tail = w->append.tail;
	r->mail_error = w->failed != 0 ? w->failed : w->mail_error;
	r->unsettled = w->failed != 0 || w->settle_owed;
	r->in_use = (uint32_t)s->used_count;
	r->free_segments = (uint32_t)s->free_count;
	r->octets = s->octets;
	r->figures = w->append.figures;
}

static int fail(struct spool_writer *w, int error)
{
	w->failed = error;
	w->retry_at = now_ms(w) + SPOOL_RETRY_MS;
	return error;
}

void spool_writer_init(struct spool_writer *w, const struct spool_owed *owed)
{
	buf_init(&w->kept, KEPT_CEILING);
	w->reported_sequence = w->append.next_sequence - 1;
	w->owed = *owed;
	if (w->owed.p != NULL)
		fail(w, w->owed.error);
	update_report(w);
}

void spool_writer_reset(struct spool_writer *w)
{
	spool_append_reset(&w->append);
	buf_release(&w->kept);
	free(w->owed.p);
	w->owed.p = NULL;
	free(w->report.opened);
	w->report.opened = NULL;
}

/* The open segment is told once its first batch is there. */
static void note_opened(struct spool_writer *w)
{
	struct spool_report *r = &w->report;
	const struct spool_append *a = &w->append;
	if (a->fd < 0 || a->fresh || a->sequence <= w->reported_sequence)
		return;
	if (r->opened_count == r->opened_capacity) {
		r->opened_capacity = r->opened_capacity == 0 ? 4 : r->opened_capacity * 2;
		r->opened = xreallocarray(r->opened, r->opened_capacity, sizeof(*r->opened));
	}
	r->opened[r->opened_count++] =
	    (struct spool_stock_used){a->sequence, a->slot, a->stock.options.segment_size};
	w->reported_sequence = a->sequence;
}

/* The files of large messages go when their finish is on disk. */
static void remove_finished(struct spool_writer *w, const uint8_t *p, size_t n)
{
	struct spool_record r;
	for (size_t at = 0; at < n && spool_record_get(p + at, n - at, &r);
	     at += spool_record_room(r.length))
		if (r.type == SPOOL_RECORD_FINISH && (r.flags & SPOOL_RECORD_LARGE) != 0)
			spool_large_remove(w->append.stock.io, r.id);
}

static int write_part(struct spool_writer *w, uint8_t *p, size_t n, uint32_t *offset)
{
	int error = spool_append_write(&w->append, p, n, offset);
	if (error == 0) {
		note_opened(w);
		remove_finished(w, p, n);
	} else {
		w->settle_owed = true;
	}
	return error;
}

int spool_owed_write(struct spool_io *io, const struct spool_owed *owed)
{
	char name[SPOOL_SLOT_NAME];
	spool_stock_name(owed->slot, name);
	int fd = io->open(io, SPOOL_DIR_SEGMENTS, name, O_RDWR);
	if (fd < 0)
		return errno;
	int error = spool_io_write(io, fd, owed->p, owed->n, owed->offset);
	if (error == 0 && io->sync_data(io, fd) < 0)
		error = errno;
	io->close(io, fd);
	return error;
}

static int pay_owed(struct spool_writer *w)
{
	int error = w->owed.p == NULL ? 0 : spool_owed_write(w->append.stock.io, &w->owed);
	if (error != 0)
		return error;
	free(w->owed.p);
	w->owed.p = NULL;
	return 0;
}

/* Keeps what is not mail; when that grows too much, results whose loss means one more try. */
static void keep(struct spool_writer *w, const uint8_t *p, size_t n)
{
	struct spool_record r;
	for (size_t at = 0; at < n && spool_record_get(p + at, n - at, &r);
	     at += spool_record_room(r.length)) {
		if (r.type == SPOOL_RECORD_MESSAGE || (r.flags & SPOOL_RECORD_MOVED) != 0)
			continue;
		if (r.type == SPOOL_RECORD_RESULTS && buf_len(&w->kept) > SPOOL_BATCH_KEPT_MAX)
			w->report.lost_results++;
		else
			buf_append(&w->kept, p + at, spool_record_room(r.length));
	}
}

static void drop_kept(struct spool_writer *w)
{
	size_t index;
	buf_consume(&w->kept, spool_batch_group(buf_data(&w->kept), buf_len(&w->kept), &index));
	w->report.lost_results++;
}

/* Writes what earlier failures left, and with it, or with an empty batch, voids the one that
 * failed. 0 when nothing is owed any more. */
static int settle(struct spool_writer *w)
{
	uint32_t offset;
	int owed = pay_owed(w);
	if (owed != 0)
		return fail(w, owed);
	while (w->settle_owed || buf_len(&w->kept) > 0) {
		uint8_t *p = buf_data(&w->kept);
		size_t n = spool_append_fitting(&w->append, p, buf_len(&w->kept));
		int error = 0;
		if (n == 0 && w->append.fresh && buf_len(&w->kept) > 0)
			drop_kept(w); /* never; but not for ever either */
		else if (w->append.fd < 0 || (n == 0 && buf_len(&w->kept) > 0))
			error = spool_append_roll(&w->append, false);
		else if ((error = write_part(w, p, n, &offset)) == 0) {
			buf_consume(&w->kept, n);
			w->settle_owed = false;
		}
		if (error != 0)
			return fail(w, error);
	}
	if (w->failed != 0)
		buf_release(&w->kept);
	w->failed = 0;
	return 0;
}

/* How far a batch is done. */
struct progress {
	uint8_t *p;
	size_t n, at;
	struct spool_entry *entry, *end; /* the first not done */
};

static bool is_refused(const struct spool_writer *w, struct spool_entry *e)
{
	if (e->error == 0 && !e->moved)
		e->error = w->mail_error;
	return e->error != 0;
}

/* Octets up to the next message that is refused. */
static size_t run_length(const struct spool_writer *w, const struct progress *c)
{
	for (struct spool_entry *e = c->entry; e < c->end; e++)
		if (is_refused(w, e))
			return e->at - c->at;
	return c->n - c->at;
}

static void skip_message(struct progress *c)
{
	size_t index;
	c->at += spool_batch_group(c->p + c->at, c->n - c->at, &index);
	c->entry++;
}

static void end_part(struct spool_writer *w, struct progress *c, size_t n, uint32_t offset, int error)
{
	for (; c->entry < c->end && c->entry->at < c->at + n; c->entry++) {
		struct spool_entry *e = c->entry;
		struct spool_record r;
		uint8_t *p = c->p + e->at;
		e->error = error;
		if (error == 0 && spool_record_get(p, c->n - e->at, &r))
			spool_payload_get_place(&r, p + SPOOL_RECORD_SIZE, w->append.slot,
			    offset + (uint32_t)(e->at - c->at), &e->place);
	}
	if (error != 0)
		keep(w, c->p + c->at, n);
	c->at += n;
}

static void refuse_rest(struct spool_writer *w, struct progress *c, int error)
{
	if (c->at < c->n)
		keep(w, c->p + c->at, c->n - c->at);
	for (; c->entry < c->end; c->entry++)
		c->entry->error = error;
	c->at = c->n;
}

/* A fresh segment for what comes next. Mail and survivors that cannot have one are refused
 * alone; without one for results nothing goes. */
static int roll(struct spool_writer *w, const struct progress *c)
{
	bool message = c->entry < c->end && c->entry->at == c->at;
	bool mail = message && !c->entry->moved;
	int error = spool_append_roll(&w->append, mail);
	if (error == 0 && spool_append_fitting(&w->append, c->p + c->at, c->n - c->at) == 0)
		error = EMSGSIZE;
	if (error == 0 || !message)
		return error == 0 ? 0 : fail(w, error);
	if (mail && error != EMSGSIZE) {
		w->mail_error = error;
		w->retry_at = now_ms(w) + SPOOL_RETRY_MS;
	}
	c->entry->error = error;
	return 0;
}

static int step(struct spool_writer *w, struct progress *c)
{
	uint32_t offset = 0;
	size_t run = run_length(w, c);
	if (run == 0) {
		skip_message(c);
		return 0;
	}
	size_t n = spool_append_fitting(&w->append, c->p + c->at, run);
	if (n == 0)
		return roll(w, c);
	int error = write_part(w, c->p + c->at, n, &offset);
	end_part(w, c, n, offset, error);
	return error == 0 ? 0 : settle(w);
}

/* A new tail alone is worth a batch: it frees segments. Without room for one it goes along
 * with whatever is written next. */
static void commit_tail(struct spool_writer *w)
{
	uint32_t offset;
	if (w->append.fd < 0 && spool_append_roll(&w->append, false) != 0)
		return;
	if (spool_append_fits_empty(&w->append) && write_part(w, NULL, 0, &offset) != 0)
		settle(w);
}

void spool_writer_run(struct spool_writer *w, struct spool_batch *b)
{
	struct progress c = {.p = buf_data(&b->records),
	    .n = buf_len(&b->records),
	    .entry = b->entries,
	    .end = b->count == 0 ? b->entries : &b->entries[b->count]};
	if (b->tail > w->append.wanted_tail)
		w->append.wanted_tail = b->tail;
	if (b->last_id > w->append.last_id)
		w->append.last_id = b->last_id;
	w->append.stock.large_octets = b->large_octets;
	int error = w->failed != 0 && now_ms(w) < w->retry_at ? w->failed : settle(w);
	if (error == 0)
		spool_large_sync(w->append.stock.io, b);
	while (error == 0 && c.at < c.n)
		error = step(w, &c);
	if (error != 0)
		refuse_rest(w, &c, error);
	else if (w->append.wanted_tail > w->append.tail)
		commit_tail(w);
	update_report(w);
}

bool spool_writer_wants_chore(const struct spool_writer *w)
{
	const struct spool_stock *s = &w->append.stock;
	return w->failed == 0 && spool_stock_wants_step(s) && s->io->now_ms(s->io) >= w->chore_at;
}

bool spool_writer_is_short(const struct spool_writer *w)
{
	const struct spool_append *a = &w->append;
	return a->stock.free_count == 0 && a->at >= a->stock.options.segment_size / 2;
}

void spool_writer_chore(struct spool_writer *w)
{
	int error = spool_stock_step(&w->append.stock);
	if (error != 0) {
		w->chore_at = now_ms(w) + SPOOL_RETRY_MS;
		if (w->append.fd < 0 && w->append.stock.free_count == 0) {
			w->mail_error = error;
			w->retry_at = w->chore_at;
		}
	}
	update_report(w);
}

bool spool_writer_wants_retry(const struct spool_writer *w)
{
	return w->failed != 0 || w->mail_error != 0;
}

void spool_writer_retry(struct spool_writer *w)
{
	w->retry_at = now_ms(w) + SPOOL_RETRY_MS;
	if (settle(w) == 0 && w->append.wanted_tail > w->append.tail)
		commit_tail(w);
	if (w->failed == 0 && w->mail_error != 0)
		w->mail_error = spool_stock_may_take(&w->append.stock);
	update_report(w);
}

static int write_closed(struct spool_writer *w)
{
	struct buf closed = BUF_INIT(SPOOL_BLOCK);
	uint32_t offset;
	spool_payload_put_closed(&closed);
	int error = write_part(w, buf_data(&closed), buf_len(&closed), &offset);
	buf_release(&closed);
	return error;
}

int spool_writer_close(struct spool_writer *w)
{
	int error = settle(w);
	if (error == 0 && w->append.fd >= 0 && !w->append.fresh)
		error = write_closed(w);
	if (error == 0)
		error = spool_append_close(&w->append);
	update_report(w);
	return error;
}
