/* SPDX-License-Identifier: ISC
 *
 * The operator's side of queue: lists, figures, one message's text, flushes, who may
 * do what, and that a long list waits for its reader.
 */
#include "queue/operator-internal.h"
#include "queue/queue-client.h"
#include "tests/unit/fake-spool.h"
#include "tests/unit/remote-peer.h"
#include "common/log.h"
#include "common/mem.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

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
static struct operators operators;
static struct spool *spool;

static struct channel *client; /* NULL: queue closed it */
static size_t entries, waiting, ends;
static uint64_t last_id;
static bool last_ok, last_denied;
static struct waiting_recipient last_waiting;
static char last_reason[128], end_text[128], sender[64];
static struct msg_queue_figures figures;
static struct buf text;

static bool got_entry(void *ctx, const struct msg_queue_entry *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert_uint_gt(m->id, last_id);
	entries++;
	last_id = m->id;
	waiting = m->waiting_count;
	snprintf(sender, sizeof(sender), "%.*s", STR_ARG(m->reverse_path));
	if (waiting > 0) {
		last_waiting = m->waiting[waiting - 1];
		snprintf(last_reason, sizeof(last_reason), "%.*s", STR_ARG(last_waiting.reason));
	}
	return true;
}

static bool got_chunk(void *ctx, const struct msg_queue_chunk *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert(buf_append_str(&text, m->text));
	return true;
}

static bool got_figures(void *ctx, const struct msg_queue_figures *m, int *fds)
{
	(void)ctx;
	(void)fds;
	figures = *m;
	return true;
}

static bool got_end(void *ctx, const struct msg_queue_end *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ends++;
	last_ok = m->ok;
	last_denied = m->denied;
	snprintf(end_text, sizeof(end_text), "%.*s", STR_ARG(m->text));
	return true;
}

static const struct msg_queue_list everything = {.limit = UINT32_MAX};

static struct msg_queue_destination destinations[8];
static char destination_names[8][64], destination_reason[128], reason_text[128];
static struct queue_age all_ages[16];
static size_t destination_count, reason_count, event_count;
static uint64_t last_serial;
static char event_status[20];

static bool got_destination(void *ctx, const struct msg_queue_destination *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert_uint_lt(destination_count, 8);
	snprintf(destination_names[destination_count], 64, "%.*s", STR_ARG(m->name));
	snprintf(destination_reason, sizeof(destination_reason), "%.*s", STR_ARG(m->reason));
	if (m->transport == 0)
		memcpy(all_ages, m->ages, m->ages_count * sizeof(all_ages[0]));
	destinations[destination_count++] = *m;
	return true;
}

static bool got_reason(void *ctx, const struct msg_queue_reason *m, int *fds)
{
	(void)ctx;
	(void)fds;
	reason_count++;
	snprintf(reason_text, sizeof(reason_text), "%.*s", STR_ARG(m->text));
	return true;
}

static bool got_event(void *ctx, const struct msg_queue_event *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert_uint_gt(m->serial, last_serial);
	last_serial = m->serial;
	event_count++;
	snprintf(event_status, sizeof(event_status), "%.*s", STR_ARG(m->status));
	return true;
}

static const struct operator_queue_client_handlers handlers = {
    .queue_destination = got_destination,
    .queue_reason = got_reason,
    .queue_event = got_event,
    .queue_entry = got_entry,
    .queue_chunk = got_chunk,
    .queue_figures = got_figures,
    .queue_end = got_end,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)why;
	channel_free(channel);
	client = NULL;
}

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	(void)ctx;
	(void)id;
	(void)error;
	active_commit(&active, tag, place);
}

static const struct spool_events events = {.on_committed = on_committed};

static void connect_client(void)
{
	int pair[2];
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	operators_connect(&operators, pair[0]);
	client = channel_new(pair[1], &operator_queue_client, &handlers, NULL, on_closed);
	unit_settle();
}

static void setup(void)
{
	static const struct transport_policy roomy = {
	    .limit = 1000, .destination = {.window_first = 1000, .window_max = 1000}};
	log_set_fd(open("/dev/null", O_WRONLY));
	spool = fake_spool_new(&events, NULL);
	active_init(&active, 7);
	for (int i = TRANSPORT_LOCAL; i < TRANSPORT_COUNT; i++)
		scheduler_set_transport(active.scheduler, (enum transport)i, &roomy);
	active.spool = spool;
	contents = contents_new(1 << 20);
	reader_init(&reader, &active, contents);
	local_init(&local, &active, &reader);
	remote_init(&remote, &active, &reader);
	reader_set_spool(&reader, spool);
	remote_peer_on_delivery = remote_peer_defer;
	remote_peer_start(&remote, 0);
	dispatch_init(&dispatch, &active, &local, &remote);
	operators_init(&operators, &active, &dispatch);
	operators.spool = spool;
	buf_init(&text, 64 << 20);
	entries = waiting = ends = 0;
	last_id = 0;
	connect_client();
}

static void teardown(void)
{
	channel_free(client);
	unit_settle();
	operators_reset(&operators);
	dispatch_reset(&dispatch);
	remote_peer_reset();
	local_reset(&local);
	remote_reset(&remote);
	reader_reset(&reader);
	contents_free(contents);
	active_reset(&active);
	fake_spool_free(spool);
	buf_release(&text);
}

static uint16_t posted_flags;

static uint64_t post(size_t count, uint8_t transport, bool large)
{
	static struct recipient list[300];
	for (size_t i = 0; i < count; i++)
		list[i] = (struct recipient){.address = STR("bob@example.net"),
		    .original = STR("info@example.net"),
		    .nexthop = STR("example.net"),
		    .transport = transport};
	const struct envelope e = {.arrival = 1700000000000,
	    .reverse_path = STR("ann@example.org"),
	    .client = STR("[192.0.2.1]"),
	    .helo = STR("there.example.org"),
	    .session = STR("s7"),
	    .flags = posted_flags};
	struct spool_message m = {.envelope = &e,
	    .recipients = list,
	    .recipient_count = count,
	    .content = STR("Subject: x\r\n\r\nhello\r\n"),
	    .large = large};
	uint64_t id = spool_next_id(spool);
	if (large) {
		static char octets[200000];
		memset(octets, 'x', sizeof(octets));
		int fd = spool_large_create(spool, id);
		ck_assert_int_eq(write(fd, octets, sizeof(octets)), (ssize_t)sizeof(octets));
		close(fd);
		m.content = (struct str){NULL, 0};
		m.large_size = sizeof(octets);
	}
	uint64_t size = large ? m.large_size : m.content.n;
	spool_submit(spool, id, &m, message_new(active.scheduler, id, &e, list, count, size));
	fake_spool_commit(spool, 0);
	return id;
}

static void ask_list(uint64_t after, uint32_t limit)
{
	const struct msg_queue_list m = {.after = after, .limit = limit};
	ck_assert(msg_queue_list_send(client, &m, NULL));
	unit_settle();
}

static void ask_show(uint64_t id)
{
	const struct msg_queue_show m = {.id = id};
	ck_assert(msg_queue_show_send(client, &m, NULL));
	unit_settle();
}

static void ask_flush(uint64_t id)
{
	const struct msg_queue_flush m = {.id = id};
	ck_assert(msg_queue_flush_send(client, &m, NULL));
	unit_settle();
}

static void ask_stats(void)
{
	ck_assert(msg_queue_stats_send(client, &(struct msg_queue_stats){}, NULL));
	unit_settle();
}

static bool shows(const char *what)
{
	return buf_len(&text) > 0 &&
	       memmem(buf_data(&text), buf_len(&text), what, strlen(what)) != NULL;
}

static void become_stranger(void)
{
	operators.own_uid = geteuid() + 1;
	if (geteuid() == 0) {
		ck_assert_int_eq(seteuid(12345), 0);
		channel_free(client);
		unit_settle();
		connect_client();
		ck_assert_int_eq(seteuid(0), 0);
	}
}

/* --- lists -------------------------------------------------------------- */

START_TEST(an_empty_queue_has_an_empty_list)
{
	ask_list(0, UINT32_MAX);
	ck_assert_uint_eq(entries, 0);
	ck_assert_uint_eq(ends, 1);
	ck_assert(last_ok);
}
END_TEST

START_TEST(a_list_has_its_bounds)
{
	uint64_t ids[10];
	for (int i = 0; i < 10; i++)
		ids[i] = post(1, TRANSPORT_LOCAL, false);
	ask_list(ids[2], 4);
	ck_assert_uint_eq(entries, 4);
	ck_assert_uint_eq(last_id, ids[6]);
	ask_list(ids[6], UINT32_MAX);
	ck_assert_uint_eq(entries, 7);
	ck_assert_uint_eq(last_id, ids[9]);
	ask_list(ids[9], 0);
	ck_assert_uint_eq(entries, 7);
	ck_assert_uint_eq(ends, 3);
}
END_TEST

START_TEST(an_entry_says_why_and_when)
{
	post(250, TRANSPORT_REMOTE, false);
	dispatch_soon(&dispatch);
	unit_settle();
	ask_list(0, UINT32_MAX);
	ck_assert_uint_eq(entries, 1);
	ck_assert_uint_eq(waiting, RECIPIENTS_PER_PACKET);
	ck_assert_str_eq(sender, "ann@example.org");
	ck_assert_uint_eq(last_waiting.state, RECIPIENT_DEFERRED);
	ck_assert_uint_eq(last_waiting.attempts, 1);
	ck_assert_uint_gt(last_waiting.next_try, loop_wall_ms() + 30000);
	ck_assert_str_eq(last_reason, "connection refused");
}
END_TEST

enum { LONG = 20000 };

START_TEST(a_long_list_comes_whole)
{
	for (int i = 0; i < LONG; i++)
		post(1, TRANSPORT_LOCAL, false);
	const struct msg_queue_list m = {.limit = UINT32_MAX};
	ck_assert(msg_queue_list_send(client, &m, NULL));
	while (ends == 0)
		unit_wait();
	ck_assert_uint_eq(entries, LONG);
	ck_assert(last_ok);
}
END_TEST

START_TEST(a_long_list_waits_for_its_reader)
{
	int pair[2];
	for (int i = 0; i < LONG; i++)
		post(1, TRANSPORT_LOCAL, false);
	channel_free(client);
	client = NULL;
	unit_settle();
	/* one that asks, stays, and never reads */
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	struct channel *asker =
	    channel_new(dup(pair[1]), &operator_queue_client, &handlers, NULL, on_closed);
	const struct msg_queue_list m = {.limit = UINT32_MAX};
	ck_assert(msg_queue_list_send(asker, &m, NULL));
	channel_free(asker);
	operators_connect(&operators, pair[0]);
	for (int i = 0; i < 10; i++)
		unit_settle();
	ck_assert_uint_eq(operators.count, 1);
	const struct operator_connection *c = operators.connections;
	ck_assert_uint_eq(c->count, 1);
	ck_assert_uint_lt(c->asks[c->first].limit, UINT32_MAX);
	ck_assert_uint_gt(c->asks[c->first].limit, UINT32_MAX - LONG);
	ck_assert_uint_le(channel_backlog(c->channel), OPERATOR_BACKLOG + PACKET_MAX);
	close(pair[1]);
	unit_settle();
	ck_assert_uint_eq(operators.count, 0);
}
END_TEST

/* --- figures ------------------------------------------------------------ */

START_TEST(figures_add_up)
{
	post(3, TRANSPORT_REMOTE, false);
	post(1, TRANSPORT_DISCARD, false);
	dispatch_soon(&dispatch);
	unit_settle();
	ask_stats();
	ck_assert(last_ok);
	ck_assert_uint_eq(figures.messages, 1);
	ck_assert_uint_eq(figures.recipients, 3);
	ck_assert_uint_eq(figures.octets, 21);
	ck_assert_uint_eq(figures.oldest, 1700000000000);
	ck_assert_uint_eq(figures.accepted, 2);
	ck_assert_uint_eq(figures.delivered, 1);
	ck_assert_uint_eq(figures.deferred, 3);
	ck_assert_uint_eq(figures.segments, 1);
}
END_TEST

/* --- one message -------------------------------------------------------- */

START_TEST(show_tells_all)
{
	uint64_t id = post(2, TRANSPORT_REMOTE, false);
	dispatch_soon(&dispatch);
	unit_settle();
	ask_show(id);
	ck_assert_uint_eq(ends, 1);
	ck_assert(last_ok);
	static const char *const parts[] = {"sender: <ann@example.org>", "client: [192.0.2.1]",
	    "helo: there.example.org", "session: s7", "recipient: bob@example.net",
	    "original: info@example.net", "state: deferred", "attempts: 1",
	    "next try: ", "reason: connection refused", "Subject: x\r\n\r\nhello\r\n"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ck_assert_msg(shows(parts[i]), "%s is missing in %.*s", parts[i],
		    (int)buf_len(&text), (const char *)buf_data(&text));
}
END_TEST

START_TEST(show_tells_what_is_wanted_of_tls)
{
	static const uint16_t flags[] = {ENVELOPE_REQUIRETLS, ENVELOPE_TLS_OPTIONAL, 0};
	static const char *const said[] = {
	    "tls: required all the way (REQUIRETLS)\n", "tls: optional (TLS-Required: No)\n", NULL};
	posted_flags = flags[_i];
	ask_show(post(1, TRANSPORT_REMOTE, false));
	ck_assert(last_ok);
	ck_assert(shows(said[_i] == NULL ? "session: s7" : said[_i]));
	ck_assert_int_eq(shows("tls: "), said[_i] != NULL);
}
END_TEST

START_TEST(show_of_a_large_one_comes_in_pieces)
{
	ask_show(post(300, TRANSPORT_LOCAL, true));
	ck_assert(last_ok);
	ck_assert_uint_gt(buf_len(&text), 200000 + 300 * 40);
	ck_assert_uint_lt(buf_len(&text), 200000 + 300 * 200);
}
END_TEST

START_TEST(show_says_what_it_cannot)
{
	uint64_t id = post(1, TRANSPORT_LOCAL, _i == 1);
	ask_show(id + 1);
	ck_assert(!last_ok);
	ck_assert_str_eq(end_text, "there is no such message in the queue");
	fake_spool_fail(spool, 0, 5);
	ask_show(id);
	ck_assert(!last_ok);
	ck_assert_uint_eq(ends, 2);
}
END_TEST

/* --- flush -------------------------------------------------------------- */

/* Until so many deferrals were written down, and no more come. */
static void settle_until(size_t results)
{
	for (int i = 0; i < 100 && fake_spool_count(spool).results < results; i++)
		unit_settle();
	unit_settle();
	ck_assert_uint_eq(fake_spool_count(spool).results, results);
}

START_TEST(flush_one_or_all)
{
	uint64_t first = post(1, TRANSPORT_REMOTE, false);
	for (int i = 0; i < 1200; i++)
		post(1, TRANSPORT_REMOTE, false);
	dispatch_soon(&dispatch);
	settle_until(1201);
	ask_flush(first);
	ck_assert(last_ok);
	settle_until(1202);
	ask_flush(0);
	settle_until(2403);
	ask_flush(1);
	ck_assert(!last_ok);
}
END_TEST

/* --- the commands' side ------------------------------------------------- */

static int connect_command(void)
{
	int pair[2];
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	operators_connect(&operators, pair[0]);
	return pair[1];
}

START_TEST(commands_print_what_they_get)
{
	char *output = NULL;
	size_t size;
	struct queue_print print = {.out = open_memstream(&output, &size)};
	uint64_t id = post(1, TRANSPORT_LOCAL, false);
	ck_assert_int_eq(queue_client_list(connect_command(), &print, &everything), 0);
	ck_assert_int_eq(queue_client_stats(connect_command(), &print, 20), 0);
	ck_assert_int_eq(queue_client_show(connect_command(), &print, id), 0);
	ck_assert_int_eq(queue_client_flush(connect_command(), &print, id), 0);
	ck_assert_int_eq(queue_client_flush(connect_command(), &print, id + 1), 69);
	fclose(print.out);
	ck_assert_ptr_nonnull(strstr(output, "-- 1 Kbytes in 1 Request.\n"));
	ck_assert_ptr_nonnull(strstr(output, "messages waiting             1\n"));
	ck_assert_ptr_nonnull(strstr(output, "Subject: x\n\nhello\n"));
	free(output);
	unit_settle();
	ck_assert_uint_eq(operators.count, 1);
}
END_TEST

START_TEST(a_command_says_that_queue_went_away)
{
	struct queue_print print = {.out = stdout};
	int pair[2];
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	close(pair[0]);
	ck_assert_int_eq(queue_client_list(pair[1], &print, &everything), 75);
}
END_TEST

/* --- filters, changes, statistics --------------------------------------- */

static size_t listed(struct msg_queue_list m)
{
	size_t before = entries;
	last_id = 0;
	m.limit = UINT32_MAX;
	ck_assert(msg_queue_list_send(client, &m, NULL));
	unit_settle();
	return entries - before;
}

#define LISTED(...) listed((struct msg_queue_list){__VA_ARGS__})

START_TEST(lists_can_be_filtered)
{
	local.hold = true;
	post(1, TRANSPORT_LOCAL, false);
	post(1, TRANSPORT_REMOTE, false);
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert_uint_eq(LISTED(), 2);
	ck_assert_uint_eq(LISTED(.sender = STR("ANN@example.org")), 2);
	ck_assert_uint_eq(LISTED(.sender = STR("@example.org")), 2);
	ck_assert_uint_eq(LISTED(.sender = STR("@example.com")), 0);
	ck_assert_uint_eq(LISTED(.sender = STR("<>")), 0);
	ck_assert_uint_eq(LISTED(.states = RECIPIENT_DEFERRED), 1);
	ck_assert_uint_eq(LISTED(.states = RECIPIENT_HELD), 0);
	ck_assert_uint_eq(LISTED(.recipient = STR("bob@example.net")), 2);
	ck_assert_uint_eq(LISTED(.recipient = STR("carl@example.net")), 0);
	ck_assert_uint_eq(LISTED(.destination = STR("EXAMPLE.net")), 2);
	ck_assert_uint_eq(
	    LISTED(.destination = STR("example.net"), .states = RECIPIENT_DEFERRED), 1);
	ck_assert_uint_eq(LISTED(.before = 1), 0);
	ck_assert_uint_eq(LISTED(.before = UINT64_MAX), 2);
}
END_TEST

static void hold(uint64_t id)
{
	ck_assert(msg_queue_hold_send(client, &(struct msg_queue_hold){.id = id}, NULL));
	unit_settle();
}

static void release(uint64_t id)
{
	ck_assert(msg_queue_release_send(client, &(struct msg_queue_release){.id = id}, NULL));
	unit_settle();
}

static void delete (uint64_t id)
{
	ck_assert(msg_queue_delete_send(client, &(struct msg_queue_delete){.id = id}, NULL));
	unit_settle();
}

START_TEST(held_released_and_deleted)
{
	uint64_t id = post(1, TRANSPORT_REMOTE, false);
	hold(id);
	ck_assert(last_ok);
	ck_assert_uint_eq(LISTED(.states = RECIPIENT_HELD), 1);
	release(id);
	ck_assert(last_ok);
	ck_assert_uint_eq(LISTED(.states = RECIPIENT_HELD), 0);
	delete (id);
	ck_assert(last_ok);
	unit_settle();
	ck_assert_uint_eq(LISTED(), 0);
	delete (id);
	ck_assert(!last_ok);
	hold(id);
	ck_assert(!last_ok);
	release(id);
	ck_assert(!last_ok);
}
END_TEST

START_TEST(strangers_change_nothing)
{
	uint64_t id = post(1, TRANSPORT_REMOTE, false);
	become_stranger();
	hold(id);
	ck_assert(!last_ok && last_denied);
	release(id);
	ck_assert(!last_ok && last_denied);
	delete (id);
	ck_assert(!last_ok && last_denied);
	ck_assert_uint_eq(LISTED(), 1);
	ck_assert(!last_denied);
}
END_TEST

static void ask_destinations(bool count)
{
	const struct msg_queue_destinations m = {.limit = 5, .count = count};
	destination_count = reason_count = 0;
	ck_assert(msg_queue_destinations_send(client, &m, NULL));
	unit_settle();
	ck_assert(last_ok);
}

START_TEST(destinations_ages_and_reasons)
{
	local.hold = true;
	post(2, TRANSPORT_LOCAL, false);
	post(1, TRANSPORT_REMOTE, false);
	dispatch_soon(&dispatch);
	unit_settle();
	ask_destinations(true);
	ck_assert_uint_eq(destination_count, 3);
	ck_assert_str_eq(destination_names[0], "");
	ck_assert_uint_eq(destinations[0].recipients, 3);
	ck_assert_uint_eq(destinations[0].messages, 2);
	ck_assert_uint_eq(destinations[1].recipients, 2);
	ck_assert_uint_eq(destinations[1].transport, TRANSPORT_LOCAL);
	ck_assert_uint_eq(destinations[2].recipients, 1);
	ck_assert_uint_gt(destinations[2].oldest, 0);
	ck_assert_str_eq(destination_reason, "connection refused");
	ck_assert_uint_eq(reason_count, 1);
	ck_assert_str_eq(reason_text, "connection refused");
	uint32_t sum = 0;
	for (size_t i = 0; i < 16; i++)
		sum += all_ages[i].recipients;
	ck_assert_uint_eq(sum, 3);
	ask_destinations(false);
	ck_assert_uint_eq(destination_count, 2);
	ck_assert_uint_eq(reason_count, 0);
}
END_TEST

START_TEST(recent_deliveries_are_told_once)
{
	post(1, TRANSPORT_REMOTE, false);
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert(msg_queue_recent_send(client, &(struct msg_queue_recent){.after = 0}, NULL));
	unit_settle();
	ck_assert_uint_eq(event_count, 1);
	ck_assert_str_eq(event_status, "deferred");
	ck_assert(
	    msg_queue_recent_send(client, &(struct msg_queue_recent){.after = last_serial}, NULL));
	unit_settle();
	ck_assert_uint_eq(event_count, 1);
	for (int i = 0; i < 200; i++)
		post(1, TRANSPORT_DISCARD, false);
	dispatch_soon(&dispatch);
	unit_settle();
	ck_assert(
	    msg_queue_recent_send(client, &(struct msg_queue_recent){.after = last_serial}, NULL));
	unit_settle();
	ck_assert_uint_eq(event_count, 1 + 64);
	ck_assert_str_eq(event_status, "sent");
}
END_TEST

START_TEST(an_asker_may_leave_in_the_middle)
{
	for (int i = 0; i < 10; i++) {
		const struct msg_queue_list m = {.limit = 1, .sender = STR("x@example.org")};
		ck_assert(msg_queue_list_send(client, &m, NULL));
		ck_assert(msg_queue_destinations_send(
		    client, &(struct msg_queue_destinations){.limit = 5, .count = 1}, NULL));
		if (i == 7)
			break;
	}
	unit_settle();
	channel_free(client);
	client = NULL;
	unit_settle();
	ck_assert_uint_eq(operators.count, 0);
}
END_TEST

START_TEST(commands_change_many)
{
	struct queue_ids ids = {0};
	size_t changed;
	for (int i = 0; i < 50; i++)
		post(1, TRANSPORT_REMOTE, false);
	ck_assert_int_eq(queue_client_collect(connect_command(), &everything, &ids), 0);
	ck_assert_uint_eq(ids.count, 50);
	ck_assert_int_eq(queue_client_change(connect_command(), QUEUE_HOLD, &ids, &changed), 0);
	ck_assert_uint_eq(changed, 50);
	queue_ids_add(&ids, 1); /* is not there */
	ck_assert_int_eq(queue_client_change(connect_command(), QUEUE_DELETE, &ids, &changed), 0);
	ck_assert_uint_eq(changed, 50);
	ck_assert_int_eq(queue_client_change(connect_command(), QUEUE_DELETE, &ids, &changed), 69);
	ck_assert_uint_eq(changed, 0);
	queue_ids_reset(&ids);
}
END_TEST

/* --- who, and how much -------------------------------------------------- */

START_TEST(strangers_may_list_and_count_only)
{
	uint64_t id = post(1, TRANSPORT_LOCAL, false);
	become_stranger();
	ask_list(0, UINT32_MAX);
	ck_assert(last_ok);
	ck_assert_uint_eq(entries, 1);
	ask_stats();
	ck_assert(last_ok);
	ask_show(id);
	ck_assert(!last_ok);
	ck_assert_uint_eq(buf_len(&text), 0);
	ask_flush(0);
	ck_assert(!last_ok && last_denied);
	ck_assert_uint_eq(ends, 4);
}
END_TEST

START_TEST(asks_are_answered_in_turn)
{
	post(1, TRANSPORT_LOCAL, false);
	for (int i = 0; i < OPERATOR_ASKS_MAX / 2; i++) {
		const struct msg_queue_list m = {.after = UINT64_MAX, .limit = 1};
		ck_assert(msg_queue_list_send(client, &m, NULL));
		ck_assert(msg_queue_stats_send(client, &(struct msg_queue_stats){}, NULL));
	}
	unit_settle();
	ck_assert_uint_eq(ends, OPERATOR_ASKS_MAX);
	ck_assert_ptr_nonnull(client);
}
END_TEST

START_TEST(too_many_asks_cost_the_connection)
{
	for (int i = 0; i <= OPERATOR_ASKS_MAX; i++) {
		const struct msg_queue_flush m = {.id = 0};
		msg_queue_flush_send(client, &m, NULL);
	}
	unit_settle();
	ck_assert_ptr_null(client);
	ck_assert_uint_eq(operators.count, 0);
}
END_TEST

START_TEST(connections_are_bounded)
{
	int pair[2];
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(
		    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
		operators_connect(&operators, pair[0]);
		ck_assert_uint_le(operators.count, OPERATORS_MAX);
	}
	ck_assert_uint_eq(operators.count, OPERATORS_MAX);
}
END_TEST

START_TEST(junk_costs_the_connection)
{
	int pair[2];
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	operators_connect(&operators, pair[0]);
	ck_assert_uint_eq(operators.count, 2);
	ck_assert_int_eq(send(pair[1], "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
	unit_settle();
	ck_assert_uint_eq(operators.count, 1);
	close(pair[1]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("operator");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, an_empty_queue_has_an_empty_list);
	tcase_add_test(tc, a_list_has_its_bounds);
	tcase_add_test(tc, an_entry_says_why_and_when);
	tcase_add_test(tc, a_long_list_comes_whole);
	tcase_add_test(tc, a_long_list_waits_for_its_reader);
	tcase_add_test(tc, figures_add_up);
	tcase_add_test(tc, show_tells_all);
	tcase_add_loop_test(tc, show_tells_what_is_wanted_of_tls, 0, 3);
	tcase_add_test(tc, show_of_a_large_one_comes_in_pieces);
	tcase_add_loop_test(tc, show_says_what_it_cannot, 0, 2);
	tcase_add_test(tc, flush_one_or_all);
	tcase_add_test(tc, commands_print_what_they_get);
	tcase_add_test(tc, lists_can_be_filtered);
	tcase_add_test(tc, held_released_and_deleted);
	tcase_add_test(tc, strangers_change_nothing);
	tcase_add_test(tc, destinations_ages_and_reasons);
	tcase_add_test(tc, recent_deliveries_are_told_once);
	tcase_add_test(tc, an_asker_may_leave_in_the_middle);
	tcase_add_test(tc, commands_change_many);
	tcase_add_test(tc, a_command_says_that_queue_went_away);
	tcase_add_test(tc, strangers_may_list_and_count_only);
	tcase_add_test(tc, asks_are_answered_in_turn);
	tcase_add_test(tc, too_many_asks_cost_the_connection);
	tcase_add_test(tc, connections_are_bounded);
	tcase_add_test(tc, junk_costs_the_connection);
	return unit_run_case("operator", tc);
}
