/* SPDX-License-Identifier: ISC
 *
 * The pump between TLS and a session, with a TLS that does what the test wants: octets pass in
 * pieces of any size, wait where the other side does not read, and nothing is lost at any end.
 */
#include "pop3d/tls-pump.h"
#include "common/mem.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The client's side: octets in clear over a socket pair, of which one call moves `most`. */
struct tls_stream {
	int fd;
	size_t most;
	bool fail_read, fail_write;
	unsigned reads, writes;
};

static struct tls_stream tls;
static struct tls_pump *pump;
static int client, session; /* the far ends */
static unsigned last_words, overs;

static int result(ssize_t n)
{
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN ? TLS_AGAIN : TLS_FAILED;
}

int tls_stream_read(struct tls_stream *t, void *to, size_t n)
{
	t->reads++;
	ck_assert_uint_gt(n, 0);
	if (t->fail_read)
		return TLS_FAILED;
	return result(recv(t->fd, to, n < t->most ? n : t->most, MSG_DONTWAIT));
}

int tls_stream_write(struct tls_stream *t, const void *from, size_t n, bool more_follows)
{
	ck_assert(!more_follows);
	t->writes++;
	ck_assert_uint_gt(n, 0);
	if (t->fail_write)
		return TLS_FAILED;
	return result(send(t->fd, from, n < t->most ? n : t->most, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void on_over(void *ctx, bool last)
{
	ck_assert_ptr_eq(ctx, &overs);
	ck_assert_uint_eq(overs, 0);
	if (last) {
		last_words++;
		return;
	}
	overs++;
	tls_pump_free(pump);
	pump = NULL;
}

static void make_pair(int pair[2])
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static void setup(void)
{
	int a[2], b[2];
	make_pair(a);
	make_pair(b);
	tls = (struct tls_stream){.fd = a[0], .most = SIZE_MAX};
	client = a[1];
	session = b[1];
	last_words = overs = 0;
	pump = tls_pump_new(&tls, a[0], b[0], on_over, &overs);
}

static void teardown(void)
{
	tls_pump_free(pump);
	pump = NULL;
	close(tls.fd);
	close(client);
	if (session >= 0)
		close(session);
}

static uint8_t octet(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

/* As much as it takes of `total`, from `at` on. */
static size_t put(int fd, size_t at, size_t total)
{
	uint8_t piece[1000];
	for (;;) {
		size_t n = total - at < sizeof(piece) ? total - at : sizeof(piece);
		for (size_t i = 0; i < n; i++)
			piece[i] = octet(at + i);
		ssize_t done = n == 0 ? 0 : send(fd, piece, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done <= 0)
			return at;
		at += (size_t)done;
	}
}

/* A piece of what is there, which must go on at `at`. */
static size_t get_piece(int fd, size_t at)
{
	uint8_t piece[1000];
	ssize_t n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
	/* An assertion for each would take longer than the pump. */
	for (ssize_t i = 0; i < n; i++, at++)
		if (piece[i] != octet(at))
			ck_abort_msg("octet %zu is another", at);
	return at;
}

static size_t get(int fd, size_t at)
{
	size_t last;
	do
		last = at;
	while ((at = get_piece(fd, last)) > last);
	return at;
}

static bool is_at_end(int fd)
{
	char c;
	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static void pass(int from, int to, size_t total)
{
	size_t put_until = 0, got = 0;
	for (int i = 0; i < 100000 && got < total; i++) {
		put_until = put(from, put_until, total);
		unit_settle();
		got = get(to, got);
	}
	ck_assert_uint_eq(got, total);
}

/* ---- octets ------------------------------------------------------------------------- */

static const size_t pieces[] = {SIZE_MAX, 1, 7, TLS_PUMP_ROOM - 1, TLS_PUMP_ROOM};
enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

START_TEST(pieces_of_any_size)
{
	size_t total = pieces[_i] < 100 ? 5000 : 100000;
	tls.most = pieces[_i];
	pass(client, session, total);
	pass(session, client, total);
	ck_assert_uint_eq(overs + last_words, 0);
}
END_TEST

static int waiting(int fd)
{
	int n = 0;
	ck_assert_int_eq(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

/* Who is not read for does not send: of each side one record is in memory, and the pump is asleep.
 */
static void expect_back_pressure(int from, int to)
{
	size_t before, sent = 0;
	do {
		before = sent;
		sent = put(from, sent, SIZE_MAX / 2);
		unit_settle();
	} while (sent > before);
	unsigned calls = tls.reads + tls.writes;
	unit_settle();
	ck_assert_uint_le(tls.reads + tls.writes - calls, 1);
	size_t got = 0, last;
	do {
		last = got;
		got = get(to, got);
		unit_settle();
	} while (got > last);
	ck_assert_uint_eq(got, sent);
}

START_TEST(a_session_that_does_not_read)
{
	expect_back_pressure(client, session);
}
END_TEST

START_TEST(a_client_that_does_not_read)
{
	expect_back_pressure(session, client);
}
END_TEST

/* One direction that is blocked does not hold up the other one. */
START_TEST(a_blocked_side_still_speaks)
{
	size_t sent = 0;
	for (int i = 0; i < 10; i++) {
		sent = put(client, sent, SIZE_MAX / 2);
		unit_settle();
	}
	pass(session, client, 100000);
	ck_assert_int_gt(waiting(session), 0);
	size_t got = 0;
	for (int i = 0; i < 10; i++) {
		got = get(session, got);
		unit_settle();
	}
	ck_assert_uint_eq(got, sent);
}
END_TEST

/* ---- ends --------------------------------------------------------------------------- */

START_TEST(the_session_ends)
{
	put(session, 0, 50);
	close(session);
	session = -1;
	unit_settle();
	ck_assert_uint_eq(get(client, 0), 50);
	ck_assert_uint_eq(overs, 1);
}
END_TEST

/* Its last words wait for the client, and nothing that this one says holds them up. */
START_TEST(last_words_wait_for_the_client)
{
	size_t sent = 0, before;
	do {
		before = sent;
		sent = put(session, sent, SIZE_MAX / 2);
		unit_settle();
	} while (sent > before);
	close(session);
	session = -1;
	unit_settle();
	/* Told at once, though the client takes nothing; then only when it does. */
	ck_assert_uint_eq(last_words, 1);
	unit_settle();
	ck_assert_uint_eq(last_words, 1);
	tls.most = 1000;
	size_t got = 0;
	while (last_words == 1 && overs == 0) {
		got = get_piece(client, got);
		unit_settle();
	}
	ck_assert_uint_eq(overs, 0);
	while (overs == 0) {
		put(client, 0, 100);
		before = got;
		got = get(client, got);
		unit_settle();
		ck_assert_msg(overs > 0 || got > before, "it is stuck");
	}
	ck_assert_uint_eq(get(client, got), sent);
}
END_TEST

START_TEST(the_client_says_good_bye)
{
	put(client, 0, 50);
	shutdown(client, SHUT_WR);
	unit_settle();
	ck_assert_uint_eq(get(session, 0), 50);
	ck_assert(is_at_end(session));
	/* Which may still answer. */
	ck_assert_uint_eq(overs, 0);
	pass(session, client, 100000);
	close(session);
	session = -1;
	unit_settle();
	ck_assert_uint_eq(overs, 1);
}
END_TEST

/* What it said first is not lost, though the session did not read it yet. */
START_TEST(good_bye_behind_what_waits)
{
	size_t sent = 0, before;
	do {
		before = sent;
		sent = put(client, sent, SIZE_MAX / 2);
		unit_settle();
	} while (sent > before);
	shutdown(client, SHUT_WR);
	size_t got = 0;
	for (int i = 0; i < 1000 && !is_at_end(session); i++) {
		got = get(session, got);
		unit_settle();
	}
	ck_assert_uint_eq(got, sent);
	ck_assert(is_at_end(session));
}
END_TEST

START_TEST(the_connection_breaks)
{
	tls.fail_read = true;
	put(client, 0, 1);
	unit_settle();
	ck_assert_uint_eq(overs, 1);
	ck_assert_uint_eq(last_words, 0);
	ck_assert(is_at_end(session));
}
END_TEST

START_TEST(the_client_cannot_be_written_to)
{
	tls.fail_write = true;
	put(session, 0, 1);
	unit_settle();
	ck_assert_uint_eq(overs, 1);
	ck_assert_uint_eq(last_words, 0);
}
END_TEST

/* A session that was killed, with the client's words unread. */
START_TEST(the_session_dies)
{
	put(client, 0, 100);
	unit_settle();
	ck_assert_int_gt(waiting(session), 0);
	close(session);
	session = -1;
	unit_settle();
	ck_assert_uint_eq(overs, 1);
}
END_TEST

/* And one that takes no more, but has not ended: what comes for it is dropped. */
START_TEST(the_session_takes_no_more)
{
	shutdown(session, SHUT_RD);
	put(client, 0, 50000);
	unit_settle();
	ck_assert_uint_eq(overs, 0);
	pass(session, client, 1000);
}
END_TEST

START_TEST(freed_in_any_state)
{
	int pipe = dup(session);
	if (_i & 1)
		put(client, 0, SIZE_MAX / 2);
	if (_i & 2)
		put(session, 0, SIZE_MAX / 2);
	if (_i & 4)
		unit_settle();
	tls_pump_free(pump);
	pump = NULL;
	get(pipe, 0);
	ck_assert(is_at_end(pipe)); /* the pump's end is closed, the client's socket is not */
	ck_assert_int_ge(fcntl(tls.fd, F_GETFD), 0);
	close(pipe);
	unsigned calls = tls.reads + tls.writes;
	unit_settle();
	ck_assert_uint_eq(tls.reads + tls.writes, calls);
}
END_TEST

START_TEST(nothing_is_freed)
{
	tls_pump_free(NULL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("pump");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, pieces_of_any_size, 0, PIECES);
	tcase_add_test(tc, a_session_that_does_not_read);
	tcase_add_test(tc, a_client_that_does_not_read);
	tcase_add_test(tc, a_blocked_side_still_speaks);
	tcase_add_test(tc, the_session_ends);
	tcase_add_test(tc, last_words_wait_for_the_client);
	tcase_add_test(tc, the_client_says_good_bye);
	tcase_add_test(tc, good_bye_behind_what_waits);
	tcase_add_test(tc, the_connection_breaks);
	tcase_add_test(tc, the_client_cannot_be_written_to);
	tcase_add_test(tc, the_session_dies);
	tcase_add_test(tc, the_session_takes_no_more);
	tcase_add_loop_test(tc, freed_in_any_state, 0, 8);
	tcase_add_test(tc, nothing_is_freed);
	return unit_run_case("tls-pump", tc);
}
