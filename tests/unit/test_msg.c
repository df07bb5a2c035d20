/* SPDX-License-Identifier: ISC
 *
 * Every message and record of every table: what is put is got back; every
 * truncation and every surplus octet is refused; strings and lists over their
 * maximum are not sent.
 */
#include "common/msg-directory-session.h"
#include "common/msg-operator-control.h"
#include "common/msg-operator-directory.h"
#include "common/msg-operator-queue.h"
#include "common/msg-users.h"
#include "common/msg-owner.h"
#include "common/msg-session-child.h"
#include "common/msg-directory-pam.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-pop3d-session.h"
#include "common/msg-queue-directory.h"
#include "common/msg-queue-local.h"
#include "common/msg-queue-remote.h"
#include "common/msg-remote-directory.h"
#include "common/msg-keys.h"
#include "common/msg-remote-resolver.h"
#include "common/msg-smtpd-directory.h"
#include "common/msg-smtpd-queue.h"
#include "common/msg-supervision.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum sample { SAMPLE_EMPTY, SAMPLE_SOME, SAMPLE_LARGEST, SAMPLES };

static struct pool *pool;
static enum sample kind;
static uint64_t counter;

static uint64_t next_number(void)
{
	counter = counter * 6364136223846793005u + 1442695040888963407u;
	return kind == SAMPLE_EMPTY ? 0 : kind == SAMPLE_LARGEST ? UINT64_MAX : counter >> 7;
}

static struct str next_str(size_t max)
{
	size_t n = kind == SAMPLE_EMPTY ? 0 : kind == SAMPLE_LARGEST ? max : max < 7 ? max : 7;
	char *p = pool_alloc(pool, n + 1);
	memset(p, 'x', n);
	return str_from(p, n);
}

/* Lists stay short where a full one of the longest strings would not fit in a packet. */
static size_t next_count(size_t max)
{
	return kind == SAMPLE_EMPTY ? 0 : max < 3 ? max : 3;
}

#define U8(f)	       v->f = (uint8_t)next_number();
#define U16(f)	       v->f = (uint16_t)next_number();
#define U32(f)	       v->f = (uint32_t)next_number();
#define U64(f)	       v->f = next_number();
#define STRING(f, max) v->f = next_str(max);
#define REC(record, f) fill_##record(&v->f);
#define LIST(record, f, max)                                                                       \
	v->f##_count = next_count(max);                                                            \
	v->f = pool_array(pool, v->f##_count + 1, sizeof(*v->f));                                  \
	for (size_t i = 0; i < v->f##_count; i++)                                                  \
		fill_##record(&v->f[i]);
#define RECORD(name)                                                                               \
	static void fill_##name(struct name *v)                                                    \
	{                                                                                          \
		(void)v;
#define END_RECORD(name) }
#define MESSAGE(direction, name, id, descriptors)                                                  \
	static void fill_msg_##name(void *p)                                                       \
	{                                                                                          \
		struct msg_##name *v = p;                                                          \
		(void)v;
#define END_MESSAGE(name) }
#include "common/auth.def"
#include "common/envelope.def"
#include "common/msg-directory-session.def"
#include "common/msg-keys.def"
#include "common/msg-operator-control.def"
#include "common/msg-operator-directory.def"
#include "common/msg-operator-queue.def"
#include "common/msg-users.def"
#include "common/msg-owner.def"
#include "common/msg-session-child.def"
#include "common/msg-directory-pam.def"
#include "common/msg-pop3d-directory.def"
#include "common/msg-pop3d-session.def"
#include "common/msg-queue-directory.def"
#include "common/msg-queue-local.def"
#include "common/msg-queue-remote.def"
#include "common/msg-remote-directory.def"
#include "common/msg-remote-resolver.def"
#include "common/msg-smtpd-directory.def"
#include "common/msg-smtpd-queue.def"
#include "common/msg-supervision.def"
#include "common/msg-fields-clear.h"

#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define STRING(f, max)
#define REC(record, f)
#define LIST(record, f, max)
#define RECORD(name)
#define END_RECORD(name)
#define MESSAGE(direction, name, id, descriptors) {#name, fill_msg_##name},
#define END_MESSAGE(name)
static const struct {
	const char *name;
	void (*fill)(void *v);
} fills[] = {
#include "common/msg-directory-session.def"
#include "common/msg-keys.def"
#include "common/msg-operator-control.def"
#include "common/msg-operator-directory.def"
#include "common/msg-operator-queue.def"
#include "common/msg-users.def"
#include "common/msg-owner.def"
#include "common/msg-session-child.def"
#include "common/msg-directory-pam.def"
#include "common/msg-pop3d-directory.def"
#include "common/msg-pop3d-session.def"
#include "common/msg-queue-directory.def"
#include "common/msg-queue-local.def"
#include "common/msg-queue-remote.def"
#include "common/msg-remote-directory.def"
#include "common/msg-remote-resolver.def"
#include "common/msg-smtpd-directory.def"
#include "common/msg-smtpd-queue.def"
#include "common/msg-supervision.def"
};
#include "common/msg-fields-clear.h"
enum { FILLS = sizeof(fills) / sizeof(fills[0]) };

static const struct edge_side *const sides[] = {&supervision_server, &supervision_client,
    &smtpd_directory_server, &smtpd_directory_client, &smtpd_queue_server, &smtpd_queue_client,
    &queue_local_server, &queue_local_client, &pop3d_directory_server, &pop3d_directory_client,
    &directory_session_server, &directory_session_client, &pop3d_session_server,
    &pop3d_session_client, &operator_queue_server, &operator_queue_client, &operator_control_server,
    &operator_control_client, &queue_directory_server, &queue_directory_client,
    &queue_remote_server, &queue_remote_client, &remote_directory_server, &remote_directory_client,
    &remote_resolver_server, &remote_resolver_client, &keys_server, &keys_client, &users_server,
    &users_client, &owner_server, &owner_client, &session_child_server, &session_child_client,
    &directory_pam_server, &directory_pam_client, &operator_directory_server,
    &operator_directory_client};
enum { SIDES = sizeof(sides) / sizeof(sides[0]) };

static const struct msg_row *row_of(const char *name, const struct edge_side **side)
{
	for (size_t s = 0; s < SIDES; s++)
		for (const struct msg_row *row = sides[s]->rows; row->name != NULL; row++)
			if (strcmp(row->name, name) == 0) {
				*side = sides[s];
				return row;
			}
	ck_abort_msg("%s is in no table of rows", name);
}

static void encode(const struct msg_row *row, const void *v, struct buf *to)
{
	struct wire_writer w = {.buf = to};
	buf_reset(to);
	wire_put_u16(&w, row->id);
	row->put(&w, v);
	ck_assert_msg(!w.failed, "%s does not fit", row->name);
}

START_TEST(round_trip)
{
	const struct edge_side *side;
	const struct msg_row *row = row_of(fills[_i].name, &side);
	struct buf first = BUF_INIT(PACKET_MAX), second = BUF_INIT(PACKET_MAX);
	for (kind = 0; kind < SAMPLES; kind++) {
		void *v = pool_alloc(pool, row->size), *back = pool_alloc(pool, row->size);
		fills[_i].fill(v);
		encode(row, v, &first);
		struct wire_reader r = {.p = first.p + 2, .n = first.end - 2, .pool = pool};
		row->get(&r, back);
		ck_assert_msg(wire_reader_done(&r), "%s is not read to its end", row->name);
		encode(row, back, &second);
		ck_assert_uint_eq(first.end, second.end);
		ck_assert_mem_eq(first.p, second.p, first.end);
	}
	buf_release(&first);
	buf_release(&second);
}
END_TEST

START_TEST(every_truncation_and_surplus_is_refused)
{
	const struct edge_side *side;
	const struct msg_row *row = row_of(fills[_i].name, &side);
	struct buf b = BUF_INIT(PACKET_MAX);
	kind = SAMPLE_SOME;
	void *v = pool_alloc(pool, row->size);
	fills[_i].fill(v);
	encode(row, v, &b);
	ck_assert(channel_try_packet(side, b.p, b.end, pool));
	for (size_t n = 0; n < b.end; n++) {
		/* An exact copy, so that a sanitizer sees a read past the end. */
		uint8_t *cut = malloc(n + 1);
		memcpy(cut, b.p, n);
		ck_assert_msg(
		    !channel_try_packet(side, cut, n, pool), "%s cut at %zu", row->name, n);
		free(cut);
	}
	ck_assert(buf_append_u8(&b, 0));
	ck_assert(!channel_try_packet(side, b.p, b.end, pool));
	buf_release(&b);
}
END_TEST

START_TEST(a_string_over_its_maximum_is_not_sent)
{
	char text[ADDRESS_MAX + 1] = {0};
	struct msg_rcpt_query m = {.address = str_from(text, sizeof(text))};
	struct buf b = BUF_INIT(PACKET_MAX);
	struct wire_writer w = {.buf = &b};
	msg_rcpt_query_put(&w, &m);
	ck_assert(w.failed);
	buf_release(&b);
}
END_TEST

START_TEST(a_count_beyond_the_input_allocates_nothing)
{
	/* More than the list may have, and as many as it may. */
	static const uint8_t results[] = {0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const uint8_t durable[] = {0, 4, 1000 >> 8, 1000 & 0xff};
	ck_assert(!channel_try_packet(&queue_local_client, results, sizeof(results), pool));
	ck_assert(!channel_try_packet(&queue_local_client, durable, sizeof(durable), pool));
	ck_assert_uint_le(pool_used(pool), 4096);
}
END_TEST

START_TEST(ids_are_unique_within_a_side)
{
	for (size_t s = 0; s < SIDES; s++)
		for (const struct msg_row *a = sides[s]->rows; a->name != NULL; a++)
			for (const struct msg_row *b = a + 1; b->name != NULL; b++)
				ck_assert_msg(a->id != b->id, "%s: %s and %s", sides[s]->edge,
				    a->name, b->name);
}
END_TEST

static void setup(void)
{
	pool = pool_new(64 * 1024 * 1024);
}

static void teardown(void)
{
	pool_free(pool);
}

int main(void)
{
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, round_trip, 0, FILLS);
	tcase_add_loop_test(tc, every_truncation_and_surplus_is_refused, 0, FILLS);
	tcase_add_test(tc, a_string_over_its_maximum_is_not_sent);
	tcase_add_test(tc, a_count_beyond_the_input_allocates_nothing);
	tcase_add_test(tc, ids_are_unique_within_a_side);
	return unit_run_case("msg", tc);
}
