/* SPDX-License-Identifier: ISC
 *
 * The intake protocol over a real socket pair and a spool in memory: what an honest
 * smtpd gets, what every kind of dishonest one gets, and that nothing is delivered
 * which was not answered.
 */
#include "queue/intake-internal.h"
#include "queue/intake.h"
#include "tests/unit/fake-spool.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/msg-smtpd-queue.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct active active;
static struct intake intake;
static struct spool *spool;

/* One smtpd worker, as the test plays it. */
struct worker {
	struct channel *channel; /* NULL: queue closed it */
	unsigned committed, refused, files, intakes;
	uint32_t last_cookie;
	uint64_t last_id;
	uint16_t last_code;
	char last_enhanced[16];
	bool open;
	int fd; /* of the last large file */
};

static struct worker w, w2;

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	intake_on_committed(ctx, tag, id, place, error);
}

static const struct spool_events events = {.on_committed = on_committed};

static bool got_large_file(void *ctx, const struct msg_large_file *m, int *fds)
{
	struct worker *me = ctx;
	me->files++;
	me->last_cookie = m->cookie;
	me->fd = fds[0];
	fds[0] = -1;
	return true;
}

static bool got_committed(void *ctx, const struct msg_committed *m, int *fds)
{
	struct worker *me = ctx;
	(void)fds;
	me->committed++;
	me->last_cookie = m->cookie;
	me->last_id = m->id;
	return true;
}

static bool got_refused(void *ctx, const struct msg_refused *m, int *fds)
{
	struct worker *me = ctx;
	(void)fds;
	me->refused++;
	me->last_cookie = m->cookie;
	me->last_code = m->code;
	snprintf(me->last_enhanced, sizeof(me->last_enhanced), "%.*s", STR_ARG(m->enhanced));
	ck_assert_uint_gt(m->text.n, 0);
	return true;
}

static bool got_intake(void *ctx, const struct msg_intake *m, int *fds)
{
	struct worker *me = ctx;
	(void)fds;
	me->intakes++;
	me->open = m->open;
	ck_assert_int_eq(m->open == 0, m->text.n > 0);
	return true;
}

static const struct smtpd_queue_client_handlers handlers = {
    .large_file = got_large_file,
    .committed = got_committed,
    .refused = got_refused,
    .intake = got_intake,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct worker *me = ctx;
	(void)why;
	channel_free(channel);
	me->channel = NULL;
}

static void connect_worker(struct worker *me, unsigned instance)
{
	int pair[2];
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	*me = (struct worker){.fd = -1};
	intake_add_peer(&intake, instance, pair[0]);
	me->channel = channel_new(pair[1], &smtpd_queue_client, &handlers, me, on_closed);
	unit_settle();
}

static void disconnect_worker(struct worker *me)
{
	channel_free(me->channel);
	me->channel = NULL;
	unit_settle();
}

static void setup(void)
{
	static const struct transport_policy roomy = {
	    .limit = 1000, .destination = {.window_first = 1000, .window_max = 1000}};
	log_set_fd(open("/dev/null", O_WRONLY));
	active_init(&active, 7);
	scheduler_set_transport(active.scheduler, TRANSPORT_LOCAL, &roomy);
	spool = fake_spool_new(&events, &intake);
	active.spool = spool;
	intake = (struct intake){.active = &active,
	    .tokens = tokens_new(),
	    .contents = contents_new(1 << 20),
	    .spool = spool,
	    .message_max = 1 << 20};
	w2 = (struct worker){.fd = -1};
	connect_worker(&w, 0);
}

static void teardown(void)
{
	channel_free(w.channel);
	channel_free(w2.channel);
	if (w.fd >= 0)
		close(w.fd);
	unit_settle();
	intake_reset(&intake);
	fake_spool_commit(spool, EIO);
	tokens_free(intake.tokens);
	contents_free(intake.contents);
	active_reset(&active);
	fake_spool_free(spool);
}

static struct recipient recipients[RECIPIENTS_PER_PACKET];

static struct recipient *some(size_t count)
{
	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct recipient){.address = STR("bob@example.net"),
		    .original = STR("bob@example.net"),
		    .transport = TRANSPORT_LOCAL};
	return recipients;
}

static uint16_t flags;

static struct envelope envelope(uint64_t token)
{
	return (struct envelope){.arrival = 1,
	    .flags = flags,
	    .token = token,
	    .reverse_path = STR("ann@example.org"),
	    .session = STR("s1"),
	    .client = STR("[IPv6:2001:db8::1]"),
	    .helo = STR("client.example.org")};
}

static struct msg_submit submission(uint32_t cookie, uint64_t token)
{
	return (struct msg_submit){.cookie = cookie,
	    .envelope = envelope(token),
	    .recipients = some(1),
	    .recipients_count = 1,
	    .content = STR("Subject: x\r\n\r\nhello\r\n")};
}

static void submit(struct worker *me, uint32_t cookie, uint64_t token)
{
	const struct msg_submit m = submission(cookie, token);
	ck_assert(msg_submit_send(me->channel, &m, NULL));
	unit_settle();
}

static void submit_again(struct worker *me, uint32_t cookie, uint64_t token)
{
	struct msg_submit m = submission(cookie, token);
	m.repeated = 1;
	ck_assert(msg_submit_send(me->channel, &m, NULL));
	unit_settle();
}

static void send_recipients(struct worker *me, uint32_t cookie, size_t count)
{
	const struct msg_submit_recipients m = {
	    .cookie = cookie, .recipients = some(count), .recipients_count = count};
	ck_assert(msg_submit_recipients_send(me->channel, &m, NULL));
}

static void open_large(struct worker *me, uint32_t cookie)
{
	const struct msg_large_open m = {.cookie = cookie};
	ck_assert(msg_large_open_send(me->channel, &m, NULL));
	unit_settle();
}

static void submit_large(struct worker *me, uint32_t cookie, uint64_t size)
{
	const struct msg_submit_large m = {.cookie = cookie,
	    .envelope = envelope(cookie),
	    .recipients = some(1),
	    .recipients_count = 1,
	    .size = size};
	ck_assert(msg_submit_large_send(me->channel, &m, NULL));
	unit_settle();
}

static void abandon(struct worker *me, uint32_t cookie)
{
	const struct msg_submit_abandon m = {.cookie = cookie};
	ck_assert(msg_submit_abandon_send(me->channel, &m, NULL));
	unit_settle();
}

static size_t commit(int error)
{
	size_t n = fake_spool_commit(spool, error);
	unit_settle();
	return n;
}

/* No transaction of any kind is left behind, on either side. */
static void check_empty(void)
{
	ck_assert_ptr_null(intake.under_way);
	ck_assert_uint_eq(fake_spool_count(spool).large_created, fake_spool_count(spool).abandoned);
}

/* --- honest ------------------------------------------------------------- */

/* Tools that read the log know a message by its client first. */
START_TEST(the_client_is_logged_before_the_sender)
{
	int fds[2];
	char text[2048];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	log_set_fd(fds[1]);
	flags = (uint16_t)(1U << _i);
	submit(&w, 1, 7);
	ck_assert_int_eq(read(fds[0], text, sizeof(text)), -1); /* nothing before it is durable */
	fake_spool_commit(spool, 0);
	unit_settle();
	log_flush();
	ssize_t n = read(fds[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	const char *client = strstr(text,
	    flags == ENVELOPE_REQUIRETLS ? "client=unknown[2001:db8::1], session=s1, tls=required\n"
	    : flags == ENVELOPE_TLS_OPTIONAL
		? "client=unknown[2001:db8::1], session=s1, tls=optional\n"
		: "client=unknown[2001:db8::1], session=s1\n");
	const char *from = strstr(text, "from=<ann@example.org>");
	ck_assert_ptr_nonnull(client);
	ck_assert_ptr_nonnull(from);
	ck_assert(client < from);
	ck_assert_int_eq(strncmp(text, "postern/smtpd[", 14), 0);
	log_set_fd(open("/dev/null", O_WRONLY));
	close(fds[0]);
}
END_TEST

START_TEST(committed_only_after_the_spool_said_so)
{
	submit(&w, 7, 1);
	ck_assert_uint_eq(w.committed, 0);
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(commit(0), 1);
	ck_assert_uint_eq(w.committed, 1);
	ck_assert_uint_eq(w.last_cookie, 7);
	const struct message *m = index_find(&active.messages, w.last_id);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(m->size, 21);
	ck_assert_uint_eq(m->flags & MESSAGE_REPEAT, 0);
	ck_assert_ptr_nonnull(scheduler_next(active.scheduler, TRANSPORT_LOCAL));
	struct str content;
	ck_assert(contents_get(intake.contents, w.last_id, &content));
	ck_assert(str_eq(content, STR("Subject: x\r\n\r\nhello\r\n")));
	check_empty();
}
END_TEST

START_TEST(recipients_may_come_ahead)
{
	for (int i = 0; i < 12; i++)
		send_recipients(&w, 3, RECIPIENTS_PER_PACKET);
	submit(&w, 3, 1);
	commit(0);
	ck_assert_uint_eq(w.committed, 1);
	const struct fake_record *r = fake_spool_find(spool, w.last_id);
	ck_assert_uint_eq(r->count, 1201);
	for (size_t i = 0; i < r->count; i++)
		ck_assert(str_eq(r->recipients[i].address, STR("bob@example.net")));
	ck_assert_uint_eq(index_find(&active.messages, w.last_id)->recipient_count, 1201);
}
END_TEST

static const struct {
	int error;
	uint16_t code;
	const char *enhanced;
} spool_errors[] = {
    {ENOSPC, 452, "4.3.1"},
    {EDQUOT, 452, "4.3.1"},
    {EIO, 451, "4.3.0"},
    {EROFS, 451, "4.3.0"},
};

START_TEST(spool_errors_become_refusals)
{
	submit(&w, 1, 1);
	commit(spool_errors[_i].error);
	ck_assert_uint_eq(w.committed, 0);
	ck_assert_uint_eq(w.refused, 1);
	ck_assert_uint_eq(w.last_code, spool_errors[_i].code);
	ck_assert_str_eq(w.last_enhanced, spool_errors[_i].enhanced);
	ck_assert_uint_eq(active.messages.count, 0);
	/* the token is free again: a repeat is a message of its own */
	submit_again(&w, 1, 1);
	commit(0);
	ck_assert_uint_eq(w.committed, 1);
	open_large(&w, 2);
	submit_large(&w, 2, 5);
	commit(spool_errors[_i].error);
	ck_assert_uint_eq(w.refused, 2);
	fake_spool_fail(spool, spool_errors[_i].error, 0);
	open_large(&w, 4);
	ck_assert_uint_eq(w.refused, 3);
	ck_assert_uint_eq(w.last_code, spool_errors[_i].code);
	ck_assert_ptr_nonnull(w.channel);
}
END_TEST

START_TEST(large_contents_go_through_a_file)
{
	open_large(&w, 9);
	ck_assert_uint_eq(w.files, 1);
	ck_assert_uint_eq(w.last_cookie, 9);
	ck_assert_int_eq(write(w.fd, "content", 7), 7);
	send_recipients(&w, 9, 50);
	submit_large(&w, 9, 7);
	commit(0);
	ck_assert_uint_eq(w.committed, 1);
	const struct fake_record *r = fake_spool_find(spool, w.last_id);
	ck_assert(r->large);
	ck_assert_uint_eq(r->large_size, 7);
	ck_assert_uint_eq(r->count, 51);
	const struct message *m = index_find(&active.messages, w.last_id);
	ck_assert_uint_ne(m->flags & MESSAGE_LARGE, 0);
	ck_assert_uint_eq(m->size, 7);
}
END_TEST

START_TEST(intake_is_told_at_the_start_and_at_changes)
{
	ck_assert_uint_eq(w.intakes, 1);
	ck_assert(w.open);
	intake_on_space(&intake, false, ENOSPC);
	unit_settle();
	ck_assert_uint_eq(w.intakes, 2);
	ck_assert(!w.open);
	connect_worker(&w2, 1);
	ck_assert_uint_eq(w2.intakes, 1);
	ck_assert(!w2.open);
	submit(&w, 1, 1); /* crossed with it */
	ck_assert_uint_eq(w.refused, 1);
	ck_assert_uint_eq(w.last_code, 452);
	intake_on_space(&intake, true, 0);
	unit_settle();
	ck_assert(w.open);
	submit(&w, 1, 1);
	commit(0);
	ck_assert_uint_eq(w.committed, 1);
}
END_TEST

/* --- undone ------------------------------------------------------------- */

START_TEST(abandoned_leaves_no_trace)
{
	send_recipients(&w, 1, 10);
	abandon(&w, 1);
	open_large(&w, 2);
	abandon(&w, 2);
	abandon(&w, 3); /* never heard of: it may have crossed with the answer */
	submit(&w, 4, 1);
	abandon(&w, 4);
	ck_assert_uint_eq(commit(0), 1);
	ck_assert_uint_eq(w.committed + w.refused, 0);
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(fake_spool_count(spool).finished, 1);
	ck_assert_ptr_nonnull(w.channel);
	check_empty();
	submit(&w, 4, 2); /* the cookie is free again */
	commit(0);
	ck_assert_uint_eq(w.committed, 1);
}
END_TEST

START_TEST(a_closed_channel_rolls_back)
{
	submit(&w, 1, 1);
	open_large(&w, 2);
	open_large(&w, 3);
	submit_large(&w, 3, 5);
	send_recipients(&w, 4, 10);
	unit_settle();
	disconnect_worker(&w);
	ck_assert_uint_eq(fake_spool_count(spool).abandoned, 1);
	ck_assert_uint_eq(commit(0), 2);
	ck_assert_uint_eq(active.messages.count, 0);
	ck_assert_uint_eq(fake_spool_count(spool).finished, 2);
	ck_assert_ptr_null(intake.under_way);
}
END_TEST

START_TEST(a_fresh_channel_replaces_the_old_one)
{
	submit(&w, 1, 1);
	connect_worker(&w2, 0); /* the same instance */
	ck_assert_ptr_null(w.channel);
	commit(0);
	ck_assert_uint_eq(w2.committed, 0);
	ck_assert_uint_eq(active.messages.count, 0);
}
END_TEST

START_TEST(workers_have_cookies_of_their_own)
{
	connect_worker(&w2, 1);
	submit(&w, 1, 1);
	submit(&w2, 1, 2);
	commit(0);
	ck_assert_uint_eq(w.committed, 1);
	ck_assert_uint_eq(w2.committed, 1);
	ck_assert_uint_ne(w.last_id, w2.last_id);
	ck_assert_uint_eq(active.messages.count, 2);
}
END_TEST

/* --- repeated ----------------------------------------------------------- */

START_TEST(a_repeat_of_a_committed_one_is_the_same_message)
{
	submit(&w, 1, 99);
	commit(0);
	uint64_t id = w.last_id;
	disconnect_worker(&w);
	connect_worker(&w, 0);
	submit_again(&w, 5, 99);
	ck_assert_uint_eq(w.committed, 1);
	ck_assert_uint_eq(w.last_cookie, 5);
	ck_assert_uint_eq(w.last_id, id);
	ck_assert_uint_eq(commit(0), 0);
	ck_assert_uint_eq(active.messages.count, 1);
}
END_TEST

START_TEST(a_repeat_of_one_under_way_is_answered_once_for_both)
{
	submit(&w, 1, 99);
	disconnect_worker(&w);
	connect_worker(&w, 0);
	submit_again(&w, 5, 99);
	ck_assert_uint_eq(w.committed, 0);
	ck_assert_uint_eq(commit(0), 1);
	ck_assert_uint_eq(w.committed, 1);
	ck_assert_uint_eq(w.last_cookie, 5);
	ck_assert_uint_eq(active.messages.count, 1);
	ck_assert_uint_eq(fake_spool_count(spool).finished, 0);
}
END_TEST

START_TEST(both_who_wait_are_answered)
{
	connect_worker(&w2, 1);
	submit(&w, 1, 99);
	submit_again(&w2, 8, 99);
	ck_assert_uint_eq(commit(0), 1);
	ck_assert_uint_eq(w.committed, 1);
	ck_assert_uint_eq(w2.committed, 1);
	ck_assert_uint_eq(w.last_id, w2.last_id);
	ck_assert_uint_eq(active.messages.count, 1);
}
END_TEST

START_TEST(a_repeat_after_the_roll_back_is_a_new_message)
{
	submit(&w, 1, 99);
	disconnect_worker(&w);
	commit(0);
	ck_assert_uint_eq(fake_spool_count(spool).finished, 1);
	connect_worker(&w, 0);
	submit_again(&w, 5, 99);
	ck_assert_uint_eq(commit(0), 1);
	ck_assert_uint_eq(w.committed, 1);
	ck_assert_uint_eq(active.messages.count, 1);
}
END_TEST

START_TEST(a_recovered_token_is_known_even_when_finished)
{
	tokens_add(intake.tokens, 99, 12345, loop_now_ms());
	submit_again(&w, 5, 99);
	ck_assert_uint_eq(w.committed, 1);
	ck_assert_uint_eq(w.last_id, 12345);
	ck_assert_uint_eq(fake_spool_count(spool).submitted, 0);
	submit(&w, 6, 99); /* not a repeat: somebody else's, whatever the token */
	commit(0);
	ck_assert_uint_eq(w.committed, 2);
	ck_assert_uint_ne(w.last_id, 12345);
}
END_TEST

/* --- limits ------------------------------------------------------------- */

START_TEST(too_many_recipients_are_refused_whole)
{
	for (size_t n = 0; n <= RECIPIENTS_MAX; n += RECIPIENTS_PER_PACKET) {
		send_recipients(&w, 1, RECIPIENTS_PER_PACKET);
		unit_settle();
	}
	submit(&w, 1, 1);
	ck_assert_uint_eq(w.refused, 1);
	ck_assert_uint_eq(w.last_code, 452);
	ck_assert_str_eq(w.last_enhanced, "4.5.3");
	ck_assert_uint_eq(fake_spool_count(spool).submitted, 0);
	check_empty();
}
END_TEST

START_TEST(oversize_is_refused_and_its_file_forgotten)
{
	open_large(&w, 1);
	submit_large(&w, 1, intake.message_max + TRACE_HEADER_MAX + 1);
	ck_assert_uint_eq(w.refused, 1);
	ck_assert_uint_eq(w.last_code, 552);
	ck_assert_uint_eq(fake_spool_count(spool).abandoned, 1);
	open_large(&w, 1);
	submit_large(&w, 1, UINT64_MAX);
	ck_assert_uint_eq(w.refused, 2);
	check_empty();
}
END_TEST

START_TEST(a_worker_cannot_fill_the_memory)
{
	static char big[INLINE_CONTENT_MAX];
	for (uint32_t i = 1; i <= (unit_wants_few_rounds() ? 2100 : 3000); i++) {
		struct msg_submit m = submission(i, i);
		m.content = str_from(big, sizeof(big));
		ck_assert(msg_submit_send(w.channel, &m, NULL));
		if (i % 50 == 0)
			unit_settle();
	}
	unit_settle();
	ck_assert_uint_gt(w.refused, 0);
	ck_assert_uint_eq(w.last_code, 451);
	ck_assert_uint_le(fake_spool_count(spool).submitted * sizeof(big), PEER_OCTETS_MAX);
	ck_assert_ptr_nonnull(w.channel);
	size_t accepted = commit(0);
	ck_assert_uint_eq(w.committed, accepted);
	submit(&w, 9999, 9999);
	ck_assert_uint_eq(commit(0), 1); /* what was held is free again */
}
END_TEST

/* Nor with recipients of messages that never come. */
START_TEST(recipients_ahead_cannot_fill_the_memory)
{
	static char text[ADDRESS_MAX];
	struct recipient list[RECIPIENTS_PER_PACKET];
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < RECIPIENTS_PER_PACKET; i++)
		list[i] = (struct recipient){.address = str_from(text, sizeof(text)),
		    .original = str_from(text, sizeof(text)),
		    .orcpt = str_from(text, sizeof(text)),
		    .transport = TRANSPORT_LOCAL};
	for (uint32_t i = 0; i <= PEER_OCTETS_MAX / (RECIPIENTS_PER_PACKET * 3 * ADDRESS_MAX);
	     i++) {
		const struct msg_submit_recipients m = {.cookie = i % 16,
		    .recipients = list,
		    .recipients_count = RECIPIENTS_PER_PACKET};
		ck_assert(msg_submit_recipients_send(w.channel, &m, NULL));
		if (i % 50 == 0)
			unit_settle();
	}
	unit_settle();
	size_t full = intake.peers[0]->octets;
	for (uint32_t i = 0; i < 64; i++) {
		const struct msg_submit_recipients m = {.cookie = i % 16,
		    .recipients = list,
		    .recipients_count = RECIPIENTS_PER_PACKET};
		ck_assert(msg_submit_recipients_send(w.channel, &m, NULL));
	}
	unit_settle();
	ck_assert_ptr_nonnull(w.channel);
	/* Each of the sixteen has gone past it once at most. */
	ck_assert_uint_ge(full, PEER_OCTETS_MAX);
	ck_assert_uint_le(intake.peers[0]->octets,
	    PEER_OCTETS_MAX + 16 * RECIPIENTS_PER_PACKET * 4 * ADDRESS_MAX);
}
END_TEST

START_TEST(a_full_queue_takes_no_more)
{
	active.recipients = ACTIVE_RECIPIENTS_MAX;
	submit(&w, 1, 1);
	ck_assert_uint_eq(w.refused, 1);
	ck_assert_uint_eq(w.last_code, 452);
	active.recipients = 0;
}
END_TEST

START_TEST(control_characters_cost_the_message_only)
{
	struct msg_submit m = submission(1, 1);
	m.envelope.envid = STR("a\nb");
	ck_assert(msg_submit_send(w.channel, &m, NULL));
	m = submission(2, 2);
	m.recipients[0].orcpt = STR("rfc822;a\rb");
	ck_assert(msg_submit_send(w.channel, &m, NULL));
	m = submission(3, 3);
	m.envelope.reverse_path = STR("a\0b@example.org");
	ck_assert(msg_submit_send(w.channel, &m, NULL));
	for (uint32_t i = 0; i < 4; i++) {
		m = submission(10 + i, 10 + i);
		*(struct str *[]){&m.envelope.client, &m.envelope.helo, &m.envelope.login,
		    &m.envelope.session}[i] = STR("a\nb");
		ck_assert(msg_submit_send(w.channel, &m, NULL));
	}
	const struct msg_submit_recipients ahead = {
	    .cookie = 4, .recipients = some(1), .recipients_count = 1};
	recipients[0].original = STR("a\x7f@b");
	ck_assert(msg_submit_recipients_send(w.channel, &ahead, NULL));
	submit(&w, 4, 4);
	ck_assert_uint_eq(w.refused, 8);
	ck_assert_uint_eq(w.last_code, 554);
	ck_assert_uint_eq(fake_spool_count(spool).submitted, 0);
	submit(&w, 5, 5);
	ck_assert_uint_eq(commit(0), 1);
}
END_TEST

START_TEST(arrivals_in_the_future_are_now)
{
	struct msg_submit m = submission(1, 1);
	m.envelope.arrival = UINT64_MAX;
	ck_assert(msg_submit_send(w.channel, &m, NULL));
	unit_settle();
	commit(0);
	ck_assert_uint_le(fake_spool_find(spool, w.last_id)->envelope.arrival, loop_wall_ms());
}
END_TEST

/* --- hostile ------------------------------------------------------------ */

/* Each breaks the protocol; what another worker does goes on. */
static void no_recipients(void)
{
	struct msg_submit m = submission(1, 1);
	m.recipients_count = 0;
	msg_submit_send(w.channel, &m, NULL);
}

static void no_recipients_after_empty_ones(void)
{
	send_recipients(&w, 1, 0);
	no_recipients();
}

static void same_cookie_twice(void)
{
	submit(&w, 1, 1);
	submit(&w, 1, 2);
}

static void recipients_after_submit(void)
{
	submit(&w, 1, 1);
	send_recipients(&w, 1, 1);
}

static void large_after_submit(void)
{
	submit(&w, 1, 1);
	open_large(&w, 1);
}

static void large_twice(void)
{
	open_large(&w, 1);
	open_large(&w, 1);
}

static void large_without_file(void)
{
	submit_large(&w, 1, 5);
}

static void large_with_recipients_without_file(void)
{
	send_recipients(&w, 1, 3);
	submit_large(&w, 1, 5);
}

static void small_for_a_file(void)
{
	open_large(&w, 1);
	submit(&w, 1, 1);
}

static void large_submitted_twice(void)
{
	open_large(&w, 1);
	submit_large(&w, 1, 5);
	submit_large(&w, 1, 5);
}

static void large_without_recipients(void)
{
	open_large(&w, 1);
	const struct msg_submit_large m = {.cookie = 1, .envelope = envelope(1), .size = 5};
	msg_submit_large_send(w.channel, &m, NULL);
}

static void empty_address(void)
{
	struct msg_submit m = submission(1, 1);
	m.recipients[0].address = STR("");
	msg_submit_send(w.channel, &m, NULL);
}

static void unknown_transport(void)
{
	struct msg_submit m = submission(1, 1);
	m.recipients[0].transport = 0;
	msg_submit_send(w.channel, &m, NULL);
}

static void impossible_nexthop(void)
{
	struct msg_submit m = submission(1, 1);
	m.recipients[0].transport = TRANSPORT_REMOTE;
	m.recipients[0].nexthop = STR("smtp:[127.0.0.1]:0");
	msg_submit_send(w.channel, &m, NULL);
}

static void no_nexthop(void)
{
	struct msg_submit m = submission(1, 1);
	m.recipients[0].transport = TRANSPORT_REMOTE;
	msg_submit_send(w.channel, &m, NULL);
}

static void impossible_nexthop_on_hold(void)
{
	struct msg_submit m = submission(1, 1);
	m.recipients[0].transport = TRANSPORT_HOLD;
	m.recipients[0].nexthop = STR("../../etc/passwd");
	msg_submit_send(w.channel, &m, NULL);
}

static void unknown_transport_ahead(void)
{
	some(1);
	recipients[0].transport = 200;
	const struct msg_submit_recipients m = {
	    .cookie = 1, .recipients = recipients, .recipients_count = 1};
	msg_submit_recipients_send(w.channel, &m, NULL);
}

static void endless_transactions(void)
{
	for (uint32_t i = 0; i <= TRANSACTIONS_MAX && w.channel != NULL; i++) {
		send_recipients(&w, i, 1);
		if (i % 50 == 0)
			unit_settle();
	}
}

static void a_message_of_the_other_side(void)
{
	const struct msg_committed m = {.cookie = 1, .id = 1};
	msg_committed_send(w.channel, &m, NULL);
}

static void (*const attacks[])(void) = {
    no_recipients,
    no_recipients_after_empty_ones,
    same_cookie_twice,
    recipients_after_submit,
    large_after_submit,
    large_twice,
    large_without_file,
    large_with_recipients_without_file,
    small_for_a_file,
    large_submitted_twice,
    large_without_recipients,
    empty_address,
    unknown_transport,
    impossible_nexthop,
    no_nexthop,
    impossible_nexthop_on_hold,
    unknown_transport_ahead,
    endless_transactions,
    a_message_of_the_other_side,
};
enum { ATTACKS = sizeof(attacks) / sizeof(attacks[0]) };

START_TEST(a_bad_worker_loses_its_channel_only)
{
	connect_worker(&w2, 1);
	submit(&w2, 1, 1000);
	attacks[_i]();
	unit_settle();
	ck_assert_ptr_null(w.channel);
	ck_assert_ptr_nonnull(w2.channel);
	commit(0);
	ck_assert_uint_eq(w2.committed, 1);
	ck_assert_uint_eq(active.messages.count, 1); /* nothing of the bad one */
	ck_assert_ptr_null(intake.under_way);
	connect_worker(&w, 0);
	submit(&w, 1, 1);
	commit(0);
	ck_assert_uint_eq(w.committed, 1);
}
END_TEST

START_TEST(random_sequences_never_deliver_what_was_not_answered)
{
	srand((unsigned)_i + 1);
	unsigned committed = 0;
	for (int step = 0; step < 400; step++) {
		uint32_t cookie = (uint32_t)rand() % 4;
		if (w.channel == NULL) {
			committed += w.committed;
			connect_worker(&w, 0);
		}
		struct msg_submit m = submission(cookie, (uint64_t)(step + 1) * 1000);
		const struct msg_large_open open = {.cookie = cookie};
		const struct msg_submit_abandon gone = {.cookie = cookie};
		switch (rand() % 8) {
		case 0:
		case 1:
		case 2:
			msg_submit_send(w.channel, &m, NULL);
			break;
		case 3:
			msg_large_open_send(w.channel, &open, NULL);
			break;
		case 4:
			submit_large(&w, cookie, 3);
			break;
		case 5:
			msg_submit_abandon_send(w.channel, &gone, NULL);
			break;
		case 6:
			commit(rand() % 3 == 0 ? EIO : 0);
			break;
		case 7:
			if (rand() % 4 == 0)
				disconnect_worker(&w);
			break;
		}
		unit_settle();
		if (w.fd >= 0)
			close(w.fd);
		w.fd = -1;
	}
	commit(0);
	committed += w.committed;
	ck_assert_uint_eq(active.messages.count, committed);
	ck_assert_uint_gt(committed, 5);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("intake");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, the_client_is_logged_before_the_sender, 0, 4);
	tcase_add_test(tc, committed_only_after_the_spool_said_so);
	tcase_add_test(tc, recipients_may_come_ahead);
	tcase_add_loop_test(tc, spool_errors_become_refusals, 0, 4);
	tcase_add_test(tc, large_contents_go_through_a_file);
	tcase_add_test(tc, intake_is_told_at_the_start_and_at_changes);
	tcase_add_test(tc, abandoned_leaves_no_trace);
	tcase_add_test(tc, a_closed_channel_rolls_back);
	tcase_add_test(tc, a_fresh_channel_replaces_the_old_one);
	tcase_add_test(tc, workers_have_cookies_of_their_own);
	tcase_add_test(tc, a_repeat_of_a_committed_one_is_the_same_message);
	tcase_add_test(tc, a_repeat_of_one_under_way_is_answered_once_for_both);
	tcase_add_test(tc, both_who_wait_are_answered);
	tcase_add_test(tc, a_repeat_after_the_roll_back_is_a_new_message);
	tcase_add_test(tc, a_recovered_token_is_known_even_when_finished);
	tcase_add_test(tc, too_many_recipients_are_refused_whole);
	tcase_add_test(tc, oversize_is_refused_and_its_file_forgotten);
	tcase_add_test(tc, a_worker_cannot_fill_the_memory);
	tcase_add_test(tc, recipients_ahead_cannot_fill_the_memory);
	tcase_add_test(tc, a_full_queue_takes_no_more);
	tcase_add_test(tc, control_characters_cost_the_message_only);
	tcase_add_test(tc, arrivals_in_the_future_are_now);
	tcase_add_loop_test(tc, a_bad_worker_loses_its_channel_only, 0, ATTACKS);
	tcase_add_loop_test(
	    tc, random_sequences_never_deliver_what_was_not_answered, 0, (int)unit_times(10));
	return unit_run_case("intake", tc);
}
