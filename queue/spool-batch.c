/* SPDX-License-Identifier: ISC */
#include "queue/spool-batch.h"
#include "queue/spool-segment.h"

#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { RECORDS_MAX = 1024 * 1024 * 1024, MEMORY_KEPT = 4 * 1024 * 1024 };

struct spool_batch *spool_batch_new(void)
{
	struct spool_batch *b = xcalloc(1, sizeof(*b));
	buf_init(&b->records, RECORDS_MAX);
	return b;
}

void spool_batch_free(struct spool_batch *b)
{
	if (b == NULL)
		return;
	buf_release(&b->records);
	free(b->entries);
	free(b);
}

void spool_batch_reset(struct spool_batch *b)
{
	if (b->records.cap > MEMORY_KEPT)
		buf_release(&b->records);
	else
		buf_reset(&b->records);
	b->next = NULL;
	b->count = 0;
	b->urgent = false;
}

static struct spool_entry *add_entry(struct spool_batch *b, uint64_t id, size_t at)
{
	if (b->count == b->capacity) {
		b->capacity = b->capacity == 0 ? 64 : b->capacity * 2;
		b->entries = xreallocarray(b->entries, b->capacity, sizeof(*b->entries));
	}
	struct spool_entry *e = &b->entries[b->count++];
	*e = (struct spool_entry){.id = id, .at = at};
	b->urgent = true;
	return e;
}

static size_t with_index(const uint8_t *p, size_t n)
{
	size_t octets = 0, index = 0;
	for (size_t at = 0; at < n; at += octets) {
		size_t entries;
		octets = spool_batch_group(p + at, n - at, &entries);
		index += entries;
	}
	return n + index;
}

static void cut(struct spool_batch *b, size_t at)
{
	b->records.end = b->records.start + at;
}

int spool_batch_add_message(struct spool_batch *b, uint64_t id, const struct spool_message *m, void *tag,
    size_t record_max)
{
	size_t at = buf_len(&b->records);
	if (at >= SPOOL_BATCH_MESSAGES_MAX)
		return ENOBUFS;
	if (!m->large && m->content.n > record_max)
		return EMSGSIZE;
	if (!spool_payload_put_message(&b->records, id, m))
		return EINVAL;
	if (with_index(buf_data(&b->records) + at, buf_len(&b->records) - at) > record_max) {
		cut(b, at);
		return EMSGSIZE;
	}
	add_entry(b, id, at)->tag = tag;
	return 0;
}

static bool put_results(struct spool_batch *b, uint64_t id, const struct spool_result *results,
    size_t count, bool keep_text)
{
	enum {
		EACH_MAX = 64 + ENHANCED_CODE_MAX + DOMAIN_MAX + REMOTE_TEXT_MAX + REASON_MAX +
			   TRIED_MAX * (8 + RELAY_MAX + REASON_MAX),
		STEP = SPOOL_RESULTS_MAX / EACH_MAX
	};
	for (size_t i = 0; i < count; i += STEP)
		if (!spool_payload_put_results(&b->records, id, SPOOL_RECORD_MOVED, results + i,
			count - i < STEP ? count - i : STEP, keep_text))
			return false;
	return true;
}

bool spool_batch_add_moved(struct spool_batch *b, const uint8_t *record, uint64_t id,
    const struct spool_place *previous, uint64_t sequence, const struct spool_result *results,
    size_t count, size_t group_max)
{
	size_t at = buf_len(&b->records);
	bool ok = spool_payload_put_moved(&b->records, record, sequence);
	size_t results_at = buf_len(&b->records);
	ok = ok && put_results(b, id, results, count, true);
	if (ok && with_index(buf_data(&b->records) + at, buf_len(&b->records) - at) > group_max) {
		cut(b, results_at);
		ok = put_results(b, id, results, count, false);
	}
	if (!ok) {
		cut(b, at);
		return false;
	}
	struct spool_entry *e = add_entry(b, id, at);
	e->moved = true;
	e->previous = *previous;
	return true;
}

bool spool_batch_add_result(struct spool_batch *b, uint64_t id, const struct spool_result *result)
{
	return buf_len(&b->records) < SPOOL_BATCH_KEPT_MAX + SPOOL_BATCH_MESSAGES_MAX &&
	       spool_payload_put_results(&b->records, id, 0, result, 1, true);
}

void spool_batch_add_finish(struct spool_batch *b, uint64_t id, const struct spool_place *place,
    uint64_t sequence)
{
	const struct spool_payload_finish f = {
	    .sequence = sequence,
	    .length = place->length,
	    .content_length = place->large ? place->content_length : 0,
	};
	spool_payload_put_finish(&b->records, id, place->large, &f);
}

size_t spool_batch_group(const uint8_t *p, size_t n, size_t *index)
{
	struct spool_record r;
	size_t octets = 0;
	*index = 0;
	while (octets < n && spool_record_get(p + octets, n - octets, &r)) {
		bool goes_along = r.type == SPOOL_RECORD_RESULTS && (r.flags & SPOOL_RECORD_MOVED) != 0;
		if (octets > 0 && !goes_along)
			break;
		octets += spool_record_room(r.length);
		*index += spool_index_room(r.head);
	}
	return octets == 0 || octets > n ? n : octets;
}
