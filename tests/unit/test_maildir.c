/* SPDX-License-Identifier: ISC
 *
 * One delivery, and every state that a crash can leave for its repetition.
 */
#include "deliver-local/maildir.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDED	"Return-Path: <a@example.org>\r\nDelivered-To: ann@example.org\r\n"
#define CONTENT "Subject: hi\r\n\r\n.dot\r\n"
#define FILE_TEXT                                                                                  \
	"Return-Path: <a@example.org>\nDelivered-To: ann@example.org\nSubject: hi\n\n.dot\n"

static struct mailboxes *mailboxes;
static struct mailbox *box;
static struct content content;
static struct maildir_message message;
static char final_name[MAILDIR_NAME_SIZE];

static void setup(void)
{
	int root = scratch_open();
	mailboxes = mailboxes_new(root, 4);
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("example.org/ann"), &box), 0);
	content_from_text(&content, STR(CONTENT));
	message = (struct maildir_message){.content = &content, .added = STR(ADDED)};
	const struct maildir_delivery d = {.arrival = 1795473123456,
	    .spool = 0x1a2b3c4d,
	    .id = 1795473123456789,
	    .number = 7,
	    .hostname = STR("mx.example.org")};
	maildir_name_format(&message.name, &d);
	struct content_size size;
	ck_assert(content_size(&content, message.added, &size));
	maildir_name_sized(&message.name, size.octets, size.crlf_octets, final_name);
}

static void teardown(void)
{
	mailboxes_free(mailboxes);
	scratch_close();
}

static const char *in(const char *dir, const char *name)
{
	static char path[600];
	snprintf(path, sizeof(path), "example.org/ann/%s/%s", dir, name);
	return path;
}

static enum maildir_outcome deliver_it(bool repeat)
{
	enum maildir_outcome outcome;
	ck_assert_int_eq(maildir_deliver(box, &message, repeat, &outcome), 0);
	return outcome;
}

/* Exactly one file in the mailbox, and it is the message. */
static void ck_one_at(const char *path)
{
	size_t n;
	size_t files =
	    scratch_count("example.org/ann/new", NULL) + scratch_count("example.org/ann/cur", NULL);
	ck_assert_uint_eq(files, 1);
	ck_assert_uint_eq(scratch_count("example.org/ann/tmp", NULL), 0);
	char *text = scratch_read(path, &n);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, FILE_TEXT);
	ck_assert_uint_eq(n, sizeof(FILE_TEXT) - 1);
	free(text);
}

START_TEST(first)
{
	char name[256];
	ck_assert_int_eq(deliver_it(false), MAILDIR_WRITTEN);
	ck_assert_uint_eq(scratch_count("example.org/ann/new", name), 1);
	ck_assert_str_eq(name, final_name);
	ck_one_at(in("new", final_name));
	struct stat st;
	ck_assert_int_eq(fstatat(box->new, final_name, &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	char sizes[64];
	snprintf(
	    sizes, sizeof(sizes), ",S=%zu,W=%zu", sizeof(FILE_TEXT) - 1, sizeof(ADDED CONTENT) - 1);
	ck_assert_ptr_nonnull(strstr(final_name, sizes));
}
END_TEST

START_TEST(repeat_of_nothing)
{
	ck_assert_int_eq(deliver_it(true), MAILDIR_WRITTEN);
	ck_one_at(in("new", final_name));
	/* And of that one, which the mailbox has learnt meanwhile. */
	ck_assert_int_eq(deliver_it(true), MAILDIR_FOUND);
	ck_one_at(in("new", final_name));
}
END_TEST

START_TEST(repeat_of_complete)
{
	deliver_it(false);
	ck_assert_int_eq(deliver_it(true), MAILDIR_FOUND);
	ck_one_at(in("new", final_name));
}
END_TEST

/* The queue does not know that it repeats itself. */
START_TEST(unmarked_repeat)
{
	deliver_it(false);
	ck_assert_int_eq(deliver_it(false), MAILDIR_FOUND);
	ck_one_at(in("new", final_name));
}
END_TEST

START_TEST(crash_in_tmp)
{
	scratch_write(in("tmp", message.name.unique), STR("Return-Path: <a@"));
	ck_assert_int_eq(deliver_it(_i == 1), MAILDIR_WRITTEN);
	ck_one_at(in("new", final_name));
}
END_TEST

START_TEST(crash_linked_not_unlinked)
{
	scratch_write(in("tmp", message.name.unique), STR(FILE_TEXT));
	ck_assert_int_eq(linkat(box->tmp, message.name.unique, box->new, final_name, 0), 0);
	ck_assert_int_eq(deliver_it(true), MAILDIR_FOUND);
	ck_one_at(in("new", final_name));
}
END_TEST

static const struct str broken[] = {
    STR(""),
    STR("Return-Path: <a@example.org>\nDelivered-To: ann@example.org\nSubject: hi\n\n.dot"),
    STR("Return-Path: <a@example.org>\nDelivered-To: ann@example.org\nSubject: hi\n\n.dot\nx"),
    STR("Return-Path: <a@example.org>\nDelivered-To: ann@example.org\nSubject: hi\n\n\0\0\0\0\0"),
    STR("Return-Path: <a@example.org>\nDelivered-To: ann@example.org\nSubject: ho\n\n.dot\n"),
};

START_TEST(power_cut_in_new)
{
	scratch_write(in("new", final_name), broken[_i]);
	ck_assert_int_eq(deliver_it(true), MAILDIR_REPLACED);
	ck_one_at(in("new", final_name));
}
END_TEST

START_TEST(power_cut_in_cur)
{
	char name[300];
	snprintf(name, sizeof(name), "%s:2,FS", final_name);
	scratch_write(in("cur", name), broken[_i]);
	ck_assert_int_eq(deliver_it(true), MAILDIR_REPLACED);
	ck_one_at(in("cur", name));
}
END_TEST

START_TEST(read_meanwhile)
{
	static const char *const suffixes[] = {":2,", ":2,S", ":2,FRS", ":1,x", ""};
	char name[300];
	snprintf(name, sizeof(name), "%s%s", final_name, suffixes[_i]);
	scratch_write(in("cur", name), STR(FILE_TEXT));
	ck_assert_int_eq(deliver_it(true), MAILDIR_FOUND);
	ck_one_at(in("cur", name));
}
END_TEST

/* The hostname was changed in the configuration before the delivery was repeated. */
START_TEST(other_host)
{
	char name[300];
	snprintf(name, sizeof(name), "%.*sold.example,S=1,W=1", (int)message.name.key_n,
	    message.name.unique);
	scratch_write(in(_i == 0 ? "new" : "cur", name), STR(FILE_TEXT));
	ck_assert_int_eq(deliver_it(true), MAILDIR_FOUND);
	ck_one_at(in(_i == 0 ? "new" : "cur", name));
}
END_TEST

START_TEST(removed_after_reading)
{
	deliver_it(false);
	ck_assert_int_eq(deliver_it(true), MAILDIR_FOUND);
	ck_assert_int_eq(unlinkat(box->new, final_name, 0), 0);
	ck_assert_int_eq(deliver_it(true), MAILDIR_WRITTEN);
	ck_one_at(in("new", final_name));
}
END_TEST

START_TEST(others_are_not_it)
{
	static const char *const others[] = {
	    "1795473123.Q1a2b3c4e-x-7.h", "17954731.M1P2.h", "junk"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		scratch_write(in("new", others[i]), STR(FILE_TEXT));
	ck_assert_int_eq(deliver_it(true), MAILDIR_WRITTEN);
	ck_assert_uint_eq(scratch_count("example.org/ann/new", NULL), 4);
}
END_TEST

/* A symbolic link under the file's name is neither followed nor believed. */
START_TEST(link_in_new)
{
	scratch_write("elsewhere", STR(FILE_TEXT));
	ck_assert_int_eq(symlinkat("../../../elsewhere", box->new, final_name), 0);
	enum maildir_outcome outcome;
	ck_assert_int_eq(maildir_deliver(box, &message, true, &outcome), ELOOP);
	ck_assert(scratch_exists("elsewhere"));
}
END_TEST

START_TEST(failure_leaves_nothing)
{
	const struct rlimit limit = {20, RLIM_INFINITY};
	enum maildir_outcome outcome;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(maildir_deliver(box, &message, _i == 1, &outcome), EFBIG);
	ck_assert_uint_eq(scratch_count("example.org/ann/tmp", NULL), 0);
	ck_assert_uint_eq(scratch_count("example.org/ann/new", NULL), 0);
}
END_TEST

START_TEST(mailbox_vanished)
{
	enum maildir_outcome outcome;
	ck_assert_int_eq(unlinkat(box->root, "example.org/ann/tmp", AT_REMOVEDIR), 0);
	ck_assert_int_eq(maildir_deliver(box, &message, _i == 1, &outcome), ENOENT);
}
END_TEST

START_TEST(large)
{
	enum { SIZE = 3 * CONTENT_BLOCK + 17 };
	static char text[SIZE];
	for (size_t i = 0; i < SIZE; i++)
		text[i] = i % 61 == 59 ? '\r' : i % 61 == 60 ? '\n' : 'x';
	scratch_write("large", str_from(text, SIZE));
	int fd = openat(box->root, "large", O_RDONLY);
	content_from_file(&content, fd, SIZE);
	ck_assert_int_eq(deliver_it(false), MAILDIR_WRITTEN);
	ck_assert_int_eq(deliver_it(true), MAILDIR_FOUND);
	char name[256];
	size_t n;
	ck_assert_uint_eq(scratch_count("example.org/ann/new", name), 1);
	char *got = scratch_read(in("new", name), &n);
	char size[32];
	snprintf(size, sizeof(size), ",S=%zu,", n);
	ck_assert_ptr_nonnull(strstr(name, size));
	ck_assert_uint_eq(n, SIZE - SIZE / 61 + sizeof(ADDED) - 1 - 2 + 1);
	free(got);
	content_from_file(&content, fd, SIZE + 1);
	enum maildir_outcome outcome;
	message.name.unique[0] = '2';
	ck_assert_int_eq(maildir_deliver(box, &message, false, &outcome), EBADMSG);
	close(fd);
}
END_TEST

START_TEST(names)
{
	struct maildir_name name;
	char sized[MAILDIR_NAME_SIZE];
	const struct maildir_delivery d = {.arrival = 1795473123456,
	    .spool = 0xff,
	    .id = 1,
	    .number = 65535,
	    .hostname = STR("a/b:c,d.example")};
	maildir_name_format(&name, &d);
	ck_assert(strncmp(name.unique, "1795473123.Qff-", 15) == 0);
	ck_assert_ptr_nonnull(strstr(name.unique, "-65535.a\\057b\\072c\\054d.example"));
	maildir_name_sized(&name, UINT64_MAX, UINT64_MAX, sized);
	ck_assert_ptr_nonnull(strstr(sized, ",S=18446744073709551615,W=18446744073709551615"));
	ck_assert(maildir_name_matches(&name, sized));
	char host[300];
	memset(host, ':', sizeof(host));
	const struct maildir_delivery longest = {.arrival = UINT64_MAX,
	    .spool = UINT32_MAX,
	    .id = 1795473123456789,
	    .number = 65535,
	    .hostname = str_from(host, sizeof(host))};
	maildir_name_format(&name, &longest);
	maildir_name_sized(&name, UINT64_MAX, UINT64_MAX, sized);
	ck_assert_uint_lt(strlen(sized), MAILDIR_NAME_SIZE - 16);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("maildir");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, first);
	tcase_add_test(t, repeat_of_nothing);
	tcase_add_test(t, repeat_of_complete);
	tcase_add_test(t, unmarked_repeat);
	tcase_add_loop_test(t, crash_in_tmp, 0, 2);
	tcase_add_test(t, crash_linked_not_unlinked);
	tcase_add_loop_test(t, power_cut_in_new, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_loop_test(t, power_cut_in_cur, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_loop_test(t, read_meanwhile, 0, 5);
	tcase_add_loop_test(t, other_host, 0, 2);
	tcase_add_test(t, removed_after_reading);
	tcase_add_test(t, others_are_not_it);
	tcase_add_test(t, link_in_new);
	tcase_add_loop_test(t, failure_leaves_nothing, 0, 2);
	tcase_add_loop_test(t, mailbox_vanished, 0, 2);
	tcase_add_test(t, large);
	tcase_add_test(t, names);
	return unit_run_case("maildir", t);
}
