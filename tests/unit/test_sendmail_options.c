/* SPDX-License-Identifier: ISC
 *
 * sendmail's command line, as the programs that call it write it.
 */
#include "control/sendmail-options.h"

#include "common/mem.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sysexits.h>

enum { ARGS_MAX = 12 };

static const struct good {
	const char *argv[ARGS_MAX];
	struct sendmail_options want; /* recipients apart */
	size_t first_recipient;	      /* place in argv */
	size_t recipients;
} good[] = {
    /* PHP's default, Python's, and with the "additional parameters" of mail() */
    {{"sendmail", "-t", "-i"}, {.extract_recipients = true, .ignore_dots = true}, 3, 0},
    {{"sendmail", "-t", "-oi"}, {.extract_recipients = true, .ignore_dots = true}, 3, 0},
    {{"sendmail", "-t", "-i", "-fweb@example.org"},
	{.extract_recipients = true, .ignore_dots = true, .sender = "web@example.org"}, 4, 0},
    {{"sendmail", "-ti"}, {.extract_recipients = true, .ignore_dots = true}, 2, 0},
    /* cron */
    {{"/usr/sbin/sendmail", "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"},
	{.ignore_dots = true, .full_name = "CronDaemon"}, 5, 1},
    /* git send-email, mutt */
    {{"sendmail", "-f", "a@b", "-i", "c@d", "e@f"}, {.ignore_dots = true, .sender = "a@b"}, 4, 2},
    {{"sendmail", "-oem", "-oi", "-f", "a@b", "--", "c@d"}, {.ignore_dots = true, .sender = "a@b"},
	6, 1},
    {{"sendmail", "-N", "success,failure", "-R", "hdrs", "-V", "id-1", "x@y"},
	{.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE, .ret = RET_HDRS, .envid = "id-1"}, 7, 1},
    {{"sendmail", "-Nnever", "x"}, {.notify = NOTIFY_NEVER}, 2, 1},
    {{"sendmail", "-RFULL", "x"}, {.ret = RET_FULL}, 2, 1},
    {{"sendmail", "-f", "", "x"}, {.sender = ""}, 3, 1},
    {{"sendmail", "-f<>", "x"}, {.sender = "<>"}, 2, 1},
    {{"sendmail", "-r", "a@b", "x"}, {.sender = "a@b"}, 3, 1},
    {{"sendmail", "-bm", "x"}, {.mode = SENDMAIL_SUBMIT}, 2, 1},
    {{"sendmail", "-bs"}, {.mode = SENDMAIL_SMTP}, 2, 0},
    {{"sendmail", "-bp"}, {.mode = SENDMAIL_LIST_QUEUE}, 2, 0},
    {{"sendmail", "-bi"}, {.mode = SENDMAIL_BUILD_TABLES}, 2, 0},
    {{"sendmail", "-I"}, {.mode = SENDMAIL_BUILD_TABLES}, 2, 0},
    {{"sendmail", "-q"}, {.mode = SENDMAIL_RUN_QUEUE}, 2, 0},
    {{"sendmail", "-q30m"}, {.mode = SENDMAIL_RUN_QUEUE}, 2, 0},
    {{"/usr/bin/mailq"}, {.mode = SENDMAIL_LIST_QUEUE}, 1, 0},
    {{"newaliases"}, {.mode = SENDMAIL_BUILD_TABLES}, 1, 0},
    {{"mailq", "-v", "-C", "/x"}, {.mode = SENDMAIL_LIST_QUEUE, .verbose = true, .conf_path = "/x"},
	4, 0},
    /* accepted, without meaning */
    {{"sendmail", "-Ac", "-d0.1", "-G", "-U", "-n", "-m", "-h", "3", "-Ltag"}, {.ret = RET_NONE},
	10, 0},
    {{"sendmail", "-X", "/dev/null", "-odb", "-o7", "-p", "ESMTP", "-O", "DeliveryMode=b", "x"},
	{.ret = RET_NONE}, 9, 1},
    {{"sendmail", "-O", "IgnoreDots=true", "x"}, {.ignore_dots = true}, 3, 1},
    /* what follows the first recipient is no option */
    {{"sendmail", "x", "-t"}, {.ret = RET_NONE}, 1, 2},
    {{"sendmail"}, {.ret = RET_NONE}, 1, 0},
};

static const struct bad {
	const char *argv[ARGS_MAX];
	const char *why; /* contained in it */
} bad[] = {
    {{"sendmail", "-bd"}, "postern start"},
    {{"sendmail", "-bD"}, "postern start"},
    {{"sendmail", "-bd", "-q30m"}, "postern start"},
    {{"sendmail", "-bv", "x"}, "postern user list"},
    {{"sendmail", "-bt"}, "rules"},
    {{"sendmail", "-bz"}, "-bm, -bp"},
    {{"sendmail", "-bss"}, "-bm, -bp"},
    {{"sendmail", "-Z"}, "no such option"},
    {{"sendmail", "-tZ"}, "no such option"},
    {{"sendmail", "-f"}, "must follow"},
    {{"sendmail", "-BBINARYMIME"}, "8BITMIME"},
    {{"sendmail", "-Nnever,delay"}, "never stands alone"},
    {{"sendmail", "-Nsometimes"}, "success,failure,delay"},
    {{"sendmail", "-N", ""}, "success,failure,delay"},
    {{"sendmail", "-Rsome"}, "full or hdrs"},
    {{"sendmail", "-V", ""}, "1 to 100"},
    {{"sendmail", "-Va\nb"}, "printable"},
};

static int count(const char *const *argv)
{
	int n = 0;
	while (n < ARGS_MAX && argv[n] != NULL)
		n++;
	return n;
}

/* argv is not const in main, and nothing writes to it. */
static int parse(struct sendmail_options *o, const char *const *argv)
{
	static char *copy[ARGS_MAX + 1];
	for (int i = 0; i < ARGS_MAX; i++)
		copy[i] = (char *)(uintptr_t)argv[i];
	return sendmail_options_parse(o, count(argv), copy);
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

START_TEST(good_command_lines)
{
	const struct good *g = &good[_i];
	struct sendmail_options o;
	ck_assert_int_eq(parse(&o, g->argv), EX_OK);
	ck_assert_int_eq(o.mode, g->want.mode);
	ck_assert_int_eq(o.extract_recipients, g->want.extract_recipients);
	ck_assert_int_eq(o.ignore_dots, g->want.ignore_dots);
	ck_assert_int_eq(o.verbose, g->want.verbose);
	ck_assert_int_eq(o.notify, g->want.notify);
	ck_assert_int_eq(o.ret, g->want.ret);
	ck_assert(same(o.sender, g->want.sender));
	ck_assert(same(o.full_name, g->want.full_name));
	ck_assert(same(o.conf_path, g->want.conf_path));
	ck_assert(same(o.envid, g->want.envid));
	ck_assert_uint_eq(o.recipient_count, g->recipients);
	for (size_t i = 0; i < o.recipient_count; i++)
		ck_assert_str_eq(o.recipients[i], g->argv[g->first_recipient + i]);
}
END_TEST

START_TEST(bad_command_lines)
{
	const struct bad *b = &bad[_i];
	struct sendmail_options o;
	ck_assert_int_eq(parse(&o, b->argv), EX_USAGE);
	ck_assert_msg(strstr(o.why, b->why) != NULL, "%s", o.why);
}
END_TEST

/* A word cut short may mean something else, but is taken or refused in words. */
START_TEST(every_prefix)
{
	const struct good *g = &good[_i];
	for (int last = 1; last < count(g->argv); last++) {
		for (size_t n = 0; n <= strlen(g->argv[last]); n++) {
			struct sendmail_options o;
			char *argv[ARGS_MAX + 1] = {NULL};
			for (int i = 0; i < last; i++)
				argv[i] = (char *)(uintptr_t)g->argv[i];
			argv[last] = str_dup(str_from(g->argv[last], n));
			int status = sendmail_options_parse(&o, last + 1, argv);
			ck_assert_int_eq(status, o.why[0] == '\0' ? EX_OK : EX_USAGE);
			free(argv[last]);
		}
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sendmail-options");
	tcase_add_loop_test(tc, good_command_lines, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tc, every_prefix, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tc, bad_command_lines, 0, sizeof(bad) / sizeof(bad[0]));
	return unit_run_case("sendmail-options", tc);
}
