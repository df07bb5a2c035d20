/* SPDX-License-Identifier: ISC */
#include "control/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { PIECE = 65536 };

/* What was seen of a line: nothing, ".", ".\r", or that it is an ordinary one. */
enum dot_state { LINE_START, DOT, DOT_CR, IN_LINE };

size_t input_find_dot(int *state, struct str piece, bool *ended, size_t *drop)
{
	*ended = false;
	*drop = 0;
	for (size_t i = 0; i < piece.n; i++) {
		char c = piece.p[i];
		if (c == '\n' && (*state == DOT || *state == DOT_CR)) {
			size_t dot_length = *state == DOT ? 1 : 2;
			*ended = true;
			*drop = i < dot_length ? dot_length - i : 0;
			return i < dot_length ? 0 : i - dot_length;
		}
		if (c == '\n')
			*state = LINE_START;
		else if (*state == LINE_START && c == '.')
			*state = DOT;
		else if (*state == DOT && c == '\r')
			*state = DOT_CR;
		else
			*state = IN_LINE;
	}
	return piece.n;
}

static int open_unnamed(void)
{
	const char *dir = getenv("TMPDIR");
	char name[4096];
	if (dir == NULL || dir[0] != '/')
		dir = "/tmp";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	int n = snprintf(name, sizeof(name), "%s/sendmail-XXXXXX", dir);
	if (n < 0 || (size_t)n >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static bool write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s = str_skip(s, (size_t)n);
	}
	return true;
}

static bool keep(struct input *in, struct str piece)
{
	if (in->file < 0 && buf_append_str(&in->memory, piece))
		return true;
	if (in->file < 0) {
		in->file = open_unnamed();
		if (in->file < 0 || !write_all(in->file, buf_str(&in->memory)))
			return false;
		buf_release(&in->memory);
	}
	return write_all(in->file, piece);
}

static uint64_t count_lines(struct str s)
{
	uint64_t n = 0;
	for (const char *p = s.p, *end = p + s.n;
	     p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n++;
	return n;
}

/* 1: go on, 0: the message has ended, -1 with errno. */
static int take_piece(struct input *in, struct str piece, bool dot_ends, uint64_t max)
{
	bool ended = false;
	size_t drop = 0;
	if (dot_ends)
		piece.n = input_find_dot(&in->dot, piece, &ended, &drop);
	in->size += piece.n;
	in->lines += count_lines(piece);
	if (in->size > max) {
		errno = EFBIG;
		return -1;
	}
	if (!keep(in, piece))
		return -1;
	in->size -= drop;
	return ended ? 0 : 1;
}

bool input_read(struct input *in, int fd, bool dot_ends, uint64_t max)
{
	static char piece[PIECE];
	*in = (struct input){.memory = BUF_INIT(INPUT_MEMORY_MAX), .file = -1};
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		int more = take_piece(in, str_from(piece, (size_t)n), dot_ends, max);
		if (more <= 0)
			return more == 0;
	}
}

ssize_t input_get(const struct input *in, uint64_t at, void *to, size_t n)
{
	if (at >= in->size)
		return 0;
	if (n > in->size - at)
		n = (size_t)(in->size - at);
	if (in->file >= 0)
		return pread(in->file, to, n, (off_t)at);
	memcpy(to, buf_data(&in->memory) + at, n);
	return (ssize_t)n;
}

void input_release(struct input *in)
{
	buf_release(&in->memory);
	if (in->file >= 0)
		close(in->file);
	in->file = -1;
}
