/* SPDX-License-Identifier: ISC
 *
 * What the spool is made of, piece by piece: checksums, records and what is in them, headers,
 * footers and indexes, scans, names, tables.
 */
#include "unit.h"

#include "queue/spool-batch.h"
#include "queue/spool-crc.h"
#include "queue/spool-large.h"
#include "queue/spool-scan.h"
#include "queue/spool-segment.h"
#include "queue/spool-stock.h"
#include "queue/spool-table.h"

#include "common/mem.h"

#include <stdlib.h>

enum { SEED = 0x1234567, SEQUENCE = 5, SIZE = 16 * SPOOL_BLOCK };

static const struct envelope envelope = {.arrival = 1700000000000,
    .token = 3,
    .reverse_path = {"sender@example.org", 18},
    .client = {"[192.0.2.1]", 11},
    .helo = {"client", 6}};

static void put_message(struct buf *to, uint64_t id, struct str content)
{
	struct recipient r = {.address = STR("a@example.net"), .transport = TRANSPORT_LOCAL};
	ck_assert(spool_payload_put_message(to, id,
	    &(struct spool_message){.envelope = &envelope,
		.recipients = &r,
		.recipient_count = 1,
		.content = content}));
}

/* --- Checksums --- */

/* RFC 3720, B.4. */
START_TEST(crc_is_castagnoli)
{
	static const struct {
		uint8_t first, step;
		uint32_t crc;
	} rows[] = {
	    {0x00, 0, 0x8a9136aa},
	    {0xff, 0, 0x62a8ab43},
	    {0x00, 1, 0x46dd794e},
	    {0x1f, 0xff, 0x113fdb5c},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t p[32];
		for (size_t k = 0; k < sizeof(p); k++)
			p[k] = (uint8_t)(rows[i].first + k * rows[i].step);
		ck_assert_uint_eq(spool_crc(0, p, sizeof(p)), rows[i].crc);
		ck_assert_uint_eq(spool_crc_by_table(0, p, sizeof(p)), rows[i].crc);
	}
}
END_TEST

START_TEST(crc_goes_on_and_both_ways_agree)
{
	uint8_t p[100];
	for (size_t i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)(i * 37);
	for (size_t n = 0; n <= sizeof(p); n++) {
		uint32_t whole = spool_crc(SEED, p, sizeof(p));
		ck_assert_uint_eq(spool_crc(spool_crc(SEED, p, n), p + n, sizeof(p) - n), whole);
		ck_assert_uint_eq(spool_crc(SEED, p, n), spool_crc_by_table(SEED, p, n));
	}
}
END_TEST

/* --- Records --- */

START_TEST(record_checks_only_as_it_was)
{
	struct buf b = BUF_INIT(4096);
	struct spool_record r;
	put_message(&b, 42, STR("some content"));
	spool_record_stamp(SEED, buf_data(&b), SEQUENCE, 9);
	ck_assert(spool_record_check(SEED, buf_data(&b), buf_len(&b), &r));
	ck_assert_uint_eq(r.id, 42);
	ck_assert_uint_eq(r.batch, 9);
	ck_assert_uint_eq(r.sequence, SEQUENCE);
	ck_assert_uint_eq(r.type, SPOOL_RECORD_MESSAGE);
	ck_assert_uint_eq(spool_record_room(r.length), buf_len(&b));
	ck_assert(!spool_record_check(SEED + 1, buf_data(&b), buf_len(&b), &r));
	uint32_t length = r.length;
	for (uint32_t i = 0; i < length; i++) {
		struct str prefix = unit_copy(str_from(buf_data(&b), i));
		ck_assert(!spool_record_check(SEED, (const uint8_t *)prefix.p, prefix.n, &r));
		unit_free(prefix);
		buf_data(&b)[i] ^= 0x10;
		ck_assert_msg(!spool_record_check(SEED, buf_data(&b), buf_len(&b), &r),
		    "octet %u does not matter", i);
		buf_data(&b)[i] ^= 0x10;
	}
	buf_release(&b);
}
END_TEST

/* Message 7's recipients 1 and 300 are settled by it. */
START_TEST(what_is_settled_comes_back)
{
	struct buf b = BUF_INIT(4096);
	struct pool *pool = pool_new(65536);
	uint16_t numbers[] = {1, 300};
	const struct recipient to = {.address = STR("a@example.net"), .transport = TRANSPORT_LOCAL};
	struct spool_payload_message m;
	struct spool_record r;
	ck_assert(spool_payload_put_message(&b, 9,
	    &(struct spool_message){.envelope = &envelope,
		.recipients = &to,
		.recipient_count = 1,
		.settled = {7, SPOOL_BOUNCED, numbers, 2}}));
	ck_assert(spool_record_get(buf_data(&b), buf_len(&b), &r));
	const uint8_t *head = buf_data(&b) + SPOOL_RECORD_SIZE;
	for (size_t n = 0; n < r.head; n++)
		ck_assert(!spool_payload_get_message(head, n, r.version, pool, &m));
	ck_assert(spool_payload_get_message(head, r.head, r.version, pool, &m));
	ck_assert_uint_eq(m.settled.about, 7);
	ck_assert_uint_eq(m.settled.outcome, SPOOL_BOUNCED);
	ck_assert_uint_eq(m.settled.count, 2);
	ck_assert_uint_eq(m.settled.numbers[1], 300);
	pool_free(pool);
	buf_release(&b);
}
END_TEST

/* As the first version wrote them: without what is settled, times and hosts. */
START_TEST(records_of_version_1_are_read)
{
	enum { SETTLED = 8 + 1 + 2 };
	static const uint8_t results[] = {0, 1, 0, 3, SPOOL_DEFERRED, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0,
	    0, 2, 1, 0, 0, 0, 5, '4', '.', '4', '.', '1', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 'n',
	    'o'};
	struct buf b = BUF_INIT(4096);
	struct pool *pool = pool_new(65536);
	struct spool_payload_message m;
	struct spool_result *list;
	struct spool_record r;
	size_t count;
	put_message(&b, 1, STR(""));
	ck_assert(spool_record_get(buf_data(&b), buf_len(&b), &r));
	const uint8_t *head = buf_data(&b) + SPOOL_RECORD_SIZE;
	ck_assert(!spool_payload_get_message(head, r.head, 1, pool, &m));
	ck_assert(spool_payload_get_message(head, r.head - SETTLED, 1, pool, &m));
	ck_assert_uint_eq(m.settled.about, 0);
	for (size_t n = 0; n < sizeof(results); n++)
		ck_assert(!spool_payload_get_results(results, n, 1, pool, &list, &count));
	ck_assert(!spool_payload_get_results(results, sizeof(results), 2, pool, &list, &count));
	ck_assert(spool_payload_get_results(results, sizeof(results), 1, pool, &list, &count));
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(list[0].number, 3);
	ck_assert_uint_eq(list[0].next_try, 9);
	ck_assert_uint_eq(list[0].attempts, 2);
	ck_assert_uint_eq(list[0].last_try, 0);
	ck_assert_str(list[0].status, STR("4.4.1"));
	ck_assert_str(list[0].text, STR("no"));
	pool_free(pool);
	buf_release(&b);
}
END_TEST

/* Every prefix of what is in a record is refused, and what is whole comes back. */
START_TEST(payloads_come_back)
{
	struct buf b = BUF_INIT(65536);
	struct pool *pool = pool_new(1024 * 1024);
	struct spool_payload_message m;
	const struct tried tried[] = {{STR("a[192.0.2.1]:25"), STR("Connection refused")},
	    {STR(""), STR("there is no address")}};
	struct spool_result in[2] = {{.number = 1,
					 .outcome = SPOOL_DEFERRED,
					 .next_try = 7,
					 .attempts = 2,
					 .first_try = 5,
					 .last_try = 6,
					 .tried = tried,
					 .tried_count = 2,
					 .text = STR("try later")},
	    {.number = 3, .outcome = SPOOL_DELIVERED}};
	struct spool_result *out;
	struct spool_payload_finish f;
	struct spool_record r;
	size_t count;
	put_message(&b, 1, STR("x"));
	ck_assert(spool_record_get(buf_data(&b), buf_len(&b), &r));
	const uint8_t *head = buf_data(&b) + SPOOL_RECORD_SIZE;
	for (size_t n = 0; n < r.head; n++)
		ck_assert(!spool_payload_get_message(head, n, r.version, pool, &m));
	ck_assert(spool_payload_get_message(head, r.head, r.version, pool, &m));
	ck_assert_str(m.envelope.reverse_path, envelope.reverse_path);
	ck_assert_uint_eq(m.count, 1);
	ck_assert_uint_eq(m.content_length, 1);
	buf_reset(&b);
	ck_assert(spool_payload_put_results(&b, 1, 0, in, 2, true));
	ck_assert(spool_record_get(buf_data(&b), buf_len(&b), &r));
	head = buf_data(&b) + SPOOL_RECORD_SIZE;
	for (size_t n = 0; n < r.head; n++)
		ck_assert(!spool_payload_get_results(head, n, r.version, pool, &out, &count));
	ck_assert(spool_payload_get_results(head, r.head, r.version, pool, &out, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert_str(out[0].text, in[0].text);
	ck_assert_uint_eq(out[0].next_try, 7);
	ck_assert_uint_eq(out[0].first_try, 5);
	ck_assert_uint_eq(out[0].last_try, 6);
	ck_assert_uint_eq(out[0].tried_count, 2);
	ck_assert_str(out[0].tried[0].host, tried[0].host);
	ck_assert_str(out[0].tried[1].said, tried[1].said);
	ck_assert_uint_eq(out[1].number, 3);
	buf_reset(&b);
	ck_assert(spool_payload_put_finish(&b, 1, true, &(struct spool_payload_finish){4, 5, 6}));
	ck_assert(spool_record_get(buf_data(&b), buf_len(&b), &r));
	head = buf_data(&b) + SPOOL_RECORD_SIZE;
	for (size_t n = 0; n < r.head; n++)
		ck_assert(!spool_payload_get_finish(head, n, &f));
	ck_assert(spool_payload_get_finish(head, r.head, &f));
	ck_assert(f.sequence == 4 && f.length == 5 && f.content_length == 6);
	pool_free(pool);
	buf_release(&b);
}
END_TEST

/* --- Headers, footers, indexes --- */

START_TEST(header_checks_only_as_it_was)
{
	uint8_t p[SPOOL_HEADER_SIZE];
	struct spool_segment_header in = {1, 2, 3, 4, 5, 6}, out;
	spool_segment_put_header(p, &in);
	ck_assert(spool_segment_get_header(p, &out));
	ck_assert(out.identity == 1 && out.key == 2 && out.sequence == 3 && out.tail == 4 &&
		  out.first_batch == 5 && out.size == 6);
	for (size_t i = 0; i < sizeof(p); i++) {
		p[i] ^= 1;
		ck_assert(!spool_segment_get_header(p, &out));
		p[i] ^= 1;
	}
}
END_TEST

START_TEST(footer_checks_only_as_it_was)
{
	uint8_t p[SPOOL_FOOTER_SIZE];
	bool damaged;
	const struct spool_footer in = {.count = 1,
	    .sequence = SEQUENCE,
	    .offset = 2 * SPOOL_BLOCK,
	    .length = 100,
	    .crc = 7,
	    .last_batch = 8,
	    .tail = 1,
	    .last_id = 9,
	    .first_batch = 3};
	struct spool_footer out;
	spool_segment_put_footer(SEED, p, &in);
	ck_assert(spool_segment_get_footer(SEED, p, SEQUENCE, SIZE, &out, &damaged));
	ck_assert(out.last_batch == 8 && out.length == 100 && out.first_batch == 3 && !damaged);
	ck_assert(
	    !spool_segment_get_footer(SEED, p, SEQUENCE + 1, SIZE, &out, &damaged) && !damaged);
	ck_assert(!spool_segment_get_footer(SEED, p, SEQUENCE, 2 * SPOOL_BLOCK, &out, &damaged) &&
		  damaged);
	for (size_t i = 0; i < sizeof(p); i++) {
		p[i] ^= 1;
		ck_assert(!spool_segment_get_footer(SEED, p, SEQUENCE, SIZE, &out, &damaged));
		bool of_another = i < 4 || (i >= 8 && i < 16); /* magic, sequence */
		ck_assert_int_eq(damaged, !of_another);
		p[i] ^= 1;
	}
}
END_TEST

START_TEST(index_gives_its_records)
{
	struct buf records = BUF_INIT(65536), index = BUF_INIT(65536);
	size_t at = 0, entries = 0;
	struct spool_index_item item;
	for (uint32_t i = 0; i < 10; i++) {
		buf_reset(&records);
		put_message(&records, i + 1, STR("content that is not in the index"));
		ck_assert(spool_index_add(&index, buf_data(&records), 4096 + i));
	}
	for (; spool_index_next(buf_data(&index), buf_len(&index), &at, &item); entries++) {
		ck_assert_uint_eq(item.record.id, entries + 1);
		ck_assert_uint_eq(item.offset, 4096 + entries);
	}
	ck_assert_uint_eq(entries, 10);
	ck_assert_uint_eq(at, buf_len(&index));
	for (size_t n = 0; n < buf_len(&index); n++) {
		struct str prefix = unit_copy(str_from(buf_data(&index), n));
		for (at = 0; spool_index_next((const uint8_t *)prefix.p, n, &at, &item);)
			ck_assert_uint_le(item.record.id, 10);
		unit_free(prefix);
	}
	buf_release(&records);
	buf_release(&index);
}
END_TEST

/* --- Scans --- */

/* Three batches of two messages each. */
static uint8_t *make_segment(void)
{
	uint8_t *p = xcalloc(1, SIZE);
	for (uint64_t batch = 1; batch <= 3; batch++) {
		struct buf b = BUF_INIT(65536);
		struct spool_record r;
		uint8_t *start = p + batch * SPOOL_BLOCK;
		put_message(&b, 10 * batch, STR("first"));
		put_message(&b, 10 * batch + 1, STR("second"));
		spool_payload_put_batch(start, 10 * batch + 1,
		    &(struct spool_batch_head){.octets = SPOOL_BLOCK, .count = 2, .tail = batch});
		spool_record_stamp(SEED, start, SEQUENCE, batch);
		memcpy(start + SPOOL_BATCH_SIZE, buf_data(&b), buf_len(&b));
		for (uint8_t *q = start + SPOOL_BATCH_SIZE; spool_record_get(q, SPOOL_BLOCK, &r);
		     q += spool_record_room(r.length))
			spool_record_stamp(SEED, q, SEQUENCE, batch);
		buf_release(&b);
	}
	return p;
}

struct counts {
	unsigned messages, batches, gaps;
};

static struct counts count_items(const uint8_t *p, size_t n)
{
	struct spool_scan s;
	struct spool_scan_item item;
	struct counts c = {0};
	size_t end = SPOOL_BLOCK;
	spool_scan_init(&s, p, n, SEED, SEQUENCE);
	while (spool_scan_next(&s, &item)) {
		ck_assert_uint_ge(item.offset, end);
		end = item.offset + item.length;
		ck_assert_uint_le(end, n);
		c.gaps += item.gap;
		c.batches += !item.gap && item.record.type == SPOOL_RECORD_BATCH;
		c.messages += !item.gap && item.record.type == SPOOL_RECORD_MESSAGE;
	}
	return c;
}

START_TEST(scan_loses_only_what_was_hit)
{
	const size_t first = 2 * SPOOL_BLOCK + SPOOL_BATCH_SIZE; /* of the second batch */
	struct spool_record r;
	uint8_t *p = make_segment();
	struct counts c = count_items(p, SIZE);
	ck_assert(c.messages == 6 && c.batches == 3 && c.gaps == 1); /* free space */
	ck_assert(spool_record_get(p + first, SPOOL_BLOCK, &r));
	for (size_t at = first; at < first + r.length; at++) {
		p[at] ^= 0x40;
		c = count_items(p, SIZE);
		ck_assert_msg(c.messages == 5 && c.batches == 3, "octet %zu costs more", at);
		p[at] ^= 0x40;
	}
	for (size_t at = 2 * SPOOL_BLOCK; at < first; at++) {
		p[at] ^= 0x40;
		c = count_items(p, SIZE);
		ck_assert_msg(c.messages == 6 && c.batches == 2, "octet %zu costs more", at);
		p[at] ^= 0x40;
	}
	free(p);
}
END_TEST

START_TEST(scan_of_every_prefix_ends)
{
	uint8_t *p = make_segment();
	for (size_t n = 0; n < 4 * SPOOL_BLOCK; n += 8) {
		struct str prefix = unit_copy(str_from(p, n));
		count_items((const uint8_t *)prefix.p, n);
		unit_free(prefix);
	}
	free(p);
}
END_TEST

START_TEST(summary_tells_whether_the_last_batch_is_whole)
{
	uint8_t *p = make_segment();
	struct spool_scan s;
	struct spool_scan_summary sum;
	uint32_t sequence;
	spool_scan_init(&s, p, SIZE, SEED, SEQUENCE);
	spool_scan_summarise(&s, &sum);
	ck_assert(
	    sum.first_batch == 1 && sum.last_batch == 3 && sum.last_complete && sum.tail == 3);
	ck_assert(sum.last_id == 31 && sum.last_start == 3 * SPOOL_BLOCK && !sum.closed);
	p[sum.end - 20] ^= 1;
	spool_scan_summarise(&s, &sum);
	ck_assert(sum.last_batch == 3 && !sum.last_complete && sum.tail == 2);
	ck_assert(spool_scan_find_sequence(p, SIZE, SEED, &sequence));
	ck_assert_uint_eq(sequence, SEQUENCE);
	ck_assert(!spool_scan_find_sequence(p, SIZE, SEED + 1, &sequence));
	size_t from, to;
	ck_assert(spool_scan_find_remains(p, SIZE, SEQUENCE, sum.end, &from, &to));
	ck_assert(from >= sum.end && to > from);
	ck_assert(!spool_scan_find_remains(p, SIZE, SEQUENCE + 1, SPOOL_BLOCK, &from, &to));
	free(p);
}
END_TEST

/* --- Batches, tables, names --- */

START_TEST(batch_keeps_groups_together)
{
	struct spool_batch *b = spool_batch_new();
	struct spool_result results[2] = {{.number = 0, .outcome = SPOOL_DELIVERED},
	    {.number = 1, .outcome = SPOOL_DEFERRED, .text = STR("later")}};
	struct buf record = BUF_INIT(65536);
	size_t index;
	put_message(&record, 5, STR("content"));
	ck_assert(spool_batch_add_moved(
	    b, buf_data(&record), 5, &(struct spool_place){0}, 1, results, 2, 65536));
	size_t group = buf_len(&b->records);
	ck_assert(spool_batch_add_result(b, 6, results));
	ck_assert_uint_eq(
	    spool_batch_group(buf_data(&b->records), buf_len(&b->records), &index), group);
	ck_assert_uint_eq(b->count, 1);
	ck_assert(b->urgent);
	/* Where they would not fit, texts are left out. */
	size_t before = buf_len(&b->records);
	ck_assert(spool_batch_add_moved(
	    b, buf_data(&record), 5, &(struct spool_place){0}, 1, results, 2, 0));
	ck_assert_uint_lt(buf_len(&b->records) - before, group);
	buf_release(&record);
	spool_batch_free(b);
}
END_TEST

START_TEST(table_counts_and_keeps_order)
{
	struct spool_table t = {0};
	for (uint32_t i = 0; i < 300; i++) {
		spool_table_add(&t, i * 7 % 300, i + 1, 100);
		if (i >= 50)
			spool_table_remove_oldest(&t);
	}
	ck_assert_uint_eq(t.count, 50);
	ck_assert_uint_eq(t.octets, 5000);
	ck_assert_uint_eq(spool_table_find(&t, spool_table_slot(&t, 0))->sequence, 251);
	ck_assert_ptr_null(spool_table_find_sequence(&t, 250));
	struct spool_segment *s = spool_table_find_sequence(&t, 260);
	ck_assert_ptr_nonnull(s);
	spool_table_count_in(&t, s, 40);
	ck_assert(t.live == 40 && s->messages == 1);
	ck_assert(spool_table_count_out(&t, s, 40) && !s->inexact);
	ck_assert(!spool_table_count_out(&t, s, 40) && s->inexact && t.live == 0);
	spool_table_reset(&t);
}
END_TEST

START_TEST(slot_names)
{
	static const char *const wrong[] = {
	    "", "1", "0000001", "000000001", "0000000a", "-0000001", "00000001 "};
	char name[SPOOL_SLOT_NAME];
	uint32_t slot;
	spool_stock_name(1234, name);
	ck_assert_str_eq(name, "00001234");
	ck_assert(spool_stock_parse_name(name, &slot) && slot == 1234);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!spool_stock_parse_name(wrong[i], &slot), "%s", wrong[i]);
}
END_TEST

START_TEST(large_ids_are_a_set)
{
	struct spool_large_ids l = {0};
	ck_assert(!spool_large_ids_has(&l, 1));
	for (uint64_t i = 0; i < 100; i++)
		spool_large_ids_add(&l, i * 37 % 50);
	spool_large_ids_sort(&l);
	ck_assert_uint_eq(l.count, 50);
	ck_assert(spool_large_ids_has(&l, 49) && !spool_large_ids_has(&l, 50));
	spool_large_ids_reset(&l);
}
END_TEST

UNIT_MAIN("spool parts", crc_is_castagnoli, crc_goes_on_and_both_ways_agree,
    record_checks_only_as_it_was, payloads_come_back, what_is_settled_comes_back,
    records_of_version_1_are_read, header_checks_only_as_it_was, footer_checks_only_as_it_was,
    index_gives_its_records, scan_loses_only_what_was_hit, scan_of_every_prefix_ends,
    summary_tells_whether_the_last_batch_is_whole, batch_keeps_groups_together,
    table_counts_and_keeps_order, slot_names, large_ids_are_a_set)
