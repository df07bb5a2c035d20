/* SPDX-License-Identifier: ISC
 *
 * Recovery: the log is read from its tail on and told as it happened. A segment without an
 * index gets one, and a lost header is written anew, so the next start is quick and says
 * nothing twice.
 */
#include "queue/spool-bytes.h"
#include "queue/spool-crc.h"
#include "queue/spool-identity.h"
#include "queue/spool-internal.h"
#include "queue/spool-large.h"
#include "queue/spool-replay.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/queue-id.h"

#include <errno.h>
#include <stdlib.h>

enum { POOL_MAX = 64 * 1024 * 1024, INDEX_MAX = 1024 * 1024 * 1024 };

struct recovery {
	struct spool *spool;
	struct spool_faults faults;
	struct spool_survey survey;
	struct spool_replay replay;
	struct pool *pool;
	struct spool_owed owed;
	struct spool_large_ids large, large_finished, files;
};

static void on_fault(void *ctx, const char *text)
{
	struct spool *spool = ctx;
	log_message(LOG_WARNING, "spool: %s", text);
	if (spool->events.on_damage != NULL)
		spool->events.on_damage(spool->ctx, text);
}

static void add_large(struct spool *spool, int64_t octets)
{
	spool->large_octets += (uint64_t)octets;
	if ((int64_t)spool->large_octets < 0)
		spool->large_octets = 0;
}

static bool on_message(struct recovery *v, const struct spool_found *f, const struct spool_record *r,
    const uint8_t *head, uint32_t offset)
{
	struct spool *spool = v->spool;
	struct spool_payload_message m;
	struct spool_place place;
	if (!spool_payload_get_place(r, head, f->slot, offset, &place) ||
	    !spool_payload_get_message(head, r->head, r->version, v->pool, &m))
		return false;
	struct spool_segment *from = NULL;
	if (r->flags & SPOOL_RECORD_MOVED)
		from = spool_table_find_sequence(&spool->table, m.from_sequence);
	spool_table_count_out(&spool->table, from, spool_record_room(m.from_length));
	spool_table_count_in(&spool->table, spool_table_find(&spool->table, f->slot), spool_record_room(r->length));
	if (place.large) {
		spool_large_ids_add(&v->large, r->id);
		if (from == NULL)
			add_large(spool, (int64_t)place.content_length);
	}
	spool->events.on_message(spool->ctx, r->id, &place, &m.envelope, m.recipients, m.count);
	if (m.settled.about != 0 && spool->events.on_settled != NULL)
		spool->events.on_settled(spool->ctx, &m.settled);
	return true;
}

static bool on_results(struct recovery *v, const struct spool_record *r, const uint8_t *head)
{
	struct spool_result *list;
	size_t count;
	if (!spool_payload_get_results(head, r->head, r->version, v->pool, &list, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		v->spool->events.on_result(v->spool->ctx, r->id, &list[i]);
	return true;
}

static bool on_finish(struct recovery *v, const struct spool_record *r, const uint8_t *head)
{
	struct spool *spool = v->spool;
	struct spool_payload_finish f;
	if (!spool_payload_get_finish(head, r->head, &f))
		return false;
	spool_table_count_out(&spool->table, spool_table_find_sequence(&spool->table, f.sequence),
	    spool_record_room(f.length));
	if (r->flags & SPOOL_RECORD_LARGE) {
		spool_large_ids_add(&v->large_finished, r->id);
		add_large(spool, -(int64_t)f.content_length);
	}
	spool->events.on_finished(spool->ctx, r->id);
	return true;
}

static void on_record(void *ctx, const struct spool_found *f, const struct spool_record *r,
    const uint8_t *head, uint32_t offset)
{
	struct recovery *v = ctx;
	bool ok = true;
	if (r->id > v->replay.last_id)
		v->replay.last_id = r->id;
	if (r->type == SPOOL_RECORD_MESSAGE)
		ok = on_message(v, f, r, head, offset);
	else if (r->type == SPOOL_RECORD_RESULTS)
		ok = on_results(v, r, head);
	else if (r->type == SPOOL_RECORD_FINISH)
		ok = on_finish(v, r, head);
	pool_reset(v->pool);
	if (!ok)
		spool_faults_bytes(&v->faults, f->slot, f->sequence, offset, head, r->head,
		    "a record that checks has fields that make no sense");
}

static void put_header(const struct recovery *v, const struct spool_found *f, uint8_t *p)
{
	spool_segment_put_header(p,
	    &(struct spool_segment_header){v->survey.identity, v->survey.key, f->sequence,
		v->survey.tail, f->first_batch, f->size});
}

static int write_header(const struct recovery *v, const struct spool_found *f, int fd)
{
	uint8_t header[SPOOL_HEADER_SIZE];
	put_header(v, f, header);
	return spool_io_write(v->faults.io, fd, header, sizeof(header), 0);
}

static int write_index(const struct recovery *v, const struct spool_found *f, const struct buf *index,
    int fd)
{
	uint8_t footer[SPOOL_FOOTER_SIZE];
	size_t length = buf_len(index), at = 0;
	struct spool_footer ft = {.sequence = f->sequence,
	    .offset = f->size - (uint32_t)spool_index_blocks(length),
	    .length = (uint32_t)length,
	    .crc = spool_crc(v->survey.seed, buf_data(index), length),
	    .last_batch = v->replay.last_batch,
	    .tail = v->survey.tail,
	    .last_id = v->replay.last_id,
	    .first_batch = f->first_batch};
	struct spool_index_item item;
	while (spool_index_next(buf_data(index), length, &at, &item))
		ft.count++;
	spool_segment_put_footer(v->survey.seed, footer, &ft);
	int error = spool_io_write(v->faults.io, fd, buf_data(index), length, ft.offset);
	return error != 0
		   ? error
		   : spool_io_write(v->faults.io, fd, footer, sizeof(footer), f->size - sizeof(footer));
}

/* The log's end may be what a failed sync left before the program died: the kernel then shows it,
 * and thinks that it is on disk. What is believed is therefore written once more: the last batch
 * if it counts, and with the segment's first the header, which voids what older segments hold. */
static bool find_end(const struct spool_found *f, struct spool_owed *end)
{
	const struct spool_scan_summary *s = &f->summary;
	bool first = s->last_start <= SPOOL_BLOCK;
	size_t from = first ? 0 : s->last_start, to = first ? SPOOL_BLOCK : from;
	if (s->last_complete)
		to = spool_bytes_round(s->end, SPOOL_BLOCK);
	*end = (struct spool_owed){.n = to - from, .slot = f->slot, .offset = (uint32_t)from};
	return !f->sealed && f->limit == UINT64_MAX && to > from;
}

static int read_end(const struct recovery *v, const struct spool_found *f, struct spool_owed *end)
{
	struct spool_io *io = v->faults.io;
	char name[SPOOL_SLOT_NAME];
	spool_stock_name(f->slot, name);
	int fd = io->open(io, SPOOL_DIR_SEGMENTS, name, O_RDONLY);
	if (fd < 0)
		return errno;
	end->p = xmalloc(end->n);
	int error = spool_io_read(io, fd, end->p, end->n, end->offset);
	io->close(io, fd);
	if (end->offset == 0)
		put_header(v, f, end->p);
	return error;
}

/* False: it is owed. What cannot even be read again is left to the next start. */
static bool settle_end(struct recovery *v, const struct spool_found *f)
{
	struct spool_owed end;
	if (!find_end(f, &end))
		return true;
	int error = read_end(v, f, &end);
	bool readable = error == 0;
	if (readable)
		error = end.error = spool_owed_write(v->faults.io, &end);
	if (error != 0)
		log_message(LOG_WARNING, "spool: segments/%08u: the log's end cannot be made safe (errno %d)",
		    f->slot, error);
	if (error == 0 || !readable)
		free(end.p);
	else
		v->owed = end;
	return error == 0;
}

/* Best effort: what fails here is only slower at the next start. */
static void repair(struct recovery *v, const struct spool_found *f, const struct buf *index)
{
	struct spool_io *io = v->faults.io;
	char name[SPOOL_SLOT_NAME];
	spool_stock_name(f->slot, name);
	int fd = io->open(io, SPOOL_DIR_SEGMENTS, name, O_RDWR);
	int error = fd < 0 ? errno : 0;
	if (error == 0)
		error = write_header(v, f, fd);
	if (error == 0 && index != NULL)
		error = write_index(v, f, index, fd);
	if (error == 0 && io->sync_data(io, fd) < 0)
		error = errno;
	if (fd >= 0)
		io->close(io, fd);
	if (error != 0)
		log_message(LOG_NOTICE, "spool: segments/%08u cannot be repaired (errno %d)", f->slot, error);
}

static void replay_one(struct recovery *v, size_t i)
{
	const struct spool_found *f = &v->survey.list[i];
	struct buf index = BUF_INIT(INDEX_MAX);
	bool scanned;
	spool_replay_segment(&v->replay, i, &index, &scanned);
	size_t end = f->sealed ? f->footer.offset : spool_bytes_round(f->summary.end, SPOOL_BLOCK);
	bool fits = f->size == f->file_size && end + spool_index_blocks(buf_len(&index)) <= f->size;
	if (!f->truncated && (scanned || f->header_lost) && settle_end(v, f))
		repair(v, f, scanned && fits ? &index : NULL);
	buf_release(&index);
}

static void replay_all(struct recovery *v)
{
	struct spool *spool = v->spool;
	for (size_t i = 0; i < v->survey.count; i++) {
		const struct spool_found *f = &v->survey.list[i];
		if (!f->free)
			spool_table_add(&spool->table, f->slot, f->sequence, f->size);
	}
	for (size_t i = 0; i < v->survey.count; i++)
		if (!v->survey.list[i].free)
			replay_one(v, i);
	/* A message's record that is lost leaves the counts wrong. */
	for (size_t i = 0; v->faults.count > 0 && i < spool->table.count; i++)
		spool_table_find(&spool->table, spool_table_slot(&spool->table, i))->inexact = true;
}

static bool on_large_file(void *ctx, const char *name)
{
	struct recovery *v = ctx;
	uint64_t id;
	if (!queue_id_parse(str_from_cstr(name), &id))
		spool_faults_file(&v->faults, SPOOL_DIR_LARGE, name, "not a message's content");
	else
		spool_large_ids_add(&v->files, id);
	return true;
}

/* A file that no message refers to was never committed, or its message is finished; when records
 * were lost it may be the content of one of theirs. */
static int check_large(struct recovery *v)
{
	struct spool_io *io = v->faults.io;
	char name[QUEUE_ID_SIZE];
	if (io->list(io, SPOOL_DIR_LARGE, on_large_file, v) < 0)
		return errno;
	spool_large_ids_sort(&v->large);
	spool_large_ids_sort(&v->large_finished);
	spool_large_ids_sort(&v->files);
	for (size_t i = 0; i < v->files.count; i++) {
		uint64_t id = v->files.ids[i];
		if (spool_large_ids_has(&v->large, id) && !spool_large_ids_has(&v->large_finished, id))
			continue;
		queue_id_format(id, name);
		if (v->faults.count > 0 && !spool_large_ids_has(&v->large_finished, id))
			spool_faults_file(&v->faults, SPOOL_DIR_LARGE, name, "no message has this content");
		else
			spool_large_remove(io, id);
	}
	for (size_t i = 0; i < v->large.count; i++) {
		uint64_t id = v->large.ids[i];
		queue_id_format(id, name);
		if (!spool_large_ids_has(&v->files, id) && !spool_large_ids_has(&v->large_finished, id))
			spool_faults_say(&v->faults, "large/%s is missing: the content of that message is lost", name);
	}
	return 0;
}

static void set_up_writer(struct recovery *v)
{
	struct spool *spool = v->spool;
	struct spool_append *a = &spool->writer.append;
	const struct spool_survey *s = &v->survey;
	spool_append_init(a, s->seed);
	spool_stock_init(&a->stock, spool->io, &spool->options, s->identity, s->key);
	a->next_sequence = 1;
	for (size_t i = 0; i < s->count; i++) {
		const struct spool_found *f = &s->list[i];
		if (f->sequence >= a->next_sequence)
			a->next_sequence = f->sequence + 1;
		spool_stock_add_used(&a->stock, f->slot, f->sequence, f->file_size);
	}
	/* Those before the tail become free, or go. */
	spool_stock_release(&a->stock, s->tail);
	a->next_batch = v->replay.last_batch + 1;
	a->last_id = v->replay.last_id;
	a->tail = a->wanted_tail = s->tail;
	spool->tail = spool->committed_tail = s->tail;
	spool->last_id = v->replay.last_id;
	spool->identity = s->identity;
	spool->seed = s->seed;
	spool_writer_init(&spool->writer, &v->owed);
	v->owed.p = NULL;
}

static int recover(struct recovery *v)
{
	int error = spool_survey_make(&v->survey, &v->faults);
	if (error == 0 && v->survey.identity_lost)
		error = spool_survey_write_identity(&v->survey, v->faults.io);
	if (error == EROFS && !v->survey.is_new)
		error = 0;
	if (error != 0)
		return error;
	replay_all(v);
	error = check_large(v);
	if (error == 0)
		set_up_writer(v);
	return error;
}

int spool_recover(struct spool *spool)
{
	struct recovery v = {.spool = spool, .pool = pool_new(POOL_MAX)};
	v.faults =
	    (struct spool_faults){.io = spool->io, .set_aside = true, .on_fault = on_fault, .ctx = spool};
	v.replay = (struct spool_replay){
	    .survey = &v.survey, .faults = &v.faults, .on_record = on_record, .ctx = &v};
	int error = recover(&v);
	pool_free(v.pool);
	free(v.owed.p);
	spool_survey_reset(&v.survey);
	spool_large_ids_reset(&v.large);
	spool_large_ids_reset(&v.large_finished);
	spool_large_ids_reset(&v.files);
	return error;
}
