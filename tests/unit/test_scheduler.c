/* SPDX-License-Identifier: ISC
 *
 * The scheduler, first by single rules, then in simulations: days of retries,
 * outages and mailings on a clock that the test turns.
 */
#include "queue/scheduler.h"
#include "common/conf.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static struct scheduler *s;

static const struct transport_policy roomy = {
    .limit = 1000, .destination = {.window_first = 1000, .window_max = 1000}};

static void setup(void)
{
	s = scheduler_new(42);
	for (int i = TRANSPORT_LOCAL; i < TRANSPORT_COUNT; i++)
		scheduler_set_transport(s, (enum transport)i, &roomy);
}

static void teardown(void)
{
	scheduler_free(s);
}

static struct destination *destination(const char *name)
{
	return scheduler_destination(s, TRANSPORT_REMOTE, str_from_cstr(name));
}

static void ready(struct job *job, struct destination *to, uint32_t sender)
{
	*job = (struct job){0};
	scheduler_adopt(s, job, to, sender);
	scheduler_ready(s, job);
}

static struct job *start(bool more)
{
	struct job *job = scheduler_next(s, TRANSPORT_REMOTE);
	if (job != NULL)
		scheduler_started(s, job, more);
	return job;
}

/* --- order -------------------------------------------------------------- */

START_TEST(one_sender_goes_in_order)
{
	struct job jobs[20];
	for (int i = 0; i < 20; i++)
		ready(&jobs[i], destination("a"), 1);
	for (int i = 0; i < 20; i++)
		ck_assert_ptr_eq(start(false), &jobs[i]);
	ck_assert_ptr_null(start(false));
}
END_TEST

START_TEST(senders_take_turns)
{
	struct job big[10], small;
	for (int i = 0; i < 10; i++)
		ready(&big[i], destination("a"), 1);
	ready(&small, destination("a"), 2);
	ck_assert_ptr_eq(start(false), &big[0]);
	ck_assert_ptr_eq(start(false), &small);
	for (int i = 1; i < 10; i++)
		ck_assert_ptr_eq(start(false), &big[i]);
}
END_TEST

START_TEST(a_mailing_delays_a_note_by_one_delivery)
{
	struct job mailing, note;
	ready(&mailing, destination("a"), 1);
	ck_assert_ptr_eq(start(true), &mailing);
	ck_assert_ptr_eq(start(true), &mailing);
	ready(&note, destination("a"), 2);
	ck_assert_ptr_eq(start(true), &mailing);
	ck_assert_ptr_eq(start(false), &note);
	ck_assert_ptr_eq(start(false), &mailing);
	ck_assert_ptr_null(start(false));
	ck_assert_uint_eq(mailing.in_flight, 4);
}
END_TEST

START_TEST(destinations_take_turns)
{
	struct job a[6], b[6];
	for (int i = 0; i < 6; i++) {
		ready(&a[i], destination("a"), 1);
		ready(&b[i], destination("b"), 1);
	}
	for (int i = 0; i < 6; i++) {
		ck_assert_ptr_eq(start(false), &a[i]);
		ck_assert_ptr_eq(start(false), &b[i]);
	}
}
END_TEST

START_TEST(transports_do_not_mix)
{
	struct job local, remote;
	scheduler_adopt(s, memset(&local, 0, sizeof(local)),
	    scheduler_destination(s, TRANSPORT_LOCAL, STR("a")), 1);
	scheduler_ready(s, &local);
	ready(&remote, destination("a"), 1);
	ck_assert_ptr_ne(local.to, remote.to);
	ck_assert_ptr_eq(scheduler_next(s, TRANSPORT_LOCAL), &local);
	ck_assert_ptr_eq(scheduler_next(s, TRANSPORT_REMOTE), &remote);
	ck_assert_ptr_null(scheduler_next(s, TRANSPORT_DISCARD));
}
END_TEST

START_TEST(a_paused_transport_starts_nothing)
{
	struct transport_policy paused = roomy;
	struct job job;
	paused.limit = 0;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &paused);
	ready(&job, destination("a"), 1);
	ck_assert_ptr_null(start(false));
	scheduler_set_transport(s, TRANSPORT_REMOTE, &roomy);
	ck_assert_ptr_eq(start(false), &job);
}
END_TEST

/* --- windows ------------------------------------------------------------ */

static const struct transport_policy careful = {.limit = 100,
    .destination = {.window_first = 5,
	.window_max = 20,
	.dead_after = 4,
	.backoff_first = 60,
	.backoff_max = 3600}};

static unsigned start_all(struct job **started)
{
	unsigned n = 0;
	struct job *job;
	while ((job = start(true)) != NULL)
		started[n++] = job;
	return n;
}

/* One windowful that works, but for `failures` deliveries; returns how many it was. */
static unsigned windowful(unsigned failures)
{
	struct job *started[100];
	unsigned n = start_all(started);
	for (unsigned i = 0; i < n; i++)
		scheduler_done(
		    s, started[i], i < failures ? DESTINATION_FAILS : DESTINATION_WORKS, 0);
	return n;
}

START_TEST(window_doubles_until_a_failure_and_grows_by_one_from_then_on)
{
	struct job job;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &careful);
	ready(&job, destination("a"), 1);
	ck_assert_uint_eq(windowful(0), 5);
	ck_assert_uint_eq(windowful(0), 10);
	ck_assert_uint_eq(windowful(0), 20);
	ck_assert_uint_eq(windowful(1), 20);
	unsigned before = windowful(0);
	ck_assert_uint_ge(before, 10);
	ck_assert_uint_le(before, 12);
	for (int round = 0; round < 40; round++) {
		unsigned n = windowful(0);
		ck_assert_uint_ge(n, before);
		ck_assert_uint_le(n, before + 1);
		ck_assert_uint_le(n, 20);
		before = n;
	}
	ck_assert_uint_eq(before, 20);
}
END_TEST

START_TEST(one_outage_halves_the_window_once)
{
	struct transport_policy p = careful;
	struct job job, *started[100];
	p.destination.window_first = 16;
	p.destination.dead_after = 0;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
	ready(&job, destination("a"), 1);
	unsigned n = start_all(started);
	ck_assert_uint_eq(n, 16);
	for (unsigned i = 0; i < n; i++)
		scheduler_done(s, started[i], DESTINATION_FAILS, 0);
	ck_assert_uint_eq(start_all(started), 8);
}
END_TEST

START_TEST(dead_destination_is_probed_by_one_at_growing_distances)
{
	struct job job, *started[100];
	uint64_t now = 1000 * SECOND, last = 0;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &careful);
	ready(&job, destination("a"), 1);
	unsigned n = start_all(started);
	for (unsigned i = 0; i < n; i++)
		scheduler_done(s, started[i], DESTINATION_FAILS, now);
	ck_assert_ptr_null(start(true));
	for (int probe = 0; probe < 10; probe++) {
		uint64_t next = scheduler_next_event(s), wait = next - now;
		uint64_t full = (UINT64_C(60) << probe) * SECOND;
		full = full > HOUR ? HOUR : full;
		ck_assert_uint_le(wait, full + SECOND);
		ck_assert_uint_ge(wait, full * 3 / 4);
		ck_assert_uint_ge(wait + full / 4 + SECOND, last);
		ck_assert_ptr_null(scheduler_due(s, next - 1));
		ck_assert_ptr_null(start(true));
		now = next;
		ck_assert_ptr_null(scheduler_due(s, now)); /* no job is due, the probe is */
		ck_assert_ptr_eq(start(true), &job);
		ck_assert_ptr_null(start(true));
		scheduler_done(s, &job, DESTINATION_FAILS, now);
		last = wait;
	}
	now = scheduler_next_event(s);
	ck_assert_ptr_null(scheduler_due(s, now));
	ck_assert_ptr_eq(start(true), &job);
	scheduler_done(s, &job, DESTINATION_WORKS, now);
	ck_assert_uint_eq(start_all(started), 5);
	ck_assert_uint_eq(scheduler_next_event(s), UINT64_MAX);
}
END_TEST

START_TEST(an_operator_can_have_a_dead_one_probed)
{
	struct job job, *started[100];
	scheduler_set_transport(s, TRANSPORT_REMOTE, &careful);
	ready(&job, destination("a"), 1);
	unsigned n = start_all(started);
	for (unsigned i = 0; i < n; i++)
		scheduler_done(s, started[i], DESTINATION_FAILS, 0);
	ck_assert_ptr_null(start(true));
	scheduler_probe(s, job.to);
	ck_assert_ptr_eq(start(true), &job);
	scheduler_done(
	    s, &job, DESTINATION_UNKNOWN, 0); /* our own side broke off: not at once again */
	ck_assert_ptr_null(start(true));
	ck_assert_uint_le(scheduler_next_event(s), 60 * SECOND);
	ck_assert_ptr_null(scheduler_due(s, 60 * SECOND));
	ck_assert_ptr_eq(start(true), &job);
	ck_assert_ptr_null(start(true));
}
END_TEST

/* --- two in a slot ------------------------------------------------------ */

static struct job *start_ahead(bool more)
{
	struct job *job = scheduler_next_ahead(s, TRANSPORT_REMOTE);
	if (job != NULL)
		scheduler_started_ahead(s, job, more);
	return job;
}

static unsigned in_flight(void)
{
	struct scheduler_figures f;
	scheduler_get_figures(s, &f);
	return f.in_flight[TRANSPORT_REMOTE];
}

START_TEST(one_more_begins_in_a_slot_that_is_offered)
{
	struct job jobs[4];
	struct transport_policy p = careful;
	p.destination.window_first = p.destination.window_max = 1;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
	for (int i = 0; i < 4; i++)
		ready(&jobs[i], destination("a"), 1);
	ck_assert_ptr_eq(start(false), &jobs[0]);
	ck_assert_ptr_null(start_ahead(false));
	scheduler_offer(s, &jobs[0]);
	ck_assert_ptr_null(start(false));
	ck_assert_ptr_eq(start_ahead(false), &jobs[1]);
	ck_assert_ptr_null(start_ahead(false));
	ck_assert_uint_eq(in_flight(), 1);
	/* Whichever ends first, the slot is the other's. */
	scheduler_done_in_slot(s, &jobs[0], DESTINATION_WORKS, 0);
	ck_assert_uint_eq(in_flight(), 1);
	ck_assert_ptr_null(start(false));
	scheduler_offer(s, &jobs[1]);
	ck_assert_ptr_eq(start_ahead(false), &jobs[2]);
	scheduler_done_in_slot(s, &jobs[2], DESTINATION_UNKNOWN, 0);
	ck_assert_ptr_null(start(false));
	ck_assert_ptr_null(start_ahead(false));
	scheduler_done(s, &jobs[1], DESTINATION_WORKS, 0);
	ck_assert_uint_eq(in_flight(), 0);
	ck_assert_ptr_eq(start(false), &jobs[3]);
	scheduler_offer(s, &jobs[3]);
	scheduler_take_back(s, &jobs[3]);
	ready(&jobs[0], destination("a"), 1);
	ck_assert_ptr_null(start_ahead(false));
}
END_TEST

/* A window that has become narrower, a dead destination, a rate: nothing begins. */
START_TEST(offers_do_not_go_round_what_holds_a_destination_back)
{
	struct transport_policy p = careful;
	struct job job, *started[100];
	p.destination.window_first = 8;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
	ready(&job, destination("a"), 1);
	ck_assert_uint_eq(start_all(started), 8);
	for (int i = 0; i < 8; i++)
		scheduler_offer(s, started[i]);
	ck_assert_ptr_eq(start_ahead(true), &job);
	scheduler_done_in_slot(s, &job, DESTINATION_FAILS, 0); /* a window of 4, 8 are under way */
	ck_assert_ptr_null(start_ahead(true));
	for (int i = 0; i < 4; i++) {
		scheduler_take_back(s, &job);
		scheduler_done(s, &job, DESTINATION_WORKS, 0);
	}
	ck_assert_ptr_eq(start_ahead(true), &job);
	scheduler_done_in_slot(s, &job, DESTINATION_FAILS, 0);
	ck_assert_ptr_null(start_ahead(true)); /* it failed last */
	ck_assert_uint_gt(job.to->offers, 0);
}
END_TEST

START_TEST(a_rate_holds_for_offers_too)
{
	struct transport_policy p = careful;
	struct job job;
	p.destination.rate = 1;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
	ready(&job, destination("a"), 1);
	ck_assert_ptr_eq(start(true), &job);
	scheduler_offer(s, &job);
	ck_assert_ptr_null(start_ahead(true));
	ck_assert_ptr_null(scheduler_due(s, 2 * HOUR));
	ck_assert_ptr_eq(start_ahead(true), &job);
}
END_TEST

/* P5: who has slots does not keep them from those that wait for one. */
START_TEST(an_offered_slot_goes_to_who_waits_for_it)
{
	struct job big, *started[100], other[2];
	struct transport_policy p = {
	    .limit = 8, .destination = {.window_first = 100, .window_max = 100}};
	scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
	ready(&big, destination("big"), 1);
	ck_assert_uint_eq(start_all(started), 4);
	ready(&other[0], destination("x"), 1);
	ready(&other[1], destination("y"), 1);
	ck_assert_uint_ge(start_all(started), 2);
	unsigned before = big.to->in_flight;
	scheduler_offer(s, &big);
	ck_assert_ptr_null(start_ahead(true)); /* the others wait for it */
	scheduler_take_back(s, &big);
	scheduler_done(s, &big, DESTINATION_WORKS, 0);
	struct job *next = start(true);
	ck_assert(next == &other[0] || next == &other[1]);
	ck_assert_uint_eq(big.to->in_flight, before - 1);
}
END_TEST

START_TEST(offers_follow_the_turns_of_senders)
{
	struct job big[3], small;
	struct transport_policy p = careful;
	p.destination.window_first = p.destination.window_max = 2;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
	for (int i = 0; i < 3; i++)
		ready(&big[i], destination("a"), 1);
	ck_assert_ptr_eq(start(false), &big[0]);
	ck_assert_ptr_eq(start(false), &big[1]);
	ready(&small, destination("a"), 2);
	scheduler_offer(s, &big[0]);
	scheduler_offer(s, &big[1]);
	ck_assert_ptr_eq(start_ahead(false), &big[2]);
	ck_assert_ptr_eq(start_ahead(false), &small);
}
END_TEST

/* --- P5 ----------------------------------------------------------------- */

START_TEST(hanging_destinations_leave_room_for_the_next)
{
	enum { HANGING = 100, EACH = 600 };
	struct transport_policy p = {
	    .limit = 512, .destination = {.window_first = 512, .window_max = 512}};
	struct job *jobs = calloc(HANGING * EACH, sizeof(*jobs));
	char name[32];
	scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
	for (int i = 0; i < HANGING; i++) {
		snprintf(name, sizeof(name), "hang%d", i);
		for (int k = 0; k < EACH; k++)
			ready(&jobs[i * EACH + k], destination(name), 1);
		/* nothing of these ever ends */
		struct scheduler_figures f;
		scheduler_get_figures(s, &f);
		bool full = f.in_flight[TRANSPORT_REMOTE] == 512 - 512 / 8;
		unsigned began = 0;
		while (start(false) != NULL)
			began++;
		ck_assert_uint_ge(began, i == 0 ? 256 : full ? 0 : 1);
		ck_assert_uint_le(began, 256);
		struct job live[50];
		for (int k = 0; k < 50; k++) {
			ready(&live[k], destination("live"), 1);
			ck_assert_ptr_eq(start(false), &live[k]);
			scheduler_done(s, &live[k], DESTINATION_WORKS, 0);
			scheduler_release(s, &live[k]);
		}
	}
	free(jobs);
}
END_TEST

static void fail_until_dead(struct job *job, const char *name)
{
	struct job *started[100];
	ready(job, destination(name), 1);
	unsigned n = start_all(started);
	for (unsigned i = 0; i < n; i++)
		scheduler_done(s, started[i], DESTINATION_FAILS, 0);
	ck_assert_int_eq(job->to->state, DESTINATION_DEAD);
}

static void worked_once(const char *name)
{
	struct job job;
	ready(&job, destination(name), 1);
	ck_assert_ptr_eq(start(false), &job);
	scheduler_done(s, &job, DESTINATION_WORKS, 0);
	scheduler_release(s, &job);
}

/* A quarter for those that failed, an eighth for those that work, and none waits behind them. */
START_TEST(probes_of_the_dead_share_a_quarter)
{
	enum { DEAD = 200 };
	static struct job dead[DEAD];
	struct job new, *started[100];
	char name[32];
	scheduler_set_transport(s, TRANSPORT_REMOTE, &careful); /* a limit of 100 */
	for (int i = 0; i < DEAD; i++) {
		snprintf(name, sizeof(name), "dead%d", i);
		fail_until_dead(&dead[i], name);
	}
	ck_assert_ptr_null(scheduler_due(s, HOUR));
	ck_assert_uint_eq(start_all(started), 25);
	ready(&new, destination("new"), 1);
	ck_assert_ptr_eq(start(false), &new);
	/* one of them answers: its slot is nobody's probe any more */
	scheduler_done(s, started[0], DESTINATION_WORKS, HOUR);
	ck_assert_uint_eq(start_all(started), 1 + 5);
}
END_TEST

START_TEST(the_last_eighth_is_for_those_that_worked)
{
	enum { NEW = 200, LIVE = 20 };
	static struct job new[NEW];
	struct job live[LIVE], *started[100];
	char name[32];
	scheduler_set_transport(s, TRANSPORT_REMOTE, &careful);
	for (int i = 0; i < LIVE; i++) {
		snprintf(name, sizeof(name), "live%d", i);
		worked_once(name);
	}
	for (int i = 0; i < NEW; i++) {
		snprintf(name, sizeof(name), "new%d", i);
		ready(&new[i], destination(name), 1);
	}
	ck_assert_uint_eq(start_all(started), 88);
	for (int i = 0; i < LIVE; i++) {
		snprintf(name, sizeof(name), "live%d", i);
		ready(&live[i], destination(name), 1);
	}
	for (int i = 0; i < 12; i++)
		ck_assert_ptr_eq(start(false), &live[i]);
	ck_assert_ptr_null(start(false));
}
END_TEST

START_TEST(the_smallest_limits_start_something)
{
	struct transport_policy p = careful;
	for (p.limit = 1; p.limit < 10; p.limit++) {
		struct job job;
		char name[32];
		scheduler_set_transport(s, TRANSPORT_REMOTE, &p);
		snprintf(name, sizeof(name), "d%u", p.limit);
		ready(&job, destination(name), 1);
		ck_assert_ptr_eq(start(true), &job); /* unknown */
		scheduler_done(s, &job, DESTINATION_FAILS, 0);
		ck_assert_ptr_eq(start(true), &job); /* failing */
		scheduler_done(s, &job, DESTINATION_WORKS, 0);
		ck_assert_ptr_eq(start(false), &job); /* working */
		scheduler_done(s, &job, DESTINATION_WORKS, 0);
		scheduler_release(s, &job);
	}
}
END_TEST

/* --- rates and policies ------------------------------------------------- */

/* A scheduler's policies as the configuration has them. */
static void configure(const char *text)
{
	struct conf_faults faults = {0};
	char all[1024];
	int n = snprintf(all, sizeof(all),
	    "hostname = \"mx.example.org\"\nmailboxes = \"/var/mail/%%d/%%n\"\n"
	    "listen smtp { address = \"*:25\" }\n%s",
	    text);
	struct conf *conf = conf_parse("/etc/postern.conf", all, (size_t)n, &faults);
	ck_assert_ptr_nonnull(conf);
	scheduler_configure(s, conf);
	conf_faults_free(&faults);
	conf_free(conf);
}

/* Starts what may start, each delivery over at once. */
static unsigned deliver_all(uint64_t now)
{
	unsigned n = 0;
	struct job *job;
	while ((job = start(true)) != NULL) {
		scheduler_done(s, job, DESTINATION_WORKS, now);
		n++;
	}
	return n;
}

START_TEST(a_rate_is_kept_and_waiting_for_it_costs_nothing)
{
	struct job job;
	unsigned n = 0, wakes = 0;
	configure("destination \"a.example\" { rate = 100/h }\n");
	ck_assert_ptr_null(scheduler_due(s, DAY));
	ready(&job, destination("A.example"), 1);
	for (uint64_t now = DAY; now < DAY + 10 * HOUR; now = scheduler_next_event(s)) {
		ck_assert_ptr_null(scheduler_due(s, now));
		n += deliver_all(now);
		wakes++;
	}
	ck_assert_uint_le(n, 1000);
	ck_assert_uint_ge(n, 999);
	ck_assert_uint_le(wakes, n + 1);
}
END_TEST

/* Whoever is started again and again gets no more than the rate, and mail goes out all the same. */
START_TEST(a_restart_gives_no_tokens)
{
	struct job job, late;
	configure("destination \"a.example\" { rate = 60/h }\n"
		  "destination \"b.example\" { rate = 60/h }\n");
	scheduler_begin(s, DAY);
	ready(&job, destination("a.example"), 1);
	ck_assert_ptr_null(scheduler_due(s, DAY));
	ck_assert_uint_eq(deliver_all(DAY), 0);
	uint64_t opens = scheduler_next_event(s);
	ck_assert_uint_gt(opens, DAY + 59 * 1000);
	ck_assert_uint_le(opens, DAY + 62 * 1000);
	ck_assert_ptr_null(scheduler_due(s, opens));
	ck_assert_uint_eq(deliver_all(opens), 1);
	scheduler_due(s, DAY + HOUR);
	ready(&late, destination("b.example"), 1); /* met later: it has what came meanwhile */
	ck_assert(pace_is_open(&late.to->pace, DAY + HOUR));
	ck_assert_uint_eq(deliver_all(DAY + HOUR), 2);
}
END_TEST

START_TEST(a_rate_is_not_forgotten_with_its_destination)
{
	char name[32];
	struct job job;
	configure("destination \"a.example\" { rate = 1/h }\n");
	worked_once("a.example");
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		worked_once(name);
	}
	ready(&job, destination("a.example"), 1);
	ck_assert_ptr_null(start(false));
	struct scheduler_figures f;
	scheduler_get_figures(s, &f);
	ck_assert_uint_le(f.destinations, 1002);
}
END_TEST

START_TEST(a_reload_reaches_destinations_that_exist)
{
	struct job job, other;
	configure("");
	ready(&job, destination("a.example"), 1);
	ready(&other, destination("b.example"), 1);
	for (int i = 0; i < 3; i++) {
		struct job *started[100];
		unsigned n = start_all(started);
		for (unsigned k = 0; k < n; k++)
			scheduler_done(s, started[k], DESTINATION_WORKS, 0);
	}
	ck_assert_uint_eq(job.to->window, 20);
	configure(
	    "destination \"a.example\" { concurrency = 3  rate = 1/h  lifetime = \"1 h\" }\n");
	ck_assert_uint_eq(job.to->window, 3);
	ck_assert_uint_eq(job.to->policy->lifetime, 3600);
	ck_assert_uint_eq(other.to->window, 20);
	ck_assert_uint_eq(other.to->policy->lifetime, 0);
	while (start(true) != NULL)
		;
	ck_assert_uint_eq(job.in_flight, 1);
	ck_assert_uint_eq(other.in_flight, 20);
	configure("destination \"a.example\" { concurrency = 3 }\n"); /* no rate any more */
	while (start(true) != NULL)
		;
	ck_assert_uint_eq(job.in_flight, 3);
	ck_assert_uint_eq(scheduler_next_event(s), UINT64_MAX);
	configure("");
	ck_assert_uint_eq(job.to->policy->window_max, 20);
}
END_TEST

START_TEST(retry_times_are_the_destinations_own)
{
	struct job job = {0}, other = {0};
	configure("queue { retry-first = \"1 h\" }\n"
		  "destination \".example\" { retry-first = \"10 s\"  retry-max = \"20 s\" }\n");
	scheduler_adopt(s, &job, destination("a.example"), 1);
	scheduler_adopt(s, &other, destination("b.test"), 1);
	for (int i = 0; i < 10; i++) {
		job.postponed = false;
		scheduler_postpone(s, &job, 0);
		ck_assert_uint_le(scheduler_postponed_until(&job), 20 * SECOND);
		ck_assert_uint_ge(scheduler_postponed_until(&job), (i == 0 ? 7 : 15) * SECOND);
	}
	scheduler_postpone(s, &other, 0);
	ck_assert_uint_ge(scheduler_postponed_until(&other), 45 * 60 * SECOND);
}
END_TEST

START_TEST(a_reason_is_remembered_and_bounded)
{
	char text[1000];
	struct destination *d = destination("a");
	ck_assert_ptr_null(d->last_reason);
	memset(text, 'x', sizeof(text));
	destination_note_reason(d, str_from(text, sizeof(text)));
	ck_assert_uint_eq(strlen(d->last_reason), DESTINATION_REASON_MAX);
	destination_note_reason(d, STR("short"));
	ck_assert_str_eq(d->last_reason, "short");
}
END_TEST

/* --- retries ------------------------------------------------------------ */

START_TEST(retry_times_double_up_to_the_bound)
{
	const struct retry_policy retry = {.first = 60, .max = 4 * 3600};
	struct job job = {0};
	uint64_t now = 7 * DAY, full = 60 * SECOND;
	scheduler_set_retry(s, &retry);
	scheduler_adopt(s, &job, destination("a"), 1);
	for (unsigned attempt = 1; attempt <= 40; attempt++) {
		scheduler_postpone(s, &job, now);
		scheduler_postpone(s, &job, now + 5 * SECOND); /* the same round */
		ck_assert_int_eq(job.attempts, attempt);
		uint64_t when = scheduler_postponed_until(&job);
		ck_assert_uint_ge(when - now, full * 3 / 4);
		ck_assert_uint_le(when - now, full + SECOND);
		scheduler_wait(s, &job);
		ck_assert_uint_eq(scheduler_next_event(s), when);
		ck_assert_ptr_null(scheduler_due(s, when - 1));
		ck_assert_ptr_eq(scheduler_due(s, when), &job);
		ck_assert_ptr_null(scheduler_due(s, when));
		now = when;
		full = full * 2 > 4 * HOUR ? 4 * HOUR : full * 2;
	}
}
END_TEST

START_TEST(attempts_never_overflow)
{
	struct job job = {.attempts = UINT16_MAX};
	scheduler_adopt(s, &job, destination("a"), 1);
	scheduler_postpone(s, &job, 0);
	ck_assert_uint_eq(job.attempts, UINT16_MAX);
	ck_assert_uint_le(scheduler_postponed_until(&job), 4 * HOUR + SECOND);
}
END_TEST

START_TEST(due_jobs_come_in_the_order_of_their_times)
{
	enum { COUNT = 1000 };
	static struct job jobs[COUNT];
	uint64_t last = 0;
	for (int i = 0; i < COUNT; i++) {
		jobs[i] = (struct job){0};
		scheduler_adopt(s, &jobs[i], destination("a"), 1);
		scheduler_postpone_until(s, &jobs[i], (uint64_t)(i * 7919 % COUNT) * SECOND);
		scheduler_wait(s, &jobs[i]);
	}
	for (int i = 0; i < COUNT; i++) {
		const struct job *job = scheduler_due(s, COUNT * SECOND);
		ck_assert_ptr_nonnull(job);
		ck_assert_uint_ge(scheduler_postponed_until(job), last);
		last = scheduler_postponed_until(job);
	}
	ck_assert_ptr_null(scheduler_due(s, DAY));
}
END_TEST

START_TEST(a_postponed_time_survives_other_work_of_the_job)
{
	struct job job = {0};
	scheduler_adopt(s, &job, destination("a"), 1);
	scheduler_postpone_until(s, &job, 50 * SECOND);
	scheduler_wait(s, &job);
	scheduler_ready(s, &job); /* some recipient of it came back */
	ck_assert_ptr_eq(start(false), &job);
	scheduler_done(s, &job, DESTINATION_WORKS, 10 * SECOND);
	scheduler_wait(s, &job);
	ck_assert_uint_eq(scheduler_next_event(s), 50 * SECOND);
}
END_TEST

START_TEST(destinations_nobody_needs_are_forgotten)
{
	char name[32];
	struct scheduler_figures f;
	for (int i = 0; i < 5000; i++) {
		struct job job = {0};
		snprintf(name, sizeof(name), "d%d", i);
		scheduler_adopt(s, &job, destination(name), 1);
		scheduler_release(s, &job);
	}
	scheduler_get_figures(s, &f);
	ck_assert_uint_eq(f.destinations, 1000);
}
END_TEST

/* --- simulations -------------------------------------------------------- */

struct sim_job {
	struct job job; /* first */
	uint64_t came, delivered;
	unsigned tries;
};

struct flight {
	struct sim_job *job;
	uint64_t ends;
};

enum { FLIGHTS = 4096 };

struct sim {
	uint64_t now;
	struct flight flights[FLIGHTS];
	size_t flying;
	size_t delivered;
	unsigned tries_while_down;
	/* how long a delivery to this destination takes, and whether it works */
	bool (*is_up)(const struct destination *d, uint64_t now);
	uint64_t (*takes)(const struct destination *d);
};

static void land(struct sim *sim, size_t i)
{
	struct sim_job *job = sim->flights[i].job;
	bool up = sim->is_up(job->job.to, sim->now);
	sim->flights[i] = sim->flights[--sim->flying];
	if (!up) {
		sim->tries_while_down++;
		scheduler_postpone(s, &job->job, sim->now);
	}
	scheduler_done(s, &job->job, up ? DESTINATION_WORKS : DESTINATION_FAILS, sim->now);
	if (up) {
		job->delivered = sim->now;
		sim->delivered++;
		scheduler_release(s, &job->job);
	} else {
		scheduler_wait(s, &job->job);
	}
}

static void take_off(struct sim *sim)
{
	struct job *job;
	while ((job = scheduler_due(s, sim->now)) != NULL)
		scheduler_ready(s, job);
	while (sim->flying < FLIGHTS && (job = start(false)) != NULL) {
		struct sim_job *j = (struct sim_job *)job;
		j->tries++;
		sim->flights[sim->flying++] = (struct flight){j, sim->now + sim->takes(job->to)};
	}
}

/* Runs until `until` or until nothing is left to happen. */
static void run(struct sim *sim, uint64_t until)
{
	for (;;) {
		take_off(sim);
		uint64_t next = scheduler_next_event(s);
		size_t first = FLIGHTS;
		for (size_t i = 0; i < sim->flying; i++)
			if (sim->flights[i].ends <= next) {
				next = sim->flights[i].ends;
				first = i;
			}
		if (next > until) {
			sim->now = until;
			return;
		}
		sim->now = next > sim->now ? next : sim->now;
		if (first < FLIGHTS)
			land(sim, first);
	}
}

static bool begins_with(const struct destination *d, const char *prefix)
{
	return str_has_prefix(destination_name(d), str_from_cstr(prefix));
}

/* "dead" never works, "flap" works every other six hours, "night" not for the first ten. */
static bool weather(const struct destination *d, uint64_t now)
{
	if (begins_with(d, "dead"))
		return false;
	if (begins_with(d, "flap"))
		return now / (6 * HOUR) % 2 == 1;
	return !begins_with(d, "night") || now > 10 * HOUR;
}

static uint64_t takes(const struct destination *d)
{
	return begins_with(d, "slow") ? 30 * SECOND : begins_with(d, "dead") ? 60 * SECOND : 100;
}

static void post(struct sim *sim, struct sim_job *job, const char *to, uint32_t sender)
{
	*job = (struct sim_job){.came = sim->now};
	ready(&job->job, destination(to), sender);
}

static const struct transport_policy remote = {.limit = 500,
    .destination = {.window_first = 5,
	.window_max = 20,
	.dead_after = 5,
	.backoff_first = 60,
	.backoff_max = 3600}};

START_TEST(thirty_days_of_weather)
{
	enum { PER_KIND = 20, DAILY = 40 };
	const unsigned days = unit_wants_few_rounds() ? 3 : 30;
	static const char *const kinds[] = {"live", "slow", "flap", "night", "dead"};
	enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };
	const size_t count = (size_t)KINDS * PER_KIND * days * DAILY;
	struct sim *sim = calloc(1, sizeof(*sim));
	struct sim_job *jobs = calloc(count, sizeof(*jobs));
	size_t n = 0;
	char name[32];
	sim->is_up = weather;
	sim->takes = takes;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &remote);
	for (unsigned day = 0; day < days; day++)
		for (int hour = 0; hour < DAILY; hour++) {
			for (int k = 0; k < KINDS * PER_KIND; k++) {
				snprintf(name, sizeof(name), "%s%d", kinds[k % KINDS], k / KINDS);
				post(sim, &jobs[n++], name, (uint32_t)(k % 7));
			}
			run(sim, (uint64_t)day * DAY + (uint64_t)(hour + 1) * DAY / DAILY);
		}
	ck_assert_uint_eq(n, count);
	size_t dead = 0, dead_tries = 0;
	for (size_t i = 0; i < n; i++) {
		const struct sim_job *j = &jobs[i];
		uint64_t delay = j->delivered - j->came;
		if (i % KINDS == 4) {
			ck_assert_uint_eq(j->delivered, 0);
			dead++;
			dead_tries += j->tries;
			continue;
		}
		if (j->came + DAY > days * DAY)
			continue; /* may still be waiting */
		ck_assert_uint_ne(j->delivered, 0);
		if (i % KINDS == 0)
			ck_assert_uint_le(delay, 5 * SECOND);
		if (i % KINDS == 1)
			ck_assert_uint_le(delay, 120 * SECOND);
		if (i % KINDS == 2)
			ck_assert_uint_le(delay, 6 * HOUR + 5 * HOUR);
		if (i % KINDS == 3 && j->came > 15 * HOUR)
			ck_assert_uint_le(delay, 5 * SECOND);
	}
	/* a dead destination costs its probes: about one an hour, not one for each message */
	ck_assert_uint_le(dead_tries, PER_KIND * (days * 24 * 4 / 3 + 30));
	ck_assert_uint_gt(dead_tries, PER_KIND * days * 20);
	ck_assert_uint_eq(dead, PER_KIND * days * DAILY);
	free(jobs);
	free(sim);
}
END_TEST

START_TEST(live_mail_among_a_thousand_dead_destinations)
{
	enum { DEAD = 1000, EACH = 100, LIVE = 500 };
	struct sim *sim = calloc(1, sizeof(*sim));
	struct sim_job *jobs = calloc(DEAD * EACH, sizeof(*jobs)),
		       *live = calloc(LIVE, sizeof(*live));
	char name[32];
	sim->is_up = weather;
	sim->takes = takes;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &remote);
	for (int i = 0; i < DEAD; i++) {
		snprintf(name, sizeof(name), "dead%d", i);
		for (int k = 0; k < EACH; k++)
			post(sim, &jobs[i * EACH + k], name, 1);
	}
	for (int i = 0; i < LIVE; i++) {
		run(sim, (uint64_t)(i + 1) * 60 * SECOND);
		post(sim, &live[i], "live", 2);
	}
	run(sim, DAY);
	/* until the dead ones are known, all slots are with them, each for its minute */
	for (int i = 0; i < LIVE; i++) {
		ck_assert_uint_ne(live[i].delivered, 0);
		ck_assert_uint_le(live[i].delivered - live[i].came, (i < 15 ? 300 : 1) * SECOND);
	}
	free(live);
	free(jobs);
	free(sim);
}
END_TEST

START_TEST(a_hundred_thousand_do_not_delay_a_note)
{
	enum { MAILING = 100000, NOTES = 100 };
	const int mailing = (int)unit_times(MAILING);
	struct sim *sim = calloc(1, sizeof(*sim));
	struct sim_job *jobs = calloc(MAILING, sizeof(*jobs)), notes[NOTES];
	sim->is_up = weather;
	sim->takes = takes;
	scheduler_set_transport(s, TRANSPORT_REMOTE, &remote);
	for (int i = 0; i < mailing; i++)
		post(sim, &jobs[i], "live", 1);
	for (int i = 0; i < NOTES; i++) {
		run(sim, (uint64_t)(i + 1) * SECOND);
		post(sim, &notes[i], "live", (uint32_t)(2 + i));
	}
	run(sim, DAY);
	ck_assert_uint_eq(sim->delivered, (unsigned)mailing + NOTES);
	for (int i = 0; i < NOTES; i++)
		ck_assert_uint_le(notes[i].delivered - notes[i].came, 200);
	for (int i = 1; i < mailing; i++)
		ck_assert_uint_ge(jobs[i].delivered, jobs[i - 1].delivered);
	free(jobs);
	free(sim);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scheduler");
	TCase *rules = tcase_create("rules"), *sims = tcase_create("simulations");
	tcase_add_checked_fixture(rules, setup, teardown);
	tcase_add_test(rules, one_sender_goes_in_order);
	tcase_add_test(rules, senders_take_turns);
	tcase_add_test(rules, a_mailing_delays_a_note_by_one_delivery);
	tcase_add_test(rules, destinations_take_turns);
	tcase_add_test(rules, transports_do_not_mix);
	tcase_add_test(rules, a_paused_transport_starts_nothing);
	tcase_add_test(rules, one_more_begins_in_a_slot_that_is_offered);
	tcase_add_test(rules, offers_do_not_go_round_what_holds_a_destination_back);
	tcase_add_test(rules, a_rate_holds_for_offers_too);
	tcase_add_test(rules, an_offered_slot_goes_to_who_waits_for_it);
	tcase_add_test(rules, offers_follow_the_turns_of_senders);
	tcase_add_test(rules, window_doubles_until_a_failure_and_grows_by_one_from_then_on);
	tcase_add_test(rules, one_outage_halves_the_window_once);
	tcase_add_test(rules, dead_destination_is_probed_by_one_at_growing_distances);
	tcase_add_test(rules, an_operator_can_have_a_dead_one_probed);
	tcase_add_test(rules, hanging_destinations_leave_room_for_the_next);
	tcase_add_test(rules, probes_of_the_dead_share_a_quarter);
	tcase_add_test(rules, the_last_eighth_is_for_those_that_worked);
	tcase_add_test(rules, the_smallest_limits_start_something);
	tcase_add_test(rules, a_rate_is_kept_and_waiting_for_it_costs_nothing);
	tcase_add_test(rules, a_rate_is_not_forgotten_with_its_destination);
	tcase_add_test(rules, a_restart_gives_no_tokens);
	tcase_add_test(rules, a_reload_reaches_destinations_that_exist);
	tcase_add_test(rules, retry_times_are_the_destinations_own);
	tcase_add_test(rules, a_reason_is_remembered_and_bounded);
	tcase_add_test(rules, retry_times_double_up_to_the_bound);
	tcase_add_test(rules, attempts_never_overflow);
	tcase_add_test(rules, due_jobs_come_in_the_order_of_their_times);
	tcase_add_test(rules, a_postponed_time_survives_other_work_of_the_job);
	tcase_add_test(rules, destinations_nobody_needs_are_forgotten);
	tcase_add_checked_fixture(sims, setup, teardown);
	tcase_set_timeout(sims, 120);
	tcase_add_test(sims, thirty_days_of_weather);
	tcase_add_test(sims, live_mail_among_a_thousand_dead_destinations);
	tcase_add_test(sims, a_hundred_thousand_do_not_delay_a_note);
	suite_add_tcase(suite, rules);
	suite_add_tcase(suite, sims);
	return unit_run_suite(suite);
}
