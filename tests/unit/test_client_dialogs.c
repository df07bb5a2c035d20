/* SPDX-License-Identifier: ISC
 *
 * Every dialog of tests/dialogs/client, whole, cut in two at every octet, and octet by
 * octet: always the same comes of it. And with the connection lost after every octet:
 * then every recipient has one result all the same.
 */
#include "common/buf.h"
#include "tests/unit/client-dialog.h"
#include "tests/unit/unit.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer dialogs are cut and lost at places spread over them, so that the work stays bounded. */
enum { CUTS_MAX = 3000 };

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

static void run(
    const char *path, struct str text, struct dialog_mode mode, size_t *octets, size_t *longest)
{
	char fault[4096];
	bool ok = dialog_run(text, &mode, octets, longest, fault, sizeof(fault));
	ck_assert_msg(ok, "%s (cut %zu, octets %d, lost %zu): %s", path, mode.cut, mode.octets,
	    mode.lost, fault);
}

START_TEST(dialog)
{
	const char *path = files.gl_pathv[_i];
	struct buf memory = BUF_INIT(SIZE_MAX / 2);
	struct str text = load(path, &memory);
	size_t octets, longest;
	run(path, text, (struct dialog_mode){0}, &octets, &longest);
	/* What came too early is not told from what came in time when the input is cut. */
	if (strstr(path, "/early-") == NULL) {
		for (size_t cut = 1; cut < longest; cut += longest / unit_times(CUTS_MAX) + 1)
			run(path, text, (struct dialog_mode){.cut = cut}, NULL, NULL);
		run(path, text, (struct dialog_mode){.octets = true}, NULL, NULL);
	}
	for (size_t lost = 1; lost <= octets; lost += octets / unit_times(CUTS_MAX) + 1)
		run(path, text, (struct dialog_mode){.lost = lost}, NULL, NULL);
	buf_release(&memory);
}
END_TEST

/* A runner that sees no difference would be no test. */
static const char *const wrong[] = {
    "S: 220 x\nC: HELO out.example.org\n",
    "S: 220 x\n",
    "S: 220 x\nC: EHLO out.example.org\nC: MAIL\n",
    "S: 220 x\nC: EHLO out.example.org\nN: ready\n",
    "S: 220 x\nC: EHLO out.example.org\nF: none\n",
    "S: 220 x\nC: EHLO out.example.org\nS: 250 x\nR: 0 taken none 2.0.0 (end of DATA) 250 x\n",
    "S: 554 x\nC: QUIT\nF: deferred refused 5.0.0 next-host (connect) 554 x\n",
    "@ from a@b.example\n@ to c@d.example\nS: 220 x\nC: EHLO out.example.org\nS: 250 x\n\
A: send\nC: MAIL FROM:<a@b.example>\nS: 550 x\n",
    "@ unknown 1\nS: 220 x\n",
};

START_TEST(wrong_dialogs_fail)
{
	char fault[1024];
	const struct dialog_mode mode = {0};
	ck_assert(!dialog_run(str_from_cstr(wrong[_i]), &mode, NULL, NULL, fault, sizeof(fault)));
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
	tcase_add_loop_test(tcase, wrong_dialogs_fail, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	int status = unit_run_case("client dialogs", tcase);
	globfree(&files);
	return status;
}
