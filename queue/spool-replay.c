/* SPDX-License-Identifier: ISC */
#include "queue/spool-replay.h"
#include "queue/spool-crc.h"
#include "queue/spool-stock.h"

#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { SECTOR = 512, KEPT_NAME = 64 };

/* One segment under scan. */
struct scanning {
	struct spool_replay *replay;
	const struct spool_found *f;
	const uint8_t *p;
	size_t n;
	uint64_t dropped; /* number of the incomplete last batch, 0: none */
	size_t dropped_from, dropped_to;
	bool dropped_is_odd;
	unsigned dropped_messages;
	struct buf *index;
};

uint8_t *spool_replay_read_index(struct spool_io *io, uint32_t seed, uint32_t slot,
    const struct spool_footer *footer)
{
	char name[SPOOL_SLOT_NAME];
	spool_stock_name(slot, name);
	int fd = io->open(io, SPOOL_DIR_SEGMENTS, name, O_RDONLY);
	if (fd < 0)
		return NULL;
	uint8_t *p = xmalloc(footer->length);
	int error = spool_io_read(io, fd, p, footer->length, footer->offset);
	io->close(io, fd);
	if (error == 0 && spool_crc(seed, p, footer->length) == footer->crc)
		return p;
	free(p);
	errno = error == 0 ? EBADMSG : error;
	return NULL;
}

uint64_t spool_replay_first_batch(struct spool_io *io, uint32_t slot)
{
	char name[SPOOL_SLOT_NAME];
	uint8_t p[SPOOL_HEADER_SIZE];
	struct spool_segment_header h;
	spool_stock_name(slot, name);
	int fd = io->open(io, SPOOL_DIR_SEGMENTS, name, O_RDONLY);
	if (fd < 0)
		return 0;
	int error = spool_io_read(io, fd, p, sizeof(p), 0);
	io->close(io, fd);
	return error == 0 && spool_segment_get_header(p, &h) ? h.first_batch : 0;
}

static bool counts(const struct spool_found *f, const struct spool_record *r)
{
	return r->batch < f->limit && r->type != SPOOL_RECORD_BATCH;
}

/* The record that an entry speaks of, in the image. */
static void check_entry(struct spool_replay *r, const struct spool_found *f, const uint8_t *image,
    const struct spool_index_item *item)
{
	struct spool_record record;
	const uint8_t *p = image + item->offset;
	if (!spool_record_check(r->survey->seed, p, f->size - item->offset, &record) ||
	    record.id != item->record.id || record.length != item->record.length)
		spool_faults_bytes(r->faults, f->slot, f->sequence, item->offset, p, item->record.length,
		    "a record does not check");
}

static bool replay_index(struct spool_replay *r, const struct spool_found *f)
{
	uint8_t *index = spool_replay_read_index(r->faults->io, r->survey->seed, f->slot, &f->footer);
	uint8_t *image = index != NULL && r->thorough ? spool_survey_read(f, r->faults) : NULL;
	struct spool_index_item item;
	size_t at = 0;
	while (index != NULL && spool_index_next(index, f->footer.length, &at, &item)) {
		if (!counts(f, &item.record) || item.offset >= f->size ||
		    item.record.length > f->size - item.offset)
			continue;
		if (image != NULL)
			check_entry(r, f, image, &item);
		r->on_record(r->ctx, f, &item.record, item.head, item.offset);
	}
	free(image);
	free(index);
	return index != NULL;
}

/* The index is not synced when a segment is sealed, so a power cut may do this. */
static void note_bad_index(struct spool_replay *r, const struct spool_found *f)
{
	static const char text[] = "its index does not check; the segment is read as a whole";
	if (r->thorough)
		spool_faults_say(r->faults, "segments/%08u: %s", f->slot, text);
	else
		log_message(LOG_NOTICE, "spool: segments/%08u: %s", f->slot, text);
}

/* Octets of a write that broke off are whole sectors that are missing. */
static bool has_zero_sector(const struct scanning *s, size_t from, size_t to)
{
	for (size_t at = (from + SECTOR - 1) / SECTOR * SECTOR; at + SECTOR <= to; at += SECTOR) {
		size_t i = 0;
		while (i < SECTOR && s->p[at + i] == 0)
			i++;
		if (i == SECTOR)
			return true;
	}
	return false;
}

static void drop(struct scanning *s, size_t from, size_t to, bool gap)
{
	if (s->dropped_to == 0)
		s->dropped_from = from;
	s->dropped_to = to;
	if (gap && !has_zero_sector(s, from, to))
		s->dropped_is_odd = true;
}

static void on_record(struct scanning *s, const struct spool_scan_item *item)
{
	const struct spool_record *r = &item->record;
	const uint8_t *record = s->p + item->offset;
	if (s->dropped != 0 && r->batch == s->dropped) {
		drop(s, item->offset, item->offset + item->length, false);
		s->dropped_messages += r->type == SPOOL_RECORD_MESSAGE;
	} else if (counts(s->f, r)) {
		s->replay->on_record(
		    s->replay->ctx, s->f, r, record + SPOOL_RECORD_SIZE, item->offset);
		if (s->index != NULL)
			spool_index_add(s->index, record, item->offset);
	}
}

/* What follows the last record that checks: free space, unless a write broke off there. */
static void on_end(struct scanning *s, const struct spool_scan_item *item)
{
	size_t from, to;
	if (!spool_scan_find_remains(s->p, s->n, (uint32_t)s->f->sequence, item->offset, &from, &to))
		return;
	uint64_t expected = item->after_batch != 0 ? item->after_batch + 1 : s->f->first_batch;
	if (s->f->limit != UINT64_MAX && expected < s->f->limit)
		spool_faults_bytes(s->replay->faults, s->f->slot, s->f->sequence, (uint32_t)from,
		    s->p + from, to - from, "these do not check");
	else if (s->f->limit == UINT64_MAX)
		drop(s, from, to, true);
}

static void on_gap(struct scanning *s, const struct spool_scan_item *item)
{
	if (item->next_batch == 0 && item->in_batch == 0) {
		on_end(s, item);
		return;
	}
	uint64_t expected = item->after_batch != 0 ? item->after_batch + 1 : s->f->first_batch;
	uint64_t batch = item->in_batch != 0 ? item->in_batch : expected;
	bool only_dropped = s->dropped != 0 && batch == s->dropped &&
			    (item->next_batch == 0 || item->next_batch == s->dropped);
	if (only_dropped)
		drop(s, item->offset, item->offset + item->length, true);
	else if (batch < s->f->limit)
		spool_faults_bytes(s->replay->faults, s->f->slot, s->f->sequence, item->offset,
		    s->p + item->offset, item->length, "these do not check");
}

static void end_dropped(struct scanning *s)
{
	char name[KEPT_NAME] = "";
	if (s->dropped_to == 0)
		return;
	struct spool_faults *f = s->replay->faults;
	if (s->dropped_is_odd && f->set_aside)
		spool_faults_keep(f, s->f->slot, s->f->sequence, (uint32_t)s->dropped_from,
		    s->p + s->dropped_from, s->dropped_to - s->dropped_from, name);
	log_message(LOG_NOTICE,
	    "spool: segments/%08u: a write of %zu octets at %zu was cut short; "
	    "its messages (%u seen) were not acknowledged and are dropped%s%s",
	    s->f->slot, s->dropped_to - s->dropped_from, s->dropped_from, s->dropped_messages,
	    name[0] != '\0' ? "; kept as damaged/" : "", name);
}

static void scan(struct scanning *s)
{
	const struct spool_found *f = s->f;
	struct spool_scan scan;
	struct spool_scan_item item;
	struct spool_scan_summary summary;
	spool_scan_init(&scan, s->p, s->n, s->replay->survey->seed, (uint32_t)f->sequence);
	spool_scan_summarise(&scan, &summary);
	bool was_counted = f->sealed && f->footer.last_batch >= summary.last_batch;
	if (f->limit == UINT64_MAX && !summary.last_complete && !f->truncated && !was_counted)
		s->dropped = summary.last_batch;
	while (spool_scan_next(&scan, &item))
		if (item.gap)
			on_gap(s, &item);
		else
			on_record(s, &item);
	end_dropped(s);
	uint64_t last = s->dropped != 0 ? s->dropped - 1 : summary.last_batch;
	if (last >= f->limit)
		last = f->limit - 1;
	if (last > s->replay->last_batch)
		s->replay->last_batch = last;
	if (summary.last_id > s->replay->last_id)
		s->replay->last_id = summary.last_id;
}

/* In front of this segment something is missing that was committed. `first` of those in use. */
static void check_continuity(const struct spool_replay *r, const struct spool_found *f, bool first)
{
	const unsigned long long from = r->last_batch + 1, to = f->first_batch - 1;
	if (first && r->survey->tail > 1 && f->sequence != r->survey->tail)
		spool_faults_say(r->faults, "segments of the sequences %llu to %llu are missing",
		    (unsigned long long)r->survey->tail, (unsigned long long)f->sequence - 1);
	else if ((!first || r->survey->tail == 1) && f->first_batch > r->last_batch + 1)
		spool_faults_say(r->faults, "batches %llu to %llu are missing before segments/%08u", from, to,
		    f->slot);
}

static void scan_segment(struct spool_replay *r, const struct spool_found *f, struct buf *index)
{
	struct scanning s = {.replay = r, .f = f, .index = index};
	uint8_t *p = spool_survey_read(f, r->faults);
	if (p == NULL) {
		spool_faults_say(r->faults, "segments/%08u cannot be read (errno %d)", f->slot, errno);
		return;
	}
	s.p = p;
	s.n = f->sealed ? f->footer.offset : f->size;
	scan(&s);
	free(p);
}

void spool_replay_segment(struct spool_replay *r, size_t i, struct buf *index, bool *scanned)
{
	const struct spool_found *f = &r->survey->list[i];
	check_continuity(r, f, i == 0 || r->survey->list[i - 1].free);
	/* It may hold no batch at all, but those before its first are taken. */
	if (f->first_batch > r->last_batch + 1)
		r->last_batch = f->first_batch - 1;
	*scanned = !f->sealed || !replay_index(r, f);
	if (*scanned && f->sealed)
		note_bad_index(r, f);
	if (*scanned)
		scan_segment(r, f, index);
	if (!f->sealed)
		return;
	if (f->footer.last_batch > r->last_batch)
		r->last_batch = f->footer.last_batch < f->limit ? f->footer.last_batch : f->limit - 1;
	if (f->footer.last_id > r->last_id)
		r->last_id = f->footer.last_id;
}
