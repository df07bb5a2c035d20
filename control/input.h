/* SPDX-License-Identifier: ISC
 *
 * The message that a program writes to sendmail, kept until its end has come:
 * cron jobs write for hours, an SMTP server waits for minutes. A small one stays in
 * memory, a large one goes to an unnamed file.
 */
#ifndef POSTERN_CONTROL_INPUT_H
#define POSTERN_CONTROL_INPUT_H

#include "common/buf.h"

#include <sys/types.h>

enum { INPUT_MEMORY_MAX = 1024 * 1024 };

struct input {
	uint64_t size;
	uint64_t lines; /* LF in it */
	struct buf memory;
	int file; /* -1: all is in memory */
	int dot;  /* where in ". LF" at the start of a line we are */
};

/* Reads to the end of `fd` or, with dot_ends, to a line that is a single dot. False with errno;
 * EFBIG past `max` octets. input_release may follow in any case. */
bool input_read(struct input *in, int fd, bool dot_ends, uint64_t max);
/* Copies up to n octets from `at` on into `to`; returns how many, -1 with errno. */
ssize_t input_get(const struct input *in, uint64_t at, void *to, size_t n);
void input_release(struct input *in);

/* The part of input_read that looks for the dot, for the test: takes the next piece, returns how
 * many of its octets belong to the message. *ended when the dot was in it; *drop is how many
 * octets of earlier pieces turned out to belong to the ending. */
size_t input_find_dot(int *state, struct str piece, bool *ended, size_t *drop);

#endif
