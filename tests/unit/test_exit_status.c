/* SPDX-License-Identifier: ISC */
#include "control/exit-status.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>
#include <sysexits.h>

/* As wait(2) packs it. */
#define EXITED(code) ((code) << 8)

static const struct {
	int status;
	const char *text;
	int refusal;
} samples[] = {
    {EXITED(0), "exit 0 (by itself)", 0},
    {EXITED(1), "exit 1", 0},
    {EXITED(111), "exit 111 (out of memory)", 0},
    {EXITED(EX_CONFIG), "exit 78 (bad configuration)", EX_CONFIG},
    {EXITED(EX_NOUSER), "exit 67 (a user is missing)", EX_NOUSER},
    {EXITED(EX_OSFILE), "exit 72 (it cannot be executed)", EX_OSFILE},
    {EXITED(EX_TEMPFAIL), "exit 75 (not now)", 0},
    {SIGKILL, "signal 9 (Killed)", 0},
    {SIGSEGV | 0x80, "signal 11 (Segmentation fault), core dumped", 0},
    {SIGSYS, "signal 31 (Bad system call)", 0},
};

START_TEST(ends)
{
	char text[96];
	exit_status_describe(samples[_i].status, text, sizeof(text));
	ck_assert_str_eq(text, samples[_i].text);
	ck_assert_int_eq(exit_status_refusal(samples[_i].status), samples[_i].refusal);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("exit-status");
	tcase_add_loop_test(tc, ends, 0, sizeof(samples) / sizeof(samples[0]));
	return unit_run_case("exit-status", tc);
}
