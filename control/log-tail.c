/* SPDX-License-Identifier: ISC */
#include "control/log-tail.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

off_t log_tail_mark(const char *path)
{
	struct stat st;
	return path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

static bool has(struct str line, const char *words)
{
	return memmem(line.p, line.n, words, strlen(words)) != NULL;
}

/* In either shape of common/log.h, or what a program that could not be executed left. */
static bool is_error(struct str line)
{
	return has(line, "]: error: ") || has(line, "]: fatal: ") || has(line, "\"level\":\"error\"") ||
	       has(line, "\"level\":\"fatal\"") || has(line, "cannot be executed: ");
}

static bool is_of_control(struct str line)
{
	return has(line, "postern/control[") || has(line, "\"program\":\"control\"");
}

static void read_behind(const char *path, off_t mark, struct buf *text)
{
	off_t end = log_tail_mark(path);
	off_t from = end - mark > LOG_TAIL_MAX ? end - LOG_TAIL_MAX : mark;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	uint8_t *to = end > from ? buf_reserve(text, (size_t)(end - from)) : NULL;
	ssize_t n = to == NULL ? -1 : pread(fd, to, (size_t)(end - from), from);
	if (n > 0)
		buf_commit(text, (size_t)n);
	close(fd);
}

struct str log_tail_error(const char *path, off_t mark, struct buf *text)
{
	struct str found = STR(""), of_control = STR("");
	buf_init(text, LOG_TAIL_MAX);
	if (path != NULL)
		read_behind(path, mark, text);
	for (struct str rest = buf_str(text); rest.n > 0;) {
		struct str line = str_take_line(&rest);
		if (is_error(line))
			*(is_of_control(line) ? &of_control : &found) = line;
	}
	return found.n > 0 ? found : of_control;
}
