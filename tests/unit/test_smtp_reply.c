/* SPDX-License-Identifier: ISC
 *
 * Replies of a server as sendmail reads them, and the exit statuses they mean.
 */
#include "control/smtp-reply.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sysexits.h>

static const struct {
	const char *in;
	enum smtp_reply_result result;
	unsigned code;
	size_t length;
	const char *enhanced;
} samples[] = {
    {"250 ok\r\n", SMTP_REPLY_WHOLE, 250, 8, ""},
    {"250\r\n", SMTP_REPLY_WHOLE, 250, 5, ""},
    {"250 \r\n", SMTP_REPLY_WHOLE, 250, 6, ""},
    {"250 ok\n", SMTP_REPLY_WHOLE, 250, 7, ""},
    {"250-a\r\n250 b\r\nrest", SMTP_REPLY_WHOLE, 250, 14, ""},
    {"550 5.1.1 no\r\n", SMTP_REPLY_WHOLE, 550, 14, "5.1.1"},
    {"550 5.1.1\r\n", SMTP_REPLY_WHOLE, 550, 11, "5.1.1"},
    {"452 4.3.123 x\r\n", SMTP_REPLY_WHOLE, 452, 15, "4.3.123"},
    {"550 5.1.1234 x\r\n", SMTP_REPLY_WHOLE, 550, 16, ""},
    {"550 5.1 x\r\n", SMTP_REPLY_WHOLE, 550, 11, ""},
    {"550 5..1 x\r\n", SMTP_REPLY_WHOLE, 550, 12, ""},
    {"550 9.1.1 x\r\n", SMTP_REPLY_WHOLE, 550, 13, ""},
    {"", SMTP_REPLY_PARTIAL, 0, 0, ""},
    {"250 ok", SMTP_REPLY_PARTIAL, 0, 0, ""},
    {"250 ok\r", SMTP_REPLY_PARTIAL, 0, 0, ""},
    {"250-a\r\n", SMTP_REPLY_PARTIAL, 0, 0, ""},
    {"250-a\r\n250", SMTP_REPLY_PARTIAL, 0, 0, ""},
    {"250-a\r\n251 b\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
    {"650 x\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
    {"150 x\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
    {"25x x\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
    {"250_x\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
    {"25\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
    {"\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
    {"hello\r\n", SMTP_REPLY_MALFORMED, 0, 0, ""},
};

START_TEST(replies)
{
	struct smtp_reply r = {.code = 0};
	ck_assert_int_eq(smtp_reply_parse(str_from_cstr(samples[_i].in), &r), samples[_i].result);
	if (samples[_i].result != SMTP_REPLY_WHOLE)
		return;
	ck_assert_uint_eq(r.code, samples[_i].code);
	ck_assert_uint_eq(r.lines.n, samples[_i].length);
	ck_assert(str_eq(smtp_reply_enhanced(&r), str_from_cstr(samples[_i].enhanced)));
}
END_TEST

START_TEST(every_prefix_is_survived)
{
	struct str in = str_from_cstr(samples[_i].in);
	for (size_t n = 0; n <= in.n; n++) {
		struct smtp_reply r = {.code = 0};
		char *exact = malloc(n == 0 ? 1 : n);
		memcpy(exact, in.p, n);
		if (smtp_reply_parse(str_from(exact, n), &r) == SMTP_REPLY_WHOLE)
			smtp_reply_enhanced(&r);
		free(exact);
	}
}
END_TEST

START_TEST(lines)
{
	struct smtp_reply r = {.code = 0};
	struct str text;
	ck_assert_int_eq(smtp_reply_parse(STR("250-one\r\n250-\r\n250\r\n"), &r), SMTP_REPLY_WHOLE);
	struct str rest = r.lines;
	ck_assert(smtp_reply_next_line(&rest, &text) && str_eq(text, STR("one")));
	ck_assert(smtp_reply_next_line(&rest, &text) && text.n == 0);
	ck_assert(smtp_reply_next_line(&rest, &text) && text.n == 0);
	ck_assert(!smtp_reply_next_line(&rest, &text));
}
END_TEST

START_TEST(an_endless_reply_is_malformed)
{
	char *in = malloc(SMTP_REPLY_MAX);
	struct smtp_reply r = {.code = 0};
	memset(in, '2', SMTP_REPLY_MAX);
	ck_assert_int_eq(smtp_reply_parse(str_from(in, SMTP_REPLY_MAX), &r), SMTP_REPLY_MALFORMED);
	free(in);
}
END_TEST

static const struct {
	const char *reply;
	enum smtp_stage stage;
	int status;
} statuses[] = {
    {"250 ok\r\n", SMTP_STAGE_RCPT, EX_OK},
    {"354 go\r\n", SMTP_STAGE_CONTENT, EX_OK},
    {"451 4.3.0 later\r\n", SMTP_STAGE_RCPT, EX_TEMPFAIL},
    {"421 bye\r\n", SMTP_STAGE_CONNECT, EX_TEMPFAIL},
    {"452 4.3.1 full\r\n", SMTP_STAGE_CONTENT, EX_TEMPFAIL},
    {"554 no\r\n", SMTP_STAGE_CONNECT, EX_UNAVAILABLE},
    {"550 5.1.1 no such\r\n", SMTP_STAGE_RCPT, EX_NOUSER},
    {"550 no such\r\n", SMTP_STAGE_RCPT, EX_NOUSER},
    {"553 5.1.3 bad\r\n", SMTP_STAGE_RCPT, EX_NOUSER},
    {"550 5.7.1 relaying denied\r\n", SMTP_STAGE_RCPT, EX_UNAVAILABLE},
    {"554 5.7.1 relaying denied\r\n", SMTP_STAGE_RCPT, EX_UNAVAILABLE},
    {"501 5.1.7 bad sender\r\n", SMTP_STAGE_MAIL, EX_DATAERR},
    {"550 5.7.1 not you\r\n", SMTP_STAGE_MAIL, EX_NOPERM},
    {"552 5.3.4 too big\r\n", SMTP_STAGE_MAIL, EX_DATAERR},
    {"552 5.3.4 too big\r\n", SMTP_STAGE_CONTENT, EX_DATAERR},
    {"550 5.6.0 bare newline\r\n", SMTP_STAGE_CONTENT, EX_DATAERR},
    {"554 5.7.1 policy\r\n", SMTP_STAGE_CONTENT, EX_UNAVAILABLE},
};

START_TEST(exit_statuses)
{
	struct smtp_reply r = {.code = 0};
	ck_assert_int_eq(smtp_reply_parse(str_from_cstr(statuses[_i].reply), &r), SMTP_REPLY_WHOLE);
	ck_assert_int_eq(smtp_reply_status(&r, statuses[_i].stage), statuses[_i].status);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("smtp-reply");
	tcase_add_loop_test(tc, replies, 0, sizeof(samples) / sizeof(samples[0]));
	tcase_add_loop_test(tc, every_prefix_is_survived, 0, sizeof(samples) / sizeof(samples[0]));
	tcase_add_loop_test(tc, exit_statuses, 0, sizeof(statuses) / sizeof(statuses[0]));
	tcase_add_test(tc, lines);
	tcase_add_test(tc, an_endless_reply_is_malformed);
	return unit_run_case("smtp-reply", tc);
}
