/* SPDX-License-Identifier: ISC
 *
 * The header that sendmail makes of what it was given.
 */
#include "common/submission-header.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <time.h>

#define DATE	   "Thu, 1 Jan 1970 00:00:01 +0000"
#define ADDED_FROM "From: Ann Other <ann@host.example>\r\n"
#define ADDED_DATE "Date: " DATE "\r\n"
#define ADDED_ID   "Message-ID: <u1@host.example>\r\n"
#define ADDED	   ADDED_FROM ADDED_DATE ADDED_ID "\r\n"

struct sample {
	const char *in;
	const char *out;
	const char *recipients; /* joined by blanks, "?" before one without a domain; NULL: no -t */
	const char *body;
};

static const struct sample good[] = {
    {"", ADDED, NULL, ""},
    {"\nbody\n", ADDED, NULL, "body\n"},
    {"Subject: x\n\nbody\n", "Subject: x\r\n" ADDED, NULL, "body\n"},
    {"Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n" ADDED, NULL, "body\r\n"},
    {"Subject: x", "Subject: x\r\n" ADDED, NULL, ""},
    /* no header at all: the first line is the body's */
    {"just text\nmore\n", ADDED, NULL, "just text\nmore\n"},
    {"Subject: x\nno field\n\nbody", "Subject: x\r\n" ADDED, NULL, "no field\n\nbody"},
    /* mbox separators go */
    {"From ann Thu Jan  1 00:00:01 1970\nSubject: x\n\nb", "Subject: x\r\n" ADDED, NULL, "b"},
    {">From ann\nSubject: x\n\nb", "Subject: x\r\n" ADDED, NULL, "b"},
    /* nothing is added that is there */
    {"From: a@b\nDate: today\nMessage-Id: <1@x>\n\n",
	"From: a@b\r\nDate: today\r\nMessage-Id: <1@x>\r\n\r\n", NULL, ""},
    /* but nothing is there that is empty */
    {"From:\nDate: \r\n \t\nSubject:\nMessage-Id:\n\n", "Subject:\r\n" ADDED, NULL, ""},
    {"Message-ID: <1@x>\nResent-Date:\nDate: today\nFrom: a@b\n\n",
	"Message-ID: <1@x>\r\nDate: today\r\nFrom: a@b\r\n\r\n", NULL, ""},
    {"From : a@b\n\n", "From : a@b\r\n" ADDED_DATE ADDED_ID "\r\n", NULL, ""},
    {"FROM : a@b\n\n", "FROM : a@b\r\n" ADDED_DATE ADDED_ID "\r\n", NULL, ""},
    /* addresses get a domain, wherever they stand in the field */
    {"From: root (Cron Daemon)\nTo: root\n\n",
	"From: root@host.example (Cron Daemon)\r\nTo: root@host.example\r\n" ADDED_DATE ADDED_ID
	"\r\n",
	NULL, ""},
    {"To: Ann <ann>,\n bob,\n\tc@d\n\n",
	"To: Ann <ann@host.example>,\r\n bob@host.example,\r\n\tc@d\r\n" ADDED, NULL, ""},
    /* a field that cannot be parsed stays as it is */
    {"To: two words\n\n", "To: two words\r\n" ADDED, NULL, ""},
    {"To: undisclosed-recipients:;\n\n", "To: undisclosed-recipients:;\r\n" ADDED, NULL, ""},
    /* what must not travel */
    {"Bcc: secret@b\nReturn-Path: <x@y>\nSubject: s\n\n", "Subject: s\r\n" ADDED, NULL, ""},
    {"Bcc: secret@b,\n other@b\nSubject: s\n\n", "Subject: s\r\n" ADDED, "secret@b other@b", ""},
    /* -t */
    {"To: a@b, Ann <c@d>\nCc: e\nBcc: g@h\n\nx",
	"To: a@b, Ann <c@d>\r\nCc: e@host.example\r\n" ADDED, "a@b c@d ?e g@h", "x"},
    {"To: a@b\nTo: c@d\n\n", "To: a@b\r\nTo: c@d\r\n" ADDED, "a@b c@d", ""},
    {"Subject: s\n\nTo: body@text\n", "Subject: s\r\n" ADDED, "", "To: body@text\n"},
    {"To:\n\n", "To:\r\n" ADDED, "", ""},
    {"To:", "To:\r\n" ADDED, "", ""},
    /* resent messages: only the Resent- block counts */
    {"From: a@b\nTo: c@d\nResent-To: e@f\nResent-Bcc: g@h\n\n",
	"From: a@b\r\nTo: c@d\r\nResent-To: e@f\r\nResent-" ADDED_FROM "Resent-" ADDED_DATE
	"Resent-" ADDED_ID "\r\n",
	"e@f g@h", ""},
    {"Resent-From: x@y\nResent-Date: now\nResent-Message-ID: <1@2>\n\n",
	"Resent-From: x@y\r\nResent-Date: now\r\nResent-Message-ID: <1@2>\r\n\r\n", "", ""},
    /* stray CR makes no line; case and folding survive */
    {"Subject: a\rBcc: x@y\n\n", "Subject: a Bcc: x@y\r\n" ADDED, "", ""},
    {"X-Long: one\n two\n\tthree\n\n", "X-Long: one\r\n two\r\n\tthree\r\n" ADDED, NULL, ""},
};

static const struct {
	const char *in;
	const char *field;
} bad[] = {
    {"To: two words\n\n", "To"},
    {"To: a@b\nCc: (open\n\n", "Cc"},
    {"Bcc: <a@b\n\n", "Bcc"},
    {"To: refuse@me\n\n", "To"},
};

static struct buf recipients = {.max = 4096};

static bool on_recipient(void *ctx, struct str address, bool qualified)
{
	(void)ctx;
	if (str_eq(address, STR("refuse@me")))
		return false;
	if (buf_len(&recipients) > 0)
		buf_append_u8(&recipients, ' ');
	if (!qualified)
		buf_append_u8(&recipients, '?');
	return buf_append_str(&recipients, address);
}

static struct submission usual(bool extract)
{
	return (struct submission){.origin = STR("host.example"),
	    .sender = STR("ann@host.example"),
	    .full_name = STR("Ann Other"),
	    .unique = STR("u1"),
	    .now_ms = 1000,
	    .extract = extract,
	    .on_recipient = on_recipient};
}

START_TEST(good_headers)
{
	const struct sample *t = &good[_i];
	struct submission s = usual(t->recipients != NULL);
	struct buf out = BUF_INIT(65536);
	struct submission_fault fault;
	size_t used = 0;
	struct str in = str_from_cstr(t->in);
	buf_reset(&recipients);
	ck_assert(submission_header(&s, in, &out, &used, &fault));
	ck_assert_msg(str_eq(buf_str(&out), str_from_cstr(t->out)), "got:\n%.*s\nfor:\n%s",
	    STR_ARG(buf_str(&out)), t->in);
	ck_assert_uint_le(used, in.n);
	ck_assert_msg(str_eq(str_skip(in, used), str_from_cstr(t->body)), "body after:\n%s", t->in);
	const char *want = t->recipients == NULL ? "" : t->recipients;
	ck_assert_msg(str_eq(buf_str(&recipients), str_from_cstr(want)), "recipients %.*s, not %s",
	    STR_ARG(buf_str(&recipients)), want);
	buf_release(&out);
}
END_TEST

START_TEST(bad_headers)
{
	struct submission s = usual(true);
	struct buf out = BUF_INIT(65536);
	struct submission_fault fault;
	size_t used;
	ck_assert(!submission_header(&s, str_from_cstr(bad[_i].in), &out, &used, &fault));
	ck_assert_str_eq(fault.field, bad[_i].field);
	buf_release(&out);
}
END_TEST

START_TEST(a_null_sender_gets_a_from_all_the_same)
{
	struct submission s = usual(false);
	struct buf out = BUF_INIT(65536);
	struct submission_fault fault;
	size_t used;
	s.sender = STR("");
	ck_assert(submission_header(&s, STR("X: y\n\n"), &out, &used, &fault));
	ck_assert(str_has_prefix(
	    buf_str(&out), STR("X: y\r\nFrom: Ann Other <MAILER-DAEMON@host.example>\r\n")));
	buf_release(&out);
}
END_TEST

START_TEST(a_header_may_not_be_endless)
{
	size_t n = SUBMISSION_HEADER_MAX + 2;
	char *in = malloc(n);
	memset(in, 'x', n);
	memcpy(in, "Subject: ", 9);
	struct submission s = usual(false);
	struct buf out = BUF_INIT(2 * n);
	struct submission_fault fault;
	size_t used;
	ck_assert(!submission_header(&s, str_from(in, n), &out, &used, &fault));
	ck_assert_ptr_nonnull(fault.why);
	buf_release(&out);
	free(in);
}
END_TEST

START_TEST(every_prefix_is_survived)
{
	const char *in = good[_i].in;
	struct submission s = usual(true);
	for (size_t n = 0; n <= strlen(in); n++) {
		char *exact = malloc(n == 0 ? 1 : n);
		memcpy(exact, in, n);
		struct buf out = BUF_INIT(65536);
		struct submission_fault fault;
		size_t used = 0;
		buf_reset(&recipients);
		if (submission_header(&s, str_from(exact, n), &out, &used, &fault))
			ck_assert_uint_le(used, n);
		buf_release(&out);
		free(exact);
	}
}
END_TEST

int main(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	TCase *tc = tcase_create("submission-header");
	tcase_add_loop_test(tc, good_headers, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tc, bad_headers, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(tc, every_prefix_is_survived, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_test(tc, a_null_sender_gets_a_from_all_the_same);
	tcase_add_test(tc, a_header_may_not_be_endless);
	return unit_run_case("submission-header", tc);
}
