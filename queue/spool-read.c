/* SPDX-License-Identifier: ISC
 *
 * Reading a message back.
 */
#include "queue/spool-internal.h"

#include <errno.h>

static const uint8_t *bad(int error)
{
	errno = error;
	return NULL;
}

const uint8_t *spool_read_record(struct spool *spool, uint64_t id, const struct spool_place *place,
    struct buf *buf, struct spool_record *record)
{
	const struct spool_segment *s = spool_table_find(&spool->table, place->segment);
	if (s == NULL || place->length < SPOOL_RECORD_SIZE || place->offset > s->size ||
	    place->length > s->size - place->offset)
		return bad(EBADMSG);
	int fd = spool_files_get(&spool->files, place->segment);
	if (fd < 0)
		return NULL;
	buf_reset(buf);
	uint8_t *p = buf_reserve(buf, place->length);
	if (p == NULL)
		return bad(ENOBUFS);
	int error = spool_io_read(spool->io, fd, p, place->length, place->offset);
	if (error != 0 && error != ENODATA)
		return bad(error);
	buf_commit(buf, place->length);
	if (error != 0 || !spool_record_check(spool->seed, p, place->length, record) || record->id != id ||
	    record->type != SPOOL_RECORD_MESSAGE || record->length != place->length)
		return bad(EBADMSG);
	return p;
}

bool spool_read(struct spool *spool, uint64_t id, const struct spool_place *place, struct buf *buf,
    struct pool *pool, struct envelope *envelope, struct recipient **recipients, size_t *count,
    struct str *content)
{
	struct spool_record r;
	struct spool_payload_message m;
	const uint8_t *p = spool_read_record(spool, id, place, buf, &r);
	bool damaged = p == NULL && errno == EBADMSG;
	if (p != NULL && !spool_payload_get_message(p + SPOOL_RECORD_SIZE, r.head, r.version, pool, &m))
		damaged = true;
	if (damaged) {
		/* Its owner gives the message up, so this is the last that is seen of it. */
		spool_report_damage(spool, place, buf);
		errno = EBADMSG;
	}
	if (damaged || p == NULL)
		return false;
	p += SPOOL_RECORD_SIZE;
	*envelope = m.envelope;
	*recipients = m.recipients;
	*count = m.count;
	*content = str_from(p + r.head, r.length - SPOOL_RECORD_SIZE - r.head);
	return true;
}
