/* SPDX-License-Identifier: ISC
 *
 * Channels over a real socket pair: messages and descriptors arrive, back-pressure
 * holds, and every way in which a peer can misbehave costs it the channel only.
 */
#include "common/channel-internal.h"
#include "common/log.h"
#include "common/msg-smtpd-queue.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];
static struct channel *server, *client;
static int closed_server, closed_client;
static unsigned submits, files;
static size_t content_octets;
static int kept_fd;
static int level;
static enum channel_end ended;
static unsigned ends;

static bool on_submit(void *ctx, const struct msg_submit *m, int *fds)
{
	(void)ctx;
	(void)fds;
	submits++;
	content_octets += m->content.n;
	return m->recipients_count == 1 && str_eq(m->recipients[0].address, STR("ann@example.org"));
}

static bool on_submit_abandon(void *ctx, const struct msg_submit_abandon *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	channel_free(server);
	server = NULL;
	return true;
}

static bool on_large_open(void *ctx, const struct msg_large_open *m, int *fds)
{
	(void)ctx;
	(void)fds;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool sent =
	    msg_large_file_send(server, &(struct msg_large_file){.cookie = m->cookie}, &null);
	close(null);
	return sent;
}

static bool on_large_file(void *ctx, const struct msg_large_file *m, int *fds)
{
	(void)ctx;
	ck_assert_uint_eq(m->cookie, 77);
	kept_fd = fds[0];
	fds[0] = -1;
	files++;
	return true;
}

static const struct smtpd_queue_server_handlers server_handlers = {
    .submit = on_submit,
    .submit_abandon = on_submit_abandon,
    .large_open = on_large_open,
};
static const struct smtpd_queue_client_handlers client_handlers = {.large_file = on_large_file};

static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	(void)why;
	++*(int *)ctx;
	level = channel_loss_level(ch);
	if (ch == server)
		server = NULL;
	else
		client = NULL;
	channel_free(ch);
}

static void on_end(int fd, enum channel_end how)
{
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	ended = how;
	ends++;
}

static void setup(void)
{
	ck_assert_int_eq(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	closed_server = closed_client = 0;
	submits = files = 0;
	content_octets = 0;
	kept_fd = -1;
	ends = 0;
	channel_watch(on_end);
	client = NULL;
	server =
	    channel_new(pair[0], &smtpd_queue_server, &server_handlers, &closed_server, on_closed);
}

static void setup_both(void)
{
	setup();
	client =
	    channel_new(pair[1], &smtpd_queue_client, &client_handlers, &closed_client, on_closed);
}

static void teardown(void)
{
	channel_free(server);
	channel_free(client);
}

static bool submit(const char *address, size_t n)
{
	static char content[INLINE_CONTENT_MAX];
	struct recipient r = {.address = str_from_cstr(address)};
	struct msg_submit m = {
	    .recipients = &r, .recipients_count = 1, .content = str_from(content, n)};
	return msg_submit_send(client, &m, NULL);
}

START_TEST(messages_and_descriptors_arrive)
{
	ck_assert(submit("ann@example.org", 4096));
	ck_assert(msg_large_open_send(client, &(struct msg_large_open){.cookie = 77}, NULL));
	unit_settle();
	ck_assert_uint_eq(submits, 1);
	ck_assert_uint_eq(content_octets, 4096);
	ck_assert_uint_eq(files, 1);
	ck_assert_int_eq(1, (int)write(kept_fd, "x", 1));
	close(kept_fd);
	ck_assert_int_eq(closed_server + closed_client, 0);
}
END_TEST

START_TEST(what_the_socket_does_not_take_waits_in_order)
{
	for (int i = 0; i < 200; i++)
		ck_assert(submit("ann@example.org", INLINE_CONTENT_MAX));
	ck_assert_uint_gt(channel_backlog(client), 0);
	for (int i = 0; i < 20 && submits < 200; i++)
		unit_settle();
	ck_assert_uint_eq(submits, 200);
	ck_assert_uint_eq(channel_backlog(client), 0);
}
END_TEST

START_TEST(a_peer_that_never_reads_is_dropped)
{
	/* 64 MiB wait at most; each of these is a little over 64 KiB. */
	bool taken = true;
	for (int i = 0; i < 1100 && taken; i++)
		taken = submit("ann@example.org", INLINE_CONTENT_MAX);
	ck_assert(!taken);
	unit_settle();
	ck_assert_int_eq(closed_client, 1);
}
END_TEST

START_TEST(a_handler_that_refuses_closes_the_channel)
{
	ck_assert(submit("eve@example.org", 1));
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	ck_assert_int_eq(closed_client, 1);
}
END_TEST

START_TEST(a_handler_may_free_its_channel)
{
	ck_assert(msg_submit_abandon_send(client, &(struct msg_submit_abandon){.cookie = 1}, NULL));
	ck_assert(submit("ann@example.org", 1));
	unit_settle();
	ck_assert_int_eq(closed_server, 0);
	ck_assert_int_eq(closed_client, 1);
	ck_assert_uint_eq(submits, 0);
}
END_TEST

START_TEST(a_missing_handler_closes_the_channel)
{
	ck_assert(msg_submit_recipients_send(client, &(struct msg_submit_recipients){}, NULL));
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
}
END_TEST

enum { SENT_FDS_MAX = 2 * CHANNEL_FDS_MAX };

/* With the same descriptor so many times. */
static void send_raw_with(const void *p, size_t n, int fd, size_t count)
{
	char control[CMSG_SPACE(sizeof(int) * SENT_FDS_MAX)] = {0};
	struct iovec iov = {(void *)(uintptr_t)p, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (count > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * count),
		    .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS};
		for (size_t i = 0; i < count; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	}
	ck_assert_int_eq((ssize_t)n, sendmsg(pair[1], &msg, 0));
}

static void send_raw(const void *p, size_t n, int fd)
{
	send_raw_with(p, n, fd, fd >= 0);
}

static const char greeting[] = "\0\0\0\0\0\x0bsmtpd-queue\0\x01\0";

START_TEST(a_wrong_greeting_closes_the_channel)
{
	char bytes[sizeof(greeting) - 1];
	memcpy(bytes, greeting, sizeof(bytes));
	bytes[_i] ^= 1;
	send_raw(bytes, sizeof(bytes), -1);
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	close(pair[1]);
}
END_TEST

START_TEST(the_right_greeting_is_taken)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	unit_settle();
	ck_assert_int_eq(closed_server, 0);
	close(pair[1]);
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	ck_assert_int_eq(ended, CHANNEL_LEFT);
	ck_assert_int_eq(level, LOG_INFO);
}
END_TEST

static void expect_end(enum channel_end how)
{
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	ck_assert_uint_eq(ends, 1);
	ck_assert_int_eq(ended, how);
	ck_assert_int_eq(level, LOG_WARNING);
	close(pair[1]);
}

/* Another edge, another version, the same side. */
START_TEST(a_stranger_is_told_from_an_enemy)
{
	static const size_t places[] = {6, 18, 19};
	char bytes[sizeof(greeting) - 1];
	memcpy(bytes, greeting, sizeof(bytes));
	bytes[places[_i]] ^= 1;
	send_raw(bytes, sizeof(bytes), -1);
	expect_end(CHANNEL_STRANGER);
}
END_TEST

START_TEST(an_enemy_breaks_the_channel)
{
	static char huge[PACKET_MAX + 1];
	static const struct {
		bool greets;
		const char *said;
		size_t n;
	} rows[] = {
	    {false, "x", 1},
	    {false, "\0\x06\0\0\0\x01", 6},
	    {true, "\x7f\x7f", 2},
	    {true, "\0\x06\0", 3},
	    {true, "\0\x06\0\0\0\x01x", 7},
	    {true, huge, sizeof(huge)},
	};
	if (rows[_i].greets)
		send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw(rows[_i].said, rows[_i].n, -1);
	expect_end(CHANNEL_BROKEN);
}
END_TEST

static void send_raw_submit(void)
{
	struct recipient r = {.address = STR("ann@example.org")};
	struct buf packet = BUF_INIT(4096);
	struct wire_writer w = {.buf = &packet};
	wire_put_u16(&w, 2);
	msg_submit_put(&w, &(struct msg_submit){.recipients = &r, .recipients_count = 1});
	send_raw(buf_data(&packet), buf_len(&packet), -1);
	buf_release(&packet);
}

/* Whoever ends with our greeting unread resets the socket. */
START_TEST(what_one_said_before_it_ended_is_heard)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw_submit();
	close(pair[1]);
	unit_settle();
	ck_assert_uint_eq(submits, 1);
	ck_assert_int_eq(closed_server, 1);
	ck_assert_int_eq(ended, CHANNEL_LEFT);
}
END_TEST

/* Two packets that fail: the first is told of the reset, the second of the end. */
START_TEST(what_one_said_is_heard_also_when_sending_has_failed)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw_submit();
	send_raw("\x7f\x7f", 2, -1);
	close(pair[1]);
	for (int i = 0; i <= _i; i++)
		ck_assert(!msg_committed_send(server, &(struct msg_committed){}, NULL));
	ck_assert(channel_is_closed(server));
	unit_settle();
	ck_assert_uint_eq(submits, 1);
	ck_assert_int_eq(closed_server, 1);
	ck_assert_int_eq(ended, CHANNEL_BROKEN);
}
END_TEST

/* It asks for what is answered, and is gone: that is no fault of its. */
START_TEST(one_that_does_not_wait_for_the_answer_breaks_nothing)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw("\0\x03\0\0\0\x01", 6, -1); /* large_open */
	send_raw_submit();
	close(pair[1]);
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	ck_assert_int_eq(ended, CHANNEL_LEFT);
	ck_assert_int_eq(level, LOG_INFO);
}
END_TEST

/* The greeting, which is the first that is sent. */
START_TEST(one_that_was_gone_before_it_was_met_is_heard)
{
	channel_free(server);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	send_raw("x", 1, -1);
	close(pair[1]);
	ends = 0;
	server =
	    channel_new(pair[0], &smtpd_queue_server, &server_handlers, &closed_server, on_closed);
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	ck_assert_uint_eq(ends, 1);
	ck_assert_int_eq(ended, CHANNEL_BROKEN);
}
END_TEST

/* Its owner is given a new one, and frees this one, before it is told why. */
START_TEST(a_broken_channel_that_is_replaced_is_logged)
{
	static const struct {
		const char *said;
		size_t n;
		bool logged;
	} rows[] = {{"\x7f\x7f", 2, true}, {"", 0, false}};
	char line[512] = "";
	int log[2];
	ck_assert_int_eq(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
	log_set_fd(log[1]);
	send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw(rows[_i].said, rows[_i].n, -1);
	unit_turn();
	ck_assert(channel_is_closed(server));
	ck_assert_int_eq(closed_server, 0);
	channel_free(server);
	server = NULL;
	log_flush();
	ck_assert_int_eq(read(log[0], line, sizeof(line) - 1) > 0, rows[_i].logged);
	ck_assert_int_eq(
	    strstr(line, "a channel of smtpd-queue is closed: the peer sent") != NULL, rows[_i].logged);
	close(pair[1]);
}
END_TEST

/* It could go on for ever. */
START_TEST(one_that_only_talks_is_dropped)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	unit_settle();
	ck_assert_int_eq(shutdown(pair[1], SHUT_RD), 0);
	ck_assert(!msg_committed_send(server, &(struct msg_committed){}, NULL));
	send_raw_submit();
	unit_settle();
	ck_assert_uint_eq(submits, 1);
	ck_assert_int_eq(closed_server, 1);
	ck_assert_uint_eq(ends, 1);
	ck_assert_int_eq(ended, CHANNEL_LEFT);
	close(pair[1]);
}
END_TEST

/* In the handler of what is still heard. */
START_TEST(a_handler_may_free_a_channel_that_cannot_be_sent_to)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw("\0\x06\0\0\0\x01", 6, -1); /* submit_abandon */
	send_raw_submit();
	close(pair[1]);
	ck_assert(!msg_committed_send(server, &(struct msg_committed){}, NULL));
	unit_settle();
	ck_assert_ptr_null(server);
	ck_assert_int_eq(closed_server, 0);
	ck_assert_uint_eq(submits, 0);
}
END_TEST

START_TEST(an_unknown_message_closes_the_channel)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw("\x7f\x7f", 2, -1);
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	close(pair[1]);
}
END_TEST

static int open_fds(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(an_unasked_descriptor_closes_the_channel_and_is_closed)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	unit_settle();
	int before = open_fds();
	send_raw("\0\x06\0\0\0\x01", 6, pair[1]);
	unit_settle();
	ck_assert_int_eq(closed_server, 1);
	ck_assert_int_eq(open_fds(), before - 1); /* the server's own end */
	close(pair[1]);
}
END_TEST

/* More than any message has, of which the kernel hands out some; and one with the greeting. */
START_TEST(too_many_descriptors_are_closed)
{
	bool greets = _i > 0;
	send_raw(greeting, sizeof(greeting) - 1, greets ? -1 : pair[1]);
	unit_settle();
	int before = open_fds() - (greets ? 1 : 0);
	if (greets)
		send_raw_with("\0\x06\0\0\0\x01", 6, pair[1], SENT_FDS_MAX);
	expect_end(CHANNEL_BROKEN);
	ck_assert_int_eq(open_fds(), before - 1); /* its other end */
}
END_TEST

/* The message would do without; what the kernel could not hand over is no reason to take it. */
START_TEST(a_descriptor_that_did_not_arrive_closes_the_channel)
{
	send_raw(greeting, sizeof(greeting) - 1, -1);
	unit_settle();
	send_raw("\0\x06\0\0\0\x01", 6, pair[1]);
	int next = dup(pair[1]);
	close(next);
	const struct rlimit limit = {(rlim_t)next, (rlim_t)next};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_end(CHANNEL_BROKEN);
}
END_TEST

/* Its handler would be given one that is none. */
START_TEST(a_descriptor_that_was_not_sent_closes_the_channel)
{
	char bytes[sizeof(greeting) - 1];
	channel_free(server);
	server = NULL;
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	client =
	    channel_new(pair[0], &smtpd_queue_client, &client_handlers, &closed_client, on_closed);
	memcpy(bytes, greeting, sizeof(bytes));
	bytes[sizeof(bytes) - 1] = 1; /* of the server */
	send_raw(bytes, sizeof(bytes), -1);
	send_raw("\0\x04\0\0\0\x4d", 6, -1);
	unit_settle();
	ck_assert_uint_eq(files, 0);
	ck_assert_int_eq(closed_client, 1);
	close(pair[1]);
}
END_TEST

/* What was cut off is not taken for all there was. */
START_TEST(a_packet_of_one_octet_too_many_closes_the_channel)
{
	static char text[INLINE_CONTENT_MAX];
	struct recipient list[RECIPIENTS_PER_PACKET];
	struct buf packet = BUF_INIT(2 * PACKET_MAX);
	struct wire_writer w = {.buf = &packet};
	struct msg_submit m = {.recipients = list,
	    .recipients_count = RECIPIENTS_PER_PACKET,
	    .content = str_from(text, sizeof(text))};
	for (size_t i = 0; i < RECIPIENTS_PER_PACKET; i++)
		list[i] = (struct recipient){.address = str_from(text, ADDRESS_MAX),
		    .original = str_from(text, ADDRESS_MAX),
		    .orcpt = str_from(text, ADDRESS_MAX),
		    .nexthop = str_from(text, 64)};
	msg_submit_put(&w, &m);
	ck_assert(!w.failed);
	size_t more = buf_len(&packet) + 2 - PACKET_MAX;
	ck_assert_uint_le(more, sizeof(text));
	buf_reset(&packet);
	m.content.n -= more;
	wire_put_u16(&w, 2);
	msg_submit_put(&w, &m);
	ck_assert_uint_eq(buf_len(&packet), PACKET_MAX);
	ck_assert(buf_append_u8(&packet, 0));
	send_raw(greeting, sizeof(greeting) - 1, -1);
	send_raw(buf_data(&packet), buf_len(&packet), -1);
	expect_end(CHANNEL_BROKEN);
	ck_assert_uint_eq(submits, 0);
	buf_release(&packet);
}
END_TEST

/* Descriptors that are on their way between programs of one user count for all of them. */
START_TEST(too_many_descriptors_on_their_way_have_to_arrive_first)
{
	enum { ON_THEIR_WAY = 64 };
	int others[2];
	char octet;
	if (geteuid() == 0)
		ck_assert_int_eq(setuid(64777), 0); /* root has no such limit */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, others), 0);
	for (int i = 0; i < ON_THEIR_WAY; i++)
		ck_assert_int_eq(
		    channel_send_now(others[0], (const uint8_t *)"x", 1, others, 1), CHANNEL_SENT);
	struct rlimit limit = {ON_THEIR_WAY - 1, ON_THEIR_WAY - 1};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(
	    channel_send_now(others[0], (const uint8_t *)"x", 1, others, 1), CHANNEL_SHORT);
	ck_assert(msg_large_open_send(client, &(struct msg_large_open){.cookie = 77}, NULL));
	unit_settle(); /* the server answers with a descriptor */
	ck_assert_uint_eq(files, 0);
	ck_assert(submit("ann@example.org", 10)); /* the other way all goes on */
	unit_settle();
	ck_assert_uint_eq(submits, 1);
	ck_assert_uint_eq(files, 0);
	ck_assert_int_eq(closed_server + closed_client, 0);
	for (int i = 0; i < ON_THEIR_WAY; i++)
		ck_assert_int_eq(recv(others[1], &octet, 1, 0), 1); /* and closes it */
	struct unit_patience patience;
	unit_patience_begin(&patience, 20 * 1000); /* it tries again after some ms */
	while (files == 0 && !patience.over)
		unit_wait();
	ck_assert(unit_patience_end(&patience));
	ck_assert_uint_eq(files, 1);
	ck_assert_int_eq(closed_server + closed_client, 0);
	close(kept_fd);
	close(others[0]);
	close(others[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("channel");
	TCase *both = tcase_create("two channels");
	tcase_add_checked_fixture(both, setup_both, teardown);
	tcase_add_test(both, messages_and_descriptors_arrive);
	tcase_add_test(both, what_the_socket_does_not_take_waits_in_order);
	tcase_add_test(both, a_peer_that_never_reads_is_dropped);
	tcase_add_test(both, a_handler_that_refuses_closes_the_channel);
	tcase_add_test(both, a_handler_may_free_its_channel);
	tcase_add_test(both, a_missing_handler_closes_the_channel);
	if (getenv("POSTERN_VALGRIND") == NULL) /* it keeps limits of its own */
		tcase_add_test(both, too_many_descriptors_on_their_way_have_to_arrive_first);
	tcase_set_timeout(both, 60);
	suite_add_tcase(suite, both);
	TCase *raw = tcase_create("a hostile peer");
	tcase_add_checked_fixture(raw, setup, teardown);
	tcase_add_loop_test(raw, a_wrong_greeting_closes_the_channel, 0, (int)sizeof(greeting) - 1);
	tcase_add_test(raw, the_right_greeting_is_taken);
	tcase_add_loop_test(raw, a_stranger_is_told_from_an_enemy, 0, 3);
	tcase_add_loop_test(raw, an_enemy_breaks_the_channel, 0, 6);
	tcase_add_test(raw, what_one_said_before_it_ended_is_heard);
	tcase_add_loop_test(raw, what_one_said_is_heard_also_when_sending_has_failed, 0, 2);
	tcase_add_test(raw, one_that_does_not_wait_for_the_answer_breaks_nothing);
	tcase_add_test(raw, one_that_was_gone_before_it_was_met_is_heard);
	tcase_add_loop_test(raw, a_broken_channel_that_is_replaced_is_logged, 0, 2);
	tcase_add_test(raw, one_that_only_talks_is_dropped);
	tcase_add_test(raw, a_handler_may_free_a_channel_that_cannot_be_sent_to);
	tcase_add_test(raw, an_unknown_message_closes_the_channel);
	tcase_add_test(raw, an_unasked_descriptor_closes_the_channel_and_is_closed);
	tcase_add_loop_test(raw, too_many_descriptors_are_closed, 0, 2);
	if (getenv("POSTERN_VALGRIND") == NULL)
		tcase_add_test(raw, a_descriptor_that_did_not_arrive_closes_the_channel);
	tcase_add_test(raw, a_descriptor_that_was_not_sent_closes_the_channel);
	tcase_add_test(raw, a_packet_of_one_octet_too_many_closes_the_channel);
	suite_add_tcase(suite, raw);
	return unit_run_suite(suite);
}
