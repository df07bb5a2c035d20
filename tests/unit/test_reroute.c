/* SPDX-License-Identifier: ISC
 *
 * Mail that waits, and what changes for it: routes, operators' wishes, and time.
 */
#include "queue/reroute.h"
#include "tests/unit/directory-peer.h"
#include "tests/unit/fake-spool.h"
#include "common/log.h"
#include "common/loop.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <stdio.h>

#define HOUR (3600 * UINT64_C(1000))

static const struct moment start = {.ms = 1000000, .wall = UINT64_C(1700000000000)};

static struct moment later(uint64_t ms)
{
	return (struct moment){.ms = start.ms + ms, .wall = start.wall + ms};
}

static struct active active;
static struct router *router;
static struct reroute reroute;
static struct spool *spool;
static unsigned failures;

static const struct directory_row before[] = {
    {"example.net", RCPT_NOT_OURS, TRANSPORT_REMOTE, "example.net", ""},
    {"example.com", RCPT_NOT_OURS, TRANSPORT_REMOTE, "example.com", ""},
    {NULL, 0, 0, "", ""},
};

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
	(void)ctx;
	active_on_message(&active, id, place, envelope, recipients, count);
}

static void on_result(void *ctx, uint64_t id, const struct spool_result *result)
{
	(void)ctx;
	active_on_result(&active, id, result, start);
}

static void on_finished(void *ctx, uint64_t id)
{
	(void)ctx;
	active_on_finished(&active, id);
}

static const struct spool_events events = {
    .on_committed = on_committed,
    .on_message = on_message,
    .on_result = on_result,
    .on_finished = on_finished,
};

static void on_failed(void *ctx, uint64_t id)
{
	(void)ctx;
	(void)id;
	failures++;
}

static void open_active(void)
{
	static const struct transport_policy roomy = {
	    .limit = 1000, .destination = {.window_first = 1000, .window_max = 1000}};
	active_init(&active, 7);
	for (int i = TRANSPORT_LOCAL; i < TRANSPORT_COUNT; i++)
		scheduler_set_transport(active.scheduler, (enum transport)i, &roomy);
	active.spool = spool;
	active.notices.on_failed = on_failed;
	router = router_new(reroute_on_changed, &reroute);
	reroute_init(&reroute, &active, router);
	directory_peer_start(router, before);
}

static void close_active(void)
{
	directory_peer_kill();
	reroute_reset(&reroute);
	router_free(router);
	active_reset(&active);
}

static void setup(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
	spool = fake_spool_new(&events, NULL);
	directory_peer_asked = failures = 0;
	directory_peer_silent = false;
	open_active();
}

static void teardown(void)
{
	close_active();
	fake_spool_free(spool);
}

static void restart(void)
{
	close_active();
	open_active();
	fake_spool_recover(spool, &events, NULL);
	active_begin(&active);
}

static struct recipient remote(const char *address)
{
	struct str a = str_from_cstr(address);
	return (struct recipient){.address = a,
	    .original = a,
	    .transport = TRANSPORT_REMOTE,
	    .nexthop = str_skip(a, str_find(a, '@') + 1)};
}

static uint64_t commit(const struct recipient *list, size_t count)
{
	const struct envelope envelope = {
	    .arrival = start.wall, .reverse_path = STR("ann@example.org")};
	const struct spool_message m = {.envelope = &envelope,
	    .recipients = list,
	    .recipient_count = count,
	    .content = STR("x\r\n")};
	uint64_t id = spool_next_id(spool);
	spool_submit(
	    spool, id, &m, message_new(active.scheduler, id, &envelope, list, count, m.content.n));
	fake_spool_commit(spool, 0);
	return id;
}

static uint64_t commit_one(const char *address, uint8_t transport)
{
	struct recipient r = remote(address);
	r.transport = transport;
	return commit(&r, 1);
}

static struct message *find(uint64_t id)
{
	return index_find(&active.messages, id);
}

static unsigned state(uint64_t id, uint16_t number)
{
	return message_recipients(find(id))[number].state;
}

static const char *nexthop(uint64_t id)
{
	static char text[NEXTHOP_MAX + 1];
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_REMOTE);
	if (job == NULL || message_of(job)->id != id)
		return "";
	snprintf(text, sizeof(text), "%.*s", STR_ARG(destination_name(job->to)));
	return text;
}

static void defer(uint64_t id, uint64_t at)
{
	const struct why why = {.status = STR("4.4.1"), .text = STR("connection refused")};
	uint16_t n[10];
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_REMOTE);
	ck_assert(job != NULL && message_of(job)->id == id);
	size_t count = active_start(&active, job, n, 10);
	for (size_t i = 0; i < count; i++)
		active_deferred(&active, job, n[i], &why, later(at));
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, later(at).ms);
	active_settle(&active, job);
}

static struct spool_result last_result(void)
{
	const struct fake_result *list;
	size_t n = fake_spool_results(spool, &list);
	ck_assert_uint_gt(n, 0);
	return list[n - 1].result;
}

/* --- routes ------------------------------------------------------------- */

static const struct directory_row after[] = {
    {"example.net", RCPT_NOT_OURS, TRANSPORT_REMOTE, "relay:out", ""},
    {"example.com", RCPT_NOT_OURS, TRANSPORT_REMOTE, "example.com", ""},
    {"hold.example", RCPT_NOT_OURS, TRANSPORT_HOLD, "", ""},
    {"discard.example", RCPT_NOT_OURS, TRANSPORT_DISCARD, "", ""},
    {"error.example", RCPT_REFUSED, 0, "", "we do not talk to them"},
    {"gone@ours.example", RCPT_NO_MAILBOX, 0, "", ""},
    {"away@ours.example", RCPT_REFUSED, 0, "", "moved"},
    {"slow@ours.example", RCPT_TEMPORARY, 0, "", ""},
    {"ours.example", RCPT_LOCAL, TRANSPORT_LOCAL, "", ""},
    {"relayed.example", RCPT_LOCAL, TRANSPORT_REMOTE, "inside", ""},
    {"slow.example", RCPT_TEMPORARY, 0, "", ""},
    {NULL, 0, 0, "", ""},
};

static const struct directory_row here[] = {
    {"ours.example", RCPT_LOCAL, TRANSPORT_LOCAL, "", ""},
    {NULL, 0, 0, "", ""},
};

static void change_routes(uint32_t generation)
{
	directory_peer_kill();
	directory_peer_start(router, after);
	directory_peer_changed(generation);
	unit_settle();
}

START_TEST(what_waits_goes_the_new_way)
{
	uint64_t ready = commit_one("b@example.net", TRANSPORT_REMOTE);
	change_routes(1);
	ck_assert_str_eq(nexthop(ready), "relay:out");
	ck_assert_uint_eq(state(ready, 0), RECIPIENT_READY);
	ck_assert_uint_eq(directory_peer_asked, 1);
	directory_peer_changed(1); /* the same ones */
	unit_settle();
	ck_assert_uint_eq(directory_peer_asked, 1);
	directory_peer_changed(2);
	unit_settle();
	ck_assert_uint_eq(directory_peer_asked, 2);
	ck_assert_str_eq(nexthop(ready), "relay:out");
}
END_TEST

START_TEST(each_domain_is_asked_for_once_and_only_what_changed_moves)
{
	for (int i = 0; i < 700; i++) {
		commit_one("b@example.net", TRANSPORT_REMOTE);
		commit_one("c@example.com", TRANSPORT_REMOTE);
		commit_one("d@local.example", TRANSPORT_LOCAL);
	}
	change_routes(1);
	ck_assert_uint_eq(directory_peer_asked, 3);
	size_t moved = 0, stayed = 0;
	for (const struct message *m = NULL;
	     (m = index_after(&active.messages, m == NULL ? 0 : m->id)) != NULL;) {
		struct str to = destination_name(m->jobs[0].to);
		moved += str_eq(to, STR("relay:out"));
		stayed += str_eq(to, STR("example.com"));
	}
	ck_assert_uint_eq(moved, 700);
	ck_assert_uint_eq(stayed, 700);
	ck_assert_uint_eq(active.recipients, 2100);
}
END_TEST

START_TEST(deferred_mail_tries_the_new_way_at_once)
{
	const struct recipient list[] = {remote("b@example.net"), remote("c@example.com")};
	uint64_t id = commit(list, 2);
	defer(id, 0);
	defer(id, 0);
	ck_assert_ptr_null(scheduler_next(active.scheduler, TRANSPORT_REMOTE));
	uint64_t next = scheduler_next_event(active.scheduler);
	change_routes(1);
	ck_assert_uint_eq(state(id, 0), RECIPIENT_READY);
	ck_assert_uint_eq(state(id, 1), RECIPIENT_DEFERRED);
	ck_assert_str_eq(nexthop(id), "relay:out");
	ck_assert_uint_ge(scheduler_next_event(active.scheduler), next - 60000);
	ck_assert_uint_ne(scheduler_next_event(active.scheduler), UINT64_MAX);
	ck_assert(str_eq(reasons_text(active.reasons, message_recipients(find(id))[1].reason),
	    STR("connection refused")));
}
END_TEST

static const struct {
	const char *address;
	unsigned state;
	uint8_t transport;
	const char *text;
} kinds[] = {
    {"b@hold.example", RECIPIENT_HELD, TRANSPORT_HOLD, ""},
    {"b@discard.example", RECIPIENT_READY, TRANSPORT_DISCARD, ""},
    {"b@error.example", RECIPIENT_FAILED, TRANSPORT_HOLD, "we do not talk to them"},
    {"b@ours.example", RECIPIENT_READY, TRANSPORT_LOCAL, ""},
    {"away@ours.example", RECIPIENT_FAILED, TRANSPORT_HOLD, "moved"},
    {"slow@ours.example", RECIPIENT_READY, TRANSPORT_REMOTE, ""},
    {"b@slow.example", RECIPIENT_READY, TRANSPORT_REMOTE, ""},
    {"b@unknown.example", RECIPIENT_FAILED, TRANSPORT_HOLD, "no such mailbox"},
};

START_TEST(a_route_may_be_of_another_kind)
{
	uint64_t id = commit_one(kinds[_i].address, TRANSPORT_REMOTE);
	change_routes(1);
	ck_assert_uint_eq(state(id, 0), kinds[_i].state);
	ck_assert_uint_eq(find(id)->jobs[0].to->transport, kinds[_i].transport);
	ck_assert(str_eq(reasons_text(active.reasons, message_recipients(find(id))[0].reason),
	    str_from_cstr(kinds[_i].text)));
	ck_assert_uint_eq(failures, kinds[_i].state == RECIPIENT_FAILED);
	if (kinds[_i].state == RECIPIENT_HELD)
		ck_assert_uint_eq(last_result().outcome, SPOOL_HELD);
}
END_TEST

/* The first address that is asked for says nothing of the others. */
START_TEST(who_has_no_mailbox_fails_alone)
{
	const struct recipient list[] = {
	    remote("gone@ours.example"), remote("b@ours.example"), remote("c@example.com")};
	uint64_t id = commit(list, 3), other = commit_one("d@ours.example", TRANSPORT_REMOTE);
	change_routes(1);
	ck_assert_uint_eq(state(id, 0), RECIPIENT_FAILED);
	ck_assert(str_eq(last_result().status, STR("5.1.1")));
	ck_assert_uint_eq(failures, 1);
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_LOCAL);
	uint16_t n[3];
	ck_assert_ptr_eq(message_of(job), find(id));
	ck_assert_uint_eq(active_start(&active, job, n, 3), 1);
	ck_assert_uint_eq(n[0], 1);
	ck_assert_str_eq(nexthop(id), "example.com");
	ck_assert_uint_eq(find(other)->jobs[0].to->transport, TRANSPORT_LOCAL);
}
END_TEST

static void wait_for_the_clock(void)
{
	for (uint64_t began = loop_now_ms(); loop_now_ms() < began + 2;)
		continue;
}

/* Domains are added before their mailboxes. */
START_TEST(a_mailbox_has_time_to_appear)
{
	uint64_t id = commit_one("gone@ours.example", TRANSPORT_REMOTE);
	reroute.routing.grace_ms = HOUR;
	change_routes(1);
	change_routes(2);
	ck_assert_uint_eq(state(id, 0), RECIPIENT_READY);
	ck_assert_str_eq(nexthop(id), "ours.example");
	if (_i == 0) {
		reroute.routing.grace_ms = 1;
		wait_for_the_clock();
		change_routes(3);
		ck_assert_uint_eq(state(id, 0), RECIPIENT_FAILED);
		return;
	}
	directory_peer_kill();
	directory_peer_start(router, here);
	directory_peer_changed(3);
	unit_settle();
	ck_assert_uint_eq(find(id)->jobs[0].to->transport, TRANSPORT_LOCAL);
	ck_assert_uint_eq(failures, 0);
}
END_TEST

static const struct {
	const char *targets[3];
	const char *address; /* NULL: as before */
} aliases[] = {
    {{"bob@ours.example"}, "bob@ours.example"},
    {{"x@ours.example", "b@ours.example"}, "b@ours.example"},
    {{"x@ours.example", "y@ours.example"}, NULL},
};

/* An alias of one, or with a copy for its own name; of others it cannot be. */
START_TEST(one_recipient_stays_one)
{
	uint64_t id = commit_one("b@ours.example", TRANSPORT_REMOTE);
	struct route_target targets[3];
	size_t count = 0;
	for (; aliases[_i].targets[count] != NULL; count++)
		targets[count] = (struct route_target){.transport = TRANSPORT_LOCAL,
		    .address = str_from_cstr(aliases[_i].targets[count])};
	directory_peer_kill();
	directory_peer_start(router, here);
	directory_peer_silent = true;
	directory_peer_changed(1);
	unit_settle();
	for (uint32_t cookie = 1; cookie <= 2; cookie++) {
		const struct msg_address_answer m = {.cookie = cookie,
		    .verdict = RCPT_LOCAL,
		    .targets = targets,
		    .targets_count = count};
		directory_peer_send(&m);
		unit_settle();
	}
	ck_assert_uint_eq(reroute.phase, REROUTE_IDLE);
	const char *address = aliases[_i].address;
	const struct message *m = find(id);
	ck_assert_uint_eq(
	    m->jobs[0].to->transport, address == NULL ? TRANSPORT_REMOTE : TRANSPORT_LOCAL);
	ck_assert(str_eq(
	    message_address(m, 0), str_from_cstr(address == NULL ? "b@ours.example" : address)));
	ck_assert(str_eq(message_original(m, 0), STR("b@ours.example")));
}
END_TEST

static const struct {
	const char *address;
	uint8_t transport;
	const char *nexthop;
} mailboxes[] = {
    {"b@example.net", TRANSPORT_REMOTE, "relay:out"}, /* not ours any more */
    {"b@relayed.example", TRANSPORT_REMOTE, "inside"},
    {"b@ours.example", TRANSPORT_LOCAL, "ours.example"},
    {"gone@ours.example", TRANSPORT_LOCAL, "ours.example"}, /* deliver-local's to say */
    {"slow@ours.example", TRANSPORT_LOCAL, "ours.example"},
};

START_TEST(mail_for_a_mailbox_when_its_domain_is_another_s)
{
	uint64_t id = commit_one(mailboxes[_i].address, TRANSPORT_LOCAL);
	change_routes(1);
	const struct destination *to = find(id)->jobs[0].to;
	ck_assert_uint_eq(state(id, 0), RECIPIENT_READY);
	ck_assert_uint_eq(to->transport, mailboxes[_i].transport);
	ck_assert(str_eq(destination_name(to), str_from_cstr(mailboxes[_i].nexthop)));
}
END_TEST

START_TEST(what_is_under_way_is_left_alone)
{
	uint64_t id = commit_one("b@example.net", TRANSPORT_REMOTE);
	uint16_t n[1];
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_REMOTE);
	active_start(&active, job, n, 1);
	change_routes(1);
	ck_assert_ptr_eq(find(id)->jobs, job);
	ck_assert(reroute.routing.again);
	active_delivered(&active, message_of(job), n, 1);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, start.ms);
	ck_assert(active_settle(&active, job));
	unit_settle();
}
END_TEST

/* --- operators ---------------------------------------------------------- */

START_TEST(a_route_that_says_hold)
{
	uint64_t id = commit_one("b@example.net", TRANSPORT_HOLD);
	ck_assert_uint_eq(state(id, 0), RECIPIENT_HELD);
	restart();
	ck_assert_uint_eq(state(id, 0), RECIPIENT_HELD);
	active_flush(&active, find(id));
	ck_assert_uint_eq(state(id, 0), RECIPIENT_HELD);
	active_release(&active, find(id));
	ck_assert_str_eq(nexthop(id), "example.net");
	restart(); /* the release is written down */
	ck_assert_uint_eq(state(id, 0), RECIPIENT_READY);
	ck_assert_str_eq(nexthop(id), "example.net");
}
END_TEST

START_TEST(held_mail_without_a_nexthop_is_ours)
{
	struct recipient r = remote("b@example.org");
	r.transport = TRANSPORT_HOLD;
	r.nexthop = (struct str){NULL, 0};
	uint64_t id = commit(&r, 1);
	ck_assert_uint_eq(state(id, 0), RECIPIENT_HELD);
	active_release(&active, find(id));
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_LOCAL);
	ck_assert(job != NULL && message_of(job)->id == id);
}
END_TEST

/* The spool's record of it still says hold, wherever cleaning moves it. */
START_TEST(a_snapshot_knows_what_was_released)
{
	const struct recipient list[] = {{.address = STR("b@x"),
					     .original = STR("b@x"),
					     .nexthop = STR("x"),
					     .transport = TRANSPORT_HOLD},
	    {.address = STR("c@x"),
		.original = STR("c@x"),
		.nexthop = STR("x"),
		.transport = TRANSPORT_HOLD}};
	struct pool *pool = pool_new(1 << 16);
	struct spool_result *results;
	uint16_t n[1];
	size_t count;
	uint64_t id = commit(list, 2);
	active_release(&active, find(id));
	if (_i > 0)
		active_start(&active, scheduler_next(active.scheduler, TRANSPORT_REMOTE), n, 1);
	if (_i > 1) {
		defer(id, 0);
		ck_assert_uint_eq(find(id)->jobs[0].attempts, 1);
	}
	ck_assert(active_on_snapshot(&active, id, pool, &results, &count, start));
	ck_assert_uint_eq(count, 2);
	struct spool_place place = message_place(find(id));
	const struct envelope envelope = {.arrival = start.wall};
	close_active();
	open_active();
	active_on_message(&active, id, &place, &envelope, list, 2);
	for (size_t i = 0; i < count; i++)
		active_on_result(&active, id, &results[i], start);
	active_begin(&active);
	for (uint16_t i = 0; i < 2; i++)
		ck_assert_uint_eq(state(id, i), RECIPIENT_READY);
	ck_assert_str_eq(nexthop(id), "x");
	pool_free(pool);
}
END_TEST

/* A delivery of the same message is under way: the sweep does it when that has ended. */
START_TEST(released_while_another_recipient_is_under_way)
{
	struct recipient list[] = {remote("b@example.net"), remote("c@example.com")};
	uint16_t n[1];
	list[1].transport = TRANSPORT_HOLD;
	uint64_t id = commit(list, 2);
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_REMOTE);
	active_start(&active, job, n, 1);
	active_release(&active, find(id));
	ck_assert_ptr_null(scheduler_next(active.scheduler, TRANSPORT_REMOTE));
	active_delivered(&active, find(id), n, 1);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, start.ms);
	active_settle(&active, job);
	active_sweep(&active, start, 10);
	ck_assert_str_eq(nexthop(id), "example.com");
}
END_TEST

START_TEST(what_was_released_is_not_held_again)
{
	uint64_t id = commit_one("b@hold.example", TRANSPORT_HOLD);
	active_release(&active, find(id));
	change_routes(1);
	ck_assert_uint_eq(state(id, 0), RECIPIENT_READY);
	restart();
	change_routes(2);
	ck_assert_str_eq(nexthop(id), "hold.example");
}
END_TEST

START_TEST(hold_and_release)
{
	const struct recipient list[] = {
	    remote("b@example.net"), remote("c@example.com"), remote("d@example.com")};
	uint64_t id = commit(list, 3);
	defer(id, 0); /* b waits, the others are ready */
	active_hold(&active, find(id));
	ck_assert_ptr_null(scheduler_next(active.scheduler, TRANSPORT_REMOTE));
	ck_assert_uint_eq(scheduler_next_event(active.scheduler), UINT64_MAX);
	restart();
	for (uint16_t i = 0; i < 3; i++)
		ck_assert_uint_eq(state(id, i), RECIPIENT_HELD);
	ck_assert_ptr_null(scheduler_next(active.scheduler, TRANSPORT_REMOTE));
	active_release(&active, find(id));
	for (uint16_t i = 0; i < 3; i++)
		ck_assert_uint_eq(state(id, i), RECIPIENT_READY);
	restart();
	ck_assert_ptr_nonnull(scheduler_next(active.scheduler, TRANSPORT_REMOTE));
	ck_assert_uint_eq(state(id, 0), RECIPIENT_READY);
}
END_TEST

/* What was under way when it was held, or deleted, is not tried again. */
START_TEST(disposed_of_while_under_way)
{
	const struct why why = {.text = STR("later")};
	uint64_t id = commit_one("b@example.net", TRANSPORT_REMOTE);
	uint16_t n[1];
	struct job *job = scheduler_next(active.scheduler, TRANSPORT_REMOTE);
	active_start(&active, job, n, 1);
	if (_i < 2)
		active_hold(&active, find(id));
	else
		active_delete(&active, find(id));
	ck_assert_uint_eq(state(id, 0), RECIPIENT_ACTIVE);
	if (_i == 0 || _i == 2)
		active_deferred(&active, job, 0, &why, start);
	else if (_i == 1 || _i == 3)
		active_returned(&active, job, 0, &why, start);
	else
		active_failed(&active, find(id), 0, &why);
	scheduler_done(active.scheduler, job, DESTINATION_WORKS, start.ms);
	ck_assert_int_eq(active_settle(&active, job), _i >= 2);
	if (_i < 2)
		ck_assert_uint_eq(state(id, 0), RECIPIENT_HELD);
	else
		ck_assert(fake_spool_find(spool, id)->finished);
	ck_assert_uint_eq(failures, 0);
}
END_TEST

START_TEST(delete_finishes_without_a_notice)
{
	const struct recipient list[] = {remote("b@example.net"), remote("c@example.com")};
	uint64_t first = commit(list, 2), other = commit_one("b@example.net", TRANSPORT_REMOTE);
	uint64_t last = commit_one("b@example.net", TRANSPORT_REMOTE);
	uint64_t held = commit_one("b@hold.example", TRANSPORT_HOLD);
	active_delete(&active, find(other)); /* from the middle of its sender's turn */
	active_delete(&active, find(held));
	defer(first, 0);
	active_delete(&active, find(first));
	ck_assert_str_eq(nexthop(last), "example.net");
	active_delete(&active, find(last));
	ck_assert_ptr_null(scheduler_next(active.scheduler, TRANSPORT_REMOTE));
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(active.recipients, 0);
	ck_assert_uint_eq(fake_spool_count(spool).finished, 4);
	ck_assert_uint_eq(failures, 0);
}
END_TEST

/* --- time --------------------------------------------------------------- */

START_TEST(what_is_never_tried_expires_too)
{
	const struct recipient list[] = {remote("b@example.net"), remote("c@example.com")};
	uint64_t id = commit(list, 2), local = commit_one("x@local", TRANSPORT_LOCAL);
	active.lifetime = HOUR;
	active.expire_from = start.ms + 2 * HOUR;
	defer(id, 0);
	ck_assert(!active_sweep(&active, later(HOUR), 1));
	ck_assert(active_sweep(&active, later(HOUR), 2));
	ck_assert_uint_eq(failures, 0); /* everything has its try after a start */
	ck_assert(active_sweep(&active, later(2 * HOUR), 3));
	ck_assert_uint_ge(failures, 2);
	for (uint16_t i = 0; i < 2; i++)
		ck_assert_uint_eq(state(id, i), RECIPIENT_FAILED);
	ck_assert_uint_eq(state(local, 0), RECIPIENT_READY);
	struct why why = reasons_why(active.reasons, message_recipients(find(id))[0].reason);
	ck_assert(str_eq(why.status, STR("4.4.7")));
	ck_assert(str_eq(why.text, STR("delivery time expired after 1 try; connection refused")));
	why = reasons_why(active.reasons, message_recipients(find(id))[1].reason);
	ck_assert(str_has_prefix(why.text, STR("delivery time expired after 0 tries; ")));
	ck_assert_ptr_null(scheduler_next(active.scheduler, TRANSPORT_REMOTE));
}
END_TEST

/* --- directory ---------------------------------------------------------- */

static const struct {
	uint32_t cookie;
	uint8_t verdict, transport;
	const char *address;
} bad[] = {
    {999, RCPT_NOT_OURS, TRANSPORT_REMOTE, "b@example.net"}, /* not asked */
    {1, 0, TRANSPORT_REMOTE, "b@example.net"},
    {1, 77, TRANSPORT_REMOTE, "b@example.net"},
    {1, RCPT_NOT_OURS, 0, "b@example.net"},
    {1, RCPT_NOT_OURS, 99, "b@example.net"},
    {1, RCPT_NOT_OURS, TRANSPORT_REMOTE, ""},
};

START_TEST(a_bad_directory_loses_its_channel)
{
	struct route_target target = {
	    .transport = bad[_i].transport, .address = str_from_cstr(bad[_i].address)};
	const struct msg_address_answer m = {.cookie = bad[_i].cookie,
	    .verdict = bad[_i].verdict,
	    .targets = &target,
	    .targets_count = 1};
	commit_one("b@example.net", TRANSPORT_REMOTE);
	directory_peer_silent = true;
	reroute_begin(&reroute);
	unit_settle();
	ck_assert_uint_eq(router_pending(router), 1);
	directory_peer_send(&m);
	unit_settle();
	ck_assert(!directory_peer_lives());
	directory_peer_silent = false;
	directory_peer_start(router, before);
	unit_settle();
	ck_assert_uint_eq(router_pending(router), 0);
	ck_assert_uint_eq(reroute.phase, REROUTE_IDLE);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("reroute");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_waits_goes_the_new_way);
	tcase_add_test(tc, each_domain_is_asked_for_once_and_only_what_changed_moves);
	tcase_add_test(tc, deferred_mail_tries_the_new_way_at_once);
	tcase_add_loop_test(
	    tc, a_route_may_be_of_another_kind, 0, (int)(sizeof(kinds) / sizeof(kinds[0])));
	tcase_add_test(tc, who_has_no_mailbox_fails_alone);
	tcase_add_loop_test(tc, a_mailbox_has_time_to_appear, 0, 2);
	tcase_add_loop_test(
	    tc, one_recipient_stays_one, 0, (int)(sizeof(aliases) / sizeof(aliases[0])));
	tcase_add_loop_test(tc, mail_for_a_mailbox_when_its_domain_is_another_s, 0,
	    (int)(sizeof(mailboxes) / sizeof(mailboxes[0])));
	tcase_add_test(tc, what_is_under_way_is_left_alone);
	tcase_add_test(tc, a_route_that_says_hold);
	tcase_add_test(tc, held_mail_without_a_nexthop_is_ours);
	tcase_add_test(tc, released_while_another_recipient_is_under_way);
	tcase_add_loop_test(tc, a_snapshot_knows_what_was_released, 0, 3);
	tcase_add_test(tc, what_was_released_is_not_held_again);
	tcase_add_test(tc, hold_and_release);
	tcase_add_loop_test(tc, disposed_of_while_under_way, 0, 5);
	tcase_add_test(tc, delete_finishes_without_a_notice);
	tcase_add_test(tc, what_is_never_tried_expires_too);
	tcase_add_loop_test(
	    tc, a_bad_directory_loses_its_channel, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	return unit_run_case("reroute", tc);
}
