/* SPDX-License-Identifier: ISC
 *
 * The active set over a spool in memory: what is written down when, what is known
 * again after a restart, and what a million waiting recipients cost.
 */
#include "queue/active.h"
#include "tests/unit/fake-spool.h"
#include "common/log.h"
#include "tests/unit/unit.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#define SECOND UINT64_C(1000)
#define HOUR   (3600 * SECOND)

static const struct moment start = {.ms = 1000 * SECOND, .wall = UINT64_C(1700000000000)};

static struct moment later(uint64_t ms)
{
	return (struct moment){.ms = start.ms + ms, .wall = start.wall + ms};
}

/* Good until the next call. */
static const struct why *because(const char *text)
{
	static struct why why;
	why = (struct why){.text = str_from_cstr(text)};
	return &why;
}

static struct active active;
static struct spool *spool;

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	(void)ctx;
	(void)id;
	ck_assert_int_eq(error, 0);
	active_commit(&active, tag, place);
}

static void on_message(void *ctx, uint64_t id, const struct spool_place *place,
    const struct envelope *envelope, const struct recipient *recipients, size_t count)
{
	active_on_message(ctx, id, place, envelope, recipients, count);
}

static struct moment recovery_time;

static void on_result(void *ctx, uint64_t id, const struct spool_result *result)
{
	active_on_result(ctx, id, result, recovery_time);
}

static void on_finished(void *ctx, uint64_t id)
{
	active_on_finished(ctx, id);
}

static const struct spool_events events = {
    .on_committed = on_committed,
    .on_message = on_message,
    .on_result = on_result,
    .on_finished = on_finished,
};

static void open_active(void)
{
	static const struct transport_policy roomy = {
	    .limit = 1000, .destination = {.window_first = 1000, .window_max = 1000}};
	active_init(&active, 7);
	for (int i = TRANSPORT_LOCAL; i < TRANSPORT_COUNT; i++)
		scheduler_set_transport(active.scheduler, (enum transport)i, &roomy);
}

static void setup(void)
{
	open_active();
	log_set_fd(open("/dev/null", O_WRONLY));
	spool = fake_spool_new(&events, &active);
	active.spool = spool;
}

static void teardown(void)
{
	active_reset(&active);
	fake_spool_free(spool);
}

/* The process dies and comes back. */
static void restart(struct moment now)
{
	recovery_time = now;
	active_reset(&active);
	open_active();
	active.spool = spool;
	fake_spool_recover(spool, &events, &active);
	active_begin(&active);
}

static struct recipient local(const char *address)
{
	struct str a = str_from_cstr(address);
	return (struct recipient){.address = a, .original = a, .transport = TRANSPORT_LOCAL};
}

static uint64_t commit(const char *sender, const struct recipient *list, size_t count)
{
	const struct envelope envelope = {
	    .arrival = start.wall, .reverse_path = str_from_cstr(sender), .token = 1};
	const struct spool_message m = {.envelope = &envelope,
	    .recipients = list,
	    .recipient_count = count,
	    .content = STR("hello\r\n")};
	uint64_t id = spool_next_id(spool);
	spool_submit(
	    spool, id, &m, message_new(active.scheduler, id, &envelope, list, count, m.content.n));
	ck_assert_uint_eq(fake_spool_commit(spool, 0), 1);
	return id;
}

static uint64_t commit_one(const char *address)
{
	const struct recipient r = local(address);
	return commit("ann@example.org", &r, 1);
}

static struct job *next(void)
{
	return scheduler_next(active.scheduler, TRANSPORT_LOCAL);
}

/* Begins the next delivery; at most `max` recipients. */
static struct job *begin(uint16_t *numbers, size_t max, size_t *count)
{
	struct job *job = next();
	if (job != NULL)
		*count = active_start(&active, job, numbers, max);
	return job;
}

static void done(struct job *job, struct moment now)
{
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, now.ms);
}

/* --- the way of a recipient --------------------------------------------- */

START_TEST(delivered_message_is_finished_with_no_other_word)
{
	uint16_t n[10];
	size_t count;
	uint64_t id = commit_one("bob@example.net");
	ck_assert_uint_eq(active.recipients, 1);
	struct job *job = begin(n, 10, &count);
	ck_assert_uint_eq(count, 1);
	struct message *m = message_of(job);
	ck_assert_uint_eq(m->id, id);
	ck_assert_uint_eq(m->flags & MESSAGE_REPEAT, 0);
	active_visible(&active, m, 0);
	done(job, start);
	ck_assert(!active_settle(&active, job));
	ck_assert_uint_eq(fake_spool_count(spool).finished, 0);
	active_delivered(&active, m, n, 1);
	ck_assert(active_settle(&active, job));
	ck_assert_uint_eq(fake_spool_count(spool).finished, 1);
	ck_assert_uint_eq(fake_spool_count(spool).results, 0);
	ck_assert_uint_eq(active.recipients, 0);
	ck_assert_uint_eq(active.octets, 0);
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_ptr_null(next());
}
END_TEST

START_TEST(recipients_are_grouped_by_destination)
{
	struct recipient list[7];
	uint16_t n[10];
	size_t count;
	static const char *const to[] = {"a@one", "b@two", "c@one", "d@three", "e@two", "f@one"};
	for (int i = 0; i < 6; i++)
		list[i] = local(to[i]);
	list[6] = local("g@gone");
	list[6].transport = TRANSPORT_DISCARD;
	list[1].original = STR("list@two");
	commit("ann@example.org", list, 7);
	static const uint16_t expected[3][3] = {{0, 2, 5}, {1, 4}, {3}};
	static const size_t sizes[3] = {3, 2, 1};
	for (int i = 0; i < 3; i++) {
		struct job *job = begin(n, 10, &count);
		ck_assert_uint_eq(count, sizes[i]);
		ck_assert_mem_eq(n, expected[i], count * sizeof(n[0]));
		ck_assert_ptr_eq(message_of(job), index_after(&active.messages, 0));
	}
	ck_assert_ptr_null(next());
	const struct message *m = index_after(&active.messages, 0);
	ck_assert(str_eq(message_sender(m), STR("ann@example.org")));
	for (uint16_t i = 0; i < 6; i++)
		ck_assert(str_eq(message_address(m, i), str_from_cstr(to[i])));
	ck_assert(str_eq(message_original(m, 0), STR("a@one")));
	ck_assert(str_eq(message_original(m, 1), STR("list@two")));
	ck_assert_ptr_nonnull(scheduler_next(active.scheduler, TRANSPORT_DISCARD));
}
END_TEST

START_TEST(deferred_ones_are_tried_again_alone)
{
	const struct recipient list[] = {local("a@one"), local("b@one"), local("c@one")};
	const struct fake_result *results;
	uint16_t n[10];
	size_t count;
	commit("", list, 3);
	struct job *job = begin(n, 10, &count);
	struct message *m = message_of(job);
	active_visible(&active, m, 0);
	active_deferred(&active, job, 1, because("mailbox full"), start);
	active_failed(&active, m, 2, because("no such mailbox"));
	done(job, start);
	active_settle(&active, job);
	active_delivered(&active, m, n, 1);
	ck_assert(!active_settle(&active, job));
	ck_assert_uint_eq(fake_spool_results(spool, &results), 3);
	ck_assert_uint_eq(results[0].result.outcome, SPOOL_DEFERRED);
	ck_assert_uint_eq(results[0].result.attempts, 1);
	ck_assert_uint_ge(results[0].result.next_try, start.wall + 45 * SECOND);
	ck_assert_uint_le(results[0].result.next_try, start.wall + 61 * SECOND);
	ck_assert_uint_eq(results[1].result.outcome, SPOOL_FAILED);
	ck_assert_uint_eq(results[2].result.outcome, SPOOL_DELIVERED);
	ck_assert_uint_eq(m->open, 2);
	ck_assert(active_wake(&active, later(30 * SECOND), 10));
	ck_assert_ptr_null(next());
	ck_assert(active_wake(&active, later(61 * SECOND), 10));
	job = begin(n, 10, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(n[0], 1);
	active_delivered(&active, m, n, 1);
	done(job, later(61 * SECOND));
	ck_assert(!active_settle(&active, job)); /* a bounce is owed */
	ck_assert_uint_eq(active.recipients, 1);
	ck_assert_uint_eq(fake_spool_count(spool).finished, 0);
}
END_TEST

START_TEST(large_jobs_go_in_several_deliveries)
{
	enum { COUNT = RECIPIENTS_MAX };
	struct recipient *list = calloc(COUNT, sizeof(*list));
	uint16_t n[100];
	size_t count, deliveries = 0, seen = 0;
	for (int i = 0; i < COUNT; i++)
		list[i] = local(i % 2 == 0 ? "someone@even.example" : "someone@odd.example");
	commit("list@example.org", list, COUNT);
	struct job *job;
	while ((job = begin(n, 100, &count)) != NULL) {
		deliveries++;
		for (size_t i = 1; i < count; i++)
			ck_assert_uint_eq(n[i], n[i - 1] + 2);
		seen += count;
		for (size_t i = 0; i < count; i++)
			active_visible(&active, message_of(job), n[i]);
		done(job, start);
		active_settle(&active, job);
		active_delivered(&active, message_of(job), n, count);
		active_settle(&active, job);
	}
	ck_assert_uint_eq(seen, COUNT);
	ck_assert_uint_eq(deliveries, 656);
	ck_assert_uint_eq(fake_spool_count(spool).finished, 1);
	free(list);
}
END_TEST

/* --- P3 ----------------------------------------------------------------- */

START_TEST(broken_off_goes_first_again_as_a_repeat)
{
	const struct recipient list[] = {local("a@one"), local("b@one"), local("c@one")};
	uint16_t n[10];
	size_t count;
	commit("", list, 3);
	struct job *job = begin(n, 2, &count);
	ck_assert_uint_eq(count, 2);
	struct message *m = message_of(job);
	active_visible(&active, m, n[0]);
	active_suspect(m);
	for (size_t i = 2; i-- > 0;)
		active_returned(&active, job, n[i], because("gone"), start);
	scheduler_done(active.scheduler, job, DESTINATION_UNKNOWN, start.ms);
	active_settle(&active, job);
	ck_assert_uint_ne(m->flags & MESSAGE_REPEAT, 0);
	ck_assert_ptr_eq(begin(n, 10, &count), job);
	ck_assert_uint_eq(count, 3);
	for (uint16_t i = 0; i < 3; i++)
		ck_assert_uint_eq(n[i], i);
	ck_assert_uint_eq(fake_spool_count(spool).results, 0);
}
END_TEST

START_TEST(what_may_kill_the_deliverer_waits_longer_and_longer)
{
	uint16_t n[1];
	size_t count;
	uint64_t now = 0, before = 0;
	commit_one("a@one");
	for (int crash = 1; crash < 300; crash++) {
		struct job *job = begin(n, 1, &count);
		ck_assert_ptr_nonnull(job);
		struct message *m = message_of(job);
		active_suspect(m);
		active_returned(&active, job, 0, because("gone"), later(now));
		scheduler_done(active.scheduler, job, DESTINATION_UNKNOWN, later(now).ms);
		active_settle(&active, job);
		if (crash < 3) {
			ck_assert_ptr_eq(next(), job);
			continue;
		}
		ck_assert_ptr_null(next());
		uint64_t wait = scheduler_next_event(active.scheduler) - later(now).ms;
		ck_assert_uint_ge(wait, before);
		ck_assert_uint_le(wait, 300 * SECOND);
		before = wait;
		now += wait;
		ck_assert(active_wake(&active, later(now), 2));
		ck_assert_uint_eq(job->attempts, 0);
	}
	ck_assert_uint_eq(before, 300 * SECOND);
}
END_TEST

/* --- restart ------------------------------------------------------------ */

START_TEST(restart_knows_everything_again)
{
	const struct recipient list[] = {
	    local("a@one"), local("b@one"), local("c@two"), local("d@two")};
	uint16_t n[10];
	size_t count;
	uint64_t id = commit("ann@example.org", list, 4);
	uint64_t gone = commit_one("x@one");
	uint64_t fresh = commit_one("y@three");
	struct job *job = begin(n, 10, &count);
	active_delivered(&active, message_of(job), &n[0], 1);
	active_deferred(&active, job, 1, because("mailbox full"), start);
	done(job, start);
	active_settle(&active, job);
	job = begin(n, 10, &count);
	active_failed(&active, message_of(job), 2, because("no such mailbox"));
	active_visible(&active, message_of(job), 3); /* never durable */
	job = begin(n, 10, &count);
	ck_assert_uint_eq(message_of(job)->id, fresh);
	job = begin(n, 10, &count);
	ck_assert_uint_eq(message_of(job)->id, gone);
	active_delivered(&active, message_of(job), n, 1);
	done(job, start);
	ck_assert(active_settle(&active, job));

	restart(later(20 * SECOND));
	ck_assert_uint_eq(active.messages.count, 2);
	ck_assert_uint_eq(active.recipients, 4);
	const struct message *m = index_find(&active.messages, id);
	static const uint8_t states[] = {
	    RECIPIENT_DELIVERED, RECIPIENT_DEFERRED, RECIPIENT_FAILED, RECIPIENT_READY};
	for (uint16_t i = 0; i < 4; i++)
		ck_assert_uint_eq(message_recipients(m)[i].state, states[i]);
	ck_assert(str_eq(
	    reasons_text(active.reasons, message_recipients(m)[1].reason), STR("mailbox full")));
	ck_assert_uint_ne(m->flags & MESSAGE_REPEAT, 0);
	ck_assert_uint_eq(m->arrival, start.wall);
	/* d@two at once, y@three at once, b@one at its time, on its second attempt */
	struct job *two = begin(n, 10, &count);
	ck_assert_ptr_eq(message_of(two), m);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(n[0], 3);
	ck_assert_uint_eq(message_of(begin(n, 10, &count))->id, fresh);
	ck_assert_ptr_null(next());
	ck_assert(active_wake(&active, later(40 * SECOND), 10));
	ck_assert_ptr_null(next());
	ck_assert(active_wake(&active, later(62 * SECOND), 10));
	job = begin(n, 10, &count);
	ck_assert_uint_eq(n[0], 1);
	active_deferred(&active, job, 1, because("still full"), later(62 * SECOND));
	ck_assert_uint_eq(job->attempts, 2);
}
END_TEST

START_TEST(all_done_but_not_finished_is_finished_at_start)
{
	const struct recipient list[] = {local("a@one"), local("b@one")};
	uint64_t id = commit("", list, 2);
	const struct spool_place place = fake_spool_find(spool, id)->place;
	for (uint16_t i = 0; i < 2; i++) {
		const struct spool_result r = {.number = i, .outcome = SPOOL_DELIVERED};
		spool_result(spool, id, &place, &r);
	}
	restart(later(0));
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert(fake_spool_find(spool, id)->finished);
}
END_TEST

START_TEST(wrong_clocks_do_not_strand_mail)
{
	uint16_t n[1];
	size_t count;
	commit_one("a@one");
	struct job *job = begin(n, 1, &count);
	active_deferred(&active, job, 0, because("later"), start);
	done(job, start);
	active_settle(&active, job);
	/* the clock was years ahead then */
	restart((struct moment){.ms = 5 * SECOND, .wall = start.wall - 3 * 8766 * HOUR});
	ck_assert_uint_le(scheduler_next_event(active.scheduler), 5 * SECOND + 7 * 24 * HOUR);
	/* the clock is years ahead now: due at once */
	restart((struct moment){.ms = 5 * SECOND, .wall = start.wall + 3 * 8766 * HOUR});
	ck_assert_uint_le(scheduler_next_event(active.scheduler), 5 * SECOND);
}
END_TEST

START_TEST(odd_records_do_no_harm)
{
	uint64_t id = commit_one("a@one");
	const struct spool_place place = fake_spool_find(spool, id)->place;
	const struct envelope e = {.arrival = 1};
	const struct spool_result odd[] = {
	    {.number = 1, .outcome = SPOOL_DELIVERED},
	    {.number = 0, .outcome = 0},
	    {.number = 0, .outcome = 99},
	};
	for (size_t i = 0; i < 3; i++) {
		active_on_result(&active, id, &odd[i], start);
		active_on_result(&active, id + 5, &odd[i], start);
	}
	active_on_message(&active, id + 1, &place, &e, NULL, 0);
	active_on_finished(&active, id + 1);
	struct recipient future = local("b@one");
	future.transport = 77; /* of a newer version */
	active_on_message(&active, id + 2, &place, &e, &future, 1);
	ck_assert_uint_eq(active.messages.count, 2);
	active_on_moved(&active, id + 9, &place);
	ck_assert(!active_is_live(&active, id + 9, &place));
}
END_TEST

/* --- cleaning ----------------------------------------------------------- */

START_TEST(live_is_what_is_at_its_latest_place)
{
	uint64_t id = commit_one("a@one");
	struct spool_place place = fake_spool_find(spool, id)->place, moved = place;
	moved.segment = 5;
	moved.offset = 4096;
	ck_assert(active_is_live(&active, id, &place));
	ck_assert(!active_is_live(&active, id, &moved));
	active_on_moved(&active, id, &moved);
	ck_assert(!active_is_live(&active, id, &place));
	ck_assert(active_is_live(&active, id, &moved));
}
END_TEST

START_TEST(a_snapshot_says_all_that_results_said)
{
	const struct recipient list[] = {
	    local("a@one"), local("b@one"), local("c@one"), local("d@one"), local("e@one")};
	struct spool_result *results;
	struct pool *pool = pool_new(1 << 20), *tiny = pool_new(16);
	uint16_t n[10];
	size_t count;
	uint64_t id = commit("", list, 5);
	ck_assert(active_on_snapshot(&active, id, pool, &results, &count, start));
	ck_assert_uint_eq(count, 0);
	struct job *job = begin(n, 10, &count);
	struct message *m = message_of(job);
	active_delivered(&active, m, &n[0], 1);
	active_deferred(&active, job, 1, because("full"), start);
	active_failed(&active, m, 2, because("none"));
	active_visible(&active, m, 3);
	active_visible(&active, m, 4);
	done(job, start);
	active_settle(&active, job);
	ck_assert(!active_on_snapshot(&active, id, tiny, &results, &count, start));
	ck_assert(active_on_snapshot(&active, id, pool, &results, &count, later(1000)));
	ck_assert_uint_eq(count, 3);
	struct spool_place moved = message_place(m);
	moved.segment = 9;
	/* at the next start: the old record, the moved one, its snapshot */
	active_on_message(&active, id, &moved, &fake_spool_find(spool, id)->envelope, list, 5);
	ck_assert_uint_eq(m->open, 5);
	ck_assert_uint_eq(active.recipients, 5);
	static const struct {
		uint8_t number, outcome, attempts;
		const char *text;
	} expected[] = {{1, SPOOL_DEFERRED, 1, "full"}, {0, SPOOL_DELIVERED, 0, ""},
	    {2, SPOOL_FAILED, 0, "none"}};
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(results[i].number, expected[i].number);
		ck_assert_uint_eq(results[i].outcome, expected[i].outcome);
		ck_assert_uint_eq(results[i].attempts, expected[i].attempts);
		ck_assert(str_eq(results[i].text, str_from_cstr(expected[i].text)));
	}
	ck_assert(active_is_live(&active, id, &moved));
	pool_free(pool);
	pool_free(tiny);
}
END_TEST

/* Each recipient has a last try: past its lifetime a deferral is the end. */
START_TEST(a_deferral_past_the_lifetime_is_a_failure)
{
	const struct fake_result *results;
	uint16_t n[1];
	size_t count;
	uint64_t now = 0;
	active.lifetime = HOUR;
	uint64_t id = commit_one("a@one");
	const struct message *m = index_find(&active.messages, id);
	while (message_recipients(m)[0].state == RECIPIENT_READY) {
		struct job *job = begin(n, 1, &count);
		active_deferred(&active, job, 0, because("mailbox full"), later(now));
		done(job, later(now));
		active_settle(&active, job);
		if (message_recipients(m)[0].state == RECIPIENT_FAILED)
			break;
		ck_assert_uint_lt(now, HOUR);
		now = scheduler_next_event(active.scheduler) - start.ms;
		active_wake(&active, later(now), 1);
	}
	ck_assert_uint_ge(now, HOUR);
	ck_assert_uint_eq(message_recipients(m)[0].state, RECIPIENT_FAILED);
	count = fake_spool_results(spool, &results);
	ck_assert_uint_eq(results[count - 1].result.outcome, SPOOL_FAILED);
	ck_assert(str_eq(results[count - 1].result.status, STR("4.4.7")));
	char text[REASON_MAX];
	snprintf(text, sizeof(text), "delivery time expired after %u tries; mailbox full",
	    m->jobs[0].attempts + 1u);
	ck_assert_uint_gt(m->jobs[0].attempts, 1);
	ck_assert(str_eq(results[count - 1].result.text, str_from_cstr(text)));
	ck_assert_uint_eq(active.messages.count, 1); /* until its sender is told */
}
END_TEST

START_TEST(flush_tries_now_what_waits)
{
	uint16_t n[1];
	size_t count;
	uint64_t id = commit_one("a@one");
	struct job *job = begin(n, 1, &count);
	active_deferred(&active, job, 0, because("later"), start);
	done(job, start);
	active_settle(&active, job);
	ck_assert_ptr_null(next());
	active_flush(&active, index_find(&active.messages, id));
	ck_assert_ptr_eq(next(), job);
	active_flush(&active, index_find(&active.messages, id)); /* twice is the same */
	ck_assert_ptr_eq(begin(n, 1, &count), job);
	active_deferred(&active, job, 0, because("later"), start);
	ck_assert_uint_eq(job->attempts, 2);
}
END_TEST

/* --- reasons ------------------------------------------------------------ */

START_TEST(reasons_are_shared_and_bounded)
{
	struct reasons *r = reasons_new(10000);
	char text[64];
	uint32_t first = reasons_get(r, because("same"));
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_eq(reasons_get(r, because("same")), first);
	ck_assert_uint_eq(reasons_count(r), 1);
	ck_assert_uint_eq(reasons_get(r, because("")), 0);
	ck_assert_uint_eq(reasons_text(r, 0).n, 0);
	uint32_t handles[1000];
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "reason number %d", i);
		handles[i] = reasons_get(r, because(text));
	}
	ck_assert_uint_lt(reasons_count(r), 400);
	ck_assert(str_eq(reasons_text(r, handles[0]), STR("reason number 0")));
	ck_assert(str_has_prefix(reasons_text(r, handles[999]), STR("too many")));
	for (int i = 0; i < 1000; i++)
		reasons_put(r, handles[i]);
	for (int i = 0; i < 1001; i++)
		reasons_put(r, first);
	ck_assert_uint_eq(reasons_count(r), 0);
	reasons_free(r);
}
END_TEST

/* --- sizes -------------------------------------------------------------- */

/* Addresses of 25 octets, as the figure in queue/message.h says. */
/* The more there are, the less is kept of each new one. */
START_TEST(reasons_keep_hosts_while_there_is_room)
{
	const struct tried tried[] = {{STR("mx1[192.0.2.1]:25"), STR("Connection refused")},
	    {STR("mx2[192.0.2.2]:25"), STR("450 4.2.0 later")}};
	struct reasons *r = reasons_new(20000);
	char text[32];
	struct why why = {.text = STR("not now"), .tried = tried, .tried_count = 2};
	uint32_t first = reasons_get(r, &why);
	ck_assert_uint_eq(reasons_get(r, &why), first);
	why.tried_count = 1;
	ck_assert_uint_ne(reasons_get(r, &why), first);
	struct why got = reasons_why(r, first);
	ck_assert_uint_eq(got.tried_count, 2);
	ck_assert(str_eq(got.tried[0].host, tried[0].host));
	ck_assert(str_eq(got.tried[1].said, tried[1].said));
	ck_assert(str_eq(got.text, STR("not now")));
	bool without_hosts = false, without_text = false;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "reason %u", i);
		why.text = str_from_cstr(text);
		got = reasons_why(r, reasons_get(r, &why));
		ck_assert_uint_le(got.tried_count, without_hosts ? 0 : 1);
		without_hosts |= got.tried_count == 0;
		without_text |= str_has_prefix(got.text, STR("too many"));
		ck_assert(without_hosts || !without_text);
	}
	ck_assert(without_hosts && without_text);
	reasons_free(r);
}
END_TEST

/* When it was tried, and where, is known after a restart and after cleaning. */
START_TEST(tries_are_kept)
{
	const struct tried tried[] = {{STR("mx1[192.0.2.1]:25"), STR("Connection refused")}};
	const struct spool_place place = {.segment = 1, .length = 4000};
	const struct envelope e = {.arrival = start.wall, .reverse_path = STR("a@example.org")};
	const struct recipient to = {.address = STR("b@example.net"),
	    .original = STR("b@example.net"),
	    .nexthop = STR("example.net"),
	    .transport = TRANSPORT_REMOTE};
	const struct spool_result deferred = {.outcome = SPOOL_DEFERRED,
	    .attempts = 3,
	    .first_try = start.wall + 150 * SECOND,
	    .last_try = start.wall + 50 * HOUR,
	    .next_try = start.wall + 51 * HOUR,
	    .text = STR("later"),
	    .tried = tried,
	    .tried_count = 1};
	struct pool *pool = pool_new(65536);
	struct spool_result *results;
	uint64_t first, last;
	size_t count;
	active_on_message(&active, 5, &place, &e, &to, 1);
	struct message *m = index_find(&active.messages, 5);
	message_tries(m, 0, &first, &last);
	ck_assert_uint_eq(first + last, 0);
	active_on_result(&active, 5, &deferred, start);
	active_begin(&active);
	ck_assert(active_on_snapshot(&active, 5, pool, &results, &count, start));
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(results[0].first_try, start.wall + 120 * SECOND); /* to the minute */
	ck_assert_uint_eq(results[0].last_try, deferred.last_try);
	ck_assert_uint_eq(results[0].tried_count, 1);
	ck_assert(str_eq(results[0].tried[0].said, tried[0].said));
	message_note_try(m, 0, start.wall + 60 * HOUR);
	message_tries(m, 0, &first, &last);
	ck_assert_uint_eq(first, start.wall + 120 * SECOND);
	ck_assert_uint_eq(last, start.wall + 60 * HOUR);
	message_set_tries(m, 0, UINT64_MAX, UINT64_MAX); /* a clock that was wrong */
	message_tries(m, 0, &first, &last);
	ck_assert_uint_le(first, last);
	pool_free(pool);
}
END_TEST

START_TEST(a_million_waiting_recipients)
{
	enum { COUNT = 1000000 };
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, octets = 0;
	const struct spool_place place = {.segment = 1, .length = 4000};
	const size_t count = unit_wants_few_rounds() ? 10000 : COUNT;
	for (uint64_t i = 0; i < count; i++) {
		char sender[40], address[40];
		snprintf(sender, sizeof(sender), "sender-%06u@example.org", (unsigned)(i % 10000));
		snprintf(address, sizeof(address), "user%05u@d%03u.example.de",
		    (unsigned)(i % 99991), (unsigned)(i % 1000));
		const struct recipient r = {.address = str_from_cstr(address),
		    .original = str_from_cstr(address),
		    .nexthop = str_skip(str_from_cstr(address), 10),
		    .transport = TRANSPORT_REMOTE};
		const struct envelope e = {
		    .arrival = start.wall, .reverse_path = str_from_cstr(sender)};
		const struct spool_result deferred = {.outcome = SPOOL_DEFERRED,
		    .attempts = 3,
		    .next_try = start.wall + i % 10000 * SECOND,
		    .text = STR("connection timed out")};
		active_on_message(&active, i + 1, &place, &e, &r, 1);
		active_on_result(&active, i + 1, &deferred, start);
		octets += message_octets(index_find(&active.messages, i + 1));
	}
	active_begin(&active);
	size_t total = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	ck_assert_uint_eq(active.recipients, count);
	ck_assert_uint_le(octets, count * 170);
	ck_assert_uint_le(active.messages.leaf_count * 4096, count * 9);
#ifndef SANITIZED
	printf("a million waiting recipients: %zu octets each\n", total / count);
	ck_assert_uint_le(total, (size_t)COUNT * 200); /* fewer share their strings less */
	ck_assert_uint_le(total, (size_t)256 * 1024 * 1024);
#endif
	(void)total;
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("active");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, delivered_message_is_finished_with_no_other_word);
	tcase_add_test(tc, recipients_are_grouped_by_destination);
	tcase_add_test(tc, deferred_ones_are_tried_again_alone);
	tcase_add_test(tc, large_jobs_go_in_several_deliveries);
	tcase_add_test(tc, broken_off_goes_first_again_as_a_repeat);
	tcase_add_test(tc, what_may_kill_the_deliverer_waits_longer_and_longer);
	tcase_add_test(tc, restart_knows_everything_again);
	tcase_add_test(tc, all_done_but_not_finished_is_finished_at_start);
	tcase_add_test(tc, wrong_clocks_do_not_strand_mail);
	tcase_add_test(tc, odd_records_do_no_harm);
	tcase_add_test(tc, live_is_what_is_at_its_latest_place);
	tcase_add_test(tc, a_snapshot_says_all_that_results_said);
	tcase_add_test(tc, a_deferral_past_the_lifetime_is_a_failure);
	tcase_add_test(tc, flush_tries_now_what_waits);
	tcase_add_test(tc, reasons_are_shared_and_bounded);
	tcase_add_test(tc, reasons_keep_hosts_while_there_is_room);
	tcase_add_test(tc, tries_are_kept);
	tcase_add_test(tc, a_million_waiting_recipients);
	return unit_run_case("active", tc);
}
