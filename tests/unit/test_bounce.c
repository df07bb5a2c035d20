/* SPDX-License-Identifier: ISC
 *
 * Notices over a spool in memory and a directory that the test plays: who is told
 * what, when, in which order it becomes durable, and what a crash between leaves.
 */
#include "queue/bounce.h"
#include "queue/dispatch.h"
#include "tests/unit/directory-peer.h"
#include "tests/unit/fake-spool.h"
#include "common/log.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct active active;
static struct contents *contents;
static struct reader reader;
static struct router *router;
static struct templates templates;
static struct bounces bounces;
static struct spool *spool;

static const struct directory_row rows[] = {
    {"ann@example.org", RCPT_LOCAL, TRANSPORT_LOCAL, "", ""},
    {"postmaster@example.org", RCPT_LOCAL, TRANSPORT_LOCAL, "", ""},
    {"slow@example.org", RCPT_TEMPORARY, 0, "", "not now"},
    {"example.net", RCPT_NOT_OURS, TRANSPORT_REMOTE, "relay:out", ""},
    {"hold.example", RCPT_NOT_OURS, TRANSPORT_HOLD, "", ""},
    {NULL, 0, 0, "", ""},
};

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	(void)ctx;
	(void)id;
	if (bounces_on_committed(&bounces, tag, place, error))
		return;
	ck_assert_int_eq(error, 0);
	active_commit(&active, tag, place);
}

static void on_message(void *ctx, uint64_t id, const struct spool_place *place,
    const struct envelope *envelope, const struct recipient *recipients, size_t count)
{
	(void)ctx;
	active_on_message(&active, id, place, envelope, recipients, count);
}

static void on_result(void *ctx, uint64_t id, const struct spool_result *result)
{
	(void)ctx;
	active_on_result(&active, id, result, moment_now());
}

static void on_finished(void *ctx, uint64_t id)
{
	(void)ctx;
	active_on_finished(&active, id);
}

static void on_settled(void *ctx, const struct spool_settled *settled)
{
	(void)ctx;
	active_on_settled(&active, settled);
}

static const struct spool_events events = {
    .on_settled = on_settled,
    .on_committed = on_committed,
    .on_message = on_message,
    .on_result = on_result,
    .on_finished = on_finished,
};

static void open_queue(void)
{
	static const struct transport_policy roomy = {
	    .limit = 1000, .destination = {.window_first = 1000, .window_max = 1000}};
	active_init(&active, 7);
	for (int i = TRANSPORT_LOCAL; i < TRANSPORT_COUNT; i++)
		scheduler_set_transport(active.scheduler, (enum transport)i, &roomy);
	contents = contents_new(1 << 20);
	reader_init(&reader, &active, contents);
	reader_set_spool(&reader, spool);
	router = router_new(NULL, NULL);
	bounces_init(&bounces, &active, &reader, router, &templates);
	bounces.hostname = STR("mx.example.org");
	bounces.postmaster = STR("postmaster@example.org");
	bounces.size_max = 50 * 1024;
	active.spool = bounces.spool = spool;
	active.lifetime = 5 * 86400 * UINT64_C(1000);
	directory_peer_start(router, rows);
}

static void close_queue(void)
{
	bounces.spool = NULL;
	bounces_reset(&bounces);
	directory_peer_kill();
	router_free(router);
	reader_reset(&reader);
	contents_free(contents);
	active_reset(&active);
}

static void setup(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
	ck_assert(templates_load(&templates, NULL, NULL, NULL));
	spool = fake_spool_new(&events, NULL);
	directory_peer_asked = 0;
	directory_peer_silent = false;
	open_queue();
}

static void teardown(void)
{
	close_queue();
	fake_spool_free(spool);
	templates_reset(&templates);
}

/* The process dies and comes back; the sweep finds what is owed. */
static void restart(void)
{
	close_queue();
	open_queue();
	fake_spool_recover(spool, &events, NULL);
	active_begin(&active);
	active_sweep(&active, moment_now(), 1000);
}

static struct recipient to(const char *address, uint8_t notify)
{
	struct str a = str_from_cstr(address);
	return (struct recipient){
	    .address = a, .original = a, .transport = TRANSPORT_LOCAL, .notify = notify};
}

static struct envelope envelope;

static uint64_t post(const char *sender, const struct recipient *list, size_t count)
{
	envelope.reverse_path = str_from_cstr(sender);
	envelope.arrival = loop_wall_ms();
	const struct spool_message m = {.envelope = &envelope,
	    .recipients = list,
	    .recipient_count = count,
	    .content = STR("Subject: hello\r\n\r\nHow are you?\r\n")};
	uint64_t id = spool_next_id(spool);
	spool_submit(
	    spool, id, &m, message_new(active.scheduler, id, &envelope, list, count, m.content.n));
	fake_spool_commit(spool, 0);
	return id;
}

/* All its recipients are under way, and their job. */
static struct job *begin(uint64_t id)
{
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_LOCAL);
	ck_assert_ptr_nonnull(job);
	ck_assert_uint_eq(message_of(job)->id, id);
	active_start(&active, job, numbers, RECIPIENTS_PER_PACKET);
	return job;
}

static const struct why no_such = {.status = {"5.1.1", 5},
    .mta = {"mx.example.net", 14},
    .reply = {"550 5.1.1 no such user", 22},
    .text = {"mx.example.net said: 550 5.1.1 no such user", 43}};

static void fail_all(struct job *job)
{
	struct message *m = message_of(job);
	for (uint16_t i = 0; i < m->recipient_count; i++)
		active_failed(&active, m, i, &no_such);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
}

/* The newest record, which must be one more than before. */
static const struct fake_record *newest(size_t expected)
{
	const struct fake_record *list;
	size_t n = fake_spool_records(spool, &list);
	ck_assert_uint_eq(n, expected);
	return &list[n - 1];
}

static bool has(struct str s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static unsigned outcomes(uint64_t id, enum spool_outcome outcome)
{
	const struct fake_result *list;
	size_t n = fake_spool_results(spool, &list), found = 0;
	for (size_t i = 0; i < n; i++)
		found += list[i].id == id && list[i].result.outcome == outcome;
	return (unsigned)found;
}

START_TEST(a_sender_is_told_before_the_failure_is_over)
{
	const struct recipient list[] = {to("bob@example.net", 0), to("carl@example.net", 0)};
	envelope.envid = STR("order-1");
	uint64_t id = post("ann@example.org", list, 2);
	fail_all(begin(id));
	unit_settle();
	const struct fake_record *r = newest(2);
	ck_assert(!r->committed);
	ck_assert_uint_eq(outcomes(id, SPOOL_BOUNCED), 0);
	ck_assert(!fake_spool_find(spool, id)->finished);
	ck_assert_uint_eq(r->envelope.reverse_path.n, 0);
	ck_assert_uint_eq(r->count, 1);
	ck_assert(str_eq(r->recipients[0].address, STR("ann@example.org")));
	ck_assert(has(r->content, "To: ann@example.org\r\n"));
	ck_assert(has(r->content, "Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\n"
				  "Status: 5.1.1\r\nRemote-MTA: dns; mx.example.net\r\n"
				  "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
	ck_assert(has(r->content, "Final-Recipient: rfc822; carl@example.net\r\n"));
	ck_assert(has(r->content, "Original-Envelope-Id: order-1\r\n"));
	ck_assert(has(r->content, "Content-Type: message/rfc822\r\n"));
	ck_assert(has(r->content, "How are you?\r\n"));
	uint64_t notice = r->id;
	ck_assert_uint_eq(fake_spool_commit(spool, 0), 1);
	ck_assert(fake_spool_find(spool, id)->finished);
	ck_assert_ptr_null(index_find(&active.messages, id));
	ck_assert_ptr_nonnull(index_find(&active.messages, notice));
	ck_assert_uint_eq(directory_peer_asked, 1);
}
END_TEST

/* RFC 3461 §4.1 */
static const struct {
	uint8_t notify;
	bool told;
} notify_rows[] = {{0, true}, {NOTIFY_FAILURE, true}, {NOTIFY_FAILURE | NOTIFY_DELAY, true},
    {NOTIFY_NEVER, false}, {NOTIFY_SUCCESS, false}, {NOTIFY_DELAY | NOTIFY_SUCCESS, false}};

START_TEST(who_does_not_want_to_know_is_not_told)
{
	const struct recipient list[] = {to("bob@example.net", notify_rows[_i].notify)};
	uint64_t id = post("ann@example.org", list, 1);
	fail_all(begin(id));
	unit_settle();
	newest(notify_rows[_i].told ? 2 : 1);
	ck_assert_int_eq(fake_spool_find(spool, id)->finished, !notify_rows[_i].told);
}
END_TEST

START_TEST(only_the_header_comes_back_where_that_is_asked)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	if (_i == 0)
		envelope.ret = RET_HDRS;
	else
		bounces.size_max = 10;
	fail_all(begin(post("ann@example.org", list, 1)));
	unit_settle();
	const struct fake_record *r = newest(2);
	ck_assert(has(r->content, "text/rfc822-headers"));
	ck_assert(has(r->content, "Subject: hello\r\n"));
	ck_assert(!has(r->content, "How are you?"));
}
END_TEST

/* RFC 8689 §5: of mail that was to be protected the header only, whatever RET says, and the notice
 * is protected like it; so is the report on the notice. */
START_TEST(notices_are_protected_like_their_mail)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	envelope.ret = RET_FULL;
	envelope.flags = ENVELOPE_REQUIRETLS | ENVELOPE_8BITMIME;
	fail_all(begin(post("ann@example.org", list, 1)));
	unit_settle();
	const struct fake_record *r = newest(2);
	ck_assert_uint_eq(r->envelope.flags, ENVELOPE_REQUIRETLS);
	ck_assert(has(r->content, "text/rfc822-headers"));
	ck_assert(!has(r->content, "How are you?"));
	ck_assert(!has(r->content, "TLS-Required"));
	uint64_t notice = r->id;
	fake_spool_commit(spool, 0);
	fail_all(begin(notice));
	unit_settle();
	r = newest(3);
	ck_assert(str_eq(r->recipients[0].address, STR("postmaster@example.org")));
	ck_assert_uint_eq(r->envelope.flags, ENVELOPE_REQUIRETLS);
	ck_assert(!has(r->content, "Final-Recipient: rfc822; bob@example.net"));
}
END_TEST

/* What may go in clear may be reported in clear. */
START_TEST(notices_are_as_optional_as_their_mail)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	envelope.flags = ENVELOPE_TLS_OPTIONAL;
	fail_all(begin(post("ann@example.org", list, 1)));
	unit_settle();
	const struct fake_record *r = newest(2);
	ck_assert_uint_eq(r->envelope.flags, ENVELOPE_TLS_OPTIONAL);
	ck_assert(has(r->content, "\r\nTLS-Required: No\r\n"));
	ck_assert(has(r->content, "How are you?"));
}
END_TEST

/* The disk has the notice, but the process dies before it knows: what follows is lost. */
static void commit_and_die(void)
{
	active.notices = (struct active_notices){0};
	directory_peer_silent = true;
	fake_spool_lose_results(spool, true);
	fake_spool_commit(spool, 0);
	fake_spool_lose_results(spool, false);
	directory_peer_silent = false;
	restart();
}

START_TEST(a_crash_before_the_end_makes_no_second_notice)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	uint64_t id = post("ann@example.org", list, 1);
	fail_all(begin(id));
	restart(); /* before anything was made */
	unit_settle();
	newest(2);
	commit_and_die();
	ck_assert_ptr_null(index_find(&active.messages, id));
	unit_settle();
	newest(2);
	ck_assert_uint_eq(outcomes(id, SPOOL_BOUNCED), 1);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

/* More recipients fail after the crash: the next notice tells of these only. */
START_TEST(a_growing_set_is_told_once_each)
{
	const struct recipient list[] = {
	    to("bob@example.net", 0), to("carl@example.net", 0), to("dora@example.net", 0)};
	const struct why later = {.status = STR("4.4.1"), .text = STR("connection refused")};
	uint64_t id = post("ann@example.org", list, 3);
	struct job *job = begin(id);
	active_failed(&active, message_of(job), 1, &no_such);
	active_deferred(&active, job, 0, &later, moment_now());
	active_deferred(&active, job, 2, &later, moment_now());
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
	unit_settle();
	ck_assert(has(newest(2)->content, "carl@example.net"));
	commit_and_die();
	struct message *m = index_find(&active.messages, id);
	ck_assert_uint_eq(message_recipients(m)[1].state, RECIPIENT_BOUNCED);
	active_flush(&active, m);
	job = begin(id + 1); /* the notice itself */
	job = begin(id);
	active_failed(&active, m, 0, &no_such);
	active_failed(&active, m, 2, &no_such);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
	unit_settle();
	const struct fake_record *r = newest(3);
	ck_assert(has(r->content, "bob@example.net") && has(r->content, "dora@example.net"));
	ck_assert(!has(r->content, "carl@example.net"));
	fake_spool_commit(spool, 0);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

/* The message was moved, with results of before, behind the notice that settled them. */
START_TEST(what_is_settled_holds_against_older_results)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	uint16_t numbers[] = {0, 7};
	const struct spool_settled settled = {1, SPOOL_BOUNCED, numbers, 2};
	const struct spool_result failed = {.outcome = SPOOL_FAILED, .status = STR("5.0.0")};
	uint64_t id = post("ann@example.org", list, 1);
	struct spool_settled of = settled;
	of.about = id;
	close_queue();
	open_queue();
	active_on_settled(&active, &settled); /* of one that is over */
	active_on_settled(&active, &of);
	fake_spool_recover(spool, &events, NULL);
	active_on_result(&active, id, &failed, moment_now());
	active_begin(&active);
	ck_assert_ptr_null(index_find(&active.messages, id));
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

START_TEST(a_full_disk_only_delays_it)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	uint64_t id = post("ann@example.org", list, 1);
	fail_all(begin(id));
	unit_settle();
	fake_spool_commit(spool, ENOSPC);
	unit_settle();
	ck_assert_uint_eq(outcomes(id, SPOOL_BOUNCED), 0);
	ck_assert_uint_eq(
	    message_recipients(index_find(&active.messages, id))[0].state, RECIPIENT_FAILED);
	restart(); /* the time until the next try is over with it */
	unit_settle();
	ck_assert_uint_eq(fake_spool_commit(spool, 0), 1);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

START_TEST(directory_dies_and_is_asked_again)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	directory_peer_silent = true;
	fail_all(begin(post("ann@example.org", list, 1)));
	unit_settle();
	ck_assert_uint_eq(directory_peer_asked, 1);
	directory_peer_kill();
	unit_settle();
	directory_peer_silent = false;
	newest(1);
	directory_peer_start(router, rows);
	unit_settle();
	ck_assert_uint_eq(directory_peer_asked, 2);
	newest(2);
}
END_TEST

START_TEST(a_sender_elsewhere_is_told_by_its_route)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	fail_all(begin(post("eve@example.net", list, 1)));
	unit_settle();
	const struct fake_record *r = newest(2);
	ck_assert_uint_eq(r->recipients[0].transport, TRANSPORT_REMOTE);
	ck_assert(str_eq(r->recipients[0].nexthop, STR("relay:out")));
}
END_TEST

/* From <>, or from an address that does not exist: to the postmaster, once. */
START_TEST(what_cannot_be_returned_goes_to_the_postmaster)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	uint64_t id = post(_i == 0 ? "" : "nobody@example.org", list, 1);
	fail_all(begin(id));
	unit_settle();
	const struct fake_record *r = newest(2);
	uint64_t twice = r->id;
	ck_assert(str_eq(r->recipients[0].address, STR("postmaster@example.org")));
	ck_assert(str_eq(r->envelope.session, STR("double-bounce")));
	ck_assert(has(r->content, "Subject: A message could neither be delivered nor returned"));
	fake_spool_commit(spool, 0);
	ck_assert(fake_spool_find(spool, id)->finished);
	fail_all(begin(twice)); /* that one is never told of */
	unit_settle();
	newest(2);
	ck_assert(fake_spool_find(spool, twice)->finished);
	ck_assert_uint_eq(active.messages.count, 0);
}
END_TEST

START_TEST(without_a_postmaster_it_is_logged_only)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	bounces.postmaster = _i == 0 ? (struct str){NULL, 0} : STR("gone@example.org");
	uint64_t id = post("", list, 1);
	fail_all(begin(id));
	unit_settle();
	newest(1);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

START_TEST(failures_wait_for_what_is_under_way)
{
	const struct recipient list[] = {to("bob@example.net", 0), to("carl@example.net", 0)};
	uint64_t id = post("ann@example.org", list, 2);
	struct job *job = begin(id);
	active_failed(&active, message_of(job), 0, &no_such);
	unit_settle();
	newest(1); /* the other one is still under way */
	uint16_t other = 1;
	active_delivered(&active, message_of(job), &other, 1);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
	bounces_run(&bounces, loop_now_ms());
	unit_settle();
	ck_assert(!has(newest(2)->content, "carl@example.net"));
}
END_TEST

START_TEST(more_failures_than_one_notice_holds)
{
	static struct recipient list[DSN_RECIPIENTS_MAX + 20];
	for (size_t i = 0; i < DSN_RECIPIENTS_MAX + 20; i++)
		list[i] = to("bob@example.net", 0);
	uint64_t id = post("ann@example.org", list, DSN_RECIPIENTS_MAX + 20);
	struct job *job = begin(id);
	uint16_t rest[RECIPIENTS_PER_PACKET];
	active_start(&active, job, rest, RECIPIENTS_PER_PACKET);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	fail_all(job);
	unit_settle();
	newest(2);
	fake_spool_commit(spool, 0);
	ck_assert_uint_eq(outcomes(id, SPOOL_BOUNCED), DSN_RECIPIENTS_MAX);
	active_sweep(&active, moment_now(), 1000); /* finds the others */
	unit_settle();
	newest(3);
	fake_spool_commit(spool, 0);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

START_TEST(a_damaged_record_is_told_of_without_its_content)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	uint64_t id = post("ann@example.org", list, 1);
	fake_spool_fail(spool, 0, EBADMSG);
	fail_all(begin(id));
	unit_settle();
	const struct fake_record *r = newest(2);
	ck_assert(has(r->content, "could not be read any more"));
	ck_assert(has(r->content, "Final-Recipient: rfc822; bob@example.net"));
	fake_spool_fail(spool, 0, 0);
}
END_TEST

START_TEST(a_large_notice_is_a_file)
{
	static struct recipient list[DSN_RECIPIENTS_MAX];
	static char words[REASON_MAX];
	memset(words, 'x', sizeof(words));
	for (size_t i = 0; i < DSN_RECIPIENTS_MAX; i++)
		list[i] = to("bob@example.net", 0);
	uint64_t id = post("ann@example.org", list, DSN_RECIPIENTS_MAX);
	struct job *job = begin(id);
	const struct why why = {
	    .reply = str_from(words, sizeof(words)), .text = str_from(words, sizeof(words))};
	for (uint16_t i = 0; i < DSN_RECIPIENTS_MAX; i++)
		active_failed(&active, message_of(job), i, &why);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
	unit_settle();
	const struct fake_record *r = newest(2);
	ck_assert(r->large);
	int fd = spool_large_open(spool, r->id);
	ck_assert_uint_eq((uint64_t)lseek(fd, 0, SEEK_END), r->large_size);
	close(fd);
	fake_spool_commit(spool, 0);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

START_TEST(a_delay_is_told_once)
{
	const struct recipient list[] = {
	    to("bob@example.net", 0), to("carl@example.net", NOTIFY_FAILURE)};
	const struct why later = {.status = STR("4.4.1"), .text = STR("connection refused")};
	active.delay_notice = 3600 * 1000;
	envelope.flags = ENVELOPE_REQUIRETLS;
	uint64_t id = post("ann@example.org", list, 2);
	struct job *job = begin(id);
	for (uint16_t i = 0; i < 2; i++)
		active_deferred(&active, job, i, &later, moment_now());
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
	struct moment now = moment_now();
	active_sweep(&active, now, 1000);
	unit_settle();
	newest(1);
	now.wall += 3600 * 1000;
	for (int i = 0; i < 3; i++) {
		active.swept = 0;
		active_sweep(&active, now, 1000);
		unit_settle();
		fake_spool_commit(spool, 0);
	}
	const struct fake_record *r = newest(2);
	ck_assert_uint_eq(r->envelope.flags, ENVELOPE_REQUIRETLS);
	ck_assert(!has(r->content, "How are you?"));
	ck_assert(has(r->content, "Action: delayed\r\nStatus: 4.4.1\r\n"));
	ck_assert(has(r->content, "Will-Retry-Until: "));
	ck_assert(!has(r->content, "carl@example.net"));
	ck_assert_uint_eq(outcomes(id, SPOOL_WARNED), 1);
	restart();
	active.delay_notice = 3600 * 1000;
	active.swept = 0;
	active_sweep(&active, now, 1000);
	unit_settle();
	newest(2);
}
END_TEST

static void succeed_all(struct job *job)
{
	struct message *m = message_of(job);
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	for (uint16_t i = 0; i < m->recipient_count; i++)
		numbers[i] = i;
	active_succeeded(&active, m, numbers, m->recipient_count);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
}

static struct job *begin_by(uint64_t id, enum transport transport)
{
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	struct job *job = scheduler_next(active.scheduler, transport);
	ck_assert_ptr_nonnull(job);
	ck_assert_uint_eq(message_of(job)->id, id);
	active_start(&active, job, numbers, RECIPIENTS_PER_PACKET);
	return job;
}

/* Mail that is discarded is delivered. */
static const struct {
	enum transport transport;
	const char *sender, *action;
} success_rows[] = {
    {TRANSPORT_LOCAL, "ann@example.org", "Action: delivered\r\nStatus: 2.0.0\r\n"},
    {TRANSPORT_REMOTE, "ann@example.org", "Action: relayed\r\nStatus: 2.0.0\r\n"},
    {TRANSPORT_DISCARD, "ann@example.org", "Action: delivered\r\nStatus: 2.0.0\r\n"},
    {TRANSPORT_LOCAL, "", NULL},
};

START_TEST(success_is_told_where_it_is_asked)
{
	struct recipient list[] = {
	    to("bob@example.net", NOTIFY_SUCCESS), to("carl@example.net", NOTIFY_FAILURE)};
	list[0].transport = list[1].transport = (uint8_t)success_rows[_i].transport;
	envelope.flags = ENVELOPE_REQUIRETLS;
	uint64_t id = post(success_rows[_i].sender, list, 2);
	succeed_all(begin_by(id, success_rows[_i].transport));
	unit_settle();
	if (success_rows[_i].action == NULL) {
		newest(1);
		ck_assert(fake_spool_find(spool, id)->finished);
		return;
	}
	const struct fake_record *r = newest(2);
	ck_assert(!fake_spool_find(spool, id)->finished);
	ck_assert(has(r->content, success_rows[_i].action));
	ck_assert_uint_eq(r->envelope.flags, ENVELOPE_REQUIRETLS);
	ck_assert(!has(r->content, "carl@example.net"));
	ck_assert(has(r->content, "text/rfc822-headers"));
	fake_spool_commit(spool, 0);
	ck_assert(fake_spool_find(spool, id)->finished);
	ck_assert_uint_eq(active.messages.count, 1);
}
END_TEST

START_TEST(success_survives_a_crash_and_is_told_once)
{
	const struct recipient list[] = {to("bob@example.net", NOTIFY_SUCCESS)};
	uint64_t id = post("ann@example.org", list, 1);
	succeed_all(begin(id));
	restart(); /* nothing was made yet */
	ck_assert_ptr_null(scheduler_next(active.scheduler, TRANSPORT_LOCAL));
	unit_settle();
	ck_assert(has(newest(2)->content, "Action: delivered\r\n"));
	commit_and_die();
	unit_settle();
	newest(2);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

/* RFC 3461 §5.2.7.3 */
START_TEST(an_alias_of_several_is_expanded_once)
{
	struct recipient list[] = {to("bob@example.net", NOTIFY_SUCCESS | NOTIFY_FAILURE),
	    to("carl@example.net", NOTIFY_SUCCESS | NOTIFY_FAILURE),
	    to("dora@example.net", NOTIFY_SUCCESS | NOTIFY_FAILURE),
	    to("eve@example.org", NOTIFY_SUCCESS)};
	const uint16_t first = 0, later[] = {2, 3};
	for (int i = 0; i < 3; i++)
		list[i].original = STR("all@example.org");
	uint64_t id = post("ann@example.org", list, 4);
	struct job *eves, *job = begin(id);
	eves = begin(id);
	active_succeeded(&active, message_of(job), &first, 1);
	active_failed(&active, message_of(job), 1, &no_such);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, loop_now_ms());
	bounces_run(&bounces, loop_now_ms() + NOTICE_WAIT_MS);
	unit_settle();
	newest(3); /* the failure, and the success */
	fake_spool_commit(spool, 0);
	const struct fake_record *list_of;
	size_t n = fake_spool_records(spool, &list_of);
	bool expanded = false, failed = false;
	for (size_t i = 1; i < n; i++) {
		expanded |= has(list_of[i].content,
		    "Final-Recipient: rfc822; all@example.org\r\nAction: expanded\r\n");
		failed |= has(list_of[i].content,
		    "Final-Recipient: rfc822; carl@example.net\r\nAction: failed\r\n");
		ck_assert(!has(list_of[i].content, "Action: delivered"));
		ck_assert(!has(list_of[i].content, "bob@example.net"));
	}
	ck_assert(expanded && failed);
	active_succeeded(&active, message_of(job), later, 2);
	scheduler_done(active.scheduler, eves, DESTINATION_WORKS, loop_now_ms());
	active_settle(&active, job);
	unit_settle();
	const struct fake_record *r = newest(4);
	ck_assert(has(r->content, "Final-Recipient: rfc822; eve@example.org\r\nAction: delivered"));
	ck_assert(!has(r->content, "all@example.org"));
	fake_spool_commit(spool, 0);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

START_TEST(a_message_that_was_deleted_is_not_told_of)
{
	const struct recipient list[] = {to("bob@example.net", 0)};
	directory_peer_silent = true;
	uint64_t id = post("ann@example.org", list, 1);
	fail_all(begin(id));
	unit_settle();
	active_delete(&active, index_find(&active.messages, id));
	ck_assert(fake_spool_find(spool, id)->finished);
	directory_peer_kill();
	unit_settle();
	directory_peer_silent = false;
	directory_peer_start(router, rows);
	unit_settle();
	newest(1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("bounce");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_sender_is_told_before_the_failure_is_over);
	tcase_add_loop_test(tc, who_does_not_want_to_know_is_not_told, 0,
	    (int)(sizeof(notify_rows) / sizeof(notify_rows[0])));
	tcase_add_loop_test(tc, only_the_header_comes_back_where_that_is_asked, 0, 2);
	tcase_add_test(tc, notices_are_protected_like_their_mail);
	tcase_add_test(tc, notices_are_as_optional_as_their_mail);
	tcase_add_test(tc, a_crash_before_the_end_makes_no_second_notice);
	tcase_add_test(tc, a_full_disk_only_delays_it);
	tcase_add_test(tc, directory_dies_and_is_asked_again);
	tcase_add_test(tc, a_sender_elsewhere_is_told_by_its_route);
	tcase_add_loop_test(tc, what_cannot_be_returned_goes_to_the_postmaster, 0, 2);
	tcase_add_loop_test(tc, without_a_postmaster_it_is_logged_only, 0, 2);
	tcase_add_test(tc, failures_wait_for_what_is_under_way);
	tcase_add_test(tc, more_failures_than_one_notice_holds);
	tcase_add_test(tc, a_damaged_record_is_told_of_without_its_content);
	tcase_add_test(tc, a_large_notice_is_a_file);
	tcase_add_test(tc, a_delay_is_told_once);
	tcase_add_loop_test(tc, success_is_told_where_it_is_asked, 0,
	    (int)(sizeof(success_rows) / sizeof(success_rows[0])));
	tcase_add_test(tc, success_survives_a_crash_and_is_told_once);
	tcase_add_test(tc, an_alias_of_several_is_expanded_once);
	tcase_add_test(tc, a_growing_set_is_told_once_each);
	tcase_add_test(tc, what_is_settled_holds_against_older_results);
	tcase_add_test(tc, a_message_that_was_deleted_is_not_told_of);
	return unit_run_case("bounce", tc);
}
