/* SPDX-License-Identifier: ISC */
#include "queue/spool-internal.h"
#include "queue/spool-replay.h"

#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

enum {
	POOL_MAX = 64 * 1024 * 1024,
	RECORD_MAX = 1024 * 1024 * 1024,
	PATIENCE_MS = 1000,
	LOOKS_MAX = 4096, /* records a step */
};

void spool_clean_reset(struct spool_clean *c)
{
	free(c->index);
	free(c->moving);
	pool_free(c->pool);
	buf_release(&c->record);
	*c = (struct spool_clean){0};
}

static uint64_t now_ms(const struct spool *spool)
{
	return spool->io->now_ms(spool->io);
}

/* --- What is to be cleaned ------------------------------------------------- */

/* The oldest segment, unless it is the newest, too: that one may be open. */
static struct spool_segment *oldest(const struct spool *spool, uint32_t *slot)
{
	if (spool->table.count < 2)
		return NULL;
	*slot = spool_table_slot(&spool->table, 0);
	return spool_table_find(&spool->table, *slot);
}

static void free_oldest(struct spool *spool)
{
	spool_table_remove_oldest(&spool->table);
	spool->tail = spool_table_find(&spool->table, spool_table_slot(&spool->table, 0))->sequence;
}

static void free_empty(struct spool *spool)
{
	uint32_t slot;
	const struct spool_segment *s;
	while (!spool->clean.active && (s = oldest(spool, &slot)) != NULL && s->messages == 0 && !s->inexact)
		free_oldest(spool);
}

static bool is_wanted(const struct spool *spool, const struct spool_segment *s)
{
	const struct spool_table *t = &spool->table;
	bool full = spool->space_error == ENOSPC;
	uint64_t segment = spool->options.segment_size;
	uint64_t most = full ? t->live + t->live / 4 + 2 * segment : 2 * t->live + 4 * segment;
	return s->live <= s->size / 4 * (full ? 3 : 1) || t->octets > most;
}

/* --- Its records ------------------------------------------------------------ */

struct rebuilding {
	struct spool_replay replay;
	struct spool_survey survey;
	struct spool_faults faults;
	struct spool_found found;
};

static void ignore_record(void *ctx, const struct spool_found *f, const struct spool_record *r,
    const uint8_t *head, uint32_t offset)
{
	(void)ctx;
	(void)f;
	(void)r;
	(void)head;
	(void)offset;
}

static void on_fault(void *ctx, const char *text)
{
	struct spool *spool = ctx;
	log_message(LOG_WARNING, "spool: %s", text);
	if (spool->events.on_damage != NULL)
		spool->events.on_damage(spool->ctx, text);
}

/* A segment that was not sealed, because a write to it failed or its index did not fit, is
 * read as a whole. Batches from the next segment's first on are void. */
static bool rebuild_index(struct spool *spool, const struct spool_segment *s, uint32_t slot)
{
	struct rebuilding b = {0};
	struct buf index = BUF_INIT(RECORD_MAX);
	bool scanned;
	b.faults = (struct spool_faults){.io = spool->io, .set_aside = true, .on_fault = on_fault, .ctx = spool};
	b.found = (struct spool_found){.slot = slot, .size = s->size, .file_size = s->size, .sequence = s->sequence};
	b.found.limit = spool_replay_first_batch(spool->io, spool_table_slot(&spool->table, 1));
	b.survey = (struct spool_survey){.seed = spool->seed, .list = &b.found, .count = 1};
	b.replay = (struct spool_replay){.survey = &b.survey, .faults = &b.faults, .on_record = ignore_record};
	if (b.found.limit == 0)
		return false;
	spool_replay_segment(&b.replay, 0, &index, &scanned);
	spool->clean.index_length = buf_len(&index);
	spool->clean.index = xmalloc(buf_len(&index));
	if (buf_len(&index) > 0)
		memcpy(spool->clean.index, buf_data(&index), buf_len(&index));
	buf_release(&index);
	return true;
}

static bool load_index(struct spool *spool, const struct spool_segment *s, uint32_t slot)
{
	struct spool_clean *c = &spool->clean;
	uint8_t p[SPOOL_FOOTER_SIZE];
	struct spool_footer footer;
	bool damaged;
	int fd = spool_files_get(&spool->files, slot);
	if (fd < 0)
		return false;
	if (spool_io_read(spool->io, fd, p, sizeof(p), s->size - sizeof(p)) == 0 &&
	    spool_segment_get_footer(spool->seed, p, s->sequence, s->size, &footer, &damaged)) {
		c->index = spool_replay_read_index(spool->io, spool->seed, slot, &footer);
		c->index_length = footer.length;
	}
	return c->index != NULL || rebuild_index(spool, s, slot);
}

static bool begin(struct spool *spool, const struct spool_segment *s, uint32_t slot)
{
	struct spool_clean *c = &spool->clean;
	if (c->pool == NULL) {
		c->pool = pool_new(POOL_MAX);
		buf_init(&c->record, RECORD_MAX);
	}
	c->slot = slot;
	c->sequence = s->sequence;
	c->at = 0;
	c->walked = c->failed = false;
	c->taken_before = spool->taken;
	c->active = load_index(spool, s, slot);
	if (!c->active) {
		log_message(LOG_WARNING, "spool: segments/%08u cannot be cleaned now (errno %d)", slot, errno);
		c->retry_at = now_ms(spool) + SPOOL_CLEAN_RETRY_MS;
	}
	return c->active;
}

/* --- Moving the survivors --------------------------------------------------- */

static void push_moving(struct spool_clean *c, uint64_t id)
{
	if (c->moving_first > 0 && c->moving_first + c->moving_count == c->moving_capacity) {
		memmove(c->moving, c->moving + c->moving_first, c->moving_count * sizeof(*c->moving));
		c->moving_first = 0;
	}
	if (c->moving_first + c->moving_count == c->moving_capacity) {
		c->moving_capacity = c->moving_capacity == 0 ? 64 : c->moving_capacity * 2;
		c->moving = xreallocarray(c->moving, c->moving_capacity, sizeof(*c->moving));
	}
	c->moving[c->moving_first + c->moving_count++] = (struct spool_clean_moving){.id = id};
}

static bool move(struct spool *spool, const struct spool_place *place, uint64_t id, const uint8_t *record)
{
	struct spool_result *results = NULL;
	size_t count = 0;
	struct spool_clean *c = &spool->clean;
	bool ok = spool->events.on_snapshot(spool->ctx, id, c->pool, &results, &count) &&
		  spool_batch_add_moved(spool_filling(spool), record, id, place, c->sequence, results,
		      count, spool_append_capacity(spool->options.segment_size));
	pool_reset(c->pool);
	if (ok)
		push_moving(&spool->clean, id);
	return ok;
}

/* A live message whose record does not check any more is left to its owner, who will find that
 * it cannot be read. */
void spool_report_damage(
    struct spool *spool, const struct spool_place *place, const struct buf *record)
{
	const struct spool_segment *s = spool_table_find(&spool->table, place->segment);
	struct spool_faults faults = {
	    .io = spool->io, .set_aside = true, .on_fault = on_fault, .ctx = spool};
	if (s != NULL && buf_len(record) > 0)
		spool_faults_bytes(&faults, place->segment, s->sequence, place->offset,
		    buf_data(record), buf_len(record), "a live message's record does not check");
}

/* False: something is in the way, try later. */
static bool clean_message(struct spool *spool, const struct spool_index_item *item)
{
	struct spool_clean *c = &spool->clean;
	struct spool_place place;
	struct spool_record r;
	if (!spool_payload_get_place(&item->record, item->head, c->slot, item->offset, &place) ||
	    !spool->events.is_live(spool->ctx, item->record.id, &place))
		return true;
	const uint8_t *record = spool_read_record(spool, item->record.id, &place, &c->record, &r);
	if (record != NULL)
		return move(spool, &place, item->record.id, record);
	if (errno != EBADMSG)
		return false;
	spool_report_damage(spool, &place, &c->record);
	return true;
}

static void step(struct spool *spool)
{
	struct spool_clean *c = &spool->clean;
	struct spool_index_item item;
	size_t start = buf_len(&spool_filling(spool)->records);
	uint64_t most = SPOOL_CLEAN_STEP + 2 * (spool->taken - c->taken_before);
	c->taken_before = spool->taken;
	for (int i = 0; i < LOOKS_MAX && !c->walked && !c->failed; i++) {
		if (buf_len(&spool_filling(spool)->records) - start >= most)
			break;
		size_t at = c->at;
		if (!spool_index_next(c->index, c->index_length, &c->at, &item))
			c->walked = true;
		else if (item.record.type == SPOOL_RECORD_MESSAGE && !clean_message(spool, &item)) {
			c->at = at;
			c->failed = true;
		}
	}
	spool_filled(spool);
	if (c->moving_count == 0 && !c->walked && !c->failed && spool->loop != NULL)
		spool_loop_again(spool->loop);
}

static void end(struct spool *spool)
{
	struct spool_clean *c = &spool->clean;
	const struct spool_segment *s = spool_table_find(&spool->table, c->slot);
	c->active = false;
	free(c->index);
	c->index = NULL;
	buf_release(&c->record);
	if (c->failed)
		c->retry_at = now_ms(spool) + PATIENCE_MS;
	else if (s != NULL && s->sequence == c->sequence)
		free_oldest(spool);
}

void spool_clean_turn(struct spool *spool)
{
	struct spool_clean *c = &spool->clean;
	uint32_t slot;
	if (spool->closing)
		return;
	free_empty(spool);
	if (!c->active) {
		const struct spool_segment *s = oldest(spool, &slot);
		bool can = spool->space_error == 0 || spool->space_error == ENOSPC;
		if (s == NULL || !can || now_ms(spool) < c->retry_at ||
		    !is_wanted(spool, s) || !begin(spool, s, slot))
			return;
	}
	if (c->moving_count > 0)
		return;
	if (!c->walked && !c->failed)
		step(spool);
	if ((c->walked || c->failed) && c->moving_count == 0) {
		end(spool);
		free_empty(spool);
	}
}

/* --- What becomes of the copies --------------------------------------------- */

bool spool_clean_on_finish(struct spool *spool, uint64_t id, const struct spool_place *place)
{
	struct spool_clean *c = &spool->clean;
	if (!c->active || place->segment != c->slot)
		return false;
	for (size_t i = 0; i < c->moving_count; i++) {
		struct spool_clean_moving *m = &c->moving[c->moving_first + i];
		if (m->id == id) {
			m->finished = true;
			return true;
		}
	}
	return false;
}

void spool_clean_on_moved(struct spool *spool, const struct spool_entry *e)
{
	struct spool_clean *c = &spool->clean;
	struct spool_table *t = &spool->table;
	bool finished = c->moving[c->moving_first++].finished;
	if (--c->moving_count == 0)
		c->moving_first = 0;
	if (e->error != 0) {
		c->failed = true;
		return;
	}
	uint32_t room = spool_record_room(e->place.length);
	spool->moved += room;
	if (finished)
		return; /* its finish lies behind the copy, and was counted */
	spool_table_count_out(t, spool_table_find(t, e->previous.segment), spool_record_room(e->previous.length));
	spool_table_count_in(t, spool_table_find(t, e->place.segment), room);
	spool->events.on_moved(spool->ctx, e->id, &e->place);
}
