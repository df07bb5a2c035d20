/* SPDX-License-Identifier: ISC
 *
 * What libunbound writes may hold names from the network: the log escapes them. No more than
 * LINES_PER_MINUTE lines, so that nobody fills the disk with questions.
 */
#include "resolver/upstream-log.h"
#include "common/log.h"
#include "common/loop.h"

#include <sysexits.h>

enum { LINES_PER_MINUTE = 20 };

static struct {
	uint64_t minute;
	unsigned lines;
} budget;

static bool may_write(void)
{
	uint64_t minute = loop_now_ms() / (60 * 1000);
	if (minute != budget.minute)
		budget.lines = 0;
	budget.minute = minute;
	return budget.lines++ < LINES_PER_MINUTE;
}

/* "[1700000000] libunbound[1:0] error: text" */
static void write_line(struct str line)
{
	const char *error = memmem(line.p, line.n, "] error: ", 9);
	struct str text = str_skip(line, str_find(line, ']') + 2);
	struct log_event ev;
	if (!may_write())
		return;
	log_begin(&ev, error != NULL ? LOG_WARNING : LOG_DEBUG, (struct str){NULL, 0});
	log_note(&ev, text);
	log_end(&ev);
}

static ssize_t on_write(void *cookie, const char *p, size_t n)
{
	(void)cookie;
	for (struct str rest = str_from(p, n); rest.n > 0;) {
		struct str line = str_head(rest, str_find(rest, '\n'));
		if (line.n > 0)
			write_line(line);
		rest = str_skip(rest, line.n + 1);
	}
	return (ssize_t)n;
}

FILE *upstream_log(void)
{
	static FILE *stream;
	if (stream != NULL)
		return stream;
	stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = on_write});
	if (stream == NULL || setvbuf(stream, NULL, _IOLBF, BUFSIZ) != 0)
		log_fatal(EX_OSERR, "no stream for libunbound's words: %m");
	return stream;
}
