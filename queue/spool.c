/* SPDX-License-Identifier: ISC
 *
 * The event loop's side: fills batches, hands them to the sync thread, and turns what
 * comes back into callbacks. A batch is handed over at the end of the loop's round when
 * somebody waits for it, else within a second.
 */
#include "queue/spool-internal.h"

#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { SEGMENT_MIN = 1024 * 1024, SEGMENT_MAX = 1024 * 1024 * 1024, CLOSE_ROUNDS = 3 };

struct spool_batch *spool_filling(struct spool *spool)
{
	if (spool->filling == NULL)
		spool->filling = spool_thread_take_back(spool->thread);
	if (spool->filling == NULL) {
		spool->filling = spool->spare != NULL ? spool->spare : spool_batch_new();
		spool->spare = NULL;
	}
	return spool->filling;
}

void spool_filled(struct spool *spool)
{
	bool urgent = spool->filling != NULL && spool->filling->urgent;
	if (urgent && !spool->soon) {
		spool->soon = true;
		if (spool->loop != NULL)
			spool_loop_soon(spool->loop);
	} else if (!urgent && !spool->second) {
		spool->second = true;
		if (spool->loop != NULL)
			spool_loop_second(spool->loop);
	}
}

static void hand_over(struct spool *spool)
{
	struct spool_batch *b = spool_filling(spool);
	spool->filling = NULL;
	b->tail = spool->tail;
	b->last_id = spool->last_id;
	b->large_octets = spool->large_octets;
	spool_thread_give(spool->thread, b);
}

static void tell_refusals(struct spool *spool)
{
	struct spool_refusal *list = spool->refusals;
	size_t n = spool->refusal_count;
	spool->refusals = NULL;
	spool->refusal_count = spool->refusal_capacity = 0;
	for (size_t i = 0; i < n; i++)
		spool->events.on_committed(spool->ctx, list[i].tag, list[i].id, NULL, list[i].error);
	free(list);
}

void spool_on_soon(struct spool *spool)
{
	spool->soon = false;
	tell_refusals(spool);
	if (spool->filling != NULL && spool->filling->urgent)
		hand_over(spool);
}

void spool_on_second(struct spool *spool)
{
	spool->second = false;
	spool_clean_turn(spool);
	if (spool->filling != NULL || spool->tail > spool->committed_tail)
		hand_over(spool);
}

void spool_on_again(struct spool *spool)
{
	spool_clean_turn(spool);
}

static void on_entry(struct spool *spool, const struct spool_entry *e)
{
	struct spool_table *t = &spool->table;
	if (e->moved) {
		spool_clean_on_moved(spool, e);
		return;
	}
	if (e->error == 0) {
		spool->commits++;
		spool_table_count_in(t, spool_table_find(t, e->place.segment), spool_record_room(e->place.length));
	}
	spool->events.on_committed(spool->ctx, e->tag, e->id, e->error == 0 ? &e->place : NULL, e->error);
}

/* Forgets the large messages that were refused, once no opening can find their records. */
static void remove_refused(struct spool *spool)
{
	struct spool_large_ids *l = &spool->refused_large;
	if (spool->report.unsettled)
		return;
	for (size_t i = 0; i < l->count; i++)
		spool_large_remove(spool->io, l->ids[i]);
	spool_large_ids_reset(l);
}

static void on_refused(struct spool *spool, const struct spool_batch *b, const struct spool_entry *e)
{
	struct spool_record r;
	struct spool_place place;
	const uint8_t *p = buf_data(&b->records) + e->at;
	if (e->error == 0 || e->moved || !spool_record_get(p, buf_len(&b->records) - e->at, &r) ||
	    (r.flags & SPOOL_RECORD_LARGE) == 0)
		return;
	if (spool_payload_get_place(&r, p + SPOOL_RECORD_SIZE, 0, 0, &place))
		spool_large_less(spool, place.content_length);
	spool_large_ids_add(&spool->refused_large, e->id);
}

static void on_batch(struct spool *spool, struct spool_batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		on_refused(spool, b, &b->entries[i]);
		on_entry(spool, &b->entries[i]);
	}
	spool_batch_reset(b);
	if (spool->spare == NULL)
		spool->spare = b;
	else
		spool_batch_free(b);
}

static void on_opened(struct spool *spool, struct spool_report *r)
{
	for (size_t i = 0; i < r->opened_count; i++) {
		const struct spool_stock_used *u = &r->opened[i];
		spool_files_forget(&spool->files, u->slot);
		spool_table_add(&spool->table, u->slot, u->sequence, u->size);
	}
	free(r->opened);
	r->opened = NULL;
	r->opened_count = r->opened_capacity = 0;
}

static void on_state(struct spool *spool, const struct spool_report *r)
{
	if (r->lost_results > spool->lost_results)
		log_message(LOG_WARNING, "spool: %llu results could not be kept; those deliveries may be repeated",
		    (unsigned long long)(r->lost_results - spool->lost_results));
	spool->lost_results = r->lost_results;
	if (r->mail_error == spool->space_error)
		return;
	spool->space_error = r->mail_error;
	errno = r->mail_error;
	if (r->mail_error != 0)
		log_message(LOG_ERR, "spool: new mail cannot be taken: %m");
	else
		log_message(LOG_NOTICE, "spool: new mail is taken again");
	spool->events.on_space(spool->ctx, r->mail_error == 0, r->mail_error);
}

void spool_on_report(struct spool *spool)
{
	struct spool_report r;
	struct spool_batch *done = spool_thread_fetch(spool->thread, &r), *next;
	on_opened(spool, &r);
	spool->report = r;
	spool->committed_tail = r.tail;
	on_state(spool, &r);
	for (; done != NULL; done = next) {
		next = done->next;
		on_batch(spool, done);
	}
	remove_refused(spool);
	spool_clean_turn(spool);
	if (spool->tail > spool->committed_tail)
		spool_filled(spool);
}

void spool_turn(struct spool *spool, bool second)
{
	if (second)
		spool_on_second(spool);
	spool_on_soon(spool);
	spool_thread_turn(spool->thread);
	spool_on_report(spool);
}

static bool options_are_sound(const struct spool_options *o)
{
	return o->segment_size >= SEGMENT_MIN && o->segment_size <= SEGMENT_MAX &&
	       o->segment_size % SPOOL_BLOCK == 0;
}

struct spool *spool_open_on(struct spool_io *io, const struct spool_options *options,
    const struct spool_events *events, void *ctx, bool threaded)
{
	struct spool *spool = xcalloc(1, sizeof(*spool));
	spool->io = io;
	spool->options = *options;
	spool->events = *events;
	spool->ctx = ctx;
	spool->files.io = io;
	spool->writer.append.fd = spool->writer.append.stock.making_fd = -1;
	int error = spool_recover(spool);
	if (error == 0) {
		spool->thread = spool_thread_start(&spool->writer, threaded);
		error = spool->thread == NULL ? errno : 0;
	}
	if (error == 0 && threaded)
		spool->loop = spool_loop_new(spool, spool_thread_fd(spool->thread));
	if (error == 0) {
		spool_filled(spool); /* looks within a second whether there is something to clean */
		return spool;
	}
	spool_discard(spool);
	errno = error;
	return NULL;
}

struct spool *spool_open(int dirfd, const struct spool_options *options,
    const struct spool_events *events, void *ctx)
{
	if (!options_are_sound(options)) {
		log_message(LOG_ERR, "spool: a segment of %u octets is not possible", options->segment_size);
		errno = EINVAL;
		return NULL;
	}
	struct spool_io *io = spool_io_open(dirfd, true);
	struct spool *spool = io == NULL ? NULL : spool_open_on(io, options, events, ctx, true);
	if (spool != NULL)
		return spool;
	int error = errno;
	if (error == EWOULDBLOCK)
		log_message(LOG_ERR, "spool: another program has it open");
	else
		log_message(LOG_ERR, "spool: it cannot be opened: %m");
	errno = error;
	return NULL;
}

void spool_discard(struct spool *spool)
{
	spool_loop_free(spool->loop);
	if (spool->thread != NULL)
		spool_thread_stop(spool->thread);
	spool_thread_free(spool->thread);
	spool_writer_reset(&spool->writer);
	spool_batch_free(spool->filling);
	spool_batch_free(spool->spare);
	spool_clean_reset(&spool->clean);
	spool_files_reset(&spool->files);
	spool_table_reset(&spool->table);
	spool_large_ids_reset(&spool->refused_large);
	free(spool->refusals);
	spool->io->free(spool->io);
	free(spool);
}

/* A round more for what the callbacks of the last one gave. */
void spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	spool->closing = true;
	spool_thread_stop(spool->thread);
	for (int i = 0; i < CLOSE_ROUNDS; i++) {
		tell_refusals(spool);
		hand_over(spool);
		spool_thread_turn(spool->thread);
		spool_on_report(spool);
	}
	int error = spool_writer_close(&spool->writer);
	if (error != 0) {
		errno = error;
		log_message(LOG_ERR, "spool: it could not be closed cleanly: %m");
	}
	spool_discard(spool);
}
