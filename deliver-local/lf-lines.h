/* SPDX-License-Identifier: ISC
 *
 * From the CRLF lines that SMTP took to the LF lines of a mailbox file, in
 * blocks of any size. The mapping can be undone, and is, by whoever reads the
 * file with the rule all Maildir readers share, "LF becomes CRLF unless a CR
 * stands before it already":
 *
 *   CRLF		becomes LF;
 *   CR CR ... LF	(two or more) stays, as LF alone would lose a CR;
 *   any other octet	stays, NUL and a CR inside a line included;
 *   the end		gets the line ending that it lacks (only BDAT can lack it).
 *
 * The one input that does not come back as it was is a LF without CR: it comes
 * back as CRLF. smtpd refuses such content, or makes it CRLF, before it gets here.
 */
#ifndef POSTERN_LF_LINES_H
#define POSTERN_LF_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LF_LINES_SLACK = 1,	/* octets that lf_lines_put may write beyond its input's size */
	LF_LINES_END_SLACK = 3, /* octets that lf_lines_end may write */
};

struct lf_lines {
	enum { LF_LINES_PLAIN, LF_LINES_HELD_CR, LF_LINES_CR_RUN } before;
	bool unended;	      /* something was written and a line ending was not the last of it */
	uint64_t octets;      /* written: the file's size, S= */
	uint64_t crlf_octets; /* with every line ending as CRLF: W= */
};

void lf_lines_init(struct lf_lines *l);
/* Converts a block into `to`, which has room for n + LF_LINES_SLACK; returns the octets written. */
size_t lf_lines_put(struct lf_lines *l, const char *from, size_t n, char *to);
/* Writes what is held back and the missing line ending, at most LF_LINES_END_SLACK octets. */
size_t lf_lines_end(struct lf_lines *l, char *to);

#endif
