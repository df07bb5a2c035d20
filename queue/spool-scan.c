/* SPDX-License-Identifier: ISC
 *
 * Within a batch the header's count says how many records follow, so a record that is
 * missing is noticed wherever it lies. After a gap the count is worth nothing: the scan
 * then takes whatever checks, until the next batch starts.
 */
#include "queue/spool-scan.h"
#include "queue/spool-bytes.h"

void spool_scan_init(struct spool_scan *s, const uint8_t *p, size_t n, uint32_t seed,
    uint32_t sequence)
{
	*s = (struct spool_scan){
	    .p = p, .n = n, .seed = seed, .sequence = sequence, .at = SPOOL_BLOCK};
}

/* A record of this segment that checks; a batch starts at a block and stays inside. */
static bool record_at(const struct spool_scan *s, size_t at, struct spool_scan_item *item)
{
	const uint8_t *p = s->p + at;
	struct spool_record *r = &item->record;
	if (!spool_record_is_start(p, s->n - at, s->sequence) ||
	    !spool_record_check(s->seed, p, s->n - at, r) || r->batch == 0)
		return false;
	*item = (struct spool_scan_item){.offset = (uint32_t)at, .length = r->length, .record = *r};
	if (r->type != SPOOL_RECORD_BATCH)
		return true;
	return at % SPOOL_BLOCK == 0 &&
	       spool_payload_get_batch(p + SPOOL_RECORD_SIZE, r->head, &item->batch) &&
	       item->batch.octets <= s->n - at;
}

static bool is_expected(const struct spool_scan *s, const struct spool_scan_item *item)
{
	const struct spool_record *r = &item->record;
	switch (s->mode) {
	case SPOOL_SCAN_BETWEEN:
		return r->type == SPOOL_RECORD_BATCH;
	case SPOOL_SCAN_COUNTED:
		return r->type != SPOOL_RECORD_BATCH && r->batch == s->batch &&
		       s->at + r->length <= s->batch_end;
	default:
		return true;
	}
}

static void take(struct spool_scan *s, const struct spool_scan_item *item)
{
	const struct spool_record *r = &item->record;
	s->batch = r->batch;
	if (r->type == SPOOL_RECORD_BATCH) {
		s->mode = SPOOL_SCAN_COUNTED;
		s->batch_end = s->at + item->batch.octets;
		s->left = item->batch.count;
	} else if (s->mode == SPOOL_SCAN_COUNTED) {
		s->left--;
	}
	s->at += spool_record_room(r->length);
	if (s->mode == SPOOL_SCAN_COUNTED && s->left == 0) {
		s->mode = SPOOL_SCAN_BETWEEN;
		s->at = s->batch_end;
	}
}

static bool skip_zeros_to_block(struct spool_scan *s)
{
	size_t end = spool_bytes_round(s->at, SPOOL_BLOCK);
	if (end == s->at || end > s->n)
		return false;
	for (size_t i = s->at; i < end; i++)
		if (s->p[i] != 0)
			return false;
	s->at = end;
	return true;
}

static void take_gap(struct spool_scan *s, struct spool_scan_item *item)
{
	struct spool_scan_item next;
	size_t start = s->at, at = start + SPOOL_RECORD_ALIGN;
	uint64_t in_batch = s->mode == SPOOL_SCAN_BETWEEN ? 0 : s->batch;
	while (at < s->n && !record_at(s, at, &next))
		at += SPOOL_RECORD_ALIGN;
	bool found = at < s->n;
	s->at = found ? at : s->n;
	s->mode = SPOOL_SCAN_LOOSE;
	*item = (struct spool_scan_item){
	    .gap = true,
	    .offset = (uint32_t)start,
	    .length = (uint32_t)(s->at - start),
	    .in_batch = in_batch,
	    .after_batch = s->batch,
	    .next_batch = found ? next.record.batch : 0,
	};
}

bool spool_scan_next(struct spool_scan *s, struct spool_scan_item *item)
{
	for (;;) {
		if (s->at >= s->n)
			return false;
		if (record_at(s, s->at, item) && is_expected(s, item)) {
			take(s, item);
			return true;
		}
		if (s->mode != SPOOL_SCAN_LOOSE || !skip_zeros_to_block(s))
			break;
	}
	take_gap(s, item);
	return true;
}

/* Whether the batch that is being read is whole so far, and what its header said. */
struct progress {
	uint64_t left;
	uint64_t tail;
};

static void summarise_record(struct spool_scan_summary *out, struct progress *now,
    const struct spool_scan_item *item)
{
	const struct spool_record *r = &item->record;
	out->end = item->offset + spool_record_room(item->length);
	if (r->id > out->last_id)
		out->last_id = r->id;
	if (out->first_batch == 0 || r->batch < out->first_batch)
		out->first_batch = r->batch;
	if (r->type == SPOOL_RECORD_BATCH)
		out->last_start = item->offset;
	if (r->type == SPOOL_RECORD_BATCH)
		*now = (struct progress){.left = item->batch.count, .tail = item->batch.tail};
	else if (r->batch != out->last_batch)
		*now = (struct progress){.left = UINT64_MAX}; /* its header is lost */
	else if (now->left != UINT64_MAX)
		now->left--;
	if (r->batch >= out->last_batch) {
		out->last_batch = r->batch;
		out->last_complete = now->left == 0;
		out->closed = now->left == 0 && r->type == SPOOL_RECORD_CLOSED;
	}
	if (now->left == 0 && now->tail > out->tail)
		out->tail = now->tail;
}

void spool_scan_summarise(const struct spool_scan *start, struct spool_scan_summary *out)
{
	struct spool_scan s = *start;
	struct spool_scan_item item;
	struct progress now = {.left = UINT64_MAX};
	*out = (struct spool_scan_summary){.end = SPOOL_BLOCK};
	while (spool_scan_next(&s, &item)) {
		if (!item.gap)
			summarise_record(out, &now, &item);
		else if (item.in_batch != 0)
			now.left = UINT64_MAX;
	}
}

bool spool_scan_find_sequence(const uint8_t *p, size_t n, uint32_t seed, uint32_t *sequence)
{
	struct spool_record r;
	for (size_t at = SPOOL_BLOCK; at < n; at += SPOOL_RECORD_ALIGN)
		if (spool_record_check(seed, p + at, n - at, &r)) {
			*sequence = r.sequence;
			return true;
		}
	return false;
}

bool spool_scan_find_remains(const uint8_t *p, size_t n, uint32_t sequence, size_t from, size_t *start,
    size_t *end)
{
	bool any = false;
	for (size_t at = from; at < n; at += SPOOL_RECORD_ALIGN) {
		if (!spool_record_is_start(p + at, n - at, sequence))
			continue;
		struct spool_record r;
		size_t length = spool_record_get(p + at, n - at, &r) ? r.length : SPOOL_BLOCK;
		if (!any)
			*start = at;
		any = true;
		*end = length < n - at ? at + length : n;
	}
	return any;
}
