/* SPDX-License-Identifier: ISC
 *
 * Every dialog of tests/dialogs/pop3: whole, cut in two at every octet, octet by
 * octet, and with a client that reads little at a time.
 */
#include "common/mem.h"
#include "tests/unit/pop3-dialog.h"
#include "tests/unit/unit.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

enum { CUTS_MAX = 300 };

static glob_t files;

static struct str read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s cannot be opened", path);
	char *text = xmalloc(1024 * 1024);
	size_t n = fread(text, 1, 1024 * 1024, f);
	fclose(f);
	return str_from(text, n);
}

static size_t run(const char *path, struct str text, struct pop3_dialog_mode mode)
{
	char fault[600];
	size_t longest;
	if (!pop3_dialog_run(text, &mode, &longest, fault, sizeof(fault)))
		ck_abort_msg("%s (cut %zu, octets %d, narrow %d): %s", path, mode.cut, mode.octets,
		    mode.narrow, fault);
	return longest;
}

START_TEST(dialog)
{
	struct str text = read_file(files.gl_pathv[_i]);
	size_t longest = run(files.gl_pathv[_i], text, (struct pop3_dialog_mode){.cut = 0});
	run(files.gl_pathv[_i], text, (struct pop3_dialog_mode){.octets = true});
	run(files.gl_pathv[_i], text, (struct pop3_dialog_mode){.narrow = true});
	for (size_t cut = 1; cut < longest && cut < CUTS_MAX;
	     cut += CUTS_MAX / unit_times(CUTS_MAX))
		run(files.gl_pathv[_i], text, (struct pop3_dialog_mode){.cut = cut});
	free((char *)(uintptr_t)text.p);
}
END_TEST

START_TEST(there_are_dialogs)
{
	ck_assert_uint_gt(files.gl_pathc, 30);
}
END_TEST

/* The runner itself must be able to fail. */
START_TEST(runner_fails)
{
	static const struct str wrong[] = {
	    STR("S: +OK nonsense\n"),
	    STR("S: +OK ...\nS: +OK ...\n"),
	    STR("S: +OK ...\nC: CAPA\nS: +OK ...\n"),
	    STR("S: +OK ...\nC: QUIT\nS: +OK ...\nS: -ERR\n"),
	    STR("S: +OK ...\nS: <closed>\n"),
	    STR("S: +OK ...\nF: new/1\n"),
	    STR("@ file new/1 x\nS: +OK ...\nF:\n"),
	    STR("what\n"),
	};
	char fault[600];
	size_t longest;
	const struct pop3_dialog_mode mode = {.cut = 0};
	ck_assert(!pop3_dialog_run(wrong[_i], &mode, &longest, fault, sizeof(fault)));
}
END_TEST

int main(void)
{
	if (glob(DIALOGS "/*.txt", 0, NULL, &files) != 0)
		return 1;
	TCase *t = tcase_create("pop3-dialogs");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, there_are_dialogs);
	tcase_add_loop_test(t, runner_fails, 0, 8);
	tcase_add_loop_test(t, dialog, 0, (int)files.gl_pathc);
	int status = unit_run_case("pop3-dialogs", t);
	globfree(&files);
	return status;
}
