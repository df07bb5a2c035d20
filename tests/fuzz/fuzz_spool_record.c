/* SPDX-License-Identifier: ISC
 *
 * Records, what is in them, indexes, footers and scans, on arbitrary octets: what is taken is
 * within them, and what has fields is the same when it is written again. Input: what to
 * try, then the octets.
 */
#include "queue/spool-scan.h"
#include "queue/spool-segment.h"

#include "common/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEED = 1, SEQUENCE = 1, POOL_MAX = 64 * 1024 * 1024, FROM = 12 };

static void want(bool ok)
{
	if (!ok)
		abort();
}

/* A record's head, after its first `skip` octets, is p. */
static void want_head(const struct buf *b, size_t skip, const uint8_t *p, size_t n)
{
	struct spool_record r;
	want(spool_record_get(buf_data(b), buf_len(b), &r) && r.head == n);
	want(n <= skip || memcmp(buf_data(b) + SPOOL_RECORD_SIZE + skip, p + skip, n - skip) == 0);
}

static void try_message(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	struct spool_payload_message m;
	if (!spool_payload_get_message(p, n, SPOOL_RECORD_VERSION, pool, &m))
		return;
	want(spool_payload_put_message(again, 1,
	    &(struct spool_message){.envelope = &m.envelope,
		.recipients = m.recipients,
		.recipient_count = m.count,
		.large = true,
		.large_size = m.content_length,
		.settled = m.settled}));
	want_head(again, FROM, p, n); /* where it was moved from is not the submitter's */
}

static void try_results(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	struct spool_result *list;
	size_t count;
	if (!spool_payload_get_results(p, n, SPOOL_RECORD_VERSION, pool, &list, &count))
		return;
	want(spool_payload_put_results(again, 1, 0, list, count, true));
	want_head(again, 0, p, n);
}

/* What the first version of the format wrote: read, never written. */
static void try_old(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	struct spool_payload_message m;
	struct spool_result *list;
	size_t count;
	(void)again;
	if (spool_payload_get_message(p, n, 1, pool, &m))
		want(m.settled.about == 0 && m.settled.count == 0);
	if (!spool_payload_get_results(p, n, 1, pool, &list, &count))
		return;
	for (size_t i = 0; i < count; i++)
		want(list[i].last_try == 0 && list[i].tried_count == 0);
}

static void try_finish(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	struct spool_payload_finish f;
	(void)pool;
	if (!spool_payload_get_finish(p, n, &f))
		return;
	want(spool_payload_put_finish(again, 1, true, &f));
	want_head(again, 0, p, n);
}

static void try_index(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	struct spool_index_item item;
	size_t at = 0, before = 0;
	(void)pool;
	(void)again;
	while (spool_index_next(p, n, &at, &item)) {
		want(at > before && item.head + item.record.head <= p + n);
		before = at;
	}
}

static void try_scan(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	struct spool_scan s;
	struct spool_scan_item item;
	struct spool_scan_summary summary;
	size_t end = SPOOL_BLOCK, from, to;
	uint32_t sequence;
	(void)pool;
	(void)again;
	spool_scan_init(&s, p, n, SEED, SEQUENCE);
	spool_scan_summarise(&s, &summary);
	spool_scan_find_sequence(p, n, SEED, &sequence);
	if (spool_scan_find_remains(p, n, SEQUENCE, SPOOL_BLOCK, &from, &to))
		want(from < to && to <= n);
	while (spool_scan_next(&s, &item)) {
		want(item.offset >= end && item.length > 0 && item.length <= n - item.offset);
		end = item.offset + item.length;
	}
}

/* The same with records that check: each that has the form gets its stamp. */
static void try_stamped_scan(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	uint8_t *copy = xmalloc(n + 1);
	struct spool_record r;
	memcpy(copy, p, n);
	for (size_t at = SPOOL_BLOCK; at < n; at += SPOOL_RECORD_ALIGN)
		if (spool_record_get(copy + at, n - at, &r))
			spool_record_stamp(SEED, copy + at, SEQUENCE, r.batch);
	try_scan(copy, n, pool, again);
	free(copy);
}

static void try_frames(const uint8_t *p, size_t n, struct pool *pool, struct buf *again)
{
	struct spool_segment_header h;
	struct spool_footer f;
	struct spool_record r;
	bool damaged;
	(void)pool;
	(void)again;
	if (spool_record_check(SEED, p, n, &r))
		want(r.length <= n && r.head <= r.length - SPOOL_RECORD_SIZE);
	if (n < SPOOL_FOOTER_SIZE)
		return;
	spool_segment_get_header(p, &h);
	if (spool_segment_get_footer(SEED, p, SEQUENCE, 16 * SPOOL_BLOCK, &f, &damaged))
		want(f.offset + f.length <= 16 * SPOOL_BLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *, size_t, struct pool *, struct buf *) = {
	    try_message, try_results, try_finish, try_index, try_scan, try_stamped_scan, try_frames,
	    try_old};
	if (size == 0)
		return 0;
	struct pool *pool = pool_new(POOL_MAX);
	struct buf again = BUF_INIT(POOL_MAX);
	tries[data[0] % (sizeof(tries) / sizeof(tries[0]))](data + 1, size - 1, pool, &again);
	buf_release(&again);
	pool_free(pool);
	return 0;
}
