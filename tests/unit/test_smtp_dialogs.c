/* SPDX-License-Identifier: ISC
 *
 * Every dialog of tests/dialogs/smtp, whole, cut in two at every octet, and octet
 * by octet; with answers at once and later: always the same comes of it.
 */
#include "tests/unit/dialog.h"
#include "tests/unit/unit.h"
#include "common/buf.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

/* A longer group of lines is cut at places spread over it, so that the work stays bounded. */
enum { WORK_MAX = 2 * 1024 * 1024 };

static glob_t files;

static struct str load(const char *path, struct buf *text)
{
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	size_t n;
	do {
		uint8_t *to = buf_reserve(text, 65536);
		n = fread(to, 1, 65536, f);
		buf_commit(text, n);
	} while (n > 0);
	fclose(f);
	return buf_str(text);
}

static size_t run(const char *path, struct str text, struct dialog_mode mode)
{
	char fault[1024];
	size_t longest;
	bool ok = dialog_run(text, &mode, &longest, fault, sizeof(fault));
	ck_assert_msg(ok, "%s (cut %zu, octets %d, deferred %d): %s", path, mode.cut, mode.octets,
	    mode.deferred, fault);
	return longest;
}

START_TEST(dialog)
{
	const char *path = files.gl_pathv[_i];
	struct buf memory = BUF_INIT(SIZE_MAX / 2);
	struct str text = load(path, &memory);
	for (int deferred = 0; deferred < 2; deferred++) {
		size_t longest = run(path, text, (struct dialog_mode){.deferred = deferred});
		size_t step =
		    1 + (unit_wants_few_rounds() ? longest / 3 : longest * longest / WORK_MAX);
		for (size_t cut = 1; cut < longest; cut += step)
			run(path, text, (struct dialog_mode){.cut = cut, .deferred = deferred});
		run(path, text, (struct dialog_mode){.octets = true, .deferred = deferred});
	}
	buf_release(&memory);
}
END_TEST

/* A runner that sees no difference would be no test. */
START_TEST(wrong_dialogs_fail)
{
	static const char *const wrong[] = {
	    "S: 220 ...\nC: NOOP\nS: 251 ...\n",
	    "S: 220 ...\nC: NOOP\n",
	    "S: 220 ...\nC: NOOP\nS: 250 ...\nS: 250 ...\n",
	    "S: 220 ...\nC: NOOP\nS: 250 2.0.0 O\n",
	    "S: 220 ...\nC: NOOP\nS: 250 ...\nS: <closed>\n",
	    "S: 220 ...\nC: EHLO x.example\nC: MAIL FROM:<>\nC: RCPT TO:<ann@example.org>\n"
	    "C: BDAT 3 LAST\nC: x\nS: 250 ...\nS: 250 ...\nS: 250 ...\nS: 250 ...\nM: line y\n",
	    "S: 220 ...\nC: EHLO x.example\nC: MAIL FROM:<>\nC: RCPT TO:<ann@example.org>\n"
	    "C: BDAT 3 LAST\nC: x\nS: 250 ...\nS: 250 ...\nS: 250 ...\nS: 250 ...\nM: to "
	    "bob@example.org\n",
	    "S: 220 ...\nM: count 1\n",
	    "@ unknown 1\nS: 220 ...\n",
	};
	char fault[1024];
	const struct dialog_mode mode = {0};
	ck_assert(!dialog_run(str_from_cstr(wrong[_i]), &mode, NULL, fault, sizeof(fault)));
	ck_assert(_i < 9);
}
END_TEST

int main(void)
{
	if (glob(DIALOGS "/*.txt", 0, NULL, &files) != 0) {
		fprintf(stderr, "no dialogs in " DIALOGS "\n");
		return EXIT_FAILURE;
	}
	TCase *tcase = tcase_create("dialogs");
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, dialog, 0, (int)files.gl_pathc);
	tcase_add_loop_test(tcase, wrong_dialogs_fail, 0, 9);
	int status = unit_run_case("smtp dialogs", tcase);
	globfree(&files);
	return status;
}
