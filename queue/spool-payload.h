/* SPDX-License-Identifier: ISC
 *
 * What is in records, beyond their headers (integers and strings as in wire.h):
 *
 *   BATCH    octets u32, records u32, tail u64
 *   MESSAGE  moved from: sequence u64, length u32 (0: not moved); content length u64;
 *            envelope, list of recipients (envelope.def); settled: about u64, outcome u8, list of
 *            numbers u16; then the content unless LARGE
 *   RESULTS  list of: number u16, outcome u8, next_try u64, attempts u32, first_try u64,
 *            last_try u64, told u8; when that is 1: status, mta, reply, text, list of tried: host, said
 *   FINISH   sequence u64 and length u32 of the message's record; content length u64
 *   CLOSED   nothing
 *
 * Version 1 had nothing settled, no first_try and last_try, and no list of tried.
 *
 * The put functions append a whole record, padded, that waits for its stamp; false, and
 * nothing appended, past the buffer's ceiling or for a string over its maximum.
 */
#ifndef POSTERN_SPOOL_PAYLOAD_H
#define POSTERN_SPOOL_PAYLOAD_H

#include "queue/spool-record.h"
#include "queue/spool.h"

enum {
	SPOOL_BATCH_SIZE = SPOOL_RECORD_SIZE + 16, /* a batch's first record */
	SPOOL_RESULTS_MAX = 64 * 1024,		   /* list octets in one record of a moved message */
};

struct spool_batch_head {
	uint32_t octets; /* from this record to the next batch; a multiple of SPOOL_BLOCK */
	uint32_t count;	 /* of the records after this one */
	uint64_t tail;	 /* segments of lower sequences are free */
};
void spool_payload_put_batch(uint8_t p[SPOOL_BATCH_SIZE], uint64_t last_id,
    const struct spool_batch_head *b);
bool spool_payload_get_batch(const uint8_t *head, size_t n, struct spool_batch_head *out);

/* A message's head. */
struct spool_payload_message {
	uint64_t from_sequence;
	uint32_t from_length;
	uint64_t content_length;
	struct envelope envelope;
	struct recipient *recipients;
	size_t count;
	struct spool_settled settled;
};
bool spool_payload_put_message(struct buf *to, uint64_t id, const struct spool_message *m);
/* Strings point into the head, the list is in the pool. */
bool spool_payload_get_message(const uint8_t *head, size_t n, uint8_t version, struct pool *pool,
    struct spool_payload_message *out);
/* The place of a message whose head lies at `head`; false for a head too short. */
bool spool_payload_get_place(const struct spool_record *r, const uint8_t *head, uint32_t slot,
    uint32_t offset, struct spool_place *out);
/* A copy of a message's record, as moved out of the segment `sequence`. */
bool spool_payload_put_moved(struct buf *to, const uint8_t *record, uint64_t sequence);

/* `keep_text` false leaves status, mta, reply and text out. What is over its maximum is cut. */
bool spool_payload_put_results(struct buf *to, uint64_t id, uint16_t flags,
    const struct spool_result *results, size_t count, bool keep_text);
bool spool_payload_get_results(const uint8_t *head, size_t n, uint8_t version, struct pool *pool,
    struct spool_result **out, size_t *count);

struct spool_payload_finish {
	uint64_t sequence;
	uint32_t length;
	uint64_t content_length; /* of a large message */
};
bool spool_payload_put_finish(struct buf *to, uint64_t id, bool large,
    const struct spool_payload_finish *f);
bool spool_payload_get_finish(const uint8_t *head, size_t n, struct spool_payload_finish *out);

bool spool_payload_put_closed(struct buf *to);

#endif
