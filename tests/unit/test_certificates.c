/* SPDX-License-Identifier: ISC
 *
 * What control opens for keys, and when it does so again. What is in the files is not its affair;
 * that keys keeps the old pair when a new one is wrong, test_tls.c tests.
 */
#include "control/certificates.h"
#include "common/log.h"
#include "common/msg-supervision.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct channel *control, *keys;
static char names[2][4] = {"one", "two"};
static struct conf_certificate certificates[2];
static struct conf conf = {.certificates = certificates, .certificate_count = 2};
static char paths[4][512];
static unsigned sent[2], judged;
static uint32_t serials[2];
static char texts[2][2][64]; /* of the pair that came last: chain, key */
static int log_file;

static bool on_key_pair(void *ctx, const struct msg_key_pair *m, int *fds)
{
	(void)ctx;
	ck_assert_uint_lt(m->number, 2);
	sent[m->number]++;
	serials[m->number] = m->serial;
	for (size_t i = 0; i < 2; i++) {
		char *to = texts[m->number][i];
		ssize_t n = read(fds[i], to, sizeof(texts[0][0]) - 1);
		to[n < 0 ? 0 : n] = '\0';
		ck_assert_int_eq(fcntl(fds[i], F_GETFL) & O_ACCMODE, O_RDONLY);
	}
	return true;
}

static const struct supervision_server_handlers server_handlers = {.key_pair = on_key_pair};
static const struct supervision_client_handlers client_handlers;

static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	(void)ctx;
	(void)ch;
	ck_abort_msg("closed: %s", why);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* A file of the same size, and of another time. */
static void rewrite(const char *path, const char *text)
{
	static long second = 1000;
	second++;
	const struct timespec times[2] = {{second, 0}, {second, 0}};
	write_file(path, text);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static char *in_dir(size_t slot, const char *file)
{
	snprintf(paths[slot], sizeof(paths[slot]), "%s/%s", scratch_path(), file);
	return paths[slot];
}

static void setup(void)
{
	int pair[2];
	scratch_open();
	for (size_t i = 0; i < 2; i++) {
		certificates[i] = (struct conf_certificate){.name = names[i],
		    .chain = in_dir(2 * i, i == 0 ? "one.pem" : "two.pem"),
		    .key = in_dir(2 * i + 1, i == 0 ? "one.key" : "two.key")};
		write_file(certificates[i].chain, "chain");
		write_file(certificates[i].key, "key");
		sent[i] = 0;
	}
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	control = channel_new(pair[0], &supervision_client, &client_handlers, NULL, on_closed);
	keys = channel_new(pair[1], &supervision_server, &server_handlers, NULL, on_closed);
	log_file = open(scratch_path(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(log_file, 0);
	log_set_fd(dup(log_file));
}

static void teardown(void)
{
	channel_free(control);
	channel_free(keys);
	log_set_fd(dup(STDERR_FILENO));
	close(log_file);
	scratch_close();
}

/* How many of each have come in all. */
static void expect(unsigned one, unsigned two)
{
	unit_settle();
	ck_assert_uint_eq(sent[0], one);
	ck_assert_uint_eq(sent[1], two);
}

static bool logged(const char *what)
{
	static char text[8192];
	ssize_t n = pread(log_file, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	return strstr(text, what) != NULL;
}

START_TEST(all_are_sent_and_then_what_changed)
{
	certificates_send(&conf, control);
	expect(1, 1);
	ck_assert_str_eq(texts[0][0], "chain");
	ck_assert_str_eq(texts[0][1], "key");
	certificates_look(&conf, control);
	expect(1, 1);
	rewrite(certificates[1].chain, "CHAIN");
	certificates_look(&conf, control);
	expect(1, 2);
	ck_assert_str_eq(texts[1][0], "CHAIN");
	rewrite(certificates[0].key, "KEY");
	certificates_look(&conf, control);
	expect(2, 2);
	ck_assert_str_eq(texts[0][1], "KEY");
	certificates_look(&conf, control);
	expect(2, 2);
}
END_TEST

/* As certbot and others do it: a new file under the old name, in one step. */
START_TEST(a_file_is_replaced)
{
	char fresh[512];
	snprintf(fresh, sizeof(fresh), "%s/fresh", scratch_path());
	certificates_send(&conf, control);
	expect(1, 1);
	write_file(fresh, "fresh");
	ck_assert_int_eq(rename(fresh, certificates[0].chain), 0);
	certificates_look(&conf, control);
	expect(2, 1);
	ck_assert_str_eq(texts[0][0], "fresh");
}
END_TEST

/* As Let's Encrypt has it: the names are links, and the link changes. */
START_TEST(links)
{
	char live[512], first[512], second[512];
	snprintf(live, sizeof(live), "%s/live.pem", scratch_path());
	snprintf(first, sizeof(first), "%s/archive1.pem", scratch_path());
	snprintf(second, sizeof(second), "%s/archive2.pem", scratch_path());
	write_file(first, "first");
	write_file(second, "2nd..");
	ck_assert_int_eq(symlink(first, live), 0);
	certificates[0].chain = live;
	certificates_send(&conf, control);
	expect(1, 1);
	ck_assert_str_eq(texts[0][0], "first");
	ck_assert_int_eq(unlink(live), 0);
	ck_assert_int_eq(symlink(second, live), 0);
	certificates_look(&conf, control);
	expect(2, 1);
	ck_assert_str_eq(texts[0][0], "2nd..");
	/* It leads nowhere for a while. */
	ck_assert_int_eq(unlink(second), 0);
	certificates_look(&conf, control);
	expect(2, 1);
	write_file(second, "third");
	certificates_look(&conf, control);
	expect(3, 1);
	ck_assert_str_eq(texts[0][0], "third");
}
END_TEST

/* keys keeps what it has; nobody is told of half a pair, the other one is not held up, and the log
 * says it once. */
START_TEST(a_file_goes_missing)
{
	const char *path = _i == 0 ? certificates[0].chain : certificates[0].key;
	certificates_send(&conf, control);
	expect(1, 1);
	ck_assert_int_eq(unlink(path), 0);
	rewrite(certificates[1].key, "other");
	certificates_look(&conf, control);
	expect(1, 2);
	ck_assert(logged(_i == 0 ? "one.pem" : "one.key"));
	ck_assert(logged("No such file"));
	ck_assert_int_eq(ftruncate(log_file, 0), 0);
	certificates_look(&conf, control);
	expect(1, 2);
	ck_assert(!logged("one."));
	write_file(path, "back");
	certificates_look(&conf, control);
	expect(2, 2);
	ck_assert_str_eq(texts[0][_i], "back");
}
END_TEST

START_TEST(missing_from_the_start)
{
	ck_assert_int_eq(unlink(certificates[0].key), 0);
	certificates_send(&conf, control);
	expect(0, 1);
	ck_assert(logged("certificate one: "));
	write_file(certificates[0].key, "here");
	certificates_look(&conf, control);
	expect(1, 1);
}
END_TEST

/* A directory, a pipe that would never answer, a device. */
START_TEST(what_is_no_file)
{
	ck_assert_int_eq(unlink(certificates[0].key), 0);
	if (_i == 0)
		ck_assert_int_eq(mkdir(certificates[0].key, 0700), 0);
	else if (_i == 1)
		ck_assert_int_eq(mkfifo(certificates[0].key, 0600), 0);
	else
		ck_assert_int_eq(symlink("/dev/zero", certificates[0].key), 0);
	certificates_send(&conf, control);
	expect(0, 1);
	ck_assert(logged("it is no file"));
}
END_TEST

START_TEST(an_unreadable_file)
{
	if (geteuid() == 0)
		return; /* who may read all */
	ck_assert_int_eq(chmod(certificates[0].key, 0), 0);
	certificates_send(&conf, control);
	expect(0, 1);
	ck_assert(logged("Permission denied"));
}
END_TEST

START_TEST(a_key_for_everybody)
{
	ck_assert_int_eq(chmod(certificates[0].key, 0640), 0);
	certificates_send(&conf, control);
	expect(1, 1);
	ck_assert(!logged("everybody"));
	ck_assert_int_eq(chmod(certificates[0].key, 0644), 0);
	certificates_send(&conf, control);
	expect(2, 2);
	ck_assert(logged("certificate one: "));
	ck_assert(logged("everybody on this machine can read the key"));
}
END_TEST

/* The descriptors are of one moment each; what is written behind their backs is seen the next time.
 */
START_TEST(changed_while_it_is_read)
{
	certificates_send(&conf, control);
	rewrite(certificates[0].chain, "later");
	expect(1, 1); /* read only now */
	certificates_look(&conf, control);
	expect(2, 1);
	ck_assert_str_eq(texts[0][0], "later");
}
END_TEST

/* Chain and key come at the places that the configuration says, also when they change theirs. */
START_TEST(chain_and_key_change_places)
{
	certificates_send(&conf, control);
	expect(1, 1);
	char *chain = certificates[0].chain;
	certificates[0].chain = certificates[0].key;
	certificates[0].key = chain;
	certificates_look(&conf, control);
	expect(2, 1);
	ck_assert_str_eq(texts[0][0], "key");
	ck_assert_str_eq(texts[0][1], "chain");
}
END_TEST

/* Between a reload and what follows it, the list is another one. */
START_TEST(another_list)
{
	certificates_send(&conf, control);
	expect(1, 1);
	struct conf fewer = conf;
	fewer.certificate_count = 1;
	rewrite(certificates[0].chain, "CHAIN");
	certificates_look(&fewer, control);
	expect(1, 1);
	certificates_send(&fewer, control);
	expect(2, 1);
	fewer.certificate_count = 0;
	certificates_send(&fewer, control);
	certificates_look(&fewer, control);
	expect(2, 1);
}
END_TEST

static void on_judged(void)
{
	judged++;
}

static void judge(uint16_t number, uint32_t serial, bool refused, bool in_use, const char *text)
{
	certificates_judge(&(struct msg_key_verdict){.number = number,
	    .serial = serial,
	    .refused = refused,
	    .in_use = in_use,
	    .text = str_from_cstr(text)});
}

static void expect_report(size_t most, size_t refused, const char *text)
{
	struct buf report = BUF_INIT(8192);
	ck_assert_uint_eq(certificates_report(&report, most), refused);
	ck_assert_msg(str_eq(buf_str(&report), str_from_cstr(text)), "%.*s", STR_ARG(buf_str(&report)));
	buf_release(&report);
}

START_TEST(keys_judges)
{
	certificates_watch(on_judged);
	certificates_send(&conf, control);
	expect(1, 1);
	ck_assert(!certificates_are_judged());
	judge(0, serials[0], true, false, "bad\033[1m\nworse");
	judge(1, serials[1] + 1, false, true, ""); /* of nothing that was sent */
	judge(2, serials[1], false, true, "");
	ck_assert(!certificates_are_judged() && judged == 0);
	judge(1, serials[1], false, true, "old");
	ck_assert(certificates_are_judged() && judged == 1);
	expect_report(8192, 1, "bad?[1m?worse\nold\n");
	expect_report(1, 1, "and 2 more, of which the log tells\n");
	/* A verdict on what has been sent anew since says nothing. */
	uint32_t before = serials[0];
	certificates_send(&conf, control);
	expect(2, 2);
	judge(0, before, false, true, "");
	judge(1, serials[1], false, true, "");
	ck_assert(!certificates_are_judged());
	judge(0, serials[0], false, true, "");
	expect_report(8192, 0, "");
}
END_TEST

START_TEST(what_is_missing_is_judged_here)
{
	char text[1024];
	certificates_watch(on_judged);
	certificates_send(&conf, control);
	expect(1, 1);
	judge(0, serials[0], false, true, "");
	ck_assert_int_eq(unlink(certificates[0].key), 0);
	certificates_look(&conf, control);
	snprintf(text, sizeof(text),
	    "certificate one: %s: No such file or directory; the one before stays in use\n",
	    certificates[0].key);
	expect_report(8192, 1, text);
	/* keys has forgotten everything. */
	certificates_forget();
	ck_assert_int_eq(unlink(certificates[1].chain), 0);
	judged = 0;
	certificates_send(&conf, control);
	ck_assert(certificates_are_judged() && certificates_are_useless());
	snprintf(text, sizeof(text),
	    "certificate one: %s: No such file or directory; it is not used\n"
	    "certificate two: %s: No such file or directory; it is not used\n" CERTIFICATES_USELESS
	    "\n",
	    certificates[0].key, certificates[1].chain);
	expect_report(8192, 2, text);
}
END_TEST

START_TEST(those_for_clients_are_no_listeners)
{
	certificates[1].client_only = true;
	certificates_send(&conf, control);
	expect(1, 1);
	judge(1, serials[1], false, true, "");
	ck_assert(!certificates_are_useless()); /* not yet known */
	judge(0, serials[0], true, false, "bad");
	ck_assert(certificates_are_useless());
	certificates[0].client_only = true;
	certificates_expect(&conf);
	ck_assert(!certificates_are_useless() && !certificates_are_judged());
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("files");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_are_sent_and_then_what_changed);
	tcase_add_test(tc, a_file_is_replaced);
	tcase_add_test(tc, links);
	tcase_add_loop_test(tc, a_file_goes_missing, 0, 2);
	tcase_add_test(tc, missing_from_the_start);
	tcase_add_loop_test(tc, what_is_no_file, 0, 3);
	tcase_add_test(tc, an_unreadable_file);
	tcase_add_test(tc, a_key_for_everybody);
	tcase_add_test(tc, changed_while_it_is_read);
	tcase_add_test(tc, chain_and_key_change_places);
	tcase_add_test(tc, another_list);
	tcase_add_test(tc, keys_judges);
	tcase_add_test(tc, what_is_missing_is_judged_here);
	tcase_add_test(tc, those_for_clients_are_no_listeners);
	return unit_run_case("certificates", tc);
}
