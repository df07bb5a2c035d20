/* SPDX-License-Identifier: ISC
 *
 * From queue's message to files and results.
 */
#include "deliver-local/deliver.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int root;
static struct deliverer d;
static struct mailbox_target targets[RECIPIENTS_PER_PACKET];
static struct local_delivery delivery;
static struct local_result results[RECIPIENTS_PER_PACKET];

static void on_synced(void *ctx, const uint64_t *cookies, size_t n, int error)
{
	(void)ctx;
	(void)cookies;
	(void)n;
	(void)error;
}

static void setup(void)
{
	root = scratch_open();
	d = (struct deliverer){.hostname = "mx.example.org",
	    .template = "/var/mail/%d/%n",
	    .mailboxes = mailboxes_new(root, 4),
	    .sync = group_sync_new(on_synced, NULL)};
	targets[0] = (struct mailbox_target){1, STR("ann@example.org"), STR("ann@example.org")};
	delivery = (struct local_delivery){.delivery = 9,
	    .id = 1795473123456789,
	    .spool = 1,
	    .arrival = 1795473123456,
	    .reverse_path = STR("bob@example.net"),
	    .targets = targets,
	    .targets_count = 1};
}

static void teardown(void)
{
	mailboxes_free(d.mailboxes);
	scratch_close();
}

static bool deliver_text(struct str text)
{
	struct content content;
	content_from_text(&content, text);
	return deliver(&d, &delivery, &content, results);
}

/* The one file in a mailbox must have this text. */
static void ck_mailbox(const char *mailbox, const char *text)
{
	char dir[300], name[256], path[600];
	size_t n;
	snprintf(dir, sizeof(dir), "%s/new", mailbox);
	ck_assert_uint_eq(scratch_count(dir, name), 1);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	char *got = scratch_read(path, &n);
	ck_assert_str_eq(got, text);
	free(got);
}

static const struct {
	const char *what;
	struct str reverse_path, address, original, content;
	const char *mailbox, *file;
} rows[] = {
    {"plain", STR("bob@example.net"), STR("ann@example.org"), STR("ann@example.org"),
	STR("A: b\r\n\r\nc\r\n"), "example.org/ann",
	"Return-Path: <bob@example.net>\nDelivered-To: ann@example.org\nA: b\n\nc\n"},
    {"bounce", STR(""), STR("ann@example.org"), STR(""), STR("A: b\r\n\r\nc\r\n"),
	"example.org/ann", "Return-Path: <>\nDelivered-To: ann@example.org\nA: b\n\nc\n"},
    {"alias", STR("bob@example.net"), STR("ann@example.org"), STR("info@example.org"),
	STR("\r\nc\r\n"), "example.org/ann",
	"Return-Path: <bob@example.net>\nX-Original-To: info@example.org\n"
	"Delivered-To: ann@example.org\n\nc\n"},
    {"case", STR("b@x"), STR("Ann@example.org"), STR("Ann@example.org"), STR("c\r\n"),
	"example.org/ann", "Return-Path: <b@x>\nDelivered-To: Ann@example.org\nc\n"},
    {"hostile", STR("b\r\nX: y@x"), STR("../../x@example.org"), STR(""), STR("c\r\n"),
	"example.org/%2E.%2F..%2Fx",
	"Return-Path: <b??X: y@x>\nDelivered-To: ../../x@example.org\nc\n"},
    {"return-path", STR("b@x"), STR("ann@example.org"), STR(""),
	STR("Return-Path: <liar@x>\r\nA: b\r\nRETURN-PATH: folded\r\n\tand more\r\nC: d\r\n"
	    "Return-path: last\r\n\r\nReturn-Path: body\r\n"),
	"example.org/ann",
	"Return-Path: <b@x>\nDelivered-To: ann@example.org\nA: b\nC: d\n\nReturn-Path: body\n"},
    {"only a return-path", STR("b@x"), STR("ann@example.org"), STR(""),
	STR("Return-Path: <liar@x>\r\n"), "example.org/ann",
	"Return-Path: <b@x>\nDelivered-To: ann@example.org\n"},
    {"nothing", STR("b@x"), STR("ann@example.org"), STR(""), STR(""), "example.org/ann",
	"Return-Path: <b@x>\nDelivered-To: ann@example.org\n"},
    {"no line ending", STR("b@x"), STR("ann@example.org"), STR(""), STR("A: b\r\n\r\nc"),
	"example.org/ann", "Return-Path: <b@x>\nDelivered-To: ann@example.org\nA: b\n\nc\n"},
};

START_TEST(writes)
{
	delivery.reverse_path = rows[_i].reverse_path;
	targets[0] = (struct mailbox_target){3, rows[_i].address, rows[_i].original};
	ck_assert(deliver_text(rows[_i].content));
	ck_assert_uint_eq(results[0].number, 3);
	ck_assert_uint_eq(results[0].outcome, DELIVERY_VISIBLE);
	ck_mailbox(rows[_i].mailbox, rows[_i].file);
}
END_TEST

/* A large message, whose header lies across blocks, becomes what a small one would. */
START_TEST(writes_large)
{
	struct content content;
	char *text = malloc(2 * CONTENT_BLOCK);
	size_t n = (size_t)snprintf(text, 100, "Return-Path: <liar@x>\r\nA: ");
	while (n < CONTENT_BLOCK + 100)
		text[n++] = 'x';
	n += (size_t)snprintf(text + n, 100, "\r\n\r\nbody\r\n");
	scratch_write("large", str_from(text, n));
	int fd = openat(root, "large", O_RDONLY | O_CLOEXEC);
	content_from_file(&content, fd, n);
	ck_assert(deliver(&d, &delivery, &content, results));
	close(fd);
	char name[256], path[600], head[200];
	size_t got_n;
	ck_assert_uint_eq(scratch_count("example.org/ann/new", name), 1);
	snprintf(path, sizeof(path), "example.org/ann/new/%s", name);
	char *got = scratch_read(path, &got_n);
	size_t head_n = (size_t)snprintf(head, sizeof(head),
	    "Return-Path: <bob@example.net>\nDelivered-To: ann@example.org\nA: xxx");
	ck_assert(memcmp(got, head, head_n) == 0);
	ck_assert_str_eq(got + got_n - 8, "x\n\nbody\n");
	ck_assert_uint_eq(got_n, head_n - 6 + n - strlen("Return-Path: <liar@x>\r\n") - 3);
	free(got);
	free(text);
}
END_TEST

START_TEST(each_target_has_its_result)
{
	scratch_write("bad.example", STR("a file where a directory belongs"));
	targets[0] = (struct mailbox_target){10, STR("ann@example.org"), STR("all@example.org")};
	targets[1] = (struct mailbox_target){11, STR("nobody"), STR("")};
	targets[2] = (struct mailbox_target){12, STR("ann@bad.example"), STR("")};
	targets[3] = (struct mailbox_target){13, STR("bob@example.org"), STR("all@example.org")};
	delivery.targets_count = 4;
	ck_assert(deliver_text(STR("A: b\r\n\r\nc\r\n")));
	static const uint8_t outcomes[] = {
	    DELIVERY_VISIBLE, DELIVERY_FAILED, DELIVERY_DEFERRED, DELIVERY_VISIBLE};
	static const char *const codes[] = {"", "5.1.3", "4.3.5", ""};
	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(results[i].number, 10 + i);
		ck_assert_uint_eq(results[i].outcome, outcomes[i]);
		ck_assert(str_eq(results[i].enhanced, str_from_cstr(codes[i])));
	}
	ck_mailbox("example.org/bob",
	    "Return-Path: <bob@example.net>\nX-Original-To: all@example.org\n"
	    "Delivered-To: bob@example.org\nA: b\n\nc\n");
}
END_TEST

START_TEST(nothing_visible)
{
	targets[0] = (struct mailbox_target){1, STR("nobody"), STR("")};
	ck_assert(!deliver_text(STR("c\r\n")));
}
END_TEST

/* Two recipients with one mailbox get a copy each; a repetition adds none. */
START_TEST(numbers_tell_copies_apart)
{
	targets[1] = (struct mailbox_target){2, STR("ann@example.org"), STR("info@example.org")};
	delivery.targets_count = 2;
	ck_assert(deliver_text(STR("c\r\n")));
	ck_assert_uint_eq(scratch_count("example.org/ann/new", NULL), 2);
	delivery.repeat = 1;
	ck_assert(deliver_text(STR("c\r\n")));
	ck_assert_uint_eq(results[0].outcome, DELIVERY_VISIBLE);
	ck_assert_uint_eq(scratch_count("example.org/ann/new", NULL), 2);
}
END_TEST

/* The mailbox is removed while it is held open. */
START_TEST(comes_back_after_removal)
{
	struct mailbox *box;
	ck_assert_int_eq(mailboxes_get(d.mailboxes, STR("example.org/ann"), &box), 0);
	ck_assert_int_eq(unlinkat(root, "example.org/ann/tmp", AT_REMOVEDIR), 0);
	ck_assert(deliver_text(STR("c\r\n")));
	ck_assert_uint_eq(results[0].outcome, DELIVERY_VISIBLE);
	ck_assert_uint_eq(scratch_count("example.org/ann/new", NULL), 1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("deliver");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, writes, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, writes_large);
	tcase_add_test(t, each_target_has_its_result);
	tcase_add_test(t, nothing_visible);
	tcase_add_test(t, numbers_tell_copies_apart);
	tcase_add_test(t, comes_back_after_removal);
	return unit_run_case("deliver", t);
}
