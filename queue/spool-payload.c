/* SPDX-License-Identifier: ISC
 *
 * Changing anything here changes the spool's format (doc/architecture.md).
 */
#include "queue/spool-payload.h"
#include "queue/spool-bytes.h"

enum { FROM_SEQUENCE = 0, FROM_LENGTH = 8, CONTENT_LENGTH = 12 };

/* A record under construction: its header is filled in at the end. */
static bool begin(struct buf *to, size_t *start)
{
	*start = buf_len(to);
	if (buf_reserve(to, SPOOL_RECORD_SIZE) == NULL)
		return false;
	buf_commit(to, SPOOL_RECORD_SIZE);
	return true;
}

static bool undo(struct buf *to, size_t start)
{
	to->end = to->start + start;
	return false;
}

static bool finish(struct buf *to, size_t start, struct spool_record r)
{
	static const uint8_t zeros[SPOOL_RECORD_ALIGN];
	size_t n = buf_len(to) - start;
	if (n > UINT32_MAX / 2 || !buf_append(to, zeros, spool_bytes_round(n, SPOOL_RECORD_ALIGN) - n))
		return undo(to, start);
	r.length = (uint32_t)n;
	spool_record_put(buf_data(to) + start, &r);
	return true;
}

void spool_payload_put_batch(uint8_t p[SPOOL_BATCH_SIZE], uint64_t last_id,
    const struct spool_batch_head *b)
{
	spool_record_put(p, &(struct spool_record){.version = SPOOL_RECORD_VERSION,
		.type = SPOOL_RECORD_BATCH,
				.length = SPOOL_BATCH_SIZE,
				.head = SPOOL_BATCH_SIZE - SPOOL_RECORD_SIZE,
				.id = last_id});
	p += SPOOL_RECORD_SIZE;
	spool_bytes_put32(p, b->octets);
	spool_bytes_put32(p + 4, b->count);
	spool_bytes_put64(p + 8, b->tail);
}

bool spool_payload_get_batch(const uint8_t *head, size_t n, struct spool_batch_head *out)
{
	if (n != SPOOL_BATCH_SIZE - SPOOL_RECORD_SIZE)
		return false;
	*out = (struct spool_batch_head){
	    spool_bytes_get32(head), spool_bytes_get32(head + 4), spool_bytes_get64(head + 8)};
	return out->octets >= SPOOL_BLOCK && out->octets % SPOOL_BLOCK == 0;
}

static void put_settled(struct wire_writer *w, const struct spool_settled *s)
{
	wire_put_u64(w, s->about);
	wire_put_u8(w, s->outcome);
	wire_put_count(w, s->count, RECIPIENTS_MAX);
	for (size_t i = 0; i < s->count && !w->failed; i++)
		wire_put_u16(w, s->numbers[i]);
}

static void get_settled(struct wire_reader *r, struct spool_settled *s)
{
	s->about = wire_get_u64(r);
	s->outcome = wire_get_u8(r);
	s->numbers = wire_get_list(r, RECIPIENTS_MAX, sizeof(*s->numbers), &s->count);
	for (size_t i = 0; i < s->count && !r->failed; i++)
		s->numbers[i] = wire_get_u16(r);
	if ((s->about == 0) != (s->outcome == 0) || s->outcome >= SPOOL_OUTCOMES)
		r->failed = true;
}

bool spool_payload_put_message(struct buf *to, uint64_t id, const struct spool_message *m)
{
	size_t start;
	if (!begin(to, &start))
		return false;
	struct wire_writer w = {.buf = to};
	wire_put_u64(&w, 0);
	wire_put_u32(&w, 0);
	wire_put_u64(&w, m->large ? m->large_size : m->content.n);
	envelope_put(&w, m->envelope);
	wire_put_count(&w, m->recipient_count, RECIPIENTS_MAX);
	for (size_t i = 0; i < m->recipient_count && !w.failed; i++)
		recipient_put(&w, &m->recipients[i]);
	put_settled(&w, &m->settled);
	size_t head = buf_len(to) - start - SPOOL_RECORD_SIZE;
	if (w.failed || (!m->large && !buf_append_str(to, m->content)))
		return undo(to, start);
	return finish(to, start,
	    (struct spool_record){.version = SPOOL_RECORD_VERSION,
		.type = SPOOL_RECORD_MESSAGE,
		.flags = m->large ? SPOOL_RECORD_LARGE : 0,
		.head = (uint32_t)head,
		.id = id});
}

bool spool_payload_get_message(const uint8_t *head, size_t n, uint8_t version, struct pool *pool,
    struct spool_payload_message *out)
{
	struct wire_reader r = {.p = head, .n = n, .pool = pool};
	*out = (struct spool_payload_message){0};
	out->from_sequence = wire_get_u64(&r);
	out->from_length = wire_get_u32(&r);
	out->content_length = wire_get_u64(&r);
	envelope_get(&r, &out->envelope);
	out->recipients =
	    wire_get_list(&r, RECIPIENTS_MAX, sizeof(*out->recipients), &out->count);
	for (size_t i = 0; i < out->count && !r.failed; i++)
		recipient_get(&r, &out->recipients[i]);
	if (version > 1)
		get_settled(&r, &out->settled);
	return wire_reader_done(&r);
}

bool spool_payload_get_place(const struct spool_record *r, const uint8_t *head, uint32_t slot,
    uint32_t offset, struct spool_place *out)
{
	if (r->head < CONTENT_LENGTH + 8)
		return false;
	*out = (struct spool_place){.segment = slot,
	    .offset = offset,
	    .length = r->length,
	    .envelope_length = r->head,
	    .content_length = spool_bytes_get64(head + CONTENT_LENGTH),
	    .large = (r->flags & SPOOL_RECORD_LARGE) != 0};
	return out->large ? r->length == SPOOL_RECORD_SIZE + r->head
			  : out->content_length == r->length - SPOOL_RECORD_SIZE - r->head;
}

bool spool_payload_put_moved(struct buf *to, const uint8_t *record, uint64_t sequence)
{
	struct spool_record r;
	uint32_t length = spool_bytes_get32(record + 8);
	size_t start = buf_len(to);
	if (!spool_record_get(record, length, &r) || r.head < CONTENT_LENGTH + 8 ||
	    !buf_append(to, record, length))
		return false;
	uint8_t *head = buf_data(to) + start + SPOOL_RECORD_SIZE;
	spool_bytes_put64(head + FROM_SEQUENCE, sequence);
	spool_bytes_put32(head + FROM_LENGTH, length);
	r.flags |= SPOOL_RECORD_MOVED;
	return finish(to, start, r);
}

static void put_cut(struct wire_writer *w, struct str s, size_t max)
{
	wire_put_str(w, str_head(s, max), max);
}

static size_t told_octets(const struct spool_result *v)
{
	return v->status.n + v->mta.n + v->reply.n + v->text.n + v->tried_count;
}

static void put_tried(struct wire_writer *w, const struct spool_result *v)
{
	size_t count = v->tried_count < TRIED_MAX ? v->tried_count : TRIED_MAX;
	wire_put_count(w, count, TRIED_MAX);
	for (size_t i = 0; i < count; i++) {
		put_cut(w, v->tried[i].host, RELAY_MAX);
		put_cut(w, v->tried[i].said, REASON_MAX);
	}
}

static void put_result(struct wire_writer *w, const struct spool_result *v, bool keep_text)
{
	bool told = keep_text && told_octets(v) > 0;
	wire_put_u16(w, v->number);
	wire_put_u8(w, v->outcome);
	wire_put_u64(w, v->next_try);
	wire_put_u32(w, v->attempts);
	wire_put_u64(w, v->first_try);
	wire_put_u64(w, v->last_try);
	wire_put_u8(w, told ? 1 : 0);
	if (!told)
		return;
	put_cut(w, v->status, ENHANCED_CODE_MAX);
	put_cut(w, v->mta, DOMAIN_MAX);
	put_cut(w, v->reply, REMOTE_TEXT_MAX);
	put_cut(w, v->text, REASON_MAX);
	put_tried(w, v);
}

bool spool_payload_put_results(struct buf *to, uint64_t id, uint16_t flags,
    const struct spool_result *results, size_t count, bool keep_text)
{
	size_t start;
	if (!begin(to, &start))
		return false;
	struct wire_writer w = {.buf = to};
	wire_put_count(&w, count, RECIPIENTS_MAX);
	for (size_t i = 0; i < count && !w.failed; i++)
		put_result(&w, &results[i], keep_text);
	if (w.failed)
		return undo(to, start);
	return finish(to, start,
	    (struct spool_record){.version = SPOOL_RECORD_VERSION,
		.type = SPOOL_RECORD_RESULTS,
		.flags = flags,
		.head = (uint32_t)(buf_len(to) - start - SPOOL_RECORD_SIZE),
		.id = id});
}

static void get_tried(struct wire_reader *r, struct spool_result *v)
{
	struct tried *list = wire_get_list(r, TRIED_MAX, sizeof(*list), &v->tried_count);
	for (size_t i = 0; i < v->tried_count && !r->failed; i++) {
		list[i].host = wire_get_str(r, RELAY_MAX);
		list[i].said = wire_get_str(r, REASON_MAX);
	}
	v->tried = list;
}

static void get_told(struct wire_reader *r, uint8_t version, struct spool_result *v)
{
	v->status = wire_get_str(r, ENHANCED_CODE_MAX);
	v->mta = wire_get_str(r, DOMAIN_MAX);
	v->reply = wire_get_str(r, REMOTE_TEXT_MAX);
	v->text = wire_get_str(r, REASON_MAX);
	if (version > 1)
		get_tried(r, v);
	if (told_octets(v) == 0)
		r->failed = true; /* there is one way to write a result */
}

static void get_result(struct wire_reader *r, uint8_t version, struct spool_result *v)
{
	v->number = wire_get_u16(r);
	v->outcome = wire_get_u8(r);
	v->next_try = wire_get_u64(r);
	v->attempts = wire_get_u32(r);
	if (version > 1) {
		v->first_try = wire_get_u64(r);
		v->last_try = wire_get_u64(r);
	}
	uint8_t told = wire_get_u8(r);
	if (told > 1)
		r->failed = true;
	if (told == 1)
		get_told(r, version, v);
}

bool spool_payload_get_results(const uint8_t *head, size_t n, uint8_t version, struct pool *pool,
    struct spool_result **out, size_t *count)
{
	struct wire_reader r = {.p = head, .n = n, .pool = pool};
	struct spool_result *list = wire_get_list(&r, RECIPIENTS_MAX, sizeof(*list), count);
	for (size_t i = 0; i < *count && !r.failed; i++)
		get_result(&r, version, &list[i]);
	*out = list;
	return wire_reader_done(&r);
}

bool spool_payload_put_finish(struct buf *to, uint64_t id, bool large,
    const struct spool_payload_finish *f)
{
	size_t start;
	if (!begin(to, &start))
		return false;
	struct wire_writer w = {.buf = to};
	wire_put_u64(&w, f->sequence);
	wire_put_u32(&w, f->length);
	wire_put_u64(&w, f->content_length);
	if (w.failed)
		return undo(to, start);
	return finish(to, start,
	    (struct spool_record){.version = SPOOL_RECORD_VERSION,
		.type = SPOOL_RECORD_FINISH,
		.flags = large ? SPOOL_RECORD_LARGE : 0,
		.head = 20,
		.id = id});
}

bool spool_payload_get_finish(const uint8_t *head, size_t n, struct spool_payload_finish *out)
{
	struct wire_reader r = {.p = head, .n = n};
	out->sequence = wire_get_u64(&r);
	out->length = wire_get_u32(&r);
	out->content_length = wire_get_u64(&r);
	return wire_reader_done(&r);
}

bool spool_payload_put_closed(struct buf *to)
{
	size_t start;
	return begin(to, &start) &&
	       finish(to, start, (struct spool_record){.version = SPOOL_RECORD_VERSION,
		.type = SPOOL_RECORD_CLOSED});
}
