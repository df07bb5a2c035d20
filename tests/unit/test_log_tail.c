/* SPDX-License-Identifier: ISC
 *
 * Which line of the log tells why a start failed.
 */
#include "control/log-tail.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static char path[512];

static void set_up(void)
{
	scratch_open();
	snprintf(path, sizeof(path), "%s/log", scratch_path());
}

static void add(const char *text)
{
	FILE *f = fopen(path, "ae");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void expect(off_t mark, const char *line)
{
	struct buf text;
	struct str found = log_tail_error(path, mark, &text);
	ck_assert_msg(str_eq(found, str_from_cstr(line)), "%.*s", STR_ARG(found));
	buf_release(&text);
}

#define QUEUE_LINE   "Nov  1 mx postern/queue[7]: fatal: the spool is damaged"
#define CONTROL_LINE "Nov  1 mx postern/control[6]: error: program queue cannot work"
#define JSON_LINE    "{\"program\":\"queue\",\"level\":\"error\",\"note\":\"x\"}"
#define JSON_CONTROL "{\"program\":\"control\",\"level\":\"error\",\"note\":\"y\"}"
#define EXEC_LINE    "postern: /x/queue cannot be executed: is it installed?"

START_TEST(the_last_error_that_is_not_controls)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
	    {"", ""},
	    {"Nov  1 mx postern/queue[7]: warning: error: no\n", ""},
	    {QUEUE_LINE "\n" CONTROL_LINE "\n", QUEUE_LINE},
	    {CONTROL_LINE "\nNov  1 mx postern/queue[7]: all is well\n", CONTROL_LINE},
	    {"Nov  1 mx postern/keys[8]: error: other\n" QUEUE_LINE "\n", QUEUE_LINE},
	    {JSON_LINE "\n" JSON_CONTROL "\n", JSON_LINE},
	    {EXEC_LINE "\n" CONTROL_LINE, EXEC_LINE},
	    {"\n\n" QUEUE_LINE, QUEUE_LINE},
	};
	add(rows[_i].text);
	expect(0, rows[_i].line);
}
END_TEST

START_TEST(what_was_there_before_is_not_told)
{
	ck_assert_int_eq(log_tail_mark(path), 0);
	ck_assert_int_eq(log_tail_mark(NULL), 0);
	expect(0, "");
	add(QUEUE_LINE "\n");
	off_t mark = log_tail_mark(path);
	expect(mark, "");
	add(CONTROL_LINE "\n");
	expect(mark, CONTROL_LINE);
	expect(0, QUEUE_LINE);
	expect(100 * mark, ""); /* it was rotated */
}
END_TEST

START_TEST(only_the_end_of_much)
{
	add(QUEUE_LINE "\n");
	for (size_t i = 0; i < LOG_TAIL_MAX / 16; i++)
		add("fifteen octets.\n");
	expect(0, "");
	add(QUEUE_LINE "\n");
	expect(0, QUEUE_LINE);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("lines");
	tcase_add_checked_fixture(tc, set_up, scratch_close);
	tcase_add_loop_test(tc, the_last_error_that_is_not_controls, 0, 8);
	tcase_add_test(tc, what_was_there_before_is_not_told);
	tcase_add_test(tc, only_the_end_of_much);
	return unit_run_case("log_tail", tc);
}
