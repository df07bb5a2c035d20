/* SPDX-License-Identifier: ISC
 *
 * While the echo is off, signals that would end us only set a flag, so that the
 * terminal is put right first.
 */
#include "directory/password-read.h"
#include "directory/password.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

enum line_end { LINE_OK, LINE_EMPTY, LINE_TOO_LONG, LINE_FAILED };

/* Octet by octet: what follows the line is not ours. */
static enum line_end read_line(char out[PASSWORD_MAX + 1], size_t *n)
{
	*n = 0;
	for (;;) {
		char c;
		ssize_t got = read(STDIN_FILENO, &c, 1);
		if (got < 0)
			return LINE_FAILED;
		if (got == 0 || c == '\n')
			return *n == 0 ? LINE_EMPTY : LINE_OK;
		if (*n == PASSWORD_MAX)
			return LINE_TOO_LONG;
		out[(*n)++] = c;
		out[*n] = '\0';
	}
}

static bool say(enum line_end end)
{
	static const char *const text[] = {
	    [LINE_EMPTY] = "no password was given; nothing was changed",
	    [LINE_TOO_LONG] = "the password is longer than 1024 octets",
	    [LINE_FAILED] = "the password cannot be read",
	};
	if (end != LINE_OK)
		fprintf(stderr, "%s\n", text[end]);
	return end == LINE_OK;
}

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define DEADLY (sizeof(deadly) / sizeof(deadly[0]))

static enum line_end read_hidden(const char *prompt, char out[PASSWORD_MAX + 1], size_t *n)
{
	struct termios before, quiet;
	struct sigaction catch = {.sa_handler = on_signal}, old[DEADLY];
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return LINE_FAILED;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	caught = 0;
	for (size_t i = 0; i < DEADLY; i++)
		sigaction(deadly[i], &catch, &old[i]);
	fprintf(stderr, "%s: ", prompt);
	enum line_end end = LINE_FAILED;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0)
		end = read_line(out, n);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	for (size_t i = 0; i < DEADLY; i++)
		sigaction(deadly[i], &old[i], NULL);
	if (caught != 0)
		raise(caught);
	return end;
}

static bool read_twice(char out[PASSWORD_MAX + 1], size_t *n)
{
	char again[PASSWORD_MAX + 1];
	size_t again_n = 0;
	bool ok = say(read_hidden("New password", out, n)) &&
		  say(read_hidden("The same again", again, &again_n));
	if (ok && !str_eq(str_from(out, *n), str_from(again, again_n))) {
		fprintf(stderr, "the two are not the same; nothing was changed\n");
		ok = false;
	}
	password_wipe(again, sizeof(again));
	return ok;
}

bool password_read(char out[PASSWORD_MAX + 1], size_t *n)
{
	*n = 0;
	out[0] = '\0';
	if (isatty(STDIN_FILENO) ? !read_twice(out, n) : !say(read_line(out, n)))
		return false;
	if (str_find(str_from(out, *n), '\0') == *n)
		return true;
	fprintf(stderr, "the password has a NUL in it\n");
	return false;
}
