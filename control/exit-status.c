/* SPDX-License-Identifier: ISC */
#include "control/exit-status.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

static const struct {
	int status;
	const char *meaning;
	bool refusal;
} meanings[] = {
    {EX_OK, "by itself", false},
    {EX_USAGE, "bad command line", true},
    {EX_DATAERR, "bad data", true},
    {EX_NOINPUT, "a file is missing", true},
    {EX_NOUSER, "a user is missing", true},
    {EX_UNAVAILABLE, "something it needs is missing", true},
    {EX_SOFTWARE, "a fault of its own", true},
    {EX_OSERR, "the system refused something", true},
    {EX_OSFILE, "it cannot be executed", true},
    {EX_CANTCREAT, "a file cannot be made", true},
    {EX_IOERR, "an input or output error", true},
    {EX_TEMPFAIL, "not now", false},
    {EX_NOPERM, "a right is missing", true},
    {EX_CONFIG, "bad configuration", true},
    {EXIT_OUT_OF_MEMORY, "out of memory", false},
};

enum { MEANINGS = sizeof(meanings) / sizeof(meanings[0]) };

static size_t find(int code)
{
	size_t i = 0;
	while (i < MEANINGS && meanings[i].status != code)
		i++;
	return i;
}

void exit_status_describe(int status, char *out, size_t n)
{
	if (WIFSIGNALED(status)) {
		int sig = WTERMSIG(status);
		const char *what = sigdescr_np(sig);
		snprintf(out, n, "signal %d (%s)%s", sig, what == NULL ? "unknown" : what,
		    WCOREDUMP(status) ? ", core dumped" : "");
		return;
	}
	int code = WEXITSTATUS(status);
	size_t i = find(code);
	if (i < MEANINGS)
		snprintf(out, n, "exit %d (%s)", code, meanings[i].meaning);
	else
		snprintf(out, n, "exit %d", code);
}

int exit_status_refusal(int status)
{
	if (!WIFEXITED(status))
		return 0;
	size_t i = find(WEXITSTATUS(status));
	return i < MEANINGS && meanings[i].refusal ? WEXITSTATUS(status) : 0;
}
