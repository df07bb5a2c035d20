/* SPDX-License-Identifier: ISC
 *
 * Deliveries over a real socket pair to a deliver-local that the test plays: right
 * answers, wrong ones, and one that dies at every point. Its mailboxes are a list
 * of (id, number), so that a lost or doubled delivery is seen.
 */
#include "queue/dispatch.h"
#include "tests/unit/fake-spool.h"
#include "tests/unit/remote-peer.h"
#include "common/answers.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/msg-queue-local.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct active active;
static struct contents *contents;
static struct reader reader;
static struct local local;
static struct remote remote;
static struct dispatch dispatch;
static struct spool *spool;

/* --- a deliver-local ---------------------------------------------------- */

enum { SEEN_MAX = 4096 };

struct seen {
	uint64_t delivery, id, size;
	uint8_t repeat;
	uint32_t spool;
	size_t count;
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	char content[64], reverse_path[64], address[64], original[64];
};

static struct channel *peer; /* NULL: queue dropped it, or it is dead */
static struct seen seen[SEEN_MAX];
static size_t seen_count;
/* Called with each delivery, to play a behaviour. */
static void (*on_delivery)(const struct seen *s);

static void note(const struct local_delivery *d, struct str content, uint64_t size)
{
	ck_assert_uint_lt(seen_count, SEEN_MAX);
	struct seen *s = &seen[seen_count++];
	*s = (struct seen){.delivery = d->delivery,
	    .id = d->id,
	    .size = size,
	    .repeat = d->repeat,
	    .spool = d->spool,
	    .count = d->targets_count};
	for (size_t i = 0; i < d->targets_count; i++)
		s->numbers[i] = d->targets[i].number;
	snprintf(s->content, sizeof(s->content), "%.*s", STR_ARG(content));
	snprintf(s->reverse_path, sizeof(s->reverse_path), "%.*s", STR_ARG(d->reverse_path));
	snprintf(s->address, sizeof(s->address), "%.*s", STR_ARG(d->targets[0].address));
	snprintf(s->original, sizeof(s->original), "%.*s", STR_ARG(d->targets[0].original));
	if (on_delivery != NULL)
		on_delivery(s);
}

static bool got_deliver(void *ctx, const struct msg_deliver *m, int *fds)
{
	(void)ctx;
	(void)fds;
	note(&m->to, m->content, m->content.n);
	return true;
}

static bool got_deliver_large(void *ctx, const struct msg_deliver_large *m, int *fds)
{
	char text[64];
	(void)ctx;
	ssize_t n = pread(fds[0], text, sizeof(text), 0);
	ck_assert_int_ge(n, 0);
	note(&m->to, str_from(text, (size_t)n), m->size);
	return true;
}

static const struct queue_local_server_handlers handlers = {
    .deliver = got_deliver,
    .deliver_large = got_deliver_large,
};

static void on_peer_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)why;
	channel_free(channel);
	peer = NULL;
}

static void start_peer(void)
{
	int pair[2];
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	local_set_channel(&local, pair[0]);
	peer = channel_new(pair[1], &queue_local_server, &handlers, NULL, on_peer_closed);
}

static void kill_peer(void)
{
	channel_free(peer);
	peer = NULL;
	unit_settle();
}

static void answer(const struct seen *s, enum delivery_outcome outcome)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	for (size_t i = 0; i < s->count; i++)
		results[i] = (struct local_result){.number = s->numbers[i],
		    .outcome = (uint8_t)outcome,
		    .enhanced = STR("4.2.2"),
		    .text = STR("mailbox full")};
	const struct msg_local_results m = {
	    .delivery = s->delivery, .results = results, .results_count = s->count};
	msg_local_results_send(peer, &m, NULL);
}

static void answer_one(uint64_t delivery, uint16_t number, uint8_t outcome)
{
	struct local_result result = {.number = number, .outcome = outcome};
	const struct msg_local_results m = {
	    .delivery = delivery, .results = &result, .results_count = 1};
	msg_local_results_send(peer, &m, NULL);
}

static void sync_done(uint64_t delivery)
{
	struct delivery_ref ref = {delivery};
	const struct msg_durable m = {.deliveries = &ref, .deliveries_count = 1};
	msg_durable_send(peer, &m, NULL);
}

static void sync_failed(uint64_t delivery)
{
	struct delivery_ref ref = {delivery};
	const struct msg_not_durable m = {
	    .deliveries = &ref, .deliveries_count = 1, .text = STR("Input/output error")};
	msg_not_durable_send(peer, &m, NULL);
}

/* --- a queue ------------------------------------------------------------ */

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	(void)ctx;
	(void)id;
	ck_assert_int_eq(error, 0);
	active_commit(&active, tag, place);
	dispatch_soon(&dispatch);
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

static const struct spool_events events = {
    .on_committed = on_committed,
    .on_message = on_message,
    .on_result = on_result,
    .on_finished = on_finished,
};

static unsigned window = 1000;

static void open_queue(void)
{
	const struct transport_policy roomy = {
	    .limit = window, .destination = {.window_first = window, .window_max = window}};
	active_init(&active, 7);
	for (int i = TRANSPORT_LOCAL; i < TRANSPORT_COUNT; i++)
		scheduler_set_transport(active.scheduler, (enum transport)i, &roomy);
	contents = contents_new(1 << 20);
	reader_init(&reader, &active, contents);
	local_init(&local, &active, &reader);
	remote_init(&remote, &active, &reader);
	dispatch_init(&dispatch, &active, &local, &remote);
	active.spool = spool;
	reader_set_spool(&reader, spool);
}

static void close_queue(void)
{
	unit_settle(); /* nothing may be left that refers to it */
	dispatch_reset(&dispatch);
	local_reset(&local);
	remote_reset(&remote);
	reader_reset(&reader);
	contents_free(contents);
	active_reset(&active);
}

static void setup(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
	spool = fake_spool_new(&events, NULL);
	seen_count = 0;
	on_delivery = NULL;
	window = 1000;
	open_queue();
}

static void teardown(void)
{
	channel_free(peer);
	peer = NULL;
	remote_peer_reset();
	close_queue();
	fake_spool_free(spool);
}

static void restart_queue(void)
{
	kill_peer();
	close_queue();
	open_queue();
	fake_spool_recover(spool, &events, NULL);
	active_begin(&active);
	dispatch_soon(&dispatch);
}

static uint64_t post_to(const struct recipient *list, size_t count, bool large)
{
	const struct envelope e = {
	    .arrival = loop_wall_ms(), .reverse_path = STR("ann@example.org")};
	struct spool_message m = {.envelope = &e,
	    .recipients = list,
	    .recipient_count = count,
	    .content = STR("Subject: x\r\n\r\n"),
	    .large = large};
	uint64_t id = spool_next_id(spool);
	if (large) {
		int fd = spool_large_create(spool, id);
		ck_assert_int_eq(write(fd, "large content", 13), 13);
		close(fd);
		m.content = (struct str){NULL, 0};
		m.large_size = 13;
	}
	spool_submit(spool, id, &m,
	    message_new(active.scheduler, id, &e, list, count, large ? 13 : m.content.n));
	fake_spool_commit(spool, 0);
	return id;
}

static uint64_t post(size_t count)
{
	static struct recipient list[RECIPIENTS_MAX];
	for (size_t i = 0; i < count; i++)
		list[i] = (struct recipient){.address = STR("bob@example.net"),
		    .original = STR("bob@example.net"),
		    .transport = TRANSPORT_LOCAL};
	return post_to(list, count, false);
}

static bool is_finished(uint64_t id)
{
	return fake_spool_find(spool, id)->finished;
}

/* --- the ordinary way --------------------------------------------------- */

START_TEST(visible_then_durable_then_finished)
{
	const struct recipient r = {.address = STR("bob@example.net"),
	    .original = STR("postmaster@example.net"),
	    .transport = TRANSPORT_LOCAL};
	start_peer();
	uint64_t id = post_to(&r, 1, _i == 1);
	unit_settle();
	ck_assert_uint_eq(seen_count, 1);
	ck_assert_uint_eq(seen[0].id, id);
	ck_assert_uint_eq(seen[0].repeat, 0);
	ck_assert_uint_eq(seen[0].spool, spool_identity(spool));
	ck_assert_str_eq(seen[0].reverse_path, "ann@example.org");
	ck_assert_str_eq(seen[0].address, "bob@example.net");
	ck_assert_str_eq(seen[0].original, "postmaster@example.net");
	ck_assert_str_eq(seen[0].content, _i == 1 ? "large content" : "Subject: x\r\n\r\n");
	ck_assert_uint_eq(seen[0].size, _i == 1 ? 13 : 14);
	answer(&seen[0], DELIVERY_VISIBLE);
	unit_settle();
	ck_assert(!is_finished(id));
	ck_assert(!local_is_idle(&local));
	sync_done(seen[0].delivery);
	unit_settle();
	ck_assert(is_finished(id));
	ck_assert(local_is_idle(&local));
	ck_assert_uint_eq(active.delivered, 1);
	ck_assert_uint_eq(fake_spool_count(spool).results, 0);
	sync_done(seen[0].delivery); /* once more does nothing */
	unit_settle();
	ck_assert_ptr_nonnull(peer);
}
END_TEST

START_TEST(content_comes_from_memory_while_it_is_there)
{
	start_peer();
	uint64_t id = spool_next_id(spool) + 1;
	contents_put(contents, content_new(STR("from memory")), id, loop_now_ms());
	ck_assert_uint_eq(post(1), id);
	unit_settle();
	ck_assert_str_eq(seen[0].content, "from memory");
	ck_assert_uint_eq(fake_spool_count(spool).reads, 0);
	kill_peer();
	start_peer();
	unit_settle();
	ck_assert_uint_eq(seen_count, 2);
	ck_assert_str_eq(seen[1].content, "Subject: x\r\n\r\n"); /* from the spool now */
}
END_TEST

START_TEST(many_recipients_go_in_packets)
{
	start_peer();
	uint64_t id = post(250);
	unit_settle();
	ck_assert_uint_eq(seen_count, 3);
	ck_assert_uint_eq(seen[0].count, 100);
	ck_assert_uint_eq(seen[2].count, 50);
	ck_assert_uint_eq(seen[1].numbers[0], 100);
	for (size_t i = 3; i-- > 0;) {
		answer(&seen[i], DELIVERY_VISIBLE);
		sync_done(seen[i].delivery);
		unit_settle();
		ck_assert_int_eq(is_finished(id), i == 0);
	}
}
END_TEST

START_TEST(the_window_bounds_what_is_under_way)
{
	close_queue();
	window = 20;
	open_queue();
	start_peer();
	for (int i = 0; i < 100; i++)
		post(1);
	unit_settle();
	ck_assert_uint_ge(seen_count, 10);
	ck_assert_uint_le(seen_count, 20);
	size_t answered = 0;
	while (answered < seen_count) {
		size_t under_way = seen_count - answered;
		ck_assert_uint_le(under_way, 20);
		answer(&seen[answered++], DELIVERY_VISIBLE); /* no durable: it does not count */
		unit_settle();
	}
	ck_assert_uint_eq(seen_count, 100);
	for (size_t i = 0; i < 100; i++)
		sync_done(seen[i].delivery);
	unit_settle();
	ck_assert_uint_eq(active.messages.count, 0);
}
END_TEST

START_TEST(deferred_and_failed_are_kept)
{
	const struct fake_result *results;
	start_peer();
	uint64_t id = post(3);
	unit_settle();
	answer_one(seen[0].delivery, 2, DELIVERY_FAILED);
	answer_one(seen[0].delivery, 0, DELIVERY_VISIBLE);
	unit_settle();
	ck_assert_uint_eq(local.carrier.deliveries.count, 1);
	answer_one(seen[0].delivery, 1, DELIVERY_DEFERRED);
	sync_done(seen[0].delivery);
	unit_settle();
	ck_assert(local_is_idle(&local));
	ck_assert(!is_finished(id));
	const struct message *m = index_find(&active.messages, id);
	ck_assert_uint_eq(message_recipients(m)[0].state, RECIPIENT_DELIVERED);
	ck_assert_uint_eq(message_recipients(m)[1].state, RECIPIENT_DEFERRED);
	ck_assert_uint_eq(message_recipients(m)[2].state, RECIPIENT_FAILED);
	ck_assert_uint_eq(fake_spool_results(spool, &results), 3);
	active_flush(&active, index_find(&active.messages, id));
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert_uint_eq(seen_count, 2);
	ck_assert_uint_eq(seen[1].count, 1);
	ck_assert_uint_eq(seen[1].numbers[0], 1);
	ck_assert_uint_eq(seen[1].repeat, 0); /* it said that it did not deliver it */
}
END_TEST

START_TEST(a_failed_sync_is_tried_again_as_a_repeat)
{
	const struct fake_result *results;
	start_peer();
	uint64_t id = post(2);
	unit_settle();
	answer(&seen[0], DELIVERY_VISIBLE);
	sync_failed(seen[0].delivery);
	unit_settle();
	ck_assert_uint_eq(seen_count, 1);
	ck_assert_uint_eq(fake_spool_results(spool, &results), 2);
	ck_assert_uint_eq(results[0].result.outcome, SPOOL_DEFERRED);
	active_flush(&active, index_find(&active.messages, id));
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert_uint_eq(seen_count, 2);
	ck_assert_uint_eq(seen[1].count, 2);
	ck_assert_uint_eq(seen[1].repeat, 1);
	answer(&seen[1], DELIVERY_VISIBLE);
	sync_done(seen[1].delivery);
	unit_settle();
	ck_assert(is_finished(id));
}
END_TEST

START_TEST(unreadable_content_waits)
{
	const struct recipient r = {.address = STR("bob@example.net"),
	    .original = STR("bob@example.net"),
	    .transport = TRANSPORT_LOCAL};
	start_peer();
	fake_spool_fail(spool, 0, EIO);
	uint64_t id = post_to(&r, 1, _i == 1);
	unit_settle();
	ck_assert_uint_eq(seen_count, 0);
	ck_assert(local_is_idle(&local));
	const struct message *m = index_find(&active.messages, id);
	ck_assert_uint_eq(message_recipients(m)[0].state, RECIPIENT_DEFERRED);
	fake_spool_fail(spool, 0, 0);
	active_flush(&active, index_find(&active.messages, id));
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert_uint_eq(seen_count, 1);
}
END_TEST

START_TEST(damaged_mail_is_not_tried_for_ever)
{
	const struct recipient r = {.address = STR("bob@example.net"),
	    .original = STR("bob@example.net"),
	    .transport = TRANSPORT_LOCAL};
	start_peer();
	fake_spool_fail(spool, 0, _i == 1 ? ENOENT : EBADMSG);
	uint64_t id = post_to(&r, 1, _i == 1);
	unit_settle();
	ck_assert_uint_eq(seen_count, 0);
	const struct message *m = index_find(&active.messages, id);
	ck_assert_uint_eq(message_recipients(m)[0].state, RECIPIENT_FAILED);
	ck_assert(!is_finished(id));
}
END_TEST

START_TEST(a_large_file_of_another_size_is_damaged)
{
	const struct recipient r = {.address = STR("bob@example.net"),
	    .original = STR("bob@example.net"),
	    .transport = TRANSPORT_LOCAL};
	uint64_t id = post_to(&r, 1, true);
	int fd = spool_large_open(spool, id);
	ck_assert_int_eq(ftruncate(fd, 5), 0);
	close(fd);
	start_peer();
	unit_settle();
	ck_assert_uint_eq(seen_count, 0);
	const struct message *m = index_find(&active.messages, id);
	ck_assert_uint_eq(message_recipients(m)[0].state, RECIPIENT_FAILED);
}
END_TEST

START_TEST(held_local_mail_stays)
{
	start_peer();
	local.hold = true;
	post(1);
	unit_settle();
	ck_assert_uint_eq(seen_count, 0);
	local.hold = false;
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert_uint_eq(seen_count, 1);
}
END_TEST

static const struct recipient other_list[] = {
    {.address = {"a@b", 3}, .original = {"a@b", 3}, .transport = TRANSPORT_DISCARD},
    {.address = {"c@d", 3},
	.original = {"c@d", 3},
	.nexthop = {"d", 1},
	.transport = TRANSPORT_REMOTE},
    {.address = {"e@f", 3}, .original = {"e@f", 3}, .transport = TRANSPORT_HOLD},
};

START_TEST(other_transports)
{
	uint64_t thrown = post_to(&other_list[0], 1, false),
		 kept = post_to(&other_list[1], 1, false);
	uint64_t held = post_to(&other_list[2], 1, false);
	unit_settle();
	ck_assert(is_finished(thrown));
	ck_assert(!is_finished(kept));
	ck_assert(!is_finished(held));
	ck_assert_uint_eq(fake_spool_count(spool).results, 0);
	uint64_t both = post_to(other_list, 2, false);
	unit_settle();
	ck_assert(!is_finished(both));
	ck_assert_uint_eq(index_find(&active.messages, both)->open, 1);
}
END_TEST

START_TEST(many_due_at_once_do_not_take_one_round)
{
	for (int i = 0; i < 1000; i++)
		post_to(&other_list[0], 1, false);
	unit_turn();
	ck_assert_uint_le(fake_spool_count(spool).finished, 600);
	unit_settle();
	ck_assert_uint_eq(fake_spool_count(spool).finished, 1000);
}
END_TEST

/* --- other servers ------------------------------------------------------ */

START_TEST(another_server_takes_it)
{
	struct recipient list[] = {other_list[1], other_list[1]};
	list[0].notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	list[0].orcpt = STR("rfc822;c@d");
	remote_peer_start(&remote, 0);
	uint64_t id = post_to(list, 2, _i == 1);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 1);
	const struct remote_seen *s = &remote_seen[0];
	ck_assert_uint_eq(s->id, id);
	ck_assert_uint_eq(s->count, 2);
	ck_assert_str_eq(s->nexthop, "d");
	ck_assert_str_eq(s->address, "c@d");
	ck_assert_str_eq(s->orcpt, "rfc822;c@d");
	ck_assert_uint_eq(s->notify, NOTIFY_FAILURE | NOTIFY_DELAY);
	ck_assert_str_eq(s->reverse_path, "ann@example.org");
	ck_assert_str_eq(s->content, _i == 1 ? "large content" : "Subject: x\r\n\r\n");
	ck_assert(!remote_is_idle(&remote));
	remote_peer_take(s);
	unit_settle();
	ck_assert(is_finished(id));
	ck_assert(remote_is_idle(&remote));
	ck_assert_uint_eq(active.delivered, 2);
}
END_TEST

static const struct {
	struct envelope envelope;
	uint8_t notify;
	struct str orcpt;
	bool plain;
} envelopes[] = {
    {.plain = true},
    {.envelope = {.flags = ENVELOPE_SMTPUTF8 | ENVELOPE_REQUIRETLS}, .plain = true},
    {.envelope = {.envid = STR("E1")}},
    {.envelope = {.ret = RET_HDRS}},
    {.notify = NOTIFY_NEVER},
    {.orcpt = STR("rfc822;c@d")},
};

START_TEST(a_plain_envelope_comes_from_memory_too)
{
	struct recipient r = other_list[1];
	struct content *c = content_new(STR("from memory"));
	uint64_t id = spool_next_id(spool) + 1;
	r.notify = envelopes[_i].notify;
	r.orcpt = envelopes[_i].orcpt;
	content_note_envelope(c, &envelopes[_i].envelope, &r, 1);
	contents_put(contents, c, id, loop_now_ms());
	remote_peer_start(&remote, 0);
	ck_assert_uint_eq(post_to(&r, 1, false), id);
	unit_settle();
	const struct remote_seen *s = &remote_seen[0];
	ck_assert_uint_eq(remote_seen_count, 1);
	ck_assert_uint_eq(fake_spool_count(spool).reads, !envelopes[_i].plain);
	ck_assert_str_eq(s->content, envelopes[_i].plain ? "from memory" : "Subject: x\r\n\r\n");
	ck_assert_str_eq(s->reverse_path, "ann@example.org");
	ck_assert_str_eq(s->address, "c@d");
	ck_assert_uint_eq(s->notify, r.notify);
	ck_assert(str_eq(str_from_cstr(s->orcpt), r.orcpt));
	if (envelopes[_i].plain)
		ck_assert_uint_eq(s->flags, envelopes[_i].envelope.flags);
}
END_TEST

START_TEST(remote_results_are_written_down)
{
	const struct recipient list[] = {other_list[1], other_list[1], other_list[1]};
	const struct fake_result *results;
	remote_peer_start(&remote, 0);
	uint64_t id = post_to(list, 3, false);
	unit_settle();
	struct remote_result answers[] = {
	    {.number = 2, .outcome = DELIVERY_TAKEN},
	    {.number = 0,
		.outcome = DELIVERY_FAILED,
		.status = STR("5.1.1"),
		.mta = STR("mx.d"),
		.reply = STR("550 no")},
	    {.number = 1,
		.outcome = DELIVERY_DEFERRED,
		.status = STR("5.0.0"),
		.text = STR("full")},
	};
	const struct msg_remote_results m = {.delivery = remote_seen[0].delivery,
	    .verdict = REMOTE_WORKS,
	    .results = answers,
	    .results_count = 3};
	remote_peer_send(0, &m);
	unit_settle();
	ck_assert(!is_finished(id));
	ck_assert_uint_eq(fake_spool_results(spool, &results), 3);
	static const struct {
		uint8_t number, outcome;
		const char *status, *mta, *reply, *text;
	} expected[] = {{0, SPOOL_FAILED, "5.1.1", "mx.d", "550 no", "550 no"},
	    {1, SPOOL_DEFERRED, "4.0.0", "", "", "full"}, /* what it says must fit what it is */
	    {2, SPOOL_DELIVERED, "", "", "", ""}};
	for (size_t i = 0; i < 3; i++) {
		const struct spool_result *r = &results[i].result;
		ck_assert_uint_eq(r->number, expected[i].number);
		ck_assert_uint_eq(r->outcome, expected[i].outcome);
		ck_assert(str_eq(r->status, str_from_cstr(expected[i].status)));
		ck_assert(str_eq(r->mta, str_from_cstr(expected[i].mta)));
		ck_assert(str_eq(r->reply, str_from_cstr(expected[i].reply)));
		ck_assert(str_eq(r->text, str_from_cstr(expected[i].text)));
	}
}
END_TEST

START_TEST(an_instance_dies)
{
	for (unsigned i = 0; i < 3; i++)
		remote_peer_start(&remote, i);
	uint64_t id = post_to(&other_list[1], 1, false);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 1);
	unsigned first = remote_seen[0].instance;
	post_to(&other_list[1], 1, false);
	unit_settle();
	ck_assert_uint_eq(remote_seen[1].instance, first); /* the same nexthop */
	remote_peer_kill(first);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 4); /* another tries both */
	ck_assert_uint_ne(remote_seen[2].instance, first);
	ck_assert_uint_eq(remote_seen[3].instance, remote_seen[2].instance);
	remote_peer_take(&remote_seen[2]);
	remote_peer_take(&remote_seen[3]);
	unit_settle();
	ck_assert(is_finished(id));
	ck_assert_uint_eq(active.messages.count, 0);
}
END_TEST

/* Whoever breaks the protocol loses its channel, and its deliveries go out again. */
static const struct {
	uint16_t number;
	uint8_t outcome, verdict;
	bool twice, unknown;
} bad_answers[] = {
    {7, DELIVERY_TAKEN, REMOTE_WORKS, false, false},
    {0, DELIVERY_VISIBLE, REMOTE_WORKS, false, false},
    {0, 0, REMOTE_WORKS, false, false},
    {0, 99, REMOTE_WORKS, false, false},
    {0, DELIVERY_TAKEN, 0, false, false},
    {0, DELIVERY_TAKEN, 9, false, false},
    {0, DELIVERY_DEFERRED, REMOTE_WORKS, true, false},
    {0, DELIVERY_FAILED, REMOTE_WORKS, true, false},
    {0, DELIVERY_TAKEN, REMOTE_WORKS, true, false},
    {0, DELIVERY_TAKEN, REMOTE_WORKS, false, true},
};

START_TEST(a_bad_deliver_remote_loses_its_channel)
{
	remote_peer_start(&remote, 0);
	uint64_t id = post_to(&other_list[1], 1, false);
	unit_settle();
	struct remote_result result = {
	    .number = bad_answers[_i].number, .outcome = bad_answers[_i].outcome};
	struct remote_result results[] = {result, result};
	const struct msg_remote_results m = {
	    .delivery = remote_seen[0].delivery + (bad_answers[_i].unknown ? 1 : 0),
	    .verdict = bad_answers[_i].verdict,
	    .results = results,
	    .results_count = bad_answers[_i].twice ? 2 : 1};
	remote_peer_send(0, &m);
	unit_settle();
	ck_assert(!remote_peer_lives(0));
	remote_peer_on_delivery = remote_peer_take;
	remote_peer_start(&remote, 0);
	unit_settle();
	/* A last word that was said before the fault counts. */
	ck_assert(is_finished(id) || bad_answers[_i].twice);
	ck_assert(remote_is_idle(&remote));
}
END_TEST

/* It says that a result has more hosts than it told of. */
START_TEST(more_hosts_than_were_told)
{
	struct remote_result result = {
	    .outcome = DELIVERY_DEFERRED, .tried = UINT8_MAX, .own = TRIED_MAX};
	remote_peer_start(&remote, 0);
	post_to(&other_list[1], 1, false);
	unit_settle();
	const struct msg_remote_results m = {.delivery = remote_seen[0].delivery,
	    .verdict = REMOTE_WORKS,
	    .results = &result,
	    .results_count = 1};
	remote_peer_send(0, &m);
	unit_settle();
	ck_assert(remote_peer_lives(0));
	ck_assert(remote_is_idle(&remote));
}
END_TEST

/* --- one behind the other ----------------------------------------------- */

static void one_at_a_time(void)
{
	const struct transport_policy p = {
	    .limit = 100, .destination = {.window_first = 1, .window_max = 1}};
	scheduler_set_transport(active.scheduler, TRANSPORT_REMOTE, &p);
	remote_peer_start(&remote, 0);
}

static unsigned slots(void)
{
	struct scheduler_figures f;
	scheduler_get_figures(active.scheduler, &f);
	return f.in_flight[TRANSPORT_REMOTE];
}

START_TEST(one_goes_behind_another)
{
	one_at_a_time();
	for (int i = 0; i < 3; i++)
		post_to(&other_list[1], 1, false);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 1);
	ck_assert_uint_eq(remote_seen[0].behind, 0);
	remote_peer_content_sent(&remote_seen[0]);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 2);
	ck_assert_uint_eq(remote_seen[1].behind, remote_seen[0].delivery);
	ck_assert_uint_eq(slots(), 1);
	/* In either order. */
	remote_peer_take(&remote_seen[_i]);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 2);
	ck_assert_uint_eq(slots(), 1);
	remote_peer_take(&remote_seen[1 - _i]);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 3);
	ck_assert_uint_eq(remote_seen[2].behind, 0);
	remote_peer_take(&remote_seen[2]);
	unit_settle();
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(slots(), 0);
}
END_TEST

/* It is ready again, as if nothing had been; the other one's slot stays its own. */
START_TEST(what_is_given_back_was_not_tried)
{
	one_at_a_time();
	uint64_t id = post_to(&other_list[1], 1, false);
	unit_settle();
	remote_peer_content_sent(&remote_seen[0]);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 1);
	uint64_t next = post_to(&other_list[1], 1, false); /* later than the offer */
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 2);
	if (_i == 1) {
		remote_peer_answer(&remote_seen[0], DELIVERY_DEFERRED, REMOTE_WORKS);
		unit_settle();
	}
	remote_peer_return(&remote_seen[1]);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, _i == 1 ? 3 : 2);
	ck_assert(!(index_find(&active.messages, next)->flags & MESSAGE_REPEAT));
	if (_i == 0) {
		remote_peer_take(&remote_seen[0]);
		unit_settle();
		ck_assert(is_finished(id));
	}
	ck_assert_uint_eq(remote_seen_count, 3);
	ck_assert_uint_eq(remote_seen[2].id, next);
	ck_assert_uint_eq(remote_seen[2].behind, 0);
	remote_peer_take(&remote_seen[2]);
	unit_settle();
	ck_assert(is_finished(next));
	ck_assert_uint_eq(slots(), 0);
}
END_TEST

/* A deliver-remote that dies repeats what was under way, once each. */
START_TEST(two_that_share_a_slot_are_repeated)
{
	one_at_a_time();
	for (int i = 0; i < 2; i++)
		post_to(&other_list[1], 1, false);
	unit_settle();
	remote_peer_content_sent(&remote_seen[0]);
	unit_settle();
	remote_peer_kill(0);
	unit_settle();
	ck_assert_uint_eq(slots(), 0);
	remote_peer_on_delivery = remote_peer_take;
	remote_peer_start(&remote, 0);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 4);
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(slots(), 0);
}
END_TEST

/* What is said twice, of a delivery that is behind another, or of one in a slot of its own. */
START_TEST(bad_offers_lose_the_channel)
{
	one_at_a_time();
	for (int i = 0; i < 2; i++)
		post_to(&other_list[1], 1, false);
	unit_settle();
	if (_i == 2) {
		remote_peer_return(&remote_seen[0]);
	} else {
		remote_peer_content_sent(&remote_seen[0]);
		unit_settle();
		remote_peer_content_sent(&remote_seen[_i]);
	}
	unit_settle();
	ck_assert(!remote_peer_lives(0));
	remote_peer_on_delivery = remote_peer_take;
	remote_peer_start(&remote, 0);
	unit_settle();
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(slots(), 0);
}
END_TEST

/* Of one that is given back nothing can have come of any recipient. */
START_TEST(given_back_with_a_result)
{
	const struct recipient two[] = {other_list[1], other_list[1]};
	struct remote_result result = {.number = 0, .outcome = DELIVERY_DEFERRED};
	one_at_a_time();
	for (int i = 0; i < 2; i++)
		post_to(two, 2, false);
	unit_settle();
	remote_peer_content_sent(&remote_seen[0]);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 2);
	const struct msg_remote_results m = {.delivery = remote_seen[1].delivery,
	    .verdict = REMOTE_WORKS,
	    .results = &result,
	    .results_count = 1};
	remote_peer_send(0, &m);
	remote_peer_return(&remote_seen[1]);
	unit_settle();
	ck_assert(!remote_peer_lives(0));
}
END_TEST

START_TEST(damaged_mail_fails_before_it_is_sent)
{
	remote_peer_start(&remote, 0);
	fake_spool_fail(spool, 0, _i == 0 ? EBADMSG : EIO);
	uint64_t id = post_to(&other_list[1], 1, false);
	unit_settle();
	ck_assert_uint_eq(remote_seen_count, 0);
	ck_assert_uint_eq(message_recipients(index_find(&active.messages, id))[0].state,
	    _i == 0 ? RECIPIENT_FAILED : RECIPIENT_DEFERRED);
	fake_spool_fail(spool, 0, 0);
}
END_TEST

/* --- a bad one ---------------------------------------------------------- */

static void result_for_unknown_delivery(void)
{
	answer_one(999999, 0, DELIVERY_VISIBLE);
}

static void result_for_foreign_recipient(void)
{
	answer_one(seen[0].delivery, 7, DELIVERY_VISIBLE);
}

static void result_twice(void)
{
	answer_one(seen[0].delivery, 0, DELIVERY_VISIBLE);
	answer_one(seen[0].delivery, 0, DELIVERY_VISIBLE);
}

static void unknown_outcome(void)
{
	answer_one(seen[0].delivery, 0, 0);
}

static void unknown_outcome_too_high(void)
{
	answer_one(seen[0].delivery, 0, 200);
}

static void durable_before_results(void)
{
	sync_done(seen[0].delivery);
}

static void not_durable_before_results(void)
{
	sync_failed(seen[0].delivery);
}

static void durable_with_results_missing(void)
{
	answer_one(seen[0].delivery, 0, DELIVERY_VISIBLE);
	sync_done(seen[0].delivery);
}

static void results_after_all_results(void)
{
	answer(&seen[0], DELIVERY_VISIBLE);
	answer(&seen[0], DELIVERY_FAILED);
}

/* None is missing then, so these would settle it twice. */
static void no_results_after_all_results(void)
{
	const struct msg_local_results m = {.delivery = seen[0].delivery};
	answer(&seen[0], DELIVERY_VISIBLE);
	msg_local_results_send(peer, &m, NULL);
}

static void (*const attacks[])(void) = {
    result_for_unknown_delivery,
    result_for_foreign_recipient,
    result_twice,
    unknown_outcome,
    unknown_outcome_too_high,
    durable_before_results,
    not_durable_before_results,
    durable_with_results_missing,
    results_after_all_results,
    no_results_after_all_results,
};
enum { ATTACKS = sizeof(attacks) / sizeof(attacks[0]) };

START_TEST(a_bad_one_loses_its_channel_only)
{
	start_peer();
	uint64_t id = post(2);
	unit_settle();
	attacks[_i]();
	unit_settle();
	ck_assert_ptr_null(peer);
	ck_assert(!is_finished(id));
	start_peer();
	unit_settle();
	ck_assert_uint_eq(seen_count, 2);
	ck_assert_uint_eq(seen[1].repeat, 1);
	ck_assert_uint_eq(seen[1].count, 2);
	ck_assert_uint_ne(seen[1].delivery, seen[0].delivery);
	answer(&seen[1], DELIVERY_VISIBLE);
	sync_done(seen[1].delivery);
	unit_settle();
	ck_assert(is_finished(id));
}
END_TEST

/* --- one that dies ------------------------------------------------------ */

START_TEST(repeat_stays_until_the_end)
{
	start_peer();
	uint64_t id = post(2);
	unit_settle();
	kill_peer();
	start_peer();
	unit_settle();
	ck_assert_uint_eq(seen[1].repeat, 1);
	answer_one(seen[1].delivery, 0, DELIVERY_DEFERRED);
	answer_one(seen[1].delivery, 1, DELIVERY_DEFERRED);
	unit_settle();
	active_flush(&active, index_find(&active.messages, id));
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert_uint_eq(seen_count, 3);
	ck_assert_uint_eq(seen[2].repeat, 1);
}
END_TEST

START_TEST(everything_recovered_is_a_repeat)
{
	uint64_t id = post(1);
	restart_queue();
	start_peer();
	uint64_t fresh = post(1);
	unit_settle();
	ck_assert_uint_eq(seen_count, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(seen[i].repeat, seen[i].id == id);
	ck_assert_uint_ne(fresh, id);
}
END_TEST

START_TEST(nothing_is_sent_without_a_channel)
{
	post(1);
	unit_settle();
	start_peer();
	unit_settle();
	ck_assert_uint_eq(seen_count, 1);
	ck_assert_uint_eq(seen[0].repeat, 0);
}
END_TEST

START_TEST(a_stopped_dispatch_begins_nothing)
{
	start_peer();
	post(1);
	unit_settle();
	dispatch_stop(&dispatch);
	post(1);
	unit_settle();
	ck_assert_uint_eq(seen_count, 1);
	answer(&seen[0], DELIVERY_VISIBLE);
	sync_done(seen[0].delivery);
	unit_settle();
	ck_assert(local_is_idle(&local));
}
END_TEST

/* Mailboxes that outlive their deliver-local, and where it dies. */
enum { FILES_MAX = 4096 };

static struct {
	uint64_t id;
	uint16_t number;
} files[FILES_MAX];
static size_t file_count;
static uint64_t unsynced[SEEN_MAX];
static size_t unsynced_count;
static bool dying;

static bool has_file(uint64_t id, uint16_t number)
{
	for (size_t i = 0; i < file_count; i++)
		if (files[i].id == id && files[i].number == number)
			return true;
	return false;
}

/* As deliver-local does: with repeat it looks first, without it it just writes. */
static void put_file(uint64_t id, uint16_t number, bool repeat)
{
	if (repeat && has_file(id, number))
		return;
	ck_assert(!has_file(id, number)); /* else somebody has it twice */
	ck_assert_uint_lt(file_count, FILES_MAX);
	files[file_count].id = id;
	files[file_count++].number = number;
}

static bool chance(int one_in)
{
	return rand() % one_in == 0;
}

static void behave(const struct seen *s)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	size_t n = 0;
	if (dying)
		return; /* read, but nothing done */
	for (size_t i = 0; i < s->count; i++) {
		if (chance(20)) {
			dying = true; /* in the middle of a delivery */
			return;
		}
		uint8_t outcome = chance(6) ? DELIVERY_DEFERRED : DELIVERY_VISIBLE;
		if (outcome == DELIVERY_VISIBLE)
			put_file(s->id, s->numbers[i], s->repeat != 0);
		results[n++] = (struct local_result){
		    .number = s->numbers[i], .outcome = outcome, .text = STR("not now")};
	}
	if (chance(10)) {
		dying = true; /* done, but not told */
		return;
	}
	const struct msg_local_results m = {
	    .delivery = s->delivery, .results = results, .results_count = n};
	msg_local_results_send(peer, &m, NULL);
	unsynced[unsynced_count++] = s->delivery;
}

static void sync_mailboxes(void)
{
	bool works = !chance(5);
	for (size_t i = 0; i < unsynced_count && peer != NULL; i++)
		(works ? sync_done : sync_failed)(unsynced[i]);
	unsynced_count = 0;
}

static void flush_everything(void)
{
	uint64_t id = 0;
	for (struct message *m; (m = index_after(&active.messages, id)) != NULL; id = m->id)
		active_flush(&active, m);
	dispatch_soon(&dispatch);
}

static void restart_peer(void)
{
	kill_peer();
	dying = false;
	unsynced_count = 0;
	seen_count = 0;
	start_peer();
}

START_TEST(no_death_loses_or_doubles_anything)
{
	static uint64_t ids[300];
	const size_t all = unit_wants_few_rounds() ? 60 : 300;
	size_t posted = 0, expected = 0;
	srand((unsigned)_i * 77 + 5);
	file_count = 0;
	on_delivery = behave;
	restart_peer();
	for (int step = 0; step < 3000 && (posted < all || active.messages.count > 0); step++) {
		if (posted < all && chance(3)) {
			size_t count = chance(10) ? 1 + (size_t)rand() % 8 : 1;
			ids[posted++] = post(count);
			expected += count;
		}
		unit_settle();
		if (chance(8))
			sync_mailboxes();
		if (chance(60))
			restart_queue();
		if (dying || peer == NULL || chance(100))
			restart_peer();
		if (chance(10))
			flush_everything();
	}
	ck_assert_uint_eq(posted, all);
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(file_count, expected);
	for (size_t i = 0; i < posted; i++)
		ck_assert(is_finished(ids[i]));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("dispatch");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, visible_then_durable_then_finished, 0, 2);
	tcase_add_test(tc, content_comes_from_memory_while_it_is_there);
	tcase_add_test(tc, many_recipients_go_in_packets);
	tcase_add_test(tc, the_window_bounds_what_is_under_way);
	tcase_add_test(tc, deferred_and_failed_are_kept);
	tcase_add_test(tc, a_failed_sync_is_tried_again_as_a_repeat);
	tcase_add_loop_test(tc, unreadable_content_waits, 0, 2);
	tcase_add_loop_test(tc, damaged_mail_is_not_tried_for_ever, 0, 2);
	tcase_add_test(tc, a_large_file_of_another_size_is_damaged);
	tcase_add_test(tc, held_local_mail_stays);
	tcase_add_test(tc, other_transports);
	tcase_add_test(tc, many_due_at_once_do_not_take_one_round);
	tcase_add_loop_test(tc, another_server_takes_it, 0, 2);
	tcase_add_loop_test(tc, a_plain_envelope_comes_from_memory_too, 0,
	    (int)(sizeof(envelopes) / sizeof(envelopes[0])));
	tcase_add_test(tc, remote_results_are_written_down);
	tcase_add_test(tc, an_instance_dies);
	tcase_add_loop_test(tc, one_goes_behind_another, 0, 2);
	tcase_add_loop_test(tc, what_is_given_back_was_not_tried, 0, 2);
	tcase_add_test(tc, two_that_share_a_slot_are_repeated);
	tcase_add_loop_test(tc, bad_offers_lose_the_channel, 0, 3);
	tcase_add_loop_test(tc, a_bad_deliver_remote_loses_its_channel, 0,
	    (int)(sizeof(bad_answers) / sizeof(bad_answers[0])));
	tcase_add_test(tc, more_hosts_than_were_told);
	tcase_add_test(tc, given_back_with_a_result);
	tcase_add_loop_test(tc, damaged_mail_fails_before_it_is_sent, 0, 2);
	tcase_add_loop_test(tc, a_bad_one_loses_its_channel_only, 0, ATTACKS);
	tcase_add_test(tc, repeat_stays_until_the_end);
	tcase_add_test(tc, everything_recovered_is_a_repeat);
	tcase_add_test(tc, nothing_is_sent_without_a_channel);
	tcase_add_test(tc, a_stopped_dispatch_begins_nothing);
	tcase_add_loop_test(tc, no_death_loses_or_doubles_anything, 0, (int)unit_times(20));
	return unit_run_case("dispatch", tc);
}
